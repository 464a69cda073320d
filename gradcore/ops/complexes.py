"""What goes between complex numbers and their parts: the ops that read and make complex arrays.

All other functions of complex numbers are entries of `gradcore.ops.scalars`, which say with parts
what they are (`gradcore.ops.parts`): so these are all the complex arithmetic that a backend has.
"""

from __future__ import annotations

import numpy as np

from gradcore.derive import LinearInParts
from gradcore.graph.types import COMPLEX, upcast
from gradcore.language import LANGUAGE
from gradcore.ops import functions, parts
from gradcore.ops.elementwise import Elementwise, as_given, elementwise, floating
from gradcore.ops.elementwise import real as of_parts


def complex_alone(*dtypes: str) -> str:
    """Return the dtype of the operand, which must be complex."""
    if dtypes[0] not in COMPLEX:
        raise TypeError("takes complex numbers")
    return dtypes[0]


def part_alone(*dtypes: str) -> str:
    """Return the dtype of the parts of the operand, which must be complex."""
    return of_parts(complex_alone(*dtypes))


def with_parts(*dtypes: str) -> str:
    """Return the complex dtype whose parts hold both operands, which must be real."""
    dtype = floating(*dtypes)
    if dtype in COMPLEX:
        raise TypeError("takes real numbers")
    return upcast(dtype, "complex64")


# fmt: off
real = elementwise("real", functions.real_part, "the real part",
    result=part_alone, takes=as_given, ulp=0,
    kind=LinearInParts((lambda t: real(t),), back=(lambda ct: ct,)),
    code="{0}.re", by_parts=lambda z: z.real)

imag = elementwise("imag", functions.imaginary_part, "the imaginary part",
    result=part_alone, takes=as_given, ulp=0,
    kind=LinearInParts((lambda t: imag(t),),
                       back=(lambda ct: complex(LANGUAGE["zeros_like"](ct), -ct),)),
    code="{0}.im", by_parts=parts.imaginary)

conj = elementwise("conj", np.conj, "the complex conjugate",
    result=complex_alone, ulp=0,
    kind=LinearInParts((lambda t: conj(t),), back=(lambda ct: conj(ct),)),
    by_parts=parts.conjugate)

complex = elementwise("complex", functions.complex_of, "x + iy, of its real and its imaginary part",
    operands=2, result=with_parts, takes=parts.as_parts, ulp=0,
    kind=LinearInParts(
        (lambda t: complex(t, LANGUAGE["zeros_like"](t)),
         lambda t: complex(LANGUAGE["zeros_like"](t), t)),
        back=(lambda ct: real(ct), lambda ct: -imag(ct))),
    code="@complex({0}, {1})", by_parts=lambda x, y: parts.ComplexParts(x.real, y.real))
# fmt: on

__all__ = [name for name, value in globals().items() if isinstance(value, Elementwise)]  # pyright: ignore[reportUnsupportedDunderAll] - entries are found, not listed
