"""Reductions of many float32 numbers, which the backends that print loops add up accurately."""

import numpy as np

import gradcore
import gradcore.tensor as T

x = T.fmatrix("x")
stack = x.reshape((x.shape[0], 1, x.shape[1]))

PROGRAMS = {
    "all": (x.sum(), lambda a: a.sum()),
    "mean": (x.mean(), lambda a: a.mean()),
    "columns": (x.sum(0), lambda a: a.sum(0)),
    "means of columns": (x.mean(0), lambda a: a.mean(0)),
    "rows": (x.T.sum(1), lambda a: a.sum(0)),
    "largest row": (x.T.sum(1).max(), lambda a: a.sum(0).max()),
    "outer and inner": (stack.sum((0, 2)), lambda a: a.sum().reshape(1)),
    "one column": (x[:, 0].sum(), lambda a: a[:, 0].sum()),
    "elements": (T.exp(x).sum(), lambda a: np.exp(a).sum()),
    "norm": (T.sqrt((x**2).sum()), lambda a: np.sqrt((a**2).sum())),
    "dot": (T.dot(x[:, 0], x[:, 1]), lambda a: a[:, 0] @ a[:, 1]),
    "ones": (T.dot(T.ones((x.shape[0],), "float32"), x), lambda a: a.sum(0)),
    "vector by matrix": (T.dot(x[:, 0], x), lambda a: a[:, 0] @ a),
    "columns by columns": (T.dot(x.T, x), lambda a: a.T @ a),
    "rows by columns": (T.dot(x.T + 0, x[:, :1]), lambda a: a.T @ a[:, :1]),
    "softmax": (T.softmax(x[:, 0])[:1], lambda a: 1 / np.exp(a[:, 0] - a[0, 0]).sum().reshape(1)),
    "logsumexp": (T.logsumexp(x[:, 0]), lambda a: np.log(np.exp(a[:, 0]).sum())),
    "variance": (T.var(x[:, 0]), lambda a: a[:, 0].var()),
    "of rows in strips": (T.log(x.sum(1)).sum(), lambda a: np.log(a.sum(1)).sum()),
    "cumulative": (T.cumsum(x[:, 0])[-1], lambda a: a[:, 0].sum()),
    "cumulative columns": (T.cumsum(x, 0)[-1], lambda a: a.sum(0)),
    "product": (T.prod(1 + x[:, 0] / x.shape[0]), lambda a: np.prod(1 + a[:, 0] / len(a))),
    "in a loop": (
        gradcore.scan(lambda k: (x * k).sum(0), sequences=T.arange(2, dtype="float32"))[0][1],
        lambda a: a.sum(0),
    ),
}
"""Of a matrix: what is computed, and the same in float64."""

SIZES = (1, 33, 1025, 100_003)
"""Numbers of rows: below, around and far beyond what is added up at a time."""


TOLERANCE = 2048 / 4 * 2.0**-24
"""What a block of equal terms loses that are added one after the other, without vectors."""


def check(name, mode, sizes=SIZES, tolerance=TOLERANCE):
    """Hold a program of equal and of random numbers to its result in float64."""
    output, reference = PROGRAMS[name]
    f = gradcore.function([x], output, mode=mode)
    random = np.random.default_rng(1)
    for n in sizes:
        for a in (np.full((n, 3), 0.1, "f"), random.random((n, 3), dtype="f")):
            wanted = reference(a.astype("float64"))
            np.testing.assert_allclose(f(a), wanted, rtol=tolerance, atol=1e-6, err_msg=f"{n}")
            np.testing.assert_array_equal(f(a), f(a))
