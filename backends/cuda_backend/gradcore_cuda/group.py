"""The text of what a group of threads does.

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

import numpy as np

from gradcore.graph.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.ir import (
    ZERO,
    Allocate,
    Buffer,
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
    identity_of,
    loads,
    product,
)
from gradcore.kernel.text import Unit
from gradcore.kernel.uses import expressions, inside
from gradcore.ops.elementwise import ROWS
from gradcore_cuda.draft import DraftPrinter, Flat, Key, Leave, Parameter
from gradcore_cuda.functions import WIDE
from gradcore_cuda.loops import collapsed, is_number, shareable, tiny
from gradcore_cuda.running import Carried
from gradcore_cuda.vectors import Steps, Vectors, vectors_of

PRIVATE = 32
"""The most elements of an array that a thread has to itself."""

GROUP, GROUPS = "blockIdx.x * blockDim.y + threadIdx.y", "gridDim.x * blockDim.y"
"""The number of a group, and how many there are."""


class GroupPrinter(DraftPrinter):
    """Prints what a group of threads does."""

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
            return self.owned(*spread, self.vectors(spread[0]))
        if isinstance(s, For) and self.facts.running.running(s):
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
        return [a for x in xs for y in loads(x) for a in self._access(y.buffer, False, key)]

    def wrote(self, s: Store, key: Key) -> list[tuple[Buffer, bool, Key]]:
        """Return what a store writes."""
        return self._access(s.buffer, True, key)

    def _access(self, buffer: Buffer, writes: bool, key: Key) -> list[tuple[Buffer, bool, Key]]:
        memory = self.facts.aliases.memory(buffer)
        if memory not in self.kernel.written or buffer.root in self.kernel.private:
            return []
        return [(memory, writes, key)]

    def owned(
        self, loops: Sequence[For], body: Sequence[Statement], taken: Vectors | None = None
    ) -> list[tuple[Buffer, bool, Key]]:
        """Return what the steps of loops that are shared out touch.

        taken : how a thread takes several of them at a time.
        """
        symbols = [s.index.final for s in loops]
        extents = tuple(s.extent for s in loops)
        width = 1 if taken is None else taken.width
        private = {s.buffer.root for s in inside(body) if isinstance(s, Allocate)}
        found: list[tuple[Buffer, bool, Key]] = []

        def key(buffer: Buffer, index: Sequence[Expr]) -> Key:
            axes = [tuple(index).index(x) if x in index else -1 for x in symbols]
            return None if -1 in axes else (id(buffer), tuple(axes), extents, width)

        for s in inside(body):
            for x in expressions(s):
                for y in loads(x):
                    if y.buffer.root not in private:
                        found += self._access(y.buffer, False, key(y.buffer, y.index))
            if isinstance(s, Store) and s.buffer.root not in private:
                found += self._access(s.buffer, True, key(s.buffer, s.index))
        return found

    # several elements at a time -----------------------------------------------------------------
    def vectors(self, loops: Sequence[For]) -> Vectors | None:
        """Return what loops that a group shares take several at a time."""
        return self.kernel.vectors.get(tuple(s.extent for s in loops))

    def find_vectors(self, body: Sequence[Statement], outer: Sequence[For]) -> None:
        """Find what the loops that a group shares, in others, take several at a time."""
        found: dict[tuple[Expr, ...], list[Steps]] = {}
        for s in self.shared_in(body, {s.index.final: s.extent for s in outer}):
            found.setdefault(s.extents, []).append(s)
        for extents, steps in found.items():
            made = vectors_of(self.facts, steps, self.counted, self.fresh("vectors"))
            if made is not None:
                self.kernel.vectors[extents] = made

    def shared_in(self, body: Sequence[Statement], outer: Mapping[Symbol, Expr]) -> Iterator[Steps]:
        """Return the loops in statements that a group shares."""
        for s in body:
            match s:
                case For() if (spread := self.spread(s)) is not None:
                    yield Steps(*spread, outer)
                case For() if self.facts.running.running(s) is None:
                    yield from self.shared_in(s.body, {**outer, s.index.final: s.extent})
                case Scope():
                    yield from self.shared_in(s.body, outer)
                case If(_, then, orelse):
                    yield from self.shared_in([*then, *orelse], outer)
                case _:
                    pass

    def aligned(self, taken: Vectors) -> str:
        """Return the line that counts vectors: there are none unless memory and rows fit."""
        last = self.index(product(taken.extents), atom=True)
        places: dict[int, list[str]] = {}
        for b in taken.buffers:
            size = min(np.dtype(b.dtype).itemsize * taken.width, WIDE)
            places.setdefault(size, []).append(f"(size_t){self.memory(b)}")
        terms = [f"({' | '.join(names)}) % {size}" for size, names in places.items()]
        terms += [f"{self.index(n, atom=True)} % {taken.width}" for n in taken.rows
                  if not isinstance(n, Literal)]  # fmt: skip
        rest = " | ".join(dict.fromkeys(terms))
        return f"const gc_index {taken.count} = {rest} ? 0 : {last} / {taken.width};"

    def vector_steps(
        self,
        loops: Sequence[For],
        body: Sequence[Statement],
        taken: Vectors,
        first: str,
        every: str,
    ) -> None:
        """Print steps whose elements are read and written several at a time.

        first, every : the first vector that is the thread's, and how far it is to the next one.
        """
        kernel, width = self.kernel, taken.width
        at, e = self.fresh("vector"), self.fresh("e")
        symbols = [s.index.final for s in loops]
        stored = {Load(s.buffer, s.index) for s in inside(body) if isinstance(s, Store)}
        self.unit.add(f"for (gc_index {at} = {first}; {at} < {taken.count}; {at} += {every}) {{")
        self.unit.depth += 1
        kept: list[str] = []
        for x, needed in taken.loads[symbols[0]].items():
            vector = self.provided.vector(x.dtype, width)
            name = self.fresh(f"{self.name(x.buffer.root)}_{width}")
            constant = "" if x in stored else "const "
            start = self.flat(x.buffer, [ZERO if i in symbols else i for i in x.index])
            memory = self.memory(x.buffer)
            memory = memory if start == "0" else f"({memory} + {start})"
            place = f"(({constant}{vector} *){memory})[{at}]"
            self.unit.add(
                f"{constant}{vector} {name} = {place};" if needed else f"{vector} {name};"
            )
            if x in stored:
                kept.append(f"{place} = {name};")
            kernel.near[x] = f"{name}.x[{e}]"
        self.unit.add("#pragma unroll", f"for (int {e} = 0; {e} < {width}; {e}++) {{")
        self.unit.depth += 1
        unit, self.unit = self.unit, Unit(depth=self.unit.depth)
        step = f"{at} * {width} + {e}"
        head, lines = self.counting(loops, step, "1", body, "")
        names = re.match(r"for \(gc_index (\w+) = ", head)
        assert names is not None
        inner, self.unit = self.unit.lines, unit
        kernel.near.clear()
        if any(re.search(rf"\b{names[1]}\b", line) for line in (*lines, *inner)):
            self.unit.add(f"const gc_index {names[1]} = {step};")
        self.unit.lines += [*lines, *inner]
        self.unit.depth -= 1
        self.unit.add("}", *kept)
        self.unit.depth -= 1
        self.unit.add("}")

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
        return (shareable(s) and not tiny(s)) or self.facts.running.running(s) is not None

    def loop(self, s: For) -> None:
        """Print a loop."""
        kernel = self.kernel
        spread = self.spread(s) if kernel.together else None
        if spread is not None:
            self.shared_loop(*spread)
            return
        running = self.facts.running.running(s) if kernel.together else None
        if running is not None:
            kernel.lanes[s.extent] = None
            self.running_loop(s, *running, "0", self.index(s.extent))
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
        return self.facts.values.evaluable(extent, self.kernel.sets)

    def shared_loop(self, loops: Sequence[For], body: Sequence[Statement]) -> None:
        """Print loops whose steps are shared out among the threads of the group."""
        kernel = self.kernel
        taken = self.vectors(loops)
        self.touch(self.read((s.extent for s in loops), None) + self.owned(loops, body, taken))
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
            self.unit.add(f"const {DTYPES[r.target.dtype].ctype} {before} = {own};")
            self.unit.add(f"{own} = {start};")
        checks = any_check(body)
        flag = ""
        if checks:
            flag = self.fresh("failed")
            self.unit.add(f"uint8_t {flag} = 0;")
        kernel.lanes[product([s.extent for s in loops]) if taken is None else taken.lanes] = None
        kernel.together = False
        first = "threadIdx.x"
        if taken:
            self.vector_steps(loops, body, taken, first, "blockDim.x")
            first = f"{taken.count} * {taken.width} + {first}"
        self.unit.depth += 1
        outer, self.unit = self.unit, Unit(depth=self.unit.depth)
        head, lines = self.counting(loops, first, "blockDim.x", body, flag)
        inner, self.unit = self.unit, outer
        self.unit.depth -= 1
        self.unit.add(head)
        self.unit.lines += [*lines, *inner.lines]
        self.unit.add("}")
        kernel.together = True
        for r, before in zip(reductions, starts, strict=True):
            assert r.row is not None
            own, dtype = self.place(r.target), r.target.dtype
            self.unit.add(f"{own} = {self.provided.all_of(r.row, dtype, own, 'group')};")
            if before:
                text = self.provided.combine(r.row, dtype, before, own)
                self.unit.add(f"{own} = {text};")
        if flag:
            leave = kernel.leaves[-1]
            any_of = self.provided.all_of(ROWS["or_"], "bool", flag, "group")
            self.unit.add(f"if ({any_of}) {{")
            self.unit.depth += 1
            self.leave(leave)
            self.unit.depth -= 1
            self.unit.add("}")

    def running_loop(
        self, s: For, carried: Sequence[Carried], rest: Sequence[Statement], start: str, last: str
    ) -> None:
        """Print a loop that carries registers along: a thread of the group for each step.

        The group goes through as many steps at a time as it has threads, each of which combines
        what the ones before it have brought.

        start, last : the step that comes first, and the one after the last.
        """
        kernel, add = self.kernel, self.unit.add
        self.touch([*self.read(iter([s.extent]), None), *self.owned([s], s.body)])
        if self.counted(s.extent):
            kernel.extents[s.extent] = None
        kernel.made.add(s.index.final)
        kernel.indices.add(s.index.final)
        i, first = self.name(s.index), self.fresh("first")
        before = [self.fresh(f"{self.place(c.symbol)}_before") for c in carried]
        for c, name in zip(carried, before, strict=True):
            add(f"{DTYPES[c.symbol.dtype].ctype} {name} = {self.place(c.symbol)};")
        add(f"for (gc_index {first} = {start}; {first} < {last}; {first} += blockDim.x) {{")
        self.unit.depth += 1
        add(f"const gc_index {i} = {first} + threadIdx.x;")
        for x in s.body:
            if isinstance(x, Let) and x.fresh:
                kernel.made.add(x.symbol.final)
                add(f"{DTYPES[x.symbol.dtype].ctype} {self.name(x.symbol)};")
        for c, name in zip(carried, before, strict=True):
            own, dtype, all_of = self.place(c.symbol), c.symbol.dtype, self.fresh("all")
            identity = identity_of(c.row, dtype)
            brought = Let(c.symbol, c.brought, fresh=False)
            add(f"{own} = {scalar.literal(identity.value, dtype)};")
            self.own_step([*c.before, brought], f"{i} < {last}")
            combine = self.provided.combine
            add(
                f"{DTYPES[dtype].ctype} {all_of};",
                f"{own} = {self.provided.running(c.row, dtype, own, all_of)};",
                f"{own} = {combine(c.row, dtype, name, own)};",
                f"{name} = {combine(c.row, dtype, name, all_of)};",
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
        if len(loops) == 1:
            at = names[0]
        else:
            at = self.fresh("at")
            kernel.flats.append(Flat(symbols, tuple(s.extent for s in loops), at))
        last = self.index(product([s.extent for s in loops]))
        kernel.named -= set(symbols)
        label = Leave(self.fresh("next"), flag)
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
                    if printed.fresh and is_number(after) and after.symbol.final is s.symbol.final:
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
                ctype = DTYPES[pointer.dtype].ctype
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
        if not isinstance(s, AtomicAdd):
            super().store(s)
            return
        place, value = f"&{self.element(s.buffer, s.index)}", self.expr(s.value)
        taken = DTYPES[s.buffer.dtype].atomic
        if taken:
            place, value = f"({taken} *){place}", f"({taken})({value})"
        self.unit.add(f"atomicAdd({place}, {value});")

    def let(self, s: Let) -> None:
        """Print what sets a register: one of the device's is written back at the end."""
        text, symbol = self.expr(s.value), s.symbol.final
        if symbol in self.facts.values.device and symbol in self.kernel.sets:
            self.unit.add(f"{self.place(symbol)} = {text};")
            self.kernel.changed[symbol] = None
            return
        declared = f"{DTYPES[symbol.dtype].ctype} " if s.fresh else ""
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

    def leave(self, leave: Leave) -> None:
        """Print that a thread leaves what it does."""
        leave.used = True
        if leave.flag:
            self.unit.add(f"{leave.flag} = 1;")
        self.unit.add(f"goto {leave.label};")

    def allocate(self, buffer: Buffer, reused: Buffer | None) -> None:
        """Print what gives a group, or a thread, memory of its own."""
        kernel = self.kernel
        ctype, name = DTYPES[buffer.dtype].ctype, self.name(buffer)
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
        number, text = GROUP, self.index(count, atom=True)
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

    def in_shared_memory(self) -> None:
        """Print where the shared memory of a group starts."""
        kernel = self.kernel
        if Parameter("own") not in kernel.parameters:
            self.parameter(Parameter("own"), "int32_t own_bytes")
            kernel.before += [
                "GC_SHARED(gc_shared);",
                "unsigned char *own = gc_shared + threadIdx.y * own_bytes;",
            ]


def combined_in(loops: Sequence[For]) -> list[Reduction]:
    """Return what the steps of loops contribute to."""
    found: dict[Symbol | Buffer, Reduction] = {}
    for s in loops:
        for r in s.reductions:
            found.setdefault(r.target.final if isinstance(r.target, Symbol) else r.target, r)
    return list(found.values())


def any_check(body: Sequence[Statement]) -> bool:
    """Return whether statements check anything."""
    return any(isinstance(s, Check) for s in inside(body))
