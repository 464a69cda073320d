"""Functions of single values, vectorized: beside those written by hand, JAX's vmap, torch's vmap.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/vectorize.py [--seconds 0.5]``.  For each function the
best of many calls in turns, in microseconds, for all values at once: ``T.vectorize`` of the
function of one value; the same written by hand for the whole stack; ``jax.jit(jax.vmap(f))`` and
``torch.func.vmap(f)``, where they are installed.  Extents are unknown when gradcore compiles.
Results are compared.  The table is in Markdown.
"""

import argparse
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from peers.program import Program
from peers.rounds import TOLERANCE, Timed, difference, run

import gradcore
import gradcore.tensor as T
from gradcore.derive import Linear
from gradcore.graph import Op

ROUNDS = 5
"""How often each program has its turn."""


@dataclass(frozen=True)
class Mirrored(Op):
    """A vector, read from its end: an op of a user's own, which says nothing of stacks."""

    derivative = Linear((lambda op, ct, x: ct[::-1],))

    def shape(self, x):
        """Return that of the operand."""
        return x.shape

    def reference(self, x):
        """Return the values."""
        return x[::-1]

    def element(self, node, at, x):
        """Return the element at an index."""
        return x(x.extent(0) - 1 - at[0])


def layers(x, v, w):
    """Return two layers."""
    return T.tanh(w @ T.tanh(v @ x))


def slopes(x, v, w):
    """Return the gradient of a cost of one example in the first weights."""
    return T.grad((layers(x, v, w) ** 2).sum(), v)


def states(x, v):
    """Return the last state of a recurrent layer."""
    found, _ = gradcore.scan(lambda e, h, v: T.tanh(v @ h + e), x, T.zeros_like(x[0]), v)
    return found[-1]


def layers_by_hand(x, v, w):
    """Return two layers of rows."""
    return T.tanh(T.tanh(x @ v.T) @ w.T)


def slopes_by_hand(x, v, w):
    """Return the gradients of all examples."""
    hidden = T.tanh(x @ v.T)
    y = T.tanh(hidden @ w.T)
    back = (2 * y * (1 - y**2)) @ w * (1 - hidden**2)
    return back[:, :, None] * x[:, None, :]


def states_by_hand(x, v):
    """Return the last states of all rows."""

    def step(e, h, v):
        return T.tanh(h @ v.T + e)

    found, _ = gradcore.scan(step, x.swapaxes(0, 1), T.zeros_like(x[:, 0]), v)
    return found[-1]


@dataclass(frozen=True)
class Case:
    """A function of one value, its signature as NumPy's, the same by hand, and operands."""

    function: object
    signature: str
    by_hand: object
    shapes: tuple


CASES = {
    "two layers 64 -> 64 -> 10, 1000 rows": Case(
        layers, "(n),(m,n),(k,m)->(k)", layers_by_hand, ((1000, 64), (64, 64), (10, 64))
    ),
    "gradients of 200 examples in 64 x 64 weights": Case(
        slopes, "(n),(m,n),(k,m)->(m,n)", slopes_by_hand, ((200, 64), (64, 64), (10, 64))
    ),
    "solve, 1000 of 8 x 8": Case(T.linalg.solve, "(n,n),(n)->(n)", None, ((1000, 8, 8), (1000, 8))),
    "recurrent layer, 50 steps, 100 rows of 32": Case(
        states, "(t,n),(n,n)->(n)", states_by_hand, ((100, 50, 32), (32, 32))
    ),
    "an op of one's own, 1000 rows of 100": Case(
        lambda x: Mirrored()(x) * T.exp(-x * x),
        "(n)->(n)",
        lambda x: x[:, ::-1] * T.exp(-x * x),
        ((1000, 100),),
    ),
}


def compiled(case):
    """Return a case as programs of gradcore: vectorized, and by hand, if that is another."""
    inputs = [T.tensor(dtype="float64", shape=(None,) * len(s)) for s in case.shapes]
    functions = [T.vectorize(case.function, case.signature), case.by_hand]
    return [
        None if f is None else Program(gradcore.function(inputs, f(*inputs), mode="c"))
        for f in functions
    ]


def main(seconds):
    """Print a line a case; return the microseconds of each."""
    peers = {
        f"{name}.vmap": import_module(f"peers.{name}_vectorized").PROGRAMS
        for name in ("jax", "torch")
        if find_spec(name)
    }
    heads = ["T.vectorize", "by hand", *peers]
    print("| us | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 1) + "|")
    found = {}
    for title, case in CASES.items():
        rng = np.random.default_rng(0)
        values = [rng.normal(size=s) / max(s[-1], 1) ** 0.5 for s in case.shapes]
        if case.function is T.linalg.solve:
            values[0] += 2 * np.eye(8)
        made = [*compiled(case), *(programs[title] for programs in peers.values())]
        programs = {
            head: Timed(program, values)
            for head, program in zip(heads, made, strict=True)
            if program is not None
        }
        for head, program in programs.items():
            off = difference(program.results, programs[heads[0]].results, TOLERANCE["float64"])
            assert off is None, f"{title}, {head}: {off}"
        times = run(programs, ROUNDS, seconds / ROUNDS, 10)
        found[title] = {head: 1e6 * t for head, t in times.items()}
        cells = (f"{found[title][head]:,.0f}" if head in times else "" for head in heads)
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="a program of a case")
    main(parser.parse_args().seconds)
