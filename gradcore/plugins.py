"""What plugins contribute, and the one frozen registry that it is folded into.

A plugin is a module (or object) with hooks that return data.  It is found through the ``gradcore``
entry-point group, when something is first asked for.  Conflicts are errors that name both plugins;
a plugin that cannot be imported makes its backend unavailable, with the reason.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType

import pluggy

from gradcore.backend import Backend, Unavailable
from gradcore.errors import PluginError

GROUP = "gradcore"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """The hooks, each called once."""

    @hookspec
    def gradcore_backends(self) -> Iterable[Backend]:
        """Return backends, usable or not; an unusable one says why."""
        return ()


@dataclass(frozen=True)
class Registry:
    """All that plugins contribute.

    backends : by name.
    """

    backends: Mapping[str, Backend]


@functools.cache
def registry() -> Registry:
    """Return what the installed plugins contribute.

    Raises PluginError: two plugins contribute a backend of one name.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    backends: dict[str, Backend] = {}
    owners: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        try:
            manager.register(entry.load(), name=entry.name)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the others must work
            backends[entry.name] = Unavailable(entry.name, f"{type(error).__name__}: {error}")
            owners[entry.name] = entry.value
    for hook in manager.hook.gradcore_backends.get_hookimpls():
        contributed: Iterable[Backend] = hook.function()  # pyright: ignore[reportAssignmentType] - as the hook says
        for backend in contributed:
            if backend.name in backends:
                raise PluginError(
                    f"the plugins {owners[backend.name]!r} and {hook.plugin_name!r} both "
                    f"contribute a backend {backend.name!r}",
                    fix="uninstall one of them",
                )
            backends[backend.name] = backend
            owners[backend.name] = hook.plugin_name
    manager.check_pending()
    return Registry(MappingProxyType(backends))
