"""Matrices that are never built, as operators of SciPy; and log densities for samplers."""

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize
from scipy.sparse import linalg

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    ArgumentError,
    GraphTypeError,
    GraphValueError,
    MissingInputError,
    ShapeError,
)
from gradcore.optimize import LogDensity, VectorFunction, linear_operator
from gradcore.optimize.operators import Products

N = 5
X = T.dvector("x")
WEIGHTS = np.random.default_rng(0).normal(size=(N, N)) / 3
LAYERS = T.tanh(T.dot(WEIGHTS, T.tanh(T.dot(WEIGHTS, X))))
J = T.jacobian(LAYERS, X)
H = T.hessian(T.sum(T.exp(T.dot(WEIGHTS, X))), X)

MATRICES = {
    "a Jacobian": J,
    "a part of it": J[1:4],
    "its transpose": J.T,
    "normal equations": T.dot(J.T, J) + 0.1 * T.eye(N),
    "a sum": 2 * J + H,
    "a product": T.dot(J, H),
    "a Hessian": H,
    "a diagonal one": T.jacobian(T.exp(X), X),
    "a wide one": T.jacobian(X[1:] - X[:-1] ** 2, X),
    "of no derivative": T.outer(X, X),
    "of floats": T.cast(T.outer(X, X), "float32"),
    "of complex numbers": T.outer(X, X * 1j + 1),
}


@pytest.mark.parametrize("name", MATRICES)
def test_an_operator_has_the_products_of_its_matrix(name, rng):
    matrix, at = MATRICES[name], rng.normal(size=N)
    A = linear_operator(matrix, [X], mode="numpy")(at)
    D = matrix.eval({X: at}, mode="numpy")
    assert A.shape == D.shape and A.dtype == D.dtype
    near = {"rtol": 1e-5 if D.dtype == "float32" else 1e-10, "atol": 1e-12}
    for B, E in ((A, D), (A.H, D.conj().T), (A.T, D.T)):
        v, V = rng.normal(size=E.shape[1]), rng.normal(size=(E.shape[1], 3))
        np.testing.assert_allclose(B @ v, E @ v, **near)
        np.testing.assert_allclose(B @ V, E @ V, **near)
        np.testing.assert_allclose(B @ v[:, None], E @ v[:, None], **near)
        np.testing.assert_allclose(B @ V[:, :1], E @ V[:, :1], **near)
        np.testing.assert_allclose(B @ (v * 1j + 1), E @ (v * 1j + 1), **near)
    assert (A @ np.arange(D.shape[1])).shape == D.shape[:1]


@pytest.mark.parametrize("name", ["a Jacobian", "normal equations", "a sum", "a product"])
def test_no_jacobian_is_built(name):
    """Its products are of vectors alone: no value that is computed has two axes."""
    products = Products(MATRICES[name], [X], "numpy")
    products.at(np.ones(N))
    for adjoint in (False, True):
        for node in products.by(adjoint, 1).maker.fgraph.nodes:
            assert all(v.ndim < 2 for v in node.outputs), node
    assert all(v.ndim < 2 for node in products.shape.maker.fgraph.nodes for v in node.outputs)


def test_each_product_is_compiled_once_and_its_values_stay():
    scale = gradcore.shared(1.0, "scale")
    products = Products(scale * J, [X], "c")
    first, second = products.at(np.zeros(N)), products.at(np.ones(N))
    v = np.arange(N) * 1.0
    before = first @ v
    assert not np.allclose(second @ v, before) and np.allclose(first @ v, before)
    assert len(products.compiled) == 1
    scale.set_value(2.0)
    np.testing.assert_allclose(first @ v, 2 * before)


def test_solvers_take_operators(rng):
    at, right = rng.normal(size=N), rng.normal(size=N)
    normal = linear_operator(MATRICES["normal equations"], [X])(at)
    exact = np.linalg.solve(MATRICES["normal equations"].eval({X: at}), right)
    for solver in (linalg.cg, linalg.gmres, linalg.minres):
        found, failed = solver(normal, right, rtol=1e-12)
        assert failed == 0
        np.testing.assert_allclose(found, exact, rtol=1e-6)
    whole = J.eval({X: at})
    found = linalg.lsmr(linear_operator(J, [X])(at), right, atol=1e-14, btol=1e-14, maxiter=200)[0]
    np.testing.assert_allclose(found, np.linalg.solve(whole, right), rtol=1e-5)
    largest = linalg.eigsh(linear_operator(H, [X])(at), k=1, return_eigenvectors=False)
    np.testing.assert_allclose(largest, np.linalg.eigvalsh(H.eval({X: at}))[-1:])


def test_least_squares_and_minimize_take_what_is_returned():
    x, t, y = T.dvectors("x", "t", "y")
    model = x[0] * T.exp(x[1] * t) - y
    r = VectorFunction(model, x, args=[t, y])
    times = np.linspace(0, 2, 20)
    given = times, 3 * np.exp(-0.5 * times)
    jacobian = linear_operator(T.jacobian(model, x), [x, t, y])
    found = least_squares(r.value, [1.0, 0.0], jacobian, args=given)
    np.testing.assert_allclose(found.x, [3, -0.5], rtol=1e-6)
    cost = T.sum((x - 1) ** 4 + x**2)
    value, slope = (gradcore.function([x], z) for z in (cost, T.grad(cost, x)))
    hessian = linear_operator(T.hessian(cost, x), [x])
    best = minimize(value, np.zeros(3), jac=slope, hess=hessian, method="trust-constr")
    assert np.abs(slope(best.x)).max() < 1e-4


def test_what_is_no_matrix_is_refused():
    for wrong, text in ((X, "TensorType"), (X.sum(), "scalar"), ([J, J], "of one matrix")):
        with pytest.raises(GraphTypeError, match=text):
            linear_operator(wrong, [X])
    with pytest.raises(MissingInputError, match="x"):
        linear_operator(J, [])
    A = linear_operator(J, [X])
    with pytest.raises(ArgumentError, match="argument 'x'"):
        A(["a"])
    with pytest.raises(ShapeError):
        A(np.ones(N + 1))
    with pytest.raises(ValueError, match="dimension mismatch"):
        A(np.ones(N)) @ np.ones(N + 1)


# log densities ----------------------------------------------------------------------------------
MU, THETA, Y = T.dscalar("mu"), T.tensor("theta", "float64", (2, 2)), T.dmatrix("y")
LOG = -(MU**2 + T.sum((THETA - MU) ** 2) + T.sum((Y - THETA) ** 2)) / 2
DATA = np.arange(4.0).reshape(2, 2)


def test_a_log_density_is_a_value_with_its_gradient_at_a_vector(rng):
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    x = rng.normal(size=f.size)
    mu, theta = x[0], x[1:].reshape(2, 2)
    value, slope = f.value_and_grad(x, DATA)
    squares = mu**2 + ((theta - mu) ** 2).sum() + ((DATA - theta) ** 2).sum()
    np.testing.assert_allclose(value, -squares / 2)
    in_theta = (DATA - theta) - (theta - mu)
    np.testing.assert_allclose(slope, [(theta - mu).sum() - mu, *in_theta.ravel()])
    assert type(value) is float and slope.flags.writeable


def test_draws_have_the_names_and_shapes_of_the_variables(rng):
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    vectors = rng.normal(size=(3, 7, f.size))
    draws = f.draws(vectors)
    assert {k: v.shape for k, v in draws.items()} == {"mu": (3, 7), "theta": (3, 7, 2, 2)}
    mu, theta = f.unflatten(vectors[1, 2])
    assert draws["mu"][1, 2] == mu and (draws["theta"][1, 2] == theta).all()
    assert {k: v.shape for k, v in f.draws(vectors[0, 0]).items()} == {"mu": (), "theta": (2, 2)}
    open_ = LogDensity(-T.sum(X**2), X)
    assert open_.draws(np.ones((4, 9)))["x"].shape == (4, 9)


def test_a_log_density_says_what_it_lacks():
    for variables in ([MU, T.dscalar("mu")], [T.dscalar()]):
        with pytest.raises(GraphValueError, match="a name of its own"):
            LogDensity(sum(T.sqr(v) for v in variables), variables)
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    for vectors in (np.ones((2, 4)), np.ones(()), np.ones((5, 1))):
        with pytest.raises(ShapeError, match="last axis must be mu"):
            f.draws(vectors)
    with pytest.raises(ArgumentError, match="got 0 values of args, which are: y"):
        f.as_jax()


def test_a_log_density_of_jax_takes_a_vector_and_a_dict():
    jax = pytest.importorskip("jax")
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    with jax.enable_x64(True):
        density = f.as_jax(DATA)
        x = np.arange(5.0)
        value, slope = f.value_and_grad(x, DATA)
        np.testing.assert_allclose(density(jax.numpy.asarray(x)), value)
        np.testing.assert_allclose(jax.grad(density)(jax.numpy.asarray(x)), slope)
        position = {"theta": jax.numpy.asarray(x[1:].reshape(2, 2)), "mu": 0.0}
        found = jax.jit(jax.grad(density))(position)
        np.testing.assert_allclose([found["mu"], *found["theta"].ravel()], slope)
        with pytest.raises(ArgumentError, match="the position lacks theta"):
            density({"mu": 0.0})
        several = jax.vmap(density)(jax.numpy.ones((3, 5)))
        assert several.shape == (3,)
        open_ = LogDensity(-T.sum(X**2), X).as_jax()
        np.testing.assert_allclose(jax.grad(open_)(jax.numpy.ones(3)), -2)
