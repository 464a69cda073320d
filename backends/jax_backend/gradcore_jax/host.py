"""Functions of NumPy's arrays, called back from XLA's programs.

What is wider than 32 bits goes there and back as its words: in the thread of a callback JAX may
make float64 float32, and int64 int32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.graph import Apply, Kernel
from gradcore.ops.matrices import Attempt, check_square
from gradcore_jax.tracing import jax, jnp, lax

Type: TypeAlias = tuple[Sequence[int], Any]
"""The shape and the dtype of an array."""


def called(function: Callable[..., Sequence[Any]], types: Sequence[Type], *arrays: Any) -> Any:
    """Return what a function of arrays of NumPy returns, as a list of arrays of JAX.

    types : those of what it returns.
    """
    dtypes = [np.dtype(a.dtype) for a in arrays]

    def run(*given: Any) -> list[Any]:
        operands = (_read(a, dtype) for a, dtype in zip(given, dtypes, strict=True))
        with np.errstate(all="ignore"):
            found = function(*operands)
            return [_written(a, *of) for a, of in zip(found, types, strict=True)]

    results = [_traveling(shape, np.dtype(dtype)) for shape, dtype in types]
    given = map(_words, arrays)
    found = jax.pure_callback(run, results, *given, vmap_method="sequential")
    return [_number(a, np.dtype(dtype)) for a, (_, dtype) in zip(found, types, strict=True)]


def of_matrices(node: Apply) -> Kernel:
    """Return the reference of an op of matrices, called back; what it does not find is NaN.

    Its outputs are square matrices, as its operand is, or have a row for each.
    """
    op, outputs = node.op, node.outputs
    count = len(outputs)
    assert isinstance(op, Attempt)

    def attempted(x: Any) -> Sequence[Any]:
        return op.attempted(x)[:count]

    def run(x: Any) -> Any:
        check_square(x)
        found = called(attempted, [(x.shape[: v.ndim], v.dtype) for v in outputs], x)
        return tuple(found) if count > 1 else found[0]

    return run


def _is_wide(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fciu" and dtype.itemsize > 4


def _traveling(shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    if not _is_wide(dtype):
        return jax.ShapeDtypeStruct(tuple(shape), dtype)
    return jax.ShapeDtypeStruct((*shape, dtype.itemsize // 4), np.uint32)


# on the host ------------------------------------------------------------------------------------
def _read(words: Any, dtype: np.dtype[Any]) -> Any:
    given = np.asarray(words, order="C")  # of no axes, too
    return given.view(dtype)[..., 0] if _is_wide(dtype) else given


def _written(x: Any, shape: Sequence[int], dtype: Any) -> Any:
    found = np.broadcast_to(np.asarray(x, dtype), shape)
    return (
        np.ascontiguousarray(found[..., None]).view(np.uint32) if _is_wide(found.dtype) else found
    )


# in the program ---------------------------------------------------------------------------------
def _words(x: Any) -> Any:
    if not _is_wide(np.dtype(x.dtype)):
        return x
    parts = jnp.stack([x.real, x.imag], -1) if jnp.iscomplexobj(x) else x
    words = lax.bitcast_convert_type(parts, np.uint32)
    return words.reshape((*x.shape, x.dtype.itemsize // 4))


def _number(words: Any, dtype: np.dtype[Any]) -> Any:
    if not _is_wide(dtype):
        return words
    if dtype.kind != "c":
        return lax.bitcast_convert_type(words, dtype)
    part = np.dtype(f"f{dtype.itemsize // 2}")
    wide = part.itemsize > 4
    parts = words.reshape((*words.shape[:-1], 2, 2)) if wide else words
    parts = lax.bitcast_convert_type(parts, part)
    return lax.complex(parts[..., 0], parts[..., 1])
