"""Runs gradcore graphs with torch."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.plugins import KnownFailure, hookimpl


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend, or say that torch is not installed."""
    if find_spec("torch") is None:
        return [Unavailable("torch", "torch is not installed: pip install 'gradcore[torch]'")]
    return [Deferred("torch", "gradcore_torch.backend:TorchBackend")]


@hookimpl
def gradcore_known_failures(backend: str) -> Iterable[KnownFailure]:
    """Tell where torch computes otherwise than the reference."""
    return KNOWN_FAILURES if backend == "torch" else ()


_FMOD = "torch's vectorized fmod gives NaN where the quotient overflows"
_LIMIT = "SciPy's gammaln(-inf) is -inf, torch's the limit, inf"

KNOWN_FAILURES = (
    *(
        KnownFailure("mod", "value", _FMOD, f"{dtype}-{values}")
        for dtype in ("float32", "float64")
        for values in ("special", "subnormal")
    ),
    KnownFailure("gammaln", "value", _LIMIT, "float*-special"),
    KnownFailure(
        "gammaln",
        "value",
        "SciPy's gammaln overflows where its argument is subnormal, torch's does not",
        "float64-subnormal",
    ),
    KnownFailure(
        "digamma",
        "value",
        "torch's digamma loses digits near its zeros, which SciPy treats apart",
        "float64-special",
    ),
    KnownFailure(
        "polygamma",
        "value",
        "torch's zeta is 0 where it is subnormal, at the largest numbers",
        "float64-special",
    ),
)
