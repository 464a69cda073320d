"""The backend: where arrays come from, what they are called, and what the standard lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import array_api_strict as xp
import numpy as np

from gradcore.backend import ArrayBackend
from gradcore.execute import Runner
from gradcore.graph import Apply, FunctionGraph
from gradcore.ops import index
from gradcore_array_api.elementwise import ROWS
from gradcore_array_api.indexing import unreadable, unwritable
from gradcore_array_api.structure import CLASSES


def unordered(node: Apply) -> str | None:
    """Return why an array cannot be sorted, or None."""
    floats = node.inputs[0].dtype.startswith("float")
    return "the standard does not say where NaN is sorted to" if floats else None


LACKS: Mapping[type, Callable[[Apply], str | None]] = {
    index.Subtensor: unreadable,
    index.IncSubtensor: unwritable,
    index.Sort: unordered,
    index.ArgSort: unordered,
}
"""What says why a node of a class that has a kernel cannot run."""


@dataclass(frozen=True, kw_only=True)
class ArrayApiBackend(ArrayBackend):
    """Runs graphs with what the array API standard has."""

    name = "array_api"
    dtypes = frozenset(
        ("bool", "float32", "float64", *(f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64)))
    )

    @property
    def kernels(self) -> Mapping[Any, Callable[..., Any]]:
        """The table."""
        return {**ROWS, **CLASSES}

    def array(self, value: Any) -> Any:
        """Return an array of NumPy as one of the library."""
        return value if isinstance(value, type(xp.asarray(0))) else xp.asarray(np.asarray(value))

    def numpy(self, array: Any) -> Any:
        """Return an array of the library as one of NumPy."""
        return np.asarray(array)

    def cast(self, array: Any, dtype: str) -> Any:
        """Return an array in another dtype."""
        return xp.astype(array, getattr(xp, dtype))

    def dtype_of(self, array: Any) -> str:
        """Return the dtype by NumPy's name: the library's own has its name in front."""
        return str(array.dtype).rpartition(".")[2]

    def lacks(self, node: Apply) -> str | None:
        """Return what the standard does not say, or has not."""
        ask = LACKS.get(type(node.op))
        return ask(node) if ask is not None else None

    def prepared(self, run: Runner, graph: FunctionGraph) -> Runner:
        """Return ``run`` without the warnings of the NumPy that array-api-strict runs on."""

        def quiet(*arrays: Any) -> Any:
            with np.errstate(all="ignore"):
                return run(*arrays)

        return quiet

    def version(self) -> str:
        """Return the version of array-api-strict."""
        return xp.__version__
