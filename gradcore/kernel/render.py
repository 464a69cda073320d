"""From a program to C: one unit, one entry point.

A loop that may run in parallel becomes a function of its own, which gets what it uses from a
``frame`` that all share; so does every other loop of the outermost level, which keeps functions
small for the compiler.  The text is written to be read: a statement for each op, named after it.

The decision: a renderer is data (what types and functions are called, which lines stand before a
loop) and a few methods that a language with another way to run loops replaces.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    Reduction,
    Scope,
    Statement,
    Symbol,
    call,
    identity_of,
    position_of,
)
from gradcore.kernel.ir import parts as terms
from gradcore.kernel.passes import Pass, passed
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.text import Printer, Rendered, Unit, comment
from gradcore.kernel.uses import Used, inside, made_in_loops
from gradcore.ops.elementwise import row

ARGUMENTS = "gc_call *call, void *context, int64_t begin, int64_t end, int32_t part"
"""What a function for a part of a loop is given."""


class Renderer(Printer):
    """What prints a program in a language like C.

    header : the first lines of a unit.
    target : what a program is made for.
    passes : what a program goes through before it is printed.
    """

    header: ClassVar[str] = ""
    target: ClassVar[CpuTarget] = CPU
    passes: ClassVar[tuple[Pass[CpuTarget], ...]] = ()

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
        self.unit.add(f"{declared}{place} = {made};", lacking(place, buffer))

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
        for inner in made_in_loops([s]):
            self.allocate(inner)
        self.plain_loop(s, "0", self.expr(s.extent))

    def plain_loop(self, s: For, first: str, last: str, outermost: bool = False) -> None:
        """Print a loop from ``first`` to ``last``.

        outermost : whether it is the loop of a function.
        """
        if s.chunks is not None:
            asks = self.asks_every(s, outermost) is not None
            self._in_chunks(s.chunks, first, last, functools.partial(self._steps, s), asks)
            return
        every = self.asks_every(s, outermost)
        depth = self.unit.depth
        if every is not None and every > 1:
            first, last = self._start_of_chunks(first, last, every)
        left = self.unit.depth > depth and any(isinstance(x, Break) for x in inside(s.body))
        self._steps(s, first, last, self.ask() if every == 1 else [], outside=left)
        if left:
            self.unit.add(f"if ({self.name(s.index)} < {last}) break;")
        if self.unit.depth > depth:
            self.unit.depth -= 1
            self.unit.add("}")

    def _steps(
        self, s: For, first: str, last: str, lines: Sequence[str] = (), outside: bool = False
    ) -> None:
        """Print steps of a loop.

        lines : with which each starts.
        outside : whether to declare the index before the loop.
        """
        i = self.name(s.index)
        start = f"int64_t {i} = {first}"
        if outside:
            self.unit.add(f"{start};")
            start = ""
        self.unit.add(*self.before_loop(s), f"for ({start}; {i} < {last}; {i}++) {{")
        self.unit.depth += 1
        self.unit.add(*lines)
        self.step(s)
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

    def _in_chunks(
        self, chunks: Chunks, begin: str, end: str, steps: Callable[[str, str], None], asks: bool
    ) -> None:
        """Print a loop in chunks; one of a single chunk, as most are, costs two comparisons.

        steps : prints the steps from one to another.
        asks : whether to ask between chunks whether the user interrupts.
        """
        first, last = self.fresh("first"), self.fresh("last")
        end = end if end.isidentifier() else f"({end})"
        count = f"{end} - {begin}" if begin != "0" else end
        start = f"{begin} + {chunks.steps}" if begin != "0" else f"{chunks.steps}"
        self.statements([x for x in chunks.before if not isinstance(x, Allocate)])
        self.unit.add(
            f"for (int64_t {first} = {begin}, "
            f"{last} = {count} > {chunks.steps} ? {start} : {end};;) {{"
        )
        self.unit.depth += 1
        steps(first, last)
        over = f"if (__builtin_expect({last} == {end}, 1)) break;"
        self.unit.add(over, *(self.ask() if asks else []))
        self.statements(chunks.between)
        self.unit.add(
            f"{first} = {last};",
            f"{last} = {end} - {last} > {chunks.steps} ? {last} + {chunks.steps} : {end};",
        )
        self.unit.depth -= 1
        self.unit.add("}")
        if chunks.after:
            self.unit.add(f"if ({count} > {chunks.steps}) {{")
            self.block(chunks.after)
            self.unit.add("}")

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
        name, used = self.fresh("nest"), Used().note([s])
        for what in (*used.symbols, *used.buffers):
            if what not in used.made:
                self.fields[what] = None
        for what in used.changed:
            self.fields[what] = None
        rows = made_in_loops([s])
        for buffer in rows:
            self.fields[buffer] = None
        partial = s.reductions if s.parallel else []
        for r in partial:
            ctype, own = DTYPES[r.target.dtype].ctype, self.name(r.target)
            some = (
                f"*{own}_parts"
                if isinstance(r.target, Buffer)
                else f"{own}_parts[{self.target.most_threads}]"
            )
            self.extra.append(f"{ctype} {some};")
        outer, self.local, self.shared_out = self.unit, True, s.parallel
        steps = self.steps_apart(s)
        if steps is None:
            self.unit = self._start(used, s)
            self.plain_loop(s, *self._share(s), outermost=True)
            self._function(name, used, s)
        else:
            self._apart(name, s, s.chunks or Chunks(steps, [], [], []))
        self.unit = outer
        self.local = self.shared_out = False
        self.run(s, name, rows, partial)

    def steps_apart(self, s: For) -> int | None:
        """Return after how many steps a loop of a function calls others, if such steps stand apart.

        Those of loops of loops do: a call among them takes the registers from all of them.
        """
        if s.ordered or not any(isinstance(x, For) for x in inside(s.body)):
            return None
        return s.chunks.steps if s.chunks is not None else self.asks_every(s, outermost=True)

    def _share(self, s: For) -> tuple[str, str]:
        """Return the first step of a function's loop, and the one behind the last."""
        return ("begin", "end") if s.parallel else ("0", self.expr(s.extent))

    def _apart(self, name: str, s: For, chunks: Chunks) -> None:
        """Print a loop as a function of some steps, and one that calls it and does the rest."""
        steps, plain = self.fresh("steps"), replace(s, chunks=None)
        used, around = Used().note([plain]), Used().note([replace(s, body=[])])
        self.unit = self._start(used, plain, resumed=True)
        self._steps(plain, "begin", "end")
        self._function(steps, used, plain, "noinline, hot")
        kept = self._kept(used, s)
        for x in kept:
            around.changed[x] = None
            if isinstance(x, Symbol):
                around.symbols[x] = None
            else:
                around.buffers[x] = None
        for r in s.reductions:
            if isinstance(r.target, Buffer):
                around.buffers[r.target.root] = None
                for n in r.target.shape:
                    around.expression(n)
        self.unit = self._start(around, s)

        def call_steps(first: str, last: str) -> None:
            self.unit.add(
                *(f"{there} = {self.name(x)};" for x, there in kept.items()),
                f"const int32_t failed = {steps}(call, f, {first}, {last}, part);",
                "if (failed) return failed;",
                *(f"{self.name(x)} = {there};" for x, there in kept.items()),
            )

        asks = self.asks_every(s, outermost=True) is not None
        self._in_chunks(chunks, *self._share(s), call_steps, asks)
        self._function(name, around, s, "cold")

    def _kept(self, used: Used, s: For) -> dict[Symbol | Buffer, str]:
        """Return the registers that a loop sets, and where in the frame they are from then on."""
        shared = {r.target for r in s.reductions} if s.parallel else set[Symbol | Buffer]()
        return {
            x: f"f->{self.name(x)}_parts[part]" if x in shared else f"f->{self.name(x)}"
            for x in used.changed
            if x not in used.made
        }

    def _function(self, name: str, used: Used, s: For, attribute: str = "") -> None:
        """Finish the text of a function of a loop.

        attribute : "cold" for one that does little, and is not worth the time that a compiler takes
            to make it fast; "noinline, hot" for what such a function calls.
        """
        kind = f"static __attribute__(({attribute})) " if attribute else "static "
        self.unit.add(*(f"{there} = {self.name(x)};" for x, there in self._kept(used, s).items()))
        self.nests.append(
            [
                f"{kind}int32_t {name}({ARGUMENTS}) {{",
                "    frame *f = context;",
                "    (void)call, (void)begin, (void)end, (void)part;",
                *self.unit.lines,
                "    return 0;",
                "}",
            ]
        )

    def _start(self, used: Used, s: For, resumed: bool = False) -> Unit:
        """Return the first lines of a function of a loop: what it takes from the frame.

        resumed : whether it goes on with what another call of it, or another function, began.
        """
        outer, self.unit = self.unit, Unit()
        self._locals(used, self._kept(used, s) if resumed else {})
        for buffer in made_in_loops([s]):
            if buffer in used.buffers:
                ctype, own = DTYPES[buffer.dtype].ctype, self.name(buffer)
                offset = f" + part * {self.size(buffer)}" if s.parallel else ""
                self.unit.add(f"{ctype} *restrict {own} = f->{own}{offset};")
        for r in s.reductions if s.parallel else []:
            if isinstance(r.target, Buffer):
                self._own_row(r, resumed)
        found, self.unit = self.unit, outer
        return found

    def _own_row(self, r: Reduction, resumed: bool) -> None:
        """Print which row a part of a loop contributes to; one that begins starts from nothing."""
        assert r.row is not None
        own = self.name(r.target)
        assert isinstance(r.target, Buffer)
        size, start = self.size(r.target), self.expr(identity_of(r.row, r.target.dtype))
        clear = f"    for (int64_t k = 0; k < {size}; k++) {own}[k] = {start};"
        self.unit.add(
            "if (part) {",
            f"    {own} = f->{own}_parts + (part - 1) * {size};",
            *([] if resumed else [clear]),
            "}",
        )

    def _locals(self, used: Used, kept: Mapping[Symbol | Buffer, str]) -> None:
        """Print what a function takes from the frame: registers, and the places of buffers."""
        for symbol in used.symbols:
            if symbol in used.made:
                continue
            constant = "" if symbol in used.changed else "const "
            ctype, own = DTYPES[symbol.dtype].ctype, self.name(symbol)
            self.unit.add(f"{constant}{ctype} {own} = {kept.get(symbol, f'f->{own}')};")
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
                lacking(f"f->{own}_parts", r.target),
            )
        add(
            f"const int32_t failed = parts > 1 ? call->parallel(call, {name}, f, {extent}, parts)",
            f"                                 : {name}(call, f, 0, {extent}, 0);",
            "if (failed) return failed;",
        )
        if partial:
            add(f"{self.combined(partial)}(f, parts);")
        self.unit.depth -= 1
        add("}")

    def combined(self, partial: Sequence[Reduction]) -> str:
        """Print a function that combines what the parts of a loop contributed; return its name."""
        name = self.fresh("combine")
        outer, self.unit = self.unit, Unit()
        add = self.unit.add
        for r in partial:
            assert r.row is not None
            dtype, own = r.target.dtype, self.name(r.target)
            is_row = isinstance(r.target, Buffer)
            operands = ["into[k]", "from[k]"] if is_row else [f"f->{own}", f"f->{own}_parts[p]"]
            text = self.scalar(r.row, [dtype, dtype], dtype, operands)
            if isinstance(r.target, Buffer):
                ctype, size = DTYPES[dtype].ctype, self.size(r.target)
                add(
                    "for (int32_t p = 0; p < parts - 1; p++) {",
                    f"    const int64_t n = {size};",
                    f"    {ctype} *restrict into = f->{own};",
                    f"    const {ctype} *restrict from = f->{own}_parts + p * n;",
                    f"    for (int64_t k = 0; k < n; k++) into[k] = {text};",
                    "}",
                )
            else:
                add("for (int32_t p = 0; p < parts; p++)", f"    f->{own} = {text};")
        self.nests.append(
            [
                f"static __attribute__((cold)) void {name}(frame *f, int32_t parts) {{",
                *self.unit.lines,
                "}",
            ]
        )
        self.unit = outer
        return name

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
        """Return a program as a unit, after the passes."""
        program = passed(program, self.passes, self.target)
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
            if len(self.unit.lines) >= self.target.function_lines:
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
        if len(self.fields) <= self.target.frame_fields:
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


def lacking(place: str, buffer: Buffer) -> str:
    """Return what ends a call if there is no memory for a buffer."""
    told = "-1" if buffer.lacking is None else f"call->lacks(call, {buffer.lacking})"
    return f"if (!{place}) return {told};"


def stride(buffer: Buffer, steps: Sequence[Expr]) -> Expr:
    """Return by how many elements indices that move by ``steps`` move in memory."""
    return position_of(buffer, tuple(steps))


def _work(body: Sequence[Statement], inside: set[Symbol]) -> Expr:
    """Return how many statements run, for loops whose extents do not depend on those ``inside``."""
    total: Expr = ZERO
    for s in body:
        if isinstance(s, For):
            total = total + _told(s.extent, inside) * _work(s.body, {*inside, s.index})
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
