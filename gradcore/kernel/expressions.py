"""The expressions of the loop IR, scalars, and the buffers that they load from.

They are written in the tensor language, of which `Expr` is one more reader: the shape rule of an
op, read with extents that are expressions, says how to compute a shape at run time.  Arithmetic on
indices is simplified as it is written.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.dtypes import wrapped
from gradcore.graph.extents import UNKNOWN, Unknown
from gradcore.graph.literals import literal_dtype
from gradcore.graph.types import FLOATS
from gradcore.language import Operators
from gradcore.ops.elementwise import Elementwise, entry

Index: TypeAlias = "tuple[Expr, ...]"


# expressions ------------------------------------------------------------------------------------
class Expr(Operators):
    """A scalar (abstract).

    dtype : its dtype.

    >>> n = Symbol("n")
    >>> (n + 1) * 2, n * 2 - n * 2, (n + 3) - 1
    (mul(add(n, 1), 2), 0, add(n, 2))
    """

    __slots__ = ("dtype",)

    dtype: str

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Expr | Unknown:
        """Return ``op`` applied to scalars; Python numbers take the dtype of this one.

        Where it cannot hold them (a float beside a condition, in a choice), they take that of
        another operand, or the one that they have in a graph.  An unknown extent absorbs ``op``.
        """
        for a in arguments:
            if a is UNKNOWN:
                return UNKNOWN
        operands = [a if isinstance(a, Expr) else self._beside(a, arguments) for a in arguments]
        return call(op, operands, op.result(*[x.dtype for x in operands]))

    def _beside(self, number: Any, arguments: tuple[Any, ...]) -> Literal:
        real = isinstance(number, float)
        if self.dtype != "bool" and (not real or self.dtype in FLOATS):
            return Literal(number, self.dtype)
        others = [x.dtype for x in arguments if isinstance(x, Expr)]
        wide = [dtype for dtype in others if dtype in FLOATS or not (real or dtype == "bool")]
        return Literal(number, wide[0] if wide else literal_dtype(number, others))


class Literal(Expr):
    """A number.

    value : it, as a Python number.

    >>> Literal(0.5, "float32"), Literal(2, "int64") * 3
    (0.5, 6)
    """

    __match_args__ = ("value",)
    __slots__ = ("value",)

    def __init__(self, value: Any, dtype: str) -> None:
        self.value = value
        self.dtype = dtype

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same number (as NaN is)."""
        return isinstance(other, Literal) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash the dtype and the number, so that equal literals have one hash."""
        return hash(self._key())

    def _key(self) -> tuple[str, str]:
        return self.dtype, repr(self.value)

    def __repr__(self) -> str:
        """Return the number."""
        return repr(self.value)


class Symbol(Expr):
    """A register: the index of a loop, an extent, or a scalar that a statement sets.

    While a graph is lowered, all are indices and extents: none is negative.

    name : what to call it, not necessarily unique.

    >>> Symbol("i") < Symbol("n")
    lt(i, n)
    """

    __slots__ = ("name", "same")

    def __init__(self, name: str, dtype: str = "int64") -> None:
        self.name = name
        self.dtype = dtype
        self.same: Symbol | None = None

    @property
    def final(self) -> Symbol:
        """The register that it stands for: the index of the loop into which its own was fused."""
        found = self
        while found.same is not None:
            found = found.same
        return found

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


class Load(Expr):
    """The element of a buffer at an index, which has an integer expression for each axis.

    >>> i = Symbol("i")
    >>> Load(Buffer("x", "float64", (Symbol("n"),)), (i + 1,)) * 2
    mul(x[add(i, 1)], 2)
    """

    __match_args__ = ("buffer", "index")
    __slots__ = ("buffer", "index")

    def __init__(self, buffer: Buffer, index: Index) -> None:
        self.buffer = buffer
        self.index = index
        self.dtype = buffer.dtype

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same element."""
        return isinstance(other, Load) and self.buffer is other.buffer and self.index == other.index

    def __hash__(self) -> int:
        """Hash the buffer and the index."""
        return hash((id(self.buffer), self.index))

    def __repr__(self) -> str:
        """Return it in the notation of ``print(program)``."""
        return f"{self.buffer}[{', '.join(map(repr, self.index))}]"


class Call(Expr):
    """An elementwise op applied to scalars, with a result in ``dtype``.

    >>> Call(entry("exp"), (Symbol("t", "float32"),), "float32")
    exp(t)
    """

    __match_args__ = ("op", "operands")
    __slots__ = ("_hash", "op", "operands")

    def __init__(self, op: Elementwise, operands: tuple[Expr, ...], dtype: str) -> None:
        self.op = op
        self.operands = operands
        self.dtype = dtype
        self._hash = hash((op, operands))

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same op of the same operands."""
        return self is other or (
            isinstance(other, Call)
            and self._hash == other._hash
            and self.op is other.op
            and self.dtype == other.dtype
            and self.operands == other.operands
        )

    def __hash__(self) -> int:
        """Hash the op and the operands."""
        return self._hash

    def __repr__(self) -> str:
        """Return it in the notation of ``print(program)``."""
        return f"{self.op.name}({', '.join(map(repr, self.operands))})"


def integer(value: int) -> Literal:
    """Return a number as an int64, the dtype of indices and extents."""
    return Literal(value, "int64")


ZERO, ONE = integer(0), integer(1)


def as_expr(value: Any) -> Expr:
    """Return an extent (an int or an expression) as an expression."""
    return value if isinstance(value, Expr) else integer(max(min(int(value), 2**63 - 1), -(2**63)))


def extent_of(value: Expr) -> Any:
    """Return an expression as an extent: an int, if it is a number."""
    return value.value if isinstance(value, Literal) else value


# arithmetic on indices --------------------------------------------------------------------------
def call(op: Elementwise, operands: Sequence[Expr], dtype: str) -> Expr:
    """Return ``op`` of ``operands``; arithmetic on indices is simplified.

    An op without code is what its expansion makes of ``operands``.
    """
    if op.code is None and op.expansion is not None:
        return op.written_out(operands, dtype, _converted)
    found = None
    if dtype in EXACT:
        dtypes = {x.dtype for x in operands}
        if "int64" in dtypes and dtypes & NARROW:
            operands = [
                cast(x, "int64") if x.dtype in NARROW and isinstance(x, Literal) else x
                for x in operands
            ]
            dtypes = {x.dtype for x in operands}
        if dtypes <= EXACT:
            found = _simpler(op, operands, dtype)
    return Call(op, tuple(operands), dtype) if found is None else cast(found, dtype)


EXACT = frozenset(("int64", "bool"))
"""The dtypes in which expressions are simplified."""

NARROW = frozenset(("int8", "int16", "int32", "uint8", "uint16", "uint32"))
"""The integers that int64 holds: a literal of such a dtype is taken as int64 beside one."""


def _simpler(op: Elementwise, operands: Sequence[Expr], dtype: str) -> Expr | None:
    for x in operands:
        if not isinstance(x, Literal):
            rule = SIMPLER.get(op.name)
            return None if rule is None else rule(*operands)
    return Literal(_folded(op, operands), dtype)


def _folded(op: Elementwise, operands: Sequence[Any]) -> Any:
    values = [np.asarray(x.value, x.dtype) for x in operands]
    with np.errstate(all="ignore"):
        return np.asarray(op.numpy(*values)).item()


def _number(x: Expr) -> int | None:
    return x.value if isinstance(x, Literal) else None


def _wrapped(value: int) -> Literal:
    """Return a number as an int64, in which sums of numbers wrap."""
    return integer(wrapped(value))


def _sum(x: Expr, y: Expr) -> Expr | None:
    if isinstance(x, Literal):
        x, y = y, x
    if isinstance(y, Literal):
        if y.value == 0:
            return x
        if isinstance(x, Call) and x.op.name in ("add", "sub"):
            a, b = x.operands
            if isinstance(b, Literal):
                return a + _wrapped(y.value + (b.value if x.op.name == "add" else -b.value))
    if isinstance(x, Call) and x.op.name == "sub" and x.operands[1] == y:
        return x.operands[0]
    return None


def _difference(x: Expr, y: Expr) -> Expr | None:
    if isinstance(y, Literal):
        return x + _wrapped(-y.value) if y.value else x
    if x == y:
        return ZERO
    if isinstance(x, Call) and x.op.name == "add" and y in x.operands:
        return x.operands[1 - x.operands.index(y)]
    if isinstance(y, Call) and y.op.name == "sub" and y.operands[0] == x:
        return y.operands[1]
    return None


def _product(x: Expr, y: Expr) -> Expr | None:
    if isinstance(x, Literal):
        x, y = y, x
    if isinstance(y, Literal) and y.value in (0, 1):
        return x if y.value else ZERO
    return None


def _quotient(x: Expr, y: Expr) -> Expr | None:
    if _number(y) == 1:
        return x
    if isinstance(x, Call) and x.op.name == "mul" and isinstance(y, Literal) and y.value:
        for a, b in (x.operands, x.operands[::-1]):
            if _number(b) == y.value and never_negative(a):
                return a
    return None


def never_negative(x: Expr) -> bool:
    """Return whether an integer is known to be 0 or more, while a graph is lowered."""
    match x:
        case Literal(value):
            return value >= 0
        case Load(buffer):
            return buffer.is_extent
        case Call(op, operands):
            if op.name == "maximum":
                return any(map(never_negative, operands))
            return op.name in ("add", "mul", "int_div", "minimum") and all(
                map(never_negative, operands)
            )
        case _:
            return isinstance(x, Symbol)


def _larger(x: Expr, y: Expr) -> Expr | None:
    for a, b in ((x, y), (y, x)):
        number = _number(b)
        if number is not None and number <= 0 and never_negative(a):
            return a
    return _same(x, y)


def _less(x: Expr, y: Expr) -> Expr | None:
    number = _number(y)
    if number is not None and number <= 0 and never_negative(x):
        return Literal(False, "bool")
    return None


def _at_least(x: Expr, y: Expr) -> Expr | None:
    if x == y:
        return Literal(True, "bool")
    number = _number(y)
    if number is not None and number <= 0 and never_negative(x):
        return Literal(True, "bool")
    return None


def _equal(x: Expr, y: Expr) -> Expr | None:
    return Literal(True, "bool") if x == y else None


def _unchanged(x: Expr) -> Expr | None:
    return x if x.dtype == "int64" else None


def _same(x: Expr, y: Expr) -> Expr | None:
    return x if x == y else None


def _choice(c: Expr, x: Expr, y: Expr) -> Expr | None:
    if isinstance(c, Literal):
        return x if c.value else y
    return x if x == y else None


SIMPLER: dict[str, Callable[..., Expr | None]] = {
    "add": _sum,
    "sub": _difference,
    "mul": _product,
    "int_div": _quotient,
    "minimum": _same,
    "maximum": _larger,
    "lt": _less,
    "ge": _at_least,
    "eq": _equal,
    "switch": _choice,
    "cast_int64": _unchanged,
    "identity": _unchanged,
}
"""Laws of arithmetic on integers, by op: a simpler expression, or None."""


def cast(x: Expr, dtype: str) -> Expr:
    """Return ``x`` in ``dtype``."""
    if x.dtype == dtype:
        return x
    if isinstance(x, Literal):
        with np.errstate(all="ignore"):
            return Literal(np.asarray(x.value, x.dtype).astype(dtype).item(), dtype)
    return call(entry(f"cast_{dtype}"), (x,), dtype)


def _converted(x: Expr | complex, dtype: str) -> Expr:
    """Return an expression or a number in ``dtype``."""
    return cast(x if isinstance(x, Expr) else Literal(x, dtype), dtype)


def as_index(x: Expr) -> Expr:
    """Return an integer in int64: as an extent or index it is what it is, or too large as well."""
    if x.dtype != "uint64":
        return cast(x, "int64")
    largest = Literal(2**63 - 1, "uint64")
    if isinstance(x, Literal):
        return integer(min(x.value, largest.value))
    return cast(call(entry("minimum"), (x, largest), "uint64"), "int64")


def product(extents: Sequence[Expr]) -> Expr:
    """Return the product of extents, 1 for none: how many elements a buffer of that shape has."""
    if not extents:
        return ONE
    found = extents[0]
    for extent in extents[1:]:
        found = found * extent
    return found


def position_of(buffer: Buffer, index: Index) -> Expr:
    """Return which element of a buffer's memory is at ``index``."""
    found: Expr = ZERO
    for n, i in zip(buffer.shape, index, strict=True):
        found = found * n + i
    return found


def identity_of(combining: Elementwise, dtype: str) -> Literal:
    """Return the number that leaves another as it is when an op combines them.

    >>> identity_of(entry("minimum"), "float32"), identity_of(entry("mul"), "int8")
    (inf, 1)
    """
    if combining.name in ("maximum", "minimum") and dtype != "bool":
        largest = combining.name == "minimum"
        if dtype in FLOATS:
            return Literal(float("inf") if largest else -float("inf"), dtype)
        info = np.iinfo(dtype)
        return Literal(int(info.max if largest else info.min), dtype)
    one = combining.name in ("mul", "and_", "minimum")
    return Literal(np.dtype(dtype).type(one).item(), dtype)


# buffers ----------------------------------------------------------------------------------------
_numbers = itertools.count()


class Buffer:
    """Memory for an array, in C order.

    name : what to call it, not necessarily unique.
    dtype, shape : of the array.
    role : "input", "constant", "output", "work", or "pointer": what another buffer holds, as a
        statement says.
    position : which input, constant or output it is.
    whole : whether all of it must exist at once: something that is no loop reads or writes it.
    alias : the buffer whose memory it is, seen in another shape.
    root : the buffer that has the memory: itself, or that of ``alias``.
    data : the value of a constant, an array.
    is_extent : whether it is a number that is never negative.
    lacking : which of the program's checks tells that there is no memory for it, if any does; in a
        procedure, an expression.

    >>> Buffer("x", "float64", (integer(2), Symbol("n"))).shape
    (2, n)
    """

    __slots__ = (
        "__weakref__", "alias", "data", "dtype", "is_extent", "lacking", "name", "number",
        "position", "role", "root", "shape", "whole",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        dtype: str,
        shape: Sequence[Expr],
        role: str = "work",
        position: int = 0,
        alias: Buffer | None = None,
        data: Any = None,
    ) -> None:
        self.name = name
        self.dtype = dtype
        self.shape = tuple(shape)
        self.role = role
        self.position = position
        self.whole = False
        self.alias = alias
        self.root: Buffer = self if alias is None else alias.root
        self.data = data
        self.is_extent = False
        self.lacking: int | Expr | None = None
        self.number = next(_numbers)

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    def __repr__(self) -> str:
        """Return the name."""
        return self.name
