"""What ops are tested on: samples, and operands drawn from what ops declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcore.errors import GraphTypeError
from gradcore.graph import Apply, Array, Constant, Op, TensorType, Variable
from gradcore.graph.op import Arg, Sample
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins import registry

SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((3,),), ((),), ((2, 3),), ((0,),), ((1, 3),)],
    2: [((3,), (3,)), ((), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (3,)), ((0, 2), (2,))],
    3: [((3,), (3,), (3,)), ((), (2, 3), ()), ((2, 1), (1, 3), (2, 3))],
    4: [((3,),) * 4, ((), (2, 3), (), (3,)), ((2, 1), (1, 3), (2, 3), ())],
}
"""Shapes of operands, for one to four of them: alike, scalars, empty, broadcasting."""


def rows() -> list[Elementwise]:
    """Return all elementwise ops, those of plugins too."""
    return [op for op in registry().ops if isinstance(op, Elementwise)]


def op_classes() -> list[type[Op]]:
    """Return all other ops, by class."""
    return [op for op in registry().ops if isinstance(op, type)]


def accepted(op: Elementwise, dtypes: Sequence[str]) -> Apply | None:
    """Return a node of an elementwise op on vectors of ``dtypes``, or None if it takes no such."""
    try:
        return op.make_node(*(TensorType(dtype, (None,))() for dtype in dtypes))
    except GraphTypeError:
        return None


def usual_dtype(op: Elementwise) -> str:
    """Return the dtype that stands for all others: the first that an elementwise op takes of
    float64, int64 and complex128.
    """  # noqa: D205 - the sentence is long
    taken = (d for d in ("float64", "int64") if accepted(op, [d] * op.operands))
    return next(taken, "complex128")


def row_samples(op: Elementwise) -> Iterator[Sample]:
    """Yield samples of an elementwise op, in every broadcasting shape."""
    usual = usual_dtype(op)
    kind = "float" if usual == "float64" else usual
    for shapes in SHAPES[op.operands]:
        pairs = zip(shapes, op.domain, strict=True)
        yield Sample(op, tuple(Arg(shape, kind, low, high) for shape, (low, high) in pairs))


def all_samples() -> Iterator[Sample]:
    """Yield all samples of all ops."""
    for op in rows():
        yield from row_samples(op)
    for cls in op_classes():
        yield from cls.samples()


def draw(arg: Arg, rng: np.random.Generator, dtype: str = "float64") -> Array:
    """Return an array for ``arg``; ``dtype`` is what "float" means."""
    if arg.value is not None:
        return np.asarray(arg.value)
    kind = np.dtype(dtype if arg.dtype == "float" else arg.dtype)
    if kind.kind == "b":
        return np.asarray(rng.random(arg.shape) < 0.5)
    if kind.kind in "iu":
        low = max(int(np.ceil(arg.low)), np.iinfo(kind).min)
        return np.asarray(rng.integers(low, max(int(arg.high), low) + 1, arg.shape)).astype(kind)
    if kind.kind == "c":
        parts = (rng.uniform(arg.low, arg.high, arg.shape) for _ in range(2))
        return arg.made(np.asarray(next(parts) + 1j * next(parts)).astype(kind))
    return arg.made(np.asarray(rng.uniform(arg.low, arg.high, arg.shape)).astype(kind))


def drawn(sample: Sample, dtype: str = "float64", seed: int = 1234) -> tuple[Array, ...]:
    """Return operands for a sample."""
    (first,) = several(sample, dtype, 1, seed)
    return first


def several(
    sample: Sample, dtype: str = "float64", count: int = 3, seed: int = 1234
) -> tuple[tuple[Array, ...], ...]:
    """Return operands for a sample, ``count`` times."""
    rng = np.random.default_rng(seed)
    return tuple(tuple(draw(arg, rng, dtype) for arg in sample.operands) for _ in range(count))


def operands(
    sample: Sample, rng: np.random.Generator, dtype: str = "float64", static: bool = False
) -> tuple[list[Variable], list[Array]]:
    """Return variables and values for a sample; what has a value of its own is a constant."""
    variables: list[Variable] = []
    values: list[Array] = []
    for i, arg in enumerate(sample.operands):
        value = draw(arg, rng, dtype)
        if arg.value is not None:
            variables.append(Constant(value))
        else:
            shape = tuple(n if n == 1 or static else None for n in value.shape)
            variables.append(Variable(TensorType(value.dtype.name, shape), f"x{i}"))
        values.append(value)
    return variables, values


def sample_id(sample: Sample) -> str:
    """Return a name for a sample."""
    shapes = ",".join(
        "x".join(map(str, arg.shape)) or "."
        if arg.value is None
        else f"={arg.value}".replace("\n", "")
        for arg in sample.operands
    )
    return f"{sample.op}-{shapes}".replace(" ", "")[:110]
