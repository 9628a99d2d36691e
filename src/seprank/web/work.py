"""What the processes of the page do. The functions are named here; nothing that a browser sends is run."""

from __future__ import annotations

from typing import Any

from ..system.memory import check_weights
from .jobs import Paced, Send
from .settings import Settings


def certify_lengths(send: Send, settings: Settings, lengths: list[int], memory: int) -> None:
    """Certify the rank at each length, and report every certificate when it is there."""
    from ..certification import certify

    pace = Paced(send)
    check_weights(settings.parameters, memory)
    module = settings.build()
    for number, length in enumerate(lengths):
        send("length", (number, length))
        certificate = certify(
            module,
            length=length,
            cut=settings.cut,
            split=settings.split,
            domain=settings.domain,
            max_samples=settings.max_samples,
            seed=settings.seed,
            memory=memory,
            progress=pace,
        )
        send("certificate", (length, certificate))


def remember_network(send: Send, settings: Settings, samples: int, memory: int) -> None:
    """Report the memory curve."""
    from ..memory_curve import remember

    check_weights(settings.parameters, memory)
    module = settings.build()
    how: dict[str, Any] = {"samples": samples, "seed": settings.seed, "memory": memory}
    send("curve", remember(module, length=settings.length, progress=Paced(send), **how))


def find_degree_bounds(send: Send, settings: Settings) -> None:
    """Report the bounds by degree of a model for which no others are known."""
    from ..degrees import degree_bounds

    module = settings.build()
    send("bounds", degree_bounds(module, length=settings.length, cut=settings.cut, domain=settings.domain))


def draw_network(send: Send, settings: Settings) -> None:
    """Report the picture of a circuit as SVG, with what it shows in words."""
    from ..tensornet import draw

    picture = draw(**settings.network(), length=settings.length, cut=settings.cut)
    send("picture", (picture.svg(), str(picture)))
