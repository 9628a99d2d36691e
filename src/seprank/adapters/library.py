"""Adapters for classes that are known: torch's recurrent modules, chains of modules, models of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..settings.hints import Hints
from .advice import name_of
from .candidates import Candidate, Failed
from .causal import Causal
from .chain import Chain, NotRecurrent, flatten
from .contract import ConventionError, SequenceModel
from .fast_cell import FastCell, fast_cell
from .recurrent import Layout, Recurrent
from .whole import Whole

ALIVE: dict[type, int] = {nn.RNN: 4, nn.GRU: 6, nn.LSTM: 8}
"""Numbers per unit, by which blocks of torch's modules are sized: the gates, states and outputs of a step.

Measured at 64 units: blocks of half or twice the size are 10 to 40 % slower.
"""


def own_adapters(module: Any, few: Tensor, said: Hints, length: int | None) -> list[Candidate | Failed]:
    """The adapters for modules of known classes; none for other classes.

    Where a faster cell exists it comes first; the module itself follows, and is taken if the two disagree.
    """
    if said.output is not None or said.state is not None or said.call:
        return []
    if isinstance(module, nn.RNNBase) and not module.bidirectional:
        cells: list[Candidate | Failed] = []
        if fast_cell(module) is not None:
            cells = [_plain("torch's own, by a faster cell", lambda: _faster(module, few, said.batch_first))]
        return [*cells, _plain("torch's own", lambda: _library_module(module, few, said.batch_first))]
    if isinstance(module, nn.Sequential):
        return _chain(module, few, said, length)
    if _is_pretrained(module):
        return [_plain("a causal model, its cache the state", lambda: Causal(module, few))]
    return []


def _plain(name: str, make: Callable[[], SequenceModel]) -> Candidate:
    return Candidate(name, make, "own", plain=True)


def _chain(module: nn.Sequential, few: Tensor, said: Hints, length: int | None) -> list[Candidate | Failed]:
    """As `own_adapters`; none if no member is recurrent."""
    try:
        models = _sequential(module, few, said.batch_first, length)
    except (ImportError, MemoryError):
        raise
    except NotRecurrent:
        return []
    except Exception as error:
        return [Failed("a chain of modules", error, "own")]
    return [_plain(name, partial(lambda model: model, model)) for name, model in models.items()]


def _library_module(module: nn.RNNBase, example: Tensor, batch_first: bool | None) -> Recurrent:
    first = order_of([module], batch_first)
    return Recurrent(module, example, batch_first=bool(first), layout="time", width=_width([module]))


def _faster(module: nn.RNNBase, example: Tensor, batch_first: bool | None) -> FastCell:
    order_of([module], batch_first)
    cell = fast_cell(module)
    assert cell is not None
    return FastCell(module, cell, example, width=_width([module]))


def _width(modules: list[nn.Module]) -> int | None:
    return max((ALIVE.get(type(m), 1) * m.hidden_size for m in modules if isinstance(m, nn.RNNBase)), default=None)


def _sequential(
    module: nn.Sequential, example: Tensor, batch_first: bool | None, length: int | None
) -> dict[str, SequenceModel]:
    """By name: with faster cells for members that have one, and as it is."""
    members = flatten(module)
    first = order_of([m for m in members if hasattr(m, "batch_first")], batch_first) is not False
    seen = example if first else example.transpose(0, 1)
    unpack = not _runs(module, seen)
    chain = Chain(members, seen, unpack=unpack, batch_first=first)
    if any(isinstance(m, nn.RNNBase) and m.bidirectional for m in members):  # no state at a cut
        return {"a chain of modules": Whole(chain.outputs, example, batch_first=first, length=length)}
    cells = [fast_cell(m) or m for m in members]
    layout: Layout | None = "time" if any(isinstance(m, nn.RNNBase) for m in cells) else None
    recurrent = partial(Recurrent, batch_first=first, layout=layout, width=_width(members))
    itself = recurrent(chain, example)
    if cells == members:
        return {"a chain of modules": itself}
    faster = Chain(cells, seen, unpack=unpack, batch_first=first)
    return {
        "a chain of modules, by faster cells": recurrent(faster, example, plain=itself),
        "a chain of modules": itself,
    }


def _runs(module: nn.Sequential, sequences: Tensor) -> bool:
    """Whether an nn.Sequential runs as it is, so that it unpacks its tuples itself."""
    try:
        with torch.no_grad():
            module(sequences)
    except Exception:  # the members are then called one by one, and raise the error again if it is theirs
        return False
    return True


def _is_pretrained(module: object) -> bool:
    """Whether a class of transformers is among its classes, without importing transformers."""
    return any(c.__name__ == "PreTrainedModel" and c.__module__.startswith("transformers.") for c in type(module).mro())


def order_of(modules: list[Any], asked: bool | None) -> bool | None:
    """Whether modules take (batch, time, ...), by their own attribute, else as asked; None if neither says.

    Raises:
        ConventionError: they differ from each other, or from what is asked.
    """
    orders = {bool(m.batch_first) for m in modules if getattr(m, "batch_first", None) is not None}
    if len(orders) > 1:
        raise ConventionError("all members must have the same batch_first, got both; set it to the same value in each")
    own = next(iter(orders), None)
    if asked is not None and own is not None and asked != own:
        raise ConventionError(
            f"batch_first must be {own}, which is what {name_of(modules[0])} was built with, got {asked}; leave it out"
        )
    return asked if own is None else own
