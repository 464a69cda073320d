"""A Jacobian is computed by rows or by columns, whichever take less, as ops declare."""

import itertools
import math

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph.traverse import infer_shapes
from gradcore.ops.control import Conditional
from gradcore.ops.linalg import Dot
from gradcore.rewrite.jacobians.costs import takes_less

PLAIN = gradcore.Mode("numpy", optimizer=False)
SIZES = [
    (30, 1, 30, 20),
    (30, 1, 30, 45),
    (20, 30, 1, 30),
    (45, 30, 1, 30),
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


def test_of_a_choice_the_branch_that_takes_less_counts(rng):
    """Both are not added up: few columns are computed from the right, and not all of them."""
    _, left, right = in_order((2, 10, 10, 10))
    a, b = factors((5, 10, 10))
    other = T.dot(a, b)  # between what the branches take
    choice = T.ifelse(T.dscalar() > 0, right, left)
    assert takes_less(choice, other) is True
    assert takes_less(other, choice) is False
    x, w, v = T.dvector("x"), T.dmatrix("w"), T.dmatrix("v")
    J = T.jacobian(T.dot(v, T.tanh(T.dot(w, x))) * T.exp(x[0]), x)
    values = [rng.normal(size=shape) for shape in ((60,), (50, 60), (40, 50))]
    f = gradcore.function([x, w, v], J[:, 1:3], mode="numpy")
    assert np.allclose(f(*values), gradcore.function([x, w, v], J, mode=PLAIN)(*values)[:, 1:3])
    (chosen,) = [n for n in f.maker.fgraph.nodes if isinstance(n.op, Conditional)]
    assert gradcore.function([x, w, v], chosen.inputs[0], mode="numpy", on_unused_input="ignore")(
        *values
    )


def layers(x, weights, between=T.tanh):
    for w in weights:
        x = between(T.dot(w, x))
    return x


def summed(x):
    return T.cumsum(T.tanh(x))


def compiled(sizes, known, mode, between=T.tanh):
    shapes = [(sizes[0],), *zip(sizes[1:], sizes, strict=False)]
    inputs = [T.tensor(dtype="float64", shape=s if known else (None,) * len(s)) for s in shapes]
    output = T.jacobian(layers(inputs[0], inputs[1:], between), inputs[0], mode=mode)
    return gradcore.function(inputs, output, mode="numpy"), shapes


def multiplications(f):
    """Return those of the products of matrices."""
    dots = [n for n in f.maker.fgraph.nodes if isinstance(n.op, Dot) and n.out.ndim == 2]
    shapes = zip(
        infer_shapes([n.inputs[0] for n in dots]), infer_shapes([n.out for n in dots]), strict=True
    )
    return sum(m * k * n for (m, k), (_, n) in shapes)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_narrow_layers_decide(sizes, rng):
    """Where sums between the layers leave no other orders."""
    modes = ("auto", "forward", "reverse")
    fs = {mode: compiled(sizes, True, mode, summed) for mode in modes}
    takes = {mode: multiplications(f) for mode, (f, _) in fs.items()}
    assert takes["auto"] <= 1.1 * min(takes.values())
    assert sizes[0] == sizes[-1] or takes["auto"] < 0.7 * max(takes.values())
    unknown, shapes = compiled(sizes, False, "auto", summed)
    given = [rng.normal(size=shape) for shape in shapes]
    for f in (unknown, fs["auto"][0]):
        assert np.allclose(f(*given), fs["reverse"][0](*given), rtol=1e-11, atol=1e-14)


def fewest(sizes):
    """Return the multiplications of a chain of matrices in its best order, by trying all."""
    if len(sizes) < 3:
        return 0
    return min(
        sizes[0] * sizes[k] * sizes[-1] + fewest(sizes[: k + 1]) + fewest(sizes[k:])
        for k in range(1, len(sizes) - 1)
    )


CHAINS = [(30, 2, 30, 3, 30), (20, 20, 1, 20, 20), (5, 40, 4, 3, 30, 30), (9, 9, 9, 9, 9)]


@pytest.mark.parametrize("sizes", CHAINS, ids=str)
def test_chains_of_layers_are_multiplied_in_the_best_order(sizes, rng):
    f, shapes = compiled(sizes, True, "auto")
    assert multiplications(f) == fewest(sizes)
    given = [rng.normal(size=shape) for shape in shapes]
    wanted = compiled(sizes, False, "reverse")[0](*given)
    assert np.allclose(f(*given), wanted, rtol=1e-11, atol=1e-14)


@pytest.fixture
def products(monkeypatch):
    """The multiplications of each product of matrices that functions compute."""
    found, reference = [], Dot.reference

    def counted(self, x, y):
        if x.ndim == y.ndim == 2:
            found.append(x.size * y.shape[1])
        return reference(self, x, y)

    monkeypatch.setattr(Dot, "reference", counted)
    return found


ONE_NARROW = [(20, 20, 1, 20, 20), (20, 3, 20, 20, 20), (3, 9, 9, 9), (9, 9, 9, 3), (9, 5, 1, 9, 9)]


def test_orders_of_unknown_extents_are_chosen_when_it_runs(rng, products):
    """Outwards from the narrowest layer, by one compiled function for all."""
    fs = {layers: compiled((None,) * layers, False, "auto")[0] for layers in (4, 5)}
    for sizes in ONE_NARROW:
        g, shapes = compiled(sizes, True, "auto")
        given = [rng.normal(size=shape) for shape in shapes]
        wanted = g(*given)
        products.clear()
        assert np.allclose(fs[len(sizes)](*given), wanted, rtol=1e-11, atol=1e-14)
        assert sum(products) == fewest(sizes)


def test_products_that_are_read_twice_or_added_are_right(rng):
    """Products in sums have orders of their own; one that two read is multiplied once."""
    shapes = [(6,), (2, 6), (6, 2), (6, 6), (1, 6), (6, 1)]
    x, *weights = given = [T.tensor(dtype="float64", shape=shape) for shape in shapes]
    narrow = layers(x, weights[:3])
    outputs = [
        T.jacobian(y, x)
        for y in (
            x + narrow - layers(x, weights[2:]),
            layers(narrow, weights[3:]) + T.sin(layers(narrow, weights[2:3])),
            T.exp(narrow)[:, None].sum(1) * 2 * layers(narrow, weights[3:]),
        )
    ]
    values = [rng.normal(size=shape) for shape in shapes]
    found, wanted = (gradcore.function(given, outputs, mode)(*values) for mode in ("numpy", PLAIN))
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("mode", ["auto", "forward"])
def test_parts_that_are_added_up_again_and_again_do_not_grow(mode, rng):
    """Each step takes all columns of what the one before has made, and adds them up."""
    angles, points = T.tensor("a", "float64", (18,)), T.tensor("p", "float64", (4, 3))
    p = points
    for k in range(6):
        x, y, z = (p[:, axis] * angles[3 * k + axis] for axis in range(3))
        p = T.stack([x + T.sin(y), T.cos(x) * y, z * x], axis=1)
    jacobian = T.jacobian(p.flatten(), angles, mode=mode)
    f = gradcore.function([angles, points], jacobian, "numpy")
    shapes = [v.type.shape for node in f.maker.fgraph.nodes for v in node.outputs]
    sizes = [math.prod(shape) for shape in shapes if None not in shape]
    assert max(sizes) <= 4 * 12 * 18
    given = [rng.uniform(0.5, 1.5, v.type.shape) for v in (angles, points)]
    wanted = gradcore.function([angles, points], jacobian, PLAIN)(*given)
    assert np.allclose(f(*given), wanted, rtol=1e-11, atol=1e-14)
