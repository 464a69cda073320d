"""What statements use: their expressions, their buffers, and what they make and change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Call,
    Callback,
    Check,
    Expr,
    For,
    If,
    Let,
    Library,
    Load,
    Matmul,
    Point,
    Scope,
    Statement,
    Store,
    Symbol,
)


def inside(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Return statements and those in them."""
    for s in statements:
        yield s
        match s:
            case For() | Scope():
                yield from inside(s.body)
            case If(_, then, orelse):
                yield from inside(then)
                yield from inside(orelse)
            case _:
                pass


def expressions(s: Statement) -> Iterator[Expr]:
    """Return the expressions of a statement, not of those in it."""
    match s:
        case Store(buffer, index, value):
            yield from (*index, value)
            yield from buffer.shape
        case Let(_, value):
            yield value
        case If(condition):
            yield condition
        case For(_, extent):
            yield extent
        case Check(_, condition, values):
            yield from (condition, *values)
        case Allocate(buffer):
            yield from buffer.shape
        case Point(_, buffer, index):
            yield from (*index, *buffer.shape)
        case Matmul(out, x, y):
            for part in (out, x, y):
                yield from (*part.first, *part.shape, *part.buffer.shape)
                for steps in part.steps:
                    yield from steps
        case Library(_, scalars):
            yield from scalars
        case Callback(_, reads, writes):
            for buffer in (*reads, *writes):
                yield from buffer.shape
        case _:
            pass


def buffers(s: Statement) -> Iterator[Buffer]:
    """Return the buffers that a statement names, but for those it loads from."""
    match s:
        case Store(buffer) | Allocate(buffer):
            yield buffer
        case Point(pointer, buffer):
            yield from (pointer, buffer)
        case Matmul(out, x, y):
            yield from (out.buffer, x.buffer, y.buffer)
        case Library(_, _, reads, writes) | Callback(_, reads, writes):
            yield from (*reads, *writes)
        case _:
            pass


@dataclass
class Used:
    """What statements use, and what they make."""

    symbols: dict[Symbol, None] = field(default_factory=dict[Symbol, None])
    buffers: dict[Buffer, None] = field(default_factory=dict[Buffer, None])
    made: dict[Symbol | Buffer, None] = field(default_factory=dict["Symbol | Buffer", None])
    changed: dict[Symbol | Buffer, None] = field(default_factory=dict["Symbol | Buffer", None])

    def expression(self, x: Expr) -> None:
        """Note an expression."""
        stack = [x]
        while stack:
            x = stack.pop()
            if isinstance(x, Symbol):
                self.symbols[x] = None
            elif isinstance(x, Call):
                stack += reversed(x.operands)
            elif isinstance(x, Load):
                self.buffers[x.buffer.root] = None
                stack += x.index
                stack += x.buffer.shape

    def note(self, statements: Sequence[Statement]) -> Used:
        """Note statements and those in them."""
        for s in inside(statements):
            for x in expressions(s):
                self.expression(x)
            for b in buffers(s):
                self.buffers[b.root] = None
            match s:
                case Let(symbol, _, fresh):
                    if fresh:
                        self.made[symbol] = None
                    else:
                        self.symbols[symbol] = None
                        self.changed[symbol] = None
                case For(symbol):
                    self.made[symbol] = None
                case Allocate(buffer):
                    self.made[buffer] = None
                case Point(pointer):
                    self.changed[pointer] = None
                case Callback(_, _, writes, extents):
                    for buffer, symbols in zip(writes, extents, strict=True):
                        self.changed[buffer] = None
                        self.changed.update(dict.fromkeys(symbols))
                case _:
                    pass
        return self


def made_in_loops(body: Sequence[Statement]) -> list[Buffer]:
    """Return the buffers that loops make, not looking into what is made again at each step."""
    found: list[Buffer] = []
    for s in body:
        if isinstance(s, Allocate):
            found.append(s.buffer)
        elif isinstance(s, For) and not (s.body and isinstance(s.body[0], Scope)):
            found += made_in_loops(s.body)
    return found
