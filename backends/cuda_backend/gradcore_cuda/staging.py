"""Copies between arrays of NumPy and a device, through pinned memory.

A copy goes in chunks, so that the host fills one while the device empties another, and small arrays
share a chunk and a copy.

The decision: a ring of chunks of fixed size.  Rejected: pinning the user's own memory, which takes
longer than a copy, and pinned memory as large as the largest array, which the system would miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

ALIGNMENT_BYTES = 256
"""The alignment of arrays that are put beside one another: what an allocation has."""


class Copies(Protocol):
    """What copies: the part of a `gradcore_cuda.driver.Driver` that is needed here."""

    def pinned(self, count: int) -> np.ndarray[Any, Any]:
        """Return bytes of the host that the device copies from and to by itself."""
        ...

    def copy(self, target: int, source: int, count: int, stream: int) -> None:
        """Copy bytes, in the order of the stream."""
        ...

    def event(self, stream: int) -> Any:
        """Return an event that happens when a stream has done what it was given so far."""
        ...

    def happened(self, event: Any) -> None:
        """Wait for an event."""
        ...


@dataclass(slots=True)
class Piece:
    """An array of NumPy, and at which byte of a block on the device it is."""

    offset: int
    array: np.ndarray[Any, Any]


def laid_out(arrays: Sequence[np.ndarray[Any, Any]]) -> tuple[list[Piece], int]:
    """Return arrays beside one another, each aligned, and how many bytes they take."""
    pieces: list[Piece] = []
    end = 0
    for array in arrays:
        pieces.append(Piece(end, array))
        end += aligned(array.nbytes)
    return pieces, end


def aligned(count: int) -> int:
    """Return how many bytes ``count`` bytes take, with what follows aligned."""
    return -(-count // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


class Staging:
    """A ring of chunks of pinned memory, through which arrays of NumPy go.

    chunk : the bytes of one.
    count : how many there are.
    """

    def __init__(self, driver: Copies, chunk: int = 4 * 2**20, count: int = 4) -> None:
        self.driver = driver
        self.chunk = chunk
        self.count = count
        self._chunks: list[np.ndarray[Any, Any]] = []
        self._events: list[Any] = []
        self._next = 0

    def _slot(self) -> int:
        """Return the number of the next chunk, when the device is done with it."""
        k = self._next
        self._next = (k + 1) % self.count
        if k == len(self._chunks):
            self._chunks.append(self.driver.pinned(self.chunk))
            self._events.append(None)
        if self._events[k] is not None:
            self.driver.happened(self._events[k])
            self._events[k] = None
        return k

    def upload(self, block: int, pieces: Sequence[Piece], count: int, stream: int) -> None:
        """Copy arrays to a block of ``count`` bytes at an address, in the order of a stream.

        The arrays may be changed when it returns.
        """
        for begin in range(0, count, self.chunk):
            end = min(begin + self.chunk, count)
            k = self._slot()
            chunk = self._chunks[k]
            _exchange(chunk, pieces, begin, end, to_chunk=True)
            self.driver.copy(block + begin, chunk.ctypes.data, end - begin, stream)
            self._events[k] = self.driver.event(stream)

    def download(self, block: int, pieces: Sequence[Piece], count: int, stream: int) -> None:
        """Copy a block into arrays in C order, when the stream has done all that it was given."""
        waiting: list[tuple[int, int, int]] = []
        for begin in range(0, count, self.chunk):
            if len(waiting) == self.count:
                self._arrived(pieces, *waiting.pop(0))
            end = min(begin + self.chunk, count)
            k = self._slot()
            self.driver.copy(self._chunks[k].ctypes.data, block + begin, end - begin, stream)
            self._events[k] = self.driver.event(stream)
            waiting.append((k, begin, end))
        for k, begin, end in waiting:
            self._arrived(pieces, k, begin, end)

    def _arrived(self, pieces: Sequence[Piece], k: int, begin: int, end: int) -> None:
        self.driver.happened(self._events[k])
        self._events[k] = None
        _exchange(self._chunks[k], pieces, begin, end, to_chunk=False)


def _exchange(
    chunk: np.ndarray[Any, Any], pieces: Sequence[Piece], begin: int, end: int, to_chunk: bool
) -> None:
    """Copy between arrays and a chunk, which is the bytes from ``begin`` to ``end``."""
    for piece in pieces:
        start, size = piece.offset, piece.array.nbytes
        low, high = max(begin, start), min(end, start + size)
        if low >= high:
            continue
        there = chunk[low - begin : high - begin]
        data = piece.array
        if not data.flags.c_contiguous:
            if high - low < size:  # a part of it: only the whole has an order
                data = piece.array = np.ascontiguousarray(data)
            else:
                there.view(data.dtype).reshape(data.shape)[...] = data
                continue
        part = data.reshape(-1).view(np.uint8)[low - start : high - start]
        if to_chunk:
            there[...] = part
        else:
            part[...] = there
