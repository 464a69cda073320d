"""The dtypes: a row each, which says all that differs from one to another.

Whoever needs to know something of a dtype asks its row, so that a new one is a row and whatever
arithmetic it needs.  What follows from kind and bits is computed, not declared.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True, kw_only=True)
class DType:
    """What is known of a dtype.

    name : NumPy's name.
    kind, bits : what its numbers are, and how much memory one takes.
    ctype : its type in C; empty: generated code does not have it.
    code : what stands for it in the names of generated functions, as in ``gc_exp_f64``; a boolean
        is a byte, 0 or 1, as NumPy stores it.
    libm : what C's own functions of it end in; None: it has none.
    computed : the dtype that arithmetic on it is done in, rounded after every operation.
    accumulator : the dtype of sums and products of it, as in NumPy.
    part : the dtype of the real and the imaginary part of complex numbers; of others, itself.
    multiplied : the dtype in which many of its numbers are multiplied, and added where lanes have
        no vectors.
    higher : the NumPy dtype that judges it in tests.
    step, slope_tolerance : of differences that a derivative is compared with, and how near it is.
    agreement : how near two ways to compute a value are.
    exchanged : the code of the dtype in which CUDA's threads of a warp exchange it.
    atomic : the type of the same bits to which CUDA's threads add; empty: its own.
    """

    name: str
    kind: Literal["bool", "int", "uint", "float", "complex"]
    bits: int
    ctype: str = ""
    code: str = ""
    libm: str | None = None
    computed: str
    accumulator: str
    multiplied: str
    part: str = ""
    higher: str = ""
    step: float = 0
    slope_tolerance: float = 0
    agreement: float = 1e-7
    exchanged: str = "i32"
    atomic: str = ""

    def __post_init__(self) -> None:
        """A number that is not complex is its own real part."""
        object.__setattr__(self, "part", self.part or self.name)

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are integers (booleans are not)."""
        return self.kind in ("int", "uint")

    @property
    def is_discrete(self) -> bool:
        """Whether its numbers are integers or booleans."""
        return self.is_whole or self.kind == "bool"

    @functools.cached_property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest of integers or booleans."""
        if self.kind == "bool":
            return 0, 1
        found = np.iinfo(self.name)
        return int(found.min), int(found.max)


def _integer(kind: Literal["int", "uint"], bits: int) -> DType:
    name = f"{kind}{bits}"
    return DType(
        name=name,
        kind=kind,
        bits=bits,
        ctype=f"{name}_t",
        code=f"{kind[0]}{bits}",
        computed=name,
        accumulator=f"{kind}64",
        multiplied=name,
        exchanged="i64" if bits == 64 else "i32",
        atomic="unsigned long long" if bits == 64 else "",
    )


def _complex(part: DType) -> DType:
    """Return the row of the complex numbers whose parts are ``part``."""
    bits = 2 * part.bits
    name = f"complex{bits}"
    return DType(
        name=name,
        kind="complex",
        bits=bits,
        ctype=f"gc_c{bits}",
        code=f"c{bits}",
        computed=name,
        accumulator=name,
        multiplied=name,
        part=part.name,
        higher="clongdouble" if part.higher == "longdouble" else "complex128",
        step=part.step,
        slope_tolerance=part.slope_tolerance,
        agreement=part.agreement,
    )


_SINGLE, _DOUBLE = (
    DType(
        name="float32", kind="float", bits=32, ctype="float", code="f32", libm="f",
        computed="float32", accumulator="float32", multiplied="float64", higher="float64",
        step=1e-2, slope_tolerance=2e-2, agreement=1e-3, exchanged="f32",
    ),
    DType(
        name="float64", kind="float", bits=64, ctype="double", code="f64", libm="",
        computed="float64", accumulator="float64", multiplied="float64", higher="longdouble",
        step=1e-6, slope_tolerance=1e-5, exchanged="f64",
    ),
)  # fmt: skip


ROWS = (
    DType(
        name="bool", kind="bool", bits=8, ctype="uint8_t", code="u8",
        computed="bool", accumulator="int64", multiplied="bool",
    ),
    *(_integer("int", bits) for bits in (8, 16, 32, 64)),
    *(_integer("uint", bits) for bits in (8, 16, 32, 64)),
    DType(
        name="float16", kind="float", bits=16, ctype="_Float16", code="f16",
        computed="float32", accumulator="float16", multiplied="float64", higher="float64",
        step=5e-2, slope_tolerance=1e-1, agreement=1e-3, exchanged="f32",
    ),
    _SINGLE,
    _DOUBLE,
    *map(_complex, (_SINGLE, _DOUBLE)),
)  # fmt: skip
"""The dtypes, those of a kind from the narrowest to the widest."""

DTYPES: dict[str, DType] = {row.name: row for row in ROWS}
"""The rows by name."""


def names(*kinds: str) -> tuple[str, ...]:
    """Return the names of the dtypes of some kinds."""
    return tuple(row.name for row in ROWS if row.kind in kinds)


FLOATS = names("float")
SIGNED = names("int")
UNSIGNED = names("uint")
DISCRETE = ("bool", *SIGNED, *UNSIGNED)
COMPLEX = names("complex")
NARROW_FLOATS = tuple(row.name for row in ROWS if row.multiplied != row.name)


def wrapped(value: int) -> int:
    """Return an integer as an int64 holds it, modulo 2**64.

    >>> wrapped(2**63), wrapped(-1)
    (-9223372036854775808, -1)
    """
    return (value + 2**63) % 2**64 - 2**63


def computed(dtype: str) -> str:
    """Return the dtype that arithmetic on ``dtype`` is done in; of one that has no row, itself.

    >>> computed("float16"), computed("int8")
    ('float32', 'int8')
    """
    row = DTYPES.get(dtype)  # none for a long double, in which references are judged
    return dtype if row is None else row.computed
