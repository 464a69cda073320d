"""What a random graph is drawn from: chance, and the expressions that are there already.

A `Draw` evaluates each expression with the references of its ops as it is added: so indices mostly
hit, extents mostly fit, and what NumPy leaves undefined (a float too large for an integer) is
omitted.  ``builders`` ask it for operands, ``graphs`` let it grow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from gradcore.conformance.fuzz.limits import limited
from gradcore.conformance.special import floats
from gradcore.dtypes import COMPLEX, DISCRETE, DTYPES, FLOATS
from gradcore.errors import GradcoreError
from gradcore.graph import Apply, Array, Constant, TensorType, Variable, toposort
from gradcore.language import listed
from gradcore.ops import scalars
from gradcore.ops.elementwise import Elementwise

Item = TypeVar("Item")

MOST_ELEMENTS_DRAWN = 300
"""How many elements an expression may have."""

SCALARS = ("float64", "float32", "int64", "int8")
"""The dtypes of scalars that are inputs, but for complex ones."""

REFUSALS = (GradcoreError, IndexError, ValueError, TypeError)
"""What the language raises for operands that do not fit."""

HOSTILE = tuple(
    sign * 2**power + near
    for power in (31, 32, 61, 62, 63)
    for sign in (1, -1)
    for near in (-1, 0, 1)
    if -(2**63) <= sign * 2**power + near < 2**64
)
"""Numbers at which arithmetic on sizes and indices wraps: in 32 bits, in 64, in bytes."""


class Draw:
    """What a graph is drawn from: chance, and what is there already."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.inputs: dict[Variable, Array] = {}
        self.pool: list[Variable] = []
        self.known: dict[Variable, Array] = {}
        self.failed: Variable | None = None
        self.smooth = self.chance(0.5)
        """Whether most inputs are moderate numbers in float64."""
        self.hostile = self.chance(0.2)
        """Whether some extents, counts, steps and indices are `HOSTILE`."""
        self.complex = self.chance(0.2)
        """Whether inputs may be complex, and ops those of complex numbers."""

    # chance -------------------------------------------------------------------------------------
    def one(self, items: Sequence[Item]) -> Item:
        """Return one of ``items``."""
        return items[int(self.rng.integers(len(items)))]

    def chance(self, p: float) -> bool:
        """Return True with probability ``p``."""
        return bool(self.rng.random() < p)

    def small(self) -> int:
        """Return a small integer, of either sign, or a hostile one."""
        return self.or_hostile(int(self.rng.integers(-3, 4)))

    def or_hostile(self, value: int) -> int:
        """Return ``value``, or now and then a hostile number where these are wanted."""
        return self.one(HOSTILE) if self.hostile and self.chance(0.3) else value

    def axis(self, x: Variable) -> int:
        """Return an axis of ``x``, from either end."""
        return int(self.rng.integers(-x.ndim, x.ndim))

    # operands -----------------------------------------------------------------------------------
    def operand(self) -> Variable:
        """Return an expression, or a new input."""
        if not self.pool or (len(self.inputs) < 5 and self.chance(0.25)):
            return self.input()
        last = len(self.pool)
        return self.pool[max(int(self.rng.integers(last)), int(self.rng.integers(last)))]

    def tensor(self, dtype: str | None = None) -> Variable:
        """Return an expression of rank 1 or more."""
        found = [v for v in self.pool[-6:] if v.ndim and dtype in (None, v.dtype)]
        if found and self.chance(0.85):
            return self.one(found)
        return self.input(self.shape(least=1), dtype)

    def shape(self, least: int = 0) -> tuple[int, ...]:
        """Return a shape: ranks to 4, extents to 3, now and then one that is longer."""
        rank = int(self.one([r for r in (0, 1, 1, 1, 2, 2, 2, 3, 4) if r >= least]))
        shape = [int(self.one((0, 1, 2, 3, 3, 3, 3, 2))) for _ in range(rank)]
        if rank == 1 and self.chance(0.1):
            shape = [int(self.one((5, 17, 33, 65)))]
        return tuple(shape)

    def input(self, shape: tuple[int, ...] | None = None, dtype: str | None = None) -> Variable:
        """Return a new input; each of its extents is known or not."""
        shape = self.shape() if shape is None else shape
        if dtype is None:
            usual = 0.7 if self.smooth else 0.3
            dtype = "float64" if self.chance(usual) else self.one((*FLOATS, *DISCRETE))
            if self.complex and self.chance(0.5):
                dtype = self.one(("complex128", "complex128", "complex64"))
        known = self.chance(0.3)
        extents = [n if n == 1 or known or self.chance(0.1) else None for n in shape]
        variable = Variable(TensorType(dtype, tuple(extents)), f"x{len(self.inputs)}")
        return self.given(variable, self.numbers(shape, dtype))

    def given(self, variable: Variable, value: Array) -> Variable:
        """Make ``variable`` an input with this value; a constant stays one."""
        if isinstance(variable, Constant):
            return variable
        variable.name = f"x{len(self.inputs)}"
        self.inputs[variable] = self.known[variable] = value
        self.pool.append(variable)
        return variable

    def numbers(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Return numbers: mostly moderate, some special."""
        if dtype == "bool":
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype in DISCRETE:
            limits = np.iinfo(dtype)
            low, high = (max(-4, int(limits.min)), 5) if self.chance(0.8) else limits_of(limits)
            drawn = self.rng.integers(low, high, shape, endpoint=True, dtype=dtype)
            return np.asarray(drawn, dtype)
        if dtype in COMPLEX:
            drawn = np.empty(shape, dtype)
            drawn.real, drawn.imag = (self.numbers(shape, DTYPES[dtype].part) for _ in range(2))
            return drawn
        drawn = np.asarray(self.rng.uniform(-2, 2, shape))
        if not self.smooth and self.chance(0.4):
            limits = np.finfo(dtype)
            largest, tiny = float(limits.max), float(limits.tiny)
            special = [
                *floats(dtype, "zeros"),
                *floats(dtype, "subnormal"),
                np.inf,
                -np.inf,
                np.nan,
            ]
            special += [largest, -largest, largest / 2, tiny, 0.5, 30.0, -700.0]
            usual = self.rng.random(shape) < 0.6
            drawn = np.where(usual, drawn, self.rng.choice(special, shape))
        with np.errstate(over="ignore"):
            return np.asarray(drawn.astype(dtype))

    def scalar(self) -> Any:
        """Return a scalar: a number, or an input."""
        if self.chance(0.5):
            return float(self.rng.integers(-2, 3)) if self.chance(0.5) else self.small()
        return self.input((), self.one(SCALARS + COMPLEX * self.complex))

    def integer(self, value: int) -> Any:
        """Return an integer: as a number, or as an input of some integer dtype."""
        value = self.or_hostile(value)
        dtype = self.one(("int64", "int64", "int32", "int8", "uint8", "uint64", "uint32"))
        low, high = limits_of(np.iinfo(dtype))
        if self.chance(0.4) or not low <= value <= high:
            return value
        return self.given(Variable(TensorType(dtype, ()), ""), np.asarray(value, dtype))

    def index(self) -> Any:
        """Return a small integer, known or not, as an index."""
        return self.integer(self.small())

    def count(self) -> Any:
        """Return how often or how many: an integer, mostly not negative."""
        return self.integer(int(self.one((0, 1, 2, 2, 3, 3, 3, 4, -1))))

    def indices(self, n: int | None) -> Variable:
        """Return a tensor of indices."""
        shape = self.one(((2,), (3,), (0,), (2, 2)))
        high = 2 if n is None else max(n, 1)
        value = self.rng.integers(-high, high, shape)
        dtype = self.one(("int64", "int32", "int8"))
        if value.size and (wild := self.or_hostile(0)):
            dtype = "uint64" if wild >= 2**63 else "int64"
            value = np.abs(value).astype(dtype)
            value.flat[0] = wild
        rank = (None,) * len(shape)
        return self.given(Variable(TensorType(dtype, rank), ""), value.astype(dtype))

    def shape_of(self, x: Variable) -> list[Any]:
        """Return the shape that ``x`` has, mostly."""
        own = self.known[x].shape if x in self.known else (2,) * x.ndim
        return [self.integer(n if self.chance(0.95) else n + 1) for n in own]

    # growing ------------------------------------------------------------------------------------
    def grow(self, build: Callable[[Draw], Any]) -> None:
        """Add what ``build`` makes, if it can be built and runs (or is wanted to fail)."""
        inputs, pool = dict(self.inputs), list(self.pool)
        try:
            built = [v for v in listed(build(self)) if isinstance(v, Variable)]
        except REFUSALS:
            built = []
        good = False
        try:
            good = bool(built) and all(map(self._evaluate, built))
        except (*REFUSALS, AssertionError, MemoryError):
            if self.chance(0.5 if self.hostile else 0.1):
                self.failed = built[0]
                return
        if good:
            self.pool += [v for v in built if v not in self.pool]
        else:  # inputs that were made for it go, too
            self.inputs, self.pool = inputs, pool

    def _evaluate(self, v: Variable) -> bool:
        """Compute ``v`` from what is known; return whether it is wanted."""
        found: dict[Variable, Array] = {}

        def value(x: Variable) -> Array:
            if isinstance(x, Constant):
                return x.data
            return found[x] if x in found else self.known[x]

        for node in toposort([v], self.known):
            operands = [value(x) for x in node.inputs]
            if not defined(node, operands):
                return False
            with np.errstate(all="ignore"), limited():
                results = node.op.kernel(node)(*operands)
            several = results if len(node.outputs) > 1 else (results,)
            found.update(zip(node.outputs, map(np.asarray, several), strict=True))
            if max(found[x].size for x in node.outputs) > MOST_ELEMENTS_DRAWN:
                return False
        self.known.update(found)
        return v.owner is not None


def limits_of(limits: Any) -> tuple[int, int]:
    """Return the least and the greatest integer."""
    return int(limits.min), int(limits.max)


def defined(node: Apply, operands: Sequence[Array]) -> bool:
    """Return whether the result is defined: by NumPy, and in the ranges that a row declares."""
    op = node.op
    if op in scalars.CAST_DTYPES and operands[0].dtype.kind == "f":
        to = scalars.CAST_DTYPES[op]  # pyright: ignore[reportArgumentType] - it is elementwise
        if to in FLOATS or to == "bool":
            return True
        x = operands[0].astype(np.float64)
        low, high = limits_of(np.iinfo(to))
        return bool(np.all(np.isfinite(x) & (x > low - 1.0) & (x < min(high, 2**53) + 1.0)))
    if op in (scalars.left_shift, scalars.right_shift):
        width = np.iinfo(node.out.dtype).bits
        return bool(np.all((operands[1] >= 0) & (operands[1] < width)))
    if isinstance(op, Elementwise) and op.compared:
        wide = [x.astype(np.float64) for x in operands]
        pairs = zip(wide, op.compared, strict=True)
        return all(bool(np.all(np.isnan(x) | (low <= x) & (x <= high))) for x, (low, high) in pairs)
    if op is scalars.polygamma:
        return bool(np.all(np.isin(operands[0], (0, 1, 2, 3)) & (operands[1] > 0)))
    return True
