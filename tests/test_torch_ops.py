"""The kernels of the torch backend: every op, at odd values, in every layout, by every index."""

import numpy as np
import pytest
from against_numpy import PLAIN, REFERENCE, TORCH, agrees, assert_same, run

import gradcore
import gradcore.tensor as T
from gradcore import Constant, TensorType, Variable
from gradcore.conformance.samples import accepted, all_samples, operands, sample_id
from gradcore.ops import scalars
from gradcore.ops.elementwise import ENTRIES
from gradcore.ops.index import IncSubtensor, Subtensor
from gradcore.ops.index_patterns import Slice, Slot

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("torch_state")

SAMPLES = list(all_samples())
DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64")
ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-3, 7.0, np.inf, -np.inf, np.nan]


# every op ---------------------------------------------------------------------------------------
def known(node):
    return all(v.dtype in DTYPES for v in (*node.inputs, *node.outputs))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_every_sample(sample, dtype, rng):
    try:
        variables, values = operands(sample, rng, dtype)
        node = sample.op.make_node(*variables)
    except TypeError:  # an op with a body of float64
        return
    if not known(node):
        assert "torch has no uint" in gradcore.plugins.registry().backend("torch").missing(node)
        return
    pairs = [(v, a) for v, a in zip(variables, values, strict=True) if not isinstance(v, Constant)]
    inputs, given = [v for v, _ in pairs], [a for _, a in pairs]
    expected = run(list(node.outputs), inputs, given, REFERENCE)
    assert_same(
        run(list(node.outputs), inputs, given, PLAIN),
        expected,
        ulps=max(16, getattr(sample.op, "ulp", 16)),
    )


def odd_values(dtype):
    """Every pair of odd values of ``dtype``."""
    if dtype == "bool":
        some = np.array([True, False])
    elif dtype.startswith("float"):
        some = np.array(ODD, dtype)
    else:
        bounds = np.iinfo(dtype)
        some = np.array([0, 1, 2, 3, 7, 8, 63, 64, bounds.max, bounds.max - 1, bounds.min], dtype)
        some = np.concatenate([some, -some[:6]])
    pairs = np.meshgrid(some, some)
    return [np.tile(p.ravel(), 3) for p in pairs]


SIGNED = {scalars.mod, scalars.int_div, scalars.sign, scalars.trunc, scalars.neg, scalars.mul}


@pytest.mark.parametrize(
    "op", [op for op in ENTRIES.values() if op is not scalars.polygamma], ids=str
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows_at_odd_values(op, dtype):
    """NaN, infinities, zeros of both signs, and the bounds of integers."""
    node = accepted(op, [dtype] * op.operands)
    if node is None or not known(node):
        return
    x, y = odd_values(dtype)
    if op is scalars.pow and dtype.startswith("int"):
        y = abs(y % 64)
    if op is scalars.gammaln:  # where SciPy's is -inf, against its limit
        x = x[~np.isneginf(x)]
    values = [x, y, y[::-1].copy()][: op.operands]
    (expected,) = run([node.out], list(node.inputs), values, REFERENCE)
    (found,) = run([node.out], list(node.inputs), values, PLAIN)
    assert_same([found], [expected], ulps=op.ulp)
    if op in SIGNED:
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found)[number], np.signbit(expected)[number])


def test_special_functions_over_their_range():
    x = T.dvector("x")
    a = np.concatenate([np.linspace(-20.3, 170, 999), np.arange(-3.0, 171)])
    agrees([x], [T.gamma(x)], a, tolerance=1e-13)
    for n in range(6):
        agrees([x], [T.polygamma(n, x)], np.linspace(0.2, 40, 99), tolerance=1e-13)
    agrees([x], [T.erfcinv(x)], np.logspace(-300, 0.3, 99), tolerance=1e-14)


LAYOUTS = {
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "stretched": lambda a: np.broadcast_to(a[:1], a.shape),
    "readonly": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "odd strides": lambda a: np.ndarray(
        a.shape, a.dtype, bytearray(3 * a.nbytes), strides=(3 * a.shape[1] * 8, 12)
    ),
    "empty": lambda a: a[:, :0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, rng):
    x = T.dmatrix("x")
    a = LAYOUTS[layout](rng.normal(size=(3, 4)))
    agrees([x], [x, x.T, T.exp(x), x.sum(0), x[::-1], x[1:], T.dot(x, x.T), x.flatten()], a)


# indexing ---------------------------------------------------------------------------------------
PATTERNS = [
    ((Slot.ARRAY, None, 1), [[0, 3, -1]]),
    ((1, Slice(), Slot.ARRAY), [[0, 1, -1]]),
    ((Slice(), Slot.ARRAY, Slot.ARRAY), [[0, 2], [[1], [-1]]]),
    ((Slice(None, None, -2), Slot.ARRAY, Slice(None, None, -1)), [[0, 2, 2, 0]]),
    ((Slot.ARRAY, Slice(None, None, -1), Slot.ARRAY), [[3, 3, -1], [1, 1, 1]]),
    ((Slot.SCALAR, None, Slice(Slot.SCALAR, Slot.SCALAR, Slot.SCALAR)), [-2, 5, 0, -1]),
    ((Slice(9, None, -1),), []),
    ((Slice(1, 3, -1),), []),
    ((Slice(-(2**70), 2**70), Slice(None, 2**63), Slice(-(2**63), None)), []),
    ((Slot.ARRAY,), [np.zeros((0,), "int64")]),
    ((Slot.ARRAY,), [np.array([1, 200], "uint8") % 4]),
    ((Slot.ARRAY, Slot.ARRAY), [np.array([[1, 1], [1, 1]], "int8"), [-1, -1]]),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", range(len(PATTERNS)))
def test_index_patterns(number, rng):
    pattern, keys = PATTERNS[number]
    keys = [np.asarray(k) for k in keys]
    x = T.dtensor3("x")
    indices = [
        Variable(TensorType(k.dtype.name, tuple(1 if n == 1 else None for n in k.shape)))
        for k in keys
    ]
    a = rng.normal(size=(4, 3, 2))
    part = Subtensor(pattern)(x, *indices)
    shape = run(part, [x, *indices], [a, *keys], REFERENCE).shape
    y = Variable(TensorType("float64", (None,) * len(shape)))
    agrees(
        [x, y, *indices],
        [
            part,
            IncSubtensor(pattern, True)(x, y, *indices),
            IncSubtensor(pattern, False)(x, y, *indices),
            IncSubtensor(pattern, True)(x, 3.0, *indices),
        ],
        *(a, rng.normal(size=shape), *keys),
    )


def test_the_last_of_many_writes_lasts(rng):
    x, y, i = T.dvector("x"), T.dvector("y"), T.lvector("i")
    n = 100_000
    where = rng.integers(-50, 50, n)
    agrees([x, y, i], [T.set_subtensor(x[i], y)], np.zeros(50), rng.normal(size=n), where)


def test_indices_out_of_bounds():
    x, i, k = T.dvector("x"), T.lvector("i"), T.lscalar("k")
    a, beyond = np.zeros(3), np.array([0, 3])
    for outputs in (x[i], T.set_subtensor(x[i], 1), T.inc_subtensor(x[i], 1)):
        with pytest.raises(IndexError):
            run(outputs, [x, i], [a, beyond], TORCH)
    with pytest.raises(IndexError):
        run(x[k], [x, k], [a, -4], TORCH)
    with pytest.raises(IndexError):
        run(x[i], [x, i], [a, np.array([-4])], TORCH)


@pytest.mark.parametrize(
    "key, shape, index",
    [
        (lambda i: (slice(0, 0), i), (2, 3), [3]),
        (lambda i: (i, slice(None)), (2, 0), [-3]),
        (lambda i: (i, 3), (2, 3), []),
    ],
)
def test_indices_out_of_bounds_where_nothing_is_read(key, shape, index):
    x, i = T.dmatrix("x"), T.lvector("i")
    values = [np.zeros(shape), np.array(index, "int64")]
    for outputs in (x[key(i)], T.set_subtensor(x[key(i)], 1), T.inc_subtensor(x[key(i)], 1)):
        with pytest.raises(IndexError, match="out of bounds"):
            run(outputs, [x, i], values, TORCH)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_numpy_gives(rng):
    mode = gradcore.Mode("torch", device="cuda")
    for sample in SAMPLES:
        variables, values = operands(sample, rng)
        node = sample.op.make_node(*variables)
        if known(node):
            expected = run(list(node.outputs), variables, values, REFERENCE)
            assert_same(run(list(node.outputs), variables, values, mode), expected, ulps=64)
    x, i = T.dvector("x"), T.lvector("i")
    with pytest.raises(IndexError):
        run(x[i], [x, i], [np.zeros(3), np.array([3])], mode)
