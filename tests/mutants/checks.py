"""Lies about what must be checked, about shapes, conditions and scalars."""

import numpy as np

from gradcore.errors import ShapeError
from gradcore.ops.control import Conditional
from mutants.liars import lies


@lies("assert")
def ignores_assertions(node, right):
    """passes on what an assertion forbids"""
    return lambda x, *conditions: x


@lies("specify_shape", "given_masks")
def ignores_shapes(node, right):
    """passes on what has another shape than it must"""
    return lambda x, *extents: x


@lies("specify_shape")
def compares_sizes(node, right):
    """passes on what has as many elements as it must"""

    def compared(x, *extents):
        return x if x.size == np.prod(extents, dtype=int) else right(x, *extents)

    return compared


@lies("add", "mul")
def stretches_any_one(node, right):
    """stretches an extent that happens to be 1"""

    def stretched(*arrays):
        try:
            return right(*arrays)
        except ShapeError:
            if len({a.ndim for a in arrays}) > 1 or not any(1 in a.shape for a in arrays):
                raise
            return node.op.numpy(*arrays)

    return stretched


@lies("matmul")
def stretches_a_stack(node, right):
    """stretches a stack of matrices that happens to have one"""
    return lambda *arrays: node.op.reference(*arrays)


@lies("conditional")
def runs_both_branches(node, right):
    """runs the branch that is not taken"""
    assert isinstance(node.op, Conditional)

    def both(condition, *operands):
        right(np.logical_not(condition), *operands)
        return right(condition, *operands)

    return both


@lies("conditional", "ifelse")
def keeps_to_a_branch(node, right):
    """takes the branch that the first call takes"""
    first = []

    def same(condition, *operands):
        first[:] = first or [condition]
        return right(first[0], *operands)

    return same


@lies("pow")
def raises_to_negative_powers(node, right):
    """has 0 for an integer to a negative power, and raises no error"""
    if node.out.type.is_float:
        return right
    return lambda x, y: np.where(y < 0, 0, right(x, np.abs(y))).astype(node.out.dtype)


@lies("left_shift", "right_shift")
def shifts_modulo_the_width(node, right):
    """shifts by the rest of a division by the number of bits"""
    return lambda x, n: right(x, (n % (8 * node.out.type.numpy_dtype.itemsize)).astype(n.dtype))


@lies("join")
def joins_backwards(node, right):
    """joins the last first"""
    return lambda *arrays: right(*arrays[::-1])


@lies("nonzero")
def swaps_axes(node, right):
    """has the indices of the last axis first"""

    def swapped(x):
        found = right(x)
        return found[::-1] if isinstance(found, tuple) else found

    return swapped


@lies("eq")
def takes_nan_for_equal(node, right):
    """has NaN equal to NaN"""
    return lambda x, y: right(x, y) | ((x != x) & (y != y))


@lies("lt", "ge")
def takes_not_less_for_greater(node, right):
    """computes x < y as not x >= y, where NaN is neither"""
    other = np.greater_equal if node.op.name == "lt" else np.less
    return lambda x, y: np.logical_not(other(x, y)) if node.op.name == "lt" else right(x, y)


@lies("reshape")
def reshapes_to_anything(node, right):
    """repeats or drops elements to fill a shape"""

    def resized(x, *extents):
        try:
            return right(x, *extents)
        except ShapeError:
            return np.resize(x, [abs(int(n)) for n in extents])

    return resized


@lies("alloc")
def takes_negative_extents_for_zero(node, right):
    """makes nothing of a negative extent, and raises no error"""
    return lambda x, *extents: right(x, *(np.maximum(n, 0) for n in extents))


@lies("repeat")
def takes_negative_counts_for_zero(node, right):
    """repeats not at all what is to be repeated less"""
    return lambda x, counts: right(x, np.maximum(counts, 0))


@lies("arange")
def counts_in_int8(node, right):
    """counts to no more than 127"""
    return lambda n: right(n) % 128


@lies("int_div", "mod")
def raises_for_a_zero_divisor(node, right):
    """raises an error where an integer is divided by 0"""

    def raising(x, y):
        if np.asarray(y).dtype.kind in "iu" and not np.all(y):
            raise ZeroDivisionError
        return right(x, y)

    return raising


@lies("cast_int64", "cast_int8")
def casts_by_rounding_up(node, right):
    """casts a float to the integer above"""
    return lambda x: right(np.ceil(x) if x.dtype.kind == "f" else x)
