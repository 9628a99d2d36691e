"""Causal models of Hugging Face transformers, continued through their cache."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from ..system.extras import need
from .agreement import compare_halves
from .batches import Trial, batch_axis, join_leaves, spread_leaves
from .contract import ConventionError, SequenceModel, State, as_columns, in_rows
from .skeleton import put_together, take_apart

CACHES = ("past_key_values", "cache_params", "state")
"""Names under which models return their cache, and take it again"""


class Causal(SequenceModel):
    """A causal model of `transformers`: token ids in, logits after the last step out, its cache as state.

    The cache may be any object: it is taken apart into its tensors and a skeleton, and put together again with the
    tensors of other batches. Models that write into their cache get copies. Positions follow from the cache. Vectors
    (batch, time, hidden_size) are passed as `inputs_embeds`.

    Two faults of models are detected by trial, and worked around: continued with several tokens at once, Mamba starts
    again from a zero state, so it gets one token at a time (`one_by_one`); given one token, RWKV mixes up the sequences
    of a batch, so it gets one sequence at a time (`alone`), which is slow.

    Args:
        module: the model, in evaluation mode.
        example: a few short sequences (batch, time) of token ids, or vectors, to try it on.

    Raises:
        ConventionError: the model returns no cache.
        ImportError: transformers is not installed.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=7, n_positions=9, n_embd=4, n_layer=2, n_head=2)
        >>> model = Causal(GPT2LMHeadModel(config).eval(), torch.arange(6).reshape(3, 2))
        >>> model.channels, model.state_numbers(5)
        (7, 80)
    """

    splits = True

    def __init__(self, module: nn.Module, example: Tensor) -> None:
        need("transformers", "hf", "models of Hugging Face")
        self._module = module
        self._takes = set(inspect.signature(module.forward).parameters)
        self._cache = ""
        self._axes: list[int | None] = []
        self.one_by_one = self.alone = False
        self._explore(example)
        self._choose_pace(example)

    def _explore(self, example: Tensor) -> None:
        """Name and batch axes of the cache, and how it grows."""
        example = torch.cat([example[:1]] * 3)
        two, three = (take_apart(self._run(example[:k], None)[1])[1] for k in (2, 3))
        self._axes = [batch_axis(a, b) for a, b in zip(two, three, strict=True)]
        output, first = self(example[:, :1], None)
        sizes = [self._count(state) for state in (first, self(example[:, :2], None)[1])]
        self.channels = output.shape[0]
        """Size of the vocabulary"""
        self.state_size, self._growth = sizes[0], sizes[1] - sizes[0]
        config: Any = self._module.config
        hidden = getattr(config, "hidden_size", 1)
        self.width = max(self.channels, getattr(config, "intermediate_size", None) or 4 * hidden)

    def _choose_pace(self, example: Tensor) -> None:
        found = compare_halves(self, Trial.short(example))
        self.one_by_one = found.together > found.tolerance >= found.stepwise
        self.alone = found.stepwise > found.tolerance >= found.together

    def _count(self, state: State) -> int:
        """Numbers that one sequence has in a state."""
        return sum(
            leaf.numel() // leaf.shape[axis]
            for leaf, axis in zip(state[1:], self._axes, strict=True)
            if axis is not None
        )

    def state_numbers(self, steps: int) -> int:
        return self.state_size + self._growth * (steps - 1)

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences as they are, token ids checked.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        letters = getattr(self._module.config, "vocab_size", None)
        if sequences.is_floating_point() or not isinstance(letters, int) or sequences.numel() == 0:
            return in_rows(sequences)
        least, most = (int(x) for x in sequences.aminmax())
        if least < 0 or most >= letters:
            raise ValueError(
                f"token ids must be between 0 and vocab_size - 1 = {letters - 1}, got {least if least < 0 else most}"
            )
        return in_rows(sequences)

    @torch.no_grad()
    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        if self.alone and pieces.shape[1] == 1 and len(pieces) > 1:
            return self._run_alone(pieces, state)
        # copies, because models write into their cache
        cache = None if state is None else put_together(state[0], [leaf.clone() for leaf in state[1:]])
        first, *others = pieces.split(1, 1) if self.one_by_one and cache is not None else [pieces]
        output, cache = self._run(first, cache)
        for part in others:
            output, cache = self._run(part, cache)
        skeleton, leaves = take_apart(cache)
        return as_columns(output), [skeleton, *leaves]

    def _run_alone(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        results = [
            self(piece[None], None if state is None else self.spread(state, k, k + 1, 1))
            for k, piece in enumerate(pieces)
        ]
        return torch.cat([output for output, _ in results], 1), self.join([after for _, after in results])

    def _run(self, pieces: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """(batch, channels) after the last step, and the cache."""
        arguments: dict[str, Any] = {"inputs_embeds" if pieces.is_floating_point() else "input_ids": pieces}
        if "logits_to_keep" in self._takes:
            arguments["logits_to_keep"] = 1
        if cache is not None:
            arguments[self._cache] = cache
        result = self._call(arguments)
        self._cache = self._cache or next((n for n in CACHES if n in self._takes and n in result), "")
        if not self._cache:
            raise ConventionError(
                f"{type(self._module).__name__} returned no cache ({', '.join(result)}); a model that reads in both "
                "directions, or without cache, is measured as a function of the whole sequence: "
                "lambda ids: module(ids).logits; a model in training mode needs .eval()"
            )
        output = result["logits"] if "logits" in result else result["last_hidden_state"]
        return output[:, -1], result[self._cache]

    def _call(self, arguments: dict[str, Any]) -> Any:
        try:
            with torch.no_grad():
                return self._module(**arguments, use_cache=True)
        except IndexError as error:
            positions = getattr(self._module.config, "max_position_embeddings", None)
            raise ValueError(
                f"the model has {positions} positions, and the sequence may have more; use a shorter length"
            ) from error

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        skeleton, *leaves = state
        return [skeleton, *spread_leaves(leaves, self._axes, range(first, last), copies)]

    def join(self, states: list[State]) -> State:
        return [states[0][0], *join_leaves([leaves for _, *leaves in states], self._axes)]
