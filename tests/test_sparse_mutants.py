"""Patterns that lie are caught by comparing them with derivatives, and an op declares its own."""

import functools

import numpy as np
import pytest
from test_derivatives import PLAIN, SAMPLES, moving, outputs_of
from test_sparse import CASES, is_exact, nonzeros, vector

import gradcore
import gradcore.tensor as T
from gradcore.conformance.samples import operands
from gradcore.derive import Linear
from gradcore.gradient import local_patterns, patterns
from gradcore.graph import Constant, Op
from gradcore.graph.reads import Pairs
from gradcore.ops.control import PassingOn

DECLARING = sorted(
    {
        next(kind for kind in type(sample.op).__mro__ if "reads" in vars(kind))
        for sample in SAMPLES
        if local_patterns.declares_reads(sample.op) and not isinstance(sample.op, PassingOn)
    },
    key=lambda kind: kind.__name__,
)
"""Families that declare what their elements read (a mark says, if anything, that it is all)."""


def with_reads(kind, change):
    """Return a mutant in which a family declares something else."""

    def mutant(monkeypatch):
        right = kind.reads

        def wrong(op, local, wanted):
            found = right(op, local, wanted)
            size = int(np.prod(local.result, dtype=int))
            return found and {i: change(p, size) for i, p in found.items()}

        monkeypatch.setattr(kind, "reads", wrong)

    return mutant


def without_last(pairs, size):
    """Drop the last pair."""
    rows = np.arange(size) if pairs.rows is None else np.reshape(pairs.rows, -1)
    columns = np.reshape(pairs.columns, -1)
    inside = columns >= 0
    return Pairs(columns[inside][:-1], rows[inside][:-1])


def with_all(pairs, size):
    """Let each element read all that any reads."""
    columns = np.unique(np.maximum(np.reshape(pairs.columns, -1), 0))
    return Pairs(np.tile(columns, size), np.repeat(np.arange(size), columns.size))


def reads_one_on(monkeypatch):
    right = local_patterns.elements_read

    def wrong(node, given, shape):
        return [(k, np.where(p > 0, p - 1, p)) for k, p in right(node, given, shape)]

    monkeypatch.setattr(local_patterns, "elements_read", wrong)


def takes_one_branch(monkeypatch):
    monkeypatch.setattr(patterns, "united", lambda found: found[0] if found else None)


def drops_the_carry(monkeypatch):
    monkeypatch.setattr(patterns, "_row", lambda fact, t: patterns.Fact(fact.shape[1:]))


MUTANTS = {
    "elements": reads_one_on,
    "branches": takes_one_branch,
    "carry": drops_the_carry,
    **{f"{kind.__name__} loses": with_reads(kind, without_last) for kind in DECLARING},
    **{f"{kind.__name__} is dense": with_reads(kind, with_all) for kind in DECLARING},
}


@functools.cache
def looked_at():
    """Return graphs of one sample of each op and of loops and choices, and their nonzeros."""
    rng = np.random.default_rng(5)
    found = []
    samples = {}
    for sample in SAMPLES:
        name = type(sample.op).__name__
        if name != "Elementwise" or sample.op.label() == "mul":
            samples.setdefault((name, getattr(sample.op, "overwrite", None)), sample)
    for sample in samples.values():
        variables, _ = operands(sample, rng, static=True)
        inputs = [v for v in variables if not isinstance(v, Constant)]
        for output in outputs_of(sample, variables):
            if None in output.type.shape and sample.op.label() == "scan":
                continue
            found += [
                (output, v, nonzeros(sample, output, v, variables, inputs, rng))
                for v in moving(sample, variables, output)
                if is_exact(sample.op)
            ]
    for build in (CASES["loop"][0], CASES["map"][0], CASES["gather"][0]):
        x = vector(6)
        y = build(x)
        dense = T.jacobian(y, x).eval({x: rng.uniform(0.5, 2, 6)}, PLAIN)
        found.append((y, x, dense.reshape(-1, 6) != 0))
    x = vector(2)
    found.append((T.ifelse(x[0] > 0, x, x[::-1]), x, np.ones((2, 2), bool)))
    return found


@pytest.mark.parametrize("name", [None, *MUTANTS])
def test_mutants_are_caught(name, monkeypatch):
    """A reader of patterns that lies says something else than the derivatives do."""
    cases = looked_at()
    if name is not None:
        MUTANTS[name](monkeypatch)
    wrong = 0
    for output, v, expected in cases:
        (pattern,) = patterns.jacobian_pattern(output, [v])
        wrong += not np.array_equal(pattern.toarray(), expected)
    assert (wrong == 0) == (name is None)


# an op of one's own ----------------------------------------------------------------------------
class Smoothed(Op):
    """The means of pairs of elements, by NumPy alone."""

    __props__ = ()

    def shape(self, x):
        return x.shape

    def reference(self, x):
        return (x + np.roll(x, 1)) / 2

    derivative = Linear((lambda op, ct, x: (ct + T.roll(ct, -1)) / 2,))


class Declared(Smoothed):
    def reads(self, local, wanted):
        (n,) = local.result
        rows = np.arange(n)
        return {0: Pairs(np.concatenate([rows, (rows - 1) % n]), np.tile(rows, 2))}


@pytest.mark.parametrize(("op", "products"), [(Smoothed(), 6), (Declared(), 2)])
def test_a_pattern_that_an_op_declares(op, products):
    """It stands in its class; without it, each element may read all others."""
    x = vector(6)
    y = op(x**2)
    found = gradcore.sparse_jacobian(y, x)
    assert sum(found.products) == products
    dense = gradcore.function([x], gradcore.jacobian(y, x), mode=PLAIN)
    entries = gradcore.function([x], found.data, mode=PLAIN)
    given = np.arange(6.0)
    np.testing.assert_allclose(found.toscipy(entries(given)).toarray(), dense(given))
    assert patterns.is_exact(op) == (products == 2)
