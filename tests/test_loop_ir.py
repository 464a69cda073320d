"""Programs of loops written by hand: what each statement means, and wrong ones are caught."""

import numpy as np
import pytest

from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Break,
    Buffer,
    Check,
    For,
    If,
    Let,
    Library,
    Literal,
    Load,
    Matmul,
    Point,
    Program,
    Reduction,
    Scope,
    Store,
    Strided,
    Symbol,
    call,
    cast,
    integer,
)
from gradcore.ops.elementwise import entry

ADD = entry("add")
n = Symbol("n")
i, j, taken = Symbol("i"), Symbol("j"), Symbol("taken")
total = Symbol("total", "float64")
x = Buffer("x", "float64", (n,), "input")
y = Buffer("y", "float64", (n,), "output")
work = Buffer("work", "float64", (integer(2), n))
flat = Buffer("flat", "float64", (n * 2,), alias=work)
short = Buffer("short", "float64", (integer(2),))
at = Buffer("at", "float64", (n,), "pointer")
HALF = Literal(0.5, "float64")
X = np.array([3.0, 1.0, 2.0])


def made(*body, checks=()):
    """Return a program of a vector that returns a vector."""
    return interpret(Program([x], [y], [], list(body), list(checks), [], ""))


def less(a, b):
    return call(entry("lt"), (a, b), "bool")


def filled(buffer, *lead):
    return For(j, n, [Store(buffer, (*lead, j), HALF)])


def summed(*reductions, ordered=False, row=ADD):
    """Return the sum of x, in a register."""
    element = call(row, (total, Load(x, (i,))), "float64")
    return [
        Let(total, HALF),
        For(i, n, [Let(total, element, fresh=False)], ordered, list(reductions)),
    ]


def test_statements_by_hand():
    """What statements mean."""
    enough = [Let(taken, i, fresh=False), Break()]
    f = made(
        Allocate(y),
        Allocate(work),
        filled(work, ZERO),
        For(i, n, [Store(work, (ONE, i), Load(x, (i,)))]),
        Let(total, HALF),
        Let(taken, n),
        For(
            i,
            n * 2,
            [
                Let(total, total + Load(flat, (i,)), fresh=False),
                If(less(Literal(4.0, "float64"), total), enough),
            ],
            ordered=True,
        ),
        Allocate(at),
        Point(at, flat, (n,)),
        For(i, n, [Store(y, (i,), Load(at, (i,)) + total)]),
        Store(at, (ZERO,), HALF),
        Store(y, (ONE,), Load(work, (ONE, ZERO)) + cast(taken, "float64")),
    )
    given = X.copy()
    np.testing.assert_array_equal(f(given)[0], [8, 0.5 + 3, 7])
    np.testing.assert_array_equal(given, X)


@pytest.mark.parametrize("ordered", [False, True])
def test_contributions(ordered):
    body = [*summed(Reduction(total, ADD), ordered=ordered), Allocate(y)]
    body.append(For(i, n, [Store(y, (i,), total)]))
    np.testing.assert_array_equal(made(*body)(X)[0], [6.5] * 3)


def test_products_by_hand():
    """A part of a buffer may lie in it in any way; the product may be added to what is there."""
    column = Strided(x, (n - 1,), (n, ONE), ((integer(-1),), (ZERO,)))
    square = Strided(work, (ZERO, ZERO), (n, n), ((ZERO, ONE), (ZERO, ZERO)))
    f = made(
        Allocate(work),
        filled(work, ZERO),
        Allocate(y),
        filled(y),
        Matmul(Strided(y, (ZERO,), (n, ONE), ((ONE,), (ZERO,))), square, column, True),
    )
    np.testing.assert_array_equal(f(X)[0], [0.5 + 0.5 * 6] * 3)


def test_library_by_hand():
    f = made(
        Allocate(y),
        Library("sort_float64", (ONE, n), (x,), (y,), lambda rows: (np.sort(rows),)),
    )
    np.testing.assert_array_equal(f(X)[0], [1, 2, 3])


def test_checks_by_hand():
    f = made(
        Check(0, less(n, integer(3)), (n, n + 1)),
        Allocate(y),
        filled(y),
        checks=[lambda values: ValueError(values)],
    )
    np.testing.assert_array_equal(f(X[:2])[0], [0.5, 0.5])
    with pytest.raises(ValueError, match="3, 4"):
        f(X)


column = Strided(x, (ONE,), (n, ONE), ((ONE,), (ZERO,)))
inner = Buffer("inner", "float64", (i,))

WRONG = {
    "out of bounds": [Allocate(y), For(i, n, [Store(y, (i + 1,), HALF)])],
    "not written": [Allocate(y)],
    "read, which was not written": [Allocate(y), Store(y, (ZERO,), Load(y, (ONE,)))],
    "not declared": [Allocate(y), Store(y, (ZERO,), total)],
    "y is not declared": [Store(y, (ZERO,), HALF)],
    "total is not declared": [
        For(i, n, [Let(total, HALF)]),
        Allocate(y),
        Store(y, (ZERO,), total),
    ],
    "declared twice": [Let(total, HALF), Let(total, HALF)],
    "not the program's own": [Store(x, (ZERO,), HALF)],
    r"share y\[": [
        Allocate(y),
        filled(y),
        For(i, n - 1, [Store(y, (i + 1,), Load(y, (i,)))]),
    ],
    r"share y\[0\]": [Allocate(y), For(i, n, [Store(y, (ZERO,), HALF)])],
    "share total": summed(),
    "no contribution": summed(Reduction(total, entry("maximum"))),
    "to which others contribute": [
        Let(total, HALF),
        Allocate(y),
        For(i, n, [Store(y, (i,), total)], reductions=[Reduction(total, ADD)]),
    ],
    "in order": summed(Reduction(total, None)),
    "given back": [
        Allocate(at),
        Scope([Allocate(short), Point(at, short, (ZERO,))]),
        Let(total, Load(at, (ZERO,))),
    ],
    "points nowhere": [Allocate(at), Let(total, Load(at, (ZERO,)))],
    "larger than its memory": [
        Allocate(short),
        Allocate(at),
        Point(at, short, (ZERO,)),
        Store(at, (ZERO,), HALF),
    ],
    "is left": [For(i, n, [Break()])],
    "a part of x is out of bounds": [
        Allocate(work),
        filled(work, ZERO),
        Allocate(y),
        Matmul(column, column, column),
    ],
    "float64, not int64": [Allocate(y), Store(y, (ZERO,), ZERO)],
    "i is not declared": [For(i, n, [Allocate(inner)])],
}
"""Statements that are wrong, by what is said of them."""


@pytest.mark.parametrize("message", WRONG)
def test_wrong_programs(message):
    """What a printer takes for granted is checked."""
    with pytest.raises(AssertionError, match=message):
        made(*WRONG[message])(X)
