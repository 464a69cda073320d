"""Functions of libraries, as ops declare them: operands and outputs whole, in C order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.graph import Apply, Op
from gradcore.graph.externs import Extern, successes
from gradcore.kernel.failures import Failure
from gradcore.kernel.ir import Buffer, Expr, Library, Load, as_expr, call, product
from gradcore.kernel.lowering import Lowering, check_required, dtype_of, named
from gradcore.kernel.values import stored_value
from gradcore.ops.elementwise import entry


def library_call(low: Lowering, node: Apply) -> None:
    """Call the function that the op names on the whole stack."""
    extern = node.op.extern
    assert extern is not None
    check_required(low, node)
    operands = [low.value(v) for v in node.inputs]
    shapes = low.shapes(node)
    reads = [low.whole(x, named(v)) for x, v in zip(operands, node.inputs, strict=True)]
    dtype = dtype_of(node)
    writes = [low.new(named(v), v.dtype, n) for v, n in zip(node.outputs, shapes, strict=True)]
    split = operands[-1].ndim - extern.core
    extents = operands[-1].shape[split:]
    found: list[Buffer] = [] if extern.failure is None else [low.new("found", "int64", ())]
    work: list[Buffer] = []
    if extern.workspace is not None:
        size = extern.workspace(*extents, *extern.numbers)
        work = [low.new("workspace", dtype, [low.extent(as_expr(size))])]
    stack = product(operands[-1].shape[:split])
    called_with: Sequence[Any] = (stack, *extents)
    if extern.extents is not None:
        called_with = extern.extents([x.shape for x in operands], shapes)
    low.put(
        Library(
            f"extern:{extern.name}_{dtype}",
            (*map(as_expr, called_with), *map(as_expr, extern.numbers)),
            tuple(reads),
            (*writes, *found, *work),
            _meaning(node),
        )
    )
    if found and extern.raises:
        _check_found(low, extern, Load(found[0], ()), stack)
    for v, out in zip(node.outputs, writes, strict=True):
        low.values[v] = stored_value(out)


def _check_found(low: Lowering, extern: Extern, found: Expr, stack: Expr) -> None:
    """Check that there are results for all arrays of a stack."""
    low.check(call(entry("eq"), (found, stack), "bool"), [found, stack], _failure(extern))


def _failure(extern: Extern) -> Failure:
    def failed(values: Sequence[int]) -> Exception:
        assert extern.failure is not None
        return extern.failure(*values)

    return failed


def _meaning(node: Apply) -> Callable[..., tuple[Any, ...]]:
    """Return the reference of ``node``, returning a tuple."""
    if node.op.extern is not None and node.op.extern.failure is not None:
        return _attempting(node.op)
    kernel = node.op.kernel(node)
    return kernel if len(node.outputs) > 1 else lambda *arrays: (kernel(*arrays),)


def _attempting(op: Op) -> Callable[..., tuple[Any, ...]]:
    """Return what attempts all arrays of a stack, and also returns how many it found, up to one."""

    def attempt(*arrays: Any) -> tuple[Any, ...]:
        *outputs, failed = op.attempted(*arrays)
        return (*outputs, successes(np, failed))

    return attempt
