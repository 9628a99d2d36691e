"""Operations on windows of the last axes: padding, convolutions and means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .arithmetic import Arithmetic
from .operands import Refusal, div, element

Spans = tuple[Tensor, Tensor]
"""Beginnings and ends of the windows along an axis"""


def pad(f: Arithmetic, a: Tensor, pad: list[int], value: Any = 0) -> Tensor:
    return torch.constant_pad_nd(a, pad, element(f, value).item())


def convolution(
    f: Arithmetic,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Tensor:
    """One product of all windows (batch, group, place, channel x tap) with the taps (group, channel x tap, output)."""
    if transposed:
        raise Refusal("transposed convolutions are not supported; put zeros between the steps, and use conv1d")
    stride, padding, dilation = (_each_axis(n, weight.ndim - 2) for n in (stride, padding, dilation))
    x = torch.constant_pad_nd(x, [n for size in reversed(padding) for n in (size, size)], 0)
    outputs, channels, *taps = weight.shape
    for axis, (length, step, gap) in enumerate(zip(taps, stride, dilation, strict=True), 2):
        x = x.unfold(axis, gap * (length - 1) + 1, step)[..., ::gap]
    batch, places, count = x.shape[0], x.shape[2 : weight.ndim], channels * math.prod(taps)
    windows = x.reshape(batch, groups, channels, math.prod(places), math.prod(taps)).transpose(2, 3)
    kernel = weight.reshape(groups, outputs // groups, count).transpose(1, 2)
    result = f.matmul(windows.reshape(batch, groups, -1, count), kernel)
    result = result.transpose(2, 3).reshape(batch, outputs, *places)
    return result if bias is None else f.add(result, bias.reshape(-1, *[1] * len(places)))


def average_pool(
    f: Arithmetic,
    x: Tensor,
    size: list[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Means over windows of the last axes; padding is counted or not."""
    axes = 2 if len(size) == 1 else len(size)
    size, stride, padding = (_each_axis(n, axes) for n in (size, stride or size, padding))
    spans, counts = [], []
    for length, window, step, margin in zip(x.shape[-axes:], size, stride, padding, strict=True):
        begins = torch.arange(_count_windows(length, window, step, margin, ceil_mode)) * step - margin
        ends = (begins + window).clamp(max=length + margin)
        spans.append((begins.clamp(min=0), ends.clamp(max=length)))
        counts.append(ends - begins if count_include_pad else spans[-1][1] - spans[-1][0])
    return _average(f, x, spans, counts if divisor_override is None else [torch.tensor([divisor_override])])


def adaptive_average_pool(f: Arithmetic, x: Tensor, output_size: list[int]) -> Tensor:
    """Means over a given number of windows that together cover the last axes."""
    spans = []
    for length, count in zip(x.shape[-len(output_size) :], output_size, strict=True):
        numbers = torch.arange(count)
        spans.append((numbers * length // count, -(-(numbers + 1) * length // count)))
    return _average(f, x, spans, [ends - begins for begins, ends in spans])


def _count_windows(length: int, window: int, step: int, margin: int, ceil_mode: bool) -> int:
    """How many windows begin within an axis or its left margin and, without `ceil_mode`, end within its margins."""
    room = length + 2 * margin - window
    count = (-(-room // step) if ceil_mode else room // step) + 1
    return count - 1 if (count - 1) * step >= length + margin else count


def _average(f: Arithmetic, x: Tensor, spans: list[Spans], counts: list[Tensor]) -> Tensor:
    """Sums over windows of the last axes, divided by products of counts."""
    divisors = torch.ones((), dtype=torch.long)
    for axis, (begins, ends) in zip(range(-len(spans), 0), spans, strict=True):
        places = torch.arange(x.shape[axis])
        inside = (places >= begins[:, None]) & (places < ends[:, None])
        x = f.matmul(x.movedim(axis, -1), f.residues(inside.T).to(x.device)).movedim(-1, axis)
    for number in counts:
        divisors = divisors.unsqueeze(-1) * number
    return div(f, x, divisors.to(x.device)).contiguous()


def _each_axis(numbers: Sequence[int], axes: int) -> list[int]:
    return [*numbers] * axes if len(numbers) == 1 else [*numbers]
