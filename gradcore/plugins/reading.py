"""The reading of one plugin: its hooks are found, called and checked, whatever it is or returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pluggy

from gradcore.backend import ArrayBackend, Backend
from gradcore.errors import PluginError, choices
from gradcore.graph import Op, TensorType, Variable
from gradcore.graph.nodes import as_variable
from gradcore.graph.op import Arg, Sample
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS
from gradcore.plugins.hooks import API, GROUP, Hooks, KnownFailure
from gradcore.plugins.sources import Source
from gradcore.rewrite import Pass, Rule

HOOKS = tuple(name for name in vars(Hooks) if name.startswith(f"{GROUP}_"))
"""The names of the hooks."""

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
            if not _is_op(op):
                raise PluginError(f"gradcore_ops returned {op!r}, which is no op")
            if isinstance(op, type):
                _check_samples(op)
        return found

    def rules(self, stage: str) -> list[Rule | Pass]:
        """Return its rules for a stage, and its passes after it."""
        return self._items("gradcore_rules", Rule | Pass, "a rule or pass", stage)

    def known_failures(self, backend: str) -> list[KnownFailure]:
        """Return what it says that a backend fails."""
        return self._items("gradcore_known_failures", KnownFailure, "a KnownFailure", backend)

    def kernels(self, backend: str) -> dict[Any, Any]:
        """Return its kernels for a backend."""
        kernels = self._called("gradcore_kernels", backend)
        if kernels is None or not isinstance(kernels, Mapping):
            raise PluginError(f"gradcore_kernels returned {kernels!r}, which is no table")
        table: dict[Any, Any] = dict(kernels)  # pyright: ignore[reportUnknownArgumentType] - checked below
        _check_kernels("gradcore_kernels returned", table)
        return table

    def lowerings(self, backend: str) -> dict[Any, Any]:
        """Return its lowering rules and functions of libraries for a backend."""
        given = self._called("gradcore_lowerings", backend)
        if given is None or not isinstance(given, Mapping):
            raise PluginError(f"gradcore_lowerings returned {given!r}, which is no table")
        table: dict[Any, Any] = dict(given)  # pyright: ignore[reportUnknownArgumentType] - checked below
        for key, lowering in table.items():
            if isinstance(key, str):
                continue
            if not (isinstance(key, type) and issubclass(key, Op)):
                raise PluginError(
                    f"gradcore_lowerings returned a table with {key!r}",
                    fix="its keys are classes of ops, and names of functions of libraries",
                )
            if not callable(lowering):
                raise PluginError(
                    f"gradcore_lowerings returned, for {key}, {lowering!r}, which is no function"
                )
        return table

    # hooks --------------------------------------------------------------------------------------
    def check_names(self, stages: Collection[str], backends: Collection[str]) -> None:
        """Refuse tables under names of stages and backends that there are not.

        A backend that is not installed is none of these, unless one that is has a similar name.
        """
        for hook in (
            "gradcore_rules",
            "gradcore_kernels",
            "gradcore_lowerings",
            "gradcore_known_failures",
        ):
            what, known = ("stage", stages) if hook == "gradcore_rules" else ("backend", backends)
            for name in self._table(hook) or ():
                fix = choices(name, known, f"{what}s")
                if not isinstance(name, str):
                    raise PluginError(f"{hook} returned a table with {name!r}, no name of a {what}")
                if name not in known and (what == "stage" or fix.startswith("did you mean")):
                    raise PluginError(f"{hook} names a {what} {name!r} that there is not", fix=fix)

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
    try:
        returned = function(*arguments)
        return list(returned) if inspect.isgenerator(returned) else returned
    except (Exception, SystemExit) as error:
        raise PluginError(f"{hook} failed: {type(error).__name__}: {error}") from error


def read(source: Source) -> Plugin:
    """Return the plugin at ``source``, after checking that its hooks are hooks.

    Raises PluginError: it cannot be imported, is written for another version of the hooks, or has
    hooks that are unknown, unmarked, or take other arguments.
    """
    plugin = source.loaded()
    _check_version(plugin)
    for name in dir(plugin):
        if name.startswith(f"{GROUP}_"):
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
    """Refuse a function that is called like a hook and is none."""
    if not inspect.isroutine(attribute):
        return
    if name not in HOOKS:
        raise PluginError(
            f"there is no hook {name}: names that start with {GROUP}_ are those of hooks",
            fix=choices(name, HOOKS, "the hooks"),
        )
    if getattr(attribute, MARK, None) is None and getattr(static, MARK, None) is None:
        raise PluginError(
            f"its function {name} is not marked as a hook",
            fix="write @gradcore.plugins.hookimpl above it",
        )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _is_op(value: Any) -> bool:
    return isinstance(value, Op) or (isinstance(value, type) and issubclass(value, Op))


def _check_samples(op: type[Op]) -> None:
    """Refuse a class of ops whose samples are none: the suite could not run on any backend."""
    for sample in op.samples():
        if not isinstance(sample, Sample):  # pyright: ignore[reportUnnecessaryIsInstance] - a plugin's
            raise PluginError(f"{op.__name__} has among its samples {sample!r}, which is none")
        sample.op.make_node(*map(_drawn, sample.operands))


def _drawn(arg: Arg) -> Variable:
    if arg.value is not None:
        return as_variable(arg.value)
    dtype = "float64" if arg.dtype == "float" else arg.dtype
    return TensorType(dtype, tuple(1 if n == 1 else None for n in arg.shape))()


def _check_kernels(message: str, table: Mapping[Any, Any]) -> None:
    """Refuse a table of kernels whose keys are no ops, or whose values are no functions."""
    for key, kernel in table.items():
        if not _is_op(key):
            raise PluginError(
                f"{message} a table with {key!r}, which is no op",
                fix="its keys are ops (such as T.sin) and classes of ops",
            )
        if not callable(kernel):
            raise PluginError(f"{message}, for {key}, {kernel!r}, which is no function")


NAME = re.compile(r"\w[\w.-]*")
"""What the name of a backend looks like: it is a word of command lines and of modes."""


def checked_backend(backend: Backend) -> Backend:
    """Return a backend, after checking what it says of itself.

    Raises PluginError: its name, its dtypes or its kernels are none.
    """
    name: Any = getattr(backend, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginError(
            f"gradcore_backends returned {type(backend).__name__}, which has no name"
            + ("" if name is None else f": its name is {name!r}"),
            fix='give its class a name: name = "..."',
        )
    if not NAME.fullmatch(name):
        raise PluginError(
            f"gradcore_backends returned {type(backend).__name__}, whose name is {name!r}",
            fix="a name has letters, digits, dots, dashes and underscores",
        )
    if isinstance(backend, ArrayBackend):
        kernels: Any = backend.kernels
        if not isinstance(kernels, Mapping):
            raise PluginError(f"the kernels of the backend {name!r} are {kernels!r}, no table")
        _check_kernels(f"the backend {name!r} has", kernels)  # pyright: ignore[reportUnknownArgumentType] - of anything
    dtypes: Any = backend.dtypes
    if isinstance(dtypes, str) or not isinstance(dtypes, Collection):
        raise PluginError(f"the dtypes of the backend {name!r} are {dtypes!r}, not a set of names")
    known = (*DISCRETE, *FLOATS, *COMPLEX)
    for dtype in map(str, dtypes):  # pyright: ignore[reportUnknownArgumentType] - of anything
        if dtype not in known:
            raise PluginError(
                f"the backend {name!r} names a dtype {dtype!r} that there is not",
                fix=choices(dtype, known, "dtypes"),
            )
    return backend
