"""``function``: from variables to something that can be called.

Whatever can be wrong with the arguments of a call is said before anything runs, and shared
variables are updated all together after everything has run, or not at all.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import Parameter, Signature
from typing import Any

from gradcore.backend import Executable, Profile
from gradcore.compile.arguments import (
    In,
    Pairs,
    checked_inputs,
    checked_outputs,
    checked_updates,
    pairs,
)
from gradcore.compile.call import Call
from gradcore.compile.composites import Arrangement, has_composites, separated, without_unused
from gradcore.compile.containers import Containers, Values
from gradcore.compile.maker import FunctionMaker, make
from gradcore.config import config
from gradcore.errors import MissingInputError
from gradcore.graph import Apply, Variable, ancestors, here, substitute
from gradcore.graph.composite import Composite
from gradcore.language import LANGUAGE, is_several, word
from gradcore.mode import Mode, get_mode
from gradcore.pictures import escaped, html_of, svg_of
from gradcore.progress import compiling
from gradcore.scan.default_updates import add_default_updates
from gradcore.shared import SharedVariable, fitting

_SIGNATURE = Signature(
    [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)]
)
"""What `inspect` finds: values by position and by keyword."""


class Function:
    """A compiled function: call it with values, by position or by keyword.

    maker : what it was compiled from and to; ``maker.fgraph`` is the graph that runs.
    arrangement : which of its arguments and results are several tensors; None: each is one.

    A call with ``output_subset=`` returns some of the outputs, by their places in the list or their
    keys in the dict; all are computed.  A call that updates waits for others that use the same
    shared variables.  It raises ArgumentError for too many or too few arguments, an unknown
    keyword, or an argument that does
    not fit its variable; nothing has run then.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> f = gradcore.function([x], T.exp(x) * T.exp(x), name="f")
    >>> f, gradcore.pp(f), f.maker.backend.name in ("c", "numpy")
    (<f(x)>, 'sqr(exp(x))', True)
    """

    __slots__ = ("__call__", "__dict__", "__weakref__")
    __call__: Callable[..., Any]
    """What makes a call.  It is in a slot, where Python finds it without running any of Python's
    own code: `function(...)` is a call of native code, if the backend has that."""

    def __init__(
        self,
        maker: FunctionMaker,
        outputs: Any,
        name: str | None,
        profile: bool | Profile,
        arrangement: Arrangement | None = None,
    ) -> None:
        self._call = Call(maker, outputs, name, profile)
        self.arrangement = arrangement
        self.maker = self._call.maker
        call = self._call.quickest()
        if arrangement is not None:
            call = arrangement.around(call, self._call.label)
        slot = vars(Function)["__call__"]  # a subclass may have a method of this name
        slot.__set__(self, call)
        self.__signature__ = _SIGNATURE

    @property
    def name(self) -> str | None:
        """What to call it in messages."""
        return self._call.name

    @name.setter
    def name(self, name: str | None) -> None:
        self._call.name = name

    @property
    def profile(self) -> Profile | None:
        """Where its time went, if that was asked for."""
        return self._call.profile

    @property
    def form(self) -> Any:
        """How it returns its outputs: None, 0 (a single one), a list, or a dict with their keys."""
        return _skeleton(self._call.form)

    @property
    def _executable(self) -> Executable:
        return self._call.executable

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
    def memory_map(self) -> Mapping[Apply, str] | None:
        """For each node that runs where its values are, in words; None: the backend does not say.

        "block 1" of the memory that generated code works with, which others may have before and
        after; "output 0"; "register"; "not stored": computed where they are read.
        """
        found = getattr(self.maker.backend, "memory_map", None)
        fallback = [lack.node for lack in self.maker.fallback]
        return None if found is None else found(self.maker.fgraph, fallback)

    # values of its own --------------------------------------------------------------------------
    @property
    def container(self) -> Containers:
        """The values that it has of its own, in a `Container` each: ``f.container[x].value``."""
        return Containers(self._call)

    @property
    def value(self) -> Values:
        """The values that it has of its own: ``f.value[x]``, ``f.value[x] = 3``."""
        return Values(self._call)

    def __getitem__(self, key: Any) -> Any:
        """Return the value of an input that has one without being given, or of a shared variable.

        key : the variable, its name, or the place of the input.

        Raises ArgumentError: it has no such input.
        """
        return self.value[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set such a value.

        Raises ArgumentError: it has no such input, or the value does not fit it.
        """
        self.value[key] = value

    def __contains__(self, key: Any) -> bool:
        """Return whether it has such an input, or reads such a shared variable."""
        return key in self.container

    @property
    def input_storage(self) -> list[Any]:
        """The values of inputs that have one without being given."""
        return list(self._call.defaults)

    def __repr__(self) -> str:
        """Return the name and the inputs."""
        inputs = ", ".join(str(entry.variable) for entry in self.maker.inputs)
        return f"<{self._call.label()}({inputs})>"

    def _repr_svg_(self) -> str | None:
        """Return a picture of the graph that runs, for a notebook that graphviz draws for."""
        return svg_of(self)

    def _repr_html_(self) -> str | None:
        """Return the name, and a tree of the graph that runs, where there is no picture."""
        tree = html_of(self)
        return None if tree is None else f"<code>{escaped(repr(self))}</code>{tree}"

    def view(self) -> Any:
        """Return a picture of its graph that can be walked through: see `gradcore.view`."""
        return LANGUAGE["view"](self)

    # memory -------------------------------------------------------------------------------------
    trust_input: bool = False
    """Accepted as in Theano.  Arguments that need no conversion are looked at in no time."""

    def free(self) -> None:
        """Free the memory that its backend keeps for the next call; a call takes it again."""
        release = getattr(self._executable, "release", None)
        if release is not None:
            release()

    def sync_shared(self) -> None:
        """Wait until the shared variables have their values: after a call they have."""

    # chunks -------------------------------------------------------------------------------------
    def over(
        self,
        data: Any,
        batch: Sequence[Any] | None = None,
        rows: int | Sequence[int] | None = None,
        combine: Any = None,
    ) -> Any:
        """Return this function of all rows of a batch, computed chunk by chunk.

        data : what comes in chunks: a dict of arrays, by inputs or their names, which are sliced
            along their first axes and may be memory-mapped (`numpy.memmap`, HDF5, Zarr); or an
            iterable of chunks, or a function that returns one for each pass; or chunks on other
            machines (`gradcore.distributed`).
        batch : the inputs, where ``data`` is an iterable: of tuples of their arrays, or of dicts.
        rows : how many rows of arrays a chunk has, or a list of how many each has; None: as many
            as 32 MiB hold.
        combine : None: how results of chunks become one follows from the graph, or it is an error
            here.  Else a function of two arrays, or one for each result: then each result of all
            rows is that of those of chunks, which you vouch for: ``numpy.add`` for sums.

        The result (`gradcore.summing.Total`) is a function of the other inputs, which returns what
        this one does.  One chunk is in memory at a time.  Parts of chunks are added in pairs,
        float32 in float64: the same chunks give the same bits.  What is no sum over the rows is
        made of sums: of a mean the sum and the count are taken.  What goes back to the rows from a
        total takes one more pass over the data (``.passes``).

        Raises ArgumentError: there are no such inputs; a result does not follow from parts, with
        the line of what does not: an order of rows, something for each row; inputs with different
        numbers of rows.

        >>> import numpy as np
        >>> import gradcore, gradcore.tensor as T
        >>> X, y, w = T.dmatrix("X"), T.dvector("y"), T.dvector("w")
        >>> loss = T.mean((T.dot(X, w) - y) ** 2) + T.sum(w ** 2)
        >>> f = gradcore.function([X, y, w], [loss, T.grad(loss, w)])
        >>> data = {X: np.arange(6.0).reshape(3, 2), "y": [1.0, 2.0, 3.0]}
        >>> total = f.over(data, rows=2)
        >>> total([0.5, 0.5])
        [array(1.41666667), array([5.66666667, 6.66666667])]
        >>> f(*data.values(), [0.5, 0.5])
        [array(1.41666667), array([5.66666667, 6.66666667])]
        """
        return pkgutil.resolve_name("gradcore.summing.over:over")(self, data, batch, rows, combine)

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
                new.setdefault(v, v.clone())
        updates: Mapping[SharedVariable, Variable] = {}
        if not delete_updates:
            updates = self.maker.updates
        results = substitute([*self.maker.outputs, *updates.values()], new)
        n = len(self.maker.outputs)
        moved = {new.get(v, v): value for v, value in zip(updates, results[n:], strict=True)}
        maker = make(self.maker.inputs, results[:n], moved, self.maker.mode, "ignore")  # pyright: ignore[reportArgumentType] - shared variables
        found = Function(
            maker,
            self._call.form,
            name or self.name,
            self.profile is not None,
            self.arrangement,
        )
        found._call.defaults = list(self._call.defaults)
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
        return _unpickled, (
            maker.inputs, maker.outputs, dict(maker.updates), maker.mode, self.form, self.name,
            self.profile is not None, self.input_storage, self.arrangement,
        )  # fmt: skip


def _skeleton(form: Any) -> Any:
    """Return the form of outputs without the outputs."""
    if form is None:
        return None
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
    arrangement: Arrangement | None = None,
) -> Function:
    maker = make(inputs, outputs, updates, mode, "ignore")
    found = Function(maker, form, name, profile, arrangement)
    found._call.defaults = defaults  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its own
    return found


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

    inputs : variables, or ``In(variable, ...)`` with options.  For a sparse matrix
        (`gradcore.tensor.sparse`) the function takes one of SciPy, in its format.
    outputs : None, one variable, a list (the function returns a list) or a dict (it returns a
        dict).  A sparse matrix is returned as a sparse array of SciPy.
    mode : a backend by name ("numpy", ...), a `Mode`, or None: the best backend that works here.
    updates : new values of shared variables, as a dict or pairs; they are computed from the old
        values and stored together after a call, or not at all.
    givens : what to put in the place of variables, as a dict or pairs.
    no_default_updates : True, or for which shared variables, to omit their own updates.
    name : what to call it in messages.
    allow_input_downcast : whether arguments may lose precision; None: only Python numbers may.
    profile : whether to note where time and memory go, in ``.profile``
        (`gradcore.backend.Profile`).
    on_unused_input : "raise", "warn" or "ignore"; by default ``config.on_unused_input``.

    Raises GraphTypeError, MissingInputError, UnusedInputError, ModeError, UnavailableError.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> square = gradcore.function([x], x ** 2)
    >>> square(3)
    array(9.)
    """
    form, results, arguments = outputs, (), ()
    composed = has_composites(inputs, outputs)
    if composed:
        inputs, outputs, arguments, results = separated(inputs, outputs)
    entries = checked_inputs(inputs, allow_input_downcast)
    wanted = checked_outputs(outputs)
    changes = checked_updates(updates)
    replaced = {
        v: fitting(value, v, "the variable") for v, value in pairs(givens, "givens").items()
    }
    if replaced:
        found = iter(substitute([*wanted, *changes.values(), *_stored(entries)], replaced))
        wanted = [next(found) for _ in wanted]
        changes = {v: next(found) for v in changes}
        entries = [
            entry if entry.update is None else replace(entry, update=next(found))
            for entry in entries
        ]
    if no_default_updates is not True:
        omitted = set(no_default_updates or ())
        add_default_updates([*wanted, *_stored(entries)], changes, omitted, replaced)
    policy = config.on_unused_input if on_unused_input is None else on_unused_input
    arrangement = None
    if composed:
        needed = [*wanted, *changes.values(), *_stored(entries)]
        arranged, entries = without_unused(arguments, entries, needed, policy)
        arrangement = Arrangement(arranged, results, _skeleton(form))
    noted = Profile() if profile else None
    with compiling(None if noted is None else noted.compiling):
        maker = make(entries, wanted, changes, get_mode(mode), policy)
        return Function(maker, outputs, name, noted or False, arrangement)


def _stored(entries: Sequence[In]) -> list[Variable]:
    """Return what becomes the value of inputs after a call."""
    return [entry.update for entry in entries if entry.update is not None]


@word
def eval(
    variable: Variable | Composite,
    inputs_to_values: Mapping[Any, Any] | None = None,
    mode: Any = None,
) -> Any:
    """Return the value of ``variable``, given those of inputs it depends on, by variable or name.

    The function that is compiled for it is cached for the next call.
    """
    given = inputs_to_values or {}
    of = list(variable.parts) if isinstance(variable, Composite) else [variable]
    by_name = {v.name: v for v in ancestors(of) if v.name is not None and v.owner is None}
    inputs: list[Any] = []
    for key in given:
        found = by_name.get(key) if isinstance(key, str) else key
        if found is None:
            raise MissingInputError(f"{variable} depends on no variable named {key!r}", here())
        inputs.append(found)
    tag: Any = variable.tag
    compiled: dict[Any, Function] = tag.__dict__.setdefault("compiled", {})
    key = (tuple(inputs), get_mode(mode))
    if key not in compiled:
        compiled[key] = function(inputs, variable, mode, on_unused_input="ignore")
    return compiled[key](*given.values())
