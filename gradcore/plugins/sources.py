"""Where plugins come from: the entry points of installed distributions, or a user's own hands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from gradcore.plugins.hooks import GROUP

VARIABLE = "GRADCORE_DISABLE_PLUGINS"
"""The environment variable that names plugins to disable, with commas between them."""


@dataclass(frozen=True)
class Source:
    """Where a plugin comes from.

    name : what it is called: the name of its entry point, or that under which it was registered.
    place : what its entry point names, a module or an object in one; empty: it was registered.
    origin : the entry point, or the plugin that was registered.

    >>> from gradcore.plugins import registry
    >>> registry().owners["numpy"].place
    'gradcore_numpy'
    """

    name: str
    place: str
    origin: Any = field(compare=False, repr=False)

    @property
    def distribution(self) -> str:
        """The name and version of the distribution that it is installed with; empty: of none."""
        found = getattr(self.origin, "dist", None) if self.place else None
        return f"{found.name} {found.version}" if found is not None else ""

    def loaded(self) -> Any:
        """Return the plugin; what its import raises is raised."""
        return self.origin.load() if self.place else self.origin

    def __str__(self) -> str:
        """Return the name, and the distribution if there is one."""
        distribution = self.distribution
        return f"{self.name!r} ({distribution})" if distribution else repr(self.name)


@dataclass(frozen=True)
class Disabled:
    """A plugin that is disabled.

    source : where it comes from.
    reason : why.
    backends : the names of its backends; that of the plugin, where it could not be asked.
    chosen : whether a user has disabled it.

    >>> from gradcore.plugins import disable, enable, registry
    >>> disable("onnx")
    >>> print(next(gone for gone in registry().disabled if gone.chosen))
    the plugin 'onnx' (gradcore ...) is disabled: by gradcore.plugins.disable
    >>> enable("onnx")
    """

    source: Source
    reason: str
    backends: tuple[str, ...]
    chosen: bool = False

    def __str__(self) -> str:
        """Return a sentence that names the plugin and the reason."""
        return f"the plugin {self.source} is disabled: {self.reason}"


def sources(registered: Mapping[str, Any]) -> Iterator[Source]:
    """Yield where plugins come from: the installed ones, by name, and those that are registered."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        yield Source(entry.name, entry.value or repr(""), entry)
    for name, plugin in registered.items():
        yield Source(name, "", plugin)


def named_in_environment() -> list[str]:
    """Return the names of the plugins that the environment disables."""
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
