"""Values that functions have of their own, some of their outputs, and copies of graphs."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import In, Out
from gradcore.errors import ArgumentError, GraphTypeError, ShapeError


@pytest.fixture
def counter():
    """Return a function that adds up its arguments, and its variables."""
    x, state, s = T.dscalar("x"), T.dscalar("state"), gradcore.shared(1.0, "s")
    entry = In(state, value=2.0, update=state + x, mutable=True, borrow=True, implicit=True)
    return gradcore.function([x, entry], state * s, updates={s: s + 1}), x, state, s


# values of its own --------------------------------------------------------------------------------
def test_values_are_read_by_variable_name_and_place(counter):
    f, _, state, s = counter
    assert f(3.0) == 2 and f[state] == f["state"] == f[1] == f.value[state] == 5
    assert f[s] == f["s"] == 2 and f.container[state].data == 5
    f[state] = 7
    f["s"] = 10.0
    assert f(0.0) == 70 and s.get_value() == 11
    f.container[1].value = 4
    f.value[s] = 1
    assert f(0.0) == 4 and "state" in f.container and "y" not in f.container
    assert len(f.container) == 2 and f.container[state].name == "state"
    assert "state: 4" in repr(f.container[state])


def test_values_are_the_functions_own(counter):
    f, _, state, _ = counter
    value = np.array(3.0)
    f[state] = value
    value[...] = 100
    f[state][...] = 100
    assert f[state] == 3
    g = f.copy()
    g[state] = 8
    assert f[state] == 3 and g[state] == 8


def test_an_input_without_a_value_can_be_given_one(counter):
    f, x, _, _ = counter
    assert f[x] is None
    with pytest.raises(ArgumentError, match="missing"):
        f()
    f[x] = 1
    assert f() == 2


@pytest.mark.parametrize("key", ["nothing", 2, T.dscalar("y"), None])
def test_what_is_no_input_is_refused(key, counter):
    f, _, _, _ = counter
    with pytest.raises(ArgumentError, match="no input.*it has x, state"):
        f[key]
    with pytest.raises(ArgumentError, match="no input"):
        f[key] = 1


def test_a_value_that_does_not_fit_is_refused(counter):
    f, _, state, s = counter
    with pytest.raises(ArgumentError, match="'state' expects a scalar"):
        f[state] = [1.0, 2.0]
    with pytest.raises(ArgumentError, match="s expects a scalar"):
        f[s] = [1.0]
    assert f[state] == 2 and f[s] == 1


def test_inputs_of_one_name_are_named_by_the_variable():
    x, y = T.dscalar("x"), T.dscalar("x")
    f = gradcore.function([x, In(y, value=3)], x + y)
    assert f[y] == 3
    with pytest.raises(ArgumentError, match="several inputs 'x'"):
        f["x"]


# some of the outputs ------------------------------------------------------------------------------
def test_some_outputs_are_returned(everywhere):
    x = T.dscalar("x")
    f = gradcore.function([x], [x, x + 1, Out(x * 2, borrow=True)], mode=everywhere)
    assert f(3.0, output_subset=[2, 0]) == [6, 3] and f(x=3.0, output_subset=[1]) == [4]
    assert f(3.0, output_subset=None) == [3, 4, 6] and f(3.0, output_subset=[]) == []
    g = gradcore.function([x], {"a": x, "b": x + 1}, mode=everywhere)
    assert g(3.0, output_subset=["b"]) == {"b": 4}
    with pytest.raises(ArgumentError, match="output_subset names 3, of 0, 1, 2"):
        f(1.0, output_subset=[3])
    with pytest.raises(ArgumentError, match="names 'c', of 'a', 'b'"):
        g(1.0, output_subset=["c"])


def test_updates_are_made_with_some_outputs_too():
    s = gradcore.shared(1.0)
    f = gradcore.function([], [s, s * 2], updates={s: s + 1})
    assert f(output_subset=[1]) == [2] and s.get_value() == 2


def test_an_input_may_have_that_name():
    x = T.dscalar("output_subset")
    assert gradcore.function([x], x)(output_subset=3.0) == 3


def test_memory_is_given_back(everywhere):
    x = T.dmatrix("x")
    f = gradcore.function([x], T.dot(T.exp(x), x).sum(), mode=everywhere)
    before = f(np.ones((50, 50)))
    f.free()
    f.sync_shared()
    f.trust_input = True
    assert f(np.ones((50, 50))) == before


# shared variables ---------------------------------------------------------------------------------
def test_a_default_update_can_be_taken_away():
    s = gradcore.shared(1.0)
    s.default_update = s + 1
    del s.default_update
    gradcore.function([], s)()
    assert s.get_value() == 1 and s.default_update is None
    with pytest.raises(AttributeError, match="cannot delete 'type'"):
        del s.type


def test_an_update_of_another_shape_than_the_static_one_is_refused():
    s, v = gradcore.shared(np.zeros(3), "s", shape=(3,)), T.dvector("v")
    f = gradcore.function([v], updates={s: v})
    with pytest.raises((ArgumentError, ShapeError), match="3"):
        f(np.ones(4))
    assert s.get_value().tolist() == [0, 0, 0]
    with pytest.raises(GraphTypeError):
        gradcore.function([], updates={s: T.ones(4)})


# loops --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("info", [None, [], ()])
def test_nothing_said_of_outputs_is_that_none_feeds_back(info):
    x = T.dvector("x")
    found, _ = gradcore.scan(lambda a: [a, 2 * a], x, outputs_info=info)
    assert [v.tolist() for v in gradcore.function([x], found)([1.0, 2.0])] == [[1, 2], [2, 4]]


# keys and axes ------------------------------------------------------------------------------------
def test_a_list_of_slices_is_a_tuple_of_keys():
    x = T.dmatrix("x")
    at = np.arange(6.0).reshape(2, 3)
    for key in ([slice(0, 1), slice(None)], [Ellipsis, slice(1, None)], [slice(None), None, 2]):
        np.testing.assert_array_equal(x[key].eval({x: at}), at[tuple(key)])
    assert x[[1, 0]].eval({x: at}).tolist() == at[[1, 0]].tolist()
    assert x[[T.constant(1), T.constant(0)]].eval({x: at}).tolist() == at[[1, 0]].tolist()


@pytest.mark.parametrize(
    "axis", [np.array(1), np.int64(1), np.array([1]), [np.int8(1)], range(1, 2)]
)
def test_axes_may_be_arrays(axis):
    x = T.dmatrix("x")
    at = np.arange(6.0).reshape(2, 3)
    for word in ("sum", "mean", "max", "prod", "any", "var"):
        expected = getattr(np, word)(at, axis=1)
        np.testing.assert_allclose(getattr(T, word)(x, axis=axis).eval({x: at}), expected)


# copies of graphs ---------------------------------------------------------------------------------
def test_graphs_are_copied_with_replacements():
    x, y = T.dscalars("x", "y")
    (z,) = gradcore.clone([x + y], replace=[(y, x * 2)], strict=True)
    assert z.eval({x: 2.0}) == 6
    with pytest.raises(GraphTypeError, match="y is .*float64"):
        gradcore.clone(x + y, {y: T.fscalar()}, strict=True)
    assert gradcore.clone_replace(x + y, {y: x * 2}).eval({x: 2.0}) == 6
    assert gradcore.clone_replace({"a": x * y}, {y: 3.0})["a"].eval({x: 2.0}) == 6
    with pytest.raises(GraphTypeError, match="rebuild_strict=False"):
        gradcore.clone_replace(x + y, {y: T.fscalar("f")})
    f = T.fscalar("f")
    assert gradcore.clone_replace(x + y, {y: f}, rebuild_strict=False).eval({x: 2, f: 1}) == 3


def test_what_a_graph_reads_is_collected():
    x, s, t = T.dscalar("x"), gradcore.shared(2.0, "s"), gradcore.shared(0.0, "t")
    s.default_update = s + 1
    inputs, outputs, (clones, updates, pairs, shared) = gradcore.rebuild_collect_shared(
        [Out(x * s, borrow=True), x], [In(x)], updates={t: x * s}, copy_inputs_over=False
    )
    assert inputs[0] is clones[x] is not x and outputs[0].borrow and shared == [s]
    assert list(updates) == [t, s] and dict(pairs) == updates
    f = gradcore.function(inputs, outputs, updates=pairs)
    assert f(3.0) == [6, 3] and (t.get_value(), s.get_value()) == (6, 3)
    _, none, (_, none_either, _, _) = gradcore.rebuild_collect_shared(None)
    assert none == [] and none_either == {}
    _, same, (_, updates, _, _) = gradcore.rebuild_collect_shared(x * s, no_default_updates=True)
    assert same.eval({x: 1.0}) == 3 and not updates
