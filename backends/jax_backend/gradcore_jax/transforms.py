"""Fourier transforms, by XLA's own."""

from __future__ import annotations

from typing import Any

from gradcore.backend import Kernels
from gradcore.graph import Apply, Kernel
from gradcore.ops.fourier import Fft, FromHalf, HalfFft, refuse_nothing
from gradcore_jax.tracing import concrete, jnp


def _transform(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, Fft)
    transform = jnp.fft.ifft if op.inverse else jnp.fft.fft
    norm = "forward" if op.inverse else "backward"

    def run(z: Any) -> Any:
        refuse_nothing(op, [z.shape[axis] for axis in op.axes])
        for axis in op.axes:  # of more than three at once XLA has none
            z = transform(z, axis=axis, norm=norm)
        return z

    return run


def _half_transform(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, HalfFft)

    def run(x: Any) -> Any:
        refuse_nothing(op, [x.shape[op.axis]])
        return jnp.fft.rfft(x, axis=op.axis)

    return run


def _from_half(node: Apply) -> Kernel:
    op = node.op
    assert isinstance(op, FromHalf)

    def run(z: Any, n: Any) -> Any:
        size = int(concrete(n, op))
        op.refuse(z.shape, size)
        return jnp.fft.irfft(z, size, axis=op.axis, norm="forward")

    return run


TRANSFORMS: Kernels = {Fft: _transform, HalfFft: _half_transform, FromHalf: _from_half}
"""The transforms, by the class of their op."""
