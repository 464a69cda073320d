"""Products of sparse Jacobians with themselves are sparse, whatever they join and take."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.ops.linalg import Dot
from gradcore.ops.scan import Scan

N = 7
WHERE = T.lvector("i")
PLAIN = gradcore.Mode("numpy", optimizer=False)
GIVEN = np.linspace(0.5, 1.5, N), np.array([2, 0, 2, 5, 6])


def neighbours(x):
    return T.sin(x[1:]) * x[:-1]


JOINED = {
    "three": lambda x: [neighbours(x), x**2, T.exp(x)],
    "four": lambda x: [x**2, neighbours(x), T.cos(x[2:] * x[:-2]), T.exp(x)],
    "one of another": lambda x: [T.concatenate([neighbours(x), x**2]), T.exp(x)],
    "strides": lambda x: [x[::2] ** 2, x[::-1] * x, x[1:-1]],
    "gathers": lambda x: [x[WHERE] ** 2 * x[WHERE[::-1]], T.sin(x[WHERE]), x],
    "many": lambda x: [sum(T.sin(k * x[k : k + 2]) for k in range(1, 6)), x**2, x[::-1] * x],
}
"""What is joined."""

SQUARES = {
    "J.T @ J": lambda J, y: J.T @ J,
    "J.T @ (w * J)": lambda J, y: J.T @ (T.exp(y)[:, None] * J),
    "J @ J.T": lambda J, y: J @ J.T,
}


def products(f):
    """Return the products of matrices, and the loops."""
    return [n for n in f.maker.fgraph.nodes if isinstance(n.op, (Dot, Scan))]


def compiled(x, output, mode):
    return gradcore.function([x, WHERE], output, mode, on_unused_input="ignore")


def variable(known):
    return T.tensor("x", "float64", (N if known else None,))


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("name", JOINED)
def test_no_product_of_matrices(name, known):
    x = variable(known)
    y = T.concatenate(JOINED[name](x))
    outputs = [square(T.jacobian(y, x), y) for square in SQUARES.values()]
    f = compiled(x, outputs, "numpy")
    for found, wanted in zip(f(*GIVEN), compiled(x, outputs, PLAIN)(*GIVEN), strict=True):
        assert np.allclose(found, wanted, rtol=1e-12, atol=1e-14)
    assert not products(f)


def test_everywhere(everywhere):
    x = variable(False)
    y = T.concatenate(JOINED["three"](x))
    outputs = [SQUARES["J.T @ (w * J)"](T.jacobian(y, x), y)]
    found, wanted = (compiled(x, outputs, mode)(*GIVEN) for mode in (everywhere, PLAIN))
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_elements_that_are_gathered_of_what_is_added_up(known):
    """Of a scatter each gathered element has all that is added to it, as often as it is read."""
    x = variable(known)
    scattered = T.inc_subtensor(T.zeros(N)[WHERE], x[WHERE] ** 2)
    parts = scattered[1:4], scattered[WHERE], scattered[::-2], scattered[-3:] * x[:3]
    for y in (*parts, T.concatenate(parts), T.inc_subtensor(x[:4], T.sin(scattered)[2:6])[1:]):
        jacobian = T.jacobian(y, x)
        for output in (jacobian, jacobian @ jacobian.T):
            found, wanted = (compiled(x, output, mode)(*GIVEN) for mode in ("numpy", PLAIN))
            assert np.allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_dense_ones_are_multiplied():
    """A product by structure would take as much; and one whose Jacobian is built has it."""
    x, a = T.tensor("x", "float64", (6,)), T.tensor("a", "float64", (8, 6))
    dense = T.jacobian(T.tanh(T.dot(a, x)), x)
    gather = T.jacobian(x[T.constant(GIVEN[1][:3])] ** 2, x)
    for output in (dense.T @ dense, [gather @ gather.T, gather**2]):
        f = gradcore.function([x, a], output, "numpy", on_unused_input="ignore")
        assert any(isinstance(n.op, Dot) and n.out.ndim == 2 for n in f.maker.fgraph.nodes)


@pytest.mark.parametrize("a", [-9, -2, 0, 3, 9])
@pytest.mark.parametrize("b", [-2, 0, 4])
def test_parts_beside_what_was_written_are_known_to_be(a, b):
    """Of bounds that may be negative, a sum may be before its terms."""
    x, y = T.dvector("x"), T.dvector("y")
    m, k = T.lscalars("m", "k")
    n = y.shape[0]
    outputs = [
        T.inc_subtensor(x[:m], 1.0)[m + k :],
        T.inc_subtensor(x[m + k :], 1.0)[:m],
        T.inc_subtensor(x[:n], 1.0)[n + k :],
        T.inc_subtensor(x[: n + 1], 1.0)[n:],
        T.inc_subtensor(x[:n], 1.0)[n + n :],
        T.inc_subtensor(x[n + 2 :], 1.0)[: n + 1],
        T.inc_subtensor(x[: T.maximum(m, 0)], 1.0)[T.maximum(m, 0) + 1 :],
    ]
    given = [np.arange(8.0), np.zeros(3), a, b]
    found, wanted = (
        gradcore.function([x, y, m, k], outputs, mode)(*given) for mode in ("numpy", PLAIN)
    )
    assert all(np.array_equal(p, q) for p, q in zip(found, wanted, strict=True))
