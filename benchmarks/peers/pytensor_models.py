"""PyTensor, for models, with one of its backends."""

import warnings
from types import SimpleNamespace

import pytensor
import pytensor.tensor as T
from pytensor.compile.mode import CVM, NUMBA
from pytensor.tensor.random.utils import RandomStream

from peers import theano_models
from peers.program import NotHere, Program

WORDS = SimpleNamespace(
    scan=lambda *args, **options: pytensor.scan(*args, **options, return_updates=False),
    solve_lower=lambda a, b: T.linalg.solve_triangular(a, b, lower=True, b_ndim=b.ndim),
    normal=lambda key, shape, dtype: RandomStream(7).normal(size=shape, dtype=dtype),
)
MODES = {"c": CVM, "numba": NUMBA}
pytensor.config.openmp = True


def build(case, inputs, mode):
    """Return a case compiled by a backend."""
    if case.trained:
        raise NotHere
    variables = [T.tensor(dtype=str(a.dtype), shape=(None,) * a.ndim) for a in inputs]
    value = theano_models.expression(case, WORDS, T, variables)
    wrt = [variables[i] for i in case.wrt]
    values = value if isinstance(value, tuple) else (value,)
    outputs = [*values, *(T.grad(value, wrt) if wrt else ())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f = pytensor.function(variables, outputs, mode=MODES[mode], on_unused_input="ignore")
    return Program(f)
