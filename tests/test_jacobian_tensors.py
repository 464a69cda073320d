"""Products with Jacobians of tensors of other ranks than 1, by and of them: none is built."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph import substitute
from gradcore.ops.scan import Scan

X, U, V = T.dvectors("X", "U", "V")
M, W, B, C = T.dmatrices("M", "W", "B", "C")
S = T.dscalar("S")
Q, R = T.dtensor3("Q"), T.dtensor3("R")
INPUTS = [S, X, U, V, M, W, B, C, Q, R]
EXTENTS = {"S": (), "X": (4,), "U": (2,), "V": (4,), "M": (2, 3), "W": (3, 4), "B": (2, 4)}
EXTENTS |= {"C": (2, 3), "Q": (2, 2, 3), "R": (2, 2, 3)}
PLAIN = gradcore.Mode("numpy", optimizer=False)

Y = T.tanh(T.dot(M, W))
MATRIX = T.jacobian(Y, M)  # (2, 4, 2, 3)
OF_VECTOR = T.jacobian(T.tanh(T.dot(M, T.sin(T.dot(W, X)))), M)  # (2, 2, 3)
BY_VECTOR = T.jacobian(T.sin(B * X) * X.sum(), X)  # (2, 4, 4)
OF_THREE = T.jacobian(T.exp(Q * Q.sum(0)), Q)  # (2, 2, 3, 2, 2, 3)
BY_SCALAR = T.jacobian(T.tanh(B * S).cumsum(1), S)  # (2, 4)
ROWS = T.jacobian(T.tanh(U * S).cumsum(), S)  # (2,)
HESSIAN = T.hessian((Y**2).sum(), M)  # (2, 3, 2, 3)

SEEN = {
    "tensordot, right": T.tensordot(MATRIX, C, 2),
    "tensordot, left": T.tensordot(B, MATRIX, 2),
    "tensordot, axes": T.tensordot(MATRIX, C, [[3, 2], [1, 0]]),
    "einsum, right": T.einsum("ijab,ab->ij", MATRIX, C),
    "einsum, left": T.einsum("ij,ijab->ab", B, MATRIX),
    "einsum, operands the other way": T.einsum("ab,ijab->ij", C, MATRIX),
    "einsum, both": T.einsum("ij,ijab,ab->", B, MATRIX, C),
    "einsum, transposed result": T.einsum("ijab,ab->ji", MATRIX, C),
    "sum of products": (MATRIX * C).sum((2, 3)),
    "sum of products, left": (B[:, :, None, None] * MATRIX).sum((0, 1)),
    "sum over each axis": MATRIX.sum(3).sum(2) + (MATRIX.sum(0) * C).sum((1, 2)),
    "sum of all": MATRIX.sum() + (MATRIX * C).sum(),
    "reshaped": MATRIX.reshape((Y.size, M.size)) @ C.flatten(),
    "reshaped, left": B.flatten() @ MATRIX.reshape((Y.size, M.size)),
    "one element's row": MATRIX[1, 2] + MATRIX[-1][0],
    "one variable's column": MATRIX[:, :, 1, 2],
    "slices": T.tensordot(MATRIX[:, 1:], C, 2) + T.tensordot(MATRIX[..., 1:], C[:, 1:], 2)[:, 1:],
    "rows of one": T.tensordot(MATRIX[1], C, 2),
    "transposed": T.tensordot(C, MATRIX.transpose(2, 3, 0, 1), 2),
    "axes exchanged": T.tensordot(MATRIX.transpose(1, 0, 3, 2), C.T, 2),
    "joined": T.tensordot(T.concatenate([MATRIX, 2 * MATRIX], axis=1), C, 2),
    "scaled": T.tensordot(S * MATRIX / B[:, :, None, None] * C + MATRIX, C, 2),
    "of a vector": T.tensordot(OF_VECTOR, C, 2) + (OF_VECTOR * C).sum((1, 2)),
    "of a vector, left": T.tensordot(U, OF_VECTOR, 1) + T.dot(U, OF_VECTOR.transpose(1, 0, 2)),
    "of a vector, row": OF_VECTOR[1] + OF_VECTOR.sum(0),
    "by a vector": BY_VECTOR @ V + T.dot(BY_VECTOR, V) + T.einsum("bij,j->bi", BY_VECTOR, V),
    "by a vector, left": T.tensordot(B, BY_VECTOR, 2),
    "by a vector, several": BY_VECTOR @ W.T,
    "by a vector, column": BY_VECTOR[:, :, 2] + (BY_VECTOR * V).sum(-1),
    "of three axes": T.tensordot(OF_THREE, R, 3) + (OF_THREE * R).sum((3, 4, 5)),
    "of three axes, left": T.tensordot(R, OF_THREE, 3) + OF_THREE[1, 0, 2],
    "by a scalar": (B * BY_SCALAR.sum()) * S,
    "by a scalar, element": BY_SCALAR[1, 2] + BY_SCALAR.reshape((B.size,))[1:].sum(),
    "by a scalar, parts": ROWS[1:] * 2,
    "by a scalar, all": [BY_SCALAR, ROWS, (ROWS * U) ** 2],
    "Hessian": T.tensordot(HESSIAN, C, 2) + T.einsum("ab,abij->ij", C, HESSIAN),
    "quadratic form": T.einsum("ab,abij,ij->", C, HESSIAN, C),
    "curvature": T.einsum("ijab,ij,ijcd,cd->ab", MATRIX, B, MATRIX, C),
    "row times a vector": T.jacobian(T.tanh(T.dot(W, X)), X)[1] @ V,
    "outer product": (T.jacobian(T.tanh(T.dot(W.T @ W, X)), X) * T.outer(V, X)).sum(),
    "over an outer product": (T.jacobian(T.tanh(T.dot(W.T @ W, X)), X) / T.outer(V, X)).sum(1),
}
"""Outputs for which no Jacobian is built."""

SUMS = T.jacobian(T.cumsum(T.dot(M, T.sin(T.dot(W, X))) ** 2), M)  # (2, 2, 3)
BUILT = {
    "part of the columns": T.einsum("iab,b->ia", SUMS, X[:3]),
    "rows and columns mixed": SUMS.transpose(1, 0, 2).reshape((4, 3)) @ X[:3],
    "elements": SUMS[:, T.arange(2), T.arange(2)],
    "squared": (SUMS**2).sum((1, 2)),
    "any matrix": (T.jacobian(T.cumsum(T.sin(X)), X) * (W.T @ W)).sum(),
}
"""Outputs for which one is."""


def values(rng):
    return [rng.uniform(0.5, 1.5, EXTENTS[v.name]) for v in INPUTS]


def compiled(output, mode):
    return gradcore.function(INPUTS, output, mode, on_unused_input="ignore")


def loops(graph):
    """Return how many loops there are, those in loops among them."""
    inner = [g for node in graph.nodes for g in node.op.graphs]
    own = sum(isinstance(node.op, Scan) for node in graph.nodes)
    return own + sum(map(loops, inner))


def assert_close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape and np.allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", [*SEEN, *BUILT])
def test_products_are_those_of_the_tensor(name, rng, rows_as_loops):
    output = (SEEN | BUILT)[name]
    outputs = output if isinstance(output, list) else [output]
    given = values(rng)
    f = compiled(outputs, rows_as_loops)
    assert_close(f(*given), compiled(outputs, PLAIN)(*given))
    over_vectors = name == "by a vector, several"
    assert (loops(f.maker.fgraph) > over_vectors) is (name in BUILT)


def test_everywhere(everywhere, rng):
    names = ("einsum, operands the other way", "by a vector, several", "slices", "curvature")
    given = values(rng)
    outputs = [SEEN[name] for name in names]
    assert_close(compiled(outputs, everywhere)(*given), compiled(outputs, PLAIN)(*given))


def test_in_loops(rng):
    """Each step multiplies with Jacobians of its own."""

    def step(row):
        own = {W: T.outer(U.sum() * X[:3], row)}
        return substitute([T.tensordot(MATRIX, C, 2), OF_VECTOR[1]], own)

    outputs, _ = gradcore.scan(step, B)
    given = values(rng)
    f = compiled(outputs, "numpy")
    assert_close(f(*given), compiled(outputs, PLAIN)(*given))
    assert loops(f.maker.fgraph) <= 1


def test_vectors_of_other_shapes_raise(everywhere, rng):
    given = dict(zip(INPUTS, values(rng), strict=True))
    for output, v in ((T.tensordot(MATRIX, C, 2), C), (T.tensordot(R, OF_THREE, 3), R)):
        f = compiled(output, everywhere)
        wrong = given | {v: np.ones([n + 1 for n in given[v].shape])}
        with pytest.raises(ValueError, match="shape|extent|size|reshape|elements"):
            f(*wrong.values())


def test_diagonals_of_matrices_of_known_extents():
    places = T.arange(X.shape[0])
    scaled = T.inc_subtensor(T.constant(np.zeros((4, 4)))[places, places], X)
    product = T.dot(T.jacobian(T.sin(V), V), scaled)
    found = gradcore.function([X, V], product, "numpy")(np.arange(4.0), np.ones(4))
    assert np.allclose(found, np.diag(np.cos(1) * np.arange(4)), rtol=1e-14)
