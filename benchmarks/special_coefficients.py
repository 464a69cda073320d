"""Derives the tables of ``gradcore/kernel/special_*.h``, and prints them with their errors.

    python benchmarks/special_coefficients.py [NAME ...]

Most are fits at Chebyshev nodes, as those of ``scalar_coefficients.py``; ``temme`` are the Taylor
coefficients of DLMF 8.12.10, and ``debye`` those of DLMF 10.41.9, by recursion, in exact fractions.
"""

import itertools
import sys
from fractions import Fraction

import mpmath as mp

mp.mp.dps = 60


def dawsn(x):
    """Return Dawson's integral."""
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def dawsn_far(u):
    """Return x * dawsn(x) at u = 1 / x ** 2."""
    if u < mp.mpf("0.005"):
        return mp.fsum(mp.fac2(2 * k - 1) * (u / 2) ** k for k in range(40)) / 2
    x = 1 / mp.sqrt(u)
    return x * dawsn(x)


def even(function):
    """Return f(x) / x at z = x ** 2."""
    return lambda z: function(mp.sqrt(z)) / mp.sqrt(z) if z else mp.mpf(1)


def lgamma1p(a):
    """Return log(gamma(1 + a)) / (a * (a - 1))."""
    if a in (0, 1):
        return mp.euler if a == 0 else 1 - mp.euler
    return mp.loggamma(1 + a) / (a * (a - 1))


def scaled(bessel, sign):
    """Return sqrt(x) * exp(sign * x) * f(x) at u = 1 / x."""

    def function(u):
        x = 1 / max(u, mp.mpf("1e-30"))
        return mp.sqrt(x) * mp.exp(sign * x) * bessel(x)

    return function


def entire(order):
    """Return the function of z = x ** 2 that iv(order, x) is (x / 2) ** order times."""
    return lambda z: mp.hyp0f1(order + 1, z / 4) / mp.factorial(order)


def k_regular(order):
    """Return what is left of k0 or x * k1 without log(x / 2) times i0 or i1, at z = x ** 2."""

    def function(z):
        x = mp.sqrt(max(z, mp.mpf("1e-40")))
        if order == 0:
            return mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x)
        return (mp.besselk(1, x) - mp.log(x / 2) * mp.besseli(1, x) - 1 / x) / x

    return function


def hankel_terms(order):
    """Return a_k of DLMF 10.17.1, as many as count from x = 100 on."""
    found = [mp.mpf(1)]
    for k in range(1, 60):
        found.append(found[-1] * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k))
    return found


def k_mapped(order):
    """Return sqrt(x) * exp(x) * kv(order, x) at q = (x - 3) / (x + 3)."""

    def function(q):
        r = (1 - q) / (1 + q) / 3
        if r < 0.01:
            return mp.sqrt(mp.pi / 2) * mp.fsum(a * r**k for k, a in enumerate(hankel_terms(order)))
        x = 1 / r
        found = mp.besselk(0, x)
        if order == 1:  # by the Wronskian, which is faster
            found = (1 / x - mp.besseli(1, x) * found) / mp.besseli(0, x)
        return mp.sqrt(x) * mp.exp(x) * found

    return function


J_ROOTS = [mp.besseljzero(order, 1) for order in (0, 1)]
Y_ROOTS = [mp.besselyzero(order, 1) for order in (0, 1)]
Y0_SECOND = mp.besselyzero(0, 2)


def j_near(order):
    """Return jv(order, x) / x ** order over x ** 2 - root ** 2, at z = x ** 2."""
    return lambda z: mp.hyp0f1(order + 1, -z / 4) / 2**order / (z - J_ROOTS[order] ** 2)


def y_regular(order):
    """Return what is left of y0, or y1 / x, without its logarithm and pole, at z = x ** 2."""

    def function(z):
        x = mp.sqrt(max(z, mp.mpf("1e-40")))
        log = 2 / mp.pi * mp.log(x / 2)
        if order == 0:
            return mp.bessely(0, x) - log * mp.besselj(0, x)
        return (mp.bessely(1, x) - log * mp.besselj(1, x) + 2 / mp.pi / x) / x

    return function


def y_over(order, root):
    """Return yv(order, x) / (x - root)."""
    return lambda x: mp.bessely(order, x) / (x - root)


def hankel(order, which):
    """Return P, or x * Q, of DLMF 10.17 without its series, at u = 1 / x ** 2."""

    def function(u):
        if u < 1e-4:
            terms = hankel_terms(order)[0 if which == "p" else 1 :: 2]
            return mp.fsum(a * (-u) ** k for k, a in enumerate(terms))
        x = 1 / mp.sqrt(u)
        phase = x - mp.pi / 4 - order * mp.pi / 2
        j, y, root = mp.besselj(order, x), mp.bessely(order, x), mp.sqrt(mp.pi * x / 2)
        if which == "p":
            return root * (j * mp.cos(phase) + y * mp.sin(phase))
        return root * x * (y * mp.cos(phase) - j * mp.sin(phase))

    return function


def gamma_above_2(a):
    """Return (gamma(a) - 1) / (a - 2)."""
    return (mp.gamma(a) - 1) / (a - 2) if a != 2 else mp.digamma(2)


def stirling(u):
    """Return gamma(z) * exp(z) / z ** (z - 1/2) at u = 1 / z."""
    if u < mp.mpf("1e-3"):
        terms = (mp.bernoulli(k) / (k * (k - 1)) * u ** (k - 1) for k in range(2, 30, 2))
        return mp.sqrt(2 * mp.pi) * mp.exp(mp.fsum(terms))
    return mp.gamma(1 / u) * mp.exp(1 / u) * u ** (1 / u - mp.mpf(1) / 2)


def sinpi_over(z):
    """Return sin(pi * r) / r at z = r ** 2."""
    r = mp.sqrt(z)
    return mp.sin(mp.pi * r) / r if z else mp.pi


FITS = {
    "sinpi_over": (sinpi_over, 0, mp.mpf(1) / 4, 9),
    "gamma_2": (gamma_above_2, 2, 3, 16),
    "stirling": (stirling, 0, mp.mpf(1) / 12, 9),
    "lgamma1p": (lgamma1p, 0, 1, 21),
    "dawsn_0": (even(dawsn), 0, 1, 12),
    "dawsn_1": (lambda x: dawsn(x), 1, 2, 18),
    "dawsn_2": (lambda x: dawsn(x), 2, 3.5, 20),
    "dawsn_3": (lambda x: dawsn(x), 3.5, 5.5, 21),
    "dawsn_4": (dawsn_far, 0, 1 / mp.mpf(5.5) ** 2, 22),
    "i0_near": (entire(0), 0, 64, 20),
    "i1_near": (entire(1), 0, 64, 20),
    "i0_far": (scaled(lambda x: mp.besseli(0, x), -1), 0, mp.mpf(1) / 8, 26),
    "i1_far": (scaled(lambda x: mp.besseli(1, x), -1), 0, mp.mpf(1) / 8, 26),
    "k0_near": (k_regular(0), 0, 1, 8),
    "k1_near": (k_regular(1), 0, 1, 8),
    "k0_far": (k_mapped(0), -0.5, 1, 34),
    "k1_far": (k_mapped(1), -0.5, 1, 34),
    "j0_near": (j_near(0), 0, 16, 15),
    "j1_near": (j_near(1), 0, 16, 15),
    "y0_regular": (y_regular(0), 0, 0.36, 7),
    "y0_first": (y_over(0, Y_ROOTS[0]), 0.6, 1.8, 27),
    "y0_second": (y_over(0, Y0_SECOND), 1.8, 4, 23),
    "y1_regular": (y_regular(1), 0, 0.64, 7),
    "y1_first": (lambda x: mp.bessely(1, x), 0.8, 1.6, 23),
    "y1_second": (y_over(1, Y_ROOTS[1]), 1.6, 4, 25),
    "p0": (hankel(0, "p"), 0, 1 / mp.mpf(16), 28),
    "q0": (hankel(0, "q"), 0, 1 / mp.mpf(16), 28),
    "p1": (hankel(1, "p"), 0, 1 / mp.mpf(16), 28),
    "q1": (hankel(1, "q"), 0, 1 / mp.mpf(16), 28),
}
"""Function, interval and degree; the variable is t = (x - middle) / half of the interval."""

PLAIN = ("sinpi_over", "i0_near", "i1_near")
"""Those that are polynomials in the variable itself, whose terms do not cancel."""


def fitted(name):
    """Return the coefficients of a polynomial in t, the highest first, and its largest error."""
    function, low, high, degree = FITS[name]
    low, high = mp.mpf(low), mp.mpf(high)
    middle, half = (low + high) / 2, (high - low) / 2
    if name in PLAIN:
        found = mp.chebyfit(function, [low, high], degree + 1)
        grid = [low + (high - low) * mp.mpf(k) / 100 for k in range(101)]
        return found, max(abs(mp.polyval(found, x) / function(x) - 1) for x in grid)
    mapped = lambda t: function(middle + half * t)  # noqa: E731 - it is passed on
    found = mp.chebyfit(mapped, [-1, 1], degree + 1)
    grid = [mp.mpf(k) / 50 for k in range(-50, 51)]
    return found, max(abs(mp.polyval(found, t) / mapped(t) - 1) for t in grid)


# the uniform expansion of the incomplete gamma functions ---------------------------------------
ROWS = 11
SMALLEST = 30
"""The parameter from which on it is used."""
FARTHEST = 0.7
"""How far eta may be from 0."""


def inverse(series):
    """Return the power series of 1 / f."""
    found = [1 / series[0]]
    for n in range(1, len(series)):
        found.append(-sum(series[k] * found[n - k] for k in range(1, n + 1)) / series[0])
    return found


def temme():
    """Return the Taylor coefficients of c_n(eta) for each n: exact fractions."""
    terms = 30 + 2 * ROWS
    mu = [Fraction(0), Fraction(1)]  # mu - log(1 + mu) = eta ** 2 / 2
    while len(mu) < terms + 3:
        n = len(mu)
        product = sum(mu[i] * mu[n + 1 - i] for i in range(2, n))
        right = (n == 1) + mu[n - 1]
        mu.append((right * Fraction(2, n + 1) - product) / 2)
    quotient = inverse(mu[1:])
    logs = [Fraction(0)] * (ROWS + 2)
    for k in range(1, ROWS + 2, 2):
        logs[k] = Fraction(*map(int, mp.bernfrac(k + 1))) / (k * (k + 1))
    stirling = [Fraction(1)]
    for n in range(1, ROWS + 1):
        stirling.append(sum(k * logs[k] * stirling[n - k] for k in range(1, n + 1)) / n)
    rows = [[quotient[n + 1] for n in range(terms)]]
    for k in range(1, ROWS):
        before = rows[-1]
        rest = (-1) ** k * stirling[k]
        rows.append(
            [(j + 2) * before[j + 2] + rest * quotient[j + 1] for j in range(len(before) - 2)]
        )
    return [trimmed(row, n) for n, row in enumerate(rows)]


def trimmed(row, n):
    """Return the coefficients that count where the expansion is used."""
    sizes = (abs(float(c)) * FARTHEST**j / float(SMALLEST) ** n for j, c in enumerate(row))
    last = max(j for j, size in enumerate(itertools.islice(sizes, 28)) if size > 1e-18)
    return row[: last + 1]


def lambertw_branch():
    """Return the coefficients of W in sqrt(2 (e x + 1)): Corless et al. (1996), (4.23)."""
    mu, alpha = [mp.mpf(-1), mp.mpf(1)], [mp.mpf(2), mp.mpf(-1)]
    for k in range(2, 28):
        alpha.append(mp.fsum(mu[j] * mu[k + 1 - j] for j in range(2, k)))
        first = mp.mpf(k - 1) / (k + 1) * (mu[k - 2] / 2 + alpha[k - 2] / 4)
        mu.append(first - alpha[k] / 2 - mu[k - 1] / (k + 1))
    return mu[::-1]


def gauss(count=24):
    """Return the squares of the nodes of Gauss's rule on 0 ... 1, and its weights, for Owen's T."""

    def legendre(x):
        before, found = mp.mpf(1), x
        for k in range(1, count):
            before, found = found, ((2 * k + 1) * x * found - k * before) / (k + 1)
        return found, count * (x * found - before) / (x * x - 1)

    squares, weights = [], []
    for k in range(count):
        x = -mp.cos(mp.pi * (k + mp.mpf("0.75")) / (count + 0.5))
        for _ in range(8):
            value, slope = legendre(x)
            x -= value / slope
        squares.append(((x + 1) / 2) ** 2)
        weights.append(1 / ((1 - x * x) * legendre(x)[1] ** 2))
    return squares, weights


# Bessel functions of real order -----------------------------------------------------------------
def debye(rows=17):
    """Return the coefficients of U_k(p) / p ** k in p ** 2, DLMF 10.41.9, the last k first."""
    found = [[Fraction(1)]]
    for k in range(rows - 1):
        powers = {}
        for j, c in enumerate(found[-1]):
            n = k + 2 * j
            for power, factor in (
                (n + 1, Fraction(n, 2) + Fraction(1, 8 * (n + 1))),
                (n + 3, -Fraction(n, 2) - Fraction(5, 8 * (n + 3))),
            ):
                powers[power] = powers.get(power, 0) + c * factor
        found.append([powers[k + 1 + 2 * j] for j in range(k + 2)])
    return [row[::-1] for row in reversed(found)]


def rgamma1p():
    """Return the Taylor coefficients of 1 / gamma(1 + m): those of even powers, and of odd ones."""
    found = mp.taylor(lambda m: mp.rgamma(1 + m), 0, 19)
    return found[18::-2], found[19:0:-2]


def turns():
    """Return sine and cosine of multiples of 1/16 up to pi / 2, each as the sum of two numbers."""
    found = []
    for k in range(26):
        for value in (mp.sin(mp.mpf(k) / 16), mp.cos(mp.mpf(k) / 16)):
            found += [float(value), value - float(value)]
    return found


def table(coefficients):
    """Return coefficients as an array of C."""
    text = ""
    line = "       "
    for c in coefficients:
        number = f" {float(c)!r},"
        if len(line) + len(number) > 98:
            text, line = text + line + "\n", "       "
        line += number
    return text + line


def main():
    """Print the tables that are asked for, all of them else."""
    others = {"debye": lambda: [[c for row in debye() for c in row]], "rgamma1p": rgamma1p,
              "turns": lambda: [turns()]}  # fmt: skip
    for name in sys.argv[1:] or [*FITS, "temme", "lambertw", "gauss", *others]:
        if name in others:
            print(f"/* {name} */", *map(table, others[name]()), sep="\n", flush=True)
            continue
        if name in ("lambertw", "gauss"):
            rows = [lambertw_branch()] if name == "lambertw" else gauss()
            print(f"/* {name} */", *map(table, rows), sep="\n", flush=True)
            continue
        if name == "temme":
            for n, row in enumerate(temme()):
                print(f"/* temme {n}: {len(row)} */")
                print(table(row[::-1]), flush=True)
            continue
        found, error = fitted(name)
        print(f"/* {name}: {len(found)} coefficients, error {float(error):.1e} */")
        print(table(found), flush=True)


if __name__ == "__main__":
    main()
