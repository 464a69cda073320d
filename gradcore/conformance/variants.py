"""Samples with other extents and values: what a compiled function must take, or refuse, next.

A *site* is a place where an integer of a sample may be another: an extent of an operand, or the
operand itself, if it is an integer, a truth value or a vector of indices.  Which sites go together
(the inner extents of a product) is declared nowhere: the reference is asked what it accepts.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gradcore.conformance.samples import drawn
from gradcore.graph import Apply, Array
from gradcore.graph.op import Arg, Sample

LENGTHS = (33, 65, 1025, 100_003)
"""Extents past the width of a vector, a warp, a block and a tile; no multiple of any."""

LARGEST = 1_100_000
"""How many elements the operands of a call may have together."""

LARGEST_BY_NORM = 10_000
"""The same of ops ``by_norm``, which take many operations an element."""

FAR = 100
"""Out of the bounds of every sample."""


@dataclass(frozen=True)
class Site:
    """The extent of an operand at an axis, or (None) the value of an integer operand."""

    operand: int
    axis: int | None

    def of(self, sample: Sample) -> int:
        """Return the integer that is there."""
        arg = sample.operands[self.operand]
        return int(arg.value) if self.axis is None else arg.shape[self.axis]


def extents(sample: Sample) -> list[Site]:
    """Return the sites of the extents that a type does not know: those that are not 1."""
    return [
        Site(i, axis)
        for i, arg in enumerate(sample.operands)
        for axis, n in enumerate(arg.shape if arg.value is None else ())
        if n != 1
    ]


def integers(sample: Sample) -> list[Site]:
    """Return the sites of the operands that are integers."""
    return [
        Site(i, None)
        for i, arg in enumerate(sample.operands)
        if arg.value is not None and np.asarray(arg.value).dtype.kind == "i" and not _ndim(arg)
    ]


def _ndim(arg: Arg) -> int:
    return np.ndim(arg.value)


def _holds(sample: Sample, sites: Sequence[Site], n: int) -> bool:
    """Return whether ``n`` is of the dtypes of the operands at these sites."""
    values = (np.asarray(sample.operands[s.operand].value) for s in sites if s.axis is None)
    return all(np.iinfo(v.dtype).min <= n <= np.iinfo(v.dtype).max for v in values)


def changed(sample: Sample, sites: Sequence[Site], n: int) -> Sample:
    """Return a sample with ``n`` at all of these sites."""
    operands = list(sample.operands)
    for site in sites:
        arg = operands[site.operand]
        if site.axis is None:
            dtype = np.asarray(arg.value).dtype
            operands[site.operand] = replace(arg, value=np.asarray(n, dtype))
        else:
            shape = (*arg.shape[: site.axis], n, *arg.shape[site.axis + 1 :])
            operands[site.operand] = replace(arg, shape=shape)
    return Sample(sample.op, tuple(operands))


class Reference:
    """What the reference makes of variants of a sample, for a node that knows their extents not.

    dtype : what "float" means.
    """

    def __init__(self, node: Apply, dtype: str) -> None:
        self._kernel = node.op.kernel(node)
        self._dtype = dtype

    def refusal(self, sample: Sample) -> Exception | None:
        """Return what the reference raises for a sample, or None."""
        return refusal(self._kernel, drawn(sample, self._dtype))

    def accepts(self, sample: Sample) -> bool:
        """Return whether the reference takes a sample."""
        return self.refusal(sample) is None


def refusal(run: Callable[..., object], arrays: Sequence[Array]) -> Exception | None:
    """Return what a function raises for these arrays, or None."""
    try:
        with (
            np.errstate(all="ignore"),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            run(*arrays)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return error
    return None


# accepted ---------------------------------------------------------------------------------------
def linked(sample: Sample, sites: Sequence[Site], reference: Reference) -> list[tuple[Site, ...]]:
    """Return which of ``sites`` may change: each alone, or else with all that are equal to it."""
    found: dict[tuple[Site, ...], None] = {}
    for site in sites:
        n = site.of(sample)
        alike = tuple(other for other in sites if other.of(sample) == n)
        for group in ((site,), alike):
            if reference.accepts(changed(sample, group, n + 2)):
                found[group] = None
                break
    return list(found)


def grown(sample: Sample, reference: Reference, by: int = 2) -> Sample:
    """Return a sample with every extent longer that may be, all of them together."""
    for group in linked(sample, extents(sample), reference):
        longer = changed(sample, group, group[0].of(sample) + by)
        if reference.accepts(longer):
            sample = longer
    return sample


def long(
    sample: Sample, reference: Reference, lengths: Sequence[int] = LENGTHS
) -> Iterator[Sample]:
    """Yield samples with one extent long, or those that go together."""
    for group in linked(sample, [*extents(sample), *integers(sample)], reference):
        for n in lengths:
            if not _holds(sample, group, n):
                continue
            longer = changed(sample, group, n)
            size = sum(int(np.prod(arg.shape)) for arg in longer.operands)
            most = LARGEST_BY_NORM if sample.op.by_norm else LARGEST
            if size <= most and reference.accepts(longer):
                yield longer


def short(sample: Sample, reference: Reference) -> Iterator[Sample]:
    """Yield samples with an extent (or those that go together) of 1 and of 0."""
    for group in linked(sample, extents(sample), reference):
        for n in (1, 0):
            shorter = changed(sample, group, n)
            if group[0].of(sample) != n and reference.accepts(shorter):
                yield shorter


# refused ----------------------------------------------------------------------------------------
def other_extents(sample: Sample) -> Iterator[Sample]:
    """Yield samples in which one extent is another (longer, 1 or 0), or a shape is reversed."""
    for site in extents(sample):
        n = site.of(sample)
        for other in (n + 1, 1, 0):
            if other != n:
                yield changed(sample, [site], other)
    drawn = [i for i, arg in enumerate(sample.operands) if arg.value is None]
    for i in drawn if len(drawn) == 1 else ():  # of several errors any may be raised
        shape = sample.operands[i].shape
        if 1 not in shape and shape != shape[::-1]:
            yield _with(sample, i, replace(sample.operands[i], shape=shape[::-1]))


def other_values(sample: Sample) -> Iterator[Sample]:
    """Yield samples in which an operand that has a value has another."""
    shapes = [arg.shape for arg in sample.operands if arg.value is None]
    ends = {end for shape in shapes for n in shape for end in (n, -n - 1)}
    for i, arg in enumerate(sample.operands):
        if arg.value is None:
            continue
        for value in _other(np.asarray(arg.value), sorted(ends)):
            yield _with(sample, i, replace(arg, value=value))


def other_matrices(sample: Sample) -> Iterator[Sample]:
    """Yield samples in which the last matrix of those that are made is 0, or not finite."""
    for i, arg in enumerate(sample.operands):
        if arg.made is not np.asarray:
            for number in (0, np.nan, np.inf):
                spoiled = partial(_spoiled, arg.made, number)
                yield _with(sample, i, replace(arg, made=spoiled))


def _spoiled(made: Callable[[Array], Array], number: float, drawn: Array) -> Array:
    found = made(drawn).copy()
    found.reshape(-1, *found.shape[-2:])[-1:] = number
    return found


def _with(sample: Sample, i: int, arg: Arg) -> Sample:
    """Return a sample with another operand ``i``."""
    return Sample(sample.op, (*sample.operands[:i], arg, *sample.operands[i + 1 :]))


def _other(value: Array, ends: Sequence[int]) -> Iterator[Array]:
    """Yield other values of an operand: far off, near zero, and at the ``ends`` of axes."""
    if value.dtype.kind == "b":
        yield ~value
    for n in (FAR, -FAR, -2, -1, 0, *ends) if value.dtype.kind in "iu" else ():
        if not np.iinfo(value.dtype).min <= n <= np.iinfo(value.dtype).max:
            continue
        for at in sorted({0, value.size - 1}) if value.size else ():
            out = value.copy()
            out.reshape(-1)[at] = n
            yield out
    if value.ndim and value.shape[0] > 1:
        yield value[:-1]


def other_arrays(values: Sequence[Array]) -> Iterator[list[Array]]:
    """Yield the inputs of a graph with an extent that is another, or an integer out of bounds."""
    for i, a in enumerate(values):
        for other in _misfits(a):
            yield [*values[:i], other, *values[i + 1 :]]


def _misfits(a: Array) -> Iterator[Array]:
    for axis, n in enumerate(a.shape):
        for extent in sorted({n + 1, 1, 0} - {n}):
            yield np.resize(a, (*a.shape[:axis], extent, *a.shape[axis + 1 :]))
    for n in (FAR, -FAR) if a.dtype.kind == "i" and a.size else ():
        out = a.copy()
        out[(0,) * a.ndim] = n
        yield out
