"""Linear algebra of complex matrices: values as NumPy's and SciPy's, gradients as torch's."""

import numpy as np
import pytest
import scipy.linalg

import gradcore
import gradcore.tensor as T

L = T.linalg
RNG = np.random.default_rng(41)


def numbers(*shape):
    """Return random complex numbers."""
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


def turned(a):
    """Return conjugate transposes."""
    return a.conj().swapaxes(-1, -2)


SQUARE = numbers(3, 3) + 3 * np.eye(3)
LARGE = numbers(12, 12) + 8 * np.eye(12)
STACK = numbers(2, 3, 3) + 3 * np.eye(3)
HIGH = numbers(4, 3)
POSITIVE = SQUARE @ turned(SQUARE) + np.eye(3)
POSITIVES = STACK @ turned(STACK) + np.eye(3)
HERMITIAN = SQUARE + turned(SQUARE)
BANDS = numbers(4, 5) + np.array([[0], [0], [5], [0]])
SPREAD = LARGE[:5, :5].real + np.diag([0, 0, 20, 20, 40]) + 9 * (np.eye(5, k=1) - np.eye(5, k=-1))
HALF = numbers(3, 5) + np.array([[0], [0], [9]])
LOWER = np.add.outer(np.arange(3), np.arange(5)) < 5
RIGHT, VECTOR = numbers(3, 2), numbers(3)


def of_lower(a):
    """Return the Hermitian matrix with the lower triangle of a."""
    low = np.tril(a, -1)
    return low + turned(low) + np.real(a) * np.eye(a.shape[-1])


def products(u, s, vh):
    """Return of singular vectors what does not depend on phases."""
    return (u * s) @ vh, u[:, :1] @ vh[:1]


def projected(conj, w, v):
    """Return of eigenvectors what does not depend on phases."""
    return w, v[:, :1] @ conj(v[:, :1]).T


def through(w, v, exp, inv):
    """Return the exponential of a matrix by its eigenvectors."""
    return (v * exp(w)) @ inv(v)


def of_schur(conj, form, basis):
    """Return of Schur's form what does not depend on phases: a matrix, a space, sizes."""
    return basis @ form @ conj(basis).T, basis[:, :2] @ conj(basis[:, :2]).T, abs(form) ** 2


def ordered(w):
    """Return eigenvalues in the order of their real parts, then of the imaginary ones."""
    return w[np.lexsort((w.imag, w.real))]


def factors(a):
    """Return the factors of a full rank matrix of which R has a positive diagonal."""
    r = turned(np.linalg.cholesky(turned(a) @ a))
    return a @ np.linalg.inv(r), r


CASES = {
    "cholesky": (L.cholesky, np.linalg.cholesky, [POSITIVE]),
    "cholesky of a stack": (L.cholesky, np.linalg.cholesky, [POSITIVES]),
    "cholesky, upper": (
        lambda a: L.cholesky(a, upper=True),
        scipy.linalg.cholesky,
        [POSITIVE],
    ),
    "cho_solve": (
        lambda a, b: L.cho_solve(L.cho_factor(a), b),
        lambda a, b: np.linalg.solve(of_lower(a), b),
        [POSITIVE, RIGHT],
    ),
    "cho_solve, upper": (
        lambda a, b: L.cho_solve((L.cholesky(a, upper=True), False), b),
        lambda a, b: np.linalg.solve(of_lower(turned(a)), b),
        [POSITIVE, RIGHT],
    ),
    "solve": (L.solve, np.linalg.solve, [SQUARE, RIGHT]),
    "solve of a vector": (L.solve, np.linalg.solve, [LARGE, numbers(12)]),
    "solve of a real matrix": (L.solve, np.linalg.solve, [SQUARE.real, RIGHT]),
    "solve, stack": (L.solve, np.linalg.solve, [STACK, numbers(2, 3, 2)]),
    "solve, pos": (
        lambda a, b: L.solve(a, b, "pos"),
        lambda a, b: np.linalg.solve(of_lower(a), b),
        [POSITIVE, VECTOR],
    ),
    "solve, diagonal": (
        lambda a, b: L.solve(a, b, "diagonal"),
        lambda a, b: b / np.diagonal(a),
        [SQUARE, VECTOR],
    ),
    "solve, lower triangular": (
        lambda a, b: L.solve(a, b, "lower triangular"),
        lambda a, b: np.linalg.solve(np.tril(a), b),
        [SQUARE, RIGHT],
    ),
    **{
        f"solve_triangular, {trans}": (
            lambda a, b, trans=trans: L.solve_triangular(a, b, trans),
            lambda a, b, trans=trans: scipy.linalg.solve_triangular(a, b, trans),
            [LARGE, LARGE[:, :2]],
        )
        for trans in "NTC"
    },
    "solve_banded": (
        lambda ab, b: L.solve_banded((1, 2), ab, b),
        lambda ab, b: scipy.linalg.solve_banded((1, 2), ab, b),
        [BANDS, numbers(5, 2)],
    ),
    "solveh_banded": (
        lambda ab, b: L.solveh_banded(T.specify_shape(ab, (3, 5)), b),
        scipy.linalg.solveh_banded,
        [HALF, numbers(5)],
    ),
    "solveh_banded, lower": (
        lambda ab, b: L.solveh_banded(T.specify_shape(ab, (3, 5)), b, lower=True),
        lambda ab, b: scipy.linalg.solveh_banded(ab, b, lower=True),
        [HALF[::-1], numbers(5, 2)],
    ),
    **{
        f"cholesky_banded, {lower}": (
            lambda ab, lower=lower: L.cholesky_banded(ab, lower),
            lambda ab, low=lower, at=there: scipy.linalg.cholesky_banded(ab, lower=low) * at,
            [half],
        )
        for lower, half, there in ((True, HALF[::-1], LOWER), (False, HALF, LOWER[::-1, ::-1]))
    },
    **{
        f"cho_solve_banded, {lower}": (
            lambda cb, b, lower=lower: L.cho_solve_banded((T.specify_shape(cb, (3, 5)), lower), b),
            lambda cb, b, lower=lower: scipy.linalg.cho_solve_banded((cb, lower), b),
            [half, numbers(5, 2)],
        )
        for lower, half in ((True, HALF[::-1]), (False, HALF))
    },
    "inv": (L.inv, np.linalg.inv, [STACK]),
    "pinv": (L.pinv, np.linalg.pinv, [HIGH]),
    "pinv, wide": (L.pinv, np.linalg.pinv, [HIGH.T]),
    "lstsq": (L.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], [HIGH, numbers(4)]),
    "det": (L.det, np.linalg.det, [STACK]),
    "det, large": (L.det, np.linalg.det, [LARGE / 8]),
    "slogdet": (L.slogdet, np.linalg.slogdet, [STACK]),
    "lu": (L.lu, scipy.linalg.lu, [SQUARE]),
    "lu, large": (L.lu, scipy.linalg.lu, [LARGE]),
    **{
        f"lu_solve, {trans}": (
            lambda a, b, trans=trans: L.lu_solve(L.lu_factor(a), b, trans),
            lambda a, b, trans=trans: scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b, trans),
            [SQUARE, RIGHT],
        )
        for trans in (0, 1, 2)
    },
    "qr": (L.qr, factors, [np.stack([HIGH, 2 * HIGH[::-1]])]),
    "qr, wide": (lambda a: L.qr(a, "r"), lambda a: factors(a[:, :3])[0].conj().T @ a, [HIGH.T]),
    "svdvals": (L.svdvals, scipy.linalg.svdvals, [HIGH]),
    **{
        name: (
            lambda a: products(*L.svd(a)),
            lambda a: products(*np.linalg.svd(a, full_matrices=False)),
            [a],
        )
        for name, a in (("svd", HIGH), ("svd, wide", HIGH.T))
    },
    "eigvalsh": (L.eigvalsh, np.linalg.eigvalsh, [SQUARE]),
    "eigvalsh, U": (
        lambda a: L.eigvalsh(a, "U"),
        lambda a: np.linalg.eigvalsh(a, "U"),
        [SQUARE],
    ),
    "eigh": (
        lambda a: projected(T.conj, *L.eigh(a)),
        lambda a: projected(np.conj, *np.linalg.eigh(a)),
        [HERMITIAN],
    ),
    "eigvals": (L.eigvals, lambda a: ordered(np.linalg.eigvals(a)), [SQUARE]),
    "eig": (
        lambda a: through(*L.eig(a), T.exp, L.inv),
        lambda a: through(*np.linalg.eig(a), np.exp, np.linalg.inv),
        [SQUARE],
    ),
    "expm": (L.expm, scipy.linalg.expm, [SQUARE]),
    "cosm": (L.cosm, scipy.linalg.cosm, [SQUARE / 2]),
    "sinm": (L.sinm, scipy.linalg.sinm, [SQUARE / 2]),
    "tanhm": (L.tanhm, scipy.linalg.tanhm, [SQUARE / 2]),
    "sqrtm": (L.sqrtm, scipy.linalg.sqrtm, [SQUARE]),
    "logm": (L.logm, scipy.linalg.logm, [SQUARE]),
    "logm, stack": (L.logm, lambda a: np.stack([*map(scipy.linalg.logm, a)]), [STACK]),
    "schur": (
        lambda a: of_schur(T.conj, *L.schur(a)),
        lambda a: of_schur(np.conj, *scipy.linalg.schur(a)),
        [SQUARE],
    ),
    "schur of a real matrix": (
        lambda a: of_schur(T.conj, *L.schur(a)),
        lambda a: of_schur(np.conj, *scipy.linalg.schur(a)),
        [SPREAD],
    ),
    "schur of a real matrix, complex": (
        lambda a: of_schur(T.conj, *L.schur(a, "complex")),
        lambda a: of_schur(np.conj, *scipy.linalg.schur(a, "complex")),
        [LARGE[:5, :5].real],
    ),
    "rsf2csf": (
        lambda a: of_schur(T.conj, *L.rsf2csf(*L.schur(a))),
        lambda a: of_schur(np.conj, *scipy.linalg.rsf2csf(*scipy.linalg.schur(a))),
        [LARGE[:5, :5].real],
    ),
    "matrix_power": (
        lambda a: L.matrix_power(a, -3),
        lambda a: np.linalg.matrix_power(a, -3),
        [SQUARE],
    ),
    "multi_dot": (
        lambda *x: L.multi_dot(x),
        lambda *x: np.linalg.multi_dot(x),
        [VECTOR, SQUARE, RIGHT],
    ),
    "solve_sylvester": (
        L.solve_sylvester,
        scipy.linalg.solve_sylvester,
        [SQUARE, STACK[0][:2, :2], RIGHT],
    ),
    "solve_lyapunov": (
        L.solve_lyapunov,
        scipy.linalg.solve_continuous_lyapunov,
        [SQUARE, STACK[0]],
    ),
    "solve_discrete_lyapunov": (
        L.solve_discrete_lyapunov,
        scipy.linalg.solve_discrete_lyapunov,
        [SQUARE, STACK[0]],
    ),
    "tensorsolve": (
        L.tensorsolve,
        np.linalg.tensorsolve,
        [numbers(2, 3, 6), numbers(2, 3)],
    ),
    "tensorinv": (L.tensorinv, np.linalg.tensorinv, [numbers(2, 3, 6)]),
    "polar": (L.polar, scipy.linalg.polar, [HIGH]),
    "polar, left": (
        lambda a: L.polar(a, "left"),
        lambda a: scipy.linalg.polar(a, "left"),
        [SQUARE],
    ),
    "orthogonal_procrustes": (
        L.orthogonal_procrustes,
        scipy.linalg.orthogonal_procrustes,
        [SQUARE, STACK[0]],
    ),
    **{
        f"norm, {kind}": (
            lambda a, kind=kind: L.norm(a, kind),
            lambda a, kind=kind: np.linalg.norm(a, kind),
            [HIGH],
        )
        for kind in (None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
    },
    "trace": (L.trace, np.linalg.trace, [STACK]),
    "kron": (L.kron, np.kron, [SQUARE, RIGHT]),
    "khatri_rao": (L.khatri_rao, scipy.linalg.khatri_rao, [SQUARE, STACK[0]]),
    "block_diag": (L.block_diag, scipy.linalg.block_diag, [SQUARE, RIGHT]),
    "toeplitz": (L.toeplitz, scipy.linalg.toeplitz, [VECTOR]),
    "companion": (L.companion, scipy.linalg.companion, [VECTOR]),
}


def several(found):
    """Return outputs as a list."""
    return list(found) if isinstance(found, (tuple, list)) else [found]


def variables(operands):
    """Return a variable for each array."""
    return [T.tensor(f"x{i}", a.dtype.name, (None,) * a.ndim) for i, a in enumerate(operands)]


@pytest.mark.parametrize("name", CASES)
def test_values(everywhere, name):
    ours, theirs, operands = CASES[name]
    given = [a[:] for a in operands]
    inputs = variables(given)
    found = gradcore.function(inputs, several(ours(*inputs)), mode=everywhere)(*given)
    for mine, wanted in zip(found, several(theirs(*given)), strict=True):
        assert mine.dtype == wanted.dtype
        np.testing.assert_allclose(mine, wanted, 1e-10, 1e-11)


# derivatives ------------------------------------------------------------------------------------
WEIGHTS = numbers(600)


def cost_of(outputs):
    """Return a real number that all parts of outputs count in."""
    total = 0
    for k, x in enumerate(several(outputs)):
        if not x.type.is_inexact:
            continue
        flat = x.ravel()
        weights = T.constant(WEIGHTS)[k : k + flat.shape[0]]
        total += T.sum(T.real(flat * weights) if x.type.is_complex else flat * weights.real)
    return total


def moved_along(gradients, directions):
    """Return by how much a cost moves along directions."""
    pairs = zip(gradients, directions, strict=True)
    return sum(T.sum(T.real(T.conj(g) * d) if g.type.is_complex else g * d) for g, d in pairs)


def along(shape, dtype, seed):
    """Return a direction."""
    rng = np.random.default_rng(seed)
    re, im = rng.standard_normal((2, *shape))
    return re + 1j * im if np.dtype(dtype).kind == "c" else re


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_differences(name):
    """In both modes, and of gradients."""
    ours, _, operands = CASES[name]
    inputs = variables(operands)
    first, second = ([along(a.shape, a.dtype, s) for a in operands] for s in (1, 2))
    cost = cost_of(ours(*inputs))
    slope = moved_along(T.grad(cost, inputs), first)
    forward = T.Rop(cost, inputs, first)
    again = moved_along(T.grad(slope, inputs, disconnected_inputs="ignore"), second)
    twice = T.Rop(slope, inputs, second, disconnected_outputs="ignore")
    plain = gradcore.Mode("numpy", optimizer=False)
    f = gradcore.function(inputs, [cost, slope, forward, again, twice], mode=plain)

    def differences(output, directions, step=1e-5):
        up, down = (
            f(*(a + sign * step * d for a, d in zip(operands, directions, strict=True)))[output]
            for sign in (1, -1)
        )
        return (up - down) / (2 * step)

    found = f(*operands)
    size = max(1, abs(found[1]))
    np.testing.assert_allclose(found[1], differences(0, first), 1e-6, 1e-7 * size)
    np.testing.assert_allclose(found[2], found[1], 1e-9, 1e-9 * size)
    wanted = differences(1, second)
    size = max(1, size, abs(wanted))
    np.testing.assert_allclose(found[3], wanted, 1e-5, 1e-6 * size)
    np.testing.assert_allclose(found[4], found[3], 1e-8, 1e-8 * size)


# vectors, as they are settled ---------------------------------------------------------------------
def test_phases_are_settled_and_derivatives_are_of_such_vectors(everywhere):
    """Of eigenvectors and singular vectors themselves: no cost need be invariant to phases."""
    a, direction = T.zmatrix("a"), along((3, 3), "complex128", 3)
    outputs = [*L.eigh(a), *L.svd(a), *L.eig(a)]
    cost = cost_of(outputs)
    slope = moved_along([T.grad(cost, a)], [direction])
    f = gradcore.function([a], [cost, slope, *outputs], mode=everywhere)
    found = f(SQUARE)
    for v in (found[3], found[4], found[8]):
        size = np.abs(v)
        first = (size > 0.55 * size.max(0)).argmax(0)
        settled = v[first, range(3)]
        assert (settled.real > 0).all()
        np.testing.assert_allclose(settled.imag, 0, atol=1e-15)
    step = 1e-6 * direction
    difference = (f(SQUARE + step)[0] - f(SQUARE - step)[0]) / 2e-6
    np.testing.assert_allclose(found[1], difference, 1e-6)


TORCHS = {
    "cholesky": (L.cholesky, "linalg.cholesky", POSITIVE),
    "inv": (L.inv, "linalg.inv", SQUARE),
    "det": (L.det, "linalg.det", STACK),
    "slogdet": (L.slogdet, "linalg.slogdet", SQUARE),
    "pinv": (L.pinv, "linalg.pinv", HIGH),
    "svdvals": (L.svdvals, "linalg.svdvals", HIGH),
    "eigvals": (
        lambda a: T.sum(L.eigvals(a) ** 3),
        lambda torch, a: (torch.linalg.eigvals(a) ** 3).sum(),
        SQUARE,
    ),
    "eigvalsh": (
        lambda a: L.eigvalsh(a + T.conj(a.T)),
        lambda torch, a: torch.linalg.eigvalsh(a + a.mH),
        SQUARE,
    ),
    "expm": (L.expm, "linalg.matrix_exp", SQUARE),
    "norm": (lambda a: L.norm(a, "nuc"), lambda torch, a: torch.linalg.norm(a, "nuc"), HIGH),
    "solve": (
        lambda a: L.solve(a, RIGHT),
        lambda torch, a: torch.linalg.solve(a, torch.from_numpy(RIGHT)),
        SQUARE,
    ),
}


@pytest.mark.parametrize("name", TORCHS)
def test_gradients_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs, a = TORCHS[name]
    x = T.tensor("x", "complex128", (None,) * a.ndim)
    found = gradcore.function([x], T.grad(cost_of(ours(x)), x), mode="numpy")(a)
    given = torch.from_numpy(a.copy()).requires_grad_()
    if isinstance(theirs, str):
        outputs = several(torch.linalg.__dict__[theirs.partition(".")[2]](given))
    else:
        outputs = several(theirs(torch, given))
    total = 0
    for k, out in enumerate(outputs):
        weights = torch.from_numpy(WEIGHTS[k : k + out.numel()])
        parts = out.ravel() * (weights if out.is_complex() else weights.real)
        total = total + parts.real.sum()
    total.backward()
    wanted = given.grad.numpy()
    if name == "cholesky":  # torch's is of both triangles, ours of the lower one
        wanted = np.tril(wanted + turned(wanted), -1) + np.real(wanted) * np.eye(3)
    np.testing.assert_allclose(found, wanted, 1e-9, 1e-10)


# dtypes, errors -----------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_dtypes_and_what_does_not_exist(everywhere, dtype):
    """Single precision stays; a singular matrix, one that is not positive definite, and NaN."""
    z = T.tensor("z", dtype, (None, None))
    part = np.dtype(dtype).type(0).real.dtype
    outputs = [L.inv(z), *L.slogdet(z), *L.eigh(z), *L.svd(z), L.norm(z, 2)]
    found = gradcore.function([z], outputs, mode=everywhere)(SQUARE.astype(dtype))
    wanted = [dtype, dtype, part, part, dtype, dtype, part, dtype, part]
    assert [v.dtype for v in found] == wanted
    np.testing.assert_allclose(found[0] @ SQUARE, np.eye(3), atol=1e-5)
    singular = np.ones((2, 2), dtype)
    nan = gradcore.function(
        [z],
        [L.inv(z, on_error="nan"), L.cholesky(-z, on_error="nan"), L.det(z)],
        mode=everywhere,
    )(singular)
    assert np.isnan(nan[0]).all() and np.isnan(nan[1][1]).all() and nan[2] == 0
    if everywhere.backend == "jax":
        return
    for wrong in (L.inv(z), L.cholesky(-z), L.svdvals(z / 0), L.eigvals(z / 0), L.eigvalsh(z / 0)):
        with pytest.raises(np.linalg.LinAlgError):
            gradcore.function([z], wrong, mode=everywhere)(singular)


# full factors -------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (2, 5, 3)])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_full_factors(everywhere, shape, dtype):
    """Square ones of SVD and QR: unitary, and factors of the matrix."""
    value = numbers(*shape).astype(dtype) if dtype == "complex128" else numbers(*shape).real
    a = T.tensor("a", dtype, (None,) * len(shape))
    outputs = [*L.svd(a, full_matrices=True), *L.qr(a, "complete")]
    u, s, vh, q, r = gradcore.function([a], outputs, mode=everywhere)(value)
    (m, n), k = shape[-2:], min(shape[-2:])
    assert u.shape[-2:] == q.shape[-2:] == (m, m) and vh.shape[-2:] == (n, n) and r.shape == shape
    for each in (u, vh, q):
        size = each.shape[-1]
        np.testing.assert_allclose(
            turned(each) @ each, np.zeros(each.shape) + np.eye(size), atol=1e-13
        )
    np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], value, atol=1e-12)
    np.testing.assert_allclose(q @ r, value, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_projections_by_full_factors_have_gradients(dtype):
    """They do not depend on the basis: as the projection on what is left, without it."""
    value = HIGH[:, :2] if dtype == "complex128" else HIGH[:, :2].real
    a = T.tensor("a", dtype, (None, None))
    u, _, _ = L.svd(a, full_matrices=True)
    rest, thin = u[:, 2:], L.svd(a)[0]
    ours = cost_of(rest @ T.conj(rest.T))
    theirs = cost_of(T.eye(4) - thin @ T.conj(thin.T))
    f = gradcore.function([a], [T.grad(ours, a), T.grad(theirs, a)], mode="numpy")
    np.testing.assert_allclose(*f(value), 1e-9, 1e-11)


def test_claims_are_of_transposes_without_conjugates(everywhere, rng):
    """Symmetric matrices are that, and not Hermitian."""
    a = T.zmatrix("a")
    value = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    value = value + value.T
    claimed = T.assume(a, "symmetric")
    outputs = [claimed.T, T.imag(claimed).T, T.linalg.inv(claimed).T]
    found = gradcore.function([a], outputs, mode=everywhere)(value)
    for x, y in zip(found, (value, value.imag, np.linalg.inv(value)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
