"""Values that are several tensors, such as a sparse matrix: what the rest needs to know of them.

A composite is no variable: it stands for variables, its parts, and everything that compiles,
differentiates or rewrites sees these.  It is known as such where a user's program meets ours: among
the inputs, outputs, givens and updates of a function (`gradcore.compile.composites`), and among
what a derivative is taken of and in (`gradcore.gradient`).

The decision: a wrapper outside of the graph.  Rejected: a type beside `TensorType`, of which every
op, rule and backend would have to know that it is no array.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from gradcore.graph.nodes import Variable
from gradcore.language import LANGUAGE


class Composite(ABC):
    """A value that is several tensors (abstract).

    name : what to call it in messages and as a keyword, or None.
    tag : a place for what others remember of it, as a variable has one.
    """

    name: str | None
    tag: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return an array of it as an object, if that is asked for; else raise."""
        return LANGUAGE["numpy_array"](self, dtype)

    @property
    @abstractmethod
    def parts(self) -> tuple[Variable, ...]:
        """The tensors that it is: all that tells its value."""

    @property
    @abstractmethod
    def moving(self) -> Variable:
        """The part that derivatives are taken of and in; the others are parameters."""

    @abstractmethod
    def with_moving(self, moving: Variable) -> Any:
        """Return the same with another moving part: what a derivative is returned as."""

    @abstractmethod
    def split(self, value: Any) -> Sequence[Any]:
        """Return a value of this kind as the values of the parts.

        Raises TypeError: it is none, said in words without a subject.
        """

    @abstractmethod
    def joined(self, values: Sequence[Any]) -> Any:
        """Return the value that has these parts, arrays of NumPy."""

    @abstractmethod
    def fitting(self, value: Any, what: str) -> Composite:
        """Return ``value`` as a composite that may take the place of this one.

        what : what to call this one in a message.

        Raises GraphTypeError: it may not.
        """


def moving_part(given: Any) -> Any:
    """Return the moving part of a composite; anything else as it is."""
    return given.moving if isinstance(given, Composite) else given
