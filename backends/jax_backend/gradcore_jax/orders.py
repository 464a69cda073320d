"""The orders of elements: sorting, and places among sorted ones."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Apply, Kernel
from gradcore.ops.search import SearchSorted, bisected
from gradcore.ops.sorting import ArgSort, Sort
from gradcore_jax.tracing import jnp, lax


def _ordering(x: Any) -> Any:
    """Return integers in the order of the numbers ``x``, NaN last.

    They distinguish subnormal numbers, which XLA compares as zeros.
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    bits = lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")
    largest = jnp.iinfo(bits.dtype).max
    infinity = lax.bitcast_convert_type(jnp.asarray(jnp.inf, x.dtype), bits.dtype)
    magnitude = bits & largest
    signed = jnp.where(bits < 0, -magnitude, magnitude)
    return jnp.where(magnitude > infinity, largest, signed)


def sort(node: Apply) -> Kernel:
    """Return the kernel of a node of `Sort`."""
    op = node.op
    assert isinstance(op, Sort)

    def run(x: Any) -> Any:
        x = jnp.asarray(x)
        return lax.sort((_ordering(x), x), dimension=op.axis, is_stable=True, num_keys=1)[1]

    return run


def arg_sort(node: Apply) -> Kernel:
    """Return the kernel of a node of `ArgSort`."""
    op = node.op
    assert isinstance(op, ArgSort)

    def run(x: Any) -> Any:
        return jnp.argsort(_ordering(jnp.asarray(x)), axis=op.axis, stable=True)

    return run


def search_sorted(node: Apply) -> Kernel:
    """Return the kernel of a node of `SearchSorted`."""
    op = node.op
    assert isinstance(op, SearchSorted)

    def run(a: Any, v: Any) -> Any:
        return bisected(jnp, _ordering(jnp.asarray(a)), _ordering(jnp.asarray(v)), op.side)

    return run
