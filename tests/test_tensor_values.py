"""Values of the tensor language at the edges: kinks, masks, dtypes, no elements, integers."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError, GraphTypeError
from gradcore.graph import Variable, ancestors
from gradcore.graph.types import DISCRETE

PLAIN = gradcore.Mode("numpy", optimizer=False)


# kinks, ties and masks --------------------------------------------------------------------------
def slope(f, at):
    x = T.dvector("x")
    return T.grad(f(x).sum(), x).eval({x: at}).tolist()


def test_conventions_at_kinks():
    assert slope(abs, [0.0, -2.0]) == [0.0, -1.0]
    assert slope(T.relu, [0.0, 1.0, -1.0]) == [0.0, 1.0, 0.0]
    assert slope(lambda x: T.maximum(x, 1.0), [1.0, 2.0, 0.0]) == [0.5, 1.0, 0.0]
    assert slope(lambda x: T.maximum(1.0, x), [1.0, 2.0, 0.0]) == [0.5, 1.0, 0.0]
    assert slope(lambda x: T.minimum(x, x[::-1]), [3.0, 3.0]) == [1.0, 1.0]
    assert slope(T.max, [1.0, 3.0, 3.0]) == [0.0, 0.5, 0.5]
    assert slope(lambda x: x.norm(), [0.0, 0.0]) == [0.0, 0.0]
    assert slope(lambda x: x.std(), [2.0, 2.0]) == [0.0, 0.0]
    assert slope(lambda x: T.clip(x, 0, 1), [0.0, 1.0, 2.0]) == [1.0, 1.0, 0.0]
    p = T.dscalar("p")
    assert T.grad(p * 0 + T.constant(0.0) ** p, p).eval({p: 2.0}) == 0
    assert slope(lambda x: x**0.0, [0.0]) == [0.0]
    q = T.dvector("q")
    assert T.grad((q ** T.zeros_like(q)).sum(), q).eval({q: [0.0]}).tolist() == [0.0]


@pytest.mark.parametrize(
    "value", [[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 5.0, 3.0]]
)
def test_products_are_exact_at_zeros(value):
    x = T.dvector("x")
    v = np.array(value)
    others = [np.prod(np.delete(v, i)) for i in range(3)]
    assert T.grad(x.prod(), x).eval({x: value}).tolist() == others
    pairs = [[0 if i == j else np.prod(np.delete(v, [i, j])) for j in range(3)] for i in range(3)]
    assert T.hessian(x.prod(), x).eval({x: value}).tolist() == pairs
    rows = [
        [np.prod(np.delete(v[: k + 1], i)) if i <= k else 0 for i in range(3)] for k in range(3)
    ]
    assert T.jacobian(x.cumprod(), x).eval({x: value}).tolist() == rows
    last = T.hessian(x.cumprod()[-1], x).eval({x: value}).tolist()
    assert last == pairs


def test_what_is_not_taken_does_not_spoil_the_gradient():
    at = [0.0, 2.0, -1.0]
    for f, expected in [
        (lambda x: T.switch(x > 0, T.log(x), 0), [0, 0.5, 0]),
        (lambda x: T.switch(x > 0, T.sqrt(T.exp(T.log(x))), x), [1, 0.5 / np.sqrt(2), 1]),
        (lambda x: T.switch(x > 0, T.log(x) * T.log(x).sum() * 0 + x, 0), None),
        (lambda x: T.switch(x > 0, T.switch(x > 1, T.log(x), x), 0), [0, 0.5, 0]),
        (lambda x: T.switch(x <= 0, 0, T.log(x) + T.log(2 * x)), [0, 1, 0]),
        (lambda x: T.switch(x > 0, T.log(x), T.log(1 - x)), [-1, 0.5, -0.5]),
        (lambda x: T.switch(x > 0, T.log(x).dimshuffle("x", 0), 0).sum(0), [0, 0.5, 0]),
        (lambda x: T.switch(x > 0, (1 / x).reshape((3, 1)).reshape((3,)), 0), [0, -0.25, 0]),
        (lambda x: T.switch((x > 0)[:, None], T.outer(T.log(x), T.ones(2)), 0).sum(1), [0, 1, 0]),
        (lambda x: T.switch(T.eq(x, 2), T.arcsin(x / 2 - 1), 0), [0, 0.5, 0]),
    ]:
        if expected is not None:
            for mode in (gradcore.Mode("numpy", optimizer=False), None):
                x = T.dvector("x")
                g = T.grad(f(x).sum(), x)
                np.testing.assert_allclose(g.eval({x: at}, mode), expected)
                gg = T.grad(g.sum(), x, disconnected_inputs="ignore")
                assert np.isfinite(gg.eval({x: at}, mode)).all()
                r = T.Rop(f(x), x, T.ones_like(x))
                assert np.isfinite(r.eval({x: at}, mode)).all()


def _rectified(z):
    return T.switch(z > 0, z, 0.0)


A, B = np.array([[1.0, 2, 3, -1], [0.5, 1, 2, -2]]), np.array([1.0, -2, 3, 1])
CHOOSING = {
    "a network that fits": (
        lambda w: T.dot(_rectified(T.dot(T.tanh(w), A)), B),
        [0.3, 0.5],
    ),
    "a part of what is written": (lambda w: T.norm(T.set_subtensor(w[:], 2 * w[:])), [0.0, 1.0]),
    "a loop": (
        lambda w: gradcore.scan(lambda h, w: T.tanh(h * w.sum()), None, T.constant(0.5), w, 3)[0][
            -1
        ],
        [0.3, 0.5],
    ),
}


@pytest.mark.parametrize("name", CHOOSING)
def test_a_cotangent_that_is_zero_moves(name, optimized):
    """A zero is not what was not taken: where a square is 0 its second derivative is not."""
    f, at = CHOOSING[name]
    w = T.dvector("w")
    residual = f(w) - float(f(w).eval({w: at}, PLAIN))
    slope = T.grad(f(w), w)
    cost, wanted = T.sqr(residual), 2 * T.outer(slope, slope)
    if name == "a part of what is written":
        cost, wanted = f(w), T.constant([[2.0, 0.0], [0.0, 0.0]])
    g = T.grad(cost, w)
    rows = [T.grad(g[i], w) for i in range(2)]
    columns = [T.Rop(g, w, T.constant(np.eye(2)[i])) for i in range(2)]
    found = gradcore.function([w], [T.stack(rows), T.stack(columns), wanted], optimized)(at)
    np.testing.assert_allclose(found[0], found[2], atol=1e-12)
    np.testing.assert_allclose(found[1], found[2], atol=1e-12)


def test_a_mask_reaches_into_loops():
    x = T.dvector("x")
    logs, _ = gradcore.scan(lambda v: T.log(v), x)
    y = T.switch(x > 0, logs, 0)
    for mode in (gradcore.Mode("numpy", optimizer=False), None):
        assert T.grad(y.sum(), x).eval({x: [0.0, 2.0]}, mode).tolist() == [0.0, 0.5]


def test_numbers_of_python():
    """// and % round as Python does; NaN wins."""
    i, j = T.lvectors("i", "j")
    found = gradcore.function([i, j], [i // j, i % j])([7, -7, 7, -7], [2, 2, -2, -2])
    assert found[0].tolist() == [3, -4, -4, 3]
    assert found[1].tolist() == [1, 1, -1, -1]
    x, y = T.dscalars("x", "y")
    f = gradcore.function([x, y], [T.maximum(x, y), T.minimum(x, y), T.stack([x, y]).max()])
    assert all(np.isnan(v) for v in f(np.nan, 1)) and all(np.isnan(v) for v in f(1, np.nan))


def test_stable_forms():
    x = T.dvector("x")
    big = [1000.0, -1000.0]
    assert T.logsumexp(x).eval({x: big}) == 1000.0
    assert T.logsumexp(x).eval({x: [-np.inf, -np.inf]}) == -np.inf
    assert T.logsumexp(x).eval({x: [np.inf, 0]}) == np.inf
    assert T.softmax(x).eval({x: big}).tolist() == [1.0, 0.0]
    assert T.softplus(x).eval({x: big}).tolist() == [1000.0, 0.0]
    assert T.log(1 + T.exp(x)).eval({x: big}).tolist() == [1000.0, 0.0]
    assert T.log(T.sum(T.exp(x))).eval({x: big}) == 1000.0
    assert (T.exp(x) / T.sum(T.exp(x), keepdims=True)).eval({x: big}).tolist() == [1.0, 0.0]
    assert T.log(T.softmax(x)).eval({x: [0.0, 0.0]}).tolist() == [-np.log(2)] * 2


# dtypes -----------------------------------------------------------------------------------------
def test_a_softmax_of_equal_numbers():
    """The logarithm of each factor is known, deeper than that of the quotient is looked for."""
    s = T.dscalar("s")
    x = T.alloc(s, 2, 3)
    e = T.exp(x - gradcore.gradient.disconnected_grad(x.max(1, keepdims=True)))
    logs = T.log(e / e.sum(1, keepdims=True))
    slope = T.grad((logs * np.arange(6.0).reshape(2, 3)).sum(), s)
    found, moves = gradcore.function([s], [logs, slope], mode="numpy")(-0.5)
    assert np.allclose(found, -np.log(3.0), rtol=1e-15) and abs(moves) < 1e-15


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_a_sigmoid_is_as_small_as_it_is(mode):
    """Not 0 where ``exp(-x)`` is infinite already."""
    x, y = T.fvector("x"), T.dvector("y")
    single, double = gradcore.function([x, y], [T.sigmoid(x), T.sigmoid(y)], mode=mode)(
        [-96, -100, 100], [-740, -700, 800]
    )
    assert np.allclose(single, [2.03048e-42, 3.78351e-44, 1], rtol=1e-3, atol=0)
    assert np.allclose(double, [np.exp(-740.0), np.exp(-700.0), 1], rtol=1e-12, atol=0)


def test_dtypes_of_reductions():
    for dtype, summed in [
        ("bool", "int64"),
        ("int8", "int64"),
        ("uint8", "uint64"),
        ("float32", "float32"),
    ]:
        v = T.tensor("v", dtype, (None,))
        assert v.sum().dtype == summed and v.cumsum().dtype == summed
        assert v.max().dtype == dtype
        assert v.mean().dtype == ("float32" if dtype == "float32" else "float64")
    v = T.fvector("v")
    assert v.sum(dtype="float64").dtype == "float64"
    assert T.sum(v, acc_dtype="float64").dtype == "float32"
    assert T.sum(v.astype("float16")).dtype == "float16"
    many = np.ones(70000, "float16")
    assert T.mean(T.tensor("h", "float16", (None,))).owner is not None
    h = T.tensor("h", "float16", (None,))
    assert h.mean().eval({h: many}) == 1


def test_literals_are_weak():
    f, d, i, u = T.fscalar(), T.dscalar(), T.iscalar(), T.tensor("u", "uint8")
    assert (f * 0.1).dtype == "float32"
    assert (d * 0.1).dtype == "float64"
    assert (i * 0.5).dtype == "float64"
    assert (f + 1).dtype == "float32"
    assert (u + 1).dtype == "uint8" and (u + 300).dtype == "uint16" and (u - (-1)).dtype == "int16"
    assert (i + 1).dtype == "int32"
    assert (i / 2).dtype == "float64" and (i // 2).dtype == "int32"
    with gradcore.config.change_flags(floatX="float32"):
        assert (T.bscalar() * 0.5).dtype == "float32"
        assert T.exp(T.bscalar()).dtype == "float32"
        assert T.scalar().dtype == "float32" and T.zeros(2).dtype == "float32"


def test_casts():
    x = T.dvector("x")
    assert x.astype("float64") is x
    assert x.astype("int32").eval({x: [1.9, -1.9]}).tolist() == [1, -1]
    assert x.astype("bool").eval({x: [0.0, 2.0]}).tolist() == [False, True]
    with pytest.raises(GraphTypeError, match="no tensors of dtype"):
        x.astype("string")


# nothing ----------------------------------------------------------------------------------------
OF_NOTHING = {
    "logsumexp": (lambda x: T.logsumexp(x, axis=1), [-np.inf] * 2),
    "logsumexp of all": (T.logsumexp, -np.inf),
    "log(sum(exp))": (lambda x: T.log(T.sum(T.exp(x), axis=1)), [-np.inf] * 2),
    "log(sum(exp)) of all": (lambda x: T.log(T.sum(T.exp(x))), -np.inf),
    "softmax": (T.softmax, [[], []]),
    "log_softmax": (T.log_softmax, [[], []]),
    "quotient": (lambda x: T.exp(x) / T.sum(T.exp(x), axis=1, keepdims=True), [[], []]),
    "log(softmax)": (lambda x: T.log(T.softmax(x)), [[], []]),
}


@pytest.mark.parametrize("name", OF_NOTHING)
def test_exponentials_of_nothing(name, everywhere):
    build, wanted = OF_NOTHING[name]
    x = T.dmatrix("x")
    out = build(x)
    f = gradcore.function([x], [out, T.grad(out.sum(), x)], mode=everywhere)
    with np.errstate(all="ignore"):
        value, slope = f(np.zeros((2, 0)))
    assert value.tolist() == wanted
    assert slope.shape == (2, 0)


# integers where floats come of them --------------------------------------------------------------
def _words_that_make_floats():
    """Return the functions of one tensor that give floats for integers."""
    x = T.lmatrix("x")
    for name, word in vars(T).items():
        if callable(word) and not isinstance(word, type) and not name.startswith(("_", "cast")):
            try:
                found = word(x)
            except (GradcoreError, TypeError, ValueError, AttributeError):
                continue
            if isinstance(found, Variable) and x in ancestors([found]) and found.type.is_float:
                yield name


ORDERS = (1, 2, 3, np.inf, -np.inf)


@pytest.mark.parametrize("dtype", [dtype for dtype in DISCRETE if dtype != "bool"])
def test_integers_do_not_wrap_where_floats_come_of_them(dtype):
    """Differences of exponents, squares and magnitudes are those of floats."""
    limits = np.iinfo(dtype)
    x = T.tensor("x", dtype, (None, None))
    words = {name: getattr(T, name) for name in _words_that_make_floats()}
    assert {"softmax", "log_softmax", "logsumexp", "norm", "var", "exp"} <= set(words)
    words |= {f"norm {p}": lambda v, p=p: T.norm(v, p, axis=1) for p in ORDERS}
    floats = T.cast(x, "float64")
    pairs = [(word(x), T.cast(word(floats), word(x).dtype)) for word in words.values()]
    f = gradcore.function([x], [v for pair in pairs for v in pair], PLAIN)
    for values in ([[1, 3, 2], [0, 2, 3]], [[limits.max, limits.min, 3], [1, 2, 100]]):
        with np.errstate(all="ignore"):
            results = f(np.array(values, dtype))
        for name, found, wanted in zip(words, results[::2], results[1::2], strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=name)


def test_sums_with_the_least_and_largest_integers_wrap(everywhere):
    n, least, most = T.lscalar("n"), np.iinfo("int64").min, np.iinfo("int64").max
    written = [
        n - T.constant(np.int64(least)), (n + 5) - T.constant(np.int64(least)),
        (n - T.constant(np.int64(most))) - 7, (n + 7) + T.constant(np.int64(most)),
        T.constant(np.int64(least)) - n, -(n * 3 - T.constant(np.int64(least))),
    ]  # fmt: skip
    with np.errstate(over="ignore"):
        k = np.array(2)
        wanted = [
            k - least, k + 5 - least, k - most - 7, k + 7 + most, least - k, -(k * 3 - least),
        ]  # fmt: skip
    assert gradcore.function([n], written, mode=everywhere)(2) == wanted


def test_an_extent_and_the_largest_integer_wrap(everywhere):
    """What is proved of extents counts on sums that do not."""
    x, most = T.dvector("x"), 2**63 - 1
    n = x.shape[0]
    written = [T.ge(n + most, n), T.maximum(n + most, n), T.eq(n + most - most, n)]
    assert gradcore.function([x], written, mode=everywhere)(np.zeros(5)) == [False, 5, True]


# powers -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("exponents", [(), (1,), (4,), (2, 4)])
def test_a_power_of_a_half_is_no_root_of_minus_infinity(exponents, everywhere):
    """However many exponents there are; IEEE 754 says inf and 0 of -inf and -0."""
    x, y = T.dvector("x"), T.tensor("y", "float64", (None,) * len(exponents))
    if exponents == (1,):
        y = gradcore.graph.TensorType("float64", (1,))("y")
    f = gradcore.function([x, y], x**y, mode=everywhere)
    found = f(np.array([-np.inf, -0.0, 0.0, 4.0]), np.full(exponents, 0.5))
    wanted = np.broadcast_to([np.inf, 0.0, 0.0, 2.0], found.shape)
    assert np.array_equal(found, wanted) and not np.signbit(found).any()


@pytest.mark.parametrize("power", [np.inf, -np.inf, np.nan, 1e300, 0.0, -0.0])
def test_a_power_that_is_no_whole_number(power, everywhere):
    x = T.dvector("x")
    f = gradcore.function([x], x**power, mode=everywhere)
    given = np.array([0.5, 2.0, 1.0])
    with np.errstate(over="ignore"):
        assert np.array_equal(f(given), given**power, equal_nan=True)


# powers of integers -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "dtypes", [("int64", "int64"), ("int8", "int32"), ("bool", "int8"), ("uint8", "int8")]
)
@pytest.mark.parametrize("build", ["array", "scalar", "constant", "matrix of constants", "loop"])
def test_integers_to_negative_powers_are_errors(build, dtypes, everywhere):
    x, n = T.tensor("x", dtypes[0], (None,)), T.tensor("n", dtypes[1], (None,))
    out = {
        "array": lambda: x**n,
        "scalar": lambda: (x[0] ** n[0]) + n.sum(),
        "constant": lambda: x ** (n.sum() * 0 - 1),
        "matrix of constants": lambda: T.constant([[1, 2]]) ** T.constant([[1, -1]]) + n.sum(),
        "loop": lambda: gradcore.scan(lambda a, b: a**b, sequences=[x, n])[0],
    }[build]()
    f = gradcore.function([x, n], out, mode=everywhere, on_unused_input="ignore")
    with pytest.raises(ValueError, match="negative integer powers"):
        f(np.ones(2, dtypes[0]), np.array([-1, 2], dtypes[1]))
    if build in ("array", "scalar", "loop"):
        np.testing.assert_array_equal(
            gradcore.function([x, n], x**n, mode=everywhere)(
                np.array([1, 3], dtypes[0]), np.array([0, 2], dtypes[1])
            ),
            np.array([1, 3], dtypes[0]).astype("int64") ** np.array([0, 2]),
        )


def test_a_negative_power_names_the_line():
    x = T.lvector("x")
    for mode in ("numpy", "c"):
        with pytest.raises(ValueError, match="test_tensor_values.py"):
            gradcore.function([x], x**-1, mode=mode)([1])


# vectors whose elements are known ---------------------------------------------------------------
X, N = T.bmatrix("X"), T.lscalar("n")
KNOWN = {
    "the shape of an input": (X.shape, [2, 3]),
    "stacked scalars": (T.stack([N, N + 1, N * 2]), [7, 8, 14]),
    "a constant": (T.constant([4, 5, 6]), [4, 5, 6]),
}
KEYS = (
    1, -1, (1, None), (None, -1), (None, 1, None), (slice(0, 2), None), slice(1, 2), (..., 1),
    (None, slice(None, None, -1)),
)  # fmt: skip


@pytest.mark.parametrize("of", KNOWN)
def test_parts_of_vectors_whose_elements_are_known(of, everywhere):
    """Also of what a part of them is written to."""
    vector, elements = KNOWN[of]
    parts = [vector[key] for key in KEYS]
    written = [T.set_subtensor(part, part * 2) for part in parts]
    found = gradcore.function([X, N], parts + written, mode=everywhere, on_unused_input="ignore")(
        np.ones((2, 3), "int8"), 7
    )
    for k, key in enumerate(KEYS):
        wanted = np.array(elements)
        part = wanted[key] + 0
        assert found[k].shape == np.shape(part) and (found[k] == part).all(), key
        wanted[key] *= 2
        assert found[len(KEYS) + k].tolist() == wanted.tolist(), key


def test_scalars_that_products_read_as_rows(everywhere):
    """Each has memory of its own: they are computed before all loops, and read after the first."""
    x, v, n, m = T.dscalar("x"), T.dvector("v"), T.lscalar("n"), T.lscalar("m")
    matrix = T.alloc(v, m, 3)
    products = [T.inner(T.alloc(scalar, n), matrix) for scalar in (T.exp(x), T.sin(x), T.sqrt(x))]
    found = gradcore.function([x, v, n, m], products, mode=everywhere)(0.5, [1, 4, 2], 3, 2)
    for product, scalar in zip(found, (np.exp(0.5), np.sin(0.5), np.sqrt(0.5)), strict=True):
        np.testing.assert_allclose(product, [7 * scalar] * 2, rtol=1e-12)
