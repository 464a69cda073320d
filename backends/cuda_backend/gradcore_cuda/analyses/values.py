"""Who can know a number: the host, or the device alone.

A register is the *host's* if it is computed from extents of inputs, literals and such registers
alone.  All others are the *device's*, a word of memory each; what the host needs of them (an extent
that was computed from data) it reads when they are set, which waits for the device.

The decision: one question decides, whether the host can know a number without asking the device,
and it is answered before anything is launched.  Rejected: all registers on the host, where
every condition and every count of steps would wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gradcore.graph.types import FLOATS
from gradcore.kernel.bounds import MOST, MOST_ELEMENTS, Bounds
from gradcore.kernel.device import Count
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Call,
    Callback,
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
    Symbol,
    parts,
)
from gradcore.kernel.uses import expressions, inside
from gradcore_cuda.analyses.placement import chosen_by_host, hosted, kernels
from gradcore_cuda.loops import depends
from gradcore_cuda.target import GpuTarget

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
"""Elementwise ops whose result is a condition."""


def on_integers(x: Call) -> bool:
    """Return whether a call takes and returns integers and conditions alone, as Python can."""
    return x.dtype not in FLOATS and all(o.dtype not in FLOATS for o in x.operands)


def python(x: Call, bounds: Bounds) -> str | None:
    """Return a call on integers as text of Python; None if an operand is no integer.

    What may wrap, or Python has no operator for, is computed as the op declares.
    """
    if not on_integers(x):
        return None
    given = tuple(o.dtype for o in x.operands)
    name = x.op.name
    form = LOGIC.get(name) if x.dtype == "bool" else PYTHON.get(name)
    if x.dtype != "bool" and bounds.wraps(x):
        form = None
    if name in ("int_div", "mod") and bounds.of(x.operands[1])[0] > 0:
        form = "{} // {}" if name == "int_div" else "{} % {}"
    if form is None:
        places = "".join(", {}" for _ in given)
        return f'computed("{name}", {given}, "{x.dtype}"{places})'
    return form


class Values:
    """Which numbers of a program the host can know.

    program : it.
    target : what it is made for.
    given : the registers that the host has before it starts, or gets from Python.
    device : the registers that live on the device.
    needed : the registers that the host must know.
    reads : the inputs of rank 0 whose values the host reads.
    moved : the pointers that kernels move.
    derived : the registers that every kernel computes anew, since nothing can change them.
    bounds : what is known of numbers: of a shape, that it is one.
    """

    def __init__(self, program: Program, target: GpuTarget) -> None:
        self.program = program
        self.target = target
        self.bounds = _bounds(program)
        self.given: set[Symbol] = {
            n
            for b in (*program.inputs, *program.constants)
            for n in b.shape
            if isinstance(n, Symbol)
        }
        self.moved = {
            s.pointer.root
            for outer in kernels(program.body, target)
            for s in inside([outer])
            if isinstance(s, Point)
        }
        self._lets: dict[Symbol, list[Expr]] = {}
        self._host_indices: set[Symbol] = set()
        self._untold: set[Symbol] = set()
        self._note_lets(program.body)
        self.reads: set[Buffer] = set()
        self.device: set[Symbol] = set()
        self._divide(reading=True)
        self.needed = self._needed()
        self._divide(reading=False)
        self.derived: dict[Symbol, Expr] = {}
        self._derive()

    def known(self, x: Expr, reading: bool = False) -> bool:
        """Return whether the host can compute an expression without asking the device.

        reading : whether it may look at any input of rank 0.
        """
        match x:
            case Literal():
                return x.dtype not in FLOATS
            case Count():
                return True
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
                return on_integers(x) and all(self.known(o, reading) for o in x.operands)
            case _:
                return False

    def evaluable(self, x: Expr, changing: Collection[Symbol] = ()) -> bool:
        """Return whether the host can evaluate an expression: it knows, or has read, all of it.

        changing : what a kernel is about to change.
        """
        match x:
            case Call():
                return on_integers(x) and all(self.evaluable(o, changing) for o in x.operands)
            case Symbol():
                needed = x.final in self.needed and x.final not in changing
                return self.known(x) or needed
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
        waiting = [x for x in self._wanted(self.program.body) for x in parts(x)]
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
                    if hosted(s, self.target):
                        yield from self._wanted(s.body)
                        continue
                    yield from self._sizes(s)
                case If(condition, then, orelse) if chosen_by_host(s):
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

    def _note_lets(self, body: Sequence[Statement], by_device: bool = False) -> None:
        for s in body:
            match s:
                case Let(symbol, value):
                    if by_device:
                        self._untold.add(symbol.final)
                    self._lets.setdefault(symbol.final, []).append(value)
                case For() if hosted(s, self.target):
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
                    device = not chosen_by_host(s)
                    self._note_lets(then, device)
                    self._note_lets(orelse, device)
                case Callback(_, _, _, extents):
                    self.given |= {x.final for symbols in extents for x in symbols}
                case _:
                    pass


def _bounds(program: Program) -> Bounds:
    """Return what is known of extents: inputs are in memory, and checks were made for the rest."""
    found = Bounds()
    for buffer in program.inputs:
        found.fit(buffer.shape, MOST_ELEMENTS)
    for s in inside(program.body):
        match s:
            case Allocate(buffer):
                found.fit(buffer.shape, MOST)
            case Callback(_, _, _, extents):
                for symbols in extents:
                    found.fit(symbols, MOST_ELEMENTS)
            case _:
                pass
    return found
