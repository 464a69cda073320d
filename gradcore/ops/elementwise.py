"""The family of elementwise ops: one entry declares one.

An entry (`gradcore.ops.scalars`) says what a scalar function is called, what it computes on NumPy
arrays, what dtype it gives, how it moves, where it is to be tested and how well it must agree.
Everything else follows here: typing, broadcasting, kernels.

The decision: broadcasting is implicit, aligned at the last axis, and only an extent that is
*statically* 1 stretches; so ``x * 1`` is one pattern at every rank, and what a derivative must sum
over is known when the graph is built.  Rejected: Theano's explicit ``DimShuffle{x}`` around every
scalar; stretching by run-time extents, which no derivative can follow.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias, cast, final

import numpy as np

from gradcore.derive import Diagonal, Entry, Flat
from gradcore.dtypes import DTYPES, computed
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
from gradcore.graph import (
    Apply,
    Derivative,
    Kernel,
    Op,
    Operand,
    Requirement,
    Shape,
    TensorType,
    Variable,
    here,
)
from gradcore.graph.complexes import refuse_complex
from gradcore.graph.extents import UNKNOWN, Extent, broadcast, clash
from gradcore.graph.nodes import as_variable
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import NONE_NEGATIVE
from gradcore.graph.types import StaticShape
from gradcore.language import LANGUAGE, Function, define
from gradcore.ops.broadcasting import aligned, extent_check, with_check
from gradcore.ops.dtype_rules import as_given as as_given
from gradcore.ops.dtype_rules import as_result as as_result
from gradcore.ops.dtype_rules import boolean as boolean
from gradcore.ops.dtype_rules import discrete as discrete
from gradcore.ops.dtype_rules import first_as_given as first_as_given
from gradcore.ops.dtype_rules import floating as floating
from gradcore.ops.dtype_rules import floating_but_first as floating_but_first
from gradcore.ops.dtype_rules import in_common as in_common
from gradcore.ops.dtype_rules import integral as integral
from gradcore.ops.dtype_rules import numeric as numeric
from gradcore.ops.dtype_rules import promoted as promoted
from gradcore.ops.dtype_rules import promoted_but_first as promoted_but_first
from gradcore.ops.dtype_rules import real as real
from gradcore.ops.dtype_rules import second as second
from gradcore.ops.dtype_rules import signed as signed
from gradcore.ops.dtype_rules import words as words

Interval: TypeAlias = tuple[float, float]
DtypeRule: TypeAlias = Function
Code: TypeAlias = str | Mapping[str, str]

CALL = 20
"""How many operations the call of a function takes, about."""

CALLED = re.compile(r"@(\w+)")
"""A function that code in the scalar language calls (`gradcore.kernel.scalar`)."""


class Trait(enum.Enum):
    """A law that a scalar function obeys; patterns and passes quantify over traits.

    >>> entry("maximum").has(Trait.IDEMPOTENT), entry("sub").has(Trait.COMMUTATIVE)
    (True, False)
    """

    COMMUTATIVE = enum.auto()
    ASSOCIATIVE = enum.auto()
    IDEMPOTENT = enum.auto()


@functools.lru_cache(maxsize=4096)
def stretched_shape(*shapes: StaticShape) -> StaticShape | None:
    """Return the static shape of an elementwise result; None if the operands cannot align."""
    symbolic = [tuple(UNKNOWN if n is None else n for n in shape) for shape in shapes]
    if clash(*symbolic) is not None:
        return None
    return tuple(n if isinstance(n, int) else None for n in broadcast(*symbolic))


ENTRIES: dict[str, Elementwise] = {}
"""All entries, by name."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class Elementwise(Op):
    """An op that maps a scalar function over its operands, which broadcast.

    name : the word for it.
    numpy : the function on NumPy arrays (a ufunc, where there is one).
    operands : how many it takes.
    result : the rule for the dtype of the result.
    derivative : how it moves.
    doc : what it is, in a sentence.
    infix : how it prints between its operands, if it does.
    traits : laws it obeys.
    domain : an interval for each operand where it is smooth: tests draw from there.
    ulp : how many units in the last place a backend may be off.
    takes : the rule for the dtypes in which the function takes its operands, given theirs and that
        of the result.
    code : the function in the scalar language of kernels (`gradcore.kernel.scalar`), where it is
        part of that.
    expansion : the function written with other entries, which stands in for this one where a
        backend has nothing of its own for it.
    by_parts : the function of complex numbers, written with real ones: it takes a
        `gradcore.ops.parts.ComplexParts` for each operand, and returns one, or a real expression.
        What is linear, in all operands or in each, needs none.
    nonnegative : the operand, if any, of which no element may be negative where the result is an
        integer, and the message then.
    compared : an interval for each operand within which special values are compared with the
        reference, which has all digits there; none: everywhere.

    >>> row = entry("softplus")
    >>> row.code, row.result("int32"), row.numpy(np.zeros(2)).round(4)
    ('@softplus({0})', 'float64', array([0.6931, 0.6931]))
    """

    name: str
    numpy: Callable[..., Any]
    operands: int
    result: Callable[..., str]
    derivative: Derivative = field()  # pyright: ignore[reportIncompatibleVariableOverride] - given by each entry
    doc: str
    infix: str | None = None
    traits: frozenset[Trait] = frozenset()
    domain: tuple[Interval, ...] = ()
    ulp: float = 4
    takes: Callable[[Sequence[str], str], list[str]] = as_result
    code: Code | None = None
    expansion: Callable[..., Any] | None = None  # pyright: ignore[reportIncompatibleVariableOverride] - given by each entry
    nonnegative: tuple[int, str] | None = None
    by_parts: Callable[..., Any] | None = None  # pyright: ignore[reportIncompatibleVariableOverride] - given by each entry
    compared: tuple[Interval, ...] = ()

    cheap = True
    elementwise = True

    # There is one op of each name: an entry is equal to itself only.
    __hash__ = object.__hash__
    __eq__ = object.__eq__  # pyright: ignore[reportAssignmentType] - of any object

    def __post_init__(self) -> None:
        """Register the entry, and make its name a word of the language."""
        if self.name in ENTRIES:
            raise ValueError(f"there is already an elementwise op {self.name!r}")
        ENTRIES[self.name] = self
        object.__setattr__(self, "__doc__", self.doc)
        define(self.name, self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name."""
        return entry, (self.name,)

    def label(self) -> str:
        """Return the name."""
        return self.name

    def parameters(self) -> dict[str, Any]:
        """An entry has no parameters."""
        return {}

    def has(self, trait: Trait) -> bool:
        """Return whether it obeys a law."""
        return trait in self.traits

    # building -----------------------------------------------------------------------------------
    def make_node(self, *inputs: Any) -> Apply:
        """Return a node; Python numbers take a dtype that does not widen the other operands."""
        if len(inputs) != self.operands:
            raise GraphTypeError(
                f"{self.name} takes {self.operands} operands, got {len(inputs)}", here()
            )
        others = [x.type.dtype for x in inputs if isinstance(x, Variable)]
        variables = [x if isinstance(x, Variable) else as_variable(x, others) for x in inputs]
        types = [v.type for v in variables]
        try:
            dtype = self.result(*(t.dtype for t in types))
        except TypeError as error:
            given = ", ".join(f"{v} ({v.type.dtype})" for v in variables)
            raise GraphTypeError(f"{self.name} {error}, got {given}", here()) from None
        out = types[0]
        if out.dtype != dtype or any(t is not out for t in types):
            shape = stretched_shape(*(t.shape for t in types))
            if shape is None:
                self._refuse_shapes(variables)
            elif out.dtype != dtype or out.shape != shape:
                out = TensorType(dtype, shape)
        node = Apply(self, variables, [Variable(out)])
        if any(t.is_complex for t in types):
            refuse_complex(node)
        return node

    def _refuse_shapes(self, variables: Sequence[Variable]) -> NoReturn:
        given = ", ".join(f"{v} {v.type}" for v in variables)
        raise ShapeError(f"{self.name} cannot align {given}", here())

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape that all operands stretch to."""
        return broadcast(*(operand.shape for operand in operands))

    def value(self, node: Apply, operands: Sequence[Operand]) -> Any:
        """Return the value of an integer scalar, if those of the operands are known."""
        values: list[Any] = [operand.value for operand in operands]
        if node.out.ndim or not node.out.type.is_discrete or UNKNOWN in values:
            return UNKNOWN
        refused = self.refused(node)
        if refused is not None and (
            not isinstance(values[refused[0]], int) or values[refused[0]] < 0
        ):
            return UNKNOWN
        if all(isinstance(value, int) for value in values):
            if not all(-(2**63) <= value < 2**63 for value in values):
                return UNKNOWN
            with np.errstate(all="ignore"):  # it is reported where it is computed
                return int(self.numpy(*map(np.int64, values)))
        rebuilt = any(
            isinstance(value, Variable) and value is not x
            for value, x in zip(values, node.inputs, strict=True)
        )
        return self(*values) if rebuilt else UNKNOWN

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Extents that meet are equal, and no element is negative that must not be."""
        found = aligned(node, operands)
        refused = self.refused(node)
        if refused is not None:
            i, message = refused
            found.append(Requirement(NONE_NEGATIVE, (node.inputs[i],), message, GraphValueError))
        return found

    def refused(self, node: Apply) -> tuple[int, str] | None:
        """Return which operand of ``node`` must not be negative and may be, and the message."""
        if self.nonnegative is None or not node.out.type.is_discrete:
            return None
        dtype = node.inputs[self.nonnegative[0]].type.dtype
        return self.nonnegative if DTYPES[dtype].kind == "int" else None

    @functools.cached_property
    def operations(self) -> int:
        """How many operations the scalar function takes, of which `cost` counts one an element.

        One, or as many as a call takes where its code calls a function, or it is expanded.
        """
        return CALL if self.code is None or CALLED.search(str(self.code)) else 1

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return those of the scalar function for each element."""
        return super().operations_of(operands, shapes) * self.operations

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Broadcast behind the first axis."""
        rank = node.outputs[0].ndim
        aligned = (
            x.dimshuffle(0, *["x"] * (rank - v.ndim), *range(1, v.ndim + 1)) if s else x
            for x, v, s in zip(inputs, node.inputs, stacked, strict=True)
        )
        return self(*aligned)

    # meaning ------------------------------------------------------------------------------------
    def written_out(
        self, operands: Sequence[Any], result: str, cast: Callable[[Any, str], Any]
    ) -> Any:
        """Return the entry as its expansion writes it, of operands of any reader.

        result : the dtype of the result.
        cast : returns an expression of the reader, or a number, in a dtype.

        Operands come in the dtypes in which the entry takes them; the result is rounded once, as
        that of one entry is, also in a dtype that is computed in another.
        """
        assert self.expansion is not None
        taken = self.takes([x.dtype for x in operands], result)
        wide = [computed(want) for want in taken]
        found = self.expansion(*map(cast, operands, wide))
        return cast(cast(found, wide[-1]) if isinstance(found, (int, float)) else found, result)

    def expanded(self, node: Apply) -> Sequence[Any] | None:
        """Return the output of ``node`` as the expansion writes it; None: there is none."""
        if self.expansion is None:
            return None
        return [self.written_out(node.inputs, node.out.dtype, LANGUAGE["cast"])]

    def reference(self, *arrays: Any) -> Any:
        """Return the function mapped over ``arrays``."""
        return self.numpy(*arrays)

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads those that broadcast to it, where its coefficient is not zero."""
        found: dict[int, Pairs] = {}
        for i in wanted:
            at = np.broadcast_to(numbers(local.shapes[i]), local.result)
            coefficient = self._coefficient(local, i)
            found[i] = Pairs(at if coefficient is None else np.where(coefficient != 0, at, -1))
        return found

    def _coefficient(self, local: Local, i: int) -> Any:
        """Return what operand ``i`` is multiplied by, where values that are known say it.

        An op that is linear in some operands together is, of 1 and zeros for these, the
        coefficient.
        """
        node, values = local.node, local.values
        others = set(range(len(values)))
        for together in self.derivative.linear_in(node):
            rest = others - set(together)
            if i not in together or not rest or any(values[k] is None for k in rest):
                continue
            given = [
                values[k] if k in rest else np.asarray(k == i, v.dtype)
                for k, v in enumerate(node.inputs)
            ]
            with np.errstate(all="ignore"):
                return self.reference(*given)
        return None

    def kernel(self, node: Apply) -> Kernel:
        """Return the function for the dtypes of ``node``, with its run-time check of extents."""
        function = self._typed([v.type.dtype for v in node.inputs], node.out.type.dtype)
        refused = self.refused(node)
        if refused is not None:
            function = _refusing(*refused, function)
        return with_check(extent_check(node), function)

    def _typed(self, given: list[str], result: str) -> Callable[..., Any]:
        """Return the NumPy function, with conversions where NumPy would give another dtype."""
        numpy = self.numpy
        wanted = np.dtype(result)
        if isinstance(numpy, np.ufunc):
            try:
                loop = numpy.resolve_dtypes((*map(np.dtype, given), None))
            except TypeError:
                loop = ()
            if loop and loop[-1] == wanted:
                return numpy
        taken = list(map(np.dtype, self.takes(given, result)))

        def converted(*arrays: Any) -> Any:
            operands = (a.astype(dtype, copy=False) for a, dtype in zip(arrays, taken, strict=True))
            return np.asarray(numpy(*operands), dtype=wanted)

        return converted


def _refusing(i: int, message: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function``, raising GraphValueError where operand ``i`` is negative."""

    def checked(*arrays: Any) -> Any:
        if (arrays[i] < 0).any():
            raise GraphValueError(message)
        return function(*arrays)

    return checked


def entry(name: str) -> Elementwise:
    """Return the entry called ``name``.

    >>> import gradcore.tensor as T
    >>> entry("cast_int8")(T.dvector("x")).type
    TensorType(int8, vector)
    """
    return ENTRIES[name]


# builders of entries ----------------------------------------------------------------------------
def elementwise(
    name: str,
    numpy: Function | np.ufunc,
    doc: str,
    *derivative: Entry,
    result: DtypeRule = floating,
    operands: int = 1,
    infix: str | None = None,
    traits: set[Trait] | None = None,
    domain: tuple[Interval, ...] = (),
    ulp: float = 4,
    linear: tuple[tuple[int, ...], ...] = (),
    takes: Function | None = None,
    kind: Derivative | None = None,
    code: Code | None = None,
    expansion: Function | None = None,
    nonnegative: tuple[int, str] | None = None,
    by_parts: Function | None = None,
    compared: tuple[Interval, ...] = (),
) -> Elementwise:
    """Declare an entry; see `Elementwise` for the fields.

    derivative : what is declared for each operand, ``rule(t, *operands, result)``; none at all
        means piecewise constant.
    linear : the sets of operands in which it is linear, all of a set together, the others fixed.
    kind : a derivative of another kind than diagonal.

    >>> import gradcore.tensor as T
    >>> gudermannian = elementwise(
    ...     "gudermannian", lambda x: 2 * np.arctan(np.tanh(x / 2)), "2 * arctan(tanh(x / 2))",
    ...     lambda t, x, y: t / T.cosh(x), expansion=lambda x: 2 * T.arctan(T.tanh(x / 2)))
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(gudermannian(x)), x).eval({x: [0.0, np.log(2)]})
    array([1. , 0.8])
    """
    default = Diagonal(derivative, linear=linear) if derivative else Flat()
    return Elementwise(
        name,
        cast("Callable[..., Any]", numpy),
        operands,
        cast("Callable[..., str]", result),
        kind or default,
        doc,
        infix,
        frozenset(traits or ()),
        domain or ((-3.0, 3.0),) * operands,
        ulp,
        cast("Any", takes or (in_common if result is boolean else as_result)),
        code,
        cast("Any", expansion),
        nonnegative,
        cast("Any", by_parts),
        compared,
    )
