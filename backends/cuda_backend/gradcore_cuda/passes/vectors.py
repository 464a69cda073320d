"""Passes: which elements the steps of loops take several at a time: 16 bytes, as memory gives them.

Steps that go one after the other along an array read and write *vectors* of it: a thread takes as
many steps as a vector has elements.  What else a step reads (a gather, say) it reads as before.
One pass says so (`steps_widened`), another writes the loops over vectors (`vectors_expanded`).

The decision: which thread touches which element has to be the same in all loops that a group shares
and that go equally far, or it would have to wait between them.  So they have one width, and one
count of vectors, which is found when a kernel starts: none, where memory or a row does not start at
a multiple of a vector.  Rejected: to peel off what is not aligned row by row, after which an
element is another thread's in an array that starts elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcore.kernel.device import (
    GROUPS,
    LANES,
    AtomicAdd,
    CountVectors,
    Delinearize,
    Distributed,
    Launch,
    LoadVector,
    StoreVector,
    Unrolled,
    Vectors,
)
from gradcore.kernel.ir import (
    ZERO,
    Buffer,
    Call,
    Expr,
    For,
    If,
    Literal,
    Load,
    Statement,
    Symbol,
    integer,
    parts,
    product,
)
from gradcore.kernel.uses import expressions, inside, registers_set, rewritten, stored
from gradcore_cuda.analyses import Facts
from gradcore_cuda.loops import in_place, on_elements

Extents = tuple[Expr, ...]


@dataclass(frozen=True)
class _Steps:
    """Loops that run as one.

    loop : they.
    outer : the loops around them, by index, and how far they go.
    """

    loop: Distributed
    outer: Mapping[Symbol, Expr]


# the choice -------------------------------------------------------------------------------------
def steps_widened(launch: Launch, facts: Facts) -> Launch:
    """Return a launch whose loops say what their steps take several at a time."""
    level = LANES if launch.together else GROUPS
    found: dict[Extents, list[_Steps]] = {}
    for s in _shared_in(launch.body, level, {}):
        found.setdefault(s.loop.extents, []).append(s)
    changing = facts.changed(launch)
    chosen: dict[Distributed, Vectors] = {}
    for extents, steps in found.items():
        if all(facts.values.evaluable(n, changing) for n in extents):
            chosen.update(_chosen(facts, steps, lambda x: facts.values.evaluable(x, changing)))

    def change(s: Statement) -> list[Statement] | None:
        return (
            [replace(s, vectors=chosen[s])] if isinstance(s, Distributed) and s in chosen else None
        )

    return replace(launch, body=rewritten(launch.body, change))


def _shared_in(
    body: Sequence[Statement], level: object, outer: Mapping[Symbol, Expr]
) -> Iterator[_Steps]:
    """Return the loops in statements whose steps the workers of a level share."""
    for s in body:
        match s:
            case Distributed() if s.level is level:
                yield _Steps(s, outer)
            case Distributed():
                around = dict(zip(s.indices, s.extents, strict=True))
                yield from _shared_in(s.body, level, {**outer, **around})
            case For():
                yield from _shared_in(s.body, level, {**outer, s.index.final: s.extent})
            case _:
                for block in s.blocks():
                    yield from _shared_in(block, level, outer)


def _chosen(
    facts: Facts, steps: Sequence[_Steps], known: Callable[[Expr], bool]
) -> dict[Distributed, Vectors]:
    """Return what loops that go equally far take several at a time; empty: nothing.

    known : whether the host can evaluate an extent.
    """
    extents = steps[0].loop.extents
    if (
        len(extents) == 1
        and isinstance(extents[0], Literal)
        and extents[0].value <= facts.target.short_steps
    ):
        return {}
    loads: dict[Distributed, dict[Load, bool]] = {}
    for s in steps:
        consecutive = _consecutive(facts, s)
        if consecutive is None:
            return {}
        loads[s.loop] = consecutive
    found = [x for each in loads.values() for x in each]
    if not found:
        return {}
    # Totals are wider than terms, of which there are more.
    terms = [x for x in found if facts.aliases.memory(x.buffer) not in facts.totals] or found
    width = facts.target.vector_bytes // max(np.dtype(x.dtype).itemsize for x in terms)
    for n in _rows(found, extents):
        if not known(n) or (isinstance(n, Literal) and n.value % width):
            return {}
    count = Symbol("vectors")
    return {loop: Vectors(width, count, tuple(each.items())) for loop, each in loads.items()}


def _rows(found: Sequence[Load], extents: Extents) -> list[Expr]:
    """Return how long those parts of buffers are of which each has to start at a vector."""
    n = len(extents)
    buffers = dict.fromkeys(x.buffer for x in found)
    return list(dict.fromkeys(product(b.shape[-n:]) for b in buffers if b.ndim > n))


def _consecutive(facts: Facts, steps: _Steps) -> dict[Load, bool] | None:
    """Return the elements that follow each other as the steps go, and whether one is read first.

    None: what the steps do is no matter of single elements, or what they store lies otherwise.
    """
    body, symbols, extents = steps.loop.body, steps.loop.indices, steps.loop.extents
    n = len(symbols)
    if not all(on_elements(s) and not isinstance(s, AtomicAdd) for s in inside(body)):
        return None
    made = {*symbols, *registers_set(body)}
    written = {facts.aliases.memory(x.buffer) for x in stored(body)}
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
        yield from (
            (Load(buffer, index), True, always) for buffer, index in s.writes() if index is not None
        )
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
                yield from _reads(operand, always and not (k and x.op.name == "switch"))
        case _:
            pass


# the loops over vectors -------------------------------------------------------------------------
def vectors_expanded(launch: Launch, facts: Facts) -> Launch:
    """Return a launch with loops over vectors, each before the loop over the steps that are left.

    How many vectors there are is found when the kernel starts.
    """
    counts: dict[Symbol, list[Distributed]] = {}

    def change(s: Statement) -> list[Statement] | None:
        if not isinstance(s, Distributed) or s.vectors is None:
            return None
        counts.setdefault(s.vectors.count, []).append(s)
        return _expanded(s, s.vectors)

    body = rewritten(launch.body, change)
    found = [_counted(loops) for loops in counts.values()]
    at = next((k for k, s in enumerate(body) if _loops(s)), 0)
    return replace(launch, body=[*body[:at], *found, *body[at:]])


def _loops(s: Statement) -> bool:
    """Return whether a statement is a loop, or contains one."""
    return any(isinstance(x, (Distributed, For)) for x in inside([s]))


def _counted(loops: Sequence[Distributed]) -> CountVectors:
    """Return what counts the vectors of loops that go equally far."""
    extents, vectors = loops[0].extents, loops[0].vectors
    assert vectors is not None
    found = [x for s in loops if s.vectors is not None for x, _ in s.vectors.loads]
    memories = tuple(dict.fromkeys(x.buffer for x in found))
    rows = tuple(_rows(found, extents))
    return CountVectors(vectors.count, vectors.width, product(extents), memories, rows)


def _expanded(s: Distributed, vectors: Vectors) -> list[Statement]:
    """Return a loop over vectors, and one over the steps that are left."""
    at, e, width = Symbol("vector"), Symbol("e"), vectors.width
    written = set(stored(s.body))
    near: dict[Load, Load] = {}
    before: list[Statement] = []
    after: list[Statement] = []
    for x, reads in vectors.loads:
        root = x.buffer.root
        vector = Buffer(f"{root.name}_{width}", x.dtype, (integer(width),), "vector")
        start = tuple(ZERO if i in s.indices else i for i in x.index)
        before.append(LoadVector(vector, x.buffer, start, at, reads, x in written))
        if x in written:
            after.append(StoreVector(vector, x.buffer, start, at))
        near[x] = Load(vector, (e,))
    step: list[Statement] = [
        Delinearize(s.indices, s.extents, at * width + e),
        *(in_place(x, near) for x in s.body),
    ]
    over = Distributed(
        s.level, (at,), (vectors.count,), [*before, Unrolled(e, width, step), *after]
    )
    return [over, replace(s, first=vectors.count * width, vectors=None)]
