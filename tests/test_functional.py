"""JAX's names of derivatives and of ``vmap``: of functions and of expressions, against JAX."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import jacfwd, jacrev, jvp, value_and_grad, vjp, vmap
from gradcore.errors import GraphTypeError, NotScalarError, ShapeError
from gradcore.graph.trees import flattened, mapped

PLAIN = gradcore.Mode("numpy", optimizer=False)
W, B, X = np.array([[0.3, -0.7], [1.1, 0.2]]), np.array([0.1, -0.4]), np.array([0.5, 2.0])


def model(xp, p, x):
    """Return a vector and a scalar, of parameters in a dict."""
    hidden = xp.tanh(p["w"] @ x + p["b"])
    return {"hidden": hidden, "size": xp.sum(hidden**2) * x[0]}


def symbols():
    return {"w": T.dmatrix("w"), "b": T.dvector("b")}, T.dvector("x")


def evaluated(tree, p, x):
    """Return the values of a tree of expressions."""
    leaves, structure = flattened(tree)
    inputs = [p["w"], p["b"], x]
    f = gradcore.function(inputs, list(leaves), mode=PLAIN, on_unused_input="ignore")
    return structure.holding(f(W, B, X))


def compare(found, expected):
    assert flattened(found)[1] == flattened(expected)[1]
    for one, other in zip(flattened(found)[0], flattened(expected)[0], strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


TANGENTS = {"w": W[::-1].copy(), "b": B + 1}, X - 3
COTANGENTS = {"hidden": np.array([1.0, -2.0]), "size": np.array(0.5)}

BY_JAX = {
    "value_and_grad": lambda d, f, p, x: d.value_and_grad(lambda p, x: f(p, x)["size"])(p, x),
    "value_and_grad of several": lambda d, f, p, x: d.value_and_grad(
        lambda p, x: f(p, x)["size"], (1, 0)
    )(p, x),
    "value_and_grad with aux": lambda d, f, p, x: d.value_and_grad(
        lambda p, x: (f(p, x)["size"], f(p, x)), -1, has_aux=True
    )(p, x),
    "value_and_grad unused": lambda d, f, p, x: d.value_and_grad(lambda p, x: x[0] ** 2)(p, x),
    "jvp": lambda d, f, p, x: d.jvp(f, (p, x), TANGENTS),
    "vjp": lambda d, f, p, x: d.vjp(f, p, x)[1](COTANGENTS),
    "value of vjp": lambda d, f, p, x: d.vjp(f, p, x)[0],
    "vjp with aux": lambda d, f, p, x: d.vjp(lambda p: (f(p, x)["size"], x), p, has_aux=True)[2],
    "jacfwd": lambda d, f, p, x: d.jacfwd(f)(p, x),
    "jacrev": lambda d, f, p, x: d.jacrev(f, (0, 1))(p, x),
    "hessian": lambda d, f, p, x: d.jacfwd(d.jacrev(lambda p, x: f(p, x)["size"], 1), 1)(p, x),
    "vmap": lambda d, f, p, x: d.vmap(f, ({"w": 0, "b": None}, None))({**p, "w": p["w"] * TWO}, x),
    "vmap of gradients": lambda d, f, p, x: d.vmap(
        lambda s: d.value_and_grad(lambda x: f(p, x)["size"])(x * s), out_axes=(0, 1)
    )(x),
    "vmap of an axis": lambda d, f, p, x: d.vmap(lambda r, k: r * x + k, (1, None))(p["w"], x[0]),
    "vmap of vmap": lambda d, f, p, x: d.vmap(
        d.vmap(lambda a, b: a * b + x[0], (None, 0)), (0, None), out_axes=1
    )(x, p["b"]),
    "vmap of constants": lambda d, f, p, x: d.vmap(
        lambda s: (s, x), out_axes=(0, None)
    )(x),
}  # fmt: skip
TWO = np.array([1.0, 2.0])[:, None, None]


@pytest.mark.parametrize("name", BY_JAX)
def test_they_are_those_of_jax(name):
    jax = pytest.importorskip("jax")
    p, x = symbols()
    found = BY_JAX[name](gradcore, lambda p, x: model(T, p, x), p, x)
    with jax.enable_x64(True):
        given = mapped(jax.numpy.asarray, ({"w": W, "b": B}, X))
        expected = BY_JAX[name](jax, lambda p, x: model(jax.numpy, p, x), *given)
        expected = mapped(np.asarray, expected)
    compare(evaluated(found, p, x), expected)


def test_expressions_are_taken_with_their_variables():
    p, x = symbols()
    y = model(T, p, x)
    cost, hidden, v = y["size"], y["hidden"], T.dvector("v")
    pairs = [
        (value_and_grad(cost, x), (cost, T.grad(cost, x))),
        (value_and_grad(cost, [x, p["b"]]), (cost, T.grad(cost, [x, p["b"]]))),
        (jvp(hidden, x, v), (hidden, T.Rop(hidden, x, v))),
        (jvp(y, (x, p["b"]), (v, v)), (y, mapped(lambda u: T.Rop(u, [x, p["b"]], [v, v]), y))),
        (vjp(hidden, x, p["b"])[1](v), tuple(T.Lop(hidden, [x, p["b"]], v))),
        (jacfwd(hidden, x), T.jacobian(hidden, x)),
        (jacrev(y, [x, p["w"]]), mapped(lambda u: T.jacobian(u, [x, p["w"]]), y)),
    ]
    inputs = [p["w"], p["b"], x, v]
    for found, expected in pairs:
        assert flattened(found)[1] == flattened(expected)[1]
        leaves = [*flattened(found)[0], *flattened(expected)[0]]
        f = gradcore.function(inputs, leaves, mode="numpy", on_unused_input="ignore")
        values = f(W, B, X, X + 1)
        for one, other in zip(values[: len(values) // 2], values[len(values) // 2 :], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_what_a_function_reads_besides_its_arguments_is_constant():
    """Also where it is the very variable that is handed in; but not to derivatives around it."""
    x = T.dscalar("x")
    _, slope = value_and_grad(lambda y: y * x)(x)
    outer = T.grad(slope * x, x)
    assert [v.eval({x: 3.0}).tolist() for v in (slope, outer)] == [3.0, 6.0]


def test_no_copy_is_left_of_arguments():
    x = T.dvector("x")
    value, slope = value_and_grad(lambda y: T.sum(T.sin(y)))(x)
    f = gradcore.function([x], [value, slope], mode="numpy")
    assert sorted(str(node.op) for node in f.maker.fgraph.nodes) == ["cos", "sin", "sum{axis=(0,)}"]


def test_on_every_backend(everywhere):
    p, _ = symbols()
    per_example = vmap(
        lambda row: value_and_grad(lambda p: model(T, p, row)["size"])(p), in_axes=1
    )(p["w"])
    leaves, _ = flattened(per_example)
    given = [p["w"], p["b"]]
    f = gradcore.function(given, list(leaves), mode=everywhere)
    g = gradcore.function(
        given,
        [v for k in range(2) for v in flattened(
            value_and_grad(lambda p, k=k: model(T, p, p["w"][:, k] * 0 + given[0][:, k])["size"])(p)
        )[0]],
        mode=PLAIN,
    )  # fmt: skip
    one, other = f(W, B), g(W, B)
    for k in range(2):
        for stack, element in zip(one, other[k * len(one) :], strict=False):
            np.testing.assert_allclose(stack[k], element, rtol=1e-12)


V, M = T.dvector("V"), T.dmatrix("M")

REFUSED = {
    "no function": (lambda: value_and_grad(3.0), GraphTypeError, "a function or an expression"),
    "no scalar": (lambda: value_and_grad(T.sin)(V), NotScalarError, "no scalar"),
    "no argument": (lambda: jacrev(T.sin, 1)(V), GraphTypeError, "no argument 1"),
    "no number": (lambda: jacfwd(T.sin, V)(V), GraphTypeError, "number of an argument"),
    "no tuple": (lambda: jvp(T.sin, V, V), GraphTypeError, "tuple of arguments"),
    "tangents": (lambda: jvp(T.sin, (V,), V), GraphTypeError, r"tangents are \*"),
    "cotangents": (lambda: vjp(T.sin, V)[1]((V,)), GraphTypeError, r"cotangents are \(\*,\)"),
    "grad of a function": (lambda: T.grad(T.sum, V), GraphTypeError, "value_and_grad"),
    "hessian of a function": (lambda: T.hessian(T.sum, V), GraphTypeError, "jacfwd"),
    "nothing to map": (lambda: vmap(T.sin, None)(V), GraphTypeError, "nothing to map over"),
    "no axis": (lambda: vmap(T.sin, 1)(V), GraphTypeError, "no axis 1"),
    "axes": (lambda: vmap(T.sin, (0, 0))(V), GraphTypeError, "in_axes"),
    "out_axes": (lambda: vmap(T.sin, out_axes=2)(M), GraphTypeError, "no axis 2"),
    "no out_axes": (lambda: vmap(T.sin, out_axes=None)(M), GraphTypeError, "give it an axis"),
    "extents": (lambda: vmap(T.add)(T.zeros(2), T.zeros(3)), ShapeError, "do not broadcast"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    build, error, text = REFUSED[name]
    with pytest.raises(error, match=text) as info:
        build()
    assert "test_functional.py" in str(info.value)
