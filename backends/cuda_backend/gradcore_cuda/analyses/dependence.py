"""Dependence analysis: which elements the steps of a loop touch, and whether they meet there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from gradcore.kernel.device import AtomicAdd
from gradcore.kernel.ir import (
    Buffer,
    Check,
    Expr,
    For,
    Load,
    Statement,
    Store,
    Symbol,
    loads,
    parts,
)
from gradcore.kernel.uses import declared, expressions, inside, registers_set, stored
from gradcore_cuda.analyses.aliases import Aliases
from gradcore_cuda.loops import (
    collapsed,
    depends,
    first_of,
    innermost,
    on_elements,
    sets,
    shareable,
)
from gradcore_cuda.target import GpuTarget


class Dependence:
    """What the steps of loops have to do with one another.

    aliases : which buffers may have the same memory.
    target : how much of them a block takes to shared memory.
    """

    def __init__(self, aliases: Aliases, target: GpuTarget) -> None:
        self.aliases = aliases
        self.target = target

    def interchanged(self, s: For) -> For | None:
        """Return a loop with the loops directly in it around it, if their steps share nothing."""
        if len(s.body) != 1 or not isinstance(s.body[0], For) or not shareable(s.body[0]):
            return None
        loops, body = collapsed(s.body[0])
        if any(x.reductions for x in loops) or any(depends(x.extent, s) for x in loops):
            return None
        if not all(_in_turn(x) or isinstance(x, Check) for x in inside(body)):
            return None
        if not self.separate([x.index.final for x in loops], body):
            return None
        made = For(s.index, s.extent, body, True, s.reductions)
        for x in reversed(loops):
            made = For(x.index, x.extent, [made], parallel=x is loops[0])
        return made

    def separate(self, symbols: Sequence[Symbol], body: Sequence[Statement]) -> bool:
        """Return whether a step touches, of what any of them changes, elements of its own alone.

        symbols : the numbers of a step.  What steps add to may be anywhere, if none reads it.
        """
        places: dict[Buffer, set[object]] = {}
        written: set[Buffer] = set()
        added: set[Buffer] = set()
        for x in inside(body):
            accesses = [(y.buffer, y.index) for e in expressions(x) for y in loads(e)]
            if isinstance(x, AtomicAdd):
                added.add(self.aliases.memory(x.buffer))
            else:
                accesses += [(buffer, index or ()) for buffer, index in x.writes()]
                written |= {self.aliases.memory(buffer) for buffer, _ in x.writes()}
            for buffer, index in accesses:
                axes = tuple(index.index(i) if i in index else -1 for i in symbols)
                places.setdefault(self.aliases.memory(buffer), set()).add(
                    None if -1 in axes else (buffer, axes)
                )
        alone = all(len(places[m]) == 1 and None not in places[m] for m in written)
        return alone and added.isdisjoint(places)

    def tiled(self, s: For, known: Callable[[Expr], bool]) -> tuple[For, list[Load]] | None:
        """Return the loop along which elements lie that the innermost one of a nest jumps over.

        With the elements; None: there are none, or the nest is not one of independent stores.
        """
        loops, body = collapsed(s)
        if any(x.reductions or not known(x.extent) for x in loops) or any(
            not _in_turn(x) for x in inside(body)
        ):
            return None
        last = loops[-1].index.final
        stores = list(stored(body))
        if any(not x.index or x.index[-1] != last for x in stores):
            return None
        written = {self.aliases.memory(x.buffer) for x in stores}
        found: dict[Load, None] = {}
        for outer in loops[:-1]:
            first, symbols = outer.index.final, {x.index.final for x in loops}
            for x in inside(body):
                for y in (y for e in expressions(x) for y in loads(e)):
                    if (
                        y.index
                        and y.index[-1] == first
                        and last in y.index
                        and len(set(y.index)) == len(y.index)
                        and symbols.issuperset(y.index)
                        and self.aliases.memory(y.buffer) not in written
                    ):
                        found[y] = None
            if found:
                return outer, list(found)[: self.target.tile_arrays]
        return None

    def owner(self, s: For) -> Load | None:
        """Return the element that a step changes, if data index it and steps are independent."""
        made = declared(s.body)
        for x in inside(s.body):
            if not (on_elements(x) or (isinstance(x, For) and not x.ordered)):
                return None
        places = {Load(x.buffer, first_of(x.index, made)) for x in stored(s.body)}
        if len(places) != 1 or not made.issuperset(registers_set(s.body)):
            return None
        (place,) = places
        memory = self.aliases.memory(place.buffer)
        inner = [y for i in place.index for y in loads(i)]
        if not inner or any(y in made for i in place.index for y in parts(i)):
            return None
        for x in inside(s.body):
            for e in expressions(x):
                for y in loads(e):
                    if self.aliases.memory(y.buffer) is memory and (
                        y in inner or Load(y.buffer, first_of(y.index, made)) != place
                    ):
                        return None
        return place

    def register_elements(self, columns: For) -> dict[Load, Symbol]:
        """Return the elements that the innermost of interchanged loops may store in registers."""
        ordered = innermost(columns)[-1]
        return self.places(ordered, (ordered.index.final,))

    def places(self, loop: For, moving: Collection[Expr] = ()) -> dict[Load, Symbol]:
        """Return the elements that a step stores, with registers for them.

        They must be all that it touches of their memory.

        moving : what their indices must not depend on.
        """
        found: dict[Load, Symbol] = {}
        for s in inside(loop.body):
            if isinstance(s, Store) and not any(
                y in moving or isinstance(y, Load) or sets(y, loop)
                for i in s.index
                for y in parts(i)
            ):
                place = Load(s.buffer, s.index)
                found.setdefault(place, Symbol(s.buffer.name, s.buffer.dtype))
        memories = {self.aliases.memory(x.buffer) for x in found}
        read = [y for s in inside(loop.body) for e in expressions(s) for y in loads(e)]
        touched = {
            x for x in (*stored(loop.body), *read) if self.aliases.memory(x.buffer) in memories
        }
        return found if touched == set(found) and len(memories) == len(found) else {}


def _in_turn(s: Statement) -> bool:
    """Return whether a statement computes with elements, each of which a step has at a time."""
    return on_elements(s) and not isinstance(s, AtomicAdd)
