"""A plugin for gradcore: a backend on numexpr, an op, and a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from gradcore.backend import Backend, Unavailable
from gradcore.graph import Op
from gradcore.plugins import KnownFailure, hookimpl
from gradcore.rewrite import Rule
from gradcore_numexpr.log_cosh import STABILIZE, kernels_of, log_cosh

GRADCORE_API = 1


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say what it lacks."""
    if find_spec("numexpr") is None:
        return [Unavailable("numexpr", "numexpr is not installed: pip install numexpr")]
    from gradcore_numexpr.backend import NumexprBackend  # noqa: PLC0415 - its own dependency

    return [NumexprBackend()]


@hookimpl
def gradcore_ops() -> Iterable[Op]:
    """Contribute the op."""
    return [log_cosh]


@hookimpl
def gradcore_kernels(backend: str) -> Mapping[Any, Any]:
    """Contribute kernels of the op for backends that are not ours."""
    return kernels_of(backend)


@hookimpl
def gradcore_rules(stage: str) -> Iterable[Rule]:
    """Contribute the rule."""
    return STABILIZE.rules if stage == STABILIZE.name else []


@hookimpl
def gradcore_known_failures(backend: str) -> Iterable[KnownFailure]:
    """Say what numexpr is known to fail, and why."""
    return []
