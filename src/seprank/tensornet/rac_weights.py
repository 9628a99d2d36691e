"""The numbers of a circuit as NumPy arrays, in floating point or as Python integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .rac_sizes import check_rac

if TYPE_CHECKING:
    from ..models.rac import RAC

Array = npt.NDArray[Any]
"""float64, or Python integers in an object array"""


@dataclass(frozen=True)
class Weights:
    """Weights of all layers, the first layer first, and what reads the output."""

    hidden: list[Array]
    """W_H, (width, width)"""
    incoming: list[Array]
    """W_I, (width, inputs) in the first layer, (width, width) above"""
    initial: list[Array]
    """(width,)"""
    readout: Array
    """(width,)"""


def weights_of(rac: RAC, readout: Any = None, *, exact: bool = False) -> Weights:
    """The weights of a module; `readout` is ones by default, which adds up the outputs."""
    check_rac(rac)
    array = whole_numbers if exact else floats
    parameters = {name: array(name, tensor.detach().cpu().numpy()) for name, tensor in rac.named_parameters()}
    numbers = range(rac.num_layers)
    chosen = array("readout", np.ones(rac.hidden_size) if readout is None else readout)
    if chosen.shape != (rac.hidden_size,):
        raise ValueError(f"readout must have shape (width,) = ({rac.hidden_size},), got {chosen.shape}")
    return Weights(
        hidden=[parameters[f"weight_hh_l{number}"] for number in numbers],
        incoming=[parameters[f"weight_ih_l{number}"] for number in numbers],
        initial=list(parameters["initial_state"]),
        readout=chosen,
    )


def floats(name: str, values: Any) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {type(values).__name__}") from None


def whole_numbers(name: str, values: Any) -> Array:
    """The numbers as Python integers, of any size; `ValueError` if one is not whole."""
    array = np.asarray(values, dtype=object)
    try:
        result = np.array([int(value) for value in array.flat], dtype=object).reshape(array.shape)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be whole numbers for exact=True, got {type(values).__name__}") from None
    if not all(a == b for a, b in zip(result.flat, array.flat, strict=True)):
        raise ValueError(f"{name} must be whole numbers for exact=True; round it, or leave out exact")
    return result


def copy_tensor(width: int, *, exact: bool) -> Array:
    """δ_ijk, 1 where all three agree: contracted with two vectors it is their element-wise product."""
    tensor = np.zeros((width,) * 3, dtype=object if exact else np.float64)
    places = np.arange(width)
    tensor[places, places, places] = 1
    return tensor
