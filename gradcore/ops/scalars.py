"""The scalar functions, an entry each; every name here is a word of the tensor language.

How to add one: write its entry.  Typing, broadcasting, kernels, both modes of the derivative, the
function ``T.name`` and the tests of all backends follow from it.  In a derivative, ``t`` is the
tangent or the cotangent, then come the operands, then the result; rules are linear in ``t`` and
are written in this same language.

At kinks: ``abs`` has slope 0; ``maximum`` and ``minimum`` share a tie half and half; ``clip`` has
slope 1 at its bounds; the slope of ``x ** p`` in ``p`` is 0 at ``x = 0``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.derive import Branch, Modulus, StrongZeros
from gradcore.dtypes import DTYPES
from gradcore.graph import Constant, Undefined, Variable
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS
from gradcore.ops import functions, parts
from gradcore.ops import threefry as random_bits
from gradcore.ops.control import ZeroGrad
from gradcore.ops.elementwise import (
    Elementwise,
    Trait,
    as_given,
    boolean,
    discrete,
    elementwise,
    first_as_given,
    floating_but_first,
    integral,
    numeric,
    promoted,
    promoted_but_first,
    real,
    second,
    signed,
    words,
)
from gradcore.ops.functions import Special, keeping_integers

SYMMETRIC = {Trait.COMMUTATIVE, Trait.ASSOCIATIVE}
LATTICE = {*SYMMETRIC, Trait.IDEMPOTENT}

POSITIVE = (0.1, 4.0)
UNIT = (-0.9, 0.9)


def is_nonzero_constant(x: Variable) -> bool:
    """Return whether ``x`` is known to be zero nowhere."""
    return isinstance(x, Constant) and bool((x.data != 0).all())


# fmt: off
# arithmetic -------------------------------------------------------------------------------------
add = elementwise("add", np.add, "x + y",
    lambda t, x, y, z: t,
    lambda t, x, y, z: t,
    operands=2, result=promoted, infix="+", traits=SYMMETRIC, linear=((0, 1),),
    code={"bool": "{0} | {1}", "float": "{0:wrap} + {1:wrap}"})

sub = elementwise("sub", np.subtract, "x - y",
    lambda t, x, y, z: t,
    lambda t, x, y, z: -t,
    operands=2, result=signed, infix="-", linear=((0, 1),),
    code="{0:wrap} - {1:wrap}")

mul = elementwise("mul", np.multiply, "x * y",
    lambda t, x, y, z: t * y,
    lambda t, x, y, z: t * x,
    operands=2, result=promoted, infix="*", traits=SYMMETRIC, linear=((0,), (1,)),
    code="{0:wrap} * {1:wrap}")

true_div = elementwise("true_div", np.true_divide, "x / y",
    lambda t, x, y, z: t / y,
    lambda t, x, y, z: -(t * z) / y,
    operands=2, infix="/", linear=((0,),), domain=((-3, 3), POSITIVE),
    code="{0} / {1}", by_parts=parts.quotient)

int_div = elementwise("int_div", np.floor_divide, "floor(x / y), as Python rounds",
    operands=2, result=numeric, infix="//", domain=((-5, 5), POSITIVE),
    code="@int_div({0}, {1})")

mod = elementwise("mod", np.mod, "x - y * (x // y): the remainder, of the sign of y",
    lambda t, x, y, z: t,
    lambda t, x, y, z: -t * (x // y),
    operands=2, result=numeric, infix="%", domain=((-5, 5), POSITIVE),
    code="@mod({0}, {1})")


strong_zero_mul = elementwise("strong_zero_mul", functions.strong_zero_mul,
    "x * y, and 0 where x is 0 whatever y is: a product in which zero times infinity is 0",
    kind=StrongZeros((
        lambda t, x, y, z: strong_zero_mul(t, y),
        lambda t, x, y, z: strong_zero_mul(x, t),
    ), linear=((0,), (1,))),
    operands=2, result=promoted,
    code="{0} == 0 ? 0 : {0:wrap} * {1:wrap}")


def _pow_by_base(t: Variable, x: Variable, y: Variable, z: Variable) -> Variable:
    slope = t * y * x ** (y - 1)
    return slope if is_nonzero_constant(y) else switch(eq(y, 0), 0, slope)


def _taken_as(x: Variable, z: Variable) -> Variable:
    """Return a real number as a complex one, if ``z`` is: a negative one has a logarithm then."""
    return CASTS[z.dtype](x) if z.type.is_complex and not x.type.is_complex else x


pow = elementwise("pow", functions.power, "x ** y",
    _pow_by_base,
    lambda t, x, y, z: t * switch(or_(eq(x, 0), eq(z, 0)), 0, z * log(_taken_as(x, z))),
    operands=2, result=numeric, infix="**", domain=(POSITIVE, (-2, 3)),
    nonnegative=(1, "Integers to negative integer powers are not allowed."),
    code="@pow({0}, {1})", by_parts=parts.power)

neg = elementwise("neg", np.negative, "-x",
    lambda t, x, z: -t,
    result=signed, linear=((0,),), ulp=0,
    code={"int": "0 - {0:wrap}", "float": "-{0}"})

reciprocal = elementwise("reciprocal", np.reciprocal, "1 / x",
    lambda t, x, z: -t * sqr(z),
    domain=(POSITIVE,),
    code="1 / {0}", by_parts=parts.inverse)

sqr = elementwise("sqr", np.square, "x ** 2",
    lambda t, x, z: t * (2 * x),
    result=numeric,
    code="{0:wrap} * {0:wrap}", by_parts=parts.square)

sqrt = elementwise("sqrt", np.sqrt, "the square root",
    lambda t, x, z: t / (2 * z),
    domain=(POSITIVE,),
    code="@sqrt({0})", by_parts=parts.root)

abs = elementwise("abs", np.abs, "the absolute value",
    kind=Modulus((lambda t, x, z: t * sign(x),)),
    result=real, ulp=0, takes=as_given,
    code={"uint": "{0}", "int": "{0} < 0 ? 0 - {0:wrap} : {0:wrap}", "float": "@fabs({0})"},
    by_parts=parts.modulus)

sign = elementwise("sign", np.sign, "-1, 0 or 1: the sign",
    result=signed, ulp=0,
    code={"uint": "{0} > 0", "int": "({0} > 0) - ({0} < 0)",
          "float": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0} == 0 ? 0 : {0}"})

identity = elementwise("identity", functions.copied, "x, as another variable",
    lambda t, x, z: t,
    result=promoted, linear=((0,),), ulp=0,
    code="{0}")

fill = elementwise("fill", lambda x, y: np.broadcast_arrays(x, y)[1], "y, in the shape of x",
    None,
    lambda t, x, y, z: t,
    operands=2, result=second, takes=as_given, linear=((1,),), ulp=0,
    code="{1}")

# exponentials and logarithms --------------------------------------------------------------------
exp = elementwise("exp", np.exp, "e ** x",
    lambda t, x, z: t * z,
    code="@exp({0})", by_parts=parts.exp)

exp2 = elementwise("exp2", np.exp2, "2 ** x",
    lambda t, x, z: t * z * math.log(2),
    code="@exp2({0})", by_parts=parts.exp2)

expm1 = elementwise("expm1", np.expm1, "exp(x) - 1, exact for small x",
    lambda t, x, z: t * exp(x),
    code="@expm1({0})", by_parts=parts.expm1)

log = elementwise("log", np.log, "the natural logarithm",
    lambda t, x, z: t / x,
    domain=(POSITIVE,),
    code="@log({0})", by_parts=parts.log)

log2 = elementwise("log2", np.log2, "the logarithm to base 2",
    lambda t, x, z: t / (x * math.log(2)),
    domain=(POSITIVE,),
    code="@log2({0})", by_parts=parts.log2)

log10 = elementwise("log10", np.log10, "the logarithm to base 10",
    lambda t, x, z: t / (x * math.log(10)),
    domain=(POSITIVE,),
    code="@log10({0})", by_parts=parts.log10)

log1p = elementwise("log1p", functions.log1p, "log(1 + x), exact for small x",
    lambda t, x, z: t / (1 + x),
    domain=((-0.9, 4.0),),
    code="@log1p({0})", by_parts=parts.log1p)


def _share(x: Variable, y: Variable) -> Variable:
    """Return exp(x) / (exp(x) + exp(y)); a half each where both are infinite and equal."""
    same = and_(eq(x, y), isinf(x))
    return sigmoid(switch(same, 0, x - y))


logaddexp = elementwise("logaddexp", np.logaddexp, "log(exp(x) + exp(y)), without overflow",
    lambda t, x, y, z: t * _share(x, y),
    lambda t, x, y, z: t * _share(y, x),
    operands=2, traits=SYMMETRIC, domain=((0, 4), (0, 4)),
    code="@logaddexp({0}, {1})")

sigmoid = elementwise("sigmoid", functions.sigmoid, "1 / (1 + exp(-x)), the logistic function",
    lambda t, x, z: t * z * (1 - z),
    code="@sigmoid({0})")

softplus = elementwise("softplus", functions.softplus, "log(1 + exp(x)), without overflow",
    lambda t, x, z: t * sigmoid(x),
    code="@softplus({0})")

# trigonometry -----------------------------------------------------------------------------------
sin = elementwise("sin", np.sin, "the sine",
    lambda t, x, z: t * cos(x),
    code="@sin({0})", by_parts=parts.sin)

cos = elementwise("cos", np.cos, "the cosine",
    lambda t, x, z: -t * sin(x),
    code="@cos({0})", by_parts=parts.cos)

tan = elementwise("tan", np.tan, "the tangent",
    lambda t, x, z: t * (1 + sqr(z)),
    domain=((-1.2, 1.2),),
    code="@tan({0})", by_parts=parts.tan)

arcsin = elementwise("arcsin", np.arcsin, "the inverse of the sine",
    lambda t, x, z: t / sqrt((1 - x) * (1 + x)),
    domain=(UNIT,),
    code="@arcsin({0})", by_parts=parts.arcsin)

arccos = elementwise("arccos", np.arccos, "the inverse of the cosine",
    lambda t, x, z: -t / sqrt((1 - x) * (1 + x)),
    domain=(UNIT,),
    code="@arccos({0})", by_parts=parts.arccos)

arctan = elementwise("arctan", np.arctan, "the inverse of the tangent",
    lambda t, x, z: t / (1 + sqr(x)),
    code="@arctan({0})", by_parts=parts.arctan)


def _over_square(t: Variable, side: Variable, x: Variable, y: Variable) -> Variable:
    """Return t * side / (x ** 2 + y ** 2); 0 at the origin and at infinity.

    The larger of both is divided out first, so that no square over- or underflows.  The result
    does not depend on it: it counts as constant.
    """
    size = ZeroGrad()(maximum(abs(x), abs(y)))
    usable = and_(gt(size, 0), lt(size, math.inf))
    slope = t * (side / size / (sqr(x / size) + sqr(y / size))) / size
    return switch(usable, slope, 0)


arctan2 = elementwise("arctan2", np.arctan2, "the angle of the point (y, x), given y and x",
    lambda t, y, x, z: _over_square(t, x, x, y),
    lambda t, y, x, z: -_over_square(t, y, x, y),
    operands=2, domain=((-3, 3), POSITIVE),
    code="@arctan2({0}, {1})")

sinh = elementwise("sinh", np.sinh, "the hyperbolic sine",
    lambda t, x, z: t * cosh(x),
    code="@sinh({0})", by_parts=parts.sinh)

cosh = elementwise("cosh", np.cosh, "the hyperbolic cosine",
    lambda t, x, z: t * sinh(x),
    code="@cosh({0})", by_parts=parts.cosh)

tanh = elementwise("tanh", np.tanh, "the hyperbolic tangent",
    lambda t, x, z: t * (1 - sqr(z)),
    code="@tanh({0})", by_parts=parts.tanh)


def _root_of_square_plus_1(x: Variable) -> Variable:
    """Return sqrt(x ** 2 + 1): abs(x) to rounding, before the square overflows."""
    large = gt(abs(x), 1 / math.sqrt(np.finfo(x.dtype).eps))
    return switch(large, abs(x), sqrt(sqr(x) + 1))


arcsinh = elementwise("arcsinh", np.arcsinh, "the inverse of the hyperbolic sine",
    lambda t, x, z: t / _root_of_square_plus_1(x),
    code="@arcsinh({0})", by_parts=parts.arcsinh)

arccosh = elementwise("arccosh", np.arccosh, "the inverse of the hyperbolic cosine",
    lambda t, x, z: t / (sqrt(x - 1) * sqrt(x + 1)),
    domain=((1.2, 4.0),),
    code="@arccosh({0})", by_parts=parts.arccosh)

arctanh = elementwise("arctanh", np.arctanh, "the inverse of the hyperbolic tangent",
    lambda t, x, z: t / ((1 - x) * (1 + x)),
    domain=(UNIT,),
    code="@arctanh({0})", by_parts=parts.arctanh)

# special functions ------------------------------------------------------------------------------
erf = elementwise("erf", Special("erf"), "the error function",
    lambda t, x, z: t * (2 / math.sqrt(math.pi)) * exp(-sqr(x)),
    code="@erf({0})")

erfc = elementwise("erfc", Special("erfc"), "1 - erf(x), exact for large x",
    lambda t, x, z: -t * (2 / math.sqrt(math.pi)) * exp(-sqr(x)), ulp=16,  # SciPy's is off by 11
    code="@erfc({0})")

erfinv = elementwise("erfinv", Special("erfinv"), "the inverse of the error function",
    lambda t, x, z: t * (math.sqrt(math.pi) / 2) * exp(sqr(z)),
    domain=(UNIT,), ulp=8,
    code="@erfinv({0})")

erfcinv = elementwise("erfcinv", Special("erfcinv"), "the inverse of erfc",
    lambda t, x, z: -t * (math.sqrt(math.pi) / 2) * exp(sqr(z)),
    domain=((0.1, 1.9),), ulp=8,
    code="@erfcinv({0})")

gamma = elementwise("gamma", Special("gamma"), "the gamma function",
    lambda t, x, z: t * z * digamma(x),
    domain=(POSITIVE,), ulp=16,
    code="@gamma({0})")

gammaln = elementwise("gammaln", Special("gammaln"), "log(abs(gamma(x))), without overflow",
    lambda t, x, z: t * digamma(x),
    domain=((3.0, 9.0),), ulp=16,
    code="@gammaln({0})")

digamma = elementwise("digamma", Special("digamma"), "the derivative of gammaln",
    lambda t, x, z: t * polygamma(1, x),
    domain=((2.0, 9.0),), ulp=16,
    code="@digamma({0})")

polygamma = elementwise("polygamma", Special("polygamma"), "the n-th derivative of digamma, at x",
    Undefined("polygamma is not defined between integer orders"),
    lambda t, n, x, z: t * polygamma(n + 1, x),
    operands=2, result=floating_but_first, takes=first_as_given,
    domain=((1, 1), POSITIVE), ulp=64,
    code="@polygamma({0}, {1})")

# rounding ---------------------------------------------------------------------------------------
floor = elementwise("floor", keeping_integers(np.floor), "the largest integer not above x",
    result=numeric, ulp=0,
    code={"int": "{0}", "float": "@floor({0})"})

ceil = elementwise("ceil", keeping_integers(np.ceil), "the smallest integer not below x",
    result=numeric, ulp=0,
    code={"int": "{0}", "float": "@ceil({0})"})

trunc = elementwise("trunc", keeping_integers(np.trunc), "the integer next to x towards zero",
    result=numeric, ulp=0,
    code={"int": "{0}", "float": "@trunc({0})"})

round_half_to_even = elementwise("round_half_to_even", keeping_integers(np.rint),
    "the nearest integer, halves to the even one",
    result=numeric, ulp=0,
    code={"int": "{0}", "float": "@rint({0})"}, by_parts=parts.rounded)

round_half_away_from_zero = elementwise("round_half_away_from_zero",
    keeping_integers(functions.round_half_away),
    "the nearest integer, halves away from zero",
    result=numeric, ulp=0,
    code={"int": "{0}", "float": "@round_half_away({0})"})

# choices ----------------------------------------------------------------------------------------
maximum = elementwise("maximum", np.maximum, "the larger one; NaN wins",
    lambda t, x, y, z: switch(eq(x, y), t / 2, switch(eq(x, z), t, 0)),
    lambda t, x, y, z: switch(eq(x, y), t / 2, switch(eq(y, z), t, 0)),
    operands=2, result=promoted, traits=LATTICE, ulp=0,
    code={"int": "@max({0}, {1})", "float": "@larger({0}, {1})"})

minimum = elementwise("minimum", np.minimum, "the smaller one; NaN wins",
    lambda t, x, y, z: switch(eq(x, y), t / 2, switch(eq(x, z), t, 0)),
    lambda t, x, y, z: switch(eq(x, y), t / 2, switch(eq(y, z), t, 0)),
    operands=2, result=promoted, traits=LATTICE, ulp=0,
    code={"int": "@min({0}, {1})", "float": "@smaller({0}, {1})"})

clip = elementwise("clip", np.clip, "x, limited to low ... high",
    lambda t, x, low, high, z: switch(and_(ge(x, low), le(x, high)), t, 0),
    lambda t, x, low, high, z: switch(and_(lt(x, low), le(low, high)), t, 0),
    lambda t, x, low, high, z: switch(gt(maximum(x, low), high), t, 0),
    operands=3, result=promoted, domain=((-3, 3), (-2, -1), (1, 2)), ulp=0,
    code="@clip({0}, {1}, {2})")

switch = elementwise("switch", functions.where, "x where c holds, else y",
    operands=3, result=promoted_but_first, kind=Branch(lazy=False), takes=first_as_given, ulp=0,
    domain=((0, 1), (-3, 3), (-3, 3)),
    code="{0} ? {1} : {2}")

# comparisons and logic --------------------------------------------------------------------------
eq = elementwise("eq", np.equal, "whether x equals y",
    operands=2, result=boolean, infix="==", traits={Trait.COMMUTATIVE},
    code="{0} == {1}", by_parts=parts.equal)
neq = elementwise("neq", np.not_equal, "whether x differs from y",
    operands=2, result=boolean, infix="!=", traits={Trait.COMMUTATIVE},
    code="{0} != {1}", by_parts=parts.unequal)
lt = elementwise("lt", np.less, "whether x is less than y",
    operands=2, result=boolean, infix="<",
    code="{0} < {1}")
le = elementwise("le", np.less_equal, "whether x is at most y",
    operands=2, result=boolean, infix="<=",
    code="{0} <= {1}")
gt = elementwise("gt", np.greater, "whether x is greater than y",
    operands=2, result=boolean, infix=">",
    code="{0} > {1}")
ge = elementwise("ge", np.greater_equal, "whether x is at least y",
    operands=2, result=boolean, infix=">=",
    code="{0} >= {1}")

and_ = elementwise("and_", np.bitwise_and, "the bits set in both; logic for booleans",
    operands=2, result=discrete, infix="&", traits=LATTICE,
    code="{0} & {1}")
or_ = elementwise("or_", np.bitwise_or, "the bits set in either; logic for booleans",
    operands=2, result=discrete, infix="|", traits=LATTICE,
    code="{0} | {1}")
xor = elementwise("xor", np.bitwise_xor, "the bits set in one only; logic for booleans",
    operands=2, result=discrete, infix="^", traits=SYMMETRIC,
    code="{0} ^ {1}")
invert = elementwise("invert", np.invert, "the bits flipped; logic for booleans",
    result=discrete,
    code={"bool": "!{0}", "int": "~{0}"})
left_shift = elementwise("left_shift", np.left_shift, "the bits of x moved up by y places",
    operands=2, result=integral, infix="<<", domain=((-100, 100), (0, 7)),
    code="@left_shift({0}, {1})")
right_shift = elementwise("right_shift", np.right_shift, "the bits of x moved down by y places",
    operands=2, result=integral, infix=">>", domain=((-100, 100), (0, 7)),
    code="@right_shift({0}, {1})")
threefry = elementwise("threefry", random_bits.computed,
    "64 random bits: Threefry-2x32 in 20 rounds of the counter y under the key x",
    operands=2, result=words,
    code="@threefry({0}, {1})", expansion=random_bits.written)

isnan = elementwise("isnan", np.isnan, "whether x is not a number", result=boolean,
    code={"int": "0", "float": "@is_nan({0})"}, by_parts=parts.either_nan)
isinf = elementwise("isinf", np.isinf, "whether x is infinite", result=boolean,
    code={"int": "0", "float": "@fabs({0}) == INFINITY"}, by_parts=parts.either_infinite)
isfinite = elementwise("isfinite", np.isfinite, "whether x is neither infinite nor NaN",
    result=boolean,
    code={"int": "1", "float": "@fabs({0}) < INFINITY"}, by_parts=parts.both_finite)
# fmt: on


# casts ------------------------------------------------------------------------------------------
def _cast(dtype: str) -> Elementwise:
    def convert(x: Any) -> Any:
        return x.astype(dtype)

    return elementwise(
        f"cast_{dtype}",
        convert,
        f"x as {dtype}",
        lambda t, x, z: t,
        result=lambda x: dtype,
        takes=as_given,
        linear=((0,),) if dtype in FLOATS else (),
        code="{0} != 0" if dtype == "bool" else None if dtype in COMPLEX else "{0}",
        by_parts=parts.cast_to(DTYPES[dtype].part) if dtype in COMPLEX else None,
    )


CASTS = {dtype: _cast(dtype) for dtype in (*DISCRETE, *FLOATS, *COMPLEX)}
"""The cast to each dtype."""
CAST_DTYPES = {op: dtype for dtype, op in CASTS.items()}

__all__ = [name for name, value in globals().items() if isinstance(value, Elementwise)]  # pyright: ignore[reportUnsupportedDunderAll] - entries are found, not listed
