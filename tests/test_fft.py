"""Fourier transforms: NumPy's, by all arguments, and their derivatives."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError

RNG = np.random.default_rng(5)
REAL = RNG.normal(size=(4, 6))
COMPLEX = REAL + 1j * RNG.normal(size=(4, 6))
NORMS = (None, "backward", "ortho", "forward")

ALONG = [
    *(
        (name, (n, axis))
        for name in ("fft", "ifft", "hfft")
        for n in (None, 4, 9)
        for axis in (0, -1)
    ),
    *((name, (n, axis)) for name in ("rfft", "ihfft") for n in (None, 5, 9) for axis in (0, -1)),
    *(("irfft", (n, axis)) for n in (None, 5, 9, 14) for axis in (0, 1)),
    *((name, ((3, 8), (0, 1))) for name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfftn")),
    *((name, ((5, 7), (-1, 0))) for name in ("fftn", "irfft2", "rfftn")),
]


def taken(name):
    return REAL if name in ("rfft", "rfft2", "rfftn", "ihfft") else COMPLEX


@pytest.mark.parametrize("dtype", ["single", "double"])
@pytest.mark.parametrize("norm", NORMS)
def test_transforms_are_numpys(norm, dtype):
    values = [taken(name) for name, _ in ALONG]
    if dtype == "single":
        values = [a.astype("complex64" if a is COMPLEX else "float32") for a in values]
    variables = [T.matrix(dtype=a.dtype.name) for a in values]
    made = [
        getattr(T.fft, name)(v, *arguments, norm)
        for v, (name, arguments) in zip(variables, ALONG, strict=True)
    ]
    found = gradcore.function(variables, made, mode="numpy")(*values)
    for (name, arguments), a, b in zip(ALONG, values, found, strict=True):
        wanted = getattr(np.fft, name)(a, *arguments, norm)
        single = np.finfo("float32").eps if dtype == "single" else np.finfo("float64").eps
        np.testing.assert_allclose(
            b, wanted, atol=200 * single, rtol=0, err_msg=f"{name}{arguments}"
        )
        assert b.dtype == (
            np.result_type(wanted, "complex64") if np.iscomplexobj(wanted) else a.real.dtype
        )


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_extents_may_be_numbers_of_the_graph(mode):
    z, n = T.zmatrix("z"), T.lscalar("n")
    f = gradcore.function([z, n], [T.fft.fft(z, n), T.fft.irfft(z, n), T.fft.fftfreq(n)], mode=mode)
    for size in (3, 6, 9):
        whole, back, frequencies = f(COMPLEX, size)
        np.testing.assert_allclose(whole, np.fft.fft(COMPLEX, size), atol=1e-12)
        np.testing.assert_allclose(back, np.fft.irfft(COMPLEX, size), atol=1e-12)
        np.testing.assert_allclose(frequencies, np.fft.fftfreq(size))
    with pytest.raises(ValueError, match="nothing|REACHES|invalid|empty|data points"):
        f(COMPLEX, 0)


@pytest.mark.parametrize("n", [1, 4, 5])
def test_frequencies_and_shifts_are_numpys(n):
    made = [
        T.fft.fftfreq(n, 0.5),
        T.fft.rfftfreq(n, 0.5),
        T.fft.fftshift(T.fft.fftfreq(n)),
        T.fft.ifftshift(T.arange(n)),
        T.fft.fftshift(T.constant(COMPLEX), 1),
        T.fft.ifftshift(T.constant(COMPLEX)),
    ]
    wanted = [
        np.fft.fftfreq(n, 0.5),
        np.fft.rfftfreq(n, 0.5),
        np.fft.fftshift(np.fft.fftfreq(n)),
        np.fft.ifftshift(np.arange(n)),
        np.fft.fftshift(COMPLEX, 1),
        np.fft.ifftshift(COMPLEX),
    ]
    for found, want in zip(gradcore.function([], made, mode="numpy")(), wanted, strict=True):
        np.testing.assert_allclose(found, want)


@pytest.mark.parametrize(
    "cost",
    [
        lambda v: T.sum(abs(T.fft.fft(v**2, 9, 0)) ** 2),
        lambda v: T.sum(abs(T.fft.ifft2(T.sin(v))) ** 3),
        lambda v: T.sum(T.tanh(T.fft.irfft2(v**2, (5, 7)))),
        lambda v: T.sum(T.fft.hfft(v * v, 6) ** 2),
    ],
)
def test_gradients_are_those_of_differences_and_so_are_second_ones(cost):
    z, p = T.zmatrix("z"), T.zmatrix("p")
    _check(cost, z, p, COMPLEX, RNG.normal(size=(4, 6)) + 1j * RNG.normal(size=(4, 6)))


@pytest.mark.parametrize(
    "cost",
    [
        lambda v: T.sum(abs(T.fft.rfft(T.sin(v))) ** 3),
        lambda v: T.sum(abs(T.fft.rfftn(v**2, (3, 7))) ** 2),
        lambda v: T.sum(T.sin(T.fft.irfft(T.fft.rfft(v) * T.fft.rfft(v**2), 6))),
    ],
)
def test_gradients_of_real_numbers_are_those_of_differences(cost):
    _check(cost, T.dmatrix("x"), T.dmatrix("p"), REAL, RNG.normal(size=(4, 6)))


def _check(cost, v, p, value, direction):
    total = cost(v)
    gradient = T.grad(total, v)
    f = gradcore.function([v, p], [total, gradient, T.Rop(gradient, v, p)], mode="numpy")
    step = 1e-6
    up, down = (f(value + sign * step * direction, direction) for sign in (1, -1))
    _, slope, curvature = f(value, direction)
    along = np.sum(np.conj(slope) * direction).real
    np.testing.assert_allclose(along, (up[0] - down[0]) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose(curvature, (up[1] - down[1]) / (2 * step), rtol=1e-5, atol=1e-5)


def test_transforms_within_loops_and_of_stacks():
    z = T.zmatrix("z")
    row = T.zvector("row")
    rows = T.vectorize_graph(T.fft.fft(row), {row: z})
    steps, _ = gradcore.scan(lambda row: T.fft.irfft(row, 7), sequences=[z])
    found = gradcore.function([z], [rows, steps])(COMPLEX)
    np.testing.assert_allclose(found[0], np.fft.fft(COMPLEX))
    np.testing.assert_allclose(found[1], np.fft.irfft(COMPLEX, 7), atol=1e-12)


def test_what_is_refused():
    z, x = T.zmatrix("z"), T.dmatrix("x")
    with pytest.raises(GraphValueError, match="norm is one of"):
        T.fft.fft(z, norm="odd")
    with pytest.raises(GraphValueError, match="takes real numbers"):
        T.fft.rfft(z)
    with pytest.raises(GraphValueError, match="names no axis, or one twice"):
        T.fft.fft2(x, axes=(0, -2))
    with pytest.raises(GraphValueError, match="are not as many"):
        T.fft.fftn(x, (3,), (0, 1))
    with pytest.raises(GraphTypeError, match="must be an integer"):
        T.fft.irfft(z, 2.5)


@pytest.mark.parametrize("mode", ["c", gradcore.Mode("cuda", runtime="host")], ids=["c", "cuda"])
def test_compiled_functions_call_a_library_and_not_python(mode):
    z, x = T.zmatrix("z"), T.dmatrix("x")
    outputs = [T.fft.fft2(z), T.fft.ifft(z), T.fft.rfft2(x), T.fft.irfft(z, 9)]
    f = gradcore.function([z, x], outputs, mode)
    text = str(f.program)
    assert " python " not in text
    for name in ("fft_complex128", "rfft_float64", "irfft_complex128"):
        assert f"library extern:{name}(" in text
    wanted = (
        np.fft.fft2(COMPLEX),
        np.fft.ifft(COMPLEX),
        np.fft.rfft2(REAL),
        np.fft.irfft(COMPLEX, 9),
    )
    for a, b in zip(f(COMPLEX, REAL), wanted, strict=False):
        np.testing.assert_allclose(a, b, atol=1e-13)
