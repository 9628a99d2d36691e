"""Values that follow from parameters and constants alone, which may be functions of these that are no polynomials.

Such a value does not depend on the start or the end. Functions of constants are evaluated in float64 and read as
decimals, as buffers are. A function of one parameter, entry by entry, that is constant on no interval takes a set of
values on which no polynomial except zero vanishes: a drawn element stands for it, as for the parameter itself, provided
that the network uses the parameter nowhere else. Anything else is refused.

A tensor carries what is known of it as an attribute, with its version: after writing into it nothing is known of it or
of its views.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .guard import read
from .leaves import tensors
from .notes import Notes
from .operands import Refusal
from .operations import JOINING, OPERATIONS, STRUCTURAL

_POINTWISE = frozenset(
    """
    exp exp2 expm1 log log2 log10 log1p sigmoid tanh sin cos tan sinh cosh asinh atan erf erfc sqrt rsqrt softplus
    log_sigmoid_forward silu gelu mish leaky_relu elu celu abs pow reciprocal neg add sub rsub mul div
    """.split()  # noqa: SIM905  (a list of quoted words would be three times as long)
)
"""Functions of one number, and of one number and a constant, that are constant on no interval; see `_keeps_apart`"""

_WRITING = frozenset({"tril", "triu", "zero", "diag_embed", "masked_scatter", "index_copy"})
"""Operations that move entries and also write zeros, or take entries from two tensors"""

_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Known:
    """What is known of a tensor: its numbers, or that it is a function of parameters."""

    version: int
    numbers: Tensor | None = None
    """Entries of a constant"""
    parameters: tuple[str, ...] = ()
    """The parameters that it is a function of; none for a constant"""
    elements: Tensor | None = None
    """For each entry, its position in the table"""
    count: int = 0
    """Size of the table, which is the parameter, or stands for a function of it"""
    stand: str = ""
    """The function that the table stands for"""
    text: str = ""
    """The function that the tensor is"""


class Functions:
    """Follows what depends on parameters and constants alone through the operations of a run.

    Args:
        draw: draws a table of elements for a function, given its text and the size.
        read: turns constants into values of the run.
        notes: receives functions and constants.
        integers: whether integer tensors are constants; they are not if they may be token numbers.
    """

    def __init__(
        self,
        draw: Callable[[str, int], Tensor],
        read: Callable[[Tensor], Tensor],
        notes: Notes,
        *,
        integers: bool,
    ) -> None:
        self._draw, self._read, self._notes, self._integers = draw, read, notes, integers
        self._used: dict[str, str] = {}

    # What is known of a tensor

    def parameter(self, tensor: Tensor, name: str) -> Tensor:
        """Mark a tensor as a drawn parameter."""
        elements = torch.arange(tensor.numel(), device=tensor.device).reshape(tensor.shape)
        return _mark(tensor, Known(0, None, (name,), elements, tensor.numel(), name, name))

    def constant(self, tensor: Tensor, numbers: Tensor) -> Tensor:
        """Mark a tensor as a constant with these entries; called `outside`, or while an operation is computed."""
        return _mark(tensor, Known(0, numbers.detach()))

    def forget(self, value: Any) -> Any:
        """Remove the marks from values, such as the inputs of a run."""
        for leaf in tensors([value]):
            if hasattr(leaf, "_seprank_known"):
                del leaf._seprank_known
        return value

    def give_out(self, value: Any) -> None:
        """Record that values leave the module: parameters among them are used."""
        for leaf in tensors([value]):
            known = _known(leaf)
            if known is not None and known.parameters:
                self._use(known)
                self.forget(leaf)

    def spend(self, arguments: Iterable[Any]) -> None:
        """Record that parameters among the arguments are used in themselves."""
        for leaf in tensors(arguments):
            known = _known(leaf)
            if known is not None and known.parameters:
                self._use(known)

    def _use(self, known: Known) -> None:
        for name in known.parameters:
            before = self._used.setdefault(name, known.stand)
            if before != known.stand:
                raise Refusal(
                    f"the network uses {name} as {before} and as {known.stand}, which are not independent of each "
                    "other, so that no drawn element can stand for the function; use the parameter in one way only"
                )
            if known.stand != name:
                self._notes.functions[name] = known.stand

    # Operations

    def follow(self, name: str, function: Any, args: Any, kwargs: Any, where: Callable[[], str]) -> _Result | None:
        """The result of an operation on parameters and constants alone.

        Returns:
            None if it is to be computed from values, with nothing known of the result. Then all parameters among the
            arguments count as used.
        """
        leaves = tensors([args, kwargs] if kwargs else args)
        parameters, computed = self._sorted(leaves)
        found: _Result | None = None
        if computed:  # as in most operations
            for known in parameters:
                self._use(known)
            return None
        if leaves:
            if not parameters:
                return self._constants(name, function, args, kwargs, where)
            if name == "_weight_norm_interface":
                return self._weight_norm(args)
            if len(parameters) == 1:
                found = self._one(name, function, args, kwargs, parameters[0])
        if found is None:
            self.spend(leaves)
        return found

    def why_not(self, name: str, args: Any, kwargs: Any) -> str | None:
        """Why an operation is refused on parameters, None if it is on other values."""
        leaves = tensors([args, kwargs])
        if not leaves or self._sorted(leaves)[1]:
            return None
        return (
            "it is a function of parameters that is constant on an interval, or of several of their entries, so that "
            "no drawn element can stand for it; use exp, sigmoid or the like of one parameter, or a plain parameter"
        )

    def _sorted(self, leaves: Iterable[Tensor]) -> tuple[list[Known], bool]:
        """What is known of parameters among the arguments, and whether there is one of which nothing is known."""
        parameters, computed = [], False
        for leaf in leaves:
            known = self._of(leaf)
            if known is None:
                computed = True
            elif known.parameters:
                parameters.append(known)
        return parameters, computed

    def _of(self, leaf: Tensor) -> Known | None:
        """What is known of an argument, which may be a constant seen for the first time."""
        known = _known(leaf)
        if known is not None or hasattr(leaf, "_seprank_mark"):
            return known
        if not leaf.is_floating_point():
            return Known(0, leaf) if self._integers and not leaf.is_complex() else None
        return None if leaf.requires_grad else Known(0, leaf.detach())  # made by the code, or kept outside of buffers

    def _constants(self, name: str, function: Any, args: Any, kwargs: Any, where: Callable[[], str]) -> _Result:
        """An operation on constants, computed in float64; the result is that of the field if it is a polynomial."""
        if kwargs.get("dtype") in _FLOATING:
            kwargs = {**kwargs, "dtype": torch.float64}
        numbers = function(*_each_tensor(self._number, args), **_each_tensor(self._number, kwargs))
        polynomial = name in OPERATIONS or name in STRUCTURAL or name in JOINING
        if polynomial and not _is_beyond(name, args):
            return _Result(None, lambda made: _each_pair(self.constant, made, numbers))
        self._note(f"{name} in {where()}", numbers)
        return _Result(_each_float(lambda t: self.constant(self._read(t.double()), t), numbers), None)

    def _number(self, leaf: Tensor) -> Tensor:
        known = self._of(leaf)
        assert known is not None
        assert known.numbers is not None
        return _in_double(known.numbers)

    def _note(self, place: str, numbers: Any) -> None:
        for leaf in tensors([numbers]):
            if leaf.is_floating_point():
                entries = read(leaf.double().contiguous().reshape(-1)).tobytes()
                self._notes.constants.setdefault(place, set()).add(hashlib.sha256(entries).hexdigest())

    def _one(self, name: str, function: Any, args: Any, kwargs: Any, known: Known) -> _Result | None:
        """An operation on one parameter and constants."""
        if name in STRUCTURAL:
            return None if name in _WRITING else self._moved(function, args, kwargs, known)
        if name == "_to_copy":
            return _Result(None, lambda made: _mark(made, known))
        if name not in _POINTWISE or not self._keeps_apart(name, args, kwargs, known):
            return None
        shown = [known.text if isinstance(a, Tensor) and _known(a) is known else self._shown(a) for a in args]
        shown += [f"{key}={self._shown(value)}" for key, value in kwargs.items()]
        after = replace(known, text=f"{name.removesuffix('_forward')}({', '.join(shown)})")
        if name in OPERATIONS and not _is_beyond(name, args):
            return _Result(None, lambda made: _mark(made, after))
        value = self._stand_in(after)
        return _Result([value, torch.zeros_like(value)] if name.endswith("_forward") else value, None)

    def _stand_in(self, known: Known) -> Tensor:
        assert known.elements is not None
        table = self._draw(known.text, known.count)
        value = table.reshape(-1)[known.elements]
        return _mark(value, replace(known, stand=known.text))

    def _moved(self, function: Any, args: Any, kwargs: Any, known: Known) -> _Result:
        """An operation that moves entries."""

        def places(leaf: Tensor) -> Any:
            return known.elements if leaf.is_floating_point() else leaf

        moved = function(*_each_tensor(places, args), **_each_tensor(places, kwargs))

        def attach(made: Tensor, elements: Tensor) -> Tensor:
            return _mark(made, replace(known, elements=elements))

        return _Result(None, lambda made: _each_pair(attach, made, moved))

    def _keeps_apart(self, name: str, args: Any, kwargs: Any, known: Known) -> bool:
        """Whether each entry of the parameter passes through one function that is constant on no interval."""
        elements = known.elements
        assert elements is not None
        numbers: list[Tensor] = []
        exponent = False
        for place, argument in enumerate([*args, *kwargs.values()]):
            if isinstance(argument, Tensor) and _known(argument) is known:
                exponent = place == 1
            elif isinstance(argument, Tensor):
                number = self._number(argument)
                if torch.broadcast_shapes(number.shape, elements.shape) != elements.shape:
                    return False
                if number.numel() > 1 and elements.unique().numel() < elements.numel():
                    return False
                numbers.append(number)
            elif isinstance(argument, int | float) and not isinstance(argument, bool):
                numbers.append(torch.tensor(float(argument), dtype=torch.float64))
        if name in ("add", "sub", "rsub"):
            return 0 not in kwargs.values()
        if name == "pow" and exponent:
            return all(bool(((n > 0) & (n != 1)).all()) for n in numbers)
        return all(bool((n != 0).all()) for n in numbers)

    def _shown(self, argument: Any) -> str:
        if not isinstance(argument, Tensor):
            return repr(argument)
        numbers = self._number(argument)
        if numbers.numel() == 1:
            return repr(float(read(numbers.double()).reshape(-1)[0]))
        return "#" + hashlib.sha256(read(numbers.double().contiguous()).tobytes()).hexdigest()[:16]

    def _weight_norm(self, args: Any) -> _Result:
        """Every matrix is a product of lengths and directions, so a drawn matrix stands for it."""
        known = [self._of(a) for a in args[:2]]
        for k in known:
            if k is None or k.elements is None or k.text != k.parameters[0] or _is_rearranged(k):
                raise Refusal("weight_norm must be of two parameters as they are; take a plain parameter")
        first, second = known
        assert first is not None
        assert second is not None
        text = f"weight_norm({first.text}, {second.text})"
        both = replace(first, parameters=first.parameters + second.parameters, text=text)
        return _Result([self._stand_in(both), self._read(torch.ones_like(args[1]).double())], None)


@dataclass(frozen=True)
class _Result:
    """The result of an operation: its values, or a function that marks those the field computes."""

    values: Any
    attach: Callable[[Any], Any] | None


def _is_beyond(name: str, args: Any) -> bool:
    """Whether an operation that is a polynomial for some arguments is not one for these."""
    if name == "pow":
        exponent = args[1]
        return exponent.is_floating_point() if isinstance(exponent, Tensor) else float(exponent) != int(exponent)
    return False


def _in_double(numbers: Tensor) -> Tensor:
    """Floating-point numbers as the float64 nearest to their shortest decimals; others unchanged."""
    if numbers.dtype not in (torch.float16, torch.float32):
        return numbers.double() if numbers.is_floating_point() else numbers
    return torch.from_numpy(read(numbers).astype(str).astype(np.float64)).to(numbers.device)


def _is_rearranged(known: Known) -> bool:
    assert known.elements is not None
    flat = known.elements.reshape(-1)
    return not bool(torch.equal(flat, torch.arange(known.count, device=flat.device)))


def _known(leaf: Tensor) -> Known | None:
    """What is known of a tensor, unless it was written into since."""
    known: Known | None = getattr(leaf, "_seprank_known", None)
    return known if known is not None and known.version == leaf._version else None


def _mark(tensor: Tensor, known: Known) -> Tensor:
    if known.version != tensor._version:
        known = replace(known, version=tensor._version)
    tensor._seprank_known = known  # type: ignore[attr-defined]
    return tensor


def _each_tensor(function: Callable[[Tensor], Any], values: Any) -> Any:
    # Arguments are simpler than the trees of torch's tree_map, which takes ten times as long.
    if isinstance(values, Tensor):
        return function(values)
    if isinstance(values, list | tuple):
        return [_each_tensor(function, value) for value in values]
    if isinstance(values, dict):
        return {key: _each_tensor(function, value) for key, value in values.items()}
    return values


def _each_float(function: Callable[[Tensor], Any], values: Any) -> Any:
    return _each_tensor(lambda leaf: function(leaf) if leaf.is_floating_point() else leaf, values)


def _each_pair(function: Callable[[Tensor, Tensor], Any], made: Any, numbers: Any) -> Any:
    """Call `function` with each floating-point value and its counterpart."""
    for value, number in zip(tensors([made]), tensors([numbers]), strict=True):
        if value.is_floating_point():
            function(value, number)
    return made
