"""Kernels for CUDA: their text, and what they compute when a CPU runs it.

Golden files show the kernels of a few functions; where a change of the printer is meant, they are
written anew by ``GRADCORE_REWRITE_GOLDEN=1 pytest tests/test_cuda.py``, and read before they are
kept.
"""

import contextlib
import re
import subprocess
import sys
import threading
from pathlib import Path

import long_sums
import numpy as np
import pytest
from cuda_programs import HOST, PROGRAMS, host_mode, listed, own_text
from golden_files import M, at, compare, n, rnn_until, softmax_rows, v, x

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.errors import CompileError, ModeError
from gradcore.ops.elementwise import ENTRIES
from gradcore_c import compiler
from gradcore_cuda import checking, host

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


w = T.dvector("w")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_golden(program):
    found = own_text(function(*program(), mode=host_mode(program)).source)
    compare(found, f"{program.__name__}.cu")


@pytest.mark.skipif(not checking.compilers(), reason="there is neither NVRTC nor nvcc")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_kernels_are_cuda(program):
    text = function(*program(), mode=host_mode(program)).source
    kernels = text[text.index("/* ") :]
    checking.check(kernels)
    checking.check(f"#define GC_WIDE\n{kernels}")


@pytest.mark.skipif(not checking.compilers(), reason="there is neither NVRTC nor nvcc")
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_functions_of_all_rows_are_cuda(dtype, part_of):
    """What rows call, in one unit."""
    operands = [T.vector(name, dtype) for name in "abc"]
    outputs = []
    for op in part_of(list(ENTRIES.values())):
        with contextlib.suppress(TypeError):  # a row that takes no such operands
            outputs.append(op(*operands[: op.operands]))
    text = function(operands, outputs, mode=HOST).source
    checking.check(text[text.index("/* ") :])


@pytest.mark.skipif(not checking.compilers(), reason="there is neither NVRTC nor nvcc")
def test_what_does_not_compile_is_reported():
    with pytest.raises(CompileError, match="undefined"):
        checking.check("__global__ void k(double *x) { *x = y; }")


# what it computes -------------------------------------------------------------------------------
def draws(program):
    drawn = np.random.default_rng(3)
    known = {
        "x": 1.1, "M": drawn.normal(size=(37, 45)), "v": drawn.normal(size=45), "n": 9,
        "N": drawn.normal(size=(45, 45)), "at": drawn.integers(-45, 45, 70),
    }  # fmt: skip
    return [known[variable.name] for variable in program()[0]]


@pytest.mark.parametrize("threads", [1, 7, 32, 128])
@pytest.mark.parametrize("order", host.ORDERS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_any_number_of_threads_in_any_order(program, threads, order):
    mode = host_mode(program, threads=threads, order=order)
    given = draws(program)
    found = listed(function(*program(), mode=mode)(*given))
    expected = listed(function(*program(), mode="numpy")(*given))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_indices_of_64_bits(monkeypatch):
    for program in PROGRAMS:
        narrow = function(*program(), mode=host_mode(program))
        wide = function(*program(), mode=host_mode(program))
        found = narrow(*draws(program))
        monkeypatch.setattr(host, "MOST_INDEX32_ELEMENTS", 2)
        again = wide(*draws(program))
        monkeypatch.undo()
        np.testing.assert_equal(found, again)


def test_a_barrier_that_is_missing_shows(monkeypatch):
    """A step reads what other threads stored in the step before."""
    states, _ = gradcore.scan(lambda drive, h: T.tanh(drive + h[::-1]), M, v)
    given = draws(rnn_until)[:2]

    def found():
        modes = [Mode("cuda", runtime="host", threads=64, order=order) for order in host.ORDERS]
        return [function([M, v], states, mode=mode)(*given) for mode in modes]

    text = host.HostFunction.text
    right = found()
    assert np.array_equal(right[0], right[1]) and np.array_equal(right[0], right[2])
    monkeypatch.setattr(
        host.HostFunction,
        "text",
        lambda self: re.sub(r"^    +gc_barrier\(\);\n", "", text(self), flags=re.MULTILINE),
    )
    wrong = found()
    assert not np.array_equal(wrong[0], wrong[1])
    assert not all(np.allclose(a, right[0]) for a in wrong)


def test_threads_that_wait_for_each_other(monkeypatch):
    text = host.HostFunction.text

    def divergent(self):
        return text(self).replace(
            "for (gc_index vector = threadIdx.x", "if (threadIdx.x == 0) __syncthreads();\n"
            "        for (gc_index vector = threadIdx.x",
        )  # fmt: skip

    monkeypatch.setattr(host.HostFunction, "text", divergent)
    f = function(*softmax_rows(), mode=Mode("cuda", runtime="host", threads=64))
    with pytest.raises(host.DeadlockError, match="true_div_kernel"):
        f(np.ones((3, 200)))


def test_a_check_on_the_device_stops_what_comes_after():
    f = function([v, at], T.exp(v[at]) * 2, mode=HOST)
    np.testing.assert_allclose(f([0.0, 1.0], [1, -2]), [2 * np.e, 2])
    with pytest.raises(IndexError, match="3"):
        f([0.0, 1.0], [0, 3])
    np.testing.assert_allclose(f([0.0, 1.0], [0]), [2])


@pytest.mark.parametrize("threads", [1, 7, 64])
def test_a_check_in_a_step_that_threads_share(threads):
    """Each step gathers what its row of indices says, and checks these."""
    indices = T.lmatrix("indices")
    sums, _ = gradcore.scan(
        lambda row, index, total: total + T.exp(row[index]), [M, indices], T.zeros((3,))
    )
    f = function([M, indices], sums, mode=Mode("cuda", runtime="host", threads=threads))
    given, places = np.log(np.arange(1.0, 13).reshape(4, 3)), np.zeros((4, 3), int)
    np.testing.assert_allclose(f(given, places)[-1], [22, 22, 22])
    places[2, 1] = 7
    with pytest.raises(IndexError, match="index 7"):
        f(given, places)


def test_extents_that_only_data_tell():
    f = function([v], v.nonzero()[0], mode=HOST)
    np.testing.assert_array_equal(f([0.0, 2.0, 0.0, 3.0]), [1, 3])
    g = function([x, n], gradcore.scan(lambda s: s * 2, outputs_info=x, n_steps=n)[0], mode=HOST)
    np.testing.assert_array_equal(g(1.0, 3), [2, 4, 8])
    assert g(1.0, 0).shape == (0,)


def test_updates_happen_all_or_none():
    total = gradcore.shared(np.zeros(2), "total")
    f = function([v, at], v[at].sum(), updates=[(total, total + 1)], mode=HOST)
    with pytest.raises(IndexError):
        f([1.0], [5])
    np.testing.assert_array_equal(total.get_value(), [0, 0])
    f([1.0], [0])
    np.testing.assert_array_equal(total.get_value(), [1, 1])


def test_many_threads_may_call():
    f = function(*softmax_rows(), mode=HOST)
    given = np.random.default_rng(0).normal(size=(6, 50))
    expected, found = f(given), []

    def call():
        found.append(f(given))

    workers = [threading.Thread(target=call) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 8 and all(np.array_equal(expected, a) for a in found)


def test_dtypes_of_one_type_of_c():
    """Bools and bytes, each with vectors and sums of its own."""
    small, truths = T.vector("small", "uint8"), T.vector("truths", "bool")
    outputs = [small > 1, T.max(small), T.any(truths), T.cumsum(truths), T.max(truths)]
    f = function([small, truths], outputs, mode=HOST)
    found = f(np.array([0, 3, 2], "uint8"), np.array([True, False, True]))
    expected = [[False, True, True], 3, True, [1, 1, 2], True]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_options():
    with pytest.raises(ModeError, match="sideways"):
        function([x], x * 2, mode=Mode("cuda", runtime="host", order="sideways"))
    with pytest.raises(ModeError, match="'slow'"):
        function([x], x * 2, mode=Mode("cuda", runtime="slow"))


@pytest.mark.parametrize("name", long_sums.PROGRAMS)
def test_long_sums_are_accurate(name):
    """What rounding loses does not grow with the number of terms."""
    long_sums.check(name, Mode("cuda", runtime="host"))


TUTORIAL = """
import sys, gradcore, pytest
gradcore.config.mode = gradcore.Mode("cuda", runtime="host", threads=7)
quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
sys.exit(pytest.main([*quiet, *sys.argv[1:]]))
"""


def test_the_tutorial():
    """Every example, with all functions on the host shim."""
    reported = subprocess.run(
        [sys.executable, "-c", TUTORIAL, str(Path(__file__).with_name("test_tutorial.py"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.returncode == 0, reported.stdout + reported.stderr
