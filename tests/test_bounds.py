"""Bounds of integer expressions: what is proved holds for every value."""

import itertools
import random

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph.extents import MOST, addressable, check_size
from gradcore.kernel.bounds import MOST_ELEMENTS, Bounds
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import Call, Literal, Symbol, integer
from gradcore.kernel.pipeline import program
from gradcore.kernel.state import computed
from gradcore.ops.elementwise import entry

ROWS = ("add", "sub", "mul", "minimum", "maximum", "int_div", "mod", "neg", "abs", "sqr", "switch")


def expression(rng, leaves, depth):
    """Return a random expression of integers."""
    if not depth or rng.random() < 0.2:
        return rng.choice([*leaves, integer(rng.choice([-3, -1, 0, 1, 2, 7, 2**62, -(2**63)]))])
    op = entry(rng.choice(ROWS))
    operands = [expression(rng, leaves, depth - 1) for _ in range(op.operands)]
    if op.name == "switch":
        compared = entry(rng.choice(["lt", "le", "gt", "ge"]))
        number = integer(rng.choice([-1, 0, 1, 5]))
        operands[0] = Call(compared, (rng.choice(leaves), number), "bool")
    return Call(op, tuple(operands), "int64")


def value_of(x, values):
    """Return what an expression is."""
    if isinstance(x, Literal):
        return x.value
    if isinstance(x, Symbol):
        return values[x]
    given = tuple(o.dtype for o in x.operands)
    return computed(x.op.name, given, x.dtype, *(value_of(o, values) for o in x.operands))


def test_bounds_hold():
    """What is known of an expression is so, whatever its registers are."""
    rng = random.Random(7)
    leaves = [Symbol(name) for name in "nmk"]
    bounds = Bounds()
    bounds.fit(leaves[:2], MOST_ELEMENTS)
    bounds.known[leaves[2]] = (-5, 2**63 - 1)
    some = [0, 1, 2, 5, 2**20, MOST_ELEMENTS], [0, 1, 3, 2**10], [-5, -1, 0, 1, 4, 2**62, 2**63 - 1]
    points = [p for p in itertools.product(*some) if max(p[0], 1) * max(p[1], 1) <= MOST_ELEMENTS]
    tried = known = 0
    for _ in range(1500):
        y = expression(rng, leaves, 3)
        low, high = bounds.of(y)
        fits = bounds.fits((y, leaves[1]))
        for point in rng.sample(points, 12):
            values = dict(zip(leaves, point, strict=True))
            found = value_of(y, values)
            assert low <= found <= high, (y, values)
            if fits and found >= 0:
                assert max(found, 1) * max(values[leaves[1]], 1) <= MOST, (y, values)
            tried += 1
        known += fits
    assert tried > 10_000
    assert known > 100


def test_what_is_provable():
    """Parts, paddings and joined arrays of what is in memory need no check; outer products do."""
    n, m, k = map(Symbol, "nmk")
    bounds = Bounds()
    bounds.fit((n, m), MOST_ELEMENTS)
    bounds.fit((k, m), MOST_ELEMENTS)
    three = integer(3)
    for shape in ((n, m), (n * m,), (n + 2, m), (n * m // 4,), (n + k, m), (three, n, m), (k,)):
        assert bounds.fits(shape), shape
    for shape in ((n, m, k), (n, n), (Symbol("given"),), (n * k,), (n, k)):
        assert not bounds.fits(shape), shape


def test_one_condition_bounds_arrays():
    """The condition divides, and is what `check_size` says."""
    extents = (0, 1, 3, 2**20, 2**30, 2**40, 2**59, MOST, 2**60, 2**62)
    for shape in itertools.product(extents, repeat=3):
        size = np.prod([max(n, 1) for n in map(int, shape)], dtype=object)
        assert addressable(shape) is (size <= MOST)
        if size > MOST:
            with pytest.raises(gradcore.errors.ArraySizeError):
                check_size(shape)


def test_a_product_that_an_extent_of_its_own_is_made_of():
    """Extents of what a mask selects, and of its gradient, are registers made of one another."""
    x = T.tensor("x", dtype="float64", shape=(2, 1))
    chosen = x[x > 0]
    y = T.sigmoid(T.concatenate([chosen, 2 * chosen]))
    outputs = [y, T.grad(y.sum(), x)]
    between = [v for v in gradcore.graph.ancestors(outputs) if v.owner is not None]
    outputs += between[:: 1 + len(between) // 4]
    graph = gradcore.function([x], outputs, mode="numpy").maker.fgraph
    given = np.array([[1.0], [-1.0]])
    found = interpret(program(graph))(given)
    np.testing.assert_allclose(found[0], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))])


@pytest.mark.parametrize("optimizer", [True, False])
@pytest.mark.parametrize("columns", [2**50, 2**60 // 3 + 1, 2**61, 2**62 // 3])
def test_an_array_of_a_static_size_that_no_memory_has(everywhere, columns, optimizer):
    """Compiling plans its bytes, which may be more than an int64 has."""
    x = T.tensor("x", dtype="float64", shape=(3, 1))
    wide = T.exp(T.alloc(x, 3, columns))
    mode = gradcore.Mode(everywhere.backend, optimizer, **dict(everywhere.options))
    f = gradcore.function([x], [(wide[:, ::-1] * wide).reshape((3 * columns,)), x + 1], mode)
    limit = gradcore.errors.OutOfMemoryError if columns == 2**50 else gradcore.errors.ArraySizeError
    with pytest.raises(limit):
        f(np.ones((3, 1)))
