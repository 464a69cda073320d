"""What cyipopt takes: an object with a method for each thing that Ipopt asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradcore.gradient import SparseMatrix
from gradcore.gradient.local_patterns import rows_of
from gradcore.graph import TensorType, Variable
from gradcore.language import listed
from gradcore.optimize.arguments import Array
from gradcore.optimize.functions import WEIGHTS, ScalarFunction, VectorFunction

SCALE = TensorType("float64")("obj_factor")


class IpoptProblem:
    """A cost and constraints, as the ``problem_obj`` of ``cyipopt.Problem``.

    cost : a scalar expression.
    constraints : an expression or a list of them, of which the elements are the constraints.
    values : those of ``args``, which stay the same in a solve.
    The other parameters are those of `ScalarFunction`.  The shapes of all variables must be known.

    n, m : how many variables and constraints Ipopt sees.

    Derivatives are sparse: the Hessian is that of the Lagrangian, its lower triangle, computed at
    once for all constraints.  Raises what `ScalarFunction` and `VectorFunction` do.

    ``cyipopt.Problem(n=p.n, m=p.m, problem_obj=p, lb=..., ub=..., cl=..., cu=...).solve(x0)``

    >>> import gradcore.tensor as T
    >>> x = T.tensor("x", "float64", (3,))
    >>> p = IpoptProblem(T.sum(x ** 2), x, [x[0] * x[2], x[1]])
    >>> p.jacobianstructure()
    (array([0, 0, 1]), array([0, 2, 1]))
    >>> p.jacobian([1.0, 2.0, 3.0])
    array([3., 1., 1.])
    >>> rows, columns = p.hessianstructure()
    >>> list(zip(rows.tolist(), columns.tolist(), p.hessian([1, 2, 3], [5, 0], 1).tolist()))
    [(0, 0, 2.0), (1, 1, 2.0), (2, 0, 5.0), (2, 2, 2.0)]
    """

    def __init__(
        self,
        cost: Variable,
        wrt: Any,
        constraints: Any = (),
        args: Sequence[Variable] = (),
        values: Sequence[Any] = (),
        shapes: Mapping[Variable, Sequence[int]] | None = None,
        mode: Any = None,
    ) -> None:
        self.cost = ScalarFunction(cost, wrt, args, shapes, mode)
        self._values = tuple(map(np.asarray, values))
        self._start = np.zeros(self.cost.size)
        self.n = len(self._start)
        several = listed(constraints)
        self.rows = VectorFunction(several, wrt, args, shapes, mode) if several else None
        self._jacobian: SparseMatrix | None = None
        self.m = 0
        lagrangian = SCALE * self.cost.expression
        if self.rows is not None:
            self._jacobian = self.rows.jac_pattern(self._start, *self._values)
            self.m = self._jacobian.shape[0]
            lagrangian += (self.rows.expression * WEIGHTS).sum()
        more = [SCALE, WEIGHTS, *listed(args)]
        self._lagrangian = ScalarFunction(lagrangian, wrt, more, shapes, mode)

    @cached_property
    def _hessian(self) -> tuple[Array, Array, Array]:
        """Which nonzeros of the Hessian are of its lower triangle, their rows, their columns."""
        pattern = self._lagrangian.hess_pattern(self._start, 1.0, np.zeros(self.m), *self._values)
        rows, columns = rows_of(pattern), pattern.indices
        lower = np.flatnonzero(columns <= rows)
        return lower, rows[lower], columns[lower]

    def objective(self, x: Any) -> float:
        """Return the cost."""
        return self.cost.value(x, *self._values)

    def gradient(self, x: Any) -> Array:
        """Return the gradient of the cost."""
        return self.cost.grad(x, *self._values)

    def constraints(self, x: Any) -> Array:
        """Return the constraints."""
        return np.zeros(0) if self.rows is None else self.rows.value(x, *self._values)

    def jacobianstructure(self) -> tuple[Array, Array]:
        """Return the rows and columns of the nonzeros of the constraints' Jacobian."""
        if self._jacobian is None:
            return np.zeros(0, int), np.zeros(0, int)
        return rows_of(self._jacobian), self._jacobian.indices

    def jacobian(self, x: Any) -> Array:
        """Return the nonzeros of the constraints' Jacobian."""
        return np.zeros(0) if self.rows is None else self.rows.jac(x, *self._values).data

    def hessianstructure(self) -> tuple[Array, Array]:
        """Return the rows and columns of the nonzeros of the Lagrangian's lower triangle."""
        _, rows, columns = self._hessian
        return rows, columns

    def hessian(self, x: Any, lagrange: Any, obj_factor: float) -> Array:
        """Return the nonzeros of the lower triangle of the Lagrangian's Hessian.

        lagrange : what the constraints are multiplied by; ``obj_factor`` : the cost.
        """
        weights = np.asarray(lagrange, "float64")
        return self._lagrangian.hess(x, obj_factor, weights, *self._values).data[self._hessian[0]]
