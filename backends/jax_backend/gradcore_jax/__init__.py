"""Runs gradcore graphs with JAX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.plugins import KnownFailure, hookimpl
from gradcore_jax.failures import KNOWN_FAILURES


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say that JAX is not installed."""
    if find_spec("jax") is None:
        return [Unavailable("jax", "jax is not installed: pip install 'gradcore[jax]'")]
    return [Deferred("jax", "gradcore_jax.backend:JaxBackend", "jax")]


@hookimpl
def gradcore_known_failures(backend: str) -> Iterable[KnownFailure]:
    """Tell where JAX computes otherwise than the reference."""
    return KNOWN_FAILURES if backend == "jax" else ()


@hookimpl
def gradcore_exporters() -> Mapping[str, str]:
    """Contribute the export to StableHLO."""
    return {"stablehlo": "gradcore_jax.exporting:export_stablehlo"}
