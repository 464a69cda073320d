"""What prints the expressions and plain statements of any language like C.

Names are those of the ops, made unique; what is no index is computed once and named, so that a
line holds an op; an element's place is one expression in C order.

The decision: a printer knows nothing of how a unit starts, where memory comes from, or how loops
are run: `gradcore.kernel.render` says that for units that a C compiler takes whole, and a language
that launches its loops says it in another way.  Rejected: one renderer with a method for every
difference, whose text for one language could only be read beside that for another.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeAlias

from gradcore.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.kernel.ir import (
    Break,
    Buffer,
    Call,
    Check,
    Expr,
    For,
    If,
    Let,
    Literal,
    Load,
    Program,
    Scope,
    Statement,
    Store,
    Symbol,
    position_of,
    product,
)
from gradcore.ops.elementwise import Elementwise, entry

# fmt: off
RESERVED = frozenset((
    "NAN", "abs", "asm", "auto", "begin", "break", "call", "case", "char", "const", "context",
    "continue", "default", "div", "do", "double", "else", "end", "enum", "error", "exp", "extern",
    "f", "float", "for", "frame", "gamma", "goto", "if", "in", "index", "inline", "int", "j0",
    "j1", "jn", "k", "linux", "log", "long", "main", "math_errhandling", "out", "own", "p",
    "part", "parts", "register", "remainder", "restrict", "return", "short", "signed", "signgam",
    "sizeof", "static", "struct", "switch", "typedef", "typeof", "union", "unix", "unsigned",
    "void", "volatile", "while", "y0", "y1", "yn",
))
# fmt: on
"""Words of the language, of units, and of what they include."""

TAKEN = re.compile(
    r"gc_\w+|u?int\d+_t|[A-Z]{4,}\w*|(M|FP|GC|INT\d*|INT_[A-Z]+\d*|SIG)_[A-Z0-9_]*[A-Z]\w*"
)
"""Names of our functions and types, and of what may be a macro."""

FUNCTIONS = frozenset(name + end for name in scalar.LIBRARY for end in ("", "f"))
"""Functions that are called by these names, which no register may have."""


@dataclass(frozen=True)
class Routine:
    """A function of a unit.

    signature : its type, name and parameters.
    lines : its body.
    attribute : what the compiler is to know of it; None: that it is the entry point.
    brief : whether it runs over few elements in each call: to compile it well is not worth while.
    """

    signature: str
    lines: Sequence[str]
    attribute: str | None = ""
    brief: bool = False

    def text(self, storage: str = "static ") -> str:
        """Return it as text: a function that other units cannot see, or with other ``storage``."""
        known = ("" if self.attribute is None else storage) + "GC_BRIEF " * self.brief
        how = f"__attribute__(({self.attribute})) " if self.attribute else ""
        return "\n".join((f"{known}{how}{self.signature} {{", *self.lines, "}\n"))

    @property
    def declaration(self) -> str:
        """What makes it known in units that it is not in, of the same library."""
        return f'{self.signature} __attribute__((visibility("hidden")));'


@dataclass
class Rendered:
    """A program as text.

    text : the unit.
    library : the names of the functions of libraries that it calls, in order.
    data : the constants that it reads, behind these.
    head : the part of the unit before its functions.
    routines : these; the last one is the entry point.

    >>> row = Routine("int32_t gc_entry(void)", ["    return 0;"], None)
    >>> print(Rendered(row.text(), ["dgemm"], [], routines=[row]).text)
    int32_t gc_entry(void) {
        return 0;
    }
    """

    text: str
    library: list[str]
    data: list[Buffer]
    head: str = field(default="", kw_only=True)
    routines: Sequence[Routine] = field(default=(), kw_only=True)

    def unit(self, routines: Sequence[Routine]) -> str:
        """Return a unit with some of the functions, which calls the others."""
        known = (r.declaration for r in self.routines if r.attribute is not None)
        return "\n".join((self.head, *known, "", *(r.text(storage="") for r in routines)))


class Renders(Protocol):
    """What prints programs: a backend's renderer (a protocol).

    >>> class Titles:
    ...     def render(self, program):
    ...         return Rendered(f"/* {comment(program.title)} */", [], [])
    >>> Titles().render(Program([], [], [], [], [], [], "exp(x)")).text
    '/* exp(x) */'
    """

    def render(self, program: Program) -> Rendered:
        """Return a program as text."""
        ...


@dataclass
class Unit:
    """The text of a function while it grows: lines, and how far they are indented."""

    lines: list[str] = field(default_factory=list[str])
    depth: int = 1

    def add(self, *lines: str) -> None:
        """Add lines at the current indentation."""
        self.lines += ["    " * self.depth + line for line in lines]


Watcher: TypeAlias = "Callable[[Statement, list[str], int], None]"
"""What sees which statement has printed the lines of a unit from a number on."""

_watching: ContextVar[Watcher | None] = ContextVar("watching", default=None)


@contextmanager
def watching(watch: Watcher) -> Generator[None]:
    """Let ``watch`` see what is printed in a ``with`` block, inner statements first."""
    token = _watching.set(watch)
    try:
        yield
    finally:
        _watching.reset(token)


class Printer(ABC):
    """What prints in a language like C (abstract).

    names : of registers and buffers, in this unit their own.
    functions : the scalar functions that were called.
    unit : where lines go.
    kinds : the method that prints each kind of statement, by name.

    >>> class Steps(Printer):
    ...     def loop(self, s):
    ...         self.unit.add(f"do {self.name(s.index)} = 0, {self.expr(s.extent)} - 1")
    ...         self.block(s.body)
    ...     def check(self, s):
    ...         self.unit.add(f"if (!({self.expr(s.condition)})) stop")
    >>> printer, i, n = Steps(), Symbol("i"), Symbol("n")
    >>> printer.statement(For(i, n, [Store(Buffer("y", "int64", (n,)), (i,), i * 2)]))
    >>> print(*printer.unit.lines, sep=chr(10))
        do i = 0, n - 1
            y[i] = i * 2;
    """

    kinds: ClassVar[Mapping[type[Statement], str]] = {
        Store: "store",
        Let: "let",
        If: "branch",
        For: "loop",
        Check: "check",
        Scope: "scope",
        Break: "leave_loop",
    }

    def __init__(self) -> None:
        self.names: dict[Symbol | Buffer, str] = {}
        self.taken: set[str] = set()
        self.counts: dict[str, int] = {}
        self.functions: set[str] = set()
        self.unit = Unit()

    # what a language says -----------------------------------------------------------------------
    @abstractmethod
    def loop(self, s: For) -> None:
        """Print a loop with all its steps."""

    @abstractmethod
    def check(self, s: Check) -> None:
        """Print what makes the call fail unless a condition holds."""

    # names --------------------------------------------------------------------------------------
    def name(self, what: Symbol | Buffer) -> str:
        """Return the name of a register or buffer, in this unit its own."""
        if isinstance(what, Symbol) and what.same is not None:
            what = what.final
        if what not in self.names:
            self.names[what] = self.fresh(what.name)
        return self.names[what]

    def fresh(self, name: str) -> str:
        """Return an identifier like ``name`` that is not used yet."""
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:40] or "x"
        if plain in RESERVED | FUNCTIONS or plain[0].isdigit() or TAKEN.fullmatch(plain):
            plain = f"v_{plain}"
        if plain.endswith("_parts"):  # so the copies of a reduction's target are called
            plain += "_"
        found = plain
        while found in self.taken:
            self.counts[plain] = self.counts.get(plain, 1) + 1
            found = f"{plain}_{self.counts[plain]}"
        self.taken.add(found)
        return found

    def place(self, what: Symbol | Buffer) -> str:
        """Return how a register or the memory of a buffer is reached from here."""
        if isinstance(what, Buffer):
            what = what.root
        return self.name(what)

    # expressions --------------------------------------------------------------------------------
    def expr(self, x: Expr, atom: bool = False) -> str:
        """Return an expression; an ``atom`` may stand among others."""
        match x:
            case Literal():
                return self.literal(x)
            case Symbol():
                return self.place(x.final)
            case Load(buffer, index):
                return self.element(buffer, index)
            case Call():
                return self.called(x, atom)
            case _:
                raise TypeError(x)

    def literal(self, x: Literal) -> str:
        """Return a number; a complex one is put together of its parts."""
        row = DTYPES[x.dtype]
        if row.kind != "complex":
            return scalar.literal(x.value, x.dtype)
        number = complex(x.value)
        texts = [scalar.literal(part, row.part) for part in (number.real, number.imag)]
        return self.scalar(entry("complex"), [row.part, row.part], x.dtype, texts)

    def called(self, x: Call, atom: bool) -> str:
        """Return an entry of operands; some are computed before, with a name."""
        texts: list[str] = []
        for operand in x.operands:
            text = self.expr(operand, atom=True)
            name = self.name_before(x, operand)
            if name is not None and operand.dtype not in ("int64", "bool"):
                text = self.named(name, operand.dtype, text)
            texts.append(text)
        given = [operand.dtype for operand in x.operands]
        if x.op.name in INDEX and given == ["int64", "int64"]:
            text = INDEX[x.op.name].format(*texts)
        else:
            text = self.scalar(x.op, given, x.dtype, texts)
        return f"({text})" if atom else text

    def name_before(self, x: Call, operand: Expr) -> str | None:
        """Return the name under which an operand that is no index is computed before, or None."""
        return operand.op.name if isinstance(operand, Call) else None

    def scalar(
        self, op: Elementwise, given: Sequence[str], result: str, operands: Sequence[str]
    ) -> str:
        """Return the text of an elementwise op, and note the functions that it calls."""
        text, names = scalar.expression(op, given, result, operands)
        self.functions |= names
        return text

    def named(self, name: str, dtype: str, text: str) -> str:
        """Return the name of a new register that holds ``text``."""
        found = self.fresh(name)
        self.unit.add(f"const {DTYPES[dtype].ctype} {found} = {text};")
        return found

    def flat(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return the text of the number that an element has in its buffer, in C order."""
        return self.expr(position_of(buffer, tuple(index)))

    def element(self, buffer: Buffer, index: Sequence[Expr]) -> str:
        """Return the text of an element, to read or assign; an input of rank 0 is a variable."""
        if not buffer.shape and buffer.role == "input":
            return self.place(buffer)
        return f"{self.memory(buffer)}[{self.flat(buffer, index)}]"

    def memory(self, buffer: Buffer) -> str:
        """Return the text of the address of a buffer's first element."""
        return self.place(buffer)

    def address(self, buffer: Buffer) -> str:
        """Return the address of a buffer, also of an input that is a number."""
        if not buffer.shape and buffer.root.role == "input":
            return f"&{self.place(buffer)}"
        return self.memory(buffer)

    # statements ---------------------------------------------------------------------------------
    def statements(self, given: Sequence[Statement]) -> None:
        """Print statements, one after the other."""
        for s in given:
            self.statement(s)

    def statement(self, s: Statement) -> None:
        """Print a statement, by the method that `kinds` names."""
        method = self.kinds.get(type(s))
        if method is None:
            raise TypeError(f"{type(self).__name__} does not print {type(s).__name__}")
        unit = self.unit
        start = len(unit.lines)
        getattr(self, method)(s)
        watch = _watching.get()
        if watch is not None and self.unit is unit:
            watch(s, unit.lines, start)

    def branch(self, s: If) -> None:
        """Print a branch as ``if`` and ``else``."""
        self.unit.add(f"if ({self.expr(s.condition)}) {{")
        self.block(s.then)
        if s.orelse:
            self.unit.add("} else {")
            self.block(s.orelse)
        self.unit.add("}")

    def scope(self, s: Scope) -> None:
        """Print the statements of a scope, where nothing is to be given back."""
        self.statements(s.body)

    def leave_loop(self, s: Break) -> None:
        """Print ``break``: the program goes on behind the loop."""
        self.unit.add("break;")

    def store(self, s: Store) -> None:
        """Print a store as an assignment to an element."""
        text = self.expr(s.value)
        self.unit.add(f"{self.element(s.buffer, s.index)} = {text};")

    def let(self, s: Let) -> None:
        """Print what sets a register, with its C type where it is declared."""
        text = self.expr(s.value)
        declared = f"{DTYPES[s.symbol.dtype].ctype} " if s.fresh else ""
        self.unit.add(f"{declared}{self.place(s.symbol)} = {text};")

    def block(self, given: Sequence[Statement]) -> None:
        """Print statements, indented a level further."""
        self.unit.depth += 1
        self.statements(given)
        self.unit.depth -= 1

    def size(self, buffer: Buffer) -> str:
        """Return the text of how many elements a buffer has."""
        return self.expr(product(buffer.shape), atom=True)


INDEX = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}"}
"""Arithmetic on indices, which does not overflow."""


def comment(text: str) -> str:
    """Return a text that can stand in a comment."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return plain.replace("*/", "* /").replace("\\", "?")[:2000]
