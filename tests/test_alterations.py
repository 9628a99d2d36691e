"""A registered module that was altered is another function: no bound of its family is stated for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from seprank import RAC, certify
from seprank.models import MODELS, spec_of
from seprank.models.base.alterations import find_alteration

Change = Callable[[nn.Module], object]


class Subclass(RAC):
    """A class of the user's own."""


def overridden(module: nn.Module) -> None:
    original = module.forward
    module.forward = lambda *args: original(*args)  # type: ignore[method-assign]


CHANGES: dict[str, tuple[Change, str]] = {
    "pruned": (lambda m: prune.random_unstructured(m, "weight_hh_l0", amount=3), "parameters are others|hooks"),
    "pruned all but": (lambda m: prune.identity(m, "weight_ih_l0"), "parameters are others|hooks"),
    "parametrized": (lambda m: parametrizations.weight_norm(m, "weight_hh_l0"), "sub-modules|parameters"),
    "forward hook": (lambda m: m.register_forward_hook(lambda *_: None), "hooks"),
    "hook before": (lambda m: m.register_forward_pre_hook(lambda *_: None), "hooks"),
    "forward": (overridden, "forward is overridden"),
    "one more parameter": (lambda m: m.register_parameter("more", nn.Parameter(torch.ones(1))), "parameters"),
    "one less": (lambda m: delattr(m, "weight_hh_l0"), "parameters are others"),
    "another shape": (lambda m: setattr(m, "weight_hh_l0", nn.Parameter(torch.ones(2, 3))), "parameters are others"),
    "a buffer": (lambda m: m.register_buffer("more", torch.ones(1)), "buffers are others"),
    "a part": (lambda m: m.add_module("more", nn.Linear(1, 1)), "sub-modules are others"),
    "a setting": (lambda m: setattr(m, "normalize", True), "normalize is another"),
}


def rac() -> nn.Module:
    return RAC(2, 2, 2)


@pytest.mark.parametrize("name", CHANGES)
def test_an_alteration_is_found_and_takes_the_family_away(name: str) -> None:
    change, found = CHANGES[name]
    module = rac()
    assert spec_of(module) is MODELS["rac"]
    assert find_alteration(module, rac()) is None
    change(module)
    alteration = find_alteration(module, rac())
    assert alteration is not None
    assert any(words in alteration for words in found.split("|"))
    assert spec_of(module) is None


def test_a_subclass_has_no_family() -> None:
    assert spec_of(Subclass(2, 2)) is None


@pytest.mark.parametrize("change", ["training", "batch_first", "weights"])
def test_what_leaves_the_function_as_it_is_leaves_the_family(change: str) -> None:
    module = rac()
    if change == "weights":
        nn.init.constant_(module.weight_hh_l0, 3.0)  # type: ignore[arg-type]
    else:
        setattr(module, change, not getattr(module, change))
    assert spec_of(module) is MODELS["rac"]


@pytest.mark.parametrize(("depth", "amount", "rank"), [(1, 3, 1), (2, 4, 0)])
def test_what_is_pruned_has_its_own_rank_and_bounds_by_degree_alone(depth: int, amount: int, rank: int) -> None:
    """Of one unit's four weights one is left: the rank is that of one unit. Without a path it is nothing at all."""
    torch.manual_seed(0)
    module = RAC(2, 2, depth)
    prune.random_unstructured(module, "weight_hh_l0" if depth == 1 else "weight_ih_l1", amount=amount)
    certificate = certify(module, length=6, progress=False)
    assert certificate.rank <= rank
    assert all(bound.name.startswith("degrees") for bound in certificate.bounds)


def test_the_difference_that_is_named_is_a_setting_of_a_part() -> None:
    module, twin = nn.Sequential(nn.Dropout(0.5)), nn.Sequential(nn.Dropout(0.1))
    assert find_alteration(module, twin) == "its p is another"
