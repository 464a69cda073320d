"""What prints statements that ask the runtime of C for something: memory, products, libraries.

Each is a line of C that calls a function of `abi.h` or one that the runtime looked up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from gradcore.dtypes import DTYPES
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    Callback,
    Check,
    Expr,
    Let,
    Library,
    Matmul,
    Point,
    Scope,
    Statement,
    Symbol,
    position_of,
)
from gradcore.kernel.text import Printer
from gradcore.kernel.uses import inside

MANY = 4
"""Buffers of one size that are made by one call."""

ALLOCATE = """
/* Make `count` arrays of as many bytes: of each, where its address goes, and which check tells that
 * there is no memory. */
static int32_t gc_allocate(gc_call *call, void *frame, int64_t bytes, const int32_t (*rows)[2],
                           int32_t count) {
    for (int32_t k = 0; k < count; k++) {
        void *found = call->allocate(call, bytes);
        if (!found) return call->lacks(call, rows[k][1]);
        memcpy((char *)frame + rows[k][0], &found, sizeof found);
    }
    return 0;
}
"""
"""What tables are given to."""


class ServicePrinter(Printer):
    """Prints what needs the runtime (abstract).

    library : the names of the functions that the unit calls, in order.
    fields : what is in the frame that all functions of a unit share.
    frame : what that is called.
    tables : whether tables say which buffers to make.
    local : whether this is in a function of a loop, whose registers are its own.
    shared_out : whether threads share that loop.
    """

    kinds: ClassVar[Mapping[type[Statement], str]] = {
        **Printer.kinds,
        Allocate: "allocation",
        Point: "point",
        Matmul: "matmul",
        Library: "library_call",
        Callback: "callback",
    }

    def __init__(self) -> None:
        super().__init__()
        self.library: list[str] = []
        self.fields: dict[Symbol | Buffer, None] = {}
        self.frame = "frame"
        self.tables = False
        self.local: bool = False
        self.shared_out = False

    def place(self, what: Symbol | Buffer) -> str:
        """Return how a register or the memory of a buffer is reached from here."""
        if isinstance(what, Buffer):
            what = what.root
        name = self.name(what)
        if self.local or what not in self.fields:
            return name
        return f"f->{name}"

    def point(self, s: Point) -> None:
        """Print what lets a pointer be a part of a buffer."""
        start = f"{self.memory(s.buffer)} + {self.flat(s.buffer, s.index)}"
        self.unit.add(f"{self.place(s.pointer)} = {start};")

    def library_call(self, s: Library) -> None:
        """Print the call of a function of a library, which may fail."""
        texts = [self.expr(x) for x in s.scalars]
        texts += [self.address(b) for b in s.buffers()]
        kinds = ["int64_t"] * len(s.scalars) + ["void *"] * (len(s.operands) + len(s.results))
        function = self.imported(s.name, "int32_t", kinds)
        self.unit.add(f"if ({function}({', '.join(texts)})) return -1;")

    def let(self, s: Let) -> None:
        """Print what sets a register: one of the frame, or of this function."""
        text = self.expr(s.value)
        declared = f"{DTYPES[s.symbol.dtype].ctype} " if s.fresh and self.local else ""
        self.unit.add(f"{declared}{self.place(s.symbol)} = {text};")

    def check(self, s: Check) -> None:
        """Print a check: unless the condition holds, the call fails with the number and values."""
        texts = ", ".join(f"(int64_t){self.expr(x, atom=True)}" for x in s.values) or "0"
        given = f"{s.number}, {len(s.values)}, (int64_t[]){{{texts}}}"
        self.unit.add(
            f"if (!({self.expr(s.condition)}))",
            f"    return call->fail(call, {given});",
        )

    def allocation(self, s: Allocate) -> None:
        """Print what makes a buffer."""
        self.allocate(s.buffer, reused=s.reused)

    def allocations(self, several: Sequence[Allocate]) -> None:
        """Print what makes buffers; many of one size by one call, with a table."""
        by_size: dict[str, list[Buffer]] = {}
        for s in several:
            if s.reused is None and s.buffer.role == "work" and isinstance(s.buffer.lacking, int):
                by_size.setdefault(self._bytes(s.buffer), []).append(s.buffer)
        in_tables: set[Buffer] = set()
        for size, buffers in by_size.items():
            if len(buffers) >= MANY and not self.local:
                in_tables.update(buffers)
                self._table(size, buffers)
        for s in several:
            if s.buffer not in in_tables:
                self.statement(s)

    def _table(self, size: str, buffers: Sequence[Buffer]) -> None:
        rows = (f"{{offsetof({self.frame}, {self.name(b)}), {b.lacking}}}" for b in buffers)
        table, error = self.fresh("table"), self.fresh("failed")
        self.unit.add(
            f"static const int32_t {table}[][2] = {{{', '.join(rows)}}};",
            f"const int32_t {error} = gc_allocate(call, f, {size}, {table}, {len(buffers)});",
            f"if ({error}) return {error};",
        )
        self.tables = True

    def _bytes(self, buffer: Buffer) -> str:
        return f"{self.size(buffer)} * (int64_t)sizeof({DTYPES[buffer.dtype].ctype})"

    def allocate(
        self, buffer: Buffer, of_parts: bool = False, reused: Buffer | None = None
    ) -> None:
        """Print what makes a buffer; threads that share a loop have no memory of their own.

        of_parts : whether each part of a loop has one, lines of the cache apart from the others.
        """
        ctype = DTYPES[buffer.dtype].ctype
        assert buffer.role == "pointer" or not self.shared_out, buffer
        if buffer.role == "pointer":
            if self.local:
                self.unit.add(f"{ctype} *{self.name(buffer)};")
            return
        if buffer.role == "output":
            shape = ", ".join(self.expr(n) for n in buffer.shape) or "0"
            made = f"call->output(call, {buffer.position}, (int64_t[]){{{shape}}})"
        else:
            size = f"GC_APART({self.size(buffer)}) * parts" if of_parts else self.size(buffer)
            made = f"call->allocate(call, {size} * (int64_t)sizeof({ctype}))"
        place = self.place(buffer)
        declared = f"{ctype} *" if self.local else ""
        if reused is not None:
            self.unit.add(f"{declared}{place} = {self.place(reused)};")
            return
        self.unit.add(f"{declared}{place} = {made};", self.lacking(place, buffer))

    def lacking(self, place: str, buffer: Buffer) -> str:
        """Return what ends a call if there is no memory for a buffer."""
        number = buffer.lacking
        check = self.expr(number) if isinstance(number, Expr) else number
        status = "-1" if number is None else f"call->lacks(call, {check})"
        return f"if (!{place}) return {status};"

    def scope(self, s: Scope) -> None:
        """Print statements, and around them, if they make memory, what gives it back."""
        if not any(isinstance(inner, Allocate) for inner in inside(s.body)):
            self.statements(s.body)
            return
        mark = self.fresh("mark")
        self.unit.add(f"const int64_t {mark} = call->mark(call);")
        self.statements(s.body)
        self.unit.add(f"call->release(call, {mark});")

    def imported(self, name: str, returned: str, taken: Sequence[str]) -> str:
        """Return what calls a function of a library, which returns and takes these C types."""
        if name not in self.library:
            self.library.append(name)
        address = f"call->library[{self.library.index(name)}]"
        return f"(({returned} (*)({', '.join(taken)})){address})"

    def matmul(self, s: Matmul) -> None:
        """Print a product of matrices, as a call of the runtime's function for its dtype."""
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
        function = self.imported(f"matmul_{code}", "void", kinds)
        self.unit.add(f"{function}({', '.join(texts)});")

    def callback(self, s: Callback) -> None:
        """Print a call of Python: it gets addresses and extents, and returns those of results."""
        given = self.fresh("given")
        add = self.unit.add
        add("{")
        self.unit.depth += 1
        rows = [f"{{(void *){self.address(b)}, {self.shape(b)}, 0}}" for b in s.operands]
        add(f"const gc_array {given}[] = {{{', '.join(rows) or '{0, 0, 0}'}}};")
        found = self.fresh("found")
        add(f"gc_array {found}[{max(len(s.results), 1)}];")
        add(
            f"const int32_t failed = call->callback(call, {s.which}, {len(s.operands)}, {given}, "
            f"{len(s.results)}, {found});",
            "if (failed) return failed;",
        )
        for k, (buffer, symbols) in enumerate(zip(s.results, s.extents, strict=True)):
            add(f"{self.place(buffer)} = {found}[{k}].data;")
            for axis, symbol in enumerate(symbols):
                add(f"{self.place(symbol)} = {found}[{k}].shape[{axis}];")
        self.unit.depth -= 1
        add("}")

    def shape(self, buffer: Buffer) -> str:
        """Return an array in C of the extents of a buffer, as int64."""
        return f"(const int64_t[]){{{', '.join(self.expr(n) for n in buffer.shape) or '0'}}}"


def stride(buffer: Buffer, steps: Sequence[Expr]) -> Expr:
    """Return by how many elements indices that move by ``steps`` move in memory."""
    return position_of(buffer, tuple(steps))
