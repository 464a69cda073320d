"""Writes gradcore graphs as models of ONNX, and runs them with onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.plugins import KnownFailure, hookimpl
from gradcore_onnx.failures import KNOWN_FAILURES


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say what is not installed."""
    lacking = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if lacking:
        what = " and ".join(lacking)
        return [Unavailable("onnx", f"{what} not installed: pip install 'gradcore[onnx]'")]
    return [Deferred("onnx", "gradcore_onnx.backend:OnnxBackend", "onnxruntime")]


@hookimpl
def gradcore_exporters() -> Mapping[str, str]:
    """Contribute the export to ONNX, which needs no runtime here."""
    return {"onnx": "gradcore_onnx.exporting:export_onnx"}


@hookimpl
def gradcore_known_failures(backend: str) -> Iterable[KnownFailure]:
    """Tell where onnxruntime computes otherwise than the reference."""
    return KNOWN_FAILURES if backend == "onnx" else ()
