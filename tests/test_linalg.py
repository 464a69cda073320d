"""Linear algebra: what ``T.linalg`` returns, and how it moves, against NumPy and SciPy."""

import math

import numpy as np
import pytest
import scipy.linalg

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError, UnsupportedError
from gradcore.ops.decompositions import LU
from gradcore.ops.factors import Solve
from gradcore.ops.inverses import Inverse
from gradcore.ops.spectra import SVD, Eigh

L = T.linalg

SQUARE = np.array([[0.5, 2, -1, 0.25], [3, 0.75, 1, -0.5], [-1, 0.5, 2.5, 1], [0.25, 1, -2, 1.5]])
HIGH = np.array([[2.0, -1, 0.5], [0.5, 1, -2], [-0.25, 3, 1], [1, 0.5, -1.5]])
POSITIVE = SQUARE @ SQUARE.T + np.eye(4)
TENSOR = np.cos(np.arange(36.0) ** 2).reshape(2, 3, 6)


# composites -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ours", "theirs", "operands"),
    [
        (L.inv, np.linalg.inv, [SQUARE]),
        (L.inv, np.linalg.inv, [np.stack([SQUARE, POSITIVE])]),
        (L.det, np.linalg.det, [SQUARE]),
        (L.det, np.linalg.det, [np.stack([SQUARE, 0 * SQUARE])]),
        (lambda x: T.stack(L.slogdet(x)), lambda x: np.stack(np.linalg.slogdet(x)), [-SQUARE]),
        (lambda x: L.slogdet(x)[1], lambda x: np.linalg.slogdet(x)[1], [300 * np.eye(400)]),
        (L.eigvalsh, np.linalg.eigvalsh, [SQUARE]),
        (lambda x: L.eigvalsh(x, "U"), lambda x: np.linalg.eigvalsh(x, "U"), [SQUARE]),
        (L.svdvals, scipy.linalg.svdvals, [HIGH]),
        (L.pinv, np.linalg.pinv, [HIGH]),
        (lambda x: L.pinv(x, 0.5), lambda x: np.linalg.pinv(x, 0.5), [HIGH]),
        (L.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], [HIGH, SQUARE]),
        (L.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], [HIGH.T, HIGH[0]]),
        (L.expm, scipy.linalg.expm, [SQUARE]),
        (L.expm, scipy.linalg.expm, [np.stack([0 * SQUARE, SQUARE / 30, 5 * SQUARE])]),
        (lambda x: L.matrix_power(x, 5), lambda x: np.linalg.matrix_power(x, 5), [SQUARE]),
        (lambda x: L.matrix_power(x, -3), lambda x: np.linalg.matrix_power(x, -3), [SQUARE]),
        (lambda x: L.matrix_power(x, 0), lambda x: np.linalg.matrix_power(x, 0), [SQUARE]),
        (L.trace, np.linalg.trace, [np.stack([SQUARE, POSITIVE])]),
        (L.kron, np.kron, [SQUARE, HIGH]),
        (L.kron, np.kron, [HIGH[0], SQUARE]),
        (L.khatri_rao, scipy.linalg.khatri_rao, [HIGH, HIGH[:2]]),
        (L.block_diag, scipy.linalg.block_diag, [SQUARE, HIGH, HIGH[0]]),
        (lambda *x: L.multi_dot(x), lambda *x: np.linalg.multi_dot(x), [HIGH[:, 0], SQUARE, HIGH]),
        (L.solve_sylvester, scipy.linalg.solve_sylvester, [SQUARE, HIGH[:3], HIGH]),
        (L.sqrtm, scipy.linalg.sqrtm, [POSITIVE]),
        (L.sqrtm, scipy.linalg.sqrtm, [np.stack([HIGH[:3] @ HIGH[:3], np.diag([0.5, 1, 4])])]),
        (L.sqrtm, np.sqrt, [np.diag([0.0, 1, 4])]),
        (L.solve_lyapunov, scipy.linalg.solve_continuous_lyapunov, [POSITIVE, SQUARE]),
        (L.solve_discrete_lyapunov, scipy.linalg.solve_discrete_lyapunov, [SQUARE, POSITIVE]),
        (L.tensorinv, np.linalg.tensorinv, [TENSOR]),
        (L.tensorsolve, np.linalg.tensorsolve, [TENSOR, TENSOR[:, :, 0]]),
        (
            lambda a, b: L.tensorsolve(a, b, (1,)),
            lambda a, b: np.linalg.tensorsolve(a, b, (1,)),
            [TENSOR.transpose(0, 2, 1), TENSOR[:, :, 0]],
        ),
        (L.norm, np.linalg.norm, [TENSOR]),
        (lambda x: L.norm(x, 1, axis=0), lambda x: np.linalg.norm(x, 1, axis=0), [HIGH]),
    ],
)  # fmt: skip
def test_values(ours, theirs, operands):
    variables = [T.tensor("x", "float64", shape=(None,) * a.ndim) for a in operands]
    found = gradcore.function(variables, ours(*variables), mode="numpy")(*operands)
    np.testing.assert_allclose(found, theirs(*operands), 1e-11, 1e-11)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf])
def test_norms_of_matrices(ord):
    x = T.dtensor3("x")
    outputs = [L.norm(x, ord, (0, 2)), L.norm(x, ord, (-1, 0), keepdims=True)]
    found = gradcore.function([x], outputs, mode="numpy")(TENSOR)
    np.testing.assert_allclose(found[0], np.linalg.norm(TENSOR, ord, (0, 2)), 1e-13)
    np.testing.assert_allclose(found[1], np.linalg.norm(TENSOR, ord, (-1, 0), True), 1e-13)


def test_stacks_of_equations_broadcast(everywhere):
    a, b, t = T.dmatrix("a"), T.dvector("b"), T.dtensor3("t")
    one = T.tensor("one", "float64", (1, None, None))
    sides = T.stack([one[0], 2 * one[0]])
    outputs = [L.solve(a, t), L.solve(t, b), L.solve(t, a), L.solve(one, t), L.solve(t, sides[:1])]
    given, stack = HIGH[:3] + 4 * np.eye(3), np.stack([SQUARE, POSITIVE])[:, :3, :3]
    found = gradcore.function([a, b, t, one], outputs, mode=everywhere)(
        given, HIGH[0], stack, given[None]
    )
    wanted = [(given, stack), (stack, HIGH[0]), (stack, given), (given, stack), (stack, given)]
    for x, (left, right) in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, np.linalg.solve(left, right), 1e-12, 1e-12)


def test_arguments_of_numpy_and_scipy():
    a, b = T.dmatrix("a"), T.dvector("b")
    outputs = [L.cholesky(a, upper=True), *L.lu(a, permute_l=True), *L.lu(a, p_indices=True)]
    outputs += [L.solve_triangular(a, b, "T", True), L.solve_triangular(a, b, 1)]
    outputs += [L.solve_triangular(a, b, 0, low, unit_diagonal=True) for low in (False, True)]
    outputs += [L.solve(a, b, assume_a="positive definite")]
    theirs, vector = scipy.linalg, HIGH[:, 0]
    expected = [theirs.cholesky(POSITIVE), *theirs.lu(POSITIVE, permute_l=True)]
    expected += theirs.lu(POSITIVE, p_indices=True)
    substituted = theirs.solve_triangular
    expected += [substituted(POSITIVE, vector, "T", True), substituted(POSITIVE, vector, 1)]
    expected += [substituted(POSITIVE, vector, 0, low, unit_diagonal=True) for low in (False, True)]
    expected += [np.linalg.solve(POSITIVE, vector)]
    found = gradcore.function([a, b], outputs, mode="numpy")(POSITIVE, vector)
    for x, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, wanted, 1e-12, 1e-12)
    with pytest.raises(GraphValueError, match="takes trans=0, 1 or 2"):
        L.solve_triangular(a, b, 3)


def test_what_is_known_of_a_matrix():
    a, b = T.dmatrix("a"), T.dmatrix("b")
    triangle = np.tril(POSITIVE)
    given = {"gen": SQUARE, "sym": POSITIVE, "pos": triangle, "diagonal": np.diag(np.diag(SQUARE))}
    given |= {"lower triangular": triangle, "upper triangular": triangle.T}
    for assumed, matrix in given.items():
        outputs = [L.solve(a, b, assumed), L.solve(a, b[:, 1], assumed)]
        whole = POSITIVE if assumed == "pos" else matrix
        expected = np.linalg.solve(whole, HIGH)
        for found, wanted in zip(
            gradcore.function([a, b], outputs, mode="numpy")(matrix, HIGH),
            (expected, expected[:, 1]),
            strict=True,
        ):
            np.testing.assert_allclose(found, wanted, 1e-12, 1e-14)


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_factors(mode):
    """What is factored is the product of its factors."""
    x, y = T.dtensor3("x"), T.dtensor3("y")
    p, low, up = L.lu(x)
    (q, r), (wide_q, wide_r) = L.qr(y), L.qr(T.swapaxes(y, -1, -2))
    w, v = L.eigh(x)
    u, s, vh = L.svd(y)
    pair = L.lu_factor(x)
    products = [
        p @ low @ up,
        q @ r,
        wide_q @ wide_r,
        (v * w.dimshuffle(0, "x", 1)) @ T.swapaxes(v, -1, -2),
        (u * s.dimshuffle(0, "x", 1)) @ vh,
        x @ L.lu_solve(pair, y),
        T.swapaxes(x, -1, -2) @ L.lu_solve(pair, y, trans=True),
    ]
    parts = [low, r, v, u, L.slogdet(x)[0]]
    f = gradcore.function([x, y], [*products, *parts], mode=mode)
    left, right = np.stack([SQUARE, POSITIVE]), np.stack([HIGH, HIGH[::-1]])
    found = f(left, right)
    whole = np.tril(left) + np.tril(left, -1).swapaxes(-1, -2)
    expected = [left, right, right.swapaxes(-1, -2), whole, right, right, right]
    for product, wanted in zip(found, expected, strict=False):
        np.testing.assert_allclose(product, wanted, 1e-12, 1e-12)
    low, r, v, u, signs = found[len(expected) :]
    assert (np.abs(low) <= 1).all() and (np.einsum("...ii->...i", r) > 0).all()
    for vectors in (v, u):
        sizes = np.abs(vectors)
        first = (sizes > 1e-3 * sizes.max(-2, keepdims=True)).argmax(-2)[..., None, :]
        assert (np.take_along_axis(vectors, first, -2) > 0).all()
    np.testing.assert_array_equal(signs, np.sign(np.linalg.det(left)))


def test_the_exponential_of_matrices_of_other_norms(everywhere):
    """One of a stack is squared, and the other is not."""
    x = T.dtensor3("x")
    f = gradcore.function([x], L.expm(x), mode=everywhere)
    given = np.stack([SQUARE / 4, 3 * SQUARE])
    np.testing.assert_allclose(f(given), scipy.linalg.expm(given), 1e-12)


def test_square_roots(everywhere):
    """Of a turn, too, and of large numbers; not of a negative one."""
    x = T.dtensor3("x")
    f = gradcore.function([x], L.sqrtm(x, on_error="nan"), mode=everywhere)
    turn = np.array([[np.cos(2.5), -np.sin(2.5)], [np.sin(2.5), np.cos(2.5)]])
    given = np.stack(
        [turn, 1e6 * turn @ np.diag([1, 2]), np.diag([-1.0, 2]), np.full((2, 2), np.nan)]
    )
    found = f(given)
    for k in (0, 1):
        np.testing.assert_allclose(found[k], scipy.linalg.sqrtm(given[k]), 1e-10)
    assert np.isnan(found[2:]).all() and f(np.empty((2, 0, 0))).shape == (2, 0, 0)


def test_logarithms(everywhere):
    """Of turns, of large and small numbers; not of a negative one, nor of a singular one."""
    x = T.dtensor3("x")
    f = gradcore.function([x], L.logm(x, on_error="nan"), mode=everywhere)
    turn = np.array([[0.0, -2.5], [2.5, 0.0]])
    wanted = [turn, turn + 200 * np.eye(2), np.diag([-200.0, 200]), np.tri(2, 2, -1) * 1e-9]
    others = [np.diag([-1.0, 2]), np.ones((2, 2)), np.full((2, 2), np.nan)]
    found = f(np.stack([*map(scipy.linalg.expm, wanted), *others]))
    for each, expected in zip(found, wanted, strict=False):
        np.testing.assert_allclose(each, expected, 1e-12, 1e-14 * np.abs(expected).max())
    assert np.isnan(found[4:]).all() and f(np.empty((2, 0, 0))).shape == (2, 0, 0)


def test_schur_forms_of_real_matrices(everywhere):
    """Blocks of two rows are where eigenvalues are not real; signs are settled."""
    x = T.dtensor3("x")
    f = gradcore.function([x], L.schur(x), mode=everywhere)
    given = np.stack([SQUARE, POSITIVE])
    form, basis = f(given)
    for k, a in enumerate(given):
        wanted, _ = scipy.linalg.schur(a)
        np.testing.assert_allclose(np.abs(form[k]), np.abs(wanted), 1e-11, 1e-12)
        np.testing.assert_allclose(basis[k] @ form[k] @ basis[k].T, a, 1e-11, 1e-12)
        first = (np.abs(basis[k]) > 1e-3 * np.abs(basis[k]).max(0)).argmax(0)
        assert (basis[k][first, range(4)] > 0).all()
    assert all(v.shape == (2, 0, 0) for v in f(np.empty((2, 0, 0))))


def test_what_is_not_finite_or_singular_does_not_take_others_with_it(everywhere):
    x = T.dtensor3("x")
    outputs = [L.inv(x, on_error="nan"), Eigh(False)(x)[1], SVD(False)(x)[0], L.det(x)]
    f = gradcore.function([x], [*outputs, L.slogdet(x)[1]], mode=everywhere)
    found = f(np.stack([np.full((2, 2), np.nan), np.ones((2, 2)), np.diag([2.0, 3])]))
    for each in found[:3]:
        assert np.isnan(each[0]).all() and np.isfinite(each[2]).all()
    assert np.isnan(found[0][1]).all()
    np.testing.assert_allclose(found[3][1:], [0, 6], 1e-14)
    assert found[4][1] == -np.inf


def test_dtypes():
    for given, wanted in (("float16", "float16"), ("float32", "float32"), ("int64", "float64")):
        x = T.matrix("x", given)
        outputs = [L.inv(x), L.det(x), *L.svd(x), *L.eigh(x), *L.qr(x), L.pinv(x), L.expm(x)]
        assert {v.dtype for v in (*outputs, *L.slogdet(x), L.norm(x, "nuc"))} == {wanted}
    half = T.matrix("half", "float16")
    assert {L.solve(half, half, assumed).dtype for assumed in ("gen", "diagonal")} == {"float16"}
    assert L.matrix_power(T.lmatrix(), 3).dtype == "int64"
    assert L.lu_factor(T.fmatrix())[1].dtype == "int64"


# derivatives ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("function", "operands"),
    [
        (lambda x: T.stack(L.slogdet(x)), [SQUARE]),
        (lambda x: T.log(L.det(x)), [POSITIVE]),
        (L.det, [np.stack([SQUARE, np.diag([0.0, 1, 2, 3])])]),
        (L.expm, [2 * SQUARE]),
        (L.lstsq, [HIGH, SQUARE]),
        (lambda x: L.pinv(x @ HIGH.T), [HIGH]),  # of a rank that stays, and is not full
        (lambda x: L.norm(x, "nuc"), [HIGH]),
        (lambda x: L.matrix_power(x, -2), [SQUARE]),
        (lambda x: L.qr(x)[0] ** 2, [HIGH.T]),
        (lambda x: L.eigh(x)[1], [POSITIVE]),
        (L.solve_sylvester, [SQUARE, HIGH[:3], HIGH]),
        (L.sqrtm, [np.stack([POSITIVE, POSITIVE @ POSITIVE])]),
        (L.logm, [np.stack([POSITIVE, POSITIVE @ POSITIVE])]),
        (lambda x: L.schur(x)[0], [np.stack([SQUARE, POSITIVE])]),
        (lambda x: L.schur(x)[1], [np.stack([SQUARE, POSITIVE])]),
    ],
)
def test_derivatives(function, operands):
    T.verify_grad(function, operands, 1, np.random.default_rng(0), mode="numpy")


def test_derivatives_of_determinants_of_any_rank(everywhere):
    """They are the cofactors, of which those of a rank below n - 1 are all 0."""
    x = T.dmatrix("x")
    f = gradcore.function([x], T.grad(L.det(x), x), mode=everywhere)
    singular = np.array([[1.0, 2, 3], [2, 4, 6], [0, 1, 5]])
    signs = (-1.0) ** np.add.outer(np.arange(3), np.arange(3))
    for given in (SQUARE[:3, :3], singular, np.zeros((3, 3)), np.tri(3, k=-1)):
        minors = [
            [np.linalg.det(np.delete(np.delete(given, i, 0), j, 1)) for j in range(3)]
            for i in range(3)
        ]
        np.testing.assert_allclose(f(given), signs * minors, 1e-12, 1e-12)


def test_the_logarithm_of_a_determinant_moves_without_overflow():
    x = T.dmatrix("x")
    given = 50 * np.eye(300)
    for cost in (T.log(L.det(x)), T.log(abs(L.det(x))), L.slogdet(x)[1]):
        f = gradcore.function([x], T.grad(cost, x), mode="numpy")
        np.testing.assert_allclose(f(given), np.eye(300) / 50, 1e-14)


def test_equal_eigenvalues_and_zero_matrices_have_finite_derivatives():
    """First and second ones: of values as they are, of what turns vectors by convention zero."""
    x = T.dmatrix("x")
    w, v = L.eigh(x)
    u, s, vh = L.svd(x)
    costs = [w.sum(), (v**3).sum(), s.sum(), (u**3).sum() + (vh**3).sum(), L.pinv(x).sum()]
    costs += [L.norm(x), L.norm(x, "nuc"), L.expm(x).sum(), L.det(x)]
    slopes = [T.grad(cost, x) for cost in costs]
    again = [T.grad((slope**2).sum(), x) for slope in slopes]
    f = gradcore.function([x], [*slopes, *again], mode="numpy")
    for given in (np.zeros((3, 3)), np.eye(3), np.diag([2.0, 2, 0])):
        assert all(np.isfinite(found).all() for found in f(given))
    np.testing.assert_allclose(f(np.eye(3))[0], np.eye(3), 1e-14)


def test_values_and_derivatives_share_factors():
    x = T.dmatrix("x")
    cost = L.slogdet(x)[1]
    sign = L.slogdet(x)[0]
    f = gradcore.function([x], [sign, cost, L.det(x)], mode="c")
    ops = [node.op for node in f.maker.fgraph.nodes]
    assert sum(isinstance(op, LU) for op in ops) == 1


# what is refused --------------------------------------------------------------------------------
def test_the_inverse_of_a_matrix_is_not_that_of_its_elements():
    with pytest.raises(GraphTypeError, match=r"T\.linalg\.inv, or T\.reciprocal"):
        T.inv(T.dmatrix("A"))
    assert T.inv(T.dvector("v")).owner.op is T.reciprocal


def test_names_that_are_not_known():
    for module, name, near in (
        (T, "summ", "'sum'"),
        (T, "svd", "'linalg.svd'"),
        (L, "slove", "'solve'"),
        (T.slinalg, "cholesky_", "'cholesky'"),
    ):
        with pytest.raises(AttributeError, match=f"did you mean {near}"):
            getattr(module, name)
    assert not hasattr(T, "nothing_like_this_at_all")
    with pytest.raises(AttributeError, match=r"has no attribute 'solve_toeplitz': take solve"):
        _ = L.solve_toeplitz


def test_names_of_theano():
    assert T.nlinalg.matrix_inverse is L.inv and T.nlinalg.det is L.det
    assert T.slinalg.expm is L.expm and T.slinalg.solve is L.solve
    a, b = T.dmatrix("a"), T.dmatrix("b")
    outputs = [T.slinalg.solve_lower_triangular(a, b), T.slinalg.solve_upper_triangular(a, b)]
    found = gradcore.function([a, b], outputs, mode="numpy")(POSITIVE, HIGH)
    for lower, each in zip((True, False), found, strict=True):
        wanted = scipy.linalg.solve_triangular(POSITIVE, HIGH, lower=lower)
        np.testing.assert_allclose(each, wanted, 1e-12)


def test_what_is_refused():
    x, v, t = T.dmatrix("x"), T.dvector("v"), T.dtensor3("t")
    for function in (L.inv, L.det, L.svd, L.eigh, L.qr, L.lu, L.expm, L.pinv):
        with pytest.raises(GraphTypeError, match="takes matrices"):
            function(v)
    for wrong in (lambda: L.qr(x, "raw"), lambda: L.qr(x, "full")):
        with pytest.raises(UnsupportedError):
            wrong()
    for wrong in (
        lambda: L.eigh(x, "X"),
        lambda: L.schur(x, "r"),
        lambda: L.solve(x, v, "odd"),
        lambda: L.norm(x, "odd"),
        lambda: L.multi_dot([x]),
        lambda: L.tensorinv(t, 3),
    ):
        with pytest.raises(GraphValueError):
            wrong()
    for wrong in (
        lambda: L.norm(t, 2),
        lambda: L.multi_dot([x, t]),
        lambda: L.khatri_rao(x, v),
        lambda: L.block_diag(x, t),
        lambda: L.matrix_power(v, 2),
    ):
        with pytest.raises(GraphTypeError):
            wrong()
    f = gradcore.function([x], [L.det(x), L.qr(x.T)[0]], mode="numpy")
    with pytest.raises(ShapeError):
        f(np.ones((2, 3)))


# rewriting --------------------------------------------------------------------------------------
@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_products_with_inverses_are_solved_by_choice(backend):
    a, b, t = T.dmatrix("a"), T.dmatrix("b"), T.dtensor3("t")
    outputs = [L.inv(a) @ b, L.inv(a + 1).T @ b[:, 0], b.T @ L.inv(2 * a), L.inv(t) @ (t + 1)]
    inverse = L.inv(3 * a)
    twice = [inverse @ b, b.T @ inverse]
    inputs, given = [a, b, t], (SQUARE, HIGH, np.stack([SQUARE, POSITIVE]))
    plain = gradcore.function(inputs, [*outputs, *twice], mode=gradcore.Mode(backend))
    chosen = gradcore.function(
        inputs, [*outputs, *twice], mode=gradcore.Mode(backend, reassociate=True)
    )
    for found, expected in zip(chosen(*given), plain(*given), strict=True):
        np.testing.assert_allclose(found, expected, 1e-12, 1e-13)
    if backend == "numpy":
        for f, inverses, solutions in ((plain, 5, 0), (chosen, 1, 4)):
            ops = [type(node.op) for node in f.maker.fgraph.nodes]
            assert (ops.count(Inverse), ops.count(Solve)) == (inverses, solutions)
