"""Products with a Jacobian or a Hessian beside the products written by hand, in one run.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/jacobians.py [--n 800] [--seconds 0.5]``.  A layer
and a cost of ``n`` variables; for each product the best of many calls in turns, in microseconds:
as one writes it with `jacobian`, `hessian` or the tutorial's scan; by hand with `Rop` and `Lop`;
and, where JAX is installed, as one writes it there (``jacrev(f)(x) @ v``), and by hand there.
"""

import argparse
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from peers.program import Program
from peers.rounds import TOLERANCE, Timed, difference, run

import gradcore
import gradcore.tensor as T

X, V = T.dvectors("X", "V")
W = T.dmatrix("W")
Y = T.tanh(T.dot(W, X)) * X
COST = (T.tanh(T.dot(W, X)) ** 2).sum()

ROUNDS = 5
"""How often each program has its turn."""


def rows(y, x):
    """Return the Jacobian by the tutorial's scan."""
    found, _ = gradcore.scan(
        lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x]
    )
    return found


def twice(step, v):
    """Return what two steps of a loop make of a vector."""
    return gradcore.scan(step, outputs_info=v, n_steps=2)[0][-1]


def by_hand(v):
    """Return the Hessian times a vector."""
    return T.hessian_vector_product(COST, X, v)


J, H, S = T.jacobian(Y, X), T.hessian(COST, X), rows(Y, X)
STACKED = 100
STACK = T.stack([T.grad(Y[i], X) for i in range(STACKED)])
ROWS, ALONG = X.reshape((8, -1)), V.reshape((8, -1))
OF_ROWS = T.tanh(T.dot(ROWS, W[: ROWS.shape[1], : ROWS.shape[1]]))
J4 = T.jacobian(OF_ROWS, ROWS)
FEW = W[:, :8]
UNIT = T.set_subtensor(T.zeros_like(X)[3], 1.0)
CASES = {
    "J @ v": (T.dot(J, V), T.Rop(Y, X, V)),
    "v @ J": (T.dot(V, J), T.Lop(Y, X, V)),
    "J.T @ J @ v": (J.T @ J @ V, T.Lop(Y, X, T.Rop(Y, X, V))),
    "J @ M, 8 columns": (J @ FEW, gradcore.scan(lambda v: T.Rop(Y, X, v), FEW.T)[0].T),
    "(2 * J + W) @ v": (T.dot(2 * J + W, V), 2 * T.Rop(Y, X, V) + T.dot(W, V)),
    "(J * v).sum(1)": ((J * V).sum(1), T.Rop(Y, X, V)),
    "J[3]": (J[3], T.Lop(Y, X, UNIT)),
    "J[3] @ v": (T.dot(J[3], V), T.dot(T.Lop(Y, X, UNIT), V)),
    "J * outer, sum": ((J * T.outer(V, X)).sum(), T.dot(T.Lop(Y, X, V), X)),
    "J, tensordot with outer": (
        T.tensordot(J, T.outer(V, X), 2),
        T.dot(T.Lop(Y, X, V), X),
    ),
    "trace(J.T @ outer)": (T.trace(J.T @ T.outer(V, X)), T.dot(T.Lop(Y, X, V), X)),
    "J[[3, 5]] @ v": (T.dot(J[[3, 5]], V), T.Rop(Y, X, V)[[3, 5]]),
    "v[:2] @ J[[3, 5]]": (
        T.dot(V[:2], J[[3, 5]]),
        T.Lop(Y, X, T.inc_subtensor(T.zeros_like(X)[[3, 5]], V[:2])),
    ),
    "ifelse(c, J, 2 * J) @ v": (
        T.dot(T.ifelse(X[0] > 0, J, 2 * J), V),
        T.ifelse(X[0] > 0, T.Rop(Y, X, V), 2 * T.Rop(Y, X, V)),
    ),
    "(J @ W)[3]": ((J @ W)[3], T.dot(T.Lop(Y, X, UNIT), W)),
    "einsum of J, J, v": (T.einsum("ij,ik,k->j", J, J, V), T.Lop(Y, X, T.Rop(Y, X, V))),
    "loop in a loop": (
        twice(lambda v: twice(lambda u: T.dot(H, u), v), V),
        twice(lambda v: twice(by_hand, v), V),
    ),
    "J4, tensordot": (T.tensordot(J4, ALONG, 2), T.Rop(OF_ROWS, ROWS, ALONG)),
    "J[:, 3]": (J[:, 3], T.Rop(Y, X, UNIT)),
    "J.sum(0)": (J.sum(0), T.Lop(Y, X, T.ones_like(X))),
    "H @ v": (T.dot(H, V), T.hessian_vector_product(COST, X, V)),
    "v @ H @ v": (V @ H @ V, T.dot(V, T.hessian_vector_product(COST, X, V))),
    "scan @ v": (T.dot(S, V), T.Rop(Y, X, V)),
    "stack @ v": (T.dot(STACK, V), T.Rop(Y, X, V)[:STACKED]),
}
"""Products as one writes them, and by hand."""


def in_jax():
    """Return the same products in JAX, as pairs of programs; none without JAX."""
    return import_module("peers.jax_products").products() if find_spec("jax") else {}


def compiled(output):
    """Return a product as a program."""
    return Program(gradcore.function([X, W, V], output, mode="c", on_unused_input="ignore"))


def main(n, seconds):
    """Print a line of a table in Markdown a product, and return the microseconds of each."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=n), rng.normal(size=(n, n)) / n**0.5, rng.normal(size=n)
    peers = in_jax()
    heads = ["written", "by hand", *(["JAX written", "JAX by hand"] if peers else [])]
    print(f"| n = {n} | " + " | ".join([*heads, "written / by hand"]) + " |")
    print("|---" + "|--:" * (len(heads) + 1) + "|")
    found = {}
    for name, pair in CASES.items():
        made = [*map(compiled, pair), *peers.get(name, ())]
        programs = {k: Timed(program, values) for k, program in enumerate(made)}
        for k, program in programs.items():
            off = difference(program.results, programs[1].results, TOLERANCE["float64"])
            assert off is None, f"{name}, {heads[k]}: {off}"
        times = run(programs, ROUNDS, seconds / ROUNDS, float("inf"))
        found[name] = [1e6 * t for t in times.values()]
        shown = [f"{t:,.1f}" for t in found[name]] + [""] * (len(heads) - len(found[name]))
        ratio = f"{found[name][0] / found[name][1]:.2f}"
        print(f"| {name} | " + " | ".join([*shown, ratio]) + " |", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=800, help="how many variables")
    parser.add_argument("--seconds", type=float, default=0.5, help="a program of a product")
    given = parser.parse_args()
    main(given.n, given.seconds)
