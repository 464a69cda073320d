"""Jacobians and Hessians as sparse matrices, evaluated by compressed seeds.

What is not zero is read off the graph once (`gradcore.gradient.patterns`), columns or rows that one
product can give together are found (`gradcore.gradient.colouring`), and the nonzeros are gathered
from those products at places that are constants.  So the data are an ordinary tensor: they compile,
differentiate and run on all backends, and what surrounds them never changes.

The decision: a product for each colour, in one loop over the seeds, which the rewriter turns into
ops over all of them at once; few products stand side by side, where one generated loop computes
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcore.derive import direction_dtype
from gradcore.errors import GraphTypeError, GraphValueError, NotScalarError, ShapeError
from gradcore.gradient.arguments import (
    Variables,
    like,
    real_alone,
    require_connection,
    variables_of,
)
from gradcore.gradient.colouring import (
    Colouring,
    Colours,
    hessian_colouring,
    jacobian_colouring,
    seeds,
)
from gradcore.gradient.local_patterns import Pattern, rows_of, sparse
from gradcore.gradient.marks import consider_constant as as_constant
from gradcore.gradient.modes import Lop, Rop, grad
from gradcore.gradient.patterns import jacobian_pattern
from gradcore.graph import Constant, Variable, as_variable, here, substitute
from gradcore.graph.composite import Composite
from gradcore.graph.nodes import extents_of
from gradcore.ops.shape_values import SpecifyShape
from gradcore.scan import scan
from gradcore.tensor.creation import zeros
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import concatenate, flatten, reshape

MOST_PRODUCTS_SIDE_BY_SIDE = 8
"""Up to so many products stand side by side in the graph; more are a loop."""


@dataclass(frozen=True, eq=False)
class SparseMatrix(Composite):
    """A sparse matrix of which the data are a tensor of a graph, in compressed sparse rows (CSR).

    As an output of a function it is a ``scipy.sparse.csr_array``.

    data : a vector, one element for each that may be other than zero, row by row.
    indices : their columns, in ascending order within a row.
    indptr : where each row begins in ``data``, and where the last one ends.
    shape : the number of rows and columns: the sizes of what was differentiated and of the
        variable, whose axes are flattened in C order.
    products : how many products with seeds ``data`` take, forward and reverse.

    >>> import gradcore.tensor as T
    >>> x = T.tensor("x", "float64", (3,))
    >>> J = T.sparse_jacobian(x[1:] * x[:-1], x)
    >>> J.shape, J.indices.tolist(), J.indptr.tolist(), sum(J.products)
    ((2, 3), [0, 1, 1, 2], [0, 2, 4], 2)
    """

    data: Variable
    indices: NDArray[np.integer[Any]]
    indptr: NDArray[np.integer[Any]]
    shape: tuple[int, int]
    products: tuple[int, int]

    @property
    def nnz(self) -> int:
        """How many elements there are."""
        return int(self.indptr[-1])

    @cached_property
    def tensors(self) -> tuple[Variable, Variable, Variable]:
        """Data, indices and indptr as tensors of the graph."""
        return self.data, as_variable(self.indices), as_variable(self.indptr)

    @property
    def name(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride] - read alone
        """The name of its data."""
        return self.data.name

    @property
    def tag(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride] - read alone
        """What others remember of its data."""
        return self.data.tag

    @property
    def parts(self) -> tuple[Variable, Variable, Variable]:
        """The same as `tensors`."""
        return self.tensors

    @property
    def moving(self) -> Variable:
        """The data."""
        return self.data

    def with_moving(self, moving: Variable) -> SparseMatrix:
        """Return a matrix of the same pattern with other data."""
        return replace(self, data=moving)

    def split(self, value: Any) -> Sequence[Any]:
        """Raise TypeError: it is computed, and takes no value."""
        raise TypeError("takes no value: it is computed")

    def joined(self, values: Sequence[Any]) -> Any:
        """Return the matrix that has these data; see `toscipy`."""
        return self.toscipy(values[0])

    def fitting(self, value: Any, what: str) -> Composite:
        """Raise GraphTypeError: nothing takes the place of what is computed."""
        raise GraphTypeError(
            f"{what} is computed from a graph: no other matrix takes its place",
            here(),
            "replace what it is computed from",
        )

    def toscipy(self, data: Any) -> Any:
        """Return a ``scipy.sparse.csr_array`` with the values that ``data`` have.

        It shares ``data``, and ``indices`` and ``indptr`` with all others of this matrix.
        """
        found = sparse.csr_array((np.asarray(data), self.indices, self.indptr), shape=self.shape)
        found.has_canonical_format = True
        return found

    def eval(self, inputs: Mapping[Variable, Any] | None = None, mode: Any = None) -> Any:
        """Return the matrix for values of the inputs; see `Variable.eval`."""
        return self.toscipy(self.data.eval(dict(inputs or {}), mode))


def sparse_jacobian(
    expression: Variable,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    mode: str = "auto",
    extents: Mapping[Variable, Sequence[int]] | None = None,
) -> Any:
    """Return all first derivatives of a tensor that may be other than zero: a `SparseMatrix`.

    Its rows are the elements of ``expression``, its columns those of the variable, in C order.

    wrt : one variable or several; the result is one matrix, or a list or tuple alike.
    mode : "forward" takes a product for each colour of columns, "reverse" for each of rows; "auto"
        what takes fewest, both at once where some rows or columns are dense.
    extents : the shapes of variables that are not declared, which then must have these.

    What is computed from the inputs counts as not zero, and what depends on indices that are no
    constants as dense.

    Raises ShapeError: an extent is not known, or is another when a function runs.
    DisconnectedInputError, NotDifferentiableError: as `jacobian`.

    The products are those of Curtis, Powell, Reid, "On the estimation of sparse Jacobian matrices"
    (1974).

    >>> import gradcore.tensor as T
    >>> x = T.tensor("x", "float64", (4,))
    >>> J = sparse_jacobian(x[1:] * x[:-1], x)
    >>> J.products
    (2, 0)
    >>> J.eval({x: [1, 2, 3, 4]}).toarray().tolist()
    [[2.0, 1.0, 0.0, 0.0], [0.0, 3.0, 2.0, 0.0], [0.0, 0.0, 4.0, 3.0]]
    """
    if mode not in ("auto", "forward", "reverse"):
        raise GraphValueError(f"a mode is auto, forward or reverse, not {mode!r}", here())
    variables = variables_of(wrt, "wrt")
    given = as_variable(expression)
    real_alone("sparse_jacobian", given, wrt)
    y, moving = _prepared(given, variables, consider_constant, extents)
    require_connection(disconnected_inputs, given, variables, consider_constant or ())
    found = [
        _matrix(y, v, pattern, jacobian_colouring(pattern, mode))
        for v, pattern in zip(moving, jacobian_pattern(y, moving), strict=True)
    ]
    return like(wrt, found)


def sparse_hessian(
    cost: Variable,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    extents: Mapping[Variable, Sequence[int]] | None = None,
) -> Any:
    """Return all second derivatives of a scalar that may be other than zero: a `SparseMatrix`.

    Its rows and columns are the elements of the variable, in C order; it holds both halves.

    wrt : one variable or several; the result is one matrix, or the list or tuple of their own
        blocks (of no mixed ones).
    extents : the shapes of variables that are not declared, which then must have these.

    The gradient is differentiated forward, a product for each colour of a star colouring: Coleman,
    Moré, "Estimation of sparse Hessian matrices and graph coloring problems" (1984).

    Raises NotScalarError; ShapeError, DisconnectedInputError, NotDifferentiableError: as
    `sparse_jacobian`.

    >>> import gradcore.tensor as T
    >>> x = T.tensor("x", "float64", (3,))
    >>> H = sparse_hessian((x[1:] * x[:-1] ** 2).sum(), x)
    >>> H.eval({x: [1, 2, 3]}).toarray().tolist()
    [[4.0, 2.0, 0.0], [2.0, 6.0, 4.0], [0.0, 4.0, 0.0]]
    """
    variables = variables_of(wrt, "wrt")
    given = as_variable(cost)
    real_alone("sparse_hessian", wrt)
    if given.ndim:
        raise NotScalarError(
            f"the cost {given} is no scalar but a {given.type}",
            here(),
            "reduce it (cost.sum()), or take sparse_jacobian(cost, wrt)",
        )
    y, moving = _prepared(given, variables, consider_constant, extents)
    require_connection(disconnected_inputs, given, variables, consider_constant or ())
    found: list[SparseMatrix] = []
    for v, gradient in zip(moving, grad(y, moving, None, "ignore", add_names=False), strict=True):
        (pattern,) = jacobian_pattern(gradient, [v])
        pattern = (pattern + pattern.T).tocsr()
        pattern.sort_indices()
        found.append(_matrix(gradient, v, pattern, hessian_colouring(pattern), symmetric=True))
    return like(wrt, found)


def _prepared(
    y: Variable,
    wrt: Sequence[Variable],
    constants: Sequence[Variable] | None,
    extents: Mapping[Variable, Sequence[int]] | None,
) -> tuple[Variable, list[Variable]]:
    """Return what is differentiated in what, with shapes as they were given."""
    shaped: dict[Variable, Variable] = {}
    for v, shape in (extents or {}).items():
        whole = tuple(map(int, shape))
        if len(whole) != v.ndim:
            raise ShapeError(f"extents={{{v}: {whole}}}, but {v} has {v.ndim} axes", here())
        shaped[v] = SpecifyShape("extents= of its sparse derivatives says so")(v, *whole)
    constant = {v: as_constant(shaped.get(v, v)) for v in constants or ()}
    moving = [shaped.get(v, v) for v in wrt]
    (found,) = substitute([y], {**shaped, **constant})
    return found, moving


# evaluation -------------------------------------------------------------------------------------
def _matrix(
    y: Variable, x: Variable, pattern: Pattern, colouring: Colouring, symmetric: bool = False
) -> SparseMatrix:
    """Return a matrix whose nonzeros are gathered from products with seeds.

    symmetric : whether what is read by rows is read from the products of columns, too.
    """
    forward, reverse = colouring.counts
    dtype = direction_dtype(y)
    m, n = pattern.shape
    rows = rows_of(pattern)
    columns: NDArray[np.int64] = pattern.indices.astype(np.int64)
    turned: NDArray[np.int64]
    if symmetric:
        turned = colouring.columns[rows] * m + columns
    else:
        turned = forward * m + colouring.rows[rows] * n + columns
    at: NDArray[np.int64] = np.where(
        colouring.by_rows, turned, colouring.columns[columns] * m + rows
    )
    parts: list[Variable] = []
    if forward:
        parts += _products(colouring.columns, forward, x, lambda t: Rop(y, x, t))
    if reverse:
        parts += _products(colouring.rows, reverse, y, lambda c: Lop(y, x, c))
    data = _gathered([cast(part, dtype) for part in parts], at, dtype)
    index = pattern.indices.dtype
    return SparseMatrix(
        data,
        _frozen(pattern.indices),
        _frozen(pattern.indptr.astype(index)),
        (int(m), int(n)),
        (forward, reverse),
    )


def _products(
    colours: Colours, count: int, model: Variable, product: Callable[[Variable], Variable]
) -> list[Variable]:
    """Return the products with the seeds of all colours, flattened, one after the other.

    model : what a seed has the shape of.
    """
    dtype = direction_dtype(model)
    stack = Constant(seeds(colours, count, dtype))

    def of_seed(seed: Variable) -> Variable:
        return product(seed if model.ndim == 1 else reshape(seed, extents_of(model)))

    if count <= MOST_PRODUCTS_SIDE_BY_SIDE:
        return [flatten(of_seed(Constant(seed))) for seed in stack.data]
    found, _ = scan(of_seed, sequences=stack, no_default_updates=True)
    return [flatten(found)]


def _gathered(parts: Sequence[Variable], at: NDArray[np.int64], dtype: str) -> Variable:
    """Return the elements at positions in tensors that follow each other."""
    if not parts or not at.size:
        return zeros(0, dtype)
    whole = parts[0] if len(parts) == 1 else concatenate(parts)
    return whole[Constant(at)]


def _frozen(array: Any) -> Any:
    """Return an array that nobody writes to: matrices share it."""
    array.flags.writeable = False
    return array
