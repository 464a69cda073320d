"""PyTensor, with its two backends; its C runs on all cores.

Installed by pip it finds no BLAS for its C and multiplies through NumPy instead.
"""

import warnings
from types import SimpleNamespace

import pytensor
import pytensor.tensor as T
from pytensor.compile.mode import CVM, NUMBA
from pytensor.gradient import Rop
from pytensor.tensor.special import log_softmax

from peers import theano
from peers.program import NotHere, Program

WORDS = SimpleNamespace(
    scan=lambda *args, **options: pytensor.scan(*args, **options, return_updates=False),
    log_softmax=log_softmax,
    tril=T.tril,
    batched_dot=T.matmul,
    Rop=Rop,
)
MODES = {"c": CVM, "numba": NUMBA}
pytensor.config.openmp = True


def build(case, inputs, mode, unchecked=""):
    """Return a case compiled by a backend, with or without checks of the arguments."""
    if unchecked and not case.name.startswith("call"):
        raise NotHere
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f = pytensor.function(*getattr(theano, case.name)(WORDS, T, *case.sizes), mode=MODES[mode])
    f.trust_input = bool(unchecked)
    return Program(f)
