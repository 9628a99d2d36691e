"""A recurrent body and the read-out that a task needs."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..settings.train_settings import TrainSettings
from ..sources.steps import outputs_of
from ..system.seeds import seeded


class Network(nn.Module):
    """Modules on top of each other with a linear read-out at every step, itself in the calling convention of `nn.RNN`.

    Args:
        layers: modules of that convention, or such as return their outputs at all steps alone; each is fed with the
            outputs of the one before.
        width: features that the last one gives.
        outputs: numbers read out at a step.
        residual: add to the output of each upper module what it was fed with.

    Shape:
        input (batch, time, features), state None or as it is returned; returns (batch, time, outputs) and the states
        of all modules, or, if none has a state, the outputs alone.

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

    def forward(self, input: Tensor, state: tuple[Any, ...] | None = None) -> Tensor | tuple[Tensor, tuple[Any, ...]]:
        states: list[Any] = []
        hidden = input
        for number, layer in enumerate(self.layers):
            output, last = outputs_of(layer, hidden, None if state is None else state[number])
            states.append(last)
            hidden = output + hidden if self.residual and number else output
        outputs: Tensor = self.readout(hidden)
        return outputs if all(last is None for last in states) else (outputs, tuple(states))


def build_network(settings: TrainSettings) -> Network:
    """The network of a run, with weights drawn from its seed alone; torch's global generator is left as it was.

    A `FactoryError` says that the user's own factory failed, or made what cannot be trained on this task.
    """
    architecture, sizes = settings.architecture, settings.layers(settings.network_width)
    features = architecture.outputs(**sizes[-1])
    with seeded(settings.seed):
        layers = [architecture.build(**layer) for layer in sizes]
        return Network(layers, width=features, outputs=settings.task_built.outputs, residual=settings.residual)
