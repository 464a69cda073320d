"""Plugins that are malformed, raise or return nonsense: they are named, and hurt nobody else."""

import os
import signal
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from fake_plugins import Entry, Exotic, Plain, Poor, disabled, hooks, plugin, x

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.backend import Backend, Deferred
from gradcore.errors import PluginError, UnavailableError
from gradcore.graph.op import Arg, Sample
from gradcore.rewrite import Stage


def gradcore_backends():
    """A hook without its mark."""
    return []


def to_poor(table):
    """Return a hook that contributes kernels to the backend poor."""
    return {"gradcore_kernels": lambda backend: table if backend == "poor" else {}}


def to_c(table):
    """Return a hook that contributes lowerings to a backend that is not imported yet."""
    return {"gradcore_lowerings": lambda backend: table if backend == "c" else {}}


def known(*fields):
    """Return a known failure."""
    return plugins.KnownFailure(*fields)


class NoTable(Poor):
    """A backend whose kernels are no table."""

    kernels = 3


class NoFunction(Poor):
    """A backend with a kernel that cannot be called."""

    kernels = {T.sin: 3}  # noqa: RUF012 - a table


MALFORMED = [
    (to_poor({T.mul: max}), "for 'poor': it has one for mul already"),
    (to_poor({T.exp: max}), "for 'poor': it has one for exp already"),
    ({"gradcore_kernels": lambda backend: {T.sin: np.sin}}, "for 'numpy': it takes no kernels"),
    ({"gradcore_kernels": lambda: {T.sin: np.sin}}, "with sin, no name of a backend"),
    ({"gradcore_kernels": lambda: {"pour": {T.sin: np.sin}}}, "did you mean 'poor'"),
    ({"gradcore_kernels": lambda: {"numpy": {T.sin: np.sin}}}, "it takes no kernels"),
    ({"gradcore_kernels": lambda: 3}, "takes no argument and returned 3, no table"),
    ({"gradcore_rules": lambda: {"stabilise": []}}, "did you mean 'stabilize'"),
    ({"gradcore_rules": lambda: {"fusion": []}}, "names a stage 'fusion' that there is not"),
    ({"gradcore_known_failures": lambda: {"nunpy": []}}, "did you mean 'numpy'"),
    ({"gradcore_ops": lambda: [BadSamples]}, "ZeroDivisionError"),
    ({"gradcore_ops": lambda: [Sorted]}, "Sorted is labelled 'sort', as Sort of the core is"),
    ({"gradcore_ops": lambda: [Exotic, Other]}, "labelled 'exotic', as Exotic of its own is"),
    ({"gradcore_ops": lambda: [Nameless]}, "has a label 3, which is no name"),
    ({"gradcore_ops": lambda: [Exotic()]}, "return its class, Exotic"),
    ({"gradcore_known_failures": lambda: {"c": [known(3, "v", "r")]}}, "as its op 3"),
    ({"gradcore_known_failures": lambda: {"c": [known("exp", ["v"], "r")]}}, "no text"),
    ({"gradcore_known_failures": lambda: {"c": [known("e", "v", " ")]}}, "reason ' '"),
    ({"gradcore_known_failures": lambda: {"c": 3}}, "returned 3, which is not a list"),
    ({"gradcore_lowerings": lambda: {"c": 3}}, "gradcore_lowerings returned 3, which is no table"),
    ({"gradcore_lowerings": lambda backend: {"c": {}}}, "returned, for 'c', a table"),
    (to_c({Exotic: "a"}), "'a', which is no function"),
    (to_c({3: max}), "a table with 3; its keys are classes"),
    (to_c(3), "gradcore_lowerings returned 3, which is no table"),
    ({"gradcore_lowerings": lambda backend: 1 / 0 if backend == "c" else {}}, "ZeroDivisionError"),
    ({"gradcore_ops": lambda: [NoSamples]}, "NoSamples cannot return its samples: TypeError"),
    ({"gradcore_lowerings": lambda: {"c": None}}, "returned None, which is no table"),
    ({"gradcore_lowerings": lambda: {"c": [max]}}, "which is no table"),
    ({"gradcore_lowerings": lambda: {"c": {3: max}}}, "a table with 3; its keys are classes"),
    ({"gradcore_lowerings": lambda: {"jax": {T.sin: max}}}, "its keys are classes of ops"),
    ({"gradcore_lowerings": lambda: {"c": {Exotic: "a"}}}, "'a', which is no function"),
    ({"gradcore_kernels": lambda: {"jax": {"sin": max}}}, "with 'sin', which is no op"),
    ({"gradcore_kernels": lambda: {"jax": 3}}, "gradcore_kernels returned 3, which is no table"),
    ({"gradcore_exporters": lambda: 3}, "gradcore_exporters returned 3, which is no table"),
    ({"gradcore_exporters": lambda: {3: max}}, "returned a table with 3, no name"),
    ({"gradcore_exporters": lambda: {"a": 3}}, "for 'a', 3, which is no function"),
    ({"gradcore_exporters": lambda: 1 / 0}, "ZeroDivisionError"),
    ({"gradcore_rules": lambda: {"stabilize": 3}}, "returned 3, which is not a list"),
    ({"gradcore_backends": lambda: hang_up()}, "gradcore_backends failed: HangUp: bye"),
    ({"gradcore_backends": lambda: (hang_up() for _ in "a")}, "failed: HangUp: bye"),
    ({"gradcore_ops": lambda: [Exiting]}, "SystemExit: 4"),
    ({"gradcore_ops": lambda: [NoNode]}, "NoNode.make_node returned 3, which is no node"),
    ({"gradcore_ops": lambda: [BadEdges]}, "has among its edges 3, which is no sample"),
    ({"gradcore_rules": lambda stage: fail(Mute())}, "Mute: it cannot say what"),
    ({"gradcore_kernels": lambda backend: {"mul": np.multiply}}, "with 'mul', which is no op"),
    ({"gradcore_kernels": lambda backend: 3}, "no table"),
    ({"gradcore_kernels": lambda backend: None}, "no table"),
    ({"gradcore_kernels": lambda backend: {T.sin: 1}}, "for sin, 1, which is no function"),
    ({"gradcore_backends": lambda: [3]}, "returned 3, which is not a backend"),
    ({"gradcore_backends": lambda: [Poor]}, "return Poor(), not its class"),
    ({"gradcore_backends": lambda: [Unnamed()]}, "Unnamed, which has no name"),
    ({"gradcore_backends": lambda: [Plain(3)]}, "its name is 3"),
    ({"gradcore_backends": lambda: [Plain("a:b")]}, "whose name is 'a:b'; a name has letters"),
    ({"gradcore_backends": lambda: [NoTable()]}, "kernels of the backend 'poor' are 3, no table"),
    ({"gradcore_backends": lambda: [NoFunction()]}, "has, for sin, 3, which is no function"),
    ({"gradcore_backends": lambda: [Typo()]}, "did you mean 'float64'"),
    ({"gradcore_backends": lambda: [Plain("a"), Plain("a")]}, "two backends 'a'"),
    ({"gradcore_backends": lambda: None}, "not a list"),
    ({"gradcore_backends": lambda: 3}, "not a list"),
    ({"gradcore_backends": lambda: 1 / 0}, "ZeroDivisionError"),
    ({"gradcore_backends": lambda: (1 / 0 for _ in "a")}, "ZeroDivisionError"),
    ({"gradcore_backends": lambda: sys.exit("no")}, "SystemExit"),
    ({"gradcore_ops": lambda: ["sin"]}, "which is no op"),
    ({"gradcore_rules": lambda stage: [3]}, "not a rule"),
    ({"gradcore_rules": lambda stage: 1 / 0}, "ZeroDivisionError"),
    ({"gradcore_known_failures": lambda backend: ["all"]}, "not a KnownFailure"),
    ({"gradcore_backend": lambda: [1]}, "did you mean 'gradcore_backends'"),
    ({"gradcore_backends": lambda wrong: []}, "malformed"),
    ({}, "has no hooks"),
]  # fmt: skip


class HangUp(BaseException):
    """What is no `Exception`."""


class Mute(Exception):
    """An exception without a message."""

    def __str__(self):
        return self.message


def fail(error):
    """Raise an exception."""
    raise error


def hang_up():
    """Raise what is no `Exception`."""
    fail(HangUp("bye"))


class Sorted(gradcore.Op):
    """An op that is called as one of the core is."""

    def label(self):
        return "sort"

    @classmethod
    def samples(cls):
        return [Sample(cls(), (Arg((3,)),))]

    def make_node(self, a):
        return gradcore.Apply(self, [a], [a.type()])


class Other(Exotic):
    """An op that is called as another."""

    def label(self):
        return "exotic"

    @classmethod
    def samples(cls):
        return [Sample(cls(), (Arg((3,)),))]


class Nameless(Other):
    """An op whose label is none."""

    def label(self):
        return 3


class NoSamples(Other):
    """An op whose samples are no function."""

    samples = 3


class Exiting(Other):
    """An op that exits."""

    @classmethod
    def samples(cls):
        return sys.exit(4)


class NoNode(Other):
    """An op whose nodes are none."""

    def make_node(self, a):
        return 3


class BadEdges(Other):
    """An op whose edges are no samples."""

    @classmethod
    def edges(cls):
        return [3]


class Unnamed(Backend):
    """A backend without a name."""

    def compile(self, graph, profile=None, fallback=()):
        return None


class BadSamples(gradcore.Op):
    """An op whose samples cannot be had."""

    @classmethod
    def samples(cls):
        return 1 / 0


class Typo(Unnamed):
    """A backend with a dtype that there is not."""

    name = "typo"
    dtypes = ("float46",)


@pytest.mark.parametrize(("found", "message"), MALFORMED)
def test_malformed_plugins_disable_themselves(install, found, message):
    install(poor=hooks(gradcore_backends=lambda: [Poor()]), culprit=hooks(**found))
    assert message in disabled("culprit")["culprit"]
    assert gradcore.function([x], T.exp(x), mode="poor")(0) == 1
    with pytest.raises(PluginError, match="'by hand' is refused"):
        plugins.register(hooks(**found), "by hand")


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (SimpleNamespace(gradcore_backends=gradcore_backends), "is not marked as a hook"),
        (SimpleNamespace(gradcore_backend=gradcore_backends), "did you mean 'gradcore_backends'"),
        (SimpleNamespace(gradcore_helper=gradcore_backends), "no hook gradcore_helper"),
        (type("C", (), {"gradcore_backends": lambda self: []})(), "is not marked as a hook"),
        (SimpleNamespace(gradcore_backends=partial(list)), "no function; write @"),
        (SimpleNamespace(gradcore_backends=[Plain("a")]), "no function; write @gradcore.plugins"),
        (hooks(gradcor_ops=lambda: [Exotic]), "no hook gradcor_ops; did you mean 'gradcore_ops'"),
        (3, "3 has no hooks"),
        (SimpleNamespace(GRADCORE_API="1"), "GRADCORE_API is '1', not a whole number"),
        (SimpleNamespace(GRADCORE_API=True), "GRADCORE_API is True, not a whole number"),
        (SimpleNamespace(GRADCORE_API=2), "written for version 2"),
    ],
)
def test_what_is_no_plugin_is_reported(install, loaded, message):
    install(culprit=loaded)
    assert message in disabled("culprit")["culprit"]


def test_a_plugin_that_fails_later_takes_all_that_it_contributes_with_it(install, monkeypatch):
    monkeypatch.setitem(sys.modules, "a_late_module", SimpleNamespace(Poor=Poor))
    stage = Stage("mine")

    @stage.rule(lambda a: T.sin(a))
    def sine_as_exotic(a):
        """sin(a) = exotic(a)"""
        return Exotic()(a)

    late = Deferred("poor", "a_late_module:Poor")
    culprit = hooks(
        gradcore_backends=lambda: [Plain("mine")],
        gradcore_rules=lambda stage: [mine] if stage == "stabilize" else [],
        gradcore_kernels=lambda backend: 3 if backend == "poor" else {},
    )
    (mine,) = stage.rules
    install(poor=hooks(gradcore_backends=lambda: [late]), culprit=culprit)
    assert gradcore.function([x], T.sin(x), mode="numpy")(0) == 1
    plugins.registry().backend("poor")
    assert "no table" in disabled("culprit")["culprit"]
    assert gradcore.function([x], T.sin(x), mode="numpy")(0) == 0
    with pytest.raises(UnavailableError, match="'culprit' .* is disabled"):
        gradcore.function([x], x, mode="mine")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda run: None, "`compile` returned None, which is no function"),
        (lambda run: [run], "which is no function"),
        (lambda run: lambda *values: None, "returned None, not a list of 1 arrays"),
        (lambda run: lambda *values: run(*values)[0], "not a list of 1 arrays"),
        (lambda run: lambda *values: [*run(*values)] * 2, "returned 2 values for 1 outputs"),
        (lambda run: lambda *values: [], "returned 0 values for 1 outputs"),
        (lambda run: lambda *values: [[1.0]], "as output 0, which is no array"),
    ],
)
def test_a_backend_that_returns_nonsense_is_named(install, made, message):
    class Nonsense(Plain):
        def compile(self, graph, profile=None, fallback=()):
            return made(super().compile(graph, profile, fallback))

    install(culprit=hooks(gradcore_backends=lambda: [Nonsense("bad")]))
    reported = rf"the backend 'bad' of the plugin 'culprit' \(dist-culprit 3\) .*{message}"
    with pytest.raises(PluginError, match=reported):
        gradcore.function([x], x + 1, mode="bad")(1)


def test_a_backend_that_cannot_say_what_it_lacks_is_named(install):
    class Lost(Plain):
        def missing(self, node):
            return 1 / 0

    install(lost=hooks(gradcore_backends=lambda: [Lost("lost")]))
    with pytest.raises(ZeroDivisionError) as caught:
        gradcore.function([x], x * 2, mode="lost")
    assert "the backend 'lost' of the plugin 'lost'" in caught.value.__notes__[0]


def test_a_backend_that_cannot_be_asked_hurts_nobody_else(install):
    class Mute(Plain):
        def unavailable(self):
            return 1 / 0

    class Vague(Plain):
        def unavailable(self):
            return False

    late = Deferred("late", "math:floor"), Deferred("later", "math:nothing")
    other = Deferred("none", "builtins:int"), Deferred("other", "gradcore_numpy:NumpyBackend")
    offered = [Mute("mute"), Vague("vague"), *late, *other]
    install(mute=hooks(gradcore_backends=lambda: offered))
    assert plugins.registry().disabled == ()
    for name, reported in (
        ("mute", "ZeroDivisionError"), ("late", "TypeError"), ("later", "AttributeError"),
        ("none", "plugin 'mute'.*loaded as 0"), ("other", "no backend of that name"),
        ("vague", "plugin 'mute'.*returned False"),
    ):  # fmt: skip
        with pytest.raises(
            (PluginError, UnavailableError), match=f"'{name}' cannot run.*{reported}"
        ):
            gradcore.function([x], x, mode=name)
    assert {b.name for b in gradcore.backends() if not b.available} >= {"mute", "late", "later"}
    assert gradcore.function([x], x * 2, mode="numpy")(2) == 4


def test_a_backend_that_fails_to_compile_or_to_answer_is_named(install):
    class Failing(Plain):
        def compile(self, graph, profile=None, fallback=()):
            raise KeyError("oops")

        def version(self):
            return 1 / 0

    class Vague(Plain):
        def missing(self, node):
            return False

    install(culprit=hooks(gradcore_backends=lambda: [Failing("bad"), Vague("vague")]))
    with pytest.raises(KeyError) as info:
        gradcore.function([x], x + 1, mode="bad")
    assert "the plugin 'culprit' (dist-culprit 3)" in "".join(info.value.__notes__)
    with pytest.raises(PluginError, match="'vague' .* returned False, no sentence or None"):
        gradcore.function([x], x + 1, mode="vague")
    listed = {b.name: b.reason for b in gradcore.backends()}
    assert "cannot be asked: ZeroDivisionError" in listed["bad"] and listed["numpy"] is None


def test_whatever_a_backend_raises_when_it_is_asked_hurts_nobody_else(install):
    class Leaving(Plain):
        def unavailable(self):
            return hang_up()

    class Late(Plain):
        def version(self):
            return hang_up()

    install(leaving=hooks(gradcore_backends=lambda: [Leaving("leaving"), Late("late")]))
    with pytest.raises(PluginError, match="'leaving' cannot run here.*HangUp: bye"):
        gradcore.function([x], x, mode="leaving")
    listed = {b.name: b.reason for b in gradcore.backends()}
    assert "HangUp: bye" in listed["late"] and listed["numpy"] is None


def test_two_plugins_with_an_op_of_one_label(install):
    install(one=hooks(gradcore_ops=lambda: [Exotic]), two=hooks(gradcore_ops=lambda: [Other]))
    found = disabled("one", "two")
    assert "both contribute an op labelled 'exotic'" in found["one"] == found["two"]
    install(one=hooks(gradcore_ops=lambda: [Exotic]), two=hooks(gradcore_ops=lambda: [Exotic]))


def test_a_function_of_a_library_that_a_backend_does_not_take_is_reported(install):
    added = {"test_plugin_faults_function": 3}
    install(culprit=hooks(gradcore_lowerings=lambda backend: added if backend == "c" else {}))
    plugins.registry().backend("c")
    assert "test_plugin_faults_function' is 3, no Source" in disabled("culprit")["culprit"]


@pytest.mark.parametrize("hook", ["import", "gradcore_ops", "loaded"])
def test_an_interrupt_says_which_plugin_was_being_loaded(install, monkeypatch, hook):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "a_slow_module", SimpleNamespace(Slow=interrupted))
    slow = Deferred("slow", "a_slow_module:Slow")
    loaded = {
        "import": KeyboardInterrupt(),
        "gradcore_ops": hooks(gradcore_ops=interrupted),
        "loaded": hooks(gradcore_backends=lambda: [slow]),
    }
    install(slow=loaded[hook])
    with pytest.raises(KeyboardInterrupt) as caught:
        gradcore.function([x], x, mode="slow")
    (note,) = caught.value.__notes__
    assert "loaded the plugin 'slow' (dist-slow 3) from module" in note
    assert "GRADCORE_DISABLE_PLUGINS=slow in the environment disables it" in note
    monkeypatch.setenv("GRADCORE_DISABLE_PLUGINS", "slow")
    plugins.reload()
    assert gradcore.function([x], x * 2, mode="numpy")(2) == 4


def test_a_plugin_that_hangs_while_it_is_imported_is_named_by_ctrl_c(tmp_path):
    (tmp_path / "a_hanging_plugin.py").write_text(
        "import threading\nprint('hanging', flush=True)\nthreading.Event().wait(60)\n"
    )
    info = tmp_path / "a_hanging_plugin-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-hanging-plugin\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[gradcore]\nhanging = a_hanging_plugin\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    asks = [sys.executable, "-c", (
        # a shell lets what it runs in the background, such as these tests, ignore Ctrl-C
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import gradcore; print(gradcore.plugins.registry().disabled)"
    )]  # fmt: skip
    with subprocess.Popen(
        asks, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGINT)
        _, reported = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in reported
    assert "the plugin 'hanging' (a-hanging-plugin 1.5) from a_hanging_plugin" in reported
    environment["GRADCORE_DISABLE_PLUGINS"] = "hanging"
    subprocess.run(asks, env=environment, check=True, timeout=30, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("value", ["", "a b c", "module:", ":object", "module:a:b"])
def test_an_entry_point_that_names_nothing_is_reported(install, monkeypatch, value):
    monkeypatch.setattr(Entry, "value", value)
    install(culprit=plugin("mine"))
    assert f"its entry point is {value or repr('')}, no module" in disabled("culprit")["culprit"]
