"""Runs gradcore graphs with torch."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.plugins import KnownFailure, hookimpl
from gradcore_torch.failures import KNOWN_FAILURES


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say that torch is not installed."""
    if find_spec("torch") is None:
        return [Unavailable("torch", "torch is not installed: pip install 'gradcore[torch]'")]
    return [Deferred("torch", "gradcore_torch.backend:TorchBackend", "torch")]


@hookimpl
def gradcore_known_failures(backend: str) -> Iterable[KnownFailure]:
    """Tell where torch computes otherwise than the reference."""
    return KNOWN_FAILURES if backend == "torch" else ()
