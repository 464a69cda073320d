"""Lies about values: those of whole graphs, and of memory that is read or written."""

import numpy as np

from gradcore.ops.elementwise import Elementwise, Trait
from gradcore.ops.index import IncSubtensor
from gradcore.ops.index_patterns import filled
from gradcore.ops.reduce import Reduce
from gradcore.ops.scan import Scan
from mutants.liars import Mutant


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
