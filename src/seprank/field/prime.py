"""PrimeField: run an unchanged polynomial module exactly modulo p.

Inside `with PrimeField(p):` every operation of torch comes here first. Operations on integer and boolean tensors run
unchanged (they are positions and masks); operations that touch a floating-point tensor are looked up in the tables of
`operations` and computed on balanced residues. Whether a module is polynomial is thus tested by running it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from ..question import DEFAULT_PRIME, Squash, check_choice, check_prime, check_squash
from .arithmetic import ARITHMETICS, Arithmetic, Far, NotFinite, constant
from .decimals import read_decimals
from .functions import Functions
from .fused_attention import attention
from .guard import Guard
from .leaves import each, has_value, is_value, tensors
from .loops import LOOPS, leave_alone
from .not_polynomial import NotPolynomial
from .notes import Notes
from .operands import Refusal
from .operation import Operation
from .operations import UNINITIALISED, advice, divides
from .place import Place
from .scattering import require_known_padding
from .squash import FUNCTIONS, SQUASHED, carry, finite, hide, without_lowest
from .symbolic import Symbolic

A = TypeVar("A", bound=Arithmetic)

_current = threading.local()

_MASKS = (
    "if it hides entries from a softmax, leave that out with squash='identity' (--squash identity), or `measure`, "
    "which takes any network"
)

_PLAIN = frozenset({int, bool, float, type(None)})
"""Types that hold no tensor"""


class PrimeField(TorchDispatchMode):
    """Context in which torch computes modulo a prime.

    Values are carried by float64 tensors holding integers a with |a| <= (p-1)/2. Numbers and tensors that come
    from outside (weights, inputs, constants in the code) are read as the decimals they print as: 3.0 is 3, and
    0.1 is the residue of 1/10, in whatever floating-point type it is stored. Gradients are off inside. Values cannot be
    read out by `.numpy()`, `.tolist()` or the like, because results computed outside would be no residues.

    Args:
        prime: an odd prime below 2^27.
        arithmetic: "float64" (fast) or "int64" (slow and independent; results are equal).
        squash: "identity" to replace activations, softmax and norms by it; `notes` says which were.

    Raises:
        TypeError, ValueError: `prime` is not such a prime, or `arithmetic` is unknown.
        NotPolynomial: from inside, for an operation that is not a sum, product or rearrangement.
        RuntimeError: on entering while another field is active.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> _ = torch.nn.init.constant_(layer.weight, 50.0)
        >>> with PrimeField(97):
        ...     output = layer(torch.tensor([[1.0, 1.0]]))
        >>> output.item()
        3.0
    """

    supports_higher_order_operators = True
    """Says torch: loops and branches that are operators come to `__torch_dispatch__`, too"""
    _made_inside: str
    _from_outside: str

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would wrap `__torch_dispatch__` in a guard that imports its compiler: a second for the first call,
        # microseconds for each, for a context in which nothing is compiled.
        return False

    def __init__(
        self, prime: int = DEFAULT_PRIME, *, arithmetic: str = "float64", squash: Squash | None = None
    ) -> None:
        super().__init__()
        self.prime = check_prime(prime)
        kind = ARITHMETICS[check_choice("arithmetic", arithmetic, [*ARITHMETICS])]
        self.arithmetic: Arithmetic = kind(self.prime)
        self.parameters_are_drawn = False
        """Whether undrawn parameters are refused, because a drawn one stands for each parameter of the module"""
        self.squash = check_squash(squash)
        self.notes = Notes()
        """What was replaced, evaluated in float64, or divided by so far"""
        self.functions: Functions | None = None
        """Follows parameters and constants, once it is said which these are"""
        self._renew_marks()
        self._place = Place()
        replaced = {F.scaled_dot_product_attention, *(() if self.squash is None else FUNCTIONS)}
        self._guard = Guard(self._refuse, self._number, self._stand_in, replaced)
        self._grad = True

    def __enter__(self) -> PrimeField:
        active = getattr(_current, "field", None)
        if active is not None:
            raise RuntimeError(f"already inside PrimeField({active.prime}); leave it before entering another")
        _current.field = self
        self._renew_marks()
        self._grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        self._place.__enter__()
        self._guard.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._guard.__exit__(*exception)
        self._place.__exit__(*exception)
        torch.set_grad_enabled(self._grad)
        _current.field = None

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave the field for a while, so that another may be entered; its values stay valid."""
        with self._on(self.arithmetic):  # which keeps the marks
            self.__exit__(None, None, None)
            try:
                yield
            finally:
                self.__enter__()

    def far(self) -> AbstractContextManager[Far]:
        """The same field on other representatives; values made before are read again."""
        return self._on(Far(self.prime))

    def recording(self) -> AbstractContextManager[Symbolic]:
        """Record instead of computing, see `symbolic`; run a copy of the module, which may cache symbolic names.

        Raises:
            NotRecorded: recording is impossible; also from inside.
        """
        return self._on(Symbolic(self.prime, self.arithmetic))

    def unknown(self, *shape: int) -> Tensor:
        """Names of new numbers, during a recording; they cannot be written into."""
        assert isinstance(self.arithmetic, Symbolic)
        with _disable_current_modes():
            return self._mark(self.arithmetic.unknown(*shape), self._from_outside)  # type: ignore[no-any-return]

    @contextmanager
    def _on(self, arithmetic: A) -> Iterator[A]:
        """Use another arithmetic, for which all values so far come from outside."""
        kept = (self.arithmetic, self._made_inside, self._from_outside)
        self.arithmetic = arithmetic
        self._renew_marks()
        try:
            yield arithmetic
        finally:
            self.arithmetic, self._made_inside, self._from_outside = kept

    def _renew_marks(self) -> None:
        """New marks: a tensor that carries one of these very strings holds residues of this run of the context.

        They are strings, so that marked tensors can be saved and loaded; and compared by identity, so that a loaded
        tensor, or one changed after the context was left, is not trusted.
        """
        self._made_inside = f"value modulo {self.prime}"
        self._from_outside = f"constant modulo {self.prime}"

    def _refuse(self, operation: str, reason: str) -> None:
        raise NotPolynomial(operation, str(self._place), reason)

    def _stand_in(self, function: Any) -> Callable[..., Any]:
        """The replacement of a function of torch."""
        if function is F.scaled_dot_product_attention:
            return attention
        name, replacement = FUNCTIONS[function]
        self.notes.replace(name, str(self._place))
        return replacement

    def _number(self, value: int, inverse: bool) -> Tensor:
        """A 0-dimensional value of this run: an integer of any size, or one divided by it."""
        with _disable_current_modes():
            residue = constant(Fraction(1, value) if inverse else value, self.prime)
            return self._mark(torch.tensor(float(residue), dtype=torch.float64), self._from_outside)  # type: ignore[no-any-return]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if isinstance(func, HigherOrderOperator):
            return self._loop(func.name(), args, kwargs or {})
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False), torch.no_grad():  # in which torch takes operations apart itself
                return self._taken_apart(func, args, kwargs or {})
        operation = Operation.of(func)
        if operation.parts is not None:
            return self._taken_apart(operation.parts, args, kwargs or {})
        if forward_ad._current_level >= 0:
            self._refuse(operation.name, advice("forward_ad"))
        try:
            return self._run(operation, args, kwargs or {})
        except Refusal as refusal:
            raise NotPolynomial(operation.name, str(self._place), str(refusal)) from None
        except NotFinite as error:
            raise NotPolynomial(operation.name, str(self._place), f"{error}; {_MASKS}") from None
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise type(error)(f"{error} (in `{operation.name}` of {self._place!s})") from None

    def _loop(self, name: str, args: Any, kwargs: Any) -> Any:
        """A loop or a branch, what is inside of which comes here."""
        if name not in LOOPS:
            self._refuse(name, advice(name))
        with self._guard:
            return self._taken_apart(LOOPS[name], args, kwargs)

    def _taken_apart(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run the parts of an operation, each of which comes here."""
        super().__enter__()
        try:
            return func(*args, **kwargs)
        finally:
            super().__exit__(None, None, None)

    def _run(self, operation: Operation, args: Any, kwargs: Any) -> Any:
        if operation.random and (self.squash is None or operation.name not in SQUASHED):
            raise Refusal(advice("rand"))
        if operation.creating or not (has_value(args) or has_value(kwargs.values())):
            return self._without_values(operation, args, kwargs)
        if operation.in_place:
            if operation.structural and self.functions is not None:
                self.functions.spend([args, *kwargs.values()])
            return self._into(args[0], operation, args, kwargs)
        if "out" in kwargs:
            rest = {key: value for key, value in kwargs.items() if key != "out"}
            if self.functions is not None:
                self.functions.spend([kwargs["out"]])
            if operation.handler is None:
                rest["out"] = torch.empty(0, dtype=torch.float64, device=kwargs["out"].device)
            return self._into(kwargs["out"], operation, args, rest)
        return self._compute(operation, args, kwargs)

    def _without_values(self, operation: Operation, args: Any, kwargs: Any) -> Any:
        """Integers, masks and new tensors: run by torch, except that values made from integers are computed exactly."""
        result = operation.function(*args, **kwargs)
        if operation.name in UNINITIALISED:
            result.zero_()
        if not operation.creating and has_value([result]) and tensors(args):
            return self._compute(operation, args, kwargs)
        if self.functions is None:
            return each(lambda new: self._mark(self._admit(new)), result)
        constant = self.functions.constant
        return each(lambda new: constant(self._mark(self._admit(new)), new) if is_value(new) else new, result)

    def _compute(self, operation: Operation, args: Any, kwargs: Any) -> Any:
        if operation.name == "embedding":
            require_known_padding(*args)
        found = None
        if self.functions is not None:
            found = self.functions.follow(operation.name, operation.function, args, kwargs, self._place.__str__)
            if found is not None and found.attach is None:
                return found.values
        if found is None and divides(operation.name, args):
            self.notes.divisions.add(f"{operation.name} in {self._place!s}")
        result = self._of_values(operation, args, kwargs)
        return result if found is None or found.attach is None else found.attach(result)

    def _of_values(self, operation: Operation, args: Any, kwargs: Any) -> Any:
        """The operation, computed from the values of its arguments."""
        given = (args, kwargs)
        if not self._all_admitted(args):
            args = each(self._admit_all if operation.joining else self._admit, args)
        if kwargs:
            kwargs = {key: each(self._admit, value) for key, value in kwargs.items()}
        hide_result = None
        if self.squash is not None:
            hide_result = carry(operation.name, operation.function, args, kwargs)
            if hide_result is not None:
                args = without_lowest(args)
        result = self._result(operation, args, kwargs, given)
        return result if hide_result is None else self._mark(hide_result(result))

    def _result(self, operation: Operation, args: Any, kwargs: Any, given: Any) -> Any:
        if operation.handler is not None:
            return each(self._mark, operation.handler(self.arithmetic, *args, **kwargs))
        if operation.joining or operation.structural:
            outside = operation.aliasing and any(self._mark_of(a) is self._from_outside for a in args)
            mark = self._from_outside if outside else self._made_inside
            return each(lambda moved: self._mark(moved, mark), operation.function(*args, **kwargs))
        if self.squash is not None and operation.name in SQUASHED:
            self.notes.replace(operation.name.strip("_"), str(self._place))
            return each(self._mark, SQUASHED[operation.name](self.arithmetic, *args, **kwargs))
        why = None if self.functions is None else self.functions.why_not(operation.name, *given)
        raise Refusal(why or advice(operation.name))

    def _into(self, target: Any, operation: Operation, args: Any, kwargs: Any) -> Any:
        """In-place operations and out=: write the result where the module wants it."""
        if self._mark_of(target) is not self._made_inside:
            raise Refusal(
                "it writes into a tensor that is not a value of this run (an integer tensor, or one made outside "
                "of forward, or a view of it); write `a = a + b` instead of an in-place operation"
            )
        if operation.in_place and operation.structural:
            return self._mark(operation.function(target, *each(self._admit, args[1:]), **kwargs))
        result = self._compute(operation, args, kwargs)
        if result.shape != target.shape:
            raise Refusal(f"its result {tuple(result.shape)} does not fit where it is written, {tuple(target.shape)}")
        return target.copy_(result)

    def admit(self, value: Tensor, name: str | None = None) -> Tensor:
        """Balanced residues of a tensor, marked as values of this run that cannot be written into.

        Module code needs no call to this, because every tensor it uses is admitted automatically; admitting weights and
        inputs once saves doing so at each operation. Integer tensors stay as they are.

        Raises:
            ValueError: an entry is infinite or not a number; NotPolynomial, which names it, of a tensor with a name.
            ZeroDivisionError: an entry is a decimal whose denominator the prime divides.
            NotPolynomial: it has complex numbers.
        """
        if self._mark_of(value) is not None:
            return self._mark(value, self._from_outside)  # type: ignore[no-any-return]
        try:
            with _disable_current_modes():
                admitted: Tensor = self._mark(self._admit(value), self._from_outside)
        except Refusal as refusal:
            raise NotPolynomial(name or "admit", str(self._place), str(refusal)) from None
        except NotFinite as error:
            if name is None:
                raise
            raise NotPolynomial(name, "the module", f"{error}; {_MASKS}") from None
        return admitted

    def renew(self, value: Tensor) -> Tensor:
        """`admit` for values made by the run itself, which may be written into."""
        return self._mark(self._admit(value))  # type: ignore[no-any-return]

    def _all_admitted(self, args: Any) -> bool:
        """Whether all are numbers and values of this run, as in most cases: there is nothing to do then."""
        inside, outside = self._made_inside, self._from_outside
        for arg in args:
            if arg.__class__ not in _PLAIN:
                mark = getattr(arg, "_seprank_mark", None)
                if mark is None or (mark is not inside and mark is not outside):
                    return False
        return True

    def _admit_all(self, value: Any) -> Any:
        """`_admit`, of integer tensors too."""
        if isinstance(value, Tensor) and not is_value(value):
            return self.arithmetic.residues(value)
        return self._admit(value)

    def _admit(self, value: Any) -> Any:
        """`admit` for any argument or result of an operation."""
        if isinstance(value, complex) or (isinstance(value, Tensor) and value.is_complex()):
            raise Refusal("it has complex numbers; write real and imaginary part as two channels")
        if not is_value(value) or self._mark_of(value) is not None:
            return value
        if self.parameters_are_drawn and value.requires_grad:
            raise Refusal(
                "it uses a parameter that module.named_parameters() does not have: one in a plain list, or one that a "
                "function outside of the module reaches; register it, as nn.ModuleList does, and use methods"
            )
        if not bool(value.isfinite().all()):
            if self.squash is not None and not bool((value.isnan() | (value == math.inf)).any()):
                value, where = finite(value)
                return hide(self._mark(self._decimals(value), self._from_outside), where)
            raise NotFinite(f"a tensor of shape {tuple(value.shape)} has an infinite or undefined entry")
        return self._mark(self._decimals(value), self._from_outside)

    def _decimals(self, value: Tensor) -> Tensor:
        return read_decimals(value, self.arithmetic)

    def _mark(self, value: Any, mark: str | None = None) -> Any:
        if isinstance(value, Tensor) and value.is_floating_point():
            value._seprank_mark = mark or self._made_inside  # type: ignore[attr-defined]
        return value

    def _mark_of(self, value: Any) -> str | None:
        """The mark of a value of this run, which says whether it may be written into; None for anything else."""
        mark = getattr(value, "_seprank_mark", None)
        return mark if mark is self._made_inside or mark is self._from_outside else None


leave_alone(PrimeField.__torch_dispatch__, Guard.__torch_function__)
