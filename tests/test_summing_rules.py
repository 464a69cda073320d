"""The rules of sums over chunks, each on the samples of the ops that it is for."""

import itertools

import numpy as np
import pytest

import gradcore
from gradcore.conformance.samples import all_samples, operands
from gradcore.conformance.samples import rows as elementwise_ops
from gradcore.graph import FunctionGraph
from gradcore.ops.control import IfElse
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index import IncSubtensor
from gradcore.summing.adding import OPERATIONS
from gradcore.summing.parts import FREE, ZERO, NotByChunksError, Part
from gradcore.summing.reading import Reading
from gradcore.summing.rules import RULES

COUNT = Part("sum", whole=True, counts=True)
ROW_BY_KIND = {(op.operands, type(op.derivative)): op for op in elementwise_ops()}.values()
RULED = [
    s
    for s in all_samples()
    if type(s.op) in RULES and (not isinstance(s.op, Elementwise) or s.op in ROW_BY_KIND)
]
"""One elementwise op of each kind stands for all: the rule does not look at which one it is."""


def roles(variable, value, rows):
    """Yield what an operand of a sample may be, of so many rows of a batch."""
    yield FREE
    for axis, n in enumerate(variable.type.shape):
        if value.shape[axis] == rows and (n is None or isinstance(variable, gradcore.Constant)):
            yield Part("rows", axis=axis, whole=True)
            yield Part("rows", axis=axis)
    if not value.ndim and value.dtype.kind == "i" and value == rows:
        yield COUNT
    if value.dtype.kind == "i" and value.ndim == 1 and np.array_equal(value, np.arange(rows)):
        yield Part("numbers", whole=True)


def open_along(part, shape):
    """Return the declared shape of an operand, whose rows are of no known number."""
    return [
        1 if n == 1 and not (part.is_rows and k == part.axis) else None for k, n in enumerate(shape)
    ]


def of_chunk(value, part, start, stop):
    """Return what an operand is of the rows from ``start`` to ``stop``."""
    if part.counts:
        return np.asarray(stop - start, value.dtype)
    if part.kind == "numbers":
        return value[: stop - start]
    return np.take(value, np.arange(start, stop), part.axis) if part.is_rows else value


def holds(part, whole, chunks):
    """Check the equation that a part stands for."""
    if part.kind == "rows":
        joined = np.concatenate(chunks, part.axis)
        np.testing.assert_allclose(joined, whole, rtol=1e-12, atol=1e-12)
    elif part.kind == "numbers":
        for array in (whole, *chunks):
            np.testing.assert_array_equal(array, np.arange(len(array)))
    elif part.is_free:
        for chunk in chunks:
            np.testing.assert_array_equal(chunk, whole)
    else:
        found = OPERATIONS[part.kind](*chunks)
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-12)


def checked(sample, zero=False):
    """Check a rule on a sample for all that its operands may be; return how many it allows.

    zero : whether the first operand is zero.
    """
    variables, values = operands(sample, np.random.default_rng(5))
    if zero:
        values[0] = np.zeros_like(values[0])
    allowed = 0
    for count in {
        n for value in values for n in (*value.shape, *value.ravel()[:1]) if n in range(2, 8)
    }:
        choices = [list(roles(v, a, int(count))) for v, a in zip(variables, values, strict=True)]
        if zero:
            choices[0] = [ZERO]
        for parts in itertools.product(*choices):
            if all(p.is_free for p in parts):
                continue
            given = [
                v if p.is_free else gradcore.TensorType(v.dtype, open_along(p, a.shape))()
                for v, a, p in zip(variables, values, parts, strict=True)
            ]
            node = sample.op.make_node(*given)
            graph = FunctionGraph(
                tuple(v for v in given if not isinstance(v, gradcore.Constant)), tuple(node.outputs)
            )
            try:
                read = Reading(graph, dict(zip(given, parts, strict=True)))
            except NotByChunksError:
                continue
            if read.totals:
                continue
            allowed += 1
            run = node.op.kernel(node)
            several = len(node.outputs) > 1
            made = [
                found if several else (found,)
                for found in (
                    run(*(of_chunk(a, p, i, j) for a, p in zip(values, parts, strict=True)))
                    for i, j in ((0, int(count)), (0, 1), (1, int(count)))
                )
            ]
            for out, whole, *chunks in zip(node.outputs, *made, strict=True):
                holds(read.of(out), whole, chunks)
    return allowed


def test_rows_that_are_written_into_zeros_are_sums_if_they_are_added():
    assert sum(checked(s, zero=True) for s in RULED if type(s.op) is IncSubtensor) > 10


def sums_of(sample):
    """Yield a sample's node, values, and which operands are sums, for all choices of these."""
    variables, values = operands(sample, np.random.default_rng(7))
    floats = [i for i, a in enumerate(values) if a.dtype.kind in "fc" and a.size]
    for count in range(1, min(len(floats), 3) + 1):
        for chosen in itertools.combinations(floats, count):
            yield sample.op.make_node(*variables), values, chosen


def linear_on(sample):
    """Check that what is read as a sum of sums is one; return how many are."""
    found = 0
    for node, values, chosen in sums_of(sample):
        variables = tuple(v for v in node.inputs if not isinstance(v, gradcore.Constant))
        given = {node.inputs[i]: Part("sum") for i in chosen}
        graph = FunctionGraph(variables, tuple(node.outputs))
        if not set(given) <= set(variables):
            continue
        try:
            read = Reading(graph, given)
        except NotByChunksError:
            continue
        if read.totals or not all(read.of(v).kind == "sum" for v in node.outputs):
            continue
        found += 1
        run, rng = node.op.kernel(node), np.random.default_rng(8)
        first = [
            rng.uniform(-1, 1, a.shape).astype(a.dtype) if i in chosen else a
            for i, a in enumerate(values)
        ]
        second = [
            a - b if i in chosen else a for i, (a, b) in enumerate(zip(values, first, strict=True))
        ]
        made = [np.asarray(run(*arrays)) for arrays in (first, second, values)]
        unit = 64 * np.finfo(made[2].dtype).eps
        np.testing.assert_allclose(made[0] + made[1], made[2], unit, unit)
    return found


def test_what_is_linear_by_its_declaration_makes_sums_of_sums():
    assert sum(map(linear_on, all_samples())) > 100


@pytest.mark.parametrize("kind", [k for k in RULES if k is not IfElse], ids=lambda k: k.__name__)
def test_a_rule_is_an_equation_that_holds_of_its_samples(kind):
    assert sum(checked(sample) for sample in RULED if type(sample.op) is kind)
