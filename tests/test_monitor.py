"""Modes that show each node, and stops in the debugger."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import Breakpoint, MonitorMode, function
from gradcore.compile import detect_nan
from gradcore.errors import GraphTypeError

x = T.dvector("x")


def test_functions_see_each_node_before_and_after():
    seen = []

    def before(i, node, fn):
        seen.append(("before", i, node.op.label(), [v[0] for v in fn.outputs]))

    def after(i, node, fn):
        seen.append(("after", i, node.op.label(), [np.array(v[0]).tolist() for v in fn.outputs]))

    f = function([x], T.exp(x).sum(), mode=MonitorMode(before, after))
    assert f([0.0, 0.0]) == 2
    assert seen == [
        ("before", 0, "exp", [None]), ("after", 0, "exp", [[1.0, 1.0]]),
        ("before", 1, "sum", [None]), ("after", 1, "sum", [2.0]),
    ]  # fmt: skip


def test_a_function_of_four_gets_the_graph_first():
    graphs = []
    f = function(
        [x], x * 3, mode=MonitorMode(post_func=lambda fgraph, *rest: graphs.append(fgraph))
    )
    f([1.0])
    assert graphs == [f.maker.fgraph]


def test_nodes_inside_of_loops_are_seen():
    labels = []
    states, _ = gradcore.scan(lambda s: T.tanh(s), outputs_info=[x], n_steps=3)
    mode = MonitorMode(lambda i, node, fn: labels.append(node.op.label()), optimizer=False)
    function([x], states[-1], mode=mode)([0.5])
    assert labels.count("tanh") == 3 and "scan" in labels


def test_nodes_of_the_branch_that_is_taken_are_seen():
    labels = []
    y = gradcore.ifelse(x[0] > 0, T.exp(x), T.sin(x))
    mode = MonitorMode(lambda i, node, fn: labels.append(node.op.label()))
    f = function([x], y, mode=mode)
    f([0.5])
    assert "exp" in labels and "sin" not in labels
    f([-0.5])
    assert labels.count("exp") == 1 and "sin" in labels


def test_nan_is_detected(capsys):
    f = function([x], T.log(x) * 2, mode=MonitorMode(post_func=detect_nan))
    f([1.0])
    assert capsys.readouterr().out == ""
    f([-1.0])
    out = capsys.readouterr().out
    assert out.startswith("*** NaN detected ***\nlog") and "Inputs : [array([-1.])]" in out


def test_modes_with_other_functions_are_others():
    a, b = MonitorMode(post_func=detect_nan), MonitorMode(post_func=detect_nan)
    assert a == a and a != b
    assert a.excluding("log1p_of").post_func is detect_nan
    calls = []
    y = x * 2
    for _ in range(2):
        y.eval({x: [1.0]}, mode=MonitorMode(lambda i, node, fn: calls.append(1)))
    assert len(calls) == 2


def test_updates_and_profiles():
    count = gradcore.shared(np.zeros(1))
    f = function([x], x * 2, updates={count: count + x}, mode=MonitorMode(), profile=True)
    f([2.0]), f([3.0])
    assert count.get_value() == [5.0] and f.profile.calls == 2 and f.profile.nodes


# stops ------------------------------------------------------------------------------------------
@pytest.fixture
def stops(monkeypatch):
    """What has been looked at, by what stands in for the debugger."""
    found = []

    def hook(*args, **kwargs):
        frame = __import__("sys")._getframe(1)
        found.append((frame.f_locals["name"], [v.tolist() for v in frame.f_locals["values"]]))

    monkeypatch.setattr("sys.breakpointhook", hook)
    return found


def test_a_breakpoint_stops_where_its_condition_holds(everywhere, stops, capsys):
    y = T.sqr(x)
    a, b = Breakpoint("large")(T.max(x) > 2, x, y)
    f = function([x], a.sum() + b.sum(), mode=everywhere)
    assert f([1.0, 2.0]) == 8 and not stops
    assert f([1.0, 3.0]) == 14
    assert stops == [("large", [[1.0, 3.0], [1.0, 9.0]])]
    assert "breakpoint 'large', built at" in capsys.readouterr().out


def test_derivatives_pass_a_breakpoint(stops):
    y = T.sum(Breakpoint()(T.eq(x[0], 5), T.exp(x)))
    assert np.allclose(T.grad(y, x).eval({x: [0.0, 1.0]}), np.exp([0, 1]))
    assert np.allclose(T.Rop(y, x, x).eval({x: [0.0, 1.0]}), np.e)
    assert not stops


def test_a_breakpoint_in_a_loop(stops):
    states, _ = gradcore.scan(
        lambda s: Breakpoint("step")(s > 3, s * 2), outputs_info=[T.constant(1.0)], n_steps=4
    )
    assert function([], states, mode="numpy")().tolist() == [2, 4, 8, 16]
    assert stops == [("step", [8.0]), ("step", [16.0])]


def test_a_breakpoint_refuses_what_is_no_condition():
    with pytest.raises(GraphTypeError, match="a scalar and what to look at"):
        Breakpoint()(x, x)
    with pytest.raises(GraphTypeError, match="a scalar and what to look at"):
        Breakpoint()(T.dscalar())
