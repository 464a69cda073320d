"""The registry, and plugins that are added to it by hand."""

from __future__ import annotations

import functools
from typing import Any

from gradcore.errors import PluginError
from gradcore.plugins.folding import Folding, Registry

_registered: dict[str, Any] = {}


def register(plugin: Any, name: str | None = None) -> None:
    """Add a plugin, a module or an object with hooks, to those that are installed.

    name : what to call it in messages; by default its ``__name__``, or the name of its class.

    Raises PluginError: it is malformed or contradicts another; then nothing is added.
    """
    label = name or getattr(plugin, "__name__", type(plugin).__name__)
    if label in _registered:
        raise PluginError(f"there is already a plugin {label!r}", fix="give it another name")
    _registered[label] = plugin
    registry.cache_clear()
    try:
        registry()
    except PluginError:
        unregister(label)
        raise


def unregister(name: str) -> None:
    """Take back a plugin that was added by `register`."""
    del _registered[name]
    registry.cache_clear()


@functools.cache
def registry() -> Registry:
    """Return what the plugins contribute.

    Raises PluginError: a plugin is malformed, or two contradict one another.
    """
    return Folding(_registered).registry()
