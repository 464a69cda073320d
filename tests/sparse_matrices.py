"""Sparse matrices to test on: as variables of a graph, and as values."""

import numpy as np
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
for backend in gradcore.backends():
    if backend.reason is not None and backend.name != "cuda":
        BACKENDS.pop(backend.name, None)  # it does not work here, but CUDA does on the host
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


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


K_VALUE = sp.csr_array(np.diag([4.0, 5, 6, 7]) + np.diag([1.0, 2, 3], 1) + np.diag([0.5], 3))
