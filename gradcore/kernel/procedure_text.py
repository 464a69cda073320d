"""What prints the functions of a unit that are no loops: its outermost statements, and procedures.

A procedure is a function with a frame of its own, which it fills with its operands; what it sets,
it is given the addresses of.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import ClassVar

from gradcore.dtypes import DTYPES
from gradcore.kernel.ir import Allocate, Buffer, For, Let, Statement, Symbol
from gradcore.kernel.outline import OutlinePrinter
from gradcore.kernel.procedures import Invoke, Parameter, Procedure
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.text import Routine, Unit
from gradcore.kernel.uses import Used


class ProcedurePrinter(OutlinePrinter):
    """Prints outermost statements, and procedures with their calls (abstract).

    frames : the types of the frames of procedures.
    procedures : the names of those that were printed.
    """

    kinds: ClassVar[Mapping[type[Statement], str]] = {**OutlinePrinter.kinds, Invoke: "invocation"}

    def __init__(self, target: CpuTarget = CPU) -> None:
        super().__init__(target)
        self.frames: list[str] = []
        self.procedures: dict[Procedure, str] = {}

    # frames -------------------------------------------------------------------------------------
    def note_fields(self, body: Sequence[Statement]) -> None:
        """Let the frame hold what the functions of statements share."""
        used = Used().note(body)
        root = Used().note([s for s in body if not isinstance(s, For)])
        for what in (*root.symbols, *root.made, *root.changed):
            self.fields[what] = None
        outermost: set[Buffer] = set()
        for s in body:
            if isinstance(s, Let):
                self.fields[s.symbol] = None
            elif isinstance(s, Allocate):
                self.fields[s.buffer] = None
                outermost.add(s.buffer)
        for buffer in used.buffers:
            if buffer not in used.made or buffer in outermost:
                self.fields[buffer] = None

    def frame_type(self) -> str:
        """Return the text of the type of the frame."""
        fields = (f"    {self._kind(what)}{self.name(what)};" for what in self.fields)
        more = (f"    {line}" for line in dict.fromkeys(self.extra))
        return "\n".join(("typedef struct {", *fields, *more, f"}} {self.frame};"))

    def frame_made(self) -> list[str]:
        """Return the lines that make the frame; a large one would not fit the stack of a thread."""
        if len(self.fields) <= self.target.frame_fields:
            return [f"    {self.frame} own, *f = &own;"]
        return [
            f"    {self.frame} *f = call->allocate(call, (int64_t)sizeof({self.frame}));",
            "    if (!f) return -1;",
        ]

    def _kind(self, what: Parameter) -> str:
        """Return the C type of a field, to stand before its name."""
        ctype = DTYPES[what.dtype].ctype
        if isinstance(what, Symbol) or (not what.shape and what.role == "input"):
            return f"{ctype} "
        return f"{'const ' if what.role in ('input', 'constant') else ''}{ctype} *"

    # functions ----------------------------------------------------------------------------------
    def entry(self, body: Sequence[Statement]) -> list[str]:
        """Return the lines of outermost statements; long ones become functions in turn."""
        entry: list[str] = []
        for allocating, several in itertools.groupby(body, lambda s: isinstance(s, Allocate)):
            if allocating:
                self.allocations([s for s in several if isinstance(s, Allocate)])
                entry += self._piece()
                continue
            for s in several:
                self.statement(s)
                entry += self._piece()
        return [*entry, *self.unit.lines]

    def _piece(self) -> list[str]:
        """Make a function of the lines so far if they are many; return the lines of its call."""
        if len(self.unit.lines) < self.target.function_lines:
            return []
        piece, error = self.fresh("piece"), self.fresh("failed")
        lines = ["    (void)call;", *self.unit.lines, "    return 0;"]
        signature = f"int32_t {piece}(gc_call *call, {self.frame} *f)"
        self.routines.append(Routine(signature, lines, "noinline", brief=True))
        self.unit = Unit()
        return [
            f"    const int32_t {error} = {piece}(call, f);",
            f"    if ({error}) return {error};",
        ]

    def invocation(self, s: Invoke) -> None:
        """Print the call of a procedure."""
        procedure, error, texts = s.procedure, self.fresh("failed"), list[str]()
        for parameter, x in zip(procedure.parameters, s.operands, strict=True):
            text = self.place(x) if isinstance(x, Buffer) else self.expr(x)
            texts.append(f"&{text}" if _is_set(procedure, parameter) else text)
        if procedure not in self.procedures:
            self.procedures[procedure] = self._procedure(procedure)
        called = f"{self.procedures[procedure]}({', '.join(('call', *texts))})"
        self.unit.add(f"const int32_t {error} = {called};", f"if ({error}) return {error};")

    def _procedure(self, procedure: Procedure) -> str:
        """Print a procedure; return its name."""
        name = self.fresh(procedure.name)
        outer = self.unit, self.fields, self.extra, self.frame, self.local
        self.unit, self.fields, self.extra = Unit(), dict.fromkeys(procedure.parameters), []
        self.frame, self.local = self.fresh("frame"), False
        given, before, after = list[str](), list[str](), list[str]()
        for x in procedure.parameters:
            own, kind = self.name(x), self._kind(x)
            if not _is_set(procedure, x):
                given.append(f"{kind}{own}")
                before.append(f"    f->{own} = {own};")
                continue
            there = self.fresh(f"{own}_set")
            given.append(f"{kind}*{there}")
            after.append(f"    *{there} = f->{own};")
            if x in procedure.changed:
                before.append(f"    f->{own} = *{there};")
        self.note_fields(procedure.body)
        body = self.entry(procedure.body)
        lines = [*self.frame_made(), *before, *body, *after, "    return 0;"]
        signature = f"int32_t {name}({', '.join(('gc_call *call', *given))})"
        self.routines.append(Routine(signature, lines, "noinline", brief=True))
        self.frames.append(self.frame_type())
        self.unit, self.fields, self.extra, self.frame, self.local = outer
        return name


def _is_set(procedure: Procedure, parameter: Parameter) -> bool:
    return parameter in procedure.declared or parameter in procedure.changed
