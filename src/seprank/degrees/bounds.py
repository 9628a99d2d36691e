"""Upper bounds on the separation rank of any polynomial module, from the degrees in its state and its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from ..adapters.alphabet import count_inputs
from ..adapters.outside import fill_outside
from ..question import (
    check_choice,
    check_cut,
    check_domain,
    check_readout,
    check_split,
    check_squash,
    check_whole,
    is_whole,
)
from ..settings.hints import Hints
from ..system.quiet import quiet
from ..theory import Bound, Bounds, Counts
from .gradings import Grading, count_jointly, count_monomials
from .propagation import Degree, Run, Variables, run_over_degrees
from .weighted import Weighted, count_by_weight, weigh_steps

_SOURCE = "proved in docs/degrees.md: "


@dataclass(frozen=True)
class _Side:
    """Lowest and highest degrees of what is read in groups of variables; the last row is in all groups together."""

    variables: list[int]
    lowest: Degree
    highest: Degree

    def count(self, points: int | None = None) -> int | None:
        """A bound on the dimension of the functions that occur, where each group takes so many values (None: all)."""
        gradings = [Grading(n, *self._span(row), points) for row, n in enumerate(self.variables)]
        return count_monomials(gradings, self.together())

    def together(self, points: int | None = None) -> Grading:
        """All variables as one group."""
        return Grading(sum(self.variables), *self._span(-1), points)

    def _span(self, row: int) -> tuple[int, int | None]:
        """Lowest and highest degree over the channels that are not zero; None for an infinite highest degree."""
        highest, lowest = self.highest[:, row], self.lowest[:, row]
        occurring = highest >= 0
        if not occurring.any():
            return 0, -1
        most = highest[occurring].max()
        return int(lowest[occurring].min()), int(most) if np.isfinite(most) else None


def degree_bounds(
    module: nn.Module,
    *,
    length: int,
    cut: int | None = None,
    inputs: int | None = None,
    domain: str = "functional",
    readout: str | int = "random",
    batch_first: bool | None = None,
    templates: Any = None,
    squash: str | None = None,
    split: Any = None,
) -> Bounds:
    """Proved upper bounds on the Start-End separation rank of a polynomial module, registered or not.

    The module is run over degrees: which monomials in the state at the cut, in the inputs of the start and in those
    of the end can its output hold? Their numbers bound the rank, for all parameters. A bound is left out where a
    degree exceeds 2^53, the number has more than 100,000 digits, or the state keeps token numbers.

    Args:
        module: a module with the calling convention of `torch.nn.RNN` that only adds, multiplies and rearranges. It
            must keep nothing of a sequence outside the state it returns, and not mix the sequences of a batch.
        length: T, time steps in a sequence.
        cut: c, steps in the start half; by default T // 2.
        inputs: M, features per step, or templates in the tokens domain; by default as in `certify`.
        domain: "functional" (inputs range over all vectors) or "tokens" (over `inputs` fixed templates).
        readout: "random" (one linear functional of the last output), "all" channels, or the number of one.
        batch_first: the module's order of axes; by default its attribute of that name, or True.
        templates: in the tokens domain, as in `certify`; "ids" if the module takes token numbers.
        squash, split: as in `certify`.

    Returns:
        "degrees: state" (if there is a state), "degrees: start inputs" and "degrees: end inputs", least first; before
        them "degrees: joint" if it is less than each.

    Raises:
        NotPolynomial: an operation is not a sum, product or rearrangement.
        ConventionError: it does not follow the calling convention.
        ValueError, TypeError: an argument is out of range or of the wrong type.

    Source: docs/degrees.md.

    Example:
        >>> from seprank import RAC
        >>> for bound in degree_bounds(RAC(input_size=3, hidden_size=3, num_layers=2), length=8):
        ...     print(bound.name, bound.value)
        degrees: state 45
        degrees: end inputs 2700
        degrees: start inputs 952560
    """
    positions = check_split(split, check_cut(length)[0])
    length, cut = check_cut(length, cut if positions is None else len(positions))
    if inputs is None and (templates is None or isinstance(templates, str)):
        said = Hints(batch_first=batch_first)
        inputs = count_inputs(module, ids=templates == "ids", length=length, said=said)
    points, features = check_inputs(module, inputs, domain, templates)
    readout = check_readout(readout)
    order = getattr(module, "batch_first", True) if batch_first is None else batch_first
    variables = Variables(length, cut, features, positions, check_squash(squash), order)
    fill_outside(module, variables.where, features, batch_first=order)
    with quiet():
        highest = run_over_degrees(module, variables, lowest=False)
        lowest = run_over_degrees(module, variables, lowest=True, of=highest)
        weighted = weigh_steps(module, variables, of=highest)
    channels, copies = _read(readout, len(highest.output))
    words = [points**steps if points else None for steps in (cut, length - cut)]
    sides, state = _sides(variables, lowest.output[channels], highest.output[channels]), None
    if highest.state is not None and lowest.state is not None:
        state = _Side(highest.variables, lowest.state[channels], highest.state[channels])
    start, end = (side.count(points) for side in sides) if sides else words
    found: list[tuple[str, str, Counts, int | None]] = [
        ("state", "state bound", "state", state.count() if state else None),
        ("start inputs", "input bounds", "start", start),
        ("end inputs", "input bounds", "end", end and end * copies),
    ]
    known = [
        Bound(f"degrees: {name}", "upper", value, _SOURCE + statement, counts)
        for name, statement, counts, value in found
        if value is not None
    ]
    joint = None
    if sides:
        groups = [side.together(every) for side, every in zip(sides, words, strict=True)]
        joint = _joint(groups, state.together() if state else None, highest, weighted, channels=channels, copies=copies)
    if joint is not None and all(joint < bound.value for bound in known):
        known.append(Bound("degrees: joint", "upper", joint, _SOURCE + "joint bounds", "rank"))
    return Bounds(sorted(known, key=lambda bound: bound.value))


def _sides(variables: Variables, lowest: Degree, highest: Degree) -> list[_Side]:
    """Start and end, each step a group of variables; none for token ids."""
    if variables.features is None:
        return []
    where, length = variables.where, variables.length
    rows = [[*where.starts, length], [*where.ends, length + 1]]
    return [_Side([variables.features] * (len(r) - 1), lowest[:, r], highest[:, r]) for r in rows]


def _joint(
    sides: list[Grading],
    state: Grading | None,
    highest: Run,
    weighted: Weighted | None,
    *,
    channels: slice,
    copies: int,
) -> int | None:
    """The least bound by joint degrees: in the start or the state, and in the inputs of the end."""
    start, end = sides
    found = [count_jointly(start, end, _most(highest.output[channels, -1]), copies)]
    if state is not None and highest.joint is not None:
        found.append(count_jointly(state, end, _most(highest.joint[channels, 0]), copies))
        if weighted is not None:
            found.append(count_by_weight(state, weighted, channels, copies))
    return min((value for value in found if value is not None), default=None)


def _most(degrees: Degree) -> int | None:
    """The highest degree over the channels, None if infinite."""
    most = degrees.max(initial=0)
    return int(most) if np.isfinite(most) else None


def check_inputs(module: nn.Module, inputs: int | None, domain: str, templates: Any) -> tuple[int | None, int | None]:
    """How many values an input takes (None: all vectors), and how many features it has (None: it is a number)."""
    domain = check_domain(domain)
    size = getattr(module, "input_size", None)
    own = check_whole("input_size", size, 1) if is_whole(size) else None
    inputs = None if inputs is None else check_whole("inputs", inputs, 1)
    if templates is not None and not isinstance(templates, str):
        rows = np.asarray(templates)
        if domain == "tokens" and rows.ndim == 2 and rows.size and inputs in (None, len(rows)):
            return rows.shape
        raise ValueError(
            f"templates must be vectors (inputs, features) in the tokens domain, got an array of shape {rows.shape} "
            f"for inputs={inputs} and domain {domain!r}; leave inputs out and use domain='tokens'"
        )
    if domain == "functional":
        if templates is not None:
            raise ValueError(f"templates are the alphabet of the tokens domain, got {templates!r}; leave them out")
        return None, inputs
    if templates is not None:
        check_choice("templates", templates, ("generic", "one-hot", "ids"))
    return inputs, None if templates == "ids" else own or inputs


def _read(readout: str | int, channels: int) -> tuple[slice, int]:
    """The channels that are read, and the number of columns per end."""
    number = check_readout(readout, channels)
    if isinstance(number, str):
        return slice(None), channels if number == "all" else 1
    return slice(number, number + 1), 1
