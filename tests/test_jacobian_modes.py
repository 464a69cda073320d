"""Jacobians and Hessians by mode, in chunks, in loops, of all that can be differentiated."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.ops.scan import Scan

PLAIN = gradcore.Mode("numpy", optimizer=False)
WAYS = {
    "auto": {},
    "forward": {"mode": "forward"},
    "reverse": {"mode": "reverse"},
    "chunks": {"chunk_size": 2},
    "chunks forward": {"chunk_size": 2, "mode": "forward"},
    "chunks of all": {"chunk_size": 100},
    "steps": {"vectorize": False},
    "steps forward": {"vectorize": False, "mode": "forward"},
    "steps reverse": {"vectorize": False, "mode": "reverse"},
}
x, s, A, k = T.dvector("x"), T.dscalar("s"), T.dmatrix("A"), T.lvector("k")


def mixed(v):
    """Return a vector of which each element depends on all, that is computed by no bands."""
    return T.concatenate([T.sort(v) ** 2, T.sin(v)]) * v.sum()


def looped(v):
    step = lambda h, v: T.tanh(h * v + v[::-1])
    h, _ = gradcore.scan(step, None, [T.ones_like(v)], [v], n_steps=3)
    return h


def choice(v):
    return T.ifelse(T.gt(v[0], 0), mixed(v), T.concatenate([v, v]) ** 2)


def in_a_body(way):
    rows, _ = gradcore.scan(lambda row: T.jacobian(mixed(row), row, **way), A)
    return rows


def captured(way):
    """The variable is what a loop captures, and the Jacobian is taken inside of it."""
    found, _ = gradcore.scan(lambda i: T.jacobian(mixed(x) * i, x, **way), T.arange(2))
    return found


def intermediate(way):
    v = x**2
    return T.jacobian(mixed(v) + x.sum(), v, **way)


CASES = {
    "vector": lambda way: T.jacobian(mixed(x), x, **way),
    "more columns": lambda way: T.jacobian(mixed(x)[:2], x, **way),
    "bands": lambda way: T.jacobian(x[1:] * x[:-1] ** 2, x, **way),
    "scalar": lambda way: T.jacobian(T.log(T.exp(x).sum()), x, **way),
    "by a scalar": lambda way: T.jacobian(mixed(x * s), s, **way),
    "scalar by a scalar": lambda way: T.jacobian(T.sin(s), s, **way),
    "matrix": lambda way: T.jacobian(T.dot(A, A.T), A, **way),
    "vector by a matrix": lambda way: T.jacobian(mixed(A.flatten()), A, **way),
    "matrix by a vector": lambda way: T.jacobian(T.outer(x, mixed(x)), x, **way),
    "integers": lambda way: T.jacobian(T.sin(mixed(k)), k, **way),
    "of integers": lambda way: T.jacobian(k**2, k, **way),
    "float32": lambda way: T.jacobian(mixed(T.cast(x, "float32") * 2), x, **way),
    "intermediate": intermediate,
    "in a body": in_a_body,
    "captured": captured,
    "of a loop": lambda way: T.jacobian(looped(x), x, **way),
    "of a choice": lambda way: T.jacobian(choice(x), x, **way),
    "of the other branch": lambda way: T.jacobian(choice(-x), x, **way)[0],
    "constants": lambda way: T.jacobian(mixed(x) * (c := T.exp(x)).sum(), x, [c], **way),
    "disconnected": lambda way: T.jacobian(mixed(x), s, disconnected_inputs="ignore", **way),
    "gradient of it": lambda way: T.grad((T.jacobian(mixed(x), x, **way) ** 2).sum(), x),
    "tangent of it": lambda way: T.Rop(T.jacobian(mixed(x), x, **way), x, T.cos(x)),
    "Jacobian of it": lambda way: T.jacobian(T.jacobian(mixed(x), x, **way), x, **way),
    "several": lambda way: T.concatenate(
        [J.flatten() for J in T.jacobian(mixed(x * s) * A.sum(), [x, s, A], **way)]
    ),
    "Hessian": lambda way: T.hessian((mixed(x) ** 2).sum(), x, **way),
    "blocks": lambda way: T.concatenate(
        [
            H.flatten()
            for row in T.hessian((mixed(x * s) * A.sum()).sum(), [x, s, A], blocks=True, **way)
            for H in row
        ]
    ),
    "products": lambda way: T.dot(T.jacobian(mixed(x), x, **way), x),
}


def values(rng):
    return [
        np.array([0.5, 1.5, 0.25]),
        np.array(0.75),
        rng.uniform(0.5, 1, (2, 3)),
        np.array([1, 4, 2]),
    ]


LARGE = {
    "blocks",
    "several",
    "Hessian",
    "Jacobian of it",
    "gradient of it",
    "of a choice",
    "of the other branch",
}
"""Cases of many nodes, which take three ways."""


@pytest.mark.parametrize("case", CASES)
def test_every_way_is_the_same(case, rng):
    """Rewritten, and as it is written, where only the direction counts."""
    build, given = CASES[case], values(rng)
    ways = ("forward", "chunks", "steps reverse") if case in LARGE else WAYS
    rewritten = [build(WAYS[way]) for way in ways]
    expected, forward = called_with(PLAIN, [build(way) for way in ({}, {"mode": "forward"})], given)
    for found in (forward, *called_with("numpy", rewritten, given)):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def called_with(mode, outputs, given):
    return gradcore.function([x, s, A, k], outputs, mode, on_unused_input="ignore")(*given)


@pytest.mark.parametrize("case", ["vector", "bands", "matrix", "of a loop", "several"])
def test_of_no_elements(case):
    build = CASES[case]
    given = [np.empty(0), np.array(1.0), np.empty((0, 0))]
    outputs = [build(WAYS[way]) for way in ("forward", "chunks", "steps reverse")]
    f = gradcore.function([x, s, A], outputs, "numpy", on_unused_input="ignore")
    plain = gradcore.function([x, s, A], build({}), PLAIN, on_unused_input="ignore")
    if case == "bands":
        given[0] = np.ones(1)
    for found in f(*given):
        assert found.shape == plain(*given).shape


# what runs --------------------------------------------------------------------------------------
CALLS = {"forward": [], "reverse": []}


class Counted(gradcore.Op):
    """The identity of a direction, which notes the shapes that it is called with."""

    __props__ = ("mode",)

    def __init__(self, mode):
        self.mode = mode

    def make_node(self, v):
        return gradcore.Apply(self, [v], [v.type()])

    def infer_shape(self, node, input_shapes):
        return input_shapes

    def perform(self, node, inputs, output_storage):
        CALLS[self.mode].append(inputs[0].shape)
        output_storage[0][0] = inputs[0].copy()


class Watched(gradcore.Op):
    """The identity, whose derivatives are counted."""

    __props__ = ()

    def make_node(self, v):
        return gradcore.Apply(self, [v], [v.type()])

    def infer_shape(self, node, input_shapes):
        return input_shapes

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0].copy()

    def grad(self, inputs, output_grads):
        return [Counted("reverse")(output_grads[0])]

    def R_op(self, inputs, eval_points):
        return [Counted("forward")(eval_points[0])]


def called(way, rows, columns):
    """Return how often each direction is taken of a function of so many rows and columns."""
    for calls in CALLS.values():
        calls.clear()
    v = T.dvector("v")
    y = T.sort(Watched()(T.concatenate([v] * rows)))[:rows]
    f = gradcore.function([v], T.jacobian(y, v, **way), "numpy")
    J = f(np.arange(float(columns)))
    assert J.shape == (rows, columns)
    return {mode: len(calls) for mode, calls in CALLS.items()}


@pytest.mark.parametrize("way", [{}, {"vectorize": False}, {"chunk_size": 2}])
def test_a_forced_mode_takes_that_direction(way):
    """A mode that is forced is as it says, whichever are fewer."""
    for rows, columns in ((5, 2), (2, 5)):
        forward = called({"mode": "forward", **way}, rows, columns)
        assert forward["reverse"] == 0 < forward["forward"]
        reverse = called({"mode": "reverse", **way}, rows, columns)
        assert reverse["forward"] == 0 < reverse["reverse"]


def loops(graph):
    """Yield the loops of a graph, those in branches and in other loops, too."""
    for node in graph.nodes:
        if isinstance(node.op, Scan):
            yield node
        for inner in node.op.graphs:
            yield from loops(inner)


def largest(graph):
    """Return the largest extent that is known of a first axis, in all that is computed."""
    found = [v.type.shape[0] for node in graph.nodes for v in node.outputs if v.ndim == 2]
    inner = [largest(g) for node in graph.nodes for g in node.op.graphs]
    return max([n for n in found if n is not None] + inner, default=0)


def compiled(build, **way):
    v = T.tensor("v", "float64", (12,))
    return gradcore.function([v], build(v, **way), "numpy").maker.fgraph


def test_what_stays_a_loop():
    """By steps, always; in chunks, unless the matrix has bands only; else all at once."""

    def dense(v, **way):
        return T.jacobian(mixed(v)[:12], v, **way)

    def banded(v, **way):
        return T.jacobian(T.sin(v) * v, v, **way)

    assert not list(loops(compiled(dense)))
    (steps,) = loops(compiled(dense, vectorize=False))
    assert all(v.ndim < 2 for node in steps.op.body.nodes for v in node.outputs)
    assert list(loops(compiled(banded, vectorize=False)))
    assert not list(loops(compiled(banded, chunk_size=2)))
    for mode in ("auto", "forward", "reverse"):
        (chunks,) = loops(compiled(dense, chunk_size=5, mode=mode))
        assert largest(chunks.op.body) == 4  # three chunks, as long as each other
    assert not list(loops(compiled(dense, chunk_size=12)))


def test_a_budget_bounds_what_is_computed_at_once():
    def dense(v):
        return T.jacobian(mixed(v)[:12], v)

    with gradcore.config.change_flags(jacobian_memory_budget=4000):
        (chunks,) = loops(compiled(dense))
        assert 1 <= largest(chunks.op.body) < 12
    with gradcore.config.change_flags(jacobian_memory_budget=1):
        assert len(list(loops(compiled(dense)))) == 1
    with gradcore.config.change_flags(jacobian_memory_budget=1 << 20):
        assert not list(loops(compiled(dense)))
        unknown = gradcore.function([x], T.jacobian(mixed(x), x), "numpy")
    value = np.linspace(0.5, 1, 7)
    wanted = gradcore.function([x], T.jacobian(mixed(x), x), PLAIN)(value)
    np.testing.assert_allclose(unknown(value), wanted, rtol=1e-12)


def test_a_product_is_not_built_in_any_mode():
    for way in WAYS.values():
        f = gradcore.function([x], T.dot(T.jacobian(mixed(x), x, **way), x), "numpy")
        assert not list(loops(f.maker.fgraph))


def test_chunks_on_every_backend(everywhere, rng):
    given = rng.uniform(0.5, 1, 5)
    ways = [{"chunk_size": 2}, {"chunk_size": 3, "mode": "forward"}, {"vectorize": False}]
    outputs = [T.jacobian(mixed(x), x, **way) for way in ways]
    wanted = gradcore.function([x], outputs[0], PLAIN)(given)
    for found in gradcore.function([x], outputs, everywhere)(given):
        np.testing.assert_allclose(found, wanted, rtol=1e-11)


# arguments --------------------------------------------------------------------------------------
def test_blocks_of_a_hessian():
    cost = (x**2).sum() * s
    rows = T.hessian(cost, (x, s), blocks=True)
    assert isinstance(rows, tuple) and all(isinstance(row, tuple) for row in rows)
    assert [[H.ndim for H in row] for row in rows] == [[2, 1], [1, 0]]
    assert isinstance(T.hessian(cost, [x, s], blocks=True)[0], list)
    assert T.hessian(cost, x, blocks=True).ndim == 2
    alone = T.hessian((x**2).sum(), [x], blocks=True)
    assert isinstance(alone[0], list) and alone[0][0].ndim == 2


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"mode": "backward"}, "auto, forward, reverse, not 'backward'"),
        ({"chunk_size": 0}, "whole number from 1"),
        ({"chunk_size": 2.0}, "whole number from 1"),
        ({"chunk_size": True}, "whole number from 1"),
        ({"chunk_size": 2, "vectorize": False}, "one after the other"),
    ],
)
def test_what_is_no_way(way, message):
    for derivative, y in ((T.jacobian, x**2), (T.hessian, x.sum())):
        with pytest.raises(gradcore.errors.GraphValueError, match=message) as info:
            derivative(y, x, **way)
        assert "test_jacobian_modes.py" in str(info.value)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_is_disconnected(mode):
    with pytest.raises(gradcore.errors.DisconnectedInputError, match="no path leads"):
        T.jacobian(x**2, s, mode=mode)
    constant = x**2
    with pytest.raises(gradcore.errors.DisconnectedInputError):
        T.jacobian(constant * 2, x, consider_constant=[constant], mode=mode)
    with pytest.raises(TypeError, match="a policy is"):
        T.jacobian(x**2, s, disconnected_inputs="complain", mode=mode)
