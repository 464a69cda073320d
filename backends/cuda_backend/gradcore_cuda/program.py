"""The text of host programs: Python that evaluates extents, asks for memory, and launches.

A host program is generated as source, for people to read and for ``exec`` to run: extents are
Python ints, memory is an address, and each kernel is launched with what it needs, in order.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.kernel.bounds import Bounds
from gradcore.kernel.interpret import computed
from gradcore.kernel.ir import (
    ZERO,
    Allocate,
    Break,
    Buffer,
    Call,
    Callback,
    Check,
    Expr,
    For,
    Let,
    Library,
    Literal,
    Load,
    Matmul,
    Point,
    Program,
    Reduction,
    Strided,
    Symbol,
    parts,
    product,
)
from gradcore.kernel.render import stride
from gradcore_cuda import runtime
from gradcore_cuda.draft import Parameter
from gradcore_cuda.facts import Facts
from gradcore_cuda.pipeline import prepared
from gradcore_cuda.printing import CudaPrinter, Printed
from gradcore_cuda.runtime import Compiled, Kernel
from gradcore_cuda.schedule import (
    Choose,
    Fetch,
    Form,
    Launch,
    Repeat,
    Scoped,
    Step,
    Tell,
    schedule,
)
from gradcore_cuda.values import python

WORDS = frozenset(
    (
        *keyword.kwlist, "d", "inputs", "shapes", "numbers", "grid", "own", "shared", "max", "min",
        "abs", "int",
        "range", "words", "Array", "Memory", "mark", "run", "found", "dtype", "raise_",
        "computed",
    )
)  # fmt: skip
"""Names that host programs use themselves."""

PARTS = 2**24
"""How many elements the arrays of all groups have at most, beyond one group's."""

PER = frozenset(("group", "thread", "parts", "part", "chunks"))
"""The parameters that are memory for each block, group or thread."""

BLOCKS = 512
"""How many blocks contribute to an array at most, each to one of its own."""

WORD = 8
"""The bytes of a register of the device's."""


class CudaRenderer:
    """Prints a program as kernels and a host program.

    deterministic : whether scatters keep the order; else they add in the order that comes.
    """

    def __init__(self, deterministic: bool = True) -> None:
        self.deterministic = deterministic

    def render(self, program: Program) -> Compiled:
        """Return a program as kernels and a host program."""
        return _HostPrinter(program, self.deterministic).compiled()


class _HostPrinter:
    """Prints a host program, and has its kernels printed."""

    def __init__(self, program: Program, deterministic: bool) -> None:
        self.program = program
        self.facts = Facts(prepared(program, deterministic))
        self.printer = CudaPrinter(self.facts)
        self.printer.taken |= WORDS
        self.kernels: list[Printed] = []
        self.lines: list[str] = []
        self.depth = 1
        self.words: dict[Symbol | Buffer, int] = {}
        self.waits = False

    def add(self, *lines: str) -> None:
        """Add lines."""
        self.lines += ["    " * self.depth + line for line in lines]

    def name(self, what: Symbol | Buffer) -> str:
        """Return the name of a register, or of the memory of a buffer."""
        return self.printer.name(what.root if isinstance(what, Buffer) else what)

    # expressions --------------------------------------------------------------------------------
    def expr(self, x: Expr, atom: bool = False, bounds: Bounds | None = None) -> str:
        """Return an integer expression in Python.

        bounds : what is known where it is evaluated.
        """
        bounds = bounds or self.facts.values.bounds
        match x:
            case Literal():
                return repr(bool(x.value) if x.dtype == "bool" else int(x.value))
            case Symbol():
                return self.name(x.final)
            case Load(buffer, index) if not index and buffer.root in self.facts.values.reads:
                return f"numbers[{buffer.root.position}]"
            case Load(buffer, index):
                self.waits = True
                return f'd.fetch({self.at(buffer, index)}, "{buffer.dtype}")'
            case Call():
                form = python(x, bounds)
                assert form is not None, x
                texts = [
                    self.expr(operand, True, known)
                    for operand, known in zip(x.operands, bounds.inside(x), strict=True)
                ]
                text = form.format(*texts)
                return f"({text})" if atom else text
            case _:
                raise TypeError(x)

    def flat(self, buffer: Buffer, index: Sequence[Expr]) -> Expr:
        """Return the number of an element."""
        position: Expr = ZERO
        for n, i in zip(buffer.shape, index, strict=True):
            position = position * n + i
        return position

    def at(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return where an element is."""
        memory = self.memory(buffer)
        size = np.dtype(buffer.dtype).itemsize
        offset = self.expr(self.flat(buffer, index), atom=True)
        if offset == "0":
            return memory
        return f"{memory} + {offset}" if size == 1 else f"{memory} + {offset} * {size}"

    def memory(self, buffer: Buffer) -> str:
        """Return the memory of a buffer; a pointer that kernels move is fetched."""
        if buffer.root in self.facts.values.moved:
            self.waits = True
            return f'Memory(d.fetch({self.word(buffer.root)}, "uint64"))'
        if buffer.root.role == "constant":
            return f"d.constant({buffer.root.position})"
        return self.name(buffer)

    def word(self, what: Symbol | Buffer) -> str:
        """Return where a register or pointer of the device's is."""
        number = self.words.setdefault(what, len(self.words))
        return f"words + {number * WORD}" if number else "words"

    def shape(self, extents: Sequence[Expr]) -> str:
        """Return a shape."""
        texts = [self.expr(n) for n in extents]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"

    def array(self, buffer: Buffer) -> str:
        """Return all of a buffer."""
        return f'Array({self.memory(buffer)}, "{buffer.dtype}", {self.shape(buffer.shape)})'

    def part(self, part: Strided) -> str:
        """Return a part of a buffer."""
        strides = [stride(part.buffer, steps) for steps in part.steps]
        return (
            f'Array({self.at(part.buffer, part.first)}, "{part.buffer.dtype}", '
            f"{self.shape(part.shape)}, {self.shape(strides)})"
        )

    # steps --------------------------------------------------------------------------------------
    def steps(self, steps: Sequence[Step]) -> None:
        """Print steps."""
        for s in steps:
            self.step(s)
        if not steps:
            self.add("pass")

    def inner(self, steps: Sequence[Step]) -> None:
        """Print steps a step further in."""
        self.depth += 1
        self.steps(steps)
        self.depth -= 1

    def step(self, s: Step) -> None:
        """Print a step."""
        match s:
            case Launch():
                self.launch(s)
            case Fetch(symbol):
                self.waits = True
                self.add(f'{self.name(symbol)} = d.fetch({self.word(symbol)}, "{symbol.dtype}")')
            case Tell(symbol, value):
                self.add(f"{self.name(symbol)} = {self.expr(value)}")
            case Choose(condition, then, orelse):
                self.add(f"if {self.expr(condition)}:")
                self.inner(then)
                if orelse:
                    self.add("else:")
                    self.inner(orelse)
            case Repeat(index, extent, body):
                self.add(f"for {self.name(index)} in range({self.expr(extent)}):")
                self.depth += 1
                self.scope(body)
                self.depth -= 1
            case Scoped(body):
                self.scope(body)
            case Let(symbol, value):
                self.add(f"{self.name(symbol)} = {self.expr(value)}")
            case Check(number, condition, values):
                self.add(f"if not {self.expr(condition, atom=True)}:")
                self.add(f"    raise d.failed({number}, {self.shape(values)})")
            case Allocate():
                self.allocate(s)
            case Break():
                self.add("break")
            case Point(pointer, buffer, index):
                self.add(f"{self.name(pointer)} = {self.at(buffer, index)}")
            case Matmul():
                self.matmul(s)
            case Library(name, scalars, reads, writes):
                self.waits = True
                read, written = (", ".join(map(self.array, some)) for some in (reads, writes))
                given = self.shape(scalars)
                self.add(f'd.library("{name}", {given}, [{read}], [{written}])')
            case Callback():
                self.callback(s)
            case _:
                raise TypeError(s)

    def scope(self, body: Sequence[Step]) -> None:
        """Print steps whose memory is given back."""
        steps = [inner for s in body for inner in (s.body if isinstance(s, Scoped) else [s])]
        if not any(isinstance(s, (Allocate, Launch, Choose, Repeat)) for s in steps):
            self.steps(steps)
            return
        mark = self.printer.fresh("mark_")
        self.add(f"{mark} = d.mark()")
        self.steps(steps)
        self.add(f"d.release({mark})")

    def allocate(self, s: Allocate) -> None:
        """Print what makes a buffer."""
        buffer, name = s.buffer, self.name(s.buffer)
        if buffer.role == "pointer":
            return
        if buffer.role == "output":
            shape = self.shape(buffer.shape)
            self.add(f'{name} = d.output({buffer.position}, "{buffer.dtype}", {shape})')
        elif s.reused is not None:
            self.add(f"{name} = {self.memory(s.reused)}")
        else:
            self.add(f"{name} = d.allocate({self.bytes(buffer)})")

    def bytes(self, buffer: Buffer) -> str:
        """Return the size of a buffer in bytes."""
        count, size = product(buffer.shape), np.dtype(buffer.dtype).itemsize
        if isinstance(count, Literal):
            return str(count.value * size)
        text = self.expr(count, atom=True)
        return text if size == 1 else f"{text} * {size}"

    def matmul(self, s: Matmul) -> None:
        """Print a product, if there is any."""
        out, x, y = map(self.part, (s.out, s.x, s.y))
        self.add(f"d.matmul({out}, {x}, {y}, {s.accumulate})")

    def callback(self, s: Callback) -> None:
        """Print a call of Python."""
        self.waits = True
        found = self.printer.fresh("found_")
        self.add(f"{found} = d.callback({s.which}, [{', '.join(map(self.array, s.reads))}])")
        for k, (buffer, symbols) in enumerate(zip(s.writes, s.extents, strict=True)):
            self.add(f"{self.name(buffer)} = {found}[{k}].memory")
            if symbols:
                names = "".join(f"{self.name(x)}, " for x in symbols)
                self.add(f"{names}= {found}[{k}].shape")

    # launches -----------------------------------------------------------------------------------
    def launch(self, s: Launch) -> None:
        """Print the launch of a kernel, and what it needs."""
        k = self.printer.print(s)
        arrays: list[tuple[Reduction, Buffer]] = []
        if s.form is Form.PARTS:
            (loop,) = s.statements
            assert isinstance(loop, For)
            arrays = [(r, r.target) for r in loop.reductions if isinstance(r.target, Buffer)]
        lanes = [self.expr(n) for n in k.lanes if self.facts.values.evaluable(n)]
        if len(lanes) < len(k.lanes):
            lanes.append("32")
        width = f"max({', '.join(lanes)})" if len(lanes) > 1 else (lanes or ["1"])[0]
        limit = ", 1" if k.alone else ""
        if arrays:
            size = self.expr(product(arrays[0][1].shape), atom=True)
            limit = f", max(min({BLOCKS}, {PARTS} // max({size}, 1)), 1)"
        grid = f"d.grid({self.expr(k.steps)}, {width}{limit})"
        per = [p for p, _ in k.parameters if p.kind in PER]
        mark = ""
        if per:
            mark = self.printer.fresh("mark_")
            self.add(f"grid = {grid}", f"{mark} = d.mark()")
            grid = "grid"
        for p in per:
            if p.kind == "part":
                assert isinstance(p.what, Buffer)
                made = f"d.allocate(grid.blocks * grid.groups * {self.bytes(p.what)})"
                self.add(f"{self.name(p.what)}_parts = {made}")
            if p.kind == "chunks":
                assert isinstance(p.what, Symbol)
                size = np.dtype(p.what.dtype).itemsize
                made = f"d.allocate((grid.blocks * grid.groups + 1) * {size})"
                self.add(f"{self.name(p.what)}_chunks = {made}")
        rows = [p for p in per if p.kind in ("group", "part")]
        shared = "0"
        if rows:
            sizes = [self.bytes(p.what) for p in rows if isinstance(p.what, Buffer)]
            rounded = " + ".join(f"({size} + 15) // 16 * 16" for size in sizes)
            self.add(f"own = {rounded}", "shared = own * grid.groups")
            self.add("if shared > d.shared:", "    own = shared = 0")
            for p in rows:
                if p.kind == "part" or not isinstance(p.what, Buffer):
                    continue
                name = f"{self.name(p.what)}_all"
                count = f"grid.blocks * grid.groups * {self.bytes(p.what)}"
                self.add(f"{name} = Memory(0) if own else d.allocate({count})")
            shared = "shared"
        if s.form is Form.CHUNKS:
            self.add("if grid.blocks * grid.groups > 1:")
            self.depth += 1
            self.send(self.printer.totals(s), grid)
            self.depth -= 1
        self.send(k, grid, shared)
        of_size: dict[Expr, list[Reduction]] = {}
        for r, buffer in arrays:
            of_size.setdefault(product(buffer.shape), []).append(r)
        for size, reductions in of_size.items():
            combined = self.printer.combination(reductions, s.filled)
            self.send(combined, f"d.grid({self.expr(size)}, grid.blocks * grid.groups)")
        if mark:
            self.add(f"d.release({mark})")

    def send(self, k: Printed, grid: str, shared: str = "0") -> None:
        """Print the launch of a kernel."""
        self.kernels.append(k)
        texts = [self.largest(k), *(self.argument(p) for p, _ in k.parameters)]
        self.add(f'd.launch("{k.name}", {grid}, {shared}, {", ".join(texts)})')

    def argument(self, p: Parameter) -> str:
        """Return what a kernel gets for a parameter."""
        what = p.what
        match p.kind, what:
            case "number", Symbol():
                return self.name(what)
            case "index", Expr():
                return self.expr(what)
            case ("register", Symbol()) | ("pointer", Buffer()):
                return self.word(what)
            case "memory", Buffer():
                return self.memory(what)
            case "group", Buffer():
                return f"{self.name(what)}_all"
            case "thread", Buffer():
                return f"d.allocate(grid.threads * {self.bytes(what)})"
            case "own", None:
                return "own"
            case "parts", Symbol():
                return f"d.allocate(grid.blocks * {np.dtype(what.dtype).itemsize})"
            case "chunks", Symbol():
                return f"{self.name(what)}_chunks"
            case "part", Buffer():
                return f"{self.name(what)}_parts"
            case "groups", None:
                return "grid.blocks * grid.groups"
            case "counter", None:
                return "d.zeros(4)"
            case "status", None:
                return "d.status"
            case _:
                raise TypeError(p)

    def largest(self, k: Printed) -> str:
        """Return how many elements the largest array has, or how far the longest loop goes."""
        found: dict[str, None] = {}
        number = 1
        for x in (*(product(b.shape) for b in k.used), *k.extents):
            if isinstance(x, Literal):
                number = max(number, int(x.value))
            elif self.facts.values.evaluable(x):
                found[self.expr(x)] = None
            elif not any(isinstance(y, Symbol) for y in parts(x)):
                number = max(number, runtime.LIMIT + 1)
        texts = list(found)
        if number > 1 or not texts:
            texts.append(str(number))
        return texts[0] if len(texts) == 1 else f"max({', '.join(texts)})"

    # all of it ----------------------------------------------------------------------------------
    def compiled(self) -> Compiled:
        """Return it all."""
        program = self.program
        self.steps(schedule(self.facts))
        body, self.lines = self.lines, []
        self.add(f'"""{_plain(program.title)}"""')
        for k, buffer in enumerate(program.inputs):
            self.add(f"{self.name(buffer)} = inputs[{k}]")
            for axis, n in enumerate(buffer.shape):
                if isinstance(n, Symbol):
                    self.add(f"{self.name(n)} = shapes[{k}][{axis}]")
        if self.words:
            self.add(f"words = d.allocate({len(self.words) * WORD})")
        outputs = [self.array(b) for b in program.outputs]
        self.lines += body
        self.add(f"return [{', '.join(outputs)}]")
        source = "\n".join(["def run(d, inputs, shapes, numbers):", *self.lines, ""])
        names: dict[str, Any] = {
            "Array": runtime.Array, "Memory": runtime.Memory, "computed": computed,
        }  # fmt: skip
        exec(compile(source, "<host program>", "exec"), names)  # noqa: S102 - our own text
        return Compiled(
            self.printer.text(program.title, self.kernels),
            [],
            list(program.constants),
            source,
            {k.name: Kernel(k.name, tuple(kind for _, kind in k.parameters)) for k in self.kernels},
            names["run"],
            tuple(sorted(b.position for b in self.facts.values.reads)),
            self.waits,
            self.printer.checked,
        )


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"\\' else "?" for c in text)[:300]
