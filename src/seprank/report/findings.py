"""What the demonstration found: one record, kept beside its page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..certification.certificate import digest
from ..certification.summary import Summary
from ..comparison import Comparison
from ..measurement import Measurement
from ..result.result import STRICT, validated
from ..system.files import write_whole
from .learning import Run

KIND = "seprank demo 1"
_GREATEST = 1000
"""The largest size that is accepted from a file, because pictures and bounds are computed from it"""


@dataclass(frozen=True)
class Sizes:
    """What the demonstration computes; the defaults take two minutes on two cores."""

    __pydantic_config__ = STRICT

    inputs: int = 3
    width: int = 3
    depths: tuple[int, ...] = (1, 2, 3)
    lengths: tuple[int, ...] = (2, 4, 6, 8)
    """At the middle cut, for all depths"""
    long_depths: tuple[int, ...] = (1, 2)
    long_lengths: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 16, 20, 24)
    cut_length: int = 6
    """Length that is cut everywhere"""
    most_samples: int = 3000
    """On a side, at these cuts"""
    matrix_width: int = 2
    matrix_depth: int = 2
    matrix_length: int = 8
    matrix_samples: int = 48
    compared_length: int = 6
    compared_depths: tuple[int, ...] = (1, 2)
    compared_samples: int = 256
    """Maximum number of samples per side"""
    measured_samples: int = 96
    variants: tuple[str, ...] = ("elman", "rac", "second_order", "mi_rnn", "cp_rnn", "arithmetic_lstm")
    picture_length: int = 6
    training_steps: int = 120
    training_depths: tuple[int, ...] = (1, 2)
    seed: int = 0


@dataclass(frozen=True)
class Matrix:
    """One Start-End matrix of a network with real weights, (starts, ends), and what is known of it."""

    values: list[list[float]]
    certificate: Summary
    measurement: Measurement


@dataclass(frozen=True)
class Findings:
    """The answers to the paper's five questions."""

    sizes: Sizes
    matrix: Matrix
    growth: list[Summary]
    """At the middle cut of growing lengths"""
    lengths: list[Summary]
    """The same, for lengths that one layer cannot follow"""
    cuts: list[Summary]
    """At every cut of one length"""
    architectures: Comparison
    integration: Comparison
    measured: dict[str, Measurement]
    """By name of model"""
    training: list[Run] | str
    """Settings and results, or why there are none"""
    versions: dict[str, str]
    seconds: float
    finished: str

    def save(self, path: Path) -> Path:
        """Write them as JSON with a digest."""
        content = json.loads(json.dumps(self.to_dict(), allow_nan=False))
        return write_whole(path, json.dumps(content | {"digest": digest(content)}, allow_nan=False))

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        matrix = {
            "values": self.matrix.values,
            "certificate": self.matrix.certificate.to_dict(),
            "measurement": self.matrix.measurement.to_dict(),
        }
        return plain | {
            "kind": KIND,
            "sizes": asdict(self.sizes),
            "matrix": matrix,
            **{name: [found.to_dict() for found in plain[name]] for name in ("growth", "lengths", "cuts")},
            **{name: plain[name].to_dict() for name in ("architectures", "integration")},
            "measured": {name: found.to_dict() for name, found in self.measured.items()},
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Findings:
        """What a file holds; `ValueError`, `LookupError` or `TypeError` if it is damaged or of excessive sizes."""
        plain = {name: value for name, value in content.items() if name != "digest"}
        if content.get("digest") != digest(plain):
            raise ValueError("the findings do not have the digest they state; run `seprank demo` again")
        matrix, training = plain["matrix"], plain["training"]
        found = Findings(
            sizes=validated(Sizes, plain["sizes"]),
            matrix=Matrix(
                matrix["values"],
                Summary.from_dict(matrix["certificate"]),
                Measurement.from_dict(matrix["measurement"]),
            ),
            **{name: [Summary.from_dict(each) for each in plain[name]] for name in ("growth", "lengths", "cuts")},
            architectures=Comparison.from_dict(plain["architectures"]),
            integration=Comparison.from_dict(plain["integration"]),
            measured={name: Measurement.from_dict(each) for name, each in plain["measured"].items()},
            training=training if isinstance(training, str) else [Run(*run) for run in training],
            versions=dict(plain["versions"]),
            seconds=float(plain["seconds"]),
            finished=str(plain["finished"]),
        )
        found._check_sizes()
        return found

    def _check_sizes(self) -> None:
        numbers: list[Any] = [self.sizes.inputs, self.sizes.width, self.sizes.picture_length]
        for each in (*self.growth, *self.lengths, *self.cuts):
            numbers += [each.settings.get(name) for name in ("inputs", "width", "depth")]
            numbers += [each.length, each.cut]
        if not all(isinstance(number, int) and 0 <= number <= _GREATEST for number in numbers):
            raise ValueError(f"the findings have sizes above {_GREATEST:,}, or none; run `seprank demo` again")
