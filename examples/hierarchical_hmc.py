"""Sample a hierarchical regression by Hamiltonian Monte Carlo, the chains in one loop.

Run it: ``python examples/hierarchical_hmc.py``.  The radon study of Gelman and Hill in small: each
of several groups has a line of its own, whose intercept and slope are drawn from a population that
is unknown too.  Nobody writes a gradient, nor a sampler in Python: the log posterior is an
expression, the leapfrog steps are a loop inside of the loop over draws, and momenta and decisions
come from a stream of random numbers, which goes on with each step.
"""

import numpy as np

import gradcore
import gradcore.tensor as T

GROUPS, EACH = 8, 30
TRUTH = {"intercept": 1.0, "slope": -0.7, "spread": 0.6, "noise": 0.5}


def data(seed=1):
    """Return the group, the predictor and the response of each observation, drawn from TRUTH."""
    key = T.random.key(seed)
    keys = T.random.split(key, 3)
    group = np.repeat(np.arange(GROUPS), EACH)
    x = T.random.uniform(keys[0], GROUPS * EACH, -1, 1)
    centre = T.constant([[TRUTH["intercept"]], [TRUTH["slope"]]])
    lines = T.random.normal(keys[1], (2, GROUPS), centre, TRUTH["spread"])
    y = T.random.normal(keys[2], None, lines[0, group] + lines[1, group] * x, TRUTH["noise"])
    return group, *gradcore.function([], [x, y])()


def log_posterior(theta, group, x, y):
    """Return it up to a constant, of all unknowns in a vector: two means, two logarithms, lines.

    Lines are in units of their spread around the mean, which keeps the posterior round.
    """
    mean, log_spread, log_noise = theta[:2], theta[2], theta[3]
    units = theta[4:].reshape((2, GROUPS))
    lines = mean[:, None] + T.exp(log_spread) * units
    residual = (y - lines[0][group] - lines[1][group] * x) / T.exp(log_noise)
    prior = T.sqr(theta).sum()  # all unknowns are standard normal before there are data
    return -0.5 * (T.sqr(residual).sum() + prior) - y.shape[0] * log_noise


def sampler(group, x, y, chains=4, step=0.04, leaps=12, seed=3):
    """Return a function of starts and of how many draws to take: the draws, what is accepted."""
    rng = T.random.RandomStream(seed)
    start, draws = T.dmatrix("start"), T.lscalar("draws")

    def density(theta):
        each = T.vectorize(lambda one: log_posterior(one, group, x, y), signature="(n)->()")
        return each(theta)

    def force(theta):
        return T.grad(density(theta).sum(), theta)

    def leap(theta, momentum):
        moved = theta + step * momentum
        return [moved, momentum + step * force(moved)]

    def transition(theta):
        momentum = rng.normal(size=theta.shape)
        half = momentum + step / 2 * force(theta)
        (path, momenta), _ = gradcore.scan(leap, outputs_info=[theta, half], n_steps=leaps)
        proposed = path[-1]
        last = momenta[-1] - step / 2 * force(proposed)
        gain = density(proposed) - density(theta)
        gain += (T.sqr(momentum) - T.sqr(last)).sum(1) / 2
        accepted = T.log(rng.uniform(size=chains)) < gain
        return [T.switch(accepted[:, None], proposed, theta), T.cast(accepted, "float64")]

    (found, accepted), _ = gradcore.scan(transition, outputs_info=[start, None], n_steps=draws)
    return gradcore.function([start, draws], [found, accepted.mean()])


def summary(found):
    """Return mean, standard deviation and split R-hat of each number of the population."""
    draws = found[:, :, :4].copy()
    draws[:, :, 2:] = np.exp(draws[:, :, 2:])
    parts = np.concatenate(np.array_split(draws[: len(draws) // 2 * 2], 2), 1)  # half chains
    within, between = parts.var(0, ddof=1).mean(0), parts.mean(0).var(0, ddof=1)
    ratio = np.sqrt((len(parts) - 1) / len(parts) + between / within)
    flat = draws.reshape(-1, 4)
    return dict(zip(TRUTH, zip(flat.mean(0), flat.std(0), ratio, strict=True), strict=True))


def main(draws=2000, chains=4):
    """Sample, print a table, and return it and the rate of proposals that were accepted."""
    sample = sampler(*data(), chains=chains)
    start = np.zeros((chains, 4 + 2 * GROUPS))
    warm, _ = sample(start, draws // 2)
    found, rate = sample(warm[-1], draws)
    table = summary(found)
    print(f"{chains} chains of {draws} draws, {float(rate):.0%} accepted")
    print(f"{'':12}{'truth':>8}{'mean':>8}{'sd':>8}{'R-hat':>8}")
    for name, (mean, deviation, ratio) in table.items():
        print(f"{name:12}{TRUTH[name]:8.2f}{mean:8.2f}{deviation:8.2f}{ratio:8.3f}")
    return table, float(rate)


if __name__ == "__main__":
    main()
