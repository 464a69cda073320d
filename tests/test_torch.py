"""The torch backend: what the conformance suite does not know of torch."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.samples import accepted, all_samples, operands, sample_id
from gradcore.errors import (
    AssertionFailedError,
    ShapeError,
)
from gradcore.graph import Constant, TensorType, Variable
from gradcore.ops import scalars
from gradcore.ops.elementwise import ROWS
from gradcore.ops.index import IncSubtensor, Slice, Slot, Subtensor

torch = pytest.importorskip("torch")

TORCH = gradcore.Mode("torch")
PLAIN = gradcore.Mode("torch", optimizer=False)
REFERENCE = gradcore.Mode("numpy", optimizer=False)
NATIVE = gradcore.Mode("torch", native=True)
COMPILED = gradcore.Mode("torch", compile=True)
SAMPLES = list(all_samples())
DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64")
ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-3, 7.0, np.inf, -np.inf, np.nan]


@pytest.fixture(autouse=True)
def _state_is_left_alone():
    before = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    yield
    assert before == (
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
    )


def run(outputs, inputs, values, mode):
    return gradcore.function(inputs, outputs, mode=mode, on_unused_input="ignore")(*values)


def assert_same(found, expected, dtype="float64", ulps=16):
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
        kept = [np.array(v) for v in values]
        found = run(outputs, inputs, values, mode)
        for a, b in zip(found, expected, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
            assert a.flags.writeable
            assert not any(np.shares_memory(a, v) for v in values if isinstance(v, np.ndarray))
        for k, a in enumerate(found):
            assert not any(np.shares_memory(a, b) for b in found[:k])
        for before, after in zip(kept, values, strict=True):
            np.testing.assert_array_equal(before, after)


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
        assert "torch has no uint" in gradcore.plugins.registry().backends["torch"].missing(node)
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


@pytest.mark.parametrize("op", ROWS.values(), ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows_at_odd_values_of_every_dtype(op):
    """NaN, infinities, zeros of both signs, and the bounds of integers."""
    for dtype in DTYPES:
        node = accepted(op, [dtype] * op.operands)
        if node is None or not known(node):
            continue
        x, y = odd_values(dtype)
        if op is scalars.pow and dtype.startswith("int"):
            y = abs(y % 64)
        values = [x, y, y[::-1].copy()][: op.operands]
        inputs = list(node.inputs)
        (expected,) = run([node.out], inputs, values, REFERENCE)
        (found,) = run([node.out], inputs, values, PLAIN)
        assert found.dtype == expected.dtype
        if (op, dtype) in LOOSE:
            continue
        exact = expected.dtype.kind != "f"
        rtol = 0 if exact else max(op.ulp, 4) * np.finfo(found.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=dtype)
        if not exact and op in SIGNED:
            number = ~np.isnan(expected)
            np.testing.assert_array_equal(
                np.signbit(found)[number], np.signbit(expected)[number], err_msg=dtype
            )


LOOSE = set()
SIGNED = {scalars.mod, scalars.int_div, scalars.sign, scalars.trunc, scalars.neg}


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
    ((Slot.ARRAY,), [np.zeros((0,), "int64")]),
    ((Slot.ARRAY,), [np.array([1, 200], "uint8") % 4]),
    ((Slot.ARRAY, Slot.ARRAY), [np.array([[1, 1], [1, 1]], "int8"), [-1, -1]]),
]


@pytest.mark.parametrize("number", range(len(PATTERNS)))
def test_index_patterns(number, rng):
    pattern, keys = PATTERNS[number]
    keys = [np.asarray(k) for k in keys]
    x = T.dtensor3("x")
    indices = [Variable(TensorType(k.dtype.name, (None,) * k.ndim)) for k in keys]
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


# checks at run time -----------------------------------------------------------------------------
def test_run_time_checks_raise_the_same_errors():
    x, y, n = T.dvector("x"), T.dvector("y"), T.lscalar("n")
    m = T.dmatrix("m")
    a, b = np.zeros(3), np.zeros(4)
    cases = [
        (ShapeError, x + y, [x, y], [a, b]),
        (ShapeError, x + y, [x, y], [a, np.zeros(1)]),
        (ShapeError, T.dot(x, y), [x, y], [a, b]),
        (ShapeError, T.dot(m, x), [m, x], [np.zeros((2, 4)), a]),
        (ShapeError, T.reshape(x, (n, 2), ndim=2), [x, n], [a, 2]),
        (ShapeError, T.reshape(x, (n, -1), ndim=2), [x, n], [a, -1]),
        (ShapeError, T.set_subtensor(x[1:], y), [x, y], [b, np.zeros(1)]),
        (ShapeError, T.concatenate([m, T.stack([x])], 0), [m, x], [np.zeros((2, 4)), a]),
        (ValueError, x.max(), [x], [np.zeros(0)]),
        (ValueError, x.argmax(), [x], [np.zeros(0)]),
        (ValueError, T.repeat(x, n), [x, n], [a, -1]),
    ]
    for error, output, inputs, values in cases:
        with pytest.raises(error):
            run(output, inputs, values, REFERENCE)
        with pytest.raises(error):
            run(output, inputs, values, TORCH)


def test_assertions_hold_or_raise():
    x = T.dscalar("x")
    checked = gradcore.function(
        [x], T.opt.Assert("positive")(x, x > 0) if hasattr(T, "opt") else _asserted(x), mode=TORCH
    )
    assert checked(2.0) == 2
    with pytest.raises(AssertionFailedError, match="positive"):
        checked(-2.0)


def _asserted(x):
    from gradcore.ops.control import Assert

    return Assert("positive")(x, x > 0)
