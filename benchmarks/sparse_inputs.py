"""Sparse matrices as inputs, beside SciPy, JAX and torch, in one run.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/sparse_inputs.py [--rounds 30] [--threads 1]``.
Products ``A @ x`` and ``A.T @ x`` in float64, of 100,000 rows with 10 elements each, at random or
in a band, and the value and gradient of a sparse logistic regression.  All systems take turns, a
call each; the table has the least milliseconds of each, and how many times as long the best of the
others takes as gradcore's C.  The values are compared.

SciPy's matrices go to gradcore as they are: the checks of a call count.  JAX has the matrix as its
own BCOO, torch as a CSR tensor, made before.
"""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.sparse
from peers.report import printed
from peers.rounds import least

import gradcore
import gradcore.tensor as T

ROWS, EACH = 100_000, 10


def matrices(rng):
    """Return matrices by name."""
    size = ROWS * EACH
    anywhere = scipy.sparse.csr_array(
        (rng.normal(size=size), (rng.integers(0, ROWS, size), rng.integers(0, ROWS, size))),
        shape=(ROWS, ROWS),
    )
    offsets = np.arange(EACH) - EACH // 2
    band = scipy.sparse.diags_array(
        rng.normal(size=(EACH, ROWS)), offsets=offsets, shape=(ROWS, ROWS), format="csr"
    )
    features = scipy.sparse.csr_array(
        (rng.normal(size=size), rng.integers(0, 10_000, size), np.arange(0, size + 1, EACH)),
        shape=(ROWS, 10_000),
    )
    for matrix in (anywhere, band, features):
        matrix.sum_duplicates()
    return {"random": anywhere, "band": band, "features": features}


# systems ----------------------------------------------------------------------------------------
def by_gradcore(case, matrix, vectors, threads):
    """Return a call of a function that C runs."""
    mode = gradcore.Mode("c", threads=threads)
    A = T.sparse.csr_matrix("A", index_dtype=matrix.indices.dtype.name)
    if case == "logistic":
        w, y = T.dvectors("w", "y")
        cost = T.mean(T.softplus(-y * (A @ w)))
        f = gradcore.function([A, w, y], [cost, T.grad(cost, w)], mode=mode)
        return lambda: f(matrix, *vectors)
    x = T.dvector("x")
    f = gradcore.function([A, x], A @ x if case == "A @ x" else A.T @ x, mode=mode)
    return lambda: f(matrix, *vectors)


def by_scipy(case, matrix, vectors, threads):
    """Return a call of SciPy's products, and for a gradient of what one writes by hand."""
    if case == "A @ x":
        return lambda: matrix @ vectors[0]
    if case == "A.T @ x":
        return lambda: matrix.T @ vectors[0]
    w, y = vectors

    def value_and_gradient():
        margin = y * (matrix @ w)
        slope = -y / (1 + np.exp(margin)) / y.size
        return np.logaddexp(0, -margin).mean(), matrix.T @ slope

    return value_and_gradient


def by_jax(case, matrix, vectors, threads):
    """Return a call of a compiled function of a BCOO matrix."""
    import jax  # noqa: PLC0415 - where it is installed
    import jax.numpy as jnp  # noqa: PLC0415 - where it is installed
    from jax.experimental import sparse  # noqa: PLC0415 - where it is installed

    jax.config.update("jax_enable_x64", True)
    A = sparse.BCOO.from_scipy_sparse(matrix)
    given = [jnp.asarray(v) for v in vectors]
    if case == "logistic":

        def cost(w, A, y):
            return jnp.mean(jax.nn.softplus(-y * (A @ w)))

        f = jax.jit(jax.value_and_grad(cost))
        return lambda: jax.block_until_ready(f(given[0], A, given[1]))
    product = jax.jit(lambda A, x: (A @ x) if case == "A @ x" else (A.T @ x))
    return lambda: jax.block_until_ready(product(A, given[0]))


def by_torch(case, matrix, vectors, threads):
    """Return a call on a CSR tensor, through autograd for a gradient."""
    import torch  # noqa: PLC0415 - where it is installed

    torch.set_num_threads(threads)
    A, turned = (
        torch.sparse_csr_tensor(
            torch.from_numpy(m.indptr), torch.from_numpy(m.indices), torch.from_numpy(m.data),
            size=m.shape,
        )
        for m in (matrix, scipy.sparse.csr_array(matrix.T))
    )  # fmt: skip
    given = [torch.from_numpy(v) for v in vectors]
    if case == "A @ x":
        return lambda: (A @ given[0]).numpy()
    if case == "A.T @ x":
        return lambda: (turned @ given[0]).numpy()
    w, y = given
    w.requires_grad_()

    class Product(torch.autograd.Function):
        """Autograd has no derivative of a CSR product by its vector: here it is by A.T, in CSR."""

        @staticmethod
        def forward(ctx, w):
            return A @ w

        @staticmethod
        def backward(ctx, slope):
            return turned @ slope

    def value_and_gradient():
        cost = torch.nn.functional.softplus(-y * Product.apply(w)).mean()
        (slope,) = torch.autograd.grad(cost, w)
        return cost.item(), slope.numpy()

    return value_and_gradient


SYSTEMS = {"gradcore": by_gradcore, "SciPy": by_scipy, "JAX": by_jax, "torch": by_torch}
CASES = (("A @ x", "random"), ("A @ x", "band"), ("A.T @ x", "random"), ("A.T @ x", "band"))


def measured(case, matrix, vectors, rounds, threads):
    """Return the least seconds of each system, all taking turns; refuse other values."""
    calls = {}
    for name, made in SYSTEMS.items():
        if name in ("gradcore", "SciPy") or find_spec(name.lower()):
            calls[name] = made(case, matrix, vectors, threads)
    found = {name: call() for name, call in calls.items()}
    for name, values in found.items():
        pairs = [(values, found["SciPy"])]
        if case == "logistic":
            pairs = zip(values, found["SciPy"], strict=True)
        for x, y in pairs:
            np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-10, err_msg=name)
    return least(calls, rounds)


def main(rounds, threads):
    """Print and return the table."""
    rng = np.random.default_rng(0)
    given = matrices(rng)
    cases = [(case, name, [rng.normal(size=ROWS)]) for case, name in CASES]
    labels = np.sign(rng.normal(size=ROWS))
    cases.append(("logistic", "features", [rng.normal(size=10_000) / 10, labels]))
    rows = (
        (f"{case}, {name}", measured(case, given[name], vectors, rounds, threads))
        for case, name, vectors in cases
    )
    return printed("work", SYSTEMS, rows, lambda seconds: f"{seconds * 1e3:.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", help="where to write the seconds")
    options = parser.parse_args()
    table = main(options.rounds, options.threads)
    if options.json:
        Path(options.json).write_text(json.dumps(table, indent=1))
