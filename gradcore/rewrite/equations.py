"""Equations and determinants of matrices that are known to be special, the way that is cheap.

===================================================  =======================================
matrix                                               equations, inverses, determinants
===================================================  =======================================
``T.eye(n)``                                         the right side; 1
diagonal: by its zeros, or `assume`                  quotients; a product
a triangle: by its zeros, or `assume`                substitution; the product of the diagonal
positive definite: by `assume`                       by Cholesky's factor
``A.T @ A + c * T.eye(n)``, c > 0 (by choice)        by Cholesky's factor
``L @ L.T``, of a triangle                           (determinants) by the diagonal
===================================================  =======================================

A matrix and its transpose, if it is symmetric, have one factor, and so value, gradient and Hessian
have.  That ``A.T @ A + c I`` is positive definite is true of real numbers; of floats it need not
be, where c is small: so it is by choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcore.graph import Apply, Constant, Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops import logarithms
from gradcore.ops.assumptions import Assume
from gradcore.ops.axes import DimShuffle
from gradcore.ops.create import Arange
from gradcore.ops.decompositions import along_columns, diagonal, identity, upper
from gradcore.ops.factors import Cholesky, Solve, SolveLower
from gradcore.ops.index import IncSubtensor
from gradcore.ops.inverses import (
    Determinant,
    Inverse,
    LogAbsDeterminant,
    sign_of_determinant,
)
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.logarithms import in_base
from gradcore.ops.matrices import below, transposed, unless_singular, untransposed
from gradcore.ops.scalars import CASTS, add, eq, log, lt, mul, sqr, switch
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.shape import Alloc
from gradcore.ops.triangles import ABOVE, BELOW, ON, holds, is_diagonal, vanishes
from gradcore.rewrite.changes import REASSOCIATES, Changes
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.signs import always_positive

equations = Stage("equations")

LOGARITHMS = tuple(logarithms.BASES)

ROUNDS = Changes(rounding=64, of="terms", more_exact=True, nonfinite=True)
"""What another way of elimination changes."""


# what is known ----------------------------------------------------------------------------------
def are_transposes(x: Variable, y: Variable) -> bool:
    """Return whether one is made as the transposes of the other."""
    return x.ndim == y.ndim > 1 and (x is untransposed(y) or y is untransposed(x))


def claimed_positive_definite(v: Variable) -> Variable | None:
    """Return ``v``, or its transposes, without claims, if one says that it is positive definite."""
    claims: set[str] = set()
    while v.owner is not None:
        op = v.owner.op
        if isinstance(op, Assume):
            claims.add(op.claim)
        elif untransposed(v) is None:
            break
        (v,) = v.owner.inputs
    return v if "positive_definite" in claims else None


def is_identity(v: Variable) -> bool:
    """Return whether matrices are known to have ones on the diagonal and zeros elsewhere."""
    if isinstance(v, Constant):
        data = v.data
        return data.ndim > 1 and bool((data == np.eye(*data.shape[-2:])).all())
    made = v.owner
    if made is None or made.op not in CASTS.values():
        return False
    (places,) = made.inputs
    return places.owner is not None and places.owner.op is eq and holds(places, ON) is True


def factor_with(v: Variable) -> tuple[Variable, int] | None:
    """Return triangles, and which power of their determinant is that of ``v``."""
    if v.type.is_complex:
        return None
    if vanishes(v, ABOVE) or vanishes(v, BELOW):
        return v, 1
    positive = claimed_positive_definite(v)
    if positive is not None:
        return Cholesky()(positive), 2
    if v.owner is not None and isinstance(v.owner.op, (Dot, MatMul)):
        x, y = v.owner.inputs
        triangular = vanishes(x, ABOVE) or vanishes(x, BELOW)
        if are_transposes(x, y) and triangular and (is_square(x) or is_square(y)):
            return x, 2
    return None


def is_square(v: Variable) -> bool:
    """Return whether matrices are known to have as many rows as columns."""
    m, n = v.type.shape[-2:]
    made = v.owner is not None and isinstance(v.owner.op, (Assume, Cholesky))
    return made or (m is not None and m == n)


# equations --------------------------------------------------------------------------------------
def solved(matrix: Variable, right: Variable, raises: bool) -> Variable | None:
    """Return the solution of equations with a matrix that is known to be special, or None.

    raises : whether it is LinAlgError if the matrix is singular; else the solution is NaN.

    Complex ones are those of `gradcore.rewrite.complex_equations`: what is written for them here
    would have to be in real numbers.
    """
    if matrix.type.is_complex:
        return None
    found = solved_by_zeros(matrix, right, raises)
    if found is not None:
        return found
    positive = claimed_positive_definite(matrix)
    return None if positive is None else _by_factor(Cholesky()(positive), right)


def solved_by_zeros(matrix: Variable, right: Variable, raises: bool) -> Variable | None:
    """Return the solution of equations with a diagonal or a triangle, or None; see `solved`."""
    if is_identity(matrix):
        return right
    if is_diagonal(matrix):
        numbers = diagonal(matrix)
        return unless_singular(right / along_columns(numbers), numbers, raises)
    is_lower, is_upper = vanishes(matrix, ABOVE), vanishes(matrix, BELOW)
    if is_lower or is_upper:
        triangle = matrix if is_lower else _transposes(matrix)
        found = SolveLower(transposed=is_upper, raises=raises)(triangle, right)
        return found if raises else unless_singular(found, diagonal(matrix), raises)
    return None


def _transposes(v: Variable) -> Variable:
    """Return the transposes of matrices, which need not be made if these are made as theirs."""
    matrices = untransposed(v)
    return transposed(v) if matrices is None else matrices


def _by_factor(factor: Variable, right: Variable) -> Variable:
    """Return the solution by Cholesky's factor, which has no zero on its diagonal."""
    inner = SolveLower(raises=False)(factor, right)
    return SolveLower(transposed=True, raises=False)(factor, inner)


def _claimed(x: Variable, claim: str) -> Variable:
    """Return matrices of which a claim is true, if they are square."""
    gram = _gram(x)
    made = {
        "diagonal": x * identity(x),
        "positive_definite": gram + (identity(gram) if gram.ndim else 1),
        "upper_triangular": upper(x),
    }
    return Assume(claim)(made[claim])


def _gram(x: Variable) -> Variable:
    return Dot()(x, x.T)


@equations.rule(
    op=Solve,
    examples=[
        lambda x: Solve()(below(x, 1), x + 1),
        lambda x: Solve()(upper(x), x + 1),
        lambda x: Solve()(_claimed(x, "diagonal"), x + 1),
        lambda x: Solve()(_claimed(x, "positive_definite"), x + 1),
        lambda x: Solve()(identity(below(x, 1)), x),
    ],
    changes=ROUNDS,
)
def solve_special(node: Apply) -> Variable | None:
    """solve(diag(d), b) = b / d; of triangles, and positive definite matrices, by substitution"""
    assert isinstance(node.op, Solve)
    matrix, right = node.inputs
    return solved(matrix, right, node.op.raises)


@equations.rule(
    op=Inverse,
    examples=[
        lambda x: Inverse()(below(x, 1)),
        lambda x: Inverse()(_claimed(x, "positive_definite")),
    ],
    changes=ROUNDS,
)
def inverse_of_special(node: Apply) -> Variable | None:
    """inv(A) = solve(A, eye(n)), where A is known to be special"""
    assert isinstance(node.op, Inverse)
    (matrix,) = node.inputs
    right = LANGUAGE["alloc"](identity(matrix), *extents_of(matrix))
    return solved(matrix, right, node.op.raises)


@equations.rule(
    op=Solve,
    examples=[lambda x: Solve()(Dot()(x.T, x) + 0.5 * identity(x), x)],
    changes=REASSOCIATES,
)
def solve_with_gram(node: Apply) -> Variable | None:
    """solve(A.T @ A + c * eye(n), b), c > 0, by Cholesky's factor"""
    assert isinstance(node.op, Solve)
    matrix, right = node.inputs
    if not is_positive_definite(matrix):
        return None
    return _by_factor(Cholesky(node.op.raises)(matrix), right)


def is_positive_definite(v: Variable) -> bool:
    """Return whether ``v`` is a sum of products ``A.T @ A`` and of a diagonal that is positive."""
    terms = [_scaled(term) for term in _terms(v)]
    strict = [_is_positive_diagonal(term) for term in terms]
    return any(strict) and all(s or _is_gram(t) for s, t in zip(strict, terms, strict=True))


def _terms(v: Variable) -> Iterator[Variable]:
    """Yield the terms of a sum of matrices."""
    stack = [v]
    while stack:
        term = stack.pop()
        if term.owner is not None and term.owner.op is add and _are_alike(term, term.owner.inputs):
            stack += term.owner.inputs
        else:
            yield term


def _are_alike(v: Variable, operands: Sequence[Variable]) -> bool:
    """Return whether operands are of the dtype of ``v``, and none is stretched to its shape."""
    return all(x.broadcastable == v.broadcastable and x.dtype == v.dtype for x in operands)


def _scaled(v: Variable) -> Variable:
    """Return matrices without the positive numbers, one for all elements, that multiply them."""
    while v.owner is not None and v.owner.op is mul:
        number, rest = sorted(v.owner.inputs, key=lambda x: not all(x.broadcastable))
        if not all(number.broadcastable) or not always_positive(number):
            break
        v = rest
    return v


def _is_gram(v: Variable) -> bool:
    """Return whether ``v`` is a product of matrices with their transposes."""
    if v.owner is None or not isinstance(v.owner.op, (Dot, MatMul)):
        return False
    return are_transposes(*v.owner.inputs)


def _is_positive_diagonal(v: Variable) -> bool:
    """Return whether ``v`` is the identity, or a diagonal of numbers that are known positive."""
    if v.owner is None or not isinstance(v.owner.op, IncSubtensor) or not is_diagonal(v):
        return is_identity(v)
    zeros, numbers, *indices = v.owner.inputs
    places, alloc = indices[0].owner, zeros.owner
    if places is None or alloc is None or not isinstance(alloc.op, Alloc):
        return False
    whole = isinstance(places.op, Arange) and places.inputs[0] is alloc.inputs[-1]
    return whole and always_positive(numbers)


# determinants -----------------------------------------------------------------------------------
@equations.rule(
    op=Determinant,
    examples=[
        lambda x: Determinant()(below(x, 1)),
        lambda x: Determinant()(_gram(_claimed(x, "upper_triangular"))),
        lambda x: Determinant()(_claimed(x, "positive_definite")),
    ],
    changes=ROUNDS,
)
def determinant_of_special(node: Apply) -> Variable | None:
    """det(L @ L.T) = prod(diagonal(L)) ** 2, and for one triangle prod(diagonal(L))"""
    found = factor_with(node.inputs[0])
    if found is None:
        return None
    product = LANGUAGE["prod"](diagonal(found[0]), -1)
    return product if found[1] == 1 else sqr(product)


@equations.rule(
    op=LogAbsDeterminant,
    examples=[
        lambda x: LogAbsDeterminant()(below(x, 1)),
        lambda x: LogAbsDeterminant()(_gram(_claimed(x, "upper_triangular"))),
        lambda x: LogAbsDeterminant()(_claimed(x, "positive_definite")),
    ],
    changes=ROUNDS,
)
def log_determinant_of_special(node: Apply) -> Variable | None:
    """log(det(L @ L.T)) = 2 * sum(log(abs(diagonal(L))))"""
    found = factor_with(node.inputs[0])
    if found is None:
        return None
    logs = LANGUAGE["sum"](log(abs_(diagonal(found[0]))), -1)
    return logs if found[1] == 1 else 2 * logs


@equations.rule(
    op=LOGARITHMS,
    examples=[
        lambda x: log(Determinant()(x)),
        lambda x: log(abs_(Determinant()(x))),
        lambda x: LOGARITHMS[1](Determinant()(x)),
    ],
    changes=ROUNDS,
)
def log_of_determinant(node: Apply) -> Variable | None:
    """log(abs(det(A))) = slogdet(A)[1], which does not overflow; log(det(A)), where det(A) >= 0"""
    made = node.inputs[0].owner
    signed = made is not None and made.op is not abs_
    if made is not None and not signed:
        made = made.inputs[0].owner
    if made is None or not isinstance(made.op, Determinant):
        return None
    (matrix,) = made.inputs
    found = LogAbsDeterminant()(matrix)
    if signed and claimed_positive_definite(matrix) is None:
        negative = lt(sign_of_determinant(matrix), 0)
        found = switch(negative, LANGUAGE["cast"](np.nan, found.dtype), found)
    return in_base(node.op, found)


# claims -----------------------------------------------------------------------------------------
@equations.rule(
    op=DimShuffle, examples=[lambda x: transposed(Assume("symmetric")(x + transposed(x))) + 1]
)
def transpose_of_symmetric(node: Apply) -> Variable | None:
    """A.T = A, where A is claimed to be symmetric"""
    matrix = untransposed(node.out)
    if matrix is None or matrix.owner is None or not isinstance(matrix.owner.op, Assume):
        return None
    symmetric = matrix.owner.op.claim in ("symmetric", "positive_definite", "diagonal")
    return matrix if symmetric else None
