"""The JAX backend: it says what the reference says, compiles what can be compiled, and no more."""

import logging

import numpy as np
import pytest
from against_numpy import both

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore.errors import (
    ArgumentError,
    AssertionFailedError,
    ModeError,
    ScanError,
    ShapeError,
    UnavailableError,
)
from gradcore.ops.control import Assert, Print

jax = pytest.importorskip("jax")
jnp = jax.numpy

from gradcore_jax.tracing import CACHED, ENABLE_X64, Strategies, UntraceableError  # noqa: E402 - if there is JAX


@pytest.fixture
def strategies(monkeypatch):
    """Return a list that all compiled functions are noted in."""
    made = []
    prepare = Strategies.__init__

    def noted(self, *args, **kwargs):
        prepare(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Strategies, "__init__", noted)
    return made


@pytest.fixture
def traces(monkeypatch):
    """Return a list that grows by one each time a function is traced."""
    seen = []
    jit = jax.jit

    def counting(function):
        def traced(*args):
            seen.append(function)
            return function(*args)

        return jit(traced)

    monkeypatch.setattr(jax, "jit", counting)
    return seen


# shapes -----------------------------------------------------------------------------------------
def test_shape_arithmetic_stays_known(strategies):
    x, y = T.dmatrix("x"), T.dvector("y")
    n = x.shape[0] * x.shape[1] // 2
    outputs = [
        x.reshape((n, 2)), T.zeros((n, x.shape[1])), T.arange(n) * 2, x[: x.shape[0] - 1],
        T.repeat(x, T.arange(x.shape[0]), axis=0), y[T.arange(y.shape[0])[::-1]], x.shape, n,
    ]  # fmt: skip
    both([x, y], outputs, np.arange(12.0).reshape(3, 4), np.arange(5.0))
    assert [s.strategy for s in strategies] == ["traced"]


def test_large_ranges_are_not_known():
    x = T.dvector("x")
    both([x], [T.arange(x.shape[0] * 3000), T.zeros((x.shape[0] * 3000,), "int64")], np.zeros(4))


def test_extents_that_must_agree():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    for z in (x + y, T.dot(x, y), T.concatenate([x, y], axis=1), x.reshape((5, 7))):
        f = gradcore.function([x, y], z, mode="jax", on_unused_input="ignore")
        with pytest.raises(ShapeError, match="extents|shape"):
            f(np.ones((2, 3)), np.ones((1, 2)))


# strategies -------------------------------------------------------------------------------------
def test_one_trace_for_one_shape(traces):
    x, n = T.dvector("x"), T.lscalar("n")
    f = gradcore.function([x, n], T.exp(x) * n, mode="jax")
    for k in range(5):
        f(np.ones(3), k)
    assert len(traces) == 1
    f(np.ones(4), 2)
    assert len(traces) == 2


def test_integers_that_extents_depend_on_are_static(traces, strategies, caplog):
    x, n = T.dscalar("x"), T.lscalar("n")
    f = gradcore.function([x, n], x * T.arange(n), mode="jax")
    with caplog.at_level(logging.DEBUG, "gradcore.jax"):
        assert f(2, 3).tolist() == [0, 2, 4]
    assert "runs static: arange needs a value that is not known" in caplog.text
    (compiled,) = strategies
    assert compiled.strategy == "static" and isinstance(compiled.reason, UntraceableError)
    before = len(traces)
    for k in range(10):
        assert f(k, 3).shape == (3,)
    assert len(traces) == before
    for k in range(CACHED + 10):
        f(1, k)
    assert compiled._jitted.cache_info().currsize == CACHED


def test_data_dependent_shapes_run_node_by_node(strategies):
    x, c = T.dvector("x"), T.lvector("c")
    outputs = [x[x > 0], T.nonzero(x)[0], T.repeat(x, c), T.grad((x[x > 0] ** 2).sum(), x)]
    both([x, c], outputs, np.array([1.0, -2, 3]), np.array([2, 0, 1]))
    assert strategies[0].strategy == "eager" and "nonzero" in str(strategies[0].reason)
    with pytest.raises(IndexError):
        gradcore.function([x, c], x[c] * x[x > 0].sum(), mode="jax")(np.ones(3), [3])


def test_conditions_are_checked():
    x = T.dvector("x")
    f = gradcore.function([x], Assert("it must")(x, T.all(x > 0)), mode="jax")
    assert f([1, 2]).tolist() == [1, 2]
    with pytest.raises(AssertionFailedError, match="it must"):
        f([1, -2])


def test_messages_are_printed_at_each_call(capsys):
    x = T.dvector("x")
    f = gradcore.function([x], Print("x")(x) * 2, mode="jax")
    assert "runs node by node" in f.maker.remarks[0]
    for _ in range(2):
        f([1, 2])
    assert capsys.readouterr().out == "x __str__ = [1. 2.]\n" * 2


class Doubled(gradcore.Op):
    """A user's op."""

    __props__ = ()

    def make_node(self, x):
        return gradcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, storage):
        assert isinstance(inputs[0], np.ndarray)
        storage[0][0] = inputs[0] * 2

    def grad(self, inputs, cotangents):
        return [cotangents[0] * 2]


def test_an_op_of_a_user():
    x = T.dvector("x")
    y = T.exp(Doubled()(x)).sum()
    both([x], [y, T.grad(y, x)], np.arange(3.0))


def test_fallback():
    class Missing(type(Mode("jax").resolved_backend())):
        def lacks(self, node):
            return "it was told so" if node.op is T.tanh else None

    x = T.dvector("x")
    backend = Missing()
    f = gradcore.function([x], T.tanh(x) * 2, mode=Mode("jax", fallback="numpy"))
    run = backend.compile(f.maker.fgraph, None, f.maker.fgraph.nodes[:1])
    assert np.allclose(run(np.ones(2))[0], 2 * np.tanh(1))
    assert "it was told so" in backend.missing(f.maker.fgraph.nodes[0])


def test_choices(strategies):
    c, x, y = T.bscalar("c"), T.dvector("x"), T.dvector("y")
    alike = T.ifelse(c, T.exp(x), T.sin(y))
    differing = T.ifelse(c, T.exp(x), T.sin(y)[1:])
    for value in (0, 1):
        both([c, x, y], [alike], np.int8(value), np.ones(3), np.ones(3))
        both([c, x, y], [differing], np.int8(value), np.ones(3), np.ones(3))
    assert [s.strategy for s in strategies] == ["traced", "static"] * 2
    z = T.ifelse(T.sum(x) > 0, T.exp(x), T.sin(y)[1:])
    both([x, y], [z, T.grad(z.sum(), x)], np.ones(3), np.ones(3))


def test_a_branch_that_is_not_taken_need_not_fit(strategies):
    x, y = T.dvector("x"), T.dvector("y")
    step = lambda a: T.ifelse(a.sum() > 0, a + y, a * 2)
    outputs = {
        "shapes": (step(x), ShapeError),
        "an index": (T.ifelse(x.sum() > 0, x * x[2], x * 2), IndexError),
        "in a loop": (gradcore.scan(step, outputs_info=[x], n_steps=2)[0], ShapeError),
    }
    two, three = np.ones(2), np.ones(3)
    for output, error in outputs.values():
        f = gradcore.function([x, y], output, mode="jax", on_unused_input="ignore")
        wanted = gradcore.function([x, y], output, mode="numpy", on_unused_input="ignore")
        for values in ((-two, three), (-three, three), (three, three), (-two, three)):
            assert np.allclose(f(*values), wanted(*values))
        with pytest.raises(error):
            f(two, three)
    assert {s.strategy for s in strategies} == {"traced"}


# loops ------------------------------------------------------------------------------------------
def fibonacci(x, n):
    """Return a scan with two taps."""
    start = T.stack([x, x * 2])
    found, _ = gradcore.scan(
        lambda a, b: a * 0.5 + T.tanh(b),
        outputs_info=[{"initial": start, "taps": [-1, -2]}],
        n_steps=n,
    )
    return found


def powers(x, n):
    """Return a scan that stops."""
    found, _ = gradcore.scan(
        lambda a: (a * x, gradcore.until(a * x > 3)), outputs_info=[T.ones_like(x)], n_steps=n
    )
    return found


def nested(x, n):
    """Return a scan in a scan."""

    def row(a):
        inner, _ = gradcore.scan(lambda b: T.sin(b) + a, outputs_info=[a], n_steps=3)
        return inner[-1] * 0.5

    found, _ = gradcore.scan(row, outputs_info=[x], n_steps=n)
    return found


@pytest.mark.parametrize("loop", [fibonacci, powers, nested])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_loops(loop, steps):
    x, n = T.dscalar("x"), T.lscalar("n")
    y = loop(x, n)
    outputs = [y, T.grad(y.sum(), x), T.Rop(y, x, T.ones_like(x))]
    both([x, n], outputs, 1.3, steps)


def test_steps_from_a_shape(strategies):
    x = T.dmatrix("x")
    total, _ = gradcore.scan(
        lambda row, a: a * 0.9 + row.sum(), sequences=[x], outputs_info=[T.constant(0.0)]
    )
    both([x], [total, T.grad(total[-1], x)], np.arange(12.0).reshape(4, 3))
    both([x], [total], np.zeros((0, 3)))
    assert {s.strategy for s in strategies if s._label is not None} == {"traced"}


def test_traced_steps_of_a_loop_without_stacks(traces):
    x, n = T.dscalar("x"), T.lscalar("n")
    y, _ = gradcore.scan(lambda a: a * x, outputs_info=[T.ones_like(x)], n_steps=n)
    f = gradcore.function([x, n], y[-1], mode="jax")
    for k in (1, 5, 9):
        assert np.allclose(f(1.5, k), 1.5**k)


def test_a_loop_is_compiled_where_the_rest_is_not(traces):
    x = T.dvector("x")
    y, _ = gradcore.scan(lambda a: T.tanh(a) + 0.1, outputs_info=[x[x > 0].sum()], n_steps=9)
    f = gradcore.function([x], y, mode="jax")
    first = f(np.ones(3))
    before = len(traces)
    assert np.array_equal(f(np.ones(3)), first)
    assert len(traces) == before


def test_a_body_that_cannot_be_traced():
    x = T.dmatrix("x")
    y, _ = gradcore.scan(lambda row: (row[row > 0]).sum(), sequences=[x])
    both([x], [y], np.arange(-6.0, 6).reshape(4, 3))
    z, _ = gradcore.scan(lambda a: Doubled()(a) * 0.7, outputs_info=[x[0]], n_steps=4)
    both([x], [z, T.grad(z.sum(), x)], np.ones((2, 3)))


def test_loops_that_cannot_be():
    x, n = T.dvector("x"), T.lscalar("n")
    y, _ = gradcore.scan(
        lambda a, s: T.tanh(s) + a, sequences=[x], outputs_info=[T.constant(0.0)], n_steps=n
    )
    f = gradcore.function([x, n], y, mode="jax")
    with pytest.raises(ScanError, match="take 4 steps, but its sequence 0 has 3"):
        f(np.ones(3), 4)
    with pytest.raises(ScanError, match="fewer than 0 steps: it is -1"):
        f(np.ones(3), -1)
    z, _ = gradcore.scan(lambda a: T.concatenate([a, a]), outputs_info=[x], n_steps=2)
    with pytest.raises(ScanError, match="changes its shape"):
        gradcore.function([x], z[-1], mode="jax")(np.ones(3))


# derivatives ------------------------------------------------------------------------------------
PROGRAMS = {
    "logistic": lambda x, w: T.sigmoid(T.dot(x, w)),
    "softmax": lambda x, w: T.exp(x) / T.exp(x).sum(axis=1, keepdims=True),
    "logsumexp": lambda x, w: T.log(T.exp(x).sum(axis=0)),
    "variance": lambda x, w: T.sqr(x - x.mean(axis=0)).sum(axis=0),
    "product": lambda x, w: T.prod(x, axis=1) + T.cumprod(x, axis=1).sum(),
    "maximum": lambda x, w: T.max(x, axis=1) * T.min(x),
    "indexed": lambda x, w: x[[0, 2, 2], 1] * w[1],
    "written": lambda x, w: T.set_subtensor(x[:, 1], T.sin(x[:, 0])) ** 2,
    "masked": lambda x, w: T.switch(x > 0, T.exp(x), x**3),
    "sorted": lambda x, w: T.sort(x, axis=0) * T.arange(3.0)[:, None],
    "stacked": lambda x, w: T.concatenate([x, x[::-1] * 2], axis=1).reshape((-1,)),
    "gamma": lambda x, w: T.gammaln(T.sqr(x) + 3) + T.erf(x) * T.arctan2(x, 2.0),
    "recurrent": lambda x, w: gradcore.scan(
        lambda row, h: T.tanh(row + T.dot(w, h)), sequences=[x], outputs_info=[T.zeros_like(x[0])]
    )[0],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives(name, rng):
    x, w, v = T.dmatrix("x"), T.dmatrix("w"), T.dmatrix("v")
    y = PROGRAMS[name](x, w)
    outputs = [y, T.Lop(y, x, T.sin(y)), T.Rop(y, x, v)]
    values = [rng.standard_normal((3, 3)) for _ in "xwv"]
    used = [u for u in (x, w, v) if u in set(gradcore.graph.graph_inputs(outputs))]
    both(used, outputs, *(a for a, u in zip(values, (x, w, v), strict=True) if u in used))


# arrays of JAX ----------------------------------------------------------------------------------
def test_the_users_dtypes_are_left_alone():
    before = jax.config.jax_enable_x64
    x = T.dvector("x")
    assert gradcore.function([x], x * 2, mode="jax")([1, 2]).dtype == "float64"
    assert jax.config.jax_enable_x64 == before
    assert jnp.ones(2).dtype == ("float64" if before else "float32")
    with pytest.raises(ShapeError):
        gradcore.function([x], x + x[1:], mode="jax")([1, 2])
    assert jax.config.jax_enable_x64 == before


def test_arrays_of_jax_go_in_and_out():
    x = T.fmatrix("x")
    f = gradcore.function([x], [x * 2, x, x.shape[0]], mode=Mode("jax", native=True))
    given = jnp.ones((2, 3), "float32")
    found = f(given)
    assert all(isinstance(a, jax.Array) for a in found)
    assert f.maker.backend.array(given) is given
    assert f(f(given)[0])[0].dtype == "float32" and np.asarray(found[2]) == 2


def test_native_results_do_not_change_with_the_arguments():
    x = T.dvector("x")
    f = gradcore.function([x], x, mode=Mode("jax", native=True))
    memory = np.zeros(1 << 12)
    aligned = memory[(-memory.ctypes.data % 64) // 8 :][:1024]
    found = f(aligned)
    aligned += 1
    assert not np.asarray(found).any()


def test_arguments_and_results_are_the_callers():
    x = T.dvector("x")
    f = gradcore.function([x], [x, x * 2], mode="jax")
    given = np.ones(3)
    same, twice = f(given)
    same += 1
    twice += 1
    assert given.tolist() == [1] * 3 and f(given)[1].tolist() == [2] * 3


def test_shared_variables():
    w, x = gradcore.shared(np.ones(3), "w"), T.dvector("x")
    cost = T.sqr(w - x).sum()
    for native in (False, True):
        f = gradcore.function(
            [x], cost, updates={w: w - 0.1 * T.grad(cost, w)}, mode=Mode("jax", native=native)
        )
        f(np.zeros(3))
    assert np.allclose(w.get_value(), 0.64)


def test_devices():
    backend = Mode("jax").resolved_backend()
    assert "cpu:0" in backend.devices() and backend.version() == jax.__version__
    x = T.dvector("x")
    f = gradcore.function([x], T.exp(x), mode=Mode("jax", device="cpu:0", native=True))
    assert f([0, 0]).devices() == {jax.devices("cpu")[0]}
    for wrong in ("disk", "cpu:x", ""):
        with pytest.raises(ModeError, match="is no device of the backend 'jax'"):
            gradcore.function([x], x, mode=Mode("jax", device=wrong))
    with pytest.raises(UnavailableError, match="sees no device 'cpu:99'"):
        gradcore.function([x], x, mode=Mode("jax", device="cpu:99"))
    with pytest.raises(ModeError, match="no option 'threads'"):
        gradcore.function([x], x, mode=Mode("jax", threads=2))


def test_profile():
    x = T.dmatrix("x")
    f = gradcore.function([x], T.dot(T.exp(x), x), mode="jax", profile=True)
    for _ in range(3):
        f(np.ones((4, 4)))
    assert f.profile.calls == 3 and [time.runs for time in f.profile.nodes.values()] == [3, 3]


# functions of JAX -------------------------------------------------------------------------------
def written_in_jax(x, w):
    """Return what `embedded` computes."""
    return jnp.sum(jnp.tanh(x @ w) ** 2)


def embedded():
    """Return a function of JAX that gradcore has compiled."""
    x, w = T.dvector("x"), T.dmatrix("w")
    return gradcore.as_jax(T.sqr(T.tanh(T.dot(x, w))).sum(), [x, w])


@pytest.mark.parametrize("x64", [False, True])
def test_transformations(x64, rng):
    f, g = embedded(), written_in_jax
    a, b = rng.standard_normal(3), rng.standard_normal((3, 2))
    transformations = [
        lambda h: h, jax.jit, jax.grad, lambda h: jax.grad(h, 1), jax.jacfwd, jax.jacrev,
        lambda h: jax.jit(jax.grad(h)), jax.hessian,
        lambda h: lambda x, w: jax.vmap(h, (0, None))(jnp.stack([x, 2 * x]), w),
        lambda h: lambda x, w: jax.vmap(jax.grad(h), (0, None))(jnp.stack([x, 2 * x]), w),
        lambda h: lambda x, w: jax.jvp(h, (x, w), (x, w))[1],
    ]  # fmt: skip
    with ENABLE_X64(x64):
        x, w = jnp.asarray(a), jnp.asarray(b)
        for transform in transformations:
            found, expected = transform(f)(x, w), transform(g)(x, w)
            assert found.dtype == expected.dtype == ("float64" if x64 else "float32")
            np.testing.assert_allclose(found, expected, rtol=1e-12 if x64 else 1e-4, atol=1e-5)
    assert jax.config.jax_enable_x64 is False


HALF_WIDTH = ("logistic", "indexed", "written", "recurrent")


@pytest.mark.parametrize(
    ("name", "x64"), [*((n, True) for n in PROGRAMS), *((n, False) for n in HALF_WIDTH)]
)
def test_embedded_programs(name, x64, rng):
    x, w = T.dmatrix("x"), T.dmatrix("w")
    y = PROGRAMS[name](x, w) + 0 * w.sum()
    values = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    expected = gradcore.function([x, w], T.grad(T.sin(y).sum(), x), mode="numpy")(*values)
    f = gradcore.as_jax(y, [x, w])
    with ENABLE_X64(x64):
        given = [jnp.asarray(a) for a in values]
        for h in (jax.grad, jax.jacfwd):
            found = h(lambda a, b: jnp.sin(f(a, b)).sum())(*given)
            np.testing.assert_allclose(found, expected, rtol=1e-10 if x64 else 1e-3, atol=1e-4)


def test_several_results_and_integers():
    x, n = T.dvector("x"), T.lvector("n")
    f = gradcore.as_jax([x * 2, n + 1], [x, n])
    with ENABLE_X64(True):
        doubled, more = f(jnp.ones(2), jnp.arange(2))
        assert doubled.tolist() == [2, 2] and more.tolist() == [1, 2] and more.dtype == "int64"
        total = jax.grad(lambda x: f(x, jnp.arange(2))[0].sum())(jnp.ones(2))
        assert total.tolist() == [2, 2]
        counted = gradcore.as_jax(n * 0.5, [n])
        assert jax.jacfwd(lambda x: x * counted(jnp.arange(2)))(jnp.ones(2)).tolist() == [
            [0, 0],
            [0, 0.5],
        ]


def test_arguments_of_an_embedded_function():
    f = embedded()
    with pytest.raises(ArgumentError, match="takes 2 arguments, got 1"):
        f(jnp.ones(3))
    with pytest.raises(ArgumentError, match="argument 1 has shape"):
        f(jnp.ones(3), jnp.ones(3))


def test_an_embedded_function_that_cannot_be_traced_says_why():
    x = T.dvector("x")
    f = gradcore.as_jax(x[x > 0].sum(), [x])
    assert f(jnp.array([1.0, -1.0])) == 1
    with pytest.raises(UntraceableError, match="nonzero.* needs a value that is not known"):
        jax.jit(f)(jnp.ones(3))
