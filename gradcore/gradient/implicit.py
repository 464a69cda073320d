"""Solutions of equations in a graph: ``root``, ``minimize``, ``fixed_point``.

The solver is a loop in the tensor language, so it runs on every backend, in loops and branches, in
float32 and float64.  Derivatives do not go through it: the solution is marked by
`gradcore.ops.implicit.ImplicitSolution`, whose derivative is that of the equations.

The decision: equations are a function, as in `scan`, and what it uses from outside is found; an
expression and the variable in it, as PyTensor takes them, are the other form.  A solution that has
not converged is NaN, as the factor of a matrix that has none: rejected are errors, which would stop
the other steps of a loop, and a flag as a second result, which nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError, GraphValueError, NotScalarError
from gradcore.gradient.arguments import like, require_connection
from gradcore.gradient.iterations import descent, iterated, linear_solution, newton, product_with
from gradcore.gradient.modes import grad
from gradcore.gradient.unknowns import Unknowns, are_several, as_start, require_like
from gradcore.graph import (
    Apply,
    FunctionGraph,
    Variable,
    as_variable,
    here,
    substitute,
)
from gradcore.graph.nodes import extents_of
from gradcore.graph.traverse import captured
from gradcore.language import Function, define
from gradcore.ops.implicit import ImplicitSolution
from gradcore.tensor.shapes import flatten, reshape

SOLVERS = ("dense", "cg", "gmres")


def root(
    f: Function | Variable | Sequence[Any],
    x0: Any,
    wrt: Any = None,
    *,
    linear_solver: str = "dense",
    tol: float | None = None,
    maxiter: int = 100,
) -> Any:
    """Return x of ``f(x) = 0``, of the shape and dtype of ``x0``, differentiable in what f uses.

    f : a function of a variable that returns a residual of its shape and dtype; it may use any
        variables around it.  Or the residual itself, an expression in the variable ``wrt``.
    x0 : where Newton's method begins.  The solution does not depend on it.  A list or tuple of
        tensors begins several unknowns, of one dtype: f takes as many arguments and returns as many
        residuals, ``wrt`` has as many variables, and the result is a list or tuple alike.
    linear_solver : how linear equations with the Jacobian J are solved, in the steps and in
        derivatives: "dense", which builds J; "gmres", which multiplies vectors with it, for large
        x; "cg" likewise, where J is symmetric and definite.
    tol : how large the last step may be, relative to ``1 + max(abs(x))``; by default the square
        root of the precision.
    maxiter : how many steps are taken at most.

    Steps that do not make the residual smaller are halved.  x is NaN where that does not converge,
    as at a singular Jacobian.  x must have an element.  The derivative is ``-inv(J) @ df/da`` for
    each variable ``a`` in f, in both modes, and of any order.

    Raises GraphTypeError: the residual is of another shape or dtype than x; GraphValueError: an
    unknown linear solver; DisconnectedInputError: the residual does not depend on x.

    >>> import gradcore.tensor as T
    >>> a = T.dscalar("a")
    >>> x = root(lambda x: x ** 2 - a, 1.0)
    >>> round(float(x.eval({a: 9.0})), 12), round(float(T.grad(x, a).eval({a: 9.0})), 12)
    (3.0, 0.166666666667)
    """
    if are_several(x0):
        how = {"linear_solver": linear_solver, "tol": tol, "maxiter": maxiter}
        return _several(root, f, x0, wrt, how)
    start, x, residual = _traced(f, x0, wrt, linear_solver)
    require_like("the residual", residual, x)
    problem = _Problem(x, residual, start, linear_solver)
    found = newton(
        problem.equations, flatten(start), linear_solver, _tolerance(tol, x, 1 / 2), maxiter
    )
    return problem.solution(found)


def minimize(
    f: Function | Variable | Sequence[Any],
    x0: Any,
    wrt: Any = None,
    *,
    linear_solver: str = "dense",
    tol: float | None = None,
    maxiter: int = 200,
) -> Any:
    """Return x at which the scalar ``f(x)`` has a local minimum, differentiable in what f uses.

    It goes downhill from ``x0`` by Newton's method: the steps come from the Hessian, made positive
    definite where it is not.

    linear_solver : "dense" builds the Hessian; "cg" multiplies vectors with it, for large x.
    The other parameters, and what does not converge, are as for `root`; a flat point that it begins
    at is returned as it is.  The derivative is that of the root of the gradient.

    Raises NotScalarError, GraphTypeError, GraphValueError, DisconnectedInputError.

    >>> import gradcore.tensor as T
    >>> a = T.dvector("a")
    >>> x = minimize(lambda x: T.sum((x - a) ** 4 + x ** 2), T.zeros_like(a))
    >>> x.eval({a: [0.0, 1.5]}).round(6).tolist()
    [0.0, 0.771918]
    """
    if are_several(x0):
        how = {"linear_solver": linear_solver, "tol": tol, "maxiter": maxiter}
        return _several(minimize, f, x0, wrt, how)
    start, x, cost = _traced(f, x0, wrt, linear_solver)
    if cost.ndim:
        raise NotScalarError(
            f"the cost {cost} is no scalar but a {cost.type}", here(), "reduce it (cost.sum())"
        )
    if not cost.type.is_float:
        raise GraphTypeError(f"the cost {cost} is {cost.type}, no float", here())
    problem = _Problem(x, grad(cost, x, add_names=False), start, linear_solver)

    def value(vector: Variable) -> Variable:
        return problem.at(cost, vector)

    tolerance = _tolerance(tol, x, 1 / 2)
    found = descent(value, problem.equations, flatten(start), linear_solver, tolerance, maxiter)
    return problem.solution(found)


def fixed_point(
    g: Function | Variable | Sequence[Any],
    x0: Any,
    wrt: Any = None,
    *,
    linear_solver: str = "dense",
    tol: float | None = None,
    maxiter: int = 1000,
) -> Any:
    """Return x of ``x = g(x)``, by applying g again and again, differentiable in what g uses.

    tol : how large the last change may be, relative to ``1 + max(abs(x))``; by default
        ``eps ** (3 / 4)``, 1.8e-12 in float64.
    The other parameters, what does not converge, and what is raised are as for `root`; the
    derivative is that of the root of ``g(x) - x``.

    >>> import gradcore.tensor as T
    >>> a = T.dscalar("a")
    >>> x = fixed_point(lambda x: (x + a / x) / 2, 1.0)
    >>> round(float(x.eval({a: 9.0})), 12), round(float(T.grad(x, a).eval({a: 9.0})), 12)
    (3.0, 0.166666666667)
    """
    if are_several(x0):
        how = {"linear_solver": linear_solver, "tol": tol, "maxiter": maxiter}
        return _several(fixed_point, g, x0, wrt, how)
    start, x, new = _traced(g, x0, wrt, linear_solver)
    require_like("the function", new, x)
    problem = _Problem(x, new - x, start, linear_solver)

    def image(vector: Variable) -> Variable:
        return flatten(problem.at(new, vector))

    return problem.solution(iterated(image, flatten(start), _tolerance(tol, x, 3 / 4), maxiter))


@dataclass(frozen=True)
class _Problem:
    """Equations for ``x``: a residual that is zero, begun at ``start``."""

    x: Variable
    residual: Variable
    start: Variable
    linear_solver: str

    def at(self, expression: Variable, vector: Variable) -> Variable:
        """Return an expression in x where the elements of x are those of a vector."""
        (found,) = substitute([expression], {self.x: reshape(vector, extents_of(self.start))})
        return found

    def equations(self, vector: Variable) -> Variable:
        """Return the residual as a vector, of a vector."""
        return flatten(self.at(self.residual, vector))

    def solution(self, vector: Variable) -> Variable:
        """Return what a solver has found, in the shape of x, marked as the solution."""
        return marked(
            self.x, self.residual, reshape(vector, extents_of(self.start)), self.linear_solver
        )


def marked(x: Variable, residual: Variable, found: Variable, linear_solver: str) -> Variable:
    """Return ``found``, which makes ``residual``, an expression in ``x``, zero, as its solution."""
    require_connection("raise", residual, [x])
    outside = captured([residual], [x])
    inner = {v: v.type(v.name) for v in outside}
    equations = FunctionGraph((x, *inner.values()), tuple(substitute([residual], inner)))
    return ImplicitSolution(equations, linear_solver)(found, *outside)


def _several(
    solve: Callable[..., Variable],
    f: Any,
    x0: Any,
    wrt: Any,
    how: dict[str, Any],
) -> Any:
    """Return several unknowns, as the parts of a vector that is solved for."""
    unknowns = Unknowns(x0, wrt)
    function = unknowns.function(f) if solve is minimize else unknowns.equations(f)
    return like(x0, unknowns.parts(solve(function, unknowns.start, **how)))


def _traced(
    f: Any, x0: Any, wrt: Variable | None, linear_solver: str
) -> tuple[Variable, Variable, Variable]:
    """Return where x starts, a variable for it, and what ``f`` makes of that."""
    if linear_solver not in SOLVERS:
        raise GraphValueError(
            f"a linear solver is one of {', '.join(SOLVERS)}, not {linear_solver!r}", here()
        )
    start = as_start(x0)
    x = start.type("x" if wrt is None else wrt.name)
    if wrt is not None:
        if not isinstance(f, Variable):
            raise GraphTypeError("with wrt, give an expression in it, no function", here())
        if wrt.type.dtype != start.dtype or wrt.ndim != start.ndim:
            raise GraphTypeError(f"{wrt} is {wrt.type}, but begins as {start.type}", here())
        (found,) = substitute([f], {wrt: x})
        return start, x, found
    if isinstance(f, Variable) or not callable(f):
        raise GraphTypeError(
            f"{f} is no function of a variable", here(), "or say wrt=, which variable it is for"
        )
    return start, x, as_variable(f(x))


def _tolerance(given: float | None, x: Variable, power: float) -> float:
    if given is not None:
        return float(given)
    return float(np.finfo(x.dtype).eps ** power)


def _solve_linearized(
    op: ImplicitSolution, node: Apply, right: Variable, transposed: bool
) -> Variable:
    """Return s of ``J @ s = right``, J the Jacobian of the equations at their solution.

    Where J is not built, s is marked as the solution of linear equations, whose derivatives are
    those of J and of the right side.
    """
    residual, b = op.residual(node), flatten(right)
    found = linear_solution(residual, node.out, b, op.linear_solver, transposed)
    if op.linear_solver != "dense":
        s = b.type("s")
        left = product_with(residual, node.out, s, transposed)
        found = marked(s, left - b, found, op.linear_solver)
    return reshape(found, extents_of(node.out))


define("solve_linearized", _solve_linearized)
