"""Solutions in a graph, and their derivatives: closed forms, unrolled iterations, all backends."""

import pickle

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    DisconnectedInputError,
    GraphTypeError,
    GraphValueError,
    NotScalarError,
)

MODE = "numpy"
a, b = T.dscalars("a", "b")
v, w = T.dvectors("v", "w")
A = T.dmatrix("A")

MATRIX = np.array([[4.0, 1, 0.5], [0.25, 3, -1], [-0.5, 1, 5]])
RIGHT = np.array([1.0, -2, 3])


def near(found, expected, dtype="float64"):
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, eps**0.75 * 10, eps**0.75 * 10)


# derivatives ------------------------------------------------------------------------------------
def test_powers_of_a_root():
    """The cube root of a, four times differentiated, in every order of modes."""
    x = T.root(lambda x: x**3 - a, 1.0)
    first = T.grad(x, a)
    forward = T.Rop(x, a, T.ones_like(a))
    second = [T.grad(first, a), T.Rop(first, a, T.ones_like(a)), T.grad(forward, a)]
    second.append(T.Rop(forward, a, T.ones_like(a)))
    third = T.grad(second[1], a)
    fourth = T.Rop(third, a, T.ones_like(a))
    f = gradcore.function([a], [x, first, forward, *second, third, fourth], mode=MODE)
    at = 8.0
    expected = [2.0, *[at ** (-2 / 3) / 3] * 2, *[-2 / 9 * at ** (-5 / 3)] * 4]
    expected += [10 / 27 * at ** (-8 / 3), -80 / 81 * at ** (-11 / 3)]
    np.testing.assert_allclose(f(at), expected, 1e-12)


def solution(solver, dtype="float64"):
    """A system of three equations: its variables, and the solution."""
    A, b = T.matrix("A", dtype), T.vector("b", dtype)
    matrix = T.dot(A, A.T) if solver == "cg" else A
    x = T.root(lambda x: T.dot(matrix, x) + x**3 - b, T.zeros_like(b), linear_solver=solver)
    return A, b, matrix, x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["dense", "cg", "gmres"])
def test_derivatives_of_a_system(solver, dtype):
    """Both modes, of first and second order, against the rule on arrays."""
    A, b, _, x = solution(solver, dtype)
    t = T.vector("t", dtype)
    gradients = T.grad(T.sum(x**2), [A, b])
    second = [T.Rop(gradients[1], b, t), T.Lop(gradients[1], b, t)]
    mixed = [T.Rop(gradients[1], A, T.outer(t, t)), T.Lop(gradients[0], b, T.outer(t, t))]
    outputs = [x, *gradients, T.Rop(x, b, t), *second, *mixed]
    f = gradcore.function([A, b, t], outputs, mode=MODE)
    matrix, right, way = (k.astype(dtype) for k in (MATRIX, RIGHT, np.array([1.0, 2, -1])))
    x, by_a, by_b, moved, forward, reverse, *mixed = f(matrix, right, way)
    assert x.dtype == by_a.dtype == forward.dtype == dtype
    whole = matrix.astype(float)
    whole = whole @ whole.T if solver == "cg" else whole
    assert abs(whole @ x + x.astype(float) ** 3 - right).max() < 1e-5
    jacobian = whole + np.diag(3 * x.astype(float) ** 2)
    back = np.linalg.solve(jacobian.T, 2 * x)
    near(by_b, back, dtype)
    near(moved, np.linalg.solve(jacobian, way), dtype)
    if solver != "cg":
        near(by_a, -np.outer(back, x), dtype)
    # the second derivative of x along the way, by differentiating J x' = t once more
    moved = np.linalg.solve(jacobian, way.astype(float))
    bent = np.linalg.solve(jacobian.T, 2 * moved - 6 * x * moved * back)
    near(forward, bent, dtype)
    near(reverse, bent, dtype)
    # the mixed one, in both modes: <w, d(grad_b) along a matrix> and its transpose
    near(np.sum(mixed[0] * way), np.sum(mixed[1] * way), dtype)


def test_minimum_of_a_logistic_regression():
    """A fit's derivative in its data, against the fit moved by differences."""
    X, y, penalty = T.dmatrix("X"), T.dvector("y"), T.dscalar("penalty")

    def cost(w):
        return T.sum(T.log(1 + T.exp(-y * T.dot(X, w)))) + penalty * T.sum(w**2)

    fits = [T.minimize(cost, T.zeros(2), linear_solver=s) for s in ("dense", "cg")]
    slopes = [T.grad(w.sum(), [X, penalty]) for w in fits]
    f = gradcore.function([X, y, penalty], [*fits, *slopes[0], *slopes[1]], mode=MODE)
    points, labels = np.array([[1.0, 2], [-1, 0.5], [0.3, -1], [2, 1]]), np.array([1.0, -1, -1, -1])
    w, other, by_x, by_penalty, *by_cg = f(points, labels, 0.5)
    near(w, other)
    near(by_x, by_cg[0])
    near(by_penalty, by_cg[1])
    h = 1e-6
    above, below = (f(points, labels, 0.5 + s * h)[0].sum() for s in (1, -1))
    np.testing.assert_allclose(by_penalty, (above - below) / (2 * h), 1e-7)
    margin = -labels * (points @ w)
    assert abs(2 * 0.5 * w - points.T @ (labels / (1 + np.exp(-margin)))).max() < 1e-12


def test_a_fixed_point_and_its_iterations_unrolled():
    x = T.fixed_point(lambda x: T.cos(a * x) + b * x, 0.5)
    unrolled = T.constant(0.5)
    for _ in range(200):
        unrolled = T.cos(a * unrolled) + b * unrolled
    outputs = [x, *T.grad(x, [a, b]), T.grad(T.grad(x, a), b), T.Rop(T.grad(x, a), a, a)]
    expected = [unrolled, *T.grad(unrolled, [a, b])]
    found = gradcore.function([a, b], outputs, mode=MODE)(0.9, -0.1)
    slow = gradcore.Mode(MODE, optimizer=False)
    near(found[:3], gradcore.function([a, b], expected, mode=slow)(0.9, -0.1))
    # the second ones, by differences of the first
    first = gradcore.function([a, b], outputs[1], mode=MODE)
    h = 1e-5
    for k, way in ((3, (0, h)), (4, (h, 0))):
        differences = first(0.9 + way[0], -0.1 + way[1]) - first(0.9 - way[0], -0.1 - way[1])
        scale = 1.0 if k == 3 else 0.9
        np.testing.assert_allclose(found[k], scale * differences / (2 * h), 1e-6)


def test_arguments_that_depend_on_each_other():
    """What the equations use is differentiated once, whatever it is computed from."""
    c = T.sin(a)
    x = T.root(lambda x: x * c + T.exp(x) - a * c, 0.0)
    fitted = gradcore.function([a], [x, T.grad(x, a), T.Rop(x, a, T.ones_like(a))], mode=MODE)
    h = 1e-6
    value, reverse, forward = fitted(0.7)
    differences = (fitted(0.7 + h)[0] - fitted(0.7 - h)[0]) / (2 * h)
    np.testing.assert_allclose([reverse, forward], differences, 1e-8)
    assert abs(value * np.sin(0.7) + np.exp(value) - 0.7 * np.sin(0.7)) < 1e-14


def test_an_expression_is_the_other_form():
    x = T.dvector("x")
    cost = T.sum((x - v) ** 4) + T.sum(x**2)
    forms = [
        T.root(T.grad(cost, x), T.zeros_like(v), wrt=x),
        T.minimize(cost, T.zeros_like(v), wrt=x),
        T.minimize(lambda x: T.sum((x - v) ** 4) + T.sum(x**2), T.zeros_like(v)),
    ]
    values = gradcore.function([v], [*forms, *(T.grad(y.sum(), v) for y in forms)], mode=MODE)(
        RIGHT
    )
    for k in (1, 2, 4, 5):
        near(values[k], values[0 if k < 3 else 3])


def test_tensors_of_any_rank():
    x = T.root(lambda x: x**3 + x + x.sum() - A, T.zeros_like(A))
    jacobian = T.jacobian(x, A)
    values = gradcore.function([A], [x, jacobian], mode=MODE)(MATRIX[:2, :2])
    whole = np.diag(3 * values[0].reshape(-1) ** 2 + 1) + 1
    near(values[1].reshape(4, 4), np.linalg.inv(whole))


# anywhere ---------------------------------------------------------------------------------------
def test_everywhere(everywhere):
    """A solver in the step of a loop and in a branch, with its derivatives, on each backend."""

    def step(k, x):
        return T.root(lambda y: y**3 + y - x - k * a, x)

    states, _ = gradcore.scan(step, sequences=v, outputs_info=a)
    branch = T.ifelse(a > 1, T.fixed_point(lambda x: T.cos(b * x), 0.5), b)
    fit = T.minimize(lambda w: T.sum((w - v) ** 4 + b * w**2), T.zeros_like(v))
    cost = states[-1] + branch + fit.sum()
    outputs = [cost, *T.grad(cost, [a, b, v]), T.Rop(cost, a, T.ones_like(a))]
    f = gradcore.function([a, b, v], outputs, mode=everywhere)
    for at in (1.5, 0.5):
        cost, by_a, by_b, by_v, forward = f(at, 0.8, RIGHT)
        near(by_a, forward)
        x, slope, by_k = at, 1.0, []
        for k in RIGHT:
            roots = np.roots([1, 0, 1, -x - k * at])
            x = float(roots[abs(roots.imag) < 1e-9].real[0])
            speed = 1 / (3 * x**2 + 1)
            by_k = [s * speed for s in by_k] + [at * speed]
            slope = (slope + k) * speed
        near(by_a, slope)
        w = np.array([np.roots([4, -12 * k, 12 * k * k + 1.6, -4 * k**3]) for k in RIGHT])
        w = w[abs(w.imag) < 1e-9].real
        bent = 12 * (w - RIGHT) ** 2
        near(by_v, np.array(by_k) + bent / (bent + 1.6))
        y, by_y = 0.8, 1.0
        if at > 1:
            for _ in range(200):
                y = np.cos(0.8 * y)
            by_y = -y * np.sin(0.8 * y) / (1 + 0.8 * np.sin(0.8 * y))
        near(cost, x + y + w.sum())
        near(by_b, by_y - np.sum(2 * w / (bent + 1.6)))


def test_products_everywhere(everywhere):
    """Without Jacobians: the same loops for GMRES are compiled once, for C."""
    solvers = ["cg", "gmres"] if everywhere.backend == "c" else ["cg"]
    for solver in solvers:
        A, b, matrix, x = solution(solver)
        outputs = [x, T.grad(T.sum(x**2), b), matrix]
        found, slope, whole = gradcore.function([A, b], outputs, mode=everywhere)(MATRIX, RIGHT)
        near(whole @ found + found**3, RIGHT)
        near(slope, np.linalg.solve((whole + np.diag(3 * found**2)).T, 2 * found))


# convergence ------------------------------------------------------------------------------------
def test_what_does_not_converge_is_nan():
    far = {
        "no root": T.root(lambda x: x**2 + v, T.ones_like(v)),
        "singular": T.root(lambda x: x * v - 1, T.ones_like(v)),
        "few steps": T.root(lambda x: T.exp(x) - v - 100, T.ones_like(v), maxiter=2),
        "unbounded": T.minimize(lambda x: T.sum(T.exp(-x - v)), T.ones_like(v)),
        "drifting": T.fixed_point(lambda x: x + 1 + v, T.ones_like(v)),
        "products": T.root(lambda x: x * v - 1, T.ones_like(v), linear_solver="gmres"),
    }
    outputs = [*far.values(), *(T.grad(x.sum(), v) for x in far.values())]
    f = gradcore.function([v], outputs, mode=MODE)
    found = dict(zip([*far, *(f"slope of {name}" for name in far)], f([0.0, 0.5]), strict=True))
    assert {name for name, x in found.items() if not np.isnan(x).any()} == set()


def test_steps_are_halved():
    """Newton's method alone diverges from these, or leaves where the function is defined."""
    x = T.root(lambda x: T.arctan(x - a), 10.0)
    y = T.root(lambda y: T.log(y) - a, 20.0)
    near(gradcore.function([a], [x, y], mode=MODE)(0.5), [0.5, np.exp(0.5)])


@pytest.mark.parametrize("solver", ["dense", "cg"])
def test_minimum_from_where_the_hessian_is_indefinite(solver):
    def cost(x):
        return T.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x = T.minimize(cost, T.constant([-1.2, 1.0, 0.3]), linear_solver=solver)
    well = T.minimize(lambda x: x**4 - 2 * x**2 + b * x, 0.1, linear_solver=solver)
    values = gradcore.function([a, b], [x, T.grad(x.sum(), a), well], mode=MODE)(100.0, 0.0)
    np.testing.assert_allclose(values[0], 1, 1e-9)
    assert abs(values[1]) < 1e-9 and abs(abs(values[2]) - 1) < 1e-9


@pytest.mark.parametrize("n", [1, 5, 60])
def test_equations_by_products(n):
    """GMRES: a turn, whose symmetric part is zero, and more products than it stores."""
    rng = np.random.default_rng(n)
    matrix = np.eye(n) + rng.normal(size=(n, n)) / (2 * np.sqrt(n))
    if n < 20:
        matrix = np.roll(np.eye(n), 1, 0)
    x = T.root(lambda x: T.dot(A, x) - v, T.zeros_like(v), linear_solver="gmres", maxiter=5)
    found = gradcore.function([A, v], x, mode=MODE)(matrix, np.ones(n))
    np.testing.assert_allclose(matrix @ found, 1, 1e-9)


# several unknowns -------------------------------------------------------------------------------
def circle_and_line(x, y):
    """Where a circle of radius ``a`` meets a line of slope ``b``, and how far a vector is."""
    return [x**2 + y[0] ** 2 + y[1] - a**2, T.stack([y[0] - b * x, y[1] - y[0] * v[0]])]


@pytest.mark.parametrize("solver", ["dense", "gmres"])
def test_several_unknowns_are_solved_for_as_one_vector(solver):
    starts = [T.constant(1.0), T.ones_like(v[:2])]
    x, y = T.root(circle_and_line, starts, linear_solver=solver)
    one = T.root(
        lambda z: T.concatenate([T.flatten(r) for r in circle_and_line(z[0], z[1:])]),
        np.ones(3),
        linear_solver=solver,
    )
    found = T.concatenate([x.reshape((1,)), y])
    outputs = []
    for z in (found, one):
        first = T.grad((z**3).sum(), [a, b, v])
        forward = T.Rop(z, a, T.ones_like(a))
        outputs += [z, *first, forward, T.grad(first[0], b)]
    values = gradcore.function([a, b, v], outputs, mode=MODE)(3.0, 0.5, [0.2, 0.0])
    assert x.ndim == 0 and y.ndim == 1
    half = len(outputs) // 2
    for p, q in zip(values[:half], values[half:], strict=True):
        near(p, q)


def test_several_unknowns_come_as_they_begin(everywhere):
    """A tuple, or expressions in variables; a list of numbers is one vector."""
    p, M = T.dvector("p"), T.dmatrix("M")

    def cost_of(p, M):
        return T.sum((T.outer(v, v) - M) ** 2) + T.sum((M.sum(0) - p) ** 2) + p.sum() ** 2

    starts = (T.zeros_like(v), T.zeros((2, 2)))
    low = T.minimize(cost_of(p, M), starts, wrt=(p, M))
    again = T.minimize(lambda M, p: cost_of(p, M), starts[::-1])
    assert isinstance(low, tuple)
    fixed = T.fixed_point(lambda x, y: [T.cos(y) * a, T.sin(x) * b], [a, b])
    line = T.root(lambda z: z**2 - a, [1.0, 2.0])
    assert line.ndim == 1
    outputs = [*low, *again[::-1], *fixed, T.grad(fixed[0], b)]
    f = gradcore.function([a, b, v], outputs, mode=everywhere)
    *found, x, y, slope = f(0.5, 0.25, [1.0, 2.0])
    near(found[0], found[2])
    near(found[1], found[3])
    near([np.cos(y) / 2, np.sin(x) / 4], [x, y])
    near(slope, -np.sin(y) / 2 * np.sin(x) / (1 + np.sin(y) / 2 * np.cos(x) / 4))


def test_what_several_unknowns_cannot_be():
    starts = [v, A]
    for message, build in {
        "must be of one dtype": lambda: T.root(lambda x, y: [x, y], [v, T.fscalar()]),
        "1 equations for 2 unknowns": lambda: T.root(lambda x, y: x, starts),
        "an equation is .*alike": lambda: T.root(lambda x, y: [y, x], starts),
        "wrt has 1 variables, x0 2": lambda: T.root([v, A], starts, wrt=[v]),
    }.items():
        with pytest.raises(GraphTypeError, match=message):
            build()
    with pytest.raises(NotScalarError):
        T.minimize(lambda x, y: x, starts)


# errors -----------------------------------------------------------------------------------------
def test_what_cannot_be_solved():
    x = T.dvector("x")
    with pytest.raises(GraphTypeError, match=r"residual is .*float64, scalar.*alike"):
        T.root(lambda x: x.sum(), v)
    with pytest.raises(GraphTypeError, match="cast x0"):
        T.root(lambda x: x - v, np.zeros(2, "float32"))
    with pytest.raises(GraphTypeError, match=r"no function.*\n.*\n.*wrt="):
        T.root(x - v, T.zeros_like(v))
    with pytest.raises(GraphTypeError, match="no function"):
        T.root(lambda x: x, v, wrt=x)
    with pytest.raises(GraphTypeError, match="begins as"):
        T.root(x - v, 1.0, wrt=x)
    with pytest.raises(GraphValueError, match="dense, cg, gmres, not 'lu'"):
        T.root(lambda x: x - v, v, linear_solver="lu")
    with pytest.raises(NotScalarError, match="reduce it"):
        T.minimize(lambda x: x - v, v)
    with pytest.raises(DisconnectedInputError):
        T.root(lambda x: T.floor(v), v)
    with pytest.raises(DisconnectedInputError, match="x0"):
        start = T.dscalar("x0")
        T.grad(T.root(lambda x: x**3 - a, start), start)


def test_whole_numbers_start_as_floats():
    x = T.root(lambda x: x**2 - 2, 1)
    assert x.dtype == "float64" and abs(x.eval() - np.sqrt(2)) < 1e-14


def test_a_solution_prints_and_pickles():
    x = T.root(lambda x: x**3 - a, 1.0)
    assert "implicitsolution" in gradcore.pp(x)
    f = gradcore.function([a], T.grad(x, a), mode=MODE)
    assert abs(pickle.loads(pickle.dumps(f))(8.0) - 1 / 12) < 1e-12
