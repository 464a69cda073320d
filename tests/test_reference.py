"""The reference itself, against mpmath: every transcendental row.

A row with an expansion is held to that, read in mpmath; so a new row needs nothing here.
"""

import itertools
import operator

import exact_functions
import mpmath
import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.samples import rows
from gradcore.derive import Flat, pullback
from gradcore.graph import TensorType, Variable
from gradcore.language import Operators

EXACT = {
    "true_div": mpmath.fdiv,
    "pow": mpmath.power,
    "reciprocal": lambda x: 1 / x,
    "sqrt": mpmath.sqrt,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfinv": mpmath.erfinv,
    "erfcinv": lambda x: mpmath.erfinv(1 - x),
    "gamma": mpmath.gamma,
    "gammaln": mpmath.loggamma,
    "rgamma": mpmath.rgamma,
    "digamma": mpmath.digamma,
    "polygamma": lambda n, x: mpmath.polygamma(int(n), x),
    **{name: function for name, (function, *_) in exact_functions.EXACT.items()},
}
"""What mpmath calls each row."""

RATIONAL = {
    "add": mpmath.fadd,
    "sub": mpmath.fsub,
    "mul": mpmath.fmul,
    "neg": mpmath.fneg,
    "sqr": lambda x: x * x,
    "abs": abs,
    "identity": lambda x: x,
    "fill": lambda x, y: y,
    "mod": mpmath.fmod,
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "switch": lambda condition, x, y: x if condition else y,
}
"""Rows that are arithmetic or choose: there is nothing to approximate."""

COMPARING = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "eq": operator.eq, "neq": operator.ne,
}  # fmt: skip


class Number(Operators):
    """A number of mpmath, as a reader of expansions."""

    def __init__(self, value):
        self.value = value

    def apply(self, op, arguments):
        values = [a.value if isinstance(a, Number) else mpmath.mpf(a) for a in arguments]
        return Number(exactly(op)(*values))


def exactly(op):
    """Return a row as a function of numbers of mpmath; None: it is not told by anything else."""
    known = {**EXACT, **RATIONAL, **COMPARING}.get(op.name)
    if known is not None or op.expansion is None:
        return known

    def expanded(*values):
        found = op.expansion(*map(Number, values))
        return found.value if isinstance(found, Number) else mpmath.mpf(found)

    return expanded


def is_transcendental(op):
    """Return whether a float row is neither arithmetic nor piecewise constant."""
    return (
        op.name not in RATIONAL
        and exactly(op) is not None
        and not op.name.startswith("cast_")
        and not isinstance(op.derivative, Flat)
        and op.name not in ("gauss", "bell")  # those of the README and of CONTRIBUTING
    )


def transcendental():
    return list(filter(is_transcendental, rows()))


def inverse_gamma_slope(x):
    if x > 0.5:
        return -mpmath.psi(0, x) * mpmath.rgamma(x)
    sine = mpmath.sinpi(x) / mpmath.pi
    return mpmath.gamma(1 - x) * (mpmath.cospi(x) - sine * mpmath.psi(0, 1 - x))


SLOPES = {
    "rgamma": (inverse_gamma_slope,),
    "true_div": (lambda x, y: 1 / y, lambda x, y: -x / y**2),
    "pow": (lambda x, y: y * x ** (y - 1), lambda x, y: x**y * mpmath.log(x) if x else 0),
    "reciprocal": (lambda x: -1 / x**2,),
    "sqrt": (lambda x: 1 / (2 * mpmath.sqrt(x)),),
    "exp": (mpmath.exp,),
    "exp2": (lambda x: mpmath.mpf(2) ** x * mpmath.log(2),),
    "expm1": (mpmath.exp,),
    "log": (lambda x: 1 / x,),
    "log2": (lambda x: 1 / x / mpmath.log(2),),
    "log10": (lambda x: 1 / x / mpmath.log(10),),
    "log1p": (lambda x: 1 / (1 + x),),
    "logaddexp": (lambda x, y: logistic(x - y), lambda x, y: logistic(y - x)),
    "sigmoid": (lambda x: logistic(x) * logistic(-x),),
    "softplus": (lambda x: logistic(x),),
    "sin": (mpmath.cos,),
    "cos": (lambda x: -mpmath.sin(x),),
    "tan": (lambda x: mpmath.sec(x) ** 2,),
    "arcsin": (lambda x: 1 / mpmath.sqrt(1 - x**2),),
    "arccos": (lambda x: -1 / mpmath.sqrt(1 - x**2),),
    "arctan": (lambda x: 1 / (1 + x**2),),
    "arctan2": (lambda y, x: x / (x**2 + y**2), lambda y, x: -y / (x**2 + y**2)),
    "sinh": (mpmath.cosh,),
    "cosh": (mpmath.sinh,),
    "tanh": (lambda x: mpmath.sech(x) ** 2,),
    "arcsinh": (lambda x: 1 / mpmath.sqrt(1 + x**2),),
    "arccosh": (lambda x: 1 / mpmath.sqrt(x**2 - 1),),
    "arctanh": (lambda x: 1 / (1 - x**2),),
    "erf": (lambda x: bell(x),),
    "erfc": (lambda x: -bell(x),),
    "erfinv": (lambda x: 1 / bell(mpmath.erfinv(x)),),
    "erfcinv": (lambda x: -1 / bell(mpmath.erfinv(1 - x)),),
    "gamma": (lambda x: mpmath.gamma(x) * mpmath.digamma(x),),
    "gammaln": (mpmath.digamma,),
    "digamma": (lambda x: polygamma(1, x),),
    "polygamma": (None, lambda n, x: polygamma(int(n) + 1, x)),
    **{name: tuple(slopes) for name, (_, *slopes) in exact_functions.EXACT.items()},
}
"""The derivative of each row by each operand."""

ABSOLUTE = {"tanh", "sigmoid"}
"""Rows whose slope is 1 - z ** 2 or the like: near nothing it is exact to the unit of 1."""


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def polygamma(n, x):
    if x <= 0:
        raise ValueError("not in the domain")
    # mpmath takes no end of time far out, where the first term of the expansion is all there is.
    far = x > mpmath.mpf(10) ** 15
    return -((-1) ** n) * mpmath.factorial(n - 1) / x**n if far else mpmath.polygamma(n, x)


def bell(x):
    return 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-(x**2))


def test_every_counterpart_is_of_a_row():
    assert {op.name for op in transcendental()} >= set(EXACT) == set(SLOPES)


def test_an_op_is_compared_with_its_expansion(declare):
    """A new op is tested by its declaration alone, in value and slope."""
    row = declare(
        "bump",
        lambda x: np.where(x > 0, np.tanh(x), 0) + 0.5 * np.cosh(x),
        "a row with a choice",
        lambda t, x, z: t,
        expansion=lambda x: T.switch(x > 0, T.tanh(x), 0) + 0.5 * T.cosh(x),
    )
    assert is_transcendental(row)
    with mpmath.workdps(30):
        two = mpmath.mpf(2)
        assert mpmath.almosteq(exactly(row)(two), mpmath.tanh(2) + mpmath.cosh(2) / 2)
        found = slope(row, 0)(two)
        assert mpmath.almosteq(found, mpmath.sech(2) ** 2 + mpmath.sinh(2) / 2, 1e-9)


def slope(op, k):
    """Return the slope of a row by an operand as a function of numbers of mpmath."""
    if op.name in SLOPES:
        return SLOPES[op.name][k]
    order = tuple(int(k == i) for i in range(op.operands))
    return lambda *values: mpmath.diff(exactly(op), values, order)


def extremes(op, dtype):
    """Return operands of ``op`` at the extremes of ``dtype``, a column each."""
    limits = np.finfo(dtype)
    large = float(np.sqrt(limits.max)) * 1000
    sizes = [0, float(limits.tiny), 1 / large, 0.5, 1, 3, 100, large, float(limits.max) / 2]
    values = [*sizes, *(-v for v in sizes[1:]), np.inf, -np.inf]
    first = [1, 2, 3] if op.name == "polygamma" else values
    pairs = itertools.product(first, values) if op.operands == 2 else ((v,) for v in values)
    return np.array(list(pairs), dtype).T.copy()


def exact_slope(op, k, operands):
    """Return the slope where mathematics has a finite one, else None.

    At infinity it is the limit, told from three numbers on the way there.
    """
    rule = slope(op, k)

    def at(far):
        values = [mpmath.mpf(float(v)) if np.isfinite(v) else np.sign(v) * far for v in operands]
        return rule(*values)

    if op.name == "pow" and np.isinf(operands[1]):
        return None  # the power jumps at 1
    if op.name in ("xlogy", "xlog1py") and np.isinf(operands).all():
        return None  # x / y depends on the way there
    if op.name == "pow" and operands[0] < 0 and operands[1] - 1 == operands[1]:
        return (
            None  # y - 1 rounds to y, and its parity is lost: the sign of a negative base's power
        )
    try:
        if np.isfinite(operands).all():
            found = at(0)
        else:
            near, found = (at(mpmath.mpf(10) ** n) for n in (400, 800))
            if abs(found - near) > abs(near) * mpmath.mpf(10) ** -9:
                found = mpmath.mpf(0) if abs(found) < abs(near) else None
    except (ValueError, ZeroDivisionError, OverflowError, NotImplementedError, TypeError):
        return None
    return None if isinstance(found, mpmath.mpc) or not mpmath.isfinite(found or 0) else found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", transcendental(), ids=str)
def test_slopes_are_finite_where_they_have_to_be(op, dtype):
    """At huge, tiny and infinite operands, in the graph as it is declared."""
    columns = extremes(op, dtype)
    inputs = [TensorType(dtype, (None,))() for _ in columns]
    out = op(*inputs)
    slopes = pullback([out], [out.ones_like()], inputs)
    given = [k for k, slope in enumerate(slopes) if isinstance(slope, Variable)]
    plain = gradcore.Mode("numpy", optimizer=False)
    f = gradcore.function(inputs, [out, *(slopes[k] for k in given)], mode=plain)
    with np.errstate(all="ignore"):
        values, *found = f(*columns)
    limits = np.finfo(dtype)
    checked = 0
    with mpmath.workdps(50):
        for k, column in zip(given, found, strict=True):
            for operands, value, slope in zip(columns.T, values, column, strict=True):
                exact = None if np.isnan(value) else exact_slope(op, k, operands)
                if exact is None or abs(exact) > float(limits.max):
                    continue
                checked += 1
                near = float(limits.tiny) * 2 if op.name not in ABSOLUTE else float(limits.eps)
                off = abs(mpmath.mpf(float(slope)) - exact)
                assert off <= abs(exact) * 1e-3 + near, (op.name, k, operands, slope, exact)
    assert checked


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16"])
@pytest.mark.parametrize("op", transcendental(), ids=str)
def test_slopes_at_integers_are_those_at_the_floats_they_are(op, dtype):
    """The arithmetic of a derivative does not wrap in the dtype of the operands."""
    numbers = np.array([0, 1] if dtype == "bool" else [1, 2, 12, 100, 127], dtype)
    columns = [a.ravel() for a in np.meshgrid(*[numbers] * op.operands)]

    def slopes(kind):
        inputs = [TensorType(kind, (None,))() for _ in columns]
        out = op(*inputs)
        if out.type.is_discrete or op.name == "polygamma":
            pytest.skip("an integer, or of an order that has no slope")
        found = pullback([out], [out.ones_like()], inputs)
        f = gradcore.function(inputs, found, gradcore.Mode("numpy", optimizer=False))
        return f(*(a.astype(kind) for a in columns))

    with np.errstate(all="ignore"):
        for found, right in zip(slopes(dtype), slopes("float64"), strict=True):
            np.testing.assert_allclose(found, right, 1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", transcendental(), ids=str)
def test_rows_are_within_their_ulps(op, dtype, rng):
    columns = [rng.uniform(low, high, 60).astype(dtype) for low, high in op.domain]
    if op.name == "polygamma":
        columns[0] = rng.integers(1, 4, 60).astype(dtype)
    inputs = [TensorType(dtype, (None,))() for _ in columns]
    found = gradcore.function(inputs, op(*inputs), mode="numpy")(*columns)
    with mpmath.workdps(40):
        for k, value in enumerate(found):
            exact = exactly(op)(*(mpmath.mpf(float(column[k])) for column in columns))
            unit = float(np.spacing(np.abs(np.asarray(float(exact), dtype))))
            off = abs(mpmath.mpf(float(value)) - exact) / unit
            assert off <= op.ulp, (op.name, [column[k] for column in columns], float(off))
