"""Shared variables: inputs with a value of their own, that functions read and update."""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcore.config import config
from gradcore.errors import ArgumentError, GraphTypeError
from gradcore.graph import Array, TensorType, Variable, as_variable, here, substitute, upcast
from gradcore.graph.array_likes import array_of, is_python
from gradcore.graph.literals import smallest_integer_dtype
from gradcore.language import LANGUAGE, is_sparse_matrix


class StoredArray(ABC):
    """A value that a backend keeps in memory of its own, such as that of a device (abstract).

    dtype : of its elements, as NumPy has it.
    shape : their number along each axis.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @abstractmethod
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return it as a fresh array of NumPy."""


_locks: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> Any:
    """Return a lock that a thread may take again while it has it, and that a fork lets go."""
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _let_go() -> None:
    """Let go, in the child of a fork, of what threads had that do not exist there."""
    for lock in list(_locks):
        lock._at_fork_reinit()  # noqa: SLF001 - what threading does with locks of its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def in_order(locks: Iterable[Any]) -> tuple[Any, ...]:
    """Return locks in the order in which all take them, so that nobody waits in a circle."""
    return tuple(sorted(dict.fromkeys(locks), key=id))


@contextmanager
def holding(locks: Sequence[Any]) -> Generator[None]:
    """Hold locks, which are in order."""
    taken = 0
    try:
        for lock in locks:
            lock.acquire()
            taken += 1
        yield
    finally:
        for lock in reversed(locks[:taken]):
            lock.release()


class SharedVariable(Variable):
    """An input whose value persists between the calls of all functions that use it.

    default_update : an expression that becomes its value after each call of a function that uses
        it, if the function has no other update for it; or None.
    lock : owned by a call that updates shared variables, from when it reads the value until all are
        stored, and by `set_value`.

    >>> import gradcore, gradcore.tensor as T
    >>> count = gradcore.shared(0, "count")
    >>> tick = gradcore.function([], count, updates={count: count + 1})
    >>> int(tick()), int(tick()), count.get_value()
    (0, 1, array(2))
    """

    __slots__ = ("default_update", "lock", "storage")

    default_update: Variable | None
    storage: list[Any]
    lock: Any

    def __init__(self, type: TensorType, value: Any, name: str | None = None) -> None:
        super().__init__(type, name)
        object.__setattr__(self, "storage", [value])
        object.__setattr__(self, "lock", new_lock())
        object.__setattr__(self, "default_update", None)

    def __setattr__(self, key: str, value: Any) -> None:
        """Set ``default_update``, the name or the tag."""
        if key == "default_update":
            object.__setattr__(self, key, value)
        else:
            super().__setattr__(key, value)

    def __delattr__(self, key: str) -> None:
        """Take the default update away."""
        if key != "default_update":
            raise AttributeError(f"cannot delete {key!r} of {self}")
        self.default_update = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the value, and with the default update, which may be of the variable."""
        value = np.asarray(self.storage[0])
        return _restored, (self.type, value, self.name), self.default_update

    def __setstate__(self, default_update: Variable) -> None:
        """Take the default update."""
        self.default_update = default_update

    def clone(self, name: str | None = None) -> SharedVariable:
        """Return another shared variable, with a copy of the value.

        Its default update is that of this one, with it in the place of this one.
        """
        found = SharedVariable(self.type, self.get_value(), name or self.name)
        if self.default_update is not None:
            update = fitting(self.default_update, self, "the shared variable")
            (found.default_update,) = substitute([update], {self: found})
        return found

    def get_value(self, borrow: bool = False) -> Array:
        """Return the value: a copy, or with ``borrow`` the array that is stored.

        A value that a backend keeps is copied all the same.
        """
        stored = self.storage[0]
        value = np.asarray(stored)
        return value if borrow or isinstance(stored, StoredArray) else value.copy()

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Set the value, to a copy of an array or with ``borrow`` to the array itself.

        It waits for calls of functions that update the variable.

        Raises ArgumentError: it does not fit the type.  The old value stays.
        """
        value = self.fitting(new_value, borrow)
        with self.lock:
            self.storage[0] = value

    def fitting(self, value: Any, borrow: bool = False) -> Any:
        """Return ``value`` as an array of the type of this variable, or as what a backend keeps."""
        try:
            if isinstance(value, StoredArray) and value.dtype == self.type.dtype:
                self.type.check_shape(value.shape)
                return value
            array = self.type.filter(value)
        except TypeError as error:
            raise ArgumentError(f"the shared variable {self} {error}", here()) from None
        return array if borrow else _owned(array, value)


def fitting(value: Any, variable: Variable, what: str) -> Variable:
    """Return ``value`` as an expression of the type of ``variable``."""
    new = as_variable(value, (variable.type.dtype,))
    if new.type.dtype != variable.type.dtype:
        if upcast(new.type.dtype, variable.type.dtype) != variable.type.dtype:
            raise GraphTypeError(
                f"{what} {variable} is {variable.type.dtype}, its new value {new} is "
                f"{new.type.dtype}, which it cannot hold without loss",
                here(),
                f"cast it: .astype({variable.type.dtype!r})",
            )
        new = new.astype(variable.type.dtype)
    shapes = zip(new.type.shape, variable.type.shape, strict=False)
    if new.ndim != variable.ndim or any(None not in (m, n) and m != n for m, n in shapes):
        raise GraphTypeError(
            f"{what} {variable} is {variable.type}, its new value {new} is {new.type}", here()
        )
    return new


def _owned(array: Array, value: Any) -> Array:
    """Return an array that was made of ``value`` and does not share its memory."""
    converted = type(value) is np.ndarray and array is not value
    return array if converted or isinstance(value, (int, float)) else array.copy()


def _restored(type: TensorType, value: Any, name: str | None) -> SharedVariable:
    return SharedVariable(type, value, name)


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    shape: tuple[int | None, ...] | None = None,
    dtype: str | None = None,
) -> SharedVariable:
    """Return a shared variable that starts with ``value``.

    value : an array, of NumPy or another library, or a number; a Python float takes
        ``config.floatX``, an int 64 bits.  A sparse matrix of SciPy makes a shared sparse matrix
        (`gradcore.tensor.sparse.shared`).
    strict : whether ``value`` must be an array already.
    allow_downcast : whether ``value`` may lose precision when converted to ``dtype``.
    borrow : whether to store the array itself instead of a copy.
    shape : what is known of its shape, for good (by default only the rank).
    dtype : its dtype, by default that of ``value``.

    >>> import gradcore
    >>> counter = gradcore.shared(0, "counter")
    >>> step = gradcore.function([], counter, updates={counter: counter + 1})
    >>> step(), step(), counter.get_value()
    (array(0), array(1), array(2))
    """
    if is_sparse_matrix(value):
        return LANGUAGE["sparse_shared"](value, name, borrow)
    if isinstance(value, Variable):
        raise GraphTypeError(
            f"a shared variable starts with a value, not with the variable {value}",
            here(),
            "compile a function that computes it, or use .eval()",
        )
    try:
        array = array_of(value)
    except TypeError as error:
        raise ArgumentError(f"shared({name or ''}) {error}", here()) from None
    if strict and not isinstance(value, np.ndarray):
        raise ArgumentError(
            f"shared(strict=True) takes an array, not {type(value).__name__}", here()
        )
    if dtype is None and is_python(value):
        if array.dtype.kind == "f":
            dtype = config.floatX
        elif isinstance(value, int) and not isinstance(value, bool):
            dtype = "uint64" if smallest_integer_dtype(value) == "uint64" else "int64"
    try:
        kind = TensorType(dtype or array.dtype.name, shape or (None,) * array.ndim)
        stored = kind.filter(value, strict, allow_downcast)
    except TypeError as error:
        raise ArgumentError(f"shared({name or ''}) {error}", here()) from None
    return SharedVariable(kind, stored if borrow else _owned(stored, value), name)
