"""The form of a statement: what is left of it without the registers, buffers and numbers it has.

Two statements of one form do the same to what they work on.  `CanonicalForm` finds it, with what is
left out in the order of the text; `Copied` makes the same statements of other registers and
buffers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gradcore.kernel.allocation import Allocate
from gradcore.kernel.calls import Strided
from gradcore.kernel.expressions import Buffer, Call, Expr, Literal, Load, Symbol
from gradcore.kernel.statements import Chunks, Reduction, Statement
from gradcore.kernel.uses import inside, made_by

PARTS = (Statement, Reduction, Chunks, Strided)
"""What statements are made of, beside expressions, buffers and tuples."""

PLACES = frozenset(("index", "first", "shape", "steps", "operands"))
"""Parts of statements that are numbers which no loop needs to know."""

LINEAR = frozenset(("add", "sub"))
"""Ops that may be applied to a number of any value and an index."""

SMOOTH = frozenset(("add", "sub", "mul", "lt", "gt", "le", "ge"))
"""Ops that take as long whatever a float is, and whether or not it is known."""


def is_free(x: Literal, free: bool, large: int) -> bool:
    """Return whether a number may differ.

    free : whether any number may that stands there.
    large : so large integers may anywhere.
    """
    return free or (x.dtype == "int64" and abs(x.value) >= large)


def frees(x: Call, free: bool) -> bool:
    """Return whether the numbers among the operands of an entry may differ; ``free``: its own."""
    if x.dtype == "int64":
        return free and x.op.name in LINEAR
    return x.op.name in SMOOTH and x.operands[0].dtype.startswith("float")


def check_of(part: Any) -> Literal | None:
    """Return the number of the check that tells of memory that a statement asks for and lacks."""
    if isinstance(part, Allocate):
        check = part.buffer.lacking
    elif isinstance(part, Reduction) and isinstance(part.target, Buffer):
        check = part.target.lacking
    else:
        return None
    return Literal(check, "int64") if isinstance(check, int) else None


class CanonicalForm:
    """The form of a statement.

    key : equal for statements of the same form.
    size : how much there is in it: operations, elements and numbers.
    objects : the registers and buffers that it uses or makes, in the order of their text.
    known : these, as a set.
    literals : the numbers that may differ, in that order.
    made, sets : what it declares, or those in it do; and what they set beside that.
    """

    __slots__ = ("_large", "_tokens", "key", "known", "literals", "made", "objects", "sets", "size")

    def __init__(self, s: Statement, large: int) -> None:
        self._large = large
        self._tokens: list[Any] = []
        self.known: dict[Symbol | Buffer, int] = {}
        self.literals: list[Literal] = []
        self._part(s)
        self.key = tuple(self._tokens)
        self.size = len(self.key)
        self.objects = list(self.known)
        self.made = made_by([s])
        self.sets = {x for inner in inside([s]) for x in inner.changes()}

    def _part(self, part: Any) -> None:
        add = self._tokens.append
        add(type(part))
        for name in part.__match_args__:
            self._value(getattr(part, name), name in PLACES)
        number = check_of(part)
        if number is not None:
            self.literals.append(number)

    def _value(self, value: Any, free: bool = False) -> None:
        if isinstance(value, Expr):
            self._expression(value, free)
        elif isinstance(value, Buffer):
            self._buffer(value)
        elif isinstance(value, (tuple, list)):
            several = cast("Sequence[Any]", value)
            self._tokens.append(len(several))
            for x in several:
                self._value(x, free)
        elif isinstance(value, PARTS):
            self._part(value)
        else:
            self._tokens.append(value)

    def _expression(self, x: Expr, free: bool) -> None:
        add = self._tokens.append
        if isinstance(x, Call):
            add(x.op)
            add(x.dtype)
            inner = frees(x, free)
            for y in x.operands:
                self._expression(y, inner)
        elif isinstance(x, Load):
            add(Load)
            self._buffer(x.buffer)
            for y in x.index:
                self._expression(y, True)
        elif isinstance(x, Symbol):
            self._object(x.final)
        elif isinstance(x, Literal):
            add(x.dtype)
            if is_free(x, free, self._large):
                self.literals.append(x)
            else:
                add(repr(x.value))

    def _object(self, x: Symbol | Buffer) -> bool:
        """Note a register or buffer; return whether it is new."""
        number = self.known.get(x)
        if number is not None:
            self._tokens.append(number)
            return False
        self._tokens.append(len(self.known))
        self._tokens.append(x.dtype)
        self.known[x] = len(self.known)
        return True

    def _buffer(self, b: Buffer) -> None:
        if not self._object(b):
            return
        fixed = b.role in ("input", "constant")
        pointer = b.role == "pointer"
        self._tokens.append((len(b.shape), fixed, pointer, b.is_extent, b.alias is None))
        for n in b.shape:
            self._expression(n, False)
        if b.alias is not None:
            self._buffer(b.alias)
        elif fixed and not b.shape:
            self._tokens.append(b.role)


class Copied:
    """Statements with parameters in the place of what they work on.

    new : the parameter for each register or buffer, and the copies of all other buffers.
    numbers : the parameters for numbers, and in ``places`` where these are.
    """

    def __init__(
        self,
        taken: Sequence[Symbol | Buffer],
        differing: Mapping[int, tuple[Literal, ...]],
        large: int,
    ) -> None:
        self.new: dict[Any, Any] = {
            x: Symbol(x.name, x.dtype) for x in taken if isinstance(x, Symbol)
        }
        self._large = large
        self._place = 0
        self._seen: set[Buffer] = set()
        by_value: dict[tuple[Literal, ...], list[int]] = {}
        for place, values in differing.items():
            by_value.setdefault(values, []).append(place)
        self.places = list(by_value.values())
        self.numbers = [Symbol("number", values[0].dtype) for values in by_value]
        self._number = {
            k: x for x, places in zip(self.numbers, self.places, strict=True) for k in places
        }

    def parameter(self, x: Symbol | Buffer) -> Any:
        """Return the parameter for a register or buffer."""
        return self.new[x]

    def statement(self, s: Statement) -> Any:
        """Return a copy of a statement; the statements of a run are asked for in their order."""
        self._seen = set()
        return self._part(s)

    def _part(self, part: Any) -> Any:
        values = [self._value(getattr(part, name), name in PLACES) for name in part.__match_args__]
        made = type(part)(*values)
        number = check_of(part)
        if number is not None:
            code = self._literal(number)
            buffer = made.buffer if isinstance(made, Allocate) else made.target
            buffer.lacking = code.value if isinstance(code, Literal) else code
        return made

    def _value(self, value: Any, free: bool = False) -> Any:
        if isinstance(value, Expr):
            return self._expression(value, free)
        if isinstance(value, Buffer):
            return self._buffer(value)
        if isinstance(value, (tuple, list)):
            several = cast("Sequence[Any]", value)
            made = [self._value(x, free) for x in several]
            return made if isinstance(value, list) else tuple(made)
        return self._part(value) if isinstance(value, PARTS) else value

    def _expression(self, x: Expr, free: bool) -> Expr:
        if isinstance(x, Call):
            inner = frees(x, free)
            return Call(x.op, tuple(self._expression(y, inner) for y in x.operands), x.dtype)
        if isinstance(x, Load):
            buffer = self._buffer(x.buffer)
            return Load(buffer, tuple(self._expression(y, True) for y in x.index))
        if isinstance(x, Symbol):
            return self.new.get(x.final, x.final)
        if isinstance(x, Literal) and is_free(x, free, self._large):
            return self._literal(x)
        return x

    def _literal(self, x: Literal) -> Expr:
        self._place += 1
        return self._number.get(self._place - 1, x)

    def _buffer(self, b: Buffer) -> Buffer:
        if b in self._seen:
            return self.new[b]
        self._seen.add(b)
        shape = [self._expression(n, False) for n in b.shape]
        alias = None if b.alias is None else self._buffer(b.alias)
        if b not in self.new:
            role = "work" if b.role == "output" else b.role
            made = Buffer(b.name, b.dtype, shape, role, b.position, alias, b.data)
            made.whole, made.is_extent = b.whole, b.is_extent
            self.new[b] = made
        return self.new[b]
