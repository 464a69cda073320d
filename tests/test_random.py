"""Random draws: known answers, the same numbers on each backend, and their distributions."""

import functools
import inspect

import numpy as np
import pytest
import scipy.special
import scipy.stats

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError, UnsupportedError
from gradcore.graph import toposort
from gradcore.ops import threefry
from gradcore.ops.scan import Scan

R = T.random
KEY = T.lscalar("key")
ONES = 0xFFFFFFFF


def joined(first, second):
    return np.uint64(first << 32 | second).astype("int64")


# bits -------------------------------------------------------------------------------------------
ANSWERS = (
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
)
"""Key, counter and result, of the known-answer tests of Random123, which its authors ship."""


def test_known_answers(everywhere):
    key, counter = T.lvectors("key", "counter")
    f = gradcore.function([key, counter], T.threefry(key, counter), mode=everywhere)
    keys, counters, results = (np.array([joined(*row[k]) for row in ANSWERS]) for k in range(3))
    assert f(keys, counters).tolist() == results.tolist()


def test_numpy_computes_what_is_written_block_by_block(rng):
    n = 2 * threefry.BLOCK + 3
    keys, counters = rng.integers(-(2**63), 2**63, (2, n))
    found = threefry.computed(keys, counters)
    assert (found == threefry.written(keys, counters)).all()
    assert threefry.computed(keys[:9:2], counters[:1]).tolist() == [
        int(threefry.computed(k, counters[0])) for k in keys[:9:2]
    ]


def test_bits_are_those_of_jax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        key = jax.random.key(2**40 + 7, impl="threefry2x32")
        expected = np.asarray(jax.random.bits(key, (3, 5), "uint64"))
    found = R.bits(R.key(2**40 + 7), (3, 5)).eval(mode="numpy")
    assert (found.view("uint64") == expected).all()


def test_draws_in_programs_of_jax_need_integers_of_64_bits():
    jax = pytest.importorskip("jax")
    draw = gradcore.as_jax(R.uniform(KEY, 3), [KEY])
    with pytest.raises(UnsupportedError, match="jax_enable_x64"):
        draw(7)
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        assert draw(7).tolist() == R.uniform(7, 3).eval(mode="numpy").tolist()


def test_a_place_has_its_bits_whatever_the_shape():
    n = T.lscalar("n")
    whole = R.bits(KEY, (4, n))
    f = gradcore.function([KEY, n], [whole, R.bits(KEY, 4 * n), R.bits(KEY, whole.shape)])
    a, b, c = f(5, 6)
    assert a.shape == (4, 6) and (a.ravel() == b).all() and (a == c).all()
    assert R.bits(3, ()).eval() == R.bits(3, 1).eval()[0]


@pytest.mark.parametrize("distance", [1, 2**32, 2**40])
def test_distant_counters_are_independent(distance):
    """Bits of counters that are a distance apart agree as often as those of coins do."""
    places = np.arange(4000)
    a, b = (threefry.computed(np.int64(9), places + start) for start in (0, distance))
    alike = np.unpackbits((~(a ^ b)).view("uint8")).reshape(-1, 64)
    assert scipy.stats.binomtest(int(alike.sum()), alike.size).pvalue > 1e-3
    each = scipy.stats.binom(4000, 0.5).cdf(alike.sum(0))
    assert scipy.stats.kstest(each, "uniform").pvalue > 1e-3


def test_keys_derived_from_one_key_are_independent():
    n = 2000
    draws = [R.normal(k, n) for k in (KEY, *R.split(KEY, 3), R.fold_in(KEY, 7), R.fold_in(KEY, -7))]
    found = np.stack(gradcore.function([KEY], draws, mode="numpy")(1))
    correlations = np.corrcoef(found)[np.triu_indices(len(draws), 1)]
    assert (abs(correlations) * np.sqrt(n) < 4).all()
    assert len(np.unique(R.split(1, 5000).eval(mode="numpy"))) == 5000


# signatures -------------------------------------------------------------------------------------
DRAWS = {
    name: list(inspect.signature(draw).parameters.values())
    for name, draw in vars(R).items()
    if inspect.isfunction(draw)
    and draw.__module__.startswith(R.__name__)
    and name not in ("key", "split", "fold_in")
}
ANYWHERE = inspect.Parameter.POSITIONAL_OR_KEYWORD
JAX_NAMES = {"integers": "randint", "standard_t": "t", "low": "lower", "high": "upper"}
"""What ``jax.random`` calls functions and parameters before the shape that have another name."""


def before_shape(parameters):
    """Return the names of the parameters between the key and the shape, or all without one."""
    names = [p.name for p in parameters]
    return names[1 : names.index("shape") if "shape" in names else None]


@pytest.mark.parametrize("name", DRAWS)
def test_the_shape_is_behind_what_has_no_default(name):
    key, *parameters = DRAWS[name]
    assert key.name == "key" and key.kind is ANYWHERE
    if name == "categorical":  # as in JAX
        assert before_shape(DRAWS[name]) == ["logits", "axis"]
    elif name in ("permutation", "shuffle"):
        assert [p.name for p in parameters] == ["x", "axis"]
    else:
        needed = [p.name for p in parameters if p.default is p.empty]
        shape = parameters[len(needed)]
        assert before_shape(DRAWS[name]) == needed
        assert shape.name == "shape" and shape.default is None and shape.kind is ANYWHERE
        assert "dtype" not in [p.name for p in parameters[:-1]]


def test_parameters_are_those_of_jax_as_far_as_the_shape():
    random = pytest.importorskip("jax").random
    found, expected = {}, {}
    for name, parameters in DRAWS.items():
        theirs = getattr(random, JAX_NAMES.get(name, name), None)
        if theirs is not None:
            found[name] = [JAX_NAMES.get(n, n) for n in before_shape(parameters)]
            expected[name] = before_shape(inspect.signature(theirs).parameters.values())
    assert expected.pop("lognormal") == ["sigma"] and found.pop("lognormal") == []
    expected["permutation"] = expected["permutation"][:2]  # no shape, but what is ours is the same
    assert found == expected and {"gamma", "choice", "integers", "standard_t"} <= set(found)


# distributions ----------------------------------------------------------------------------------
FLOATS = {
    "uniform": (lambda k, n: R.uniform(k, n, -1, 3), scipy.stats.uniform(-1, 4)),
    "normal": (lambda k, n: R.normal(k, n, 1, 2), scipy.stats.norm(1, 2)),
    "lognormal": (lambda k, n: R.lognormal(k, n, 0, 0.7), scipy.stats.lognorm(0.7)),
    "exponential": (lambda k, n: R.exponential(k, n, 2), scipy.stats.expon(0, 2)),
    "laplace": (lambda k, n: R.laplace(k, n, 1, 2), scipy.stats.laplace(1, 2)),
    "logistic": (lambda k, n: R.logistic(k, n, 1, 2), scipy.stats.logistic(1, 2)),
    "gumbel": (lambda k, n: R.gumbel(k, n, 1, 2), scipy.stats.gumbel_r(1, 2)),
    "cauchy": (lambda k, n: R.cauchy(k, n, 1, 2), scipy.stats.cauchy(1, 2)),
    "truncated_normal": (
        lambda k, n: R.truncated_normal(k, 1, 4, n, 0, 2), scipy.stats.truncnorm(0.5, 2, 0, 2),
    ),
    "far_tail": (
        lambda k, n: R.truncated_normal(k, 20, np.inf, n), scipy.stats.truncnorm(20, np.inf),
    ),
    "gamma": (lambda k, n: R.gamma(k, 3.5, n, 2), scipy.stats.gamma(3.5, 0, 2)),
    "small_gamma": (lambda k, n: R.gamma(k, 0.2, n), scipy.stats.gamma(0.2)),
    "beta": (lambda k, n: R.beta(k, 0.5, 2, n), scipy.stats.beta(0.5, 2)),
    "dirichlet": (lambda k, n: R.dirichlet(k, [1, 2, 3.0], n)[:, 1], scipy.stats.beta(2, 4)),
    "chisquare": (lambda k, n: R.chisquare(k, 3, n), scipy.stats.chi2(3)),
    "standard_t": (lambda k, n: R.standard_t(k, 3, n, 1, 2), scipy.stats.t(3, 1, 2)),
    "vonmises": (lambda k, n: R.vonmises(k, 0, 2, n), scipy.stats.vonmises(2)),
    "sharp_vonmises": (lambda k, n: R.vonmises(k, 0, 1e4, n), scipy.stats.norm(0, 1e-2)),
    "flat_vonmises": (lambda k, n: R.vonmises(k, 0, 0, n), scipy.stats.uniform(-np.pi, 2 * np.pi)),
    "multivariate_normal": (
        lambda k, n: R.multivariate_normal(k, [1.0, 2.0], [[1, 0.5], [0.5, 2.0]], n).sum(-1),
        scipy.stats.norm(3, 2),
    ),
}  # fmt: skip

WHOLE = {
    "integers": (lambda k, n: R.integers(k, n, -2, 5), scipy.stats.randint(-2, 5)),
    "bernoulli": (lambda k, n: R.bernoulli(k, 0.3, n), scipy.stats.bernoulli(0.3)),
    "geometric": (lambda k, n: R.geometric(k, 0.3, n), scipy.stats.geom(0.3)),
    "poisson": (lambda k, n: R.poisson(k, 3, n), scipy.stats.poisson(3)),
    "large_poisson": (lambda k, n: R.poisson(k, 40, n), scipy.stats.poisson(40)),
    "binomial": (lambda k, n: R.binomial(k, 9, 0.7, n), scipy.stats.binom(9, 0.7)),
    "one_trial": (lambda k, n: R.binomial(k, 1, 0.7, n), scipy.stats.bernoulli(0.7)),
    "large_binomial": (lambda k, n: R.binomial(k, 90, 0.7, n), scipy.stats.binom(90, 0.7)),
    "negative_binomial": (
        lambda k, n: R.negative_binomial(k, 3, 0.4, n), scipy.stats.nbinom(3, 0.4),
    ),
    "multinomial": (
        lambda k, n: R.multinomial(k, 9, [0.5, 0.3, 0.2], n)[:, 1], scipy.stats.binom(9, 0.3),
    ),
    "categorical": (
        lambda k, n: R.categorical(k, np.log([0.2, 0.5, 0.3]), -1, n),
        scipy.stats.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3])),
    ),
    "choice": (
        lambda k, n: R.choice(k, np.array([5, 1, 3]), n, p=[0.2, 0.5, 0.3]),
        scipy.stats.rv_discrete(values=([1, 3, 5], [0.5, 0.3, 0.2])),
    ),
}  # fmt: skip

MANY = 4000
NUMPY = gradcore.Mode("numpy")


@functools.cache
def drawn_by(mode):
    """Return many numbers of each distribution, drawn by a backend in one call."""
    draws = {name: make(KEY, MANY) for name, (make, _) in (FLOATS | WHOLE).items()}
    return gradcore.function([KEY], draws, mode=mode)(11)


@pytest.fixture
def drawn(optimized):
    return drawn_by(optimized)


@pytest.mark.parametrize("name", FLOATS)
def test_floats_are_distributed_as_scipy_says(name, drawn):
    found, (_, law) = drawn[name], FLOATS[name]
    assert found.shape == (MANY,) and found.dtype == "float64"
    assert scipy.stats.kstest(found, law.cdf).pvalue > 1e-3
    if np.isfinite(law.var()):
        assert abs(found.mean() - law.mean()) < 4 * law.std() / np.sqrt(MANY)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_distributed_as_scipy_says(name, drawn):
    found, (_, law) = drawn[name], WHOLE[name]
    assert found.shape == (MANY,) and found.dtype == ("bool" if name == "bernoulli" else "int64")
    values = np.arange(int(law.ppf(1e-3)), int(law.ppf(1 - 1e-3)) + 1)
    expected = law.pmf(values) * MANY
    values, expected = values[expected > 5], expected[expected > 5]
    counts = (found == values[:, None]).sum(1)
    rest, expected_rest = MANY - counts.sum(), MANY - expected.sum()
    total = ((counts - expected) ** 2 / expected).sum()
    total += (rest - expected_rest) ** 2 / expected_rest if expected_rest > 1e-6 else rest
    assert scipy.stats.chi2.sf(total, max(len(values) - (expected_rest <= 1e-6), 1)) > 1e-3
    assert abs(found.mean() - law.mean()) < 4 * law.std() / np.sqrt(MANY)


def test_draws_are_the_same_everywhere(drawn):
    """Whole numbers and evenly distributed ones bit for bit, the others to rounding."""
    for name, value in drawn_by(NUMPY).items():
        assert drawn[name].dtype == value.dtype
        if value.dtype.kind == "f" and name != "uniform":
            np.testing.assert_allclose(drawn[name], value, rtol=1e-12, atol=1e-12, err_msg=name)
        else:
            assert (drawn[name] == value).all(), name


def test_orders_and_single_precision_are_the_same_everywhere(optimized):
    draws = [R.permutation(KEY, 5), R.uniform(KEY, 4, dtype="float32")]
    found, expected = (gradcore.function([KEY], draws, mode=m)(3) for m in (optimized, NUMPY))
    for value, theirs in zip(found, expected, strict=True):
        assert value.dtype == theirs.dtype and value.tolist() == theirs.tolist()


# shapes, dtypes, bounds -------------------------------------------------------------------------
def test_vectors_of_stretched_parameters_have_bits_of_their_own():
    zeros, eye = np.zeros((2, 1, 2)), np.broadcast_to(np.eye(2), (3, 2, 2))
    draws = [
        R.multivariate_normal(KEY, zeros, eye),
        R.multivariate_normal(KEY, [0, 0], np.eye(2), (2, 3)),
        R.dirichlet(KEY, zeros + 1),
        R.categorical(KEY, zeros),
    ]
    stretched, given, shares, indices = gradcore.function([KEY], draws, mode="numpy")(1)
    assert stretched.tolist() == given.tolist() and len(np.unique(given)) == 2 * 3 * 2
    assert shares.shape == (2, 1, 2) and len(np.unique(shares)) == 4 and indices.shape == (2, 1)


def test_parameters_stretch_and_shapes_may_be_symbolic():
    a, n = T.dvector("a"), T.lscalar("n")
    draws = [
        R.normal(KEY, None, a, [[1.0], [2.0]]),
        R.gamma(KEY, a, (n, 3)),
        R.poisson(KEY, 1, (n, 3)),
    ]
    found = gradcore.function([KEY, a, n], draws)(1, [1, 2, 3], 2)
    assert [x.shape for x in found] == [(2, 3)] * 3
    assert R.uniform(KEY, (2, 0)).eval({KEY: 1}).shape == (2, 0)
    assert R.gamma(KEY, 1, 0).eval({KEY: 1}).shape == (0,)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_of_floats(dtype):
    draws = [
        R.uniform(KEY, MANY, dtype=dtype),
        R.normal(KEY, 50, T.constant(0, dtype=dtype)),
        R.beta(KEY, 1, 1, 50, dtype),
    ]
    found = gradcore.function([KEY], draws, mode="numpy")(2)
    assert [x.dtype for x in found] == [dtype] * 3
    assert all(np.isfinite(x).all() for x in found)
    assert scipy.stats.kstest(found[0], "uniform").pvalue > 1e-3


def test_extreme_bits_are_inside():
    """The least and the largest bits give numbers of the open interval, exact and symmetric."""
    bits = T.lvector("bits")
    for dtype, unit in (("float32", 2.0**-24), ("float64", 2.0**-53)):
        f = gradcore.function([bits], R.keys.from_bits(bits, dtype), mode="numpy")
        ends = f([-(2**63), 2**63 - 1])
        assert ends.tolist() == [unit - 0.5, 0.5 - unit]


def test_probabilities_of_0_and_1_are_exact():
    assert not R.bernoulli(1, 0, MANY).eval().any() and R.bernoulli(1, 1, MANY).eval().all()
    assert (R.binomial(1, 20, [[0], [1]], (2, 50)).eval() == [[0], [20]]).all()
    assert (R.geometric(1, 1, 50).eval() == 1).all()
    assert (R.poisson(1, 0, 50).eval() == 0).all()


@pytest.mark.parametrize(("n", "loops"), [(1, 0), (19, 1), (20, 2), (T.lscalar("n"), 2)])
def test_counts_of_few_trials_are_made_of_less(n, loops):
    draw = R.binomial(1, n, T.dvector("p"), 3)
    assert sum(isinstance(node.op, Scan) for node in toposort([draw])) == loops


def test_wide_ranges_of_integers():
    found = R.integers(KEY, MANY, -(2**62), 2**62 - 1).eval({KEY: 4}, mode="numpy")
    assert scipy.stats.kstest(found / 2**63 + 0.5, "uniform").pvalue > 1e-3
    assert set(R.integers(KEY, 50, 2, dtype="int8").eval({KEY: 1}).tolist()) == {0, 1}


def test_orders():
    x = T.dmatrix("x")
    outputs = [
        R.permutation(KEY, x, axis=1),
        R.shuffle(KEY, x),
        R.choice(KEY, 4, (2, 2), replace=False),
    ]
    a, b, c = gradcore.function([KEY, x], outputs)(5, np.arange(12).reshape(3, 4))
    assert (np.sort(a, 1) == np.arange(12).reshape(3, 4)).all() and (a[1] - a[0] == 4).all()
    assert sorted(b[:, 0]) == [0, 4, 8] and sorted(c.ravel()) == [0, 1, 2, 3]
    likely = R.choice(KEY, 4, 2, replace=False, p=[0, 0.5, 0, 0.5]).eval({KEY: 1})
    assert sorted(likely) == [1, 3]
    firsts = T.vectorize(lambda k: R.permutation(k, 3), signature="()->(n)")(
        R.split(KEY, 3000)
    ).eval({KEY: 1}, mode="numpy")
    counts = np.unique(firsts @ [9, 3, 1], return_counts=True)[1]
    assert len(counts) == 6 and scipy.stats.chisquare(counts).pvalue > 1e-3


def test_what_is_refused():
    for make, text in (
        (lambda: R.uniform(T.dscalar("x")), "a key is an int64 scalar"),
        (lambda: R.uniform(T.lvector("keys")), "T.vectorize"),
        (lambda: R.uniform(1, 2, dtype="int64"), "cannot be int64"),
        (lambda: R.integers(1, 2, 3, dtype="float32"), "cannot be float32"),
        (lambda: R.categorical(1), "either logits or p"),
        (lambda: R.permutation(1, T.dscalar()), "a permutation is of integers"),
    ):
        with pytest.raises(GraphTypeError, match=text):
            make()
    for shape, loc in ((3, np.zeros((2, 1))), ((1, 3), np.zeros((2, 1))), (1, T.dvector())):
        with pytest.raises(ShapeError, match="cannot have parameters"):
            R.normal(1, shape, loc)
    for low, high in ((3, 3), (0, 0), (-(2**62), 2**62)):
        with pytest.raises(GraphValueError, match="are no"):
            R.integers(1, 3, low, high)
    for make in (
        lambda: R.categorical(1, np.zeros((2, 3)), -1, ()),
        lambda: R.dirichlet(1, np.ones((2, 3)), 1),
        lambda: R.multinomial(1, 5, np.full((2, 2), 0.5), (1,)),
        lambda: R.multivariate_normal(1, np.zeros((2, 3)), np.eye(3), ()),
    ):
        with pytest.raises(ShapeError, match="cannot have parameters"):
            make()
    for make, error in (
        (lambda: R.normal(1, T.dvector()), GraphTypeError),
        (lambda: R.gamma(1, 2, [1.0, 2.0]), GraphTypeError),
        (lambda: R.dirichlet(1, [1, 2], T.constant([3.0])), GraphTypeError),
        (lambda: R.uniform(1, (3, -2)), ShapeError),
        (lambda: T.random.RandomStream(1).gamma(2, size=-1), ShapeError),
    ):
        with pytest.raises(error, match="the argument shape of a draw"):
            make()
    for make, text in (
        (lambda: R.normal(1, 3, 0, -1), "scale of a draw is between 0 and inf, got -1"),
        (lambda: R.binomial(1, 5, [0.5, 1.5, 2], 3), "p of a draw is between 0 and 1, got 1.5"),
        (lambda: R.gamma(1, T.constant([1.0, -2.0])), "a of a draw"),
        (lambda: T.random.RandomStream(1).poisson(-3), "lam of a draw"),
    ):
        with pytest.raises(GraphValueError, match=text):
            make()
    a = T.dscalar()
    assert np.isnan(R.gamma(1, a, 3).eval({a: -0.5})).all()
    with pytest.raises(GraphValueError, match="cannot draw 5 of 3"):
        R.choice(1, 3, 5, replace=False)
    for seed in (1.5, "1", True):
        with pytest.raises(GraphValueError, match="a seed is an integer"):
            R.RandomStream(seed)


@pytest.mark.parametrize("replace", [False, True])
def test_probabilities_of_choices_that_do_not_fit(replace):
    p = T.dvector("p")
    with pytest.raises(ShapeError, match="probability for each element"):
        R.choice(1, 3, 2, replace, [0.5, 0.5])
    f = gradcore.function([p], R.choice(1, 3, 2, replace, p))
    with pytest.raises(ShapeError, match="probability for each element"):
        f([0.5, 0.5])
    if replace:
        assert f([0, 1, 0]).tolist() == [1, 1]
    else:
        with pytest.raises(AssertionError, match="than have a probability"):
            f([0, 1, 0])


# derivatives ------------------------------------------------------------------------------------
def test_draws_move_with_their_parameters():
    a, b = T.dscalars("a", "b")
    draw = R.normal(KEY, 3, a, b)
    f = gradcore.function(
        [KEY, a, b], [draw, T.Rop(draw, a, T.constant(1.0)), T.Rop(draw, b, T.constant(1.0))]
    )
    x, by_a, by_b = f(1, 2, 3)
    np.testing.assert_allclose(by_a, 1)
    np.testing.assert_allclose(by_b, (x - 2) / 3)


def moved(draw, parameter, values, x):
    """Return draws and how they move with a parameter, in both modes, and the second derivative."""
    forward = T.Rop(draw, parameter, T.ones_like(parameter))
    reverse = T.grad(draw.sum(), parameter)
    second = T.grad(reverse.sum(), parameter)
    return gradcore.function([KEY, parameter], [draw, forward, reverse, second], mode="numpy")(
        x, values
    )


@pytest.mark.parametrize(
    ("make", "quantile", "values"),
    [
        (lambda a: R.gamma(KEY, a), scipy.special.gammaincinv, [1.0, 1.7, 5, 40, 900]),
        (
            lambda a: R.chisquare(KEY, a),
            lambda a, q: 2 * scipy.special.gammaincinv(a / 2, q),
            [2.5, 7],
        ),
    ],
)
def test_gamma_numbers_move_as_their_distribution_says(make, quantile, values):
    a, values = T.dvector("a"), np.array(values)
    x, forward, reverse, second = moved(make(a), a, values, 5)
    half = 0.5 if quantile is not scipy.special.gammaincinv else 1
    q = scipy.special.gammainc(values * half, x * half)
    step = 1e-3 * values
    near = [quantile(values + k * step, q) for k in (-2, -1, 1, 2)]
    expected = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
    np.testing.assert_allclose(forward, expected, rtol=1e-6)
    np.testing.assert_allclose(reverse, expected, rtol=1e-6)
    curved = (near[1] - 2 * quantile(values, q) + near[2]) / step**2
    np.testing.assert_allclose(second, curved, rtol=1e-2, atol=1e-4)


def test_angles_move_as_their_distribution_says():
    kappa, values = T.dvector("kappa"), np.array([0.1, 1, 5, 30, 800])
    x, forward, reverse, second = moved(R.vonmises(KEY, 0.0, kappa), kappa, values, 2)
    step = 1e-3 * values
    near = [scipy.stats.vonmises.cdf(x, values + k * step) for k in (-2, -1, 1, 2)]
    slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
    expected = -slope / scipy.stats.vonmises.pdf(x, values)
    np.testing.assert_allclose(forward, expected, rtol=1e-6)
    np.testing.assert_allclose(reverse, expected, rtol=1e-6)
    assert np.isfinite(second).all()


EXPECTED = {
    "beta": (lambda a: R.beta(KEY, a, 1.7, MANY), 2.3, 1.7 / 4.0**2),
    "small_beta": (lambda a: R.beta(KEY, a, 0.3, MANY), 0.2, 0.3 / 0.5**2),
    "small_gamma": (lambda a: T.log(R.gamma(KEY, a, MANY)), 0.3, scipy.special.polygamma(1, 0.3)),
    "dirichlet": (lambda a: R.dirichlet(KEY, T.stack([a, 1.7, 1.0]), MANY)[:, 0], 2.3, 2.7 / 25),
    "standard_t": (lambda a: T.sqr(R.standard_t(KEY, a, MANY)), 12.0, -2 / 10.0**2),
    "truncated_normal": (lambda a: R.truncated_normal(KEY, -1, 1, MANY, a), 0.0, 0.291125),
}
"""Functions of draws and of a parameter, its value, and how their expectation moves with it."""


@pytest.mark.parametrize("name", EXPECTED)
def test_expectations_move_as_draws_do(name):
    make, value, expected = EXPECTED[name]
    a = T.dscalar("a")
    moves = T.Rop(make(a), a, T.constant(1.0))
    found = gradcore.function([KEY, a], moves, mode="numpy")(3, value)
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(MANY)
