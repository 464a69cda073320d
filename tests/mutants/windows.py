"""Lies about windows, diagonals, cumulative results and recurrences."""

from dataclasses import replace

import numpy as np

from gradcore.errors import ShapeError
from mutants.liars import lies
from mutants.reductions import in_blocks


def showing(node, **parameters):
    """Return the windows of an op with other parameters, as many as there should be."""
    op = node.op

    def shown(x, *sizes):
        shape = op.reference(x, *sizes).shape
        wide = [(0, 0)] * (x.ndim - op.rank) + [(0, n) for n in x.shape[x.ndim - op.rank :]]
        found = replace(op, **parameters).reference(np.pad(x, wide), *sizes)
        return np.array(found[tuple(map(slice, shape))])

    return shown


@lies("windows")
def ignores_strides_of_windows(node, right):
    """moves windows on by one"""
    return showing(node, strides=(1,) * node.op.rank)


@lies("windows")
def ignores_dilations_of_windows(node, right):
    """reads neighbours, whatever the dilation"""
    return showing(node, dilations=(1,) * node.op.rank)


@lies("windows")
def reads_no_more_windows(node, right):
    """has zeros for windows past the first 1024"""

    def shown(*operands):
        found = np.array(right(*operands))
        found[..., 1024:] = 0
        return found

    return shown


@lies("windows")
def keeps_the_size_of_windows(node, right):
    """takes windows to be of the size that they were of at the first call"""
    first = []

    def shown(x, *sizes):
        first[:] = first or sizes
        return right(x, *first)

    return shown


@lies("overlapadd")
def overwrites_where_windows_overlap(node, right):
    """has the last of overlapping numbers, not their sum"""
    op = node.op

    def added(x, *extents):
        found = np.zeros_like(right(x, *extents))
        for within, places in op.parts(x.shape):
            found[(..., *places)] = x[(..., *within, *[slice(None)] * op.rank)]
        return found

    return added


@lies("overlapadd")
def adds_no_more_windows(node, right):
    """adds up no more than 1024 windows"""

    def added(x, *extents):
        fewer = np.array(x)
        fewer[..., 1024:] = 0
        return right(fewer, *extents)

    return added


@lies("overlapadd")
def adds_what_does_not_fit(node, right):
    """has zeros where windows are too many, and raises no error"""

    def added(x, *extents):
        try:
            return right(x, *extents)
        except ShapeError:
            return np.zeros((*x.shape[: x.ndim - 2 * node.op.rank], *map(int, extents)), x.dtype)

    return added


# diagonals, cumulative results and recurrences --------------------------------------------------
@lies("incdiagonals")
def sets_diagonals(node, right):
    """replaces what it should add to"""

    def changed(matrix, *vectors):
        found = right(matrix, *vectors)
        for (row, column), v in zip(node.op.starts, vectors, strict=True):
            k = np.arange(len(v))
            found[k + row, k + column] = v
        return found

    return changed


@lies("incdiagonals")
def drops_long_diagonals(node, right):
    """adds nothing where a vector is too long, and raises no error"""

    def changed(matrix, *vectors):
        try:
            return right(matrix, *vectors)
        except IndexError:
            return np.array(matrix)

    return changed


@lies("cumprod")
def multiplies_in_blocks(node, right):
    """carries nothing from one block of 1024 factors to the next"""
    return in_blocks(node, right)


@lies("cumprod")
def adds_logarithms(node, right):
    """adds up the logarithms of factors"""

    def products(x):
        if x.dtype.kind != "f":
            return right(x)
        size = np.exp(np.cumsum(np.log(np.abs(x.astype("f8"))), node.op.axis))
        return (size * np.cumprod(np.sign(x), node.op.axis)).astype(x.dtype)

    return products


@lies("recurrence")
def begins_anew_in_blocks(node, right):
    """carries nothing from one block of 32 steps to the next"""

    def stepped(a, b):
        fewer = np.moveaxis(np.array(a), node.op.axis, 0)
        fewer[32::32] = 0
        return right(np.moveaxis(fewer, 0, node.op.axis), b)

    return stepped


@lies("recurrence")
def skips_the_first_factor(node, right):
    """multiplies the 0 before the first step by nothing"""

    def stepped(a, b):
        fewer = np.moveaxis(np.array(a), node.op.axis, 0)
        fewer[:1] = 0
        return right(np.moveaxis(fewer, 0, node.op.axis), b)

    return stepped


@lies("recurrence")
def stretches_factors(node, right):
    """repeats factors, or terms, to as many as there are of the others"""

    def stepped(a, b):
        try:
            return right(a, b)
        except ShapeError:
            shape = np.maximum(a.shape, b.shape)
            return right(np.resize(a, shape), np.resize(b, shape))

    return stepped
