"""Words of sparse matrices against SciPy, and their derivatives, on every backend."""

import numpy as np
import pytest
import scipy.sparse as sp
from sparse_matrices import (
    A_VALUE,
    BACKENDS,
    FORMATS,
    INPUTS,
    K_VALUE,
    VALUES,
    A,
    B,
    C,
    S,
    V,
    W,
    d,
    dense,
    rng,
    v,
    w,
)

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    DisconnectedInputError,
    GraphIndexError,
    GraphTypeError,
    LinAlgError,
    ShapeError,
)

CASES = {
    "products": lambda S, A, B, C, v, w, d: [
        A @ v, B @ w, C @ v, w @ A, v @ B, w @ C, A @ d.T, B @ d, C @ d.T, d.T @ A, d @ B,
        S.dot(A, v), A.dot(v), A.T @ w, B.T @ v, C.T @ w,
    ],
    "sums": lambda S, A, B, C, v, w, d: [
        A.sum(), B.sum(), C.sum(), A.sum(axis=0), A.sum(axis=1), B.sum(axis=0), B.sum(axis=-1),
        C.sum(axis=0), C.sum(axis=-1), A.mean(), A.mean(axis=0), B.mean(axis=1), A.diagonal(),
        B.diagonal(), C.diagonal(), A.trace(),
    ],
    "elements": lambda S, A, B, C, v, w, d: [
        A * 2.0, -B, 3 * C, A.multiply(d), C.multiply(v), A.multiply(w[:, None]), B.multiply(d.T),
        A / 2.0, abs(B), B.astype("float32"), A + d, d - B.T, d + C,
    ],
    "patterns": lambda S, A, B, C, v, w, d: [
        A + C, A + B.T, A - C, A.multiply(C), A.multiply(B.T), B.multiply(A.T), B + A.T, A @ B,
        B @ A, C @ B, A @ C.T, A + A, A.multiply(A),
    ],
    "conversions": lambda S, A, B, C, v, w, d: [
        A.toarray(), B.toarray(), C.toarray(), A.tocsc(), A.tocoo(), B.tocsr(), C.tocsr(),
        C.tocsc(), A.tocsr(), S.hstack([A, C]), S.vstack([A, C, A]), S.hstack([B, A.T]),
    ],
    "parts": lambda S, A, B, C, v, w, d: [
        A[1:3], A[:2], A[[3, 0, 3]], A[-2:], A[::-1], B[:, 1:], B[[0, 5]], C[2:], A[0, 3], A[-1, 5],
        A[:, [1, 1, 0]], A[0:0],
    ],
}  # fmt: skip


@pytest.mark.parametrize("mode", BACKENDS)
@pytest.mark.parametrize("group", CASES)
def test_as_scipy(group, mode):
    case = CASES[group]
    f = gradcore.function(INPUTS, case(S, *INPUTS), mode=BACKENDS[mode], on_unused_input="ignore")
    want = case(sp, *VALUES) if group != "products" else case(_Dot, *VALUES)
    found = f(*VALUES)
    assert len(found) == len(want)
    for k, (x, y) in enumerate(zip(found, want, strict=True)):
        assert sp.issparse(x) == sp.issparse(y), k
        assert dense(x).shape == dense(y).shape, k
        assert dense(x).dtype == dense(y).dtype, k
        np.testing.assert_allclose(dense(x), dense(y), rtol=1e-6, atol=1e-12, err_msg=str(k))


class _Dot:
    """SciPy's products under the names of `gradcore.tensor.sparse`."""

    dot = staticmethod(lambda x, y: x @ y)


# derivatives -------------------------------------------------------------------------------------
def products(A, B, C, v, w, d):
    """Return a cost of products with dense operands, linear in none."""
    s = T.sin(A @ v) @ (C @ v) + (B @ w).sum() ** 2 + ((w @ A) ** 2).sum()
    return s + ((A @ d.T) ** 3).sum() + (S.sampling_dot(d, d.T @ d, A) ** 2).sum()


def everything(A, B, C, v, w, d):
    """Return a cost of other words, too."""
    s = products(A, B, C, v, w, d)
    e = (A.multiply(C) + B.T.multiply(d)).sum(axis=0) @ v
    p = ((A @ B) @ w) @ w + ((A[1:] @ d.T) ** 2).sum() + T.exp(S.structured_exp(A).sum() / 9)
    return s + e + p + (S.sampling_dot(w, v, A) ** 2).sum() + (A.toarray() ** 3).sum()


DENSE = [A.data, B.data, C.data, v, w, d]


def numeric(f, values, directions, step=1e-6):
    """Return the derivative of a function of matrices along directions of their elements."""

    def moved(value, direction, t):
        if not sp.issparse(value):
            return value + t * direction
        found = value.copy()
        found.data = value.data + t * direction
        return found

    at = [
        f(*(moved(x, t, s) for x, t in zip(values, directions, strict=True))) for s in (step, -step)
    ]
    return (at[0] - at[1]) / (2 * step)


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_first_derivatives_are_those_of_differences_in_both_modes(mode):
    cost = everything(*INPUTS)
    directions = [x.type() for x in DENSE]
    forward = T.Rop(cost, DENSE, directions)
    back = T.grad(cost, INPUTS)
    assert [type(g) is S.SparseVariable for g in back] == [True, True, True, False, False, False]
    f = gradcore.function([*INPUTS, *directions], [cost, forward, *back], mode=BACKENDS[mode])
    along = [rng.normal(size=(x.data if sp.issparse(x) else x).shape) for x in VALUES]
    _, tangent, *gradient = f(*VALUES, *along)
    value = gradcore.function(INPUTS, cost, mode=BACKENDS[mode])
    want = numeric(value, VALUES, along)
    np.testing.assert_allclose(tangent, want, rtol=1e-6)
    pairs = zip(gradient, along, strict=True)
    total = sum(((g.data if sp.issparse(g) else g) * t).sum() for g, t in pairs)
    np.testing.assert_allclose(total, want, rtol=1e-6)


@pytest.mark.parametrize("mode", [m for m in ("c", "jax", "torch", "cuda") if m in BACKENDS])
def test_second_derivatives_in_both_modes(mode):
    cost = (everything if mode == "c" else products)(*INPUTS)
    directions = [x.type() for x in DENSE]
    gradient = T.grad(cost, DENSE)
    forward = T.Rop(gradient, DENSE, directions)
    back = T.Lop(gradient, DENSE, directions)
    inputs = [*INPUTS, *directions]
    along = [rng.normal(size=(x.data if sp.issparse(x) else x).shape) for x in VALUES]
    (*first, slope), n = (
        gradcore.function(
            inputs, [*forward, *back, T.Rop(cost, DENSE, directions)], mode=BACKENDS[mode]
        )(*VALUES, *along),
        len(DENSE),
    )
    assert np.isfinite(slope)
    for x, y in zip(first[:n], first[n:], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9)
    f = gradcore.function(INPUTS, gradient, mode="numpy")
    for k, x in enumerate(first[:n]):
        want = numeric(lambda *values, k=k: f(*values)[k], VALUES, along)
        np.testing.assert_allclose(x, want, rtol=1e-5, atol=1e-6)


def test_what_derivatives_are_of_and_in():
    cost = ((A @ v) ** 2).sum()
    cost.name = "cost"
    g = T.grad(cost, A)
    assert (g.format, g.pattern) == ("csr", A.pattern)
    assert isinstance(T.grad(cost, (A, v)), tuple)
    along = T.Rop(A @ v, A, A.with_data(T.ones_like(A.data)))
    ones = A_VALUE.copy()
    ones.data[:] = 1
    np.testing.assert_allclose(along.eval({A: A_VALUE, v: V}), ones @ V)
    np.testing.assert_allclose(
        T.jacobian(cost, A).eval({A: A_VALUE, v: V}).data, g.eval({A: A_VALUE, v: V}).data
    )
    with pytest.raises(GraphTypeError, match=r"jacobian\(y, A.data\)"):
        T.jacobian(A @ v, A)
    assert T.jacobian(A @ v, A.data).ndim == 2
    with pytest.raises(DisconnectedInputError):
        T.grad(cost, B)


def test_jacobians_have_the_pattern_of_a_constant():
    x = T.tensor("x", "float64", (6,))
    K = S.as_sparse(A_VALUE)
    J = T.sparse_jacobian(T.sin(K @ x), x)
    merged = A_VALUE.copy()
    merged.sum_duplicates()
    assert J.nnz == merged.nnz
    want = np.cos(A_VALUE @ V)[:, None] * A_VALUE.toarray()
    np.testing.assert_allclose(J.eval({x: V}).toarray(), want)
    again = S.as_sparse(J)
    np.testing.assert_allclose((again @ x).eval({x: V}), want @ V)
    y = T.tensor("y", "float64", (4,))
    back = T.sparse_jacobian(y @ K, y)
    np.testing.assert_allclose(back.eval({y: W}).toarray(), A_VALUE.toarray().T)
    whole = T.jacobian(T.sin(K @ x), x)
    np.testing.assert_allclose(whole.eval({x: V}), want)


# equations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", BACKENDS)
@pytest.mark.parametrize("name", FORMATS)
def test_spsolve(name, mode):
    if mode == "cuda" and name == "coo":
        pytest.skip("compressed by the same words as in products")
    K, b = FORMATS[name]("K"), T.dvector("b")
    x = S.spsolve(K, b)
    cost = (x**3).sum()
    hidden = T.grad((T.grad(cost, K.data) ** 2).sum(), [K.data, b])
    f = gradcore.function(
        [K, b], [x, T.grad(cost, K), *hidden, S.solve(K, T.stack([b, 2 * b]).T)],
        mode=BACKENDS[mode],
    )  # fmt: skip
    value = K_VALUE.asformat(name)
    found, slope, *second, two = f(value, W)
    want = np.linalg.solve(K_VALUE.toarray(), W)
    np.testing.assert_allclose(found, want)
    np.testing.assert_allclose(two, np.stack([want, 2 * want]).T)
    adjoint = np.linalg.solve(K_VALUE.toarray().T, 3 * want**2)
    np.testing.assert_allclose(
        slope.toarray(), np.where(K_VALUE.toarray() != 0, -np.outer(adjoint, want), 0)
    )
    along = [rng.normal(size=value.nnz), rng.normal(size=4)]
    g = gradcore.function([K, b], (T.grad(cost, K.data) ** 2).sum(), mode="numpy")
    moved = sum((x * t).sum() for x, t in zip(second, along, strict=True))
    np.testing.assert_allclose(moved, numeric(g, [value, W], along), rtol=1e-5)


def test_equations_that_have_no_solution():
    K, b = S.csr_matrix("K"), T.dvector("b")
    f = gradcore.function([K, b], S.spsolve(K, b))
    with pytest.raises(LinAlgError, match="Singular matrix"):
        f(sp.csr_array(np.diag([1.0, 0.0])), [1.0, 2.0])
    with pytest.raises(ShapeError, match="square"):
        f(sp.csr_array(np.ones((2, 3))), [1.0, 2.0])
    with pytest.raises(ShapeError):
        f(sp.csr_array(np.eye(2)), [1.0, 2.0, 3.0])
    with pytest.raises(GraphTypeError, match="dense right side"):
        S.spsolve(K, A)


# columns that are not there -----------------------------------------------------------------------
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("column", [7, 2**31 - 1, -1, -(2**31)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_product_with_a_vector_fails_at_the_first_column_that_is_not_there(
    turned, column, threads
):
    """Loops over rows look at each index before anything is read there."""
    x = T.dvector("x")
    product = A.T @ x if turned else A @ x
    f = gradcore.function([A, x], product, mode=gradcore.Mode("c", threads=threads))
    assert "highest" not in str(f.program)
    rows = 50_000
    indices = np.tile(np.arange(3, dtype="int32"), rows)
    starts = np.arange(0, 3 * rows + 1, 3, dtype="int32")
    matrix = sp.csr_array((np.ones(3 * rows), indices, starts), shape=(rows, 7))
    given = np.ones(rows if turned else 7)
    expected = (matrix.T if turned else matrix) @ given
    np.testing.assert_array_equal(f(matrix, given), expected)
    matrix.indices[[3000, 120_000]] = column, 8
    with pytest.raises(GraphIndexError, match=f"out of bounds: {column} of 7"):
        f(matrix, given)


def test_columns_are_checked_once_where_a_product_with_a_matrix_does_it():
    f = gradcore.function([A, v, d], [A @ d.T, A @ v], mode="c")
    assert str(f.program).count("maximum into highest") == 1


# what has no elements ----------------------------------------------------------------------------
@pytest.mark.parametrize("mode", BACKENDS)
def test_matrices_without_elements_rows_or_columns(mode):
    outputs = [
        A @ v, w @ A, A.sum(axis=0), A.sum(axis=1), A.toarray(), A + A.T.T * 2, A @ A.T, A.tocsc(),
        T.grad((A @ v).sum(), A), A[:0], S.row_scale(A, w), S.col_scale(A, v),
    ]  # fmt: skip
    f = gradcore.function([A, v, w], outputs, mode=BACKENDS[mode])
    for m, n in ((3, 2), (0, 2), (3, 0), (0, 0)):
        found = f(sp.csr_array((m, n)), np.ones(n), np.ones(m))
        shapes = [(m,), (n,), (n,), (m,), (m, n), (m, n), (m, m), (m, n), (m, n), (0, n)]
        assert [x.shape for x in found] == [*shapes, (m, n), (m, n)]
        assert all(not dense(x).any() for x in found)
