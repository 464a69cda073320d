"""Sparse Jacobians and Hessians, beside those of CasADi and asdex, in one run.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/sparse.py [--seconds 0.5] [--only bundle]``.  For each
function and system: the seconds of the set-up, which ends with the first value, and the best of
many calls in turns, in microseconds, from a vector to the nonzeros of a sparse matrix: SciPy's CSR
for gradcore, CasADi's DM, JAX's BCOO for asdex.  Peers that are not installed are left out, and the
largest case stops those that take longer than its limit.  The matrices are compared.  At the end
stands the most memory that the process had, and the table in Markdown.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
from importlib.util import find_spec
from time import perf_counter

import numpy as np
import scipy.sparse
from peers import sparse
from peers.program import Program
from peers.rounds import TOLERANCE, Timed, run

import gradcore
import gradcore.tensor as T
from gradcore.optimize import ScalarFunction, VectorFunction

ROUNDS = 5
"""How often each program has its turn."""


def by_gradcore(case):
    """Return a case as a program, and a function from its result to a matrix of SciPy."""
    x = T.tensor("x", "float64", case.at.shape)
    expression = case.function(T, x)
    find = T.sparse_hessian if case.hessian else T.sparse_jacobian
    found = find(expression, x)
    nonzeros = gradcore.function([x], found.data, mode="c")
    return Program(lambda x: found.toscipy(nonzeros(x))), lambda matrix: matrix


def by_methods(case):
    """Return a case as a user of `gradcore.optimize` calls it, checks and copies included."""
    x = T.tensor("x", "float64", case.at.shape)
    made = ScalarFunction if case.hessian else VectorFunction
    f = made(case.function(T, x), x, mode="c")
    method = f.hess if case.hessian else f.jac
    points = itertools.cycle([case.at, case.at + 1e-14])  # the last one is remembered
    return Program(lambda _: method(next(points))), lambda matrix: matrix


def by_casadi(case):
    """Return a case as CasADi's virtual machine runs it, of symbols that NumPy computes with."""
    import casadi  # noqa: PLC0415 - where it is installed

    x = casadi.SX.sym("x", len(case.at))
    elements = np.empty(len(case.at), dtype=object)
    for k in range(len(case.at)):
        elements[k] = x[k]
    y = case.function(np, elements)
    y = y if isinstance(y, casadi.SX) else casadi.vertcat(*y)
    matrix = casadi.hessian(y, x)[0] if case.hessian else casadi.jacobian(y, x)
    return (
        Program(casadi.Function("f", [x], [matrix]), lambda x: [casadi.DM(x)]),
        lambda found: scipy.sparse.csr_array(found.sparse()),
    )


def by_asdex(case):
    """Return a case in JAX, by asdex's colours."""
    import asdex  # noqa: PLC0415 - where they are installed
    import jax  # noqa: PLC0415 - and here

    jax.config.update("jax_enable_x64", True)
    make = asdex.hessian if case.hessian else asdex.jacobian
    at = jax.numpy.asarray(case.at)
    compiled = jax.jit(make(lambda x: case.function(jax.numpy, x), at))
    return (
        Program(lambda x: compiled(x).block_until_ready(), lambda x: [jax.numpy.asarray(x)]),
        lambda found: scipy.sparse.csr_array(
            (np.asarray(found.data), np.asarray(found.indices).T), shape=found.shape
        ),
    )


def without_result(call):
    """Return a function that is not asked for a result: not all matrices become arrays cheaply."""

    def run(*arguments):
        call(*arguments)
        return 0

    return run


SYSTEMS = {"casadi": by_casadi, "asdex": by_asdex}


def measured(case, seconds, peers):
    """Return for each system the seconds of its set-up and of a call, and the nonzeros."""
    builds = {"gradcore": by_gradcore, "methods": by_methods}
    builds |= {k: v for k, v in SYSTEMS.items() if k in peers}
    setups, programs, wanted = {}, {}, None
    for name, build in builds.items():
        start = perf_counter()
        program, matrix = build(case)
        arguments = program.take(case.at)
        found = program.call(*arguments)
        setups[name] = perf_counter() - start
        found = matrix(found)
        wanted = found if wanted is None else wanted
        off = abs(found - wanted).max() / abs(wanted).max()
        assert off < TOLERANCE["float64"], f"{name} is off by {off}"
        programs[name] = Timed(Program(without_result(program.call)), arguments)
    return setups, run(programs, ROUNDS, seconds / ROUNDS, 20), wanted.nnz


def alone(title, seconds, peer, limit):
    """Return the seconds of a peer's set-up and of its call, in a process; None: past the limit."""
    command = [sys.executable, __file__, "--seconds", str(seconds), "--only", title, "--of", peer]
    try:
        found = subprocess.run(command, capture_output=True, check=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    return json.loads(found.stdout)


def main(seconds=0.5, only="", peers=tuple(SYSTEMS)):
    """Print a line a case; return what was measured."""
    here = [k for k in peers if find_spec(k)]
    names = ["gradcore", "methods", *here]
    print(f"{'set-up in s, call in us':40}{'nonzeros':>10}" + "".join(f"{k:>19}" for k in names))
    results, rows = {}, []
    for title, case in sparse.CASES.items():
        if only not in title:
            continue
        together = [] if case.limit else [k for k in here if k in case.peers]
        setups, times, nonzeros = results[title] = measured(case, seconds, together)
        cells = {k: (f"{setups[k]:.2f}", f"{1e6 * times[k]:.1f}") for k in times}
        for peer in here if case.limit else ():
            found = alone(title, seconds, peer, case.limit)
            cells[peer] = ("", f"> {case.limit:.0f} s") if found is None else tuple(found)
        shown = [cells.get(k, ("", "")) for k in names]
        columns = "".join(f"{setup:>8} {time:>10}" for setup, time in shown)
        print(f"{title:40}{nonzeros:10,}{columns}", flush=True)
        rows.append([title, f"{nonzeros:,}", *(" / ".join(filter(None, cell)) for cell in shown)])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"the process had {most:.2f} GiB at most\n")
    heads = ["set-up in s / call in us", "nonzeros", *names]
    for row in (heads, ["---"] * len(heads), *rows):
        print("| " + " | ".join(row) + " |")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="a program of a case")
    parser.add_argument("--only", default="", help="a part of the titles of cases to run")
    parser.add_argument(
        "--of", choices=SYSTEMS, help="one peer, as JSON, of the case of this title"
    )
    given = parser.parse_args()
    if given.of is None:
        main(given.seconds, given.only)
    else:
        setups, times, _ = measured(sparse.CASES[given.only], given.seconds, [given.of])
        print(json.dumps([f"{setups[given.of]:.2f}", f"{1e6 * times[given.of]:.1f}"]))
