"""The data of pictures of graphs: what is shown is the graph as it is, at each of its states."""

import dataclasses
import hashlib
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.cli import main
from gradcore.conformance.programs import PROGRAMS
from gradcore.graph import Constant, toposort
from gradcore.plugins import registry
from gradcore.viewing import description as schema
from gradcore.viewing.kinds import KINDS
from gradcore.viewing.pages import SCRIPTS, asset, inventory
from gradcore.viewing.recording import history_of_variables

ROOT = Path(__file__).parents[1]
X, W = T.dvectors("x", "w")


def logistic(mode="numpy", **options):
    loss = T.sum(T.log(1 + T.exp(-X * W)))
    return gradcore.function([X, W], [loss, T.grad(loss, W)], mode=mode, **options)


def recurrent(mode="numpy", **options):
    h, _ = gradcore.scan(lambda h, w: T.tanh(h * w), outputs_info=[X], non_sequences=[W], n_steps=5)
    return gradcore.function([X, W], T.grad(h[-1].sum(), W), mode=mode, **options)


# states -----------------------------------------------------------------------------------------
def same(of, step, outputs):
    """Assert that the graph after a step is a graph: ops, types, constants, and what reads what."""
    replaced = {c.old: c.new for c in of.changes if c.step <= step}

    def now(value):
        while value in replaced:
            value = replaced[value]
        return value

    _, found = of.state(step)
    assert len(found) == len(outputs)
    known = {}
    waiting = list(zip(outputs, found, strict=True))
    while waiting:
        v, number = waiting.pop()
        value = of.values[now(number)]
        assert known.setdefault(v, now(number)) == now(number), f"{v} is two values"
        assert value.dtype == v.dtype and len(value.shape) == v.ndim
        assert all(m is None or n == m for n, m in zip(value.shape, v.type.shape, strict=True))
        if v.owner is None:
            assert value.node is None and isinstance(v, Constant) == (value.kind == "constant")
            assert not isinstance(v, Constant) or value.text == v.text()
            continue
        node = of.nodes[value.node]
        assert value.index == v.index and node.op == v.owner.op.label()[: len(node.op)]
        if (v.owner, "seen") in known:
            continue
        known[v.owner, "seen"] = value.node
        waiting += zip(v.owner.inputs, node.inputs, strict=True)
        for graph, body in zip(v.owner.op.graphs, node.bodies, strict=True):
            waiting += zip(graph.outputs, body.outputs, strict=True)


def judged(of, written, last):
    """Assert that a description starts and ends with graphs, and that its numbers are places."""
    assert len(of.state(0)[0]) == count(written), "as written, equal nodes are several"
    same(of, 0, written)
    same(of, len(of.steps), last)
    steps = [change.step for change in of.changes]
    assert steps == sorted(steps) and all(1 <= k <= len(of.steps) for k in steps)
    assert len({change.old for change in of.changes}) == len(of.changes), "each is replaced once"
    assert all(node.kind in KINDS for node in of.nodes)
    for k, value in enumerate(of.values):
        assert value.node is None or of.nodes[value.node].outputs[value.index] == k
    assert all(place.line in of.texts[place.file] for place in of.places if of.texts[place.file])
    read = json.loads(of.to_json())
    assert read["format"] == schema.FORMAT and len(read["values"]) == len(of.values)


def count(outputs):
    """Return how many nodes there are, of which the bodies of loops may have some in common."""
    found = set()
    waiting = [outputs]
    while waiting:
        nodes = toposort(waiting.pop())
        found.update(nodes)
        waiting += [g.outputs for node in nodes for g in node.op.graphs]
    return len(found)


def shown(f):
    of = gradcore.view(f).description
    maker = f.maker
    stored = [entry.update for entry in maker.inputs if entry.update is not None]
    judged(of, [*maker.outputs, *maker.updates.values(), *stored], maker.fgraph.outputs)
    fired = [(firing.stage, firing.rule) for firing in maker.trace]
    shown_fired = [(step.stage, step.rule) for step in of.steps if step.rule]
    assert shown_fired == fired, "every firing is a step, in its order"
    return of


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_shown_as_it_is_written_and_as_it_would_run(name):
    outputs = PROGRAMS[name]().outputs
    of = gradcore.view(outputs).description
    _, graph, _ = history_of_variables(outputs)
    judged(of, outputs, graph.outputs)


EXAMPLES = {
    "bratu": lambda run: run["solved"](points=4, most=1),
    "controller": lambda run: run["controller"](),
    "digits_convnet": lambda run: run["build"](0.1, 0),
    "digits_logistic": lambda run: run["build"](4, 3, 0.1),
    "digits_rnn": lambda run: run["build"](4, 5, 3, 0.1, 0.9, 0),
    "digits_transformer": lambda run: run["build"](8, 2, 1, 0.1, 0),
    "digits_vae": lambda run: run["build"](2, 8, 0.1, 0),
    "gaussian_process": lambda run: run["fitted"](*run["observations"](4), most=1),
    "hierarchical_hmc": lambda run: run["sampler"](*run["data"](), leaps=3),
    "kalman_filter": lambda run: run["fitted"](run["simulated"](4)[1]),
    "phase_retrieval": lambda run: run["retrieved"](n=6, count=2, iterations=1),
    "sparse_fem": lambda run: run["found"](cells=3, steps=1),
    "spectral_flow": lambda run: run["found"](n=6, steps=2, iterations=1),
}  # fmt: skip


QUICK = ("digits_logistic", "digits_rnn")
"""Of these graphs every run makes a picture, of the others `nox -s tests` and `nox -s browser`."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_shown_as_it_runs(name, request, monkeypatch):
    if name not in QUICK and not request.config.getoption("--exhaustive"):
        pytest.skip("a large graph: --exhaustive")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    made = []

    def function(inputs, outputs, **options):
        made.append(gradcore.compile.function(inputs, outputs, **options | {"mode": "numpy"}))
        return made[-1]

    monkeypatch.setattr(gradcore, "function", function)
    EXAMPLES[name](runpy.run_path(str(ROOT / f"examples/{name}.py")))
    assert made and all(shown(f).texts for f in made)


def test_states_go_from_what_is_written_to_what_runs():
    of = shown(logistic())
    ops = [sorted({of.nodes[n].op for n in of.state(k)[0]}) for k in (0, None)]
    assert ops == [
        ["add", "dimshuffle", "exp", "fill", "log", "mul", "neg", "sigmoid", "sum"],
        ["mul", "neg", "sigmoid", "softplus", "sum"],
    ]
    (step,) = (s for s in of.steps if s.rule == "log1p_of")
    assert (step.stage, step.op, step.says) == ("stabilize", "log", "log(1 + x) = log1p(x)")
    assert of.places[step.place].function == "logistic"


def test_a_node_stays_where_only_what_it_reads_changes():
    """Rewriting makes nodes anew on other operands; what is shown is the same node."""
    y = T.tanh(T.sin(X * 1) + W)
    of = gradcore.view(y).description
    first, last = of.state(0)[0], of.state()[0]
    assert [of.nodes[n].op for n in last] == ["sin", "add", "tanh"] and set(last) < set(first)


def test_equal_nodes_become_one():
    of = gradcore.view(T.sin(X) * T.sin(X)).description
    assert of.steps[0].stage == "equal nodes become one"
    assert [len(of.state(k)[0]) for k in (0, 1)] == [3, 2]


def test_loops_and_jacobians_have_their_bodies():
    of = shown(recurrent())
    loops = [of.nodes[n] for n in of.state()[0] if of.nodes[n].kind == "loop"]
    assert len(loops) == 2 and all(len(loop.bodies[0].outputs) for loop in loops)
    lazy = gradcore.view(T.jacobian(T.tanh(T.dot(T.dmatrix("A"), X)), X)).description
    assert "jacobian" in {lazy.nodes[n].kind for n in lazy.state(0)[0]}


def test_branches_updates_and_views_of_inputs():
    s = gradcore.shared(np.ones(3), "s")
    y = T.ifelse(T.lt(X[0], 1), T.exp(X).sum(), T.log(X).sum())
    of = shown(gradcore.function([X], [y, X, X], updates={s: s * X}, mode="numpy"))
    assert of.outputs == ["output 0", "x", "x", "update of s"]
    assert {value.kind for value in of.values} >= {"input", "shared", "computed"}


def test_complex_numbers_and_what_a_backend_lacks_are_steps():
    z = T.zvector("z")
    outputs = [abs(z * z).sum()]
    of = gradcore.view(outputs).description
    _, graph, _ = history_of_variables(outputs)
    judged(of, outputs, graph.outputs)
    assert "in real numbers" in {step.stage for step in of.steps}


def test_nothing_is_noted_unless_somebody_looks():
    f = logistic()
    assert all(set(vars(firing)) == {"stage", "rule", "op", "where"} for firing in f.maker.trace)


# what is known of nodes -------------------------------------------------------------------------
def test_every_kind_is_of_some_op():
    modules = {op.__module__ for op in registry().ops if isinstance(op, type)}
    from gradcore.viewing import kinds as table

    open_to_all = {"assumptions", "control", "implicit", "scan", "custom"}
    families = set(table._BY_MODULE)
    core = {m for m in modules if m.startswith("gradcore.ops.")}
    assert core - families <= {f"gradcore.ops.{m}" for m in open_to_all}, "give it a kind"


def test_lines_of_generated_code_belong_to_nodes():
    f = logistic("c")
    of = shown(f)
    assert of.code.text == f.source and of.code.language == "c"
    text = f.source.split("\n")
    lines = {
        of.nodes[n].op: [text[k - 1].strip() for k in found] for n, found in of.code.lines.items()
    }
    assert any("gc_softplus_f64" in line for line in lines["softplus"])
    assert set(lines) == {of.nodes[n].op for n in of.state()[0]}
    assert "\x01" not in of.code.text


def test_lines_of_a_loop_belong_to_the_nodes_of_its_body():
    f = recurrent("c")
    of = shown(f)
    assert of.code.text == f.source
    missing = [of.nodes[n].op for n in of.state()[0] if n not in of.code.lines]
    assert set(missing) <= {"subtensor", "sub", "alloc", "extent"}, "these are read where they are"


def test_lines_of_kernels_belong_to_nodes():
    mode = gradcore.Mode("cuda", runtime="host")
    f = logistic(mode)
    of = shown(f)
    assert of.code.language == "cuda" and of.code.text in f.source
    assert set(of.code.lines) >= {n for n in of.state()[0] if of.nodes[n].op == "softplus"}


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_a_profile_is_of_nodes(mode):
    f = recurrent(mode, profile=True)
    f(np.ones(4), np.ones(4))
    of = shown(f)
    there = set(of.state()[0])
    assert of.profile.calls == 1 and of.profile.parts
    assert all(set(part.nodes) <= there for part in of.profile.parts)
    times = [*f.profile.nodes.values(), *f.profile.nests]
    total = sum(getattr(time, "own", time.seconds) for time in times)
    assert sum(part.seconds for part in of.profile.parts) == pytest.approx(total)


def test_large_constants_are_abbreviated():
    big = T.constant(np.arange(1e6), name="big")
    of = gradcore.view(X * big).description
    (value,) = (v for v in of.values if v.kind == "constant" and v.shape == (1_000_000,))
    assert len(value.text) < 50 and "..." in value.data and len(of.to_json()) < 20_000


def test_only_what_is_not_said_otherwise_is_written():
    of = gradcore.view(T.exp(X)).description
    assert of.to_dict()["values"][0].keys() <= {f.name for f in dataclasses.fields(schema.Value)}
    assert "data" not in of.to_dict()["values"][0] and "profile" not in of.to_dict()


# pages ------------------------------------------------------------------------------------------
HOSTILE = ["</script><script>alert(1)</script>", '<img src=x onerror="alert(1)">', "@SCRIPTS@",
           "]]>&lt;!--", "\u2028'\"`${1}`"]  # fmt: skip


def hostile():
    named = [T.dvector(name) for name in HOSTILE]
    y = sum(T.exp(v) for v in named)
    y.name = HOSTILE[0]
    return named, y


def test_names_are_data_and_never_html():
    named, y = hostile()
    f = gradcore.function(named, y, name=HOSTILE[0], mode="numpy")
    html = gradcore.view(f).html
    plain = gradcore.view(gradcore.function([X], T.exp(X), mode="numpy")).html
    assert html.count("<script") == plain.count("<script") == 2 + len(SCRIPTS)
    assert html.count("<img") == 0 and "alert(1)</script>" not in html
    (data,) = re.findall(r'type="application/json">(.*?)</script>', html, re.DOTALL)
    assert not set("<>&\u2028") & set(data)
    assert {v["name"] for v in json.loads(data)["values"] if v["kind"] == "input"} == set(HOSTILE)
    frame = gradcore.view(f)._repr_html_()
    assert frame.count('"') == 2 * frame.count('="') and frame.count("<iframe") == 1


def test_a_page_needs_no_network():
    html = gradcore.view(T.exp(X)).html
    assert "default-src 'none'" in html
    used = re.sub(r"https?://www\.w3\.org/\S+", "", html)
    assert not re.search(r"<(link|script|img|iframe)[^>]*(src|href)=\"(?!data:)", used)
    assert "sourceMappingURL" not in html and "WITHOUT WARRANTY" in html


def test_the_library_is_what_was_released():
    """``nox -s vendor`` renews it."""
    known = inventory()
    assert known["licence"] == "MIT" and known["version"] in known["source"]
    for name, digest in known["sha256"].items():
        found = hashlib.sha256(asset(name).encode()).hexdigest()
        assert found == digest, f"{name} is another one than dagre.json says"


def test_our_scripts_are_small_and_put_no_text_into_html():
    for name in SCRIPTS:
        text = asset(name)
        assert text.startswith('"use strict";\n/* ') and len(text.splitlines()) <= 500
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


def test_a_view_is_saved_opened_and_shown_in_notebooks(tmp_path, monkeypatch):
    f = logistic()
    v = f.view()
    assert repr(v) == "<view of function(x, w): 12 nodes as written, 7 as it runs, 14 steps>"
    assert v.save(tmp_path / "a") == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == v.html
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert v.open(tmp_path / "b.html") == tmp_path / "b.html" and v.open().name == "graph.html"
    assert len(opened) == 2 and opened[0].startswith("file://")
    assert (
        v._repr_html_().startswith('<iframe srcdoc="&lt;!doctype') or "<iframe" in v._repr_html_()
    )


def test_what_is_no_graph_is_refused():
    with pytest.raises(TypeError, match="cannot print a str"):
        gradcore.view("x")


SCRIPT = """
import gradcore, gradcore.tensor as T
x = T.dvector("x")
f = gradcore.function([x], T.exp(x), mode="numpy")
n = 3
"""


def test_view_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert main(["view", f"{script}:f"]) == 0
    assert capsys.readouterr().out == "f.html\n"
    assert (tmp_path / "f.html").read_text().startswith("<!doctype html>")
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["view", f"{script}:x", "--into", "y.html", "--open"]) == 0 and opened
    for name, message in (
        ("script.py", "is no script.py:name"), (f"{script}:g", "it has: f, x"),
        (f"{script}:n", "cannot print a int"), ("none.py:f", "No such file"),
    ):  # fmt: skip
        assert main(["view", name]) == 2
        assert message in capsys.readouterr().err


def test_who_looks_has_built_nothing():
    """Nodes of passes come from the line that compiles: not from the one that compiles again."""
    f = recurrent()
    of = gradcore.view(f).description
    line = "of = gradcore.view(f).description"
    assert all(line not in text for lines in of.texts.values() for text in lines.values())
    last = [of.nodes[n].place for n in of.state()[0]]
    assert {of.places[k].function for k in last if k is not None} <= {"recurrent", "<lambda>"}
