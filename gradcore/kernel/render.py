"""From a program to C: one unit, one entry point.

A loop that may run in parallel becomes a function of its own, which gets what it uses from a
``frame`` that all share; so does every other loop of the outermost level, which keeps functions
small for the compiler.  The text is written to be read: a statement for each op, named after it.

The decision: a renderer is data (what types and functions are called, which lines stand before a
loop) and a few methods that a language with another way to run loops replaces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from gradcore.graph.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Break,
    Buffer,
    Call,
    Callback,
    Expr,
    For,
    If,
    Let,
    Library,
    Load,
    Matmul,
    Point,
    Program,
    Reduction,
    Scope,
    Statement,
    Symbol,
    call,
    identity_of,
)
from gradcore.kernel.ir import parts as terms
from gradcore.kernel.text import Printer, Rendered, Unit, comment
from gradcore.kernel.uses import Used, inside, made_in_loops
from gradcore.ops.elementwise import row

ARGUMENTS = "gc_call *call, void *context, int64_t begin, int64_t end, int32_t part"
"""What a function for a part of a loop is given."""

LONGEST = 150
"""How many lines make a function: compilers take long over longer ones."""

PARTS = 64
"""How many threads share a loop at most."""


class Renderer(Printer):
    """What prints a program in a language like C.

    header : the first lines of a unit.
    """

    header: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.library: list[str] = []
        self.nests: list[list[str]] = []
        self.fields: dict[Symbol | Buffer, None] = {}
        self.extra: list[str] = []
        self.local = False
        self.shared_out = False
        self.combining: dict[tuple[str, str], None] = {}
        self.constants: list[Buffer] = []

    def place(self, what: Symbol | Buffer) -> str:
        """Return how a register or the memory of a buffer is reached from here."""
        if isinstance(what, Buffer):
            what = what.root
        name = self.name(what)
        if self.local or what not in self.fields:
            return name
        return f"f->{name}"

    # statements ---------------------------------------------------------------------------------
    def statement(self, s: Statement) -> None:
        """Print a statement."""
        add = self.unit.add
        match s:
            case Allocate(buffer, reused):
                self.allocate(buffer, reused=reused)
            case Scope(body):
                self.scope(body)
            case Point(pointer, buffer, index):
                add(f"{self.place(pointer)} = {self.memory(buffer)} + {self.flat(buffer, index)};")
            case Matmul():
                self.matmul(s)
            case Library(name, scalars, reads, writes):
                texts = [self.expr(x) for x in scalars]
                texts += [self.address(b) for b in (*reads, *writes)]
                kinds = ["int64_t"] * len(scalars) + ["void *"] * (len(reads) + len(writes))
                function = f"((int32_t (*)({', '.join(kinds)})){self.imported(name)})"
                add(f"if ({function}({', '.join(texts)})) return -1;")
            case Callback():
                self.callback(s)
            case _:
                super().statement(s)

    def let(self, s: Let) -> None:
        """Print what sets a register: one of the frame, or of this function."""
        text = self.expr(s.value)
        declared = f"{DTYPES[s.symbol.dtype].ctype} " if s.fresh and self.local else ""
        self.unit.add(f"{declared}{self.place(s.symbol)} = {text};")

    def check(self, number: int, condition: Expr, values: Sequence[Expr]) -> None:
        """Print a check."""
        texts = ", ".join(f"(int64_t){self.expr(x, atom=True)}" for x in values) or "0"
        self.unit.add(
            f"if (!({self.expr(condition)}))",
            f"    return call->fail(call, {number}, {len(values)}, (int64_t[]){{{texts}}});",
        )

    def allocate(self, buffer: Buffer, times: str = "", reused: Buffer | None = None) -> None:
        """Print what makes a buffer."""
        ctype = DTYPES[buffer.dtype].ctype
        if buffer.role == "pointer":
            if self.local:
                self.unit.add(f"{ctype} *{self.name(buffer)};")
            return
        if buffer.role == "output":
            shape = ", ".join(self.expr(n) for n in buffer.shape) or "0"
            made = f"call->output(call, {buffer.position}, (int64_t[]){{{shape}}})"
        else:
            made = f"call->allocate(call, {self.size(buffer)} * {times}(int64_t)sizeof({ctype}))"
        place = self.place(buffer)
        declared = f"{ctype} *" if self.local else ""
        if reused is not None:
            self.unit.add(f"{declared}{place} = {self.place(reused)};")
            return
        self.unit.add(f"{declared}{place} = {made};", f"if (!{place}) return -1;")

    def scope(self, body: Sequence[Statement]) -> None:
        """Print statements whose memory is given back."""
        if not any(isinstance(s, Allocate) for s in inside(body)):
            self.statements(body)
            return
        mark = self.fresh("mark")
        self.unit.add(f"const int64_t {mark} = call->mark(call);")
        self.statements(body)
        self.unit.add(f"call->release(call, {mark});")

    def imported(self, name: str) -> str:
        """Return the address of a function of a library."""
        if name not in self.library:
            self.library.append(name)
        return f"call->library[{self.library.index(name)}]"

    def matmul(self, s: Matmul) -> None:
        """Print a product of matrices."""
        code = {"bool": "b1"}.get(s.out.buffer.dtype) or re.sub(
            r"^(f|i|u)[a-z]*", r"\1", s.out.buffer.dtype
        )
        ctype = DTYPES[s.out.buffer.dtype].ctype
        sizes = [s.out.shape[0], s.out.shape[1], s.x.shape[1]]
        texts = [self.expr(n) for n in sizes]
        kinds = ["int64_t"] * 3
        if not self.shared_out:
            texts.insert(0, "call")
            kinds.insert(0, "gc_call *")
            code = f"parallel_{code}"
        for part in (s.x, s.y, s.out):
            if part is s.out:
                texts.append("1" if s.accumulate else "0")
                kinds.append("float" if ctype == "_Float16" else ctype)
            start = self.flat(part.buffer, part.first)
            memory = self.address(part.buffer)
            texts.append(memory if start == "0" else f"{memory} + {start}")
            kinds.append(f"{ctype} *" if part is s.out else f"const {ctype} *")
            for steps in part.steps:
                texts.append(self.expr(stride(part.buffer, steps)))
                kinds.append("int64_t")
        function = f"((void (*)({', '.join(kinds)})){self.imported(f'matmul_{code}')})"
        self.unit.add(f"{function}({', '.join(texts)});")

    def callback(self, s: Callback) -> None:
        """Print a call of Python."""
        given = self.fresh("given")
        add = self.unit.add
        add("{")
        self.unit.depth += 1
        rows = [f"{{(void *){self.address(b)}, {self.shape(b)}, 0}}" for b in s.reads]
        add(f"const gc_array {given}[] = {{{', '.join(rows) or '{0, 0, 0}'}}};")
        found = self.fresh("found")
        add(f"gc_array {found}[{max(len(s.writes), 1)}];")
        add(
            f"const int32_t failed = call->callback(call, {s.which}, {len(s.reads)}, {given}, "
            f"{len(s.writes)}, {found});",
            "if (failed) return failed;",
        )
        for k, (buffer, symbols) in enumerate(zip(s.writes, s.extents, strict=True)):
            add(f"{self.place(buffer)} = {found}[{k}].data;")
            for axis, symbol in enumerate(symbols):
                add(f"{self.place(symbol)} = {found}[{k}].shape[{axis}];")
        self.unit.depth -= 1
        add("}")

    def shape(self, buffer: Buffer) -> str:
        """Return an array of the extents of a buffer."""
        return f"(const int64_t[]){{{', '.join(self.expr(n) for n in buffer.shape) or '0'}}}"

    # loops --------------------------------------------------------------------------------------
    def loop(self, s: For) -> None:
        """Print a loop: one of a function with what is made in it before it, else a function."""
        if not self.local:
            self.outlined(s)
            return
        for inner in made_in_loops(s.body):
            self.allocate(inner)
        self.plain_loop(s, "0", self.expr(s.extent))

    def plain_loop(self, s: For, first: str, last: str, outermost: bool = False) -> None:
        """Print a loop from ``first`` to ``last``.

        outermost : whether it is the loop of a function.
        """
        i, every = self.name(s.index), self.asks_every(s, outermost)
        depth = self.unit.depth
        if every is not None and every > 1:
            first, last = self._start_of_chunks(first, last, every)
        start = f"int64_t {i} = {first}"
        left = self.unit.depth > depth and any(isinstance(x, Break) for x in inside(s.body))
        if left:
            self.unit.add(f"{start};")
            start = ""
        self.unit.add(*self.before_loop(s), f"for ({start}; {i} < {last}; {i}++) {{")
        self.unit.depth += 1
        if every == 1:
            self.unit.add(*self.ask())
        self.step(s)
        self.unit.depth -= 1
        self.unit.add("}")
        if left:
            self.unit.add(f"if ({i} < {last}) break;")
        if self.unit.depth > depth:
            self.unit.depth -= 1
            self.unit.add("}")

    def _start_of_chunks(self, begin: str, end: str, steps: int) -> tuple[str, str]:
        """Print the start of a loop over so many steps at a time; return the first and last."""
        first, last = self.fresh("first"), self.fresh("last")
        end = end if end.isidentifier() else f"({end})"
        self.unit.add(f"for (int64_t {first} = {begin}; {first} < {end}; {first} += {steps}) {{")
        self.unit.depth += 1
        at_most = f"{end} - {first} < {steps} ? {end} : {first} + {steps}"
        self.unit.add(*self.ask(first), f"const int64_t {last} = {at_most};")
        return first, last

    def asks_every(self, s: For, outermost: bool) -> int | None:
        """Return how many steps of a loop go between two times the lines of `ask`, if any."""
        return None

    def ask(self, when: str = "") -> list[str]:
        """Return lines that are run now and then, where steps may take long."""
        return []

    def step(self, s: For) -> None:
        """Print the statements of a step of a loop."""
        for inner in s.body:
            if isinstance(inner, Allocate):
                continue
            if isinstance(inner, For) and not isinstance(s.body[0], Scope):
                self.plain_loop(inner, "0", self.expr(inner.extent))
            else:
                self.statement(inner)

    def before_loop(self, s: For) -> list[str]:
        """Return the lines before a loop that tell the compiler what it may do."""
        return []

    def outlined(self, s: For) -> None:
        """Print a loop as a function of its own, and its call."""
        name = self.fresh("nest")
        used = Used().note([s])
        made = used.made
        parallel = s.parallel
        for what in (*used.symbols, *used.buffers):
            if what not in made:
                self.fields[what] = None
        for what in used.changed:
            self.fields[what] = None
        outer, self.unit = self.unit, Unit()
        self.local, self.shared_out = True, parallel
        rows = made_in_loops(s.body)
        self._locals(used, s)
        for buffer in rows:
            ctype, own = DTYPES[buffer.dtype].ctype, self.name(buffer)
            self.fields[buffer] = None
            offset = f" + part * {self.size(buffer)}" if parallel else ""
            self.unit.add(f"{ctype} *restrict {own} = f->{own}{offset};")
        partial = s.reductions if parallel else []
        for r in partial:
            assert r.row is not None
            if isinstance(r.target, Buffer):
                own, ctype = self.name(r.target), DTYPES[r.target.dtype].ctype
                self.extra.append(f"{ctype} *{own}_parts;")
                start = self.expr(identity_of(r.row, r.target.dtype))
                self.unit.add(
                    "if (part) {",
                    f"    {own} = f->{own}_parts + (part - 1) * {self.size(r.target)};",
                    f"    for (int64_t k = 0; k < {self.size(r.target)}; k++) {own}[k] = {start};",
                    "}",
                )
        if parallel:
            self.plain_loop(s, "begin", "end", outermost=True)
        else:
            self.plain_loop(s, "0", self.expr(s.extent), outermost=True)
        for what in used.changed:
            if what in made:
                continue
            own = self.name(what)
            if any(r.target is what for r in partial):
                assert isinstance(what, Symbol)
                self.extra.append(f"{DTYPES[what.dtype].ctype} {own}_parts[{PARTS}];")
                self.unit.add(f"f->{own}_parts[part] = {own};")
            else:
                self.unit.add(f"f->{own} = {own};")
        self.unit.add("return 0;")
        self.nests.append(
            [
                f"static int32_t {name}({ARGUMENTS}) {{",
                "    frame *f = context;",
                "    (void)call, (void)begin, (void)end, (void)part;",
                *self.unit.lines,
                "}",
            ]
        )
        self.unit = outer
        self.local = self.shared_out = False
        self.run(s, name, rows, partial)

    def _locals(self, used: Used, s: For) -> None:
        """Print what a function takes from the frame."""
        for symbol in used.symbols:
            if symbol in used.made:
                continue
            constant = "" if symbol in used.changed else "const "
            ctype, own = DTYPES[symbol.dtype].ctype, self.name(symbol)
            self.unit.add(f"{constant}{ctype} {own} = f->{own};")
        for buffer in used.buffers:
            if buffer in used.made:
                continue
            ctype, own = DTYPES[buffer.dtype].ctype, self.name(buffer)
            if not buffer.shape and buffer.role == "input":
                self.unit.add(f"const {ctype} {own} = f->{own};")
                continue
            restrict = "" if buffer.role == "pointer" else "restrict "
            constant = "const " if buffer.role in ("input", "constant") else ""
            self.unit.add(f"{constant}{ctype} *{restrict}{own} = f->{own};")

    def run(self, s: For, name: str, rows: Sequence[Buffer], partial: Sequence[Reduction]) -> None:
        """Print the call of an outlined loop."""
        add = self.unit.add
        if not s.parallel:
            for buffer in rows:
                self.allocate(buffer)
            self.run_in_order(name)
            return
        add("{")
        self.unit.depth += 1
        extent = self.expr(s.extent, atom=True)
        add(f"const int32_t parts = gc_parts(call, {extent}, {self.cost(s)});")
        for buffer in rows:
            self.allocate(buffer, "parts * ")
        arrays = [r for r in partial if isinstance(r.target, Buffer)]
        for r in arrays:
            assert isinstance(r.target, Buffer)
            own, ctype = self.name(r.target), DTYPES[r.target.dtype].ctype
            add(
                f"f->{own}_parts = call->allocate(call, (parts - 1) * {self.size(r.target)} * "
                f"(int64_t)sizeof({ctype}));",
                f"if (!f->{own}_parts) return -1;",
            )
        add(
            f"const int32_t failed = parts > 1 ? call->parallel(call, {name}, f, {extent}, parts)",
            f"                                 : {name}(call, f, 0, {extent}, 0);",
            "if (failed) return failed;",
        )
        for r in partial:
            assert r.row is not None
            dtype = r.target.dtype
            own = self.name(r.target)
            if isinstance(r.target, Buffer):
                left = f"f->{own}[k]"
                right = f"f->{own}_parts[p * {self.size(r.target)} + k]"
            else:
                left, right = f"f->{own}", f"f->{own}_parts[p]"
            text, names = scalar.expression(r.row, [dtype, dtype], dtype, [left, right])
            self.functions |= names
            if isinstance(r.target, Buffer):
                add(
                    "for (int32_t p = 0; p < parts - 1; p++)",
                    f"    for (int64_t k = 0; k < {self.size(r.target)}; k++)",
                    f"        {left} = {text};",
                )
            else:
                add("for (int32_t p = 0; p < parts; p++)", f"    {left} = {text};")
        self.unit.depth -= 1
        add("}")

    def run_in_order(self, name: str) -> None:
        """Print the call of an outlined loop that one thread runs."""
        error = self.fresh("failed")
        self.unit.add(
            f"const int32_t {error} = {name}(call, f, 0, 0, 0);",
            f"if ({error}) return {error};",
        )

    def cost(self, s: For) -> str:
        """Return about how much work a step of a loop is."""
        return self.expr(_work(s.body, {s.index}), atom=True)

    # units --------------------------------------------------------------------------------------
    def render(self, program: Program) -> Rendered:
        """Return a program as a unit."""
        for buffer in (*program.inputs, *program.constants):
            self.fields[buffer] = None
            for n in buffer.shape:
                if isinstance(n, Symbol):
                    self.fields[n] = None
        used = Used().note(program.body)
        root = Used()
        root.note([s for s in program.body if not isinstance(s, For)])
        for what in (*root.symbols, *root.made, *root.changed):
            self.fields[what] = None
        outermost: set[Buffer] = set()
        for s in program.body:
            if isinstance(s, Let):
                self.fields[s.symbol] = None
            elif isinstance(s, Allocate):
                self.fields[s.buffer] = None
                outermost.add(s.buffer)
        for buffer in used.buffers:
            if buffer not in used.made or buffer in outermost:
                self.fields[buffer] = None
        entry = self._entry(program.body)
        text = "\n".join(
            [
                f"/* {comment(program.title)} */",
                self.header,
                scalar.preamble(sorted(self.functions | self._combining_functions())),
                *self._combiners(),
                "typedef struct {",
                *(f"    {self._field(what)}" for what in self.fields),
                *(f"    {line}" for line in dict.fromkeys(self.extra)),
                "} frame;",
                "",
                *("\n".join(nest) + "\n" for nest in self.nests),
                "int32_t gc_entry(gc_call *call, const gc_array *in) {",
                *self._frame(),
                "    (void)in;",
                *(f"    {line}" for line in self._given(program)),
                *entry,
                "    return 0;",
                "}",
                "",
            ]
        )
        return Rendered(text, self.library, self.constants)

    def _entry(self, body: Sequence[Statement]) -> list[str]:
        """Return the lines of the outermost statements; long ones become functions in turn."""
        entry: list[str] = []
        for s in body:
            self.statement(s)
            if len(self.unit.lines) >= LONGEST:
                piece, error = self.fresh("piece"), self.fresh("failed")
                self.nests.append(
                    [
                        "static __attribute__((noinline))",
                        f"int32_t {piece}(gc_call *call, frame *f) {{",
                        "    (void)call;",
                        *self.unit.lines,
                        "    return 0;",
                        "}",
                    ]
                )
                entry += [
                    f"    const int32_t {error} = {piece}(call, f);",
                    f"    if ({error}) return {error};",
                ]
                self.unit = Unit()
        return [*entry, *self.unit.lines]

    def _frame(self) -> list[str]:
        """Return the lines that make the frame; a large one would not fit the stack of a thread."""
        if len(self.fields) <= 1000:
            return ["    frame own, *f = &own;"]
        return [
            "    frame *f = call->allocate(call, (int64_t)sizeof(frame));",
            "    if (!f) return -1;",
        ]

    def _combining_functions(self) -> set[str]:
        return set()

    def _combiners(self) -> list[str]:
        return []

    def _field(self, what: Symbol | Buffer) -> str:
        ctype, own = DTYPES[what.dtype].ctype, self.name(what)
        if isinstance(what, Symbol) or (not what.shape and what.role == "input"):
            return f"{ctype} {own};"
        constant = "const " if what.role in ("input", "constant") else ""
        return f"{constant}{ctype} *{own};"

    def _given(self, program: Program) -> list[str]:
        """Return the lines that read the arguments."""
        lines: list[str] = []
        for buffer in program.inputs:
            k, own, ctype = buffer.position, self.name(buffer), DTYPES[buffer.dtype].ctype
            star = "" if buffer.shape else "*"
            lines.append(f"f->{own} = {star}(const {ctype} *)in[{k}].data;")
            for axis, n in enumerate(buffer.shape):
                if isinstance(n, Symbol):
                    lines.append(f"f->{self.name(n)} = in[{k}].shape[{axis}];")
        for buffer in program.constants:
            datum = f"call->library[{self._datum(buffer)}]"
            lines += [f"f->{self.name(buffer)} = {datum};"]
        return lines

    def _datum(self, buffer: Buffer) -> int:
        self.constants.append(buffer)
        return len(self.library) + len(self.constants) - 1


def stride(buffer: Buffer, steps: Sequence[Expr]) -> Expr:
    """Return by how many elements indices that move by ``steps`` move in memory."""
    found: Expr = ZERO
    for n, step in zip(buffer.shape, steps, strict=True):
        found = found * n + step
    return found


def _work(body: Sequence[Statement], inside: set[Symbol]) -> Expr:
    """Return how many statements run, for loops whose extents do not depend on those ``inside``."""
    total: Expr = ZERO
    for s in body:
        if isinstance(s, For):
            steps, each = s.extent, s.body
            if s.terms is not None:
                steps = s.terms
                each = [x for inner in s.body if isinstance(inner, For) for x in inner.body]
            total = total + _told(steps, inside) * _work(each, {*inside, s.index})
        elif isinstance(s, If):
            branches = (_work(s.then, inside), _work(s.orelse, inside))
            total = total + 1 + call(row("maximum"), branches, "int64")
        elif isinstance(s, Matmul):
            total = total + s.out.shape[0] * s.out.shape[1] * s.x.shape[1]
        elif not isinstance(s, Allocate) and not _is_index(s):
            total = total + 1
    return total


def _is_index(s: Statement) -> bool:
    """Return whether a statement only names an index."""
    return isinstance(s, Let) and s.fresh and s.symbol.dtype == "int64"


def _told(extent: Expr, inside: set[Symbol]) -> Expr:
    """Return an extent if it does not depend on those ``inside``, or what bounds it, or 1."""
    if isinstance(extent, Call) and extent.row.name == "minimum":
        bounds = (_told(x, inside) for x in extent.operands)
        return next((x for x in bounds if x != ONE), ONE)
    return ONE if any(isinstance(x, Load) or x in inside for x in terms(extent)) else extent
