"""What is asked of loops before threads run them, and what they are made into.

A step of a loop may be independent of the others, or need them in an order that can still be
shared: by who owns what it changes, by columns, by combining neighbours.  Each question here is
about a loop alone; those that need the whole program are in `gradcore_cuda.facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from gradcore.graph.types import FLOATS
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Buffer,
    Call,
    Check,
    Expr,
    For,
    If,
    Index,
    Let,
    Literal,
    Load,
    Matmul,
    Reduction,
    Scope,
    Statement,
    Store,
    Strided,
    Symbol,
    cast,
    identity_of,
    parts,
    substituted,
)
from gradcore.kernel.uses import expressions, inside
from gradcore.ops.elementwise import Elementwise, row

TINY = 8
"""Loops of up to so many steps are no work to share out."""

SMALL = 16384
"""How many elements a block goes through at most in a step of a scan."""

BLAS = frozenset(("float32", "float64"))
"""The dtypes that a library multiplies matrices of."""

ATOMIC = frozenset(("float32", "float64", "int32", "int64", "uint32", "uint64"))
"""The dtypes of elements that many threads may add to at a time."""

ASSOCIATIVE = frozenset(("add", "mul", "minimum", "maximum", "and_", "or_"))
"""The rows of which threads may combine neighbours before what comes first is known."""


@dataclass(eq=False, slots=True)
class Added(Store):
    """``buffer[index] += value``, while other threads may add to the same element."""


@dataclass(eq=False)
class Carried:
    """``symbol = row(symbol, brought)``, once in each step of a loop.

    before : the statements since the last such one.
    """

    before: list[Statement]
    symbol: Symbol
    row: Elementwise
    brought: Expr

    def combined(self) -> Let:
        """Return it as a statement."""
        value = Call(self.row, (self.symbol, self.brought), self.symbol.dtype)
        return Let(self.symbol, value, fresh=False)


@dataclass(eq=False)
class Chunks:
    """How groups share a loop that carries registers along, each going through a part of it.

    carried, rest : what a step carries that steps read, and the statements after that.
    ends : what is only read after the loop.
    totals : a step that combines what is carried, and stores nothing.
    """

    carried: list[Carried]
    rest: list[Statement]
    ends: list[Reduction]
    totals: list[Statement]


def shareable(s: For) -> bool:
    """Return whether the steps of a loop are independent but for registers they contribute to."""
    return not s.ordered and all(
        r.row is not None and isinstance(r.target, Symbol) for r in s.reductions
    )


def is_number(s: Statement | None) -> TypeGuard[Let]:
    """Return whether a statement sets a register to a number."""
    return isinstance(s, Let) and isinstance(s.value, Literal)


def pieces(n: Expr, size: int) -> Expr:
    """Return how many pieces of a size there are, the last one maybe not whole."""
    return (n + (size - 1)) // size


def tiny(s: For) -> bool:
    """Return whether a loop is known to be short."""
    return isinstance(s.extent, Literal) and s.extent.value <= TINY


def collapsed(s: For) -> tuple[list[For], list[Statement]]:
    """Return a loop and those directly in it that run as one with it, and what is in them."""
    loops, body = [s], s.body
    while len(body) == 1 and isinstance(body[0], For) and shareable(body[0]):
        inner = body[0]
        made = {loop.index.final for loop in loops}
        if any(isinstance(x, Load) or x in made for x in parts(inner.extent)):
            break
        loops.append(inner)
        body = inner.body
    return loops, body


def innermost(columns: For) -> list[For]:
    """Return loops, each the whole body of the one before, up to the ordered one."""
    chain = [columns]
    while not chain[-1].ordered:
        (inner,) = chain[-1].body
        assert isinstance(inner, For)
        chain.append(inner)
    return chain


def depends(x: Expr, loop: For) -> bool:
    """Return whether an expression depends on what a loop sets."""
    made = {s.index.final for s in inside([loop]) if isinstance(s, For)}
    made |= {s.symbol.final for s in inside([loop]) if isinstance(s, Let)}
    return any(isinstance(y, Load) or (isinstance(y, Symbol) and y.final in made) for y in parts(x))


def sets(x: Expr, loop: For) -> bool:
    """Return whether a loop sets a register."""
    return any(isinstance(s, Let) and s.symbol.final is x for s in inside(loop.body))


def first_of(index: Index, made: Collection[Expr]) -> Index:
    """Return where the first of the elements is that inner loops go through."""
    return tuple(ZERO if i in made else i for i in index)


def too_much(body: Sequence[Statement]) -> bool:
    """Return whether a step of a scan may be too much for a block: a loop in a loop, or long."""
    return any(unknown > 1 or number > SMALL for s in body for unknown, number in [_work(s)])


def _work(s: Statement) -> tuple[int, int]:
    """Return how many extents nobody knows that a statement goes through, and the others' product.

    That of what it does most of.
    """
    match s:
        case For(_, extent, body):
            unknown, number = max(map(_work, body), default=(0, 1))
            if isinstance(extent, Literal):
                return unknown, number * max(int(extent.value), 1)
            return unknown + 1, number
        case Scope(body):
            return max(map(_work, body), default=(0, 1))
        case If(_, then, orelse):
            return max(map(_work, (*then, *orelse)), default=(0, 1))
        case _:
            return 0, 1


def carried_by(s: Let) -> tuple[Elementwise, Expr] | None:
    """Return the row that combines a register with something else, and that."""
    match s.value:
        case Call(operands=(x, y)) as value if (
            value.row.name in ASSOCIATIVE and value.dtype == x.dtype == y.dtype == s.symbol.dtype
        ):
            brought = [z for z in (x, y) if s.symbol.final not in parts(z)]
            own = [z for z in (x, y) if isinstance(z, Symbol) and z.final is s.symbol.final]
            return (value.row, brought[0]) if len(brought) == len(own) == 1 else None
        case _:
            return None


def without_ends(
    carried: Sequence[Carried], rest: Sequence[Statement]
) -> tuple[list[Carried], list[Statement], list[Reduction]]:
    """Return what a step carries that steps read, the statements after that, and what none reads.

    A register that no step reads is combined like any other statement's.
    """
    own = [s for c in carried for s in c.before] + list(rest)
    read = [e for s in inside(own) for e in expressions(s)] + [c.brought for c in carried]
    symbols = {y.final for x in read for y in parts(x) if isinstance(y, Symbol)}
    found: list[Carried] = []
    waiting: list[Statement] = []
    for c in carried:
        waiting += c.before
        if c.symbol in symbols:
            found.append(Carried(waiting, c.symbol, c.row, c.brought))
            waiting = []
        else:
            waiting.append(c.combined())
    ends = [Reduction(c.symbol, c.row) for c in carried if c.symbol not in symbols]
    return found, [*waiting, *rest], ends


def totals(carried: Sequence[Carried], places: Mapping[Load, Symbol]) -> list[Statement] | None:
    """Return a step of a loop that combines what registers are brought, and stores nothing.

    places : registers for the elements that a step stores.

    None: what one register is brought depends on another.
    """
    needed: set[Symbol] = set()
    found: list[Statement] = []
    for c in reversed(carried):
        if c.symbol in needed:
            return None
        for s in reversed([*c.before, c.combined()]):
            x = replaced(s, places)
            made = {y.symbol.final for y in inside([x]) if isinstance(y, Let)}
            if not needed.isdisjoint(made) or s not in c.before:
                if isinstance(x, Let):
                    needed -= made
                needed |= {
                    z.final
                    for y in inside([x])
                    for e in expressions(y)
                    for z in parts(e)
                    if isinstance(z, Symbol) and z.final is not c.symbol
                }
                found.append(x)
    found += [Let(symbol, x) for x, symbol in places.items() if symbol in needed]
    known = {c.symbol for c in carried}
    body: list[Statement] = []
    for s in reversed(found):
        if isinstance(s, Let):
            body.append(Let(s.symbol, s.value, s.symbol.final not in known))
            known.add(s.symbol.final)
        else:
            body.append(s)
    return body


def in_registers(
    columns: For, kept: Mapping[Load, Symbol], starts: Mapping[Buffer, Literal]
) -> For:
    """Return interchanged loops that keep elements in registers.

    starts : what these elements are before, where nobody has stored it.
    """
    *outer, ordered = innermost(columns)
    body: list[Statement] = [Let(symbol, starts.get(x.buffer, x)) for x, symbol in kept.items()]
    inner = [replaced(s, kept) for s in ordered.body]
    body.append(For(ordered.index, ordered.extent, inner, ordered=True))
    body += [Store(x.buffer, x.index, symbol) for x, symbol in kept.items()]
    for x in reversed(outer):
        body = [For(x.index, x.extent, body, parallel=x is columns)]
    (made,) = body
    assert isinstance(made, For)
    return made


def replaced(s: Statement, kept: Mapping[Load, Symbol]) -> Statement:
    """Return a statement without loops, with elements in registers."""

    def expr(x: Expr) -> Expr:
        return substituted(x, kept)

    match s:
        case Store(buffer, index, value):
            symbol = kept.get(Load(buffer, index))
            if symbol is not None:
                return Let(symbol, expr(value), fresh=False)
            return Store(buffer, tuple(map(expr, index)), expr(value))
        case Let(symbol, value, fresh):
            return Let(symbol, expr(value), fresh)
        case If(condition, then, orelse):
            branches = ([replaced(x, kept) for x in some] for some in (then, orelse))
            return If(expr(condition), *branches)
        case Check(number, condition, values):
            return Check(number, expr(condition), tuple(map(expr, values)))
        case _:
            raise TypeError(s)


def as_added(s: Statement) -> Statement:
    """Return a statement that adds to what data tell as one that does so in any order."""
    match s:
        case Added():
            return s
        case Store(buffer, index, Call(operands=(x, y)) as value) if (
            value.row.name == "add"
            and value.dtype == buffer.dtype
            and buffer.dtype in ATOMIC
            and any(isinstance(i, Load) for axis in index for i in parts(axis))
        ):
            place = Load(buffer, index)
            if place in (x, y):
                return Added(buffer, index, y if x == place else x)
            return s
        case For(index, extent, body, ordered, reductions, parallel):
            return For(index, extent, list(map(as_added, body)), ordered, reductions, parallel)
        case If(condition, then, orelse):
            return If(condition, list(map(as_added, then)), list(map(as_added, orelse)))
        case _:
            return s


def rewritten(
    body: Sequence[Statement], change: Callable[[Statement], list[Statement] | None]
) -> list[Statement]:
    """Return statements with what ``change`` makes of them, from the outermost on.

    change : returns what takes the place of a statement; None: what is in it is asked for.
    """
    found: list[Statement] = []
    for s in body:
        made = change(s)
        if made is not None:
            found += made
            continue
        match s:
            case For(index, extent, inner, ordered, reductions, parallel):
                inner = rewritten(inner, change)
                found.append(For(index, extent, inner, ordered, reductions, parallel))
            case If(condition, then, orelse):
                found.append(If(condition, rewritten(then, change), rewritten(orelse, change)))
            case Scope(inner):
                found.append(Scope(rewritten(inner, change)))
            case _:
                found.append(s)
    return found


def looped(body: Sequence[Statement]) -> list[Statement]:
    """Return statements with loops for the products that no library computes.

    What looks for the best element and its place becomes two loops whose steps may come in any
    order: one for the element, one for the first place where it is.
    """

    def change(s: Statement) -> list[Statement] | None:
        match s:
            case Matmul() if s.out.buffer.dtype not in BLAS:
                return [product_loops(s)]
            case For():
                return _best_first(s)
            case _:
                return None

    return rewritten(body, change)


def _best_first(s: For) -> list[Statement] | None:
    """Return a search for the best element and its place as two reductions; None: it is none."""
    if not s.ordered or len(s.body) != 2 or any(r.row is not None for r in s.reductions):
        return None
    where, what = s.body
    if not isinstance(what, Let) or what.fresh or not isinstance(where, (Let, Store)):
        return None
    match what.value, where.value:
        case (
            Call(row=chosen, operands=(better, element, Symbol() as best)),
            Call(row=placed, operands=(other, Symbol() as k, _)),
        ) if chosen.name == placed.name == "switch":
            pass
        case _:
            return None
    compared = [x for x in parts(better) if isinstance(x, Call) and x.row.name in ("gt", "lt")]
    if (
        better != other
        or k.final is not s.index.final
        or best.final is not what.symbol.final
        or len(compared) != 1
        or compared[0].operands != (element, best)
    ):
        return None
    extreme = row("maximum" if compared[0].row.name == "gt" else "minimum")
    smaller, first = row("minimum"), Symbol("first")
    same: Expr = Call(row("eq"), (element, best), "bool")
    if best.dtype in FLOATS:
        neither = [Call(row("neq"), (x, x), "bool") for x in (element, best)]
        same = Call(row("or_"), (same, Call(row("and_"), tuple(neither), "bool")), "bool")
    nowhere = identity_of(smaller, "int64")
    place = Call(row("switch"), (same, k, nowhere), "int64")
    steps: list[tuple[Symbol, Elementwise, Expr]] = [
        (best, extreme, Call(extreme, (best, element), best.dtype)),
        (first, smaller, Call(smaller, (first, place), "int64")),
    ]
    loops = [
        For(s.index, s.extent, [Let(x, value, fresh=False)], reductions=[Reduction(x, combining)])
        for x, combining, value in steps
    ]
    found: list[Statement] = [
        Let(best, identity_of(extreme, best.dtype), fresh=False), loops[0], Let(first, nowhere),
        loops[1],
    ]  # fmt: skip
    if isinstance(where, Let):
        return [*found, Let(where.symbol, first, fresh=False)]
    return [*found, Store(where.buffer, where.index, first)]


def product_loops(s: Matmul) -> Statement:
    """Return a product as loops."""
    dtype = s.out.buffer.dtype
    wide = "float32" if dtype == "float16" else dtype
    outer = [Symbol(f"i{k}") for k in range(len(s.out.shape))]
    k = Symbol("k")
    stack = outer[:-2]
    element = Load(s.out.buffer, _place(s.out, outer))
    x = Load(s.x.buffer, _place(s.x, [*stack, outer[-2], k]))
    y = Load(s.y.buffer, _place(s.y, [*stack, k, outer[-1]]))
    add, mul = ("or_", "and_") if dtype == "bool" else ("add", "mul")
    total = Symbol("total", wide)
    combining = row(add)
    term = Call(row(mul), (cast(x, wide), cast(y, wide)), wide)
    start = cast(element, wide) if s.accumulate else identity_of(combining, wide)
    body: list[Statement] = [
        Let(total, start),
        For(
            k, s.x.shape[-1], [Let(total, Call(combining, (total, term), wide), fresh=False)],
            reductions=[Reduction(total, combining)],
        ),
        Store(s.out.buffer, element.index, cast(total, dtype)),
    ]  # fmt: skip
    for symbol, n in reversed(list(zip(outer, s.out.shape, strict=True))):
        body = [For(symbol, n, body, parallel=symbol is outer[0])]
    return body[0]


def _place(part: Strided, at: Sequence[Symbol]) -> Index:
    """Return where an element of a part is in its buffer."""
    index: list[Expr] = list(part.first)
    for i, steps in zip(at, part.steps, strict=True):
        for axis, step in enumerate(steps):
            if step != ZERO:
                index[axis] = index[axis] + (i if step == ONE else i * step)
    return tuple(index)
