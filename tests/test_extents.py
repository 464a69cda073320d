"""Sizes, extents and indices that do not fit: an error that tells it, and nothing touched.

Run as a program, with names of rows of `PROGRAMS`, this file calls each in every mode with numbers
that no array has as an extent, and prints what came of each call; with the name of a library's
backend, it calls what makes arrays of such numbers there.
"""

import functools
import itertools
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ArraySizeError, ShapeError

MODES = {
    "numpy-plain": gradcore.Mode("numpy", optimizer=False),
    "numpy": gradcore.Mode("numpy"),
    "c-plain": gradcore.Mode("c", optimizer=False),
    "c": gradcore.Mode("c"),
    "cuda": gradcore.Mode("cuda", runtime="host", threads=8),
}

MEMORY = 2**34
"""How many bytes a program may map: what is larger is refused at once, on any machine."""

LIKE = 9
"""The number with which a program gives what it gives with any greater one that fits."""

NUMBERS = {
    "int32": (3, 9, 2**31 - 1, -(2**31)),
    "int64": (
        *(0, 1, 3, 8, 9, 2**40, 2**59 + 1, 2**60 - 1, 2**60, 2**61, 2**61 + 1, 2**61 + 8),
        *(2**62, 2**63 - 1, -1, -3, -8, -9, -(2**40), -(2**62), 1 - 2**63, -(2**63)),
    ),
    "uint64": (3, 9, 2**60, 2**61 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1),
}
"""Extents, counts, steps, axes and bounds that are asked for, by their dtype."""

UNFIT = (ArraySizeError, ShapeError)
"""What is raised where there cannot be an array; reshaping says that its elements do not fit."""

NAMES = ("IndexError", "ValueError", "MemoryError", "ArithmeticError", "TypeError")
KINDS = (IndexError, ValueError, MemoryError, ArithmeticError, TypeError)

x, A = T.dvector("x"), T.dmatrix("A")

PROGRAMS = {
    "alloc": lambda k: T.alloc(1.0, k, 3)[:2, 0],
    "alloc_square": lambda k: T.alloc(x[0], k, k)[1, :2],
    "alloc_bytes": lambda k: T.alloc(T.cast(x[0], "int8"), k)[:2],
    "alloc_row": lambda k: T.alloc(x, k, 8)[:1, 1],
    "zeros_sorted": lambda k: T.sort(T.zeros((k,)) + x[0])[:2],
    "zeros_kept": lambda k: (T.zeros((k, 8)) + x)[:1],
    "ones_summed_twice": lambda k: (T.ones((0, k)) * x[0]).sum(axis=0)[:2],
    "shape": lambda k: T.zeros((k, k)).shape[0],
    "reshape": lambda k: x.reshape((k, 8))[:1, 1],
    "reshape_vector": lambda k: x.reshape((k,)),
    "reshape_rest": lambda k: x.reshape((-1, k))[0],
    "reshape_square": lambda k: x.reshape((k, k))[0],
    "reshape_nothing": lambda k: x[:0].reshape((k, k)).sum(axis=0),
    "reshape_constants": lambda k: x.reshape((-1, 2**40, 2**40)) * k,
    "reshape_beside_constants": lambda k: x.reshape((2**62, 2**62, k)),
    "arange": lambda k: T.arange(k)[:2],
    "arange_sorted": lambda k: T.sort(T.arange(k))[:2],
    "eye": lambda k: T.eye(3, 3, k),
    "tri": lambda k: T.tri(3, 3, k),
    "tril": lambda k: T.tril(A, k),
    "diagonal": lambda k: T.eye(k)[:1, :1],
    "tile": lambda k: T.tile(x, k)[:9],
    "tile_matrix": lambda k: T.tile(A, (k, k))[:1, :1],
    "repeat": lambda k: T.repeat(x, k)[:9],
    "repeat_counts": lambda k: T.repeat(x[:4], T.stack([k, k, k, k]))[:9],
    "slice_from": lambda k: x[k:],
    "slice_to": lambda k: x[:k],
    "slice_step": lambda k: x[::k],
    "slice_all": lambda k: x[k:k:k],
    "slice_start_step": lambda k: x[1::k],
    "slice_back": lambda k: x[k::-1],
    "slice_back_to": lambda k: x[:k:-1],
    "slice_from_step": lambda k: x[k::k],
    "slice_of_view": lambda k: T.alloc(x[0], 2**59)[k :: 2**59 - 1],
    "index": lambda k: x[k],
    "index_matrix": lambda k: A[0, k],
    "take": lambda k: x[T.stack([k, k])],
    "set_from": lambda k: T.set_subtensor(x[k:], 0.0),
    "set_step": lambda k: T.set_subtensor(x[::k], 0.0),
    "inc_at": lambda k: T.inc_subtensor(x[k], 1.0),
    "inc_vector": lambda k: T.inc_subtensor(x[T.stack([k, k])], 1.0),
    "roll": lambda k: T.roll(x, k),
    "specify_shape": lambda k: T.specify_shape(x, (k,)),
    "split": lambda k: T.split(x, T.stack([k, 8 - k]), 2)[0],
    "join": lambda k: T.concatenate([T.alloc(x[0], k), x])[:3],
    "join_many": lambda k: T.concatenate([T.alloc(x[0], k)] * 16)[:3],
    "outer": lambda k: T.outer(T.alloc(x[0], k), T.arange(k))[:1, :1],
    "scan": lambda k: gradcore.scan(lambda y: y * 2, sequences=[x], n_steps=k)[0],
    "scan_kept": lambda k: gradcore.scan(
        lambda s: s * 2 + x, outputs_info=x, n_steps=k * T.cast(k > 9, k.dtype)
    )[0],
}
"""Whatever takes an extent, a count, a step, an offset or an index, of a number ``k``."""


def outcome(function, *arguments):
    """Return what a call gives: what kind of value, or the kinds of error."""
    try:
        found = np.asarray(function(*arguments))
    except KINDS as error:
        return [kind.__name__ for kind in KINDS if isinstance(error, kind)]
    return [found.dtype.name, list(found.shape), found.tolist()]


def outcomes(program):
    """Print a line for each dtype, number and mode."""
    given = np.arange(8.0), np.arange(6.0).reshape(2, 3)
    for dtype, numbers in NUMBERS.items():
        k = T.scalar("k", dtype)
        y = PROGRAMS[program](k)
        for name in MODES if dtype == "int64" else ("numpy-plain", "c"):
            f = gradcore.function([x, A, k], y, MODES[name], on_unused_input="ignore")
            for number in numbers:
                print(json.dumps([dtype, name, number, "began"]), flush=True)
                found = outcome(f, *given, np.dtype(dtype).type(number))
                print(json.dumps([dtype, name, number, found]), flush=True)


def agree(reference, found, like):
    """Return whether two outcomes are the same value, or share a kind of error.

    like : what a call gives that makes fewer arrays and has memory enough where the reference has
        not; NumPy calls what is too large for memory by one name or the other.
    """
    if reference[0] not in NAMES:
        return reference == found
    if "MemoryError" in reference:
        return found == like or bool({"ValueError", "MemoryError"} & {*found})
    return bool({*reference} & {*found})


def in_a_child(program):
    """Run a program in a child of this process, and print how that ended."""
    if not os.fork():
        outcomes(program)
        sys.exit()
    print(json.dumps(["ended", program, os.wait()[1]]), flush=True)


GROUPS = [tuple(PROGRAMS)[k::4] for k in range(4)]  # a process calls each of a group in a child


def called(*names):
    """Run this file as a program."""
    command = [sys.executable, __file__, *names]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=500)


@functools.cache
def ran(programs):
    """Return how each program ended, and what it printed; and what any printed on stderr."""
    done, found, lines = called(*programs), {}, []
    for line in map(json.loads, done.stdout.splitlines()):
        if line[0] == "ended":
            found[line[1]], lines = (line[2], lines), []
        else:
            lines.append(line)
    return found, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_no_array_has(program):
    """Every number gives what the reference gives, or an error of its kind; nothing crashes."""
    ended, printed = ran(next(group for group in GROUPS if program in group))
    status, lines = ended[program]
    assert status == 0, (lines[-1:], printed[-2000:])
    found = {(d, mode, n): result for d, mode, n, result in lines}
    wrong = {}
    for (dtype, mode, n), result in found.items():
        reference, like = (found[dtype, "numpy-plain", number] for number in (n, LIKE))
        if not agree(reference, result, like):
            wrong[dtype, mode, n] = result, reference, like
    assert not wrong


MAKING = ("alloc_row", "arange_sorted", "repeat_counts", "tile", "join", "diagonal", "outer")
"""What makes arrays of extents."""


def sizes(backend):
    """Check that what no memory has is our error, where a library's own would be any or none."""
    k = T.lscalar("k")
    for program in MAKING:
        f = gradcore.function([x, A, k], PROGRAMS[program](k), backend, on_unused_input="ignore")
        for number in (2**60, 2**61 + 1, 2**62 + 1):
            print(program, number, flush=True)
            with pytest.raises(gradcore.errors.ArraySizeError):
                f(np.arange(8.0), np.ones((2, 3)), number)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_what_no_array_of_a_library_has(backend):
    pytest.importorskip(backend)
    done = called(backend)
    assert done.returncode == 0, (done.stdout[-200:], done.stderr[-2000:])


# empty arrays ------------------------------------------------------------------------------------
EMPTY = {
    "zeros": lambda n, k: T.zeros((n, k)),
    "zeros_none": lambda n, k: T.zeros((0, k)),
    "ones_three": lambda n, k: T.ones((n, k, 2)),
    "alloc": lambda n, k: T.alloc(x[0], k, n),
    "broadcast_to": lambda n, k: T.broadcast_to(x[0], (n, k)),
    "broadcast_row": lambda n, k: T.alloc(T.alloc(x[0], k), n, k),
    "outer_sum": lambda n, k: T.alloc(x[0], n)[:, None] + T.alloc(x[1], k)[None, :],
    "outer": lambda n, k: T.outer(T.alloc(x[0], n), T.alloc(x[1], k)),
    "dot": lambda n, k: T.dot(T.alloc(x[0], n, 1), T.alloc(x[1], 1, k)),
    "reshape": lambda n, k: x[:n].reshape((n, k)),
    "reshape_none": lambda n, k: x[:0].reshape((0, k)),
    "reshape_rest": lambda n, k: x[:n].reshape((k, -1)),
    "reshape_product": lambda n, k: T.alloc(x[0], n * k).reshape((n, k)),
    "repeat": lambda n, k: T.repeat(A[:n], k, axis=1),
    "tile": lambda n, k: T.tile(A[:n], (1, k)),
    "join": lambda n, k: T.concatenate([T.alloc(x[0], n, k), T.alloc(x[1], n, k)]),
    "stack": lambda n, k: T.stack([T.alloc(x[0], n, k)] * 2)[0],
    "take": lambda n, k: A[:n][:, T.zeros((k,), "int64")],
    "scan": lambda n, k: gradcore.scan(lambda: T.alloc(x[0], k), n_steps=n)[0],
    "scan_sequence": lambda n, k: gradcore.scan(lambda a: T.alloc(a, k), sequences=x[:n])[0],
    "scan_nothing": lambda n, k: gradcore.scan(lambda s: s * 2, outputs_info=x[:n], n_steps=k)[0],
}
"""What makes an empty array of ``n`` = 0 and another extent."""

PARTS = {
    "value": lambda y: y,
    "exp": T.exp,
    "sum": lambda y: y.sum(),
    "rows": lambda y: y.sum(axis=1),
    "columns": lambda y: y.sum(axis=0)[:2],
    "shape": lambda y: y.shape,
    "length": lambda y: y.shape[0] + y.shape[1],
}
"""What is read of it."""


@pytest.mark.parametrize("program", EMPTY)
def test_what_no_empty_array_has(program, part_of):
    """An extent of 0 makes no room for another: nobody has an array of 0 x 2**61."""
    n, k = T.lscalars("n", "k")
    found = EMPTY[program](n, k)
    for part, name in part_of(list(itertools.product(PARTS, MODES))):
        read, mode = PARTS[part], MODES[name]
        f = gradcore.function([x, A, n, k], read(found), mode, on_unused_input="ignore")
        given = np.arange(8.0), np.arange(6.0).reshape(2, 3), 0
        for number in (2**60, 2**61, 2**63 - 1):
            with pytest.raises(UNFIT) as caught:
                f(*given, number)
            assert "test_extents.py" in str(caught.value), (part, name)


# calls that came before what they need ----------------------------------------------------------
COMPILED = ("c-plain", "c", "cuda")


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize(
    "of", [T.sort, T.argsort, lambda m: T.dot(m, m), lambda m: T.dot(m, T.sort(m))]
)
def test_what_only_a_library_would_write(of, name):
    """A product or an order of which only the shape is used is not computed."""
    f = gradcore.function([A], of(A).shape, mode=MODES[name])
    assert f(np.eye(3)).tolist() == [3, 3]


class PlusOne(gradcore.Op):
    """x + 1, of a shape that nobody can tell before."""

    __props__ = ()

    def make_node(self, x):
        return gradcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, out):
        out[0][0] = inputs[0] + 1


class Filled(gradcore.Op):
    """As many ones as a number says, twice: the rule of shapes reads the value."""

    __props__ = ()

    def make_node(self, x, n):
        n = T.as_tensor_variable(n)
        return gradcore.Apply(self, [x, n], [T.dmatrix()])

    def infer_shape(self, node, shapes):
        return [(node.inputs[1] * 2, shapes[0][0])]

    def perform(self, node, inputs, out):
        out[0][0] = np.ones((2 * inputs[1], inputs[0].shape[0]))


@pytest.mark.parametrize("name", MODES)
def test_an_extent_that_only_a_call_tells(name):
    """In a loop, what is made before it does not ask for an extent that a call in it tells."""
    v = T.dvector("v")
    states, _ = gradcore.scan(lambda s: PlusOne()(s * 2) * 3 + v, outputs_info=[v], n_steps=2)
    rows, _ = gradcore.scan(lambda s: PlusOne()(s) * v, sequences=[A])
    f = gradcore.function([v, A], [states[-1], rows], mode=MODES[name])
    last, saved = f(np.ones(3), np.zeros((2, 3)))
    assert last.tolist() == [64.0] * 3
    assert saved.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("name", MODES)
def test_a_shape_rule_that_reads_a_value(name):
    """`infer_shape` may return scalars of the graph."""
    n = T.iscalar("n")
    y = Filled()(x, n + 1)
    f = gradcore.function([x, n], [y * 2 + 1, y.shape], mode=MODES[name])
    found, shape = f(np.zeros(3), 1)
    assert found.tolist() == [[3.0] * 3] * 4
    assert shape.tolist() == [4, 3]


# what the host computes for kernels --------------------------------------------------------------
@pytest.mark.parametrize("name", COMPILED)
def test_a_square_extent(name):
    """Extents that are products are computed wherever they are needed."""
    f = gradcore.function([x], T.outer(x, x).flatten(), mode=MODES[name])
    assert f([1.0, 2.0]).tolist() == [1, 2, 2, 4]


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("dtype", ["int8", "int32", "uint32", "uint64", "int64"])
@pytest.mark.parametrize(
    "of",
    [
        lambda k: k * k,
        lambda k: T.sqr(k) + k,
        lambda k: k**2,
        lambda k: abs(k) // 2 + k % 3,
        lambda k: (k ^ 1) | (k << 1),
        lambda k: T.cast(k * T.cast(100, k.dtype), "int8"),
        lambda k: T.maximum(k, 2) >> 1,
    ],
)
def test_rows_of_integers_as_extents(of, dtype, name):
    """Whatever is computed of integers is an extent, and wraps as it does in the reference."""
    k = T.scalar("k", dtype)
    y = T.alloc(x[0], of(k), 2)
    reference = gradcore.function([x, k], y, mode=MODES["numpy-plain"])
    f = gradcore.function([x, k], y, mode=MODES[name])
    for n in (0, 3, 12):
        given = np.ones(1), np.dtype(dtype).type(n)
        wanted = outcome(reference, *given)
        assert agree(wanted, outcome(f, *given), wanted), n


@pytest.mark.parametrize("name", COMPILED)
def test_a_part_of_unknown_extent_of_one_element(name):
    """A write into what has one element, by a loop that may have no step, is kept."""
    y = T.tensor("y", "float64", (1,))
    i = T.lscalar("i")
    z = T.inc_subtensor((y * 2)[i:], 5.0) - T.sin(y)
    f = gradcore.function([y, i], z, mode=MODES[name])
    np.testing.assert_allclose(f([1.0], 0), [7 - np.sin(1)])
    np.testing.assert_allclose(f([1.0], 1), [2 - np.sin(1)])


@pytest.mark.parametrize("name", ["c", "cuda"])
def test_many_numbers(name):
    """Hundreds of scalars, of which registers depend on each other in a long chain."""
    numbers = [T.dscalar(f"x{k}") for k in range(250)]
    y = sum(n * n for n in numbers)
    f = gradcore.function(numbers, [y, *T.grad(y, numbers)], mode=MODES[name])
    assert [float(found) for found in f(*np.ones(250))] == [250.0, *[2.0] * 250]


LACKING = {
    "output": lambda n: T.arange(n),
    "work": lambda n: T.sort(T.arange(n) % 7)[:2],
    "sum": lambda n: T.sin(T.arange(n) * 1.0).cumsum()[::-1].cumsum()[:2],
    "columns": lambda n: T.sort((x[:, None] * T.alloc(x[0], n)).sum(axis=0))[:2],
    "loop": lambda n: gradcore.scan(
        lambda s: T.sort(s * 2)[::-1], outputs_info=T.alloc(x[0], n), n_steps=2
    )[0][-1, :2],
    "branch": lambda n: T.ifelse(x[0] > 5, x, T.sort(T.alloc(x[0], n))),
}
"""What asks for memory."""


@pytest.mark.parametrize("program", LACKING)
@pytest.mark.parametrize("name", MODES)
def test_lack_of_memory_tells_the_size_and_the_line(name, program):
    """An array that fits 64 bits and no machine is a MemoryError with the bytes asked for."""
    n = T.lscalar("n")
    f = gradcore.function([x, n], LACKING[program](n), mode=MODES[name], on_unused_input="ignore")
    with pytest.raises(gradcore.errors.OutOfMemoryError) as caught:
        f(np.ones(8), 2**50)
    said = "1125899906842624" if name.startswith("numpy") else str(2**50 * 8)
    assert said in str(caught.value)  # NumPy tells the shape
    assert "test_extents.py" in str(caught.value)
    f(np.ones(8), 8)


MADE = {
    "alloc": lambda n: T.alloc(x[0], n),
    "arange": lambda n: T.arange(n) * 2 + 2,
    "eye": lambda n: T.eye(n, 1),
    "integers": lambda n: T.arange(n),
    "join": lambda n: T.concatenate([T.alloc(x[0], n - 1), x[:1]]),
    "outer": lambda n: T.outer(T.zeros((n,)), x[:1]),
    "repeat": lambda n: T.repeat(x[:1], n),
    "roll": lambda n: T.roll(T.alloc(x[0], n), 1),
    "scan": lambda n: gradcore.scan(lambda s: s * 2, outputs_info=x[0], n_steps=n)[0],
    "sort": lambda n: T.sort(T.alloc(x[0], n)),
    "tile": lambda n: T.tile(x[:1], (n,)),
}
"""What makes arrays of ``n`` elements."""


@pytest.mark.parametrize("program", MADE)
@pytest.mark.parametrize("optimizer", [True, False])
@pytest.mark.parametrize("name", ["numpy", "c", "cuda", "jax", "torch"])
def test_what_no_memory_has_and_what_this_one_lacks(name, optimizer, program):
    """There is one limit, and one error on either side of it, on every backend."""
    if name in ("jax", "torch"):
        pytest.importorskip(name)
    n = T.lscalar("n")
    chosen = MODES.get(name, gradcore.Mode(name))
    mode = gradcore.Mode(chosen.backend, optimizer, **dict(chosen.options))
    f = gradcore.function([x, n], MADE[program](n), mode, on_unused_input="ignore")
    for size, error in (
        (2**50, gradcore.errors.OutOfMemoryError),
        (2**59, gradcore.errors.OutOfMemoryError),
        (2**60 - 1, gradcore.errors.OutOfMemoryError),
        (2**60, ArraySizeError),
        (2**63 - 1, ArraySizeError),
    ):
        with pytest.raises(MemoryError) as caught:
            f(np.ones(8), size)
        assert type(caught.value) is error


@pytest.mark.parametrize("index", [2**63, -(2**63) - 1, np.uint64(2**63), 2**64])
def test_an_index_that_no_axis_has(index):
    """It is refused while it is written; a bound of a slice is not, as in Python."""
    x, rows = T.dvector("x"), np.array([0, 1])
    m = T.dmatrix("m")
    for read in (
        lambda: x[index],
        lambda: m[index, rows],
        lambda: m[:, index],
        lambda: T.set_subtensor(x[index], 1),
    ):
        with pytest.raises(
            gradcore.errors.GraphIndexError, match="out of bounds for axis . of ., whatever"
        ):
            read()
    bound = int(index)
    keys = slice(bound, None), slice(bound), slice(None, None, bound), slice(bound, None, -1)
    parts = gradcore.function([x], [x[key] for key in keys])(np.arange(3.0))
    for key, found in zip(keys, parts, strict=True):
        np.testing.assert_array_equal(found, np.arange(3.0)[key])


@pytest.mark.parametrize("name", COMPILED)
def test_empty_arrays_of_huge_extents(name):
    """An empty array may have any extents; what is made of it may not."""
    B = T.dtensor3("B")
    f = gradcore.function([B], B.sum(axis=0), mode=MODES[name])
    assert f(np.empty((0, 2, 3))).tolist() == [[0.0] * 3] * 2
    with pytest.raises(MemoryError):
        f(np.empty((0, 2**47, 2**12)))


@pytest.mark.parametrize("name", MODES)
def test_an_error_tells_the_line(name):
    """A size that is too large is an error with the shape and the user's own line."""
    n = T.lscalar("n")
    f = gradcore.function([n], T.sort(T.alloc(1.0, n, 3) * 2), mode=MODES[name])
    with pytest.raises(gradcore.errors.ArraySizeError) as caught:
        f(2**60)
    assert str(2**60) in str(caught.value)
    assert "test_extents.py" in str(caught.value)


if __name__ == "__main__":
    limit = MEMORY if sys.argv[1] in PROGRAMS else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name in sys.argv[1:]:
        (in_a_child if name in PROGRAMS else sizes)(name)
