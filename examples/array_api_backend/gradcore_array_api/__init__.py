"""A backend for gradcore on the Python array API standard, as array-api-strict holds one to it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.plugins import hookimpl

GRADCORE_API = 1


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say what it lacks."""
    if find_spec("array_api_strict") is None:
        reason = "array-api-strict is not installed: pip install array-api-strict"
        return [Unavailable("array_api", reason)]
    return [Deferred("array_api", "gradcore_array_api.backend:ArrayApiBackend")]
