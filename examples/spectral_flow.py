"""Find how a flow began from how it looks later, by a spectral method and its gradient.

Run it: ``python examples/spectral_flow.py``. The vorticity w of a flow in a periodic square, dw/dt
+ u . grad(w) = nu * laplace(w), is stepped in Fourier space: derivatives are products with wave
numbers, viscosity is exact (an integrating factor), the product u . grad(w) is taken on the grid
and cut to two thirds of the waves, and a step is Heun's. The steps are a scan of complex states. An
optimizer gets the gradient of the misfit to the last state, by the first, through all transforms;
nobody writes an adjoint. Where matplotlib is installed, fields are drawn into
``spectral_flow.png``.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import scipy.optimize

import gradcore
import gradcore.tensor as T


def flow(start, viscosity, steps, dt, n):
    """Return the vorticity after so many steps, an expression of the first one and the viscosity.

    start : an n x n matrix.
    """
    waves = np.fft.fftfreq(n, 1 / n)[:, None], np.fft.rfftfreq(n, 1 / n)[None, :]
    square = waves[0] ** 2 + waves[1] ** 2
    inverse = 1 / np.where(square == 0, np.inf, square)
    retained = 1.0 * ((abs(waves[0]) < n / 3) & (waves[1] < n / 3))
    decay = T.exp(-viscosity * dt * square)

    def advected(w):
        """Return -u . grad(w), where u is the curl of the stream function, -w / square."""
        u, v = (T.fft.irfft2(1j * k * inverse * w) for k in (waves[1], -waves[0]))
        by_x, by_y = (T.fft.irfft2(1j * k * w) for k in waves)
        return -retained * T.fft.rfft2(u * by_x + v * by_y)

    def step(w, decay):
        slope = advected(w)
        guess = decay * (w + dt * slope)
        return decay * (w + dt / 2 * slope) + dt / 2 * advected(guess)

    states, _ = gradcore.scan(
        step, outputs_info=retained * T.fft.rfft2(start), non_sequences=decay, n_steps=steps
    )
    return T.fft.irfft2(states[-1])


def two_vortices(n):
    """Return a vorticity of two patches that turn around each other, and a third."""
    x, y = np.meshgrid(*[np.arange(n) * 2 * np.pi / n] * 2, indexing="ij")

    def patch(a, b):
        return np.exp(4 * (np.cos(x - a) + np.cos(y - b) - 2))

    w = patch(2.2, 3.1) + patch(4.1, 3.1) - patch(3.1, 5.2)
    return 5 * (w - w.mean())


def found(n=48, steps=60, dt=0.04, viscosity=0.01, iterations=80):
    """Return the first state, what is known (the last one), the first one found, and costs by call.

    The last number is by how much the last state's energy falls with the viscosity, and the same by
    differences.
    """
    start, nu = T.dmatrix("start"), T.dscalar("nu")
    last = flow(start, nu, steps, dt, n)
    run = gradcore.function([start, nu], last)
    truth = two_vortices(n)
    known = run(truth, viscosity)

    cost = T.mean((last - known) ** 2) / np.mean(known**2)
    evaluate = gradcore.function([start, nu], [cost, T.grad(cost, start)])
    costs = []

    def value_and_slope(x):
        value, slope = evaluate(x.reshape(n, n), viscosity)
        costs.append(float(value))
        return float(value), slope.ravel()

    result = scipy.optimize.minimize(
        value_and_slope, known.ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": iterations, "gtol": 1e-12, "ftol": 1e-14},
    )  # fmt: skip

    energy = T.mean(last**2)
    by_viscosity = gradcore.function([start, nu], T.grad(energy, nu))(truth, viscosity)
    higher, lower = (np.mean(run(truth, viscosity + d) ** 2) for d in (1e-5, -1e-5))
    slopes = float(by_viscosity), float(higher - lower) / 2e-5
    return truth, known, result.x.reshape(n, n), costs, slopes


def draw(truth, known, start, path="spectral_flow.png"):
    """Write a picture of the first state, the last one, and the first one that was found."""
    plt = import_module("matplotlib.pyplot")
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    most = abs(truth).max()
    for place, values, title in zip(
        axes, (truth, known, start), ("at first", "at last: what is known", "at first, as found"),
        strict=True,
    ):  # fmt: skip
        shown = place.imshow(values.T, origin="lower", cmap="RdBu", vmin=-most, vmax=most)
        place.set(title=f"vorticity {title}", xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes)
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    *fields, history, (slope, difference) = found()
    print(f"{fields[0].size} unknowns, {len(history)} gradients through 60 steps")
    print(f"cost from {history[0]:.1e} to {min(history):.1e}")
    print(f"error of the first state: {np.linalg.norm(fields[2] - fields[0]):.2f}", end=", ")
    print(f"of what is known as a guess: {np.linalg.norm(fields[1] - fields[0]):.2f}")
    print(
        f"derivative of the energy by the viscosity: {slope:.6f}, by differences {difference:.6f}"
    )
    if find_spec("matplotlib"):
        draw(*fields)
