"""In which order the nodes of a graph are lowered, which decides what fuses."""

from __future__ import annotations

from gradcore.graph import Apply, FunctionGraph


def lowering_order(graph: FunctionGraph) -> list[Apply]:
    """Return the nodes of a graph, elementwise ones just before the first that needs them.

    What is computed from what another loop has stored is better computed where it is used: it
    fuses with that, and nothing keeps it until then.  Of what one node needs, that comes first
    which depends on what was computed last: the rest may join any loop, and so the last one.
    """
    found: list[Apply] = []
    done: set[Apply] = set()
    since: dict[Apply, int] = {}
    results = set(graph.outputs)
    for place, node in enumerate(graph.nodes):
        since[node] = place
        if node.op.elementwise and results.isdisjoint(node.outputs):
            owners = [v.owner for v in node.inputs]
            since[node] = max((since.get(y, -1) for y in owners if y is not None), default=-1)
            continue
        stack = [node]
        while stack:
            x = stack[-1]
            owners = [v.owner for v in reversed(x.inputs)]
            missing = [y for y in owners if y is not None and y in since and y not in done]
            stack += sorted(missing, key=since.__getitem__)
            if not missing:
                stack.pop()
                if x not in done:
                    done.add(x)
                    found.append(x)
    return found
