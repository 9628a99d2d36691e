"""Changes after which a module no longer computes the function of its class, so that its bounds do not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

_FREE = ("training", "batch_first")
"""Settings that do not change the function in evaluation mode"""


def find_alteration(module: nn.Module, twin: nn.Module) -> str | None:
    """The first difference between a module and a newly built twin of the same sizes, if any; weights may differ.

    The module may be pruned, parametrized, hooked or overridden; the twin may be on the device "meta".
    """
    from torch.nn.utils.parametrize import type_before_parametrizations

    parts, originals = dict(module.named_modules()), dict(twin.named_modules())
    # a parametrized module has a class of its own; its parametrizations are among the parts
    own, built = ({n: type_before_parametrizations(m) for n, m in p.items()} for p in (parts, originals))
    if own != built:
        return "its sub-modules are others"
    for kind in ("named_parameters", "named_buffers"):
        shapes, wanted = ({n: tuple(t.shape) for n, t in getattr(m, kind)()} for m in (module, twin))
        if shapes != wanted:
            return f"its {kind.removeprefix('named_')} are others"
    return next(filter(None, (_change(parts[name], original) for name, original in originals.items())), None)


def _change(part: nn.Module, original: nn.Module) -> str | None:
    if part._forward_hooks or part._forward_pre_hooks:
        return "it has hooks"
    shadowed = next((name for name in vars(part) if callable(getattr(type(part), name, None))), None)
    if shadowed is not None:
        return f"its {shadowed} is overridden"
    settings = {name: value for name, value in vars(original).items() if _is_setting(name, value)}
    return next((f"its {name} is another" for name, value in settings.items() if vars(part).get(name) != value), None)


def _is_setting(name: str, value: Any) -> bool:
    return not name.startswith("_") and name not in _FREE and isinstance(value, bool | int | float | str | None)
