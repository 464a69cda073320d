"""Complex tensors become two real ones each, before anything else is done to a graph.

What is left complex are the inputs and outputs of the graph, and of ops that take complex numbers
as such (a Fourier transform, a loop with a complex state, an op of a user's own): there their parts
are read and put together, by ``real``, ``imag`` and ``complex``.

The decision: complex arithmetic is written with real one, once, for all backends.  So no rule of
the optimizer meets a number without an order, infinities and signed zeros are the same
everywhere, and generated code fuses what a library would compute array by array.  How an op is
written follows from what it declares (`gradcore.graph.complexes`).  Rejected: complex arithmetic of
each backend's own, of which every one has other infinities, and rules that say of each other
whether they hold of complex numbers, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from gradcore.dtypes import DTYPES
from gradcore.graph import Apply, Constant, FunctionGraph, Variable, on_behalf_of
from gradcore.graph.complexes import Way, complex_operands, linear_with, way_of
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.parts import ComplexParts, imaginary


def in_parts(graph: FunctionGraph) -> FunctionGraph:
    """Return a graph that says the same, with real arithmetic."""
    if not any(_has_complex(node) for node in graph.nodes):
        return graph
    return FunctionGraph(graph.inputs, tuple(_Splitting().run(graph)))


def _has_complex(node: Apply) -> bool:
    variables = (*node.inputs, *node.outputs)
    return any(v.type.is_complex for v in variables) or any(
        _has_complex(inner) for graph in node.op.graphs for inner in graph.nodes
    )


class _Splitting:
    """The parts of the variables of one graph, as far as they are known."""

    def __init__(self) -> None:
        self.parts: dict[Variable, ComplexParts] = {}
        self.whole: dict[Variable, Variable] = {}

    def run(self, graph: FunctionGraph) -> list[Variable]:
        """Return the outputs of a graph."""
        for node in graph.nodes:
            with on_behalf_of(node.where):
                self._through(node)
        return [self.whole_of(v) for v in graph.outputs]

    # variables ----------------------------------------------------------------------------------
    def whole_of(self, v: Variable) -> Variable:
        """Return what takes the place of a variable."""
        if v not in self.whole:
            parts = self.parts.get(v)
            self.whole[v] = v if parts is None else LANGUAGE["complex"](parts.real, parts.imag)
        return self.whole[v]

    def parts_of(self, v: Variable) -> ComplexParts:
        """Return the parts of a variable; without an imaginary one, if it is real."""
        if not v.type.is_complex:
            return ComplexParts(self.whole_of(v), None)
        if v not in self.parts:
            if isinstance(v, Constant):
                self.parts[v] = ComplexParts(Constant(v.data.real), Constant(v.data.imag))
            else:
                z = self.whole_of(v)
                self.parts[v] = ComplexParts(LANGUAGE["real"](z), LANGUAGE["imag"](z))
        return self.parts[v]

    # nodes --------------------------------------------------------------------------------------
    def _through(self, node: Apply) -> None:
        """Find what takes the place of the outputs of a node."""
        if not _has_complex(node):
            self._as_it_is(node)
            return
        way = way_of(node)
        if way is None or way == "whole":
            self._as_it_is(node)
            return
        for output, found in zip(node.outputs, _WAYS[way](self, node), strict=True):
            self._found(output, found)

    def _found(self, output: Variable, found: Any) -> None:
        if not output.type.is_complex:
            self.whole[output] = _typed(found, output.dtype)
            return
        parts = found if isinstance(found, ComplexParts) else ComplexParts(found, None)
        part = DTYPES[output.dtype].part
        both = _typed(parts.real, part), _typed(imaginary(parts), part)
        self.parts[output] = ComplexParts(*_in_one_shape(*both))

    def _as_it_is(self, node: Apply) -> None:
        inputs = [self.whole_of(v) for v in node.inputs]
        graphs = tuple(map(in_parts, node.op.graphs))
        op = node.op
        if any(new is not old for new, old in zip(graphs, op.graphs, strict=True)):
            op = op.with_graphs(*graphs)
        same = all(new is old for new, old in zip(inputs, node.inputs, strict=True))
        if same and op is node.op:
            return
        made = node.with_inputs(inputs) if op is node.op else op.make_node(*inputs)
        self.whole.update(zip(node.outputs, made.outputs, strict=True))

    def written(self, node: Apply) -> Sequence[Any]:
        """Return the output as the op writes it."""
        assert isinstance(node.op, Elementwise) and node.op.by_parts is not None
        taken = node.op.takes([v.dtype for v in node.inputs], node.out.dtype)
        operands = (
            _cast(self.parts_of(v), dtype) for v, dtype in zip(node.inputs, taken, strict=True)
        )
        return [node.op.by_parts(*operands)]

    def separate(self, node: Apply) -> Sequence[Any]:
        """Return the op applied to real parts, and to imaginary parts."""
        moving = complex_operands(node) or {
            i for i, v in enumerate(node.inputs) if v.type.is_complex
        }
        linear = set(linear_with(node, moving))
        operands = [self.parts_of(v) for v in node.inputs]
        real = node.op.make_node(*(p.real for p in operands)).outputs
        imag = node.op.make_node(
            *(imaginary(p) if i in linear else p.real for i, p in enumerate(operands))
        ).outputs
        return [ComplexParts(*pair) for pair in zip(real, imag, strict=True)]

    def product(self, node: Apply) -> Sequence[Any]:
        """Return the sum of the products of parts: i for each imaginary one."""
        operands = [self.parts_of(v) for v in node.inputs]
        moving = sorted(complex_operands(node))
        sums: list[Any] = [None, None]
        for chosen in itertools.product((0, 1), repeat=len(moving)):
            which = dict(zip(moving, chosen, strict=True))
            found = node.op(*(p[which.get(i, 0)] for i, p in enumerate(operands)))
            turns = sum(chosen)
            total, negative = sums[turns % 2], turns % 4 >= 2
            sums[turns % 2] = (
                (-found if negative else found)
                if total is None
                else (total - found if negative else total + found)
            )
        return [ComplexParts(*sums)]

    def shape(self, node: Apply) -> Sequence[Any]:
        """Return the op on real parts, which have the shapes that count."""
        return node.op.make_node(*(self.parts_of(v).real for v in node.inputs)).outputs


_WAYS: dict[Way, Callable[[_Splitting, Apply], Sequence[Any]]] = {
    "written": _Splitting.written,
    "separate": _Splitting.separate,
    "product": _Splitting.product,
    "shape": _Splitting.shape,
}


def _cast(z: ComplexParts, dtype: str) -> ComplexParts:
    """Return a number with parts of those of ``dtype``."""
    part = DTYPES[dtype].part
    return ComplexParts(_typed(z.real, part), None if z.imag is None else _typed(z.imag, part))


def _typed(found: Any, dtype: str) -> Variable:
    return LANGUAGE["cast"](found, dtype)


def _in_one_shape(real: Variable, imag: Variable) -> tuple[Variable, Variable]:
    """Return two parts of which each is repeated along the axes that only the other one has."""
    fill = LANGUAGE["fill"]
    axes = max(real.ndim, imag.ndim)
    a, b = ([True] * (axes - v.ndim) + [n == 1 for n in v.type.shape] for v in (real, imag))
    together = [x and y for x, y in zip(a, b, strict=True)]
    return (
        real if a == together and real.ndim == axes else fill(imag, real),
        imag if b == together and imag.ndim == axes else fill(real, imag),
    )
