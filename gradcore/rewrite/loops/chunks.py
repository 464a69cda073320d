"""Loops over the seeds of a derivative: their steps are taken at once, all or in chunks."""

from __future__ import annotations

from gradcore.batching import stacked_graph
from gradcore.graph import UNKNOWN, Apply, Extent, FunctionGraph, Variable
from gradcore.graph.costs import size_in_bytes, total
from gradcore.graph.extents import larger
from gradcore.graph.nodes import constant_extent, extents_of, symbolic_operand
from gradcore.graph.traverse import depends_on
from gradcore.language import LANGUAGE
from gradcore.ops.loop import Seeds
from gradcore.ops.scan import Scan
from gradcore.ops.stacks import repeated
from gradcore.rewrite.changes import Changes
from gradcore.rewrite.loops import examples
from gradcore.rewrite.loops.parts import LoopParts, first_of
from gradcore.rewrite.loops.push_out import push_out
from gradcore.scan.builder import LoopBuilder


@push_out.rule(
    op=Scan,
    examples=[examples.seeds, examples.chunks],
    changes=Changes(rounding=64, of="terms"),
)
def push_out_seeds(node: Apply) -> list[Variable] | None:
    """What is computed of each seed is computed of as many at once as may be"""
    op = node.op
    assert isinstance(op, Scan)
    if op.seeds is None or op.states or op.until:
        return None
    if not op.seeds.bounded:
        nested = any(inside.op.graphs for inside in op.body.nodes)
        return None if nested else _all_at_once(node)
    most = op.seeds.at_once or _within_budget(op, node, op.seeds.budget)
    if most is UNKNOWN or (isinstance(most, int) and most == 1):
        return None
    steps = constant_extent(node.inputs[0])
    if steps is not None and isinstance(most, int) and steps <= most:
        return _all_at_once(node)
    return _in_chunks(node, most)


def _within_budget(op: Scan, node: Apply, budget: int) -> Extent:
    """Return of how many steps what is computed takes no more than ``budget`` bytes; 1 at least."""
    moving = depends_on(op.body.outputs, op.parts(op.body.inputs).sequences)
    computed = tuple(v for v in op.body.variables if v in moving and v.owner is not None)
    every = op.with_graphs(FunctionGraph(op.body.inputs, computed))
    operands = [symbolic_operand(v) for v in node.inputs[1:]]
    shapes = every.step_shapes(node.inputs[1:], operands)
    size = total(size_in_bytes(v.dtype, shape) for v, shape in zip(computed, shapes, strict=True))
    return size if size is UNKNOWN else larger(budget // larger(size, 1), 1)


def _all_at_once(node: Apply) -> list[Variable]:
    """Return what a loop stacks, of all steps at once."""
    loop = LoopParts.of(node)
    elements = {each.inner: first_of(each.outer, loop.steps) for each in loop.sequences}
    return _of_steps(loop, elements, loop.steps)


def _in_chunks(node: Apply, most: Extent) -> list[Variable]:
    """Return what a loop stacks, of chunks of ``most`` steps at most, as long as each other.

    The last one repeats the last step until it is as long.
    """
    loop = LoopParts.of(node)
    known = constant_extent(loop.steps)
    n: Extent = loop.steps if known is None else known
    count = (n + (most - 1)) // most
    length = larger((n + (count - 1)) // larger(count, 1), 1)

    def chunk(c: Variable) -> list[Variable]:
        at = LANGUAGE["minimum"](LANGUAGE["arange"](length) + c * length, n - 1)
        return _of_steps(loop, {each.inner: each.outer[at] for each in loop.sequences}, length)

    name = loop.op.name
    chunks = LoopBuilder(chunk, LANGUAGE["arange"](count), None, None, None, False, False, name)
    return [
        LANGUAGE["reshape"](stack, (count * length, *extents_of(stack)[2:]))[:n]
        for stack in chunks.build(-1, seeds=Seeds(at_once=1))
    ]


def _of_steps(loop: LoopParts, elements: dict[Variable, Variable], count: Extent) -> list[Variable]:
    """Return what ``count`` steps give, for the elements of the sequences in them, stacked."""
    captured = {each.inner: each.outer for each in loop.constants}
    found = stacked_graph(loop.stacks, {**captured, **elements})
    pairs = zip(found, loop.stacks, strict=True)
    return [x if x.ndim > v.ndim else repeated(x, count) for x, v in pairs]
