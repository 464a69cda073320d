"""What an op says of the function of a library that computes it.

The op names the function and says what it needs; which backends have it, and from where, is
theirs to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.graph.extents import Extent, Shape

ALL_AXES = 64
"""What `Extern.core` is for a function that takes whole arrays: more axes than one has."""


def successes(xp: Any, failed: Any) -> Any:
    """Return how many arrays of a stack come before the first that failed, as an int64.

    xp : the module that the array is of: NumPy, or one like it.
    failed : a bool for each array of the stack.
    """
    ended = xp.concatenate([failed.reshape(-1), xp.ones(1, dtype=bool)])
    return xp.argmax(ended).astype("int64")


@dataclass(frozen=True)
class Extern:
    """A function of a library.

    It is called ``name(stack, *extents, *numbers, *operands, *outputs, *workspace)``.  Operands and
    outputs are whole arrays in C order; their last ``core`` axes are what the library knows of, and
    the axes before, of the same extents in all of them, make a stack of ``stack`` such arrays.

    name : what backends know it by.
    dtypes : those in which it computes; all operands have one, and so the outputs, unless they are
        of a dtype that is always the same, such as an order, or of that of the parts of complex
        numbers.  The workspace has it, too.
    core : how many last axes belong to one call; their ``extents`` are those of the last operand.
    workspace : from these extents, how many more elements a call needs; None: none.
    failure : of what need not exist (a factor, an inverse), what makes the exception where it does
        not: a function of two ints, for how many arrays of the stack it did, up to the first, and
        how many there are.  Such a function of a library has a further output, after the others:
        the first of these numbers, an int64.  `Declaration.attempted` says what it means.
    raises : whether the exception is raised; else what does not exist is NaN.
    numbers : further ints that the function takes, after the extents, and ``workspace`` too.
    extents : what it is called with instead of the stack and the extents, for one that knows arrays
        in another way: a function of the shapes of operands and outputs that returns extents.

    >>> lu = Extern("determinant", ("float64",), workspace=lambda n, m: n * (n + 1))
    >>> lu.core, lu.workspace(3, 3)
    (2, 12)
    """

    name: str
    dtypes: tuple[str, ...] = ("float32", "float64")
    core: int = 2
    workspace: Callable[..., Any] | None = None
    failure: Callable[[int, int], Exception] | None = None
    raises: bool = True
    numbers: tuple[int, ...] = ()
    extents: Callable[[Sequence[Shape], Sequence[Shape]], Sequence[Extent]] | None = None
