"""Products with sparse matrices: loops over rows, around loops from where each starts.

The pattern is checked once, before anything else where it is an input: so the loops need no checks,
and no index counts from the end.  Columns alone are checked in a product with a vector, where loops
can fail: to read all indices once more takes a third of the time of the product.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.dtypes import computed
from gradcore.errors import GraphIndexError, ShapeError
from gradcore.graph import Apply
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Expr,
    Index,
    Literal,
    Load,
    Reduction,
    Statement,
    Store,
    Symbol,
    as_index,
    call,
    cast,
)
from gradcore.kernel.lowering import Lowering, named
from gradcore.kernel.nests import Kind, Nest, Range
from gradcore.kernel.rules.reduce import reducing
from gradcore.kernel.values import Value, stored_value
from gradcore.ops.elementwise import entry
from gradcore.ops.sparse_patterns import Compressed, ill_formed, out_of_columns

ADD, AND, EQ, GE, LT, MAXIMUM, MINIMUM, MUL, OR = map(
    entry, ("add", "and_", "eq", "ge", "lt", "maximum", "minimum", "mul", "or_")
)

UNSIGNED = {"int32": "uint32", "int64": "uint64", "uint32": "uint32", "uint64": "uint64"}
"""In which dtype indices are compared: negative ones are beyond all others in it."""


class _Rows:
    """The rows of a pattern: what the loops over it are made of.

    count : how many there are.
    """

    def __init__(self, low: Lowering, node: Apply) -> None:
        assert isinstance(node.op, Compressed)
        self.low = low
        self.node = node
        self.given = node.op.pattern_of(node.inputs)
        self.indices, self.starts = (stored_value(low.whole(low.value(v))) for v in self.given)
        low.check(
            call(GE, (self.starts.shape[0], ONE), "bool"),
            [],
            lambda ns: ShapeError(f"{node.op}: {self.given[1]} must have an element", node.where),
        )
        self.count = low.extent(self.starts.shape[0] - ONE)

    def same(self, extents: Sequence[Expr], what: str) -> None:
        """Check that extents are equal."""
        self.low.equal(
            extents,
            lambda ns: ShapeError(f"{self.node.op}: {what}: {ns[0]} and {ns[1]}", self.node.where),
        )

    def check(self, columns: Expr | None) -> None:
        """Check that it is a pattern, of a matrix with so many columns, or any number."""
        self._check_starts()
        if columns is not None:
            self._check_indices(columns)

    def _check_starts(self) -> None:
        """Check that rows begin at 0, end with the indices, and do not descend."""
        low, starts, stored = self.low, self.starts, self.indices.shape[0]
        if not low.once(("starts", starts.buffer or starts, stored)):
            return
        with low.early([starts.read((ZERO,)), stored]):
            least = low.new("least", "int64", ())
            loop = Range(Symbol("i"), self.count)
            step = self.start(loop.symbol + ONE) - self.start(loop.symbol)
            combined = call(MINIMUM, (Load(least, ()), step), "int64")
            low.place(reducing([loop], least, (), combined, MINIMUM, ZERO))
            ends = self.start(ZERO), self.start(self.count)
            whole = call(EQ, (ends[0], ZERO), "bool"), call(EQ, (ends[1], stored), "bool")
            good = call(
                AND, (call(AND, whole, "bool"), call(GE, (Load(least, ()), ZERO), "bool")), "bool"
            )
            low.check(
                good,
                [stored, *ends, Load(least, ())],
                lambda ns: GraphIndexError(ill_formed(*ns), self.node.where),
            )

    def _check_indices(self, columns: Expr) -> None:
        """Check that indices are columns: the largest one is, without their signs."""
        low, indices = self.low, self.indices
        if not low.once(("columns", indices.buffer or indices, columns)):
            return
        dtype = UNSIGNED.get(indices.dtype, "uint64")
        with low.early([indices.read((ZERO,)), columns]):
            highest = low.new("highest", dtype, ())
            loop = Range(Symbol("k"), indices.shape[0])
            index = indices.read((loop.symbol,))
            combined = call(MAXIMUM, (Load(highest, ()), cast(index, dtype)), dtype)
            low.place(reducing([loop], highest, (), combined, MAXIMUM, Literal(0, dtype)))
            last = as_index(cast(Load(highest, ()), indices.dtype))
            inside = call(
                AND, (call(GE, (last, ZERO), "bool"), call(LT, (last, columns), "bool")), "bool"
            )
            nothing = call(EQ, (indices.shape[0], ZERO), "bool")
            low.check(
                call(OR, (nothing, inside), "bool"),
                [last, columns],
                lambda ns: GraphIndexError(out_of_columns(*ns), self.node.where),
            )

    def checked(self, place: Expr, columns: Expr) -> list[Statement]:
        """Return what makes a loop over elements fail at the first one whose column is not there.

        Where loops cannot fail, or the indices are checked already, it is nothing: they are checked
        before.  An element is read for its product as well, so that this costs no other pass.
        """
        low, indices = self.low, self.indices
        if not low.target.loops_fail or low.done(("columns", indices.buffer or indices, columns)):
            self._check_indices(columns)
            return []
        index = self.column(place)
        inside = call(LT, (cast(index, "uint64"), cast(columns, "uint64")), "bool")
        return [
            low.checking(
                inside,
                [index, columns],
                lambda ns: GraphIndexError(out_of_columns(*ns), self.node.where),
            )
        ]

    def start(self, row: Expr) -> Expr:
        """Return where a row starts, an int64."""
        return as_index(self.starts.read((row,)))

    def loops(self) -> tuple[Range, Range, Expr]:
        """Return the loop over rows, that over the elements of one, and the place of an element."""
        outer = Range(Symbol("row"), self.count)
        first = self.start(outer.symbol)
        inner = Range(Symbol("j"), self.start(outer.symbol + ONE) - first)
        return outer, inner, first + inner.symbol

    def column(self, place: Expr) -> Expr:
        """Return the column of an element, an int64."""
        return as_index(self.indices.read((place,)))


def _dense(low: Lowering, value: Value) -> Value:
    """Return an operand that is read at indices: it is stored."""
    return stored_value(low.whole(value))


def _columns(low: Lowering, x: Value) -> tuple[list[Range], list[Expr]]:
    """Return the loop over the columns of a dense operand, none for a vector."""
    return low.ranges(x.shape[1:], "c")


def _times(x: Expr, y: Expr, dtype: str) -> Expr:
    return call(AND if dtype == "bool" else MUL, (cast(x, dtype), cast(y, dtype)), dtype)


def _plus(x: Expr, y: Expr, dtype: str) -> Expr:
    return call(OR if dtype == "bool" else ADD, (x, y), dtype)


def row_numbers(low: Lowering, node: Apply) -> None:
    """Store the number of each row where its elements are."""
    rows = _Rows(low, node)
    rows.check(None)
    result = low.new(named(node.out), node.out.dtype, rows.indices.shape)
    low.values[node.out] = stored_value(result)
    outer, inner, place = rows.loops()
    outer.kind = inner.kind = Kind.ORDERED
    low.place(Nest([outer, inner], [Store(result, (place,), cast(outer.symbol, result.dtype))]))


def sparse_dot(low: Lowering, node: Apply) -> None:
    """Sum up products of the elements of a row with what stands in their columns."""
    data, x = low.value(node.inputs[0]), _dense(low, low.value(node.inputs[3]))
    rows = _Rows(low, node)
    rows.same([data.shape[0], rows.indices.shape[0]], "elements and indices")
    rows.check(None if x.ndim == 1 else x.shape[0])
    dtype = computed(node.out.dtype)
    outer, inner, place = rows.loops()
    more, columns = _columns(low, x)
    checks = [] if more else rows.checked(place, x.shape[0])
    index: Index = (outer.symbol, *columns)
    result = low.new(named(node.out), dtype, (rows.count, *x.shape[1:]))
    term = _times(data.read((place,)), x.read((rows.column(place), *columns)), dtype)
    total = _plus(Load(result, index), term, dtype)
    start = Literal(False if dtype == "bool" else 0, dtype)
    inner.kind = Kind.REDUCE
    low.place(
        Nest(
            [outer, inner, *more],
            [*checks, Store(result, index, total)],
            [Store(result, index, start)],
            [Reduction(result, None)],
        )
    )
    if more:
        _returned(low, node, stored_value(result))
        return
    # the sum of a row is in a register, of which the output is made in the same loop
    low.computed(node.out, result.shape, lambda i: cast(Load(result, i), node.out.dtype))


def sparse_transposed_dot(low: Lowering, node: Apply) -> None:
    """Add the products of the elements of a row to what stands in their columns."""
    data, x = low.value(node.inputs[0]), low.value(node.inputs[3])
    columns_of = low.extent(low.value(node.inputs[4]).operand.extent)
    rows = _Rows(low, node)
    low.check(
        call(GE, (columns_of, ZERO), "bool"),
        [columns_of],
        lambda ns: ShapeError(f"{node.op}: there cannot be {ns[0]} columns", node.where),
    )
    rows.same([data.shape[0], rows.indices.shape[0]], "elements and indices")
    rows.same([x.shape[0], rows.count], "rows of the matrix and of its operand")
    rows.check(None if x.ndim == 1 else columns_of)
    dtype = computed(node.out.dtype)
    result = low.new(named(node.out), dtype, (columns_of, *x.shape[1:]))
    zero = Literal(False if dtype == "bool" else 0, dtype)
    low.fill(result, lambda index: zero)
    outer, inner, place = rows.loops()
    more, columns = _columns(low, x)
    checks = [] if more else rows.checked(place, columns_of)
    at = (rows.column(place), *columns)
    term = _times(data.read((place,)), x.read((outer.symbol, *columns)), dtype)
    outer.kind = inner.kind = Kind.ORDERED
    added = Store(result, at, _plus(Load(result, at), term, dtype))
    low.place(Nest([outer, inner, *more], [*checks, added]))
    _returned(low, node, stored_value(result))


def sampled_dot(low: Lowering, node: Apply) -> None:
    """Sum up, for each element, products of a row of one operand with a row of the other."""
    x, y = low.value(node.inputs[0]), _dense(low, low.value(node.inputs[3]))
    rows = _Rows(low, node)
    rows.same([x.shape[0], rows.count], "rows of the matrix and of its operand")
    if y.ndim > 1:
        rows.same([x.shape[1], y.shape[1]], "the inner extents")
    rows.check(y.shape[0])
    dtype = computed(node.out.dtype)
    outer, inner, place = rows.loops()
    more, columns = _columns(low, y)
    result = low.new(named(node.out), dtype, rows.indices.shape)
    term = _times(x.read((outer.symbol, *columns)), y.read((rows.column(place), *columns)), dtype)
    outer.kind = inner.kind = Kind.ORDERED
    if y.ndim == 1:
        low.place(Nest([outer, inner], [Store(result, (place,), term)]))
    else:
        zero = Literal(False if dtype == "bool" else 0, dtype)
        low.fill(result, lambda index: zero)
        for loop in more:
            loop.kind = Kind.ORDERED
        total = _plus(Load(result, (place,)), term, dtype)
        low.place(Nest([outer, inner, *more], [Store(result, (place,), total)]))
    _returned(low, node, stored_value(result))


def _returned(low: Lowering, node: Apply, value: Value) -> None:
    """Let the output be a value in its own dtype."""
    output = node.out
    low.values[output] = value
    if value.dtype != output.dtype:
        low.computed(output, value.shape, lambda i: cast(value.read(i), output.dtype))
