"""Functions of sparse matrices: arguments, results, shared ones, errors."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sparse_matrices import (
    A_VALUE,
    B_VALUE,
    BACKENDS,
    C_VALUE,
    K_VALUE,
    A,
    B,
    C,
    D,
    S,
    V,
    W,
    d,
    dense,
    random,
    v,
    w,
)

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    ArgumentError,
    GraphIndexError,
    GraphTypeError,
    ShapeError,
    UnusedInputError,
)


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
