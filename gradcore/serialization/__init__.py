"""Functions in files: written as data, and read without running anything that a file says.

``save`` writes the graph that a function was compiled from, as JSON, and its arrays, as NumPy's
``.npy``; ``load`` builds the graph again through the ops' own checks, and compiles it.  The format
is in docs/serialization.md.

The decision: data, not pickles.  A pickle names functions to call; here a file can name nothing
but ops, so one from a stranger may give wrong numbers, and no more.  Rejected: msgpack, which is
smaller and cannot be read by eye; the graph that runs, which is of one machine and one version.

What reads and writes is imported when it is first used: most programs do neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from typing import Any

from gradcore.compile import Function
from gradcore.mode import Mode


def save(functions: Function | Mapping[str, Function], path: str | PathLike[str]) -> None:
    """Save a function, or several that share variables, in a file that `gradcore.load` reads.

    functions : one, or several by name: shared variables that they have in common stay common.
    path : of the file; one that is there is replaced once the new one is complete.

    The file says what the functions compute, the values of their shared variables and of inputs
    that have one, and the lines that built them (the names of files, without folders); it holds no
    code.  Raises GraphTypeError: there is something that is no data, such as a function of
    Python (as_op, a plugin's op that is not installed as one), nothing is written then; OSError.

    >>> import os, tempfile
    >>> import gradcore, gradcore.tensor as T
    >>> x, w = T.dvector("x"), gradcore.shared([1.0, 2.0], "w")
    >>> f = gradcore.function([x], T.dot(w, x))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gradcore.save(f, os.path.join(folder, "f.gc"))
    ...     g = gradcore.load(os.path.join(folder, "f.gc"))
    >>> g([3.0, 4.0])
    array(11.)
    """
    import_module("gradcore.serialization.functions").save(functions, path)


def load(path: str | PathLike[str], mode: Mode | str | None = None) -> Any:
    """Return what `gradcore.save` has saved in a file: a function, or a dict of several by name.

    path : of the file.
    mode : as for `gradcore.function`; the file names none.

    Loading compiles, which computes what is constant; nothing but ops is ever run.  So a file from
    a stranger can be wrong, and take memory and time, but not run code of its own.  Raises OSError;
    SerializationError: it is damaged, of a later version of the format, or has ops that are not
    known here; ModeError, UnavailableError, as ``function`` does.

    >>> import gradcore, gradcore.tensor as T
    >>> from tempfile import TemporaryDirectory
    >>> x = T.dvector("x")
    >>> with TemporaryDirectory() as folder:
    ...     gradcore.save(gradcore.function([x], T.exp(x)), f"{folder}/f")
    ...     f = gradcore.load(f"{folder}/f")
    >>> f([0.0])
    array([1.])
    """
    return import_module("gradcore.serialization.functions").load(path, mode)
