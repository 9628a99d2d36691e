"""The operator of a model that is linear, or linear once its gates are held: every output by every earlier input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..settings.floating import FloatingSettings
from .freezing import Freezing, mark_parameters, require_value
from .linear import Array, LinearNetwork, NotLinear
from .stateful import Meaningless, Opened, as_stateful, has_matrices, opened, stateful
from .tracking import Tracked

Kind = Literal["linear and time-invariant", "linear", "input-frozen"]


@dataclass(frozen=True)
class Operator:
    """The effect of each input on the outputs of all later steps."""

    entries: Array
    """(steps, channels, steps, inputs): outputs by inputs, zero where the input is later"""
    kind: Kind
    network: LinearNetwork | None
    """Its matrices, if it is time-invariant with a state"""
    notes: tuple[str, ...]

    def after(self, position: int, channel: int | None = None) -> Array:
        """H: outputs from a position on, by the inputs before it; of one channel or all. (rows, columns)"""
        block = self.entries[position:, :, :position]
        block = block if channel is None else block[:, channel : channel + 1]
        found: Array = block.reshape(block.shape[0] * block.shape[1], -1)
        return found


def of_network(network: LinearNetwork, length: int, notes: tuple[str, ...] = ()) -> Operator:
    """The operator of a linear time-invariant network: entries depend only on the steps between input and output."""
    blocks = network.blocks(length)
    entries = np.zeros((length, len(network.c), length, network.inputs))
    for late in range(length):
        for early in range(late + 1):
            entries[late, :, early] = blocks[late - early]
    if not np.isfinite(entries).all():
        raise ValueError(
            f"outputs of this linear network are not finite after {length} steps: its spectral radius is "
            f"{network.radius:.4g}; use a shorter length"
        )
    return Operator(entries, "linear and time-invariant", network, notes)


def operator_of(
    model: Any,
    length: int,
    at: Array | None,
    frozen: Iterable[str],
    values: Iterable[str],
    inputs: int | None,
    settings: FloatingSettings,
) -> Operator:
    """The operator of a model over sequences of a length; `Meaningless` if it has none."""
    seed = settings.seed
    if has_matrices(model):
        with as_stateful(model, settings, inputs) as state:
            return of_network(state.linear(seed), length, state.notes)
    with opened(model, settings, length=length, inputs=inputs, whole=False) as checked:
        network = _network(checked, seed)
        if network is not None:
            return of_network(network, length, checked.notes)
        sequence = _sequence(checked, length, at, seed)
        mark_parameters(checked.subject.version.model, frozen, values)
        linear = _is_linear(checked, length, seed)
        with Tracked() if linear else Freezing():
            entries = _jacobian(checked, torch.zeros_like(sequence) if linear else sequence)
        if linear:
            _require_seen(checked, entries, length, seed)
        return Operator(entries, "linear" if linear else "input-frozen", None, _notes(checked))


def _notes(checked: Opened) -> tuple[str, ...]:
    if checked.run.splits:
        return checked.notes
    return (*checked.notes, "its output at a step is what it gives for the sequence up to there")


def _require_seen(checked: Opened, entries: Array, length: int, seed: int) -> None:
    """Refuse as `Meaningless` a linear model whose gradients torch lacks, or some of them: outputs are not T u."""
    drawn = np.random.default_rng((seed, 16)).standard_normal((length, entries.shape[3]))
    batch = torch.from_numpy(np.stack([drawn, 0 * drawn]))
    found = np.stack([output.double().cpu().numpy() for output in _outputs(checked, batch)])
    expected = np.einsum("tcsm,sm->tc", entries, drawn)
    apart = float(np.abs(found[:, :, 0] - found[:, :, 1] - expected).max())
    if not apart <= max(1e3 * checked.subject.model.floor, 1e-9) * max(float(np.abs(found).max()), 1e-300):
        raise Meaningless(
            "torch has no gradients of this model, or not all, so its operator is not known; stay in torch"
        )


def _network(checked: Opened, seed: int) -> LinearNetwork | None:
    """The matrices of a model with a state of fixed size whose step is linear."""
    try:
        return stateful(checked).linear(seed)
    except (Meaningless, NotLinear):  # what is neither is looked at as a whole
        return None


def _sequence(checked: Opened, length: int, at: Array | None, seed: int) -> Tensor:
    inputs = checked.alphabet.features or 1
    if at is None:
        return torch.from_numpy(np.random.default_rng((seed, 13)).standard_normal((length, inputs)))
    found = np.asarray(at, dtype=np.float64)
    found = found[:, None] if found.ndim == 1 else found
    if found.shape != (length, inputs) or not np.isfinite(found).all():
        raise ValueError(f"at must be a finite sequence {(length, inputs)} (length, inputs), got {found.shape}")
    return torch.from_numpy(found)


def _outputs(checked: Opened, sequences: Tensor) -> Iterator[Tensor]:
    """Outputs (channels, batch) after every step; of a function of whole sequences, after every beginning."""
    run, state = checked.run, None
    for step in range(sequences.shape[1]):
        if not run.splits:
            yield run(checked.pieces(sequences[:, : step + 1]), None)[0]
            continue
        output, state = run(checked.pieces(sequences[:, step : step + 1]), state)
        yield output


def _is_linear(checked: Opened, length: int, seed: int) -> bool:
    """Whether outputs of a sum are the sum of outputs, less those of zeros, at sequences of several sizes."""
    generator = np.random.default_rng((seed, 14))
    first, second = generator.standard_normal((2, length, checked.alphabet.features or 1))
    for scale in (1e-2, 1.0, 1e4):
        batch = torch.from_numpy(scale * np.stack([first + second, first, second, 0 * first]))
        for output in _outputs(checked, batch):
            both, one, other, none = output.double().T
            apart = (both - one - other + none).abs().max()
            if not apart <= max(1e3 * checked.subject.model.floor, 1e-11) * output.abs().max():
                return False
    return True


def _jacobian(checked: Opened, sequence: Tensor) -> Array:
    """(steps, channels, steps, inputs): a copy of the sequence for each channel, and a pass backward for each step."""
    channels = checked.channels
    copies = sequence.repeat(channels, 1, 1).requires_grad_()
    rows = []
    for output in _outputs(checked, copies):
        require_value(output)
        if not output.requires_grad:
            rows.append(torch.zeros_like(copies))
            continue
        own = output.diagonal().sum()
        (found,) = torch.autograd.grad(own, copies, retain_graph=True, allow_unused=True)
        rows.append(torch.zeros_like(copies) if found is None else found)
    entries: Array = torch.stack(rows).detach().double().cpu().numpy()
    return entries
