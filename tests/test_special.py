"""Special functions: digits against mpmath, edges, and derivatives that are no rows' own."""

import contextlib
import itertools
import math
import runpy
from pathlib import Path

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.samples import accepted, rows
from gradcore.errors import GradcoreError, NotDifferentiableError
from gradcore.ops import special, special_bessel, special_gamma, special_normal, special_other
from gradcore.ops.elementwise import entry

ERRORS = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks/special_errors.py"))
SUBJECTS = ERRORS["SUBJECTS"]


@pytest.mark.parametrize("name", SUBJECTS)
def test_compiled_functions_keep_their_digits(name):
    count = 1 if name == "betaincinv" else 12  # bisection with 60 digits takes a while
    off, columns = ERRORS["errors"](name, "float64", count, 5)
    worst = int(np.argmax(off))
    assert off[worst] <= SUBJECTS[name].bound, (off[worst], [c[worst] for c in columns])


@pytest.mark.parametrize("name", ["ndtr", "gammainc", "betainc", "logit", "sinc"])
def test_functions_of_floats_round_once(name):
    off, _ = ERRORS["errors"](name, "float32", 4, 6)
    worst = int(np.argmax(off))
    assert off[worst] <= max(1.01, SUBJECTS[name].bound * (name in ("logit", "sinc")))


inf, nan = np.inf, np.nan

EDGES = {
    "logit": [(0, -inf), (1, inf), (0.5, 0), (-1, nan), (2, nan)],
    "log1mexp": [(0, -inf), (-inf, 0), (1, nan)],
    "entr": [(0, 0), (1, 0), (-1, -inf), (nan, nan)],
    "exprel": [(0, 1), (-inf, 0), (inf, inf), (720, inf)],
    "sinc": [(0, 1), (1, 0), (-3, 0), (1e300, 0)],
    "sinpi": [(0, 0), (1e15 + 1, 0), (0.5, 1), (-0.5, -1)],
    "cospi": [(0, 1), (1, -1), (0.5, 0), (1e18, 1)],
    "erfcx": [(inf, 0), (-inf, inf), (-30, inf), (0, 1)],
    "dawsn": [(0, 0), (inf, 0), (-inf, 0)],
    "ndtr": [(0, 0.5), (inf, 1), (-inf, 0), (40, 1), (-40, 0)],
    "log_ndtr": [(-inf, -inf), (inf, 0), (nan, nan)],
    "ndtri": [(0, -inf), (1, inf), (0.5, 0), (-1, nan), (2, nan)],
    "gammainc": [(2, 0, 0), (2, inf, 1), (0, 1, 1), (1, -1, nan), (-1, 1, nan), (1e20, 1, 0)],
    "gammaincc": [(2, 0, 1), (2, inf, 0), (0, 1, 0), (1, -1, nan), (1e20, 1, 1)],
    "gammaincinv": [(2, 0, 0), (2, 1, inf), (2, -1, nan), (2, 2, nan), (0, 0.5, nan)],
    "gammainccinv": [(2, 0, inf), (2, 1, 0), (2, -1, nan)],
    "betainc": [(2, 3, 0, 0), (2, 3, 1, 1), (2, 3, -1, nan), (2, 3, 2, nan), (1, 1, 0.25, 0.25)],
    "betaincinv": [(2, 3, 0, 0), (2, 3, 1, 1), (2, 3, 2, nan), (1, 1, 0.25, 0.25)],
    "j0": [(0, 1), (inf, 0)],
    "y0": [(0, -inf), (inf, 0), (-1, nan)],
    "i0": [(0, 1), (-inf, inf)],
    "k0": [(0, inf), (inf, 0), (-1, nan)],
    "jv": [
        (0, 0, 1),
        (2, 0, 0),
        (0.5, inf, 0),
        (1, -inf, 0),
        (1.5, -1, nan),
        (nan, 1, nan),
        (300.5, 1, 0),
    ],
    "yv": [(0, 0, -inf), (2.5, 0, -inf), (0.5, inf, 0), (0.5, -1, nan), (300.5, 1, -inf)],
    "iv": [
        (0, 0, 1),
        (2, 0, 0),
        (-0.5, 0, inf),
        (0.5, inf, inf),
        (1.5, -1, nan),
        (1, 800, inf),
        (1, -inf, -inf),
    ],
    "ive": [(0, 0, 1), (2, 0, 0), (0.5, inf, 0), (1.5, -1, nan), (1, 1e12, 3.989422804012831e-07)],
    "kv": [
        (0, 0, inf),
        (2.5, 0, inf),
        (0.5, inf, 0),
        (0.5, -1, nan),
        (-300.5, 1, inf),
        (1, 800, 0),
    ],
    "kve": [(0, 0, inf), (0.5, inf, 0), (0.5, -1, nan), (1, 1e12, 1.2533141373159702e-06)],
    "lambertw": [(0, 0), (-1, nan), (inf, inf)],
    "owens_t": [(0, 1, 0.125), (1, 0, 0), (50, 2, 0)],
    "hyp1f1": [(2, 3, 0, 1), (0, 3, 2, 1)],
    "beta": [(1, 1, 1), (0, 1, inf), (inf, 1, 0), (-1, 1, nan)],
    "betaln": [(1, 1, 0), (0, 1, inf), (inf, 1, -inf), (-1, 1, nan)],
}


@pytest.mark.parametrize("mode", ["numpy", "c"])
@pytest.mark.parametrize("name", EDGES)
def test_edges(name, mode):
    if mode == "numpy" and name in ("beta", "betaln", "gammaincinv", "gammainccinv", "betaincinv"):
        pytest.skip("SciPy has edges of its own")
    *columns, wanted = map(np.array, zip(*EDGES[name], strict=True))
    inputs = [T.dvector() for _ in columns]
    f = gradcore.function(inputs, getattr(T.special, name)(*inputs), mode=mode)
    found = f(*(c.astype(float) for c in columns))
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=1e-300)


def value_and_slopes(function, *values):
    inputs = [T.dscalar() for _ in values]
    out = function(*inputs)
    slopes = T.grad(out, inputs)
    return [float(v) for v in gradcore.function(inputs, [out, *slopes])(*values)]


def test_logsubexp():
    value, by_x, by_y = value_and_slopes(T.special.logsubexp, 800.0, 799.0)
    assert value == pytest.approx(800 + np.log1p(-np.exp(-1)), rel=1e-15)
    assert by_x == pytest.approx(1 / (1 - np.exp(-1))) and by_y == pytest.approx(1 - by_x)
    assert value_and_slopes(T.special.logsubexp, 3.0, -inf) == [3, 1, 0]
    x = T.dvector()
    f = gradcore.function([x], T.special.logsubexp(x, x))
    np.testing.assert_array_equal(f([1.0, -inf, inf]), [-inf] * 3)


def test_logaddexp_of_infinities_has_finite_slopes():
    assert value_and_slopes(T.logaddexp, -inf, -inf) == [-inf, 0.5, 0.5]
    assert value_and_slopes(T.logaddexp, -inf, 1.0) == [1, 0, 1]


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_combinations_and_factorials(mode):
    n, k = T.dvectors("n", "k")
    outputs = [T.special.comb(n, k), T.special.factorial(k), T.special.poch(n, k)]
    f = gradcore.function([n, k], outputs, mode=mode)
    comb, factorial, poch = f([5, 100, 3, 0.5], [2, 50, 4, 2])
    np.testing.assert_allclose(comb, [10, 1.0089134454556417e29, 0, 0], rtol=1e-13)
    np.testing.assert_allclose(factorial, [2, 3.0414093201713376e64, 24, 2], rtol=1e-13)
    np.testing.assert_allclose(poch, [30, 4.0812997928951426e104, 360, 0.75], rtol=1e-13)


def test_a_second_derivative_in_a_parameter_says_that_there_is_none():
    a, x = T.dscalars("a", "x")
    slope = T.grad(T.special.gammainc(a, x), a)
    assert np.isfinite(T.grad(slope, x).eval({a: 2.0, x: 1.0}))
    with pytest.raises(GradcoreError, match="gammainc in its parameters"):
        T.grad(slope, a)


SMOOTH = {
    "gammainc": (2.0, 1.5), "gammaincc": (2.0, 1.5), "gammaincinv": (2.0, 0.4),
    "gammainccinv": (2.0, 0.4), "betainc": (2.0, 3.0, 0.4), "betaincinv": (2.0, 3.0, 0.4),
    "beta": (2.0, 3.0), "betaln": (2.0, 3.0), "log_ndtr": (-9.0,), "ndtri": (0.1,),
    "erfcx": (12.0,), "dawsn": (11.0,), "exprel": (-30.0,), "sinc": (0.01,), "comb": (7.5, 2.5),
    "zeta": (2.5, 1.5), "owens_t": (0.7, 1.8), "lambertw": (2.5,), "hyp1f1": (1.5, 4.5, 0.7),
    "hyp2f1": (1.5, 0.5, 4.5, 0.7), "j0": (2.5,), "j1": (2.5,), "y0": (2.5,), "y1": (2.5,),
    "i0": (2.5,), "i1": (-2.5,), "i0e": (2.5,), "i1e": (2.5,), "k0": (2.5,), "k1": (2.5,),
    "k0e": (2.5,), "k1e": (2.5,), "jv": (1.5, 2.5), "yv": (-0.7, 2.5), "iv": (1.5, 2.5),
    "ive": (0.3, 2.5), "kv": (-1.5, 2.5), "kve": (1.5, 2.5), "poch": (2.5, 1.5),
    "tri_gamma": (2.5,), "rgamma": (-2.5,), "factorial": (2.5,), "hypot": (3.0, -4.0),
}  # fmt: skip


EULER = 0.5772156649015329


@pytest.mark.parametrize("mode", ["numpy", "c"])
@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [
        # the derivative of gammainc in a is -E1(x) at 0, the exponential integral
        ("gammainc", (0.0, 1.0), (-0.21938393439552029, 0)),
        ("gammaincc", (0.0, 1.0), (0.21938393439552029, 0)),
        # that of betainc there is the integral of -(1 - t) ** (b - 1) / t from x to 1
        ("betainc", (0.0, 1.0, 0.5), (-math.log(2), 0, 0)),
        ("betainc", (0.0, 3.0, 0.01), (0.99 * 2 - (1 - 1e-4) / 2 - math.log(100), 0, 0)),
        ("betainc", (1.0, 0.0, 0.5), (0, math.log(2), 0)),
        ("poch", (0.0, 2.0), (1, 0)),
        ("poch", (1.0, 0.0), (0, -EULER)),
        ("poch", (200.5, 0.0), (0, 5.298318408210146)),
        ("poch", (-200.5, 0.0), (0, 5.303305939382216)),
        ("rgamma", (0.0,), (1,)),
        ("rgamma", (-3.0,), (-6,)),
        ("rgamma", (170.0,), (-1.2023360523319435e-304,)),
    ],
)
def test_slopes_where_a_parameter_is_0_and_at_poles_are_limits(name, values, slopes, mode):
    inputs = [T.dscalar() for _ in values]
    gradient = T.grad(getattr(T.special, name)(*inputs), inputs)
    found = gradcore.function(inputs, gradient, mode=mode)(*values)
    for slope, limit in zip(found, slopes, strict=True):
        assert slope == pytest.approx(limit, rel=1e-11, abs=0 if limit else 1e-16)


OF_ORDER = ("jv", "yv", "iv", "ive", "kv", "kve")

LAST_ONLY = ("zeta", "hyp1f1", "hyp2f1", *OF_ORDER)
"""Functions that are differentiated in their last operand alone."""


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_differences(name):
    function = getattr(T.special, name)
    *first, last = SMOOTH[name]
    if name in LAST_ONLY:
        T.verify_grad(lambda x: function(*first, x), [np.array(last)])
    else:
        T.verify_grad(function, [np.array(v) for v in (*first, last)])


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives_in_the_last_operand(name):
    function = getattr(T.special, name)
    *first, last = SMOOTH[name]
    T.verify_grad(lambda x: T.grad(function(*first, x), x), [np.array(last)])


@pytest.mark.parametrize(("name", "slope"), [("i1", 0.5), ("j1", 0.5), ("i1e", 0.5), ("i0", 0)])
def test_bessel_functions_have_slopes_at_0(name, slope):
    x = T.dscalar()
    first = T.grad(getattr(T.special, name)(x), x)
    assert float(first.eval({x: 0.0})) == pytest.approx(slope, rel=1e-15)


@pytest.mark.parametrize("name", ["i0e", "i1e", "k0e", "k1e"])
def test_slopes_of_scaled_functions_far_out_keep_their_digits(name):
    """Differences of nearly equal numbers: about -1/2 of the function over x."""
    value, slope = value_and_slopes(getattr(T.special, name), 1e10)
    assert slope == pytest.approx(-value / 2e10, rel=1e-9)


ROWS = [
    op
    for module in (special, special_bessel, special_gamma, special_normal, special_other)
    for op in map(entry, module.__all__)
]

SIZES = (1e-300, 1e-9, 0.3, 1.0, 2.5, 30.0, 171.62, 709.5, 713.987, 714.5, 745.0, 1e9, 1e300)
"""Operands where functions are tiny, near overflow and infinite."""

ENDS = {"kve": (0.0,), "k0e": (0.0,), "k1e": (0.0,), "y1": (0.0,), "yv": (0.0,)}
"""Operands at which functions have poles."""


@pytest.mark.parametrize("op", ROWS, ids=str)
def test_a_slope_is_a_number_or_infinite_where_its_function_is(op):
    first = ((0.3, 2.5, 30.0),) * max(op.operands - 2, 0) + (SIZES,) * min(op.operands - 1, 1)
    below = [] if op.name == "zeta" else [-v for v in SIZES]  # its terms differ in sign there
    points = itertools.product(*first, (*SIZES, *below, *ENDS.get(op.name, ())))
    columns = [np.array(column) for column in zip(*points, strict=True)]
    inputs = [T.dvector() for _ in columns]
    z = op(*inputs)
    slopes = []
    for x in inputs:
        with contextlib.suppress(NotDifferentiableError):
            slopes.append(T.grad(z.sum(), x, disconnected_inputs="ignore"))
    value, *found = gradcore.function(inputs, [z, *slopes], mode="c")(*columns)
    for slope in found:
        wrong = np.isnan(slope) & ~np.isnan(value)
        assert not wrong.any(), [column[wrong][:5] for column in columns]


def test_a_slope_of_i1_is_infinite_where_it_overflows():
    assert value_and_slopes(T.special.i1, 715.0) == [inf, inf]
    assert value_and_slopes(T.special.i1, -715.0) == [-inf, inf]


def test_ends_of_quantiles():
    """Their densities are 0 there, and the ends stay where they are as parameters move."""
    assert value_and_slopes(T.special.gammaincinv, 2.5, 1.0) == [inf, inf, inf]
    assert value_and_slopes(T.special.gammaincinv, 2.5, 0.0)[:2] == [0, 0]
    assert value_and_slopes(T.special.betaincinv, 2.5, 3.5, 1.0)[:3] == [1, 0, 0]


@pytest.mark.parametrize("name", OF_ORDER)
def test_an_order_has_no_derivative_and_says_so(name):
    v, x = T.dscalars("v", "x")
    with pytest.raises(NotDifferentiableError, match=f"{name} has no derivative in its order"):
        T.grad(getattr(T.special, name)(v, x), v)


@pytest.mark.parametrize("name", OF_ORDER)
def test_negative_orders_follow_from_positive_ones(name):
    """Half orders are elementary: DLMF 10.16.1, 10.39.1 and 10.39.2."""
    x = T.dvector("x")
    at = np.array([0.3, 1.0, 7.5, 33.0, 60.0, 500.0])
    grown = 1 if name.endswith("e") else np.exp(at)
    wanted = {"j": np.cos(at), "y": np.sin(at), "i": grown * (1 + np.exp(-2 * at)) / 2,
              "k": math.pi / 2 / grown}[name[0]]  # fmt: skip
    wanted = wanted * np.sqrt(2 / (math.pi * at))
    found = gradcore.function([x], getattr(T.special, name)(-0.5, x))(at)
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("name", ["ive", "kve"])
def test_slopes_of_scaled_functions_of_real_order_far_out_keep_their_digits(name):
    x = T.dscalar("x")
    out = getattr(T.special, name)(2.5, x)
    value, slope = gradcore.function([x], [out, T.grad(out, x)])(1e10)
    assert slope == pytest.approx(-value / 2e10, rel=1e-9)


def test_second_derivatives_in_half_precision_have_finite_coefficients():
    """What overflows there is warned of, an error in these tests, as the graph is built."""
    for op in rows():
        node = accepted(op, ["float16"] * op.operands)
        if node is None or not node.out.type.is_inexact:
            continue
        cost = T.sum(T.real(node.out))
        for _ in range(2):
            try:
                slopes = T.grad(cost, list(node.inputs), disconnected_inputs="ignore")
            except NotDifferentiableError:
                break
            cost = T.sum(sum(slopes))


def test_slopes_in_half_precision_far_out():
    x = T.vector("x", "float16")
    for f in (T.special.dawsn, T.special.erfcx):
        slope = T.grad(T.sum(f(x)), x)
        wide = T.dvector("wide")
        exact = T.grad(T.sum(f(wide)), wide).eval({wide: [10, 20, 40]})
        np.testing.assert_allclose(slope.eval({x: np.float16([10, 20, 40])}), exact, rtol=2e-2)


def test_a_namespace_lists_its_words_and_not_what_it_imports():
    for namespace in (T.special, T.fft):
        listed = dir(namespace)
        assert listed == sorted(namespace.__all__) and all(hasattr(namespace, n) for n in listed)
        assert not {"Any", "Variable", "math", "switch", "eq", "no_attribute"} & set(listed)
    assert {"jv", "kve", "gammainc", "comb", "xlogy", "zeta"} <= set(dir(T.special))


def test_names_for_whole_orders():
    v = T.special
    assert (v.jn, v.yn, v.kn, v.jve, v.yve) == (v.jv, v.yv, v.kv, v.jv, v.yv)
