"""Equations, inverses and determinants of complex matrices that are known to be special."""

import numpy as np
import pytest
from counted_ops import counted, has_general

import gradcore
import gradcore.tensor as T
from gradcore.ops.assumptions import Assume
from gradcore.ops.factors import Cholesky, Solve
from gradcore.ops.inverses import Inverse

L = T.linalg
Z, B = T.zmatrices("z", "b")


def adjoint(x):
    """Return the conjugate transposes."""
    return T.conj(T.swapaxes(x, -1, -2))


def positive(x):
    """Return a positive definite matrix, and say so."""
    n = x.shape[0]
    return T.assume((x + adjoint(x)) / 9 + 4 * T.eye(n), "positive_definite")


SPECIAL = {
    "identity": lambda x: T.eye(x.shape[0], dtype="complex128"),
    "diagonal": lambda x: T.diag(T.diagonal(x)),
    "lower": T.tril,
    "upper": T.triu,
    "conjugate transpose of lower": lambda x: adjoint(T.tril(x)),
    "factor": lambda x: L.cholesky(x @ adjoint(x)),
    "claimed diagonal": lambda x: T.assume(x * T.eye(x.shape[0]), "diagonal"),
    "claimed lower": lambda x: T.assume(T.tril(x), "lower_triangular"),
    "positive definite": positive,
    "transpose of positive definite": lambda x: positive(x).T,
    "conjugate of positive definite": lambda x: T.conj(positive(x)),
    "conjugate transpose of positive definite": lambda x: adjoint(positive(x)),
}
"""Matrices made of one."""


def results(matrix):
    det = L.det(matrix)
    return [L.solve(matrix, B), L.inv(matrix), det, L.slogdet(matrix)[1], T.log(abs(det))]


def drawn(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def test_special_matrices(everywhere, rng):
    """As NumPy has it of any matrix."""
    outputs = [v for make in SPECIAL.values() for v in (make(Z), *results(make(Z)))]
    z, b = drawn(rng, 3, 3) + 2 * np.eye(3), drawn(rng, 3, 2)
    found = iter(gradcore.function([Z, B], outputs, mode=everywhere)(z, b))
    for value, solution, inverse, det, *logs in zip(*[found] * 6, strict=True):
        np.testing.assert_allclose(solution, np.linalg.solve(value, b), 1e-9, 1e-9)
        np.testing.assert_allclose(inverse, np.linalg.inv(value), 1e-9, 1e-9)
        np.testing.assert_allclose(det, np.linalg.det(value), 1e-9, 1e-9)
        np.testing.assert_allclose(logs, [np.linalg.slogdet(value)[1]] * 2, 1e-9, 1e-9)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_matrices_need_no_elimination(name):
    counts = counted([Z, B], results(SPECIAL[name](Z)))
    assert not has_general(counts) and not counts[Assume]
    assert has_general(counted([Z, B], results(Z)))


def test_determinants_of_products_of_factors(rng):
    low = T.tril(Z)
    outputs = [L.det(L.cholesky(Z) @ adjoint(L.cholesky(Z))), L.slogdet(adjoint(low) @ low)[1]]
    outputs += [T.log(T.real(L.det(T.assume(Z, "positive_definite"))))]
    z = drawn(rng, 3, 3)
    z = z @ z.conj().T + np.eye(3)
    with_shape = [gradcore.clone(v, replace={Z: T.specify_shape(Z, (3, 3))}) for v in outputs]
    f = gradcore.function([Z], with_shape, mode="numpy")
    det, log, of_claimed = f(z)
    np.testing.assert_allclose(det, np.linalg.det(z), 1e-10)
    np.testing.assert_allclose(log, 2 * np.log(np.abs(np.diagonal(z))).sum(), 1e-10)
    np.testing.assert_allclose(of_claimed, np.linalg.slogdet(z)[1], 1e-10)
    assert not has_general(counted([Z], with_shape))
    assert has_general(counted([Z], L.det(T.tril(Z) @ T.tril(Z).T + Z)))


def test_a_transpose_is_no_conjugate_transpose(rng):
    """Nothing is known of a product with a transpose alone, nor of its sign."""
    low = T.specify_shape(T.tril(Z), (3, 3))
    f = gradcore.function([Z], L.det(low @ low.T), mode="numpy")
    z = np.tril(drawn(rng, 3, 3))
    np.testing.assert_allclose(f(z), np.linalg.det(z @ z.T), 1e-10)


def test_value_gradient_and_hessian_share_one_factor(rng):
    """And are those of the graph as it was written."""
    a = positive(Z)
    cost = T.sum(abs(L.solve(a, B)) ** 2) + L.slogdet(a)[1]
    gradient = T.grad(cost, Z)
    outputs = [cost, gradient, T.Rop(gradient, Z, Z)]
    z, b = drawn(rng, 3, 3), drawn(rng, 3, 2)
    quick, plain = (
        gradcore.function([Z, B], outputs, mode=gradcore.Mode("numpy", optimizer=chosen))(z, b)
        for chosen in (True, False)
    )
    for found, expected in zip(quick, plain, strict=True):
        np.testing.assert_allclose(found, expected, 1e-9, 1e-11)
    counts = counted([Z, B], outputs)
    assert counts[Cholesky] == 1 and not has_general(counts)


def test_in_the_steps_of_a_loop(rng):
    states, _ = gradcore.scan(
        lambda z: L.solve(T.assume(z @ adjoint(z) + T.eye(3), "positive_definite"), z),
        [], Z, n_steps=3,
    )  # fmt: skip
    counts = counted([Z], states)
    assert counts[Cholesky] == 1 and not has_general(counts)
    z = wanted = drawn(rng, 3, 3)
    for _ in range(3):
        wanted = np.linalg.solve(wanted @ wanted.conj().T + np.eye(3), wanted)
    np.testing.assert_allclose(gradcore.function([Z], states[-1], mode="numpy")(z), wanted, 1e-9)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("make", [T.tril, T.triu, lambda x: x * T.eye(3)])
def test_singular_ones_raise_or_are_nan(make, backend):
    z = np.arange(9.0).reshape(3, 3) * 1j
    f = gradcore.function([Z], L.inv(make(Z)), mode=backend)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        f(z)
    g = gradcore.function([Z], L.inv(make(Z), on_error="nan"), mode=backend)
    assert np.isnan(g(z)).all() and np.isfinite(g(z + 1)).all()


def test_products_with_inverses_are_solved_by_choice(rng):
    outputs = [L.inv(Z) @ B, L.inv(Z + 1).T @ B[:, 0], adjoint(L.inv(2 * Z)) @ B]
    outputs += [adjoint(B) @ L.inv(Z + 2)]
    z, b = drawn(rng, 3, 3) + 2 * np.eye(3), drawn(rng, 3, 2)
    modes = [gradcore.Mode("numpy", reassociate=chosen) for chosen in (False, True)]
    plain, chosen = (gradcore.function([Z, B], outputs, mode=mode) for mode in modes)
    for found, expected in zip(chosen(z, b), plain(z, b), strict=True):
        np.testing.assert_allclose(found, expected, 1e-10, 1e-12)
    for f, inverses, solutions in ((plain, 4, 0), (chosen, 0, 4)):
        ops = [type(node.op) for node in f.maker.fgraph.nodes]
        assert (ops.count(Inverse), ops.count(Solve)) == (inverses, solutions)


def test_a_mode_without_equations_has_none():
    mode = gradcore.Mode("numpy").excluding("equations")
    assert counted([Z, B], L.solve(T.tril(Z), B), mode)[Solve] == 1


def test_errors_that_rules_lose_come_back():
    """Extents that do not fit."""
    f = gradcore.function([Z, B], L.slogdet(L.solve(T.tril(Z), B))[1], mode="numpy")
    with pytest.raises(gradcore.errors.GradcoreError):
        f(np.eye(3) * 1j, np.eye(2) * 1j)
