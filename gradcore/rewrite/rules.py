"""Rules: local rewrites, and how one is made of a pattern.

A rule looks at one node, whose inputs are in normal form, and returns what should stand in its
place.  It declares what it may change (`gradcore.rewrite.changes`); the tests check it against
that.  Most are written as a pattern and its replacement, both in the tensor language.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from gradcore.errors import Location
from gradcore.graph import Apply, Constant, Op, Variable, here, upcast
from gradcore.graph.types import FLOATS
from gradcore.language import LANGUAGE, Function
from gradcore.rewrite.changes import EXACT, Changes
from gradcore.rewrite.pattern import Anything, Application, conditions_in, matches, pattern_of

Replacement: TypeAlias = Variable | Sequence[Variable | None] | None
"""What stands in for a node's output or outputs; None: what is there."""


@dataclass(frozen=True)
class Firing:
    """That a rule fired: in which stage, on which op, built by which line of the user's."""

    stage: str
    rule: str
    op: str
    where: Location | None

    def __str__(self) -> str:
        """Return it in a line."""
        return f"{self.stage}: {self.rule} on {self.op}" + (
            f" ({self.where})" if self.where else ""
        )


Trace: TypeAlias = list[Firing]


@dataclass(frozen=True)
class Replaced:
    """What a rule or a pass has replaced, for those who compare.

    stage, rule : which.
    changes : what it may change.
    before, after : the variables, and what stands in for each; None: nothing does.
    where : which line of the user's built what was replaced; None: the graph.
    """

    stage: str
    rule: str
    changes: Changes
    before: Sequence[Variable]
    after: Sequence[Variable | None]
    where: Location | None


Watcher: TypeAlias = Callable[[Replaced], None]

_watching: ContextVar[Watcher | None] = ContextVar("watching", default=None)


def note_replaced(
    stage: str,
    rule: str,
    changes: Changes,
    before: Sequence[Variable],
    after: Sequence[Variable | None],
) -> None:
    """Let those who compare see what has been replaced; see `Replaced`."""
    watch = _watching.get()
    if watch is not None:
        watch(Replaced(stage, rule, changes, before, after, here()))


@contextmanager
def watching(watch: Watcher) -> Generator[None]:
    """Let ``watch`` see what rules and passes replace in a ``with`` block."""
    token = _watching.set(watch)
    try:
        yield
    finally:
        _watching.reset(token)


@dataclass(frozen=True)
class Rule:
    """A local rewrite.

    name : the name of its function: what the trace prints.
    doc : the equation.
    targets : ops, or classes of ops, that it looks at.
    rewrite : returns what stands in for a node.
    needs : what must be among the ops of a node's operands (or `Constant`) for it to apply.
    examples : functions of variables that return expressions on which it fires; for a rule with a
        pattern, the pattern itself.
    changes : what it may change on floats; on integers and booleans, nothing.

    >>> import gradcore.tensor as T
    >>> squared = Rule("squared", "x * x == x**2", (T.mul,),
    ...     lambda node: node.inputs[0] ** 2 if node.inputs[0] is node.inputs[1] else None)
    >>> x = T.dvector("x")
    >>> squared.rewrite((x * x).owner), squared.rewrite((x * 2).owner)
    (pow.0, None)
    """

    name: str
    doc: str
    targets: tuple[Op | type[Op], ...]
    rewrite: Callable[[Apply], Replacement]
    needs: frozenset[Any] = frozenset()
    examples: tuple[Function, ...] = ()
    changes: Changes = EXACT


def rule_of_pattern(
    pattern: Function, function: Callable[..., Replacement], changes: Changes
) -> Rule:
    """Return the rule that replaces what ``pattern`` matches by what ``function`` returns.

    The function is called with what the variables of the pattern matched, and says the equation in
    its docstring.
    """
    left, names = pattern_of(pattern)
    return Rule(
        name_of(function),
        equation_of(function),
        (left.op,),
        _by_pattern(left, names, function, changes),
        _needs(left),
        (pattern,),
        changes,
    )


def rule_of_ops(
    targets: tuple[Op | type[Op], ...],
    function: Callable[..., Replacement],
    examples: Sequence[Function],
    changes: Changes,
) -> Rule:
    """Return the rule that replaces a node of one of ``targets`` by what ``function`` returns."""
    return Rule(
        name_of(function), equation_of(function), targets, function,
        examples=tuple(examples), changes=changes,
    )  # fmt: skip


def name_of(function: Callable[..., Replacement]) -> str:
    """Return the name of a rule: that of its function."""
    return getattr(function, "__name__", "?")


def equation_of(function: Callable[..., Replacement]) -> str:
    """Return the equation of a rule: the docstring of its function."""
    return (function.__doc__ or "").strip()


def _needs(pattern: Application) -> frozenset[Any]:
    """Return what must be among a node's operands for ``pattern`` to match it."""
    return frozenset(
        argument.op if isinstance(argument, Application) else Constant
        for argument in pattern.arguments
        if not isinstance(argument, Anything)
    )


def _by_pattern(
    pattern: Application,
    names: tuple[str, ...],
    function: Callable[..., Replacement],
    changes: Changes,
) -> Callable[[Apply], Replacement]:
    """Return a function of a node that calls ``function`` with what matches ``pattern``.

    What matched is converted to the dtype of the node first, if that is wider: the other side must
    not compute in less precision than this one.  For the same reason the parts of the pattern must
    be computed in that dtype on this side, as they wrap or round in a narrower one; a rule that may
    be more exact than what is written takes a narrower float.
    """
    conditions = conditions_in(pattern)

    def rewrite(node: Apply) -> Replacement:
        out = node.outputs[0]
        floats = changes.more_exact and out.type.dtype in FLOATS
        within = FLOATS if floats else {out.type.dtype}
        for bound in matches(pattern, out, {}, within):
            arguments = (
                v if name in conditions else _widened(v, out.type.dtype)
                for name, v in ((name, bound[name]) for name in names)
            )
            found = function(*arguments)
            if found is not None:
                return found
        return None

    return rewrite


def _widened(v: Variable, dtype: str) -> Variable:
    """Return ``v`` as ``dtype``, if that represents all that its own does."""
    own = v.type.dtype
    wider = own != dtype and upcast(own, dtype) == dtype
    return LANGUAGE["cast"](v, dtype) if wider else v
