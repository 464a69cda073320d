"""From a program to C: one unit, one entry point.

A loop that may run in parallel becomes a function of its own, which gets what it uses from a
``frame`` that all share; so does every other loop of the outermost level, which keeps functions
small for the compiler.  The text is written to be read: a statement for each op, named after it.

The decision: a renderer is data (what types and functions are called, which lines stand before a
loop) and a few methods that a language with another way to run loops replaces.
"""

from __future__ import annotations

import re

from gradcore.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.kernel.ir import (
    Buffer,
    Program,
    Symbol,
)
from gradcore.kernel.passes import Pass, passed
from gradcore.kernel.procedure_text import ProcedurePrinter
from gradcore.kernel.services import ALLOCATE
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.text import Rendered, Routine, comment

BRIEF = """
/* What runs over few elements in each call is compiled in little time, not well.  Compilers before
 * gcc 12 may forget flags then. */
#if defined(__OPTIMIZE__) && __GNUC__ >= 12 && !defined(__clang__)
#define GC_BRIEF __attribute__((optimize(1)))
#else
#define GC_BRIEF
#endif
"""


COMPLEX_TYPE = re.compile(r"\bgc_c(?:64|128)\b")
"""The types of complex numbers."""


class Renderer(ProcedurePrinter):
    """What prints a program in a language like C.

    passes : what a program goes through before it is printed.

    >>> from gradcore.kernel.ir import Allocate, For, Load, Store
    >>> i, n = Symbol("i"), Symbol("n")
    >>> x, y = Buffer("x", "float64", (n,), "input"), Buffer("y", "float64", (n,), "output")
    >>> body = [Allocate(y), For(i, n, [Store(y, (i,), Load(x, (i,)) * 2)])]
    >>> text = Renderer().render(Program([x], [y], [], body, [], [], "x * 2")).text
    >>> print(text[text.index("    for (") : text.index("    return 0;")])
        for (int64_t i = 0; i < n; i++) {
            y[i] = x[i] * 2.0;
        }
    """

    passes: tuple[Pass[CpuTarget], ...] = ()

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
        self.note_fields(program.body)
        entry = self.entry(program.body)
        given = (f"    {line}" for line in self._given(program))
        lines = [*self.frame_made(), "    (void)in;", *given, *entry]
        brief = len(lines) >= self.target.brief_lines
        signature = "int32_t gc_entry(gc_call *call, const gc_array *in)"
        self.routines.append(Routine(signature, [*lines, "    return 0;"], None, brief))
        head = "\n".join(
            [
                f"/* {comment(program.title)} */",
                self.header(),
                *([BRIEF] if any(r.brief for r in self.routines) else []),
                scalar.preamble(sorted(self._called())),
                *self._combiners(),
                *(["#include <stddef.h>", ALLOCATE] if self.tables else []),
                *self.frames,
                self.frame_type(),
                "",
            ]
        )
        text = "\n".join((head, *(routine.text() for routine in self.routines)))
        return Rendered(text, self.library, self.constants, head=head, routines=self.routines)

    def _called(self) -> set[str]:
        """Return the functions that are called, and the types of complex numbers."""
        texts = (*self.frames, self.frame_type(), *(routine.text() for routine in self.routines))
        types = {name for text in texts for name in COMPLEX_TYPE.findall(text)}
        return self.functions | self._combining_functions() | types

    def _combining_functions(self) -> set[str]:
        return set()

    def _combiners(self) -> list[str]:
        return []

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
            self.constants.append(buffer)
            lines += [f"f->{self.name(buffer)} = {self.datum(len(self.constants) - 1)};"]
        return lines

    def datum(self, number: int) -> str:
        """Return the address of a constant."""
        return f"call->library[{len(self.library) + number}]"
