"""L-BFGS on shared variables: where it ends, and what stays when it fails."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ArgumentError, MissingInputError, ShapeError
from gradcore.optimize import lbfgs


def regression(dtype="float64", **options):
    """Return a function that fits weights and an offset, these, and their loss."""
    w = gradcore.shared(np.zeros(2, dtype), "w")
    b = gradcore.shared(np.zeros((), dtype), "b")
    x, y = T.dmatrix("x"), T.dvector("y")
    loss = T.mean(T.nn.sigmoid_cross_entropy(T.dot(x, w) + b, y)) + T.sum(w**2) / 100
    return lbfgs(loss, [w, b], [x, y], **options), (w, b), (x, y, loss)


POINTS = np.random.default_rng(3).normal(size=(40, 2))
CLASSES = (POINTS @ [1.0, -2.0] + np.sin(9 * POINTS[:, 0]) > 0.3).astype(float)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs_moves_shared_variables(dtype):
    fit, params, (x, y, loss) = regression(dtype, tol=1e-12)
    gradient = gradcore.function([x, y], T.grad(loss, params))
    found = fit(POINTS, CLASSES)
    assert found.success
    assert [p.get_value().dtype for p in params] == [dtype] * 2
    np.testing.assert_allclose(np.r_[params[0].get_value(), params[1].get_value()], found.x, 1e-6)
    for g in gradient(POINTS, CLASSES):
        np.testing.assert_allclose(g, 0, atol=1e-5)
    assert fit(POINTS, CLASSES).nfev < found.nfev, "it goes on from there"


def test_lbfgs_stores_where_it_ends():
    fit, (w, _), _ = regression(options={"maxiter": 1})
    found = fit(POINTS, CLASSES)
    assert not found.success
    np.testing.assert_allclose(w.get_value(), found.x[:2])
    assert w.get_value().any()


def test_lbfgs_moves_all_or_none():
    w, b = gradcore.shared(np.array([3.0, 4.0]), "w"), gradcore.shared(1.0, "b")
    most = T.dscalar("most")
    checked = T.assert_op(w, T.sum(w**2) > most, message="too short")
    fit = lbfgs(T.sum(checked**2) + b**2, [w, b], [most])
    with pytest.raises(AssertionError, match="too short"):
        fit(4.0)
    fit_of_nothing = lbfgs(T.sum(T.log(-(w**2))) + b, [w, b])
    assert np.isnan(fit_of_nothing().fun)
    assert w.get_value().tolist() == [3.0, 4.0]
    assert b.get_value() == 1.0


def test_what_lbfgs_does_not_take():
    w, x = gradcore.shared(np.zeros(2), "w"), T.dvector("x")
    with pytest.raises(ArgumentError, match="shared variables, not x"):
        lbfgs(T.sum(x), [x])
    with pytest.raises(MissingInputError, match="neither moved"):
        lbfgs(T.sum(x * w), [w])
    fit = lbfgs(T.sum(w**2), [w])
    w.set_value(np.zeros(3))
    with pytest.raises(ShapeError, match=r"shape \(3,\)"):
        fit()
