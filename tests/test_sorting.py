"""The orders of long and short rows of every dtype, bit for bit as NumPy's stable sort."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.dtypes import DTYPES

REAL = [dtype.name for dtype in DTYPES.values() if dtype.kind != "complex" and dtype.ctype]
LENGTHS = (0, 1, 2, 13, 191, 192, 500, 70_000)
"""Runs, merges, and digits: about the lengths at which the algorithm is another one."""


def _values(dtype, n, rng):
    """Return what is all different, what repeats, and what differs in the last bits only."""
    bits = np.dtype(f"u{np.dtype(dtype).itemsize}")
    yield rng.integers(0, np.iinfo(bits).max, n, bits, endpoint=True).view(dtype)
    yield rng.integers(0, 2, n).astype(dtype)
    yield (np.array([1], dtype).view(bits) + rng.integers(0, 100, n).astype(bits)).view(dtype)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", REAL)
def test_orders_are_those_of_a_stable_sort(dtype, n, rng):
    x = T.vector("x", dtype)
    f = gradcore.function([x], [T.sort(x), T.argsort(x)], "c")
    alone = gradcore.function([x], T.sort(x), "c")
    of_bool = [rng.integers(0, 2, n).astype(bool)]
    for values in of_bool if dtype == "bool" else _values(dtype, n, rng):
        order = np.argsort(values, kind="stable")
        found, places = f(values)
        assert places.tolist() == order.tolist()
        for each in (found, alone(values)):
            assert each.tobytes() == values[order].tobytes()


@pytest.mark.parametrize("axis", [0, 1])
def test_one_sort_serves_a_value_and_its_derivative(axis, everywhere):
    x, w = T.dmatrices("x", "w")
    cost = (T.sort(x, axis) * w).sum()
    f = gradcore.function([x, w], [cost, T.grad(cost, x)], everywhere)
    alone = gradcore.function([x], T.sort(x, axis), everywhere)
    fired, others = ({firing.rule for firing in each.maker.trace} for each in (f, alone))
    assert ("sorted_once" in fired) is bool(everywhere.optimizer)
    assert "sorted_once" not in others
    a = np.array([[3.0, np.nan, -0.0], [0.0, -1, 3]])
    u = np.arange(6.0).reshape(2, 3)
    order = np.argsort(a, axis, kind="stable")
    expected = np.empty_like(u)
    np.put_along_axis(expected, order, u, axis)
    np.testing.assert_array_equal(f(a, u)[1], expected)
