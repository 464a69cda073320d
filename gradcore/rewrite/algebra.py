"""Products and sums seen as a whole: constants merged, equal factors cancelled, like terms added.

A product is looked at down to ``MOST_PRODUCT_FACTORS`` factors, a sum down to ``MOST_SUM_TERMS``
terms, so that a chain of n of them takes time linear in n; they are rebuilt only if that makes them
simpler, so that shared parts stay shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcore.graph import Constant, Variable
from gradcore.ops.scalars import add, mul, neg, reciprocal, sub, true_div

MOST_PRODUCT_FACTORS = 24
MOST_SUM_TERMS = 6


def scalar_value(v: Variable) -> float | None:
    """Return the value of a constant of one element."""
    if isinstance(v, Constant) and v.data.size == 1 and v.data.dtype.kind in "iuf":
        return v.data.reshape(()).item()
    return None


def is_normal(value: float, dtype: str) -> bool:
    """Return whether a float dtype has ``value`` but for rounding: no overflow, no underflow.

    >>> is_normal(1e-200 * 1e-200, "float64"), is_normal(300 * 300, "float16")
    (False, False)
    >>> is_normal(300 * 300, "float32")
    True
    """
    limits = np.finfo(dtype)
    return float(limits.smallest_normal) <= abs(value) <= float(limits.max)


@dataclass
class Product:
    """``constant * over[0] * over[1] ... / under[0] / under[1] ...``, of one float dtype."""

    constant: float
    over: list[Variable]
    under: list[Variable]

    @classmethod
    def of(cls, root: Variable) -> Product:
        """Return ``root`` as a product."""
        found = cls(1.0, [], [])
        stack: list[tuple[Variable, bool]] = [(root, False)]
        while stack:
            v, below = stack.pop()
            node = v.owner
            value = scalar_value(v)
            room = len(found.over) + len(found.under) + len(stack) < MOST_PRODUCT_FACTORS
            if value is not None and not (below and value == 0):
                found.constant = found.constant / value if below else found.constant * value
            elif node is None or v.type.dtype != root.type.dtype or not room:
                (found.under if below else found.over).append(v)
            elif node.op is mul:
                stack += [(node.inputs[1], below), (node.inputs[0], below)]
            elif node.op is true_div:
                stack += [(node.inputs[1], not below), (node.inputs[0], below)]
            elif node.op is neg:
                found.constant = -found.constant
                stack.append((node.inputs[0], below))
            elif node.op is reciprocal:
                stack.append((node.inputs[0], not below))
            else:
                (found.under if below else found.over).append(v)
        return found

    def cancel(self) -> bool:
        """Remove the factors that stand above and below; return whether there were any."""
        shared = False
        for v in list(self.under):
            if v in self.over:
                self.over.remove(v)
                self.under.remove(v)
                shared = True
        return shared

    def build(self, like: Variable) -> Variable:
        """Return the product, of the dtype of ``like``."""
        dtype = like.type.dtype

        def number(value: float) -> Constant:
            return Constant(np.asarray(value, dtype), bare=True)

        result = product_of(self.over)
        if self.under:
            below = product_of(self.under)
            assert below is not None
            if result is None:
                return number(self.constant) / below
            result = result / below
        if result is None or self.constant == 0:
            return number(self.constant)
        if self.constant == 1:
            return result
        return -result if self.constant == -1 else number(self.constant) * result


def product_of(factors: Sequence[Variable]) -> Variable | None:
    """Return the product of factors, None for none."""
    result: Variable | None = None
    for factor in factors:
        result = factor if result is None else result * factor
    return result


@dataclass
class Sum:
    """``constant + coefficients[0] * terms[0] + ...``, of one dtype."""

    constant: float
    terms: dict[Variable, float]
    merged: bool

    @classmethod
    def of(cls, root: Variable) -> Sum:
        """Return ``root`` as a sum."""
        found = cls(0, {}, False)
        constants = 0
        stack: list[tuple[Variable, float]] = [(root, 1)]
        while stack:
            v, coefficient = stack.pop()
            node = v.owner
            value = scalar_value(v)
            if value is not None:
                found.constant += coefficient * value
                constants += 1
                continue
            if node is not None and v.type.dtype == root.type.dtype:
                room = len(found.terms) + len(stack) < MOST_SUM_TERMS
                if node.op in (add, sub) and room:
                    sign = 1 if node.op is add else -1
                    stack += [(node.inputs[1], sign * coefficient), (node.inputs[0], coefficient)]
                    continue
                if node.op is neg:
                    stack.append((node.inputs[0], -coefficient))
                    continue
                factor = scalar_value(node.inputs[0]) if node.op is mul else None
                if factor is not None:
                    coefficient *= factor
                    v = node.inputs[1]
            found.merged |= v in found.terms
            found.terms[v] = found.terms.get(v, 0) + coefficient
        found.merged |= constants > 1
        return found

    def build(self, like: Variable) -> Variable:
        """Return the sum, of the dtype of ``like``."""
        dtype = like.type.dtype

        def number(value: float) -> Constant:
            return Constant(np.asarray(value, dtype), bare=True)

        result: Variable | None = number(self.constant) if self.constant else None
        for v, coefficient in self.terms.items():
            if coefficient == 0:
                continue
            size = abs(coefficient)
            term = v if size == 1 else number(size) * v
            if result is None:
                result = term if coefficient > 0 else -term
            else:
                result = result + term if coefficient > 0 else result - term
        return number(0) if result is None else result
