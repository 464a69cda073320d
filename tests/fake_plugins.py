"""Plugins that are installed for a test, the smallest backend, and one that lacks most."""

import warnings
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.backend import ArrayBackend, Backend
from gradcore.errors import PluginWarning
from gradcore.execute import straight_line
from gradcore.plugins import registering, sources

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
        if isinstance(self.loaded, BaseException):
            raise self.loaded
        return self.loaded


@pytest.fixture
def install(monkeypatch):
    """Return a function that installs plugins, beside those that are there."""
    real = sources.entry_points
    monkeypatch.setattr(registering, "_noticed", set())

    def installed(**added):
        entries = [
            Entry(name=name, loaded=loaded, dist=SimpleNamespace(name=f"dist-{name}", version="3"))
            for name, loaded in added.items()
        ]
        monkeypatch.setattr(sources, "entry_points", lambda group: [*real(group=group), *entries])
        plugins.reload()

    yield installed
    plugins.reload()


def disabled(*names):
    """Return why plugins are disabled, by name, after checking that nothing else is."""
    with pytest.warns(PluginWarning) as reported:
        found = {gone.source.name: gone.reason for gone in plugins.registry().disabled}
    assert set(found) == set(names)
    for name in names:
        assert any(f"{name!r} (dist-{name} 3) is disabled" in str(w.message) for w in reported)
    assert gradcore.function([x], x * 2, mode="numpy")(2) == 4, "other modes work"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plugins.registry()  # the warning comes once
    return found


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
