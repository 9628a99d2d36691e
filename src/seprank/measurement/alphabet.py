"""What a model reads at each step: as the user gives it, as the model says, as data show, or as a layer inside does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..adapters import CallFailed, ConventionError
from ..adapters.copies import unwrapped
from ..question import check_whole, is_whole
from ..settings.entries import values
from ..settings.floating import FloatingSettings
from ..settings.hints import Hints
from .inputs import Alphabet, Array, halved, whole_sequences
from .measured_model import adapt_to, prepared

SAYS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Linear, "in_features"),
    (nn.RNNBase, "input_size"),
    (nn.RNNCellBase, "input_size"),
    (nn.MultiheadAttention, "embed_dim"),
)
"""Layers that read features, and where each says how many; `nn.Embedding` reads token ids"""

_TRIED = 24
"""Sequences on which a size is tried: as many as every check takes"""


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
    """What a layer inside reads, tried by running the model on it.

    Raises:
        ValueError: there is no such layer, or the model runs with the size of none.
    """
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

    A check that fails is left to whoever measures the model: it ran, so that the size is right.

    Raises:
        CallFailed: the model fails on them.
    """
    settings = FloatingSettings(**values(said))
    samples = halved(whole_sequences(alphabet, length=length, starts=_TRIED, ends=_TRIED, seed=0), max(1, length // 2))
    watch = _Watch()
    with prepared(model, settings) as versions:
        for version in versions:
            watch.over(version.model, layers)
        try:
            adapt_to(versions, samples, settings, length)
        except ConventionError as error:
            if isinstance(error, CallFailed):
                raise
    return watch.first


class _Watch:
    """Which layer a model calls first, each time it is called."""

    def __init__(self) -> None:
        self.first = ""
        self._begun = True
        self._given: Tensor | None = None

    def over(self, module: nn.Module, layers: list[str]) -> None:
        """Watch a module, a copy that nobody else has."""
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
