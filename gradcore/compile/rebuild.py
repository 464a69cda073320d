"""Copies of graphs with replacements, as Theano's functions make them before they compile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcore.compile.arguments import Out, Pairs, checked_updates, pairs
from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, ancestors, as_variable, clone, here
from gradcore.language import listed
from gradcore.scan.default_updates import add_default_updates
from gradcore.shared import SharedVariable, fitting


def rebuild_collect_shared(
    outputs: Any,
    inputs: Any = None,
    replace: Pairs = None,
    updates: Pairs = None,
    rebuild_strict: bool = True,
    copy_inputs_over: bool = True,
    no_default_updates: Any = False,
) -> tuple[list[Variable], Any, list[Any]]:
    """Return a copy of a graph, with replacements, and the shared variables that it reads.

    outputs : None, one variable, or several in a list or a dict, each possibly in an `Out`.
    inputs : the variables of the copy that stand first in the result.
    replace : new variables for old ones.
    updates : new values of shared variables.
    rebuild_strict : whether a replacement must be of the type of what it replaces; else one that
        can be cast without loss is.
    copy_inputs_over : whether inputs stay the same variables; else the copy has clones of them.
    no_default_updates : True, or for which shared variables, to omit their own updates.

    Returns ``(inputs, outputs, [clones, updates, pairs, shared])``: the outputs in the form in
    which they came; clones by variable; the updates by shared variable, and as pairs; the shared
    variables that are read.

    Raises GraphTypeError: a replacement of another type; an update of what is no shared variable.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> _, z, _ = gradcore.rebuild_collect_shared(x + y, replace={y: 2 * x})
    >>> z.eval({x: 3})
    array(9.)
    """
    new = _replacements(replace, rebuild_strict)
    given = [entry if isinstance(entry, Variable) else entry.variable for entry in listed(inputs)]
    wanted = _listed(outputs)
    changes = checked_updates(updates)
    if no_default_updates is not True:
        add_default_updates(wanted, changes, set(no_default_updates or ()), new)
    if not copy_inputs_over:
        reached = ancestors([*wanted, *changes.values(), *given], set(new))
        for v in [v for v in reached if v.owner is None]:
            if type(v) is Variable and v not in new:
                new[v] = v.clone()
    shared = [
        v
        for v in ancestors([*wanted, *changes.values(), *new.values()])
        if isinstance(v, SharedVariable) and v not in new
    ]
    every = [*wanted, *changes.values()]
    copies = clone(every, new)
    assert isinstance(copies, list)
    n = len(wanted)
    moved = dict(zip(changes, copies[n:], strict=True))
    clones = {**new, **dict(zip(wanted, copies[:n], strict=True))}
    return (
        [new.get(v, v) for v in given],
        _formed(outputs, copies[:n]),
        [clones, moved, list(moved.items()), shared],
    )


def clone_replace(output: Any, replace: Pairs = None, **options: Any) -> Any:
    """Return a copy of a graph, of one output or several, with replacements.

    options : those of `rebuild_collect_shared`.

    Raises GraphTypeError: a replacement of another type than what it replaces.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> gradcore.clone_replace([x * y], {y: x + 1})[0].eval({x: 3})
    array(12.)
    """
    _, found, _ = rebuild_collect_shared(
        output, replace=replace, no_default_updates=True, **options
    )
    return found


def _replacements(replace: Pairs, strict: bool) -> dict[Variable, Variable]:
    found: dict[Variable, Variable] = {}
    for old, given in pairs(replace, "replacements").items():
        new = as_variable(given, (old.type.dtype,))
        if not old.type.accepts(new.type):
            if strict:
                raise GraphTypeError(
                    f"{old} is {old.type}, its replacement {new} is {new.type}",
                    here(),
                    "pass rebuild_strict=False if it is to be cast",
                )
            new = fitting(new, old, "the variable")
        found[old] = new
    return found


def _listed(outputs: Any) -> list[Variable]:
    items: list[Any] = list(outputs.values()) if isinstance(outputs, Mapping) else listed(outputs)  # pyright: ignore[reportUnknownArgumentType] - of any keys
    return [as_variable(item.variable if isinstance(item, Out) else item) for item in items]


def _formed(outputs: Any, found: list[Variable]) -> Any:
    """Return copies in the form in which the outputs came."""
    rest = iter(found)

    def like(item: Any) -> Any:
        copy = next(rest)
        return Out(copy, item.borrow) if isinstance(item, Out) else copy

    if outputs is None:
        return []
    if isinstance(outputs, Mapping):
        return {key: like(item) for key, item in outputs.items()}  # pyright: ignore[reportUnknownVariableType] - of any keys
    if isinstance(outputs, (list, tuple)):
        return [like(item) for item in outputs]  # pyright: ignore[reportUnknownVariableType] - of variables
    return like(outputs)
