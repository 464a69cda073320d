"""The backend: elementwise ops by numexpr, everything else by the reference.

Its arrays are NumPy's, so what numexpr lacks needs no conversion: the reference of an op is a
kernel like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numexpr
import numpy as np

from gradcore import tensor as T
from gradcore.backend import ArrayBackend
from gradcore.graph import Apply, Kernel, Op
from gradcore.ops.elementwise import Elementwise

EXPRESSIONS = {
    T.add: "x + y", T.sub: "x - y", T.mul: "x * y", T.true_div: "x / y", T.neg: "-x",
    T.sqr: "x * x", T.sqrt: "sqrt(x)", T.exp: "exp(x)", T.expm1: "expm1(x)", T.log: "log(x)",
    T.log1p: "log1p(x)", T.log10: "log10(x)", T.sin: "sin(x)", T.cos: "cos(x)", T.tan: "tan(x)",
    T.arcsin: "arcsin(x)", T.arccos: "arccos(x)", T.arctan: "arctan(x)", T.sinh: "sinh(x)",
    T.cosh: "cosh(x)", T.tanh: "tanh(x)", T.arcsinh: "arcsinh(x)", T.arctanh: "arctanh(x)",
    T.lt: "x < y", T.le: "x <= y", T.gt: "x > y", T.ge: "x >= y", T.eq: "x == y",
}  # fmt: skip
"""What numexpr calls each row."""

FLOATS = frozenset(("float32", "float64"))


def computed(expression: str) -> Callable[..., Any]:
    """Return a function of arrays that computes ``expression`` of x and y."""

    def run(*arrays: Any) -> Any:
        names = dict(zip("xy", arrays, strict=False))
        if not all(np.size(a) for a in arrays):
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
            return np.empty(
                shape, bool if "=" in expression or "<" in expression else arrays[0].dtype
            )
        return numexpr.evaluate(expression, local_dict=names, global_dict={})

    return run


KERNELS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {row: computed(expression) for row, expression in EXPRESSIONS.items()}
)


@dataclass(frozen=True, kw_only=True)
class NumexprBackend(ArrayBackend):
    """Runs graphs with numexpr."""

    name = "numexpr"

    @property
    def kernels(self) -> Mapping[Any, Callable[..., Any]]:
        """The rows that numexpr computes."""
        return KERNELS

    def entry(self, op: Op) -> Callable[..., Any] | None:
        """Return numexpr's kernel, or else what makes the reference a kernel."""
        if isinstance(op, Elementwise):
            return super().entry(op) or op.numpy
        return super().entry(op) or reference

    def kernel(self, node: Apply, fallback: Collection[Apply] = ()) -> Kernel:
        """Return numexpr's kernel for floats, the reference for everything else."""
        if node.op in KERNELS and all(v.dtype in FLOATS for v in node.inputs):
            return super().kernel(node, fallback)
        return self.reference(node)

    def array(self, value: Any) -> Any:
        """Return the array itself."""
        return value

    def numpy(self, array: Any) -> Any:
        """Return the array itself."""
        return array

    def cast(self, array: Any, dtype: str) -> Any:
        """Return an array in another dtype."""
        return array.astype(dtype)

    def version(self) -> str:
        """Return the version of numexpr."""
        return numexpr.__version__


def reference(node: Apply, *runners: Any) -> Kernel:
    """Return the reference of a node."""
    return node.op.kernel(node)
