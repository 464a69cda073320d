"""Which elements the steps of loops take several at a time: 16 bytes, as memory gives them.

Steps that go one after the other along an array read and write *vectors* of it: a thread takes as
many steps as a vector has elements.  What else a step reads (a gather, say) it reads as before.

The decision: which thread touches which element has to be the same in all loops that a group shares
and that go equally far, or it would have to wait between them.  So they have one width, and one
count of vectors, which is found when a kernel starts: none, where memory or a row does not start at
a multiple of a vector.  Rejected: to peel off what is not aligned row by row, after which an
element is another thread's in an array that starts elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.ir import (
    Buffer,
    Call,
    Expr,
    For,
    If,
    Let,
    Literal,
    Load,
    Statement,
    Store,
    Symbol,
    parts,
    product,
)
from gradcore.kernel.uses import expressions, inside
from gradcore_cuda.facts import Facts
from gradcore_cuda.functions import WIDE
from gradcore_cuda.loops import pieces, tiny


@dataclass(frozen=True)
class Steps:
    """Loops that run as one.

    loops, body : they, and what is in the innermost.
    outer : the loops around them, by index, and how far they go.
    """

    loops: Sequence[For]
    body: Sequence[Statement]
    outer: Mapping[Symbol, Expr]

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Their indices."""
        return tuple(s.index.final for s in self.loops)

    @property
    def extents(self) -> tuple[Expr, ...]:
        """How far they go."""
        return tuple(s.extent for s in self.loops)


@dataclass(frozen=True)
class Vectors:
    """What the steps of loops that go equally far take several at a time.

    extents : how far they go.
    width : how many elements a vector has.
    count : the name of how many vectors there are.
    loads : for each of the loops, by its outermost index, the elements that it takes so, and
        whether it needs what is there before it stores them.
    """

    extents: tuple[Expr, ...]
    width: int
    count: str
    loads: Mapping[Symbol, Mapping[Load, bool]]

    @property
    def lanes(self) -> Expr:
        """How many threads could share the steps."""
        return pieces(product(self.extents), self.width)

    @property
    def buffers(self) -> list[Buffer]:
        """What they are the elements of."""
        return list(dict.fromkeys(x.buffer for found in self.loads.values() for x in found))

    @property
    def rows(self) -> list[Expr]:
        """How long those parts of buffers are of which each has to start at a vector."""
        n = len(self.extents)
        return list(dict.fromkeys(product(b.shape[-n:]) for b in self.buffers if b.ndim > n))


def vectors_of(
    facts: Facts, steps: Sequence[Steps], known: Callable[[Expr], bool], count: str
) -> Vectors | None:
    """Return what loops that go equally far take several at a time; None: nothing.

    known : whether the host can evaluate an extent.
    """
    extents = steps[0].extents
    loads: dict[Symbol, dict[Load, bool]] = {}
    if not all(map(known, extents)) or (len(steps[0].loops) == 1 and tiny(steps[0].loops[0])):
        return None
    for s in steps:
        consecutive = _consecutive(facts, s)
        if consecutive is None:
            return None
        loads[s.symbols[0]] = consecutive
    found = [x for each in loads.values() for x in each]
    if not found:
        return None
    # Totals are wider than terms, of which there are more.
    terms = [x for x in found if facts.aliases.memory(x.buffer) not in facts.totals] or found
    width = WIDE // max(np.dtype(x.dtype).itemsize for x in terms)
    made = Vectors(extents, width, count, loads)
    for n in made.rows:
        if not known(n) or (isinstance(n, Literal) and n.value % made.width):
            return None
    return made


def _consecutive(facts: Facts, steps: Steps) -> dict[Load, bool] | None:
    """Return the elements that follow each other as the steps go, and whether one is read first.

    None: what the steps do is no matter of single elements, or what they store lies otherwise.
    """
    body, symbols, extents, n = steps.body, steps.symbols, steps.extents, len(steps.loops)
    if any(not isinstance(s, (Store, Let, If)) or isinstance(s, AtomicAdd) for s in inside(body)):
        return None
    made = {*symbols, *(s.symbol.final for s in inside(body) if isinstance(s, Let))}
    written = {facts.aliases.memory(s.buffer) for s in inside(body) if isinstance(s, Store)}
    everything = (*steps.outer, *symbols), (*steps.outer.values(), *extents)

    def follows(x: Load, always: bool) -> bool:
        """Return whether elements do; those that a step may not touch must at least exist."""
        if (x.index, x.buffer.shape) == everything:
            return True
        first = [y for i in x.index[:-n] for y in parts(i)]
        return (
            always
            and x.index[-n:] == symbols
            and x.buffer.shape[x.buffer.ndim - n + 1 :] == extents[1:]
            and not any(y.final in made for y in first if isinstance(y, Symbol))
            and not any(
                facts.aliases.memory(y.buffer) in written for y in first if isinstance(y, Load)
            )
        )

    found: dict[Load, bool] = {}
    places: dict[Buffer, Load] = {}
    for x, stores, always in accesses(body):
        memory = facts.aliases.memory(x.buffer)
        if follows(x, always) and x.buffer.root not in facts.values.moved:
            found.setdefault(x, not (stores and always))
        elif memory in written:
            return None
        if memory in written and places.setdefault(memory, x) != x:
            return None
    return found


def accesses(body: Sequence[Statement], always: bool = True) -> Iterator[tuple[Load, bool, bool]]:
    """Return the elements that statements touch, in order; whether one is stored; whether always.

    always : whether the statements are run in any case.
    """
    for s in body:
        for x in expressions(s):
            yield from ((y, False, known) for y, known in _reads(x, always))
        if isinstance(s, Store):
            yield Load(s.buffer, s.index), True, always
        if isinstance(s, If):
            yield from accesses(s.then, always=False)
            yield from accesses(s.orelse, always=False)


def _reads(x: Expr, always: bool) -> Iterator[tuple[Load, bool]]:
    """Return the elements that an expression reads, and whether it does always."""
    match x:
        case Load(_, index):
            yield x, always
            for i in index:
                yield from _reads(i, always)
        case Call():
            for k, operand in enumerate(x.operands):
                yield from _reads(operand, always and not (k and x.row.name == "switch"))
        case _:
            pass
