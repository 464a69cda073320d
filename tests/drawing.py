"""Operands for tests, drawn from what ops declare."""

import numpy as np

import gradcore.ops as families
from gradcore.errors import GraphTypeError
from gradcore.graph import Constant, Op, TensorType, Variable
from gradcore.graph.op import Arg, Sample
from gradcore.ops.elementwise import ROWS, Elementwise

ABSTRACT = {"PassingOn", "GradientMark", "Loop"}


def op_classes():
    """Return all classes of ops in the package, but for the abstract ones."""
    found = []
    for family in vars(families).values():
        for value in vars(family).values() if hasattr(family, "__name__") else ():
            if isinstance(value, type) and issubclass(value, Op) and value not in (Op, Elementwise):
                if value.__name__ not in ABSTRACT and value.__module__ == family.__name__:
                    found.append(value)
    return list(dict.fromkeys(found))


SHAPES = {
    1: [((3,),), ((),), ((2, 3),), ((0,),), ((1, 3),)],
    2: [((3,), (3,)), ((), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (3,)), ((0, 2), (2,))],
    3: [((3,), (3,), (3,)), ((), (2, 3), ()), ((2, 1), (1, 3), (2, 3))],
}


def accepted(op, dtypes):
    """Return a node of a row on vectors of ``dtypes``, or None if it does not take them."""
    try:
        return op.make_node(*(TensorType(dtype, (None,))() for dtype in dtypes))
    except GraphTypeError:
        return None


def row_samples(op):
    """Return samples of an elementwise op, in every broadcasting shape."""
    kind = "float" if accepted(op, ["float64"] * op.operands) else "int64"
    for shapes in SHAPES[op.operands]:
        yield Sample(
            op,
            tuple(
                Arg(shape, kind, low, high)
                for shape, (low, high) in zip(shapes, op.domain, strict=True)
            ),
        )


def all_samples():
    """Return all samples of all ops."""
    for op in ROWS.values():
        yield from row_samples(op)
    for cls in op_classes():
        yield from cls.samples()


def draw(arg, rng, dtype="float64"):
    """Return an array for ``arg``; ``dtype`` is what "float" means."""
    if arg.value is not None:
        return np.asarray(arg.value)
    kind = np.dtype(dtype if arg.dtype == "float" else arg.dtype)
    if kind.kind == "b":
        return rng.random(arg.shape) < 0.5
    if kind.kind in "iu":
        low = max(int(np.ceil(arg.low)), np.iinfo(kind).min)
        return rng.integers(low, max(int(arg.high), low) + 1, arg.shape).astype(kind)
    return rng.uniform(arg.low, arg.high, arg.shape).astype(kind)


def operands(sample, rng, dtype="float64", static=False):
    """Return variables and values for a sample; what has a value of its own is a constant."""
    variables, values = [], []
    for i, arg in enumerate(sample.operands):
        value = draw(arg, rng, dtype)
        if arg.value is not None:
            variables.append(Constant(value))
        else:
            shape = tuple(n if n == 1 or static else None for n in value.shape)
            variables.append(Variable(TensorType(value.dtype.name, shape), f"x{i}"))
        values.append(value)
    return variables, values


def sample_id(sample):
    shapes = ",".join(
        "x".join(map(str, arg.shape)) or "."
        if arg.value is None
        else f"={arg.value}".replace("\n", "")
        for arg in sample.operands
    )
    return f"{sample.op}-{shapes}".replace(" ", "")[:110]
