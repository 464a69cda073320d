"""The compiler and the runtime of the C backend, with entry points written by hand."""

import functools
import gc
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

from gradcore import config
from gradcore.errors import CompileError, UnavailableError, UnsupportedError
from gradcore_c import compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)

F8, F4, F2, I8 = "float64", "float32", "float16", "int64"


class CheckError(Exception):
    """What failed checks raise in these tests."""


def array(dtype, rank, shape=None, contiguous=True):
    return (dtype, rank, [-1] * rank if shape is None else shape, contiguous)


def executable(body, inputs, outputs, *, before="", **options):
    """Return ``body`` as an executable; ``a``, ``b`` ... are the data of its inputs."""
    names = "".join(
        f"const {ctype(dtype)} *{name} = in[{k}].data; (void){name};\n"
        for k, (name, (dtype, *_)) in enumerate(zip("abcdefghij", inputs, strict=False))
    )
    source = (
        f'#include "abi.h"\n#include <math.h>\n#include <string.h>\n{before}\n'
        f"int32_t gc_entry(gc_call *call, const gc_array *in)\n{{\n{names}{body}\nreturn 0;\n}}\n"
    )
    address, keep = runtime.load_entry(source, "a test")
    options = {"callbacks": [], "failed": CheckError, **options}
    return runtime.make(address, keep, inputs, outputs, **options)


def ctype(dtype):
    return {F8: "double", F4: "float", I8: "int64_t", "bool": "uint8_t"}.get(
        dtype, dtype.removeprefix("float").join(("int", "_t")) if dtype == F2 else f"{dtype}_t"
    )


TWICE = """
int64_t n = 1;
for (int k = 0; k < {rank}; k++) n *= in[0].shape[k];
double *out = call->output(call, 0, in[0].shape);
if (!out) return -1;
for (int64_t i = 0; i < n; i++) out[i] = 2 * a[i];
"""


def twice(rank=1, **options):
    return executable(TWICE.format(rank=rank), [array(F8, rank)], [(F8, rank)], **options)


# outputs ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 4), (511,), (512,), (513,), (2, 0, 3)])
def test_outputs_are_plain_arrays(shape, rng):
    x = rng.random(shape)
    (y,) = twice(len(shape))(x)
    assert type(y) is np.ndarray and y.dtype == F8 and y.shape == shape
    assert y.flags.c_contiguous and y.flags.writeable and y.flags.aligned
    np.testing.assert_array_equal(y, 2 * x)


@pytest.mark.parametrize("n", [5, 5_000, 50_000, 5_000_000])
def test_outputs_are_the_callers_own(n):
    f = twice()
    first = f(np.ones(n))[0]
    second = f(np.full(n, 2.0))[0]
    first += 1
    assert (first == 3).all() and (second == 4).all()
    assert not np.shares_memory(first, second)
    part = second[-3:]
    del second
    gc.collect()
    f(np.zeros(n))
    assert (part == 4).all()  # a view keeps the memory


def test_big_outputs_are_recycled():
    f = twice()
    runtime.trim()
    first = f(np.ones(1_000_000))[0]
    place = first.ctypes.data
    assert place % 64 == 0 and runtime.idle() == 0
    del first
    assert runtime.idle() >= 8_000_000
    again = f(np.ones(999_000))[0]  # nearly the same size will do
    assert again.ctypes.data == place and runtime.idle() == 0
    del again
    freed = runtime.trim()
    assert freed >= 8_000_000 and runtime.idle() == 0


def test_what_is_kept_is_bounded():
    runtime.trim()
    f = executable("int64_t n = 4000000; call->output(call, 0, &n);", [], [(F8, 1)])
    held = [f()[0] for _ in range(40)]
    assert runtime.idle() == 0
    held.clear()
    assert 2**26 <= runtime.idle() <= 2**30
    runtime.trim()


def test_several_outputs_in_any_order():
    f = executable(
        """
        int64_t two[] = {2}, three[] = {1, 3};
        float *y = call->output(call, 1, three);
        y[0] = 1; y[1] = 2; y[2] = 3;
        int64_t *x = call->output(call, 0, two);
        x[0] = 7; x[1] = 8;
        *(uint8_t *)call->output(call, 2, 0) = 1;
        """,
        [],
        [(I8, 1), (F4, 2), ("bool", 0)],
    )
    x, y, z = f()
    assert x.tolist() == [7, 8] and y.tolist() == [[1, 2, 3]] and z == np.True_
    assert (x.dtype, y.dtype, z.dtype, z.shape) == (np.int64, np.float32, np.bool_, ())


def test_an_output_made_twice_is_the_last_one():
    f = executable(
        """
        int64_t n = 100000;
        for (int k = 0; k < 3; k++) {
            double *y = call->output(call, 0, &n);
            for (int64_t i = 0; i < n; i++) y[i] = k;
            n -= 1;
        }
        """,
        [],
        [(F8, 1)],
    )
    assert f()[0].shape == (99_998,) and (f()[0] == 2).all()


def test_an_output_that_is_not_made():
    with pytest.raises(SystemError, match="no output 1"):
        executable("call->output(call, 0, 0);", [], [(F8, 0), (F8, 0)])()


@pytest.mark.parametrize(
    "extents", ["INT64_MAX / 2, 1", "INT64_MAX / 2, 8", "-1, 3", "1L << 44, 1"]
)
def test_impossible_outputs_are_a_memory_error(extents):
    f = executable(
        f"int64_t shape[] = {{{extents}}}; if (!call->output(call, 0, shape)) return -1;",
        [],
        [(F8, 2)],
    )
    with pytest.raises(MemoryError):
        f()
    with pytest.raises(MemoryError):
        executable("if (!call->allocate(call, 1L << 60)) return -1;", [], [])()


# inputs -----------------------------------------------------------------------------------------
SUM_OF_DIGITS = """
const int64_t *shape = in[0].shape;
int64_t n = 1;
for (int k = 0; k < {rank}; k++) n *= shape[k];
{ctype} *out = call->output(call, 0, shape);
memcpy(out, a, n * sizeof *a);
int64_t step = sizeof *a;
for (int k = {rank} - 1; k >= 0; k--) {{
    if (in[0].strides[k] != step && shape[k] > 1 && n) return 9;
    step *= shape[k];
}}
if ((uintptr_t)a % sizeof *a) return 10;
"""

LAYOUTS = {
    "C": lambda x: np.ascontiguousarray(x),
    "F": lambda x: np.asfortranarray(x),
    "reversed": lambda x: np.ascontiguousarray(x)[tuple([slice(None, None, -1)] * x.ndim)],
    "strided": lambda x: np.repeat(x, 3, axis=-1)[..., ::3],
    "rows": lambda x: np.repeat(x, 2, axis=0)[::2],
    "rolled axes": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
    "swapped": lambda x: np.ascontiguousarray(x).astype(x.dtype.newbyteorder()),
    "swapped F": lambda x: np.asfortranarray(x).astype(x.dtype.newbyteorder()),
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "all one": lambda x: np.broadcast_to(x.reshape(-1)[:1].reshape([1] * x.ndim), x.shape),
    "unaligned": lambda x: unaligned(np.ascontiguousarray(x)),
    "unaligned F": lambda x: unaligned(np.ascontiguousarray(x.T)).T,
    "read-only": lambda x: np.frombuffer(np.ascontiguousarray(x).tobytes(), x.dtype).reshape(
        x.shape
    ),
}


def unaligned(x):
    raw = np.empty(x.nbytes + 1, np.uint8)
    moved = raw[1:].view(x.dtype).reshape(x.shape)
    moved[...] = x
    return moved


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["int8", "int16", F4, F8])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (33, 70), (4, 1, 9, 2), (1, 1), (6, 5, 4, 3, 2)])
def test_inputs_are_packed(layout, dtype, shape, rng):
    rank = len(shape)
    x = LAYOUTS[layout](rng.integers(-100, 100, shape).astype(dtype))
    f = executable(
        SUM_OF_DIGITS.format(rank=rank, ctype=ctype(dtype)), [array(dtype, rank)], [(dtype, rank)]
    )
    before = x.copy()
    np.testing.assert_array_equal(f(x)[0], before)
    np.testing.assert_array_equal(x, before)
    bound = f.bound([], "single")(x)
    if bound is not NotImplemented:  # it takes a closer look at arrays that NumPy has to copy
        np.testing.assert_array_equal(bound, before)
    else:
        assert not (x.flags.aligned and x.dtype.isnative)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_empty_inputs_are_packed(shape):
    rank = len(shape)
    f = executable(SUM_OF_DIGITS.format(rank=rank, ctype="double"), [array(F8, rank)], [(F8, rank)])
    for x in (np.empty(shape), np.empty(shape).T.copy().T, np.empty((9, *shape[1:]))[:0][::-1]):
        if x.shape == shape:
            assert f(x)[0].shape == shape


def test_big_inputs_are_packed_on_threads(rng):
    x = rng.random((700, 300, 4))
    for view in (
        x.T,
        x.transpose(1, 0, 2),
        x.transpose(1, 2, 0),
        x[::-1, :, ::-1],
        x[:, 1:-1, ::2],
    ):
        f = executable(
            SUM_OF_DIGITS.format(rank=3, ctype="double"), [array(F8, 3)], [(F8, 3)], threads=3
        )
        np.testing.assert_array_equal(f(view)[0], view)
        assert f.peak >= view.nbytes


def test_inputs_may_keep_their_strides(rng):
    f = executable(
        """
        double sum = 0;
        for (int64_t i = 0; i < in[0].shape[0]; i++)
            sum += (i + 1) * *(const double *)((const char *)a + i * in[0].strides[0]);
        *(double *)call->output(call, 0, 0) = sum;
        """,
        [array(F8, 1, contiguous=False)],
        [(F8, 0)],
    )
    x = rng.integers(0, 9, 30).astype(F8)
    for view in (x, x[::-1], x[::3], unaligned(x), x.astype(">f8")):
        assert f(view)[0] == (view * np.arange(1, len(view) + 1)).sum()
    assert f.peak == 0


def test_executables_refuse_what_they_do_not_take():
    f = executable("", [array(F8, 2, [-1, 3])], [])
    for wrong, why in [
        (np.ones((2, 3), F4), "float32"),
        (np.ones((2, 3), I8), "int64"),
        (np.ones(3), r"\(3,\)"),
        (np.ones((2, 4)), r"\(2, 4\)"),
        ([[1.0, 2.0, 3.0]], "list"),
        (None, "NoneType"),
    ]:
        with pytest.raises(TypeError, match=f"input 0 must be.*{why}"):
            f(wrong)
    with pytest.raises(TypeError, match="takes 1 arrays by position, got 0"):
        f()
    with pytest.raises(TypeError, match="takes 1 arrays"):
        f(x=np.ones((2, 3)))
    assert f(np.ones((2, 3))) == []

    class Mine(np.ndarray):
        pass

    assert f(np.ones((2, 3)).view(Mine)) == []


@pytest.mark.parametrize(
    "row", [("complex128", 0), (">f8", 0), ("U3", 0), ("float64", -1), ("float64", 65), ("g", 1)]
)
def test_operands_are_numbers_of_the_machine(row):
    with pytest.raises(ValueError, match="no operand"):
        executable("", [], [row])


# the quick call ---------------------------------------------------------------------------------
def echo(dtype, rank=0, shape=None):
    body = f"""
    int64_t n = 1;
    for (int k = 0; k < {rank}; k++) n *= in[0].shape[k];
    memcpy(call->output(call, 0, in[0].shape), a, n * sizeof *a);
    """
    return executable(body, [array(dtype, rank, shape)], [(dtype, rank)]).bound([], "single")


ACCEPTED = {
    F8: [1.5, -0.0, float("nan"), float("inf"), 3, -(2**62) - 1, np.float64(2.5), np.array(4.5)],
    F4: [0.1, 1e300, 3, 16777217, -(2**62) - 1, np.float32(0.3), np.array(4.5, F4)],
    F2: [0.1, 1e-7, 70000.0, np.float16(0.3)],
    "int8": [-128, 127, 0, np.int8(3)],
    "uint8": [0, 255, np.uint8(3)],
    "int16": [-(2**15), 2**15 - 1],
    "uint32": [0, 2**32 - 1, np.uint32(7)],
    I8: [-(2**63), 2**63 - 1, np.int64(3), np.array(3, "q")],
    "uint64": [0, 2**63 - 1, np.uint64(2**64 - 1)],
    "bool": [True, False, np.True_, np.array(False)],
}
REFUSED = {
    F8: [np.float32(1), True, "1", None, [1.0], 2**64, 1j, np.array([1.0]), np.array(1), object()],
    F4: [np.float64(1), np.array(1.0), True],
    F2: [1.0j, np.float32(1)],
    "int8": [-129, 128, 1.0, True, np.int16(1), np.array(1)],
    "uint8": [-1, 256, np.int8(1)],
    "int16": [2**15, -(2**15) - 1],
    "uint32": [-1, 2**32],
    I8: [2**63, -(2**63) - 1, 1.0, np.array(3, ">i8"), np.uint64(3)],
    "uint64": [-1, 2**63, 2**64],
    "bool": [1, 0, 1.0, np.int64(1)],
}


@pytest.mark.parametrize("dtype", ACCEPTED)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_numbers_are_taken(dtype):
    f = echo(dtype)
    for value in ACCEPTED[dtype]:
        found = f(value)
        expected = np.asarray(value).astype(dtype)
        assert type(found) is np.ndarray and found.dtype == dtype and found.shape == ()
        assert found.tobytes() == expected.tobytes(), value


@pytest.mark.parametrize("dtype", REFUSED)
def test_whatever_takes_a_closer_look_is_not_implemented(dtype):
    f = echo(dtype)
    for value in REFUSED[dtype]:
        assert f(value) is NotImplemented, value
    good = ACCEPTED[dtype][0]
    assert f() is NotImplemented and f(good, good) is NotImplemented
    assert f(x=good) is NotImplemented and f(good, x=good) is NotImplemented
    assert type(f(good)) is np.ndarray


def test_arrays_of_another_shape_are_not_implemented():
    f = echo(F8, 2, [-1, 3])
    assert f(np.ones((2, 3))).shape == (2, 3) and f(np.ones((0, 3))).shape == (0, 3)
    for wrong in (
        np.ones((3, 2)),
        np.ones(3),
        np.ones((1, 2, 3)),
        np.ones((2, 3)).view(np.recarray),
        1.0,
    ):
        assert f(wrong) is NotImplemented


def test_nothing_runs_when_not_implemented():
    seen = []
    f = executable(
        "int32_t s = call->callback(call, 0, 0, 0, 0, 0); if (s) return s;",
        [array(F8, 0)],
        [],
        callbacks=[(lambda: seen.append(1) or (), [], [])],
    ).bound([], "none")
    assert f("1") is NotImplemented and not seen
    assert f(1.0) is None and seen == [1]


def test_shared_variables_and_forms():
    body = """
    *(double *)call->output(call, 0, 0) = *a + *b;
    *(double *)call->output(call, 1, 0) = *a * *b;
    """
    f = executable(body, [array(F8, 0)] * 2, [(F8, 0)] * 2)
    cell = [np.array(10.0)]
    g = f.bound([cell], "list")
    assert g(2.0) == [12, 20]
    cell[0] = np.array(20.0)
    assert g(2.0) == [22, 40]
    assert f.bound([cell], "none")(2.0) is None
    step = f.bound([cell], "single", [cell])
    assert step(2.0) == 22 and cell[0] == 40 and step(0.5) == 40.5 and cell[0] == 20
    assert f.bound([cell], "list", updated=[cell])(1.0) == [21] and cell[0] == 20
    cell[0] = np.array(20.0)
    before = sys.getrefcount(cell[0])
    for _ in range(10):
        g(1.0)
    after = sys.getrefcount(cell[0])
    assert after == before
    cell[0] = np.float32(3)
    assert g(2.0) is NotImplemented
    cell.clear()
    assert g(2.0) is NotImplemented
    for cells, form, updated in [
        ([], "single", []),
        ([], "pair", []),
        ([[1]] * 3, "list", []),
        ([], "list", [[1]] * 3),
    ]:
        with pytest.raises(ValueError, match="do not take the form"):
            f.bound(cells, form, updated)
    with pytest.raises(TypeError, match="a cell"):
        f.bound([[]], "list")


def test_updates_wait_for_all_outputs():
    """A function that fails leaves its cells as they were."""
    f = executable(
        """
        *(double *)call->output(call, 0, 0) = 1;
        if (*a < 0) { int64_t v = 3; return call->fail(call, 0, 1, &v); }
        """,
        [array(F8, 0)],
        [(F8, 0)],
    )
    cell = [np.array(5.0)]
    g = f.bound([], "none", [cell])
    with pytest.raises(CheckError):
        g(-1.0)
    assert cell[0] == 5
    assert g(1.0) is None and cell[0] == 1


# failures ---------------------------------------------------------------------------------------
def test_failed_checks_raise_what_they_are_told_to():
    seen = []

    def failed(check, values):
        seen.append((check, values))
        return IndexError(f"check {check} of {values}")

    body = """
    int64_t values[20];
    for (int k = 0; k < 20; k++) values[k] = (int64_t)k - 2;
    if (*a > 0) return call->fail(call, (int32_t)*a, *a > 5 ? 20 : 3, values);
    call->output(call, 0, 0);
    """
    f = executable(body, [array(F8, 0)], [(F8, 0)], failed=failed)
    with pytest.raises(IndexError, match=r"check 4 of \(-2, -1, 0\)"):
        f(np.array(4.0))
    with pytest.raises(IndexError, match="check 9"):
        f.bound([], "single")(9.0)
    assert seen == [(4, (-2, -1, 0)), (9, tuple(range(-2, 14)))]
    assert len(f(np.array(-1.0))) == 1  # it is well again


def test_what_fails_to_tell_a_failure():
    body = "return call->fail(call, 0, 0, 0);"
    with pytest.raises(ZeroDivisionError):
        executable(body, [], [], failed=lambda check, values: 1 // 0)()
    with pytest.raises(SystemError, match="'no' is not an exception"):
        executable(body, [], [], failed=lambda check, values: "no")()
    with pytest.raises(SystemError, match="returned 7 without a reason"):
        executable("return 7;", [], [])()


# callbacks --------------------------------------------------------------------------------------
CALL = """
gc_array out[1];
int32_t status = call->callback(call, 0, 1, in, 1, out);
if (status) return status;
int64_t n = 1;
for (int k = 0; k < {rank}; k++) n *= out[0].shape[k];
memcpy(call->output(call, 0, out[0].shape), out[0].data, n * 8);
"""


def calling(function, rank=1, **options):
    return executable(
        CALL.format(rank=rank),
        [array(F8, rank, contiguous=False)],
        [(F8, rank)],
        callbacks=[(function, [(F8, rank)], [(F8, rank)])],
        **options,
    )


@pytest.mark.parametrize("n", [0, 5, 5000, 500_000])
@pytest.mark.parametrize("made", [lambda x: x, lambda x: x[::-1], lambda x: x.astype(F4), list])
def test_callbacks(n, made):
    x = np.arange(float(n))
    f = calling(lambda x: (made(x),))
    for given in (x, x[::2], np.repeat(x, 2)[::2], x[::-1]):
        np.testing.assert_array_equal(f(given)[0], np.asarray(made(given), F8))


def test_callbacks_of_scalars_and_matrices(rng):
    assert calling(lambda x: (float(x) + 1,), 0)(np.array(2.0))[0] == 3
    x = rng.random((3, 4))
    for given in (x, x.T, x[:, ::2]):
        np.testing.assert_array_equal(calling(lambda x: [x.T], 2)(given)[0], given.T)


def test_callbacks_may_keep_operands_but_not_write_to_them():
    kept = []

    def keep(x):
        assert type(x) is np.ndarray and not x.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            x[...] = 0
        kept.append(x)
        return (x,)

    body = """
    for (int step = 0; step < 3; step++) {
        int64_t mark = call->mark(call);
        int64_t n = (int64_t)*a;
        double *work = call->allocate(call, n * 8);
        for (int64_t i = 0; i < n; i++) work[i] = step;
        gc_array given = {work, &n, 0}, out;
        int32_t status = call->callback(call, 0, 1, &given, 1, &out);
        if (status) return status;
        if (((double *)out.data)[n - 1] != step) return 8;
        call->release(call, mark);
    }
    """
    f = executable(body, [array(F8, 0)], [], callbacks=[(keep, [(F8, 1)], [(F8, 1)])])
    for n in (10, 10_000, 1_000_000):
        f(np.array(float(n)))
        assert f.peak < 3 * n * 8 + 1000  # steps use the same memory
    gc.collect()
    assert [(x.size, set(x)) for x in kept] == [
        (n, {float(step)}) for n in (10, 10_000, 1_000_000) for step in range(3)
    ]
    given = np.ones(1000)
    kept.clear()
    calling(keep)(given)
    assert np.shares_memory(given, kept[0])  # an argument is not copied


def test_exceptions_of_callbacks_pass_through():
    class Special(Exception):
        pass

    def raises(x):
        raise Special(f"of {x}")

    f = calling(raises)
    for _ in range(3):
        with pytest.raises(Special, match=r"of \[1\.\]") as told:
            f(np.ones(1))
        assert told.traceback[-1].name == "raises"
        with pytest.raises(Special):
            f.bound([], "single")(np.ones(1))


@pytest.mark.parametrize(
    ("result", "error", "why"),
    [
        (np.ones(1), TypeError, "must return a tuple"),
        (None, TypeError, "must return a tuple.*NoneType"),
        ((), ValueError, "returned 0 arrays, it must return 1"),
        ((1.0, 2.0), ValueError, "returned 2"),
        ((np.ones((1, 1)),), ValueError, "with 2 axes, it must have 1"),
        ((["a"],), ValueError, "could not convert"),
    ],
)
def test_callbacks_must_return_what_was_declared(result, error, why):
    with pytest.raises(error, match=why):
        calling(lambda x: result)(np.ones(1))


def test_a_callback_may_call_the_function_that_calls_it():
    def factorial(x):
        n = float(x[0])
        return (x * f(np.array([n - 1]))[0] if n > 0 else np.ones(1),)

    f = calling(factorial)
    assert f(np.array([20.0]))[0] == 2432902008176640000


def test_an_exception_waits_for_the_end():
    """Code that goes on after a callback has raised still ends in its exception."""
    seen = []

    def raises():
        seen.append(1)
        raise KeyError("first")

    body = """
    call->callback(call, 0, 0, 0, 0, 0);
    call->callback(call, 0, 0, 0, 0, 0);
    """
    f = executable(body, [], [], callbacks=[(raises, [], [])])
    with pytest.raises(KeyError, match="first"):
        f()
    assert seen == [1]


# workspace --------------------------------------------------------------------------------------
def test_the_workspace():
    """Blocks do not overlap, are aligned, and are used again after release."""
    body = """
    char *blocks[40];
    int64_t sizes[40];
    for (int round = 0; round < 5; round++) {
        int64_t outer = call->mark(call);
        for (int k = 0; k < 40; k++) {
            sizes[k] = (k * 7919L) % 30011 * (int64_t)*a;
            blocks[k] = call->allocate(call, sizes[k]);
            if (!blocks[k] || (uintptr_t)blocks[k] % 64) return 20;
            memset(blocks[k], k, sizes[k]);
            if (k % 8 == 7) {
                int64_t inner = call->mark(call);
                char *more = call->allocate(call, 5000 * k);
                memset(more, 99, 5000 * k);
                call->release(call, inner);
                if (call->mark(call) != inner) return 21;
            }
        }
        for (int k = 0; k < 40; k++)
            for (int64_t i = 0; i < sizes[k]; i++)
                if (blocks[k][i] != k) return 22;
        call->release(call, outer);
    }
    """
    f = executable(body, [array(F8, 0)], [])
    for factor in (1, 0, 3, 50, 2):
        total = sum((k * 7919) % 30011 * factor for k in range(40))
        f(np.array(float(factor)))
        assert f.peak >= total
    most = sum((k * 7919) % 30011 * 50 for k in range(40))
    assert most <= f.peak <= most + 40 * 64 + 5000 * 40
    f.release()
    assert f.peak >= most  # it is a record
    runtime.trim()
    f(np.array(1.0))


def test_a_big_workspace_is_shared_by_functions():
    body = "char *work = call->allocate(call, 40000000); if (!work) return 9; memset(work, 1, 9);"
    f, g = (executable(body + mark, [], []) for mark in ("", "/* another */"))
    runtime.trim()
    f()
    idle = runtime.idle()
    assert 40_000_000 <= idle < 50_000_000
    g()
    f()
    assert runtime.idle() == idle
    runtime.trim()


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


def test_the_first_part_that_fails_is_told(rng):
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
            with pytest.raises(CheckError) as told:
                f(x)
            assert told.value.args == (3, first)


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


# libraries --------------------------------------------------------------------------------------
def test_library_functions():
    body = """
    void (*dot)(int *, double *, int *, double *, int *) = 0;
    int n = (int)in[0].shape[0], one = 1;
    double (*ddot)(int *, const double *, int *, const double *, int *);
    memcpy(&ddot, call->library, sizeof ddot);
    *(double *)call->output(call, 0, 0) = ddot(&n, a, &one, a, &one);
    int info = 0;
    void (*dpotrf)(const char *, int *, double *, int *, int *) = call->library[1];
    double m = 9;
    dpotrf("L", &one, &m, &one, &info);
    *(double *)call->output(call, 1, 0) = m + info;
    """
    library = [runtime.library_address("blas:ddot"), runtime.library_address("lapack:dpotrf")]
    f = executable(body, [array(F8, 1)], [(F8, 0), (F8, 0)], library=library)
    assert f(np.arange(4.0)) == [14, 3]


@pytest.mark.parametrize("name", ["blas:nonsense", "lapack:", "other:dgemm", "matmul_nonsense", ""])
def test_library_functions_that_do_not_exist(name):
    with pytest.raises(UnsupportedError, match="there is no library function"):
        runtime.library_address(name)


def test_scipy_comes_after_its_functions():
    """Loading two of SciPy's modules without their package does no harm to the package."""
    program = """
    import sys
    from gradcore_c import runtime
    runtime.library_address("blas:dgemm"), runtime.library_address("lapack:dgetrf")
    assert "scipy.linalg" not in sys.modules
    import scipy.linalg
    from scipy.linalg import cython_blas
    assert "dgemm" in cython_blas.__pyx_capi__
    assert scipy.linalg.solve([[2.0]], [4.0]) == 2
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_an_address_is_needed():
    with pytest.raises(ValueError, match="address 0"):
        runtime.make(0, None, [], [], [], CheckError)
    with pytest.raises(ValueError, match="library function 0"):
        executable("", [], [], library=[0])


# the compiler -----------------------------------------------------------------------------------
def in_a_new_process(program, **environment):
    """Run ``program`` and return what it printed, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


WARM = """
import json, subprocess
from gradcore_c import compiler, runtime
started = []
original = subprocess.Popen.__init__
def counted(self, *args, **kwargs):
    started.append(args)
    original(self, *args, **kwargs)
subprocess.Popen.__init__ = counted
address, keep = runtime.load_entry(
    '#include "abi.h"\\nint32_t gc_entry(gc_call *c, const gc_array *in) { return 0; }', "nothing"
)
f = runtime.make(address, keep, [], [], [], ValueError)
print(json.dumps([len(started), f(), compiler.find_compiler().version]))
"""


def test_a_warm_start_runs_no_compiler(tmp_path):
    cold = in_a_new_process(WARM, GRADCORE_CACHE_DIR=str(tmp_path / "store"))
    warm = in_a_new_process(WARM, GRADCORE_CACHE_DIR=str(tmp_path / "store"))
    assert cold[0] >= 4 and cold[1:] == warm[1:] and warm[0] == 0
    for path in (tmp_path / "store").rglob("*.so"):
        path.write_bytes(path.read_bytes()[:-100])  # a torn write
    assert in_a_new_process(WARM, GRADCORE_CACHE_DIR=str(tmp_path / "store"))[0] == 2


def test_the_key_holds_what_the_code_depends_on(tmp_path, monkeypatch):
    source = "int answer(void) { return 42; }"
    path = compiler.compile_source(source, "answer")
    assert compiler.compile_source(source, "another name") == path
    others = [
        compiler.compile_source(source + " ", "answer"),
        compiler.compile_source(source, "answer", ["-O1"]),
    ]
    monkeypatch.setenv("GRADCORE_CFLAGS", "-O1 -DMORE='1 + 1'")
    assert "-DMORE=1 + 1" in compiler.find_compiler().flags
    others.append(compiler.compile_source(source, "answer"))
    monkeypatch.delenv("GRADCORE_CFLAGS")
    monkeypatch.setattr(compiler, "cpu", lambda: "another machine")
    others.append(compiler.compile_source(source, "answer"))
    assert path not in others and len(set(others)) == 4


def test_the_key_holds_the_headers(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "FOLDER", tmp_path)
    (tmp_path / "outer.h").write_text('#include "inner.h"\n')
    found = []
    for number in "12":
        (tmp_path / "inner.h").write_text(f"enum {{ NUMBER{number} = 1 }};\n")
        found.append(compiler.compile_source('#include "outer.h"\nint x;', "x"))
    assert found[0] != found[1]


def test_a_compile_error_is_a_bug_report(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path))
    source = 'int f(void) { return "§"; }\nint broken(\n'
    with pytest.raises(CompileError) as told:
        compiler.compile_source(source, "../../bad name; rm")
    lines = str(told.value).splitlines()
    assert "../../bad name; rm" in lines[0] and "error" in str(told.value)
    (kept,) = (line.split()[5].rstrip(";") for line in lines if "source is kept" in line)
    assert Path(kept).read_text(encoding="utf-8") == source
    (command,) = (line for line in lines if kept in line and " -shared " in line)
    again = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert again.returncode != 0 and b"error" in again.stderr
    Path(kept).unlink()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_compiler_that_is_killed(tmp_path, monkeypatch):
    real = compiler.find_compiler().command[0]
    script = tmp_path / "cc"
    script.write_text(f'#!/bin/sh\ncase "$*" in *FATAL*) kill -9 $$;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    assert compiler.find_compiler().command == (str(script),)
    with pytest.raises(CompileError, match="signal 9"):
        compiler.compile_source("int x;", "x", ["-DFATAL"])
    assert compiler.compile_source("int x;", "x").exists()


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)
    compiler._found.cache_clear()
    try:
        assert "install gcc or clang" in compiler.unavailable()
        with pytest.raises(UnavailableError, match="pip install ziglang"):
            compiler.compile_source("int x;", "x")
        false = tmp_path / "gcc"
        false.write_text("#!/bin/sh\nexit 1\n")
        false.chmod(0o755)
        compiler._found.cache_clear()
        assert f"{false} makes no library that loads here" in compiler.unavailable()
    finally:
        compiler._found.cache_clear()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("CC", "nonesuch --fast", "CC is 'nonesuch --fast', which does not work here"),
        ("CC", "/bin/true", "/bin/true makes no library that loads here"),
        ("CC", "SCRIPT", "SCRIPT cannot be run"),
        ("CC", "gcc 'half", 'CC is "gcc \'half", which is no command line'),
        ("GRADCORE_CFLAGS", "-O2 'half", 'GRADCORE_CFLAGS is "-O2 \'half", which is no command'),
        ("GRADCORE_CFLAGS", "-no-such-flag", "does not take GRADCORE_CFLAGS='-no-such-flag'"),
        ("GRADCORE_CFLAGS", "-std=c89", "does not take GRADCORE_CFLAGS='-std=c89'"),
        ("GRADCORE_CFLAGS", "-fsyntax-only", "with it, it makes no library that loads here"),
        ("GRADCORE_CFLAGS", "-c", "with it, it makes no library that loads here"),
        ("GRADCORE_CACHE_DIR", "SCRIPT", "cannot be made"),
    ],
)
def test_what_is_set_wrongly_is_told_in_a_sentence(name, text, why, tmp_path, monkeypatch):
    """By the variable's name, with what to do."""
    script = tmp_path / "no_program"
    script.write_bytes(b"\x7fELF")
    script.chmod(0o755)
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv(name, text.replace("SCRIPT", str(script)))
    monkeypatch.setattr(compiler, "_found", functools.cache(compiler._found.__wrapped__))
    told = compiler.unavailable()
    assert why.replace("SCRIPT", str(script)) in told
    assert name in told and "set" in told and "\n" not in told
    assert "install gcc" not in told


def test_flags_that_some_code_does_not_compile_with(tmp_path, monkeypatch):
    """Code that compiles without the user's flags is no bug of ours."""
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("GRADCORE_CFLAGS", "-Wall -Werror")
    with pytest.raises(
        CompileError, match="does not take GRADCORE_CFLAGS='-Wall -Werror'.*unset: .*unused"
    ) as told:
        compiler.compile_source("int f(void) { int x; return 1; }", "x")
    assert told.value.fix is None
    with pytest.raises(CompileError, match="a bug of gradcore"):
        compiler.compile_source("int f(void) { return }", "x")


@pytest.mark.parametrize(("least", "seconds"), [("PROBE_SECONDS", 60), ("compile_timeout", 60)])
def test_a_compiler_that_hangs_when_it_is_probed(least, seconds, tmp_path, monkeypatch):
    """The smaller of both limits counts."""
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\nexec sleep 300\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "_found", functools.cache(compiler._found.__wrapped__))
    monkeypatch.setattr(compiler, "PROBE_SECONDS", 1 if least == "PROBE_SECONDS" else seconds)
    with config.change_flags(compile_timeout=1 if least == "compile_timeout" else seconds):
        assert "it had not ended after 1 seconds" in compiler.unavailable()


def test_a_compiler_that_hangs_is_stopped(tmp_path, monkeypatch):
    """With all that it has started, and nothing is left of what it wrote."""
    real, mark = compiler.find_compiler().command[0], tmp_path / "started"
    script = tmp_path / "cc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *HANGS*) sleep 300 & echo $! >{mark}; wait;; esac\n'
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    compiler.find_compiler()
    before = sorted((tmp_path / "cache").rglob("*"))
    with (
        config.change_flags(compile_timeout=1),
        pytest.raises(CompileError, match="(?s)had not ended after 1 seconds.*compile_timeout"),
    ):
        compiler.compile_source("int x;", "x", ["-DHANGS"])
    status = Path("/proc", mark.read_text().strip(), "stat")
    time.sleep(0.1)
    assert not status.exists() or ") Z" in status.read_text()  # nobody may have waited for it
    files = [path for path in sorted((tmp_path / "cache").rglob("*")) if path.is_file()]
    assert files == [path for path in before if path.is_file()]


def test_a_compiler_that_writes_nothing(tmp_path, monkeypatch):
    real = compiler.find_compiler().command[0]
    script = tmp_path / "cc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *SILENT*) echo odd >&2; exit 0;; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(CompileError, match="(?s)wrote nothing for x.*set CC"):
        compiler.compile_source("int x;", "x", ["-DSILENT"])


def test_flags_that_a_compiler_does_not_understand_are_left_out(tmp_path, monkeypatch):
    real = compiler.find_compiler().command[0]
    script = tmp_path / "cc"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *-fopenmp-simd*|*-pipe*) exit 1;; esac\n'
        f'case "$*" in *-nostdlib*) exit 1;; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    found = compiler.find_compiler()
    assert "-O3" in found.flags and "-fopenmp-simd" not in found.flags
    assert "-nostdlib" not in found.libraries
    assert compiler.compile_source("int x;", "x").exists()


def test_no_place_for_code(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "open"))
    compiler._found.cache_clear()
    try:
        assert "others may write" in compiler.unavailable()
    finally:
        compiler._found.cache_clear()


def test_arithmetic_is_what_it_says():
    """No fused multiply-add that nobody wrote, no reordering, signed zeros and NaN kept."""
    f = executable(
        """
        double *y = call->output(call, 0, (int64_t[]){5});
        y[0] = *a * *a - *a * *a;
        y[1] = (*a + 1e16) - 1e16;
        y[2] = 0 * -*a;
        y[3] = *b != *b;
        y[4] = *b - *b;
        """,
        [array(F8, 0)] * 2,
        [(F8, 1)],
    )
    y = f(np.array(0.1), np.array(np.nan))[0]
    assert y[0] == 0 and y[1] == 0 and np.signbit(y[2]) and y[3] == 1 and np.isnan(y[4])
