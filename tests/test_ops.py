"""Every op, by its own declaration: types, shapes, rewriting; values are the suite's affair."""

import importlib
import pkgutil

import numpy as np
import pytest

import gradcore
from gradcore.conformance.samples import (
    all_samples,
    op_classes,
    operands,
    sample_id,
)
from gradcore.graph import Constant, Op, Variable
from gradcore.graph.traverse import infer_shapes
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import ENTRIES, Elementwise

SAMPLES = list(all_samples())
PLAIN = gradcore.Mode("numpy", optimizer=False)


def drawn(variables, values):
    """Return the variables that are no constants, and their values."""
    pairs = [(v, a) for v, a in zip(variables, values, strict=True) if not isinstance(v, Constant)]
    return [v for v, _ in pairs], [a for _, a in pairs]


def test_every_op_has_samples():
    assert [cls for cls in op_classes() if not cls.samples()] == []
    assert len(op_classes()) >= 30
    assert len(ENTRIES) > 75


def test_no_op_is_missing_from_the_catalogue():
    """Every entry and every class of ops that no other is made from, in whichever module.

    But for marks, which no backend sees: tests/test_custom.py has these.
    """
    values = {
        value
        for module in pkgutil.walk_packages(gradcore.ops.__path__, "gradcore.ops.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, Op)
        or (isinstance(value, type) and issubclass(value, Op) and value.__module__ == module.name)
    }
    classes = {value for value in values if isinstance(value, type)}
    bases = {base for cls in classes for base in cls.__mro__[1:]}
    assert len(classes - bases) >= 30
    compiled = {value for value in values if not value.mark}
    assert compiled - bases - {Elementwise} <= set(catalogue())


@pytest.mark.parametrize("static", [False, True], ids=["unknown", "static"])
@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_types_say_what_comes_out(sample, static, rng):
    variables, values = operands(sample, rng, static=static)
    node = sample.op.make_node(*variables)
    inputs, given = drawn(variables, values)
    saved = [a.copy() for a in given]
    results = gradcore.function(inputs, list(node.outputs), mode=PLAIN)(*given)
    for output, result in zip(node.outputs, results, strict=True):
        assert result.dtype == output.dtype
        assert output.type.admits(result.shape), (output.type, result.shape)
        assert result.flags.writeable
        assert not any(np.shares_memory(result, a) for a in given)
    for before, after in zip(saved, given, strict=True):
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
def test_shapes_are_reported_without_computing(sample, rng):
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
