"""What a long compilation, or a sum over chunks, is at: a line on the terminal, after two seconds.

    gradcore compiles: canonicalize, 131,072 nodes, 4 s
    gradcore sums: loss, pass 1 of 1 ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 250/1,000 chunks, 9 s

Those who take a graph further say so by `stage`; a thread, which does nothing for two seconds,
shows the line by ``rich``, or in a notebook as an output of the cell, and takes it away at the end.
Where standard error is neither (a file, a pipe) there is no thread and no line, nor with
``config.progress = "off"``.

So a profile knows how long each stage has taken, and each rule of rewriting (`StageTimes`).

The decision: the line is on standard error and vanishes, so that what a program prints is the same
with it and without.  Rejected: a bar for compilation, of which nobody knows how much is left.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Sized
from threading import Event, Thread, get_ident
from time import perf_counter
from typing import Any

from gradcore.config import config

AFTER = 2.0
"""For how many seconds nothing is shown."""

BAR = 20
"""How many characters a bar has."""

EVERY = 0.25
"""How many seconds pass until the line is written anew."""


class StageTimes:
    """How long the stages of a compilation have taken, and the rules of rewriting in them.

    stages : the seconds of each stage, in the order in which they began.
    rules : for each rule, the seconds in which it looked at nodes, but for those of rules that it
        asked for normal forms; and how many it looked at.
    """

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.rules: dict[str, tuple[float, int]] = {}
        self._stage: tuple[str, float] | None = None
        self._inner = 0.0

    def begin(self, name: str | None) -> None:
        """Note that the stage so far ends, and which begins; None: none does."""
        now = perf_counter()
        if self._stage is not None:
            before, start = self._stage
            self.stages[before] = self.stages.get(before, 0.0) + now - start
        self._stage = None if name is None else (name, now)

    def looked(self, rule: str, rewrite: Callable[[Any], Any], node: Any) -> Any:
        """Return what a rule makes of a node."""
        outer, self._inner = self._inner, 0.0
        start = perf_counter()
        try:
            return rewrite(node)
        finally:
            spent = perf_counter() - start
            seconds, count = self.rules.get(rule, (0.0, 0))
            self.rules[rule] = seconds + spent - self._inner, count + 1
            self._inner = outer + spent


class compiling:  # noqa: N801 - it reads as a word of the language
    """Show what this thread compiles in a ``with`` block, if nothing is shown yet.

    times : where to note how long it takes; None: nowhere.
    """

    __slots__ = ("line", "outer", "times")

    def __init__(self, times: StageTimes | None = None) -> None:
        self.times = times

    def __enter__(self) -> None:
        """Start to wait, where there is a terminal."""
        self.outer = _times.get(get_ident())
        if self.times is not None:
            _times[get_ident()] = self.times
        self.line: _Line | None = None
        if config.progress == "auto" and not _lines and (_in_terminal() or _in_notebook()):
            self.line = _lines[get_ident()] = _Line("gradcore compiles")

    def __exit__(self, *error: object) -> None:
        """Take the line away."""
        if self.times is not None:
            self.times.begin(None)
            del _times[get_ident()]
            if self.outer is not None:
                _times[get_ident()] = self.outer
        if self.line is not None:
            del _lines[get_ident()]
            self.line.end()


class counting:  # noqa: N801 - it reads as a word of the language
    """Show, from two seconds on, how many of some parts are done in a ``with`` block.

    text : what is done.
    count : how many parts there are; None: that is not known, and there is no bar.
    """

    __slots__ = ("count", "done", "line", "text")

    def __init__(self, text: str, count: int | None) -> None:
        self.text = text
        self.count = count
        self.done = 0

    def __enter__(self) -> Callable[[], None]:
        """Return what to call, from any thread, when a part is done."""
        self.line: _Line | None = None
        if config.progress == "auto" and (_in_terminal() or _in_notebook()):
            self.line = _Line("gradcore sums")
            self.line.stage = self._shown()
        return self._tick

    def _tick(self) -> None:
        self.done += 1
        if self.line is not None:
            self.line.stage = self._shown()

    def _shown(self) -> str:
        if self.count is None:
            return f"{self.text}, {self.done:,} chunks"
        full = BAR * self.done // max(self.count, 1)
        return f"{self.text} {full * '━'}{(BAR - full) * '╌'} {self.done:,}/{self.count:,} chunks"

    def __exit__(self, *error: object) -> None:
        """Take the line away."""
        if self.line is not None:
            self.line.end()


def stage(name: str, nodes: Sized | None = None) -> None:
    """Say what this thread starts to do; ``nodes``: those of the graph that it does it to.

    >>> times = StageTimes()
    >>> with compiling(times):
    ...     stage("lowering")
    ...     stage("printing")
    >>> list(times.stages)
    ['lowering', 'printing']
    """
    times = timed()
    if times is not None:
        times.begin(name)
    line = _lines.get(get_ident())
    if line is not None:
        line.stage = name if nodes is None else f"{name}, {len(nodes):,} nodes"


def timed() -> StageTimes | None:
    """Return where this thread notes how long it compiles, if it does."""
    return _times.get(get_ident()) if _times else None


class _Line:
    """A line that says what is being done, and at what it is."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.stage = "starts"
        self._start = perf_counter()
        self._ended = Event()
        self._thread = Thread(target=self._shown, name="gradcore-progress", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take it away, if it is there; return when it is gone."""
        self._ended.set()
        self._thread.join()

    def _shown(self) -> None:
        if self._ended.wait(AFTER):
            return
        if not _in_terminal():
            self._in_cell()
            return
        # Most processes never come here, and to import this takes as long as a small function.
        console = pkgutil.resolve_name("rich.console:Console")(stderr=True)
        live = pkgutil.resolve_name("rich.live:Live")
        with live(
            get_renderable=self._text, console=console, transient=True,
            auto_refresh=False, redirect_stdout=False, redirect_stderr=False,
        ) as shown:  # fmt: skip
            while not self._ended.wait(EVERY):
                shown.refresh()

    def _in_cell(self) -> None:
        """Show it as an output of a notebook's cell, which is empty in the end."""
        display: Any = pkgutil.resolve_name("IPython.display:display")
        shown = display({"text/plain": self._words()}, raw=True, display_id=True)
        while not self._ended.wait(EVERY):
            shown.update({"text/plain": self._words()}, raw=True)
        shown.update({"text/plain": ""}, raw=True)

    def _words(self) -> str:
        return f"{self.what}: {self.stage}, {perf_counter() - self._start:.0f} s"

    def _text(self) -> Any:
        text: Any = pkgutil.resolve_name("rich.text:Text")
        return text(self._words(), no_wrap=True, overflow="ellipsis")


def _in_terminal() -> bool:
    return bool(sys.stderr and sys.stderr.isatty())


def _in_notebook() -> bool:
    """Return whether a kernel of Jupyter runs this process, whose outputs are those of cells."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return "ipykernel" in sys.modules and shell is not None and shell() is not None


_lines: dict[int, _Line] = {}
"""The line that may be shown, by the thread that it is about."""

_times: dict[int, StageTimes] = {}
"""Where threads note how long they compile."""
