"""Sparse matrices as inputs, shared variables and constants: against SciPy, on every backend."""

import numpy as np
import pytest
import scipy.sparse as sp

import gradcore
import gradcore.tensor as T

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
