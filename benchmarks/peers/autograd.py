"""autograd: NumPy, taped; for the cases without a loop."""

import autograd
import autograd.numpy as anp
from autograd.scipy.special import logsumexp

from peers import costs
from peers.program import NotHere, Program

CASES = ("call_scalar", "logistic", "cross_entropy", "gmm", "gmm_full", "layer_norm", "mlp", "hvp")


def build(case, inputs):
    """Return a case."""
    if case.name not in CASES:
        raise NotHere

    def cost(*inputs):
        return getattr(costs, case.name)(anp, logsumexp, *inputs)

    if case.name == "hvp":
        product = autograd.hessian_vector_product(cost, 2)
        return Program(product)
    wrt = costs.WRT[case.name]
    if case.name in costs.ONLY_GRADIENT:
        return Program(autograd.grad(cost, wrt[0]))
    derived = autograd.value_and_grad(lambda chosen, *inputs: cost(*_with(inputs, wrt, chosen)))

    def call(*inputs):
        value, gradients = derived(tuple(inputs[i] for i in wrt), *inputs)
        return value, *gradients

    return Program(call)


def _with(inputs, places, values):
    """Return inputs with others at some places."""
    found = list(inputs)
    for i, value in zip(places, values, strict=True):
        found[i] = value
    return found
