"""The arguments of ``function``: put in order, and refused where they make no sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.errors import ArgumentError, GraphTypeError, UnusedInputError
from gradcore.graph import Array, Constant, Variable, as_variable, here
from gradcore.graph.composite import Composite
from gradcore.language import listed
from gradcore.shared import SharedVariable, fitting

Pairs = Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None


@dataclass(frozen=True)
class In:
    """An input of a function, with options.

    variable : the variable.
    name : the keyword it is called by; by default the variable's name.
    value : what it is if it is not given.
    update : an expression whose value becomes ``value`` after each call.
    strict : whether only arrays of the very dtype are taken.
    allow_downcast : whether an argument may lose precision; None: only plain Python numbers may.
    mutable, borrow, implicit : accepted as in Theano; an argument is never written to.

    >>> import gradcore, gradcore.tensor as T
    >>> x, total = T.dscalars("x", "total")
    >>> running = gradcore.function([x, In(total, value=0.0, update=total + x)], total + x)
    >>> float(running(1.0)), float(running(2.0)), float(running[total])
    (1.0, 3.0, 3.0)
    """

    variable: Variable
    name: str | None = None
    value: Any = None
    update: Variable | None = None
    strict: bool = False
    allow_downcast: bool | None = None
    mutable: bool = False
    borrow: bool = False
    implicit: bool = False

    @property
    def keyword(self) -> str | None:
        """The name that it is called by."""
        return self.name or self.variable.name

    def converted(self, value: Any, function: str, position: int) -> Array:
        """Return an argument as an array, or raise ArgumentError."""
        with self._named(function, position):
            if self.strict and not isinstance(value, (np.ndarray, np.generic)):
                raise TypeError(f"is strict and takes an array, not {type(value).__name__}")
            return self.variable.type.filter(value, self.strict, self.allow_downcast)

    def check_shape(self, shape: tuple[int, ...], function: str, position: int) -> None:
        """Raise ArgumentError for the shape of an argument of the right dtype."""
        with self._named(function, position):
            self.variable.type.check_shape(shape)

    @contextmanager
    def _named(self, function: str, position: int) -> Generator[None]:
        """Make of a TypeError one that names the argument."""
        try:
            yield
        except TypeError as error:
            name = repr(self.keyword) if self.keyword else f"{position} ({self.variable.type})"
            raise ArgumentError(f"{function}: argument {name} {error}") from None


@dataclass(frozen=True)
class Out:
    """An output of a function, with options.

    borrow : accepted as in Theano; the arrays that a call returns are always the caller's own.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> gradcore.function([x], Out(2 * x, borrow=True))(1.0)
    array(2.)
    """

    variable: Variable
    borrow: bool = False


def checked_inputs(given: Sequence[Any], allow_downcast: bool | None) -> list[In]:
    """Return the inputs with their options; refuse what cannot be one."""
    if isinstance(given, Variable):
        raise GraphTypeError(f"inputs are a list of variables, not {given}", here(), f"[{given}]")
    found: list[In] = []
    for item in given:
        if isinstance(item, Variable):
            entry = In(item, allow_downcast=allow_downcast)
        elif isinstance(item, In):
            entry = item
        else:
            raise GraphTypeError(f"an input is a variable or In(variable), not {item!r}", here())
        if isinstance(entry.variable, Constant):
            raise GraphTypeError(f"the constant {entry.variable} cannot be an input", here())
        if isinstance(entry.variable, SharedVariable):
            raise GraphTypeError(
                f"the shared variable {entry.variable} cannot be an input: it has a value",
                here(),
                "use it as it is, or put another variable in its place with givens",
            )
        found.append(entry)
    for variable, count in Counter(entry.variable for entry in found).items():
        if count > 1:
            raise UnusedInputError(f"{variable} is an input twice", here())
    return found


def checked_outputs(given: Any) -> list[Variable]:
    """Return the outputs, whatever form they come in, in order."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        items: list[Any] = list(given.values())  # pyright: ignore[reportUnknownArgumentType] - checked below
    else:
        items = listed(given)
    return [as_variable(item.variable if isinstance(item, Out) else item) for item in items]


def pairs(given: Any, what: str) -> dict[Variable, Any]:
    """Return updates or givens as a dict; refuse a variable that is named twice.

    Of a composite there are its parts, but for those that stay as they are.
    """
    found: dict[Variable, Any] = {}
    pairs: Any = getattr(given, "items", lambda: given or ())()
    for variable, value in pairs:
        if isinstance(variable, Composite):
            moved = zip(variable.parts, variable.fitting(value, "the variable").parts, strict=True)
            given_here = [(old, new) for old, new in moved if new is not old]
        elif isinstance(variable, Variable):
            given_here = [(variable, value)]
        else:
            raise GraphTypeError(f"{what} map variables to values, not {variable!r}", here())
        for part, new in given_here:
            if part in found:
                raise GraphTypeError(f"{what} name {variable} twice", here())
            found[part] = new
    return found


def checked_updates(given: Pairs) -> dict[SharedVariable, Variable]:
    """Return the new values of shared variables; refuse those that would not fit."""
    found: dict[SharedVariable, Variable] = {}
    for variable, value in pairs(given, "updates").items():
        if not isinstance(variable, SharedVariable):
            raise GraphTypeError(
                f"only shared variables can be updated, not {variable}", here(), "use shared(value)"
            )
        found[variable] = fitting(value, variable, "the shared variable")
    return found
