"""Generated code that looks at the clock, and notes in a profile how long each nest took."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from gradcore.backend import BlockUse, NestTime, Profile
from gradcore.kernel.clocks import FIELDS, Clocked


class Profiled:
    """An executable whose last output is times, which it notes and keeps (`Executable`).

    executable : the generated code.
    clock : what the times are of.
    profile : where to note them, and what memory there is.
    """

    def __init__(self, executable: Any, clock: Clocked, profile: Profile) -> None:
        self.executable: Any = executable
        self._nests = [NestTime(nodes) for nodes in clock.nests]
        self._buffers = [BlockUse(nodes) for nodes in clock.buffers]
        self._lock = Lock()
        profile.nests += self._nests
        profile.buffers += self._buffers
        profile.in_use += [
            (self._nests[n], [self._buffers[k] for k in ks]) for n, ks in clock.in_use
        ]

    @property
    def source(self) -> str:
        """The text that was generated."""
        return self.executable.source

    @property
    def peak(self) -> int:
        """The most bytes of workspace that a call has used."""
        return self.executable.peak

    def release(self) -> None:
        """Free the memory that it keeps for the next call."""
        self.executable.release()

    def __call__(self, *arrays: Any) -> Sequence[Any]:
        """Return the results, and note the times."""
        *results, times = self.executable(*arrays)
        _, *numbers = times.tolist()
        with self._lock:
            for k, nest in enumerate(self._nests):
                nanoseconds, runs, moved = numbers[FIELDS * k : FIELDS * (k + 1)]
                nest.seconds += nanoseconds * 1e-9
                nest.runs += runs
                nest.moved += moved
            sizes = numbers[FIELDS * len(self._nests) :]
            for block, size in zip(self._buffers, sizes, strict=True):
                block.size = max(block.size, size)
        return results
