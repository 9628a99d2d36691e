"""Neighbouring measures of memory: effective state-size, memory capacity, gradients, Hankel singular values."""

from .capacity import MemoryCapacity, memory_capacity

__all__ = ["MemoryCapacity", "memory_capacity"]
