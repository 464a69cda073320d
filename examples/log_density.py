"""Sample a posterior that is one expression: by twenty lines of NumPy, and by BlackJAX.

Run it: ``python examples/log_density.py``.  Eight schools coached their pupils for a test, and each
found how much that helped, more or less exactly (D. Rubin, "Estimation in Parallel Randomized
Experiments", 1981).  How much does coaching help in general, `mu`, and how far do schools differ,
`tau`?  `gradcore.optimize.LogDensity` makes of the log posterior what samplers call: its value and
gradient at a vector, the draws by name, and a function of JAX, for BlackJAX where that is
installed.  Integrals over a grid say what is right.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np

import gradcore.tensor as T
from gradcore.optimize import LogDensity

EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def posterior():
    """Return the log density of mu, of the logarithm of tau, and of the schools in units of tau.

    mu is normal around 0, with a spread of 5, and tau is half of a Cauchy variable of scale 5.
    """
    mu, log_tau = T.dscalar("mu"), T.dscalar("log_tau")
    units = T.tensor("units", "float64", (len(EFFECTS),))
    tau = T.exp(log_tau)
    prior = -T.sqr(mu / 5) / 2 - T.log1p(T.sqr(tau / 5)) + log_tau - T.sum(T.sqr(units)) / 2
    misfit = (mu + tau * units - EFFECTS) / ERRORS
    return LogDensity(prior - T.sum(T.sqr(misfit)) / 2, [mu, log_tau, units])


def hmc(density, start, draws, step=0.2, leaps=15, seed=0):
    """Return draws by Hamiltonian Monte Carlo, and which part of the moves was accepted."""
    rng = np.random.default_rng(seed)
    x = np.array(start)
    value, slope = density.value_and_grad(x)
    found, accepted = np.empty((draws, len(x))), 0
    for k in range(draws):
        momentum = rng.normal(size=len(x))
        energy = value - momentum @ momentum / 2
        moved, force, length = x, slope, step * rng.uniform(0.6, 1.4)
        for _ in range(leaps):
            momentum = momentum + length / 2 * force
            moved = moved + length * momentum
            moved_value, force = density.value_and_grad(moved)
            momentum = momentum + length / 2 * force
        if np.log(rng.uniform()) < moved_value - momentum @ momentum / 2 - energy:
            x, value, slope = moved, moved_value, force
            accepted += 1
        found[k] = x
    return found, accepted / draws


def nuts(density, start, draws, seed=0):
    """Return draws by BlackJAX's sampler without U-turns, which adapts its step itself."""
    jax, blackjax = import_module("jax"), import_module("blackjax")
    log_density = density.as_jax()
    adapting, drawing = jax.random.split(jax.random.key(seed))
    warmup = blackjax.window_adaptation(blackjax.nuts, log_density)
    (state, tuned), _ = warmup.run(adapting, jax.numpy.asarray(start), 500)
    sampler = blackjax.nuts(log_density, **tuned)

    def moved(state, key):
        state, _ = sampler.step(key, state)
        return state, state.position

    return np.asarray(jax.lax.scan(moved, state, jax.random.split(drawing, draws))[1])


def integrals():
    """Return the means of mu and tau by sums over a grid: schools are integrated by hand."""
    mu, tau = np.meshgrid(np.linspace(-25, 35, 241), np.linspace(0.05, 120, 1200), indexing="ij")
    variances = tau[..., None] ** 2 + ERRORS**2
    logs = -np.sum((EFFECTS - mu[..., None]) ** 2 / variances + np.log(variances), -1) / 2
    weights = np.exp(logs - logs.max() - (mu / 5) ** 2 / 2) / (1 + (tau / 5) ** 2)
    return {"mu": np.average(mu, weights=weights), "tau": np.average(tau, weights=weights)}


def main(draws=20000):
    """Print means and spreads by each sampler beside the integrals; return these and a chain."""
    density = posterior()
    chain, accepted = hmc(density, np.zeros(density.size), draws)
    print(f"{accepted:.0%} of {draws} moves were accepted")
    chains = {"NumPy": chain}
    if find_spec("blackjax") is not None:
        chains["BlackJAX"] = nuts(density, np.zeros(density.size), draws // 5)
    exact, table = integrals(), {}
    for sampler, vectors in chains.items():
        found = density.draws(vectors[len(vectors) // 10 :])
        for name, drawn in (("mu", found["mu"]), ("tau", np.exp(found["log_tau"]))):
            table[sampler, name] = drawn.mean(), drawn.std(), exact[name]
            mean, spread, right = table[sampler, name]
            print(f"{sampler:8}  {name:3}  {mean:5.2f} +- {spread:4.2f}  (integral: {right:5.2f})")
    return table, chain


if __name__ == "__main__":
    main()
