"""Products that no library computes, as loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.dtypes import computed
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Call,
    Expr,
    For,
    Index,
    Let,
    Load,
    Matmul,
    Program,
    Reduction,
    Statement,
    Store,
    Strided,
    Symbol,
    cast,
    identity_of,
)
from gradcore.kernel.uses import rewritten
from gradcore.ops.elementwise import entry
from gradcore_cuda.target import GpuTarget

BLAS = frozenset(("float32", "float64"))
"""The dtypes that a library multiplies matrices of."""


def products_as_loops(program: Program, target: GpuTarget) -> Program:
    """Return a program with loops for the products of dtypes that no library multiplies.

    float16 is added up in float32, and rounded once.
    """

    def change(s: Statement) -> list[Statement] | None:
        if isinstance(s, Matmul) and s.out.buffer.dtype not in BLAS:
            return [_loops(s)]
        return None

    return replace(program, body=rewritten(program.body, change))


def _loops(s: Matmul) -> Statement:
    """Return a product of matrices as loops, for those that are too small for cuBLAS."""
    dtype = s.out.buffer.dtype
    wide = computed(dtype)
    outer = [Symbol(f"i{k}") for k in range(len(s.out.shape))]
    k = Symbol("k")
    stack = outer[:-2]
    element = Load(s.out.buffer, _place(s.out, outer))
    x = Load(s.x.buffer, _place(s.x, [*stack, outer[-2], k]))
    y = Load(s.y.buffer, _place(s.y, [*stack, k, outer[-1]]))
    add, mul = ("or_", "and_") if dtype == "bool" else ("add", "mul")
    total = Symbol("total", wide)
    combining = entry(add)
    term = Call(entry(mul), (cast(x, wide), cast(y, wide)), wide)
    start = cast(element, wide) if s.accumulate else identity_of(combining, wide)
    body: list[Statement] = [
        Let(total, start),
        For(
            k, s.x.shape[-1], [Let(total, Call(combining, (total, term), wide), fresh=False)],
            reductions=[Reduction(total, combining)],
        ),
        Store(s.out.buffer, element.index, cast(total, dtype)),
    ]  # fmt: skip
    for symbol, n in reversed(list(zip(outer, s.out.shape, strict=True))):
        body = [For(symbol, n, body, parallel=symbol is outer[0])]
    return body[0]


def _place(part: Strided, at: Sequence[Symbol]) -> Index:
    """Return where an element of a part is in its buffer."""
    index: list[Expr] = list(part.first)
    for i, steps in zip(at, part.steps, strict=True):
        for axis, step in enumerate(steps):
            if step != ZERO:
                index[axis] = index[axis] + (i if step == ONE else i * step)
    return tuple(index)
