"""A copy of a module that is the user's, so that whatever is done to it the original stays as it was."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from .contract import ConventionError

M = TypeVar("M", bound=nn.Module)


def copy_module(module: M) -> M:
    """A deep copy.

    Tensors that a module keeps as plain attributes and that have a history of gradients, which torch refuses to copy,
    are copied without the history: the weights of the older `weight_norm` and of `torch.nn.utils.prune`, which are
    made anew from the parameters at every call, and caches.

    Raises:
        ConventionError: a part of the module refuses to be copied.

    Example:
        >>> module = nn.Linear(2, 3)
        >>> copy_module(module).weight is module.weight
        False
    """
    made = [
        leaf
        for member in module.modules()
        for leaf in tree_leaves(vars(member))
        if isinstance(leaf, Tensor) and not leaf.is_leaf
    ]
    memo = {id(tensor): tensor.detach().clone() for tensor in made}
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:
        raise ConventionError(
            f"{type(module).__name__} cannot be copied, so that it would be changed by being run: "
            f"{type(error).__name__}: {error}; give it a __deepcopy__, or leave out the part that cannot be copied"
        ) from error
