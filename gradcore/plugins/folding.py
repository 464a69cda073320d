"""The folding of all plugins into one registry, with the checks of what they return."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, TypeVar

import pluggy

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.errors import PluginError
from gradcore.graph import Op
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins.hooks import API, GROUP, Hooks, KnownFailure
from gradcore.rewrite import STAGES, Group, Pass, Rule, Stage

T = TypeVar("T")


@dataclass(frozen=True)
class Registry:
    """All that plugins contribute.

    contributed : the backends as plugins contributed them, by name; `backend` returns one that is
        ready.
    ops : the ops of the core and of all plugins: rows, and classes of ops.
    stages : the stages of the optimizer, with the rules of all plugins.
    known_failures : for each backend.
    complete : makes of a backend as it was contributed one that is imported and has all kernels.
    completed : the backends for which that was done.
    """

    contributed: Mapping[str, Backend]
    ops: tuple[Op | type[Op], ...] = ()
    stages: tuple[Stage | Pass | Group, ...] = STAGES
    known_failures: Mapping[str, tuple[KnownFailure, ...]] = field(
        default_factory=dict[str, tuple[KnownFailure, ...]]
    )
    complete: Callable[[Backend], Backend] = Backend.loaded
    completed: dict[str, Backend] = field(default_factory=dict[str, Backend], repr=False)

    def backend(self, name: str) -> Backend:
        """Return a backend, imported, with the kernels that other plugins have for it.

        Raises PluginError: they contradict its own.
        """
        if name not in self.completed:
            self.completed[name] = self.complete(self.contributed[name])
        return self.completed[name]


class Folding:
    """The folding of the installed plugins, and of others by name, into a registry."""

    def __init__(self, others: Mapping[str, Any]) -> None:
        self.others = others
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(Hooks)
        self.backends: dict[str, Backend] = {}
        self.owners: dict[tuple[str, Any], str] = {}

    def registry(self) -> Registry:
        """Return what all plugins contribute."""
        for entry in entry_points(group=GROUP):
            try:
                plugin = entry.load()
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the others must work
                reason = f"{entry.value} cannot be imported: {type(error).__name__}: {error}"
                self._claim("backend", entry.name, entry.value)
                self.backends[entry.name] = Unavailable(entry.name, reason)
            else:
                self._admit(plugin, entry.name)
        for name, plugin in self.others.items():
            self._admit(plugin, name)
        for owner, backend in self._returned("gradcore_backends", Backend):
            self._claim("backend", backend.name, owner)
            self.backends[backend.name] = backend
        completed = {
            name: self._completed(backend)
            for name, backend in self.backends.items()
            if not isinstance(backend, Deferred)
        }
        ops = [*catalogue(), *self._ops()]
        failures = {
            name: tuple(
                known
                for _, known in self._returned(
                    "gradcore_known_failures", KnownFailure, backend=name
                )
            )
            for name in self.backends
        }
        return Registry(
            MappingProxyType(self.backends),
            tuple(dict.fromkeys(ops)),
            tuple(self._stages()),
            MappingProxyType(failures),
            self._completed,
            completed,
        )

    def _admit(self, plugin: Any, name: str) -> None:
        """Register a plugin, after checking that its hooks are hooks."""
        wanted = getattr(plugin, "GRADCORE_API", API)
        if wanted != API:
            raise PluginError(
                f"the plugin {name!r} was written for version {wanted} of gradcore's hooks, this "
                f"is version {API}",
                fix="upgrade the older of the two",
            )
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(
                f"the plugin {name!r} is malformed: {error}",
                fix="the hooks are those of gradcore.plugins.Hooks",
            ) from None

    def _claim(self, what: str, key: Any, owner: str) -> None:
        """Note who contributes something; refuse a second one."""
        before = self.owners.setdefault((what, key), owner)
        if before != owner:
            raise PluginError(
                f"the plugins {before!r} and {owner!r} both contribute a {what} {_named(key)!r}",
                fix="uninstall one of them",
            )

    def _called(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Yield what each plugin returns from a hook, with its name."""
        for found in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                returned = found.function(*(arguments[name] for name in found.argnames))
            except Exception as error:
                raise PluginError(
                    f"{hook} of the plugin {found.plugin_name!r} failed: "
                    f"{type(error).__name__}: {error}"
                ) from error
            yield found.plugin_name, returned

    def _returned(self, hook: str, kind: type[T], **arguments: Any) -> Iterator[tuple[str, T]]:
        """Yield the items that plugins return from a hook, each with the plugin's name."""
        for owner, items in self._called(hook, **arguments):
            try:
                listed = list(items)
            except TypeError:
                raise PluginError(f"{hook} of {owner!r} returned {items!r}, not a list") from None
            for item in listed:
                if not isinstance(item, kind):
                    raise PluginError(f"{hook} of {owner!r} returned {item!r}: not what it must be")
                yield owner, item

    def _completed(self, contributed: Backend) -> Backend:
        """Return a backend, imported, with the kernels that other plugins have for it."""
        backend = contributed.loaded()
        if backend.unavailable() is not None:
            return backend
        for owner, kernels in self._called("gradcore_kernels", backend=backend.name):
            table = self._checked_table(owner, kernels, backend)
            try:
                backend = backend.with_kernels(table) if table else backend
            except TypeError as error:
                raise PluginError(f"gradcore_kernels of {owner!r}: {error}") from None
        return backend

    def _checked_table(self, owner: str, kernels: Any, backend: Backend) -> dict[Any, Any]:
        """Return what a plugin contributes to a backend; refuse what is there already."""
        if not isinstance(kernels, Mapping):
            raise PluginError(f"gradcore_kernels of {owner!r} returned {kernels!r}, no table")
        table: dict[Any, Any] = dict(kernels)  # pyright: ignore[reportUnknownArgumentType] - checked below
        own: Mapping[Any, Any] = getattr(backend, "kernels", {})
        for key, kernel in table.items():
            kind = isinstance(key, Op) or (isinstance(key, type) and issubclass(key, Op))
            if not kind or not callable(kernel):
                raise PluginError(f"gradcore_kernels of {owner!r} returned {key!r}: {kernel!r}")
            self._claim(f"kernel of {backend.name!r} for", key, owner)
            if key in own:
                raise PluginError(
                    f"the plugin {owner!r} contributes a kernel for {_named(key)!r}, which the "
                    f"backend {backend.name!r} has already"
                )
        return table

    def _stages(self) -> Iterator[Stage | Pass | Group]:
        """Yield the stages of the optimizer, with what plugins add to them."""
        known = {stage.name: stage for stage in STAGES}
        added = {name: self._rules(name) for name in known}
        for stage in STAGES:
            yield from _extended(stage, added)

    def _ops(self) -> Iterator[Op | type[Op]]:
        for owner, op in self._returned("gradcore_ops", object):
            if not isinstance(op, Op) and not (isinstance(op, type) and issubclass(op, Op)):
                raise PluginError(f"gradcore_ops of {owner!r} returned {op!r}, which is no op")
            yield op

    def _rules(self, stage: str) -> list[Rule | Pass]:
        found: list[Rule | Pass] = []
        for owner, rule in self._returned("gradcore_rules", object, stage=stage):
            if not isinstance(rule, Rule | Pass):
                raise PluginError(
                    f"gradcore_rules of {owner!r} returned {rule!r}, which is no rule"
                )
            self._claim(f"rule of {stage!r}", rule.name, owner)
            found.append(rule)
        return found


def _extended(stage: Stage | Pass | Group, added: Mapping[str, list[Rule | Pass]]) -> Iterator[Any]:
    """Yield ``stage`` with the rules that are added to it, then the passes."""
    extra = added.get(stage.name, [])
    rules = [rule for rule in extra if isinstance(rule, Rule)]
    passes = [rule for rule in extra if isinstance(rule, Pass)]
    if isinstance(stage, Group):
        inner = tuple(part for each in stage.stages for part in _extended(each, added))
        yield dataclasses.replace(stage, stages=(*inner, *passes))
        return
    yield Stage(stage.name, [*stage.rules, *rules]) if isinstance(stage, Stage) and rules else stage
    yield from passes


def _named(key: Any) -> str:
    if isinstance(key, Elementwise):
        return key.name
    return key.__name__ if isinstance(key, type) else str(key)
