"""Where chunks come from: arrays that need not fit into memory, and iterables of chunks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradcore.errors import ArgumentError
from gradcore.graph import Array, here
from gradcore.language import is_several
from gradcore.summing.adding import in_pairs, wide
from gradcore.summing.program import Program

CHUNK_BYTES = 2**25
"""How many bytes of the inputs a chunk has, where nobody says how many rows: 32 MiB."""

Tick = Callable[[], None]
"""What is called when a chunk is done."""


class Chunks(ABC):
    """Inputs in chunks (abstract): what `gradcore.Function.over` sums over.

    names : of the inputs, variables or keywords, in the order in which a chunk has them.

    Two kinds are in this module, for one process; `gradcore.distributed` has another.

    >>> from gradcore.summing import Chunks, chunked
    >>> data = chunked({"x": [1.0, 2.0, 3.0]}, rows=2)
    >>> isinstance(data, Chunks), data.names, data.count, data.once
    (True, ('x',), 2, False)
    """

    names: tuple[Any, ...]

    @property
    @abstractmethod
    def count(self) -> int | None:
        """How many chunks there are; None: that is not known."""

    @property
    def once(self) -> bool:
        """Whether they can be read once only."""
        return False

    @abstractmethod
    def total(
        self,
        program: Program,
        number: int,
        given: Sequence[Array],
        only: Sequence[int] | None,
        tick: Tick,
    ) -> list[Array] | None:
        """Return the parts of all chunks as one, in `wide` dtypes; None: there is no chunk.

        number : of the pass.
        given : what its function takes after the inputs in chunks.
        only : the numbers of the chunks to take, in order; None: all.
        tick : to be called when a chunk is done.
        """


class LocalChunks(Chunks):
    """Chunks that this process reads one after the other (abstract)."""

    @abstractmethod
    def read(self, only: Sequence[int] | None) -> Iterator[Sequence[Any]]:
        """Yield the values of the inputs, chunk by chunk."""

    def total(
        self,
        program: Program,
        number: int,
        given: Sequence[Array],
        only: Sequence[int] | None,
        tick: Tick,
    ) -> list[Array] | None:
        """Compute chunk after chunk; one of them is in memory at a time."""
        one = program.passes[number]
        order = program.order(self.names)

        def parts() -> Iterator[list[Array]]:
            for chunk in self.read(only):
                values = [chunk[k] for k in order]
                check_rows(program.batch_names, values)
                yield wide(one.compute(*values, *given), one.kinds)
                tick()

        return in_pairs(parts(), one.kinds)


def check_rows(names: Sequence[str], values: Sequence[Any]) -> None:
    """Raise ArgumentError for a chunk whose inputs have different numbers of rows."""
    lengths = {value.shape[0] for value in values}
    if len(lengths) > 1:
        found = ", ".join(f"{name} {v.shape[0]}" for name, v in zip(names, values, strict=True))
        raise ArgumentError(f"the inputs in chunks have different numbers of rows: {found}")


class Arrays(LocalChunks):
    """Parts of arrays along their first axis.

    arrays : by variables or keywords: of NumPy, memory-mapped or not, or whatever has a shape and
        is sliced, as datasets of HDF5 and Zarr are; lists are made arrays.
    rows : how many rows a chunk has; a list of them: of each chunk; None: as many as 32 MiB hold.

    Raises ArgumentError: they have different numbers of rows, or chunks are not of that many.
    """

    def __init__(self, arrays: Mapping[Any, Any], rows: int | Sequence[int] | None = None) -> None:
        self.names = tuple(arrays)
        self.arrays = [
            a if hasattr(a, "shape") and hasattr(a, "__getitem__") else np.asarray(a)
            for a in arrays.values()
        ]
        for name, a in zip(self.names, self.arrays, strict=True):
            if not a.shape:
                raise ArgumentError(f"{name} is a scalar, which has no rows", here())
        check_rows(list(map(str, self.names)), self.arrays)
        n = int(self.arrays[0].shape[0]) if self.arrays else 0
        self.ends = _ends(n, self._rows() if rows is None else rows)

    def _rows(self) -> int:
        """Return how many rows `CHUNK_BYTES` hold."""
        size = sum(
            math.prod(a.shape[1:]) * np.dtype(getattr(a, "dtype", "float64")).itemsize
            for a in self.arrays
        )
        return max(1, CHUNK_BYTES // max(size, 1))

    @property
    def count(self) -> int:
        """How many chunks there are: one at least, which may be empty."""
        return len(self.ends) - 1

    def read(self, only: Sequence[int] | None) -> Iterator[Sequence[Any]]:
        """Yield slices; what is memory-mapped is read by who computes."""
        bounds = list(pairwise(self.ends))
        for i, j in bounds if only is None else [bounds[k] for k in only]:
            yield [np.asarray(a[i:j]) for a in self.arrays]


def _ends(n: int, rows: Any) -> list[int]:
    """Return where chunks of ``n`` rows end, from 0 on."""
    if not np.ndim(rows):
        rows = int(rows)
        if rows < 1:
            raise ArgumentError(f"rows={rows}: a chunk has one at least", here())
        return [*range(0, max(n, 1), rows), n]
    sizes = list(map(int, rows))
    if sum(sizes) != n or min(sizes, default=0) < 0 or not sizes:
        raise ArgumentError(f"rows has {sum(sizes)} rows in all, and the inputs have {n}", here())
    return [0, *map(int, np.cumsum(sizes))]


class Stream(LocalChunks):
    """Chunks of an iterable, or of what a function returns anew for each pass.

    source : yields chunks: tuples of arrays in the order of ``names`` (or, of one name, arrays), or
        dicts by these names.
    """

    def __init__(
        self, source: Iterable[Any] | Callable[[], Iterable[Any]], names: Sequence[Any]
    ) -> None:
        self.source = source
        self.names = tuple(names)
        self._read = False

    @property
    def count(self) -> int | None:
        """How many there are, if they have a length."""
        source: Any = self.source
        return len(source) if isinstance(source, Sequence) else None  # pyright: ignore[reportUnknownArgumentType] - of any items

    @property
    def once(self) -> bool:
        """Whether it is an iterator."""
        return isinstance(self.source, Iterator)

    def read(self, only: Sequence[int] | None) -> Iterator[Sequence[Any]]:
        """Yield chunks as they come."""
        if self.once and self._read:
            raise ArgumentError(
                "the chunks have been read, and an iterator yields them once",
                fix="pass a list, or a function that returns an iterator",
            )
        self._read = True
        source: Any = self.source() if callable(self.source) else self.source
        if only is not None:
            if not isinstance(source, Sequence):
                raise ArgumentError("some chunks can be chosen of a list of them, or of arrays")
            source = [source[k] for k in only]
        for chunk in source:
            yield self._values(chunk)

    def _values(self, chunk: Any) -> Sequence[Any]:
        """Return the inputs of a chunk in order."""
        if isinstance(chunk, Mapping):
            by_text = {str(name): value for name, value in chunk.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any keys
            missing = [str(name) for name in self.names if str(name) not in by_text]
            if missing:
                raise ArgumentError(f"a chunk lacks {', '.join(missing)}")
            return [by_text[str(name)] for name in self.names]
        values: Sequence[Any] = chunk if is_several(chunk) else (chunk,)
        if len(values) != len(self.names):
            raise ArgumentError(f"a chunk has {len(values)} values, of {len(self.names)} inputs")
        return [np.asarray(value) for value in values]
