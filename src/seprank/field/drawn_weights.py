"""Which weights of a module are drawn at random, and which keep their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from .guard import read
from .not_polynomial import NotPolynomial
from .prime import PrimeField


@dataclass(frozen=True)
class Weights:
    """The named tensors of a module, divided by whether training changes them."""

    drawn: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of the parameters that are learned"""
    kept: dict[str, Tensor] = field(default_factory=dict)
    """Buffers, and parameters that are frozen or hold integers or masks"""
    rows: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    """Of some parameters that are learned, the rows that are not, by their numbers"""

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of all that keeps its values, by its name, rows as `name[number]`."""
        rows = {f"{name}[{number}]": row for name, own in self.rows.items() for number, row in own.items()}
        return {name: _digest(tensor) for name, tensor in sorted({**self.kept, **rows}.items())}


def read_weights(module: nn.Module) -> Weights:
    """Divide the parameters and buffers of a module.

    A parameter is drawn if gradients reach it. A row for padding keeps its values even if the table is used elsewhere,
    where training would change it: what is found for special weights bounds the generic rank from below all the same.

    Raises:
        NotPolynomial: a tensor is complex, or stored in a way that has no entries to read.

    Example:
        >>> weights = read_weights(nn.Embedding(5, 2, padding_idx=0))
        >>> weights.drawn, list(weights.rows["weight"])
        ({'weight': (5, 2)}, [0])
    """
    drawn, kept = {}, {}
    with _disable_current_modes():  # in a field, what is detached would be residues
        for name, parameter in module.named_parameters():
            _require_real(name, parameter)
            if parameter.requires_grad:
                drawn[name] = tuple(parameter.shape)
            else:
                kept[name] = parameter.detach()
        for name, buffer in module.named_buffers():
            _require_real(name, buffer)
            kept[name] = buffer.detach()
        return Weights(drawn, kept, _padding_rows(module, drawn))


def admit_table(field: PrimeField, elements: Tensor, rows: Mapping[int, Tensor]) -> Tensor:
    """A table of drawn weights as values of a field; some rows, for padding, keep their own values."""
    with _disable_current_modes():
        table = elements.clone()
        for number, row in rows.items():
            table[number] = field.admit(row)
        admitted = field.admit(table)
    admitted._seprank_padding = frozenset(rows)  # type: ignore[attr-defined]
    return admitted


def _require_real(name: str, tensor: Tensor) -> None:
    if tensor.is_complex():
        raise NotPolynomial(name, "the module", "it holds complex numbers; keep real and imaginary part as two tensors")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantized" if tensor.is_quantized else "meta" if tensor.is_meta else tensor.layout
        raise NotPolynomial(name, "the module", f"it is a {kind} tensor; store it as a dense one")


def _padding_rows(module: nn.Module, drawn: dict[str, tuple[int, ...]]) -> dict[str, dict[int, Tensor]]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    rows: dict[str, dict[int, Tensor]] = {}
    for part in module.modules():
        if isinstance(part, nn.Embedding | nn.EmbeddingBag) and part.padding_idx is not None:
            name = names.get(id(part.weight))
            if name in drawn:
                rows.setdefault(name, {})[part.padding_idx] = part.weight.detach()[part.padding_idx]
    return rows


def _digest(tensor: Tensor) -> str:
    """Of the line "<dtype> <shape>" and the entries in the order of rows, as they are in memory (little endian)."""
    shape = ",".join(map(str, tensor.shape))
    head = f"{str(tensor.dtype).removeprefix('torch.')} {shape}\n"
    entries = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(head.encode() + read(entries).tobytes()).hexdigest()
