"""Keys, and the random bits that they stand for.

A key is an int64 scalar: all of its 64 bits count, and any number is one.  Element i of a draw is
`gradcore.ops.threefry` of the key and of i, its place in C order; a key that is derived from
another is Threefry of that and of a counter below zero.  So a draw and the keys derived from its
key have no bits in common, a draw fuses into the loop that reads it, and an element depends on
its place alone: not on threads, on the backend, or on how many others there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.dtypes import computed, wrapped
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import Constant, Variable, as_variable, here
from gradcore.graph.extents import Extent, broadcast, product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.language import listed
from gradcore.ops.create import Arange
from gradcore.ops.scalars import threefry
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import extent_list

DERIVED = -(2**63)
"""The bit that counters of derived keys have, and those of draws have not."""


def as_key(key: Any) -> Variable:
    """Return a key as a variable.

    Raises GraphTypeError: it is not an integer scalar.
    """
    variable = as_variable(key)
    if variable.ndim or not variable.type.is_discrete:
        raise GraphTypeError(
            f"a key is an int64 scalar, not {variable} ({variable.type})",
            here(),
            "make one with T.random.key(seed); for many keys at once, use T.vectorize",
        )
    return cast(variable, "int64")


def key(seed: Any) -> Variable:
    """Return the key of a seed: an integer, of which 64 bits count, or an integer scalar.

    Equal seeds give equal draws, on every backend.  Raises GraphTypeError: no integer scalar.

    >>> import gradcore.tensor as T
    >>> T.random.uniform(T.random.key(0), 3).eval().round(4).tolist()
    [0.9185, 0.7163, 0.4653]
    """
    if isinstance(seed, int):
        return Constant(wrapped(seed), "int64")
    return as_key(seed)


def fold_in(key: Any, data: Any) -> Variable:
    """Return the key derived from ``key`` for a number, such as that of a step.

    data : integers, of which the lower 63 bits count.  The result has their shape: each of its
        elements is a key.

    Keys for other numbers, and what is drawn with them and with ``key``, are independent.

    >>> import gradcore.tensor as T
    >>> key = T.random.key(7)
    >>> [T.random.uniform(T.random.fold_in(key, k)).eval().round(3).item() for k in range(3)]
    [0.465, 0.703, 0.758]
    """
    return threefry(as_key(key), cast(data, "int64") | Constant(DERIVED, "int64"))


def split(key: Any, n: Any = 2) -> Variable:
    """Return ``n`` keys derived from ``key``, a vector: those of `fold_in` for 0 ... n - 1.

    >>> import gradcore.tensor as T
    >>> first, second = T.random.split(T.random.key(0))
    >>> [float(T.random.uniform(k).eval().round(4)) for k in (first, second)]
    [0.4674, 0.1846]
    """
    count = constant_extent(as_variable(n))
    return fold_in(key, Arange()(as_variable(n) if count is None else count))


def extents(shape: Any, *parameters: Variable) -> tuple[Extent, ...]:
    """Return the extents of a draw: those given, else those that its parameters stretch to.

    Raises GraphTypeError: the shape is not of integers; ShapeError: one of them is negative, or
    parameters stretch a shape that is given, so that elements would be alike.
    """
    stretched = broadcast(*map(extents_of, parameters))
    if shape is None:
        return stretched
    found = _given_extents(shape)
    pairs = zip(reversed(found), reversed(stretched), strict=False)
    ones = [m for n, m in pairs if isinstance(n, int) and n == 1]
    if len(stretched) > len(found) or not all(isinstance(m, int) and m == 1 for m in ones):
        named = ", ".join(f"{p} ({p.type})" for p in parameters)
        raise ShapeError(
            f"a draw of shape ({', '.join(map(str, found))}) cannot have parameters {named}",
            here(),
            "give the shape that they stretch to, or none",
        )
    return found


def _given_extents(shape: Any) -> tuple[Extent, ...]:
    """Return the extents of the shape that is given for a draw, numbers where they are known."""
    for part in map(as_variable, listed(shape)):
        if not part.type.is_discrete:
            raise GraphTypeError(
                f"the argument shape of a draw takes integers, not {part} ({part.type})",
                here(),
                "the parameters that a distribution needs come before the shape: help(T.random)",
            )
    given = tuple(map(as_variable, extent_list(shape)))
    found = tuple(n if (known := constant_extent(n)) is None else known for n in given)
    if any(isinstance(n, int) and n < 0 for n in found):
        raise ShapeError(
            f"the argument shape of a draw has a negative extent: ({', '.join(map(str, found))})",
            here(),
        )
    return found


def bits(key: Any, shape: Any = None) -> Variable:
    """Return 64 random bits an element, as int64.

    shape : an integer, a sequence of integers (of either, numbers or scalars of the graph), or a
        vector of known length; None: a scalar.

    >>> import gradcore.tensor as T
    >>> T.random.bits(T.random.key(7), 2).dtype
    'int64'
    """
    places: Variable = Constant(0, "int64")
    wanted = extents(shape)
    for axis, n in enumerate(wanted):
        order = ("x",) * axis + (0,) + ("x",) * (len(wanted) - 1 - axis)
        places = places + Arange()(n).dimshuffle(*order) * product(wanted[axis + 1 :])
    return threefry(as_key(key), places)


# floats -----------------------------------------------------------------------------------------
def centered(key: Any, shape: Sequence[Extent], dtype: str) -> Variable:
    """Return numbers evenly distributed in the open interval from -1/2 to 1/2; see `from_bits`."""
    return from_bits(bits(key, tuple(shape)), dtype)


def from_bits(drawn: Variable, dtype: str) -> Variable:
    """Return numbers between -1/2 and 1/2, one for each 64 bits.

    They are odd multiples of 2**-53 in float64 and of 2**-24 in float32: so they are exact, as are
    their doubles and what they are more and less than 1/2, none of which is ever 0.  float16 is
    not served: what is rounded to it is drawn in float32.
    """
    if computed(dtype) == "float32":
        return (2 * cast(cast(drawn >> 41, "int32"), "float32") + 1) * 2.0**-24
    # Numbers of 32 bits become floats in a vector, those of 64 bits on few processors only.
    high = cast(cast(drawn >> 32, "int32"), "float64")
    low = cast(cast((drawn & 0xFFFFFFFF) >> 12, "int32"), "float64")
    return high * 2.0**-32 + (2 * low + 1) * 2.0**-53
