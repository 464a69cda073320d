"""What functions of matrices take."""

from __future__ import annotations

from typing import Any

from gradcore.dtypes import computed
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.types import upcast
from gradcore.ops.elementwise import floating
from gradcore.tensor.elementwise import cast


def matrices(name: str, *given: Any) -> tuple[list[Variable], str]:
    """Return matrices, or stacks of them, as variables of a dtype that LAPACK computes in.

    name : the function that takes them, for messages.

    Returns also the dtype of what is computed from them, complex if one of them is.  Raises
    GraphTypeError: one has fewer than two axes.
    """
    variables = [as_variable(x) for x in given]
    for x in variables:
        if x.ndim < 2:
            raise GraphTypeError(f"{name} takes matrices, not {x} ({x.type})", here())
    dtype = floating(upcast(*(x.type.dtype for x in variables)))
    return [cast(x, computed(dtype)) for x in variables], dtype


def raises(name: str, on_error: str) -> bool:
    """Return whether a function raises for what does not exist, given its ``on_error``.

    name : the function, for messages.

    Raises GraphValueError: it is neither "raise" nor "nan".
    """
    if on_error not in ("raise", "nan"):
        raise GraphValueError(
            f'{name} takes on_error="raise" or on_error="nan", not {on_error!r}', here()
        )
    return on_error == "raise"
