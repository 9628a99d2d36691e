"""A recurrent body and the read-out that a task needs."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..settings.train_settings import TrainSettings
from ..system.seeds import seeded


class Network(nn.Module):
    """A recurrent module with a linear read-out at every step, itself in the calling convention of `nn.RNN`.

    Args:
        layers: recurrent modules of that convention, batch first; each is fed with the outputs of the one before.
        width: features that the last one gives.
        outputs: numbers read out at a step.
        residual: add to the output of each upper module what it was fed with.

    Shape:
        input (batch, time, features), state None or as it is returned; returns (batch, time, outputs) and the states
        of all modules.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> network = Network([nn.GRU(3, 5, batch_first=True)], width=5, outputs=2)
        >>> network(torch.zeros(4, 7, 3))[0].shape
        torch.Size([4, 7, 2])
    """

    batch_first = True

    def __init__(self, layers: list[nn.Module], *, width: int, outputs: int, residual: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.readout = nn.Linear(width, outputs)
        self.residual = residual

    def forward(self, input: Tensor, state: tuple[Any, ...] | None = None) -> tuple[Tensor, tuple[Any, ...]]:
        states: list[Any] = []
        hidden = input
        for number, layer in enumerate(self.layers):
            output, last = layer(hidden, None if state is None else state[number])
            states.append(last)
            hidden = output + hidden if self.residual and number else output
        return self.readout(hidden), tuple(states)


def build_network(settings: TrainSettings) -> Network:
    """The network of a run, with weights drawn from its seed alone; torch's global generator is left as it was."""
    task, spec, width = settings.task_built, settings.spec, settings.network_width
    extra = settings.to_dict()["model_settings"]
    # One module of many layers is faster, but between its layers there is no place for a residual connection.
    sizes = [(task.inputs, settings.depth)]
    if settings.residual:
        sizes = [(task.inputs, 1)] + [(width, 1)] * (settings.depth - 1)
    with seeded(settings.seed):
        layers = [spec.build(inputs=inputs, width=width, depth=depth, **extra) for inputs, depth in sizes]
        return Network(layers, width=width, outputs=task.outputs, residual=settings.residual)
