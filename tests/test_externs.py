"""Functions of libraries that ops name, and what plugins bring to backends that generate code."""

import ctypes
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.linalg

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.conformance.case import Level
from gradcore.conformance.cases import op_cases
from gradcore.derive import NotDifferentiable
from gradcore.errors import GraphTypeError, PluginError, PluginWarning, ShapeError, UnsupportedError
from gradcore.graph import Op, Requirement
from gradcore.graph.externs import Extern
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import AGREE
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import Literal
from gradcore.kernel.lowering import Lowerings
from gradcore.kernel.pipeline import program
from gradcore.kernel.rules import RULES
from gradcore.ops.factors import SolveLower
from gradcore_c import externs, runtime
from gradcore_c.externs import Source

GENERATED = {
    "c": gradcore.Mode("c"),
    "cuda": gradcore.Mode("cuda", runtime="host"),
}

MATRIX = np.array([[4.0, 9, 9], [1, 5, 9], [2, 0.5, 6]])
"""A matrix of which the lower triangle is that of a positive definite one."""


def symmetric(a):
    return np.tril(a) + np.tril(a, -1).T


# Cholesky's factor and equations ----------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_cholesky(everywhere, dtype):
    x = T.matrix("x", dtype)
    f = gradcore.function([x], T.linalg.cholesky(x), mode=everywhere)
    given = MATRIX.astype(dtype)
    found = f(given)
    assert found.dtype.name == ("float64" if dtype == "int64" else dtype)
    near = max(1e-13, 4 * np.finfo(found.dtype).eps)
    np.testing.assert_allclose(
        found, np.linalg.cholesky(symmetric(given.astype(float))), near, near
    )


def test_a_stack_of_which_one_has_no_factor(everywhere):
    x = T.dtensor3("x")
    f = gradcore.function([x], T.linalg.cholesky(x, on_error="nan"), mode=everywhere)
    good, bad, empty = f(np.stack([MATRIX, -MATRIX])), f(-MATRIX[None]), f(np.empty((2, 0, 0)))
    np.testing.assert_allclose(good[0], np.linalg.cholesky(symmetric(MATRIX)), 1e-13, 1e-13)
    for factor in (good[1], bad[0]):
        np.testing.assert_array_equal(np.isnan(factor), np.tri(3, dtype=bool))
    assert empty.shape == (2, 0, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", range(1, 10))
def test_small_matrices_on_c(n, dtype, rng):
    """Up to eight rows, loops of known length; columns several at a time, and what is left."""
    x, b = T.tensor3("x", dtype), T.tensor3("b", dtype)
    factor = T.linalg.cholesky(x, on_error="nan")
    outputs = [factor, *(SolveLower(turned)(factor, b) for turned in (False, True))]
    f = gradcore.function([x, b], outputs, mode="c")
    root = rng.normal(size=(3, n, n))
    given = (root @ root.swapaxes(1, 2) + n * np.eye(n)).astype(dtype)
    given[1, -1, -1] = -1
    near = 1e-12 if dtype == "float64" else 1e-4
    for columns in (1, 4, 6):
        right = rng.normal(size=(3, n, columns)).astype(dtype)
        found, forward, back = f(given, right)
        assert np.isnan(found[1]).sum() == n * (n + 1) // 2 and not np.triu(found[2], 1).any()
        for k in (0, 2):
            np.testing.assert_allclose(found[k] @ found[k].T, given[k], near, near)
            np.testing.assert_allclose(found[k] @ forward[k], right[k], near, near)
            np.testing.assert_allclose(found[k].T @ back[k], right[k], near, near)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", range(1, 10))
def test_small_equations_on_c(n, dtype, rng):
    """Rows change places in any order; a zero pivot and a NaN are as the reference has them."""
    x, b = T.tensor3("x", dtype), T.tensor3("b", dtype)
    solution = T.linalg.solve(x, b, on_error="nan")
    f, plain = (gradcore.function([x, b], solution, mode=mode) for mode in ("c", "numpy"))
    given = rng.normal(size=(12, n, n)) + 3 * np.eye(n)[rng.permutation(n)]
    given[1, :, -1] = given[2, 0] = 0
    given[3, -1, 0] = np.nan
    for columns in (0, 1, 3):
        right = rng.normal(size=(12, n, columns)).astype(dtype)
        found, expected = (g(given.astype(dtype), right) for g in (f, plain))
        near = 1e-10 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(found, expected, near, near)


@pytest.fixture
def _called(monkeypatch):
    """Record the calls of LAPACK and BLAS for factors, which do nothing meanwhile."""
    calls = []
    recorder = ctypes.CFUNCTYPE(None)(lambda: calls.append(1))
    place = ctypes.cast(recorder, ctypes.c_void_p).value
    names = ("cholesky_float64", "solve_lower_float64", "solve_lower_transposed_float64")
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "library_address", lambda _: place)
        for name in names:
            externs.address.__wrapped__(externs.FACTORS, name)
    yield calls
    for name in names:
        externs.address.__wrapped__(externs.FACTORS, name)


@pytest.mark.parametrize(("states", "seen"), [(2, 1), (8, 4), (9, 9)])
def test_a_small_filter_calls_no_library(states, seen, rng, _called):
    x, scales = T.tensor("x", "float64", (None, seen)), T.dvector("scales")
    look = rng.normal(size=(seen, states))
    errors = T.exp(scales[0]) * np.eye(seen)

    def step(y, covariance):
        factor = T.linalg.cholesky(look @ covariance @ look.T + errors)
        half = T.linalg.solve_triangular(factor, look @ covariance, lower=True)
        white = T.linalg.solve_triangular(factor, y, lower=True)
        return covariance - half.T @ half, (white**2).sum()

    _, costs = gradcore.scan(step, x, [T.constant(np.eye(states)), None])[0]
    cost = costs.sum()
    gradcore.function([x, scales], [cost, T.grad(cost, scales)], mode="c")(
        np.ones((3, seen)), [0.0]
    )
    assert bool(_called) == (seen > 8)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("trans", [False, True])
def test_triangular_equations(everywhere, lower, trans):
    a, b, v = T.dmatrix("a"), T.dmatrix("b"), T.dvector("v")
    outputs = [T.linalg.solve_triangular(a, y, lower=lower, trans=trans) for y in (b, v)]
    f = gradcore.function([a, b, v], outputs, mode=everywhere)
    right = np.arange(6.0).reshape(3, 2)
    for found, side in zip(f(MATRIX, right, right[:, 1]), (right, right[:, 1]), strict=True):
        expected = scipy.linalg.solve_triangular(MATRIX, side, lower=lower, trans=int(trans))
        np.testing.assert_allclose(found, expected, 1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equations_with_square_matrices(everywhere, dtype, rng):
    """Of few rows and many (LAPACK's), with a first pivot of zero, and one that is singular."""
    m, b = T.tensor3("m", dtype), T.tensor3("b", dtype)
    f = gradcore.function([m, b], T.linalg.solve(m, b, on_error="nan"), mode=everywhere)
    for n, columns in ((0, 2), (1, 1), (3, 0), (4, 1), (12, 3)):
        left = rng.normal(size=(3, n, n)).astype(dtype)
        right = rng.normal(size=(3, n, columns)).astype(dtype)
        if n > 1:
            left[0, 0, 0] = 0
            left[1, :, 1] = 0
        found = f(left, right)
        assert found.shape == right.shape and found.dtype == dtype
        near = 1e4 * np.finfo(dtype).eps
        for k in (0, 2):
            expected = np.linalg.solve(left[k].astype(float), right[k])
            np.testing.assert_allclose(found[k], expected, near, near)
        assert n < 2 or np.isnan(found[1]).all()


def test_derivatives_of_equations():
    m, b, d, e = T.dmatrices("m", "b", "d", "e")
    x = T.linalg.solve(m, b)
    outputs = [T.Rop(x, [m, b], [d, e]), *T.Lop(x, [m, b], b)]
    f = gradcore.function([m, b, d, e], outputs, mode="numpy")
    right, moved = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    forward, by_m, by_b = f(MATRIX, right, MATRIX.T, moved)
    inverse = np.linalg.inv(MATRIX)
    solved = inverse @ right
    np.testing.assert_allclose(forward, inverse @ (moved - MATRIX.T @ solved), 1e-12)
    np.testing.assert_allclose(by_b, inverse.T @ right, 1e-12)
    np.testing.assert_allclose(by_m, -inverse.T @ right @ solved.T, 1e-12)
    T.verify_grad(lambda m: T.linalg.solve(m, right[:, 0]), [MATRIX], rng=np.random.default_rng(0))


def test_many_right_sides_of_one_matrix_are_solved_at_once():
    m, v = T.dmatrix("m"), T.dvector("v")
    f = gradcore.function([m, v], T.jacobian(T.linalg.solve(m, v), v), mode="numpy")
    assert "scan" not in gradcore.pp(f)
    np.testing.assert_allclose(f(MATRIX, np.ones(3)), np.linalg.inv(MATRIX), 1e-12, 1e-14)


def test_what_does_not_fit_is_refused(everywhere):
    x, y = T.dmatrices("x", "y")
    h = gradcore.function([x, y], T.linalg.solve(x, y), mode=everywhere)
    with pytest.raises(ShapeError):
        h(np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(ShapeError):
        h(np.eye(3), np.ones((2, 3)))
    f = gradcore.function([x], T.linalg.cholesky(x), mode=everywhere)
    g = gradcore.function([x, y], T.linalg.solve_triangular(x, y), mode=everywhere)
    with pytest.raises(ShapeError):
        f(np.ones((2, 3)))
    with pytest.raises(ShapeError):
        g(np.eye(3), np.ones((2, 3)))


def test_what_is_known_to_be_no_matrix():
    with pytest.raises(GraphTypeError, match="takes matrices"):
        T.linalg.cholesky(T.dvector())
    with pytest.raises(GraphTypeError, match="a vector, not"):
        T.linalg.solve_triangular(T.dvector(), T.dmatrix())


def test_likelihood_of_a_gaussian(everywhere):
    """The log-determinant and the quadratic form, with their slopes, by way of the factor."""
    x, y = T.dmatrix("x"), T.dvector("y")
    factor = T.linalg.cholesky(x)
    white = T.linalg.solve_triangular(factor, y, lower=True)
    cost = T.sum(white**2) + 2 * T.sum(T.log(T.diagonal(factor)))
    f = gradcore.function([x, y], [cost, T.grad(cost, x), T.grad(cost, y)], mode=everywhere)
    whole, right = symmetric(MATRIX), np.array([1.0, -2, 0.5])
    inverse = np.linalg.inv(whole)
    solved = inverse @ right
    slope = inverse - np.outer(solved, solved)
    value, by_x, by_y = f(MATRIX, right)
    np.testing.assert_allclose(value, right @ solved + np.linalg.slogdet(whole)[1], 1e-13)
    np.testing.assert_allclose(by_x, np.tril(slope) + np.tril(slope, -1), 1e-12, 1e-14)
    np.testing.assert_allclose(by_y, 2 * solved, 1e-13)


def test_in_a_loop(everywhere):
    xs = T.dtensor3("xs")
    states, _ = gradcore.scan(
        lambda x, s: T.linalg.cholesky(x + s), sequences=xs, outputs_info=T.zeros((3, 3))
    )
    outputs = [states, T.grad(states[-1].sum(), xs)]
    given = np.stack([MATRIX, MATRIX + np.eye(3)])
    found = gradcore.function([xs], outputs, mode=everywhere)(given)
    expected = gradcore.function([xs], outputs, mode="numpy")(given)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, 1e-12, 1e-14)


def test_the_interpreter_knows_what_a_function_means():
    x = T.dmatrix("x")
    graph = gradcore.FunctionGraph((x,), (T.linalg.cholesky(x),))
    made = program(graph, lowerings=Lowerings(RULES, lambda extern: True))
    assert "library extern:cholesky_float64" in str(made)
    (found,) = interpret(made)(MATRIX)
    np.testing.assert_allclose(found, np.linalg.cholesky(symmetric(MATRIX)), 1e-13)


# plugins ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Determinant(Op):
    """The determinants of a stack of matrices."""

    extern = Extern("determinant", ("float64",), workspace=lambda n, m: n * (n + 1))
    by_norm = True
    ulp = 1024
    derivative = NotDifferentiable("nobody has written it")

    @classmethod
    def samples(cls):
        made = Arg((2, 3, 3), "float64")
        return [Sample(cls(), (made,))]

    def shape(self, x):
        return x.shape[:1]

    def requires(self, node, operands):
        extents = operands[0].shape[1:]
        return [Requirement(AGREE, extents, "it must be square", np.linalg.LinAlgError)]

    def reference(self, x):
        return np.linalg.det(x)


DETERMINANT = Source(
    r"""
#include <stdint.h>
#include <string.h>

void *gc_needs[1];

int32_t determinant_float64(int64_t stack, int64_t n, int64_t m, const double *x, double *out,
                            double *work)
{
    int order = (int)n, info, *pivots = (int *)(work + n * n);
    for (int64_t s = 0; s < stack; s++) {
        memcpy(work, x + s * n * n, n * n * sizeof(double));
        if (n)
            ((void (*)(int *, int *, double *, int *, int *, int *))gc_needs[0])(
                &order, &order, work, &order, pivots, &info);
        out[s] = 1;
        for (int i = 0; i < order; i++)
            out[s] *= pivots[i] == i + 1 ? work[i * (n + 1)] : -work[i * (n + 1)];
    }
    return 0;
}
""",
    ("lapack:dgetrf",),
)


class Distribution:
    """What an outside distribution contributes: an op, and its function to C and to CUDA."""

    @staticmethod
    @plugins.hookimpl
    def gradcore_ops():
        return [Determinant]

    @staticmethod
    @plugins.hookimpl
    def gradcore_lowerings():
        return {
            "c": {"determinant": DETERMINANT},
            "cuda": {"determinant": lambda xp, x: [xp.linalg.det(x)]},
        }


@pytest.fixture
def installed():
    """Return what installs plugins for a test."""
    names = []

    def register(plugin, name):
        plugins.register(plugin, name)
        names.append(name)

    yield register
    for name in names:
        plugins.unregister(name)


@pytest.mark.parametrize("backend", GENERATED)
def test_a_plugin_brings_a_function_to_generated_code(installed, backend, rng):
    x = T.dtensor3("x")
    output = 2 * Determinant()(T.exp(x))
    with pytest.raises(UnsupportedError, match="has no function 'determinant' of a library"):
        gradcore.function([x], output, mode=GENERATED[backend])
    installed(Distribution, "distribution")
    f = gradcore.function([x], output, mode=GENERATED[backend])
    given = rng.normal(size=(4, 3, 3))
    np.testing.assert_allclose(f(given), 2 * np.linalg.det(np.exp(given)), 1e-12)
    assert f(np.empty((0, 3, 3))).shape == (0,)
    ran = [case.run(GENERATED[backend]) for case in op_cases(Determinant, Level.CORE)]
    assert len(ran) > 5


def test_a_plugin_brings_a_rule(installed):
    @dataclass(frozen=True)
    class Seven(Op):
        """A vector of sevens, as long as another."""

        def shape(self, x):
            return x.shape

        def reference(self, x):
            return np.full_like(x, 7)

    def rule(low, node):
        seven = Literal(7.0, node.out.dtype)
        low.viewed(node.out, low.value(node.inputs[0]).shape, lambda index: seven)

    class Plugin:
        @staticmethod
        @plugins.hookimpl
        def gradcore_lowerings(backend):
            return {Seven: rule} if backend in GENERATED else {}

    x = T.dvector("x")
    with pytest.raises(UnsupportedError, match="no element form"):
        gradcore.function([x], Seven()(x), mode="c")
    installed(Plugin, "sevens")
    for mode in GENERATED.values():
        f = gradcore.function([x], Seven()(x) + x, mode=mode)
        assert f([1, 2]).tolist() == [8, 9]


@pytest.mark.parametrize(
    ("table", "reported"),
    [
        ({"c": {"cholesky": DETERMINANT}}, "it has one for cholesky already"),
        ({"c": {T.exp: len}}, "its keys are classes of ops"),
        ({"c": {Determinant: 3}}, "which is no function"),
        ({"cc": {"determinant": DETERMINANT}}, "did you mean 'c'"),
        ({"numpy": {"determinant": DETERMINANT}}, "it generates no code"),
        (3, "returned 3, no table"),
    ],
)
def test_what_is_no_lowering_is_refused(table, reported):
    class Plugin:
        @staticmethod
        @plugins.hookimpl
        def gradcore_lowerings():
            return table

    with warnings.catch_warnings(action="ignore", category=PluginWarning):
        try:
            plugins.register(Plugin, "wrong")
        except PluginError as error:  # the backends that are loaded are asked at once
            reasons = [str(error)]
        else:
            for name in ("c", "numpy"):
                plugins.registry().backend(name)
            reasons = [str(gone) for gone in plugins.registry().disabled]
            plugins.unregister("wrong")
    assert any(reported in reason for reason in reasons), reasons
