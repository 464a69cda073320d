"""Ways in which an array may lie in memory; every function takes all of them.

Each is a function that returns a copy of an array which lies so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from gradcore.graph import Array


def contiguous(a: Array) -> Array:
    """Return ``a`` in C order."""
    return np.array(a, order="C")


def fortran(a: Array) -> Array:
    """Return ``a`` in Fortran order."""
    return np.array(a, order="F")


def strided(a: Array) -> Array:
    """Return ``a`` with other elements between its own."""
    return np.repeat(a, 2, -1)[..., ::2] if a.ndim else a.copy()


def reversed_(a: Array) -> Array:
    """Return ``a`` with a negative stride."""
    return a[..., ::-1].copy()[..., ::-1] if a.ndim else a.copy()


def offset(a: Array) -> Array:
    """Return ``a`` at an address that no element is aligned to."""
    if a.itemsize == 1:
        return a.copy()
    room = np.zeros(a.nbytes + 1, np.uint8)
    found = room[1:].view(a.dtype).reshape(a.shape)
    found[...] = a
    return found


def repeated(a: Array) -> Array:
    """Return rows that are all the first row of ``a``, with a stride of 0."""
    return np.asarray(np.broadcast_to(a[:1], a.shape)) if a.ndim and a.size else a.copy()


def readonly(a: Array) -> Array:
    """Return ``a``, which cannot be written to."""
    found = a.copy()
    found.flags.writeable = False
    return found


def overwritten(arrays: Sequence[Array]) -> Iterator[list[Array]]:
    """Yield arrays, then the same ones with their elements in reverse order, and restore them.

    Those that cannot be written to stay as they are.

    >>> [[a.tolist() for a in arrays] for arrays in overwritten([np.array([1, 2])])]
    [[[1, 2]], [[2, 1]]]
    """
    yield list(arrays)
    writeable = [a for a in arrays if a.flags.writeable]
    before = [a.copy() for a in writeable]
    for a, old in zip(writeable, before, strict=True):
        a[...] = np.flip(old)
    yield list(arrays)
    for a, old in zip(writeable, before, strict=True):
        a[...] = old


LAYOUTS: Mapping[str, Callable[[Array], Array]] = {
    "contiguous": contiguous,
    "fortran": fortran,
    "strided": strided,
    "reversed": reversed_,
    "offset": offset,
    "repeated": repeated,
    "readonly": readonly,
}
"""The layouts, by name."""
