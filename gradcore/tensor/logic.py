"""Elementwise words that are written with others: logic, signs, remainders, choices.

Logic is NumPy's: any number is true that is not 0 (and so is NaN).  Theano's ``invert``, ``and_``,
``or_`` and ``xor`` work on bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here, upcast
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import FLOATS
from gradcore.language import is_several, word
from gradcore.ops import scalars
from gradcore.ops.control import Assert
from gradcore.ops.elementwise import floating
from gradcore.tensor.control import ifelse
from gradcore.tensor.elementwise import cast


def _truth(x: Any) -> Variable:
    variable = as_variable(x)
    return variable if variable.type.dtype == "bool" else scalars.neq(variable, 0)


def _pair(x: Any, y: Any) -> tuple[Variable, Variable]:
    """Return two operands; a Python number takes a dtype that does not widen the other one."""
    others = [v.type.dtype for v in (x, y) if isinstance(v, Variable)]
    return as_variable(x, others), as_variable(y, others)


# logic ------------------------------------------------------------------------------------------
def logical_and(x: Any, y: Any) -> Variable:
    """Return where both are true (not 0), a bool.

    >>> import gradcore.tensor as T
    >>> T.logical_and([0, 1, 2], [1, 0, 3]).eval().tolist()
    [False, False, True]
    """
    return scalars.and_(_truth(x), _truth(y))


def logical_or(x: Any, y: Any) -> Variable:
    """Return where one of both is true (not 0), a bool.

    >>> import gradcore.tensor as T
    >>> T.logical_or([0, 1, 0], [1, 0, 0]).eval().tolist()
    [True, True, False]
    """
    return scalars.or_(_truth(x), _truth(y))


def logical_xor(x: Any, y: Any) -> Variable:
    """Return where just one is true (not 0), a bool.

    >>> import gradcore.tensor as T
    >>> T.logical_xor([0, 1, 2], [1, 0, 3]).eval().tolist()
    [True, True, False]
    """
    return scalars.xor(_truth(x), _truth(y))


def logical_not(x: Any) -> Variable:
    """Return where ``x`` is 0, a bool; `invert` flips bits.

    >>> import gradcore.tensor as T
    >>> T.logical_not([0, 5]).eval().tolist()
    [True, False]
    """
    variable = as_variable(x)
    if variable.type.dtype == "bool":
        return scalars.invert(variable)
    return scalars.eq(variable, 0)


def array_equal(x: Any, y: Any, equal_nan: bool = False) -> Variable:
    """Return whether two tensors have one shape and equal elements, a bool scalar.

    equal_nan : whether NaN equals NaN.

    >>> import gradcore.tensor as T
    >>> T.array_equal([1, 2], [1, 2]).eval(), T.array_equal([1, 2], [1, 3]).eval()
    (array(True), array(False))
    """
    a, b = as_variable(x), as_variable(y)
    shapes = list(zip(a.type.shape, b.type.shape, strict=False))
    if a.ndim != b.ndim or any(m != n and None not in (m, n) for m, n in shapes):
        return as_variable(np.asarray(False))
    same = scalars.eq(a, b)
    if equal_nan:
        same = same | (scalars.isnan(a) & scalars.isnan(b))
    fits: Any = True
    for m, n, known in zip(extents_of(a), extents_of(b), shapes, strict=True):
        if None in known:
            fits = scalars.eq(m, n) if fits is True else fits & scalars.eq(m, n)
    if fits is True:
        return same.all()
    return ifelse(fits, same.all(), as_variable(np.asarray(False)))


# signs and infinities ---------------------------------------------------------------------------
@word
def signbit(x: Any) -> Variable:
    """Return where ``x`` is negative, that of -0 too, a bool; NaN counts as positive.

    >>> import gradcore.tensor as T
    >>> T.signbit([-0.0, 0.0, -1.0]).eval().tolist()
    [True, False, True]
    """
    variable = as_variable(x)
    below = scalars.lt(variable, 0)
    if variable.type.dtype not in FLOATS:
        return below
    return below | (scalars.eq(variable, 0) & scalars.lt(scalars.reciprocal(variable), 0))


def copysign(x: Any, y: Any) -> Variable:
    """Return the magnitude of ``x`` with the sign of ``y``, a float; a NaN ``y`` is positive.

    >>> import gradcore.tensor as T
    >>> T.copysign([1.0, -2.0], [-0.0, 3.0]).eval().tolist()
    [-1.0, 2.0]
    """
    a, b = _pair(x, y)
    dtype = floating(a.type.dtype, b.type.dtype)
    size = scalars.abs(cast(a, dtype))
    return scalars.switch(signbit(b), -size, size)


def isposinf(x: Any) -> Variable:
    """Return where ``x`` is positive infinity, a bool.

    >>> import gradcore.tensor as T
    >>> T.isposinf([-T.inf, T.inf, 0.0]).eval().tolist()
    [False, True, False]
    """
    return scalars.eq(as_variable(x), math.inf)


def isneginf(x: Any) -> Variable:
    """Return where ``x`` is negative infinity, a bool.

    >>> import gradcore.tensor as T
    >>> T.isneginf([-T.inf, T.inf, 0.0]).eval().tolist()
    [True, False, False]
    """
    return scalars.eq(as_variable(x), -math.inf)


def nan_to_num(
    x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None, copy: bool = True
) -> Variable:
    """Return ``x`` with numbers in place of NaN and of the infinities.

    posinf, neginf : by default the largest and the smallest finite numbers of the dtype.
    copy : ignored; the result is another tensor always.

    >>> import gradcore.tensor as T
    >>> T.nan_to_num([1.0, float("nan"), float("inf")], posinf=9).eval().tolist()
    [1.0, 0.0, 9.0]
    """
    variable = as_variable(x)
    if variable.type.dtype not in FLOATS:
        return variable
    limits = np.finfo(variable.type.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    found = scalars.switch(scalars.isnan(variable), nan, variable)
    found = scalars.switch(isposinf(variable), high, found)
    return cast(scalars.switch(isneginf(variable), low, found), variable.type.dtype)


def heaviside(x: Any, at_zero: Any) -> Variable:
    """Return 0 where ``x`` is negative, 1 where it is positive, ``at_zero`` where it is 0.

    >>> import gradcore.tensor as T
    >>> T.heaviside([-1.0, 0.0, 2.0], 0.5).eval().tolist()
    [0.0, 0.5, 1.0]
    """
    a, b = _pair(x, at_zero)
    dtype = floating(a.type.dtype, b.type.dtype)
    a, b = cast(a, dtype), cast(b, dtype)
    step = scalars.switch(scalars.lt(a, 0), 0, scalars.switch(scalars.eq(a, 0), b, 1))
    return cast(scalars.switch(scalars.isnan(a), a, step), dtype)


def fmax(x: Any, y: Any) -> Variable:
    """Return the larger one; of a number and NaN, the number.

    >>> import gradcore.tensor as T
    >>> T.fmax([1.0, T.nan], [0.0, 5.0]).eval().tolist()
    [1.0, 5.0]
    """
    return _but_nan(scalars.maximum, x, y)


def fmin(x: Any, y: Any) -> Variable:
    """Return the smaller one; of a number and NaN, the number.

    >>> import gradcore.tensor as T
    >>> T.fmin([1.0, T.nan], [0.0, 5.0]).eval().tolist()
    [0.0, 5.0]
    """
    return _but_nan(scalars.minimum, x, y)


def _but_nan(extreme: Callable[..., Any], x: Any, y: Any) -> Variable:
    a, b = _pair(x, y)
    found = extreme(a, b)
    if found.type.dtype not in FLOATS:
        return found
    return scalars.switch(scalars.isnan(a), b, scalars.switch(scalars.isnan(b), a, found))


# angles and remainders --------------------------------------------------------------------------
@word
def deg2rad(x: Any) -> Variable:
    """Return degrees as radians.

    >>> import gradcore.tensor as T
    >>> T.deg2rad([0.0, 180.0]).eval().round(4).tolist()
    [0.0, 3.1416]
    """
    variable = as_variable(x)
    return cast(variable, floating(variable.type.dtype)) * (math.pi / 180.0)


@word
def rad2deg(x: Any) -> Variable:
    """Return radians as degrees.

    >>> import gradcore.tensor as T
    >>> T.rad2deg([0.0, T.pi]).eval().tolist()
    [0.0, 180.0]
    """
    variable = as_variable(x)
    return cast(variable, floating(variable.type.dtype)) * (180.0 / math.pi)


def divmod(x: Any, y: Any) -> tuple[Variable, Variable]:
    """Return ``x // y`` and ``x % y``.

    >>> import gradcore.tensor as T
    >>> [part.eval().tolist() for part in T.divmod([7, -7], 3)]
    [[2, -3], [1, 2]]
    """
    a, b = _pair(x, y)
    return scalars.int_div(a, b), scalars.mod(a, b)


def fmod(x: Any, y: Any) -> Variable:
    """Return the remainder of ``x / y`` rounded towards 0, of the sign of ``x``, as C has it.

    >>> import gradcore.tensor as T
    >>> T.fmod([7, -7], 3).eval().tolist(), T.mod([7, -7], 3).eval().tolist()
    ([1, -1], [1, 2])
    """
    a, b = _pair(x, y)
    dtype = upcast(a.type.dtype, b.type.dtype)
    if dtype not in FLOATS:  # abs of the least integer overflows
        rest = scalars.mod(a, b)
        off = scalars.neq(rest, 0) & scalars.neq(scalars.lt(rest, 0), scalars.lt(a, 0))
        return cast(scalars.switch(off, rest - b, rest), rest.type.dtype)
    rest = scalars.mod(scalars.abs(a), scalars.abs(b))
    return scalars.switch(scalars.lt(a, 0), -rest, rest)


def rint(x: Any) -> Variable:
    """Return the nearest integer, halves to the even one, as a float.

    >>> import gradcore.tensor as T
    >>> T.rint([0.5, 1.5, 1.7]).eval().tolist()
    [0.0, 2.0, 2.0]
    """
    variable = as_variable(x)
    return scalars.round_half_to_even(cast(variable, floating(variable.type.dtype)))


def fix(x: Any) -> Variable:
    """Return the integer next to ``x`` towards zero.

    >>> import gradcore.tensor as T
    >>> T.fix([-1.7, 1.7]).eval().tolist()
    [-1.0, 1.0]
    """
    return scalars.trunc(x)


def modf(x: Any) -> tuple[Variable, Variable]:
    """Return the fractional part and the whole part, both with the sign of ``x``, floats.

    >>> import gradcore.tensor as T
    >>> [part.eval().tolist() for part in T.modf([1.5, -2.25])]
    [[0.5, -0.25], [1.0, -2.0]]
    """
    variable = as_variable(x)
    at = cast(variable, floating(variable.type.dtype))
    whole = scalars.trunc(at)
    rest = scalars.switch(scalars.isinf(at), 0.0, at - whole)
    return copysign(rest, at), whole


def logaddexp2(x: Any, y: Any) -> Variable:
    """Return ``log2(2 ** x + 2 ** y)``, without overflow.

    >>> import gradcore.tensor as T
    >>> T.logaddexp2(3.0, 3.0).eval()
    array(4.)
    """
    a, b = _pair(x, y)
    return scalars.logaddexp(a * math.log(2), b * math.log(2)) / math.log(2)


def fabs(x: Any) -> Variable:
    """Return the absolute value, a float.

    >>> import gradcore.tensor as T
    >>> T.fabs([-1, 2]).eval().tolist()
    [1.0, 2.0]
    """
    variable = as_variable(x)
    return scalars.abs(cast(variable, floating(variable.type.dtype)))


def float_power(x: Any, y: Any) -> Variable:
    """Return ``x ** y``, computed in float64, or complex128.

    >>> import gradcore.tensor as T
    >>> T.float_power([2, 3], -1).eval().round(4).tolist()
    [0.5, 0.3333]
    """
    operands = as_variable(x), as_variable(y)
    wide = "complex128" if any(v.type.is_complex for v in operands) else "float64"
    return scalars.pow(*(cast(v, wide) for v in operands))


# choices ----------------------------------------------------------------------------------------
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Variable:
    """Return at each place the choice of the first condition that holds there, else ``default``.

    All are broadcast together; the dtype is that which holds all choices and the default.

    Raises GraphValueError: there are not as many choices as conditions, or none; GraphTypeError:
    a condition that is no bool.

    >>> import gradcore.tensor as T
    >>> x = T.constant([1, 2, 3])
    >>> T.select([x < 2, x < 3], [x * 10, x * 100], -1).eval().tolist()
    [10, 200, -1]
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise GraphValueError(
            f"select takes a choice for each condition, one at least, not {len(condlist)} "
            f"conditions and {len(choicelist)} choices",
            here(),
        )
    dtypes = [x.type.dtype for x in (*choicelist, default) if isinstance(x, Variable)]
    found = as_variable(default, dtypes)
    for given, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        condition = as_variable(given)
        if condition.type.dtype != "bool":
            raise GraphTypeError(f"a condition of select is bool, not {condition.type}", here())
        found = scalars.switch(condition, as_variable(choice, dtypes), found)
    return found


def piecewise(
    x: Any, condlist: Any, funclist: Sequence[Any], *arguments: Any, **keywords: Any
) -> Variable:
    """Return at each place what the function of the last condition that holds makes of ``x``.

    condlist : conditions, tensors of bool of the shape of ``x``.
    funclist : a function or a number for each of them; one more for where none holds, where
        it is 0 otherwise.
    arguments, keywords : what functions are given beside ``x``.

    The dtype is that of ``x``.  Unlike NumPy's, functions are called on all of ``x``: they must
    work element by element.  What is not chosen does not enter the derivative.

    Raises GraphValueError: there are not as many functions as conditions, or one more.

    >>> import gradcore.tensor as T
    >>> x = T.constant([-2.0, 3.0])
    >>> T.piecewise(x, [x < 0, x >= 0], [lambda v: -v, 7]).eval().tolist()
    [2.0, 7.0]
    """
    variable = as_variable(x)
    conditions = list(condlist) if is_several(condlist) else [condlist]
    pieces = list(funclist)
    if len(pieces) not in (len(conditions), len(conditions) + 1):
        raise GraphValueError(
            f"piecewise takes {len(conditions)} or {len(conditions) + 1} functions for as many "
            f"conditions, not {len(pieces)}",
            here(),
        )
    otherwise = pieces.pop() if len(pieces) > len(conditions) else 0

    def value(piece: Any) -> Variable:
        made = piece(variable, *arguments, **keywords) if callable(piece) else piece
        return cast(as_variable(made, (variable.type.dtype,)), variable.type.dtype)

    found = scalars.fill(variable, value(otherwise))
    for condition, piece in zip(conditions, pieces, strict=True):
        found = scalars.switch(condition, value(piece), found)
    return found


@word
def choose(x: Any, choices: Any, mode: str = "raise") -> Variable:
    """Return at each place the element of that one of ``choices`` which ``x`` names.

    choices : a sequence of tensors, or a tensor of known first extent; they and ``x`` broadcast.
    mode : for an index out of bounds: "raise", "clip" to the ends, or "wrap" around.

    Raises GraphValueError, when it runs: an index is out of bounds (negative ones are).

    >>> import gradcore.tensor as T
    >>> T.choose([1, 0], [[1, 2], [10, 20]]).eval().tolist()
    [10, 2]
    """
    given = [as_variable(c) for c in choices]
    index, n = as_variable(x), len(given)
    if not n:
        raise GraphValueError("choose: there are no choices", here())
    if not index.type.is_discrete:
        raise GraphTypeError(f"choose takes integers, not {index} ({index.type})", here())
    if index.type.dtype == "bool":
        index = cast(index, "int64")
    if mode == "wrap":
        index = index % n
    elif mode == "raise":
        inside = (scalars.ge(index, 0) & scalars.lt(index, n)).all()
        index = Assert("choose: an index is out of bounds", GraphValueError)(index, inside)
    elif mode != "clip":
        raise GraphValueError(f"mode is raise, clip or wrap, not {mode!r}", here())
    dtype = upcast(*(c.type.dtype for c in given))
    found = cast(given[0], dtype)
    for k, choice in enumerate(given[1:], 1):
        found = scalars.switch(scalars.ge(index, k), choice, found)
    return scalars.fill(index, found) if n == 1 else found
