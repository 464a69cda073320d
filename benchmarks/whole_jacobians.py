"""Jacobians and Hessians that are needed as a whole, beside JAX's in both modes, in one run.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/whole_jacobians.py [--seconds 0.5]``.  For each
function the best of many calls in turns, in microseconds: gradcore as one writes it, extents
unknown; JAX with ``jacfwd`` and ``jacrev`` (of the gradient, for a Hessian), where it is installed;
and how many times longer the faster of the two takes.
"""

import argparse
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from peers import whole_jacobians
from peers.program import Program
from peers.rounds import TOLERANCE, Timed, difference, run

import gradcore
import gradcore.tensor as T

ROUNDS = 5
"""How often each program has its turn."""


def per_row(f, x, *constants):
    """Return the Jacobians of a function of rows."""
    found, _ = gradcore.scan(lambda row: T.jacobian(f(T, row, *constants), row), x)
    return found


def compiled(case):
    """Return a case as a program of gradcore."""
    inputs = [T.tensor(dtype="float64", shape=(None,) * len(s)) for s in case.shapes]
    x, *constants = inputs
    if case.kind == "rows":
        output = per_row(case.function, x, *constants)
    elif case.kind == "batch":
        output = T.einsum("bnbm->bnm", T.jacobian(case.function(T, x, *constants), x))
    elif case.kind == "hessian":
        output = T.hessian(case.function(T, x, *constants), x)
    else:
        output = T.jacobian(case.function(T, x, *constants), x)
    return Program(gradcore.function(inputs, output, mode="c"))


def main(seconds):
    """Print a line of a table in Markdown a case."""
    jax = import_module("peers.jax_whole") if find_spec("jax") else None
    heads = ["gradcore", *(["jacfwd", "jacrev"] if jax else [])]
    print("| us | " + " | ".join([*heads, "JAX / gradcore"]) + " |")
    print("|---" + "|--:" * (len(heads) + 1) + "|")
    for title, case in whole_jacobians.CASES.items():
        rng = np.random.default_rng(0)
        values = [rng.normal(size=s) / max(s[-1], 1) ** (len(s) > 1) for s in case.shapes]
        made = [compiled(case), *(jax.programs(case) if jax else ())]
        programs = {k: Timed(program, values) for k, program in enumerate(made)}
        for k, program in programs.items():
            off = difference(program.results, programs[0].results, TOLERANCE["float64"])
            assert off is None, f"{title}, {heads[k]}: {off}"
        times = [1e6 * t for t in run(programs, ROUNDS, seconds / ROUNDS, 10).values()]
        ratio = f"{min(times[1:]) / times[0]:.1f}" if jax else ""
        cells = [f"{t:,.1f}" for t in times]
        print(f"| {title} | " + " | ".join([*cells, ratio]) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="a program of a case")
    main(parser.parse_args().seconds)
