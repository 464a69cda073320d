"""Functions that choose between whole tensors and that check values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph import Variable, as_variable, here
from gradcore.language import is_several, listed, word
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
    """
    return Assert(message)(value, *conditions)
