"""onnx itself, its types by NumPy's names, and the version of the operators that are emitted.

The decision: one version of the operators, that of ONNX 1.16 (2024), which each runtime of the
last years has; it is the first whose types are all that graphs need.  onnx and onnxruntime are
imported by name, as modules of any type: so the type checker says the same whether or not they are
installed.  Rejected: a version as an option, as every kernel would have one for each.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

from gradcore.dtypes import DISCRETE, FLOATS

onnx: Any = importlib.import_module("onnx")
helper: Any = importlib.import_module("onnx.helper")

OPSET = 21
"""The version of the operators."""

IR_VERSION = 10
"""The version of the file format that came with them."""

TYPES: dict[str, int] = {
    name: helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in (*DISCRETE, *FLOATS)
}
"""ONNX's numbers of element types, by NumPy's names."""

SPELLED: dict[int, str] = {
    TYPES["float32"]: "float", TYPES["float64"]: "double",
}  # fmt: skip
"""The element types that ONNX calls otherwise."""


def runtime() -> Any:
    """Return onnxruntime.

    Raises ImportError: it is not installed.
    """
    return importlib.import_module("onnxruntime")


@functools.cache
def accepts(operator: str, operand: int, dtype: str) -> bool:
    """Return whether an operand of an operator may have a dtype."""
    inputs = onnx.defs.get_schema(operator, OPSET).inputs
    spelled = SPELLED.get(TYPES[dtype], dtype)
    return f"tensor({spelled})" in inputs[min(operand, len(inputs) - 1)].types
