"""What lowering knows of a variable: its shape, and how to read an element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradcore.dtypes import DTYPES
from gradcore.graph import Operand
from gradcore.graph.extents import UNKNOWN
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Call,
    Expr,
    Index,
    Literal,
    Load,
    Store,
    Strided,
    Symbol,
    as_index,
    extent_of,
)


@dataclass(eq=False, slots=True)
class Value:
    """A variable of a graph: its element form.

    dtype, shape : of the array.
    read : returns the element at an index.
    buffer : the buffer that holds it, whole and in C order, if there is one.
    elements : its elements, if it is a vector of which each is known.
    depth : how many element forms are nested in it.
    row_sums : a buffer of the sums over the last axis, where they are known without summing.
    within : the buffer of which a part was made for it, if it is no buffer of its own.
    """

    dtype: str
    shape: tuple[Expr, ...]
    read: Callable[[Index], Expr]
    buffer: Buffer | None = None
    elements: tuple[Expr, ...] | None = None
    depth: int = 0
    row_sums: Buffer | None = None
    within: Buffer | None = None

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    def __call__(self, *index: Expr | int) -> Expr:
        """Return the scalar at an index, of one expression or int an axis."""
        return self.read(tuple(i if isinstance(i, Expr) else Literal(i, "int64") for i in index))

    def store(self, index: Index, value: Expr) -> Store:
        """Return what stores ``value`` at an index of a place in memory."""
        there = self.read(index)
        assert isinstance(there, Load)
        return Store(there.buffer, there.index, value)

    def extent(self, axis: int) -> Expr:
        """Return the extent at ``axis`` as an expression."""
        return self.shape[axis]

    def stretched(self, index: Sequence[Expr]) -> Expr:
        """Return the element for an index into what it broadcasts to."""
        last = index[len(index) - self.ndim :]
        pairs = zip(self.shape, last, strict=True)
        return self.read(tuple(ZERO if n == ONE else i for n, i in pairs))

    @property
    def operand(self) -> Operand:
        """What a shape rule may know of it: its shape, and its value if it is an integer."""
        value: object = UNKNOWN
        if self.elements is not None:
            value = tuple(map(extent_of, self.elements))
        elif not self.shape and DTYPES[self.dtype].is_discrete:
            value = extent_of(as_index(self.read(())))
        return Operand(tuple(map(extent_of, self.shape)), value)


def stored_value(buffer: Buffer) -> Value:
    """Return the array that a buffer holds as a value, which is read element by element."""
    return Value(buffer.dtype, buffer.shape, lambda index: Load(buffer, index), buffer)


def affine(x: Expr, symbols: Sequence[Symbol]) -> tuple[Expr, dict[Symbol, Expr]] | None:
    """Return ``x`` as a constant and a factor for each of ``symbols``, if it is of that form."""
    if x in symbols and isinstance(x, Symbol):
        return ZERO, {x: Literal(1, "int64")}
    if isinstance(x, Call) and x.op.name in ("add", "sub", "mul", "neg"):
        found = [affine(operand, symbols) for operand in x.operands]
        if None in found:
            return None
        terms = [f for f in found if f is not None]
        (first, moving), others = terms[0], terms[1:]
        if x.op.name == "neg":
            return -first, {s: -k for s, k in moving.items()}
        ((second, more),) = others
        if x.op.name == "mul":
            if moving and more:
                return None
            if moving:
                return first * second, {s: k * second for s, k in moving.items()}
            return first * second, {s: first * k for s, k in more.items()}
        sign = 1 if x.op.name == "add" else -1
        total = dict(moving)
        for s, k in more.items():
            total[s] = total[s] + sign * k if s in total else sign * k
        return (first + second if sign == 1 else first - second), total
    return None if _mentions(x, symbols) else (x, {})


def _mentions(x: Expr, symbols: Sequence[Symbol]) -> bool:
    stack: list[Expr] = [x]
    while stack:
        y = stack.pop()
        if isinstance(y, Symbol) and y in symbols:
            return True
        if isinstance(y, Call):
            stack += y.operands
        elif isinstance(y, Load):
            stack += y.index
    return False


def strided(value: Value) -> Strided | None:
    """Return ``value`` as a part of a buffer with affine indices, if it is one."""
    symbols = [Symbol(f"i{axis}") for axis in range(value.ndim)]
    element = value.read(tuple(symbols))
    if not isinstance(element, Load) or element.dtype != value.dtype:
        return None
    found = [affine(x, symbols) for x in element.index]
    if None in found:
        return None
    terms = [f for f in found if f is not None]
    steps = tuple(tuple(moving.get(s, ZERO) for _, moving in terms) for s in symbols)
    return Strided(element.buffer, tuple(first for first, _ in terms), value.shape, steps)
