"""The checks that every model must pass: batch, repeat, causal and halves.

No result is computed from a model that has not passed them: only `check` makes a `Checked`, and measurements take
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .batches import Trial
from .contract import Check, CheckFailed, SequenceModel, State
from .reading import Reading
from .rounding import EPSILON, RoundingWatch, difference, precision


@dataclass(frozen=True)
class Agreement:
    """How far apart runs of a model are that should agree, on a trial; each relative to the largest number."""

    outputs: float
    """Difference of the last outputs, end halves run as one piece"""
    together: float
    """The largest difference in outputs or states, end halves run as one piece"""
    stepwise: float
    """The largest difference in outputs or states, everything run step by step"""
    batches: float
    """The largest difference of the last outputs if sequences are run by themselves, or among others"""
    repeats: float
    """Difference of the last outputs if the same call is made twice"""
    ahead: float
    """The largest difference of outputs at steps of the start if another end follows; no fault without a state"""
    draws: bool
    """Whether a call takes numbers from the global generator of torch or NumPy: the result may be noisy, if rarely"""
    rounding: float
    """Spacing of the coarsest floating-point type that values were rounded to"""

    @property
    def tolerance(self) -> float:
        """Differences beyond this are not rounding."""
        return tolerance(self.rounding)

    @property
    def floor(self) -> float:
        """Relative size of the rounding in outputs, with a margin of four over what the trial shows."""
        return 4 * max(self.rounding, self.outputs, self.batches, self.repeats)


NUDGED = 100.0
"""Rounding inside may change an output this many times more than a change of the inputs in their last digit does"""


def tolerance(rounding: float) -> float:
    """The largest relative difference that rounding may make, where numbers are rounded to this spacing.

    Example:
        >>> tolerance(2.0**-52) < 1e-11, tolerance(2.0**-7)
        (True, 0.1)
    """
    return min(1e4 * rounding, 0.1)


def compare_halves(model: SequenceModel, trial: Trial) -> Agreement:
    """Run sequences at once and in halves, with states joined and spread in between; twice, and in other batches.

    States are compared as well as outputs: an untrained model may have so little memory that losing its state shows in
    no digit of a float32 output. All are compared with `model.plain()`.
    """
    sequences, _ = trial.pairs()
    with RoundingWatch() as watch:
        whole = model(_fresh(model, sequences), None)
    between = _generators(sequences)
    again = output_of(model, sequences)
    slow = model.plain()
    expected = slow.values(*slow(_fresh(slow, sequences), None))
    if not expected[0].isfinite().all():
        expected = model.values(*whole)
    together, stepwise = _in_halves(model, trial, expected)
    return Agreement(
        outputs=max(together[0], difference(model.values(*whole)[0], expected[0])),
        together=max(together),
        stepwise=max(stepwise),
        batches=max(_in_other_batches(model, trial, model.values(*whole)[0])),
        repeats=difference(again, whole[0]),
        ahead=_looking_ahead(model, trial),
        draws=_moved(model, sequences, between),
        rounding=max(watch.rounding, precision(whole[0]), precision(sequences), EPSILON),
    )


def _fresh(model: SequenceModel, sequences: Tensor) -> Tensor:
    """A copy for each call: a module may write into its input."""
    return model.pieces(sequences.clone())


def output_of(model: SequenceModel, sequences: Tensor) -> Tensor:
    """The last outputs (channels, batch) of whole sequences."""
    return model(_fresh(model, sequences), None)[0]


def _in_halves(model: SequenceModel, trial: Trial, expected: list[Tensor]) -> tuple[list[float], list[float]]:
    """Differences from what is expected, first of the output, then of states: in two pieces, and step by step."""
    count = len(trial.starts)
    sequences, ends = trial.pairs()
    start = model(_fresh(model, trial.starts), None)[1]
    states = model.spread(model.join([start, start]), count, 2 * count, 2)
    together = _apart(model.values(*model(_fresh(model, ends), states)), expected)
    if not model.splits:
        return together, [0.0]
    output, state = model(_fresh(model, sequences[:, :1]), None)
    for step in sequences[:, 1:].split(1, 1):
        output, state = model(_fresh(model, step), state)
    return together, _apart(model.values(output, state), expected)


def _in_other_batches(model: SequenceModel, trial: Trial, expected: Tensor) -> list[float]:
    """Differences of outputs if sequences run alone, few at once, in reverse order, and among others."""

    def run(batch: Tensor) -> Tensor:
        output, state = model(_fresh(model, batch), None)
        return model.values(output, state)[0]

    sequences, _ = trial.pairs()
    count = len(sequences)
    few = difference(run(sequences[-3:]), expected[:, -3:])
    among = run(torch.cat([sequences.flip(0), trial.strangers()]))[:, :count].flip(1)
    found = [few, difference(among, expected)]
    for place in (0, count // 2, count - 1):
        try:
            alone = run(sequences[place : place + 1])
        except Exception as error:  # any error counts: among others the same sequence ran
            law, remedy = _REMEDIES["batch"]
            reason = " ".join(str(error).split())
            raise CheckFailed("batch", f"{law}, but one alone fails with {reason}; {remedy}") from error
        found.append(difference(alone, expected[:, place : place + 1]))
    return found


def _looking_ahead(model: SequenceModel, trial: Trial) -> float:
    """What another end changes in outputs at the steps before it, where the model gives them."""
    sequences, _ = trial.pairs()
    past = trial.starts.shape[1]
    history = model.history(_fresh(model, sequences))
    if history is None:
        return 0.0
    return difference(history[::2, :past], history[1::2, :past])


def _moved(model: SequenceModel, sequences: Tensor, before: tuple[Any, ...]) -> bool:
    """Whether every call takes random numbers; one that sets a seed itself always leaves the generators the same."""
    after = _generators(sequences)
    if after == before:
        return False
    output_of(model, sequences)
    return _generators(sequences) != after


def _generators(sequences: Tensor) -> tuple[Any, ...]:
    """The states of the global generators of torch and NumPy; not of Python's, from which type checkers draw."""
    _, words, *rest = np.random.get_state()  # noqa: NPY002  (this is the global generator that models may use)
    states = [torch.get_rng_state()]
    if sequences.is_cuda:
        states.append(torch.cuda.get_rng_state(sequences.device))
    return (*(state.numpy().tobytes() for state in states), np.asarray(words).tobytes(), *rest)


def _apart(found: list[Tensor], expected: list[Tensor]) -> list[float]:
    return [difference(a, b) for a, b in zip(found, expected, strict=True)]


class Checked(SequenceModel):
    """An adapted model that has passed every check. Only `check` makes one."""

    def __init__(self, model: SequenceModel, agreement: Agreement, key: object) -> None:
        if key is not _KEY:
            raise TypeError("only models that have passed the checks are measured; get one from adapters.adapt")
        self.model = model
        """The adapter itself"""
        self.agreement = agreement
        """What the checks found"""
        self.channels, self.state_size = model.channels, model.state_size
        self.width, self.splits = model.width, model.splits
        self.read_as = ""
        """How the module is called, where that is not as `torch.nn.RNN`"""
        self.reading: Reading | None = None
        """The same, to be used on other weights"""

    @property
    def looks_ahead(self) -> bool:
        """Whether outputs at a step depend on later steps."""
        return self.agreement.ahead > self.agreement.tolerance

    @property
    def floor(self) -> float:
        """Relative size of the rounding in outputs, as the checks found it."""
        return self.agreement.floor

    def plain(self) -> SequenceModel:
        return self.model.plain()

    def state_numbers(self, steps: int) -> int:
        return self.model.state_numbers(steps)

    def pieces(self, sequences: Tensor) -> Tensor:
        return self.model.pieces(sequences)

    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self.model(pieces, state)

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        return self.model.spread(state, first, last, copies)

    def join(self, states: list[State]) -> State:
        return self.model.join(states)

    def values(self, output: Tensor, state: State) -> list[Tensor]:
        return self.model.values(output, state)


_KEY = object()


def check(model: SequenceModel, trial: Trial) -> Checked:
    """Let a model pass all checks.

    Raises:
        CheckFailed: it fails one; the message names it, says by how much it failed, and what to do.
    """
    model = model.model if isinstance(model, Checked) else model
    found = compare_halves(model, trial)
    differences: dict[Check, float] = {
        "repeat": found.repeats,
        "batch": found.batches,
        "causal": found.ahead if model.splits else 0.0,  # where no state is claimed it is no fault
        "halves": max(found.together, found.stepwise, found.outputs),
    }
    for name, apart in differences.items():
        if apart > found.tolerance:
            raise failure(name, apart, found.tolerance)
    return Checked(model, found, _KEY)


_REMEDIES: dict[Check, tuple[str, str]] = {
    "repeat": (
        "the same call made twice must give the same outputs",
        "call .eval() if it has dropout, let dropout follow self.training, F.dropout(x, p, self.training), and leave "
        "out whatever else is random or counts its calls",
    ),
    "batch": (
        "outputs must not depend on the other sequences of a batch",
        "say batch_first=False if the module takes (time, batch, ...), call .eval() if it has batch normalisation, "
        "and let no softmax, norm or mean go over the batch",
    ),
    "causal": (
        "outputs of a module that returns a state must not depend on later steps",
        "a function of the whole sequence, lambda x: module(x)[0], can be measured as it is, more slowly",
    ),
    "halves": (
        "running the module in two halves must give what running it at once gives",
        "make sure that it returns its whole state, starts from the state it is given, and looks only back in time; a "
        "function of the whole sequence, lambda x: module(x)[0], can be measured as it is, more slowly",
    ),
}


def failure(check: Check, apart: float, limit: float, where: str = "on a trial") -> CheckFailed:
    """The error for a check that failed, with what to do."""
    law, remedy = _REMEDIES[check]
    if apart == float("inf"):
        found = "but some are finite in one run and not in the other"
    else:
        found = f"but {where} they differ by {apart:.1e} of the largest, more than rounding ({limit:.0e})"
    return CheckFailed(check, f"{law}, {found}; {remedy}")
