"""The values that a compiled function has of its own: of inputs with one, of shared variables.

``f[x]`` reads one and ``f[x] = value`` sets it, by the variable, its name or its place, as in
Theano; ``f.value`` and ``f.container`` have them, too.
"""

from __future__ import annotations

from typing import Any

from gradcore.compile.call import Call
from gradcore.errors import ArgumentError
from gradcore.shared import SharedVariable


class Container:
    """The value of one input, or of a shared variable.

    variable : whose value it is.
    """

    def __init__(self, call: Call, key: Any) -> None:
        self._call = call
        self._at = _place(call, key)
        maker = call.maker
        self.variable = (
            self._at if isinstance(self._at, SharedVariable) else maker.inputs[self._at].variable
        )

    @property
    def name(self) -> str | None:
        """What it is called by."""
        return self.variable.name

    @property
    def value(self) -> Any:
        """The value, a copy; None: the input has none of its own.

        Raises ArgumentError, when it is set: the new value does not fit the variable.
        """
        if isinstance(self._at, SharedVariable):
            return self._at.get_value()
        found = self._call.defaults[self._at]
        return found.copy() if hasattr(found, "copy") else found

    @value.setter
    def value(self, value: Any) -> None:
        if isinstance(self._at, SharedVariable):
            self._at.set_value(value)
            return
        entry = self._call.maker.inputs[self._at]
        array = entry.converted(value, self._call.label(), self._at)
        self._call.defaults[self._at] = array.copy() if array is value else array

    @property
    def data(self) -> Any:
        """The value, under an older name."""
        return self.value

    @data.setter
    def data(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        """Return the variable and the value."""
        return f"<{self.variable}: {self.value}>"


class Containers:
    """The containers of a function: ``containers[x]``."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __getitem__(self, key: Any) -> Container:
        """Return that of a variable, a name or a place.

        Raises ArgumentError: the function has no such input.
        """
        return Container(self._call, key)

    def __contains__(self, key: Any) -> bool:
        """Return whether there is one."""
        try:
            self[key]
        except ArgumentError:
            return False
        return True

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self._call.maker.inputs)


class Values:
    """The values in the containers of a function: ``values[x]``, ``values[x] = 3``."""

    def __init__(self, call: Call) -> None:
        self._containers = Containers(call)

    def __getitem__(self, key: Any) -> Any:
        """Return a value.

        Raises ArgumentError: the function has no such input.
        """
        return self._containers[key].value

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set a value.

        Raises ArgumentError: the function has no such input, or the value does not fit it.
        """
        self._containers[key].value = value

    def __contains__(self, key: Any) -> bool:
        """Return whether the function has such an input, or reads such a shared variable."""
        return key in self._containers


def _place(call: Call, key: Any) -> int | SharedVariable:
    """Return which input a key means, or which shared variable."""
    maker = call.maker
    if isinstance(key, SharedVariable) and key in (*maker.shared, *maker.updates):
        return key
    if isinstance(key, int) and -len(maker.inputs) <= key < len(maker.inputs):
        return key % len(maker.inputs)
    named = [
        k
        for k, entry in enumerate(maker.inputs)
        if entry.variable is key or (isinstance(key, str) and entry.keyword == key)
    ]
    if len(named) == 1:
        return named[0]
    if isinstance(key, str):
        shared = [v for v in dict.fromkeys((*maker.shared, *maker.updates)) if v.name == key]
        if not named and len(shared) == 1:
            return shared[0]
    what = "several inputs" if named else "no input"
    raise ArgumentError(f"{call.label()} has {what} {key!r}; it has {call.names()}")
