"""The text of kernels: how their groups of threads share the steps of a loop.

What a group does with a step is `gradcore_cuda.group`'s.  Here is what stands around it: which
steps are whose, several elements at a time, tiles, and how what groups and blocks contributed is
combined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from gradcore.graph.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Expr,
    For,
    Let,
    Literal,
    Load,
    Reduction,
    Store,
    Symbol,
    call,
    integer,
    product,
)
from gradcore.kernel.text import Unit, comment
from gradcore.kernel.uses import inside
from gradcore.ops.elementwise import ROWS
from gradcore_cuda.draft import Draft, Leave, Parameter
from gradcore_cuda.group import GROUP, GROUPS, GroupPrinter, combined_in
from gradcore_cuda.loops import collapsed, pieces, shareable
from gradcore_cuda.running import Carried
from gradcore_cuda.schedule import TILE, Form, Launch, chunks
from gradcore_cuda.vectors import Steps, vectors_of

OWNERS = 2048
"""How many groups own targets of a scatter at most: each looks at all of its steps."""


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


class CudaPrinter(GroupPrinter):
    """Prints kernels."""

    # kernels ------------------------------------------------------------------------------------
    def print(self, launch: Launch) -> Printed:
        """Return the kernel of a launch."""
        stopped = self.checked_before = self.checked
        self.kernel = kernel = Draft()
        self.unit = Unit()
        for s in inside([*launch.statements, *launch.after]):
            if isinstance(s, Store):
                kernel.written.add(self.facts.aliases.memory(s.buffer))
            if isinstance(s, Let) and s.symbol.final in self.facts.values.device:
                kernel.sets.add(s.symbol.final)
        steps: Expr = ONE
        end = Leave(self.fresh("end"))
        kernel.leaves.append(end)
        single = False
        if launch.form is Form.BLOCK:
            single = not any(map(self.shared, inside(launch.statements)))
            kernel.together = not single
            if kernel.together:
                self.find_vectors(launch.statements, [])
            self.statements(launch.statements)
            self.keep("" if single else "threadIdx.x == 0")
        else:
            (loop,) = launch.statements
            assert isinstance(loop, For)
            if launch.form is Form.TILES:
                steps = self.tiled_steps(loop)
            elif launch.form is Form.CHUNKS:
                steps = self.chunk_steps(loop, launch)
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
        counts = [self.aligned(taken) for taken in kernel.vectors.values()]
        lines = [
            f"GC_KERNEL {name}({', '.join(kernel.parameters.values()) or 'void'}) {{",
            *("    " + line for line in (*first, *kernel.before, *counts)),
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

    def keep(self, condition: str) -> None:
        """Print how registers that were set get back to memory.

        condition : which thread of a group does it; empty: only one comes here.
        """
        changed = [x for x in self.kernel.changed if self._kept(x)]
        if not changed:
            return
        lines = [f"*{self.name(x)}_at = {self.name(x)};" for x in changed]
        if condition:
            lines = ["gc_barrier();", f"if ({condition}) {{", *(f"    {s}" for s in lines), "}"]
        self.unit.add(*lines)

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
        self.starts(registers)
        ends = self.parts(reductions) if launch.form is Form.PARTS else []
        first = GROUP
        steps = product([s.extent for s in loops])
        if kernel.together:
            self.find_vectors(body, loops)
            self.touched_in(body)
        else:
            whole = Steps(loops, body, {})
            taken = vectors_of(self.facts, [whole], self.counted, self.fresh("vectors"))
            if taken is not None:
                unit.add(self.aligned(taken))
                self.vector_steps(loops, body, taken, first, GROUPS)
                first = f"{taken.count} * {taken.width} + {first}"
                steps = taken.lanes
        self.unit = Unit(depth=2)
        head, lines = self.counting(loops, first, GROUPS, body, "")
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
        self.unit.add(f"const unsigned groups = {GROUPS};")
        self.unit.add(self.header(loop))
        self.unit.depth += 1
        position: Expr = ZERO
        for n, i in zip(owner.buffer.shape, owner.index, strict=True):
            position = position if i == ZERO else position * n + i
        number = self.index(position, atom=True)
        self.unit.add(f"if ((unsigned){number} % groups != {GROUP}) continue;")
        if kernel.together:
            self.find_vectors(loop.body, [loop])
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
        across = self.facts.dependence.across(loop, self.facts.values.known)
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
                n = pieces(n, TILE)
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
            ctype = DTYPES[x.buffer.dtype].ctype
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
        kernel.near = places
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
            ctype, own = DTYPES[buffer.dtype].ctype, self.name(buffer)
            kernel.made.add(buffer)
            self.parameter(Parameter("part", buffer), f"{ctype} *{own}_parts")
            self.in_shared_memory()
            size = self.index(product(r.target.shape), atom=True)
            number = f"(int64_t)({GROUP})"
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

    def combination(
        self, reductions: Sequence[Reduction], filled: Mapping[Buffer, Literal]
    ) -> Printed:
        """Return the kernel that combines the arrays of all groups, in order.

        reductions : to arrays of one size.
        filled : what these hold before, where that has not been stored.
        """
        self.kernel = kernel = Draft()
        self.unit = Unit()
        add, combine = self.unit.add, self.provided.combine
        size = product(_target(reductions[0]).shape)
        n = self.index(size, atom=True)
        starts: list[str] = []
        parts: list[str] = []
        ends: list[str] = []
        for r in reductions:
            assert r.row is not None
            target, dtype = _target(r), r.target.dtype
            ctype, own = DTYPES[dtype].ctype, self.place(target)
            all_of, part, before = (self.fresh(f"{own}_{x}") for x in ("all", "part", "before"))
            self.parameter(Parameter("part", target.root), f"const {ctype} *{own}_parts")
            identity, _ = self.start(r)
            start = filled.get(target.root)
            text = f"{own}[k]" if start is None else scalar.literal(start.value, dtype)
            starts.append(f"    {ctype} {all_of} = {identity};")
            parts += [
                f"        const {ctype} {part} = {own}_parts[(int64_t)p * {n} + k];",
                f"        {all_of} = {combine(r.row, dtype, all_of, part)};",
            ]
            together = self.provided.all_of(r.row, dtype, all_of, "group")
            ends += [
                f"    {all_of} = {together};",
                "    if (threadIdx.x == 0) {",
                f"        const {ctype} {before} = {text};",
                f"        {own}[k] = {combine(r.row, dtype, before, all_of)};",
                "    }",
            ]
            kernel.used[target] = None
        self.parameter(Parameter("groups"), "int32_t groups")
        add(
            f"for (gc_index k = {GROUP}; k < {n}; k += {GROUPS}) {{",
            *starts,
            "    for (int32_t p = threadIdx.x; p < groups; p += blockDim.x) {",
            *parts,
            "    }",
            *ends,
            "}",
        )
        name = self.fresh(f"{self.name(_target(reductions[0]).root)}_combined")
        return self.finished(name, [], size, False)

    def total(self, reductions: Sequence[Reduction], launch: Launch) -> None:
        """Print how what all threads of all blocks contributed is combined."""
        kernel, add = self.kernel, self.unit.add
        for r in reductions:
            assert r.row is not None and isinstance(r.target, Symbol)
            symbol, dtype = r.target.final, r.target.dtype
            ctype, own = DTYPES[dtype].ctype, self.name(symbol)
            if kernel.together:
                start, _ = self.start(r)
                add(f"if (threadIdx.x != 0) {own} = {start};")
            add(f"{own} = {self.provided.all_of(r.row, dtype, own, 'block')};")
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
            text = self.provided.combine(r.row, dtype, own, "part")
            add(
                f"{own} = {start};",
                "for (int k = gc_thread(); k < gridDim.x; k += gc_threads()) {",
                f"    const {DTYPES[dtype].ctype} part = {own}_parts[k];",
                f"    {own} = {text};",
                "}",
                f"{own} = {self.provided.all_of(r.row, dtype, own, 'block')};",
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
                text = self.provided.combine(r.row, dtype, before, own)
                self.unit.add(f"{own} = {text};")
            kernel.changed[r.target.final] = None
        kernel.together = False
        self.statements(launch.after)
        self.keep("")
        self.unit.depth -= 1
        self.unit.add("}")

    # running sums that many groups share --------------------------------------------------------
    def chunk(self, loop: For) -> tuple[str, str]:
        """Print which steps are a group's; return the first, and the one after the last."""
        self.kernel.lanes[chunks(loop.extent)[1]] = None
        self.kernel.extents[loop.extent] = None
        start, last, n = self.fresh("start"), self.fresh("last"), self.index(loop.extent)
        self.unit.add(
            f"const gc_index group = {GROUP};",
            f"const gc_index groups = {GROUPS};",
            f"const gc_index {start} = gc_chunk({n}, group), {last} = gc_chunk({n}, group + 1);",
        )
        return start, last

    def before_chunks(self, carried: Sequence[Carried], launch: Launch) -> list[str]:
        """Return what registers hold before all steps, and have them made here."""
        kernel = self.kernel
        found: list[str] = []
        for c in carried:
            own, dtype, ctype = self.name(c.symbol), c.symbol.dtype, DTYPES[c.symbol.dtype].ctype
            kernel.made.add(c.symbol)
            self.parameter(Parameter("chunks", c.symbol), f"{ctype} *{own}_chunks")
            start = launch.starts.get(c.symbol)
            if start is None or c.symbol in kernel.sets:
                self.parameter(Parameter("register", c.symbol), f"{ctype} *{own}_at")
            found.append(f"*{own}_at" if start is None else scalar.literal(start.value, dtype))
        return found

    def chunk_steps(self, loop: For, launch: Launch) -> Expr:
        """Print a running loop of which each group has a chunk; return how many there are."""
        kernel = self.kernel
        shared = self.facts.running.chunks(loop)
        assert shared is not None
        start, last = self.chunk(loop)
        befores = self.before_chunks(shared.carried, launch)
        for c, before in zip(shared.carried, befores, strict=True):
            own = self.name(c.symbol)
            text = f"groups > 1 ? {own}_chunks[group] : {before}"
            self.unit.add(f"{DTYPES[c.symbol.dtype].ctype} {own} = {text};")
        self.starts(shared.ends)
        kernel.together = True
        self.running_loop(loop, shared.carried, shared.rest, start, last)
        self.keep("group == groups - 1 && threadIdx.x == 0")
        kernel.changed.clear()
        kernel.together = False
        if shared.ends:
            self.total(shared.ends, launch)
        return chunks(loop.extent)[0]

    def starts(self, reductions: Sequence[Reduction]) -> None:
        """Print registers that threads combine what they contribute in."""
        for r in reductions:
            start, _ = self.start(r)
            assert isinstance(r.target, Symbol)
            symbol = r.target.final
            self.kernel.made.add(symbol)
            self.unit.add(f"{DTYPES[symbol.dtype].ctype} {self.name(symbol)} = {start};")

    def totals(self, launch: Launch) -> Printed:
        """Return the kernel that finds what registers hold before each chunk of a running loop."""
        (loop,) = launch.statements
        assert isinstance(loop, For)
        shared = self.facts.running.chunks(loop)
        assert shared is not None
        carried = shared.carried
        self.kernel = kernel = Draft()
        self.unit = Unit()
        add, combine = self.unit.add, self.provided.combine
        start, last = self.chunk(loop)
        befores = self.before_chunks(carried, launch)
        combined = [Reduction(c.symbol, c.row) for c in carried]
        self.starts(combined)
        kernel.made.add(loop.index.final)
        kernel.indices.add(loop.index.final)
        i = self.name(loop.index)
        add(f"for (gc_index {i} = {start} + threadIdx.x; {i} < {last}; {i} += blockDim.x) {{")
        self.unit.depth += 1
        self.statements(shared.totals)
        self.unit.depth -= 1
        add("}")
        for c in carried:
            own = self.name(c.symbol)
            add(
                f"{own} = {self.provided.all_of(c.row, c.symbol.dtype, own, 'group')};",
                f"if (threadIdx.x == 0) {own}_chunks[group + 1] = {own};",
            )
        self.parameter(Parameter("counter"), "unsigned *counter")
        add("if (!gc_last(counter) || threadIdx.y != 0) return;")
        for c, r, before in zip(carried, combined, befores, strict=True):
            own, dtype, ctype = self.name(c.symbol), c.symbol.dtype, DTYPES[c.symbol.dtype].ctype
            so_far, all_of = self.fresh(f"{own}_before"), self.fresh("all")
            first, (identity, _) = self.fresh("first"), self.start(r)
            add(
                f"{ctype} {so_far} = {before};",
                f"if (threadIdx.x == 0) {own}_chunks[0] = {so_far};",
                f"for (gc_index {first} = 0; {first} < groups; {first} += blockDim.x) {{",
                f"    const gc_index k = {first} + threadIdx.x;",
                f"    {own} = k < groups ? {own}_chunks[k + 1] : {identity};",
                f"    {ctype} {all_of};",
                f"    {own} = {self.provided.running(c.row, dtype, own, all_of)};",
                f"    if (k < groups) {own}_chunks[k + 1] = {combine(c.row, dtype, so_far, own)};",
                f"    {so_far} = {combine(c.row, dtype, so_far, all_of)};",
                "}",
            )
        head: list[str] = []
        if self.checked:
            self.parameter(Parameter("status"), "gc_status *status")
            head.append("if (gc_stopped(status)) return;")
        name = self.fresh(f"{_title(launch)}_totals")
        return self.finished(name, head, chunks(loop.extent)[0], False)

    # units --------------------------------------------------------------------------------------
    def text(self, title: str, kernels: Sequence[Printed]) -> str:
        """Return kernels as a unit."""
        parts = [
            f"/* {comment(title)} */",
            resources.files("gradcore_cuda").joinpath("kernels.h").read_text("utf-8"),
            self.provided.text(),
            *("\n".join(kernel.lines) + "\n" for kernel in kernels),
        ]
        return "\n".join(part for part in parts if part)


def _target(r: Reduction) -> Buffer:
    """Return the array that is contributed to."""
    assert isinstance(r.target, Buffer)
    return r.target


def _title(launch: Launch) -> str:
    """Return what to call a kernel: after what it stores."""
    for s in reversed(list(inside(launch.statements))):
        if isinstance(s, Store):
            return s.buffer.name
        if isinstance(s, Let):
            return s.symbol.name
    return "kernel"
