"""Special functions, by SciPy's and PyTensor's names: ``T.special``.

What is a row of its own stands in `gradcore.ops.special` and its neighbours, and most are at ``T``
too.  Here are these, and the functions that are short expressions of them.

>>> import gradcore.tensor as T
>>> T.special.logsubexp(2.0, 1.0).eval()
array(1.54132485)
"""

# ruff: noqa: F405 - the rows are found rather than listed

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import no_attribute
from gradcore.graph import Variable, as_variable
from gradcore.ops.scalars import abs, eq, exp, floor, gamma, polygamma, sigmoid, switch
from gradcore.ops.scalars import digamma as digamma
from gradcore.ops.scalars import erf as erf
from gradcore.ops.scalars import erfc as erfc
from gradcore.ops.scalars import erfcinv as erfcinv
from gradcore.ops.scalars import erfinv as erfinv
from gradcore.ops.scalars import expm1 as expm1
from gradcore.ops.scalars import gammaln as gammaln
from gradcore.ops.scalars import log1p as log1p
from gradcore.ops.scalars import logaddexp as logaddexp
from gradcore.ops.special import *  # noqa: F403 - the rows, which are found rather than listed
from gradcore.ops.special import log1mexp
from gradcore.ops.special_bessel import *  # noqa: F403 - as above
from gradcore.ops.special_bessel import jv, kv, yv
from gradcore.ops.special_gamma import *  # noqa: F403 - as above
from gradcore.ops.special_gamma import beta, gammainc, gammaincc, rgamma
from gradcore.ops.special_normal import *  # noqa: F403 - as above
from gradcore.ops.special_other import hyp1f1 as hyp1f1
from gradcore.ops.special_other import hyp2f1 as hyp2f1
from gradcore.ops.special_other import lambertw as lambertw
from gradcore.ops.special_other import owens_t as owens_t
from gradcore.ops.special_other import zeta as hurwitz
from gradcore.tensor.reductions import log_softmax as log_softmax
from gradcore.tensor.reductions import logsumexp as logsumexp
from gradcore.tensor.reductions import softmax as softmax
from gradcore.tensor.transforms import bdtr as bdtr
from gradcore.tensor.transforms import bdtrc as bdtrc
from gradcore.tensor.transforms import boxcox as boxcox
from gradcore.tensor.transforms import boxcox1p as boxcox1p
from gradcore.tensor.transforms import chdtr as chdtr
from gradcore.tensor.transforms import chdtrc as chdtrc
from gradcore.tensor.transforms import cosm1 as cosm1
from gradcore.tensor.transforms import exp10 as exp10
from gradcore.tensor.transforms import fdtr as fdtr
from gradcore.tensor.transforms import fdtrc as fdtrc
from gradcore.tensor.transforms import gdtr as gdtr
from gradcore.tensor.transforms import gdtrc as gdtrc
from gradcore.tensor.transforms import huber as huber
from gradcore.tensor.transforms import inv_boxcox as inv_boxcox
from gradcore.tensor.transforms import inv_boxcox1p as inv_boxcox1p
from gradcore.tensor.transforms import kl_div as kl_div
from gradcore.tensor.transforms import log_expit as log_expit
from gradcore.tensor.transforms import multigammaln as multigammaln
from gradcore.tensor.transforms import nbdtr as nbdtr
from gradcore.tensor.transforms import nbdtrc as nbdtrc
from gradcore.tensor.transforms import pdtr as pdtr
from gradcore.tensor.transforms import pdtrc as pdtrc
from gradcore.tensor.transforms import powm1 as powm1
from gradcore.tensor.transforms import pseudo_huber as pseudo_huber
from gradcore.tensor.transforms import rel_entr as rel_entr
from gradcore.tensor.transforms import stdtr as stdtr

expit = sigmoid
psi = digamma
jn, yn, kn = jv, yv, kv
jve, yve = jv, yv  # exp(-abs(imag(x))) times these: the same for real numbers
loggamma = gammaln


def logsubexp(x: Any, y: Any) -> Variable:
    """Return log(exp(x) - exp(y)), without overflow; NaN where ``y`` is larger.

    Where both are equal it is -inf, and its slopes are infinite.

    >>> import gradcore.tensor as T
    >>> float(T.special.logsubexp(1000.0, 999.0).eval().round(4))
    999.5413
    """
    a, b = as_variable(x), as_variable(y)
    same = eq(a, b)
    return switch(same, -math.inf, a + log1mexp(switch(same, -1, b - a)))


def tri_gamma(x: Any) -> Variable:
    """Return the derivative of ``digamma``: ``polygamma(1, x)``.

    >>> import gradcore.tensor as T
    >>> float(T.tri_gamma(1.0).eval().round(6))
    1.644934
    """
    return polygamma(1, x)


def zeta(x: Any, q: Any = 1) -> Variable:
    """Return the sum of (q + k) ** -x over k >= 0: Riemann's zeta function, or Hurwitz's.

    >>> import gradcore.tensor as T
    >>> float(T.special.zeta(2.0).eval().round(6))
    1.644934
    """
    return hurwitz(x, q)


def factorial(n: Any) -> Variable:
    """Return ``gamma(n + 1)``, a float: NaN for negative integers.

    >>> import gradcore.tensor as T
    >>> T.special.factorial([3, 4]).eval().round(6).tolist()
    [6.0, 24.0]
    """
    return gamma(as_variable(n) + 1)


def poch(z: Any, m: Any) -> Variable:
    """Return gamma(z + m) / gamma(z), Pochhammer's symbol; exact where both are above 0.

    >>> import gradcore.tensor as T
    >>> float(T.special.poch(3.0, 2).eval().round(6))
    12.0
    """
    a, n = as_variable(z), as_variable(m)
    lower, size = switch(n > 0, a, a + n), abs(n)
    usable = (lower > 0) & (size > 0)
    ratio = gamma(switch(usable, size, 1)) / beta(switch(usable, lower, 1), switch(usable, size, 1))
    none, pole = eq(n, 0), (a <= 0) & eq(a, floor(a))
    other = gamma(switch(usable | none, 1, a + n)) * rgamma(switch(usable | none, 1, a))
    start = switch(none & ~pole, a, 1)  # the slope in m at 0 is digamma(z)
    return switch(
        usable,
        switch(n > 0, ratio, 1 / ratio),
        switch(none, exp(gammaln(start + n) - gammaln(start)), other),
    )


def comb(n: Any, k: Any) -> Variable:
    """Return how many ways there are to choose ``k`` of ``n``; 0 where ``k`` is not in 0 ... n.

    A float, of real operands too, as SciPy's.

    >>> import gradcore.tensor as T
    >>> T.special.comb(5, [2, 3]).eval().round(6).tolist()
    [10.0, 10.0]
    """
    a, b = as_variable(n), as_variable(k)
    inside = (b >= 0) & (b <= a)
    of, taken = switch(inside, a, 1), switch(inside, b, 1)
    return switch(inside, 1 / ((of + 1) * beta(of - taken + 1, taken + 1)), 0)


def perm(n: Any, k: Any) -> Variable:
    """Return how many ordered choices of ``k`` of ``n`` there are; 0 where k is not in 0 ... n.

    >>> import gradcore.tensor as T
    >>> float(T.special.perm(5, 2).eval().round(6))
    20.0
    """
    a, b = as_variable(n), as_variable(k)
    inside = (b >= 0) & (b <= a)
    return switch(inside, poch(switch(inside, a - b, 0) + 1, switch(inside, b, 0)), 0)


def gammau(k: Any, x: Any) -> Variable:
    """Return the upper incomplete gamma function, ``gammaincc(k, x) * gamma(k)``.

    >>> import gradcore.tensor as T
    >>> float(T.gammau(2.0, 1.0).eval().round(4))
    0.7358
    """
    return gammaincc(k, x) * gamma(k)


def gammal(k: Any, x: Any) -> Variable:
    """Return the lower incomplete gamma function, ``gammainc(k, x) * gamma(k)``.

    >>> import gradcore.tensor as T
    >>> float(T.gammal(2.0, 1.0).eval().round(4))
    0.2642
    """
    return gammainc(k, x) * gamma(k)


def chi2sf(x: Any, k: Any) -> Variable:
    """Return the probability that chi square of ``k`` degrees of freedom is above ``x``.

    >>> import gradcore.tensor as T
    >>> float(T.chi2sf(3.84, 1).eval().round(4))
    0.05
    """
    return gammaincc(as_variable(k) / 2, as_variable(x) / 2)


__all__ = [
    "bdtr", "bdtrc", "beta", "betainc", "betaincinv", "betaln", "boxcox", "boxcox1p", "cbrt",
    "chdtr", "chdtrc", "chi2sf", "comb", "cosm1", "cospi", "dawsn", "digamma", "entr", "erf",
    "erfc", "erfcinv", "erfcx", "erfinv", "exp10", "expit", "expm1", "exprel", "factorial",
    "fdtr", "fdtrc", "gamma", "gammainc", "gammaincc", "gammainccinv", "gammaincinv", "gammal",
    "gammaln", "gammau", "gdtr", "gdtrc", "huber", "hyp1f1", "hyp2f1", "hypot", "i0", "i0e",
    "i1", "i1e", "inv_boxcox", "inv_boxcox1p", "iv", "ive", "j0", "j1", "jn", "jv", "jve", "k0",
    "k0e", "k1", "k1e", "kl_div", "kn", "kv", "kve", "lambertw", "log1mexp", "log1p",
    "log_expit", "log_ndtr", "log_softmax", "logaddexp", "loggamma", "logit", "logsubexp",
    "logsumexp", "multigammaln", "nbdtr", "nbdtrc", "ndtr", "ndtri", "owens_t", "pdtr", "pdtrc",
    "perm", "poch", "polygamma", "powm1", "pseudo_huber", "psi", "rel_entr", "rgamma", "sinc",
    "sinpi", "softmax", "stdtr", "tri_gamma", "xlog1py", "xlogy", "y0", "y1", "yn", "yv", "yve",
    "zeta",
]  # fmt: skip


def __dir__() -> list[str]:
    """Return the words: not what the module is made of."""
    return [*__all__]


__getattr__ = no_attribute(__name__, globals())
