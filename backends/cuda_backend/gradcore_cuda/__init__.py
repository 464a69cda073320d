"""Generates CUDA, and runs it on the devices that CuPy sees."""

from __future__ import annotations

from collections.abc import Iterable

from gradcore.backend import Backend, Deferred
from gradcore.plugins import hookimpl


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, which says itself what it misses."""
    return [Deferred("cuda", "gradcore_cuda.backend:CudaBackend")]
