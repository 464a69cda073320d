"""A host program that waits for the device, and so runs at each call.

What it asks for is done at once: memory comes from the pool, and steps are not noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore_cuda.driver import Extern, of_call
from gradcore_cuda.plan import allocated
from gradcore_cuda.runtime import Array, DeviceMemory
from gradcore_cuda.staging import Piece
from gradcore_cuda.tape import FIXED, Common, Reservation, Step


class Live(Common):
    """Does what a host program asks for at once, for one that waits for the device.

    stream : what is given work.
    title : of the function, for messages.
    callbacks : functions of Python, of arrays of NumPy.
    externs : functions of libraries, by the names that the program has for them.
    status : the memory in which kernels report the check that failed.
    look : raises the exception that the status reports.
    after : is called after each step.
    """

    def __init__(
        self,
        *arguments: Any,
        stream: int,
        title: str,
        callbacks: Sequence[Callable[..., tuple[Any, ...]]],
        externs: Mapping[str, Extern],
        status: DeviceMemory,
        look: Callable[[], None],
        after: Callable[[Step], None],
    ) -> None:
        super().__init__(*arguments)
        self.stream = stream
        self.title = title
        self.callbacks = callbacks
        self.externs = externs
        self.look = look
        self.after = after
        self.peak = self._live = 0
        self._status = status
        self._blocks: list[tuple[Any, int]] = []
        self.outputs: dict[int, tuple[Any, str, tuple[int, ...]]] = {}

    def allocate(self, count: int) -> DeviceMemory:
        """Return bytes of the device, of the pool; they go back when nobody has them any more."""
        block = allocated(self.driver, count, self.title, "of workspace")
        self._blocks.append((block, count))
        self._live += count
        self.peak = max(self.peak, self._live)
        return DeviceMemory(int(block.ptr), Reservation(FIXED, int(block.ptr), count))

    def mark(self) -> int:
        """Return how many blocks of memory there are, for a release of those that come later."""
        return len(self._blocks)

    def release(self, mark: int) -> None:
        """Give blocks back to the pool, which gives them to what comes later in the stream."""
        for _, count in self._blocks[mark:]:
            self._live -= count
        del self._blocks[mark:]

    def output(self, position: int, dtype: str, shape: tuple[int, ...]) -> DeviceMemory:
        """Return memory for an output."""
        count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        block = allocated(self.driver, count, self.title, f"for output {position}")
        self.outputs[position] = block, dtype, shape
        return DeviceMemory(int(block.ptr), Reservation(FIXED, int(block.ptr), count))

    def zeros(self, count: int) -> DeviceMemory:
        """Return ``count`` bytes of zeros."""
        memory = self.allocate(count)
        self.driver.clear(memory.address, count, self.stream)
        return memory

    @property
    def status(self) -> DeviceMemory:
        """The memory in which kernels report the check that failed."""
        return self._status

    def do(self, step: Step) -> None:
        """Do a step."""
        step.bind((0,))
        step.run(self.driver, self.stream)
        self.after(step)

    def library(
        self, name: str, scalars: Sequence[int], reads: Sequence[Array], writes: Sequence[Array]
    ) -> None:
        """Call a function of a plugin; sort rows, or find what would."""
        if name in self.externs:
            taken, read = ([self._view(a) for a in some] for some in (writes, reads))
            self.driver.call(of_call(self.externs[name], scalars), taken, read)
            return
        what, _, _ = name.partition("_")
        rows, n = scalars
        (given,), (taken, _) = reads, writes
        if rows * n == 0:
            return
        source, target = (
            self.driver.view(a.memory.address, a.dtype, (rows, n)) for a in (given, taken)
        )
        self.driver.sort(target, source, what == "argsort")

    def _view(self, array: Array) -> Any:
        return self.driver.view(array.memory.address, array.dtype, array.shape)

    def callback(self, which: int, reads: Sequence[Array]) -> list[Array]:
        """Call a function of Python with arrays of NumPy."""
        self.look()
        given = [self._downloaded(array) for array in reads]
        results = self.callbacks[which](*given)
        found: list[Array] = []
        for result in results:
            memory = self.allocate(result.nbytes)
            pieces = [Piece(0, np.asarray(result))]
            staging = self.driver.staging
            staging.upload(memory.address, pieces, result.nbytes, self.stream)
            found.append(Array(memory, result.dtype.name, result.shape))
        return found

    def _downloaded(self, array: Array) -> np.ndarray[Any, Any]:
        found = np.empty(array.shape, array.dtype)
        if array.strides is not None:
            array = self._consecutive(array, filled=True)
        staging = self.driver.staging
        staging.download(array.memory.address, [Piece(0, found)], found.nbytes, self.stream)
        return found

    def read(self, memory: DeviceMemory, dtype: str) -> Any:
        """Wait for the device, and return a number that a kernel has computed."""
        self.look()
        return self._downloaded(Array(memory, dtype, ())).item()
