"""Shared variables: values, updates, and calls from many threads."""

import threading
import weakref

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import function, shared
from gradcore.errors import ArgumentError, GraphTypeError

x, y = T.dscalars("x", "y")
v = T.dvector("v")


# shared variables -------------------------------------------------------------------------------
def test_shared_values():
    array = np.ones(2)
    s = shared(array, "s")
    array[0] = 9
    assert s.get_value().tolist() == [1, 1]
    s.get_value()[0] = 9
    assert s.get_value().tolist() == [1, 1]
    s.get_value(borrow=True)[0] = 5
    assert s.get_value().tolist() == [5, 1]
    lent = shared(array, borrow=True)
    array[0] = 7
    assert lent.get_value()[0] == 7
    s.set_value(array, borrow=True)
    array[0] = 8
    assert s.get_value()[0] == 8
    s.set_value([3, 4])
    assert s.get_value().tolist() == [3, 4]
    assert repr(s) == "s" and s.type == v.type


class Own(np.ndarray):
    """A subclass."""


@pytest.mark.parametrize("make", [memoryview, lambda a: a.view(Own)])
def test_what_is_no_plain_array_is_copied_too(make):
    """NumPy makes an array of it that shares its memory."""
    memory = np.ones((2, 2))
    s = shared(make(memory), "s")
    memory[0, 0] = 5
    assert s.get_value().tolist() == [[1, 1], [1, 1]]
    s.set_value(make(memory))
    memory[0, 0] = 7
    assert s.get_value().tolist() == [[5, 1], [1, 1]]


@pytest.mark.parametrize("value", [np.ones((2, 2)), "text", np.ones(2) * 1j])
def test_a_value_that_does_not_fit_changes_nothing(value):
    s = shared(np.zeros(2), "s")
    with pytest.raises(ArgumentError, match="the shared variable s (expects|must be numbers)"):
        s.set_value(value)
    assert s.get_value().tolist() == [0, 0]


def test_dtypes_of_shared_variables():
    assert shared(1).dtype == "int64" and shared(1.0).dtype == "float64"
    assert shared(np.float32(1)).dtype == "float32" and shared([1, 2]).dtype == "int64"
    assert shared(True).dtype == "bool" and shared(2**63).dtype == "uint64"
    assert shared(1, dtype="float32").dtype == "float32"
    assert shared(np.ones((1, 3)), shape=(1, None)).type.shape == (1, None)
    with gradcore.config.change_flags(floatX="float32"):
        assert shared(0.5).dtype == "float32" and shared(np.ones(2)).dtype == "float64"
    with pytest.raises(GraphTypeError, match="not with the variable"):
        shared(x)
    with pytest.raises(ArgumentError, match="takes an array"):
        shared([1.0], strict=True)
    with pytest.raises(ArgumentError):
        shared("text")


def test_updates_happen_together():
    a, b = shared(1.0, "a"), shared(2.0, "b")
    swap = function([], [a, b], updates={a: b, b: a})
    assert [r.tolist() for r in swap()] == [1, 2]
    assert (a.get_value(), b.get_value()) == (2, 1)
    function([x], [], updates=[(a, a + x), (b, a * x)])(3)
    assert (a.get_value(), b.get_value()) == (5, 6)


def test_a_finalizer_finds_all_updates_or_none(everywhere):
    """It is called when the old value goes, and may call a function that reads the others."""
    first, second = shared(0.0, "first"), shared(0.0, "second")
    read = function([], [first, second], mode=everywhere)
    step = function([x], updates={first: x, second: x}, mode=everywhere)
    old, found = np.zeros(()), []
    weakref.finalize(old, lambda: found.extend(read()))
    first.set_value(old, borrow=True)
    del old
    step(3.0)
    assert found == [3, 3]


def test_updates_happen_all_or_not_at_all():
    a, b = shared(1.0, "a"), shared(np.ones(2), "b", shape=(2,))
    f = function([v], [], updates={a: a + 1, b: v})
    with pytest.raises(ArgumentError):
        f(np.ones(3))
    assert a.get_value() == 1 and b.get_value().tolist() == [1, 1]
    g = function([v], [], updates={a: a + 1, b: T.assert_op(b + 1, v.sum() > 0)})
    with pytest.raises(AssertionError):
        g([-1.0])
    assert a.get_value() == 1
    g([1.0])
    assert a.get_value() == 2


def test_updates_are_checked():
    a = shared(np.zeros(2, "float32"), "a")
    for updates, text in [
        ({x: 1.0}, "only shared variables"),
        ({a: T.dvector()}, "cannot hold without loss"),
        ({a: T.fscalar()}, "its new value"),
        ([(a, a), (a, a)], "twice"),
        ({3: a}, "map variables"),
    ]:
        with pytest.raises(GraphTypeError, match=text):
            function([], [], updates=updates)
    function([], [], updates={a: a + T.constant(1)})()
    assert a.get_value().tolist() == [1, 1] and a.get_value().dtype == "float32"


def test_an_updated_value_is_nobody_elses():
    s = shared(np.zeros(2))
    f = function([v], v * 1, updates={s: v * 1})
    out = f([1, 2])
    out[0] = 9
    assert s.get_value().tolist() == [1, 2]
    given = np.ones(2)
    function([v], [], updates={s: v})(given)
    given[0] = 9
    assert s.get_value().tolist() == [1, 1]


def test_default_updates():
    count = shared(0, "count")
    count.default_update = count + 1
    f = function([], count)
    assert [int(f()), int(f())] == [0, 1]
    function([], count, no_default_updates=True)()
    function([], count, no_default_updates=[count])()
    assert count.get_value() == 2
    function([], count, updates={count: count * 10})()
    assert count.get_value() == 20
    other = shared(1)
    other.default_update = count + other
    function([], other)()
    assert (other.get_value(), count.get_value()) == (21, 21)


@pytest.mark.parametrize("mode", ["numpy", "c", gradcore.Mode("cuda", runtime="host")])
def test_updates_of_many_threads_are_all_retained(mode):
    """Also of functions that share variables in another order, and of defaults of inputs."""
    x = T.dscalar("x")
    a, b = gradcore.shared(0, "a"), gradcore.shared(0, "b")
    first = gradcore.function([], a, updates={a: a + 1, b: b + 1}, mode=mode)
    second = gradcore.function([], b, updates={b: b + 1, a: a + 1}, mode=mode)
    saved = gradcore.function([gradcore.In(x, value=0.0, update=x + 1)], x, mode=mode)
    times = 150

    def work():
        for _ in range(times):
            first(), second(), saved()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert a.get_value() == b.get_value() == 8 * times
    assert saved() == 4 * times


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_a_function_may_call_itself_and_set_what_it_updates(mode):
    """From an op of the user's own, on the thread that has the locks."""
    s = gradcore.shared(0.0, "s")
    inner = gradcore.function([], s, updates={s: s + 1}, mode=mode)

    class Calls(gradcore.Op):
        def make_node(self, x):
            return gradcore.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, outputs):
            inner()
            s.set_value(s.get_value() + 10)
            outputs[0][0] = inputs[0] + 0

    outer = gradcore.function([], Calls()(s), updates={s: s + 100}, mode=mode)
    assert outer() == 0 and s.get_value() == 100


def test_setting_a_value_waits_for_calls_that_update_it():
    s = gradcore.shared(0, "s")
    f = gradcore.function([], updates={s: s + 1})
    with s.lock:
        thread = threading.Thread(target=lambda: (s.set_value(10), f()))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and s.get_value() == 0
    thread.join(60)
    assert s.get_value() == 11
