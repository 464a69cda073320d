"""The text of host programs: Python that evaluates extents, asks for memory, and launches.

A host program is generated as source, for people to read and for ``exec`` to run: extents are
Python ints, memory is an address, and each kernel is launched with what it needs, in order.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from gradcore.dtypes import DTYPES
from gradcore.graph import Apply
from gradcore.kernel.bounds import Bounds
from gradcore.kernel.clocks import nodes_of
from gradcore.kernel.device import Count, Fail, Fit, Grid, Launch, Reload
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
    If,
    Let,
    Library,
    Literal,
    Load,
    Matmul,
    Point,
    Program,
    Scope,
    Statement,
    Strided,
    Symbol,
    parts,
    product,
)
from gradcore.kernel.services import stride
from gradcore.kernel.state import computed
from gradcore.kernel.uses import inside
from gradcore.ops.elementwise import ENTRIES
from gradcore_cuda import runtime
from gradcore_cuda.analyses import Facts
from gradcore_cuda.analyses.values import python
from gradcore_cuda.passes import arguments, launched, prepared
from gradcore_cuda.passes.arguments import Parameter, with_arguments
from gradcore_cuda.printing import CudaPrinter
from gradcore_cuda.runtime import PRODUCT, Compiled, Kernel
from gradcore_cuda.target import GPU, GpuTarget

WORDS = frozenset(
    (
        *keyword.kwlist, "d", "inputs", "shapes", "numbers", "grid", "own", "shared", "max", "min",
        "abs", "int",
        "range", "words", "Array", "DeviceMemory", "mark", "run", "found", "dtype", "raise_",
        "computed",
    )
)  # fmt: skip
"""Names that host programs use themselves."""

MOST_THREADS = 2**31
"""More threads than a grid has."""

WORD_BYTES = 8
"""The bytes of a register of the device's."""


class CudaRenderer:
    """Prints a program as kernels and a host program.

    target : what the program is made for.
    deterministic : whether scatters add in the order of their indices; else in any order.
    printer : what prints kernels, which a new kind of statement needs an entry of.
    """

    printer: ClassVar[type[CudaPrinter]] = CudaPrinter

    def __init__(self, target: GpuTarget = GPU, deterministic: bool = True) -> None:
        self.target = target
        self.deterministic = deterministic

    def render(self, program: Program) -> Compiled:
        """Return a program as kernels and a host program."""
        return _HostPrinter(program, self.target, self.deterministic, self.printer).compiled()


class _HostPrinter:
    """Prints a host program, and has its kernels printed."""

    def __init__(
        self,
        program: Program,
        target: GpuTarget,
        deterministic: bool,
        printer: type[CudaPrinter],
    ) -> None:
        self.program = program
        prepared_ = prepared(program, target, deterministic)
        self.facts = Facts(prepared_, target)
        self.launches = launched(prepared_, self.facts)
        self.bounds = _bounds(self.facts.values.bounds, self.launches.body)
        self.counted = {x for x in _used(self.launches.body) if isinstance(x, Count)}
        self.printer = printer(self.facts.aliases, target)
        self.printer.taken |= WORDS
        self.kernels: dict[str, Kernel] = {}
        self.nodes: dict[str, tuple[Apply, ...]] = {}
        self.texts: list[list[str]] = []
        self.lines: list[str] = []
        self.written: dict[tuple[Expr, bool], str] = {}
        self.depth = 1
        self.words: dict[Symbol | Buffer, int] = {}
        self.words_bytes = 0
        self.waits = False

    def add(self, *lines: str) -> None:
        """Add lines."""
        self.lines += ["    " * self.depth + line for line in lines]

    def name(self, what: Symbol | Buffer) -> str:
        """Return the name of a register, or of the memory of a buffer."""
        return self.printer.name(what.root if isinstance(what, Buffer) else what)

    # expressions --------------------------------------------------------------------------------
    def expr(self, x: Expr, atom: bool = False) -> str:
        """Return an integer expression in Python."""
        if (x, atom) not in self.written:
            self.written[x, atom] = self.within(x, atom, self.bounds)
        return self.written[x, atom]

    def within(self, x: Expr, atom: bool, bounds: Bounds) -> str:
        """Return an integer expression where more may be known of numbers."""
        match x:
            case Literal():
                return repr(bool(x.value) if x.dtype == "bool" else int(x.value))
            case Count():
                return f"grid.{x.name}"
            case Symbol():
                return self.name(x.final)
            case Load(buffer, index) if not index and buffer.root in self.facts.values.reads:
                return f"numbers[{buffer.root.position}]"
            case Load(buffer, index):
                self.waits = True
                return f'd.read({self.at(buffer, index)}, "{buffer.dtype}")'
            case Call():
                form = python(x, bounds)
                assert form is not None, x
                texts = [
                    self.within(operand, True, known)
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
        """Return the memory of a buffer; a pointer that kernels move is read from the device."""
        if buffer.root in self.facts.values.moved:
            self.waits = True
            return f'DeviceMemory(d.read({self.word(buffer.root)}, "uint64"))'
        if buffer.root.role == "constant":
            return f"d.constant({buffer.root.position})"
        return self.name(buffer)

    def word(self, what: Symbol | Buffer) -> str:
        """Return where a register or pointer of the device's is."""
        if what not in self.words:
            self.words[what] = self.words_bytes
            self.words_bytes += max(WORD_BYTES, DTYPES[what.dtype].bits // 8)
        place = self.words[what]
        return f"words + {place}" if place else "words"

    def shape(self, extents: Sequence[Expr]) -> str:
        """Return the text of a tuple of extents."""
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
    def steps(self, steps: Sequence[Statement]) -> None:
        """Print steps."""
        for s in steps:
            self.step(s)
        if not steps:
            self.add("pass")

    def inner(self, steps: Sequence[Statement]) -> None:
        """Print steps a step further in."""
        self.depth += 1
        self.steps(steps)
        self.depth -= 1

    def step(self, s: Statement) -> None:
        """Print a step."""
        match s:
            case Launch():
                self.launch(s)
            case Grid():
                self.asked(s)
            case Fit():
                self.fit(s)
            case Reload(symbol):
                self.waits = True
                self.add(f'{self.name(symbol)} = d.read({self.word(symbol)}, "{symbol.dtype}")')
            case If(condition, then, orelse):
                self.add(f"if {self.expr(condition)}:")
                self.inner(then)
                if orelse:
                    self.add("else:")
                    self.inner(orelse)
            case For(index, extent, body):
                self.add(f"for {self.name(index)} in range({self.expr(extent)}):")
                self.depth += 1
                self.scope(body)
                self.depth -= 1
            case Scope(body):
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

    def scope(self, body: Sequence[Statement]) -> None:
        """Print steps whose memory is given back."""
        steps = [inner for s in body for inner in (s.body if isinstance(s, Scope) else [s])]
        if not any(isinstance(s, (Allocate, If, For)) for s in steps):
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
            given = f'{buffer.position}, "{buffer.dtype}", {shape}'
            self.add(f"{name} = d.result({buffer.lacking}, {given})")
        elif s.reused is not None:
            self.add(f"{name} = {self.memory(s.reused)}")
        elif buffer.role == "spill":
            self.add(f"{name} = DeviceMemory(0) if own else d.allocate({self.bytes(buffer)})")
        elif buffer.lacking is not None:
            self.add(f"{name} = d.temporary({buffer.lacking}, {self.bytes(buffer)})")
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
        self.nodes[PRODUCT] = self.nodes.get(PRODUCT, ()) + nodes_of([s], self.program.made_by)
        self.add(f"d.matmul({out}, {x}, {y}, {s.accumulate})")

    def callback(self, s: Callback) -> None:
        """Print a call of Python."""
        self.waits = True
        found = self.printer.fresh("found_")
        self.add(f"{found} = d.callback({s.which}, [{', '.join(map(self.array, s.operands))}])")
        for k, (buffer, symbols) in enumerate(zip(s.results, s.extents, strict=True)):
            self.add(f"{self.name(buffer)} = {found}[{k}].memory")
            if symbols:
                names = "".join(f"{self.name(x)}, " for x in symbols)
                self.add(f"{names}= {found}[{k}].shape")

    # launches -----------------------------------------------------------------------------------
    def grid(self, s: Grid) -> str:
        """Return what asks for threads."""
        known = [n for n in s.widths if self.facts.values.evaluable(n)]
        texts = list(dict.fromkeys(map(self.expr, known)))
        texts += ["32"] * (len(known) < len(s.widths))
        width = f"max({', '.join(texts)})" if len(texts) > 1 else (texts or ["1"])[0]
        limit = "" if s.limit is None else f", {self.expr(s.limit)}"
        return f"d.grid({self.expr(s.steps)}, {width}{limit})"

    def asked(self, s: Grid) -> None:
        """Print a grid, where more of it is used than a launch needs."""
        if not self.counted.isdisjoint(s.declares()):
            self.add(f"grid = {self.grid(s)}")

    def fit(self, s: Fit) -> None:
        """Print what finds whether memory of groups fits into shared memory."""
        sizes = [f"({self.bytes(b)} + 15) // 16 * 16" for b in s.memories]
        self.add(f"own = {' + '.join(sizes)}", "shared = own * grid.groups")
        self.add("if shared > d.shared:", "    own = shared = 0")

    def launch(self, s: Launch) -> None:
        """Print a launch, and have its kernel printed."""
        kernel = with_arguments(s, self.facts)
        name = self.printer.fresh(s.name)
        self.texts.append(self.printer.kernel(kernel, name))
        kinds = tuple(_kind(p, what, kernel) for p, what in kernel.parameters.items())
        self.kernels[name] = Kernel(name, kinds)
        self.nodes[name] = nodes_of([s], self.program.made_by)
        grid = self.grid(s.grid) if self.counted.isdisjoint(s.grid.declares()) else "grid"
        shared = "0" if s.fit is None else "shared"
        texts = [self.largest(kernel.sizes), *map(self.argument, kernel.parameters)]
        self.add(f'd.launch("{name}", {grid}, {shared}, {", ".join(texts)})')

    def argument(self, p: Parameter) -> str:
        """Return what a kernel gets for a parameter."""
        what = p.what
        match p.kind, what:
            case "number", Symbol():
                return self.expr(what)
            case "index", Expr():
                return self.expr(what)
            case ("register", Symbol()) | ("pointer", Buffer()):
                return self.word(what)
            case "memory", Buffer(role="counter"):
                return "d.zeros(4)"
            case "memory", Buffer(role="status"):
                return "d.status"
            case "memory", Buffer():
                return self.memory(what)
            case "own", None:
                return "own"
            case _:
                raise TypeError(p)

    def largest(self, sizes: Sequence[Expr]) -> str:
        """Return how many elements the largest array has, or how far the longest loop goes."""
        found: dict[str, None] = {}
        number = 1
        for x in sizes:
            if isinstance(x, Literal):
                number = max(number, int(x.value))
            elif self.facts.values.evaluable(x):
                found[self.expr(x)] = None
            elif not any(isinstance(y, Symbol) for y in parts(x)):
                number = max(number, runtime.MOST_INDEX32_ELEMENTS + 1)
        texts = list(found)
        if number > 1 or not texts:
            texts.append(str(number))
        return texts[0] if len(texts) == 1 else f"max({', '.join(texts)})"

    # all of it ----------------------------------------------------------------------------------
    def compiled(self) -> Compiled:
        """Return the host program and the kernels, as text and as what a call needs of them."""
        program = self.program
        self.steps(self.launches.body)
        body, self.lines = self.lines, []
        self.add(f'"""{_plain(program.title)}"""')
        for k, buffer in enumerate(program.inputs):
            self.add(f"{self.name(buffer)} = inputs[{k}]")
            for axis, n in enumerate(buffer.shape):
                if isinstance(n, Symbol):
                    self.add(f"{self.name(n)} = shapes[{k}][{axis}]")
        if self.words:
            self.add(f"words = d.allocate({self.words_bytes})")
        outputs = [self.array(b) for b in program.outputs]
        self.lines += body
        self.add(f"return [{', '.join(outputs)}]")
        source = "\n".join(["def run(d, inputs, shapes, numbers):", *self.lines, ""])
        names: dict[str, Any] = {
            "Array": runtime.Array, "DeviceMemory": runtime.DeviceMemory, "computed": computed,
        }  # fmt: skip
        exec(compile(source, "<host program>", "exec"), names)  # noqa: S102 - our own text
        return Compiled(
            self.printer.text(program.title, self.texts),
            [],
            list(program.constants),
            source,
            self.kernels,
            names["run"],
            tuple(sorted(b.position for b in self.facts.values.reads)),
            self.waits,
            any(isinstance(s, Fail) for s in inside(self.launches.body)),
            self.nodes,
        )


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"\\' else "?" for c in text)[:300]


def _used(body: Sequence[Statement]) -> Iterator[Expr]:
    """Return all that is in the expressions of statements, grids but for what they ask."""
    for s in inside(body):
        for x in s.expressions():
            yield from parts(x)
        for b in s.buffers():
            for n in b.shape:
                yield from parts(n)
        if isinstance(s, Fit):
            yield from s.grid.workers.operands if isinstance(s.grid.workers, Call) else ()


def _bounds(known: Bounds, body: Sequence[Statement]) -> Bounds:
    """Return what is known of numbers where statements have made arrays for the groups of grids."""
    found = known.copy()
    for s in inside(body):
        match s:
            case Grid():
                found.fit((s.block_count, s.group_count, s.lane_count), MOST_THREADS)
            case Allocate(buffer):
                found.fit([x for n in buffer.shape for x in _factors(n)])
            case _:
                pass
    return found


def _factors(x: Expr) -> Iterator[Expr]:
    """Return the factors of a product."""
    if isinstance(x, Call) and x.op is ENTRIES["mul"]:
        for y in x.operands:
            yield from _factors(y)
    else:
        yield x


def _kind(p: Parameter, what: Symbol | Buffer | None, kernel: arguments.KernelLaunch) -> str:
    """Return the kind of a parameter, as the runtime calls it."""
    if p.kind == "own":
        return "int32"
    if p.kind not in ("number", "index"):
        return "pointer"
    assert isinstance(what, Symbol)
    return "index" if what in kernel.indices else what.dtype
