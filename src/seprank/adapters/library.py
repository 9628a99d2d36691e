"""Adapters for classes that are known: torch's recurrent modules, chains of modules, models of Hugging Face."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .advice import name_of
from .candidates import Candidate, Failed
from .chain import Chain, NotRecurrent, flatten
from .contract import ConventionError, SequenceModel
from .fast_cell import FastCell, fast_cell
from .hints import Hints
from .recurrent import Layout, Recurrent
from .whole import Whole

ALIVE: dict[type, int] = {nn.RNN: 4, nn.GRU: 6, nn.LSTM: 8}
"""Numbers per unit by which blocks of torch's modules are sized: gates, states and outputs that a step goes over.

As measured at 64 units: blocks of half the size or twice are slower by 10 to 40 %.
"""


def own_adapter(module: Any, few: Tensor, said: Hints, length: int | None) -> Candidate | Failed | None:
    """The adapter that the class of a module asks for; None for any other class and for what has no state at a cut."""
    if said.output is not None or said.state is not None or said.call:
        return None
    if isinstance(module, nn.RNNBase) and not module.bidirectional:
        return Candidate("torch's own", lambda: _library_module(module, few, said.batch_first), "own", plain=True)
    if isinstance(module, nn.Sequential):
        return _chain(module, few, said, length)
    if _is_pretrained(module):
        return Candidate("a causal model, its cache the state", lambda: _pretrained(module, few), "own", plain=True)
    return None


def _chain(module: nn.Sequential, few: Tensor, said: Hints, length: int | None) -> Candidate | Failed | None:
    """None if no member is recurrent."""
    try:
        model = _sequential(module, few, said.batch_first, length)
    except (ImportError, MemoryError):
        raise
    except NotRecurrent:
        return None
    except Exception as error:
        return Failed("a chain of modules", error, "own")
    return Candidate("a chain of modules", lambda: model, "own", plain=True)


def _pretrained(module: Any, few: Tensor) -> SequenceModel:
    from .causal import Causal

    return Causal(module, few)


def _library_module(module: nn.RNNBase, example: Tensor, batch_first: bool | None) -> Recurrent:
    first = _batch_first([module], batch_first)
    width = ALIVE.get(type(module), 1) * module.hidden_size
    cell = fast_cell(module)
    if cell is not None:
        return FastCell(module, cell, example, width=width)
    return Recurrent(module, example, batch_first=first, layout="time", width=width)


def _sequential(module: nn.Sequential, example: Tensor, batch_first: bool | None, length: int | None) -> SequenceModel:
    members = flatten(module)
    first = _batch_first([m for m in members if hasattr(m, "batch_first")], batch_first)
    seen = example if first else example.transpose(0, 1)
    unpack = not _runs(module, seen)
    plain = Chain(members, seen, unpack=unpack, batch_first=first)
    cells = [fast_cell(m) or m for m in members]
    if any(isinstance(m, nn.RNNBase) and m.bidirectional for m in members):  # no state at a cut
        return Whole(plain.outputs, example, batch_first=first, length=length)
    widths = [ALIVE.get(type(m), 1) * m.hidden_size for m in members if isinstance(m, nn.RNNBase)]
    slow = any(isinstance(m, nn.RNNBase) for m in cells)
    layout: Layout | None = "time" if slow else None
    settings: dict[str, Any] = {"batch_first": first, "layout": layout, "width": max(widths, default=None)}
    itself = Recurrent(plain, example, **settings)
    if cells == members:
        return itself
    return Recurrent(Chain(cells, seen, unpack=unpack, batch_first=first), example, plain=itself, **settings)


def _runs(module: nn.Sequential, sequences: Tensor) -> bool:
    """Whether an nn.Sequential runs as it is, so that it unpacks its tuples itself."""
    try:
        with torch.no_grad():
            module(sequences)
    except Exception:  # whatever it is: the members are then called one by one, and fail again if it is they who fail
        return False
    return True


def _is_pretrained(module: object) -> bool:
    """Whether a class of transformers is among its classes, without importing transformers."""
    return any(c.__name__ == "PreTrainedModel" and c.__module__.startswith("transformers.") for c in type(module).mro())


def _batch_first(modules: list[Any], asked: bool | None) -> bool:
    """The order of axes that modules take."""
    orders = {bool(m.batch_first) for m in modules if hasattr(m, "batch_first")}
    if len(orders) > 1:
        raise ConventionError("all members must have the same batch_first, got both; set it alike in each")
    own = next(iter(orders), None)
    if asked is not None and own is not None and asked != own:
        raise ConventionError(
            f"batch_first must be {own}, which is what {name_of(modules[0])} was built with, got {asked}; leave it out"
        )
    return own if own is not None else asked is not False
