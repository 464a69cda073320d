"""Every example of the tutorial, as written but for the name of the module: values and text."""

import numpy
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import pp
from gradcore.graph import toposort


@pytest.fixture(autouse=True)
def _printing():
    with numpy.printoptions(legacy="1.13"):
        yield


def printed(value):
    """Return what an interpreter prints, blanks collapsed."""
    return " ".join(repr(value).split())


class TestGradient:
    def test_first_example(self):
        x = T.dscalar("x")
        y = x**2
        gy = T.grad(y, x)
        assert pp(gy) == (
            "((fill((x ** TensorConstant{2}), TensorConstant{1.0}) * TensorConstant{2}) * "
            "(x ** (TensorConstant{2} - TensorConstant{1})))"
        )
        f = gradcore.function([x], gy)
        assert printed(f(4)) == "array(8.0)"
        assert numpy.allclose(f(94.2), 188.4)
        assert pp(f.maker.fgraph.outputs[0]) == "(2.0 * x)"

    def test_only_one_node_is_left_and_it_doubles_the_input(self):
        x = T.dscalar("x")
        f = gradcore.function([x], T.grad(x**2, x))
        (node,) = f.maker.fgraph.toposort()
        assert node.op is T.mul
        assert node.inputs[1] is f.maker.fgraph.inputs[0]
        assert node.inputs[0].data == 2.0

    def test_fill_makes_a_matrix_of_the_same_shape(self):
        x = T.dmatrix("x")
        filled = gradcore.function([x], T.fill(x**2, 1.0))([[1, 2, 3], [4, 5, 6]])
        assert filled.tolist() == [[1.0] * 3] * 2

    def test_logistic(self):
        x = T.dmatrix("x")
        s = T.sum(1 / (1 + T.exp(-x)))
        gs = T.grad(s, x)
        dlogistic = gradcore.function([x], gs)
        assert printed(dlogistic([[0, 1], [-1, -2]])) == (
            "array([[ 0.25 , 0.19661193], [ 0.19661193, 0.10499359]])"
        )

    def test_logistic_compiles_to_one_elementwise_expression_in_sigmoids(self):
        x = T.dmatrix("x")
        s = T.sum(1 / (1 + T.exp(-x)))
        f = gradcore.function([x], T.grad(s, x))
        assert pp(f.maker.fgraph.outputs[0]) == "(sigmoid(x) * sigmoid((-x)))"

    def test_second_argument_can_be_a_list(self):
        w, b = T.dscalars("w", "b")
        gw, gb = T.grad(w * b**2, [w, b])
        f = gradcore.function([w, b], [gw, gb])
        assert [v.tolist() for v in f(2, 3)] == [9.0, 12.0]
        gb, gw = T.grad(w * b**2, [b, w])
        assert [v.tolist() for v in gradcore.function([w, b], [gb, gw])(2, 3)] == [12.0, 9.0]

    def test_first_argument_has_to_be_a_scalar(self):
        x = T.dvector("x")
        with pytest.raises(gradcore.errors.NotScalarError, match="no scalar"):
            T.grad(x**2, x)


class TestJacobian:
    def test_by_scan(self):
        x = T.dvector("x")
        y = x**2
        J, updates = gradcore.scan(
            lambda i, y, x: T.grad(y[i], x),
            sequences=T.arange(y.shape[0]),
            non_sequences=[y, x],
        )
        f = gradcore.function([x], J, updates=updates)
        assert printed(f([4, 4])) == "array([[ 8., 0.], [ 0., 8.]])"

    def test_by_macro(self):
        x = T.dvector("x")
        f = gradcore.function([x], gradcore.gradient.jacobian(x**2, x))
        assert printed(f([4, 4])) == "array([[ 8., 0.], [ 0., 8.]])"

    def test_arange_is_a_sequence_of_ints(self):
        x = T.dvector("x")
        places = T.arange((x**2).shape[0])
        assert places.dtype == "int64"
        assert gradcore.function([x], places)([4, 4]).tolist() == [0, 1]

    def test_pitfall_explains_itself(self):
        x = T.dvector("x")
        y = x**2
        with pytest.raises(gradcore.errors.DisconnectedInputError) as info:
            gradcore.scan(lambda y_i, x: T.grad(y_i, x), sequences=y, non_sequences=x)
        text = str(info.value)
        assert text.startswith("pow.0[t] does not depend on x ")
        assert "one element of the sequence" in text
        assert "lambda i, y, x: grad(y[i], x)" in text
        assert "test_tutorial.py" in text


class TestHessian:
    def test_by_scan(self):
        x = T.dvector("x")
        y = x**2
        cost = y.sum()
        gy = T.grad(cost, x)
        H, updates = gradcore.scan(
            lambda i, gy, x: T.grad(gy[i], x),
            sequences=T.arange(gy.shape[0]),
            non_sequences=[gy, x],
        )
        f = gradcore.function([x], H, updates=updates)
        assert printed(f([4, 4])) == "array([[ 2., 0.], [ 0., 2.]])"

    def test_by_macro(self):
        x = T.dvector("x")
        f = gradcore.function([x], gradcore.gradient.hessian((x**2).sum(), x))
        assert printed(f([4, 4])) == "array([[ 2., 0.], [ 0., 2.]])"


class TestProducts:
    def test_rop(self):
        W = T.dmatrix("W")
        V = T.dmatrix("V")
        x = T.dvector("x")
        y = T.dot(x, W)
        JV = T.Rop(y, W, V)
        f = gradcore.function([W, V, x], JV)
        assert printed(f([[1, 1], [1, 1]], [[2, 2], [2, 2]], [0, 1])) == "array([ 2., 2.])"
        ops = [node.op for node in toposort(f.maker.fgraph.outputs)]
        assert ops == [gradcore.ops.linalg.Dot()]
        assert f.maker.fgraph.inputs[0] not in f.maker.fgraph.readers

    def test_lop(self):
        W = T.dmatrix("W")
        v = T.dvector("v")
        x = T.dvector("x")
        y = T.dot(x, W)
        VJ = T.Lop(y, W, v)
        f = gradcore.function([v, x], VJ)
        assert printed(f([2, 2], [0, 1])) == "array([[ 0., 0.], [ 2., 2.]])"

    def test_points_of_evaluation_differ(self):
        """That of Lop has the shape of the output, that of Rop the shape of the input."""
        W, x = T.dmatrix("W"), T.dvector("x")
        y = T.dot(x, W)
        assert T.Rop(y, W, T.dmatrix()).type == y.type
        assert T.Lop(y, W, T.dvector()).type == W.type
        with pytest.raises(gradcore.errors.EvaluationPointError):
            T.Rop(y, W, T.dvector())
        with pytest.raises(gradcore.errors.EvaluationPointError):
            T.Lop(y, W, T.dmatrix())

    def test_hessian_times_vector_by_gradients(self):
        x = T.dvector("x")
        v = T.dvector("v")
        y = T.sum(x**2)
        gy = T.grad(y, x)
        vH = T.grad(T.sum(gy * v), x)
        f = gradcore.function([x, v], vH)
        assert printed(f([4, 4], [2, 2])) == "array([ 4., 4.])"

    def test_hessian_times_vector_by_rop(self):
        x = T.dvector("x")
        v = T.dvector("v")
        y = T.sum(x**2)
        gy = T.grad(y, x)
        Hv = T.Rop(gy, x, v)
        f = gradcore.function([x, v], Hv)
        assert printed(f([4, 4], [2, 2])) == "array([ 4., 4.])"


class TestPointers:
    def test_grad_receives_and_returns_variables(self):
        x = T.dscalar("x")
        assert isinstance(T.grad(x**2, x), gradcore.Variable)

    def test_grad_can_be_applied_repeatedly(self):
        x = T.dscalar("x")
        y = x**5
        for expected in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
            y = T.grad(y, x)
            assert gradcore.function([x], y)(2) == expected

    def test_all_are_reachable_as_the_tutorial_writes_them(self):
        names = "grad Lop Rop jacobian hessian hessian_vector_product subgraph_grad verify_grad"
        names += " numeric_grad disconnected_grad zero_grad consider_constant grad_clip grad_scale"
        for name in names.split():
            assert getattr(gradcore, name) is getattr(gradcore.gradient, name)
            assert getattr(gradcore, name) is getattr(T, name)
