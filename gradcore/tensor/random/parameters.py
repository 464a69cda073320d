"""The parameters of distributions: their dtype, and their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcore.config import config
from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Constant, Variable, as_variable, here, upcast
from gradcore.graph.types import FLOATS, canonical_dtype
from gradcore.tensor.elementwise import cast

POSITIVE = (0.0, math.inf)

BOUNDS = {
    "scale": POSITIVE, "sigma": POSITIVE, "a": POSITIVE, "b": POSITIVE, "alpha": POSITIVE,
    "df": POSITIVE, "kappa": POSITIVE, "lam": POSITIVE, "n": POSITIVE, "p": (0.0, 1.0),
}  # fmt: skip
"""Between which numbers a parameter of a name is, both included."""


def float_dtype(dtype: str | None, parameters: Sequence[Any]) -> str:
    """Return the dtype of a draw of floats: as given, else what holds its parameters.

    Plain numbers hold nothing; without others, it is ``config.floatX``.

    Raises GraphTypeError: it is given, and no float dtype.
    """
    if dtype is not None:
        wanted = canonical_dtype(dtype)
        if wanted not in FLOATS:
            raise GraphTypeError(f"a draw of floats cannot be {wanted}", here(), "cast the draw")
        return wanted
    floats = [p.dtype for p in parameters if hasattr(p, "dtype") and str(p.dtype) in FLOATS]
    return upcast(*map(str, floats)) if floats else config.floatX


def taken(dtype: str | None, *parameters: Any) -> tuple[str, list[Variable]]:
    """Return the dtype of a draw of floats, and its parameters in the one that it is computed in.

    dtype : as of `float_dtype`.
    """
    wanted = float_dtype(dtype, parameters)
    wide = computed(wanted)
    return wanted, [cast(as_variable(p, (wide,)), wide) for p in parameters]


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
