"""Passes on registers: no first value that nobody reads, and no memory read where they will do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gradcore.dtypes import computed
from gradcore.kernel.ir import (
    Allocate,
    Expr,
    For,
    Let,
    Literal,
    Load,
    Program,
    Statement,
    Store,
    Symbol,
    loads,
    parts,
)
from gradcore.kernel.target import Target
from gradcore.kernel.uses import inside, replaced


def registers_set_once(program: Program, target: Target) -> Program:
    """Return a program without numbers in registers that the next number replaces.

    The total of a reduction is declared where its register is, and set to what the reduction starts
    from where the loops begin, which is mostly the next line.
    """
    return replace(program, body=_block(program.body))


def _block(body: Sequence[Statement]) -> list[Statement]:
    return [s.rebuilt(_same, _block) if s.blocks() else s for s in _set_once(body)]


def _same(x: Expr) -> Expr:
    return x


def _set_once(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements without a first value of a register that the next one replaces."""
    found: list[Statement] = []
    waiting: dict[Symbol, int] = {}
    for s in statements:
        match s:
            case Let(symbol, Literal() as value, False) if symbol in waiting:
                found[waiting.pop(symbol)] = Let(symbol, value)
                continue
            case Let(symbol, Literal(), True):
                waiting[symbol] = len(found)
            case Let(_, Literal()) | Allocate():
                pass
            case _:
                waiting.clear()
        found.append(s)
    return found


def stores_forwarded(program: Program, target: Target) -> Program:
    """Return a program in which a step of a loop keeps what it stores for the loops in it.

    A compiler of C knows such a value where the inner loop begins, and not that nothing there
    changes it: GCC reads it again at the end of each step, and then finds no vectors for the loop.
    """
    return replace(program, body=_blocks_forwarded(program.body))


def _blocks_forwarded(body: Sequence[Statement]) -> list[Statement]:
    return [s.rebuilt(_same, _forwarded) if s.blocks() else s for s in body]


def _forwarded(body: Sequence[Statement]) -> list[Statement]:
    """Return the statements of a step with registers for what is stored once and loops read."""
    body = _blocks_forwarded(body)
    stores = _stored_once(body)
    wanted = (
        stores & {x for s in body if isinstance(s, For) for x in _loads(s)} if stores else stores
    )
    found: list[Statement] = []
    saved: dict[Load, Expr] = {}
    for s in body:
        if isinstance(s, Store) and (element := Load(s.buffer, s.index)) in wanted:
            x = saved[element] = Symbol(s.buffer.name, s.buffer.dtype)
            found += [Let(x, s.value), Store(s.buffer, s.index, x)]
        else:
            found.append(replaced(s, saved) if saved and isinstance(s, For) else s)
    return found


def _loads(loop: For) -> set[Load]:
    """Return the elements that the steps of a loop load."""
    return {x for s in inside(loop.body) for e in s.expressions() for x in loads(e)}


def _stored_once(body: Sequence[Statement]) -> set[Load]:
    """Return the elements that a block stores itself, of buffers that it stores to once.

    None of what pointers may point to, and none whose place or precision is another later on.
    """
    written = Counter(b.root for s in inside(body) for b, _ in s.writes())
    changed = {what for s in inside(body) for what in s.changes()}
    if any(buffer.role == "pointer" for buffer in written):
        return set()
    return {
        Load(s.buffer, s.index)
        for s in body
        if isinstance(s, Store)
        and written[s.buffer.root] == 1
        and s.buffer.root not in changed
        and computed(s.buffer.dtype) == s.buffer.dtype
        and not any(isinstance(x, Load) or x in changed for i in s.index for x in parts(i))
    }
