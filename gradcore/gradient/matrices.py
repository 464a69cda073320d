"""Jacobians and Hessians, as a whole and times a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.derive import pushforward
from gradcore.gradient.arguments import (
    Variables,
    like,
    points_for,
    present,
    require_connection,
    variables_of,
)
from gradcore.gradient.modes import grad
from gradcore.graph import Variable, as_variable
from gradcore.graph.nodes import extents_of
from gradcore.language import listed
from gradcore.scan import scan
from gradcore.tensor.creation import arange
from gradcore.tensor.shapes import flatten, reshape


def jacobian(
    expression: Variable,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """Return all first derivatives of a tensor, of shape ``expression.shape + wrt.shape``.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.jacobian(x ** 2, x).eval({x: [1, 2]}).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    y = as_variable(expression)
    variables = variables_of(wrt, "wrt")
    constants = list(consider_constant or ())
    if not y.ndim:
        return grad(y, wrt, constants, disconnected_inputs)
    elements = flatten(y)
    require_connection(disconnected_inputs, y, variables, constants)

    def row(i: Variable, *_used: Variable) -> list[Variable]:
        return grad(elements[i], variables, constants, disconnected_inputs)

    rows, _ = scan(row, arange(extents_of(elements)[0]), non_sequences=[elements, *variables])
    found = listed(rows)
    if y.ndim > 1:
        pairs = zip(found, variables, strict=True)
        found = [reshape(stack, (*extents_of(y), *extents_of(v))) for stack, v in pairs]
    return like(wrt, found)


def hessian(
    cost: Variable,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """Return all second derivatives of a scalar, of shape ``wrt.shape + wrt.shape``.

    For a list of variables: the list of their own blocks (of no mixed ones).

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.hessian((x ** 3).sum(), x).eval({x: [1, 2]}).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    variables = variables_of(wrt, "wrt")
    constants = list(consider_constant or ())
    gradients = grad(cost, variables, constants, disconnected_inputs)
    # A constant gradient does not depend on the variable: its Hessian is zero, and that is fine.
    results = [
        jacobian(gradient, variable, constants, "ignore")
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
    return like(wrt, results)


def hessian_vector_product(cost: Variable, wrt: Variables, p: Any) -> Any:
    """Return the Hessian of a scalar times ``p``, without building the Hessian.

    p : for each of ``wrt`` a tensor of its shape.  The mixed blocks count.

    >>> import gradcore.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> T.hessian_vector_product((x ** 3).sum(), x, v).eval({x: [1, 2], v: [1, 1]}).tolist()
    [6.0, 12.0]
    """
    variables = variables_of(wrt, "wrt")
    gradients = grad(cost, variables)
    points = points_for(p, wrt, variables, "hessian_vector_product")
    found = pushforward(gradients, variables, points)
    results = [
        present(direction, gradient, "zero", "raise")
        for direction, gradient in zip(found, gradients, strict=True)
    ]
    return like(wrt, results)
