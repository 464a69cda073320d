"""Loops that nothing but ``until`` ends: as those with a bound, in memory for the steps taken."""

import tracemalloc

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import until
from gradcore.errors import ScanError
from gradcore.ops.scan import Scan

FAR = 30


def doubled(n_steps, x, limit):
    """Return the powers of ``x`` up to the first that is larger than a limit."""

    def step(state, x, limit):
        return state * x, until(state * x > limit)

    found, _ = gradcore.scan(step, None, T.ones_like(x), [x, limit], n_steps=n_steps)
    return found


def with_taps(n_steps, x, limit):
    """Return Fibonacci's numbers times ``x``, and their squares, up to a limit."""

    def step(before, last):
        new = before + last
        return [new, new**2], until(new > limit)

    info = [{"initial": T.stack([x, x]), "taps": [-2, -1]}, None]
    (numbers, squares), _ = gradcore.scan(step, None, info, n_steps=n_steps)
    return numbers * squares


def matrices(n_steps, x, limit):
    """Return what a vector becomes by steps of a method that converges."""

    def step(v):
        new = v / 2 + x / T.arange(1.0, 4)
        return new, until(T.sum(abs(new - v)) < 1 / limit)

    found, _ = gradcore.scan(step, None, T.zeros(3), n_steps=n_steps)
    return T.sum(found, axis=1)


PROGRAMS = [doubled, with_taps, matrices]


def results(program, n_steps):
    """Return the inputs, and what users ask for: all, the last, how many, derivatives."""
    x, limit, v = T.dscalars("x", "limit", "v")
    found = program(n_steps, x, limit)
    cost = found[-1] + T.sum(T.sin(found))
    slope = T.grad(cost, x)
    return [x, limit, v], [
        found, found[-1], found.shape[0], slope, T.grad(slope, x), T.Rop(found, x, v),
    ]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_the_loop_with_a_bound(everywhere, program):
    with_bound, without = (
        gradcore.function(*results(program, n), mode=everywhere) for n in (FAR, None)
    )
    for limit in (2.0, 50.0, 900.0):
        expected, found = with_bound(1.75, limit, 0.5), without(1.75, limit, 0.5)
        assert len(expected[0]) < FAR
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-12)


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_who_asks_for_the_last_value_takes_each_step_once(mode):
    inputs, (_, last, *_) = results(doubled, None)
    f = gradcore.function(inputs[:2], last, mode=mode)
    loops = [node.op for node in f.maker.fgraph.nodes if isinstance(node.op, Scan)]
    assert len(loops) == 1 and loops[0].until
    assert f(2, 10**6) == 2**20


def test_memory_follows_the_steps_that_are_taken():
    inputs, (found, *_) = results(doubled, None)
    f = gradcore.function(inputs[:2], found, mode="numpy")
    f(2, 10)
    peaks = []
    for steps in (100, 1000):
        tracemalloc.start()
        assert f(2.0, 2.0 ** (steps - 1)).shape == (steps,)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 100_000
    g = gradcore.function(inputs[:2], found, mode="c", profile=True)
    assert g(2.0, 2.0**99).shape == (100,) and g.profile.peak_bytes < 10_000


def test_shared_variables_are_updated_in_each_step_once():
    count, x = gradcore.shared(np.int64(0)), T.dscalar("x")

    def step(state):
        return state * 2, {count: count + 1}, until(state * 2 > x)

    found, updates = gradcore.scan(step, None, T.constant(1.0))
    f = gradcore.function([x], found, updates=updates)
    assert f(10).tolist() == [2, 4, 8, 16] and count.get_value() == 4
    assert len(f(100)) == 7 and count.get_value() == 11


def test_draws_are_those_of_the_steps_that_are_taken(everywhere):
    stream = T.random.RandomStream(7)

    def step(total):
        new = total + stream.uniform()
        return new, until(new > 3)

    found, _ = gradcore.scan(step, None, T.constant(0.0))
    f = gradcore.function([], [found, found[-1]], mode=everywhere)
    first, second = f(), f()
    for sums, last in (first, second):
        steps = np.diff(sums, prepend=0)
        assert (steps > 0).all() and (steps < 1).all() and sums[-2] <= 3 < sums[-1] == last
    assert first[0][0] != second[0][0]


def test_something_must_end_a_loop():
    with pytest.raises(ScanError, match=r"(?s)how many steps.*return until\(condition\)") as raised:
        gradcore.scan(lambda s: s + 1, None, T.constant(0.0))
    assert "test_scan_endless" in str(raised.value)
