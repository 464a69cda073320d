"""gradcore in a mode."""

from types import SimpleNamespace

import gradcore
import gradcore.tensor as T
from peers import theano
from peers.program import Program

WORDS = SimpleNamespace(
    scan=lambda *args, **options: gradcore.scan(*args, **options)[0],
    log_softmax=T.log_softmax,
    tril=T.tril,
    batched_dot=T.batched_dot,
    Rop=gradcore.Rop,
    jacobian=gradcore.jacobian,
)


def build(case, inputs, mode):
    """Return a case compiled in a mode."""
    return Program(gradcore.function(*getattr(theano, case.name)(WORDS, T, *case.sizes), mode=mode))
