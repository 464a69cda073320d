"""PyTensor's and Aesara's names: modules of tables, and a program that runs with either."""

import importlib
import importlib.util
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import scipy.stats

import gradcore
import gradcore.tensor as T
import gradcore.theano
from gradcore.errors import AbsentNameError, GraphValueError, UnsupportedError
from gradcore.theano import absent, draws, successors
from gradcore.theano.tables import found

PROGRAM = """
    import numpy as np
    import pytensor
    import pytensor.tensor as pt
    from pytensor.graph.basic import Variable
    from pytensor.graph.replace import clone_replace, graph_replace
    from pytensor.graph.traversal import ancestors, graph_inputs
    from pytensor.tensor.special import log_softmax, softmax

    def normal_logp(value, mu, sigma):
        return -0.5 * ((value - mu) / sigma) ** 2 - pt.log(sigma) - 0.5 * np.log(2 * np.pi)

    # a hierarchical model, of which the scale is a logarithm
    mu, log_tau = pt.scalars("mu", "log_tau")
    theta = pt.vector("theta", shape=(8,))
    y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    sigma = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    tau = pt.exp(log_tau)
    logp = (
        normal_logp(mu, 0.0, 5.0)
        + pt.log(2 / np.pi / 5 / (1 + (tau / 5) ** 2)) + log_tau
        + pt.sum(normal_logp(theta, 0.0, 1.0))
        + pt.sum(normal_logp(y, mu + tau * theta, sigma))
    )
    wrt = [mu, log_tau, theta]
    f = pytensor.function(wrt, [logp, *pytensor.grad(logp, wrt)], trust_input=False)
    at = (1.5, 0.3, np.linspace(-1, 1, 8))
    print(*[np.round(v, 6).tolist() for v in f(*at)])

    # a random walk, a mixture, an ordered transform
    x = pt.dvector("x")
    walk, _ = pytensor.scan(lambda e, s: 0.9 * s + e, sequences=[x], outputs_info=[pt.zeros(())])
    weights = softmax(x, axis=-1)
    mixture = pt.sum(pt.logsumexp(log_softmax(x, axis=0) + pt.log(weights)))
    ordered = pt.concatenate([x[:1], x[0] + pt.cumsum(pt.exp(x[1:]))])
    total = walk[-1] + mixture + pt.switch(pt.gt(ordered, 1), ordered, 0).sum()
    det = pt.linalg.det(pt.outer(x, x) + pt.eye(3))
    g = pytensor.function([x], [total, pt.grad(total, x), det])
    print(*[np.round(v, 6).tolist() for v in g(np.array([0.1, -0.4, 0.7]))])

    # graphs
    z = clone_replace(total, {x: 2 * x})
    print(np.round(z.eval({x: np.array([0.1, -0.4, 0.7])}), 6))
    print(x in set(ancestors([z])), [v.name for v in graph_inputs([z]) if v.name])
    s = pytensor.shared(np.zeros(2), name="s")
    step = pytensor.function([], s.sum(), updates={s: s + 1}, mode="FAST_RUN")
    print(float(step()), float(step()), s.get_value().tolist(), isinstance(z, Variable))
"""


def run(tmp_path, *options):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    done = subprocess.run(
        [sys.executable, *options, "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(importlib.util.find_spec("pytensor") is None, reason="needs PyTensor")
def test_a_program_prints_what_it_prints_with_pytensor(tmp_path):
    expected = run(tmp_path)
    assert run(tmp_path, "-m", "gradcore.theano", "--as", "pytensor") == expected


def test_a_program_for_pytensor_runs(tmp_path):
    printed = run(tmp_path, "-m", "gradcore.theano", "--as", "pytensor").splitlines()
    assert len(printed) == 5 and printed[3] == "True ['x']"
    assert printed[4] == "0.0 2.0 [2.0, 2.0] True"


@pytest.mark.parametrize("package", ["pytensor", "aesara"])
def test_each_module_has_what_its_table_names(package):
    tables = successors.tables(package)
    for name, table in tables.items():
        members = found(table)
        assert members or table.names == "", name
        assert name == package or name.rpartition(".")[0] in tables


def test_aesara_is_installed_beside_theano():
    gradcore.theano.install("theano", "aesara")
    try:
        at, theano = (importlib.import_module(n) for n in ("aesara.tensor", "theano.tensor"))
        assert gradcore.theano.is_installed("aesara") and not gradcore.theano.is_installed(
            "pytensor"
        )
        assert at.nlinalg.det is T.nlinalg.det and theano.exp is not at.exp
        assert [v.name for v in at.vectors("xy")] == ["x", "y"] and bool(at.dvector())
    finally:
        gradcore.theano.uninstall()
    assert "aesara" not in sys.modules
    with pytest.raises(TypeError):
        bool(T.dvector())
    with pytest.raises(GraphValueError, match="theano, pytensor, aesara, not of 'keras'"):
        gradcore.theano.install("keras")


def test_draws_need_no_stream():
    x = successors.DRAWS["normal"](3.0, 0.001, size=(2, 3))
    f = gradcore.function([], x)
    one, two = f(), f()
    assert one.shape == (2, 3) and abs(one - 3).max() < 0.1 and (one != two).all()
    with pytest.raises(UnsupportedError, match="RandomStream"):
        successors.DRAWS["normal"](rng=np.random.default_rng())


def test_softmax_is_of_all_elements_unless_an_axis_is_said():
    x = T.constant([[0.0, 0.0], [0.0, 0.0]])
    assert successors.softmax_of(x).eval().tolist() == [[0.25] * 2] * 2
    assert successors.softmax_of(x, axis=1).eval().tolist() == [[0.5] * 2] * 2
    np.testing.assert_allclose(successors.log_softmax_of(x).eval(), np.log(0.25))
    assert successors.softmax_of(T.dvector()).ndim == 1


def test_scans_may_return_outputs_alone():
    x = T.dvector("x")
    alone = successors.scan(lambda a: 2 * a, x, return_updates=False)
    assert alone.eval({x: [1.0]}).tolist() == [2] and len(successors.scan(lambda a: a, x)) == 2
    assert successors.function([x], x, trust_input=True, mode="NUMBA")([1.0]).tolist() == [1]


def test_constructors_take_what_is_known_of_the_shape():
    assert T.vector("x", shape=(3,)).type.shape == (3,)
    assert T.dmatrix(shape=(None, 2)).type.shape == (None, 2) and T.row(shape=(1, 4)).ndim == 2
    for wrong in ((2, 2), (), (3, 4, 5)):
        with pytest.raises(TypeError, match="this constructor makes .*row"):
            T.row(shape=wrong)


@pytest.fixture
def pytensor():
    """The module `pytensor`, for which gradcore stands in during a test."""
    gradcore.theano.install("pytensor")
    try:
        yield importlib.import_module("pytensor")
    finally:
        gradcore.theano.uninstall()


def test_what_is_listed_is_there(pytensor):
    for name in successors.tables("pytensor"):
        module = importlib.import_module(name)
        assert all(hasattr(module, n) for n in dir(module)), name


def test_linear_algebra_is_in_all_of_its_modules(pytensor):
    for name in ("linalg", "slinalg", "nlinalg"):
        members = vars(importlib.import_module(f"pytensor.tensor.{name}"))
        public = [n for n, v in vars(T.linalg).items() if callable(v) and n[0] != "_"]
        assert [n for n in public if n not in members] == [], name


def test_inputs_of_a_graph_are_neither_constant_nor_shared(pytensor):
    x, y = T.dvectors("x", "y")
    z = x * 2 + gradcore.shared(np.ones(2)) * y
    traversal = importlib.import_module("pytensor.graph.traversal")
    assert set(traversal.explicit_graph_inputs(z)) == {x, y}
    assert set(traversal.explicit_graph_inputs([z, y])) == {x, y}
    assert {v.owner for v in traversal.orphans_between([x, y], [z])} == {None}
    assert len(traversal.orphans_between([x, y], [z])) == 2


def test_a_cloned_graph_says_what_has_become_of_variables(pytensor):
    x = T.dvector("x")
    middle = T.exp(x)
    basic = importlib.import_module("pytensor.graph.basic")
    copies = basic.clone_get_equiv([x], [middle * 2])
    assert copies[x] is not x and copies[middle].owner.inputs[0] is copies[x]
    same = basic.clone_get_equiv([x], [middle], copy_inputs=False)
    assert same[x] is x and same[middle] is not middle


def test_conditions_raise_errors_of_ones_own(pytensor):
    x = T.dvector("x")
    raising = importlib.import_module("pytensor.raise_op")
    f = gradcore.function([x], raising.CheckAndRaise(KeyError, "below")(x, x > 0))
    assert f([1.0]).tolist() == [1]
    with pytest.raises(KeyError, match="below"):
        f([-1.0])
    with pytest.raises(AssertionError, match="small"):
        raising.Assert("small")(x, x > 0).eval({x: [-1.0]})


def test_graphs_are_printed_with_pytensors_arguments(pytensor):
    x = T.dvector("x")
    text = pytensor.dprint(T.exp(x) + 1, print_type=True, file="str", id_type="int")
    assert text.splitlines()[0].startswith("add [0]")


@pytest.mark.parametrize("package", ["pytensor", "aesara"])
def test_what_is_absent_can_be_imported_and_raises_when_used(package):
    gradcore.theano.install(package)
    try:
        for name, why in absent.LATER.items():
            module, _, last = f"{package}{name.replace('*', 'anything')}".rpartition(".")
            found = getattr(importlib.import_module(module), last)
            with pytest.raises(AbsentNameError) as error:
                found(1)
            assert why in str(error.value), name
        for name in absent.LATER:
            module, _, last = f"{package}{name}".rpartition(".")
            assert last not in vars(importlib.import_module(module)), name
    finally:
        gradcore.theano.uninstall()


KEY = 4000
DISTRIBUTIONS = {
    "standard_normal": ((), scipy.stats.norm()),
    "halfnormal": ((1.0, 2.0), scipy.stats.halfnorm(1, 2)),
    "halfcauchy": ((1.0, 2.0), scipy.stats.halfcauchy(1, 2)),
    "t": ((5.0, 1.0, 2.0), scipy.stats.t(5, 1, 2)),
    "pareto": ((3.0, 2.0), scipy.stats.pareto(3, scale=2)),
    "weibull": ((1.5,), scipy.stats.weibull_min(1.5)),
    "invgamma": ((3.0, 2.0), scipy.stats.invgamma(3, scale=2)),
    "gengamma": ((3.0, 2.0, 1.5), scipy.stats.gengamma(1.5, 2, scale=1.5)),
    "truncexpon": ((2.0, 1.0, 3.0), scipy.stats.truncexpon(2, 1, 3)),
    "triangular": ((1.0, 2.0, 4.0), scipy.stats.triang(1 / 3, 1, 3)),
    "wald": ((2.0, 3.0), scipy.stats.invgauss(2 / 3, scale=3)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions_by_pytensors_names(name):
    parameters, distribution = DISTRIBUTIONS[name]
    draw = getattr(draws.SuccessorStream(seed=3), name)(*parameters, size=KEY)
    assert scipy.stats.kstest(draw.eval(mode="numpy"), distribution.cdf).pvalue > 1e-3
    if parameters:
        some = [np.full(3, p) for p in parameters]
        values = getattr(draws.SuccessorStream(seed=3), name)(*some).eval(mode="numpy")
        assert len(set(values.tolist())) == 3


def test_counts_whose_probability_is_drawn():
    values = draws.SuccessorStream(seed=3).betabinom(6, 2.0, 3.0, size=KEY).eval(mode="numpy")
    distribution = scipy.stats.betabinom(6, 2, 3)
    counts = np.bincount(values, minlength=7)
    assert scipy.stats.chisquare(counts, KEY * distribution.pmf(np.arange(7))).pvalue > 1e-3


def test_draws_of_a_generator(pytensor):
    pt = importlib.import_module("pytensor.tensor")
    rng = pytensor.shared(np.random.default_rng(3))
    draw = pt.random.normal(2.0, 0.1, size=4, rng=rng)
    f = pytensor.function([], [draw, pt.random.betabinom(9, 1.0, 1.0, size=4, rng=rng)])
    first, again = f(), f()
    assert all((a == b).all() for a, b in zip(first, again, strict=True)), "nothing updates it"
    rng.set_value(np.random.default_rng(4))
    assert (f()[0] != first[0]).any() and abs(first[0].mean() - 2) < 1
    with pytest.raises(UnsupportedError, match="takes shared"):
        pt.random.normal(rng=np.random.default_rng(3))


def test_graphs_are_compared(pytensor):
    basic = importlib.import_module("pytensor.graph.basic")
    pt = importlib.import_module("pytensor.tensor")
    x, y = pt.dscalar("x"), pt.dscalar("y")
    same = basic.equal_computations
    assert same([x + 1], [x + 1]) and not same([x + 1], [x + 2]) and not same([x], [x, x])
    assert same([x + 1], [y + 1], [x], [y]) and not same([x + 1], [y + 1])
    rows = pt.permute_row_elements([[1.0, 2.0], [3.0, 4.0]], [1, 0])
    assert rows.eval().tolist() == [[2, 1], [4, 3]] and pt.ceil_intdiv(7, 2).eval() == 4


def test_functions_of_jax_are_wrapped(pytensor):
    jnp = pytest.importorskip("jax.numpy")
    x = T.dvector("x")
    for sine in (pytensor.wrap_jax(jnp.sin), pytensor.wrap_jax(allow_eval=False)(jnp.sin)):
        np.testing.assert_allclose(T.grad(sine(x).sum(), x).eval({x: [0.0, 1.0]}), np.cos([0, 1]))
