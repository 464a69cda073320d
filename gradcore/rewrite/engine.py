"""The rewriting of graphs: stages of rules, passes, and the driver that applies them.

A *rule* is local: it looks at one node, whose inputs are in normal form, and returns what should
stand in its place.  A *pass* is a function from graph to graph, for what needs to see all of it.
A *stage* is a set of rules, or a pass; an optimizer is a tuple of stages, applied in order.

The driver rebuilds a graph from its inputs up and interns what it builds, so that equal nodes
become one.  A replacement is walked only down to nodes that are in normal form already, so
that a stage takes time linear in the number of nodes.  The driver, not the rule, restores dtype and
shape, folds constants, hands on the user's line, and notes which rule fired where.

What is known once constants are folded may show that a node cannot be: operands do not fit.  That
is an error of the node when it runs, which it may never do (a branch that is not taken, a loop of
no steps), and none of compiling: the node stays as it was written.

Every rule and pass declares what it may change (`gradcore.rewrite.changes`); the tests check
that.  What re-associates, cancels or loses the sign of a zero runs on floats only by choice,
``Mode(reassociate=True)``.  Arithmetic on integers is exact modulo 2 ** bits, so there every rule
preserves every bit, and none is by choice.

Rejected: Theano's in-place replacement with clients and a priority number for every rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcore import progress
from gradcore.dtypes import DISCRETE
from gradcore.errors import UNFIT, RewriteError
from gradcore.graph import (
    UNKNOWN,
    Apply,
    Array,
    Constant,
    FunctionGraph,
    Op,
    Variable,
    here,
    inner_graphs,
    on_behalf_of,
)
from gradcore.graph.nodes import bare, static_operand
from gradcore.graph.traverse import replace_ops
from gradcore.language import LANGUAGE, Function
from gradcore.ops.elementwise import Elementwise
from gradcore.rewrite.changes import EXACT, Changes
from gradcore.rewrite.rules import (
    Firing,
    Replacement,
    Rule,
    Trace,
    note_replaced,
    rule_of_ops,
    rule_of_pattern,
)

FOLDED_ELEMENTS = 4096
"""How large a constant may grow out of smaller ones while a graph is rewritten."""

FOLD = "fold"
"""How the trace names that a node of constants became one."""

FIRINGS_PER_NODE = 100
"""How often rules may fire for each node of a graph before they are taken to have no end."""


@dataclass(eq=False)
class Stage:
    """A named set of rules, applied until none fires.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> tidy = Stage("tidy")
    >>> @tidy.rule(lambda x: T.sin(x) ** 2 + T.cos(x) ** 2)
    ... def pythagoras(x):
    ...     '''sin(x)**2 + cos(x)**2 == 1'''
    ...     return T.ones_like(x)
    >>> x = T.dvector("x")
    >>> gradcore.pp(tidy.run(FunctionGraph((x,), (T.sin(x) ** 2 + T.cos(x) ** 2,)), []).outputs[0])
    'fill(x, 1.0)'
    """

    name: str
    rules: list[Rule] = field(default_factory=list[Rule])
    _known: list[Rule] = field(default_factory=list[Rule], init=False, repr=False)
    _by_target: dict[Any, list[int]] = field(
        default_factory=dict[Any, list[int]], init=False, repr=False
    )

    @property
    def by_target(self) -> Mapping[Any, Sequence[int]]:
        """The places of the rules that look at an op, or at ops of a class."""
        if self._known != self.rules:
            self._known = list(self.rules)
            self._by_target = {}
            for k, rule in enumerate(self.rules):
                for target in rule.targets:
                    self._by_target.setdefault(target, []).append(k)
        return self._by_target

    def rule(
        self,
        pattern: Function | None = None,
        *,
        op: Op | type[Op] | tuple[Op | type[Op], ...] = (),
        examples: Sequence[Function] = (),
        changes: Changes = EXACT,
    ) -> Callable[[Callable[..., Replacement]], Callable[..., Replacement]]:
        """Declare a rule, and what it may change (a decorator).

        With ``pattern``, the function is called with what its variables matched; with ``op``, with
        the node.  It returns the replacement, or None where the rule does not apply.
        """

        def declare(function: Callable[..., Replacement]) -> Callable[..., Replacement]:
            if pattern is not None:
                found = rule_of_pattern(pattern, function, changes)
            else:
                targets = op if isinstance(op, tuple) else (op,)
                found = rule_of_ops(targets, function, examples, changes)
            self.rules.append(found)
            return function

        return declare

    def run(
        self,
        graph: FunctionGraph,
        trace: Trace,
        reassociate: bool = False,
        drivers: Drivers | None = None,
    ) -> FunctionGraph:
        """Return ``graph`` in normal form.

        reassociate : by the rules by choice, too.
        drivers : what stages have found of the same graph so far; it is added to.
        """
        known = None if drivers is None else drivers.get(self)
        driver = known or Rewriter(self, trace, reassociate)
        if drivers is not None:
            drivers[self] = driver
        return driver.run(graph)

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


@dataclass(frozen=True)
class Pass:
    """A named function from graph to graph, applied to the graphs inside of ops first.

    changes : what it may change; unlike a rule it may change no more on any dtype.
    examples : functions of expressions on which it applies.

    >>> import gradcore.tensor as T
    >>> halved = Pass("halved", lambda graph: FunctionGraph(graph.inputs, graph.outputs[:1]))
    >>> x = T.dvector("x")
    >>> len(halved.run(FunctionGraph((x,), (x + 1, x + 2)), []).outputs)
    1
    """

    name: str
    rewrite: Callable[[FunctionGraph], FunctionGraph]
    changes: Changes = EXACT
    examples: tuple[Callable[..., Any], ...] = ()

    def run(
        self,
        graph: FunctionGraph,
        trace: Trace,
        reassociate: bool = False,
        drivers: Drivers | None = None,
    ) -> FunctionGraph:
        """Return the graph rewritten; as it is, if that is by choice and not chosen."""
        if self.changes.by_choice and not reassociate:
            return graph

        def within(op: Op) -> Op:
            if not op.graphs:
                return op
            graphs = tuple(self.run(inner, trace, reassociate) for inner in inner_graphs(op))
            return op if graphs == op.graphs else op.with_graphs(*graphs)

        inside = graph
        if any(node.op.graphs for node in graph.nodes):
            outputs = replace_ops(graph.outputs, within, graph.inputs)
            inside = FunctionGraph(graph.inputs, tuple(outputs))
        found = self.rewrite(inside)
        if found is not inside:
            trace.append(Firing("passes", self.name, "the graph", None))
            old, new = inside.outputs, found.outputs
            note_replaced("passes", self.name, self.changes, old, new)
        return found

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


Drivers: TypeAlias = dict["Stage", "Rewriter"]
"""What each stage has found of one graph."""

_active: list[Rewriter] = []


def normalized(v: Variable) -> Variable:
    """Return the normal form of an expression that a rule has built; outside of rules, itself.

    Normal forms are interned, so two expressions that say the same have one normal form.
    """
    return _active[-1].normal_form(v) if _active else v


class Rewriter:
    """The driver of one stage on one graph.

    outer : the driver of the same stage on the graph that this one is inside of, if it is; which
        rules look at an op, and what an op with graphs becomes, is found once for all of them.
    """

    def __init__(
        self,
        stage: Stage,
        trace: Trace,
        reassociate: bool = False,
        outer: Rewriter | None = None,
    ) -> None:
        self.stage = stage
        self.trace = trace
        self.reassociate = reassociate
        self.by_op: dict[Op, tuple[list[Rule], list[Rule]]] = outer.by_op if outer else {}
        self.normal: dict[Variable, Variable] = {}
        self.forwarded: dict[Variable, Variable] = {}
        self.nodes: dict[tuple[Op, tuple[Variable, ...]], Apply] = {}
        self.constants: dict[Any, Constant] = {}
        self.settled_ops: dict[Op, Op] = outer.settled_ops if outer else {}
        self.budget = 0
        self.times = progress.timed()

    def run(self, graph: FunctionGraph) -> FunctionGraph:
        """Return ``graph`` in normal form."""
        for v in graph.inputs:
            self.normal[v] = v
        self.budget = len(self.trace) + FIRINGS_PER_NODE * (len(graph.nodes) + 100)
        _active.append(self)
        try:
            for node in graph.nodes:  # those it needs come first, so that no walk is long
                if node.outputs[0] not in self.normal:
                    self._normalize(node.outputs[0])
            outputs = tuple(map(self.normal_form, graph.outputs))
        finally:
            _active.pop()
        return graph if outputs == graph.outputs else FunctionGraph(graph.inputs, outputs)

    def normal_form(self, v: Variable) -> Variable:
        """Return the normal form of ``v``."""
        self._normalize(v)
        return self.normal[v]

    def _normalize(self, root: Variable) -> None:
        """Find the normal form of ``root`` and all that it needs."""
        stack = [root]
        waiting: set[Variable] = set()
        while stack:
            v = stack[-1]
            if v in self.normal:
                stack.pop()
            elif v in self.forwarded:
                target = self.forwarded[v]
                if target in self.normal:
                    self.normal[v] = self.normal[target]
                elif v in waiting:
                    raise RewriteError(f"rules undo one another at {v}: {self._last_rules()}")
                else:
                    waiting.add(v)
                    stack.append(target)
            elif v.owner is None:
                self.normal[v] = self._constant(v) if isinstance(v, Constant) else v
            else:
                missing = [i for i in v.owner.inputs if i not in self.normal]
                if missing:
                    stack.extend(reversed(missing))
                else:
                    self._settle(v.owner)

    def _last_rules(self) -> str:
        return ", ".join(dict.fromkeys(firing.rule for firing in self.trace[-6:]))

    def _constant(self, constant: Constant) -> Constant:
        """Return the one constant of this value."""
        data = constant.data
        key = (data.dtype, data.shape, data.tobytes()) if data.nbytes <= 1024 else id(constant)
        return self.constants.setdefault(key, bare(constant))

    def _settle(self, node: Apply) -> None:
        """Intern ``node``, whose inputs are normal, and apply the first rule that fires."""
        normal = self.normal
        inputs = tuple([normal[v] for v in node.inputs])
        op = self._settled_op(node.op) if node.op.graphs else node.op
        key = (op, inputs)
        known = self.nodes.get(key)
        if known is None:
            known = self.nodes[key] = self._new(node, op, inputs)
        if known is not node:
            for old, new in zip(node.outputs, known.outputs, strict=True):
                if old is not new:
                    self.forwarded[old] = new

    def _new(self, node: Apply, op: Op, inputs: tuple[Variable, ...]) -> Apply:
        """Return what stands for ``node`` from now on, after the first rule that fires on it."""
        same = op is node.op and inputs == node.inputs
        if same and not self._rules_for(node) and not _may_fold(node):
            for output in node.outputs:
                self.normal[output] = output
            return node
        with on_behalf_of(node.where):
            rebuilt = node if same else self._rebuilt(node, op, inputs)
            if rebuilt is not None:
                self._improve(rebuilt)
            else:
                self.normal.update(zip(node.outputs, node.outputs, strict=True))
        return rebuilt or node

    def _settled_op(self, op: Op) -> Op:
        """Return ``op`` with the graphs inside it rewritten by this stage."""
        if op not in self.settled_ops:
            graphs = [self._inner().run(g) for g in inner_graphs(op)]
            found = op if tuple(graphs) == op.graphs else op.with_graphs(*graphs)
            self.settled_ops[op] = self.settled_ops[found] = found
        return self.settled_ops[op]

    def _inner(self) -> Rewriter:
        """Return the driver of the same stage on a graph inside of an op."""
        return Rewriter(self.stage, self.trace, self.reassociate, self)

    def _rebuilt(self, node: Apply, op: Op, inputs: tuple[Variable, ...]) -> Apply | None:
        """Return ``op`` of ``inputs`` in the place of ``node``, None if that cannot be."""
        try:
            return node.with_inputs(inputs) if op is node.op else op.make_node(*inputs)
        except UNFIT:
            return None

    def _improve(self, node: Apply) -> None:
        """Fold ``node``, or apply a rule to it, or find it normal."""
        replacements = self._folded(node) or self._replaced(node)
        for k, output in enumerate(node.outputs):
            new = None if replacements is None else replacements[k]
            if new is None:
                self.normal[output] = output
            else:
                self.forwarded[output] = new

    def _replaced(self, node: Apply) -> list[Variable | None] | None:
        """Return what stands in for the outputs of ``node`` by the first rule that applies."""
        rules = self._rules_for(node)
        if not rules:
            return None
        operands = {v.owner.op if v.owner else type(v) for v in node.inputs}
        for rule in rules:
            if rule.needs and not rule.needs <= operands:
                continue
            try:
                if self.times is None:
                    found = rule.rewrite(node)
                else:
                    found = self.times.looked(rule.name, rule.rewrite, node)
            except UNFIT:
                continue
            if found is not None:
                found = [found] if isinstance(found, Variable) else list(found)
                self._note(rule.name, node)
                made = [
                    None if new is None or new is old else fitting(new, old, node, rule.name)
                    for new, old in zip(found, node.outputs, strict=True)
                ]
                note_replaced(self.stage.name, rule.name, rule.changes, node.outputs, made)
                return made
        return None

    def _note(self, rule: str, node: Apply) -> None:
        """Note that a rule fired."""
        self.trace.append(Firing(self.stage.name, rule, str(node.op), here()))
        if len(self.trace) > self.budget:
            raise RewriteError(f"rules find no end at {node}: {self._last_rules()}", node.where)

    def _rules_for(self, node: Apply) -> list[Rule]:
        """Return the rules that look at nodes like this, and may."""
        op = node.op
        found = self.by_op.get(op)
        if found is None:
            by_target = self.stage.by_target
            targets = (op, *type(op).__mro__)
            places = {k for target in targets if target in by_target for k in by_target[target]}
            every = [self.stage.rules[k] for k in sorted(places)]
            found = self.by_op[op] = (
                every,
                [rule for rule in every if not rule.changes.by_choice],
            )
        every, exact = found
        if len(every) == len(exact) or self.reassociate:
            return every
        discrete = all(v.type.dtype in DISCRETE for v in (*node.outputs, *node.inputs))
        return every if discrete else exact

    def _folded(self, node: Apply) -> list[Variable | None] | None:
        """Return the outputs of a node of constants as constants."""
        if not _may_fold(node):
            return None
        op = node.op
        given: list[Array] = [v.data for v in node.inputs if isinstance(v, Constant)]
        limit = max(FOLDED_ELEMENTS, sum(a.size for a in given))
        try:
            if any(size > limit for size in _sizes(node)):
                return None
            with np.errstate(all="ignore"):
                found = op.kernel(node)(*given)
        except Exception:  # noqa: BLE001 - it is raised again, with its place, when the function runs
            return None
        results = found if len(node.outputs) > 1 else (found,)
        self._note(FOLD, node)
        made: list[Variable | None] = [
            Constant(np.asarray(value, output.type.dtype), bare=True)
            for value, output in zip(results, node.outputs, strict=True)
        ]
        note_replaced(self.stage.name, FOLD, EXACT, node.outputs, made)
        return made


def _may_fold(node: Apply) -> bool:
    """Return whether a node is one of constants that may be computed now."""
    for v in node.inputs:
        if not isinstance(v, Constant):
            return False
    return bool(node.inputs) and node.op.foldable and not node.op.graphs


def _sizes(node: Apply) -> Iterator[int]:
    """Yield the numbers of elements of outputs, as far as constant operands say them.

    The types of outputs may say less: they are from before the operands were folded.
    """
    for shape in node.op.symbolic_shapes(node, list(map(static_operand, node.inputs))):
        yield math.prod(n for n in shape if isinstance(n, int))


def fitting(new: Variable, old: Variable, node: Apply, rule: str) -> Variable:
    """Return a replacement in the dtype and shape of what it replaces, an output of ``node``."""
    if new.type.dtype != old.type.dtype:
        new = LANGUAGE["cast"](new, old.type.dtype)
    if new.broadcastable == old.broadcastable:
        return new
    if new.ndim > old.ndim:
        raise RewriteError(f"{rule} replaces {old.type} by {new.type}", node.where)
    if isinstance(node.op, Elementwise):
        for v in node.inputs:
            if v.broadcastable == old.broadcastable:
                return LANGUAGE["fill"](v, new)
    shapes = node.shapes
    if UNKNOWN in shapes[old.index]:
        if old.type.includes(new.type):
            return new  # better known, not stretched: the extents of a branch are unknown
        raise RewriteError(f"{rule} loses the shape of {node}", node.where)
    return LANGUAGE["alloc"](new, *shapes[old.index])
