"""torch's loops and branches as operators: on positions they are what they stand for, on values they are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops import scan, while_loop
from torch._higher_order_ops.associative_scan import associative_scan

from seprank import NotPolynomial, certify, verify

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # torch's compiler, which runs these, has imports and guards that warn.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


class Looping(nn.Module):
    """A function of what a linear layer makes of each step"""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.input_size, self.layer, self.function = 2, nn.Linear(2, 2), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def multiply(carried: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    carried = carried * step + step
    return carried, carried.clone()


def by_scan(x: Tensor, *, reverse: bool = False) -> Tensor:
    found: Tensor = scan(multiply, torch.ones(len(x), 2).to(x), x, dim=1, reverse=reverse)[1]
    return found


def by_hand(x: Tensor) -> Tensor:
    carried, found = torch.ones(len(x), 2), []
    for step in x.unbind(1):
        carried = multiply(carried, step)[0]
        found.append(carried)
    return torch.stack(found, 1)


def counted(x: Tensor) -> Tensor:
    places = torch.arange(x.shape[1])[:, None]
    counts = scan(lambda c, step: (c + step, c + step), torch.zeros(1, dtype=torch.int64), places)[1]
    return x * counts * x[:, :1]


def branching(x: Tensor) -> Tensor:
    return torch.cond(torch.tensor(x.shape[1]) > 3, lambda v: v * v[:, :1], lambda v: v + 1, (x,))  # type: ignore[no-any-return]


def doubling(x: Tensor) -> Tensor:
    count = torch.zeros((), dtype=torch.int64)
    found = while_loop(lambda n, v: n < 3, lambda n, v: (n + 1, 2 * v * v[:, :1]), (count, x))
    return found[1]  # type: ignore[no-any-return]


def thrice(x: Tensor) -> Tensor:
    for _ in range(3):
        x = 2 * x * x[:, :1]
    return x


LOOPS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "scan": (by_scan, by_hand),
    "scan of positions": (counted, lambda x: x * torch.arange(x.shape[1]).cumsum(0)[:, None] * x[:, :1]),
    "cond": (branching, lambda x: x * x[:, :1]),
    "while_loop": (doubling, thrice),
    "associative_scan": (
        lambda x: associative_scan(torch.mul, x, dim=1, combine_mode="generic"),
        lambda x: x.cumprod(1),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOPS)
def test_it_is_what_it_stands_for(name: str) -> None:
    function, plain = LOOPS[name]
    settings: dict[str, Any] = {"length": 4, "samples": 6, "progress": False}
    found, expected = certify(Looping(function), **settings), certify(Looping(plain), **settings)
    assert (found.rank, found.minor, found.bounds) == (expected.rank, expected.minor, expected.bounds)
    assert verify(found, Looping(function), progress=False)


@pytest.mark.slow
def test_a_branch_on_values_is_refused() -> None:
    def deciding(x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 3, lambda v: v * v, lambda v: v + 1, (x,))  # type: ignore[no-any-return]

    with pytest.raises(NotPolynomial, match=r"`gt` in Looping .*decide by position"):
        certify(Looping(deciding), length=4, progress=False)


@pytest.mark.slow
def test_what_is_inside_is_guarded() -> None:
    def leaking(x: Tensor) -> Tensor:
        return torch.cond(torch.tensor(True), lambda v: torch.from_numpy(v.numpy()) * v, lambda v: v + 1, (x,))  # type: ignore[no-any-return]

    with pytest.raises(NotPolynomial, match="the values would leave the field"):
        certify(Looping(leaking), length=4, progress=False)
