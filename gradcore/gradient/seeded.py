"""Jacobians as loops over unit vectors, the seeds: by rows, as `Lop`, or by columns, as `Rop`.

A loop says of itself what the user says of it (`gradcore.ops.loop.Seeds`): rewriting decides how it
is computed (`gradcore.rewrite.jacobians`), within that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradcore.config import config
from gradcore.derive import direction_dtype, pushforward
from gradcore.errors import GraphValueError
from gradcore.gradient.arguments import (
    complain,
    disconnection,
    present,
    require_connection,
)
from gradcore.gradient.modes import grad
from gradcore.graph import Extent, Variable, here
from gradcore.graph.extents import product
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import whole_number
from gradcore.ops.loop import Seeds
from gradcore.scan.builder import LoopBuilder
from gradcore.tensor.creation import arange, zeros
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import inc_subtensor
from gradcore.tensor.shapes import flatten, reshape

MODES = ("auto", "forward", "reverse")


def seeds_of(mode: str, chunk_size: int | None, vectorize: bool) -> Seeds:
    """Return what a user says of the seeds of a derivative.  Raises GraphValueError."""
    if mode not in MODES:
        raise GraphValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}", here())
    at_once = 0 if chunk_size is None else whole_number(chunk_size)
    if at_once is None or (chunk_size is not None and at_once < 1):
        raise GraphValueError(f"a chunk_size is a whole number from 1, not {chunk_size!r}", here())
    if not vectorize:
        if at_once > 1:
            raise GraphValueError(
                f"chunk_size={chunk_size} is of rows that are computed at once; vectorize=False "
                "says one after the other",
                here(),
                "omit one of the two",
            )
        at_once = 1
    budget = 0 if at_once else config.jacobian_memory_budget
    return Seeds(at_once, budget, in_order=mode != "auto")


def by_rows(
    y: Variable,
    variables: Sequence[Variable],
    constants: Sequence[Variable],
    disconnected_inputs: str,
    seeds: Seeds,
) -> list[Variable]:
    """Return the Jacobians of ``y``, of rank 1 at least, a row for each of its elements."""
    elements = flatten(y)
    require_connection(disconnected_inputs, y, variables, constants)

    def row(i: Variable, *_used: Variable) -> list[Variable]:
        return grad(elements[i], variables, constants, disconnected_inputs)

    found = _looped(row, extents_of(elements)[0], [elements, *variables], seeds)
    if y.ndim == 1:
        return found
    pairs = zip(found, variables, strict=True)
    return [reshape(stack, (*extents_of(y), *extents_of(v))) for stack, v in pairs]


def by_columns(
    y: Variable,
    variables: Sequence[Variable],
    constants: Sequence[Variable],
    disconnected_inputs: str,
    seeds: Seeds,
) -> list[Variable]:
    """Return the Jacobians of ``y``, a column for each element of a variable."""
    found: list[Variable] = []
    for v in variables:
        columns = _columns(y, v, constants, disconnected_inputs, seeds)
        rows = columns.T if y.ndim else columns
        wanted = (*extents_of(y), *extents_of(v))
        whole = rows if rows.ndim == len(wanted) else reshape(rows, wanted)
        found.append(cast(whole, direction_dtype(v)))
    return found


def _columns(
    y: Variable,
    v: Variable,
    constants: Sequence[Variable],
    disconnected_inputs: str,
    seeds: Seeds,
) -> Variable:
    """Return the tangents of ``y``, flat, for each element of ``v``, stacked."""
    size, dtype = product(extents_of(v)), direction_dtype(v)

    def column(j: Variable, *_used: Variable) -> list[Variable]:
        unit = inc_subtensor(zeros((size,), dtype)[j], 1)
        tangent = unit if v.ndim == 1 else reshape(unit, extents_of(v))
        (moved,) = pushforward([y], [v], [tangent], frozenset(constants))
        if moved is None:
            complain(disconnected_inputs, disconnection([y], [v]))
        found = present(moved, y, "zero", "raise")
        return [flatten(found) if y.ndim > 1 else found]

    (stack,) = _looped(column, size, [y, v], seeds)
    return stack


def _looped(
    step: Callable[..., list[Variable]],
    count: Extent,
    used: Sequence[Variable],
    seeds: Seeds,
) -> list[Variable]:
    """Return what ``step`` gives for each of ``count`` seeds, stacked.

    used : what it is computed from.
    """
    loop = LoopBuilder(step, arange(count), None, list(used), None, False, False, None, True)
    return loop.build(-1, seeds=seeds)
