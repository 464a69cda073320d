"""What prints loops as functions, which keeps functions small and lets threads share a loop.

A function is given what it uses in a ``frame``.  Of a loop that threads share each part has its own
total, and one function combines them.  Loops of loops that stop between steps are two functions,
since a call among the steps would take the registers from all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradcore.dtypes import DTYPES
from gradcore.kernel.cost import is_brief, work
from gradcore.kernel.ir import (
    Buffer,
    Chunks,
    For,
    Reduction,
    Symbol,
    identity_of,
)
from gradcore.kernel.loop_text import LoopPrinter
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.text import Routine, Unit
from gradcore.kernel.uses import Used, inside, made_in_loops

ARGUMENTS = "gc_call *call, void *context, int64_t begin, int64_t end, int32_t part"
"""What a function for a part of a loop is given."""


class OutlinePrinter(LoopPrinter):
    """Prints loops as functions (abstract).

    target : what a program is made for.
    routines : the functions so far.
    extra : lines of the frame beyond its fields.
    around : what the function that is being printed uses.
    """

    def __init__(self, target: CpuTarget = CPU) -> None:
        super().__init__()
        self.target = target
        self.routines: list[Routine] = []
        self.extra: list[str] = []
        self.around: Used = Used()

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
        self.rows.update(rows)
        outer = self.unit, self.local, self.shared_out, self.around
        self.local, self.shared_out, self.around = True, s.parallel, used
        steps = self.steps_of_a_call(s)
        if steps is None:
            self.unit = self._start(used, s)
            self.plain_loop(s, *self._share(s), outermost=True)
            self._function(name, used, s, "noinline, hot" if s.parallel else "")
        else:
            self._in_two(name, used, s, s.chunks or Chunks(steps, [], [], []))
        self.unit, self.local, self.shared_out, self.around = outer
        self.rows.difference_update(rows)
        given, taken = self._exchanged(used) if self.local else ([], [])
        self.unit.add(*(f"f->{own} = {own};" for own in map(self.name, given)))
        self.run(s, name, rows, partial)
        self.unit.add(*(f"{own} = f->{own};" for own in map(self.name, taken)))

    def _exchanged(self, used: Used) -> tuple[list[Symbol | Buffer], list[Symbol | Buffer]]:
        """Return what a function puts into the frame for a loop of its steps, and takes back."""
        own = {*self.around.made, *self.around.changed}.difference(used.made, self.rows)
        given = [x for x in (*used.symbols, *used.buffers) if x in own]
        return given, [x for x in given if x in used.changed]

    def steps_of_a_call(self, s: For) -> int | None:
        """Return how many steps a call does, if the steps of a loop are a function of their own.

        Those of loops of loops do: a call among them takes the registers from all of them.
        """
        if s.ordered or not any(isinstance(x, For) for x in inside(s.body)):
            return None
        return s.chunks.steps if s.chunks is not None else self.asks_every(s, outermost=True)

    def _share(self, s: For) -> tuple[str, str]:
        """Return the first step of a function's loop, and the one behind the last."""
        return ("begin", "end") if s.parallel else ("0", self.expr(s.extent))

    def _in_two(self, name: str, used: Used, s: For, chunks: Chunks) -> None:
        """Print a loop as a function of some steps, and one that calls it and does the rest."""
        steps, plain, around = self.fresh("steps"), s, Used().note([replace(s, body=[])])
        if s.chunks is not None:
            plain = replace(s, chunks=None)
            used = Used().note([plain])
        self.unit = self._start(used, plain, resumed=True)
        self._steps(plain, "begin", "end")
        self._function(steps, used, plain, "noinline, hot")
        saved = self._saved(used, s)
        for x in saved:
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
                *(f"{there} = {self.name(x)};" for x, there in saved.items()),
                f"const int32_t failed = {steps}(call, f, {first}, {last}, part);",
                "if (failed) return failed;",
                *(f"{self.name(x)} = {there};" for x, there in saved.items()),
            )

        asks = self.asks_every(s, outermost=True) is not None
        self._in_chunks(chunks, *self._share(s), call_steps, asks)
        self._function(name, around, s, "noinline", brief=True)

    def _saved(self, used: Used, s: For) -> dict[Symbol | Buffer, str]:
        """Return the registers that a loop sets, and where in the frame they are from then on."""
        shared = {r.target for r in s.reductions} if s.parallel else set[Symbol | Buffer]()
        return {
            x: f"f->{self.name(x)}_parts[part]" if x in shared else f"f->{self.name(x)}"
            for x in used.changed
            if x not in used.made
        }

    def _function(
        self, name: str, used: Used, s: For, attribute: str = "", brief: bool = False
    ) -> None:
        """Finish the text of a function of a loop.

        attribute : "noinline" for one that does little itself (if it were "cold", all that is run
            before and after its call would be taken to be so, too, and made small, not fast);
            "noinline, hot" for what such a function calls, and for a loop that threads may share:
            they call it by its address, and a copy in the entry point would be compiled as well,
            with the registers that all else there leaves.
        brief : whether another function does its work.
        """
        self.unit.add(*(f"{there} = {self.name(x)};" for x, there in self._saved(used, s).items()))
        lines = [
            f"    {self.frame} *f = context;",
            "    (void)call, (void)begin, (void)end, (void)part;",
            *self.unit.lines,
            "    return 0;",
        ]
        brief = brief or is_brief(s, self.target.brief_work)
        self.routines.append(Routine(f"int32_t {name}({ARGUMENTS})", lines, attribute, brief))

    def _start(self, used: Used, s: For, resumed: bool = False) -> Unit:
        """Return the first lines of a function of a loop: what it takes from the frame.

        resumed : whether it goes on with what another call of it, or another function, began.
        """
        outer, self.unit = self.unit, Unit()
        self._locals(used, self._saved(used, s) if resumed else {})
        for buffer in made_in_loops([s]):
            if buffer in used.buffers:
                ctype, own = DTYPES[buffer.dtype].ctype, self.name(buffer)
                offset = f" + part * GC_APART({self.size(buffer)})" if s.parallel else ""
                self.unit.add(f"{ctype} *restrict {own} = f->{own}{offset};")
        for r in s.reductions if s.parallel else []:
            if isinstance(r.target, Buffer):
                self._own_row(r, resumed)
        found, self.unit = self.unit, outer
        return found

    def _own_row(self, r: Reduction, resumed: bool) -> None:
        """Print which row a part of a loop contributes to; one that begins starts from nothing."""
        assert r.op is not None
        own = self.name(r.target)
        assert isinstance(r.target, Buffer)
        size, start = self.size(r.target), self.expr(identity_of(r.op, r.target.dtype))
        clear = f"    for (int64_t k = 0; k < {size}; k++) {own}[k] = {start};"
        self.unit.add(
            "if (part) {",
            f"    {own} = f->{own}_parts + (part - 1) * GC_APART({size});",
            *([] if resumed else [clear]),
            "}",
        )

    def _locals(self, used: Used, saved: Mapping[Symbol | Buffer, str]) -> None:
        """Print what a function takes from the frame: registers, and the places of buffers."""
        for symbol in used.symbols:
            if symbol in used.made:
                continue
            constant = "" if symbol in used.changed else "const "
            ctype, own = DTYPES[symbol.dtype].ctype, self.name(symbol)
            self.unit.add(f"{constant}{ctype} {own} = {saved.get(symbol, f'f->{own}')};")
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
        """Print the call of a loop's function, or of many by threads that share its steps."""
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
            self.allocate(buffer, of_parts=True)
        arrays = [r for r in partial if isinstance(r.target, Buffer)]
        for r in arrays:
            assert isinstance(r.target, Buffer)
            own, ctype = self.name(r.target), DTYPES[r.target.dtype].ctype
            add(
                f"f->{own}_parts = call->allocate(call, (parts - 1) * "
                f"GC_APART({self.size(r.target)}) * (int64_t)sizeof({ctype}));",
                self.lacking(f"f->{own}_parts", r.target),
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
            assert r.op is not None
            dtype, own = r.target.dtype, self.name(r.target)
            is_row = isinstance(r.target, Buffer)
            operands = ["into[k]", "from[k]"] if is_row else [f"f->{own}", f"f->{own}_parts[p]"]
            text = self.scalar(r.op, [dtype, dtype], dtype, operands)
            if isinstance(r.target, Buffer):
                ctype, size = DTYPES[dtype].ctype, self.size(r.target)
                add(
                    "for (int32_t p = 0; p < parts - 1; p++) {",
                    f"    const int64_t n = {size};",
                    f"    {ctype} *restrict into = f->{own};",
                    f"    const {ctype} *restrict from = f->{own}_parts + p * GC_APART(n);",
                    f"    for (int64_t k = 0; k < n; k++) into[k] = {text};",
                    "}",
                )
            else:
                add("for (int32_t p = 0; p < parts; p++)", f"    f->{own} = {text};")
        signature = f"void {name}({self.frame} *f, int32_t parts)"
        brief = not any(isinstance(r.target, Buffer) for r in partial)
        self.routines.append(Routine(signature, self.unit.lines, "noinline", brief))
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
        return self.expr(work(s.body, {s.index}), atom=True)
