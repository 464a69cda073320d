"""The C backend with many at once: callers, signals, forks, threads that meet."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from new_process import in_a_new_process
from user_ops import Seen

import gradcore
import gradcore.tensor as T
from gradcore import function, shared
from gradcore_c import compiler

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)

ONE, TWO = gradcore.Mode("c", threads=1), gradcore.Mode("c", threads=2)

x, a = T.dscalar("x"), T.dscalar("a")
v, w = T.dvectors("v", "w")
M, N = T.dmatrices("M", "N")


# many at once -----------------------------------------------------------------------------------
def test_many_threads_call_one_function(rng):
    """Each gets its own results; calls are under way at the same time."""
    both = threading.Barrier(2)
    f = function([M], [T.tanh(M).sum(axis=1), M.T * 2, T.dot(M, M.T).max()], mode=TWO)
    given = [rng.random((40 + 10 * k, 50)) for k in range(6)]
    expected = [f(m) for m in given]
    wrong = []

    def work(k):
        for _ in range(60):
            results = zip(f(given[k]), expected[k], strict=True)
            wrong.extend(k for found, right in results if found.tobytes() != right.tobytes())

    run_all([lambda k=k: work(k) for k in range(6)])
    assert not wrong
    meet = function([x], Seen(lambda value: both.wait(60))(x) + 1, mode="c")
    results = []
    run_all([lambda k=k: results.append(float(meet(k))) for k in range(2)])
    assert sorted(results) == [1, 2]


def run_all(functions):
    threads = [threading.Thread(target=each) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_shared_updates_from_many_threads_keep_whole_values():
    s = shared(np.zeros(2000), "s")
    f = function([], s.sum(), updates={s: T.full((2000,), s[0] + 1)}, mode="c")
    odd = []

    def work():
        odd.extend(total for total in (f() for _ in range(300)) if total % 2000 != 0)

    run_all([work] * 4)
    assert not odd and len(set(s.get_value())) == 1


INTERRUPTED = """
import json, os, signal, sys, threading, time
import gradcore
import gradcore.tensor as T

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
n, m, s = T.lscalar("n"), T.dmatrix("m"), gradcore.shared(0.0, "s")
scalars = gradcore.scan(lambda q: T.sin(q) + 1.0, outputs_info=T.constant(0.0), n_steps=n)[0][-1]
products = gradcore.scan(lambda q: T.tanh(T.dot(q, q)), outputs_info=m, n_steps=n)[0][-1]
pairs = T.exp(-abs(T.arange(n)[:, None] - T.arange(n)[None, :])).sum()
largest = T.gamma(1.5 + T.arange(n) / n).max()
nested = gradcore.scan(
    lambda k: gradcore.scan(lambda q: T.sin(q) + k, outputs_info=T.constant(0.0), n_steps=n)[0][-1],
    sequences=T.arange(3.0),
)[0].sum()
until = gradcore.scan(
    lambda q: (T.sin(q) + 1.0, gradcore.until(q > 9)), outputs_info=T.constant(0.0), n_steps=n
)[0][-1]
outputs = {"scalars": scalars, "products": products, "pairs": pairs, "largest": largest}
output = {**outputs, "nested": nested, "until": until}[sys.argv[1]]
mode = gradcore.Mode(sys.argv[2], **json.loads(sys.argv[3]))
f = gradcore.function([n, m], output, updates={s: s + 1}, mode=mode, on_unused_input="ignore")
f(10, [[1.0] * 50] * 50)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    f({"pairs": 100_000}.get(sys.argv[1], 10**10), [[1.0] * 50] * 50)
except KeyboardInterrupt:
    assert time.monotonic() - start < 5
    assert s.get_value() == 1
    f(10, [[1.0] * 50] * 50)
    assert s.get_value() == 2
    print("interrupted")
"""


HANDLED = """
import signal, threading, time
import gradcore
import gradcore.tensor as T

n, s = T.lscalar("n"), gradcore.shared(0.0, "s")
slow = gradcore.scan(lambda q: T.sin(q) + 1.0, outputs_info=T.constant(0.0), n_steps=n)[0][-1]
f = gradcore.function([n], slow, updates={s: s + 1}, mode="c")
g = gradcore.function([], updates={s: s + 10}, mode="c")
threads = []

def handler(*_):
    threads.append(threading.Thread(target=g))
    threads[-1].start()

signal.signal(signal.SIGALRM, handler)
steps, took = 10**6, 0.0
while took < 0.4:
    steps, start = 2 * steps, time.monotonic()
    f(steps)
    took = time.monotonic() - start
s.set_value(0.0)
signal.setitimer(signal.ITIMER_REAL, 0.1)
f(steps)
for thread in threads:
    thread.join()
print(float(s.get_value()))
"""


def test_a_thread_that_a_signal_handler_starts_waits_for_the_call_it_interrupts():
    assert in_a_new_process(HANDLED)[0] == 11


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", ["scalars", "products", "pairs", "largest", "nested", "until"])
def test_a_long_call_is_interrupted(what, threads):
    """Between steps of a scan and parts of a loop; nothing is stored, and the next call works."""
    interrupt(what, "c", threads=threads)


def interrupt(what, backend, **options):
    command = [sys.executable, "-c", INTERRUPTED, what, backend, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


@pytest.mark.parametrize("what", ["scalars", "products", "nested", "until"])
def test_a_long_loop_of_the_reference_is_interrupted(what):
    interrupt(what, "numpy")


@pytest.mark.parametrize("what", ["scalars", "products", "pairs", "nested", "until"])
def test_a_loop_of_kernels_is_interrupted(what):
    """Between kernels, and where a CPU runs them between the steps of their loops."""
    interrupt(what, "cuda", runtime="host")


FORKED = """
import json, os, threading, warnings
import numpy as np
import gradcore
import gradcore.tensor as T

warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
M, x, s = T.dmatrix("M"), T.dscalar("x"), gradcore.shared(0.0, "s")
f = gradcore.function([M], [T.exp(M).sum(axis=0), T.dot(M, M)], mode=gradcore.Mode("c", threads=2))
count = gradcore.function([], s, updates={s: s + 1}, mode="c")
given = np.random.default_rng(0).random((400, 400))
expected = [out.tobytes() for out in f(given)]
held, forked = threading.Event(), threading.Event()

def hold():
    with s.lock:
        held.set()
        forked.wait()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if child == 0:
    fine = [out.tobytes() for out in f(given)] == expected
    fine &= bool(gradcore.function([x], T.exp(x) * 3, mode="c")(0.0) == 3)
    s.set_value(5.0)
    fine &= count() == 5 and s.get_value() == 6
    os._exit(0 if fine else 1)
forked.set()
holder.join()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([status, [out.tobytes() for out in f(given)] == expected, float(count())]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_functions_work_after_a_fork():
    """In the child, threads are new, and locks that others held are free."""
    assert in_a_new_process(FORKED)[0] == [0, True, 0.0]


at = T.lvector("at")
RACES = {
    "scatter by adding": T.inc_subtensor(T.zeros(50)[at], v),
    "scatter by setting": T.set_subtensor(T.zeros(50)[at], v),
    "gradient of a gather": T.grad(T.sum(v[at] ** 2), v),
    "first of equals": [M.argmax(), M.argmin(), M.argmax(axis=0), M.argmin(axis=1)],
    "equals share": [T.grad(M.max(axis=0).sum(), M), T.grad(M.max(), M)],
    "cumulative": [M.cumsum(), M.cumsum(axis=0), M.cumsum(axis=1)],
    "orders": [T.sort(M, axis=0), T.argsort(M, axis=1)],
    "masks": [M[M > 2], T.nonzero(M)[0]],
    "truth": [(M > 2).any(), (M >= 0).all(), (M > 2).any(axis=0)],
    "products": T.grad((1 + M / 1e4).prod(axis=0).sum(), M),
    "integers": [M.astype("int8").sum(), M.astype("bool").sum(axis=0)],
    "a NaN": [M.max(), M.min(axis=0), M.argmax(axis=0), M.argmin()],
}


@pytest.mark.parametrize("name", RACES)
def test_steps_that_meet_do_not_race(name, rng):
    """Where steps on several threads touch the same element, or equals must be told apart."""
    matrix = rng.integers(0, 4, (2000, 200)).astype("float64")
    if name == "a NaN":
        matrix[1700, 3] = matrix[1900] = np.nan
    values = [matrix, rng.integers(0, 5, 300_000).astype("float64"), rng.integers(0, 50, 300_000)]

    def run(mode):
        f = function([M, v, at], RACES[name], mode=mode, on_unused_input="ignore")
        found = [f(*values) for _ in range(3)]
        return found[0] if isinstance(found[0], list) else found

    expected = run("numpy")
    for threads in (1, 2, 7):
        for found, right in zip(run(gradcore.Mode("c", threads=threads)), expected, strict=True):
            assert found.dtype == right.dtype
            np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)
