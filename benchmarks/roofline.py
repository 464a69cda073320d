"""How near each program comes to what the machine can do: ``python benchmarks/roofline.py``.

    python benchmarks/roofline.py [--only "rnn,gmm"] [--seconds 0.2]

The roofline model (Williams, Waterman and Patterson, "Roofline: an insightful visual performance
model for multicore architectures", 2009): a program takes at least the time in which the machine
moves the bytes that it must move, and at least that in which it does the arithmetic.

bytes : of inputs and outputs, each once; what is between may stay in registers and caches.
operations : of the optimized graph, counted by what its ops declare (`Op.operations_of`) while it
    runs on the reference: a sum of n terms is n, a product of matrices two for each of its terms,
    a function as exp as many as it is declared to take.
bandwidth : of a copy of as many bytes, so of the cache in which these have room.
peak : of a product of matrices, 1024 x 1024, by the BLAS, in the dtype of the inputs.

The share is that of the bound that binds.  A program whose steps wait for each other (a scan of
scalars) is bound by neither, but by latency.  All is measured in turn, on one thread, best of many;
then calls on one and two threads, and the workspace beside the temporary memory of JAX.
"""

import argparse
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter

import numpy as np
from peers import PEERS, in_mode, theano
from peers.cases import CASES
from peers.gradcore import WORDS
from peers.program import NotHere
from peers.report import shown
from peers.rounds import Timed, run

import gradcore
import gradcore.tensor as T
from gradcore.execute import straight_line
from gradcore.ops.scan import Scan

JAX = next(peer for peer in PEERS if peer.name == "JAX")
SIDE = 1024
"""Of the matrices whose product shows the peak."""


@dataclass(frozen=True)
class Need:
    """What a program must do: bytes to move, and operations of floats."""

    bytes: int
    operations: int


def needed(function, arguments):
    """Return what a compiled function needs for some arguments."""
    count = 0

    def kernel(node):
        op = node.op
        if isinstance(op, Scan):
            return op.loop(straight_line(op.body, kernel))
        compute = op.kernel(node)
        computes = bool(op.ulp) and any(v.type.is_inexact for v in node.outputs)

        def counted(*arrays):
            nonlocal count
            found = compute(*arrays)
            if computes:
                outputs = found if isinstance(found, tuple) else (found,)
                operands = [gradcore.graph.Operand(np.shape(a), a) for a in arrays]
                count += int(op.operations_of(operands, [np.shape(a) for a in outputs]))
            return found

        return counted

    outputs = straight_line(function.maker.fgraph, kernel)(*arguments)
    arrays = [np.asarray(a) for a in (*arguments, *outputs)]
    return Need(sum(a.nbytes for a in arrays), count)


def bandwidth(size, seconds):
    """Return how many bytes a second a copy moves, reads and writes, of ``size`` bytes in all."""
    given = np.zeros(max(size // 2, 64), "uint8")
    taken = np.ones_like(given)
    return 2 * given.nbytes / best(lambda: np.copyto(taken, given), seconds)


def peak(dtype, seconds):
    """Return how many operations a second a product of matrices takes."""
    a = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(dtype)
    out = np.empty_like(a)
    return 2 * SIDE**3 / best(lambda: np.matmul(a, a, out), seconds)


def best(call, seconds):
    """Return the least time of a call."""
    found, end = float("inf"), perf_counter() + seconds
    while True:
        start = perf_counter()
        call()
        found = min(found, perf_counter() - start)
        if perf_counter() >= end:
            return found


def workspace(case, inputs):
    """Return how many bytes of workspace a call uses, on one thread."""
    built = getattr(theano, case.name)(WORDS, T, *case.sizes)
    f = gradcore.function(*built, mode=gradcore.Mode("c", threads=1), profile=True)
    f(*inputs)
    return f.profile.peak_bytes


def temporary(case, inputs):
    """Return how many bytes of temporary memory JAX plans for a case; None: it is not here."""
    if JAX.version() is None:
        return None
    try:
        compiled = import_module("peers.jax").jitted(case).lower(*inputs).compile()
    except (AttributeError, NotHere):
        return None
    return compiled.memory_analysis().temp_size_in_bytes


def row(case, seconds):
    """Return what a case needs, and the cells of its row."""
    inputs = case.drawn()
    programs = {
        threads: in_mode(gradcore.Mode("c", threads=threads)).build(case, inputs)
        for threads in (1, 2)
    }
    function = programs[1].call
    need = needed(function, inputs)
    timed = {threads: Timed(program, inputs) for threads, program in programs.items()}
    run(timed, 6, seconds, 10.0)
    dtypes = [str(a.dtype) for a in inputs if a.dtype.kind == "f"]
    bounds = {
        "bandwidth": need.bytes / bandwidth(need.bytes, seconds),
        "arithmetic": need.operations / peak(dtypes[0], seconds),
    }
    binds = max(bounds, key=bounds.__getitem__)
    theirs = temporary(case, inputs)
    return need, [
        case.title,
        f"{need.bytes / 1e6:.3g} MB",
        f"{need.operations / 1e6:.3g} M",
        shown(timed[1].best),
        f"{bounds[binds] / timed[1].best:.0%} of {binds}",
        f"{timed[1].best / timed[2].best:.2f}",
        f"{workspace(case, inputs) / 1e6:.3g} MB",
        "" if theirs is None else f"{theirs / 1e6:.3g} MB",
    ]


HEAD = [
    "work", "bytes", "operations", "one thread", "share", "two threads, times", "workspace",
    "JAX's temporaries",
]  # fmt: skip


def main(only=None, seconds=0.2):
    """Print the table, and return what each program needs; of all cases, or those named."""
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    needs = {}
    for case in CASES:
        if only is None or case.name in only:
            needs[case.name], cells = row(case, seconds)
            print(f"| {' | '.join(cells)} |", flush=True)
    return needs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="names of cases, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each measurement")
    given = parser.parse_args()
    main(given.only and given.only.split(","), given.seconds)
