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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    call,
    cast,
    identity_of,
    integer,
    parts,
    product,
)
from gradcore.kernel.uses import buffers, expressions, inside
from gradcore.ops.elementwise import Elementwise, row

BLAS = frozenset(("float32", "float64"))
"""The dtypes that a library multiplies matrices of."""


TINY = 8
"""Loops of up to so many steps are no work to share out."""

MANY = 8192
"""So many columns are work enough for a thread each."""

FEW = 16
"""So few rows are better summed by a thread for each column."""


SMALL = 16384
"""How many elements a block goes through at most in a step of a scan."""

TILE = 32
"""How many elements along each of two axes a block takes to memory that it shares."""

TILES = 4
"""How many arrays a block takes such parts of, at most."""

ATOMIC = frozenset(("float32", "float64", "int32", "int64", "uint32", "uint64"))
"""The dtypes of elements that many threads may add to at a time."""


ASSOCIATIVE = frozenset(("add", "mul", "minimum", "maximum", "and_", "or_"))
"""The rows of which threads may combine neighbours before what comes first is known."""


class Form(enum.Enum):
    """How the threads of a launch share the work."""

    STEPS = enum.auto()
    """The steps of a loop are shared out among groups of threads."""
    PARTS = enum.auto()
    """So, and each group contributes to arrays of its own, which are combined afterwards."""
    TILES = enum.auto()
    """A block takes some steps along two axes, and what lies along the first to shared memory."""
    OWNED = enum.auto()
    """Every group goes through the steps of a loop, and takes those whose target is its own."""
    BLOCK = enum.auto()
    """One block does it, together."""


@dataclass(eq=False, slots=True)
class Added(Store):
    """``buffer[index] += value``, while other threads may add to the same element."""


@dataclass(eq=False)
class Carried:
    """``symbol = row(symbol, brought)``, once in each step of a loop.

    before : the statements since the last such one.
    """

    before: list[Statement]
    symbol: Symbol
    row: Elementwise
    brought: Expr


@dataclass(eq=False)
class Launch:
    """Statements that a kernel runs.

    after : scalar statements that follow when all else is done; one thread runs them.
    starts : what registers hold before the steps of a loop contribute to them.
    owner : what a step changes, or the first of it: whose it is decides which group takes it.
    filled : what arrays hold then, all of it, where nobody has stored it.
    """

    form: Form
    statements: list[Statement]
    after: list[Statement] = field(default_factory=list[Statement])
    starts: dict[Symbol, Literal] = field(default_factory=dict[Symbol, Literal])
    owner: Load | None = None
    filled: dict[Buffer, Literal] = field(default_factory=dict[Buffer, Literal])


@dataclass(eq=False)
class Fetch:
    """The host reads what the device has set."""

    symbol: Symbol


@dataclass(eq=False)
class Tell:
    """The host notes what it has the device set."""

    symbol: Symbol
    value: Expr


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


Step: TypeAlias = "Statement | Launch | Fetch | Tell | Choose | Repeat | Scoped"

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
    if x.row.name == "int_div" and isinstance(x.operands[1], Literal) and x.operands[1].value:
        return "{} // {}"
    return PYTHON.get(x.row.name)


class Facts:
    """What is known of a program before it is printed.

    program : it, products that no library has written as loops.
    deterministic : whether scatters keep the order; else they add in the order that comes.
    device : the registers that live on the device.
    needed : the registers that the host must know.
    reads : the inputs of rank 0 whose values the host reads.
    moved : the pointers that kernels move.
    """

    def __init__(self, program: Program, deterministic: bool = True) -> None:
        self.program = program
        self.body = _looped(program.body)
        self._same: dict[Buffer, Buffer] = {}
        self._unite()
        if not deterministic:
            self.body = self._in_any_order(self.body)
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
        self.derived: dict[Symbol, Expr] = {}
        self._derive()

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
        breaks = any(isinstance(x, Break) for x in inside(s.body))
        if isinstance(s.body[0], Scope) and _many(s.body) and not breaks:
            return True
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

    def interchanged(self, s: For) -> For | None:
        """Return a loop with the loops directly in it around it, if their steps share nothing."""
        if len(s.body) != 1 or not isinstance(s.body[0], For) or not shareable(s.body[0]):
            return None
        loops, body = collapsed(s.body[0])
        if any(x.reductions for x in loops) or any(_within(x.extent, s) for x in loops):
            return None
        if any(not isinstance(x, (Store, Let, If, Check)) for x in inside(body)):
            return None
        if any(isinstance(x, Added) for x in inside(body)):
            return None
        if not self.apart([x.index.final for x in loops], body):
            return None
        made = For(s.index, s.extent, body, True, s.reductions)
        for x in reversed(loops):
            made = For(x.index, x.extent, [made], parallel=x is loops[0])
        return made

    def apart(self, symbols: Sequence[Symbol], body: Sequence[Statement]) -> bool:
        """Return whether a step touches, of what any of them changes, elements of its own alone.

        symbols : the numbers of a step.  What steps add to may be anywhere, if none reads it.
        """
        places: dict[Buffer, set[object]] = {}
        written: set[Buffer] = set()
        added: set[Buffer] = set()
        for x in inside(body):
            accesses = [(y.buffer, y.index) for e in expressions(x) for y in parts(e)
                        if isinstance(y, Load)]  # fmt: skip
            if isinstance(x, Added):
                added.add(self.memory(x.buffer))
            elif isinstance(x, Store):
                accesses.append((x.buffer, x.index))
                written.add(self.memory(x.buffer))
            for buffer, index in accesses:
                axes = tuple(index.index(i) if i in index else -1 for i in symbols)
                places.setdefault(self.memory(buffer), set()).add(
                    None if -1 in axes else (buffer, axes)
                )
        alone = all(len(places[m]) == 1 and None not in places[m] for m in written)
        return alone and added.isdisjoint(places)

    def across(self, s: For) -> tuple[For, list[Load]] | None:
        """Return the loop along which elements lie that the innermost one of a nest jumps over.

        With the elements; None: there are none, or the nest is not one of independent stores.
        """
        loops, body = collapsed(s)
        if any(x.reductions or not self.known(x.extent) for x in loops) or any(
            not isinstance(x, (Store, Let, If)) or isinstance(x, Added) for x in inside(body)
        ):
            return None
        last = loops[-1].index.final
        stores = [x for x in inside(body) if isinstance(x, Store)]
        if any(not x.index or x.index[-1] != last for x in stores):
            return None
        written = {self.memory(x.buffer) for x in stores}
        found: dict[Load, None] = {}
        for outer in loops[:-1]:
            first, symbols = outer.index.final, {x.index.final for x in loops}
            for x in inside(body):
                for y in (y for e in expressions(x) for y in parts(e)):
                    if (
                        isinstance(y, Load)
                        and y.index
                        and y.index[-1] == first
                        and last in y.index
                        and len(set(y.index)) == len(y.index)
                        and symbols.issuperset(y.index)
                        and self.memory(y.buffer) not in written
                    ):
                        found[y] = None
            if found:
                return outer, list(found)[:TILES]
        return None

    def running(self, s: For) -> tuple[list[Carried], list[Statement]] | None:
        """Return what the steps of a loop along the last axis carry, and the statements after that.

        None: a step needs more of the one before than registers that rows combine.
        """
        if not s.ordered or tiny(s):
            return None
        body = list(inside(s.body))
        made = {x.symbol.final for x in body if isinstance(x, Let) and x.fresh}
        waiting = {x.symbol.final for x in s.body if isinstance(x, Let) and not x.fresh} - made
        changed = [x.symbol.final for x in body if isinstance(x, Let)]
        found: list[Carried] = []
        rest: list[Statement] = []
        for x in s.body:
            if isinstance(x, Let) and x.symbol.final in waiting:
                made_of = _carried(x)
                if made_of is None or changed.count(x.symbol.final) > 1:
                    return None
                waiting.discard(x.symbol.final)
                made.add(x.symbol.final)
                found.append(Carried(rest, x.symbol.final, *made_of))
                needed, rest = [made_of[1]], []
            else:
                needed = [e for y in inside([x]) for e in expressions(y)]
                rest.append(x)
            if any(y.final in waiting for e in needed for y in parts(e) if isinstance(y, Symbol)):
                return None
        last = s.index.final
        stores = [x for x in body if isinstance(x, Store)]
        if not stores or any(not x.index or x.index[-1] != last for x in stores):
            return None  # neighbours are in other loops, whose threads take turns better
        if not found or any(
            not isinstance(x, (Store, Let, If))
            or (isinstance(x, Let) and x.symbol.final not in made)
            for x in body
        ):
            return None
        return (found, rest) if self.apart([s.index.final], s.body) else None

    def _in_any_order(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements whose scatters add in any order."""
        found: list[Statement] = []
        for s in body:
            match s:
                case For(index, extent, inner, ordered, reductions, parallel):
                    inner = self._in_any_order(inner)
                    made = For(index, extent, inner, ordered, reductions, parallel)
                    found.append((self._adding(made) if ordered else None) or made)
                case If(condition, then, orelse):
                    branches = map(self._in_any_order, (then, orelse))
                    found.append(If(condition, *branches))
                case Scope(inner):
                    found.append(Scope(self._in_any_order(inner)))
                case _:
                    found.append(s)
        return found

    def _adding(self, s: For) -> For | None:
        """Return a loop whose steps may come in any order, if that they add makes it one."""
        body = [_as_added(x) for x in s.body]
        loop = For(s.index, s.extent, body, False, s.reductions, s.parallel)
        if not shareable(loop):
            return None
        made = {x.symbol.final for x in inside(body) if isinstance(x, Let) and x.fresh}
        made |= {r.target.final for r in s.reductions if isinstance(r.target, Symbol)}
        for x in inside(body):
            if not isinstance(x, (Store, Let, If, For)) or (isinstance(x, For) and x.ordered):
                return None
            if isinstance(x, Let) and x.symbol.final not in made:
                return None
        adds = any(isinstance(x, Added) for x in inside(body))
        return loop if adds and self.apart([s.index.final], body) else None

    def owner(self, s: For) -> Load | None:
        """Return what a step of a loop changes, if data tell that, and no step needs another's."""
        made = {x.index.final for x in inside(s.body) if isinstance(x, For)}
        made |= {x.symbol.final for x in inside(s.body) if isinstance(x, Let) and x.fresh}
        places: set[Load] = set()
        for x in inside(s.body):
            if not isinstance(x, (Store, Let, If, For)) or (
                isinstance(x, Let) and x.symbol.final not in made
            ):
                return None
            if isinstance(x, For) and x.ordered:
                return None
            if isinstance(x, Store):
                places.add(Load(x.buffer, _first(x.index, made)))
        if len(places) != 1:
            return None
        (place,) = places
        memory = self.memory(place.buffer)
        inner = [y for i in place.index for y in parts(i) if isinstance(y, Load)]
        if not inner or any(y in made for i in place.index for y in parts(i)):
            return None
        for x in inside(s.body):
            for e in expressions(x):
                for y in parts(e):
                    if (
                        isinstance(y, Load)
                        and self.memory(y.buffer) is memory
                        and (y in inner or Load(y.buffer, _first(y.index, made)) != place)
                    ):
                        return None
        return place

    def kept(self, columns: For) -> dict[Load, Symbol]:
        """Return the elements that the innermost of interchanged loops may keep in registers."""
        ordered = _innermost(columns)[-1]
        found: dict[Load, Symbol] = {}
        for s in inside(ordered.body):
            if isinstance(s, Store) and not any(
                y is ordered.index.final or isinstance(y, Load) or _made_in(y, ordered)
                for i in s.index
                for y in parts(i)
            ):
                place = Load(s.buffer, s.index)
                found.setdefault(place, Symbol(s.buffer.name, s.buffer.dtype))
        memories = {self.memory(x.buffer) for x in found}
        stored = [Load(s.buffer, s.index) for s in inside(ordered.body) if isinstance(s, Store)]
        read = [
            y
            for s in inside(ordered.body)
            for e in expressions(s)
            for y in parts(e)
            if isinstance(y, Load)
        ]
        touched = {x for x in (*stored, *read) if self.memory(x.buffer) in memories}
        return found if touched == set(found) and len(memories) == len(found) else {}

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

    def evaluable(self, x: Expr, changing: Collection[Symbol] = ()) -> bool:
        """Return whether the host can evaluate an expression: it knows, or was told, all of it.

        changing : what a kernel is about to change.
        """
        match x:
            case Call():
                return python(x) is not None and all(
                    self.evaluable(o, changing) for o in x.operands
                )
            case Symbol():
                told = x.final in self.needed and x.final not in changing
                return self.known(x) or told
            case _:
                return self.known(x)

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

    def _derive(self) -> None:
        """Find the registers that every kernel computes anew, since nothing can change them."""
        found = True
        while found:
            found = False
            for symbol, values in self._lets.items():
                if symbol not in self.device or symbol in self._untold or symbol in self.needed:
                    continue
                if symbol not in self.derived and len(values) == 1 and self._lasting(values[0]):
                    self.derived[symbol] = values[0]
                    found = True

    def _lasting(self, x: Expr) -> bool:
        """Return whether an expression is made of inputs and their extents alone."""
        match x:
            case Literal():
                return True
            case Symbol():
                s = x.final
                return (
                    s in self.given
                    or s in self.derived
                    or (s not in self.device and len(self._lets.get(s, ())) == 1)
                )
            case Load(buffer):
                return buffer.root.role == "input" and not buffer.root.shape
            case Call():
                return all(map(self._lasting, x.operands))
            case _:
                return False

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


def _first(index: Index, made: Collection[Expr]) -> Index:
    """Return where the first of the elements is that inner loops go through."""
    return tuple(ZERO if i in made else i for i in index)


def _innermost(columns: For) -> list[For]:
    """Return loops, each the whole body of the one before, up to the ordered one."""
    chain = [columns]
    while not chain[-1].ordered:
        (inner,) = chain[-1].body
        assert isinstance(inner, For)
        chain.append(inner)
    return chain


def in_registers(
    columns: For, kept: Mapping[Load, Symbol], starts: Mapping[Buffer, Literal]
) -> For:
    """Return interchanged loops that keep elements in registers.

    starts : what these elements are before, where nobody has stored it.
    """
    *outer, ordered = _innermost(columns)
    body: list[Statement] = [Let(symbol, starts.get(x.buffer, x)) for x, symbol in kept.items()]
    inner = [_replaced(s, kept) for s in ordered.body]
    body.append(For(ordered.index, ordered.extent, inner, ordered=True))
    body += [Store(x.buffer, x.index, symbol) for x, symbol in kept.items()]
    for x in reversed(outer):
        body = [For(x.index, x.extent, body, parallel=x is columns)]
    (made,) = body
    assert isinstance(made, For)
    return made


def _many(body: Sequence[Statement]) -> bool:
    """Return whether a step of a scan may be too much for a block: a loop in a loop, or long."""
    return any(unknown > 1 or number > SMALL for s in body for unknown, number in [_work(s)])


def _work(s: Statement) -> tuple[int, int]:
    """Return how many extents nobody knows that a statement goes through, and the others' product.

    That of what it does most of.
    """
    match s:
        case For(_, extent, body):
            unknown, number = max(map(_work, body), default=(0, 1))
            if isinstance(extent, Literal):
                return unknown, number * max(int(extent.value), 1)
            return unknown + 1, number
        case Scope(body):
            return max(map(_work, body), default=(0, 1))
        case If(_, then, orelse):
            return max(map(_work, (*then, *orelse)), default=(0, 1))
        case _:
            return 0, 1


def _made_in(x: Expr, loop: For) -> bool:
    """Return whether a loop sets a register."""
    return any(isinstance(s, Let) and s.symbol.final is x for s in inside(loop.body))


def _replaced(s: Statement, kept: Mapping[Load, Symbol]) -> Statement:
    """Return a statement with elements in registers."""

    def expr(x: Expr) -> Expr:
        match x:
            case Load(buffer, index):
                found = kept.get(x)
                return Load(buffer, tuple(map(expr, index))) if found is None else found
            case Call():
                return Call(x.row, tuple(map(expr, x.operands)), x.dtype)
            case _:
                return x

    match s:
        case Store(buffer, index, value):
            symbol = kept.get(Load(buffer, index))
            if symbol is not None:
                return Let(symbol, expr(value), fresh=False)
            return Store(buffer, tuple(map(expr, index)), expr(value))
        case Let(symbol, value, fresh):
            return Let(symbol, expr(value), fresh)
        case If(condition, then, orelse):
            branches = ([_replaced(x, kept) for x in some] for some in (then, orelse))
            return If(expr(condition), *branches)
        case Check(number, condition, values):
            return Check(number, expr(condition), tuple(map(expr, values)))
        case _:
            raise TypeError(s)


def _carried(s: Let) -> tuple[Elementwise, Expr] | None:
    """Return the row that combines a register with something else, and that."""
    match s.value:
        case Call(operands=(x, y)) as value if (
            value.row.name in ASSOCIATIVE and value.dtype == x.dtype == y.dtype == s.symbol.dtype
        ):
            brought = [z for z in (x, y) if s.symbol.final not in parts(z)]
            own = [z for z in (x, y) if isinstance(z, Symbol) and z.final is s.symbol.final]
            return (value.row, brought[0]) if len(brought) == len(own) == 1 else None
        case _:
            return None


def _as_added(s: Statement) -> Statement:
    """Return a statement that adds to what data tell as one that does so in any order."""
    match s:
        case Added():
            return s
        case Store(buffer, index, Call(operands=(x, y)) as value) if (
            value.row.name == "add"
            and value.dtype == buffer.dtype
            and buffer.dtype in ATOMIC
            and any(isinstance(i, Load) for axis in index for i in parts(axis))
        ):
            place = Load(buffer, index)
            if place in (x, y):
                return Added(buffer, index, y if x == place else x)
            return s
        case For(index, extent, body, ordered, reductions, parallel):
            return For(index, extent, list(map(_as_added, body)), ordered, reductions, parallel)
        case If(condition, then, orelse):
            return If(condition, list(map(_as_added, then)), list(map(_as_added, orelse)))
        case _:
            return s


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
    """Makes steps; scalar statements join the launch before or after them, where that may be."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def steps(self, body: Sequence[Statement]) -> list[Step]:
        """Return statements as steps."""
        made = _Steps(self.facts)
        for s in body:
            if isinstance(s, Let) and s.symbol.final in self.facts.derived:
                continue
            if self.scalar(s):
                made.scalar(s)
                continue
            match s:
                case Let() | Allocate() | Check() if all(map(self.facts.known, expressions(s))):
                    made.host(s)
                    continue
                case _:
                    pass
            match s:
                case For() if not self.facts.hosted(s):
                    self.launch(s, made)
                    continue
                case _:
                    made.close()
            match s:
                case For():
                    made.found.append(Repeat(s.index, made.told(s.extent), self.steps(s.body)))
                case If(condition, then, orelse):
                    told = made.told(condition)
                    made.found.append(Choose(told, self.steps(then), self.steps(orelse)))
                case Scope():
                    made.found.append(Scoped(self.steps(s.body)))
                case _:
                    made.found.append(s)
        made.close()
        return made.found

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

    def launch(self, s: For, made: _Steps) -> None:
        """Make what runs a loop."""
        extent = s.extent
        if not self.facts.known(extent):
            made.flush()
            extent = made.told(extent)
        s = For(s.index, extent, s.body, s.ordered, s.reductions, s.parallel)
        if shareable(s):
            self.share(s, made)
            return
        owner = self.facts.owner(s)
        if owner is not None:
            made.launch(Launch(Form.OWNED, [s], owner=owner))
            return
        parts_of = [r.target.root for r in s.reductions if isinstance(r.target, Buffer)]
        parts = (
            not s.ordered
            and all(r.row is not None for r in s.reductions)
            and any(isinstance(x, For) and shareable(x) for x in inside(s.body))
        )
        columns = self.facts.interchanged(s)
        kept = {} if columns is None else self.facts.kept(columns)
        whole = columns is None or set(parts_of) <= {x.buffer for x in kept}
        starts = made.started(parts_of) if whole and (columns is not None or parts) else {}
        width: Expr = ONE
        if columns is not None:
            width = product([x.extent for x in _innermost(columns)[:-1]])
            columns = in_registers(columns, kept, starts)
        forms: list[Launch] = []
        if columns is not None:
            forms.append(Launch(Form.STEPS, [columns]))
        if parts:
            forms.append(Launch(Form.PARTS, [s], filled=starts))
        if columns is None or not parts:
            made.launch(forms[0] if forms else Launch(Form.BLOCK, [s]))
            return
        many = call(row("ge"), (width, integer(MANY)), "bool")
        few = call(row("le"), (extent, integer(FEW)), "bool")
        enough = call(row("or_"), (many, few), "bool")
        if isinstance(enough, Literal):
            made.launch(forms[0 if enough.value else 1])
            return
        made.close()
        made.found.append(Choose(enough, [forms[0]], [forms[1]]))

    def share(self, s: For, made: _Steps) -> None:
        """Make what runs a loop whose steps are independent."""
        steps = Launch(Form.STEPS, [s])
        across = self.facts.across(s)
        if across is None:
            made.launch(steps)
            return
        extents = (across[0].extent, collapsed(s)[0][-1].extent)
        both = call(row("minimum"), extents, "int64")
        wide = call(row("ge"), (both, integer(TILE // 2)), "bool")
        tiles = Launch(Form.TILES, [s])
        if isinstance(wide, Literal):
            made.launch(tiles if wide.value else steps)
            return
        made.close()
        made.found.append(Choose(wide, [tiles], [steps]))


class _Steps:
    """Steps that grow.

    found : those that are done.
    waiting : scalar statements for the next launch, or one of their own.
    last : the launch that scalar statements may still join.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.found: list[Step] = []
        self.waiting: list[Statement] = []
        self.last: Launch | None = None

    def flush(self) -> None:
        """Launch the scalar statements that wait."""
        if self.waiting:
            self.last = Launch(Form.BLOCK, list(self.waiting))
            self.found.append(self.last)
            self.waiting.clear()

    def close(self) -> None:
        """Let nothing join what is launched already."""
        self.flush()
        self.last = None

    def host(self, s: Statement) -> None:
        """Add what the host does without the device."""
        if isinstance(s, Let) and not s.fresh:
            self.close()
        if self.last is None:
            self.found.append(s)
        else:
            self.found.insert(self.found.index(self.last), s)

    def scalar(self, s: Statement) -> None:
        """Add a scalar statement."""
        fetched = self.fetches([s])
        if self.last is None:
            self.waiting.append(s)
        elif self.last.form is Form.BLOCK:
            self.last.statements.append(s)
        else:
            self.last.after.append(s)
        if fetched:
            self.close()
            if isinstance(s, Let) and self.facts.known(s.value):
                self.found.append(Tell(s.symbol, s.value))
            else:
                self.found += fetched

    def launch(self, launch: Launch) -> None:
        """Add a launch."""
        if launch.form is Form.BLOCK:
            if self.last is not None and self.last.form is Form.BLOCK:
                self.last.statements += launch.statements
            else:
                launch.statements[:0] = self.waiting
                self.waiting.clear()
                self.found.append(launch)
                self.last = launch
        else:
            self.start(launch)
            self.close()
            self.found.append(launch)
            (loop,) = launch.statements
            if isinstance(loop, For) and any(isinstance(r.target, Symbol) for r in loop.reductions):
                self.last = launch
        fetched = self.fetches(launch.statements)
        if fetched:
            self.close()
            self.found += fetched

    def started(self, targets: Sequence[Buffer]) -> dict[Buffer, Literal]:
        """Return what targets are filled with just before, and take the launch of that back."""
        if not self.found or self.waiting or not isinstance(self.found[-1], Launch):
            return {}
        last = self.found[-1]
        if last.form is not Form.STEPS or last.after or not isinstance(last.statements[0], For):
            return {}
        loops, body = collapsed(last.statements[0])
        symbols = [x.index.final for x in loops]
        found: dict[Buffer, Literal] = {}
        for s in body:
            if not isinstance(s, Store) or not isinstance(s.value, Literal):
                return {}
            index = [x for x in s.index if x != ZERO]
            if index != symbols or s.buffer not in targets:
                return {}
            found[s.buffer] = s.value
        self.found.pop()
        self.last = None
        return found

    def start(self, launch: Launch) -> None:
        """Let a launch start the registers that it contributes to, which wait to be set."""
        (loop,) = launch.statements
        assert isinstance(loop, For)
        for r in loop.reductions:
            if not isinstance(r.target, Symbol):
                continue
            symbol = r.target.final
            lets = [s for s in self.waiting if isinstance(s, Let) and s.symbol.final is symbol]
            others = [s for s in self.waiting if s not in lets]
            read = any(symbol in parts(x) for s in inside(others) for x in expressions(s))
            if lets and isinstance(lets[-1].value, Literal) and not read:
                launch.starts[symbol] = lets[-1].value
                self.waiting = others

    def fetches(self, statements: Sequence[Statement]) -> list[Step]:
        """Return how the host gets what statements have set."""
        changed: dict[Symbol, None] = {}
        for s in inside(statements):
            if isinstance(s, Let):
                changed[s.symbol.final] = None
        facts = self.facts
        return [Fetch(x) for x in changed if x in facts.device and x in facts.needed]

    def told(self, x: Expr) -> Expr:
        """Return an expression that the host can evaluate, after the device has told."""
        facts = self.facts
        if facts.known(x) or (isinstance(x, Symbol) and x.final in facts.needed):
            return x
        symbol = Symbol("told", x.dtype)
        facts.device.add(symbol)
        facts.needed.add(symbol)
        self.found += [Launch(Form.BLOCK, [Let(symbol, x)]), Fetch(symbol)]
        return symbol


# loops ------------------------------------------------------------------------------------------
def shareable(s: For) -> bool:
    """Return whether the steps of a loop are independent but for registers they contribute to."""
    return not s.ordered and all(
        r.row is not None and isinstance(r.target, Symbol) for r in s.reductions
    )


def tiny(s: For) -> bool:
    """Return whether a loop is known to be short."""
    return isinstance(s.extent, Literal) and s.extent.value <= TINY


def collapsed(s: For) -> tuple[list[For], list[Statement]]:
    """Return a loop and those directly in it that run as one with it, and what is in them."""
    loops, body = [s], s.body
    while len(body) == 1 and isinstance(body[0], For) and shareable(body[0]):
        inner = body[0]
        made = {loop.index.final for loop in loops}
        if any(isinstance(x, Load) or x in made for x in parts(inner.extent)):
            break
        loops.append(inner)
        body = inner.body
    return loops, body


# products ---------------------------------------------------------------------------------------
def _looped(body: Sequence[Statement]) -> list[Statement]:
    """Return statements with loops for the products that no library computes.

    What looks for the best element and its place becomes two loops whose steps may come in any
    order: one for the element, one for the first place where it is.
    """
    found: list[Statement] = []
    for s in body:
        match s:
            case Matmul() if s.out.buffer.dtype not in BLAS:
                found.append(product_loops(s))
            case For() if (best := _best_first(s)) is not None:
                found += best
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


def _best_first(s: For) -> list[Statement] | None:
    """Return a search for the best element and its place as two reductions; None: it is none."""
    if not s.ordered or len(s.body) != 2 or any(r.row is not None for r in s.reductions):
        return None
    where, what = s.body
    if not isinstance(what, Let) or what.fresh or not isinstance(where, (Let, Store)):
        return None
    match what.value, where.value:
        case (
            Call(row=chosen, operands=(better, element, Symbol() as best)),
            Call(row=placed, operands=(other, Symbol() as k, _)),
        ) if chosen.name == placed.name == "switch":
            pass
        case _:
            return None
    compared = [x for x in parts(better) if isinstance(x, Call) and x.row.name in ("gt", "lt")]
    if (
        better != other
        or k.final is not s.index.final
        or best.final is not what.symbol.final
        or len(compared) != 1
        or compared[0].operands != (element, best)
    ):
        return None
    extreme = row("maximum" if compared[0].row.name == "gt" else "minimum")
    smaller, first = row("minimum"), Symbol("first")
    same: Expr = Call(row("eq"), (element, best), "bool")
    if best.dtype in FLOATS:
        neither = [Call(row("neq"), (x, x), "bool") for x in (element, best)]
        same = Call(row("or_"), (same, Call(row("and_"), tuple(neither), "bool")), "bool")
    nowhere = identity_of(smaller, "int64")
    place = Call(row("switch"), (same, k, nowhere), "int64")
    steps: list[tuple[Symbol, Elementwise, Expr]] = [
        (best, extreme, Call(extreme, (best, element), best.dtype)),
        (first, smaller, Call(smaller, (first, place), "int64")),
    ]
    loops = [
        For(s.index, s.extent, [Let(x, value, fresh=False)], reductions=[Reduction(x, combining)])
        for x, combining, value in steps
    ]
    found: list[Statement] = [
        Let(best, identity_of(extreme, best.dtype), fresh=False), loops[0], Let(first, nowhere),
        loops[1],
    ]  # fmt: skip
    if isinstance(where, Let):
        return [*found, Let(where.symbol, first, fresh=False)]
    return [*found, Store(where.buffer, where.index, first)]


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
