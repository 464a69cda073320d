"""The arguments and the results of derivatives, and what is said when there is none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

from gradcore.derive import Direction, direction_dtype, moving_with, zeros
from gradcore.errors import (
    DisconnectedInputError,
    EvaluationPointError,
    GraphTypeError,
    NotDifferentiableError,
)
from gradcore.graph import Apply, Undefined, Variable, Zero, ancestors, as_variable, here, toposort
from gradcore.graph.complexes import conjugated
from gradcore.graph.composite import Composite, moving_part
from gradcore.graph.nodes import extents_of
from gradcore.language import is_several, listed
from gradcore.ops.shape_values import SpecifyShape
from gradcore.tensor.elementwise import cast

Variables: TypeAlias = Variable | Composite | Sequence[Variable | Composite]
"""One variable, or a list or tuple of them; or composites, which move by one of their parts."""


def variables_of(given: Any, what: str) -> list[Variable]:
    """Return one variable or several as a list; of a composite, the part that moves."""
    found = [moving_part(one) for one in listed(given)]
    for variable in found:
        if not isinstance(variable, Variable):
            raise GraphTypeError(
                f"{what} must be a variable, or a list or tuple of them, not {variable!r}", here()
            )
    return found


def like(model: Any, results: list[Any]) -> Any:
    """Return results as the argument came: one, a list, or a tuple; composites as composites."""
    results = [
        one.with_moving(found)
        if isinstance(one, Composite) and isinstance(found, Variable)
        else found
        for one, found in zip(listed(model), results, strict=True)
    ]
    if isinstance(model, tuple):
        return tuple(results)
    return results if isinstance(model, list) else results[0]


def refuse_function(what: str, given: Any, instead: str) -> None:
    """Raise GraphTypeError for a function where Theano's word takes an expression."""
    if callable(given):
        raise GraphTypeError(
            f"{what} takes an expression, not a function {given!r}", here(), instead
        )


def real_alone(what: str, *given: Any) -> None:
    """Raise GraphTypeError for complex variables: their derivative is no matrix of numbers."""
    for variable in (v for some in given for v in listed(some)):
        if isinstance(variable, Variable) and variable.type.is_complex:
            raise GraphTypeError(
                f"{what} of complex tensors: {variable} is {variable.type}",
                here(),
                "take that of T.real and T.imag, by real tensors; or products with it: Rop, Lop",
            )


def points_for(points: Any, model: Any, variables: Sequence[Variable], what: str) -> list[Variable]:
    """Return the evaluation points for ``variables``, checked.

    model : the variables as the user gave them: a list of them takes a list of points.
    """
    given = [points]
    if is_several(points) and (
        is_several(model) or any(isinstance(p, (Variable, Composite)) for p in points)
    ):
        given = list(points)
    if len(given) != len(variables):
        raise EvaluationPointError(
            f"{what} needs an evaluation point for each of {len(variables)} variables, "
            f"got {len(given)}",
            here(),
        )
    return [evaluation_point(p, v, what) for p, v in zip(given, variables, strict=True)]


def evaluation_point(point: Any, variable: Variable, what: str) -> Variable:
    """Return ``point`` as a tensor of the shape and dtype of ``variable``.

    The extents that are not known yet are checked when a function that has them runs.
    """
    found = as_variable(moving_part(point))
    fits = found.ndim == variable.ndim and all(
        m is None or n is None or m == n
        for m, n in zip(found.type.shape, variable.type.shape, strict=True)
    )
    if not fits:
        raise EvaluationPointError(
            f"{what}: the evaluation point {found} is {found.type}; it must have the shape of "
            f"{variable}, which is {variable.type}",
            here(),
        )
    found = cast(found, direction_dtype(variable))
    if found.ndim and (found.type != variable.type or None in found.type.shape):
        why = f"the evaluation point of {what} must have the shape of {variable}"
        return SpecifyShape(why, optional=True)(found, *extents_of(variable))
    return found


def present(
    direction: Direction, variable: Variable, return_disconnected: str, null_gradients: str
) -> Any:
    """Return a direction as a variable, or what was asked for in its place."""
    if isinstance(direction, Undefined):
        if null_gradients == "return":
            return direction
        raise NotDifferentiableError(
            f"no derivative for {variable}: {direction.reason}",
            here(),
            "stop at it with disconnected_grad or zero_grad, or use consider_constant",
        )
    if direction is None and return_disconnected != "zero":
        return None
    if direction is None or isinstance(direction, Zero):
        return zeros(variable)
    return direction


def presented(
    direction: Direction,
    variable: Variable,
    outputs: Sequence[Variable],
    disconnected_inputs: str,
    return_disconnected: str,
    null_gradients: str,
) -> Any:
    """Return the derivative in ``variable`` as the user gets it, or complain that there is none."""
    if direction is None:
        complain(disconnected_inputs, disconnection(outputs, [variable]))
    return present(conjugated(direction), variable, return_disconnected, null_gradients)


def require_connection(
    policy: str,
    y: Variable,
    wrt: Sequence[Variable],
    constants: Sequence[Variable] = (),
) -> None:
    """Complain if no derivative leads from any of ``wrt`` to ``y``."""
    if y not in moving_with(toposort([y]), wrt, constants):
        complain(policy, disconnection([y], wrt))


def complain(policy: str, error: DisconnectedInputError) -> None:
    """Raise ``error``, warn of it, or let it be."""
    if policy == "raise":
        raise error
    if policy == "warn":
        warnings.warn(error.what, stacklevel=4)
    elif policy != "ignore":
        raise GraphTypeError(f"a policy is raise, warn or ignore, not {policy!r}", here())


def disconnection(
    outputs: Sequence[Variable], variables: Sequence[Variable]
) -> DisconnectedInputError:
    """Return an error that says where the path from ``variables`` to ``outputs`` ends."""
    names = " or ".join(map(str, variables))
    cost = ", ".join(map(str, outputs))
    what = f"{cost} does not depend on {names} in a way that has a derivative"
    found = severed_at(outputs, variables)
    if found is not None:
        node, operand = found
        return DisconnectedInputError(
            f"{what}: the path from {names} ends at {node.op}, which depends on no value of "
            f"{operand} ({node})",
            node.where or here(),
            "pass disconnected_inputs='ignore' if zero is meant",
        )
    for v in ancestors(outputs):
        origin = getattr(v.tag, "origin", None)
        if origin is not None:
            return DisconnectedInputError(f"{what}; {origin}", here(), v.tag.advice)
    return DisconnectedInputError(
        f"{what}: no path leads from {names} to {cost}",
        here(),
        "check that it was built from this very variable; pass disconnected_inputs='ignore' if "
        "zero is meant",
    )


def severed_at(
    outputs: Sequence[Variable], variables: Sequence[Variable]
) -> tuple[Apply, Variable] | None:
    """Return the first node at which what depends on ``variables`` is disconnected."""
    order = toposort(outputs)
    moving = moving_with(order, variables)
    for node in order:
        for i, v in enumerate(node.inputs):
            derivative = node.op.derivative
            outs = range(len(node.outputs))
            if v in moving and not any(derivative.connects(node, i, o) for o in outs):
                return node, v
    return None
