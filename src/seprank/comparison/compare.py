"""compare(): the ranks of several architectures at equal width or at an equal number of parameters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..certification import Certificate, certify
from ..memory_curve import remember
from ..models import MODELS, ModelSpec, find_model
from ..models.base.width import nearest_width
from ..question import check_several
from ..settings.compare_settings import MAX_SAMPLES, CompareSettings
from ..settings.entries import given
from ..system.memory import check_weights
from ..system.progress import bars
from .cell import Cell
from .comparison import Comparison


class ComparisonInterrupted(KeyboardInterrupt):
    """Raised on Ctrl-C between or within cells.

    Attributes:
        found: what was computed until then.
    """

    def __init__(self, found: Comparison) -> None:
        self.found = found
        super().__init__(f"interrupted after {len(found.cells)} of {found.wanted} cells")


@dataclass(frozen=True)
class _Network:
    spec: ModelSpec
    depth: int
    width: int
    parameters: int


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
    memory: int | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Comparison:
    """Certified ranks and proved upper bounds of several architectures, at equal size.

    Each cell is a run of `certify` at the middle cut. A cell that fails is noted with the reason, the others are
    computed all the same.

    Args:
        models: names of polynomial models from `MODELS`, with `measured` of any; by default all that are recurrent.
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
        memory: bytes that a cell may take; by default half of what is free.
        device: where the models are run, as of `certify`.
        progress: show a progress bar on standard error if it is a terminal.

    Returns:
        The cells, models in the order given, then depths, then lengths.

    Raises:
        ComparisonInterrupted: on Ctrl-C; it holds what was computed, and is a KeyboardInterrupt.
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
    specs = _any(asked.models) if measured else _polynomial(asked.models)
    networks = [_network(spec, asked, layers) for spec in specs for layers in asked.depth]
    wanted = [(network, steps) for network in networks for steps in asked.length]
    sizes = (asked.inputs, asked.domain, asked.width, asked.parameters, asked.max_samples, asked.seed)
    found = Comparison(*sizes, len(wanted), [])
    try:
        found.cells.extend(_cells(wanted, asked, progress))
    except KeyboardInterrupt:
        raise ComparisonInterrupted(found) from None
    return found


def _any(models: Sequence[str] | None) -> list[ModelSpec]:
    """The registry's entries of these names, each once."""
    if models is None:
        return [spec for spec in MODELS.values() if spec.recurrent]
    if not models:
        raise ValueError("models must name at least one model, got none; leave them out for all")
    return [find_model(name) for name in dict.fromkeys(models)]


def _polynomial(models: Sequence[str] | None) -> list[ModelSpec]:
    """The same, of polynomial ones."""
    if models is None:
        return [spec for spec in _any(None) if spec.polynomial]
    specs = _any(models)
    for spec in specs:
        if not spec.polynomial:
            known = ", ".join(other.name for other in MODELS.values() if other.polynomial)
            raise ValueError(
                f"{spec.name!r} is not polynomial, so its rank cannot be certified; with measured=True (--measured) it "
                f"is that of its polynomial skeleton, and these can be compared as they are: {known}"
            )
    return specs


def _network(spec: ModelSpec, asked: CompareSettings, depth: int) -> _Network:
    width = asked.width
    if width is None:
        width = nearest_width(lambda r: spec.count_parameters(asked.inputs, r, depth), asked.parameters or 1)
    return _Network(spec, depth, width, spec.count_parameters(asked.inputs, width, depth))


def _cells(wanted: list[tuple[_Network, int]], asked: CompareSettings, progress: bool) -> Iterator[Cell]:
    with bars(progress) as report:
        for number, (network, length) in enumerate(wanted):
            now = f"{network.spec.name} depth {network.depth} length {length}"
            report("cells", number, len(wanted), now)
            yield _cell(network, length, asked, budget=asked.budget)


def _cell(network: _Network, length: int, asked: CompareSettings, *, budget: int) -> Cell:
    """Certified, and measured if that was asked for; the reason where one of the two failed."""
    began = time.perf_counter()
    skeleton = not network.spec.polynomial
    sizes = (network.spec.name, network.depth, network.width, network.parameters)
    cell = Cell(*sizes, length, length // 2, None, None, None, False, False, None, 0.0, skeleton=skeleton)
    try:
        check_weights(network.parameters, budget)
        module = network.spec.draw(asked.seed, inputs=asked.inputs, width=network.width, depth=network.depth)
        how: dict[str, Any] = {"length": length, "seed": asked.seed, "memory": budget, "device": asked.device, "progress": False}
        squash = "identity" if skeleton else None
        found = certify(module, domain=asked.domain, max_samples=asked.max_samples, squash=squash, **how)
        cell = _certified(cell, found)
        if asked.measured:
            curve = remember(module, **how)
            cell = replace(cell, reach=curve.reach(), half=curve.half, mean=curve.mean)
    except Exception as error:
        cell = replace(cell, failure=str(error) or type(error).__name__)
    return replace(cell, seconds=round(time.perf_counter() - began, 3))


def _certified(cell: Cell, found: Certificate) -> Cell:
    uppers = [b for b in found.bounds if b.kind in ("upper", "exact")]
    return replace(
        cell,
        rank=found.rank,
        upper_bound=found.upper_bound,
        bound=min(uppers, key=lambda b: b.value).name if uppers else None,
        exact=found.exact,
        saturated=found.saturated,
        samples=found.samples,
    )
