"""Special values: what goes wrong first when a backend is not careful."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.errors import GradcoreError
from gradcore.graph import Array
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS, UNSIGNED
from gradcore.ops import complexes, scalars
from gradcore.ops.elementwise import Elementwise

GROUPS = ("special", "zeros", "subnormal")
"""The groups of special values, each a case of its own."""


AMONG = ("nan", "infinite", "zeros", "subnormal", "extreme")
"""The groups of special numbers that stand among others, for ops that are not elementwise."""


TIES = (scalars.maximum, scalars.minimum, scalars.clip)
"""Rows that choose among their operands: which of 0 and -0 is larger is not for them to say."""


EVERYWHERE = (
    scalars.true_div, scalars.sqrt, scalars.abs, scalars.log, scalars.eq, scalars.neq,
    scalars.isnan, scalars.isinf, scalars.isfinite, complexes.real, complexes.imag, complexes.conj,
)  # fmt: skip
"""Rows of which NumPy, and C99, say what they make of complex numbers with infinities and NaN."""


def floats(dtype: str, group: str) -> list[float]:
    """Return the special numbers of a float dtype; of a complex one those of its parts."""
    limits = np.finfo(dtype)
    tiny, largest = float(limits.tiny), float(limits.max)
    if dtype in COMPLEX and group == "special":
        return [math.inf, -math.inf, math.nan, 0.0, 1.0, -0.5, 2.5, -30.0]
    if group == "zeros":
        return [0.0, -0.0, 1.0, -1.0]
    if group == "subnormal":
        return [float(limits.smallest_subnormal), -tiny / 4, tiny / 2, 0.5, 2.0]
    inf, nan = float("inf"), float("nan")
    simple = [0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 3.0, 10.0, -30.0]
    return [inf, -inf, nan, tiny, -tiny, largest, -largest, *simple]


def integers(dtype: str) -> list[int]:
    """Return the special numbers of an integer dtype."""
    limits = np.iinfo(dtype)
    wanted = (limits.min, limits.min + 1, -7, -2, -1, 0, 1, 2, 3, 7, limits.max - 1, limits.max)
    return [n for n in wanted if limits.min <= n <= limits.max]


def operands(op: Elementwise, dtypes: Sequence[str], group: str) -> list[Array]:
    """Return vectors that pair every special value with every other; empty ones for none."""
    columns = [_column(op, k, dtype, group) for k, dtype in enumerate(dtypes)]
    if _defined_by_operand(op, dtypes):
        within = [
            np.array([x for x in column if _is_compared(op, k, x)], dtype)
            for k, (column, dtype) in enumerate(zip(columns, dtypes, strict=True))
        ]
        return [grid.reshape(-1) for grid in np.meshgrid(*within, indexing="ij")]
    rows = [row for row in itertools.product(*columns) if _defined(op, row, dtypes)]
    return [np.array([row[k] for row in rows], dtype) for k, dtype in enumerate(dtypes)]


def among(a: Array, group: str) -> Array:
    """Return ``a`` with the numbers of a group among its own, or as it is: the group has none."""
    found = np.array(a)
    flat = found.reshape(-1)
    if not flat.size:
        return found
    if a.dtype.kind == "f":
        limits = np.finfo(a.dtype)
        if group == "zeros":
            flat[:] = np.resize([0.0, -0.0, 1.0, -1.0, -0.0, 0.0, 1.0], flat.size)
        if group == "subnormal":
            units = np.resize([500, 400, 301, 0, -100, -200, -300], flat[::2].size)
            flat[::2] = units.astype(a.dtype) * limits.smallest_subnormal
        if group in ("nan", "infinite"):
            flat[flat.size // 2] = np.nan if group == "nan" else np.inf
    elif a.dtype.kind in "iu" and group == "extreme":
        limits = np.iinfo(a.dtype)
        low, high = limits.min, limits.max
        flat[:] = np.resize(np.array([high - 1, high, low, low + 1, low, 0, 1], a.dtype), flat.size)
    return found


def tells_signs(
    compute: Callable[[Sequence[Array]], Sequence[Array]], operands: Sequence[Array]
) -> bool:
    """Return whether the results differ if unsigned integers are taken for signed ones.

    compute : returns the results of an op for operands, also for those of signed dtypes.
    """
    if not any(a.dtype.name in UNSIGNED for a in operands):
        return False
    right = compute(operands)
    try:
        wrong = compute([_as_signed(a) for a in operands])
    except GradcoreError:  # such as for an exponent that is negative then
        return True
    return any(
        a.dtype.itemsize != b.dtype.itemsize or a.tobytes() != b.tobytes()
        for a, b in zip(right, wrong, strict=True)
    )


def _as_signed(a: Array) -> Array:
    return a.view(a.dtype.name.removeprefix("u")) if a.dtype.name in UNSIGNED else a


def _column(op: Elementwise, k: int, dtype: str, group: str) -> list[Any]:
    if dtype in FLOATS:
        return floats(dtype, group)
    if dtype in COMPLEX:
        numbers = floats(dtype, group)[:: op.operands]
        return [complex(a, b) for a in numbers for b in numbers]
    if group != "special":
        return []
    if dtype == "bool":
        return [0, 1]
    if op in (scalars.left_shift, scalars.right_shift) and k == 1:
        bits = np.iinfo(dtype).bits
        return [0, 1, bits - 1, bits, bits + 1, 3 * bits]
    return integers(dtype)


def _defined_by_operand(op: Elementwise, dtypes: Sequence[str]) -> bool:
    """Return whether NumPy defines the result wherever each operand is one that is compared."""
    if set(dtypes) & set(COMPLEX) or op in scalars.CAST_DTYPES:
        return False
    return op not in (scalars.pow, scalars.polygamma)


def _is_compared(op: Elementwise, k: int, value: Any) -> bool:
    """Return whether results are compared at a value of the k-th operand."""
    if k >= len(op.compared):
        return True
    low, high = op.compared[k]
    return bool(low <= value <= high or np.isnan(value))


def _defined(op: Elementwise, row: Sequence[Any], dtypes: Sequence[str]) -> bool:
    """Return whether NumPy defines the result."""
    if set(dtypes) & set(COMPLEX) and op not in EVERYWHERE and not np.isfinite(row).all():
        return False
    if dtypes[0] in COMPLEX and op in (scalars.log1p, scalars.pow):
        return abs(row[0]) >= np.finfo(dtypes[0]).eps  # NumPy's are inexact there
    if op in scalars.CAST_DTYPES and dtypes[0] in FLOATS:
        to = scalars.CAST_DTYPES[op]
        if to not in (*FLOATS, *COMPLEX, "bool"):
            limits = np.iinfo(to)
            return bool(np.isfinite(row[0])) and limits.min <= row[0] <= min(limits.max, 2**53)
    if op is scalars.pow and set(dtypes) <= set(DISCRETE):
        return row[1] >= 0
    if op is scalars.polygamma:
        return row[0] in (1, 2, 3) and row[1] > 0
    return all(_is_compared(op, k, x) for k, x in enumerate(row))
