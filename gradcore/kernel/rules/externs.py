"""Functions of libraries, as ops declare them: operands and outputs whole, in C order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcore.graph import Apply
from gradcore.kernel.ir import Buffer, Library, as_expr, product
from gradcore.kernel.lowering import Lowering, check_required, named
from gradcore.kernel.values import stored_value


def library_call(low: Lowering, node: Apply) -> None:
    """Call the function that the op names on the whole stack."""
    extern = node.op.extern
    assert extern is not None
    check_required(low, node)
    operands = [low.value(v) for v in node.inputs]
    shapes = low.shapes(node)
    reads = [low.whole(x, named(v)) for x, v in zip(operands, node.inputs, strict=True)]
    dtype = node.outputs[0].dtype
    writes = [low.new(named(v), v.dtype, n) for v, n in zip(node.outputs, shapes, strict=True)]
    split = operands[-1].ndim - extern.core
    extents = operands[-1].shape[split:]
    work: list[Buffer] = []
    if extern.workspace is not None:
        work = [low.new("workspace", dtype, [low.extent(as_expr(extern.workspace(*extents)))])]
    stack = product(operands[-1].shape[:split])
    low.put(
        Library(
            f"extern:{extern.name}_{dtype}",
            (stack, *extents),
            tuple(reads),
            (*writes, *work),
            _meaning(node),
        )
    )
    for v, out in zip(node.outputs, writes, strict=True):
        low.values[v] = stored_value(out)


def _meaning(node: Apply) -> Callable[..., tuple[Any, ...]]:
    """Return the reference of ``node``, returning a tuple."""
    kernel = node.op.kernel(node)
    return kernel if len(node.outputs) > 1 else lambda *arrays: (kernel(*arrays),)
