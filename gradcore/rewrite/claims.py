"""Claims: what a node requires, as symbols, and where it stands.

A claim says a predicate of numbers (extents, and the numbers of values), under guards: the branch
that must be taken and the loop that must have steps for the node to run.  Only a claim that
nothing implies is built as a condition, on variables of the whole graph (`Claim.condition`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gradcore.graph import (
    Apply,
    Constant,
    FunctionGraph,
    Requirement,
    Variable,
    inner_graphs,
    on_behalf_of,
    substitute,
)
from gradcore.language import LANGUAGE
from gradcore.ops.control import IfElse
from gradcore.ops.scan import Scan
from gradcore.rewrite.symbols import varies

Guards: TypeAlias = tuple[Any, ...]
"""Under what something runs at all: which branch is taken, which loop has steps."""


@dataclass(frozen=True, eq=False)
class Scope:
    """A graph inside of a node: a branch of a conditional, or the body of a loop.

    outer : the scope of the node; None: the graph itself.
    branch : which graph of a conditional it is; None: a body.
    """

    outer: Scope | None
    node: Apply
    branch: int | None

    def outside(self, condition: Variable, varies: bool) -> Variable:
        """Return that ``condition``, on variables in here, is true whenever it is evaluated."""
        if self.branch is not None:
            return self._in_branch(condition)
        return self._in_each_step(condition) if varies else self._in_any_step(condition)

    def _in_branch(self, condition: Variable) -> Variable:
        graph = inner_graphs(self.node.op)[self.branch or 0]
        chosen, *operands = self.node.inputs
        (outer,) = substitute([condition], dict(zip(graph.inputs, operands, strict=True)))
        branches = (outer, Constant(True)) if self.branch == 0 else (Constant(True), outer)
        return IfElse(1)(chosen, *branches)

    def _in_any_step(self, condition: Variable) -> Variable:
        """The condition is the same at each step: elements are as long as the first, if any."""
        op, (steps, *inputs) = self.node.op, self.node.inputs
        assert isinstance(op, Scan)
        given = op.parts(inputs)
        if any(x.type.shape[0] == 0 for x in given.sequences):
            return Constant(True)
        shaped = (*(x[0] for x in given.sequences), *given.states, *given.constants)
        (outer,) = substitute([condition], dict(zip(op.body.inputs, shaped, strict=True)))
        return IfElse(1)(LANGUAGE["gt"](steps, 0), outer, Constant(True))

    def _in_each_step(self, condition: Variable) -> Variable:
        op = self.node.op
        assert isinstance(op, Scan)
        results = op.results(op.body.outputs)
        until = () if results.condition is None else (results.condition,)
        body = FunctionGraph(op.body.inputs, (*results.states, condition, *until))
        outputs = op.with_graphs(body).make_node(*self.node.inputs).outputs
        return LANGUAGE["all"](outputs[op.states])


@dataclass(frozen=True, eq=False)
class Claim:
    """Something required, as symbols.

    what : the predicate and its operands; those that are arrays, by number.
    error : what is raised where it is false; for extents that differ, one counts as another.
    node : what requires it.
    requirement : returns what is required, on variables of its scope.
    """

    what: tuple[Any, ...]
    error: type[Exception]
    guards: Guards
    scope: Scope | None
    node: Apply
    requirement: Callable[[], Requirement]

    @property
    def varies(self) -> bool:
        """Whether it may be true in one step of a loop and false in another."""
        guarding = (n for guard in self.guards for n in guard)
        return any(map(varies, (*self.what[1:], *guarding)))

    def condition(self) -> Variable:
        """Return it on variables of the whole graph."""
        with on_behalf_of(self.node.where):
            found: Variable = self.requirement().condition
            scope = self.scope
            while scope is not None:
                found = scope.outside(found, self.varies)
                scope = scope.outer
        return found
