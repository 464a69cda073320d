"""Every op, by its own declaration: value, dtype, shape, inputs left alone, no aliasing."""

from dataclasses import replace

import numpy as np
import pytest

import gradcore
from gradcore.conformance.samples import (
    accepted,
    all_samples,
    draw,
    op_classes,
    operands,
    row_samples,
    sample_id,
)
from gradcore.graph import Constant, TensorType, Variable
from gradcore.graph.traverse import infer_shapes
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.ops.elementwise import ROWS

SAMPLES = list(all_samples())
PLAIN = gradcore.Mode("numpy", optimizer=False)


def drawn(variables, values):
    """Return the variables that are no constants, and their values."""
    pairs = [(v, a) for v, a in zip(variables, values, strict=True) if not isinstance(v, Constant)]
    return [v for v, _ in pairs], [a for _, a in pairs]


def test_every_op_has_samples():
    assert [cls for cls in op_classes() if not cls.samples()] == []
    assert len(op_classes()) >= 30
    assert len(ROWS) > 75


@pytest.mark.parametrize("static", [False, True], ids=["unknown", "static"])
@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_types_say_what_comes_out(sample, static, rng):
    variables, values = operands(sample, rng, static=static)
    node = sample.op.make_node(*variables)
    inputs, given = drawn(variables, values)
    kept = [a.copy() for a in given]
    results = gradcore.function(inputs, list(node.outputs), mode=PLAIN)(*given)
    for output, result in zip(node.outputs, results, strict=True):
        assert result.dtype == output.dtype
        assert output.type.admits(result.shape), (output.type, result.shape)
        assert result.flags.writeable
        assert not any(np.shares_memory(result, a) for a in given)
    for before, after in zip(kept, given, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_rewriting_keeps_values(sample, rng):
    variables, values = operands(sample, rng)
    node = sample.op.make_node(*variables)
    inputs, given = drawn(variables, values)
    plain = gradcore.function(inputs, list(node.outputs), mode=PLAIN)(*given)
    found = gradcore.function(inputs, list(node.outputs), mode="numpy", on_unused_input="ignore")(
        *given
    )
    for a, b in zip(plain, found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_shapes_are_told_without_computing(sample, rng):
    variables, values = operands(sample, rng)
    node = sample.op.make_node(*variables)
    inputs, given = drawn(variables, values)
    for output, shape in zip(node.outputs, infer_shapes(node.outputs), strict=True):
        wanted = [n if isinstance(n, Variable) else Constant(n, "int64") for n in shape]
        function = gradcore.function(
            inputs, [output, *wanted], mode=PLAIN, on_unused_input="ignore"
        )
        value, *extents = function(*given)
        assert value.shape == tuple(int(n) for n in extents)


@pytest.mark.parametrize("op", ROWS.values(), ids=str)
def test_rows_on_every_dtype(op, rng):
    """A row accepts a dtype or says why not; what it accepts has the dtype that it says."""
    seen = 0
    for dtype in (*DISCRETE, *FLOATS):
        for other in {dtype, "float32", "int8", "float64"} if op.operands > 1 else {dtype}:
            dtypes = [dtype, *[other] * (op.operands - 1)]
            node = accepted(op, dtypes)
            if node is None:
                continue
            seen += 1
            sample = next(iter(row_samples(op)))
            values = [
                draw(replace(arg, dtype=d), rng)
                for arg, d in zip(sample.operands, dtypes, strict=True)
            ]
            if op.name == "pow" and not node.out.type.is_float:
                values[1] = np.abs(values[1]).astype(dtypes[1])
            result = gradcore.function(list(node.inputs), node.out, mode=PLAIN)(*values)
            assert result.dtype == node.out.dtype, dtypes
            assert result.shape == (3,)
    assert seen


def ulps(found, exact):
    """Return how many units in the last place of ``found`` it is off."""
    exact = np.asarray(exact, "float64")
    spacing = np.spacing(np.abs(exact).astype(found.dtype)).astype("float64")
    return np.abs(found.astype("float64") - exact) / np.maximum(spacing, np.finfo(found.dtype).tiny)


@pytest.mark.parametrize("op", ROWS.values(), ids=str)
def test_rows_in_float32_are_within_their_ulps(op, rng):
    """float32 operands computed in float32, against the same computed in float64."""
    node = accepted(op, ["float32"] * op.operands)
    if node is None:
        return
    values = [rng.uniform(low, high, 200).astype("float32") for low, high in op.domain]
    inputs = [TensorType("float32", (None,))() for _ in values]
    found = gradcore.function(inputs, op(*inputs), mode=PLAIN)(*values)
    if found.dtype != "float32":
        return
    wide = [TensorType("float64", (None,))() for _ in values]
    exact = gradcore.function(wide, op(*wide), mode=PLAIN)(*[v.astype("float64") for v in values])
    error = ulps(found, exact)
    assert error.max() <= op.ulp, (op.name, error.max())


LAYOUTS = {
    "C": lambda a: a,
    "F": lambda a: np.asfortranarray(a) if a.ndim else a,
    "strided": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1] if a.ndim else a,
    "stretched": lambda a: np.broadcast_to(a.flat[0], a.shape) if a.size else a,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_layout_of_operands_does_not_matter(sample, layout, rng):
    variables, values = operands(sample, rng)
    node = sample.op.make_node(*variables)
    inputs, given = drawn(variables, values)
    function = gradcore.function(inputs, list(node.outputs), mode=PLAIN)
    laid = [LAYOUTS[layout](a) for a in given]
    for a, b in zip(function(*laid), function(*[np.array(a) for a in laid]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
        assert not any(np.shares_memory(a, x) for x in laid)
