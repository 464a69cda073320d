"""Functions on a CUDA device.

A call finds the plan of its signature (shapes, the integers that the host program reads, what is on
the device already), fills addresses into its tape, and gives it to CuPy's current stream of the
thread: so calls come in order with whatever else is done with CuPy, and return before the device
is done unless results are wanted as NumPy's arrays, or a check has to be looked at.

The decision: memory is CuPy's pool's and the stream is CuPy's, so the pool's promise (what is freed
may be used again by what comes later in the stream) is all that calls need.  Rejected: a stream of
our own for each call, which an event would have to order with the user's, twice a call.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.backend import Profile
from gradcore.errors import DeviceError
from gradcore.kernel.ir import MOST_CHECK_VALUES
from gradcore.shared import holding
from gradcore_cuda.arrays import Resident, described, imported
from gradcore_cuda.code import CompiledCode
from gradcore_cuda.driver import Driver, DriverError, Extern
from gradcore_cuda.live import Live
from gradcore_cuda.plan import Plan, allocated, retained
from gradcore_cuda.runtime import STATUS_BYTES, Array, Compiled, DeviceMemory
from gradcore_cuda.staging import Piece, aligned, laid_out
from gradcore_cuda.tape import FIRST, FIXED, Recorder, Reservation, Step, place_of
from gradcore_cuda.target import GPU, GpuTarget


class Given:
    """The arguments of a call.

    arrays : for each, an array of the library or of NumPy.
    shapes, hosts : of each the shape; the positions of those that are NumPy's.
    native : whether the caller has passed an array on the device.
    foreign : arrays of other libraries, which do not know what our stream does with them.
    """

    __slots__ = ("arrays", "foreign", "hosts", "native", "shapes")

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.shapes: list[tuple[int, ...]] = []
        self.hosts: list[int] = []
        self.native = False
        self.foreign: list[Any] = []


class CudaFunction:
    """A function on a device; many threads may call it at once.

    source : the kernels and the host program.
    peak : the most bytes of workspace that a call has used.
    returned : how many results go to the caller; the others are new values of shared variables,
        and stay on the device.
    profile : where to note the time of each kernel; None: nobody asks.

    title : what it computes, for messages.
    inputs : dtype, rank and known extents of each.
    outputs : the dtype of each.
    checks : for each check, what makes its exception from the values that it reports.
    native, tf32, synchronous, threads, target : as options of the backend.
    """

    def __init__(
        self,
        driver: Driver,
        compiled: Compiled,
        *,
        title: str,
        inputs: Sequence[tuple[str, int, tuple[int | None, ...]]],
        outputs: Sequence[str],
        constants: Sequence[np.ndarray[Any, Any]] = (),
        callbacks: Sequence[Callable[..., tuple[Any, ...]]] = (),
        externs: Mapping[str, Extern] | None = None,
        checks: Sequence[Callable[[tuple[int, ...]], BaseException]] = (),
        native: bool = False,
        tf32: bool = False,
        synchronous: bool = False,
        threads: int = 0,
        target: GpuTarget = GPU,
    ) -> None:
        self.driver = driver
        self.compiled = compiled
        self.title = title
        self.source = f"{compiled.text}\n/* The host program:\n\n{compiled.source}\n*/\n"
        self.code = CompiledCode(driver, compiled.text, compiled.kernels, title, target)
        self.returned = len(outputs)
        self.peak = 0
        self.profile: Profile | None = None
        self._inputs = [
            (np.dtype(dtype), ndim, None if all(n is None for n in static) else static)
            for dtype, ndim, static in inputs
        ]
        self._callbacks = callbacks
        self._externs = externs or {}
        self._checks = checks
        self._native = native
        self._tf32 = tf32
        self._synchronous = synchronous
        self._threads = threads or target.block_threads
        self._target = target
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._values = list(constants)
        self._constants: list[DeviceMemory] | None = None
        self._constant_block: Any = None
        self._status_block: Any = None
        finalizer = weakref.finalize(self, _release, driver, self._plans)
        finalizer.atexit = False  # the process gives back everything

    # calls --------------------------------------------------------------------------------------
    def __call__(self, *values: Any) -> list[Any]:
        """Run it: NumPy's arrays for NumPy's, arrays on the device if an argument is one."""
        found = self._run(values)
        assert found is not None, "an argument does not fit its input"
        return found

    def bound(
        self,
        cells: Sequence[list[Any]],
        form: str,
        updated: Sequence[list[Any]] = (),
        locks: Sequence[Any] = (),
    ) -> Callable[..., Any]:
        """Return a function of the other arguments, which reads ``cells``; see `Executable`."""
        given = len(self._inputs) - len(cells)

        def call(*arguments: Any) -> Any:
            if len(arguments) != given:
                return NotImplemented
            with holding(locks):
                results = self._run((*arguments, *[cell[0] for cell in cells]), cells)
                if results is None:
                    return NotImplemented
                if updated:
                    n = len(results) - len(updated)
                    for cell, value in zip(updated, results[n:], strict=True):
                        cell[0] = value
                    results = results[:n]
            return results[0] if form == "single" else None if form == "none" else results

        return call

    def _run(self, values: Sequence[Any], cells: Sequence[list[Any]] = ()) -> list[Any] | None:
        """Return results, or None: an argument does not fit."""
        driver = self.driver
        with driver.lock, driver.active():
            stream = driver.stream()
            try:
                given = self._taken(values, cells, stream)
                if given is None:
                    return None
                run = self._lived if self.compiled.waits else self._planned
                results = run(given, stream)
                if given.foreign:  # their memory is another's again when the stream is done
                    driver.retain(given.foreign, stream)
            except DriverError as error:
                raise self._failure(error) from None
            return results

    def _taken(
        self, values: Sequence[Any], cells: Sequence[list[Any]], stream: int
    ) -> Given | None:
        """Return arguments as arrays, those on the device in C order and aligned, or None."""
        driver, found = self.driver, Given()
        first_cell = len(values) - len(cells)
        for position, value in enumerate(values):
            dtype, ndim, static = self._inputs[position]
            if type(value) is np.ndarray:
                if value.dtype != dtype or value.ndim != ndim or not _fits(value.shape, static):
                    return None
                if position < first_cell:
                    found.hosts.append(position)
                    array = value
                else:
                    stored = cells[position - first_cell][0] = self._resident(value, stream)
                    array = stored.array
            else:
                array = self._on_device(value, found, stream)
                if array is None or array.dtype != dtype or array.ndim != ndim:
                    return None
                if not _fits(array.shape, static):
                    return None
                if not array.flags.c_contiguous or array.data.ptr % self._target.vector_bytes:
                    array = driver.consecutive(array)
            found.arrays.append(array)
            found.shapes.append(array.shape)
        return found

    def _on_device(self, value: Any, found: Given, stream: int) -> Any:
        """Return an argument that is on a device as an array of the library, or None."""
        driver = self.driver
        if type(value) is Resident:
            if value.driver is driver:
                return value.array
            return self._resident(np.asarray(value), stream).array
        if driver.is_array(value):
            if value.data.device_id == driver.card.number:
                found.native = True
                return value
        elif described(value) is None:
            return None
        found.native = True
        array = imported(value, driver, stream)
        found.foreign.append(array)
        return array

    def _resident(self, value: np.ndarray[Any, Any], stream: int) -> Resident:
        """Return a copy on the device of an array of NumPy."""
        driver = self.driver
        block = allocated(driver, value.nbytes, self.title, "for a shared variable")
        driver.staging.upload(int(block.ptr), [Piece(0, value)], value.nbytes, stream)
        return Resident(driver.array(block, 0, value.dtype.name, value.shape), driver)

    def _numbers(self, given: Given, stream: int) -> tuple[Any, ...]:
        """Return the values of the inputs that the host program reads."""
        found: list[Any] = [None] * len(given.arrays)
        for position in self.compiled.reads:
            value = given.arrays[position]
            if not isinstance(value, np.ndarray):
                read = np.empty((), value.dtype)
                pieces = [Piece(0, read)]
                self.driver.staging.download(value.data.ptr, pieces, read.nbytes, stream)
                value = read
            found[position] = value.item()
        return tuple(found)

    def _fixed(self, stream: int) -> list[DeviceMemory]:
        """Return the memory of constants, which are uploaded at the first call."""
        if self._constants is None:
            pieces, count = laid_out(self._values)
            block = allocated(self.driver, count, self.title, "for constants")
            self.driver.staging.upload(int(block.ptr), pieces, count, stream)
            self.driver.synchronize(stream)  # later calls may be on other streams
            self._constants = [
                DeviceMemory(
                    int(block.ptr) + p.offset, Reservation(FIXED, p.offset, p.array.nbytes)
                )
                for p in pieces
            ]
            self._constant_block = block
        return self._constants

    # planned calls ------------------------------------------------------------------------------
    def _planned(self, given: Given, stream: int) -> list[Any]:
        """Run the tape of a signature."""
        driver = self.driver
        native = self._native or given.native
        numbers = self._numbers(given, stream) if self.compiled.reads else ()
        key = (tuple(given.shapes), tuple(given.hosts), native, numbers)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(given, numbers, native, stream)
            while len(self._plans) > self._target.plans:
                _, oldest = self._plans.popitem(last=False)
                retained(driver).remove(oldest)
        else:
            self._plans.move_to_end(key)
        plan.open(stream)
        arrays = given.arrays
        if given.hosts:
            pieces = [Piece(at, arrays[position]) for position, at in plan.given]
            driver.staging.upload(plan.given_at, pieces, plan.given_bytes, stream)
        for position, array in enumerate(arrays):
            if position not in given.hosts:
                plan.move(FIRST + position, array.data.ptr)
        results: list[Any] = [None] * len(plan.outputs)
        first = 0 if native else self.returned
        for position in range(first, len(results)):
            dtype, shape = plan.outputs[position]
            count = plan.counts[position]
            block = allocated(driver, count, self.title, f"for output {position}")
            plan.move(plan.first + position, int(block.ptr))
            array = driver.array(block, 0, dtype, shape)
            results[position] = Resident(array, driver) if position >= self.returned else array
        self._work(plan, stream)
        self.peak = max(self.peak, plan.work)
        self._results(plan, results, stream)
        return results

    def _work(self, plan: Plan, stream: int) -> None:
        """Run a tape as a captured graph or step by step, as the mode says."""
        if self.profile is not None:
            plan.timed(stream, self._noted)
        elif self._synchronous:
            plan.stepwise(stream, self._failed_step)
        else:
            plan.run(stream)

    def _results(self, plan: Plan, results: list[Any], stream: int) -> None:
        """Fill in the results that go to the host, after the status was looked at."""
        checked = self.compiled.checked
        if not plan.taken and not checked:
            return
        status = np.zeros(STATUS_BYTES // 8, np.int64)
        pieces = [Piece(0, status)]
        for position, at in plan.taken:
            dtype, shape = plan.outputs[position]
            results[position] = np.empty(shape, dtype)
            pieces.append(Piece(at, results[position]))
        count = plan.taken_bytes
        self.driver.staging.download(plan.taken_at, pieces, count, stream)
        self._look(status, plan.taken_at, stream)

    def _look(self, status: np.ndarray[Any, Any], at: int, stream: int) -> None:
        """Raise the exception that the status reports, if any, and clear the status."""
        failed, count = status[:1].view(np.int32)
        if failed:
            self.driver.clear(at, aligned(STATUS_BYTES), stream)
            values = tuple(int(n) for n in status[1 : 1 + min(int(count), MOST_CHECK_VALUES)])
            raise self._checks[int(failed) - 1](values)

    def _plan(self, given: Given, numbers: tuple[Any, ...], native: bool, stream: int) -> Plan:
        """Return what calls of a signature do: the host program runs, and is recorded."""
        count = len(given.arrays)
        recorder = Recorder(
            self.driver,
            self.code,
            self._fixed(stream),
            self._raised,
            self._tf32,
            self._threads,
            self._target,
            inputs=count,
        )
        inputs = [
            DeviceMemory(0, Reservation(FIRST + k, 0, array.nbytes))
            for k, array in enumerate(given.arrays)
        ]
        host_numbers = numbers or (None,) * count
        found = self.compiled.start(recorder, inputs, tuple(given.shapes), host_numbers)
        for position, array in enumerate(found):
            own = place_of(array.memory).region == FIRST + count + position
            if not own:  # an output that is what another is
                size = int(np.prod(array.shape, dtype=np.int64)) * np.dtype(array.dtype).itemsize
                recorder.copy(
                    recorder.output(position, array.dtype, array.shape), array.memory, size
                )
        plan = Plan(self.driver, recorder, count, self.title)
        hosts = [(k, given.arrays[k].nbytes) for k in given.hosts]
        plan.reserve(hosts, range(0 if native else self.returned))
        return plan

    def _raised(self, check: int, values: tuple[int, ...]) -> BaseException:
        return self._checks[check](values)

    # calls that wait for the device -------------------------------------------------------------
    def _lived(self, given: Given, stream: int) -> list[Any]:
        """Run the host program itself."""
        driver = self.driver
        numbers = self._numbers(given, stream) if self.compiled.reads else None
        blocks: list[Any] = []
        inputs: list[DeviceMemory] = []
        for position, array in enumerate(given.arrays):
            count = array.nbytes
            if position in given.hosts:
                block = allocated(driver, count, self.title, "for an argument")
                pieces = [Piece(0, array)]
                driver.staging.upload(int(block.ptr), pieces, count, stream)
                blocks.append(block)
                address = int(block.ptr)
            else:
                address = array.data.ptr
            inputs.append(DeviceMemory(address, Reservation(FIXED, address, count)))
        if self._status_block is None:
            self._status_block = allocated(driver, STATUS_BYTES, self.title, "for its status")
            driver.clear(int(self._status_block.ptr), STATUS_BYTES, stream)
        at = int(self._status_block.ptr)

        def look() -> None:
            if self.compiled.checked:
                status = np.zeros(STATUS_BYTES // 8, np.int64)
                driver.staging.download(at, [Piece(0, status)], STATUS_BYTES, stream)
                self._look(status, at, stream)

        live = Live(
            driver, self.code, self._fixed(stream), self._raised, self._tf32, self._threads,
            self._target, stream=stream, title=self.title, callbacks=self._callbacks,
            externs=self._externs, status=DeviceMemory(at),
            look=look, after=self._after(stream),
        )  # fmt: skip
        found = self.compiled.start(
            live, inputs, tuple(given.shapes), numbers or (None,) * len(inputs)
        )
        look()
        self.peak = max(self.peak, live.peak)
        native = self._native or given.native
        return [self._taken_from(live, k, array, native) for k, array in enumerate(found)]

    def _taken_from(self, live: Live, position: int, array: Array, native: bool) -> Any:
        """Return an output of a call that ran at once."""
        size = int(np.prod(array.shape, dtype=np.int64)) * np.dtype(array.dtype).itemsize
        block = live.outputs.get(position, (None,))[0]
        if block is None or int(block.ptr) != array.memory.address:
            memory = live.output(position, array.dtype, array.shape)
            live.copy(memory, array.memory, size)
            block = live.outputs[position][0]
        if position < self.returned and not native:
            result = np.empty(array.shape, array.dtype)
            self.driver.staging.download(int(block.ptr), [Piece(0, result)], size, live.stream)
            return result
        view = self.driver.array(block, 0, array.dtype, array.shape)
        return view if position < self.returned else Resident(view, self.driver)

    def _after(self, stream: int) -> Callable[[Step], None]:
        """Return what is done after each step of a call that runs at once."""
        if self.profile is not None:
            mark = [self.driver.event(stream)]

            def timed(step: Step) -> None:
                end = self.driver.event(stream)
                self.driver.happened(end)
                self._noted(step, self.driver.seconds(mark[0], end))
                mark[0] = self.driver.event(stream)

            return timed
        if not self._synchronous:
            return lambda step: None

        def waited(step: Step) -> None:
            try:
                self.driver.synchronize(stream)
            except DriverError as error:
                raise self._failed_step(step, error) from None

        return waited

    # profiles and errors --------------------------------------------------------------------------
    def _noted(self, step: Step, seconds: float) -> None:
        assert self.profile is not None
        nodes = self.compiled.computed_by(step.name)
        self.profile.ran(step.name, seconds, step.moved, self.driver.card.bandwidth, nodes)

    def _failed_step(self, step: Step, error: DriverError) -> DeviceError:
        return DeviceError(f"the kernel {step.name} of {self.title} failed: {error}", fix=RESTART)

    def _failure(self, error: DriverError) -> DeviceError:
        """Return what says that the device has failed, and in which kernels that may have been."""
        names = list(self.compiled.kernels)
        if len(names) == 1:
            return DeviceError(
                f"the kernel {names[0]} of {self.title}, or one that was started before it, "
                f"failed: {error}",
                fix=f"{RESTART}; {EXACT}",
            )
        return DeviceError(
            f"a kernel of {self.title} ({', '.join(names)}), or one that was started before it, "
            f"failed: {error}",
            fix=f"{RESTART}; {EXACT}",
        )

    def release(self) -> None:
        """Free the memory that is retained for the next call."""
        _release(self.driver, self._plans)


def _release(driver: Driver, plans: dict[Any, Plan]) -> None:
    with driver.lock, driver.active():
        for plan in plans.values():
            retained(driver).remove(plan)
        plans.clear()


RESTART = "the device takes no more work from this process: start it again"
EXACT = 'with Mode("cuda", synchronous=True) the message names the one kernel'


def _fits(shape: tuple[int, ...], static: tuple[int | None, ...] | None) -> bool:
    return static is None or all(n is None or n == m for n, m in zip(static, shape, strict=True))
