"""Modes: which backend runs a function, and which stages rewrite it first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from gradcore.backend import Backend, Deferred, Unavailable
from gradcore.config import config
from gradcore.errors import ModeError, UnavailableError, choices
from gradcore.graph import here, on_behalf_of
from gradcore.plugins import registry
from gradcore.rewrite import Group, Pass, Stage

PREFERRED = ("c", "numpy")
"""The backends that are taken where none is named: the first that works here."""

REFERENCE = "numpy"
"""What runs the nodes that a backend lacks, if that is asked for."""


@dataclass(frozen=True, init=False)
class Mode:
    """How a function is compiled.

    backend : the name of a backend; None: the best one on a CPU that works here.
    optimizer : whether to rewrite the graph, or which stages to run, by name or as they are.
    debug : whether every call also runs the graph as it was written, on the reference, and
        compares; where results differ, the error names the rule or kernel that made the first
        difference (`gradcore.compile.debug`).  "each": the first call compares what each rule
        replaced and each kernel, too.
    reassociate : whether rewriting may take floats for real numbers: cancel, re-associate and
        distribute (``(x + y) - x`` is y, ``x * (y / x)`` is y, ``x * 0`` is 0), at the cost of
        rounding, overflow and the sign of zero (`gradcore.rewrite.changes`).
    fallback : "numpy": nodes that the backend lacks are run by the reference, and
        ``f.maker.fallback`` lists them; None: they are an error.
    guard : what is an error in results and updates: "nan", "inf", "big" (above 1e10 in absolute
        value), or several of them.  The error says which node made it (`gradcore.compile.guard`),
        and updates are not stored.
    options : options of the backend, such as ``device="cuda"``.

    Raises ModeError: what is no value of these; an option that a named backend does not have, here
    if that is known without the import of a library that takes long (JAX, torch), or else where a
    function is compiled.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> plain = gradcore.Mode("numpy", optimizer=False)
    >>> gradcore.pp(gradcore.function([x], x * 1, mode=plain).maker.fgraph.outputs[0])
    '(x * 1)'
    >>> y = T.dscalar("y")
    >>> for mode in (gradcore.Mode("numpy"), gradcore.Mode("numpy", reassociate=True)):
    ...     gradcore.pp(gradcore.function([x, y], (x + y) - x, mode=mode).maker.fgraph.outputs[0])
    '((x + y) - x)'
    'y'
    """

    backend: str | None
    optimizer: bool | tuple[str | Stage | Pass | Group, ...]
    debug: bool | str
    fallback: str | None
    reassociate: bool
    guard: tuple[str, ...]
    options: tuple[tuple[str, Any], ...]

    def __init__(
        self,
        backend: str | None = None,
        optimizer: bool | Sequence[str | Stage | Pass | Group] = True,
        debug: bool | str = False,
        fallback: str | None = None,
        reassociate: bool = False,
        guard: str | Sequence[str] = (),
        **options: Any,
    ) -> None:
        if backend is not None and not isinstance(backend, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
            raise ModeError(
                f"a mode takes the name of a backend, not {backend!r}",
                here(),
                choices(_name_in(backend), registry().contributed, "installed", MEANT),
            )
        if not isinstance(debug, bool) and debug != "each":
            raise ModeError(f"debug is True or False, not {debug!r}", here(), "or 'each'")
        if not (fallback is None or (isinstance(fallback, str) and fallback == REFERENCE)):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
            raise ModeError(
                f"the only fallback is {REFERENCE!r}, the reference, not {fallback!r}", here()
            )
        if not isinstance(reassociate, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
            raise ModeError(f"reassociate is True or False, not {reassociate!r}", here())
        values = (
            backend, _chosen(optimizer), debug, fallback, reassociate, _guarded(guard),
            tuple((name, _hashable(value)) for name, value in options.items()),
        )  # fmt: skip
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)
        if backend is not None and options:
            _check_options(backend, options)

    def stages(self) -> Sequence[Stage | Pass | Group]:
        """Return the stages that rewrite the graph, in order.

        Raises ModeError: a name that is no stage.
        """
        stages = registry().stages
        if isinstance(self.optimizer, bool):
            return stages if self.optimizer else ()
        known = {stage.name: stage for stage in stages}
        found: list[Stage | Pass | Group] = []
        for stage in self.optimizer:
            if isinstance(stage, str) and stage not in known:
                raise ModeError(
                    f"there is no stage {stage!r}", here(), choices(stage, known, "stages")
                )
            found.append(known[stage] if isinstance(stage, str) else stage)
        return found

    def excluding(self, *names: str) -> Mode:
        """Return this mode without the stages, passes and rules of these names.

        Raises ModeError: a name that none of them has.

        >>> import gradcore
        >>> import gradcore.tensor as T
        >>> x = T.dscalar("x")
        >>> mode = gradcore.Mode("numpy").excluding("log1p_of")
        >>> gradcore.pp(gradcore.function([x], T.log(1 + x), mode=mode).maker.fgraph.outputs[0])
        'log((1 + x))'
        """
        stages = self.stages()
        known = {name for stage in stages for name in names_in(stage)}
        for name in names:
            if not isinstance(name, str) or name not in known:  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
                fix = choices(_name_in(name), (s.name for s in stages), "stages", known)
                raise ModeError(f"there is no stage, pass or rule {name!r}", here(), fix)
        chosen = tuple(_without(s, frozenset(names)) for s in stages if s.name not in names)
        return Mode(
            self.backend,
            chosen,
            self.debug,
            self.fallback,
            self.reassociate,
            self.guard,
            **dict(self.options),
        )

    def passed_over(self) -> Sequence[str]:
        """Return why better backends than the one it takes cannot run here, a sentence each."""
        if self.backend is not None:
            return ()
        known = registry()
        found: list[str] = []
        for name in PREFERRED:
            if name in known.contributed:
                reason = known.backend(name).unavailable()
                if reason is None:
                    break
                found.append(f"the backend {name!r} cannot run here: {reason}")
        return found

    def resolved_backend(self) -> Backend:
        """Return the backend, with the options of this mode.

        Raises ModeError: there is none of that name, or it has no such option.
        UnavailableError: it cannot run here.  PluginError: several plugins contribute it.
        """
        known = registry()
        names = PREFERRED if self.backend is None else (self.backend,)
        for name in names:
            if name not in known.contributed:
                continue
            backend = known.backend(name)
            if not isinstance(backend, Unavailable):  # an option may be what makes it available
                with on_behalf_of(here()):
                    backend = backend.configured(dict(self.options))
            reason = backend.unavailable()
            if reason is None:
                return backend
            if self.backend is not None:
                kind = backend.error if isinstance(backend, Unavailable) else UnavailableError
                raise kind(f"the backend {name!r} cannot run here: {reason}", here())
        gone = "".join(f"\n  {plugin}" for plugin in known.disabled)
        raise ModeError(
            _not_found(self.backend), here(), f"{_meant(self.backend, known.contributed)}{gone}"
        )


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise ModeError for options that a backend does not have, if it is quickly asked."""
    known = registry()
    contributed = known.contributed.get(name)
    if contributed is None or (isinstance(contributed, Deferred) and not contributed.quick):
        return
    backend = known.backend(name)
    if not isinstance(backend, Unavailable):
        backend.checked_options(options)


def _hashable(option: Any) -> Any:
    """Return an option as a mode has it: a mode is a key, so a dict is pairs."""
    return tuple(option.items()) if isinstance(option, Mapping) else option  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - a user's


def _not_found(backend: str | None) -> str:
    """Return what is wrong where no backend has the name of a mode."""
    if backend is None:
        return "no backend works here"
    return f"there is no backend {backend!r}" if backend.strip() else "the name of a mode is empty"


def _meant(backend: str | None, installed: Iterable[str]) -> str:
    """Return what to do where no backend has the name of a mode."""
    if backend in NAMED:
        return f"it is the name of a whole mode: function(..., mode={backend!r})"
    return choices(backend, installed, "installed", MEANT)


def _name_in(value: Any) -> str:
    """Return the name that may be meant by what is none: bytes, a list of one, a backend, a class.

    >>> _name_in(b"c"), _name_in(["numpy"]), _name_in(Backend), _name_in(3)
    ('c', 'numpy', 'Backend', '3')
    """
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if type(value) in (list, tuple, set) and len(value) == 1:
        return _name_in(next(iter(value)))
    named = getattr(value, "name", None) or getattr(value, "__name__", None)
    return named if isinstance(named, str) else str(value)


def _chosen(optimizer: Any) -> bool | tuple[str | Stage | Pass | Group, ...]:
    """Return what a mode takes as its optimizer.

    Raises ModeError: it is neither a bool nor a list of stages.
    """
    if isinstance(optimizer, bool):
        return optimizer
    several = isinstance(optimizer, Sequence) and not isinstance(optimizer, str)
    listed: tuple[Any, ...] = tuple(optimizer) if several else ()  # pyright: ignore[reportUnknownArgumentType] - checked below
    if not several or not all(isinstance(s, str | Stage | Pass | Group) for s in listed):
        raise ModeError(
            f"optimizer is True, False, or a list of stages, not {optimizer!r}",
            here(),
            _stages_meant(optimizer),
        )
    return listed


def _guarded(guard: Any) -> tuple[str, ...]:
    """Return what a mode takes as its guard.

    Raises ModeError: it is none of `GUARDS`.
    """
    kinds = (guard,) if isinstance(guard, str) else tuple(guard)
    for kind in kinds:
        if kind not in GUARDS:
            raise ModeError(f"guard is one or several of {', '.join(GUARDS)}, not {kind!r}", here())
    return tuple(kind for kind in GUARDS if kind in kinds)


GUARDS = ("nan", "inf", "big")
"""What may be an error in results."""


def _stages_meant(optimizer: Any) -> str:
    """Return what to do about what is no list of stages."""
    known = [stage.name for stage in registry().stages]
    if isinstance(optimizer, str) and optimizer in known:
        return f"optimizer=({optimizer!r},) is one stage"
    listed = optimizer if type(optimizer) in (list, tuple) else (optimizer,)
    wrong = next((s for s in listed if not isinstance(s, str | Stage | Pass | Group)), optimizer)
    return choices(_name_in(wrong), known, "stages")


def names_in(stage: Stage | Pass | Group) -> Iterator[str]:
    """Yield the name of a stage, and of what is in it."""
    yield stage.name
    if isinstance(stage, Stage):
        yield from (rule.name for rule in stage.rules)
    if isinstance(stage, Group):
        for part in stage.stages:
            yield from names_in(part)


def _without(stage: Any, names: frozenset[str]) -> Any:
    """Return ``stage`` without what is in it of these names."""
    if names.isdisjoint(names_in(stage)):
        return stage
    if isinstance(stage, Stage):
        return replace(stage, rules=[rule for rule in stage.rules if rule.name not in names])
    chosen = tuple(_without(part, names) for part in stage.stages if part.name not in names)
    return replace(stage, stages=chosen)


NAMED: Mapping[str, Mode] = {
    "FAST_RUN": Mode(),
    "FAST_COMPILE": Mode("numpy", optimizer=("canonicalize",)),
    "DebugMode": Mode("numpy", debug=True),
    "DEBUG_MODE": Mode("numpy", debug=True),
    "NanGuardMode": Mode(guard=GUARDS),
}
"""Theano's names."""

MEANT = (*NAMED, "Mode()")
"""What else may be meant by what is no name of a backend."""


def get_mode(mode: Mode | str | None) -> Mode:
    """Return a mode for what ``function(..., mode=)`` takes: a mode, a name, or None.

    Raises ModeError: it is none of these.
    """
    if isinstance(mode, Mode):
        return mode
    if isinstance(mode, str) and mode in NAMED:
        return NAMED[mode]
    if mode is None or (isinstance(mode, str) and mode == ""):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's
        return get_mode(config.mode) if config.mode else Mode()
    return Mode(mode)
