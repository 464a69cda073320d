"""Stencils in the steps of scans: how many passes over memory a step is, and that values stay."""

import itertools

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore.kernel.hoist import fills_hoisted
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import Allocate, For
from gradcore.kernel.pipeline import program
from gradcore.kernel.target import CPU
from gradcore.kernel.uses import inside

N, M, STEPS = 6, 5, 3


def rim_fixed(u, w):
    """Parts of the state itself are written."""
    middle = u[1:-1, 1:-1]
    around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
    return T.set_subtensor(middle, middle + 0.1 * (around - 4 * middle) * w[1:-1, 1:-1])


def rim_zero(u, w):
    """The state is padded in each step."""
    p = T.set_subtensor(T.zeros((N + 2, M + 2))[1:-1, 1:-1], u * w)
    return u + 0.2 * (p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] - 3 * u)


def chain(u, w):
    """Parts are written one after the other; the last write has some of the first."""
    v = T.set_subtensor(u[0], w[1] * u[1])
    v = T.inc_subtensor(v[:, 1:3], T.sin(u[:, 2:4]))
    return T.set_subtensor(v[1:3, 1], v[2:4, 2])


def diagonal(u, w):
    return T.fill_diagonal(u * 0.5, 2.0) + w * 0


def moving(u, w):
    """Another part is written in each step."""
    k = T.argmax(T.sum(u, axis=1))
    p = T.set_subtensor(T.zeros((N, M))[k], w[0])
    return 0.5 * u + p


def growing(u, w):
    """What is added to was written, in part, by the step itself."""
    p = T.zeros((N, M))
    p = T.set_subtensor(p[1:3], u[1:3])
    p = T.inc_subtensor(p[2:4], T.sin(w[2:4]))
    return 0.5 * u + p


BODIES = rim_fixed, rim_zero, chain, diagonal, moving, growing


def looped(body, u, w):
    steps, _ = gradcore.scan(body, outputs_info=[u], non_sequences=[w], n_steps=STEPS)
    cost = T.sum(T.sqr(steps[-1]) * T.cos(w))
    return [steps[-1], cost, *T.grad(cost, [u, w])]


def unrolled(body, u, w):
    last = u
    for _ in range(STEPS):
        last = body(last, w)
    cost = T.sum(T.sqr(last) * T.cos(w))
    return [last, cost, *T.grad(cost, [u, w])]


def inputs():
    return T.TensorType("float64", (N, M))("u"), T.TensorType("float64", (N, M))("w")


@pytest.fixture
def values(rng):
    return rng.normal(size=(2, N, M))


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_values_are_those_of_the_unrolled_loop(body, values, everywhere):
    u, w = inputs()
    f = gradcore.function([u, w], looped(body, u, w), everywhere)
    right = gradcore.function([u, w], unrolled(body, u, w), Mode("numpy", optimizer=False))
    for found, expected in zip(f(*values), right(*values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_fills_that_are_hoisted_change_no_value(body, values):
    u, w = inputs()
    f = gradcore.function([u, w], looped(body, u, w), Mode("numpy"))
    before = program(f.maker.fgraph, CPU)
    after = fills_hoisted(before, CPU)
    for found, right in zip(interpret(after)(*values), interpret(before)(*values), strict=True):
        np.testing.assert_array_equal(found, right)


def step(outputs, given):
    """Return the statements of the first ordered loop on C, and those before it."""
    f = gradcore.function(given, outputs, Mode("numpy"))
    made = fills_hoisted(program(f.maker.fgraph, CPU), CPU)
    before = list(itertools.takewhile(lambda s: not (isinstance(s, For) and s.ordered), made.body))
    return made.body[len(before)], before


def passes(loop):
    """Return how many loops over rows there are in a step, and which memory it makes."""
    within = [s for s in inside(loop.body) if isinstance(s, For)]
    rows = [s for s in within if any(isinstance(x, For) for x in s.body)]
    return len(rows), [s.buffer.name for s in inside(loop.body) if isinstance(s, Allocate)]


def test_a_state_of_which_parts_are_written_is_where_the_next_step_reads_it():
    u, w = inputs()
    loop, _ = step(looped(rim_fixed, u, w)[:1], [u, w])
    assert passes(loop) == (2, [])


def test_zeros_around_a_state_are_written_once():
    u, w = inputs()
    loop, before = step(looped(rim_zero, u, w)[:1], [u, w])
    assert passes(loop) == (2, [])
    assert sum(isinstance(s, For) for s in before) == 1


@pytest.mark.parametrize("body", [moving, growing], ids=lambda body: body.__name__)
def test_zeros_stay_in_the_step_if_they_are_needed_again(body):
    u, w = inputs()
    f = gradcore.function([u, w], looped(body, u, w)[:1], Mode("numpy"))
    made = program(f.maker.fgraph, CPU)
    assert str(fills_hoisted(made, CPU)) == str(made)
