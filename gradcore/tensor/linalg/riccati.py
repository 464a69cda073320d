"""Riccati's equations of control, continuous and discrete, by the sign of a matrix."""

from __future__ import annotations

from typing import Any

from gradcore.graph import Variable
from gradcore.ops.decompositions import identity
from gradcore.ops.matrices import adjoint
from gradcore.tensor.elementwise import cast
from gradcore.tensor.linalg.equations import lstsq, solve
from gradcore.tensor.linalg.of_matrices import signm
from gradcore.tensor.linalg.operands import matrices
from gradcore.tensor.products import matmul
from gradcore.tensor.shapes import concatenate


def solve_continuous_are(a: Any, b: Any, q: Any, r: Any) -> Variable:
    """Return x of ``a.T @ x + x @ a - x @ b @ inv(r) @ b.T @ x + q = 0`` for which control settles.

    a, q : square matrices of one extent; b : as many rows; r : square, as many columns as ``b``.

    Transposes are those of conjugates.  Raises LinAlgError when it runs: eigenvalues of the
    Hamiltonian matrix are imaginary, so that there is no such x, or ``r`` is singular.

    J. Roberts, "Linear model reduction and solution of the algebraic Riccati equation by use of the
    sign function" (1980).

    >>> import gradcore.tensor as T
    >>> one = [[1.0]]
    >>> T.linalg.solve_continuous_are([[0.0]], one, one, one).eval().round(12).tolist()
    [[1.0]]
    """
    (a, b, q, r), dtype = matrices("solve_continuous_are", a, b, q, r)
    gain = matmul(b, solve(r, adjoint(b)))
    return cast(_of_stable(_blocks(a, -gain, -q, -adjoint(a))), dtype)


def solve_discrete_are(a: Any, b: Any, q: Any, r: Any) -> Variable:
    """Return x of ``x = a.T @ x @ a - k.T @ (r + b.T @ x @ b) @ k + q`` for which control settles.

    Here k is ``inv(r + b.T @ x @ b) @ b.T @ x @ a``.  Operands, errors and the way are those of
    `solve_continuous_are`, after Cayley's transform, which takes the disk to the half plane.

    >>> import gradcore.tensor as T
    >>> one = [[1.0]]
    >>> T.linalg.solve_discrete_are(one, one, one, one).eval().round(6).tolist()
    [[1.618034]]
    """
    (a, b, q, r), dtype = matrices("solve_discrete_are", a, b, q, r)
    gain = matmul(b, solve(r, adjoint(b)))
    one, none = identity(a), a.zeros_like()
    left = _blocks(a, none, -q, none + one)
    right = _blocks(none + one, gain, none, adjoint(a))
    return cast(_of_stable(solve(left + right, left - right)), dtype)


def _blocks(a: Variable, b: Variable, c: Variable, d: Variable) -> Variable:
    return concatenate([concatenate([a, b], -1), concatenate([c, d], -1)], -2)


def _of_stable(matrix: Variable) -> Variable:
    """Return x such that what ``[I, x]`` spans is that of eigenvalues of negative real part."""
    both = signm(matrix)
    both = both + identity(both)  # what it takes to zero
    n = both.shape[-1] // 2
    found = lstsq(both[..., n:], -both[..., :n])
    return (found + adjoint(found)) / 2
