"""How much memory there is, and sizes as people write them."""

from __future__ import annotations

import re

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9}


class MemoryBudgetError(ValueError):
    """Raised before work that would exceed the memory budget; the message gives the estimate and the remedy."""


def default_budget() -> int:
    """Half of the memory that is free now, in bytes."""
    return free_bytes("cpu") // 2


def free_bytes(device: str) -> int:
    """The memory that is free now on a device of torch, and what torch itself keeps for later there."""
    import psutil

    if not device.startswith("cuda"):
        return int(psutil.virtual_memory().available)
    from torch import cuda

    kept = cuda.memory_reserved(device) - cuda.memory_allocated(device)
    return int(cuda.mem_get_info(device)[0]) + int(kept)


def check_need(need: int, budget: int, what: str, remedy: str) -> None:
    """Refuse work that needs more bytes than it may take; `what` are the first words of the message, with a verb."""
    if need > budget:
        raise MemoryBudgetError(
            f"{what} about {show_size(need)}, more than the {show_size(budget)} this may take; {remedy}"
        )


def check_weights(numbers: int, budget: int) -> None:
    """Refuse a network with this number of parameters if they alone exceed the budget in bytes."""
    need = numbers * 20  # as float32 in the module, as float64 in the field, and while they are drawn
    check_need(need, budget, "the weights alone take", "use a smaller --width, --depth or --inputs, or more --memory")


def parse_size(text: str) -> int:
    """Bytes in a text such as 4GiB, 500 MB or 1000000.

    Raises:
        ValueError: it is not a positive number with a known unit.

    Example:
        >>> parse_size("1.5KiB")
        1536
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    units = {unit.lower(): size for unit, size in _UNITS.items()} | {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
    if match is None or match[2].lower() not in units or float(match[1]) == 0:
        raise ValueError(f"memory must be a size such as 4GiB or 500MiB, got {text!r}")
    return int(float(match[1]) * units[match[2].lower()])


def show_size(size: float | int) -> str:
    """Bytes as people read them.

    Example:
        >>> show_size(3 * 2**29)
        '1.5 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"
