"""Jacobians with many bands: by products with seeds, of a length that grows as the function's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError
from gradcore.ops.factors import Solve
from gradcore.rewrite.jacobians import compressed

X, B = T.dvectors("X", "B")
PLAIN = gradcore.Mode("numpy", optimizer=False)


def narrower(x, k):
    """Layers of neighbours, each with an element less."""
    for _ in range(k):
        x = T.sin(x[1:] ** 2 + x[:-1])
    return x


def as_long(x, k):
    """Layers that add what is before each element."""
    for _ in range(k):
        x = T.cos(x + T.inc_subtensor(T.zeros_like(x)[1:], x[:-1] ** 2))
    return x


def overwriting(x, k):
    """Layers that overwrite all but the first elements."""
    for _ in range(k):
        x = T.set_subtensor(x[1:], T.sin(x[1:] * x[:-1]))
    return x


LAYERS = [narrower, as_long, overwriting]


@pytest.fixture(params=[0, compressed.FEW_BANDS])
def few_bands(request, monkeypatch):
    """Any number of bands, and as many as are few, are computed with seeds."""
    monkeypatch.setattr(compressed, "FEW_BANDS", request.param)
    return request.param


def assert_close(f, plain, *operands):
    found, wanted = f(*operands), plain(*operands)
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12)


def compiled(outputs, mode):
    return gradcore.function([X, B], outputs, mode, on_unused_input="ignore")


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("k", [1, 9])
def test_matrices_are_those_of_the_loop_over_rows(layers, k, few_bands):
    y = layers(X, k)
    H = T.hessian((y**2).sum(), X)
    outputs = [
        T.jacobian(y, X),
        H,
        T.diag(H),
        (H * T.outer(X, T.cos(X))).sum(),
        H[[0, -1], [-1, -1]],
    ]
    f, plain = compiled(outputs, "numpy"), compiled(outputs, PLAIN)
    for n in (1, 2, 3, 9, 10, 11, 30):
        assert_close(f, plain, np.random.default_rng(n).uniform(0.5, 1.5, n), np.zeros(n))


def test_extents_that_are_known(few_bands):
    for n in (3, 12):
        x = T.tensor("x", "float64", (n,))
        H = T.hessian((narrower(x, min(n - 1, 9)) ** 2).sum() + (x[-3:] ** 4).sum(), x)
        value = np.linspace(0.5, 1.5, n)
        f, plain = (gradcore.function([x], [H], mode) for mode in ("numpy", PLAIN))
        assert_close(f, plain, value)


def test_equations_with_many_bands(everywhere):
    """Along the bands, that products with seeds have."""
    J = T.hessian((narrower(X, 8) ** 2).sum(), X) + 5 * T.eye(X.shape[0])
    outputs = [T.linalg.solve(J, B)]
    f, plain = compiled(outputs, everywhere), compiled(outputs, PLAIN)
    rng = np.random.default_rng(2)
    assert_close(f, plain, rng.uniform(0.5, 1.5, 40), rng.normal(size=40))
    if everywhere.optimizer:
        assert not any(isinstance(n.op, Solve) for n in nodes(f))


def nodes(f):
    return f.maker.fgraph.apply_nodes


@pytest.mark.parametrize("layers", [narrower, as_long])
def test_graphs_grow_as_the_function(layers):
    """Of twice as many layers, about twice the nodes."""
    sizes = [
        len(nodes(compiled([T.hessian((layers(X, k) ** 2).sum(), X)], "numpy"))) for k in (9, 18)
    ]
    assert sizes[1] < 2.2 * sizes[0]


def test_few_distant_bands_are_computed_one_by_one(few_bands):
    """Seeds for all places between would take more."""
    y = sum(T.sin(X[k:] * X[: X.shape[0] - k] if k else X)[:9].sum() for k in (0, 60, 90))
    f = compiled([T.hessian(y, X)], "numpy")
    wide = X + T.inc_subtensor(T.zeros_like(X)[90:], X[:-90] ** 2)
    g = compiled([T.jacobian(wide, X)], "numpy")
    for h in (f, g):
        assert not any(n.op == T.mod for n in nodes(h))


def test_few_bands_are_computed_one_by_one():
    f = compiled([T.hessian((narrower(X, 3) ** 2).sum(), X)], "numpy")
    g = compiled([T.hessian((narrower(X, 9) ** 2).sum(), X)], "numpy")
    assert [any(n.op == T.mod for n in nodes(h)) for h in (f, g)] == [False, True]


STEPS = [
    lambda v, k: T.sin(v) * (k + 1),
    lambda v, k: v[k:] * 2,
    lambda v, k: v[: -k or None] ** 2,
    lambda v, k: v[k:] * v[: -k or None],
    lambda v, k: T.inc_subtensor(T.zeros_like(v)[k:], T.exp(v)[: -k or None]) + v,
    lambda v, k: T.set_subtensor(v[: -k or None], v[k:] * v[k:]),
    lambda v, k: T.set_subtensor(v[k:], 0.5 * v[k:] + v[: -k or None]),
    lambda v, k: T.switch(v > k - 1, v, -2 * v),
    lambda v, k: v[1 + k : -1] - v[:1] if k > 1 else v,
    lambda v, k: T.concatenate([v[:k], v[k:] ** 2]),
    lambda v, k: v - v[::-1] * k,
]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 2)), max_size=5),
    st.integers(0, 7),
    st.booleans(),
)
def test_random_maps(steps, n, second):
    v = X
    for which, k in steps:
        v = STEPS[which](v, k)
    J = T.hessian((v**2).sum(), X) if second else T.jacobian(v, X)
    value = np.linspace(-0.7, 0.9, n)
    few, compressed.FEW_BANDS = compressed.FEW_BANDS, 0
    try:
        f, plain = (gradcore.function([X], J, mode) for mode in ("numpy", PLAIN))
    finally:
        compressed.FEW_BANDS = few
    try:
        wanted = plain(value)
    except (GradcoreError, ValueError):
        return
    scale = np.abs(wanted).max(initial=1.0)
    if np.isfinite(wanted).all():
        assert np.allclose(f(value) / scale, wanted / scale, rtol=1e-10, atol=1e-11)


LIES = {
    "a slice begins at the start": ("_first", lambda node: 0),
    "seeds of every second unit vector": ("_shifts", lambda rows: frozenset({0, 1})),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_found(name, monkeypatch):
    what, lie = LIES[name]
    monkeypatch.setattr(compressed, "FEW_BANDS", 0)
    monkeypatch.setattr(compressed, what, lie)
    outputs = [T.hessian((narrower(X, 9) ** 2).sum(), X)]
    operands = np.linspace(0.5, 1.5, 30), np.zeros(30)
    (wanted,) = compiled(outputs, PLAIN)(*operands)
    (found,) = compiled(outputs, "numpy")(*operands)
    assert not np.allclose(found, wanted, rtol=1e-9, atol=1e-12)
