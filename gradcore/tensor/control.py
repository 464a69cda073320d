"""Functions that choose between whole tensors, and that check values or claim what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, choices
from gradcore.graph import Variable, as_variable, here
from gradcore.language import is_several, listed, word
from gradcore.ops.assumptions import PROPERTIES, Assume
from gradcore.ops.control import Assert, IfElse


@word
def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """Return ``then_branch`` if the scalar ``condition`` holds, else ``else_branch``.

    Branches are tensors, or equally long lists of them; what only one branch needs is computed
    only if it is taken.

    Raises GraphTypeError: branches of different dtype, rank or number; a condition with axes.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.ifelse(x > 0, T.log(x), x).eval({x: -1})
    array(-1.)
    """
    several = is_several(then_branch)
    if several != is_several(else_branch):
        raise GraphTypeError("one branch of ifelse is a list, the other is not", here())
    pairs = _pairs(listed(then_branch), listed(else_branch))
    outputs = IfElse(len(pairs))(condition, *(a for a, _ in pairs), *(b for _, b in pairs))
    found = outputs if len(pairs) > 1 else [outputs]
    for k, output in enumerate(found):
        output.name = name if len(found) == 1 or name is None else f"{name}{k}"
    return list(found) if several else found[0]


def _pairs(taken: Sequence[Any], other: Sequence[Any]) -> list[tuple[Variable, Variable]]:
    if len(taken) != len(other):
        raise GraphTypeError(
            f"the branches of ifelse have {len(taken)} and {len(other)} items", here()
        )
    found: list[tuple[Variable, Variable]] = []
    for a, b in zip(taken, other, strict=True):
        like = [x.type.dtype for x in (a, b) if isinstance(x, Variable)]
        found.append((as_variable(a, like), as_variable(b, like)))
    return found


def assert_op(value: Any, *conditions: Any, message: str = "a condition is false") -> Variable:
    """Return ``value``, if all ``conditions`` hold everywhere.

    Raises AssertionFailedError, when it runs: one does not.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> root = T.sqrt(T.assert_op(x, (x >= 0).all(), message="a negative length"))
    >>> gradcore.function([x], root)([1.0, -1.0]) # doctest: +ELLIPSIS
    Traceback (most recent call last):
    gradcore.errors.AssertionFailedError: ...a negative length...
    """
    return Assert(message)(value, *conditions)


def assume(x: Any, claim: str) -> Variable:
    """Return ``x``, square matrices of which ``claim`` is known to be true.

    claim : "positive_definite" (and symmetric, or, being complex, Hermitian), "symmetric",
        "diagonal", "lower_triangular" or "upper_triangular".

    Nothing is computed or checked; equations, inverses and determinants take the way that is
    cheapest for such matrices, and the transpose of a symmetric matrix is the matrix.  Where the
    claim is false, results are undefined; `Mode` with ``debug=True`` compares them with those of
    the graph as it was written.  Derivatives pass, as of ``x``.

    Raises GraphTypeError: ``x`` has fewer than two axes; GraphValueError: there is no such claim.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> a, b = T.dmatrix("a"), T.dvector("b")
    >>> f = gradcore.function([a, b], T.linalg.solve(T.assume(a, "diagonal"), b))
    >>> f([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0])
    array([0.5 , 0.25])
    """
    if claim not in PROPERTIES:
        raise GraphValueError(
            f"assume knows no claim {claim!r}", here(), choices(claim, PROPERTIES, "claims")
        )
    return Assume(claim)(as_variable(x))
