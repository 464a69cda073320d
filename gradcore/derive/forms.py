"""Forms of a function other than the one it is written in, taken when it is differentiated.

``log(softmax(x))`` underflows where its derivative is a small whole number, and the derivative of
what is written divides by that zero.  No later rewriting can mend the quotient, so both sweeps
differentiate a form that mathematics cannot tell from what was written: ``x - logsumexp(x)``.

A form is declared for an op: a function of a node and of what says which node computes a
variable, which returns the result in another form, or None.  It must ask that and not
``v.owner``, as a derivative may be taken with respect to what lies within.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from gradcore.graph import Apply, Op, Variable, on_behalf_of, toposort

Maker: TypeAlias = Callable[[Variable], Apply | None]
"""What says which node computes a variable; None: none does, or none that may be looked at."""

Form: TypeAlias = Callable[[Apply, Maker], Variable | None]

FORMS: dict[Op, list[Form]] = {}
"""The forms of the results of each op, the first that applies first."""


def form(*ops: Op) -> Callable[[Form], Form]:
    """Declare a form of the results of ``ops`` (a decorator)."""

    def declare(function: Form) -> Form:
        for op in ops:
            FORMS.setdefault(op, []).append(function)
        return function

    return declare


class Forms:
    """The forms that take the place of nodes in one sweep.

    opaque : variables that stay as they are, and beyond which no form looks.
    """

    def __init__(self, opaque: Collection[Variable]) -> None:
        self.opaque = frozenset(opaque)
        self.found: dict[Apply, Variable | None] = {}

    def of(self, node: Apply) -> Variable | None:
        """Return what takes the place of the output of ``node``, or None."""
        if node.op not in FORMS or node.outputs[0].type.is_complex:
            return None
        if node not in self.found:
            with on_behalf_of(node.where):
                self.found[node] = next(iter(self._fitting(node)), None)
        return self.found[node]

    def _fitting(self, node: Apply) -> Iterable[Variable]:
        for function in FORMS[node.op]:
            found = function(node, self._maker)
            if found is not None and _is_alike(found, node.out):
                yield found

    def _maker(self, v: Variable) -> Apply | None:
        return None if v in self.opaque else v.owner

    def operands(self, node: Apply) -> tuple[Variable, ...]:
        """Return what ``node`` is computed from, in the form that counts."""
        found = self.of(node)
        return node.inputs if found is None else (found,)

    def order(self, outputs: Iterable[Variable], stop: Collection[Variable] = ()) -> list[Apply]:
        """Return the nodes that ``outputs`` need, as `toposort` does, by way of the forms."""
        order = toposort(outputs, stop)
        if not any(self.of(node) is not None for node in order):
            return order
        return toposort(outputs, stop, self.operands)


def _is_alike(found: Variable, out: Variable) -> bool:
    """Return whether a form has the dtype and the axes that stretch of what it is for."""
    return found.type.dtype == out.type.dtype and found.broadcastable == out.broadcastable
