"""Ops of functions of Python and of graphs, and ops that say their types as Theano's do."""

import pickle
import re

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import OpFromGraph, as_op
from gradcore.errors import ArgumentError, GraphTypeError, NotDifferentiableError
from gradcore.graph.traverse import infer_shapes, toposort
from gradcore.python_functions import FromFunctionOp


@as_op(itypes=[T.dvector, T.lscalar], otypes=[T.dvector, T.dscalar])
def rolled(x, n):
    """Return a vector that is rolled, and its sum."""
    return np.roll(x, n), x.sum()


# functions of Python ------------------------------------------------------------------------------
def test_a_function_of_python_is_an_op(everywhere):
    x = T.dvector("x")
    a, b = rolled(x, 1)
    f = gradcore.function([x], a * b, mode=everywhere)
    assert f([1.0, 2.0, 3.0]).tolist() == [18, 6, 12]
    assert rolled.__doc__.startswith("Return a vector") and "rolled" in str(a)


def test_ops_of_one_function_differ_by_its_types(everywhere):
    """Equal ops merge: one that returns another dtype is another op."""

    def number(v):
        return len(v)

    x = T.dvector("x")
    kinds = [as_op(T.dvector, otype)(number) for otype in (T.dscalar, T.fscalar, T.dscalar)]
    assert kinds[0] == kinds[2] != kinds[1] and hash(kinds[0]) == hash(kinds[2])
    f = gradcore.function([x], [op(x) for op in kinds], mode=everywhere)
    assert [v.dtype.name for v in f([1.0, 2.0])] == ["float64", "float32", "float64"]


def test_its_shape_may_be_known():
    calls = []

    @as_op(T.dmatrix, T.dvector, infer_shape=lambda node, shapes: [(shapes[0][0],)])
    def first(x):
        calls.append(1)
        return x[:, 0].copy()

    x = T.dmatrix("x")
    assert first(x).shape.eval({x: np.ones((3, 2))}).tolist() == [3] and not calls
    assert first(x).eval({x: np.ones((3, 2))}).tolist() == [1, 1, 1] and calls


def test_equal_functions_merge_and_others_do_not():
    assert rolled == as_op(rolled.itypes, rolled.otypes)(rolled.fn) and rolled != 3
    assert rolled != as_op(T.dvector, T.dvector)(lambda x: x)
    assert len({rolled, FromFunctionOp(rolled.fn, rolled.itypes, rolled.otypes, None)}) == 1


def test_operands_of_other_types_are_refused():
    for wrong in (T.dmatrix("m"), T.fvector("f"), T.ivector("i")):
        with pytest.raises(GraphTypeError, match="operand 0 of rolled is .*it takes .*vector"):
            rolled(wrong, 1)
    with pytest.raises(GraphTypeError, match="takes 2 operands, not 1"):
        rolled(T.dvector())
    with pytest.raises(GraphTypeError, match="as_op takes types"):
        as_op([int], [T.dvector])
    short = as_op(T.dvector, [T.dvector, T.dvector])(lambda x: x)
    with pytest.raises(GraphTypeError, match="returns 1 values, its otypes are 2"):
        x = T.dvector("x")
        gradcore.function([x], short(x))([1.0])


def test_what_a_function_returns_is_of_its_type():
    wrong = as_op(T.dvector, T.lvector)(lambda x: x + 0.5)
    x = T.dvector("x")
    with pytest.raises(TypeError, match="int64"):
        gradcore.function([x], wrong(x))([1.0])


def test_it_has_no_derivative_until_one_is_said():
    twice = as_op(T.dvector, T.dvector)(lambda x: 2 * x)
    x = T.dvector("x")
    with pytest.raises(TypeError, match="grad"):
        T.grad(twice(x).sum(), x)
    with_derivative = gradcore.custom_gradient(lambda v: (twice(v), lambda ct: 2 * ct))
    assert T.grad(with_derivative(x).sum(), x).eval({x: [1.0]}).tolist() == [2]


class Doubled(gradcore.Op):
    """Theano's shortest way to write an op."""

    __props__ = ()
    itypes = (T.dmatrix,)
    otypes = (T.dmatrix,)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 2

    def infer_shape(self, node, shapes):
        return shapes

    def grad(self, inputs, output_grads):
        return [output_grads[0] * 2]


def test_an_op_may_say_its_types(everywhere):
    x = T.dmatrix("x")
    y = Doubled()(x)
    assert y.type == x.type
    f = gradcore.function([x], [y, T.grad(y.sum(), x)], mode=everywhere)
    assert [v.tolist() for v in f([[1.0, 2.0]])] == [[[2, 4]], [[2, 2]]]
    gradcore.verify_grad(Doubled(), [np.ones((2, 3))])
    with pytest.raises(GraphTypeError, match="operand 0 of doubled"):
        Doubled()(T.fmatrix())


def test_extents_of_types_are_those_of_outputs():
    class Row(Doubled):
        otypes = (gradcore.TensorType("float64", (1, 3)),)

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0][:1]

    x = T.dmatrix("x")
    assert Row()(x).type.shape == (1, 3)
    with pytest.raises((TypeError, ArgumentError), match="shape"):
        gradcore.function([x], Row()(x))(np.ones((2, 2)))


class Halves(gradcore.Op):
    """A vector, half as long, computed by Python; it declares its shape as built-in ops do."""

    __props__ = ()

    def shape(self, x):
        return (x.shape[0] // 2,)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0][: len(inputs[0]) // 2]


def test_an_op_with_perform_may_declare_its_shape(everywhere):
    """It says the type of the output, and extents without computing it."""
    x = T.dvector("x")
    assert Halves()(gradcore.TensorType("float64", (6,))()).type.shape == (3,)
    f = gradcore.function([x], [Halves()(x), Halves()(x + 1).shape], mode=everywhere)
    values, shape = f(np.arange(5.0))
    assert values.tolist() == [0, 1]
    assert shape.tolist() == [2]
    (extents,) = infer_shapes([Halves()(x)])
    assert not any(isinstance(node.op, Halves) for node in toposort(extents))


class Slope(gradcore.Op):
    """Twice the second operand; it has no derivative."""

    __props__ = ()
    itypes = (T.dvector, T.dvector)
    otypes = (T.dvector,)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[1]


class Twice(gradcore.Op):
    """Twice a vector, whose gradient is computed by an op that has none."""

    __props__ = ()
    itypes = (T.dvector,)
    otypes = (T.dvector,)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[0]

    def grad(self, inputs, output_grads):
        return [Slope()(inputs[0], output_grads[0])]


@pytest.mark.parametrize("disconnected", ["raise", "ignore"])
def test_a_tangent_through_a_gradient_without_derivative_is_no_zero(disconnected):
    x = T.dvector("x")
    y = Twice()(x)
    assert T.grad(y.sum(), x).eval({x: [1.0]}).tolist() == [2]
    for output in (y, y.sum()):
        with pytest.raises(NotDifferentiableError, match="slope has no grad"):
            T.Rop(output, x, T.ones_like(x), disconnected)
    gradcore.verify_grad(Twice(), [np.ones(2)], forward=False)
    with pytest.raises(NotDifferentiableError):
        gradcore.verify_grad(Twice(), [np.ones(2)])


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (lambda g: [g.sum()], "returns sum.*scalar.* for x .*vector"),
        (lambda g: [g, g], "returns 2, where it has 1 inputs"),
        (lambda g: g, "returns no list, where"),
    ],
)
def test_gradients_are_as_many_as_inputs_and_of_their_axes(returned, text):
    class Wrong(gradcore.Op):
        itypes = (T.dvector,)
        otypes = (T.dvector,)

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0]

        def grad(self, inputs, output_grads):
            return returned(output_grads[0])

    x = T.dvector("x")
    with pytest.raises(GraphTypeError, match=f"the grad of wrong {text}") as error:
        T.grad(Wrong()(x).sum(), x)
    assert "test_python_ops.py" in str(error.value)


# functions of graphs ------------------------------------------------------------------------------
def test_a_graph_is_applied_to_other_variables(everywhere):
    x, y, s = T.dvector("x"), T.dscalar("y"), gradcore.shared(3.0)
    op = OpFromGraph([x, y], [x * y + s, y], inline=True, name="affine")
    a, b = T.dvector("a"), T.dscalar("b")
    found = op(a, b)
    f = gradcore.function([a, b], [*found, T.grad(found[0].sum(), b)], mode=everywhere)
    assert [v.tolist() for v in f([1.0, 2.0], 2.0)] == [[5, 7], 2, 3]
    s.set_value(0.0)
    assert f([1.0, 2.0], 2.0)[0].tolist() == [2, 4]
    assert OpFromGraph([x], [x + 1])(a, name="z").name == "z"


def test_a_graph_refuses_other_variables():
    x, y = T.dvector("x"), T.dscalar("y")
    with pytest.raises(GraphTypeError, match="depends on y"):
        OpFromGraph([x], [x * y])
    op = OpFromGraph([x], [x * 2], name="twice")
    with pytest.raises(GraphTypeError, match="twice takes .*vector.* not m"):
        op(T.dmatrix("m"))
    with pytest.raises(GraphTypeError, match="twice takes 1 variables, not 2"):
        op(x, y)
    with pytest.raises(GraphTypeError, match="both given"):
        OpFromGraph([x], [x], lop_overrides=lambda *a: a, grad_overrides=lambda *a: a)


def test_what_a_graph_does_several_times_is_one_function_of_c():
    x, w = T.dmatrices("x", "w")
    layer = OpFromGraph([x, w], [T.tanh(T.dot(x, w)) / T.sum(x**2, axis=1, keepdims=True)])
    a, b, c = T.dmatrices("a", "b", "c")
    f = gradcore.function([a, b, c], layer(layer(layer(a, b), c), b), mode=gradcore.Mode("c"))
    calls = re.findall(r"= (compute_\w+)\(call, ", f.source)
    assert len(calls) > len(set(calls)) > 0


X, Y = T.dvector("x"), T.dvector("y")
AT = {X: [1.0, 2.0], Y: [3.0, 5.0]}
OF_Y, OF_CT = T.dvectors("of_y", "of_ct")
THRICE = OpFromGraph([X, Y, OF_Y, OF_CT], [3 * OF_CT, 4 * OF_CT * X])
"""The cotangents of two inputs: of them, the output and its cotangent."""


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, [[3, 5], [1, 2]]),
        ({"lop_overrides": lambda xs, ys, cts: [3 * cts[0], ys[0] * cts[0]]}, [[3, 3], [3, 10]]),
        ({"grad_overrides": lambda xs, cts: [3 * cts[0], xs[0] * cts[0]]}, [[3, 3], [1, 2]]),
        ({"lop_overrides": [lambda xs, ys, cts: 7 * cts[0], None]}, [[7, 7], [1, 2]]),
        ({"grad_overrides": [None, lambda xs, cts: xs[1] * cts[0]]}, [[3, 5], [3, 5]]),
        ({"lop_overrides": THRICE}, [[3, 3], [4, 8]]),
    ],
)
def test_derivatives_of_a_graph_can_be_overridden(overrides, expected):
    y = OpFromGraph([X, Y], [X * Y], **overrides)(X, Y)
    assert y.eval(AT).tolist() == [3, 10]
    assert [g.eval(AT).tolist() for g in T.grad(y.sum(), [X, Y])] == expected
    # the forward mode is the transpose
    forward = T.Rop(y, [X, Y], [T.ones_like(X), T.ones_like(Y)]).eval(AT)
    np.testing.assert_allclose(forward, np.sum(expected, 0))


def test_products_with_tangents_can_be_overridden():
    op = OpFromGraph([X], [X**2], rop_overrides=lambda xs, ts: [10 * ts[0]])
    assert T.Rop(op(X), X, T.ones_like(X)).eval(AT).tolist() == [10, 10]
    assert T.grad(op(X).sum(), X).eval(AT).tolist() == [10, 10]


def test_a_graph_is_pickled():
    op = pickle.loads(pickle.dumps(OpFromGraph([X], [X * 2])))
    assert op(X).eval(AT).tolist() == [2, 4]


# values of nodes as they are built ----------------------------------------------------------------
@pytest.fixture
def raising():
    with gradcore.config.change_flags(compute_test_value="raise"):
        yield


def test_nodes_are_computed_as_they_are_built(raising):
    x, s = T.dvector("x"), gradcore.shared(2.0)
    x.tag.test_value = np.array([1.0, 2.0])
    y = T.exp(x) * s
    np.testing.assert_allclose(gradcore.get_test_value(y), 2 * np.exp([1, 2]))
    slope = T.grad(y.sum(), x)
    np.testing.assert_allclose(gradcore.get_test_value(slope), 2 * np.exp([1, 2]))
    assert gradcore.get_test_value(s) == 2 and gradcore.get_test_value(T.constant(3)) == 3
    assert gradcore.get_test_value(np.float64(4)) == 4
    f = gradcore.function([x], slope)
    np.testing.assert_allclose(f([0.0]), [2])


def test_what_does_not_fit_raises_at_its_line(raising):
    x, y = T.dmatrix("x"), T.dmatrix("y")
    x.tag.test_value, y.tag.test_value = np.ones((2, 3)), np.ones((2, 3))
    with pytest.raises(ValueError) as error:
        T.dot(x, y)
    assert "built at" in str(error.value) and "test_python_ops" in str(error.value)
    x.tag.test_value = np.ones(3)
    with pytest.raises(TypeError, match="2 axes"):
        x + 1


def test_a_missing_value_is_what_settings_say():
    x = T.dvector("x")
    with gradcore.config.change_flags(compute_test_value="raise"):
        with pytest.raises(ValueError, match=r"x has no test value.*\n.*\n.*x.tag.test_value = "):
            T.exp(x)
        with pytest.raises(ValueError, match="no test value"):
            gradcore.get_test_value(x)
    warned = pytest.warns(UserWarning, match="x has no test value")
    with gradcore.config.change_flags(compute_test_value="warn"), warned:
        T.exp(x)
    with gradcore.config.change_flags(compute_test_value="ignore"):
        y = T.exp(x) + 1
    assert not hasattr(y.tag, "test_value")
    with pytest.raises(ValueError, match="compute_test_value must be one of off"):
        gradcore.config.compute_test_value = "on"


def test_steps_of_loops_are_computed(raising):
    x, w = T.dmatrix("x"), T.dmatrix("w")
    x.tag.test_value, w.tag.test_value = np.ones((4, 3)), np.eye(3)
    seen = []

    def step(x_t, h):
        seen.append(gradcore.get_test_value(h + x_t))
        return T.tanh(T.dot(h, w) + x_t)

    found, _ = gradcore.scan(step, x, T.zeros(3))
    assert seen[0].tolist() == [1, 1, 1]
    slope = T.grad(found.sum(), w)
    assert gradcore.get_test_value(found).shape == (4, 3)
    assert gradcore.get_test_value(slope).shape == (3, 3)
    with pytest.raises(ValueError):
        gradcore.scan(lambda x_t: T.dot(x_t, T.ones((2, 2))), x)


def test_derivatives_by_graphs_of_their_own_need_no_values(raising):
    x = T.dvector("x")
    x.tag.test_value = np.array([1.0, 2.0])
    matrix = T.jacobian(x**2, x)
    assert gradcore.function([x], [matrix, T.hessian((x**3).sum(), x)])([1.0, 2.0])[0].tolist() == [
        [2, 0],
        [0, 4],
    ]


def test_nothing_is_computed_unless_asked_for():
    x = T.dvector("x")
    x.tag.test_value = np.ones(2)
    assert not hasattr((x + 1).tag, "test_value")
