"""What a backend is: it says what it cannot do, and turns a graph into a function of arrays.

The decision: what a backend can do is a *question about a node*, answered by a sentence, not a
list of flags: the op, its parameters, dtypes and ranks all show in the node.  A backend is known
by what it lacks, never by its name.  Rejected: capability flags, which never say enough; a
silent fallback, which makes a program slow without a word.
"""

from __future__ import annotations

import dataclasses
import functools
import pkgutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    Self,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from gradcore.backend.profile import Profile
from gradcore.errors import GradcoreError, ModeError, UnavailableError, UnsupportedError, choices
from gradcore.execute import Runner, is_memory_error
from gradcore.graph import Apply, FunctionGraph, here
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS

Executable: TypeAlias = Callable[..., Sequence[Any]]
"""A function of the values of a graph's inputs that returns those of its outputs.

The values it returns are the caller's own: they share no memory with its arguments, with each
other, or with what the next call returns.

It may have attributes, all optional:

``source`` : the text that was generated; ``Function.source`` returns it.
``peak`` : the most bytes of memory that a call has used beside arguments and results;
    ``Function.profile`` reports it.
``returned`` : how many of its results, from the first on, go to the caller; a `Function` sets it.
    The others are new values of shared variables, which may be a `gradcore.shared.StoredArray`: a
    backend whose ``described`` knows them gets them back as they are.
``bound(cells, form, updated, locks)`` : returns a function for calls that need no conversion, so
    that such calls cost nothing in Python.  ``cells`` and ``updated`` are lists of one element, the
    storage of shared variables.  It takes the arguments but the last ``len(cells)``, which it reads
    from ``cells`` at each call, after it has taken the ``locks`` in their order, which it holds to
    the end; it stores the last ``len(updated)`` results into ``updated``, all
    together when everything has run, or none if anything raises; it returns the other results as
    ``form`` says: "single" (the one), "list", or "none" (None).  Where an argument or a cell does
    not have the dtype, rank and known extents of its input as it is, or is given by keyword, it
    returns NotImplemented, and nothing has run: the call is then made the long way.
    What it returns may have an attribute ``otherwise``, which a `Function` sets, and is then what
    it runs for every call: instead of returning NotImplemented it returns
    ``otherwise(None, *args, **kwargs)``, and instead of raising an Exception
    ``otherwise(error, *args, **kwargs)``, after it has given the locks back.

>>> import gradcore.tensor as T
>>> from gradcore.plugins import registry
>>> from gradcore.graph import FunctionGraph
>>> x = T.dvector("x")
>>> run: Executable = registry().backend("numpy").compile(FunctionGraph((x,), (x * 2, x + 1)))
>>> run(np.array([1.0, 2.0]))
[array([2., 4.]), array([2., 3.])]
"""


OF_EVERY_MODE = ("optimizer", "debug", "fallback", "reassociate", "guard")
"""What a `Mode` takes beside the options of its backend."""


def fits(value: Any, hint: Any) -> bool:
    """Return whether ``value`` is of a type; True where it is neither Python's own nor a dataclass.

    >>> fits(2, int), fits("two", int), fits(True, int), fits(None, str | None), fits(1, float)
    (True, False, False, True, True)
    """
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is NoneType:
        return value is None
    if hint in (int, float):
        kind = Integral if hint is int else Real
        return not isinstance(value, bool) and isinstance(value, kind)
    if isinstance(hint, type) and (hint in (bool, str, bytes) or dataclasses.is_dataclass(hint)):
        return isinstance(value, hint)
    return True


@functools.cache
def _declared_types(backend: type[Backend]) -> Mapping[str, Any]:
    """Return the types that a class of backends declares for its fields, as far as they resolve."""
    try:
        return get_type_hints(backend)
    except NameError:  # a type that is imported for type checkers alone
        return {}


def _spelled(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).removeprefix("typing.")


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A graph and its derivatives, to become a function of an array library.

    value : a graph of the inputs that returns the outputs.
    pushforward : a graph of the inputs and a tangent for each of ``moved``; it returns a tangent
        for each of ``moving``.
    pullback : a graph of the inputs and a cotangent for each of ``moving``; it returns a cotangent
        for each of ``moved``.
    moved : positions of the inputs that have derivatives: those of float dtypes.
    moving : positions of the outputs that have derivatives.
    single : whether the function returns one array rather than a list.
    written : returns the graph as it was written that one of the three has been rewritten from;
        None: the backend lacks something for it.

    >>> import gradcore.tensor as T
    >>> from gradcore.execute import by_reference
    >>> x, t = T.dscalars("x", "t")
    >>> value, moved = FunctionGraph((x,), (x**2,)), FunctionGraph((x, t), (2 * x * t,))
    >>> graphs = Embedding(value, moved, moved, (0,), (0,), single=True)
    >>> (found,) = graphs.runner(graphs.pullback, by_reference)(np.array(3.0), np.array(1.0))
    >>> float(found)
    6.0
    """

    value: FunctionGraph
    pushforward: FunctionGraph
    pullback: FunctionGraph
    moved: tuple[int, ...]
    moving: tuple[int, ...]
    single: bool
    written: Callable[[FunctionGraph], FunctionGraph | None] = lambda graph: None

    def runner(self, graph: FunctionGraph, running: Callable[[FunctionGraph], Runner]) -> Runner:
        """Return what runs one of the three graphs; if that raises, the graph as it was written.

        So a call raises what the user's own graph raises, or nothing where that does not: the
        optimizer moves work out of loops that may take no step.

        running : returns what runs a graph on arrays of the library.
        """
        run = running(graph)

        @functools.cache
        def plain() -> Runner | None:
            written = self.written(graph)
            return None if written is None else running(written)

        def tried(*arrays: Any) -> tuple[Any, ...]:
            try:
                return run(*arrays)
            except Exception:
                again = plain()
                if again is None:
                    raise
            return again(*arrays)

        return tried


class Backend(ABC):
    """Something that runs graphs, found as a plugin by its ``name``.

    A backend with options is a frozen dataclass: its fields are its options, and
    ``Mode("torch", device="cuda")`` replaces them.

    name : what ``mode=`` calls it.
    dtypes : the dtypes that it knows.
    remedy : what the author of an op can do so that it runs here.

    >>> import gradcore.tensor as T
    >>> from gradcore.execute import straight_line
    >>> class Shortest(Backend):
    ...     name = "shortest"
    ...     def compile(self, graph, profile=None, fallback=()):
    ...         return straight_line(graph, lambda node: node.op.kernel(node))
    >>> x = T.dvector("x")
    >>> Shortest().compile(FunctionGraph((x,), (T.exp(x) + x,)))(np.zeros(2))
    (array([1., 1.]),)
    """

    name: ClassVar[str]
    dtypes: ClassVar[frozenset[str]] = frozenset((*DISCRETE, *FLOATS, *COMPLEX))
    remedy: ClassVar[str] = "write them with other ops"

    def unavailable(self) -> str | None:
        """Return why it cannot run here and what to do about it, or None if it can."""
        return None

    def version(self) -> str:
        """Return the version of what it runs on; empty if there is none."""
        return ""

    def devices(self) -> Sequence[str]:
        """Return the devices that it can run on here."""
        return ("cpu",)

    def missing(self, node: Apply) -> str | None:
        """Return why it cannot run ``node``, a sentence, or None if it can.

        It is asked about every node of a graph, and of the graphs inside ops, before ``compile``.
        """
        return None

    @abstractmethod
    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph``: NumPy arrays in, NumPy arrays out.

        The arguments have the dtypes, ranks and known extents of ``graph.inputs``, any layout, and
        must be left alone; many threads may call the function at once.

        profile : where to note the time of each node, if that is wanted and possible.
        fallback : nodes that it lacks, which the reference (``node.op.kernel(node)``, on NumPy
            arrays) is to compute.
        """

    def loaded(self) -> Backend:
        """Return the backend itself: one that is not imported yet returns what it stands for."""
        return self

    def warm(self) -> Sequence[str]:
        """Make now what functions will need and no graph says; return what there is then, by name.

        ``gradcore cache warm`` asks each backend that works for it.
        """
        return ()

    def numpy(self, array: Any) -> Any:
        """Return an array of its library as one of NumPy; it may share memory."""
        return np.asarray(array)

    def described(self, value: Any) -> tuple[str, tuple[int, ...]] | None:
        """Return dtype and shape of an array that ``compile``'s functions take as it is.

        None for anything else: it is made a NumPy array first.
        """
        return None

    def lacks_memory(self, error: Exception) -> bool:
        """Return whether what its library raises says that memory is lacking.

        The caller gets OutOfMemoryError in its place; one of gradcore's own errors stays as it is.
        """
        return is_memory_error(error)

    def remarks(self, graph: FunctionGraph) -> Sequence[str]:
        """Return what a user should know about how ``graph`` will run, a sentence each."""
        return ()

    def embedded(self, graphs: Embedding) -> Callable[..., Any]:
        """Return ``graphs.value`` as a function of arrays of the backend's library.

        Its derivatives are registered with the library, as those of the function.

        Raises UnsupportedError: the library has no such thing.
        """
        raise UnsupportedError(f"the backend {self.name!r} embeds no functions", here())

    def foreign(self) -> Any:
        """Return what calls functions of its library as ops (`gradcore.compile.foreign.Library`).

        Raises UnsupportedError: the library has no such functions.
        """
        raise UnsupportedError(f"the backend {self.name!r} takes no functions", here())

    # options and additions ----------------------------------------------------------------------
    def options(self) -> Mapping[str, Any]:
        """Return the names of its options, each with the type that is declared for it."""
        if not dataclasses.is_dataclass(self):
            return {}
        names = [field.name for field in dataclasses.fields(self) if field.init and field.repr]
        hints = _declared_types(type(self))
        return {name: hints.get(name, Any) for name in names}

    def checked_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``options`` under the names of the fields, each of the type declared for it.

        A `Mode` asks for it when it is made, if the backend is imported by then or imports no
        library that takes long.

        Raises ModeError: it has no such option, or not with a value of such a type.
        """
        known = self.options()
        for name, value in options.items():
            if name not in known:
                raise ModeError(
                    f"the backend {self.name!r} has no option {name!r}",
                    here(),
                    choices(name, known, "its options", OF_EVERY_MODE),
                )
            if not fits(value, known[name]):
                raise ModeError(
                    f"the option {name!r} of the backend {self.name!r} cannot be {value!r}",
                    here(),
                    f"it is declared as {_spelled(known[name])}",
                )
        return options

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return this backend with ``options``.

        A value is checked against the type that is declared for it, and by ``__post_init__``, which
        may raise TypeError or ValueError.

        Raises ModeError: it has no such option, or not with such a value.
        """
        given = self.checked_options(options)
        try:
            return dataclasses.replace(self, **given) if given else self  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType, reportReturnType] - a dataclass, if it has options
        except (TypeError, ValueError) as error:
            if isinstance(error, GradcoreError):
                raise
            raise ModeError(
                f"the backend {self.name!r} refuses its options: {error}", here()
            ) from None

    def with_kernels(self, kernels: Mapping[Any, Any]) -> Backend:
        """Return this backend with kernels that other plugins contribute.

        Raises TypeError: it takes none.
        """
        raise TypeError("it takes no kernels from other plugins")

    def with_lowerings(self, table: Mapping[Any, Any]) -> Backend:
        """Return this backend with what lowers ops of other plugins; see `gradcore_lowerings`.

        Raises TypeError: it generates no code.
        """
        raise TypeError("it generates no code: give it kernels")


class Unavailable(Backend):
    """A backend that exists and cannot run here.

    name : its name.
    reason : why, and what to install.
    error : the class of the error that asking for it raises.

    >>> fast = Unavailable("fast", "pip install fast")
    >>> fast.compile(FunctionGraph((), ()))
    Traceback (most recent call last):
    gradcore.errors.UnavailableError: the backend 'fast' cannot run here: pip install fast
    """

    def __init__(
        self, name: str, reason: str, error: type[GradcoreError] = UnavailableError
    ) -> None:
        self.name = name  # pyright: ignore[reportAttributeAccessIssue] - of this one only
        self.reason = reason
        self.error = error

    def unavailable(self) -> str | None:
        """Return the reason why the backend cannot be used."""
        return self.reason

    def devices(self) -> Sequence[str]:
        """Return no devices."""
        return ()

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Raise its error."""
        raise self.error(f"the backend {self.name!r} cannot run here: {self.reason}")


class Deferred(Unavailable):
    """A backend whose library takes long to import: it is imported when it is first asked for.

    name : its name.
    place : where its class is, as ``"module:Class"``.
    library : the library that takes long; None: the backend itself takes some hundredths of a
        second, and only functions that run on it are worth it.

    >>> Deferred("late", "late_backend:Late").loaded().unavailable()
    "late_backend:Late cannot be imported: No module named 'late_backend'"
    """

    def __init__(self, name: str, place: str, library: str | None = None) -> None:
        super().__init__(name, f"{place} is not loaded")
        self.place = place
        self.library = library

    @property
    def quick(self) -> bool:
        """Whether it is imported without its library, or that is imported already."""
        return self.library is None or self.library in sys.modules

    def loaded(self) -> Backend:
        """Return the backend, or what says why it cannot be imported or made."""
        try:
            return pkgutil.resolve_name(self.place)()
        except Exception as error:  # noqa: BLE001 - whatever it raises, the other backends must work
            kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            return Unavailable(self.name, f"{self.place} cannot be imported: {kind}{error}")
