"""Runs gradcore graphs with torch."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from gradcore.backend import Backend, Unavailable
from gradcore.plugins import hookimpl


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say that torch is not installed."""
    if find_spec("torch") is None:
        return [Unavailable("torch", "torch is not installed: pip install 'gradcore[torch]'")]
    from gradcore_torch.backend import TorchBackend  # noqa: PLC0415 - its own dependency

    return [TorchBackend()]
