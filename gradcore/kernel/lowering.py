"""From a graph to loops: the state of a lowering, and what all rules are written with.

Each node is lowered by the rule of its op (`gradcore.kernel.rules`), which places nests in the
program, or says how to read an element of the node's output and places nothing: views cost index
arithmetic, not copies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import GradcoreError
from gradcore.graph import Apply, Constant, FunctionGraph, Op, Variable
from gradcore.graph.declaration import performs
from gradcore.graph.extents import UNKNOWN, Shape, addressable
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import symbolic_operand
from gradcore.graph.requirements import FITS
from gradcore.graph.traverse import toposort
from gradcore.kernel.bounds import MOST_ELEMENTS
from gradcore.kernel.failures import Failure, explained, no_memory, too_large
from gradcore.kernel.fusion import Block, Plain
from gradcore.kernel.ir import (
    Buffer,
    Check,
    Expr,
    Index,
    Literal,
    Load,
    Store,
    Symbol,
    as_expr,
    as_index,
    call,
    cast,
    extent_of,
    operations,
    parts,
)
from gradcore.kernel.nests import Nest
from gradcore.kernel.order import lowering_order
from gradcore.kernel.placement import Placement
from gradcore.kernel.target import Target
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.elementwise import Elementwise, entry
from gradcore.ops.gathers import has_element


class Lowering(Placement):
    """The state of a lowering.

    values : what is known of each variable.
    wanted : where results are wanted that somebody would only copy, products of matrices and
        tensors to which parts are written: what returns the place, given the shape.
    lowerings : the rules, and the functions of libraries that there are.
    target : what the program is made for.
    fallback : nodes that a function of Python computes.
    made_by : the node that each buffer was made for.
    """

    def __init__(
        self,
        graph: FunctionGraph,
        lowerings: Lowerings,
        target: Target,
        fallback: Collection[Apply] = (),
    ) -> None:
        super().__init__(target)
        self.graph = graph
        self.lowerings = lowerings
        self.target = target
        self.fallback = fallback
        self.values: dict[Variable, Value] = {}
        self.wanted: dict[Variable, Callable[[tuple[Expr, ...]], Value]] = {}
        self.inputs: list[Buffer] = []
        self.outputs: list[Buffer] = []
        self.constants: list[Buffer] = []
        self.checks: list[Failure] = []
        self._node: Apply | None = None
        self.callbacks: list[Apply] = []
        self._stored: list[dict[Value, Buffer]] = [{}]
        self._done: list[set[Hashable]] = [set()]
        self._readers: dict[Variable, Sequence[Apply]] = {}
        self._speculative: list[bool] = []
        self.made_by: dict[Buffer, Apply] = {}
        self._numbers: dict[Block, dict[Expr, Expr]] = {}
        self._checked: set[Expr] = set()

    # values -------------------------------------------------------------------------------------
    def value(self, variable: Variable) -> Value:
        """Return the elements of a variable of the graph, as lowered; constants become buffers."""
        found = self.values.get(variable)
        if found is None:
            assert isinstance(variable, Constant)
            found = self.values[variable] = self._constant(variable)
        return found

    def _constant(self, constant: Constant) -> Value:
        data = constant.data
        if not data.ndim:
            number = Literal(data.item(), constant.dtype)
            return Value(constant.dtype, (), lambda index: number)
        shape = tuple(as_expr(n) for n in data.shape)
        if data.size and (data == data.flat[0]).all():
            number = Literal(data.flat[0].item(), constant.dtype)
            return Value(constant.dtype, shape, lambda index: number)
        buffer = Buffer(
            constant.name or "constant", constant.dtype, shape, "constant", len(self.constants),
            data=np.ascontiguousarray(data),
        )  # fmt: skip
        self.constants.append(buffer)
        elements = None
        if data.ndim == 1 and data.size <= self.target.known_elements and data.dtype.kind in "iu":
            elements = tuple(Literal(int(n), "int64") for n in data)
        value = stored_value(buffer)
        value.elements = elements
        return value

    def give(self, variable: Variable, name: str) -> None:
        """Make ``variable`` the next input of the program."""
        position = len(self.inputs)
        shape: list[Expr] = []
        for axis, n in enumerate(variable.type.shape):
            extent = as_expr(n) if n is not None else Symbol(f"{name}_n{axis}")
            if isinstance(extent, Symbol):
                self.at_entry.add(extent)
            shape.append(extent)
        buffer = Buffer(name, variable.dtype, shape, "input", position)
        self.bounds.fit(shape, MOST_ELEMENTS)
        if not shape:
            self.at_entry.add(buffer)
        self.inputs.append(buffer)
        self.values[variable] = stored_value(buffer)

    def shapes(self, node: Apply) -> list[tuple[Expr, ...]]:
        """Return the shapes of the outputs of ``node``, by the rule of its op."""
        found: list[tuple[Expr, ...]] = []
        for shape, output in zip(self.known_shapes(node), node.outputs, strict=True):
            extents: list[Expr] = []
            for n, known in zip(shape, output.type.shape, strict=True):
                extents.append(self.extent(known if n is UNKNOWN and known is not None else n))
            found.append(tuple(extents))
        return found

    def known_shapes(self, node: Apply) -> Sequence[Shape]:
        """Return what the rule of its op says of the shapes of the outputs of ``node``.

        What Theano's ``infer_shape`` makes of variables of the graph is lowered as part of it.
        """
        if type(node.op).infer_shape is Op.infer_shape:
            return node.op.symbolic_shapes(node, [self.value(v).operand for v in node.inputs])
        return [tuple(map(self._lowered, shape)) for shape in node.shapes]

    def _lowered(self, n: Any) -> Any:
        """Return an extent that may be a variable as an int, an expression, or `UNKNOWN`."""
        return extent_of(as_index(self.scalar(n))) if isinstance(n, Variable) else n

    def scalar(self, variable: Variable) -> Expr:
        """Return a scalar of the graph, lowered here if it is not part of it."""
        for node in toposort([variable], stop=self.values.keys()):
            with self.of(node):
                self.rule(node)(self, node)
        return self.value(variable).read(())

    def extent(self, n: Any) -> Expr:
        """Return an extent as the expression that stands for all equal ones."""
        if n is UNKNOWN:
            raise GradcoreError("the shape rule of an op does not tell an extent")
        return self.number(as_expr(n), "extent", is_extent=True)

    def number(self, x: Expr, name: str = "number", is_extent: bool = False) -> Expr:
        """Return an integer in few operations: one that takes more is computed once, and named.

        is_extent : whether it is known not to be negative.
        """
        x = self.layout.extents.simplest(x)
        if operations(x) <= self.target.repeated_operations:
            return x
        home = self._home(x)
        known = self._numbers.setdefault(home, {})
        if x not in known:
            known[x] = Load(self._register(home, name, x, is_extent), ())
            self.bounds.define(known[x], x)
            self.layout.extents.define(known[x], x)
        return known[x]

    def number_at_entry(self, n: Any) -> Any:
        """Return an extent or `UNKNOWN` so; what only a node computes is unknown."""
        if not isinstance(n, Expr):
            return n
        return extent_of(self.number(n)) if self.known_at_entry(n) else UNKNOWN

    def _register(self, home: Block, name: str, x: Expr, is_extent: bool) -> Buffer:
        """Return a register that is set to ``x`` at the end of a block."""
        register = Buffer(name, x.dtype, ())
        register.is_extent = is_extent
        self.made_in[register] = home
        if home is self.entry:
            self.at_entry.add(register)
        else:
            self.layout.extents.note(register, depth=self.blocks.index(home) - 1)
        self.layout.add(home, Nest([], [Store(register, (), x)]))
        return register

    def _home(self, x: Expr) -> Block:
        """Return the outermost block that knows all that an integer is computed from."""
        blocks = self.blocks
        depth = 0
        for part in parts(x):
            if isinstance(part, (Symbol, Load)) and not self.known_at_entry(part):
                made = self.made_in.get(part.buffer) if isinstance(part, Load) else None
                if made not in blocks:
                    return self.block
                depth = max(depth, blocks.index(made))
        return blocks[depth]

    # placing ------------------------------------------------------------------------------------
    def new(self, name: str, dtype: str, shape: Sequence[Expr]) -> Buffer:
        """Return a new buffer of this block, after a check that an array of its shape can be."""
        self.sized(shape)
        return self.buffer(name, dtype, shape)

    def buffer(self, name: str, dtype: str, shape: Sequence[Expr]) -> Buffer:
        """Return a new buffer of a shape that is checked elsewhere."""
        found = Buffer(name, dtype, [self.layout.extents.best(n) for n in shape])
        self.made_in[found] = self.block
        if self._node is not None:
            self.made_by[found] = self._node
        self.layout.extents.note(found)
        return found

    def fill(self, buffer: Buffer, element: Callable[[Index], Expr]) -> None:
        """Store ``element(index)`` at every index of ``buffer``."""
        self.fill_place(stored_value(buffer), element)

    def fill_place(self, place: Value, element: Callable[[Index], Expr]) -> None:
        """Store ``element(index)`` at every index of a place, which may be a part of a buffer."""
        loops, index = self.ranges(place.shape)
        value = cast(element(tuple(index)), place.dtype)
        self.place(Nest(loops, [place.store(tuple(index), value)]))

    def computed(
        self, variable: Variable, shape: Sequence[Expr], element: Callable[[Index], Expr]
    ) -> None:
        """Store the elements of ``variable`` in a buffer of its own."""
        buffer = self.new(named(variable), variable.dtype, shape)
        self.fill(buffer, element)
        self.values[variable] = stored_value(buffer)

    def viewed(
        self,
        variable: Variable,
        shape: Sequence[Expr],
        element: Callable[[Index], Expr],
        of: Sequence[Value] = (),
    ) -> None:
        """Let the elements of ``variable`` be computed wherever they are read."""
        self.sized(shape)
        depth = 1 + max((value.depth for value in of), default=0)
        if depth > self.target.nested_forms:
            self.computed(variable, shape, element)
        else:
            self.values[variable] = Value(variable.dtype, tuple(shape), element, depth=depth)

    def named(self, variable: Variable, x: Expr) -> None:
        """Let ``variable``, an integer of rank 0, be ``x``."""
        found = self.number(x, named(variable))
        self.values[variable] = Value(variable.dtype, (), lambda index: found)

    def whole(self, value: Value, name: str = "copy") -> Buffer:
        """Return a buffer that holds ``value``, whole and in C order."""
        for known in (value.buffer, *(stored.get(value) for stored in self._stored)):
            if known is not None:
                return known
        buffer = self.new(name, value.dtype, value.shape)
        self.fill(buffer, value.read)
        self._stored[-1][value] = buffer
        return buffer

    @contextmanager
    def inside(self, block: Block, speculative: bool = False) -> Generator[None]:
        """Place what comes in ``block``.

        speculative : whether what is known before it may be checked there, though the block may not
            run at all: a function that fails so, with a loop of no steps, is deoptimized.
        """
        self._speculative.append(speculative)
        self._stored.append({})
        self._done.append(set())
        with self.within(block):
            yield
        self._stored.pop()
        self._done.pop()
        self._speculative.pop()

    # checks -------------------------------------------------------------------------------------
    def once(self, what: Hashable) -> bool:
        """Return whether ``what`` has not been asked before, here or around."""
        if self.done(what):
            return False
        self._done[-1].add(what)
        return True

    def done(self, what: Hashable) -> bool:
        """Return whether ``what`` has been asked before, by `once`, here or around."""
        return any(what in done for done in self._done)

    def check(self, condition: Expr, values: Sequence[Expr], failure: Failure) -> None:
        """Make the program fail unless ``condition`` holds.

        failure : called with the values then, as ints.
        """
        if isinstance(condition, Literal) and condition.value:
            return
        first = all((*self._speculative, *map(self.known_at_entry, (condition, *values))))
        if first and condition in self._checked:
            return
        statement = Check(self._failure(failure, self._node), condition, tuple(values))
        if first:
            self._checked.add(condition)
            self.layout.put(self.entry, Plain(statement, defines=True))
        else:
            self.put(statement, defines=True)

    def checking(self, condition: Expr, values: Sequence[Expr], failure: Failure) -> Check:
        """Return a check for the body of a loop, which fails at the first step where it must.

        A target must let loops fail (`Target.loops_fail`).
        """
        return Check(self._failure(failure, self._node), condition, tuple(values))

    def _failure(self, failure: Failure, node: Apply | None) -> int:
        """Return the number of what makes an exception, which tells the line of ``node``."""
        self.checks.append(failure if node is None else explained(failure, node))
        return len(self.checks) - 1

    def lacking(self, buffer: Buffer) -> int:
        """Return the number of what tells that there is no memory for ``buffer``."""
        itemsize = np.dtype(buffer.dtype).itemsize
        return self._failure(partial(no_memory, itemsize), self.made_by.get(buffer))

    def sized(self, shape: Sequence[Expr]) -> None:
        """Check that an array of this shape can be; nothing computed of it overflows then."""
        if self.bounds.fits(shape):
            return
        given = [self.layout.extents.best(n) for n in shape]
        self.check(self.addressable(given), given, too_large)
        self.bounds.fit(given)

    def addressable(self, shape: Sequence[Expr]) -> Expr:
        """Return the condition that an array of this shape can be."""
        found = addressable(tuple(map(extent_of, shape)))
        return found if isinstance(found, Expr) else Literal(found, "bool")

    def equal(self, extents: Sequence[Expr], failure: Failure) -> None:
        """Check that extents are equal; they are known to be, from here on."""
        known = [self.layout.extents.best(n) for n in extents]
        for n in known[1:]:
            if not self.layout.extents.equal(known[0], n):
                self.check(call(entry("eq"), (known[0], n), "bool"), known, failure)
                self.layout.extents.unite(known[0], n)

    # graphs -------------------------------------------------------------------------------------
    def read_once(self, variable: Variable) -> Apply | None:
        """Return the node that reads ``variable``, if one does, once; else None."""
        readers = self._readers.get(variable, ())
        return readers[0] if len(readers) == 1 else None

    def read_in_place(self, entry: Elementwise, variable: Variable) -> bool:
        """Return whether ``variable``, of ``entry``, is better computed where parts are read."""
        reader = self.read_once(variable)
        if reader is None or not variable.ndim:
            return False
        return entry.operations <= reader.op.read_in_place(reader.inputs.index(variable))

    def rule(self, node: Apply) -> Rule:
        """Return the rule that lowers ``node``: that of its op, or the call of Python."""
        if node in self.fallback or performs(node.op):
            return self.lowerings.rules[Op]
        found = self.lowerings.rule(node)
        assert found is not None, node
        return found

    def lower_all(self) -> None:
        """Lower the nodes of the graph, whose inputs have values."""
        self.lower(self.graph)

    def lower(self, graph: FunctionGraph) -> None:
        """Lower the nodes of a graph whose inputs have values."""
        self._readers.update(graph.readers)
        self._readers.update(dict.fromkeys(graph.outputs, ()))
        for node in lowering_order(graph):
            with self.of(node):
                self.rule(node)(self, node)

    @contextmanager
    def of(self, node: Apply | None) -> Generator[None]:
        """Report what is checked, and what goes wrong, as that of ``node``, if it is one."""
        outer, self._node = self._node, node
        try:
            yield
        except GradcoreError as error:
            error.where = error.where or (node and node.where)
            raise
        finally:
            self._node = outer


Rule: TypeAlias = Callable[[Lowering, Apply], None]


@dataclass(frozen=True)
class Lowerings:
    """What nodes of a backend's are lowered by.

    rules : how nodes are lowered, by the class of their op; that of `Op` runs in Python, that of
        `Extern` calls a library.
    provides : returns whether there is a function of a library.
    """

    rules: Mapping[type[Op | Extern], Rule]
    provides: Callable[[Extern], bool] = lambda _: False

    def rule(self, node: Apply) -> Rule | None:
        """Return how ``node`` is lowered: by its library, its class, or its element form."""
        kind, extern = type(node.op), node.op.extern
        if extern is not None and dtype_of(node) in extern.dtypes and self.provides(extern):
            return self.rules[Extern]
        return self.rules.get(kind, by_element if has_element(kind) else None)


def dtype_of(node: Apply) -> str:
    """Return the dtype in which a library computes a node: that of its first operand."""
    return node.inputs[0].dtype


def by_element(low: Lowering, node: Apply) -> None:
    """Lower an op that has no rule by its element form, after checking what it requires."""
    check_required(low, node)
    element_form(low, node)


def element_form(low: Lowering, node: Apply) -> None:
    """Lower an op by its element form: read in place if it is cheap, else stored."""
    op, (output,) = node.op, node.outputs
    operands = [low.value(v) for v in node.inputs]
    (shape,) = low.shapes(node)

    def element(index: Index) -> Expr:
        return as_expr(op.element(node, index, *operands))

    if op.cheap:
        low.viewed(output, shape, element, operands)
    else:
        low.computed(output, shape, element)


def check_required(low: Lowering, node: Apply) -> None:
    """Check what an op requires, but that there can be its output, which `Lowering.sized` does."""
    if type(node.op).requires is Op.requires:
        return  # nothing: its operands need not be said in the graph
    for required in node.op.requires(node, [symbolic_operand(v) for v in node.inputs]):
        if required.predicate is not FITS:
            error = required.error(required.message)
            low.check(low.scalar(required.condition), [], lambda _, error=error: error)


def named(variable: Variable) -> str:
    """Return what to call the register or buffer of a variable: its name, or that of its op."""
    if variable.name is not None:
        return variable.name
    return variable.owner.op.label() if variable.owner is not None else "x"
