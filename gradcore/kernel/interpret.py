"""Runs a program of loops on NumPy arrays, scalar by scalar: the living definition of the IR.

It also holds the program to all that a printer takes for granted, and fails where that is not so:
indices are in bounds, registers and buffers are made before they are used and not used after they
are gone, nothing is read that was not written, inputs are left alone, and the steps of a loop that
is not ordered share nothing but what they contribute to.  Such loops run from their last step to
their first, so that a result that depends on the order is another one.

The decision: every access to memory notes in which step of which loops it was, so that a step that
needs another one is found where it does, not by its effect.  Rejected: running each loop in many
orders and comparing, which finds less and does not say where.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcore.graph import Array
from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.ir import (
    Allocate,
    Break,
    Buffer,
    Call,
    Callback,
    Check,
    Expr,
    For,
    If,
    Index,
    Let,
    Library,
    Literal,
    Load,
    Matmul,
    Point,
    Program,
    Scope,
    Statement,
    Store,
    Strided,
    Symbol,
    integer,
    parts,
)
from gradcore.ops.elementwise import Elementwise, row

REASONS = 16
"""How many values a check may tell."""


def interpret(program: Program) -> Callable[..., list[Array]]:
    """Return a program as a function of arrays that returns fresh arrays.

    The function raises what the program's checks say; AssertionError: the program is wrong.
    """

    def run(*arrays: Any) -> list[Array]:
        with np.errstate(all="ignore"):
            return _Run(program).outputs(arrays)

    return run


@functools.lru_cache(maxsize=4096)
def _typed(row: Elementwise, given: tuple[str, ...], result: str) -> Callable[..., Any]:
    """Return a row as a function of scalars, with conversions as the row declares them.

    They are taken as vectors: NumPy has its own ways with scalars, such as x ** 0.5 as a root.
    """
    taken = [np.dtype(dtype) for dtype in row.takes(given, result)]

    def computed(*operands: Any) -> Any:
        converted = (x.astype(dtype).reshape(1) for x, dtype in zip(operands, taken, strict=True))
        return np.asarray(row.numpy(*converted), result)[0]

    return computed


def computed(name: str, given: tuple[str, ...], result: str, *operands: int) -> int:
    """Return a row of integers as it is declared: in these dtypes, in which it may wrap.

    >>> computed("add", ("int64", "int64"), "int64", 2**63 - 1, 1) == -(2**63)
    True
    """
    with np.errstate(all="ignore"):
        scalars = (np.dtype(t).type(n) for t, n in zip(given, operands, strict=True))
        return int(_typed(row(name), given, result)(*scalars))


# memory -----------------------------------------------------------------------------------------
@dataclass(eq=False, slots=True)
class _Memory:
    """Elements in a row.

    name : of the buffer that it was made for.
    data : the elements.
    written : which of them have a value.
    fixed : whether none may be written.
    gone : whether it was given back.
    """

    name: str
    data: Array
    written: Array
    fixed: bool = False
    gone: bool = False


@dataclass(eq=False, slots=True)
class _Register:
    """What a symbol stands for, or where a buffer is: its memory, and the first element in it."""

    name: str
    value: Any = None


Cell: TypeAlias = "tuple[_Memory | _Register, int]"
"""An element of a memory, or a register."""


@dataclass(eq=False, slots=True)
class _Steps:
    """A loop that is not ordered, while it runs.

    step : which step it is in.
    touched : in which step each cell was used (None: in several), and whether it was written.
    contributed : what the steps contribute to.
    carried : of that, what another target takes over from time to time.
    """

    loop: For
    contributed: set[_Memory | _Register]
    carried: set[_Memory | _Register]
    step: int = 0
    touched: dict[Cell, tuple[int | None, bool]] = field(
        default_factory=dict[Cell, "tuple[int | None, bool]"]
    )

    def touch(self, cell: Cell, writing: bool, adding: bool) -> None:
        """Note that this step uses ``cell``; steps that only add to it have the number -1."""
        here = -1 if adding else self.step
        if cell[0] in self.contributed:
            return
        step, wrote = self.touched.get(cell, (here, False))
        if step != here:
            if writing or wrote:
                raise AssertionError(
                    f"the steps of {self.loop.index} are not independent: they share "
                    f"{cell[0].name}[{cell[1]}]"
                )
            step = None
        self.touched[cell] = step, wrote or writing


class _Left(Exception):  # noqa: N818 - it is no error
    """The innermost loop was left."""


# a run ------------------------------------------------------------------------------------------
class _Run:
    """What registers and memories hold, while a program runs.

    known : what is declared, from the outermost block.
    owned : the memories that are given back together, from the outermost scope.
    loops : the loops around this statement that are not ordered.
    contributing : what the statement that runs contributes to.
    adding : whether an element is added to, in any order with others.
    within : whether this is in a loop before which all is made that it needs.
    planned : the shapes of what such a loop makes.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.known: dict[Symbol | Buffer, _Register] = {}
        self.declared: list[list[Symbol | Buffer]] = [[]]
        self.owned: list[list[_Memory]] = [[]]
        self.loops: list[_Steps] = []
        self.contributing: _Memory | _Register | None = None
        self.within = self.adding = False
        self.planned: dict[Buffer, tuple[int, ...]] = {}

    def outputs(self, arrays: Sequence[Any]) -> list[Array]:
        """Return what the program makes of ``arrays``."""
        for buffer, given in zip(self.program.inputs, arrays, strict=True):
            array = np.asarray(given)
            assert array.dtype.name == buffer.dtype, (buffer, array.dtype)
            for n, extent in zip(array.shape, buffer.shape, strict=True):
                if isinstance(extent, Symbol):
                    self.declare(extent, np.int64(n))
                else:
                    assert self.integer(extent) == n, (buffer, array.shape)
            self.declare(buffer, self.memory(buffer, array))
        for buffer in self.program.constants:
            self.declare(buffer, self.memory(buffer, buffer.data))
        self.statements(self.program.body)
        return [self.whole(buffer).copy() for buffer in self.program.outputs]

    # registers ----------------------------------------------------------------------------------
    def declare(self, what: Symbol | Buffer, value: Any = None) -> None:
        """Declare a register or buffer in this block."""
        if what in self.known:
            raise AssertionError(f"{what} is declared twice")
        self.known[what] = _Register(what.name, value)
        self.declared[-1].append(what)

    def register(self, what: Symbol | Buffer, writing: bool = False) -> _Register:
        """Return the register of a symbol or buffer, to read or set it."""
        found = self.known.get(what)
        if found is None:
            raise AssertionError(f"{what} is not declared here")
        self.touch((found, 0), writing)
        return found

    def set(self, symbol: Symbol, value: Any) -> None:
        """Set a register again."""
        self.register(symbol.final, writing=True).value = value

    @contextmanager
    def block(self, frees: bool = False) -> Generator[None]:
        """Forget, at the end, what is declared inside.

        frees : whether memory is given back, too.
        """
        self.declared.append([])
        if frees:
            self.owned.append([])
        try:
            yield
        finally:
            for what in self.declared.pop():
                del self.known[what]
            if frees:
                for memory in self.owned.pop():
                    memory.gone = True

    # accesses -----------------------------------------------------------------------------------
    def touch(self, cell: Cell, writing: bool) -> None:
        """Note an access."""
        for loop in self.loops:
            loop.touch(cell, writing, self.adding)
            taken = cell[0] is self.contributing or cell[0] in loop.carried
            if cell[0] in loop.contributed and not taken:
                raise AssertionError(
                    f"a step of {loop.loop.index} uses {cell[0].name}, to which others contribute"
                )

    def memory(self, buffer: Buffer, data: Array) -> tuple[_Memory, int]:
        """Return the memory of an array that is given, and where it starts."""
        flat = np.array(data, order="C").reshape(-1)
        return _Memory(buffer.name, flat, np.ones(flat.size, bool), fixed=True), 0

    def shape(self, buffer: Buffer) -> tuple[int, ...]:
        """Return the extents of a buffer."""
        return tuple(map(self.integer, buffer.shape))

    def opened(self, buffer: Buffer, writing: bool) -> tuple[_Memory, int, tuple[int, ...]]:
        """Return the memory of a buffer, where it starts, and its shape."""
        place = self.register(buffer.root).value
        if place is None:
            raise AssertionError(f"{buffer} points nowhere")
        memory, start = place
        shape = self.shape(buffer)
        if memory.gone:
            raise AssertionError(f"the memory of {buffer} was given back")
        if writing and memory.fixed:
            raise AssertionError(f"{buffer} is written, which is not the program's own")
        if start + math.prod(shape) > memory.data.size:
            raise AssertionError(f"{buffer} of shape {shape} is larger than its memory")
        if buffer.root.role != "pointer" and math.prod(shape) != memory.data.size:
            raise AssertionError(f"{buffer} of shape {shape} has memory for {memory.data.size}")
        return memory, start, shape

    def used(self, memory: _Memory, places: Array, writing: bool) -> None:
        """Note that elements are used, and fail if one is read that was not written."""
        if not writing and not memory.written[places].all():
            raise AssertionError(f"{memory.name} is read where it was not written")
        if self.loops:
            for place in np.ravel(places).tolist():
                self.touch((memory, place), writing)
        if writing:
            memory.written[places] = True

    def element(self, buffer: Buffer, index: Index, writing: bool) -> tuple[_Memory, int]:
        """Return where an element is."""
        memory, place, shape = self.opened(buffer, writing)
        numbers = tuple(map(self.integer, index))
        position = 0
        for i, n in zip(numbers, shape, strict=True):
            if not 0 <= i < n:
                raise AssertionError(f"{buffer}{list(numbers)} is out of bounds: {shape}")
            position = position * n + i
        place += position
        if not writing and not memory.written[place]:
            raise AssertionError(f"{buffer}{list(numbers)} is read, which was not written")
        self.touch((memory, place), writing)
        return memory, place

    def whole(self, buffer: Buffer, writing: bool = False) -> Array:
        """Return all of a buffer, to read or write it."""
        memory, start, shape = self.opened(buffer, writing)
        part = slice(start, start + math.prod(shape))
        self.used(memory, np.arange(part.start, part.stop), writing)
        return memory.data[part].reshape(shape)

    def part(self, part: Strided) -> tuple[_Memory, Array]:
        """Return the memory of a part of a buffer, and where in it each element is."""
        memory, start, shape = self.opened(part.buffer, writing=False)
        extents = tuple(map(self.integer, part.shape))
        assert len(part.steps) == len(extents), part
        moved = np.indices(extents)
        places = np.full(extents, start)
        stride = 1
        for axis in reversed(range(len(shape))):
            at = np.full(extents, self.integer(part.first[axis]))
            for along, steps in zip(moved, part.steps, strict=True):
                at += along * self.integer(steps[axis])
            if at.size and not (at.min() >= 0 and at.max() < shape[axis]):
                raise AssertionError(f"a part of {part.buffer} is out of bounds: {shape}")
            places += at * stride
            stride *= shape[axis]
        return memory, places

    # expressions --------------------------------------------------------------------------------
    def integer(self, x: Expr) -> int:
        """Return the value of an extent or index."""
        assert x.dtype == "int64", x
        return int(self.value(x))

    def value(self, x: Expr) -> Any:
        """Return the value of an expression, a scalar of NumPy."""
        match x:
            case Literal():
                return np.dtype(x.dtype).type(x.value)
            case Symbol():
                return self.register(x.final).value
            case Load(buffer, index):
                memory, place = self.element(buffer, index, writing=False)
                return memory.data[place]
            case Call():
                function = _typed(x.row, tuple(y.dtype for y in x.operands), x.dtype)
                return function(*map(self.value, x.operands))
            case _:
                raise TypeError(x)

    # statements ---------------------------------------------------------------------------------
    def statements(self, given: Sequence[Statement]) -> None:
        """Run statements."""
        for s in given:
            self.statement(s)

    def statement(self, s: Statement) -> None:
        """Run a statement."""
        match s:
            case AtomicAdd():
                self.add(s)
            case Store():
                self.store(s)
            case Let(symbol, value, fresh):
                _alike(symbol, value)
                if fresh:
                    self.declare(symbol.final, self.value(value))
                else:
                    with self.contribution(self.known.get(symbol.final), symbol.final, value):
                        self.set(symbol, self.value(value))
            case If(condition, then, orelse):
                assert condition.dtype == "bool", s
                with self.block():
                    self.statements(then if self.value(condition) else orelse)
            case For():
                self.loop(s)
            case Check():
                self.check(s)
            case Allocate(buffer):
                self.allocate(buffer)
            case Scope(body):
                with self.block(frees=True):
                    self.statements(body)
            case Break():
                raise _Left
            case Point(pointer, buffer, index):
                self.point(pointer, buffer, index)
            case Matmul():
                self.matmul(s)
            case Library():
                self.library(s)
            case Callback():
                self.callback(s)
            case _:
                raise TypeError(s)

    def store(self, s: Store) -> None:
        """Write an element."""
        _alike(s.buffer, s.value)
        register = self.known.get(s.buffer.root)
        memory = register.value[0] if register is not None and register.value else None
        with self.contribution(memory, Load(s.buffer, s.index), s.value):
            value = self.value(s.value)
            memory, place = self.element(s.buffer, s.index, writing=True)
            memory.data[place] = value
            memory.written[place] = True

    def add(self, s: AtomicAdd) -> None:
        """Add to an element, to which other steps may add."""
        _alike(s.buffer, s.value)
        value = self.value(s.value)
        index = tuple(integer(self.integer(i)) for i in s.index)
        self.adding = True
        memory, place = self.element(s.buffer, index, writing=True)
        self.adding = False
        assert memory.written[place], s
        memory.data[place] += value

    @contextmanager
    def contribution(
        self, target: _Memory | _Register | None, there: Expr, value: Expr
    ) -> Generator[None]:
        """Let a statement use what a loop's steps contribute to, if it does nothing else with it.

        there : what the statement sets to ``value``.
        """
        loops = [loop for loop in self.loops if target in loop.contributed]
        for loop in loops:
            rows = [
                r.row
                for r in loop.loop.reductions
                if (r.target if isinstance(r.target, Buffer) else r.target.final) in _named(there)
            ]
            assert rows, (there, loop.loop.reductions)
            starts = isinstance(value, Literal) and all(target in x.carried for x in loops)
            if not starts and not _contributes(there, value, rows):
                raise AssertionError(
                    f"{there} is set to {value}, no contribution to it by {rows[0]}"
                )
        outer, self.contributing = self.contributing, target if loops else None
        try:
            yield
        finally:
            self.contributing = outer

    def check(self, s: Check) -> None:
        """Raise what the program says if the condition does not hold."""
        assert s.condition.dtype == "bool", s
        assert len(s.values) <= REASONS, s
        if not self.value(s.condition):
            raise self.program.checks[s.number](tuple(int(self.value(x)) for x in s.values))

    def allocate(self, buffer: Buffer) -> None:
        """Make a buffer."""
        assert buffer.alias is None, buffer
        if buffer.role == "pointer":
            self.declare(buffer)
            return
        shape = self.shape(buffer)
        assert min(shape, default=0) >= 0, (buffer, shape)
        assert self.planned.get(buffer, shape) == shape, (buffer, shape, self.planned[buffer])
        size = math.prod(shape)
        memory = _Memory(buffer.name, np.zeros(size, buffer.dtype), np.zeros(size, bool))
        self.owned[-1].append(memory)
        self.declare(buffer, (memory, 0))

    def point(self, pointer: Buffer, buffer: Buffer, index: Index) -> None:
        """Let a pointer be the part of a buffer from an element on."""
        assert pointer.role == "pointer" and pointer.alias is None, pointer
        assert pointer.dtype == buffer.dtype, (pointer, buffer)
        memory, place, shape = self.opened(buffer, writing=False)
        position = 0
        for i, n in zip(map(self.integer, index), shape, strict=True):
            position = position * n + i
        self.register(pointer, writing=True).value = memory, place + position

    # loops --------------------------------------------------------------------------------------
    def loop(self, s: For) -> None:
        """Run a loop: one that is not ordered, from its end."""
        assert not (s.parallel and s.ordered), s.index
        if not s.ordered and any(r.row is None or r.running for r in s.reductions):
            raise AssertionError(f"the steps of {s.index} contribute in order: it is to be ordered")
        extent = self.integer(s.extent)
        inner, self.within = self.within, not _scoped(s)
        if self.within and not inner:
            self.planned = {}
            self.plan(s)
        steps = _Steps(
            s,
            {self.target(r.target) for r in s.reductions},
            {self.target(r.target) for r in s.reductions if r.carried},
        )
        if not s.ordered:
            self.loops.append(steps)
        try:
            for i in range(extent) if s.ordered else reversed(range(extent)):
                steps.step = i
                with self.block(frees=True):
                    self.declare(s.index.final, np.int64(i))
                    self.statements(s.body)
        except _Left:
            if not s.ordered:
                raise AssertionError(f"{s.index} is left, which is not ordered") from None
        finally:
            self.within = inner
            if not s.ordered:
                self.loops.pop()
        assert self.integer(s.extent) == extent, s.index

    def target(self, target: Symbol | Buffer) -> _Memory | _Register:
        """Return what a loop contributes to."""
        if isinstance(target, Symbol):
            return self.known[target.final]
        return self.known[target.root].value[0]

    def plan(self, s: For) -> None:
        """Note the shapes of what a loop makes, which must be known before it."""
        for inner in s.body:
            if isinstance(inner, Allocate) and inner.buffer.role != "pointer":
                self.planned[inner.buffer] = self.shape(inner.buffer)
            elif isinstance(inner, For) and not _scoped(inner):
                self.plan(inner)

    # what is no loop ----------------------------------------------------------------------------
    def matmul(self, s: Matmul) -> None:
        """Multiply matrices."""
        assert s.out.buffer.dtype == s.x.buffer.dtype == s.y.buffer.dtype, s
        (x, left), (y, right) = self.part(s.x), self.part(s.y)
        self.used(x, left, writing=False)
        self.used(y, right, writing=False)
        product = x.data[left] @ y.data[right]
        out, places = self.part(s.out)
        assert np.unique(places).size == places.size, s.out.buffer
        assert places.shape == product.shape, (s.out.buffer, places.shape, product.shape)
        assert not out.fixed, s.out.buffer
        for memory, others in ((x, left), (y, right)):
            assert memory is not out or not np.intersect1d(others, places).size, s.out.buffer
        if s.accumulate:
            self.used(out, places, writing=False)
            product = out.data[places] + product
        self.used(out, places, writing=True)
        out.data[places] = product

    def library(self, s: Library) -> None:
        """Call a function of a library."""
        what, _, dtype = s.name.partition("_")
        rows, n = map(self.integer, s.scalars)
        (given,), (taken,) = s.reads, s.writes
        assert given.dtype == dtype, s
        function = {"sort": np.sort, "argsort": np.argsort}[what]
        found = function(self.whole(given).reshape(rows, n), axis=-1, kind="stable")
        assert taken.dtype == found.dtype.name, s
        out = self.whole(taken, writing=True)
        out[...] = found.reshape(out.shape)

    def callback(self, s: Callback) -> None:
        """Let Python compute a node."""
        assert not self.loops, s.which
        node = self.program.callbacks[s.which]
        results = node.op.kernel(node)(*(self.whole(buffer).copy() for buffer in s.reads))
        several: Sequence[Any] = results if len(s.writes) > 1 else (results,)
        for buffer, symbols, result in zip(s.writes, s.extents, several, strict=True):
            array = np.asarray(result, buffer.dtype)
            for symbol, n in zip(symbols, array.shape, strict=True):
                if symbol not in self.known:
                    self.declare(symbol)
                self.set(symbol, np.int64(n))
            self.register(buffer, writing=True).value = self.memory(buffer, array)


def _alike(target: Symbol | Buffer, value: Expr) -> None:
    if target.dtype != value.dtype:
        raise AssertionError(f"{target} is {target.dtype}, not {value.dtype}: {value}")


def _scoped(loop: For) -> bool:
    """Return whether each step of a loop has memory of its own."""
    return bool(loop.body) and isinstance(loop.body[0], Scope)


def _named(there: Expr) -> tuple[Symbol | Buffer, ...]:
    """Return what a place is a part of."""
    if isinstance(there, Load):
        return there.buffer, there.buffer.root
    assert isinstance(there, Symbol)
    return (there.final,)


def _contributes(there: Expr, value: Expr, rows: Sequence[Elementwise | None]) -> bool:
    """Return whether ``value`` is ``there``, or one of ``rows`` of it and of something else."""
    if value == there:
        return True
    if not isinstance(value, Call) or value.row not in rows or there not in value.operands:
        return False
    names = _named(there)
    others = list(value.operands)
    others.remove(there)
    return not any(
        x in names if isinstance(x, Symbol) else isinstance(x, Load) and x.buffer.root in names
        for other in others
        for x in parts(other)
    )
