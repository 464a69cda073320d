"""Gradients of loops that take steps again: the same as those that store all steps."""

import functools

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import config
from gradcore.conformance.loops import LOOPS, VALUES
from gradcore.errors import ScanError
from gradcore.ops.loop_lengths import of_length, within
from gradcore.ops.scan import Scan

PLAIN = gradcore.Mode("numpy", optimizer=False)
CHECKPOINTS = {
    **{f"{k} steps": (k, 0) for k in (1, 2, 7)},
    **{f"{budget} bytes": ("auto", budget) for budget in (16, 64, 200)},
}
"""What `scan` is told, and the budget of bytes: for two and three levels, and for all steps."""

SOME = (
    "map with a constant", "two lengths", "far taps of an output", "several outputs", "rnn",
    "until with matrices", "nested", "truncated",
)  # fmt: skip
"""A loop of each kind, where each costs much time."""


def weighted(stacks):
    """Return a sum of the elements of stacks, each with a weight of its own."""
    floats = [s for s in stacks if s.type.is_float]
    return sum(
        (
            s
            * T.sin(0.3 * k + T.arange(s.shape[0], dtype="float64")).dimshuffle(
                0, *["x"] * (s.ndim - 1)
            )
        ).sum()
        for k, s in enumerate(floats)
    )


def derivatives(case, checkpoint, budget, second=False):
    """Return a cost of a loop and its gradient, or derivatives of that gradient."""
    with config.change_flags(scan_memory_budget=budget):
        stacks = case.looped(checkpoint)
    wrt, cost = list(case.wrt), weighted(stacks)
    gradients = T.grad(cost, wrt, disconnected_inputs="ignore")
    if not second:
        return [cost, *stacks, *gradients]
    points = [T.disconnected_grad(T.cos(v * 3)) for v in wrt]
    slope = sum((g * p).sum() for g, p in zip(gradients, points, strict=True))
    return [
        *T.grad(slope, wrt, disconnected_inputs="ignore"),
        *T.Rop(gradients, wrt, points, "ignore"),
        *T.grad(T.Rop(cost, wrt, points), wrt, disconnected_inputs="ignore"),
    ]


def values(case, outputs, mode):
    inputs = list(dict.fromkeys([*case.wrt, *VALUES]))
    f = gradcore.function(inputs, outputs, mode=mode, on_unused_input="ignore")
    return f(*(VALUES[v] for v in inputs))


@functools.cache
def all_stored(name, mode, second=False):
    """Return derivatives of a loop whose gradient stores all steps: what others are held to."""
    case = LOOPS[name]
    return values(case, derivatives(case, None, 0, second), mode)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("name", LOOPS)
def test_gradients_are_the_same_to_the_bit(name, checkpoint):
    """As the graphs are written, the same terms are added in the same order."""
    case = LOOPS[name]
    found = values(case, derivatives(case, *CHECKPOINTS[checkpoint]), PLAIN)
    for one, other in zip(found, all_stored(name, PLAIN), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", LOOPS)
def test_rewritten_gradients_are_the_same(name):
    """Products over the steps of a segment round otherwise than those over all steps."""
    hold_to_all_stored(name, "2 steps", "numpy")


@pytest.mark.parametrize("name", SOME)
def test_backends_have_the_same_gradients(name, everywhere):
    hold_to_all_stored(name, "16 bytes", everywhere)


def hold_to_all_stored(name, checkpoint, mode):
    case = LOOPS[name]
    found = values(case, derivatives(case, *CHECKPOINTS[checkpoint]), mode)
    for one, other in zip(found, all_stored(name, mode), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("checkpoint", ["2 steps", "16 bytes"])
@pytest.mark.parametrize("name", [name for name in SOME if LOOPS[name].truncate < 0])
def test_second_derivatives(name, checkpoint):
    case = LOOPS[name]
    found = values(case, derivatives(case, *CHECKPOINTS[checkpoint], second=True), PLAIN)
    for one, other in zip(found, all_stored(name, PLAIN, second=True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def scans(graph):
    return [node for node in graph.nodes if isinstance(node.op, Scan)]


def decay(checkpoint, steps=None):
    """Return the inputs, a loop of vectors, and its gradient."""
    x, w, start = T.dvectors("x", "w", "start")
    if steps is not None:
        x = T.tensor("x", "float64", (steps,))
    states, _ = gradcore.scan(lambda e, s, w: T.tanh(w * s + e), x, start, w, checkpoint=checkpoint)
    return [x, w, start], states, T.grad((states[-1] ** 2).sum(), [x, w, start])


def test_nothing_is_taken_again_without_a_budget_or_where_all_fits():
    for budget, steps in ((0, None), (0, 5)):
        with config.change_flags(scan_memory_budget=budget):
            inputs, _, gradient = decay("auto", steps)
        f = gradcore.function(inputs, gradient, mode="numpy")
        assert not any(node.op.replayed for node in scans(f.maker.fgraph))
    with config.change_flags(scan_memory_budget=10):
        inputs, _, gradient = decay(None)
    f = gradcore.function(inputs, gradient, mode="numpy")
    assert not any(node.op.replayed for node in scans(f.maker.fgraph))
    x, start = T.tensor("x", "float64", (5,)), T.tensor("start", "float64", (2,))
    with config.change_flags(scan_memory_budget=1000):
        states, _ = gradcore.scan(lambda e, s: T.tanh(s * e), x, start)
    f = gradcore.function([x, start], T.grad(states.sum(), x), mode="numpy")
    assert not any(node.op.replayed for node in scans(f.maker.fgraph))


def test_steps_of_value_and_gradient_are_taken_once():
    """The loop is the segments of its gradient, and no loop over all steps is left."""
    inputs, states, gradient = decay(3)
    f = gradcore.function(inputs, [states[-1], *gradient], mode="numpy")
    forward = [node for node in scans(f.maker.fgraph) if "grad" not in str(node.op.name)]
    assert sum(node.op.replayed for node in forward) == 2  # one way, and back
    assert len(forward) == 4


def test_no_stack_of_all_steps_is_made():
    """What is as long as the steps is what the user gave, or asked for."""
    inputs, _, gradient = decay(10)
    f = gradcore.function(inputs, gradient, mode="numpy")
    steps, sizes = 1000, []
    graph = f.maker.fgraph
    given = [np.full(steps, 0.1), np.full(50, 0.9), np.ones(50)]
    stored = gradcore.function(
        graph.inputs,
        [v for node in graph.nodes for v in node.outputs],
        mode=PLAIN,
        on_unused_input="ignore",
    )(*given)
    sizes = [np.size(v) for v in stored]
    assert max(sizes) <= steps // 10 * 50


@pytest.mark.parametrize("steps", [0, 1, 2, 9, 10, 11, 57, 100, 1000])
def test_parts_are_all_steps(steps):
    for parts in (
        *(of_length(steps, k) for k in (1, 2, 3, 7)),
        *(within(steps, budget, 8, 24) for budget in (0, 16, 100, 300, 1000, 10**6)),
    ):
        assert sum(np.prod(part.lengths) for part in parts) == steps
        assert all(n >= 0 for part in parts for n in part.lengths)


@pytest.mark.parametrize("steps", [0, 1, 5, 50, 200, 3000, 10**5])
@pytest.mark.parametrize("budget", [16, 400, 10**4, 10**6])
def test_parts_are_found_at_run_time(steps, budget):
    """They are all steps, and store what fits the budget if three levels can."""
    n = T.lscalar("n")
    parts = within(n, budget, 8, 24)
    lengths = [T.as_tensor_variable(m) for part in parts for m in part.lengths]
    found = iter(gradcore.function([n], lengths, mode="numpy")(steps))
    parts = [[int(next(found)) for _ in part.lengths] for part in parts]
    assert sum(np.prod(part) for part in parts) == steps
    assert all(n >= 0 for part in parts for n in part)
    *segments, (single,) = parts
    stored = 24 * single + 8 * sum(part[0] for part in segments)
    stored += max((24 * part[-1] + 8 * sum(part[1:-1]) for part in segments if part[0]), default=0)
    three = 3 * (steps * 8 * 8 * 24) ** (1 / 3)
    assert stored <= max(budget, 3 * three + 100)


@pytest.mark.parametrize("checkpoint", [0, -1, 1.5, True, "always"])
def test_what_is_no_checkpoint(checkpoint):
    with pytest.raises(ScanError, match="how many steps to take again"):
        decay(checkpoint)


def test_too_few_elements_are_an_error_of_the_gradient():
    x, n = T.dvector("x"), T.lscalar("n")
    states, _ = gradcore.scan(lambda e, s: s * e, x, 1.0, n_steps=n, checkpoint=2)
    f = gradcore.function([x, n], T.grad(states[-1], x), mode=PLAIN)
    with pytest.raises(ScanError):
        f([1.0, 2.0, 3.0], 5)
    with pytest.raises(ScanError):
        f([1.0, 2.0, 3.0], -1)


def test_within_a_loop_and_within_a_choice():
    """A loop with a checkpoint is a step of another loop, and in a branch."""
    x, c = T.dvector("x"), T.dscalar("c")
    found = []
    for checkpoint in (None, 2):

        def step(e, s, x, checkpoint=checkpoint):
            inner, _ = gradcore.scan(lambda v, t: T.tanh(t * v + e), x, s, checkpoint=checkpoint)
            return inner[-1]

        states, _ = gradcore.scan(step, x, 0.5, x, checkpoint=checkpoint)
        cost = T.ifelse(c > 0, (states**2).sum(), x.sum())
        f = gradcore.function([x, c], [cost, T.grad(cost, x)], mode="numpy")
        found.append([f(np.sin(np.arange(7.0)), sign) for sign in (1.0, -1.0)])
    np.testing.assert_allclose(np.concatenate(found[0][0], None), np.concatenate(found[1][0], None))
    np.testing.assert_allclose(np.concatenate(found[0][1], None), np.concatenate(found[1][1], None))
