"""Derives the polynomials of ``gradcore/kernel/mathematics.h``, and prints them with their errors.

    python benchmarks/scalar_coefficients.py [NAME ...]

Each is a fit at Chebyshev nodes to a smooth function on an interval, which comes within a small
factor of the best polynomial of its degree; ``erf_far`` is the best one where its error counts, by
Remez's exchange, and those of `QUOTIENTS` and ``erfinv_far`` are quotients of polynomials.
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


def erfcx(a):
    """Return exp(a ** 2) * erfc(a)."""
    if a > 100:
        tail = mp.fsum((-1) ** k * mp.fac2(2 * k - 1) / (2 * a * a) ** k for k in range(25))
        return tail / (a * mp.sqrt(mp.pi))
    return mp.exp(a * a) * mp.erfc(a)


def erfinv_over(w):
    """Return erfinv(x) / x where w = -log(1 - x ** 2)."""
    if w < mp.mpf("1e-20"):
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    return (mp.erfinv(x) if x < 0.9 else erfcinv_far(mp.sqrt(w + mp.log1p(x)))) / x


def erfcinv_far(s):
    """Return erfcinv(exp(-s ** 2)), for s above 2."""
    start = mp.sqrt(s * s - mp.log(s * mp.sqrt(mp.pi)))
    return mp.findroot(lambda y: mp.log(mp.erfc(y)) + s * s, start)


def quotient(function, place, above, below):
    """Return the coefficients of polynomials, the lowest first, whose quotient is a fit.

    place : where -1 to 1 is taken to.
    above, below : their degrees; the second has 1 as its first coefficient.
    """
    count = above + below + 1
    nodes = [place(mp.cos(mp.pi * (2 * k + 1) / (2 * count))) for k in range(count)]
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
    above, below = quotient(erfcinv_far, lambda t: (low + high) / 2 + (high - low) / 2 * t, 9, 8)
    rest = [above[0], *(a - b for a, b in zip(above[1:], below, strict=True))]
    grid = [low + (high - low) * mp.mpf(k) / 200 for k in range(201)]
    worst = max(
        abs((s + mp.polyval(rest[::-1], s) / mp.polyval(below[::-1], s)) / erfcinv_far(s) - 1)
        for s in grid
    )
    return rest[::-1], below[::-1], worst


def mapped(middle, top):
    """Return what takes -1, 0 and 1 to 0, about ``middle``, and ``top``."""
    return lambda t: middle * (1 + t) / (1 - t + 2 * mp.mpf(middle) / top)


QUOTIENTS = {
    "erfcx_f64": (erfcx, mapped(2.7, 10**9), 10, 11),
    "erfcx_f32": (erfcx, mapped(2.2, 12), 4, 5),
    "erfinv_f64": (erfinv_over, mapped(13, 36.1), 15, 14),
    "erfinv_f32": (erfinv_over, mapped(10, 16.7), 6, 5),
}
"""Function, place of the nodes, and degrees."""


def rounded(name, above, below):
    """Return polynomials, the highest first, times what the first coefficients round least with."""
    kind = np.float64 if name.endswith("f64") else np.float32
    off = lambda c: abs(mp.mpf(float(kind(float(c)))) / c - 1)  # noqa: E731 - a short measure
    factors = [1 + mp.mpf(k) / 4096 for k in range(1 if name.startswith("erfcx") else 4000)]
    by = min(factors, key=lambda k: off(above[0] * k) + off(below[0] * k) + off(above[1] * k) / 10)
    return [[str(kind(float(c * by))) for c in reversed(each)] for each in (above, below)]


def remez(function, weight, low, high, degree):
    """Return the coefficients, the highest first, with the least of the largest weighted error."""
    count = degree + 2
    cosines = lambda n: [  # noqa: E731 - of two counts
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (n - 1)) for k in range(n)
    ]
    nodes, grid = cosines(count), cosines(401)
    for _ in range(20):
        rows = [[*(x**j for j in range(degree + 1)), (-1) ** k / weight(x)]
                for k, x in enumerate(nodes)]  # fmt: skip
        *found, level = mp.lu_solve(mp.matrix(rows), mp.matrix([function(x) for x in nodes]))
        errors = [weight(x) * (mp.polyval(found[::-1], x) - function(x)) for x in grid]
        peaks = []
        for k, error in enumerate(errors):
            if peaks and (errors[peaks[-1]] > 0) == (error > 0):
                peaks[-1] = max(peaks[-1], k, key=lambda at: abs(errors[at]))
            else:
                peaks.append(k)
        while len(peaks) > count:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        worst = max(map(abs, errors))
        if len(peaks) < count or worst < abs(level) * 1.02:
            break
        nodes = [grid[k] for k in peaks]
    return found[::-1], worst


def erf_far(low, high, degree):
    """Return -log2(erfc(x)) / x as closely as 1 - erfc(x) tells, and the error of that."""
    return remez(lambda x: -mp.log(mp.erfc(x), 2) / x, lambda x: x * mp.erfc(x) * LN2,
                 mp.mpf(low), mp.mpf(high), degree)  # fmt: skip


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
    "erf": (even(lambda x: mp.erf(x) / x), 0, 25 / mp.mpf(16), 12, None),
    "erf_short": (even(lambda x: mp.erf(x) / x), 0, 1, None, 6),
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


def quotients(name):
    """Print the polynomials of a quotient, and the largest error."""
    function, place, above, below = QUOTIENTS[name]
    p, q = quotient(function, place, above, below)
    grid = [place(mp.mpf(k) / 150) for k in range(-150, 151)]
    worst = max(
        abs(mp.polyval(p[::-1], x) / mp.polyval(q[::-1], x) / function(x) - 1) for x in grid
    )
    print(f"/* {name}: error {float(worst):.1e} */")
    print(*rounded(name, p, q), sep="\n", flush=True)


def main():
    """Print the polynomials that are asked for, all of them else."""
    for name in sys.argv[1:] or [*FITS, *QUOTIENTS, "erfinv_far", "erf_far"]:
        if name in QUOTIENTS:
            quotients(name)
            continue
        if name == "erf_far":
            for kind, low, high, degree in ((np.float64, 1.25, 6, 15), (np.float32, 1, 4, 5)):
                found, worst = erf_far(low, high, degree)
                print(f"/* {name}, {kind.__name__}: error {float(worst):.1e} */")
                print([str(kind(float(c))) for c in found], flush=True)
            continue
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
