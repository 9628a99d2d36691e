"""The adapter for a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .agreement import Checked, check
from .batches import Trial
from .chain import Chain, NotRecurrent, flatten
from .contract import CallFailed, CheckFailed, ConventionError, SequenceModel
from .recurrent import Layout, Recurrent
from .rescaled import NotHomogeneous, Rescaled
from .whole import Whole

GATES: dict[type, int] = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}
"""Rows of the recurrent weight per unit, in the modules of torch whose kernels are known"""


def adapt(
    module: Any,
    example: Tensor,
    *,
    batch_first: bool | None = None,
    length: int | None = None,
    rescale: bool = False,
) -> Checked:
    """The adapter for a module, tried on an example, having passed every check of `agreement`.

    The first rule that fits decides:

    1. an adapter is taken as it is, and checked;
    2. `nn.RNN`, `nn.GRU`, `nn.LSTM`: `Recurrent`, and for an `nn.LSTM` in float64 on a processor its faster cell
       `models.lstm_cell.SigmoidLSTM`;
    3. `nn.Sequential` with a member that returns (output, state): `Recurrent` on a `Chain`;
    4. a model of Hugging Face transformers: `Causal`, through its cache;
    5. what returns a pair (output, state): `Recurrent`;
    6. what returns one tensor: `Whole`, a function of the whole sequence. It is slower; `splits` is False.

    Args:
        module: a module, or any function of sequences. It is used as it is: put it in evaluation mode.
        example: at least one sequence of at least one step that the module takes, with the type and on the device of
            its inputs: vectors (batch, time, features) or token ids (batch, time). Batch first, always.
        batch_first: whether the module itself takes (batch, time, ...) or (time, batch, ...); by default its
            attribute `batch_first`, where it has none True, and if it fails like that the order that all its layers
            have by their own such attributes.
        length: of the sequences in question, where functions of whole sequences need take no other; `example` has it.
        rescale: take `Rescaled` where the module is homogeneous.

    Returns:
        The adapter, with `floor` as measured on the example.

    Raises:
        CallFailed: the module fails on the example.
        CheckFailed: a check fails; the error says which and by how much.
        ConventionError: it returns something else, or is bidirectional.
        TypeError: it cannot be called, or the example is no batch of sequences.

    Example:
        >>> model = adapt(torch.nn.LSTM(3, 5), torch.zeros(1, 2, 3))
        >>> state = model(model.pieces(torch.zeros(4, 7, 3)), None)[1]
        >>> output, _ = model(model.pieces(torch.zeros(8, 2, 3)), model.spread(state, 0, 4, 2))
        >>> output.shape
        torch.Size([5, 8])
    """
    if not callable(module):
        raise TypeError(f"module must be a torch.nn.Module or a function of sequences, got {type(module).__name__}")
    if not isinstance(example, Tensor) or example.ndim not in (2, 3) or 0 in example.shape:
        shown = tuple(example.shape) if isinstance(example, Tensor) else type(example).__name__
        raise TypeError(f"example must be sequences (batch, time, features) or token ids (batch, time), got {shown}")
    refused: list[ConventionError] = []
    for first in _orders(module, batch_first):
        reading = _Reading(module, example, first, length)
        try:
            return reading.checked(rescale=rescale)
        except ConventionError as error:  # this order of axes is refused, the next must pass the same checks
            refused.append(error)
    raise refused[0] if len(refused) == 1 else _refusal(module, refused)


class _Reading:
    """One way to read a module."""

    def __init__(self, module: Any, example: Tensor, batch_first: bool | None, length: int | None) -> None:
        self._module, self._example, self._first, self._length = module, example, batch_first, length

    def checked(self, *, rescale: bool) -> Checked:
        """The adapter of this reading, if it passes."""
        try:
            model = self._choose()
            trial = Trial.full(self._example) if self._whole_only(model) else Trial.short(self._example)
            found = check(model, trial)
            return _rescaled(model, trial) or found if rescale and isinstance(model, Recurrent) else found
        except (ConventionError, ImportError, MemoryError):
            raise
        except Exception as error:
            shape = tuple(self._example.shape)
            raise CallFailed(
                f"{_name(self._module)} failed on sequences {shape} of {self._example.dtype} with "
                f"{type(error).__name__}: {error}"
            ) from error

    def _whole_only(self, model: SequenceModel) -> bool:
        return self._length is not None and not model.splits

    def _choose(self) -> SequenceModel:
        module, few = self._module, self._few()
        if isinstance(module, SequenceModel):
            return module
        if isinstance(module, nn.RNNBase):
            return _library_module(module, few, self._first)
        if isinstance(module, nn.Sequential):
            model = _sequential(module, few, self._first)
            if model is not None:
                return model
        if _is_pretrained(module):
            from .causal import Causal

            return Causal(module, few)
        return self._by_result(few)

    def _few(self) -> Tensor:
        """A few short sequences, or of the length in question: there may be a member that takes no other."""
        if self._length is None:
            return Trial.short(self._example).starts
        trial = Trial.full(self._example)
        return torch.cat([trial.starts, trial.ends], 1)

    def _by_result(self, few: Tensor) -> SequenceModel:
        """What a call returns decides."""
        first = _batch_first([self._module], self._first)
        with torch.no_grad():
            result = self._module(few if first else few.transpose(0, 1))
        if isinstance(result, Tensor):
            return Whole(self._module, few, batch_first=first, length=self._length)
        return Recurrent(self._module, few, batch_first=first)


def _rescaled(model: Recurrent, trial: Trial) -> Checked | None:
    """None for a model that is not homogeneous, as most are not, or only near the probes; it is taken as it is."""
    try:
        return check(Rescaled(model, trial.starts), trial)
    except (NotHomogeneous, CheckFailed):
        return None


def _orders(module: Any, asked: bool | None) -> list[bool | None]:
    """Orders of axes to try: None leaves it to the module's own attribute; its layers may say otherwise."""
    if asked is not None or hasattr(module, "batch_first") or not isinstance(module, nn.Module):
        return [asked]
    layers = {bool(m.batch_first) for m in module.modules() if hasattr(m, "batch_first")}
    return [None, False] if layers == {False} and not isinstance(module, nn.Sequential) else [None]


def _refusal(module: Any, refused: list[ConventionError]) -> ConventionError:
    """All that was tried; as a failed check if the module ran at all."""
    text = f"{_name(module)} was read batch first, then time first as its layers are: " + "; then ".join(
        str(error) for error in refused
    )
    failed = [error for error in refused if isinstance(error, CheckFailed)]
    if failed:
        return CheckFailed(failed[0].check, text)
    return CallFailed(text) if all(isinstance(e, CallFailed) for e in refused) else ConventionError(text)


def _library_module(module: nn.RNNBase, example: Tensor, batch_first: bool | None) -> Recurrent:
    _refuse_bidirectional([module])
    first = _batch_first([module], batch_first)
    width = GATES.get(type(module), 1) * module.hidden_size
    if isinstance(module, nn.LSTM) and _has_fast_cell(module):
        from .fast_lstm import FastLSTM

        return FastLSTM(module, example, width=width)
    return Recurrent(module, example, batch_first=first, layout="time", width=width)


def _sequential(module: nn.Sequential, example: Tensor, batch_first: bool | None) -> Recurrent | None:
    """None if no member is recurrent."""
    members = flatten(module)
    _refuse_bidirectional(members)
    first = _batch_first([m for m in members if hasattr(m, "batch_first")], batch_first)
    seen = example if first else example.transpose(0, 1)
    try:
        chain = Chain([_stand_in(m) for m in members], seen, unpack=not _runs(module, seen), batch_first=first)
    except NotRecurrent:
        return None
    slow = any(isinstance(m, nn.RNNBase) and not _has_fast_cell(m) for m in members)
    widths = [GATES.get(type(m), 1) * m.hidden_size for m in members if isinstance(m, nn.RNNBase)]
    layout: Layout | None = "time" if slow else None
    return Recurrent(chain, example, batch_first=first, layout=layout, width=max(widths, default=None))


def _has_fast_cell(module: nn.Module) -> bool:
    """Whether it is nn.LSTM itself, in float64 on a processor, with no dropout to apply and no hook to call."""
    if type(module) is not nn.LSTM or (module.training and module.dropout > 0):
        return False
    weight = module.all_weights[0][0]
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return weight.dtype == torch.float64 and weight.device.type == "cpu" and not hooked


def _stand_in(module: nn.Module) -> Callable[..., Any]:
    """The fast cell of a module that has one, else the module."""
    if isinstance(module, nn.LSTM) and _has_fast_cell(module):
        from .lstm_cell import SigmoidLSTM

        return SigmoidLSTM(module)
    return module


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
            f"batch_first must be {own}, which is what {_name(modules[0])} was built with, got {asked}; leave it out"
        )
    return own if own is not None else asked is not False


def _refuse_bidirectional(modules: list[nn.Module]) -> None:
    for module in modules:
        if isinstance(module, nn.RNNBase) and module.bidirectional:
            order = "" if module.batch_first else ", with batch_first=False"
            raise ConventionError(
                f"a bidirectional {_name(module)} reads the end before it has an output about the start, so there is "
                "no state at a cut and no split is possible. It can be measured as a function of the whole sequence, "
                f"lambda x: module(x)[0]{order}; then each pair costs a sequence of full length, "
                "length / (length - cut) times as much, twice for a cut in the middle"
            )


def _name(module: Any) -> str:
    return getattr(module, "__name__", type(module).__name__)
