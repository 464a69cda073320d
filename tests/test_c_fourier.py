"""Transforms of the C backend's own, at extents of every kind, against SciPy's in double precision.

`gradcore_c/fourier.c` says which kinds there are.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.fft
from hypothesis import example, given, settings
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore_c import compiler

pytestmark = pytest.mark.skipif(compiler.unavailable() is not None, reason="no C compiler")

MANY_PLANS = 300
"""More extents than the library has plans for."""

SMALL = st.integers(1, 70)
LONGER = st.sampled_from([
    121, 127, 128, 169, 210, 243, 256, 257, 289, 343, 360, 500, 512, 625, 1000, 1009, 1155, 2187,
    4096, 5003, 8192, 10007, 16384, 20000, 65536, 100000,
])  # fmt: skip
"""Small primes, large ones, powers, and what is a matrix or is not."""

SHAPES = st.one_of(
    st.tuples(st.just(0), st.tuples(st.one_of(SMALL, LONGER))),
    st.tuples(st.integers(0, 1), st.tuples(SMALL, SMALL)),
    st.tuples(st.integers(0, 2), st.tuples(*[st.integers(1, 20)] * 3)),
    st.tuples(st.just(1), st.tuples(st.integers(1, 20), LONGER)),
    st.tuples(st.just(0), st.tuples(LONGER, st.integers(1, 20))),
).filter(lambda drawn: np.prod(drawn[1]) < 2**18)


def close(found, wanted, n):
    """Hold numbers to others: errors grow as the square root of the logarithm, if at random."""
    eps = np.finfo(found.dtype).eps
    scale = np.sqrt(np.mean(np.abs(wanted) ** 2)) + 1e-30
    np.testing.assert_allclose(found, wanted, rtol=0, atol=eps * scale * (4 * np.log2(n + 1) + 8))
    assert found.shape == wanted.shape


FUNCTIONS = {}


def transforms(ndim, axis, single):
    """Return a function of complex numbers, real ones and half a spectrum, and of an extent."""
    if (ndim, axis, single) not in FUNCTIONS:
        real, whole = ("float32", "complex64") if single else ("float64", "complex128")
        z, x, h = (
            T.TensorType(d, (None,) * ndim)(v) for d, v in ((whole, "z"), (real, "x"), (whole, "h"))
        )
        n = T.lscalar("n")
        outputs = [
            T.fft.fft(z, axis=axis),
            T.fft.ifft(z, axis=axis, norm="forward"),
            T.fft.rfft(x, axis=axis),
            T.fft.irfft(h, n, axis=axis, norm="forward"),
        ]
        FUNCTIONS[ndim, axis, single] = gradcore.function([z, x, h, n], outputs, mode="c")
        assert "callback" not in FUNCTIONS[ndim, axis, single].source
    return FUNCTIONS[ndim, axis, single]


@settings(max_examples=60)
@given(SHAPES, st.booleans(), st.integers(0, 2**32))
@example((0, (65536,)), False, 0)
@example((0, (65536,)), True, 0)
@example((1, (9, 10007)), False, 0)
@example((0, (1009, 20)), True, 0)
@example((1, (17, 16384)), False, 0)
def test_transforms_along_an_axis(drawn, single, seed):
    axis, shape = drawn
    rng, n = np.random.default_rng(seed), shape[axis]
    real, whole = ("float32", "complex64") if single else ("float64", "complex128")
    z = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(whole)
    x = rng.normal(size=shape).astype(real)
    halved = (*shape[:axis], n // 2 + 1, *shape[axis + 1 :])
    h = (rng.normal(size=halved) + 1j * rng.normal(size=halved)).astype(whole)
    fft, ifft, rfft, irfft = transforms(len(shape), axis, single)(z, x, h, n)
    close(fft, scipy.fft.fft(z.astype(complex), axis=axis), n)
    close(ifft, scipy.fft.ifft(z.astype(complex), axis=axis, norm="forward"), n)
    close(rfft, scipy.fft.rfft(x.astype(float), axis=axis), n)
    close(irfft, scipy.fft.irfft(h.astype(complex), n, axis=axis, norm="forward"), n)


@pytest.mark.parametrize("axes", [(0, 2), (1,), (0, 1, 2), (1, 3), (0, 3), (1, 2, 3), (0, 1, 2, 3)])
def test_several_axes(axes, rng):
    """Up to three are C's own; more are SciPy's."""
    z = T.TensorType("complex128", (None,) * 4)("z")
    f = gradcore.function([z], T.fft.fftn(z, axes=axes), mode="c")
    assert ("callback" in f.source) == (len(axes) > 3)
    for shape in ((3, 4, 5, 6), (1, 4, 1, 6), (2, 1, 3, 1)):
        value = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        close(f(value), scipy.fft.fftn(value, axes=axes), value.size)
        turned = value.transpose(3, 2, 1, 0)
        close(f(turned), scipy.fft.fftn(turned, axes=axes), value.size)


def test_threads_and_more_extents_than_plans_stay():
    z = T.zvector("z")
    f = gradcore.function([z], T.fft.fft(z), mode="c")

    def compared(n):
        value = np.random.default_rng(n).normal(size=n) + 1j
        for _ in range(2):
            close(f(value), scipy.fft.fft(value), n)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(compared, [*range(1, MANY_PLANS), 4096, *range(1, MANY_PLANS, 7)]))


def test_what_is_no_number_stays_in_its_line():
    z = T.zmatrix("z")
    f = gradcore.function([z], T.fft.fft(z), mode="c")
    value = np.ones((11, 12), complex)
    value[3, 4], value[7, 0] = np.nan, np.inf
    finite = np.isfinite(f(value)).all(axis=1)
    assert finite.tolist() == [row not in (3, 7) for row in range(11)]


@pytest.mark.parametrize("n", [1, 2, 5, 8, 300])
@pytest.mark.parametrize("rows", [1, 3, 9])
def test_parts_that_must_be_zero_are_not_read(n, rows, rng):
    """The first number of a spectrum, and of an even extent the last, is real."""
    h, extent = T.zmatrix("h"), T.lscalar("n")
    f = gradcore.function([h, extent], T.fft.irfft(h, extent), mode="c")
    value = rng.normal(size=(rows, n // 2 + 1)) + 1j * rng.normal(size=(rows, n // 2 + 1))
    ends = [0, -1] if n % 2 == 0 else [0]
    value.imag[:, ends] = 0
    wanted = scipy.fft.irfft(value, n)
    value.imag[:, ends] = np.nan
    close(f(value, n), wanted, n)
