"""What the C backend does not do again: compile for a shape, allocate for a call."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import function, shared
from gradcore.errors import ArgumentError
from gradcore_c import compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


x, a = T.dscalar("x"), T.dscalar("a")
v, w = T.dvectors("v", "w")
M, N = T.dmatrices("M", "N")


# what is not done again -------------------------------------------------------------------------
def test_a_hundred_shapes_are_compiled_once(monkeypatch, tmp_path, rng):
    compiled = []
    original = compiler.Compiler.run
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "store"))

    def counted(self, source, flags, into):
        if "gc_entry" in source:
            compiled.append(source)
        return original(self, source, flags, into)

    monkeypatch.setattr(compiler.Compiler, "run", counted)
    loss = T.log(1 + T.exp(-T.dot(M, v))).mean()
    f = function([M, v], [loss, T.grad(loss, v)], mode="c")
    assert len(compiled) == 1 and "gc_entry" in f.source
    for n in range(1, 101):
        given, weights = rng.standard_normal((n, 5)), rng.standard_normal(5)
        value, gradient = f(given, weights)
        z = given @ weights
        np.testing.assert_allclose(value, np.log1p(np.exp(-z)).mean(), rtol=1e-12)
        np.testing.assert_allclose(gradient, -(given.T @ (1 / (1 + np.exp(z)))) / n, rtol=1e-10)
    function([M, v], [loss, T.grad(loss, v)], mode="c")
    assert len(compiled) == 1


def resident():
    """Return the bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted on Linux only")
@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer keeps freed memory for a while"
)
def test_memory_stays_flat_over_many_calls():
    s = shared(0.0)
    f = function([x], T.grad(x**2, x), updates={s: s + x}, mode="c")
    rows, n = function([M], T.softmax(M), mode="c"), T.lscalar("n")
    steps, _ = gradcore.scan(lambda h: h * x, outputs_info=T.ones_like(x), n_steps=n)
    loop = function([x, n], T.grad(steps[-1], x), mode="c")
    given = np.ones((30, 30))

    def turn():
        for _ in range(100_000):
            f(1.0)
        for _ in range(3000):
            rows(given)
            rows(given.T)
            loop(1.0, 20)
            with pytest.raises(ArgumentError):
                f("odd")

    turn()
    gc.collect()
    before = resident()
    turn()
    turn()
    gc.collect()
    assert resident() - before < 3_000_000
    assert s.get_value() == 300_000


def test_big_results_take_the_place_of_dropped_ones():
    f = function([v], v * 2, mode="c")
    given = np.ones(1_000_000)
    runtime.trim()
    first = f(given)
    place = first.ctypes.data
    second = f(given)
    assert second.ctypes.data != place
    del first
    for _ in range(5):
        again = f(given)
        assert again.ctypes.data == place and again[-1] == 2
        del again
    part = second[5:7]
    del second
    f(given * 3)
    assert part.tolist() == [2, 2]


def test_functions_that_are_dropped_leave_nothing():
    def turn(k):
        f = function([v], T.exp(v) * k, mode="c")
        f(np.ones(100_000))

    for k in range(2):
        turn(k)
    gc.collect()
    before = len([o for o in gc.get_objects() if type(o).__name__ in ("Executable", "Bound")])
    for k in range(2):
        turn(k)
    gc.collect()
    after = len([o for o in gc.get_objects() if type(o).__name__ in ("Executable", "Bound")])
    assert after == before
