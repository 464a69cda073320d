"""Statements that call what is no loop: products of matrices, functions of libraries, Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gradcore.kernel.expressions import Buffer, Expr, Index, Literal, Load, Symbol
from gradcore.kernel.statements import Access, Change, Inner, Rename, Show, Statement


@dataclass(frozen=True, eq=False, slots=True)
class Strided:
    """A part of a buffer with affine indices: its first element and a step an axis.

    >>> n, m, k = Symbol("n"), Symbol("m"), Symbol("k")
    >>> x, zero, one = Buffer("x", "float64", (n, m)), Literal(0, "int64"), Literal(1, "int64")
    >>> column = Strided(x, (zero, m - 1), (n,), ((one, zero),))
    >>> column.text(repr, [k]), column.spanned()
    ('x[k, add(m, -1)] for k < n', frozenset({0}))
    """

    buffer: Buffer
    first: Index
    shape: tuple[Expr, ...]
    steps: tuple[tuple[Expr, ...], ...]
    """For each axis of the part, by how much each index of the buffer moves."""

    def rebuilt(self, expr: Callable[[Expr], Expr]) -> Strided:
        """Return a copy with other expressions."""
        steps = tuple(tuple(map(expr, along)) for along in self.steps)
        return Strided(
            self.buffer, tuple(map(expr, self.first)), tuple(map(expr, self.shape)), steps
        )

    def spanned(self) -> frozenset[int]:
        """Return the axes of the buffer along which the part has several elements."""
        return frozenset(
            axis for steps in self.steps for axis, n in enumerate(steps) if n != Literal(0, "int64")
        )

    def along(self, buffer: Buffer, axes: Sequence[int]) -> Strided:
        """Return the part in a buffer that has only these axes of this one."""
        first = tuple(self.first[axis] for axis in axes)
        steps = tuple(tuple(steps[axis] for axis in axes) for steps in self.steps)
        return Strided(buffer, first, self.shape, steps)

    def text(self, show: Show, along: Sequence[Symbol]) -> str:
        """Return the buffer as it is indexed where ``along`` count along the axes of the part."""
        index = list(self.first)
        for k, steps in zip(along, self.steps, strict=False):
            index = [i + step * k for i, step in zip(index, steps, strict=True)]
        counts = zip(along, self.shape, strict=False)
        ends = ", ".join(f"{show(k)} < {show(n)}" for k, n in counts)
        return f"{show(Load(self.buffer, tuple(index)))} for {ends}"


@dataclass(eq=False, slots=True)
class Matmul(Statement):
    """``out = scale * out + x @ y``, for matrices and stacks of them (along equal axes).

    >>> zero, one, two = (Literal(k, "int64") for k in range(3))
    >>> x, y, z = (Buffer(name, "float64", (two, two)) for name in "xyz")
    >>> steps = ((one, zero), (zero, one))
    >>> parts = [Strided(b, (zero, zero), (two, two), steps) for b in (z, x, y)]
    >>> print(*Matmul(*parts, accumulate=True).lines(repr))
    (z[k0, k1] for k0 < 2, k1 < 2) += (x[k0, k1] for k0 < 2, k1 < 2) @ (...)
    """

    out: Strided
    x: Strided
    y: Strided
    accumulate: bool = False

    def expressions(self) -> Iterator[Expr]:
        """Return where the parts start, how far they go, and in which steps."""
        for part in (self.out, self.x, self.y):
            yield from (*part.first, *part.shape, *part.buffer.shape)
            for steps in part.steps:
                yield from steps

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the result and the factors."""
        return (self.out.buffer, self.x.buffer, self.y.buffer)

    def reads(self) -> Iterator[Access]:
        """Return what it reads from memory: the factors, and what they are added to."""
        yield self.x.buffer, None
        yield self.y.buffer, None
        if self.accumulate:
            yield self.out.buffer, None

    def writes(self) -> Iterable[Access]:
        """Return what it writes to memory: the result."""
        return ((self.out.buffer, None),)

    def work(self) -> Expr:
        """Return how many multiplications it takes: rows times columns times terms."""
        return self.out.shape[0] * self.out.shape[1] * self.x.shape[1]

    def rebuilt(self, expr: Change, block: Inner) -> Matmul:
        """Return a copy with other indices."""
        return self.with_parts(lambda part: part.rebuilt(expr))

    def with_buffers(self, change: Rename) -> Matmul:
        """Return the product with its factors and result in other buffers, at the same places."""
        return self.with_parts(lambda part: replace(part, buffer=change(part.buffer)))

    def with_parts(self, change: Callable[[Strided], Strided]) -> Matmul:
        """Return the product with its factors and result elsewhere."""
        return Matmul(change(self.out), change(self.x), change(self.y), self.accumulate)

    def run(self, machine: Any) -> None:
        """Multiply the matrices."""
        machine.matmul(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the product as a line of text."""
        along = [Symbol(f"k{axis}") for axis in range(len(self.out.shape))]
        out, x, y = (f"({part.text(show, along)})" for part in (self.out, self.x, self.y))
        return (f"{out} {'+' * self.accumulate}= {x} @ {y}",)


@dataclass(eq=False, slots=True)
class Library(Statement):
    """A function of a library: ``name(*scalars, *buffers)``, which reads and writes buffers.

    meaning : what it writes, a tuple, as a function of the arrays that it reads; what is left of
        the buffers that it writes is its workspace.  None: it changes them, and is one of ours.

    >>> import numpy as np
    >>> x, y = (Buffer(name, "float64", (Symbol("n"),)) for name in "xy")
    >>> call = Library("sort_float64", x.shape, (x,), (y,), lambda a: (np.sort(a),))
    >>> print(*call.lines(repr))
    y = library sort_float64(n, x)
    """

    name: str
    scalars: tuple[Expr, ...]
    operands: tuple[Buffer, ...]
    results: tuple[Buffer, ...]
    meaning: Callable[..., tuple[Any, ...]] | None = None

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the numbers."""
        return self.scalars

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the operands and the results."""
        return (*self.operands, *self.results)

    def reads(self) -> Iterable[Access]:
        """Return all buffers: results must be there, too, be it that nobody else reads them."""
        return ((b, None) for b in self.buffers())

    def writes(self) -> Iterable[Access]:
        """Return what it writes to memory: the results."""
        return ((b, None) for b in self.results)

    def rebuilt(self, expr: Change, block: Inner) -> Library:
        """Return a copy with other numbers."""
        return replace(self, scalars=tuple(map(expr, self.scalars)))

    def run(self, machine: Any) -> None:
        """Call the function."""
        machine.library(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the call as a line of text."""
        given = ", ".join(map(show, (*self.scalars, *self.operands)))
        return (f"{', '.join(map(show, self.results))} = library {self.name}({given})",)


@dataclass(eq=False, slots=True)
class Callback(Statement):
    """A function of Python, of arrays; the shapes of what it returns become known by it.

    It is run in any case, for it may raise or print.

    which : its number.
    extents : for each output, a register for each extent.

    >>> from gradcore.kernel.ir import Program
    >>> n, m = Symbol("n"), Symbol("m")
    >>> x, y = Buffer("x", "float64", (n,)), Buffer("y", "float64", (m,))
    >>> print(Program([], [], [], [Callback(0, (x,), (y,), ((m,),))], [], [], "of m elements"))
    # of m elements
    y[m] = python 0(x)
    """

    required: ClassVar[bool] = True

    which: int
    operands: tuple[Buffer, ...]
    results: tuple[Buffer, ...]
    extents: tuple[tuple[Symbol, ...], ...]

    def expressions(self) -> Iterator[Expr]:
        """Return the expressions that it evaluates: the extents."""
        for buffer in self.buffers():
            yield from buffer.shape

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the operands and the results."""
        return (*self.operands, *self.results)

    def reads(self) -> Iterable[Access]:
        """Return what it reads from memory: the operands."""
        return ((b, None) for b in self.operands)

    def writes(self) -> Iterable[Access]:
        """Return what it writes to memory: the results."""
        return ((b, None) for b in self.results)

    def changes(self) -> Iterator[Symbol | Buffer]:
        """Return the results, whose memory is Python's, and their extents."""
        yield from self.results
        for symbols in self.extents:
            yield from symbols

    def run(self, machine: Any) -> None:
        """Let Python compute the node."""
        machine.callback(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the call, and the extents that it makes known."""
        given = ", ".join(map(show, self.operands))
        shapes = zip(self.results, self.extents, strict=True)
        found = ", ".join(f"{show(buffer)}{show(shape)}" for buffer, shape in shapes)
        return (f"{found} = python {self.which}({given})",)
