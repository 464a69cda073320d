"""``import theano`` as gradcore: what it takes to come in and to go, and which names there are."""

import importlib
import logging
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest

import gradcore
import gradcore.theano
from gradcore.errors import AbsentNameError, AlreadyImportedError, ArgumentError
from gradcore.theano import absent, flags
from gradcore.theano.door import TABLES, Absent, StandIn
from gradcore.theano.tables import THEANO


@pytest.fixture
def theano():
    gradcore.theano.install()
    try:
        yield importlib.import_module("theano")
    finally:
        gradcore.theano.uninstall()


@pytest.fixture
def T(theano):
    return importlib.import_module("theano.tensor")


# coming and going -------------------------------------------------------------------------------
def test_theano_is_gone_afterwards(theano):
    assert gradcore.theano.is_installed() and isinstance(sys.modules["theano"], StandIn)
    gradcore.theano.uninstall()
    assert not gradcore.theano.is_installed() and "theano" not in sys.modules
    gradcore.theano.uninstall()
    with pytest.raises(TypeError, match="no truth value"):
        bool(gradcore.tensor.dscalar())


def test_installing_twice_is_once(theano):
    finders = list(sys.meta_path)
    gradcore.theano.install()
    assert sys.meta_path == finders


def test_the_real_one_is_not_replaced(monkeypatch):
    real = types.ModuleType("theano")
    real.__file__ = "/somewhere/theano/__init__.py"
    monkeypatch.setitem(sys.modules, "theano", real)
    with pytest.raises(AlreadyImportedError, match="somewhere/theano"):
        gradcore.theano.install()
    assert sys.modules["theano"] is real and not gradcore.theano.is_installed()


def test_each_module_has_what_its_table_names(theano):
    for name, table in THEANO.items():
        module = importlib.import_module(name)
        assert isinstance(module, StandIn) and module.__name__ == name
        for entry in table.names.split():
            assert entry.partition("=")[0] in vars(module), name


def test_modules_above_a_module_are_modules():
    for name in TABLES:
        assert "." not in name or name.rpartition(".")[0] in TABLES


def test_a_submodule_does_not_hide_a_function_of_its_name(theano, T):
    importlib.import_module("theano.tensor.sort")
    importlib.import_module("theano.scan_module.scan")
    assert T.sort([3, 1]).eval().tolist() == [1, 3]
    assert theano.scan_module.scan is theano.scan


def test_a_star_takes_what_is_public(theano):
    names = {}
    exec("from theano.tensor import *", names)  # as programs do
    assert names["dmatrix"] is sys.modules["theano.tensor"].dmatrix
    assert "bool" not in names and "float32" not in names and "numpy" not in names


# names that are not here --------------------------------------------------------------------------
def test_a_name_that_theano_has_not_is_an_error_that_names_the_nearest(theano, T):
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        T.softmx  # noqa: B018 - asking is enough
    with pytest.raises(ImportError, match="'set_subtensors' from 'theano.tensor'.*'set_subtensor'"):
        from theano.tensor import set_subtensors  # noqa: F401 - importing it is the test
    with pytest.raises(ImportError, match="nonsense"):
        importlib.import_module("theano.nonsense.inner")


def test_programs_can_take_another_name_where_there_is_none(theano):
    with pytest.raises(ImportError):
        from theano.tensor.signal import pooling  # noqa: F401 - importing it is the test
    assert not hasattr(theano, "no_such_thing")
    assert getattr(theano, "no_such_thing", 3) == 3


def test_what_is_absent_can_be_imported_and_raises_when_used(theano):
    for name, why in absent.ABSENT.items():
        module, _, last = name.replace("*", "anything").rpartition(".")
        found = getattr(importlib.import_module(module), last)
        assert isinstance(found, Absent) and not isinstance(3, found)
        with pytest.raises(AbsentNameError, match="is not here") as error:
            found(1)
        assert why in str(error.value) and "test_theano_door" in str(error.value)


def test_whatever_is_done_with_what_is_absent_raises(theano):
    from theano.gof.opt import EquilibriumOptimizer as found

    uses = [lambda: found.x, lambda: found[0], lambda: list(found), lambda: found(x=1)]
    uses.append(lambda: types.new_class("Sub", (found,)))
    for use in uses:
        with pytest.raises(AbsentNameError, match="gradcore.rewrite"):
            use()
    assert not hasattr(found, "__wrapped__") and "EquilibriumOptimizer" in repr(found)


def test_what_is_here_is_not_called_absent(theano):
    for name in absent.ABSENT:
        module, _, last = name.rpartition(".")
        assert module in TABLES, name
        assert last == "*" or last not in vars(importlib.import_module(module)), name


# quirks -----------------------------------------------------------------------------------------
def test_a_variable_is_true_and_a_comparison_is_not_known(T):
    x = T.dscalar("x")
    assert x and (x + 1) and x is not None
    for comparison in (x > 0, x <= 0, T.eq(x, 1)):
        with pytest.raises(TypeError, match="T.switch or ifelse"):
            bool(comparison)


def test_names_in_one_text_are_characters(T):
    assert [v.name for v in T.scalars("xy")] == ["x", "y"]
    assert [v.name for v in T.dvectors("ab", "c")] == ["ab", "c"]
    assert [v.name for v in T.fmatrices(2)] == [None, None]
    assert T.matrices("xyz", dtype="float32")[2].dtype == "float32"


def test_constructors_of_one_dtype_are_types(T):
    x = T.fmatrix("x")
    assert x.type == T.fmatrix == T.TensorType("float32", (False, False))
    assert isinstance(T.fmatrix, T.TensorType) and not isinstance(x, T.TensorType)
    assert T.TensorType("float32", broadcastable=(True, False))("r").broadcastable == (True, False)
    assert T.tensor("int8", (False,), name="v").type == T.bvector


def test_kinds_of_variables_are_known(theano, T):
    x, s, c = T.dscalar(), theano.shared(1.0), T.constant(1.0)
    assert isinstance(x, T.TensorVariable) and isinstance(x, theano.Variable)
    for other in (s, c):
        assert not isinstance(other, T.TensorVariable) and isinstance(other, theano.Variable)
    assert isinstance(s, T.sharedvar.TensorSharedVariable) and isinstance(c, T.TensorConstant)


def test_softmax_of_a_vector_is_a_matrix_of_one_row(T):
    found = T.nnet.softmax(T.constant([0.0, 0.0])).eval()
    assert found.shape == (1, 2) and found.tolist() == [[0.5, 0.5]]
    assert T.nnet.logsoftmax(T.dvector()).broadcastable == (True, False)
    with pytest.raises(TypeError, match="vector or a matrix"):
        T.nnet.softmax(T.dtensor3())


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "uint8", "uint16"])
def test_functions_of_small_integers_are_float32(dtype, T):
    x = T.tensor(dtype, (False,))
    assert {T.exp(x).dtype, T.sqrt(x).dtype, T.tanh(x).dtype, T.nnet.sigmoid(x).dtype} == {
        "float32"
    }
    assert T.exp(T.lvector()).dtype == "float64" and T.exp(T.fvector()).dtype == "float32"
    assert T.exp(x).owner.op == T.exp


def test_integers_are_taken_by_value(theano, T):
    v = T.ivector("v")
    assert theano.function([v], v)(np.arange(3)).dtype == "int32"
    i, x = T.iscalar("i"), T.fscalar("x")
    g = theano.function([i, x], [i, x])
    assert [v.tolist() for v in g(np.int64(3), np.float64(0.5))] == [3, 0.5]
    assert [v.dtype.name for v in g(3.0, 1)] == ["int32", "float32"]
    for wrong in ((2**40, 0.5), (2.5, 0.5), (1, np.float64(0.1))):
        with pytest.raises(ArgumentError):
            g(*wrong)
    with pytest.raises(ArgumentError):
        theano.function([theano.In(i, strict=True)], i)(np.int64(3))
    with pytest.raises(ArgumentError):
        theano.function([T.fvector("v")], T.constant(0), on_unused_input="ignore")(np.ones(2))


def test_the_product_with_a_constant_gradient_is_zero(T):
    x, v = T.dvector("x"), T.dvector("v")
    slope = T.grad((3 * x).sum(), x)
    assert T.Rop(slope, x, v).eval({x: [1, 2], v: [1, 1]}).tolist() == [0, 0]
    with pytest.raises(ValueError, match="does not depend"):
        T.Rop(T.dvector("y"), x, v)


def test_means_of_integers_are_float64(theano, T):
    with theano.config.change_flags(floatX="float32"):
        assert T.mean(T.lvector()).dtype == "float64" and T.mean(T.fvector()).dtype == "float32"
        assert T.mean(T.fvector(), acc_dtype="float64").dtype == "float32"
        assert T.prod(T.fvector(), no_zeros_in_input=True).dtype == "float32"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("half_to_even", [-2, -2, 0, 2, 2]), ("half_away_from_zero", [-3, -2, 1, 2, 3])],
)
def test_rounding_has_two_modes(mode, expected, T):
    x = T.constant([-2.5, -1.5, 0.5, 1.5, 2.5])
    assert T.round(x, mode).eval().tolist() == expected
    assert T.iround(x, mode).eval().tolist() == expected and T.iround(x).dtype == "int64"
    with pytest.raises(ValueError, match="half_to_even"):
        T.round(x, "up")


def test_scalars_that_are_known_are_read(theano, T):
    assert theano.get_scalar_constant_value(T.constant(3) * 2) == 6
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(T.dscalar("x"))
    assert T.get_vector_length(T.stack([T.dscalar(), T.dscalar()])) == 2
    with pytest.raises(ValueError, match="not known"):
        T.get_vector_length(T.dvector())


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda T, x: T.topk(x, 2), [[3, 2], [6, 5]]),
        (lambda T, x: T.topk(x, -2), [[1, 2], [4, 5]]),
        (lambda T, x: T.argtopk(x, 1), [[1], [2]]),
        (lambda T, x: T.sort(x, kind="mergesort"), [[1, 2, 3], [4, 5, 6]]),
        (lambda T, x: T.argsort(x, 0, "quicksort"), [[0, 0, 0], [1, 1, 1]]),
        (lambda T, x: T.inverse_permutation(T.argsort(x, 1)), [[0, 2, 1], [0, 1, 2]]),
        (lambda T, x: T.largest(x, 2 * x, 3), [[3, 6, 4], [8, 10, 12]]),
        (lambda T, x: T.smallest(x, 3), [[1, 3, 2], [3, 3, 3]]),
        (lambda T, x: T.flatten(x, outdim=1), [1, 3, 2, 4, 5, 6]),
        (lambda T, x: T.identity_like(x), [[1, 0, 0], [0, 1, 0]]),
        (lambda T, x: T.addbroadcast(x[:1], 0) + x, [[2, 6, 4], [5, 8, 8]]),
        (lambda T, x: T.patternbroadcast(x[:1], (True, False)) + x, [[2, 6, 4], [5, 8, 8]]),
        (lambda T, x: T.unbroadcast(x, 0), [[1, 3, 2], [4, 5, 6]]),
        (lambda T, x: T.var(x, axis=0, corrected=True), [2.25, 1, 4]),
        (lambda T, x: T.inplace.sqr_inplace(x), [[1, 9, 4], [16, 25, 36]]),
    ],
)  # fmt: skip
def test_functions_whose_arguments_are_theanos(call, expected, T):
    x = T.dmatrix("x")
    assert call(T, x).eval({x: [[1, 3, 2], [4, 5, 6]]}).tolist() == expected


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


# the command line ---------------------------------------------------------------------------------
def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "gradcore.theano", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_script_runs_with_its_arguments(tmp_path):
    (tmp_path / "beside.py").write_text("VALUE = 3")
    (tmp_path / "script.py").write_text(
        "import sys, theano, theano.tensor as T\n"
        "from beside import VALUE\n"
        "x = T.dscalar('x')\n"
        "print(__name__, sys.argv[1:], theano.function([x], x * VALUE, mode='FAST_COMPILE')(2.0))\n"
        "sys.exit(4)\n"
    )
    done = run("script.py", "--epochs", "2", cwd=tmp_path)
    assert done.stdout == "__main__ ['--epochs', '2'] 6.0\n" and done.returncode == 4, done.stderr
    done = run("-m", "script", "a", cwd=tmp_path)
    assert done.stdout == "__main__ ['a'] 6.0\n" and done.returncode == 4, done.stderr


def test_a_script_must_be_there(tmp_path):
    done = run("nowhere.py", cwd=tmp_path)
    assert done.returncode == 2 and "no file nowhere.py" in done.stderr
    assert run(cwd=tmp_path).returncode == 2 and run("--help", cwd=tmp_path).returncode == 0


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


def test_methods_take_theanos_arguments(T):
    x = T.fmatrix("x")
    at = {x: np.array([[3, 1], [0, 2]], "float32")}
    for method in ("sum", "prod", "mean"):
        found = getattr(x, method)(axis=0, acc_dtype="float64")
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found.eval(at), getattr(at[x], method)(0))
    assert x.sort(1, "mergesort").eval(at).tolist() == [[1, 3], [0, 2]]
    assert x.argsort(axis=0, kind="quicksort", order=None).eval(at).tolist() == [[1, 0], [0, 1]]
    assert x.nonzero(return_matrix=True).eval(at).tolist() == [[0, 0, 1], [0, 1, 1]]
