"""What an op says of the function of a library that computes it.

The op names the function and says what it needs; which backends have it, and from where, is
theirs to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Extern:
    """A function of a library.

    It is called ``name(stack, *extents, *operands, *outputs, *workspace)``.  Operands and outputs
    are whole arrays in C order; their last ``core`` axes are what the library knows of, and the
    axes before, of the same extents in all of them, make a stack of ``stack`` such arrays.

    name : what backends know it by.
    dtypes : those in which it computes; all operands and the first output have one, and so the
        other outputs, unless they are of a dtype that is always the same, such as an order.
    core : how many last axes belong to one call; their ``extents`` are those of the last operand.
    workspace : from these extents, how many more elements a call needs; None: none.
    """

    name: str
    dtypes: tuple[str, ...] = ("float32", "float64")
    core: int = 2
    workspace: Callable[..., Any] | None = None
