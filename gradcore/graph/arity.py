"""How many operands an op takes, as the signatures of its methods say: nobody declares it twice."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType

SAYING = ("shape", "reference", "check")
"""Methods with ``self`` and a parameter for each operand."""


@functools.cache
def operand_counts(kind: type, base: type) -> tuple[int, int] | None:
    """Return the least and the largest number of operands of ops of a class, if a method says it.

    base : the class whose methods of those names say nothing.

    >>> class Base:
    ...     def shape(self, *operands): ...
    >>> class Scaled(Base):
    ...     def shape(self, x, factor=1): ...
    >>> operand_counts(Scaled, Base), operand_counts(Base, Base)
    ((1, 2), None)
    """
    for name in SAYING:
        method = inspect.getattr_static(kind, name, None)
        if method is inspect.getattr_static(base, name, None) or type(method) is not FunctionType:
            continue
        parameters = list(inspect.signature(method).parameters.values())[1:]
        if all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters):
            return sum(p.default is p.empty for p in parameters), len(parameters)
    return None
