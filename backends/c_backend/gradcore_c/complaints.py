"""What a C compiler complains of, as errors that say whose fault it is and what to do."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence

from gradcore.errors import CompileError

UNDECLARED = re.compile(r"(?:declaration of|undeclared(?: library)?) function [‘'`](\w+)[’']")
"""What gcc and clang say of a function that is declared nowhere."""


class UndeclaredError(CompileError):
    """Code calls a function that is declared nowhere.

    called : its name.
    """

    called: str = ""


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that says what is wrong, of a compiler's many."""
    lines = done.stderr.strip().splitlines()
    return next((line for line in lines if "error:" in line), lines[0] if lines else "no reason")


def blamed(command: Sequence[str], added: Sequence[str], why: str) -> str:
    """Return what to say of a compiler that does not take the user's flags."""
    return (
        f"{shlex.join(command)} does not take GRADCORE_CFLAGS="
        f"{shlex.join(added)!r}, which is to be corrected or unset: {why}"
    )


def refused(
    start: Sequence[str],
    end: Sequence[str],
    source: str,
    name: str,
    done: subprocess.CompletedProcess[str],
) -> CompileError:
    """Return what to raise for generated code that does not compile.

    start, end : of the command, before and after the file.
    name : what the code is, for messages.

    The source is saved in a file for a report.
    """
    label = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:40]
    handle, saved = tempfile.mkstemp(".c", f"gradcore-{label}-", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(source)
    ended = f"status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
    unknown = UNDECLARED.search(done.stderr)
    found = (CompileError if unknown is None else UndeclaredError)(
        f"the C compiler failed ({ended}) on the code of {name}:\n{done.stderr.strip()}",
        fix=f"the source is saved in {saved}; to see it fail again:\n"
        f"  {shlex.join((*start, saved, *end))}\n"
        "  please report this with the source: it is a bug of gradcore",
    )
    if unknown is not None and isinstance(found, UndeclaredError):
        found.called = unknown[1]
    return found
