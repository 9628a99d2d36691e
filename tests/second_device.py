"""A second device of torch for tests where there is no graphics card.

Its tensors are of device type "card": torch refuses to mix them with others, and NumPy cannot read them. What is
computed with them is computed by the processor on tensors that are held here. `python tests/second_device.py` runs
cases of test_device on it and on the processor, all of them with `--every`; it has a process of its own because torch
cannot give up a device.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from seprank.field.fused_cells import gru_cell, lstm_cell

NAME = "card"
_META = torch._C.DispatchKeySet(torch._C.DispatchKey.Meta)
_held: dict[int, Tensor] = {}
"""By the storage of a tensor of the card, the tensor of the processor that it stands for"""


def put(host: Tensor) -> Tensor:
    """A tensor of the card, laid out as that of the processor is."""
    made = torch._C._acc.create_empty_tensor(host.shape, host.dtype)
    if made.stride() != host.stride() or host.storage_offset():
        layout = list(host.shape), list(host.stride()), host.storage_offset()
        made = torch.ops.aten.as_strided.default.redispatch(_META, made, *layout)
    _held[made.untyped_storage()._cdata] = host
    return made


def got(tensor: Tensor) -> Tensor:
    """The tensor of the processor that one stands for, or is a view of one that does."""
    if tensor.device.type != NAME:
        return tensor
    host = _held[tensor.untyped_storage()._cdata]
    host = host if host.dtype == tensor.dtype else host.view(tensor.dtype)
    return host if _layout(host) == _layout(tensor) else host.as_strided(*_layout(tensor))


def _layout(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.stride(), tensor.storage_offset()


def run(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation on tensors of the card, none of them of the processor but numbers."""
    given: dict[int, Tensor] = {}

    def unwrap(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(unwrap, value))
        if isinstance(value, torch.device) and value.type == NAME:
            return torch.device("cpu")
        if not isinstance(value, Tensor):
            return value
        if value.device.type != NAME and value.dim():
            raise RuntimeError(f"{operation}: a tensor of the processor among those of the card")
        host = got(value)
        given[id(host)] = value
        return host

    def wrap(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(wrap, value))
        if not isinstance(value, Tensor):
            return value
        return given[id(value)] if id(value) in given else put(value)

    wanted = [str(argument.type) for argument in operation._schema.arguments]
    args = tuple(_number(a) if kind == "Tensor" else a for a, kind in zip(args, wanted, strict=False))
    operation = _FUSED.get(operation._schema.name, operation)
    hosts, options = unwrap(args), {name: unwrap(value) for name, value in kwargs.items()}
    found = operation(*hosts, **options)
    _resize([(given[id(host)], host) for host in [*hosts, *options.values()] if id(host) in given])
    return wrap(found)


def _resize(pairs: list[tuple[Tensor, Tensor]]) -> None:
    """Give tensors of the card the sizes that an operation gave those that stand for them."""
    for own, host in pairs:
        if own.device.type == NAME and _layout(host) != _layout(own):
            own.data = put(host)


def _number(value: Any) -> Any:
    """torch hands over tensors without axes as numbers."""
    if not isinstance(value, int | float):
        return value
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)


_FUSED = {"aten::_thnn_fused_lstm_cell": lstm_cell, "aten::_thnn_fused_gru_cell": gru_cell}
"""What torch has on cards alone"""


_MADE = {"arange", "eye", "linspace", "randperm"}


def _moved(tensor: Tensor, *, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    host = torch.ops.aten._to_copy(got(tensor), dtype=dtype)
    return put(host) if (device or tensor.device).type == NAME else host


def _copied(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    got(target).copy_(got(source))
    return target


def install() -> list[torch.library.Library]:
    """Make the device; it is there as long as what is returned."""
    _setup_privateuseone_for_python_backend(NAME)
    every, aten = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    every.fallback(run, "PrivateUse1")
    aten.impl("_to_copy", _moved, "PrivateUse1")
    aten.impl("_copy_from", _copied, "PrivateUse1")
    # torch would compute these into an empty tensor and resize that, which has no meaning here
    key = "CompositeExplicitAutogradNonFunctional"
    for name in torch._C._dispatch_get_all_op_names():
        base = name.removeprefix("aten::").partition(".")[0]
        composed = base in _MADE or torch._C._dispatch_has_kernel_for_dispatch_key(name, key)
        if name.startswith("aten::") and composed and not name.endswith("out"):
            base, _, overload = name.removeprefix("aten::").partition(".")
            operation = getattr(getattr(torch.ops.aten, base), overload or "default")
            aten.impl(name.removeprefix("aten::"), partial(run, operation), "PrivateUse1")
    return [every, aten]


def main() -> None:
    import test_device

    device = install()
    for case in test_device.cases(every="--every" in sys.argv):
        case.compare(NAME)
        print(case.name, flush=True)  # noqa: T201
    del device


if __name__ == "__main__":
    sys.exit(main())
