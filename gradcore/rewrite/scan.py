"""Rewrites of loops: what need not be in them goes out, what nobody reads goes away.

The rules here are part of the stage that canonicalizes (what is invariant, doubled or idle) or of
a stage of their own, ``push_out``: work that depends on the sequences alone is done for all steps
at once, and sums that a loop only collects become one product or one sum.  Two passes need to see
who reads a loop: ``merge_scans`` and ``drop_unused``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.gradient import grad
from gradcore.graph import (
    Apply,
    Constant,
    FunctionGraph,
    TensorType,
    Variable,
    ancestors,
    substitute,
    toposort,
)
from gradcore.graph.nodes import constant_extent, extents_of
from gradcore.graph.traverse import depends_on
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import Slice, Subtensor, is_advanced
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import Reduce
from gradcore.ops.scalars import add, mul
from gradcore.ops.scan import Scan
from gradcore.ops.shape import DimShuffle
from gradcore.rewrite.canonicalize import canonicalize
from gradcore.rewrite.engine import Pass, Stage
from gradcore.rewrite.loops import Input, Loop, State
from gradcore.scan import scan


# examples for the rules: a loop with a state and a stack, its gradients, twins, doubled constants
def _stacks(x: Variable) -> list[Variable]:
    def step(row: Variable, state: Variable) -> list[Variable]:
        return [LANGUAGE["tanh"](LANGUAGE["dot"](state, x) + row), row]

    found, _ = scan(step, x, [x, None])
    return found


def _gradient(x: Variable) -> Variable:
    return grad(_stacks(x)[0].sum(), x)


def _gradient_of_elements(x: Variable) -> Variable:
    def step(row: Variable, state: Variable) -> Variable:
        return LANGUAGE["tanh"](LANGUAGE["dot"](row, x.T) + state)

    found, _ = scan(step, x * 2, x[0])
    return grad(found.sum(), x)


def _doubled(x: Variable) -> Variable:
    def step(row: Variable, state: Variable) -> Variable:
        return LANGUAGE["tanh"](state * (x[0] * 1) + x[0] + row)

    found, _ = scan(step, x, x[0])
    return found


def _decay(x: Variable) -> Variable:
    def step(row: Variable, state: Variable) -> Variable:
        return state * LANGUAGE["exp"](row)

    found, _ = scan(step, x, x[0])
    return found


def _running_sum(x: Variable) -> Variable:
    def step(row: Variable, state: Variable) -> Variable:
        return state + row

    found, _ = scan(step, x, x[0])
    return found[-1]


def _twins(x: Variable) -> Variable:
    def step(row: Variable, a: Variable, b: Variable) -> list[Variable]:
        return [LANGUAGE["tanh"](a * row), LANGUAGE["tanh"](b * row)]

    (a, b), _ = scan(step, x, [x[0], x[0]])
    return a + b


# what is idle -----------------------------------------------------------------------------------
@canonicalize.rule(op=Scan, examples=[_gradient])
def hoist_invariants(node: Apply) -> list[Variable] | None:
    """What depends on nothing of the step is computed before the loop"""
    loop = Loop.of(node)
    moving = depends_on(loop.outputs, [each.inner for each in (*loop.sequences, *loop.states)])
    inner_inputs = [each.inner for each in (*loop.sequences, *loop.states, *loop.constants)]
    found: dict[Variable, None] = {}
    for inside in toposort(loop.outputs, inner_inputs):
        if any(v in moving for v in inside.outputs):
            found.update(
                (v, None) for v in inside.inputs if v.owner is not None and v not in moving
            )
    found.update((v, None) for v in loop.outputs if v.owner is not None and v not in moving)
    if not found:
        return None
    outside = {each.inner: each.outer for each in loop.constants}
    placeholders = {v: Variable(v.type, v.name) for v in found}
    outer = substitute(list(found), outside)
    loop.constants += [Input(placeholders[v], x) for v, x in zip(found, outer, strict=True)]
    loop.substitute(placeholders)
    return loop.build().all


@canonicalize.rule(op=Scan, examples=[_doubled])
def tidy_inputs(node: Apply) -> list[Variable] | None:
    """Inputs that are not read, or that are there twice, or that are numbers, are no inputs"""
    loop = Loop.of(node)
    before = len(loop.sequences), len(loop.constants)
    replaced: dict[Variable, Variable] = {}
    loop.sequences = _distinct(loop.sequences, replaced)
    loop.constants = _distinct(loop.constants, replaced)
    for each in loop.constants:
        if isinstance(each.outer, Constant) and each.outer.data.size == 1:
            replaced[each.inner] = each.outer
    if replaced:
        loop.substitute(replaced)
    read = set(ancestors(loop.outputs))
    loop.sequences = [each for each in loop.sequences if each.inner in read]
    loop.constants = [each for each in loop.constants if each.inner in read]
    return loop.build().all if before != (len(loop.sequences), len(loop.constants)) else None


def _distinct(inputs: Sequence[Input], replaced: dict[Variable, Variable]) -> list[Input]:
    """Return inputs without those that are the same outside; note what stands for them."""
    first: dict[Variable, Input] = {}
    for each in inputs:
        kept = first.setdefault(each.outer, each)
        if kept is not each:
            replaced[each.inner] = kept.inner
    return list(first.values())


@canonicalize.rule(op=Scan, examples=[_twins])
def idle_states(node: Apply) -> list[Variable] | None:
    """A state that stays as it is is a constant; two that are always equal are one"""
    loop = Loop.of(node)
    for k, state in enumerate(loop.states):
        if state.new is state.inner:
            del loop.states[k]
            loop.constants.append(Input(state.inner, state.initial))
            built = loop.build()
            built.states.insert(k, state.initial)
            return built.all
    twins = _equal_states(loop)
    if twins is None:
        return None
    kept, gone = twins
    state = loop.states.pop(gone)
    loop.substitute({state.inner: loop.states[kept].inner})
    built = loop.build()
    built.states.insert(gone, built.states[kept])
    return built.all


def _equal_states(loop: Loop) -> tuple[int, int] | None:
    """Return two states that start alike and change alike, if there are any.

    All states that start alike are taken to be equal, and parted until what is taken to be equal
    also changes alike.
    """
    groups: dict[Any, list[State]] = {}
    for state in loop.states:
        groups.setdefault((state.initial, state.inner.type), []).append(state)
    classes = [group for group in groups.values() if len(group) > 1]
    inputs = tuple(each.inner for each in (*loop.sequences, *loop.states, *loop.constants))
    while classes:
        same = {s.inner: group[0].inner for group in classes for s in group}
        parted: list[list[State]] = []
        for group in classes:
            alike: dict[FunctionGraph, list[State]] = {}
            for state in group:
                (new,) = substitute([state.new], same)
                alike.setdefault(FunctionGraph(inputs, (new,)), []).append(state)
            parted += [members for members in alike.values() if len(members) > 1]
        if parted == classes:
            first, second = (loop.states.index(s) for s in classes[0][:2])
            return first, second
        classes = parted
    return None


@canonicalize.rule(op=Scan, examples=[lambda x: _stacks(x)[1]])
def idle_stacks(node: Apply) -> list[Variable] | None:
    """A stack of the elements of a sequence is the sequence; two equal stacks are one"""
    loop = Loop.of(node)
    for k, v in enumerate(loop.stacks):
        first = loop.stacks.index(v)
        if first < k:
            del loop.stacks[k]
            built = loop.build()
            built.stacks.insert(k, built.stacks[first])
            return built.all
        if loop.condition is None:
            found = _stack_outside(loop, v)
            if found is not None:
                del loop.stacks[k]
                built = loop.build()
                built.stacks.insert(k, found)
                return built.all
    return None


def _stack_outside(loop: Loop, v: Variable) -> Variable | None:
    """Return the stack of ``v``, where it is an input of the loop or a constant."""
    for each in loop.sequences:
        if each.inner is v:
            return _first(each.outer, loop.steps)
    outside = {each.inner: each.outer for each in loop.constants}
    if v in outside or isinstance(v, Constant):
        x = outside.get(v, v)
        return LANGUAGE["alloc"](x, loop.steps, *extents_of(x))
    return None


def _first(sequence: Variable, steps: Variable) -> Variable:
    """Return as many elements of a sequence as there are steps."""
    n = extents_of(sequence)[0]
    if n is steps or (isinstance(n, int) and constant_extent(steps) == n):
        return sequence
    return sequence[:steps]


@canonicalize.rule(op=Subtensor, examples=[lambda x: _stacks(x)[0][-1]])
def last_of_stack(node: Apply) -> Variable | None:
    """The last element of a stack of states is the last state (with no steps: the initial one)"""
    x = node.inputs[0]
    op = node.op
    if x.owner is None or not isinstance(x.owner.op, Scan):
        return None
    assert isinstance(op, Subtensor)
    scan = x.owner.op
    if not op.pattern or op.pattern[0] != -1 or is_advanced(op.pattern):
        return None
    k = x.index - scan.states
    results = scan.results(scan.body.outputs)
    if not 0 <= k < len(results.stacks):
        return None
    for j, new in enumerate(results.states):
        if new is results.stacks[k]:
            return Subtensor(op.pattern[1:])(x.owner.outputs[j], *node.inputs[1:])
    return None


# what nobody reads ------------------------------------------------------------------------------
def _drop_unused(graph: FunctionGraph) -> FunctionGraph:
    replaced: dict[Variable, Variable] = {}
    kept = {*graph.readers, *graph.outputs}
    for node in graph.nodes:
        if isinstance(node.op, Scan):
            replaced.update(_trimmed(node, kept))
    return _replaced(graph, replaced)


def _trimmed(node: Apply, kept: set[Variable]) -> dict[Variable, Variable]:
    """Return what stands for the outputs of a scan, if some of them are not kept."""
    loop = Loop.of(node)
    op = loop.op
    results = op.results(node.outputs)
    states = {k for k, v in enumerate(results.states) if v in kept}
    stacks = [k for k, v in enumerate(results.stacks) if v in kept]
    condition = [] if loop.condition is None else [loop.condition]
    while True:
        read = set(
            ancestors(
                [
                    *(loop.states[k].new for k in states),
                    *(loop.stacks[k] for k in stacks),
                    *condition,
                ]
            )
        )
        more = states | {k for k, s in enumerate(loop.states) if s.inner in read}
        if more == states:
            break
        states = more
    order = sorted(states)
    if len(order) == len(loop.states) and len(stacks) == len(loop.stacks):
        return {}
    loop.states = [loop.states[k] for k in order]
    loop.stacks = [loop.stacks[k] for k in stacks]
    built = loop.build()
    replaced = dict(zip((results.states[k] for k in order), built.states, strict=True))
    replaced.update(zip((results.stacks[k] for k in stacks), built.stacks, strict=True))
    if results.condition is not None and built.taken is not None:
        replaced[results.condition] = built.taken
    return replaced


def _replaced(graph: FunctionGraph, replaced: dict[Variable, Variable]) -> FunctionGraph:
    """Return ``graph`` with outputs of nodes replaced, also where a replacement needs another."""
    if not replaced:
        return graph
    done: dict[Variable, Variable] = {}
    for node in graph.nodes:
        for v in node.outputs:
            if v in replaced:
                (done[v],) = substitute([replaced[v]], done)
    return FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, done)))


drop_unused = Pass("drop_unused", _drop_unused)


# one loop for several ---------------------------------------------------------------------------
def _merge_scans(graph: FunctionGraph) -> FunctionGraph:
    while True:
        pair = _mergeable(graph)
        if pair is None:
            return graph
        graph = _merged(graph, *pair)


def _mergeable(graph: FunctionGraph) -> tuple[Apply, Apply] | None:
    """Return two scans that can run as one: as many steps, neither needing the other."""
    above: dict[Apply, frozenset[Apply]] = {}
    scans: list[Apply] = []
    for node in graph.nodes:
        owners = {v.owner for v in node.inputs if v.owner is not None and v.owner in above}
        mine = frozenset(owner for owner in owners if isinstance(owner.op, Scan))
        above[node] = mine.union(*(above[owner] for owner in owners))
        if isinstance(node.op, Scan):
            for other in scans:
                if other not in above[node] and _fit(other, node):
                    return other, node
            scans.append(node)
    return None


def _fit(a: Apply, b: Apply) -> bool:
    """Return whether two scans take the same steps over something they share."""
    left, right = Loop.of(a), Loop.of(b)
    if left.steps is not right.steps:
        return False
    if left.condition is None and right.condition is None:
        return bool(set(a.inputs[1:]) & set(b.inputs[1:]))
    # Loops that stop by themselves are one only if all but their stacks is the same.
    if left.condition is None or right.condition is None or a.inputs != b.inputs:
        return False
    return _without_stacks(left) == _without_stacks(right)


def _without_stacks(loop: Loop) -> FunctionGraph:
    inputs = (each.inner for each in (*loop.sequences, *loop.states, *loop.constants))
    assert loop.condition is not None
    return FunctionGraph(tuple(inputs), (*(s.new for s in loop.states), loop.condition))


def _merged(graph: FunctionGraph, a: Apply, b: Apply) -> FunctionGraph:
    left, right = Loop.of(a), Loop.of(b)
    fresh = {
        each.inner: each.inner.clone()
        for each in (*right.sequences, *right.states, *right.constants)
    }
    right.substitute(fresh)
    m, n = len(left.states), len(left.stacks)
    left.sequences += [Input(fresh[each.inner], each.outer) for each in right.sequences]
    left.constants += [Input(fresh[each.inner], each.outer) for each in right.constants]
    left.states += [State(fresh[s.inner], s.initial, s.new) for s in right.states]
    left.stacks += right.stacks
    built = left.build()
    op_a, op_b = a.op, b.op
    assert isinstance(op_a, Scan) and isinstance(op_b, Scan)
    of_a, of_b = op_a.results(a.outputs), op_b.results(b.outputs)
    replaced = dict(zip((*of_a.states, *of_b.states), built.states, strict=True))
    replaced.update(zip((*of_a.stacks, *of_b.stacks), built.stacks, strict=True))
    for taken in (of_a.condition, of_b.condition):
        if taken is not None and built.taken is not None:
            replaced[taken] = built.taken
    assert (m, n) == (len(of_a.states), len(of_a.stacks))
    return FunctionGraph(graph.inputs, tuple(substitute(graph.outputs, replaced)))


merge_scans = Pass("merge_scans", _merge_scans)


# work that needs no loop ------------------------------------------------------------------------
push_out = Stage("push_out")


class Batch:
    """What of a loop's body can be computed for all steps at once, outside.

    The variables that can are in ``outer``, with a first axis over the steps; those that are more
    than views of elements are in ``worked``.
    """

    def __init__(self, loop: Loop) -> None:
        self.outer: dict[Variable, Variable] = {
            each.inner: _first(each.outer, loop.steps) for each in loop.sequences
        }
        self.fixed = {each.inner: each.outer for each in loop.constants}
        self.worked: set[Variable] = set()

    def push(self, node: Apply) -> bool:
        """Compute ``node`` outside, if that can be."""
        inputs: list[Variable] = []
        batched: list[bool] = []
        for v in node.inputs:
            if v in self.outer:
                inputs.append(self.outer[v])
            elif v in self.fixed or isinstance(v, Constant):
                inputs.append(self.fixed.get(v, v))
            else:
                return False
            batched.append(v in self.outer)
        found = batched_node(node, inputs, batched) if any(batched) else None
        if found is None:
            return False
        self.outer[node.outputs[0]] = found
        if not isinstance(node.op, (DimShuffle, Subtensor)) or self.worked.intersection(
            node.inputs
        ):
            self.worked.add(node.outputs[0])
        return True


def batched_node(
    node: Apply, inputs: Sequence[Variable], batched: Sequence[bool]
) -> Variable | None:
    """Return ``node`` on inputs of which some have a first axis over steps; None: not known how."""
    op = node.op
    if isinstance(op, Elementwise):
        rank = node.outputs[0].ndim
        aligned = (
            x.dimshuffle(0, *["x"] * (rank - v.ndim), *range(1, v.ndim + 1)) if b else x
            for x, v, b in zip(inputs, node.inputs, batched, strict=True)
        )
        return op(*aligned)
    x = inputs[0]
    if isinstance(op, DimShuffle):
        return DimShuffle((0, *("x" if a == "x" else int(a) + 1 for a in op.order)))(x)
    if isinstance(op, Reduce):
        return Reduce(op.kind, tuple(a + 1 for a in op.axes))(x)
    if (
        isinstance(op, Subtensor)
        and batched[0]
        and not any(batched[1:])
        and not is_advanced(op.pattern)
    ):
        return Subtensor((Slice(), *op.pattern))(x, *inputs[1:])
    if isinstance(op, (Dot, MatMul)):
        return _batched_product(node, inputs, batched)
    return None


def _batched_product(
    node: Apply, inputs: Sequence[Variable], batched: Sequence[bool]
) -> Variable | None:
    (x, y), (a, b) = inputs, node.inputs
    if batched == [True, False] and b.ndim <= 2:
        if a.ndim == 1:
            return Dot()(x, y)
        rows = (
            LANGUAGE["reshape"](x, (x.shape[0] * x.shape[1], x.shape[2])) if a.ndim == 2 else None
        )
        if rows is None:
            return None
        return LANGUAGE["reshape"](Dot()(rows, y), (x.shape[0], x.shape[1], *extents_of(y)[1:]))
    if batched == [False, True] and a.ndim == 2 and b.ndim == 1:
        return Dot()(y, x.T)
    if all(batched) and a.ndim == b.ndim == 2:
        return MatMul()(x, y)
    return None


@push_out.rule(op=Scan, examples=[_decay])
def push_out_sequences(node: Apply) -> list[Variable] | None:
    """What depends on the sequences alone is computed for all steps at once"""
    loop = Loop.of(node)
    if loop.condition is not None or not loop.sequences:
        return None
    batch = Batch(loop)
    inner = [each.inner for each in (*loop.sequences, *loop.states, *loop.constants)]
    read: dict[Variable, None] = {}
    for inside in toposort(loop.outputs, inner):
        if not batch.push(inside):
            read.update((v, None) for v in inside.inputs if v in batch.worked)
    read.update((v, None) for v in loop.outputs if v in batch.worked)
    if not read:
        return None
    placeholders = {v: Variable(v.type, v.name) for v in read}
    loop.sequences += [Input(placeholders[v], batch.outer[v]) for v in read]
    loop.substitute(placeholders)
    return loop.build().all


@push_out.rule(op=Scan, examples=[_running_sum])
def push_out_sums(node: Apply) -> list[Variable] | None:
    """A sum that a loop only collects is one sum, or one product, after the loop"""
    loop = Loop.of(node)
    if loop.condition is not None:
        return None
    for k, state in enumerate(loop.states):
        term = _collected(loop, state)
        if term is None:
            continue
        found = _collected_outside(loop, k, term)
        if found is not None:
            return found
    return None


def _collected(loop: Loop, state: State) -> Variable | None:
    """Return the term that is added to ``state`` in each step, if nothing else reads the state."""
    new = state.new.owner
    if new is None or new.op is not add or state.new.type.dtype != state.inner.type.dtype:
        return None
    others = [s.new for s in loop.states if s is not state] + loop.stacks
    inputs = [each.inner for each in (*loop.sequences, *loop.states, *loop.constants)]
    for total, term in (new.inputs, new.inputs[::-1]):
        if total is state.inner and term.broadcastable == state.inner.broadcastable:
            reading = [
                n
                for n in toposort(loop.outputs, inputs)
                if state.inner in n.inputs or state.new in n.inputs
            ]
            stacked = state.inner in others or state.new in others
            if reading == [new] and term is not state.inner and not stacked:
                return term
    return None


def _collected_outside(loop: Loop, k: int, term: Variable) -> list[Variable] | None:
    """Return the outputs of the loop without state ``k``, whose terms are added up outside."""
    batch = Batch(loop)
    factors = _factors(term)
    recorded: list[Variable] = []

    def history(v: Variable) -> Variable | None:
        """Return ``v`` over all steps, noting in ``recorded`` what the loop has to stack for it."""
        if v in batch.outer:
            return batch.outer[v]
        if v in batch.fixed or isinstance(v, Constant):
            return None
        recorded.append(v)
        return v

    if term in batch.outer or term in loop.stacks:
        state = loop.states.pop(k)
        built = loop.build()
        terms = batch.outer[term] if term in batch.outer else built.stacks[loop.stacks.index(term)]
        built.states.insert(k, state.initial + LANGUAGE["sum"](terms, 0))
        return built.all
    if factors is None:
        return None
    left, right = map(history, factors)
    if left is None or right is None:
        return None
    state = loop.states.pop(k)
    first = len(loop.stacks)
    loop.stacks += recorded
    built = loop.build()
    stacks = dict(zip(recorded, built.stacks[first:], strict=True))
    total = _sum_of_products(stacks.get(left, left), stacks.get(right, right))
    del built.stacks[first:]
    built.states.insert(k, state.initial + total)
    return built.all


@push_out.rule(op=Scan, examples=[_gradient_of_elements])
def push_out_products(node: Apply) -> list[Variable] | None:
    """A stack of products of what is stacked anyway is one product, after the loop"""
    loop = Loop.of(node)
    if loop.condition is not None:
        return None
    batch = Batch(loop)
    inputs = [each.inner for each in (*loop.sequences, *loop.states, *loop.constants)]
    for k, v in enumerate(loop.stacks):
        if v.owner is None or not isinstance(v.owner.op, (Dot, MatMul)):
            continue
        reading = [n for n in toposort(loop.outputs, inputs) if v in n.inputs]
        unknown = [
            x
            for x in v.owner.inputs
            if x not in batch.outer and x not in batch.fixed and not isinstance(x, Constant)
        ]
        if (
            reading
            or len(set(unknown)) != 1
            or loop.stacks.count(v) > 1
            or v in [s.new for s in loop.states]
        ):
            continue
        (operand,) = set(unknown)
        stacked = TensorType(operand.type.dtype, (None, *operand.type.shape))
        batch.outer[operand] = history = Variable(stacked)
        if not batch.push(v.owner):
            del batch.outer[operand]
            continue
        product = batch.outer[v]
        loop.stacks[k] = operand
        built = loop.build()
        (built.stacks[k],) = substitute([product], {history: built.stacks[k]})
        return built.all
    return None


def _factors(term: Variable) -> tuple[Variable, Variable] | None:
    """Return matrices p and q (or vectors) if the term is ``p @ q`` (or ``outer(p, q)``)."""
    node = term.owner
    if node is None:
        return None
    if isinstance(node.op, Dot) and all(v.ndim == 2 for v in node.inputs):
        return node.inputs[0], node.inputs[1]
    if node.op is mul and term.ndim == 2:
        for column, line in (node.inputs, node.inputs[::-1]):
            made = column.owner
            if (
                made is not None
                and isinstance(made.op, DimShuffle)
                and made.op.order == (0, "x")
                and line.ndim == 1
            ):
                return made.inputs[0], line
    return None


def _sum_of_products(p: Variable, q: Variable) -> Variable:
    """Return the sum over the first axis of ``p[t] @ q[t]`` (or of their outer products)."""
    if p.ndim == 2:
        return Dot()(p.T, q)
    t, m, b = extents_of(p)
    left = LANGUAGE["reshape"](p.dimshuffle(1, 0, 2), (m, t * b))
    right = LANGUAGE["reshape"](q, (extents_of(q)[0] * extents_of(q)[1], extents_of(q)[2]))
    return Dot()(left, right)
