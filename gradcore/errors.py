"""Every error gradcore raises: what went wrong, where, and what to do about it.

One decision shaped this module: an error carries its three parts separately (``what``, ``where``,
``fix``), so that a message is put together in one place and a caller can read the parts.  Each
class also is the builtin exception that a NumPy or Theano user would catch (``TypeError``,
``ValueError`` ...).  Rejected: one class with an error code, which nobody can catch usefully.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import numpy as np


class Location(NamedTuple):
    """A line of a user's program.

    derivative : of which op that the line built this belongs to the derivative, if to any; of a
        derivative of a derivative, that of the inner one comes first.
    """

    file: str
    line: int
    function: str
    derivative: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return ``file:line, in function``, as a traceback would, and the derivative."""
        of = "".join(f", in the derivative of {op}" for op in reversed(self.derivative))
        return f"{self.file}:{self.line}, in {self.function}{of}"


def choices(given: object, listed: Iterable[str], what: str, more: Iterable[str] = ()) -> str:
    """Return what to do about a name that is not known: which is nearest, and which there are.

    listed : the names that the message shows.
    what : what they are.
    more : names that may be meant as well, and are too many to list.

    >>> choices("Tortch", ["jax", "torch"], "installed")
    "did you mean 'torch'?  installed: jax, torch"
    """
    names = sorted(set(listed))
    alike = {name.casefold(): name for name in (*names, *more)}
    near = difflib.get_close_matches(str(given).casefold(), alike, 1)
    listing = f"{what}: {', '.join(names) or 'none'}"
    return f"did you mean {alike[near[0]]!r}?  {listing}" if near else listing


def no_attribute(
    module: str, names: Mapping[str, Any], absent: Mapping[str, str] | None = None
) -> Callable[[str], NoReturn]:
    """Return a ``__getattr__`` for a module, which says what is nearest to a name it has not.

    names : what it has: its ``globals()``.  Modules among them with such a ``__getattr__`` are
        looked into, too.
    absent : why it has not names that might be expected, and what to take instead.

    >>> no_attribute("here", {"solve": 1})("slove")
    Traceback (most recent call last):
    AttributeError: module 'here' has no attribute 'slove'; did you mean 'solve'?
    """

    def missing(name: str) -> NoReturn:
        if absent and name in absent:
            raise AttributeError(f"module {module!r} has no attribute {name!r}: {absent[name]}")
        known = {public: public for public in names if not public.startswith("_")}
        for place, found in list(names.items()):
            if isinstance(found, ModuleType) and "__getattr__" in vars(found):
                known = {inner: f"{place}.{inner}" for inner in vars(found)} | known
        near = difflib.get_close_matches(name, known, 1)
        fix = f"; did you mean {known[near[0]]!r}?" if near else ""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{fix}")

    return missing


class GradcoreError(Exception):
    """The base of all errors raised here.

    what : one sentence that names the culprit.
    where : the user's line that built it, if known.
    fix : what to do.
    node : the node that was computing, if it was raised while a function ran.
    """

    node: Any = None

    def __init__(self, what: str, where: Location | None = None, fix: str | None = None) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Return the parts that are known, a line each."""
        lines = [self.what]
        if self.where is not None:
            lines.append(f"  built at {self.where}")
        if self.fix is not None:
            lines.append(f"  {self.fix}")
        return "\n".join(lines)


class GraphTypeError(GradcoreError, TypeError):
    """An operand has a dtype, rank or kind that an op does not take."""


class GraphValueError(GradcoreError, ValueError):
    """A parameter of an op has a value that it does not take."""


class GraphIndexError(GradcoreError, IndexError):
    """An index does not fit the tensor that it is applied to."""


class ShapeError(GradcoreError, ValueError):
    """Extents that must agree do not."""


class ArraySizeError(GradcoreError, ValueError, MemoryError):
    """An array would have more elements than any memory has; nothing was computed of it."""


class NotScalarError(GradcoreError, TypeError):
    """The cost handed to ``grad`` is not a scalar."""


class DisconnectedInputError(GradcoreError, ValueError):
    """A derivative is asked for with respect to a variable that the result does not depend on."""


class NotDifferentiableError(GradcoreError, TypeError):
    """A derivative is asked for through an op that has none."""


class EvaluationPointError(GradcoreError, ValueError):
    """A point of evaluation of ``Lop`` or ``Rop`` does not have the shape it must have."""


class LinAlgError(GradcoreError, np.linalg.LinAlgError):
    """A matrix has no inverse, factor or decomposition of the kind that is asked for."""


class ScanError(GradcoreError, ValueError):
    """The arguments of ``scan`` do not fit one another, or the data they are run on."""


UNFIT = (GraphValueError, GraphIndexError, ShapeError, ArraySizeError, ScanError)
"""What an op raises where extents or values that are known do not fit, as a node of it is made."""


class ArgumentError(GradcoreError, TypeError):
    """An argument of a compiled function does not fit its variable."""


class MissingInputError(GradcoreError, ValueError):
    """A graph needs a variable that is not among the inputs of the function."""


class UnusedInputError(GradcoreError, ValueError):
    """A function has an input that none of its outputs needs."""


class AssertionFailedError(GradcoreError, AssertionError):
    """A condition given to ``assert_op`` is false."""


class GradientMismatchError(GradcoreError, AssertionError):
    """``verify_grad`` found a derivative that differs from differences of the function."""


class ModeError(GradcoreError, ValueError):
    """A mode names a backend or an optimizer that does not exist."""


class UnavailableError(GradcoreError, RuntimeError):
    """A backend exists and cannot run here."""


class DeviceError(GradcoreError, RuntimeError):
    """A device has failed while it ran."""


class OutOfMemoryError(GradcoreError, MemoryError):
    """There is not as much memory, of this machine or of a device, as a function needs."""


class UnavailableWarning(UserWarning):
    """The backend that would be taken cannot run here, and a slower one runs in its place."""


class UnsupportedError(GradcoreError, NotImplementedError):
    """Something asked for is not supported (by this backend, or yet).

    reasons : what is missing, a sentence each.
    """

    def __init__(
        self,
        what: str,
        where: Location | None = None,
        fix: str | None = None,
        reasons: Iterable[str] = (),
    ) -> None:
        super().__init__(what, where, fix)
        self.reasons = tuple(dict.fromkeys(reasons)) or (what,)


class CacheError(GradcoreError, OSError):
    """The folder of compiled code cannot be used."""


class SerializationError(GradcoreError, ValueError):
    """A file is damaged, or holds no functions, or something that is not known here."""


class CompileError(GradcoreError, RuntimeError):
    """A compiler refuses generated code: a bug of what generated it."""


class PluginError(GradcoreError, RuntimeError):
    """A plugin breaks its contract or contradicts another."""


class PluginWarning(UserWarning):
    """A plugin is omitted, or a backend is, because a plugin breaks its contract."""


class AbsentNameError(GradcoreError, AttributeError):
    """A name of a package whose place gradcore takes is used, and has nothing behind it here."""


class AlreadyImportedError(GradcoreError, ImportError):
    """A package whose place gradcore is to take is imported already, and is the real one."""


class NonFiniteError(GradcoreError, FloatingPointError):
    """A result has a NaN, an infinity or a huge value, and a mode makes that an error."""


class RewriteError(GradcoreError, RuntimeError):
    """A rewrite rule breaks its contract: a bug of the rule."""


class DebugModeError(GradcoreError, AssertionError):
    """A graph gives another result when it is rewritten: a bug of a rule."""
