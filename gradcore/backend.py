"""What a backend is: it says what it cannot do, and turns a graph into a function of arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeAlias

from gradcore.errors import UnavailableError
from gradcore.graph import Apply, FunctionGraph, Kernel

Executable: TypeAlias = Callable[..., Sequence[Any]]
"""A function of the values of a graph's inputs that returns those of its outputs.

The values it returns are the caller's own: they share no memory with its arguments, with each
other, or with what the next call returns.
"""


@dataclass
class Profile:
    """Where the time of a compiled function went.

    calls : how often it was called.
    seconds : how long these calls took, all together.
    nodes : for each node that was timed, how long it took and how often it ran.
    """

    calls: int = 0
    seconds: float = 0.0
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
        """Return a table of the nodes that took longest."""
        lines = [f"{self.calls} calls, {self.seconds:.6f} s", "  seconds   share  runs  node"]
        total = sum(seconds for seconds, _ in self.nodes.values()) or 1.0
        slowest = sorted(self.nodes.items(), key=lambda item: -item[1][0])[:most]
        for node, (seconds, count) in slowest:
            where = f"  {node.where}" if node.where else ""
            lines.append(f"{seconds:9.6f}  {seconds / total:5.1%}  {count:4d}  {node.op}{where}")
        return "\n".join(lines)


class Backend(ABC):
    """Something that runs graphs, found as a plugin by its ``name``."""

    name: str

    def unavailable(self) -> str | None:
        """Return why it cannot run here, or None if it can."""
        return None

    def missing(self, node: Apply) -> str | None:
        """Return why it cannot run ``node``, a sentence, or None if it can."""
        return None

    @abstractmethod
    def compile(self, graph: FunctionGraph, profile: Profile | None = None) -> Executable:
        """Return a function that runs ``graph`` on NumPy arrays.

        profile : where to note the time of each node, if that is wanted and possible.
        """


class Unavailable(Backend):
    """A backend that exists and cannot run here."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason

    def unavailable(self) -> str | None:
        """Return why."""
        return self.reason

    def compile(self, graph: FunctionGraph, profile: Profile | None = None) -> Executable:
        """Raise UnavailableError."""
        raise UnavailableError(f"the backend {self.name!r} cannot run here: {self.reason}")
