"""The text of kernels.

A kernel is written for a *group* of threads that works on one step of a loop at a time: a thread
alone, or many that run its statements together.  Together means: registers are private and equal,
an element is stored by one thread, and the steps of an inner loop are shared out, after which what
they contributed is combined and known to all.  Threads wait for each other only where one may use
what another has written.

The decision: this is the only way that statements are run, so that softmax, a step of a scan, and
the sum of a matrix are one mechanism with other numbers of threads.  Rejected: a template for each
kind of kernel, which fuses only what the templates know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TypeAlias

import numpy as np

from gradcore.kernel import scalar
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Buffer,
    Call,
    Check,
    Expr,
    For,
    If,
    Let,
    Literal,
    Load,
    Point,
    Reduction,
    Scope,
    Statement,
    Store,
    Symbol,
    call,
    identity_of,
    integer,
    parts,
    product,
)
from gradcore.kernel.text import INDEX, Printer, Unit, comment
from gradcore.kernel.uses import expressions, inside
from gradcore.ops.elementwise import ROWS, Elementwise
from gradcore_cuda.facts import Facts
from gradcore_cuda.loops import Added, Carried, collapsed, shareable, tiny
from gradcore_cuda.schedule import TILE, Form, Launch

PRIVATE = 32
"""The most elements of an array that a thread has to itself."""

# fmt: off
WORDS = frozenset((
    "alignas", "alignof", "and", "and_eq", "asm", "bitand", "bitor", "bool", "catch", "char16_t",
    "char32_t", "class", "compl", "concept", "constexpr", "const_cast", "decltype", "delete",
    "dynamic_cast", "explicit", "export", "false", "friend", "mutable", "namespace", "new",
    "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected",
    "public", "reinterpret_cast", "requires", "static_assert", "static_cast", "template", "this",
    "thread_local", "throw", "true", "try", "typeid", "typename", "using", "virtual", "wchar_t",
    "xor", "xor_eq", "threadIdx", "blockIdx", "blockDim", "gridDim", "warpSize", "min", "max",
    "status", "stopped", "counter", "fma", "atomicAdd", "atomicCAS", "own", "part", "k",
))
# fmt: on
"""Words of C++, of CUDA, and names that kernels use themselves."""

EXCHANGED = {"float32": "f32", "float64": "f64", "int64": "i64", "uint64": "i64", "float16": "f32"}
"""How values of a dtype travel within a warp; all others as integers of 32 bits."""

LIBRARY: dict[str, str] = {
    "gc_pow_f64": "pow",
    **{
        f"gc_{ours}_{kind}": ours.replace("arc", "a") + end
        for ours in (
            "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin",
            "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "erf",
        )
        for kind, end in (("f64", ""), ("f32", "f"))
    },
}  # fmt: skip
"""CUDA's functions whose documented errors are within those that rows declare."""

ATOMIC_TYPES: dict[str, str] = dict.fromkeys(("int64", "uint64"), "unsigned long long")
"""What CUDA adds to where many threads do, where that is another type of the same bits."""

OWNERS = 2048
"""How many groups own targets of a scatter at most: each looks at all of its steps."""

WIDE = 16
"""How many bytes a thread reads or writes at a time."""

Key: TypeAlias = "tuple[object, ...] | None"
"""What tells which thread touches an element: equal keys, the same thread."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel.

    kind : "number" (a register of the host's), "index" (what the host computes), "register" (where
        one of the device's is), "memory" (of a buffer), "pointer" (where the device keeps a
        pointer), "group" or "thread" (workspace for each; none, if that of groups is in shared
        memory), "own" (how many bytes of that a group has), "parts" (of a register, one for each
        block), "part" (of an array, one for each group), "groups" (how many there are), "counter",
        "status".
    what : the register, buffer or expression.
    """

    kind: str
    what: Expr | Buffer | None = None


@dataclass
class Printed:
    """A kernel as text, with what its launch needs.

    name : its name.
    lines : the text.
    parameters : what it is given, with the kind that `gradcore_cuda.runtime.Kernel` tells.
    steps, lanes : how many steps it has, and how many threads could share one.
    alone : whether there is but one block.
    used : the buffers whose elements it indexes.
    extents : how far its loops go.
    checks : whether it may fail.
    """

    name: str
    lines: list[str]
    parameters: list[tuple[Parameter, str]]
    steps: Expr
    lanes: list[Expr]
    alone: bool
    used: list[Buffer]
    extents: list[Expr]
    checks: bool


@dataclass
class _Flat:
    """Loops that run as one: the number of a step stands for all their indices."""

    symbols: tuple[Symbol, ...]
    extents: tuple[Expr, ...]
    name: str


@dataclass
class _Leave:
    """Where a thread goes on when a check has failed.

    label : there.
    flag : the register that notes it, if others must know.
    """

    label: str
    flag: str = ""
    used: bool = False


@dataclass
class _Kernel:
    """A kernel while it is printed."""

    parameters: dict[Parameter, str] = field(default_factory=dict[Parameter, str])
    before: list[str] = field(default_factory=list[str])
    made: set[Symbol | Buffer] = field(default_factory=set["Symbol | Buffer"])
    changed: dict[Symbol | Buffer, None] = field(default_factory=dict["Symbol | Buffer", None])
    written: set[Buffer] = field(default_factory=set[Buffer])
    indices: set[Symbol] = field(default_factory=set[Symbol])
    used: dict[Buffer, None] = field(default_factory=dict[Buffer, None])
    given: dict[Expr, str] = field(default_factory=dict[Expr, str])
    named: set[Symbol] = field(default_factory=set[Symbol])
    fresh: dict[Symbol | Buffer, Expr] = field(default_factory=dict["Symbol | Buffer", Expr])
    sets: set[Symbol] = field(default_factory=set[Symbol])
    extents: dict[Expr, None] = field(default_factory=dict[Expr, None])
    lanes: dict[Expr, None] = field(default_factory=dict[Expr, None])
    flats: list[_Flat] = field(default_factory=list[_Flat])
    leaves: list[_Leave] = field(default_factory=list[_Leave])
    touched: list[tuple[Buffer, bool, Key]] = field(default_factory=list[tuple[Buffer, bool, Key]])
    vectors: dict[Buffer, str] = field(default_factory=dict[Buffer, str])
    tiles: dict[Load, str] = field(default_factory=dict[Load, str])
    along: tuple[Expr, ...] = ()
    private: set[Buffer] = field(default_factory=set[Buffer])
    together: bool = False
    checks: bool = False
    skips: bool = False


class CudaPrinter(Printer):
    """Prints kernels.

    facts : what is known of the program.
    """

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.taken |= WORDS | set(LIBRARY.values())
        self.facts = facts
        self.combining: dict[tuple[str, str], None] = {}
        self.carrying: dict[tuple[str, str], None] = {}
        self.vector_types: dict[tuple[str, str, int], None] = {}
        self.kernel = _Kernel()
        self.checked = self.checked_before = False

    # names --------------------------------------------------------------------------------------
    def place(self, what: Symbol | Buffer) -> str:
        """Return the name of a register or buffer; what is not made here becomes a parameter."""
        kernel, facts = self.kernel, self.facts
        what = what.root if isinstance(what, Buffer) else what.final
        name = self.name(what)
        if what in kernel.made:
            if isinstance(what, Symbol):
                kernel.named.add(what)
            return name
        kernel.made.add(what)
        ctype = scalar.CTYPES[what.dtype]
        if isinstance(what, Symbol):
            if what in facts.derived:
                self.derive(what)
            elif what in facts.device and (what not in facts.needed or what in kernel.sets):
                self.parameter(Parameter("register", what), f"{ctype} *{name}_at")
                kernel.before.append(f"{ctype} {name} = *{name}_at;")
            elif what in facts.given:
                kernel.indices.add(what)
                self.parameter(Parameter("number", what), f"gc_index {name}")
            else:
                self.parameter(Parameter("number", what), f"{ctype} {name}")
        elif what in facts.moved:
            self.parameter(Parameter("pointer", what), f"{ctype} **{name}_at")
            kernel.before.append(f"{ctype} *{name} = *{name}_at;")
        else:
            constant = "const " if what.role in ("input", "constant") else ""
            alone = "__restrict__ " if facts.alone(what) else ""
            self.parameter(Parameter("memory", what), f"{constant}{ctype} *{alone}{name}")
        return name

    def derive(self, symbol: Symbol) -> None:
        """Print what computes a register that is the same in all kernels."""
        outer, self.unit = self.unit, Unit(depth=0)
        text = self.expr(self.facts.derived[symbol])
        self.kernel.before += self.unit.lines
        self.kernel.before.append(
            f"const {scalar.CTYPES[symbol.dtype]} {self.name(symbol)} = {text};"
        )
        self.unit = outer

    def parameter(self, parameter: Parameter, text: str) -> None:
        """Note a parameter."""
        self.kernel.parameters[parameter] = text

    # expressions --------------------------------------------------------------------------------
    def expr(self, x: Expr, atom: bool = False) -> str:
        """Return an expression; the indices of loops have 32 bits, and the values of them 64."""
        if isinstance(x, Symbol):
            name = self.place(x)
            return f"(int64_t){name}" if x.final in self.kernel.indices else name
        return super().expr(x, atom)

    def index(self, x: Expr, atom: bool = False) -> str:
        """Return an expression as an index."""
        match x:
            case Literal():
                return str(x.value)
            case Symbol():
                name = self.place(x)
                return name if x.final in self.kernel.indices else f"(gc_index){name}"
            case Call() if x.row.name in INDEX and all(o.dtype == "int64" for o in x.operands):
                text = INDEX[x.row.name].format(*(self.index(o, atom=True) for o in x.operands))
                return f"({text})" if atom else text
            case Call() | Load() if self.facts.evaluable(x, self.kernel.sets):
                parameter = Parameter("index", x)
                if parameter not in self.kernel.parameters:
                    self.kernel.given[x] = self.fresh("n")
                    self.parameter(parameter, f"gc_index {self.kernel.given[x]}")
                return self.kernel.given[x]
            case _:
                return f"(gc_index)({self.expr(x)})"

    def flat(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return the number of an element; loops that run as one may have counted it already."""
        position: Expr = ZERO
        index = tuple(index)
        for flat in self.kernel.flats:
            n = len(flat.symbols)
            if index[-n:] == flat.symbols and buffer.shape[-n:] == flat.extents:
                for extent, i in zip(buffer.shape[:-n], index[:-n], strict=True):
                    position = position * extent + i
                position = position * product(flat.extents)
                start = self.index(position, atom=True)
                return flat.name if start == "0" else f"{start} + {flat.name}"
        for extent, i in zip(buffer.shape, index, strict=True):
            position = position * extent + i
        return self.index(position)

    def element(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return an element of a buffer."""
        self.kernel.used[buffer] = None
        if buffer in self.kernel.vectors and tuple(index) == self.kernel.along:
            return self.kernel.vectors[buffer]
        if (tile := self.kernel.tiles.get(Load(buffer, tuple(index)))) is not None:
            return tile
        return f"{self.memory(buffer)}[{self.flat(buffer, index)}]"

    def address(self, buffer: Buffer) -> str:
        """Return the address of a buffer."""
        return self.memory(buffer)

    def scalar(
        self, row: Elementwise, given: Sequence[str], result: str, operands: Sequence[str]
    ) -> str:
        """Return the text of a row; CUDA's own functions come before ours."""
        text, names = scalar.expression(row, given, result, operands)
        for name in names:
            if name in LIBRARY:
                text = re.sub(rf"\b{name}\(", f"{LIBRARY[name]}(", text)
            else:
                self.functions.add(name)
        return text

    # who touches what ---------------------------------------------------------------------------
    def touch(self, accesses: Sequence[tuple[Buffer, bool, Key]]) -> None:
        """Wait for the other threads if they may have to do with the same elements."""
        kernel = self.kernel
        if not kernel.together:
            return
        for memory, writes, key in accesses:
            for other, wrote, owner in kernel.touched:
                same = key is not None and key == owner
                if memory is other and (writes or wrote) and not same:
                    self.unit.add("gc_barrier();")
                    kernel.touched.clear()
                    break
            else:
                continue
            break
        self.note(accesses)

    def note(self, accesses: Sequence[tuple[Buffer, bool, Key]]) -> None:
        """Note that elements have been touched since threads last waited for each other."""
        touched = self.kernel.touched
        touched += [a for a in accesses if a not in touched]

    def touched_in(self, body: Sequence[Statement]) -> None:
        """Note what statements that are run again and again touch."""
        for s in body:
            self.note(self.accesses(s))

    def accesses(self, s: Statement) -> list[tuple[Buffer, bool, Key]]:
        """Return what a statement, run together, touches, and which thread does."""
        if isinstance(s, For) and (spread := self.spread(s)):
            loops, body = spread
            return self.owned(loops, body)
        if isinstance(s, For) and self.facts.running(s):
            return self.read(iter([s.extent]), None) + self.owned([s], s.body)
        if isinstance(s, Store):
            return self.read(expressions(s), ("one",)) + self.wrote(s, ("one",))
        found = self.read(expressions(s), None)
        match s:
            case For() | Scope():
                return found + [a for inner in s.body for a in self.accesses(inner)]
            case If(_, then, orelse):
                return found + [a for inner in (*then, *orelse) for a in self.accesses(inner)]
            case _:
                return found

    def read(self, xs: Iterator[Expr], key: Key) -> list[tuple[Buffer, bool, Key]]:
        """Return what expressions read."""
        return [
            a
            for x in xs
            for y in parts(x)
            if isinstance(y, Load)
            for a in self._access(y.buffer, False, key)
        ]

    def wrote(self, s: Store, key: Key) -> list[tuple[Buffer, bool, Key]]:
        """Return what a store writes."""
        return self._access(s.buffer, True, key)

    def _access(self, buffer: Buffer, writes: bool, key: Key) -> list[tuple[Buffer, bool, Key]]:
        memory = self.facts.memory(buffer)
        if memory not in self.kernel.written or buffer.root in self.kernel.private:
            return []
        return [(memory, writes, key)]

    def owned(
        self, loops: Sequence[For], body: Sequence[Statement]
    ) -> list[tuple[Buffer, bool, Key]]:
        """Return what the steps of loops that are shared out touch."""
        symbols = [s.index.final for s in loops]
        extents = tuple(s.extent for s in loops)
        private = {s.buffer.root for s in inside(body) if isinstance(s, Allocate)}
        found: list[tuple[Buffer, bool, Key]] = []

        def key(buffer: Buffer, index: Sequence[Expr]) -> Key:
            axes = [tuple(index).index(x) if x in index else -1 for x in symbols]
            return None if -1 in axes else (id(buffer), tuple(axes), extents)

        for s in inside(body):
            for x in expressions(s):
                for y in parts(x):
                    if isinstance(y, Load) and y.buffer.root not in private:
                        found += self._access(y.buffer, False, key(y.buffer, y.index))
            if isinstance(s, Store) and s.buffer.root not in private:
                found += self._access(s.buffer, True, key(s.buffer, s.index))
        return found

    # loops that are shared out ------------------------------------------------------------------
    def spread(self, s: For) -> tuple[list[For], list[Statement]] | None:
        """Return the loops that run as one, and what is in them, if threads may share them."""
        if not shareable(s):
            return None
        loops, body = collapsed(s)
        if any(isinstance(x, For) and shareable(x) and not tiny(x) for x in inside(body)):
            return None
        return loops, body

    def shared(self, s: Statement) -> bool:
        """Return whether a statement is a loop that a group of threads may share."""
        if not isinstance(s, For):
            return False
        return (shareable(s) and not tiny(s)) or self.facts.running(s) is not None

    def loop(self, s: For) -> None:
        """Print a loop."""
        kernel = self.kernel
        spread = self.spread(s) if kernel.together else None
        if spread is not None:
            self.shared_loop(*spread)
            return
        running = self.facts.running(s) if kernel.together else None
        if running is not None:
            self.running_loop(s, *running)
            return
        if kernel.together:
            self.touch(self.read(iter([s.extent]), None))
            self.touched_in(s.body)
        self.unit.add(self.header(s))
        self.unit.depth += 1
        self.statements(s.body)
        self.unit.depth -= 1
        self.unit.add("}")
        if kernel.together:
            self.touched_in(s.body)

    def header(self, s: For) -> str:
        """Return the line that a loop starts with."""
        extent, counted = self.extent(s)
        self.kernel.made.add(s.index.final)
        i = self.name(s.index)
        kind = "gc_index" if counted else "int64_t"
        return f"for ({kind} {i} = 0; {i} < {extent}; {i}++) {{"

    def extent(self, s: For) -> tuple[str, bool]:
        """Return how far a loop goes, and whether an index can count so far."""
        if self.counted(s.extent):
            self.kernel.indices.add(s.index.final)
            self.kernel.extents[s.extent] = None
            return self.index(s.extent), True
        return self.expr(s.extent), False

    def counted(self, extent: Expr) -> bool:
        """Return whether the host knows an extent."""
        return self.facts.evaluable(extent, self.kernel.sets)

    def shared_loop(self, loops: Sequence[For], body: Sequence[Statement]) -> None:
        """Print loops whose steps are shared out among the threads of the group."""
        kernel = self.kernel
        self.touch(self.read((s.extent for s in loops), None) + self.owned(loops, body))
        reductions = combined_in(loops)
        starts: list[str] = []
        for r in reductions:
            start, identity = self.start(r)
            own = self.place(r.target)
            if kernel.fresh.get(r.target) == identity:
                starts.append("")
                continue
            before = self.fresh(f"{own}_before")
            starts.append(before)
            self.unit.add(f"const {scalar.CTYPES[r.target.dtype]} {before} = {own};")
            self.unit.add(f"{own} = {start};")
        checks = any_check(body)
        flag = ""
        if checks:
            flag = self.fresh("failed")
            self.unit.add(f"uint8_t {flag} = 0;")
        kernel.lanes[product([s.extent for s in loops])] = None
        kernel.together = False
        self.unit.depth += 1
        outer, self.unit = self.unit, Unit(depth=self.unit.depth)
        head, lines = self.counting(loops, "threadIdx.x", "blockDim.x", body, flag)
        inner, self.unit = self.unit, outer
        self.unit.depth -= 1
        self.unit.add(head)
        self.unit.lines += [*lines, *inner.lines]
        self.unit.add("}")
        kernel.together = True
        for r, before in zip(reductions, starts, strict=True):
            assert r.row is not None
            own, dtype = self.place(r.target), r.target.dtype
            self.unit.add(f"{own} = {self.all_of(r.row, dtype, own, 'group')};")
            if before:
                text = self.scalar(r.row, [dtype, dtype], dtype, [before, own])
                self.unit.add(f"{own} = {text};")
        if flag:
            leave = kernel.leaves[-1]
            any_of = self.all_of(ROWS["or_"], "bool", flag, "group")
            self.unit.add(f"if ({any_of}) {{")
            self.unit.depth += 1
            self.leave(leave)
            self.unit.depth -= 1
            self.unit.add("}")

    def running_loop(self, s: For, carried: Sequence[Carried], rest: Sequence[Statement]) -> None:
        """Print a loop that carries registers along: a thread of the group for each step.

        The group goes through as many steps at a time as it has threads, each of which combines
        what the ones before it have brought.
        """
        kernel, add = self.kernel, self.unit.add
        self.touch([*self.read(iter([s.extent]), None), *self.owned([s], s.body)])
        kernel.lanes[s.extent] = None
        if self.counted(s.extent):
            kernel.extents[s.extent] = None
        kernel.made.add(s.index.final)
        kernel.indices.add(s.index.final)
        i, first, last = self.name(s.index), self.fresh("first"), self.index(s.extent)
        before = [self.fresh(f"{self.place(c.symbol)}_before") for c in carried]
        for c, name in zip(carried, before, strict=True):
            add(f"{scalar.CTYPES[c.symbol.dtype]} {name} = {self.place(c.symbol)};")
        add(f"for (gc_index {first} = 0; {first} < {last}; {first} += blockDim.x) {{")
        self.unit.depth += 1
        add(f"const gc_index {i} = {first} + threadIdx.x;")
        for x in s.body:
            if isinstance(x, Let) and x.fresh:
                kernel.made.add(x.symbol.final)
                add(f"{scalar.CTYPES[x.symbol.dtype]} {self.name(x.symbol)};")
        for c, name in zip(carried, before, strict=True):
            own, dtype, all_of = self.place(c.symbol), c.symbol.dtype, self.fresh("all")
            identity = identity_of(c.row, dtype)
            brought = Let(c.symbol, c.brought, fresh=False)
            add(f"{own} = {scalar.literal(identity.value, dtype)};")
            self.own_step([*c.before, brought], f"{i} < {last}")
            self.carrying[c.row.name, dtype] = None
            add(
                f"{scalar.CTYPES[dtype]} {all_of};",
                f"{own} = gc_running_{c.row.name}_{_suffix(dtype)}({own}, &{all_of});",
                f"{own} = {self.scalar(c.row, [dtype, dtype], dtype, [name, own])};",
                f"{name} = {self.scalar(c.row, [dtype, dtype], dtype, [name, all_of])};",
            )
        if rest:
            self.own_step(rest, f"{i} < {last}")
        self.unit.depth -= 1
        add("}")
        for c, name in zip(carried, before, strict=True):
            add(f"{self.place(c.symbol)} = {name};")

    def own_step(self, given: Sequence[Statement], condition: str) -> None:
        """Print what a thread does for the step that is its own, if there is one."""
        kernel = self.kernel
        kernel.together = False
        self.unit.add(f"if ({condition}) {{")
        self.unit.depth += 1
        self.statements(
            [Let(x.symbol, x.value, fresh=False) if isinstance(x, Let) else x for x in given]
        )
        self.unit.depth -= 1
        self.unit.add("}")
        kernel.together = True

    def counting(
        self, loops: Sequence[For], first: str, every: str, body: Sequence[Statement], flag: str
    ) -> tuple[str, list[str]]:
        """Print the body of loops that run as one; return their first line and the next ones."""
        kernel = self.kernel
        kernel.made |= {s.index.final for s in loops}
        for s in loops:
            if self.counted(s.extent):
                kernel.extents[s.extent] = None
        kernel.extents[product([s.extent for s in loops])] = None
        kernel.indices |= {s.index.final for s in loops}
        names = [self.name(s.index) for s in loops]
        symbols = tuple(s.index.final for s in loops)
        kernel.along = symbols
        if len(loops) == 1:
            at = names[0]
        else:
            at = self.fresh("at")
            kernel.flats.append(_Flat(symbols, tuple(s.extent for s in loops), at))
        last = self.index(product([s.extent for s in loops]))
        kernel.named -= set(symbols)
        label = _Leave(self.fresh("next"), flag)
        kernel.leaves.append(label)
        unit = self.unit
        self.unit = Unit(depth=unit.depth)
        self.statements(body)
        printed, self.unit = self.unit.lines, unit
        kernel.leaves.pop()
        margin = "    " * unit.depth
        if label.used:
            printed = [margin + "{", *("    " + line for line in printed), margin + "}"]
            printed.append(f"{margin}{label.label}:;")
        lines: list[str] = []
        if len(loops) > 1:
            kernel.flats.pop()
            rest = at
            for k in range(len(loops) - 1, -1, -1):
                wanted = symbols[k] in kernel.named
                further = any(x in kernel.named for x in symbols[:k])
                n = self.index(loops[k].extent, atom=True)
                if wanted:
                    text = f"{rest} % {n}" if k else rest
                    lines.append(f"{margin}const gc_index {names[k]} = {text};")
                if k and further:
                    rest = f"{rest} / {n}" if k == 1 else rest
                    if k > 1:
                        name = self.fresh("rest")
                        lines.append(f"{margin}const gc_index {name} = {rest} / {n};")
                        rest = name
        self.unit.lines += printed
        head = f"for (gc_index {at} = {first}; {at} < {last}; {at} += {every}) {{"
        return head, lines

    def start(self, r: Reduction) -> tuple[str, Literal]:
        """Return what a contribution starts from."""
        assert r.row is not None
        start = identity_of(r.row, r.target.dtype)
        return scalar.literal(start.value, start.dtype), start

    def all_of(self, combining: Elementwise, dtype: str, text: str, threads: str) -> str:
        """Return what the values of all threads of a group or block combine to."""
        self.combining[combining.name, dtype] = None
        return f"gc_{threads}_{combining.name}_{_suffix(dtype)}({text})"

    # statements ---------------------------------------------------------------------------------
    def statements(self, given: Sequence[Statement]) -> None:
        """Print statements, but for what sets a register that the next one sets again."""
        kernel = self.kernel
        kernel.fresh.clear()
        declares = False
        for k, s in enumerate(given):
            after = given[k + 1] if k + 1 < len(given) else None
            if isinstance(s, Let):
                printed = Let(s.symbol, s.value, s.fresh or declares)
                declares = False
                kernel.fresh.pop(s.symbol.final, None)
                if isinstance(s.value, Literal):
                    if printed.fresh and _sets(after, s.symbol.final):
                        declares = True
                        continue
                    kernel.fresh[s.symbol.final] = s.value
                self.statement(printed)
                continue
            self.statement(s)
            kernel.fresh.clear()

    def statement(self, s: Statement) -> None:
        """Print a statement."""
        kernel = self.kernel
        match s:
            case Store() | Let() | Point():
                if kernel.together:
                    self.touch(self.accesses(s))
            case _:
                pass
        match s:
            case Allocate(buffer, reused):
                self.allocate(buffer, reused)
            case Point(pointer, buffer, index):
                ctype = scalar.CTYPES[pointer.dtype]
                text = f"({ctype} *)({self.memory(buffer)} + {self.flat(buffer, index)})"
                name = self.place(pointer)
                kernel.changed[pointer.root] = None
                self.unit.add(f"{name} = {text};")
            case If(condition, then, orelse) if kernel.together:
                self.choose(condition, then, orelse)
            case _:
                super().statement(s)

    def choose(
        self, condition: Expr, then: Sequence[Statement], orelse: Sequence[Statement]
    ) -> None:
        """Print a choice that all threads make alike."""
        kernel = self.kernel
        self.touch(self.read(iter([condition]), None))
        self.unit.add(f"if ({self.expr(condition)}) {{")
        before = list(kernel.touched)
        self.block(then)
        after = list(kernel.touched)
        kernel.touched = before
        if orelse:
            self.unit.add("} else {")
            self.block(orelse)
        self.unit.add("}")
        self.note(after)

    def store(self, s: Store) -> None:
        """Print a store: one thread of a group does it."""
        if not self.kernel.together:
            self.store_here(s)
            return
        self.unit.add("if (threadIdx.x == 0) {")
        self.unit.depth += 1
        self.store_here(s)
        self.unit.depth -= 1
        self.unit.add("}")

    def store_here(self, s: Store) -> None:
        """Print a store of the thread itself."""
        if not isinstance(s, Added):
            super().store(s)
            return
        place, value = f"&{self.element(s.buffer, s.index)}", self.expr(s.value)
        taken = ATOMIC_TYPES.get(s.buffer.dtype)
        if taken is not None:
            place, value = f"({taken} *){place}", f"({taken})({value})"
        self.unit.add(f"atomicAdd({place}, {value});")

    def let(self, s: Let) -> None:
        """Print what sets a register: one of the device's is written back at the end."""
        text, symbol = self.expr(s.value), s.symbol.final
        if symbol in self.facts.device and symbol in self.kernel.sets:
            self.unit.add(f"{self.place(symbol)} = {text};")
            self.kernel.changed[symbol] = None
            return
        declared = f"{scalar.CTYPES[symbol.dtype]} " if s.fresh else ""
        self.kernel.made.add(symbol)
        self.unit.add(f"{declared}{self.name(symbol)} = {text};")

    def check(self, number: int, condition: Expr, values: Sequence[Expr]) -> None:
        """Print a check: a thread that fails notes why, and leaves."""
        kernel = self.kernel
        if kernel.together:
            self.touch(self.read(iter([condition, *values]), None))
        self.parameter(Parameter("status"), "gc_status *status")
        kernel.checks = self.checked = True
        self.unit.add(f"if (!({self.expr(condition)})) {{")
        self.unit.depth += 1
        texts = ", ".join(f"(int64_t){self.expr(x, atom=True)}" for x in values) or "0"
        told = self.fresh("told")
        self.unit.add(
            f"const int64_t {told}[] = {{{texts}}};",
            f"gc_fail(status, {number}, {len(values)}, {told});",
        )
        self.leave(kernel.leaves[-1])
        self.unit.depth -= 1
        self.unit.add("}")

    def leave(self, leave: _Leave) -> None:
        """Print that a thread leaves what it does."""
        leave.used = True
        if leave.flag:
            self.unit.add(f"{leave.flag} = 1;")
        self.unit.add(f"goto {leave.label};")

    def allocate(self, buffer: Buffer, reused: Buffer | None) -> None:
        """Print what gives a group, or a thread, memory of its own."""
        kernel = self.kernel
        ctype, name = scalar.CTYPES[buffer.dtype], self.name(buffer)
        if buffer.role == "pointer":
            kernel.made.add(buffer)
            self.unit.add(f"{ctype} *{name} = 0;")
            return
        if buffer in kernel.made:
            return
        kernel.made.add(buffer)
        if reused is not None:
            kernel.before.append(f"{ctype} *const {name} = {self.place(reused)};")
            return
        count = product(buffer.shape)
        if not kernel.together and isinstance(count, Literal) and count.value <= PRIVATE:
            kernel.before.append(f"{ctype} {name}[{max(count.value, 1)}];")
            return
        number, text = "blockIdx.x * blockDim.y + threadIdx.y", self.index(count, atom=True)
        if not kernel.together:
            self.parameter(Parameter("thread", buffer), f"{ctype} *{name}_all")
            number = f"({number}) * blockDim.x + threadIdx.x"
            kernel.before.append(
                f"{ctype} *const {name} = {name}_all + (int64_t)({number}) * {text};"
            )
            return
        self.in_shared_memory()
        self.parameter(Parameter("group", buffer), f"{ctype} *{name}_all")
        start = f"{name}_all + (int64_t)({number}) * {text}"
        kernel.before += [
            f"{ctype} *const {name} = {name}_all ? {start} : ({ctype} *)own;",
            f"own += GC_ROUNDED({text} * sizeof({ctype}));",
        ]

    # kernels ------------------------------------------------------------------------------------
    def print(self, launch: Launch) -> Printed:
        """Return the kernel of a launch."""
        stopped = self.checked_before = self.checked
        self.kernel = kernel = _Kernel()
        self.unit = Unit()
        for s in inside([*launch.statements, *launch.after]):
            if isinstance(s, Store):
                kernel.written.add(self.facts.memory(s.buffer))
            if isinstance(s, Let) and s.symbol.final in self.facts.device:
                kernel.sets.add(s.symbol.final)
        steps: Expr = ONE
        end = _Leave(self.fresh("end"))
        kernel.leaves.append(end)
        single = False
        if launch.form is Form.BLOCK:
            single = not any(map(self.shared, inside(launch.statements)))
            kernel.together = not single
            self.statements(launch.statements)
            self.keep(not single)
        else:
            (loop,) = launch.statements
            assert isinstance(loop, For)
            if launch.form is Form.TILES:
                steps = self.tiled_steps(loop)
            elif launch.owner is not None:
                steps = self.owned_steps(loop, launch.owner)
            else:
                steps = self.steps(loop, launch)
        if end.used:
            self.unit.lines = [
                "    {",
                *("    " + line for line in self.unit.lines),
                "    }",
                f"    {end.label}:;",
            ]
        first: list[str] = []
        if stopped:
            self.parameter(Parameter("status"), "gc_status *status")
            stop = "const int stopped = gc_stopped(status);"
            first.append(stop if kernel.skips else "if (gc_stopped(status)) return;")
        if single:
            first.append("if (gc_thread() != 0) return;")
        name = self.fresh(f"{_title(launch)}_kernel")
        return self.finished(name, first, steps, launch.form is Form.BLOCK)

    def finished(self, name: str, first: Sequence[str], steps: Expr, alone: bool) -> Printed:
        """Return a kernel whose body is printed."""
        kernel = self.kernel
        lines = [
            f"GC_KERNEL {name}({', '.join(kernel.parameters.values()) or 'void'}) {{",
            *("    " + line for line in (*first, *kernel.before)),
            *self.unit.lines,
            "}",
        ]
        return Printed(
            name, lines, [(p, self.kind(p)) for p in kernel.parameters], steps, list(kernel.lanes),
            alone, list(kernel.used), list(kernel.extents), kernel.checks,
        )  # fmt: skip

    def kind(self, p: Parameter) -> str:
        """Return the kind of a parameter, as the runtime calls it."""
        if p.kind in ("groups", "own"):
            return "int32"
        if p.kind == "index":
            return "index"
        if p.kind != "number":
            return "pointer"
        assert isinstance(p.what, Symbol)
        return "index" if p.what in self.kernel.indices else p.what.dtype

    def keep(self, together: bool) -> None:
        """Print how registers that were set get back to memory."""
        changed = [x for x in self.kernel.changed if self._kept(x)]
        if not changed:
            return
        if together:
            self.unit.add("gc_barrier();", "if (threadIdx.x == 0) {")
        self.unit.depth += together
        for x in changed:
            self.unit.add(f"*{self.name(x)}_at = {self.name(x)};")
        self.unit.depth -= together
        if together:
            self.unit.add("}")

    def _kept(self, x: Symbol | Buffer) -> bool:
        kind = "register" if isinstance(x, Symbol) else "pointer"
        return Parameter(kind, x) in self.kernel.parameters

    def steps(self, loop: For, launch: Launch) -> Expr:
        """Print a loop whose steps are shared out among groups; return how many there are."""
        kernel = self.kernel
        loops, body = collapsed(loop) if launch.form is Form.STEPS else ([loop], loop.body)
        reductions = combined_in(loops)
        registers = [r for r in reductions if isinstance(r.target, Symbol)]
        kernel.together = launch.form is Form.PARTS or any(map(self.shared, inside(body)))
        unit = self.unit
        for r in registers:
            start, _ = self.start(r)
            assert isinstance(r.target, Symbol)
            symbol = r.target.final
            kernel.made.add(symbol)
            unit.add(f"{scalar.CTYPES[symbol.dtype]} {self.name(symbol)} = {start};")
        ends = self.parts(reductions) if launch.form is Form.PARTS else []
        if kernel.together:
            self.touched_in(body)
        first = "blockIdx.x * blockDim.y + threadIdx.y"
        steps = product([s.extent for s in loops])
        if not kernel.together and (found := self.vectors(loops, body)):
            done, width = self.vector_loop(loops, body, found)
            first = f"{done} + {first}"
            steps = call(ROWS["int_div"], (steps + (width - 1), integer(width)), "int64")
        self.unit = Unit(depth=2)
        head, lines = self.counting(loops, first, "gridDim.x * blockDim.y", body, "")
        printed, self.unit = self.unit.lines, unit
        if registers and kernel.checks and self.checked_before:
            kernel.skips = True  # all blocks must come to where they are counted
            head = re.sub(r"; (\w+ < .*?); ", r"; \1 && !stopped; ", head, count=1)
        unit.add(head)
        unit.lines += [*lines, *printed]
        unit.add("}")
        unit.add(*ends)
        if registers:
            self.total(registers, launch)
        return steps

    def owned_steps(self, loop: For, owner: Load) -> Expr:
        """Print a loop that every group goes through, for those steps whose target is its own."""
        kernel = self.kernel
        kernel.together = any(isinstance(s, For) and shareable(s) for s in inside(loop.body))
        self.unit.add("const unsigned groups = gridDim.x * blockDim.y;")
        self.unit.add(self.header(loop))
        self.unit.depth += 1
        position: Expr = ZERO
        for n, i in zip(owner.buffer.shape, owner.index, strict=True):
            position = position if i == ZERO else position * n + i
        number = self.index(position, atom=True)
        mine = "blockIdx.x * blockDim.y + threadIdx.y"
        self.unit.add(f"if ((unsigned){number} % groups != {mine}) continue;")
        if kernel.together:
            self.touched_in(loop.body)
        self.statements(loop.body)
        self.unit.depth -= 1
        self.unit.add("}")
        return call(ROWS["minimum"], (loop.extent, integer(OWNERS)), "int64")

    def tiled_steps(self, loop: For) -> Expr:
        """Print loops of which a block takes a tile at a time; return how many of these there are.

        What lies along the rows of a tile is read along them, and used along its columns.
        """
        kernel, add = self.kernel, self.unit.add
        loops, body = collapsed(loop)
        across = self.facts.across(loop)
        assert across is not None
        row, loads = across
        column = loops[-1]
        kernel.made |= {s.index.final for s in loops}
        kernel.indices |= {s.index.final for s in loops}
        kernel.extents[product([s.extent for s in loops])] = None
        kernel.lanes[integer(TILE * TILE)] = None
        tile, rest = self.fresh("tile"), self.fresh("rest")
        starts = {s.index.final: self.fresh(f"{self.name(s.index)}_first") for s in (row, column)}
        steps: Expr = ONE
        lines: list[str] = []
        for s in (column, row, *(s for s in loops if s is not row and s is not column)):
            n, name, end = s.extent, self.name(s.index), ""
            if s.index.final in starts:
                n = call(ROWS["int_div"], (n + (TILE - 1), integer(TILE)), "int64")
                name, end = starts[s.index.final], f" * {TILE}"
            count = self.index(n, atom=True)
            lines += [f"const gc_index {name} = {rest} % {count}{end};", f"{rest} /= {count};"]
            steps = steps * n
        add(
            f"for (gc_index {tile} = blockIdx.x; {tile} < {self.index(steps)}; "
            f"{tile} += gridDim.x) {{"
        )
        self.unit.depth += 1
        add(f"gc_index {rest} = {tile};", *lines[:-1])
        self.elements_of_tile(starts, column, row)
        places: dict[Load, str] = {}
        for x in loads:
            name = self.fresh(f"{self.name(x.buffer.root)}_tile")
            ctype = scalar.CTYPES[x.buffer.dtype]
            kernel.before.append(f"__shared__ {ctype} {name}[{TILE} * {TILE + 1}];")
            within = " && ".join(
                f"{self.index(i)} < {self.index(n, atom=True)}"
                for i, n in zip(x.index, x.buffer.shape, strict=True)
            )
            here = f"{name}[k / {TILE} * {TILE + 1} + k % {TILE}]"
            add(f"    if ({within}) {here} = {self.element(x.buffer, x.index)};")
            places[x] = f"{name}[k % {TILE} * {TILE + 1} + k / {TILE}]"
        add("}", "gc_barrier();")
        self.elements_of_tile(starts, row, column)
        within = " && ".join(
            f"{self.name(s.index)} < {self.index(s.extent, atom=True)}" for s in (row, column)
        )
        add(f"    if ({within}) {{")
        self.unit.depth += 2
        kernel.tiles = places
        self.statements(body)
        self.unit.depth -= 2
        add("    }", "}", "gc_barrier();")
        self.unit.depth -= 1
        add("}")
        return steps

    def elements_of_tile(self, starts: Mapping[Symbol, str], slow: For, fast: For) -> None:
        """Print the line that starts a loop over a tile, in which neighbours are along ``fast``."""
        places = [
            f"{self.name(s.index)} = {starts[s.index.final]} + {text}"
            for s, text in ((slow, f"k / {TILE}"), (fast, f"k % {TILE}"))
        ]
        self.unit.add(
            f"for (int k = threadIdx.x; k < {TILE * TILE}; k += blockDim.x) {{",
            f"    const gc_index {', '.join(places)};",
        )

    def vectors(self, loops: Sequence[For], body: Sequence[Statement]) -> list[Buffer]:
        """Return the buffers whose elements lie one after the other, as the steps go."""
        if any(not isinstance(s, (Store, Let, If)) for s in inside(body)):
            return []
        symbols, extents = tuple(s.index.final for s in loops), tuple(s.extent for s in loops)
        if not all(map(self.counted, extents)):
            return []
        found: dict[Buffer, None] = {}
        seen: dict[Buffer, Buffer] = {}
        for s in inside(body):
            accesses = [y for x in expressions(s) for y in parts(x) if isinstance(y, Load)]
            if isinstance(s, Store):
                accesses.append(Load(s.buffer, s.index))
            for x in accesses:
                memory = self.facts.memory(x.buffer)
                if memory in self.kernel.written and seen.setdefault(memory, x.buffer) != x.buffer:
                    return []
                if x.index == symbols and x.buffer.shape == extents:
                    found[x.buffer] = None
                elif memory in self.kernel.written:
                    return []
        return list(found)

    def vector_loop(
        self, loops: Sequence[For], body: Sequence[Statement], found: Sequence[Buffer]
    ) -> tuple[str, int]:
        """Print steps whose elements are read and written several at a time.

        Return the name of how many steps that were, and how many are taken together.
        """
        kernel = self.kernel
        size = max(np.dtype(b.dtype).itemsize for b in found)
        width = max(WIDE // size, 2)
        done, count = self.fresh("done"), self.fresh("vectors")
        last = self.index(product([s.extent for s in loops]), atom=True)
        places = " | ".join(f"(size_t){self.memory(b)}" for b in found)
        at, e = self.fresh("vector"), self.fresh("e")
        self.unit.add(
            f"const gc_index {count} = ({places}) % {WIDE} ? 0 : {last} / {width};",
            f"const gc_index {done} = {count} * {width};",
            f"for (gc_index {at} = blockIdx.x * blockDim.y + threadIdx.y; {at} < {count}; "
            f"{at} += gridDim.x * blockDim.y) {{",
        )
        read = {y.buffer for s in inside(body) for x in expressions(s) for y in parts(x)
                if isinstance(y, Load)}  # fmt: skip
        stored = {s.buffer for s in inside(body) if isinstance(s, Store)}
        kept: list[str] = []
        for b in found:
            code, name = _suffix(b.dtype), self.fresh(f"{self.name(b.root)}_{width}")
            self.vector_types[code, scalar.CTYPES[b.dtype], width] = None
            kernel.vectors[b] = f"{name}.x[{e}]"
            constant = "" if b in stored else "const "
            place = f"(({constant}gc_{code}x{width} *){self.memory(b)})[{at}]"
            if b in read or any(isinstance(s, If) for s in inside(body)):
                self.unit.add(f"    {constant}gc_{code}x{width} {name} = {place};")
            else:
                self.unit.add(f"    gc_{code}x{width} {name};")
            if b in stored:
                kept.append(f"    {place} = {name};")
        unit, self.unit = self.unit, Unit(depth=3)
        first = f"{at} * {width} + {e}"
        head, lines = self.counting(loops, first, "1", body, "")
        names = re.match(r"for \(gc_index (\w+) = ", head)
        assert names is not None
        inner, self.unit = self.unit.lines, unit
        kernel.vectors.clear()
        margin = "    " * 3
        self.unit.add("    #pragma unroll")
        self.unit.add(f"    for (int {e} = 0; {e} < {width}; {e}++) {{")
        whole = [*lines, *inner]
        if any(re.search(rf"\b{names[1]}\b", line) for line in whole):
            self.unit.lines.append(f"{margin}const gc_index {names[1]} = {first};")
        self.unit.lines += whole
        self.unit.add("    }", *kept, "}")
        return done, width

    def parts(self, reductions: Sequence[Reduction]) -> list[str]:
        """Print what gives a group an array of its own for each that it contributes to.

        Return the lines that bring them to where they are combined.
        """
        kernel = self.kernel
        ends: list[str] = []
        for r in reductions:
            if not isinstance(r.target, Buffer):
                continue
            start, _ = self.start(r)
            buffer = r.target.root
            ctype, own = scalar.CTYPES[buffer.dtype], self.name(buffer)
            kernel.made.add(buffer)
            self.parameter(Parameter("part", buffer), f"{ctype} *{own}_parts")
            self.in_shared_memory()
            size = self.index(product(r.target.shape), atom=True)
            number = "(int64_t)(blockIdx.x * blockDim.y + threadIdx.y)"
            kernel.before += [
                f"{ctype} *const {own}_part = {own}_parts + {number} * {size};",
                f"{ctype} *const {own} = own_bytes ? ({ctype} *)own : {own}_part;",
                f"own += GC_ROUNDED({size} * sizeof({ctype}));",
            ]
            steps = f"for (gc_index k = threadIdx.x; k < {size}; k += blockDim.x)"
            self.unit.add(f"{steps} {own}[k] = {start};")
            ends += [f"    {steps} {own}_part[k] = {own}[k];"]
            kernel.extents[product(r.target.shape)] = None
        self.unit.add("gc_barrier();")
        return ["gc_barrier();", "if (own_bytes) {", *ends, "}"]

    def in_shared_memory(self) -> None:
        """Print where the shared memory of a group starts."""
        kernel = self.kernel
        if Parameter("own") not in kernel.parameters:
            self.parameter(Parameter("own"), "int32_t own_bytes")
            kernel.before += [
                "GC_SHARED(gc_shared);",
                "unsigned char *own = gc_shared + threadIdx.y * own_bytes;",
            ]

    def combination(self, r: Reduction, start: Literal | None) -> Printed:
        """Return the kernel that combines the arrays of all groups, in order.

        start : what is there before; None: it has been stored.
        """
        assert r.row is not None and isinstance(r.target, Buffer)
        self.kernel = kernel = _Kernel()
        self.unit = Unit()
        buffer, dtype = r.target.root, r.target.dtype
        ctype, own = scalar.CTYPES[dtype], self.place(buffer)
        size = product(r.target.shape)
        n = self.index(size, atom=True)
        self.parameter(Parameter("part", buffer), f"const {ctype} *{own}_parts")
        self.parameter(Parameter("groups"), "int32_t groups")
        identity, _ = self.start(r)
        text = self.scalar(r.row, [dtype, dtype], dtype, ["all", "part"])
        before = f"{own}[k]" if start is None else scalar.literal(start.value, dtype)
        whole = self.scalar(r.row, [dtype, dtype], dtype, ["before", "all"])
        self.unit.add(
            f"for (gc_index k = blockIdx.x * blockDim.y + threadIdx.y; k < {n}; "
            "k += gridDim.x * blockDim.y) {",
            f"    {ctype} all = {identity};",
            "    for (int32_t p = threadIdx.x; p < groups; p += blockDim.x) {",
            f"        const {ctype} part = {own}_parts[(int64_t)p * {n} + k];",
            f"        all = {text};",
            "    }",
            f"    all = {self.all_of(r.row, dtype, 'all', 'group')};",
            "    if (threadIdx.x == 0) {",
            f"        const {ctype} before = {before};",
            f"        {own}[k] = {whole};",
            "    }",
            "}",
        )
        kernel.used[r.target] = None
        return self.finished(self.fresh(f"{own}_combined"), [], size, False)

    def total(self, reductions: Sequence[Reduction], launch: Launch) -> None:
        """Print how what all threads of all blocks contributed is combined."""
        kernel, add = self.kernel, self.unit.add
        for r in reductions:
            assert r.row is not None and isinstance(r.target, Symbol)
            symbol, dtype = r.target.final, r.target.dtype
            ctype, own = scalar.CTYPES[dtype], self.name(symbol)
            if kernel.together:
                start, _ = self.start(r)
                add(f"if (threadIdx.x != 0) {own} = {start};")
            add(f"{own} = {self.all_of(r.row, dtype, own, 'block')};")
            self.parameter(Parameter("register", symbol), f"{ctype} *{own}_at")
            self.parameter(Parameter("parts", symbol), f"{ctype} *{own}_parts")
        self.parameter(Parameter("counter"), "unsigned *counter")
        add("if (gridDim.x > 1) {")
        self.unit.depth += 1
        add("if (gc_thread() == 0) {")
        for r in reductions:
            own = self.name(r.target)
            add(f"    {own}_parts[blockIdx.x] = {own};")
        add("}", "if (!gc_last(counter)) return;")
        for r in reductions:
            assert r.row is not None
            own, dtype = self.name(r.target), r.target.dtype
            start, _ = self.start(r)
            text = self.scalar(r.row, [dtype, dtype], dtype, [own, "part"])
            add(
                f"{own} = {start};",
                "for (int k = gc_thread(); k < gridDim.x; k += gc_threads()) {",
                f"    const {scalar.CTYPES[dtype]} part = {own}_parts[k];",
                f"    {own} = {text};",
                "}",
                f"{own} = {self.all_of(r.row, dtype, own, 'block')};",
            )
        self.unit.depth -= 1
        add("}", "if (gc_thread() == 0) {")
        self.unit.depth += 1
        for r in reductions:
            assert r.row is not None and isinstance(r.target, Symbol)
            own, dtype = self.name(r.target), r.target.dtype
            _, identity = self.start(r)
            start = launch.starts.get(r.target.final)
            if start != identity:
                text = f"*{own}_at" if start is None else scalar.literal(start.value, dtype)
                before = self.named(f"{own}_before", dtype, text)
                text = self.scalar(r.row, [dtype, dtype], dtype, [before, own])
                self.unit.add(f"{own} = {text};")
            kernel.changed[r.target.final] = None
        kernel.together = False
        self.statements(launch.after)
        self.keep(False)
        self.unit.depth -= 1
        self.unit.add("}")

    # units --------------------------------------------------------------------------------------
    def text(self, title: str, kernels: Sequence[Printed]) -> str:
        """Return kernels as a unit."""
        helpers = [
            *(self.combined(name, dtype) for name, dtype in self.combining),
            *(self.running(name, dtype) for name, dtype in self.carrying),
        ]
        functions = self.definitions()
        parts = [
            f"/* {comment(title)} */",
            resources.files("gradcore_cuda").joinpath("kernels.h").read_text("utf-8"),
            functions,
            *(
                f"typedef struct GC_ALIGNED({size}) {{ {ctype} x[{n}]; }} gc_{code}x{n};"
                for code, ctype, n in self.vector_types
                for size in [min(n * np.dtype(_DTYPES[code]).itemsize, WIDE)]
            ),
            *helpers,
            *("\n".join(kernel.lines) + "\n" for kernel in kernels),
        ]
        return "\n".join(part for part in parts if part)

    def definitions(self) -> str:
        """Return the scalar functions that are called; they call CUDA's own where there are any."""
        found: list[str] = []
        for item in scalar.preamble(sorted(self.functions), includes=False).split("\n\n"):
            text = re.sub(r"(?m)^GC_VECTOR_FORMS.*\n", "", item.strip())
            defined = re.search(r"(?m)^static inline .*?\b(gc_\w+)\(", text)
            if defined is not None and defined[1] in LIBRARY:
                continue
            for ours in dict.fromkeys(re.findall(r"\bgc_\w+", text)):
                if ours in LIBRARY:
                    text = re.sub(rf"\b{ours}\b", LIBRARY[ours], text)
            found.append(re.sub(r"(?m)^static inline", "static __device__ inline", text))
        return "\n\n".join(found) + "\n"

    def combined(self, name: str, dtype: str) -> str:
        """Return the functions that combine a value of each thread."""
        ctype, code = scalar.CTYPES[dtype], EXCHANGED.get(dtype, "i32")
        text = self.scalar(ROWS[name], [dtype, dtype], dtype, ["x", "y"])
        both = f"{name}_{_suffix(dtype)}"
        return f"""\
static __device__ inline {ctype} gc_all_{both}({ctype} x, int lane, int lanes) {{
    __shared__ {ctype} all[32];
    const int here = gc_thread() % 32, first = lanes > 32 ? here : lane;
    const int n = lanes > 32 ? lanes - (lane - here) : lanes;
    const unsigned mask = gc_mask(lane, lanes);
    for (int k = 16; k > 0; k /= 2) {{
        if (k >= n) continue;
        const {ctype} y = ({ctype})gc_shift_{code}(mask, x, k);
        if (first + k < n) x = {text};
    }}
    if (lanes <= 32) return ({ctype})gc_pick_{code}(mask, x, here - lane);
    if (here == 0) all[lane / 32] = x;
    __syncthreads();
    x = all[0];
    for (int k = 1; k < (lanes + 31) / 32; k++) {{
        const {ctype} y = all[k];
        x = {text};
    }}
    __syncthreads();
    return x;
}}
static __device__ inline {ctype} gc_group_{both}({ctype} x) {{
    return gc_all_{both}(x, threadIdx.x, blockDim.x);
}}
static __device__ inline {ctype} gc_block_{both}({ctype} x) {{
    return gc_all_{both}(x, gc_thread(), gc_threads());
}}
"""

    def running(self, name: str, dtype: str) -> str:
        """Return the function that combines a value with those of all threads before.

        Where ``total`` is, each thread gets what those of all threads combine to.
        """
        ctype, code = scalar.CTYPES[dtype], EXCHANGED.get(dtype, "i32")
        own, total = (
            self.scalar(ROWS[name], [dtype, dtype], dtype, ["y", other]) for other in ("x", "z")
        )
        return f"""\
static __device__ inline {ctype} gc_running_{name}_{_suffix(dtype)}({ctype} x, {ctype} *total) {{
    __shared__ {ctype} all[32];
    const int lane = threadIdx.x, lanes = blockDim.x, here = gc_thread() % 32;
    const int place = lanes > 32 ? here : lane;
    const unsigned mask = gc_mask(lane, lanes);
    for (int k = 1; k < 32 && k < lanes; k *= 2) {{
        const {ctype} y = ({ctype})gc_pick_{code}(mask, x, place < k ? here : here - k);
        if (place >= k) x = {own};
    }}
    if (lanes <= 32) {{
        *total = ({ctype})gc_pick_{code}(mask, x, here - lane + lanes - 1);
        return x;
    }}
    if (here == 31 || lane == lanes - 1) all[lane / 32] = x;
    __syncthreads();
    {ctype} y = all[0];
    for (int k = 1; k < (lanes + 31) / 32; k++) {{
        const {ctype} z = all[k];
        if (k == lane / 32) x = {own};
        y = {total};
    }}
    *total = y;
    __syncthreads();
    return x;
}}
"""


# loops ------------------------------------------------------------------------------------------
def combined_in(loops: Sequence[For]) -> list[Reduction]:
    """Return what the steps of loops contribute to."""
    found: dict[Symbol | Buffer, Reduction] = {}
    for s in loops:
        for r in s.reductions:
            found.setdefault(r.target.final if isinstance(r.target, Symbol) else r.target, r)
    return list(found.values())


def _sets(s: Statement | None, symbol: Symbol) -> bool:
    """Return whether a statement sets a register to a number."""
    return isinstance(s, Let) and s.symbol.final is symbol and isinstance(s.value, Literal)


def any_check(body: Sequence[Statement]) -> bool:
    """Return whether statements check anything."""
    return any(isinstance(s, Check) for s in inside(body))


def _title(launch: Launch) -> str:
    """Return what to call a kernel: after what it stores."""
    for s in reversed(list(inside(launch.statements))):
        if isinstance(s, Store):
            return s.buffer.name
        if isinstance(s, Let):
            return s.symbol.name
    return "kernel"


_DTYPES = {code: dtype for dtype, code in scalar.SUFFIXES.items()} | {"f16": "float16"}


def _suffix(dtype: str) -> str:
    return scalar.SUFFIXES.get(dtype, "f16")
