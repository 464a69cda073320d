"""What makes the exceptions of checks that fail while a program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from gradcore.errors import ArraySizeError, OutOfMemoryError
from gradcore.execute import MEMORY_FIX, explain
from gradcore.graph import Apply
from gradcore.graph.extents import MOST

Failure: TypeAlias = Callable[[Sequence[int]], Exception]
"""What makes an exception of the values that a check reports."""


def too_large(shape: Sequence[int]) -> Exception:
    """Return the error for an array that no memory has room for."""
    return ArraySizeError(f"an array of shape {tuple(shape)} is larger than any memory")


def no_memory(itemsize: int, values: Sequence[int]) -> Exception:
    """Return the error for so many bytes, which some memory may have, or none."""
    (count,) = values
    if count // itemsize > MOST:
        return ArraySizeError(f"an array of {count} bytes is larger than any memory")
    return OutOfMemoryError(
        f"there is no memory for an array of {count} bytes",
        fix=MEMORY_FIX,
    )


def explained(failure: Failure, node: Apply) -> Failure:
    """Return ``failure``, whose exceptions tell the user's line too."""

    def failed(values: Sequence[int]) -> Exception:
        error = failure(values)
        explain(error, node, ())
        return error

    return failed
