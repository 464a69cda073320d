"""From a program to host steps: who runs what, and where each register lives.

The host runs the outermost statements: it knows extents, asks for memory, and launches.  Whatever
computes with elements is launched: loops, and scalar statements on what only the device knows.  A
loop around what the host must call (a product of a library, a function of Python) is the host's.

A register is the *host's* if it is computed from extents of inputs, literals and such registers
alone.  All others are the *device's*, a word of memory each; what the host needs of them (an extent
that was computed from data) it fetches when they are set, which waits for the device.

The decision: one question decides, whether the host can know a number without asking the device,
and it is answered before anything is printed.  Rejected: keeping all registers on the host, where
every condition and every count of steps would wait.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.graph.types import FLOATS
from gradcore.kernel.ir import (
    ONE,
    ZERO,
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
    Reduction,
    Scope,
    Statement,
    Store,
    Strided,
    Symbol,
    cast,
    identity_of,
    parts,
)
from gradcore.kernel.uses import buffers, expressions, inside
from gradcore.ops.elementwise import row

BLAS = frozenset(("float32", "float64"))
"""The dtypes that a library multiplies matrices of."""


class Form(enum.Enum):
    """How the threads of a launch share the work."""

    SCALAR = enum.auto()
    """One thread does it."""
    STEPS = enum.auto()
    """The steps of a loop are shared out among groups of threads."""
    BLOCK = enum.auto()
    """One block does it, together."""


@dataclass(eq=False)
class Launch:
    """Statements that a kernel runs.

    after : scalar statements that follow when all else is done; one thread runs them.
    """

    form: Form
    statements: list[Statement]
    after: list[Statement] = field(default_factory=list[Statement])


@dataclass(eq=False)
class Fetch:
    """The host reads what the device has set."""

    symbol: Symbol


@dataclass(eq=False)
class Choose:
    """An If that the host runs."""

    condition: Expr
    then: list[Step]
    orelse: list[Step]


@dataclass(eq=False)
class Repeat:
    """A loop that the host runs."""

    index: Symbol
    extent: Expr
    body: list[Step]


@dataclass(eq=False)
class Scoped:
    """Steps whose memory is given back after them."""

    body: list[Step]


Step: TypeAlias = "Statement | Launch | Fetch | Choose | Repeat | Scoped"

# fmt: off
PYTHON: dict[str, str] = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "minimum": "min({}, {})",
    "maximum": "max({}, {})", "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}",
    "eq": "{} == {}", "neq": "{} != {}", "and_": "{} & {}", "or_": "{} | {}", "neg": "-{}",
    "switch": "{1} if {0} else {2}", "int_div": "{0} // {1} if {1} else 0",
    "mod": "{0} % {1} if {1} else 0", "abs": "abs({})", "cast_int64": "int({})",
    "cast_bool": "{} != 0", "identity": "{}",
}
# fmt: on
"""Rows on integers as Python computes them."""


def python(x: Call) -> str | None:
    """Return how Python writes a row of integers, or None."""
    if x.dtype not in ("int64", "bool") or any(
        o.dtype in FLOATS or o.dtype == "uint64" for o in x.operands
    ):
        return None
    if x.row.name == "invert" and x.dtype == "bool":
        return "not {}"
    return PYTHON.get(x.row.name)


class Facts:
    """What is known of a program before it is printed.

    program : it, products that no library has written as loops.
    device : the registers that live on the device.
    needed : the registers that the host must know.
    reads : the inputs of rank 0 whose values the host reads.
    moved : the pointers that kernels move.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.body = _looped(program.body)
        self._same: dict[Buffer, Buffer] = {}
        self._unite()
        self.given: set[Symbol] = {
            n
            for b in (*program.inputs, *program.constants)
            for n in b.shape
            if isinstance(n, Symbol)
        }
        self.moved = {
            s.pointer.root
            for outer in self._kernels(self.body)
            for s in inside([outer])
            if isinstance(s, Point)
        }
        self._lets: dict[Symbol, list[Expr]] = {}
        self._host_indices: set[Symbol] = set()
        self._untold: set[Symbol] = set()
        self._note_lets(self.body)
        self.reads: set[Buffer] = set()
        self.device: set[Symbol] = set()
        self._divide(reading=True)
        self.needed = self._needed()
        self._divide(reading=False)

    # memory that may be the same ----------------------------------------------------------------
    def memory(self, buffer: Buffer) -> Buffer:
        """Return the one that stands for all buffers whose memory may be that of ``buffer``."""
        found = buffer.root
        while found in self._same:
            found = self._same[found]
        return found

    def alone(self, buffer: Buffer) -> bool:
        """Return whether no other buffer has the memory of ``buffer``."""
        return buffer.root not in self._shared

    def _unite(self) -> None:
        self._shared: set[Buffer] = set()
        for s in inside(self.body):
            pair: tuple[Buffer, Buffer] | None = None
            match s:
                case Point(pointer, buffer):
                    pair = pointer.root, buffer.root
                case Allocate(buffer, Buffer() as reused):
                    pair = buffer.root, reused.root
                case _:
                    pass
            if pair is None:
                continue
            self._shared |= set(pair)
            a, b = map(self.memory, pair)
            if a is not b:
                self._same[a] = b

    # who runs what ------------------------------------------------------------------------------
    def hosted(self, s: Statement) -> bool:
        """Return whether the host must run a statement with loops in it."""
        if any(isinstance(x, (Matmul, Library, Callback)) for x in inside([s])):
            return True
        if not isinstance(s, For):
            return False
        made = {x.symbol.final for x in inside(s.body) if isinstance(x, Let)}
        made |= {x.index.final for x in inside([s]) if isinstance(x, For)}
        changed = {b.root for x in inside(s.body) if isinstance(x, Store) for b in [x.buffer]}
        for x in inside(s.body):
            if isinstance(x, Allocate) and x.buffer.role != "pointer":
                for n in x.buffer.shape:
                    for y in parts(n):
                        if (isinstance(y, Symbol) and y.final in made) or (
                            isinstance(y, Load) and y.buffer.root in changed
                        ):
                            return True
        return False

    def chosen_by_host(self, s: If) -> bool:
        """Return whether the host must know the condition."""
        return any(
            isinstance(x, (For, Allocate, Point, Matmul, Library, Callback, Scope, Break))
            for x in inside([*s.then, *s.orelse])
        )

    def _kernels(self, body: Sequence[Statement]) -> Iterator[For]:
        for s in body:
            match s:
                case For() if not self.hosted(s):
                    yield s
                case For() | Scope():
                    yield from self._kernels(s.body)
                case If(_, then, orelse):
                    yield from self._kernels(then)
                    yield from self._kernels(orelse)
                case _:
                    pass

    def _note_lets(self, body: Sequence[Statement], by_device: bool = False) -> None:
        for s in body:
            match s:
                case Let(symbol, value):
                    if by_device:
                        self._untold.add(symbol.final)
                    self._lets.setdefault(symbol.final, []).append(value)
                case For() if self.hosted(s):
                    self._host_indices.add(s.index.final)
                    self._note_lets(s.body)
                case For():
                    fresh = {
                        x.symbol.final for x in inside(s.body) if isinstance(x, Let) and x.fresh
                    }
                    for x in inside(s.body):
                        if isinstance(x, Let) and x.symbol.final not in fresh:
                            self._untold.add(x.symbol.final)
                case Scope():
                    self._note_lets(s.body)
                case If(_, then, orelse):
                    device = not self.chosen_by_host(s)
                    self._note_lets(then, device)
                    self._note_lets(orelse, device)
                case Callback(_, _, _, extents):
                    self.given |= {x.final for symbols in extents for x in symbols}
                case _:
                    pass

    # who knows what -----------------------------------------------------------------------------
    def known(self, x: Expr, reading: bool = False) -> bool:
        """Return whether the host can compute an expression without asking the device.

        reading : whether it may look at any input of rank 0.
        """
        match x:
            case Literal():
                return x.dtype not in FLOATS
            case Symbol():
                s = x.final
                return (
                    s in self.given
                    or s in self._host_indices
                    or (s in self._lets and s not in self.device)
                )
            case Load(buffer):
                root = buffer.root
                return (
                    root.role == "input"
                    and not root.shape
                    and root.dtype not in FLOATS
                    and (reading or root in self.reads)
                )
            case Call():
                return python(x) is not None and all(self.known(o, reading) for o in x.operands)
            case _:
                return False

    def _divide(self, reading: bool) -> None:
        self.device = {s for s in self._lets if s in self._untold or s.dtype in FLOATS}
        found = True
        while found:
            found = False
            for symbol, values in self._lets.items():
                if symbol in self.device:
                    continue
                allowed = reading or symbol in self.needed
                if not all(self.known(x, reading and allowed) for x in values):
                    self.device.add(symbol)
                    found = True

    def _needed(self) -> set[Symbol]:
        needed: set[Symbol] = set()
        waiting = [x for x in self._wanted(self.body) for x in parts(x)]
        while waiting:
            x = waiting.pop()
            if isinstance(x, Load) and self.known(x, reading=True):
                self.reads.add(x.buffer.root)
            if not isinstance(x, Symbol) or x.final in needed:
                continue
            symbol = x.final
            if symbol not in self._lets:
                continue
            needed.add(symbol)
            if symbol not in self.device:
                waiting += [y for value in self._lets.get(symbol, ()) for y in parts(value)]
        return needed

    def _wanted(self, body: Sequence[Statement]) -> Iterator[Expr]:
        """Return the expressions that the host evaluates."""
        for s in body:
            match s:
                case For():
                    yield s.extent
                    if self.hosted(s):
                        yield from self._wanted(s.body)
                        continue
                    yield from self._sizes(s)
                case If(condition, then, orelse) if self.chosen_by_host(s):
                    yield condition
                    yield from self._wanted(then)
                    yield from self._wanted(orelse)
                case Scope():
                    yield from self._wanted(s.body)
                case Allocate(buffer):
                    yield from buffer.shape
                case Point(pointer, buffer, index) if pointer.root not in self.moved:
                    yield from (*index, *buffer.shape)
                case Matmul() | Library() | Callback():
                    yield from expressions(s)
                case _:
                    pass

    def _sizes(self, loop: For) -> Iterator[Expr]:
        """Return what must be known to launch a loop: what it makes, and its outer extents."""
        for s in inside([loop]):
            if isinstance(s, Allocate) and s.buffer.role != "pointer":
                yield from s.buffer.shape
        s: Statement = loop
        while isinstance(s, For) and len(s.body) == 1:
            s = s.body[0]
            if isinstance(s, For) and not _within(s.extent, loop):
                yield s.extent


def _within(x: Expr, loop: For) -> bool:
    """Return whether an expression depends on what a loop sets."""
    made = {s.index.final for s in inside([loop]) if isinstance(s, For)}
    made |= {s.symbol.final for s in inside([loop]) if isinstance(s, Let)}
    return any(isinstance(y, Load) or (isinstance(y, Symbol) and y.final in made) for y in parts(x))


# steps ------------------------------------------------------------------------------------------
def schedule(facts: Facts) -> list[Step]:
    """Return a program as the steps of its host program."""
    return _Scheduler(facts).steps(facts.body)


class _Scheduler:
    """Scalar statements that wait to be launched together, while steps are made."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def steps(self, body: Sequence[Statement]) -> list[Step]:
        """Return statements as steps."""
        found: list[Step] = []
        waiting: list[Statement] = []

        def flush() -> None:
            if waiting:
                found.append(Launch(Form.SCALAR, list(waiting)))
                found.extend(self.fetches(waiting))
                waiting.clear()

        for s in body:
            if self.scalar(s):
                waiting.append(s)
                if self.fetches([s]):
                    flush()
                continue
            match s:
                case Let() | Allocate() | Check():
                    if not self.free(s):
                        flush()
                    found.append(s)
                    continue
                case _:
                    pass
            flush()
            match s:
                case For() if not self.facts.hosted(s):
                    found.append(self.launch(s))
                    found += self.fetches([s])
                case For():
                    extent = self.told(s.extent, found)
                    found.append(Repeat(s.index, extent, self.steps(s.body)))
                case If(condition, then, orelse):
                    told = self.told(condition, found)
                    found.append(Choose(told, self.steps(then), self.steps(orelse)))
                case Scope():
                    found.append(Scoped(self.steps(s.body)))
                case _:
                    found.append(s)
        flush()
        return found

    def free(self, s: Statement) -> bool:
        """Return whether the host needs nothing of the device for a statement."""
        return all(self.facts.known(x) for x in expressions(s))

    def scalar(self, s: Statement) -> bool:
        """Return whether a thread runs a statement that has no loop."""
        match s:
            case Let(symbol):
                return symbol.final in self.facts.device
            case Store():
                return True
            case Check(_, condition, values):
                return not all(map(self.facts.known, (condition, *values)))
            case If():
                return not self.facts.chosen_by_host(s)
            case Point(pointer):
                return pointer.root in self.facts.moved
            case _:
                return False

    def fetches(self, statements: Sequence[Statement]) -> list[Step]:
        """Return how the host gets what statements have set."""
        changed: dict[Symbol, None] = {}
        for s in inside(statements):
            if isinstance(s, Let):
                changed[s.symbol.final] = None
        facts = self.facts
        return [Fetch(x) for x in changed if x in facts.device and x in facts.needed]

    def told(self, x: Expr, found: list[Step]) -> Expr:
        """Return an expression that the host can evaluate, after the device has told."""
        facts = self.facts
        if facts.known(x) or (isinstance(x, Symbol) and x.final in facts.needed):
            return x
        symbol = Symbol("told", x.dtype)
        facts.device.add(symbol)
        facts.needed.add(symbol)
        found += [Launch(Form.SCALAR, [Let(symbol, x)]), Fetch(symbol)]
        return symbol

    def launch(self, s: For) -> Launch:
        """Return what runs a loop."""
        steps = not s.ordered and all(
            r.row is not None and isinstance(r.target, Symbol) for r in s.reductions
        )
        return Launch(Form.STEPS if steps else Form.BLOCK, [s])


# products ---------------------------------------------------------------------------------------
def _looped(body: Sequence[Statement]) -> list[Statement]:
    """Return statements with the products that no library computes as loops."""
    found: list[Statement] = []
    for s in body:
        match s:
            case Matmul() if s.out.buffer.dtype not in BLAS:
                found.append(product_loops(s))
            case For():
                found.append(
                    For(s.index, s.extent, _looped(s.body), s.ordered, s.reductions, s.parallel)
                )
            case If(condition, then, orelse):
                found.append(If(condition, _looped(then), _looped(orelse)))
            case Scope(inner):
                found.append(Scope(_looped(inner)))
            case _:
                found.append(s)
    return found


def product_loops(s: Matmul) -> Statement:
    """Return a product as loops."""
    dtype = s.out.buffer.dtype
    wide = "float32" if dtype == "float16" else dtype
    outer = [Symbol(f"i{k}") for k in range(len(s.out.shape))]
    k = Symbol("k")
    stack = outer[:-2]
    element = Load(s.out.buffer, _place(s.out, outer))
    x = Load(s.x.buffer, _place(s.x, [*stack, outer[-2], k]))
    y = Load(s.y.buffer, _place(s.y, [*stack, k, outer[-1]]))
    add, mul = ("or_", "and_") if dtype == "bool" else ("add", "mul")
    total = Symbol("total", wide)
    combining = row(add)
    term = Call(row(mul), (cast(x, wide), cast(y, wide)), wide)
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


def named_buffers(statements: Iterable[Statement]) -> dict[Buffer, None]:
    """Return the buffers that statements use, as they see them."""
    found: dict[Buffer, None] = {}
    for s in inside(list(statements)):
        found.update(dict.fromkeys(buffers(s)))
        for x in expressions(s):
            found.update(dict.fromkeys(y.buffer for y in parts(x) if isinstance(y, Load)))
    return found
