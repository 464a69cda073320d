"""Derives the polynomials of ``gradcore/kernel/mathematics.h``, and prints them with their errors.

    python benchmarks/scalar_coefficients.py [NAME ...]

Each is a fit at Chebyshev nodes to a smooth function on an interval, which comes within a small
factor of the best polynomial of its degree.
"""

import sys

import mpmath as mp
import numpy as np

mp.mp.dps = 120
LN2 = mp.log(2)
ROOT = mp.sqrt(2)
SPLIT = (3 - 2 * ROOT) ** 2  # of ((m - 1) / (m + 1)) ** 2, for m up to sqrt(2)
DIGAMMA_ROOT = mp.findroot(mp.digamma, 1.46)


def series(function, order):
    """Return ``function`` without its first ``order`` terms at 0, divided by x ** order."""
    terms = mp.taylor(function, 0, order + 30)

    def rest(x):
        if abs(x) < 1e-3:
            return mp.polyval(terms[: order - 1 : -1], x)
        return (function(x) - mp.polyval(terms[:order][::-1], x)) / x**order

    return rest


def even(function):
    """Return f(sqrt(z))."""
    return lambda z: function(mp.sqrt(abs(z)) if z else mp.mpf("1e-15"))


def logarithm(s):
    """Return log((1 + s) / (1 - s)) / s."""
    return mp.log((1 + s) / (1 - s)) / s


def erfcx_mapped(q):
    """Return (1 + 2 a) * exp(a ** 2) * erfc(a) at q = (a - 4) / (a + 4)."""
    if q > 1 - mp.mpf("1e-12"):
        return 2 / mp.sqrt(mp.pi)
    a = 4 * (1 + q) / (1 - q)
    if a > 1e4:
        tail = mp.fsum((-1) ** k * mp.fac2(2 * k - 1) / (2 * a * a) ** k for k in range(13))
        return (1 + 2 * a) * tail / (a * mp.sqrt(mp.pi))
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


def erfcinv_tail(t):
    """Return erfcinv(exp(-w ** 2)) / w at t = 1 / w."""
    log = -1 / (t * t)
    x = mp.exp(log)
    if x > 0.5:
        return mp.erfinv(1 - x) * t
    return mp.findroot(lambda y: mp.log(mp.erfc(y)) - log, 1 / t) * t


def digamma(t):
    """Return the digamma function of x over x - its root, at t = x - 1.5."""
    distance = t + 1.5 - DIGAMMA_ROOT
    return (
        mp.digamma(t + 1.5) / distance if abs(distance) > 1e-30 else mp.polygamma(1, DIGAMMA_ROOT)
    )


FITS = {
    "exp": (series(mp.exp, 2), -LN2 / 2, LN2 / 2, 9, 5),
    "exp2": (series(lambda x: mp.power(2, x), 1), -0.5, 0.5, 11, 6),
    "exp2_narrow": (series(lambda x: mp.power(2, x), 1), -0.5, 0.5, 6, None),
    "log": (even(lambda s: (logarithm(s) - 2) / s**2), 0, SPLIT, 6, None),
    "log_near": (even(lambda s: (logarithm(s) - 2) / s**2), 0, mp.mpf(1) / 9, 10, 5),
    "log1p": (series(mp.log1p, 3), 1 / ROOT - 1, ROOT - 1, None, 9),
    "log2_narrow": (even(lambda s: logarithm(s) / LN2), 0, SPLIT, 4, None),
    "pow": (even(lambda s: ((logarithm(s) - 2) / s**2 - mp.mpf(2) / 3) / s**2), 0, SPLIT, 7, None),
    "sinh": (even(lambda x: (mp.sinh(x) / x - 1) / x**2), 0, 1, 6, 2),
    "arctan": (even(lambda x: (mp.atan(x) / x - 1) / x**2), 0, (ROOT - 1) ** 2, 10, 4),
    "arcsin": (even(lambda x: (mp.asin(x) / x - 1) / x**2), 0, 0.25, 13, 5),
    "erf": (even(lambda x: mp.erf(x) / x), 0, 1, 11, 6),
    "erf_far": (lambda x: -mp.log(mp.erfc(x)) / x, 1, 6, 24, 10),
    "erfcx": (erfcx_mapped, -1, 1, 24, None),
    "erfinv": (even(lambda x: mp.erfinv(x) / x), 0, 0.25, 13, None),
    "erfinv_far": (erfcinv_tail, 1 / mp.mpf("27.5"), 1 / mp.mpf("0.8"), 10, None),
    "digamma": (digamma, -0.5, 0.5, 21, None),
}
"""Function, interval, and degree in float64 and float32."""


def fitted(name, column):
    """Return the coefficients of a polynomial, the highest first, and its largest error."""
    function, low, high, *degrees = FITS[name]
    low, high = mp.mpf(low), mp.mpf(high)
    found = mp.chebyfit(function, [low, high], degrees[column] + 1)
    grid = [low + (high - low) * mp.mpf(k) / 200 for k in range(201)]
    return found, max(abs(mp.polyval(found, x) / function(x) - 1) for x in grid)


def lines(name, column):
    """Return a polynomial as the header has it."""
    kind, end = (np.float64, "") if column == 0 else (np.float32, "f")
    found, _ = fitted(name, column)
    first, *rest = (f"{kind(float(c))!s}{end}" for c in found)
    fma = f"gc_fma_f{64 >> column}"
    return [f"p = {first};", *(f"p = {fma}(p, t, {c});" for c in rest)]


def main():
    """Print the polynomials that are asked for, all of them else."""
    for name in sys.argv[1:] or FITS:
        for column, degree in enumerate(FITS[name][3:]):
            if degree is not None:
                error = float(fitted(name, column)[1])
                print(f"/* {name}, f{64 >> column}: degree {degree}, error {error:.1e} */")
                print("\n".join(f"    {line}" for line in lines(name, column)), flush=True)


if __name__ == "__main__":
    main()
