"""A Jacobian is computed by rows or by columns, whichever take less, as ops declare."""

import itertools

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph.nodes import symbolic_operand
from gradcore.rewrite.jacobians.costs import takes_less

PLAIN = gradcore.Mode("numpy", optimizer=False)
SIZES = [
    (30, 1, 30, 20),
    (30, 1, 30, 31),
    (20, 30, 1, 30),
    (31, 30, 1, 30),
    (30, 30, 1, 30),
    (30, 1, 30, 30),
    (3, 9, 9, 40),
    (40, 9, 9, 3),
]
"""How wide the layers of a function are: where the narrow one is decides, not the outer ones."""


def factors(extents):
    return [T.tensor(dtype="float64", shape=shape) for shape in itertools.pairwise(extents)]


def in_order(extents):
    """Return three matrices, multiplied from the left, and from the right."""
    a, b, c = given = factors(extents)
    return given, T.dot(T.dot(a, b), c), T.dot(a, T.dot(b, c))


def test_numbers_of_operations_are_compared():
    _, left, right = in_order((9, 9, 9, 9))
    assert takes_less(left, right) is False
    assert takes_less(right, left) is False
    _, left, right = in_order((2, 10, 10, 10))
    assert takes_less(left, right) is True
    assert takes_less(right, left) is False


def test_what_is_not_known_is_compared_when_it_runs():
    given, left, right = in_order((None,) * 4)
    less = takes_less(left, right)
    assert not isinstance(less, bool)
    f = gradcore.function(given, less, mode="numpy")
    for extents in ((2, 10, 10, 10), (10, 10, 10, 2), (3, 50, 3, 50), (50, 3, 50, 3)):
        m, k, n, p = extents
        wanted = m * k * n + m * n * p < k * n * p + m * k * p
        assert f(*map(np.zeros, itertools.pairwise(extents))) == wanted


def test_what_is_less_for_all_extents_is_known():
    """Of the same products there are fewer; a margin asks for half as many."""
    x = T.dmatrix()
    once, twice = T.sin(x), T.sin(T.sin(x))
    assert takes_less(once, twice) is True
    assert takes_less(twice, once) is False
    assert takes_less(once, once) is False
    assert takes_less(once, twice, 2) is False
    assert takes_less(once, T.exp(T.sin(twice)), 2) is True


def test_steps_of_loops_count():
    """Those of a loop in a loop, too; what does not change in it counts once."""
    w, x = T.tensor("w", "float64", (7, 7)), T.tensor("x", "float64", (5, 7))

    def looped(step, x=x):
        return gradcore.scan(step, x)[0]

    assert takes_less(T.sin(x[0]), looped(T.sin)) is True
    for steps in (5, 50):
        x = T.tensor("x", "float64", (steps, 7))
        once = looped(lambda r: T.dot(T.dot(w, w), r), x)
        again = looped(lambda r: T.dot(w, T.dot(w, r)), x)
        assert takes_less(once, again) is (steps == 50)
    nested = looped(lambda r: gradcore.scan(lambda e: T.sin(e * r), r)[0].sum(0))
    assert takes_less(looped(T.sin), nested) is True
    assert takes_less(nested, looped(T.sin)) is False


def layers(x, weights):
    for w in weights:
        x = T.tanh(T.dot(w, x))
    return x


def compiled(sizes, known, mode):
    shapes = [(sizes[0],), *zip(sizes[1:], sizes, strict=False)]
    inputs = [T.tensor(dtype="float64", shape=s if known else (None,) * len(s)) for s in shapes]
    output = T.jacobian(layers(inputs[0], inputs[1:]), inputs[0], mode=mode)
    return gradcore.function(inputs, output, mode="numpy"), shapes


def operations(f):
    nodes = f.maker.fgraph.nodes
    costs = [n.op.cost(n, list(map(symbolic_operand, n.inputs))).operations for n in nodes]
    return sum(costs)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_narrow_layers_decide(sizes, rng):
    fs = {mode: compiled(sizes, True, mode) for mode in ("auto", "forward", "reverse")}
    takes = {mode: operations(f) for mode, (f, _) in fs.items()}
    assert takes["auto"] <= 1.1 * min(takes.values())
    assert sizes[0] == sizes[-1] or takes["auto"] < 0.7 * max(takes.values())
    unknown, shapes = compiled(sizes, False, "auto")
    given = [rng.normal(size=shape) for shape in shapes]
    for f in (unknown, fs["auto"][0]):
        assert np.allclose(f(*given), fs["reverse"][0](*given), rtol=1e-11, atol=1e-14)
