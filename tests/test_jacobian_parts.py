"""Parts of Jacobians that are needed: as many products as the part has rows, or columns."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph import substitute
from gradcore.graph.nodes import constant_extent
from gradcore.ops.scan import Scan

EXTENTS = {"X": (5, 3), "A": (3, 4), "B": (5, 4), "W": (4,), "U": (5,), "V": (3,)}
INPUTS = X, A, B, W, U, V = [T.tensor(k, "float64", shape) for k, shape in EXTENTS.items()]
PLAIN = gradcore.Mode("numpy", optimizer=False)

MIXED = T.dot(T.tanh(T.dot(X, A)), W).cumsum()
BY_MATRIX = T.jacobian(T.concatenate([MIXED, MIXED**2, T.sin(MIXED)]), X)
"""Of 15 elements by (5, 3)."""
SPREAD = T.outer(T.sin(U).cumsum(), T.cumsum(W)) * T.exp(W).cumsum().sum()
OF_MATRIX = T.jacobian(T.concatenate([SPREAD, SPREAD**2], axis=1), W)
"""Of (5, 8) elements by 4."""
WIDE = T.jacobian(T.cumsum(SPREAD, axis=1)[:, 2:], U)
"""Of (5, 2) elements by 5."""
TALL = T.jacobian(T.cumsum(T.tanh(T.dot(A, W * T.cumsum(W))).cumsum()), W)
"""Of 3 elements by 4."""

ORDERED = T.jacobian(T.cumsum(T.cumsum(T.tanh(T.dot(A, W)))), W, mode="forward")
F = T.cast(V, "float32")

FEWER = {
    "einsum, last axis": (T.einsum("iab,b->ia", BY_MATRIX, V), 5),
    "einsum, inner axis": (T.einsum("iab,a->ib", BY_MATRIX, U), 3),
    "einsum, another order": (T.einsum("iab,a->bi", BY_MATRIX, U), 3),
    "einsum, operands the other way": (T.einsum("b,iab->ia", V, BY_MATRIX), 5),
    "einsum, first axis of the result": (T.einsum("ija,i->ja", WIDE, U), 2),
    "einsum, last axis of the result": (T.einsum("ija,j->ai", WIDE, W[:2]), 5),
    "tensordot": (T.tensordot(BY_MATRIX, V, 1), 5),
    "tensordot, left": (T.tensordot(U, WIDE, 1), 2),
    "matmul": (BY_MATRIX @ V, 5),
    "matmul, left": (U @ BY_MATRIX, 3),
    "column": (T.dot(BY_MATRIX, V[:, None]), 5),
    "sum of products": ((BY_MATRIX * V).sum(2), 5),
    "sum of scaled products": ((3 * BY_MATRIX * U[:, None]).sum(1), 3),
    "sum": (BY_MATRIX.sum(2), 5),
    "sum, transposed": (BY_MATRIX.transpose(2, 1, 0).sum(0) ** 2, 5),
    "one of the columns' axes": (BY_MATRIX[:, :, 1], 5),
    "some columns": (BY_MATRIX[:, 1:3, ::2], 4),
    "some rows": (TALL[1:], 2),
    "one row's": (WIDE[1], 2),
    "rows at indices": (TALL[[2, 0]], 2),
    "rows at indices, twice": (TALL[[1, 0, 1]][[2, 2]] * 2, 2),
    "columns at indices": (BY_MATRIX[:, :, [-1]], 5),
    "columns in another order": (BY_MATRIX[:, [[4, 1]], 1:], 4),
    "scaled rows at indices": ((U[:3, None] * TALL)[[2, 0]] / W, 2),
    "rows of rows": (TALL[1:][:1] * 2, 1),
    "elements": (TALL[[2, 0], [1, -1]], 2),
    "scaled elements": ((U[:3, None] * TALL)[[[2], [0]], [[1], [3]]], 2),
    "elements of rows and columns": (TALL[np.ix_([2, 0], [1, 3, 0])], 2),
    "elements of columns and rows": (TALL[[[2, 0, 1, 1]], [[3], [1]]], 2),
    "elements of one row": (TALL[[[-1]], [1, 3, 0]], 1),
    "beside products": ([BY_MATRIX.sum(2), T.tensordot(BY_MATRIX, X, 2)], 5),
}
"""Outputs, and in how many products they are computed."""

AS_MANY = {
    "with a matrix": (T.einsum("iab,bc->iac", BY_MATRIX, A), 15),
    "over rows and columns": (T.einsum("iab,ib->a", BY_MATRIX[:5] + 1, X), 5),
    "of rows and of columns": (T.einsum("iab,ib->a", BY_MATRIX, T.concatenate([X, X, X])), 15),
    "two parts": ([BY_MATRIX.sum(2), T.einsum("iab,a->ib", BY_MATRIX, U)], 15),
    "part and whole": ([BY_MATRIX.sum(2), BY_MATRIX], 15),
    "squared": ((BY_MATRIX**2).sum(2), 15),
    "of another dtype": (T.einsum("iab,b->ia", T.cast(BY_MATRIX, "float32"), F), 15),
    "of a product": ((T.dot(A.T, TALL) + 1)[1:], 3),
    "more indices than rows": (TALL[[0, 2, 1, 0]], 3),
    "more elements than rows": (TALL[[0, 2, 1, 0], [0, 1, 2, 3]], 3),
    "more rows and columns than there are": (TALL[np.ix_([0, 2, 1, 0], [0, 1, 2, 3])], 3),
    "elements and a part": ([TALL[[0, 2], [0, 1]], TALL[1:]], 3),
    "elements, squared before": ((TALL**2)[[0, 2], [0, 1]], 3),
    "some rows of a sum": ((TALL + T.outer(V, W))[1:], 3),
    "in the order asked for": (ORDERED[1:], 4),
}
"""Outputs of which the Jacobian is built, and its products."""


def compiled(output, mode):
    return gradcore.function(INPUTS, output, mode, on_unused_input="ignore")


def steps(f):
    """Return how many products there are: the steps of loops over unit vectors."""
    loops = [node for node in f.maker.fgraph.nodes if isinstance(node.op, Scan)]
    return [constant_extent(node.inputs[0]) for node in loops]


def assert_close(found, wanted, rtol=1e-12):
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape and np.allclose(a, b, rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize("name", [*FEWER, *AS_MANY])
def test_as_many_products_as_are_needed(name, rng, rows_as_loops):
    output, products = (FEWER | AS_MANY)[name]
    outputs = output if isinstance(output, list) else [output]
    given = [rng.uniform(0.5, 1.5, shape) for shape in EXTENTS.values()]
    f = compiled(outputs, rows_as_loops)
    narrow = any(v.dtype == "float32" for v in outputs)
    assert_close(f(*given), compiled(outputs, PLAIN)(*given), 1e-5 if narrow else 1e-12)
    assert steps(f) == [products]


def test_everywhere(everywhere, rng):
    given = [rng.uniform(0.5, 1.5, shape) for shape in EXTENTS.values()]
    outputs = [FEWER[name][0] for name in ("einsum, inner axis", "tensordot, left", "some columns")]
    assert_close(compiled(outputs, everywhere)(*given), compiled(outputs, PLAIN)(*given))


@pytest.mark.parametrize("count", [0, 2, 4])
def test_indices_that_are_counted_when_it_runs(count, rng, everywhere):
    """Of few, products; of more than there are rows, the Jacobian."""
    given = [rng.uniform(0.5, 1.5, shape) for shape in EXTENTS.values()]
    i = T.lvector("i")
    at = np.array([2, 0, -1, 1])[:count]
    outputs = [TALL[i], TALL[:, i], TALL[i, i[::-1]], TALL[i[:, None], i]]
    inputs = [*INPUTS, i]
    f = gradcore.function(inputs, outputs, everywhere, on_unused_input="ignore")
    plain = gradcore.function(inputs, outputs, PLAIN, on_unused_input="ignore")
    assert_close(f(*given, at), plain(*given, at))


@pytest.mark.parametrize("name", ["einsum, another order", "tensordot, left", "some columns"])
def test_extents_that_are_not_known(name, rng):
    given = [rng.uniform(0.5, 1.5, shape) for shape in EXTENTS.values()]
    unknown = [T.tensor(v.name, v.dtype, (None,) * v.ndim) for v in INPUTS]
    (output,) = substitute([FEWER[name][0]], dict(zip(INPUTS, unknown, strict=True)))
    f = gradcore.function(unknown, [output], "numpy", on_unused_input="ignore")
    assert_close(f(*given), compiled([FEWER[name][0]], PLAIN)(*given))


# elements ---------------------------------------------------------------------------------------
Y, R, C = T.dvector("Y"), T.lvector("R"), T.lvector("C")
BYTES, M = T.vector("BYTES", dtype="uint8"), T.dmatrix("M")
GIVEN = [Y, R, C, BYTES, M]
BANDS = Y + T.inc_subtensor(T.zeros_like(Y)[2:], Y[:-2] ** 2)
SPARSE = {
    "diagonal": T.jacobian(Y**3, Y),
    "bands": T.jacobian(BANDS, Y),
    "joined": T.jacobian(T.concatenate([Y[1:] * Y[:-1], T.sin(Y[:1])]), Y),
    "gathered": T.hessian(((Y[R] - Y[::-1][R]) ** 4).sum(), Y),
    "with a diagonal": 2 * T.jacobian(BANDS, Y) + Y.sum() * T.eye(Y.shape[0]),
    "zeros": T.jacobian(T.inc_subtensor(T.zeros_like(Y)[9:], Y[9:] ** 2), Y),
}
"""Jacobians that are sparse, of unknown extents."""
LAYERS = T.jacobian(T.tanh(M.T @ T.tanh(M @ T.tanh(M.T @ T.tanh(M @ Y)))), Y)

TAKEN = {
    "pairs": lambda J: J[R, C],
    "constants": lambda J: J[[0, 2, -1], [1, 1, -2]],
    "rows and columns": lambda J: J[R[:, None], C],
    "columns and rows": lambda J: J[R, C[:, None]],
    "of a column": lambda J: J[R, 2],
    "of a row": lambda J: J[-1, C.reshape((1, -1))],
    "of bytes": lambda J: J[BYTES, BYTES[::-1]],
    "of two axes": lambda J: J[R[:, None] * C % 3, C[::-1] % 2],
    "where a mask says": lambda J: J[Y > 0.5],
}


def operands(n, count):
    rng = np.random.default_rng(10 * n + count)
    at = [rng.integers(-n, n, count) for _ in range(2)]
    return rng.uniform(0.3, 1, n), *at, at[0].astype("uint8") % n, rng.normal(size=(n, n))


@pytest.mark.parametrize("take", TAKEN)
@pytest.mark.parametrize("name", [*SPARSE, "layers"])
def test_elements_are_those_of_the_jacobian(name, take):
    output = TAKEN[take]((SPARSE | {"layers": LAYERS})[name])
    f, plain = (
        gradcore.function(GIVEN, output, mode, on_unused_input="ignore")
        for mode in ("numpy", PLAIN)
    )
    for n, count in ((6, 4), (5, 0), (3, 9)):
        given = operands(n, count)
        assert_close([f(*given)], [plain(*given)], 1e-10)


@pytest.mark.parametrize("name", [*SPARSE, "layers"])
@pytest.mark.parametrize("take", ["pairs", "rows and columns", "of a column"])
def test_no_matrix_is_made_for_few_elements(name, take):
    """Of 40 rows and columns; nothing that ran has as many elements."""
    sizes = []
    mode = gradcore.MonitorMode(post_func=lambda i, node, fn: sizes.append(_largest(fn)))
    output = TAKEN[take]((SPARSE | {"layers": LAYERS})[name])
    given = operands(40, 3)
    monitored = gradcore.function(GIVEN, output, mode, on_unused_input="ignore")
    monitored(*given[:4], np.zeros((40, 2)).T)
    assert max(sizes) < 40 * 40


def _largest(fn):
    return max(np.size(value[0]) for value in fn.outputs)


@pytest.mark.parametrize("name", [*SPARSE, "layers"])
def test_elements_out_of_bounds_raise(name):
    J = (SPARSE | {"layers": LAYERS})[name]
    for output, at in ((J[C, C], 5), (J[C[:, None], C], -6), (J[C, 0], 5), (J[-1, C], -6)):
        f = gradcore.function(GIVEN, output, "numpy", on_unused_input="ignore")
        given = operands(5, 1)
        with pytest.raises(IndexError):
            f(*given[:2], [at], *given[3:])


def test_elements_everywhere(everywhere):
    outputs = [TAKEN["pairs"](J) for J in (*SPARSE.values(), LAYERS)]
    outputs += [TAKEN["rows and columns"](SPARSE["bands"]), TAKEN["of a column"](LAYERS)]
    given = operands(6, 4)
    f, plain = (
        gradcore.function(GIVEN, outputs, mode, on_unused_input="ignore")
        for mode in (everywhere, PLAIN)
    )
    assert_close(f(*given), plain(*given), 1e-10)
