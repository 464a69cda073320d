"""What workers do: tasks, which Dask runs, and may run again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcore.compile import Function
from gradcore.errors import ArgumentError
from gradcore.graph import Array
from gradcore.mode import Mode
from gradcore.serialization.functions import from_bytes, in_bytes
from gradcore.summing.adding import Operation, in_pairs, wide
from gradcore.summing.chunks import check_rows


@dataclass(frozen=True)
class Shipped:
    """A pass of a program, as it is sent.

    content : its function, as `gradcore.save` writes it.
    digest : of the content and the mode: what a worker knows it by.
    mode : what to compile it for.
    names : of the inputs in chunks.
    order : for each of them, its place in a chunk.
    kinds : how parts become one.
    """

    content: bytes
    digest: str
    mode: Mode
    names: Sequence[str]
    order: Sequence[int]
    kinds: Sequence[str | Operation]

    @classmethod
    def of(
        cls, f: Function, names: Sequence[str], order: Sequence[int], kinds: Sequence[Any]
    ) -> Shipped:
        """Return a pass with its function as data."""
        content, mode = in_bytes(f), f.maker.mode
        digest = hashlib.sha256(content + repr(mode).encode()).hexdigest()[:32]
        return cls(content, digest, mode, tuple(names), tuple(order), tuple(kinds))


_compiled: dict[str, Function] = {}
"""The functions that this process has compiled, by their digests."""

_compiling = threading.Lock()


def compiled(shipped: Shipped) -> Function:
    """Return the function of a pass, which is compiled once in each process."""
    with _compiling:
        if shipped.digest not in _compiled:
            _compiled[shipped.digest] = from_bytes(shipped.content, shipped.mode)
        return _compiled[shipped.digest]


def same(value: Any) -> Any:
    """Return the argument: a task whose result workers pass on to each other."""
    return value


def packed(values: Sequence[Any], names: Sequence[str]) -> list[Array]:
    """Return the inputs of a chunk as arrays, in order.

    values : an array for each, or one mapping, or one tuple, of all.
    """
    first: Any = values[0]
    found: Sequence[Any] = values
    if len(values) == 1 and isinstance(first, Mapping):
        by_text: dict[str, Any] = {str(name): first[name] for name in first}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any keys
        missing = [name for name in names if name not in by_text]
        if missing:
            raise ArgumentError(f"a chunk lacks {', '.join(missing)}")
        found = [by_text[name] for name in names]
    elif len(values) == 1 and isinstance(first, tuple):
        found = list(first)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any items
    if len(found) != len(names):
        raise ArgumentError(f"a chunk has {len(found)} values, of {len(names)} inputs")
    return [np.asarray(value) for value in found]


def part(chunk: Sequence[Array], shipped: Shipped, given: Sequence[Array]) -> list[Array]:
    """Return the parts of a chunk."""
    values = [chunk[k] for k in shipped.order]
    check_rows(shipped.names, values)
    return wide(compiled(shipped)(*values, *given), shipped.kinds)


def merged(parts: Sequence[Sequence[Array]], shipped: Shipped) -> list[Array]:
    """Return the parts of several chunks as those of one."""
    found = in_pairs(parts, shipped.kinds)
    assert found is not None
    return found
