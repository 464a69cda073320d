"""Functions of Python as ops: ``as_op``, the shortest way to write one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

from gradcore.errors import GraphTypeError
from gradcore.graph import Apply, Constant, Op, Shape, Variable, here
from gradcore.language import is_several, listed


@final
class FromFunctionOp(Op):
    """A function of arrays as an op; it has no derivative.

    fn : it takes an array for each operand and returns an array, or several.
    itypes, otypes : the types of the operands and of the outputs.
    shapes_of : Theano's ``infer_shape``: of the node and the shapes of the operands.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        itypes: Sequence[Any],
        otypes: Sequence[Any],
        shapes_of: Callable[..., Any] | None,
    ) -> None:
        self.fn = fn
        self.itypes = itypes  # pyright: ignore[reportAttributeAccessIssue] - each has its own
        self.otypes = otypes  # pyright: ignore[reportAttributeAccessIssue] - each has its own
        self.shapes_of = shapes_of
        self.__name__ = getattr(fn, "__name__", "function")
        self.__doc__ = fn.__doc__

    def __eq__(self, other: object) -> bool:
        """Return whether ``other`` is of the same function."""
        return isinstance(other, FromFunctionOp) and self.fn is other.fn

    def __hash__(self) -> int:
        """Hash the function."""
        return hash((FromFunctionOp, self.fn))

    def label(self) -> str:
        """Return the name of the function."""
        return self.__name__

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node; what is no variable takes the dtype of its operand's type."""
        types = [getattr(t, "dtype", None) for t in self.itypes or ()]
        if len(types) == len(inputs):
            inputs = tuple(
                x if isinstance(x, Variable) or dtype is None else Constant(x, dtype)
                for x, dtype in zip(inputs, types, strict=True)
            )
        return super().make_node(*inputs)

    def symbolic_shapes(self, node: Apply, operands: Sequence[Any]) -> Sequence[Shape]:
        """Return what ``infer_shape`` says, if there is one."""
        if self.shapes_of is None:
            return super().symbolic_shapes(node, operands)
        return self.shapes_of(node, [operand.shape for operand in operands])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Call the function."""
        found = self.fn(*inputs)
        values = list(found) if is_several(found) else [found]
        if len(values) != len(output_storage):
            raise GraphTypeError(
                f"{self.label()} returns {len(values)} values, its otypes are {len(output_storage)}"
            )
        for cell, value in zip(output_storage, values, strict=True):
            cell[0] = value


def as_op(
    itypes: Any, otypes: Any, infer_shape: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], FromFunctionOp]:
    """Return a decorator that makes an op of a function of arrays.

    itypes, otypes : the type of each operand and of each output, such as ``T.dmatrix``; one, or a
        list.
    infer_shape : returns the shapes of the outputs, tuples of scalars, given the node and those of
        the operands; without it they are not known before the function has run.

    The op has no derivative; `gradcore.custom_gradient` gives it one.

    Raises GraphTypeError: something else than types; where the op is applied, operands of others;
    when it runs, another number of values than of ``otypes``.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> @gradcore.as_op(itypes=[T.dvector, T.lscalar], otypes=[T.dvector])
    ... def rolled(x, n):
    ...     return np.roll(x, n)
    >>> x = T.dvector("x")
    >>> import numpy as np
    >>> gradcore.function([x], rolled(x, 1))([1.0, 2.0, 3.0])
    array([3., 1., 2.])
    """
    types = listed(itypes), listed(otypes)
    for given in (*types[0], *types[1]):
        if not (hasattr(given, "dtype") and hasattr(given, "shape")):
            raise GraphTypeError(f"as_op takes types, such as T.dmatrix, not {given!r}", here())

    def made(fn: Callable[..., Any]) -> FromFunctionOp:
        return FromFunctionOp(fn, *types, infer_shape)

    return made


wrap_py = as_op
"""PyTensor's name of `as_op`."""
