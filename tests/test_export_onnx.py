"""Functions exported to ONNX: models that ONNX's checker accepts, run by onnxruntime, and compared
with the reference.
"""

import json
import re

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.case import Level
from gradcore.conformance.cases import cases
from gradcore.errors import AssertionFailedError, GraphValueError, UnsupportedError
from gradcore.ops.control import Assert

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

x, y = T.dvectors("x", "y")
M = T.dmatrix("M")
n = T.lscalar("n")


def exported(f, folder, **options):
    """Return the model that `f` becomes, and what runs it on arguments by name."""
    (path,) = gradcore.export(f, folder, target="onnx", **options)
    onnx.checker.check_model(str(path), full_check=True)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])

    def run(**arrays):
        given = {name: np.array(a, order="C") for name, a in arrays.items()}
        return dict(
            zip([v.name for v in session.get_outputs()], session.run(None, given), strict=True)
        )

    return onnx.load(path), run


def extents(value):
    """Return the extents of an input or output of a model: numbers or names."""
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


# the reference ------------------------------------------------------------------------------------
CHOSEN = [
    case
    for case in cases(Level.CORE)
    if (case.level == Level.SMOKE and case.check in ("value", "program"))
    or (case.level == Level.CORE and case.check == "loop" and case.name == "gradient")
]

REASONS = r"onnx has no (complex|kernel)|ONNX's \w+ takes no|onnx cannot call Python"


@pytest.mark.parametrize("case", CHOSEN, ids=lambda c: f"{c.check}-{c.op}-{c.name}")
def test_what_onnx_can_say_is_what_the_reference_computes(case, tmp_path):
    """The rest is refused, and nothing is written."""
    built = case.build()
    mode = gradcore.Mode("numpy", optimizer=case.optimizer)
    f = gradcore.function(built.inputs, built.outputs, mode, on_unused_input="ignore")
    try:
        model, run = exported(f, tmp_path, name="f")
    except UnsupportedError as error:
        assert error.reasons, error
        assert all(re.search(REASONS, reason) for reason in error.reasons), error
        assert not list(tmp_path.iterdir())
        return
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 21)]
    names = [v.name for v in model.graph.input]
    found = run(**dict(zip(names, built.values, strict=True)))
    for output, expected in zip(found.values(), case.judge(built), strict=True):
        assert expected.complaint(output) is None


# names, states, extents -----------------------------------------------------------------------
def logistic():
    """Return a step of gradient descent, which updates a shared variable, and that variable."""
    w = gradcore.shared(np.zeros(2), "w")
    loss = T.log1p(T.exp(-y * T.dot(M, w))).sum()
    updates = {w: w - 0.1 * T.grad(loss, w)}
    return gradcore.function([M, y], {"loss": loss}, updates=updates, name="step"), w


def test_states_have_defaults_and_new_values(tmp_path, rng):
    step, w = logistic()
    model, run = exported(step, tmp_path)
    assert [v.name for v in model.graph.input] == ["M", "y", "w"]
    assert [v.name for v in model.graph.output] == ["loss", "new_w"]
    properties = {p.key: p.value for p in model.metadata_props}
    assert json.loads(properties["gradcore_states"]) == {"w": "new_w"}
    data = {"M": rng.normal(size=(5, 2)), "y": np.sign(rng.normal(size=5))}
    first = run(**data)
    second = run(**data, w=first["new_w"])
    for found in (first, second):
        assert found["loss"] == pytest.approx(step(data["M"], data["y"])["loss"])
        np.testing.assert_allclose(found["new_w"], w.get_value())


def test_what_a_function_only_reads_is_a_constant(tmp_path):
    w = gradcore.shared(np.arange(3.0), "w")
    model, run = exported(gradcore.function([x], x * w, name="f"), tmp_path)
    assert [v.name for v in model.graph.input] == ["x"]
    np.testing.assert_array_equal(run(x=np.ones(3))["out"], [0, 1, 2])


def test_names_that_are_taken(tmp_path):
    s, other = gradcore.shared(1.0, "s"), T.dscalar("new_s")
    model, run = exported(
        gradcore.function([other], s + other, updates={s: s * 2}, name="f"), tmp_path
    )
    assert [v.name for v in model.graph.output] == ["out", "new_new_s"]
    assert run(new_s=np.array(3.0)) == {"out": 4, "new_new_s": 2}


def test_extents_that_must_be_equal_have_one_name(tmp_path):
    model, _ = exported(logistic()[0], tmp_path)
    assert [extents(v) for v in model.graph.input] == [["M_n0", 2], ["M_n0"], [2]]


def test_what_a_branch_requires_is_not_required():
    f = gradcore.function([x, y, n], T.ifelse(n > 0, x + y, x), name="f")
    given = gradcore.exporting.exportable(f, "f")
    assert given.extents() == [("x_n0",), ("y_n0",), ()]
    always = gradcore.exporting.exportable(gradcore.function([x, y], x + y), "f")
    assert always.extents() == [("x_n0",), ("x_n0",)]


def test_outputs_that_are_inputs_constants_or_each_other(tmp_path):
    f = gradcore.function([x], [x, x, T.constant([1.0, 2.0]), x + 1, x + 1], name="f")
    _, run = exported(f, tmp_path)
    found = list(run(x=np.array([3.0])).values())
    for have, want in zip(found, f([3.0]), strict=True):
        np.testing.assert_array_equal(have, want)


def test_nodes_say_what_they_are_for(tmp_path):
    model, _ = exported(gradcore.function([x], T.tanh(x) * 2, name="f"), tmp_path)
    node = next(node for node in model.graph.node if node.op_type == "Tanh")
    assert node.name == "tanh:Tanh"
    assert "test_export_onnx.py" in node.doc_string


# what is refused ------------------------------------------------------------------------------
def test_refusals_name_op_and_line(tmp_path):
    z = T.zvector("z")
    for inputs, output, why in (
        ([x], T.gammaln(x) + 1, "gammaln of .*: onnx has no kernel for gammaln"),
        ([z], T.exp(z) * 2, "onnx has no complex128"),
        ([M], T.linalg.det(M), "onnx has no kernel"),
        ([x], T.Print("x is")(x) + 1, "onnx has no kernel for print"),
    ):
        f = gradcore.function(inputs, output, mode="numpy", name="f")
        with pytest.raises(UnsupportedError, match=why) as caught:
            gradcore.export(f, tmp_path, target="onnx")
        assert "test_export_onnx.py" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_functions_of_python_are_refused(tmp_path):
    @gradcore.as_op([T.dvector], [T.dvector])
    def twice(a):
        return 2 * a

    f = gradcore.function([x], twice(x), mode="numpy", name="f")
    with pytest.raises(UnsupportedError, match="onnx cannot call Python"):
        gradcore.export(f, tmp_path, target="onnx")


def test_models_that_are_too_large_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gradcore_onnx.exporting.LARGEST", 1000)
    w = gradcore.shared(np.zeros(1000), "w")
    with pytest.raises(UnsupportedError, match="bytes, of at most 1000"):
        gradcore.export(gradcore.function([x], x + w, name="f"), tmp_path, target="onnx")


def test_there_are_no_options(tmp_path):
    with pytest.raises(TypeError, match="opset"):
        gradcore.export(gradcore.function([x], x), tmp_path, target="onnx", name="f", opset=9)
    with pytest.raises(GraphValueError, match="no target"):
        gradcore.export(gradcore.function([x], x), tmp_path, target="onxn")


# what models do -------------------------------------------------------------------------------
def test_an_assertion_is_an_error_of_the_model(tmp_path):
    positive = Assert("it must be positive")(x, (x > 0).all())
    f = gradcore.function([x], positive * 2, name="f")
    _, run = exported(f, tmp_path)
    np.testing.assert_array_equal(run(x=np.array([1.0, 2.0]))["out"], [2, 4])
    with pytest.raises(Exception, match="assert"):
        run(x=np.array([1.0, -2.0]))
    with pytest.raises(AssertionFailedError, match="it must be positive"):
        gradcore.function([x], positive * 2, mode="onnx")([-1.0])


def test_an_index_out_of_bounds_is_an_error(tmp_path):
    f = gradcore.function([x, n], x[n], name="f")
    _, run = exported(f, tmp_path)
    assert run(x=np.arange(3.0), n=np.array(-1))["out"] == 2
    with pytest.raises(Exception, match="out of data bounds"):
        run(x=np.arange(3.0), n=np.array(3))
    with pytest.raises(IndexError, match="out of bounds"):
        gradcore.function([x, n], x[n], mode="onnx")([1.0, 2.0], 5)


def test_only_the_branch_that_is_taken_runs(tmp_path):
    f = gradcore.function([x, n], T.ifelse(n > 0, x[n], T.exp(x).sum()), name="f")
    model, run = exported(f, tmp_path)
    assert "If" in {node.op_type for node in model.graph.node}
    assert run(x=np.zeros(2), n=np.array(-9))["out"] == 2


def test_loops_and_their_gradients(tmp_path, rng):
    """A recurrent network: the gradient goes through a loop, in a model of two loops."""
    W, h = T.dmatrix("W"), T.dvector("h")
    X = T.dmatrix("X")
    states, _ = gradcore.scan(lambda e, s, W: T.tanh(T.dot(W, s) + e), X, h, W)
    loss = (states[-1] ** 2).sum()
    f = gradcore.function([X, h, W], [loss, T.grad(loss, W)], name="f")
    model, run = exported(f, tmp_path)
    assert [node.op_type for node in model.graph.node].count("Loop") >= 2
    data = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=(3, 3))
    found = run(**dict(zip("XhW", data, strict=True)))
    for have, want in zip(found.values(), f(*data), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12)


def test_random_draws_are_those_of_python(tmp_path):
    stream = T.random.RandomStream(seed=7)
    f = gradcore.function([], stream.normal(size=(3,)), name="f")
    model, run = exported(f, tmp_path)
    (state,) = [v.name for v in model.graph.input]
    first = run()
    again = run(**{state: first[f"new_{state}"]})
    np.testing.assert_allclose(first["out"], f(), rtol=1e-12)
    np.testing.assert_allclose(again["out"], f(), rtol=1e-12)


def test_a_transposed_matrix_times_a_vector(rng):
    """onnxruntime fuses the two, and is wrong where the vector is no column."""
    A, v = rng.normal(size=(5, 3)), rng.normal(size=5)
    for left, right, want in ((M.T, x, A.T @ v), (x, M, v @ A)):
        f = gradcore.function([M, x], T.dot(left, right), mode="onnx")
        np.testing.assert_allclose(f(A, v), want, rtol=1e-12)


# the backend ----------------------------------------------------------------------------------
def test_functions_run_with_onnxruntime(rng):
    f = gradcore.function([x], T.grad(T.sum(T.tanh(x)), x), mode="onnx")
    a = rng.normal(size=4)
    np.testing.assert_allclose(f(a), 1 - np.tanh(a) ** 2, rtol=1e-12)


def test_the_reference_computes_what_is_lacking_by_choice(rng):
    with pytest.raises(UnsupportedError, match="gammaln"):
        gradcore.function([x], T.gammaln(x) * 2, mode="onnx")
    mode = gradcore.Mode("onnx", fallback="numpy")
    f = gradcore.function([x], [T.gammaln(x) * 2, T.exp(x)], mode=mode)
    for have, want in zip(f([3.0, 4.0]), [2 * np.log([2, 6]), np.exp([3, 4])], strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12)


def test_a_profile_has_the_time_of_each_node():
    f = gradcore.function([M], T.exp(M) @ M, mode="onnx", profile=True)
    f(np.ones((2, 2)))
    assert {"exp", "dot"} <= {node.op.label() for node in f.profile.nodes}


def test_what_onnxruntime_lacks_is_named_with_its_line():
    """Where ONNX has an operator of a dtype, and the runtime no kernel."""
    from gradcore_onnx.backend import load

    node = onnx.helper.make_node("Tan", ["x"], ["y"], name="tan:Tan", doc_string="model.py:3")
    ends = [onnx.helper.make_tensor_value_info(v, onnx.TensorProto.DOUBLE, [2]) for v in "xy"]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", ends[:1], ends[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 21)],
        ir_version=10,
    )
    with pytest.raises(UnsupportedError, match=r"no kernel for tan:Tan, built at model.py:3"):
        load(model)
