"""Where the time and the memory of a compiled function went, for those who look."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any

from gradcore.backend.records import Records


def _report(name: str) -> Any:
    """Return a function of `gradcore.backend.profile_report`, which is loaded by who looks."""
    return pkgutil.resolve_name(f"gradcore.backend.profile_report:{name}")


class Profile(Records):
    """Where the time of a compiled function went: `Records`, as text, numbers and a trace.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> f = gradcore.function([x], T.exp(x).sum(), mode="numpy", profile=True)
    >>> _ = f([1.0, 2.0])
    >>> [(node.op.label(), time.runs) for node, time in f.profile.nodes.items()]
    [('exp', 1), ('sum', 1)]
    """

    def __str__(self) -> str:
        """Return the tables: by line, by node or nest, memory, and compilation."""
        return self.summary()

    def summary(self, most: int = 20, width: int | None = None) -> str:
        """Return tables of where time and memory went.

        most : how many rows a table has, those that took longest.
        width : in how many columns they are to fit; None: those of the terminal.
        """
        return _report("text")(self, most, width)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as numbers, strings, lists and dicts, as JSON takes them."""
        return _report("as_dict")(self)

    def trace_events(self) -> dict[str, Any]:
        """Return the runs of nodes as Chrome's trace events, which Perfetto shows.

        Nests of generated code are added up: they are shown one after the other, by their totals.
        """
        return _report("trace_events")(self)

    def write_trace(self, path: str | Path) -> None:
        """Write the trace events into a file, for https://ui.perfetto.dev."""
        _report("write_trace")(self, path)
