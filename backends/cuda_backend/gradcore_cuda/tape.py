"""What a host program did, recorded, so that it can be done again for other arrays.

A host program runs once for a signature of calls, on a `Recorder`, which gives out addresses that
mean a place in a *region* (the workspace, an input, an output ...) and launches nothing.  What it
asked for is a `Tape`: steps whose addresses are filled in when it is known where the regions are,
and filled in again where one has moved.  So a call costs a few microseconds a kernel in Python, and
how much memory it needs is known before anything runs.

The decision: a tape first, and a CUDA graph only of a tape whose addresses come again.  A graph
holds addresses, and neither those of cuBLAS's kernels nor, through CuPy, those of our own can be
changed in it.  Rejected: a table of addresses that kernels read, which would serve no call of a
library and puts a load in front of every kernel; private copies of inputs and outputs at fixed
addresses, which double the traffic of what is mostly bound by it.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from gradcore_cuda.blas import addressable, products, strides
from gradcore_cuda.driver import Card, Driver
from gradcore_cuda.runtime import (
    MOST_INDEX32_ELEMENTS,
    PRODUCT,
    Argument,
    Array,
    Device,
    DeviceMemory,
    Kernel,
    LaunchShape,
    as_argument,
)
from gradcore_cuda.staging import aligned
from gradcore_cuda.target import GpuTarget

FIXED, STATUS, ZEROS, WORK, FIRST = range(5)
"""Regions: what never moves, the status, counters, the workspace; then inputs, then outputs."""


def threads_for(
    card: Card,
    target: GpuTarget,
    steps: int,
    lanes: int,
    blocks: int | None = None,
    threads: int | None = None,
) -> LaunchShape:
    """Return the threads for ``steps`` steps that ``lanes`` threads each could share.

    blocks : how many there are at most; 1: of one group.
    threads : how many a block has at most; None: as many as the target allows.

    Enough blocks to fill the device several times, and no more: what is left is gone through in
    turn.  A group is part of a warp for short steps, or where there are many, and else a block.
    """
    threads, warp = threads or target.block_threads, target.warp_lanes
    usual = min(target.usual_block_threads, threads)
    most = card.processors * (target.processor_threads // target.usual_block_threads) * target.waves
    if blocks is not None:
        most = min(most, blocks)
    if lanes <= 1 or threads < 2:
        groups = max(min(usual, -(-steps // warp) * warp), min(warp, threads))
        if blocks == 1:
            groups = 1
        return LaunchShape(max(1, min(-(-steps // groups), most)), groups, 1)
    share = 4 if steps >= card.processors * 8 else 1  # elements, or vectors of them, a thread
    if lanes <= share * warp:
        wide = min(warp, 1 << (lanes - 1).bit_length(), 1 << (threads.bit_length() - 1))
        groups = max(usual // wide, 1) if blocks != 1 else 1
        while groups > 1 and steps < groups * card.processors:
            groups //= 2  # rather more blocks than fuller ones
        return LaunchShape(max(1, min(-(-steps // groups), most)), groups, wide)
    wide = min(warp, threads)
    while 2 * wide <= threads and wide * share < lanes:
        wide *= 2
    return LaunchShape(max(1, min(steps, most)), 1, wide)


class Code(ABC):
    """The kernels of a function, compiled (abstract)."""

    kernels: dict[str, Kernel]

    @abstractmethod
    def function(self, name: str, wide: bool) -> int:
        """Return a kernel's handle; ``wide``: with indices of 64 bits."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The owner of memory that is not there yet: a piece of a region.

    region : which.
    start, size : in bytes.
    """

    region: int
    start: int
    size: int


# steps ------------------------------------------------------------------------------------------
class Step(ABC):
    """Something that is given to a stream (abstract).

    name : what to call it, in a message or a profile.
    moved : the bytes of the arrays that it reads or writes.
    regions : those it uses: it must be bound again when one has moved.
    """

    __slots__ = ("moved", "name", "regions")

    name: str
    moved: int
    regions: frozenset[int]

    @abstractmethod
    def bind(self, bases: Sequence[int]) -> None:
        """Fill in addresses; ``bases`` : where each region begins."""

    @abstractmethod
    def run(self, driver: Driver, stream: int) -> None:
        """Give it to a stream."""


class LaunchStep(Step):
    """A kernel with its arguments."""

    __slots__ = (
        "blocks",
        "function",
        "parameters",
        "places",
        "shared",
        "threads",
        "values",
        "where",
    )

    def __init__(
        self,
        kernel: Kernel,
        function: int,
        grid: LaunchShape,
        shared: int,
        wide: bool,
        arguments: Sequence[Argument],
    ) -> None:
        self.name = kernel.name
        self.function = function
        self.blocks = grid.blocks
        self.threads = (grid.lanes, grid.groups)
        self.shared = shared
        self.values: list[Any] = []
        self.places: list[tuple[Any, int, int]] = []
        touched: dict[Any, int] = {}
        for kind, value in zip(kernel.kinds, arguments, strict=True):
            if isinstance(value, DeviceMemory):
                slot = ctypes.c_uint64(value.address)
                place = place_of(value)
                self.places.append((slot, place.region, value.address))
                touched[place] = place.size
            else:
                slot = as_argument(kind, value, wide)
            self.values.append(slot)
        where = [ctypes.addressof(value) for value in self.values]
        self.parameters = (ctypes.c_void_p * max(len(where), 1))(*where)
        self.where = ctypes.addressof(self.parameters)
        self.moved = sum(touched.values())
        self.regions = frozenset(region for _, region, _ in self.places if region != FIXED)

    def bind(self, bases: Sequence[int]) -> None:
        """Fill in addresses."""
        for slot, region, offset in self.places:
            slot.value = bases[region] + offset

    def run(self, driver: Driver, stream: int) -> None:
        """Launch it."""
        driver.launch(self.function, self.blocks, self.threads, self.shared, stream, self.where)


class MatmulStep(Step):
    """A product of matrices."""

    __slots__ = ("accumulate", "arrays", "calls", "tf32")

    def __init__(self, arrays: Sequence[Array], accumulate: bool, tf32: bool) -> None:
        out, x, y = arrays
        self.name = f"{PRODUCT} {'x'.join(map(str, (*x.shape, y.shape[-1])))} {out.dtype}"
        self.arrays = tuple(arrays)
        self.accumulate = accumulate
        self.tf32 = tf32
        self.calls: list[Any] = []
        size = np.dtype(out.dtype).itemsize
        self.moved = sum(int(np.prod(a.shape, dtype=np.int64)) * size for a in arrays)
        self.regions = frozenset(place_of(a.memory).region for a in arrays) - {FIXED}

    def bind(self, bases: Sequence[int]) -> None:
        """Fill in addresses."""
        out, x, y = (bound(array, bases) for array in self.arrays)
        size = np.dtype(out.dtype).itemsize
        self.calls = list(products(out, x, y, self.accumulate, size))

    def run(self, driver: Driver, stream: int) -> None:
        """Have it computed."""
        for call in self.calls:
            driver.multiply(call, self.tf32, stream)


class CopyBytes(Step):
    """A copy on the device."""

    __slots__ = ("addresses", "source", "target")

    def __init__(self, target: DeviceMemory, source: DeviceMemory, count: int) -> None:
        self.name = "copy"
        self.moved = 2 * count
        self.target, self.source = target, source
        self.addresses = (0, 0)
        self.regions = frozenset(place_of(m).region for m in (target, source)) - {FIXED}

    def bind(self, bases: Sequence[int]) -> None:
        """Fill in addresses."""
        self.addresses = address(self.target, bases), address(self.source, bases)

    def run(self, driver: Driver, stream: int) -> None:
        """Give the copy to the stream."""
        driver.copy(*self.addresses, self.moved // 2, stream)


class StridedCopy(Step):
    """A copy of an array to one of other strides."""

    __slots__ = ("source", "target", "there")

    def __init__(self, target: Array, source: Array) -> None:
        self.name = "copy with strides"
        count = int(np.prod(target.shape, dtype=np.int64))
        self.moved = 2 * count * np.dtype(target.dtype).itemsize
        self.target, self.source = target, source
        self.there = (target, source)
        self.regions = frozenset(place_of(a.memory).region for a in self.there) - {FIXED}

    def bind(self, bases: Sequence[int]) -> None:
        """Fill in addresses."""
        self.there = bound(self.target, bases), bound(self.source, bases)

    def run(self, driver: Driver, stream: int) -> None:
        """Have it copied."""
        target, source = (seen(driver, array) for array in self.there)
        driver.assign(target, source)


def place_of(memory: DeviceMemory) -> Reservation:
    """Return the place of memory; that of which nothing is known never moves."""
    return memory.owner if isinstance(memory.owner, Reservation) else NOWHERE


NOWHERE = Reservation(FIXED, 0, 0)


def address(memory: DeviceMemory, bases: Sequence[int]) -> int:
    """Return where memory is."""
    return bases[place_of(memory).region] + memory.address


def bound(array: Array, bases: Sequence[int]) -> Array:
    """Return an array at its address."""
    return Array(
        DeviceMemory(address(array.memory, bases)), array.dtype, array.shape, array.strides
    )


def seen(driver: Driver, array: Array) -> Any:
    """Return an array at an address as one of the driver's library."""
    size = np.dtype(array.dtype).itemsize
    steps = tuple(s * size for s in strides(array))
    return driver.view(array.memory.address, array.dtype, array.shape, steps)


# recording --------------------------------------------------------------------------------------
class Common(Device):
    """What is the same whether a host program is recorded or runs at once (abstract).

    driver, code : what runs, and where.
    constants : the memory of each.
    raised : returns the exception of a failed check.
    tf32 : whether products may round their operands to 10 bits.
    threads : how many a block has at most.
    target : what kernels are made for.
    """

    def __init__(
        self,
        driver: Driver,
        code: Code,
        constants: Sequence[DeviceMemory],
        raised: Callable[[int, tuple[int, ...]], BaseException],
        tf32: bool,
        threads: int,
        target: GpuTarget,
    ) -> None:
        self.threads = threads
        self.target = target
        self.driver = driver
        self.code = code
        self.constants = constants
        self.raised = raised
        self.tf32 = tf32

    def grid(self, steps: int, lanes: int, blocks: int | None = None) -> LaunchShape:
        """Return the threads for ``steps`` steps."""
        return threads_for(self.driver.card, self.target, steps, lanes, blocks, self.threads)

    @property
    def shared(self) -> int:
        """What a block may have, some left for variables that kernels declare."""
        return self.driver.card.shared - 2048

    def constant(self, position: int) -> DeviceMemory:
        """Return the memory of a constant."""
        return self.constants[position]

    def failed(self, check: int, values: tuple[int, ...]) -> BaseException:
        """Return what a failed check raises."""
        return self.raised(check, values)

    @abstractmethod
    def do(self, step: Step) -> None:
        """Do a step, or note it."""

    def launch(
        self, name: str, grid: LaunchShape, shared: int, largest: int, *arguments: Argument
    ) -> None:
        """Run a kernel."""
        wide = largest > MOST_INDEX32_ELEMENTS
        function = self.code.function(name, wide)
        if shared > self.target.free_shared_bytes:
            self.driver.allow(function, shared)
        self.do(LaunchStep(self.code.kernels[name], function, grid, shared, wide, arguments))

    def matmul(self, out: Array, x: Array, y: Array, accumulate: bool) -> None:
        """Have a product computed; what BLAS cannot address is copied first."""
        mark = self.mark()
        x, y = (a if addressable(a) else self._consecutive(a, filled=True) for a in (x, y))
        target = out if addressable(out) else self._consecutive(out, filled=accumulate)
        self.do(MatmulStep((target, x, y), accumulate, self.tf32))
        if target is not out:
            self.do(StridedCopy(out, target))
        self.release(mark)

    def _consecutive(self, array: Array, filled: bool) -> Array:
        """Return memory for an array in C order, with its elements if it is to be ``filled``."""
        count = int(np.prod(array.shape, dtype=np.int64)) * np.dtype(array.dtype).itemsize
        copied = Array(self.allocate(count), array.dtype, array.shape)
        if filled:
            self.do(StridedCopy(copied, array))
        return copied

    def copy(self, target: DeviceMemory, source: DeviceMemory, count: int) -> None:
        """Copy bytes on the device."""
        self.do(CopyBytes(target, source, count))


class Recorder(Common):
    """Notes what a host program does; see the module.

    steps : what it did.
    work, counters : the bytes of the workspace and of the counters.
    outputs : for each position, dtype and shape.
    """

    def __init__(self, *arguments: Any, inputs: int) -> None:
        super().__init__(*arguments)
        self.steps: list[Step] = []
        self.work = self.counters = 0
        self.outputs: dict[int, tuple[str, tuple[int, ...]]] = {}
        self._inputs = inputs
        self._top = 0

    def allocate(self, count: int) -> DeviceMemory:
        """Return memory of the workspace, which ends and shrinks like a stack."""
        start = self._top
        self._top += aligned(count)
        self.work = max(self.work, self._top)
        return DeviceMemory(start, Reservation(WORK, start, count))

    def mark(self) -> int:
        """Return where the workspace ends."""
        return self._top

    def release(self, mark: int) -> None:
        """Let the workspace end where it did."""
        self._top = mark

    def output(self, position: int, dtype: str, shape: tuple[int, ...]) -> DeviceMemory:
        """Return an output's region."""
        self.outputs[position] = dtype, shape
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        return DeviceMemory(0, Reservation(FIRST + self._inputs + position, 0, size))

    def zeros(self, count: int) -> DeviceMemory:
        """Return bytes of the counters."""
        start = self.counters
        self.counters += aligned(count)
        return DeviceMemory(start, Reservation(ZEROS, start, count))

    @property
    def status(self) -> DeviceMemory:
        """The memory in which kernels report the check that failed."""
        return DeviceMemory(0, Reservation(STATUS, 0, 0))

    def do(self, step: Step) -> None:
        """Note a step."""
        self.steps.append(step)

    def library(
        self, name: str, scalars: Sequence[int], reads: Sequence[Array], writes: Sequence[Array]
    ) -> None:
        """Raise: a library may wait for the device."""
        self._waits(name)

    def callback(self, which: int, reads: Sequence[Array]) -> list[Array]:
        """Raise: Python needs values."""
        self._waits("Python")

    def read(self, memory: DeviceMemory, dtype: str) -> Any:
        """Raise: there are no values yet."""
        self._waits("a value")

    def _waits(self, what: str) -> NoReturn:
        raise AssertionError(f"a host program that waits for {what} cannot be recorded")
