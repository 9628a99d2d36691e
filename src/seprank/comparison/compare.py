"""compare(): the ranks of several architectures at equal width or at an equal number of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ..models import MODELS
from ..models.base.width import nearest_width
from ..question import check_several
from ..settings.compare_settings import MAX_SAMPLES, CompareSettings
from ..settings.entries import given
from ..sources.architecture import Own, Registered, find_architecture
from ..sources.code import is_code
from ..system.progress import bars
from .cell import Cell
from .compared import Network, compute
from .comparison import Comparison


class ComparisonInterrupted(KeyboardInterrupt):
    """Raised on Ctrl-C between or within cells.

    Attributes:
        found: what was computed until then.
    """

    def __init__(self, found: Comparison) -> None:
        self.found = found
        super().__init__(f"interrupted after {len(found.cells)} of {found.wanted} cells")


def compare(  # noqa: PLR0913  (each is a setting a user has)
    models: str | Sequence[str] | None = None,
    *,
    length: int | Sequence[int],
    depth: int | Sequence[int] = 1,
    width: int | None = None,
    parameters: int | None = None,
    inputs: int = 3,
    domain: str = "functional",
    max_samples: int = MAX_SAMPLES,
    seed: int = 0,
    measured: bool = False,
    model_settings: Mapping[str, Any] | None = None,
    memory: int | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Comparison:
    """Certified ranks and proved upper bounds of several architectures, at equal size.

    Each cell is a run of `certify` at the middle cut. A cell that fails is noted with the reason, the others are
    computed all the same.

    Args:
        models: names of polynomial models from `MODELS`, with `measured` of any; by default all that are recurrent. Or
            factories of your own as file.py:factory or package.module:factory. One that takes no width (or
            hidden_size) or no depth (num_layers) is compared as it makes its networks, and the result says so.
        length: T, one or several.
        depth: L, one or several.
        width: R of every layer of every model; this or `parameters` must be given.
        parameters: how many numbers a network may have: for each model and depth the nearest width is taken.
        inputs: M, features per time step, or templates in the tokens domain.
        domain: "functional" (inputs range over all vectors) or "tokens" (over M generic templates).
        max_samples: most samples on a side. A rank that reaches it is only "at least".
        seed: of weights and samples.
        measured: run `remember` on each network, too: how far back it remembers with the weights of this seed. The rank
            of a network that is not polynomial is then that of its skeleton, `certify(..., squash="identity")`.
        model_settings: keyword arguments for the factories of your own.
        memory: bytes that a cell may take; by default half of what is free.
        device: where the models are run, as of `certify`.
        progress: show a progress bar on standard error if it is a terminal.

    Returns:
        The cells, models in the order given, then depths, then lengths.

    Raises:
        ComparisonInterrupted: on Ctrl-C; it holds what was computed, and is a KeyboardInterrupt.
        FactoryError: a factory of your own cannot be found, or fails.
        ValueError, TypeError: an argument is out of range or of the wrong type, a model is not polynomial, or curves
            are asked for over tokens.

    Source: docs/certainty.md, "How a rank is certified"; docs/theory.md and docs/degrees.md for the bounds.

    Example:
        >>> found = compare(["elman", "rac"], length=[4, 8], depth=2, width=3)
        >>> [(cell.model, cell.rank, cell.verdict) for cell in found.cells]
        [('elman', 2, 'exact'), ('elman', 2, 'exact'), ('rac', 18, 'exact'), ('rac', 45, 'exact')]
    """
    several = {"length": tuple(check_several("length", length, 2)), "depth": tuple(check_several("depth", depth, 1))}
    named = (models,) if isinstance(models, str) else models if models is None else tuple(models)
    asked = given(CompareSettings, locals() | several | {"models": named})
    networks = [network for one in _architectures(asked) for network in _networks(one, asked)]
    wanted = [(network, steps) for network in networks for steps in asked.length]
    sizes = (asked.inputs, asked.domain, asked.width, asked.parameters, asked.max_samples, asked.seed)
    found = Comparison(*sizes, len(wanted), [], dict(asked.model_settings))
    try:
        found.cells.extend(_cells(wanted, asked, progress))
    except KeyboardInterrupt:
        raise ComparisonInterrupted(found) from None
    return found


def _architectures(asked: CompareSettings) -> list[Registered | Own]:
    """What is compared, each once; refuses what cannot be certified as asked."""
    if asked.models is None:
        every = [spec for spec in MODELS.values() if spec.recurrent and (spec.polynomial or asked.measured)]
        return [Registered(spec, {}) for spec in every]
    if not asked.models:
        raise ValueError("models must name at least one model, got none; leave them out for all")
    names = dict.fromkeys(asked.models)
    found = [find_architecture(name, asked.model_settings if is_code(name) else None) for name in names]
    for one in found:
        if isinstance(one, Registered) and not one.spec.polynomial and not asked.measured:
            known = ", ".join(other.name for other in MODELS.values() if other.polynomial)
            raise ValueError(
                f"{one.name!r} is not polynomial, so its rank cannot be certified; with measured=True (--measured) it "
                f"is that of its polynomial skeleton, and these can be compared as they are: {known}"
            )
    return found


def _networks(architecture: Registered | Own, asked: CompareSettings) -> Iterator[Network]:
    """A network for each depth, or the one that is made where a factory takes no depth."""
    for depth in asked.depth if "depth" in architecture.takes else (None,):
        count = partial(_count, architecture, asked.inputs, depth or 1)
        width = asked.width if "width" in architecture.takes else None
        if "width" in architecture.takes and asked.parameters is not None:
            width = nearest_width(count, asked.parameters)
        yield Network(architecture, depth, width, count(width))


def _count(architecture: Registered | Own, inputs: int, depth: int, width: int | None) -> int:
    return architecture.count(inputs=inputs, width=width, depth=depth)


def _cells(wanted: list[tuple[Network, int]], asked: CompareSettings, progress: bool) -> Iterator[Cell]:
    with bars(progress) as report:
        for number, (network, length) in enumerate(wanted):
            depth = "" if network.depth is None else f" depth {network.depth}"
            report("cells", number, len(wanted), f"{network.name}{depth} length {length}")
            yield compute(network, length, asked)
