"""Scans: a loop around what its body became.

States of rank 0 are registers.  A larger state points to what the step before has stored: into
the stack of an output, where the state is one, else into one of two buffers, in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from gradcore.errors import ScanError
from gradcore.graph import Apply, Variable
from gradcore.kernel.failures import Failure
from gradcore.kernel.fusion import Block, Choice, Iteration, Plain, Region
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Break,
    Buffer,
    Callback,
    Expr,
    If,
    Index,
    Let,
    Load,
    Point,
    Store,
    Symbol,
    as_index,
    call,
    integer,
    parts,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.nests import Nest
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.elementwise import entry
from gradcore.ops.loop import TOO_FEW, Results
from gradcore.ops.scan import Scan

GE = entry("ge")


def scan(low: Lowering, node: Apply) -> None:
    """Lower a scan: a loop that runs the body, with states in memory from step to step."""
    op = node.op
    assert isinstance(op, Scan)
    given = op.parts(node.inputs[1:])
    ends, results = op.results(node.outputs), op.results(op.body.outputs)
    steps = as_index(low.value(node.inputs[0]).read(()))
    _check_steps(low, node, op, steps, [low.value(v) for v in given.sequences])
    steps = low.layout.extents.best(steps)

    inner = op.parts(op.body.inputs)
    states = [_State(low, v, x) for v, x in zip(given.states, inner.states, strict=True)]
    t, taken = Symbol("t"), steps
    if op.until:
        taken = Symbol("taken")
        low.put(Let(taken, steps), defines=True)
        low.bounds.fit([taken])
    for state, variable in zip(states, results.states, strict=True):
        if state.buffer.shape and variable not in results.stacks:
            low.sized((integer(2), *state.buffer.shape))
    region = Region(low.block.path)
    outside = low.block
    stacks: list[Buffer] = []
    untold: list[tuple[Variable, int, Symbol]] = []
    with low.inside(region.block, speculative=True):
        low.bounds.fit([t])
        for state, variable in zip(states, results.states, strict=True):
            if state.buffer.shape and variable not in results.stacks:
                low.wanted[variable] = partial(_turn, low, op, state, t, outside)
        _step(low, node, states, t)
        for variable in results.states:
            low.wanted.pop(variable, None)
        varies = _varying(region.block, t, states)
        for output, variable in zip(ends.stacks, results.stacks, strict=True):
            part = low.value(variable)
            shape = [low.layout.extents.best(n) for n in part.shape]
            for axis, n in enumerate(shape):
                if varies(n):
                    shape[axis] = symbol = Symbol(f"{named(output)}_n{axis + 1}")
                    untold.append((variable, axis, symbol))
                    low.equal([symbol, n], _reshaped(node))
            stacks.append(_stacked(low, output, part, (steps, *shape), t))
            low.layout.keep(outside, stacks[-1])
        _advance(low, op, states, results, stacks, t, outside)
        if results.condition is not None:
            assert isinstance(taken, Symbol)
            condition = low.value(results.condition).read(())
            low.put(If(condition, [Let(taken, t + 1, fresh=False), Break()]))
    if untold:
        _find_extents(low, node, states, steps, untold)
    for stack in stacks:
        low.sized(stack.shape)
    low.put(Iteration(t, steps, region))

    for output, state in zip(ends.states, states, strict=True):
        low.values[output] = state.value
    for output, stack in zip(ends.stacks, stacks, strict=True):
        value = stored_value(stack)
        if op.until:
            value = Value(stack.dtype, (taken, *stack.shape[1:]), value.read)
            low.bounds.fit(value.shape)
        low.values[output] = value
    if ends.condition is not None:
        low.values[ends.condition] = Value("int64", (), lambda index: taken)


def _check_steps(
    low: Lowering, node: Apply, op: Scan, steps: Expr, sequences: Sequence[Value]
) -> None:
    low.check(
        call(GE, (steps, ZERO), "bool"),
        [steps],
        lambda ns: ScanError(f"{op} {TOO_FEW}: it is {ns[0]}", node.where),
    )
    for k, sequence in enumerate(sequences):
        low.check(
            call(GE, (sequence.shape[0], steps), "bool"),
            [steps, sequence.shape[0]],
            lambda ns, k=k: ScanError(
                f"{op} is to take {ns[0]} steps, but its sequence {k} has {ns[1]}", node.where
            ),
        )


def _element(sequence: Value, t: Expr) -> Value:
    """Return the element of a sequence at step ``t``."""
    return Value(
        sequence.dtype, sequence.shape[1:], lambda index: sequence.read((t, *index)),
        depth=sequence.depth + 1,
    )  # fmt: skip


class _State:
    """A state: where it is read, and, unless a stack has them, where its values are in turn."""

    def __init__(self, low: Lowering, initial: Variable, variable: Variable) -> None:
        self.pair: Buffer | None = None
        value = low.value(initial)
        name = named(variable) if variable.name else "state"
        shape = [low.layout.extents.best(n) for n in value.shape]
        if shape:
            self.buffer = Buffer(name, variable.dtype, shape, "pointer")
            low.put(Point(self.buffer, low.whole(value, name), (ZERO,) * len(shape)))
        else:
            self.buffer = Buffer(name, variable.dtype, ())
            low.fill(self.buffer, value.read)
        self.value = stored_value(self.buffer)


def _step(low: Lowering, node: Apply, states: Sequence[_State], t: Expr) -> None:
    """Lower the body of a scan, as it is at step ``t``."""
    op = node.op
    assert isinstance(op, Scan)
    given, inner = op.parts(node.inputs[1:]), op.parts(op.body.inputs)
    for element, sequence in zip(inner.sequences, given.sequences, strict=True):
        low.values[element] = _element(low.value(sequence), t)
    for constant, outer in zip(inner.constants, given.constants, strict=True):
        low.values[constant] = low.value(outer)
    for variable, state in zip(inner.states, states, strict=True):
        low.values[variable] = state.value
    low.lower(op.body)


def _varying(block: Block, t: Symbol, states: Sequence[_State]) -> Callable[[Expr], bool]:
    """Return whether an extent is known only in a step: a body, in ``block``, computes it."""
    made: set[Symbol | Buffer] = {t, *block.written, *(state.buffer for state in states)}
    for item in block.items:
        match item:
            case Plain(Let(symbol)):
                made.add(symbol)
            case Plain(Callback(_, _, _, extents)):
                made.update(symbol for symbols in extents for symbol in symbols)
            case _:
                pass

    def varies(extent: Expr) -> bool:
        return any(
            x in made if isinstance(x, Symbol) else isinstance(x, Load) and x.buffer.root in made
            for x in parts(extent)
        )

    return varies


def _find_extents(
    low: Lowering,
    node: Apply,
    states: Sequence[_State],
    steps: Expr,
    untold: Sequence[tuple[Variable, int, Symbol]],
) -> None:
    """Set the extents of parts that only a step can tell: the first is run beforehand for them.

    untold : for each such extent, the part, the axis and the register.
    """
    for _, _, symbol in untold:
        low.put(Let(symbol, ZERO), defines=True)
    first, nothing = Region(low.block.path), Region(low.block.path)
    with low.inside(first.block):
        _step(low, node, states, ZERO)
        for variable, axis, symbol in untold:
            low.put(Let(symbol, low.value(variable).shape[axis], fresh=False))
    low.put(Choice(call(entry("gt"), (steps, ZERO), "bool"), first, nothing))


def _reshaped(node: Apply) -> Failure:
    def failure(extents: Sequence[int]) -> Exception:
        want, have = extents
        return ScanError(
            f"{node.op}: an output changes its shape: an extent of {want} becomes {have}",
            node.where,
        )

    return failure


def _stacked(
    low: Lowering, output: Variable, part: Value, shape: Sequence[Expr], t: Symbol
) -> Buffer:
    """Store the part of this step in a stack, and return the stack."""
    stack = low.buffer(named(output), output.dtype, shape)
    loops, index = low.ranges(stack.shape[1:])
    low.place(Nest(loops, [Store(stack, (t, *index), part.read(tuple(index)))]))
    return stack


def _same_shape(low: Lowering, op: Scan, old: Sequence[Expr], new: Sequence[Expr]) -> None:
    for n, m in zip(old, new, strict=True):
        low.equal(
            [n, m],
            lambda ns: ScanError(
                f"{op}: a state changes its shape: an extent of {ns[0]} becomes {ns[1]}"
            ),
        )


def _parity(t: Symbol) -> Expr:
    return call(entry("and_"), (t, ONE), "int64")


def _turn(
    low: Lowering, op: Scan, state: _State, t: Symbol, outside: Block, shape: Sequence[Expr]
) -> Value:
    """Return that of two buffers, taken in turn, where a state is next."""
    buffer = state.buffer
    _same_shape(low, op, buffer.shape, shape)
    pair = low.new(f"{buffer.name}_pair", buffer.dtype, (integer(2), *buffer.shape))
    low.layout.keep(outside, pair)
    state.pair = pair
    parity = _parity(t)
    return Value(
        buffer.dtype, pair.shape[1:], lambda index: Load(pair, (parity, *index)), within=pair
    )


def _advance(
    low: Lowering,
    op: Scan,
    states: Sequence[_State],
    results: Results,
    stacks: Sequence[Buffer],
    t: Symbol,
    outside: Block,
) -> None:
    """Make the new states those that the next step reads, all together."""
    moves: list[tuple[Buffer, Buffer, Index]] = []
    copies: list[tuple[Buffer, Buffer]] = []
    for state, variable in zip(states, results.states, strict=True):
        value = low.value(variable)
        buffer = state.buffer
        _same_shape(low, op, buffer.shape, value.shape)
        if not buffer.shape:
            copy = low.new("new", buffer.dtype, ())
            low.fill(copy, value.read)
            copies.append((buffer, copy))
        elif variable in results.stacks:
            stack = stacks[results.stacks.index(variable)]
            moves.append((buffer, stack, (t, *(ZERO,) * buffer.ndim)))
        else:
            if state.pair is None:
                low.fill_place(_turn(low, op, state, t, outside, value.shape), value.read)
            assert state.pair is not None
            moves.append((buffer, state.pair, (_parity(t), *(ZERO,) * buffer.ndim)))
    for state, copy in copies:
        low.place(Nest([], [Store(state, (), Load(copy, ()))]))
    for pointer, buffer, index in moves:
        low.put(Point(pointer, buffer, index))
