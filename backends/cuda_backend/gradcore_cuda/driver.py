"""What the runtime needs of CUDA, in few words.

One decision shaped this module: everything that touches CUDA stands behind a `Driver` that
speaks of addresses, streams and handles as ints.  So all that decides anything (what is retained,
what is captured, what an error says) runs in tests on a driver of a page, where there is no GPU.
Rejected: CuPy's arrays and kernels throughout, which would cost microseconds for each launch, and
could only be tested on a device.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradcore_cuda.blas import Gemm
from gradcore_cuda.staging import Staging

Extern: TypeAlias = Callable[..., Sequence[Any]]
"""A function of a library: of a module (CuPy; on the host, NumPy) and of arrays of it, which it
does not change; it returns its outputs in a tuple or list."""


@dataclass(frozen=True)
class OfNumbers:
    """A function that takes the numbers of a call (`gradcore.graph.externs.Extern.extents`) first.

    run : the function, of the numbers, the module and arrays of it.
    """

    run: Callable[..., Sequence[Any]]

    def __call__(self, xp: Any, *arrays: Any) -> Sequence[Any]:
        """Raise TypeError: there are no numbers; see `of_call`."""
        raise TypeError("the numbers of the call are missing")


def of_call(function: Extern, numbers: Sequence[int]) -> Extern:
    """Return a function for one call of it, with these numbers."""
    return partial(function.run, numbers) if isinstance(function, OfNumbers) else function


class DriverError(Exception):
    """Raised where CUDA refuses a call; the message is CUDA's own."""


class NoMemoryError(Exception):
    """The device has not as many bytes as were asked for."""


@dataclass(frozen=True)
class Card:
    """A device.

    number : as CUDA counts.
    name : what its maker calls it.
    architecture : its compute capability, such as 90 for 9.0.
    processors : how many multiprocessors it has.
    memory : its bytes.
    bandwidth : the peak bytes a second of its memory; None if it is not known.
    shared : the most bytes of shared memory that a block may have.
    """

    number: int
    name: str
    architecture: int
    processors: int
    memory: int
    bandwidth: float | None
    shared: int


class Driver(ABC):
    """A device, and CUDA to drive it (abstract).

    card : the device.
    lock : who gives it work has it: streams, and memory retained between calls, are shared.
    staging : the way of arrays of NumPy.
    """

    def __init__(self, card: Card) -> None:
        self.card = card
        self.lock = threading.RLock()
        self.staging = Staging(self)
        self._pending: deque[tuple[Any, list[Any]]] = deque()

    def retain(self, values: list[Any], stream: int) -> None:
        """Retain values until a stream has done the work that it was given so far."""
        while self._pending and self.done(self._pending[0][0]):
            self._pending.popleft()
        self._pending.append((self.event(stream), values))

    # memory -------------------------------------------------------------------------------------
    @abstractmethod
    def allocate(self, count: int) -> Any:
        """Return ``count`` bytes: an object with their address as ``ptr``, freed when it dies.

        Raises NoMemoryError.
        """

    @abstractmethod
    def free(self) -> int:
        """Return how many bytes of the device could be allocated now."""

    @abstractmethod
    def reclaim(self) -> None:
        """Give the blocks of the pool that nobody uses back to the device."""

    @abstractmethod
    def pinned(self, count: int) -> np.ndarray[Any, Any]:
        """Return bytes of the host that the device copies from and to by itself."""

    @abstractmethod
    def copy(self, target: int, source: int, count: int, stream: int) -> None:
        """Copy bytes of the host or the device, in the order of the stream."""

    @abstractmethod
    def clear(self, target: int, count: int, stream: int) -> None:
        """Set bytes to zero, in the order of the stream."""

    # order --------------------------------------------------------------------------------------
    @abstractmethod
    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which the device is the thread's current one."""

    @abstractmethod
    def stream(self) -> int:
        """Return the thread's current stream."""

    @abstractmethod
    def wait(self, stream: int, other: int) -> None:
        """Let ``stream`` wait for what ``other`` has been given so far."""

    @abstractmethod
    def synchronize(self, stream: int) -> None:
        """Wait until a stream has done all.  Raises DriverError."""

    @abstractmethod
    def event(self, stream: int) -> Any:
        """Return an event that happens when a stream has done what it was given so far."""

    @abstractmethod
    def happened(self, event: Any) -> None:
        """Block the CPU until an event has happened."""

    @abstractmethod
    def done(self, event: Any) -> bool:
        """Return at once whether an event has happened."""

    @abstractmethod
    def seconds(self, start: Any, end: Any) -> float:
        """Return the time between two events that have happened."""

    # code ---------------------------------------------------------------------------------------
    @abstractmethod
    def compiler(self) -> str:
        """Return the compiler and its version."""

    @abstractmethod
    def compile(self, text: str, flags: Sequence[str], name: str) -> bytes:
        """Return the machine code of a text.  Raises CompileError."""

    @abstractmethod
    def load(self, image: bytes) -> Any:
        """Return machine code on the device: `function` finds kernels in it."""

    @abstractmethod
    def function(self, module: Any, name: str) -> int:
        """Return the handle of the kernel of a name in a module."""

    @abstractmethod
    def allow(self, function: int, shared: int) -> None:
        """Let the blocks of a kernel have ``shared`` bytes of dynamic shared memory."""

    @abstractmethod
    def launch(
        self,
        function: int,
        blocks: int,
        threads: tuple[int, int],
        shared: int,
        stream: int,
        parameters: int,
    ) -> None:
        """Launch a kernel; ``parameters``: the address of the addresses of its arguments."""

    @abstractmethod
    def captured(self, work: Callable[[int], None]) -> Any:
        """Return what ``work(stream)`` gives a stream as one thing, a graph; nothing runs yet."""

    @abstractmethod
    def replay(self, graph: Any, stream: int) -> None:
        """Launch a captured graph on a stream, and return before it has run."""

    # libraries and arrays -----------------------------------------------------------------------
    @abstractmethod
    def multiply(self, product: Gemm, tf32: bool, stream: int) -> None:
        """Compute a product of matrices in float32 or float64, by cuBLAS, in the stream's order."""

    @abstractmethod
    def array(
        self, block: Any, offset: int, dtype: str, shape: tuple[int, ...],
        strides: tuple[int, ...] | None = None,
    ) -> Any:  # fmt: skip
        """Return an array of the library in a block of memory, from an offset in bytes on.

        strides : in bytes; None: in C order.
        """

    @abstractmethod
    def view(self, address: int, dtype: str, shape: tuple[int, ...], strides: Any = None) -> Any:
        """Return an array of the library on memory that something else owns."""

    @abstractmethod
    def is_array(self, value: Any) -> bool:
        """Return whether a value is an array of the library."""

    @abstractmethod
    def imported(self, value: Any, stream: int) -> Any:
        """Return an array on the device, whosever it is, as one of the library, without a copy."""

    @abstractmethod
    def consecutive(self, array: Any) -> Any:
        """Return a copy of an array of the library in C order, aligned."""

    @abstractmethod
    def assign(self, target: Any, source: Any) -> None:
        """Copy one array of the library to another."""

    @abstractmethod
    def sort(self, target: Any, source: Any, arguments: bool) -> None:
        """Sort arrays of the library along the last axis, or find what would (stable)."""

    @abstractmethod
    def call(self, function: Extern, targets: Sequence[Any], sources: Sequence[Any]) -> None:
        """Store what a function makes of arrays of the library in others."""
