"""Loops within the steps of scans, shared by threads, against the reference and one thread."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import For
from gradcore.kernel.parallel import steps_parallelized
from gradcore.kernel.pipeline import program
from gradcore.kernel.target import CpuTarget
from gradcore.kernel.uses import inside
from gradcore_c import compiler

EAGER = CpuTarget(thread_work=1)
"""Every loop that may be shared is."""

N, M = 9, 7
STEPS = 4


def heat(u):
    """A stencil, whose rim does not change."""
    window = u[1:-1, 1:-1]
    around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
    return T.set_subtensor(window, window + 0.1 * (around - 4 * window))


def padded(u):
    """A stencil with zeros around."""
    w = T.set_subtensor(T.zeros((u.shape[0] + 2, u.shape[1] + 2), u.dtype)[1:-1, 1:-1], u)
    return u + T.cast(0.2, u.dtype) * (w[2:, 1:-1] + w[1:-1, 2:] - 2 * u)


def normed(u):
    """Totals of a step, which the next loop needs."""
    return u / (1 + T.sqrt(T.sum(u * u))) + T.max(u) - T.min(T.abs(u))


def rows(u):
    """A total for each row, in a register of its step."""
    return T.tanh(u - T.mean(u, axis=1, keepdims=True))


def columns(u):
    """A total for each column: a row that loops contribute to."""
    return T.tanh(u - T.mean(u, axis=0, keepdims=True))


def product(u):
    return T.tanh(T.dot(u, T.dot(u.T, u)) / 50)


def branches(u):
    return gradcore.ifelse(T.gt(T.sum(u), 3), T.sin(u), T.cos(u + 1))


def nested(u):
    found, _ = gradcore.scan(lambda v: heat(v) * T.cast(0.9, v.dtype), outputs_info=[u], n_steps=2)
    return found[-1]


BODIES = (heat, padded, normed, rows, columns, product, branches, nested)


def outputs(body, u):
    steps, _ = gradcore.scan(body, outputs_info=[u], n_steps=STEPS)
    loss = T.sum(T.sqr(steps[-1])) + T.sum(T.sin(steps[1]))
    return [steps[-1], loss, T.grad(loss, u)]


def state(dtype, known):
    return T.TensorType(dtype, (N, M) if known else (None, None))("u")


def shared_in_steps(made):
    """Return how many loops within ordered ones threads share."""
    ordered = [s for s in inside(made.body) if isinstance(s, For) and s.ordered]
    within = {x for s in ordered for x in inside(s.body) if isinstance(x, For) and x.parallel}
    return len(within)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_the_pass_changes_no_value(body, known, rng):
    u = state("float64", known)
    f = gradcore.function([u], outputs(body, u), Mode("numpy"))
    before = program(f.maker.fgraph, EAGER)
    after = steps_parallelized(before, EAGER)
    assert not shared_in_steps(before)
    assert shared_in_steps(after) > 0
    value = rng.normal(size=(N, M))
    for found, right in zip(interpret(after)(value), interpret(before)(value), strict=True):
        np.testing.assert_array_equal(found, right)


def test_little_work_is_not_shared():
    u = T.TensorType("float64", (N, M))("u")
    f = gradcore.function([u], outputs(heat, u), Mode("numpy"))
    made = program(f.maker.fgraph, CpuTarget())
    assert not shared_in_steps(steps_parallelized(made, CpuTarget()))
    alone = CpuTarget(thread_work=1, most_threads=1)
    assert steps_parallelized(made, alone) is made


needs_compiler = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_threads_find_what_the_reference_finds(body, dtype, rng):
    u = state(dtype, known=dtype == "float64")
    wanted = outputs(body, u)
    reference = gradcore.function([u], wanted, Mode("numpy"))
    value = rng.normal(size=(N, M)).astype(dtype)
    right = reference(value)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    f = gradcore.function([u], wanted, Mode("c", target=EAGER, threads=3))
    for _ in range(10):
        for found, expected in zip(f(value), right, strict=True):
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@needs_compiler
def test_the_same_scan_twice_is_a_procedure_with_a_frame_of_its_own(rng):
    u, v = state("float64", known=True), state("float64", known=True)
    wanted = [*outputs(heat, u), *outputs(heat, v)]
    f = gradcore.function([u, v], wanted, Mode("c", target=EAGER, threads=3))
    reference = gradcore.function([u, v], wanted, Mode("numpy"))
    values = rng.normal(size=(2, N, M))
    for found, right in zip(f(*values), reference(*values), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-10)


@needs_compiler
def test_a_check_that_fails_in_a_part_names_the_same_element(rng):
    table, at = T.dmatrix("table"), T.lmatrix("at")
    steps, _ = gradcore.scan(
        lambda x: x + table[at, 0] * x, outputs_info=[T.ones((N, M))], n_steps=3
    )
    values = rng.normal(size=(5, 2)), rng.integers(0, 5, size=(N, M))
    values[1][7, 3] = 11
    messages = []
    for threads in (1, 3):
        f = gradcore.function([table, at], steps[-1], Mode("c", target=EAGER, threads=threads))
        with pytest.raises(IndexError) as error:
            f(*values)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "11" in messages[0]
