"""What users claim of matrices: facts that rewrites count on, of which nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Identity
from gradcore.errors import GraphTypeError
from gradcore.graph import Apply, Array, Operand, Requirement, Variable, here
from gradcore.graph.op import Arg, Sample
from gradcore.ops.control import PassingOn, same
from gradcore.ops.matrices import check_square, square
from gradcore.ops.triangles import ABOVE, BELOW, VANISHING


def _diagonal(a: Array) -> Array:
    return np.tril(np.triu(a))


def _positive(a: Array) -> Array:
    return np.asarray(abs(_diagonal(a)) + np.eye(*a.shape[-2:]), a.dtype)


PROPERTIES: Mapping[str, Callable[[Array], Array]] = {
    "symmetric": _diagonal,
    "positive_definite": _positive,
    "diagonal": _diagonal,
    "lower_triangular": np.tril,
    "upper_triangular": np.triu,
}
"""What can be claimed, and what makes a matrix of which it is true."""


def is_true(claim: str, a: Array) -> bool:
    """Return whether a claim is true of matrices, by more than their rounding takes away."""
    if claim == "symmetric":
        return np.array_equal(a, a.mT, equal_nan=True)
    if claim != "positive_definite":
        return np.array_equal(PROPERTIES[claim](a), a, equal_nan=True)
    if not np.isfinite(a).all() or not np.array_equal(a, a.mT.conj()):
        return False
    values = np.linalg.eigvalsh(a.astype(np.result_type(a, np.float32)))
    least = values.max(-1, initial=0) * a.shape[-1] * float(np.finfo(values.dtype).eps) * 16
    return bool((values.min(-1, initial=np.inf) > least).all())


ZERO_SIDES: Mapping[str, tuple[int, ...]] = {
    "diagonal": (BELOW, ABOVE), "lower_triangular": (ABOVE,), "upper_triangular": (BELOW,),
}  # fmt: skip


@final
@dataclass(frozen=True, repr=False)
class Assume(PassingOn):
    """The operand: square matrices that are known to be as ``claim`` says.

    claim : one of `PROPERTIES`.

    What is computed of matrices that are not so is undefined.
    """

    claim: str
    cheap = view = True
    derivative = Identity((same,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a matrix of which each claim is true, and a stack."""
        return [
            Sample(cls(claim), (Arg(shape, made=made),))
            for claim, made in PROPERTIES.items()
            for shape in ((3, 3), (2, 3, 3))
        ]

    def check(self, *inputs: Variable) -> None:
        """Take matrices."""
        (x,) = inputs
        if x.ndim < 2:
            raise GraphTypeError(
                f"assume takes matrices or stacks of them, not {x} ({x.type})", here()
            )

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The matrices are square."""
        return square(node, operands)

    def reference(self, *arrays: Any) -> Any:
        """Return the matrices."""
        check_square(*arrays)
        return arrays[0]


def _vanishes(node: Apply, side: int) -> bool:
    assert isinstance(node.op, Assume)
    return side in ZERO_SIDES.get(node.op.claim, ())


VANISHING[Assume] = _vanishes
