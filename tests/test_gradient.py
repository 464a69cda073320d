"""The macros: what they take, what they return, what they refuse."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    DisconnectedInputError,
    EvaluationPointError,
    GradientMismatchError,
    GraphTypeError,
    NotDifferentiableError,
    NotScalarError,
)
from gradcore.graph import Apply, Op, Undefined, toposort
from gradcore.language import LANGUAGE

x, y = T.dscalars("x", "y")
v, w = T.dvectors("v", "w")
M = T.dmatrix("M")


# grad -------------------------------------------------------------------------------------------
def test_wrt_one_list_or_tuple():
    cost = x * y
    assert isinstance(T.grad(cost, x), gradcore.Variable)
    assert isinstance(T.grad(cost, [x, y]), list) and len(T.grad(cost, [x])) == 1
    assert isinstance(T.grad(cost, (x, y)), tuple)
    with pytest.raises(GraphTypeError, match="wrt must be a variable"):
        T.grad(cost, 3)


def test_wrt_an_intermediate_variable():
    z = T.exp(x)
    cost = z**2 + x
    gz, gx = T.grad(cost, [z, x])
    assert gz.eval({x: 0}) == 2
    assert gx.eval({x: 0}) == 3
    assert T.grad(cost, cost).eval({x: 0}) == 1


def test_cost_must_be_a_scalar():
    with pytest.raises(NotScalarError, match="no scalar but a TensorType") as info:
        T.grad(v, v)
    assert "test_gradient.py" in str(info.value) and "jacobian" in str(info.value)
    assert isinstance(info.value, TypeError)


def test_consider_constant():
    cost = x * T.exp(x)
    assert T.grad(cost, x, consider_constant=[cost.owner.inputs[1]]).eval({x: 2}) == np.exp(2)
    z = T.exp(x)
    with pytest.raises(DisconnectedInputError):
        T.grad(z**2, x, consider_constant=[z])
    assert T.grad(z**2, z, consider_constant=[z]).eval({x: 0}) == 2


def test_disconnected_inputs():
    with pytest.raises(DisconnectedInputError, match="no path leads from y") as info:
        T.grad(x**2, y)
    assert "test_gradient.py" in str(info.value)
    with pytest.warns(UserWarning, match="no path leads from y"):
        assert T.grad(x**2, y, disconnected_inputs="warn").eval({y: 1}) == 0
    assert T.grad(x**2, y, disconnected_inputs="ignore").eval({y: 1}) == 0
    for word in ("none", "disconnected"):
        options = {"disconnected_inputs": "ignore", "return_disconnected": word}
        assert T.grad(x**2, [x, y], **options)[1] is None
    with pytest.raises(GraphTypeError, match="raise, warn or ignore"):
        T.grad(x**2, y, disconnected_inputs="odd")


def test_the_op_that_cuts_the_path_is_named():
    cost = T.arange(v.shape[0]).sum() * x
    with pytest.raises(DisconnectedInputError, match=r"the path from v ends at shape") as info:
        T.grad(cost, v)
    assert f"{__file__}:" in str(info.value)
    idx = T.lvector("idx")
    with pytest.raises(DisconnectedInputError, match="subtensor"):
        T.grad(v[idx].sum(), idx)


def test_zero_is_not_disconnected():
    for cost in (T.floor(x), T.sign(x) * 2, T.gt(x, 0) * 1.0, T.cast(x, "int32") * 0.5):
        assert T.grad(cost, x).eval({x: 1.5}) == 0
    assert T.Rop(T.floor(v), v, w).eval({v: [1.5], w: [1]}).tolist() == [0]


def test_not_differentiable():
    n = T.dscalar("n")
    with pytest.raises(NotDifferentiableError, match="integer orders") as info:
        T.grad(T.polygamma(n, x), n)
    assert "disconnected_grad" in str(info.value)
    (found,) = T.grad(T.polygamma(n, x) * n, [n], null_gradients="return")
    assert isinstance(found, Undefined)
    assert T.grad(T.polygamma(n, x), x).eval({n: 1, x: 2}) < 0
    with pytest.raises(NotDifferentiableError):
        T.Rop(T.polygamma(n, x), n, x)


def test_known_grads():
    z = v * 2
    assert T.grad(None, v, known_grads={z: w}).eval({v: [0], w: [3]}).tolist() == [6]
    both = T.grad((v**2).sum(), v, known_grads={z: T.ones_like(z)})
    assert both.eval({v: [3]}).tolist() == [8]
    with pytest.raises(GraphTypeError, match="cost or known_grads"):
        T.grad(None, v)
    with pytest.raises(EvaluationPointError):
        T.grad(None, v, known_grads={z: M})


def test_names():
    cost = x**2
    assert T.grad(cost, x).name is None
    cost.name = "c"
    assert T.grad(cost, x).name == "(dc/dx)"
    assert T.grad(cost, x, add_names=False).name is None


def test_gradients_have_the_dtype_of_the_variable():
    f, i = T.fscalar("f"), T.iscalar("i")
    gf, gi = T.grad(T.dscalar() * f * i, [f, i])
    assert (gf.dtype, gi.dtype) == ("float32", "float64")
    assert T.grad(i**2, i).dtype == "float64"
    assert T.grad(i**2, i).eval({i: 3}) == 0  # an integer of an integer does not move


def test_gradients_of_shared_variables():
    s = gradcore.shared(np.ones(3))
    assert T.grad((s * v).sum(), s).eval({v: [1, 2, 3]}).tolist() == [1, 2, 3]


# products ---------------------------------------------------------------------------------------
def test_rop_of_matrices_and_lists():
    y1, y2 = T.dot(M, v), T.exp(M)
    U, u = T.dmatrix("U"), T.dvector("u")
    a, b = T.Rop([y1, y2], [M, v], [U, u])
    given = {M: [[1, 2], [3, 4]], v: [1, -1], U: [[1, 0], [0, 1]], u: [2, 2]}
    assert a.eval(given).tolist() == [7.0, 13.0]
    np.testing.assert_allclose(b.eval({M: given[M], U: given[U]}), np.exp(given[M]) * given[U])
    assert isinstance(T.Rop((y1,), M, U), tuple)
    assert isinstance(T.Rop(y1, [M], [U]), gradcore.Variable)


def test_rop_and_lop_of_tensors():
    t3 = T.dtensor3("t3")
    p = T.dtensor3("p")
    value = np.arange(8.0).reshape(2, 2, 2)
    assert T.Rop(t3**2, t3, p).eval({t3: value, p: value}).tolist() == (2 * value**2).tolist()
    assert T.Lop(t3.sum((0, 1)), t3, v).eval({t3: value, v: [1, 2]})[0].tolist() == [[1, 2], [1, 2]]


def test_evaluation_points_are_checked():
    for macro, f in ((T.Rop, v**2), (T.Lop, v**2)):
        with pytest.raises(EvaluationPointError, match="must have the shape of") as info:
            macro(f, v, M)
        assert isinstance(info.value, ValueError) and "test_gradient.py" in str(info.value)
        with pytest.raises(EvaluationPointError, match="for each of 1 variables"):
            macro(f, v, [w, w])
        s3, s4 = T.tensor("s3", shape=(3,)), T.tensor("s4", shape=(4,))
        with pytest.raises(EvaluationPointError):
            macro(s3 * 2, s3, s4)
    f = gradcore.function([v, w], T.Rop(v**2, v, w))
    with pytest.raises(
        gradcore.errors.ArgumentError, match=r"'w' has shape \(2,\), it must have \(3,\)"
    ):
        f([1, 2, 3], [1, 2])
    g = gradcore.function([M, v, w], T.Lop(T.dot(M, v), M, w))
    assert g(np.ones((2, 3)), [1, 1, 1], [1, 2]).tolist() == [[1] * 3, [2] * 3]
    with pytest.raises(gradcore.errors.ShapeError, match="evaluation point of Lop"):
        g(np.ones((2, 3)), [1, 1, 1], [1, 2, 3])


def test_rop_of_what_does_not_depend():
    with pytest.raises(DisconnectedInputError):
        T.Rop(v, w, w)
    assert T.Rop(v, w, w, disconnected_outputs="ignore").eval({v: [1, 2]}).tolist() == [0, 0]
    assert T.Rop(v, w, w, "ignore", "none") is None


# matrices ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("rank_y", [0, 1, 2, 3])
@pytest.mark.parametrize("rank_x", [0, 1, 2, 3])
def test_jacobians_of_every_rank(rank_y, rank_x, rng):
    extents = (2, 3, 2)
    z = T.tensor("z", "float64", [None] * rank_x)
    mixing = rng.normal(size=(*extents[:rank_y], *extents[::-1][:rank_x]))
    weighted = T.tensordot(T.constant(mixing), z, rank_x) if rank_x else T.constant(mixing) * z
    output = T.sin(weighted)
    J = T.jacobian(output, z)
    assert J.ndim == rank_y + rank_x
    at = rng.normal(size=extents[::-1][:rank_x])
    sums = np.tensordot(mixing, at, rank_x) if rank_x else mixing * at
    expected = np.cos(sums).reshape(sums.shape + (1,) * rank_x) * mixing
    np.testing.assert_allclose(J.eval({z: at}), expected)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_hessians_of_every_rank(rank, rng):
    z = T.tensor("z", "float64", [None] * rank)
    shape = (2, 3, 2)[:rank]
    H = T.hessian(T.exp(z.sum()) + (z**3).sum(), z)
    at = rng.normal(size=shape) / 4
    size = at.size
    expected = np.exp(at.sum()) * np.ones((size, size)) + np.diag(6 * at.ravel())
    assert H.ndim == 2 * rank
    np.testing.assert_allclose(H.eval({z: at}), expected.reshape(shape * 2))


def test_jacobians_of_lists():
    Jv, Jw = T.jacobian(v * w.sum(), [v, w])
    given = {v: [1, 2], w: [3, 4, 5]}
    assert Jv.eval({w: given[w], v: given[v]}).tolist() == [[12, 0], [0, 12]]
    assert Jw.eval(given).tolist() == [[1] * 3, [2] * 3]
    assert isinstance(T.jacobian(v, (v,)), tuple)
    with pytest.raises(DisconnectedInputError):
        T.jacobian(v, w)
    assert T.jacobian(v, w, disconnected_inputs="ignore").eval({v: [1], w: [1, 2]}).tolist() == [
        [0, 0]
    ]
    assert T.jacobian(v, [v, w], disconnected_inputs="ignore")[1].ndim == 2


def test_hessians_of_lists_and_of_what_is_linear():
    Hv, Hw = T.hessian((v**2).sum() * w.sum(), [v, w])
    given = {v: [1, 2], w: [3]}
    assert Hv.eval(given).tolist() == [[6, 0], [0, 6]]
    assert Hw.eval(given).tolist() == [[0]]
    assert T.hessian((3 * v).sum(), v).eval({v: [1, 2]}).tolist() == [[0, 0], [0, 0]]


def test_empty_jacobians():
    assert T.jacobian(v**2, v).eval({v: []}).shape == (0, 0)
    assert T.jacobian(T.concatenate([v, [1.0]]), v).eval({v: []}).shape == (1, 0)


def test_jacobian_of_a_jacobian():
    J2 = T.jacobian(T.jacobian(v**3, v), v)
    found = J2.eval({v: [1, 2]})
    assert found.shape == (2, 2, 2) and found[1, 1, 1] == 12 and np.count_nonzero(found) == 2


def test_jacobian_through_scan():
    powers, _ = gradcore.scan(lambda k, u: u**k, T.arange(1, 4), None, v)
    J = T.jacobian(powers[-1], v)
    assert J.eval({v: [1, 2]}).tolist() == [[3, 0], [0, 12]]


def test_hessian_vector_product():
    p, q = T.dvectors("p", "q")
    cost = (v**2 * w).sum()
    one = T.hessian_vector_product(cost, v, p)
    assert one.eval({v: [1, 2], w: [3, 4], p: [1, 1]}).tolist() == [6, 8]
    a, b = T.hessian_vector_product(cost, [v, w], [p, q])
    given = {v: [1, 2], w: [3, 4], p: [1, 1], q: [1, 0]}
    assert a.eval(given).tolist() == [8, 8]
    assert b.eval({v: given[v], w: given[w], p: given[p]}).tolist() == [2, 4]


def test_subgraph_grad():
    """Differentiate a two-layer network in two pieces, as in one."""
    h = T.tanh(M.dot(v))
    cost = T.sqr(h * w).sum()
    (gw,), (gh,) = T.subgraph_grad([w], [h], cost=cost)
    (gv, gM), _ = T.subgraph_grad([v, M], [], start={h: gh})
    given = {M: [[1, 2], [3, 4]], v: [0.1, -0.2], w: [1, 2]}
    for piece, whole in zip([gw, gv, gM], T.grad(cost, [w, v, M]), strict=True):
        np.testing.assert_allclose(piece.eval(given), whole.eval(given))
    *_, by_start, by_cost = T.subgraph_grad([w], [h], start={w: w}, cost=cost, details=True)
    assert len(by_start) == len(by_cost) == 2
    with pytest.raises(GraphTypeError, match="start or cost"):
        T.subgraph_grad([w], [h])


# verification -----------------------------------------------------------------------------------
def test_verify_grad(rng):
    T.verify_grad(lambda a, b: T.dot(a, T.tanh(b)), [rng.normal(size=(2, 3)), rng.normal(size=3)])
    T.verify_grad(lambda a: T.exp(a), [np.float32([0.1, 0.2])], rng=rng)

    def wrong(a):
        return T.sqr(a) + T.disconnected_grad(a)

    with pytest.raises(GradientMismatchError, match="the gradient in input 0 differs"):
        T.verify_grad(wrong, [np.array([1.0, 2.0])])


def test_numeric_grad():
    def f(a, b):
        return (a * b).sum()

    ga, gb = T.numeric_grad(f, [np.ones(2), np.array([2.0, 3.0])]).gf
    np.testing.assert_allclose(ga, [2, 3])
    np.testing.assert_allclose(gb, [1, 1])
    absolute, relative = T.numeric_grad.abs_rel_err(np.array(1.0), np.array(2.0))
    assert (absolute, relative) == (1, 1 / 3)


# ops of a user's own ----------------------------------------------------------------------------
class Double(Op):
    """As the documentation of Theano writes ops."""

    __props__ = ("times",)

    def __init__(self, times):
        self.times = times

    def make_node(self, a):
        a = T.as_tensor_variable(a)
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * self.times

    def infer_shape(self, node, input_shapes):
        return input_shapes

    def grad(self, inputs, output_grads):
        return [output_grads[0] * self.times]


class DoubleForward(Double):
    def R_op(self, inputs, eval_points):
        return [eval_points[0] * self.times]


class Split(Op):
    """Two outputs, one of which moves with nothing."""

    def make_node(self, a, b):
        a, b = T.as_tensor_variable(a), T.as_tensor_variable(b)
        return Apply(self, [a, b], [a.type(), b.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * inputs[1]
        output_storage[1][0] = np.zeros_like(inputs[1])

    def connection_pattern(self, node):
        return [[True, False], [True, False]]

    def L_op(self, inputs, outputs, output_grads):
        _, b = inputs
        return [output_grads[0] * b, gradcore.grad_undefined(self, 1, b, "by choice")]


@pytest.mark.parametrize("cls", [Double, DoubleForward])
def test_ops_with_theanos_methods(cls):
    op = cls(3)
    assert op == cls(3) and hash(op) == hash(cls(3)) and op != cls(4)
    z = op(v)
    f = gradcore.function([v], [z, z.shape[0]])
    assert [r.tolist() for r in f([1, 2])] == [[3, 6], 2]
    assert "times=3" in gradcore.pp(z)
    assert T.grad((z**2).sum(), v).eval({v: [1, 2]}).tolist() == [18, 36]
    assert T.Rop(z**2, v, w).eval({v: [1, 2], w: [1, 1]}).tolist() == [18, 36]
    assert T.jacobian(z, v).eval({v: [1, 2]}).tolist() == [[3, 0], [0, 3]]
    shape_only = gradcore.function([v], z.shape)
    assert not any(node.op == op for node in shape_only.maker.fgraph.nodes)


def test_undefined_and_disconnected_in_users_ops():
    a, b = Split()(v, w)
    assert T.grad(a.sum(), v).eval({v: [1], w: [5]}).tolist() == [5]
    with pytest.raises(NotDifferentiableError, match="by choice"):
        T.grad(a.sum(), w)
    with pytest.raises(DisconnectedInputError):
        T.grad(b.sum(), v)
    assert T.Rop(a, v, v).eval({v: [2], w: [5]}).tolist() == [10]


def test_a_users_op_that_lies_about_its_type():
    class Liar(Double):
        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = np.float32(1)

    with pytest.raises(TypeError):
        gradcore.function([v], Liar(1)(v))([1.0])


def test_a_users_op_without_grad():
    class Plain(Op):
        def make_node(self, a):
            return Apply(self, [a], [a.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] + 1

    assert Plain()(v).eval({v: [1]}).tolist() == [2]
    with pytest.raises(NotDifferentiableError, match="has no grad"):
        T.grad(Plain()(v).sum(), v)


# operands of different dtypes -------------------------------------------------------------------
MIXED = {
    "set_subtensor": lambda x, y: T.set_subtensor(x[1:], y),
    "inc_subtensor": lambda x, y: T.inc_subtensor(x[1:], y),
    "set at indices": lambda x, y: T.set_subtensor(x[[0, 0]], y),
    "concatenate": lambda x, y: T.concatenate([x, y]),
    "stack": lambda x, y: T.stack([x[:2], y]),
    "dot": lambda x, y: T.dot(x[:2], y),
    "outer": lambda x, y: T.outer(x, y),
    "matmul": lambda x, y: T.matmul(x[:2], y.reshape((2, 1))),
    "switch": lambda x, y: T.switch([True, False], x[:2], y),
    "fill": lambda x, y: T.fill(x[:2], y) + x[:2],
    "maximum": lambda x, y: T.maximum(x[:2], y),
    "mul": lambda x, y: x[:2] * y,
}


@pytest.mark.parametrize(
    "dtypes",
    [
        ("float32", "float32"),
        ("float32", "int16"),
        ("float32", "bool"),
        ("float64", "float32"),
        ("float64", "int8"),
        ("float32", "float16"),
        ("float16", "int8"),
    ],
)
@pytest.mark.parametrize("name", MIXED)
def test_both_modes_take_operands_of_different_dtypes(name, dtypes):
    """Rop, grad, and Rop of the gradient of a cube: a Hessian times a vector."""
    x, v = T.tensor("x", dtypes[0], (3,)), T.tensor("v", dtypes[0], (3,))
    y = T.tensor("y", dtypes[1], (2,))
    given = {x: [1, 2, 3], v: [1, 0, 2], y: np.array([1, 0], dtypes[1])}
    out = MIXED[name](x, y)
    moved = T.Rop(out, x, v)
    assert moved.type.dtype == out.type.dtype
    slope = T.grad((out**3).sum().astype("float64"), x)
    twice = T.Rop(slope, x, v)
    assert slope.type.dtype == twice.type.dtype == dtypes[0]
    wide = {a: a.type.with_dtype("float64")() for a in (x, v)}
    values = {wide[x]: given[x], wide[v]: given[v], y: given[y]}
    exact = MIXED[name](wide[x], y.astype("float64"))
    hessian = T.hessian((exact**3).sum(), wide[x])
    np.testing.assert_allclose(
        moved.eval(given), T.dot(T.jacobian(exact, wide[x]), wide[v]).eval(values), rtol=1e-2
    )
    np.testing.assert_allclose(
        twice.eval(given), T.dot(hessian, wide[v]).eval(values), rtol=1e-2, atol=1e-2
    )


# exponentials -----------------------------------------------------------------------------------
def _top(x, keepdims=True):
    return T.max(x, axis=1, keepdims=keepdims)


LOG_SOFTMAX = {
    "softmax": lambda x: T.log(T.softmax(x, axis=1)),
    "softmax of the last axis": lambda x: T.log(T.softmax(x)),
    "softmax of the first axis": lambda x: T.log(T.softmax(x.T, axis=0)).T,
    "of a transpose": lambda x: T.log(T.softmax(x, axis=1).T).T,
    "quotient": lambda x: T.log(T.exp(x) / T.sum(T.exp(x), axis=1, keepdims=True)),
    "quotient, a new axis": lambda x: T.log(T.exp(x) / T.sum(T.exp(x), axis=-1)[:, None]),
    "quotient, dimshuffled": lambda x: T.log(T.exp(x) / T.exp(x).sum(axis=1).dimshuffle(0, "x")),
    "shifted quotient": lambda x: T.log(
        T.exp(x - _top(x)) / T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)
    ),
    "multiple": lambda x: T.log(0.5 * T.softmax(x, axis=1)) + np.log(2),
    "fraction": lambda x: T.log(T.softmax(x, axis=1) / 4.0) + np.log(4),
    "in bits": lambda x: T.log2(T.softmax(x, axis=1)) * np.log(2),
    "in digits": lambda x: T.log10(T.softmax(x, axis=1)) * np.log(10),
    "shifted": lambda x: x - _top(x) - T.log(T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)),
    "shifted, the sign turned": lambda x: (
        -(T.log(T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)) - (x - _top(x)))
    ),
    "shifted, new axes": lambda x: (
        x
        - _top(x, False)[:, None]
        - T.log(T.sum(T.exp(x - _top(x, False)[:, None]), axis=1))[:, None]
    ),
    "minus a sum": lambda x: (
        x - (_top(x) + T.log(T.sum(T.exp(x - _top(x)), axis=1, keepdims=True)))
    ),
    "minus a sum of rows": lambda x: (
        x - (T.log(T.sum(T.exp(x - _top(x, False)[:, None]), axis=1)) + _top(x, False))[:, None]
    ),
    "minus the logarithm of the sum": lambda x: x - T.log(T.sum(T.exp(x), axis=1, keepdims=True)),
    "minus the logarithm of the mean": lambda x: (
        x - T.log(T.mean(T.exp(x), axis=1, keepdims=True)) - np.log(2)
    ),
}
"""Ways to write the logarithm of the softmax of rows of two."""


@pytest.mark.parametrize("picked", [False, True], ids=["whole", "labels"])
@pytest.mark.parametrize("name", LOG_SOFTMAX)
def test_log_softmax_is_stable_however_it_is_written(name, picked, everywhere):
    """Its value, its gradient, and the gradient of that; the plain graph has derivatives too."""
    x, labels = T.dmatrix("x"), T.lvector("labels")
    rows = T.arange(labels.shape[0])
    values, wanted = np.array([[1000.0, 0.0], [-3000.0, 0.5], [0.1, 0.2]]), np.array([1, 0, 0])
    log_p = LOG_SOFTMAX[name](x)
    loss = -log_p[rows, labels] if picked else -(log_p * T.eq(T.arange(2), labels[:, None])).sum(1)
    loss = loss.sum()
    slope = T.grad(loss, x)
    curvature = T.grad((slope**2).sum(), x)
    outputs = [slope, curvature, T.Rop(slope, x, T.ones_like(x) * T.arange(2))]
    if everywhere.optimizer:
        outputs.append(loss)
    with np.errstate(all="ignore"):
        found = gradcore.function([x, labels], outputs, mode=everywhere)(values, wanted)
    p = _softmax(values)
    e = p - np.eye(2)[wanted]
    np.testing.assert_allclose(found[0], e, atol=1e-12)
    np.testing.assert_allclose(found[1], 2 * p * (e - (p * e).sum(1, keepdims=True)), atol=1e-12)
    t = np.array([0.0, 1.0])
    np.testing.assert_allclose(found[2], p * (t - (p * t).sum(1, keepdims=True)), atol=1e-12)
    for value in found[3:]:
        exact = (np.logaddexp.reduce(values, axis=1) - values[range(3), wanted]).sum()
        np.testing.assert_allclose(value, exact, rtol=1e-12)


def _softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _log_total(s, keepdims=False):
    return T.log(T.sum(T.exp(s), axis=1, keepdims=keepdims))


def _shifted_loss(written):
    """Return a loss of rows, written with the exponents minus their maximum, and that maximum."""
    return lambda x, rows, labels: written(x, x - _top(x), _top(x, False), rows, labels)


def _of_three_axes(x, rows, labels):
    s = x - T.max(x, axis=2, keepdims=True)
    return T.log(T.exp(s).sum(2)) - s[T.arange(1)[:, None], rows, labels]


def _two_and_one(z, picked):
    return (picked - z) - (z - picked) + z


PICKED = {
    name: _shifted_loss(written)
    for name, written in {
        "minus picks": lambda x, s, m, i, y: _log_total(s) - s[i, y],
        "the sign turned": lambda x, s, m, i, y: -(s[i, y] - _log_total(s)),
        "a sum": lambda x, s, m, i, y: -s[i, y] + _log_total(s),
        "rows of x": lambda x, s, m, i, y: _log_total(s) - s[T.arange(x.shape[0]), y],
        "axes kept": lambda x, s, m, i, y: _log_total(s, True)[:, 0] - s[i, y],
        "a shift of rows": lambda x, s, m, i, y: (
            _log_total(x - m[:, None]) - (x - m[:, None])[i, y]
        ),
        "picks, then a shift": lambda x, s, m, i, y: _log_total(s) - (x[i, y] - m),
        "a shift last": lambda x, s, m, i, y: _log_total(s) - x[i, y] + m,
        "along an axis": lambda x, s, m, i, y: (
            _log_total(s, True) - T.take_along_axis(s, y[:, None], 1)
        )[:, 0],
        "along an axis, dropped": lambda x, s, m, i, y: (
            _log_total(s) - T.take_along_axis(s, y[:, None], 1)[:, 0]
        ),
        "of three axes": lambda x, s, m, i, y: _of_three_axes(x[None], i[None], y[None])[0],
    }.items()
}
"""Ways to write the cross-entropy of rows, and labels, with the maximum taken out."""


@pytest.mark.parametrize("name", PICKED)
def test_shifted_cross_entropies_have_the_slopes_of_a_softmax(name, everywhere):
    """No derivative goes through the maximum: beyond it, all of them cost the same."""
    x, labels = T.dmatrix("x"), T.lvector("labels")
    loss = PICKED[name](x, T.arange(labels.shape[0]), labels).sum()
    slope = T.grad(loss, x)
    assert not [n for n in toposort([slope]) if n.op == LANGUAGE["eq"]]
    outputs = [loss, slope, T.grad((slope**2).sum(), x), T.Rop(loss, x, T.ones_like(x))]
    values, wanted = np.array([[1000.0, 0.0], [-3000.0, 0.5], [0.1, 0.2]]), np.array([1, 0, 0])
    found = gradcore.function([x, labels], outputs, mode=everywhere)(values, wanted)
    exact = (np.logaddexp.reduce(values, axis=1) - values[range(3), wanted]).sum()
    p = _softmax(values)
    e = p - np.eye(2)[wanted]
    curvature = 2 * p * (e - (p * e).sum(1, keepdims=True))
    for value, right in zip(found, (exact, e, curvature, 0), strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-12)


NOT_ALIGNED = {
    "rows backwards": lambda s, i, y: _log_total(s) - s[i[::-1], y],
    "the first row": lambda s, i, y: _log_total(s) - s[T.arange(1), np.array([2])],
    "other rows": lambda s, i, y: _log_total(s) - s[y, y],
    "columns": lambda s, i, y: _log_total(s) - s[y, i],
    "the diagonal": lambda s, i, y: _log_total(s) - s[i, i],
    "twice": lambda s, i, y: 2 * _log_total(s) - s[i, y],
    "one total for two": lambda s, i, y: _two_and_one(_log_total(s), s[i, y]),
    "a sum of both": lambda s, i, y: _log_total(s) + s[i, y],
    "three axes, rows of one": lambda s, i, y: (
        T.log(T.exp(s[None]).sum(2))[0] - s[None][T.zeros_like(i), y, i]
    ),
}  # fmt: skip
"""What depends on the maximum, or may."""


@pytest.mark.parametrize("name", NOT_ALIGNED)
def test_what_depends_on_a_shift_keeps_its_derivative(name):
    x, m, labels = T.dmatrix("x"), T.dcol("m"), T.lvector("labels")
    loss = NOT_ALIGNED[name](x - m, T.arange(labels.shape[0]), labels)
    weighted = (loss * (1.0 + T.arange(loss.shape[0]))).sum()
    outputs = [weighted, *T.grad(weighted, [x, m])]
    f = gradcore.function([x, m, labels], outputs, mode="numpy", on_unused_input="ignore")
    at = [np.random.default_rng(3).normal(size=s) for s in ((3, 3), (3, 1))]
    y = np.array([2, 0, 0])
    _, *slopes = f(*at, y)
    for which, slope in enumerate(slopes):
        for place in np.ndindex(slope.shape):
            step = np.zeros_like(slope)
            step[place] = 1e-6
            up, down = (
                f(*(a + k * step if n == which else a for n, a in enumerate(at)), y)[0]
                for k in (1, -1)
            )
            np.testing.assert_allclose(slope[place], (up - down) / 2e-6, rtol=1e-6, atol=1e-7)


STABLE = {
    "log(sum(exp))": (lambda x: T.log(T.sum(T.exp(x))), _softmax),
    "log(mean(exp))": (lambda x: T.log(T.mean(T.exp(x))), _softmax),
    "log(sum(exp)) + top": (
        lambda x: T.log(T.sum(T.exp(x - x.max()))) + x.max(),
        _softmax,
    ),
    "log(sigmoid)": (lambda x: T.log(T.sigmoid(x)).sum(), lambda x: _logistic(-x)),
    "log(1 - sigmoid)": (lambda x: T.log(1 - T.sigmoid(x)).sum(), lambda x: -_logistic(x)),
    "log1p(-sigmoid)": (lambda x: T.log1p(-T.sigmoid(x)).sum(), lambda x: -_logistic(x)),
    "log(1 / (1 + exp))": (
        lambda x: T.log(1 / (1 + T.exp(-x))).sum(),
        lambda x: _logistic(-x),
    ),
    "log(1 - 1 / (1 + exp))": (
        lambda x: T.log(1 - 1 / (T.exp(-x) + 1)).sum(),
        lambda x: -_logistic(x),
    ),
    "log(exp / (1 + exp))": (
        lambda x: T.log(T.exp(x) / (1 + T.exp(x))).sum(),
        lambda x: _logistic(-x),
    ),
    "log(1 + exp)": (lambda x: T.log(1 + T.exp(x)).sum(), lambda x: _logistic(x)),
    "log1p(exp)": (lambda x: T.log1p(T.exp(x)).sum(), lambda x: _logistic(x)),
    "log(exp + exp)": (
        lambda x: T.log(T.exp(x) + T.exp(2 * x)).sum(),
        lambda x: 1 + _logistic(x),
    ),
}
"""Scalars of a row, and their gradients."""


def _logistic(x):
    return np.exp(-np.logaddexp(0, -x))


@pytest.mark.parametrize("name", STABLE)
def test_logarithms_of_exponentials_are_stable(name, everywhere):
    build, slope = STABLE[name]
    x = T.dmatrix("x")
    cost = build(x)
    outputs = [T.grad(cost, x), T.Rop(T.grad(cost, x), x, T.ones_like(x))]
    if everywhere.optimizer:
        outputs.append(cost)
    at = np.array([[1000.0, 0.0, -1000.0, 999.0]])
    with np.errstate(all="ignore"):
        found = gradcore.function([x], outputs, mode=everywhere)(at)
    np.testing.assert_allclose(found[0], slope(at), rtol=1e-9, atol=1e-12)
    assert all(np.isfinite(value).all() for value in found)


@pytest.mark.parametrize("build", [lambda x: T.log(1 - T.exp(x)), lambda x: T.log1p(-T.exp(x))])
def test_log_of_one_minus_exp_is_exact_on_both_sides(build, optimized):
    x = T.dvector("x")
    y = build(x)
    slope = T.grad(y.sum(), x)
    at = np.array([-1e-20, -1e-8, -0.1, -1.0, -40.0, -1000.0])
    found = gradcore.function([x], [y, slope, T.grad(slope.sum(), x)], mode=optimized)(at)
    with np.errstate(over="ignore", divide="ignore"):
        exact = np.where(at > -1, np.log(-np.expm1(at)), np.log1p(-np.exp(at)))
        first = -1 / np.expm1(-at)
    np.testing.assert_allclose(found[0], exact, rtol=1e-14)
    np.testing.assert_allclose(found[1], first, rtol=1e-14)
    np.testing.assert_allclose(found[2], first * (1 - first), rtol=1e-13)


def test_forms_do_not_hide_what_lies_within():
    """Derivatives by what a form leaves out: sums, quotients, the maximum itself."""
    x, m = T.dvectors("x", "m")
    total = T.sum(T.exp(x))
    assert T.grad(T.log(total), total).eval({x: [0, 0]}) == 0.5
    p = T.exp(x) / total
    np.testing.assert_allclose(T.grad(T.log(p).sum(), p).eval({x: [0, 0]}), [2, 2])
    shift = m.sum()
    u = x - shift
    log_p = u - T.log(T.sum(T.exp(u)))
    assert T.grad(log_p[0], m).eval({x: [0, 1], m: [1, 1]}).tolist() == [0, 0]
    given = T.grad(T.log(total), x, consider_constant=[total], disconnected_inputs="ignore")
    assert given.eval({x: [0, 0]}).tolist() == [0, 0]


def test_a_row_with_nan_does_not_spread(everywhere):
    x = T.dmatrix("x")
    at = [[1.0, 3.0, 3.0], [np.nan, 1.0, 2.0]]
    for extreme, wanted in ((T.max, [0, 0.5, 0.5]), (T.min, [1, 0, 0])):
        reduced = extreme(x, axis=1)
        outputs = [T.grad(reduced[0], x), T.grad(T.grad((reduced**2)[0], x).sum(), x)]
        first, second = gradcore.function([x], outputs, mode=everywhere)(at)
        assert first.tolist() == [wanted, [0, 0, 0]]
        assert np.isfinite(second).all()


# norms ------------------------------------------------------------------------------------------
ORDERS = [None, 2, "fro", 1, 0, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf]


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("ord", ORDERS, ids=str)
def test_norms_have_slope_0_at_0(ord, axis, everywhere):
    x = T.dmatrix("x")
    y = T.norm(x, ord, axis=axis)
    outputs = [y, T.grad(y.sum(), x), T.Rop(y, x, T.ones_like(x))]
    with np.errstate(all="ignore"):
        for value in gradcore.function([x], outputs, mode=everywhere)(np.zeros((2, 3))):
            assert (value == 0).all()


def test_deviations_have_slope_0_at_0(everywhere):
    x = T.dmatrix("x")
    slope = T.grad(T.std(x, axis=1).sum(), x)
    assert (gradcore.function([x], slope, mode=everywhere)(np.ones((2, 3))) == 0).all()


def test_the_square_of_a_norm_has_no_hessian_at_0():
    x = T.dvector("x")
    rough, smooth = T.hessian(T.norm(x) ** 2, x), T.hessian(T.sum(x**2), x)
    assert rough.eval({x: [0, 0]}).tolist() == [[0, 0], [0, 0]]
    assert smooth.eval({x: [0, 0]}).tolist() == [[2, 0], [0, 2]]
    np.testing.assert_allclose(rough.eval({x: [3, 4]}), [[2, 0], [0, 2]], atol=1e-12)
