"""Profiles: time and memory by line, node and nest, forward and derivative, as tables and JSON."""

import json
import threading

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.backend.profile_memory import memory
from gradcore.backend.profile_report import by_line
from gradcore.errors import Location, UnavailableError
from gradcore.graph.location import DEEPEST, differentiated
from gradcore_cuda.program import CudaRenderer

x = T.dvector("x")
A = T.dmatrix("A")

BY_NODE = {name: Mode(name) for name in ("numpy", "jax", "torch")}
"""Backends that tell nodes apart."""

PROFILED = {**BY_NODE, "c": Mode("c", threads=1)}
"""Those, and one that tells nests apart."""


@pytest.fixture(params=PROFILED)
def mode(request):
    """Each of these that works here."""
    found = PROFILED[request.param]
    try:
        function([], T.constant(0), mode=found)
    except UnavailableError as error:
        pytest.skip(str(error))
    return found


def built():
    """Return a cost, whose first line is 10 lines and more before its last."""
    hidden = T.tanh(T.dot(A, x))
    return T.sum(T.exp(hidden))


HIDDEN = built.__code__.co_firstlineno + 2
SUMMED = HIDDEN + 1


def profiled(mode, outputs=None, calls=2):
    cost = built() if outputs is None else outputs
    f = function([x, A], [cost, T.grad(cost, x)], mode=mode, profile=True)
    for _ in range(calls):
        f(np.ones(5), np.ones((4, 5)))
    return f


# by line ----------------------------------------------------------------------------------------
def test_lines_have_what_they_compute_without_its_derivatives(mode):
    f = profiled(mode)
    lines = {line.line: line for line in by_line(f.profile) if line.file == __file__}
    assert {HIDDEN, SUMMED} <= set(lines)
    for line in (lines[HIDDEN], lines[SUMMED]):
        assert line.forward > 0
    assert lines[HIDDEN].derivative > 0
    assert lines[HIDDEN].text == "hidden = T.tanh(T.dot(A, x))"
    assert sum(line.seconds for line in lines.values()) <= f.profile.seconds
    plain = function([x, A], built(), mode=mode, profile=True)
    plain(np.ones(5), np.ones((4, 5)))
    assert all(line.derivative == 0 for line in by_line(plain.profile))


def test_a_location_says_of_what_it_is_the_derivative():
    cost = T.sum(T.exp(T.sin(x)))
    gradient = T.grad(cost, x)
    assert gradient.owner.where.derivative == ("sin",)
    assert "in the derivative of sin" in str(gradient.owner.where)
    second = T.grad(gradient.sum(), x)
    found = {node.where.derivative for node in function([x], second).maker.fgraph.nodes}
    assert any(len(derivative) == 2 for derivative in found)
    tangent = T.Rop(T.sin(x), x, x)
    assert tangent.owner.where.derivative == ("sin",)
    assert T.sin(x).owner.where.derivative == ()


def test_derivatives_of_derivatives_are_distinguished_up_to_some():
    where = Location("f.py", 1, "f")
    for _ in range(DEEPEST + 2):
        where = differentiated(where, "exp")
    assert where.derivative == ("exp",) * DEEPEST
    assert differentiated(None, "exp") is None


# by node and nest -------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", BY_NODE, indirect=True)
def test_nodes_have_runs_and_bytes(mode):
    f = function([x], T.exp(x), mode=mode, profile=True)
    for _ in range(3):
        f(np.ones(100))
    (time,) = f.profile.nodes.values()
    assert (time.runs, time.moved, time.sizes) == (3, 3 * 2 * 800, (800,))
    assert time.seconds == time.own > 0 and len(f.profile.events) == 3


def test_nodes_inside_of_a_loop_are_its_own():
    states, _ = gradcore.scan(lambda s: T.tanh(s) + T.dot(A, s), outputs_info=[x], n_steps=7)
    f = function([x, A], states[-1], mode=Mode("numpy", optimizer=False), profile=True)
    f(np.ones(4), np.eye(4))
    times = {node.op.label(): time for node, time in f.profile.nodes.items()}
    assert times["tanh"].runs == times["dot"].runs == 7 and times["scan"].runs == 1
    inside = sum(times[name].own for name in ("tanh", "dot", "add"))
    assert times["scan"].own < times["scan"].seconds
    assert times["scan"].seconds >= inside


def test_nodes_of_a_branch_are_its_own():
    y = gradcore.ifelse(x[0] > 0, T.exp(x), T.sin(x))
    f = function([x], y, mode="numpy", profile=True)
    for first in (1.0, 2.0, -1.0):
        f([first])
    times = {node.op.label(): time for node, time in f.profile.nodes.items()}
    assert (times["exp"].runs, times["sin"].runs, times["conditional"].runs) == (2, 1, 3)
    assert times["conditional"].own < times["conditional"].seconds


def test_nests_have_all_nodes_and_runs():
    f = profiled(Mode("c", threads=1), calls=3)
    nests = f.profile.nests
    assert all(nest.runs == 3 for nest in nests) and not f.profile.nodes
    named = {node.op.label() for nest in nests for node in nest.nodes}
    assert {"dot", "tanh", "exp", "sum"} <= named
    assert 0 < sum(nest.seconds for nest in nests) <= f.profile.seconds
    assert all(nest.label in f.profile.summary(width=200) for nest in nests)


def test_a_nest_moves_what_it_reads_and_writes():
    f = function([x], T.exp(x) * 2, mode=Mode("c", threads=1), profile=True)
    f(np.ones(1000)), f(np.ones(10))
    (nest,) = [nest for nest in f.profile.nests if nest.moved]
    assert nest.moved == 2 * 8 * 1010 and nest.label == "exp, mul"


def test_nests_inside_of_a_loop_run_at_each_step():
    B = T.dmatrix("B")
    states, _ = gradcore.scan(lambda s: T.tanh(T.dot(A, T.dot(B, s))), outputs_info=[A], n_steps=6)
    f = function([A, B], states[-1], mode=Mode("c", threads=1), profile=True)
    given = np.random.default_rng(0).standard_normal((2, 9, 9))
    wanted = function([A, B], states[-1], mode="numpy")(*given)
    for _ in range(2):
        assert np.allclose(f(*given), wanted)
    runs = [nest.runs for nest in f.profile.nests]
    assert runs.count(12) >= 2 and 2 in runs


def test_values_are_those_without_a_profile(mode):
    outputs = [built(), T.grad(built(), A)]
    given = np.arange(5.0), np.ones((4, 5)) / 7
    plain, noted = (function([x, A], outputs, mode=mode, profile=p) for p in (False, True))
    for a, b in zip(plain(*given), noted(*given), strict=True):
        assert np.allclose(a, b, rtol=1e-12)
    assert plain.profile is None and "clock" not in (plain.source or "")


def test_updates_and_errors_are_those_without_a_profile():
    count = gradcore.shared(0.0)
    f = function([x, A], T.dot(A, x), updates={count: count + 1}, mode="c", profile=True)
    f([1.0], [[2.0]])
    with pytest.raises(gradcore.errors.ShapeError):
        f([1.0, 2.0], [[2.0]])
    assert count.get_value() == 1 and f.profile.calls == 1
    f.free()
    assert f([1.0], [[2.0]]) == [2.0]


def test_many_threads_are_noted():
    f = function([x], T.exp(x).sum(), mode=Mode("c", threads=1), profile=True)
    threads = [
        threading.Thread(target=lambda: [f(np.ones(1000)) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(nest.runs == 200 for nest in f.profile.nests)


# memory -----------------------------------------------------------------------------------------
def test_what_is_alive_at_the_peak():
    y = T.exp(x)  # 8000 bytes, until the last node
    z = T.outer(y, y[:10])
    f = function([x], z.sum() + y.sum(), mode=Mode("numpy", optimizer=False), profile=True)
    f(np.ones(1000))
    used = memory(f.profile)
    assert used.alive[0][0] == 80_000 and 88_000 <= used.peak < 90_000
    assert ("exp",) in [tuple(node.op.label() for node in nodes) for _, nodes in used.alive]
    assert max(total for _, total in used.over_time) == used.peak


def test_what_a_view_is_of_is_alive_as_long_as_the_view():
    turned = T.exp(A).T  # 8000 bytes, which the node after next reads through the view
    y = T.dot(turned, T.outer(x, x))
    f = function([A, x], y.sum(), mode=Mode("numpy", optimizer=False), profile=True)
    f(np.ones((20, 50)), np.ones(20))
    times = {node.op.label(): time for node, time in f.profile.nodes.items()}
    assert times["exp"].sizes == (8000,) and times["dimshuffle"].sizes == (0,)
    at_dot = {node.op.label(): total for (node,), total in memory(f.profile).over_time}["dot"]
    assert at_dot == 8000 + 8 * 20 * 20 + 8 * 50 * 20


def test_a_view_of_what_a_kernel_has_made_is_memory_of_its_own():
    profile, node = gradcore.backend.Profile(), T.exp(x).owner
    profile.timed(node, lambda v: np.stack([v, v])[1])(np.ones(100))
    assert profile.nodes[node].sizes == (800,)


def test_each_result_has_the_most_bytes_of_any_run():
    profile, node = gradcore.backend.Profile(), T.linalg.qr(A)[0].owner
    run = profile.timed(node, lambda n: (np.ones(n), np.ones(10 - n)))
    for n in (7, 2, 5):
        run(n)
    assert profile.nodes[node].sizes == (56, 64)


def test_blocks_of_memory_of_generated_code():
    y = T.dot(A, A)
    f = function([A], T.dot(y, T.tanh(y)).sum(), mode=Mode("c", threads=1), profile=True)
    f(np.ones((64, 64)))
    used = memory(f.profile)
    assert sum(size for size, _ in used.alive) == used.peak
    assert used.peak <= f.profile.peak_bytes <= used.peak + 64 * len(used.alive)
    assert "dot" in {node.op.label() for _, nodes in used.alive for node in nodes}


def test_blocks_are_in_use_until_their_last_reader_has_run():
    y = T.dot(A, A)  # 8 * 64 * 64 bytes, read by the next product alone
    z = T.dot(y, A)  # read by the sums
    f = function([A], [z.sum(), T.dot(z, A)], mode=Mode("c", threads=1), profile=True)
    f(np.ones((64, 64)))
    used, block = memory(f.profile), 8 * 64 * 64
    sizes = [size for _, size in used.over_time]
    assert sizes[:2] == [block, 2 * block] and max(sizes) == used.peak
    assert all(size < 2 * block for size in sizes[2:])


def test_a_pointer_keeps_what_it_points_to_in_use():
    last = gradcore.scan(lambda row, s: T.dot(s, A) + row, A, T.dot(A, A))[0][-1]
    f = function([A], (last * 2).sum(), mode=Mode("c", threads=1), profile=True)
    f(np.ones((6, 6)))
    turns = memory(f.profile).over_time
    loop = [k for k, (nodes, _) in enumerate(turns) if "scan" in str(nodes)]
    assert all(turns[k][1] > 0 for k in loop) and turns[0][1] >= 8 * 36


# compilation ------------------------------------------------------------------------------------
def test_stages_and_rules():
    y = T.log(1 + T.exp(x)) * 1
    f = function([x], y, mode="numpy", profile=True)
    noted = f.profile.compiling
    assert {"canonicalize", "stabilize", "legal"} <= set(noted.stages)
    assert all(seconds >= 0 for seconds in noted.stages.values())
    for firing in f.maker.trace:
        if firing.rule in noted.rules:
            _, looked = noted.rules[firing.rule]
            assert looked >= f.profile.fired[firing.rule] > 0
    assert f.profile.fired["times_one"] == 1
    spent = sum(seconds for seconds, _ in noted.rules.values())
    assert 0 < spent <= sum(noted.stages.values())


# shown ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [70, 80, 120])
def test_tables_fit_a_terminal(mode, width):
    text = profiled(mode).profile.summary(width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "by line of the program" in text and "compilation, by stage" in text
    assert width < 80 or f"test_profile.py:{HIDDEN}" in text


def test_a_profile_as_json(mode, tmp_path):
    f = profiled(mode)
    found = json.loads(json.dumps(f.profile.to_dict()))
    assert found["calls"] == 2 and found["compilation"]["stages"]
    assert found["nodes"] or found["nests"]
    assert HIDDEN in {line["line"] for line in found["lines"]}
    f.profile.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert {"forward", "derivative"} <= {
        kind for event in spans for kind in event["cat"].split(",")
    }
    assert all(event["dur"] >= 0 and event["ts"] >= 0 for event in spans)
    curve = [event["args"]["bytes"] for event in events if event["ph"] == "C"]
    over_time = [turn["bytes"] for turn in (found["memory"] or {"over_time": []})["over_time"]]
    assert set(curve) == set(over_time) and bool(curve) == bool(over_time)


def test_kernels_have_a_table():
    profile = gradcore.backend.Profile(calls=1, seconds=0.5)
    profile.ran("sum_rows", 0.25, 10**9, 8e9)
    text = profile.summary(width=80)
    assert "GB/s" in text and "50.0%" in text and "sum_rows" in text
    assert profile.to_dict()["kernels"][0]["share_of_peak"] == 0.5


def test_kernels_of_a_device_are_of_lines():
    graph = built()
    slope = T.grad(graph, x)
    program = function([x, A], [graph, slope], mode=Mode("cuda", runtime="host")).program
    nodes = CudaRenderer().render(program).nodes
    lines = {
        (node.where.line, bool(node.where.derivative)) for some in nodes.values() for node in some
    }
    assert {(HIDDEN, False), (SUMMED, False), (HIDDEN, True)} <= lines
    profile = gradcore.backend.Profile(calls=1, seconds=0.5)
    for name, of in nodes.items():
        profile.ran(name, 0.25, 0, None, of)
    found = {line.line: line for line in by_line(profile)}
    assert found[HIDDEN].forward > 0 and found[HIDDEN].derivative > 0
    assert f"test_profile.py:{HIDDEN} d(" in profile.summary(width=200)
