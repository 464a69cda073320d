"""The gradient, and the products of a Jacobian with a vector from either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcore.derive import direction_dtype, pullback, pushforward
from gradcore.errors import GraphTypeError, NotScalarError
from gradcore.gradient.arguments import (
    Variables,
    complain,
    disconnection,
    evaluation_point,
    like,
    points_for,
    present,
    presented,
    refuse_function,
    variables_of,
)
from gradcore.graph import Constant, Variable, as_variable, here
from gradcore.graph.complexes import conjugated
from gradcore.ops.scalars import fill


def grad(
    cost: Variable | None,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Variable, Any] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """Return the gradient of a scalar ``cost`` with respect to ``wrt``.

    cost : a scalar; or None, if ``known_grads`` says where the gradient starts.
    wrt : one variable, or a list or tuple of them; the result is one, a list or a tuple alike,
        each of the shape and dtype of its variable (``config.floatX`` for an integer one).
    consider_constant : variables through which nothing is differentiated.
    disconnected_inputs : what to do about a variable that the cost does not depend on: "raise",
        "warn" or "ignore".
    add_names : whether to name the results, ``(dcost/dx)``, where cost and variable have names.
    known_grads : gradients that are known already, by variable.
    return_disconnected : what a disconnected variable gets: "zero" (zeros), "none" or
        "disconnected" (None).
    null_gradients : what to do where an op on the path has no derivative: "raise", or "return"
        the `Undefined` that says why.

    The gradient in a complex variable is the derivative by its real part plus i times that by its
    imaginary part, as torch has it: a step against it lowers the cost.

    Raises NotScalarError, DisconnectedInputError, NotDifferentiableError; GraphTypeError: the cost
    is complex.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> gradcore.pp(gradcore.grad(T.sin(x), x))
    '(fill(sin(x), TensorConstant{1.0}) * cos(x))'
    """
    refuse_function("grad", cost, "call it: grad(f(x), x); or take value_and_grad(f)(x)")
    variables = variables_of(wrt, "wrt")
    starts: dict[Variable, Variable] = {}
    if cost is not None:
        cost = as_variable(cost)
        if cost.ndim:
            raise NotScalarError(
                f"the cost {cost} is no scalar but a {cost.type}",
                here(),
                "reduce it (cost.sum()), or take jacobian(cost, wrt) or Lop(cost, wrt, v)",
            )
        if cost.type.is_complex:
            raise GraphTypeError(
                f"the cost {cost} is complex ({cost.type})",
                here(),
                "take the gradient of a real number: T.real, T.imag, abs",
            )
        starts[cost] = fill(cost, Constant(1, direction_dtype(cost)))
    elif not known_grads:
        raise GraphTypeError("grad needs a cost or known_grads", here())
    for variable, known in (known_grads or {}).items():
        point = conjugated(evaluation_point(known, variable, "known_grads"))
        starts[variable] = starts[variable] + point if variable in starts else point
    found = pullback(
        list(starts), list(starts.values()), variables, frozenset(consider_constant or ())
    )
    results = [
        presented(
            direction,
            variable,
            list(starts),
            disconnected_inputs,
            return_disconnected,
            null_gradients,
        )
        for direction, variable in zip(found, variables, strict=True)
    ]
    if add_names and cost is not None and cost.name:
        for variable, result in zip(variables, results, strict=True):
            if (
                variable.name
                and isinstance(result, Variable)
                and result.name is None
                and result.owner
            ):
                result.name = f"(d{cost.name}/d{variable.name})"
    return like(wrt, results)


def Lop(  # noqa: N802 - Theano's name
    f: Variables,
    wrt: Variables,
    eval_points: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """Return ``eval_points`` times the Jacobian of ``f`` with respect to ``wrt``.

    f : one tensor of any rank, or several.
    eval_points : for each of ``f`` a tensor of its shape.

    The results have the shapes of ``wrt``.  Of complex tensors it is the conjugate of the Jacobian
    that is multiplied, so that ``grad`` is this of a real cost.

    Raises EvaluationPointError, DisconnectedInputError, NotDifferentiableError.

    >>> import gradcore.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> T.Lop(x ** 2, x, v).eval({x: [1, 2], v: [10, 10]}).tolist()
    [20.0, 40.0]
    """
    outputs, variables = variables_of(f, "f"), variables_of(wrt, "wrt")
    points = [conjugated(point) for point in points_for(eval_points, f, outputs, "Lop")]
    found = pullback(outputs, points, variables, frozenset(consider_constant or ()))
    results = [
        presented(direction, variable, outputs, disconnected_inputs, "zero", "raise")
        for direction, variable in zip(found, variables, strict=True)
    ]
    return like(wrt, results)


def Rop(  # noqa: N802 - Theano's name
    f: Variables,
    wrt: Variables,
    eval_points: Any,
    disconnected_outputs: str = "raise",
    return_disconnected: str = "zero",
) -> Any:
    """Return the Jacobian of ``f`` with respect to ``wrt``, times ``eval_points``.

    f : one tensor of any rank, or several; the results have their shapes.
    eval_points : for each of ``wrt`` a tensor of its shape.
    disconnected_outputs : what to do about an ``f`` that depends on none of ``wrt``: "raise",
        "warn" or "ignore".
    return_disconnected : what it gets: "zero" (zeros), "none" or "disconnected" (None).

    Raises EvaluationPointError, DisconnectedInputError, NotDifferentiableError.

    >>> import gradcore.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> T.Rop(x ** 2, x, v).eval({x: [1, 2], v: [10, 10]}).tolist()
    [20.0, 40.0]
    """
    outputs, variables = variables_of(f, "f"), variables_of(wrt, "wrt")
    points = points_for(eval_points, wrt, variables, "Rop")
    found = pushforward(outputs, variables, points)
    results: list[Any] = []
    for direction, output in zip(found, outputs, strict=True):
        if direction is None:
            reason = disconnection([output], variables)
            complain(disconnected_outputs, reason)
        results.append(present(direction, output, return_disconnected, "raise"))
    return like(f, results)


def subgraph_grad(
    wrt: Sequence[Variable],
    end: Sequence[Variable],
    start: Mapping[Variable, Variable] | None = None,
    cost: Variable | None = None,
    details: bool = False,
) -> Any:
    """Return gradients of a part of a graph, so that long chains can be differentiated in pieces.

    wrt : variables whose gradients are wanted.
    end : variables at which differentiation stops; their gradients are returned, to go on from.
    start : known gradients of variables, usually those of the ``end`` of the piece before.
    cost : a scalar whose gradient is added.

    Returns ``(wrt gradients, end gradients)``; with ``details`` also those due to ``start`` and
    those due to ``cost`` separately, as two more lists for ``wrt`` and ``end`` together.

    >>> import gradcore.tensor as T
    >>> x, w = T.dscalar("x"), T.dscalar("w")
    >>> hidden = x ** 2
    >>> by_w, by_hidden = subgraph_grad([w], [hidden], cost=w * hidden)
    >>> at = {x: 3.0, w: 5.0}
    >>> by_w[0].eval(at), by_hidden[0].eval(at)
    (array(9.), array(5.))
    """
    if start is None and cost is None:
        raise GraphTypeError("subgraph_grad needs start or cost", here())
    targets = list(dict.fromkeys((*wrt, *end)))
    ignoring: dict[str, Any] = {"consider_constant": list(end), "disconnected_inputs": "ignore"}
    by_start = grad(None, targets, known_grads=start, **ignoring) if start is not None else None
    by_cost = grad(cost, targets, **ignoring) if cost is not None else None
    present = [found for found in (by_start, by_cost) if found is not None]
    added = present[0] if len(present) == 1 else [a + b for a, b in zip(*present, strict=True)]
    total = dict(zip(targets, added, strict=True))
    result = [total[v] for v in wrt], [total[v] for v in end]
    return (*result, by_start, by_cost) if details else result
