"""Properties of torch's operations, looked up before they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch

from .fused_attention import FUSED, unfused
from .operations import CREATING, JOINING, OPERATIONS, STRUCTURAL


@dataclass(frozen=True, slots=True)
class Operation:
    """Properties of an ATen overload, looked up once."""

    function: Any
    name: str
    in_place: bool
    random: bool
    creating: bool
    joining: bool
    structural: bool
    aliasing: bool
    handler: Callable[..., Any] | None
    parts: Callable[..., Any] | None
    """Its definition by other operations, if torch composes or fuses it"""

    @staticmethod
    @cache
    def of(function: Any) -> Operation:
        name = function.overloadpacket.__name__
        if function.namespace != "aten":  # another library's operation of the same name may be anything
            name = f"{function.namespace}::{name}"
        first = function._schema.arguments[:1]
        # torch declares what an operation writes to; the trailing underscore is only a habit.
        in_place = bool(first) and first[0].alias_info is not None and first[0].alias_info.is_write
        if in_place:
            name = name.removesuffix("_")
        # x.view(dtype) is another operation of the same name: it reads the memory of x as other numbers.
        reinterpreting = name == "view" and function._schema.overload_name == "dtype"
        return Operation(
            function,
            name,
            in_place=in_place,
            random=torch.Tag.nondeterministic_seeded in function.tags,
            creating=name in CREATING,
            joining=name in JOINING,
            structural=name in STRUCTURAL and not reinterpreting,
            # lift_fresh: what torch.tensor(...) makes is declared a view of itself.
            aliasing=name != "lift_fresh" and any(r.alias_info is not None for r in function._schema.returns),
            handler=OPERATIONS.get(name),
            parts=_parts(function),
        )


def _parts(function: Any) -> Callable[..., Any] | None:
    if function in FUSED:
        return partial(unfused, function)
    defined: bool = torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), "CompositeImplicitAutograd")
    return function.decompose if defined else None
