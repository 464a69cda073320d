"""What host programs are written against: a device, its memory, and how kernels are launched.

A function has two texts: the kernels, and a *host program*, a Python function that evaluates
extents as Python ints, asks for memory, and launches.  A host program never sees an array, only
addresses; it runs once for each signature of a call (shapes, and the values of the integers that it
reads), and what it did may be captured and replayed.

The decision: all that a host program does goes through `Device`, so that the same program drives a
GPU, or the C compiler's idea of one (`gradcore_cuda.host`).  Rejected: host code in C++, which
would need a compiler for the host wherever there is a GPU, to save time that a capture saves too.
"""

from __future__ import annotations

import ctypes
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import OutOfMemoryError
from gradcore.graph import Apply
from gradcore.graph.extents import check_size
from gradcore.kernel.bounds import MOST_ELEMENTS
from gradcore.kernel.ir import MOST_CHECK_VALUES
from gradcore.kernel.text import Rendered

MOST_INDEX32_ELEMENTS = 2**30
"""The largest number of elements that indices of 32 bits are for."""

MOST_BYTES = 2**46
"""How many bytes memory has at most in one piece: more than any machine's, or any device's."""

STATUS_BYTES = 8 + 8 * MOST_CHECK_VALUES
"""The size of the status: how many checks, plus one, came before the failed one (0: none failed; an
int32), how many values there are (an int32), and these (each an int64)."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Memory of a device.

    address : of the first byte.
    owner : the object that owns it; None if something else does.
    """

    address: int
    owner: Any = field(default=None, repr=False)

    def __add__(self, count: int) -> DeviceMemory:
        """Return the memory from ``count`` bytes on."""
        return DeviceMemory(self.address + count, self.owner) if count else self


@dataclass(frozen=True, slots=True)
class Array:
    """Elements in memory.

    memory : where the first is.
    dtype : theirs.
    shape : as many as there are.
    strides : by how many elements an index moves along each axis; None: they are in C order.  Where
        there is one element it is 0: a slice may have a step that no number of bytes fits.
    """

    memory: DeviceMemory
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Drop the strides along which nothing moves."""
        if self.strides is not None:
            moves = zip(self.strides, self.shape, strict=True)
            object.__setattr__(self, "strides", tuple(s if n > 1 else 0 for s, n in moves))


def as_argument(kind: str, value: Any, wide: bool) -> Any:
    """Return a number in memory, as a kernel takes it.

    kind : one of `Kernel.kinds`.
    wide : whether indices have 64 bits.  In 32 they may wrap: a step that is larger than an array
        is multiplied with the index 0 alone.
    """
    if kind == "index":
        number = np.asarray(value, "int64").astype("int64" if wide else "int32")
    else:
        number = np.asarray(value, "uint64" if kind == "pointer" else kind)
    data = number.tobytes()
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


@dataclass(frozen=True, slots=True)
class LaunchShape:
    """The threads of a launch: ``blocks`` blocks of ``groups`` groups of ``lanes`` threads.

    A group works on one step of a loop at a time: it is a block (``groups`` is 1), or part of a
    warp (``lanes`` is a power of two up to 32).  Kernels see ``gridDim.x``, ``blockDim.y`` and
    ``blockDim.x``.
    """

    blocks: int
    groups: int
    lanes: int

    @property
    def threads(self) -> int:
        """How many threads there are."""
        return self.blocks * self.groups * self.lanes


@dataclass(frozen=True)
class Kernel:
    """What the host must know of a kernel.

    name : its name in the text.
    kinds : for each parameter "pointer", "index" (`gc_index`: 32 bits, or 64 in the wide text), or
        the dtype of a number.
    about : what it computes, in a line.
    """

    name: str
    kinds: tuple[str, ...]
    about: str = ""


PRODUCT = "matmul"
"""What the steps are called, with their extents, that are products of BLAS."""


@dataclass
class Compiled(Rendered):
    """A function as kernels and a host program.

    text : the kernels.  With ``GC_WIDE`` defined, indices have 64 bits.
    data : the constants.
    source : the host program.
    kernels : by name.
    run : the host program: ``run(device, inputs, shapes, numbers)`` returns an `Array` for each
        output.  ``inputs`` are `DeviceMemory`, in C order; ``shapes`` their shapes; ``numbers`` the
        values of the inputs in ``reads`` (by position; None for the others).
    reads : the positions of the inputs of rank 0 whose values the host program needs.  These belong
        to the signature of a call, beside the shapes.
    waits : whether the host program waits for the device (`Device.read`, a callback, a library),
        so that it cannot be captured as a whole.
    checked : whether kernels check anything, so that the status must be read.
    nodes : what each kernel computes; under `PRODUCT`, what the products of BLAS do.
    """

    source: str
    kernels: dict[str, Kernel]
    run: Callable[..., list[Array]]
    reads: tuple[int, ...]
    waits: bool
    checked: bool
    nodes: Mapping[str, tuple[Apply, ...]] = field(default_factory=dict[str, "tuple[Apply, ...]"])

    def computed_by(self, name: str) -> tuple[Apply, ...]:
        """Return the nodes that a step of a call computes, by its name."""
        return self.nodes.get(name.split(" ", maxsplit=1)[0], ())

    def start(
        self,
        device: Device,
        inputs: Sequence[DeviceMemory],
        shapes: Sequence[tuple[int, ...]],
        numbers: Sequence[Any],
    ) -> list[Array]:
        """Return what the host program does.

        Raises ArraySizeError: an empty input has extents that no other array has.
        """
        for shape in shapes:
            check_size(shape, MOST_ELEMENTS)
        return self.run(device, inputs, shapes, numbers)


Argument: TypeAlias = "DeviceMemory | int | bool"


class Device(ABC):
    """What runs a function, once (abstract): made for a call, or for its capture.

    A host program uses all methods but the last group.  Memory is that of the call: nothing that it
    asked for is used after the call but what it returns.
    """

    # what there is ------------------------------------------------------------------------------
    @abstractmethod
    def grid(self, steps: int, lanes: int, blocks: int | None = None) -> LaunchShape:
        """Return the threads for ``steps`` steps, each of which ``lanes`` threads could share.

        lanes : 1: a step is the work of a thread, and ``groups`` threads make a block.
        blocks : at most so many; 1: of one group.

        Fewer threads than steps go through them in turn.  There is always a block.
        """

    @property
    @abstractmethod
    def shared(self) -> int:
        """How many bytes of dynamic shared memory a block may have."""

    # memory -------------------------------------------------------------------------------------
    @abstractmethod
    def allocate(self, count: int) -> DeviceMemory:
        """Return ``count`` bytes, aligned for any type, until `release` of an older mark.

        Raises OutOfMemoryError or the like: what was needed and what there is.
        """

    @abstractmethod
    def mark(self) -> Any:
        """Return where the memory ends now: `release` gives back what is asked for later."""

    @abstractmethod
    def release(self, mark: Any) -> None:
        """Give back what was allocated since ``mark``; kernels that were launched still use it."""

    @abstractmethod
    def output(self, position: int, dtype: str, shape: tuple[int, ...]) -> DeviceMemory:
        """Return memory for an output, the caller's own after the call."""

    @abstractmethod
    def constant(self, position: int) -> DeviceMemory:
        """Return the memory of a constant of the program, which is uploaded once."""

    @abstractmethod
    def zeros(self, count: int) -> DeviceMemory:
        """Return ``count`` bytes of zeros, for counters: every kernel resets those it has used."""

    @property
    @abstractmethod
    def status(self) -> DeviceMemory:
        """Where kernels report the check that failed first (`STATUS_BYTES`); zero before."""

    def temporary(self, lacking: int, count: int) -> DeviceMemory:
        """Return what `allocate` does; its exception has the line of the check ``lacking``."""
        return self._had(lacking, count, lambda: self.allocate(count))

    def result(
        self, lacking: int, position: int, dtype: str, shape: tuple[int, ...]
    ) -> DeviceMemory:
        """Return what `output` does; its exception has the line of the check ``lacking``."""
        count = math.prod(shape) * np.dtype(dtype).itemsize
        return self._had(lacking, count, lambda: self.output(position, dtype, shape))

    def _had(self, lacking: int, count: int, make: Callable[[], DeviceMemory]) -> DeviceMemory:
        if count > MOST_BYTES:
            raise self.failed(lacking, (count,))
        try:
            return make()
        except OutOfMemoryError as error:
            failure = self.failed(lacking, (count,))
            error.where = error.where or getattr(failure, "where", None)
            raise

    # work ---------------------------------------------------------------------------------------
    @abstractmethod
    def launch(
        self, name: str, grid: LaunchShape, shared: int, largest: int, *arguments: Argument
    ) -> None:
        """Run a kernel, after all that came before.

        shared : how many bytes of dynamic shared memory a block gets.
        largest : the most elements of an array that it uses: above `MOST_INDEX32_ELEMENTS`, it is
            the wide text's.
        arguments : as many as it has parameters; see `Kernel.kinds`.
        """

    @abstractmethod
    def matmul(self, out: Array, x: Array, y: Array, accumulate: bool) -> None:
        """Let ``out`` be ``x @ y``, or that much more, for matrices and stacks along equal axes.

        All have one dtype; a stride may be 0 or negative in ``x`` and ``y``; no axis is empty but
        that of the sum.
        """

    @abstractmethod
    def copy(self, target: DeviceMemory, source: DeviceMemory, count: int) -> None:
        """Copy ``count`` bytes on the device."""

    @abstractmethod
    def library(
        self, name: str, scalars: Sequence[int], reads: Sequence[Array], writes: Sequence[Array]
    ) -> None:
        """Call a function of a library (see `gradcore.kernel.ir.Library`)."""

    @abstractmethod
    def callback(self, which: int, reads: Sequence[Array]) -> list[Array]:
        """Call a function of Python with arrays of the host; return what it returned, uploaded.

        What it raises passes through, after the status was looked at.
        """

    # what the host must know --------------------------------------------------------------------
    @abstractmethod
    def read(self, memory: DeviceMemory, dtype: str) -> Any:
        """Wait for the device, and return a number of Python's; raise if a check failed."""

    @abstractmethod
    def failed(self, check: int, values: tuple[int, ...]) -> BaseException:
        """Return what a failed check raises."""
