"""Equations and determinants of complex matrices that are known to be special, the cheap way.

It is the table of `gradcore.rewrite.equations`, with conjugate transposes for transposes: positive
definite matrices are Hermitian, the factor of their transposes is the conjugate one, and by choice
products with inverses are solutions (`gradcore.rewrite.solutions`).

The decision: these rules look at a graph before its complex numbers become two real ones each
(`gradcore.compile.parts`), where matrices, their conjugates and transposes are seen as such, and
what they write becomes real arithmetic with the rest.  So they are no stage of the optimizer, but
run where a mode has its equations.  Rejected: rules that recognize a complex matrix, its transposes
and products by how their parts are computed.
"""

from __future__ import annotations

from gradcore.graph import Apply, FunctionGraph, Variable
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE
from gradcore.ops.assumptions import Assume
from gradcore.ops.complexes import conj, real
from gradcore.ops.decompositions import diagonal, identity
from gradcore.ops.factors import Cholesky, Solve, SolveLower
from gradcore.ops.inverses import Determinant, Inverse, LogAbsDeterminant
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.logarithms import in_base
from gradcore.ops.matrices import untransposed
from gradcore.ops.scalars import abs as abs_
from gradcore.ops.scalars import log, sqr
from gradcore.ops.triangles import ABOVE, BELOW, vanishes
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.equations import LOGARITHMS, ROUNDS, is_square, solved_by_zeros
from gradcore.rewrite.rules import Trace
from gradcore.rewrite.solutions import solve_for_complex_inverses

complex_equations = Stage("complex_equations")
claims_dropped = Stage("claims_dropped")


def rewritten(graph: FunctionGraph, trace: Trace, reassociate: bool) -> FunctionGraph:
    """Return a graph of which the equations of complex matrices take the cheap way."""
    if not any(v.type.is_complex for node in graph.nodes for v in node.inputs):
        return graph
    graph = solve_for_complex_inverses.run(graph, trace, reassociate)
    graph = complex_equations.run(graph, trace, reassociate)
    return claims_dropped.run(graph, trace)


# what is known ----------------------------------------------------------------------------------
def claimed_positive_definite(v: Variable) -> tuple[Variable, bool] | None:
    """Return matrices that are claimed to be positive definite, and whether v are their conjugates.

    They are v without claims, transposes and conjugates; None: nothing says so.
    """
    claimed = conjugate = False
    while v.owner is not None:
        op = v.owner.op
        if isinstance(op, Assume):
            claimed |= op.claim == "positive_definite"
        elif op is conj or untransposed(v) is not None:
            conjugate = not conjugate  # of Hermitian matrices these are one
        else:
            break
        (v,) = v.owner.inputs
    return (v, conjugate) if claimed else None


def are_adjoints(x: Variable, y: Variable) -> bool:
    """Return whether one is made as the conjugate transposes of the other."""
    return x is _unadjoined(y) or y is _unadjoined(x)


def _unadjoined(v: Variable) -> Variable | None:
    """Return the matrices of which v is made as the conjugate transposes; None: not so."""
    outer = _unconjugated(v)
    if outer is not None:
        return untransposed(outer)
    inner = untransposed(v)
    return None if inner is None else _unconjugated(inner)


def _unconjugated(v: Variable) -> Variable | None:
    return v.owner.inputs[0] if v.owner is not None and v.owner.op is conj else None


def factor_with(v: Variable) -> tuple[Variable, bool] | None:
    """Return triangles, and whether ``v`` is the product with their conjugate transposes."""
    if vanishes(v, ABOVE) or vanishes(v, BELOW):
        return v, False
    positive = claimed_positive_definite(v)
    if positive is not None:
        return Cholesky()(positive[0]), True
    if v.owner is not None and isinstance(v.owner.op, (Dot, MatMul)):
        x, y = v.owner.inputs
        triangular = vanishes(x, ABOVE) or vanishes(x, BELOW)
        if triangular and are_adjoints(x, y) and (is_square(x) or is_square(y)):
            return x, True
    return None


# rules ------------------------------------------------------------------------------------------
def _solved(matrix: Variable, right: Variable, raises: bool) -> Variable | None:
    if not matrix.type.is_complex:
        return None
    found = solved_by_zeros(matrix, right, raises)
    positive = claimed_positive_definite(matrix) if found is None else None
    if positive is None:
        return found
    base, conjugate = positive
    factor = Cholesky()(base)
    first, second = (conj(factor), factor) if conjugate else (factor, conj(factor))
    inner = SolveLower(raises=False)(first, right)
    return SolveLower(transposed=True, raises=False)(second, inner)


@complex_equations.rule(op=Solve, changes=ROUNDS)
def solve_special(node: Apply) -> Variable | None:
    """solve(A, b) by quotients, substitution or Cholesky's factor"""
    assert isinstance(node.op, Solve)
    matrix, right = node.inputs
    return _solved(matrix, right, node.op.raises)


@complex_equations.rule(op=Inverse, changes=ROUNDS)
def inverse_of_special(node: Apply) -> Variable | None:
    """inv(A) = solve(A, eye(n)), where A is known to be special"""
    assert isinstance(node.op, Inverse)
    (matrix,) = node.inputs
    one = LANGUAGE["alloc"](identity(matrix), *extents_of(matrix))
    return _solved(matrix, one, node.op.raises)


@complex_equations.rule(op=Determinant, changes=ROUNDS)
def determinant_of_special(node: Apply) -> Variable | None:
    """det(L @ L.H) = abs(prod(diagonal(L))) ** 2, and for one triangle prod(diagonal(L))"""
    (matrix,) = node.inputs
    found = factor_with(matrix) if matrix.type.is_complex else None
    if found is None:
        return None
    numbers = diagonal(found[0])
    if not found[1]:
        return LANGUAGE["prod"](numbers, -1)
    return LANGUAGE["cast"](sqr(LANGUAGE["prod"](abs_(numbers), -1)), node.out.dtype)


@complex_equations.rule(op=LogAbsDeterminant, changes=ROUNDS)
def log_determinant_of_special(node: Apply) -> Variable | None:
    """log(abs(det(L @ L.H))) = 2 * sum(log(abs(diagonal(L))))"""
    (matrix,) = node.inputs
    found = factor_with(matrix) if matrix.type.is_complex else None
    if found is None:
        return None
    logs = LANGUAGE["sum"](log(abs_(diagonal(found[0]))), -1)
    return 2 * logs if found[1] else logs


@complex_equations.rule(op=LOGARITHMS, changes=ROUNDS)
def log_of_determinant(node: Apply) -> Variable | None:
    """log(abs(det(A))) = slogdet(A)[1]; log(real(det(A))), where A is positive definite"""
    made = node.inputs[0].owner
    if made is None or (made.op is not abs_ and made.op is not real):
        return None
    inner = made.inputs[0].owner
    if inner is None or not isinstance(inner.op, Determinant):
        return None
    (matrix,) = inner.inputs
    if not matrix.type.is_complex:
        return None
    if made.op is real and claimed_positive_definite(matrix) is None:
        return None
    return in_base(node.op, LogAbsDeterminant()(matrix))


@claims_dropped.rule(op=Assume)
def drop_claim(node: Apply) -> Variable | None:
    """assume(x, "positive_definite") = x: it is not so of the parts of complex matrices"""
    assert isinstance(node.op, Assume)
    (matrix,) = node.inputs
    complex_one = matrix.type.is_complex and node.op.claim == "positive_definite"
    return matrix if complex_one else None
