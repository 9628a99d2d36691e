"""Copies of modules: they compute the same, and share nothing that can be written into with the module."""

import doctest
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, weight_norm

from seprank.adapters import ConventionError, copies
from seprank.adapters.copies import copy_module


def lstm(change: Callable[[nn.LSTM], Any]) -> nn.LSTM:
    module = nn.LSTM(2, 6, batch_first=True)
    change(module)
    return module


def linear(change: Callable[[nn.Linear], Any]) -> nn.Linear:
    module = nn.Linear(2, 2)
    change(module)
    module(torch.ones(1, 2))
    return module.eval()


def hold_computed(module: nn.Linear) -> None:
    module.kept = {"squares": [module.weight * module.weight]}


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 2), linear(lambda m: prune.random_unstructured(m, "weight", 1)))
        self.double = self.twice  # a bound method

    def twice(self, x: Tensor) -> Tensor:
        return 2 * self.layers(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.double(x)


MODULES: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(2, 2),
    "lstm": lambda: nn.LSTM(2, 6, batch_first=True),
    "pruned lstm": lambda: lstm(lambda m: prune.random_unstructured(m, "weight_hh_l0", 0.5)),
    "pruned linear": lambda: linear(lambda m: prune.l1_unstructured(m, "weight", 1)),
    "older weight_norm": lambda: lstm(lambda m: weight_norm(m, "weight_hh_l0")),
    "weight_norm": lambda: linear(parametrizations.weight_norm),
    "orthogonal": lambda: linear(parametrizations.orthogonal),
    "spectral_norm": lambda: linear(parametrizations.spectral_norm),
    "computed tensors in containers": lambda: linear(hold_computed),
    "nested, with a bound method": Deep,
    "jit.script": lambda: torch.jit.script(nn.Linear(2, 2)),
    "jit.freeze": lambda: torch.jit.freeze(torch.jit.script(nn.Linear(2, 2).eval())),
}


def output(module: nn.Module, x: Tensor) -> Tensor:
    result = module(x)
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", MODULES)
def test_a_copy_computes_the_same_and_shares_no_tensor(name: str) -> None:
    module, x = MODULES[name](), torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    expected = output(module, x)
    copied = copy_module(module)
    assert type(copied) is type(module)
    assert torch.equal(output(copied, x), expected)
    with torch.no_grad():
        for tensor in (*copied.parameters(), *copied.buffers()):
            tensor.zero_()
    assert torch.equal(output(module, x), expected)


def test_what_has_no_size_yet_is_named() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(3))
    with pytest.raises(ConventionError, match=r"^1 \(LazyLinear\) has no size yet; run the module once on an example"):
        copy_module(module)
    module(torch.ones(1, 2))
    copy_module(module)


def test_what_cannot_be_copied_is_said() -> None:
    module = nn.Linear(2, 2)
    with open(__file__) as module.file, pytest.raises(ConventionError, match=r"cannot be copied \(TypeError: cannot"):
        copy_module(module)


def test_examples_in_docstrings() -> None:
    failed, tried = doctest.testmod(copies)
    assert failed == 0
    assert tried > 0
