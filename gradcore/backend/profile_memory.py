"""What holds the memory of a compiled function: at the peak, and over time."""

from __future__ import annotations

from dataclasses import dataclass

from gradcore.backend.records import Records
from gradcore.graph import Apply, FunctionGraph, Variable


@dataclass
class MemoryUse:
    """What holds memory.

    peak : the most bytes at once, beside arguments and constants.
    alive : what is there then: the bytes, and of what nodes, the largest first.
    over_time : for each node or nest in turn, the bytes that are in use when it has run.
    """

    peak: int
    alive: list[tuple[int, tuple[Apply, ...]]]
    over_time: list[tuple[tuple[Apply, ...], int]]


def memory(records: Records) -> MemoryUse | None:
    """Return what holds memory, if it is known of each node or of each block of memory.

    The blocks that generated code works with are taken together, before it starts; over time, those
    are in use that hold what is still needed.
    """
    if records.buffers:
        used = sorted(((b.size, b.nodes) for b in records.buffers), key=lambda a: -a[0])
        in_turn = [(nest.nodes, sum(b.size for b in there)) for nest, there in records.in_use]
        return MemoryUse(sum(n for n, _ in used), used, in_turn)
    graph = records.graph
    if graph is None or not records.nodes:
        return None
    owner = _owners(records, graph)
    last = {owner.get(v, v): node for node in graph.nodes for v in node.inputs}
    final = {owner.get(v, v) for v in graph.outputs}
    alive: dict[Variable, int] = {}
    peak, most = 0, dict(alive)
    over_time: list[tuple[tuple[Apply, ...], int]] = []
    for node in graph.nodes:
        time = records.nodes.get(node)
        if time is not None:
            alive.update(zip(node.outputs, time.sizes, strict=False))
        total = sum(alive.values())
        over_time.append(((node,), total))
        if total > peak:
            peak, most = total, dict(alive)
        for v in (owner.get(v, v) for v in (*node.inputs, *node.outputs)):
            if v not in final and last.get(v, node) is node:
                alive.pop(v, None)
    found = [(n, (v.owner,)) for v, n in most.items() if n and v.owner is not None]
    return MemoryUse(peak, sorted(found, key=lambda a: -a[0]), over_time)


def _owners(records: Records, graph: FunctionGraph) -> dict[Variable, Variable]:
    """Return whose memory the results are that are views."""
    found: dict[Variable, Variable] = {}
    for node in graph.nodes:
        results = records.nodes[node].results if node in records.nodes else ()
        for v, (_, of) in zip(node.outputs, results, strict=False):
            if of is not None:
                found[v] = found.get(node.inputs[of], node.inputs[of])
    return found
