"""What a result should be, and how far off it may be: the reference, in higher precision.

Operands in floats are computed in the higher precision of their dtype, where the function has one:
for float64 NumPy's long double.  The error of an op is measured in units in the last place of its
result (or of the sum of magnitudes, where terms may cancel), and the op declares how many it may
be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.derive import LinearInParts
from gradcore.dtypes import COMPLEX, DTYPES, FLOATS
from gradcore.graph import Apply, Array
from gradcore.ops import scalars
from gradcore.ops.elementwise import Elementwise


@dataclass(frozen=True)
class Expected:
    """What an output should be.

    value : the exact value, as exactly as it is known.
    tolerance : how far off each element may be.
    signed_zeros : whether the sign of a zero counts.
    """

    value: Array
    tolerance: Array
    signed_zeros: bool = False

    def complaint(self, found: Array) -> str | None:
        """Return what is wrong with ``found``, or None."""
        if found.shape != self.value.shape:
            return f"has shape {found.shape}, expected {self.value.shape}"
        wrong = self.wrong(found)
        if not wrong.any():
            return None
        at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        where = f"[{', '.join(map(str, at))}] " if at else ""
        count = (
            f" ({int(wrong.sum())} of {wrong.size} elements are wrong)" if wrong.size > 1 else ""
        )
        allowed = float(self.tolerance[at])
        return f"{where}is {found[at]!r}, expected {self.value[at]!r} +- {allowed:.3g}{count}"

    def wrong(self, found: Array) -> Array:
        """Return which elements of ``found``, of the right shape, are wrong."""
        with np.errstate(all="ignore"):
            return ~self._right(found)

    def _right(self, found: Array) -> Array:
        if self.value.dtype.kind == "c":
            return self._complex_right(found)
        if self.value.dtype.kind != "f":
            return np.asarray(found == self.value)
        right = np.abs(found.astype(self.value.dtype) - self.value) <= self.tolerance
        right |= found == self.value
        right |= np.isnan(found) & np.isnan(self.value)
        if found.dtype.kind == "f":
            # Within the tolerance of the largest number, infinity is as near as any.
            largest = np.finfo(found.dtype).max
            beyond = np.abs(self.value) + self.tolerance >= largest
            right |= beyond & (found == np.copysign(np.inf, self.value))
        if self.signed_zeros:
            right &= (self.value != 0) | (np.signbit(found) == np.signbit(self.value))
        return np.asarray(right)

    def _complex_right(self, found: Array) -> Array:
        """Return where numbers are near, or both parts are, if one is not finite."""
        near = np.abs(found.astype(self.value.dtype) - self.value) <= self.tolerance
        lost, alike = ~np.isfinite(self.value), np.ones(found.shape, bool)
        for part, mine in ((self.value.real, found.real), (self.value.imag, found.imag)):
            wrong = Expected(part, self.tolerance).wrong(mine)
            alike &= ~wrong | (lost & np.isfinite(mine) & np.isfinite(part))
        return np.asarray(near | alike)


def computed(node: Apply, operands: Sequence[Array]) -> list[Array]:
    """Return what the reference makes of ``operands``."""
    with np.errstate(all="ignore"):
        found: Any = node.op.kernel(node)(*operands)
    return [np.asarray(v) for v in (found if len(node.outputs) > 1 else (found,))]


def expected(
    node: Apply, operands: Sequence[Array], *, signed_zeros: bool = False
) -> list[Expected]:
    """Return what the outputs of ``node`` should be for ``operands``."""
    values = computed(node, operands)
    with np.errstate(all="ignore"):
        exact = _exactly(node, operands) if values[0].dtype.kind in "fc" else None
        values = exact or values
        scales = values
        if node.op.accumulates and values[0].dtype.kind in "fc":
            scales = [np.asarray(node.op.reference(*map(_magnitude, operands)))]
        if node.op.by_norm:
            scales = list(map(largest, values))
        ulp = _units_allowed(node)
        if node.op.compounds:
            ulp = max(ulp, *(n for a in operands for n in a.shape), 0)
        return [
            Expected(v, _units(scale, output.dtype) * ulp, signed_zeros)
            for v, scale, output in zip(values, scales, node.outputs, strict=True)
        ]


COMPLEX_UNITS = 16
"""How many units of its absolute value a function may be off that is written with parts."""

POWER_UNITS = 64
"""The same of powers: the error of a logarithm is multiplied by the exponent."""


def _units_allowed(node: Apply) -> float:
    """Return how many units in the last place the op may be off."""
    written = node.op.by_parts is not None and not isinstance(node.op.derivative, LinearInParts)
    moved = any(v.type.is_complex for v in node.inputs)
    units = POWER_UNITS if node.op is scalars.pow else COMPLEX_UNITS
    return max(node.op.ulp, units) if written and moved else node.op.ulp


def _magnitude(a: Array) -> Array:
    return np.abs(a) if a.dtype.kind in "fc" else a


def largest(a: Array) -> Array:
    """Return the largest finite magnitude of each matrix, in place of its elements."""
    axes = tuple(range(-min(2, a.ndim), 0))
    largest = np.abs(a).max(axes, keepdims=True, initial=0, where=np.isfinite(a))
    return np.broadcast_to(largest, a.shape)


def _exactly(node: Apply, operands: Sequence[Array]) -> list[Array] | None:
    """Return the results in higher precision, or None: the op is exact, or has none."""
    op = node.op
    dtypes = [v.dtype for v in node.inputs]
    if isinstance(op, Elementwise):
        taken = op.takes(dtypes, node.out.dtype)
        function: Any = op.numpy
    elif op.accumulates or op.by_norm:
        taken = dtypes
        function = op.reference
    else:
        return None
    if not any(dtype in (*FLOATS, *COMPLEX) for dtype in taken):
        return None
    raised = [
        a.astype(dtype).astype(DTYPES[dtype].higher or dtype)
        for a, dtype in zip(operands, taken, strict=True)
    ]
    try:
        found = function(*raised)
    except TypeError:  # SciPy has no long double for most functions
        return None
    results = [np.asarray(v) for v in (found if len(node.outputs) > 1 else (found,))]
    return results if results[0].dtype.kind in "fc" else None


def _units(value: Array, dtype: str) -> Array:
    """Return the unit in the last place of ``dtype`` at ``value``; 0 where there is none."""
    row = DTYPES[dtype]
    if value.dtype.kind not in "fc" or row.kind not in ("float", "complex"):
        return np.zeros(value.shape)
    value, dtype = np.abs(value), row.part
    limits = np.finfo(dtype)
    known = np.where(np.isnan(value), 0, np.abs(value))
    near = np.minimum(known, limits.max).astype(dtype)
    return np.asarray(np.spacing(np.minimum(near, np.nextafter(limits.max, 0))), value.dtype)
