"""Fit a Gaussian process: the evidence, its gradient and its Hessian, in one compiled function.

Run it: ``python examples/gaussian_process.py``.  The evidence of observations y at places x is the
density of a Gaussian whose covariance depends on a length, a height and a noise (C. Rasmussen and
C. Williams, "Gaussian Processes for Machine Learning", equation 2.30).  Newton's method finds the
most probable of these; nobody writes a derivative, and all share one Cholesky factor.
"""

import numpy as np

import gradcore
import gradcore.tensor as T


def covariance(x, y, scales):
    """Return the covariances of the values at places ``x`` with those at ``y``."""
    length, height = T.exp(scales[0]), T.exp(scales[1])
    distances = (x.dimshuffle(0, "x") - y.dimshuffle("x", 0)) / length
    return height**2 * T.exp(-(distances**2) / 2)


def evidence(x, y, scales):
    """Return the negative logarithm of the density of ``y``, for logarithms of scales."""
    noise = T.exp(scales[2])
    factor = T.linalg.cholesky(covariance(x, x, scales) + noise**2 * T.eye(x.shape[0]))
    white = T.linalg.solve_triangular(factor, y, lower=True)
    constant = x.shape[0] * np.log(2 * np.pi) / 2
    return T.sum(white**2) / 2 + T.sum(T.log(T.diagonal(factor))) + constant


def fitted(places, values, start=(0.0, 0.0, -1.0), most=30):
    """Return the logarithms of the scales, and for each step the cost and the size of the slope."""
    x, y, scales = T.dvectors("x", "y", "scales")
    cost = evidence(x, y, scales)
    evaluate = gradcore.function(
        [x, y, scales], [cost, T.grad(cost, scales), T.hessian(cost, scales)]
    )
    found, history = np.array(start), []
    for _ in range(most):
        now, slope, curvature = evaluate(places, values, found)
        history.append((float(now), float(np.abs(slope).max())))
        if history[-1][1] < 1e-8:
            break
        bends, axes = np.linalg.eigh(curvature)  # downhill, where it bends the other way, too
        step = axes @ ((axes.T @ slope) / np.maximum(np.abs(bends), 1e-3))
        found = found - step / max(1.0, np.abs(step).max())
    return found, history


def predicted(places, values, scales, wanted):
    """Return the mean and the standard deviation of the values at other places."""
    x, y, at, logs = T.dvectors("x", "y", "at", "logs")
    noise = T.exp(logs[2])
    factor = T.linalg.cholesky(covariance(x, x, logs) + noise**2 * T.eye(x.shape[0]))
    between = covariance(x, at, logs)
    white = T.linalg.solve_triangular(factor, between, lower=True)
    mean = between.T @ T.linalg.cho_solve((factor, True), y)
    spread = T.sqrt(T.exp(logs[1]) ** 2 - (white**2).sum(0))
    return gradcore.function([x, y, logs, at], [mean, spread])(places, values, scales, wanted)


def observations(count=40, seed=0):
    """Return places, and a sine with noise of 0.2 at them."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.uniform(0, 10, count))
    return places, np.sin(places) + 0.2 * rng.normal(size=count)


def main():
    """Fit, and print a table of steps and one of predictions."""
    places, values = observations()
    scales, history = fitted(places, values)
    print("step   -log evidence   largest slope")
    for step, (cost, slope) in enumerate(history):
        print(f"{step:4}   {cost:13.6f}   {slope:13.2e}")
    length, height, noise = np.exp(scales)
    print(f"length {length:.3f}, height {height:.3f}, noise {noise:.3f}")
    wanted = np.linspace(0, 10, 6)
    for at, mean, spread in zip(wanted, *predicted(places, values, scales, wanted), strict=True):
        print(f"at {at:4.1f}: {mean:6.3f} +- {spread:.3f}, the sine is {np.sin(at):6.3f}")
    return scales, history


if __name__ == "__main__":
    main()
