"""What is known of a tensor before it has a value: its dtype, its rank, and some extents.

The decision: an extent is an int or None, a static 1 broadcasts, and nothing else does.  Rank and
dtype are always known, so one graph serves every shape and no node is ever retyped at run time.
Rejected: Theano's separate broadcast pattern, which says less; types of other things than
tensors, which nothing here needs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np

from gradcore.dtypes import COMPLEX as COMPLEX
from gradcore.dtypes import DISCRETE as DISCRETE
from gradcore.dtypes import DTYPES
from gradcore.dtypes import FLOATS as FLOATS
from gradcore.dtypes import SIGNED as SIGNED
from gradcore.dtypes import UNSIGNED as UNSIGNED
from gradcore.errors import GraphTypeError
from gradcore.graph.array_likes import Array as Array
from gradcore.graph.array_likes import array_of, is_python, widest
from gradcore.graph.location import here
from gradcore.language import listed

StaticShape: TypeAlias = tuple[int | None, ...]

RANK_NAMES: Mapping[StaticShape, str] = {
    (): "scalar",
    (None,): "vector",
    (1, None): "row",
    (None, 1): "col",
    (None, None): "matrix",
    (None,) * 3: "3D",
    (None,) * 4: "4D",
    (None,) * 5: "5D",
}


@functools.cache
def canonical_dtype(dtype: Any) -> str:
    """Return the NumPy name of ``dtype``, or raise if gradcore has no such tensors."""
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        known = ", ".join(DTYPES)
        raise GraphTypeError(f"there are no tensors of dtype {name!r}", fix=f"dtypes: {known}")
    return name


@functools.cache
def holds(dtype: str, source: str) -> bool:
    """Return whether ``dtype`` has every value of ``source`` (NumPy's safe casts round).

    >>> holds("float64", "int32"), holds("float64", "int64"), holds("int16", "uint8")
    (True, False, True)
    """
    if source == "bool" or dtype == source:
        return True
    if dtype in COMPLEX:
        return holds(DTYPES[dtype].part, DTYPES[source].part)
    if dtype == "bool" or source in COMPLEX:
        return False
    if source in FLOATS:
        return dtype in FLOATS and FLOATS.index(source) <= FLOATS.index(dtype)
    low, high = DTYPES[source].limits
    if dtype in FLOATS:
        return high.bit_length() <= np.finfo(dtype).nmant + 1
    lowest, highest = DTYPES[dtype].limits
    return lowest <= low and high <= highest


def whole_number(x: Any) -> int | None:
    """Return a Python or NumPy integer as an int; None for anything else (booleans included)."""
    return int(x) if isinstance(x, (int, np.integer)) and not isinstance(x, bool) else None  # pyright: ignore[reportUnknownArgumentType] - of any width


@functools.cache
def upcast(*dtypes: str) -> str:
    """Return the smallest dtype that holds all ``dtypes``, as NumPy promotes arrays.

    >>> upcast("int8", "float32")
    'float32'
    """
    return np.result_type(*map(np.dtype, dtypes)).name


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A dtype and a shape as far as it is known: which arrays may be a tensor's value.

    `gradcore.graph.TensorType` is one that makes variables, too.
    """

    dtype: str
    shape: StaticShape = ()

    def __post_init__(self) -> None:
        """Check the dtype and the extents."""
        object.__setattr__(self, "dtype", canonical_dtype(self.dtype))
        if type(self.shape) is not tuple:
            object.__setattr__(self, "shape", tuple(self.shape))
        for extent in self.shape:
            if extent is not None and (type(extent) is not int or extent < 0):
                object.__setattr__(self, "shape", static_shape(self.shape))
                break

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """For each axis, whether it broadcasts: whether its extent is known to be 1."""
        return tuple(extent == 1 for extent in self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype in FLOATS

    @property
    def is_complex(self) -> bool:
        """Whether the elements are complex numbers."""
        return self.dtype in COMPLEX

    @property
    def is_inexact(self) -> bool:
        """Whether the elements are floating-point numbers, real or complex."""
        return not self.is_discrete

    @property
    def is_discrete(self) -> bool:
        """Whether the elements are integers or booleans."""
        return self.dtype in DISCRETE

    def with_dtype(self, dtype: str) -> Self:
        """Return this type with another dtype."""
        return self if dtype == self.dtype else type(self)(dtype, self.shape)

    def __str__(self) -> str:
        """Return the type as Theano prints it."""
        name = RANK_NAMES.get(self.shape)
        if name is None:
            extents = ("?" if extent is None else str(extent) for extent in self.shape)
            name = f"({', '.join(extents)}{',' if self.ndim == 1 else ''})"
        return f"TensorType({self.dtype}, {name})"

    __repr__ = __str__

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Return whether an array of this concrete ``shape`` is of this type."""
        return len(shape) == len(self.shape) and all(
            known is None or known == extent
            for known, extent in zip(self.shape, shape, strict=True)
        )

    def includes(self, other: ArrayType) -> bool:
        """Return whether every value of type ``other`` is of this type too."""
        return (
            self.dtype == other.dtype
            and len(self.shape) == len(other.shape)
            and all(a is None or a == b for a, b in zip(self.shape, other.shape, strict=True))
        )

    def accepts(self, other: ArrayType) -> bool:
        """Return whether a variable of type ``other`` may stand for one of this type.

        Known extents must not contradict one another, and what broadcasts here must there too.
        """
        return (
            self.dtype == other.dtype
            and len(self.shape) == len(other.shape)
            and all(
                a == b or a is None or (b is None and a != 1)
                for a, b in zip(self.shape, other.shape, strict=True)
            )
        )

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Array:
        """Return ``value`` as an array of this type.

        Python numbers (alone or in lists) take the dtype if it can hold them; they have no
        precision of their own, so 0.1 is welcome as a float32.  Arrays are converted only if
        nothing can be lost, unless ``allow_downcast``; with ``strict`` not at all.

        Raises TypeError: wrong dtype, rank or static extent, said in words without a subject.
        """
        array = _as_array(value)
        if array.dtype.name != self.dtype:
            array = self._converted(array, value, strict, allow_downcast)
        self.check_shape(array.shape)
        return array

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise TypeError, in words without a subject: not the shape of an array of this type."""
        if len(shape) != len(self.shape):
            raise TypeError(
                f"expects {_ranks(len(self.shape))}, got {_ranks(len(shape))} (shape {shape})"
            )
        if not self.admits(shape):
            raise TypeError(f"expects shape {_shown(self.shape)}, got {shape}")

    def _converted(
        self, array: Array, value: Any, strict: bool, allow_downcast: bool | None
    ) -> Array:
        """Return ``array`` in this dtype, or raise TypeError."""
        dtype = np.dtype(self.dtype)
        wide = widest(array)
        if wide is not None and self.dtype in FLOATS and not strict:
            return in_floats(array, self.dtype)
        if wide is not None:
            raise TypeError(f"expects {self.dtype}: {too_wide(wide)}")
        if strict:
            raise TypeError(f"is strict and expects {self.dtype}, got {array.dtype}")
        if np.can_cast(array.dtype, dtype, "safe") or allow_downcast:
            return array.astype(dtype)
        if allow_downcast is None and is_python(value):
            if dtype.kind == "f" and array.dtype.kind in "iuf":
                return array.astype(dtype)
            if dtype.kind == "c":
                return array.astype(dtype)
            if dtype.kind in "iu" and array.dtype.kind in "iu":
                bounds = np.iinfo(dtype)
                if array.size == 0 or bounds.min <= array.min() <= array.max() <= bounds.max:
                    return array.astype(dtype)
        if array.size == 0 and is_python(value):
            return array.astype(dtype)
        raise TypeError(
            f"expects {self.dtype}, got {array.dtype}, which it cannot hold without loss; "
            "convert the value, or allow it with allow_input_downcast=True"
        )


def too_wide(value: int) -> str:
    """Return what is wrong with a Python int that no dtype holds, without a subject."""
    shown = str(value) if value.bit_length() < MOST_BITS_SHOWN else "a number"
    return f"{shown} takes {value.bit_length()} bits, and an integer has 64 at most"


MOST_BITS_SHOWN = 128
"""How long an int may be for a message to show its digits."""


def in_floats(array: Array, dtype: str) -> Array:
    """Return Python ints as floats; TypeError, in words without a subject, if one is too large."""
    try:
        return array.astype("float64").astype(dtype)
    except OverflowError:
        raise TypeError("has an int that is larger than any float64") from None


def _as_array(value: Any) -> Array:
    if hasattr(value, "owner"):
        raise TypeError(f"expects a value, got the symbolic variable {value}")
    return array_of(value)


def _ranks(ndim: int) -> str:
    return "a scalar" if ndim == 0 else f"{ndim} axis" if ndim == 1 else f"{ndim} axes"


def _shown(shape: StaticShape) -> str:
    return "(" + ", ".join("?" if n is None else str(n) for n in shape) + ")"


def listed_types(given: Any, name: str) -> list[Any]:
    """Return types, one or a list of them, as a list.

    name : of what they are given to.

    Raises GraphTypeError: one has no dtype or no shape.
    """
    types = listed(given)
    for t in types:
        if not (hasattr(t, "dtype") and hasattr(t, "shape")):
            raise GraphTypeError(f"{name} takes types, such as T.dmatrix, not {t!r}", here())
    return types


def static_shape(shape: Iterable[Any]) -> StaticShape:
    """Return ``shape`` as ints and None; Theano's broadcast patterns are understood too.

    >>> static_shape([3, None, True, False])
    (3, None, 1, None)
    """
    extents: list[int | None] = []
    for extent in shape:
        if extent is None or extent is False:
            extents.append(None)
        elif extent is True:
            extents.append(1)
        elif (known := whole_number(extent)) is not None and known >= 0:
            extents.append(known)
        else:
            raise GraphTypeError(
                f"a static shape is made of ints >= 0 and None, not {extent!r}",
                fix="use None for an extent that is not known",
            )
    return tuple(extents)
