"""What a model reads at each step, taken from the user, the model itself, the data, or a layer inside."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..question import check_whole, is_whole
from ..settings.hints import Hints
from ..system.quiet import quiet
from ..system.seeds import seeded
from .choose import search
from .contract import CallFailed
from .copies import converted, copy_module, unwrapped
from .refusal import Refused

log = logging.getLogger("seprank")

Array = npt.NDArray[np.generic]

SAYS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Linear, "in_features"),
    (nn.RNNBase, "input_size"),
    (nn.RNNCellBase, "input_size"),
    (nn.MultiheadAttention, "embed_dim"),
)
"""Layers that read features, and where each says how many; `nn.Embedding` reads token ids"""

_TRIED = 24
"""Sequences on which a size is tried, enough for every check"""


@dataclass(frozen=True)
class Alphabet:
    """What a model reads at each step."""

    features: int | None = None
    """Numbers per step, None for a model that reads token ids"""
    tokens: int | None = None
    """Number of token ids, None for a model that reads vectors"""
    axes: tuple[int, ...] = ()
    """Sizes of the axes of a step that has several, such as a picture"""
    inferred: str = ""
    """How it was found, where neither the user nor the model states it"""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a step.

        Example:
            >>> Alphabet(features=12, axes=(3, 2, 2)).shape, Alphabet(features=4).shape, Alphabet(tokens=9).shape
            ((3, 2, 2), (4,), ())
        """
        if self.features is None:
            return ()
        return self.axes or (self.features,)


def find_alphabet(
    model: Any,
    inputs: int | tuple[int, ...] | None = None,
    tokens: int | None = None,
    *,
    shown: Array | Tensor | None = None,
    length: int = 4,
    said: Hints | None = None,
) -> Alphabet:
    """What a model reads: as given, as it says itself, as shown, or as the first layer inside that its inputs reach.

    A model says it by `config.vocab_size`, `input_size` or `in_features`, or by the first member of an
    `nn.Sequential`. The size of a layer inside is taken only if the model runs with it, and the layer is the first of
    its kind that is called; an `nn.Embedding` must be given the very ids.

    Args:
        model: the model.
        inputs, tokens: features per step, or sizes of their axes, or number of token ids, if given.
        shown: sequences for the model; if they are vectors they show the number of features.
        length: of the sequences in question.
        said: how the model is called.

    Raises:
        ValueError: nothing says it.

    Example:
        >>> class Tagger(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.scale = nn.Linear(3, 5)
        ...     def forward(self, x):
        ...         return self.scale(x).cumsum(1).tanh()
        >>> find_alphabet(Tagger()).features
        3
    """
    if tokens is not None:
        return Alphabet(tokens=check_whole("tokens", tokens, 1))
    if inputs is not None:
        return _of_features(inputs)
    if shown is not None and shown.ndim > 3:
        return _of_features(tuple(shown.shape[2:]))
    found = _as_it_says(unwrapped(model))
    if found is not None:
        return found
    if shown is not None and shown.ndim == 3:
        return Alphabet(features=shown.shape[2])
    return _of_layers(model, max(length, 2), said or Hints())


def count_inputs(model: Any, *, ids: bool, length: int, said: Hints | None = None) -> int:
    """How many inputs a model has, features per step or letters, where the user does not say.

    Args:
        model: the model.
        ids: whether it may read token ids, and not only vectors.
        length: of the sequences in question.
        said: how the model is called.

    Raises:
        ValueError: nothing says it, or it reads token ids where vectors are wanted.
    """
    found = find_alphabet(model, length=length, said=said)
    if found.tokens is not None and not ids:
        raise ValueError(
            f"the model reads {found.tokens} token ids, not vectors; use domain='tokens' and "
            "templates='ids' (--domain tokens --templates ids)"
        )
    if found.inferred:
        log.info(found.inferred)
    return found.tokens or found.features or 1


def _of_features(inputs: int | tuple[int, ...]) -> Alphabet:
    if not isinstance(inputs, tuple | list):
        return Alphabet(features=check_whole("inputs", inputs, 1))
    axes = tuple(check_whole("each of inputs", size, 1) for size in inputs)
    if not axes:
        raise ValueError("inputs must be features per step, or the sizes of their axes, got none")
    return Alphabet(features=math.prod(axes), axes=axes if len(axes) > 1 else ())


def _as_it_says(model: Any) -> Alphabet | None:
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if is_whole(vocabulary):
        return Alphabet(tokens=check_whole("vocab_size", vocabulary, 1))
    for member in [model, *(model if isinstance(model, nn.Sequential) else [])]:
        if isinstance(member, nn.Embedding):
            return Alphabet(tokens=member.num_embeddings)
        size = getattr(member, "input_size", getattr(member, "in_features", None))
        if is_whole(size):
            return Alphabet(features=check_whole("input_size", size, 1))
    return None


def _of_layers(model: Any, length: int, said: Hints) -> Alphabet:
    """What a layer inside reads; refused if there is none, or the model runs with the size of none."""
    layers = dict(_readers(unwrapped(model)))
    text = "the model does not say what it reads; give inputs (features per step) or tokens (number of token ids)"
    failed: CallFailed | None = None
    for alphabet in dict.fromkeys(layers.values()):
        try:
            first = _first_read(model, alphabet, [*layers], length, said)
        except CallFailed as error:
            failed = failed or error
            text += f"; not {_size(alphabet)}: {error}" if failed is error else f"; nor {_size(alphabet)}"
            continue
        if layers.get(first) == alphabet:
            layer = type(unwrapped(model).get_submodule(first)).__name__
            return Alphabet(
                alphabet.features,
                alphabet.tokens,
                inferred=f"taken to read {_size(alphabet)}, as {first} ({layer}) inside does",
            )
    refusal = ValueError(text)
    for note in getattr(failed, "__notes__", []):
        refusal.add_note(note)
    raise refusal from failed


def _size(alphabet: Alphabet) -> str:
    return f"{alphabet.features} features per step" if alphabet.tokens is None else f"{alphabet.tokens} token ids"


def _readers(module: Any) -> Iterator[tuple[str, Alphabet]]:
    """Layers inside that read features or token ids, in the order in which they were registered."""
    for name, part in module.named_modules() if isinstance(module, nn.Module) else ():
        if isinstance(part, nn.Embedding):
            yield name, Alphabet(tokens=part.num_embeddings)
        for kind, attribute in SAYS:
            if isinstance(part, kind):
                yield name, Alphabet(features=getattr(part, attribute))


def _first_read(model: Any, alphabet: Alphabet, layers: list[str], length: int, said: Hints) -> str:
    """The first of these layers that reads when the model is given such sequences, "" if none does.

    A failed check is left to whoever uses the model: it ran, so the size is right.
    """
    watch, failed = _Watch(), None
    with quiet(), torch.no_grad(), seeded(0):
        for copy in _versions(unwrapped(model)):
            watch.over(copy, layers)
            own = next((p.dtype for p in copy.parameters() if p.is_floating_point()), torch.float64)
            try:
                search(copy, _sequences(alphabet, length, own), said, length=length)
            except Refused as refused:
                if isinstance(refused.error, CallFailed):
                    failed = failed or refused.error
                    continue
            return watch.first
    assert failed is not None
    raise failed


def _versions(module: nn.Module) -> Iterator[nn.Module]:
    yield converted(copy_module(module), torch.float64).eval()
    yield copy_module(module).eval()


def _sequences(alphabet: Alphabet, length: int, dtype: torch.dtype) -> Tensor:
    if alphabet.tokens is not None:
        return torch.randint(alphabet.tokens, (_TRIED, length))
    return torch.randn(_TRIED, length, *alphabet.shape, dtype=dtype)


class _Watch:
    """Which layer a model calls first, each time it is called."""

    def __init__(self) -> None:
        self.first = ""
        self._begun = True
        self._given: Tensor | None = None

    def over(self, module: nn.Module, layers: list[str]) -> None:
        """Watch a module, which must be a copy of our own: its hooks stay."""
        module.register_forward_pre_hook(self._begin)
        for name in layers:
            module.get_submodule(name).register_forward_pre_hook(partial(self._note, name))

    def _begin(self, _: nn.Module, given: tuple[Any, ...]) -> None:
        self.first, self._begun, self._given = "", True, next((x for x in given if isinstance(x, Tensor)), None)

    def _note(self, name: str, layer: nn.Module, given: tuple[Any, ...]) -> None:
        if isinstance(layer, nn.Embedding) and not _has(self._given, given[0] if given else None):
            return  # of positions
        if self._begun:
            self.first, self._begun = name, False


def _has(ids: Tensor | None, part: Any) -> bool:
    """Whether a layer was given the ids of all steps, or of the first: positions are no inputs."""
    if ids is None or not isinstance(part, Tensor) or ids.is_floating_point():
        return False
    steps = [ids, *([ids[:, 0], ids[0]] if ids.ndim == 2 else [])]
    return any(torch.equal(part.flatten().sort()[0], step.flatten().sort()[0]) for step in steps)
