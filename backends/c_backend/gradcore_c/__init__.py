"""Runs gradcore graphs as generated C: one fused native function for a whole graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradcore.backend import Backend, Deferred
from gradcore.plugins import hookimpl


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, which looks for a compiler when it is first asked for."""
    return [Deferred("c", "gradcore_c.backend:CBackend")]


@hookimpl
def gradcore_exporters() -> Mapping[str, str]:
    """Contribute the export to C, which needs no compiler here."""
    return {"c": "gradcore_c.export:export_c"}
