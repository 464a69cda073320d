"""Runs gradcore graphs with JAX."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.plugins import hookimpl


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say that JAX is not installed."""
    if find_spec("jax") is None:
        return [Unavailable("jax", "jax is not installed: pip install 'gradcore[jax]'")]
    return [Deferred("jax", "gradcore_jax.backend:JaxBackend")]
