"""Complex numbers and their parts, by NumPy's and Theano's names; real numbers are taken, too."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Variable, as_variable
from gradcore.language import define
from gradcore.ops import complexes
from gradcore.ops.scalars import arctan2, cos, identity, sin
from gradcore.tensor.creation import zeros_like


def real(z: Any) -> Variable:
    """Return the real part; a real number is its own.

    >>> import gradcore.tensor as T
    >>> T.real(T.exp(1j * T.constant(0.5))).eval().round(3).item()
    0.878
    """
    variable = as_variable(z)
    return complexes.real(variable) if variable.type.is_complex else variable


def imag(z: Any) -> Variable:
    """Return the imaginary part: zeros of a real number."""
    variable = as_variable(z)
    return complexes.imag(variable) if variable.type.is_complex else zeros_like(variable)


def conj(z: Any) -> Variable:
    """Return the complex conjugate; a real number is its own.

    >>> import gradcore.tensor as T
    >>> T.conj(T.constant(1 + 2j)).eval().item()
    (1-2j)
    """
    variable = as_variable(z)
    return complexes.conj(variable) if variable.type.is_complex else identity(variable)


def angle(z: Any) -> Variable:
    """Return the angle with the positive real axis, in -pi ... pi; its slope at 0 is 0.

    >>> import gradcore.tensor as T
    >>> T.angle(T.constant([1j, -1])).eval().round(3).tolist()
    [1.571, 3.142]
    """
    return arctan2(imag(z), real(z))


def complex_from_polar(size: Any, angle: Any) -> Variable:
    """Return the complex numbers of an absolute value and an angle, which are real.

    >>> import gradcore.tensor as T
    >>> T.complex_from_polar(2.0, 0.0).eval().item()
    (2+0j)
    """
    return complexes.complex(size * cos(angle), size * sin(angle))


# As methods of variables; the entries themselves take complex numbers only.
define("real_part", real)
define("imaginary_part", imag)
define("conjugate", conj)
