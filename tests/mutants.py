"""Backends that lie: each is the reference but for what its docstring says."""

import time
from collections.abc import Callable

import numpy as np

import gradcore_numpy
from gradcore.errors import GradcoreError, ShapeError
from gradcore.execute import straight_line
from gradcore.graph.nodes import as_variable
from gradcore.graph.types import UNSIGNED
from gradcore.ops.control import Conditional
from gradcore.ops.elementwise import Elementwise, Trait
from gradcore.ops.index import IncSubtensor
from gradcore.ops.index_patterns import filled
from gradcore.ops.reduce import Reduce
from gradcore.ops.scan import Scan


class Mutant(gradcore_numpy.NumpyBackend):
    """A backend that is the reference but for one lie.

    ops : what it is run on: ops, loops and programs.
    threads : whether it is run in several threads at once, as at level full.
    """

    name = "mutant"
    ops: tuple[str, ...] = ()
    threads = False

    def kernel(self, node):
        return node.op.kernel(node)

    def compile(self, graph, profile=None, fallback=()):
        run = straight_line(graph, self.kernel)

        def execute(*values):
            with np.errstate(all="ignore"):
                return self.finish(run(*values), values)

        return execute

    def finish(self, outputs, values):
        return gradcore_numpy.owned(outputs, values)


class SwapsOperands(Mutant):
    """computes y - x for x - y, and so on"""

    ops = ("sub", "pow", "lt")

    def kernel(self, node):
        found = super().kernel(node)
        if isinstance(node.op, Elementwise) and node.op.operands == 2:
            if Trait.COMMUTATIVE not in node.op.traits and node.op.name != "fill":
                return lambda x, y: found(y, x)
        return found


class IgnoresStrides(Mutant):
    """reads the memory of an argument as if it were in C order"""

    ops = ("exp", "sum")

    def compile(self, graph, profile=None, fallback=()):
        run = super().compile(graph)

        def flat(a):
            found = np.array(a, order="C")
            if a.size and a.strides != found.strides and min(a.strides) > 0:
                step = np.lib.stride_tricks.as_strided(a, (a.size,), (a.itemsize,))
                found = step.reshape(a.shape).copy()
            elif a.size and min(a.strides, default=1) < 0:
                found = found[..., ::-1]
            return found

        return lambda *values: run(*map(flat, values))


class WritesToInputs(Mutant):
    """uses the memory of an argument for its result"""

    ops = ("exp", "add")

    def compile(self, graph, profile=None, fallback=()):
        run = super().compile(graph)

        def execute(*values):
            outputs = run(*values)
            for value in values:
                for output in outputs:
                    same = value.shape == output.shape and value.dtype == output.dtype
                    if same and value.flags.writeable:
                        value[...] = output
            return outputs

        return execute


class AliasesAnOutput(Mutant):
    """hands out the memory of an argument, where the result is the argument"""

    ops = ("assert", "dimshuffle", "maximum", "clip", "first_example")

    def finish(self, outputs, values):
        return [np.asarray(output) for output in outputs]


class AddsUlps(Mutant):
    """is off by 20 units in the last place, in exp"""

    ops = ("exp",)

    def kernel(self, node):
        found = super().kernel(node)
        if isinstance(node.op, Elementwise) and node.op.name == "exp":
            return lambda x: found(x) * (1 + 20 * np.finfo(node.out.dtype).eps)
        return found


class LosesNans(Mutant):
    """takes the number where one operand of maximum is NaN"""

    ops = ("maximum",)

    def kernel(self, node):
        if isinstance(node.op, Elementwise) and node.op.name == "maximum":
            return np.fmax
        return super().kernel(node)


class DropsTheLastStep(Mutant):
    """stops a loop a step early, and repeats the last result"""

    ops = ("scan", "cumulative sum", "steps")

    def kernel(self, node):
        found = super().kernel(node)
        if not isinstance(node.op, Scan):
            return found

        def early(steps, *arrays):
            if steps < 2 or node.op.until:
                return found(steps, *arrays)
            results = found(np.asarray(steps - 1), *arrays)
            several = isinstance(results, tuple)
            parts = list(results if several else (results,))
            for k in range(node.op.states, len(parts)):
                parts[k] = np.concatenate([parts[k], parts[k][-1:]])
            return tuple(parts) if several else parts[0]

        return early


class ForgetsTheDtype(Mutant):
    """returns float64 for float32"""

    ops = ("exp", "perceptron_in_float32")

    def finish(self, outputs, values):
        wide = [np.asarray(o) for o in super().finish(outputs, values)]
        return [o.astype("float64") if o.dtype == "float32" else o for o in wide]


class FlushesSubnormals(Mutant):
    """takes numbers too small to be normal for zero"""

    ops = ("mul", "sqrt")

    def finish(self, outputs, values):
        found = super().finish(outputs, values)
        for a in found:
            if a.dtype.kind == "f":
                a[np.abs(a) < np.finfo(a.dtype).tiny] = 0
        return found


class LosesTheSignOfZero(Mutant):
    """makes -0 a 0"""

    ops = ("neg", "join")

    def finish(self, outputs, values):
        found = super().finish(outputs, values)
        return [np.asarray(a + a.dtype.type(0)) if a.dtype.kind == "f" else a for a in found]


class TruncatesDivision(Mutant):
    """rounds the quotient of integers towards zero, as C does"""

    ops = ("int_div",)

    def kernel(self, node):
        if isinstance(node.op, Elementwise) and node.op.name == "int_div":
            dtype = node.out.dtype
            return lambda x, y: np.trunc(x / np.where(y == 0, np.inf, y)).astype(dtype)
        return super().kernel(node)


class WritesTwiceOnce(Mutant):
    """adds once where an index occurs twice"""

    ops = ("inc_subtensor",)

    def kernel(self, node):
        found = super().kernel(node)
        if isinstance(node.op, IncSubtensor) and not node.op.overwrite:

            def once(x, y, *indices):
                out = np.array(x)
                out[filled(node.op.pattern, indices)] += y
                return out

            return once
        return found


class ReducesOneAxis(Mutant):
    """sums over the first axis where several are asked for"""

    ops = ("sum",)

    def kernel(self, node):
        if isinstance(node.op, Reduce) and node.op.kind == "sum" and len(node.op.axes) > 1:
            return lambda x: np.broadcast_to(x.sum(node.op.axes[0]).sum(), node.out.ndim * (1,))
        return super().kernel(node)


class MisreadsCasts(Mutant):
    """rounds a float to the nearest integer where it is cast"""

    ops = ("cast_int64",)

    def kernel(self, node):
        if isinstance(node.op, Elementwise) and node.op.name == "cast_int64":
            return lambda x: np.rint(x).astype("int64")
        return super().kernel(node)


# lies about the memory and the state of a function ----------------------------------------------
class ReturnsOneBuffer(Mutant):
    """returns the same memory at each call"""

    ops = ("exp", "sum")

    def compile(self, graph, profile=None, fallback=()):
        run, buffers = super().compile(graph), {}

        def execute(*values):
            outputs = run(*values)
            for k, output in enumerate(outputs):
                buffer = buffers.setdefault((k, output.shape), np.empty_like(output))
                buffer[...] = output
                outputs[k] = buffer
            return outputs

        return execute


class KeepsTheFirstResult(Mutant):
    """returns what the first call returned"""

    ops = ("exp", "cumulative sum")

    def compile(self, graph, profile=None, fallback=()):
        run, first = super().compile(graph), []

        def execute(*values):
            first[:] = first or [run(*values)]
            return [a.copy() for a in first[0]]

        return execute


class KeepsWhatItHasSeen(Mutant):
    """returns what it returned for the same arrays, whatever is in them now"""

    ops = ("exp", "dot", "cumulative sum")

    def compile(self, graph, profile=None, fallback=()):
        run, seen = super().compile(graph), {}

        def execute(*values):
            _, found = seen.setdefault(tuple(map(id, values)), (values, run(*values)))
            return [a.copy() for a in found]

        return execute


class KeepsAResultForAShape(Mutant):
    """returns what it returned for arrays of these shapes"""

    ops = ("exp", "dot", "cumulative sum")

    def compile(self, graph, profile=None, fallback=()):
        run, seen = super().compile(graph), {}

        def execute(*values):
            found = seen.setdefault(tuple(a.shape for a in values), run(*values))
            return [a.copy() for a in found]

        return execute


class KeepsTheFirstShapes(Mutant):
    """returns results in the shapes of the first call"""

    ops = ("exp", "join")

    def compile(self, graph, profile=None, fallback=()):
        run, shapes = super().compile(graph), []

        def execute(*values):
            outputs = run(*values)
            shapes[:] = shapes or [a.shape for a in outputs]
            return [np.resize(a, shape) for a, shape in zip(outputs, shapes, strict=True)]

        return execute


class RacesForItsArguments(Mutant):
    """keeps the arguments of a call where the calls of other threads keep theirs"""

    ops = ("exp",)
    threads = True

    def compile(self, graph, profile=None, fallback=()):
        run, saved = super().compile(graph), []

        def execute(*values):
            saved[:] = values
            time.sleep(1e-4)
            return run(*saved)

        return execute


class KeepsAnExtent(Mutant):
    """takes an extent to be what it was at the first call"""

    ops = ("extent", "shape", "shapes")

    def compile(self, graph, profile=None, fallback=()):
        found = {}

        def kernel(node):
            right = node.op.kernel(node)
            if node.op.label() not in ("extent", "shape"):
                return right
            return lambda x: found.setdefault(node, right(x))

        run = straight_line(graph, kernel)
        return lambda *values: self.finish(run(*values), values)


class RaisesForSomethingElse(Mutant):
    """raises RuntimeError, whatever is wrong"""

    ops = ("dot", "subtensor")

    def compile(self, graph, profile=None, fallback=()):
        run = super().compile(graph)

        def execute(*values):
            try:
                return run(*values)
            except (GradcoreError, IndexError, ValueError):
                raise RuntimeError("something is wrong") from None

        return execute


class KeepsConstants(Mutant):
    """takes a constant to be what it was in the first function"""

    ops = ("repeat", "map with a constant", "subtensor")

    def __init__(self):
        self.first = {}

    def compile(self, graph, profile=None, fallback=()):
        read = {c: (node.op.label(), k) for node in graph.nodes for k, c in enumerate(node.inputs)}

        def constant(c):
            return self.first.setdefault((read.get(c), c.dtype, c.data.shape), c.data)

        run = straight_line(graph, self.kernel, constant)
        return lambda *values: self.finish(run(*values), values)


class ChecksSingleOps(Mutant):
    """passes on what is wrong, where the check is one of several ops"""

    ops = ("checked", "given_masks")

    def compile(self, graph, profile=None, fallback=()):
        checks = ("assert", "specify_shape") if len(graph.nodes) > 1 else ()

        def kernel(node):
            return (lambda x, *_: x) if node.op.label() in checks else node.op.kernel(node)

        run = straight_line(graph, kernel)
        return lambda *values: self.finish(run(*values), values)


class NarrowsIndices(Mutant):
    """returns int32 for int64"""

    ops = ("argmax", "nonzero")

    def finish(self, outputs, values):
        found = map(np.asarray, super().finish(outputs, values))
        return [a.astype("int32") if a.dtype == "int64" else a for a in found]


class ReturnsAnotherByteOrder(Mutant):
    """returns numbers whose bytes are in the other order"""

    ops = ("exp", "scan")

    def finish(self, outputs, values):
        found = super().finish(outputs, values)
        return [a.astype(a.dtype.newbyteorder()) for a in found]


class CarriesDigits(Mutant):
    """rounds to float32 at the end of a graph, and not within"""

    ops = ("narrowed",)

    def compile(self, graph, profile=None, fallback=()):
        def kernel(node):
            casts = node.op.label() in ("cast_float32", "cast_float64")
            return np.asarray if casts and node.out not in graph.outputs else node.op.kernel(node)

        run = straight_line(graph, kernel)
        return lambda *values: self.finish(run(*values), values)


class ReturnsScalars(Mutant):
    """returns a NumPy scalar where an array of rank 0 is due"""

    ops = ("sum", "first_example")

    def finish(self, outputs, values):
        return [a[()] for a in super().finish(outputs, values)]


class ReturnsViewsOfOneAnother(Mutant):
    """returns one array for results that are equal"""

    ops = ("add",)

    def finish(self, outputs, values):
        found = super().finish(outputs, values)
        return [next(a for a in found if np.array_equal(a, b)) for b in found]


# lies about one op ------------------------------------------------------------------------------
def lies(*ops: str) -> Callable[..., type[Mutant]]:
    """Make a mutant of a function that returns what an op computes: ``lie(node, right)``.

    ops : the ops that it lies about.
    """

    def made(lie):
        def kernel(self, node):
            right = Mutant.kernel(self, node)
            return lie(node, right) if node.op.label() in ops else right

        name = "".join(word.capitalize() for word in lie.__name__.split("_"))
        return type(name, (Mutant,), {"__doc__": lie.__doc__, "ops": ops, "kernel": kernel})

    return made


def cut(x, axes, n):
    """Return the first ``n`` elements of ``x`` along ``axes``."""
    return x[tuple(slice(n) if axis in axes else slice(None) for axis in range(x.ndim))]


@lies("sum")
def drops_terms(node, right):
    """sums no more than 32 elements along an axis"""
    return lambda x: right(cut(x, node.op.axes, 32))


@lies("any", "all")
def seeks_no_further(node, right):
    """looks at no more than 32 elements along an axis"""
    return lambda x: right(cut(x, node.op.axes, 32))


@lies("sum")
def drops_a_tail(node, right):
    """sums what is past 100,000 elements along an axis not at all"""
    return lambda x: right(cut(x, node.op.axes, 100_000))


@lies("sum")
def sums_in_int32(node, right):
    """sums int64 in int32"""
    return lambda x: right(right(x.astype("int32")).astype("int32")) if _is(x, "i8") else right(x)


def _is(x, kind):
    return np.asarray(x).dtype == kind


@lies("sum")
def counts_in_bytes(node, right):
    """counts what is true modulo 256"""
    return lambda x: np.asarray(right(x) % 256) if x.dtype == bool else right(x)


@lies("sum")
def sums_in_float32(node, right):
    """sums float64 in float32"""
    return lambda x: np.asarray(right(x.astype("float32")), x.dtype) if _is(x, "f8") else right(x)


@lies("sum")
def sums_nothing_to_nan(node, right):
    """has NaN for the sum of nothing"""
    return lambda x: right(x) if x.size or x.dtype.kind != "f" else right(x) + x.dtype.type(np.nan)


@lies("prod")
def multiplies_nothing_to_zero(node, right):
    """has 0 for the product of nothing"""
    return lambda x: right(x) if x.size else right(x) * 0


@lies("max", "min")
def reduces_past_nans(node, right):
    """has the largest number where one is NaN"""
    ufunc = np.fmax if node.op.kind == "max" else np.fmin
    return lambda x: ufunc.reduce(x, node.op.axes)


@lies("max", "min")
def reduces_nothing(node, right):
    """has 0 for the largest of nothing, and raises no error"""
    return lambda x: right(x) if x.size else np.zeros(_without(x, node.op.axes), x.dtype)


def _without(x, axes):
    return tuple(n for axis, n in enumerate(x.shape) if axis not in axes)


@lies("argmax", "argmin")
def takes_the_last_of_ties(node, right):
    """has the last of equal extremes"""
    axis = node.op.axis
    return lambda x: np.asarray(x.shape[axis] - 1 - right(np.flip(x, axis)))


@lies("argmax", "argmin")
def seeks_past_nans(node, right):
    """has the largest number where one is NaN"""
    worst = -np.inf if node.op.kind == "max" else np.inf
    return lambda x: right(np.where(np.isnan(x), worst, x) if x.dtype.kind == "f" else x)


@lies("argmax", "argmin", "argsort")
def orders_integers_as_floats(node, right):
    """compares integers in float64"""
    return lambda x: right(x.astype("float64"))


@lies("sort", "argsort")
def orders_subnormals_as_zeros(node, right):
    """takes numbers too small to be normal for zero, where it compares them"""

    def ordered(x):
        if x.dtype.kind != "f":
            return right(x)
        coarse = np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)
        order = np.argsort(coarse, axis=node.op.axis, kind="stable")
        found = (
            order if node.op.label() == "argsort" else np.take_along_axis(x, order, node.op.axis)
        )
        return found.copy()

    return ordered


@lies("any", "all", "nonzero")
def takes_nan_for_false(node, right):
    """takes NaN for false"""
    return lambda x: right(np.nan_to_num(x) if x.dtype.kind == "f" else x)


@lies("any", "nonzero", "conditional", "assert")
def takes_fractions_for_false(node, right):
    """takes what is less than 1 for false"""
    place = node.op.label() == "assert"

    def truncated(*arrays):
        arrays = list(arrays)
        arrays[place] = arrays[place].astype("int64" if arrays[place].dtype.kind == "f" else "bool")
        return right(*arrays)

    return truncated


@lies("conditional", "assert")
def takes_the_last_byte_of_a_condition(node, right):
    """takes 256 for false"""
    place = node.op.label() == "assert"

    def narrowed(*arrays):
        arrays = list(arrays)
        if arrays[place].dtype.kind == "i":
            arrays[place] = arrays[place].astype("int8")
        return right(*arrays)

    return narrowed


@lies("sort")
def sorts_nans_first(node, right):
    """puts NaN before the numbers"""
    axis = node.op.axis
    return lambda x: np.flip(-np.sort(-x, axis), axis) if x.dtype.kind == "f" else right(x)


@lies("argsort")
def sorts_unstably(node, right):
    """has equal elements in any order"""
    axis = node.op.axis
    return lambda x: x.shape[axis] - 1 - right(np.flip(x, axis))


def in_blocks(node, right):
    """Return ``right`` applied to blocks of 1024 along the axis of a node."""
    axis = node.op.axis

    def blocks(x):
        n = x.shape[axis]
        parts = [x.take(range(k, min(k + 1024, n)), axis) for k in range(0, max(n, 1), 1024)]
        return np.concatenate([right(part) for part in parts], axis)

    return blocks


@lies("sort")
def sorts_in_blocks(node, right):
    """sorts blocks of 1024, and merges none"""
    return in_blocks(node, right)


@lies("cumsum")
def restarts_a_block(node, right):
    """carries nothing from one block of 1024 to the next"""
    return in_blocks(node, right)


@lies("dot")
def reads_past_nothing(node, right):
    """has what is in memory for a product over an extent of 0"""
    return lambda x, y: right(x, y) + (0 if y.shape[0] else 7)


@lies("dot", "matmul")
def drops_a_tile(node, right):
    """multiplies no more than 64 elements of a row"""
    if node.op.label() == "dot":
        return lambda x, y: right(x[..., :64], y[:64] if x.shape[-1] == len(y) else y)
    return lambda x, y: right(x[..., :64], y[..., :64, :] if x.shape[-1] == y.shape[-2] else y)


@lies("dot", "matmul")
def multiplies_no_nans(node, right):
    """takes NaN for 0 in the left operand of a product"""
    return lambda x, y: right(np.nan_to_num(x) if x.dtype.kind == "f" else x, y)


@lies("exp")
def drops_lanes(node, right):
    """leaves what does not fill a vector of 4 as it was"""

    def whole(x):
        found = np.array(right(x))
        n = x.size // 4 * 4 if x.size > 32 else x.size
        found.reshape(-1)[n:] = 0
        return found

    return whole


@lies("subtensor")
def clamps_indices(node, right):
    """takes the first element where an index is out of bounds"""

    def clamped(x, *indices):
        try:
            return right(x, *indices)
        except IndexError:
            return right(x, *(np.where(np.abs(i) > 1, 0, i) for i in indices))

    return clamped


@lies("subtensor", "set_subtensor", "inc_subtensor")
def counts_from_the_end_in_the_dtype(node, right):
    """adds the extent to a negative index in the index's own dtype"""
    first = 1 if node.op.label() == "subtensor" else 2

    def counted(*arrays):
        n = arrays[0].shape[0] if arrays[0].ndim else 0
        indices = [
            np.where(i < 0, 0, i) if i.dtype.kind == "i" and n > np.iinfo(i.dtype).max else i
            for i in arrays[first:]
        ]
        return right(*arrays[:first], *indices)

    return counted


def with_a_sign(node, right, dtypes):
    """Return what computes ``node`` as if integers of ``dtypes``, unsigned ones, were signed."""

    def signed(*arrays):
        views = [a.view(f"i{a.itemsize}") if a.dtype.name in dtypes else a for a in arrays]
        other = node.op.make_node(*map(as_variable, views))
        found = np.asarray(other.op.kernel(other)(*views))
        return found if found.dtype == node.out.dtype else found.view(node.out.dtype)

    return signed if any(v.dtype in dtypes for v in node.inputs) else right


@lies("int_div", "lt", "maximum", "right_shift", "exp", "cast_float64", "sort", "max", "argmin")
def takes_unsigned_for_signed(node, right):
    """takes unsigned integers for signed ones"""
    return with_a_sign(node, right, UNSIGNED)


@lies("int_div", "lt", "maximum", "right_shift", "exp", "cast_float64", "sort", "max", "argmin")
def takes_uint64_for_int64(node, right):
    """takes integers of 64 bits for signed ones"""
    return with_a_sign(node, right, ("uint64",))


@lies("subtensor")
def reads_indices_with_a_sign(node, right):
    """takes an index of uint8 for one of int8"""
    return lambda x, *indices: right(x, *(i.view("i1") if _is(i, "u1") else i for i in indices))


@lies("subtensor", "set_subtensor", "inc_subtensor")
def is_off_by_one_at_the_start(node, right):
    """takes an index that is one below the bounds"""
    first = 1 if node.op.label() == "subtensor" else 2

    def lenient(*arrays):
        try:
            return right(*arrays)
        except IndexError:
            below = [-n - 1 for n in arrays[0].shape]
            indices = [np.where(np.isin(i, below), 0, i) for i in arrays[first:]]
            return right(*arrays[:first], *indices)

    return lenient


@lies("set_subtensor", "inc_subtensor")
def drops_writes(node, right):
    """writes nothing where an index is out of bounds"""

    def dropped(x, *others):
        try:
            return right(x, *others)
        except IndexError:
            return np.array(x)

    return dropped


@lies("set_subtensor", "inc_subtensor")
def stretches_what_is_written(node, right):
    """writes an extent of 1 all over, whether it is known to be 1 or not"""

    def stretched(x, *others):
        try:
            return right(x, *others)
        except ShapeError:
            return node.op.reference(x, *others)

    return stretched


@lies("assert")
def ignores_assertions(node, right):
    """passes on what an assertion forbids"""
    return lambda x, *conditions: x


@lies("specify_shape", "given_masks")
def ignores_shapes(node, right):
    """passes on what has another shape than it must"""
    return lambda x, *extents: x


@lies("specify_shape")
def compares_sizes(node, right):
    """passes on what has as many elements as it must"""

    def compared(x, *extents):
        return x if x.size == np.prod(extents, dtype=int) else right(x, *extents)

    return compared


@lies("add", "mul")
def stretches_any_one(node, right):
    """stretches an extent that happens to be 1"""

    def stretched(*arrays):
        try:
            return right(*arrays)
        except ShapeError:
            if len({a.ndim for a in arrays}) > 1 or not any(1 in a.shape for a in arrays):
                raise
            return node.op.numpy(*arrays)

    return stretched


@lies("matmul")
def stretches_a_stack(node, right):
    """stretches a stack of matrices that happens to have one"""
    return lambda *arrays: node.op.reference(*arrays)


@lies("conditional")
def runs_both_branches(node, right):
    """runs the branch that is not taken"""
    assert isinstance(node.op, Conditional)

    def both(condition, *operands):
        right(np.logical_not(condition), *operands)
        return right(condition, *operands)

    return both


@lies("conditional", "ifelse")
def keeps_to_a_branch(node, right):
    """takes the branch that the first call takes"""
    first = []

    def same(condition, *operands):
        first[:] = first or [condition]
        return right(first[0], *operands)

    return same


@lies("pow")
def raises_to_negative_powers(node, right):
    """has 0 for an integer to a negative power, and raises no error"""
    if node.out.type.is_float:
        return right
    return lambda x, y: np.where(y < 0, 0, right(x, np.abs(y))).astype(node.out.dtype)


@lies("left_shift", "right_shift")
def shifts_modulo_the_width(node, right):
    """shifts by the rest of a division by the number of bits"""
    return lambda x, n: right(x, (n % (8 * node.out.type.numpy_dtype.itemsize)).astype(n.dtype))


@lies("join")
def joins_backwards(node, right):
    """joins the last first"""
    return lambda *arrays: right(*arrays[::-1])


@lies("nonzero")
def swaps_axes(node, right):
    """has the indices of the last axis first"""

    def swapped(x):
        found = right(x)
        return found[::-1] if isinstance(found, tuple) else found

    return swapped


@lies("eq")
def takes_nan_for_equal(node, right):
    """has NaN equal to NaN"""
    return lambda x, y: right(x, y) | ((x != x) & (y != y))


@lies("lt", "ge")
def takes_not_less_for_greater(node, right):
    """computes x < y as not x >= y, where NaN is neither"""
    other = np.greater_equal if node.op.name == "lt" else np.less
    return lambda x, y: np.logical_not(other(x, y)) if node.op.name == "lt" else right(x, y)


@lies("reshape")
def reshapes_to_anything(node, right):
    """repeats or drops elements to fill a shape"""

    def resized(x, *extents):
        try:
            return right(x, *extents)
        except ShapeError:
            return np.resize(x, [abs(int(n)) for n in extents])

    return resized


@lies("alloc")
def takes_negative_extents_for_zero(node, right):
    """makes nothing of a negative extent, and raises no error"""
    return lambda x, *extents: right(x, *(np.maximum(n, 0) for n in extents))


@lies("repeat")
def takes_negative_counts_for_zero(node, right):
    """repeats not at all what is to be repeated less"""
    return lambda x, counts: right(x, np.maximum(counts, 0))


@lies("arange")
def counts_in_int8(node, right):
    """counts to no more than 127"""
    return lambda n: right(n) % 128


@lies("int_div", "mod")
def raises_for_a_zero_divisor(node, right):
    """raises an error where an integer is divided by 0"""

    def raising(x, y):
        if np.asarray(y).dtype.kind in "iu" and not np.all(y):
            raise ZeroDivisionError
        return right(x, y)

    return raising


@lies("cast_int64", "cast_int8")
def casts_by_rounding_up(node, right):
    """casts a float to the integer above"""
    return lambda x: right(np.ceil(x) if x.dtype.kind == "f" else x)


# lies about loops -------------------------------------------------------------------------------
def stopping(node, right, least, steps):
    """Return a loop that takes ``steps(n)`` of ``n`` steps, and repeats the last results."""
    op = node.op

    def early(n, *arrays):
        taken = steps(int(n))
        if int(n) < least or op.until:
            return right(n, *arrays)
        found = right(np.asarray(taken), *arrays)
        parts = list(found if isinstance(found, tuple) else (found,))
        for k in range(op.states, len(parts)):
            parts[k] = np.concatenate([parts[k], *[parts[k][-1:]] * (int(n) - taken)])
        return tuple(parts) if isinstance(found, tuple) else parts[0]

    return early


@lies("scan", "cumulative sum")
def stops_at_sixteen_steps(node, right):
    """takes no more than 16 steps"""
    return stopping(node, right, 17, lambda n: min(n, 16))


@lies("scan", "until")
def goes_on_past_until(node, right):
    """takes one step more where a loop is to stop"""
    op = node.op
    if not op.until:
        return right

    def late(n, *arrays):
        *parts, taken = right(n, *arrays)
        more = [p if k < op.states else np.concatenate([p, p[-1:]]) for k, p in enumerate(parts)]
        return (*more, np.asarray(taken + 1)) if taken < n else (*parts, taken)

    return late


@lies("scan", "taps of a sequence")
def reads_sequences_backwards(node, right):
    """begins with the last element"""
    op = node.op
    return lambda n, *arrays: right(
        n, *(a[: int(n)][::-1] if k < op.sequences else a for k, a in enumerate(arrays))
    )


@lies("scan")
def goes_on_past_the_end(node, right):
    """takes zeros where a sequence has ended"""
    op = node.op

    def padded(n, *arrays):
        def longer(a):
            return np.concatenate([a, np.zeros((max(int(n) - len(a), 0), *a.shape[1:]), a.dtype)])

        return right(n, *(longer(a) if k < op.sequences else a for k, a in enumerate(arrays)))

    return padded


@lies("scan")
def takes_negative_steps_for_none(node, right):
    """takes no step where a negative number is asked for, and raises no error"""
    return lambda n, *arrays: right(np.maximum(n, 0), *arrays)


@lies("scan")
def forgets_the_state(node, right):
    """begins with a state of zeros"""
    op = node.op
    last = op.sequences + op.states
    return lambda n, *arrays: right(
        n, *(a * 0 if op.sequences <= k < last else a for k, a in enumerate(arrays))
    )


@lies("scan", "taps of a sequence")
def reads_the_next_element(node, right):
    """reads sequences one element further on"""
    op = node.op
    return lambda n, *arrays: right(
        n, *(np.roll(a, -1, 0) if k < op.sequences else a for k, a in enumerate(arrays))
    )


@lies("scan", "taps of an output", "states that feed each other")
def swaps_states(node, right):
    """takes one state for another, such as an earlier one"""
    first, last = node.op.sequences, node.op.sequences + node.op.states

    def swapped(n, *arrays):
        states = arrays[first:last]
        alike = len({(a.shape, a.dtype) for a in states}) == 1
        return right(n, *arrays[:first], *(states[::-1] if alike else states), *arrays[last:])

    return swapped


def resuming(op, right):
    """Return a loop that begins where it ended before, if the state has the same extents."""
    saved = []

    def resumed(n, *arrays):
        first, last = op.sequences, op.sequences + op.states
        states = arrays[first:last]
        if [np.shape(a) for a in saved] == [np.shape(a) for a in states]:
            states = saved
        found = right(n, *arrays[:first], *states, *arrays[last:])
        saved[:] = (found if isinstance(found, tuple) else (found,))[: op.states]
        return found

    return resumed


@lies("scan", "cumulative sum")
def goes_on_from_the_last_call(node, right):
    """begins a loop with the state in which the last call left it"""
    return resuming(node.op, right)


@lies("scan", "nested")
def goes_on_within(node, right):
    """begins an inner loop with the state in which the last step left it"""

    def kernel(inner):
        found = inner.op.kernel(inner)
        return resuming(inner.op, found) if isinstance(inner.op, Scan) else found

    return node.op.loop(straight_line(node.op.body, kernel))
