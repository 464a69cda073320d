"""What the ops of matrices share: what they take, how they fail, and what they are tested on.

What does not exist (a factor of a matrix that is not positive definite, a solution for a singular
one) is `LinAlgError`, as NumPy's; an op with ``raises=False`` has NaN in its place, for one matrix
of a stack by itself.  An op that nothing reads is not computed, and does not raise: what it
requires of values is found out by the algorithm itself, which a condition beside it would double.
So it is no requirement (`gradcore.graph.requirements`), which the optimizer would retain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.dtypes import DTYPES
from gradcore.errors import GraphTypeError, LinAlgError, ShapeError
from gradcore.graph import Apply, Array, Op, Operand, Requirement, Shape, Variable, here
from gradcore.graph.complexes import conjugated
from gradcore.graph.externs import successes
from gradcore.graph.requirements import all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.axes import DimShuffle
from gradcore.ops.control import Assert
from gradcore.ops.create import Arange
from gradcore.ops.stacks import all_stacked

library: Any = scipy
"""It loads its modules when they are first asked for."""

TAKEN = ("float32", "float64", "complex64", "complex128")
"""The dtypes that LAPACK computes in."""

Made: TypeAlias = Callable[[Array], Array]
"""Makes matrices, or a stack of them, of numbers that are drawn."""

STACK = (3, 3, 3)
"""A stack in which some matrices have no factor."""


def refuse_others(op: Op, *inputs: Variable) -> None:
    """Raise for what is no matrix, or stack of them, of a dtype that LAPACK has, one for all."""
    for x in inputs:
        if x.ndim < 2 or x.ndim != inputs[0].ndim:
            message = f"{op} takes matrices or stacks of them, not {x} ({x.type})"
            raise GraphTypeError(message, here())
        if x.type.dtype not in TAKEN or x.type.dtype != inputs[0].type.dtype:
            raise GraphTypeError(
                f"{op} takes one dtype of {', '.join(TAKEN)}, not {x} ({x.type})",
                here(),
                "cast it first",
            )


def square(node: Apply, operands: Sequence[Operand]) -> list[Requirement]:
    """Return the requirement that the first operand is a square matrix."""
    x = operands[0]
    message = f"{node.op} takes square matrices: {node.inputs[0]} is none"
    return all_equal(x.shape[-2:], message)


def check_square(x: Any) -> None:
    """Raise ShapeError for arrays of any library that are no square matrices."""
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"got shape {tuple(x.shape)}, which is of no square matrix")


def transposed(x: Variable) -> Variable:
    """Return the transposes of matrices."""
    return LANGUAGE["swapaxes"](x, -1, -2)


def adjoint(x: Variable) -> Variable:
    """Return the conjugate transposes of matrices: of real ones, the transposes."""
    return conjugated(transposed(x))


def part_of(dtype: str) -> str:
    """Return the dtype of the parts of complex numbers; that of real ones as it is."""
    return DTYPES[dtype].part


def is_complex(x: Any) -> bool:
    """Return whether an array, of any library, is of complex numbers."""
    return "complex" in str(x.dtype)


def real_part(x: Variable) -> Variable:
    """Return the real part of complex variables; real ones as they are."""
    return LANGUAGE["real"](x) if x.type.is_complex else x


def untransposed(v: Variable) -> Variable | None:
    """Return the matrices of which ``v`` is made as the transposes; None: it is not made so.

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> untransposed(x.T) is x, untransposed(x)
    (True, None)
    """
    axes = (*range(v.ndim - 2), v.ndim - 1, v.ndim - 2)
    made = v.owner
    if made is None or not isinstance(made.op, DimShuffle) or made.op.order != axes:
        return None
    return made.inputs[0]


def below(x: Variable, diagonal: float) -> Variable:
    """Return the lower triangle of square matrices, its diagonal times a number."""
    i = Arange()(LANGUAGE["extent"](x, x.ndim - 1))
    row, column = i.dimshuffle(0, "x"), i.dimshuffle("x", 0)
    on = LANGUAGE["switch"](LANGUAGE["eq"](row, column), x * diagonal, LANGUAGE["zeros_like"](x))
    return LANGUAGE["switch"](LANGUAGE["gt"](row, column), x, on)


def dominated(a: Array) -> Array:
    """Return matrices whose diagonal outweighs their rows: triangles of positive definite ones."""
    return np.asarray(a / max(a.shape[-1], 1) + 4 * np.eye(*a.shape[-2:]), a.dtype)


def singular(made: Made) -> Made:
    """Return what makes the same matrices, but for the first: its last row and column are zero."""

    def changed(a: Array) -> Array:
        found = made(a).copy()
        found[:1, -1:, :] = found[:1, :, -1:] = 0
        return found

    return changed


def with_nan(made: Made) -> Made:
    """Return what makes the same matrices, but for the last: it has a NaN below its diagonal."""

    def changed(a: Array) -> Array:
        found = made(a).copy()
        found[-1:, -1:, :1] = np.nan
        return found

    return changed


def with_infinity(a: Array) -> Array:
    """Return matrices with an infinity first on their diagonal."""
    found = dominated(a)
    found[..., :1, :1] = np.inf
    return found


class OfStacks(Op):
    """An op of matrices, or of stacks of them with any axes in front (abstract).

    It takes complex numbers as such: the library that computes it does.
    """

    of_complex = "whole"

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Take another axis in front."""
        return self(*all_stacked(inputs, stacked))


class OfSquares(OfStacks):
    """An op of square matrices, whose result is as they are unless it says otherwise (abstract)."""

    def check(self, *inputs: Variable) -> None:
        """Take matrices."""
        refuse_others(self, *inputs)

    def shape(self, *operands: Operand) -> Shape:
        """Return that of the matrix."""
        return operands[0].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)


# what need not exist ----------------------------------------------------------------------------
def failure(what: str) -> Callable[[int, int], LinAlgError]:
    """Return what makes an exception of how many matrices of a stack did not fail, and of all."""

    def failed(found: int, count: int) -> LinAlgError:
        return LinAlgError(what if count == 1 else f"{what}: at {found} in a stack of {count}")

    return failed


SINGULAR_MESSAGE = "Singular matrix"
SINGULAR = failure(SINGULAR_MESSAGE)
NOT_POSITIVE = failure("Matrix is not positive definite")
"""NumPy's messages."""


def unless_singular(found: Variable, diagonal: Variable, raises: bool = True) -> Variable:
    """Return solutions, if no number on the diagonal of their factors is 0.

    found : a matrix, or a stack of them; if it raises, of any shape.
    raises : whether it is LinAlgError where there is a 0; else the solution is NaN.
    """
    if raises:
        return Assert(SINGULAR_MESSAGE, LinAlgError)(found, LANGUAGE["neq"](diagonal, 0))
    singular = LANGUAGE["any"](LANGUAGE["eq"](diagonal, 0), -1)
    singular = singular.dimshuffle(*range(singular.ndim), "x", "x")
    return LANGUAGE["switch"](singular, LANGUAGE["cast"](np.nan, found.dtype), found)


def raise_for_failed(failed: Any, exception: Callable[[int, int], Exception]) -> None:
    """Raise for the first matrix of a stack that failed, given a bool for each."""
    each = np.asarray(failed)
    if each.any():
        raise exception(int(successes(np, each)), each.size)


class Attempt(OfStacks):
    """An op of matrices whose result need not exist (abstract): `attempted` says where not."""

    if TYPE_CHECKING:
        raises: bool

    failure = staticmethod(SINGULAR)

    def reference(self, *arrays: Any) -> Any:
        """Return what `attempted` returns, or raise for what it did not find."""
        with np.errstate(all="ignore"):
            *found, failed = self.attempted(*arrays)
        if self.raises:
            raise_for_failed(failed, self.failure)
        return found[0] if len(found) == 1 else tuple(found)
