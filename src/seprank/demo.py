"""The demonstration: everything that the report on the paper's five questions is made of, computed in minutes."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from .certification import Certificate, certify
from .certification.summary import Summary
from .comparison import Comparison, compare
from .measurement import Measurement, measure
from .models import MODELS, find_model
from .report.answers import answers_page
from .report.findings import Findings, Matrix
from .report.findings import Sizes as Sizes
from .report.learning import Run
from .system.files import write_whole
from .system.versions import versions

Say = Callable[[str], None]
FINDINGS = "findings.json"
REPORT = "report.html"


def compute(folder: Path, sizes: Sizes, say: Say) -> Findings:
    """Everything; certificates are saved in the folder as they are found.

    Args:
        folder: for certificates.
        sizes: what is computed.
        say: is told each result in a line.
    """
    began = time.perf_counter()
    say(f"Start-End rank of a RAC with {sizes.inputs} inputs, width {sizes.width}")
    ranks = Ranks(folder, sizes, say)
    growth = ranks.all((d, t, t // 2) for d in sizes.depths for t in sizes.lengths)
    say("longer sequences")
    lengths = ranks.all((d, t, t // 2) for d in sizes.long_depths for t in sizes.long_lengths)
    say(f"every cut of length {sizes.cut_length}")
    cuts = ranks.all((d, sizes.cut_length, c) for d in sizes.depths for c in range(1, sizes.cut_length))
    matrix = start_end_matrix(sizes)
    say("architectures")
    architectures = _compared(None, [sizes.compared_length], sizes.compared_depths, sizes)
    found = dict(measured(sizes))
    integration = _compared(list(sizes.variants), sizes.lengths, [1], sizes)
    say("training")
    return Findings(
        sizes=sizes,
        matrix=matrix,
        growth=growth,
        lengths=lengths,
        cuts=cuts,
        architectures=architectures,
        integration=integration,
        measured=found,
        training=trained(sizes),
        versions={"system": platform.platform()} | versions("seprank", "torch", "numpy", "python-flint", "matplotlib"),
        seconds=time.perf_counter() - began,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def save(found: Findings, folder: Path) -> Path:
    """Write what was found, and the report of it; returns the path of the report."""
    found.save(folder / FINDINGS)
    return write_whole(folder / REPORT, answers_page(found))


class Ranks:
    """Certified ranks of RACs, each computed, saved and told once."""

    def __init__(self, folder: Path, sizes: Sizes, say: Say) -> None:
        self._folder, self._sizes, self._say = folder, sizes, say
        self._known: dict[tuple[int, int, int], Summary] = {}

    def all(self, cells: Iterable[tuple[int, int, int]]) -> list[Summary]:
        """Those of (depth, length, cut)."""
        return [self._known.get(cell) or self._certify(*cell) for cell in cells]

    def _certify(self, depth: int, length: int, cut: int) -> Summary:
        sizes = self._sizes
        module = find_model("rac").draw(sizes.seed, inputs=sizes.inputs, width=sizes.width, depth=depth)
        limit = None if 2 * cut == length else sizes.most_samples
        certificate = certify(module, length=length, cut=cut, seed=sizes.seed, max_samples=limit)
        certificate.save(self._folder / f"rac-depth{depth}-length{length}-cut{cut}.json")
        self._say(line(certificate, depth))
        self._known[depth, length, cut] = certificate.summary()
        return self._known[depth, length, cut]


def line(certificate: Certificate, depth: int) -> str:
    """A result in a line."""
    asked = certificate.question
    known = certificate.known
    return (
        f"  depth {depth}  length {asked.length:>2}  cut {asked.cut:>2}  rank {known.sign} {certificate.rank:>6,}  "
        f"{known.sureness.value:<18}  {certificate.seconds:5.1f} s"
    )


def start_end_matrix(sizes: Sizes) -> Matrix:
    """One Start-End matrix of a RAC with normal weights: its entries, its figures, and its certified rank."""
    import torch

    circuit = find_model("rac")
    module = circuit.draw(sizes.seed, inputs=sizes.inputs, width=sizes.matrix_width, depth=sizes.matrix_depth).double()
    length, count = sizes.matrix_length, sizes.matrix_samples
    generator = torch.Generator().manual_seed(sizes.seed)
    with torch.no_grad():
        for weights in module.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator, dtype=weights.dtype))
        shape = (2, count, length // 2, sizes.inputs)
        starts, ends = torch.randn(shape, generator=generator, dtype=torch.float64)
        halves = starts.repeat_interleave(count, 0), ends.repeat(count, 1, 1)
        values = module(torch.cat(halves, 1))[0][:, -1, 0].reshape(count, count)
    measurement = measure(module, length=length, starts=starts, ends=ends, readout=0, seed=sizes.seed, progress=False)
    certificate = certify(module, length=length, readout=0, seed=sizes.seed, progress=False)
    return Matrix(values.tolist(), certificate.summary(), measurement)


def _compared(models: list[str] | None, lengths: Iterable[int], depths: Iterable[int], sizes: Sizes) -> Comparison:
    return compare(
        models,
        length=list(lengths),
        depth=list(depths),
        width=sizes.width,
        inputs=sizes.inputs,
        max_samples=sizes.compared_samples,
        seed=sizes.seed,
    )


def measured(sizes: Sizes) -> Iterable[tuple[str, Measurement]]:
    """Every recurrent model of the registry, squashed where it has a squashed form, with weights as initialised."""
    for name, spec in MODELS.items():
        if not spec.recurrent:
            continue
        squashed = {key: value for key, value in spec.training.items() if key == "nonlinearity"}
        module = spec.draw(sizes.seed, inputs=sizes.inputs, width=sizes.width, depth=1, **squashed)
        count = sizes.measured_samples
        length = sizes.compared_length
        yield name, measure(module, length=length, starts=count, ends=count, seed=sizes.seed, progress=False)


def trained(sizes: Sizes) -> list[Run] | str:
    """Short runs on copying memory, one for each depth; without the extra, what to install."""
    from .train import TrainSettings, fit

    runs: list[Run] = []
    for depth in sizes.training_depths:
        settings = TrainSettings(
            task="copying-memory",
            task_settings={"symbols": 4, "memory": 3, "delay": 5},
            model="orthogonal",
            width=16,
            depth=depth,
            rate=0.003,
            steps=sizes.training_steps,
            batch=32,
            evaluate_every=max(sizes.training_steps // 6, 1),
            validation=128,
            test=1000,
            seed=sizes.seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            try:
                runs.append(Run(settings.to_dict(), fit(settings, folder=folder, progress=False)))
            except ImportError as error:
                return str(error)
    return runs
