"""``function``: from variables to something that can be called.

Compilation is a straight line: put the arguments in order, close the graph, rewrite it, hand it to
a backend.  Whatever can be wrong with the arguments of a call is said before anything runs, and
shared variables are updated all together after everything has run, or not at all.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from gradcore.backend import Backend, Executable, Profile
from gradcore.config import config
from gradcore.errors import (
    ArgumentError,
    DebugModeError,
    GraphTypeError,
    MissingInputError,
    UnusedInputError,
)
from gradcore.graph import (
    Array,
    Constant,
    FunctionGraph,
    Variable,
    ancestors,
    as_variable,
    free_inputs,
    here,
    substitute,
    upcast,
)
from gradcore.graph.nodes import bare
from gradcore.language import is_several, listed, word
from gradcore.mode import Mode, get_mode
from gradcore.rewrite import Trace
from gradcore.rewrite.branches import enclose_branches
from gradcore.rewrite.checks import SameShape, lift_checks
from gradcore.shared import SharedVariable

Pairs = Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None


@dataclass(frozen=True)
class In:
    """An input of a function, with options.

    variable : the variable.
    name : the keyword it is called by; by default the variable's name.
    value : what it is if it is not given.
    update : an expression whose value becomes ``value`` after each call.
    strict : whether only arrays of the very dtype are taken.
    allow_downcast : whether an argument may lose precision; None: only plain Python numbers may.
    """

    variable: Variable
    name: str | None = None
    value: Any = None
    update: Variable | None = None
    strict: bool = False
    allow_downcast: bool | None = None

    @property
    def keyword(self) -> str | None:
        """The name that it is called by."""
        return self.name or self.variable.name

    def converted(self, value: Any, function: str, position: int) -> Array:
        """Return an argument as an array, or raise ArgumentError."""
        try:
            return self.variable.type.filter(value, self.strict, self.allow_downcast)
        except TypeError as error:
            name = repr(self.keyword) if self.keyword else f"{position} ({self.variable.type})"
            raise ArgumentError(f"{function}: argument {name} {error}") from None


@dataclass(frozen=True)
class Out:
    """An output of a function, with options.

    borrow : accepted as in Theano; the arrays that a call returns are always the caller's own.
    """

    variable: Variable
    borrow: bool = False


# the arguments of ``function`` ------------------------------------------------------------------
def _inputs(given: Sequence[Any], allow_downcast: bool | None) -> list[In]:
    if isinstance(given, Variable):
        raise GraphTypeError(f"inputs are a list of variables, not {given}", here(), f"[{given}]")
    found: list[In] = []
    for item in given:
        if isinstance(item, Variable):
            entry = In(item, allow_downcast=allow_downcast)
        elif isinstance(item, In):
            entry = item
        else:
            raise GraphTypeError(f"an input is a variable or In(variable), not {item!r}", here())
        if isinstance(entry.variable, Constant):
            raise GraphTypeError(f"the constant {entry.variable} cannot be an input", here())
        if isinstance(entry.variable, SharedVariable):
            raise GraphTypeError(
                f"the shared variable {entry.variable} cannot be an input: it has a value",
                here(),
                "use it as it is, or put another variable in its place with givens",
            )
        found.append(entry)
    seen: set[Variable] = set()
    keywords: set[str] = set()
    for entry in found:
        if entry.variable in seen:
            raise UnusedInputError(f"{entry.variable} is an input twice", here())
        if entry.keyword is not None and entry.keyword in keywords:
            keywords.discard(entry.keyword)
        seen.add(entry.variable)
        keywords.add(entry.keyword or "")
    return found


def _outputs(given: Any) -> list[Variable]:
    if given is None:
        return []
    if isinstance(given, Mapping):
        items: list[Any] = list(given.values())  # pyright: ignore[reportUnknownArgumentType] - checked below
    else:
        items = listed(given)
    return [as_variable(item.variable if isinstance(item, Out) else item) for item in items]


def _pairs(given: Any, what: str) -> dict[Variable, Any]:
    """Return updates or givens as a dict; refuse a variable that is named twice."""
    found: dict[Variable, Any] = {}
    pairs: Any = getattr(given, "items", lambda: given or ())()
    for variable, value in pairs:
        if not isinstance(variable, Variable):
            raise GraphTypeError(f"{what} map variables to values, not {variable!r}", here())
        if variable in found:
            raise GraphTypeError(f"{what} name {variable} twice", here())
        found[variable] = value
    return found


def _fitting(value: Any, variable: Variable, what: str) -> Variable:
    """Return ``value`` as an expression of the type of ``variable``."""
    new = as_variable(value, (variable.type.dtype,))
    if new.type.dtype != variable.type.dtype:
        if upcast(new.type.dtype, variable.type.dtype) != variable.type.dtype:
            raise GraphTypeError(
                f"{what} {variable} is {variable.type.dtype}, its new value {new} is "
                f"{new.type.dtype}, which it cannot hold without loss",
                here(),
                f"cast it: .astype({variable.type.dtype!r})",
            )
        new = new.astype(variable.type.dtype)
    shapes = zip(new.type.shape, variable.type.shape, strict=False)
    if new.ndim != variable.ndim or any(None not in (m, n) and m != n for m, n in shapes):
        raise GraphTypeError(
            f"{what} {variable} is {variable.type}, its new value {new} is {new.type}", here()
        )
    return new


def _updates(given: Pairs) -> dict[SharedVariable, Variable]:
    found: dict[SharedVariable, Variable] = {}
    for variable, value in _pairs(given, "updates").items():
        if not isinstance(variable, SharedVariable):
            raise GraphTypeError(
                f"only shared variables can be updated, not {variable}", here(), "use shared(value)"
            )
        found[variable] = _fitting(value, variable, "the shared variable")
    return found


def _add_default_updates(
    outputs: Sequence[Variable], updates: dict[SharedVariable, Variable], refused: Any
) -> None:
    """Add the updates that shared variables bring along."""
    if refused is True:
        return
    skipped: set[Variable] = set(refused or ())
    pending = [*outputs, *updates.values()]
    while pending:
        fresh: list[Variable] = []
        for v in free_inputs(pending):
            if isinstance(v, SharedVariable) and v not in updates and v not in skipped:
                if v.default_update is not None:
                    updates[v] = _fitting(v.default_update, v, "the shared variable")
                    fresh.append(updates[v])
        pending = fresh


# compilation ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class FunctionMaker:
    """What a function was compiled from and to.

    inputs, outputs, updates : what the user asked for, givens put in.
    shared : the shared variables that it reads.
    checks : which inputs must have one shape.
    mode, backend : how it was compiled.
    fgraph : the graph that runs: its inputs, then the shared variables; its outputs, then the new
        values of the updates.
    trace : which rule fired where.
    """

    inputs: tuple[In, ...]
    outputs: tuple[Variable, ...]
    updates: Mapping[SharedVariable, Variable]
    shared: tuple[SharedVariable, ...]
    checks: tuple[SameShape, ...]
    mode: Mode
    backend: Backend
    fgraph: FunctionGraph
    trace: Trace
    seconds: float


@contextmanager
def _collection_paused() -> Generator[None]:
    """Keep the garbage collector from looking, again and again, at a graph that is being made."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _make(
    inputs: Sequence[In],
    outputs: Sequence[Variable],
    updates: Mapping[SharedVariable, Variable],
    mode: Mode,
    on_unused_input: str,
) -> FunctionMaker:
    start = perf_counter()
    variables = [entry.variable for entry in inputs]
    stored = [entry.update for entry in inputs if entry.update is not None]
    results = [*outputs, *updates.values(), *stored]
    closed, checks = lift_checks(results, {*variables, *_shared(results)})
    shared = _shared(closed, updates)
    _refuse_missing(closed, {*variables, *shared})
    _refuse_unused(variables, results, on_unused_input)
    trace: Trace = []
    with _collection_paused():
        graph = FunctionGraph((*variables, *shared), tuple(_bare(closed)))
        for stage in mode.stages():
            graph = stage.run(graph, trace)
        graph = enclose_branches.run(graph, trace)
    return FunctionMaker(
        tuple(inputs),
        tuple(outputs),
        dict(updates),
        tuple(shared),
        tuple(checks),
        mode,
        mode.resolved_backend(),
        graph,
        trace,
        perf_counter() - start,
    )


def _shared(
    variables: Sequence[Variable], more: Iterable[SharedVariable] = ()
) -> list[SharedVariable]:
    found = [v for v in free_inputs(variables) if isinstance(v, SharedVariable)]
    return list(dict.fromkeys((*found, *more)))


def _bare(outputs: Sequence[Variable]) -> list[Variable]:
    """Return ``outputs`` with constants as they print in a compiled graph."""
    constants: dict[Variable, Variable] = {
        v: bare(v) for v in ancestors(outputs) if isinstance(v, Constant)
    }
    return substitute(outputs, constants)


def _refuse_missing(outputs: Sequence[Variable], given: set[Variable]) -> None:
    missing = [v for v in free_inputs(_stopped(outputs, given)) if v not in given]
    if missing:
        named = ", ".join(f"{v} ({v.type})" for v in missing)
        raise MissingInputError(
            f"the outputs need {named}, which is not among the inputs",
            here(),
            "add it to the inputs, or give it a value with givens or shared",
        )


def _stopped(outputs: Sequence[Variable], given: set[Variable]) -> list[Variable]:
    """Return the leaves that ``outputs`` need, not going past what is given."""
    return [v for v in ancestors(outputs, given) if v.owner is None]


def _refuse_unused(inputs: Sequence[Variable], outputs: Sequence[Variable], policy: str) -> None:
    if policy not in ("raise", "warn", "ignore"):
        raise GraphTypeError(f"on_unused_input is raise, warn or ignore, not {policy!r}", here())
    if policy == "ignore":
        return
    used = set(ancestors(outputs, set(inputs)))
    for position, variable in enumerate(inputs):
        if variable not in used:
            what = f"input {position} ({variable}) is not used by any output or update"
            if policy == "raise":
                raise UnusedInputError(
                    what, here(), "leave it out, or pass on_unused_input='ignore'"
                )
            warnings.warn(what, stacklevel=4)


# calling ----------------------------------------------------------------------------------------
class Function:
    """A compiled function: call it with values, by position or by keyword.

    maker : what it was compiled from and to; ``maker.fgraph`` is the graph that runs.
    profile : where its time went, if that was asked for.
    """

    def __init__(self, maker: FunctionMaker, outputs: Any, name: str | None, profile: bool) -> None:
        self.maker = maker
        self.name = name
        self.profile = Profile() if profile else None
        self._form = outputs
        self._executable = _executable(maker, self.profile)
        self._defaults = [entry.value for entry in maker.inputs]
        self._expected = [_expected(entry) for entry in maker.inputs]
        self._storage = [v.storage for v in maker.shared]
        self._updated = [v.storage for v in maker.updates]
        self._positions = {
            entry.keyword: i for i, entry in enumerate(maker.inputs) if entry.keyword is not None
        }

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
        """Run it.

        Raises ArgumentError: too many or too few arguments, an unknown keyword, or an argument
        that does not fit its variable; nothing has run then.
        """
        start = perf_counter() if self.profile is not None else 0.0
        if kwargs or len(args) != len(self._expected):
            args = self._in_order(args, kwargs)
        values: list[Any] = []
        for i, value in enumerate(args):
            dtype, ndim = self._expected[i]
            if type(value) is np.ndarray and value.dtype == dtype and value.ndim == ndim:
                values.append(value)
            else:
                values.append(self.maker.inputs[i].converted(value, self._label(), i))
        if self.maker.checks:
            self._check_shapes(values)
        results = self._executable(*values, *(cell[0] for cell in self._storage))
        n = len(self.maker.outputs)
        if len(results) > n:
            self._update(results[n:])
        if self.profile is not None:
            self.profile.calls += 1
            self.profile.seconds += perf_counter() - start
        return self._formed(results[:n])

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
            position = self._positions.get(keyword)
            if position is None:
                raise ArgumentError(
                    f"{self._label()} has no argument {keyword!r}; it has {self._names()}"
                )
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
        new = [v.fitting(value, borrow=True) for v, value in zip(updates, results, strict=False)]
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
        delete_updates : whether to leave the updates out.
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
        maker = _make(self.maker.inputs, results[:n], moved, self.maker.mode, "ignore")  # pyright: ignore[reportArgumentType] - shared variables
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
    found = Function(_make(inputs, outputs, updates, mode, "ignore"), form, name, profile)
    found._defaults = defaults  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own
    return found


def _expected(entry: In) -> tuple[np.dtype[Any], int]:
    """Return the dtype and rank of arrays that are taken without a closer look (rank -1: none)."""
    known = entry.variable.type
    static = any(n is not None for n in known.shape)
    return np.dtype(known.dtype), -1 if static else known.ndim


def _executable(maker: FunctionMaker, profile: Profile | None) -> Executable:
    run = maker.backend.compile(maker.fgraph, profile)
    if not maker.mode.debug:
        return run
    written = _bare([*maker.outputs, *maker.updates.values()])
    plain = maker.backend.compile(FunctionGraph(maker.fgraph.inputs, tuple(written)))

    def compared(*values: Any) -> Sequence[Any]:
        found, expected = run(*values), plain(*values)
        for v, a, b in zip(written, found, expected, strict=False):
            tolerance = 1e-3 if v.type.dtype in ("float16", "float32") else 1e-7
            if (
                a.dtype != b.dtype
                or a.shape != b.shape
                or not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
            ):
                raise DebugModeError(
                    f"{v} is {a} when the graph is rewritten, and {b} as it was written",
                    v.owner.where if v.owner is not None else None,
                    "this is a bug of a rule: the trace of the function says which have fired",
                )
        return found

    return compared


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
    no_default_updates : True, or for which shared variables, to leave their own updates out.
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
    entries = _inputs(inputs, allow_input_downcast)
    wanted = _outputs(outputs)
    changes = _updates(updates)
    replaced = {
        v: _fitting(value, v, "the variable") for v, value in _pairs(givens, "givens").items()
    }
    if replaced:
        found = substitute([*wanted, *changes.values()], replaced)
        wanted = found[: len(wanted)]
        changes = dict(zip(changes, found[len(wanted) :], strict=True))
    _add_default_updates(wanted, changes, no_default_updates)
    policy = config.on_unused_input if on_unused_input is None else on_unused_input
    maker = _make(entries, wanted, changes, get_mode(mode), policy)
    return Function(maker, outputs, name, profile)


@word
def eval(
    variable: Variable, inputs_to_values: Mapping[Any, Any] | None = None, mode: Any = None
) -> Any:
    """Return the value of ``variable``, given those of inputs it depends on, by variable or name.

    The function that is compiled for it is kept for the next time.
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
