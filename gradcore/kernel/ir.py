"""The loop IR: what a graph becomes before it is printed as C or CUDA, or interpreted.

Expressions (`gradcore.kernel.expressions`) are scalars: literals, registers, loads from buffers,
and elementwise entries (`gradcore.ops.scalars`) applied to these.  Statements are loops, stores,
and calls of what is no loop.  ``print(program)`` shows them.

The decision: the IR has no types of its own beyond dtypes, no pointers and no strides: a buffer is
indexed by one expression an axis, so that a pass can see which loop moves along which axis.  How
addresses are computed is the printer's business.  Rejected: a flat index into memory, from which
every pass would have to recover the axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcore.graph import Apply
from gradcore.kernel.allocation import Allocate, Point, Scope
from gradcore.kernel.calls import Callback, Library, Matmul, Strided
from gradcore.kernel.expressions import (
    NARROW,
    ONE,
    SIMPLER,
    ZERO,
    Buffer,
    Call,
    Expr,
    Index,
    Literal,
    Load,
    Symbol,
    as_expr,
    as_index,
    call,
    cast,
    extent_of,
    identity_of,
    integer,
    never_negative,
    position_of,
    product,
)
from gradcore.kernel.notation import program_text
from gradcore.kernel.procedures import Invoke, Procedure
from gradcore.kernel.statements import (
    Access,
    Break,
    Change,
    Check,
    Chunks,
    For,
    If,
    Inner,
    Let,
    Place,
    Reduction,
    Rename,
    Show,
    Statement,
    Store,
    Waiting,
    Waits,
)
from gradcore.kernel.terms import loads, operations, parts, substituted

__all__ = (
    "MOST_CHECK_VALUES",
    "NARROW",
    "ONE",
    "SIMPLER",
    "ZERO",
    "Access",
    "Allocate",
    "Break",
    "Buffer",
    "Call",
    "Callback",
    "Change",
    "Check",
    "Chunks",
    "Expr",
    "For",
    "If",
    "Index",
    "Inner",
    "Invoke",
    "Let",
    "Library",
    "Literal",
    "Load",
    "Matmul",
    "Place",
    "Point",
    "Procedure",
    "Program",
    "Reduction",
    "Rename",
    "Scope",
    "Show",
    "Statement",
    "Store",
    "Strided",
    "Symbol",
    "Waiting",
    "Waits",
    "as_expr",
    "as_index",
    "call",
    "cast",
    "extent_of",
    "identity_of",
    "integer",
    "loads",
    "never_negative",
    "operations",
    "parts",
    "position_of",
    "product",
    "substituted",
)  # fmt: skip

MOST_CHECK_VALUES = 16
"""How many integers a check may report; `runtime.c` has room for as many."""


@dataclass(eq=False)
class Program:
    """A function of arrays.

    inputs : a buffer each; their extents are registers.
    outputs : a buffer each.
    constants : arrays that it reads.
    body : what it does.
    checks : for each check, what makes the exception of the values that it reports; for memory that
        cannot be had (`Buffer.lacking`), of the bytes.
    callbacks : functions of Python, with the nodes that they compute.
    title : what it computes, in a line.
    made_by : the nodes whose values registers and buffers hold.

    >>> i, n = Symbol("i"), Symbol("n")
    >>> x, y = Buffer("x", "float64", (n,), "input"), Buffer("y", "float64", (n,), "output")
    >>> body = [Allocate(y), For(i, n, [Store(y, (i,), Load(x, (i,)) * 2)])]
    >>> print(Program([x], [y], [], body, [], [], "x * 2"))
    # x * 2
    input x: float64[n]
    allocate output y: float64[n]
    for i < n:
        y[i] = x[i] * 2
    """

    inputs: list[Buffer]
    outputs: list[Buffer]
    constants: list[Buffer]
    body: list[Statement]
    checks: list[Callable[..., Exception]]
    callbacks: list[Any]
    title: str
    made_by: Mapping[Symbol | Buffer, Sequence[Apply]] = field(
        default_factory=dict["Symbol | Buffer", "Sequence[Apply]"]
    )

    def __str__(self) -> str:
        """Return it as text, a line a statement."""
        return program_text(self.title, (*self.inputs, *self.constants), self.body)
