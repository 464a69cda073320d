"""Test values: nodes computed as they are built, so that what does not fit raises at its line.

``x.tag.test_value = array`` gives a variable one; with ``config.compute_test_value`` other than
"off" each node that is built gets those of its outputs.  Graphs that gradcore builds of variables
of its own (the steps of Jacobians, rewritten graphs) have none, which is no error.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcore.config import config
from gradcore.errors import GradcoreError, MissingInputError
from gradcore.graph.location import PACKAGE, here
from gradcore.graph.nodes import Apply, Constant, Variable
from gradcore.language import define, listed

OWN = tuple(
    f"{PACKAGE}/{room}"
    for room in (
        "gradient",
        "batching",
        "rewrite",
        "compile",
        "derive",
        "kernel",
        "optimize",
        "scan",
    )
)
"""Where gradcore builds graphs of variables of its own."""


def get_test_value(v: Any) -> Any:
    """Return the test value of a variable: of a constant its value, of a shared variable that.

    Raises MissingInputError: it has none; TypeError: it does not fit the type.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> x.tag.test_value = [1.0, 2.0]
    >>> with gradcore.config.change_flags(compute_test_value="raise"):
    ...     y = x + 1
    >>> gradcore.get_test_value(y)
    array([2., 3.])
    """
    if not isinstance(v, Variable):
        return v
    found = tagged_value(v)
    if found is None:
        raise MissingInputError(
            f"{v} has no test value", here(), f"give it one: {v.name or 'x'}.tag.test_value = ..."
        )
    return found


def tagged_value(v: Variable) -> Any:
    """Return the test value of a variable; None: it has none."""
    if isinstance(v, Constant):
        return v.data
    value = getattr(v.tag, "test_value", None)
    if value is None:
        read = getattr(v, "get_value", None)
        return None if read is None else read(borrow=True)
    return v.type.filter(value)


def compute_test_values(node: Apply) -> None:
    """Give the outputs of a node their test values, if the inputs have theirs.

    Raises what the node raises, and MissingInputError for a missing one, if settings say so.
    """
    values = [tagged_value(v) for v in node.inputs]
    for v, value in zip(node.inputs, values, strict=True):
        if value is None:
            _missing(v, node)
            return
    try:
        found: Any = node.op.kernel(node)(*values)
    except GradcoreError as error:
        error.where = error.where or node.where
        raise
    except Exception as error:
        pairs = zip(node.inputs, values, strict=True)
        shapes = ", ".join(f"{v} {np.shape(x)}" for v, x in pairs)
        error.add_note(
            f"computing the test value of {node.op}, of {shapes}\n  built at {node.where}"
        )
        raise
    for output, value in zip(
        node.outputs, found if len(node.outputs) > 1 else listed(found), strict=True
    ):
        output.tag.test_value = value


def _missing(v: Variable, node: Apply) -> None:
    """Do what settings say of a variable without a test value."""
    if config.compute_test_value == "ignore" or _is_own():
        return
    what = f"{v} has no test value, so that {node.op} cannot be computed as it is built"
    if config.compute_test_value == "warn":
        file, line, *_ = node.where or ("gradcore", 0, "")
        warnings.warn_explicit(what, UserWarning, file, line)
        return
    fix = f"give it one: {v.name or 'x'}.tag.test_value = ..."
    raise MissingInputError(what, node.where, fix)


def _is_own() -> bool:
    """Return whether gradcore builds the node for purposes of its own."""
    frame = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - CPython's own way
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE):
            return False
        if name.startswith(OWN):
            return True
        frame = frame.f_back
    return True


@contextmanager
def without_test_values() -> Generator[None]:
    """Compute no test values in a ``with`` block: what is built there is nobody's program."""
    before = config.compute_test_value
    if before != "off":
        config.compute_test_value = "off"
    try:
        yield
    finally:
        if before != "off":
            config.compute_test_value = before


define("compute_test_values", compute_test_values)
