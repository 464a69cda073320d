"""Derivatives that are exact where what they are written with overflows or divides by zero."""

import mpmath
import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph import toposort
from gradcore.language import LANGUAGE


# exponentials -----------------------------------------------------------------------------------
def _top(x, keepdims=True):
    return T.max(x, axis=1, keepdims=keepdims)


LOG_SOFTMAX = {
    "softmax": lambda x: T.log(T.softmax(x, axis=1)),
    "softmax of the last axis": lambda x: T.log(T.softmax(x)),
    "softmax of the first axis": lambda x: T.log(T.softmax(x.T, axis=0)).T,
    "of a transpose": lambda x: T.log(T.softmax(x, axis=1).T).T,
    "quotient": lambda x: T.log(T.exp(x) / T.sum(T.exp(x), axis=1, keepdims=True)),
    "quotient, a new axis": lambda x: T.log(T.exp(x) / T.sum(T.exp(x), axis=-1)[:, None]),
    "quotient, dimshuffled": lambda x: T.log(T.exp(x) / T.exp(x).sum(axis=1).dimshuffle(0, "x")),
    "shifted quotient": lambda x: T.log(
        T.exp(x - _top(x)) / T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)
    ),
    "quotient, a total by ones": lambda x: T.log(
        T.exp(x) / T.dot(T.exp(x), T.ones(x.shape[1]))[:, None]
    ),
    "quotient, a total by a column of ones": lambda x: T.log(
        T.exp(x) / T.dot(T.exp(x), T.ones((x.shape[1], 1)))
    ),
    "quotient, a total by a row of ones": lambda x: T.log(
        (T.exp(x).T / T.dot(T.ones((1, x.shape[1])), T.exp(x).T)).T
    ),
    "quotient, a total by einsum": lambda x: T.log(
        T.exp(x) / T.einsum("ij,j->i", T.exp(x), T.ones(x.shape[1]))[:, None]
    ),
    "quotient, a total by tensordot": lambda x: T.log(
        T.exp(x) / T.tensordot(T.exp(x), T.ones(x.shape[1]), 1)[:, None]
    ),
    "quotient, a total repeated": lambda x: T.log(
        T.exp(x) / T.repeat(T.sum(T.exp(x), axis=1, keepdims=True), x.shape[1], axis=1)
    ),
    "quotient, a total repeated and reshaped": lambda x: T.log(
        T.exp(x) / T.repeat(T.sum(T.exp(x), axis=1), x.shape[1]).reshape(x.shape)
    ),
    "quotient, a total tiled": lambda x: T.log(
        (T.exp(x.T) / T.tile(T.sum(T.exp(x.T), axis=0), (x.shape[1], 1))).T
    ),
    "quotient, a total stretched": lambda x: T.log(
        T.exp(x) / T.broadcast_to(T.sum(T.exp(x), axis=1, keepdims=True), x.shape)
    ),
    "quotient, a total times ones": lambda x: T.log(
        T.exp(x) / (T.sum(T.exp(x), axis=1, keepdims=True) * T.ones_like(x))
    ),
    "quotient, a total by an outer product": lambda x: T.log(
        T.exp(x) / T.outer(T.sum(T.exp(x), axis=1), T.ones(x.shape[1]))
    ),
    "quotient, totals by a matrix of ones": lambda x: T.log(
        T.exp(x) / T.dot(T.exp(x), T.ones((x.shape[1], x.shape[1])))
    ),
    "multiple": lambda x: T.log(0.5 * T.softmax(x, axis=1)) + np.log(2),
    "fraction": lambda x: T.log(T.softmax(x, axis=1) / 4.0) + np.log(4),
    "in bits": lambda x: T.log2(T.softmax(x, axis=1)) * np.log(2),
    "in digits": lambda x: T.log10(T.softmax(x, axis=1)) * np.log(10),
    "shifted": lambda x: x - _top(x) - T.log(T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)),
    "shifted, the sign turned": lambda x: (
        -(T.log(T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)) - (x - _top(x)))
    ),
    "shifted, new axes": lambda x: (
        x
        - _top(x, False)[:, None]
        - T.log(T.sum(T.exp(x - _top(x, False)[:, None]), axis=1))[:, None]
    ),
    "minus a sum": lambda x: (
        x - (_top(x) + T.log(T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)))
    ),
    "minus a sum of rows": lambda x: (
        x - (T.log(T.sum(T.exp(x - _top(x, False)[:, None]), axis=1)) + _top(x, False))[:, None]
    ),
    "minus the logarithm of the sum": lambda x: x - T.log(T.sum(T.exp(x), axis=1, keepdims=True)),
    "minus the logarithm of a tiled sum": lambda x: (
        x - T.log(T.tile(T.sum(T.exp(x), axis=1, keepdims=True), (1, x.shape[1])))
    ),
    "minus a tiled logarithm": lambda x: (
        x - T.tile(T.log(T.sum(T.exp(x), axis=1, keepdims=True)), (1, x.shape[1]))
    ),
    "minus the logarithm of the mean": lambda x: (
        x - T.log(T.mean(T.exp(x), axis=1, keepdims=True)) - np.log(2)
    ),
}
"""Ways to write the logarithm of the softmax of rows of two."""


@pytest.mark.parametrize("picked", [False, True], ids=["whole", "labels"])
@pytest.mark.parametrize("name", LOG_SOFTMAX)
def test_log_softmax_is_stable_however_it_is_written(name, picked, everywhere):
    """Its value, its gradient, and the gradient of that; the plain graph has derivatives too."""
    x, labels = T.dmatrix("x"), T.lvector("labels")
    rows = T.arange(labels.shape[0])
    values, wanted = np.array([[1000.0, 0.0], [-3000.0, 0.5], [0.1, 0.2]]), np.array([1, 0, 0])
    log_p = LOG_SOFTMAX[name](x)
    loss = -log_p[rows, labels] if picked else -(log_p * T.eq(T.arange(2), labels[:, None])).sum(1)
    loss = loss.sum()
    slope = T.grad(loss, x)
    curvature = T.grad((slope**2).sum(), x)
    outputs = [slope, curvature, T.Rop(slope, x, T.ones_like(x) * T.arange(2))]
    if everywhere.optimizer:
        outputs.append(loss)
    with np.errstate(all="ignore"):
        found = gradcore.function([x, labels], outputs, mode=everywhere)(values, wanted)
    p = _softmax(values)
    e = p - np.eye(2)[wanted]
    np.testing.assert_allclose(found[0], e, atol=1e-12)
    np.testing.assert_allclose(found[1], 2 * p * (e - (p * e).sum(1, keepdims=True)), atol=1e-12)
    t = np.array([0.0, 1.0])
    np.testing.assert_allclose(found[2], p * (t - (p * t).sum(1, keepdims=True)), atol=1e-12)
    for value in found[3:]:
        exact = (np.logaddexp.reduce(values, axis=1) - values[range(3), wanted]).sum()
        np.testing.assert_allclose(value, exact, rtol=1e-12)


def _softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _log_total(s, keepdims=False):
    return T.log(T.sum(T.exp(s), axis=1, keepdims=keepdims))


def _shifted_loss(written):
    """Return a loss of rows, written with the exponents minus their maximum, and that maximum."""
    return lambda x, rows, labels: written(x, x - _top(x), _top(x, False), rows, labels)


def _of_three_axes(x, rows, labels):
    s = x - T.max(x, axis=2, keepdims=True)
    return T.log(T.exp(s).sum(2)) - s[T.arange(1)[:, None], rows, labels]


def _two_and_one(z, picked):
    return (picked - z) - (z - picked) + z


PICKED = {
    name: _shifted_loss(written)
    for name, written in {
        "minus picks": lambda x, s, m, i, y: _log_total(s) - s[i, y],
        "the sign turned": lambda x, s, m, i, y: -(s[i, y] - _log_total(s)),
        "a sum": lambda x, s, m, i, y: -s[i, y] + _log_total(s),
        "rows of x": lambda x, s, m, i, y: _log_total(s) - s[T.arange(x.shape[0]), y],
        "axes kept": lambda x, s, m, i, y: _log_total(s, True)[:, 0] - s[i, y],
        "a shift of rows": lambda x, s, m, i, y: (
            _log_total(x - m[:, None]) - (x - m[:, None])[i, y]
        ),
        "picks, then a shift": lambda x, s, m, i, y: _log_total(s) - (x[i, y] - m),
        "a shift last": lambda x, s, m, i, y: _log_total(s) - x[i, y] + m,
        "along an axis": lambda x, s, m, i, y: (
            _log_total(s, True) - T.take_along_axis(s, y[:, None], 1)
        )[:, 0],
        "along an axis, dropped": lambda x, s, m, i, y: (
            _log_total(s) - T.take_along_axis(s, y[:, None], 1)[:, 0]
        ),
        "of three axes": lambda x, s, m, i, y: _of_three_axes(x[None], i[None], y[None])[0],
    }.items()
}
"""Ways to write the cross-entropy of rows, and labels, with the maximum taken out."""


@pytest.mark.parametrize("name", PICKED)
def test_shifted_cross_entropies_have_the_slopes_of_a_softmax(name, everywhere):
    """No derivative goes through the maximum: beyond it, all of them cost the same."""
    x, labels = T.dmatrix("x"), T.lvector("labels")
    loss = PICKED[name](x, T.arange(labels.shape[0]), labels).sum()
    slope = T.grad(loss, x)
    assert not [n for n in toposort([slope]) if n.op == LANGUAGE["eq"]]
    outputs = [loss, slope, T.grad((slope**2).sum(), x), T.Rop(loss, x, T.ones_like(x))]
    values, wanted = np.array([[1000.0, 0.0], [-3000.0, 0.5], [0.1, 0.2]]), np.array([1, 0, 0])
    found = gradcore.function([x, labels], outputs, mode=everywhere)(values, wanted)
    exact = (np.logaddexp.reduce(values, axis=1) - values[range(3), wanted]).sum()
    p = _softmax(values)
    e = p - np.eye(2)[wanted]
    curvature = 2 * p * (e - (p * e).sum(1, keepdims=True))
    for value, right in zip(found, (exact, e, curvature, 0), strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-12)


NOT_ALIGNED = {
    "rows backwards": lambda s, i, y: _log_total(s) - s[i[::-1], y],
    "the first row": lambda s, i, y: _log_total(s) - s[T.arange(1), np.array([2])],
    "other rows": lambda s, i, y: _log_total(s) - s[y, y],
    "columns": lambda s, i, y: _log_total(s) - s[y, i],
    "the diagonal": lambda s, i, y: _log_total(s) - s[i, i],
    "twice": lambda s, i, y: 2 * _log_total(s) - s[i, y],
    "one total for two": lambda s, i, y: _two_and_one(_log_total(s), s[i, y]),
    "a sum of both": lambda s, i, y: _log_total(s) + s[i, y],
    "three axes, rows of one": lambda s, i, y: (
        T.log(T.exp(s[None]).sum(2))[0] - s[None][T.zeros_like(i), y, i]
    ),
}  # fmt: skip
"""What depends on the maximum, or may."""


@pytest.mark.parametrize("name", NOT_ALIGNED)
def test_what_depends_on_a_shift_keeps_its_derivative(name):
    x, m, labels = T.dmatrix("x"), T.dcol("m"), T.lvector("labels")
    loss = NOT_ALIGNED[name](x - m, T.arange(labels.shape[0]), labels)
    weighted = (loss * (1.0 + T.arange(loss.shape[0]))).sum()
    outputs = [weighted, *T.grad(weighted, [x, m])]
    f = gradcore.function([x, m, labels], outputs, mode="numpy", on_unused_input="ignore")
    at = [np.random.default_rng(3).normal(size=s) for s in ((3, 3), (3, 1))]
    y = np.array([2, 0, 0])
    _, *slopes = f(*at, y)
    for which, slope in enumerate(slopes):
        for place in np.ndindex(slope.shape):
            step = np.zeros_like(slope)
            step[place] = 1e-6
            up, down = (
                f(*(a + k * step if n == which else a for n, a in enumerate(at)), y)[0]
                for k in (1, -1)
            )
            np.testing.assert_allclose(slope[place], (up - down) / 2e-6, rtol=1e-6, atol=1e-7)


STABLE = {
    "log(sum(exp))": (lambda x: T.log(T.sum(T.exp(x))), _softmax),
    "log(mean(exp))": (lambda x: T.log(T.mean(T.exp(x))), _softmax),
    "log(sum(exp)) + top": (
        lambda x: T.log(T.sum(T.exp(x - x.max()))) + x.max(),
        _softmax,
    ),
    "log(sigmoid)": (lambda x: T.log(T.sigmoid(x)).sum(), lambda x: _logistic(-x)),
    "log(1 - sigmoid)": (lambda x: T.log(1 - T.sigmoid(x)).sum(), lambda x: -_logistic(x)),
    "log1p(-sigmoid)": (lambda x: T.log1p(-T.sigmoid(x)).sum(), lambda x: -_logistic(x)),
    "log(1 / (1 + exp))": (
        lambda x: T.log(1 / (1 + T.exp(-x))).sum(),
        lambda x: _logistic(-x),
    ),
    "log(1 - 1 / (1 + exp))": (
        lambda x: T.log(1 - 1 / (T.exp(-x) + 1)).sum(),
        lambda x: -_logistic(x),
    ),
    "log(exp / (1 + exp))": (
        lambda x: T.log(T.exp(x) / (1 + T.exp(x))).sum(),
        lambda x: _logistic(-x),
    ),
    "log(1 + exp)": (lambda x: T.log(1 + T.exp(x)).sum(), lambda x: _logistic(x)),
    "log1p(exp)": (lambda x: T.log1p(T.exp(x)).sum(), lambda x: _logistic(x)),
    "log(exp + exp)": (
        lambda x: T.log(T.exp(x) + T.exp(2 * x)).sum(),
        lambda x: 1 + _logistic(x),
    ),
    "log(ones + exp)": (
        lambda x: T.log(T.ones_like(x) + T.exp(x)).sum(),
        lambda x: _logistic(x),
    ),
    "log(1 + 1 / exp)": (lambda x: T.log(1 + 1 / T.exp(x)).sum(), lambda x: -_logistic(-x)),
    "log(2 + 2 * exp)": (lambda x: T.log(2 + 2 * T.exp(x)).sum(), lambda x: _logistic(x)),
    "log(1 + exp), reversed": (
        lambda x: T.log(1 + T.exp(x)[:, ::-1]).sum(),
        lambda x: _logistic(x),
    ),
    "log(exp + exp + exp), of columns": (
        lambda x: T.log(sum(T.exp(x)[:, k] for k in range(4))).sum(),
        _softmax,
    ),
    "log(sigmoid), stacked": (
        lambda x: T.log(T.stack([T.sigmoid(x), 1 - T.sigmoid(x)])).sum(),
        lambda x: _logistic(-x) - _logistic(x),
    ),
    "log(softmax), joined": (
        lambda x: T.log(T.concatenate([T.softmax(x), T.softmax(x)[:, :1]], axis=1))[0, -1],
        lambda x: [1, 0, 0, 0] - _softmax(x),
    ),
    "log(softmax), picked in a loop": (
        lambda x: gradcore.map(lambda row, k: T.log(T.softmax(row)[k]), [x, T.arange(1, 2)])[0][0],
        lambda x: [0, 1, 0, 0] - _softmax(x),
    ),
    "log(exp - 1)": (
        lambda x: T.log(T.exp(abs(x) + 1) - 1).sum(),
        lambda x: np.sign(x) / -np.expm1(-abs(x) - 1),
    ),
    "log(exp - exp)": (
        lambda x: T.log(T.exp(abs(x) + 1) - T.exp(x)).sum(),
        lambda x: (np.sign(x) - np.exp(x - abs(x) - 1)) / -np.expm1(x - abs(x) - 1),
    ),
}
"""Scalars of a row, and their gradients."""


def _logistic(x):
    return np.exp(-np.logaddexp(0, -x))


@pytest.mark.parametrize("name", STABLE)
def test_logarithms_of_exponentials_are_stable(name, everywhere):
    build, slope = STABLE[name]
    x = T.dmatrix("x")
    cost = build(x)
    outputs = [T.grad(cost, x), T.Rop(T.grad(cost, x), x, T.ones_like(x))]
    if everywhere.optimizer:
        outputs.append(cost)
    at = np.array([[1000.0, 0.0, -1000.0, 999.0]])
    with np.errstate(all="ignore"):
        found = gradcore.function([x], outputs, mode=everywhere)(at)
    np.testing.assert_allclose(found[0], slope(at), rtol=1e-9, atol=1e-12)
    assert all(np.isfinite(value).all() for value in found)


ONE_MINUS_EXP = {
    "log(1 - exp)": lambda x: T.log(1 - T.exp(x)),
    "log1p(-exp)": lambda x: T.log1p(-T.exp(x)),
    "log1p(0 - exp)": lambda x: T.log1p(0 - T.exp(x)),
    "log1p(-1 * exp)": lambda x: T.log1p(-1 * T.exp(x)),
    "log1p(exp / -1)": lambda x: T.log1p(T.exp(x) / -1),
    "log(-1 * expm1)": lambda x: T.log(T.expm1(x) * -1.0),
    "in bits": lambda x: T.log2(1 - T.exp(x)) * np.log(2),
    "of a reciprocal": lambda x: T.log(1 - 1 / T.exp(-x)),
    "of a square": lambda x: T.log(1 - T.sqr(T.exp(x / 2))),
    "of a product": lambda x: T.log(1 - T.exp(x / 4) * T.exp(x * 0.75)),
    "reversed": lambda x: T.log(1 - T.exp(x)[::-1])[::-1],
    "of a column": lambda x: T.log1p(-T.exp(x[:, None]))[:, 0],
}


@pytest.mark.parametrize("build", ONE_MINUS_EXP.values(), ids=ONE_MINUS_EXP)
def test_log_of_one_minus_exp_is_exact_on_both_sides(build, optimized):
    x = T.dvector("x")
    y = build(x)
    slope = T.grad(y.sum(), x)
    at = np.array([-1e-20, -1e-8, -0.1, -1.0, -40.0, -1000.0])
    found = gradcore.function([x], [y, slope, T.grad(slope.sum(), x)], mode=optimized)(at)
    with np.errstate(over="ignore", divide="ignore"):
        exact = np.where(at > -1, np.log(-np.expm1(at)), np.log1p(-np.exp(at)))
        first = -1 / np.expm1(-at)
    np.testing.assert_allclose(found[0], exact, rtol=1e-14)
    np.testing.assert_allclose(found[1], first, rtol=1e-14)
    np.testing.assert_allclose(found[2], first * (1 - first), rtol=1e-13)


OF_TANH = {
    "log((1 + tanh) / 2)": (lambda x: T.log((1 + T.tanh(x)) / 2), 0.5, 1),
    "log(0.5 - tanh / 2)": (lambda x: T.log(0.5 - T.tanh(x) / 2), 0.5, -1),
    "log(0.5 + tanh * 0.5)": (lambda x: T.log(0.5 + T.tanh(x) * 0.5), 0.5, 1),
    "log(1 + tanh)": (lambda x: T.log(1 + T.tanh(x)), 1, 1),
    "log1p(tanh)": (lambda x: T.log1p(T.tanh(x)), 1, 1),
    "log1p(-tanh)": (lambda x: T.log1p(-T.tanh(x)), 1, -1),
    "log(3 * (1 - tanh))": (lambda x: T.log(3.0 * (1 - T.tanh(x))), 3, -1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OF_TANH)
def test_logarithms_of_one_plus_tanh_are_stable(name, dtype, optimized):
    """Values and both derivatives, compared with those of many digits."""
    build, scale, sign = OF_TANH[name]
    x = T.TensorType(dtype, (None,))("x")
    y = build(x)
    slope = T.grad(y.sum(), x)
    f = gradcore.function([x], [y, slope, T.grad(slope.sum(), x)], mode=optimized)
    points = np.array([-800, -90, -20, -3, -0.6, -0.4, -1e-3, 1e-6, 0.3, 2, 19, 90, 800], dtype)
    rounding = 8 * np.finfo(dtype).eps
    with mpmath.workdps(800):
        for at, found in zip(map(float, points), zip(*f(points), strict=True), strict=True):
            curve = mpmath.tanh(at)
            value = mpmath.log(mpmath.mpf(scale) * (1 + sign * curve))
            first = sign * (1 - sign * curve)
            wanted = value, first, -(1 - curve**2)
            for got, exact in zip(map(float, found), wanted, strict=True):
                near = rounding * max(abs(exact), 1 if scale != 0.5 and got == found[0] else 0)
                assert abs(got - exact) <= near + np.finfo(dtype).tiny


def test_forms_do_not_hide_what_lies_within():
    """Derivatives by what a form leaves out: sums, quotients, the maximum itself."""
    x, m = T.dvectors("x", "m")
    total = T.sum(T.exp(x))
    assert T.grad(T.log(total), total).eval({x: [0, 0]}) == 0.5
    p = T.exp(x) / total
    np.testing.assert_allclose(T.grad(T.log(p).sum(), p).eval({x: [0, 0]}), [2, 2])
    shift = m.sum()
    u = x - shift
    log_p = u - T.log(T.sum(T.exp(u)))
    assert T.grad(log_p[0], m).eval({x: [0, 1], m: [1, 1]}).tolist() == [0, 0]
    given = T.grad(T.log(total), x, consider_constant=[total], disconnected_inputs="ignore")
    assert given.eval({x: [0, 0]}).tolist() == [0, 0]


def test_a_row_with_nan_does_not_spread(everywhere):
    x = T.dmatrix("x")
    at = [[1.0, 3.0, 3.0], [np.nan, 1.0, 2.0]]
    for extreme, wanted in ((T.max, [0, 0.5, 0.5]), (T.min, [1, 0, 0])):
        reduced = extreme(x, axis=1)
        outputs = [T.grad(reduced[0], x), T.grad(T.grad((reduced**2)[0], x).sum(), x)]
        first, second = gradcore.function([x], outputs, mode=everywhere)(at)
        assert first.tolist() == [wanted, [0, 0, 0]]
        assert np.isfinite(second).all()


# norms ------------------------------------------------------------------------------------------
ORDERS = [None, 2, "fro", 1, 0, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf]


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("ord", ORDERS, ids=str)
def test_norms_have_slope_0_at_0(ord, axis, everywhere):
    x = T.dmatrix("x")
    y = T.norm(x, ord, axis=axis)
    outputs = [y, T.grad(y.sum(), x), T.Rop(y, x, T.ones_like(x))]
    with np.errstate(all="ignore"):
        for value in gradcore.function([x], outputs, mode=everywhere)(np.zeros((2, 3))):
            assert (value == 0).all()


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf], ids=str)
def test_norms_of_matrices_have_slope_0_at_0(ord, everywhere):
    x = T.dtensor3("x")
    y = T.linalg.norm(x, ord, axis=(1, 2))
    slope = T.grad(y.sum(), x)
    given = np.stack([np.zeros((2, 2)), np.diag([3.0, 2.0])])
    with np.errstate(all="ignore"):
        at_0, other = gradcore.function([x], slope, mode=everywhere)(given)
    assert (at_0 == 0).all() and (other != 0).any()


def test_deviations_have_slope_0_at_0(everywhere):
    x = T.dmatrix("x")
    slope = T.grad(T.std(x, axis=1).sum(), x)
    assert (gradcore.function([x], slope, mode=everywhere)(np.ones((2, 3))) == 0).all()


def test_the_square_of_a_norm_has_no_hessian_at_0():
    x = T.dvector("x")
    rough, smooth = T.hessian(T.norm(x) ** 2, x), T.hessian(T.sum(x**2), x)
    assert rough.eval({x: [0, 0]}).tolist() == [[0, 0], [0, 0]]
    assert smooth.eval({x: [0, 0]}).tolist() == [[2, 0], [0, 2]]
    np.testing.assert_allclose(rough.eval({x: [3, 4]}), [[2, 0], [0, 2]], atol=1e-12)
