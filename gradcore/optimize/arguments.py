"""The vector that a solver moves, and what is computed from it: read, checked, remembered."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.errors import ArgumentError, GraphTypeError, GraphValueError, ShapeError
from gradcore.gradient.arguments import variables_of
from gradcore.graph import Constant, TensorType, Variable, here
from gradcore.language import is_several
from gradcore.shared import SharedVariable
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import reshape

Array = Any
"""An array of NumPy."""


class Point:
    """The variables that a solver moves, one after the other in a vector of float64.

    vector : what stands for all of them in a graph.
    replacements : the variables as parts of it.
    size : how many elements it has; None: as many as it is called with.
    """

    def __init__(
        self, variables: Any, shapes: Mapping[Variable, Sequence[int]] | None = None
    ) -> None:
        self.several = is_several(variables)
        self.variables = variables_of(variables, "wrt")
        if not self.variables or len(set(self.variables)) < len(self.variables):
            raise GraphValueError("name the variables to move, each once", here())
        for v in self.variables:
            if v.owner is not None or isinstance(v, Constant):
                raise GraphTypeError(f"{v} is no input variable, which a solver could move", here())
            if not v.type.dtype.startswith("float"):
                raise GraphTypeError(f"{v} is {v.type}: a solver moves floats", here())
        self.shapes = [self._shape(v, (shapes or {}).get(v)) for v in self.variables]
        sizes = [None if shape is None else math.prod(shape) for shape in self.shapes]
        self.ends = np.cumsum([n or 0 for n in sizes])
        self.size = None if None in sizes else int(self.ends[-1])
        name = self.variables[0].name if len(self.variables) == 1 else None
        self.vector = TensorType("float64", (self.size,))(name or "x")
        self.replacements = self._parts()

    def _shape(self, v: Variable, given: Sequence[int] | None) -> tuple[int, ...] | None:
        """Return the shape of a variable; None: it is the only one, and a vector of any length."""
        declared = v.type.shape
        shape = declared if given is None else tuple(given)
        agree = len(shape) == len(declared) and all(
            n is None or m is None or n == m for n, m in zip(declared, shape, strict=True)
        )
        if not agree:
            raise ShapeError(f"shapes={{{v}: {shape}}}, but {v} is {v.type}", here())
        known = tuple(n for n in shape if n is not None)
        if len(known) == len(shape):
            return known
        if len(self.variables) == 1 and v.ndim == 1:
            return None
        raise ShapeError(
            f"the shape of {v} ({v.type}) must be known, as it is a part of a vector",
            here(),
            f"declare it (T.tensor({v.name!r}, {v.dtype!r}, (3, 2))), or pass "
            f"shapes={{{v}: (3, 2)}}",
        )

    def _parts(self) -> dict[Variable, Variable]:
        found: dict[Variable, Variable] = {}
        for v, shape, end in zip(self.variables, self.shapes, self.ends, strict=True):
            part = self.vector
            if shape is not None:
                part = reshape(self.vector[int(end) - math.prod(shape) : int(end)], shape)
            found[v] = cast(part, v.dtype)
        return found

    def __str__(self) -> str:
        """Return the variables with their shapes."""
        pairs = zip(self.variables, self.shapes, strict=True)
        return ", ".join(f"{v} {'(?,)' if shape is None else shape}" for v, shape in pairs)

    def flatten(self, *values: Any) -> Array:
        """Return values of the variables as one vector."""
        if len(values) != len(self.variables):
            raise ArgumentError(f"{len(values)} values for {len(self.variables)} variables: {self}")
        arrays = [np.asarray(value, "float64") for value in values]
        for array, shape in zip(arrays, self.shapes, strict=True):
            if array.ndim != 1 if shape is None else array.shape != shape:
                raise ShapeError(f"a value has shape {array.shape}; the variables are {self}")
        return np.concatenate([array.reshape(-1) for array in arrays])

    def unflatten(self, vector: Any) -> Any:
        """Return the values of the variables that a vector has: one array, or a list of them."""
        x = self.checked(vector)
        if not self.several:
            return x if self.shapes[0] is None else x.reshape(self.shapes[0])
        parts = np.split(x, self.ends[:-1])
        return [
            part if shape is None else part.reshape(shape)
            for part, shape in zip(parts, self.shapes, strict=True)
        ]

    def checked(self, vector: Any, name: str = "x") -> Array:
        """Return a vector as an array of float64, or raise ShapeError or ArgumentError."""
        try:
            x = np.ascontiguousarray(vector)
            found = x.astype("float64", casting="same_kind", copy=False)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{name} is no vector of real numbers: {error}") from error
        if np.shape(vector) != ((len(found),) if self.size is None else (self.size,)):
            wanted = "a vector" if self.size is None else f"a vector of {self.size} elements"
            raise ShapeError(f"{name} has shape {np.shape(vector)}; it must be {wanted}: {self}")
        return found


class Remembered:
    """A function that is not computed again for the arguments of its last call.

    shared : the shared variables that it reads.

    Arguments are compared by value: arrays that are changed in place are other arguments.
    """

    def __init__(self, function: Callable[..., Any], shared: Sequence[SharedVariable] = ()) -> None:
        self.function = function
        self.shared = shared
        self._last: tuple[list[Array], Any] | None = None

    def __call__(self, *arguments: Array) -> Any:
        """Return what the function returns; nobody may write to it."""
        found = self.known(*arguments)
        if found is None:
            read = [np.array(a) for a in self._read(arguments)]
            found = self.function(*arguments)
            self._last = read, found
        return found

    def known(self, *arguments: Array) -> Any:
        """Return what the last call returned, if it had these arguments; else None."""
        last = self._last  # one read: another thread may store the next
        if last is None:
            return None
        pairs = zip(last[0], self._read(arguments), strict=True)
        return last[1] if all(np.array_equal(a, b) for a, b in pairs) else None

    def _read(self, arguments: Sequence[Array]) -> list[Array]:
        return [*arguments, *(v.get_value(borrow=True) for v in self.shared)]
