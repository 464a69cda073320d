"""Gamma and beta functions of two and three operands, a row each (`gradcore.ops.scalars` says how).

Derivatives in the parameters are rows of their own, `gammainc_slope` and `betainc_slope_a`; theirs
are not declared.  Densities are exponentials of logarithms, as those of `gradcore.tensor.random`.
"""

from __future__ import annotations

import math

from gradcore.graph import Undefined, Variable
from gradcore.ops import special_slopes as slopes
from gradcore.ops import special_values as values
from gradcore.ops.elementwise import Trait, elementwise
from gradcore.ops.functions import Special
from gradcore.ops.scalars import (
    POSITIVE,
    and_,
    digamma,
    eq,
    exp,
    gamma,
    gammaln,
    gt,
    log,
    log1p,
    lt,
    neg,
    or_,
    strong_zero_mul,
    switch,
)
from gradcore.ops.special import cospi, sinpi, xlog1py, xlogy

LARGEST = 1e6
"""How large the parameters are for which SciPy keeps its digits."""

PARAMETER = (0.25, LARGEST)
SHAPE = (0.5, 9.0)
PROBABILITY = (0.05, 0.95)

NO_ORDER = "the derivative of {} in its parameters has no derivative in them"


# densities and slopes ---------------------------------------------------------------------------
def _near(parameter: Variable) -> Variable:
    """Return a parameter; for 0, one at which slopes have the digits of their limits."""
    return switch(eq(parameter, 0), 2.0**-60, parameter)


def _gamma_density(a: Variable, x: Variable) -> Variable:
    """Return x ** (a - 1) * exp(-x) / gamma(a)."""
    return switch(lt(x, math.inf), exp(xlogy(a - 1, x) - x - gammaln(a)), 0)


def _gamma_spread(a: Variable, z: Variable) -> Variable:
    """Return 1 over the density at ``z``."""
    return exp(switch(lt(z, math.inf), gammaln(a) + z - xlogy(a - 1, z), z))


def _gamma_moved(a: Variable, z: Variable) -> Variable:
    """Return how the point ``z`` moves with ``a``; the ends stay."""
    inside = and_(gt(z, 0), lt(z, math.inf))
    return switch(inside, -gammainc_slope(a, z) * _gamma_spread(a, z), z)


def _beta_moved(a: Variable, b: Variable, z: Variable, slope: Variable) -> Variable:
    """Return how the point ``z`` moves as its probability does by ``slope``; the ends stay."""
    return switch(_inside(z), -slope * _beta_spread(a, b, z), 0)


def _beta_density(a: Variable, b: Variable, x: Variable) -> Variable:
    """Return x ** (a - 1) * (1 - x) ** (b - 1) / beta(a, b); 0 where one of them is 0."""
    step = or_(eq(a, 0), eq(b, 0))
    return switch(step, 0, exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)))


def _beta_spread(a: Variable, b: Variable, z: Variable) -> Variable:
    """Return 1 over the density at ``z``."""
    return exp(betaln(a, b) - xlogy(a - 1, z) - xlog1py(b - 1, -z))


def _inside(x: Variable) -> Variable:
    return and_(gt(x, 0), lt(x, 1))


def _rgamma(x: Variable) -> Variable:
    """Return 1 / gamma(x), by reflection where there are poles."""
    left = lt(x, 0.01)  # where gamma does not overflow yet
    reflected = switch(left, x, 0)
    sine = sinpi(reflected) / math.pi
    zero = switch(eq(reflected, 0), reflected, 0)  # with its sign
    mirrored = switch(eq(sine, 0), zero, sine * gamma(1 - reflected))  # which may be infinite
    return switch(left, mirrored, 1 / gamma(switch(left, 1, x)))


def _rgamma_slope(x: Variable, z: Variable) -> Variable:
    """Return the derivative of 1 / gamma(x), which is ``z``."""
    left = lt(x, 0.5)
    y, right = switch(left, x, 0), switch(left, 1, x)
    reflected = gamma(1 - y) * (cospi(y) - sinpi(y) / math.pi * digamma(1 - y))
    return switch(left, reflected, -strong_zero_mul(z, digamma(right)))


# fmt: off
# the inverse ------------------------------------------------------------------------------------
rgamma = elementwise("rgamma", values.rgamma,
    "1 / gamma(x): 0 at 0 and the negative integers",
    lambda t, x, z: t * _rgamma_slope(x, z),
    ulp=32, compared=((-20.0, 150.0),),
    expansion=_rgamma)

# beta -------------------------------------------------------------------------------------------
betaln = elementwise("betaln", values.betaln, "log(beta(x, y)), for positive operands",
    lambda t, x, y, z: t * (digamma(x) - digamma(x + y)),
    lambda t, x, y, z: t * (digamma(y) - digamma(x + y)),
    operands=2, traits={Trait.COMMUTATIVE}, domain=((3.0, 9.0),) * 2, ulp=64,
    compared=(PARAMETER,) * 2,
    code="@betaln({0}, {1})")

beta = elementwise("beta", Special("beta"),
    "gamma(x) * gamma(y) / gamma(x + y), for positive operands",
    lambda t, x, y, z: t * z * (digamma(x) - digamma(x + y)),
    lambda t, x, y, z: t * z * (digamma(y) - digamma(x + y)),
    operands=2, traits={Trait.COMMUTATIVE}, domain=(POSITIVE,) * 2, ulp=64,
    compared=((0.25, 60),) * 2,
    code="@beta({0}, {1})")

# incomplete gamma functions ---------------------------------------------------------------------
gammainc = elementwise("gammainc", Special("gammainc"),
    "the regularized lower incomplete gamma function: the gamma distribution of shape a, up to x",
    lambda t, a, x, z: t * gammainc_slope(_near(a), x),
    lambda t, a, x, z: t * _gamma_density(a, x),
    operands=2, domain=(SHAPE, SHAPE), ulp=1024, compared=(PARAMETER, (0.0, LARGEST)),
    code="@gammainc({0}, {1})")

gammaincc = elementwise("gammaincc", Special("gammaincc"),
    "1 - gammainc(a, x), exact for large x",
    lambda t, a, x, z: -t * gammainc_slope(_near(a), x),
    lambda t, a, x, z: -t * _gamma_density(a, x),
    operands=2, domain=(SHAPE, SHAPE), ulp=1024, compared=(PARAMETER, (0.0, LARGEST)),
    code="@gammaincc({0}, {1})")

gammainc_slope = elementwise("gammainc_slope", slopes.gammainc_slope,
    "the derivative of gammainc in a",
    Undefined(NO_ORDER.format("gammainc")),
    lambda t, a, x, z: t * switch(gt(x, 0), _gamma_density(a, x) * (log(x) - digamma(a)), 0),
    operands=2, domain=(SHAPE, SHAPE), ulp=512, compared=((0.25, 1e4), (0.0, 20.0)),
    code="@gammainc_slope({0}, {1})")

gammaincinv = elementwise("gammaincinv", Special("gammaincinv"),
    "the inverse of gammainc: where it is p",
    lambda t, a, p, z: t * _gamma_moved(a, z),
    lambda t, a, p, z: t * _gamma_spread(a, z),
    operands=2, domain=(SHAPE, PROBABILITY), ulp=512, compared=((0.25, 1e4), (0.0, 1.0)),
    code="@gammaincinv({0}, {1})")

gammainccinv = elementwise("gammainccinv", Special("gammainccinv"),
    "the inverse of gammaincc: where it is q",
    lambda t, a, q, z: t * _gamma_moved(a, z),
    lambda t, a, q, z: -t * _gamma_spread(a, z),
    operands=2, domain=(SHAPE, PROBABILITY), ulp=512, compared=((0.25, 1e4), (1e-37, 1.0)),
    code="@gammainccinv({0}, {1})")

# the incomplete beta function -------------------------------------------------------------------
betainc = elementwise("betainc", Special("betainc"),
    "the regularized incomplete beta function: the beta distribution of a and b, up to x",
    lambda t, a, b, x, z: t * betainc_slope_a(_near(a), _near(b), x),
    lambda t, a, b, x, z: t * betainc_slope_b(_near(a), _near(b), x),
    lambda t, a, b, x, z: t * _beta_density(a, b, x),
    operands=3, domain=(SHAPE, SHAPE, PROBABILITY), ulp=256,
    compared=(PARAMETER, PARAMETER, (1e-37, 1.0)),
    code="@betainc({0}, {1}, {2})")

betainc_slope_a = elementwise("betainc_slope_a", slopes.betainc_slope_a,
    "the derivative of betainc in a",
    Undefined(NO_ORDER.format("betainc")),
    Undefined(NO_ORDER.format("betainc")),
    lambda t, a, b, x, z: t * switch(_inside(x), _beta_density(a, b, x) * (
        log(x) - digamma(a) + digamma(a + b)), 0),
    operands=3, domain=(SHAPE, SHAPE, PROBABILITY), ulp=4096,
    compared=((0.25, 100), (0.25, 100), (0.0, 1.0)),
    code="@betainc_slope_a({0}, {1}, {2})")

betainc_slope_b = elementwise("betainc_slope_b", slopes.betainc_slope_b,
    "the derivative of betainc in b",
    Undefined(NO_ORDER.format("betainc")),
    Undefined(NO_ORDER.format("betainc")),
    lambda t, a, b, x, z: t * switch(_inside(x), _beta_density(a, b, x) * (
        log1p(neg(x)) - digamma(b) + digamma(a + b)), 0),
    operands=3, domain=(SHAPE, SHAPE, PROBABILITY), ulp=4096,
    compared=((0.25, 100), (0.25, 100), (0.0, 1.0)),
    code="@betainc_slope_b({0}, {1}, {2})")

betaincinv = elementwise("betaincinv", Special("betaincinv"),
    "the inverse of betainc: where it is p",
    lambda t, a, b, p, z: t * _beta_moved(a, b, z, betainc_slope_a(a, b, z)),
    lambda t, a, b, p, z: t * _beta_moved(a, b, z, betainc_slope_b(a, b, z)),
    lambda t, a, b, p, z: t * _beta_spread(a, b, z),
    operands=3, domain=(SHAPE, SHAPE, PROBABILITY), ulp=512,
    compared=((0.25, 1e4), (0.25, 1e4), (1e-37, 1.0)),
    code="@betaincinv({0}, {1}, {2})")
# fmt: on

__all__ = [
    "beta",
    "betainc",
    "betainc_slope_a",
    "betainc_slope_b",
    "betaincinv",
    "betaln",
    "gammainc",
    "gammainc_slope",
    "gammaincc",
    "gammainccinv",
    "gammaincinv",
    "rgamma",
]
