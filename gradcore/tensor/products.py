"""Products of vectors, matrices and stacks of them; all are reshaped into `Dot` and `MatMul`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import whole_number
from gradcore.language import LANGUAGE, is_sparse_matrix, word
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import normalized_axes
from gradcore.ops.shape import DimShuffle
from gradcore.ops.shape_values import SpecifyShape
from gradcore.tensor.reductions import sum as sum_
from gradcore.tensor.shapes import flatten, reshape, squeeze


@word
def dot(x: Any, y: Any) -> Variable:
    """Return the dot product, as NumPy's: over the last axis of x and the last but one of y.

    A scalar multiplies; vectors and matrices of any rank go, and sparse matrices
    (`gradcore.tensor.sparse`).

    >>> import gradcore.tensor as T
    >>> T.dot([[1, 2], [3, 4]], [1, 1]).eval().tolist()
    [3, 7]
    """
    if is_sparse_matrix(x) or is_sparse_matrix(y):
        return LANGUAGE["sparse_matmul"](x, y)
    a, b = as_variable(x), as_variable(y)
    if not a.ndim or not b.ndim:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return Dot()(a, b)
    return tensordot(a, b, [[a.ndim - 1], [max(b.ndim - 2, 0)]])


@word
def matmul(x: Any, y: Any) -> Variable:
    """Return ``x @ y``: products of the matrices in the last two axes, the others broadcasting.

    >>> import gradcore.tensor as T
    >>> T.matmul(T.ones((7, 2, 3)), T.ones((3, 4))).type
    TensorType(float64, (7, 2, 4))
    """
    if is_sparse_matrix(x) or is_sparse_matrix(y):
        return LANGUAGE["sparse_matmul"](x, y)
    a, b = as_variable(x), as_variable(y)
    if not a.ndim or not b.ndim:
        raise GraphTypeError(f"matmul takes no scalars: {a} and {b}", here(), "use *")
    if a.ndim <= 2 and b.ndim <= 2:
        return Dot()(a, b)
    if a.ndim == 1:
        return squeeze(MatMul()(a.dimshuffle("x", 0), b), -2)
    if b.ndim == 1:
        return squeeze(MatMul()(a, b.dimshuffle(0, "x")), -1)
    return MatMul()(a, b)


def batched_dot(x: Any, y: Any) -> Variable:
    """Return the dot products of the elements of ``x`` and ``y`` along their first axis.

    >>> import gradcore.tensor as T
    >>> T.batched_dot([[1, 2], [3, 4]], [[5, 6], [7, 8]]).eval().tolist()
    [17, 53]
    """
    a, b = as_variable(x), as_variable(y)
    if not a.ndim or not b.ndim:
        raise GraphTypeError(f"batched_dot takes no scalars: {a} and {b}", here())
    if a.ndim == 1 or b.ndim == 1:
        return _aligned(a, b.ndim) * _aligned(b, a.ndim)
    return batched_tensordot(a, b, [[a.ndim - 1], [max(b.ndim - 2, 1)]])


def _aligned(x: Variable, ndim: int) -> Variable:
    return x.dimshuffle(*range(x.ndim), *["x"] * (ndim - x.ndim))


def outer(x: Any, y: Any) -> Variable:
    """Return the products of all pairs of elements of the flat forms, a matrix.

    >>> import gradcore.tensor as T
    >>> T.outer([1, 2], [3, 4]).eval().tolist()
    [[3, 4], [6, 8]]
    """
    return flatten(x).dimshuffle(0, "x") * flatten(y).dimshuffle("x", 0)


def inner(x: Any, y: Any) -> Variable:
    """Return the sum product over the last axes of ``x`` and ``y``.

    >>> import gradcore.tensor as T
    >>> T.inner([[1, 2], [3, 4]], [5, 6]).eval().tolist()
    [17, 39]
    """
    a, b = as_variable(x), as_variable(y)
    return tensordot(a, b, [[a.ndim - 1], [b.ndim - 1]]) if a.ndim and b.ndim else a * b


@word
def tensordot(x: Any, y: Any, axes: Any = 2) -> Variable:
    """Return the sum product over pairs of axes: of ``axes[0]`` in x with ``axes[1]`` in y.

    axes : two lists of axes; or how many last axes of x and first of y.

    >>> import gradcore.tensor as T
    >>> T.tensordot(T.ones((2, 3, 4)), T.ones((4, 3, 5)), axes=[[1, 2], [1, 0]]).type
    TensorType(float64, (2, 5))
    """
    a, b = as_variable(x), as_variable(y)
    left, right = _paired_axes(axes, a.ndim, b.ndim, 0)
    rows = [axis for axis in range(a.ndim) if axis not in left]
    columns = [axis for axis in range(b.ndim) if axis not in right]
    pairs = dict(zip(right, left, strict=True))
    if not rows and not columns and _are_floats(a, b, pairs):
        return sum_(a * DimShuffle(tuple(right[left.index(axis)] for axis in range(a.ndim)))(b))
    b = _as_long(a, b, pairs)
    found = Dot()(_merged(a, [rows, left]), _merged(b, [right, columns]))
    extents_a, extents_b = extents_of(a), extents_of(b)
    shape = [*(extents_a[axis] for axis in rows), *(extents_b[axis] for axis in columns)]
    return found if len(rows) == len(columns) == 1 else reshape(found, shape)


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Variable:
    """Return the ``tensordot`` of the elements of ``x`` and ``y`` along their first axis.

    Axes are counted in ``x`` and ``y`` themselves; 0 is not among them.

    >>> import gradcore.tensor as T
    >>> T.batched_tensordot(T.ones((5, 2, 3)), T.ones((5, 3, 4)), axes=1).type
    TensorType(float64, (5, 2, 4))
    """
    a, b = as_variable(x), as_variable(y)
    left, right = _paired_axes(axes, a.ndim, b.ndim, 1)
    rows = [axis for axis in range(1, a.ndim) if axis not in left]
    columns = [axis for axis in range(1, b.ndim) if axis not in right]
    b = _as_long(a, b, dict(zip(right, left, strict=True)))
    found = MatMul()(_merged(a, [[0], rows, left]), _merged(b, [[0], right, columns]))
    extents_a, extents_b = extents_of(a), extents_of(b)
    shape = [*(extents_a[axis] for axis in (0, *rows)), *(extents_b[axis] for axis in columns)]
    return found if len(rows) == len(columns) == 1 else reshape(found, shape)


def _paired_axes(axes: Any, m: int, n: int, first: int) -> tuple[list[int], list[int]]:
    """Return the axes of x and y that are summed over, in pairs."""
    count = whole_number(axes)
    if count is not None:
        if count < 0 or count + first > min(m, n):
            raise GraphValueError(f"cannot sum over {count} axes of tensors of {m} and {n}", here())
        return list(range(m - count, m)), list(range(first, first + count))
    left, right = ([side] if isinstance(side, int) else list(side) for side in axes)
    if len(left) != len(right):
        raise GraphValueError(f"axes {axes} do not come in pairs", here())
    normalized_axes(tuple(left), m)
    normalized_axes(tuple(right), n)
    return [axis % m for axis in left], [axis % n for axis in right]


def _as_long(a: Variable, b: Variable, pairs: Mapping[int, int]) -> Variable:
    """Return ``b``, known to have the extents of ``a`` along axes that will be merged.

    pairs : for axes of ``b`` those of ``a``.  Of one pair, the product itself says it.
    """
    if len(pairs) < 2:
        return b
    given, extents = extents_of(a), list(extents_of(b))
    for axis, of_a in pairs.items():
        extents[axis] = given[of_a]
    return SpecifyShape("the extents of axes that are summed over must be equal")(b, *extents)


def _are_floats(a: Variable, b: Variable, pairs: Mapping[int, int]) -> bool:
    """Return whether the sum of all products of elements may be written elementwise.

    It may if there are several axes, no known 1 would be stretched, and a sum keeps its dtype.
    """
    ones = all((a.type.shape[j] == 1) == (b.type.shape[i] == 1) for i, j in pairs.items())
    return len(pairs) > 1 and ones and not (a.type.is_discrete or b.type.is_discrete)


def _merged(x: Variable, groups: Sequence[Sequence[int]]) -> Variable:
    """Return ``x`` with its axes brought into ``groups``, each merged into one axis."""
    order = tuple(axis for group in groups for axis in group)
    moved = x if order == tuple(range(x.ndim)) else DimShuffle(order)(x)
    if all(len(group) == 1 for group in groups):
        return moved
    extents = extents_of(x)
    return reshape(moved, [product(tuple(extents[axis] for axis in group)) for group in groups])


# einsum -----------------------------------------------------------------------------------------
@word
def einsum(subscripts: str, *operands: Any) -> Variable:
    """Return the sum product that ``subscripts`` describes, as NumPy's ``einsum``.

    Pairs of operands are contracted in the order that ``numpy.einsum_path`` finds for the extents
    that are known.

    >>> import gradcore.tensor as T
    >>> A, B = T.dmatrices("A", "B")
    >>> T.einsum("ij,kj->ik", A, B).eval({A: [[1, 2]], B: [[3, 4]]}).tolist()
    [[11.0]]
    """
    variables = [as_variable(x) for x in operands]
    terms, result = _parsed(subscripts, variables)
    pending = [_diagonalized(x, labels) for x, labels in zip(variables, terms, strict=True)]
    for step in _path(pending, result):
        taken = [pending.pop(k) for k in sorted(step, reverse=True)]
        while len(taken) > 1:
            left, right = taken.pop(), taken.pop()
            needed = set(result).union(*(labels for _, labels in (*pending, *taken)))
            taken.append(_contracted(left, right, needed))
        pending += taken
    ((x, labels),) = pending
    x, labels = _summed(x, labels, set(result))
    order = tuple(labels.index(label) for label in result)
    return x if order == tuple(range(x.ndim)) else DimShuffle(order)(x)


def _parsed(subscripts: str, operands: Sequence[Variable]) -> tuple[list[str], str]:
    """Return the labels of each operand and of the result; an ellipsis becomes capital letters."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(operands):
        raise GraphValueError(
            f"{subscripts!r} describes {len(terms)} operands, got {len(operands)}", here()
        )
    spare = [chr(c) for c in range(ord("Z"), ord("A") - 1, -1) if chr(c) not in subscripts]
    width = 0
    for k, (term, x) in enumerate(zip(terms, operands, strict=True)):
        if "..." in term:
            count = x.ndim - len(term) + 3
            if count < 0:
                raise GraphValueError(f"{term!r} has too many labels for {x} ({x.type})", here())
            width = max(width, count)
            terms[k] = term.replace("...", "".join(spare[:count][::-1]))
        if len(terms[k]) != x.ndim or not all(c.isalpha() for c in terms[k]):
            raise GraphValueError(f"{term!r} does not label the axes of {x} ({x.type})", here())
    ellipsis = "".join(spare[:width][::-1])
    if arrow:
        result = result.replace("...", ellipsis)
    else:
        counts = Counter("".join(terms))
        free = sorted(c for c, n in counts.items() if n == 1 and c not in ellipsis)
        result = ellipsis + "".join(free)
    unknown = set(result) - set("".join(terms))
    if unknown or len(set(result)) < len(result):
        raise GraphValueError(f"the result {result!r} of {subscripts!r} is not described", here())
    return terms, result


def _diagonalized(x: Variable, labels: str) -> tuple[Variable, str]:
    """Return ``x`` with axes of equal label replaced by their diagonal."""
    for label, count in Counter(labels).items():
        for _ in range(count - 1):
            i = labels.index(label)
            j = labels.index(label, i + 1)
            x = x.diagonal(0, i, j)
            labels = labels.replace(label, "", 2) + label
    return x, labels


def _path(pending: Sequence[tuple[Variable, str]], result: str) -> list[tuple[int, ...]]:
    """Return which operands to contract, in order; unknown extents count as 64."""
    if len(pending) == 1:
        return []
    # A label may name a known 1 in one operand, which broadcasts, and a larger extent in another.
    extents: dict[str, int] = {}
    for x, labels in pending:
        for label, n in zip(labels, x.type.shape, strict=True):
            extents[label] = max(extents.get(label, 1), 64 if n is None else n)
    models = [
        np.broadcast_to(np.empty(()), [extents[label] for label in labels]) for _, labels in pending
    ]
    described = ",".join(labels for _, labels in pending) + "->" + result
    return np.einsum_path(described, *models, optimize="greedy")[0][1:]


def _summed(x: Variable, labels: str, needed: set[str]) -> tuple[Variable, str]:
    """Return ``x`` summed over the labels that nothing needs."""
    axes = tuple(axis for axis, label in enumerate(labels) if label not in needed)
    if not axes:
        return x, labels
    return sum_(x, axes), "".join(label for label in labels if label in needed)


def _contracted(
    left: tuple[Variable, str], right: tuple[Variable, str], needed: set[str]
) -> tuple[Variable, str]:
    """Return the product of two operands, summed over labels that nothing else needs."""
    (a, labels_a), (b, labels_b) = left, right
    a, labels_a = _summed(a, labels_a, needed | set(labels_b))
    b, labels_b = _summed(b, labels_b, needed | set(labels_a))
    shared = [c for c in labels_a if c in labels_b]
    inner_labels = [c for c in shared if c not in needed]
    stretched = any(
        (a.type.shape[labels_a.index(c)] == 1) != (b.type.shape[labels_b.index(c)] == 1)
        for c in shared
    )
    pairs = {labels_b.index(c): labels_a.index(c) for c in shared}
    whole = len(pairs) == len(inner_labels) == a.ndim == b.ndim and _are_floats(a, b, pairs)
    if not inner_labels or stretched or whole:
        labels = labels_a + "".join(c for c in labels_b if c not in labels_a)
        product_ = _spread(a, labels_a, labels) * _spread(b, labels_b, labels)
        return _summed(product_, labels, needed)
    b = _as_long(a, b, pairs)
    batch = [c for c in shared if c in needed]
    rows = [c for c in labels_a if c not in shared]
    columns = [c for c in labels_b if c not in shared]
    groups_a = [[labels_a.index(c) for c in group] for group in (batch, rows, inner_labels)]
    groups_b = [[labels_b.index(c) for c in group] for group in (batch, inner_labels, columns)]
    extents = dict(zip(labels_b, extents_of(b), strict=True))
    extents.update(zip(labels_a, extents_of(a), strict=True))
    if batch:
        found = MatMul()(_merged(a, groups_a), _merged(b, groups_b))
    else:
        found = Dot()(_merged(a, groups_a[1:]), _merged(b, groups_b[1:]))
    labels = [*batch, *rows, *columns]
    return reshape(found, [extents[c] for c in labels]), "".join(labels)


def _spread(x: Variable, labels: str, wanted: str) -> Variable:
    """Return ``x`` with its axes in the places that ``wanted`` gives their labels."""
    return DimShuffle(tuple(labels.index(c) if c in labels else "x" for c in wanted))(x)
