"""Which line of the user's program a node comes from.

`here` finds the nearest frame outside this package; while a rewrite or a derivative builds nodes
on behalf of an older one, `on_behalf_of` makes them inherit its line.  Rejected: keeping whole
stack traces, as Theano does; they cost more than the nodes and nobody reads past the first line.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from pathlib import Path

from gradcore.errors import Location

PACKAGE = str(Path(__file__).resolve().parents[1])

_inherited: ContextVar[Location | None] = ContextVar("inherited location", default=None)


def here() -> Location | None:
    """Return the user's line that is being executed (None where there is no user)."""
    inherited = _inherited.get()
    if inherited is not None:
        return inherited
    frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - CPython's own way
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return Location(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None


def differentiated(location: Location | None, label: str) -> Location | None:
    """Return the location of what belongs to the derivative of an op that ``location`` built.

    label : what to call the op.
    """
    if location is None or len(location.derivative) >= DEEPEST:
        return location
    return location._replace(derivative=(*location.derivative, label))


DEEPEST = 4
"""How many derivatives of derivatives a location distinguishes."""


class on_behalf_of:  # noqa: N801 - it reads as a word of the language
    """Make the nodes built in a ``with`` block come from a location."""

    __slots__ = ("location", "token")

    def __init__(self, location: Location | None) -> None:
        self.location = location

    def __enter__(self) -> None:
        """Start to inherit."""
        self.token = _inherited.set(self.location)

    def __exit__(self, *error: object) -> None:
        """Inherit what was inherited before."""
        _inherited.reset(self.token)
