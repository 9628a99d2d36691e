"""Settings of `certify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from ..question import (
    DEFAULT_PRIME,
    check_confidence,
    check_cut,
    check_domain,
    check_prime,
    check_readout,
    check_seed,
    check_split,
    check_squash,
    keep,
    keep_whole_if_given,
)
from .as_text import AsItIs, Channel, Numbers
from .hints import Hints
from .resources import Place

Letters = Literal["generic", "one-hot", "ids"]
LETTERS: tuple[Letters, ...] = get_args(Letters)
"""What the letters of the tokens domain are, where they are not given"""


@dataclass(frozen=True, kw_only=True)
class CertifySettings(Place, Hints):
    """Settings of `certify`.

    Example:
        >>> settings = CertifySettings(length=6, split=[4, 0])
        >>> settings.start, settings.split
        (2, (0, 4))
    """

    length: int
    """T: time steps in a sequence."""
    cut: int | None = None
    """c: steps in the start half; the middle by default."""
    domain: str = "functional"
    """functional (inputs are any vectors) or tokens (M templates)."""
    templates: Annotated[Any, AsItIs] = None
    """In the tokens domain: generic, one-hot, ids, or a .npy file (M, features)."""
    samples: int | None = None
    """K: halves to draw per side; as many as needed by default."""
    max_samples: int | None = None
    """Maximum number of halves per side, where it is not fixed."""
    readout: Channel = "random"
    """random, all, or the number of an output channel."""
    squash: str | None = None
    """identity: replace tanh, sigmoid, relu, softmax, norms and the like by the identity; the answer lists them."""
    split: Numbers | None = None
    """Positions that form the start, comma-separated, in place of a cut, such as 0,2,4."""
    seed: int = 0
    """Seed of weights and samples."""
    prime: int = DEFAULT_PRIME
    """Modulus, a prime below 2^27."""
    confidence: float | None = None
    """Repeat the draw until the probability of a wrong rank is at most this, such as 1e-12."""

    def __post_init__(self) -> None:
        super().__post_init__()
        length, _ = check_cut(self.length)
        split = check_split(self.split, length)
        if split is not None and self.cut not in (None, len(split)):
            raise ValueError(f"a split of {len(split)} positions has no other cut, got {self.cut!r}; leave the cut out")
        cut = None if self.cut is None else check_cut(length, self.cut)[1]
        keep(self, length=length, cut=cut, split=split, domain=check_domain(self.domain))
        for name in ("samples", "max_samples"):
            keep_whole_if_given(self, name, 1)
        if self.samples is not None and self.max_samples is not None:
            raise ValueError(
                f"samples fixes their number and max_samples limits it, got {self.samples} and {self.max_samples}; "
                "give one of them"
            )
        keep(self, readout=check_readout(self.readout), squash=check_squash(self.squash))
        keep(self, prime=check_prime(self.prime), seed=check_seed(self.seed))
        keep(self, confidence=check_confidence(self.confidence))
        if self.domain == "functional" and self.templates is not None:
            raise ValueError("templates are the alphabet of the tokens domain; use domain='tokens' or leave them out")

    @property
    def start(self) -> int:
        return len(self.split) if self.split is not None else check_cut(self.length, self.cut)[1]
