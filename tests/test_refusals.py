"""What cannot be measured is refused, with what is wrong, what to do, and a wrapper to paste; what looks ahead is said.

A bidirectional model has no state at a cut: it is measured as a function of the whole sequence, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from seprank import measure, remember
from seprank.adapters import ConventionError

pytestmark = pytest.mark.usefixtures("one_thread")

M, LENGTH, COUNT = 3, 6, 20


class Reading(nn.Module):
    """Reads by a GRU; what it does with the outputs differs."""

    def __init__(self, then: Callable[[Tensor], Any] = lambda y: y) -> None:
        super().__init__()
        self.rnn, self.then = nn.GRU(M, 4, batch_first=True), then

    def forward(self, x: Tensor) -> Any:
        return self.then(self.rnn(x)[0])


class Sequence(Reading):
    """Takes one sequence, without a batch."""

    def forward(self, x: Tensor) -> Any:
        if x.ndim != 2:
            raise ValueError("expected (time, features)")
        return self.rnn(x)[0][-1]


class ByName(Reading):
    def forward(self, batch: Any) -> Any:
        return self.rnn(batch["x"])[0]


class Keeping(Reading):
    """Keeps its state on itself."""

    def __init__(self) -> None:
        super().__init__()
        self.h: Tensor | None = None

    def forward(self, x: Tensor) -> Any:
        output, self.h = self.rnn(x, self.h)
        return output


class OnGPU(Reading):
    def forward(self, x: Tensor) -> Any:
        return self.rnn(x)[0] + torch.zeros(4, device="cuda")


class PackedOutput(Reading):
    def forward(self, x: Tensor) -> Any:
        return self.rnn(pack_padded_sequence(x, torch.full((len(x),), x.shape[1]), batch_first=True))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "no axis of sequences": (lambda: Reading(lambda y: y.mean()), r"must return \(5, 6, 'channels'\), .* got \(\)"),
    "one sequence at a time": (Sequence, r"give lambda x: torch.stack\(\[module\(sequence\) for sequence in x\]\)"),
    "other length": (lambda: Reading(lambda y: y[:, ::2]), r"must return \(5, 6, 'channels'\), .* got \(5, 3, 4\)"),
    "time last": (
        lambda: Reading(lambda y: torch.cat([y, y[..., :2]], -1).mT),
        r"time last; .* lambda x: module\(x\).mT",
    ),
    "no channels": (lambda: Reading(lambda y: y[..., :0]), r"must have channels, got \(5, 0\)"),
    "nothing": (lambda: Reading(lambda y: None), "got NoneType; say which part is the output"),
    "ragged": (lambda: Reading(lambda y: [s[: 1 + k % 3] for k, s in enumerate(y)]), r"got 5 values \(0: \(1, 4\)"),
    "nested": (
        lambda: Reading(lambda y: torch.nested.as_nested_tensor(list(y))),
        r"a nested tensor; .* torch.stack\(output.unbind",
    ),
    "sparse": (lambda: Reading(lambda y: y.to_sparse()), r"a sparse_coo tensor; return output.to_dense"),
    "packed": (PackedOutput, r"PackedSequence, .* say which part is the output"),
    "an array": (lambda: Reading(lambda y: y.detach().numpy()), "got ndarray"),
    "a state of its own": (Keeping, r"Expected hidden size .*\(test_refusals.py, line \d+, in forward\)"),
    "inputs by name": (ByName, r"invalid data type 'str' \(test_refusals.py, line \d+, in forward\)"),
    "a GPU": (OnGPU, r"it asks for a GPU: make its tensors on x.device, or measure it where there is one"),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_what_to_do_and_a_wrapper(name: str) -> None:
    if name == "a GPU" and torch.cuda.is_available():
        pytest.skip("there is one")
    make, says = REFUSED[name]
    for verb, given in ((measure, {"starts": COUNT, "ends": COUNT}), (remember, {"samples": 32})):
        with pytest.raises(ConventionError, match=says) as refused:
            verb(make(), length=LENGTH, inputs=M, progress=False, **given)
        assert "\n" not in str(refused.value)
        assert "self.module(" in refused.value.__notes__[0]


def test_the_wrapper_for_one_sequence_at_a_time_is_right() -> None:
    torch.manual_seed(0)
    module = Sequence().double()
    reading = Reading()
    reading.rnn = module.rnn
    settings: dict[str, Any] = {"length": LENGTH, "starts": COUNT, "ends": COUNT, "inputs": M, "progress": False}
    found = measure(lambda x: torch.stack([module(sequence) for sequence in x]), **settings)
    assert np.allclose(found.singular_values, measure(reading, **settings).singular_values, rtol=0, atol=1e-12)


# What looks ahead


class BothWays(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.out = nn.LSTM(M, 4, batch_first=True, bidirectional=True), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.rnn(x)[0])
        return out


class NoMask(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(M, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.encoder(self.into(x))
        return out


@pytest.mark.parametrize("make", [BothWays, NoMask, lambda: nn.LSTM(M, 4, batch_first=True, bidirectional=True)])
def test_a_cut_means_nothing_before_all_is_read(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = make()
    found = measure(model, length=LENGTH, starts=COUNT, ends=COUNT, seed=3, progress=False)
    said = " ".join(found.notes)
    assert "depend on later steps: only the output after the last step counts, and a cut means nothing before" in said
    assert "evaluated on whole sequences" in said
    module = model.double().eval()
    starts, ends = (
        torch.from_numpy(np.random.default_rng((3, side)).standard_normal((COUNT, LENGTH, M))) for side in (0, 1)
    )
    rows = []
    with torch.no_grad():
        for start in starts[:, :3]:
            pairs = [module(torch.cat([start, end])[None]) for end in ends[:, 3:]]
            rows.append(torch.cat([(y[0] if isinstance(y, tuple) else y)[0, -1] for y in pairs]))
    expected = torch.linalg.svdvals(torch.stack(rows)).numpy() / COUNT
    count = len(found.singular_values)
    assert np.allclose(found.singular_values, expected[:count], rtol=0, atol=1e-12 * expected[0])
