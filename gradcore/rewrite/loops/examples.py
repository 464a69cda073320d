"""Loops on which the rules about loops fire."""

from __future__ import annotations

from gradcore.gradient import grad
from gradcore.graph import Constant, Variable
from gradcore.language import LANGUAGE
from gradcore.ops.loop import Seeds
from gradcore.ops.scalars import gt, or_
from gradcore.scan import scan, until
from gradcore.scan.builder import LoopBuilder


def stacks(x: Variable) -> list[Variable]:
    """Return a state and the rows beside it, over a loop."""

    def step(row: Variable, state: Variable) -> list[Variable]:
        return [LANGUAGE["tanh"](LANGUAGE["dot"](state, x) + row), row]

    found, _ = scan(step, x, [x, None])
    return found


def endless(x: Variable) -> Variable:
    """Return the last of as many states as it takes: it ends for every ``x``, NaN or empty."""

    def step(state: Variable, taken: Variable) -> tuple[Variable, Variable, until]:
        new = state + LANGUAGE["abs"](x) + 1
        return new, taken + 1, until(or_(gt(new.sum(), 10), gt(taken, 2)))

    found, _ = scan(step, None, [LANGUAGE["zeros_like"](x), Constant(0)])
    return found[0][-1]


def gradient(x: Variable) -> Variable:
    """Return the gradient of a loop."""
    return grad(stacks(x)[0].sum(), x)


def gradient_of_elements(x: Variable) -> Variable:
    """Return the gradient of a loop, in its elements."""

    def step(row: Variable, state: Variable) -> Variable:
        return LANGUAGE["tanh"](LANGUAGE["dot"](row, x.T) + state)

    found, _ = scan(step, x * 2, x[0])
    return grad(found.sum(), x)


def scaled_gradient(x: Variable) -> Variable:
    """Return the gradient of a loop in its rows, and in what all of its elements are scaled by."""
    scale = x[0, 0] * 2

    def step(row: Variable, state: Variable, scale: Variable) -> Variable:
        return LANGUAGE["tanh"](state * scale + row)

    found, _ = scan(step, x, x[0], scale)
    return grad(found.sum(), x)


def shaped(x: Variable) -> Variable:
    """Return a loop whose steps read the extents of a state and of an element."""

    def step(row: Variable, state: Variable) -> Variable:
        return state * row.shape[0] + row[: state.shape[0]]

    found, _ = scan(step, x, LANGUAGE["zeros_like"](x[0]))
    return found


def repeated(x: Variable) -> Variable:
    """Return a loop over elements that are equal."""

    def step(row: Variable, weight: Variable, state: Variable) -> Variable:
        return LANGUAGE["tanh"](state * weight + row)

    found, _ = scan(step, [x, LANGUAGE["alloc"](x[0, 0], x.shape[0])], x[0])
    return found


def doubled(x: Variable) -> Variable:
    """Return a loop with two constants that are one."""

    def step(row: Variable, state: Variable) -> Variable:
        return LANGUAGE["tanh"](state * (x[0] * 1) + x[0] + row)

    found, _ = scan(step, x, x[0])
    return found


def decay(x: Variable) -> Variable:
    """Return a state that decays by a function of each row."""

    def step(row: Variable, state: Variable) -> Variable:
        return state * LANGUAGE["exp"](row)

    found, _ = scan(step, x, x[0])
    return found


def cumulative_sum(x: Variable) -> Variable:
    """Return a sum, collected by a loop."""

    def step(row: Variable, state: Variable) -> Variable:
        return state + row

    found, _ = scan(step, x, x[0])
    return found[-1]


def sum_of_magnitudes(x: Variable) -> Variable:
    """Return a sum that a loop collects of what is never negative."""

    def step(row: Variable, total: Variable) -> Variable:
        return total + LANGUAGE["abs"](row)

    found, _ = scan(step, x, LANGUAGE["zeros_like"](x[0]))
    return found[-1]


def two_loops(x: Variable) -> Variable:
    """Return what two loops of as many steps give, that share what they are computed from."""

    def add(state: Variable, x: Variable) -> Variable:
        return LANGUAGE["tanh"](state + x[0])

    def multiply(state: Variable, x: Variable) -> Variable:
        return state * x[0]

    one, _ = scan(add, None, x[0], x, n_steps=x.shape[0])
    other, _ = scan(multiply, None, x[0], x, n_steps=x.shape[0])
    return one + other


def unread(x: Variable) -> Variable:
    """Return one of two states of a loop."""

    def step(row: Variable, a: Variable, b: Variable) -> list[Variable]:
        return [LANGUAGE["tanh"](a * row), b - row]

    (found, _), _ = scan(step, x, [x[0], x[0]])
    return found


def twins(x: Variable) -> Variable:
    """Return two states that are always equal."""

    def step(row: Variable, a: Variable, b: Variable) -> list[Variable]:
        return [LANGUAGE["tanh"](a * row), LANGUAGE["tanh"](b * row)]

    (a, b), _ = scan(step, x, [x[0], x[0]])
    return a + b


def segments(x: Variable) -> Variable:
    """Return a loop and its gradient, which takes the steps by two."""

    def step(row: Variable, state: Variable) -> Variable:
        return LANGUAGE["tanh"](state * x[0] + row)

    found, _ = scan(step, x, x[0], checkpoint=2)
    return found[-1] * grad(found.sum(), x)[0]


def seeds(x: Variable) -> Variable:
    """Return what a loop stacks whose steps may all be taken at once."""
    return _seeded(x, Seeds())


def chunks(x: Variable) -> Variable:
    """Return what a loop stacks of which two steps may be taken at once."""
    return _seeded(x, Seeds(at_once=2))


def _seeded(x: Variable, seeds: Seeds) -> Variable:
    def step(i: Variable) -> Variable:
        return LANGUAGE["tanh"](x[i] * x[0])

    loop = LoopBuilder(step, LANGUAGE["arange"](x.shape[0]), None, None, None, False, False, None)
    return loop.build(-1, seeds=seeds)[0]
