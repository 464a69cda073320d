"""The few settings of the package, and where they come from.

Settings are attributes of one object, ``config``.  They start from the environment variable
``GRADCORE_FLAGS`` (``"floatX=float32,mode=numpy"``) and change by assignment or, for the length
of a ``with`` block, by ``config.change_flags``.  There is no other global state that changes what
a graph means.  Rejected: a settings file; a program should say what it depends on.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from gradcore.dtypes import FLOATS
from gradcore.errors import choices

CHOICES: Mapping[str, tuple[str, ...]] = {
    "floatX": FLOATS[::-1],
    "on_unused_input": ("raise", "warn", "ignore"),
    "progress": ("auto", "off"),
    "nan": ("off", "raise"),
    "compute_test_value": ("off", "ignore", "warn", "raise"),
}

WHOLE = ("threads", "compile_timeout", "scan_memory_budget", "jacobian_memory_budget")
"""The settings that are whole numbers, from 0."""


class Config:
    """The settings.

    floatX : dtype of ``T.matrix()`` and of Python floats that meet no other float.
    mode : what ``function(..., mode=None)`` means; empty: the best backend that works here.
    on_unused_input : what ``function`` does with an input that no output needs.
    threads : how many threads a function compiled from now on may use; 0: ``OMP_NUM_THREADS``, or
        as many as there are processors for this process.
    progress : whether a compilation that takes more than two seconds shows a line on a terminal,
        which says what it is at: "auto", or "off".
    compile_timeout : after how many seconds a C compiler is stopped; 0: never.
    scan_memory_budget : how many bytes the gradient of a ``scan`` made from now on may store of its
        steps, unless its ``checkpoint`` says otherwise; 0: no limit.
    jacobian_memory_budget : how many bytes a ``jacobian`` or ``hessian`` made from now on may take
        for what it computes of rows (or columns) at once, unless its ``chunk_size`` says otherwise;
        0: no limit.
    compute_test_value : whether nodes are computed as they are built, of the test values of
        variables (``x.tag.test_value = ...``), so that what does not fit raises at its line:
        "off"; what is done where a variable has none: "ignore", "warn" or "raise".
    nan : "raise": functions compiled from now on raise, and name the node that made it, where a
        result or an update is NaN, as of ``Mode(guard="nan")``; else "off".

    >>> from gradcore import config
    >>> with config.change_flags(floatX="float32"):
    ...     config.floatX
    'float32'
    >>> config.floatX
    'float64'
    """

    floatX: str  # noqa: N815 - Theano's name
    mode: str
    on_unused_input: str
    progress: str
    threads: int
    compile_timeout: int
    scan_memory_budget: int
    jacobian_memory_budget: int
    compute_test_value: str
    nan: str

    def __init__(self, flags: str = "") -> None:
        self.floatX = "float64"
        self.mode = ""
        self.on_unused_input = "raise"
        self.progress = "auto"
        self.threads = 0
        self.compile_timeout = 1800
        self.scan_memory_budget = 0
        self.jacobian_memory_budget = 0
        self.compute_test_value = "off"
        self.nan = "off"
        for flag in filter(None, (part.strip() for part in flags.split(","))):
            name, _, value = flag.partition("=")
            setattr(self, name.strip(), value.strip())

    def __setattr__(self, name: str, value: str | int) -> None:
        """Set a setting after checking its name and value."""
        if name not in Config.__annotations__:
            known = choices(name, Config.__annotations__, "it has")
            raise AttributeError(f"config has no setting {name!r}; {known}")
        allowed = CHOICES.get(name)
        if allowed is not None and value not in allowed:
            raise ValueError(f"config.{name} must be one of {', '.join(allowed)}, not {value!r}")
        super().__setattr__(name, _whole(name, value) if name in WHOLE else value)

    @contextmanager
    def change_flags(self, **flags: str | int) -> Generator[None]:
        """Set ``flags`` for the length of a ``with`` block."""
        before = {name: getattr(self, name) for name in flags}
        try:
            for name, value in flags.items():
                setattr(self, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)


def _whole(name: str, value: str | int) -> int:
    """Return the value of a setting as a whole number."""
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0 or isinstance(value, float):
        raise ValueError(f"config.{name} must be a whole number from 0, not {value!r}")
    return number


config = Config(os.environ.get("GRADCORE_FLAGS", ""))
