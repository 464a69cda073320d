"""What kind of op a node has, for its colour: the families of `gradcore.ops`."""

from __future__ import annotations

from gradcore.graph import Op
from gradcore.ops.loop import Loop

KINDS = {
    "elementwise": "one element at a time",
    "reduction": "sums, products, extremes, over an axis or along it",
    "linear algebra": "products, factors, equations, spectra",
    "shape": "shapes, axes, copies: no arithmetic",
    "indexing": "parts of arrays, read or written; sorting",
    "loop": "a loop over steps",
    "jacobian": "a loop over unit vectors: a Jacobian that nothing has replaced by a product",
    "graph": "a function with a graph of its own: a branch, a derivative that is said otherwise",
    "random": "random numbers",
    "other": "an op of a user's own, a check, a print",
}
"""The kinds, and what they are."""

_FAMILIES = {
    "elementwise": "elementwise special differences exponentials functions logarithms parts",
    "reduction": "reduce cumulative",
    "linear algebra": (
        "linalg banded complements decompositions diagonals eigenvalues factors fourier inverses "
        "matrices schur schur_forms sparse sparse_solve spectra symmetric triangles windows"
    ),
    "shape": "axes create shape shape_values stacks complexes",
    "indexing": "index gathers sorting search sparse_patterns",
    "random": "draws threefry",
}
_BY_MODULE = {
    f"gradcore.ops.{module}": kind for kind, names in _FAMILIES.items() for module in names.split()
}


def kind_of(op: Op) -> str:
    """Return the kind of an op.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> [kind_of(v.owner.op) for v in (T.exp(x), x.sum(), T.dot(x, x), x[0])]
    ['elementwise', 'reduction', 'linear algebra', 'indexing']
    """
    if isinstance(op, Loop):
        return "loop" if op.seeds is None else "jacobian"
    if op.graphs:
        return "graph"
    return _BY_MODULE.get(type(op).__module__, "other")
