"""The runtime "host": runs the text of kernels on the CPU, for tests where there is no GPU.

``Mode("cuda", runtime="host")`` compiles the kernels as C, with a header that says what CUDA's
words mean (``shim.h``), and runs every thread of a launch as a fiber (``shim.c``): barriers and
exchanges switch between them.  How many threads a block has, and in which order they run, are
options; what depends on either is wrong.  Fresh memory is filled with NaN.

It is a testing aid, slow by design, and never chosen by default.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import threading
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from gradcore.backend.loops import called_back
from gradcore.dtypes import DTYPES
from gradcore.errors import OutOfMemoryError
from gradcore.kernel.ir import MOST_CHECK_VALUES, Library, Program
from gradcore.kernel.team import ORDERS
from gradcore.kernel.uses import inside
from gradcore_c.compiler import load_source
from gradcore_cuda.checking import check
from gradcore_cuda.driver import Extern, of_call
from gradcore_cuda.runtime import (
    MOST_BYTES,
    MOST_INDEX32_ELEMENTS,
    STATUS_BYTES,
    Argument,
    Array,
    Compiled,
    Device,
    DeviceMemory,
    LaunchShape,
    as_argument,
)

HOST_BLOCK_THREADS = 32
"""How many threads a block has at most, if nobody says."""

HOST_BLOCKS = 3
"""How many blocks a launch has at most."""

CHECK = "GRADCORE_CUDA_CHECK"
"""What names the compiler for CUDA that all kernels are compiled with, too."""

PRODUCT_DEPTH = 4096
"""How deep the products of matrices are that are added up in their own dtype."""

FLAGS = ("-O0", "-w", "-DGC_HOST")
"""Kernels are compiled for a few calls on few elements: to optimize them takes longer."""

_one_at_a_time = threading.RLock()


class DeadlockError(RuntimeError):
    """Threads of a block wait for each other without end."""


def _file(name: str) -> str:
    return resources.files("gradcore_cuda").joinpath(name).read_text("utf-8")


@functools.cache
def _engine() -> Any:
    """Return the library that runs fibers."""
    text = _file("shim.c").replace('#include "shim.h"\n', _file("shim.h"))
    engine = load_source(text, "the engine", _with_python, ("-O2", "-w"), ("-lc",))
    engine.gc_shim_engine.restype = ctypes.c_void_p
    engine.gc_shim_launch.argtypes = (
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
        ctypes.c_int,
    )  # fmt: skip
    return engine


def _with_python(path: Path) -> ctypes.PyDLL:
    """Return a library whose functions may raise, and let go of the interpreter themselves."""
    return ctypes.PyDLL(str(path))


def _library(path: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(path))


class HostFunction:
    """A function whose kernels run on the CPU.

    threads : how many threads a block has at most.
    order : in which order they run, one of `ORDERS`.
    externs : functions of plugins, by the names that the program has for them.
    """

    def __init__(
        self,
        program: Program,
        compiled: Compiled,
        threads: int,
        order: str,
        externs: Mapping[str, Extern] | None = None,
    ) -> None:
        self.program = program
        called = [s for s in inside(program.body) if isinstance(s, Library)]
        self.functions: dict[str, Any] = {s.name: s.meaning for s in called}
        self.externs = externs or {}
        self.compiled = compiled
        self.threads = threads
        self.order = ORDERS.index(order)
        self.source = f"{compiled.source}\n\n{compiled.text}"
        self.callbacks = [called_back(node) for node in program.callbacks]
        self.constants = [np.ascontiguousarray(b.data, b.dtype) for b in program.constants]
        compiler = os.environ.get(CHECK)
        if compiler:
            check(compiled.text, compiler)
        self.libraries: dict[bool, ctypes.CDLL] = {}
        self.library(wide=False)

    def library(self, wide: bool) -> ctypes.CDLL:
        """Return the kernels, compiled: those whose indices have 64 bits, if they are ``wide``."""
        found = self.libraries.get(wide)
        if found is None:
            flags = (*FLAGS, "-DGC_WIDE") if wide else FLAGS
            name = self.program.title[:60]
            found = load_source(self.text(), name, _library, flags)
            found.gc_bind(ctypes.c_void_p(_engine().gc_shim_engine()))
            self.libraries[wide] = found
        return found

    def text(self) -> str:
        """Return the kernels as C, each with a function that takes its arguments from memory."""
        lines: list[str] = []
        for kernel in self.compiled.kernels.values():
            kinds = {"pointer": "void *", "index": "gc_index"}
            texts = [
                f"*({kinds.get(kind) or DTYPES[kind].ctype} *)a[{k}]"
                for k, kind in enumerate(kernel.kinds)
            ]
            lines.append(
                f"void {kernel.name}_called(void **a);\n"
                f"void {kernel.name}_called(void **a) {{ {kernel.name}({', '.join(texts)}); }}"
            )
        return "\n".join([_file("shim.h"), self.compiled.text, *lines, ""])

    def __call__(self, *arrays: Any) -> list[Any]:
        """Run the program; return fresh arrays, or raise what a check says."""
        given = [
            np.array(a, b.dtype, order="C", copy=None)
            for a, b in zip(arrays, self.program.inputs, strict=True)
        ]
        with _one_at_a_time:
            device = HostDevice(self)
            found = self.compiled.start(
                device,
                [_memory(a) for a in given],
                [a.shape for a in given],
                [a.item() if k in self.compiled.reads else None for k, a in enumerate(given)],
            )
            device.look()
            return [seen(array).copy() for array in found]


def _memory(array: Any) -> DeviceMemory:
    return DeviceMemory(array.ctypes.data, array)


class _Seen:
    """Memory of the CPU as NumPy's array interface describes it: address, dtype, shape."""

    def __init__(self, array: Array) -> None:
        dtype = np.dtype(array.dtype)
        strides = array.strides and tuple(n * dtype.itemsize for n in array.strides)
        self.owner = array.memory.owner
        self.__array_interface__ = {
            "data": (array.memory.address, False), "shape": array.shape, "typestr": dtype.str,
            "strides": strides, "version": 3,
        }  # fmt: skip


def seen(array: Array) -> Any:
    """Return elements in memory as an array that shares it."""
    if math.prod(array.shape) == 0:
        return np.empty(array.shape, array.dtype)
    return np.asarray(_Seen(array))


class HostDevice(Device):
    """The stand-in for a device that runs one call on the CPU, with its memory."""

    def __init__(self, function: HostFunction) -> None:
        self.function = function
        self.alive: list[Any] = []
        self._status = self._fresh(STATUS_BYTES, 0)

    def _fresh(self, count: int, value: int = 0xFF) -> DeviceMemory:
        try:
            array = np.full(min(max(count, 1), MOST_BYTES) + 16, value, np.uint8)
        except MemoryError:
            message = f"a function needs {count} bytes in one piece"
            raise OutOfMemoryError(message) from None
        self.alive.append(array)
        return _memory(array)

    # what there is ------------------------------------------------------------------------------
    def grid(self, steps: int, lanes: int, blocks: int | None = None) -> LaunchShape:
        """Return few threads, so that they go through several steps in turn."""
        most = self.function.threads
        steps = max(steps, 1)
        if lanes > 1 and most > 1:
            wide = 2 ** (min(lanes, most) - 1).bit_length()
            if wide > min(most, 32) or most // wide < 2:
                groups, wide = 1, most
            else:
                groups = most // wide
        else:
            groups, wide = most, 1
        if blocks == 1:
            groups = 1
        return LaunchShape(
            min(-(-steps // groups), HOST_BLOCKS, blocks or HOST_BLOCKS), groups, wide
        )

    @property
    def shared(self) -> int:
        """Return how much shared memory a block may have."""
        return 1024

    # memory -------------------------------------------------------------------------------------
    def allocate(self, count: int) -> DeviceMemory:
        """Return memory filled with NaN, so that what is read unwritten shows."""
        return self._fresh(count)

    def mark(self) -> Any:
        """Return nothing: all memory lives until the end of the call."""
        return None

    def release(self, mark: Any) -> None:
        """Do nothing: all memory lives until the end of the call."""

    def output(self, position: int, dtype: str, shape: tuple[int, ...]) -> DeviceMemory:
        """Return memory for an output."""
        return self._fresh(math.prod(shape) * np.dtype(dtype).itemsize)

    def constant(self, position: int) -> DeviceMemory:
        """Return the memory of a constant."""
        return _memory(self.function.constants[position])

    def zeros(self, count: int) -> DeviceMemory:
        """Return memory filled with zeros."""
        return self._fresh(count, 0)

    @property
    def status(self) -> DeviceMemory:
        """Return the memory of the status, in which kernels report failed checks."""
        return self._status

    # work ---------------------------------------------------------------------------------------
    def launch(
        self, name: str, grid: LaunchShape, shared: int, largest: int, *arguments: Argument
    ) -> None:
        """Run all blocks of a kernel, at once and in the order that was asked for."""
        kinds = self.function.compiled.kernels[name].kinds
        cells: list[Any] = []
        wide = largest > MOST_INDEX32_ELEMENTS
        for kind, value in zip(kinds, arguments, strict=True):
            given = value.address if isinstance(value, DeviceMemory) else value
            cells.append(as_argument(kind, given, wide))
        places = (ctypes.c_void_p * max(len(cells), 1))(*(ctypes.addressof(c) for c in cells))
        called = getattr(self.function.library(wide), f"{name}_called")
        kernel = ctypes.cast(called, ctypes.c_void_p)
        failed = _engine().gc_shim_launch(
            kernel, ctypes.addressof(places), grid.blocks, grid.groups, grid.lanes, shared,
            self.function.order,
        )  # fmt: skip
        if failed:
            raise DeadlockError(f"the threads of {name} wait for each other without end")

    @np.errstate(all="ignore")  # a device warns of nothing
    def matmul(self, out: Array, x: Array, y: Array, accumulate: bool) -> None:
        """Multiply with NumPy, long sums piece by piece: its BLAS adds up in their own dtype."""
        if math.prod(out.shape):
            left, right = seen(x), seen(y)
            product = np.matmul(left[..., :PRODUCT_DEPTH], right[..., :PRODUCT_DEPTH, :])
            for k in range(PRODUCT_DEPTH, left.shape[-1], PRODUCT_DEPTH):
                piece = np.matmul(
                    left[..., k : k + PRODUCT_DEPTH], right[..., k : k + PRODUCT_DEPTH, :]
                )
                product = np.add(product, piece, dtype=DTYPES[piece.dtype.name].multiplied)
            target = seen(out)
            target[...] = target + product if accumulate else product

    def copy(self, target: DeviceMemory, source: DeviceMemory, count: int) -> None:
        """Copy bytes."""
        ctypes.memmove(target.address, source.address, count)

    def library(
        self, name: str, scalars: Sequence[int], reads: Sequence[Array], writes: Sequence[Array]
    ) -> None:
        """Compute what it means with NumPy, or call the function of a plugin."""
        given = [seen(a).copy() for a in reads]
        with np.errstate(all="ignore"):
            if name in self.function.externs:
                found = of_call(self.function.externs[name], scalars)(np, *given)
            else:
                found = self.function.functions[name](*given)
        for taken, result in zip(writes, found, strict=False):
            seen(taken)[...] = result

    def callback(self, which: int, reads: Sequence[Array]) -> list[Array]:
        """Call a function of Python."""
        self.look()
        found = self.function.callbacks[which](*(seen(a).copy() for a in reads))
        arrays = [np.array(a, order="C") for a in found]
        self.alive += arrays
        return [Array(_memory(a), a.dtype.name, a.shape) for a in arrays]

    # what the host must know --------------------------------------------------------------------
    def look(self) -> None:
        """Raise the exception of the check that failed, if one did."""
        number, count = seen(Array(self._status, "int32", (2,))).tolist()
        if number:
            values = seen(Array(self._status + 8, "int64", (MOST_CHECK_VALUES,))).tolist()
            raise self.failed(number - 1, tuple(values[:count]))

    def read(self, memory: DeviceMemory, dtype: str) -> Any:
        """Return the number at ``memory``, after checks have been looked at."""
        self.look()
        return seen(Array(memory, dtype, ())).item()

    def failed(self, check: int, values: tuple[int, ...]) -> BaseException:
        """Return the exception of check ``check``, made of the values that it reports."""
        return self.function.program.checks[check](values)
