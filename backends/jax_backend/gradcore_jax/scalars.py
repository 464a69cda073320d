"""The scalar functions that JAX calls by another name, or means otherwise.

The decision: NumPy's meaning wins.  An integer over zero is zero, integers are not rounded, and
functions of which XLA loses bits are written with others.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcore.backend import Kernels
from gradcore.dtypes import computed
from gradcore.errors import GraphValueError, UnsupportedError
from gradcore.graph.types import FLOATS
from gradcore.ops import (
    complexes,
    scalars,
    special_bessel,
    special_gamma,
    special_normal,
    special_other,
)
from gradcore.ops import special as rows
from gradcore.ops.elementwise import Elementwise
from gradcore_jax.host import called
from gradcore_jax.tracing import concrete, is_known, jnp, lax, strong

random: Any = importlib.import_module("jax.extend.random")
special: Any = importlib.import_module("jax.scipy.special")


# arithmetic -------------------------------------------------------------------------------------
def is_integer(x: Any) -> bool:
    """Return whether ``x`` has integers or booleans."""
    return x.dtype.kind in "biu"


def integers_alone(rounding: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``rounding``, leaving integers as they are."""

    def rounded(x: Any) -> Any:
        return x if is_integer(x) else rounding(x)

    return rounded


def zero_over_zero(divided: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a division of which integers over zero are zero, as in NumPy."""

    def safe(x: Any, y: Any) -> Any:
        if not is_integer(x):
            return divided(x, y)
        nothing = y == 0
        return jnp.where(nothing, jnp.zeros_like(x), divided(x, jnp.where(nothing, 1, y)))

    return safe


def same(x: Any) -> Any:
    """Return ``x``: what marks and `identity` compute."""
    return x


def _fill(x: Any, y: Any) -> Any:
    return jnp.broadcast_to(y, lax.broadcast_shapes(x.shape, y.shape))


def _clip(x: Any, low: Any, high: Any) -> Any:
    return jnp.minimum(jnp.maximum(x, low), high)


def _strong_zero_mul(x: Any, y: Any) -> Any:
    return jnp.where(x == 0, jnp.zeros_like(x), x * y)


def _floor_divide(x: Any, y: Any) -> Any:
    """Divide as NumPy does: a float over zero is infinite, not NaN."""
    if is_integer(x):
        return jnp.floor_divide(x, y)
    return jnp.where(y == 0, x / y, jnp.floor_divide(x, y))


def _power(x: Any, y: Any) -> Any:
    """Raise to a power; that of integers wraps around, whatever the exponent.

    A negative exponent raises, as in NumPy, so one with a sign has to be concrete.
    """
    if not is_integer(x):
        return jnp.power(x, y)
    if jnp.issubdtype(y.dtype, jnp.signedinteger) and (concrete(y, "pow of integers") < 0).any():
        raise GraphValueError("Integers to negative integer powers are not allowed.")

    def square(k: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        found, base = carry
        bit = (y >> k.astype(y.dtype)) & 1
        return jnp.where(bit == 1, found * base, found), base * base

    shape = np.broadcast_shapes(x.shape, y.shape)
    start = jnp.ones(shape, x.dtype), jnp.broadcast_to(x, shape)
    bits = int(y.max()).bit_length() if is_known(y) and y.size else np.iinfo(y.dtype).bits
    return lax.fori_loop(0, bits, square, start)[0]


def _complex(x: Any, y: Any) -> Any:
    """Make complex numbers of parts, which XLA wants in one shape."""
    return lax.complex(*jnp.broadcast_arrays(x, y))


# functions of which XLA loses bits --------------------------------------------------------------
def _exp2(x: Any) -> Any:
    """Scale the power of a fraction: XLA's own loses a bit each time the exponent doubles."""
    whole = jnp.clip(jnp.rint(x), -2000, 2000)
    return jnp.ldexp(jnp.exp2(x - whole), whole.astype("int32"))


def _sinh(x: Any) -> Any:
    """Square the half of a large argument: XLA's own rounds that argument."""
    root = jnp.exp(jnp.abs(x) / 2)
    large = jnp.sign(x) * (root / 2 * root - 0.5 / root / root)
    return jnp.where(jnp.abs(x) > 1, large, jnp.sinh(x))


def _cosh(x: Any) -> Any:
    """Square the half of the argument: XLA's own rounds a large one."""
    root = jnp.exp(jnp.abs(x) / 2)
    return root / 2 * root + 0.5 / root / root


def _arctanh(x: Any) -> Any:
    """Take one logarithm: the difference of two, as XLA takes it, cancels."""
    size = jnp.abs(x)
    return jnp.copysign(jnp.log1p(2 * size / (1 - size)) / 2, x)


def _digamma(x: Any) -> Any:
    """Return the derivative of gammaln, infinite at zero."""
    return jnp.where(x == 0, jnp.copysign(jnp.inf, -x), special.digamma(x))


def _round_half_away(x: Any) -> Any:
    whole = jnp.trunc(x)
    return whole + (jnp.abs(x - whole) >= 0.5) * jnp.sign(x)


def _erfcinv(x: Any) -> Any:
    """Return the inverse of erfc by that of the normal distribution, exact in both tails."""
    wide = strong(x, computed(str(x.dtype)))
    return special.ndtri(wide / 2) * -math.sqrt(0.5)


def _polygamma(n: Any, x: Any) -> Any:
    """Return the derivative of digamma of an order that JAX wants to be of an integer dtype."""
    return jnp.where(n == jnp.floor(n), special.polygamma(strong(n, "int64"), x), jnp.nan)


def _threefry(key: Any, counter: Any) -> Any:
    """Return random bits by JAX's own generator, which XLA compiles in no time.

    Raises UnsupportedError: JAX's integers have 32 bits here.
    """
    if key.dtype != "int64" or counter.dtype != "int64":
        raise UnsupportedError(
            "random draws need integers of 64 bits, which are switched off",
            fix="set jax_enable_x64 where the function is called",
        )
    rank = max(key.ndim, counter.ndim)
    words: list[Any] = []
    for x in (key, counter):
        aligned = x.reshape((1,) * (rank - x.ndim) + x.shape) if x.ndim else x
        words += [strong(aligned >> 32, "uint32"), strong(aligned, "uint32")]
    x, y = random.threefry2x32_p.bind(*words)
    return strong(x, "int64") << 32 | strong(y, "int64")


def _on_host(op: Elementwise) -> Callable[..., Any]:
    """Return the reference of a row, called back from XLA's program."""

    def computed(*arrays: Any) -> Any:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        of = [(shape, arrays[-1].dtype)]
        return called(lambda *given: [op.numpy(*given)], of, *arrays)[0]

    return computed


# casts ------------------------------------------------------------------------------------------
def _cast(dtype: str) -> Callable[[Any], Any]:
    """Return the cast to ``dtype``; a float that fits into no integer of it wraps around."""

    def convert(x: Any) -> Any:
        if x.dtype.name in FLOATS and dtype not in (*FLOATS, "bool", "int64"):
            whole = strong(strong(x, "int64"), dtype)
            return jnp.where(x < 0, whole, strong(x, dtype)) if dtype == "uint64" else whole
        return strong(x, dtype)

    return convert


# the table --------------------------------------------------------------------------------------
FAMILIES = (special_bessel, special_gamma, special_normal, special_other)

ON_HOST = [getattr(family, name) for family in FAMILIES for name in family.__all__]
"""Rows that JAX has no function for, or one of fewer digits: its betaln has 7 at 1e5."""

EXPANDED = (rows.log1mexp, rows.logit, rows.sinc, rows.xlogy, rows.xlog1py, rows.entr)
"""Rows of which JAX's functions lose digits, or mean another thing."""

ENTRIES: Kernels = {
    scalars.identity: same,
    scalars.fill: _fill,
    scalars.strong_zero_mul: _strong_zero_mul,
    scalars.int_div: zero_over_zero(_floor_divide),
    scalars.mod: zero_over_zero(jnp.mod),
    scalars.pow: _power,
    scalars.exp2: _exp2,
    scalars.sinh: _sinh,
    scalars.cosh: _cosh,
    scalars.arctanh: _arctanh,
    scalars.digamma: _digamma,
    scalars.erfcinv: _erfcinv,
    scalars.polygamma: _polygamma,
    scalars.floor: integers_alone(jnp.floor),
    scalars.ceil: integers_alone(jnp.ceil),
    scalars.trunc: integers_alone(jnp.trunc),
    scalars.round_half_to_even: integers_alone(jnp.rint),
    scalars.round_half_away_from_zero: integers_alone(_round_half_away),
    scalars.clip: _clip,
    scalars.switch: jnp.where,
    scalars.threefry: _threefry,
    complexes.complex: _complex,
    **{op: _on_host(op) for op in ON_HOST},
    **{op: _cast(dtype) for dtype, op in scalars.CASTS.items()},
}
