"""Modes: which backend runs a function, and which stages rewrite it first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gradcore.backend import Backend
from gradcore.config import config
from gradcore.errors import ModeError, UnavailableError
from gradcore.graph import here
from gradcore.plugins import registry
from gradcore.rewrite import STAGES, Group, Pass, Stage

PREFERRED = ("c", "numpy")
"""The backends that are taken where none is named: the first that works here."""


@dataclass(frozen=True)
class Mode:
    """How a function is compiled.

    backend : the name of a backend; None: the best one on a CPU that works here.
    optimizer : whether to rewrite the graph, or which stages to run, by name or as they are.
    debug : whether every call also runs the graph as it was written, and compares.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> plain = gradcore.Mode("numpy", optimizer=False)
    >>> gradcore.pp(gradcore.function([x], x * 1, mode=plain).maker.fgraph.outputs[0])
    '(x * 1)'
    """

    backend: str | None = None
    optimizer: bool | tuple[str | Stage | Pass | Group, ...] = True
    debug: bool = False

    def stages(self) -> Sequence[Stage | Pass | Group]:
        """Return the stages that rewrite the graph, in order.

        Raises ModeError: a name that is no stage.
        """
        if isinstance(self.optimizer, bool):
            return STAGES if self.optimizer else ()
        known = {stage.name: stage for stage in STAGES}
        found: list[Stage | Pass | Group] = []
        for stage in self.optimizer:
            if isinstance(stage, str) and stage not in known:
                raise ModeError(
                    f"there is no stage {stage!r}", here(), f"stages: {', '.join(known)}"
                )
            found.append(known[stage] if isinstance(stage, str) else stage)
        return found

    def excluding(self, *names: str) -> Mode:
        """Return this mode without the stages of these names."""
        return replace(self, optimizer=tuple(s for s in self.stages() if s.name not in names))

    def resolved_backend(self) -> Backend:
        """Return the backend.

        Raises ModeError: there is none of that name.  UnavailableError: it cannot run here.
        """
        backends = registry().backends
        for name in PREFERRED if self.backend is None else (self.backend,):
            backend = backends.get(name)
            if backend is not None and (self.backend or backend.unavailable() is None):
                reason = backend.unavailable()
                if reason is not None:
                    raise UnavailableError(
                        f"the backend {name!r} cannot run here: {reason}", here()
                    )
                return backend
        raise ModeError(
            f"there is no backend {self.backend!r}" if self.backend else "no backend works here",
            here(),
            f"installed: {', '.join(sorted(backends)) or 'none'}",
        )


NAMED: Mapping[str, Mode] = {
    "FAST_RUN": Mode(),
    "FAST_COMPILE": Mode("numpy", optimizer=("canonicalize",)),
    "DebugMode": Mode("numpy", debug=True),
    "DEBUG_MODE": Mode("numpy", debug=True),
}
"""Theano's names."""


def get_mode(mode: Mode | str | None) -> Mode:
    """Return a mode for what ``function(..., mode=)`` takes: a mode, a name, or None."""
    if mode is None or mode == "":
        return get_mode(config.mode) if config.mode else Mode()
    if isinstance(mode, Mode):
        return mode
    return NAMED.get(mode) or Mode(mode)
