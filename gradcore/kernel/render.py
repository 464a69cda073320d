"""From a program to C: one unit, one entry point.

A loop that may run in parallel becomes a function of its own, which gets what it uses from a
``frame`` that all share; so does every other loop of the outermost level, which keeps functions
small for the compiler.  The text is written to be read: a statement for each op, named after it.

The decision: a renderer is data (what types and functions are called, which lines stand before a
loop) and a few methods that a language with another way to run loops replaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gradcore.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    For,
    Let,
    Program,
    Statement,
    Symbol,
)
from gradcore.kernel.outline import OutlinePrinter
from gradcore.kernel.passes import Pass, passed
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.text import Rendered, Unit, comment
from gradcore.kernel.uses import Used


class Renderer(OutlinePrinter):
    """What prints a program in a language like C.

    passes : what a program goes through before it is printed.
    """

    passes: ClassVar[tuple[Pass[CpuTarget], ...]] = ()

    def __init__(self, target: CpuTarget = CPU) -> None:
        super().__init__(target)
        self.combining: dict[tuple[str, str], None] = {}
        self.constants: list[Buffer] = []

    def header(self) -> str:
        """Return the lines that all units start with."""
        return ""

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
                self.header(),
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
        """Return the lines that read addresses and extents from the arguments of the call."""
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
