"""The line on the terminal about a compilation that takes long."""

import io
import os
import pty
import subprocess
import sys
import threading
import time
from types import ModuleType

import pytest

import gradcore
import gradcore.tensor as T
from gradcore import config, progress
from gradcore.errors import MissingInputError
from gradcore.rewrite.engine import Stage

PROGRAM = """
import sys, time
from gradcore import progress
progress.AFTER, progress.EVERY = 0.05, 0.01
import gradcore, gradcore.tensor as T
from gradcore.rewrite.engine import Stage
x = T.dvector("x")
y = x
for _ in range(40):
    y = T.sin(y) * x
run = Stage.run
def slowly(self, *arguments):
    time.sleep(0.3)
    return run(self, *arguments)
Stage.run = slowly
f = gradcore.function([x], y, mode="numpy")
sys.stderr.write("END")
print(f([0.0])[0])
"""


def on_a_terminal(program, **environment):
    """Return what a process prints, and what it writes on the terminal that is its stderr."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", **environment}, text=True,
    )  # fmt: skip
    os.close(theirs)
    written = bytearray()
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:  # Linux, where the other end is closed
        pass
    os.close(ours)
    printed = process.communicate()[0]
    assert process.returncode == 0, written
    return printed, written.decode()


def test_a_long_compilation_says_what_it_is_at():
    printed, written = on_a_terminal(PROGRAM)
    shown, end, after = written.partition("END")
    assert "gradcore compiles: canonicalize, 80 nodes, 0 s" in shown
    assert "gradcore compiles: specialize, 80 nodes, 1 s" in shown
    assert shown.endswith("\x1b[2K") or "\x1b[2K" in shown[-12:]  # the line is gone
    assert end and not after and printed == "0.0\n"


def test_it_is_switched_off():
    assert on_a_terminal(PROGRAM, GRADCORE_FLAGS="progress=off") == ("0.0\n", "END")


def test_nothing_is_shown_where_there_is_no_terminal():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("0.0\n", "END")


class Terminal:
    """What looks like a terminal, and of which nobody reads what is written to it."""

    def isatty(self):
        return True

    def write(self, text):
        return len(text)

    def flush(self):
        pass


def ours():
    return [thread for thread in threading.enumerate() if thread.name == "gradcore-progress"]


def test_its_thread_ends_with_the_compilation(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    x, run, seen = T.dvector("x"), Stage.run, []

    def spied(self, *arguments):
        seen.append(len(ours()))
        return run(self, *arguments)

    monkeypatch.setattr(Stage, "run", spied)
    assert gradcore.function([x], x + 1, mode="numpy")([1, 2]).tolist() == [2, 3]
    assert set(seen) == {1} and not ours()
    with pytest.raises(MissingInputError):
        gradcore.function([], x + 1, mode="numpy")
    assert not ours()
    seen.clear()
    with config.change_flags(progress="off"):
        gradcore.function([x], x + 1, mode="numpy")
    assert set(seen) == {0}


def test_there_is_one_line(monkeypatch):
    """That of the outermost block, of the first thread that has one."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.compiling():
        (line,) = progress._lines.values()
        with progress.compiling():
            progress.stage("one", range(1234))
            assert line.stage == "one, 1,234 nodes" and len(ours()) == 1

        def other():
            with progress.compiling():
                progress.stage("two")

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert line.stage == "one, 1,234 nodes"
        progress.stage("three")
        assert line.stage == "three"
    assert not progress._lines


class Notebook:
    """What a kernel of Jupyter shows in a cell: ``IPython.display.display``, which notes it."""

    def __init__(self, monkeypatch):
        self.texts = []
        shell = ModuleType("IPython")
        shell.get_ipython = lambda: self
        shell.display = ModuleType("IPython.display")
        shell.display.display = self.display
        for name, module in (
            ("IPython", shell), ("IPython.display", shell.display),
            ("ipykernel", ModuleType("ipykernel")),
        ):  # fmt: skip
            monkeypatch.setitem(sys.modules, name, module)

    def display(self, bundle, raw, display_id):
        assert raw and display_id
        self.update(bundle, raw)
        return self

    def update(self, bundle, raw):
        self.texts.append(bundle["text/plain"])


def test_a_notebook_shows_the_line_in_its_cell(monkeypatch):
    notebook = Notebook(monkeypatch)
    monkeypatch.setattr(progress, "AFTER", 0.02)
    monkeypatch.setattr(progress, "EVERY", 0.01)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.compiling():
        progress.stage("canonicalize", range(1500))
        wait_for(lambda: len(notebook.texts) > 2)
    *shown, last = notebook.texts
    said = "gradcore compiles: canonicalize, 1,500 nodes, "
    assert last == "" and all(text.startswith(said) for text in shown)
    with config.change_flags(progress="off"), progress.compiling():
        assert not progress._lines
    with progress.compiling():  # short: nothing is shown
        pass
    assert notebook.texts == [*shown, last]


def test_a_file_shows_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.compiling():
        assert not progress._lines


def wait_for(happened):
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)
