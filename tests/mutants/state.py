"""Lies about the memory and the state of a function."""

import time

import numpy as np

from gradcore.errors import GradcoreError
from gradcore.execute import straight_line
from mutants.liars import Mutant


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
