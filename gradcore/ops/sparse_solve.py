"""Equations with a sparse matrix: SuperLU, as SciPy brings it.

The decision: an op that Python runs, on all backends (`Op.perform`), since no library of arrays has
a factorization of sparse matrices, and its time is far beyond that of a call.  The last one is
remembered: a solution and its derivatives have one matrix, whose factors are computed once.

By X. Li, "An overview of SuperLU: algorithms, implementation, and user interface" (2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import scipy.sparse  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gradcore.derive import Reverse
from gradcore.errors import GraphIndexError, GraphTypeError, LinAlgError, ShapeError
from gradcore.graph import Apply, Array, Operand, Requirement, Shape, Variable, here
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import all_equal
from gradcore.ops.sparse import SampledDot
from gradcore.ops.sparse_patterns import Compressed, check_pattern

_sparse: Any = scipy.sparse

TAKEN = ("float32", "float64", "complex64", "complex128")
"""The dtypes that SuperLU computes in."""


def _by_data(op: SparseSolve, ct: Variable, *given: Variable) -> Variable:
    """A dx = -dA x, of which only elements that are stored move."""
    _, indices, starts, _, x = given
    back = _by_right(op, ct, *given)
    left, right = (x, back) if op.transposed else (back, x)
    return -SampledDot()(left, indices, starts, right)


def _by_right(op: SparseSolve, ct: Variable, *given: Variable) -> Variable:
    """A dx = db."""
    data, indices, starts = given[:3]
    return SparseSolve(not op.transposed)(data, indices, starts, ct)


@final
@dataclass(frozen=True, repr=False)
class SparseSolve(Compressed):
    """``SparseSolve()(data, indices, starts, b)``: x of ``A @ x = b``, for a square matrix A.

    transposed : whether the equations are those of ``A.T``.

    b is a vector or a matrix, of the dtype of the data.

    Raises LinAlgError, when it runs: A is singular.
    """

    transposed: bool = False
    derivative = Reverse((_by_data, None, None, _by_right), linear=((3,),))
    ulp = 64
    by_norm = True

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return equations with one right side and with two, of the matrix and transposed."""
        matrix = Arg((5,), made=_dominated), *EQUATIONS
        return [
            Sample(cls(transposed), (*matrix, Arg(shape)))
            for transposed in (False, True)
            for shape in ((3,), (3, 2))
        ]

    def label(self) -> str:
        """Return the name."""
        return "spsolve"

    def check(self, *inputs: Variable) -> None:
        """Take elements and right sides of one dtype that SuperLU has."""
        super().check(*inputs)
        data, b = inputs[0], inputs[3]
        self.check_dense(b)
        if data.type.dtype not in TAKEN or data.type.dtype != b.type.dtype:
            raise GraphTypeError(
                f"{self} takes a matrix and right sides of one dtype of {', '.join(TAKEN)}, not "
                f"{data.type.dtype} and {b.type.dtype}",
                here(),
                "cast them",
            )

    def dtype(self, *dtypes: str) -> str:
        """Return that of the right side."""
        return dtypes[3]

    def shape(self, *operands: Operand) -> Shape:
        """Return that of the right side."""
        return operands[3].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """It is a pattern of a square matrix with as many rows as the right side."""
        data, indices, starts, b = operands
        message = f"{node.op}: {node.inputs[3]} has another number of rows than the matrix"
        stored = f"{node.op}: {node.inputs[0]} and {node.inputs[1]} have other extents"
        return [
            *all_equal([data.shape[0], indices.shape[0]], stored, GraphIndexError),
            *all_equal([b.shape[0], starts.shape[0] - 1], message),
            *self.pattern_required(node, operands, b.shape[0]),
        ]

    def reference(self, *arrays: Any) -> Any:
        """Return SuperLU's solution; NaN, where an element is not finite."""
        data, indices, starts, b = arrays
        n = starts.size - 1
        if b.shape[0] != n:
            raise ShapeError(f"{n} equations do not fit a right side of shape {b.shape}")
        check_pattern(indices, starts, n)
        if data.size != indices.size:
            raise GraphIndexError(f"{data.size} elements do not fit {indices.size} column numbers")
        if not (n and b.size):
            return np.zeros_like(b)
        if not np.isfinite(data).all():
            return np.full_like(b, np.nan)
        # Compressed rows of A are compressed columns of A.T, of which SuperLU has the factors.
        found = _factors(data, indices, starts).solve(b, trans="N" if self.transposed else "T")
        return np.asarray(found, b.dtype)

    def perform(self, node: Apply, inputs: Sequence[Array], output_storage: Any) -> None:
        """Compute the reference, on all backends."""
        output_storage[0][0] = self.reference(*inputs)


_last: list[tuple[tuple[Array, ...], Any]] = []
"""The last matrix, as copies of its parts, with its factors."""


def _factors(*parts: Array) -> Any:
    """Return SuperLU's factors of a square matrix in compressed columns."""
    for known, factors in _last[:1]:
        if all(map(_alike, known, parts)):
            return factors
    data, indices, starts = copies = tuple(np.array(part) for part in parts)
    n = starts.size - 1
    matrix = _sparse.csc_array((data, indices, starts), shape=(n, n), copy=True)
    try:
        factors = _sparse.linalg.splu(matrix)
    except RuntimeError as error:  # SuperLU says so of a singular matrix
        raise LinAlgError(f"Singular matrix: {error}") from None
    _last[:] = [(copies, factors)]
    return factors


def _alike(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def _dominated(a: Array) -> Array:
    """Return elements for `EQUATIONS` that make a matrix which is not near a singular one."""
    found = np.array(a / 8)
    found[[k for k in DIAGONAL if k < found.size]] += 1
    return found


EQUATIONS = Arg(value=np.array([2, 0, 1, 0, 2])), Arg(value=np.array([0, 2, 3, 5]))
"""Of a sample: three rows, of which one has one element."""

DIAGONAL = [1, 2, 4]
"""Where the diagonal of `EQUATIONS` is."""
