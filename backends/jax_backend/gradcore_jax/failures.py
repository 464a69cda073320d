"""Where JAX computes otherwise than NumPy, and why; found by the conformance suite."""

from __future__ import annotations

from collections.abc import Iterable

from gradcore.ops.banded import CholeskyBanded, SolveBanded
from gradcore.ops.eigenvalues import Eig, EigVals
from gradcore.ops.factors import Cholesky, Solve, SolveLower
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import is_advanced
from gradcore.ops.inverses import Inverse, PseudoInverse
from gradcore.ops.schur import Logarithm
from gradcore.ops.schur_forms import Schur
from gradcore.ops.spectra import SVD, Eigh, EigValsH, SVDVals
from gradcore.ops.symmetric import LDL
from gradcore.plugins import KnownFailure

FLUSH = "XLA on a CPU takes subnormal numbers for zero"
POLES = "JAX's polygamma is NaN at its poles, SciPy's infinite"
DIGITS = "JAX's function is less accurate there than SciPy's"

WIDE = "float[36]*"
"""float32 and float64: float16 is computed in float32, where its subnormals are none."""


BOUNDS = "a program of XLA cannot raise: it fills, or drops, where an array of indices is wrong"

NAN = "a program of XLA cannot raise: what does not exist, such as an inverse, is NaN"

INDEXED = [
    (sample.op.label(), k)
    for cls in (Subtensor, IncSubtensor)
    for k, sample in enumerate(cls.samples())
    if isinstance(op := sample.op, Subtensor | IncSubtensor) and is_advanced(op.pattern)
]
"""The samples that are indexed by arrays, of each op."""

ATTEMPTS = (
    Cholesky,
    CholeskyBanded,
    Eig,
    EigVals,
    Eigh,
    EigValsH,
    Inverse,
    LDL,
    Logarithm,
    PseudoInverse,
    Schur,
    Solve,
    SolveBanded,
    SolveLower,
    SVD,
    SVDVals,
)
"""The ops of matrices whose result need not exist."""

INDEXING = ("softmax_regression", "captured expression", "gathered by index", "writing within")
"""The programs and loops that read, or write, where an input says."""


def _values(case: str, reason: str, *ops: str) -> Iterable[KnownFailure]:
    return (KnownFailure(op, "value", reason, case) for op in ops)


KNOWN_FAILURES = (
    *_values(
        f"{WIDE}-subnormal", FLUSH,
        "add", "sub", "mul", "true_div", "int_div", "mod", "pow", "reciprocal", "sqrt", "sign",
        "log", "log2", "log10", "log1p", "arcsin", "arctan2", "sinh", "arcsinh", "arctanh", "erf",
        "erfinv", "erfcinv", "gamma", "gammaln", "digamma", "polygamma", "floor", "ceil",
        "maximum", "minimum", "clip", "switch", "strong_zero_mul", "eq", "neq", "lt", "le", "gt",
        "ge", "cast_bool", "logit", "log1mexp", "xlogy", "xlog1py", "entr", "sinpi", "hypot",
        "betainc_slope_a", "betainc_slope_b", "cbrt", "dawsn", "gammainc", "gammainc_slope",
        "gammaincinv", "i1", "i1e", "j1", "ndtri", "owens_t", "y0", "y1",
    ),
    *_values("float64-subnormal", FLUSH, "tanh"),
    *_values(
        "complex*-subnormal", FLUSH,
        "abs", "add", "arcsin", "arcsinh", "arctan", "arctanh", "eq", "expm1", "log", "log10",
        "log2", "mul", "neq", "reciprocal", "sqrt", "strong_zero_mul", "sub", "tan", "tanh",
        "true_div",
    ),
    *_values("complex64-subnormal", FLUSH, "cast_complex128"),
    *_values(
        "float32-subnormal", FLUSH,
        "cast_float64", "cast_complex128", "k0", "k0e", "k1", "k1e", "lambertw",
    ),
    *_values(
        f"{WIDE}-special", f"{FLUSH}, as a result too",
        "mul", "true_div", "pow", "reciprocal", "arcsin", "arctan2", "erfinv", "strong_zero_mul",
        "xlogy", "xlog1py", "exprel", "dawsn", "erfcx", "i1", "i1e", "j1", "owens_t",
    ),
    *_values(
        "float64-special", f"{FLUSH}, as a result too", "betainc_slope_a", "betainc_slope_b"
    ),
    *_values("float16-special", DIGITS, "betainc"),
    *_values(f"{WIDE}-special", DIGITS, "gamma", "digamma", "erfcinv"),
    *_values("int8-special", DIGITS, "gamma"),
    *_values("float32-zeros", "JAX's gammaln is off in absolute terms near its roots", "gammaln"),
    *_values("float*-special", "SciPy's gammaln(-inf) is -inf, JAX's the limit, inf", "gammaln"),
    *_values(
        "float*-special", "JAX's polygamma is NaN at infinity, and 0 at the largest numbers",
        "polygamma",
    ),
    *_values("bool-*2x[13]*", POLES, "polygamma"),
    *_values("bool-3,3", POLES, "polygamma"),
    *_values("bool-0x2,2", POLES, "polygamma"),
    *(
        failure
        for layout in ("2x3", "fortran", "strided", "reversed", "offset", "readonly")
        for failure in _values(f"float64-{layout}", DIGITS, "gamma", "log1mexp")
    ),
    *_values("float*-zeros", "JAX keeps the sign of a zero where NumPy drops it", "sign", "erfinv"),
    *_values("float*-zeros", "JAX drops the sign of a zero where NumPy keeps it", "int_div", "mod"),
    *_values(
        "bool-*x[23],[23]", "XLA makes of a boolean times a number a choice, so that 0 * inf is 0",
        "true_div",
    ),
    *(
        KnownFailure(op, check, DIGITS, "float64-3")
        for op in ("log1p", "erfinv", "gamma", "gammaln", "digamma", "logit", "log1mexp")
        for check in ("called", "long")
    ),
    KnownFailure("sinh", "long", DIGITS, "float64-3"),
    KnownFailure("xlog1py", "called", DIGITS, "float64-3,3"),
    KnownFailure("xlog1py", "long", DIGITS, "float64-3,3"),
    *_values(f"{WIDE}-subnormal-*", FLUSH, "matmul"),
    *(
        failure
        for case in ("float32-subnormal-*", "float64-subnormal-?", "float64-subnormal-[!5]?",
                     "float64-subnormal-5[!4]")
        for failure in _values(case, FLUSH, "inc_subtensor")
    ),
    *_values(f"{WIDE}-subnormal-0", FLUSH, "incdiagonals"),
    *_values("float64-subnormal-2", FLUSH, "incdiagonals"),
    *_values("float64-subnormal-1", FLUSH, "sparsedot", "sparsetransposeddot"),
    *_values("float64-subnormal-21", FLUSH, "all"),
    *_values(f"{WIDE}-subnormal-4", FLUSH, "cummax"),
    *_values("float64-subnormal-5", FLUSH, "cummax"),
    *_values(f"{WIDE}-subnormal-6", FLUSH, "cummin"),
    *_values("float64-subnormal-7", FLUSH, "cummin"),
    *_values(
        f"{WIDE}-subnormal-0", FLUSH,
        "overlapadd", "sparsedot", "sparsetransposeddot", "sampleddot",
    ),
    *_values("float64-subnormal-1", FLUSH, "overlapadd"),
    *_values(f"{WIDE}-subnormal-[01]", FLUSH, "sum"),
    *_values(f"{WIDE}-subnormal-[89]", FLUSH, "max"),
    *_values(f"{WIDE}-subnormal-1[06]", FLUSH, "max"),
    *_values(f"{WIDE}-subnormal-1[23]", FLUSH, "min"),
    *_values(f"{WIDE}-subnormal-[1-3]", FLUSH, "dot"),
    *_values(f"{WIDE}-subnormal-[23]", FLUSH, "cumprod", "argmin"),
    *_values(f"{WIDE}-subnormal-[01]", FLUSH, "cumsum", "argmax", "recurrence"),
    *_values(f"{WIDE}-subnormal-18", FLUSH, "any"),
    KnownFailure("cumprod", "called", FLUSH, "float32-*"),
    KnownFailure("cumprod", "long", FLUSH, "float64-*"),
    KnownFailure("quotients", "*", "XLA computes (a / b) / c as a / (b * c)"),
    *(KnownFailure(op, "error", BOUNDS, f"*-{k}-*") for op, k in INDEXED),
    *(KnownFailure(name, "error", BOUNDS) for name in INDEXING),
    *(KnownFailure(cls.samples()[0].op.label(), "error", NAN, "*-matrices") for cls in ATTEMPTS),
)  # fmt: skip
"""What the backend is known to fail."""
