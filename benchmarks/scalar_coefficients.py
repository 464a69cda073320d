"""Derives the polynomials of ``gradcore/kernel/mathematics.h``, and prints them with their errors.

    python benchmarks/scalar_coefficients.py [NAME ...]

Each is a fit at Chebyshev nodes to a smooth function on an interval, which comes within a small
factor of the best polynomial of its degree; ``erfinv_far`` is a quotient of polynomials.
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


def erfcinv_far(s):
    """Return erfcinv(exp(-s ** 2)), for s above 2."""
    start = mp.sqrt(s * s - mp.log(s * mp.sqrt(mp.pi)))
    return mp.findroot(lambda y: mp.log(mp.erfc(y)) + s * s, start)


def quotient(function, low, high, above, below):
    """Return the coefficients of polynomials, the lowest first, whose quotient is a fit.

    above, below : their degrees; the second has 1 as its first coefficient.
    """
    count = above + below + 1
    turns = (mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count))
    nodes = [(low + high) / 2 + (high - low) / 2 * turn for turn in turns]
    values = [function(s) for s in nodes]
    rows = [
        [*(s**i for i in range(above + 1)), *(-v * s**j for j in range(1, below + 1))]
        for s, v in zip(nodes, values, strict=True)
    ]
    found = list(mp.lu_solve(mp.matrix(rows), mp.matrix(values)))
    return found[: above + 1], [mp.mpf(1), *found[above + 1 :]]


def erfinv_far():
    """Return the polynomials of ``gc_erfinv_far_f64``, the highest first, and the largest error.

    The numerator is without s times the denominator, which is added to the quotient.
    """
    low, high = mp.mpf(6), mp.mpf("27.4")
    above, below = quotient(erfcinv_far, low, high, 9, 8)
    rest = [above[0], *(a - b for a, b in zip(above[1:], below, strict=True))]
    grid = [low + (high - low) * mp.mpf(k) / 200 for k in range(201)]
    worst = max(
        abs((s + mp.polyval(rest[::-1], s) / mp.polyval(below[::-1], s)) / erfcinv_far(s) - 1)
        for s in grid
    )
    return rest[::-1], below[::-1], worst


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
    for name in sys.argv[1:] or [*FITS, "erfinv_far"]:
        if name == "erfinv_far":
            rest, below, worst = erfinv_far()
            print(f"/* {name}: error {float(worst):.1e} */")
            print([float(c) for c in rest], [float(c) for c in below], sep="\n", flush=True)
            continue
        for column, degree in enumerate(FITS[name][3:]):
            if degree is not None:
                error = float(fitted(name, column)[1])
                print(f"/* {name}, f{64 >> column}: degree {degree}, error {error:.1e} */")
                print("\n".join(f"    {line}" for line in lines(name, column)), flush=True)


if __name__ == "__main__":
    main()
