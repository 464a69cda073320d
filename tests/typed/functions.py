"""User code that pyright checks strictly: functions, variables, shared values, derivatives.

What a user writes has no unknown types; ``tests/test_typed.py`` runs it, too.
"""

import numpy as np
import numpy.typing as npt

import gradcore
import gradcore.tensor as T
from gradcore import In, Mode, Out, function, shared
from gradcore.errors import ArgumentError, GradcoreError

Vector = npt.NDArray[np.float64]

x = T.dvector("x")
y: T.TensorVariable = T.exp(x) + 2 * x
a, b = T.dscalars("a", "b")
M = T.matrix("M", dtype="float32")
total = T.sum(y * y, axis=0)
slope = T.grad(total, x)
several = T.grad(T.sum(x) * a, [x, a])
first, second = several
curvature = T.hessian(total, x)
rows = T.jacobian(y, x)
forward = T.Rop(y, x, x)
backward = T.Lop(y, x, y)

f = function([x], y)
value: Vector = f([1.0, 2.0])
g = function([x, In(a, value=1.0)], [total * a, slope], mode=Mode("numpy", optimizer=False))
both: list[npt.NDArray[np.float64]] = g([1.0, 2.0])
h = function([x], {"loss": total, "slope": slope}, name="h", allow_input_downcast=True)
named: dict[str, Vector] = h(x=[1.0, 2.0])
quiet = function([x], Out(y, borrow=True), on_unused_input="ignore", profile=False)

w = shared(np.zeros(2), "w")
count = shared(0, name="count")
step = function([x], T.dot(w, x), updates={w: w - 0.1 * x, count: count + 1})
result: Vector = step([1.0, 1.0])
pairs = function([x], [], updates=[(w, w + x)], givens={a: T.constant(2.0)})
before: Vector = w.get_value()
w.set_value(before + 1)
shape: str = w.name or f.maker.mode.backend or "none"

mask = T.switch(x > 0, x, 0.0)
part = x[1:] + x[:-1] - x[0]
stacked = T.stack([x, y]).T @ x[:2]
joined = T.concatenate([x, y], axis=0).reshape((2, -1)).sum(axis=1).mean()
moved = T.set_subtensor(x[0], 1.0)
compared = T.eq(x, y) & (x < y) | T.isnan(x)
picked = T.argmax(x), x.argmax(), x.max(), x.norm(2)
number: float = float(total.eval({x: [0.0, 1.0]}))
text: str = gradcore.pp(y)
printed = gradcore.debugprint(y, file="str")


def loss(weights: T.TensorVariable, data: T.TensorVariable) -> T.TensorVariable:
    """Return a loss."""
    return T.mean(T.sqr(T.dot(data, weights)))


def safe(values: object) -> Vector | None:
    """Return what a function returns, or None."""
    try:
        found: Vector = f(values)
    except ArgumentError:
        return None
    except GradcoreError as error:
        raise SystemExit(error.what) from error
    return found


assert (
    value.shape == (2,)
    and safe("text") is None
    and len(both) == 2
    and set(named) == {"loss", "slope"}
)
