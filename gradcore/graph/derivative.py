"""What the derivative of an op is, of whatever kind: the base of those of `gradcore.derive`.

A node is of any type here, as nodes have ops, and ops have derivatives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, ClassVar


class Derivative(ABC):
    """How the outputs of an op move with its inputs, in both directions.

    A tangent or cotangent is a variable, or a word for one that is no variable: None
    (disconnected), `Zero`, or `Undefined` with the reason.  One of the two modes may be omitted,
    by returning None: it is the transpose of the other.
    """

    masks: ClassVar[bool] = False
    """Whether ``pullback`` takes masked cotangents as they are."""

    @abstractmethod
    def connects(self, node: Any, i: int, o: int) -> bool:
        """Return whether output ``o`` is connected with input ``i``."""

    def linear_in(self, node: Any) -> Sequence[Collection[int]]:
        """Return the sets of inputs in which the op is linear, all of a set together.

        The inputs outside of a set are fixed then, and it is 0 where those of the set are.  Like
        all of arithmetic, it is so up to rounding in the dtypes of the outputs.
        """
        return ()

    @abstractmethod
    def pullback(
        self, node: Any, cotangents: Sequence[Any], wanted: Sequence[bool]
    ) -> list[Any] | None:
        """Return the cotangents of the inputs (None for those not ``wanted``)."""

    @abstractmethod
    def pushforward(self, node: Any, tangents: Sequence[Any]) -> list[Any] | None:
        """Return the tangents of the outputs, given those of the inputs."""
