"""A device of a page: memory of the host, streams that run when somebody waits, kernels as C.

What is given to a stream waits in a queue until something that CUDA promises makes it run: the
stream or an event is waited for, or another stream that waits for it runs.  So a wait that the
runtime forgot shows as a wrong result.  Kernels are the very text that a GPU gets, compiled with
the header of the runtime "host".
"""

import ctypes
import re
from collections import deque
from contextlib import nullcontext

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore_c.compiler import load_source
from gradcore_cuda import cupy_driver, host, library
from gradcore_cuda.driver import Card, Driver, DriverError, NoMemoryError

CARD = Card(0, "a page", 90, 2, 64 * 2**20, 1e9, 64 * 1024)

x, y = T.dmatrix("x"), T.dmatrix("y")
A = np.arange(6.0).reshape(2, 3)


class Block:
    """Memory; what runs later may still use it when it is freed, so its bytes stay."""

    def __init__(self, driver, count):
        self.bytes = np.full(count + 256, 0xFF, np.uint8)
        start = self.bytes.ctypes.data
        self.ptr = -(-start // 256) * 256
        self.count = count
        self.driver = driver
        driver.stored.append(self.bytes)
        driver.live += count

    def __del__(self):
        self.driver.live -= self.count


class Pointer:
    def __init__(self, ptr, device_id, block):
        self.ptr, self.device_id, self.block = ptr, device_id, block


class Flags:
    def __init__(self, contiguous):
        self.c_contiguous = contiguous


class DeviceArray:
    """An array on the device: what the runtime asks of CuPy's."""

    def __init__(self, driver, address, dtype, shape, strides=None, block=None):
        self.driver = driver
        self.dtype = np.dtype(dtype)
        self.shape = tuple(shape)
        self.ndim = len(self.shape)
        plain = np.empty(self.shape, self.dtype).strides
        self.strides = plain if strides is None else tuple(strides)
        self.flags = Flags(self.strides == plain or 0 in self.shape)
        self.data = Pointer(address, driver.card.number, block)
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes = self.size * self.dtype.itemsize

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.shape, "typestr": self.dtype.str, "data": (self.data.ptr, False),
            "strides": None if self.flags.c_contiguous else self.strides, "version": 3,
            "stream": 1,
        }  # fmt: skip

    @property
    def host(self):
        """The memory, as NumPy sees it, whatever has run by now."""

        class Seen:
            __array_interface__ = {  # noqa: RUF012 - for one look
                "shape": self.shape, "typestr": self.dtype.str, "strides": self.strides,
                "data": (self.data.ptr or 1, False), "version": 3,
            }  # fmt: skip

        return np.asarray(Seen()) if self.size else np.empty(self.shape, self.dtype)

    def get(self):
        """The elements, when the device is done."""
        self.driver.finish()
        return self.host.copy()


class Foreign:
    """An array of another library, made on a stream of its own."""

    def __init__(self, array, stream):
        self.array, self.stream = array, stream
        self.dtype, self.shape = array.dtype, array.shape

    @property
    def __cuda_array_interface__(self):
        return {**self.array.__cuda_array_interface__, "stream": self.stream}


class FakeDriver(Driver):
    """See the module.  ``log`` : what was launched, captured and replayed."""

    def __init__(self, card=CARD, memory=None):
        super().__init__(card)
        self.memory = card.memory if memory is None else memory
        self.live = 0
        self.stored = []
        self.queues = {}
        self.current = 1
        self.log = []
        self.capturing = None
        self.broken = None
        self.compiled = 0
        self.names, self.counts = {}, {}

    # memory
    def allocate(self, count):
        if self.live + count > self.memory:
            raise NoMemoryError(count)
        return Block(self, count)

    def free(self):
        return self.memory - self.live

    def reclaim(self):
        self.log.append("reclaim")

    def pinned(self, count):
        return np.zeros(count, np.uint8)

    def copy(self, target, source, count, stream):
        self.give(stream, lambda: ctypes.memmove(target, source, count))

    def clear(self, target, count, stream):
        self.give(stream, lambda: ctypes.memset(target, 0, count))

    # order
    def give(self, stream, work):
        if self.capturing is not None:
            assert stream == "capture"
            self.capturing.append(work)
        else:
            self.queues.setdefault(stream, deque()).append(work)

    def drain(self, stream, until=None):
        queue = self.queues.setdefault(stream, deque())
        while queue and (until is None or until in queue):
            work = queue.popleft()
            if self.broken:
                raise DriverError(self.broken)
            work()
            if work is until:
                break

    def finish(self):
        for stream in list(self.queues):
            self.drain(stream)

    def active(self):
        return nullcontext()

    def stream(self):
        return self.current

    def wait(self, stream, other):
        event = self.event(other)
        self.give(stream, lambda: self.happened(event))

    def synchronize(self, stream):
        self.drain(stream)

    def event(self, stream):
        def mark():
            pass

        self.give(stream, mark)
        return stream, mark

    def happened(self, event):
        stream, mark = event
        if mark in self.queues[stream]:
            self.drain(stream, mark)

    def done(self, event):
        return event[1] not in self.queues[event[0]]

    def seconds(self, start, end):
        return 1e-3

    # code
    def compiler(self):
        return "a page 1.0"

    def compile(self, text, flags, name):
        self.compiled += 1
        wide = "#define GC_WIDE\n" if "-DGC_WIDE" in flags else ""
        return (wide + text).encode()

    def load(self, image):
        text = image.decode()
        lines, counts = [], {}
        for name, given in re.findall(r"^GC_KERNEL (\w+)\((.*)\) \{$", text, re.MULTILINE):
            types = [re.match(r"(.*?)(?:__restrict__ )?\w+$", p.strip())[1]
                     for p in given.split(",") if given != "void"]  # fmt: skip
            counts[name] = len(types)
            arguments = ", ".join(f"*({t.strip()} *)a[{k}]" for k, t in enumerate(types))
            lines.append(f"void {name}_called(void **a) {{ {name}({arguments}); }}")
        source = "\n".join([host._file("shim.h"), text, *lines, ""])
        module = load_source(source, "kernels", host._library, host.FLAGS)
        module.gc_bind(ctypes.c_void_p(host._engine().gc_shim_engine()))
        return module, counts

    def function(self, module, name):
        library, counts = module
        found = ctypes.cast(getattr(library, f"{name}_called"), ctypes.c_void_p).value
        self.counts[found] = counts[name]
        self.names[found] = name
        return found

    def allow(self, function, shared):
        assert shared <= self.card.shared

    def launch(self, function, blocks, threads, shared, stream, parameters):
        self.log.append(self.names[function])
        # Arguments are read when a kernel is launched: what they point to is copied now.
        count = self.counts[function]
        places = ctypes.cast(parameters, ctypes.POINTER(ctypes.c_void_p))
        values = [ctypes.c_uint64.from_buffer_copy(ctypes.string_at(places[k], 8))
                  for k in range(count)]  # fmt: skip
        given = (ctypes.c_void_p * (count + 1))(*[ctypes.addressof(v) for v in values])

        def run():
            assert values is not None
            failed = host._engine().gc_shim_launch(
                function, ctypes.addressof(given), blocks, threads[1], threads[0], shared, 0
            )
            assert not failed

        self.give(stream, run)

    def captured(self, work):
        assert self.capturing is None
        self.capturing = []
        try:
            work("capture")
            self.log.append("capture")
            return self.capturing
        finally:
            self.capturing = None

    def replay(self, graph, stream):
        self.log.append("replay")
        for work in graph:
            self.give(stream, work)

    # libraries and arrays
    def multiply(self, product, tf32, stream):
        self.log.append("multiply")

        def matrix(m, rows, columns, k):
            size = np.dtype(product.dtype).itemsize
            if m.transposed:
                rows, columns = columns, rows
            assert columns == 1 or m.leading >= max(rows, 1)
            there = DeviceArray(
                self,
                m.address + k * m.step * size,
                product.dtype,
                (rows, columns),
                (size, m.leading * size),
            ).host
            return there.T if m.transposed else there

        def run():
            for k in range(product.count):
                a = matrix(product.a, product.m, product.k, k)
                b = matrix(product.b, product.k, product.n, k)
                c = matrix(product.c, product.m, product.n, k)
                c[...] = a @ b + (c if product.accumulate else 0)

        self.give(stream, run)

    def array(self, block, offset, dtype, shape, strides=None):
        return DeviceArray(self, block.ptr + offset, dtype, shape, strides, block)

    def view(self, address, dtype, shape, strides=None):
        return DeviceArray(self, address, dtype, shape, strides)

    def is_array(self, value):
        return isinstance(value, DeviceArray)

    def imported(self, value, stream):
        if isinstance(value, DeviceArray):
            return value
        self.wait(stream, value.stream)
        return value.array

    def consecutive(self, array):
        block = self.allocate(max(array.nbytes, 1))
        found = self.array(block, 0, array.dtype, array.shape)
        self.assign(found, array)
        return found

    def assign(self, target, source):
        def run():
            target.host[...] = source.host

        self.give("capture" if self.capturing is not None else self.current, run)

    def sort(self, target, source, arguments):
        def run():
            function = np.argsort if arguments else np.sort
            target.host[...] = function(source.host, axis=-1, kind="stable")

        self.give(self.current, run)

    def call(self, function, targets, sources):
        @np.errstate(all="ignore")  # a device warns of nothing
        def run():
            found = function(np, *(source.host for source in sources))
            for target, result in zip(targets, found, strict=False):
                target.host[...] = result

        self.give(self.current, run)

    # for tests
    def put(self, array, stream=None):
        """Return an array on the device, made on a stream."""
        array = np.asarray(array)
        block = self.allocate(max(array.nbytes, 1))
        found = self.array(block, 0, array.dtype, array.shape)

        def run():
            found.host[...] = array

        self.give(self.current if stream is None else stream, run)
        return found


def installed(monkeypatch, found):
    """Let mode "cuda" run on a device of a page; return it."""
    monkeypatch.setattr(library, "unavailable", lambda: None)
    monkeypatch.setattr(cupy_driver, "open_driver", lambda number: found)
    return found


def function(*arguments, **options):
    """Return a function of mode "cuda", which takes ``mode`` as options."""
    return gradcore.function(*arguments, mode=Mode("cuda", **options.pop("mode", {})), **options)


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Let mode "cuda" run on a device of a page."""
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    return installed(monkeypatch, FakeDriver())


def long(v):
    """Something of several kernels."""
    for _ in range(3):
        v = T.dot(v, v) / T.sum(v)
    return v
