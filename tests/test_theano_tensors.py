"""What ``theano.tensor`` means otherwise than `gradcore.tensor`: quirks that programs rely on."""

import numpy as np
import pytest

from gradcore.errors import ArgumentError


def test_a_variable_is_true_and_a_comparison_is_not_known(T):
    x = T.dscalar("x")
    assert x and (x + 1) and x is not None
    for comparison in (x > 0, x <= 0, T.eq(x, 1)):
        with pytest.raises(TypeError, match="T.switch or ifelse"):
            bool(comparison)


def test_names_in_one_text_are_characters(T):
    assert [v.name for v in T.scalars("xy")] == ["x", "y"]
    assert [v.name for v in T.dvectors("ab", "c")] == ["ab", "c"]
    assert [v.name for v in T.fmatrices(2)] == [None, None]
    assert T.matrices("xyz", dtype="float32")[2].dtype == "float32"


def test_constructors_of_one_dtype_are_types(T):
    x = T.fmatrix("x")
    assert x.type == T.fmatrix == T.TensorType("float32", (False, False))
    assert isinstance(T.fmatrix, T.TensorType) and not isinstance(x, T.TensorType)
    assert T.TensorType("float32", broadcastable=(True, False))("r").broadcastable == (True, False)
    assert T.tensor("int8", (False,), name="v").type == T.bvector


def test_kinds_of_variables_are_known(theano, T):
    x, s, c = T.dscalar(), theano.shared(1.0), T.constant(1.0)
    assert isinstance(x, T.TensorVariable) and isinstance(x, theano.Variable)
    for other in (s, c):
        assert not isinstance(other, T.TensorVariable) and isinstance(other, theano.Variable)
    assert isinstance(s, T.sharedvar.TensorSharedVariable) and isinstance(c, T.TensorConstant)


def test_softmax_of_a_vector_is_a_matrix_of_one_row(T):
    found = T.nnet.softmax(T.constant([0.0, 0.0])).eval()
    assert found.shape == (1, 2) and found.tolist() == [[0.5, 0.5]]
    assert T.nnet.logsoftmax(T.dvector()).broadcastable == (True, False)
    with pytest.raises(TypeError, match="vector or a matrix"):
        T.nnet.softmax(T.dtensor3())


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "uint8", "uint16"])
def test_functions_of_small_integers_are_float32(dtype, T):
    x = T.tensor(dtype, (False,))
    assert {T.exp(x).dtype, T.sqrt(x).dtype, T.tanh(x).dtype, T.nnet.sigmoid(x).dtype} == {
        "float32"
    }
    assert T.exp(T.lvector()).dtype == "float64" and T.exp(T.fvector()).dtype == "float32"
    assert T.exp(x).owner.op == T.exp


def test_integers_are_taken_by_value(theano, T):
    v = T.ivector("v")
    assert theano.function([v], v)(np.arange(3)).dtype == "int32"
    i, x = T.iscalar("i"), T.fscalar("x")
    g = theano.function([i, x], [i, x])
    assert [v.tolist() for v in g(np.int64(3), np.float64(0.5))] == [3, 0.5]
    assert [v.dtype.name for v in g(3.0, 1)] == ["int32", "float32"]
    for wrong in ((2**40, 0.5), (2.5, 0.5), (1, np.float64(0.1))):
        with pytest.raises(ArgumentError):
            g(*wrong)
    with pytest.raises(ArgumentError):
        theano.function([theano.In(i, strict=True)], i)(np.int64(3))
    with pytest.raises(ArgumentError):
        theano.function([T.fvector("v")], T.constant(0), on_unused_input="ignore")(np.ones(2))


def test_the_product_with_a_constant_gradient_is_zero(T):
    x, v = T.dvector("x"), T.dvector("v")
    slope = T.grad((3 * x).sum(), x)
    assert T.Rop(slope, x, v).eval({x: [1, 2], v: [1, 1]}).tolist() == [0, 0]
    with pytest.raises(ValueError, match="does not depend"):
        T.Rop(T.dvector("y"), x, v)


def test_means_of_integers_are_float64(theano, T):
    with theano.config.change_flags(floatX="float32"):
        assert T.mean(T.lvector()).dtype == "float64" and T.mean(T.fvector()).dtype == "float32"
        assert T.mean(T.fvector(), acc_dtype="float64").dtype == "float32"
        assert T.prod(T.fvector(), no_zeros_in_input=True).dtype == "float32"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("half_to_even", [-2, -2, 0, 2, 2]), ("half_away_from_zero", [-3, -2, 1, 2, 3])],
)
def test_rounding_has_two_modes(mode, expected, T):
    x = T.constant([-2.5, -1.5, 0.5, 1.5, 2.5])
    assert T.round(x, mode).eval().tolist() == expected
    assert T.iround(x, mode).eval().tolist() == expected and T.iround(x).dtype == "int64"
    with pytest.raises(ValueError, match="half_to_even"):
        T.round(x, "up")


def test_scalars_that_are_known_are_read(theano, T):
    assert theano.get_scalar_constant_value(T.constant(3) * 2) == 6
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(T.dscalar("x"))
    assert T.get_vector_length(T.stack([T.dscalar(), T.dscalar()])) == 2
    with pytest.raises(ValueError, match="not known"):
        T.get_vector_length(T.dvector())


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda T, x: T.topk(x, 2), [[3, 2], [6, 5]]),
        (lambda T, x: T.topk(x, -2), [[1, 2], [4, 5]]),
        (lambda T, x: T.argtopk(x, 1), [[1], [2]]),
        (lambda T, x: T.sort(x, kind="mergesort"), [[1, 2, 3], [4, 5, 6]]),
        (lambda T, x: T.argsort(x, 0, "quicksort"), [[0, 0, 0], [1, 1, 1]]),
        (lambda T, x: T.inverse_permutation(T.argsort(x, 1)), [[0, 2, 1], [0, 1, 2]]),
        (lambda T, x: T.largest(x, 2 * x, 3), [[3, 6, 4], [8, 10, 12]]),
        (lambda T, x: T.smallest(x, 3), [[1, 3, 2], [3, 3, 3]]),
        (lambda T, x: T.flatten(x, outdim=1), [1, 3, 2, 4, 5, 6]),
        (lambda T, x: T.identity_like(x), [[1, 0, 0], [0, 1, 0]]),
        (lambda T, x: T.addbroadcast(x[:1], 0) + x, [[2, 6, 4], [5, 8, 8]]),
        (lambda T, x: T.patternbroadcast(x[:1], (True, False)) + x, [[2, 6, 4], [5, 8, 8]]),
        (lambda T, x: T.unbroadcast(x, 0), [[1, 3, 2], [4, 5, 6]]),
        (lambda T, x: T.var(x, axis=0, corrected=True), [2.25, 1, 4]),
        (lambda T, x: T.inplace.sqr_inplace(x), [[1, 9, 4], [16, 25, 36]]),
        (lambda T, x: T.inv(1 / x), [[1, 3, 2], [4, 5, 6]]),
    ],
)  # fmt: skip
def test_functions_whose_arguments_are_theanos(call, expected, T):
    x = T.dmatrix("x")
    assert call(T, x).eval({x: [[1, 3, 2], [4, 5, 6]]}).tolist() == expected


def test_methods_take_theanos_arguments(T):
    x = T.fmatrix("x")
    at = {x: np.array([[3, 1], [0, 2]], "float32")}
    for method in ("sum", "prod", "mean"):
        found = getattr(x, method)(axis=0, acc_dtype="float64")
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found.eval(at), getattr(at[x], method)(0))
    assert x.norm(L=1, axis=0).eval(at).tolist() == [3, 3]
    assert x.sort(1, "mergesort").eval(at).tolist() == [[1, 3], [0, 2]]
    assert x.argsort(axis=0, kind="quicksort", order=None).eval(at).tolist() == [[1, 0], [0, 1]]
    assert x.nonzero(return_matrix=True).eval(at).tolist() == [[0, 0, 1], [0, 1, 1]]


def test_dtypes_are_listed(T):
    assert set(T.all_dtypes) == {*T.discrete_dtypes, *T.continuous_dtypes}
    assert set(T.discrete_dtypes) == {"bool", *T.integer_dtypes}
    assert T.complex_dtypes == ["complex64", "complex128"] and "float16" in T.float_dtypes
