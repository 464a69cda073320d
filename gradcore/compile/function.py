"""``function``: from variables to something that can be called.

Whatever can be wrong with the arguments of a call is said before anything runs, and shared
variables are updated all together after everything has run, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from gradcore.backend import Executable, Profile
from gradcore.compile.arguments import (
    In,
    Pairs,
    add_default_updates,
    checked_inputs,
    checked_outputs,
    checked_updates,
    fitting,
    pairs,
)
from gradcore.compile.deoptimize import WrittenGraph
from gradcore.compile.maker import FunctionMaker, as_written, made_to_run, make
from gradcore.compile.promises import check_results
from gradcore.config import config
from gradcore.errors import ArgumentError, MissingInputError
from gradcore.graph import Variable, ancestors, here, substitute
from gradcore.language import is_several, word
from gradcore.mode import Mode, get_mode
from gradcore.shared import SharedVariable, StoredArray, holding, in_order, new_lock


class Function:
    """A compiled function: call it with values, by position or by keyword.

    maker : what it was compiled from and to; ``maker.fgraph`` is the graph that runs.
    profile : where its time went, if that was asked for.
    """

    def __init__(self, maker: FunctionMaker, outputs: Any, name: str | None, profile: bool) -> None:
        self.name = name
        self.profile = Profile() if profile else None
        self._form: Any = outputs
        maker, self._executable = made_to_run(maker, self.profile)
        self.maker = maker
        if hasattr(self._executable, "returned"):
            self._executable.returned = len(maker.outputs)  # pyright: ignore[reportFunctionMemberAccess] - see Executable
        self._defaults = [entry.value for entry in maker.inputs]
        self._expected = [_expected(entry) for entry in maker.inputs]
        self._storage = [v.storage for v in maker.shared]
        self._updated = [v.storage for v in maker.updates]
        self._keywords = [entry.keyword for entry in maker.inputs]
        self._locks = self._needed_locks()
        self._direct = self._bound()
        self._trusted = False

    @property
    def source(self) -> str | None:
        """The text that was generated for it; None: the backend generates none."""
        return getattr(self._executable, "source", None)

    @property
    def program(self) -> Any:
        """The loops that its graph is lowered to, to be printed; None: the backend has none."""
        lowered = getattr(self.maker.backend, "lowered", None)
        fallback = [lack.node for lack in self.maker.fallback]
        return None if lowered is None else lowered(self.maker.fgraph, fallback)

    @property
    def input_storage(self) -> list[Any]:
        """The values of inputs that have one without being given."""
        return list(self._defaults)

    def __repr__(self) -> str:
        """Return the name and the inputs."""
        inputs = ", ".join(str(entry.variable) for entry in self.maker.inputs)
        return f"<{self._label()}({inputs})>"

    def _label(self) -> str:
        return self.name or "function"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it; a call that updates waits for others that use the same shared variables.

        Raises ArgumentError: too many or too few arguments, an unknown keyword, or an argument
        that does not fit its variable; nothing has run then.
        """
        try:
            if self._direct is not None and not kwargs:
                results = self._direct(*args)
                if results is not NotImplemented:
                    return results
            return self._called(args, kwargs, self._executable)
        except ArgumentError:
            raise
        except Exception as error:
            if not self._written.speculates:
                raise
            failure = error
        return self._called(args, kwargs, self._deoptimized(failure))

    @cached_property
    def _written(self) -> WrittenGraph:
        return WrittenGraph(as_written(self.maker), self.maker.backend)

    def _deoptimized(self, failure: Exception) -> Executable:
        """Return what runs the graph as written if it may not fail as the rewritten one did."""

        def run(*values: Any) -> Sequence[Any]:
            if not self._written.skips(values):
                raise failure
            return self._written(*values)

        return run

    def _needed_locks(self) -> tuple[Any, ...]:
        """Return the locks that a call takes, so that no update of several threads is lost."""
        stored = any(entry.update is not None for entry in self.maker.inputs)
        if not stored and not self.maker.updates:
            return ()
        locks = [v.lock for v in (*self.maker.shared, *self.maker.updates)]
        return in_order([*locks, new_lock()] if stored else locks)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any], run: Executable) -> Any:
        """Call ``run`` with arguments that may need conversion, and store the updates."""
        if not self._locks:
            return self._called_alone(args, kwargs, run)
        with holding(self._locks):
            return self._called_alone(args, kwargs, run)

    def _called_alone(self, args: tuple[Any, ...], kwargs: dict[str, Any], run: Executable) -> Any:
        """Do so while no other thread updates what it reads."""
        start = perf_counter() if self.profile is not None else 0.0
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
        results = run(*values, *map(self._stored, self._storage))
        if not self._trusted:
            made = self.maker
            check_results(made.backend, results, len(made.fgraph.outputs), len(made.outputs))
            self._trusted = True
        n = len(self.maker.outputs)
        if len(results) > n:
            self._update(results[n:])
        if self.profile is not None:
            self.profile.calls += 1
            self.profile.seconds += perf_counter() - start
            self.profile.peak_bytes = getattr(self._executable, "peak", None)
        return self._formed(results[:n])

    def _bound(self) -> Callable[..., Any] | None:
        """Return what runs calls that need no conversion, if the executable has such a thing."""
        bind = getattr(self._executable, "bound", None)
        if bind is None or self.profile is not None or self.maker.checks:
            return None
        form = self._form
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
                entry.check_shape(described[1], self._label(), position)
                return value
            value = self.maker.backend.numpy(value)
        return entry.converted(value, self._label(), position)

    def _in_order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments by position, with keywords and defaults put in."""
        inputs = self.maker.inputs
        if len(args) > len(inputs):
            raise ArgumentError(
                f"{self._label()} takes {len(inputs)} arguments ({self._names()}), got {len(args)}"
            )
        missing = object()
        values: list[Any] = [*args, *[missing] * (len(inputs) - len(args))]
        for keyword, value in kwargs.items():
            if self._keywords.count(keyword) != 1:
                several = "several arguments" if keyword in self._keywords else "no argument"
                raise ArgumentError(
                    f"{self._label()} has {several} {keyword!r}; it has {self._names()}"
                )
            position = self._keywords.index(keyword)
            if values[position] is not missing:
                raise ArgumentError(f"{self._label()}: argument {keyword!r} is given twice")
            values[position] = value
        for position, value in enumerate(values):
            if value is missing:
                values[position] = self._defaults[position]
                if values[position] is None:
                    name = (
                        inputs[position].keyword or f"{position} ({inputs[position].variable.type})"
                    )
                    raise ArgumentError(f"{self._label()}: argument {name!r} is missing")
        return tuple(values)

    def _names(self) -> str:
        return ", ".join(str(entry.keyword or entry.variable) for entry in self.maker.inputs)

    def _check_shapes(self, values: Sequence[Any]) -> None:
        at = dict(zip(self.maker.fgraph.inputs, values, strict=False))
        for check in self.maker.checks:
            have, want = np.shape(at[check.x]), np.shape(at[check.like])
            if have != want:
                raise ArgumentError(
                    f"{self._label()}: argument {str(check.x)!r} has shape {have}, it must have "
                    f"{want}: {check.why}"
                )

    def _update(self, results: Sequence[Any]) -> None:
        """Store new values, after all of them are known to fit."""
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
        for cell, value in zip(self._updated, new, strict=True):
            cell[0] = value
        rest = iter(results[len(updates) :])
        for i, entry in enumerate(self.maker.inputs):
            if entry.update is not None:
                self._defaults[i] = next(rest)

    def _formed(self, results: Sequence[Any]) -> Any:
        """Return results in the form in which the outputs were asked for."""
        form = self._form
        if form is None:
            return None
        if isinstance(form, Mapping):
            return dict(zip(form, results, strict=True))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any keys
        return list(results) if is_several(form) else results[0]

    # copies -------------------------------------------------------------------------------------
    def get_shared(self) -> list[SharedVariable]:
        """Return the shared variables that it reads."""
        return list(self.maker.shared)

    def copy(
        self,
        share_memory: bool = True,
        swap: Mapping[SharedVariable, SharedVariable] | None = None,
        delete_updates: bool = False,
        name: str | None = None,
    ) -> Function:
        """Return the same function again.

        share_memory : whether it works on the same shared variables; if not, on copies of them.
        swap : shared variables to use in place of others.
        delete_updates : whether to omit the updates.
        """
        new: dict[Variable, Variable] = dict((swap or {}).items())
        if not share_memory:
            for v in self.maker.shared:
                new.setdefault(v, SharedVariable(v.type, v.get_value(), v.name))
        updates: Mapping[SharedVariable, Variable] = {}
        if not delete_updates:
            updates = self.maker.updates
        results = substitute([*self.maker.outputs, *updates.values()], new)
        n = len(self.maker.outputs)
        moved = {new.get(v, v): value for v, value in zip(updates, results[n:], strict=True)}
        maker = make(self.maker.inputs, results[:n], moved, self.maker.mode, "ignore")  # pyright: ignore[reportArgumentType] - shared variables
        found = Function(maker, self._form, name or self.name, self.profile is not None)
        found._defaults = list(self._defaults)
        return found

    def __copy__(self) -> Function:
        """Return the same function on the same shared variables."""
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Function:
        """Return the same function on copies of the shared variables."""
        return self.copy(share_memory=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it is compiled from; unpickling compiles it again."""
        maker = self.maker
        form = None if self._form is None else _skeleton(self._form)
        return _unpickled, (
            maker.inputs, maker.outputs, dict(maker.updates), maker.mode, form, self.name,
            self.profile is not None, self._defaults,
        )  # fmt: skip


def _skeleton(form: Any) -> Any:
    """Return the form of outputs without the outputs."""
    if isinstance(form, Mapping):
        return dict.fromkeys(form)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of any keys
    return [] if is_several(form) else 0


def _unpickled(
    inputs: Sequence[In],
    outputs: Sequence[Variable],
    updates: Mapping[SharedVariable, Variable],
    mode: Mode,
    form: Any,
    name: str | None,
    profile: bool,
    defaults: list[Any],
) -> Function:
    found = Function(make(inputs, outputs, updates, mode, "ignore"), form, name, profile)
    found._defaults = defaults  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own
    return found


def _expected(entry: In) -> tuple[np.dtype[Any], int]:
    """Return the dtype and rank of arrays that are taken without a closer look (rank -1: none)."""
    known = entry.variable.type
    static = any(n is not None for n in known.shape)
    return np.dtype(known.dtype), -1 if static else known.ndim


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    mode: Mode | str | None = None,
    updates: Pairs = None,
    givens: Pairs = None,
    no_default_updates: Any = False,
    name: str | None = None,
    allow_input_downcast: bool | None = None,
    profile: bool = False,
    on_unused_input: str | None = None,
) -> Function:
    """Return a function of ``inputs`` that computes ``outputs``.

    inputs : variables, or ``In(variable, ...)`` with options.
    outputs : None, one variable, a list (the function returns a list) or a dict (it returns a
        dict).
    mode : a backend by name ("numpy", ...), a `Mode`, or None: the best backend that works here.
    updates : new values of shared variables, as a dict or pairs; they are computed from the old
        values and stored together after a call, or not at all.
    givens : what to put in the place of variables, as a dict or pairs.
    no_default_updates : True, or for which shared variables, to omit their own updates.
    name : what to call it in messages.
    allow_input_downcast : whether arguments may lose precision; None: only Python numbers may.
    profile : whether to note where the time goes, in ``.profile``.
    on_unused_input : "raise", "warn" or "ignore"; by default ``config.on_unused_input``.

    Raises GraphTypeError, MissingInputError, UnusedInputError, ModeError, UnavailableError.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> square = gradcore.function([x], x ** 2)
    >>> square(3)
    array(9.)
    """
    entries = checked_inputs(inputs, allow_input_downcast)
    wanted = checked_outputs(outputs)
    changes = checked_updates(updates)
    replaced = {
        v: fitting(value, v, "the variable") for v, value in pairs(givens, "givens").items()
    }
    if replaced:
        stored = [entry.update for entry in entries if entry.update is not None]
        found = iter(substitute([*wanted, *changes.values(), *stored], replaced))
        wanted = [next(found) for _ in wanted]
        changes = {v: next(found) for v in changes}
        entries = [
            entry if entry.update is None else replace(entry, update=next(found))
            for entry in entries
        ]
    add_default_updates(wanted, changes, no_default_updates)
    policy = config.on_unused_input if on_unused_input is None else on_unused_input
    maker = make(entries, wanted, changes, get_mode(mode), policy)
    return Function(maker, outputs, name, profile)


@word
def eval(
    variable: Variable, inputs_to_values: Mapping[Any, Any] | None = None, mode: Any = None
) -> Any:
    """Return the value of ``variable``, given those of inputs it depends on, by variable or name.

    The function that is compiled for it is cached for the next call.
    """
    given = inputs_to_values or {}
    by_name = {v.name: v for v in ancestors([variable]) if v.name is not None and v.owner is None}
    inputs: list[Variable] = []
    for key in given:
        found = by_name.get(key) if isinstance(key, str) else key
        if found is None:
            raise MissingInputError(f"{variable} depends on no variable named {key!r}", here())
        inputs.append(found)
    compiled: dict[Any, Function] = variable.tag.__dict__.setdefault("compiled", {})
    key = (tuple(inputs), get_mode(mode))
    if key not in compiled:
        compiled[key] = function(inputs, variable, mode, on_unused_input="ignore")
    return compiled[key](*given.values())
