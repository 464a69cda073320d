"""Lies about reductions, orders and products."""

import numpy as np

from mutants.liars import is_of, lies


def cut(x, axes, n):
    """Return the first ``n`` elements of ``x`` along ``axes``."""
    return x[tuple(slice(n) if axis in axes else slice(None) for axis in range(x.ndim))]


@lies("sum")
def drops_terms(node, right):
    """sums no more than 32 elements along an axis"""
    return lambda x: right(cut(x, node.op.axes, 32))


@lies("any", "all")
def seeks_no_further(node, right):
    """looks at no more than 32 elements along an axis"""
    return lambda x: right(cut(x, node.op.axes, 32))


@lies("sum")
def drops_a_tail(node, right):
    """sums what is past 100,000 elements along an axis not at all"""
    return lambda x: right(cut(x, node.op.axes, 100_000))


@lies("sum")
def sums_in_int32(node, right):
    """sums int64 in int32"""
    return lambda x: right(right(x.astype("int32")).astype("int32")) if is_of(x, "i8") else right(x)


@lies("sum")
def counts_in_bytes(node, right):
    """counts what is true modulo 256"""
    return lambda x: np.asarray(right(x) % 256) if x.dtype == bool else right(x)


@lies("sum")
def sums_in_float32(node, right):
    """sums float64 in float32"""
    return lambda x: np.asarray(right(x.astype("float32")), x.dtype) if is_of(x, "f8") else right(x)


@lies("sum")
def sums_nothing_to_nan(node, right):
    """has NaN for the sum of nothing"""
    return lambda x: right(x) if x.size or x.dtype.kind != "f" else right(x) + x.dtype.type(np.nan)


@lies("prod")
def multiplies_nothing_to_zero(node, right):
    """has 0 for the product of nothing"""
    return lambda x: right(x) if x.size else right(x) * 0


@lies("max", "min")
def reduces_past_nans(node, right):
    """has the largest number where one is NaN"""
    ufunc = np.fmax if node.op.kind == "max" else np.fmin
    return lambda x: ufunc.reduce(x, node.op.axes)


@lies("max", "min")
def reduces_nothing(node, right):
    """has 0 for the largest of nothing, and raises no error"""
    return lambda x: right(x) if x.size else np.zeros(_without(x, node.op.axes), x.dtype)


def _without(x, axes):
    return tuple(n for axis, n in enumerate(x.shape) if axis not in axes)


@lies("argmax", "argmin")
def takes_the_last_of_ties(node, right):
    """has the last of equal extremes"""
    axis = node.op.axis
    return lambda x: np.asarray(x.shape[axis] - 1 - right(np.flip(x, axis)))


@lies("argmax", "argmin")
def seeks_past_nans(node, right):
    """has the largest number where one is NaN"""
    worst = -np.inf if node.op.kind == "max" else np.inf
    return lambda x: right(np.where(np.isnan(x), worst, x) if x.dtype.kind == "f" else x)


@lies("argmax", "argmin", "argsort")
def orders_integers_as_floats(node, right):
    """compares integers in float64"""
    return lambda x: right(x.astype("float64"))


@lies("sort", "argsort")
def orders_subnormals_as_zeros(node, right):
    """takes numbers too small to be normal for zero, where it compares them"""

    def ordered(x):
        if x.dtype.kind != "f":
            return right(x)
        coarse = np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)
        order = np.argsort(coarse, axis=node.op.axis, kind="stable")
        found = (
            order if node.op.label() == "argsort" else np.take_along_axis(x, order, node.op.axis)
        )
        return found.copy()

    return ordered


@lies("any", "all", "nonzero")
def takes_nan_for_false(node, right):
    """takes NaN for false"""
    return lambda x: right(np.nan_to_num(x) if x.dtype.kind == "f" else x)


@lies("any", "nonzero", "conditional", "assert")
def takes_fractions_for_false(node, right):
    """takes what is less than 1 for false"""
    place = node.op.label() == "assert"

    def truncated(*arrays):
        arrays = list(arrays)
        arrays[place] = arrays[place].astype("int64" if arrays[place].dtype.kind == "f" else "bool")
        return right(*arrays)

    return truncated


@lies("conditional", "assert")
def takes_the_last_byte_of_a_condition(node, right):
    """takes 256 for false"""
    place = node.op.label() == "assert"

    def narrowed(*arrays):
        arrays = list(arrays)
        if arrays[place].dtype.kind == "i":
            arrays[place] = arrays[place].astype("int8")
        return right(*arrays)

    return narrowed


@lies("sort")
def sorts_nans_first(node, right):
    """puts NaN before the numbers"""
    axis = node.op.axis
    return lambda x: np.flip(-np.sort(-x, axis), axis) if x.dtype.kind == "f" else right(x)


@lies("argsort")
def sorts_unstably(node, right):
    """has equal elements in any order"""
    axis = node.op.axis
    return lambda x: x.shape[axis] - 1 - right(np.flip(x, axis))


def in_blocks(node, right):
    """Return ``right`` applied to blocks of 1024 along the axis of a node."""
    axis = node.op.axis

    def blocks(x):
        n = x.shape[axis]
        parts = [x.take(range(k, min(k + 1024, n)), axis) for k in range(0, max(n, 1), 1024)]
        return np.concatenate([right(part) for part in parts], axis)

    return blocks


@lies("sort")
def sorts_in_blocks(node, right):
    """sorts blocks of 1024, and merges none"""
    return in_blocks(node, right)


@lies("cumsum")
def restarts_a_block(node, right):
    """carries nothing from one block of 1024 to the next"""
    return in_blocks(node, right)


@lies("dot")
def reads_past_nothing(node, right):
    """has what is in memory for a product over an extent of 0"""
    return lambda x, y: right(x, y) + (0 if y.shape[0] else 7)


@lies("dot", "matmul")
def drops_a_tile(node, right):
    """multiplies no more than 64 elements of a row"""
    if node.op.label() == "dot":
        return lambda x, y: right(x[..., :64], y[:64] if x.shape[-1] == len(y) else y)
    return lambda x, y: right(x[..., :64], y[..., :64, :] if x.shape[-1] == y.shape[-2] else y)


@lies("dot", "matmul")
def multiplies_no_nans(node, right):
    """takes NaN for 0 in the left operand of a product"""
    return lambda x, y: right(np.nan_to_num(x) if x.dtype.kind == "f" else x, y)


@lies("exp")
def drops_lanes(node, right):
    """leaves what does not fill a vector of 4 as it was"""

    def whole(x):
        found = np.array(right(x))
        n = x.size // 4 * 4 if x.size > 32 else x.size
        found.reshape(-1)[n:] = 0
        return found

    return whole
