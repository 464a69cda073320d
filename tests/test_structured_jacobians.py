"""Jacobians that are needed as a whole and are sparse by indices, or by blocks of rows."""

import importlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError, LinAlgError
from gradcore.graph.nodes import extents_of
from gradcore.ops.cumulative import Recurrence
from gradcore.ops.factors import Solve, SolveLower
from gradcore.ops.index import IncSubtensor
from gradcore.ops.linalg import Dot
from gradcore.ops.scan import Scan
from gradcore.ops.shape_values import Extent
from gradcore.rewrite.jacobians.entries import positions

X = T.dvector("X")
M, W = T.dmatrices("M", "W")
TO, AT = T.lvectors("TO", "AT")
Q = T.dtensor3("Q")
INPUTS = [X, M, W, TO, AT, Q]
PLAIN = gradcore.Mode("numpy", optimizer=False)


def values(rng, n=5, b=3, m=4):
    """Operands; indices count from either end, and repeat."""
    return [
        rng.uniform(0.5, 1.5, n),
        rng.uniform(0.5, 1.5, (b, m)),
        rng.uniform(0.5, 1.5, (m, m + 1)),
        rng.integers(-n, n, n + 2) if n else np.zeros(0, "int64"),
        rng.integers(-n, n, n + 2) if n else np.zeros(0, "int64"),
        rng.uniform(0.5, 1.5, (b, m, 2)),
    ]


def softmax(x):
    e = T.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def forces(x):
    return ((x[TO] - x[AT]) ** 4).sum() + T.exp(x).sum()


def by_hand(linear):
    """Return the matrix of a map, by a loop over unit vectors."""
    found, _ = gradcore.scan(
        lambda i: linear(T.inc_subtensor(T.zeros_like(X)[i], 1.0)), T.arange(X.shape[0])
    )
    return found


EMPTY = T.zeros_like(M)
ON_M = TO[2:] % M.shape[0], AT[2:] % M.shape[1]

ENTRIES = {
    "gathered": T.jacobian(T.sin(X[TO]) * X[AT], X),
    "gathered by constants": T.jacobian(T.sin(X[[0, 2, 2, -1]]), X),
    "reversed": T.jacobian(X * T.exp(X[::-1]), X),
    "strided": T.jacobian(X[::2] * X[0], X),
    "rolled": T.jacobian(X * T.roll(X, 1), X),
    "scattered": T.jacobian(T.inc_subtensor(T.exp(X)[TO], T.sin(X[AT])), X),
    "springs": T.hessian(forces(X), X),
    "joined": T.jacobian(T.concatenate([X[::-1] ** 2, T.sin(X), X[TO]]), X),
    "transposed": T.jacobian(T.sin(M).T * M[0, 0], M),
    "transposed constants": T.jacobian(3 * M.T, M),
    "reshaped": T.jacobian(T.exp(M.T).reshape((M.shape[0], M.shape[1])) * M, M),
    "rows of a matrix": T.jacobian(T.sin(M[::-1]) * M, M),
    "rows gathered": T.jacobian(T.sin(M[[-1, 0, -1]]), M),
    "sums of rows": T.jacobian((M**3).sum(1), M),
    "sums of columns": T.jacobian(T.exp((M**3).sum(0)), M),
    "grid": T.hessian(((M[1:] - M[:-1]) ** 4).sum() + ((M[:, 1:] - M[:, :-1]) ** 4).sum(), M),
    "three axes": T.jacobian(T.sin(Q).transpose(2, 0, 1) * 2, Q),
    "repeated": T.jacobian(T.repeat(T.sin(X), 2), X),
    "broadcast": T.jacobian(T.outer(T.sin(X), T.ones_like(X)), X),
    "outer product": T.jacobian(T.outer(T.sin(X), X), X),
    "by hand, joined": by_hand(lambda u: T.concatenate([u[::-1] * X, u[TO]])),
    "by hand, summed": by_hand(lambda u: T.outer(X, u[::-1]).sum(0) * X),
    "by hand, scattered": by_hand(lambda u: T.inc_subtensor(EMPTY[ON_M], u * X).T * M.T),
}
"""Jacobians with as many entries as operations in the function."""

BLOCKS = {
    "layer of rows": T.jacobian(T.tanh(M @ W), M),
    "two layers of rows": T.jacobian(T.tanh(T.tanh(M @ W) @ W.T), M),
    "softmax of rows": T.jacobian(softmax(M), M),
    "norms of rows": T.jacobian(M / T.sqrt((M**2).sum(1, keepdims=True)), M),
    "products in rows": T.jacobian(M[:, 1:] * M[:, :-1] * M.sum(1, keepdims=True), M),
    "layer and a vector": T.jacobian(T.tanh(M @ W) @ W[0], M),
    "stacks of matrices": T.jacobian(T.tanh(T.matmul(Q, Q.transpose(0, 2, 1))), Q),
    "energy of rows": T.hessian(T.log(T.exp(M @ W).sum(1)).sum(), M),
    "joined in rows": T.jacobian(T.concatenate([M @ W, M**2], axis=1), M),
}
"""Jacobians in which the rows of a result depend on the same rows of a variable."""

ROWS_MIXED = {
    "centred": T.jacobian(T.tanh(M - M.mean(0)), M),
    "softmax of columns": T.jacobian(softmax(M.T).T, M),
    "sum of layers": T.jacobian(T.tanh(M @ W).sum(0), M),
    "layer of reversed rows": T.jacobian(T.tanh(M[::-1] @ W), M),
    "Gram matrix": T.jacobian(M @ M.T, M),
    "cumulative": T.jacobian(T.cumsum(T.tanh(M @ W), 0), M),
    "reshaped between": T.jacobian(T.tanh(M.reshape((M.shape[1], M.shape[0]))).sum(1), M),
    "mixed by flattening": T.jacobian(
        T.tanh(T.tanh(M @ W).flatten()[::-1].reshape((W.shape[1], -1))), M
    ),
}
"""Jacobians in which they do not: what is no block structure."""

CASES = ENTRIES | BLOCKS | ROWS_MIXED


def compiled(output, mode):
    return gradcore.function(INPUTS, output, mode, on_unused_input="ignore")


def has_loop(f):
    return any(isinstance(node.op, Scan) for node in f.maker.fgraph.apply_nodes)


def assert_close(found, wanted):
    assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_structure_is_that_of_the_rows(name, rng):
    """Extents are unknown; the loop over rows is the judge."""
    plain, f = compiled(CASES[name], PLAIN), compiled(CASES[name], "numpy")
    for extents in ((5, 3, 4), (3, 1, 2), (4, 2, 2)):
        operands = values(rng, *extents)
        assert_close(f(*operands), plain(*operands))
    assert name in ROWS_MIXED or not has_loop(f)


def test_everywhere(everywhere, rng):
    names = ("springs", "joined", "transposed", "softmax of rows", "two layers of rows")
    operands, outputs = values(rng), [CASES[name] for name in names]
    found, wanted = (compiled(outputs, mode)(*operands) for mode in (everywhere, PLAIN))
    for a, b in zip(found, wanted, strict=True):
        assert_close(a, b)


def test_no_elements():
    """Of variables without rows, or with rows of no elements, and of no variables at all."""
    for name in ("gathered", "reversed", "springs"):
        f, rng = compiled(CASES[name], "numpy"), np.random.default_rng(1)
        operands = [*values(rng)[:3], np.zeros(0, "int64"), np.zeros(0, "int64"), values(rng)[5]]
        assert_close(f(*operands), compiled(CASES[name], PLAIN)(*operands))
    for name in (
        "transposed constants",
        "two layers of rows",
        "sums of rows",
        "layer and a vector",
    ):
        f, plain = compiled(CASES[name], "numpy"), compiled(CASES[name], PLAIN)
        for b, m in ((0, 3), (2, 0), (0, 0)):
            if m or name not in ("two layers of rows", "layer and a vector"):
                operands = values(np.random.default_rng(2), 5, b, m)
                assert_close(f(*operands), plain(*operands))


@pytest.mark.parametrize("wrong", [7, -8])
def test_indices_out_of_bounds_raise(wrong):
    operands = values(np.random.default_rng(3))
    operands[3][0] = wrong
    for name in ("gathered", "springs", "scattered"):
        with pytest.raises(IndexError):
            compiled(CASES[name], "numpy")(*operands)


def test_in_loops(everywhere, rng):
    """Structured in each step."""
    outputs, _ = gradcore.scan(
        lambda row: [T.jacobian(row * T.exp(row[::-1]), row), T.jacobian(T.sin(row)[TO % 3], row)],
        M,
    )
    operands = values(rng)
    f = compiled(outputs, everywhere)
    for a, b in zip(f(*operands), compiled(outputs, PLAIN)(*operands), strict=True):
        assert_close(a, b)


# expressions ------------------------------------------------------------------------------------
CHAIN = T.jacobian(X[1:] - X[:-1] ** 2, X)
SPRINGS = T.jacobian(T.sin(X[TO]) - X[AT], X)
EXP = T.jacobian(T.exp(X), X)
JOINED = T.jacobian(T.concatenate([X[1:] - X[:-1] ** 2, T.sin(X)]), X)
LAYER = T.jacobian(T.tanh(M.T @ M @ X[:4]), X)
D = T.outer(T.cos(X), X + 1)

SPARSE = {
    "J.T @ J": CHAIN.T @ CHAIN,
    "J @ J.T": CHAIN @ CHAIN.T,
    "J.T @ (w * J)": CHAIN.T @ (X[1:, None] * CHAIN),
    "J.T @ diag(w) @ J": CHAIN.T @ T.diag(X[1:]) @ CHAIN,
    "J.T @ J + l eye": CHAIN.T @ CHAIN + X[0] * T.eye(X.shape[0]),
    "J.T @ J of joined": JOINED.T @ JOINED + T.eye(X.shape[0]),
    "a J + K": 2 * EXP + EXP * X - T.hessian((X**4).sum(), X),
    "J @ K": EXP @ EXP,
    "J.T @ J of entries": SPRINGS.T @ SPRINGS,
    "(J * C).sum()": (CHAIN * D[1:]).sum() + (D * EXP.T).sum(),
    "(J * C).sum() of entries": (SPRINGS * T.outer(X[TO], X)).sum(),
    "diag(J) of entries": T.diag(SPRINGS),
    "trace(C.T @ J)": T.trace(D.T @ EXP),
    "diag(J.T @ J)": T.diag(CHAIN.T @ CHAIN),
}
"""Outputs of sparse Jacobians for which no product of matrices, and no loop, is left."""

PLACES = T.arange(M.shape[0])
BATCHES = {
    "einsum": T.einsum("bnbm->bnm", BLOCKS["two layers of rows"]),
    "einsum, axes exchanged": T.einsum("bnbm->mbn", BLOCKS["layer of rows"]),
    "diagonal": BLOCKS["softmax of rows"].diagonal(0, 0, 2),
    "indices": BLOCKS["norms of rows"][PLACES, :, PLACES],
    "elementwise": T.einsum("bnbm->bnm", T.jacobian(T.sin(M) * M.sum(1, keepdims=True), M)),
    "of three axes": T.einsum("ijkilm->ijklm", BLOCKS["stacks of matrices"]),
    "one result a row": T.einsum("bbm->bm", BLOCKS["layer and a vector"]),
    "one result a row, elementwise": T.jacobian((M**3).sum(1), M)[PLACES, PLACES],
    "trace": T.einsum("bnbm->nm", BLOCKS["two layers of rows"]),
}
"""Blocks on the diagonal of Jacobians of batches, of which nothing else is computed."""

NO_BATCHES = {
    "rows mixed": T.einsum("bnbm->bnm", ROWS_MIXED["centred"]),
    "other axes": T.einsum("bnmn->bnm", T.jacobian(T.tanh(M @ W[:, :4]), M)),
    "other blocks": BLOCKS["layer of rows"][PLACES, :, PLACES[::-1]],
    "blocks beside the diagonal": T.einsum("bnbm->bnm", ROWS_MIXED["layer of reversed rows"]),
}
SCATTERED = ("other axes", "other blocks", "blocks beside the diagonal")

DENSE = {
    "J.T @ J of a layer": LAYER.T @ LAYER,
    "J @ J.T of entries": SPRINGS @ SPRINGS.T,
    "(J * J).sum()": (CHAIN * CHAIN).sum(),
    "(J * C).sum(), and J": (EXP * D).sum() + EXP,
    "(J * C) elsewhere": (EXP * D).sum() + EXP * D,
    "diag by other indices": EXP[AT % 3, TO % 3],
    "no identity": CHAIN.T @ CHAIN + T.eye(X.shape[0], k=1) + T.eye(X.shape[0], X.shape[0], 1),
    "no diagonal": CHAIN.T @ T.set_subtensor(D[1:, 1:][TO[:2] % 2, TO[:2] % 2], X[:2]) @ CHAIN,
}
"""Outputs that need some matrix as a whole."""


@pytest.mark.parametrize("name", [*SPARSE, *DENSE])
def test_expressions_are_as_sparse(name, rng):
    output = (SPARSE | DENSE)[name]
    f, operands = compiled(output, "numpy"), values(rng)
    assert_close(f(*operands), compiled(output, PLAIN)(*operands))
    products = [n for n in f.maker.fgraph.apply_nodes if isinstance(n.op, Dot) and n.out.ndim > 1]
    assert name in DENSE or not (products or has_loop(f))


@pytest.mark.parametrize("name", [*BATCHES, *NO_BATCHES])
def test_batches(name, rng):
    output = (BATCHES | NO_BATCHES)[name]
    f = compiled(output, "numpy")
    for b in (3, 1):
        operands = values(rng, 5, b, 4)
        assert_close(f(*operands), compiled(output, PLAIN)(*operands))
    assert has_scatter(f) is (name in SCATTERED) and not has_loop(f)


def has_scatter(f):
    """Return whether blocks are put on the diagonal of a tensor."""
    return any(
        isinstance(n.op, IncSubtensor) and len(n.op.pattern) == 3
        for n in f.maker.fgraph.apply_nodes
    )


def test_expressions_everywhere(everywhere, rng):
    outputs = [*SOLVED["two below"], BATCHES["einsum"]]
    outputs += [SPARSE[k] for k in ("J.T @ J + l eye", "J.T @ J of entries", "(J * C).sum()")]
    operands = values(rng)
    for a, b in zip(
        compiled(outputs, everywhere)(*operands), compiled(outputs, PLAIN)(*operands), strict=True
    ):
        assert_close(a, b)


# equations --------------------------------------------------------------------------------------
def solve(a, b, **given):
    return T.linalg.solve_triangular(a, b, **given)


def neighbours(x):
    """Each element with both of its neighbours."""
    inner = x[1:-1] ** 2 + x[2:] * x[:-2]
    return T.concatenate([x[:1] ** 3 + x[1:2], inner, x[-1:] ** 3 - x[-2:-1]])


LOWER = T.jacobian(X**3 + T.inc_subtensor(T.zeros_like(X)[1:], T.sin(X[:-1]) * X[1:]), X)
SECOND = T.jacobian(X**2 + T.inc_subtensor(T.zeros_like(X)[2:], T.exp(X[:-2])), X) + LOWER
SUMS = T.jacobian(T.cumsum(T.sin(X)), X)
RECURRENT, DECAY = Recurrence(0), 1 + T.cos(T.arange(X.shape[0]))
BOTH = LOWER + 2 * LOWER.T
WIDE = T.jacobian(T.inc_subtensor(T.zeros_like(X)[3:], X[:-3] ** 2), X) + BOTH
SHORT, LONG = (T.specify_shape(T.arange(1.0, n + 1), (n,)) for n in (5, 6))
SOLVED = {
    "diagonal": [solve(EXP, X, lower=True), solve(EXP, D), solve(2 * EXP, D, trans=True)],
    "lower": [solve(LOWER, X, lower=True), solve(LOWER, D, lower=True, trans=True)],
    "upper": [solve(LOWER.T, X), solve(LOWER.T, D, trans=True)],
    "two below": [solve(SECOND, X, lower=True), solve(SECOND, X, lower=True, trans=True)],
    "other triangle": [solve(LOWER, X), solve(LOWER.T, D, lower=True)],
    "not a triangle": [T.linalg.solve(EXP, X), T.linalg.solve(LOWER, D)],
    "not a triangle, transposed": [T.linalg.solve(LOWER.T, D), T.linalg.solve(SECOND.T, X)],
    "singular": [
        T.linalg.solve(T.jacobian(T.switch(X.min() < X, X**2, 1.0), X), X, on_error="nan")
    ],
    "sums of all before": [T.linalg.solve(SUMS, X), T.linalg.solve(SUMS.T, D)],
    "sums of sums": [T.linalg.solve(T.jacobian(-T.cumsum(T.exp(T.cumsum(X**2)[::-1]) / 3), X), D)],
    "recurrence": [
        T.linalg.solve(T.jacobian(RECURRENT(DECAY, X**2) / DECAY, X), v) for v in (X, D)
    ],
    "singular sums": [
        T.linalg.solve(T.jacobian(T.cumsum(T.switch(X > 1, X**2, 1.0)), X), D, on_error="nan")
    ],
    "bands on both sides": [T.linalg.solve(J, v) for J in (BOTH, BOTH.T, WIDE) for v in (X, D)],
    "of known extents": [T.linalg.solve(T.jacobian(neighbours(LONG) * X[0], LONG), LONG)],
    "of a product": [solve(LOWER @ LOWER, X, lower=True), solve(EXP + X[0] * EXP, X)],
}
"""Solutions along bands, without a matrix."""

NOT_SOLVED = {
    "dense": solve(T.jacobian(T.tanh(T.outer(X, X) @ X) + X, X), X, lower=True),
    "too few rows": T.linalg.solve(T.jacobian(neighbours(SHORT) + X[0], SHORT), SHORT),
    "no diagonal": SolveLower(raises=False)(
        T.jacobian(T.inc_subtensor(T.zeros_like(X)[1:], X[:-1]), X), X.dimshuffle(0, "x")
    ),
    "on the right": solve(T.outer(X, X) + T.eye(X.shape[0]), LOWER, lower=True),
}


@pytest.mark.parametrize("name", [*SOLVED, *NOT_SOLVED])
def test_equations(name, rng):
    outputs = SOLVED[name] if name in SOLVED else [NOT_SOLVED[name]]
    f, plain = compiled(outputs, "numpy"), compiled(outputs, PLAIN)
    for n in (5, 3):
        operands = values(rng, n)
        with np.errstate(all="ignore"):
            for a, b in zip(f(*operands), plain(*operands), strict=True):
                assert a.shape == b.shape and np.allclose(a, b, rtol=1e-10, equal_nan=True)
    ops = {type(node.op) for node in f.maker.fgraph.apply_nodes}
    assert bool({Solve, SolveLower} & ops) is (name in NOT_SOLVED)


@pytest.mark.parametrize("below", [1, 2])
@pytest.mark.parametrize("above", [1, 3])
def test_equations_with_bands_change_the_places_of_rows(above, below, everywhere, rng):
    """Without that, they could not be solved: there are zeros on the diagonal."""
    a, c = T.dvectors("a", "c")
    y = T.inc_subtensor(T.zeros_like(X)[below:], a[below:] * X[:-below])
    y = T.inc_subtensor(y[:-above], c[:-above] * X[above:]) + T.switch(a > 0, 0.0, X)
    J, n = T.jacobian(y, X), 12
    f = gradcore.function([X, a, c, W], [T.linalg.solve(J, W), J], mode=everywhere)
    given = [rng.normal(size=n) for _ in range(3)]
    right = rng.normal(size=(n, 2))
    x, matrix = f(*given, right)
    assert np.allclose(x, np.linalg.solve(matrix, right), rtol=1e-9)


def test_singular_equations_with_bands(rng):
    for found, on_error in ((np.nan, "nan"), (None, "raise")):
        f = gradcore.function(
            [X], T.linalg.solve(T.jacobian(neighbours(X), X), X, on_error=on_error)
        )
        operand = rng.uniform(0.5, 1.5, 9)
        assert np.isfinite(f(operand)).all()
        operand[[2, 3, 4]] = 0  # so row 3 is one of zeros
        if found is None:
            with pytest.raises(LinAlgError):
                f(operand)
        else:
            assert np.isnan(f(operand)).all()


CONSTANT = {
    "affine": (T.jacobian(W @ X + 3, X), None),
    "linear layers": (T.jacobian(M @ (W @ X), X), "dot(M, W)"),
    "quadratic": (T.hessian(X[:4] @ (M.T @ M) @ X[:4], X), None),
    "quadratic form": (T.hessian(X @ (W.T @ W) @ X, X), None),
    "squares": (T.hessian(((X[1:] - X[:-1]) ** 2).sum(), X), None),
    "least squares": (T.hessian(((M @ (W @ X) - 1) ** 2).sum(), X), None),
    "of a matrix": (T.hessian((M**2).sum(), M), None),
}
"""Jacobians that do not depend on what they are by, and as what they print, if that is short."""


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_derivatives_do_not_compute_the_function(name, rng):
    output, text = CONSTANT[name]
    f, operands = compiled(output, "numpy"), values(rng)
    assert_close(f(*operands), compiled(output, PLAIN)(*operands))
    by = f.maker.fgraph.inputs[1 if name == "of a matrix" else 0]
    readers = {type(n.op) for n in f.maker.fgraph.apply_nodes if by in n.inputs}
    assert readers <= {Extent} and not has_loop(f)
    assert text is None or text in gradcore.pp(f)


# mutants ----------------------------------------------------------------------------------------
def module(name):
    return importlib.import_module(f"gradcore.rewrite.jacobians.{name}")


MUTANTS = {
    "every op is by rows": ("bands", "_is_by_rows", lambda node, i: True, "centred"),
    "not transposed": (
        "entries", "_undone", lambda node, op: positions(extents_of(node.inputs[0])),
        "by hand, scattered",
    ),
    "summed into the first element": (
        "entries", "_sums", lambda node, axes: 0 * positions(extents_of(node.inputs[0])),
        "by hand, summed",
    ),
    "joined at the start": (
        "entries", "_joined", lambda node, op, i: positions(extents_of(node.inputs[i])),
        "by hand, joined",
    ),
    "blocks on all rows": (
        "bands", "of_all_rows",
        lambda stack, blocks: T.alloc(
            stack.dimshuffle("x", 0, *range(1, stack.ndim)),
            blocks.rows, blocks.each, *extents_of(stack)[1:],
        ).reshape((blocks.rows * blocks.each, *extents_of(stack)[1:])),
        "layer of reversed rows",
    ),
    "every slice begins at the start": ("bands", "_slice_of", lambda node: (0, 0), "rolled"),
}  # fmt: skip
"""Lies of the reader of structure: where, what, the lie, and a Jacobian that shows it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(name, monkeypatch, rng):
    where, what, lie, case = MUTANTS[name]
    operands = values(rng)
    wanted = compiled(CASES[case], PLAIN)(*operands)
    assert_close(compiled(CASES[case], "numpy")(*operands), wanted)
    monkeypatch.setattr(module(where), what, lie)
    try:
        found = compiled(CASES[case], "numpy")(*operands)
    except GradcoreError:
        return
    assert found.shape != wanted.shape or not np.allclose(found, wanted)


# random maps ------------------------------------------------------------------------------------
STEPS = [
    lambda v, k: T.tanh(v) * (k + 1),
    lambda v, k: v @ T.cos(T.outer(T.arange(v.shape[1]) + 1.0, T.arange(v.shape[1] + k))),
    lambda v, k: v[::-1] * v,
    lambda v, k: v[:, ::-1] * v,
    lambda v, k: v - v.mean(k % 2, keepdims=True),
    lambda v, k: T.sin(v).T,
    lambda v, k: v.flatten()[::-1].reshape((v.shape[1], v.shape[0])),
    lambda v, k: T.concatenate([v, v[: k + 1] ** 2], axis=0),
    lambda v, k: T.concatenate([v[:, k:], v], axis=1),
    lambda v, k: v[[0, -1]],
    lambda v, k: v[:, [k % 2, 0, -1]] * 2,
    lambda v, k: T.inc_subtensor(v[:, k:], v[:, : v.shape[1] - k] * v[:, k:]),
    lambda v, k: T.set_subtensor(v[k:], v[:1].sum(0)),
    lambda v, k: T.inc_subtensor(v[[0, 0, -1]], T.exp(v[0])),
    lambda v, k: T.cumsum(v, k % 2),
    lambda v, k: v * (v**2).sum(k % 2, keepdims=True),
    lambda v, k: T.matmul(v[:, :, None], v[:, None, :]).sum(1 + k % 2),
    lambda v, k: v @ v.T @ v,
]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 2)), max_size=3),
    st.tuples(st.integers(2, 3), st.integers(2, 4)),
    st.booleans(),
)
def test_random_maps(steps, shape, second):
    v = M
    for which, k in steps:
        v = STEPS[which](v, k)
    J = T.hessian((v**2).sum(), M) if second else T.jacobian(v, M)
    value = np.linspace(-0.7, 0.9, shape[0] * shape[1]).reshape(shape)
    wanted = gradcore.function([M], J, PLAIN)(value)
    assume(np.isfinite(wanted).all())  # zeros times infinities are in the loop over rows alone
    found = gradcore.function([M], J, "numpy")(value)
    scale = np.abs(wanted).max(initial=1.0)
    assert found.shape == wanted.shape
    assert np.allclose(found / scale, wanted / scale, rtol=1e-10, atol=1e-11)
