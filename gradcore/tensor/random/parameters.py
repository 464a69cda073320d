"""The parameters of distributions, as far as their values are known while a graph is built."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.errors import GraphValueError
from gradcore.graph import Constant, Variable, here

POSITIVE = (0.0, math.inf)

BOUNDS = {
    "scale": POSITIVE, "sigma": POSITIVE, "a": POSITIVE, "b": POSITIVE, "alpha": POSITIVE,
    "df": POSITIVE, "kappa": POSITIVE, "lam": POSITIVE, "n": POSITIVE, "p": (0.0, 1.0),
}  # fmt: skip
"""Between which numbers a parameter of a name is, both included."""


def refuse_outside(**parameters: Any) -> None:
    """Raise GraphValueError for numbers, arrays and constants out of the bounds of their name.

    What is known only when a function is called is not looked at: draws of floats are NaN there, or
    what their formula says.
    """
    for name, given in parameters.items():
        low, high = BOUNDS[name]
        if isinstance(given, Variable) and not isinstance(given, Constant):
            continue
        try:
            values = np.asarray(given.data if isinstance(given, Constant) else given, "float64")
        except (TypeError, ValueError):  # a list with variables in it
            continue
        outside = values[(values < low) | (values > high)]
        if outside.size:
            raise GraphValueError(
                f"the parameter {name} of a draw is between {low:g} and {high:g}, "
                f"got {outside.flat[0]:g}",
                here(),
            )
