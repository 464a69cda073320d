"""Log densities in the hands of samplers: nutpie, BlackJAX, ArviZ, where they are installed."""

import numpy as np
import pytest

import gradcore.tensor as T
from gradcore.optimize import LogDensity

MU, THETA, Y = T.dscalar("mu"), T.tensor("theta", "float64", (3,)), T.dvector("y")
LOG = -(MU**2 + T.sum((THETA - MU) ** 2) + T.sum((Y - THETA) ** 2)) / 2
DATA = np.array([1.0, 2.0, 3.0])


def exact():
    """Return means and standard deviations of this Gaussian, whose precision is minus a Hessian."""
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    precision = -f.hess(np.zeros(4), DATA).toarray()
    covariance = np.linalg.inv(precision)
    return covariance @ f.grad(np.zeros(4), DATA), np.sqrt(np.diag(covariance))


def agrees(draws):
    """Compare draws, a vector each, with what is exact: to a fifth of a standard deviation."""
    mean, spread = exact()
    assert (abs(draws.mean(0) - mean) < spread / 5).all()
    assert (abs(draws.std(0) / spread - 1) < 0.2).all()


def test_nutpie():
    pytest.importorskip("nutpie")
    from nutpie import sample
    from nutpie.compiled_pyfunc import from_pyfunc

    f = LogDensity(LOG, [MU, THETA], args=[Y])
    known = f.draws(np.zeros(f.size))
    model = from_pyfunc(
        f.size,
        lambda: lambda x: f.value_and_grad(x, DATA),
        lambda *seeds: f.draws,
        [v.dtype for v in known.values()],
        [v.shape for v in known.values()],
        list(known),
    )
    found = sample(model, draws=1000, tune=300, chains=2, progress_bar=False, seed=1).posterior
    mu, theta = found["mu"].values.reshape(-1, 1), found["theta"].values.reshape(-1, 3)
    agrees(np.hstack([mu, theta]))


@pytest.mark.parametrize("start", ["vector", "dict"])
def test_blackjax(start):
    jax, blackjax = pytest.importorskip("jax"), pytest.importorskip("blackjax")
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    with jax.enable_x64(True):
        density = f.as_jax(DATA)
        zeros = jax.numpy.zeros(4)
        begin = zeros if start == "vector" else {"mu": zeros[0], "theta": zeros[1:]}
        warmup = blackjax.window_adaptation(blackjax.nuts, density)
        (state, tuned), _ = warmup.run(jax.random.key(0), begin, 300)
        sampler = blackjax.nuts(density, **tuned)
        keys = jax.random.split(jax.random.key(1), 2000)
        _, found = jax.lax.scan(lambda s, key: (sampler.step(key, s)[0], s.position), state, keys)
    if start == "dict":
        found = np.hstack([np.asarray(found["mu"])[:, None], np.asarray(found["theta"])])
    agrees(np.asarray(found))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_arviz(rng):
    arviz = pytest.importorskip("arviz")
    f = LogDensity(LOG, [MU, THETA], args=[Y])
    found = arviz.from_dict(posterior=f.draws(rng.normal(size=(2, 100, f.size))))
    assert found.posterior["theta"].shape == (2, 100, 3) and found.posterior["mu"].ndim == 2
    assert list(arviz.summary(found).index) == ["mu", "theta[0]", "theta[1]", "theta[2]"]
