"""The cheapest way to cut a circuit's tensor network between the start and the end of the sequence."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from ..question import check_domain
from ..result.text import text_table
from ..theory import multichoose, readable
from .rac_network import check_number
from .rac_sizes import Sizes, sizes_of
from .unrolling import Bond, Node, Unrolling, unroll

if TYPE_CHECKING:
    from ..models.rac import RAC

START, END = "start", "end"


@dataclass(frozen=True)
class LayerCount:
    """The copies of one layer's last start state that the end uses, counted in two ways."""

    layer: int
    copies: int
    """((b; L - l))"""
    words: int
    """R^copies: the copies counted as different tensors, as the picture shows them"""
    monomials: int
    """((R; copies)): the copies counted as equal, so that their order does not matter"""


@dataclass(frozen=True)
class MinimalCut:
    """A set of bonds with the least product that separates start from end, with the other two counts."""

    sizes: Sizes
    domain: str
    value: int
    """The product of the dimensions cut: an upper bound on the rank"""
    bonds: tuple[Bond, ...]
    """What is cut. In the tokens domain a leg called `token-...` joins all copies of one input."""

    @property
    def layers(self) -> list[LayerCount]:
        """Top layer first."""
        return state_copies(self.sizes)

    @property
    def copies(self) -> int:
        """The cut through all copies of the last start states, R^(sum of copies): an upper bound on the rank."""
        return math.prod(count.words for count in self.layers)

    @property
    def state_bound(self) -> int:
        """The same with equal copies, the product of the monomials: an upper bound on the rank as well."""
        return math.prod(count.monomials for count in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The cut as plain values for JSON."""
        return {
            "value": self.value,
            "bonds": [{"name": bond.name, "dimension": bond.dimension} for bond in self.bonds],
            "copies": self.copies,
            "state_bound": self.state_bound,
            "layers": [vars(count) for count in self.layers],
        }

    def __str__(self) -> str:
        dimensions = Counter(bond.dimension for bond in self.bonds)
        product = " · ".join(f"{d}^{n}" if n > 1 else f"{d}" for d, n in sorted(dimensions.items())) or "1"
        lines = [
            f"cuts of the network of a RAC: {self.sizes}, domain {self.domain}",
            f"  minimal cut          {product} = {readable(self.value)}   {counted(self.bonds)}",
            *comparison(self.sizes),
        ]
        return "\n".join(lines)


def comparison(sizes: Sizes) -> list[str]:
    """The two counts of the cut through all state copies, side by side, as lines of text."""
    counts = state_copies(sizes)
    named = [
        (f"layer {c.layer}, {c.copies:,} {'copy' if c.copies == 1 else 'copies'}", c.words, c.monomials) for c in counts
    ]
    named.append(("together", math.prod(c.words for c in counts), math.prod(c.monomials for c in counts)))
    notes = []
    for c in counts:
        unordered = "" if c.copies == 1 else f", (({sizes.width}; {c.copies:,})) when their order does not matter"
        notes.append(f"{sizes.width}^{c.copies:,}{unordered}")
    notes.append("R^copies, and the state bound: both at least the rank")
    rows = [("cut through all states", "copies apart", "copies equal", "")]
    for (name, words, monomials), note in zip(named, notes, strict=True):
        rows.append((name, readable(words), readable(monomials), note))
    return text_table(rows, left=(0, 3), indent=2).splitlines()


def counted(bonds: tuple[Bond, ...]) -> str:
    """How many bonds between tensors and how many legs to inputs there are, in words."""
    legs = sum(bond.ends[0].kind == "token" for bond in bonds)
    found = {"bond": len(bonds) - legs, "leg": legs}
    return " and ".join(f"{number} {name}{'s' * (number > 1)}" for name, number in found.items() if number)


def state_copies(sizes: Sizes) -> list[LayerCount]:
    """The copies that the cut through all states crosses, top layer first."""
    crossing = [(layer, sizes.crossing(layer)) for layer in reversed(sizes.layers)]
    return [LayerCount(layer, n, sizes.width**n, multichoose(sizes.width, n)) for layer, n in crossing]


def state_bonds(unrolling: Unrolling) -> list[Bond]:
    """The bonds from the last start states into the end: what a line between both halves of the picture crosses."""
    step = unrolling.sizes.cut + 1
    return [bond for bond in unrolling.bonds if bond.ends[1].kind == "hidden" and bond.ends[1].time == step]


def minimal_cut(rac: RAC, length: int, cut: int | None = None, *, domain: str = "functional") -> MinimalCut:
    """The cut of least product between the tokens of the start and those of the end, with the output.

    Contracting each side of a cut gives the Start-End matrix as a product of two matrices, of which the product of the
    dimensions cut is the inner size: it is at least the rank. Every copy of a start input is to be on one side, every
    copy of an end input and the output's leg on the other; tensors may be on either. As the read-out is one scalar, the
    output's leg has dimension 1 and costs nothing to cut, so that the read-out may be on either side as well.

    Args:
        rac: the module; only its sizes count.
        length: T.
        cut: c, steps in the start; T // 2 by default.
        domain: `functional`: inputs are any vectors, and every copy of one has a leg of its own. `tokens`: they are M
            one-hot vectors, so that all copies of one hang on a single leg of dimension M, which may be cut instead.

    Raises:
        MemoryBudgetError: the network has too many tensors.
        TypeError, ValueError: the module is no RAC, or an argument is invalid.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), minimal cuts of the networks; the symmetric count is
        proved in docs/theory.md: state bound.

    Example:
        >>> from seprank.models.rac import RAC
        >>> found = minimal_cut(RAC(4, 3, num_layers=2), length=6)
        >>> found.value, len(found.bonds), found.state_bound
        (81, 4, 30)
    """
    return cut_of(sizes_of(rac, length, cut), domain=domain)


def cut_of(sizes: Sizes, *, domain: str) -> MinimalCut:
    """`minimal_cut` from sizes alone."""
    check_domain(domain)
    check_number(sizes)
    unrolling = unroll(sizes)
    bonds = list(unrolling.bonds) if domain == "functional" else _joined_copies(unrolling)
    favoured = set(state_bonds(unrolling))
    found = cheapest(bonds, favoured, limit=math.prod(bond.dimension for bond in favoured), cut=sizes.cut)
    return MinimalCut(sizes, domain, math.prod(bond.dimension for bond in found), tuple(found))


def _joined_copies(unrolling: Unrolling) -> list[Bond]:
    """The bonds when the legs of all copies of an input end in one copy tensor, which has the input's only leg."""
    joined = []
    for bond in unrolling.bonds:
        source, target = bond.ends
        if source.kind == "token":
            bond = Bond(bond.name, bond.dimension, (Node("joint", 0, source.time, 0), target))
        joined.append(bond)
    for time in unrolling.sizes.times:
        token = Node("token", 0, time, 0)
        joined.append(Bond(f"token-t{time}", unrolling.sizes.inputs, (token, Node("joint", 0, time, 0))))
    return joined


def cheapest(bonds: list[Bond], favoured: set[Bond], *, limit: int, cut: int) -> list[Bond]:
    """The bonds of a cut of least product between the tokens up to `cut` and the later ones.

    Of several, one with few bonds, those of `favoured` preferred.

    Maximal flow adds capacities, products multiply, and logarithms of products are not exact; they are when they are
    accurate enough. Let P be the least product, which is at most `limit` = N, E the number of bonds, and let the
    capacity of a bond of dimension d be the whole number

        k(d) = round(S ln d) + p,   p = 2E + 1, or two or three times that.

    Sums of whole numbers are exact. The capacities of a cut of product Q differ from S ln Q by at most E of rounding
    and by the p, which are at least 0 and together at most 3E (2E + 1). Products are whole: Q > P means Q >= P + 1, so
    that ln Q - ln P >= ln(1 + 1/P) >= 1/(N + 1). With S > (N + 1) (2E + 3E (2E + 1)) each cut of product Q > P is thus
    dearer than one of product P, and the cut of least capacity has the least product. Among cuts of product P,
    roundings differ by at most 2E, less than any two different sums of the p, so the sum of the p decides.
    """
    import networkx as nx

    number = len(bonds)
    step = 2 * number + 1
    scale = (limit + 1) * (2 * number + 3 * number * step) + 1
    logarithms = {d: _scaled_logarithm(d, scale) for d in {bond.dimension for bond in bonds}}
    graph = nx.Graph()
    for bond in bonds:
        # Within a step, a cut before W_H is easier to see than one between W_H and the state.
        rank = 1 if bond in favoured else 2 if bond.ends[1].kind == "hidden" else 3
        graph.add_edge(*bond.ends, capacity=logarithms[bond.dimension] + step * rank)
    for node in [node for node in graph if node.kind == "token"]:
        graph.add_edge(node, START if node.time <= cut else END)  # no capacity means that it cannot be cut
    _, (start_side, _) = nx.minimum_cut(graph, START, END, flow_func=nx.algorithms.flow.boykov_kolmogorov)
    return [bond for bond in bonds if (bond.ends[0] in start_side) != (bond.ends[1] in start_side)]


def _scaled_logarithm(dimension: int, scale: int) -> int:
    """scale * ln(dimension), off by at most 1."""
    with localcontext(prec=len(str(scale)) + len(str(dimension)) + 10):
        return round(Decimal(dimension).ln() * scale)
