"""Distinct parts along an axis, and quantiles of elements with weights, against NumPy."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T


@pytest.mark.parametrize("mode", ["numpy", "c"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((20, 3), 0), ((3, 20), 1), ((2, 9, 2), 1), ((5, 2, 2), -3), ((4, 0), 0)]
)
def test_distinct_parts_along_an_axis(shape, axis, mode):
    known = [None if k == axis % len(shape) else n for k, n in enumerate(shape)]
    x = T.tensor("x", "float64", known)
    value = np.random.default_rng(0).integers(0, 2, shape).astype(float)
    f = gradcore.function([x], list(T.unique(x, True, True, True, axis=axis)), mode=mode)
    wanted = np.unique(value, True, True, True, axis=axis)
    for found, expected in zip(f(value), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)
    nothing = f(np.delete(value, np.s_[:], axis))
    assert [0 in a.shape for a in nothing] == [True] * 4


@pytest.mark.parametrize("mode", ["numpy", "c"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_quantiles_of_elements_that_weigh(axis, keepdims, mode):
    rng = np.random.default_rng(0)
    x, w, q = T.dmatrix("x"), T.dmatrix("w"), [0, 0.1, 0.5, 0.77, 1]
    value, weight = rng.normal(size=(4, 7)), rng.integers(0, 4, (4, 7)).astype(float)
    weight[0] += 1
    weight[:, 1] += 1
    options = {"axis": axis, "method": "inverted_cdf", "keepdims": keepdims}
    f = gradcore.function([x, w], T.quantile(x, q, weights=w, **options), mode=mode)
    np.testing.assert_array_equal(
        f(value, weight), np.quantile(value, q, weights=weight, **options)
    )
    value[1, 2] = np.nan
    np.testing.assert_array_equal(
        f(value, weight), np.quantile(value, q, weights=weight, **options)
    )
    if axis == 1:
        v = T.dvector("v")
        f = gradcore.function([x, v], T.percentile(x, 30, weights=v, **options), mode=mode)
        wanted = np.percentile(value, 30, weights=weight[0], **options)
        np.testing.assert_array_equal(f(value, weight[0]), wanted)
