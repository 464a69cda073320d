"""Sums over partitions on a cluster of Dask: the same bits as on one machine, whatever dies.

Tests with processes of their own take a minute: they run if GRADCORE_CLUSTER is set, as ``nox -s
distributed`` does; the others run workers as threads of this process.
"""

import os
import runpy
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

import gradcore
import gradcore.tensor as T
from gradcore import distributed
from gradcore.errors import ArgumentError, UnavailableError
from gradcore.optimize import ScalarFunction, minibatches
from gradcore.summing import chunked

dask = pytest.importorskip("dask")
cluster = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")

pytestmark = pytest.mark.filterwarnings("default")  # of Dask's own: ports, sockets that close late

with_processes = pytest.mark.skipif(
    not os.environ.get("GRADCORE_CLUSTER"), reason="a minute: nox -s distributed"
)

RNG = np.random.default_rng(3)
ROWS, COLUMNS, CUT = 600, 5, 50
X, y, w, v = T.dmatrix("X"), *T.dvectors("y", "w", "v")
POINTS, LABELS = RNG.standard_normal((ROWS, COLUMNS)), np.sign(RNG.standard_normal(ROWS))
AT, DIRECTION = RNG.standard_normal((2, COLUMNS))
LOSS = T.sum(T.log(1 + T.exp(-y * T.dot(X, w)))) + 0.1 * T.sum(w**2)
MEAN = T.mean((T.tanh(T.dot(X, w)) - y) ** 2)


def logistic(mode="numpy"):
    gradient = T.grad(LOSS, w)
    residual = T.tanh(T.dot(X, w)) - y
    products = [T.Rop(gradient, w, v), T.Lop(residual, w, T.Rop(residual, w, v))]
    outputs = [LOSS, gradient, *products, T.grad(MEAN, w)]
    return gradcore.function([X, y, w, v], outputs, mode=mode)


def same_bits(found, wanted):
    assert [a.tobytes() for a in found] == [b.tobytes() for b in wanted]


@pytest.fixture(scope="module")
def client():
    with (
        cluster.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as here,
        cluster.Client(here) as found,
    ):
        yield found


def partitions():
    arrays = {X: POINTS, y: LABELS}
    return {v: da.from_array(a, chunks=(CUT, *a.shape[1:])) for v, a in arrays.items()}


def test_two_workers_return_the_bits_of_one_machine(client):
    f = logistic()
    total = f.over(distributed.chunks(partitions(), client))
    assert total.chunks.count == 12 and total.passes == 2
    wanted = f.over({X: POINTS, y: LABELS}, rows=CUT)(AT, DIRECTION)
    for _ in range(3):
        same_bits(total(AT, DIRECTION), wanted)
    for a, b in zip(wanted, f(POINTS, LABELS, AT, DIRECTION), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    some = f.over({X: POINTS[100:200], y: LABELS[100:200]}, rows=CUT)
    same_bits(total.of([2, 3])(AT, DIRECTION), some(AT, DIRECTION))


def test_other_collections_are_partitions_too(client):
    f = gradcore.function([X, y, w], T.sum((T.dot(X, w) - y) ** 2), mode="numpy")
    wanted = f.over({X: POINTS, y: LABELS}, rows=300)(AT)
    halves = [slice(0, 300), slice(300, 600)]
    delayed = [dask.delayed(lambda a, b: {"y": b, "X": a})(POINTS[h], LABELS[h]) for h in halves]
    tuples = [dask.delayed(lambda a, b: (a, b))(POINTS[h], LABELS[h]) for h in halves]
    bags = {
        X: db.from_sequence(list(POINTS), npartitions=2),
        "y": db.from_sequence(list(LABELS), npartitions=2),
    }
    futures = {X: client.scatter([POINTS[h] for h in halves]), y: [LABELS[h] for h in halves]}
    for data, batch in ((delayed, [X, y]), (tuples, ["X", "y"]), (bags, None), (futures, None)):
        same_bits([f.over(distributed.chunks(data, client, batch))(AT)], [wanted])


def test_what_does_not_fit_is_said(client, monkeypatch):
    other = partitions() | {y: da.from_array(LABELS, chunks=100)}
    with pytest.raises(ArgumentError, match="different numbers of partitions: X 12, y 6"):
        distributed.chunks(other, client)
    with pytest.raises(ArgumentError, match="other axes than the first"):
        distributed.chunks({X: da.from_array(POINTS, chunks=(CUT, 2))}, client)
    with pytest.raises(ArgumentError, match="batch="):
        distributed.chunks([POINTS], client)
    with pytest.raises(ArgumentError, match="neither an array nor a bag|neither an array or a bag"):
        distributed.chunks({X: POINTS}, client)
    f = gradcore.function([X, y], T.dot(y, X), mode="numpy")
    uneven = {X: [POINTS[:3]], y: [LABELS[:2]]}
    with pytest.raises(ArgumentError, match="different numbers of rows: X 3, y 2"):
        f.over(distributed.chunks(uneven, client))()
    with pytest.raises(ArgumentError, match="a chunk lacks y"):
        f.over(distributed.chunks([{"X": POINTS}], client, [X, y]))()
    monkeypatch.setattr(distributed.partitions, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="gradcore\\[dask\\]"):
        distributed.chunks(partitions(), client)


# processes ----------------------------------------------------------------------------------------
@pytest.fixture
def processes():
    with (
        cluster.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="700MB", dashboard_address=None
        ) as here,
        cluster.Client(here) as found,
    ):
        yield found


def rows_from(seed, count=CUT, slow=0.0):
    """Return a chunk, made where it is needed; a worker that is to be killed takes its time."""
    time.sleep(slow)
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, COLUMNS)), np.sign(rng.standard_normal(count))


def process_id():
    return os.getpid()


def compiled_here():
    return len(distributed.work._compiled)


def made(count, rows=CUT):
    return [dask.delayed(rows_from)(seed, rows) for seed in range(count)]


@with_processes
def test_a_killed_worker_changes_nothing(processes):
    f = logistic("c")
    chunks = [rows_from(seed) for seed in range(12)]
    wanted = f.over(chunks, batch=[X, y])(AT, DIRECTION)
    total = f.over(distributed.chunks(made(12), processes, [X, y]))
    same_bits(total(AT, DIRECTION), wanted)
    assert set(processes.run(compiled_here).values()) == {len(total.program.passes)}

    # between two calls
    victim = next(iter(processes.run(process_id).values()))
    os.kill(victim, 9)
    same_bits(total(AT, DIRECTION), wanted)
    assert victim not in processes.run(process_id).values()


@with_processes
def test_a_worker_killed_in_the_middle_changes_nothing(processes):
    f = logistic("c")
    wanted = f.over([rows_from(seed) for seed in range(12)], batch=[X, y])(AT, DIRECTION)
    slow = [dask.delayed(rows_from)(seed, CUT, 0.5) for seed in range(12)]
    data = distributed.chunks(slow, processes, [X, y])
    total, victims = f.over(data), list(processes.run(process_id).values())
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(total, AT, DIRECTION)
        while sum(future.done() for future in data._futures) < 4:
            time.sleep(0.05)
        assert not running.done()
        os.kill(victims[0], 9)
        same_bits(running.result(timeout=120), wanted)
    assert victims[0] not in processes.run(process_id).values()


@with_processes
def test_data_may_be_larger_than_a_worker(processes):
    """Sixteen chunks of 80 MB, on two workers of 700 MB: what does not fit is spilled to disk."""
    x = T.dmatrix("x")
    f = gradcore.function([x, w], [T.sum(T.dot(x, w) ** 2), T.dot(x.T, T.dot(x, w))], mode="c")
    count, rows = 16, 2_000_000
    data = {x: [dask.delayed(np.full)((rows, COLUMNS), float(k)) for k in range(count)]}
    total = f.over(distributed.chunks(data, processes))
    value, gradient = total(np.ones(COLUMNS))
    squares = sum(k * k for k in range(count)) * rows
    assert value == squares * COLUMNS**2 and gradient.tolist() == [squares * COLUMNS] * COLUMNS


# drivers ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG"])
def test_solvers_go_the_same_way_on_two_workers(client, method):
    f = ScalarFunction(LOSS, w, args=[X, y])
    found = []
    for data in (
        chunked({X: POINTS, y: LABELS}, rows=CUT),
        distributed.chunks(partitions(), client),
    ):
        g = f.over(data)
        more = {"hessp": g.hessp} if method == "Newton-CG" else {}
        start = np.zeros(COLUMNS)
        found.append(minimize(g.value_and_grad, start, jac=True, method=method, **more))
    assert found[0].success and found[0].x.tobytes() == found[1].x.tobytes()
    np.testing.assert_allclose(f.grad(found[0].x, POINTS, LABELS), 0, atol=1e-2)


def test_minibatches_go_the_same_way_on_two_workers(client):
    ended = []
    for data in (
        chunked({X: POINTS, y: LABELS}, rows=CUT),
        distributed.chunks(partitions(), client),
    ):
        at = gradcore.shared(np.zeros(COLUMNS), "at")
        cost = gradcore.graph_replace(MEAN, {w: at})
        epoch = minibatches(
            cost,
            [at],
            data,
            lambda g, p: T.nn.adam(g, p, 0.05),
            args=[X, y],
            chunks=5,
            mode="numpy",
        )
        costs = epoch() + epoch()
        assert len(costs) == 6
        ended.append((costs, at.get_value().tobytes()))
    assert ended[0] == ended[1]


@with_processes
def test_the_example_ends_in_the_same_place_here_and_there():
    example = runpy.run_path(str(Path(__file__).parents[1] / "examples/two_workers.py"))
    sizes = {"logistic": (6, 2000, 5), "recurrent": (6, 500, 10, 2)}
    found = example["main"](sizes, memory=700_000_000)
    for costs, same in found.values():
        assert same and costs[-1] < costs[0] and len(costs) > example["KILLED_AFTER"]
