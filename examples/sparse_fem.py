"""Find the conductivity of a plate from its temperature, by finite elements.

Run it: ``python examples/sparse_fem.py``.  On a square, -div(k grad u) = 1 with u = 0 on the border
is solved by linear elements on triangles, each with a conductivity of its own.  The matrix of the
equations is sparse, and linear in the conductivities; its gradient, through the solution, is what
the optimizer needs, and nobody writes it.  Where matplotlib is installed, what is found is drawn
into ``sparse_fem.png``.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import scipy.optimize
import scipy.sparse

import gradcore
import gradcore.tensor as T


def mesh(cells):
    """Return the points of a grid on the unit square, and triangles, two a cell."""
    x, y = np.meshgrid(*[np.linspace(0, 1, cells + 1)] * 2, indexing="ij")
    corner = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    a, b = corner[:-1, :-1].ravel(), corner[1:, :-1].ravel()
    c, d = corner[:-1, 1:].ravel(), corner[1:, 1:].ravel()
    return np.stack([x.ravel(), y.ravel()], 1), np.concatenate([[a, b, d], [a, d, c]], 1).T


def assembled(points, triangles):
    """Return the equations of the points inside: their matrix for a conductivity, and right side.

    The matrix is a constant pattern with data that are a product of a constant sparse matrix, of
    what each triangle adds to them, with the conductivities.
    """
    edges = points[triangles[:, [2, 0, 1]]] - points[triangles[:, [1, 2, 0]]]
    area = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
    local = np.einsum("tid,tjd->tij", edges, edges) / (4 * area[:, None, None])
    inside = np.where(((points > 0) & (points < 1)).all(1))[0]
    number = np.full(len(points), -1)
    number[inside] = np.arange(len(inside))
    row, col = np.broadcast_arrays(number[triangles][:, :, None], number[triangles][:, None, :])
    retained = ((row >= 0) & (col >= 0)).ravel()
    triangle = np.repeat(np.arange(len(triangles)), 9)[retained]
    places, element = np.unique((row * len(inside) + col).ravel()[retained], return_inverse=True)
    adds = scipy.sparse.csr_array(
        (local.ravel()[retained], (element, triangle)), shape=(places.size, len(triangles))
    )
    starts = np.searchsorted(places // len(inside), np.arange(len(inside) + 1))
    load = np.bincount(triangles.ravel(), np.repeat(area / 3, 3))[inside]

    def matrix(k):
        shape = (len(inside), len(inside))
        return T.sparse.CSR(adds @ k, places % len(inside), starts, shape)

    return matrix, load, inside


def differences(triangles):
    """Return the sparse matrix of differences between triangles that share an edge."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    edges, owner = edges[order], order // 3
    same = np.where((edges[1:] == edges[:-1]).all(1))[0]
    number = np.arange(same.size)
    return scipy.sparse.csr_array(
        (
            np.repeat([1.0, -1.0], same.size),
            (np.tile(number, 2), np.concatenate([owner[same], owner[same + 1]])),
        ),
        shape=(same.size, len(triangles)),
    )


def found(cells=24, steps=100, smoothing=2e-4):
    """Return mesh, true and found conductivities, the temperature, and costs by step."""
    points, triangles = mesh(cells)
    matrix, load, inside = assembled(points, triangles)
    logarithm = T.dvector("logarithm")
    temperature = T.sparse.spsolve(matrix(T.exp(logarithm)), load)
    solve = gradcore.function([logarithm], temperature)

    center = points[triangles].mean(1)
    truth = 1.5 * (np.linalg.norm(center - [0.35, 0.6], axis=1) < 0.2)
    measured = solve(truth)
    misfit = T.mean((temperature - measured) ** 2) / measured.max() ** 2
    rough = T.mean(T.sqrt(1e-4 + T.sqr(logarithm[1:] - logarithm[:-1])))
    cost = misfit + smoothing * rough
    evaluate = gradcore.function([logarithm], [cost, T.grad(cost, logarithm)])
    costs = []

    def value_and_slope(x):
        value, slope = evaluate(x)
        costs.append(float(value))
        return float(value), slope

    result = scipy.optimize.minimize(
        value_and_slope, np.zeros(len(triangles)), jac=True, method="L-BFGS-B",
        options={"maxiter": steps, "gtol": 1e-12, "ftol": 1e-14},
    )  # fmt: skip
    whole = np.zeros(len(points))
    whole[inside] = measured
    return points, triangles, truth, result.x, whole, costs


def draw(points, triangles, truth, logarithm, temperature, path="sparse_fem.png"):
    """Write a picture of the temperature, the true and the found conductivities."""
    plt = import_module("matplotlib.pyplot")
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for place, values, title in zip(
        axes, (temperature, np.exp(truth), np.exp(logarithm)),
        ("temperature", "conductivity", "conductivity found"), strict=True,
    ):  # fmt: skip
        shown = place.tripcolor(*points.T, triangles, values, vmin=0)
        figure.colorbar(shown, ax=place)
        place.set(title=title, aspect="equal")
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    *plate, history = found()
    print(f"{len(plate[0])} points, {len(plate[1])} triangles, each with a conductivity")
    print(f"{len(history)} gradients, cost from {history[0]:.1e} to {min(history):.1e}")
    error = np.abs(plate[3] - plate[2]).mean()
    print(f"mean error of the logarithm: {error:.3f}, at first {np.abs(plate[2]).mean():.3f}")
    if find_spec("matplotlib"):
        draw(*plate)
