"""gradcore in a mode, for models: parameters are of known shapes, data of any length."""

from types import SimpleNamespace

import gradcore
import gradcore.tensor as T
from peers import theano_models
from peers.models import RATE
from peers.program import Program

WORDS = SimpleNamespace(
    scan=lambda *args, **options: gradcore.scan(*args, **options)[0],
    solve_lower=lambda a, b: T.linalg.solve_triangular(a, b, lower=True),
    normal=lambda key, shape, dtype: T.random.normal(key, shape=shape, dtype=dtype),
)


def variable(array):
    """Return an input for arrays like this one."""
    return T.tensor(None, str(array.dtype), (None, *array.shape[1:]) if array.ndim else ())


def parameter(array, trained):
    """Return a variable for arrays of the shape of this one, shared if it is trained."""
    if trained:
        return gradcore.shared(array, shape=array.shape)
    return T.tensor(None, str(array.dtype), array.shape)


def build(case, inputs, mode):
    """Return a case compiled in a mode."""
    known = {i: parameter(inputs[i], case.trained) for i in case.wrt}
    variables = [known[i] if i in known else variable(a) for i, a in enumerate(inputs)]
    data = [x for i, x in enumerate(variables) if not (case.trained and i in known)]
    wrt = list(known.values())
    value = theano_models.expression(case, WORDS, T, variables)
    if case.trained:
        updates = T.nn.sgd(value, wrt, RATE)
        step = gradcore.function(data, value, updates=updates, mode=mode)
        return Program(step, lambda *arrays: arrays[: len(data)])
    values = value if isinstance(value, tuple) else (value,)
    outputs = [*values, *(T.grad(value, wrt) if wrt else ())]
    f = gradcore.function(data, outputs, mode=mode, on_unused_input="ignore")
    return Program(f)
