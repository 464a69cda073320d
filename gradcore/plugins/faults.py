"""What a plugin raises, whatever it is, said in a line; a user's interrupt alone goes on.

The decision: a plugin is a stranger's code, so whatever it raises, also what is no `Exception` (a
``sys.exit`` at import, a class of its own), is the plugin's fault and disables it.  A
`KeyboardInterrupt` is the user's and goes on, with a note that names the plugin that was running
and says how to disable it: that is how an entry point that hangs is found.

Rejected: a time limit for imports.  Python cannot stop one in its own thread; in a second thread it
could be left behind only with a module half made and its lock held.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from gradcore.errors import GradcoreError, PluginError
from gradcore.plugins.sources import VARIABLE, Source


@contextmanager
def running(source: Source | None, failed: Callable[[str], object]) -> Generator[None]:
    """Run a plugin: what it raises is handed to ``failed``, in a line, and goes no further.

    source : where the plugin comes from, for whoever interrupts it.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if source is not None:
            interrupt.add_note(
                f"while gradcore loaded the plugin {source}{_from(source)}: "
                f"{VARIABLE}={source.name} in the environment disables it"
            )
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, the others must work
        failed(described(error))


@contextmanager
def faults(what: str) -> Generator[None]:
    """Make of what a plugin raises a PluginError that says ``what`` and why."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{what}: {described(error)}") from error


def described(error: BaseException) -> str:
    """Return what an exception says, in a line."""
    if isinstance(error, GradcoreError):
        return "; ".join(filter(None, (error.what, error.fix)))
    return f"{type(error).__name__}: {_said(error)}"


def _said(error: BaseException) -> str:
    """Return the message of an exception, whose class may be a plugin's."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a plugin's own
        return "it cannot say what"


def _from(source: Source) -> str:
    return f" from {source.place}" if source.place else ""
