"""Special functions, and their slopes by each operand, as mpmath has them."""

import mpmath as mp


def exprel(x):
    return mp.expm1(x) / x if x else mp.mpf(1)


def exprel_slope(x):
    if not x:
        return mp.mpf(1) / 2
    with mp.workdps(mp.mp.dps + 2 * abs(int(mp.log10(abs(x)))) if abs(x) < 1 else mp.mp.dps):
        return ((x - 1) * mp.exp(x) + 1) / x**2


def sinc_slope(x):
    with mp.workdps(mp.mp.dps + 2 * abs(int(mp.log10(abs(x)))) if 0 < abs(x) < 1 else mp.mp.dps):
        return (mp.cospi(x) - mp.sincpi(x)) / x if x else mp.mpf(0)


def xlogy(x, y):
    return x * mp.log(y) if x else mp.mpf(0)


def logit(x):
    return mp.log(x / (1 - x))


def entr(x):
    return -x * mp.log(x) if x else mp.mpf(0)


def erfcx(x):
    return mp.exp(x * x) * mp.erfc(x)


def dawsn(x):
    if abs(x) > 100:
        return mp.fsum(mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(12)) / (2 * x)
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def dawsn_slope(x):
    if abs(x) > 100:
        return -mp.fsum(mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(1, 12))
    return 1 - 2 * x * dawsn(x)


def erfcx_slope(x):
    if x > 100:
        terms = (mp.fac2(2 * k - 1) / (-2 * x * x) ** k for k in range(1, 12))
        return 2 / mp.sqrt(mp.pi) * mp.fsum(terms)
    return 2 * x * erfcx(x) - 2 / mp.sqrt(mp.pi)


def ndtr(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def ndtri(p):
    return mp.sqrt(2) * mp.erfinv(2 * p - 1)


def log_ndtr(x):
    return mp.log(ndtr(x)) if x < 0 else mp.log1p(-ndtr(-x))


EXACT = {
    "erfcx": (erfcx, erfcx_slope),
    "dawsn": (dawsn, dawsn_slope),
    "ndtr": (ndtr, mp.npdf),
    "log_ndtr": (log_ndtr, lambda x: mp.npdf(x) / ndtr(x)),
    "ndtri": (ndtri, lambda p: 1 / mp.npdf(ndtri(p))),
    "logit": (logit, lambda x: 1 / (x * (1 - x))),
    "log1mexp": (lambda x: mp.log(-mp.expm1(x)), lambda x: -1 / mp.expm1(-x)),
    "xlogy": (xlogy, lambda x, y: mp.log(y), lambda x, y: x / y if x else mp.mpf(0)),
    "xlog1py": (
        lambda x, y: xlogy(x, 1 + y),
        lambda x, y: mp.log1p(y),
        lambda x, y: x / (1 + y) if x else mp.mpf(0),
    ),
    "entr": (entr, lambda x: -mp.log(x) - 1),
    "exprel": (exprel, exprel_slope),
    "sinpi": (mp.sinpi, lambda x: mp.pi * mp.cospi(x)),
    "cospi": (mp.cospi, lambda x: -mp.pi * mp.sinpi(x)),
    "sinc": (mp.sincpi, sinc_slope),
    "cbrt": (mp.cbrt, lambda x: 1 / (3 * mp.cbrt(x) ** 2)),
    "hypot": (mp.hypot, lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
}
"""Each row: the function, and its slope by each operand (None: there is none)."""
