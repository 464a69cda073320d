"""The macros of derivatives: grad, Rop, Lop, jacobian, hessian and their neighbours."""

import linecache
import re

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
    ShapeError,
)
from gradcore.graph import Apply, Op, Undefined

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


# branches of different shapes -------------------------------------------------------------------
WHOLE = gradcore.graph.TensorType("float64", (3,))("WHOLE")
POSITIVE = WHOLE.sum() > 0

UNLIKE = {
    "product": lambda: (
        T.dot(T.ifelse(POSITIVE, WHOLE * WHOLE, WHOLE[:-1]), WHOLE),
        lambda x: 3 * x**2,
    ),
    "the other way round": lambda: (
        T.dot(T.ifelse(~POSITIVE, WHOLE[1:], T.log(WHOLE)), WHOLE),
        lambda x: np.log(x) + 1,
    ),
    "one element": lambda: (
        (T.ifelse(POSITIVE, T.exp(WHOLE), WHOLE[:1]) * WHOLE).sum(),
        lambda x: np.exp(x) * (1 + x),
    ),
    "the shorter one": lambda: (
        (T.ifelse(POSITIVE, WHOLE[:-1], T.log(-WHOLE)) * WHOLE[1:]).sum(),
        lambda x: np.array([x[1], x[0] + x[2], x[1]]),
    ),
    "two arrays": lambda: (
        sum(
            T.dot(a, WHOLE[:n])
            for a, n in zip(
                T.ifelse(POSITIVE, [WHOLE * 2, WHOLE[1:]], [WHOLE[1:], WHOLE * 2]),
                (3, 2),
                strict=True,
            )
        ),
        lambda x: 4 * x + np.array([x[1], x[0] + x[2], x[1]]),
    ),
    "second derivative": lambda: (
        T.grad(T.dot(T.ifelse(POSITIVE, WHOLE * WHOLE, WHOLE[:-1]), WHOLE), WHOLE).sum(),
        lambda x: 6 * x,
    ),
}  # fmt: skip
"""Costs that only one branch fits, and their gradients where it is taken: for a positive sum."""


@pytest.mark.parametrize("name", UNLIKE)
def test_a_branch_that_does_not_fit_raises_only_when_taken(name, everywhere):
    cost, wanted = UNLIKE[name]()
    f = gradcore.function([WHOLE], T.grad(cost, WHOLE), mode=everywhere)
    given = np.array([0.5, 2.0, 3.0])
    assert np.allclose(f(given), wanted(given), rtol=1e-12)
    with pytest.raises(ShapeError) as raised:
        f(-given)
    file, line, *_ = raised.value.where
    assert file == __file__ and re.search(r"T\.(ifelse|dot|grad)", linecache.getline(file, line))


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
