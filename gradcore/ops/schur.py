"""Sylvester's equations, square roots and logarithms of matrices: functions by Schur's form.

They are functions of LAPACK on NumPy and C; square roots and logarithms run in Python on C and
CUDA.  Elsewhere there is no Schur form: Sylvester's equations are those of all elements at once, a
square root is that of an iteration, and for logarithms JAX and torch call the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Reverse
from gradcore.errors import LinAlgError, ShapeError
from gradcore.graph import Apply, Array, Operand, Requirement, Shape, Variable
from gradcore.graph.extents import Extent, product
from gradcore.graph.externs import Extern
from gradcore.graph.nodes import extents_of
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import all_equal
from gradcore.language import LANGUAGE
from gradcore.ops.control import Assert
from gradcore.ops.create import Arange
from gradcore.ops.decompositions import identity
from gradcore.ops.factors import Solve
from gradcore.ops.inverses import Inverse
from gradcore.ops.matrices import (
    STACK,
    TAKEN,
    Attempt,
    OfSquares,
    check_square,
    dominated,
    failure,
    library,
    refuse_others,
    singular,
    transposed,
    with_nan,
)


# Sylvester's equations --------------------------------------------------------------------------
def kronecker(x: Variable, y: Variable) -> Variable:
    """Return the Kronecker products of the matrices of two stacks of one rank."""
    axes = range(x.ndim - 2)
    m, n = x.ndim - 2, x.ndim - 1
    left, right = x.dimshuffle(*axes, m, "x", n, "x"), y.dimshuffle(*axes, "x", m, "x", n)
    *stack, p, q, r, s = extents_of(left * right)
    return LANGUAGE["reshape"](left * right, (*stack, p * q, r * s))


def _back(op: Sylvester, ct: Variable, a: Variable, b: Variable) -> Variable:
    """The transpose of the linear map from Q to X."""
    return Sylvester(op.raises)(transposed(a), transposed(b), ct)


def _by_left(op: Sylvester, ct: Variable, *given: Variable) -> Variable:
    """A dX + dX B = -dA X."""
    a, b, _, x = given
    return -LANGUAGE["matmul"](_back(op, ct, a, b), transposed(x))


def _by_right(op: Sylvester, ct: Variable, *given: Variable) -> Variable:
    """A dX + dX B = -X dB."""
    a, b, _, x = given
    return -LANGUAGE["matmul"](transposed(x), _back(op, ct, a, b))


def _by_sum(op: Sylvester, ct: Variable, *given: Variable) -> Variable:
    """A dX + dX B = dQ."""
    return _back(op, ct, *given[:2])


def _workspace(m: Any, n: Any) -> Any:
    """Return the elements of Schur's forms, of two right sides, and those that LAPACK asks for."""
    return 2 * (m * m + n * n + m * n) + 5 * (m + n)


@final
@dataclass(frozen=True, repr=False)
class Sylvester(Attempt):
    """``Sylvester()(A, B, Q)``: X of ``A @ X + X @ B = Q``, for square A and B.

    raises : whether it is LinAlgError if A and -B have an eigenvalue in common; else X is NaN.

    By R. Bartels and G. Stewart, "Solution of the matrix equation AX + XB = C" (1972).
    """

    raises: bool = field(default=True, repr=False)
    derivative = Reverse((_by_left, _by_right, _by_sum), linear=((2,),))
    ulp = 64
    by_norm = compounds = True
    exact_pattern = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return matrices of two extents, and a stack."""
        return [
            Sample(
                cls(),
                (
                    Arg((*stack, 3, 3), made=dominated),
                    Arg((*stack, 2, 2), made=dominated),
                    Arg((*stack, 3, 2)),
                ),
            )
            for stack in ((), (2,))
        ]

    @property
    def extern(self) -> Extern:  # pyright: ignore[reportIncompatibleVariableOverride] - by raises
        """Back substitution in Schur's forms: LAPACK calls it trsyl."""
        return Extern("sylvester", TAKEN, 2, _workspace, self.failure, self.raises)

    def check(self, *inputs: Variable) -> None:
        """Take matrices."""
        refuse_others(self, *inputs)

    def shape(self, *operands: Operand) -> Shape:
        """Return that of Q."""
        return operands[2].shape

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """A and B are square, and fit the rows and the columns of Q."""
        a, b, q = (x.shape for x in operands)
        message = f"{node.op}: the extents of {', '.join(map(str, node.inputs))} do not fit"
        groups = [(*a[-2:], q[-2]), (*b[-2:], q[-1]), *zip(a[:-2], b[:-2], q[:-2], strict=True)]
        return [r for group in groups for r in all_equal(list(group), message)]

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return those of two Schur forms, and of products with them."""
        a, b, q = (x.shape for x in operands)
        return 25 * (product(a) * a[-1] + product(b) * b[-1]) + 5 * product(q) * (q[-1] + q[-2])

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output as the solution of equations of all elements."""
        a, b, q = node.inputs
        by_left = kronecker(a, LANGUAGE["alloc"](identity(b), *extents_of(b)))
        by_right = kronecker(LANGUAGE["alloc"](identity(a), *extents_of(a)), transposed(b))
        *stack, m, n = extents_of(q)
        flat = LANGUAGE["reshape"](q, (*stack, m * n, 1))
        found = Solve(self.raises)(by_left + by_right, flat)
        return [LANGUAGE["reshape"](found, (*stack, m, n))]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the solution by LAPACK's trsyl, in the dtype of the operands."""
        a, b, q = arrays
        check_square(a)
        check_square(b)
        if (*a.shape[:-1], b.shape[-1]) != q.shape or a.shape[:-2] != b.shape[:-2]:
            raise ShapeError(f"the shapes {a.shape}, {b.shape} and {q.shape} do not fit")
        x = np.full_like(q, np.nan)
        failed = np.zeros(q.shape[:-2], dtype=bool)
        for k in np.ndindex(failed.shape) if 0 not in q.shape[-2:] else ():
            if all(np.isfinite(y[k]).all() for y in arrays):
                x[k], failed[k] = _solved(a[k], b[k], q[k])
        return x, failed


def _solved(a: Array, b: Array, q: Array) -> tuple[Array, bool]:
    """Return the solution of Sylvester's equation, or NaN, and whether it has none, or many."""
    (trsyl,) = library.linalg.get_lapack_funcs(("trsyl",), (a, b, q))
    (r, u), (s, v) = library.linalg.schur(a), library.linalg.schur(b.conj().T)
    turned = "C" if q.dtype.kind == "c" else "T"
    inner, scale, info = trsyl(r, s, u.conj().T @ q @ v, tranb=turned)
    if info:
        return np.full_like(q, np.nan), True
    return u @ (inner / scale) @ v.conj().T, False


# square roots -----------------------------------------------------------------------------------
def _root_back(op: SquareRoot, ct: Variable, a: Variable, x: Variable) -> Variable:
    """X dX + dX X = dA."""
    return Sylvester(raises=False)(transposed(x), transposed(x), ct)


MESSAGE = "Matrix has no real square root"

STEPS = 40
"""Of an iteration that doubles digits, once it has halved what is too large by a number."""


@final
@dataclass(frozen=True, repr=False)
class SquareRoot(Attempt, OfSquares):
    """The principal square roots of square matrices: X of ``X @ X = A``, real where A is.

    raises : whether it is LinAlgError if there is no such one; else it is NaN.

    By A. Bjoerck and S. Hammarling, "A Schur method for the square root of a matrix" (1983).  Its
    derivative is not finite where eigenvalues of X add up to zero.
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure(MESSAGE))
    derivative = Reverse((_root_back,))
    ulp = 128  # where there is no Schur form, inverses add up their errors
    by_norm = compounds = True
    exact_pattern = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a matrix and a stack whose eigenvalues are positive."""
        return [Sample(cls(), (Arg(shape, made=dominated),)) for shape in ((3, 3), (2, 2, 2))]

    def label(self) -> str:
        """Return sqrtm."""
        return "sqrtm"

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return those of a Schur form and of its root."""
        return 28 * product(operands[0].shape) * operands[0].shape[-1]

    def expanded(self, node: Apply) -> Sequence[Any]:
        """Return the output by the iteration of Denman and Beavers (1976).

        A singular matrix has none by it.
        """
        (a,) = node.inputs
        invert = Inverse(raises=False)

        def step(_: Variable, x: Variable, y: Variable) -> list[Variable]:
            return [(x + invert(y)) / 2, (y + invert(x)) / 2]

        start = [a, LANGUAGE["alloc"](identity(a), *extents_of(a))]
        (found, _), _ = LANGUAGE["foldl"](step, Arange()(STEPS), start)
        error = _squares(LANGUAGE["matmul"](found, found) - a)
        most = _squares(found) ** 2 * float(np.finfo(a.dtype).eps)
        good = LANGUAGE["le"](error, most)
        finite = LANGUAGE["all"](LANGUAGE["isfinite"](a), (-2, -1))
        found = LANGUAGE["switch"](good.dimshuffle(*range(good.ndim), "x", "x"), found, np.nan)
        if self.raises:
            found = Assert(MESSAGE, LinAlgError)(found, good | ~finite)
        return [LANGUAGE["cast"](found, a.dtype)]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the root by Schur's complex form, in the dtype of the matrix.

        That of a real matrix must be real.
        """
        return _each(_root, *arrays)


def _each(function: Callable[[Array], Array], a: Array) -> tuple[Array, Array]:
    """Return a function of each matrix of a stack, and which have none, in the dtype of the stack.

    function : returns a complex matrix, of which infinities and NaN say that there is none.  That
        of a real matrix must be real.
    """
    check_square(a)
    x = np.full_like(a, np.nan)
    failed = np.zeros(a.shape[:-2], dtype=bool)
    for k in np.ndindex(failed.shape) if a.shape[-1] else ():
        if np.isfinite(a[k]).all():
            found = function(a[k].astype("complex128" if a.dtype.kind == "c" else "float64"))
            size = np.abs(found).max()
            lost = np.abs(found.imag).max() if a.dtype.kind != "c" else 0 * size
            failed[k] = not lost <= size * np.finfo("float64").eps ** 0.5
            x[k] = np.nan if failed[k] else found if a.dtype.kind == "c" else found.real
    return x, failed


def _squares(x: Variable) -> Variable:
    """Return the sum of the squares of the magnitudes of all elements of matrices."""
    terms = LANGUAGE["abs"](x) ** 2 if x.type.is_complex else x**2
    return LANGUAGE["sum"](terms, (-2, -1))


def _root(a: Array) -> Array:
    """Return a square root, complex, of which infinities and NaN say that there is none."""
    triangle, unitary = library.linalg.schur(a, output="complex")
    return unitary @ _root_of_triangle(triangle) @ unitary.conj().T


def _root_of_triangle(triangle: Array) -> Array:
    """Return the square root of a complex upper triangle."""
    root = np.diag(np.sqrt(np.diagonal(triangle)))
    for j in range(1, len(root)):
        for i in reversed(range(j)):
            rest = triangle[i, j] - root[i, i + 1 : j] @ root[i + 1 : j, j]
            root[i, j] = rest and rest / (root[i, i] + root[j, j])
    return root


# logarithms -------------------------------------------------------------------------------------
def _log_back(op: Logarithm, ct: Variable, a: Variable, x: Variable) -> Variable:
    """log([[A, E], [0, A]]) = [[log(A), L(E)], [0, log(A)]], of which L is the derivative."""
    join, n = LANGUAGE["concatenate"], extents_of(a)[-1]
    turned = transposed(a)
    upper = join([turned, ct], -1)
    lower = join([LANGUAGE["zeros_like"](a), turned], -1)
    return Logarithm(raises=False)(join([upper, lower], -2))[..., :n, n:]


NODES = 7
"""How many nodes the quadrature of the logarithm has."""

NEAR = 0.264
"""How far from the identity, by its norm, it is exact to float64: table 11.1 of Higham's book."""


@final
@dataclass(frozen=True, repr=False)
class Logarithm(Attempt, OfSquares):
    """The principal logarithms of square matrices: X of ``expm(X) = A``, real where A is.

    raises : whether it is LinAlgError if there is no such one; else it is NaN.

    By square roots and the approximation of Pade: N. Higham, "Functions of Matrices" (2008),
    algorithm 11.9; its derivative by theorem 3.6 there, due to R. Mathias (1996).
    """

    raises: bool = field(default=True, repr=False)
    failure = staticmethod(failure("Matrix has no logarithm of its dtype"))
    derivative = Reverse((_log_back,))
    ulp = 128
    by_norm = compounds = True
    exact_pattern = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a matrix and a stack whose eigenvalues are positive."""
        return [Sample(cls(), (Arg(shape, made=dominated),)) for shape in ((3, 3), (2, 2, 2))]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return matrices of which one has an eigenvalue of 0, and one a NaN."""
        made = with_nan(singular(dominated))
        return [Sample(cls(raises=False), (Arg(STACK, made=made),))]

    def label(self) -> str:
        """Return logm."""
        return "logm"

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return those of a Schur form, of some roots and of solutions."""
        return 40 * product(operands[0].shape) * operands[0].shape[-1]

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the logarithm by Schur's complex form, in the dtype of the matrix."""
        return _each(_logarithm, *arrays)


def _logarithm(a: Array) -> Array:
    """Return a logarithm, complex, of which infinities and NaN say that there is none."""
    triangle, unitary = library.linalg.schur(a, output="complex")
    logarithms = np.log(np.diagonal(triangle))
    if not np.isfinite(logarithms).all():
        return np.full_like(triangle, np.nan)
    one, halvings = np.eye(len(triangle)), 0
    while not np.linalg.norm(triangle - one, 1) <= NEAR:
        triangle, halvings = _root_of_triangle(triangle), halvings + 1
    rest = np.triu(triangle, 1) + np.diag(np.expm1(logarithms / 2**halvings))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    found = sum(
        w / 2 * library.linalg.solve_triangular(one + (1 + t) / 2 * rest, rest)
        for t, w in zip(nodes, weights, strict=True)
    )
    found = np.triu(found * 2.0**halvings, 1) + np.diag(logarithms)
    return unitary @ found @ unitary.conj().T
