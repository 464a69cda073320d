"""The statements of a program of loops: registers, stores, branches, loops, checks, memory.

A statement says itself what it is made of, what it reads and changes, and how it is rebuilt with
other parts; so a pass or an analysis that has no interest in its kind need not know it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias, cast

from gradcore.kernel.expressions import ONE, ZERO, Buffer, Expr, Index, Load, Symbol
from gradcore.ops.elementwise import Elementwise

Access: TypeAlias = "tuple[Buffer, Index | None]"
"""An element of a buffer, or all of it."""

Change: TypeAlias = Callable[[Expr], Expr]
"""What makes another expression of one."""

Inner: TypeAlias = "Callable[[list[Statement]], list[Statement]]"
"""What makes other statements of those in one."""

Rename: TypeAlias = Callable[[Buffer], Buffer]
"""What says which buffer takes the place of one."""

Place: TypeAlias = Callable[[Buffer, Index], tuple[Buffer, Index]]
"""What says which element, of which buffer, takes the place of one."""

Waiting: TypeAlias = "Generator[tuple[Any, range, Any], Any, None]"
"""What a thread has left to do, with stops at which it waits: the `gradcore.kernel.device.Meeting`,
for which threads, and what this one brings; `Meeting.met` says what each is sent then."""

Waits: TypeAlias = "Waiting | None"
"""What a statement leaves to do: nothing, where it has run as a whole."""

Show: TypeAlias = Callable[[Any], str]
"""What writes an expression, a buffer, or a tuple of them."""


class Statement:
    """A step of a program (abstract).

    It says what it is made of, what it reads and changes, and what it does, so that a pass or an
    analysis that has no interest in its kind need not know it.  A new kind is a class, and an entry
    in the table of each printer that is to know it (`gradcore.kernel.text.Printer.kinds`).

    >>> from gradcore.kernel.ir import Literal
    >>> y, i = Buffer("y", "float64", (Symbol("n"),)), Symbol("i")
    >>> loop = For(i, y.shape[0], [Store(y, (i,), Literal(0.5, "float64"))])
    >>> loop.blocks(), loop.expressions(), loop.declares()
    (([Store(buffer=y, index=(i,), value=0.5)],), (n,), (i,))
    """

    __slots__ = ()

    required: ClassVar[bool] = False
    """Whether it is run though nobody reads what it writes."""

    jumps: ClassVar[bool] = False
    """Whether what follows it may not run: it leaves a loop, fails, or ends a thread."""

    contains: ClassVar[bool] = False
    """Whether it has blocks of statements in it: whether its class says which."""

    def __init_subclass__(cls) -> None:
        """Note whether there are blocks."""
        super().__init_subclass__()
        cls.contains = cls.blocks is not Statement.blocks

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements in it, block by block."""
        return ()

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates, not those of the statements in it."""
        return ()

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names, but for those that its expressions load from."""
        return ()

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return the registers and buffers that it makes known to what follows, or is in it."""
        return ()

    def reads(self) -> Iterable[Access]:
        """Return what it reads from memory, but for what its expressions load."""
        return ()

    def writes(self) -> Iterable[Access]:
        """Return the elements, or whole buffers, that it writes."""
        return ()

    def changes(self) -> Iterable[Symbol | Buffer]:
        """Return the registers and pointers that it sets and does not declare."""
        return ()

    def work(self) -> Expr:
        """Return about how many scalar statements it is, without those in it."""
        return ONE

    def rebuilt(self, expr: Change, block: Inner) -> Statement:
        """Return a copy with other expressions and blocks, which it asks for in their order."""
        return self

    def with_buffers(self, change: Rename) -> Statement:
        """Return it with other buffers in place of those that it names and does not declare."""
        named = set(self.buffers()).difference(self.declares())
        if not named:
            return self

        def changed(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(changed, cast("tuple[Any, ...]", value)))
            return change(value) if isinstance(value, Buffer) and value in named else value

        this: Any = self  # a dataclass
        return replace(this, **{name: changed(getattr(this, name)) for name in this.__match_args__})

    def with_elements(self, change: Place) -> Statement:
        """Return it with other elements in place of those that it writes, or refers to itself.

        Those that its expressions load are not among them (`rebuilt`).
        """
        if any(index is not None for _, index in self.writes()):
            raise NotImplementedError(f"{type(self).__name__} does not say what it is elsewhere")
        return self

    def run(self, machine: Any) -> Waits:
        """Do what it means, to the state of an interpreter.

        machine : a `gradcore.kernel.interpret.Run`, or of a statement of the device, a
            `gradcore.kernel.threads.Thread`.

        Returns None, or where a thread waits for others: see `Waits`.
        """
        raise TypeError(f"{type(machine).__name__} does not interpret {type(self).__name__}")

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks.

        show : returns the text of an expression, of a buffer, or of several.
        """
        raise NotImplementedError(type(self))


@dataclass(eq=False, slots=True)
class Store(Statement):
    """``buffer[index] = value``.

    >>> from gradcore.kernel.ir import Literal
    >>> y, i = Buffer("y", "float64", (Symbol("n"),)), Symbol("i")
    >>> print(*Store(y, (i + 1,), Literal(0.5, "float64")).lines(repr))
    y[add(i, 1)] = 0.5
    """

    buffer: Buffer
    index: Index
    value: Expr

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the index, the value and the extents."""
        return (*self.index, self.value, *self.buffer.shape)

    def buffers(self) -> Iterable[Buffer]:
        """Return the buffers that it names: the buffer."""
        return (self.buffer,)

    def writes(self) -> Iterable[Access]:
        """Return what it writes to memory: the element."""
        return ((self.buffer, self.index),)

    def rebuilt(self, expr: Change, block: Inner) -> Store:
        """Return a copy with another index and value."""
        return type(self)(self.buffer, tuple(map(expr, self.index)), expr(self.value))

    def with_elements(self, change: Place) -> Store:
        """Return the store of the same value to another element."""
        return type(self)(*change(self.buffer, self.index), self.value)

    def run(self, machine: Any) -> None:
        """Write the element."""
        machine.store(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the assignment as a line of text."""
        return (f"{show(Load(self.buffer, self.index))} = {show(self.value)}",)


@dataclass(eq=False, slots=True)
class Let(Statement):
    """A register that is set once (``fresh``), declared, or set again.

    >>> from gradcore.kernel.ir import Literal, Program
    >>> total = Symbol("total", "float64")
    >>> body = [Let(total, Literal(0.0, "float64")), Let(total, total + 1, fresh=False)]
    >>> print(Program([], [], [], body, [], [], "set twice"))
    # set twice
    total: float64 = 0.0
    total = total + 1
    """

    symbol: Symbol
    value: Expr
    fresh: bool = True

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the value."""
        return (self.value,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the register, if it is declared here."""
        return (self.symbol,) if self.fresh else ()

    def changes(self) -> Iterable[Symbol | Buffer]:
        """Return what it sets that was declared before: the register, if it is declared before."""
        return () if self.fresh else (self.symbol,)

    def work(self) -> Expr:
        """Return 1, or 0 for what only names an index."""
        return ZERO if self.fresh and self.symbol.dtype == "int64" else ONE

    def rebuilt(self, expr: Change, block: Inner) -> Let:
        """Return a copy with another value."""
        return Let(self.symbol, expr(self.value), self.fresh)

    def run(self, machine: Any) -> None:
        """Declare the register with the value, or set it again."""
        machine.let(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the assignment as a line of text, with the dtype of a fresh register."""
        dtype = f": {self.symbol.dtype}" if self.fresh else ""
        return (f"{show(self.symbol)}{dtype} = {show(self.value)}",)


@dataclass(eq=False, slots=True)
class If(Statement):
    """Statements to run if a condition holds, and others if not.

    >>> from gradcore.kernel.ir import Program
    >>> i, n = Symbol("i"), Symbol("n")
    >>> choice = If(i < n, [Let(i, i + 1, fresh=False)], [Let(i, n, fresh=False)])
    >>> print(Program([], [], [], [choice], [], [], "up to n"))
    # up to n
    if i < n:
        i = i + 1
    else:
        i = n
    """

    condition: Expr
    then: list[Statement]
    orelse: list[Statement] = field(default_factory=list[Statement])

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return both branches."""
        return self.then, self.orelse

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the condition."""
        return (self.condition,)

    def rebuilt(self, expr: Change, block: Inner) -> If:
        """Return a copy with another condition and other branches."""
        return If(expr(self.condition), block(self.then), block(self.orelse))

    def run(self, machine: Any) -> Waits:
        """Run the branch that the condition chooses."""
        return machine.branch(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the line of the condition, and the one between the branches."""
        return f"if {show(self.condition)}:", "else:"


@dataclass(eq=False, slots=True)
class Reduction:
    """A register or buffer to which each step of a loop contributes.

    target : the register, or the buffer, as wide as what a step contributes to.
    op : how contributions combine; None: they must come in order.
    cumulative : whether it is a prefix scan: the steps, ordered then, read what it has so far.

    >>> from gradcore.ops.elementwise import entry
    >>> i, n, total = Symbol("i"), Symbol("n"), Symbol("total")
    >>> step = Let(total, total + i, fresh=False)
    >>> print(*For(i, n, [step], reductions=[Reduction(total, entry("add"))]).lines(repr))
    for i < n, add into total:
    """

    target: Symbol | Buffer
    op: Elementwise | None
    cumulative: bool = False


@dataclass(eq=False, slots=True)
class Chunks:
    """What a loop does beside its steps, of which so many make a chunk.

    steps : how many there are in a chunk, but for the last one, which has fewer.
    before : what is done before the first one: what it declares, the other statements may use.
    between : what is done after a chunk that another one follows.
    after : what is done after the last one, if there is more than one.
    """

    steps: int
    before: list[Statement]
    between: list[Statement]
    after: list[Statement]

    def rebuilt(self, block: Inner) -> Chunks:
        """Return a copy with other statements."""
        return Chunks(self.steps, block(self.before), block(self.between), block(self.after))


@dataclass(eq=False, slots=True)
class For(Statement):
    """A loop of ``index`` from 0 to ``extent``.

    ordered : whether a step needs the one before (beyond the reductions).
    reductions : what the steps contribute to.
    parallel : whether the steps may be shared out among threads.
    chunks : what is done between chunks of steps.  Threads that share a loop have chunks of their
        own, and do it each.

    >>> from gradcore.kernel.ir import Program
    >>> i, n = Symbol("i"), Symbol("n")
    >>> y = Buffer("y", "int64", (n,))
    >>> loop = For(i, n, [Store(y, (i,), i * i)], parallel=True)
    >>> print(Program([], [], [], [loop], [], [], "squares"))
    # squares
    for i < n, parallel:
        y[i] = i * i
    """

    index: Symbol
    extent: Expr
    body: list[Statement]
    ordered: bool = False
    reductions: list[Reduction] = field(default_factory=list[Reduction])
    parallel: bool = False
    chunks: Chunks | None = None

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the body, and what is done beside it."""
        if self.chunks is None:
            return (self.body,)
        return self.body, self.chunks.before, self.chunks.between, self.chunks.after

    def expressions(self) -> Iterable[Expr]:
        """Return the expressions that it evaluates: the extent."""
        return (self.extent,)

    def declares(self) -> Iterable[Symbol | Buffer]:
        """Return what it declares: the index."""
        return (self.index,)

    def work(self) -> Expr:
        """Return 0: its work is that of its steps."""
        return ZERO

    def rebuilt(self, expr: Change, block: Inner) -> For:
        """Return a copy with another extent and other blocks."""
        chunks = self.chunks and self.chunks.rebuilt(block)
        return replace(self, extent=expr(self.extent), body=block(self.body), chunks=chunks)

    def run(self, machine: Any) -> Waits:
        """Run the steps, and what is done beside them."""
        return machine.loop(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the range, what steps contribute to, and in which order they run."""
        rows = [(r.op.name if r.op else "in order", r.target) for r in self.reductions]
        into = [f"{how} into {show(target)}" for how, target in rows]
        order = ["ordered"] * self.ordered + ["parallel"] * self.parallel
        more = "".join(f", {what}" for what in (*into, *order))
        head = f"for {show(self.index)} < {show(self.extent)}{more}:"
        if self.chunks is None:
            return (head,)
        return head, "before:", f"between {self.chunks.steps} steps and others:", "after several:"


@dataclass(eq=False, slots=True)
class Check(Statement):
    """Fail, as check ``number``, unless ``condition`` holds; ``values`` (integers) tell why.

    >>> from gradcore.kernel.ir import Program
    >>> n, m = Symbol("n"), Symbol("m")
    >>> print(Program([], [], [], [Check(0, n < m, (n, m))], [], [], "in bounds"))
    # in bounds
    check n < m, or fail 0[n, m]
    """

    jumps: ClassVar[bool] = True

    number: int
    condition: Expr
    values: tuple[Expr, ...]

    def expressions(self) -> Iterable[Expr]:
        """Return the condition and the values for its message."""
        return (self.condition, *self.values)

    def rebuilt(self, expr: Change, block: Inner) -> Check:
        """Return a copy with another condition and other values."""
        return Check(self.number, expr(self.condition), tuple(map(expr, self.values)))

    def run(self, machine: Any) -> None:
        """Raise what the program says, unless the condition holds."""
        machine.check(self)

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return the condition, and the number with what it is given."""
        return (f"check {show(self.condition)}, or fail {self.number}{show(self.values)}",)


@dataclass(eq=False, slots=True)
class Break(Statement):
    """Leave the innermost loop.

    >>> from gradcore.kernel.ir import Program
    >>> i, n, k = Symbol("i"), Symbol("n"), Symbol("k")
    >>> loop = For(i, n, [If(k < i, [Break()])], ordered=True)
    >>> print(Program([], [], [], [loop], [], [], "to k"))
    # to k
    for i < n, ordered:
        if k < i:
            break
    """

    jumps: ClassVar[bool] = True

    def run(self, machine: Any) -> None:
        """Leave it."""
        machine.leave()

    def lines(self, show: Show) -> tuple[str, ...]:
        """Return its text: a line, or one before each of its blocks."""
        return ("break",)
