"""Memory that is there when a function is called first, and that calls leave to the next."""

import time

import numpy as np
import pytest
from c_entries import executable

import gradcore
import gradcore.tensor as T
from gradcore_c import compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


def ready(size):
    """Return whether so many bytes are ready, after a while if need be."""
    end = time.monotonic() + 30
    while runtime.idle() < size and time.monotonic() < end:
        time.sleep(0.01)
    return size <= runtime.idle() < size + 2 * runtime.HUGE_PAGE


def test_what_a_first_call_returns_has_memory_ready():
    x = T.tensor("x", "float64", (1_000_000,))
    runtime.trim()
    f = gradcore.function([x], T.tanh(x) * 3, mode="c")
    assert ready(8_000_000)
    found = f(np.zeros(1_000_000))
    assert runtime.idle() == 0 and not found.any()


def test_what_a_first_call_works_with_has_memory_ready():
    x = T.tensor("x", "float64", (700, 700))
    runtime.trim()
    f = gradcore.function([x], T.sum(T.dot(x, x) * 2), mode="c", profile=True)
    assert ready(8 * 700**2)
    idle = runtime.idle()
    assert f(np.zeros((700, 700))) == 0 and runtime.idle() == idle
    assert 8 * 700**2 <= f.profile.peak_bytes < 8 * 700**2 + runtime.HUGE_PAGE


@pytest.mark.parametrize(
    "shape", [(None,), (1000,), (runtime.PREPARED // 8 + 1,)], ids=["unknown", "small", "large"]
)
def test_no_memory_is_made_ready_that_is_not_known_small_or_very_large(shape):
    x = T.tensor("x", "float64", shape)
    runtime.trim()
    gradcore.function([x], T.sin(x) + 2, mode="c")
    time.sleep(0.1)
    assert runtime.idle() == 0


def test_a_second_call_takes_the_blocks_of_the_first():
    body = """
    for (int64_t k = 1; k < 4; k++)
        if (!call->allocate(call, k * 3000000)) return 9;
    """
    f = executable(body, [], [])
    runtime.trim()
    f()
    idle = runtime.idle()
    assert idle >= 18_000_000
    f()
    assert runtime.idle() == idle
    runtime.trim()


def test_extrema_of_extents_are_multiplied_without_overflow():
    """In one expression, gcc multiplies the operands of an extremum, which overflow."""
    z, n = T.TensorType("float32", (None, 3, None))("z"), T.lscalar("n")
    f = gradcore.function([z, n], [z[:, :, : -(2**62)].flatten(), T.maximum(n, 0) * 12], "c")
    part, product = f(np.ones((6, 3, 5), "float32"), 5 - 2**60)
    assert part.shape == (0,) and product == 0
