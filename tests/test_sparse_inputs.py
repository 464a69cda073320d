"""Sparse matrices as inputs, shared variables and constants: against SciPy, on every backend."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    ArgumentError,
    DisconnectedInputError,
    GraphIndexError,
    GraphTypeError,
    LinAlgError,
    ShapeError,
    UnusedInputError,
)

S = T.sparse
BACKENDS = {
    "numpy": gradcore.Mode("numpy"),
    "plain": gradcore.Mode("numpy", optimizer=False),
    "c": gradcore.Mode("c"),
    "jax": gradcore.Mode("jax"),
    "torch": gradcore.Mode("torch"),
    "cuda": gradcore.Mode("cuda", runtime="host"),
}
FORMATS = {"csr": S.csr_matrix, "csc": S.csc_matrix, "coo": S.coo_matrix}

rng = np.random.default_rng(5)


def random(m, n, density=0.4, dtype="float64"):
    """Return a matrix with an empty row, an empty column, and rows in no order."""
    dense = np.where(rng.random((m, n)) < density, rng.normal(size=(m, n)), 0)
    dense[1] = dense[:, 2] = 0
    return sp.csr_array(dense.astype(dtype))


def shuffled(matrix):
    """Return a matrix in compressed rows, with columns in no order and one element in two parts."""
    coo = matrix.tocoo()
    data, row, col = (
        np.append(a, b) for a, b in zip((coo.data, *coo.coords), (0.5, 0, 3), strict=True)
    )
    order = rng.permutation(data.size)
    order = order[np.argsort(row[order], kind="stable")]
    starts = np.searchsorted(row[order], np.arange(matrix.shape[0] + 1))
    found = sp.csr_array((data[order], col[order], starts), shape=matrix.shape)
    assert not found.has_sorted_indices
    return found


A_VALUE = shuffled(random(4, 6))
B_VALUE = random(6, 4).tocsc()
C_VALUE = sp.coo_array(([1.0, 2.0, -3.0, 4.0], ([0, 0, 3, 2], [3, 3, 5, 0])), shape=(4, 6))
V, W = rng.normal(size=6), rng.normal(size=4)
D = rng.normal(size=(4, 6))

A, B, C = S.csr_matrix("A"), S.csc_matrix("B"), S.coo_matrix("C")
v, w, d = T.dvector("v"), T.dvector("w"), T.dmatrix("d")
INPUTS = [A, B, C, v, w, d]
VALUES = [A_VALUE, B_VALUE, C_VALUE, V, W, D]

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


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


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


@pytest.mark.parametrize("mode", ["c", "jax", "torch", "cuda"])
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
K_VALUE = sp.csr_array(np.diag([4.0, 5, 6, 7]) + np.diag([1.0, 2, 3], 1) + np.diag([0.5], 3))


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


# functions ---------------------------------------------------------------------------------------
def test_arguments_are_matrices_of_scipy_in_the_format():
    f = gradcore.function([A, v], A @ v, name="f")
    np.testing.assert_allclose(f(A_VALUE, V), A_VALUE @ V)
    np.testing.assert_allclose(f(v=V, A=A_VALUE), A_VALUE @ V)
    np.testing.assert_allclose(f(A_VALUE, v=V), A_VALUE @ V)
    np.testing.assert_allclose(f(sp.csr_matrix(A_VALUE), V), A_VALUE @ V)
    np.testing.assert_allclose(f(A_VALUE.astype("float32"), V), A_VALUE.astype("float32") @ V)
    for value, message in [
        (A_VALUE.toarray(), "argument 'A' must be a sparse matrix of SciPy, got ndarray"),
        (B_VALUE, r"argument 'A' must be in the format csr, got csc: value.tocsr\(\)"),
        (A_VALUE.astype("complex128"), "argument 'A.data' expects float64"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            f(value, V)
    for call in (lambda: f(A_VALUE, V, V), lambda: f(A_VALUE), lambda: f(A_VALUE, V, A=A_VALUE)):
        with pytest.raises(ArgumentError):
            call()
    with pytest.raises(ShapeError, match=r"inner extents of A @ v"):
        f(A_VALUE, W)
    with pytest.raises(UnusedInputError, match=r"input 1 \(B\)"):
        gradcore.function([A, B, v], A @ v)
    with pytest.raises(GraphTypeError, match="cannot be an input"):
        gradcore.function([A + A], A @ v)
    small = S.csr_matrix("small", "float32", shape=(4, None))
    g = gradcore.function([small], small.sum())
    assert g(A_VALUE.astype("float32")).dtype == "float32"
    with pytest.raises(ArgumentError, match="must have extent 4 at axis 0"):
        g(random(3, 6, dtype="float32"))


def test_indices_of_either_width():
    wide = S.csr_matrix("wide", index_dtype="int64")
    value = A_VALUE.copy()
    value.indices, value.indptr = value.indices.astype("int64"), value.indptr.astype("int64")
    for matrix in (A, wide):
        f = gradcore.function([matrix, v], [matrix @ v, v @ matrix.T, matrix])
        for given in (A_VALUE, value):
            product, _, back = f(given, V)
            np.testing.assert_allclose(product, A_VALUE @ V)
            assert back.indices.dtype == matrix.indices.dtype
    value.indices[0] = 2**40
    with pytest.raises(ArgumentError, match="which int32 does not hold"):
        gradcore.function([A, v], A @ v)(value, V)


@pytest.mark.parametrize("mode", BACKENDS)
def test_patterns_that_are_none_are_refused(mode):
    """SciPy does not look at what is put into a matrix that it has made."""
    f = gradcore.function([A, v], A @ v, mode=BACKENDS[mode])
    for change in (
        lambda x: x.indices.__setitem__(0, 6),
        lambda x: x.indices.__setitem__(-1, -1),
        lambda x: x.indptr.__setitem__(1, 40),
        lambda x: x.indptr.__setitem__(0, 1),
        lambda x: x.indptr.__setitem__(-1, 2),
    ):
        wrong = A_VALUE.copy()
        change(wrong)
        with pytest.raises((GraphIndexError, IndexError)):
            f(wrong, V)
    np.testing.assert_allclose(f(A_VALUE, V), A_VALUE @ V)


def test_results_in_every_form():
    assert gradcore.function([A], A)(A_VALUE).format == "csr"
    assert gradcore.function([A], [A])(A_VALUE)[0].format == "csr"
    found = gradcore.function([A, v], {"twice": A * 2, "product": A @ v})(A_VALUE, V)
    np.testing.assert_allclose(found["twice"].toarray(), 2 * A_VALUE.toarray())
    np.testing.assert_allclose(found["product"], A_VALUE @ V)
    assert gradcore.function([A], None, on_unused_input="ignore")(A_VALUE) is None
    back = gradcore.function([A], A)(A_VALUE)
    back.data[:] = 0
    back.indices[:] = 0
    assert A_VALUE.data.any(), "results are the caller's own"


def test_functions_are_copied_and_pickled():
    f = gradcore.function([A, v], [A * 2, A @ v])
    for g in (f.copy(), pickle.loads(pickle.dumps(f))):
        found, product = g(A_VALUE, V)
        np.testing.assert_allclose(found.toarray(), 2 * A_VALUE.toarray())
        np.testing.assert_allclose(product, A_VALUE @ V)
        np.testing.assert_allclose(g(A=A_VALUE, v=V)[1], product)
    again = pickle.loads(pickle.dumps(A * 2))
    assert (again.format, again.dtype) == ("csr", "float64")


def test_shared_matrices_persist():
    X = gradcore.shared(A_VALUE, "X")
    assert isinstance(X, S.SharedSparse)
    step = gradcore.function([v], ((X @ v) ** 2).sum(), updates={X: X - 0.1 * X})
    first, second = step(V), step(V)
    np.testing.assert_allclose(second, 0.81 * first)
    np.testing.assert_allclose(X.get_value().toarray(), 0.81 * A_VALUE.toarray())
    X.set_value(C_VALUE.tocsr())
    np.testing.assert_allclose(X.get_value().toarray(), C_VALUE.toarray())
    grow = gradcore.function([], [], updates={X: X + S.as_sparse(A_VALUE)})
    grow()
    np.testing.assert_allclose(X.get_value().toarray(), (C_VALUE + A_VALUE).toarray())
    for wrong in (B_VALUE, A_VALUE.toarray(), A_VALUE.astype("complex128")):
        with pytest.raises(ArgumentError):
            X.set_value(wrong)
    np.testing.assert_allclose(X.get_value().toarray(), (C_VALUE + A_VALUE).toarray())
    with pytest.raises(GraphTypeError, match="format"):
        gradcore.function([], [], updates={X: X.T})


def test_givens_and_values_of_inputs():
    f = gradcore.function([v], A @ v, givens={A: A_VALUE})
    np.testing.assert_allclose(f(V), A_VALUE @ V)
    g = gradcore.function([gradcore.In(A, value=A_VALUE), v], A @ v)
    np.testing.assert_allclose(g(v=V), A_VALUE @ V)
    h = gradcore.function([gradcore.In(A, name="K"), v], A @ v)
    np.testing.assert_allclose(h(K=A_VALUE, v=V), A_VALUE @ V)


def test_matrices_of_scipy_are_constants_in_expressions():
    for found, want in [
        (A_VALUE @ v, A_VALUE @ V),
        (v @ B_VALUE, V @ B_VALUE),
        (T.dot(A_VALUE, v), A_VALUE @ V),
        (T.dot(v, B), V @ B_VALUE),
        (v * C_VALUE, C_VALUE.multiply(V).toarray()),
        (np.ones(6) @ B, np.ones(6) @ B_VALUE),
        (S.structured_dot(A_VALUE, v), A_VALUE @ V),
    ]:
        value = found.eval({x: y for x, y in ((v, V), (B, B_VALUE)) if x in needs(found)})
        np.testing.assert_allclose(dense(value), want)


def needs(found):
    parts = found.parts if isinstance(found, S.SparseVariable) else [found]
    leaves = set(gradcore.ancestors(list(parts)))
    return [x for x in (v, B) if (x.data if x is B else x) in leaves]


def test_loops_and_stacks_take_matrices_from_around():
    steps = gradcore.scan(
        lambda x: T.tanh(A @ (B @ x)), outputs_info=w, n_steps=3, non_sequences=None
    )[0]
    f = gradcore.function([A, B, w], [steps[-1], T.grad(steps[-1].sum(), A)])
    x = W
    for _ in range(3):
        x = np.tanh(A_VALUE @ (B_VALUE @ x))
    np.testing.assert_allclose(f(A_VALUE, B_VALUE, W)[0], x)
    many = T.vectorize(lambda x: A @ x, "(n)->(m)")(d)
    np.testing.assert_allclose(many.eval({A: A_VALUE, d: D}), D @ A_VALUE.T)


def test_complex_elements():
    Z = S.csr_matrix("Z", "complex128")
    z = T.zvector("z")
    value = A_VALUE.astype("complex128")
    value.data = value.data * (1 + 2j)
    cost = T.real((Z @ z) @ T.conj(Z @ z))
    f = gradcore.function([Z, z], [Z @ z, Z.T.conj().toarray(), T.grad(cost, z)])
    product, adjoint, slope = f(value, V + 1j)
    np.testing.assert_allclose(product, value @ (V + 1j))
    np.testing.assert_allclose(adjoint, value.T.conj().toarray())
    np.testing.assert_allclose(slope, 2 * value.T.conj() @ (value @ (V + 1j)))
    K, b = S.csr_matrix("K", "complex128"), T.zvector("b")
    given = K_VALUE.astype("complex128") * (1 + 1j)
    solved = S.spsolve(K, b)
    size = T.real(solved @ T.conj(solved))
    x, by_right = gradcore.function([K, b], [solved, T.grad(size, b)])(given, W + 1j)
    np.testing.assert_allclose(x, np.linalg.solve(given.toarray(), W + 1j))
    np.testing.assert_allclose(by_right, 2 * np.linalg.solve(given.toarray().T.conj(), x))


# words -------------------------------------------------------------------------------------------
def test_matrices_are_made_of_parts_and_of_dense_ones():
    data, indices, indptr, shape = S.csm_properties(A)
    made = S.CSR(data * 2, indices, indptr, shape)
    np.testing.assert_allclose(made.eval({A: A_VALUE}).toarray(), 2 * A_VALUE.toarray())
    np.testing.assert_allclose(
        S.COO(C.data, C.row, C.col, (4, 6)).toarray().eval({C: C_VALUE}), C_VALUE.toarray()
    )
    sparse = np.where(D > 0, D, 0)
    for make, kind in ((S.csr_from_dense, sp.csr_array), (S.csc_from_dense, sp.csc_array)):
        found, want = make(d).eval({d: sparse}), kind(sparse)
        np.testing.assert_array_equal(found.indices, want.indices)
        np.testing.assert_array_equal(found.data, want.data)
    np.testing.assert_allclose(S.dense_from_sparse(A).eval({A: A_VALUE}), A_VALUE.toarray())
    merged = S.canonical(A).eval({A: A_VALUE})
    assert merged.has_canonical_format
    ordered = S.ensure_sorted_indices(A).eval({A: A_VALUE})
    assert ordered.has_sorted_indices
    assert ordered.nnz == A_VALUE.nnz
    zeros = S.remove0(S.sampled(d, A)).eval({A: A_VALUE, d: np.eye(4, 6)})
    np.testing.assert_allclose(zeros.toarray(), np.eye(4, 6) * (A_VALUE.toarray() != 0))
    np.testing.assert_allclose(S.square_diagonal(w).toarray().eval({w: W}), np.diag(W))


@pytest.mark.parametrize("name", ["sqrt", "sin", "log1p", "expm1", "tanh", "sign", "rad2deg"])
def test_functions_of_elements(name):
    value = abs(B_VALUE)
    found = getattr(S, name)(B).eval({B: value})
    want = getattr(np, name)(value.toarray())
    np.testing.assert_allclose(found.toarray(), want, rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: A + 1, r"structured_add"),
        (lambda: A**-1, "no positive number"),
        (lambda: 1 / A, "divide by a dense matrix"),
        (lambda: A / B, "divide by a dense matrix"),
        (lambda: T.exp(A), "is a sparse matrix, no tensor"),
        (lambda: v + T.sin(A), "is a sparse matrix, no tensor"),
        (lambda: A @ T.dtensor3(), "a vector or a matrix"),
        (lambda: A[1], r"A\[i : i \+ 1\] is a row"),
        (lambda: A[None], "taken by a slice"),
        (lambda: A.sum(axis=2), "axes 0 and 1"),
        (lambda: C.indptr, "it has row and col"),
        (lambda: S.as_sparse(d), "csr_from_dense"),
        (lambda: S.csr_matrix("x", index_dtype="int8"), "int32 or int64"),
        (lambda: S.matrix("bsr"), "a format is one of"),
        (lambda: S.CSR(d, v, v, (1, 2)), "made of vectors"),
        (lambda: S.CSR(v, v, v, (1, 2)), "indices are integers"),
        (lambda: S.dot(v, w), "neither is sparse"),
        (lambda: S.row_scale(A, d), "factors are a vector"),
        (lambda: S.as_sparse("x"), "cannot make a sparse matrix"),
    ],
)
def test_what_is_refused_when_it_is_built(build, message):
    with pytest.raises(GraphTypeError, match=message) as error:
        build()
    assert error.value.where is not None


def test_known_extents_must_fit():
    K = S.csr_matrix("K", shape=(4, 6))
    for build in (
        lambda: K @ T.tensor("x", "float64", (5,)),
        lambda: K @ K,
        lambda: K + S.csr_matrix("L", shape=(4, 5)),
        lambda: K.multiply(T.tensor("x", "float64", (5,))),
        lambda: S.spsolve(K, T.tensor("x", "float64", (4,))),
    ):
        with pytest.raises(ShapeError):
            build()
    f = gradcore.function([A, C], A + C)
    with pytest.raises(ShapeError, match="the sum of A and C"):
        f(A_VALUE, sp.coo_array((4, 5)))


def test_other_names():
    for name in ("exp", "bsr_matrix", "nothing_like_it"):
        with pytest.raises(AttributeError):
            getattr(S, name)
    for test in (bool, list):
        with pytest.raises(TypeError):
            test(A)
