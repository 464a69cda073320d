"""L-BFGS on shared variables: batch training, in the place of updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.errors import ArgumentError
from gradcore.graph import Variable, here
from gradcore.optimize.functions import ScalarFunction, optimize
from gradcore.shared import SharedVariable, holding, in_order


def lbfgs(
    cost: Variable,
    params: Sequence[Any],
    args: Sequence[Variable] = (),
    mode: Any = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    data: Any = None,
) -> Callable[..., Any]:
    """Return a function that moves shared variables to where ``cost`` is least.

    cost : a scalar expression.
    params : shared variables of floats, whose shapes are those of their values from now on.
    args : the other inputs, in the order in which the function takes their values.
    mode : what to compile for, see `gradcore.function`.
    data : what of ``args`` comes in chunks, as `gradcore.Function.over` takes it; the function then
        takes the values of the others.
    tol, options : of ``scipy.optimize.minimize`` for "L-BFGS-B", such as ``{"maxiter": 100}``.

    Each call starts from the values that the variables have, and returns SciPy's
    ``OptimizeResult``: ``fun`` is the cost, ``nit`` the iterations, ``success`` whether it
    converged.  The variables are set, all together, when it ends, converged or not; they stay as
    they are if an error is raised meanwhile, or if the cost is not finite where it ends.  Steps are
    in float64.

    R. Byrd et al., "A limited memory algorithm for bound constrained optimization" (1995).

    Raises ArgumentError: parameters that are not shared; what `ScalarFunction` raises; when it is
    called: ShapeError, a variable has another shape now, and what evaluations raise.

    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.optimize import lbfgs
    >>> w, b = gradcore.shared([0.0, 0.0], "w"), gradcore.shared(0.0, "b")
    >>> x, y = T.dmatrix("x"), T.dvector("y")
    >>> fit = lbfgs(T.sum((T.dot(x, w) + b - y) ** 2), [w, b], args=[x, y])
    >>> result = fit([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [3.0, 2.0, 4.0])
    >>> result.success, w.get_value().round(3).tolist(), b.get_value().round(3).item()
    (True, [2.0, 1.0], 1.0)
    """
    moved: list[SharedVariable] = []
    shapes: dict[Variable, tuple[int, ...]] = {}
    for p in params:
        if not isinstance(p, SharedVariable):
            raise ArgumentError(
                f"lbfgs moves shared variables, not {p}", here(), "make it with gradcore.shared"
            )
        moved.append(p)
        shapes[p] = p.get_value(borrow=True).shape
    f = ScalarFunction(cost, moved, args, shapes, mode)
    if data is not None:
        f = f.over(data)

    def fit(*values: Any) -> Any:
        """Minimize the cost from where the parameters are; return SciPy's result."""
        start = f.flatten(*(p.get_value(borrow=True) for p in moved))
        found = optimize.minimize(
            f.value_and_grad, start, values, "L-BFGS-B", True, tol=tol, options=options
        )
        if np.isfinite(found.fun):
            new = [
                p.fitting(part.astype(p.type.dtype))
                for p, part in zip(moved, f.unflatten(found.x), strict=True)
            ]
            with holding(in_order(p.lock for p in moved)):
                for p, value in zip(moved, new, strict=True):
                    p.storage[0] = value
        return found

    return fit
