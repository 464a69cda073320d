"""What the Python array API standard asks of a namespace beyond NumPy's everyday words.

``x.__array_namespace__()`` is `gradcore.tensor`.  Dtypes are strings here, as everywhere in
gradcore; functions of the standard take and return them.  What the standard needs values for
(``bool(x)``, iteration over unknown extents) raises, as everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.graph import Variable, as_variable, upcast
from gradcore.graph.extents import broadcast
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS, canonical_dtype
from gradcore.tensor.creation import zeros, zeros_like
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import atleast_nd

pi, e, inf, nan, newaxis = np.pi, np.e, np.inf, np.nan, None

KINDS = {
    "bool": ("bool",),
    "signed integer": tuple(d for d in DISCRETE if d.startswith("int")),
    "unsigned integer": tuple(d for d in DISCRETE if d.startswith("uint")),
    "integral": tuple(d for d in DISCRETE if d != "bool"),
    "real floating": tuple(FLOATS),
    "complex floating": tuple(COMPLEX),
    "numeric": (*(d for d in DISCRETE if d != "bool"), *FLOATS, *COMPLEX),
}
"""The kinds of dtypes that `isdtype` knows."""


def asarray(x: Any, dtype: str | None = None, copy: bool | None = None) -> Variable:
    """Return ``x`` as a variable, in ``dtype`` if it is given; ``copy`` is ignored.

    >>> import gradcore.tensor as T
    >>> T.asarray([1, 2], dtype="float32").dtype
    'float32'
    """
    variable = as_variable(x)
    return variable if dtype is None else cast(variable, dtype)


def array(x: Any, dtype: str | None = None, ndmin: int = 0) -> Variable:
    """Return ``x`` as a variable of at least ``ndmin`` axes, in ``dtype`` if it is given.

    >>> import gradcore.tensor as T
    >>> T.array([1, 2], "float32", ndmin=2).type
    TensorType(float32, (1, 2))
    """
    return atleast_nd(asarray(x, dtype), ndmin)


def astype(x: Any, dtype: str, copy: bool = True) -> Variable:
    """Return ``x`` as ``dtype``; ``copy`` is ignored.

    >>> import gradcore.tensor as T
    >>> T.astype(T.dvector("x"), "float32").type
    TensorType(float32, vector)
    """
    return cast(x, dtype)


def empty(shape: Any, dtype: str | None = None) -> Variable:
    """Return a tensor of ``shape``, of which nobody should use the elements: they are zeros.

    >>> import gradcore.tensor as T
    >>> T.empty((2, 3), "float32").type
    TensorType(float32, (2, 3))
    """
    return zeros(shape, dtype)


def empty_like(x: Any, dtype: str | None = None) -> Variable:
    """Return a tensor in the shape of ``x`` as `empty` does.

    >>> import gradcore.tensor as T
    >>> T.empty_like(T.fmatrix("x")).type
    TensorType(float32, matrix)
    """
    return zeros_like(x, dtype)


def ndim(x: Any) -> int:
    """Return the rank.

    >>> import gradcore.tensor as T
    >>> T.ndim(T.dmatrix("x"))
    2
    """
    return as_variable(x).ndim


def result_type(*operands: Any) -> str:
    """Return the dtype that holds all operands: tensors, dtypes and Python numbers.

    >>> import gradcore.tensor as T
    >>> T.result_type("int32", "float32")
    'float64'
    """
    known = [
        x.type.dtype if isinstance(x, Variable) else canonical_dtype(x)
        for x in operands
        if not isinstance(x, (bool, int, float))
    ]
    numbers = [as_variable(x, known).type.dtype for x in operands if isinstance(x, (int, float))]
    return upcast(*known, *numbers)


def can_cast(given: Any, to: str) -> bool:
    """Return whether a dtype, or that of a tensor, goes into another without loss.

    >>> import gradcore.tensor as T
    >>> T.can_cast("int32", "float64"), T.can_cast(T.dvector("x"), "int64")
    (True, False)
    """
    dtype = given.type.dtype if isinstance(given, Variable) else canonical_dtype(given)
    return upcast(dtype, canonical_dtype(to)) == canonical_dtype(to)


def isdtype(dtype: str, kind: str | tuple[str, ...]) -> bool:
    """Return whether ``dtype`` is of a kind: a dtype, a name of the standard, or one of several.

    >>> import gradcore.tensor as T
    >>> T.isdtype("int8", "signed integer"), T.isdtype("bool", ("integral", "real floating"))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    return canonical_dtype(dtype) in KINDS.get(kind, ()) or dtype == kind


def finfo(dtype: Any) -> Any:
    """Return the limits of a float dtype, or of that of a tensor.

    >>> import gradcore.tensor as T
    >>> float(T.finfo(T.fvector("x")).eps)
    1.1920928955078125e-07
    """
    return np.finfo(dtype.type.dtype if isinstance(dtype, Variable) else dtype)


def iinfo(dtype: Any) -> Any:
    """Return the limits of an integer dtype, or of that of a tensor.

    >>> import gradcore.tensor as T
    >>> int(T.iinfo("int16").max)
    32767
    """
    return np.iinfo(dtype.type.dtype if isinstance(dtype, Variable) else dtype)


def broadcast_shapes(*shapes: Any) -> tuple[Any, ...]:
    """Return the shape that shapes, as tuples of ints and scalars of the graph, have together.

    >>> import gradcore.tensor as T
    >>> T.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return broadcast(*(tuple(shape) for shape in shapes))
