"""The reference itself, against mpmath: every transcendental row."""

import mpmath
import numpy as np
import pytest

import gradcore
from gradcore.conformance.samples import rows
from gradcore.derive import Flat
from gradcore.graph import TensorType

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
    "digamma": mpmath.digamma,
    "polygamma": lambda n, x: mpmath.polygamma(int(n), x),
}
"""What mpmath calls each row."""

RATIONAL = {
    "add", "sub", "mul", "neg", "sqr", "abs", "identity", "fill", "mod", "maximum", "minimum",
    "clip", "switch",
}  # fmt: skip
"""Rows that are arithmetic or choose: there is nothing to approximate."""


def transcendental():
    """Return the float rows that are neither arithmetic nor piecewise constant."""
    return [
        op
        for op in rows()
        if op.name not in RATIONAL
        and not op.name.startswith("cast_")
        and not isinstance(op.derivative, Flat)
        and op.name != "gauss"  # the README's own
    ]


def test_every_transcendental_row_has_a_counterpart():
    assert {op.name for op in transcendental()} == set(EXACT)


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
            exact = EXACT[op.name](*(mpmath.mpf(float(column[k])) for column in columns))
            unit = float(np.spacing(np.abs(np.asarray(float(exact), dtype))))
            off = abs(mpmath.mpf(float(value)) - exact) / unit
            assert off <= op.ulp, (op.name, [column[k] for column in columns], float(off))
