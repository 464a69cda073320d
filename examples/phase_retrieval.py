"""Find a complex image from the brightness of its diffraction patterns: phase retrieval.

Run it: ``python examples/phase_retrieval.py``. Detectors count photons: of the Fourier transform of
an image they see the squares of absolute values, and its phases are lost. With a few masks before
it, the patterns determine the image, up to a factor of absolute value 1: E. Candes, X. Li and M.
Soltanolkotabi, "Phase retrieval from coded diffraction patterns" (2015). The unknown is a matrix of
complex numbers; the gradient of the real cost is complex, the derivative by the real part plus i
times that by the imaginary part, so that an optimizer of real numbers takes it as it lies in
memory. Where matplotlib is installed, what is found is drawn into ``phase_retrieval.png``.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import scipy.optimize

import gradcore
import gradcore.tensor as T


def image(n):
    """Return a cell: absorbing, with organelles, and a phase that grows where it is thick."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, n)] * 2, indexing="ij")
    inside = (x**2 + 1.6 * y**2 < 0.7) * 1.0
    thickness = np.sqrt(np.maximum(0.7 - x**2 - 1.6 * y**2, 0))
    size = 1 - 0.3 * inside
    for a, b, radius in ((0.25, 0.1, 0.2), (-0.4, 0.15, 0.12), (-0.2, -0.3, 0.1)):
        size -= 0.3 * ((x - a) ** 2 + (y - b) ** 2 < radius**2)
    return size * np.exp(2.5j * thickness)


def patterns(z, masks):
    """Return the brightness of the transforms of a masked image, an expression: a stack."""
    return abs(T.fft.fft2(masks * z, norm="ortho")) ** 2


def first_guess(seen, masks, rounds=60):
    """Return the image that matches bright places best: an eigenvector, by the power method."""
    weight = np.minimum(seen, 4 * seen.mean())
    z = np.random.default_rng(1).normal(size=(*seen.shape[1:], 2)) @ [1, 1j]
    for _ in range(rounds):
        waves = weight * np.fft.fft2(masks * z, norm="ortho")
        z = np.sum(masks.conj() * np.fft.ifft2(waves, norm="ortho"), 0)
        z /= np.linalg.norm(z)
    return z * np.sqrt(seen.sum() / len(masks))


def aligned(found, truth):
    """Return what was found, turned by the one phase that no pattern tells."""
    product = np.vdot(found, truth)
    return found * product / abs(product)


def retrieved(n=48, count=6, iterations=200, noise=1e-3):
    """Return the image, the first guess, the image found, and costs by call."""
    rng = np.random.default_rng(0)
    masks = rng.choice([1, -1, 1j, -1j], (count, n, n))
    truth = image(n)
    seen = abs(np.fft.fft2(masks * truth, norm="ortho")) ** 2
    seen = np.maximum(seen * (1 + noise * rng.normal(size=seen.shape)), 0)

    z = T.zmatrix("z")
    # of amplitudes, which counts of photons have the same noise in; smooth where they are 0
    amplitude = T.sqrt(patterns(z, masks) + 1e-8)
    cost = T.mean((amplitude - np.sqrt(seen + 1e-8)) ** 2)
    evaluate = gradcore.function([z], [cost, T.grad(cost, z)])
    costs = []

    def value_and_slope(x):
        value, slope = evaluate(x.view(complex).reshape(n, n))
        costs.append(float(value))
        return float(value), slope.ravel().view(float)

    guess = first_guess(seen, masks)
    result = scipy.optimize.minimize(
        value_and_slope, guess.ravel().view(float), jac=True, method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "gtol": 1e-12, "ftol": 1e-15},
    )  # fmt: skip
    found = result.x.view(complex).reshape(n, n)
    return truth, aligned(guess, truth), aligned(found, truth), costs


def draw(truth, guess, found, path="phase_retrieval.png"):
    """Write a picture of absolute values and phases."""
    plt = import_module("matplotlib.pyplot")
    figure, axes = plt.subplots(2, 3, figsize=(10, 6.5), layout="constrained")
    for place, values, title in zip(
        axes.T, (truth, guess, found), ("the image", "first guess", "found"), strict=True
    ):
        size = place[0].imshow(abs(values), cmap="gray", vmin=0, vmax=1.2)
        phase = place[1].imshow(np.angle(values), cmap="twilight", vmin=-np.pi, vmax=np.pi)
        place[0].set(title=title)
        for axis in place:
            axis.set(xticks=[], yticks=[])
    figure.colorbar(size, ax=axes[0], label="absolute value")
    figure.colorbar(phase, ax=axes[1], label="phase")
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    *images, history = retrieved()
    print(f"{images[0].size} complex unknowns, {len(history)} gradients")
    print(f"cost from {history[0]:.1e} to {min(history):.1e}")
    errors = [np.linalg.norm(x - images[0]) / np.linalg.norm(images[0]) for x in images[1:]]
    print(f"error of the first guess: {errors[0]:.1%}, of what is found: {errors[1]:.2%}")
    if find_spec("matplotlib"):
        draw(*images)
