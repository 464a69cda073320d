"""States of random draws as Theano's programs hold them: ``rv.rng``, and ``raw_random``.

In Theano the state of a draw is a shared variable whose value is NumPy's ``RandomState``.  Here it
is two integers, a key and a count of calls, which `RandomStateSharedVariable` shows as one: its
value is a `DrawState`, with ``seed``, ``get_state`` and ``set_state``.

The decision: the variable is one of integers, so that every backend reads it and no op knows of
it.  What NumPy's generator would draw is not drawn again, for any seed.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcore.dtypes import wrapped
from gradcore.graph import Apply, Array, TensorType, Variable
from gradcore.shared import SharedVariable
from gradcore.tensor import copy as copied
from gradcore.tensor.random.keys import fold_in

STATE = TensorType("int64", (2,))
"""The type of a state: a key, and how many draws there were."""


class DrawState(np.random.RandomState):
    """The state of a draw, as a ``RandomState``: it is seeded, read and set as such.

    What it draws itself has nothing to do with the draws of the graph.
    """

    def __init__(self, seed: Any = 0) -> None:
        super().__init__(0)
        self.pair: Array = np.array([0, 0])
        self.seed(seed)

    def seed(self, seed: Any = None) -> None:
        """Start from another seed; None: from one of the operating system."""
        number = np.random.SeedSequence().entropy if seed is None else seed
        parts: list[int] = np.atleast_1d(np.asarray(number, object)).tolist()
        key = sum(int(part) << (32 * k) for k, part in enumerate(parts))
        self.pair = np.array([wrapped(key), 0])

    def get_state(self, legacy: bool = True) -> Any:
        """Return the state: a name, the key, and the number of draws."""
        key, count = self.pair.tolist()
        return "Threefry", key, count

    def set_state(self, state: Any) -> None:
        """Set what `get_state` has returned."""
        _, key, count = state
        self.pair = np.array([key, count])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle, and copy, with the state."""
        return _drawn_state, (self.pair.copy(),)


def _drawn_state(pair: Array) -> DrawState:
    found = DrawState()
    found.pair = pair
    return found


def state_of(value: Any) -> Any:
    """Return a generator of NumPy's as a state: two integers; anything else as it is."""
    if isinstance(value, DrawState):
        return value.pair.copy()
    if isinstance(value, np.random.RandomState):
        again = np.random.RandomState()
        again.set_state(value.get_state())
        return np.array([np.frombuffer(again.bytes(8), np.int64)[0], 0])
    if isinstance(value, np.random.Generator):
        again = type(value.bit_generator)()
        again.state = value.bit_generator.state
        return np.array([wrapped(int(again.random_raw())), 0])
    return value


GENERATORS = (np.random.RandomState, np.random.Generator)
"""What is a state as a value of NumPy's."""


class RandomStateSharedVariable(SharedVariable):
    """A shared variable that holds the state of draws, whose value is a `DrawState`."""

    def __init__(self, value: Any, name: str | None = None) -> None:
        super().__init__(STATE, np.array(state_of(value)), name)

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """Return the state: a copy, which `set_value` takes."""
        return _drawn_state(np.array(self.storage[0]))

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Set the state: a ``RandomState``, or two integers."""
        super().set_value(state_of(new_value), borrow)

    def clone(self, name: str | None = None) -> RandomStateSharedVariable:
        """Return another one, with a copy of the state."""
        return RandomStateSharedVariable(self.get_value(), name or self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the state, and with the default update."""
        return RandomStateSharedVariable, (self.get_value(), self.name), self.default_update


class Draw(Variable):
    """A draw of a stream: a variable with ``rng``, the shared variable of its state."""

    __slots__ = ("rng",)

    rng: RandomStateSharedVariable

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as any variable."""
        return copyreg.dispatch_table[Variable](self)  # pyright: ignore[reportReturnType] - for pickle


def drawn_with(found: Variable, state: RandomStateSharedVariable) -> Variable:
    """Return what was drawn as a `Draw`."""
    node = found.owner
    if node is None or len(node.outputs) > 1:
        node = copied(found).owner
    assert node is not None
    draw = Draw(found.type, found.name)
    object.__setattr__(draw, "rng", state)
    Apply(node.op, node.inputs, [draw], node.where)
    return draw


def key_of(state: Variable) -> Variable:
    """Return the key of the next draw."""
    return fold_in(state[0], state[1])


def after(state: Variable) -> Variable:
    """Return the state after a draw."""
    return state + np.array([0, 1])


def raw(method: str, stream: Callable[[Variable], Any]) -> Callable[..., tuple[Variable, Variable]]:
    """Return a function of ``raw_random``: of a state, a size and parameters.

    stream : makes of a state what draws with it.
    """

    def draw(random_state: Any, size: Any = None, *given: Any, **named: Any) -> Any:
        found = getattr(stream(random_state), method)(size, *given, **named)
        return after(random_state), found

    draw.__name__ = method
    draw.__doc__ = f"Return the state after a draw, and the draw: ``RandomStreams.{method}``."
    return draw
