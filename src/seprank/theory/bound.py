"""Statements about a rank, and what they say about other read-outs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, NotRequired, TypedDict

from ..question import check_cut, check_domain, check_network
from ..result.numbers import readable
from ..result.panels import Panel
from ..result.result import Plain, Result, Row, validated, without
from ..result.text import text_table
from .picture import bounds_panel

if TYPE_CHECKING:
    from ..result.document import Section

Kind = Literal["exact", "lower", "conjectured", "upper"]

Counts = Literal["rank", "state", "start", "end"]

KINDS: tuple[Kind, ...] = ("exact", "lower", "conjectured", "upper")

PROVED = "proved in docs/theory.md: "
"""Beginning of the source of a bound, before the title of its proof"""

# Python turns at most 4300 digits into text, and JSON is text.
MOST_JSON_BITS = 14_000


class Asked(TypedDict):
    """The halves that a statement is about."""

    length: int
    """T, number of time steps"""
    cut: NotRequired[int | None]
    """c, number of steps in the start; `length // 2` if not given"""
    domain: NotRequired[str]
    """`functional` (inputs range over all vectors) or `tokens` (over M of them)"""


class Sizes(Asked):
    """The halves, and the sizes of the network."""

    inputs: int
    """M, numbers per input vector, or number of tokens"""
    width: int
    """R, units per layer"""
    depth: int
    """L, number of layers"""


class CheckedSizes(NamedTuple):
    """Sizes that fit each other."""

    inputs: int
    width: int
    depth: int
    length: int
    cut: int
    tokens: bool


def check_sizes(
    *, inputs: int, width: int, depth: int, length: int, cut: int | None = None, domain: str = "functional"
) -> CheckedSizes:
    """The sizes of a network and of its halves.

    Raises:
        NotWholeError: one of them is no whole number; it is a TypeError and a ValueError.
        ValueError: one is too small, the cut outside the sequence, or the domain unknown.
    """
    network = check_network(inputs=inputs, width=width, depth=depth)
    return CheckedSizes(*network, *check_cut(length, cut), check_domain(domain) == "tokens")


@dataclass(frozen=True, repr=False)
class Bound:
    """One statement about the generic separation rank of a network of given sizes.

    Example:
        >>> Bound("state", "upper", 45, "proved in docs/theory.md: state bound", "state")
        Bound(name='state', kind='upper', value=45, source='proved in docs/theory.md: state bound', counts='state')
    """

    name: str
    """Short name of the statement, unique within its kind."""
    kind: Kind
    """`exact`, `lower` and `upper` are proved; `conjectured` is an unproved lower bound."""
    value: int
    """The number itself, exact however long."""
    source: str
    """Where the statement is proved or stated."""
    counts: Counts
    """What the value is the dimension of: functions of the `state` at the cut, of the `start`, of the `end` (for one
    output channel), or only the `rank` for one read-out."""

    def __repr__(self) -> str:
        value = readable(self.value).replace(",", "")
        stated = f"name={self.name!r}, kind={self.kind!r}, value={value}, source={self.source!r}"
        return f"Bound({stated}, counts={self.counts!r})"

    def to_dict(self) -> Plain:
        """The bound as plain values for JSON.

        Returns:
            The five fields and `readable`, the value as text; `value` is None above about 4200 digits, where
            Python refuses to write the integer out.
        """
        value = self.value if self.value.bit_length() <= MOST_JSON_BITS else None
        return {
            "name": self.name,
            "kind": self.kind,
            "value": value,
            "readable": readable(self.value),
            "source": self.source,
            "counts": self.counts,
        }


def bounds_of(content: Mapping[str, Any]) -> Any:
    """The bounds in a file's content, in readable form: without their text, and without those too long to write."""
    found = content.get("bounds")
    if not isinstance(found, list):
        return found
    return [
        without(bound, "readable") for bound in found if not (isinstance(bound, dict) and bound.get("value") is None)
    ]


class Bounds(Result, list[Bound]):
    """A list of statements about one rank."""

    NOUN: ClassVar[str] = "list of bounds"
    TABULAR: ClassVar[bool] = True

    @property
    def least_upper(self) -> int | None:
        """The least proved upper bound, if any."""
        return min((b.value for b in self if b.kind in ("upper", "exact")), default=None)

    def headline(self) -> str:
        """The number of statements and the interval they leave, on one line."""
        least = self.least_upper
        most = max((b.value for b in self if b.kind in ("lower", "exact")), default=1)
        count = "1 statement" if len(self) == 1 else f"{len(self)} statements"
        return f"{count}: {readable(most)} <= rank" + ("" if least is None else f" <= {readable(least)}")

    def records(self) -> list[Row]:
        """A row for each statement."""
        return [{"kind": b.kind, "name": b.name, "value": b.value, "source": b.source} for b in self]

    @staticmethod
    def in_order(known: Iterable[Bound]) -> Bounds:
        """Exact, lower, conjectured and upper statements, each kind least first."""
        return Bounds(sorted(known, key=lambda bound: (KINDS.index(bound.kind), bound.value)))

    def to_dict(self) -> Plain:
        """The statements as plain values for JSON."""
        return {"bounds": [bound.to_dict() for bound in self]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Bounds:
        """The inverse of `to_dict`; statements too long to be written are missing."""
        return cls(validated(list[Bound], bounds_of(content)))

    def panels(self) -> list[Panel]:
        """The statements on one logarithmic axis."""
        return [bounds_panel(self)]

    def sections(self) -> list[Section]:
        """The figure, the table, and the proofs that the bounds rest on."""
        from .proofs import with_proofs

        return with_proofs(super().sections())

    def __str__(self) -> str:
        rows = [[bound.kind, bound.name, readable(bound.value), bound.source] for bound in self]
        return text_table(rows, left=(0, 1, 3))


def for_readout(known: Iterable[Bound], *, channels: int, readout: str | int, independent: bool = True) -> Bounds:
    """What statements about one generic read-out say about another read-out.

    Args:
        known: as `bounds` gives them.
        channels: C, outputs of the network in each step.
        readout: "random" (a generic linear functional of the outputs), "all" (a column for each channel), or a number
            (that channel).
        independent: whether the templates of the tokens domain are linearly independent.

    Returns:
        The statements that hold, in order. For `all` channels a value is C times that of one channel, unless it counts
        functions of the start or the state.

    Source: docs/theory.md, "Read-outs".

    Example:
        >>> from seprank.theory import bounds
        >>> for bound in for_readout(bounds(inputs=2, width=2, depth=1, length=6), channels=2, readout="all"):
        ...     print(bound.kind, bound.name, bound.value)
        lower shallow 2
        upper state 2
        upper copies 2
        upper shallow 4
        upper start inputs 8
        upper end inputs 16
    """
    is_generic = channels == 1 or readout == "random"
    other = None if is_generic else readout
    return Bounds.in_order(b for bound in known for b in _carried(bound, channels, other, independent))


def _carried(bound: Bound, channels: int, readout: str | int | None, independent: bool) -> Iterator[Bound]:
    """What a statement says about a read-out; None stands for a generic one."""
    if readout is None and independent:
        yield bound
        return
    # Of all channels every read-out is a linear combination; one channel may be worse than a generic read-out.
    if bound.kind != "upper" and independent and readout == "all":
        yield bound if bound.kind != "exact" else replace(bound, kind="lower")
    if bound.kind not in ("upper", "exact"):
        return
    if readout == "all" and bound.counts not in ("state", "start"):
        source = f"{bound.source}, for each of {channels} channels"
        yield replace(bound, kind="upper", value=channels * bound.value, source=source)
    else:
        yield replace(bound, kind="upper")
