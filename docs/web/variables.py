"""Graphs of variables as drawings: what is written, and what runs."""

from __future__ import annotations

from typing import Any

from drawing import Graph, svg

import gradcore
from gradcore import tensor
from gradcore.graph import Constant, Variable, toposort
from gradcore.printing import outputs_of, pp


def drawn(graph: Any) -> Graph:
    """Return a variable, several, or a compiled function as a graph to draw."""
    outputs: list[Variable] = outputs_of(graph)
    found = Graph()
    names: dict[Any, str] = {}

    def leaf(v: Variable, k: int) -> str:
        constant = isinstance(v, Constant)
        name = f"{'c' if constant else 'v'}{len(found.texts)}"
        found.texts[name] = (
            pp(v).removeprefix("TensorConstant{").rstrip("}") if constant else str(v)
        )
        found.kinds[name] = "constant round" if constant else "input round"
        return name

    for k, node in enumerate(toposort(outputs)):
        names[node] = name = f"n{k}"
        found.texts[name] = str(node.op)
        for v in node.inputs:
            if v.owner is not None:
                source = names[v.owner]
            elif isinstance(v, Constant):  # one each time, so that none has lines all over
                source = leaf(v, k)
            else:
                source = names.setdefault(v, "") or leaf(v, k)
                names[v] = source
            found.edges.append((source, name))
    for v in outputs:
        if v.owner is not None:
            found.kinds[names[v.owner]] = "output"
    return found


def written_and_run() -> str:
    """Return two drawings, side by side: a gradient as it is written, and as it runs."""
    x = tensor.dvector("x")
    gradient = tensor.grad(tensor.sum(tensor.log(1 + tensor.exp(x))), x)
    f = gradcore.function([x], gradient, mode="numpy")
    figures = (
        (gradient, "what is written: T.grad(T.sum(T.log(1 + T.exp(x))), x)"),
        (f, "what runs: the optimizer has found the logistic function"),
    )
    shown = (
        f"<figure>{svg(drawn(graph), said)}<figcaption>{said}</figcaption></figure>"
        for graph, said in figures
    )
    return f'<div class="beside">{"".join(shown)}</div>'
