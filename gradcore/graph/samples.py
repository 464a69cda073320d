"""What operands of samples are drawn from; a `gradcore.graph.op.Sample` has some for an op."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcore.graph.types import Array


@dataclasses.dataclass(frozen=True)
class Arg:
    """What to draw an operand of a test from.

    shape : its extents; an extent of 1 is known to be 1, the others are known or not in turn.
    dtype : a dtype, or "float": all float dtypes in turn.
    low, high : the bounds of its elements.
    value : the operand itself, where it cannot be drawn.
    made : what makes the operand of what is drawn, such as a matrix that is positive definite.

    >>> positive = Arg((2, 2), "float64", made=lambda x: x @ x.T + np.eye(2))
    >>> positive.made(np.ones(positive.shape))
    array([[3., 2.],
           [2., 3.]])
    """

    shape: tuple[int, ...] = ()
    dtype: str = "float"
    low: float = -3
    high: float = 3
    value: Any = None
    made: Callable[[Array], Array] = np.asarray
