"""What is known of a program before it is printed: memory, registers, and who can know a number.

A register is the *host's* if it is computed from extents of inputs, literals and such registers
alone.  All others are the *device's*, a word of memory each; what the host needs of them (an extent
that was computed from data) it fetches when they are set, which waits for the device.

The decision: one question decides, whether the host can know a number without asking the device,
and it is answered before anything is printed.  Rejected: keeping all registers on the host, where
every condition and every count of steps would wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gradcore.graph.types import FLOATS
from gradcore.kernel.bounds import MOST, REAL, Bounds
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
    Symbol,
    loads,
    parts,
)
from gradcore.kernel.uses import expressions, inside
from gradcore_cuda.loops import (
    Added,
    Carried,
    Chunks,
    as_added,
    carried_by,
    collapsed,
    depends,
    first_of,
    innermost,
    looped,
    rewritten,
    sets,
    shareable,
    tiny,
    too_much,
    totals,
    without_ends,
)
from gradcore_cuda.scans import by_element, read_in

TILES = 4
"""How many arrays a block takes such parts of, at most."""

# fmt: off
PYTHON: dict[str, str] = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "sqr": "{0} * {0}",
    "minimum": "min({}, {})", "maximum": "max({}, {})", "lt": "{} < {}", "le": "{} <= {}",
    "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "neq": "{} != {}", "neg": "-{}",
    "switch": "{1} if {0} else {2}", "int_div": "{0} // {1} if {1} else 0",
    "mod": "{0} % {1} if {1} else 0", "abs": "abs({})", "cast_int64": "int({})",
    "identity": "{}",
}
# fmt: on
"""Rows on integers as Python computes them, where nothing wraps."""

LOGIC: dict[str, str] = {
    **{name: PYTHON[name] for name in ("lt", "le", "gt", "ge", "eq", "neq", "switch", "identity")},
    "and_": "{} & {}", "or_": "{} | {}", "cast_bool": "{} != 0", "invert": "not {}",
}  # fmt: skip
"""Rows whose result is a condition."""


def python(x: Call, bounds: Bounds) -> str | None:
    """Return how Python writes a row of integers; None: there are others among the operands.

    What may wrap, or Python has no operator for, is computed as the row declares.
    """
    given = tuple(o.dtype for o in x.operands)
    if any(dtype in FLOATS for dtype in (x.dtype, *given)):
        return None
    name = x.row.name
    form = LOGIC.get(name) if x.dtype == "bool" else PYTHON.get(name)
    if x.dtype != "bool" and bounds.wraps(x):
        form = None
    if name in ("int_div", "mod") and bounds.of(x.operands[1])[0] > 0:
        form = "{} // {}" if name == "int_div" else "{} % {}"
    if form is None:
        places = "".join(", {}" for _ in given)
        return f'computed("{name}", {given}, "{x.dtype}"{places})'
    return form


class Facts:
    """What is known of a program before it is printed.

    program : it, products that no library has written as loops.
    deterministic : whether scatters keep the order; else they add in the order that comes.
    device : the registers that live on the device.
    needed : the registers that the host must know.
    reads : the inputs of rank 0 whose values the host reads.
    moved : the pointers that kernels move.
    totals : the memory to which the steps of loops contribute.
    bounds : what is known of numbers: of a shape, that it is one.
    """

    def __init__(self, program: Program, deterministic: bool = True) -> None:
        self.program = program
        self.body = looped(program.body)
        self._same: dict[Buffer, Buffer] = {}
        self._unite()
        self.body = rewritten(self.body, self._by_element)
        if not deterministic:
            self.body = rewritten(self.body, self._in_any_order)
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
        self.totals = {
            self.memory(r.target)
            for s in inside(self.body)
            if isinstance(s, For)
            for r in s.reductions
            if isinstance(r.target, Buffer)
        }
        self.bounds = _bounds(program)
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
        if isinstance(s.body[0], Scope) and too_much(s.body) and not breaks:
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
        if any(x.reductions for x in loops) or any(depends(x.extent, s) for x in loops):
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
            accesses = [(y.buffer, y.index) for e in expressions(x) for y in loads(e)]
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
                for y in (y for e in expressions(x) for y in loads(e)):
                    if (
                        y.index
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

        None: they carry more than registers that rows combine, or neighbours are in other loops,
        whose threads take turns better.
        """
        stores = [x for x in inside(s.body) if isinstance(x, Store)]
        if not stores or any(not x.index or x.index[-1] != s.index.final for x in stores):
            return None
        return self.carried(s)

    def carried(self, s: For) -> tuple[list[Carried], list[Statement]] | None:
        """Return what the steps of a loop carry, and the statements after that.

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
                made_of = carried_by(x)
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
        if not found or any(
            not isinstance(x, (Store, Let, If))
            or (isinstance(x, Let) and x.symbol.final not in made)
            for x in body
        ):
            return None
        return (found, rest) if self.apart([s.index.final], s.body) else None

    def chunks(self, s: For) -> Chunks | None:
        """Return how groups share a loop that carries registers along; None: they cannot."""
        found = self.carried(s)
        if found is None:
            return None
        carried, rest, ends = without_ends(*found)
        places = self._places(s)
        stored = {Load(x.buffer, x.index) for x in inside(s.body) if isinstance(x, Store)}
        step = totals(carried, places) if stored == set(places) else None
        return Chunks(carried, rest, ends, step) if carried and step is not None else None

    def _by_element(self, s: Statement) -> list[Statement] | None:
        """Return what a scan becomes that goes element by element, where it may be rewritten."""
        if not isinstance(s, For):
            return None
        made = self._elements(s)
        return [s] if made is None and not self.hosted(s) else made

    def _elements(self, scan: For) -> list[Statement] | None:
        """Return a scan as one that goes element by element; None: it cannot."""
        within = set(map(id, inside([scan])))
        read = read_in([s for s in inside(self.body) if id(s) not in within])
        read |= {b.root for b in self.program.outputs}
        checks = [s for s in self.program.body if isinstance(s, Check)]
        return by_element(scan, self.memory, read, checks)

    def _in_any_order(self, s: Statement) -> list[Statement] | None:
        """Return what a loop becomes whose scatters add in any order; its inner ones come first."""
        if not isinstance(s, For):
            return None
        inner = rewritten(s.body, self._in_any_order)
        made = For(s.index, s.extent, inner, s.ordered, s.reductions, s.parallel)
        return [(self._adding(made) if s.ordered else None) or made]

    def _adding(self, s: For) -> For | None:
        """Return a loop whose steps may come in any order, if that they add makes it one."""
        body = [as_added(x) for x in s.body]
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
                places.add(Load(x.buffer, first_of(x.index, made)))
        if len(places) != 1:
            return None
        (place,) = places
        memory = self.memory(place.buffer)
        inner = [y for i in place.index for y in loads(i)]
        if not inner or any(y in made for i in place.index for y in parts(i)):
            return None
        for x in inside(s.body):
            for e in expressions(x):
                for y in loads(e):
                    if self.memory(y.buffer) is memory and (
                        y in inner or Load(y.buffer, first_of(y.index, made)) != place
                    ):
                        return None
        return place

    def kept(self, columns: For) -> dict[Load, Symbol]:
        """Return the elements that the innermost of interchanged loops may keep in registers."""
        ordered = innermost(columns)[-1]
        return self._places(ordered, (ordered.index.final,))

    def _places(self, loop: For, moving: Collection[Expr] = ()) -> dict[Load, Symbol]:
        """Return the elements that a step stores, with registers for them.

        They must be all that it touches of their memory.

        moving : what their indices must not depend on.
        """
        found: dict[Load, Symbol] = {}
        for s in inside(loop.body):
            if isinstance(s, Store) and not any(
                y in moving or isinstance(y, Load) or sets(y, loop)
                for i in s.index
                for y in parts(i)
            ):
                place = Load(s.buffer, s.index)
                found.setdefault(place, Symbol(s.buffer.name, s.buffer.dtype))
        memories = {self.memory(x.buffer) for x in found}
        stored = [Load(s.buffer, s.index) for s in inside(loop.body) if isinstance(s, Store)]
        read = [y for s in inside(loop.body) for e in expressions(s) for y in loads(e)]
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
                return python(x, self.bounds) is not None and all(
                    self.known(o, reading) for o in x.operands
                )
            case _:
                return False

    def evaluable(self, x: Expr, changing: Collection[Symbol] = ()) -> bool:
        """Return whether the host can evaluate an expression: it knows, or was told, all of it.

        changing : what a kernel is about to change.
        """
        match x:
            case Call():
                return python(x, self.bounds) is not None and all(
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
            if isinstance(s, For) and not depends(s.extent, loop):
                yield s.extent


def _bounds(program: Program) -> Bounds:
    """Return what is known of extents: inputs are in memory, and checks were made for the rest."""
    found = Bounds()
    for buffer in program.inputs:
        found.fit(buffer.shape, REAL)
    for s in inside(program.body):
        match s:
            case Allocate(buffer):
                found.fit(buffer.shape, MOST)
            case Callback(_, _, _, extents):
                for symbols in extents:
                    found.fit(symbols, REAL)
            case _:
                pass
    return found
