"""Plugins: found through entry points, checked, and never able to break the others."""

from types import SimpleNamespace

import pytest

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.backend import Backend
from gradcore.errors import PluginError, UnavailableError
from gradcore.execute import straight_line

x = T.dscalar("x")


class Plain(Backend):
    """The smallest backend."""

    def __init__(self, name):
        self.name = name

    def compile(self, graph, profile=None):
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
    real = plugins.entry_points

    def installed(**added):
        entries = [Entry(name=name, loaded=loaded) for name, loaded in added.items()]
        monkeypatch.setattr(plugins, "entry_points", lambda group: [*real(group=group), *entries])
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
    with pytest.raises(UnavailableError, match="'broken' cannot run here: ImportError: No module"):
        gradcore.function([x], x, mode="broken")
    assert gradcore.function([x], x * 2)(2) == 4


def test_two_plugins_with_a_backend_of_one_name(install):
    install(one=plugin("mine"), two=plugin("mine"))
    with pytest.raises(PluginError, match="'one' and 'two' both contribute a backend 'mine'"):
        plugins.registry()
    install(thief=plugin("numpy"))
    with pytest.raises(PluginError, match="'numpy' and 'thief' both"):
        plugins.registry()


def test_an_error_while_running_names_the_node_and_the_line(install):
    class Failing(Plain):
        def compile(self, graph, profile=None):
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
