"""Where the time of a compiled function went."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from gradcore.graph import Apply, Kernel


@dataclass
class Profile:
    """Where the time of a compiled function went.

    calls : how often it was called.
    seconds : how long these calls took, all together.
    peak_bytes : the most memory that a call used beside arguments and results; None: the backend
        does not tell.
    nodes : for each node that was timed, how long it took and how often it ran.
    """

    calls: int = 0
    seconds: float = 0.0
    peak_bytes: int | None = None
    nodes: dict[Apply, tuple[float, int]] = field(default_factory=dict[Apply, tuple[float, int]])

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
        """Return the totals and, where nodes were timed, a table of those that took longest."""
        memory = "" if self.peak_bytes is None else f", {self.peak_bytes} bytes at most"
        lines = [f"{self.calls} calls, {self.seconds:.6f} s{memory}"]
        if self.nodes:
            lines.append("  seconds   share  runs  node")
        total = sum(seconds for seconds, _ in self.nodes.values()) or 1.0
        slowest = sorted(self.nodes.items(), key=lambda item: -item[1][0])[:most]
        for node, (seconds, count) in slowest:
            where = f"  {node.where}" if node.where else ""
            lines.append(f"{seconds:9.6f}  {seconds / total:5.1%}  {count:4d}  {node.op}{where}")
        return "\n".join(lines)
