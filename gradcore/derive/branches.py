"""The derivative of a choice between branches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.derive.directions import Direction, zeros
from gradcore.derive.masks import Guarded, Guards, Masked
from gradcore.graph import ZERO, Apply, Derivative, Variable, Zero
from gradcore.language import LANGUAGE


@dataclass(frozen=True)
class Branch(Derivative):
    """The derivative of ``op(condition, *taken if true, *taken if false)``.

    lazy : whether a branch is an array as a whole, computed only if it is taken.

    >>> import numpy as np
    >>> import gradcore.tensor as T
    >>> from gradcore.graph import Op
    >>> class Chosen(Op):
    ...     derivative = Branch(lazy=False)
    ...     def shape(self, c, x, y): return x.shape
    ...     def reference(self, c, x, y): return np.where(c, x, y)
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Chosen()(x > 0, x**2, 3 * x)), x).eval({x: [2.0, -2.0]})
    array([4., 3.])
    """

    lazy: bool

    @property
    def masks(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - by kind
        """Whether masks are taken: a lazy one is a matter of whole arrays."""
        return not self.lazy

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether operand ``i`` is the condition or may be output ``o``."""
        return i == 0 or (i - 1) % len(node.outputs) == o

    def linear_in(self, node: Apply) -> Sequence[Collection[int]]:
        """Return all operands but the condition."""
        return (range(1, len(node.inputs)),)

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return masked cotangents."""
        n = len(node.outputs)
        found: list[Any] = [ZERO if wanted[0] else None]
        for i in range(1, 2 * n + 1):
            ct = cotangents[(i - 1) % n]
            if not wanted[i] or ct is None:
                found.append(None)
            elif isinstance(ct, Zero):
                found.append(ZERO)
            else:
                found.append(self._masked(ct, node, i))
        return found

    def _masked(self, ct: Variable | Masked, node: Apply, i: int) -> Masked | Guarded | Zero:
        """Return ``ct`` where operand ``i`` is taken; a mask on it must hold too."""
        condition, where = node.inputs[0], i <= len(node.outputs)
        if self.lazy:
            assert isinstance(ct, Variable)
            return _fitting(((condition, where),), ct, node.inputs[i])
        if isinstance(ct, Variable):
            found = Masked(condition, where, ct)
        elif ct.condition is None:
            found = ct.but(Masked(condition, where, ct.value).applied(node.inputs[i]))
        elif ct.condition is condition:
            if ct.where != where:
                return ZERO
            found = ct
        else:
            both = LANGUAGE["and_"](ct.truth(), Masked(condition, where, ct.value).truth())
            found = Masked(both, True, ct.value)
        return found.summed_to(node.inputs[i], node.out)

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of the branch that is taken."""
        n = len(node.outputs)
        found: list[Direction] = []
        for o in range(n):
            pair = tangents[1 + o], tangents[1 + n + o]
            if all(t is None or isinstance(t, Zero) for t in pair):
                zero = tangents[0] is not None or any(t is not None for t in pair)
                found.append(ZERO if zero else None)
                continue
            operands = node.inputs[1 + o], node.inputs[1 + n + o]
            branches = (
                t if isinstance(t, Variable) else zeros(x)
                for t, x in zip(pair, operands, strict=True)
            )
            found.append(LANGUAGE["ifelse" if self.lazy else "switch"](node.inputs[0], *branches))
        return found


def _fitting(guards: Guards, ct: Variable, x: Variable) -> Guarded:
    """Return ``ct`` as the cotangent of a branch ``x``, which need not be taken.

    Where the graph fits only the other branch, its extents are known to be others than those of
    ``x``: what a choice returns is of either, and checked if ``x`` is taken.
    """
    extents = zip(ct.type.shape, x.type.shape, strict=True)
    if all(m == n or m is None or n is None for m, n in extents):
        return Guarded(guards, ct)
    message = "only the other branch of ifelse fits its use"
    return Guarded(guards, LANGUAGE["shaped_as"](Guarded(guards, ct).applied(x), x, message))
