"""Distances between bands and ends, where extents are unknown: sums of multiples of extents.

Where functions of parts of a variable are joined, the unit vector is cut at sums of extents::

    concatenate([x[:1], x[1:-1] + x[2:], x[-1:]])      u[:min(n, 1)], u[min(n, 1):...], ...

How far a band is from the diagonal can only be said of arrays that are long enough for each slice
to take what it says: of two elements at least, here.  So `Distances` notes what it takes for
granted, and a program asks whether it holds when it runs.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gradcore.graph import Constant, Extent, Variable, toposort
from gradcore.graph.extents import in_int64
from gradcore.graph.nodes import constant_extent
from gradcore.language import LANGUAGE
from gradcore.ops.scalars import add, ge, lt, maximum, minimum, mul, neg, sub, switch
from gradcore.ops.shape_values import Extent as ExtentOf
from gradcore.rewrite.canonical.stage import is_made_by
from gradcore.rewrite.jacobians.entries import Unstructured
from gradcore.rewrite.jacobians.linear_maps import in_normal_form

Terms: TypeAlias = tuple[tuple[int, int], ...]
"""Numbers of scalars, in order, and by what each is multiplied."""


@dataclass(frozen=True)
class Affine:
    """A number, and multiples of scalars of a graph, of which there is one at least.

    >>> n = Affine(0, ((0, 1),))
    >>> (n + 2) - n, 1 - n
    (2, Affine(constant=1, terms=((0, -1),)))
    """

    constant: int
    terms: Terms

    def __add__(self, other: Distance) -> Distance:
        """Return the sum: an int where no scalar is left in it."""
        if isinstance(other, int):
            return Affine(self.constant + other, self.terms)
        terms = dict(self.terms)
        for scalar, factor in other.terms:
            terms[scalar] = terms.get(scalar, 0) + factor
        left = tuple(sorted((k, factor) for k, factor in terms.items() if factor))
        constant = self.constant + other.constant
        return Affine(constant, left) if left else constant

    def __neg__(self) -> Affine:
        """Return the opposite."""
        return self * -1

    def __mul__(self, number: int) -> Affine:
        """Return a multiple, by a number other than 0."""
        return Affine(self.constant * number, tuple((k, f * number) for k, f in self.terms))

    def __sub__(self, other: Distance) -> Distance:
        """Return the difference."""
        return self + -other

    def __rsub__(self, other: int) -> Distance:
        """Return the difference."""
        return -self + other

    __radd__ = __add__


Distance: TypeAlias = int | Affine


class Distances:
    """Extents and bounds of slices as distances, and what is taken for granted of them.

    outside : returns what a variable of a loop is outside of it.
    """

    def __init__(self, outside: Callable[[Variable], Variable]) -> None:
        self._outside = outside
        self._scalars: dict[int, Variable] = {}
        self._numbers: dict[Any, int] = {}
        self._known: dict[Variable, Distance] = {}
        self._least: dict[Terms, int] = {}

    def of(self, n: Extent) -> Distance:
        """Return an extent, or an integer scalar of the loop, as a distance."""
        if isinstance(n, int):
            return n
        (simple,) = in_normal_form(in_int64(self._outside(n)))
        return self._of(simple)

    def expression(self, n: Distance) -> Extent:
        """Return a distance as a scalar of the graph, outside of the loop."""
        if isinstance(n, int):
            return n
        terms = (self._scalars[k] * f if f != 1 else self._scalars[k] for k, f in n.terms)
        found = functools.reduce(operator.add, terms)
        return found + n.constant if n.constant else found

    def require(self, n: Distance) -> None:
        """Take for granted that a distance is not negative.  Raises Unstructured: it is."""
        if isinstance(n, Affine):
            self._least[n.terms] = min(n.constant, self._least.get(n.terms, n.constant))
        elif n < 0:
            raise Unstructured

    def larger(self, a: Distance, b: Distance) -> Distance:
        """Return the larger of two distances, as is taken for granted."""
        difference = a - b
        if isinstance(difference, Affine) and self._is_less(difference):
            a, difference = b, -difference
        elif isinstance(difference, int):
            return a if difference >= 0 else b
        self.require(difference)
        return a

    def reaches(self, a: Distance, b: Distance) -> bool:
        """Return whether one distance is at least another, as is taken for granted."""
        difference = a - b
        if not isinstance(difference, Affine):
            return difference >= 0
        less = self._is_less(difference)
        self.require(-1 - difference if less else difference)
        return not less

    def cut(self, extent: Distance, start: Any, stop: Any) -> tuple[Distance, Distance]:
        """Return how many elements a slice omits at either end.  Raises Unstructured.

        start, stop : ints, scalars of the loop, or None.
        """
        first = 0 if start is None else self._from_front(start, extent)
        back = 0 if stop is None else extent - self._from_front(stop, extent)
        for distance in (first, back, extent - first - back):
            self.require(distance)
        return first, back

    def hold(self) -> Variable | None:
        """Return whether all that is taken for granted is so; None: nothing is."""
        each = [
            LANGUAGE["ge"](self.expression(Affine(0, terms)), -constant)
            for terms, constant in self._least.items()
            if constant < 0 or any(f < 0 or not self._is_extent(k) for k, f in terms)
        ]
        return functools.reduce(LANGUAGE["and_"], each) if each else None

    def _is_less(self, n: Affine) -> bool:
        """Return whether to take for granted that a distance is less than 0: if it is no other.

        An extent counts as larger than what is computed otherwise.
        """
        if n.terms in self._least or (-n).terms in self._least:
            return n.terms not in self._least
        of_extents = sum(f for k, f in n.terms if self._is_extent(k))
        return (of_extents or sum(f for _, f in n.terms)) < 0

    def _is_extent(self, scalar: int) -> bool:
        return is_made_by(self._scalars[scalar], ExtentOf)

    def _from_front(self, bound: Any, extent: Distance) -> Distance:
        found = self.of(bound)
        return found if self.reaches(found, 0) else found + extent

    def _of(self, v: Variable) -> Distance:
        """Return a scalar in normal form as a distance."""
        known = constant_extent(v)
        if known is not None:
            return known
        if v not in self._known:
            found = self._computed(v)
            self._known[v] = self._scalar(v) if found is None else found
        return self._known[v]

    def _computed(self, v: Variable) -> Distance | None:
        """Return what an operation makes of distances; None: it is no such operation."""
        node = v.owner
        if node is None or v.dtype != "int64" or any(x.ndim for x in node.inputs):
            return None
        if node.op is switch:
            return self._chosen(*node.inputs)
        if node.op is neg:
            return -self._of(*node.inputs)
        if node.op not in (add, sub, mul, maximum, minimum) or len(node.inputs) != 2:
            return None
        a, b = map(self._of, node.inputs)
        if node.op is mul:
            a, b = (b, a) if isinstance(a, int) else (a, b)
            return a * b if isinstance(b, int) and b else None
        if node.op in (add, sub):
            return a + b if node.op is add else a - b
        larger = self.larger(a, b)
        return larger if node.op is maximum else a + b - larger

    def _chosen(self, truth: Variable, first: Variable, second: Variable) -> Distance | None:
        """Return what is chosen by a comparison of two distances."""
        node = truth.owner
        if node is None or node.op not in (lt, ge):
            return None
        reaches = self.reaches(*map(self._of, node.inputs))
        return self._of(first if reaches is (node.op is ge) else second)

    def _scalar(self, v: Variable) -> Affine:
        """Return a scalar that is not computed from distances."""
        for node in toposort([v]):
            of_inputs = tuple(map(self._number, node.inputs))
            for x in node.outputs:
                self._numbers[x] = self._number((node.op, x.index, of_inputs))
        number = self._number(v)
        if number not in self._scalars:
            self._scalars[number] = v
        return Affine(0, ((number, 1),))

    def _number(self, key: Any) -> int:
        """Return the number of a variable, or of how one is computed."""
        if isinstance(key, Constant):
            key = (key.type, key.data.tobytes())
        return self._numbers.setdefault(key, len(self._numbers))
