"""Matrices that are never built, as ``LinearOperator`` of SciPy.

The decision: an operator is made of any expression of a matrix, by its products with vectors.  The
optimizer takes the product with a Jacobian for what it is, a directional derivative, in sums and
products of matrices too.  Rejected: an operator of a function and its argument, which would know
Jacobians alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse.linalg  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.compile import Function, function
from gradcore.errors import GraphTypeError
from gradcore.graph import TensorType, Variable, as_variable, here
from gradcore.language import is_several
from gradcore.tensor.complexes import conj
from gradcore.tensor.products import dot

linalg: Any = scipy.sparse.linalg
"""SciPy's solvers, which declare no types."""


def linear_operator(
    matrix: Variable, inputs: Sequence[Variable], mode: Any = None
) -> Callable[..., Any]:
    """Return a function of values of ``inputs`` that returns ``matrix`` as an operator of SciPy.

    matrix : an expression of two axes: a Jacobian, a Hessian, or what is made of them, such as
        ``T.dot(J.T, J) + T.eye(n)``.
    inputs : what it depends on, beside shared variables: their values are where a derivative is
        taken, until the function is called anew.
    mode : what to compile for, see `gradcore.function`.

    A ``scipy.sparse.linalg.LinearOperator`` has the products of the matrix and of its adjoint with
    vectors and matrices: ``matvec``, ``rmatvec``, ``matmat``, ``rmatmat``.  Each is compiled once,
    when it is first asked for, and reads shared variables at each call.  No Jacobian is built: a
    product with one is a directional derivative (``T.Rop``), the adjoint's that of ``T.Lop``.  With
    a vector of complex numbers a real matrix has two products, of its real and imaginary part.

    Raises GraphTypeError: ``matrix`` has not two axes; what `gradcore.function` raises.  What is
    returned raises ArgumentError for values that are none of ``inputs``.

    Of the solvers, ``cg``, ``gmres`` and ``lsmr`` take such an operator as ``A``, and
    ``least_squares`` such a function as ``jac``: it calls that with what it calls the residuals.

    >>> from scipy.optimize import least_squares
    >>> from scipy.sparse.linalg import cg
    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.optimize import linear_operator
    >>> x = T.dvector("x")
    >>> residuals = T.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])
    >>> r = gradcore.function([x], residuals)
    >>> jacobian = linear_operator(T.jacobian(residuals, x), [x])
    >>> least_squares(r, [-1.0, 1.0, 1.0], jac=jacobian).x.round(6).tolist()
    [1.0, 1.0, 1.0]
    >>> hessian = linear_operator(T.hessian(T.sum(T.exp(x)), x), [x])
    >>> step, failed = cg(hessian([0.0, 1.0]), [1.0, 1.0])
    >>> step.round(4).tolist(), failed
    ([1.0, 0.3679], 0)
    """
    if is_several(matrix):
        raise GraphTypeError(
            "an operator is made of one matrix, not of several", here(), "concatenate them"
        )
    given = as_variable(matrix)
    if given.ndim != 2:
        raise GraphTypeError(
            f"an operator is made of a matrix, and {given} is {given.type}",
            here(),
            "a Jacobian in a vector of a vector has two axes: reshape both, or the Jacobian",
        )
    return Products(given, list(inputs), mode).at


class Products:
    """The products of a matrix, each compiled when it is first asked for.

    compiled : those that are, by whether they are the adjoint's, and the rank of what they take.
    shape : a function that returns the extents.
    """

    def __init__(self, matrix: Variable, inputs: list[Variable], mode: Any) -> None:
        self._inputs = inputs
        self._mode = mode
        self._matrices = {False: matrix, True: conj(matrix.T)}
        self.compiled: dict[tuple[bool, int], Function] = {}
        self._dtype = np.dtype(matrix.dtype)
        self.shape = self._function(matrix.shape)

    def _function(self, output: Any, *more: Variable) -> Function:
        return function([*self._inputs, *more], output, self._mode, on_unused_input="ignore")

    def at(self, *values: Any) -> Any:
        """Return the operator for values of the inputs, which nobody may change meanwhile."""
        rows, columns = map(int, self.shape(*values))

        def products(adjoint: bool) -> Callable[[Any], Any]:
            return lambda x: self._product(adjoint, values, np.asarray(x))

        return linalg.LinearOperator(
            (rows, columns), matvec=products(False), rmatvec=products(True),
            matmat=products(False), rmatmat=products(True), dtype=self._dtype,
        )  # fmt: skip

    def _product(self, adjoint: bool, values: Sequence[Any], x: Any) -> Any:
        """Return the product with a vector, or with each column of a matrix."""
        if x.dtype.kind == "c" and self._dtype.kind != "c":
            parts = (self._product(adjoint, values, part) for part in (x.real, x.imag))
            return sum(unit * part for unit, part in zip((1, 1j), parts, strict=True))
        column = x.ndim == 2 and x.shape[1] == 1
        taken = (x[:, 0] if column else x).astype(self._dtype, copy=False)
        found = self.by(adjoint, taken.ndim)(*values, taken)
        return found[:, None] if column else found

    def by(self, adjoint: bool, ndim: int) -> Function:
        """Return the product with a vector or a matrix, as a function of it after the inputs."""
        if (adjoint, ndim) not in self.compiled:
            x = TensorType(self._dtype.name, (None,) * ndim)("v")
            output = dot(self._matrices[adjoint], x)
            self.compiled[adjoint, ndim] = self._function(output, x)
        return self.compiled[adjoint, ndim]
