"""ONNX as an array library: tensors without elements, and functions of them that emit nodes.

A kernel computes with these as with arrays; what it calls is written into the *block* that is
open: the graph of a model, or one inside a loop or a choice, which reads what is outside of it.

The decision: constants are initializers of the outermost graph, each once, so that a model has
them in one place.  An operator that lacks a dtype, by ONNX's specification or in onnxruntime, is
computed in another one that holds all of its values (`DETOURS`), so that kernels need not know.
Rejected: onnxscript, a second dependency for what is here one function, `emit`.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import UnsupportedError
from gradcore.graph import Array
from gradcore_onnx.library import TYPES, accepts, helper

SMALL = 64
"""Constants of so many elements are compared by what they hold, larger ones by identity."""

_SMALL = {"bool": "uint8", "int16": "int32", "uint16": "int32"}
_NARROW = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32"}
_ORDERED = {**_SMALL, "uint32": "int64"}

_DETOURS: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("Where",): {**_SMALL, "uint64": "int64"},
    ("Max", "Min", "Pad"): _SMALL,
    ("Less", "LessOrEqual", "Greater", "GreaterOrEqual"): {"bool": "uint8"},
    ("ReduceSum", "ReduceProd", "MatMul"): _NARROW,
    ("ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "TopK"): _ORDERED,
    ("CumSum",): {**_NARROW, "uint32": "int64", "uint64": "int64"},
    ("ScatterElements", "ScatterND"): {"bool": "uint8"},
}

DETOURS = {operator: table for operators, table in _DETOURS.items() for operator in operators}
"""In which dtype an operator is computed that lacks one; results are cast back."""


# tensors ----------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of a graph of ONNX, or a constant.

    dtype : by NumPy's name.
    ndim : the rank.
    name : what its graph calls it; empty: it is a constant.
    data : the elements of a constant.
    """

    dtype: str
    ndim: int
    name: str = ""
    data: Array | None = None

    @property
    def kind(self) -> str:
        """NumPy's letter of its kind of numbers."""
        return np.dtype(self.dtype).kind

    def __add__(self, other: Operand) -> Tensor:
        """Return the sum."""
        return emit("Add", self, other)

    def __radd__(self, other: Operand) -> Tensor:
        """Return the sum."""
        return emit("Add", other, self)

    def __sub__(self, other: Operand) -> Tensor:
        """Return the difference."""
        return emit("Sub", self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        """Return the difference."""
        return emit("Sub", other, self)

    def __mul__(self, other: Operand) -> Tensor:
        """Return the product."""
        return emit("Mul", self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        """Return the product."""
        return emit("Mul", other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        """Return the quotient; that of integers is cut off."""
        return emit("Div", self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        """Return the quotient."""
        return emit("Div", other, self)

    def __neg__(self) -> Tensor:
        """Return the negative."""
        return emit("Neg", self) if self.kind in "if" else 0 - self

    def __lt__(self, other: Operand) -> Tensor:
        """Return where it is less."""
        return emit("Less", self, other, dtype="bool")

    def __le__(self, other: Operand) -> Tensor:
        """Return where it is at most that."""
        return emit("LessOrEqual", self, other, dtype="bool")

    def __gt__(self, other: Operand) -> Tensor:
        """Return where it is greater."""
        return emit("Greater", self, other, dtype="bool")

    def __ge__(self, other: Operand) -> Tensor:
        """Return where it is at least that."""
        return emit("GreaterOrEqual", self, other, dtype="bool")

    def __and__(self, other: Operand) -> Tensor:
        """Return what holds in both; of integers, the bits."""
        return emit("And" if self.dtype == "bool" else "BitwiseAnd", self, other)

    def __or__(self, other: Operand) -> Tensor:
        """Return what holds in one; of integers, the bits."""
        return emit("Or" if self.dtype == "bool" else "BitwiseOr", self, other)

    def __xor__(self, other: Operand) -> Tensor:
        """Return what holds in one only; of integers, the bits."""
        return emit("Xor" if self.dtype == "bool" else "BitwiseXor", self, other)

    def __invert__(self) -> Tensor:
        """Return what does not hold; of integers, the other bits."""
        return emit("Not" if self.dtype == "bool" else "BitwiseNot", self)


Operand: TypeAlias = Tensor | int | float
"""What an operator takes; a number is of the dtype of the tensors beside it."""


def constant(value: Any, dtype: str | None = None) -> Tensor:
    """Return a constant; what a float16 cannot be is infinite."""
    with np.errstate(over="ignore"):
        data = np.asarray(value, dtype)
    return Tensor(data.dtype.name, data.ndim, data=data)


def integers(*values: int) -> Tensor:
    """Return a constant vector of integers, as axes and extents are given."""
    return constant(np.array(values, "int64"))


# blocks -----------------------------------------------------------------------------------------
@dataclass
class Store:
    """What all blocks of a model have in common: names and constants.

    taken : the names that are in use.
    constants : initializers, by what they hold.
    source : what the nodes are emitted for: a name, and the line of the user's program.
    """

    taken: set[str] = field(default_factory=set[str])
    constants: dict[Any, tuple[str, Array]] = field(default_factory=dict[Any, "tuple[str, Array]"])
    source: tuple[str, str] = ("", "")
    _count: Any = field(default_factory=itertools.count)

    def new(self, like: str) -> str:
        """Return a name that is not taken, and take it."""
        found = like
        while found in self.taken:
            found = f"{like}_{next(self._count)}"
        self.taken.add(found)
        return found

    def constant(self, data: Array) -> str:
        """Return the name of a constant."""
        small = data.size <= SMALL
        key = (data.dtype.name, data.shape, data.tobytes()) if small else id(data)
        if key not in self.constants:
            self.constants[key] = self.new("constant"), data
        return self.constants[key][0]


@dataclass
class Block:
    """A graph that is being written.

    store : what it has in common with those around and within it.
    nodes : what is written.
    """

    store: Store = field(default_factory=Store)
    nodes: list[Any] = field(default_factory=list[Any])

    def named(self, tensor: Tensor) -> str:
        """Return the name of a tensor."""
        return tensor.name or self.store.constant(tensor.data)  # pyright: ignore[reportArgumentType] - a constant has one

    def graph(
        self, name: str, inputs: Sequence[Any], outputs: Sequence[Any], initializers: Any = ()
    ) -> Any:
        """Return the graph: inputs and outputs are declarations (`declared`)."""
        return helper.make_graph(self.nodes, name, inputs, outputs, list(initializers))


_OPEN: ContextVar[Block] = ContextVar("the block that nodes are written into")


@contextmanager
def opened(block: Block) -> Generator[Block]:
    """Write what is emitted into ``block``."""
    token = _OPEN.set(block)
    try:
        yield block
    finally:
        _OPEN.reset(token)


def here() -> Block:
    """Return the block that is open."""
    return _OPEN.get()


def inner() -> Block:
    """Return a block inside of the one that is open."""
    return Block(here().store)


def fresh(dtype: str, ndim: int, like: str = "x") -> Tensor:
    """Return a new tensor: one that a block takes."""
    return Tensor(dtype, ndim, here().store.new(like))


def declared(tensor: Tensor, shape: Iterable[int | str | None] | None = None) -> Any:
    """Return the declaration of an input or output; extents may be unknown, or have a name."""
    known = [None] * tensor.ndim if shape is None else list(shape)
    return helper.make_tensor_value_info(tensor.name, TYPES[tensor.dtype], known)


# nodes ------------------------------------------------------------------------------------------
def emit_all(
    operator: str,
    operands: Sequence[Operand | None],
    results: Sequence[tuple[str, int]],
    **attributes: Any,
) -> list[Tensor]:
    """Write a node; return its results.

    operands : None: one that may be omitted is.
    results : dtype and rank of each.

    Raises UnsupportedError: the operator takes no such dtype.
    """
    block = here()
    given = [x if x is None else as_tensor(x, operands) for x in operands]
    for k, x in enumerate(given):
        if x is not None and not accepts(operator, k, x.dtype):
            raise UnsupportedError(f"ONNX's {operator} takes no {x.dtype}")
    label, where = block.store.source
    found = [Tensor(d, n, block.store.new(operator.lower())) for d, n in results]
    block.nodes.append(
        helper.make_node(
            operator,
            ["" if x is None else block.named(x) for x in given],
            [x.name for x in found],
            name=block.store.new(f"{label}:{operator}" if label else operator),
            doc_string=where or None,
            **attributes,
        )
    )
    return found


def as_tensor(x: Operand, others: Sequence[Operand | None]) -> Tensor:
    """Return an operand as a tensor; a number is of the dtype of the last tensor beside it."""
    if isinstance(x, Tensor):
        return x
    dtype = next(y.dtype for y in reversed(others) if isinstance(y, Tensor))
    return constant(x, dtype)


def emit(
    operator: str,
    *operands: Operand | None,
    dtype: str | None = None,
    ndim: int | None = None,
    **attributes: Any,
) -> Tensor:
    """Write a node with one result, and return that.

    dtype : by default that of the first operand that is a tensor.
    ndim : by default the largest rank of the operands.
    """
    given = [None if x is None else as_tensor(x, operands) for x in operands]
    first = operator == "Where"
    taken = next(x.dtype for x in given[first:] if x is not None)
    wide = DETOURS.get(operator, {}).get(taken)
    if wide is not None:
        given = [
            cast(x, wide) if x is not None and k >= first and x.dtype == taken else x
            for k, x in enumerate(given)
        ]
    rank = max(x.ndim for x in given if x is not None) if ndim is None else ndim
    (found,) = emit_all(operator, given, [(dtype or wide or taken, rank)], **attributes)
    return cast(found, dtype or taken)


# words ------------------------------------------------------------------------------------------
def cast(x: Tensor, dtype: str) -> Tensor:
    """Return a tensor in a dtype, as ONNX casts."""
    if x.dtype == dtype:
        return x
    if x.data is not None:
        with np.errstate(all="ignore"):
            return constant(x.data.astype(dtype))
    return emit("Cast", x, dtype=dtype, to=TYPES[dtype])


def equal(x: Tensor, y: Operand) -> Tensor:
    """Return where both are equal."""
    return emit("Equal", x, y, dtype="bool")


def where(condition: Tensor, x: Operand, y: Operand) -> Tensor:
    """Return ``x`` where the condition holds, else ``y``."""
    return emit("Where", condition, x, y)


def is_nan(x: Tensor) -> Tensor:
    """Return where a float is no number."""
    return emit("IsNaN", x, dtype="bool")


def shape_of(x: Tensor) -> Tensor:
    """Return the extents, as a vector."""
    return emit("Shape", x, dtype="int64", ndim=1)


def extent(x: Tensor, axis: int) -> Tensor:
    """Return one extent, as a scalar."""
    axis %= x.ndim
    found = emit("Shape", x, dtype="int64", ndim=1, start=axis, end=axis + 1)
    return squeeze(found, 0)


def vector(scalars: Sequence[Tensor], dtype: str = "int64") -> Tensor:
    """Return a vector of scalars."""
    if all(x.data is not None for x in scalars):
        return constant(np.array([x.data for x in scalars], dtype).reshape(len(scalars)))
    return concatenate([unsqueeze(cast(x, dtype), 0) for x in scalars], 0)


def concatenate(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Return tensors one after the other along an axis."""
    return tensors[0] if len(tensors) == 1 else emit("Concat", *tensors, axis=axis)


def squeeze(x: Tensor, *axes: int) -> Tensor:
    """Return a tensor without axes, whose extents are 1."""
    return emit("Squeeze", x, integers(*axes), ndim=x.ndim - len(axes)) if axes else x


def unsqueeze(x: Tensor, *axes: int) -> Tensor:
    """Return a tensor with new axes: these are of the result."""
    return emit("Unsqueeze", x, integers(*axes), ndim=x.ndim + len(axes)) if axes else x


def transpose(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return a tensor with its axes in another order."""
    return x if list(axes) == list(range(x.ndim)) else emit("Transpose", x, perm=list(axes))


def reshape(x: Tensor, shape: Tensor, ndim: int) -> Tensor:
    """Return the elements in a shape; an extent of -1 is what is left, one of 0 is 0."""
    return emit("Reshape", x, shape, ndim=ndim, allowzero=1)


def flat(x: Tensor) -> Tensor:
    """Return the elements as a vector."""
    return emit("Reshape", x, integers(-1), ndim=1)


def expand(x: Tensor, shape: Tensor, ndim: int) -> Tensor:
    """Return a tensor that is stretched to a shape."""
    return emit("Expand", x, shape, ndim=ndim)


def gather(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """Return the parts at indices along an axis, in the place of which their axes are."""
    return emit("Gather", x, indices, ndim=x.ndim - 1 + indices.ndim, axis=axis)


def arange(n: Operand) -> Tensor:
    """Return the integers from 0 on."""
    return emit("Range", integer(0), as_tensor(n, [integer(0)]), integer(1), ndim=1)


def integer(value: int) -> Tensor:
    """Return a constant scalar of int64."""
    return constant(np.int64(value))


def reduced(operator: str, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return what is left of a tensor when axes are reduced."""
    rank = x.ndim - len(axes)
    return emit(operator, x, integers(*axes), ndim=rank, keepdims=0, noop_with_empty_axes=1)


def any_of(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return whether a condition holds somewhere along axes, which vanish."""
    return reduced("ReduceSum", cast(x, "int64"), axes) > 0


def checked(x: Tensor, condition: Tensor) -> Tensor:
    """Return ``x`` if a condition, a scalar, holds; else it is an error when the model runs.

    By an index that is out of bounds then, which ONNX says is an error; it has no assertion.
    """
    return gather(unsqueeze(x, 0), where(condition, integer(0), integer(1)))
