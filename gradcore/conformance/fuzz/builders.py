"""What random graphs are built of: functions of a `Draw` that return an expression.

Rows, ops and rules are found, not listed: a new one is drawn because it is declared.  What is
listed here are words of the tensor language whose arguments need a plan: indices, extents, axes,
loops.  A builder may raise what the language raises for operands that do not fit.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gradcore.tensor as T
from gradcore.conformance import samples
from gradcore.conformance.fuzz.draw import Draw
from gradcore.dtypes import COMPLEX, DISCRETE, FLOATS, SIGNED, UNSIGNED
from gradcore.graph import Constant, Op, Variable
from gradcore.graph.op import Arg, Sample
from gradcore.language import listed
from gradcore.ops import scalars
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.fourier import Transform
from gradcore.rewrite import STAGES, Group, Rule, Stage
from gradcore.scan import scan, until

Builder = Callable[[Draw], Any]
"""A function that returns an expression, or several."""

EXTREMES = (
    0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -7.0, 1e-3, 300.0, 1e30, 1e-30, 1e200, 1e-200,
    float("inf"), float("-inf"), float("nan"),
)  # fmt: skip

BUILDERS: list[Builder] = []


def builder(weight: int = 1) -> Callable[[Builder], Builder]:
    """Make a function a builder, drawn ``weight`` times as often as others."""

    def add(function: Builder) -> Builder:
        BUILDERS.extend([function] * weight)
        return function

    return add


@functools.cache
def ops(of_complex: bool = True) -> tuple[tuple[Elementwise, ...], tuple[type[Op], ...]]:
    """Return the elementwise ops and the classes of other ops.

    of_complex : whether those are among them that take, or return, complex numbers alone.
    """
    rows = samples.rows()
    classes = [cls for cls in samples.op_classes() if cls.samples()]
    if not of_complex:
        rows = [op for op in rows if _is_real(op)]
        classes = [cls for cls in classes if not issubclass(cls, Transform)]
    return tuple(rows), tuple(classes)


def _is_real(op: Elementwise) -> bool:
    node = samples.accepted(op, [samples.usual_dtype(op)] * op.operands)
    return node is not None and not any(v.type.is_complex for v in (*node.inputs, node.out))


# what is declared -------------------------------------------------------------------------------
@builder(weight=12)
def row(draw: Draw) -> Any:
    """Apply an elementwise op to what is there."""
    op = draw.one(ops(draw.complex)[0])
    return op(*(draw.operand() for _ in range(op.operands)))


@builder(weight=6)
def row_in_its_domain(draw: Draw) -> Any:
    """Apply an elementwise op to operands in the domain that it declares."""
    return _in_domain(draw, draw.one(ops(draw.complex)[0]))


@builder(weight=4)
def sample(draw: Draw) -> Any:
    """Apply another op to operands of its own, as its samples are."""
    return _sampled(draw, draw.one(ops(draw.complex)[1]))


def by_turns(draw: Draw) -> Any:
    """Apply the op whose turn it is by the seed: all have theirs."""
    rows, classes = ops()
    every = (*rows, *classes)
    op = every[draw.seed % len(every)]
    rows, classes = ops(of_complex=False)
    draw.complex |= op not in (*rows, *classes)
    return _in_domain(draw, op) if isinstance(op, Elementwise) else _sampled(draw, op)


def _in_domain(draw: Draw, op: Elementwise) -> Any:
    dtypes = (*COMPLEX * draw.complex, *FLOATS, *DISCRETE)
    taken = [d for d in dtypes if samples.accepted(op, [d] * op.operands)]
    dtypes = [d for d in taken if d not in DISCRETE] or taken
    shape, dtype = draw.shape(), draw.one(dtypes)
    args = [Arg(shape, dtype, low, high) for low, high in op.domain]
    variables, values = samples.operands(Sample(op, tuple(args)), draw.rng)
    return op(*map(draw.given, variables, values))


def _sampled(draw: Draw, cls: type[Op]) -> Any:
    found = draw.one(list(cls.samples()))
    dtype = draw.one(FLOATS + COMPLEX * draw.complex)
    variables, values = samples.operands(found, draw.rng, dtype, static=draw.chance(0.3))
    return found.op(*map(draw.given, variables, values))


@builder(weight=6)
def example(draw: Draw) -> Any:
    """Apply what a rule of the optimizer looks for."""
    rule = draw.one(RULES)
    function: Any = draw.one(rule.examples)
    return function(*(draw.operand() for _ in inspect.signature(function).parameters))


def _rules() -> list[Rule]:
    found: dict[str, Rule] = {}
    for stage in STAGES:
        for inner in stage.stages if isinstance(stage, Group) else (stage,):
            if isinstance(inner, Stage):
                found.update({rule.name: rule for rule in inner.rules if rule.examples})
    return list(found.values())


RULES = _rules()


@builder(weight=3)
def with_constant(draw: Draw) -> Any:
    """Apply arithmetic with a constant at an extreme, now and then of an integer dtype."""
    x = draw.operand()
    c: Any = int(draw.one((0, 1, 2, -1, 7, 100)))
    if x.type.is_inexact:
        c = draw.one(EXTREMES)
    if x.type.is_complex and draw.chance(0.5):
        c = draw.one((1j, -1j, 2j, 0.5 - 1j, complex(0, -0.0), complex(-0.0, 2), 1e200j))
    if draw.chance(0.3):
        dtype = draw.one((*SIGNED, *UNSIGNED))
        c = Constant(draw.one((0, 1, 2, 3, np.iinfo(dtype).min, np.iinfo(dtype).max)), dtype)
    elif x.type.is_inexact:
        with np.errstate(over="ignore"):
            c = Constant(np.asarray(c, x.dtype))
    op = draw.one((scalars.add, scalars.sub, scalars.mul, scalars.true_div))
    return op(x, c) if draw.chance(0.5) else op(c, x)


@builder(weight=2)
def cast(draw: Draw) -> Any:
    """Return another dtype."""
    return T.cast(draw.operand(), draw.one((*FLOATS, *DISCRETE, *COMPLEX * draw.complex)))


# along axes -------------------------------------------------------------------------------------
REDUCTIONS = (
    T.sum, T.prod, T.max, T.min, T.mean, T.any, T.all, T.logsumexp, T.var, T.std, T.norm, T.ptp,
)  # fmt: skip


@builder(weight=5)
def reduction(draw: Draw) -> Any:
    """Reduce some axes."""
    x = draw.operand()
    axis: Any = None
    if x.ndim and draw.chance(0.8):
        axis = draw.axis(x)
        if draw.chance(0.2):
            axis = tuple(sorted({axis % x.ndim, draw.axis(x) % x.ndim}))
    return draw.one(REDUCTIONS)(x, axis=axis, keepdims=draw.chance(0.3))


TAKING = ("raise", "clip", "wrap")


@builder(weight=5)
def along(draw: Draw) -> Any:
    """Apply a function along an axis."""
    x = draw.tensor()
    axis = draw.axis(x)
    return draw.one(
        (
            lambda: T.cumsum(x, axis), lambda: T.cumprod(x, axis), lambda: T.sort(x, axis),
            lambda: T.argsort(x, axis), lambda: T.argmax(x, axis), lambda: T.argmin(x, axis),
            lambda: T.softmax(x, axis), lambda: T.log_softmax(x, axis), lambda: T.flip(x, axis),
            lambda: T.log(T.softmax(x, axis)), lambda: T.diff(x, axis=axis),
            lambda: T.roll(x, draw.count(), axis), lambda: T.repeat(x, draw.count(), axis),
            lambda: T.take_along_axis(x, T.argsort(x, axis), axis),
            lambda: T.take(x, draw.indices(x.type.shape[axis]), axis, draw.one(TAKING)),
            lambda: T.max_and_argmax(x, axis)[0],
        )
    )()  # fmt: skip


@builder(weight=3)
def product(draw: Draw) -> Any:
    """Multiply as vectors and matrices."""
    x, y = draw.operand(), draw.operand()
    return draw.one((T.dot, T.matmul, T.outer, T.inner, T.tensordot))(x, y)


@builder(weight=2)
def transformed(draw: Draw) -> Any:
    """Return a Fourier transform, in graphs of complex numbers."""
    x = draw.tensor()
    names = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "irfftn")
    name = draw.one(names if draw.complex else ("fftshift", "ifftshift"))
    return getattr(T.fft, name)(x)


# shapes -----------------------------------------------------------------------------------------
@builder(weight=5)
def shaped(draw: Draw) -> Any:
    """Move elements about."""
    x = draw.tensor()
    axis = draw.axis(x)
    return draw.one(
        (
            lambda: x.T, lambda: x.flatten(), lambda: x.ravel(), lambda: T.expand_dims(x, axis),
            lambda: x.reshape((-1,)), lambda: x.reshape((x.shape[0], -1)),
            lambda: x.reshape((draw.count(), draw.count())),
            lambda: T.moveaxis(x, axis, draw.axis(x)), lambda: x.dimshuffle(*range(x.ndim), "x"),
            lambda: T.concatenate([x, draw.tensor()], axis), lambda: T.stack([x, x * 2], 0),
            lambda: T.tile(x, (draw.count(),) * x.ndim), lambda: T.squeeze(x, axis),
            lambda: T.split(x, [1, x.shape[axis] - 1], 2, axis)[1],
            lambda: T.specify_shape(x, draw.shape_of(x)), lambda: T.diagonal(x), lambda: T.diag(x),
            lambda: T.tril(x, draw.small()), lambda: T.triu(x, draw.small()),
            lambda: T.shape_padleft(x), lambda: T.broadcast_to(x, (draw.count(), *x.shape)),
        )
    )()  # fmt: skip


@builder(weight=3)
def extent(draw: Draw) -> Any:
    """Compute with extents, and make tensors of them."""
    x = draw.tensor()
    n: Any = x.shape[draw.axis(x)] if draw.chance(0.5) else draw.count()
    m = draw.count()
    return draw.one(
        (
            lambda: x.shape, lambda: x.size + n, lambda: n * m - 1, lambda: T.arange(n),
            lambda: T.arange(draw.small(), n, draw.or_hostile(2)), lambda: T.ones((n, m)).sum(),
            lambda: T.zeros((m, n)), lambda: T.full((n,), draw.scalar()), lambda: T.eye(n, m),
            lambda: T.alloc(draw.operand(), m, n), lambda: T.tri(n, m, draw.small()),
            lambda: T.zeros_like(x), lambda: T.ones_like(x), lambda: T.fill(x, draw.scalar()),
            lambda: T.linspace(0, 1, n),
        )
    )()  # fmt: skip


# indices ----------------------------------------------------------------------------------------
def _entry(draw: Draw, x: Variable, axis: int) -> Any:
    """Return an index for an axis: a number, a slice, an array, a mask."""
    n = x.type.shape[axis]
    entries: tuple[Callable[[], Any], ...] = (
        draw.small, lambda: slice(None), lambda: slice(draw.small(), None),
        lambda: slice(None, draw.small()), lambda: slice(None, None, -1),
        lambda: slice(draw.small(), draw.small(), draw.or_hostile(draw.one((1, 2, -1, -2)))),
        draw.index, lambda: slice(draw.index(), None), lambda: slice(None, draw.index()),
        lambda: slice(None, None, draw.integer(draw.one((1, 2, -1)))),
        lambda: slice(draw.index(), draw.index()), lambda: x.shape[axis] - 1,
        lambda: slice(x.shape[axis] - 1, None),
        lambda: np.array([0, 0]), lambda: draw.indices(x.type.shape[axis]),
        lambda: T.arange(x.shape[axis]) > draw.small(), lambda: np.array([True, False, True][:n]),
        lambda: slice(6, 7), lambda: slice(None, None, 2**62),
    )  # fmt: skip
    return draw.one(entries)()


def _key(draw: Draw, x: Variable) -> Any:
    count = int(draw.rng.integers(1, x.ndim + 1))
    keys = [_entry(draw, x, axis) for axis in range(count)]
    if draw.chance(0.1):
        keys.insert(int(draw.rng.integers(0, count + 1)), None)
    return tuple(keys)


@builder(weight=6)
def part(draw: Draw) -> Any:
    """Read a part."""
    x = draw.tensor()
    return x[_key(draw, x)]


@builder(weight=6)
def written(draw: Draw) -> Any:
    """Write a part, or add to it."""
    x = draw.tensor()
    target = x[_key(draw, x)]
    y: Any = draw.operand() if draw.chance(0.3) else draw.scalar()
    if draw.chance(0.3):
        y = target * 2
    return draw.one((T.set_subtensor, T.inc_subtensor))(target, y)


@builder()
def chosen(draw: Draw) -> Any:
    """Take one of two branches, or those elements for which a condition is true."""
    x, y = draw.operand(), draw.operand()
    if draw.chance(0.5):
        return T.ifelse(draw.scalar() > 0, x, y)
    return T.switch(x > 0, x, y)


@builder()
def found(draw: Draw) -> Any:
    """Let the shape depend on elements."""
    x = draw.tensor()
    return draw.one((lambda: x[x > 0], lambda: T.nonzero(x)[0], lambda: T.repeat(x, 2)))()


@builder()
def asserted(draw: Draw) -> Any:
    """Assert something, which may be false."""
    x, y = draw.operand(), draw.operand()
    return T.assert_op(x, T.all(T.eq(y, y)) if draw.chance(0.7) else y.sum() > 0)


# loops ------------------------------------------------------------------------------------------
def _step(draw: Draw, *operands: Variable) -> Variable:
    """Return something made of all operands."""
    total: Any = None
    for v in operands:
        term = draw.one(MODERATE)(v)
        total = term if total is None else draw.one((T.add, T.mul, T.maximum, T.sub))(total, term)
    return T.tanh(total)


MODERATE: Sequence[Callable[[Any], Any]] = (
    T.sin, T.tanh, T.sigmoid, lambda v: v * 0.5, lambda v: -v, lambda v: 1 / (1 + T.sqr(v)),
    lambda v: v, lambda v: v + 0, lambda v: T.softplus(v) - 1,
)  # fmt: skip


@builder(weight=2)
def mapped(draw: Draw) -> Any:
    """Loop over the first axis, without a state."""
    x, c = draw.tensor(), draw.operand()

    def step(e: Any, k: Any) -> Any:
        return draw.one(MODERATE)(e) * k

    out, _ = scan(step, x, None, c)
    return out


@builder(weight=4)
def recurrence(draw: Draw) -> Any:
    """Loop with a state."""
    x = draw.tensor(dtype=draw.one(("float64", "float64", "float32")))
    backwards, stops, taps = draw.chance(0.3), draw.chance(0.2), draw.chance(0.2)
    start = T.zeros_like(x[0])

    def step(*operands: Any) -> Any:
        new = T.cast(_step(draw, *operands), x.dtype)
        return (new, until(T.abs(new).sum() > 0.9)) if stops else new

    sequences: Any = [{"input": x, "taps": [0, 1]}] if taps else x
    n: Any = draw.count() if draw.chance(0.2) else None
    out, _ = scan(step, sequences, start, n_steps=n, go_backwards=backwards)
    return out if draw.chance(0.6) else out[-1]


@builder(weight=2)
def nested(draw: Draw) -> Any:
    """Loop in a loop, and read and write parts inside."""
    x = draw.tensor(dtype="float64")

    def inner(e: Any, s: Any) -> Any:
        return _step(draw, e, s)

    def step(e: Any, s: Any) -> Any:
        if e.ndim == 0:
            return _step(draw, e, s)
        rows, _ = scan(inner, e, T.zeros_like(e[0]))
        changed = draw.one((T.set_subtensor, T.inc_subtensor))(s[draw.one((0, -1))], rows[-1])
        return draw.one((lambda: T.tanh(rows + s), lambda: changed * 0.5))()

    out, _ = scan(step, x, T.zeros_like(x[0]))
    return listed(out)[0]
