"""Indices that do not fit: the same error on every backend, whatever rules have made of the graph.

The judge is the plain graph on NumPy: its class, its message, and the op and the line it names.
Each program has one index that is wrong; of several, backends may name different ones.
"""

import re

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T

PLAIN = gradcore.Mode("numpy", optimizer=False)
MODES = {"numpy": gradcore.Mode("numpy"), "torch": gradcore.Mode("torch")}

X, MASK = T.dmatrix("X"), T.matrix("MASK", dtype="bool")
V, AT, FLAGS = T.dvector("V"), T.lscalar("AT"), T.vector("FLAGS", dtype="bool")
J, K = T.lvectors("J", "K")
SMALL = T.vector("SMALL", dtype="int8")
GIVEN = {X: np.ones((3, 4)), V: np.ones(3)}

WEIGHTS = np.arange(9.0).reshape(3, 3) / 10
LAYERS = T.jacobian(T.tanh(T.dot(WEIGHTS, T.tanh(T.dot(WEIGHTS, T.tanh(V))))), V)
"""A Jacobian whose elements are computed without it."""

PROGRAMS = {
    "an int": (lambda: X[5], {}),
    "a negative int": (lambda: X[:, -5], {}),
    "a scalar": (lambda: X[AT], {AT: 3}),
    "a negative scalar": (lambda: X[:, AT], {AT: -5}),
    "two scalars": (lambda: X[AT, AT], {AT: 3}),
    "a step of zero": (lambda: X[::AT].sum(), {AT: 0}),
    "an array": (lambda: X[:, J], {J: [0, 4]}),
    "an array of int8": (lambda: V[SMALL] * 2, {SMALL: [0, -4]}),
    "two arrays": (lambda: X[J, K], {J: [0, 1], K: [4, 0]}),
    "arrays that differ": (lambda: X[J, K], {J: [0, 1], K: [1, 0, 2]}),
    "an array that may not stretch": (lambda: X[J, K], {J: [0], K: [1, 0, 2]}),
    "arange": (lambda: X[T.arange(AT)].sum(), {AT: 5}),
    "take": (lambda: T.take(X, J), {J: [12]}),
    "take along an axis": (lambda: T.take(X, AT, axis=-1), {AT: -5}),
    "a mask": (lambda: X[FLAGS].sum(), {FLAGS: [True] * 4}),
    "a mask of an axis": (lambda: X[:, FLAGS], {FLAGS: [True] * 3}),
    "a mask of two axes": (lambda: X[MASK], {MASK: np.ones((3, 3), bool)}),
    "a slice of a slice": (lambda: X[1:][AT], {AT: 2}),
    "an int of a slice": (lambda: X[1:][2], {}),
    "of what is reversed": (lambda: X[::-1][J], {J: [3]}),
    "of an element": (lambda: X[AT][AT], {AT: 3}),
    "of an array": (lambda: X[J][K], {J: [0, 1], K: [2]}),
    "of nothing": (lambda: X[AT:][-1], {AT: 3}),
    "written": (lambda: T.set_subtensor(X[AT], 0.0), {AT: 3}),
    "added": (lambda: T.inc_subtensor(X[1:][J], 1.0), {J: [2]}),
    "written by a mask": (lambda: T.set_subtensor(X[FLAGS], 0.0), {FLAGS: [True] * 4}),
    "written, step of zero": (lambda: T.set_subtensor(X[::AT], 0.0), {AT: 0}),
    "what is written, read": (lambda: T.set_subtensor(X[AT], 0.0)[AT], {AT: 3}),
    "what is written, read at an int": (lambda: T.set_subtensor(X[5], 0.0)[5], {}),
    "written twice": (lambda: T.set_subtensor(T.set_subtensor(X[AT], 0.0)[AT], 1.0), {AT: 3}),
    "of a sum": (lambda: X.sum(0)[AT], {AT: 4}),
    "of a product": (lambda: T.dot(X, X.T)[AT], {AT: 3}),
    "of an elementwise result": (lambda: T.switch(X > 0, T.exp(X), X)[AT] * 2, {AT: 3}),
    "of a transpose": (lambda: X.T[AT], {AT: 4}),
    "of a reshape": (lambda: X.reshape((12,))[AT], {AT: 12}),
    "of concatenated": (lambda: T.concatenate([V, V])[AT], {AT: 6}),
    "of stacked": (lambda: T.stack([V, V * 2])[AT], {AT: 2}),
    "of zeros": (lambda: T.zeros((AT,))[J], {AT: 2, J: [2]}),
    "of eye": (lambda: T.eye(AT)[3], {AT: 3}),
    "of arange": (lambda: T.arange(AT)[J], {AT: 2, J: [2]}),
    "of a shape": (lambda: X.shape[AT], {AT: 2}),
    "of sorted": (lambda: T.sort(V)[AT], {AT: 3}),
    "of log_softmax": (
        lambda: T.log(T.softmax(X))[T.arange(X.shape[0]), J],
        {J: [0, 1, 4]},
    ),
    "a gradient": (lambda: T.grad((X[1:][AT] ** 2).sum(), X), {AT: 2}),
    "a gradient at an array": (lambda: T.grad((X[J] ** 2).sum(), X), {J: [3]}),
    "of a Jacobian": (lambda: LAYERS[J, K], {J: [0, 1], K: [0, 3]}),
    "of a Jacobian, arrays that differ": (lambda: LAYERS[J, K], {J: [0, 1, 2], K: [0, 1]}),
    "of a Jacobian, reversed": (lambda: LAYERS[::-1][J, K], {J: [0, 1, 2], K: [0, 1]}),
    "of a row of a Jacobian": (lambda: LAYERS[AT][J], {AT: 1, J: [0, 3]}),
    "of a Jacobian with bands": (lambda: T.jacobian(V[1:] * V[:-1], V)[J, K], {J: [2], K: [0]}),
    "in a loop": (lambda: gradcore.scan(lambda j: V[j], J)[0], {J: [0, 3]}),
    "in each step of a loop": (lambda: gradcore.scan(lambda v: v * V[AT], V)[0], {AT: 3}),
}  # fmt: skip
"""Programs, and values of what they are indexed by, that do not fit."""

COMPILED = (
    "an int", "a negative scalar", "a step of zero", "an array of int8", "two arrays",
    "arrays that differ", "arange", "a mask of two axes", "what is written, read",
    "a slice of a slice", "in a loop", "of a Jacobian, arrays that differ",
    "of a Jacobian with bands",
)  # fmt: skip
"""Those that are run on C, too: one of each message and of each way it is checked."""


def failure(name, mode):
    """Return the class and the words of the error, and the op and the line that it names."""
    build, indices = PROGRAMS[name]
    given = {**GIVEN, **indices}
    f = gradcore.function(list(given), build(), mode=mode, on_unused_input="ignore")
    with pytest.raises((IndexError, ValueError)) as raised:
        f(*(np.asarray(value, v.type.dtype) for v, value in given.items()))
    error = raised.value
    notes = "\n".join(getattr(error, "__notes__", []))
    said = "\n".join([str(error), notes])
    op = re.search(r"was computing ([a-z_]+)", said)
    line = re.search(r"built at (.*)", said)
    assert line is not None and __file__ in line[1]
    return type(error), str(error).split("\n")[0], op and op[1], line[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_index_that_does_not_fit_is_the_same_error_everywhere(name):
    wanted = failure(name, PLAIN)
    assert wanted[0].__name__ in ("IndexError", "GraphIndexError", "ValueError")
    for backend, mode in MODES.items():
        if backend == "torch":
            pytest.importorskip("torch")
        assert failure(name, mode) == wanted


@pytest.mark.parametrize("name", COMPILED)
def test_an_index_that_does_not_fit_is_the_same_error_in_c(name):
    assert failure(name, gradcore.Mode("c")) == failure(name, PLAIN)


@pytest.mark.parametrize("name", ["an int", "arange", "a mask", "of eye", "of nothing"])
def test_an_index_that_is_known_as_jax_compiles_is_the_same_error(name):
    """One that only the run shows cannot raise: it reads NaN."""
    pytest.importorskip("jax")
    assert failure(name, gradcore.Mode("jax")) == failure(name, PLAIN)
