"""Functions of Python as ops: ``as_op``, the shortest way to write one's own, and a stop in pdb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

from gradcore.errors import GraphTypeError
from gradcore.graph import Apply, Constant, Op, Shape, Variable, as_variable, here
from gradcore.graph.nodes import Derivative
from gradcore.graph.types import listed_types
from gradcore.language import is_several


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

    def _identity(self) -> tuple[Any, ...]:
        types = ((t.dtype, tuple(t.shape)) for t in (*(self.itypes or ()), *(self.otypes or ())))
        return self.fn, self.shapes_of, len(self.itypes or ()), *types

    def __eq__(self, other: object) -> bool:
        """Return whether ``other`` is of the same function, with the same types."""
        return isinstance(other, FromFunctionOp) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Hash the function and the types."""
        return hash((FromFunctionOp, self._identity()))

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
    types = listed_types(itypes, "as_op"), listed_types(otypes, "as_op")

    def made(fn: Callable[..., Any]) -> FromFunctionOp:
        return FromFunctionOp(fn, *types, infer_shape)

    return made


wrap_py = as_op
"""PyTensor's name of `as_op`."""


class _PassedOn(Derivative):
    """The derivative of an op that returns its operands but for the first."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether an output is the operand."""
        return i == o + 1

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents; the condition has none."""
        return [None, *cotangents]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the operands."""
        return list(tangents[1:])


@final
class Breakpoint(Op):
    """``Breakpoint(name)(condition, *monitored)``: ``monitored``, after a stop in the debugger.

    It stops where ``condition``, a scalar, is not 0, by Python's ``breakpoint()``: in pdb, unless
    ``PYTHONBREAKPOINT`` says otherwise.  There ``name`` and ``values``, the arrays, are known.  On
    every backend, in loops too.  Its results must be used, and derivatives pass.

    It returns one variable, or a list of several.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> y = Breakpoint("negative")(x < 0, T.exp(x))
    >>> y.eval({x: 0.0}), T.grad(y, x).eval({x: 0.0})
    (array(1.), array(1.))
    """

    __props__ = ("name",)
    derivative = _PassedOn()
    foldable = False

    def __init__(self, name: str = "") -> None:
        self.name = name

    def label(self) -> str:
        """Return what it is called, with its name."""
        return f"breakpoint({self.name})"

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node.

        Raises GraphTypeError: the condition is no scalar, or nothing is monitored.
        """
        condition, *monitored = map(as_variable, inputs)
        if condition.ndim or not monitored:
            raise GraphTypeError("a breakpoint takes a scalar and what to look at", here())
        return Apply(self, [condition, *monitored], [v.type() for v in monitored])

    def symbolic_shapes(self, node: Apply, operands: Sequence[Any]) -> Sequence[Shape]:
        """Return the shapes of what is looked at."""
        return [operand.shape for operand in operands[1:]]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Stop if the condition says so, and return the operands."""
        condition, *values = inputs
        name = self.name
        if condition:
            print(f"breakpoint {name!r}, built at {node.where}: look at values")  # noqa: T201 - its purpose
            breakpoint()  # noqa: T100 - its purpose
        for cell, value in zip(output_storage, values, strict=True):
            cell[0] = value.copy()


PdbBreakpoint = Breakpoint
"""Theano's name of `Breakpoint`."""
