"""What NumPy's functions do with variables: ``np.exp(x)`` is ``T.exp(x)``.

NumPy hands a call over to its operands (NEP 13 and NEP 18); here the word of the same name in the
tensor language takes it, with the arguments as they were given.  Where there is none, the error
names the nearest.  Rejected: NumPy's own way out, an array of Python objects, each a node.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.errors import GraphTypeError
from gradcore.graph import here
from gradcore.graph.array_likes import MASKED
from gradcore.language import LANGUAGE, word
from gradcore.ops import scalars
from gradcore.tensor import stacking


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    if low is None:
        return x if high is None else scalars.minimum(x, high)
    return scalars.maximum(x, low) if high is None else scalars.clip(x, low, high)


OTHERWISE: dict[str, Callable[..., Any]] = {"split": stacking.equal_split, "clip": _clip}
"""NumPy's functions whose name in the tensor language has another meaning, Theano's."""

REDUCTIONS = {
    "add": ("sum", "cumsum"), "multiply": ("prod", "cumprod"), "maximum": ("max", "cummax"),
    "minimum": ("min", "cummin"), "logical_and": ("all", ""), "logical_or": ("any", ""),
}  # fmt: skip
"""The words for ``ufunc.reduce`` and ``ufunc.accumulate``."""


@word
def numpy_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return what a call of a method of a ufunc means on variables.

    ``array += variable`` makes a variable of the name ``array``, as ``array = array + variable``.

    Raises GraphTypeError: the tensor language has no such word, or an option is given.
    """
    name = ufunc.__name__
    if method != "__call__":
        reduced, accumulated = REDUCTIONS.get(name, ("", ""))
        instead = {"reduce": reduced, "accumulate": accumulated}.get(method)
        raise GraphTypeError(
            f"np.{name}.{method} does not take symbolic variables",
            here(),
            f"use T.{instead}" if instead else "use words of gradcore.tensor",
        )
    given = {key: value for key, value in options.items() if value is not None}
    if given.keys() == {"out"} and given["out"][0] is inputs[0]:
        given = {}
    if given:
        raise GraphTypeError(
            f"np.{name} takes no {', '.join(given)}= with symbolic variables",
            here(),
            f"use T.{name}",
        )
    return _named(LANGUAGE["namespace"](), name, f"np.{name}")(*inputs)


@word
def numpy_array(x: Any, dtype: Any) -> Any:
    """Return an array of one object, for ``np.array(x, dtype=object)``.

    A sparse matrix of SciPy gets one, too: it asks for an array of what it is multiplied by, and
    steps back for the variable if that is of one object.

    Raises GraphTypeError: for any other dtype there are no numbers yet.
    """
    frame = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - CPython's own way
    asking = str(frame.f_globals.get("__name__"))
    as_object = dtype is not None and np.dtype(dtype) == np.dtype(object)
    if not as_object and not asking.startswith("scipy.sparse."):
        raise GraphTypeError(
            f"{x} is symbolic, and NumPy makes arrays of numbers",
            here(),
            "T.stack([x, y]) makes one tensor of several, T.as_tensor_variable of what may be a "
            "variable, x.eval({...}) computes; np.array([x, y], dtype=object) stores variables",
        )
    found = np.empty((), object)
    found[()] = x
    return found


@word
def numpy_mask(x: Any) -> Any:
    """Raise TypeError: a masked array meets a variable, and the mask would be lost."""
    raise TypeError(f"an operand of {x} {MASKED}")


@word
def numpy_function(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return what a call of a function of NumPy means on variables.

    Raises GraphTypeError: the tensor language has no such word.
    """
    name, *rooms = function.__name__, *function.__module__.split(".")[1:]
    shown = ".".join(("np", *rooms, name))
    place = LANGUAGE["namespace"]()
    if not rooms and name in OTHERWISE:
        return OTHERWISE[name](*arguments, **options)
    for room in rooms:
        if not room.startswith("_"):
            place = _named(place, room, shown)
    return _named(place, name, shown)(*arguments, **options)


def _named(place: Any, name: str, shown: str) -> Any:
    """Return what a name means in a module, or raise GraphTypeError."""
    try:
        return getattr(place, name)
    except AttributeError as error:
        raise GraphTypeError(f"{shown} does not take symbolic variables: {error}", here()) from None
