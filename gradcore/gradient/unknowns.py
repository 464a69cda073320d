"""Several unknowns as one vector, in which a solver looks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.config import config
from gradcore.errors import GraphTypeError
from gradcore.graph import Extent, Variable, as_variable, here, substitute
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.language import is_several, listed
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import concatenate, flatten, reshape


def are_several(x0: Any) -> bool:
    """Return whether unknowns begin as a list or tuple of tensors, not of numbers, which is one."""
    return is_several(x0) and any(isinstance(v, (Variable, np.ndarray)) for v in x0)


def as_start(x0: Any) -> Variable:
    """Return where an unknown begins as a variable, of floats."""
    start = as_variable(x0)
    return cast(start, config.floatX) if start.type.is_discrete else start


def require_like(what: str, found: Variable, x: Variable) -> None:
    """Raise GraphTypeError unless what belongs to an unknown is of its shape and dtype."""
    pairs = zip(found.type.shape, x.type.shape, strict=False)
    same = found.ndim == x.ndim and all(m is None or n is None or m == n for m, n in pairs)
    if not same or found.dtype != x.dtype:
        raise GraphTypeError(
            f"{what} is {found.type}, but begins with x as {x.type}: they must be alike",
            here(),
            "cast x0, or start from a tensor of that shape",
        )


class Unknowns:
    """Several unknowns, and the vector of all of their elements.

    x0 : where they begin.
    wrt : the variables that are the unknowns in expressions; None: a function is called with them.

    Raises GraphTypeError: they are of several dtypes, or not as many as ``wrt``.
    """

    def __init__(self, x0: Sequence[Any], wrt: Any) -> None:
        self.starts = list(map(as_start, x0))
        dtypes = {v.dtype for v in self.starts}
        if len(dtypes) > 1:
            raise GraphTypeError(
                f"unknowns begin as {', '.join(sorted(dtypes))}: they must be of one dtype",
                here(),
                "cast x0",
            )
        self.wrt = None if wrt is None else listed(wrt)
        if self.wrt is not None and len(self.wrt) != len(self.starts):
            raise GraphTypeError(
                f"wrt has {len(self.wrt)} variables, x0 {len(self.starts)} unknowns", here()
            )

    @property
    def start(self) -> Variable:
        """Where the vector begins."""
        return concatenate(list(map(flatten, self.starts)))

    def parts(self, vector: Variable) -> list[Variable]:
        """Return the unknowns that a vector has."""
        found: list[Variable] = []
        first: Extent = 0
        for v in self.starts:
            shape = extents_of(v)
            last = first + product(shape)
            found.append(reshape(vector[first:last], shape, ndim=v.ndim))
            first = last
        return found

    def function(self, f: Any) -> Callable[[Variable], Any]:
        """Return what ``f`` makes of unknowns, as a function of the vector."""

        def of_vector(vector: Variable) -> Any:
            if self.wrt is None:
                return f(*self.parts(vector))
            new = dict(zip(self.wrt, self.parts(vector), strict=True))
            found = substitute(listed(f), new)
            return found if is_several(f) else found[0]

        return of_vector

    def equations(self, f: Any) -> Callable[[Variable], Variable]:
        """Return the same of equations, one for each unknown, of its shape, as a vector."""
        of_vector = self.function(f)

        def equations(vector: Variable) -> Variable:
            found = list(map(as_variable, listed(of_vector(vector))))
            if len(found) != len(self.starts):
                raise GraphTypeError(
                    f"{len(found)} equations for {len(self.starts)} unknowns", here()
                )
            for each, start in zip(found, self.starts, strict=True):
                require_like("an equation", each, start)
            return concatenate(list(map(flatten, found)))

        return equations
