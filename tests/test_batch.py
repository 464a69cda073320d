"""An op on a stack of operands, and what an op costs: readings of what it declares."""

from dataclasses import dataclass

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.graph import Op, Operand
from gradcore.graph.extents import product
from gradcore.ops.gathers import batched
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Reduce
from gradcore.ops.scan import Scan


def test_what_can_be_stacked():
    """Every row, and what has an element form."""
    x = T.dmatrix("x")
    stack = T.dtensor3("stack")
    for op in (T.exp, Reduce("sum", (0,)), T.transpose):
        node = op(x).owner
        assert batched(node, [stack], [True]) is not None
    assert batched(T.nonzero(x[0])[0].owner, [stack[0]], [True]) is None


@pytest.mark.parametrize(
    ("op", "shapes", "operations"),
    [
        (T.exp, [(3, 4)], 20 * 12),
        (T.mul, [(3, 4), (4,)], 12),
        (Dot(), [(3, 4), (4, 5)], 2 * 3 * 4 * 5),
        (MatMul(), [(2, 3, 4), (2, 4, 5)], 2 * 2 * 3 * 4 * 5),
        (Reduce("sum", (1,)), [(3, 4)], 12),
    ],
)
def test_what_an_op_costs(op, shapes, operations):
    operands = [T.tensor(None, "float64", (None,) * len(shape)) for shape in shapes]
    node = op.make_node(*operands)
    cost = node.op.cost(node, [Operand(shape) for shape in shapes])
    out = node.op.symbolic_shapes(node, [Operand(shape) for shape in shapes])[0]
    assert cost.operations == operations
    assert cost.traffic == 8 * sum(int(np.prod(shape)) for shape in (*shapes, out))


def test_a_cost_is_known_by_extents_of_the_graph():
    x, y = T.dmatrices("x", "y")
    node = T.dot(x, y).owner
    operands = [Operand(tuple(v.shape[k] for k in range(2))) for v in (x, y)]
    cost = node.op.cost(node, operands)
    f = gradcore.function([x, y], [cost.operations, cost.traffic], mode="numpy")
    assert [int(n) for n in f(np.ones((2, 3)), np.ones((3, 5)))] == [60, 8 * (6 + 15 + 10)]


@dataclass(frozen=True)
class Projected(Op):
    """A vector times a matrix, as a plugin may declare it."""

    heavy: bool

    def shape(self, *operands):
        return (operands[1].shape[1],)

    def reference(self, *arrays):
        return arrays[0] @ arrays[1]

    def operations_of(self, operands, shapes):
        return 2 * product(operands[1].shape) if self.heavy else product(shapes[0])

    def batch(self, node, inputs, stacked):
        return T.dot(*inputs) if list(stacked) == [True, False] else None


@pytest.mark.parametrize("heavy", [True, False])
def test_work_leaves_a_loop_by_the_cost_that_its_op_declares(heavy):
    """By no name of an op: what reuses its operands is one call for all steps."""
    xs, h0, w = T.dmatrix("xs"), T.dvector("h0"), T.dmatrix("w")
    (h, y), _ = gradcore.scan(
        lambda x, h, w: (T.tanh(h * x), Projected(heavy)(h, w)), xs, [h0, None], [w]
    )
    f = gradcore.function([xs, h0, w], [h, y], mode="numpy")
    (loop,) = (n.op for n in f.maker.fgraph.nodes if isinstance(n.op, Scan))
    assert any(isinstance(n.op, Projected) for n in loop.body.nodes) is not heavy
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=(3, 2))
    plain = gradcore.function([xs, h0, w], [h, y], mode=gradcore.Mode("numpy", optimizer=False))
    for found, expected in zip(f(*values), plain(*values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)
