"""Where torch computes otherwise than NumPy, and why; found by the conformance suite."""

from __future__ import annotations

from gradcore.plugins import KnownFailure

FMOD = "torch's vectorized fmod gives NaN where the quotient overflows"

KNOWN_FAILURES = (
    KnownFailure("mod", "value", FMOD, "float[36]*-special"),
    KnownFailure("mod", "value", FMOD, "float[36]*-subnormal"),
    KnownFailure(
        "gammaln",
        "value",
        "SciPy's gammaln(-inf) is -inf, torch's the limit, inf",
        "float*-special",
    ),
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
"""What the backend is known to fail."""
