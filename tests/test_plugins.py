"""Plugins: found through entry points, checked, and never able to break the others."""

from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.backend import ArrayBackend, Backend
from gradcore.errors import ModeError, PluginError, UnavailableError, UnsupportedError
from gradcore.execute import straight_line
from gradcore.plugins import folding
from gradcore.rewrite import Stage

x = T.dscalar("x")


class Plain(Backend):
    """The smallest backend."""

    def __init__(self, name):
        self.name = name

    def compile(self, graph, profile=None, fallback=()):
        return straight_line(graph, lambda node: node.op.kernel(node))


def plugin(*names):
    """Return a plugin that contributes backends."""
    return SimpleNamespace(gradcore_backends=plugins.hookimpl(lambda: [Plain(n) for n in names]))


class Entry(SimpleNamespace):
    """An entry point that gives ``loaded``, or raises it."""

    group, value = plugins.GROUP, "module"

    def load(self):
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


@pytest.fixture
def install(monkeypatch):
    """Return a function that installs plugins, beside those that are there."""
    real = folding.entry_points

    def installed(**added):
        entries = [Entry(name=name, loaded=loaded) for name, loaded in added.items()]
        monkeypatch.setattr(folding, "entry_points", lambda group: [*real(group=group), *entries])
        plugins.registry.cache_clear()

    yield installed
    plugins.registry.cache_clear()


def test_a_backend_from_outside(install):
    install(other=plugin("first", "second"))
    for name in ("first", "second", "numpy"):
        f = gradcore.function([x], T.grad(x**2, x), mode=name)
        assert f(4) == 8 and f.maker.backend.name == name


def test_a_plugin_that_cannot_be_imported_is_unavailable_with_the_reason(install):
    install(broken=ImportError("No module named 'fortran'"))
    with pytest.raises(
        UnavailableError, match="'broken' cannot run here: .*ImportError: No module"
    ):
        gradcore.function([x], x, mode="broken")
    assert gradcore.function([x], x * 2)(2) == 4


def test_two_plugins_with_a_backend_of_one_name(install):
    install(one=plugin("mine"), two=plugin("mine"))
    with pytest.raises(PluginError, match="'one' and 'two' both contribute a backend 'mine'"):
        plugins.registry()
    install(thief=plugin("numpy"))
    with pytest.raises(PluginError, match="'numpy' and 'thief' both"):
        plugins.registry()


class Exotic(gradcore.Op):
    """An op without a kernel."""

    __props__ = ()

    def make_node(self, a):
        return gradcore.Apply(self, [a], [a.type()])

    def kernel(self, node):
        return lambda a: a + 1


class Poor(ArrayBackend):
    """A backend on NumPy arrays with two kernels."""

    name = "poor"
    kernels = MappingProxyType({T.mul: np.multiply})
    namespaces = (SimpleNamespace(exp=np.exp),)

    def array(self, value):
        return value

    def numpy(self, array):
        return array

    def cast(self, array, dtype):
        return array.astype(dtype)


def hooks(**found):
    """Return a plugin with these hooks."""
    return SimpleNamespace(**{name: plugins.hookimpl(hook) for name, hook in found.items()})


def test_all_that_a_backend_lacks_is_told_at_once(install):
    install(poor=hooks(gradcore_backends=lambda: [Poor()]))
    assert gradcore.function([x], T.exp(x) * 2, mode="poor")(0) == 2
    with pytest.raises(UnsupportedError) as info:
        gradcore.function([x], T.sin(x) * Exotic()(x), mode="poor")
    told = str(info.value)
    assert "cannot run 2 nodes" in told and "poor has no kernel for sin" in told
    assert "no kernel for exotic" in told and told.count("test_plugins.py") >= 2
    assert "fallback='numpy'" in told


def test_a_fallback_is_asked_for_and_told(install):
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


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"gradcore_kernels": lambda backend: {T.mul: max} if backend == "poor" else {}},
            "'mul', which the backend 'poor'",
        ),
        ({"gradcore_kernels": lambda backend: {T.sin: np.sin}}, "'numpy' takes no kernels"),
        ({"gradcore_kernels": lambda backend: {"mul": np.multiply}}, "returned 'mul'"),
        ({"gradcore_kernels": lambda backend: 3}, "no table"),
        ({"gradcore_kernels": lambda backend: {T.sin: 1}}, "returned"),
        ({"gradcore_backends": lambda: [3]}, "not what it must be"),
        ({"gradcore_backends": lambda: 3}, "not a list"),
        ({"gradcore_backends": lambda: 1 / 0}, "ZeroDivisionError"),
        ({"gradcore_ops": lambda: ["sin"]}, "which is no op"),
        ({"gradcore_rules": lambda stage: [3]}, "no rule"),
        ({"gradcore_known_failures": lambda backend: ["all"]}, "not what it must be"),
        ({"gradcore_backend": lambda: [1]}, "malformed"),
        ({"gradcore_backends": lambda wrong: []}, "malformed"),
    ],
)
def test_malformed_plugins_are_named(install, found, message):
    install(poor=hooks(gradcore_backends=lambda: [Poor()]), culprit=hooks(**found))
    with pytest.raises(PluginError, match=message) as info:
        plugins.registry()
    assert "'culprit'" in str(info.value)


def test_plugins_for_another_version():
    plugin = SimpleNamespace(GRADCORE_API=2)
    with pytest.raises(PluginError, match="written for version 2"):
        plugins.register(plugin, "future")
    assert plugins.registry()


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
    with pytest.raises(PluginError, match=r"'rules' and 'thief' both .* 'exotic_as_sum'"):
        plugins.registry()


def test_options_of_backends(install):
    @dataclass(frozen=True)
    class Chosen(Plain):
        device: str = "cpu"
        name = "chosen"

    install(chosen=hooks(gradcore_backends=lambda: [Chosen()]))
    f = gradcore.function([x], x, mode=gradcore.Mode("chosen", device="gpu"))
    assert f.maker.backend.device == "gpu"
    with pytest.raises(ModeError, match=r"no option 'devise'(.|\n)*its options: device"):
        gradcore.function([x], x, mode=gradcore.Mode("chosen", devise="gpu"))
    with pytest.raises(ModeError, match="no option 'device'"):
        gradcore.function([x], x, mode=gradcore.Mode("numpy", device="gpu"))


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
    told = "\n".join(info.value.__notes__)
    assert "exp" in told and "test_plugins.py" in told
