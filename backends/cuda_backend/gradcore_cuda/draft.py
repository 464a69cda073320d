"""A kernel while it is printed: its parameters, and what registers and elements are called in it.

What a kernel uses and does not make becomes a parameter when it is first named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gradcore.graph.dtypes import DTYPES
from gradcore.kernel.ir import (
    ZERO,
    Buffer,
    Call,
    Expr,
    Literal,
    Load,
    Symbol,
    parts,
    product,
)
from gradcore.kernel.text import INDEX, Printer, Unit
from gradcore.ops.elementwise import Elementwise
from gradcore_cuda.facts import Facts
from gradcore_cuda.functions import LIBRARY, Functions
from gradcore_cuda.vectors import Vectors

# fmt: off
WORDS = frozenset((
    "alignas", "alignof", "and", "and_eq", "asm", "bitand", "bitor", "bool", "catch", "char16_t",
    "char32_t", "class", "compl", "concept", "constexpr", "const_cast", "decltype", "delete",
    "dynamic_cast", "explicit", "export", "false", "friend", "mutable", "namespace", "new",
    "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected",
    "public", "reinterpret_cast", "requires", "static_assert", "static_cast", "template", "this",
    "thread_local", "throw", "true", "try", "typeid", "typename", "using", "virtual", "wchar_t",
    "xor", "xor_eq", "threadIdx", "blockIdx", "blockDim", "gridDim", "warpSize", "min", "max",
    "status", "stopped", "counter", "fma", "atomicAdd", "atomicCAS", "own", "part", "k", "group",
    "groups",
))
# fmt: on
"""Words of C++, of CUDA, and names that kernels use themselves."""

Key: TypeAlias = "tuple[object, ...] | None"
"""What tells which thread touches an element: equal keys, the same thread."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel.

    kind : "number" (a register of the host's), "index" (what the host computes), "register" (where
        one of the device's is), "memory" (of a buffer), "pointer" (where the device keeps a
        pointer), "group" or "thread" (workspace for each; none, if that of groups is in shared
        memory), "own" (how many bytes of that a group has), "parts" (of a register, one for each
        block), "part" (of an array, one for each group), "chunks" (of a register: what it is
        before the steps of each group, and after all), "groups" (how many there are), "counter",
        "status".
    what : the register, buffer or expression.
    """

    kind: str
    what: Expr | Buffer | None = None


@dataclass
class Flat:
    """Loops that run as one: the number of a step stands for all their indices."""

    symbols: tuple[Symbol, ...]
    extents: tuple[Expr, ...]
    name: str


@dataclass
class Leave:
    """Where a thread goes on when a check has failed.

    label : there.
    flag : the register that notes it, if others must know.
    """

    label: str
    flag: str = ""
    used: bool = False


@dataclass
class Draft:
    """A kernel while it is printed."""

    parameters: dict[Parameter, str] = field(default_factory=dict[Parameter, str])
    before: list[str] = field(default_factory=list[str])
    made: set[Symbol | Buffer] = field(default_factory=set["Symbol | Buffer"])
    changed: dict[Symbol | Buffer, None] = field(default_factory=dict["Symbol | Buffer", None])
    written: set[Buffer] = field(default_factory=set[Buffer])
    indices: set[Symbol] = field(default_factory=set[Symbol])
    used: dict[Buffer, None] = field(default_factory=dict[Buffer, None])
    given: dict[Expr, str] = field(default_factory=dict[Expr, str])
    named: set[Symbol] = field(default_factory=set[Symbol])
    fresh: dict[Symbol | Buffer, Expr] = field(default_factory=dict["Symbol | Buffer", Expr])
    sets: set[Symbol] = field(default_factory=set[Symbol])
    extents: dict[Expr, None] = field(default_factory=dict[Expr, None])
    lanes: dict[Expr, None] = field(default_factory=dict[Expr, None])
    flats: list[Flat] = field(default_factory=list[Flat])
    leaves: list[Leave] = field(default_factory=list[Leave])
    touched: list[tuple[Buffer, bool, Key]] = field(default_factory=list[tuple[Buffer, bool, Key]])
    vectors: dict[tuple[Expr, ...], Vectors] = field(
        default_factory=dict["tuple[Expr, ...]", Vectors]
    )
    near: dict[Load, str] = field(default_factory=dict[Load, str])
    private: set[Buffer] = field(default_factory=set[Buffer])
    together: bool = False
    checks: bool = False
    skips: bool = False


class DraftPrinter(Printer):
    """Prints names and expressions, and notes what a kernel needs for them.

    facts : what is known of the program.
    """

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.taken |= WORDS | set(LIBRARY.values())
        self.facts = facts
        self.provided = Functions()
        self.kernel = Draft()
        self.checked = self.checked_before = False

    # names --------------------------------------------------------------------------------------
    def place(self, what: Symbol | Buffer) -> str:
        """Return the name of a register or buffer; what is not made here becomes a parameter."""
        kernel, facts = self.kernel, self.facts
        what = what.root if isinstance(what, Buffer) else what.final
        name = self.name(what)
        if what in kernel.made:
            if isinstance(what, Symbol):
                kernel.named.add(what)
            return name
        kernel.made.add(what)
        ctype = DTYPES[what.dtype].ctype
        if isinstance(what, Symbol):
            if what in facts.values.derived:
                self.derive(what)
            elif what in facts.values.device and (
                what not in facts.values.needed or what in kernel.sets
            ):
                self.parameter(Parameter("register", what), f"{ctype} *{name}_at")
                kernel.before.append(f"{ctype} {name} = *{name}_at;")
            elif what in facts.values.given:
                kernel.indices.add(what)
                self.parameter(Parameter("number", what), f"gc_index {name}")
            else:
                self.parameter(Parameter("number", what), f"{ctype} {name}")
        elif what in facts.values.moved:
            self.parameter(Parameter("pointer", what), f"{ctype} **{name}_at")
            kernel.before.append(f"{ctype} *{name} = *{name}_at;")
        else:
            constant = "const " if what.role in ("input", "constant") else ""
            alone = "__restrict__ " if facts.aliases.alone(what) else ""
            self.parameter(Parameter("memory", what), f"{constant}{ctype} *{alone}{name}")
        return name

    def derive(self, symbol: Symbol) -> None:
        """Print what computes a register that is the same in all kernels, and those in it."""
        derived, made = self.facts.values.derived, self.kernel.made
        made.discard(symbol)
        waiting = [symbol]
        while waiting:
            last = waiting[-1]
            inner = [x.final for x in parts(derived[last]) if isinstance(x, Symbol)]
            missing = [x for x in inner if x in derived and x not in made]
            waiting += missing
            if missing:
                continue
            waiting.pop()
            if last not in made:
                made.add(last)
                self._derive(last)

    def _derive(self, symbol: Symbol) -> None:
        outer, self.unit = self.unit, Unit(depth=0)
        text = self.expr(self.facts.values.derived[symbol])
        self.kernel.before += self.unit.lines
        self.kernel.before.append(
            f"const {DTYPES[symbol.dtype].ctype} {self.name(symbol)} = {text};"
        )
        self.unit = outer

    def parameter(self, parameter: Parameter, text: str) -> None:
        """Note a parameter."""
        self.kernel.parameters[parameter] = text

    # expressions --------------------------------------------------------------------------------
    def expr(self, x: Expr, atom: bool = False) -> str:
        """Return an expression; the indices of loops have 32 bits, and the values of them 64."""
        if isinstance(x, Symbol):
            name = self.place(x)
            return f"(int64_t){name}" if x.final in self.kernel.indices else name
        return super().expr(x, atom)

    def index(self, x: Expr, atom: bool = False) -> str:
        """Return an expression as an index."""
        match x:
            case Literal():
                return str(x.value)
            case Symbol():
                name = self.place(x)
                return name if x.final in self.kernel.indices else f"(gc_index){name}"
            case Call() if x.row.name in INDEX and all(o.dtype == "int64" for o in x.operands):
                text = INDEX[x.row.name].format(*(self.index(o, atom=True) for o in x.operands))
                return f"({text})" if atom else text
            case Call() | Load() if self.facts.values.evaluable(x, self.kernel.sets):
                parameter = Parameter("index", x)
                if parameter not in self.kernel.parameters:
                    self.kernel.given[x] = self.fresh("n")
                    self.parameter(parameter, f"gc_index {self.kernel.given[x]}")
                return self.kernel.given[x]
            case _:
                return f"(gc_index)({self.expr(x)})"

    def flat(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return the number of an element; loops that run as one may have counted it already."""
        position: Expr = ZERO
        index = tuple(index)
        for flat in self.kernel.flats:
            n = len(flat.symbols)
            if index[-n:] == flat.symbols and buffer.shape[-n:] == flat.extents:
                for extent, i in zip(buffer.shape[:-n], index[:-n], strict=True):
                    position = position * extent + i
                position = position * product(flat.extents)
                start = self.index(position, atom=True)
                return flat.name if start == "0" else f"{start} + {flat.name}"
        for extent, i in zip(buffer.shape, index, strict=True):
            position = position * extent + i
        return self.index(position)

    def element(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return an element of a buffer."""
        self.kernel.used[buffer] = None
        near = self.kernel.near.get(Load(buffer, tuple(index)))
        if near is not None:
            return near
        return f"{self.memory(buffer)}[{self.flat(buffer, index)}]"

    def address(self, buffer: Buffer) -> str:
        """Return the address of a buffer."""
        return self.memory(buffer)

    def scalar(
        self, row: Elementwise, given: Sequence[str], result: str, operands: Sequence[str]
    ) -> str:
        """Return the text of a row."""
        return self.provided.row(row, given, result, operands)
