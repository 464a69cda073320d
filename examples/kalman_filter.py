"""Fit the noise of a Kalman filter: the likelihood is a loop, and so are its two derivatives.

Run it: ``python examples/kalman_filter.py``.  Something moves, pushed at random, and is seen with
an error.  The filter is a `scan` over what is seen; the likelihood that it returns depends on how
strong the pushes are and how large the error is, and BFGS finds the most probable of these with the
gradient through the loop.  The Hessian says how well they are known.

J. Durbin and S. Koopman, "Time Series Analysis by State Space Methods" (2012), chapters 4 and 7.
"""

from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

import gradcore
import gradcore.tensor as T

MOVE = np.array([[1.0, 1.0], [0.0, 1.0]])
"""What a step makes of a place and a speed."""
SEEN = np.array([[1.0, 0.0]])
"""What is seen of them: the place."""
TRUTH = {"push": 0.1, "error": 1.5}


def simulated(count=400, seed=0):
    """Return the states and what is seen of them, of shapes (count, 2) and (count, 1)."""
    draw = np.random.default_rng(seed)
    states = np.zeros((count, 2))
    for before, after in pairwise(states):
        after[:] = MOVE @ before + [0.0, TRUTH["push"] * draw.normal()]
    return states, states @ SEEN.T + TRUTH["error"] * draw.normal(size=(count, 1))


def filtered(seen, scales):
    """Return the means of the states, given what was seen up to each, and -log likelihood."""
    push, error = T.exp(2 * scales[0]), T.exp(2 * scales[1])
    pushes = push * np.diag([0.0, 1.0])
    errors = error * np.eye(len(SEEN))

    def step(y, mean, covariance):
        mean = MOVE @ mean
        covariance = MOVE @ covariance @ MOVE.T + pushes
        surprise = y - SEEN @ mean
        factor = T.linalg.cholesky(SEEN @ covariance @ SEEN.T + errors)
        white = T.linalg.solve_triangular(factor, surprise, lower=True)
        half = T.linalg.solve_triangular(factor, SEEN @ covariance, lower=True)
        cost = (white**2).sum() / 2 + T.log(T.diagonal(factor)).sum()
        return mean + half.T @ white, covariance - half.T @ half, cost

    start = [T.zeros(2), T.constant(10 * np.eye(2)), None]
    (means, _, costs), _ = gradcore.scan(step, sequences=seen, outputs_info=start)
    return means, costs.sum() + seen.size * np.log(2 * np.pi) / 2


def fitted(observed):
    """Return the logarithms of the scales, their standard deviations, and the cost of each step."""
    seen, scales = T.dmatrix("seen"), T.dvector("scales")
    _, cost = filtered(seen, scales)
    evaluate = gradcore.function([seen, scales], [cost, T.grad(cost, scales)])
    curvature = gradcore.function([seen, scales], T.hessian(cost, scales))
    history = []
    found = minimize(
        lambda at: evaluate(observed, at), np.zeros(2), jac=True, method="BFGS",
        callback=lambda intermediate_result: history.append(float(intermediate_result.fun)),
    )  # fmt: skip
    return found.x, np.sqrt(np.diag(np.linalg.inv(curvature(observed, found.x)))), history


def main():
    """Fit, and print a table of steps, one of scales, and how far the filter is from the truth."""
    states, observed = simulated()
    scales, deviations, history = fitted(observed)
    print("step   -log likelihood")
    for step, cost in enumerate(history, 1):
        print(f"{step:4}   {cost:15.6f}")
    print(f"{'':8}{'truth':>8}{'found':>8}{'from':>8}{'to':>8}")
    for name, at, deviation in zip(TRUTH, scales, deviations, strict=True):
        low, high = np.exp([at - 2 * deviation, at + 2 * deviation])
        print(f"{name:8}{TRUTH[name]:8.3f}{np.exp(at):8.3f}{low:8.3f}{high:8.3f}")
    seen, logs = T.dmatrix("seen"), T.dvector("logs")
    means = gradcore.function([seen, logs], filtered(seen, logs)[0])(observed, scales)
    errors = [float(np.std(places - states[:, :1])) for places in (observed, means[:, :1])]
    print("off by {:.3f} as seen, by {:.3f} as filtered".format(*errors))
    return scales, deviations, history, errors


if __name__ == "__main__":
    main()
