"""The printed form of the loop IR."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.compile.legalize import legalized
from gradcore.conformance.samples import all_samples, draw, sample_id
from gradcore.graph import FunctionGraph, TensorType
from gradcore.kernel.ir import Break, For, Let, Literal, Program, Statement, Symbol
from gradcore.kernel.uses import inside

KINDS = {type(s.op): s for s in all_samples()}


@pytest.mark.parametrize("sample", KINDS.values(), ids=sample_id)
def test_a_line_is_a_statement(sample, rng):
    values = [draw(arg, rng) for arg in sample.operands]
    x = [TensorType(v.dtype.name, (None,) * v.ndim)(f"x{i}") for i, v in enumerate(values)]
    graph = FunctionGraph(tuple(x), tuple(sample.op.make_node(*x).outputs))
    backend = gradcore.Mode("c").resolved_backend()
    made = backend.lowered(legalized(graph, backend, (), [])[0])
    title, *lines = str(made).splitlines()
    assert title == f"# {made.title}"
    branches = sum(line.strip() == "else:" for line in lines)
    given = len(made.inputs) + len(made.constants)
    assert len(lines) == given + len(list(inside(made.body))) + branches


def test_names_are_unique():
    x, y = Symbol("x"), Symbol("x")
    body = [Let(x, Literal(1, "int64")), For(y, x, [Break()], ordered=True)]
    printed = str(Program([], [], [], body, [], [], "two of a name"))
    assert printed.splitlines() == [
        "# two of a name", "x: int64 = 1", "for x.2 < x, ordered:", "    break",
    ]  # fmt: skip


def test_what_there_is_no_line_for_is_reported():
    class Silent(Statement):
        """A kind that is not printed."""

    with pytest.raises(NotImplementedError, match="Silent"):
        str(Program([], [], [], [Silent()], [], [], "x"))


@pytest.mark.parametrize("mode", ["c", "numpy"])
def test_the_program_of_a_function(mode):
    x = T.dvector("x")
    f = gradcore.function([x], T.sum(T.exp(x)), mode=mode)
    assert f(np.zeros(3)) == 3
    if mode == "numpy":
        assert f.program is None
    else:
        assert "    sum = sum + exp\nallocate output" in str(f.program)
