"""What generated code asks for while it runs: functions of Python, and a workspace."""

import gc

import numpy as np
import pytest
from c_entries import F4, F8, array, calling, executable

from gradcore_c import compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
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
    saved = []

    def keep(x):
        assert type(x) is np.ndarray and not x.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            x[...] = 0
        saved.append(x)
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
    assert [(x.size, set(x)) for x in saved] == [
        (n, {float(step)}) for n in (10, 10_000, 1_000_000) for step in range(3)
    ]
    given = np.ones(1000)
    saved.clear()
    calling(keep)(given)
    assert np.shares_memory(given, saved[0])  # an argument is not copied


def test_exceptions_of_callbacks_pass_through():
    class Special(Exception):
        pass

    def raises(x):
        raise Special(f"of {x}")

    f = calling(raises)
    for _ in range(3):
        with pytest.raises(Special, match=r"of \[1\.\]") as reported:
            f(np.ones(1))
        assert reported.traceback[-1].name == "raises"
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
