"""A call of a compiled function: its arguments converted, what runs, its updates and its results.

The decision: a call is an object of its own, which does not refer to the `Function`, so that the
native code that makes calls that need no conversion may refer to it without a cycle: a function's
memory is given back with the last reference to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from time import perf_counter
from typing import Any

import numpy as np

from gradcore.backend import Profile
from gradcore.compile.arguments import In
from gradcore.compile.deoptimize import WrittenGraph
from gradcore.compile.guard import Guard
from gradcore.compile.maker import FunctionMaker, as_written, made_to_run
from gradcore.compile.promises import check_results, compiled
from gradcore.config import config
from gradcore.errors import ArgumentError
from gradcore.execute import out_of_memory
from gradcore.graph import FunctionGraph
from gradcore.language import is_several, listed
from gradcore.shared import StoredArray, holding, in_order, new_lock

SUBSET = "output_subset"
"""The keyword by which a call asks for some of the outputs."""


class Call:
    """What a call of a function does.

    maker : what it was compiled from and to.
    form : the outputs as they were asked for, in a list, a dict, alone or None.
    name : what to call it in messages.
    profile : where its time goes, if that was asked for.
    defaults : the values of inputs that have one without being given.
    """

    def __init__(
        self, maker: FunctionMaker, form: Any, name: str | None, profile: bool | Profile
    ) -> None:
        self.name = name
        self.profile = profile if isinstance(profile, Profile) else Profile() if profile else None
        self.form = form
        self.maker, self.executable = made_to_run(maker, self.profile)
        if self.profile is not None:
            self.profile.graph = self.maker.fgraph
            self.profile.fired = Counter(firing.rule for firing in self.maker.trace)
        if hasattr(self.executable, "returned"):
            self.executable.returned = len(maker.outputs)  # pyright: ignore[reportFunctionMemberAccess] - see Executable
        self.defaults = [entry.value for entry in maker.inputs]
        self._expected = [_expected(entry) for entry in maker.inputs]
        self._storage = [v.storage for v in maker.shared]
        self._updated = [v.storage for v in maker.updates]
        self._keywords = [entry.keyword for entry in maker.inputs]
        self._locks = self._needed_locks()
        kinds = maker.mode.guard or (("nan",) if config.nan == "raise" else ())
        self._guard = Guard(kinds) if kinds else None
        self._trusted = False

    def quickest(self) -> Callable[..., Any]:
        """Return what makes it: native code, if the backend has that.

        That makes the calls whose arguments need no conversion, and `otherwise` the others.  It
        raises ArgumentError for too many or too few arguments, an unknown keyword, or an argument
        that does not fit its variable; nothing has run then.
        """
        direct = self._bound()
        if direct is None:
            return partial(self.otherwise, None)
        if not hasattr(direct, "otherwise"):
            return partial(self._tried, direct)
        direct.otherwise = self.otherwise  # pyright: ignore[reportFunctionMemberAccess] - see Executable
        return direct

    def _tried(self, direct: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make it by ``direct`` if that takes it."""
        failure = None
        try:
            found = NotImplemented if kwargs else direct(*args)
            if found is not NotImplemented:
                return found
        except Exception as error:  # noqa: BLE001 - `otherwise` raises it again
            failure = error
        try:
            return self.otherwise(failure, *args, **kwargs)
        finally:
            failure = None  # it refers to this frame, and so to the arguments

    def otherwise(self, failure: Exception | None, /, *args: Any, **kwargs: Any) -> Any:
        """Make it the long way.

        failure : what the quick way has raised; None: it does not take such arguments.
        """
        try:
            if not self._locks:
                return self._called(args, kwargs, failure)
            with holding(self._locks):
                return self._called(args, kwargs, failure)
        finally:
            failure = None  # it refers to this frame, and so to the arguments

    def _results(self, values: Sequence[Any], failure: Exception | None) -> Sequence[Any]:
        """Return what the executable returns, or if it has failed, the graph as written.

        values : of the inputs and the shared variables, as the backend takes them.
        """
        if failure is None:
            try:
                return self.executable(*values)
            except Exception as error:  # noqa: BLE001 - `_deoptimized` raises it again
                failure = error
        try:
            return self._deoptimized(values, failure)
        finally:
            failure = None

    def _deoptimized(self, values: Sequence[Any], failure: Exception) -> Sequence[Any]:
        """Return what the graph as written returns, if it may not fail as the rewritten one did."""
        try:
            if self._written.speculates and self._written.skips(values):
                return self._written(*values)
            if self._written.ranks(failure):
                failure = self._written.named(failure, values)
            if self.maker.backend.lacks_memory(failure):
                failure = out_of_memory(failure)
            raise failure
        finally:
            del failure

    @cached_property
    def _written(self) -> WrittenGraph:
        return WrittenGraph(as_written(self.maker), self.maker.backend)

    def label(self) -> str:
        """Return what to call the function in messages."""
        return self.name or "function"

    def _needed_locks(self) -> tuple[Any, ...]:
        """Return the locks that a call takes, so that no update of several threads is lost."""
        stored = any(entry.update is not None for entry in self.maker.inputs)
        if not stored and not self.maker.updates:
            return ()
        locks = [v.lock for v in (*self.maker.shared, *self.maker.updates)]
        return in_order([*locks, new_lock()] if stored else locks)

    def _called(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], failure: Exception | None
    ) -> Any:
        """Convert the arguments, compute, and store the updates."""
        start = perf_counter() if self.profile is not None else 0.0
        chosen = None
        if SUBSET in kwargs and SUBSET not in self._keywords:
            chosen = self._chosen(kwargs.pop(SUBSET))
        if kwargs or len(args) != len(self._expected):
            args = self._in_order(args, kwargs)
        values: list[Any] = []
        for i, value in enumerate(args):
            dtype, ndim = self._expected[i]
            if type(value) is np.ndarray and value.dtype == dtype and value.ndim == ndim:
                values.append(value)
            else:
                values.append(self._converted(value, i))
        if self.maker.checks:
            self._check_shapes(values)
        values += map(self._stored, self._storage)
        try:
            results = self._results(values, failure)
        finally:
            failure = None
        if not self._trusted:
            made = self.maker
            check_results(made.backend, results, len(made.fgraph.outputs), len(made.outputs))
            self._trusted = True
        if self._guard is not None:
            self._guarded(self._guard, values, results)
        n = len(self.maker.outputs)
        if len(results) > n:
            self._update(results[n:])
        if self.profile is not None:
            self.profile.calls += 1
            self.profile.seconds += perf_counter() - start
            self.profile.peak_bytes = getattr(self.executable, "peak", None)
        if chosen is not None:
            return self._parts(results, chosen)
        return self._formed(results[:n])

    def _guarded(self, guard: Guard, values: Sequence[Any], results: Sequence[Any]) -> None:
        """Raise NonFiniteError if a result has a value that is an error."""
        as_numpy = self.maker.backend.numpy

        def arrays(given: Sequence[Any]) -> list[Any]:
            return [v if type(v) is np.ndarray else np.asarray(as_numpy(v)) for v in given]

        def compiled_again(graph: FunctionGraph) -> Callable[..., Sequence[Any]]:
            fallback = [lack.node for lack in self.maker.fallback]
            run = compiled(self.maker.backend, graph, None, fallback)
            return lambda *given: arrays(run(*given))

        graphs = (self._written.graph, self.maker.fgraph)
        guard.check(self.label(), graphs, arrays(values), arrays(results), compiled_again)

    def _chosen(self, given: Any) -> list[Any] | None:
        """Return which outputs are asked for, by their places, or by keys of a dict; None: all.

        Raises ArgumentError: there are no such outputs.
        """
        if given is None:
            return None
        chosen = listed(given)
        known: list[Any] = list(range(len(self.maker.outputs)))
        if isinstance(self.form, Mapping):
            known = list(self.form)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] - of any keys
        for key in chosen:
            if key not in known:
                raise ArgumentError(
                    f"{self.label()}: {SUBSET} names {key!r}, of {', '.join(map(repr, known))}"
                )
        return chosen

    def _parts(self, results: Sequence[Any], chosen: Sequence[Any]) -> Any:
        """Return some of the results, in a dict if the outputs are one, else in a list."""
        form: Any = self.form
        if not isinstance(form, Mapping):
            return [results[k] for k in chosen]
        keys: list[Any] = list(form)  # pyright: ignore[reportUnknownArgumentType] - of any keys
        return {key: results[keys.index(key)] for key in chosen}

    def _bound(self) -> Callable[..., Any] | None:
        """Return what runs calls that need no conversion, if the executable has such a thing."""
        bind = getattr(self.executable, "bound", None)
        if bind is None or self.profile is not None or self.maker.checks or self._guard is not None:
            return None
        form = self.form
        checked = any(n is not None for v in self.maker.updates for n in v.type.shape)
        choosy = any(
            entry.update is not None
            or (entry.variable.ndim == 0 and (entry.strict or entry.allow_downcast is False))
            for entry in self.maker.inputs
        )
        if checked or choosy or isinstance(form, Mapping):
            return None
        layout = "none" if form is None else "list" if is_several(form) else "single"
        return bind(self._storage, layout, self._updated, self._locks)

    def _stored(self, cell: list[Any]) -> Any:
        """Return the value of a shared variable as what the backend takes."""
        value = cell[0]
        if isinstance(value, StoredArray) and self.maker.backend.described(value) is None:
            return np.asarray(value)
        return value

    def _converted(self, value: Any, position: int) -> Any:
        """Return an argument as what the backend takes, or raise ArgumentError."""
        entry = self.maker.inputs[position]
        described = self.maker.backend.described(value)
        if described is not None:
            if described[0] == entry.variable.type.dtype:
                entry.check_shape(described[1], self.label(), position)
                return value
            value = self.maker.backend.numpy(value)
        return entry.converted(value, self.label(), position)

    def _in_order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments by position, with keywords and defaults put in."""
        inputs = self.maker.inputs
        if len(args) > len(inputs):
            raise ArgumentError(
                f"{self.label()} takes {len(inputs)} arguments ({self.names()}), got {len(args)}"
            )
        missing = object()
        values: list[Any] = [*args, *[missing] * (len(inputs) - len(args))]
        for keyword, value in kwargs.items():
            if self._keywords.count(keyword) != 1:
                several = "several arguments" if keyword in self._keywords else "no argument"
                raise ArgumentError(
                    f"{self.label()} has {several} {keyword!r}; it has {self.names()}"
                )
            position = self._keywords.index(keyword)
            if values[position] is not missing:
                raise ArgumentError(f"{self.label()}: argument {keyword!r} is given twice")
            values[position] = value
        for position, value in enumerate(values):
            if value is missing:
                values[position] = self.defaults[position]
                if values[position] is None:
                    name = (
                        inputs[position].keyword or f"{position} ({inputs[position].variable.type})"
                    )
                    raise ArgumentError(f"{self.label()}: argument {name!r} is missing")
        return tuple(values)

    def names(self) -> str:
        """Return what its inputs are called, for messages."""
        return ", ".join(str(entry.keyword or entry.variable) for entry in self.maker.inputs)

    def _check_shapes(self, values: Sequence[Any]) -> None:
        at = dict(zip(self.maker.fgraph.inputs, values, strict=False))
        for check in self.maker.checks:
            have, want = np.shape(at[check.x]), np.shape(at[check.like])
            if have != want:
                raise ArgumentError(
                    f"{self.label()}: argument {str(check.x)!r} has shape {have}, it must have "
                    f"{want}: {check.why}"
                )

    def _update(self, results: Sequence[Any]) -> None:
        """Store new values, after all of them are known to fit.

        The old ones go when all are stored: the finalizer of one may call a function.
        """
        updates = list(self.maker.updates)
        as_numpy = self.maker.backend.numpy
        new = [
            v.fitting(
                value
                if type(value) is np.ndarray or isinstance(value, StoredArray)
                else as_numpy(value),
                borrow=True,
            )
            for v, value in zip(updates, results, strict=False)
        ]
        for k, cell in enumerate(self._updated):
            cell[0], new[k] = new[k], cell[0]
        rest = iter(results[len(updates) :])
        for i, entry in enumerate(self.maker.inputs):
            if entry.update is not None:
                self.defaults[i] = next(rest)

    def _formed(self, results: Sequence[Any]) -> Any:
        """Return results in the form in which the outputs were asked for."""
        form = self.form
        if form is None:
            return None
        if isinstance(form, Mapping):
            return dict(zip(form, results, strict=True))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any keys
        return list(results) if is_several(form) else results[0]


def _expected(entry: In) -> tuple[np.dtype[Any], int]:
    """Return the dtype and rank of arrays that are taken without a closer look (rank -1: none)."""
    known = entry.variable.type
    static = any(n is not None for n in known.shape)
    return np.dtype(known.dtype), -1 if static else known.ndim
