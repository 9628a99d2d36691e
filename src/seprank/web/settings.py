"""What is chosen on the page: checked, to and from the query of a URL, and as a command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from ..models import MODELS, ModelSpec
from ..question import Sizes, check_between, check_choice, keep
from ..settings.certify_settings import CertifySettings
from ..settings.command_line import command_line
from ..settings.named_network import VectorNetwork
from ..settings.remember_settings import RememberSettings
from ..theory import Bound, bounds

if TYPE_CHECKING:
    from torch import nn

CHART_LENGTHS = 8
"""The largest number of lengths that are certified for the chart"""

LIMITS: dict[str, tuple[int, int]] = {
    "inputs": (1, 10**6),
    "width": (1, 10**6),
    "depth": (1, 1000),
    "length": (2, 10**5),
    "max_samples": (1, 10**6),
    "seed": (0, 2**53 - 1),
}
"""Least and greatest value of each number: what a browser can hold, and bounds of which are instant"""

_ASKED = ("length", "domain", "split", "max_samples", "seed")
"""Those of `certify` that can be chosen"""


@dataclass(frozen=True)
class Settings:
    """One question about one registered model.

    Example:
        >>> Settings(depth=3, cut=2).command()
        'seprank certify rac --inputs 3 --width 3 --depth 3 --length 8 --cut 2 --max-samples 1024 --out rac.json'
    """

    model: str = "rac"
    inputs: int = 3
    """M, features per step, or templates in the tokens domain"""
    width: int = 3
    depth: int = 2
    length: int = 8
    cut: int | None = None
    """Steps in the start half, None for the middle; the number of positions where there is a split"""
    domain: str = "functional"
    max_samples: int = 1024
    """Halves that may be drawn on a side"""
    seed: int = 0
    split: tuple[int, ...] | None = None
    """Positions of the start, of a model that reads whole sequences; None for the first steps"""

    def __post_init__(self) -> None:
        check_choice("model", self.model, list(MODELS))
        if self.split is not None and self.spec.recurrent:
            whole = ", ".join(name for name, spec in MODELS.items() if not spec.recurrent)
            raise ValueError(f"split is for models of whole sequences ({whole}), and {self.model} goes step by step")
        asked = CertifySettings(length=self.length, cut=self.cut, domain=self.domain, split=self.split)
        keep(self, split=asked.split, cut=asked.cut if asked.split is None else asked.start)
        for name, (least, most) in LIMITS.items():
            keep(self, **{name: check_between(_word(name), getattr(self, name), least, most)})

    @property
    def sizes(self) -> VectorNetwork:
        return VectorNetwork(inputs=self.inputs, width=self.width, depth=self.depth)

    @property
    def asked(self) -> CertifySettings:
        """Settings of `certify`."""
        chosen = {name: getattr(self, name) for name in _ASKED}
        return CertifySettings(cut=self.cut if self.split is None else None, **chosen)

    @property
    def curve(self) -> RememberSettings:
        """Settings of `remember`."""
        return RememberSettings(length=self.length, seed=self.seed)

    @property
    def spec(self) -> ModelSpec:
        return MODELS[self.model]

    @property
    def steps(self) -> tuple[int, int]:
        return self.asked.start, self.length - self.asked.start

    @property
    def parameters(self) -> int:
        return self.spec.count_parameters(self.inputs, self.width, self.depth)

    def network(self) -> Sizes:
        """What the network is built from."""
        return self.sizes.sizes(self.model)

    def build(self) -> nn.Module:
        return self.spec.draw(self.seed, **self.network())

    def bounds(self, length: int | None = None, **which: Any) -> list[Bound]:
        """What theory knows at a length, by default the chosen one, of a model that has a family of bounds.

        `which` are `kinds` and `below`, as in `theory.bounds`.
        """
        assert self.spec.family is not None
        asked = {"length": self.length if length is None else length, "cut": self.cut, "domain": self.domain, **which}
        return bounds(**self.network(), **asked, model=self.spec.family)

    def chart_lengths(self) -> list[int]:
        """Lengths up to the chosen one, at most eight of them, at which the rank is certified for the chart."""
        if self.split is not None:
            return [self.length]
        first = 2 if self.cut is None else self.cut + 1
        count = min(CHART_LENGTHS, self.length - first + 1)
        steps = max(count - 1, 1)
        return sorted({self.length - (self.length - first) * number // steps for number in range(count)})

    def but_length(self) -> dict[str, Any]:
        """Everything that is chosen except the length, which is the axis of the chart."""
        return {name: value for name, value in asdict(self).items() if name != "length"}

    def command(self) -> str:
        """The command line that gives the same certificate."""
        return command_line("certify", self.model, self.sizes, self.asked, out=f"{self.model}.json")

    def curve_command(self) -> str:
        """The command line that gives the same memory curve."""
        return command_line("remember", self.model, self.sizes, self.curve)

    def to_query(self, prefix: str = "") -> dict[str, str]:
        """The settings as text; empty text stands for the middle cut, and for no split."""
        return {prefix + name: _written(value) for name, value in self.fields().items()}

    def fields(self) -> dict[str, Any]:
        """Values of all fields of the form."""
        return {**asdict(self), "cut": None if self.split else self.cut}

    def __str__(self) -> str:
        words = f"{self.model}, inputs {self.inputs}, width {self.width}, depth {self.depth}, {self.domain}"
        split = "" if self.split is None else f", split {_written(self.split)}"
        return f"{words}{split}" if self.seed == 0 else f"{words}{split}, seed {self.seed}"


def parse(values: Mapping[str, Any]) -> Settings:
    """Settings from texts or numbers by name; missing ones are as by default.

    A `ValueError` names what is invalid, the valid range and the value received.
    """
    names = {field.name for field in fields(Settings)}
    given = {name: _read(name, value) for name, value in values.items() if name in names}
    return Settings(**given)


def from_query(query: Mapping[str, str], prefix: str = "") -> tuple[Settings, list[str]]:
    """Settings from the query of a URL, and what is wrong with it; what is wrong is left as by default.

    Unknown names are passed over: they mean nothing, and a URL may have been decorated on its way.
    """
    settings, problems = Settings(), []
    given = {name.removeprefix(prefix): text for name, text in query.items() if name.startswith(prefix)}
    # The length first: which cut can be depends on it.
    for name in (field.name for field in fields(Settings)):
        if name in given:
            try:
                settings = parse({**asdict(settings), name: given[name]})
            except ValueError as error:
                problems.append(f"not taken from the address: {error}")
    return settings, problems


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _read(name: str, value: Any) -> Any:
    if name in ("model", "domain"):
        return str(value)
    if value is None or value == "":
        if name in ("cut", "split"):
            return None
        raise ValueError(f"{_word(name)} must be a whole number, got nothing")
    if name == "split":
        # A sequence has no more positions, and a browser could send more of them than can be read.
        places = value if isinstance(value, tuple) else str(value)[: 8 * LIMITS["length"][1]].split(",")
        return tuple(_whole("a position of split", place) for place in places)
    return _whole(_word(name), value)


def _whole(word: str, value: Any) -> int:
    text = f"{value:.17g}" if isinstance(value, float) else str(value)
    try:
        # No size has that many digits, and how many Python reads depends on the process.
        return int(text if len(text) < 40 else "")
    except ValueError:
        raise ValueError(f"{word} must be a whole number, got {text[:40]!r}") from None


def _word(name: str) -> str:
    return "samples at most" if name == "max_samples" else name
