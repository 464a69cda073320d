"""Functions of JAX and torch as ops, with derivatives by these libraries."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GraphTypeError

x, y = T.dvectors("x", "y")
A = T.dmatrix("A")
n = T.lscalar("n")


class Jax:
    """What the tests write with, in JAX."""

    def __init__(self):
        self.np = pytest.importorskip("jax.numpy")
        self.wrapped = gradcore.from_jax

    def power(self, v, k):
        return v**k


class Torch:
    """The same, in torch."""

    def __init__(self):
        self.np = pytest.importorskip("torch")
        self.wrapped = gradcore.from_torch

    def power(self, v, k):
        return self.np.pow(v, k)


@pytest.fixture(params=[Jax, Torch])
def library(request):
    return request.param()


def test_values_and_derivatives_are_those_of_the_expression(library, rng):
    def written(np, v, M):
        return np.tanh(M @ v) * np.sin(v)

    made = library.wrapped(lambda v, M: written(library.np, v, M))(x, A)
    plain = T.tanh(T.dot(A, x)) * T.sin(x)
    assert made.type == plain.type
    given = {x: rng.standard_normal(4), A: rng.standard_normal((4, 4))}
    pairs = [(made, plain)]
    pairs += [(T.grad(z.sum(), [x, A]), T.grad(plain.sum(), [x, A])) for z in (made,)]
    pairs.append((T.Rop(made, x, x), T.Rop(plain, x, x)))
    pairs.append((T.hessian(made.sum(), x), T.hessian(plain.sum(), x)))
    pairs.append((T.jacobian(made, x), T.jacobian(plain, x)))
    found = [v for pair in pairs for side in pair for v in (side if type(side) is list else [side])]
    values = gradcore.function([x, A], found, mode="c")(*given.values())
    sides = iter(values)
    for pair in pairs:
        count = len(pair[0]) if type(pair[0]) is list else 1
        left, right = [next(sides) for _ in range(count)], [next(sides) for _ in range(count)]
        for a, b in zip(left, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", ["numpy", "c", "jax", "torch"])
def test_it_runs_on_every_backend_and_in_loops(library, mode):
    step = library.wrapped(lambda s: library.np.tanh(s) * 2)
    states, _ = gradcore.scan(step, outputs_info=[x], n_steps=3)
    f = gradcore.function([x], [states[-1], T.grad(states[-1].sum(), x)], mode=mode)
    plain, _ = gradcore.scan(lambda s: T.tanh(s) * 2, outputs_info=[x], n_steps=3)
    wanted = gradcore.function([x], [plain[-1], T.grad(plain[-1].sum(), x)], mode="numpy")
    for a, b in zip(f([0.3, -0.2]), wanted([0.3, -0.2]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_several_outputs_and_integers(library):
    both = library.wrapped(lambda v, k: [library.power(v, k), v.sum(), k + 1])(x, n)
    assert [z.type.dtype for z in both] == ["float64", "float64", "int64"]
    found = gradcore.function([x, n], [*both, T.grad(both[0].sum() * both[1], x)])
    value, total, more, slope = found([1.0, 2.0], 3)
    assert value.tolist() == [1, 8] and total == 3 and more == 4
    np.testing.assert_allclose(slope, 3 * 3 * np.array([1, 4]) + 9)
    only = gradcore.function([x, n], T.grad(both[1], x))
    assert only([1.0, 2.0], 3).tolist() == [1, 1]


def test_complex_numbers_have_derivatives(library, rng):
    """As those of gradcore, whichever convention the library has."""
    z = T.zvector("z")

    def written(np, v, w):
        return np.exp(1j * v) * w * w + np.conj(w)

    made = library.wrapped(lambda v, w: written(library.np, v, w))(x, z)
    assert made.type == z.type
    found = []
    for value in (made, T.exp(1j * x) * z * z + T.conj(z)):
        cost = (T.real(value) ** 2 + 3 * T.imag(value)).sum()
        gradients = T.grad(cost, [x, z])
        second = T.grad(gradients[0].sum() + T.imag(gradients[1]).sum(), [x, z])
        found.append([value, *gradients, *second, T.Rop(value, [x, z], [x, z * z])])
    f = gradcore.function([x, z], [*found[0], *found[1]])
    values = f(rng.standard_normal(3), rng.standard_normal(3) + 1j * rng.standard_normal(3))
    for a, b in zip(values[: len(found[0])], values[len(found[0]) :], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_float32_stays_float32(library):
    v = T.fvector("v")
    z = library.wrapped(lambda a: library.np.exp(a))(v)
    assert z.dtype == "float32"
    assert gradcore.function([v], T.grad(z.sum(), v))(np.float32([0])).dtype == "float32"


def test_extents_are_known_where_they_do_not_depend(library):
    fixed = T.tensor("fixed", "float64", (4,))
    outer = library.wrapped(lambda a, b: a[:, None] * b[None, :])(x, fixed)
    assert outer.type.shape == (None, 4)
    assert library.wrapped(lambda a: a[:2] * 1)(fixed).type.shape == (2,)
    met = library.wrapped(lambda a, b: a * b)(x, fixed)  # the two extents meet
    assert met.type.ndim == 1


def test_types_that_cannot_be_found_are_given(library):
    def steep(v):
        if v.shape[0] != 11:
            raise ValueError("eleven")
        return v * 2

    with pytest.raises(GraphTypeError, match="the types of what steep returns.*eleven"):
        library.wrapped(steep)(x)
    z = library.wrapped(steep, otypes=T.dvector)(x)
    assert gradcore.function([x], z)(np.ones(11)).tolist() == [2] * 11
    (single,) = library.wrapped(steep, otypes=[T.dvector])(x)
    assert single.type == x.type


def test_what_is_returned_is_of_the_types_that_are_given(library):
    """Nothing is cast to them: halves are no integers."""

    def halves(v):
        return v / 2

    for otypes, message in ((T.lvector, "int64"), (T.dmatrix, "2 axes")):
        f = gradcore.function([x], library.wrapped(halves, otypes=otypes)(x), mode="numpy")
        with pytest.raises(TypeError, match=message):
            f([1.0, 3.0])
    both = library.wrapped(halves, otypes=[T.dvector, T.dvector])(x)
    with pytest.raises(GraphTypeError, match="halves returns 1 arrays, its otypes are 2") as error:
        gradcore.function([x], both)([1.0])
    assert "test_foreign.py" in str(error.value)
    with pytest.raises(GraphTypeError, match=r"from_\w+ takes types, .* not 'float64'"):
        library.wrapped(halves, otypes="float64")
    with pytest.raises(GraphTypeError, match="lambda returns no array"):
        library.wrapped(lambda v: [])(x)


def test_a_function_takes_as_many_operands_as_it_says(library):
    with pytest.raises(GraphTypeError, match="lambda does not take 2 operands: too many") as error:
        library.wrapped(lambda v: v)(x, x)
    assert "test_foreign.py" in str(error.value) and "otypes" not in str(error.value)
    with pytest.raises(GraphTypeError, match="does not take 1 operands: missing .* 'w'"):
        library.wrapped(lambda v, w: v + w)(x)


def test_other_backends_take_no_functions():
    with pytest.raises(gradcore.errors.UnsupportedError, match="takes no functions"):
        gradcore.Mode("numpy").resolved_backend().foreign()
