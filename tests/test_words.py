"""NumPy's everyday words against NumPy: the cases of ``words``, on every backend."""

import functools
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from words import ELEMENTWISE, GROUPS, STACKING, operands

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError, UnsupportedError
from gradcore.language import LANGUAGE, ArrayMethods

PLAIN = gradcore.Mode("numpy", optimizer=False)

FLOATS_STAY = ("cov", "corrcoef", "interp", "polyint", "bincount_weights", "histogram2d")
"""Of float32 these are float32; NumPy makes float64 of it."""

DTYPES = {
    "float64": set(GROUPS),
    "float32": set(GROUPS),
    "int64": set(GROUPS) - {"nans"},
    "int32": {"stacking", "elementwise", "searching", "statistics", "padding", "calculus"},
    "uint8": {"stacking", "elementwise", "searching", "divisions", "padding"},
    "bool": {"stacking", "elementwise"},
}
"""Which groups of words are called on which dtypes."""

OTHERWISE = {
    ("uint8", "segment_sum"), ("bool", "fix"), ("bool", "select"), ("bool", "float_power"),
}  # fmt: skip


def flat(given):
    return (
        [x for item in given for x in flat(item)] if isinstance(given, (list, tuple)) else [given]
    )


@functools.cache
def drawn(dtype, empty=False):
    return operands(np.random.default_rng(7), dtype, empty)


def symbols(arrays):
    """Return variables of unknown extents for operands."""
    return SimpleNamespace(
        **{name: T.tensor(name, x.dtype.name, (None,) * x.ndim) for name, x in vars(arrays).items()}
    )


def built(case, variables):
    return list(
        map(
            T.as_tensor_variable, flat((case[0] if isinstance(case, tuple) else case)(T, variables))
        )
    )


def expected(case, arrays):
    with np.errstate(all="ignore"):
        return list(
            map(np.asarray, flat((case[-1] if isinstance(case, tuple) else case)(np, arrays)))
        )


def run(outputs, variables, arrays, mode):
    f = gradcore.function(
        list(vars(variables).values()), outputs, mode=mode, on_unused_input="ignore"
    )
    with np.errstate(all="ignore"):
        return f(*vars(arrays).values())


def compare(name, dtype, found, wanted):
    """Values, dtypes and shapes are NumPy's; small integers become floats of ``floatX`` here."""
    assert len(found) == len(wanted), name
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape, (name, a.shape, b.shape)
        if not (b.dtype == "float16" or name.split()[0] in FLOATS_STAY):
            assert a.dtype == b.dtype, (name, a.dtype, b.dtype)
        single = dtype == "float32" or "float16" in (a.dtype, b.dtype)
        tolerance = 1e-5 if single else 1e-11
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=name)


CALLED = [(dtype, group) for dtype, groups in DTYPES.items() for group in sorted(groups)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("dtype", "group"), CALLED)
def test_words_are_those_of_numpy(dtype, group):
    """As they are written, without the optimizer."""
    arrays = drawn(dtype)
    variables = symbols(arrays)
    for name, case in GROUPS[group].items():
        if (dtype, name) not in OTHERWISE:
            found = run(built(case, variables), variables, arrays, PLAIN)
            compare(name, dtype, found, expected(case, arrays))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_words_on_every_backend(group, dtype, optimized):
    """All of a group are one function, so that what is shared among them is."""
    if group not in DTYPES[dtype]:
        pytest.skip("not of this dtype")
    if dtype != "float64" and optimized.backend in ("cuda", "jax"):
        pytest.skip("compiles for long; of one dtype")
    arrays = drawn(dtype)
    variables = symbols(arrays)
    cases = {name: built(case, variables) for name, case in GROUPS[group].items()}
    found = iter(
        run([v for outputs in cases.values() for v in outputs], variables, arrays, optimized)
    )
    for name, outputs in cases.items():
        compare(name, dtype, [next(found) for _ in outputs], expected(GROUPS[group][name], arrays))


# derivatives ------------------------------------------------------------------------------------
SMOOTH = {
    "quantile": lambda x: T.quantile(x, [0.1, 0.45], axis=1),
    "weighted quantile": lambda x: T.quantile(
        x, [0.1, 0.45], axis=1, method="inverted_cdf", weights=T.arange(1.0, x.shape[1] + 1)
    ),
    "quantile in q": lambda x: T.quantile(x[0], T.sigmoid(x[1]), method="hazen"),
    "median": lambda x: T.median(x, axis=0),
    "nanmedian": lambda x: T.nanmedian(T.switch(x > 0.8, np.nan, x), axis=1),
    "nanvar": lambda x: T.nanvar(T.switch(x > 0.8, np.nan, x), axis=1),
    "nanstd": lambda x: T.nanstd(T.switch(x > 0.8, np.nan, x)),
    "nanprod": lambda x: T.nanprod(T.switch(x > 0.8, np.nan, x), axis=0),
    "nanmax": lambda x: T.nanmax(T.switch(x > 0.8, np.nan, x * x), axis=1),
    "average": lambda x: T.average(x, axis=1, weights=T.exp(x)),
    "cov": lambda x: T.cov(x, aweights=T.exp(x[0])),
    "corrcoef": lambda x: T.corrcoef(x),
    "cummax": lambda x: T.cummax(x * x, 1),
    "cummin": lambda x: T.cummin(T.sin(x), 0),
    "convolve": lambda x: T.convolve(x[0], x[1, :3]),
    "correlate": lambda x: T.correlate(x[0], x[1], "same"),
    "cross": lambda x: T.cross(x[:2, :3], x[1:, 1:4]),
    "kron": lambda x: T.kron(x, x[:2, :2]),
    "gradient": lambda x: T.gradient(x * x, T.cumsum(T.exp(x[0])), axis=1, edge_order=2),
    "trapezoid": lambda x: T.trapezoid(T.sin(x), T.cumsum(T.exp(x), 1)),
    "interp": lambda x: T.interp(x[0], T.cumsum(T.exp(x[1])) - 2, T.sin(x[2])),
    "interp period": lambda x: T.interp(x[0], x[1] * x[1], x[2], period=3.0),
    "polyval": lambda x: T.polyval(x[0], T.sin(x)),
    "polyfit": lambda x: T.polyfit(T.cumsum(T.exp(x[0])), T.sin(x[1]), 2),
    "polymul": lambda x: T.polymul(x[0], x[1]),
    "vander": lambda x: T.vander(x[0], 3),
    "histogram": lambda x: T.histogram(x[0] * 0 + [1, 2, 2, 5, 3], 3, weights=T.exp(x[1]))[0],
    "bincount": lambda x: T.bincount([0, 2, 0, 1, 2], T.sin(x[0])),
    "segment_sum": lambda x: T.segment_sum(x.T * x.T, [1, 0, 1, 3, 3]),
    "segment_prod": lambda x: T.segment_prod(x.T, [1, 0, 1, 3, 3]),
    "segment_max": lambda x: T.segment_max(x.T * x.T, [1, 0, 1, 0, 0]),
    "segment_min": lambda x: T.segment_min(T.sin(x.T), [1, 0, 1, 0, 0], 2),
    "top_k": lambda x: T.top_k(x * x, 2)[0],
    "unique": lambda x: T.unique(T.exp(x)),
    "select": lambda x: T.select([x > 1, x > 0], [T.log(x), x * x], T.exp(x)),
    "piecewise": lambda x: T.piecewise(x, [x > 0, x <= 0], [T.log, lambda v: v * v]),
    "choose": lambda x: T.choose(T.cast(x > 0, "int64"), [x * x, T.sqrt(abs(x))]),
    "copysign": lambda x: T.copysign(x * x, x[::-1]),
    "fmax": lambda x: T.fmax(x * x, T.sin(x)),
    "fmod": lambda x: T.fmod(x * 3, T.exp(x[::-1])),
    "put_along_axis": lambda x: T.put_along_axis(x * x, [[0], [3], [1]], x[:, :1] ** 3, 1),
    "scatter_add": lambda x: T.scatter_add(x * x, [[0, 0], [3, 1], [1, 1]], x[:, :2] ** 3, 1),
    "fill_diagonal": lambda x: T.fill_diagonal(x * x, T.sin(x[0, :2])),
    "insert": lambda x: T.insert(x * x, 1, T.sin(x[0]), axis=0),
    "delete": lambda x: T.delete(x * x, [0, 2], axis=1),
    "geomspace": lambda x: T.geomspace(T.exp(x[0, 0]), T.exp(x[0, 1]), 5),
    "logspace": lambda x: T.logspace(x[0, 0], x[0, 1], 4),
    "nan_to_num": lambda x: T.nan_to_num(x * x),
    "set and inc": lambda x: (x * x)[0].set(x[1] ** 3)[1].inc(T.sin(x[0])),
} | {
    f"pad {mode} {options or ''}": (
        lambda x, mode=mode, options=options: T.pad(x * x, ((2, 1), (6, 3)), mode, **options)
    )
    for mode, options in (
        ("constant", {}), ("edge", {}), ("wrap", {}), ("reflect", {"reflect_type": "odd"}),
        ("symmetric", {}), ("linear_ramp", {}), ("mean", {"stat_length": 2}), ("median", {}),
        ("maximum", {}),
    )
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_words_have_derivatives(name):
    """In both modes, against differences; and the second one against those of the first."""
    rng = np.random.default_rng(3)
    at, direction = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    x, v = T.dmatrix("x"), T.dmatrix("v")
    y = SMOOTH[name](x)
    weights = np.cos(np.arange(y.eval({x: at}, PLAIN).size) + 1.0)
    cost = (T.sin(T.flatten(y)) * weights).sum()
    g = T.grad(cost, x)
    forward = T.Rop(cost, x, v)
    both = T.Rop(g, x, v), T.grad((g * v).sum(), x)
    f = gradcore.function([x, v], [cost, g, forward, *both], mode=PLAIN, on_unused_input="ignore")
    with np.errstate(all="ignore"):
        _, slope, moved, over, reverse = f(at, direction)
        step = 1e-6
        high, low = f(at + step * direction, direction), f(at - step * direction, direction)
    np.testing.assert_allclose(moved, (slope * direction).sum(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(moved, (high[0] - low[0]) / (2 * step), rtol=2e-6, atol=2e-7)
    np.testing.assert_allclose(over, (high[1] - low[1]) / (2 * step), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(reverse, over, rtol=1e-9, atol=1e-10)


# errors, edges and the words themselves ----------------------------------------------------------
V, M, N = T.dvector("v"), T.dmatrix("m"), T.lvector("i")

REFUSED = {
    "hstack": (lambda: T.hstack([]), GraphValueError, "nothing to stack"),
    "block": (lambda: T.block([[V], V]), GraphValueError, "depth"),
    "array_split": (lambda: T.array_split(V, 0), GraphValueError, "into 0 parts"),
    "vsplit": (lambda: T.vsplit(V, 2), GraphValueError, "2 or more axes"),
    "unstack": (lambda: T.unstack(V), GraphTypeError, "not known"),
    "rot90": (lambda: T.rot90(M, 1, (0, 0)), GraphValueError, "are one"),
    "fliplr": (lambda: T.fliplr(V), GraphTypeError, "2 or more axes"),
    "meshgrid": (lambda: T.meshgrid(V, indexing="yx"), GraphValueError, "indexing"),
    "mgrid": (lambda: T.mgrid[3], GraphTypeError, "slices"),
    "ix_": (lambda: T.ix_(M), GraphTypeError, "vectors"),
    "ravel_multi_index": (lambda: T.ravel_multi_index((N,), (3,), "odd"), GraphValueError, "mode"),
    "unravel_index": (lambda: T.unravel_index(N, (3,), "A"), GraphValueError, "order"),
    "select": (lambda: T.select([V > 0], []), GraphValueError, "a choice for each"),
    "select dtype": (lambda: T.select([V], [1]), GraphTypeError, "bool"),
    "piecewise": (lambda: T.piecewise(V, [V > 0], []), GraphValueError, "functions"),
    "choose": (lambda: T.choose(V, [V, V]), GraphTypeError, "integers"),
    "quantile": (lambda: T.quantile(V, 0.5, method="lineer"), GraphValueError, "did you mean"),
    "quantile weights": (lambda: T.quantile(V, 0.5, weights=V), GraphValueError, "inverted_cdf"),
    "quantile range": (lambda: T.quantile(V, 1.5), GraphValueError, "range"),
    "average": (lambda: T.average(M, weights=V), GraphTypeError, "weights"),
    "cov": (lambda: T.cov(T.dtensor3()), GraphTypeError, "matrix or a vector"),
    "searchsorted": (lambda: T.searchsorted(M, V), GraphTypeError, "sorted vector"),
    "searchsorted side": (lambda: T.searchsorted(V, V, "middle"), GraphValueError, "side"),
    "partition": (lambda: T.partition(T.zeros(3), 3), GraphValueError, "out of bounds"),
    "top_k": (lambda: T.top_k(V, -1), GraphValueError, "negative"),
    "unique": (lambda: T.unique(M, axis=0), UnsupportedError, "axis"),
    "bincount": (lambda: T.bincount(V), GraphTypeError, "integers"),
    "histogram": (lambda: T.histogram(V, "auto"), UnsupportedError, "rule"),
    "histogram bins": (lambda: T.histogram(V, 0), GraphValueError, "positive"),
    "interp": (lambda: T.interp(V, M, V), GraphTypeError, "vectors"),
    "pad": (lambda: T.pad(V, 1, "reflex"), GraphValueError, "did you mean 'reflect'"),
    "pad option": (lambda: T.pad(V, 1, "edge", end_values=1), GraphValueError, "option"),
    "pad width": (lambda: T.pad(V, -1), GraphValueError, "negative"),
    "diff": (lambda: T.diff(V, -1), GraphValueError, "negative"),
    "gradient": (lambda: T.gradient(T.zeros(1)), GraphValueError, "2 at least"),
    "convolve": (lambda: T.convolve(M, V), GraphTypeError, "vectors"),
    "convolve mode": (lambda: T.convolve(V, V, "half"), GraphValueError, "mode"),
    "cross": (lambda: T.cross(T.zeros(4), T.zeros(4)), ShapeError, "2 or 3"),
    "polyfit": (lambda: T.polyfit(V, V, -1), GraphValueError, "negative"),
    "fill_diagonal": (lambda: T.fill_diagonal(V, 1), GraphTypeError, "two or more"),
    "segment_sum": (lambda: T.segment_sum(V, M > 0), GraphTypeError, "segments"),
    "np.spacing": (lambda: np.spacing(V), GraphTypeError, "np.spacing"),
    "np.add.reduce": (lambda: np.add.reduce(V), GraphTypeError, "use T.sum"),
    "np out": (lambda: np.exp(V, out=np.zeros(3)), GraphTypeError, "out="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_words_refuse(name):
    """What, where, and what to do."""
    build, error, text = REFUSED[name]
    with pytest.raises(error, match=text) as info:
        build()
    assert "test_words.py" in str(info.value)


REFUSED_WHEN_RUN = {
    "bincount": (lambda: T.bincount(N), [-1], "negative"),
    "choose": (lambda: T.choose(N, [1, 2]), [2], "out of bounds"),
    "ravel_multi_index": (lambda: T.ravel_multi_index((N, N), (2, 3)), [2], "out of bounds"),
    "unravel_index": (lambda: T.unravel_index(N, (2, 3))[0], [-1], "out of bounds"),
    "insert": (lambda: T.insert(T.zeros(2), N, 1.0), [3], "out of bounds"),
    "segment_sum": (lambda: T.segment_sum(T.ones(1), N, 2), [2], "out of bounds"),
    "segment_max": (lambda: T.segment_max(T.ones(1), N, 2), [2], "out of bounds"),
    "nanargmax": (lambda: T.nanargmax(T.sqrt(-1.0 - N)), [1], "NaN"),
    "quantile": (lambda: T.quantile(T.ones(2), N[0] * 1.0), [2], "range"),
    "histogram": (lambda: T.histogram(T.log(N - 1.0))[0], [1], "finite"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", REFUSED_WHEN_RUN)
def test_what_words_refuse_when_they_run(name):
    build, value, text = REFUSED_WHEN_RUN[name]
    f = gradcore.function([N], build(), PLAIN)
    with pytest.raises((ValueError, IndexError), match=text):
        f(value)


EMPTY = {
    "stacking": set(STACKING) - {"ix_"}, "elementwise": set(ELEMENTWISE),
    "searching": {
        "argwhere", "flatnonzero", "compress", "extract", "unique", "unique alone", "unique_counts",
        "isin", "setdiff1d", "union1d", "intersect1d", "setxor1d", "bincount", "segment_sum",
        "segment_max", "partition", "searchsorted",
    },
    "nans": {"nansum", "nanprod", "nansum, {'axis': 0}", "nanmean", "nancumsum"},
    "calculus": {"diff", "cross", "kron", "vdot", "polyadd", "cumulative_prod", "cummax", "cummin"},
    "slopes": {"ediff1d", "polyint"},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("group", EMPTY)
def test_words_of_nothing(group, everywhere):
    """Of tensors with an extent of 0, which is not known before."""
    arrays = drawn("float64", empty=True)
    variables = symbols(arrays)
    cases = {name: built(GROUPS[group][name], variables) for name in sorted(EMPTY[group])}
    found = iter(run([v for outs in cases.values() for v in outs], variables, arrays, everywhere))
    for name, outputs in cases.items():
        values = [next(found) for _ in outputs]
        compare(name, "float64", values, expected(GROUPS[group][name], arrays))


def test_special_numbers():
    """NaN is behind all numbers, signs of zeros count, infinities stay."""
    special = np.array([np.nan, -np.inf, -0.0, 0.0, 1.0, np.inf])
    x, y = T.dvector("x"), T.dvector("y")
    words = {
        "copysign": (lambda xp: xp.copysign(3.0, y if xp is T else special)),
        "signbit": (lambda xp: xp.signbit(y if xp is T else special)),
        "fmax": (lambda xp: xp.fmax(*((x, y) if xp is T else (special[::-1], special)))),
        "fmin": (lambda xp: xp.fmin(*((x, y) if xp is T else (special[::-1], special)))),
        "heaviside": (lambda xp: xp.heaviside(y if xp is T else special, 0.5)),
        "nan_to_num": (lambda xp: xp.nan_to_num(y if xp is T else special)),
        "unique": (lambda xp: xp.unique(xp.concatenate([y, x] if xp is T else [special] * 2))),
        "isin": (lambda xp: xp.isin(y if xp is T else special, [np.nan, 1.0, 0.0])),
        "searchsorted": (
            lambda xp: xp.searchsorted(
                *((T.sort(x), y) if xp is T else (np.sort(special), special)), side="right"
            )
        ),
        "maximum.accumulate": (
            lambda xp: T.cummax(x) if xp is T else np.maximum.accumulate(special[::-1])
        ),
        "interp": (lambda xp: xp.interp(y if xp is T else special, [0.0, 1.0], [5.0, 7.0])),
    }
    outputs = [word(T) for word in words.values()]
    found = gradcore.function([x, y], outputs, PLAIN)(special[::-1].copy(), special)
    for (name, word), value in zip(words.items(), found, strict=True):
        np.testing.assert_array_equal(value, word(np), err_msg=name)
        if name != "unique":  # which of equal zeros stays is not specified
            np.testing.assert_array_equal(np.signbit(value), np.signbit(word(np)), err_msg=name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(
    st.lists(st.floats(-5, 5) | st.just(np.nan) | st.integers(-3, 3), max_size=20),
    st.lists(st.floats(-5, 5) | st.just(np.nan) | st.integers(-3, 3), min_size=1, max_size=20),
)
def test_orders_of_any_numbers(ordered, wanted):
    a, v = np.sort(np.array(ordered, "float64")), np.array(wanted, "float64")
    outputs = _of_any_numbers()(a, v)
    wanted_ = [
        np.searchsorted(a, v), np.searchsorted(a, v, "right"), np.isin(v, a),
        *np.unique(v, return_index=True, return_inverse=True, return_counts=True),
        np.union1d(a, v), np.maximum.accumulate(v), np.minimum.accumulate(v),
        np.quantile(v, 0.3, method="hazen"), np.nanmedian(v),
    ]  # fmt: skip
    for found, value in zip(outputs, wanted_, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-12)


@functools.cache
def _of_any_numbers():
    a, v = T.dvectors("a", "v")
    outputs = [
        T.searchsorted(a, v), T.searchsorted(a, v, "right"), T.isin(v, a),
        *T.unique(v, return_index=True, return_inverse=True, return_counts=True),
        T.union1d(a, v), T.cummax(v), T.cummin(v), T.quantile(v, 0.3, method="hazen"),
        T.nanmedian(v),
    ]  # fmt: skip
    return gradcore.function([a, v], outputs, mode="numpy")


def test_methods_are_words():
    x = T.dmatrix("x")
    value = np.abs(np.random.default_rng(0).normal(size=(3, 4))) / 2
    for name, method in vars(ArrayMethods).items():
        if inspect.isfunction(method) and method.__qualname__.startswith("_method"):
            assert name in LANGUAGE, name
    pairs = {name: (getattr(x, name)(), getattr(np, name)(value)) for name in METHODS_OF_ONE}
    found = gradcore.function([x], [v for v, _ in pairs.values()], mode="numpy")(value)
    for (name, (_, wanted)), result in zip(pairs.items(), found, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-12, err_msg=name)
    changed = x[0].set(1.0)[1].inc(x[2])
    value_changed = value.copy()
    value_changed[0], value_changed[1] = 1.0, value[1] + value[2]
    np.testing.assert_allclose(changed.eval({x: value}), value_changed)


METHODS_OF_ONE = (
    "exp", "log", "log1p", "sqrt", "sin", "arcsin", "tanh", "sign", "floor", "isnan", "deg2rad",
    "ptp",
)  # fmt: skip

BY_NUMPY = {
    "exp": lambda x: np.exp(x), "add": lambda x: np.ones(4) + x, "power": lambda x: np.power(x, 2),
    "scalar": lambda x: np.float64(2) * x, "divide": lambda x: np.divide(1.0, x),
    "absolute": lambda x: np.absolute(x), "matmul": lambda x: np.ones((2, 3)) @ x,
    "sum": lambda x: np.sum(x, axis=0), "mean": lambda x: np.mean(x, axis=1, keepdims=True),
    "concatenate": lambda x: np.concatenate([x, np.ones((1, 4))]),
    "where": lambda x: np.where(x > 0, x, 0),
    "clip": lambda x: np.clip(x, None, 0.5), "split": lambda x: np.split(x, 2, axis=1)[1],
    "det": lambda x: np.linalg.det(np.dot(x, x.T)),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "stack": lambda x: np.stack([x, x], axis=1), "median": lambda x: np.median(x, axis=0),
    "pad": lambda x: np.pad(x, 1, "edge"), "linspace": lambda x: np.linspace(x[0, 0], x[1, 1], 4),
    "ravel": lambda x: np.ravel(x), "zeros_like": lambda x: np.zeros_like(x, dtype="float32"),
    "reshape": lambda x: np.reshape(x, (4, 3)), "comparison": lambda x: np.zeros(4) < x,
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NUMPY)
def test_functions_of_numpy_take_variables(name):
    x, value = T.dmatrix("x"), np.random.default_rng(1).normal(size=(3, 4))
    found, wanted = BY_NUMPY[name](x).eval({x: value}), BY_NUMPY[name](value)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_in_place_operators_of_arrays_make_variables():
    x, total = T.dvector("x"), np.zeros(2)
    total += x
    assert total.eval({x: [1.0, 2.0]}).tolist() == [1.0, 2.0]


def standardized(x):
    """Return columns of mean 0 and variance 1: code for any library of the array API."""
    xp = x.__array_namespace__()
    x = xp.astype(x, xp.float64)
    center = xp.mean(x, axis=0, keepdims=True)
    spread = xp.sqrt(xp.mean(xp.square(x - center), axis=0, keepdims=True))
    safe = xp.where(spread > 0, spread, xp.ones_like(spread))
    z = xp.permute_dims((x - center) / safe, (1, 0))
    rows = xp.concat([z, xp.cumulative_sum(z, axis=1)], axis=0)
    order = xp.argsort(xp.sum(xp.abs(rows), axis=1))
    assert xp.isdtype(rows.dtype, "real floating")
    return xp.matrix_transpose(xp.take(rows, order, axis=0)) @ xp.asarray(
        [[1.0]] * 8, dtype=xp.float64
    )


def test_array_api_code_runs_on_variables():
    x, value = T.fmatrix("x"), np.random.default_rng(2).normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(standardized(x).eval({x: value}), standardized(value), rtol=1e-10)


COMPLEX = {
    "vdot": lambda xp, z: xp.vdot(z, z[::-1]), "vecdot": lambda xp, z: xp.vecdot(z, z[::-1]),
    "correlate": lambda xp, z: xp.correlate(z, z[1:4], "same"),
    "parts": lambda xp, z: z.real - z.imag,
    "convolve": lambda xp, z: xp.convolve(z, z[:3]), "conj": lambda xp, z: z.conj() * np.conj(z),
    "diff": lambda xp, z: xp.diff(z, prepend=1j), "stack": lambda xp, z: xp.vstack([z, z[::-1]]),
    "pad": lambda xp, z: xp.pad(z, 2, "wrap"), "where": lambda xp, z: xp.where(z.real > 0, z, 0),
    "kron": lambda xp, z: xp.kron(z, z), "cumulative_sum": lambda xp, z: xp.cumulative_sum(z),
    "rot90": lambda xp, z: xp.rot90(xp.atleast_2d(z)), "cov": lambda xp, z: xp.cov([z, z[::-1]]),
    "polyval": lambda xp, z: xp.polyval([1, 2], z),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPLEX)
def test_words_of_complex_numbers(name):
    rng = np.random.default_rng(5)
    value = rng.normal(size=6) + 1j * rng.normal(size=6)
    z = T.zvector("z")
    found = COMPLEX[name](T, z).eval({z: value}, PLAIN)
    wanted = COMPLEX[name](np, value)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
