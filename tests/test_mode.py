"""Modes: backends, optimizers and options by name."""

import dataclasses
import sys

import numpy as np
import pytest
from new_process import in_a_new_process

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.backend import Deferred, Unavailable
from gradcore.backend.contract import OF_EVERY_MODE
from gradcore.errors import DebugModeError, ModeError, UnavailableError
from gradcore.plugins import registry
from gradcore.rewrite import Group

x, y = T.dscalars("x", "y")


def test_optimizers_can_be_chosen():
    z = T.log(1 + T.exp(x * 1))
    plain = function([x], z, mode=Mode("numpy", optimizer=False))
    assert [n.op.name for n in plain.maker.fgraph.nodes] == ["mul", "exp", "add", "log"]
    some = function([x], z, mode=Mode("numpy", optimizer=("canonicalize",)))
    assert [n.op.name for n in some.maker.fgraph.nodes] == ["exp", "add", "log"]
    without = function([x], z, mode=Mode("numpy").excluding("stabilize"))
    assert "softplus" not in gradcore.pp(without)
    assert plain(2) == some(2) == pytest.approx(without(2))
    with pytest.raises(ModeError, match="no stage 'odd'.*\n.*\n.*canonicalize"):
        function([x], z, mode=Mode("numpy", optimizer=("odd",)))


def test_names_of_modes():
    best = "numpy" if registry().backend("c").unavailable() else "c"
    for mode in ("FAST_RUN", None, Mode()):
        f = function([x], T.exp(x) * 1, mode=mode)
        assert f(0) == 1 and f.maker.backend.name == best
    for mode in ("numpy", "FAST_COMPILE", "DebugMode", "DEBUG_MODE"):
        f = function([x], T.exp(x) * 1, mode=mode)
        assert f(0) == 1 and f.maker.backend.name == "numpy"
    with gradcore.config.change_flags(mode="FAST_COMPILE"):
        assert function([x], x + 1).maker.mode.optimizer == ("canonicalize",)
    with pytest.raises(ModeError, match="no backend 'fortran'(.|\n)*installed: .*numpy"):
        function([x], x, mode="fortran")


def test_a_backend_that_cannot_run_says_why(monkeypatch):
    lacking = Unavailable("lacking", "it is not installed: pip install it")
    backends = {**registry().contributed, "lacking": lacking}
    monkeypatch.setattr("gradcore.mode.registry", lambda: type(registry())(backends))
    with pytest.raises(UnavailableError, match="'lacking' cannot run here: it is not installed"):
        function([x], x, mode="lacking")
    assert function([x], x)(1) == 1


def test_debug_mode_finds_rules_that_lie():
    from gradcore.rewrite import Stage

    liar = Stage("liar")
    liar.rule(lambda p: T.exp(p))(lambda p: T.exp(p + 1))
    mode = Mode("numpy", optimizer=(liar,), debug=True)
    with pytest.raises(DebugModeError, match="when the graph is rewritten") as info:
        function([x], T.exp(T.sin(x)) * 2, mode=Mode("numpy", optimizer=(once(liar),), debug=True))(
            1
        )
    assert "test_mode.py" in str(info.value) and mode.debug


def test_options_are_checked_where_a_mode_is_made_if_no_library_is_imported_for_it(monkeypatch):
    place, library = "a_slow_backend:Slow", "a_slow_library"
    slow, quick = Deferred("slow", place, library), Deferred("slow", place)
    assert not slow.quick and quick.quick
    monkeypatch.setitem(sys.modules, library, sys)
    assert slow.quick
    found, _ = in_a_new_process("""
        import json, sys, gradcore
        for name in ("jax", "torch"):
            gradcore.Mode(name, no_such_option=1)
        print(json.dumps([name for name in ("jax", "torch") if name in sys.modules]))
    """)
    assert found == []


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Mode("nunpy").resolved_backend(), "no backend 'nunpy'.*did you mean 'numpy'"),
        (lambda: Mode("Numpy").resolved_backend(), "did you mean 'numpy'"),
        (lambda: Mode("FAST_RUM").resolved_backend(), "did you mean 'FAST_RUN'"),
        (lambda: Mode("numpy", optimiser=False), "did you mean 'optimizer'"),
        (lambda: Mode("c", threads="two"), "'threads' .*'c' cannot be 'two'"),
        (lambda: Mode("c", threads=-1).resolved_backend(), "'c' refuses .*threads=-1"),
        (lambda: Mode("c", threads=10**30).resolved_backend(), "'c' refuses .*threads=10+ "),
        (lambda: Mode("c", thread=2), "no option 'thread'.*mean 'threads'"),
        (lambda: Mode("c", flush=True), "no option 'flush'.*did you mean 'flush_subnormals'"),
        (lambda: Mode("cuda", runtim="host"), "no option 'runtim'.*did you mean 'runtime'"),
        (lambda: Mode("").resolved_backend(), "the name of a mode is empty.*installed: .*numpy"),
        (lambda: function([x], x, mode=" \t"), "the name of a mode is empty.*installed: .*numpy"),
        (lambda: Mode("c ").resolved_backend(), "no backend 'c '.*did you mean 'c'"),
        (lambda: Mode("C").resolved_backend(), "no backend 'C'.*did you mean 'c'"),
        (lambda: Mode("FAST_RUN").resolved_backend(), r"a whole mode: function\(.*'FAST_RUN'\)"),
        (lambda: Mode(b"numpy"), "not b'numpy'.*did you mean 'numpy'"),
        (lambda: Mode(["numpy"]), r"not \['numpy'\].*did you mean 'numpy'"),
        (lambda: Mode(("c", None)), r"not \('c', None\).*installed: "),
        (lambda: Mode(Mode("numpy").resolved_backend()), "did you mean 'numpy'"),
        (lambda: Mode(type(Mode("numpy").resolved_backend())), "did you mean 'numpy'"),
        (lambda: function([x], x, mode=Mode), r"not <class 'gradcore.mode.Mode'>.*mean 'Mode\(\)'"),
        (lambda: function([x], x, mode=np.array(["c", "numpy"])), "the name of a backend, not arr"),
        (lambda: Mode("c", fallback=np.array(["numpy", "c"])), "the only fallback is 'numpy'"),
        (lambda: Mode("c", fallback="NumPy"), "the only fallback is 'numpy', .*not 'NumPy'"),
        (lambda: Mode("c", optimizer="fast_run"), "not 'fast_run'.*stages: canonicalize"),
        (lambda: Mode("c", optimizer=[b"stabilize"]), "did you mean 'stabilize'"),
        (lambda: Mode("c").excluding(["stabilize"]), "did you mean 'stabilize'"),
        (lambda: Mode("c").excluding(None), "no stage, pass or rule None.*stages: canonicalize"),
        (lambda: Mode(3), "the name of a backend, not 3"),
        (lambda: function([], [], mode=3), "the name of a backend, not 3"),
        (lambda: Mode("numpy", optimizer="canonicalize"), r"\('canonicalize',\) is one stage"),
        (lambda: Mode("numpy", optimizer=None), "a list of stages, not None"),
        (lambda: Mode("numpy", optimizer=[3]), "a list of stages, not"),
        (lambda: Mode("numpy", debug="yes"), "debug is True or False, not 'yes'"),
        (lambda: Mode(optimizer=("canonicalise",)).stages(), "did you mean 'canonicalize'"),
        (lambda: Mode().excluding("stabilise"), "did you mean 'stabilize'.*stages: canon"),
        (lambda: Mode().excluding("log1p_off"), "no stage, pass or rule .*did you mean 'log1p_of'"),
    ],
)
def test_what_a_mode_does_not_take_is_reported_with_what_may_be_meant(made, message):
    with pytest.raises(ModeError, match=f"(?s){message}"):
        made()


def test_what_every_mode_takes_is_what_a_backend_hints_at():
    taken = {field.name for field in dataclasses.fields(Mode)} - {"backend", "options"}
    assert taken == set(OF_EVERY_MODE)


def test_rules_passes_and_stages_are_left_out():
    x = T.dscalar("x")
    compiled = function([x], T.log(1 + x), mode=Mode("numpy").excluding("log1p_of", "loops"))
    assert gradcore.pp(compiled.maker.fgraph.outputs[0]) == "log((1 + x))"
    within = Mode("numpy").excluding("push_out")
    assert len(within.stages()) == len(Mode("numpy").stages())
    assert all(
        stage.name != "push_out"
        for group in within.stages()
        if isinstance(group, Group)
        for stage in group.stages
    )


def once(stage):
    """Return a stage whose rules fire on a graph once, rather than for ever."""
    from gradcore.graph import FunctionGraph
    from gradcore.rewrite import Pass

    return Pass("liar", lambda g: FunctionGraph(g.inputs, tuple(o + 1 for o in g.outputs)))
