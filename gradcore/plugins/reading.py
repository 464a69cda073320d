"""The reading of one plugin: its hooks are found, called and checked, whatever it is or returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pluggy

from gradcore.backend import Backend
from gradcore.errors import PluginError, choices
from gradcore.graph import Op
from gradcore.plugins.checking import (
    check_exporters,
    check_kernels,
    check_lowerings,
    check_op,
    checked_backend,
)
from gradcore.plugins.faults import faults
from gradcore.plugins.hooks import API, GROUP, Hooks, KnownFailure
from gradcore.plugins.sources import Source
from gradcore.rewrite import Pass, Rule

HOOKS = tuple(name for name in vars(Hooks) if name.startswith(f"{GROUP}_"))
"""The names of the hooks."""

PLACE = re.compile(r"[\w.]+\s*(:\s*[\w.]+\s*)?(\[.*\])?")
"""What an entry point looks like."""

MARK = f"{GROUP}_impl"
"""The attribute that `hookimpl` sets."""


@dataclass(frozen=True)
class Plugin:
    """A plugin whose hooks are hooks.

    source : where it comes from.
    hooks : what is called for each, with the names of its arguments.
    """

    source: Source
    hooks: Mapping[str, tuple[Any, tuple[str, ...]]]

    # what it contributes ------------------------------------------------------------------------
    def backends(self) -> list[Backend]:
        """Return its backends.

        Raises PluginError, as all methods do: the hook fails, or returns what it must not.
        """
        return [checked_backend(b) for b in self._items("gradcore_backends", Backend, "a backend")]

    def ops(self) -> list[Op | type[Op]]:
        """Return the ops that the plugin contributes, checked."""
        found = self._items("gradcore_ops", object, "an op")
        for op in found:
            check_op(op)
        return found

    def rules(self, stage: str) -> list[Rule | Pass]:
        """Return its rules for a stage, and its passes after it."""
        return self._items("gradcore_rules", Rule | Pass, "a rule or pass", stage)

    def known_failures(self, backend: str) -> list[KnownFailure]:
        """Return what it says that a backend fails."""
        return self._items("gradcore_known_failures", KnownFailure, "a KnownFailure", backend)

    def kernels(self, backend: str) -> dict[Any, Any]:
        """Return its kernels for a backend."""
        table = _as_table("gradcore_kernels", self._called("gradcore_kernels", backend))
        check_kernels("gradcore_kernels returned", table)
        return table

    def lowerings(self, backend: str) -> dict[Any, Any]:
        """Return its lowering rules and functions of libraries for a backend."""
        table = _as_table("gradcore_lowerings", self._called("gradcore_lowerings", backend))
        check_lowerings(table)
        return table

    def exporters(self) -> dict[str, Any]:
        """Return the targets of `gradcore.export` that it contributes."""
        table = _as_table("gradcore_exporters", self._called("gradcore_exporters"))
        check_exporters(table)
        return table

    # hooks --------------------------------------------------------------------------------------
    def check_tables(self, stages: Collection[str], backends: Collection[str]) -> None:
        """Refuse tables under names of stages and backends that there are not, or of other things.

        A backend that is not installed is none of these, unless one that is has a similar name;
        what a table has for it is not read.  A hook of lowerings that takes the name of a backend
        is asked for each.
        """
        for hook, read in TABLES.items():
            what, known = ("stage", stages) if hook == "gradcore_rules" else ("backend", backends)
            for name in self._table(hook) or ():
                fix = choices(name, known, f"{what}s")
                if not isinstance(name, str):
                    raise PluginError(f"{hook} returned a table with {name!r}, no name of a {what}")
                if name not in known and (what == "stage" or fix.startswith("did you mean")):
                    raise PluginError(f"{hook} names a {what} {name!r} that there is not", fix=fix)
                if name in known:
                    read(self, name)
        if self._table("gradcore_lowerings") is None:
            for name in backends:
                self.lowerings(name)

    def _table(self, hook: str) -> Mapping[Any, Any] | None:
        """Return the table that a hook without its argument returns; None if it takes one."""
        function, names = self.hooks.get(hook, (None, ("",)))
        if names:
            return None
        returned = _guarded(hook, function)
        if not isinstance(returned, Mapping):
            raise PluginError(f"{hook} takes no argument and returned {returned!r}, no table")
        return returned  # pyright: ignore[reportUnknownVariableType] - of anything

    def _called(self, hook: str, *arguments: str) -> Any:
        """Return what a hook returns for its argument; nothing, if the plugin has none such."""
        if hook not in self.hooks:
            return {}
        function, names = self.hooks[hook]
        if arguments and not names:
            return (self._table(hook) or {}).get(arguments[0], {})
        return _guarded(hook, function, *arguments)

    def _items(self, hook: str, kind: Any, what: str, *arguments: str) -> list[Any]:
        """Return the items that a hook returns, all of one kind."""
        returned = self._called(hook, *arguments)
        try:
            items = list(returned)
        except TypeError:
            raise PluginError(f"{hook} returned {returned!r}, which is not a list") from None
        for item in items:
            if not isinstance(item, kind):
                made = isinstance(item, type) and isinstance(kind, type) and issubclass(item, kind)
                raise PluginError(
                    f"{hook} returned {item!r}, which is not {what}",
                    fix=f"return {item.__name__}(), not its class" if made else None,
                )
        return items


def _guarded(hook: str, function: Any, *arguments: str) -> Any:
    """Return what a hook returns, or raise PluginError that says how it fails."""
    with faults(f"{hook} failed"):
        returned = function(*arguments)
        return list(returned) if inspect.isgenerator(returned) else returned


def _as_table(hook: str, returned: Any) -> dict[Any, Any]:
    """Return the table that a hook returns for a backend."""
    if not isinstance(returned, Mapping):
        raise PluginError(f"{hook} returned {returned!r}, which is no table")
    return dict(returned)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of anything


TABLES: Mapping[str, Callable[[Plugin, str], Any]] = {
    "gradcore_rules": Plugin.rules,
    "gradcore_kernels": Plugin.kernels,
    "gradcore_lowerings": Plugin.lowerings,
    "gradcore_known_failures": Plugin.known_failures,
}
"""The hooks that may return a table by backends or stages, and what reads one entry of it."""


def read(source: Source) -> Plugin:
    """Return the plugin at ``source``, after checking that its hooks are hooks.

    Raises PluginError: it cannot be imported, is written for another version of the hooks, or has
    hooks that are unknown, unmarked, or take other arguments.
    """
    if source.place and not PLACE.fullmatch(source.place):
        raise PluginError(
            f"its entry point is {source.place}, no module or object in one",
            fix="write module or module:object",
        )
    with faults(f"{source.place} cannot be imported"):
        plugin = source.loaded()
    _check_version(plugin)
    for name in dir(plugin):
        _check_mark(name, inspect.getattr_static(plugin, name), getattr(plugin, name, None))
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    try:
        manager.register(plugin, source.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"it is malformed: {_first_line(error)}", fix=_SIGNATURES) from None
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for caller in manager.get_hookcallers(plugin) or ():
        for hook in caller.get_hookimpls():
            if hook.wrapper or hook.hookwrapper:
                raise PluginError(f"{caller.name} is a wrapper: a hook returns what it contributes")
            found[caller.name] = hook.function, tuple(hook.argnames)
    if not found:
        raise PluginError(f"{plugin!r} has no hooks", fix=choices("", HOOKS, "the hooks"))
    return Plugin(source, found)


_SIGNATURES = "the hooks and their arguments are those of gradcore.plugins.Hooks"


def _check_version(plugin: Any) -> None:
    wanted = getattr(plugin, "GRADCORE_API", API)
    if type(wanted) is not int:
        raise PluginError(
            f"its GRADCORE_API is {wanted!r}, not a whole number", fix=f"this is version {API}"
        )
    if wanted != API:
        raise PluginError(
            f"it was written for version {wanted} of gradcore's hooks, this is version {API}",
            fix="upgrade the older of the two",
        )


def _check_mark(name: str, static: Any, attribute: Any) -> None:
    """Refuse what is called like a hook and is none, or marked as one and called otherwise."""
    routine = inspect.isroutine(attribute)
    marked = routine and any(getattr(found, MARK, None) for found in (static, attribute))
    if name not in HOOKS and (marked or (routine and name.startswith(f"{GROUP}_"))):
        raise PluginError(
            f"there is no hook {name}"
            + ("" if marked else f": names that start with {GROUP}_ are those of hooks"),
            fix=choices(name, HOOKS, "the hooks"),
        )
    if name not in HOOKS or marked:
        return
    if not routine:
        raise PluginError(f"its {name} is {attribute!r}, no function", fix=_MARKED)
    raise PluginError(f"its function {name} is not marked as a hook", fix=_MARKED)


_MARKED = f"write @{GROUP}.plugins.hookimpl above a function"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())
