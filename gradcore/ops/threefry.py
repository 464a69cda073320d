"""Threefry-2x32, a counter-based generator of random bits, in NumPy and in the tensor language.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011): twenty rounds
of additions, rotations and exclusive ors of two words of 32 bits take a counter of 64 bits to
64 bits that look random, differently for each of 2**64 keys.  A key, a counter and a result are one
int64 each, the first word in the upper half.  So results are keys again, and keys, counters and
results are the same as those of JAX's generator.

The decision: Threefry, not Philox-4x32 of the same authors.  An element of a draw is a function of
its own counter, and takes 64 bits, of which a number of float64 needs most: Philox' block of 128
bits would be computed for half of it.  Both take about as long for that, Threefry needs no product
of twice the width, and its state fits into an integer that all backends have: torch computes with
no unsigned one but uint8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""By how many bits the rounds rotate, in groups of four that alternate."""

GROUPS = 5
"""How many groups of four rounds there are; after each, words of the key are added."""

PARITY = 0x1BD11BDA
WORD = 0xFFFFFFFF

BLOCK = 1 << 14
"""How many elements are computed at a time in NumPy: what fits into a cache."""


def groups() -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the number of each group of rounds, from 1 on, and its rotations."""
    return ((k + 1, ROTATIONS[k % 2]) for k in range(GROUPS))


# in the tensor language -------------------------------------------------------------------------
def written(key: Any, counter: Any) -> Any:
    """Return the bits in terms of arithmetic of int64, in which each word keeps to 32 bits."""
    words = (key >> 32) & WORD, key & WORD
    keys = (*words, words[0] ^ words[1] ^ PARITY)
    x = (((counter >> 32) & WORD) + keys[0]) & WORD
    y = (counter + keys[1]) & WORD
    for k, rotations in groups():
        for r in rotations:
            x = (x + y) & WORD
            y = (((y << r) | (y >> (32 - r))) & WORD) ^ x
        x = (x + keys[k % 3]) & WORD
        y = (y + keys[(k + 1) % 3] + k) & WORD
    return (x << 32) | y


# in NumPy ---------------------------------------------------------------------------------------
def computed(key: Any, counter: Any) -> Any:
    """Return the bits of arrays of int64, which broadcast, as int64."""
    keys, counters = np.broadcast_arrays(key, counter)
    found = np.empty(counters.shape, "int64")
    flat, k, c = found.reshape(-1), keys.reshape(-1), counters.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = slice(start, start + BLOCK)
        flat[part] = _block(k[part].view("uint64"), c[part].view("uint64"))
    return found


def _block(key: Any, counter: Any) -> Any:
    """Return the bits of vectors of uint64, computed in place."""
    words = [(key >> 32).astype("uint32"), key.astype("uint32")]
    keys = [*words, words[0] ^ words[1] ^ np.uint32(PARITY)]
    x = (counter >> 32).astype("uint32") + keys[0]
    y = counter.astype("uint32") + keys[1]
    left = np.empty_like(y)
    for k, rotations in groups():
        for r in rotations:
            x += y
            np.left_shift(y, r, out=left)
            y >>= 32 - r
            y |= left
            y ^= x
        x += keys[k % 3]
        y += keys[(k + 1) % 3]
        y += np.uint32(k)
    return ((x.astype("uint64") << 32) | y).view("int64")
