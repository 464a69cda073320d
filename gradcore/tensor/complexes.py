"""Complex numbers and their parts, by NumPy's and Theano's names; real numbers are taken, too."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Variable, as_variable
from gradcore.language import define
from gradcore.ops import complexes, scalars
from gradcore.ops.scalars import arctan2, cos, eq, identity, neq, sin
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
    """Return the imaginary part: zeros of a real number.

    >>> import gradcore.tensor as T
    >>> T.imag([1 + 2j, 3]).eval().tolist()
    [2.0, 0.0]
    """
    variable = as_variable(z)
    return complexes.imag(variable) if variable.type.is_complex else zeros_like(variable)


def sign(z: Any) -> Variable:
    """Return -1, 0 or 1: the sign; of a complex number ``z / abs(z)``, and 0 of 0, as NumPy 2.

    >>> import gradcore.tensor as T
    >>> T.sign([3 + 4j, 0]).eval().round(3).tolist()
    [(0.6+0.8j), 0j]
    """
    variable = as_variable(z)
    if not variable.type.is_complex:
        return scalars.sign(variable)
    size = scalars.abs(variable)
    return variable / scalars.switch(eq(size, 0), 1, size)


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


def iscomplexobj(x: Any) -> bool:
    """Return whether the dtype is complex: a Python bool, known while the graph is built.

    >>> import gradcore.tensor as T
    >>> T.iscomplexobj(T.zvector("x")), T.iscomplexobj([1.0])
    (True, False)
    """
    return as_variable(x).type.is_complex


def isrealobj(x: Any) -> bool:
    """Return whether the dtype is not complex: a Python bool.

    >>> import gradcore.tensor as T
    >>> T.isrealobj(T.zvector("x")), T.isrealobj([1.0])
    (False, True)
    """
    return not iscomplexobj(x)


def isreal(x: Any) -> Variable:
    """Return element by element whether the imaginary part is 0.

    >>> import gradcore.tensor as T
    >>> T.isreal(T.constant([1 + 0j, 2j])).eval().tolist()
    [True, False]
    """
    return eq(imag(x), 0)


def iscomplex(x: Any) -> Variable:
    """Return element by element whether the imaginary part is not 0.

    >>> import gradcore.tensor as T
    >>> T.iscomplex([1 + 2j, 3]).eval().tolist()
    [True, False]
    """
    return neq(imag(x), 0)
