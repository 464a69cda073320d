"""Where onnxruntime computes otherwise than NumPy, and why; found by the conformance suite."""

from __future__ import annotations

from collections.abc import Iterable

from gradcore.plugins import KnownFailure

ZEROS = "onnxruntime's Where drops the sign of a zero"
DIGITS = "onnxruntime's function, in float64, is less accurate there than NumPy's"
TANH = "onnxruntime's tanh is a rational function, less accurate near zero"
WRAPS = "onnxruntime's sums and products of int64 saturate"
NOTHING = "onnxruntime's loop of no steps stacks arrays without extents"
STRETCHES = "ONNX stretches an extent of 1 also where it is not known to be 1"
EMPTY = "onnxruntime joins what has no elements whatever its other extents are"
LEFT = "ONNX takes a -1 for what is left, also one that is computed"


def _values(reason: str, case: str, *ops: str) -> Iterable[KnownFailure]:
    return (KnownFailure(op, "value", reason, case) for op in ops)


BINARY = (
    "add", "and_", "arctan2", "clip", "eq", "fill", "ge", "gt", "hypot", "int_div", "le",
    "left_shift", "logaddexp", "lt", "maximum", "minimum", "mod", "mul", "neq", "or_", "pow",
    "right_shift", "strong_zero_mul", "sub", "switch", "threefry", "true_div", "xlog1py", "xlogy",
    "xor",
)  # fmt: skip
"""The elementwise ops of several operands that ONNX can say."""

PROGRAMS = (
    "kinks", "layer_norm", "mixture", "perceptron", "perceptron_in_float32", "quotients",
    "recurrent", "softmax_regression",
)  # fmt: skip
"""The programs whose operands meet at extents that are not known."""

LOOPS = (
    "lstm", "rnn", "rnn backwards", "rows of matrices", "truncated",
    "until with matrices",
)  # fmt: skip
"""The loops in whose steps they do."""

UNCHECKED = (
    *((op, "*-extents") for op in BINARY),
    *((op, "whole") for op in PROGRAMS),
    *((op, "value") for op in LOOPS),
    ("alloc", "*-[12]-extents"),
    ("alloc", "*-1-values"),
    ("matmul", "*-0-extents"),
    ("sampleddot", "float64-3x2,4x2-1-extents"),
    ("sparsedot", "*-extents"),
    ("sparsetransposeddot", "*-extents"),
    ("set_subtensor", "*,*x*-extents"),
    ("inc_subtensor", "*,*x*-extents"),
    ("set_subtensor", "*,[23]-*-extents"),
    ("inc_subtensor", "*,[23]-*-extents"),
    ("subtensor", "*-13-values"),
    *(("set_subtensor", f"*-{k}-values") for k in (36, 44, 52, 53, 56)),
    *(("inc_subtensor", f"*-{k}-values") for k in (54, 55)),
)
"""Ops and cases in which what is refused elsewhere is stretched."""

SINES = (
    "float64-special", "int8-3", "int8-special", "int16-3", "int32-3", "int64-3", "int64-special",
    "uint8-3", "uint8-special", "uint16-3", "uint16-special", "uint32-3", "uint32-special",
    "uint64-3", "uint64-special",
)  # fmt: skip
TANGENTS = (
    "float64-special", "int8-special", "int64-special", "uint8-special", "uint16-special",
    "uint32-special", "uint64-special",
)  # fmt: skip

KNOWN_FAILURES = (
    *_values(ZEROS, "float64-zeros", "arcsin", "arcsinh", "arctan", "arctanh", "erf", "sinh"),
    *_values(
        ZEROS, "float[36]*-zeros",
        "arctan2", "cbrt", "expm1", "int_div", "log1p", "mod", "switch", "xlog1py",
    ),
    *(KnownFailure("sin", "value", DIGITS, case) for case in SINES),
    *(KnownFailure("tan", "value", DIGITS, case) for case in TANGENTS),
    *(
        KnownFailure("cos", "value", DIGITS, f"float64-{case}")
        for case in ("2x3", "fortran", "offset", "readonly", "reversed", "special", "strided")
    ),
    *(KnownFailure(op, "called", DIGITS, "float64-3") for op in ("cos", "sin")),
    *(
        KnownFailure(op, "long", DIGITS, "float64-3")
        for op in ("cos", "erfinv", "sin", "tan", "tanh")
    ),
    *_values(TANH, "float32-special", "tanh"),
    *_values(TANH, "float32-subnormal", "tanh"),
    *_values(WRAPS, "int64-extreme-0", "sum"),
    *_values(WRAPS, "int64-extreme-4", "prod"),
    *_values(NOTHING, "float64-*-2", "scan"),
    KnownFailure("scan", "called", NOTHING, "*-0"),
    KnownFailure("scan", "error", NOTHING, "*-2-values"),
    KnownFailure("join", "error", EMPTY, "*-extents"),
    KnownFailure("reshape", "error", LEFT, "*-0-values"),
    *(KnownFailure(op, "error", STRETCHES, case) for op, case in UNCHECKED),
)  # fmt: skip
"""What the backend is known to fail, at level core."""
