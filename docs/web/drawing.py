"""Draws graphs as SVG: the flowcharts of Mermaid that the pages have, and graphs of variables.

GitHub draws Mermaid by a program that it fetches; a site without network needs pictures.  They go
from top to bottom, as narrow screens do.  Layers are longest paths, crossings are reduced by
barycenters, and nodes are moved towards their neighbours: K. Sugiyama, S. Tagawa and M. Toda,
"Methods for visual understanding of hierarchical system structures" (1981).  Colours are those of
the page, by CSS.
"""

from __future__ import annotations

import html
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

NODE = re.compile(r'(\w+)(?:(\(\[|\[)"(.*?)"(?:\]\)|\]))?')
LETTER, LINE, GAP, BETWEEN = 7.2, 17, 22, 30
"""In pixels: the width of a letter, the height of a line, what is between nodes and layers."""

MOST_LETTERS = 26
"""How long a line of a node is at most."""

SWEEPS = 12

LEAST = 0.6
"""How much smaller than its size a picture may be shown: below, it is scrolled."""


@dataclass
class Graph:
    """A graph to draw.

    texts : what stands in each node.
    edges : pairs of nodes.
    kinds : a class of CSS for some nodes.
    """

    texts: dict[str, str] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)


def mermaid(text: str) -> Graph:
    r"""Read a flowchart of Mermaid, of nodes ``a["text"]``, ``a(["text"])`` and edges ``a --> b``.

    >>> found = mermaid('flowchart LR\n  a["first"] --> b\n  b --> c(["last"])')
    >>> found.texts, found.edges
    ({'a': 'first', 'b': 'b', 'c': 'last'}, [('a', 'b'), ('b', 'c')])
    """
    found = Graph()
    for line in text.strip().splitlines()[1:]:
        ends: list[str] = []
        for part in line.split("-->"):
            match = NODE.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"no node of a flowchart: {part}")
            name, shape, shown = match.groups()
            if shown is not None or name not in found.texts:
                found.texts[name] = shown if shown is not None else name
            if shape == "([":
                found.kinds[name] = "round"
            ends.append(name)
        found.edges += itertools.pairwise(ends)
    return found


# layout -----------------------------------------------------------------------------------------
def layers(graph: Graph) -> dict[str, int]:
    """Return the layer of each node: behind all from which edges come.

    Raises ValueError: there is a cycle.
    """
    before: dict[str, list[str]] = {name: [] for name in graph.texts}
    for source, target in graph.edges:
        before[target].append(source)
    found: dict[str, int] = {}
    left = list(graph.texts)
    while left:
        ready = [name for name in left if all(source in found for source in before[name])]
        if not ready:
            raise ValueError(f"a cycle among {left}")
        for name in ready:
            found[name] = max((found[source] + 1 for source in before[name]), default=0)
        left = [name for name in left if name not in found]
    return found


def _with_bends(graph: Graph, layer: dict[str, int]) -> list[list[str]]:
    """Return each edge as a path of one node a layer, and put the bends into ``layer``."""
    paths: list[list[str]] = []
    for k, (source, target) in enumerate(graph.edges):
        bends = [f"bend {k} {at}" for at in range(layer[source] + 1, layer[target])]
        layer.update(zip(bends, range(layer[source] + 1, layer[target]), strict=True))
        paths.append([source, *bends, target])
    return paths


def _ordered(layer: Mapping[str, int], near: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the nodes of each layer, in an order with few crossings."""
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name, at in layer.items():
        rows[at].append(name)
    place = {name: k / len(row) for row in rows for k, name in enumerate(row)}
    for sweep in range(SWEEPS):
        step = 1 if sweep % 2 == 0 else -1
        for row in rows[::step]:
            centre = {}
            for name in row:
                at = layer[name] - step
                others = [place[o] for o in near[name] if layer[o] == at]
                centre[name] = sum(others) / len(others) if others else place[name]
            row.sort(key=centre.__getitem__)
            place.update((name, (k + 0.5) / len(row)) for k, name in enumerate(row))
    return rows


def _placed(
    rows: Sequence[Sequence[str]], near: Mapping[str, list[str]], width: Mapping[str, float]
) -> dict[str, float]:
    """Return where the centre of each node is along its layer."""
    found: dict[str, float] = {}
    for row in rows:
        at = 0.0
        for name in row:
            found[name] = at + width[name] / 2
            at += width[name] + GAP
    for sweep in range(4 * SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [sum(found[o] for o in near[n]) / max(1, len(near[n])) if near[n] else found[n]
                      for n in row]  # fmt: skip
            _separate(row, wanted, width, found)
    least = min(found[name] - width[name] / 2 for name in found)
    return {name: at - least for name, at in found.items()}


def _separate(
    row: Sequence[str], wanted: Sequence[float], width: Mapping[str, float], found: dict[str, float]
) -> None:
    """Move the nodes of a layer to where they want to be, as far as those beside them allow.

    Nodes that would overlap form a block, which stands where they want to be on average.
    """
    blocks: list[tuple[float, list[str], list[float]]] = []
    for name, want in zip(row, wanted, strict=True):
        blocks.append((want, [name], [0.0]))
        while len(blocks) > 1:
            (left, names, shifts), (right, more, others) = blocks[-2:]
            distance = (width[names[-1]] + width[more[0]]) / 2 + GAP
            if left + shifts[-1] + distance <= right + others[0]:
                break
            moved = [shifts[-1] + distance + o - others[0] for o in others]
            total = left * len(names) + sum(
                right + o - m for o, m in zip(others, moved, strict=True)
            )
            both = [*names, *more]
            blocks[-2:] = [(total / len(both), both, [*shifts, *moved])]
    for start, names, shifts in blocks:
        found.update((name, start + shift) for name, shift in zip(names, shifts, strict=True))


# pictures ---------------------------------------------------------------------------------------
def svg(graph: Graph, label: str) -> str:
    """Return a picture of ``graph``; ``label`` says what it shows, for people who cannot see it."""
    lines = {name: textwrap.wrap(text, MOST_LETTERS) or [""] for name, text in graph.texts.items()}
    width_of = {n: max(map(len, t)) * LETTER + 20 for n, t in lines.items()}
    height_of = {n: len(t) * LINE + 12.0 for n, t in lines.items()}
    layer = layers(graph)
    paths = _with_bends(graph, layer)
    near: dict[str, list[str]] = {name: [] for name in layer}
    for path in paths:
        for a, b in itertools.pairwise(path):
            near[a].append(b)
            near[b].append(a)
    rows = _ordered(layer, near)
    place = _placed(rows, near, {name: width_of.get(name, 2.0) for name in layer})
    deep, at = [], 0.0
    for row in rows:
        thick = max(height_of.get(name, 0.0) for name in row)
        deep.append((at, thick))
        at += thick + BETWEEN

    def point(name: str, side: float) -> tuple[float, float]:
        start, thick = deep[layer[name]]
        middle, half = start + thick / 2, height_of.get(name, thick) / 2
        return place[name] + 4, middle + side * half + 4

    width = max(place[n] + width_of.get(n, 2.0) / 2 for n in layer) + 8
    height = at - BETWEEN + 8
    body = [_edge([(point(n, -1), point(n, 1)) for n in path]) for path in paths]
    for name, text in lines.items():
        body += _node(
            point(name, 0), (width_of[name], height_of[name]), text, graph.kinds.get(name, "")
        )
    return (
        f'<div class="drawing"><svg role="img" aria-label="{html.escape(label)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width: {width:.0f}px; min-width: {width * LEAST:.0f}px">'
        f"<title>{html.escape(label)}</title>{''.join(body)}</svg></div>"
    )


def _edge(ends: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> str:
    """Return a curve from the end of the first node to the start of the last one, by the bends."""
    (x, y) = ends[0][1]
    text = f"M{x:.1f} {y:.1f}"
    for first, last in ends[1:]:
        (a, b) = first
        middle = (y + b) / 2
        text += f"C{x:.1f} {middle:.1f} {a:.1f} {middle:.1f} {a:.1f} {b:.1f}"
        if last is not ends[-1][1]:
            x, y = last
            text += f"L{x:.1f} {y:.1f}"
    a, b = ends[-1][0]
    head = f"M{a - 4:.1f} {b - 7:.1f}L{a:.1f} {b:.1f}L{a + 4:.1f} {b - 7:.1f}"
    return f'<path d="{text}{head}"/>'


def _node(
    centre: tuple[float, float], size: tuple[float, float], text: Sequence[str], kind: str
) -> Iterator[str]:
    (x, y), (w, h) = centre, size
    radius = h / 2 if kind == "round" else 5
    yield (
        f'<rect class="{kind}" x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" '
        f'height="{h:.1f}" rx="{radius:.1f}"/>'
    )
    for k, line in enumerate(text):
        at = y + (k - (len(text) - 1) / 2) * LINE + 4.5
        yield f'<text x="{x:.1f}" y="{at:.1f}">{html.escape(line)}</text>'
