"""Lies about indices, and about the signs of integers."""

import numpy as np

from gradcore.errors import ShapeError
from gradcore.graph.nodes import as_variable
from gradcore.graph.types import UNSIGNED
from mutants.liars import is_of, lies


@lies("subtensor")
def clamps_indices(node, right):
    """takes the first element where an index is out of bounds"""

    def clamped(x, *indices):
        try:
            return right(x, *indices)
        except IndexError:
            return right(x, *(np.where(np.abs(i) > 1, 0, i) for i in indices))

    return clamped


@lies("subtensor", "set_subtensor", "inc_subtensor")
def counts_from_the_end_in_the_dtype(node, right):
    """adds the extent to a negative index in the index's own dtype"""
    first = 1 if node.op.label() == "subtensor" else 2

    def counted(*arrays):
        n = arrays[0].shape[0] if arrays[0].ndim else 0
        indices = [
            np.where(i < 0, 0, i) if i.dtype.kind == "i" and n > np.iinfo(i.dtype).max else i
            for i in arrays[first:]
        ]
        return right(*arrays[:first], *indices)

    return counted


def with_a_sign(node, right, dtypes):
    """Return what computes ``node`` as if integers of ``dtypes``, unsigned ones, were signed."""

    def signed(*arrays):
        views = [a.view(f"i{a.itemsize}") if a.dtype.name in dtypes else a for a in arrays]
        other = node.op.make_node(*map(as_variable, views))
        found = np.asarray(other.op.kernel(other)(*views))
        return found if found.dtype == node.out.dtype else found.view(node.out.dtype)

    return signed if any(v.dtype in dtypes for v in node.inputs) else right


@lies("int_div", "lt", "maximum", "right_shift", "exp", "cast_float64", "sort", "max", "argmin")
def takes_unsigned_for_signed(node, right):
    """takes unsigned integers for signed ones"""
    return with_a_sign(node, right, UNSIGNED)


@lies("int_div", "lt", "maximum", "right_shift", "exp", "cast_float64", "sort", "max", "argmin")
def takes_uint64_for_int64(node, right):
    """takes integers of 64 bits for signed ones"""
    return with_a_sign(node, right, ("uint64",))


@lies("subtensor")
def reads_indices_with_a_sign(node, right):
    """takes an index of uint8 for one of int8"""
    return lambda x, *indices: right(x, *(i.view("i1") if is_of(i, "u1") else i for i in indices))


@lies("subtensor", "set_subtensor", "inc_subtensor")
def is_off_by_one_at_the_start(node, right):
    """takes an index that is one below the bounds"""
    first = 1 if node.op.label() == "subtensor" else 2

    def lenient(*arrays):
        try:
            return right(*arrays)
        except IndexError:
            below = [-n - 1 for n in arrays[0].shape]
            indices = [np.where(np.isin(i, below), 0, i) for i in arrays[first:]]
            return right(*arrays[:first], *indices)

    return lenient


@lies("set_subtensor", "inc_subtensor")
def drops_writes(node, right):
    """writes nothing where an index is out of bounds"""

    def dropped(x, *others):
        try:
            return right(x, *others)
        except IndexError:
            return np.array(x)

    return dropped


@lies("set_subtensor", "inc_subtensor")
def stretches_what_is_written(node, right):
    """writes an extent of 1 all over, whether it is known to be 1 or not"""

    def stretched(x, *others):
        try:
            return right(x, *others)
        except ShapeError:
            return node.op.reference(x, *others)

    return stretched
