"""A `gradcore_cuda.driver.Driver` of CUDA, by CuPy."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import numpy as np

from gradcore.errors import UnavailableError
from gradcore.graph import here
from gradcore_cuda import library
from gradcore_cuda.blas import Gemm, vector_product
from gradcore_cuda.driver import Card, Driver, DriverError, Extern, NoMemoryError
from gradcore_cuda.nvrtc import compiled


def open_driver(number: int) -> Driver:
    """Return the driver of a device.

    Raises UnavailableError: there is no such device, or no CUDA at all.
    """
    reason = library.unavailable()
    if reason is not None:
        raise UnavailableError(f"the backend 'cuda' cannot run here: {reason}", here())
    count = library.found().cuda.runtime.getDeviceCount()
    if not 0 <= number < count:
        raise no_such_device(number, count)
    return _opened(number, os.getpid())


def no_such_device(number: int, count: int) -> UnavailableError:
    """Return what says that a device is not among ``count``."""
    known = "only device 0" if count == 1 else f"devices 0 to {count - 1}"
    return UnavailableError(
        f"the backend 'cuda' has no device {number} here: there is {known}"
        if count == 1
        else f"the backend 'cuda' has no device {number} here: there are {known}",
        here(),
        'Mode("cuda", device=0) takes the first; CUDA_VISIBLE_DEVICES says which there are',
    )


@functools.cache
def _opened(number: int, process: int) -> Driver:
    """Return the driver of a device in a process: CUDA does not survive a fork."""
    return CupyDriver(number)


class CupyDriver(Driver):
    """The driver, runtime and libraries of CUDA as CuPy exposes them, for one device."""

    def __init__(self, number: int) -> None:
        self.cupy = library.found()
        self.runtime = self.cupy.cuda.runtime
        self.api = library.backends("api.driver")
        self.nvrtc = library.backends("libs.nvrtc")
        super().__init__(self._card(number))
        self._launch = self.api.launchKernel
        self._capturing = threading.Lock()
        self._scalars = {name: np.array([0, 1], name) for name in ("float32", "float64")}

    def _card(self, number: int) -> Card:
        properties = self.runtime.getDeviceProperties(number)
        attribute = functools.partial(self._attribute, number)
        # Double data rate: two transfers a clock, which is given in kHz, if at all.
        clock, width = attribute("MemoryClockRate"), attribute("GlobalMemoryBusWidth")
        name = properties["name"]
        return Card(
            number,
            name.decode() if isinstance(name, bytes) else str(name),
            10 * int(properties["major"]) + int(properties["minor"]),
            int(properties["multiProcessorCount"]),
            int(properties["totalGlobalMem"]),
            2e3 * clock * width / 8 if clock and width else None,
            attribute("MaxSharedMemoryPerBlockOptin") or int(properties["sharedMemPerBlock"]),
        )

    def _attribute(self, number: int, name: str) -> int:
        """Return an attribute of a device, or 0 if this CUDA does not have it."""
        which = getattr(self.runtime, f"cudaDevAttr{name}", None)
        if which is None:
            return 0
        try:
            return int(self.runtime.deviceGetAttribute(which, number))
        except self.runtime.CUDARuntimeError:
            return 0

    # memory -------------------------------------------------------------------------------------
    def allocate(self, count: int) -> Any:
        """Return bytes of CuPy's pool, or of the allocator that the user has chosen."""
        try:
            return self.cupy.cuda.alloc(count)
        except self.cupy.cuda.memory.OutOfMemoryError as error:
            raise NoMemoryError(str(error)) from None

    def free(self) -> int:
        """Return what the device has free, and the pool unused."""
        with self.active():
            free, _ = self.runtime.memGetInfo()
        return int(free) + int(self.cupy.get_default_memory_pool().free_bytes())

    def reclaim(self) -> None:
        """Let the pool give back what nobody uses."""
        self.cupy.get_default_memory_pool().free_all_blocks()

    def pinned(self, count: int) -> np.ndarray[Any, Any]:
        """Return page-locked bytes of the host, of CuPy's pool, from which copies need no CPU."""
        return np.frombuffer(self.cupy.cuda.alloc_pinned_memory(count), np.uint8, count)

    def copy(self, target: int, source: int, count: int, stream: int) -> None:
        """Copy bytes: CUDA sees from the addresses whose they are."""
        if count:
            self._checked(
                self.runtime.memcpyAsync, target, source, count, self.runtime.memcpyDefault, stream
            )

    def clear(self, target: int, count: int, stream: int) -> None:
        """Set bytes to zero, in the order of a stream."""
        if count:
            self._checked(self.runtime.memsetAsync, target, 0, count, stream)

    # order --------------------------------------------------------------------------------------
    def active(self) -> AbstractContextManager[Any]:
        """Return what makes the device the thread's current one for a while."""
        if self.runtime.getDevice() == self.card.number:
            return nullcontext()
        return self.cupy.cuda.Device(self.card.number)

    def stream(self) -> int:
        """Return CuPy's current stream: so calls come in order with what else CuPy does."""
        return self.cupy.cuda.get_current_stream().ptr

    def wait(self, stream: int, other: int) -> None:
        """Let a stream wait for another."""
        event = self.event(other, timed=False)
        self._checked(self.runtime.streamWaitEvent, stream, event.ptr)

    def synchronize(self, stream: int) -> None:
        """Block the CPU until all work of a stream has run."""
        self._checked(self.runtime.streamSynchronize, stream)

    def event(self, stream: int, timed: bool = True) -> Any:
        """Return an event recorded on a stream: it happens when what came before has run."""
        event = self.cupy.cuda.Event(disable_timing=not timed)
        self._checked(self.runtime.eventRecord, event.ptr, stream)
        return event

    def happened(self, event: Any) -> None:
        """Block the CPU until an event has happened."""
        self._checked(self.runtime.eventSynchronize, event.ptr)

    def done(self, event: Any) -> bool:
        """Return at once whether an event has happened."""
        return bool(event.done)

    def seconds(self, start: Any, end: Any) -> float:
        """Return the seconds between two events, which CUDA gives in milliseconds."""
        return float(self.runtime.eventElapsedTime(start.ptr, end.ptr)) / 1e3

    def _checked(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function of CUDA returns.  Raises DriverError."""
        try:
            return function(*arguments)
        except (self.runtime.CUDARuntimeError, self.api.CUDADriverError) as error:
            raise DriverError(str(error)) from None

    # code ---------------------------------------------------------------------------------------
    def compiler(self) -> str:
        """Return NVRTC's version."""
        return "NVRTC " + ".".join(map(str, self.nvrtc.getVersion()))

    def compile(self, text: str, flags: Sequence[str], name: str) -> bytes:
        """Compile with NVRTC, for this architecture or the newest that NVRTC knows below it."""
        known = [n for n in self.nvrtc.getSupportedArchs() if n <= self.card.architecture]
        exact = bool(known) and known[-1] == self.card.architecture
        # Machine code runs on its own architecture, PTX also on those that come later.
        target = f"{'sm' if exact else 'compute'}_{known[-1] if known else self.card.architecture}"
        return compiled(self.nvrtc, text, (*flags, f"--gpu-architecture={target}"), name)

    def load(self, image: bytes) -> Any:
        """Load machine code into the device's context."""
        module = self.cupy.cuda.function.Module()
        with self.active():
            self._checked(module.load, image)
        return module

    def function(self, module: Any, name: str) -> int:
        """Return the handle of the kernel of a name in a module."""
        return int(self._checked(self.api.moduleGetFunction, module.ptr, name))

    def allow(self, function: int, shared: int) -> None:
        """Raise what a kernel may have, which is 48 KiB unasked."""
        attribute = self.api.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        self._checked(self.api.funcSetAttribute, function, attribute, shared)

    def launch(
        self,
        function: int,
        blocks: int,
        threads: tuple[int, int],
        shared: int,
        stream: int,
        parameters: int,
    ) -> None:
        """Launch a kernel on a stream; DriverError: CUDA refuses it."""
        try:
            self._launch(
                function, blocks, 1, 1, threads[0], threads[1], 1, shared, stream, parameters, 0
            )
        except self.api.CUDADriverError as error:
            raise DriverError(str(error)) from None

    def captured(self, work: Callable[[int], None]) -> Any:
        """Capture what a stream of our own is given: the default stream cannot be captured."""
        with self._capturing, self.active():
            stream = self.cupy.cuda.Stream(non_blocking=True)
            with stream:
                stream.begin_capture()
                try:
                    work(stream.ptr)
                except BaseException:
                    with suppress(Exception):  # what the work raised says more
                        stream.end_capture()
                    raise
                return self._checked(stream.end_capture)

    def replay(self, graph: Any, stream: int) -> None:
        """Launch a captured graph on a stream."""
        self._checked(self.runtime.graphLaunch, graph.graphExec, stream)

    # libraries and arrays -----------------------------------------------------------------------
    @functools.cached_property
    def _blas(self) -> Any:
        return library.backends("libs.cublas")

    def multiply(self, product: Gemm, tf32: bool, stream: int) -> None:
        """Call cuBLAS, on the thread's current stream."""
        blas, runtime = self._blas, self.runtime
        handle = self.cupy.cuda.Device().cublas_handle
        scalars = self._scalars[product.dtype]
        zero, one = scalars.ctypes.data, scalars.ctypes.data + scalars.itemsize
        ending = one if product.accumulate else zero
        single = product.dtype == "float32"
        operations = blas.CUBLAS_OP_N, blas.CUBLAS_OP_T
        try:
            blas.setPointerMode(handle, blas.CUBLAS_POINTER_MODE_HOST)
            vector = vector_product(product)
            if vector is not None:
                (blas.sgemv if single else blas.dgemv)(
                    handle, operations[vector.a.transposed], vector.rows, vector.columns, one,
                    vector.a.address, vector.a.leading, vector.x, vector.along_x,
                    ending, vector.y, vector.along_y,
                )  # fmt: skip
                return
            kind = runtime.CUDA_R_32F if single else runtime.CUDA_R_64F
            precise = blas.CUBLAS_COMPUTE_32F if single else blas.CUBLAS_COMPUTE_64F
            computed = blas.CUBLAS_COMPUTE_32F_FAST_TF32 if single and tf32 else precise
            a, b, c = product.a, product.b, product.c
            sizes = (product.m, product.n, product.k)
            ways = (operations[a.transposed], operations[b.transposed])
            if product.count == 1:
                blas.gemmEx(
                    handle, *ways, *sizes, one, a.address, kind, a.leading,
                    b.address, kind, b.leading, ending, c.address, kind, c.leading,
                    computed, blas.CUBLAS_GEMM_DEFAULT,
                )  # fmt: skip
            else:
                blas.gemmStridedBatchedEx(
                    handle, *ways, *sizes, one, a.address, kind, a.leading, a.step,
                    b.address, kind, b.leading, b.step,
                    ending, c.address, kind, c.leading, c.step, product.count,
                    computed, blas.CUBLAS_GEMM_DEFAULT,
                )  # fmt: skip
        except blas.CUBLASError as error:
            raise DriverError(str(error)) from None

    def array(
        self, block: Any, offset: int, dtype: str, shape: tuple[int, ...],
        strides: tuple[int, ...] | None = None,
    ) -> Any:  # fmt: skip
        """Return a CuPy array."""
        return self.cupy.ndarray(shape, dtype, block + offset if offset else block, strides)

    def view(self, address: int, dtype: str, shape: tuple[int, ...], strides: Any = None) -> Any:
        """Return a CuPy array of memory that something else owns."""
        memory = self.cupy.cuda.UnownedMemory(address, 0, None, self.card.number)
        return self.cupy.ndarray(shape, dtype, self.cupy.cuda.MemoryPointer(memory, 0), strides)

    def is_array(self, value: Any) -> bool:
        """Return whether a value is an array of CuPy."""
        return isinstance(value, self.cupy.ndarray)

    def imported(self, value: Any, stream: int) -> Any:
        """Return a CuPy array, by DLPack (which passes the stream on) or by Numba's protocol."""
        if isinstance(value, self.cupy.ndarray):
            return value
        interface = None
        if hasattr(value, "__dlpack__"):
            try:
                return self.cupy.from_dlpack(value)
            except (BufferError, RuntimeError, TypeError, ValueError):
                interface = getattr(value, "__cuda_array_interface__", None)
                if interface is None:
                    raise
        interface = value.__cuda_array_interface__ if interface is None else interface
        made_on = interface.get("stream")
        if made_on is not None:
            self.wait(stream, made_on)
        address, _ = interface["data"]
        memory = self.cupy.cuda.UnownedMemory(address, 0, value, self.card.number)
        return self.cupy.ndarray(
            interface["shape"],
            np.dtype(interface["typestr"]),
            self.cupy.cuda.MemoryPointer(memory, 0),
            interface.get("strides"),
        )

    def consecutive(self, array: Any) -> Any:
        """Return a copy in C order, aligned for vectors."""
        return array.copy(order="C")

    def assign(self, target: Any, source: Any) -> None:
        """Copy the elements of one array to another of the same shape."""
        self.cupy.copyto(target, source)

    def sort(self, target: Any, source: Any, arguments: bool) -> None:
        """Sort with CuPy, whose order is that of NumPy: stable, NaN last."""
        function = self.cupy.argsort if arguments else self.cupy.sort
        target[...] = function(source, axis=-1)

    def call(self, function: Extern, targets: Sequence[Any], sources: Sequence[Any]) -> None:
        """Call it with CuPy, on the current stream."""
        for target, result in zip(targets, function(self.cupy, *sources), strict=False):
            target[...] = result
