"""Measures the special functions of the C backend against mpmath, in units in the last place.

    python benchmarks/special_errors.py [NAME ...]

Prints the table of docs/special.md; without names it writes it there.  ``tests/test_special.py``
checks a sample of the same operands against the same bounds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
from peers.draws import (
    Draw,
    beta_triples,
    between,
    gamma_pairs,
    mixed,
    orders,
    quantiles,
    sides,
    sizes,
    together,
)

import gradcore
from gradcore.graph import TensorType
from gradcore.ops.elementwise import entry

PAGE = Path(__file__).parents[1] / "docs/special.md"
COUNT = 2000


@dataclass(frozen=True)
class Subject:
    """A row: what mpmath computes for it, where it is measured, and the bounds to it.

    exact : the function of numbers of mpmath.
    draw : returns columns of operands.
    bound : in units in the last place of the result in float64; in float32 it is 1, as functions of
        floats round what those of doubles return.
    where : the range of the operands, in words.
    scale : what the unit is of, where that is not the result: near roots far out.
    """

    exact: Callable[..., Any]
    draw: Draw
    bound: float
    where: str
    scale: Callable[..., Any] | None = None


# in mpmath --------------------------------------------------------------------------------------
def lower(a: Any, x: Any) -> Any:
    """Return gammainc."""
    return mp.gammainc(a, 0, x, regularized=True)


def upper(a: Any, x: Any) -> Any:
    """Return gammaincc."""
    return mp.gammainc(a, x, mp.inf, regularized=True)


def beta_below(a: Any, b: Any, x: Any, y: Any) -> Any:
    """Return betainc by the series of positive terms, DLMF 8.17.8, for x = 1 - y below the mean."""
    term = total = mp.mpf(1)
    k = 0
    while term > total * mp.mpf(10) ** -45:
        term *= (a + b + k) / (a + 1 + k) * x
        total += term
        k += 1
    weight = a * mp.log(x) + b * mp.log(y) - mp.log(a)
    return mp.exp(weight - mp.loggamma(a) - mp.loggamma(b) + mp.loggamma(a + b)) * total


def beta_lower(a: Any, b: Any, x: Any) -> Any:
    """Return betainc."""
    if x > a / (a + b):
        return 1 - beta_below(b, a, 1 - x, x)
    return beta_below(a, b, x, 1 - x)


def gamma_weight(a: Any, x: Any) -> Any:
    """Return the density of the gamma distribution."""
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


def refined(name: str, function: Any, density: Any) -> Callable[..., Any]:
    """Return the inverse of a distribution function: Newton's steps from what is found."""

    def exact(*operands: Any) -> Any:
        *shapes, p = operands
        columns = [np.array([float(v)]) for v in operands]
        x = mp.mpf(float(compiled(name, "float64")(*columns)[0]))
        for _ in range(3):
            x -= (function(*shapes, x) - p) / density(*shapes, x)
        return x

    return exact


def gamma_slope(a: Any, x: Any) -> Any:
    """Return the derivative of gammainc in a, of the smaller part."""
    h = mp.mpf(10) ** -20
    part = (lambda a: -upper(a, x)) if x > a else (lambda a: lower(a, x))
    return (part(a + h) - part(a - h)) / (2 * h)


def beta_slope(a: Any, b: Any, x: Any, by_b: bool = False) -> Any:
    """Return the derivative of betainc in a or b."""
    h = mp.mpf(10) ** -15
    da, db = (0, h) if by_b else (h, 0)
    mean = a / (a + b)

    def part(a: Any, b: Any) -> Any:
        if x < mean:
            return beta_below(a, b, x, 1 - x)
        return -beta_below(b, a, 1 - x, x)

    return (part(a + da, b + db) - part(a - da, b - db)) / (2 * h)


def dawsn(x: Any) -> Any:
    """Return Dawson's integral."""
    if abs(x) > 100:
        return mp.fsum(mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(20)) / (2 * x)
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def erfcx(x: Any) -> Any:
    """Return exp(x ** 2) * erfc(x)."""
    if x > 1000:
        terms = (mp.fac2(2 * k - 1) / (-2 * x * x) ** k for k in range(20))
        return mp.fsum(terms) / (x * mp.sqrt(mp.pi))
    return mp.exp(x * x) * mp.erfc(x)


def ndtr(x: Any) -> Any:
    """Return the normal distribution function."""
    return mp.erfc(-x / mp.sqrt(2)) / 2


def log_ndtr(x: Any) -> Any:
    """Return its logarithm."""
    return mp.log(ndtr(x)) if x < 0 else mp.log1p(-ndtr(-x))


def bessel_k1(x: Any) -> Any:
    """Return k1 by the Wronskian: mpmath's own takes long."""
    return (1 / x - mp.besseli(1, x) * mp.besselk(0, x)) / mp.besseli(0, x)


def hurwitz(s: Any, q: Any) -> Any:
    """Return zeta by Euler's and Maclaurin's sum: mpmath's own has 9 digits for large q."""
    total = mp.mpf(0)
    while q < 60:
        total += q**-s
        q += 1
    total += q ** (1 - s) / (s - 1) + q**-s / 2
    factor = s * q ** (-s - 1)
    for k in range(1, 25):
        total += mp.bernoulli(2 * k) / mp.factorial(2 * k) * factor
        factor *= (s + 2 * k - 1) * (s + 2 * k) / q**2
    return total


def owens_t(h: Any, a: Any) -> Any:
    """Return Owen's T by quadrature."""
    inner = [mp.mpf(0), *(c / h for c in (1, 2, 4, 8, 12) if c / h < a), a]
    return mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), inner) / (2 * mp.pi)


def envelope(x: Any) -> Any:
    """Return the size of the waves that Bessel functions are, at most 1."""
    return min(mp.mpf(1), mp.sqrt(2 / (mp.pi * abs(x)))) if x else mp.mpf(1)


def order_envelope(v: Any, x: Any) -> Any:
    """Return the size of the waves that Bessel functions of order v are above it, else 0."""
    return mp.sqrt(2 / (mp.pi * mp.sqrt(x * x - v * v))) if x > v else mp.mpf(0)


def with_digits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of mpmath, which loses digits for large orders, with many more of them."""

    def exact(*operands: Any) -> Any:
        with mp.workdps(400):
            return function(*operands)

    return exact


def one(*_: Any) -> Any:
    """Return 1: the unit is that of 1, near roots."""
    return mp.mpf(1)


EVERYWHERE = mixed(between(-5, 5), between(-26, 40), sizes(-20, 12), sizes(-20, 1, both=True))
WAVES = mixed(between(-30, 30), sizes(-10, 4, both=True))
POSITIVE_WAVES = mixed(between(0.01, 30), sizes(-10, 4))
TAME = mixed(between(-20, 20), sizes(-10, 2.8, both=True))
SCALED = mixed(between(-20, 20), sizes(-10, 6, both=True))

ORDERS = "0 < v < 2000, 0.001 < x < 2000"
ORDERS_WAVES = f"{ORDERS}; for x > v in units of the waves' size"

SUBJECTS = {
    "logit": Subject(lambda x: mp.log(x / (1 - x)), between(0, 1), 4, "(0, 1)"),
    "log1mexp": Subject(
        lambda x: mp.log(-mp.expm1(x)),
        mixed(between(-40, 0), lambda r, n: (-sizes(-20, 2)(r, n)[0],)),
        4,
        "x < 0",
    ),
    "xlogy": Subject(
        lambda x, y: x * mp.log(y), together(between(-9, 9), sizes(-20, 20)), 4, "y > 0"
    ),
    "xlog1py": Subject(
        lambda x, y: x * mp.log1p(y),
        together(between(-9, 9), mixed(between(-1, 1), sizes(-20, 20))),
        4,
        "y > -1",
    ),
    "entr": Subject(lambda x: -x * mp.log(x), sizes(-20, 20), 4, "x > 0"),
    "exprel": Subject(
        lambda x: mp.expm1(x) / x,
        mixed(between(-40, 40), between(-700, 712), sizes(-20, 0, both=True)),
        6,
        "all x",
    ),
    "sinpi": Subject(mp.sinpi, mixed(between(-9, 9), sizes(-20, 15, both=True)), 4, "all x"),
    "cospi": Subject(mp.cospi, mixed(between(-9, 9), sizes(-20, 15, both=True)), 4, "all x"),
    "sinc": Subject(mp.sincpi, mixed(between(-9, 9), sizes(-20, 15, both=True)), 6, "all x"),
    "cbrt": Subject(
        lambda x: mp.sign(x) * mp.cbrt(abs(x)), sizes(-300, 300, both=True), 4, "all x"
    ),
    "hypot": Subject(mp.hypot, sides, 2, "all x, y"),
    "gamma": Subject(
        mp.gamma,
        mixed(between(0, 14), between(12, 172), between(-15, 0), between(-184, 0), sizes(-300, 0)),
        6,
        "all x",
    ),
    "rgamma": Subject(
        mp.rgamma,
        mixed(between(0, 14), between(12, 169), between(-15, 0), between(-169, 0), sizes(-300, 0)),
        8,
        "-169 < x < 169",
    ),
    "betaln": Subject(
        lambda a, b: mp.log(mp.beta(a, b)),
        together(sizes(-6, 6), sizes(-6, 6)),
        6,
        "1e-6 < a, b < 1e6; units of max(1, abs)",
        one,
    ),
    "beta": Subject(
        lambda a, b: mp.beta(a, b), together(sizes(-6, 6), sizes(-6, 6)), 8, "1e-6 < a, b < 1e6"
    ),
    "gammainc": Subject(lower, gamma_pairs, 8, "1e-3 < a < 1e5"),
    "gammaincc": Subject(upper, gamma_pairs, 8, "1e-3 < a < 1e5"),
    "gammainc_slope": Subject(
        gamma_slope, together(sizes(-1, 2), sizes(-1, 2)), 64, "0.1 < a, x < 100"
    ),
    "gammaincinv": Subject(
        refined("gammaincinv", lower, gamma_weight), quantiles(1), 8, "0.1 < a < 1e4"
    ),
    "gammainccinv": Subject(
        refined("gammainccinv", upper, lambda a, x: -gamma_weight(a, x)),
        quantiles(1),
        8,
        "0.1 < a < 1e4",
    ),
    "betainc": Subject(beta_lower, beta_triples, 16, "0.01 < a, b < 1e4"),
    "betaincinv": Subject(
        refined(
            "betaincinv",
            beta_lower,
            lambda a, b, x: x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b),
        ),
        quantiles(2),
        32,
        "0.1 < a, b < 1e4",
    ),
    "betainc_slope_a": Subject(
        beta_slope,
        together(between(0.5, 9), between(0.5, 9), between(0.02, 0.98)),
        512,
        "0.5 < a, b < 9",
    ),
    "betainc_slope_b": Subject(
        lambda a, b, x: beta_slope(a, b, x, True),
        together(between(0.5, 9), between(0.5, 9), between(0.02, 0.98)),
        512,
        "0.5 < a, b < 9",
    ),
    "erf": Subject(mp.erf, mixed(between(-6, 6), sizes(-300, 1, both=True)), 4, "all x"),
    "erfc": Subject(mp.erfc, mixed(between(-6, 26.5), sizes(-300, 1, both=True)), 4, "x < 26.5"),
    "erfinv": Subject(
        refined("erfinv", mp.erf, lambda y: 2 * mp.exp(-y * y) / mp.sqrt(mp.pi)),
        mixed(between(-1, 1), lambda r, n: (1 - sizes(-15, 0)(r, n)[0],)),
        4,
        "(-1, 1)",
    ),
    "erfcx": Subject(erfcx, EVERYWHERE, 4, "all x"),
    "dawsn": Subject(dawsn, EVERYWHERE, 4, "all x"),
    "ndtr": Subject(ndtr, mixed(between(-37, 9), sizes(-20, 1.5, both=True)), 4, "x > -37"),
    "log_ndtr": Subject(log_ndtr, mixed(between(-37, 37), sizes(-20, 3, both=True)), 5, "all x"),
    "ndtri": Subject(
        refined("ndtri", ndtr, mp.npdf), mixed(between(0, 1), sizes(-300, 0)), 6, "(0, 1)"
    ),
    "j0": Subject(mp.j0, WAVES, 4, "abs(x) < 1e4; units of the waves' size", envelope),
    "j1": Subject(mp.j1, WAVES, 4, "abs(x) < 1e4; units of the waves' size", envelope),
    "y0": Subject(
        lambda x: mp.bessely(0, x),
        POSITIVE_WAVES,
        4,
        "0 < x < 1e4; units of the waves' size",
        envelope,
    ),
    "y1": Subject(
        lambda x: mp.bessely(1, x),
        POSITIVE_WAVES,
        4,
        "0 < x < 1e4; units of the waves' size",
        envelope,
    ),
    "i0": Subject(lambda x: mp.besseli(0, x), TAME, 6, "all x"),
    "i1": Subject(lambda x: mp.besseli(1, x), TAME, 6, "all x"),
    "i0e": Subject(lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), SCALED, 6, "all x"),
    "i1e": Subject(lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), SCALED, 6, "all x"),
    "k0": Subject(lambda x: mp.besselk(0, x), mixed(between(0, 20), sizes(-10, 2.8)), 6, "x > 0"),
    "k1": Subject(bessel_k1, mixed(between(0, 20), sizes(-10, 2.8)), 6, "x > 0"),
    "k0e": Subject(
        lambda x: mp.besselk(0, x) * mp.exp(x), mixed(between(0, 20), sizes(-10, 3)), 6, "x > 0"
    ),
    "k1e": Subject(
        lambda x: bessel_k1(x) * mp.exp(x), mixed(between(0, 20), sizes(-10, 3)), 6, "x > 0"
    ),
    "jv": Subject(mp.besselj, orders, 64, ORDERS_WAVES, order_envelope),
    "yv": Subject(mp.bessely, orders, 64, ORDERS_WAVES, order_envelope),
    "iv": Subject(mp.besseli, orders, 24, ORDERS),
    "ive": Subject(lambda v, x: mp.besseli(v, x) * mp.exp(-x), orders, 24, ORDERS),
    "kv": Subject(with_digits(mp.besselk), orders, 24, ORDERS),
    "kve": Subject(with_digits(lambda v, x: mp.besselk(v, x) * mp.exp(x)), orders, 24, ORDERS),
    "zeta": Subject(
        hurwitz,
        together(lambda r, n: (1 + sizes(-3, 1.5)(r, n)[0],), sizes(-2, 3)),
        16,
        "x > 1, 0.01 < q < 1000",
    ),
    "owens_t": Subject(
        owens_t, together(between(0, 8), sizes(-3, 1)), 8, "abs(h) < 8, abs(a) < 10"
    ),
    "lambertw": Subject(
        lambda x: mp.lambertw(x).real,
        mixed(sizes(-20, 300), between(-0.3678, 0), between(0, 10)),
        4,
        "x > -0.3678",
    ),
    "hyp1f1": Subject(
        mp.hyp1f1,
        together(between(0.1, 9), between(9, 20), between(-30, 30)),
        40,
        "0 < a < 9 < b < 20, abs(x) < 30",
    ),
    "hyp2f1": Subject(
        mp.hyp2f1,
        together(between(0.1, 5), between(0.1, 5), between(5, 9), between(-5, 0.95)),
        40,
        "0 < a, b < 5 < c < 9, -5 < x < 0.95",
    ),
}
"""What is measured."""


# measuring --------------------------------------------------------------------------------------
COMPILED: dict[tuple[str, str], Any] = {}


def compiled(name: str, dtype: str) -> Any:
    """Return a row as a compiled function of vectors."""
    if (name, dtype) not in COMPILED:
        op = entry(name)
        inputs = [TensorType(dtype, (None,))() for _ in range(op.operands)]
        COMPILED[name, dtype] = gradcore.function(inputs, op(*inputs), mode="c")
    return COMPILED[name, dtype]


def errors(name: str, dtype: str, count: int, seed: int) -> tuple[np.ndarray, Any]:
    """Return how many units each element is off, and the operands."""
    subject = SUBJECTS[name]
    limits = np.finfo(dtype)
    with np.errstate(over="ignore"):
        columns = [c.astype(dtype) for c in subject.draw(np.random.default_rng(seed), count)]
    found = compiled(name, dtype)(*columns)
    off = np.zeros(count)
    for k, (value, *row) in enumerate(zip(found, *columns, strict=True)):
        with mp.workdps(60):
            operands = [mp.mpf(float(v)) for v in row]
            try:
                exact = subject.exact(*operands)
            except (ValueError, ZeroDivisionError):  # a pole, such as gamma(-2) or ndtri(1)
                off[k] = math.inf if math.isfinite(value) else 0
                continue
            size = float(abs(exact))
            if subject.scale is not None:
                size = max(size, float(subject.scale(*operands)))
            if size > float(limits.max) or size < float(limits.tiny):
                continue
            unit = float(np.spacing(np.asarray(size, dtype)))
            off[k] = abs(mp.mpf(float(value)) - exact) / unit
    return off, columns


def line(name: str, count: int) -> str:
    """Return the line of the table for a row."""
    wide, single = (errors(name, dtype, count, 1)[0].max() for dtype in ("float64", "float32"))
    return f"| `{name}` | {SUBJECTS[name].where} | {wide:.2f} | {single:.2f} |"


def main() -> None:
    """Print the table, of the rows that are asked for; of all it is written into the page."""
    names = sys.argv[1:] or list(SUBJECTS)
    lines = []
    for name in names:
        lines.append(line(name, COUNT if not sys.argv[1:] else 200))
        print(lines[-1], flush=True)
    if not sys.argv[1:]:
        text = PAGE.read_text()
        before, rest = text.split("<!-- errors -->\n")
        _, after = rest.split("<!-- end -->")
        head = "| function | where | float64 | float32 |\n|---|---|---|---|\n"
        PAGE.write_text(
            f"{before}<!-- errors -->\n{head}" + "\n".join(lines) + f"\n<!-- end -->{after}"
        )


if __name__ == "__main__":
    main()
