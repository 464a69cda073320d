"""Functions exported to StableHLO: read back by ``jax.export``, called, and compared."""

import json
import re

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.case import Level
from gradcore.conformance.cases import cases
from gradcore.conformance.test_backend import known_failure
from gradcore.errors import GraphValueError, UnsupportedError

jax = pytest.importorskip("jax")
pytest.importorskip("jax.export")

x, y = T.dvectors("x", "y")
M = T.dmatrix("M")
n = T.lscalar("n")


def exported(f, folder, **options):
    """Return the signature of what `f` becomes, and a function that calls it, in NumPy's dtypes."""
    paths = gradcore.export(f, folder, target="stablehlo", **options)
    assert [path.suffix for path in paths] == [".mlir", ".stablehlo", ".jax", ".json"]
    text, portable, program, signature = (path.read_bytes() for path in paths)
    assert b"stablehlo" in text and b"StableHLO" in portable[:40]
    read = jax.export.deserialize(bytearray(program))

    def call(*arrays):
        with jax.enable_x64(True):
            return [np.asarray(a) for a in read.call(*map(np.asarray, arrays))]

    return json.loads(signature), call


# the reference ------------------------------------------------------------------------------------
CHOSEN = [
    case
    for case in cases(Level.SMOKE)
    if case.check == "program" and known_failure(case, "jax") is None
]

UNKNOWN = r"extent that is not known|calls Python|value that is not known while"


@pytest.mark.parametrize("case", CHOSEN, ids=lambda c: c.op)
def test_programs_compute_what_the_reference_computes(case, tmp_path):
    """With symbolic extents where that can be, else for the shapes of the values."""
    built = case.build()
    f = gradcore.function(built.inputs, built.outputs, "numpy", on_unused_input="ignore")
    names = [a.name for a in gradcore.exporting.exportable(f, "f").arguments]
    shapes = {name: a.shape for name, a in zip(names, built.values, strict=True)}
    for given in (None, shapes):
        try:
            _, call = exported(f, tmp_path, name="f", shapes=given)
        except UnsupportedError as error:
            assert all(re.search(UNKNOWN, reason) for reason in error.reasons), error
            assert not list(tmp_path.iterdir())
            continue
        for output, expected in zip(call(*built.values), case.judge(built), strict=True):
            assert expected.complaint(output) is None
        break


# extents ----------------------------------------------------------------------------------------
def test_extents_that_are_not_known_are_symbolic(tmp_path, rng):
    """A mean, the gradient of a sum, and a product: none computes with extents but as numbers."""
    w = T.dvector("w")
    loss = ((T.dot(M, w) - y) ** 2).mean()
    f = gradcore.function([M, y, w], [loss, T.grad(loss, w)], name="f")
    signature, call = exported(f, tmp_path)
    assert [a["shape"] for a in signature["arguments"]] == [["M_n0", "M_n1"], ["M_n0"], ["M_n1"]]
    for rows in (3, 7):
        data = rng.normal(size=(rows, 2)), rng.normal(size=rows), rng.normal(size=2)
        for have, want in zip(call(*data), f(*data), strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-12)


def test_shapes_are_given_where_a_graph_computes_with_them(tmp_path):
    f = gradcore.function([x], x[::-1] * 2, name="f")
    with pytest.raises(UnsupportedError, match=r"extent that is not known.*shapes=") as caught:
        exported(f, tmp_path)
    assert "test_export_stablehlo.py" in str(caught.value)
    assert not list(tmp_path.iterdir())
    _, call = exported(f, tmp_path, shapes={"x": (3,)})
    np.testing.assert_array_equal(call(np.arange(3.0))[0], [4, 2, 0])
    with pytest.raises(ValueError, match="mismatch"):
        call(np.arange(4.0))


def test_shapes_may_have_names(tmp_path):
    f = gradcore.function([x, y], [x * 2, y * 2], name="f")
    signature, _ = exported(f, tmp_path, shapes={"x": ("n",), "y": ("n",)})
    assert [a["shape"] for a in signature["results"]] == [["n"], ["n"]]


@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        ({"z": (3,)}, "no argument 'z'"),
        ({"x": (3, 3)}, "cannot have"),
        ({"r": (2,)}, "cannot have"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(tmp_path, shapes, why):
    r = T.TensorType("float64", (3,))("r")
    f = gradcore.function([x, r], [x, r], name="f")
    with pytest.raises(GraphValueError, match=why):
        exported(f, tmp_path, shapes=shapes)


# states -----------------------------------------------------------------------------------------
def test_states_are_arguments_and_results(tmp_path):
    w = gradcore.shared(np.ones(2), "w")
    f = gradcore.function([x], {"sum": (w * x).sum()}, updates={w: w + x}, name="f")
    signature, call = exported(f, tmp_path)
    assert signature["states"] == {"w": {"result": 1, "initial": [1.0, 1.0]}}
    assert [a["name"] for a in signature["arguments"]] == ["x", "w"]
    assert [a["name"] for a in signature["results"]] == ["sum", "new w"]
    total, new = call([1.0, 2.0], signature["states"]["w"]["initial"])
    assert total == 3
    np.testing.assert_array_equal(new, [2, 3])


def test_loops_are_loops(tmp_path):
    """Of a number of steps that is an argument, too."""
    total, _ = gradcore.scan(lambda s, x: s * x, outputs_info=T.ones_like(x), non_sequences=x,
                             n_steps=4)  # fmt: skip
    f = gradcore.function([x], T.grad(total[-1].sum(), x), name="f")
    _, call = exported(f, tmp_path, shapes={"x": (2,)})
    np.testing.assert_allclose(call([2.0, 3.0])[0], [32, 108])


# refusals ---------------------------------------------------------------------------------------
def test_what_calls_python_is_refused_with_its_line(tmp_path):
    @gradcore.as_op([T.dvector], [T.dvector])
    def twice(a):
        return 2 * a

    for output, op in (
        (T.special.j0(x), "j0"),
        (twice(x), "twice"),
        (T.Print("x is")(x), "print"),
        (gradcore.map(lambda row: T.special.j0(row), M)[0], "j0"),
    ):
        f = gradcore.function([x, M], output, "numpy", on_unused_input="ignore", name="f")
        with pytest.raises(UnsupportedError, match=f"(?i){op}.*calls Python") as caught:
            exported(f, tmp_path)
        assert "test_export_stablehlo.py" in str(caught.value)
    assert not list(tmp_path.iterdir())
