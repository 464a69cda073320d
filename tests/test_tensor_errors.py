"""What the tensor language refuses, and what it does about masks and writing."""

from dataclasses import dataclass

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import (
    AssertionFailedError,
    GraphIndexError,
    GraphTypeError,
    GraphValueError,
    ShapeError,
)
from gradcore.graph import Op


# errors -----------------------------------------------------------------------------------------
def test_errors_say_what_and_where():
    m, v = T.dmatrix("m"), T.dvector("v")
    s3 = T.tensor("s3", "float64", (3,))
    s4 = T.tensor("s4", "float64", (4,))
    for build, error, text in [
        (lambda: s3 + s4, ShapeError, "add cannot align s3"),
        (lambda: T.dot(s3, s4), ShapeError, "extents 3 and 4 differ"),
        (lambda: T.exp(m, v), GraphTypeError, "takes 1 operands, got 2"),
        (lambda: m & v, GraphTypeError, "takes integers or booleans"),
        (lambda: T.eq(m, 0) - T.eq(m, 1), GraphTypeError, "cast booleans"),
        (lambda: m.sum(axis=2), GraphValueError, "axis=2 does not exist"),
        (lambda: m.sum(axis=(0, 0)), GraphValueError, "named twice"),
        (lambda: m.dimshuffle(0), None, None),
        (lambda: s3.dimshuffle(), ShapeError, "its extent is 3, not 1"),
        (lambda: m.dimshuffle(0, 0), GraphValueError, "no order"),
        (lambda: s3.reshape((2, 2)), ShapeError, "cannot reshape"),
        (lambda: m.reshape((-1, -1)), GraphValueError, "only one"),
        (lambda: m.reshape(v), GraphTypeError, "unknown length"),
        (lambda: m[0, 0, 0], GraphIndexError, "3 indices"),
        (lambda: s3[3], GraphIndexError, "out of bounds"),
        (lambda: m[v], GraphTypeError, "must be an integer"),
        (lambda: m[1.5], GraphTypeError, "integer"),
        (lambda: m[::0], GraphIndexError, "cannot be 0"),
        (lambda: m[..., ...], GraphIndexError, "single ellipsis"),
        (lambda: m[True], GraphTypeError, "single boolean"),
        (lambda: T.set_subtensor(m, 0), GraphTypeError, "takes a part"),
        (lambda: T.set_subtensor(T.lvector()[0], 0.5), GraphTypeError, "without loss"),
        (lambda: T.set_subtensor(m[0], m), ShapeError, "part of 1 axes"),
        (lambda: T.concatenate([m, v]), GraphTypeError, "cannot join"),
        (lambda: T.stack([m, v]), GraphTypeError, "different ranks"),
        (lambda: T.stack([]), GraphValueError, "nothing"),
        (lambda: T.ifelse(v, m, m), GraphTypeError, "scalar condition"),
        (lambda: T.ifelse(True, m, v), GraphTypeError, "branches of ifelse differ"),
        (lambda: T.max(T.zeros((0, 3)), axis=0), GraphValueError, "empty"),
        (lambda: T.einsum("ij", v), GraphValueError, "does not label"),
        (lambda: T.einsum("ij,jk", m), GraphValueError, "2 operands, got 1"),
        (lambda: T.einsum("ij->k", m), GraphValueError, "not described"),
        (lambda: T.tensordot(m, m, 3), GraphValueError, "cannot sum"),
        (lambda: T.split(s3, [1, 1], 2), ShapeError, "do not add up"),
        (lambda: T.as_tensor_variable("text"), GraphTypeError, "must be numbers, not text"),
        (lambda: T.take(m, 0, mode="odd"), GraphValueError, "mode"),
        (lambda: T.norm(m, "nuc"), GraphValueError, "no norm"),
        (lambda: T.zmatrix("z") > 1, GraphTypeError, "gt takes no complex numbers, got z"),
        (lambda: T.sort(T.zvector("z")), GraphTypeError, "sort.* takes no complex numbers"),
        (lambda: T.floor(T.zvector("z")), GraphTypeError, "floor takes no complex numbers"),
        (lambda: T.grad(T.zscalar("z"), v), GraphTypeError, "cost z is complex"),
        (lambda: T.jacobian(T.zvector("z"), v), GraphTypeError, "jacobian of complex"),
        (lambda: bool(m > 0), TypeError, "no truth value"),
        (lambda: len(m), TypeError, "not known"),
        (lambda: list(v), TypeError, "use scan"),
    ]:
        if error is None:
            build()
            continue
        with pytest.raises(error, match=text) as info:
            build()
        if isinstance(info.value, gradcore.errors.GradcoreError):
            assert "test_tensor_errors.py" in str(info.value), text


def test_errors_when_it_runs():
    v, w, m = T.dvector("v"), T.dvector("w"), T.dmatrix("m")
    f = gradcore.function([v, w], v + w)
    with pytest.raises(ShapeError, match="must be equal") as info:
        f([1, 2], [1, 2, 3])
    assert "test_tensor_errors.py" in str(info.value)
    with pytest.raises(ShapeError, match="stretches only if it is known"):
        f([1], [1, 2, 3])
    with pytest.raises(ShapeError, match=r"inner extents (3 and 1 )?differ"):
        gradcore.function([m, v], T.dot(m, v))(np.ones((2, 3)), [1.0])
    with pytest.raises(ShapeError, match="cannot reshape"):
        gradcore.function([m], m.reshape((3, -1)))(np.ones((2, 2)))
    with pytest.raises(ShapeError, match="cannot broadcast"):
        gradcore.function([v], T.alloc(v, 2, 3))([1.0])
    with pytest.raises(ShapeError, match="cannot join"):
        gradcore.function([m], T.concatenate([m, m.T]))(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="into a part of (shape|extent)"):
        gradcore.function([m, v], T.set_subtensor(m[0], v))(np.ones((2, 3)), [1.0])
    with pytest.raises(AssertionFailedError, match="v is positive"):
        gradcore.function([v], T.assert_op(v, v > 0, message="v is positive"))([0.0])
    with pytest.raises(AssertionFailedError, match="do not add up"):
        gradcore.function([v], T.split(v, [1, 1], 2))([1.0])
    with pytest.raises(ShapeError, match="specified"):
        gradcore.function([v], T.specify_shape(v, (3,)))([1.0])
    with pytest.raises(ShapeError, match="not 1"):
        gradcore.function([m], m.squeeze(0))(np.ones((2, 2)))


def test_iteration_over_known_lengths():
    v = T.tensor("v", "float64", (2,))
    first, second = v
    assert (first - second).eval({v: [3, 1]}) == 2
    assert len(v) == 2


def test_print(capsys):
    x = T.dscalar("x")
    assert gradcore.printing.Print("x is", ("__str__", "shape"))(x).eval({x: 2}) == 2
    assert capsys.readouterr().out == "x is __str__ = 2.0\nx is shape = ()\n"


def test_set_twice_has_the_gradient_of_the_last():
    v, w = T.dvectors("v", "w")
    idx = T.lvector("idx")
    y = T.set_subtensor(v[idx], w)
    cost = (y * T.arange(3.0)).sum()
    gv, gw = T.grad(cost, [v, w])
    f = gradcore.function([v, w, idx], [y, gv, gw])
    found = f([1, 2, 3], [10, 20, 30], [2, 1, 2])
    assert [r.tolist() for r in found] == [[1, 20, 30], [0, 0, 0], [0, 1, 2]]


# masks ------------------------------------------------------------------------------------------
MASKED = {
    "vector": ((4,), (5,), lambda x, m: x[m]),
    "first axis": ((3, 4), (2,), lambda x, m: x[m]),
    "last axis": ((3, 4), (3,), lambda x, m: x[:, m]),
    "beside an index": ((3, 4), (3,), lambda x, m: x[1, m]),
    "after an ellipsis": ((2, 3, 4), (5,), lambda x, m: x[..., m]),
    "after a new axis": ((3, 4), (4,), lambda x, m: x[None, m]),
    "matrix": ((3, 4), (3, 5), lambda x, m: x[m]),
    "matrix, fewer": ((3, 4), (2, 4), lambda x, m: x[m]),
    "last axes": ((2, 3, 4), (2, 4), lambda x, m: x[:, m]),
    "extent 1": ((4,), (1,), lambda x, m: x[m]),
    "nothing": ((4,), (0,), lambda x, m: x[m]),
}
"""Shapes of a tensor and of a mask that does not fit it."""


@pytest.mark.parametrize("name", MASKED)
def test_masks_that_do_not_fit_are_index_errors(name, everywhere):
    """To read by, to write by and to increase by; with nothing set, too."""
    shape, wrong, index = MASKED[name]
    x = T.tensor("x", "float64", (None,) * len(shape))
    m = T.tensor("m", "bool", (None,) * len(wrong))
    part = index(x, m)
    for out in (part, T.set_subtensor(part, 9.0), T.inc_subtensor(part, 1.0)):
        f = gradcore.function([x, m], out, mode=everywhere)
        for value in (True, False):
            with pytest.raises(IndexError, match="mask"):
                f(np.zeros(shape), np.full(wrong, value))


def test_masks_that_cannot_fit_are_refused_while_they_are_written():
    x, m = T.tensor("x", "float64", (4, None)), T.tensor("m", "bool", (5,))
    with pytest.raises(GraphIndexError, match="mask"):
        x[m]
    with pytest.raises(GraphIndexError, match="mask"):
        x[np.array([True, False])]
    with pytest.raises(GraphIndexError, match="mask"):
        T.dvector("v")[T.tensor("two", "bool", (None, None))]


# writing ----------------------------------------------------------------------------------------
WRITTEN = {
    "matrix of indices": ((3,), lambda i: (i,), (2,), [[0, 0], [2, 0]]),
    "matrix of indices, rows": ((3, 2), lambda i: (i,), (2,), [[0, 0], [2, 0]]),
    "in the middle": ((2, 3, 2), lambda i: (slice(None), i), (2, 1), [[0, 0], [-1, 0]]),
    "a column": ((3,), lambda i: (i,), (2, 1), [[0, 0], [2, 0]]),
    "a scalar": ((3,), lambda i: (i,), (), [[0, 0], [2, 0]]),
    "two arrays": ((3, 3), lambda i: (i, i), (2,), [[0, 0], [2, 0]]),
    "apart": ((3, 2, 3), lambda i: (i, slice(None), i), (2,), [[0, 0], [2, 0]]),
    "backwards": ((3, 2), lambda i: (i, slice(None, None, -1)), (2,), [0, 2, 0]),
    "nothing": ((3,), lambda i: (i,), (), []),
}


@pytest.mark.parametrize("dtypes", [("float64", "float64"), ("float32", "int8"), ("int64", "bool")])
@pytest.mark.parametrize("name", WRITTEN)
def test_increments_stretch_what_is_written(name, dtypes, everywhere):
    """Against a loop: NumPy's own ``add.at`` has been wrong where values stretch."""
    shape, key, written, indices = WRITTEN[name]
    at = np.array(indices, "int64")
    values = np.arange(1, 1 + int(np.prod(written))).reshape(written).astype(dtypes[1])
    start = np.zeros(shape, dtypes[0])
    places = np.arange(start.size).reshape(shape)[key(at)]
    expected = start.copy().reshape(-1)
    for place, value in zip(places.flat, np.broadcast_to(values, places.shape).flat, strict=True):
        expected[place] += value
    x, y = (T.tensor("x", dtypes[0], (None,) * len(shape)), T.tensor("y", dtypes[1], written))
    i = T.tensor("i", "int64", (None,) * at.ndim)
    f = gradcore.function([x, y, i], T.inc_subtensor(x[key(i)], y), mode=everywhere)
    np.testing.assert_array_equal(f(start, values, at), expected.reshape(shape))


def test_axes_that_are_summed_over_together_are_as_long(everywhere):
    """Also where they have as many elements in all, 6 here."""
    a, b = T.dmatrices("a", "b")
    c = T.dtensor3("c")
    products = {
        "tensordot": T.tensordot(a, b, 2),
        "some axes": T.tensordot(c, b, 2),
        "einsum": T.einsum("ij,ij->", a, b),
        "einsum, some axes": T.einsum("kij,ij->k", c, b),
        "integers": T.tensordot(T.cast(a, "int64"), T.cast(b, "int64"), 2),
    }
    f = {k: gradcore.function([a, b, c], v, everywhere, on_unused_input="ignore")
         for k, v in products.items()}  # fmt: skip
    for name, product in f.items():
        assert np.all(product(np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 2, 3))) == 6), name
        with pytest.raises((ShapeError, TypeError)):
            product(np.ones((2, 3)), np.ones((3, 2)), np.ones((1, 2, 3)))


def test_an_assertion_tells_the_message_the_condition_and_the_values(everywhere):
    x, y = T.dvectors("x", "y")
    checked = T.assert_op(x, T.all(x < y), x.sum() > 0, message="in order")
    f = gradcore.function([x, y], checked * 2, mode=everywhere)
    assert f([1.0, 2.0], [2.0, 3.0]).tolist() == [2, 4]
    said = r"in order: \(x < y\) is false at \(1,\), where x is 4.0, y is 3.0"
    with pytest.raises(AssertionFailedError, match=said) as error:
        f([1.0, 4.0], [2.0, 3.0])
    assert "test_tensor_errors.py" in str(error.value)
    with pytest.raises(AssertionFailedError, match=r"> 0\) is false, where sum\(x.* is -3.0"):
        f([-1.0, -2.0], [2.0, 3.0])
    looped, _ = gradcore.scan(lambda e: T.assert_op(e, e > 0, message="each"), x)
    with pytest.raises(AssertionFailedError, match="each"):
        gradcore.function([x], looped, mode=everywhere)([1.0, -1.0])


# ops of users -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Turned(Op):
    """A vector from its end; its author checks nothing."""

    def shape(self, x):
        return x.shape

    def reference(self, x):
        return x[::-1]


@dataclass(frozen=True)
class Widest(Op):
    """The elements of all operands; its signature does not say how many it takes."""

    def shape(self, *operands):
        return (sum(x.shape[0] for x in operands),)

    def reference(self, *arrays):
        return np.concatenate(arrays)


def test_an_op_takes_as_many_operands_as_its_methods_do():
    v = T.dvector("v")
    for count in (0, 2, 3):
        with pytest.raises(GraphTypeError, match=rf"Turned\(\) takes 1 operands, got {count}"):
            Turned()(*[v] * count)
    assert Turned()(v).eval({v: [1, 2]}, mode="numpy").tolist() == [2, 1]
    with pytest.raises(GraphTypeError, match="takes its dtype from its operands, and got none"):
        Widest()()
    assert Widest()(v, v).eval({v: [1, 2]}, mode="numpy").tolist() == [1, 2, 1, 2]
