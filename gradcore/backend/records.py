"""What is noted of a compiled function while it runs: of nodes, nests of loops, kernels, memory.

What runs node by node notes each node; generated code notes each nest of loops, of the nodes that
are fused in it; a device notes each kernel.

The decision: numbers are added up where they come, and everything else (lines, shares, what is
alive at the peak) is computed when somebody looks.  So a call that is profiled pays for two looks
at the clock a node, and one that is not for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from threading import local
from time import perf_counter
from typing import Any

import numpy as np

from gradcore.graph import Apply, FunctionGraph, Kernel
from gradcore.progress import StageTimes

MOST_EVENTS = 100_000
"""How many runs of nodes are noted one by one, the first ones."""


@dataclass
class KernelTime:
    """What a device did with a kernel, or with a call of a library.

    seconds : how long it ran, all together.
    runs : how often.
    moved : the bytes of the arrays that it read or wrote, all together.
    bandwidth : the peak bytes a second of the device's memory; None if it is not known.
    nodes : what it computes; of a product of BLAS, what all products compute.
    """

    seconds: float = 0.0
    runs: int = 0
    moved: int = 0
    bandwidth: float | None = None
    nodes: tuple[Apply, ...] = ()

    @property
    def rate(self) -> float:
        """The bytes a second."""
        return self.moved / self.seconds if self.seconds else 0.0


@dataclass
class NodeTime:
    """What a node took.

    seconds : how long it ran, all together, with the nodes inside of it.
    own : how long without those.
    runs : how often it ran.
    moved : the bytes of its operands and results, all together.
    results : of each result the most bytes, and the number of the operand whose memory they are,
        as of a view; None: they are its own.
    """

    seconds: float = 0.0
    own: float = 0.0
    runs: int = 0
    moved: int = 0
    results: tuple[tuple[int, int | None], ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """The most bytes of memory of each result; 0 for a view."""
        return tuple(n if of is None else 0 for n, of in self.results)

    def note_results(self, found: tuple[tuple[int, int | None], ...]) -> None:
        """Note the results of a run, if one is larger than those so far."""
        known = self.results or found
        self.results = tuple(
            [max(a, b, key=itemgetter(0)) for a, b in zip(known, found, strict=True)]
        )


@dataclass
class NestTime:
    """What a nest of loops took, or a call of a library, in generated code.

    nodes : what it computes.
    seconds : how long it ran, all together.
    runs : how often it ran.
    moved : the bytes of the arrays that it reads or writes, all together; 0 in a loop over steps.
    """

    nodes: tuple[Apply, ...]
    seconds: float = 0.0
    runs: int = 0
    moved: int = 0

    @property
    def label(self) -> str:
        """The ops that are fused in it."""
        return ", ".join(dict.fromkeys(node.op.label() for node in self.nodes)) or "(sizes)"


@dataclass
class BlockUse:
    """A block of memory that generated code works with.

    nodes : those whose values it holds, one after the other.
    size : its bytes, the most of any call.
    """

    nodes: tuple[Apply, ...]
    size: int = 0


@dataclass
class Records:
    """Where the time of a compiled function went.

    calls : how often it was called.
    seconds : how long these calls took, all together.
    peak_bytes : the most memory that a call used beside arguments and results; None: the backend
        does not report it.
    nodes : what each node took, if it was timed.
    nests : what each nest of loops took, of a backend that generates C.
    kernels : for each kernel that was timed, by name, what it did: of a backend that runs kernels
        of its own.
    buffers : the blocks of memory that generated code works with.
    in_use : for each nest of loops that is in no other, in turn, the blocks that hold what it or a
        later one reads.
    compiling : how long the stages of compiling it took, and the rules.
    fired : how often each rule fired.
    graph : the graph that runs.
    events : the runs of nodes, one by one: the node, when it began, and how many seconds it took.
    wait : what waits for the results of a kernel, on a library that returns before it has them.
    """

    calls: int = 0
    seconds: float = 0.0
    peak_bytes: int | None = None
    nodes: dict[Apply, NodeTime] = field(default_factory=dict[Apply, NodeTime])
    nests: list[NestTime] = field(default_factory=list[NestTime])
    kernels: dict[str, KernelTime] = field(default_factory=dict[str, KernelTime])
    buffers: list[BlockUse] = field(default_factory=list["BlockUse"])
    in_use: list[tuple[NestTime, Sequence[BlockUse]]] = field(
        default_factory=list["tuple[NestTime, Sequence[BlockUse]]"]
    )
    compiling: StageTimes = field(default_factory=StageTimes)
    fired: Mapping[str, int] = field(default_factory=dict[str, int])
    graph: FunctionGraph | None = None
    events: list[tuple[Apply, float, float]] = field(
        default_factory=list["tuple[Apply, float, float]"]
    )
    wait: Callable[[Any], Any] | None = None
    _within: Any = field(default_factory=local, repr=False)

    # noting -------------------------------------------------------------------------------------
    def ran(
        self,
        name: str,
        seconds: float,
        moved: int,
        bandwidth: float | None = None,
        nodes: tuple[Apply, ...] = (),
    ) -> None:
        """Note that a kernel ran."""
        found = self.kernels.setdefault(name, KernelTime(bandwidth=bandwidth, nodes=nodes))
        found.seconds += seconds
        found.runs += 1
        found.moved += moved

    def timed(self, node: Apply, kernel: Kernel) -> Kernel:
        """Return ``kernel``, noting its time under ``node``."""
        several = len(node.outputs) > 1
        time = self.nodes.setdefault(node, NodeTime())
        events, within = self.events, self._within

        def run(*arrays: Any) -> Any:
            inside = within.__dict__
            outer = inside.get("seconds", 0.0)
            inside["seconds"] = 0.0
            start = perf_counter()
            try:
                result = kernel(*arrays)
                if self.wait is not None:
                    result = self.wait(result)
            finally:
                spent = perf_counter() - start
                own = spent - inside["seconds"]
                inside["seconds"] = outer + spent
            moved = 0
            for array in arrays:
                moved += array.nbytes if hasattr(array, "nbytes") else 0
            sizes = tuple([_size(a, arrays) for a in (result if several else (result,))])
            time.seconds += spent
            time.own += own
            time.runs += 1
            time.moved += moved + sum([n for n, _ in sizes])
            if sizes != time.results:
                time.note_results(sizes)
            if len(events) < MOST_EVENTS:
                events.append((node, start, spent))
            return result

        return run


def _size(array: Any, operands: Sequence[Any]) -> tuple[int, int | None]:
    """Return the bytes of a result, and the number of the operand whose memory they are."""
    if not isinstance(array, np.ndarray):
        return getattr(array, "nbytes", 0), None
    base = array.base
    if base is None:
        return array.nbytes, next((k for k, x in enumerate(operands) if x is array), None)
    shared = (k for k, x in enumerate(operands) if x is base or getattr(x, "base", None) is base)
    return array.nbytes, next(shared, None)
