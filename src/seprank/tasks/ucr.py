"""Univariate series of the UCR archive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..question import check_choice
from ..system.extras import need
from .labelled_series import Counts, LabelledSeries, share_counts, shares

_VALIDATION = 5
"""One training series in this many is for validation"""


class Shape(NamedTuple):
    """Size of a set: steps, and series per class in the archive's two parts."""

    length: int
    train: Counts
    test: Counts


SETS = {
    "ACSF1": Shape(1460, (10,) * 10, (10,) * 10),
    "ArrowHead": Shape(251, (12, 12, 12), (69, 53, 53)),
    "GunPoint": Shape(150, (24, 26), (76, 74)),
    "ItalyPowerDemand": Shape(24, (34, 33), (513, 516)),
    "OSULeaf": Shape(427, (34, 29, 33, 53, 36, 15), (32, 55, 42, 44, 46, 23)),
}
"""The sets of equally long univariate series that sktime brings along"""


@dataclass(frozen=True)
class UCR(LabelledSeries):
    """Classify real series: a set of the UCR archive that is installed with sktime, so that nothing is downloaded.

    The archive's test part is the test part. Every fifth series of its training part, with nearly equal shares of all
    classes, is for validation. Values are as in the archive, which has normalised each series. The goal, an accuracy
    of 0.8, is a convention.

    Source: Dau et al. 2019, "The UCR time series archive" (arXiv:1810.07758).
    """

    name: ClassVar = "ucr"
    goal: ClassVar = ("accuracy", 0.8)

    dataset: str = "OSULeaf"
    """Name of the set: ACSF1, ArrowHead, GunPoint, ItalyPowerDemand or OSULeaf"""

    def __post_init__(self) -> None:
        check_choice("dataset", self.dataset, [*SETS])

    @property
    def length(self) -> int:
        return SETS[self.dataset].length

    @property
    def class_counts(self) -> dict[str, Counts]:
        shape = SETS[self.dataset]
        validation, train = share_counts(shape.train, sum(shape.train) // _VALIDATION)
        return {"train": train, "validation": validation, "test": shape.test}

    def parts(self) -> dict[str, tuple[Tensor, Tensor]]:
        series, classes = _load(self.dataset, "train")
        validation, train = shares(classes, len(classes) // _VALIDATION)
        return {
            "train": (series[train], classes[train]),
            "validation": (series[validation], classes[validation]),
            "test": _load(self.dataset, "test"),
        }


@cache
def _load(dataset: str, part: str) -> tuple[Tensor, Tensor]:
    """Series (count, time, 1) and classes from 0 (count,)."""
    archive = need("sktime.datasets", "data", "the task ucr")
    values, labels = archive.load_UCR_UEA_dataset(dataset, split=part, return_X_y=True, return_type="numpy3D")
    names = sorted(set(labels), key=int)
    classes = torch.tensor([names.index(label) for label in labels])
    return torch.from_numpy(values).float().transpose(1, 2).contiguous(), classes
