"""CUDA graphs and plans on a device of a page: what is captured, saved and given back."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from fake_cuda import A, function, long, x

import gradcore
import gradcore.tensor as T
from gradcore_c import compiler
from gradcore_cuda import plan
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason="kernels run as C here: no C compiler"
)


# graphs -----------------------------------------------------------------------------------------


def test_addresses_that_come_again_are_captured(fake):
    f = function([x], long(x))
    given = np.random.default_rng(0).normal(size=(16, 16))
    want = gradcore.function([x], long(x), mode="numpy")(given)
    for _ in range(4):
        np.testing.assert_allclose(f(given), want)
    assert fake.log.count("capture") == 1 and fake.log.count("replay") == 3
    np.testing.assert_allclose(
        f(given * 2), gradcore.function([x], long(x), mode="numpy")(given * 2)
    )


def test_other_addresses_run_all_the_same(fake):
    f = function([x], long(x))
    want = gradcore.function([x], long(x), mode="numpy")
    rng = np.random.default_rng(0)
    saved = []
    for _ in range(2 * GPU.plan_graphs + 3):
        given = rng.normal(size=(16, 16))
        saved.append((f(fake.put(given)), want(given)))
    for found, right in saved:
        np.testing.assert_allclose(found.get(), right)
    assert "capture" not in fake.log


def test_graphs_are_bounded(fake):
    f = function([x], long(x))
    given = [fake.put(np.eye(16) + k) for k in range(GPU.plan_graphs + 3)]
    places = []
    fixed = fake.allocate

    # The pool hands the same block out again and again.
    def same(count):
        block = fixed(count)
        if count == 16 * 16 * 8:
            places.append(block)
            return places[0]
        return block

    fake.allocate = same
    for _ in range(3):
        for array in given:
            f(array).get()
    (made,) = f._executable._plans.values()
    assert len(made.graphs) == GPU.plan_graphs
    saved = plan.retained(fake)
    assert saved.nodes <= GPU.graph_steps
    assert saved.bytes <= fake.card.memory // GPU.plan_memory_parts


def test_signatures_have_plans_of_their_own(fake):
    f = function([x], T.softmax(x))
    for n in (1, 3, 700):
        given = np.random.default_rng(n).normal(size=(2, n))
        want = np.exp(given) / np.exp(given).sum(1, keepdims=True)
        np.testing.assert_allclose(f(given), want)
    assert len(f._executable._plans) == 3


def test_streams_wait_for_one_another(fake):
    """A workspace is used by one stream after the other."""
    f = function([x], long(x), mode={"native": True})
    want = gradcore.function([x], long(x), mode="numpy")
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(16, 16)) for _ in range(6)]
    found = []
    for k, array in enumerate(given):
        fake.current = 1 + k % 3
        found.append(f(array))
    fake.drain(3)
    fake.drain(2)
    for array, result in zip(given, found, strict=True):
        np.testing.assert_allclose(result.get(), want(array))


def test_memory_that_is_retained_is_bounded_and_given_back(fake):
    saved, limit = plan.retained(fake), 3000
    mode = {"target": replace(GPU, plan_memory_parts=fake.card.memory // limit)}
    functions = [function([x], x * k, mode=dict(mode)) for k in range(2, 8)]
    for f in functions:
        f(A)
    assert 0 < saved.bytes <= limit
    for k, f in enumerate(functions):
        np.testing.assert_array_equal(f(A), A * (k + 2))
    functions[-1]._executable.release()
    del functions, f
    gc.collect()
    assert saved.bytes == 0
