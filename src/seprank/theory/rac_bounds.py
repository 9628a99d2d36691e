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
from typing import Unpack

from ..question import check_choice, check_whole
from .attention_bounds import attention_bounds
from .bound import KINDS, PROVED, Asked, Bound, Bounds, Counts, Sizes, check_sizes
from .counting import MOST_DIGITS, bounded_power, bounded_product, count_digits, least, least_power, multichoose, nested
from .null_states import null_states, null_steps, start_image

MODELS = ("rac", "additive", "attention")

MOST_DIGITS_OF_COPIES = 10_000

# Terms times digits of each in the alternating sum of `_layered`: about one second.
MOST_WORK = 20_000_000

# Supports of monomials that `_short_start` counts one by one.
_MOST_TERMS = 1000

# Largest power of two used as a last resort: 16 MB.
MOST_BITS = 2**27

PAPER = "Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431)"


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
) -> Bounds:
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
        model: `rac` (multiplicative integration), `additive`, or `attention` (of one head, without products).
        kinds: Which statements are wanted; the others are not computed.
        below: If given, upper bounds above it may be left out, which saves the time of computing long numbers.

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
    sizes: Sizes = {"inputs": inputs, "width": width, "depth": depth, "length": length, "cut": cut, "domain": domain}
    cell = _checked(below, **sizes)
    wanted = {check_choice("kinds", kind, KINDS) for kind in kinds}
    if check_choice("model", model, MODELS) == "attention":
        found: Iterable[Bound] = attention_bounds(**sizes)
    elif model == "additive":
        found = [_additive(cell)]
    else:
        below_it = [_shallow(cell)] if cell.depth == 1 else _lower(cell, wanted)
        found = [*below_it, *(_upper(cell) if "upper" in wanted else ())]
    return Bounds.in_order(bound for bound in found if bound.kind in wanted)


def upper_bound(*, model: str = "rac", **sizes: Unpack[Sizes]) -> Bound:
    """The least proved upper bound, an exact statement included; arguments as in `bounds`.

    Raises:
        ValueError: If no upper bound is short enough to be computed, or as in `bounds`.

    Example:
        >>> upper_bound(inputs=4, width=3, depth=3, length=8).value
        2844
    """
    found = bounds(**sizes, model=model, kinds=("exact", "upper"))
    if not found:
        raise ValueError(
            f"upper bounds must have at most {MOST_BITS:,} bits, got more for width {sizes['width']}, "
            f"depth {sizes['depth']}, length {sizes['length']}; use a smaller width, depth or length"
        )
    return min(found, key=lambda bound: bound.value)


def lower_bound(*, model: str = "rac", **sizes: Unpack[Sizes]) -> Bound:
    """The greatest proved lower bound, an exact statement included; arguments and errors as in `bounds`.

    Example:
        >>> lower_bound(inputs=4, width=3, depth=2, length=8).value
        15
    """
    return max(bounds(**sizes, model=model, kinds=("exact", "lower")), key=lambda bound: bound.value)


def least_ceiling(*, inputs: int, depth: int, below: int | None = None, **asked: Unpack[Asked]) -> int | None:
    """The least upper bound on the rank of a RAC of any width; arguments as in `bounds`.

    It is the lesser input bound, with m = M, as from width M on.

    Returns:
        The bound, None if the number is too long, or above `below` and left out.

    Example:
        >>> least_ceiling(inputs=2, depth=3, length=6)
        56
    """
    cell = _checked(below, **asked, inputs=inputs, width=inputs, depth=depth)
    return least(*(value for _, _, value, _ in _by_inputs(cell)))


def _additive(cell: _Cell) -> Bound:
    # With one token there is one start and one end.
    value = 1 if cell.tokens and cell.inputs == 1 else 2
    return Bound("additive", "exact", value, PROVED + "additive integration", "rank")


def _shallow(cell: _Cell) -> Bound:
    value = least_power(cell.width, cell.inputs, min(cell.start, cell.end))
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
    power = nested(cell.channels, cell.end, cell.depth - 1)
    value = least(power, nested(cell.inputs, cell.start, 1)) if cell.tokens else power
    if value is None:
        yield _last_input(cell)
    elif cell.depth == 2:
        at_middle, elsewhere = f"{PAPER}, Theorem 1", PROVED + "two layers"
        yield Bound("two-layer", "lower", value, at_middle if cell.start == cell.end else elsewhere, "rank")
    else:
        source = f"{PROVED}power bound (for vectors it implies Conjecture 1 of {PAPER})"
        yield Bound("power", "lower", value, source, "rank")


def _last_input(cell: _Cell) -> Bound:
    return Bound("last input", "lower", cell.channels, PROVED + "last input", "rank")


def _conjecture(cell: _Cell) -> Iterator[Bound]:
    power = nested(cell.channels, cell.end, cell.depth - 1)
    value = bounded_power(cell.inputs, cell.end) if power is None else least_power(power, cell.inputs, cell.end)
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
        *_by_null_states(cell),
        ("copies", "state", _copies(cell), "copies"),
    ]
    if cell.most_digits == MOST_DIGITS and all(value is None for _, _, value, _ in found):
        found = [("state", "state", _rounded_state(cell), "state bound, rounded up to a power of two")]
    for name, counts, value, statement in found:
        if value is not None:
            yield Bound(name, "upper", value, PROVED + statement, counts)


def _by_null_states(cell: _Cell) -> Iterator[tuple[str, Counts, int | None, str]]:
    sizes = {"width": cell.width, "channels": cell.channels, "depth": cell.depth, "end": cell.end}
    yield "null states", "state", null_states(**sizes), "null states"
    if not cell.tokens:
        yield "null states by steps", "end", null_steps(**sizes), "null states"
    if cell.depth > 3 or cell.width > 2:
        yield "start image", "state", start_image(**sizes, start=cell.start), "start image"


def _by_inputs(cell: _Cell) -> Iterator[tuple[str, Counts, int | None, str]]:
    """The two bounds that depend on the network only through m."""
    steps = range(cell.start + cell.end)
    sides: list[tuple[Counts, range]] = [("end", steps[: cell.end]), ("start", steps[cell.end :])]
    for side, of in sides:
        yield f"{side} inputs", side, bounded_product(_input_dimensions(cell, of), cell.most_digits), "input bounds"


def _counted(number: int, noun: str) -> str:
    words = {2: "two", 3: "three"}
    return f"{words.get(number, number)}-{noun}"


def _state(cell: _Cell) -> int | None:
    """Π_j ((R; ((b; j)) )): monomials in the state at the cut, ((b; j)) being the degree in layer L - j."""
    if 1 in (cell.width, cell.end):
        return bounded_power(cell.width, cell.depth, cell.most_digits)
    factors = (nested(cell.width, cell.end, layer, cell.most_digits) for layer in range(cell.depth))
    return bounded_product(factors, cell.most_digits)


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
            value = nested(cell.channels, cell.depth, step, cell.most_digits)
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
        if digits > cell.most_digits or count_digits(cell.end, layer) > cell.most_digits:
            return True
        digits += count_digits(cell.width, multichoose(cell.end, layer) - 1)
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
        return start_image(width=2, channels=2, depth=3, start=2, end=cell.end)
    terms = min(cell.width, cell.end + 1)
    if cell.depth == 1 or cell.channels == cell.width or terms > _MOST_TERMS:
        return None
    # Σ_s C(R, s) C(b, s - 1) min(m, s) · Π_{j=2}^{L-1} ((R; ((b; j)) ))
    supports = (
        math.comb(cell.width, s) * math.comb(cell.end, s - 1) * min(cell.channels, s) for s in range(1, terms + 1)
    )
    below = (nested(cell.width, cell.end, layer, cell.most_digits) for layer in range(2, cell.depth))
    return bounded_product([sum(supports), *below], cell.most_digits)


def _copies(cell: _Cell) -> int | None:
    """R^{Σ_j ((b; j))}: bonds cut when the network is drawn with every repeated state as a copy."""
    if count_digits(cell.end + 1, cell.depth - 1) > math.log10(MOST_DIGITS):
        return None
    most_digits = min(cell.most_digits, MOST_DIGITS_OF_COPIES)
    return bounded_power(cell.width, multichoose(cell.end + 1, cell.depth - 1), most_digits)


def _checked(below: int | None, **sizes: Unpack[Sizes]) -> _Cell:
    given = check_sizes(**sizes)
    # Digits are computed to a small part of one, hence the spare.
    bits = None if below is None else check_whole("below", below).bit_length()
    most_digits = MOST_DIGITS if bits is None else min(MOST_DIGITS, int(bits * math.log10(2)) + 2)
    end = given.length - given.cut
    return _Cell(given.inputs, given.width, given.depth, given.cut, end, given.tokens, most_digits)
