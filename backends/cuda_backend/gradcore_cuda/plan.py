"""Plans: what calls of a signature do, and what is retained for the next one.

A plan has a tape, and one block of memory (counters, workspace, status, and what goes to and from
NumPy), so that these addresses stay.  A tape whose addresses come a second time is captured as a
CUDA graph, and replayed when they come again.

The decision: the plans of a device together retain no more than a share of its memory, and so many
graphs; those used longest ago are freed first.  Rejected: a bound for each function, of which
nobody knows how many there will be.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcore.errors import OutOfMemoryError
from gradcore_cuda.driver import Driver, DriverError, NoMemoryError
from gradcore_cuda.runtime import STATUS_BYTES
from gradcore_cuda.staging import aligned
from gradcore_cuda.tape import FIRST, STATUS, WORK, ZEROS, Recorder, Step


class Retained:
    """The blocks and graphs of the plans of a device, those used last at the end."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._plans: OrderedDict[Plan, None] = OrderedDict()

    @property
    def bytes(self) -> int:
        """The bytes that all plans retain."""
        return sum(plan.size for plan in list(self._plans))

    @property
    def nodes(self) -> int:
        """How many steps the captured graphs of all plans have."""
        return sum(len(plan.steps) * len(plan.graphs) for plan in list(self._plans))

    def used(self, plan: Plan) -> None:
        """Note that a plan is used now."""
        self._plans[plan] = None
        self._plans.move_to_end(plan)

    def bounded(self, plan: Plan) -> None:
        """Free other plans until the bounds of its target are met, after ``plan`` has grown."""
        limit = self.driver.card.memory // plan.target.plan_memory_parts
        while self.bytes > limit and self.drop(but=plan):
            pass
        for other in list(self._plans):
            if self.nodes <= plan.target.graph_steps:
                break
            other.forget_graphs()

    def drop(self, but: Plan | None = None) -> bool:
        """Free what the plan used longest ago retains; return whether there was one."""
        for plan in list(self._plans):
            if plan is not but:
                self.remove(plan)
                return True
        return False

    def remove(self, plan: Plan) -> None:
        """Free what a plan retains."""
        if plan in self._plans:
            del self._plans[plan]
            plan.close()

    def clear(self) -> None:
        """Free what all plans retain."""
        while self.drop():
            pass


_retained: dict[Driver, Retained] = {}


def retained(driver: Driver) -> Retained:
    """Return the plans of a device."""
    if driver not in _retained:
        _retained[driver] = Retained(driver)
    return _retained[driver]


def allocated(driver: Driver, count: int, title: str, what: str) -> Any:
    """Return a block of ``count`` bytes; free what plans retain if memory is short.

    Raises OutOfMemoryError.
    """
    for again in (driver.reclaim, retained(driver).clear, None):
        try:
            return driver.allocate(max(count, 1))
        except NoMemoryError:
            if again is not None:
                again()
                driver.reclaim()
    card = driver.card
    raise OutOfMemoryError(
        f"{title or 'a function'} needs {size_of(count)} {what} on device {card.number} "
        f"({card.name}), of whose {size_of(card.memory)} {size_of(driver.free())} are free",
        fix="use smaller batches or float32, let go of arrays on the device (del x), see with "
        'nvidia-smi who else uses it, or take another: Mode("cuda", device=1)',
    )


def size_of(count: int) -> str:
    """Return a number of bytes as people read it."""
    size, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "bytes" else f"{size:.1f} {units[0]}"


class Plan:
    """What calls of one signature do.

    target : what bounds it.
    steps : the tape.
    outputs, counts : dtype and shape of each result; how many bytes it has.
    sizes : the bytes of each region of the plan's block: counters, workspace, inputs of the
        host, status and outputs to the host.
    """

    def __init__(self, driver: Driver, recorder: Recorder, inputs: int, title: str) -> None:
        self.driver = driver
        self.title = title
        self.target = recorder.target
        self.steps = recorder.steps
        self.outputs = [recorder.outputs[k] for k in range(len(recorder.outputs))]
        self.counts = [
            int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            for dtype, shape in self.outputs
        ]
        self.work, self.counters = recorder.work, recorder.counters
        self.graphs: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._seen: OrderedDict[tuple[int, ...], None] = OrderedDict()
        self._block: Any = None
        self._streams: tuple[int, int] = (0, 0)
        self._bases = [0] * (FIRST + inputs + len(self.outputs))
        self._stale = set(range(len(self._bases)))
        self._users: dict[int, list[Step]] = {}
        for step in self.steps:
            for region in step.regions:
                self._users.setdefault(region, []).append(step)
        self.first = FIRST + inputs
        self.given: list[tuple[int, int]] = []
        self.given_bytes = 0
        self.taken: list[tuple[int, int]] = []
        self.taken_bytes = aligned(STATUS_BYTES)

    def reserve(self, given: Sequence[tuple[int, int]], taken: Sequence[int]) -> None:
        """Reserve room in the block for inputs (position, bytes) and outputs (positions)."""
        end = 0
        for position, count in given:
            self.given.append((position, end))
            end += aligned(count)
        self.given_bytes = end
        end = aligned(STATUS_BYTES)
        for position in taken:
            self.taken.append((position, end))
            end += aligned(self.counts[position])
        self.taken_bytes = end

    @property
    def size(self) -> int:
        """How many bytes the block has."""
        return aligned(self.counters) + aligned(self.work) + self.given_bytes + self.taken_bytes

    @property
    def given_at(self) -> int:
        """Where in memory the inputs of the host are."""
        return self._start + aligned(self.counters) + aligned(self.work)

    @property
    def taken_at(self) -> int:
        """Where in memory the status is, and behind it the outputs to the host."""
        return self.given_at + self.given_bytes

    @property
    def _start(self) -> int:
        return int(self._block.ptr)

    def open(self, stream: int) -> None:
        """Have the block, and let ``stream`` wait for what another does with it."""
        driver = self.driver
        if self._block is None:
            passing = size_of(self.given_bytes + self.taken_bytes)
            what = f"({size_of(self.work)} of workspace, {passing} to and from NumPy)"
            self._block = allocated(driver, self.size, self.title, what)
            self._streams = (stream, stream)
            driver.clear(self._start, aligned(self.counters), stream)
            driver.clear(self.taken_at, aligned(STATUS_BYTES), stream)
            fixed = [(ZEROS, self._start), (WORK, self._start + aligned(self.counters))]
            fixed.append((STATUS, self.taken_at))
            fixed += [(FIRST + k, self.given_at + offset) for k, offset in self.given]
            fixed += [(self.first + k, self.taken_at + offset) for k, offset in self.taken]
            for region, base in fixed:
                self.move(region, base)
            retained(driver).used(self)
            retained(driver).bounded(self)
            return
        made_on, last = self._streams
        if stream != last:
            driver.wait(stream, last)
            self._streams = (made_on, stream)
        retained(driver).used(self)

    def move(self, region: int, base: int) -> None:
        """Note where a region is now."""
        if self._bases[region] != base:
            self._bases[region] = base
            self._stale.add(region)

    def run(self, stream: int) -> None:
        """Run the tape on a stream, as a graph where it was captured; return before it has run."""
        steps, driver = self.steps, self.driver
        if len(steps) >= self.target.tape_steps:
            key = tuple(self._bases)
            graph = self.graphs.get(key)
            if graph is None and key in self._seen:
                graph = self._captured(key)
            if graph is not None:
                self.graphs.move_to_end(key)
                driver.replay(graph, stream)
                return
            self._seen[key] = None
            if len(self._seen) > self.target.remembered_addresses:
                self._seen.popitem(last=False)
        self._bound()
        for step in steps:
            step.run(driver, stream)

    def _bound(self) -> None:
        """Fill in the addresses of regions that have moved."""
        if not self._stale:
            return
        if len(self._stale) == 1:
            (region,) = self._stale
            stale = self._users.get(region, ())
        else:
            stale = [step for step in self.steps if not step.regions.isdisjoint(self._stale)]
        for step in stale:
            step.bind(self._bases)
        self._stale.clear()

    def _captured(self, key: tuple[int, ...]) -> Any:
        """Return the tape as a graph."""
        self._bound()

        def work(stream: int) -> None:
            for step in self.steps:
                step.run(self.driver, stream)

        graph = self.graphs[key] = self.driver.captured(work)
        del self._seen[key]
        if len(self.graphs) > self.target.plan_graphs:
            self.driver.synchronize(self._streams[1])  # it may still run
            self.graphs.popitem(last=False)
        retained(self.driver).bounded(self)
        return graph

    def timed(self, stream: int, note: Callable[[Step, float], None]) -> None:
        """Run step by step, and call ``note`` with the seconds that each took on the device."""
        self._bound()
        marks = [self.driver.event(stream)]
        for step in self.steps:
            step.run(self.driver, stream)
            marks.append(self.driver.event(stream))
        self.driver.synchronize(stream)
        for step, start, end in zip(self.steps, marks, marks[1:], strict=False):
            note(step, self.driver.seconds(start, end))

    def stepwise(self, stream: int, failed: Callable[[Step, DriverError], BaseException]) -> None:
        """Run step by step, and wait for each."""
        self._bound()
        for step in self.steps:
            try:
                step.run(self.driver, stream)
                self.driver.synchronize(stream)
            except DriverError as error:
                raise failed(step, error) from None

    def forget_graphs(self) -> None:
        """Let go of the graphs, when they have run."""
        if self.graphs:
            self.driver.synchronize(self._streams[1])
            self.graphs.clear()
        self._seen.clear()

    def close(self) -> None:
        """Free what is retained: the pool reuses it in the order of the first stream."""
        if self._block is not None:
            made_on, last = self._streams
            self.forget_graphs()
            if made_on != last:
                self.driver.wait(made_on, last)
            self._block = None
