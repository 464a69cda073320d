"""Long sums of the C backend: accurate, and the same on any number of threads."""

import long_sums
import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import function
from gradcore_c import compiler

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)

ONE, TWO = gradcore.Mode("c", threads=1), gradcore.Mode("c", threads=2)

x, a = T.dscalar("x"), T.dscalar("a")
M, N = T.dmatrices("M", "N")


REDUCTIONS = {
    "sum": lambda m: T.exp(m).sum(),
    "columns": lambda m: T.exp(m).sum(axis=0),
    "rows": lambda m: T.exp(m).sum(axis=1),
    "max": lambda m: T.stack([m.max(), m.min()]),
    "columns max": lambda m: m.max(axis=0),
    "argmax": lambda m: m.argmax(axis=0),
    "prod": lambda m: (1 + m / 1e6).prod(),
    "logsumexp": lambda m: T.logsumexp(m, axis=1),
    "softmax": lambda m: T.softmax(m),
    "mean": lambda m: m.mean() + m.var(),
    "dot": lambda m: T.dot(m.T, m),
    "norm gradient": lambda m: T.grad(T.sqrt((m**2).sum()), m),
}


LARGE = [
    (name, shape)
    for name in REDUCTIONS
    for shape in [(1500, 300), (3, 200_000), (200_000, 3)]
    if name != "dot" or shape[1] < 10_000  # its result is a square of the columns
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", long_sums.PROGRAMS)
def test_long_sums_are_accurate(name, threads):
    """What rounding loses does not grow with the number of terms, for any axis and thread."""
    long_sums.check(name, gradcore.Mode("c", threads=threads))


@pytest.mark.parametrize("shape", [(3, 2, 0), (3, 0, 2), (0, 3), (0,)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_sums_of_no_terms(dtype, shape):
    """An axis that is known to be empty makes no block."""
    x = T.tensor("x", dtype, shape)
    sums = [x.sum(axis) for axis in (None, *range(x.ndim))]
    found = gradcore.function([x], sums, mode="c")(np.ones(shape, dtype))
    for axis, value in zip((None, *range(x.ndim)), found, strict=True):
        np.testing.assert_array_equal(value, np.ones(shape, dtype).sum(axis))


def test_a_very_long_sum_is_accurate():
    """The mean of 20 million equal numbers is that number, as NumPy has it."""
    x = T.fvector("x")
    mean = gradcore.function([x], T.mean(x), mode="c")
    np.testing.assert_allclose(mean(np.full(20_000_000, 0.1, "f")), np.float32(0.1), rtol=3e-6)


@pytest.mark.parametrize(("name", "shape"), LARGE, ids=str)
def test_threads_change_rounding_at_most(name, shape, rng):
    """Results are the same from run to run, and nearly the same on one thread and on two."""
    given = rng.standard_normal(shape)
    outputs = REDUCTIONS[name](M)
    one, two = function([M], outputs, mode=ONE), function([M], outputs, mode=TWO)
    assert one.source == two.source
    first = two(given)
    for _ in range(3):
        assert two(given).tobytes() == first.tobytes()
    np.testing.assert_allclose(one(given), first, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(
        first, function([M], outputs, mode="numpy")(given), rtol=1e-10, atol=1e-10
    )
