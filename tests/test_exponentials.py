"""Logarithms of exponentials are stable however they are written: the ways to write them, combined.

A way is a power, the total that it is divided by, and how their quotient comes into a logarithm.
The judge is the form with the maximum taken out, in NumPy's long doubles.
"""

import itertools
import math

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

PLAIN = gradcore.Mode("numpy", optimizer=False)
NUMPY = gradcore.Mode("numpy")
C = gradcore.Mode("c")
NATIVE = [(C, "float64"), (gradcore.Mode("cuda", runtime="host"), "float32")]


def _top(x):
    return T.max(x, axis=1, keepdims=True)


POWERS = {
    "exp": T.exp,
    "exp, shifted": lambda x: T.exp(x - _top(x)),
    "exp, shifted by a row's maximum": lambda x: T.exp(x - x.max(1).dimshuffle(0, "x")),
    "exp, shifted by the maximum of all": lambda x: T.exp(x - T.max(x)),
}
TOTALS = {
    "axes kept": lambda e: T.sum(e, axis=1, keepdims=True),
    "a new axis": lambda e: e.sum(axis=-1)[:, None],
    "dimshuffled": lambda e: T.sum(e, axis=1).dimshuffle(0, "x"),
}
QUOTIENTS = {
    "log(e / z)": lambda e, z: T.log(e / z),
    "-log(z / e)": lambda e, z: -T.log(z / e),
    "log(e) - log(z)": lambda e, z: T.log(e) - T.log(z),
    "log(e * (1 / z))": lambda e, z: T.log(e * (1 / z)),
    "log(e * z**-1)": lambda e, z: T.log(e * z**-1),
    "log(exp(log(e) - log(z)))": lambda e, z: T.log(T.exp(T.log(e) - T.log(z))),
    "log(3 * e) - log(z * 3)": lambda e, z: T.log(3.0 * e) - T.log(z * 3.0),
    "log(sqr(e) / z) - log(e)": lambda e, z: T.log(T.sqr(e) / z) - T.log(e),
}
PROBABILITIES = {
    "log(p)": T.log,
    "-log(1 / p)": lambda p: -T.log(1 / p),
    "log(p**-1)": lambda p: -T.log(p**-1),
    "log(sqr(p)) / 2": lambda p: T.log(T.sqr(p)) / 2,
    "log(p * p) / 2": lambda p: T.log(p * p) / 2,
    "2 * log(sqrt(p))": lambda p: 2 * T.log(T.sqrt(p)),
    "log2(p)": lambda p: T.log2(p) * math.log(2),
    "log10(1 / p)": lambda p: T.log10(1 / p) * -math.log(10),
    "log(c * p)": lambda p: T.log(0.25 * p) + math.log(4),
    "log(p / c)": lambda p: T.log(p / 4.0) + math.log(4),
    "log(c / p)": lambda p: math.log(4) - T.log(4.0 / p),
    "log(w * p)": lambda p: T.log(p * _weights(p)) - T.log(_weights(p)),
    "log(w / p)": lambda p: T.log(_weights(p)) - T.log(_weights(p) / p),
    "log(-w * p * -w)": lambda p: T.log(-_weights(p) * p * -_weights(p)) - 2 * T.log(_weights(p)),
    "of a transpose": lambda p: T.log(1 / p.T).T / -1,
}
COMPLEMENTS = {
    "log(1 - p)": lambda p: T.log(1 - p),
    "log1p(-p)": lambda p: T.log1p(-p),
    "-log(1 / (1 - p))": lambda p: -T.log(1 / (1 - p)),
    "log(-p + 1)": lambda p: T.log(-p + 1),
    "of a transpose": lambda p: T.log(1 - p.T).T,
}


def _weights(p):
    return 1.0 + T.arange(p.shape[1]).astype(p.type.dtype)


def _quotient(power, total):
    def build(x):
        e = POWERS[power](x)
        return e / TOTALS[total](e)

    return build


SOFTMAX = {
    "softmax": lambda x: T.softmax(x, axis=1),
    "softmax, along the other axis": lambda x: T.softmax(x.T, axis=0).T,
    "exp(log_softmax)": lambda x: T.exp(T.log_softmax(x, axis=1)),
    **{f"{e} over {z}": _quotient(e, z) for e, z in itertools.product(POWERS, TOTALS)},
}


def _joined(power, total, quotient):
    def build(x):
        e = POWERS[power](x)
        return QUOTIENTS[quotient](e, TOTALS[total](e))

    return build


def _applied(p, logarithm, table):
    return lambda x: table[logarithm](SOFTMAX[p](x))


LOG_P = {
    ", ".join(names): _joined(*names) for names in itertools.product(POWERS, TOTALS, QUOTIENTS)
} | {
    f"{name}, p = {p}": _applied(p, name, PROBABILITIES)
    for p, name in itertools.product(SOFTMAX, PROBABILITIES)
}
LOG_Q = {
    f"{name}, p = {p}": _applied(p, name, COMPLEMENTS)
    for p, name in itertools.product(SOFTMAX, COMPLEMENTS)
}
INF = np.inf
ROWS = np.array(
    [
        [1000.0, 0.0, -3.0],
        [1e4, -1e4, 0.0],
        [-1e4, -9999.0, -9999.5],
        [0.1, 0.2, 0.3],
        [30.0, 0.0, -30.0],
        [700.0, 700.0, 700.0],
    ]
)
"""Rows of exponents, of which most overflow or underflow."""


def _derivatives(build, x, weights, v):
    """Return the value, and of its weighted sum the slopes and the Hessian times ``v``."""
    value = build(x)
    slope = T.grad((value * weights).sum(), x)
    return [value, slope, T.grad((slope * v).sum(), x), T.Rop(slope, x, v)]


def _log_totals(x):
    top = x.max(-1, keepdims=True)
    return top + np.log(np.exp(x - top).sum(-1, keepdims=True))


def log_p(x, weights, v):
    """Return what `_derivatives` does, of log(p)."""
    log_p = x - _log_totals(x)
    p = np.exp(log_p)
    total = weights.sum(1, keepdims=True)
    twice = -total * p * (v - (p * v).sum(1, keepdims=True))
    return log_p, weights - p * total, twice, twice


def log_q(x, weights, v):
    """Return what `_derivatives` does, of log(1 - p)."""
    n = x.shape[1]
    log_q, slopes, twice = (np.zeros_like(x) for _ in range(3))
    for i in range(n):
        others = [j for j in range(n) if j != i]
        log_q[:, i] = (_log_totals(x[:, others]) - _log_totals(x))[:, 0]
        for sign, which in ((1, others), (-1, range(n))):
            p = np.zeros_like(x)
            p[:, which] = np.exp(x[:, which] - _log_totals(x[:, which]))
            w = sign * weights[:, i, None]
            slopes += w * p
            twice += w * p * (v - (p * v).sum(1, keepdims=True))
    return log_q, slopes, twice, twice


def _inputs(dtype):
    """Return the exponents, weights and direction: variables and values."""
    rng = np.random.default_rng(5)
    values = [ROWS, rng.uniform(0.5, 2, ROWS.shape), rng.uniform(-2, 2, ROWS.shape)]
    variables = [T.tensor(name, dtype, (None, None)) for name in ("x", "weights", "v")]
    return variables, [a.astype(dtype) for a in values]


def check(ways, judge, dtype, mode):
    """Hold the value and derivatives of each of ``ways`` to what the judge says."""
    variables, values = _inputs(dtype)
    outputs = [_derivatives(build, *variables) for build in ways.values()]
    f = gradcore.function(variables, list(itertools.chain(*outputs)), mode=mode)
    with np.errstate(all="ignore"):
        found = iter(f(*values))
        exact = judge(*(a.astype("longdouble") for a in values))
    # the terms of x - logsumexp(x) are as large as x; slopes have those of the weights
    eps = np.finfo(dtype).eps
    magnitudes = abs(ROWS).max(1, keepdims=True) + 1
    kinds = ["value", "slope", "Hessian times v, backward", "Hessian times v, forward"]
    for name in ways:
        allowed = [eps * 8 * magnitudes, *[eps * 100] * 3]
        if "of all" in name:  # what is written loses where rows are small
            allowed = [eps * 50 * magnitudes.max()] * 4
        if "exp + exp" in name or "+ exp)" in name:  # slopes are those of a rounded logarithm
            allowed = [eps * 50 * magnitudes] * 4
        for kind, right, bound in zip(kinds, exact, allowed, strict=True):
            reported = next(found)
            assert reported.dtype == dtype
            if mode is PLAIN and kind == "value":
                continue  # is what is written
            bad = ~(abs(reported - right) <= bound)
            at = [ROWS[bad.any(1)], reported[bad], right[bad].astype(float)]
            assert not bad.any(), f"{name}: {kind} at {at[0]} is {at[1]}, and not {at[2]}"


MODES = {"float64": [NUMPY, PLAIN], "float32": [NUMPY]}
DTYPES = list(MODES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOG_P)
def test_log_p(name, dtype):
    for mode in MODES[dtype]:
        check({name: LOG_P[name]}, log_p, dtype, mode)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOG_Q)
def test_log_q(name, dtype):
    for mode in MODES[dtype]:
        check({name: LOG_Q[name]}, log_q, dtype, mode)


def _some(table, end):
    return {name: build for name, build in table.items() if name.endswith(end)}


@pytest.mark.parametrize(("mode", "dtype"), NATIVE)
def test_ways_in_native_code(mode, dtype):
    quotients = {name: LOG_P[name] for name in LOG_P if name.startswith("exp, axes kept, ")}
    check(quotients, log_p, dtype, mode)
    check(_some(LOG_P, "p = softmax"), log_p, dtype, mode)
    check(_some(LOG_Q, "p = softmax"), log_q, dtype, mode)


# sums -------------------------------------------------------------------------------------------
def _shifted(x, keepdims=True):
    m = _top(x)
    return m, T.sum(T.exp(x - m), axis=1, keepdims=True)


LOG_TOTALS = {
    "log(z)": lambda x: T.log(T.exp(x).sum(1)),
    "-log(1 / z)": lambda x: -T.log(1 / T.exp(x).sum(1)),
    "log(sqr(z)) / 2": lambda x: T.log(T.sqr(T.exp(x).sum(1))) / 2,
    "log(mean) + log(n)": lambda x: T.log(T.exp(x).mean(1)) + math.log(3),
    "log(z / n) + log(n)": lambda x: T.log(T.exp(x).sum(1) / 3) + math.log(3),
    "log(c * z) - log(c)": lambda x: T.log(2.0 * T.exp(x).sum(1)) - math.log(2),
    "logsumexp": lambda x: T.logsumexp(x, 1),
    "m + log(z), axes kept": lambda x: (_top(x) + T.log(T.exp(x - _top(x)).sum(1)[:, None]))[:, 0],
    "log(z) + m": lambda x: T.log(T.exp(x - x.max(1)[:, None]).sum(1)) + x.max(1),
    "log(z) + m, dimshuffled": lambda x: (
        T.log(T.exp(x - x.max(1).dimshuffle(0, "x")).sum(1)) + x.max(1)
    ),
    "log(sum(exp) + exp)": lambda x: T.log(T.exp(x[:, :2]).sum(1) + T.exp(x[:, 2])),
    "log(exp + exp + exp)": lambda x: T.log(T.exp(x[:, 0]) + T.exp(x[:, 1]) + T.exp(x[:, 2])),
    "x - log(p)": lambda x: (x - T.log(T.softmax(x, 1)))[:, 1],
    "log(z**3) / 3": lambda x: T.log(T.exp(x).sum(1) ** 3) / 3,
    "log(exp(m) * z)": lambda x: T.log(T.exp(_top(x)) * _shifted(x)[1])[:, 0],
}
"""Ways to write the logarithm of a sum of exponentials."""

WITH_ONE = {
    "log(1 + z)": lambda x: T.log(1 + T.exp(x).sum(1)),
    "log1p(z)": lambda x: T.log1p(T.exp(x).sum(1)),
    "-log(1 / (1 + z))": lambda x: -T.log(1 / (1 + T.exp(x).sum(1))),
    "log(2 + 2 * z)": lambda x: T.log(2 * (T.exp(x).sum(1) + 1.0)) - math.log(2),
    "logaddexp": lambda x: T.logaddexp(0.0, T.logsumexp(x, 1)),
    "softplus": lambda x: T.softplus(T.log(T.exp(x).sum(1))),
}
"""Ways to write the logarithm of one more than that."""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*LOG_TOTALS, *WITH_ONE])
def test_log_totals(name, dtype):
    if name in LOG_TOTALS:
        check({name: _rows(LOG_TOTALS[name])}, log_total, dtype, NUMPY)
    else:
        check({name: _rows(WITH_ONE[name])}, log_one_plus_total, dtype, NUMPY)


def _rows(build):
    """Return a way with its axis kept: the total meets weights for each element."""
    return lambda x: build(x)[:, None] + 0.0 * T.ones_like(x)


def log_total(x, weights, v, others=0):
    """Return what `_derivatives` does, of a total of exponentials and of as many ones."""
    every = np.concatenate([x, np.zeros((len(x), others), x.dtype)], 1)
    value = np.broadcast_to(_log_totals(every), x.shape)
    p = np.exp(x - _log_totals(every))
    w = weights.sum(1, keepdims=True)
    twice = w * p * (v - (p * v).sum(1, keepdims=True))
    return value, w * p, twice, twice


def log_one_plus_total(x, weights, v):
    return log_total(x, weights, v, 1)


# masks ------------------------------------------------------------------------------------------
MASK = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]], bool)
MASKED = {
    name: LOG_P[name]
    for name in LOG_P
    if name.startswith(("exp, axes kept, log(e", "exp, shifted, a new axis, -log"))
    or name.endswith("p = softmax")
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MASKED)
def test_masked_elements_count_as_none(name, dtype):
    """They are -inf; their slope is 0, and so is that of a row of which nothing is left."""
    (x, weights, v), values = _inputs(dtype)
    log_p_of = MASKED[name](T.switch(T.constant(MASK), x, -INF))
    value = T.switch(T.constant(MASK), log_p_of, 0)
    slope = T.grad((value * weights).sum(), x)
    outputs = [value, slope, T.grad((slope * v).sum(), x), T.Rop(slope, x, v)]
    with np.errstate(all="ignore"):
        found = gradcore.function([x, weights, v], outputs, mode=NUMPY)(*values)
    for row, mask in enumerate(MASK[:-1]):
        some = [a[row : row + 1, mask].astype("longdouble") for a in values]
        for reported, right in zip(found, log_p(*some), strict=True):
            assert not reported[row, ~mask].any()
            bound = np.finfo(dtype).eps * 100 * (1 + abs(some[0]).max())
            assert (abs(reported[row, mask] - right[0]) <= bound).all(), (row, reported, right)
    assert not any(reported[-1].any() for reported in found)


LABELS = np.array([1, 1, 0, 2, 2, 0])
NONE = np.array([3, 1, 3, 2, 3, 0])
"""A label of each row; 3: none of the elements."""


def _is_label(labels):
    return T.eq(labels[:, None], T.arange(3))


ONE_HOTS = {
    "cast": lambda labels, dtype: T.cast(_is_label(labels), dtype),
    "booleans": lambda labels, dtype: _is_label(labels),
    "integers": lambda labels, dtype: T.cast(_is_label(labels), "int8"),
    "rows of a matrix": lambda labels, dtype: T.eye(4, 3, dtype=dtype)[labels],
    "rows of a constant": lambda labels, dtype: T.constant(np.eye(4, 3, dtype=dtype))[labels],
    "dimshuffled": lambda labels, dtype: (
        T.cast(T.eq(T.arange(3).dimshuffle(0, "x"), labels), dtype).T
    ),
    "complement": lambda labels, dtype: 1 - T.cast(T.neq(labels[:, None], T.arange(3)), dtype),
    "product": lambda labels, dtype: (
        T.cast(labels[:, None] >= T.arange(3), dtype)
        * T.cast(labels[:, None] <= T.arange(3), dtype)
    ),
}
"""Ways to write a row for each label that is 1 there and 0 elsewhere."""

CHOSEN = {
    "log(sum(p * m))": lambda x, m: T.log(T.sum(T.softmax(x, 1) * m, 1)),
    "log(sum(m * p, axes kept))": lambda x, m: T.log((m * T.softmax(x, 1)).sum(1, keepdims=True))[
        :, 0
    ],
    "log(sum(exp(log_softmax) * m))": lambda x, m: T.log((T.exp(T.log_softmax(x, 1)) * m).sum(1)),
    "-log(1 / sum(p * m))": lambda x, m: -T.log(1 / (T.softmax(x, 1) * m).sum(1)),
    "log2(sum(p * m))": lambda x, m: T.log2((T.softmax(x, 1) * m).sum(1)) * math.log(2),
    "log(mean(p * m)) + log(n)": lambda x, m: T.log((T.softmax(x, 1) * m).mean(1)) + math.log(3),
    "log(sum(e * m / z))": lambda x, m: T.log(
        (T.exp(x) * m / T.exp(x).sum(1, keepdims=True)).sum(1)
    ),
    "log(sum(e * m) / z)": lambda x, m: T.log((T.exp(x) * m).sum(1) / T.exp(x).sum(1)),
    "log(sum(e * m)) - log(z)": lambda x, m: T.log((T.exp(x) * m).sum(1)) - T.log(T.exp(x).sum(1)),
    "log(sum(e * m)) - log(z), shifted": lambda x, m: (
        T.log((T.exp(x - _top(x)) * m).sum(1)) - T.log(_shifted(x, keepdims=True)[1])[:, 0]
    ),
    "log(sum(where(m, p, 0)))": lambda x, m: T.log(
        T.where(T.neq(m, 0), T.softmax(x, 1), 0.0).sum(1)
    ),
    "log(sum(where(not m, 0, e)) / z)": lambda x, m: T.log(
        T.where(T.eq(m, 0), 0, T.exp(x)).sum(1) / T.exp(x).sum(1)
    ),
}
"""Ways to write the logarithm of the probability of what a mask chooses."""


def _log_chosen(mask):
    """Return the judge of the elements of ``mask``: log of their total over that of all."""

    def judge(x, weights, v):
        chosen = log_total(np.where(mask, x, -INF), weights, v)
        return [a - b for a, b in zip(chosen, log_total(x, weights, v), strict=True)]

    return judge


def _choosing(way, one_hot, labels, dtype):
    mask = ONE_HOTS[one_hot](gradcore.shared(labels), dtype)
    return lambda x: CHOSEN[way](x, mask)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("one_hot", ONE_HOTS)
def test_probability_of_the_label(one_hot, dtype):
    ways = {way: _rows(_choosing(way, one_hot, LABELS, dtype)) for way in CHOSEN}
    for mode in MODES[dtype]:
        check(ways, _log_chosen(np.eye(3, dtype=bool)[LABELS]), dtype, mode)


@pytest.mark.parametrize(("mode", "dtype"), NATIVE)
def test_probability_of_the_label_in_native_code(mode, dtype):
    ways = {way: _rows(_choosing(way, "cast", LABELS, dtype)) for way in CHOSEN}
    check(ways, _log_chosen(np.eye(3, dtype=bool)[LABELS]), dtype, mode)


@pytest.mark.parametrize("dtype", DTYPES)
def test_probability_of_several_labels(dtype):
    mask = np.concatenate([MASK[:-1], [[1, 0, 1]]]).astype(bool)
    chosen = gradcore.shared(mask)
    ways = {way: _rows(lambda x, way=way: CHOSEN[way](x, chosen)) for way in CHOSEN}
    for mode in MODES[dtype]:
        check(ways, _log_chosen(mask), dtype, mode)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("one_hot", ONE_HOTS)
def test_probability_of_no_label_is_0(one_hot, dtype):
    """Its logarithm is -inf, and no other row's value or slope depends on it."""
    (x, _, _), (at, _, _) = _inputs(dtype)
    values = [_choosing(way, one_hot, NONE, dtype)(x) for way in CHOSEN]
    slopes = [T.grad(value.sum(), x) for value in values]
    is_none = NONE == 3
    with np.errstate(all="ignore"):
        found = gradcore.function([x], [*values, *slopes], mode=NUMPY)(at)
    hot = np.eye(4, 3)[NONE][~is_none]
    some = at[~is_none].astype("longdouble")
    for way, value, slope in zip(CHOSEN, found, found[len(CHOSEN) :], strict=False):
        assert (value[is_none] == -INF).all(), way
        assert np.isfinite(value[~is_none]).all(), way
        right = hot - np.exp(some - _log_totals(some))
        assert (abs(slope[~is_none] - right) <= np.finfo(dtype).eps * 100).all(), way


def test_weights_that_are_no_mask_are_weights():
    """An input may hold other numbers than 0 and 1: the logarithm is that of what is written."""
    x, w = T.dmatrices("x", "w")
    f = gradcore.function([x, w], T.log((T.softmax(x, 1) * w).sum(1)), mode=NUMPY)
    at, weights = np.array([[0.5, 1.0], [2.0, -1.0]]), np.array([[2.0, 0.25], [0.0, 3.0]])
    p = np.exp(at) / np.exp(at).sum(1, keepdims=True)
    np.testing.assert_allclose(f(at, weights), np.log((p * weights).sum(1)), rtol=1e-14)


def test_logarithms_of_choices_of_integers():
    """They have no infinity to stand for the logarithm of 0."""
    c, n = T.bvector("c"), T.ivector("n")
    f = gradcore.function([c, n], T.log(T.switch(c, n, 0)), mode="numpy")
    np.testing.assert_array_equal(f([1, 0], [3, 4]), [np.log(3), -INF])
