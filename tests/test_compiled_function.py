"""Compiled functions: arguments, outputs, graphs, profiles, copies."""

import copy
import gc
import inspect
import pickle
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import In, Out, function, shared
from gradcore.errors import ArgumentError, GraphTypeError, MissingInputError, UnusedInputError

x, y = T.dscalars("x", "y")
v = T.dvector("v")
M = T.dmatrix("M")


# outputs ----------------------------------------------------------------------------------------
def test_forms_of_outputs():
    assert function([x], None, on_unused_input="ignore")(1) is None
    assert function([x], [], on_unused_input="ignore")(1) == []
    assert isinstance(function([x], x * 2)(1), np.ndarray)
    assert [r.tolist() for r in function([x], [x * 2])(1)] == [2]
    assert [r.tolist() for r in function([x], (x, x + 1))(1)] == [1, 2]
    found = function([x], {"double": x * 2, "same": Out(x, borrow=True)})(3)
    assert {k: r.tolist() for k, r in found.items()} == {"double": 6, "same": 3}
    assert function([], 3)().tolist() == 3


def test_outputs_are_the_callers_own():
    s = shared(np.ones(3), "s")
    f = function([v], [v, v, v[1:], s, s.T, T.constant([1.0, 2.0]), v.dimshuffle("x", 0)])
    given = np.arange(3.0)
    found = f(given)
    for i, a in enumerate(found):
        assert a.flags.writeable and a.flags.c_contiguous
        a[...] = -1
        for b in found[i + 1 :]:
            assert not np.shares_memory(a, b)
    assert given.tolist() == [0, 1, 2]
    assert s.get_value().tolist() == [1, 1, 1]
    assert f(given)[5].tolist() == [1, 2]


# arguments --------------------------------------------------------------------------------------
def test_by_position_and_by_keyword():
    f = function([x, y], x - y, name="f")
    assert f(3, 1) == f(3, y=1) == f(y=1, x=3) == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((1,), {}, r"f: argument 'y' is missing"),
        ((1, 2, 3), {}, r"f takes 2 arguments \(x, y\), got 3"),
        ((1, 2), {"z": 3}, r"f has no argument 'z'; it has x, y"),
        ((1, 2), {"y": 3}, r"argument 'y' is given twice"),
        ((1, [2]), {}, r"argument 'y' expects a scalar, got 1 axis \(shape \(1,\)\)"),
        ((1, 1j), {}, r"argument 'y' expects float64, got complex128"),
        (("a", 1), {}, r"argument 'x' must be numbers, not text"),
        ((x, 1), {}, r"argument 'x' expects a value, got the symbolic variable x"),
    ],
)
def test_what_does_not_fit_is_named(args, kwargs, text, capsys):
    f = function([x, y], T.Print("ran")(x + y), name="f")
    with pytest.raises(ArgumentError, match=text):
        f(*args, **kwargs)
    assert capsys.readouterr().out == ""


def test_static_extents_and_dtypes():
    s = T.tensor("s", "float64", (2, None))
    f = function([s], s.sum())
    assert f(np.ones((2, 3))) == 6
    with pytest.raises(ArgumentError, match=r"'s' expects shape \(2, \?\), got \(3, 3\)"):
        f(np.ones((3, 3)))
    i = T.bvector("i")
    g = function([i], i + 1)
    assert g([1, 2]).tolist() == [2, 3]
    with pytest.raises(ArgumentError, match="expects int8, got int64"):
        g(np.arange(3))
    assert function([i], i + 1, allow_input_downcast=True)(np.arange(3)).tolist() == [1, 2, 3]
    with pytest.raises(ArgumentError, match="expects int8, got float64"):
        function([i], i + 1, allow_input_downcast=False)([0.5])


def test_unnamed_arguments_are_counted():
    p, q = T.dscalar(), T.dvector()
    f = function([p, q], q * p)
    with pytest.raises(ArgumentError, match=r"argument 1 \(TensorType\(float64, vector\)\)"):
        f(1, 2)


def test_defaults():
    f = function([x, In(y, value=10.0)], x + y)
    assert f(1) == 11 and f(1, 2) == 3 and f(1, y=3) == 4
    g = function([In(x, name="first"), In(y, "second", 5.0)], x - y)
    assert g(first=7) == 2 and g(7, second=1) == 6
    with pytest.raises(ArgumentError, match="no argument 'x'"):
        g(x=1)
    strict = function([In(v, strict=True)], v)
    with pytest.raises(ArgumentError, match="strict"):
        strict([1, 2])


def test_an_input_that_keeps_its_value():
    total = function([x, In(y, value=0.0, update=y + x)], y + x)
    assert [total(1), total(2), total(3)] == [1, 3, 6]
    assert total.input_storage[1] == 6
    scaled = function([x, In(y, value=1.0, update=y * x)], y, givens={x: T.square(x)})
    assert [scaled(2), scaled(3), scaled(1)] == [1, 4, 36]


def test_inputs_of_one_name_are_given_by_position():
    first, second = T.dscalar("s"), T.dscalar("s")
    f = function([first, second], first - second)
    assert f(5, 3) == 2
    with pytest.raises(ArgumentError, match="several arguments 's'"):
        f(5, s=3)


def test_arrays_of_other_libraries():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3.0)

    assert function([v], v * 2)(Foreign()).tolist() == [0, 2, 4]


def test_arrays_of_subclasses_are_plain_arrays(everywhere):
    """As np.matrix does, one may compute in its own way; a function has no such thing."""

    class Own(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *args, **kwargs):
            raise AssertionError(f"{ufunc} of a subclass")

    total = function([M], (M * 2).sum(axis=0), mode=everywhere)(np.ones((2, 3)).view(Own))
    assert type(total) is np.ndarray and total.tolist() == [4, 4, 4]


def test_a_number_that_overflows_is_reported_however_it_is_given(everywhere):
    s = T.fscalar("s")
    f = function([s], s + 1, mode=everywhere)
    with np.errstate(over="raise"):
        for call in (lambda: f(1e39), lambda: f(s=1e39)):
            with pytest.raises(FloatingPointError):
                call()
        assert f(np.inf) == f(s=np.inf) == np.inf


# the arguments of function ----------------------------------------------------------------------
def test_missing_and_unused_inputs():
    with pytest.raises(
        MissingInputError, match=r"need y \(TensorType\(float64, scalar\)\)"
    ) as info:
        function([x], x + y)
    assert "test_compiled_function.py" in str(info.value)
    with pytest.raises(UnusedInputError, match=r"input 1 \(y\) is not used"):
        function([x, y], x)
    with pytest.warns(UserWarning, match="not used"):
        function([x, y], x, on_unused_input="warn")
    function([x, y], x, on_unused_input="ignore")
    with gradcore.config.change_flags(on_unused_input="ignore"):
        function([x, y], x)
    with pytest.raises(GraphTypeError, match="on_unused_input"):
        function([x, y], x, on_unused_input="odd")
    with pytest.raises(UnusedInputError, match="twice"):
        function([x, x], x)


def test_what_is_no_input():
    for inputs, text in [
        (x, "list of variables"),
        ([3], "a variable or In"),
        ([T.constant(1)], "constant"),
        ([shared(1.0)], "cannot be an input"),
    ]:
        with pytest.raises(GraphTypeError, match=text):
            function(inputs, x)


def test_an_intermediate_variable_as_input():
    z = T.exp(x)
    assert function([z], z * 2)(3) == 6
    assert [r.tolist() for r in function([x, z], [z * 2, x])(0, 5)] == [10, 0]


def test_givens():
    z = T.exp(x) * y
    assert function([y], z, givens={x: y * 0})(3) == 3
    assert function([y], z, givens=[(x, 0.0)])(3) == 3
    s = shared(2.0)
    assert function([y], z, givens={x: s})(1) == np.exp(2)
    assert function([x, y], z, givens={z.owner.inputs[0]: x})(2, 3) == 6
    swapped = function([x, y], x - 2 * y, givens={x: y, y: x})
    assert swapped(1, 10) == 8
    with pytest.raises(GraphTypeError, match="which it cannot hold"):
        function([y], z, givens={T.fscalar("f"): y})
    with pytest.raises(GraphTypeError, match="twice"):
        function([y], z, givens=[(x, y), (x, y)])
    with pytest.raises(GraphTypeError, match="vector"):
        function([v], z, givens={x: v})


# graphs -----------------------------------------------------------------------------------------
def test_the_graph_is_the_real_thing():
    f = function([x], T.exp(x) - 0)
    node = f.maker.fgraph.outputs[0].owner
    assert node.op is T.exp and node.inputs == f.maker.fgraph.inputs == (x,)
    assert f.maker.inputs[0].variable is x
    assert f.get_shared() == []
    assert repr(f) == "<function(x)>"


def test_the_trace_says_which_rule_fired_where():
    f = function([x], T.log(1 + T.exp(x * 1)))
    reported = [str(firing) for firing in f.maker.trace]
    assert any("stabilize: softplus_of on log1p" in line for line in reported)
    assert any("canonicalize: times_one on mul" in line for line in reported)
    assert all("test_compiled_function.py" in line for line in reported)


def test_profile():
    f = function([v], T.exp(v).sum() + T.sin(v).sum(), mode="numpy", profile=True)
    f(np.ones(1000))
    f(np.ones(1000))
    assert f.profile.calls == 2 and f.profile.seconds > 0
    assert {node.op for node in f.profile.nodes} == {n.op for n in f.maker.fgraph.nodes}
    assert all(time.runs == 2 for time in f.profile.nodes.values())
    table = f.profile.summary()
    assert "2 calls" in table and "exp" in table and "test_compiled_function.py" in table
    assert f.profile.peak_bytes is None and f.source is None
    assert function([v], v).profile is None


def test_no_warnings_of_numpy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert function([x], T.log(x) / 0)(0) == -np.inf


def test_a_subclass_may_have_calls_of_its_own():
    class Counted(gradcore.Function):
        calls = 0

        def __call__(self, *args, **kwargs):
            self.calls += 1
            return super().__call__(*args, **kwargs)

    f = Counted(function([x], x * 2).maker, x, "twice", False)
    assert f(3.0) == f(x=3) == 6 and f.calls == 2


# eval -------------------------------------------------------------------------------------------
def test_a_function_is_seen_as_one_of_any_arguments():
    f = function([], [])
    assert callable(f) and str(inspect.signature(f)) == "(*args, **kwargs)"
    assert "outputs" in inspect.signature(type(f)).parameters


def test_eval():
    z = x * 2 + y
    assert z.eval({x: 1, y: 2}) == 4
    assert z.eval({"x": 1, "y": 3}) == 5
    assert len(z.tag.compiled) == 1
    assert T.constant(3).eval() == 3
    with pytest.raises(MissingInputError, match="no variable named 'w'"):
        z.eval({"w": 1})
    with pytest.raises(MissingInputError, match="need y"):
        z.eval({x: 1})


# copies -----------------------------------------------------------------------------------------
def test_copies():
    s = shared(0.0, "s")
    f = function([x], s + x, updates={s: s + x}, name="f")
    same = f.copy()
    separate = f.copy(share_memory=False)
    quiet = f.copy(delete_updates=True, name="quiet")
    other = shared(100.0)
    swapped = f.copy(swap={s: other})
    assert f(1) == 1 and same(1) == 2 and s.get_value() == 2
    assert separate(1) == 1 and separate(1) == 2 and s.get_value() == 2
    assert quiet(5) == 7 and s.get_value() == 2 and quiet.name == "quiet"
    assert swapped(1) == 101 and other.get_value() == 101 and s.get_value() == 2
    assert copy.copy(f)(0) == 2
    assert copy.deepcopy(f)(1) == 3 and s.get_value() == 2


def test_pickling():
    s = shared(np.ones(2), "s")
    f = function([v, In(x, value=2.0)], {"sum": (v * s).sum() * x}, updates={s: s + 1}, name="f")
    f([1, 2])
    g = pickle.loads(pickle.dumps(f))
    assert g([1, 2]) == {"sum": 12.0} == f([1, 2])
    assert g.name == "f" and g.get_shared()[0] is not s
    assert g.get_shared()[0].get_value().tolist() == [3, 3]
    both = pickle.loads(pickle.dumps([f, s]))
    assert both[0].get_shared()[0] is both[1]
    for outputs in (None, [], [v * 2], v * 2):
        again = pickle.loads(pickle.dumps(function([v], outputs, on_unused_input="ignore")))
        assert type(again([1])) is type(function([v], outputs, on_unused_input="ignore")([1]))


def test_many_threads_may_call_at_once():
    f = function([M], T.tanh(M).sum() + T.exp(M).max())
    given = [np.full((50, 50), k / 10) for k in range(8)]
    expected = [f(a) for a in given]
    failed = []

    def work(k):
        failed.extend(k for _ in range(50) if f(given[k]) != expected[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_memory_is_given_back_with_the_last_reference(everywhere):
    """No cycle keeps a function, or the arguments of a call that fails, for the collector."""
    x = T.dvector("x")
    f = function([x], x[2], mode=everywhere)
    call, given = weakref.ref(f._call), np.ones(2)
    argument = weakref.ref(given)
    gc.disable()
    try:
        with pytest.raises(IndexError):
            f(given)
        with pytest.raises(ArgumentError):
            f(given, 1)
        given = None
        assert f(np.ones(3)) == 1 and argument() is None
        f = None
        assert call() is None
    finally:
        gc.enable()


def test_config():
    assert gradcore.config.floatX == "float64"
    with pytest.raises(AttributeError, match="no setting 'floatx'"):
        gradcore.config.floatx = "float32"
    with pytest.raises(ValueError, match="must be one of"):
        gradcore.config.floatX = "int8"
    with pytest.raises(RuntimeError), gradcore.config.change_flags(floatX="float32"):
        raise RuntimeError
    assert gradcore.config.floatX == "float64"
    made = type(gradcore.config)("floatX=float32, mode=numpy")
    assert (made.floatX, made.mode) == ("float32", "numpy")


def test_the_module_and_the_function_are_both_there():
    assert callable(gradcore.scan) and sys.modules["gradcore.scan"].until is gradcore.until
    assert callable(gradcore.function) and callable(gradcore.shared)
    assert gradcore.Param is In


# what NumPy takes without a word ----------------------------------------------------------------
MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
V = T.dvector("v")
MASKED_USES = {
    "argument": lambda mode: function([V], V * 2, mode=mode)(MASKED),
    "keyword": lambda mode: function([V], V * 2, mode=mode)(v=MASKED),
    "strict argument": lambda mode: function([gradcore.In(V, strict=True)], V, mode=mode)(MASKED),
    "downcast": lambda mode: function([V], V, mode=mode, allow_input_downcast=True)(MASKED),
    "default": lambda mode: function([gradcore.In(V, value=MASKED)], V, mode=mode)(),
    "in a list": lambda mode: function([T.dmatrix("m")], 1.0, mode=mode, on_unused_input="ignore")(
        [np.ones(2), MASKED]
    ),
    "masked itself": lambda mode: function(
        [T.dscalar("d")], 1.0, mode=mode, on_unused_input="ignore"
    )(np.ma.masked),
    "constant": lambda mode: T.constant(MASKED),
    "constant of a dtype": lambda mode: T.constant(MASKED, dtype="float32"),
    "operand": lambda mode: V + MASKED,
    "left operand": lambda mode: MASKED + V,
    "index": lambda mode: V[np.ma.array([True, False])],
    "written": lambda mode: T.set_subtensor(V[:2], MASKED),
    "given": lambda mode: function([], V * 2, givens={V: MASKED}, mode=mode),
    "shared": lambda mode: gradcore.shared(MASKED),
    "set_value": lambda mode: gradcore.shared(np.ones(2)).set_value(MASKED),
    "eval": lambda mode: (V * 2).eval({V: MASKED}),
}


@pytest.mark.parametrize("use", MASKED_USES)
@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_masked_arrays_are_refused(use, mode):
    with pytest.raises(TypeError, match="NumPy masked array, whose mask would be lost"):
        MASKED_USES[use](mode)


WIDE = 2**70


@pytest.mark.parametrize("wide", [WIDE, -WIDE, 2**64])
def test_ints_beyond_64_bits_are_floats_where_floats_are_wanted(wide, everywhere):
    x, y, f = T.dscalar("x"), T.dvector("y"), T.fscalar("f")
    assert function([x], x * 2, mode=everywhere)(wide) == 2.0 * wide
    assert function([f], f * 2, mode=everywhere)(wide) == np.float32(2.0 * wide)
    assert function([y], y, mode=everywhere)([wide, 1]).tolist() == [wide, 1]
    assert function([x], x + wide, mode=everywhere)(0) == wide
    assert function([y], y * [wide, 1], mode=everywhere)([1, 1]).tolist() == [wide, 1]
    assert T.constant(wide, dtype="float64").data == wide
    state = gradcore.shared(wide, dtype="float64")
    state.set_value(wide * 2)
    assert state.get_value() == 2.0 * wide


@pytest.mark.parametrize("wide", [WIDE, -WIDE])
def test_ints_beyond_64_bits_are_reported_as_such(wide):
    n = T.lscalar("n")
    for mode in ("numpy", "c"):
        with pytest.raises(ArgumentError, match=r"'n' expects int64: -?\d+ takes 71 bits"):
            function([n], n, mode=mode)(wide)
        with pytest.raises(ArgumentError, match=r"'k' expects int64: -?\d+ takes 71 bits"):
            function([T.lvector("k")], 1.0, mode=mode, on_unused_input="ignore")([1, wide])
        with pytest.raises(ArgumentError, match="'d' has an int that is larger than any float64"):
            function([T.dscalar("d")], 1.0, mode=mode, on_unused_input="ignore")(wide**20)
    for build in (
        lambda: T.constant(wide),
        lambda: T.constant([1, wide]),
        lambda: n + wide,
        lambda: gradcore.shared(wide),
    ):
        with pytest.raises((TypeError, ValueError), match="takes 71 bits"):
            build()
    with pytest.raises(ArgumentError, match="takes 71 bits"):
        gradcore.shared(1).set_value(wide)
