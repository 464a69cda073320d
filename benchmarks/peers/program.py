"""What a system makes of a case: something to call, and how it takes its arguments.

Conversion of the inputs to the system's own arrays is not timed, except where a title says so;
waiting for results that are computed in the background is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """A case, built for a system.

    call : takes the system's arrays; returns the results, or the result, when they are there.
    take : makes of NumPy arrays the system's arrays.
    """

    call: Callable[..., Any]
    take: Callable[..., Any] = lambda *arrays: arrays


class NotHere(Exception):
    """A system has no program for a case; the message says why, or is empty."""


def listed(results):
    """Return results as a list of NumPy arrays."""
    several = isinstance(results, (tuple, list))
    return [np.asarray(r) for r in (results if several else [results])]
