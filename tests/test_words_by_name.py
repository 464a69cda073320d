"""The table of words by name, and short expressions that it asks for, against SciPy and NumPy."""

import importlib.metadata
import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError

DOCS = Path(__file__).parents[1] / "docs"
WORDS = runpy.run_path(str(DOCS / "words.py"))
PLAIN = gradcore.Mode("numpy", optimizer=False)


# the table ----------------------------------------------------------------------------------------
def installed(module):
    """Skip where the library is not there, or has other names than those that are accounted for."""
    name = module.split(".")[0]
    version = WORDS["VERSIONS"].get(name)
    if version is not None:
        pytest.importorskip(name)
        if importlib.metadata.version(name) != version:
            pytest.skip(f"the names of {name} {version} are accounted for")
    return WORDS["coverage"](module)


@pytest.mark.parametrize("module", WORDS["LIBRARIES"])
def test_every_function_is_a_word_or_has_a_reason(module):
    found = installed(module)
    assert not found.unknown, "make it a word, or say in docs/absent_words.py why not"
    for place in WORDS["others"](module).values():
        WORDS["found"](place)


def test_few_everyday_names_are_absent():
    every = [installed(module) for module in WORDS["LIBRARIES"]]
    absent, everyday = sum(len(c.absent) for c in every), sum(c.everyday for c in every)
    assert absent / everyday < WORDS["MOST_ABSENT"]


def test_no_name_is_said_to_be_absent_that_is_here():
    here = set(vars(T)) | set(vars(T.special)) | set(vars(T.linalg)) | set(vars(T.nn))
    assert not set(WORDS["reasons"](WORDS["ABSENT"])) & here


def test_the_page_is_what_the_script_writes():
    for module in WORDS["LIBRARIES"]:
        installed(module)
    assert (DOCS / "words.md").read_text() == WORDS["page"](), "run docs/words.py"


# against SciPy and NumPy --------------------------------------------------------------------------
K, P, X = np.arange(6.0), np.linspace(0.05, 0.95, 6), np.linspace(0.1, 4, 6)
N, R, Z = np.full(6, 5.0), np.linspace(-3, 3, 6), np.array([0.0, 0.5, 1.0, 2.0, -0.5, 0.0])
A, B = np.sin(np.arange(9.0) ** 2).reshape(3, 3), np.cos(np.arange(9.0) ** 2).reshape(3, 3)
TERMS = np.array([0.0, 1, 2, -1, 1, 0]), np.array([1.0, 2, 3, 1, 0, 0])

SPECIAL = {
    "bdtr": (K, N, P), "bdtrc": (K, N, P), "nbdtr": (K, N, P), "nbdtrc": (K, N, P),
    "pdtr": (K, X), "pdtrc": (K, X), "chdtr": (K + 1, X), "chdtrc": (K + 1, X),
    "gdtr": (X, K + 1, X), "gdtrc": (X, K + 1, X), "fdtr": (K + 1, N, X), "fdtrc": (K + 1, N, X),
    "stdtr": (K + 1, R), "boxcox": (X, Z), "boxcox1p": (X, R), "inv_boxcox": (P, Z),
    "inv_boxcox1p": (P, Z), "exp10": (R,), "cosm1": (R / 1e3,), "powm1": (X, R),
    "log_expit": (R * 300,), "rgamma": (np.array([-2, -1.5, 0, 0.5, 3, -0.5]),),
    "huber": (X - 1, R * 2), "pseudo_huber": (X, R), "rel_entr": TERMS, "kl_div": TERMS,
    "perm": (N, np.array([0.0, 1, 5, 6, -1, 2])),
}  # fmt: skip

TWO, THREE = np.eye(2), np.eye(3)


def projection(basis):
    """Return what does not depend on a basis."""
    return basis @ basis.T


WHOLE = ("bdtr", "bdtrc", "nbdtr", "nbdtrc")
"""Of these SciPy takes some operands as integers."""

MATRICES = {
    "toeplitz": lambda xp, a: xp.toeplitz(a[0], a[1, :2]),
    "toeplitz of one": lambda xp, a: xp.toeplitz(a[0]),
    "hankel": lambda xp, a: xp.hankel(a[0], a[1, :2]),
    "hankel of one": lambda xp, a: xp.hankel(a[0]),
    "circulant": lambda xp, a: xp.circulant(a[0]),
    "companion": lambda xp, a: xp.companion(a[1]),
    "hilbert": lambda xp, a: xp.hilbert(4) * a[0, 1],
    "coshm": lambda xp, a: xp.coshm(a), "sinhm": lambda xp, a: xp.sinhm(a),
    "tanhm": lambda xp, a: xp.tanhm(a), "cosm": lambda xp, a: xp.cosm(a),
    "sinm": lambda xp, a: xp.sinm(a), "tanm": lambda xp, a: xp.tanm(a),
    "polar": lambda xp, a: xp.polar(a)[0], "polar factor": lambda xp, a: xp.polar(a)[1],
    "polar from left": lambda xp, a: xp.polar(a, "left")[1],
    "procrustes": lambda xp, a: xp.orthogonal_procrustes(a, B)[0],
    "scale of procrustes": lambda xp, a: xp.orthogonal_procrustes(a, B)[1],
    "pinvh": lambda xp, a: xp.pinvh(a + a.T),
    "fiedler": lambda xp, a: xp.fiedler(a[0]), "leslie": lambda xp, a: xp.leslie(a[0], a[1, :2]),
    **{
        f"convolution_matrix {m}": lambda xp, a, m=m: xp.convolution_matrix(a[0], 5, m)
        for m in ("full", "same", "valid")
    },
    "convolution_matrix of few": lambda xp, a: xp.convolution_matrix(a[0], 2, "same"),
    **{
        f"dft {scale}": lambda xp, a, scale=scale: (xp.dft(5, scale) * a[0, 1]).real
        for scale in (None, "sqrtn", "n")
    },
    **{
        name: lambda xp, a, name=name: getattr(xp, name)(4) * a[0, 1]
        for name in ("hadamard", "helmert", "invhilbert", "pascal", "invpascal")
    },
    **{
        f"{name} {kind}": lambda xp, a, name=name, kind=kind: getattr(xp, name)(4, kind) * a[0, 1]
        for name in ("pascal", "invpascal")
        for kind in ("lower", "upper")
    },
    "helmert full": lambda xp, a: xp.helmert(3, full=True) * a[0, 1],
    "fractional_matrix_power": lambda xp, a: xp.fractional_matrix_power(a @ a.T + THREE, 0.3),
    "signm": lambda xp, a: xp.signm(a),
    "orth": lambda xp, a: projection(xp.orth(a[:, :1] @ a[:1])),
    "null_space": lambda xp, a: projection(xp.null_space(a[:2])),
    "subspace_angles": lambda xp, a: xp.subspace_angles(a[:, :1], a[:, 1:]),
    "subspace_angles of more": lambda xp, a: xp.subspace_angles(a[:, 1:], a[:, :1]),
    "solve_continuous_are": lambda xp, a: xp.solve_continuous_are(a, B[:, :2], THREE, 2 * TWO),
    "solve_discrete_are": lambda xp, a: xp.solve_discrete_are(a, B[:, :2], THREE, 2 * TWO),
}  # fmt: skip

BY_NUMPY = {
    "matrix_norm": lambda xp, a: xp.linalg.matrix_norm(a),
    "matrix_norm nuc": lambda xp, a: xp.linalg.matrix_norm(a, ord="nuc", keepdims=True),
    "vector_norm": lambda xp, a: xp.linalg.vector_norm(a, ord=3, axis=1),
    "matrix_rank": lambda xp, a: xp.linalg.matrix_rank(a) * 1.0,
    "matrix_rank of a lower one": lambda xp, a: xp.linalg.matrix_rank(xp.outer(a[0], a[1])) * 1.0,
    **{
        f"cond {p}": lambda xp, a, p=p: xp.linalg.cond(xp.stack([a, a.T * 3 - 1]), p)
        for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc")
    },
    "kaiser": lambda xp, a: xp.kaiser(7, 8.6), "kaiser of one": lambda xp, a: xp.kaiser(1, 8.6),
    "logaddexp2": lambda xp, a: xp.logaddexp2(a, a.T * 2000),
    "modf": lambda xp, a: xp.modf(a * 7)[0], "modf whole": lambda xp, a: xp.modf(a * 7)[1],
    "unwrap": lambda xp, a: xp.unwrap(a * 9, axis=0),
    "unwrap period": lambda xp, a: xp.unwrap(a * 9, discont=2.5, period=3.0),
    "isreal": lambda xp, a: xp.isreal(a + 1j * (a > 0)) * 1.0,
    "iscomplex": lambda xp, a: xp.iscomplex(a + 1j * (a > 0)) * 1.0,
}  # fmt: skip


LOOPED = ("coshm", "sinhm", "tanhm", "cosm", "tanm")
"""What takes the exponential of a matrix, as `sinm` does."""


def cases():
    """Return for each word its operand, the expression, and what it should be."""
    a = T.dmatrix("a")
    found = {}
    for name, build in MATRICES.items():
        found[name] = build(T.linalg, a), build(scipy.linalg, A)
    for name, build in BY_NUMPY.items():
        found[name] = build(T, a), build(np, A)
    return a, found


def test_expressions_of_matrices_on_every_backend(everywhere):
    a, found = cases()
    if everywhere.backend in ("cuda", "jax"):  # each compiles a loop
        found = {name: case for name, case in found.items() if name not in LOOPED}
    f = gradcore.function([a], [y for y, _ in found.values()], mode=everywhere)
    for (name, (_, wanted)), value in zip(found.items(), f(A), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-10, err_msg=name)


def special(inputs):
    return [
        getattr(T.special, name)(*inputs[k : k + len(SPECIAL[name])])
        for name, k in zip(SPECIAL, places(), strict=True)
    ]


def places():
    lengths = [len(given) for given in SPECIAL.values()]
    return np.cumsum([0, *lengths[:-1]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_functions_on_every_backend(everywhere):
    given = [x for several in SPECIAL.values() for x in several]
    inputs = [T.dvector() for _ in given]
    f = gradcore.function(inputs, special(inputs), mode=everywhere)
    for (name, operands), value in zip(SPECIAL.items(), f(*given), strict=True):
        first = [x.astype(int) for x in operands[:2]] if name in WHOLE else list(operands[:2])
        if name.startswith("bd"):
            first[0] = operands[0]
        wanted = getattr(scipy.special, name)(*first, *operands[2:])
        np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-300, err_msg=name)
    assert T.special.multigammaln(3.5, 3).eval() == pytest.approx(
        scipy.special.multigammaln(3.5, 3)
    )


SMOOTH = {
    **{name: (lambda x, name=name: MATRICES[name](T.linalg, x)) for name in MATRICES},
    **{f"cond {p}": lambda x, p=p: T.linalg.cond(x, p) for p in (None, -2, "fro", "nuc")},
    "unwrap": lambda x: T.unwrap(x * 9), "logaddexp2": lambda x: T.logaddexp2(x, x.T),
    "modf": lambda x: T.modf(x * 7)[0], "logmeanexp": lambda x: T.logmeanexp(x, 1),
    "squareplus": lambda x: T.nn.squareplus(x), "hard_swish": lambda x: T.nn.hard_swish(x * 3),
    "boxcox": lambda x: T.special.boxcox(T.exp(x), T.stack([x[0], x[1] * 0, x[2]])),
    "inv_boxcox": lambda x: T.special.inv_boxcox(x / 3, x.T),
    "pdtr": lambda x: T.special.pdtr(2, T.exp(x)), "stdtr": lambda x: T.special.stdtr(3.0, x),
    "bdtr": lambda x: T.special.bdtr(1, 4, T.sigmoid(x)),
    "rgamma": lambda x: T.special.rgamma(x + 2),
    "rel_entr": lambda x: T.special.rel_entr(T.exp(x), T.exp(x.T)),
    "pseudo_huber": lambda x: T.special.pseudo_huber(T.exp(x), x),
    "multigammaln": lambda x: T.special.multigammaln(x + 3, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name):
    """In both modes, against differences, and of the second order."""
    x, v = T.dmatrices("x", "v")
    y = SMOOTH[name](x)
    cost = T.sum(T.sin(y))
    g = T.grad(cost, x)
    f = gradcore.function([x, v], [cost, g, T.Rop(cost, x, v), T.Rop(g, x, v)], mode=PLAIN)
    at, along, step = A + 0.01 * B, B[::-1].copy(), 1e-6
    _, slope, moved, over = f(at, along)
    high, low = f(at + step * along, along), f(at - step * along, along)
    np.testing.assert_allclose(moved, (slope * along).sum(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(moved, (high[0] - low[0]) / (2 * step), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(over, (high[1] - low[1]) / (2 * step), rtol=1e-4, atol=1e-4)


def test_words_of_networks():
    jax = pytest.importorskip("jax")
    x = T.dmatrix("x")
    names = {"relu6": T.nn, "hard_swish": T.nn, "squareplus": T.nn, "logmeanexp": T}
    names.update(dict.fromkeys(("sparse_plus", "sparse_sigmoid"), T.nn))
    f = gradcore.function([x], [getattr(where, name)(x) for name, where in names.items()])
    with jax.enable_x64(True):
        for name, value in zip(names, f(A * 9), strict=True):
            wanted = np.asarray(getattr(jax.nn, name)(jax.numpy.asarray(A * 9)))
            np.testing.assert_allclose(value, wanted, rtol=1e-12, err_msg=name)


def test_what_is_known_of_axes_and_dtypes():
    x = T.dmatrix("x")
    row = T.specify_broadcastable(x, 0)
    assert row.type.shape == (1, None)
    with pytest.raises(ShapeError):
        row.eval({x: np.zeros((2, 2))})
    assert T.iscomplexobj(T.zvector()) and T.isrealobj(x) and not T.isrealobj(1j)
    with pytest.raises(GraphTypeError, match="number of variables"):
        T.special.multigammaln(3.0, 0)
    for build in (T.linalg.toeplitz, T.linalg.hankel, T.linalg.circulant, T.linalg.companion):
        with pytest.raises(GraphTypeError, match="takes vectors"):
            build(x)
    for wrong in (
        lambda: T.linalg.hadamard(6),
        lambda: T.linalg.dft(3, "m"),
        lambda: T.linalg.pascal(3, "none"),
        lambda: T.linalg.convolution_matrix([1.0], 2, "odd"),
    ):
        with pytest.raises(GraphValueError):
            wrong()
    with pytest.raises(GraphTypeError, match="takes one matrix"):
        T.linalg.orth(T.dtensor3())
