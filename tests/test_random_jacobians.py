"""Random functions: what is read of their Jacobians, against the loop over rows, not rewritten."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError

PLAIN = gradcore.Mode("numpy", optimizer=False)
REFUSED = GradcoreError, IndexError, ValueError
"""What NumPy's rules do not allow: another operation is drawn then."""

SHAPES = [(), (3,), (4,), (1,), (0,), (2, 3), (3, 3), (1, 3), (3, 1), (2, 0), (2, 1, 2), (2, 2, 3)]


class Drawn:
    """A function while it is drawn: its inputs and their values, and what operations ask for.

    x : the variable that derivatives are by.
    rows, columns : the shapes of what is differentiated, and of the variable; m and n elements.
    shape : that of what an operation is applied to.
    axis, k : an axis of it, and a number.
    """

    def __init__(self, draw):
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 10**6)))
        self.values = {}
        self.x = self.tensor(*draw(st.sampled_from(SHAPES)), low=0.2, high=1.3)
        self.shape, self.axis, self.k = (), 0, 0

    def of(self, shape):
        """Draw an axis of a shape, and a number, for the next operation."""
        self.shape, self.k = shape, self.integer(0, 2)
        self.axis = self.integer(0, max(len(shape) - 1, 0))
        return self

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def one_of(self, several):
        return self.draw(st.sampled_from(several))

    def tensor(self, *shape, low=-1.0, high=1.0):
        """Return an input of floats, of which each extent is declared or not."""
        return self._input("float64", self.rng.uniform(low, high, shape))

    def places(self, count):
        """Return an input of indices along the first axis, from either end."""
        n = self.shape[0]
        return self._input("int64", self.rng.integers(-n, max(n, 1), count if n else 0))

    def _input(self, dtype, value):
        known = [n if self.draw(st.booleans()) else None for n in value.shape]
        v = T.tensor(f"x{len(self.values)}", dtype, known)
        self.values[v] = value
        return v

    def made(self, build, v):
        """Return what an operation makes of a variable, and its value; None: it is not allowed."""
        before = dict(self.values)
        try:
            made = build(v, self)
            return made, self.evaluated(made, PLAIN)
        except REFUSED:
            self.values = before
            return None

    def evaluated(self, outputs, mode):
        f = gradcore.function(list(self.values), outputs, mode, on_unused_input="ignore")
        with np.errstate(all="ignore"):
            return f(*self.values.values())


# functions --------------------------------------------------------------------------------------
def looped(v, g):
    """States of a loop over the first axis, whose steps read the variable."""
    step = lambda e, s, x: T.tanh(s + e * x.sum())
    return gradcore.scan(step, v, T.zeros_like(v[0]), g.x)[0]


ANY = [
    lambda v, g: T.sin(v), lambda v, g: v**2, lambda v, g: T.exp(v / 2), lambda v, g: 2 * v + 1,
    lambda v, g: v * v.sum(), lambda v, g: T.switch(v > 0, v, v**3), lambda v, g: v.flatten(),
    lambda v, g: T.ifelse(g.x.sum() > 0, v, T.sin(v) * g.x.sum()), lambda v, g: v.T,
    lambda v, g: v - v.mean(), lambda v, g: v / (2 + T.cos(v)), lambda v, g: v.sum(),
    lambda v, g: v.dimshuffle("x", *range(v.ndim)), lambda v, g: v.dimshuffle(*range(v.ndim), "x"),
    lambda v, g: v * T.sqr(g.x).sum(), lambda v, g: T.maximum(v, 0.1), lambda v, g: v * T.ones(2),
]  # fmt: skip
"""Operations on tensors of any rank."""

ON_AXES = [
    lambda v, g: T.flip(v, g.axis), lambda v, g: T.roll(v, g.k, g.axis), lambda v, g: v[g.k :],
    lambda v, g: T.cumsum(v, g.axis), lambda v, g: T.sort(v, g.axis), lambda v, g: v.sum(g.axis),
    lambda v, g: T.softmax(v, g.axis), lambda v, g: v.sum(g.axis, keepdims=True) * v,
    lambda v, g: T.concatenate([v, T.sin(v)], g.axis), lambda v, g: v.max(g.axis), looped,
    lambda v, g: T.concatenate([v[g.k :], v[::2]]), lambda v, g: v[: -g.k or None],
    lambda v, g: v[:: g.k + 1], lambda v, g: v[:: -g.k - 1], lambda v, g: v[..., ::-1],
    lambda v, g: v[..., g.k :], lambda v, g: v[g.k], lambda v, g: v[..., -1],
    lambda v, g: v[[0, -1, 0]], lambda v, g: v[g.places(g.k + 2)], lambda v, g: v * v[:1],
    lambda v, g: v[g.k :] * v[: v.shape[0] - g.k], lambda v, g: v[g.integer(-4, 3) :],
    lambda v, g: T.inc_subtensor(v[g.k :], T.sin(v[g.k :])), lambda v, g: T.stack([v, v * v]),
    lambda v, g: T.set_subtensor(v[: g.k], 0.5 * v[-g.k :]), lambda v, g: v @ v.T,
    lambda v, g: T.inc_subtensor(v[g.places(g.shape[0])], v), lambda v, g: v.reshape((-1, 1)),
    lambda v, g: T.set_subtensor(v[g.k], v[0] * 2), lambda v, g: v.reshape((v.shape[-1], -1)),
    lambda v, g: T.repeat(v, 2, g.axis), lambda v, g: T.alloc(v, 2, *v.shape),
    lambda v, g: gradcore.scan(lambda e: T.sin(e) * e, v)[0], lambda v, g: T.outer(v, v[: g.k + 1]),
    lambda v, g: T.dot(v, g.tensor(g.shape[-1], g.k + 1)), lambda v, g: v[..., g.k - 1 : g.k] * v,
    lambda v, g: T.tanh(T.dot(v, g.tensor(g.shape[-1], 3))), lambda v, g: v * g.tensor(*g.shape),
    lambda v, g: T.dot(v, g.tensor(g.shape[-1])), lambda v, g: v[T.arange(v.shape[0])[::-1]],
    lambda v, g: T.linalg.solve(3 * T.eye(v.shape[0]) + g.tensor(*2 * g.shape[:1]), v),
    lambda v, g: T.cumprod(v, g.axis), lambda v, g: v.dimshuffle(*range(1, v.ndim), 0),
    lambda v, g: v[g.k - 1 : g.k + 1] * g.x.sum(),
]  # fmt: skip
"""Operations on tensors that have axes."""


def function_of(g):
    """Return a random function of the variable, and its value."""
    pool = [(g.x, g.values[g.x])]
    for _ in range(g.integer(0, 4)):
        v, value = pool[-1]
        build = g.one_of(ANY if not value.ndim or g.integer(0, 3) == 0 else ON_AXES)
        found = g.of(value.shape).made(build, v)
        if found is not None and g.integer(0, 4) == 0:
            other, combine = g.one_of(pool)[0], g.one_of([T.add, T.mul, T.sub])
            found = g.made(lambda w, _, f=combine, y=other: f(w, y), found[0])
        if found is not None and found[1].size <= 12 and np.abs(found[1]).max(initial=0) < 20:
            pool += [found] if found[1].ndim <= 3 else []
    return pool[-1]


# what is read -----------------------------------------------------------------------------------
TENSORS = [
    lambda J, g: J, lambda J, g: J**2, lambda J, g: J.T, lambda J, g: J.max(0),
    lambda J, g: J.sum(),
    lambda J, g: (J * g.tensor(*g.shape)).sum(), lambda J, g: J * J[:1], lambda J, g: J[[0, -1]],
    lambda J, g: T.tensordot(J, g.tensor(*g.columns), len(g.columns)), lambda J, g: J.sum(g.axis),
    lambda J, g: T.tensordot(g.tensor(*g.rows), J, len(g.rows)), lambda J, g: J[g.places(2)],
    lambda J, g: (J * g.tensor(*g.columns)).sum(tuple(range(len(g.rows), J.ndim))),
    lambda J, g: J.sum(tuple(range(len(g.rows)))), lambda J, g: J.sum(g.axis, keepdims=True),
    lambda J, g: (J * g.tensor(g.shape[-1])).sum(-1), lambda J, g: J[g.k], lambda J, g: J[..., 0],
    lambda J, g: J[..., 1:], lambda J, g: J[g.k :], lambda J, g: J[::-1], lambda J, g: J[::2],
    lambda J, g: J[-2:], lambda J, g: J[:2][..., ::-2], lambda J, g: J[1:2] * 2,
    lambda J, g: J.T[0], lambda J, g: J.T[1:], lambda J, g: J @ g.tensor(g.shape[-1]),
    lambda J, g: J @ g.tensor(g.shape[-1], 2), lambda J, g: T.tensordot(g.tensor(g.shape[0]), J, 1),
    lambda J, g: T.tensordot(g.tensor(2, g.shape[0]), J, 1), lambda J, g: J.diagonal(0, 0, g.axis),
    lambda J, g: T.einsum("aa...->a...", J), lambda J, g: T.einsum("ab...->ba...", J),
    lambda J, g: T.einsum("a...,a->...", J, g.tensor(g.shape[0])),
    lambda J, g: T.einsum("...a,a->...", J, g.tensor(g.shape[-1])),
    lambda J, g: T.einsum("ab...,b->a...", J, g.tensor(g.shape[1])),
    lambda J, g: J[..., g.of(g.shape[-1:]).places(g.k)], lambda J, g: J[[-1, 0, 0]][..., [0]],
    lambda J, g: T.ifelse(g.x.sum() > g.k, J, g.tensor(*g.shape)).sum(0),
    lambda J, g: T.ifelse(g.x.sum() > g.k, 2 * J, J), lambda J, g: T.switch(g.tensor() > 0, J, 0.0),
    lambda J, g: T.tensordot(T.switch(g.tensor() > 0, J, -J), g.tensor(*g.columns), len(g.columns)),
]  # fmt: skip
"""What is read of a Jacobian, or Hessian, of the shape of the result and then of the variable."""

MATRICES = [
    lambda J, g: J @ g.tensor(g.n), lambda J, g: g.tensor(g.m) @ J, lambda J, g: J.T @ J,
    lambda J, g: J.T @ (g.tensor(g.m)[:, None] * J), lambda J, g: J.T @ J + 2 * T.eye(g.n),
    lambda J, g: J @ J.T, lambda J, g: T.diag(J), lambda J, g: T.trace(J), lambda J, g: J @ J,
    lambda J, g: (J * g.tensor(g.m, g.n)).sum(), lambda J, g: J @ g.tensor(g.n, 2),
    lambda J, g: g.tensor(2, g.m) @ J, lambda J, g: J[1:] @ g.tensor(g.n),
    lambda J, g: J.T @ J @ g.tensor(g.n), lambda J, g: (J.T @ J).sum(0), lambda J, g: J + J.T,
    lambda J, g: J.T @ (g.tensor(g.m)[:, None] * J) @ g.tensor(g.n), lambda J, g: T.trace(J.T @ J),
    lambda J, g: T.linalg.solve(J + 9.0 * T.eye(g.m), g.tensor(g.m)), lambda J, g: J[1, 1:],
    lambda J, g: T.linalg.solve(J.T @ J + T.eye(g.n), g.tensor(g.n, 2)),
    lambda J, g: T.linalg.solve_triangular(
        J + 9.0 * T.eye(g.m), g.tensor(g.m), lower=g.one_of([True, False]), trans=bool(g.k)
    ),
    lambda J, g: (J + g.tensor(g.m, g.n)) @ g.tensor(g.n), lambda J, g: T.diag(J.T @ J),
    lambda J, g: g.tensor(g.m) @ (J / g.tensor(g.n, low=1, high=2)), lambda J, g: T.diag(J @ J.T),
    lambda J, g: T.concatenate([J, 2 * J[::-1]]) @ g.tensor(g.n),
    lambda J, g: T.concatenate([J, g.tensor(g.m, 2)], 1), lambda J, g: J @ g.tensor(g.n, g.m) @ J,
    lambda J, g: (J * g.tensor(g.m)[:, None] * g.tensor(g.n)).sum(),
    lambda J, g: (J * T.outer(g.tensor(g.m), g.tensor(g.n))).sum(),
    lambda J, g: J[:, 1:] @ g.tensor(max(g.n - 1, 0)), lambda J, g: J[::-1] * g.tensor(g.n),
    lambda J, g: (J @ g.tensor(g.n, g.m))[1:], lambda J, g: J.T @ T.diag(g.tensor(g.m)) @ J,
    lambda J, g: g.tensor(g.m) @ J @ g.tensor(g.n), lambda J, g: J[0] @ g.tensor(g.n),
    lambda J, g: J.T @ J - T.eye(g.n) * g.tensor(g.n),
    lambda J, g: (J[1:] - J[:-1]) @ g.tensor(g.n), lambda J, g: J[g.places(3)] @ g.tensor(g.n),
    lambda J, g: g.tensor(2) @ J[g.places(2)] if g.m else J, lambda J, g: J[[0, -1, 0]].sum(0),
    lambda J, g: T.trace(J.T @ T.outer(g.tensor(g.m), g.tensor(g.n))),
    lambda J, g: T.trace(T.outer(g.tensor(g.m), g.tensor(g.n)) @ J.T),
    lambda J, g: T.tensordot(J, T.outer(g.tensor(g.m), g.tensor(g.n)), 2),
    lambda J, g: J @ T.outer(g.tensor(g.n), g.tensor(2)),
    lambda J, g: T.einsum("ij,ik,k->j", J, J, g.tensor(g.n)),
    lambda J, g: T.einsum("i,ij,kj->k", g.tensor(g.m), J, J),
    lambda J, g: T.ifelse(g.tensor() > 0, J, 2 * J) @ g.tensor(g.n),
    lambda J, g: g.tensor(g.m) @ T.ifelse(g.tensor() > 0, g.tensor(g.m, g.n), J),
    lambda J, g: T.switch(g.tensor(g.m)[:, None] > 0, J, 0.0) @ g.tensor(g.n),
    lambda J, g: g.tensor(g.m) @ T.switch(g.tensor(g.m)[:, None] > 0, J, g.tensor(g.m, g.n)),
    lambda J, g: T.switch(g.tensor(g.n) > 0, J, 2 * J) @ g.tensor(g.n),
    lambda J, g: J[g.places(3), g.of(g.shape[::-1]).places(3)], lambda J, g: J[g.places(2), -1],
    lambda J, g: J[g.places(3)[:, None], g.of(g.shape[::-1]).places(2)], lambda J, g: J[0, [0, 0]],
    lambda J, g: (J + J.T)[[0, -1, 0], [[0], [-1]]],
]  # fmt: skip
"""What is read of a matrix of ``m`` rows and ``n`` columns."""

WAYS = {
    "forward": {"mode": "forward"},
    "chunks": {"chunk_size": 2},
    "one by one": {"vectorize": False},
}


def by_hand(y, x, count):
    """The tutorial's scan, over so many rows."""
    row = lambda i, y, x: T.grad(y[i], x, disconnected_inputs="ignore")
    return gradcore.scan(row, T.arange(count), non_sequences=[y, x])[0]


def derivative(g, y, shape):
    """Return a Jacobian or a Hessian, and the shape of its rows."""
    g.size = y.size
    kind = g.one_of(["", "", "", "Hessian", "by hand", "first rows", "stacked", *WAYS])
    if kind == "Hessian":
        g.size, cost = g.x.size, (y * y * g.one_of([1.0, y])).sum()
        return T.hessian(cost, g.x, disconnected_inputs="ignore"), g.values[g.x].shape
    if kind == "by hand" and len(shape) == 1:
        return by_hand(y, g.x, y.shape[0]), shape
    if kind == "first rows" and len(shape) == 1:
        g.size = g.integer(0, shape[0])
        return by_hand(y, g.x, g.size), (g.size,)
    if kind == "stacked" and len(shape) == 1 and shape[0]:
        places = [g.integer(-shape[0], shape[0] - 1) for _ in range(g.integer(1, 4))]
        g.size = len(places)
        found = [T.grad(y[i], g.x, disconnected_inputs="ignore") for i in places]
        return T.stack(found), (g.size,)
    return T.jacobian(y, g.x, disconnected_inputs="ignore", **WAYS.get(kind, {})), shape


@st.composite
def reads(draw):
    """Return a random function, and outputs that read its derivative."""
    g = Drawn(draw)
    y, value = function_of(g)
    J, g.rows = derivative(g, y, value.shape)
    g.columns = g.values[g.x].shape
    g.m, g.n = math.prod(g.rows), math.prod(g.columns)
    outputs = []
    for _ in range(g.integer(1, 2)):
        of, several = (J, TENSORS) if g.one_of([True, False]) else (matrix(J, g), MATRICES)
        found = g.of(g.rows + g.columns).made(g.one_of(several), of)
        if found is not None and g.integer(0, 3) == 0:
            by = g.one_of([v for v in g.values if v.dtype == "float64"])
            cost = (found[0] ** 2).sum()
            found = g.made(lambda z, _, v=by: T.grad(z, v, disconnected_inputs="ignore"), cost)
        outputs += [] if found is None else [found[0]]
    return g, outputs


def matrix(J, g):
    """Return a derivative as a matrix."""
    if len(g.rows) == len(g.columns) == 1:
        return J
    return J.reshape((g.size, g.x.size))


def assert_as_plain(g, outputs, mode):
    pairs = zip(g.evaluated(outputs, mode), g.evaluated(outputs, PLAIN), strict=True)
    for found, wanted in pairs:
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        if wanted.size and np.isfinite(wanted).all():
            scale = np.abs(wanted).max(initial=1.0)
            assert np.allclose(found / scale, wanted / scale, rtol=1e-8, atol=1e-9)


@settings(max_examples=settings.default.max_examples // 3)
@given(reads())
def test_what_is_read_is_that_of_the_loop(case):
    assert_as_plain(*case, "numpy")


@settings(max_examples=settings.default.max_examples // 20)
@given(reads())
def test_what_is_read_is_that_of_the_loop_where_it_is_compiled(case):
    assert_as_plain(*case, None)


def squares(x):
    return T.jacobian(T.sqr(x - x.mean()) * x, x)


FOUND = {
    "no rows, in another shape": (
        (2, None, 2), (2, 1, 2), lambda x: T.tensordot(
            T.zeros(0), T.jacobian(x[2:] * x[: x.shape[0] - 2], x, mode="forward"), 1
        ),
    ),
    "gradient by one element": ((1,), (1,), lambda x: T.grad((squares(x) ** 2).sum(), x)),
    "sum of none, less their mean": (
        (None,), (0,), lambda x: T.jacobian(x - x.mean(), x).sum() + T.alloc(1 / x.sum(), 0).sum()
    ),
    "of one element, a scalar": ((1,), (1,), lambda x: T.hessian(T.exp(x[-1] - x).sum(), x)),
}  # fmt: skip
"""What has been found: declared extents of a variable, its shape, and what is read."""


@pytest.mark.parametrize("name", FOUND)
def test_what_has_been_found(name, rng):
    declared, shape, build = FOUND[name]
    x = T.tensor("x", "float64", declared)
    outputs, value = [build(x)], rng.uniform(0.5, 1.5, shape)
    found, wanted = (gradcore.function([x], outputs, m)(value)[0] for m in ("numpy", PLAIN))
    assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-12)
