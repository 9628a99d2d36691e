"""A network that is compared, and its cell at one length."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from ..certification import Certificate, certify
from ..field import NotPolynomial
from ..memory_curve import remember
from ..settings.compare_settings import CompareSettings
from ..sources.architecture import Own, Registered
from ..system.memory import check_weights
from ..system.seeds import seeded
from .cell import Cell


@dataclass(frozen=True)
class Network:
    """A network of a comparison."""

    architecture: Registered | Own
    depth: int | None
    """None for a factory that takes none"""
    width: int | None
    """None for a factory that takes none"""
    parameters: int

    @property
    def name(self) -> str:
        return self.architecture.name

    def draw(self, seed: int, inputs: int) -> nn.Module:
        """The network itself, with weights that follow from the seed alone."""
        with seeded(seed):
            return self.architecture.build(inputs=inputs, width=self.width, depth=self.depth or 1)


def compute(network: Network, length: int, asked: CompareSettings) -> Cell:
    """Certified, and measured if that was asked for; the reason where one of the two failed."""
    began = time.perf_counter()
    sizes = (network.name, network.depth, network.width, network.parameters)
    skeleton = isinstance(network.architecture, Registered) and not network.architecture.spec.polynomial
    cell = Cell(*sizes, length, length // 2, None, None, None, False, False, None, 0.0, skeleton=skeleton)
    try:
        check_weights(network.parameters, asked.budget)
        module = network.draw(asked.seed, asked.inputs)
        cell = _certified(cell, module, asked)
        if asked.measured:
            curve = remember(
                module,
                length=length,
                inputs=asked.inputs,
                seed=asked.seed,
                memory=asked.budget,
                device=asked.device,
                progress=False,
            )
            cell = replace(cell, reach=curve.reach(), half=curve.half, mean=curve.mean)
    except Exception as error:
        cell = replace(cell, failure=str(error) or type(error).__name__)
    return replace(cell, seconds=round(time.perf_counter() - began, 3))


def _certified(cell: Cell, module: nn.Module, asked: CompareSettings) -> Cell:
    """The cell with its rank, or with that of the skeleton where the network turns out not to be polynomial."""
    run = partial(
        certify,
        module,
        length=cell.length,
        inputs=asked.inputs,
        domain=asked.domain,
        max_samples=asked.max_samples,
        seed=asked.seed,
        memory=asked.budget,
        device=asked.device,
        progress=False,
    )
    if cell.skeleton:
        return _with_rank(cell, run(squash="identity"))
    try:
        return _with_rank(cell, run())
    except NotPolynomial as error:
        if asked.measured:
            return _with_rank(replace(cell, skeleton=True), run(squash="identity"))
        raise ValueError(
            f"`{error.operation}` in {error.module} is not polynomial, so the rank cannot be certified; with "
            "measured=True (--measured) it is that of the polynomial skeleton"
        ) from error


def _with_rank(cell: Cell, found: Certificate) -> Cell:
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
