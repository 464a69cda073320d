"""Fit data larger than a worker's memory on a cluster, of which a worker is killed in the middle.

Run it: ``python examples/two_workers.py``.  Two models: a logistic regression, and a recurrent one,
whose likelihood is a `scan` over time for many series at once.  The data are made where they are
needed, in chunks, two processes with a limit of memory share them, and L-BFGS minimizes the sum of
the losses over all rows, with gradients.  After three steps a worker is killed: Dask makes its
chunks again elsewhere, and the fit goes on as if nothing had happened.  In the end the same fit
runs in this process, chunk after chunk, and ends in the same place, to the last bit.

It needs ``pip install "gradcore[dask]"``.
"""

import os
import signal

import dask
import numpy as np
from dask.distributed import Client, LocalCluster
from scipy.optimize import minimize

import gradcore
import gradcore.tensor as T
from gradcore import distributed
from gradcore.optimize import ScalarFunction
from gradcore.summing import chunked

MEMORY = 600_000_000
"""How many bytes a worker may have."""
SIZES = {"logistic": (16, 100_000, 50), "recurrent": (32, 30_000, 40, 2)}
"""How many chunks, and the shape of one: rows, and what each has; of series, times first."""
KILLED_AFTER = 3


def points(seed, shape):
    """Return a chunk of points and their classes, 1 or -1."""
    draw = np.random.default_rng(seed)
    rows = draw.standard_normal(shape)
    odds = rows @ np.sin(np.arange(shape[1])) / 2 + draw.logistic(size=shape[0])
    return rows, np.where(odds > 0, 1.0, -1.0)


def series(seed, shape):
    """Return a chunk of series, and what a leaky sum of each has become, with an error."""
    draw = np.random.default_rng(seed)
    seen = draw.standard_normal(shape)
    state = np.zeros((shape[0], shape[2]))
    for time in range(shape[1]):
        state = np.tanh(0.8 * state + 0.5 * seen[:, time])
    return seen, state @ [1.0, -1.0] + 0.1 * draw.standard_normal(shape[0])


def logistic(count):
    """Return the loss of a logistic regression over ``count`` rows, its parameters, its inputs."""
    rows, classes, weights = T.dmatrix("rows"), T.dvector("classes"), T.dvector("weights")
    losses = T.log(1 + T.exp(-classes * T.dot(rows, weights)))
    return T.sum(losses) / count, weights, [rows, classes]


def recurrent(count):
    """Return the squared error of a recurrent model over ``count`` series, and the same."""
    seen, ends, weights = T.tensor3("seen"), T.dvector("ends"), T.dvector("weights")
    pull, push, out = weights[:4].reshape((2, 2)), weights[4:8].reshape((2, 2)), weights[8:]

    def step(now, state):
        return T.tanh(T.dot(state, pull) + T.dot(now, push))

    states, _ = gradcore.scan(
        step,
        sequences=seen.dimshuffle(1, 0, 2),
        outputs_info=T.zeros((seen.shape[0], 2)),
    )
    return T.sum((T.dot(states[-1], out) - ends) ** 2) / count, weights, [seen, ends]


def fitted(cost, weights, inputs, start, data, after=lambda iteration: None):
    """Return where L-BFGS ends on some chunks, and the cost of each iteration."""
    costs = []

    def noted(intermediate_result):
        costs.append(float(intermediate_result.fun))
        after(len(costs))

    f = ScalarFunction(cost, weights, inputs).over(data)
    options = {"maxiter": 8, "gtol": 1e-9, "ftol": 0}
    found = minimize(
        f.value_and_grad, start, jac=True, method="L-BFGS-B", options=options, callback=noted
    )
    return found.x, costs


def process():
    """Return the number of the process that this runs in: a worker's."""
    return os.getpid()


def on_workers(client, model, make, shape, count, start):
    """Return what `fitted` does of chunks on a cluster, of which a worker is killed meanwhile."""
    cost, weights, inputs = model(count * shape[0])
    made = [dask.delayed(make)(seed, shape) for seed in range(count)]
    data = distributed.chunks(made, client, inputs)

    def killed(iteration):
        if iteration == KILLED_AFTER:
            victim = next(iter(client.run(process).values()))
            os.kill(victim, signal.SIGKILL)
            print(f"  killed the worker with process {victim}")

    return fitted(cost, weights, inputs, start, data, killed)


def here(model, make, shape, count, start):
    """Return what `fitted` does of the same chunks in this process, one at a time."""
    cost, weights, inputs = model(count * shape[0])
    data = chunked(lambda: (make(seed, shape) for seed in range(count)), batch=inputs)
    return fitted(cost, weights, inputs, start, data)


def main(sizes=None, memory=MEMORY):
    """Fit both models on two workers and here; return the costs of each, by the model."""
    sizes = sizes or SIZES
    rng = np.random.default_rng(0)
    models = {
        "logistic": (logistic, points, np.zeros(sizes["logistic"][-1])),
        "recurrent": (recurrent, series, 0.3 * rng.standard_normal(10)),
    }
    found = {}
    for name, (model, make, start) in models.items():
        count, *shape = sizes[name]
        size = count * 8 * (np.prod(shape) + shape[0])
        print(f"{name}: {size / 1e6:.0f} MB, workers of {memory / 1e6:.0f} MB")
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, memory_limit=memory, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            there, costs = on_workers(client, model, make, shape, count, start)
        alone, again = here(model, make, shape, count, start)
        for iteration, cost in enumerate(costs, 1):
            print(f"  {iteration:2} {cost:.12f}")
        same = there.tobytes() == alone.tobytes() and costs == again
        print(f"  the same bits as in one process: {same}")
        found[name] = costs, same
    return found


if __name__ == "__main__":
    main()
