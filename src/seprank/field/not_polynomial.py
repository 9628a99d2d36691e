"""The refusal of what has no meaning modulo a prime."""

from __future__ import annotations


class NotPolynomial(ArithmeticError):
    """A module did something that has no meaning modulo a prime.

    Attributes:
        operation: name of the operation, as torch calls it.
        module: path of the sub-module it happened in.
        reason: why it is refused, and what to do.
    """

    def __init__(self, operation: str, module: str, reason: str) -> None:
        self.operation, self.module, self.reason = operation, module, reason
        super().__init__(operation, module, reason)

    def __str__(self) -> str:
        return f"`{self.operation}` in {self.module} is not polynomial: {self.reason}"
