"""Plugins: found, read, chosen, and what they contribute."""

import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from fake_plugins import Exotic, Plain, Poor, disabled, hooks, plugin

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.backend import lacking, refuse
from gradcore.backend.loops import LoopBackend
from gradcore.cli import main
from gradcore.errors import (
    ModeError,
    PluginError,
    PluginWarning,
    ShapeError,
    UnavailableError,
    UnsupportedError,
)
from gradcore.execute import straight_line
from gradcore.ops.linalg import Dot
from gradcore.rewrite import Stage

x = T.dscalar("x")


def test_a_backend_from_outside(install):
    install(other=plugin("first", "second"))
    for name in ("first", "second", "numpy"):
        f = gradcore.function([x], T.grad(x**2, x), mode=name)
        assert f(4) == 8 and f.maker.backend.name == name


def test_a_plugin_that_cannot_be_imported_is_unavailable_with_the_reason(install):
    install(broken=ImportError("No module named 'fortran'"))
    assert "ImportError: No module named 'fortran'" in disabled("broken")["broken"]
    with pytest.raises(
        UnavailableError, match="'broken' cannot run here: .*ImportError: No module"
    ):
        gradcore.function([x], x, mode="broken")
    assert gradcore.function([x], x * 2)(2) == 4


@pytest.mark.parametrize("raised", [SyntaxError("bad"), SystemExit(3), RuntimeError(), OSError(2)])
def test_whatever_an_import_raises_disables_the_plugin_alone(install, raised):
    install(broken=raised)
    assert type(raised).__name__ in disabled("broken")["broken"]


def test_two_plugins_with_a_backend_of_one_name(install):
    install(one=plugin("mine"), two=plugin("mine", "fine"))
    both = r"'one' \(dist-one 3\) and 'two' \(dist-two 3\) both contribute a backend 'mine'"
    with pytest.warns(PluginWarning, match=both):
        assert plugins.registry().contested.keys() == {"mine"}
    for mode in ("numpy", "fine"):
        assert gradcore.function([x], x * 2, mode=mode)(2) == 4
    with pytest.raises(PluginError, match=both):
        gradcore.function([x], x * 2, mode="mine")
    listed = {b.name: b.reason for b in gradcore.backends()}
    assert "both contribute" in listed["mine"] and listed["fine"] is None
    install(thief=plugin("numpy"))
    with pytest.warns(PluginWarning, match=r"'numpy' \(gradcore .* and 'thief' .* both"):
        plugins.registry()


def test_two_plugins_with_a_kernel_for_one_op(install):
    hook = hooks(gradcore_kernels=lambda backend: {T.sin: np.sin} if backend == "poor" else {})
    install(poor=hooks(gradcore_backends=lambda: [Poor()]), one=hook, two=hook)
    found = disabled("one", "two")
    assert "both contribute a kernel of 'poor' for 'sin'" in found["one"] == found["two"]
    assert gradcore.function([x], T.exp(x), mode="poor")(0) == 1


def test_an_entry_point_name_may_be_that_of_another_distribution(install):
    install(numpy=plugin("other"))
    assert gradcore.function([x], x * 2, mode="other")(2) == 4
    assert gradcore.function([x], x * 2, mode="numpy")(2) == 4


def test_plugins_are_left_out_by_the_environment(install, monkeypatch):
    install(one=plugin("first"), two=plugin("second"), broken=ImportError("gone"))
    monkeypatch.setenv("GRADCORE_DISABLE_PLUGINS", "one, broken")
    plugins.reload()
    assert {gone.source.name for gone in plugins.registry().disabled} == {"one", "broken"}
    assert gradcore.function([x], x * 2, mode="second")(2) == 4
    with pytest.raises(UnavailableError, match="environment variable GRADCORE_DISABLE_PLUGINS"):
        gradcore.function([x], x, mode="one")
    with pytest.raises(ModeError, match="no backend 'first'"):
        gradcore.function([x], x, mode="first")
    install(one=plugin("first"), two=plugin("second"))
    monkeypatch.setenv("GRADCORE_DISABLE_PLUGINS", "twoo")
    with pytest.warns(PluginWarning, match="(?s)names 'twoo'.*did you mean 'two'.*"):
        assert "first" in plugins.registry().contributed


def test_plugins_are_left_out_by_hand(install):
    install(one=plugin("first"))
    plugins.disable("one")
    try:
        with pytest.raises(ModeError, match="no backend 'first'"):
            gradcore.function([x], x, mode="first")
        with pytest.raises(PluginError, match=r"no plugin 'onee'(.|\n)*did you mean 'one'"):
            plugins.disable("onee")
    finally:
        plugins.enable("one")
    assert gradcore.function([x], x * 2, mode="first")(2) == 4
    with pytest.raises(PluginError, match="'one' is not disabled"):
        plugins.enable("one")


def test_plugins_are_read_when_something_is_asked_for():
    asked = "import gradcore, gradcore.plugins.registering as r; assert not r._current"
    subprocess.run([sys.executable, "-c", asked], check=True)


def test_all_that_a_backend_lacks_is_reported_at_once(install):
    install(poor=hooks(gradcore_backends=lambda: [Poor()]))
    assert gradcore.function([x], T.exp(x) * 2, mode="poor")(0) == 2
    with pytest.raises(UnsupportedError) as info:
        gradcore.function([x], T.sin(x) * Exotic()(x), mode="poor")
    reported = str(info.value)
    assert "cannot run 2 nodes" in reported and "poor has no kernel for sin" in reported
    assert "no kernel for exotic" in reported
    assert "test_plugins.py" in reported and "fake_plugins.py" in reported, (
        "where each node was made"
    )
    assert "fallback='numpy'" in reported


def test_a_fallback_is_asked_for_and_reported(install):
    install(poor=hooks(gradcore_backends=lambda: [Poor()]))
    f = gradcore.function([x], T.sin(x) * T.exp(x), mode=gradcore.Mode("poor", fallback="numpy"))
    assert f(0.5) == np.sin(0.5) * np.exp(0.5)
    (lack,) = f.maker.fallback
    assert lack.node.op is T.sin and "no kernel" in lack.reason
    assert gradcore.function([x], T.exp(x), mode="poor").maker.fallback == ()
    with pytest.raises(ModeError, match="the only fallback is 'numpy'"):
        gradcore.Mode("poor", fallback="fortran")


def test_kernels_for_another_backend(install):
    install(
        poor=hooks(gradcore_backends=lambda: [Poor()]),
        more=hooks(gradcore_kernels=lambda backend: {T.sin: np.sin} if backend == "poor" else {}),
    )
    assert gradcore.function([x], T.sin(x), mode="poor")(0) == 0


def test_disabled_plugins_are_listed(install, capsys):
    install(culprit=SimpleNamespace(GRADCORE_API=2))
    disabled("culprit")
    for command in ("backends", "doctor"):
        assert main([command]) == 0
        reported = " ".join(capsys.readouterr().out.split())
        assert "culprit" in reported and "dist-culprit" in reported and "version 2" in reported
    with pytest.raises(ModeError, match="the plugin 'culprit' .*dist-culprit 3.* version 2"):
        gradcore.function([x], x, mode="culprid")


def test_registering_by_hand():
    plugins.register(plugin("byhand"), "mine")
    try:
        assert gradcore.function([x], x + 1, mode="byhand")(1) == 2
        with pytest.raises(PluginError, match="already a plugin 'mine'"):
            plugins.register(plugin("another"), "mine")
        with pytest.raises(PluginError, match="both contribute a backend 'byhand'"):
            plugins.register(plugin("byhand"), "other")
        assert "byhand" in plugins.registry().contributed
    finally:
        plugins.unregister("mine")
    assert "byhand" not in plugins.registry().contributed


def test_rules_and_ops_of_plugins(install):
    stage = Stage("mine")

    @stage.rule(lambda a: Exotic()(a))
    def exotic_as_sum(a):
        """exotic(a) = a + 1"""
        return a + 1

    mine = stage.rules
    rules = hooks(
        gradcore_rules=lambda stage: mine if stage == "canonicalize" else [],
        gradcore_ops=lambda: [Exotic],
    )
    install(rules=rules)
    f = gradcore.function([x], Exotic()(x) * 2, mode="numpy")
    assert f(1) == 4 and "exotic_as_sum" in {fired.rule for fired in f.maker.trace}
    assert Exotic in plugins.registry().ops
    again = hooks(gradcore_rules=lambda stage: mine if stage == "stabilize" else [])
    install(rules=rules, again=again)
    assert plugins.registry()
    install(
        rules=rules,
        thief=hooks(gradcore_rules=lambda stage: mine if stage == "canonicalize" else []),
    )
    found = disabled("rules", "thief")
    assert "both contribute a rule 'exotic_as_sum' of 'canonicalize'" in found["thief"]


def test_options_of_backends(install):
    @dataclass(frozen=True)
    class Chosen(Plain):
        device: str = "cpu"
        threads: int = 1
        ratio: float | None = None
        name = "chosen"

        def __post_init__(self):
            if self.threads < 1:
                raise ValueError("there is no such number of threads")

    install(chosen=hooks(gradcore_backends=lambda: [Chosen()]))

    def compiled(backend="chosen", **options):
        return gradcore.function([x], x, mode=gradcore.Mode(backend, **options))

    found = compiled(device="gpu", threads=np.int64(2), ratio=1).maker.backend
    assert (found.device, found.threads, found.ratio) == ("gpu", 2, 1)
    for options, message in (
        ({"devise": "gpu"}, "no option 'devise'.*did you mean 'device'.*its options: device"),
        ({"optimiser": False}, "no option 'optimiser'.*did you mean 'optimizer'"),
        ({"threads": "two"}, "'threads' of the backend 'chosen' cannot be 'two'.*declared as int"),
        ({"threads": True}, "cannot be True"),
        ({"threads": 1.5}, "cannot be 1.5"),
        ({"device": None}, "cannot be None.*declared as str"),
        ({"ratio": "x"}, "declared as float | None"),
        ({"threads": 0}, "'chosen' refuses its options: there is no such number of threads"),
    ):
        with pytest.raises(ModeError, match=f"(?s){message}"):
            compiled(**options)
    with pytest.raises(ModeError, match="no option 'device'"):
        compiled("numpy", device="gpu")


def test_a_hook_may_return_a_table_by_backend_or_stage(install):
    known = plugins.KnownFailure("exp", "value", "it is poor")
    install(
        poor=hooks(gradcore_backends=lambda: [Poor()]),
        more=hooks(
            gradcore_kernels=lambda: {"poor": {T.sin: np.sin}, "not_installed": {T.sin: None}},
            gradcore_known_failures=lambda: {"poor": [known]},
            gradcore_rules=lambda: {"stabilize": []},
        ),
    )
    assert plugins.registry().disabled == ()
    assert plugins.registry().known_failures["poor"] == (known,)
    assert gradcore.function([x], T.sin(x), mode="poor")(0) == 0
    with pytest.raises(PluginError, match="(?s)no backend 'pour'.*did you mean 'poor'"):
        plugins.registry().backend("pour")


def test_what_an_op_without_code_needs_is_reported(declare):
    cube = declare("test_plugins_cube", lambda a: a**3, "a cube")
    with pytest.raises(UnsupportedError, match=r"(?s)`expansion=`.*declare what is missing"):
        refuse(Loops(), lacking(Loops(), gradcore.FunctionGraph((x,), (cube(x),))))


class Loops(LoopBackend):
    """A backend that generates code, as far as it is asked here."""

    name = "loops"

    def renderer(self):
        raise AssertionError

    def loaded_program(self, program, rendered):
        raise AssertionError


@pytest.mark.parametrize("raised", [TypeError("no"), ValueError("no"), RuntimeError("no")])
def test_what_a_kernel_refuses_is_raised_as_the_reference_does(install, raised):
    def refusing(node):
        def run(a, b):
            if a.shape[1] == len(b):
                return a @ b
            raise raised

        return run

    table = {Dot: refusing}
    install(
        poor=hooks(gradcore_backends=lambda: [Poor()], gradcore_kernels=lambda: {"poor": table})
    )
    A, b = T.dmatrix("A"), T.dvector("b")
    f = gradcore.function([A, b], T.dot(A, b), mode="poor")
    assert f([[1, 2]], [3, 4]) == [11]
    with pytest.raises(ShapeError, match="dot") as caught:
        f([[1, 2]], [3, 4, 5])
    assert caught.value.__cause__ is raised


def test_an_error_while_running_names_the_node_and_the_line(install):
    class Failing(Plain):
        def compile(self, graph, profile=None, fallback=()):
            def kernel(node):
                def run(*arrays):
                    raise ZeroDivisionError("on purpose")

                return run

            return straight_line(graph, kernel)

    install(failing=SimpleNamespace(gradcore_backends=plugins.hookimpl(lambda: [Failing("bad")])))
    f = gradcore.function([x], T.exp(x), mode="bad")
    with pytest.raises(ZeroDivisionError, match="on purpose") as info:
        f(1)
    reported = "\n".join(info.value.__notes__)
    assert "exp" in reported and "test_plugins.py" in reported


def test_a_target_of_export_from_outside(install, tmp_path):
    def listed(given, deep=False):
        return {"names.txt": ", ".join(a.name for a in given.arguments), "bytes": b"\x00" * deep}

    install(mine=hooks(gradcore_exporters=lambda: {"names": listed, "none": "no_such:place"}))
    f = gradcore.function([x, T.dscalar("y")], x * 2, on_unused_input="ignore")
    gradcore.export(f, tmp_path, target="names", name="f", deep=True)
    assert (tmp_path / "names.txt").read_text() == "x, y"
    assert (tmp_path / "bytes").read_bytes() == b"\x00"
    with pytest.raises(UnavailableError, match="'none' cannot be used here: No module"):
        gradcore.export(f, tmp_path, target="none", name="f")


def test_two_plugins_with_a_target_of_one_name(install):
    hook = hooks(gradcore_exporters=lambda: {"mine": print})
    install(one=hook, two=hook)
    found = disabled("one", "two")
    assert "both contribute a target 'mine' of export" in found["one"] == found["two"]
