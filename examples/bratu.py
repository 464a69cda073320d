"""Solve Bratu's equation on a square by Newton's method with a sparse Jacobian.

Run it: ``python examples/bratu.py``.  The equation is -(u_xx + u_yy) = rate * exp(u), with u = 0
on the border, by finite differences on a grid.  Nobody writes the Jacobian, nor where it is not
zero: both follow from the residual.  Where matplotlib is installed, the solution is drawn into
``bratu.png``.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import scipy.sparse.linalg

import gradcore
import gradcore.tensor as T


def equations(points, rate):
    """Return the unknowns, a square of ``points`` by ``points``, and the residual at each."""
    u = T.tensor("u", "float64", (points, points))
    whole = T.set_subtensor(T.zeros((points + 2, points + 2))[1:-1, 1:-1], u)
    around = whole[:-2, 1:-1] + whole[2:, 1:-1] + whole[1:-1, :-2] + whole[1:-1, 2:]
    step = 1 / (points + 1)
    return u, 4 * u - around - step**2 * rate * T.exp(u)


def solved(points=64, rate=5.0, tolerance=1e-12, most=20):
    """Return the solution, the largest residual before each step, and the Jacobian."""
    u, residual = equations(points, rate)
    jacobian = T.sparse_jacobian(residual, u)
    evaluate = gradcore.function([u], [residual, jacobian.data])
    value, residuals = np.zeros((points, points)), []
    for _ in range(most):
        found, data = evaluate(value)
        residuals.append(float(np.abs(found).max()))
        if residuals[-1] < tolerance:
            break
        matrix = jacobian.toscipy(data).tocsc()
        step = scipy.sparse.linalg.spsolve(matrix, found.reshape(-1))
        value = value - step.reshape(value.shape)
    return value, residuals, jacobian


def draw(value, path="bratu.png"):
    """Write a picture of a solution."""
    plt = import_module("matplotlib.pyplot")
    figure, axes = plt.subplots()
    figure.colorbar(axes.imshow(value, extent=(0, 1, 0, 1)), label="u")
    axes.set(xlabel="x", ylabel="y", title="-(u_xx + u_yy) = 5 exp(u)")
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    solution, history, J = solved()
    print(f"{J.shape[0]} equations, {J.nnz} nonzeros, {sum(J.products)} products with seeds a step")
    for k, largest in enumerate(history):
        print(f"step {k}: largest residual {largest:.1e}")
    print(f"largest u: {solution.max():.6f}")
    if find_spec("matplotlib"):
        draw(solution)
