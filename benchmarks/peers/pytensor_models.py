"""PyTensor, for models, with one of its backends."""

import warnings
from types import SimpleNamespace

import pytensor
import pytensor.tensor as T
from pytensor.compile.mode import CVM, NUMBA
from pytensor.tensor.random.utils import RandomStream

from peers import programs, theano_models
from peers.program import NotHere, Program

WORDS = SimpleNamespace(
    scan=lambda *args, **options: pytensor.scan(*args, **options, return_updates=False),
    solve_lower=lambda a, b: T.linalg.solve_triangular(a, b, lower=True, b_ndim=b.ndim),
    normal=lambda key, shape, dtype: RandomStream(7).normal(size=shape, dtype=dtype),
)


def fold(step, first, elements, *constants):
    """Return the last state of a loop."""
    counted = isinstance(elements, int)
    states = pytensor.scan(
        (lambda state, *rest: step(state, None, *rest))
        if counted
        else (lambda element, state, *rest: step(state, element, *rest)),
        None if counted else elements,
        first,
        list(constants),
        n_steps=elements if counted else None,
        return_updates=False,
    )
    return states[-1]


PROGRAMS = programs.Words(
    fold=fold,
    least=lambda x: T.min(x, axis=-1),
    sort=T.sort,
    logsumexp=T.logsumexp,
    padded=lambda x: T.pad(x, 1),
)
MODES = {"c": CVM, "numba": NUMBA}
pytensor.config.openmp = True


def build(case, inputs, mode):
    """Return a case compiled by a backend."""
    if case.trained:
        raise NotHere
    variables = [T.tensor(dtype=str(a.dtype), shape=(None,) * a.ndim) for a in inputs]
    if hasattr(programs, case.name):
        value = getattr(programs, case.name)(T, PROGRAMS, *variables)
    else:
        value = getattr(theano_models, case.name)(WORDS, T, *variables)
    wrt = [variables[i] for i in case.wrt]
    values = value if isinstance(value, tuple) else (value,)
    outputs = [*values, *(T.grad(value, wrt) if wrt else ())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f = pytensor.function(variables, outputs, mode=MODES[mode], on_unused_input="ignore")
    return Program(f)
