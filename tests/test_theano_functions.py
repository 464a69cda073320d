"""Settings, modes, functions, loops, shared values and streams with Theano's arguments."""

import importlib
import logging
import pickle

import numpy as np
import pytest

import gradcore
import gradcore.theano
from gradcore.errors import ModeError
from gradcore.theano import flags, functions


# settings ---------------------------------------------------------------------------------------
def test_settings_mean_something_or_are_noted(theano, caplog):
    with (
        caplog.at_level(logging.DEBUG, "gradcore.theano"),
        theano.config.change_flags(floatX="float32", device="gpu", gcc__cxxflags="-O3"),
    ):
        assert gradcore.config.floatX == "float32" and theano.shared(1.0).dtype == "float32"
        assert theano.config.device == "gpu" and theano.config.gcc.cxxflags == "-O3"
    assert "config.device = 'gpu' changes nothing" in caplog.text
    assert gradcore.config.floatX == "float64" and theano.config.device == "cpu"
    theano.config.gcc.cxxflags = ""
    with pytest.raises(AttributeError, match="did you mean 'exception_verbosity'"):
        theano.config.exception_verbose = "high"
    assert "floatX = 'float64'" in str(theano.config)


def test_flags_of_the_environment_are_read(monkeypatch, caplog):
    fresh = flags.Flags()
    monkeypatch.setenv("THEANO_FLAGS", "device=cuda0, allow_gc=False,nonsense=1,blas.ldflags=-lm")
    fresh.read_environment()
    assert fresh.device == "cuda0" and fresh.allow_gc is False and fresh.blas.ldflags == "-lm"
    assert "nonsense" in caplog.text


@pytest.mark.parametrize(
    ("settings", "backend", "rewrites"),
    [
        ({"mode": "FAST_COMPILE"}, "numpy", True),
        ({"linker": "py"}, "numpy", True),
        ({"optimizer": "None"}, None, False),
        ({"mode": "DebugMode"}, "numpy", True),
    ],
)
def test_settings_choose_the_mode(settings, backend, rewrites, theano, T):
    x = T.dscalar("x")
    with theano.config.change_flags(**settings):
        f = theano.function([x], x * 1)
    assert f.maker.mode.backend == backend and f(2.0) == 2
    assert bool(f.maker.trace) == rewrites


@pytest.mark.parametrize("optimizer", ["default", "fast_run", "fast_compile", "None", None, False])
def test_monitor_mode_takes_theanos_optimizers(optimizer, theano, T):
    labels = []
    x = T.dscalar("x")
    mode = theano.compile.MonitorMode(
        post_func=lambda i, node, fn: labels.append(node.op.label()), optimizer=optimizer
    )
    assert theano.function([x], T.exp(x) * 1, mode=mode)(0.0) == 1
    assert labels == (["exp"] if optimizer not in ("None", None, False) else ["exp", "mul"])


def test_a_mode_can_be_registered_once(theano, T, monkeypatch):
    register = theano.compile.mode.register_mode
    monkeypatch.setattr(functions, "PREDEFINED", dict(functions.PREDEFINED))
    register("plain", theano.Mode("py", None))
    x = T.dscalar("x")
    assert theano.function([x], x + x, mode="plain").maker.mode.backend == "numpy"
    with pytest.raises(ModeError, match="there is a mode 'plain' already"):
        register("plain", theano.Mode())


def test_modes_exclude_names_that_are_none_of_gradcores(theano, T):
    mode = theano.compile.mode.get_default_mode().excluding("fusion", "log1p_of").including("gpu")
    x = T.dscalar("x")
    f = theano.function([x], T.log(1 + x), mode=mode)
    assert gradcore.pp(f.maker.fgraph.outputs[0]) == "log((1 + x))" and f(0.0) == 0
    slow = theano.Mode(linker="py", optimizer="fast_compile")
    assert slow.linker == "py" and theano.function([x], x * 1, mode=slow)(3.0) == 3
    assert theano.compile.get_mode("FAST_RUN").excluding("inplace") is not None


def test_nan_guard_mode_names_the_node(theano, T):
    from theano.compile.nanguardmode import NanGuardMode

    x = T.dscalar("x")
    for mode in (NanGuardMode(nan_is_error=True), "NanGuardMode"):
        f = theano.function([x], T.log(x) * 2, mode=mode)
        assert f(1.0) == 0
        with pytest.raises(FloatingPointError, match="log gives nan, of x = -1"):
            f(-1.0)
    f = theano.function([x], T.log(x), mode=NanGuardMode(True, inf_is_error=False))
    assert f(0.0) == -np.inf


def test_a_profile_can_be_asked_of_all_functions(theano, T):
    x = T.dscalar("x")
    with theano.config.change_flags(profile=True):
        f = theano.function([x], x * 2)
    f(1.0)
    assert f.profile.calls == 1 and theano.function([x], x).profile is None


# functions and loops ------------------------------------------------------------------------------
def test_loops_take_theanos_arguments_and_return_updates_that_add(theano, T):
    x, s = T.dvector("x"), theano.shared(0.0)
    total, updates = theano.scan(
        lambda a, acc: (acc + a, {s: s + 1}), x, T.constant(0.0), None, None, -1, False, None,
        "name", profile=True, allow_gc=False,
    )  # fmt: skip
    more = updates + theano.scan_module.scan(lambda a: a, x)[1]
    assert theano.function([x], total[-1], updates=more)([1.0, 2.0]) == 3 and s.get_value() == 2
    with pytest.raises(KeyError, match="twice"):
        updates + {s: s}
    with pytest.raises(TypeError, match="shared variables"):
        updates[x] = x
    assert list({s: s + 1} + theano.updates.OrderedUpdates()) == [s]
    squares, _ = theano.map(lambda a: a**2, x, mode="FAST_RUN")
    last, _ = theano.reduce(lambda a, b: a + b, x, T.constant(0.0), mode=None)
    back, _ = theano.foldr(lambda a, b: b - 2 * a, x, T.constant(0.0))
    fore, _ = theano.foldl(lambda a, b: b - 2 * a, x, T.constant(0.0))
    f = theano.function([x], [squares, last, back, fore])
    assert [v.tolist() for v in f([1.0, 2.0])] == [[1, 4], 3, -6, -6]


def test_tensors_are_stacked_by_position_too(T):
    x, y = T.dscalars("xy")
    for stack in (T.stack(x, y), T.stack([x, y]), T.stack((x, y), 0), T.stack([x, y], axis=0)):
        assert stack.eval({x: 1, y: 2}).tolist() == [1, 2]
    assert T.stack([T.ones(2), T.zeros(2)], 1).eval().tolist() == [[1, 0], [1, 0]]
    assert T.stack(T.ones(2), T.zeros(2), axis=1).eval().tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize("value", ["text", {"a": [1]}, [[1], [2, 3]], None, np.random.default_rng])
def test_shared_values_may_be_of_any_kind(value, theano):
    s = theano.shared(value, "s")
    assert s.get_value() == value and s.name == repr(s) == "s"
    assert s.type is theano.compile.sharedvalue.generic
    s.set_value({"b": 2}, borrow=True)
    assert s.get_value(borrow=True)["b"] == 2 and s.get_value() is not s.get_value()
    with pytest.raises(TypeError):
        theano.tensor.exp(s)


def test_shared_tensors_take_theanos_arguments(theano):
    row = theano.shared(np.zeros((1, 3)), broadcastable=(True, False), target="cpu")
    assert row.broadcastable == (True, False)
    assert theano.shared(np.zeros(2), borrow=True, strict=True, allow_downcast=False).ndim == 1
    assert theano.shared([1, 2]).dtype == "int64"
    with pytest.raises(TypeError, match="takes no borrowed"):
        theano.shared(1.0, borrowed=True)


def test_graphs_are_cloned(theano, T):
    x, y = T.dscalars("xy")
    assert theano.clone(x + y, replace={y: 2 * x}, copy_inputs=True).eval({x: 1}) == 3
    with pytest.raises(TypeError):
        theano.clone(x + y, replace={y: T.fscalar()})
    assert theano.clone(x + y, {y: T.fscalar("f")}, strict=False).dtype == "float64"
    inputs, outputs = theano.gof.graph.clone([x, y], [x * y])
    assert inputs[0] is not x and outputs[0].eval(dict(zip(inputs, (2, 3), strict=True))) == 6
    assert theano.gof.graph.inputs([x * y]) == [x, y]
    assert [str(n.op) for n in theano.gof.graph.io_toposort([x], [T.exp(x) + 1])] == ["exp", "add"]


@pytest.mark.parametrize(
    ("n", "padding", "expected"), [(6, True, [3, 6]), (7, True, [3, 6, 7]), (7, False, [3, 6])]
)
def test_every_so_many_steps_of_a_loop(n, padding, expected, theano, T):
    x = T.dscalar("x")
    found, _ = theano.scan_checkpoints(
        lambda acc, by: acc + by, outputs_info=T.constant(0.0), non_sequences=x, n_steps=n,
        save_every_N=3, padding=padding,
    )  # fmt: skip
    f = theano.function([x], [found, T.grad(found[-1], x)])
    values, slope = f(1.0)
    assert values.tolist() == expected and slope == expected[-1]


def test_what_a_function_is_made_of_is_saved(theano, T, tmp_path):
    x = T.dscalar("x")
    theano.function_dump(str(tmp_path / "f.pkl"), [x], x * 2, "FAST_RUN", name="twice")
    found = theano.function(**pickle.loads((tmp_path / "f.pkl").read_bytes()))
    assert found(2.0) == 4 and found.name == "twice"


def test_streams_take_theanos_arguments(theano, T):
    for module in ("theano.tensor.shared_randomstreams", "theano.sandbox.rng_mrg"):
        names = vars(importlib.import_module(module))
        streams = names.get("RandomStreams") or names["MRG_RandomStreams"]
        rng, x = streams(seed=123), T.fmatrix()
        draws = [
            rng.binomial(size=x.shape, n=1, p=0.3, dtype="float32"),
            rng.uniform(x.shape, -1.0, 1.0, ndim=2, dtype="float32"),
            rng.normal((3, 2), 0.0, 1.0, dtype="floatX"),
            rng.normal((3, 2), 5.0, 0.1, truncate=True, nstreams=3),
            rng.multinomial(pvals=T.constant([[0.0, 1.0]]), dtype="int32"),
            rng.choice((4,), a=3, dtype="int8"),
            rng.random_integers((2, 2), 0, 5, dtype="int32"),
            rng.poisson((2,), 3.0),
            rng.truncated_normal((2,)),
            rng.multinomial_wo_replacement(n=2, pvals=T.constant([[0.5, 0.0, 0.5]])),
        ]
        kinds = [v.dtype for v in draws]
        assert kinds == [
            "float32", "float32", "float64", "float64", "int32", "int8", "int32", "int64",
            "float64", "int64",
        ]  # fmt: skip
        found = theano.function([x], draws)(np.zeros((50, 40), "float32"))
        assert set(np.unique(found[0])) == {0, 1} and abs(found[0].mean() - 0.3) < 0.05
        assert found[1].min() < -0.9 and found[1].shape == (50, 40)
        assert np.all(np.abs(found[3] - 5) <= 0.2) and found[4].tolist() == [[0, 1]]
        assert sorted(found[9][0].tolist()) == [0, 2]


def test_streams_and_sparse_matrices_are_asked_what_they_are(theano):
    from theano.sandbox.rng_mrg import MRG_RandomStreams

    one, two = MRG_RandomStreams(1), MRG_RandomStreams(2)
    x, y = one.uniform((2,)), two.uniform((2,))
    two.rstate = one.rstate
    for (a, _), (b, _) in zip(one.state_updates, two.state_updates, strict=True):
        b.set_value(a.get_value())
    assert theano.function([], x)().tolist() == theano.function([], y)().tolist()
    sparse = importlib.import_module("theano.sparse")
    assert sparse.sparse_formats == ["csc", "csr"] and "float32" in sparse.all_dtypes


def test_an_input_has_an_older_name(theano, T):
    x, step = T.dvector("x"), T.dscalar("step")
    inputs = [
        theano.Param(x, borrow=True),
        theano.compile.pfunc.Param(step, default=0.5, name="by"),
    ]
    f = theano.function(inputs, x * step)
    assert f([2.0]).tolist() == [1] and f([2.0], by=3).tolist() == [6]


@pytest.mark.parametrize(
    ("use_list", "use_tuple", "expected"), [(1, 0, [3]), (0, 1, (3,)), (0, 0, 3)]
)
def test_outputs_have_the_form_of_what_was_asked_for(use_list, use_tuple, expected, theano):
    importlib.import_module("theano.gradient")
    for given in (3, [3]):
        assert theano.gradient.format_as(use_list, use_tuple, given) == expected


@pytest.mark.parametrize(("steps", "expected"), [(None, [1, 3, 6]), (2, [3, 6]), (1, 6)])
def test_loops_return_as_many_of_the_last_values_as_is_said(steps, expected, theano, T):
    x = T.dvector("x")
    info = {"initial": T.constant(0.0), "taps": [-1], "return_steps": steps, "inplace": None}
    total, _ = theano.scan(lambda e, acc: acc + e, x, [info])
    assert total.eval({x: [1.0, 2.0, 3.0]}).tolist() == expected
    (first, second), _ = theano.scan(lambda e, acc: (acc + e, e), x, [info, None])
    assert first.eval({x: [1.0, 2.0, 3.0]}).tolist() == expected and second.ndim == 1


def test_what_a_guard_looks_for_is_set(theano, T):
    x = T.dvector("x")
    with theano.config.change_flags(NanGuardMode__inf_is_error=False):
        mode = theano.compile.nanguardmode.NanGuardMode()
        assert mode.guard == ("nan", "big")
        assert np.isinf(theano.function([x], T.log(x), mode=mode)([0.0])[0])
    explicit = theano.compile.nanguardmode.NanGuardMode(True, True, False)
    assert explicit.guard == ("nan", "inf")


def test_a_function_says_which_inputs_it_has(theano, T):
    x, y, s = T.dscalar("x"), T.dscalar("y"), theano.shared(1.0, "s")
    f = theano.function([x, theano.In(y, value=2, name="by")], x * y * s)
    assert "by" in f and y in f and s in f and "by" in f.value and "z" not in f


def test_derivatives_of_a_graph_are_its_own_by_default(theano, T):
    x, y = T.dscalars("xy")
    word = "default"
    op = theano.OpFromGraph([x, y], [x * y], lop_overrides=word, rop_overrides=word)
    assert T.grad(op(x, y), x).eval({x: 2, y: 3}) == 3
    op = theano.OpFromGraph([x, y], [x * y], grad_overrides=[lambda xs, cts: 7 * cts[0], word])
    assert [g.eval({x: 2, y: 3}) for g in T.grad(op(x, y), [x, y])] == [7, 2]


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_prints_call_a_function_of_ones_own(backend, theano, T):
    printing = importlib.import_module("theano.printing")
    seen = []
    x = T.dvector("x")
    shown = printing.Print("x", global_fn=lambda op, value: seen.append((op.message, value.sum())))
    y = shown(x) * 2
    f = theano.function([x], [y, T.grad(y.sum(), x), T.Rop(y, x, x)], mode=backend)
    assert [v.tolist() for v in f([1.0, 2.0])] == [[2, 4], [2, 2], [2, 4]]
    assert seen and set(seen) == {("x", 3.0)}
    assert isinstance(shown, printing.Print) and isinstance(printing.Print("y"), printing.Print)


def test_trees_take_theanos_arguments(theano, T):
    printing = importlib.import_module("theano.printing")
    x = T.dscalar("x")
    text = printing.debugprint(T.exp(x), -1, True, "str", "int", False, {}, False, used_ids={})
    assert text.startswith("exp [0] TensorType")
    assert printing.var_descriptor(T.exp(x)) == printing.var_descriptor(T.exp(x)) == "exp(x)"


def test_assertions_have_the_message_of_their_class(theano, T):
    opt = importlib.import_module("theano.tensor.opt")
    x = T.dvector("x")
    f = theano.function([x], opt.Assert("positive")(x, T.all(x > 0)))
    with pytest.raises(AssertionError, match=r"positive: .* is false at \(0,\), where x is -1.0"):
        f([-1.0])
    with pytest.raises(AssertionError):
        theano.function([x], opt.assert_op(x, x > 0))([-1.0])


def test_errors_of_debug_mode_have_theanos_names(theano):
    debugmode = importlib.import_module("theano.compile.debugmode")
    assert issubclass(debugmode.BadOptimization, debugmode.DebugModeError)
