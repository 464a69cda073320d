"""Eigenvalues of matrices that need not be symmetric, with their derivatives."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.ops.eigenvalues import Eig

L = T.linalg
RNG = np.random.default_rng(14)
RANDOM = RNG.standard_normal((4, 4))
SYMMETRIC = RANDOM + RANDOM.T
TURN = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
TRIANGLE = np.array([[1.0, 2, 3], [0, -2, 4], [0, 0, 0]])
WEIGHTS = RNG.standard_normal((2, 4)) + 1j * RNG.standard_normal((2, 4))
MATRIX = RNG.standard_normal((4, 4)) + 1j * RNG.standard_normal((4, 4))

GIVEN = {
    "random": RANDOM,
    "symmetric": SYMMETRIC,
    "rotation": TURN,
    "triangle": TRIANGLE,
    "one": np.array([[-3.0]]),
    "stack": np.stack([RANDOM, SYMMETRIC, RANDOM.T]),
    "stack of two axes": RNG.standard_normal((2, 3, 5, 5)),
    "identity": np.eye(3),
    "zeros": np.zeros((3, 3)),
    "wide range": np.diag([1e-3, 1.0, 1e3]) + np.triu(np.ones((3, 3)), 1),
}


def ordered(w):
    """Return eigenvalues in the order of their real parts, then of the imaginary ones."""
    return np.take_along_axis(w, np.lexsort((w.imag, w.real)), -1)


@pytest.mark.parametrize("name", GIVEN)
def test_eigenvalues_and_vectors(everywhere, name):
    """The values are NumPy's, the vectors those of their matrix, with norms and phases settled."""
    given = GIVEN[name]
    x = T.tensor("x", "float64", (None,) * given.ndim)
    f = gradcore.function([x], [*L.eig(x), L.eigvals(x)], mode=everywhere)
    w, v, alone = f(given)
    assert w.dtype == v.dtype == "complex128" and w.shape == given.shape[:-1]
    np.testing.assert_allclose(w, ordered(np.linalg.eigvals(given) + 0j), 1e-12, 1e-12)
    np.testing.assert_array_equal(alone, w)
    size = max(1, np.abs(given).max())
    np.testing.assert_allclose(given @ v, v * w[..., None, :], 1e-12, 1e-13 * size)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), np.ones(w.shape), 1e-13)
    sizes = np.abs(v)
    first = (sizes > 0.55 * sizes.max(-2, keepdims=True)).argmax(-2)[..., None, :]
    settled = np.take_along_axis(v, first, -2)
    assert (settled.real > 0).all() and (settled.imag == 0).all()


def test_complex_pairs_are_conjugates(everywhere):
    x = T.dmatrix("x")
    f = gradcore.function([x], L.eig(x), mode=everywhere)
    w, v = f(np.array([[0.0, -2, 0], [2, 0, 0], [0, 0, 1]]))
    np.testing.assert_allclose(w, [-2j, 2j, 1], 1e-15, 1e-15)
    half = 0.5**0.5
    np.testing.assert_allclose(
        v, [[half, half, 0], [half * 1j, -half * 1j, 0], [0, 0, 1]], 1e-15, 1e-15
    )


def test_nothing_and_dtypes(everywhere):
    x = T.dtensor3("x")
    f = gradcore.function([x], L.eig(x), mode=everywhere)
    for shape in ((2, 0, 0), (0, 3, 3)):
        w, v = f(np.ones(shape))
        assert w.shape == shape[:2] and v.shape == shape and v.dtype == "complex128"
    single = T.fmatrix("single")
    g = gradcore.function([single], L.eig(single), mode=everywhere)
    w, v = g(np.float32(TURN))
    assert w.dtype == v.dtype == "complex64"
    np.testing.assert_allclose(w, np.exp([-1j, 1j]), 1e-6)
    for dtype, wanted in (
        ("float16", "complex64"),
        ("int64", "complex128"),
        ("bool", "complex128"),
    ):
        assert {y.dtype for y in L.eig(T.matrix("m", dtype))} == {wanted}


def test_what_is_not_finite_does_not_take_others_with_it(everywhere):
    x = T.dtensor3("x")
    f = gradcore.function([x], Eig(raises=False)(x), mode=everywhere)
    for wrong in (np.nan, np.inf):
        for found in f(np.stack([np.full((2, 2), wrong), TURN])):
            assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


def test_what_is_refused():
    with pytest.raises(GraphTypeError, match="eig takes"):
        L.eig(T.dvector("v"))
    x = T.dmatrix("x")
    with pytest.raises(ShapeError):
        gradcore.function([x], L.eigvals(x), mode="numpy")(np.ones((2, 3)))


# derivatives ------------------------------------------------------------------------------------
def of_both(x):
    """Return a cost of all parts of values and vectors, which their norms and phases settle."""
    w, v = L.eig(x)
    return T.sum(T.real(w * WEIGHTS[0] + w**2 * WEIGHTS[1])) + T.sum(T.real(v * MATRIX))


@pytest.mark.parametrize("given", [RANDOM, SYMMETRIC, np.stack([RANDOM, RANDOM.T])])
def test_derivatives(given):
    """First and second ones against differences; RANDOM has a complex pair, and real values."""
    T.verify_grad(of_both, [given], 1, np.random.default_rng(0), mode="numpy")
    T.verify_grad(
        lambda x: T.grad(of_both(x), x), [given], 1, np.random.default_rng(0), mode="numpy"
    )


def test_both_modes_agree(everywhere):
    """Along a tangent, ``dw = diag(inv(V) dA V)``, and of each backend the same."""
    x, t = T.dmatrix("x"), T.dmatrix("t")
    w, v = L.eig(x)
    cost = of_both(x)
    outputs = [T.Rop(w, x, t), T.Rop(cost, x, t), T.sum(T.grad(cost, x) * t), v]
    tangent = RANDOM[::-1].copy()
    moved, forward, backward, vectors = gradcore.function([x, t], outputs, mode=everywhere)(
        RANDOM, tangent
    )
    wanted = np.diag(np.linalg.solve(vectors, tangent @ vectors))
    np.testing.assert_allclose(moved, wanted, 1e-11, 1e-12)
    np.testing.assert_allclose(forward, backward, 1e-11)


def test_the_jacobian_of_parts():
    """Row by row, and by one program for all rows."""
    x = T.dmatrix("x")
    w = L.eigvals(x)
    whole = T.jacobian(T.concatenate([T.real(w), T.imag(w)]), x)
    rows = [T.grad(part(w)[k], x) for part in (T.real, T.imag) for k in range(4)]
    found, *each = gradcore.function([x], [whole, *rows], mode="numpy")(RANDOM)
    np.testing.assert_allclose(found, each, 1e-12, 1e-13)


def test_gradients_are_those_of_torch():
    """Of costs that do not depend on phases: torch settles none."""
    torch = pytest.importorskip("torch")
    x = T.dmatrix("x")
    w, v = L.eig(x)
    cost = T.sum(T.real(w**2 * WEIGHTS[0])) + T.sum(T.abs(v) ** 4 * np.arange(4))
    found = gradcore.function([x], T.grad(cost, x), mode="numpy")(RANDOM)
    theirs = torch.tensor(RANDOM, requires_grad=True)
    values, vectors = torch.linalg.eig(theirs)
    there = values.detach().numpy()
    order = np.lexsort((there.imag, there.real))
    values, vectors = values[order], vectors[:, order]
    weighted = (values**2 * torch.tensor(WEIGHTS[0])).real.sum()
    (weighted + (vectors.abs() ** 4 * torch.arange(4)).sum()).backward()
    np.testing.assert_allclose(found, theirs.grad.numpy(), 1e-10, 1e-12)


def test_equal_eigenvalues_have_finite_derivatives():
    """First and second ones: of values as they are, of what turns vectors by convention zero."""
    x = T.dmatrix("x")
    w, v = L.eig(x)
    trace = T.sum(T.real(w))
    slopes = [T.grad(trace, x), T.grad(trace + T.sum(T.real(v**3)), x)]
    again = [T.grad(T.sum(slope**2), x) for slope in slopes]
    f = gradcore.function([x], [*slopes, *again], mode="numpy")
    for given in (np.zeros((3, 3)), np.eye(3), np.diag([2.0, 2, 0])):
        found = f(given)
        assert all(np.isfinite(slope).all() for slope in found)
        np.testing.assert_allclose(found[0], np.eye(3), 1e-14, 1e-14)


def test_a_matrix_without_a_basis_of_eigenvectors_has_values(everywhere):
    """The vectors are near to each other; derivatives are not asked for."""
    x = T.dmatrix("x")
    w, v = gradcore.function([x], L.eig(x), mode=everywhere)(np.eye(3, k=1))
    np.testing.assert_allclose(w, np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(np.abs(v[0]), np.ones(3), 1e-5)


# values alone -----------------------------------------------------------------------------------
def ops_of(f):
    """Return the names of the ops of a compiled function."""
    return {node.op.label() for node in f.maker.fgraph.nodes}


@pytest.mark.parametrize(
    ("alone", "whole"), [("eigvals", "eig"), ("eigvalsh", "eigh"), ("svdvals", "svd")]
)
def test_vectors_that_nothing_reads_are_not_computed(optimized, alone, whole):
    """With a derivative, which reads vectors, values are of the call that finds these."""
    x = T.dmatrix("x")
    values = getattr(L, alone)(x)
    f = gradcore.function([x], values, mode=optimized)
    cost = T.sum(abs(values) ** 3)
    g = gradcore.function([x], [values, T.grad(cost, x)], mode=optimized)
    assert alone in ops_of(f) and whole not in ops_of(f)
    assert whole in ops_of(g) and alone not in ops_of(g)
    np.testing.assert_allclose(f(SYMMETRIC), g(SYMMETRIC)[0], 1e-12, 1e-13)
    stack = T.dtensor3("stack")
    many = gradcore.function([stack], getattr(L, alone)(stack), mode=optimized)(GIVEN["stack"])
    np.testing.assert_allclose(many[1], f(SYMMETRIC), 1e-12, 1e-13)
