"""The halves of a measurement: random vectors, random tokens, or from the user's own sequences."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..adapters.alphabet import Alphabet
from ..startend import Halves

Array = npt.NDArray[Any]
Data = Array | Tensor
"""Sequences as the user gives them"""
Numbers = npt.NDArray[np.int64]


class DataError(ValueError):
    """Data that cannot be used as sequences; the message says why and what to do."""


@dataclass(frozen=True)
class Samples:
    """Start and end halves, and where they come from."""

    starts: Halves
    ends: Halves
    source: str
    """In words: what the halves are"""
    origins: tuple[Numbers, Numbers] | None = None
    """Of the user's own sequences: the one that each start and each end comes from"""
    inferred: str = ""
    """How the size of a step was found, where neither the user nor the model states it"""

    @property
    def features(self) -> int:
        """Numbers per step, over all its axes; 1 for token ids."""
        return math.prod(self.starts.sequences(0, 1).shape[2:])


def whole_sequences(
    alphabet: Alphabet, *, length: int, starts: int, ends: int, data: Data | None = None, seed: int
) -> Samples:
    """Sequences of full length from which the halves of every cut are taken, see `halved`.

    Args:
        alphabet: what the model reads.
        length: T; longer sequences are shortened.
        starts, ends: how many to draw, independently; of `data` at most as many as there are.
        data: (count, steps, features), with more axes if a step has more, (count, steps) for one feature, or
            integers (count, steps) of tokens. By default independent standard normal vectors, or uniform tokens.
        seed: of the draw.

    Raises:
        DataError: as `checked_sequences`.
    """
    if data is None:
        first, second = (
            Halves(vectors=_draw(alphabet, np.random.default_rng((seed, stream)), (count, length)))
            for stream, count in ((0, starts), (1, ends))
        )
        what = "independent normal vectors" if alphabet.tokens is None else f"uniform tokens out of {alphabet.tokens}"
        return Samples(first, second, source=what, inferred=alphabet.inferred)
    found = checked_sequences(data, alphabet, length)
    chosen = [_choose(len(found), count, (seed, stream)) for stream, count in ((0, starts), (1, ends))]
    first, second = (Halves(vectors=torch.from_numpy(found[numbers])) for numbers in chosen)
    source = f"halves of {len(found)} sequences given"
    return Samples(first, second, source, origins=(chosen[0], chosen[1]), inferred=alphabet.inferred)


def halved(whole: Samples, cut: int) -> Samples:
    """The first `cut` steps of the starts, and the ends from there on."""
    first, second = whole.starts.sequences()[:, :cut], whole.ends.sequences()[:, cut:]
    return replace(whole, starts=Halves(vectors=first), ends=Halves(vectors=second))


def given_halves(starts: Data, ends: Data, alphabet: Alphabet, *, length: int, cut: int) -> Samples:
    """The user's own halves, checked.

    Raises:
        DataError: as `checked_sequences`, or a half is too long.
    """
    halves = []
    for name, given, steps in (("starts", starts, cut), ("ends", ends, length - cut)):
        shape = tuple(given.shape)
        if len(shape) < 2 or shape[1] != steps:
            raise DataError(f"{name} must be (count, {steps}, ...) for length {length} and cut {cut}, got {shape}")
        halves.append(Halves(vectors=torch.from_numpy(checked_sequences(given, alphabet, steps))))
    return Samples(halves[0], halves[1], source="halves given", inferred=alphabet.inferred)


def _draw(alphabet: Alphabet, generator: np.random.Generator, shape: tuple[int, int]) -> Tensor:
    if alphabet.tokens is not None:
        return torch.from_numpy(generator.integers(0, alphabet.tokens, shape))
    assert alphabet.features is not None
    return torch.from_numpy(generator.standard_normal((*shape, *alphabet.shape)))


def as_array(sequences: Data) -> Array:
    """Sequences as a NumPy array; floats of 16 bits, which may have no NumPy type, as float32."""
    if not isinstance(sequences, Tensor):
        return np.asarray(sequences)
    tensor = sequences.detach().cpu()
    array: Array = (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
    return array


def _choose(available: int, count: int, seed: tuple[int, int]) -> Numbers:
    """Numbers of sequences, ascending, none twice."""
    if count >= available:
        return np.arange(available)
    return np.sort(np.random.default_rng(seed).permutation(available)[:count])


def checked_sequences(data: Data, alphabet: Alphabet, length: int) -> Array:
    """The first steps of the user's sequences: int64 tokens (count, length) or float64 vectors (count, length, ...).

    Raises:
        DataError: they are too short, of a wrong size, not finite, or tokens are out of range.
    """
    data = as_array(data)
    if data.ndim < 2 or 0 in data.shape:
        raise DataError(f"sequences must be (count, steps) or (count, steps, features), got shape {data.shape}")
    if data.shape[1] < length:
        raise DataError(f"sequences must have at least {length} steps, got {data.shape[1]}; use a shorter --length")
    if not np.issubdtype(data.dtype, np.number):
        raise DataError(f"sequences must be numbers, got {data.dtype}")
    if np.iscomplexobj(data):
        raise DataError(
            f"sequences must be real, got {data.dtype}; give real and imaginary parts as two features, "
            "np.stack([x.real, x.imag], -1), to a model of as many inputs"
        )
    data = data[:, :length]
    return _checked_tokens(data, alphabet.tokens) if alphabet.tokens is not None else _checked_vectors(data, alphabet)


def _checked_tokens(data: Array, tokens: int) -> Array:
    data = data[..., 0] if data.ndim == 3 and data.shape[2] == 1 else data
    if data.ndim != 2 or not np.array_equal(data, np.rint(data)):
        raise DataError(f"this model reads token ids: sequences must be integers (count, steps), got {data.shape}")
    outside = np.argwhere((data < 0) | (data >= tokens))
    if len(outside):
        row, step = outside[0]
        raise DataError(
            f"token ids must be between 0 and {tokens - 1}, got {data[row, step]} in sequence {row}, step {step}"
        )
    return data.astype(np.int64)


def _checked_vectors(data: Array, alphabet: Alphabet) -> Array:
    vectors = (data[..., None] if data.ndim == 2 else data).astype(np.float64)
    if vectors.shape[2:] != alphabet.shape:
        wanted, found = (" x ".join(map(str, shape)) for shape in (alphabet.shape, vectors.shape[2:]))
        raise DataError(f"this model reads {wanted} features per step, the data has {found}")
    wrong = np.argwhere(~np.isfinite(vectors))
    if len(wrong):
        row, step, feature = wrong[0]
        raise DataError(f"the data is not finite in sequence {row}, step {step}, feature {feature}; leave it out")
    return vectors


def read_sequences(path: str | Path) -> Array:
    """Sequences from a file: .npy, .npz or .safetensors with one array, or .csv with one sequence per line.

    Raises:
        DataError: the file is of another kind, or holds more than one array or none.
        OSError: it cannot be read.
    """
    path = Path(path)
    if path.suffix not in (".npy", ".npz", ".csv", ".safetensors"):
        raise DataError(f"data must be a .npy, .npz, .csv or .safetensors file, got {path.name}")
    if not path.is_file():
        raise DataError(f"there is no file {path}; check the path")
    try:
        return _read(path)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path} cannot be read as {path.suffix}: {error}") from error


def _read(path: Path) -> Array:
    if path.suffix == ".csv":
        return np.loadtxt(path, delimiter=",", ndmin=2)
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return _only(path, load_file(path))
    found = np.load(path, allow_pickle=False)
    if path.suffix == ".npy":
        return np.asarray(found)
    with found as arrays:
        return _only(path, dict(arrays))


def _only(path: Path, arrays: dict[str, Array]) -> Array:
    if "sequences" in arrays:
        return arrays["sequences"]
    if len(arrays) != 1:
        raise DataError(f"{path} must hold one array, or one called 'sequences'; it has {sorted(arrays) or 'none'}")
    return next(iter(arrays.values()))
