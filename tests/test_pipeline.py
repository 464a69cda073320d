"""The way of a graph from a user to a backend: which steps it takes, in which order."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.compile.pipeline import AS_WRITTEN, CLOSED, FUNCTION, Compilation
from gradcore.errors import MissingInputError
from gradcore.ops.control import Assert, Conditional, IfElse

PLAIN = gradcore.Mode("numpy", optimizer=False)


def compiled(inputs, outputs, steps, mode=PLAIN):
    return Compilation(inputs, outputs, mode, mode.resolved_backend()).through(steps)


def ops(graph):
    return {type(node.op) for node in graph.nodes}


def test_the_tables_name_every_step_once():
    assert [step.__name__ for step in FUNCTION] == [
        "marks_dropped", "lifted", "closed", "equations_known", "in_real_numbers", "rewritten",
        "still_required", "branches_enclosed", "legal",
    ]  # fmt: skip
    assert (FUNCTION[0], *FUNCTION[2:]) == CLOSED and set(AS_WRITTEN) < set(FUNCTION)


def test_steps_may_be_taken_one_by_one():
    """Each leaves a graph; a branch is enclosed by its own step, not by another."""
    x = T.dvector("x")
    y = T.ifelse(x.sum() > 0, T.exp(x), -x)
    it = compiled([x], [y], FUNCTION[:3])
    assert it.graph is it.written and IfElse in ops(it.graph)
    it.through(FUNCTION[3:6])
    assert IfElse in ops(it.graph) and Conditional not in ops(it.graph)
    it.through(FUNCTION[6:])
    assert Conditional in ops(it.graph) and not it.lacks
    assert Conditional in ops(compiled([x], [y], AS_WRITTEN).graph)


def test_errors_that_rewriting_lost_come_back_in_their_step():
    x, y = T.dvectors("x", "y")
    it = compiled([x, y], [(x + y).shape[0]], FUNCTION[:6], gradcore.Mode("numpy"))
    assert Assert not in ops(it.graph)
    assert Assert in ops(it.through(FUNCTION[6:7]).graph)


def test_checks_leave_the_graph_only_where_arguments_are_checked():
    w, v = T.dmatrices("w", "v")
    moved = T.Rop(T.tanh(w), w, v)
    (check,) = compiled([w, v], [moved], FUNCTION).checks
    assert (check.x, check.like) == (v, w)
    assert not compiled([w, v], [moved], CLOSED).checks


def test_shared_variables_become_inputs_and_what_is_missing_is_an_error():
    x, z = T.dscalars("x", "z")
    s = gradcore.shared(np.float64(2.0), name="s")
    it = compiled([x], [x * s], FUNCTION)
    assert it.graph.inputs == (x, s) and it.shared == [s]
    with pytest.raises(MissingInputError, match="z"):
        compiled([x], [x * z], FUNCTION)
