"""Shared values of any kind, and copies of graphs, with Theano's arguments."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from gradcore import graph
from gradcore.errors import GraphTypeError
from gradcore.graph import Variable
from gradcore.language import is_several, is_sparse_matrix
from gradcore.shared import SharedVariable
from gradcore.shared import shared as shared_tensor
from gradcore.theano.states import GENERATORS, RandomStateSharedVariable


class GenericType:
    """The type of values that are no tensors: of any class."""

    def __repr__(self) -> str:
        """Return Theano's name of it."""
        return "<theano.gof.type.Generic>"


GENERIC = GenericType()
KINDS: dict[str, Any] = {"generic": GENERIC}


class SharedObject:
    """A shared value that is no tensor: text, a dict, any object.

    It has the methods of a shared variable; no graph reads it, for there values are tensors.
    """

    type = GENERIC

    def __init__(self, value: Any, name: str | None = None, borrow: bool = False) -> None:
        self.name = name
        self._value = value if borrow else copy.deepcopy(value)

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """Return the value: a copy, or with ``borrow`` the object that is stored."""
        return self._value if borrow else copy.deepcopy(self._value)

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Set the value."""
        self._value = new_value if borrow else copy.deepcopy(new_value)

    def __repr__(self) -> str:
        """Return the name, or the type."""
        return self.name or f"<{self.type!r}>"


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    broadcastable: Any = None,
    target: str | None = None,
    **kwargs: Any,
) -> SharedVariable | SharedObject:
    """Return a shared variable: `gradcore.shared`; of what is no number, a `SharedObject`.

    A generator of NumPy's makes the state of draws, which ``raw_random`` takes.

    broadcastable : along which axes it broadcasts; their extents are 1 for good.
    target : accepted as in Theano.

    Raises GraphTypeError: a variable, or arguments that Theano has not.
    """
    if kwargs:
        raise GraphTypeError(f"shared takes no {', '.join(kwargs)}", graph.here())
    if isinstance(value, GENERATORS):
        return RandomStateSharedVariable(value, name)
    if _is_object(value):
        return SharedObject(value, name, borrow)
    shape = None if broadcastable is None else tuple(1 if one else None for one in broadcastable)
    return shared_tensor(value, name, strict, allow_downcast, borrow, shape)


def _is_object(value: Any) -> bool:
    """Return whether a value is none of a tensor or of a sparse matrix."""
    if isinstance(value, Variable) or is_sparse_matrix(value):
        return False
    if isinstance(value, NUMBERS) or hasattr(value, "__array__"):
        return False
    if not is_several(value):
        return True
    try:
        kind: str = np.asarray(value).dtype.kind
    except ValueError:  # a list of lists of several lengths
        return True
    return kind not in "biufc"


NUMBERS = (bool, int, float, complex)
"""What is a tensor, beside arrays and lists of numbers."""


def clone(
    output: Any,
    replace: Any = None,
    strict: bool = True,
    share_inputs: bool = True,
    copy_inputs: Any = None,
) -> Any:
    """Return a copy of a graph, with replacements: `gradcore.clone`.

    copy_inputs : an older name of ``share_inputs``.

    Raises GraphTypeError: with ``strict``, a replacement of another type.
    """
    share = share_inputs if copy_inputs is None else bool(copy_inputs)
    return graph.clone(output, replace, share, strict)
