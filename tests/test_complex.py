"""Complex numbers: what becomes of their parts, derivatives by convention, and what is refused."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.compile.parts import in_parts
from gradcore.conformance.samples import accepted, all_samples, draw, row_samples, rows
from gradcore.derive import Flat, pullback, pushforward
from gradcore.dtypes import COMPLEX
from gradcore.errors import GradcoreError, GraphTypeError, LinAlgError
from gradcore.graph import FunctionGraph, TensorType, Variable
from gradcore.ops import complexes
from gradcore.ops.elementwise import ENTRIES

PLAIN = gradcore.Mode("numpy", optimizer=False)


def numbers(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


# derivatives ------------------------------------------------------------------------------------
def operands_of(sample):
    """Return variables and values for a sample, complex where it is not said otherwise."""
    rng = np.random.default_rng(3)
    values = [draw(arg, rng, "complex128") for arg in sample.operands]
    variables = [
        Variable(TensorType(a.dtype.name, a.shape))
        if arg.value is None
        else T.as_tensor_variable(arg.value)
        for arg, a in zip(sample.operands, values, strict=True)
    ]
    return variables, values


def takes_complex(sample):
    if not any(
        arg.value is None and arg.dtype in ("float", "complex128") for arg in sample.operands
    ):
        return False
    if sample.op.graphs or isinstance(sample.op.derivative, Flat):
        return False
    try:
        sample.op.make_node(*operands_of(sample)[0])
    except GradcoreError:
        return False
    return True


SAMPLES = [
    sample
    for sample in (
        *(next(row_samples(op)) for op in rows() if accepted(op, ["complex128"] * op.operands)),
        *(s for s in all_samples() if s.op.label() not in ENTRIES),
        next(row_samples(complexes.complex)),
    )
    if takes_complex(sample)
    and sample.op.label() not in ("cast_complex64", "cast_float32", "cast_float16")
    and not sample.op.label().startswith(("grad_", "zero_grad", "disconnected", "conditional"))
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.op.label()}-{len(s.operands)}")
def test_both_modes_are_those_of_differences(sample):
    """A tangent is a difference; a cotangent the real product with it; so is the second order."""
    variables, values = operands_of(sample)
    outputs = [o for o in sample.op.make_node(*variables).outputs if o.type.is_inexact]
    moving = [
        (v, a)
        for v, a, arg in zip(variables, values, sample.operands, strict=True)
        if arg.value is None and v.type.is_inexact
    ]
    moved, points = [v for v, _ in moving], [a for _, a in moving]
    tangents = [v.type() for v in moved]
    found = pushforward(outputs, moved, tangents)
    pairs = [(o, t) for o, t in zip(outputs, found, strict=True) if isinstance(t, Variable)]
    assert pairs
    seeds = [o.type() for o, _ in pairs]
    back = pullback([o for o, _ in pairs], seeds, moved)
    given = [v for v, arg in zip(variables, sample.operands, strict=True) if arg.value is None]
    arrays = [a for a, arg in zip(values, sample.operands, strict=True) if arg.value is None]
    value = gradcore.function(given, [o for o, _ in pairs], mode=PLAIN, on_unused_input="ignore")
    directions = [_direction(a, k) for k, a in enumerate(points)]
    forward = gradcore.function(
        [*given, *tangents], [t for _, t in pairs], mode=PLAIN, on_unused_input="ignore"
    )(*arrays, *directions)

    step = 1e-6
    along = dict(zip(map(id, points), directions, strict=True))

    def moved_by(sign):
        return value(*(a + sign * step * along[id(a)] if id(a) in along else a for a in arrays))

    for t, up, down in zip(forward, moved_by(1), moved_by(-1), strict=True):
        np.testing.assert_allclose(t, (up - down) / (2 * step), rtol=2e-6, atol=2e-7)
    cotangents = [_direction(t, k + 5) for k, t in enumerate(forward)]
    pulled = gradcore.function(
        [*given, *seeds],
        [
            ct if isinstance(ct, Variable) else v.zeros_like()
            for v, ct in zip(moved, back, strict=True)
        ],
        mode=PLAIN,
        on_unused_input="ignore",
    )(*arrays, *cotangents)
    left = sum(np.sum(ct * t).real for ct, t in zip(cotangents, forward, strict=True))
    right = sum(np.sum(ct * d).real for ct, d in zip(pulled, directions, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


def _direction(a, seed):
    found = np.cos(np.arange(np.size(a)) * 1.7 + seed).reshape(np.shape(a))
    return found + 1j * found[..., ::-1] if np.iscomplexobj(a) and a.ndim else found.astype(a.dtype)


def cost(z, a, x):
    """Return a real cost of complex and real tensors, through what takes them in all ways."""
    w = T.tanh(T.dot(a, z) * x) + T.exp(1j * x) * z**2
    return T.sum(abs(w) ** 2) + T.real(z[0] / z[1]) + T.imag(T.sqrt(z)).sum() + T.angle(w).sum()


def test_a_gradient_is_the_derivative_by_both_parts():
    """By the real part, plus i times that by the imaginary part: as torch's."""
    z, a, x = T.zvector("z"), T.zmatrix("a"), T.dvector("x")
    point = numbers(3), numbers(3, 3, seed=1), np.random.default_rng(2).normal(size=3)
    gradients = gradcore.function([z, a, x], T.grad(cost(z, a, x), [z, a, x]))(*point)
    u, v, b, c = T.dvector("u"), T.dvector("v"), T.dmatrix("b"), T.dmatrix("c")
    parts = [u, v, b, c, x]
    real = cost(T.complex(u, v), T.complex(b, c), x)
    of_parts = gradcore.function(parts, T.grad(real, parts))(
        point[0].real, point[0].imag, point[1].real, point[1].imag, point[2]
    )
    wanted = of_parts[0] + 1j * of_parts[1], of_parts[2] + 1j * of_parts[3], of_parts[4]
    for found, want in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-12)
    f = gradcore.function([z, a, x], cost(z, a, x))
    for direction in np.eye(3):
        for turn, part in ((1, "real"), (1j, "imag")):
            step = 1e-6 * turn * direction
            slope = (f(point[0] + step, *point[1:]) - f(point[0] - step, *point[1:])) / 2e-6
            np.testing.assert_allclose(getattr(gradients[0] @ direction, part), slope, rtol=1e-6)


def test_gradients_are_torchs():
    torch = pytest.importorskip("torch")
    z, a, x = T.zvector("z"), T.zmatrix("a"), T.dvector("x")
    point = numbers(3), numbers(3, 3, seed=1), np.random.default_rng(2).normal(size=3)
    found = gradcore.function([z, a, x], T.grad(cost(z, a, x), [z, a, x]))(*point)
    tz, ta, tx = (torch.tensor(p, requires_grad=True) for p in point)
    w = torch.tanh((ta @ tz) * tx) + torch.exp(1j * tx) * tz**2
    whole = (abs(w) ** 2).sum() + (tz[0] / tz[1]).real + torch.sqrt(tz).imag.sum()
    (whole + torch.angle(w).sum()).backward()
    for mine, theirs in zip(found, (tz, ta, tx), strict=True):
        np.testing.assert_allclose(mine, theirs.grad.numpy(), rtol=1e-10)


def test_lop_has_the_conjugate_of_the_jacobian_and_rop_the_jacobian():
    z, v = T.zvectors("z", "v") if hasattr(T, "zvectors") else (T.zvector("z"), T.zvector("v"))
    f = gradcore.function([z, v], [T.Lop(z**2, z, v), T.Rop(z**2, z, v)])
    a, b = numbers(2), numbers(2, seed=1)
    left, right = f(a, b)
    np.testing.assert_allclose(left, np.conj(2 * a) * b)
    np.testing.assert_allclose(right, 2 * a * b)


def test_known_grads_are_as_grad_returns_them():
    z = T.zvector("z")
    w = T.exp(z)
    whole = T.grad(T.sum(abs(w)), z)
    inner = T.grad(T.sum(abs(w)), w)
    f = gradcore.function([z], [whole, T.grad(None, z, known_grads={w: inner})])
    first, second = f(numbers(3))
    np.testing.assert_allclose(first, second)


# loops, choices, ops of a user's own ------------------------------------------------------------
@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_states_of_loops_may_be_complex(mode):
    z0, s, c = T.zscalar("z0"), T.zvector("s"), T.zscalar("c")
    states, _ = gradcore.scan(
        lambda u, z, c: 0.3 * z * z + c * u, sequences=[s], outputs_info=[z0], non_sequences=[c]
    )
    total = T.sum(abs(states) ** 2)
    f = gradcore.function([z0, s, c], [states, total, T.grad(total, z0)], mode=mode)
    start, inputs, factor = 0.2 + 0.3j, numbers(5), 0.7 - 0.1j
    found, _, gradient = f(start, inputs, factor)
    wanted, state = [], start
    for u in inputs:
        state = 0.3 * state * state + factor * u
        wanted.append(state)
    np.testing.assert_allclose(found, wanted)
    slopes = [
        (f(start + 1e-6 * turn, inputs, factor)[1] - f(start - 1e-6 * turn, inputs, factor)[1])
        / 2e-6
        for turn in (1, 1j)
    ]
    np.testing.assert_allclose(gradient, slopes[0] + 1j * slopes[1], rtol=1e-6)


class Turned(gradcore.Op):
    """A user's op: i times its operand."""

    __props__ = ()

    def make_node(self, x):
        return gradcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 1j

    def grad(self, inputs, output_grads):
        return [T.conj(T.constant(1j)) * output_grads[0]]


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_ops_of_a_user_get_complex_arrays_and_gradients_as_grad_returns_them(mode):
    z = T.zvector("z")
    w = Turned()(z * 2)
    f = gradcore.function([z], [w, T.grad(T.sum(T.real(w * (3 + 1j))), z)], mode=mode)
    a = numbers(3)
    value, gradient = f(a)
    np.testing.assert_allclose(value, 2j * a)
    np.testing.assert_allclose(gradient, np.full(3, np.conj(2j * (3 + 1j))))


# parts ------------------------------------------------------------------------------------------
def test_no_complex_arithmetic_is_left():
    z, x = T.zmatrix("z"), T.dmatrix("x")
    out = T.sum(T.exp(T.dot(z, x) / z) * 1j, axis=0)
    graph = in_parts(FunctionGraph((z, x), (out,)))
    touching = {
        node.op.label()
        for node in graph.nodes
        if any(v.type.is_complex for v in (*node.inputs, *node.outputs))
    }
    assert touching == {"real", "imag", "complex"}


def test_real_graphs_stay_as_they_are():
    x = T.dvector("x")
    graph = FunctionGraph((x,), (T.exp(x),))
    assert in_parts(graph) is graph


def test_a_real_factor_scales_both_parts():
    """NumPy makes it complex first, and NaN of its imaginary zero times infinity."""
    z, x = T.zscalar("z"), T.dscalar("x")
    f = gradcore.function([z, x], z * x)
    assert f(complex(np.inf, 1), 2) == complex(np.inf, 2)


@pytest.mark.parametrize(
    ("made", "dtype"),
    [
        (lambda z, x: z + 0.5, "complex64"),
        (lambda z, x: z * 2, "complex64"),
        (lambda z, x: z * 1j, "complex64"),
        (lambda z, x: x * 1j, "complex64"),
        (lambda z, x: z * T.lscalar(), "complex128"),
        (lambda z, x: abs(z), "float32"),
        (lambda z, x: T.real(z), "float32"),
        (lambda z, x: T.imag(x), "float32"),
        (lambda z, x: T.complex(x, T.dscalar()), "complex128"),
        (lambda z, x: T.eq(z, x), "bool"),
        (lambda z, x: z.astype("float64"), "float64"),
        (lambda z, x: z.astype("bool"), "bool"),
        (lambda z, x: z.mean(), "complex64"),
        (lambda z, x: T.exp(z), "complex64"),
    ],
)
def test_dtypes_of_results(made, dtype):
    z, x = T.cvector("z"), T.fvector("x")
    assert made(z, x).dtype == dtype


@pytest.mark.parametrize("dtype", COMPLEX)
def test_variances_and_norms_are_numpys(dtype):
    a = numbers(3, 4).astype(dtype)
    z = T.matrix("z", dtype=dtype)
    made = [T.var(z), T.var(z, 0, ddof=1), T.std(z, 1), T.norm(z, 2), T.mean(z, 0)]
    wanted = [a.var(), a.var(0, ddof=1), a.std(1), np.linalg.norm(a), a.mean(0)]
    for found, want in zip(gradcore.function([z], made)(a), wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-6)
        assert found.dtype == want.dtype


def test_values_of_lists_and_numbers_are_taken():
    z = T.cvector("z")
    f = gradcore.function([z], z + 1)
    assert f([1j, 2.0, 3]).tolist() == [1 + 1j, 3, 4]
    assert f(np.array([1.5], "float32")).dtype == "complex64"


@pytest.mark.parametrize("dtype", COMPLEX)
def test_nonzero_and_logic_go_by_both_parts(dtype):
    z = T.vector("z", dtype=dtype)
    f = gradcore.function([z], [T.flatnonzero(z), z.astype("bool"), T.isclose(z, 1j)])
    found = f(np.array([0, 1j, 0, 2], dtype))
    assert [a.tolist() for a in found] == [
        [1, 3],
        [False, True, False, True],
        [False, True, False, False],
    ]


@pytest.mark.parametrize(
    "made",
    [
        lambda z: T.maximum(z, 1),
        lambda z: z // 2,
        lambda z: T.argmax(z),
        lambda z: T.max(z),
        lambda z: T.clip(z, 0, 1),
        lambda z: T.erf(z),
        lambda z: z & True,
    ],
)
def test_what_needs_an_order_says_so(made):
    with pytest.raises(GraphTypeError, match="complex|takes integers or booleans") as info:
        made(T.zvector("z"))
    assert isinstance(info.value, TypeError)
    assert "test_complex.py" in str(info.value)


# equations and signs ----------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_equations_with_complex_matrices(mode):
    a, b, v, real = T.zmatrix("a"), T.zmatrix("b"), T.zvector("v"), T.dmatrix("real")
    left, right = numbers(4, 4), numbers(4, 2, seed=1)
    outputs = [
        T.linalg.solve(a, b), T.linalg.solve(a, v), T.linalg.solve(real, b), T.linalg.inv(a),
        T.linalg.solve(T.stack([a, 2 * a]), b), T.linalg.solve(a, T.real(b)),
    ]  # fmt: skip
    f = gradcore.function([a, b, v, real], outputs, mode=mode)
    solve = np.linalg.solve
    wanted = [
        solve(left, right), solve(left, right[:, 0]), solve(left.real, right), np.linalg.inv(left),
        solve(np.stack([left, 2 * left]), right), solve(left, right.real),
    ]  # fmt: skip
    for found, expected in zip(f(left, right, right[:, 0], left.real), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(LinAlgError):
        gradcore.function([a], T.linalg.inv(a), mode=mode)(np.zeros((2, 2)))


def test_signs_of_complex_numbers():
    z = T.zvector("z")
    value = np.array([3 + 4j, 0, -1j, 1e200 + 1e200j])
    np.testing.assert_allclose(T.sign(z).eval({z: value}), np.sign(value), rtol=1e-15)
    assert T.sgn is T.sign and T.sign(T.dvector()).dtype == "float64"


@pytest.mark.parametrize(
    "function", [T.linalg.inv, T.sign, lambda a: T.linalg.solve(a, T.conj(a[:, 0]))]
)
def test_gradients_through_equations_and_signs(function):
    a = T.zmatrix("a")
    cost = T.real(T.sum(function(a) * (1 + 2j)))
    f = gradcore.function([a], [cost, T.grad(cost, a)])
    value = numbers(3, 3)
    _, slope = f(value)
    for step in (1e-6, 1e-6j):
        change = step * numbers(3, 3, seed=2).real
        moved = (f(value + change)[0] - f(value - change)[0]) / 2
        expected = np.sum(slope.real * change.real + slope.imag * change.imag)
        np.testing.assert_allclose(moved, expected, rtol=1e-6)


def test_constants_that_int64_lacks(everywhere):
    """A constant of uint64 is known when the graph is built, whatever it is added to."""
    if everywhere.backend == "torch":
        pytest.skip("torch has no uint64")
    z = T.zvector("z")
    large = T.constant(np.uint64(2**64 - 1))
    f = gradcore.function([z], large + z, mode=everywhere)
    np.testing.assert_array_equal(f(np.array([1j])), [2.0**64 + 1j])


def test_jacobians_and_hessians_are_of_real_tensors():
    x, z = T.dvector("x"), T.zvector("z")
    for build in (
        lambda: T.jacobian(z * x, z),
        lambda: T.jacobian(z * x, x),
        lambda: T.hessian((z * T.conj(z)).real.sum(), z),
    ):
        with pytest.raises(GraphTypeError, match="of complex tensors"):
            build()


def test_differences_are_of_real_numbers():
    for build in (lambda a: T.exp(1j * a), lambda a: abs(T.exp(1j * a)) * 1j):
        with pytest.raises(GraphTypeError, match="slopes of real numbers"):
            T.verify_grad(build, [np.array([1.0])])
    with pytest.raises(GraphTypeError, match="slopes of real numbers"):
        T.verify_grad(abs, [np.array([1j])])


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_log1p_of_small_complex_numbers(mode):
    z = T.zvector("z")
    values = np.array([1e-9 + 1e-9j, -3e-20 + 2e-20j, -7e-305 + 7e-305j, 1e-12j, -1e-12])
    found = gradcore.function([z], T.log1p(z), mode)(values)
    np.testing.assert_allclose(found, values - values**2 / 2, rtol=1e-15)


# operands that are repeated ---------------------------------------------------------------------
REPEATED = {
    "made of a matrix and a vector": lambda xp, m, v: m + 1j * v if xp is np else T.complex(m, v),
    "made of a vector and a matrix": lambda xp, m, v: v + 1j * m if xp is np else T.complex(v, m),
    "made of a matrix and a number": lambda xp, m, v: m + 2j if xp is np else T.complex(m, 2.0),
    "a real matrix and a complex vector": lambda xp, m, v: m * (v * 1j) + m,
    "a column and a complex row": lambda xp, m, v: m.sum(1, keepdims=True) + (v * 1j)[None],
}


@pytest.mark.parametrize("made", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize(
    "read",
    [
        lambda z: z.T,
        lambda z: z[:, ::2],
        lambda z: z.reshape((-1,)),
        lambda z: z.sum(0),
        lambda z: z[None],
        lambda z: z.real + z.imag,
    ],
    ids=["transposed", "sliced", "reshaped", "summed", "with an axis", "read as parts"],
)
def test_parts_are_repeated_where_operands_are(made, read, everywhere):
    m, v = T.dmatrix("m"), T.dvector("v")
    a, b = np.arange(6.0).reshape(2, 3) - 2, np.array([0.5, -1, 3])
    f = gradcore.function([m, v], read(made(T, m, v)), everywhere, on_unused_input="ignore")
    np.testing.assert_allclose(f(a, b), read(made(np, a, b)), rtol=1e-14)
