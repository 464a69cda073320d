"""What is an expression of matrices, and how many of its axes are rows.

A Jacobian of tensors is a matrix: its first axes, those of what is differentiated, are its *rows*,
the others, those of what it is differentiated by, its *columns*.  What is made of it is a matrix
still where rows and columns are separate (`rows_of`), and where each element is linear in the
elements at its place (`linear_form`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradcore.graph import Apply, Extent, Variable
from gradcore.graph.extents import product
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.ops.control import IfElse
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.linalg import Dot
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import maximum, mul, switch
from gradcore.ops.shape import DimShuffle, Join, Reshape
from gradcore.ops.shape_values import SpecifyShape
from gradcore.rewrite.canonical.stage import is_zero
from gradcore.rewrite.jacobians.linear_maps import in_normal_form
from gradcore.rewrite.jacobians.outer_products import outer_products


def rows_of(node: Apply, known: Mapping[Variable, int]) -> int | None:
    """Return how many axes of the output of ``node`` are rows of a matrix; None: it is none.

    known : the expressions of matrices so far, and how many of their axes are rows.
    """
    if len(node.outputs) != 1:
        return None
    op = node.op
    own = [v for v in node.inputs if v in known]
    if isinstance(op, Elementwise):
        return None if linear_form(node, known) is None else known[own[0]]
    if isinstance(op, (Dot, Join)):
        return _rows_of_several(node, known)
    if isinstance(op, IfElse):
        return _rows_of_choice(node, known)
    x, *others = node.inputs
    if own != [x] or x.type.dtype != node.out.type.dtype or not known.keys().isdisjoint(others):
        return None
    r = known[x]
    if isinstance(op, DimShuffle):
        return _rows_of_order(op, x.ndim, r)
    if isinstance(op, Reshape):
        return _rows_of_shape(node, r)
    if isinstance(op, Reduce) and op.kind == "sum":
        return r - sum(axis < r for axis in op.axes)
    if isinstance(op, Subtensor):
        return _rows_of_part(op, others, r)
    return r if isinstance(op, SpecifyShape) and 0 < r < x.ndim else None


def _rows_of_part(op: Subtensor, indices: Sequence[Variable], r: int) -> int | None:
    """Return the number of rows' axes of a part: by slices and numbers, or by an array alone."""
    arrays = op.pattern.count(Slot.ARRAY)
    numbers = [isinstance(entry, int) or entry is Slot.SCALAR for entry in op.pattern]
    if None in op.pattern or arrays > 1 or (arrays and any(numbers)):
        return None
    if Slot.ARRAY in op.pattern[:r]:
        return r - 1 + max(v.ndim for v in indices)
    return r - sum(numbers[:r])


def _rows_of_choice(node: Apply, known: Mapping[Variable, int]) -> int | None:
    """Return the number of rows' axes of one of two matrices."""
    condition, *branches = node.inputs
    found = {known[v] for v in branches if v in known}
    matrices = len(found) == 1 and 0 < min(found) < branches[0].ndim
    return found.pop() if matrices and condition not in known else None


def _rows_of_several(node: Apply, known: Mapping[Variable, int]) -> int | None:
    """Return the number of rows' axes of a product of matrices, or of what is joined."""
    if any(v.type.dtype != node.out.type.dtype for v in node.inputs):
        return None  # in another dtype, products are rounded otherwise
    found = {known[v] for v in node.inputs if v in known}
    if len(found) > 1 or found == {node.inputs[0].ndim}:
        return None
    (r,) = found
    if isinstance(node.op, Dot) and _is_by_vector(node, known):
        return None
    matrices = r == 1 and all(v.ndim == 2 for v in node.inputs)
    return r if isinstance(node.op, Join) or matrices else None


def _is_by_vector(node: Apply, known: Mapping[Variable, int]) -> bool:
    """Return whether one factor is a row or a column, so that this is a product with a vector."""
    left, right = node.inputs
    of_row = left not in known and left.ndim == 2 and left.broadcastable[0]
    return of_row or (right not in known and right.ndim == 2 and right.broadcastable[1])


def _rows_of_order(op: DimShuffle, ndim: int, r: int) -> int | None:
    """Return the number of rows' axes of a transposition that keeps rows and columns together."""
    axes = [axis for axis in op.order if isinstance(axis, int)]
    if len(axes) < ndim or r in (0, ndim):
        return None
    first = r if axes[0] < r else ndim - r
    if len({axis < r for axis in axes[:first]}) > 1:
        return None
    return op.order.index(axes[first])


def _rows_of_shape(node: Apply, r: int) -> int | None:
    """Return the number of rows' axes after a reshape, if it mixes no rows with columns."""
    x = node.inputs[0]
    before, after = extents_of(x), node.shapes[0]
    if r == len(before):
        return len(after)
    for k in range(1, len(after)):
        if same_product(before[:r], after[:k]) or same_product(before[r:], after[k:]):
            return k
    return None


def same_product(left: Sequence[Extent], right: Sequence[Extent]) -> bool:
    """Return whether products of extents are known to be the same."""
    found = quotient(left, right)
    return isinstance(found, int) and found == 1


def quotient(extents: Sequence[Extent], divisors: Sequence[Extent]) -> Extent | None:
    """Return the product of extents, divided by that of others; None: no extent is known to be.

    Without elements, products are the same whatever their other extents are: that says nothing.

    >>> import gradcore.tensor as T
    >>> n = T.lscalar("n")
    >>> quotient((6, n), (n, 3)), quotient((6, n), (4,)), quotient((6,), (n,)), quotient((0,), (0,))
    (2, None, None, None)
    """
    found = in_normal_form(*extents, *divisors)
    number, factors = _factors_of(found[: len(extents)])
    by, others = _factors_of(found[len(extents) :])
    for n in others:
        k = next((k for k, m in enumerate(factors) if m is n), None)
        if k is None:
            return None
        del factors[k]
    return None if not by or number % by else product((number // by, *factors))


def _factors_of(extents: Sequence[Variable]) -> tuple[int, list[Variable]]:
    """Return a number, and variables, whose product is that of extents."""
    pending = list(extents)
    number, found = 1, list[Variable]()
    while pending:
        n = pending.pop()
        made = n.owner
        value = constant_extent(n)
        if value is not None:
            number *= value
        elif made is not None and made.op is mul:
            pending += made.inputs
        elif made is not None and made.op is maximum and any(map(is_zero, made.inputs)):
            pending += [v for v in made.inputs if not is_zero(v)]
        else:
            found.append(n)
    return number, found


# linear elementwise operations ------------------------------------------------------------------
@dataclass(frozen=True)
class LinearForm:
    """How an elementwise op is linear in matrices.

    scaled : the operand that the others scale; None: it is linear in all of them together.
    scales : by what, and whether that scales the rows; None: it scales all.
    chooses : the same of the condition by which it takes rows, columns, or all, of one or the other
        of its operands; None: it takes all that there are.
    """

    scaled: int | None = None
    scales: Sequence[tuple[bool | None, Variable]] = ()
    chooses: tuple[bool | None, Variable] | None = None


def linear_form(node: Apply, known: Mapping[Variable, int]) -> LinearForm | None:
    """Return how an elementwise op is linear in the expressions that it reads; None: it is not."""
    out = node.out
    own = {i for i, v in enumerate(node.inputs) if v in known}
    whole = {i for i, v in enumerate(node.inputs) if v.broadcastable == out.broadcastable}
    rows = {known[node.inputs[i]] for i in own}
    if not own <= whole or len(rows) != 1:
        return None
    same = {i for i, v in enumerate(node.inputs) if v.type.dtype == out.type.dtype}
    if node.op is switch:
        return _choice(node, rows.pop()) if own <= same and 0 not in own else None
    for together in node.op.derivative.linear_in(node):
        if not own <= set(together) or not own <= same:
            continue
        if len(together) == len(node.inputs) == len(whole) == len(same):
            return LinearForm()
        if len(together) == 1 and len(node.inputs) == 2:
            (i,) = own
            scales = _scales(node.inputs[1 - i], out, rows.pop())
            return None if scales is None else LinearForm(i, scales)
    return None


def _choice(node: Apply, r: int) -> LinearForm | None:
    """Return how `switch` takes rows or columns of matrices, or of zeros."""
    condition, *branches = node.inputs
    out = node.out
    whole = all(
        is_zero(v) or (v.broadcastable == out.broadcastable and v.dtype == out.dtype)
        for v in branches
    )
    scales = _scales(condition, out, r) if whole else None
    return None if scales is None or len(scales) > 1 else LinearForm(chooses=scales[0])


def _scales(x: Variable, out: Variable, r: int) -> Sequence[tuple[bool | None, Variable]] | None:
    """Return ``x`` as factors, each of which scales rows, columns, or all; None: it is none.

    Only a factor that is written as a product is one of several: ``u[:, None] * v``, or a part or
    the transpose of that.
    """
    lead = out.ndim - x.ndim
    varying = [lead + axis for axis, one in enumerate(x.broadcastable) if not one]
    if not varying:
        return [(None, DimShuffle(())(x))]
    for of_rows, axes in ((True, range(r)), (False, range(r, out.ndim))):
        if all(axis in axes for axis in varying):
            order = ("x" if axis < lead else axis - lead for axis in axes)
            return [(of_rows, DimShuffle(tuple(order))(x))]
    made = x.owner
    vectors = outer_products(x) if x.dtype == out.dtype else []
    if out.ndim == 2 and len(vectors) == 1:
        return [(True, vectors[0][0]), (False, vectors[0][1])]
    if made is None or made.op is not mul or any(v.dtype != out.dtype for v in made.inputs):
        return None
    found: list[tuple[bool | None, Variable]] = []
    for v in made.inputs:
        scales = _scales(v, out, r)
        if scales is None:
            return None
        found += scales
    return found
