"""What was noted of a compiled function as tables for a terminal, as JSON, and as a trace."""

from __future__ import annotations

import functools
import io
import json
import linecache
import pkgutil
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from gradcore.backend.profile_memory import MemoryUse, memory
from gradcore.backend.records import Records
from gradcore.errors import Location
from gradcore.graph import Apply

COPIED = 2**25
"""How many bytes are copied to measure what memory can do: more than caches hold."""


@functools.cache
def memory_bandwidth() -> float:
    """Return how many bytes a second one thread reads and writes here, measured once, in 50 ms."""
    source = np.ones(COPIED // 8)
    target = np.zeros_like(source)
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        np.copyto(target, source)
        best = min(best, perf_counter() - start)
    return 2 * COPIED / best


@dataclass
class Line:
    """What the nodes took that a line of the user's program built.

    file, line : which; no file: what no line of a user's has built.
    forward, derivative : the seconds of its own nodes, and of those of derivatives through them.
    moved : the bytes that both read and wrote.
    """

    file: str
    line: int
    forward: float = 0.0
    derivative: float = 0.0
    moved: float = 0.0

    @property
    def seconds(self) -> float:
        """The seconds of both."""
        return self.forward + self.derivative

    @property
    def text(self) -> str:
        """What stands there."""
        return linecache.getline(self.file, self.line).strip() if self.file else ""


def is_derivative(where: Location | None) -> bool:
    """Return whether what a line built is part of a derivative."""
    return where is not None and bool(where.derivative)


def by_line(records: Records) -> list[Line]:
    """Return what each line took, the longest first.

    A nest of nodes of several lines is shared among them by their numbers of nodes.
    """
    lines: dict[tuple[str, int], Line] = {}
    for where, seconds, moved in _parts(records):
        key = ("", 0) if where is None else (where.file, where.line)
        line = lines.setdefault(key, Line(*key))
        if is_derivative(where):
            line.derivative += seconds
        else:
            line.forward += seconds
        line.moved += moved
    return sorted(lines.values(), key=lambda line: -line.seconds)


def _parts(records: Records) -> Iterator[tuple[Location | None, float, float]]:
    """Yield lines with seconds and bytes."""
    for node, time in records.nodes.items():
        yield node.where, time.own, time.moved
    for nest in (*records.nests, *records.kernels.values()):
        for node in nest.nodes:
            yield node.where, nest.seconds / len(nest.nodes), nest.moved / len(nest.nodes)
        if not nest.nodes:
            yield None, nest.seconds, nest.moved


# tables -----------------------------------------------------------------------------------------
@dataclass
class Table:
    """A table for a terminal.

    title : the line above it.
    numbers : the names of its columns of numbers, which come first.
    texts : the names of its columns of texts, which are cut where the terminal is too narrow.
    rows : its cells.
    """

    title: str
    numbers: Sequence[str]
    texts: Sequence[str]
    rows: list[tuple[str, ...]]

    def widths(self, columns: int) -> list[int]:
        """Return how wide its columns are: numbers as they need, texts in what is left."""
        names = (*self.numbers, *self.texts)
        wanted = [max(map(len, cells)) for cells in zip(names, *self.rows, strict=True)]
        left = columns - sum(wanted[: len(self.numbers)]) - 2 * (len(names) - 1)
        for k in range(len(self.numbers), len(names)):
            share = max(left // (len(names) - k), len(names[k]))
            wanted[k] = min(wanted[k], share)
            left -= wanted[k]
        return wanted

    def shown(self, columns: int) -> Any:
        """Return it as rich shows it."""
        plain = {"box": None, "pad_edge": False, "padding": (0, 2, 0, 0)}
        table = pkgutil.resolve_name("rich.table:Table")(**plain)
        as_text = pkgutil.resolve_name("rich.text:Text")
        for k, (name, width) in enumerate(
            zip((*self.numbers, *self.texts), self.widths(columns), strict=True)
        ):
            side = "right" if k < len(self.numbers) else "left"
            table.add_column(name, justify=side, width=width, no_wrap=True, overflow="ellipsis")
        for row in self.rows:
            table.add_row(*map(as_text, row))
        return table


def text(records: Records, most: int, width: int | None) -> str:
    """Return tables that fit ``width`` columns (None: those of the terminal)."""
    columns = shutil.get_terminal_size((100, 24)).columns if width is None else width
    into = io.StringIO()
    console: Any = pkgutil.resolve_name("rich.console:Console")(
        file=into, width=columns, color_system=None
    )
    console.out(_header(records), highlight=False)
    for table in _tables(records, most):
        console.out(f"\n{table.title}", highlight=False)
        console.print(table.shown(columns))
    return "\n".join(line.rstrip() for line in into.getvalue().splitlines())


def _header(records: Records) -> str:
    peak = "" if records.peak_bytes is None else f", {records.peak_bytes:,} bytes at most"
    compiled = sum(records.compiling.stages.values())
    made = f"; compiled in {compiled:.3f} s" if compiled else ""
    return f"{records.calls} calls, {records.seconds:.6f} s{peak}{made}"


def _tables(records: Records, most: int) -> Iterator[Table]:
    """Yield the tables that have rows."""
    used = memory(records)
    for table in (
        _line_table(by_line(records), most),
        _node_table(records, most),
        _nest_table(records, most),
        _kernel_table(records, most),
        *([] if used is None else [_memory_table(used, most), _time_table(used, most)]),
        _stage_table(records, most),
        _rule_table(records, most),
    ):
        if table.rows:
            yield table


def _line_table(lines: Sequence[Line], most: int) -> Table:
    total = sum(line.seconds for line in lines) or 1.0
    rows = [
        (
            f"{line.seconds:.6f}", f"{line.seconds / total:.1%}", f"{line.forward:.6f}",
            f"{line.derivative:.6f}", f"{line.moved / 1e6:.2f}",
            f"{Path(line.file).name}:{line.line}" if line.file else "", line.text,
        )
        for line in lines[:most]
    ]  # fmt: skip
    numbers = ("seconds", "share", "forward", "derivative", "MB")
    return Table("by line of the program", numbers, ("line", "text"), rows)


NUMBERS = ("seconds", "share", "runs", "MB", "of peak")


def _node_table(records: Records, most: int) -> Table:
    total = sum(time.own for time in records.nodes.values()) or 1.0
    rows = [
        (
            f"{time.own:.6f}", f"{time.own / total:.1%}", str(time.runs),
            f"{time.moved / 1e6:.2f}", _of_peak(time.moved, time.own), str(node.op),
            _short(node.where),
        )
        for node, time in sorted(records.nodes.items(), key=lambda item: -item[1].own)[:most]
    ]  # fmt: skip
    return Table("by node", NUMBERS, ("node", "line"), rows)


def _lines_of(nodes: Sequence[Apply]) -> str:
    return ", ".join(dict.fromkeys(_short(n.where) for n in nodes if n.where))


def _nest_table(records: Records, most: int) -> Table:
    total = sum(nest.seconds for nest in records.nests) or 1.0
    rows = [
        (
            f"{nest.seconds:.6f}", f"{nest.seconds / total:.1%}", str(nest.runs),
            f"{nest.moved / 1e6:.2f}", _of_peak(nest.moved, nest.seconds), nest.label,
            _lines_of(nest.nodes),
        )
        for nest in sorted(records.nests, key=lambda nest: -nest.seconds)[:most]
    ]  # fmt: skip
    return Table("by nest of loops", NUMBERS, ("ops", "lines"), rows)


def _kernel_table(records: Records, most: int) -> Table:
    total = sum(k.seconds for k in records.kernels.values()) or 1.0
    slowest = sorted(records.kernels.items(), key=lambda item: -item[1].seconds)[:most]
    rows = [
        (
            f"{k.seconds:.6f}", f"{k.seconds / total:.1%}", str(k.runs), f"{k.rate / 1e9:.1f}",
            f"{k.rate / k.bandwidth:.1%}" if k.bandwidth else "", name, _lines_of(k.nodes),
        )
        for name, k in slowest
    ]  # fmt: skip
    numbers = ("seconds", "share", "runs", "GB/s", "of peak")
    return Table("by kernel", numbers, ("kernel", "lines"), rows)


def _memory_table(used: MemoryUse, most: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for size, nodes in used.alive[:most]:
        where = next((node.where for node in nodes if node.where), None)
        rows.append((f"{size:,}", f"{size / (used.peak or 1):.1%}", _labels(nodes), _short(where)))
    title = f"memory: {used.peak:,} bytes at the peak, of which"
    return Table(title, ("bytes", "share"), ("holds", "line"), rows)


def _time_table(used: MemoryUse, most: int) -> Table:
    """Return a table of the times when most memory is in use, in turn."""
    turns = sorted(range(len(used.over_time)), key=lambda k: -used.over_time[k][1])
    chosen = sorted(turns[: max(most // 2, 1)])
    rows: list[tuple[str, ...]] = []
    for k in chosen:
        nodes, size = used.over_time[k]
        where = next((node.where for node in nodes if node.where), None)
        share = f"{size / (used.peak or 1):.1%}"
        rows.append((str(k), f"{size:,}", share, _labels(nodes), _short(where)))
    title = "memory in use over time, in turn"
    return Table(title, ("turn", "bytes", "of peak"), ("after", "line"), rows)


def _labels(nodes: Sequence[Apply]) -> str:
    return ", ".join(dict.fromkeys(node.op.label() for node in nodes)) or "(sizes)"


def _stage_table(records: Records, most: int) -> Table:
    stages = records.compiling.stages
    total = sum(stages.values()) or 1.0
    rows = [
        (f"{seconds:.6f}", f"{seconds / total:.1%}", name)
        for name, seconds in sorted(stages.items(), key=lambda item: -item[1])[: max(most // 2, 1)]
    ]
    return Table("compilation, by stage", ("seconds", "share"), ("stage",), rows)


def _rule_table(records: Records, most: int) -> Table:
    rules = sorted(records.compiling.rules.items(), key=lambda item: -item[1][0])
    rows = [
        (f"{seconds:.6f}", str(looked), str(records.fired.get(name, 0)), name)
        for name, (seconds, looked) in rules[: max(most // 2, 1)]
    ]
    return Table("compilation, by rule", ("seconds", "looked at", "fired"), ("rule",), rows)


def _of_peak(moved: int, seconds: float) -> str:
    share = share_of_peak(moved, seconds)
    return "" if share is None else f"{share:.0%}"


def share_of_peak(moved: int, seconds: float) -> float | None:
    """Return bytes a second as a share of `memory_bandwidth`; None: there are none.

    It may be more than 1, of arrays that are in the caches, or of several threads.
    """
    return moved / seconds / memory_bandwidth() if moved and seconds else None


def _short(where: Location | None) -> str:
    if where is None:
        return ""
    of = f" d({where.derivative[-1]})" if where.derivative else ""
    return f"{Path(where.file).name}:{where.line}{of}"


# JSON -------------------------------------------------------------------------------------------
def as_dict(records: Records) -> dict[str, Any]:
    """Return all that was noted, as JSON takes it."""
    used = memory(records)
    return {
        "calls": records.calls,
        "seconds": records.seconds,
        "peak_bytes": records.peak_bytes,
        "lines": [
            {
                "file": line.file, "line": line.line, "text": line.text,
                "forward_seconds": line.forward, "derivative_seconds": line.derivative,
                "bytes": line.moved,
            }
            for line in by_line(records)
        ],
        "nodes": [
            {
                "op": str(node.op), **_place(node.where), "seconds": time.seconds,
                "own_seconds": time.own, "runs": time.runs, "bytes": time.moved,
                "share_of_peak": share_of_peak(time.moved, time.own),
            }
            for node, time in records.nodes.items()
        ],
        "nests": [
            {
                "nodes": [{"op": str(node.op), **_place(node.where)} for node in nest.nodes],
                "seconds": nest.seconds, "runs": nest.runs, "bytes": nest.moved,
                "share_of_peak": share_of_peak(nest.moved, nest.seconds),
            }
            for nest in records.nests
        ],
        "kernels": [
            {
                "name": name, "seconds": k.seconds, "runs": k.runs, "bytes": k.moved,
                "nodes": [{"op": str(node.op), **_place(node.where)} for node in k.nodes],
                "share_of_peak": k.rate / k.bandwidth if k.bandwidth else None,
            }
            for name, k in records.kernels.items()
        ],
        "memory": None if used is None else _used(used),
        "compilation": {
            "stages": dict(records.compiling.stages),
            "rules": [
                {
                    "rule": name, "seconds": seconds, "looked_at": looked,
                    "fired": records.fired.get(name, 0),
                }
                for name, (seconds, looked) in records.compiling.rules.items()
            ],
        },
    }  # fmt: skip


def _place(where: Location | None) -> Mapping[str, Any]:
    if where is None:
        return {"file": "", "line": 0, "derivative": []}
    return {"file": where.file, "line": where.line, "derivative": list(where.derivative)}


def _used(used: MemoryUse) -> Mapping[str, Any]:
    return {
        "peak_bytes": used.peak,
        "alive": [
            {
                "bytes": size,
                "nodes": [{"op": str(node.op), **_place(node.where)} for node in nodes],
            }
            for size, nodes in used.alive
        ],
        "over_time": [
            {"nodes": [{"op": str(node.op), **_place(node.where)} for node in nodes], "bytes": n}
            for nodes, n in used.over_time
        ],
    }


# traces -----------------------------------------------------------------------------------------
@dataclass
class Span:
    """Something that took a time: what, of which lines, from when on, and how long."""

    name: str
    lines: Sequence[Location | None]
    start: float
    seconds: float

    def event(self, row: int) -> dict[str, Any]:
        """Return it as an event of a row."""
        kinds = {"derivative" if is_derivative(where) else "forward" for where in self.lines}
        return {
            "name": self.name, "ph": "X", "pid": 1, "tid": row, "ts": self.start * 1e6,
            "dur": self.seconds * 1e6, "cat": ",".join(sorted(kinds)),
            "args": {"lines": [str(where) for where in dict.fromkeys(self.lines) if where]},
        }  # fmt: skip


def trace_events(records: Records) -> dict[str, Any]:
    """Return Chrome's trace events: rows for nodes, nests, kernels, and stages of compilation."""
    first = min((start for _, start, _ in records.events), default=0.0)
    rows = {
        "nodes": [
            Span(node.op.label(), [node.where], start - first, seconds)
            for node, start, seconds in records.events
        ],
        "nests, added up": _in_turn(
            (nest.label, [node.where for node in nest.nodes], nest.seconds)
            for nest in records.nests
        ),
        "kernels, added up": _in_turn(
            (name, [node.where for node in k.nodes], k.seconds)
            for name, k in records.kernels.items()
        ),
        "compilation": _in_turn((name, [], n) for name, n in records.compiling.stages.items()),
    }
    found: list[dict[str, Any]] = []
    for row, (title, spans) in enumerate(rows.items(), 1):
        if spans:
            said = {"name": "thread_name", "ph": "M", "pid": 1, "tid": row, "args": {"name": title}}
            found += [said, *(span.event(row) for span in spans)]
    found += _counted(records, rows["nests, added up"], first)
    return {"traceEvents": found, "displayTimeUnit": "ms"}


def _counted(records: Records, nests: Sequence[Span], first: float) -> Iterator[dict[str, Any]]:
    """Yield what shows the memory in use as a curve: when a node or a nest has run."""
    used = memory(records)
    if used is None:
        return
    after = dict(used.over_time)
    ends = [(start - first + n, after.get((node,))) for node, start, n in records.events]
    for nest, there in records.in_use:
        span = nests[next(k for k, other in enumerate(records.nests) if other is nest)]
        ends.append((span.start + span.seconds, sum(block.size for block in there)))
    for end, size in ends:
        if size is not None:
            yield {
                "name": "memory in use", "ph": "C", "pid": 1, "ts": end * 1e6,
                "args": {"bytes": size},
            }  # fmt: skip


def _in_turn(given: Iterable[tuple[str, Sequence[Location | None], float]]) -> list[Span]:
    """Return what took so long as if one had come after the other."""
    found: list[Span] = []
    start = 0.0
    for name, lines, seconds in given:
        found.append(Span(name, lines, start, seconds))
        start += seconds
    return found


def write_trace(records: Records, path: str | Path) -> None:
    """Write the trace events into a file."""
    Path(path).write_text(json.dumps(trace_events(records)))
