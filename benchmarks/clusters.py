"""How sums over partitions scale: bytes that are sent in a step, tasks, and where it ends.

``python benchmarks/clusters.py`` runs steps (value and gradient of a logistic regression) on
clusters of this machine, of one and two workers that are processes, and of 64 that are threads of
one process.  Bytes are what Dask's workers say that they have sent to each other and to the client.
Times are of a machine whose cores the workers share: they say what a step
costs beside the work, not how it would scale on cores of its own.

From the measured costs, ``scaled`` says when a step of N workers ends that have cores of their
own: the work of a partition, divided among them; the arguments to each, which workers pass on; and
what the scheduler needs for each task, which no number of workers makes less.
"""

import time

import dask
import numpy as np
from dask.distributed import Client, LocalCluster

import gradcore
import gradcore.tensor as T
from gradcore import distributed

COLUMNS, ROWS = 1000, 2000
"""Of a partition: 16 MB.  Arguments and parts are 8 kB."""


def made(seed, rows=ROWS, columns=COLUMNS):
    """Return a partition."""
    draw = np.random.default_rng(seed)
    return draw.standard_normal((rows, columns)), np.sign(draw.standard_normal(rows))


def sent_by(dask_worker):
    """Return how many bytes a worker has sent, to others and to the client."""
    return dask_worker.transfer_outgoing_bytes_total


def function():
    """Return the value and the gradient of a logistic regression."""
    X, y, w = T.dmatrix("X"), T.dvector("y"), T.dvector("w")
    loss = T.sum(T.log(1 + T.exp(-y * T.dot(X, w))))
    return gradcore.function([X, y, w], [loss, T.grad(loss, w)], gradcore.Mode("c", threads=1))


def measured(client, partitions, rows, steps=5):
    """Return the bytes that workers send in a step, the seconds that it takes, and its tasks.

    It is the least of several steps: in some, Dask copies a partition to a worker that is idle.
    """
    pieces = [dask.delayed(made)(seed, rows) for seed in range(partitions)]
    total = function().over(distributed.chunks(pieces, client, ["X", "y"]))
    w = np.zeros(COLUMNS)
    total(w)
    sent, seconds = [], []
    for step in range(steps):
        before = sum(client.run(sent_by).values())
        start = time.perf_counter()
        total(w + step)
        seconds.append(time.perf_counter() - start)
        sent.append(sum(client.run(sent_by).values()) - before)
    return min(sent), min(seconds), tasks(partitions)


def tasks(partitions, fan_in=8):
    """Return how many tasks a step has: the arguments, the parts, and the tree."""
    count, left = 1 + partitions, partitions
    while left > 1:
        left = -(-left // fan_in)
        count += left
    return count


def alone(rows):
    """Return the seconds of one partition in this process, without Dask."""
    f, chunk, w = function(), made(0, rows), np.zeros(COLUMNS)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        f(*chunk, w)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def scaled(workers, work, task, message=8 * COLUMNS, latency=2e-4, bandwidth=1e9, each=4):
    """Return the seconds of a step on ``workers`` with cores of their own, ``each`` partitions a
    worker: the work, the broadcast and the tree, or the scheduler's, whichever is more.
    """  # noqa: D205 - the sentence is long
    partitions = workers * each
    hops = np.log2(max(workers, 2)) + np.log2(max(partitions, 2)) / 3
    spread = hops * (latency + message / bandwidth)
    return max(each * work + spread, tasks(partitions) * task)


def main():
    """Print the tables."""
    work = alone(ROWS)
    print(f"one partition of {ROWS} x {COLUMNS}, without Dask: {work * 1e3:.2f} ms")
    print(f"{'workers':>8}{'partitions':>11}{'rows':>6}{'bytes a step':>14}{'tasks':>7}{'ms':>9}")
    overhead = 0.0
    for workers, processes, rows in ((1, True, ROWS), (2, True, ROWS), (64, False, 20)):
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=processes,
                dashboard_address=None, memory_limit=0,
            ) as here,
            Client(here) as client,
        ):  # fmt: skip
            client.wait_for_workers(workers)
            partitions = max(16, 2 * workers)
            sent, seconds, count = measured(client, partitions, rows)
            print(f"{workers:8}{partitions:11}{rows:6}{sent:14,.0f}{count:7}{seconds * 1e3:9.1f}")
            overhead = (seconds - partitions * alone(rows)) / count
    print(f"beside the work, a task of the last row takes {overhead * 1e3:.2f} ms")
    print(f"{'workers':>8}{'partitions':>11}{'tasks':>7}{'1-ms parts':>12}{'100-ms':>9}{'1-s':>9}")
    for workers in (1, 2, 8, 64, 256, 1000):
        rates = [workers * 4 * t / scaled(workers, t, overhead) for t in (1e-3, 1e-1, 1.0)]
        print(
            f"{workers:8}{4 * workers:11}{tasks(4 * workers):7}"
            + "".join(f"{rate:>{width}.1f}" for rate, width in zip(rates, (12, 9, 9), strict=True))
        )


if __name__ == "__main__":
    main()
