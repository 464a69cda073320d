"""Kernels of shapes: what reads, makes and checks them, and what copies elements into others.

Shapes are known while a graph is traced; in a program that is exported (`gradcore_jax.exporting`)
extents may be symbolic, and then what is read of them is traced.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.errors import OutOfMemoryError, ShapeError
from gradcore.execute import MEMORY_FIX
from gradcore.graph import Apply, Array, Kernel
from gradcore.graph.extents import MOST, check_size
from gradcore.ops.shape import DimShuffle, Join, Repeat
from gradcore.ops.shape_values import Extent
from gradcore_jax.tracing import (
    KNOWN_SIZE,
    available,
    concrete,
    hollow,
    is_known,
    is_symbolic,
    jnp,
    strong,
)


def of_shape(node: Apply) -> Kernel:
    """Take the reference, of shapes that are known; of symbolic extents, values that are traced."""

    def run(x: Any) -> Any:
        if not is_symbolic(x.shape):
            return node.op.reference(x)
        extents = [strong(jnp.asarray(n), "int64") for n in x.shape]
        return extents[node.op.axis] if isinstance(node.op, Extent) else jnp.stack(extents)

    return run


def make_vector(node: Apply) -> Kernel:
    """Return what makes a vector of scalars."""
    dtype = node.out.dtype

    def run(*elements: Any) -> Any:
        if not elements:
            return np.zeros(0, dtype)
        return jnp.stack([strong(x, dtype) for x in elements])

    return run


def dimshuffle(node: Apply) -> Kernel:
    """Return what sets the axes in another order."""
    op = node.op
    assert isinstance(op, DimShuffle)
    remaining, dropped, new = op.split(node.inputs[0].ndim)

    def run(x: Any) -> Any:
        if any(x.shape[axis] != 1 for axis in dropped):
            op.reference(hollow(x))  # says which
        x = jnp.transpose(x, (*remaining, *dropped))
        return jnp.expand_dims(jnp.squeeze(x, tuple(range(len(remaining), x.ndim))), new)

    return run


def reshape(node: Apply) -> Kernel:
    """Return what sets the elements in another shape, of extents that are known."""
    op = node.op
    checked = op.kernel(node)

    def run(x: Any, *extents: Any) -> Any:
        known = (concrete(n, op) for n in extents)
        return jnp.reshape(x, checked(hollow(x), *known).shape)

    return run


def alloc(node: Apply) -> Kernel:
    """Return what broadcasts to a shape; what is known and small stays known."""
    op = node.op
    checked = op.kernel(node)

    def run(value: Any, *extents: Any) -> Any:
        shape = checked(hollow(value), *(concrete(n, op) for n in extents)).shape
        small = math.prod(shape) <= KNOWN_SIZE
        numpy = np if is_known(value) and small and node.out.type.is_discrete else jnp
        return numpy.broadcast_to(value, shape)

    return run


def join(node: Apply) -> Kernel:
    """Return what joins arrays along an axis."""
    op, dtype = node.op, node.out.dtype
    assert isinstance(op, Join)

    def run(*arrays: Any) -> Any:
        rest = {(*a.shape[: op.axis], *a.shape[op.axis + 1 :]) for a in arrays}
        if len(rest) > 1:
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ShapeError(f"cannot join shapes {shapes} along axis {op.axis}")
        return jnp.concatenate([strong(a, dtype) for a in arrays], axis=op.axis)

    return run


def specify_shape(node: Apply) -> Kernel:
    """Return what checks a shape."""
    op = node.op

    def run(x: Any, *extents: Any) -> Any:
        op.reference(hollow(x), *(concrete(n, op) for n in extents))
        return x

    return run


def repeat(node: Apply) -> Kernel:
    """Return what repeats elements; their counts are known."""
    op = node.op
    assert isinstance(op, Repeat)

    def run(x: Any, counts: Any) -> Any:
        places = np.arange(int(x.shape[op.axis]))
        source: Array = Repeat(0).reference(places, concrete(counts, op))
        numpy = np if is_known(x) and source.size <= KNOWN_SIZE else jnp
        return numpy.take(x, source, axis=op.axis)

    return run


def arange(node: Apply) -> Kernel:
    """Return what makes a range; a short one is known."""

    def run(n: Any) -> Any:
        length = int(concrete(n, node.op))
        check_size((length,))
        if length <= KNOWN_SIZE:
            return np.arange(length, dtype="int64")
        if length > MOST // 2:  # XLA fails to compile some of these, of which no memory has one
            raise OutOfMemoryError(f"there is no memory for {length} integers", fix=MEMORY_FIX)
        return jnp.arange(length, dtype=available("int64"))

    return run
