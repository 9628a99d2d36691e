"""Copies of modules, which are run in place of the user's own so that these do not change."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel

from .contract import ConventionError

Module = TypeVar("Module", bound=nn.Module)

_SHARED = (type, FunctionType, BuiltinFunctionType, ModuleType, str, bytes, int, float, complex, bool)
"""What `copy.deepcopy` does not look into"""


def copy_module(module: Module) -> Module:
    """A deep copy in the processor's memory; tensors that were computed from parameters become plain values.

    Pruning and the older weight_norm keep such tensors on the module, which `copy.deepcopy` refuses; their hooks
    recompute them in each call.

    Raises:
        ConventionError: a layer has no size yet, or the module holds something that cannot be copied.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
        >>> copy_module(layer) is layer
        False
    """
    _require_sizes(module)
    computed = {id(t): t.detach().clone() for t in _tensors(module) if not t.is_leaf}
    try:
        copied = copy.deepcopy(module, computed)
    except Exception as error:  # whatever the user's own classes raise
        raise ConventionError(
            f"{type(module).__name__} cannot be copied ({type(error).__name__}: {error}), and only copies are run, so "
            "that the module itself does not change; make copy.deepcopy(module) work, or remove the attribute at fault"
        ) from error
    elsewhere = any(tensor.device.type not in ("cpu", "meta") for tensor in (*copied.parameters(), *copied.buffers()))
    return copied.cpu() if elsewhere else copied


def converted(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The same module, its real tensors in this type, its complex ones in the complex type of that precision.

    `module.to(dtype)` would make complex tensors real.

    Example:
        >>> module = nn.ParameterDict({"a": torch.zeros(1), "b": torch.zeros(1, dtype=torch.cfloat)})
        >>> [p.dtype for p in converted(module, torch.float64).values()]
        [torch.float64, torch.complex128]
    """
    module.double() if dtype == torch.float64 else module.float()
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_complex():
                tensor.data = tensor.data.to(torch.promote_types(dtype, torch.complex32))
    return module


def unwrapped(module: Any) -> Any:
    """The module inside DataParallel, DistributedDataParallel, AveragedModel or torch.compile; any other unchanged.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> unwrapped(nn.DataParallel(layer)) is layer
        True
    """
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel | AveragedModel):
        return unwrapped(module.module)
    compiler = sys.modules.get("torch._dynamo.eval_frame")  # if that has not been imported, nothing is compiled
    if compiler is not None and isinstance(module, compiler.OptimizedModule):
        return unwrapped(module._orig_mod)
    return module


def unwrap(module: Any) -> nn.Module:
    """The module inside its wrappers, so that its operations can be followed.

    Raises:
        TypeError: it is no module.
        ConventionError: it, or a part of it, is compiled by TorchScript.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"module must be a torch.nn.Module, got {type(module).__name__}; write a class whose forward calls it"
        )
    inside: nn.Module = unwrapped(module)
    for name, part in inside.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise ConventionError(
                f"{name or 'the module'} is compiled by TorchScript, which hides its operations; give the module "
                "that it was made from"
            )
    return inside


def _require_sizes(module: nn.Module) -> None:
    for name, part in module.named_modules():
        own = [*part._parameters.values(), *part._buffers.values()]
        if any(is_lazy(tensor) for tensor in own if tensor is not None):
            raise ConventionError(
                f"{name or 'the module'} ({type(part).__name__}) has no size yet; run the module once on an example "
                "first"
            )


def _tensors(root: Any) -> Iterator[Tensor]:
    """Every tensor that a deep copy of something meets."""
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, _SHARED):
            continue
        seen[id(item)] = item
        if isinstance(item, Tensor):
            yield item
        waiting.extend(_members(item))


def _members(item: Any) -> list[Any]:
    members = list(getattr(item, "__dict__", {}).values())
    if isinstance(item, dict):
        members += [*item.keys(), *item.values()]
    elif isinstance(item, list | tuple | set | frozenset):
        members += item
    if hasattr(item, "__self__"):
        members.append(item.__self__)
    return members
