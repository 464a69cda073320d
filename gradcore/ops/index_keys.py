"""From Python's index language to patterns: what ``x[key]`` means.

Ellipses are spelled out here, and boolean masks become ``mask.nonzero()``, checked to fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.errors import GraphIndexError, GraphTypeError
from gradcore.graph import Constant, Variable, here
from gradcore.graph.nodes import as_variable, constant_extent, extents_of
from gradcore.graph.types import whole_number
from gradcore.language import LANGUAGE, is_several
from gradcore.ops.index_patterns import Bound, Entry, Pattern, Slice, Slot
from gradcore.ops.shape_values import SpecifyShape


# from Python's index language -------------------------------------------------------------------
def pattern_of(x: Variable, key: Any) -> tuple[Pattern, list[Variable]]:
    """Return ``key`` as a pattern for ``x`` and the indices that fill its slots."""
    if isinstance(key, list) and any(map(_is_part, key)):  # pyright: ignore[reportUnknownArgumentType] - of any kind
        key = tuple(key)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any kind
    keys: list[Any] = _expanded(x, key if isinstance(key, tuple) else (key,))  # pyright: ignore[reportUnknownArgumentType] - of any kind
    pattern: list[Entry] = []
    indices: list[Variable] = []

    def scalar(bound: Any) -> Bound:
        if bound is None:
            return None
        known = _constant_index(bound)
        if known is not None:  # beyond 64 bits it says no more than at their end
            return max(1 - 2**63, min(known, 2**63 - 1))
        variable = as_variable(bound)
        if variable.ndim or variable.type.dtype == "bool":
            raise GraphTypeError(f"a bound of a slice must be an integer, not {bound}", here())
        indices.append(variable)
        return Slot.SCALAR

    for item in keys:
        if item is None:
            pattern.append(None)
        elif isinstance(item, slice):
            start, stop, step = _bounds(item)  # pyright: ignore[reportUnknownArgumentType] - of any bounds
            pattern.append(Slice(scalar(start), scalar(stop), scalar(step)))
        elif (known := _constant_index(item)) is not None:
            pattern.append(known)
        else:
            index = _as_index(item)
            pattern.append(Slot.ARRAY if index.ndim else Slot.SCALAR)
            indices.append(index)
    return tuple(pattern), indices


def _is_part(item: Any) -> bool:
    """Return whether a list with this item is a tuple of keys: it is no array of indices."""
    return isinstance(item, slice) or item is None or item is Ellipsis


def _bounds(key: slice) -> tuple[Any, Any, Any]:
    return key.start, key.stop, key.step


def _constant_index(item: Any) -> int | None:
    if isinstance(item, Variable) and item.type.dtype != "bool":
        return constant_extent(item)
    return whole_number(item)


def _as_index(item: Any) -> Variable:
    if isinstance(item, (float, np.floating)):
        raise GraphTypeError(f"an index must be an integer, not {item}", here())
    if is_several(item) and not item:
        return Constant(item, "int64")
    return as_variable(item)


def _expanded(x: Variable, keys: tuple[Any, ...]) -> list[Any]:
    """Return ``keys`` with the ellipsis spelled out and masks turned into integers."""
    keys = tuple(
        as_variable(k) if (is_several(k) and k) or isinstance(k, np.ndarray) else k for k in keys
    )
    found: list[Any] = []
    used = sum(_axes_used(k) for k in keys)
    axis = 0
    for k in keys:
        if k is Ellipsis:
            found.extend([slice(None)] * (x.ndim - used))
            axis += x.ndim - used
            continue
        if isinstance(k, Variable) and k.type.dtype == "bool":
            found.extend(LANGUAGE["nonzero"](_fitting_mask(k, x, axis)))
        else:
            found.append(k)
        axis += _axes_used(k)
    if sum(k is Ellipsis for k in keys) > 1:
        raise GraphIndexError("an index can only have a single ellipsis ('...')", here())
    return found


def _fitting_mask(mask: Variable, x: Variable, axis: int) -> Variable:
    """Return ``mask``, checked to have the extents of ``x`` from ``axis`` on.

    Raises GraphIndexError, here or when it runs: it has others.
    """
    if axis + mask.ndim > x.ndim:
        raise GraphIndexError(
            f"a mask of {mask.ndim} axes from axis {axis} on for {x}, which has {x.ndim}", here()
        )
    known = x.type.shape[axis : axis + mask.ndim]
    if mask.type.shape == known and None not in known:
        return mask
    check = SpecifyShape(f"a mask must fit what it indexes, {x}", error=GraphIndexError)
    return check(mask, *extents_of(x)[axis : axis + mask.ndim])


def _axes_used(k: Any) -> int:
    if k is None or k is Ellipsis:
        return 0
    if isinstance(k, (bool, np.bool_)) or (
        isinstance(k, Variable) and k.type.dtype == "bool" and not k.ndim
    ):
        raise GraphTypeError(
            f"cannot index by the single boolean {k}", here(), "use ifelse or switch to choose"
        )
    return k.ndim if isinstance(k, Variable) and k.type.dtype == "bool" else 1
