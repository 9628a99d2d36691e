"""A shallow circuit as a matrix product state over the tokens of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .libraries import load_quimb
from .rac_sizes import sizes_of
from .rac_weights import Array, weights_of

if TYPE_CHECKING:
    from ..models.rac import RAC


def mps(rac: RAC, length: int, *, readout: Any = None, exact: bool = False) -> Any:
    """A RAC of one layer as a matrix product state: the tensor of its outputs over all token sequences.

    Site t has the tensor A[i, j, x] = (W_H)_ij (W_I)_ix between the states i after and j before the step. The first is
    contracted with the initial state, the last with the read-out. Tokens are one-hot inputs.

    Args:
        rac: a module with `num_layers=1`.
        length: T, number of sites.
        readout: (width,), what the outputs are multiplied by; ones by default, which adds them up.
        exact: Python integers in object arrays instead of float64; all parameters must then be whole numbers.

    Returns:
        A `quimb.tensor.MatrixProductState` with sites 0 to T - 1, of physical dimension M and bond dimension R.

    Raises:
        ImportError: quimb is not installed.
        TypeError, ValueError: the module has several layers or is no RAC, or the read-out or the length is invalid.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), the tensor network of a shallow network.

    Example:
        >>> from seprank.models.rac import RAC
        >>> state = mps(RAC(4, 3), length=6)
        >>> state.L, state.phys_dim(), state.max_bond()
        (6, 4, 3)
    """
    sizes = sizes_of(rac, length, None)
    if sizes.depth != 1:
        raise ValueError(f"a matrix product state needs a RAC of one layer, got {sizes.depth}; use tensornet.network")
    weights = weights_of(rac, readout, exact=exact)
    return load_quimb().MatrixProductState(_sites(weights.hidden[0], weights.incoming[0], weights, length), shape="lrp")


def _sites(hidden: Array, incoming: Array, weights: Any, length: int) -> list[Array]:
    """Arrays of shape (before, after, token), without `before` at the first site and `after` at the last."""
    site = hidden.T[:, :, None] * incoming[None, :, :]
    first = (hidden @ weights.initial[0])[:, None] * incoming
    last = (hidden.T * weights.readout) @ incoming
    return [first, *[site] * (length - 2), last]


def schmidt_values(state: Any) -> list[Array]:
    """Schmidt values at every cut of a matrix product state.

    Args:
        state: as `mps` makes it, in floating point.

    Returns:
        For each cut c = 1, ..., T - 1 the singular values of the tensor as a matrix from the first c tokens to the
        others, greatest first; at most as many as the bond there is wide, and zeros come out as rounding errors.

    Raises:
        TypeError: the state holds Python integers, which have no Schmidt values without roots.

    Example:
        >>> from seprank.models.rac import RAC
        >>> [len(values) for values in schmidt_values(mps(RAC(2, 3), length=4))]
        [2, 3, 2]
    """
    if state[0].data.dtype == object:
        raise TypeError("Schmidt values need floating point, got Python integers; make the state without exact=True")
    return [np.sort(np.asarray(state.singular_values(cut)))[::-1] for cut in range(1, state.L)]
