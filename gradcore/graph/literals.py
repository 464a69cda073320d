"""Python numbers and lists of them as arrays: which dtype they take.

They have no precision of their own: a float takes that of what it meets, an int the smallest dtype
that holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.config import config
from gradcore.dtypes import DTYPES, FLOATS, SIGNED, UNSIGNED
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph.array_likes import Array, array_of, widest
from gradcore.graph.location import here
from gradcore.graph.types import in_floats, too_wide, upcast
from gradcore.language import is_several, is_sparse_matrix


def smallest_integer_dtype(value: int, unsigned: bool = False) -> str:
    """Return the smallest integer dtype that holds ``value``: Theano's rule for literals.

    >>> smallest_integer_dtype(2), smallest_integer_dtype(1000)
    ('int8', 'int16')
    """
    candidates = UNSIGNED if unsigned and value >= 0 else (*SIGNED, "uint64")
    for dtype in candidates:
        low, high = DTYPES[dtype].limits
        if low <= value <= high:
            return dtype
    raise GraphValueError(
        f"no integer dtype holds a Python int: {too_wide(value)}",
        here(),
        "write it as a float, or give its dtype: T.constant(value, dtype='float64')",
    )


def literal_dtype(value: complex, others: Sequence[str] = ()) -> str:
    """Return the dtype of a Python number that meets operands of dtypes ``others``.

    A float takes the float dtype of the others (``config.floatX`` where there is none), a complex
    number the complex dtype of such parts.  An int takes the smallest integer dtype that holds it,
    an unsigned one among unsigned others.

    >>> literal_dtype(0.5, ["complex64"]), literal_dtype(1j, ["float32"])
    ('float32', 'complex64')
    """
    if isinstance(value, bool):
        return "bool"
    floats = [part for part in (DTYPES[dtype].part for dtype in others) if part in FLOATS]
    if isinstance(value, int) and floats and not -(2**63) <= value < 2**64:
        return upcast(*floats)
    if isinstance(value, int):
        return smallest_integer_dtype(
            value, bool(others) and all(dtype in UNSIGNED for dtype in others)
        )
    real = upcast(*floats) if floats else config.floatX
    return real if isinstance(value, float) else upcast(real, "complex64")


def numbers(x: Any, others: Sequence[str] = ()) -> Array:
    """Return an array of numbers, or numbers in lists, as a constant of a graph has them.

    others : dtypes of the operands that they meet.

    Raises GraphTypeError: no numbers, or none that a dtype holds.
    """
    if is_sparse_matrix(x):
        raise GraphTypeError(
            f"{x!r} is a sparse matrix, no tensor",
            here(),
            "take a function of T.sparse, an operator, its elements (.data), or .toarray()",
        )
    try:
        array = _wide(x, others)
    except TypeError as error:
        raise GraphTypeError(f"a constant {error}", here()) from None
    if array.dtype.kind == "f" and is_several(x):
        array = array.astype(config.floatX)
    return array


def _wide(x: Any, others: Sequence[str]) -> Array:
    """Return ``x`` as an array: Python ints of more than 64 bits as floats, among floats.

    Raises TypeError, in words without a subject.
    """
    array = array_of(x)
    wide = widest(array)
    if wide is None:
        return array
    if any(dtype in FLOATS for dtype in others):
        return in_floats(array, "float64")
    raise TypeError(f"has no dtype: {too_wide(wide)}")
