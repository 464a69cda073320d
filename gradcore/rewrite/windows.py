"""Multiples of one tensor that are added to zeros at several places: windows of it, padded.

The gradient of a stencil comes as increments of zeros, one for each place that the stencil reads::

    z = zeros(n + 2); z[0:n] += g; z[1:n + 1] += -2 * g; z[2:n + 2] += g; dx = z[1:n + 1]

Each is a loop that reads and writes ``z``.  The same numbers, added in the same order, are the
stencil's own kind of program, one loop over elements that reads ``g`` around each::

    p = pad(g, 1); dx = 0 + p[2:n + 2] + -2 * p[1:n + 1] + p[0:n]

This is what XLA calls the transpose of a slice: a pad, but with one padded tensor for all slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from gradcore.graph import Apply, Constant, FunctionGraph, Variable, on_behalf_of
from gradcore.language import LANGUAGE
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice
from gradcore.ops.scalars import mul, neg
from gradcore.ops.shape import Alloc
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import is_zero
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.engine import Pass
from gradcore.rewrite.stages import Group

Span: TypeAlias = tuple[int, int]
"""Where a window starts along an axis, and where it stops."""

Starts: TypeAlias = tuple[int, ...]
"""Where a window starts along each axis."""

Factor: TypeAlias = "Variable | None"
"""A number for all elements; None: the opposite."""


@dataclass(frozen=True, eq=False)
class Multiple:
    """A tensor times some factors, in this order."""

    tensor: Variable
    factors: tuple[Factor, ...] = ()

    def of(self, window: Variable) -> Variable:
        """Return the same multiple of a window of the tensor."""
        for factor in self.factors:
            window = neg(window) if factor is None else mul(factor, window)
        return window


def _rewrite(graph: FunctionGraph) -> FunctionGraph:
    replaced: dict[Variable, Variable] = {}
    seen: set[Variable] = set()
    for node in reversed(graph.nodes):
        if not _is_increment(node) or node.out in seen:
            continue
        increments, within = _increments(graph, node)
        seen.update(within)
        multiples = _of_one_tensor([part for part, _ in increments])
        if multiples and _pays(multiples, node.out):
            windows = [(m, starts) for m, (_, starts) in zip(multiples, increments, strict=True)]
            with on_behalf_of(node.where):
                replaced |= _as_windows(graph, node.out, windows)
    return graph.with_replaced(replaced)


def _is_increment(node: Apply | None) -> bool:
    op = None if node is None else node.op
    return isinstance(op, IncSubtensor) and not op.overwrite


def _increments(
    graph: FunctionGraph, node: Apply
) -> tuple[list[tuple[Variable, Starts]], list[Variable]]:
    """Return what is added to zeros, and from where on, the first one first; the sums on the way.

    There are none if what it is added to is not zero, or the places are not known.
    """
    found: list[tuple[Variable, Starts]] = []
    within: list[Variable] = []
    total, made = node.out, node.out.owner
    while made is not None and _is_increment(made):
        if total is not node.out and (len(graph.readers[total]) > 1 or total in graph.outputs):
            return [], within
        within.append(total)
        total, part, *_ = made.inputs
        spans = _spans(made, total.type.shape)
        if spans is None or part.type.shape != tuple(stop - start for start, stop in spans):
            return [], within
        found.append((part, tuple(start for start, _ in spans)))
        made = total.owner
    return found[::-1] if is_zero(total) else [], within


def _spans(node: Apply, shape: Sequence[int | None]) -> list[Span] | None:
    """Return what ``node`` reads, or writes, of each axis; None: no slices that are known."""
    op = node.op
    if not isinstance(op, (Subtensor, IncSubtensor)):
        return None
    found: list[Span] = []
    pattern = (*op.pattern, *[Slice()] * (len(shape) - len(op.pattern)))
    if len(pattern) != len(shape):
        return None
    for entry, extent in zip(pattern, shape, strict=True):
        if extent is None or not isinstance(entry, Slice):
            return None
        bounds = [b for b in entry.bounds if b is None or isinstance(b, int)]
        if len(bounds) < 3:
            return None
        start, stop, step = slice(*bounds).indices(extent)
        if step != 1 or stop < start:
            return None
        found.append((start, stop))
    return found


def _of_one_tensor(parts: Sequence[Variable]) -> list[Multiple]:
    """Return parts as multiples of one tensor; none, if they are not."""
    if len(parts) < 2:
        return []
    each = [_multiples(part) for part in parts]
    common = (v for v in each[0] if all(v in others for others in each))
    tensor = next(common, None)
    return [] if tensor is None else [multiples[tensor] for multiples in each]


def _multiples(v: Variable) -> dict[Variable, Multiple]:
    """Return for each tensor of which ``v`` is seen to be a multiple, which one."""
    found = {v: Multiple(v)}
    made = v.owner
    if made is None or made.op not in (neg, mul):
        return found
    pairs = [(None, made.inputs[0])] if made.op is neg else [made.inputs, made.inputs[::-1]]
    for factor, tensor in pairs:
        if tensor.type == v.type and (factor is None or all(factor.broadcastable)):
            for inner, multiple in _multiples(tensor).items():
                found[inner] = Multiple(inner, (*multiple.factors, factor))
            break
    return found


def _pays(multiples: Sequence[Multiple], total: Variable) -> bool:
    """Return whether each part is most of the tensor, and of numbers that add."""
    sizes = [prod(_known(v)) for v in (multiples[0].tensor, total)]
    return 2 * sizes[0] >= sizes[1] > 0 and total.type.dtype != "bool"


def _as_windows(
    graph: FunctionGraph, total: Variable, windows: Sequence[tuple[Multiple, Starts]]
) -> dict[Variable, Variable]:
    """Return the total as a sum of windows; of each part of it, if nothing else is read."""
    shape = _known(total)
    readers = graph.readers.get(total, ())
    slices = {node.out: _spans(node, shape) for node in readers if isinstance(node.op, Subtensor)}
    parts = {v: spans for v, spans in slices.items() if spans is not None}
    in_parts = len(parts) == len(readers) and total not in graph.outputs
    wanted = parts if in_parts else {total: [(0, n) for n in shape]}
    tensor = windows[0][0].tensor
    first, last = [0] * total.ndim, list(_known(tensor))
    for axis in range(total.ndim):
        places = [starts[axis] for _, starts in windows]
        for spans in wanted.values():
            first[axis] = min(first[axis], spans[axis][0] - max(places))
            last[axis] = max(last[axis], spans[axis][1] - min(places))
    padded = _padded(tensor, first, last)
    zero = Constant(0, total.dtype)
    replaced: dict[Variable, Variable] = {}
    for v, spans in wanted.items():
        result: Variable = zero
        for multiple, starts in windows:
            axes = zip(spans, starts, first, strict=True)
            keys = [Slice(a - at - least, b - at - least) for (a, b), at, least in axes]
            result = result + multiple.of(Subtensor(tuple(keys))(padded))
        replaced[v] = result
    return replaced


def _known(v: Variable) -> tuple[int, ...]:
    return tuple(n for n in v.type.shape if n is not None)


def _padded(tensor: Variable, first: Sequence[int], last: Sequence[int]) -> Variable:
    """Return a tensor with zeros around it, from the places ``first`` to before ``last``."""
    own = _known(tensor)
    if not any(first) and tuple(last) == own:
        return tensor
    extents = [b - a for a, b in zip(first, last, strict=True)]
    zeros = Alloc()(Constant(0, tensor.dtype), *extents)
    places = tuple(Slice(-a, n - a) for a, n in zip(first, own, strict=True))
    return IncSubtensor(places, overwrite=True)(zeros, tensor)


def _second_differences(x: Variable) -> Variable:
    """Return the gradient of second differences of the rows of a matrix."""
    g = SpecifyShape()(x, 3, 3)
    total: Variable = Alloc()(Constant(0, x.dtype), 5, 3)
    for k, part in enumerate((g, LANGUAGE["mul"](g, -2), neg(g))):
        total = LANGUAGE["inc_subtensor"](total[k : k + 3], part)
    return total[1:-1] if x.dtype != "bool" else total


increments_as_windows = Group(
    "windows",
    IncSubtensor,
    (
        Pass(
            "increments_as_windows",
            _rewrite,
            changes=Changes(nonfinite=True),
            examples=(_second_differences,),
        ),
    ),
)
"""Increments of zeros by multiples of one tensor are windows of it, padded."""
