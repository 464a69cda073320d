"""Functions of complex numbers, written with real and imaginary parts.

An entry of `gradcore.ops.scalars` names its function here as its ``parts``.  What stands here is
written in the tensor language with real words alone, so it is read by whatever reads these: rules,
loops, every backend.

The decision: quotients are Smith's (R. Smith, "Algorithm 116: complex division", 1962), roots and
the inverses of sine and cosine Kahan's (W. Kahan, "Branch cuts for complex elementary functions",
1987), as NumPy and C99 have them, with the same signs of zeros on the branch cuts; exponentials
come in two factors, each the root of the whole, which overflows only where the result does.
Rejected: C's ``_Complex`` and what libraries have, of which each has infinities of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcore.dtypes import DTYPES
from gradcore.graph import Constant
from gradcore.language import LANGUAGE


class ComplexParts(NamedTuple):
    """A complex number: its parts, expressions of the tensor language; no ``imag``: it is real."""

    real: Any
    imag: Any


def as_parts(given: Sequence[str], result: str) -> list[str]:
    """Take all operands in the dtype of the parts of the result."""
    return [DTYPES[result].part] * len(given)


def _word(name: str) -> Callable[..., Any]:
    return lambda *operands: LANGUAGE[name](*operands)


# fmt: off
(_abs, _and, _arcsinh, _arctan2, _cos, _cosh, _eq, _exp, _expm1, _ge, _gt, _isfinite, _isinf,
 _isnan, _log, _log1p, _lt, _maximum, _minimum, _not, _or, _sin, _sinh, _sqrt, _switch, _tan,
) = map(_word, (
    "abs", "and_", "arcsinh", "arctan2", "cos", "cosh", "eq", "exp", "expm1", "ge", "gt",
    "isfinite", "isinf", "isnan", "log", "log1p", "lt", "maximum", "minimum", "invert",
    "or_", "sin", "sinh",
    "sqrt", "switch", "tan",
))
# fmt: on


def imaginary(z: ComplexParts) -> Any:
    """Return the imaginary part, zeros for a real number."""
    return LANGUAGE["zeros_like"](z.real) if z.imag is None else z.imag


def _signed(size: Any, of: Any) -> Any:
    """Return ``size``, which is not negative, with the sign of ``of``, also that of a zero."""
    negative = _or(_lt(of, 0), _and(_eq(of, 0), _lt(1 / of, 0)))
    return _switch(negative, -size, size)


def _times(x: Any, factor: Any) -> Any:
    """Return ``x * factor``, and ``x`` where that is 0: also if the factor is infinite."""
    return _switch(_eq(x, 0), x, x * factor)


def cast_to(part: str) -> Callable[[ComplexParts], ComplexParts]:
    """Return what makes complex numbers with parts of dtype ``part``."""

    def converted(z: ComplexParts) -> ComplexParts:
        cast = LANGUAGE["cast"]
        return ComplexParts(cast(z.real, part), cast(imaginary(z), part))

    return converted


# sizes ------------------------------------------------------------------------------------------
def modulus(z: ComplexParts) -> Any:
    """Return the absolute value; no square over- or underflows."""
    a, b = _abs(z.real), _abs(imaginary(z))
    most = _maximum(a, b)
    usable = _and(_gt(most, 0), _lt(most, math.inf))
    ratio = _minimum(a, b) / _switch(usable, most, 1)
    infinite = _or(_isinf(a), _isinf(b))
    return _switch(usable, most * _sqrt(1 + ratio * ratio), _switch(infinite, math.inf, most))


def angle(z: ComplexParts) -> Any:
    """Return the angle with the positive real axis."""
    return _arctan2(imaginary(z), z.real)


def equal(z: ComplexParts, w: ComplexParts) -> Any:
    """Return whether both parts are equal."""
    return _and(_eq(z.real, w.real), _eq(imaginary(z), imaginary(w)))


def unequal(z: ComplexParts, w: ComplexParts) -> Any:
    """Return whether a part differs."""
    return LANGUAGE["invert"](equal(z, w))


def either_nan(z: ComplexParts) -> Any:
    """Return whether a part is NaN."""
    return _or(_isnan(z.real), _isnan(z.imag))


def either_infinite(z: ComplexParts) -> Any:
    """Return whether a part is infinite."""
    return _or(_isinf(z.real), _isinf(z.imag))


def both_finite(z: ComplexParts) -> Any:
    """Return whether both parts are finite."""
    return _and(_isfinite(z.real), _isfinite(z.imag))


# arithmetic -------------------------------------------------------------------------------------
def conjugate(z: ComplexParts) -> ComplexParts:
    """Return the conjugate."""
    return ComplexParts(z.real, -z.imag)


def rounded(z: ComplexParts) -> ComplexParts:
    """Return both parts rounded, as NumPy's ``rint``."""
    even = LANGUAGE["round_half_to_even"]
    return ComplexParts(even(z.real), even(imaginary(z)))


def product(z: ComplexParts, w: ComplexParts) -> ComplexParts:
    """Return the product."""
    (a, b), (c, d) = z, w
    return ComplexParts(a * c - b * d, a * d + b * c)


def square(z: ComplexParts) -> ComplexParts:
    """Return the square."""
    return product(z, z)


def quotient(z: ComplexParts, w: ComplexParts) -> ComplexParts:
    """Return z / w, by Smith's algorithm; that by zero is that by the absolute value of zero."""
    a, b = z.real, imaginary(z)
    c, d = w
    if d is None:
        return ComplexParts(a / c, b / c)
    wide = _ge(_abs(c), _abs(d))
    first, second = _switch(wide, c, d), _switch(wide, d, c)
    nothing = _eq(first, 0)
    ratio = second / _switch(nothing, 1, first)
    scale = first + second * ratio
    real = (_switch(wide, a, b) + _switch(wide, b, a) * ratio) / scale
    imag = _switch(wide, b - a * ratio, b * ratio - a) / scale
    size = _abs(c)
    return ComplexParts(_switch(nothing, a / size, real), _switch(nothing, b / size, imag))


def inverse(z: ComplexParts) -> ComplexParts:
    """Return 1 / z, NaN for 0."""
    found = quotient(ComplexParts(LANGUAGE["ones_like"](z.real), None), z)
    nothing = _and(_eq(z.real, 0), _eq(z.imag, 0))
    return ComplexParts(
        _switch(nothing, math.nan, found.real), _switch(nothing, math.nan, found.imag)
    )


# roots and powers -------------------------------------------------------------------------------
def root(z: ComplexParts) -> ComplexParts:
    """Return the square root of which the real part is not negative (Kahan)."""
    a, b = z
    most = _maximum(_abs(a), _abs(b))
    usable = _and(_gt(most, 0), _lt(most, math.inf))
    x, y = a / _switch(usable, most, 1), b / _switch(usable, most, 1)
    size = _sqrt((_abs(x) + _sqrt(x * x + y * y)) / 2)
    other = _abs(y) / (2 * _switch(usable, size, 1))
    scale = _sqrt(_switch(usable, most, 1))
    right = _lt(a, 0)
    real = _switch(right, other, size) * scale
    imag = _signed(_switch(right, size, other) * scale, b)
    # zero, infinities and NaN, as C99 has them
    tall = _isinf(b)
    lost = _switch(_isnan(b), b, _switch(_isinf(a), 0, a * 0 + b))
    real = _switch(
        usable,
        real,
        _switch(
            tall,
            math.inf,
            _switch(_isinf(a), _switch(right, _abs(lost), a), _switch(_eq(most, 0), _abs(a), most)),
        ),
    )
    imag = _switch(
        usable,
        imag,
        _switch(
            tall,
            b,
            _switch(
                _isinf(a),
                _switch(right, _signed(-a, b), _signed(_abs(lost), b)),
                _switch(_eq(most, 0), b, most),
            ),
        ),
    )
    return ComplexParts(real, imag)


MOST_MULTIPLIED = 100
"""Up to here whole exponents are products, as NumPy has them."""


def power(z: ComplexParts, w: ComplexParts) -> ComplexParts:
    """Return z ** w: by products for one small whole exponent, else exp(w * log(z)).

    0 ** w is 0 where the real part of w is positive, 1 for w = 0, and NaN elsewhere.
    """
    n = _whole(w)
    if n is not None:
        base = z if z.imag is not None else ComplexParts(z.real, imaginary(z))
        raised = _multiplied(base, abs(n))
        return raised if n >= 0 else inverse(raised)
    a, b = z.real, imaginary(z)
    c, d = w.real, imaginary(w)
    zero = _and(_eq(a, 0), _eq(b, 0))
    logarithm = log(ComplexParts(_switch(zero, 1, a), b))
    found = exp(product(ComplexParts(c, d), logarithm))
    none = _and(_eq(c, 0), _eq(d, 0))
    at_zero = _switch(_gt(c, 0), 0, math.nan)
    real = _switch(none, 1, _switch(zero, at_zero, found.real))
    return ComplexParts(real, _switch(none, 0, _switch(zero, at_zero, found.imag)))


def _whole(w: ComplexParts) -> int | None:
    """Return an exponent that is one small whole number, known while the graph is compiled."""
    value = known(w.real) if w.imag is None else None
    if value is None or value.size != 1 or abs(value.item()) > MOST_MULTIPLIED:
        return None
    return int(value.item()) if value.item() == int(value.item()) else None


def known(v: Any) -> Any:
    """Return the value of a constant, or of arithmetic on constants alone; None: of anything else.

    >>> import gradcore.tensor as T
    >>> known(T.constant(3) - 1).item()
    2
    """
    if isinstance(v, Constant):
        return v.data
    made = v.owner
    if made is None or not made.op.elementwise:
        return None
    values = [x.data if isinstance(x, Constant) else None for x in made.inputs]
    if any(value is None for value in values):
        return None
    with np.errstate(all="ignore"):
        return np.asarray(made.op.kernel(made)(*values))


def _multiplied(z: ComplexParts, n: int) -> ComplexParts:
    if n == 0:
        return ComplexParts(LANGUAGE["ones_like"](z.real), LANGUAGE["zeros_like"](z.real))
    found: ComplexParts | None = None
    while n:
        if n & 1:
            found = z if found is None else product(found, z)
        n >>= 1
        z = square(z) if n else z
    assert found is not None
    return found


# exponentials and logarithms --------------------------------------------------------------------
def exp(z: ComplexParts) -> ComplexParts:
    """Return e ** z."""
    a, b = z
    half = _exp(a / 2)
    none, all = _eq(a, -math.inf), _eq(a, math.inf)
    turning = _isfinite(b)
    real = half * _cos(b) * half
    imag = _times(_sin(b), half) * half
    real = _switch(_eq(b, 0), half * half, real)
    real = _switch(turning, real, _switch(none, 0, _switch(all, a, real)))
    return ComplexParts(real, _switch(_eq(b, 0), b, _switch(_or(turning, _not(none)), imag, 0)))


def exp2(z: ComplexParts) -> ComplexParts:
    """Return 2 ** z."""
    return exp(ComplexParts(z.real * math.log(2), z.imag * math.log(2)))


def expm1(z: ComplexParts) -> ComplexParts:
    """Return exp(z) - 1, exact for small z."""
    a, b = z
    sine = _sin(b / 2)
    return ComplexParts(_expm1(a) * _cos(b) - 2 * sine * sine, exp(z).imag)


def log(z: ComplexParts) -> ComplexParts:
    """Return the natural logarithm; its imaginary part is in -pi ... pi."""
    a, b = _abs(z.real), _abs(imaginary(z))
    most, least = _maximum(a, b), _minimum(a, b)
    usable = _and(_gt(most, 0), _lt(most, math.inf))
    near = _and(_gt(most, 0.5), _lt(most, 2))
    close = _log1p((most - 1) * (most + 1) + least * least) / 2
    ratio = least / _switch(usable, most, 1)
    far = _log(most) + _log1p(ratio * ratio) / 2
    infinite = _or(_isinf(a), _isinf(b))
    size = _switch(usable, _switch(near, close, far), _switch(infinite, math.inf, _log(most)))
    return ComplexParts(size, angle(z))


def _scaled(z: ComplexParts, factor: float) -> ComplexParts:
    return ComplexParts(z.real * factor, z.imag * factor)


def log2(z: ComplexParts) -> ComplexParts:
    """Return the logarithm to base 2."""
    return _scaled(log(z), 1 / math.log(2))


def log10(z: ComplexParts) -> ComplexParts:
    """Return the logarithm to base 10."""
    return _scaled(log(z), 1 / math.log(10))


def log1p(z: ComplexParts) -> ComplexParts:
    """Return log(1 + z), exact for small z."""
    a, b = z
    small = _lt(_maximum(_abs(a), _abs(b)), 0.5)
    close = _log1p(a * (2 + a) + b * b) / 2
    far = log(ComplexParts(1 + a, b))
    return ComplexParts(_switch(small, close, far.real), far.imag)


# trigonometry -----------------------------------------------------------------------------------
LARGE = 20
"""From here on cosh and sinh are half an exponential."""


def _times_cosh(x: Any, y: Any) -> Any:
    """Return x * cosh(y), which overflows only where it does."""
    half = _exp(_abs(y) / 2)
    return _switch(_lt(_abs(y), LARGE), x * _cosh(y), _times(x, half) * (half / 2))


def _times_sinh(x: Any, y: Any) -> Any:
    """Return x * sinh(y), which overflows only where it does."""
    half = _exp(_abs(y) / 2)
    large = _signed(half / 2, y)
    return _switch(_lt(_abs(y), LARGE), x * _sinh(y), _times(x, half) * large)


def sinh(z: ComplexParts) -> ComplexParts:
    """Return the hyperbolic sine."""
    a, b = z
    real = _switch(_or(_eq(a, 0), _lost(a, b)), a, _times_sinh(_cos(b), a))
    return ComplexParts(real, _switch(_eq(b, 0), b, _times_cosh(_sin(b), a)))


def cosh(z: ComplexParts) -> ComplexParts:
    """Return the hyperbolic cosine."""
    a, b = z
    zero = _signed(LANGUAGE["zeros_like"](a), a) * _signed(LANGUAGE["ones_like"](b), b)
    imag = _switch(_or(_eq(a, 0), _eq(b, 0)), zero, _times_sinh(_sin(b), a))
    return ComplexParts(_switch(_lost(a, b), _abs(a), _times_cosh(_cos(b), a)), imag)


def _lost(a: Any, b: Any) -> Any:
    """Return where a number is infinite in a direction that is not known."""
    return _and(_isinf(a), _not(_isfinite(b)))


def tanh(z: ComplexParts) -> ComplexParts:
    """Return the hyperbolic tangent (Kahan)."""
    a, b = z
    tangent = _tan(b)
    beta = 1 + tangent * tangent
    sine = _sinh(a)
    below = 1 + beta * sine * sine
    wide = _gt(_abs(a), LARGE)
    small = _exp(-_abs(a))
    real = beta * _sqrt(1 + sine * sine) * sine / below
    imag = tangent / below
    real = _switch(wide, _signed(LANGUAGE["ones_like"](a), a), real)
    imag = _switch(wide, 4 * _sin(b) * _cos(b) * small * small, imag)
    nowhere = _and(_isfinite(a), _not(_isfinite(b)))
    real = _switch(nowhere, _switch(_eq(a, 0), a, math.nan), real)
    imag = _switch(nowhere, math.nan, imag)
    still = _signed(LANGUAGE["zeros_like"](a), b)
    return ComplexParts(real, _switch(_eq(b, 0), b, _switch(_lost(a, b), still, imag)))


def _turned(
    function: Callable[[ComplexParts], ComplexParts],
) -> Callable[[ComplexParts], ComplexParts]:
    """Return ``z -> -i * function(i * z)``."""

    def found(z: ComplexParts) -> ComplexParts:
        w = function(ComplexParts(-z.imag, z.real))
        return ComplexParts(w.imag, -w.real)

    return found


sin, tan = _turned(sinh), _turned(tanh)


def cos(z: ComplexParts) -> ComplexParts:
    """Return the cosine."""
    return cosh(ComplexParts(-z.imag, z.real))


def arcsin(z: ComplexParts) -> ComplexParts:
    """Return the inverse of the sine."""
    a, b = z
    left, right = root(ComplexParts(1 - a, -b)), root(ComplexParts(1 + a, b))
    real = _arctan2(a, left.real * right.real - left.imag * right.imag)
    return ComplexParts(real, _arcsinh(left.real * right.imag - left.imag * right.real))


def arccos(z: ComplexParts) -> ComplexParts:
    """Return the inverse of the cosine."""
    a, b = z
    left, right = root(ComplexParts(1 - a, -b)), root(ComplexParts(1 + a, b))
    imag = _arcsinh(right.real * left.imag - right.imag * left.real)
    return ComplexParts(2 * _arctan2(left.real, right.real), imag)


def arccosh(z: ComplexParts) -> ComplexParts:
    """Return the inverse of the hyperbolic cosine."""
    a, b = z
    left, right = root(ComplexParts(a - 1, b)), root(ComplexParts(a + 1, b))
    real = _arcsinh(left.real * right.real + left.imag * right.imag)
    return ComplexParts(real, 2 * _arctan2(left.imag, right.real))


def arctanh(z: ComplexParts) -> ComplexParts:
    """Return the inverse of the hyperbolic tangent; that of large z is 1 / z beside pi / 2."""
    a, b = z
    far = _gt(_maximum(_abs(a), _abs(b)), 1e100 if a.dtype != "float32" else 1e15)
    x, y = _switch(far, 0, a), _switch(far, 0, b)
    high = _log1p(4 * x / ((1 - x) * (1 - x) + y * y)) / 4
    low = -_log1p(-4 * x / ((1 + x) * (1 + x) + y * y)) / 4
    real = _switch(_gt(x, 0), high, _switch(_lt(x, 0), low, a))
    imag = _arctan2(2 * y, (1 - x) * (1 + x) - y * y) / 2
    infinite = either_infinite(z)
    zero = _signed(LANGUAGE["zeros_like"](a), a)
    real = _switch(far, _switch(infinite, zero, inverse(z).real), real)
    flat = _signed(LANGUAGE["zeros_like"](b) + math.pi / 2, b)
    return ComplexParts(real, _switch(far, _switch(_isnan(b), b, flat), imag))


arcsinh, arctan = _turned(arcsin), _turned(arctanh)
