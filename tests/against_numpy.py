"""What a backend computes, checked against NumPy."""

import numpy as np

import gradcore

TORCH = gradcore.Mode("torch")
PLAIN = gradcore.Mode("torch", optimizer=False)
REFERENCE = gradcore.Mode("numpy", optimizer=False)


def run(outputs, inputs, values, mode):
    return gradcore.function(inputs, outputs, mode=mode, on_unused_input="ignore")(*values)


def assert_same(found, expected, ulps=16):
    """Values agree as far as the dtype goes; dtypes and shapes are equal."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype.kind == "f":
            eps = ulps * np.finfo(a.dtype).eps
            np.testing.assert_allclose(a, b, rtol=eps, atol=eps)
        else:
            np.testing.assert_array_equal(a, b)


def agrees(inputs, outputs, *values, modes=(TORCH, PLAIN), tolerance=1e-10):
    """Torch gives what NumPy gives, leaves arguments alone, and hands out memory of its own."""
    expected = run(outputs, inputs, values, REFERENCE)
    for mode in modes:
        saved = [np.array(v) for v in values]
        found = run(outputs, inputs, values, mode)
        for a, b in zip(found, expected, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
            assert a.flags.writeable
            assert not any(np.shares_memory(a, v) for v in values if isinstance(v, np.ndarray))
        for k, a in enumerate(found):
            assert not any(np.shares_memory(a, b) for b in found[:k])
        for before, after in zip(saved, values, strict=True):
            np.testing.assert_array_equal(before, after)


def both(inputs, outputs, *values, mode=None):
    """Return values in mode jax after checking that they are those of mode numpy."""
    found = gradcore.function(inputs, outputs, mode=mode or "jax")(*values)
    expected = gradcore.function(inputs, outputs, mode="numpy")(*values)
    for a, b in zip(found, expected, strict=True):
        assert isinstance(a, np.ndarray)
        assert a.dtype == b.dtype and a.shape == b.shape
        tolerance = 1e-5 if a.dtype == "float32" else 1e-12
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    return found
