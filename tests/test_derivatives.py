"""Every derivative of every op: both modes, first and second order, against differences."""

import itertools

import numpy as np
import pytest

import gradcore
from gradcore.conformance.samples import all_samples, draw, op_classes, operands, sample_id
from gradcore.derive import Reverse, pullback, pushforward
from gradcore.errors import GraphTypeError
from gradcore.graph import ZERO, Constant, TensorType, Undefined, Variable
from gradcore.graph.nodes import TheanoMethods
from gradcore.language import listed
from gradcore.ops.control import GradClip, GradientMark
from gradcore.ops.elementwise import ENTRIES
from gradcore.ops.implicit import ImplicitSolution

SAMPLES = [
    sample
    for sample in all_samples()
    if any(arg.value is None and arg.dtype in ("float", "float64") for arg in sample.operands)
    and not isinstance(sample.op, GradientMark)
    and sample.op.label() != "conditional"
    and 0 not in [n for arg in sample.operands for n in arg.shape]
]
PLAIN = gradcore.Mode("numpy", optimizer=False)

MOVES = [sample for sample in SAMPLES if not isinstance(sample.op, ImplicitSolution)]
"""Those that move as their derivative says without anybody solving equations again."""


def outputs_of(sample, variables):
    return [o for o in sample.op.make_node(*variables).outputs if o.type.is_float]


def moving(sample, variables, output):
    """Return the inputs in which ``output`` has a derivative that is no constant zero."""
    found = []
    for v in variables:
        if not isinstance(v, Constant) and v.type.is_float:
            (g,) = pullback([output], [output.zeros_like()], [v])
            if isinstance(g, Variable):
                found.append(v)
    return found


def is_undefined(output, v):
    """Return whether an op declares that ``output`` has no derivative in ``v``."""
    return isinstance(pullback([output], [output.zeros_like()], [v])[0], Undefined)


STEPS = {"float64": (1e-6, 2e-7), "float32": (1e-2, 1e-4), "float16": (0.1, 5e-2)}


def central(f, x, t, h=1e-6):
    return (f(x + h * t).astype("float64") - f(x - h * t).astype("float64")) / (2 * h)


def evaluator(inputs, expression):
    return gradcore.function(inputs, expression, mode=PLAIN, on_unused_input="ignore")


def close(a, b, tolerance=2e-7):
    scale = max(1.0, np.abs(b).max(initial=0))
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=tolerance * scale)


@pytest.mark.parametrize("static", [False, True], ids=["unknown", "static"])
@pytest.mark.parametrize("sample", MOVES, ids=sample_id)
def test_first_derivatives(sample, static, rng):
    """Forward against differences; reverse against forward: <J t, c> = <t, J' c>."""
    variables, values = operands(sample, rng, static=static)
    inputs = [v for v in variables if not isinstance(v, Constant)]
    for output in outputs_of(sample, variables):
        for v in moving(sample, variables, output):
            k = variables.index(v)
            t = rng.uniform(-1, 1, values[k].shape)
            tangent, ct = v.type("t"), output.type("c")
            forward = gradcore.Rop(output, v, tangent)
            reverse = gradcore.Lop(output, v, ct)
            given = drawn(variables, values)
            place = inputs.index(v)
            f = evaluator(inputs, output)
            assert forward.type.admits(f(*given).shape)
            assert forward.dtype == output.dtype and reverse.dtype == v.dtype

            def at(x, given=given, place=place, f=f):
                return f(*given[:place], x, *given[place + 1 :])

            jt = evaluator([*inputs, tangent], forward)(*given, t)
            step, tolerance = STEPS[output.dtype]
            close(jt, central(at, values[k], t, step), tolerance)
            c = rng.uniform(-1, 1, jt.shape).astype(output.dtype)
            jc = evaluator([*inputs, ct], reverse)(*given, c)
            assert jc.shape == values[k].shape
            rounding = 1e-9 if output.dtype == "float64" else 1e-2
            np.testing.assert_allclose(np.vdot(jt, c), np.vdot(t, jc), rounding, rounding)


def drawn(variables, values):
    return [a for v, a in zip(variables, values, strict=True) if not isinstance(v, Constant)]


@pytest.mark.parametrize("sample", MOVES, ids=sample_id)
def test_second_derivatives(sample, rng):
    """The derivative of both modes in both modes, against differences of the gradient."""
    variables, values = operands(sample, rng)
    inputs = [v for v in variables if not isinstance(v, Constant)]
    given = drawn(variables, values)
    for output in outputs_of(sample, variables):
        value = evaluator(inputs, output)(*given)
        weights = Constant(rng.uniform(-1, 1, value.shape))
        cost = (output * weights).sum()
        for v in moving(sample, variables, output):
            place = inputs.index(v)
            t = rng.uniform(-1, 1, given[place].shape)
            tangent = v.type("t")
            gradient = gradcore.grad(cost, v)
            if is_undefined(gradient, v):
                continue
            g = evaluator(inputs, gradient)

            def at(x, place=place, g=g):
                return g(*given[:place], x, *given[place + 1 :])

            expected = central(at, given[place], t)
            by_forward = gradcore.Rop(gradient, v, tangent, disconnected_outputs="ignore")
            close(evaluator([*inputs, tangent], by_forward)(*given, t), expected, 1e-6)
            by_reverse = gradcore.grad((gradient * tangent).sum(), v, disconnected_inputs="ignore")
            close(evaluator([*inputs, tangent], by_reverse)(*given, t), expected, 1e-6)
            slope = gradcore.Rop(cost, v, tangent)
            of_forward = gradcore.grad(slope, v, disconnected_inputs="ignore")
            close(evaluator([*inputs, tangent], of_forward)(*given, t), expected, 1e-6)


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_rewriting_keeps_derivatives(sample, rng):
    variables, values = operands(sample, rng)
    inputs = [v for v in variables if not isinstance(v, Constant)]
    given = drawn(variables, values)
    for output in outputs_of(sample, variables):
        wrt = moving(sample, variables, output)
        if wrt:
            gradients = gradcore.grad(output.sum(), wrt)
            plain = gradcore.function(inputs, gradients, mode=PLAIN, on_unused_input="ignore")
            best = gradcore.function(inputs, gradients, mode="numpy", on_unused_input="ignore")
            for a, b in zip(plain(*given), best(*given), strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_no_op_lacks_a_derivative():
    ops = [*ENTRIES.values(), *(sample.op for cls in op_classes() for sample in cls.samples())]
    assert not [op for op in ops if isinstance(op.derivative, TheanoMethods)]


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_float32_stays_float32(sample, rng):
    if any(arg.dtype == "float64" for arg in sample.operands):
        return
    variables, _ = operands(sample, rng, "float32")
    for output in outputs_of(sample, variables):
        wrt = moving(sample, variables, output)
        if not wrt or output.dtype != "float32":
            continue
        gradients = gradcore.grad(output.sum(), wrt)
        assert {g.dtype for g in gradients} == {"float32"}
        names = {n.op.label() for n in gradcore.toposort(gradients)}
        assert not {"cast_float64"} & names


def test_marks(rng):
    x = gradcore.tensor.dvector("x")
    at = rng.uniform(-1, 1, 3)
    for mark, expected in [
        (gradcore.zero_grad, 0 * at),
        (gradcore.consider_constant, 0 * at),
        (lambda v: gradcore.grad_scale(v, 3), 6 * at),
        (lambda v: gradcore.grad_clip(v, -0.1, 0.1), np.clip(2 * at, -0.1, 0.1)),
    ]:
        g = gradcore.grad((mark(x) ** 2).sum() if mark is not None else x, x)
        if mark(x).owner.op.__class__ is GradClip:
            g = gradcore.grad((mark(x) ** 2).sum(), x)
        np.testing.assert_allclose(g.eval({x: at}), expected)
    with pytest.raises(gradcore.errors.DisconnectedInputError):
        gradcore.grad(gradcore.disconnected_grad(x).sum(), x)
    both = gradcore.grad((gradcore.disconnected_grad(x) * x).sum(), x)
    np.testing.assert_allclose(both.eval({x: at}), at)


def test_directions_have_words():
    x = gradcore.tensor.dvector("x")
    assert pullback([gradcore.tensor.floor(x)], [x], [x]) == [ZERO]
    assert pushforward([x.shape], [x], [x]) == [None]
    n = gradcore.tensor.dscalar("n")
    (found,) = pullback([gradcore.tensor.polygamma(n, n)], [n], [n])
    assert isinstance(found, Undefined)


def test_draw_draws(rng):
    assert draw(SAMPLES[0].operands[0], rng).shape == SAMPLES[0].operands[0].shape


# linearity --------------------------------------------------------------------------------------
def is_linear(op, node, group, draws):
    """Return whether ``op`` maps ``a + 2 b`` to ``op(a) + 2 op(b)`` in the operands ``group``."""
    a, b = draws
    both = [x + 2 * y if i in group else x for i, (x, y) in enumerate(zip(a, b, strict=True))]
    other = [y if i in group else x for i, (x, y) in enumerate(zip(a, b, strict=True))]
    with np.errstate(all="ignore"):
        found = [listed(op.kernel(node)(*given)) for given in (a, other, both)]
    eps = max(float(np.finfo(v.dtype).eps) for v in (*node.outputs, *(a[i] for i in group)))
    x, y, z = (np.concatenate([np.ravel(o).astype("complex128") for o in given]) for given in found)
    finite = np.isfinite([x, y, z]).all(0)
    x, y, z = x[finite], y[finite], z[finite]
    return finite.size == 0 or (finite.any() and np.allclose(x + 2 * y, z, 64 * eps, 64 * eps))


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_what_is_declared_linear_is(sample, rng):
    variables, values = operands(sample, rng)
    others = [draw(arg, rng) for arg in sample.operands]
    node = sample.op.make_node(*variables)
    for group in sample.op.derivative.linear_in(node):
        if all(variables[i].type.is_float for i in group) and group:
            assert is_linear(sample.op, node, group, (values, others)), group


OF_COTANGENTS = [sample for sample in SAMPLES if isinstance(sample.op.derivative, Reverse)]


@pytest.mark.parametrize("sample", OF_COTANGENTS, ids=sample_id)
def test_operands_of_which_a_cotangent_is_written_are_linear_if_declared(sample, rng):
    """Equations are linear in their right sides: Jacobians of solutions are products, too."""
    variables, values = operands(sample, rng)
    others = [draw(arg, rng) for arg in sample.operands]
    node = sample.op.make_node(*variables)
    declared = {i for group in sample.op.derivative.linear_in(node) for i in group}
    for i, v in enumerate(variables):
        if v.type.is_float and sample.op.derivative.connects(node, i, 0):
            assert is_linear(sample.op, node, (i,), (values, others)) is (i in declared)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=str)
def test_linear_entries_are_declared(entry, rng):
    """Of every set of operands that matter, those are declared that no other one contains."""
    variables = [Variable(TensorType("float64", (None,))) for _ in entry.domain]
    try:
        node = entry.make_node(*variables)
    except GraphTypeError:
        return  # it takes no floats
    connected = [i for i in range(len(variables)) if entry.derivative.connects(node, i, 0)]
    if not node.out.type.is_float or not connected:
        return
    fractions = rng.integers(-36, 37, (2, len(variables), 400)) / 4  # zeros are among them
    inside = np.stack([rng.uniform(*limits, (2, 400)) for limits in entry.domain], 1)
    draws = np.concatenate([fractions, inside], -1)
    linear = [
        set(group)
        for n in range(1, len(connected) + 1)
        for group in itertools.combinations(connected, n)
        if is_linear(entry, node, group, draws)
    ]
    maximal = [group for group in linear if not any(group < other for other in linear)]
    assert [set(group) for group in entry.derivative.linear_in(node)] == maximal
