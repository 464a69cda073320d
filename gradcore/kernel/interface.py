"""The inputs and outputs of a program: the buffers that it is given, and those that it returns."""

from __future__ import annotations

from gradcore.graph import FunctionGraph
from gradcore.kernel.ir import Buffer
from gradcore.kernel.lowering import Lowering, named


def inputs_declared(low: Lowering) -> None:
    """Let each input of the graph be a buffer, whose extents are registers."""
    for number, v in enumerate(low.graph.inputs):
        low.give(v, v.name or f"x{number}")


def outputs_stored(low: Lowering) -> None:
    """Let each output of the graph be a buffer: the one that has it already, or a copy."""
    low.outputs = [_output(low, low.graph, k) for k in range(len(low.graph.outputs))]


def _output(low: Lowering, graph: FunctionGraph, position: int) -> Buffer:
    """Return the buffer of output ``position``: where its value is already, or a copy of that."""
    value = low.value(graph.outputs[position])
    buffer = value.buffer
    own = buffer is not None and buffer.ndim > 0 and buffer.role == "work" and buffer.alias is None
    if not own:
        with low.of(graph.outputs[position].owner):
            buffer = low.new(named(graph.outputs[position]), value.dtype, value.shape)
            low.fill(buffer, value.read)
    assert buffer is not None
    buffer.role, buffer.position = "output", position
    return buffer
