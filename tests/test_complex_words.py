"""NumPy's words for complex numbers: each is here, or `docs/complex.md` says why it is not."""

import re
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError

PAGE = (Path(__file__).parents[1] / "docs/complex.md").read_text()
PLAIN = gradcore.Mode("numpy", optimizer=False)
RNG = np.random.default_rng(5)

VECTOR, OTHER, SQUARE = (
    RNG.normal(size=shape) + 1j * RNG.normal(size=shape) for shape in (3, 3, (3, 3))
)
CALLS = ((VECTOR,), (SQUARE,), (VECTOR, OTHER), (SQUARE, SQUARE.T.copy()))

OTHERWISE = {
    *("empty", "empty_like", "result_type", "shape"),  # no values
    *("linspace", "logspace", "geomspace", "roll", "tril", "triu"),  # of numbers, or matrices alone
}
"""What is not called here."""


def arrays(found):
    """Return what a function of NumPy returned as arrays; None: it is something else."""
    several = found if isinstance(found, (tuple, list)) else [found]
    if not all(isinstance(x, (np.ndarray, np.generic, int, complex)) for x in several):
        return None
    return [np.asarray(x) for x in several]


def cases():
    """Yield words, with operands that NumPy's function takes, and what it returns."""
    for name in sorted(set(dir(np)) & set(dir(T))):
        function = getattr(np, name)
        if name.startswith("_") or not callable(function) or isinstance(function, type):
            continue
        if isinstance(function, ModuleType) or name in OTHERWISE:
            continue
        for given in CALLS:
            if len(given) != getattr(function, "nin", len(given)):
                continue  # the next one is the output
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    found = arrays(function(*(a.copy() for a in given)))
            except (TypeError, ValueError, IndexError):
                continue
            if found is not None and all(x.dtype.kind in "fcbiu" for x in found):
                yield name, given, found


CASES = list(cases())


def refused():
    """Return the words that the page says are not there."""
    table = PAGE.split("<!-- refused -->")[1].split("<!-- end -->")[0]
    return set(re.findall(r"`(\w+)`", table))


@pytest.mark.parametrize("name", sorted({name for name, _, _ in CASES}))
def test_values_are_those_of_numpy(name):
    for _, given, wanted in (case for case in CASES if case[0] == name):
        inputs = [T.tensor("z", "complex128", (None,) * a.ndim) for a in given]
        try:
            found = getattr(T, name)(*inputs)
        except TypeError as error:
            if isinstance(error, GraphTypeError) and "takes no complex numbers" in str(error):
                assert name in refused(), "let it take them, or say in docs/complex.md why not"
                return
            continue  # fewer operands than NumPy's has, such as ``out``, or more
        assert name not in refused()
        several = found if isinstance(found, (tuple, list)) else [found]
        f = gradcore.function(
            inputs, list(map(T.as_tensor_variable, several)), PLAIN, on_unused_input="ignore"
        )
        for mine, expected in zip(f(*given), wanted, strict=True):
            np.testing.assert_allclose(mine, expected, 1e-10, 1e-12)


def test_grids_of_complex_numbers():
    start, stop = 1 + 2j, -3 + 0.5j
    for name in ("linspace", "geomspace"):
        wanted = getattr(np, name)(start, stop, 5)
        np.testing.assert_allclose(getattr(T, name)(start, stop, 5).eval(), wanted, 1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_products_move_where_factors_are_zero(everywhere, axis):
    """Against differences, along a direction; the values on every backend."""
    z, direction = SQUARE.copy(), SQUARE.T[::-1].copy()
    z[1, 2] = 0
    x, v = T.zmatrices("x", "v")
    for word in (T.prod, T.cumprod):
        found = word(x, axis)
        cost = T.sum(T.real(found * (2 - 1j)))
        slope = T.sum(T.real(T.conj(T.grad(cost, x)) * v))
        f = gradcore.function([x, v], [found, cost, slope, T.Rop(cost, x, v)], mode=everywhere)
        value, _, one, other = f(z, direction)
        np.testing.assert_allclose(value, getattr(np, word.__name__)(z, axis), 1e-12)
        step = 1e-6
        up, down = (f(z + sign * step * direction, direction)[1] for sign in (1, -1))
        np.testing.assert_allclose([one, other], [(up - down) / (2 * step)] * 2, 1e-7)
