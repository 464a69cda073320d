"""Parts of products are products of parts, where nothing else reads the product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError

A, B, D = T.dmatrices("A", "B", "D")
X, U, V = T.dvectors("X", "U", "V")
C = T.dtensor3("C")
P, Q = T.lscalars("P", "Q")
K = T.lvector("K")
M, H, N = 7, 5, 6
INPUTS = [A, B, D, X, U, V, C, P, Q, K]
PLAIN = gradcore.Mode("numpy", optimizer=False)

TAKEN = {
    "rows": T.dot(A, B)[1:3],
    "rows of unknown bounds": T.dot(A, B)[P:Q],
    "columns": T.dot(A, B)[:, 2:],
    "every other": T.dot(A, B)[::2, 1::3],
    "block": T.dot(A, B)[-3:, :-1],
    "one row": T.dot(A, B)[P],
    "one column": T.dot(A, B)[:, -1],
    "one element": T.dot(A, B)[2, P],
    "indices": T.dot(A, B)[[2, 0, 2]],
    "columns at indices": T.dot(A, B)[:, [1, -1]],
    "of a vector": T.dot(A, X)[1:4],
    "element of a vector": T.dot(A, X)[Q],
    "vector on the left": T.dot(U, A)[1:],
    "stack": T.matmul(C, B)[:, 1:, :2],
    "row of a stack": T.matmul(C, B)[:, P],
    "column of a stack": T.matmul(C, B)[:, :, P],
    "rows of a stack of stacks": T.matmul(C, C.dimshuffle(0, 2, 1))[:, P, 1:],
    "element of a stack": T.matmul(C, B)[:, 1, -1],
    "column by a matrix": T.matmul(C, X[:, None])[:, :, 0],
    "of a part": T.dot(A, B)[1:][:2, 0],
    "elementwise": T.tanh(T.dot(A, B) * 2)[P],
    "scaled": (T.dot(A, B) / 3)[1:3],
}
"""Of which no whole product is made."""

WHOLE = {
    "read elsewhere": T.dot(A, B)[1] + T.dot(A, B).sum(0),
    "backwards": T.dot(A, X)[::-1],
    "new axes": T.dot(A, B)[None, 1:],
    "places": T.dot(A, B)[[0, 1], [1, 2]],
    "operands of unknown extents": (T.dot(A, B) + D)[1:3],
    "of a vector at indices": T.dot(A, X)[[0, 2]],
}
"""Of which the product is made."""


def values(rng):
    a, b, d = (rng.normal(size=s) for s in ((M, H), (H, N), (M, N)))
    x, u, v = (rng.normal(size=n) for n in (H, M, N))
    return [a, b, d, x, u, v, rng.normal(size=(2, 3, H)), 1, 3, np.array([2, 0])]


def compiled(output, mode):
    return gradcore.function(INPUTS, output, mode, on_unused_input="ignore")


def fired(f):
    return "parts_of_products" in {firing.rule for firing in f.maker.trace}


@pytest.mark.parametrize("name", [*TAKEN, *WHOLE])
def test_values_are_those_of_the_product(name, rng, everywhere):
    output, given = (TAKEN | WHOLE)[name], values(rng)
    found, wanted = (compiled(output, mode)(*given) for mode in (everywhere, PLAIN))
    assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", [*TAKEN, *WHOLE])
def test_products_are_of_parts(name):
    assert fired(compiled((TAKEN | WHOLE)[name], "numpy")) == (name in TAKEN)


@pytest.mark.parametrize("count", [0, 2, 9])
def test_indices_that_are_counted_when_it_runs(count, rng, everywhere):
    given, output = values(rng), T.tanh(T.dot(A, B))[K]
    given[-1] = rng.integers(-M, M, count)
    f = compiled(output, everywhere)
    assert fired(compiled(output, "numpy"))
    assert np.allclose(f(*given), compiled(output, PLAIN)(*given), rtol=1e-12)


ERRORS = {
    "inner extents": (T.dot(A, B)[1:3], {1: np.ones((4, N))}),
    "row": (T.dot(A, B)[P], {7: M}),
    "column": (T.dot(A, B)[:, P], {7: -N - 1}),
    "indices": (T.dot(A, B)[K], {9: np.array([0, M])}),
    "vector": (T.dot(A, X)[P], {3: np.ones(4)}),
    "operands": ((T.dot(A, B) + D)[1:3], {2: np.ones((M + 1, N))}),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_errors_are_those_of_the_product(name, mode, rng):
    output, wrong = ERRORS[name]
    given = [wrong.get(i, v) for i, v in enumerate(values(rng))]
    with pytest.raises((GradcoreError, IndexError, ValueError)) as plain:
        compiled(output, PLAIN)(*given)
    with pytest.raises((GradcoreError, IndexError, ValueError)) as found:
        compiled(output, mode)(*given)
    kinds = (IndexError, ValueError)
    assert [isinstance(plain.value, k) for k in kinds] == [
        isinstance(found.value, k) for k in kinds
    ]


ENTRIES = st.one_of(
    st.integers(-5, 4),
    st.slices(5),
    st.lists(st.integers(-5, 4), min_size=1, max_size=3),
)


@given(ENTRIES, ENTRIES, st.booleans())
def test_any_part(rows, columns, known):
    a, b = (T.tensor(dtype="float64", shape=s if known else (None, None)) for s in ((5, 3), (3, 5)))
    output = (2 * T.tanh(T.dot(a, b)))[rows, columns]
    rng = np.random.default_rng(0)
    given = rng.normal(size=(5, 3)), rng.normal(size=(3, 5))
    wanted = (2 * np.tanh(given[0] @ given[1]))[rows, columns] if _fits(rows, columns) else None
    if wanted is not None:
        found = gradcore.function([a, b], output, "numpy")(*given)
        assert found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-12)


def _fits(rows, columns):
    lists = [v for v in (rows, columns) if isinstance(v, list)]
    return len({len(v) for v in lists}) < 2
