"""Functions of JAX as ops: what calls them, and their derivatives (`gradcore.from_jax`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np

from gradcore.compile.foreign import with_some
from gradcore.language import listed
from gradcore_jax.tracing import jax


class JaxFunctions:
    """What a backend says of functions of JAX (`gradcore.compile.foreign.Library`).

    scope : in which JAX has the dtypes that its arrays are of.
    """

    def __init__(self, scope: Callable[[], AbstractContextManager[Any]]) -> None:
        self.scope = scope

    def called(self, fn: Callable[..., Any], arrays: Sequence[Any]) -> Sequence[Any]:
        """Return what a function returns, in a list, as NumPy's arrays."""
        with self.scope():
            return [np.asarray(a) for a in listed(_compiled(fn)(*arrays))]

    def shapes(
        self, fn: Callable[..., Any], types: Sequence[tuple[str, tuple[int, ...]]]
    ) -> tuple[Sequence[tuple[str, tuple[int, ...]]], bool]:
        """Return dtypes and shapes of what a function returns, and whether it is one array."""
        with self.scope():
            given = [jax.ShapeDtypeStruct(shape, dtype) for dtype, shape in types]
            found = jax.eval_shape(fn, *given)
        single = not isinstance(found, (list, tuple))
        return [(str(a.dtype), tuple(a.shape)) for a in listed(found)], single

    def pullback(
        self, fn: Callable[..., Any], n: int, moved: Sequence[int], moving: Sequence[int]
    ) -> Callable[..., Any]:
        """Return the pullback of a function of ``n`` arguments, by ``jax.vjp``."""

        def pulled(*given: Any) -> tuple[Any, ...]:
            xs = given[:n]
            _, back = jax.vjp(with_some(fn, xs, moved, moving), *(xs[i] for i in moved))
            return tuple(back(tuple(given[n:])))

        return pulled

    def pushforward(
        self, fn: Callable[..., Any], n: int, moved: Sequence[int], moving: Sequence[int]
    ) -> Callable[..., Any]:
        """Return the pushforward of a function of ``n`` arguments, by ``jax.jvp``."""

        def pushed(*given: Any) -> tuple[Any, ...]:
            xs = given[:n]
            part = with_some(fn, xs, moved, moving)
            return jax.jvp(part, tuple(xs[i] for i in moved), tuple(given[n:]))[1]

        return pushed


@lru_cache(maxsize=256)
def _compiled(fn: Callable[..., Any]) -> Callable[..., Any]:
    return jax.jit(fn)
