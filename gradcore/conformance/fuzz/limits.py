"""How much memory and time a graph may take: wrong sizes must not fill the machine, nor hang."""

from __future__ import annotations

import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

MEMORY = 2**30
"""How many bytes may be asked for beyond those that the process has."""

SECONDS = 20
"""How long a call may take: generated loops let Python handle signals between chunks."""

STATM = Path("/proc/self/statm")
"""Where Linux reports the sizes of a process, in pages."""


class TimedOutError(Exception):
    """A call took longer than `SECONDS`."""


@contextmanager
def limited() -> Generator[None]:
    """Let allocations beyond `MEMORY` fail, as MemoryError, where there is Linux."""
    if not STATM.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(STATM.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise TimedOutError(f"it takes longer than {SECONDS} s")


@contextmanager
def timed() -> Generator[None]:
    """Raise TimedOutError after `SECONDS`; in the main thread, which is where signals arrive."""
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
