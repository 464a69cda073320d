"""The registry; plugins that are added to it by hand, and plugins that are disabled."""

from __future__ import annotations

import warnings
from typing import Any

from gradcore.errors import PluginError, PluginWarning, choices
from gradcore.graph import here
from gradcore.plugins.folding import Folding, Registry
from gradcore.plugins.sources import VARIABLE, Disabled, Source, named_in_environment, sources

_registered: dict[str, Any] = {}
_unwanted: dict[str, str] = {}
_faulty: dict[Source, Disabled] = {}
_current: list[tuple[Folding, Registry]] = []
"""The registry, if there is one, with the folding that it was made by."""
_noticed: set[str] = set()


def registry() -> Registry:
    """Return what the plugins contribute.

    A plugin that breaks its contract is disabled, with a `PluginWarning`, once a process.  It may
    be found to when a backend is first used: the registry is then made again without it.

    >>> found = registry()
    >>> "numpy" in found.contributed, found.backend("numpy").name
    (True, 'numpy')
    """
    while not _current or not _current[0][0].clean:
        folding = Folding(list(sources(_registered)), _disabled(), _faulty)
        _current[:] = [(folding, folding.registry())]
    _, found = _current[0]
    for message in (
        *(str(gone) for gone in found.disabled if not gone.chosen),
        *found.contested.values(),
    ):
        _notice(message)
    return found


def reload() -> None:
    """Read all plugins again when something is next asked for, as after an installation.

    >>> before = registry()
    >>> reload()
    >>> registry() is before
    False
    """
    _faulty.clear()
    _current.clear()


def register(plugin: Any, name: str | None = None) -> None:
    """Add a plugin, a module or an object with hooks, to those that are installed.

    name : what to call it in messages; by default its ``__name__``, or the name of its class.

    Raises PluginError: it is malformed or contradicts another; then nothing is added.

    >>> from gradcore.plugins import hookimpl
    >>> class Quiet:
    ...     @hookimpl
    ...     def gradcore_rules(self, stage):
    ...         return []
    >>> register(Quiet(), "quiet")
    >>> unregister("quiet")
    """
    label = name or getattr(plugin, "__name__", type(plugin).__name__)
    if any(source.name == label for source in sources(_registered)):
        raise PluginError(f"there is already a plugin {label!r}", fix="give it another name")
    faulty, contested = dict(_faulty), set(registry().contested)
    _registered[label] = plugin
    _current.clear()
    with warnings.catch_warnings(action="ignore", category=PluginWarning):
        found = registry()
    reasons = [
        *(gone.reason for gone in found.disabled if gone.source.name == label and not gone.chosen),
        *(message for backend, message in found.contested.items() if backend not in contested),
    ]
    if reasons:
        del _registered[label]
        reload()
        _faulty.update(faulty)
        raise PluginError(f"the plugin {label!r} is refused: {reasons[0]}")


def unregister(name: str) -> None:
    """Take back a plugin that was added by `register`.

    Raises PluginError: there is none of that name.

    >>> from gradcore.plugins import hookimpl
    >>> class Quiet:
    ...     @hookimpl
    ...     def gradcore_rules(self, stage):
    ...         return []
    >>> register(Quiet(), "quiet")
    >>> unregister("quiet")
    >>> unregister("quiet")
    Traceback (most recent call last):
    gradcore.errors.PluginError: no plugin 'quiet' is registered...
    """
    if name not in _registered:
        fix = choices(name, _registered, "registered")
        raise PluginError(f"no plugin {name!r} is registered", fix=fix)
    del _registered[name]
    reload()


def disable(*names: str) -> None:
    """Disable plugins from now on, as the environment variable does; `enable` undoes it.

    Functions that are compiled already go on as they are.

    Raises PluginError: there is no plugin of that name.

    >>> disable("onnx")
    >>> print(registry().backend("onnx").unavailable())
    the plugin 'onnx' (gradcore ...) is disabled: by gradcore.plugins.disable
    >>> enable("onnx")
    """
    known = [source.name for source in sources(_registered)]
    for name in names:
        if name not in known:
            raise PluginError(f"there is no plugin {name!r}", fix=choices(name, known, "plugins"))
    _unwanted.update(dict.fromkeys(names, "by gradcore.plugins.disable"))
    reload()


def enable(*names: str) -> None:
    """Enable plugins again that `disable` has disabled.

    Raises PluginError: there is none of that name among them.

    >>> disable("onnx", "torch")
    >>> enable("torch")
    >>> [gone.source.name for gone in registry().disabled if gone.chosen]
    ['onnx']
    >>> enable("onnx")
    """
    for name in names:
        if name not in _unwanted:
            fix = choices(name, _unwanted, "disabled")
            raise PluginError(f"the plugin {name!r} is not disabled", fix=fix)
    for name in names:
        del _unwanted[name]
    reload()


def _disabled() -> dict[str, str]:
    """Return the plugins that a user has disabled: for each name, by which setting."""
    named = named_in_environment()
    known = [source.name for source in sources(_registered)] if named else []
    for name in named:
        if name not in known:
            _notice(f"{VARIABLE} names {name!r}, no plugin: {choices(name, known, 'plugins')}")
    return {**dict.fromkeys(named, f"by the environment variable {VARIABLE}"), **_unwanted}


def _notice(message: str) -> None:
    """Warn, once a process."""
    if message not in _noticed:
        _noticed.add(message)
        file, line, *_ = here() or ("gradcore", 0, "")
        warnings.warn_explicit(message, PluginWarning, file, line)
