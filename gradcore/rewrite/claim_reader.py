"""Reading: what a graph requires, found by one walk over its nodes in symbols.

Each variable gets its extents as numbers or symbols (`gradcore.rewrite.symbols`), and a value
number where its elements matter; nodes say what they require (`Op.requires`) in these, and the
graphs inside of nodes are read under the guards of their branch or loop.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

from gradcore.errors import ArraySizeError, ScanError
from gradcore.graph import UNKNOWN, Apply, Constant, FunctionGraph, Operand, Requirement, Variable
from gradcore.graph.extents import in_int64
from gradcore.graph.nodes import constant_extent, extents_of, symbolic_operand
from gradcore.graph.requirements import AGREE, FITS, possible
from gradcore.ops.control import Conditional, IfElse
from gradcore.ops.create import Arange
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import Nonzero, Subtensor
from gradcore.ops.index_patterns import Slot
from gradcore.ops.reduce import ArgReduce
from gradcore.ops.scalars import maximum, minimum, switch
from gradcore.ops.scan import Scan
from gradcore.ops.sorting import ArgSort
from gradcore.rewrite.claims import Claim, Guards, Scope
from gradcore.rewrite.facts import Facts
from gradcore.rewrite.symbols import Number, Symbol, Symbols, ValueNumber, varies

SCALAR = Operand(())
"""What is known of a scalar that is no integer."""


class ClaimReader:
    """Reads what graphs of the same inputs require.

    claims : those of the graph that is read, none that is implied by what was read before.
    """

    def __init__(self) -> None:
        self.symbols = Symbols()
        self.facts = Facts()
        self.claims: list[Claim] = []
        self.operands: dict[Variable, Operand] = {}
        self.numbers: dict[Variable, ValueNumber] = {}

    def read(self, graph: FunctionGraph) -> list[Claim]:
        """Return what a whole graph requires, in the order in which nodes run.

        Graphs share nodes, most of them where little is rewritten: each is read once.
        """
        self.claims = []
        for v in graph.inputs:
            if v not in self.operands:
                self.numbers[v] = self.symbols.value(("input", v), False)
                self._give(v, (UNKNOWN,) * v.ndim)
        new = [node for node in graph.nodes if node.outputs[0] not in self.operands]
        self._read(new, None, ())
        return self.claims

    def claim(self, claim: Claim) -> None:
        """Note a claim, if it is not known to be true."""
        if not self.facts.implies(claim):
            self.claims.append(claim)
            self.facts.note(claim)

    def _read(self, nodes: Sequence[Apply], scope: Scope | None, guards: Guards) -> None:
        for node in nodes:
            operands = [self._operand(v) for v in node.inputs]
            op = node.op
            if isinstance(op, Elementwise) and self._passes(node, operands, guards):
                continue
            if isinstance(op, Conditional):
                self._conditional(op, node, scope, guards)
            elif isinstance(op, IfElse):
                branches = node.inputs[1:]
                self._choose(node, branches[: op.outputs], branches[op.outputs :], guards)
            else:
                self._require(node, operands, scope, guards)
                if isinstance(op, Scan):
                    self._loop(node, operands, scope, guards)
                else:
                    self._compute(node, operands)

    def _passes(self, node: Apply, operands: Sequence[Operand], guards: Guards) -> bool:
        """Note what is known of an elementwise result, if that is what is known of an operand.

        Most nodes are of this kind, and require nothing.
        """
        output = node.outputs[0]
        rank = len(output.type.shape)
        if not rank:
            if output.type.is_discrete:
                return False
            self.operands[output] = SCALAR
            return True
        whole: Operand | None = None
        for v, x in zip(node.inputs, operands, strict=True):
            if not x.shape:
                continue
            if whole is None:
                whole = x
            elif whole.shape != x.shape and whole.shape != self._resolved(v, x, guards).shape:
                return False
        if whole is None or len(whole.shape) != rank:
            return False
        self.operands[output] = whole if whole.value is UNKNOWN else Operand(whole.shape)
        return True

    def _resolved(self, v: Variable, x: Operand, guards: Guards) -> Operand:
        """Return what is known of ``v`` with the best numbers, and remember it."""
        found = Operand(tuple(self.facts.best(n, guards) for n in x.shape), x.value)
        if not guards:
            self.operands[v] = found
        return found

    # operands -----------------------------------------------------------------------------------
    def _operand(self, v: Variable) -> Operand:
        """Return what is known of a variable that has been read, or is a constant."""
        found = self.operands.get(v)
        if found is None:
            assert isinstance(v, Constant)
            value = constant_extent(v)
            found = Operand(v.data.shape, UNKNOWN if value is None else value)
            self.operands[v] = found
        return found

    def _give(self, v: Variable, shape: Sequence[Any], value: Any = UNKNOWN) -> None:
        """Note what is known of a variable; what is not gets a symbol of its own."""
        extents = tuple(
            known if known is not None else n if n is not UNKNOWN else self._extent(v, axis)
            for axis, (n, known) in enumerate(zip(shape, v.type.shape, strict=True))
        )
        if value is UNKNOWN and not extents and v.type.is_discrete:
            number = self._number(v)
            positive = number.below is not None or v.type.dtype[0] in "bu"
            value = self.symbols.scalar(("value", number), positive, number.varies)
        self.operands[v] = Operand(extents, value)

    def _extent(self, v: Variable, axis: int) -> Symbol:
        return self.symbols.extent(self._number(v), axis)

    # value numbers ------------------------------------------------------------------------------
    def _number(self, v: Variable) -> ValueNumber:
        """Return the value number of a variable, numbering what it is computed from first."""
        stack = [v]
        while stack:
            x = stack[-1]
            missing: Sequence[Variable] = ()
            if x not in self.numbers and x.owner is not None:
                missing = [i for i in x.owner.inputs if i not in self.numbers]
            if missing:
                stack += missing
                continue
            stack.pop()
            if x not in self.numbers:
                self.numbers[x] = self._constant(x) if x.owner is None else self._computed(x)
        return self.numbers[v]

    def _constant(self, v: Variable) -> ValueNumber:
        assert isinstance(v, Constant)
        data = v.data
        content = data.tobytes() if data.nbytes <= 1024 else id(data)
        return self.symbols.value((data.dtype, data.shape, content), False)

    def _computed(self, v: Variable) -> ValueNumber:
        """Return the number of an output of a node whose operands have theirs.

        What is known of an int64 scalar says more than how it is computed.
        """
        node = v.owner
        assert node is not None
        given = [
            self._operand(x).value if x.type.dtype == "int64" and not x.ndim else self.numbers[x]
            for x in node.inputs
        ]
        key = (node.op, *given, v.index)
        return self.symbols.value(key, any(map(varies, given)), self._below(node, v.index))

    def _below(self, node: Apply, index: int) -> Any:
        """Return what the elements of an output are below, if they are numbers of a range."""
        op, x = node.op, node.inputs[0] if node.inputs else None
        if x is None:
            return None
        if isinstance(op, Subtensor) and Slot.ARRAY not in op.pattern:
            return self.numbers[x].below
        if isinstance(op, Arange):
            return self._operand(x).value
        if isinstance(op, Nonzero):
            return self._shape(x)[index]
        return self._shape(x)[op.axis] if isinstance(op, (ArgSort, ArgReduce)) else None

    # nodes --------------------------------------------------------------------------------------
    def _require(
        self, node: Apply, operands: Sequence[Operand], scope: Scope | None, guards: Guards
    ) -> None:
        """Claim what ``node`` requires."""
        for k, requirement in enumerate(node.op.requires(node, operands)):
            what = (requirement.predicate, *map(self._as_number, requirement.operands))
            again = partial(_required, node, k)
            self.claim(Claim(what, requirement.error, guards, scope, node, again))

    def _as_number(self, operand: Any) -> Any:
        """Return an operand of a requirement as a number or a value number."""
        if not isinstance(operand, Variable):
            return operand
        known = constant_extent(operand)
        return self._number(operand) if known is None else known

    def _compute(self, node: Apply, operands: Sequence[Operand]) -> None:
        """Note what is known of the outputs of ``node``."""
        op = node.op
        value = op.value(node, operands)
        if value is UNKNOWN and isinstance(op, Elementwise) and _is_extent(node):
            value = self.symbols.computed(op, tuple(x.value for x in operands))
        for output, shape in zip(node.outputs, op.symbolic_shapes(node, operands), strict=True):
            self._give(output, shape, value)

    # graphs inside ------------------------------------------------------------------------------
    def _same(self, inner: Sequence[Variable], outer: Sequence[Variable]) -> None:
        """Let variables of a graph inside be those outside."""
        for v, x in zip(inner, outer, strict=True):
            operand = self._operand(x)
            self.numbers[v] = self._number(x)
            self._give(v, operand.shape, operand.value)

    def _inside(self, graph: FunctionGraph, scope: Scope, guards: Guards) -> None:
        """Read a graph inside; one that several nodes run is read anew for each."""
        for v in graph.variables:
            if v.owner is not None:
                self.numbers.pop(v, None)
        self._read(graph.nodes, scope, guards)

    def _conditional(
        self, op: Conditional, node: Apply, scope: Scope | None, guards: Guards
    ) -> None:
        chosen, *given = node.inputs
        for branch, graph in enumerate(op.graphs):
            self._same(graph.inputs, given)
            taken = ("branch", self._number(chosen), branch)
            self._inside(graph, Scope(scope, node, branch), (*guards, taken))
        self._choose(node, op.then.outputs, op.orelse.outputs, guards)
        for output, only in zip(node.outputs, op.owners(), strict=True):
            if only is not None:
                self._same([output], [op.graphs[only].outputs[output.index]])

    def _choose(
        self, node: Apply, then: Sequence[Variable], orelse: Sequence[Variable], guards: Guards
    ) -> None:
        """Note what is known of outputs that are one of two."""
        chosen = self._number(node.inputs[0])
        condition = self.symbols.scalar(("value", chosen), True, chosen.varies)
        for output, a, b in zip(node.outputs, then, orelse, strict=True):
            extents = zip(self._operand(a).shape, self._operand(b).shape, strict=True)
            shape = [
                self.symbols.computed(
                    switch, (condition, *(self.facts.best(n, guards) for n in pair))
                )
                for pair in extents
            ]
            numbers = chosen, self._number(a), self._number(b)
            changing = any(map(varies, numbers))
            self.numbers[output] = self.symbols.value(("choice", *numbers), changing)
            self._give(output, shape)

    def _loop(
        self, node: Apply, operands: Sequence[Operand], scope: Scope | None, guards: Guards
    ) -> None:
        op = node.op
        assert isinstance(op, Scan)
        steps = operands[0].value
        given, inner = op.parts(node.inputs[1:]), op.parts(op.body.inputs)
        for v, x in zip(inner.sequences, given.sequences, strict=True):
            whole = self._number(x)
            self.numbers[v] = self.symbols.value(("element", whole), True, whole.below)
            self._give(v, self._operand(x).shape[1:])
        for v, x in zip(inner.states, given.states, strict=True):
            self.numbers[v] = self.symbols.value(("state", v, self._number(x)), True)
            self._give(v, self._operand(x).shape)
        self._same(inner.constants, given.constants)
        running = (*guards, ("steps", steps))
        body = Scope(scope, node, None)
        self._inside(op.body, body, running)
        results, ends = op.results(op.body.outputs), op.results(node.outputs)
        for v, new in zip(inner.states, results.states, strict=True):
            for axis, pair in enumerate(zip(self._shape(v), self._shape(new), strict=True)):
                again = partial(_same_extent, op, v, new, axis)
                what = (AGREE, *pair)
                self.claim(Claim(what, ScanError, running, body, node, again))
        numbers = [self._number(v) for v in node.inputs]
        changing = any(map(varies, numbers))
        shapes: list[Sequence[Any]] = [self._shape(x) for x in given.states]
        taken = self._taken(steps, ("stop", op, *numbers), changing) if op.until else steps
        for v, stack in zip(results.stacks, ends.stacks, strict=True):
            step = [UNKNOWN if varies(n) else n for n in self._shape(v)]
            shapes.append((taken, *step))
            if UNKNOWN not in step:
                what = (FITS, steps, *step)
                again = partial(_possible_stack, node, stack)
                self.claim(Claim(what, ArraySizeError, guards, scope, node, again))
        shapes += [()] if ends.condition is not None else []
        for output, shape in zip(node.outputs, shapes, strict=True):
            self.numbers[output] = self.symbols.value((op, *numbers, output.index), changing)
            self._give(output, shape, taken if output is ends.condition else UNKNOWN)

    def _taken(self, steps: Any, key: Hashable, changing: bool) -> Number:
        """Return how many steps a loop takes that may stop: it looks at the end of each step."""
        stop = self.symbols.scalar(key, True, changing)
        most = self.symbols.computed(maximum, (steps, 0))
        return self.symbols.computed(minimum, (most, self.symbols.computed(maximum, (stop, 1))))

    def _shape(self, v: Variable) -> tuple[Any, ...]:
        return self._operand(v).shape


def _is_extent(node: Apply) -> bool:
    """Return whether a node is arithmetic on integers of 64 bits."""
    return not node.out.ndim and all(
        v.type.dtype == "int64" or constant_extent(v) is not None
        for v in (*node.inputs, *node.outputs)
    )


def _required(node: Apply, k: int) -> Requirement:
    """Return requirement ``k`` of a node, on variables."""
    return node.op.requires(node, [symbolic_operand(v) for v in node.inputs])[k]


def _same_extent(op: Scan, state: Variable, new: Variable, axis: int) -> Requirement:
    """Return the requirement that the shape of a state does not change."""
    extents = extents_of(state)[axis], extents_of(new)[axis]
    return Requirement(AGREE, extents, f"{op}: a state changes its shape", ScanError)


def _possible_stack(node: Apply, stack: Variable) -> Requirement:
    """Return that there can be an array of what all steps store, if none of them is the last."""
    return possible((in_int64(node.inputs[0]), *extents_of(stack)[1:]))
