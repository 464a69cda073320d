"""Which lines of generated code compute a node.

The program of a function is printed again, by the renderer of its backend, with a mark at the end
of each line that a statement has made; the program knows which nodes the registers and buffers
that a statement sets are of (`gradcore.kernel.ir.Program.made_by`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from gradcore.backend import Backend
from gradcore.backend.loops import LoopBackend
from gradcore.graph import Apply, FunctionGraph
from gradcore.kernel.clocks import nodes_of
from gradcore.kernel.ir import Statement
from gradcore.kernel.text import watching

MARK = re.compile("\x01(\\d+)\x02")


def code_of(
    backend: Backend, graph: FunctionGraph, fallback: Collection[Apply] = ()
) -> tuple[str, Mapping[Apply, Sequence[int]]] | None:
    """Return the text that a graph becomes, and for nodes the numbers of lines that compute them.

    None: the backend generates no text.
    """
    if not isinstance(backend, LoopBackend):
        return None
    program = backend.lowered(graph, fallback)
    printed: list[Sequence[Apply]] = []

    def mark(s: Statement, lines: list[str], start: int) -> None:
        nodes = () if s.contains else nodes_of([s], program.made_by)
        if nodes:
            text = f"\x01{len(printed)}\x02"
            printed.append(nodes)
            lines[start:] = [line + text for line in lines[start:]]

    with watching(mark):
        text = backend.renderer().render(program).text
    lines: dict[Apply, list[int]] = {}
    clean: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        for place in MARK.findall(line):
            for node in printed[int(place)]:
                lines.setdefault(node, []).append(number)
        clean.append(MARK.sub("", line))
    return "\n".join(clean), lines
