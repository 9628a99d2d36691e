"""compare(): the ranks of several architectures at equal width or at an equal number of parameters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..certification import Certificate, certify
from ..memory_curve import remember
from ..models import MODELS, ModelSpec, find_model
from ..models.base.width import nearest_width
from ..question import check_domain, check_seed, check_several, check_whole
from ..system.memory import check_weights, default_budget
from ..system.progress import bars
from .cell import Cell
from .comparison import Comparison

MAX_SAMPLES = 1024
"""By default: a cell takes seconds at most, and every rank up to a thousand is found."""


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
    specs = _polynomial(models) if not measured else _any(models)
    lengths, depths = check_several("length", length, 2), check_several("depth", depth, 1)
    inputs, max_samples = check_whole("inputs", inputs, 1), check_whole("max_samples", max_samples, 1)
    width = None if width is None else check_whole("width", width, 1)
    parameters = None if parameters is None else check_whole("parameters", parameters, 1)
    if (width is None) == (parameters is None):
        raise ValueError(f"give either width or parameters, got width={width} and parameters={parameters}")
    domain, seed = check_domain(domain), check_seed(seed)
    if measured and domain != "functional":
        raise ValueError(f"curves are measured over vectors, so measured needs domain='functional', got {domain!r}")
    networks = [_network(spec, inputs, layers, width, parameters) for spec in specs for layers in depths]
    wanted = [(network, steps) for network in networks for steps in lengths]
    settings: dict[str, Any] = {"domain": domain, "max_samples": max_samples, "seed": seed}
    run = partial(_cell, inputs=inputs, settings=settings, measured=measured)
    found = Comparison(inputs, domain, width, parameters, max_samples, seed, len(wanted), [])
    try:
        found.cells.extend(_cells(wanted, run, memory, progress))
    except KeyboardInterrupt:
        raise ComparisonInterrupted(found) from None
    return found


def _any(models: str | Sequence[str] | None) -> list[ModelSpec]:
    """The registry's entries of these names, each once."""
    if models is None:
        return [spec for spec in MODELS.values() if spec.recurrent]
    names = [models] if isinstance(models, str) else list(dict.fromkeys(models))
    if not names:
        raise ValueError("models must name at least one model, got none; leave them out for all")
    return [find_model(name) for name in names]


def _polynomial(models: str | Sequence[str] | None) -> list[ModelSpec]:
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


def _network(spec: ModelSpec, inputs: int, depth: int, width: int | None, parameters: int | None) -> _Network:
    if width is None:
        width = nearest_width(lambda r: spec.count_parameters(inputs, r, depth), parameters or 1)
    return _Network(spec, depth, width, spec.count_parameters(inputs, width, depth))


def _cells(
    wanted: list[tuple[_Network, int]], run: Callable[..., Cell], memory: int | None, progress: bool
) -> Iterator[Cell]:
    with bars(progress) as report:
        for number, (network, length) in enumerate(wanted):
            now = f"{network.spec.name} depth {network.depth} length {length}"
            report("cells", number, len(wanted), now)
            yield run(network, length, budget=default_budget() if memory is None else memory)


def _cell(
    network: _Network, length: int, *, inputs: int, settings: dict[str, Any], measured: bool, budget: int
) -> Cell:
    """Certified, and measured if that was asked for; the reason where one of the two failed."""
    began = time.perf_counter()
    skeleton = not network.spec.polynomial
    sizes = (network.spec.name, network.depth, network.width, network.parameters)
    cell = Cell(*sizes, length, length // 2, None, None, None, False, False, None, 0.0, skeleton=skeleton)
    try:
        check_weights(network.parameters, budget)
        module = network.spec.draw(settings["seed"], inputs=inputs, width=network.width, depth=network.depth)
        squash = "identity" if skeleton else None
        cell = _certified(
            cell, certify(module, length=length, memory=budget, squash=squash, progress=False, **settings)
        )
        if measured:
            curve = remember(module, length=length, seed=settings["seed"], memory=budget, progress=False)
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
