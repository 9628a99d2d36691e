"""What is known about Start-End separation ranks before anything is run: bounds as exact Python integers.

Notation, as in docs/theory.md where every statement is proved or cited: M inputs, R units wide, L layers
deep, T steps long, cut into c start and b = T - c end steps, m = min(M, R), and the multiset coefficient
((n; k)) = C(n + k - 1, k), the number of monomials of degree k in n variables.

Only the standard library is imported, so that bounds are printed without waiting for NumPy or PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import MAX_EMAX, Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

from .question import check_choice, check_cut, check_domain, check_network, check_whole

Kind = Literal["exact", "lower", "conjectured", "upper"]
Counts = Literal["rank", "state", "start", "end"]

KINDS: tuple[Kind, ...] = ("exact", "lower", "conjectured", "upper")
MODELS = ("rac", "additive")

# Longer values say nothing a shorter one does not, and products of them take seconds.
MOST_DIGITS = 100_000
MOST_DIGITS_OF_COPIES = 10_000
# About one second of the alternating sum in `_layered`: number of terms times digits of each.
MOST_WORK = 20_000_000
# Supports of monomials that `_short_start` counts one by one.
_MOST_TERMS = 1000
# The last resort is a power of two of at most 16 MB.
MOST_BITS = 2**27
# Python turns at most 4300 digits into text, and JSON is text.
MOST_JSON_BITS = 14_000

PAPER = "Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431)"


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
    """`exact`, `lower` and `upper` are proved; `conjectured` is a lower bound nobody has proved."""
    value: int
    """The number itself, exact however long."""
    source: str
    """Where the statement is proved or stated."""
    counts: Counts
    """What it is the dimension of: functions of the `state` at the cut, of the `start`, of the `end` (those of one
    output channel), or only the `rank` of one read-out itself."""

    def __repr__(self) -> str:
        value = readable(self.value).replace(",", "")
        stated = f"name={self.name!r}, kind={self.kind!r}, value={value}, source={self.source!r}"
        return f"Bound({stated}, counts={self.counts!r})"

    def to_dict(self) -> dict[str, Any]:
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


@dataclass(frozen=True)
class _Cell:
    """Checked sizes of one network, one cut and one domain."""

    inputs: int
    width: int
    depth: int
    start: int
    end: int
    tokens: bool
    most_digits: int = MOST_DIGITS
    """Upper bounds with more digits are left out"""

    @property
    def channels(self) -> int:
        """m, the dimension of the space in which the first layer sees an input."""
        return min(self.inputs, self.width)


def multichoose(n: int, k: int) -> int:
    """The multiset coefficient ((n; k)): how many monomials of degree k there are in n variables.

    Args:
        n: Number of variables, at least 0.
        k: Degree; a negative degree has no monomials.

    Returns:
        C(n + k - 1, k), with ((0; 0)) = 1.

    Raises:
        ValueError: If n is negative.

    Example:
        >>> multichoose(3, 4)
        15
    """
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n}; it counts variables")
    if k < 0:
        return 0
    return math.comb(n + k - 1, k) if n else int(k == 0)


def readable(value: int, digits: int = 12) -> str:
    """A count as text a person can take in, however long it is.

    Args:
        value: A non-negative integer.
        digits: Up to how many digits the value is written in full, at most 4300.

    Returns:
        All digits in groups of three, or four leading digits with the exponent and the number of digits.

    Example:
        >>> readable(12345), readable(7**290)
        ('12,345', '1.198e245 (246 digits)')
    """
    if value < 10**digits:
        return f"{value:,}"
    shift = max(0, value.bit_length() - 256)
    with localcontext(prec=60, Emax=MAX_EMAX):
        leading = Decimal(value >> shift) * Decimal(2) ** shift
        mantissa, exponent = f"{leading:.40e}".split("e")
        shown, power = f"{leading:.3e}".split("e")
    # Forty digits settle the length unless they round to a power of ten, which the value may just miss.
    is_full = Decimal(mantissa) != 1 or value >= 10 ** int(exponent)
    return f"{shown}e{int(power)} ({int(exponent) + is_full:,} digits)"


def shown_error(error: float) -> str:
    """A bound on a probability as a person can take it in: a power of two, and two digits rounded up.

    Args:
        error: At least 0, below 1.

    Returns:
        The power, if it is at most 1/2, and the number.

    Example:
        >>> shown_error(0.0), shown_error(0.018), shown_error(0.7)
        ('0', '2^-5 (0.018)', '0.7')
    """
    if error == 0:
        return "0"
    # Two digits, rounded up.
    unit = 10.0 ** (math.floor(math.log10(error)) - 1)
    number = f"{math.ceil(error / unit * (1 - 1e-12)) * unit:.2g}"
    power = math.floor(-math.log2(error))
    return f"2^-{power} ({number})" if power > 0 else number


def max_distance_squared(rank: int) -> Fraction:
    """How far, at most, a function of this separation rank lies from the nearest separable one.

    Args:
        rank: Separation rank, at least 1.

    Returns:
        1 - 1/rank, an upper bound on D² for the normalised L² distance D.

    Raises:
        ValueError: If the rank is below 1.

    Source:
        Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), section 3: the largest of `rank` squared Schmidt
        coefficients that sum to 1 is at least 1/rank.

    Example:
        >>> max_distance_squared(4)
        Fraction(3, 4)
    """
    return 1 - Fraction(1, check_whole("rank", rank, 1, remedy="a separable function has rank 1"))


def bounds(
    *,
    inputs: int,
    width: int,
    depth: int,
    length: int,
    cut: int | None = None,
    domain: str = "functional",
    model: str = "rac",
    kinds: Collection[str] = KINDS,
    below: int | None = None,
) -> list[Bound]:
    """Every known statement about the generic separation rank of a network of these sizes.

    Values longer than 100,000 digits (10,000 for `copies`) are left out. If that would leave no upper bound,
    the state bound is kept, rounded up to a power of two; beyond 40 million digits even that is left out.

    Args:
        inputs: M, numbers per input vector, or number of tokens.
        width: R, units per layer.
        depth: L, number of layers.
        length: T, number of time steps.
        cut: c, number of steps in the start; `length // 2` if not given.
        domain: `functional` (inputs range over all vectors) or `tokens` (over M linearly independent ones).
        model: `rac` (multiplicative integration) or `additive`.
        kinds: Which statements are wanted; the others are not computed.
        below: If given, upper bounds above it may be left out, which saves the time that long numbers take.

    Returns:
        Exact, lower and conjectured statements in this order, then the upper bounds, least first.

    Raises:
        NotWholeError: If a size is no whole number; it is a TypeError and a ValueError.
        ValueError: If a size is too small, the cut outside the sequence, or the domain, model or a kind unknown.

    Source:
        Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), Theorem 1 and Conjecture 1; the rest is proved
        in docs/theory.md.

    Example:
        >>> for bound in bounds(inputs=2, width=2, depth=3, length=6):
        ...     print(bound.kind, bound.name, bound.value)
        lower power 7
        upper three-layer 52
        upper state 56
        upper end inputs 56
        upper copies 1024
        upper start inputs 3872
    """
    cell = _checked(inputs, width, depth, length, cut, domain, below)
    wanted = {check_choice("kinds", kind, KINDS) for kind in kinds}
    if check_choice("model", model, MODELS) == "additive":
        found = [_additive(cell)]
    else:
        found = [_shallow(cell)] if cell.depth == 1 else [*_lower(cell, wanted)]
        found += _upper(cell) if "upper" in wanted else []
    return sorted((b for b in found if b.kind in wanted), key=lambda bound: (KINDS.index(bound.kind), bound.value))


def upper_bound(
    *,
    inputs: int,
    width: int,
    depth: int,
    length: int,
    cut: int | None = None,
    domain: str = "functional",
    model: str = "rac",
) -> Bound:
    """The least proved upper bound, an exact statement included; arguments as in `bounds`.

    Raises:
        ValueError: If no upper bound is short enough to be computed, or as in `bounds`.

    Example:
        >>> upper_bound(inputs=4, width=3, depth=3, length=8).value
        2844
    """
    sizes: dict[str, Any] = {"inputs": inputs, "width": width, "depth": depth, "length": length, "cut": cut}
    found = bounds(**sizes, domain=domain, model=model, kinds=("exact", "upper"))
    if not found:
        raise ValueError(
            f"upper bounds must have at most {MOST_BITS:,} bits, got more for width {width}, depth {depth}, "
            f"length {length}; use a smaller width, depth or length"
        )
    return min(found, key=lambda bound: bound.value)


def lower_bound(
    *,
    inputs: int,
    width: int,
    depth: int,
    length: int,
    cut: int | None = None,
    domain: str = "functional",
    model: str = "rac",
) -> Bound:
    """The greatest proved lower bound, an exact statement included; arguments and errors as in `bounds`.

    Example:
        >>> lower_bound(inputs=4, width=3, depth=2, length=8).value
        15
    """
    sizes: dict[str, Any] = {"inputs": inputs, "width": width, "depth": depth, "length": length, "cut": cut}
    return max(bounds(**sizes, domain=domain, model=model, kinds=("exact", "lower")), key=lambda bound: bound.value)


def least_ceiling(
    *,
    inputs: int,
    depth: int,
    length: int,
    cut: int | None = None,
    domain: str = "functional",
    below: int | None = None,
) -> int | None:
    """The least upper bound on the rank of a RAC of any width, as wide as may be; arguments as in `bounds`.

    It is that of the input bounds, in which m is M from width M on.

    Returns:
        The bound, None if it is too long a number, or above `below` and left out.

    Example:
        >>> least_ceiling(inputs=2, depth=3, length=6)
        56
    """
    cell = _checked(inputs, inputs, depth, length, cut, domain, below)
    return _least(*(value for _, _, value, _ in _by_inputs(cell)))


def for_readout(known: Iterable[Bound], *, channels: int, readout: str | int, independent: bool = True) -> list[Bound]:
    """What statements about one generic read-out say of another one, in the order of `known`.

    Args:
        known: as `bounds` gives them.
        channels: C, outputs of the network in each step.
        readout: "random" (a generic linear functional of the outputs), "all" (a column for each channel), or a number
            (that channel).
        independent: whether the templates of the tokens domain are linearly independent.

    Returns:
        The statements that hold. A value of `all` channels is C times that of one where what is counted is not a
        function of the start.

    Source: docs/theory.md, "Read-outs".

    Example:
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
    found = [b for bound in known for b in _carried(bound, channels, readout if not is_generic else None, independent)]
    return sorted(found, key=lambda bound: (KINDS.index(bound.kind), bound.value))


def _carried(bound: Bound, channels: int, readout: str | int | None, independent: bool) -> Iterator[Bound]:
    """What a statement says of a read-out that is not generic, None if it is."""
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


def _additive(cell: _Cell) -> Bound:
    # One token makes one start and one end: nothing is left to add up.
    value = 1 if cell.tokens and cell.inputs == 1 else 2
    return Bound("additive", "exact", value, "proved in docs/theory.md: additive integration", "rank")


def _shallow(cell: _Cell) -> Bound:
    value = _least_power(cell.width, cell.inputs, min(cell.start, cell.end))
    source = f"{PAPER}, Theorem 1"
    if cell.start != cell.end:
        source += ", carried to this cut in docs/theory.md: one layer"
    return Bound("shallow", "exact", value, source, "rank")


def _lower(cell: _Cell, wanted: Collection[str]) -> Iterator[Bound]:
    """The best proved lower bound, and for tokens the paper's conjecture."""
    if not {"lower", "conjectured"} & set(wanted):
        return
    if cell.tokens and cell.depth > 2:
        yield _last_input(cell)
        if "conjectured" in wanted and cell.start >= cell.end:
            yield from _conjecture(cell)
        return
    power = _nested(cell.channels, cell.end, cell.depth - 1)
    value = _least(power, _nested(cell.inputs, cell.start, 1)) if cell.tokens else power
    if value is None:
        yield _last_input(cell)
    elif cell.depth == 2:
        at_middle, elsewhere = f"{PAPER}, Theorem 1", "proved in docs/theory.md: two layers"
        yield Bound("two-layer", "lower", value, at_middle if cell.start == cell.end else elsewhere, "rank")
    else:
        source = f"proved in docs/theory.md: power bound (for vectors it implies Conjecture 1 of {PAPER})"
        yield Bound("power", "lower", value, source, "rank")


def _last_input(cell: _Cell) -> Bound:
    return Bound("last input", "lower", cell.channels, "proved in docs/theory.md: last input", "rank")


def _conjecture(cell: _Cell) -> Iterator[Bound]:
    power = _nested(cell.channels, cell.end, cell.depth - 1)
    value = _power(cell.inputs, cell.end) if power is None else _least_power(power, cell.inputs, cell.end)
    if value is not None:
        source = f"{PAPER}, Conjecture 1, read for tokens; docs/theory.md shows sizes where it fails"
        yield Bound("conjecture 1", "conjectured", value, source, "rank")


def _upper(cell: _Cell) -> Iterator[Bound]:
    found: list[tuple[str, Counts, int | None, str]] = [
        ("state", "state", _state(cell), "state bound"),
        *_by_inputs(cell),
        (_counted(cell.depth, "layer"), "state", _layered(cell), "layered bound"),
        (_counted(cell.end, "step"), "end", _stepwise(cell), "stepwise bound"),
        ("short start", "state", _short_start(cell), "short start"),
        ("copies", "state", _copies(cell), "copies"),
    ]
    if cell.most_digits == MOST_DIGITS and all(value is None for _, _, value, _ in found):
        found = [("state", "state", _rounded_state(cell), "state bound, rounded up to a power of two")]
    for name, counts, value, statement in found:
        if value is not None:
            yield Bound(name, "upper", value, f"proved in docs/theory.md: {statement}", counts)


def _by_inputs(cell: _Cell) -> Iterator[tuple[str, Counts, int | None, str]]:
    """The two bounds that see nothing of the network but m."""
    steps = range(cell.start + cell.end)
    sides: list[tuple[Counts, range]] = [("end", steps[: cell.end]), ("start", steps[cell.end :])]
    for side, of in sides:
        yield f"{side} inputs", side, _product(_input_dimensions(cell, of), cell.most_digits), "input bounds"


def _counted(number: int, noun: str) -> str:
    words = {2: "two", 3: "three"}
    return f"{words.get(number, number)}-{noun}"


def _state(cell: _Cell) -> int | None:
    """Π_j ((R; ((b; j)) )): monomials in the state at the cut, ((b; j)) being the degree in layer L - j."""
    if 1 in (cell.width, cell.end):
        return _power(cell.width, cell.depth, cell.most_digits)
    factors = (_nested(cell.width, cell.end, layer, cell.most_digits) for layer in range(cell.depth))
    return _product(factors, cell.most_digits)


def _rounded_state(cell: _Cell) -> int | None:
    """A power of two above the state bound, from ((R; d)) <= (d + 1)^(R - 1) and ((R; d)) <= R^d."""
    bits, degree = 0, 1
    for layer in range(cell.depth):
        bits += min((cell.width - 1) * degree.bit_length(), degree * cell.width.bit_length())
        if bits > MOST_BITS:
            return None
        degree = degree * (cell.end + layer) // (layer + 1)
    return 1 << bits


def _input_dimensions(cell: _Cell, steps: range) -> Iterator[int | None]:
    """D_k for each k in steps: the dimension of the functions of the input k steps before the last."""
    limit = cell.inputs if cell.tokens else None
    value: int | None = 0
    for step in steps if cell.channels > 1 else ():
        # One layer, or as many functions as tokens: from here on every step has the same dimension.
        if not value or (cell.depth > 1 and value != limit):
            value = _nested(cell.channels, cell.depth, step, cell.most_digits)
            value = limit if value is None else value if limit is None else min(limit, value)
        yield value


def _layered(cell: _Cell) -> int | None:
    """R · Σ_{j=1}^{m} (-1)^{j+1} C(m, j) Π_{i=1}^{L-1} ((R; ((b; i)) - j)), counted by a Koszul complex."""
    if 1 in (cell.depth, cell.width) or (cell.most_digits < MOST_DIGITS and _is_layered_long(cell)):
        return None
    # The state bound may be too long where this one, which is less, is not.
    whole = _state(replace(cell, most_digits=MOST_DIGITS))
    terms = min(cell.channels, cell.end)
    if whole is None or terms * math.log10(whole) > MOST_WORK:
        return None
    degrees = [multichoose(cell.end, layer) for layer in range(1, cell.depth)]
    counts = [multichoose(cell.width, degree) for degree in degrees]
    total, choices = 0, -1
    for j in range(1, terms + 1):
        # ((R; k - 1)) = ((R; k)) · k / (R + k - 1) is far cheaper than a new binomial coefficient.
        counts = [n * (d - j + 1) // (cell.width + d - j) for n, d in zip(counts, degrees, strict=True)]
        choices = -choices * (cell.channels - j + 1) // j
        total += choices * math.prod(counts)
    return cell.width * total


def _is_layered_long(cell: _Cell) -> bool:
    """Whether R · Π_{i=1}^{L-1} ((R; ((b; i)) - 1)), the multiples of a single generator, has too many digits."""
    digits = math.log10(cell.width)
    for layer in range(1, cell.depth if cell.end > 1 else 1):
        if digits > cell.most_digits or _digits(cell.end, layer) > cell.most_digits:
            return True
        digits += _digits(cell.width, multichoose(cell.end, layer) - 1)
    return digits > cell.most_digits


def _stepwise(cell: _Cell) -> int | None:
    """The layered bound with time and depth exchanged: what holds for the state by layers holds for inputs by steps."""
    if cell.tokens or cell.channels < cell.width or cell.depth == cell.end or 1 in (cell.depth, cell.end):
        return None
    return _layered(replace(cell, depth=cell.end, end=cell.depth))


def _short_start(cell: _Cell) -> int | None:
    """For a start of two steps: monomials of the state at the cut, less relations between them."""
    if cell.start != 2 or _state(cell) is None:
        return None
    if cell.depth == 3 and cell.width == cell.channels == 2:
        lowest = multichoose(cell.end, 2)
        relations = multichoose(2, cell.end - 2) * multichoose(2, lowest - 1) if cell.end > 1 else 0
        return 2 * multichoose(2, cell.end) * multichoose(2, lowest) - relations
    terms = min(cell.width, cell.end + 1)
    if cell.depth == 1 or cell.channels == cell.width or terms > _MOST_TERMS:
        return None
    # Σ_s C(R, s) C(b, s - 1) min(m, s) · Π_{j=2}^{L-1} ((R; ((b; j)) ))
    supports = (
        math.comb(cell.width, s) * math.comb(cell.end, s - 1) * min(cell.channels, s) for s in range(1, terms + 1)
    )
    below = (_nested(cell.width, cell.end, layer, cell.most_digits) for layer in range(2, cell.depth))
    return _product([sum(supports), *below], cell.most_digits)


def _copies(cell: _Cell) -> int | None:
    """R^{Σ_j ((b; j))}: bonds cut when the network is drawn with every repeated state as a copy."""
    if _digits(cell.end + 1, cell.depth - 1) > math.log10(MOST_DIGITS):
        return None
    most_digits = min(cell.most_digits, MOST_DIGITS_OF_COPIES)
    return _power(cell.width, multichoose(cell.end + 1, cell.depth - 1), most_digits)


def _digits(n: int, k: int) -> float:
    """log10 ((n; k)), good to a small part of a digit; infinite where the value is far beyond use."""
    few, many = sorted((n - 1, k))
    if few <= 0:
        return 0.0
    if few > 10**12:
        return math.inf
    if many > 10**12:
        return few * math.log10(many) - math.lgamma(few + 1) / math.log(10)
    return (math.lgamma(few + many + 1) - math.lgamma(few + 1) - math.lgamma(many + 1)) / math.log(10)


def _nested(n: int, steps: int, layer: int, most_digits: int = MOST_DIGITS) -> int | None:
    """((n; ((steps; layer)) )), or None if too long."""
    if n == 1:
        return 1
    # ((n; d)) > d for n > 1, so a degree too long to compute means a value too long as well.
    if _digits(steps, layer) > most_digits:
        return None
    degree = multichoose(steps, layer)
    return multichoose(n, degree) if _digits(n, degree) <= most_digits else None


def _power(base: int, exponent: int, most_digits: int = MOST_DIGITS) -> int | None:
    """base^exponent, or None if too long."""
    if base > 1 and (exponent > 4 * most_digits or exponent * math.log10(base) > most_digits):
        return None
    return base**exponent if base > 1 else 1


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _least_power(limit: int, base: int, exponent: int) -> int:
    """min(limit, base^exponent), without ever computing a power much above the limit."""
    power: int = base ** min(exponent, limit.bit_length())
    return min(limit, power)


def _product(factors: Iterable[int | None], most_digits: int) -> int | None:
    """The product, or None if it or one of the factors is too long."""
    kept: list[int] = []
    digits = 0.0
    for factor in factors:
        digits += math.inf if factor is None else math.log10(factor)
        if factor is None or digits > most_digits:
            return None
        kept.append(factor)
    # In groups, so that most multiplications are of short numbers.
    return math.prod(math.prod(kept[first : first + 500]) for first in range(0, len(kept), 500))


def _checked(
    inputs: int, width: int, depth: int, length: int, cut: int | None, domain: str, below: int | None
) -> _Cell:
    inputs, width, depth = check_network(inputs=inputs, width=width, depth=depth)
    length, cut = check_cut(length, cut)
    tokens = check_domain(domain) == "tokens"
    # Digits are computed to a small part of one, hence the spare.
    bits = None if below is None else check_whole("below", below).bit_length()
    most_digits = MOST_DIGITS if bits is None else min(MOST_DIGITS, int(bits * math.log10(2)) + 2)
    return _Cell(inputs, width, depth, cut, length - cut, tokens, most_digits)
