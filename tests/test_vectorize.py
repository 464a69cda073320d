"""vectorize_graph and vectorize: graphs and functions applied to stacks of what they take."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.fuzz.graphs import graph
from gradcore.conformance.samples import draw, op_classes, row_samples, rows, sample_id
from gradcore.derive import Linear
from gradcore.graph import Op
from gradcore.ops.control import IfElse


class Doubled(gradcore.Op):
    """An op as Theano's users write them."""

    __props__ = ()

    def make_node(self, x):
        return gradcore.Apply(self, [T.as_tensor(x)], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[0]

    def infer_shape(self, node, input_shapes):
        return input_shapes

    def grad(self, inputs, output_grads):
        return [2 * output_grads[0]]


@dataclass(frozen=True)
class Mirrored(Op):
    """A matrix, read from its end, and a row that is added: an op by its element form alone."""

    derivative = Linear((lambda op, ct, x, y: ct[::-1, ::-1], lambda op, ct, x, y: ct.sum(0)))

    def shape(self, x, y):
        return x.shape

    def reference(self, x, y):
        return x[::-1, ::-1] + y

    def element(self, node, at, x, y):
        return x(x.extent(0) - 1 - at[0], x.extent(1) - 1 - at[1]) + y(at[1])


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("size", [(2, 3), (0, 3), (2, 0)])
def test_element_forms_are_read_of_all(size, count, everywhere, rng):
    x, y = T.dmatrix("x"), T.dvector("y")
    X, Y = T.dtensor3("X"), T.dmatrix("Y")
    z = Mirrored()(x, y)
    given = rng.normal(size=(count, *size)), rng.normal(size=(count, size[1]))
    wanted = given[0][:, ::-1, ::-1] + given[1][:, None]
    f = gradcore.function([X, Y], gradcore.vectorize_graph(z, {x: X, y: Y}), everywhere)
    assert np.array_equal(f(*given), wanted)
    f = gradcore.function([X, y], gradcore.vectorize_graph(z, {x: X}), everywhere)
    assert np.array_equal(f(given[0], np.ones(size[1])), given[0][:, ::-1, ::-1] + 1)


SAMPLES = [
    sample
    for op in (*rows(), *op_classes())
    for sample in (list(row_samples(op))[:1] if op in rows() else op.samples())
    if sample.operands
]
"""Of each row, the first; of each class, all."""


SIZE = 3


def compiled(inputs, outputs):
    return gradcore.function(inputs, list(outputs), mode="numpy", on_unused_input="ignore")


def stack_of(v):
    return T.tensor(None, v.dtype, (None, *v.type.shape))


def ways(count):
    """Return which of several operands to stack: all, and each alone."""
    return sorted({(True,) * count, *(tuple(i == k for i in range(count)) for k in range(count))})


def check(inner, outputs, arrays, stacked):
    """Compare what stacks of some inputs give with what their elements do."""
    outer = [stack_of(v) if s else v for v, s in zip(inner, stacked, strict=True)]
    replace = {v: x for v, x in zip(inner, outer, strict=True) if v is not x}
    f = compiled(outer, gradcore.vectorize_graph(list(outputs), replace))
    one = compiled(inner, outputs)
    expected = [
        one(*(a[k] if s else a[0] for a, s in zip(arrays, stacked, strict=True)))
        for k in range(len(arrays[0]))
    ]
    given = [a if s else a[0] for a, s in zip(arrays, stacked, strict=True)]
    if any(
        np.shape(a) != np.shape(b)
        for each in expected
        for a, b in zip(each, expected[0], strict=True)
    ):
        with pytest.raises(gradcore.errors.ScanError, match="changes its shape"):
            f(*given)
        return
    for k, found in enumerate(f(*given)):
        want = np.stack([each[k] for each in expected])
        assert found.dtype == want.dtype
        found = found if found.ndim == want.ndim else np.broadcast_to(found, want.shape)
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_every_op_on_stacks_of_operands(sample, rng):
    """What has a value of its own, an index or an extent, is a constant, then it is stacked."""
    arrays = [np.stack([draw(arg, rng) for _ in range(SIZE)]) for arg in sample.operands]
    own = [arg.value is not None for arg in sample.operands]
    for fixed in {tuple(own), (False,) * len(own)}:
        inner = [
            gradcore.Constant(a[0])
            if known
            else T.tensor(None, a.dtype.name, tuple(1 if n == 1 else None for n in a.shape[1:]))
            for a, known in zip(arrays, fixed, strict=True)
        ]
        outputs = sample.op.make_node(*inner).outputs
        if not all(fixed[k] == o for k, o in enumerate(own)) and refused(inner, outputs, arrays):
            continue  # some of them must be constants
        free = [k for k, known in enumerate(fixed) if not known]
        for stacked in ways(len(free)) if free else ():
            if isinstance(sample.op, IfElse) and free[0] == 0 and stacked[0]:
                continue  # by many conditions: the branches of the samples differ in shape
            check([inner[k] for k in free], outputs, [arrays[k] for k in free], stacked)


def refused(inner, outputs, arrays):
    try:
        compiled(inner, outputs)(*(a[0] for a in arrays))
    except gradcore.errors.GradcoreError:
        return True
    return False


# graphs -----------------------------------------------------------------------------------------
x, y, s, n = T.dvector("x"), T.dvector("y"), T.dscalar("s"), T.lscalar("n")
X, X3 = T.dmatrix("X"), T.dtensor3("X3")


def cumulated(x, s):
    """A loop with a state that starts unstacked, a sequence, and what it captures."""
    (h, z), _ = gradcore.scan(lambda x_t, h: (T.tanh(h + x_t * s), h * 2), x, [T.zeros(()), None])
    return h[-1] + z.sum()


def until(x, s):
    h, _ = gradcore.scan(
        lambda h, x: (h + x.sum(), gradcore.until(h > s)), None, [T.constant(0.0)], [x], n_steps=5
    )
    return h[-1]


def steps(x, s):
    h, _ = gradcore.scan(
        lambda h, x: h * 0.5 + x, None, [T.zeros_like(x)], [x], n_steps=T.cast(s**2, "int64") + 1
    )
    return h[-1]


def nested(x, s):
    rows, _ = gradcore.scan(lambda a: gradcore.scan(lambda b: a * b * s, x)[0], x)
    return T.tanh(rows).sum(0)


GRAPHS = {
    "elementwise": lambda x, s: T.exp(-x * s),
    "reversed": lambda x, s: x[::-1] * s,
    "outer": lambda x, s: T.outer(x, x + s),
    "norm": lambda x, s: T.sqrt((x**2).sum() + s**2),
    "softmax": lambda x, s: T.exp(x - x.max()) / T.exp(x - x.max()).sum() * s,
    "shapes": lambda x, s: T.zeros((x.shape[0], 2)) + x.shape[0] * s,
    "counted": lambda x, s: T.arange(x.shape[0]) * s + x,
    "sorted": lambda x, s: T.sort(x)[T.argmax(x) - 1] * s,
    "gathered": lambda x, s: T.set_subtensor(x[T.argsort(x)[:2]], s),
    "quadratic": lambda x, s: T.dot(x, T.dot(T.outer(x, T.sin(x)) + T.eye(x.shape[0]), x)) * s,
    "choice": lambda x, s: T.ifelse(T.gt(s, 0), T.log(1 + x**2), x * s),
    "lists of choices": lambda x, s: T.ifelse(T.gt(x[0], 0), [x * s, s], [-x, s**2])[0],
    "loop": cumulated,
    "nested loops": nested,
    "until": until,
    "number of steps": steps,
    "gradient": lambda x, s: T.grad((T.tanh(x * s) ** 2).sum(), x),
    "gradient of a loop": lambda x, s: T.grad(cumulated(x, s), x),
    "jacobian": lambda x, s: T.jacobian(T.tanh(x * s) * x[::-1], x),
    "by a user": lambda x, s: T.dot(Doubled()(x), x) + s,
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name, rng):
    """Each input stacked, and both; the gradient of all is the stack of the gradients."""
    z = GRAPHS[name](x, s)
    arrays = [rng.normal(size=(SIZE, 4)), rng.normal(size=SIZE)]
    for stacked in ways(2):
        check([x, s], [z], arrays, stacked)
    S, X = T.dvector("S"), T.dmatrix("X")
    together = gradcore.vectorize_graph(z, {x: X, s: S})
    f = compiled([X, S], T.grad((together**2).sum(), [X, S], disconnected_inputs="ignore"))
    g = compiled([x, s], T.grad((z**2).sum(), [x, s], disconnected_inputs="ignore"))
    each = [g(*(a[k] for a in arrays)) for k in range(SIZE)]
    for found, *expected in zip(f(*arrays), *each, strict=True):
        np.testing.assert_allclose(found, np.stack(expected), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed, rng):
    """Floats are stacked, the other inputs are the same for all; each kind of op meets others."""
    drawn = next(g for g in map(graph, itertools.count(1000 * seed)) if not g.fails)
    inner, outputs = list(drawn.inputs), list(drawn.outputs)
    floats = [v.type.is_inexact for v in inner]
    moved = [
        (a * rng.uniform(1, 1.1, a.shape)).astype(a.dtype) if free else a
        for a, free in zip(drawn.values, floats, strict=True)
    ]
    outer = [stack_of(v) if free else v for v, free in zip(inner, floats, strict=True)]
    replace = {v: x for v, x in zip(inner, outer, strict=True) if v is not x}
    f = compiled(outer, gradcore.vectorize_graph(outputs, replace))
    pairs = zip(drawn.values, moved, floats, strict=True)
    with np.errstate(all="ignore"):
        found = f(*(np.stack([a, b]) if free else a for a, b, free in pairs))
        expected = [compiled(inner, outputs)(*values) for values in (drawn.values, moved)]
    for result, *each in zip(found, *expected, strict=True):
        want = np.stack(each)
        result = result if result.ndim == want.ndim else np.broadcast_to(result, want.shape)
        close = 1e-8 if want.dtype.itemsize == 8 else 1e-3
        np.testing.assert_allclose(result, want, rtol=close, atol=close)


@pytest.mark.parametrize("name", ["outer", "loop", "until", "gradient", "gathered"])
def test_axes_in_front_broadcast_as_those_of_numpy(name, rng):
    z = GRAPHS[name](x, s)
    one = compiled([x, s], [z])
    for shape in ((2, 3), (2, 1), (1, 3), (1, 1)):
        S = T.tensor("S", "float64", tuple(1 if k == 1 else None for k in shape))
        together = gradcore.vectorize_graph(z, {x: X3, s: S})
        assert together.ndim == z.ndim + 2
        a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=shape)
        found = compiled([X3, S], [together])(a, b)[0]
        b = np.broadcast_to(b, (2, 3))
        expected = np.array([[one(a[i, j], b[i, j])[0] for j in range(3)] for i in range(2)])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_an_output_has_the_axes_of_what_it_is_computed_from(rng):
    row, column = T.tensor("row", "float64", (1, None, None)), T.tensor("c", "float64", (None, 1))
    outputs = [x * 2, s + 1, x * s, x.shape[0], y.sum()]
    found = gradcore.vectorize_graph(tuple(outputs), {x: row, s: column})
    assert isinstance(found, tuple) and [v.ndim for v in found] == [3, 2, 3, 0, 0]
    f = compiled([row, column, y], found)
    shapes = [a.shape for a in f(rng.normal(size=(1, 3, 4)), rng.normal(size=(2, 1)), [1.0])]
    assert shapes == [(1, 3, 4), (2, 1), (2, 3, 4), (), ()]


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", GRAPHS)
def test_stacks_of_none_and_of_one(name, size, rng):
    z = GRAPHS[name](x, s)
    S = T.dvector("S")
    for x_too in (True, False):
        replace = {x: X, s: S} if x_too else {s: S}
        f = compiled([X if x_too else x, S], [gradcore.vectorize_graph(z, replace)])
        a, b = rng.normal(size=(size, 4) if x_too else 4), rng.normal(size=size)
        (found,) = f(a, b)
        one = compiled([x, s], [z])(a[0] if x_too and size else np.ones(4), b[0] if size else 1.0)[
            0
        ]
        assert found.shape == (size, *one.shape)
        if size and x_too:
            np.testing.assert_allclose(found[0], one, rtol=1e-12, atol=1e-12)


def test_an_intermediate_variable_is_replaced():
    z = T.exp(x)
    found = gradcore.vectorize_graph([z * x.sum(), z], {z: X})
    a = [[1.0, 2.0], [3.0, 4.0]]
    both = compiled([x, X], found)([1.0, 2.0], a)
    assert both[0].tolist() == [[3, 6], [9, 12]] and both[1].tolist() == a


def test_branches_by_many_conditions():
    """Both are computed; the gradient of the one that is not taken does not spoil it."""
    z = T.ifelse(T.gt(s, 0), T.log(s), s)
    S = T.dvector("S")
    found = gradcore.vectorize_graph(z, {s: S})
    with np.errstate(all="ignore"):
        value, gradient = compiled([S], [found, T.grad(found.sum(), S)])([-1.0, 1.0, 0.0])
    assert value.tolist() == [-1, 0, 0] and gradient.tolist() == [1, 1, 1]
    unequal = gradcore.vectorize_graph(T.ifelse(T.gt(s, 0), x, y), {s: S})
    with pytest.raises(gradcore.errors.ShapeError, match="branches of an ifelse"):
        compiled([S, x, y], [unequal])([1.0], [1.0], [1.0, 2.0])
    lazily = gradcore.vectorize_graph(T.ifelse(T.gt(s, 0), x, x[5:] + x[5]), {x: X})
    assert compiled([s, X], [lazily])(1.0, [[1.0]])[0].tolist() == [[1.0]]


THREE, ONE = T.tensor("three", "float64", (3,)), T.tensor("one", "float64", (1,))
TWO = T.tensor("two", "float64", (2, None))
ERRORS = {
    "dtype": (x, {x: T.fmatrix("X")}, TypeError, "cast it: astype..float64"),
    "rank": (X, {X: x}, TypeError, "has fewer axes than"),
    "extents": (THREE, {THREE: T.tensor("v", "float64", (None, 4))}, ValueError, "its last axes"),
    "an axis that stretches": (ONE, {ONE: X}, ValueError, "its last axes"),
    "known axes in front": (x * s, {x: TWO, s: THREE}, ValueError, "do not broadcast"),
    "no variable": (3.0, {x: X}, TypeError, "takes variables"),
    "no key": (x, {1: X}, TypeError, "replaces variables"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_does_not_fit(name):
    output, replace, error, message = ERRORS[name]
    with pytest.raises(error, match=message) as info:
        gradcore.vectorize_graph(output, replace)
    assert "test_vectorize.py" in str(info.value)


def test_what_does_not_fit_when_it_runs():
    Y = T.dmatrix("Y")
    f = compiled([X, Y], [gradcore.vectorize_graph(T.dot(x, y), {x: X, y: Y})])
    with pytest.raises(gradcore.errors.ShapeError, match="axes in front"):
        f(np.ones((1, 3)), np.ones((2, 3)))
    with pytest.raises(gradcore.errors.ShapeError):
        f(np.ones((2, 3)), np.ones((2, 4)))
    f = compiled([X], [gradcore.vectorize_graph(THREE * 2, {THREE: X})])
    with pytest.raises(gradcore.errors.ShapeError, match="takes the place of three"):
        f(np.ones((2, 4)))
    K = T.lvector("K")
    f = compiled([X, K], [gradcore.vectorize_graph(x[n], {x: X, n: K})])
    assert f([[1.0, 2.0], [3.0, 4.0]], [0, -1])[0].tolist() == [1, 4]
    with pytest.raises(IndexError):
        f([[1.0, 2.0], [3.0, 4.0]], [0, 2])
    f = compiled([X, K], [gradcore.vectorize_graph(x[n:], {x: X, n: K})])
    with pytest.raises(gradcore.errors.ScanError, match="batch of subtensor.*changes its shape"):
        f([[1.0, 2.0], [3.0, 4.0]], [0, 1])


# functions --------------------------------------------------------------------------------------
def test_functions_of_scalars(rng):
    f = T.vectorize(lambda a, b: (T.ifelse(T.gt(a, b), a, b), a * 2))
    a, b = rng.normal(size=(3, 2)), rng.normal(size=2)
    both = f(X, y)
    assert isinstance(both, tuple) and [v.ndim for v in both] == [2, 2]
    larger, doubled = compiled([X, y], both)(a, b)
    np.testing.assert_array_equal(larger, np.maximum(a, b))
    np.testing.assert_array_equal(doubled, 2 * a)
    assert f(1.0, [2.0, 0.0])[0].eval().tolist() == [2.0, 1.0]


def test_functions_by_their_signature(rng):
    """As numpy.vectorize, for the same function of arrays."""
    f = T.vectorize(lambda a, v: T.dot(a, v) / T.sqrt((v**2).sum()), " (m, n),(n) -> (m)")
    expected = np.vectorize(lambda a, v: a @ v / np.sqrt((v**2).sum()), signature="(m,n),(n)->(m)")
    for front, other in (((), ()), ((5,), ()), ((), (5,)), ((2, 5), (5,)), ((2, 1), (5,))):
        a, v = rng.normal(size=(*front, 4, 3)), rng.normal(size=(*other, 3))
        variables = [
            T.tensor(None, "float64", tuple(1 if k == 1 else None for k in b.shape)) for b in (a, v)
        ]
        (found,) = compiled(variables, [f(*variables)])(a, v)
        np.testing.assert_allclose(found, expected(a, v), rtol=1e-12)


def test_results_have_all_axes_in_front():
    f = T.vectorize(lambda a, b: [a, b, T.constant(1.0)], "(n),()->(n),(),()")
    found = f(X, 3.0)
    assert isinstance(found, list)
    shapes = [a.shape for a in compiled([X], found)(np.ones((4, 2)))]
    assert shapes == [(4, 2), (4,), (4,)]


def test_arguments_that_are_not_as_the_signature_says():
    def f(signature, *arguments, of=lambda *v: v[0]):
        return T.vectorize(of, signature)(*arguments)

    for text in ("(n)", "n->n", "(n)->(n)->()", "(n),->()", "", "(n n)->()"):
        with pytest.raises(gradcore.errors.GraphValueError, match="no signature"):
            f(text, x)
    with pytest.raises(TypeError, match="2 arguments for the signature"):
        f("(n)->(n)", x, x)
    with pytest.raises(TypeError, match="the signature gives it axes"):
        f("(m,n)->(n)", x)
    with pytest.raises(TypeError, match="2 results for the signature"):
        f("(n)->(n)", x, of=lambda v: (v, v))
    with pytest.raises(TypeError, match="result 0 has 1 axes"):
        f("(n)->()", x)
    with pytest.raises(TypeError, match="give a signature"):
        f(None, x, of=lambda v: T.zeros(2))
    with pytest.raises(ValueError, match="its axis n should be 3"):
        f("(n),(n)->(n)", THREE, ONE)
    with pytest.raises(ValueError, match="its axis 2 should be 2"):
        f("(2)->()", THREE)
    g = compiled([x, y], [f("(n),(n)->()", x, y, of=lambda a, b: a.sum() + b.sum())])
    with pytest.raises(ValueError, match="the signature gives it axes"):
        g([1.0], [1.0, 2.0])
    g = compiled([x], [f("(n)->(n)", x, of=lambda a: a[1:])])
    with pytest.raises(ValueError, match="the signature gives it axes"):
        g([1.0])
