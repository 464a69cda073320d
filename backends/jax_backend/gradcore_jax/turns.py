"""Programs that run one at a time, for several at once may wait for each other for ever.

On a CPU, XLA runs programs, and calls within them, in as many threads as there are processors.  Two
kinds of calls wait there for work that other threads of the same pools do: a callback for copies of
its operands (https://github.com/jax-ml/jax/issues/24255), and a factorization of a stack for those
of its matrices that it shares out.  Where such calls have all threads, none ends.
"""

from __future__ import annotations

import threading

from gradcore.graph import FunctionGraph, inner_graphs
from gradcore.ops.complements import Complement
from gradcore.ops.decompositions import LU, QR
from gradcore.ops.matrices import Attempt
from gradcore_jax.scalars import ON_HOST

TURN = threading.RLock()
"""Whoever runs a program that waits has it until the results are there."""

FACTORIZATIONS = (Attempt, LU, QR, Complement)


def waits(graph: FunctionGraph) -> bool:
    """Return whether a program of ``graph`` waits for other threads of XLA."""
    return any(
        isinstance(node.op, FACTORIZATIONS)
        or node.op in ON_HOST
        or any(map(waits, inner_graphs(node.op)))
        for node in graph.nodes
    )
