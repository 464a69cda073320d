"""Solvers over chunks: where they end is where they end with all rows at once."""

import numpy as np
import pytest
from scipy.optimize import minimize

import gradcore
import gradcore.tensor as T
from gradcore.errors import ArgumentError
from gradcore.optimize import ScalarFunction, lbfgs, minibatches
from gradcore.summing import chunked

RNG = np.random.default_rng(3)
POINTS = RNG.normal(size=(50, 3))
LABELS = np.sign(POINTS @ [1.0, -2.0, 0.5] + RNG.normal(size=50))
w, b, X, y, scale = T.dvector("w"), T.dscalar("b"), T.dmatrix("X"), T.dvector("y"), T.dscalar("c")
COST = T.mean(T.log(1 + T.exp(-y * (T.dot(X, w) + b)))) + scale * T.sum(w**2)


def functions():
    f = ScalarFunction(COST, [w, b], args=[X, scale, y], shapes={w: (3,)}, mode="numpy")
    return f, f.over({"y": LABELS, X: POINTS}, rows=13)


def test_value_and_derivatives_are_those_of_all_rows():
    f, g = functions()
    x, p = RNG.normal(size=(2, 4))
    every = POINTS, 0.1, LABELS
    assert g.args == [scale]
    assert np.isclose(g.value(x, 0.1), f.value(x, *every), rtol=1e-14)
    np.testing.assert_allclose(g.grad(x, 0.1), f.grad(x, *every), rtol=1e-12)
    np.testing.assert_allclose(g.hessp(x, p, 0.1), f.hessp(x, p, *every), rtol=1e-12)
    with pytest.raises(ArgumentError, match="add: .* a step needs what only all chunks"):
        g.hess(x, 0.1)  # one loop over unit vectors adds sums and what is none


def test_a_hessian_of_a_sum():
    f = ScalarFunction(T.sum(T.log(1 + T.exp(-y * T.dot(X, w)))), w, args=[X, y], mode="numpy")
    found = f.over({X: POINTS, y: LABELS}, rows=13).hess(np.ones(3))
    np.testing.assert_allclose(found, f.hess(np.ones(3), POINTS, LABELS).toarray(), rtol=1e-11)


@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG"])
def test_solvers_end_at_one_place(method):
    ended = []
    for f, args in zip(functions(), ((POINTS, 0.1, LABELS), (0.1,)), strict=True):
        more = {"hessp": f.hessp} if method == "Newton-CG" else {}
        found = minimize(f.value_and_grad, np.zeros(4), args, method, jac=True, tol=1e-10, **more)
        ended.append(found.x)
    np.testing.assert_allclose(*ended, rtol=1e-5)


def test_lbfgs_takes_chunks():
    ended = []
    for data in (None, {X: POINTS, y: LABELS}):
        at, zero = gradcore.shared(np.zeros(3)), gradcore.shared(0.0)
        cost = gradcore.graph_replace(COST, {w: at, b: zero})
        fit = lbfgs(cost, [at, zero], [X, y, scale], tol=1e-12, data=data, mode="numpy")
        assert fit(*(() if data else (POINTS, LABELS)), 0.1).success
        ended.append(at.get_value())
    np.testing.assert_allclose(*ended, rtol=1e-5)


def test_a_step_of_all_chunks_is_one_of_all_rows():
    at = gradcore.shared(np.zeros(3), "at")
    cost = gradcore.graph_replace(COST, {w: at, b: T.constant(0.0)})
    gradient = gradcore.function([X, y, scale], T.grad(cost, at), mode="numpy")
    wanted = -0.5 * gradient(POINTS, LABELS, 0.1)
    data = chunked({X: POINTS, y: LABELS}, rows=13)
    epoch = minibatches(
        cost, [at], data, lambda g, p: T.nn.sgd(g, p, 0.5), [X, y, scale], chunks=4, mode="numpy"
    )
    (value,) = epoch(0.1)
    assert np.isclose(value, np.log(2))
    np.testing.assert_allclose(at.get_value(), wanted, rtol=1e-12)


def test_minibatches_need_chunks_to_choose_from():
    at = gradcore.shared(np.zeros(3), "at")
    cost = T.mean(T.dot(X, at) ** 2)
    with pytest.raises(ArgumentError, match="cannot be chosen"):
        minibatches(cost, [at], chunked(iter([POINTS]), batch=[X]), T.nn.sgd, [X])
    with pytest.raises(ArgumentError, match="moves shared variables"):
        minibatches(cost, [w], {X: POINTS}, T.nn.sgd, [X])
