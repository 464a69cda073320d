"""The threads of the runtime: parallel loops, many callers, forks, and what lives how long."""

import gc
import itertools
import os
import re
import resource
import signal
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from c_entries import F8, CheckError, array, calling, executable, twice

import gradcore
import gradcore.tensor as T
from gradcore import Mode, config
from gradcore_c import compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


# threads ----------------------------------------------------------------------------------------
LOOP = """
typedef struct { const double *x; double *y, *sums; int32_t *seen; } context;
static int32_t body(gc_call *call, void *place, int64_t begin, int64_t end, int32_t part)
{
    context *c = place;
    double sum = 0;
    for (int64_t i = begin; i < end; i++) { c->y[i] = exp(c->x[i]); sum += c->y[i]; }
    c->sums[part] = sum;
    __atomic_fetch_add(c->seen + part, 1, __ATOMIC_SEQ_CST);
    return 0;
}
"""
RUN_LOOP = """
int64_t n = in[0].shape[0], parts = call->threads;
context c = {a, call->output(call, 0, &n), call->output(call, 1, &parts),
             call->allocate(call, 4 * parts)};
memset(c.seen, 0, 4 * parts);
int32_t status = call->parallel(call, body, &c, n, parts);
if (status) return status;
for (int64_t p = 0; p < parts; p++) if (c.seen[p] != 1) return 20;
"""


def parallel(threads):
    return executable(RUN_LOOP, [array(F8, 1)], [(F8, 1), (F8, 1)], before=LOOP, threads=threads)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("n", [0, 1, 5, 1000, 100_001])
def test_parallel_loops(threads, n, rng):
    x = rng.random(n)
    y, sums = parallel(threads)(x)
    np.testing.assert_allclose(y, np.exp(x), rtol=1e-15)
    edges = [n * p // threads for p in range(threads + 1)]
    expected = [np.exp(x[i:j]).sum() for i, j in itertools.pairwise(edges)]
    np.testing.assert_allclose(sums, expected, rtol=1e-12)


def test_parallel_loops_are_the_same_from_run_to_run(rng):
    f = parallel(3)
    x = rng.random(3000)
    first = f(x)[1]
    for _ in range(2000):
        assert f(x)[1].tobytes() == first.tobytes()


def test_loops_of_several_callers_and_loops_in_loops(rng):
    nested = """
    static int32_t outer(gc_call *call, void *place, int64_t begin, int64_t end, int32_t part)
    {
        context *c = place;
        context mine = {c->x, c->y, c->sums, c->seen};
        if (part) return 0;
        return call->parallel(call, body, &mine, (int64_t)c->x[0], call->threads);
    }
    """
    f = executable(
        RUN_LOOP.replace("body, &c, n", "outer, &c, n"),
        [array(F8, 1)],
        [(F8, 1), (F8, 1)],
        before=LOOP + nested,
        threads=4,
    )
    wrong = []

    def work(seed):
        x = np.random.default_rng(seed).random(200 + seed)
        x[0] = len(x)
        for _ in range(300):
            y, _ = f(x)
            if not np.allclose(y[1:], np.exp(x[1:]), rtol=1e-15):
                wrong.append(seed)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_the_first_part_that_fails_is_reported(rng):
    before = """
    static int32_t body(gc_call *call, void *place, int64_t begin, int64_t end, int32_t part)
    {
        const double *x = place;
        for (int64_t i = begin; i < end; i++)
            if (x[i] < 0) return call->fail(call, 3, 1, &i);
        return 0;
    }
    """
    f = executable(
        "return call->parallel(call, body, (void *)a, in[0].shape[0], 8);",
        [array(F8, 1)],
        [],
        before=before,
        threads=4,
        failed=lambda check, values: CheckError(check, *values),
    )
    x = np.ones(80_000)
    assert f(x) == []
    for first in (0, 1, 35_000, 79_999):
        x[:] = 1
        x[first:] = -1
        for _ in range(50):
            with pytest.raises(CheckError) as reported:
                f(x)
            assert reported.value.args == (3, first)


def test_functions_are_called_from_many_threads():
    """Calls of one function at once: with workspace, callbacks, failures and big outputs."""
    body = """
    if (*a < 0) { int64_t v = (int64_t)*a; return call->fail(call, 0, 1, &v); }
    int64_t n = (int64_t)*a;
    double *work = call->allocate(call, n * 8), *out = call->output(call, 0, &n);
    for (int64_t i = 0; i < n; i++) work[i] = *a;
    gc_array given = {work, &n, 0}, found;
    int32_t status = call->callback(call, 0, 1, &given, 1, &found);
    if (status) return status;
    for (int64_t i = 0; i < n; i++) out[i] = work[i] + ((double *)found.data)[i];
    """
    f = executable(
        body,
        [array(F8, 0)],
        [(F8, 1)],
        callbacks=[(lambda x: (x * 2,), [(F8, 1)], [(F8, 1)])],
        failed=lambda check, values: CheckError(*values),
    )
    g = f.bound([], "single")
    wrong = []

    def work(seed):
        for turn in range(200):
            n = (seed * 7 + turn * 31) % 3000 + 1
            y = g(float(n))
            if y.shape != (n,) or not (y == 3 * n).all():
                wrong.append(n)
            try:
                g(float(-n))
                wrong.append(-n)
            except CheckError as error:
                if error.args != (-n,):
                    wrong.append(error)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_the_gil_is_released():
    """Two calls that wait for each other both end."""
    before = "static int64_t arrived;"
    body = """
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) % 2) ;
    """
    f = executable(body, [], [], before=before)
    other = threading.Thread(target=f)
    other.start()
    f()
    other.join(60)
    assert not other.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*")  # of Python, and of JAX if it is imported
def test_children_of_a_fork_start_their_own_threads(rng):
    f = parallel(4)
    x = rng.random(100_000)
    expected = f(x)[1].tobytes()
    assert runtime.workers() >= 3
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            f(x)

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                good = runtime.workers() == 0 and f(x)[1].tobytes() == expected
                os._exit(0 if good and runtime.workers() == 3 else 1)
            assert exit_status(child) == 0
    finally:
        stop.set()
        busy.join()
    assert f(x)[1].tobytes() == expected


def exit_status(child):
    """Return the exit status of a child; one that hangs is killed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def test_threads_that_wait_use_no_processor():
    f = parallel(4)
    f(np.ones(1000))
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_how_many_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert runtime.default_threads() == 3
    with config.change_flags(threads="5"):
        assert runtime.default_threads() == 5 and twice().threads == 5
    with config.change_flags(threads=6):
        assert twice().threads == 6 and twice(threads=2).threads == 2
    for text in ("", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert 1 <= runtime.default_threads() <= os.cpu_count()
    f = twice()
    f.threads = 9
    assert f.threads == 9
    with pytest.raises(ValueError, match="from 1"):
        f.threads = 0
    for wrong in ("-1", "two", 1.5, None):
        with pytest.raises((ValueError, TypeError), match=r"threads|int\(\)"):
            config.threads = wrong
    assert config.threads == 0


def test_brief_functions_are_called_by_many_threads():
    f = executable(
        "if (*a < 0) return call->fail(call, 0, 0, 0); *(double *)call->output(call, 0, 0) = *a;",
        [array(F8, 0)],
        [(F8, 0)],
        brief=True,
    ).bound([], "single")
    wrong = []

    def work(seed):
        for turn in range(1000):
            value = seed * 1000.0 + turn
            if f(value) != value:
                wrong.append(value)
            try:
                f(-value - 1)
                wrong.append(-value)
            except CheckError:
                pass

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


# lifetimes --------------------------------------------------------------------------------------
def test_functions_do_not_outlive_their_last_reference():
    class Failed:
        def __call__(self, check, values):
            return CheckError()

    failed = Failed()
    seen = weakref.ref(failed)
    f = twice(failed=failed, callbacks=[(lambda x: (failed, x), [], [])])
    failed.function = [f, f.bound([[f]], "none")]  # a cycle
    f(np.ones(3))
    failed = f = None
    gc.collect()
    assert seen() is None


def resident():
    """Return the bytes of memory that this process has in use."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted on Linux only")
def test_many_calls_leave_memory_flat():
    cell = [np.array(1.0)]
    scalar = executable(
        "*(double *)call->output(call, 0, 0) = *a + *b; *(double *)call->output(call, 1, 0) = *b;",
        [array(F8, 0)] * 2,
        [(F8, 0)] * 2,
    ).bound([cell], "single", [cell])
    big = twice()
    fails = executable("return call->fail(call, 0, 0, 0);", [array(F8, 1)], [(F8, 1)])
    back = calling(lambda x: (x[::-1],))
    x, many = np.ones(10), np.ones((300, 300))

    def turn():
        for _ in range(50_000):
            scalar(1.0)
            scalar("no")
        for _ in range(3000):
            big(x)
            back(x)
            with pytest.raises(CheckError):
                fails(x)
            with pytest.raises(TypeError):
                big(many)
        for _ in range(300):
            big(many.T.reshape(-1))
            big(many.reshape(-1)[::-1])
            back(many.reshape(-1)[::2])
            executable("", [], [])()

    turn()
    gc.collect()
    before = resident()
    turn()
    turn()
    gc.collect()
    assert resident() - before < 3_000_000


def test_threads_that_share_a_loop_allocate_nothing(rng):
    """Rows of steps are made before the loop, also where a branch of it is there twice."""
    inputs = x, gain, bias, t = T.fmatrix("x"), T.fvector("gain"), T.fvector("bias"), T.fmatrix("t")
    centred = x - T.mean(x, axis=1, keepdims=True)
    variance = T.mean(centred**2, axis=1, keepdims=True)
    cost = T.sum((centred / T.sqrt(variance + 1e-5) * gain + bias) * t)
    outputs = [cost, *T.grad(cost, [x, gain, bias])]
    shared, alone = (gradcore.function(inputs, outputs, mode=Mode("c", threads=n)) for n in (2, 1))
    functions = re.split(r"^static ", shared.source, flags=re.MULTILINE)
    loops = [text for text in functions if "int64_t begin" in text.split("{")[0]]
    assert any("gc_min_i64(strip" in text and "<= 1024" in text for text in loops)
    assert not any("->allocate(" in text for text in loops)
    shapes = (256, 1024), (1024,), (1024,), (256, 1024)
    values = [rng.normal(size=shape).astype("f") for shape in shapes]
    for _ in range(20):
        for found, right in zip(shared(*values), alone(*values), strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_subnormal_numbers_are_zero_where_that_is_asked_for(dtype, threads):
    x = T.vector("x", dtype)
    tiny = np.finfo(dtype).smallest_normal
    a = np.full(200_000, tiny / 2, dtype)
    b = np.full(200_000, tiny, dtype)
    scale = T.scalar("scale", dtype)
    for flush, as_operand, as_result in [(False, 2 * a, b / 2), (True, 0 * a, 0 * b)]:
        mode = Mode("c", threads=threads, flush_subnormals=flush)
        f = gradcore.function([x, scale], scale * x, mode)
        np.testing.assert_array_equal(f(a, 2), as_operand)
        np.testing.assert_array_equal(f(b, 0.5), as_result)
    assert a.all()  # as before, around the call
    assert (a * np.array(2, dtype)).all()


def test_threads_of_a_loop_have_the_control_of_the_one_that_calls():
    x = T.dvector("x")
    exact, flushing = (
        gradcore.function([x], x / 2, Mode("c", threads=2, flush_subnormals=flush))
        for flush in (False, True)
    )
    tiny = np.full(200_000, np.finfo("float64").smallest_normal)
    for _ in range(20):
        assert not flushing(tiny).any()
        assert exact(tiny).all()
