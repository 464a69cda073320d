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

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcore.graph import Array
from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.ir import (
    MOST_CHECK_VALUES,
    Allocate,
    Buffer,
    Call,
    Callback,
    Check,
    Chunks,
    Expr,
    For,
    If,
    Let,
    Library,
    Load,
    Matmul,
    Point,
    Program,
    Scope,
    Statement,
    Store,
    Symbol,
    Waits,
    integer,
    parts,
)
from gradcore.kernel.procedures import Invoke
from gradcore.kernel.state import Memory, Register, State, Steps, place_in
from gradcore.ops.elementwise import Elementwise


def interpret(program: Program) -> Callable[..., list[Array]]:
    """Return a program as a function of arrays that returns fresh arrays.

    The function raises what the program's checks say; AssertionError: the program is wrong.

    >>> i, n = Symbol("i"), Symbol("n")
    >>> x, y = Buffer("x", "float64", (n,), "input"), Buffer("y", "float64", (n,), "output")
    >>> body = [Allocate(y), For(i, n, [Store(y, (i,), Load(x, (i,)) * 2)])]
    >>> interpret(Program([x], [y], [], body, [], [], "x * 2"))([1.0, 2.0])
    [array([2., 4.])]
    """

    def run(*arrays: Any) -> list[Array]:
        with np.errstate(all="ignore"):
            return Run(program).outputs(arrays)

    return run


class Left(Exception):  # noqa: N818 - it is no error
    """Raised by `Break`, and caught by the innermost loop around it."""


# a run ------------------------------------------------------------------------------------------
class Run(State):
    """A run of a program.

    within : whether this is in a loop before which all is made that it needs.
    planned : the shapes of what such a loop makes.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.within = False
        self.planned: dict[Buffer, tuple[int, ...]] = {}

    def outputs(self, arrays: Sequence[Any]) -> list[Array]:
        """Return fresh arrays for the outputs; AssertionError: ``arrays`` do not fit the inputs."""
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

    # statements ---------------------------------------------------------------------------------
    def statements(self, given: Sequence[Statement]) -> None:
        """Run statements one after the other."""
        for s in given:
            self.statement(s)

    def statement(self, s: Statement) -> None:
        """Do what a statement says that it means."""
        s.run(self)

    def let(self, s: Let) -> None:
        """Declare a register with a value, or set it again."""
        symbol, value = s.symbol.final, s.value
        _alike(symbol, value)
        if s.fresh:
            self.declare(symbol, self.value(value))
            return
        with self.contribution(self.known.get(symbol), symbol, value):
            self.set(symbol, self.value(value))

    def branch(self, s: If) -> Waits:
        """Run the branch that the condition chooses, as a block."""
        assert s.condition.dtype == "bool", s
        with self.block():
            self.statements(s.then if self.value(s.condition) else s.orelse)

    def scope(self, s: Scope) -> Waits:
        """Run statements, and give their memory back."""
        with self.block(frees=True):
            self.statements(s.body)

    def leave(self) -> None:
        """Leave the innermost loop."""
        raise Left

    def store(self, s: Store) -> None:
        """Write an element of a buffer that the program owns."""
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
        self, target: Memory | Register | None, there: Expr, value: Expr
    ) -> Generator[None]:
        """Let a statement use what a loop's steps contribute to, if it does nothing else with it.

        there : what the statement sets to ``value``.
        """
        loops = [loop for loop in self.loops if target in loop.contributed]
        for loop in loops:
            rows = [
                r.op
                for r in loop.loop.reductions
                if (r.target if isinstance(r.target, Buffer) else r.target.final) in _named(there)
            ]
            assert rows, (there, loop.loop.reductions)
            if not _contributes(there, value, rows):
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
        assert len(s.values) <= MOST_CHECK_VALUES, s
        if not self.value(s.condition):
            raise self.program.checks[s.number](tuple(int(self.value(x)) for x in s.values))

    def allocate(self, s: Allocate) -> None:
        """Make the memory of a buffer, of which nothing is written yet."""
        buffer = s.buffer
        assert buffer.alias is None, buffer
        if buffer.role == "pointer":
            self.declare(buffer)
            return
        shape = self.shape(buffer)
        assert min(shape, default=0) >= 0, (buffer, shape)
        assert self.planned.get(buffer, shape) == shape, (buffer, shape, self.planned[buffer])
        size = math.prod(shape)
        memory = Memory(buffer.name, np.zeros(size, buffer.dtype), np.zeros(size, bool))
        self.owned[-1].append(memory)
        self.declare(buffer, (memory, 0))

    def point(self, s: Point) -> None:
        """Let a pointer be the part of a buffer from an element on."""
        pointer, buffer, index = s.pointer, s.buffer, s.index
        assert pointer.role == "pointer" and pointer.alias is None, pointer
        assert pointer.dtype == buffer.dtype, (pointer, buffer)
        memory, place, shape = self.opened(buffer, writing=False)
        position = place + place_in(shape, map(self.integer, index))
        self.register(pointer, writing=True).value = memory, position

    def invoke(self, s: Invoke) -> None:
        """Run a procedure, which knows its parameters alone."""
        procedure, given = s.procedure, dict[Symbol | Buffer, Register]()
        for parameter, operand in zip(procedure.parameters, s.operands, strict=True):
            if isinstance(operand, Buffer):
                given[parameter] = self.register(operand.root)
            elif parameter in procedure.changed:
                assert isinstance(operand, Symbol), s
                given[parameter] = self.register(operand.final)
            elif parameter not in procedure.declared:
                given[parameter] = Register(parameter.name, self.value(operand))
        outer, self.known = self.known, given
        with self.block():
            self.statements(procedure.body)
            found = {x: self.known[x].value for x in procedure.declared}
        self.known = outer
        for parameter, operand in zip(procedure.parameters, s.operands, strict=True):
            if parameter in found:
                assert isinstance(operand, Symbol), s
                self.declare(operand.final, found[parameter])

    # loops --------------------------------------------------------------------------------------
    def loop(self, s: For) -> Waits:
        """Run a loop: one that is not ordered, from its end."""
        assert not (s.parallel and s.ordered), s.index
        if not s.ordered and any(r.op is None or r.cumulative for r in s.reductions):
            raise AssertionError(f"the steps of {s.index} contribute in order: it is to be ordered")
        extent = self.integer(s.extent)
        inner, self.within = self.within, not _scoped(s)
        if self.within and not inner:
            self.planned = {}
            self.plan(s)
        steps = Steps(s, {self.target(r.target) for r in s.reductions})
        if not s.ordered:
            self.loops.append(steps)
        try:
            with self.between(s.chunks, extent) as passed:
                for k, i in enumerate(range(extent) if s.ordered else reversed(range(extent))):
                    passed(k)
                    steps.step = i
                    with self.block(frees=True):
                        self.declare(s.index.final, np.int64(i))
                        self.statements(s.body)
        except Left:
            if not s.ordered:
                raise AssertionError(f"{s.index} is left, which is not ordered") from None
        finally:
            self.within = inner
            if not s.ordered:
                self.loops.pop()
        assert self.integer(s.extent) == extent, s.index

    @contextmanager
    def between(self, chunks: Chunks | None, extent: int) -> Generator[Callable[[int], None]]:
        """Do what a loop does around its chunks: what is given takes how many steps are done.

        It may change what loops contribute to, as it belongs to no step.
        """

        def run(body: Sequence[Statement]) -> None:
            loops, self.loops = self.loops, []
            self.statements(body)
            self.loops = loops

        def passed(k: int) -> None:
            if chunks is not None and k and k % chunks.steps == 0:
                with self.block():
                    run(chunks.between)

        with self.block(frees=True):
            run(chunks.before if chunks else [])
            yield passed
            if chunks is not None and extent > chunks.steps:
                run(chunks.after)

    def target(self, target: Symbol | Buffer) -> Memory | Register:
        """Return the memory or register to which the steps of a loop contribute."""
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
        """Multiply matrices, or stacks of them, with NumPy."""
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
        """Compute what a function of a library does, by its meaning in NumPy."""
        if s.meaning is None:
            what = s.name.partition("_")[0]
            self.taken_over(what, tuple(map(self.integer, s.scalars)), s.results)
            return
        for scalar in s.scalars:
            assert self.integer(scalar) >= 0, s
        assert s.name.endswith(f"_{s.operands[0].dtype}"), s
        results = s.meaning(*map(self.whole, s.operands))
        for buffer in s.results[len(results) :]:
            self.whole(buffer, writing=True)[...] = 0
        for buffer, result in zip(s.results, results, strict=False):
            assert buffer.dtype == result.dtype.name, s
            self.whole(buffer, writing=True)[...] = result

    def taken_over(self, what: str, scalars: Sequence[int], buffers: Sequence[Buffer]) -> None:
        """Let a wide row take over what another one has added up, or hand it back."""
        count, *starts = scalars
        *totals, wide = (self.whole(b, writing=True).reshape(-1) for b in buffers)
        if not totals:
            wide[:] = 0
            return
        (total,) = totals
        at, there = (slice(start, start + count) for start in starts)
        found = wide[there] + total[at]
        if what == "carry":
            wide[there], total[at] = found, 0
        else:
            total[at] = found

    def callback(self, s: Callback) -> None:
        """Compute a node by the reference of its op, and learn the extents of its outputs."""
        assert not self.loops, s.which
        node = self.program.callbacks[s.which]
        results = node.op.kernel(node)(*(self.whole(buffer).copy() for buffer in s.operands))
        several: Sequence[Any] = results if len(s.results) > 1 else (results,)
        for buffer, symbols, result in zip(s.results, s.extents, several, strict=True):
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
    """Return the register, or the buffer and its root, that a place is a part of."""
    if isinstance(there, Load):
        return there.buffer, there.buffer.root
    assert isinstance(there, Symbol)
    return (there.final,)


def _contributes(there: Expr, value: Expr, rows: Sequence[Elementwise | None]) -> bool:
    """Return whether ``value`` is ``there``, or one of ``rows`` of it and of something else."""
    if value == there:
        return True
    if not isinstance(value, Call) or value.op not in rows or there not in value.operands:
        return False
    names = _named(there)
    others = list(value.operands)
    others.remove(there)
    return not any(
        x in names if isinstance(x, Symbol) else isinstance(x, Load) and x.buffer.root in names
        for other in others
        for x in parts(other)
    )
