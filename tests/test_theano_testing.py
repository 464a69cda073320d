"""What tests of programs take from Theano's own tests."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ShapeError
from gradcore.theano.testing import InferShapeTester

x = T.dmatrix("x")


class Transposed(gradcore.Op):
    """A transpose, as a user writes it."""

    __props__ = ()
    itypes = (T.dmatrix,)
    otypes = (T.dmatrix,)

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0].T.copy()


class Known(Transposed):
    """One that says its shape."""

    def infer_shape(self, node, shapes):
        return [shapes[0][::-1]]


class Wrong(Transposed):
    """One that says another."""

    def infer_shape(self, node, shapes):
        return shapes


class TestTransposed(InferShapeTester):
    """A test case as programs write it."""

    def test_infer_shape(self):
        self._compile_and_check([x], [Known()(x)], [np.ones((2, 3))], Known)


def test_shapes_must_be_those_of_values_and_known_without_them():
    tester = InferShapeTester()
    given = [x], [np.ones((2, 3))]
    with pytest.raises(ShapeError, match="wrong returned an extent of 3 at axis 0"):
        tester._compile_and_check(given[0], [Wrong()(x)], given[1], Wrong)
    with pytest.raises(AssertionError, match="is computed for its shape"):
        tester._compile_and_check(given[0], [Transposed()(x)], given[1], Transposed)
    tester._compile_and_check(given[0], [Transposed()(x)], given[1], Transposed, check_topo=False)
