"""Calls of generated code: arguments, outputs, failed checks."""

import gc
import sys

import numpy as np
import pytest
from c_entries import F2, F4, F8, I8, CheckError, array, ctype, executable, twice

from gradcore_c import compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


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


def test_what_is_retained_is_bounded():
    runtime.trim()
    f = executable("int64_t n = 4000000; call->output(call, 0, &n);", [], [(F8, 1)])
    stored = [f()[0] for _ in range(40)]
    assert runtime.idle() == 0
    stored.clear()
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
    "row", [("G", 0), (">f8", 0), ("U3", 0), ("float64", -1), ("float64", 65), ("g", 1)]
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
    F4: [0.1, float("inf"), 3, 16777217, -(2**62) - 1, np.float32(0.3), np.array(4.5, F4)],
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
    F4: [np.float64(1), np.array(1.0), True, 1e300],
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


def test_what_makes_the_other_calls():
    seen = []

    def otherwise(*args, **names):
        seen.append((args, names))
        return "made"

    body = "if (*a < 0) return call->fail(call, 0, 0, 0); call->output(call, 0, 0);"
    f = executable(body, [array(F8, 0)], [(F8, 0)]).bound([], "single")
    assert f.otherwise is None
    f.otherwise = otherwise
    assert type(f(1.0)) is np.ndarray and not seen
    assert [f("1"), f(), f(1.0, 2), f(x=1.0), f(1.0, error=3)] == ["made"] * 5
    calls = [(("1",), {}), ((), {}), ((1.0, 2), {}), ((), {"x": 1.0}), ((1.0,), {"error": 3})]
    assert seen == [((None, *args), names) for args, names in calls]
    assert f(-1.0) == "made"
    ((error, *rest), names) = seen.pop()
    assert type(error) is CheckError and rest == [-1.0] and not names
    f.otherwise = lambda *args: 1 // 0
    with pytest.raises(ZeroDivisionError):
        f(-1.0)
    f.otherwise = None
    assert f("1") is NotImplemented
    with pytest.raises(CheckError):
        f(-1.0)


def test_what_no_program_handles_is_not_handled():
    def interrupted():
        raise KeyboardInterrupt

    f = executable(
        "return call->callback(call, 0, 0, 0, 0, 0);", [], [], callbacks=[(interrupted, [], [])]
    ).bound([], "none")
    f.otherwise = lambda *args: pytest.fail("an interrupt is an error")
    with pytest.raises(KeyboardInterrupt):
        f()


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
def test_failed_checks_raise_what_they_are_reported_to():
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
