"""What ops require is checked whatever the optimizer does: the plain graph is the judge."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import ifelse
from gradcore.conformance.samples import all_samples, draw, sample_id
from gradcore.errors import GradcoreError
from gradcore.graph import Constant, TensorType, Variable, ancestors
from gradcore.ops.elementwise import Elementwise

PLAIN = gradcore.Mode("numpy", optimizer=False)
CUDA = gradcore.Mode("cuda", runtime="host")
ERRORS = (ValueError, IndexError, AssertionError)

# Rows are checked by one rule: one of each number of operands stands for all.
ROWS = {"exp", "add", "switch"}
SAMPLES = [
    sample
    for sample in all_samples()
    if not isinstance(sample.op, Elementwise) or sample.op.name in ROWS
]


def open_variables(sample, values):
    """Return variables of which nothing but ranks and what stretches is known."""
    return [
        Constant(value)
        if arg.value is not None and value.ndim == 0 and value == -1
        else Variable(
            TensorType(value.dtype.name, tuple(1 if n == 1 else None for n in value.shape)),
            f"x{i}",
        )
        for i, (arg, value) in enumerate(zip(sample.operands, values, strict=True))
    ]


def spoiled(value, known):
    """Yield wrong values for an operand: other extents, other numbers where they are indices."""
    for axis in range(value.ndim):
        if value.shape[axis] != 1:
            yield np.concatenate([value, value], axis)
            yield np.take(value, [], axis)
            yield np.take(value, range(value.shape[axis] - 1), axis)
            yield np.take(value, [0], axis) if value.shape[axis] else value
    if known and value.dtype == bool:
        yield ~value
    elif known:
        for wrong in (-100, -2, 0, 1, 3, 100):
            changed = value.copy()
            changed.flat[:1] = wrong
            yield changed


def total(y):
    return T.sum(T.cast(y, "float64"))


def in_loop(n):
    """Return a context: the op in the body of a loop, stacked and not read."""

    def context(op, x):
        def step(s, *inputs):
            return s + 1, total(first(op, inputs))

        (states, _), _ = gradcore.scan(
            step, outputs_info=[np.float64(0), None], non_sequences=list(x), n_steps=n
        )
        return states

    return context


def first(op, inputs):
    found = op(*inputs)
    return found[0] if isinstance(found, list) else found


def gradient(op, x):
    (wrt, *_) = [v for v in x if v.dtype == "float64" and not isinstance(v, Constant)]
    return T.grad(total(first(op, x)), wrt, disconnected_inputs="ignore")


CONTEXTS = {
    "zeros": lambda op, x: T.zeros_like(first(op, x)),
    "shape": lambda op, x: first(op, x).shape,
    "not chosen": lambda op, x: T.switch(True, 1.0, total(first(op, x))),
    "beside": lambda op, x: T.stack([total(first(op, x)), 1.0])[1],
    "part": lambda op, x: T.set_subtensor(T.zeros(3)[:], total(first(op, x)) * 0.0)[0],
    "gradient": gradient,
    "loop": in_loop(2),
    "loop of no steps": in_loop(0),
    "taken": lambda op, x: ifelse(True, T.zeros_like(total(first(op, x))), 1.0),
    "not taken": lambda op, x: ifelse(False, T.zeros_like(total(first(op, x))), 1.0),
}


def outcome(f, values):
    """Return the class of the error that a call raises, or None, and the result."""
    try:
        return None, f(*values)
    except ERRORS as error:
        return type(error), error


def compare(sample, context, modes, rng, limit=None):
    """Return how often the plain graph raised, after comparing modes with it."""
    values = [draw(arg, rng) for arg in sample.operands]
    x = open_variables(sample, values)
    try:
        out = CONTEXTS[context](sample.op, x)
    except (GradcoreError, ValueError):
        return None
    inputs = [v for v in x if not isinstance(v, Constant)]
    used = set(ancestors([out]))
    if not used.intersection(inputs):
        return None
    functions = [gradcore.function(inputs, out, m, on_unused_input="ignore") for m in modes]
    plain = gradcore.function(inputs, out, PLAIN, on_unused_input="ignore")
    raised = 0
    for k, (arg, v, value) in enumerate(zip(sample.operands, x, values, strict=True)):
        if isinstance(v, Constant):
            continue
        for wrong in [value, *list(spoiled(value, arg.value is not None))[:limit]]:
            given = [
                w if j != k else wrong.astype(value.dtype)
                for j, (u, w) in enumerate(zip(x, values, strict=True))
                if not isinstance(u, Constant)
            ]
            position = [u for u in x if not isinstance(u, Constant)].index(v)
            given[position] = wrong.astype(value.dtype)
            expected, result = outcome(plain, given)
            raised += expected is not None
            for f in functions:
                found, told = outcome(f, given)
                shapes = [(g.shape, g.tolist() if g.dtype != float else "") for g in given]
                about = f"{f.maker.backend.name}: {shapes}: plain {result!r}, found {told!r}"
                assert (found is None) == (expected is None), about
                if found is not None:
                    assert issubclass(found, expected) or expected is ValueError, about
                    assert issubclass(found, ERRORS[:1] if expected is ValueError else expected)
    return raised


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_numpy_raises_what_the_plain_graph_raises(sample, context, rng):
    compare(sample, context, ["numpy"], rng)


CLASSES = list({type(s.op): s for s in SAMPLES}.values())


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("sample", CLASSES, ids=sample_id)
def test_c_raises_what_the_plain_graph_raises(sample, context, rng):
    compare(sample, context, ["c"], rng)


@pytest.mark.parametrize("context", ["gradient", "loop", "taken"])
@pytest.mark.parametrize("sample", CLASSES, ids=sample_id)
def test_cuda_raises_what_the_plain_graph_raises(sample, context, rng):
    compare(sample, context, [CUDA], rng)
