"""The folding of all plugins into one registry, without those that break their contract.

The decision: a plugin counts whole or not at all.  One of whose hooks fails is disabled with all
that it contributes, so no rule is without the op's kernel that it relies on; and whatever else
is installed works as if it were not there.  Of two plugins that contradict one another in a rule, a
kernel or the label of an op neither counts, so that nothing depends on their order.  A backend that
two plugins contribute is an error to whoever asks for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.errors import PluginError, choices
from gradcore.graph import Op
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins.checking import checked_backend, labels, labels_of_core
from gradcore.plugins.faults import running
from gradcore.plugins.hooks import KnownFailure
from gradcore.plugins.reading import Plugin as Plugin
from gradcore.plugins.reading import read
from gradcore.plugins.sources import VARIABLE, Disabled, Source
from gradcore.rewrite import STAGES, Group, Pass, Rule, Stage


@dataclass(frozen=True)
class Registry:
    """All that plugins contribute.

    contributed : the backends as plugins contributed them, by name; `backend` returns one that is
        ready.
    ops : the ops of the core and of all plugins: elementwise ops, and classes of ops.
    stages : the stages of the optimizer, with the rules of all plugins.
    known_failures : for each backend.
    exporters : what `gradcore.export` calls for each target: a function, or text that names one.
    disabled : the plugins that are disabled.
    contested : for each backend that several plugins contribute, a sentence that names them.
    owners : where each backend comes from.
    complete : makes of a backend as it was contributed one that is imported and has all kernels.
    completed : the backends for which that was done.

    >>> from gradcore.plugins import registry
    >>> found = registry()
    >>> found.backend("numpy").name, "torch" in found.contributed
    ('numpy', True)
    """

    contributed: Mapping[str, Backend]
    ops: tuple[Op | type[Op], ...] = ()
    stages: tuple[Stage | Pass | Group, ...] = STAGES
    known_failures: Mapping[str, tuple[KnownFailure, ...]] = field(
        default_factory=dict[str, tuple[KnownFailure, ...]]
    )
    exporters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    disabled: tuple[Disabled, ...] = ()
    contested: Mapping[str, str] = field(default_factory=dict[str, str])
    owners: Mapping[str, Source] = field(default_factory=dict[str, Source])
    complete: Callable[[Backend], Backend] = Backend.loaded
    completed: dict[str, Backend] = field(default_factory=dict[str, Backend], repr=False)

    def backend(self, name: str) -> Backend:
        """Return a backend, imported, with the kernels that other plugins have for it.

        Raises PluginError: there is none of that name.
        """
        if name not in self.contributed:
            fix = choices(name, self.contributed, "installed")
            raise PluginError(f"there is no backend {name!r}", fix=fix)
        if name not in self.completed:
            self.completed[name] = self.complete(self.contributed[name])
        return self.completed[name]

    def described(self, name: str) -> str:
        """Return what to call a backend in a message: with the plugin that it is from."""
        owner = self.owners.get(name)
        return f"the backend {name!r}" + (f" of the plugin {owner}" if owner is not None else "")


@dataclass(frozen=True)
class Addition:
    """What plugins may add to a backend: under keys of which each is given once.

    what : one of it.
    hook : the hook that returns it.
    read : what calls the hook of a plugin for a backend.
    added : what returns a backend with a table of it; TypeError: the backend takes none, or has it.
    working : whether only backends that work here, without options, are asked.
    """

    what: str
    hook: str
    read: Callable[[Plugin, str], Mapping[Any, Any]]
    added: Callable[[Backend, Mapping[Any, Any]], Backend]
    working: bool

    def to(self, backend: Backend, table: Mapping[Any, Any]) -> Backend:
        """Return a backend with what is in ``table``."""
        try:
            return self.added(backend, table)
        except TypeError as error:
            message = (
                f"{self.hook} has {self.what.removeprefix('a ')}s for {backend.name!r}: {error}"
            )
            raise PluginError(message) from None


ADDITIONS = (
    Addition(
        "a kernel",
        "gradcore_kernels",
        Plugin.kernels,
        lambda backend, table: backend.with_kernels(table),
        working=True,
    ),
    Addition(
        "a lowering",
        "gradcore_lowerings",
        Plugin.lowerings,
        lambda backend, table: backend.with_lowerings(table),
        working=False,
    ),
)


class Folding:
    """The folding of plugins into a registry.

    sources : where the plugins come from.
    unwanted : the names of those that a user has disabled, with a reason for each.
    faulty : those that break their contract; more are added as they are found.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        unwanted: Mapping[str, str],
        faulty: dict[Source, Disabled],
    ) -> None:
        self.chosen = [
            Disabled(source, unwanted[source.name], (source.name,), chosen=True)
            for source in sources
            if source.name in unwanted
        ]
        self.faulty = faulty
        self.before = len(faulty)
        self.plugins: list[Plugin] = []
        self.offers: dict[Source, list[Backend]] = {}
        self.contested: dict[str, str] = {}
        for source in sources:
            if source not in faulty and source.name not in unwanted:
                plugin = self._attempt(source, read, source)
                self.plugins += [plugin] if plugin is not None else []

    @property
    def clean(self) -> bool:
        """Whether no plugin has been found to break its contract, also since it was folded."""
        return len(self.faulty) == self.before

    def registry(self) -> Registry:
        """Return what the plugins contribute, to be used only if the folding is clean."""
        for plugin in self.plugins:
            self._attempt(plugin.source, self._offer, plugin)
        backends, owners = self._backends()
        stages = [stage.name for stage in STAGES]
        for plugin in self.plugins:
            self._attempt(plugin.source, plugin.check_tables, stages, backends)
        disabled = (*self.chosen, *self.faulty.values())
        for gone in disabled:
            for name in gone.backends:
                backends.setdefault(name, Unavailable(name, str(gone)))
        found = Registry(
            MappingProxyType(backends),
            tuple(dict.fromkeys((*catalogue(), *self._ops()))),
            tuple(self._stages()),
            MappingProxyType({name: self._known_failures(name) for name in backends}),
            MappingProxyType(self._exporters()),
            disabled,
            MappingProxyType(self.contested),
            MappingProxyType(owners),
            self._completed,
        )
        for name, backend in backends.items():
            if not isinstance(backend, Deferred):
                found.backend(name)
        return found

    # plugins that break their contract ----------------------------------------------------------
    def _attempt(self, source: Source, action: Callable[..., Any], *arguments: Any) -> Any:
        """Return what ``action`` returns; disable the plugin at ``source`` if that fails."""
        with running(source, lambda reason: self._omit(source, reason)):
            return action(*arguments)
        return None

    def _omit(self, source: Source, reason: str) -> None:
        offered = self.offers.get(source)
        names = (source.name,) if offered is None else tuple(b.name for b in offered)
        self.faulty.setdefault(source, Disabled(source, reason, names))

    def _contradict(self, what: str, *sources: Source) -> None:
        """Disable plugins that contribute the same thing."""
        both = " and ".join(map(str, sources))
        for source in sources:
            self._omit(source, f"the plugins {both} both contribute {what}")

    def _each(self, contribution: Callable[..., Sequence[Any]], *arguments: Any) -> Iterator[Any]:
        """Yield the items that all plugins contribute."""
        for plugin in self.plugins:
            yield from self._attempt(plugin.source, contribution, plugin, *arguments) or ()

    # backends -----------------------------------------------------------------------------------
    def _offer(self, plugin: Plugin) -> None:
        backends = plugin.backends()
        names = [b.name for b in backends]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PluginError(f"gradcore_backends returned two backends {twice!r}")
        self.offers[plugin.source] = backends

    def _backends(self) -> tuple[dict[str, Backend], dict[str, Source]]:
        """Return the backends by name, and where they come from."""
        found: dict[str, Backend] = {}
        owners: dict[str, Source] = {}
        for source, backends in self.offers.items():
            for backend in backends:
                name = backend.name
                if name in owners:
                    self.contested[name] = (
                        f"the plugins {owners[name]} and {source} both contribute a backend "
                        f"{name!r}: uninstall one of them, or leave it out ({VARIABLE})"
                    )
                found[name] = backend
                owners.setdefault(name, source)
        for name, reason in self.contested.items():
            found[name] = Unavailable(name, reason, PluginError)
        return found, owners

    def _completed(self, contributed: Backend) -> Backend:
        """Return a backend, imported, with the kernels that other plugins have for it."""
        offers = self.offers.items()
        owner = next((s for s, offered in offers if contributed in offered), None)
        backend = _loaded(contributed, owner)
        if isinstance(backend, Unavailable):
            return backend
        works = backend.unavailable() is None
        for addition in ADDITIONS:
            if works or not addition.working:
                backend = self._with(addition, backend)
        return backend

    def _with(self, addition: Addition, backend: Backend) -> Backend:
        """Return a backend with what all plugins add to it in one way."""
        given: dict[Any, Source] = {}
        for plugin in self.plugins:
            table = self._attempt(plugin.source, addition.read, plugin, backend.name)
            for key in table or ():
                before = given.setdefault(key, plugin.source)
                if before != plugin.source:
                    what = f"{addition.what} of {backend.name!r} for {_named(key)!r}"
                    self._contradict(what, before, plugin.source)
            if table and plugin.source not in self.faulty:
                found = self._attempt(plugin.source, addition.to, backend, table)
                backend = found or backend
        return backend

    # ops ----------------------------------------------------------------------------------------
    def _ops(self) -> list[Op | type[Op]]:
        """Return the ops of all plugins, each of labels of its own."""
        found: list[Op | type[Op]] = []
        given: dict[str, tuple[Op | type[Op], Source]] = {}
        for plugin in self.plugins:
            for op, label in self._attempt(plugin.source, _labelled, plugin) or ():
                first, owner = given.setdefault(label, (op, plugin.source))
                if first is not op and owner is not plugin.source:
                    self._contradict(f"an op labelled {label!r}", owner, plugin.source)
                found.append(op)
        return found

    # targets of export --------------------------------------------------------------------------
    def _exporters(self) -> dict[str, Any]:
        """Return what writes each target, of which no two plugins have one of the same name."""
        found: dict[str, Any] = {}
        given: dict[str, Source] = {}
        for plugin in self.plugins:
            table: dict[str, Any] = self._attempt(plugin.source, Plugin.exporters, plugin) or {}
            for name in table:
                before = given.setdefault(name, plugin.source)
                if before != plugin.source:
                    self._contradict(f"a target {name!r} of export", before, plugin.source)
            found.update(table)
        return found

    # what is said of them -----------------------------------------------------------------------
    def _known_failures(self, backend: str) -> tuple[KnownFailure, ...]:
        return tuple(self._each(Plugin.known_failures, backend))

    # the optimizer ------------------------------------------------------------------------------
    def _stages(self) -> Iterator[Stage | Pass | Group]:
        """Yield the stages of the optimizer, with what plugins add to them."""
        added = {stage.name: self._rules(stage.name) for stage in STAGES}
        for stage in STAGES:
            yield from _extended(stage, added)

    def _rules(self, stage: str) -> list[Rule | Pass]:
        found: list[Rule | Pass] = []
        given: dict[str, Source] = {}
        for plugin in self.plugins:
            rules = self._attempt(plugin.source, Plugin.rules, plugin, stage) or ()
            for rule in rules:
                before = given.setdefault(rule.name, plugin.source)
                if before != plugin.source:
                    self._contradict(f"a rule {rule.name!r} of {stage!r}", before, plugin.source)
            found.extend(rules)
        return found


def _loaded(contributed: Backend, owner: Source | None) -> Backend:
    """Return a backend, imported, that can be asked; else one that says why it cannot.

    owner : the plugin that contributes it.
    """
    reasons: list[str] = []
    with running(owner, reasons.append):
        return _asked(contributed)
    reason = f"the plugin {owner} is at fault: it cannot be asked: {reasons[0]}"
    return Unavailable(contributed.name, reason, PluginError)


def _asked(contributed: Backend) -> Backend:
    """Return a backend, imported.

    Raises PluginError: it is none, has another name, or does not say whether it works.
    """
    backend: Any = contributed.loaded()
    if not isinstance(backend, Backend) or backend.name != contributed.name:
        raise PluginError(f"it was loaded as {backend!r}, no backend of that name")
    why: Any = checked_backend(backend).unavailable()
    if not (why is None or isinstance(why, str)):
        raise PluginError(f"`unavailable` returned {why!r}, no sentence or None")
    return backend


def _extended(stage: Stage | Pass | Group, added: Mapping[str, list[Rule | Pass]]) -> Iterator[Any]:
    """Yield ``stage`` with the rules that are added to it, then the passes."""
    extra = added.get(stage.name, [])
    rules = [rule for rule in extra if isinstance(rule, Rule)]
    passes = [rule for rule in extra if isinstance(rule, Pass)]
    if isinstance(stage, Group):
        inner = tuple(part for each in stage.stages for part in _extended(each, added))
        yield dataclasses.replace(stage, stages=(*inner, *passes))
        return
    if isinstance(stage, Stage) and rules:
        stage = dataclasses.replace(stage, rules=[*stage.rules, *rules])
    yield stage
    yield from passes


def _labelled(plugin: Plugin) -> list[tuple[Op | type[Op], str]]:
    """Return the ops of a plugin, each with each of its labels.

    Raises PluginError: the core, or another of its ops, has one of that label.
    """
    found: dict[str, Op | type[Op]] = {}
    for op in plugin.ops():
        for label in labels(op):
            other = found.setdefault(label, op)
            where = "of the core" if label in labels_of_core() else "of its own"
            other = labels_of_core().get(label, other)
            if other is not op:
                raise PluginError(
                    f"its op {_named(op)} is labelled {label!r}, as {_named(other)} {where} is",
                    fix="name it otherwise, or override its `label`",
                )
    return [(op, label) for label, op in found.items()]


def _named(key: Any) -> str:
    if isinstance(key, Elementwise):
        return key.name
    return key.__name__ if isinstance(key, type) else str(key)
