"""Rules for Jacobians that lie: each lie is found by values, or by what is computed."""

import functools
import importlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError
from gradcore.graph import FunctionGraph
from gradcore.graph.traverse import infer_shapes
from gradcore.ops.linalg import Dot
from gradcore.ops.scan import Scan
from gradcore.rewrite.jacobians import chains, costs, entries, expression_rows, sums
from gradcore.rewrite.jacobians.costs import takes_less
from gradcore.scan.builder import LoopBuilder

X, U, V, C = T.dvectors("X", "U", "V", "C")
W = T.dmatrix("W")
M = T.tensor("M", "float64", (3, 2))
GIVEN = {
    X: np.linspace(0.5, 1.2, 4),
    U: np.linspace(0.2, 1.1, 3),
    V: np.linspace(1.3, 0.4, 4),
    C: np.linspace(0.3, 1.4, 6),
    W: np.cos(np.arange(12.0)).reshape(3, 4),
    M: np.sin(np.arange(6.0)).reshape(3, 2),
}
PLAIN = gradcore.Mode("numpy", optimizer=False)
LAYER = T.jacobian(T.tanh(T.dot(W, X)) * X.sum(), X)


def compiled(output, mode="numpy"):
    return gradcore.function(list(GIVEN), output, mode, on_unused_input="ignore")


@functools.cache
def plain(output):
    return compiled(output, PLAIN)(*GIVEN.values())


def value(output, rtol=1e-11):
    """Return whether an output is what it is without rewriting."""
    found, wanted = compiled(output)(*GIVEN.values()), plain(output)
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=rtol, atol=1e-13)


def nodes(f, op):
    return [node for node in f.maker.fgraph.nodes if isinstance(node.op, op)]


# sums over unit vectors -------------------------------------------------------------------------
def added_up(backwards):
    """Return a sum over unit vectors, each with one of more vectors than there are steps."""
    units = gradcore.scan(lambda i: T.inc_subtensor(T.zeros_like(X)[i], 1.0), T.arange(X.shape[0]))[
        0
    ]
    loop = LoopBuilder(
        lambda e, r, s: s + T.dot(W, e) * r.sum(),
        [units, T.outer(C, V)], T.zeros_like(U), None, X.shape[0], backwards, False, None,
    )  # fmt: skip
    node = loop.build(-1)[0].owner
    body = FunctionGraph(node.op.body.inputs, node.op.body.outputs[:1])
    op = replace(node.op.with_graphs(body), sums=frozenset({0}))
    return op.make_node(*node.inputs).outputs[0]


FORWARDS, BACKWARDS = added_up(False), added_up(True)
SQUARED = gradcore.scan(
    lambda i, y, x: T.grad(y[i], x) ** 2, T.arange(U.shape[0]), non_sequences=[T.sin(W @ X), X]
)[0]
GRADIENT = T.grad(U @ LAYER @ V, X)


@pytest.mark.parametrize("total", [FORWARDS, BACKWARDS], ids=["forwards", "backwards"])
def test_sums_take_as_many_vectors_as_there_are_steps(total):
    """The first ones, or, from the last to the first, the last ones."""
    assert value(total) and not nodes(compiled(total), Scan)


# products of many matrices ----------------------------------------------------------------------
SIZES = (30, 2, 30, 3, 30)


def layers(sizes, dtypes, scale=None):
    """Return inputs, and the Jacobian of a chain of linear layers of these sizes."""
    x = T.tensor("x", "float64", sizes[:1])
    weights = [
        T.tensor(f"w{k}", dtype, (m, n))
        for k, (dtype, (n, m)) in enumerate(zip(dtypes, itertools.pairwise(sizes), strict=True))
    ]
    y = x
    for w in weights:
        y = T.dot(w, y)
    return [x, *weights], T.jacobian(y if scale is None else scale * y, x)


def multiplications(f):
    dots = [n for n in nodes(f, Dot) if n.out.ndim == 2]
    shapes = zip(
        infer_shapes([n.inputs[0] for n in dots]), infer_shapes([n.out for n in dots]), strict=True
    )
    return sum(m * k * n for (m, k), (_, n) in shapes)


def best_order():
    """Return whether a chain of matrices is multiplied in the order that takes least."""
    f = gradcore.function(*layers(SIZES, ["float64"] * 4), mode="numpy", on_unused_input="ignore")
    return multiplications(f) == 3 * 30 * 2 + 30 * 3 * 2 + 30 * 2 * 30


def rounded_as_written():
    """Return whether factors of another dtype, and what scales them, are rounded as written."""
    scale = T.tensor("s", "float32", (4,))
    inputs, jacobian = layers((5, 2, 4, 4, 4), ["float64", *["float32"] * 3], scale)
    rng = np.random.default_rng(5)
    given = [rng.uniform(1, 2, v.type.shape).astype(v.dtype) for v in (*inputs, scale)]
    found, wanted = (
        gradcore.function([*inputs, scale], jacobian, mode, on_unused_input="ignore")(*given)
        for mode in ("numpy", PLAIN)
    )
    return np.allclose(found, wanted, rtol=1e-13, atol=0)


def factors_of_any_dtype(v, readers, whole=False, f=chains._factors):
    found = f(v, readers, whole)
    if v.owner is None or not isinstance(v.owner.op, Dot) or len(found) > 1:
        return found
    return [x for given in v.owner.inputs for x in factors_of_any_dtype(given, readers)]


def test_no_factor_is_rounded_in_another_order():
    assert rounded_as_written()


# costs ------------------------------------------------------------------------------------------
def counted():
    """Return whether two orders of a product, and loops of some steps, are compared right."""
    known = [T.tensor(dtype="float64", shape=s) for s in ((2, 9), (9, 9), (9, 9))]
    a, b, c = T.dmatrices("a", "b", "c")
    left, right = T.dot(T.dot(a, b), c), T.dot(a, T.dot(b, c))
    less = gradcore.function([a, b, c], takes_less(left, right), mode="numpy")
    x = T.tensor("x", "float64", (50, 7))
    loop = gradcore.scan(lambda r: T.sin(r).sum() * r, x)[0]
    return (
        takes_less(T.dot(T.dot(*known[:2]), known[2]), T.dot(known[0], T.dot(*known[1:]))) is True
        and less(*map(np.zeros, [(2, 9), (9, 9), (9, 9)]))
        and not less(*map(np.zeros, [(9, 9), (9, 9), (9, 2)]))
        and takes_less(T.sin(x[0]) + T.exp(x[1]), loop) is True
    )


# parts ------------------------------------------------------------------------------------------
MIXED = T.dot(T.tanh(T.dot(T.dot(X, W.T), M)), M.T).cumsum()
TALL = T.jacobian(T.concatenate([MIXED, MIXED**2, T.sin(MIXED)]).cumsum(), M)
BOTH = T.einsum("iab,ib->a", TALL, T.concatenate([M, M, M]))
STRETCHED = T.inc_subtensor(T.zeros(7)[[1, 1, 4, 6]], X**2)
TAKEN = T.jacobian(STRETCHED[1:5] ** 2, X, mode="forward")


SQUARE = T.jacobian(T.tanh(W.T @ (W @ X)) * X, X)


def chosen_on_the_other_side(node, r, f=expression_rows._choice):
    found = f(node, r)
    of_rows, condition = found.chooses
    return replace(found, chooses=(not of_rows, condition))


def looped(count):
    y = T.tanh(W @ X)
    return gradcore.scan(lambda i, y, x: T.grad(y[i], x), T.arange(count), non_sequences=[y, X])[0]


def module(name):
    return importlib.import_module(f"gradcore.rewrite.jacobians.{name}")


MUTANTS = {
    "all vectors of a sum": ("sums", "_taken", lambda v, *_: v, lambda: value(FORWARDS)),
    "all vectors, backwards": ("sums", "_taken", lambda v, *_: v, lambda: value(BACKWARDS)),
    "the first vectors, backwards": (
        "sums", "_taken", lambda v, steps, _: v[:steps], lambda: value(BACKWARDS)
    ),
    "sums in any order": (
        "sums", "_in_order", lambda v, f=sums._in_order: (f(v)[0], False), lambda: value(BACKWARDS)
    ),
    "columns for rows": (
        "sums", "outer_products", lambda v, f=sums.outer_products: [(b, a) for a, b in f(v)],
        lambda: value(GRADIENT),
    ),
    "rows chosen as columns": (
        "expression_rows", "_choice", chosen_on_the_other_side,
        lambda: value(T.switch(X > 0.9, SQUARE, 0.0) @ V),
    ),
    "outer products, transposed": (
        "expression_rows", "outer_products",
        lambda v, f=sums.outer_products: [(b, a) for a, b in f(v)],
        lambda: value(T.trace(SQUARE @ T.outer(V, X))),
    ),
    "factors of any dtype": ("chains", "_factors", factors_of_any_dtype, rounded_as_written),
    "any order": (
        "chains", "_best", lambda factors, _: functools.reduce(Dot(), factors), best_order
    ),
    "sums are compared by one term": (
        "costs", "_written", lambda work, f=costs._written: -f(work), counted
    ),
    "loops take one step": ("costs", "_of_steps", lambda *_: 0, counted),
    "over rows and columns": ("smaller", "_on_one_side", lambda found: found, lambda: value(BOTH)),
    "of a part, all": (
        "entries", "_taken", lambda node, op, given, f=entries._taken: replace(
            f(node, op, given), values=given.values
        ),
        lambda: value(TAKEN),
    ),
    "as many rows as there are elements": (
        "linear_maps", "_of_steps", lambda unit, *_: unit, lambda: value(looped(2) @ V)
    ),
    "all is linear": ("linear_maps", "is_linear", lambda *_: True, lambda: value(SQUARED @ V)),
}  # fmt: skip
"""Lies: where, what, the lie, and what finds it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(name, monkeypatch):
    where, what, lie, holds = MUTANTS[name]
    assert holds()
    monkeypatch.setattr(module(where), what, lie)
    try:
        caught = not holds()
    except (GradcoreError, IndexError, ValueError, AssertionError):
        caught = True
    assert caught
