"""The words of the tensor language against NumPy, with their derivatives."""

import numpy as np
import pytest
import scipy.special

import gradcore
import gradcore.tensor as T

M, N, V, S, C = (3, 4), (4, 3), (4,), (), (2, 3, 4)
MASK = np.array([[True, False, True, True], [False] * 4, [True, True, False, False]])
IDX = np.array([2, 0, 0])

# name: (in the tensor language, in NumPy, shapes of operands)
SAME = {
    # reductions
    "sum": (lambda m: T.sum(m), np.sum, [M]),
    "sum axis": (lambda m: m.sum(axis=1), lambda m: m.sum(1), [M]),
    "sum axes": (lambda c: c.sum(axis=(0, -1)), lambda c: c.sum((0, 2)), [C]),
    "sum no axes": (lambda m: m.sum(axis=()), lambda m: m.sum(axis=()), [M]),
    "sum keepdims": (lambda m: m.sum(0, keepdims=True), lambda m: m.sum(0, keepdims=True), [M]),
    "prod": (lambda m: m.prod(axis=0), lambda m: m.prod(0), [M]),
    "prod keepdims": (lambda m: m.prod(keepdims=True), lambda m: m.prod(keepdims=True), [M]),
    "max": (lambda m: m.max(), np.max, [M]),
    "min axis": (lambda m: m.min(axis=1), lambda m: m.min(1), [M]),
    "ptp": (lambda m: T.ptp(m, 0), lambda m: np.ptp(m, 0), [M]),
    "mean": (lambda m: m.mean(), np.mean, [M]),
    "mean axis": (lambda m: m.mean(axis=0, keepdims=True), lambda m: m.mean(0, keepdims=True), [M]),
    "var": (lambda m: m.var(axis=1), lambda m: m.var(1), [M]),
    "var ddof": (lambda m: T.var(m, 0, ddof=1), lambda m: m.var(0, ddof=1), [M]),
    "std": (lambda m: m.std(), np.std, [M]),
    "argmax": (lambda m: m.argmax(), np.argmax, [M]),
    "argmax axis": (lambda m: m.argmax(axis=1), lambda m: m.argmax(1), [M]),
    "argmin keepdims": (
        lambda m: m.argmin(0, keepdims=True),
        lambda m: m.argmin(0, keepdims=True),
        [M],
    ),
    "max_and_argmax": (lambda m: T.max_and_argmax(m, 1)[0], lambda m: m.max(1), [M]),
    "any": (lambda m: (m > 0).any(axis=0), lambda m: (m > 0).any(0), [M]),
    "all": (lambda m: (m > -9).all(), lambda m: np.all(m > -9), [M]),
    "logsumexp": (lambda m: T.logsumexp(m), scipy.special.logsumexp, [M]),
    "logsumexp axis": (
        lambda m: T.logsumexp(m, 1, keepdims=True),
        lambda m: scipy.special.logsumexp(m, 1, keepdims=True),
        [M],
    ),
    "softmax": (lambda m: T.softmax(m), lambda m: scipy.special.softmax(m, -1), [M]),
    "softmax axis": (lambda m: T.softmax(m, axis=0), lambda m: scipy.special.softmax(m, 0), [M]),
    "log_softmax": (lambda m: T.log_softmax(m), lambda m: scipy.special.log_softmax(m, -1), [M]),
    "norm": (lambda m: m.norm(), np.linalg.norm, [M]),
    "norm 1": (lambda m: T.norm(m, 1, axis=0), lambda m: np.linalg.norm(m, 1, 0), [M]),
    "norm 3": (lambda m: m.norm(3, axis=1), lambda m: np.linalg.norm(m, 3, 1), [M]),
    "norm inf": (lambda v: v.norm(np.inf), lambda v: np.linalg.norm(v, np.inf), [V]),
    "norm -inf": (lambda v: v.norm(-np.inf), lambda v: np.linalg.norm(v, -np.inf), [V]),
    "norm 0": (lambda v: v.norm(0), lambda v: np.linalg.norm(v, 0), [V]),
    "cumsum": (lambda m: m.cumsum(), np.cumsum, [M]),
    "cumsum axis": (lambda m: m.cumsum(axis=1), lambda m: m.cumsum(1), [M]),
    "cumprod": (lambda m: T.cumprod(m, axis=0), lambda m: m.cumprod(0), [M]),
    "diff": (lambda m: T.diff(m, 2, axis=1), lambda m: np.diff(m, 2, 1), [M]),
    # products
    "dot scalar": (lambda s, m: T.dot(s, m), np.dot, [S, M]),
    "dot vectors": (lambda u, v: u.dot(v), np.dot, [V, V]),
    "dot matrix vector": (lambda m, v: T.dot(m, v), np.dot, [M, V]),
    "dot vector matrix": (lambda v, n: T.dot(v, n), np.dot, [V, N]),
    "dot matrices": (lambda m, n: m @ n, np.dot, [M, N]),
    "dot tensor vector": (lambda c, v: T.dot(c, v), np.dot, [C, V]),
    "dot tensor matrix": (lambda c, n: T.dot(c, n), np.dot, [C, N]),
    "dot tensors": (lambda c, d: T.dot(c, d), np.dot, [C, (2, 4, 2)]),
    "matmul stacks": (lambda c, d: c @ d, np.matmul, [C, (2, 4, 5)]),
    "matmul stack matrix": (lambda c, n: T.matmul(c, n), np.matmul, [C, N]),
    "matmul stack vector": (lambda c, v: c @ v, np.matmul, [C, V]),
    "matmul vector stack": (lambda v, c: v @ c, np.matmul, [(3,), C]),
    "tensordot 1": (lambda c, n: T.tensordot(c, n, 1), lambda c, n: np.tensordot(c, n, 1), [C, N]),
    "tensordot 2": (lambda c, m: T.tensordot(c, m), np.tensordot, [C, M]),
    "tensordot axes": (
        lambda c, n: T.tensordot(c, n, [[1, 2], [1, 0]]),
        lambda c, n: np.tensordot(c, n, [[1, 2], [1, 0]]),
        [C, N],
    ),
    "tensordot 0": (lambda u, v: T.tensordot(u, v, 0), lambda u, v: np.tensordot(u, v, 0), [V, V]),
    "outer": (lambda u, m: T.outer(u, m), np.outer, [V, M]),
    "inner": (lambda m, v: T.inner(m, v), np.inner, [M, V]),
    "batched_dot": (
        lambda c, d: T.batched_dot(c, d),
        lambda c, d: np.einsum("bij,bjk->bik", c, d),
        [C, (2, 4, 2)],
    ),
    "batched_dot vectors": (
        lambda m, n: T.batched_dot(m, n),
        lambda m, n: np.einsum("bi,bi->b", m, n),
        [M, M],
    ),
    "batched_dot scalars": (lambda v, n: T.batched_dot(v, n), lambda v, n: v[:, None] * n, [V, N]),
    "batched_tensordot": (
        lambda c, d: T.batched_tensordot(c, d, [[1, 2], [1, 2]]),
        lambda c, d: np.einsum("bij,bij->b", c, d),
        [C, C],
    ),
    # shapes
    "T": (lambda m: m.T, lambda m: m.T, [M]),
    "transpose": (lambda c: c.transpose(1, 0, 2), lambda c: c.transpose(1, 0, 2), [C]),
    "transpose list": (lambda c: T.transpose(c, (2, 0, 1)), lambda c: c.transpose(2, 0, 1), [C]),
    "swapaxes": (lambda c: c.swapaxes(0, -1), lambda c: c.swapaxes(0, -1), [C]),
    "moveaxis": (lambda c: T.moveaxis(c, 0, -1), lambda c: np.moveaxis(c, 0, -1), [C]),
    "moveaxes": (
        lambda c: T.moveaxis(c, (0, 1), (2, 0)),
        lambda c: np.moveaxis(c, (0, 1), (2, 0)),
        [C],
    ),
    "dimshuffle": (lambda v: v.dimshuffle("x", 0), lambda v: v[None], [V]),
    "reshape": (lambda m: m.reshape((2, 6)), lambda m: m.reshape(2, 6), [M]),
    "reshape -1": (lambda m: m.reshape(2, -1), lambda m: m.reshape(2, -1), [M]),
    "reshape symbolic": (
        lambda m: T.reshape(m, (m.shape[1], m.shape[0])),
        lambda m: m.reshape(4, 3),
        [M],
    ),
    "reshape vector": (lambda m, n: m.reshape(n.shape), lambda m, n: m.reshape(n.shape), [M, N]),
    "flatten": (lambda c: c.flatten(), np.ravel, [C]),
    "flatten 2": (lambda c: c.flatten(2), lambda c: c.reshape(2, 12), [C]),
    "ravel": (lambda m: m.ravel(), np.ravel, [M]),
    "squeeze": (lambda x: x.squeeze(), np.squeeze, [(1, 3, 1)]),
    "squeeze axis": (lambda x: T.squeeze(x, 0), lambda x: x.squeeze(0), [(1, 3, 1)]),
    "expand_dims": (lambda m: T.expand_dims(m, 1), lambda m: np.expand_dims(m, 1), [M]),
    "expand many": (lambda m: T.expand_dims(m, (0, -1)), lambda m: np.expand_dims(m, (0, -1)), [M]),
    "padleft": (lambda v: T.shape_padleft(v, 2), lambda v: v[None, None], [V]),
    "padright": (lambda v: T.shape_padright(v), lambda v: v[:, None], [V]),
    "padaxis": (lambda m: T.shape_padaxis(m, 1), lambda m: m[:, None], [M]),
    "broadcast_to": (
        lambda x: T.broadcast_to(x, (2, 3, 4)),
        lambda x: np.broadcast_to(x, C),
        [(3, 1)],
    ),
    "tile": (lambda m: T.tile(m, (2, 3)), lambda m: np.tile(m, (2, 3)), [M]),
    "tile more": (lambda v: T.tile(v, (2, 1, 2)), lambda v: np.tile(v, (2, 1, 2)), [V]),
    "tile less": (lambda m: T.tile(m, 2), lambda m: np.tile(m, 2), [M]),
    "tile one": (lambda x: T.tile(x, (2, 1, 4)), lambda x: np.tile(x, (2, 1, 4)), [(3, 1)]),
    "tile once": (lambda m: T.tile(m, (1, 1)), lambda m: np.tile(m, (1, 1)), [M]),
    "tile never": (lambda x: T.tile(x, 0), lambda x: np.tile(x, 0), [(3, 1)]),
    "repeat one": (lambda x: T.repeat(x, 4, axis=-1), lambda x: np.repeat(x, 4, -1), [(3, 1)]),
    "repeat": (lambda m: m.repeat(2, axis=1), lambda m: m.repeat(2, 1), [M]),
    "repeat flat": (lambda m: T.repeat(m, 3), lambda m: m.repeat(3), [M]),
    "repeat each": (lambda m: m.repeat([1, 0, 2], axis=0), lambda m: m.repeat([1, 0, 2], 0), [M]),
    "roll": (lambda m: T.roll(m, 2), lambda m: np.roll(m, 2), [M]),
    "roll axis": (lambda m: T.roll(m, -5, axis=1), lambda m: np.roll(m, -5, 1), [M]),
    "roll axes": (lambda m: T.roll(m, (1, 2), (0, 1)), lambda m: np.roll(m, (1, 2), (0, 1)), [M]),
    "flip": (lambda m: T.flip(m, 1), lambda m: np.flip(m, 1), [M]),
    "flip all": (lambda m: T.flip(m), np.flip, [M]),
    "concatenate": (
        lambda m, x: T.concatenate([m, x], 0),
        lambda m, x: np.concatenate([m, x]),
        [M, (2, 4)],
    ),
    "concatenate axis": (
        lambda m, x: T.concatenate([m, x, m], -1),
        lambda m, x: np.concatenate([m, x, m], -1),
        [M, (3, 1)],
    ),
    "join": (lambda m, x: T.join(0, m, x), lambda m, x: np.concatenate([m, x]), [M, (2, 4)]),
    "stack": (lambda m, x: T.stack([m, x]), lambda m, x: np.stack([m, x]), [M, M]),
    "stack axis": (lambda m, x: T.stack([m, x], -1), lambda m, x: np.stack([m, x], -1), [M, M]),
    "stack scalars": (
        lambda s, t: T.stack([s, t, 2.0]),
        lambda s, t: np.array([s, t, 2.0]),
        [S, S],
    ),
    "stacklists": (
        lambda s, t: T.stacklists([[s, t], [t, s]]),
        lambda s, t: np.array([[s, t], [t, s]]),
        [S, S],
    ),
    "hstack": (lambda m, x: T.horizontal_stack(m, x), lambda m, x: np.hstack([m, x]), [M, M]),
    "vstack": (lambda m, x: T.vertical_stack(m, x), lambda m, x: np.vstack([m, x]), [M, M]),
    "split": (
        lambda m: T.split(m, [1, 3], 2, axis=1)[1] * 2,
        lambda m: np.split(m, [1], 1)[1] * 2,
        [M],
    ),
    "size": (lambda m: m.size, lambda m: np.int64(m.size), [M]),
    # matrices
    "diag of a matrix": (lambda m: T.diag(m), np.diag, [M]),
    "diag of a vector": (lambda v: T.diag(v), np.diag, [V]),
    "diag above": (lambda v: T.diag(v, 2), lambda v: np.diag(v, 2), [V]),
    "diag below": (lambda v: T.diag(v, -1), lambda v: np.diag(v, -1), [V]),
    "diagonal": (lambda m: m.diagonal(1), lambda m: m.diagonal(1), [M]),
    "diagonal below": (lambda m: m.diagonal(-1), lambda m: m.diagonal(-1), [M]),
    "diagonal far": (lambda m: m.diagonal(9), lambda m: m.diagonal(9), [M]),
    "diagonal axes": (lambda c: c.diagonal(0, 2, 0), lambda c: c.diagonal(0, 2, 0), [C]),
    "trace": (lambda m: m.trace(), np.trace, [M]),
    "tril": (lambda m: T.tril(m), np.tril, [M]),
    "tril stack": (lambda c: T.tril(c, -1), lambda c: np.tril(c, -1), [C]),
    "triu": (lambda m: T.triu(m, 1), lambda m: np.triu(m, 1), [M]),
    # indexing
    "element": (lambda m: m[1, 2], lambda m: m[1, 2], [M]),
    "row": (lambda m: m[-1], lambda m: m[-1], [M]),
    "slice": (lambda m: m[1:, ::-1], lambda m: m[1:, ::-1], [M]),
    "newaxis": (lambda m: m[1:, None, ::-1], lambda m: m[1:, None, ::-1], [M]),
    "ellipsis": (lambda c: c[..., 1], lambda c: c[..., 1], [C]),
    "ellipsis between": (lambda c: c[0, ..., ::2], lambda c: c[0, ..., ::2], [C]),
    "symbolic index": (lambda m: m[m.shape[0] - 1], lambda m: m[-1], [M]),
    "symbolic slice": (lambda m: m[: m.shape[0] - 1, 1 : m.shape[1]], lambda m: m[:-1, 1:], [M]),
    "rows": (lambda m: m[IDX], lambda m: m[IDX], [M]),
    "rows list": (lambda m: m[[2, 0, 0]], lambda m: m[IDX], [M]),
    "columns": (lambda m: m[:, IDX], lambda m: m[:, IDX], [M]),
    "pairs": (lambda m: m[IDX, IDX], lambda m: m[IDX, IDX], [M]),
    "outer index": (lambda m: m[IDX[:, None], IDX], lambda m: m[IDX[:, None], IDX], [M]),
    "array and int": (lambda c: c[0, :, IDX], lambda c: c[0, :, IDX], [C]),
    "array beside int": (lambda c: c[:, 0, IDX], lambda c: c[:, 0, IDX], [C]),
    "array apart": (lambda c: c[[1, 0], :, [1, 2]], lambda c: c[[1, 0], :, [1, 2]], [C]),
    "mask": (lambda m: m[MASK], lambda m: m[MASK], [M]),
    "mask rows": (lambda m: m[MASK[:, 0]], lambda m: m[MASK[:, 0]], [M]),
    "computed mask": (lambda m: m[m > 0], lambda m: m[m > 0], [M]),
    "mask after slice": (lambda c: c[:, :, MASK[0]], lambda c: c[:, :, MASK[0]], [C]),
    "empty index": (lambda m: m[[]], lambda m: m[[]], [M]),
    "take": (lambda m: m.take(IDX), lambda m: m.take(IDX), [M]),
    "take axis": (lambda m: T.take(m, IDX, axis=1), lambda m: m.take(IDX, 1), [M]),
    "take matrix": (
        lambda m: T.take(m, [[0, 1], [2, 2]], 0),
        lambda m: m.take([[0, 1], [2, 2]], 0),
        [M],
    ),
    "take clip": (
        lambda m: T.take(m, [9, -9], 0, mode="clip"),
        lambda m: m.take([9, -9], 0, mode="clip"),
        [M],
    ),
    "take wrap": (
        lambda m: T.take(m, [9, -9], 1, mode="wrap"),
        lambda m: m.take([9, -9], 1, mode="wrap"),
        [M],
    ),
    "take_along_axis": (
        lambda m: T.take_along_axis(m, T.argsort(m, 1), 1),
        lambda m: np.sort(m, 1),
        [M],
    ),
    "take_along_axis of rows": (
        lambda m: T.take_along_axis(m, T.argsort(m[:, 0])[:, None], 0),
        lambda m: m[np.argsort(m[:, 0])],
        [M],
    ),
    "set": (
        lambda m, v: T.set_subtensor(m[1], v),
        lambda m, v: np.vstack([m[:1], v[None], m[2:]]),
        [M, V],
    ),
    "inc": (
        lambda m: T.inc_subtensor(m[:, 1:3], 2.5),
        lambda m: m + np.array([0, 2.5, 2.5, 0]),
        [M],
    ),
    "inc twice": (
        lambda m, v: T.inc_subtensor(m[IDX], v),
        lambda m, v: m + np.array([2, 0, 1])[:, None] * v,
        [M, V],
    ),
    "set mask": (lambda m: T.set_subtensor(m[m > 0], 0), lambda m: np.where(m > 0, 0, m), [M]),
    "sort": (lambda m: m.sort(), np.sort, [M]),
    "sort axis": (lambda m: T.sort(m, axis=0), lambda m: np.sort(m, 0), [M]),
    "sort flat": (lambda m: T.sort(m, axis=None), lambda m: np.sort(m, None), [M]),
    "argsort": (lambda m: m.argsort(), np.argsort, [M]),
    "argsort flat": (lambda m: m.argsort(None), lambda m: np.argsort(m, None), [M]),
    "nonzero": (lambda m: (m > 0).nonzero()[1], lambda m: (m > 0).nonzero()[1], [M]),
    "nonzero matrix": (
        lambda m: T.nonzero(m > 0, return_matrix=True),
        lambda m: np.array((m > 0).nonzero()),
        [M],
    ),
    "flatnonzero": (lambda m: T.flatnonzero(m > 0), lambda m: np.flatnonzero(m > 0), [M]),
    "nonzero_values": (lambda m: T.nonzero_values(m), np.ravel, [M]),
    # elementwise
    "where": (lambda m, x: T.where(m > x, m, x), np.maximum, [M, M]),
    "where indices": (lambda m: T.where(m > 0)[0], lambda m: np.where(m > 0)[0], [M]),
    "switch": (lambda m: T.switch(m > 0, m, 0), lambda m: np.where(m > 0, m, 0), [M]),
    "clip": (lambda m: m.clip(-1, 1), lambda m: m.clip(-1, 1), [M]),
    "round": (lambda m: m.round(1), lambda m: m.round(1), [M]),
    "abs": (lambda m: abs(m), abs, [M]),
    "divmod": (lambda m, x: divmod(m, abs(x))[0], lambda m, x: m // abs(x), [M, M]),
    "mod": (lambda m, x: m % abs(x), lambda m, x: m % abs(x), [M, M]),
    "rdiv": (lambda m: 1 / m, lambda m: 1 / m, [M]),
    "rpow": (lambda m: 2**m, lambda m: 2**m, [M]),
    "rsub": (lambda m: 3 - m, lambda m: 3 - m, [M]),
    "with array": (lambda v: np.arange(4.0) + v, lambda v: np.arange(4.0) + v, [V]),
    "relu": (lambda m: T.relu(m), lambda m: np.maximum(m, 0), [M]),
    "leaky relu": (lambda m: T.relu(m, 0.1), lambda m: np.where(m > 0, m, 0.1 * m), [M]),
    "isclose": (lambda m, x: T.isclose(m, m + 1e-9 * x), lambda m, x: np.isclose(m, m), [M, M]),
    "allclose": (lambda m: T.allclose(m, m + 1), lambda m: np.bool_(False), [M]),
    "copy": (lambda m: m.copy(), lambda m: m, [M]),
    "zeros_like": (lambda m: m.zeros_like() + m, lambda m: m, [M]),
    "ones_like": (lambda m: T.ones_like(m, "int32") * m, lambda m: m, [M]),
    "full_like": (lambda m: T.full_like(m, 7), lambda m: np.full_like(m, 7), [M]),
    "fill": (lambda m: m.fill(3), lambda m: np.full_like(m, 3).astype("int8"), [M]),
}

EINSUM = {
    "ij,jk->ik": [M, N],
    "ij,kj": [M, (2, 4)],
    "ij->": [M],
    "ij->ji": [M],
    "ij->j": [M],
    "ii->i": [(3, 3)],
    "ii": [(3, 3)],
    "i,j->ij": [V, (3,)],
    "i,i": [V, V],
    "bij,bjk->bik": [C, (2, 4, 5)],
    "bij,bij->b": [C, C],
    "bij,j,b->i": [C, V, (2,)],
    "ij,jk,kl,lm->im": [M, N, M, N],
    "...i,i->...": [C, V],
    "...ij,...jk->...ik": [C, (2, 4, 2)],
    "ijk,ilm,njm,nlk->": [(2, 3, 4), (2, 2, 3), (2, 3, 3), (2, 2, 4)],
    "iij,jk->ik": [(3, 3, 4), N],
    "a b, b -> a": [M, V],
    "ij,ij,ij->ij": [M, M, M],
}
for subscripts, shapes in EINSUM.items():
    SAME[f"einsum {subscripts}"] = (
        lambda *xs, s=subscripts: T.einsum(s, *xs),
        lambda *xs, s=subscripts: np.einsum(s, *xs),
        shapes,
    )


def drawn(shapes, rng):
    return [rng.uniform(-2, 2, shape) for shape in shapes]


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "static"])
@pytest.mark.parametrize("name", SAME)
def test_as_numpy(name, known, rng):
    ours, numpys, shapes = SAME[name]
    values = drawn(shapes, rng)
    inputs = [
        T.tensor(f"x{i}", "float64", shape if known else [n if n == 1 else None for n in shape])
        for i, shape in enumerate(shapes)
    ]
    expression = ours(*inputs)
    expected = np.asarray(numpys(*values))
    for mode in (gradcore.Mode("numpy", optimizer=False), "numpy"):
        f = gradcore.function(inputs, expression, mode=mode, on_unused_input="ignore")
        found = f(*values)
        assert found.dtype == expected.dtype == expression.dtype
        assert found.shape == expected.shape
        assert expression.type.admits(found.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SAME)
def test_derivatives(name, rng):
    ours, _, shapes = SAME[name]
    values = drawn(shapes, rng)
    inputs = [T.tensor("x", "float64", shape) for shape in shapes]
    if ours(*inputs).type.is_float:
        gradcore.verify_grad(ours, values, n_tests=1, rng=rng, abs_tol=1e-6, mode="numpy")


# what has no operands ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (T.arange(5), np.arange(5)),
        (T.arange(2, 9, 3), np.arange(2, 9, 3)),
        (T.arange(9, 2, -3), np.arange(9, 2, -3)),
        (T.arange(5, 2), np.arange(5, 2)),
        (T.arange(0.0, 1.0, 0.3), np.arange(0.0, 1.0, 0.3)),
        (T.arange(3, dtype="float32"), np.arange(3, dtype="float32")),
        (T.linspace(0, 1, 5), np.linspace(0, 1, 5)),
        (T.linspace(2.0, -1.0, 4, endpoint=False), np.linspace(2, -1, 4, endpoint=False)),
        (T.linspace(3.0, 9.0, 1), np.linspace(3.0, 9.0, 1)),
        (T.eye(3), np.eye(3)),
        (T.eye(2, 4, 1), np.eye(2, 4, 1)),
        (T.eye(3, k=-1, dtype="int32"), np.eye(3, k=-1, dtype="int32")),
        (T.tri(3, 4, 1), np.tri(3, 4, 1)),
        (T.zeros((2, 3)), np.zeros((2, 3))),
        (T.zeros(3, "int16"), np.zeros(3, "int16")),
        (T.ones((2,)), np.ones(2)),
        (T.full((2, 2), 7.5), np.full((2, 2), 7.5)),
        (T.alloc(1.5, 2, 3), np.full((2, 3), 1.5)),
        (T.alloc(np.arange(3.0), 2, 3), np.tile(np.arange(3.0), (2, 1))),
        (T.constant([[1, 2]]), np.array([[1, 2]])),
    ],
    ids=str,
)
def test_made_from_nothing(ours, expected):
    found = ours.eval()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_ranges_of_variables():
    n, step = T.iscalar("n"), T.lscalar("step")
    f = gradcore.function([n, step], [T.arange(n), T.arange(0, n, step), T.arange(n, 0, step)])
    for count in (0, 1, 5, 7):
        for by in (1, 2, -1, -3):
            found = f(count, by)
            expected = [np.arange(count), np.arange(0, count, by), np.arange(count, 0, by)]
            assert [r.tolist() for r in found] == [r.tolist() for r in expected]
    a, b = T.dscalars("a", "b")
    spaced = T.linspace(a, b, n)
    assert spaced.eval({a: 1, b: 2, n: 3}).tolist() == [1, 1.5, 2]
    assert T.grad(spaced.sum(), b).eval({a: 1, b: 2, n: 3}) == 1.5
    stepped = T.arange(a, 10.0, b)
    assert T.grad(stepped.sum(), [a, b])[1].eval({a: 0, b: 4}) == 3  # 0, 4, 8


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("start", [None, 0, 1, 3, 7, -1, -2, -9])
@pytest.mark.parametrize("stop", [None, 0, 1, 4, 9, -1, -3, -9])
def test_extents_of_slices(n, start, stop):
    """What is said of the shape of a slice, without slicing, for every kind of bound."""
    v = T.dvector("v")
    bounds = [T.lscalar("start"), T.lscalar("stop"), T.lscalar("step")]
    steps = (None, 1, 2, -1, -2)
    constant = [v[start:stop:step].shape[0] for step in steps]
    value = np.arange(float(n))
    f = gradcore.function([v], constant, mode="numpy")
    assert not any(node.op.label() == "subtensor" for node in f.maker.fgraph.nodes)
    assert f(value) == [len(value[start:stop:step]) for step in steps]
    if None not in (start, stop):
        symbolic = v[bounds[0] : bounds[1] : bounds[2]].shape[0]
        g = gradcore.function([v, *bounds], symbolic, mode="numpy")
        for step in steps[1:]:
            assert g(value, start, stop, step) == len(value[start:stop:step])


def test_shape_needs_no_product():
    x, y = T.dmatrices("x", "y")
    f = gradcore.function([x, y], T.dot(x, y).shape)
    assert [node.op.label() for node in f.maker.fgraph.nodes if node.op.label() == "dot"] == []
    assert f(np.ones((2, 3)), np.ones((3, 5))).tolist() == [2, 5]
