"""Scalar and vector functions for solvers: values, gradients, Jacobians, Hessians.

The decision: methods have the names that SciPy's arguments have (``jac``, ``hess``, ``hessp``),
except ``value``, ``grad`` and ``value_and_grad``; what is asked for at the point of the last call
is not computed again.  Sparse derivatives need extents, and those are known when a function is
first called: set-up, pattern, colouring and compilation happen then, once for the shapes of its
arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.optimize  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.compile import Function, function
from gradcore.errors import (
    ArgumentError,
    DisconnectedInputError,
    GraphTypeError,
    MissingInputError,
    NotScalarError,
    ShapeError,
)
from gradcore.gradient import (
    Rop,
    SparseMatrix,
    grad,
    hessian,
    jacobian,
    sparse_hessian,
    sparse_jacobian,
)
from gradcore.graph import TensorType, Variable, ancestors, as_variable, here, substitute
from gradcore.graph.traverse import free_inputs
from gradcore.language import is_several, listed
from gradcore.optimize.arguments import Array, Point, Remembered
from gradcore.shared import SharedVariable
from gradcore.summing import Chunks, Total, chunked
from gradcore.summing.over import over
from gradcore.tensor.elementwise import cast
from gradcore.tensor.shapes import concatenate, flatten

optimize: Any = scipy.optimize
"""SciPy's solvers, which declare no types."""


WEIGHTS = TensorType("float64", (None,))("v")
"""What the rows of a vector function are multiplied by, for the sum of their Hessians."""


@dataclass
class Matrix:
    """A compiled Jacobian or Hessian.

    compute : a function that returns it, or its nonzeros (and the value before, for a Jacobian).
    pattern : where its nonzeros are; None: it is dense.
    """

    compute: Any
    pattern: SparseMatrix | None = None

    def of(self, data: Array) -> Any:
        """Return the matrix with these nonzeros."""
        return data if self.pattern is None else self.pattern.toscipy(data)


class SolverFunction:
    """What scalar and vector functions have in common (abstract).

    wrt : the variables that a solver moves, one or a list; of float dtypes.  Their shapes must be
        known, but for one single vector.
    args : the other inputs, in the order in which the methods take their values.
    shapes : those of variables in ``wrt`` that are not declared.
    mode : what to compile for, see `gradcore.function`.
    sparse : whether Jacobians and Hessians are SciPy's CSR arrays of a pattern that does not
        change, or else arrays.
    """

    def __init__(
        self,
        expression: Variable,
        wrt: Any,
        args: Sequence[Variable] = (),
        shapes: Mapping[Variable, Sequence[int]] | None = None,
        mode: Any = None,
        sparse: bool = True,
    ) -> None:
        self.point = Point(wrt, shapes)
        self.args = list[Variable](listed(args))
        self.mode = mode
        self.sparse = sparse
        self.expression = expression
        self._check(expression)
        (found,) = substitute([expression], self.point.replacements)
        self._y = cast(found, "float64")
        self._matrices: dict[Any, Matrix] = {}
        self._chunks: Chunks | None = None
        self._in_chunks: list[Variable] = []

    def _check(self, expression: Variable) -> None:
        """Raise for an input that nobody gives, and if there is nothing to move."""
        known = {*self.point.variables, *self.args}
        for v in free_inputs([expression]):
            if v not in known and not isinstance(v, SharedVariable):
                raise MissingInputError(
                    f"{expression} depends on {v}, which is neither moved nor in args",
                    here(),
                    f"pass args=[{v}], and its value when you call the solver",
                )
        if set(self.point.variables).isdisjoint(ancestors([expression])):
            raise DisconnectedInputError(f"{expression} depends on none of {self.point}", here())

    @property
    def size(self) -> int:
        """How long ``x`` is.

        Raises ShapeError: as long as it is called with, since the variable declares no length.
        """
        if self.point.size is None:
            (v,) = self.point.variables
            raise ShapeError(
                f"the length of {v} is not known", here(), f"pass shapes={{{v}: (3,)}}"
            )
        return self.point.size

    def flatten(self, *values: Any) -> Array:
        """Return values of the variables as the vector that a solver starts from.

        Raises ArgumentError, ShapeError: they are not what the variables take.
        """
        return self.point.flatten(*values)

    def unflatten(self, x: Any) -> Any:
        """Return the values of the variables in a vector: an array, or a list of them."""
        return self.point.unflatten(x)

    def _check_count(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.args):
            names = ", ".join(map(str, self.args)) or "none"
            raise ArgumentError(f"got {len(values)} values of args, which are: {names}")

    def _arguments(self, x: Any, values: Sequence[Any]) -> tuple[Array, ...]:
        self._check_count(values)
        return self.point.checked(x), *map(np.asarray, values)

    def _compiled(self, outputs: Any, *more: Variable) -> Function | Total:
        inputs = [self.point.vector, *more, *self.args, *self._in_chunks]
        found = function(inputs, outputs, self.mode, on_unused_input="ignore")
        return found if self._chunks is None else over(found, self._chunks)

    def _remembered(self, compiled: Function | Total) -> Remembered:
        return Remembered(compiled, compiled.get_shared())

    def _matrix(self, arguments: Sequence[Array]) -> Matrix:
        """Return what computes the matrix, built once for the shapes of arguments, if sparse."""
        if not self.sparse:
            if None not in self._matrices:
                self._matrices[None] = self._built()
            return self._matrices[None]
        key = tuple(a.shape for a in arguments)
        if key not in self._matrices:
            given = [self.point.vector, *self.args]
            shaped = [
                TensorType(v.dtype, shape)(v.name) for v, shape in zip(given, key, strict=True)
            ]
            (y,) = substitute([self._y], dict(zip(given, shaped, strict=True)))
            self._matrices[key] = self._built_sparse(y, shaped)
        return self._matrices[key]

    def _pattern(self, arguments: Sequence[Array]) -> SparseMatrix:
        pattern = self._matrix(arguments).pattern
        if pattern is None:
            raise GraphTypeError("made with sparse=False: there is no pattern")
        return pattern

    def _built(self) -> Matrix:
        """Return what computes the matrix, dense."""
        raise NotImplementedError

    def _built_sparse(self, y: Variable, inputs: list[Variable]) -> Matrix:
        """Return what computes the matrix, sparse.

        y, inputs : the expression, the vector and the other inputs, of known shapes.
        """
        raise NotImplementedError


class ScalarFunction(SolverFunction):
    """A cost as functions of a vector ``x`` and the values of ``args``, for solvers.

    cost : a scalar expression; the other parameters are those of `SolverFunction`.

    ``value`` and ``grad`` at one point are one evaluation: it computes both.

    Raises NotScalarError; MissingInputError: an input that is neither moved nor in ``args``;
    GraphTypeError: a variable that is no float, or that the cost does not depend on; ShapeError: a
    shape that is not known.  The methods raise ShapeError and ArgumentError for what is no such
    vector, or for other values than those of ``args``.

    >>> import gradcore.tensor as T
    >>> x, a = T.dvector("x"), T.dscalar("a")
    >>> f = ScalarFunction(T.sum(a * x ** 3), x, args=[a])
    >>> f.value_and_grad([1.0, 2.0], 2.0)
    (18.0, array([ 6., 24.]))
    >>> f.hessp([1.0, 2.0], [1.0, 0.0], 2.0)
    array([12.,  0.])
    >>> f.hess([1.0, 2.0], 2.0).toarray()
    array([[12.,  0.],
           [ 0., 24.]])
    """

    def __init__(
        self,
        cost: Variable,
        wrt: Any,
        args: Sequence[Variable] = (),
        shapes: Mapping[Variable, Sequence[int]] | None = None,
        mode: Any = None,
        sparse: bool = True,
    ) -> None:
        given = as_variable(cost)
        if given.ndim:
            raise NotScalarError(
                f"the cost {given} is no scalar but a {given.type}",
                here(),
                "reduce it (cost.sum()), or use VectorFunction",
            )
        super().__init__(given, wrt, args, shapes, mode, sparse)
        self._gradient: Variable = grad(self._y, self.point.vector)

    @cached_property
    def _both(self) -> Remembered:
        return self._remembered(self._compiled([self._y, self._gradient]))

    @cached_property
    def _product(self) -> Function | Total:
        p = self.point.vector.type("p")
        found = Rop(self._gradient, self.point.vector, p, "ignore")
        return self._compiled(found, p)

    def over(
        self,
        data: Any,
        batch: Sequence[Any] | None = None,
        rows: int | Sequence[int] | None = None,
    ) -> ScalarFunction:
        """Return this function of all rows of a batch, computed chunk by chunk, here or elsewhere.

        data, batch, rows : as `gradcore.Function.over` takes them, for some of ``args``; the
            methods take the others.

        The Hessian, if it is asked for, is dense, and must be a sum over the rows: without a term
        that does not depend on them, which you add.  Raises ArgumentError, as that does.

        >>> import numpy as np
        >>> from scipy.optimize import minimize
        >>> import gradcore.tensor as T
        >>> w, X, y = T.dvector("w"), T.dmatrix("X"), T.dvector("y")
        >>> points = np.arange(12.0).reshape(6, 2) % 5
        >>> f = ScalarFunction(T.mean((T.dot(X, w) - y) ** 2), w, args=[X, y])
        >>> g = f.over({X: points, y: points @ [1.0, 2.0]}, rows=4)
        >>> found = minimize(g.value, [0.0, 0.0], jac=g.grad, hessp=g.hessp, method="Newton-CG")
        >>> found.x.round(6).tolist()
        [1.0, 2.0]
        """
        chunks = chunked(data, batch, rows)
        names = set(chunks.names)
        inside = [v for v in self.args if not names.isdisjoint((v, v.name))]
        found = copy(self)
        for name in ("_both", "_product"):
            vars(found).pop(name, None)
        vars(found).update(
            args=[v for v in self.args if v not in inside],
            sparse=False,
            _chunks=chunks,
            _in_chunks=inside,
            _matrices={},
        )
        return found

    def value(self, x: Any, *args: Any) -> float:
        """Return the cost at ``x``."""
        return float(self._both(*self._arguments(x, args))[0])

    def grad(self, x: Any, *args: Any) -> Array:
        """Return the gradient at ``x``, a vector."""
        return self._both(*self._arguments(x, args))[1].copy()

    def value_and_grad(self, x: Any, *args: Any) -> tuple[float, Array]:
        """Return the cost and its gradient: what ``minimize`` calls with ``jac=True``."""
        value, gradient = self._both(*self._arguments(x, args))
        return float(value), gradient.copy()

    def hessp(self, x: Any, p: Any, *args: Any) -> Array:
        """Return the Hessian at ``x`` times ``p``; the Hessian is not built."""
        at, *values = self._arguments(x, args)
        return self._product(at, self.point.checked(p, "p"), *values)

    def hess(self, x: Any, *args: Any) -> Any:
        """Return the Hessian at ``x``."""
        arguments = self._arguments(x, args)
        matrix = self._matrix(arguments)
        return matrix.of(matrix.compute(*arguments))

    def _built(self) -> Matrix:
        found = hessian(self._y, self.point.vector, disconnected_inputs="ignore")
        return Matrix(self._compiled(found))

    def _built_sparse(self, y: Variable, inputs: list[Variable]) -> Matrix:
        pattern = sparse_hessian(y, inputs[0], None, "ignore")
        compiled = function(inputs, pattern.data, self.mode, on_unused_input="ignore")
        return Matrix(compiled, pattern)

    def hess_pattern(self, x: Any, *args: Any) -> SparseMatrix:
        """Return the Hessian as an expression, with its pattern; only shapes are read."""
        return self._pattern(self._arguments(x, args))


class VectorFunction(SolverFunction):
    """Residuals or constraints as functions of a vector ``x`` and the values of ``args``.

    expressions : a tensor of any rank, or a list of them; their elements, one after the other in C
        order, are the rows.  The other parameters are those of `SolverFunction`.

    Raises MissingInputError, GraphTypeError, ShapeError: as `ScalarFunction`; so do the methods.

    >>> from scipy.optimize import least_squares
    >>> import gradcore.tensor as T
    >>> x, t, y = T.dvectors("x", "t", "y")
    >>> r = VectorFunction(x[0] * T.exp(x[1] * t) - y, x, args=[t, y])
    >>> times = [0.0, 1.0, 2.0]
    >>> found = least_squares(r.value, [1.0, 0.0], r.jac, args=(times, [2.0, 1.0, 0.5]))
    >>> found.x.round(4).tolist()
    [2.0, -0.6931]
    """

    def __init__(
        self,
        expressions: Any,
        wrt: Any,
        args: Sequence[Variable] = (),
        shapes: Mapping[Variable, Sequence[int]] | None = None,
        mode: Any = None,
        sparse: bool = True,
    ) -> None:
        given = list(expressions) if is_several(expressions) else [expressions]
        parts = [flatten(as_variable(y)) for y in given]
        rows = parts[0] if len(parts) == 1 else concatenate(parts)
        super().__init__(rows, wrt, args, shapes, mode, sparse)

        self._shapes = shapes

    @cached_property
    def _weighted(self) -> ScalarFunction:
        """The rows, each times a weight: its Hessian is the sum of theirs."""
        total = (self.expression * WEIGHTS).sum()
        wrt, args = self.point.variables, [WEIGHTS, *self.args]
        return ScalarFunction(total, wrt, args, self._shapes, self.mode, self.sparse)

    @cached_property
    def _value(self) -> Remembered:
        return self._remembered(self._compiled(self._y))

    def value(self, x: Any, *args: Any) -> Array:
        """Return the rows at ``x``, a vector."""
        arguments = self._arguments(x, args)
        for matrix in tuple(self._matrices.values()):
            known = matrix.compute.known(*arguments)
            if known is not None:
                return known[0].copy()
        return self._value(*arguments).copy()

    def jac(self, x: Any, *args: Any) -> Any:
        """Return the Jacobian at ``x``, a row for each element of the value."""
        return self.value_and_jac(x, *args)[1]

    def value_and_jac(self, x: Any, *args: Any) -> tuple[Array, Any]:
        """Return both, in one evaluation: what ``root`` calls with ``jac=True``."""
        arguments = self._arguments(x, args)
        matrix = self._matrix(arguments)
        value, data = matrix.compute(*arguments)
        return value.copy(), matrix.of(data.copy())

    def _built(self) -> Matrix:
        both = self._compiled([self._y, jacobian(self._y, self.point.vector)])
        return Matrix(self._remembered(both))

    def _built_sparse(self, y: Variable, inputs: list[Variable]) -> Matrix:
        pattern = sparse_jacobian(y, inputs[0])
        both = function(inputs, [y, pattern.data], self.mode, on_unused_input="ignore")
        return Matrix(self._remembered(both), pattern)

    def jac_pattern(self, x: Any, *args: Any) -> SparseMatrix:
        """Return the Jacobian as an expression, with its pattern; only shapes are read."""
        return self._pattern(self._arguments(x, args))

    def hess(self, x: Any, v: Any, *args: Any) -> Any:
        """Return the sum of the Hessians of the rows at ``x``, each times an element of ``v``."""
        return self._weighted.hess(x, np.asarray(v, "float64"), *args)

    def constraint(self, lower: Any, upper: Any, *args: Any, second_order: bool = True) -> Any:
        """Return ``scipy.optimize.NonlinearConstraint``: the rows lie between two bounds.

        lower, upper : a number, or a vector of one for each row; the same: an equality.
        args : the values that it has for this solve.
        second_order : whether it brings Hessians: "trust-constr" uses them, "SLSQP" warns of them.
        """

        def value(x: Array) -> Array:
            return self.value(x, *args)

        def jac(x: Array) -> Any:
            return self.jac(x, *args)

        def hess(x: Array, v: Array) -> Any:
            return self.hess(x, v, *args)

        more = {"hess": hess} if second_order else {}
        return optimize.NonlinearConstraint(value, lower, upper, jac=jac, **more)
