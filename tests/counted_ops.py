"""Which ops a compiled function has, and whether some solve equations of any matrix."""

from collections import Counter

import gradcore
from gradcore.graph import inner_graphs
from gradcore.ops.decompositions import LU
from gradcore.ops.factors import Solve
from gradcore.ops.inverses import Determinant, Inverse, LogAbsDeterminant


def counted(inputs, outputs, mode="numpy"):
    """Return how many nodes there are of each class of ops, in loops too."""
    f = gradcore.function(inputs, outputs, mode=mode, on_unused_input="ignore")
    counts = Counter()

    def count(graph):
        for node in graph.nodes:
            counts[type(node.op)] += 1
            for inner in inner_graphs(node.op):
                count(inner)

    count(f.maker.fgraph)
    return counts


def has_general(counts):
    return any(counts[op] for op in (LU, Solve, Inverse, Determinant, LogAbsDeterminant))
