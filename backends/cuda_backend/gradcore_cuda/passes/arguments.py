"""Pass: what a kernel is given, which is all that it uses and does not make.

Of the indices and extents in a kernel, what the host can compute it computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradcore.kernel.device import (
    Chunk,
    Count,
    CountVectors,
    Delinearize,
    Distributed,
    Launch,
    LoadVector,
    Private,
    Reload,
    Rounds,
    Shared,
    Spill,
    StoreVector,
    Unrolled,
)
from gradcore.kernel.ir import (
    Buffer,
    Call,
    Expr,
    For,
    Load,
    Point,
    Statement,
    Store,
    Symbol,
    parts,
    product,
)
from gradcore.kernel.text import INDEX
from gradcore.kernel.uses import inside
from gradcore_cuda.analyses import Facts
from gradcore_cuda.passes.registers import free

INDICES = (Chunk, CountVectors, Delinearize, Distributed, Rounds, Unrolled)
"""Statements whose registers count as far as an index does."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel.

    kind : "number" (a register of the host's), "index" (what the host computes for an index),
        "register" (where one of the device's is stored), "pointer" (where a pointer is), "memory"
        (of a buffer), "own" (how many bytes of shared memory a group has).
    what : the register, buffer or expression.
    """

    kind: str
    what: Symbol | Buffer | Expr | None = None


@dataclass(frozen=True, eq=False)
class KernelLaunch:
    """A launch whose kernel has only to be printed.

    parameters : what the kernel is given; the indices among them with their names.
    indices : the registers that are indices.
    sizes : how many elements arrays have that it indexes, and how far its loops go.
    """

    launch: Launch
    parameters: dict[Parameter, Symbol | Buffer | None]
    indices: frozenset[Symbol]
    sizes: list[Expr]


def with_arguments(launch: Launch, facts: Facts) -> KernelLaunch:
    """Return a launch with what its kernel is given."""
    work = _Arguments(facts, launch)
    body = work.block(launch.body)
    made = replace(launch, body=body)
    parameters: dict[Parameter, Symbol | Buffer | None] = {}
    if launch.fit is not None:
        parameters[Parameter("own")] = None
    for what in free(body):
        if isinstance(what, Symbol) and what in work.computed:
            parameters[Parameter("index", work.computed[what])] = what
        else:
            kind = "memory" if isinstance(what, Buffer) else "number"
            parameters[Parameter(kind, what)] = what
        if isinstance(what, Symbol) and what in facts.values.given:
            work.indices.add(what)
    for s in inside(body):
        if isinstance(s, (Reload, Spill)):
            source = s.source if isinstance(s, Reload) else s.what
            kind = "register" if isinstance(source, Symbol) else "pointer"
            parameters[Parameter(kind, source)] = source
    indices = frozenset(work.indices | set(work.computed))
    return KernelLaunch(made, parameters, indices, list(work.sizes))


class _Arguments:
    """Replaces what the host computes by registers.

    computed : what they are.
    indices : the registers that are indices.
    sizes : how many elements arrays have that are indexed, and how far loops go.
    """

    def __init__(self, facts: Facts, launch: Launch) -> None:
        self.facts = facts
        self.changing = facts.changed(launch)
        self.known: dict[Expr, bool] = {}
        self.names: dict[Expr, Symbol] = {}
        self.computed: dict[Symbol, Expr] = {}
        self.indices: set[Symbol] = set()
        self.sizes: dict[Expr, None] = {}

    def evaluable(self, x: Expr) -> bool:
        """Return whether the host can evaluate an expression."""
        if x not in self.known:
            self.known[x] = self.facts.values.evaluable(x, self.changing)
        return self.known[x]

    def indexed(self, buffer: Buffer) -> None:
        """Note that elements of a buffer are indexed."""
        if buffer.role != "vector":
            self.sizes[product(buffer.shape)] = None

    # expressions --------------------------------------------------------------------------------
    def index(self, x: Expr) -> Expr:
        """Return an index or extent, with what the host can compute of it as an argument."""
        if not isinstance(x, (Call, Load)):
            return x
        counts = any(isinstance(y, Count) for y in parts(x))
        plain = isinstance(x, Call) and x.op.name in INDEX
        if isinstance(x, Call) and plain and not counts:
            if all(o.dtype == "int64" for o in x.operands):
                return Call(x.op, tuple(map(self.index, x.operands)), x.dtype)
        if not self.evaluable(x):
            return self.value(x)
        if x not in self.names:
            symbol = self.names[x] = Symbol("n")
            self.computed[symbol] = x
        return self.names[x]

    def value(self, x: Expr) -> Expr:
        """Return an expression, with the indices in it."""
        match x:
            case Load(buffer, index):
                self.indexed(buffer)
                return Load(buffer, tuple(map(self.index, index)))
            case Call():
                return Call(x.op, tuple(map(self.value, x.operands)), x.dtype)
            case _:
                return x

    # statements ---------------------------------------------------------------------------------
    def block(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements whose indices are those that the host computes, where it can."""
        return [self.statement(s) for s in body]

    def statement(self, s: Statement) -> Statement:
        """Return a statement whose indices are those that the host computes, where it can."""
        match s:
            case Store(buffer, index, value):
                self.indexed(buffer)
                return type(s)(buffer, tuple(map(self.index, index)), self.value(value))
            case LoadVector() | StoreVector():
                self.indexed(s.buffer)
                return s.rebuilt(self.index, self.block)
            case Shared() | Private():
                return self.memory(s)
            case For():
                if not self.evaluable(s.extent):
                    return s.rebuilt(self.value, self.block)
                self.indices.add(s.index.final)
                self.sizes[s.extent] = None
                return s.rebuilt(self.index, self.block)
            case Point():
                return s.rebuilt(self.index, self.block)
            case _ if isinstance(s, INDICES):
                self.indices.update(x for x in s.declares() if isinstance(x, Symbol))
                self.sizes.update((n, None) for n in self.extents(s))
                return s.rebuilt(self.index, self.block)
            case _:
                for buffer, index in s.writes():
                    if index is not None:
                        self.indexed(buffer)
                return s.rebuilt(self.value, self.block)

    def extents(self, s: Statement) -> Iterator[Expr]:
        """Yield the extents of loops that lanes or groups share, which the host computes."""
        match s:
            case Distributed() | Chunk():
                yield from filter(self.evaluable, s.expressions())
            case Rounds(_, extent):
                yield from filter(self.evaluable, [extent])
            case _:
                pass

    def memory(self, s: Shared | Private) -> Statement:
        """Return what makes memory, with its size in a register where the host computes it."""
        count = self.index(product(s.buffer.shape))
        view = Buffer(s.buffer.name, s.buffer.dtype, (count,), alias=s.buffer)
        return replace(s, buffer=view)
