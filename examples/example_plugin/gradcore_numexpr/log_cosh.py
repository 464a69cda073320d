"""The op ``log_cosh``: log(cosh(x)), for x of any size."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from gradcore import tensor as T
from gradcore.ops.elementwise import elementwise
from gradcore.rewrite import Changes, Stage


def _log_cosh(x: Any) -> Any:
    """Return |x| + log((1 + exp(-2 |x|)) / 2), which never overflows."""
    size = np.abs(x)
    return size + np.log1p(np.expm1(-2 * size) / 2)


def _expansion(x: Any) -> Any:
    """Return the same with other rows: so it runs wherever loops are generated, as on C."""
    return T.abs(x) + T.log1p(T.expm1(-2 * T.abs(x)) / 2)


log_cosh = elementwise(
    "log_cosh",
    _log_cosh,
    "log(cosh(x)), without overflow",
    lambda t, x, z: t * T.tanh(x),
    ulp=8,
    expansion=_expansion,
)
"""The op: a word of the tensor language, with both modes of its derivative."""

STABILIZE = Stage("stabilize")


@STABILIZE.rule(lambda x: T.log(T.cosh(x)), changes=Changes(rounding=8, more_exact=True))
def log_cosh_of(x: Any) -> Any:
    """log(cosh(x)) = log_cosh(x)"""
    return log_cosh(x)


def kernels_of(backend: str) -> Mapping[Any, Any]:
    """Return kernels of the op for backends that have another array library."""
    if backend == "jax":
        jnp = import_module("jax.numpy")
        return {log_cosh: lambda x: jnp.abs(x) + jnp.log1p(jnp.expm1(-2 * jnp.abs(x)) / 2)}
    if backend == "torch":
        torch = import_module("torch")
        return {log_cosh: lambda x: x.abs() + torch.log1p(torch.expm1(-2 * x.abs()) / 2)}
    return {}
