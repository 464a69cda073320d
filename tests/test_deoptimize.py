"""A loop that takes no step does not fail for what left its body, on backends and in libraries."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.compile.deoptimize import WrittenGraph
from gradcore.errors import ArgumentError, AssertionFailedError, ShapeError
from gradcore.graph import free_inputs

PLAIN = gradcore.Mode("numpy", optimizer=False)

A, B = T.dmatrices("A", "B")
x, y, i, n = T.dvector("x"), T.dvector("y"), T.lscalar("i"), T.lscalar("n")
INPUTS = [A, B, x, y, i, n]
NO_STEP = (np.ones((0, 5)), np.ones((3, 2)), np.ones(3), np.ones(2), 7, 0)
TWO_STEPS = (np.ones((2, 5)), *NO_STEP[1:5], 2)


def stacked(body, *more):
    return gradcore.scan(body, sequences=A, non_sequences=list(more), n_steps=n)[0]


def carried(body, *more):
    zero = T.constant(0.0)
    states, _ = gradcore.scan(
        lambda e, s, *rest: s + body(e, *rest).sum(), A, zero, list(more), n_steps=n
    )
    return T.sum(states)


BODIES = {
    "dot with a vector": (lambda e, y: T.dot(e, y), y),
    "dot with a matrix": (lambda e, B: T.dot(e, B), B),
    "sum": (lambda e, y: T.tanh(e + y), y),
    "product": (lambda e, x, y: T.exp(e) * x, x, y),
    "read": (lambda e, i: T.exp(e[i]), i),
    "write": (lambda e, i: T.set_subtensor(e[i], 1.0), i),
    "reshape": (lambda e: e.reshape((2, 3)), ),
    "assertion": (lambda e, i: T.assert_op(e * 2, T.lt(i, 3)), i),
    "shape": (lambda e, y: T.specify_shape(e, (4,)) * 2, y),
    "concatenation": (lambda e, B, y: T.concatenate([B, T.stack([e, e])]), B, y),
    "gather": (lambda e, i: T.take(e, T.stack([i, 0])), i),
}  # fmt: skip


@pytest.fixture(params=BODIES)
def body(request):
    return BODIES[request.param]


def of(out, mode):
    return gradcore.function(INPUTS, out, mode, on_unused_input="ignore")


@pytest.mark.parametrize("loop", [stacked, carried])
def test_no_step(body, loop, optimized):
    out = loop(*body)
    expected = of(out, PLAIN)(*NO_STEP)
    found = of(out, optimized)(*NO_STEP)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("loop", [stacked, carried])
def test_steps(body, loop):
    """The rewritten graph's error stands where the loop runs: the reference is not asked."""
    out = loop(*body)
    with pytest.raises((ValueError, IndexError, AssertionError)) as expected:
        of(out, PLAIN)(*TWO_STEPS)
    for mode in ("numpy", "c"):
        with (
            pytest.raises((ValueError, IndexError, AssertionError)) as found,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(WrittenGraph, "__call__", lambda *_: pytest.fail("the reference runs"))
            of(out, mode)(*TWO_STEPS)
        assert issubclass(found.type, expected.type) or issubclass(expected.type, found.type)


def test_gradient_of_no_step(optimized):
    out = T.grad(carried(lambda e, y: T.tanh(e + y), y), y)
    assert of(out, optimized)(*NO_STEP).tolist() == [0, 0]


def test_a_loop_inside_of_a_loop(optimized):
    """How many steps an inner loop takes is known when it runs: the reference finds out."""

    def outer(k, A, y):
        return gradcore.scan(lambda e, y: T.dot(e, y), A[:k], non_sequences=y)[0].sum()

    out = gradcore.scan(outer, T.arange(n), non_sequences=[A, y])[0]
    assert of(out, optimized)(np.ones((4, 5)), *NO_STEP[1:5], 1).tolist() == [0]
    with pytest.raises(ShapeError):
        of(out, optimized)(np.ones((4, 5)), *NO_STEP[1:5], 2)


def test_another_error_of_the_written_graph(optimized):
    """What the graph raises is what it raises as written, if a loop takes no step."""
    out = T.assert_op(carried(lambda e, y: T.dot(e, y), y), T.lt(i, 3))
    with pytest.raises(AssertionFailedError):
        of(out, optimized)(*NO_STEP)


def test_updates_are_stored(optimized):
    total = gradcore.shared(1.0, "total")
    out = carried(lambda e, y: T.dot(e, y), y)
    f = gradcore.function([A, y, n], None, optimized, updates={total: total + out + 1})
    f(NO_STEP[0], NO_STEP[3], 0)
    assert total.get_value() == 2
    with pytest.raises(ShapeError):
        f(TWO_STEPS[0], TWO_STEPS[3], 2)
    assert total.get_value() == 2
    f(A=np.ones((2, 2)), y=NO_STEP[3], n=2)
    assert total.get_value() == 9


def test_shapes_of_no_step(everywhere):
    """Where a step would need two extents to be equal, neither stands for the other without one."""
    h = T.dvector("h")
    states = gradcore.scan(lambda e, h, B: T.tanh(T.dot(h, B) + e), A, h, B)[0]
    f = gradcore.function([A, B, h], T.grad((states**2).sum(), [B, h]), everywhere)
    given = np.zeros((0, 1)), np.ones((1, 2)), np.ones(1)
    assert [g.shape for g in f(*given)] == [(1, 2), (1,)]


BRANCHES = {
    "element": lambda r, v: r * r[5],
    "joined": lambda r, v: r * T.concatenate([r, v])[9],
    "product": lambda r, v: r * T.dot(r * 2, v),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_that_no_step_takes_requires_nothing(branch, optimized):
    """Work leaves a branch of a step when it leaves the loop."""
    M, v = T.dmatrix("M"), T.dvector("v")
    out, _ = gradcore.scan(
        lambda r, v: T.ifelse(r.sum() > 0, BRANCHES[branch](r, v), r * 2), M, non_sequences=v
    )
    f = gradcore.function([M, v], out, mode=optimized, on_unused_input="ignore")
    assert (f(-np.ones((2, 3)), np.ones(4)) == -2).all()
    with pytest.raises((ValueError, IndexError)):
        f(np.ones((2, 3)), np.ones(4))


# inside of other libraries ----------------------------------------------------------------------
def embedded_in_jax(out, variables, values):
    """Return an embedded expression for values, and what computes the gradient of its sum."""
    jax = pytest.importorskip("jax")
    wide = pytest.importorskip("gradcore_jax.tracing").ENABLE_X64
    with wide(True):
        arrays = [jax.numpy.asarray(a) for a in values]
        f = gradcore.as_jax(out, variables)
        found = np.asarray(f(*arrays))

    def slope():
        with wide(True):
            return np.asarray(jax.grad(lambda *given: f(*given).sum())(*arrays))

    return found, slope


def embedded_in_torch(out, variables, values):
    """Return an embedded expression for values, and what computes the gradient of its sum."""
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(a) for a in values]
    tensors[0].requires_grad_()
    found = gradcore.as_torch(out, variables)(*tensors)

    def slope():
        (gradient,) = torch.autograd.grad(found.sum(), tensors[:1])
        return gradient.numpy()

    return found.detach().numpy(), slope


def used_in(out, values):
    """Return the inputs that an expression needs, and their values."""
    needed = free_inputs([out])
    pairs = [(v, np.asarray(a)) for v, a in zip(INPUTS, values, strict=True) if v in needed]
    return [v for v, _ in pairs], [a for _, a in pairs]


EMBEDDED = pytest.mark.parametrize("embedded", [embedded_in_jax, embedded_in_torch])


@EMBEDDED
@pytest.mark.parametrize("loop", [stacked, carried])
def test_no_step_of_an_embedded_loop(body, loop, embedded):
    out = loop(*body)
    variables, values = used_in(out, NO_STEP)
    expected = gradcore.function(variables, out, PLAIN)(*values)
    found, _ = embedded(out, variables, values)
    assert found.shape == expected.shape and np.array_equal(found, expected)


@EMBEDDED
@pytest.mark.parametrize("name", ["sum", "product", "read", "write", "reshape", "gather"])
def test_no_step_of_the_gradient_of_an_embedded_loop(name, embedded):
    out = carried(*BODIES[name])
    variables, values = used_in(out, NO_STEP)
    _, slope = embedded(out, variables, values)
    assert slope().shape == values[0].shape


@EMBEDDED
def test_an_embedded_error_names_what_the_user_wrote(embedded):
    mask = T.TensorType("bool", (None,))("mask")
    out = T.log((T.exp(A) * mask).sum(1))
    with pytest.raises(ShapeError, match=r"^mul: extents \[4, 5\]"):
        embedded(out, [A, mask], [np.ones((3, 4)), np.ones(5, bool)])


@pytest.mark.parametrize("steps", [0, 2])
def test_an_argument_is_converted_once(steps, everywhere):
    """What its conversion raises is no failure of the graph."""

    class Once:
        asked = 0

        def __array__(self, dtype=None, copy=None):
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError("not yet")
            return np.ones(2)

    doubled = gradcore.scan(lambda s: s * 2, outputs_info=y, n_steps=n)[0]
    f, given = gradcore.function([y, n], doubled, everywhere), Once()
    with pytest.raises(ArgumentError, match="not yet"):
        f(given, steps)
    assert given.asked == 1
    assert f(given, steps).shape == (steps, 2)


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_a_failure_of_a_graph_with_a_loop_keeps_no_argument(mode):
    total = gradcore.scan(lambda s: s + T.dot(y, x), outputs_info=T.constant(0.0), n_steps=n)[0]
    f, given = gradcore.function([x, y, n], total, mode), np.ones(3)
    reference = weakref.ref(given)
    gc.disable()
    try:
        with contextlib.suppress(ShapeError):
            f(given, np.ones(2), 2)
        del given
        assert reference() is None
    finally:
        gc.enable()
