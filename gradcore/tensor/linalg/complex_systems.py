"""Equations with complex matrices, written with real ones of twice the extent.

``[[Re, -Im], [Im, Re]]`` multiplies real and imaginary parts as the complex matrix multiplies
numbers, and its inverse has the same form: so real factors, their errors and their derivatives
serve on every backend.  Rejected: factors of complex numbers, an op more on each, of half the
operations.
"""

from __future__ import annotations

from collections.abc import Callable

from gradcore.graph import Variable
from gradcore.graph.nodes import extents_of
from gradcore.ops.complexes import complex as complex_of
from gradcore.tensor.complexes import imag, real
from gradcore.tensor.shapes import concatenate


def as_real(a: Variable) -> Variable:
    """Return the real matrix of a complex one, of twice its extents; stacks too."""
    re, im = real(a), imag(a)
    return concatenate([concatenate([re, -im], -1), concatenate([im, re], -1)], -2)


def solved(solve: Callable[[Variable, Variable], Variable], a: Variable, b: Variable) -> Variable:
    """Return x of ``a @ x = b``, of which one is complex, by a solver of real equations."""
    if not a.type.is_complex:
        return complex_of(solve(a, real(b)), solve(a, imag(b)))
    axis = -1 if b.ndim == 1 else -2
    found = solve(as_real(a), concatenate([real(b), imag(b)], axis))
    n = extents_of(b)[axis]
    if axis == -1:
        return complex_of(found[..., :n], found[..., n:])
    return complex_of(found[..., :n, :], found[..., n:, :])


def inverted(inverse: Callable[[Variable], Variable], a: Variable) -> Variable:
    """Return the inverse of a complex matrix, by a function that inverts real ones."""
    found, n = inverse(as_real(a)), extents_of(a)[-1]
    return complex_of(found[..., :n, :n], found[..., n:, :n])
