"""The blocks of memory that a program works with: who has each in turn, and when it is in use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gradcore.graph import Apply
from gradcore.kernel.ir import Allocate, Buffer, Point, Program, Statement, Symbol
from gradcore.kernel.uses import Used, inside


def blocks(body: Sequence[Statement]) -> dict[Buffer, list[Buffer]]:
    """Return the blocks, by the buffer that has each first, with all buffers that have it."""
    found: dict[Buffer, list[Buffer]] = {}
    owner: dict[Buffer, Buffer] = {}
    for s in body:
        if isinstance(s, Allocate) and s.buffer.role == "work":
            first = s.buffer if s.reused is None else owner.get(s.reused, s.reused)
            owner[s.buffer] = first
            found.setdefault(first, []).append(s.buffer)
    return found


def blocks_in_use(
    parts: Sequence[Sequence[Statement]], known: Mapping[Buffer, Sequence[Buffer]]
) -> list[list[int]]:
    """Return for each part of a program which blocks have a value that it or a later one reads.

    parts : statements that run one after the other.
    known : the blocks; they are named by their places in it.
    """
    touched: dict[Buffer, list[int]] = defaultdict(list)
    pointed = _pointed(s for part in parts for s in inside(part))
    for k, part in enumerate(parts):
        used = Used().note([s for s in part if not isinstance(s, Allocate)])
        for buffer in (*used.buffers, *(x for x in used.changed if isinstance(x, Buffer))):
            for root in (buffer.root, *pointed.get(buffer.root, ())):
                touched[root].append(k)
    found: list[list[int]] = [[] for _ in parts]
    for number, holders in enumerate(known.values()):
        spans = [(min(touched[b]), max(touched[b])) for b in holders if b in touched]
        for k, each in enumerate(found):
            if any(first <= k <= last for first, last in spans):
                each.append(number)
    return found


def _pointed(statements: Iterable[Statement]) -> dict[Buffer, set[Buffer]]:
    """Return for each pointer the buffers that it may point to."""
    found: dict[Buffer, set[Buffer]] = defaultdict(set)
    for s in statements:
        if isinstance(s, Point):
            found[s.pointer.root].add(s.buffer.root)
    return {pointer: _reached(pointer, found) for pointer in found}


def _reached(pointer: Buffer, found: Mapping[Buffer, set[Buffer]]) -> set[Buffer]:
    """Return what a pointer may point to, also by others."""
    reached: set[Buffer] = set()
    waiting = [pointer]
    while waiting:
        more = found.get(waiting.pop(), set()) - reached
        reached |= more
        waiting += more
    return reached


def memory_map(program: Program, nodes: Sequence[Apply]) -> dict[Apply, str]:
    """Return for each node where its values are, as words.

    "block 1": in a block of memory that others may have before or after, or in one of a loop;
    "output 0"; "register"; "not stored": computed where they are read.
    """
    places: dict[Apply, dict[str, None]] = {node: {} for node in nodes}
    number: dict[Buffer, int] = {}
    for k, holders in enumerate(blocks(list(inside(program.body))).values()):
        number.update(dict.fromkeys(holders, k))
    outputs = {buffer: k for k, buffer in enumerate(program.outputs)}
    for what, made in program.made_by.items():
        for node in made:
            if node in places:
                places[node][_place(what, number, outputs)] = None
    return {node: ", ".join(words) or "not stored" for node, words in places.items()}


def _place(
    what: Symbol | Buffer, number: Mapping[Buffer, int], outputs: Mapping[Buffer, int]
) -> str:
    if isinstance(what, Symbol):
        return "register"
    root = what.root
    if root in outputs:
        return f"output {outputs[root]}"
    return f"block {number[root]}" if root in number else "part of another"
