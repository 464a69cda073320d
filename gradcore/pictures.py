"""Pictures of graphs, drawn by graphviz where that is installed: ``pydotprint``, and in notebooks.

A notebook asks for `svg_of` and `html_of` a variable or a function: it shows the picture, or where
there is none the tree of ``debugprint``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradcore.errors import UnavailableError
from gradcore.graph import Apply, Constant, Variable, here, toposort
from gradcore.language import word
from gradcore.printing import debugprint, outputs_of
from gradcore.shared import SharedVariable

COLOURS = {"input": "#c8e6c9", "shared": "#b3e5fc", "constant": "#eeeeee", "output": "#ffcdd2"}


DOT = "dot"
"""The program of graphviz that draws."""

MOST_NODES = 100
"""How many nodes a picture in a notebook has at most: a larger one cannot be read."""

MOST_LINES = 200
"""How many lines a tree in a notebook has at most."""

LONGEST = 10.0
"""After how many seconds a drawing for a notebook is given up."""


def to_dot(graph: Any, with_ids: bool = False) -> str:
    """Return a graph in the language DOT: a box for each op, an ellipse for each value around.

    graph : a variable, a list of them, a graph, or a compiled function.
    with_ids : whether to number the nodes in the order in which they are computed.

    >>> import gradcore.tensor as T
    >>> print(to_dot(T.exp(T.dscalar("x")))) # doctest: +ELLIPSIS
    digraph {
      v0 [label="x TensorType(float64, scalar)", fillcolor="#c8e6c9", ...];
      n0 [label="exp", shape=box];
      v0 -> n0;
      ...
    }
    """
    return "\n".join(["digraph {", *(f"  {line};" for line in _lines(graph, with_ids)), "}"])


def _lines(graph: Any, with_ids: bool) -> Iterator[str]:
    outputs = outputs_of(graph)
    nodes: dict[Apply, str] = {}
    leaves: dict[Variable, str] = {}

    def leaf(v: Variable) -> Iterator[str]:
        if v not in leaves:
            leaves[v] = f"v{len(leaves)}"
            kind = "shared" if isinstance(v, SharedVariable) else "input"
            colour = COLOURS["constant" if isinstance(v, Constant) else kind]
            text = json.dumps(f"{v} {v.type}", ensure_ascii=False)
            yield f'{leaves[v]} [label={text}, fillcolor="{colour}", style=filled]'

    for k, node in enumerate(toposort(outputs)):
        for v in node.inputs:
            if v.owner is None:
                yield from leaf(v)
        nodes[node] = f"n{k}"
        text = json.dumps(f"{node.op} {k}" if with_ids else str(node.op), ensure_ascii=False)
        yield f"n{k} [label={text}, shape=box]"
        for place, v in enumerate(node.inputs):
            source = leaves[v] if v.owner is None else nodes[v.owner]
            label = f' [label="{place}"]' if len(node.inputs) > 1 else ""
            yield f"{source} -> n{k}{label}"
    for k, v in enumerate(outputs):
        if v.owner is None:
            yield from leaf(v)
        text = json.dumps(f"{v.name or 'output'} {v.type}", ensure_ascii=False)
        colour = COLOURS["output"]
        yield f'o{k} [label={text}, fillcolor="{colour}", style=filled]'
        yield f"{leaves[v] if v.owner is None else nodes[v.owner]} -> o{k}"


def pydotprint(
    fct: Any,
    outfile: Any = None,
    compact: bool = True,
    format: str = "png",
    with_ids: bool = False,
    high_contrast: bool = True,
    scan_graphs: bool = False,
    **options: Any,
) -> str:
    """Draw a graph into a file, and return the name of the file.

    fct : as of `to_dot`.
    outfile : the file; without an ending it takes that of ``format``; None: "graph".
    format : "dot" needs nothing; the others ("png", "svg", "pdf" ...) need graphviz.
    with_ids : as of `to_dot`.
    compact, high_contrast, scan_graphs, options : accepted as in Theano.

    Raises UnavailableError: graphviz's ``dot`` is not installed.
    """
    path = Path("graph" if outfile is None else outfile)
    if not path.suffix:
        path = path.with_suffix(f".{format}")
    text = to_dot(fct, with_ids)
    kind = path.suffix.removeprefix(".")
    if kind == "dot":
        path.write_text(text)
        return str(path)
    program = shutil.which(DOT)
    if program is None:
        raise UnavailableError(
            "pydotprint needs graphviz, whose program 'dot' is not installed",
            here(),
            "install graphviz, or write the text with format='dot'",
        )
    subprocess.run(  # noqa: S603 - the program that was found, on a text of ours
        [program, f"-T{kind}", "-o", str(path)], input=text.encode(), check=True
    )
    return str(path)


# notebooks --------------------------------------------------------------------------------------
@word
def svg_of(graph: Any) -> str | None:
    """Return a picture of a graph as SVG; None: graphviz is not there, or the graph is large.

    graph : as of `to_dot`.
    """
    program = shutil.which(DOT)
    if program is None or len(toposort(outputs_of(graph))) > MOST_NODES:
        return None
    try:
        drawn = subprocess.run(  # noqa: S603 - the program that was found, on a text of ours
            [program, "-Tsvg"], input=to_dot(graph).encode(), capture_output=True, check=True,
            timeout=LONGEST,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    text = drawn.stdout.decode()
    return text[max(text.find("<svg"), 0) :]


@word
def html_of(graph: Any) -> str | None:
    """Return the tree of a graph as HTML; None: there is a picture, which says more.

    graph : as of `to_dot`.
    """
    if svg_of(graph) is not None:
        return None
    text = debugprint(graph, file="str", print_type=True)
    lines = (text or "").splitlines()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"... and {len(lines) - MOST_LINES} lines more"]
    return f"<pre>{escaped(chr(10).join(lines))}</pre>"


def escaped(text: str) -> str:
    """Return text as HTML shows it.

    >>> escaped("a < b & c")
    'a &lt; b &amp; c'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
