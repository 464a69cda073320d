"""The text of kernels.

What stands in a kernel has been decided (`gradcore_cuda.passes`): each statement has its lines,
and a kernel is what they are one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import ClassVar

import numpy as np

from gradcore.dtypes import DTYPES
from gradcore.kernel.device import (
    BLOCKS,
    GROUPS,
    LANES,
    THREADS,
    AtomicAdd,
    Barrier,
    Chunk,
    Combine,
    CountVectors,
    Declare,
    Delinearize,
    Distributed,
    Ends,
    Fail,
    Fits,
    LabeledBlock,
    LabeledBreak,
    LastBlock,
    LoadVector,
    Owned,
    Prefix,
    Private,
    Reload,
    Rounds,
    Shared,
    Single,
    Spill,
    Stop,
    StoreVector,
    Unrolled,
)
from gradcore.kernel.ir import (
    ZERO,
    Allocate,
    Buffer,
    Call,
    Check,
    Expr,
    For,
    Literal,
    Point,
    Statement,
    Symbol,
)
from gradcore.kernel.text import INDEX, Printer, Unit, comment
from gradcore.ops.elementwise import Elementwise
from gradcore_cuda.analyses.aliases import Aliases
from gradcore_cuda.functions import LIBRARY, Functions
from gradcore_cuda.passes.arguments import KernelLaunch, Parameter
from gradcore_cuda.target import GpuTarget

# fmt: off
WORDS = frozenset((
    "alignas", "alignof", "and", "and_eq", "asm", "bitand", "bitor", "bool", "catch", "char16_t",
    "char32_t", "class", "compl", "concept", "constexpr", "const_cast", "decltype", "delete",
    "dynamic_cast", "explicit", "export", "false", "friend", "mutable", "namespace", "new",
    "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected",
    "public", "reinterpret_cast", "requires", "static_assert", "static_cast", "template", "this",
    "thread_local", "throw", "true", "try", "typeid", "typename", "using", "virtual", "wchar_t",
    "xor", "xor_eq", "threadIdx", "blockIdx", "blockDim", "gridDim", "warpSize", "min", "max",
    "fma", "atomicAdd", "atomicCAS", "own",
))
# fmt: on
"""Words of C++, of CUDA, and names that kernels use themselves."""

PLACES: dict[Symbol, str] = {
    GROUPS.own: "blockIdx.x * blockDim.y + threadIdx.y",
    GROUPS.count: "gridDim.x * blockDim.y",
    BLOCKS.own: "blockIdx.x",
    BLOCKS.count: "gridDim.x",
    LANES.own: "threadIdx.x",
    LANES.count: "blockDim.x",
    THREADS.own: "gc_thread()",
    THREADS.count: "gc_threads()",
}
"""What a thread knows of where it is."""

LEVELS = {LANES: "group", THREADS: "block"}
"""What functions that combine over all threads of a level are called after."""

OTHERS = {GROUPS: "threadIdx.y != 0", THREADS: "gc_thread() != 0"}
"""The condition that a thread is not in the first group of its block, or not its first thread."""

COMPARED = frozenset(("lt", "le", "gt", "ge", "eq", "neq"))
"""The elementwise ops that compare numbers."""


class CudaPrinter(Printer):
    """Prints kernels.

    aliases : which buffers may have the same memory.
    target : what kernels are made for.
    """

    kinds: ClassVar[Mapping[type[Statement], str]] = {
        **Printer.kinds,
        Allocate: "allocate",
        AtomicAdd: "atomic_add",
        Barrier: "barrier",
        Chunk: "chunk",
        Combine: "combine",
        CountVectors: "count_vectors",
        Declare: "declare",
        Delinearize: "delinearize",
        Distributed: "distributed",
        Ends: "ends",
        Fail: "fail",
        Fits: "fits",
        LastBlock: "last_block",
        LabeledBreak: "labeled_break",
        LoadVector: "load_vector",
        Owned: "owned",
        Point: "point",
        Prefix: "prefix",
        Private: "private",
        LabeledBlock: "region",
        Reload: "reload",
        Rounds: "rounds",
        Shared: "shared",
        Single: "single",
        Spill: "spill",
        Stop: "stop",
        StoreVector: "store_vector",
        Unrolled: "unrolled",
    }

    def __init__(self, aliases: Aliases, target: GpuTarget) -> None:
        super().__init__()
        self.taken |= WORDS | set(LIBRARY.values())
        self.aliases = aliases
        self.target = target
        self.provided = Functions(target)
        self.indices: frozenset[Symbol] = frozenset()

    # kernels ------------------------------------------------------------------------------------
    def kernel(self, kernel: KernelLaunch, name: str) -> list[str]:
        """Return the lines of a kernel."""
        self.indices, self.unit = kernel.indices, Unit()
        given = [self.parameter(p, what) for p, what in kernel.parameters.items()]
        if kernel.launch.fit is not None:
            self.unit.add(
                "GC_SHARED(gc_shared);",
                "unsigned char *own = gc_shared + threadIdx.y * own_bytes;",
            )
        self.statements(kernel.launch.body)
        return [f"GC_KERNEL {name}({', '.join(given) or 'void'}) {{", *self.unit.lines, "}"]

    def parameter(self, p: Parameter, what: Symbol | Buffer | None) -> str:
        """Return how a parameter is declared."""
        if what is None:
            return "int32_t own_bytes"
        ctype, name = self.ctype(what), self.name(what)
        match p.kind:
            case "index":
                return f"gc_index {name}"
            case "number":
                return f"{'gc_index' if what in self.indices else ctype} {name}"
            case "register":
                return f"{ctype} *{name}_at"
            case "pointer":
                return f"{ctype} **{name}_at"
            case _:
                assert isinstance(what, Buffer)
                return self.array(what)

    def array(self, buffer: Buffer) -> str:
        """Return how the memory of a buffer is declared."""
        ctype, name = self.ctype(buffer), self.name(buffer)
        if buffer.role in ("status", "counter"):
            return f"{ctype} *{name}"
        fixed = "const " if buffer.role in ("input", "constant") else ""
        alone = self.aliases.alone(buffer) and buffer.role not in ("workspace", "spill")
        return f"{fixed}{ctype} *{'__restrict__ ' if alone else ''}{name}"

    def ctype(self, what: Symbol | Buffer) -> str:
        """Return the type of a register or of the elements of a buffer."""
        if isinstance(what, Buffer) and what.role in ("status", "counter"):
            return {"status": "gc_status", "counter": "unsigned"}[what.role]
        return DTYPES[what.dtype].ctype

    def text(self, title: str, kernels: Sequence[Sequence[str]]) -> str:
        """Return kernels as a unit."""
        parts = [
            f"/* {comment(title)} */",
            resources.files("gradcore_cuda").joinpath("kernels.h").read_text("utf-8"),
            self.provided.text(),
            *("\n".join(lines) + "\n" for lines in kernels),
        ]
        return "\n".join(part for part in parts if part)

    # expressions --------------------------------------------------------------------------------
    def place(self, what: Symbol | Buffer) -> str:
        """Return how a register or the memory of a buffer is reached."""
        if isinstance(what, Symbol) and what in PLACES:
            return f"({PLACES[what]})" if " " in PLACES[what] else PLACES[what]
        return super().place(what)

    def expr(self, x: Expr, atom: bool = False) -> str:
        """Return an expression; the indices of loops have 32 bits, and the values of them 64."""
        if isinstance(x, Symbol):
            return f"(int64_t){self.place(x)}" if self.is_index(x) else self.place(x.final)
        return super().expr(x, atom)

    def called(self, x: Call, atom: bool) -> str:
        """Return the text of a call; indices are compared without a cast."""
        plain = all(isinstance(o, Literal) or self.is_index(o) for o in x.operands)
        if x.op.name in COMPARED and plain and any(map(self.is_index, x.operands)):
            texts = [self.index(o) for o in x.operands]
            text = self.scalar(x.op, ["int64"] * 2, x.dtype, texts)
            return f"({text})" if atom else text
        return super().called(x, atom)

    def is_index(self, x: Expr) -> bool:
        """Return whether an expression is a register that has the type of an index."""
        return isinstance(x, Symbol) and (x.final in self.indices or x in PLACES)

    def index(self, x: Expr, atom: bool = False) -> str:
        """Return an expression as an index."""
        match x:
            case Literal():
                return str(x.value)
            case Symbol():
                return (
                    self.place(x.final) if self.is_index(x) else f"(gc_index){self.place(x.final)}"
                )
            case Call() if x.op.name in INDEX and all(o.dtype == "int64" for o in x.operands):
                text = INDEX[x.op.name].format(*(self.index(o, atom=True) for o in x.operands))
                return f"({text})" if atom else text
            case _:
                return f"(gc_index)({self.expr(x)})"

    def element(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return an element of a buffer, which has one axis at most."""
        (i,) = index or (ZERO,)
        own = ".x" if buffer.role == "vector" else ""
        return f"{self.memory(buffer)}{own}[{self.index(i)}]"

    def address(self, buffer: Buffer) -> str:
        """Return the address of a buffer."""
        return self.memory(buffer)

    def scalar(
        self, op: Elementwise, given: Sequence[str], result: str, operands: Sequence[str]
    ) -> str:
        """Return the text of an elementwise op."""
        return self.provided.scalar(op, given, result, operands)

    # statements ---------------------------------------------------------------------------------
    def within(self, head: str, body: Sequence[Statement], end: str = "}") -> None:
        """Print statements between two lines."""
        self.unit.add(head)
        self.block(body)
        self.unit.add(end)

    def loop(self, s: For) -> None:
        """Print a loop of one thread."""
        i, counts = self.name(s.index), self.is_index(s.index)
        last, kind = (self.index, "gc_index") if counts else (self.expr, "int64_t")
        self.within(f"for ({kind} {i} = 0; {i} < {last(s.extent)}; {i}++) {{", s.body)

    def distributed(self, s: Distributed) -> None:
        """Print a loop whose steps the workers of a level take in turn."""
        i, (extent,), own = self.name(s.indices[0]), s.extents, PLACES[s.level.own]
        first = own if s.first == ZERO else f"{self.index(s.first)} + {own}"
        every, last = PLACES[s.level.count], self.index(extent)
        self.within(f"for (gc_index {i} = {first}; {i} < {last}; {i} += {every}) {{", s.body)

    def rounds(self, s: Rounds) -> None:
        """Print a loop that lanes take part in together."""
        i, at = self.name(s.index), self.fresh("first")
        first, last = self.index(s.first), self.index(s.last, atom=True)
        self.unit.add(f"for (gc_index {at} = {first}; {at} < {last}; {at} += blockDim.x) {{")
        self.unit.depth += 1
        self.unit.add(f"const gc_index {i} = {at} + threadIdx.x;")
        self.statements(s.body)
        self.unit.depth -= 1
        self.unit.add("}")

    def unrolled(self, s: Unrolled) -> None:
        """Print a short loop."""
        e = self.name(s.index)
        self.unit.add("#pragma unroll")
        self.within(f"for (int {e} = 0; {e} < {s.count}; {e}++) {{", s.body)

    def delinearize(self, s: Delinearize) -> None:
        """Print the indices of an element."""
        rest = self.index(s.number)
        for k in reversed(range(len(s.indices))):
            i, others = s.indices[k], any(x is not None for x in s.indices[:k])
            n = self.index(s.extents[k], atom=True)
            if i is not None:
                last = f"{rest} % {n}" if k else rest
                self.unit.add(f"const gc_index {self.name(i)} = {last};")
            if others:
                rest = f"{rest} / {n}"
                if k > 1:
                    name = self.fresh("rest")
                    self.unit.add(f"const gc_index {name} = {rest};")
                    rest = name

    def chunk(self, s: Chunk) -> None:
        """Print which steps are a group's."""
        n, group = self.index(s.extent), PLACES[GROUPS.own]
        for symbol, which in ((s.first, group), (s.last, f"{group} + 1")):
            self.unit.add(f"const gc_index {self.name(symbol)} = gc_chunk({n}, {which});")

    def single(self, s: Single) -> None:
        """Print what one thread does."""
        self.within(f"if ({PLACES[s.level.own]} == 0) {{", s.body)

    def owned(self, s: Owned) -> None:
        """Print what the group does whose turn it is."""
        number, count = self.index(s.number, atom=True), PLACES[GROUPS.count]
        self.within(
            f"if ((unsigned){number} % (unsigned)({count}) == {PLACES[GROUPS.own]}) {{", s.body
        )

    def last_block(self, s: LastBlock) -> None:
        """Print that all but the last block end."""
        self.unit.add(f"if (!gc_last({self.name(s.counter)})) return;")

    def ends(self, s: Ends) -> None:
        """Print that others end."""
        self.unit.add(f"if ({OTHERS[s.level]}) return;")

    def region(self, s: LabeledBlock) -> None:
        """Print statements that may be left."""
        self.within("{", s.body)
        self.unit.add(f"{self.name(s.label)}:;")

    def labeled_break(self, s: LabeledBreak) -> None:
        """Print that a thread exits a region."""
        self.unit.add(f"goto {self.name(s.label)};")

    def fail(self, s: Fail) -> None:
        """Print that a check has failed."""
        texts = ", ".join(f"(int64_t){self.expr(x, atom=True)}" for x in s.values) or "0"
        values = self.fresh("values")
        self.unit.add(
            f"const int64_t {values}[] = {{{texts}}};",
            f"gc_fail({self.name(s.status)}, {s.number}, {len(s.values)}, {values});",
        )

    def check(self, s: Check) -> None:
        """Refuse: a thread whose check fails has other statements."""
        raise TypeError(s)

    def stop(self, s: Stop) -> None:
        """Print what looks whether a check has failed."""
        stopped = f"gc_stopped({self.name(s.status)})"
        if s.stopped is None:
            self.unit.add(f"if ({stopped}) return;")
        else:
            self.unit.add(f"const {self.ctype(s.stopped)} {self.name(s.stopped)} = {stopped};")

    # together -----------------------------------------------------------------------------------
    def barrier(self, s: Barrier) -> None:
        """Print that lanes wait for each other."""
        self.unit.add("gc_barrier();")

    def combine(self, s: Combine) -> None:
        """Print what combines a register of all threads."""
        own, dtype = self.place(s.symbol), s.symbol.dtype
        self.unit.add(f"{own} = {self.provided.all_of(s.op, dtype, own, LEVELS[s.level])};")

    def prefix(self, s: Prefix) -> None:
        """Print what combines a register with those of the lanes before."""
        own, dtype, total = self.place(s.symbol), s.symbol.dtype, self.name(s.total)
        self.unit.add(
            f"{self.ctype(s.total)} {total};",
            f"{own} = {self.provided.prefix(s.op, dtype, own, total)};",
        )

    def atomic_add(self, s: AtomicAdd) -> None:
        """Print an addition in any order."""
        place, value = f"&{self.element(s.buffer, s.index)}", self.expr(s.value)
        taken = DTYPES[s.buffer.dtype].atomic
        if taken:
            place, value = f"({taken} *){place}", f"({taken})({value})"
        self.unit.add(f"atomicAdd({place}, {value});")

    # memory -------------------------------------------------------------------------------------
    def declare(self, s: Declare) -> None:
        """Print a register that is set later."""
        self.unit.add(f"{self.ctype(s.symbol)} {self.name(s.symbol)};")

    def allocate(self, s: Allocate) -> None:
        """Print a pointer, or another name for memory."""
        ctype, name = self.ctype(s.buffer), self.name(s.buffer)
        if s.reused is None:
            self.unit.add(f"{ctype} *{name} = 0;")
        else:
            self.unit.add(f"{ctype} *const {name} = {self.place(s.reused)};")

    def shared(self, s: Shared) -> None:
        """Print memory of a group."""
        ctype, name = self.ctype(s.buffer), self.name(s.buffer.root)
        n = self.index(s.buffer.shape[0], atom=True)
        if s.spilled is None:
            self.unit.add(f"__shared__ {ctype} {name}[{n}];")
            return
        row = f"{self.name(s.spilled)} + (int64_t)({PLACES[GROUPS.own]}) * {n}"
        self.unit.add(
            f"{ctype} *const {name} = own_bytes ? ({ctype} *)own : {row};",
            f"own += GC_ROUNDED({n} * sizeof({ctype}));",
        )

    def private(self, s: Private) -> None:
        """Print memory of a thread."""
        ctype, name, (n,) = self.ctype(s.buffer), self.name(s.buffer.root), s.buffer.shape
        if s.rows is None:
            assert isinstance(n, Literal)
            self.unit.add(f"{ctype} {name}[{max(n.value, 1)}];")
            return
        number = f"({PLACES[GROUPS.own]}) * blockDim.x + threadIdx.x"
        size = self.index(n, atom=True)
        row = f"{self.name(s.rows)} + (int64_t)({number}) * {size}"
        self.unit.add(f"{ctype} *const {name} = {row};")

    def fits(self, s: Fits) -> None:
        """Print what is done where memory of groups is shared memory."""
        self.within("if (own_bytes) {", s.body)

    def point(self, s: Point) -> None:
        """Print where a pointer points."""
        ctype, (i,) = self.ctype(s.pointer), s.index or (ZERO,)
        text = f"({ctype} *)({self.memory(s.buffer)} + {self.index(i)})"
        self.unit.add(f"{self.place(s.pointer)} = {text};")

    def reload(self, s: Reload) -> None:
        """Print what gets a register from memory."""
        star = "*" if isinstance(s.what, Buffer) else ""
        self.unit.add(
            f"{self.ctype(s.what)} {star}{self.name(s.what)} = *{self.name(s.source)}_at;"
        )

    def spill(self, s: Spill) -> None:
        """Print what saves a register in memory."""
        self.unit.add(f"*{self.name(s.what)}_at = {self.name(s.what)};")

    # vectors ------------------------------------------------------------------------------------
    def count_vectors(self, s: CountVectors) -> None:
        """Print the count of vectors: there are none unless memory and rows fit."""
        places: dict[int, list[str]] = {}
        for b in s.memories:
            size = min(np.dtype(b.dtype).itemsize * s.width, self.target.vector_bytes)
            places.setdefault(size, []).append(f"(size_t){self.memory(b)}")
        terms = [f"({' | '.join(names)}) % {size}" for size, names in places.items()]
        rows = [n for n in s.rows if not isinstance(n, Literal)]
        terms += [f"{self.index(n, atom=True)} % {s.width}" for n in rows]
        rest, total = " | ".join(dict.fromkeys(terms)), self.index(s.total, atom=True)
        count = self.name(s.count)
        self.unit.add(f"const gc_index {count} = {rest} ? 0 : {total} / {s.width};")

    def vector(self, s: LoadVector | StoreVector, fixed: str) -> tuple[str, str]:
        """Return the type of a vector, and where it is in memory."""
        (width,), (i,) = s.vector.shape, s.index or (ZERO,)
        assert isinstance(width, Literal)
        kind, memory = self.provided.vector(s.vector.dtype, width.value), self.memory(s.buffer)
        memory = memory if i == ZERO else f"({memory} + {self.index(i)})"
        return kind, f"(({fixed}{kind} *){memory})[{self.index(s.number)}]"

    def load_vector(self, s: LoadVector) -> None:
        """Print what reads a vector."""
        fixed = "" if s.stored else "const "
        kind, place = self.vector(s, fixed)
        name = self.name(s.vector)
        self.unit.add(f"{fixed}{kind} {name} = {place};" if s.filled else f"{kind} {name};")

    def store_vector(self, s: StoreVector) -> None:
        """Print what stores a vector."""
        _, place = self.vector(s, "")
        self.unit.add(f"{place} = {self.name(s.vector)};")
