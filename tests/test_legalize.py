"""What a backend has nothing of its own for: it is written with what it has."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.backend import ArrayBackend
from gradcore.compile.legalize import Legalizer
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import op_cases
from gradcore.conformance.samples import op_classes, operands, sample_id
from gradcore.derive import Linear
from gradcore.errors import ShapeError, UnsupportedError
from gradcore.graph import Op, Requirement
from gradcore.graph.nodes import as_variable
from gradcore.graph.op import Arg, Sample
from gradcore.graph.requirements import AGREE, WITHIN
from gradcore.graph.types import DISCRETE
from gradcore.ops.gathers import gathered, has_element
from gradcore.rewrite.engine import fitting


def tanh_squared(declare):
    return declare(
        "tanh_squared",
        lambda x: np.tanh(x) * np.tanh(x),
        "tanh(x) ** 2",
        lambda t, x, z: 2 * t * T.tanh(x) * (1 - z),
        ulp=16,
        expansion=lambda x: T.tanh(x) * T.tanh(x),
    )


@dataclass(frozen=True)
class Mirrored(Op):
    """A vector, and behind it the same from its end."""

    derivative = Linear((lambda op, ct, x: ct[: x.shape[0]] + ct[x.shape[0] :][::-1],))

    @classmethod
    def samples(cls):
        return [Sample(cls(), (Arg((n,)),)) for n in (0, 1, 3)]

    def shape(self, x):
        return (2 * x.shape[0],)

    def reference(self, x):
        return np.concatenate([x, x[::-1]])

    def element(self, node, at, x):
        n = x.extent(0)
        return x(T.switch(at[0] < n, at[0], 2 * n - 1 - at[0]))


@dataclass(frozen=True)
class Diagonals(Op):
    """The sum of a matrix's diagonal and of a vector as long as its first axis."""

    derivative = Linear(
        (lambda op, ct, x, y: T.zeros_like(x) + T.diag(ct), lambda op, ct, x, y: ct),
    )

    def shape(self, x, y):
        return (x.shape[0],)

    def requires(self, node, operands):
        x, y = operands
        return [
            Requirement(AGREE, (x.shape[0], x.shape[1]), "the matrix is not square"),
            Requirement(AGREE, (x.shape[0], y.shape[0]), "the vector is too short or long"),
        ]

    def reference(self, x, y):
        if x.shape[0] != x.shape[1]:
            raise ShapeError("the matrix is not square")
        if len(x) != len(y):
            raise ShapeError("the vector is too short or long")
        return np.diagonal(x) + y

    def element(self, node, at, x, y):
        return x(at[0], at[0]) + y(at[0])


@dataclass(frozen=True)
class Chosen(Op):
    """Elements of a vector at indices."""

    def dtype(self, x, indices):
        return x

    def shape(self, x, indices):
        return indices.shape

    def requires(self, node, operands):
        n = operands[0].shape[0]
        return [Requirement(WITHIN, (node.inputs[1], n), "an index is out of bounds", IndexError)]

    def reference(self, x, indices):
        return x[indices]

    def element(self, node, at, x, indices):
        i = indices(*at)
        return x(T.switch(i < 0, i + x.extent(0), i))


@dataclass(frozen=True)
class Standard(Op):
    """A vector less its mean, and the mean: an op of two outputs that is written with others."""

    def dtypes(self, dtype):
        return (dtype, dtype)

    def shapes(self, x):
        return (x.shape, ())

    def reference(self, x):
        return x - x.mean(), x.mean()

    def expansion(self, x):
        mean = T.mean(x)
        return [x - mean, mean]


def failures(op, mode):
    """Return the cases of an op that do not pass, with what they tell, but in dtypes that lack."""
    found = {}
    for case in op_cases(op, Level.CORE):
        try:
            case.run(mode)
        except Unsupported as error:
            if re.search(r"has no uint\d", str(error)) is None:
                found[case.id] = repr(error)
        except Exception as error:  # noqa: BLE001 - of any kind, to be told
            found[case.id] = repr(error)
    return found


def test_a_row_with_an_expansion_runs_everywhere(declare, optimized):
    row = tanh_squared(declare)
    assert len(list(op_cases(row, Level.CORE))) > 30
    assert failures(row, optimized) == {}


def test_a_class_with_an_element_form_runs_everywhere(optimized):
    assert len(list(op_cases(Mirrored, Level.CORE))) > 20
    assert failures(Mirrored, optimized) == {}


def test_inside_of_loops_and_branches(declare, everywhere):
    row = tanh_squared(declare)
    x = T.dvector("x")
    states, _ = gradcore.scan(
        lambda e, s: row(s) + Mirrored()(x * e).sum(), sequences=x, outputs_info=T.constant(0.5)
    )
    chosen = gradcore.ifelse(x.sum() > 0, Mirrored()(x), row(Mirrored()(x)))
    outputs = [states, T.grad(states[-1], x), chosen]
    for given in ([0.3, -0.1, 0.2], [-1.0, 0.5]):
        found = gradcore.function([x], outputs, mode=everywhere)(given)
        expected = gradcore.function([x], outputs, mode="numpy")(given)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_what_it_requires_is_retained(everywhere):
    x, y = T.dmatrix("x"), T.dvector("y")
    f = gradcore.function([x, y], Diagonals()(x, y) * 2, mode=everywhere)
    np.testing.assert_array_equal(f(np.eye(2), [1, 2]), [4, 6])
    assert f(np.empty((0, 0)), []).shape == (0,)
    with pytest.raises(ShapeError, match="not square"):
        f(np.ones((2, 3)), [1, 2])
    with pytest.raises(ShapeError, match="too short or long"):
        f(np.eye(2), [1, 2, 3])


def test_indices_are_in_bounds(everywhere):
    x, i = T.dvector("x"), T.lmatrix("i")
    f = gradcore.function([x, i], Chosen()(x, i), mode=everywhere)
    np.testing.assert_array_equal(f([1, 2, 3], [[0, -1], [2, 1]]), [[1, 3], [3, 2]])
    with pytest.raises(IndexError, match="out of bounds"):
        f([1, 2, 3], [[0, 3]])


def test_several_outputs(everywhere):
    x = T.dvector("x")
    f = gradcore.function([x], Standard()(x), mode=everywhere)
    rest, mean = f([1, 2, 6])
    assert rest.tolist() == [-2, -1, 3]
    assert mean == 3


def test_half_precision_is_rounded_once(declare, optimized):
    row = declare("cube", lambda x: x**3, "x ** 3", expansion=lambda x: x * x * x)
    x = T.vector("x", "float16")
    given = np.linspace(-3, 3, 50).astype("float16")
    expected = (given.astype("float64") ** 3).astype("float16")
    np.testing.assert_array_max_ulp(
        gradcore.function([x], row(x), mode=optimized)(given), expected, 1
    )


SAMPLES = [
    sample
    for op in op_classes()
    if has_element(op)
    for sample in op.samples()
    if len(sample.op.make_node(*operands(sample, np.random.default_rng(0))[0]).outputs) == 1
]


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_element_forms_are_read_as_gathers(sample, rng):
    """All that there are, of the core and of plugins."""
    variables, values = operands(sample, rng)
    node = sample.op.make_node(*variables)
    found = fitting(as_variable(gathered(node)), node.out, node, "gathers")
    inputs = [v for v in variables if not isinstance(v, gradcore.Constant)]
    given = [a for v, a in zip(variables, values, strict=True) if v in inputs]
    f = gradcore.function(inputs, [found, node.out], mode="numpy", on_unused_input="ignore")
    np.testing.assert_array_equal(*f(*given))


INDICES = {
    "number": lambda x, k, rows: x[k],
    "start": lambda x, k, rows: x[k:],
    "stop": lambda x, k, rows: x[:k],
    "step": lambda x, k, rows: x[::k],
    "rows": lambda x, k, rows: x[rows],
    "number among rows": lambda x, k, rows: x[k, rows],
    "step among rows": lambda x, k, rows: x[::k, rows],
}


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", [d for d in DISCRETE if d != "bool"])
def test_indices_of_every_integer_dtype_are_read_as_gathers(dtype, index, rng):
    x, k, rows = T.dmatrix("x"), T.scalar("k", dtype), T.vector("rows", dtype)
    node = INDICES[index](x, k, rows).owner
    found = fitting(as_variable(gathered(node)), node.out, node, "gathers")
    f = gradcore.function([x, k, rows], [found, node.out], "numpy", on_unused_input="ignore")
    given = rng.normal(size=(4, 3)), np.dtype(dtype).type(1), np.array([2, 0], dtype)
    np.testing.assert_array_equal(*f(*given))


@pytest.mark.parametrize("index", INDICES)
def test_an_index_that_a_backend_cannot_compute_is_the_references(index):
    """It has no uint64: that is what it says, and what falls back is right."""
    pytest.importorskip("torch")
    x, k, rows = T.dmatrix("x"), T.scalar("k", "uint64"), T.vector("rows", "uint64")
    y = INDICES[index](x, k, rows)
    with pytest.raises(UnsupportedError, match="torch has no uint64"):
        gradcore.function([x, k, rows], y, "torch", on_unused_input="ignore")
    by_reference = gradcore.Mode("torch", fallback="numpy")
    given = np.arange(12.0).reshape(4, 3), np.uint64(2), np.array([2, 0], "uint64")
    f, expected = (
        gradcore.function([x, k, rows], y, mode, on_unused_input="ignore")
        for mode in (by_reference, "numpy")
    )
    np.testing.assert_array_equal(f(*given), expected(*given))


class Few(ArrayBackend):
    """A backend that has a few rows."""

    name = "few"
    kernels = {T.mul: np.multiply, T.tanh: np.tanh}  # noqa: RUF012 - a table

    def array(self, value):
        return np.asarray(value)

    def numpy(self, array):
        return array

    def cast(self, array, dtype):
        return array.astype(dtype)


def test_all_of_a_replacement_runs_or_it_is_lacking(declare):
    row = tanh_squared(declare)
    outer = declare("outer", np.exp, "an expansion in rows", expansion=lambda x: row(x) * x)
    x = T.dvector("x")
    without = declare("without", np.exp, "with what it lacks", expansion=lambda x: T.exp(row(x)))
    runs = Legalizer(Few()).runs
    assert [runs(op(x).owner) for op in (T.tanh, row, outer)] == [True, True, True]
    lacking = (T.exp, without, Mirrored(), T.Print("is not dropped"))
    assert not any(runs(op(x).owner) for op in lacking)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_what_is_lacking_is_reported_as_it_was_written(declare, backend):
    pytest.importorskip(backend)
    bare = declare("bare", lambda x: np.exp(x), "a row without an expansion")
    row = declare("enclosing", lambda x: np.exp(x), "a row in it", expansion=lambda x: bare(x))
    x = T.dvector("x")
    with pytest.raises(UnsupportedError, match="has no kernel for enclosing"):
        gradcore.function([x], row(x), mode=backend)
    f = gradcore.function([x], row(x), mode=gradcore.Mode(backend, fallback="numpy"))
    assert [lack.node.op for lack in f.maker.fallback] == [row]
    np.testing.assert_allclose(f([0.0, 1.0]), np.exp([0, 1]))


def test_an_expansion_that_needs_itself_is_none(declare):
    turning = declare("turning", np.sin, "the sine", expansion=lambda x: -turning(-x))
    assert not Legalizer(Few()).runs(turning(T.dscalar("x")).owner)


def test_functions_of_a_library_have_it_too(declare):
    jax = pytest.importorskip("jax")
    row = tanh_squared(declare)
    x = T.fvector("x")
    f = gradcore.as_jax(row(Mirrored()(x)).sum(), [x])
    found = jax.grad(f)(np.array([0.5, 1.0], "float32"))
    slope = np.tanh([0.5, 1.0])
    np.testing.assert_allclose(found, 4 * slope * (1 - slope**2), rtol=1e-5)


def test_a_debugging_mode_compares_with_it(declare):
    pytest.importorskip("torch")
    x = T.dvector("x")
    f = gradcore.function([x], tanh_squared(declare)(x), mode=gradcore.Mode("torch", debug=True))
    np.testing.assert_allclose(f([1.0]), np.tanh(1.0) ** 2)
