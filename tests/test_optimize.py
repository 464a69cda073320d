"""Functions for optimizers and equation solvers: values, derivatives, solvers, errors."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    ArgumentError,
    DisconnectedInputError,
    GraphTypeError,
    GraphValueError,
    MissingInputError,
    NotScalarError,
    ShapeError,
)
from gradcore.optimize import IpoptProblem, ScalarFunction, VectorFunction

x, y = T.dvectors("x", "y")
w = T.tensor("w", "float32", (2, 2))
s = T.dscalar("s")
MODE = "numpy"


def rosenbrock(x):
    return T.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.fixture(scope="module")
def mixed():
    """A function of a scalar and a matrix of float32, with an argument of any length."""
    return ScalarFunction(s**2 * T.sum(w**3) * T.sum(y), [s, w], args=[y], mode=MODE)


def test_several_variables_are_one_vector(mixed):
    start = mixed.flatten(2.0, [[1, 2], [3, 4]])
    assert start.tolist() == [2, 1, 2, 3, 4] and mixed.size == 5
    scalar, matrix = mixed.unflatten(start)
    assert scalar.shape == () and matrix.tolist() == [[1, 2], [3, 4]]
    value, gradient = mixed.value_and_grad(start, [1.0, 2.0])
    assert value == 4 * 100 * 3 and gradient.dtype == "float64"
    assert gradient.tolist() == [4 * 100 * 3, *(4 * 3 * 3 * np.array([1.0, 4, 9, 16]))]
    hessian = mixed.hess(start, [1.0, 2.0])
    assert isinstance(hessian, scipy.sparse.csr_array) and hessian.nnz == 1 + 4 + 4 + 4
    for p in np.eye(5):
        assert mixed.hessp(start, p, [1.0, 2.0]).tolist() == (hessian @ p).tolist()
    np.testing.assert_allclose(hessian.toarray()[0], [600, 36, 144, 324, 576])


def test_one_evaluation_at_a_point(mixed):
    counted = ScalarFunction(rosenbrock(x) * T.sum(y), x, args=[y], mode=MODE)
    calls, both = [], counted._both.function
    counted._both.function = lambda *arguments: calls.append(1) or both(*arguments)
    point, other = np.array([1.0, 2.0]), np.array([3.0])
    counted.value(point, other)
    gradient = counted.grad(point, other)
    gradient[:] = 0  # what was returned is the caller's
    assert counted.value_and_grad(list(point), [3.0])[1].any() and len(calls) == 1
    point[0] = 5.0  # an array that is changed in place is another point, or argument
    value = counted.value(point, other)
    other[0] = 6.0
    assert counted.value(point, other) == 2 * value and len(calls) == 3


def test_the_pattern_does_not_change():
    f = VectorFunction([x[1:] * x[:-1], x[0] ** 2], x, mode=MODE)
    first, zero = f.jac([1.0, 2.0, 3.0]), f.jac([0.0, 0.0, 0.0])
    assert first.toarray().tolist() == [[2, 1, 0], [0, 3, 2], [2, 0, 0]]
    for matrix in (zero, f.jac_pattern(np.empty(3))):
        assert matrix.indices.tolist() == first.indices.tolist()
        assert matrix.indptr.tolist() == first.indptr.tolist()
    assert zero.nnz == 5 and not zero.data.any()
    assert f.value([1.0, 2.0, 3.0]).tolist() == [2, 6, 1]
    assert f.hess([1.0, 2.0, 3.0], [1.0, 10.0, 100.0]).toarray().tolist() == [
        [200, 1, 0],
        [1, 0, 10],
        [0, 10, 0],
    ]
    assert f.jac(np.zeros(5)).shape == (5, 5)  # another length has a pattern of its own


def test_dense_ones():
    sparse, dense = (VectorFunction(T.sin(x) * T.sum(x), x, sparse=k, mode=MODE) for k in (1, 0))
    point, weights = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2, 3])
    assert isinstance(dense.jac(point), np.ndarray)
    np.testing.assert_allclose(dense.jac(point), sparse.jac(point).toarray(), 1e-14)
    both = [f.hess(point, weights) for f in (dense, sparse)]
    np.testing.assert_allclose(both[0], both[1].toarray(), 1e-14)
    with pytest.raises(GraphTypeError, match="sparse=False"):
        dense.jac_pattern(point)


# solvers ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def banana():
    return ScalarFunction(rosenbrock(x), x, mode=MODE)


START = np.array([-1.2, 1.0, 0.5])


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("L-BFGS-B", {}),
        ("SLSQP", {}),
        ("BFGS", {}),
        ("trust-ncg", {"hessp": True}),
        ("Newton-CG", {"hessp": True}),
        ("trust-constr", {"hess": True}),
    ],
)
def test_minimizers(banana, method, options):
    more = {name: getattr(banana, name) for name in options}
    found = scipy.optimize.minimize(
        banana.value_and_grad, START, jac=True, method=method, tol=1e-10, **more
    )
    np.testing.assert_allclose(found.x, 1, rtol=1e-4)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints(method):
    """The point of a sphere, on a plane, that is farthest in a direction."""
    second = method != "SLSQP"
    f = ScalarFunction(-T.sum(x * y), x, args=[y], mode=MODE)
    g = VectorFunction([T.sum(x**2), x[0] - x[1]], x, sparse=second, mode=MODE)
    found = scipy.optimize.minimize(
        f.value_and_grad,
        [0.1, 0.1, 0.1],
        args=(np.array([2.0, 1.0, -1.0]),),
        jac=True,
        hess=f.hess if second else None,
        method=method,
        constraints=[g.constraint([1.0, 0.0], [1.0, 0.0], second_order=second)],
        tol=1e-12,
    )
    np.testing.assert_allclose(found.x, np.array([3, 3, -2]) / np.sqrt(22), 1e-6)


def test_roots():
    f = VectorFunction([x[0] ** 2 + x[1] - 3, x[0] - x[1] * y], x, [y], sparse=False, mode=MODE)
    for method in ("hybr", "lm"):
        found = scipy.optimize.root(f.value_and_jac, [1, 1], args=([1.0],), jac=True, method=method)
        assert found.success and abs(f.value(found.x, [1.0])).max() < 1e-9


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method):
    t = T.dvector("t")
    r = VectorFunction(
        x[0] * T.exp(-x[1] * t) + x[2] - y, x, [t, y], sparse=method == "trf", mode=MODE
    )
    times = np.linspace(0, 3, 20)
    data = 2 * np.exp(-0.7 * times) + 0.5
    found = scipy.optimize.least_squares(
        r.value, [1.0, 1.0, 0.0], r.jac, args=(times, data), method=method
    )
    np.testing.assert_allclose(found.x, [2, 0.7, 0.5], 1e-6)


def test_what_ipopt_asks_for():
    """Hock and Schittkowski's problem 71, by values, and solved where cyipopt is installed."""
    v = T.tensor("v", "float64", (4,))
    scale = T.dscalar("scale")
    cost = scale * v[0] * v[3] * T.sum(v[:3]) + v[2]
    p = IpoptProblem(cost, v, [T.prod(v), T.sum(v**2)], [scale], [1.0], mode=MODE)
    at = np.array([1.0, 5, 5, 1])
    assert (p.n, p.m) == (4, 2) and p.objective(at) == 16
    assert p.gradient(at).tolist() == [12, 1, 2, 11]
    assert p.constraints(at).tolist() == [25, 52]
    rows, columns = p.jacobianstructure()
    jacobian = scipy.sparse.coo_array((p.jacobian(at), (rows, columns)), (2, 4)).toarray()
    assert jacobian.tolist() == [[25, 5, 5, 25], [2, 10, 10, 2]]
    rows, columns = p.hessianstructure()
    assert (rows >= columns).all()
    lower = scipy.sparse.coo_array((p.hessian(at, [1.0, 2.0], 0.5), (rows, columns)), (4, 4))
    product = np.array([[0, 5, 5, 25], [5, 0, 1, 5], [5, 1, 0, 5], [25, 5, 5, 0]])
    of_cost = np.array([[2, 1, 1, 12], [1, 0, 0, 1], [1, 0, 0, 1], [12, 1, 1, 0]])
    expected = product + 4 * np.eye(4) + 0.5 * of_cost
    np.testing.assert_allclose(lower.toarray(), np.tril(expected), 1e-14)
    unbound = IpoptProblem(T.sum(v**2), v, mode=MODE)
    assert unbound.m == 0 and unbound.hessian(at, [], 1.0).tolist() == [2, 2, 2, 2]
    assert [len(part) for part in (unbound.jacobian(at), *unbound.jacobianstructure())] == [0, 0, 0]
    cyipopt = pytest.importorskip("cyipopt")
    low, high = [1.0] * 4, [5.0] * 4
    solver = cyipopt.Problem(
        n=p.n, m=p.m, problem_obj=p, lb=low, ub=high, cl=[25, 40], cu=[2e19, 40]
    )
    solver.add_option("print_level", 0)
    found, _ = solver.solve(at)
    np.testing.assert_allclose(found, [1, 4.74299964, 3.82114998, 1.37940829], 1e-6)


# errors -----------------------------------------------------------------------------------------
def test_what_a_function_cannot_be_made_of():
    m, k = T.dmatrix("m"), T.lvector("k")
    with pytest.raises(NotScalarError, match="VectorFunction"):
        ScalarFunction(x**2, x)
    with pytest.raises(MissingInputError, match=r"depends on y.*\n.*\n.*args=\[y\]"):
        ScalarFunction(T.sum(x * y), x)
    with pytest.raises(DisconnectedInputError, match=r"none of y \(\?,\)"):
        ScalarFunction(T.sum(x), y, args=[x])
    with pytest.raises(ShapeError, match=r"shape of m.*\n.*\n.*shapes="):
        ScalarFunction(T.sum(m), m)
    with pytest.raises(ShapeError, match="must be known"):
        ScalarFunction(T.sum(x) + T.sum(y), [x, y])
    with pytest.raises(ShapeError, match=r"shapes={w: \(2, 3\)}"):
        ScalarFunction(T.sum(w), w, shapes={w: (2, 3)})
    with pytest.raises(GraphTypeError, match="moves floats"):
        ScalarFunction(T.sum(k), k)
    with pytest.raises(GraphTypeError, match="no input"):
        ScalarFunction(T.sum(2 * x), 2 * x)
    with pytest.raises(GraphValueError, match="each once"):
        ScalarFunction(T.sum(x), [x, x])
    with pytest.raises(ShapeError, match=r"length of x.*\n.*\n.*shapes="):
        IpoptProblem(T.sum(x**2), x)


def test_what_it_cannot_be_called_with(mixed):
    with pytest.raises(ShapeError, match=r"shape \(3,\).*5 elements: s \(\), w \(2, 2\)"):
        mixed.value([1, 2, 3], [1.0])
    with pytest.raises(ShapeError, match="p has shape"):
        mixed.hessp(np.ones(5), [1.0], [1.0])
    with pytest.raises(ArgumentError, match="got 0 values of args, which are: y"):
        mixed.grad(np.ones(5))
    with pytest.raises(ArgumentError, match="no vector of real numbers"):
        mixed.value(np.ones(5) * 1j, [1.0])
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        mixed.flatten(1.0, np.ones(3))
    with pytest.raises(ArgumentError, match="1 values for 2"):
        mixed.flatten(1.0)
    with pytest.raises(ShapeError, match="must be a vector: x"):
        ScalarFunction(T.sum(x), x, mode=MODE).value(np.ones((2, 2)))


def test_shared_variables_are_read_at_each_point():
    scale = gradcore.shared(2.0, "scale")
    f = ScalarFunction(T.sum(scale * x), x, mode=MODE)
    assert f.value([1.0]) == 2
    scale.set_value(3.0)
    assert f.value([1.0]) == 3
