"""Where the time of a compiled function went."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from gradcore.graph import Apply, Kernel


@dataclass
class KernelTime:
    """What a device did with a kernel, or with a call of a library.

    seconds : how long it ran, all together.
    runs : how often.
    moved : the bytes of the arrays that it read or wrote, all together.
    bandwidth : the peak bytes a second of the device's memory; None if it is not known.
    """

    seconds: float = 0.0
    runs: int = 0
    moved: int = 0
    bandwidth: float | None = None

    @property
    def rate(self) -> float:
        """The bytes a second."""
        return self.moved / self.seconds if self.seconds else 0.0


@dataclass
class Profile:
    """Where the time of a compiled function went.

    calls : how often it was called.
    seconds : how long these calls took, all together.
    peak_bytes : the most memory that a call used beside arguments and results; None: the backend
        does not report it.
    nodes : for each node that was timed, how long it took and how often it ran.
    kernels : for each kernel that was timed, by name, what it did: of a backend that runs kernels
        of its own.
    """

    calls: int = 0
    seconds: float = 0.0
    peak_bytes: int | None = None
    nodes: dict[Apply, tuple[float, int]] = field(default_factory=dict[Apply, tuple[float, int]])
    kernels: dict[str, KernelTime] = field(default_factory=dict[str, KernelTime])

    def ran(self, name: str, seconds: float, moved: int, bandwidth: float | None = None) -> None:
        """Note that a kernel ran."""
        found = self.kernels.setdefault(name, KernelTime(bandwidth=bandwidth))
        found.seconds += seconds
        found.runs += 1
        found.moved += moved

    def timed(self, node: Apply, kernel: Kernel) -> Kernel:
        """Return ``kernel``, noting its time under ``node``."""

        def run(*arrays: Any) -> Any:
            start = perf_counter()
            result = kernel(*arrays)
            seconds, count = self.nodes.get(node, (0.0, 0))
            self.nodes[node] = seconds + perf_counter() - start, count + 1
            return result

        return run

    def summary(self, most: int = 20) -> str:
        """Return the totals, and tables of the nodes or kernels that took longest, if timed."""
        memory = "" if self.peak_bytes is None else f", {self.peak_bytes} bytes at most"
        lines = [f"{self.calls} calls, {self.seconds:.6f} s{memory}"]
        if self.nodes:
            lines.append("  seconds   share  runs  node")
        total = sum(seconds for seconds, _ in self.nodes.values()) or 1.0
        slowest = sorted(self.nodes.items(), key=lambda item: -item[1][0])[:most]
        for node, (seconds, count) in slowest:
            where = f"  {node.where}" if node.where else ""
            lines.append(f"{seconds:9.6f}  {seconds / total:5.1%}  {count:4d}  {node.op}{where}")
        return "\n".join([*lines, *self._kernel_lines(most)])

    def _kernel_lines(self, most: int) -> list[str]:
        """Return a table of the kernels that took longest."""
        if not self.kernels:
            return []
        total = sum(k.seconds for k in self.kernels.values()) or 1.0
        slowest = sorted(self.kernels.items(), key=lambda item: -item[1].seconds)[:most]
        lines = ["  seconds   share  runs      GB/s  of peak  kernel"]
        for name, k in slowest:
            peak = "" if not k.bandwidth else f"{k.rate / k.bandwidth:.1%}"
            lines.append(
                f"{k.seconds:9.6f}  {k.seconds / total:5.1%}  {k.runs:4d}  {k.rate / 1e9:8.1f}  "
                f"{peak:>7}  {name}"
            )
        return lines
