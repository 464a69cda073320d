"""CasADi, for the cases with little data; its virtual machine, in double precision."""

import casadi

from peers.program import NotHere, Program


def call_scalar(inputs):
    """The tutorial's first example."""
    x = casadi.SX.sym("x")
    return casadi.Function("f", [x], [casadi.gradient(x**2, x)])


def call_ten(inputs):
    """Little work for many arguments."""
    a = [casadi.SX.sym(f"a{i}", 3) for i in range(10)]
    return casadi.Function("f", a, [sum(a[1:], a[0])])


def logistic(inputs):
    """The tutorial's logistic function."""
    x = casadi.MX.sym("x", *inputs[0].shape)
    cost = casadi.sum1(casadi.sum2(1 / (1 + casadi.exp(-x))))
    return casadi.Function("f", [x], [casadi.gradient(cost, x)])


def scan_scalar(inputs):
    """The sum of all states."""
    x, a, b = (casadi.MX.sym(name) for name in "xab")
    step = casadi.Function("step", [x, a, b], [casadi.tanh(a * x + b)])
    states = step.mapaccum(10_000)(x, casadi.repmat(a, 1, 10_000), casadi.repmat(b, 1, 10_000))
    cost = casadi.sum2(states)
    return casadi.Function("f", [x, a, b], [cost, *(casadi.gradient(cost, v) for v in (x, a, b))])


CASES = {f.__name__: f for f in (call_scalar, call_ten, logistic, scan_scalar)}


def build(case, inputs):
    """Return a case."""
    if case.name not in CASES:
        raise NotHere
    return Program(CASES[case.name](inputs), lambda *arrays: list(map(casadi.DM, arrays)))
