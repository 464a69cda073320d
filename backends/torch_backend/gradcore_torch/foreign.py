"""Functions of torch as ops: what calls them, and their derivatives (`gradcore.from_torch`)."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.compile.foreign import with_some
from gradcore.language import listed
from gradcore_torch.library import torch


class TorchFunctions:
    """What a backend says of functions of torch (`gradcore.compile.foreign.Library`).

    device : where they run; None: on the CPU.
    """

    def __init__(self, device: str | None) -> None:
        self.device = device

    def called(self, fn: Callable[..., Any], arrays: Sequence[Any]) -> Sequence[Any]:
        """Return what a function returns, in a list, as NumPy's arrays."""
        given = [torch.tensor(np.asarray(a), device=self.device) for a in arrays]
        return [t.detach().numpy(force=True) for t in listed(fn(*given))]

    def shapes(
        self, fn: Callable[..., Any], types: Sequence[tuple[str, tuple[int, ...]]]
    ) -> tuple[Sequence[tuple[str, tuple[int, ...]]], bool]:
        """Return dtypes and shapes of what a function returns, and whether it is one tensor."""
        given = [
            torch.empty(shape, dtype=getattr(torch, dtype), device="meta") for dtype, shape in types
        ]
        found = fn(*given)
        single = not isinstance(found, (list, tuple))
        return [(str(t.dtype).partition(".")[2], tuple(t.shape)) for t in listed(found)], single

    def pullback(
        self, fn: Callable[..., Any], n: int, moved: Sequence[int], moving: Sequence[int]
    ) -> Callable[..., Any]:
        """Return the pullback of a function of ``n`` arguments, by ``torch.func.vjp``.

        Torch's cotangents of complex numbers are the conjugates of gradcore's.
        """

        def pulled(*given: Any) -> tuple[Any, ...]:
            xs = given[:n]
            _, back = torch.func.vjp(with_some(fn, xs, moved, moving), *(xs[i] for i in moved))
            moved_by = back(tuple(torch.conj_physical(ct) for ct in given[n:]))
            return tuple(torch.conj_physical(ct) for ct in moved_by)

        return pulled

    def pushforward(
        self, fn: Callable[..., Any], n: int, moved: Sequence[int], moving: Sequence[int]
    ) -> Callable[..., Any]:
        """Return the pushforward of a function of ``n`` arguments, by ``torch.func.jvp``."""

        def pushed(*given: Any) -> tuple[Any, ...]:
            xs = given[:n]
            part = with_some(fn, xs, moved, moving)
            return _jvp()(part, tuple(xs[i] for i in moved), tuple(given[n:]))[1]

        return pushed


@functools.cache
def _jvp() -> Callable[..., Any]:
    """Return ``torch.func.jvp``, after a first call, of which torch warns that it is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))
    return torch.func.jvp
