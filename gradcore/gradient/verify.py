"""Derivatives compared with differences of the function itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.dtypes import DTYPES
from gradcore.errors import GradientMismatchError, GraphTypeError
from gradcore.gradient.modes import Rop, grad
from gradcore.graph import Constant, TensorType, Variable, as_variable, here
from gradcore.graph.types import Array


class numeric_grad:  # noqa: N801 - Theano's name
    """Central differences of a function of arrays that returns a scalar.

    f : the function, of as many arrays as ``pt`` has.
    pt : an array, or a list of them.
    eps : the step in each element; by default one that suits the dtype.

    The differences are in ``gf``: an array, or a list of them, as ``pt`` is.

    >>> numeric_grad(lambda x: (x ** 2).sum(), np.array([1.0, 2.0])).gf.round(6).tolist()
    [2.0, 4.0]
    """

    def __init__(
        self, f: Callable[..., Any], pt: Array | Sequence[Array], eps: float | None = None
    ) -> None:
        several = isinstance(pt, (list, tuple))
        points = [np.array(p) for p in (pt if several else [pt])]
        found: list[Array] = []
        for point in points:
            slopes = np.zeros(point.shape, point.dtype)
            step = eps or DTYPES[point.dtype.name].step
            for index in np.ndindex(point.shape) if step else ():
                middle = point[index]
                values: list[Any] = []
                for place in (middle + step, middle - step):
                    point[index] = place
                    values.append(np.asarray(f(*points), "float64"))
                width = float(np.asarray(middle + step)) - float(np.asarray(middle - step))
                slopes[index] = (values[0] - values[1]) / width
                point[index] = middle
            found.append(slopes)
        self.gf: Any = found if several else found[0]

    @staticmethod
    def abs_rel_err(a: Any, b: Any) -> tuple[Array, Array]:
        """Return the absolute and the relative differences of two arrays."""
        absolute = np.abs(a - b)
        return absolute, absolute / np.maximum(np.abs(a) + np.abs(b), 1e-8)


def verify_grad(
    fun: Callable[..., Variable],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: np.random.Generator | None = None,
    eps: float | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    forward: bool = True,
) -> None:
    """Compare both modes of the derivative of ``fun`` at ``pt`` with differences.

    fun : a function of as many variables as ``pt`` has points, that returns a variable; it is
        projected on a random direction, ``n_tests`` times.
    pt : arrays (or numbers) of float dtype.
    rng : where the directions come from.
    eps, abs_tol, rel_tol : the step and the tolerances; by default ones that suit the dtype.
    mode : what runs the functions.
    forward : whether to compare the forward mode, too.  An op of a user's own has it if it has
        ``R_op``, or if what its ``grad`` returns has derivatives.

    Raises GradientMismatchError: where, and what the values are.  GraphTypeError: a point or the
    result is complex.

    >>> import gradcore.tensor as T
    >>> verify_grad(lambda x: T.tanh(x).sum(), [np.array([0.1, 0.2])])
    """
    source = np.random.default_rng(0) if rng is None else rng
    points = [np.asarray(p) for p in pt]
    inputs = [Variable(TensorType(p.dtype.name, p.shape), f"x{i}") for i, p in enumerate(points)]
    given = dict(zip(inputs, points, strict=True))
    output = as_variable(fun(*inputs))
    for v in (*inputs, output):
        if v.type.is_complex:
            raise GraphTypeError(
                f"verify_grad compares slopes of real numbers, not {v} ({v.type})",
                here(),
                "make a complex number of two real ones: T.complex, T.real, T.imag",
            )
    near = max(DTYPES[p.dtype.name].slope_tolerance for p in points)
    absolute = near if abs_tol is None else abs_tol
    relative = near if rel_tol is None else rel_tol
    value = output.eval(given, mode)
    for _ in range(n_tests):
        direction = Constant(source.uniform(0.5, 1.5, np.shape(value)).astype(output.dtype))
        cost = (output * direction).sum()

        def run(*arrays: Any, cost: Variable = cost) -> Any:
            return cost.eval(dict(zip(inputs, arrays, strict=True)), mode)

        differences = numeric_grad(run, points, eps).gf
        gradients = grad(cost, inputs, disconnected_inputs="ignore")
        for i, (gradient, expected) in enumerate(zip(gradients, differences, strict=True)):
            found = gradient.eval(given, mode)
            _compare(f"the gradient in input {i}", found, expected, absolute, relative)
        if not forward:
            continue
        tangents = [source.uniform(0.5, 1.5, p.shape).astype(p.dtype) for p in points]
        forward = Rop(cost, inputs, list(map(Constant, tangents)), "ignore").eval(given, mode)
        expected = sum(float((g * t).sum()) for g, t in zip(differences, tangents, strict=True))
        scale = sum(float(np.abs(g * t).sum()) for g, t in zip(differences, tangents, strict=True))
        _compare("Rop", forward, np.asarray(expected), absolute + relative * scale, relative)


def _compare(what: str, found: Any, expected: Any, absolute: float, relative: float) -> None:
    wrong = ~np.isclose(found, expected, rtol=relative, atol=absolute, equal_nan=True)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise GradientMismatchError(
            f"{what} differs from differences of the function at {at}: "
            f"{np.asarray(found)[at]} is not {np.asarray(expected)[at]} "
            f"(atol={absolute}, rtol={relative})"
        )
