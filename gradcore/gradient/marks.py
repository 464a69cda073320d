"""Marks in a graph that only derivatives see, and words for the ``grad`` of a user's own op."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Op, Undefined, Variable
from gradcore.ops.control import DisconnectedGrad, GradClip, GradScale, ZeroGrad


def zero_grad(x: Any) -> Variable:
    """Return ``x``; its derivative counts as zero.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(zero_grad(x ** 2), x).eval({x: 3.0})
    array(0.)
    """
    return ZeroGrad()(x)


def consider_constant(x: Any) -> Variable:
    """Return ``x``; its derivative counts as zero (another name for `zero_grad`).

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(x * consider_constant(x), x).eval({x: 3.0})
    array(3.)
    """
    return ZeroGrad()(x)


def disconnected_grad(x: Any) -> Variable:
    """Return ``x``; derivatives do not see that it depends on anything.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(x ** 2 + disconnected_grad(T.exp(x)), x).eval({x: 3.0})
    array(6.)
    """
    return DisconnectedGrad()(x)


def grad_clip(x: Any, lower_bound: float, upper_bound: float) -> Variable:
    """Return ``x``; gradients that come back through it are limited to the bounds.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(grad_clip(x, -1, 1) ** 2), x).eval({x: [0.25, 3.0, -3.0]})
    array([ 0.5,  1. , -1. ])
    """
    return GradClip(float(lower_bound), float(upper_bound))(x)


def grad_scale(x: Any, multiplier: float) -> Variable:
    """Return ``x``; derivatives through it are multiplied.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(grad_scale(x, -0.5) ** 2, x).eval({x: 3.0})
    array(-3.)
    """
    return GradScale(float(multiplier))(x)


class DisconnectedType:
    """What the ``grad`` of a user's op returns for an input that is disconnected.

    >>> import gradcore, gradcore.tensor as T
    >>> class Sized(gradcore.Op):
    ...     itypes, otypes = [T.dvector, T.lscalar], [T.dvector]
    ...     def perform(self, node, inputs, output_storage):
    ...         output_storage[0][0] = inputs[0][: inputs[1]]
    ...     def connection_pattern(self, node):
    ...         return [[True], [False]]
    ...     def grad(self, inputs, output_grads):
    ...         zeros = T.zeros_like(inputs[0])
    ...         return [T.set_subtensor(zeros[: inputs[1]], output_grads[0]), DisconnectedType()()]
    >>> x = T.dvector("x")
    >>> T.grad(Sized()(x, T.constant(2, dtype="int64")).sum(), x).eval({x: [1.0, 2.0, 3.0]})
    array([1., 1., 0.])
    """

    def __call__(self) -> None:
        """Return the word for disconnected."""
        return


def grad_undefined(op: Op, x_pos: int, x: Variable, comment: str = "") -> Undefined:
    """Return what the ``grad`` of a user's op returns where no gradient exists.

    >>> import gradcore, gradcore.tensor as T
    >>> import numpy as np
    >>> class Rounded(gradcore.Op):
    ...     itypes, otypes = [T.dscalar, T.dscalar], [T.dscalar]
    ...     def perform(self, node, inputs, output_storage):
    ...         output_storage[0][0] = np.round(inputs[0], int(inputs[1]))
    ...     def grad(self, inputs, output_grads):
    ...         return [output_grads[0], grad_undefined(self, 1, inputs[1], "it is a count")]
    >>> x, digits = T.dscalars("x", "digits")
    >>> T.grad(Rounded()(x, digits), digits)
    Traceback (most recent call last):
    gradcore.errors.NotDifferentiableError: no derivative for digits: ...
    """
    return Undefined(f"{op} is not differentiable in input {x_pos} ({x}). {comment}".strip())


def grad_not_implemented(op: Op, x_pos: int, x: Variable, comment: str = "") -> Undefined:
    """Return what the ``grad`` of a user's op returns where nobody has written one.

    >>> import gradcore, gradcore.tensor as T
    >>> import numpy as np
    >>> class Rounded(gradcore.Op):
    ...     itypes, otypes = [T.dscalar, T.dscalar], [T.dscalar]
    ...     def perform(self, node, inputs, output_storage):
    ...         output_storage[0][0] = np.round(inputs[0], int(inputs[1]))
    ...     def grad(self, inputs, output_grads):
    ...         digits = grad_not_implemented(self, 1, inputs[1], "nobody needed it")
    ...         return [output_grads[0], digits]
    >>> x, digits = T.dscalars("x", "digits")
    >>> T.grad(Rounded()(x, digits), digits)
    Traceback (most recent call last):
    gradcore.errors.NotDifferentiableError: no derivative for digits: ...
    """
    return Undefined(f"{op} has no gradient for input {x_pos} ({x}). {comment}".strip())
