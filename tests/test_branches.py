"""Only the branch of an ``ifelse`` that is taken runs, whatever is derived from it."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcore
import gradcore.tensor as T
from gradcore.derive.cases import MOST_CASES, alternatives, any_case, any_of, common, in_atoms
from gradcore.graph import FunctionGraph
from gradcore.ops.control import Conditional, IfElse
from gradcore.rewrite.branches import enclose_branches

R, V = T.dvectors("R", "V")
ERRORS = ValueError, IndexError

BRANCHES = {
    "element": lambda r: r * r[5],
    "joined": lambda r: r * T.concatenate([r, V])[9],
    "product": lambda r: r * T.dot(r * 2, V),
    "checked": lambda r: r * T.exp(T.assert_op(r, r.shape[0] > 5)),
    "nested": lambda r: T.ifelse(r[0] > 0, r * r[5], r * V),
    "loop": lambda r: gradcore.scan(lambda s: T.tanh(s) * V, None, r, n_steps=3)[0][-1],
}
"""What does not fit a vector of three elements beside one of four."""

DERIVED = {
    "value": (lambda y, r: y, -2.0),
    "gradient": (lambda y, r: T.grad((y**2).sum(), r), -8.0),
    "of a gradient": (lambda y, r: T.grad((T.grad((y**2).sum(), r) ** 2).sum(), r), -128.0),
    "Rop": (lambda y, r: T.Rop(y, r, T.ones_like(r)), 2.0),
    "Rop of a gradient": (lambda y, r: T.Rop(T.grad((y**3).sum(), r), r, T.ones_like(r)), -48.0),
    "Hessian": (lambda y, r: T.hessian((y**2).sum(), r).sum(0), 8.0),
}
"""What is derived from twice a vector, and what it is of ones with a minus."""


@pytest.mark.parametrize("derived", DERIVED)
@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_that_is_not_taken_does_not_run(branch, derived, everywhere):
    derive, wanted = DERIVED[derived]
    y = T.ifelse(R.sum() > 0, BRANCHES[branch](R), R * 2)
    f = gradcore.function([R, V], derive(y, R), mode=everywhere, on_unused_input="ignore")
    assert np.allclose(f(-np.ones(3), np.ones(4)), wanted, rtol=1e-14)
    with pytest.raises((*ERRORS, AssertionError)):
        f(np.ones(3), np.ones(4))


@pytest.mark.parametrize("derived", [k for k in DERIVED if k != "Hessian"])
@pytest.mark.parametrize("branch", BRANCHES)
def test_nor_does_it_in_the_steps_of_a_loop(branch, derived):
    hold_to_steps_taken(branch, derived, "numpy")


@pytest.mark.parametrize("branch", BRANCHES)
def test_nor_does_it_in_the_steps_of_a_loop_everywhere(branch, everywhere):
    hold_to_steps_taken(branch, "gradient", everywhere)


def hold_to_steps_taken(branch, derived, mode):
    """Check a derivative of a loop of choices: no step fails in a branch that it does not take."""
    M = T.dmatrix("M")
    derive, wanted = DERIVED[derived]
    y = gradcore.scan(lambda r: T.ifelse(r.sum() > 0, BRANCHES[branch](r), r * 2), M)[0]
    f = gradcore.function([M, V], derive(y, M), mode=mode, on_unused_input="ignore")
    assert np.allclose(f(-np.ones((2, 3)), np.ones(4)), wanted, rtol=1e-14)
    with pytest.raises((*ERRORS, AssertionError)):
        f(np.ones((2, 3)), np.ones(4))


def test_choices_inside_of_others_share_what_they_read(everywhere):
    """Two choices on one condition, in both branches of another one, read what raises."""
    c, d = T.bscalars("c", "d")
    h = T.exp(R) * R[5]
    y = T.ifelse(d, T.ifelse(c, h, R), T.ifelse(c, h * 2, R * 3))
    f = gradcore.function([c, d, R], y, mode=everywhere)
    for taken, factor in ((1, 1), (0, 3)):
        assert (f(0, taken, np.ones(3)) == factor).all()
        with pytest.raises(IndexError):
            f(1, taken, np.ones(3))
    assert np.allclose(f(1, 0, np.ones(6)), 2 * np.e, rtol=1e-14)


H = T.exp(R) * R[5]
"""What a vector of three elements does not have."""

TREES = {
    "both": lambda c, d, choose: choose(d, choose(c, H, R), choose(c, H * 2, R * 3)),
    "both, otherwise": lambda c, d, choose: choose(d, choose(c, R, H), choose(c, R * 3, H * R)),
    "one": lambda c, d, choose: choose(d, choose(c, H, R), R * 3),
    "in two orders": lambda c, d, choose: (
        choose(d, choose(c, H, R), R) + choose(c, choose(d, H, R), R)
    ),
    "of what is chosen": lambda c, d, choose: choose(
        d, choose(c, H, R) * choose(c, H, R * 2), R * 3
    ),
    "in a row": lambda c, d, choose: choose(c, choose(d, H, R) * H, R) * choose(d, R, R * 2),
    "either": lambda c, d, choose: choose(c, H, R) * choose(d, H, R * 2),
    "equal": lambda c, d, choose: choose(d, choose(c, H, R), choose(c, R, H)),
    "decided": lambda c, d, choose: choose(
        d, choose(c, R, choose(d, R * 2, H)), choose(c, choose(d, H, R), R)
    ),
}
"""Choices inside of others."""


def taken_alone(condition, then, orelse):
    """Return one of two branches, for a condition that is a number."""
    return then if condition else orelse


@functools.cache
def of_branches_taken(tree, derived, conditions):
    """Return a function of the branches that are taken under conditions."""
    derive, _ = DERIVED[derived]
    alone = derive(TREES[tree](*conditions, taken_alone), R)
    return gradcore.function([R], alone, mode="numpy")


@pytest.mark.parametrize("derived", [k for k in DERIVED if k != "Hessian"])
@pytest.mark.parametrize("tree", TREES)
def test_choices_inside_of_others_are_lazy_in_derivatives(tree, derived):
    hold_to_branches_taken(tree, derived, "numpy")


@pytest.mark.parametrize(
    ("tree", "derived"),
    [("both", "of a gradient"), ("in a row", "of a gradient"), ("either", "gradient")],
)
def test_choices_inside_of_others_are_lazy_everywhere(tree, derived, everywhere):
    hold_to_branches_taken(tree, derived, everywhere)


def hold_to_branches_taken(tree, derived, mode):
    """What comes of any conditions is what comes of the branches that are taken, errors too."""
    c, d = T.bscalars("c", "d")
    derive, _ = DERIVED[derived]
    f = gradcore.function([c, d, R], derive(TREES[tree](c, d, T.ifelse), R), mode=mode)
    for conditions in ((0, 0), (0, 1), (1, 0), (1, 1)):
        wanted = of_branches_taken(tree, derived, conditions)
        assert np.allclose(f(*conditions, np.ones(6)), wanted(np.ones(6)), rtol=1e-12)
        try:
            short = wanted(np.ones(3))
        except IndexError:
            with pytest.raises(IndexError):
                f(*conditions, np.ones(3))
            continue
        assert np.allclose(f(*conditions, np.ones(3)), short, rtol=1e-12)


MADE = {
    "or": (lambda c, d: c | d, lambda c, d: c or d),
    "and": (lambda c, d: (c > 0) & (d > 0), lambda c, d: c and d),
    "neither": (lambda c, d: T.invert((c > 0) | (d > 0)), lambda c, d: not (c or d)),
    "choice": (lambda c, d: T.ifelse(c, d > 0, T.constant(False)), lambda c, d: c and d),
}
"""Conditions that a user makes of others, and what they are of numbers."""

OF_MADE = {
    "product": lambda made, c, d, choose: choose(made, H, R * 2) * choose(c, H, R * 3),
    "inside": lambda made, c, d, choose: choose(made, choose(c, H, R), R * 2),
    "otherwise": lambda made, c, d, choose: choose(made, R, H) * choose(d, R, H),
}


@pytest.mark.parametrize("derived", ["gradient", "of a gradient", "Rop of a gradient"])
@pytest.mark.parametrize("tree", OF_MADE)
@pytest.mark.parametrize("made", MADE)
def test_conditions_made_of_others_by_a_user_are_lazy(made, tree, derived):
    c, d = T.bscalars("c", "d")
    derive, _ = DERIVED[derived]
    of_variables, of_numbers = MADE[made]
    y = OF_MADE[tree](of_variables(c, d), c, d, T.ifelse)
    f = gradcore.function([c, d, R], derive(y, R), "numpy", on_unused_input="ignore")
    for pair in np.ndindex(2, 2):
        alone = derive(OF_MADE[tree](of_numbers(*pair), *pair, taken_alone), R)
        wanted = gradcore.function([R], alone, "numpy")
        assert np.allclose(f(*pair, np.ones(6)), wanted(np.ones(6)), rtol=1e-12)
        try:
            short = wanted(np.ones(3))
        except IndexError:
            with pytest.raises(IndexError):
                f(*pair, np.ones(3))
            continue
        assert np.allclose(f(*pair, np.ones(3)), short, rtol=1e-12)


@given(data=st.data())
def test_cases_are_simplified_to_what_they_mean(data):
    """Under any truths of three conditions, with conditions made of these, and of what is made."""
    atoms = T.bscalars("a", "b", "c")
    made = list(atoms)
    for _ in range(data.draw(st.integers(0, 3))):
        guard = st.tuples(st.sampled_from(made), st.booleans())
        some = st.lists(guard, min_size=1, max_size=2)
        made.append(any_case(data.draw(st.lists(some, min_size=1, max_size=3))))
    guard = st.tuples(st.sampled_from(made), st.booleans())
    drawn = data.draw(st.lists(st.lists(guard, max_size=3), min_size=1, max_size=5))
    cases = [dict.fromkeys(case) for case in drawn]
    simpler = any_of(cases), in_atoms(cases)
    parts = {(v, side): alternatives(v, side) for v in made for side in (False, True)}
    every = [*cases, *simpler[0], *simpler[1], *(case for p in parts.values() for case in p)]
    conditions = list(dict.fromkeys([*made, *(v for case in every for v, _ in case)]))
    truth = gradcore.function(atoms, conditions, "numpy", on_unused_input="ignore")
    truths = [
        dict(zip(conditions, map(bool, truth(*values)), strict=True))
        for values in np.ndindex(2, 2, 2)
    ]

    def truth_of(cases):
        return [any(all(t[v] == side for v, side in case) for case in cases) for t in truths]

    for (v, side), found in parts.items():
        assert truth_of(found) == [t[v] == side for t in truths]
    wanted = truth_of(cases)
    if any(wanted):
        assert truth_of(simpler[0]) == truth_of(simpler[1]) == wanted
    in_all = truth_of([common(cases)])
    assert not any(w and not c for w, c in zip(wanted, in_all, strict=True))


def nodes_of(graph):
    """Return how many nodes a graph has, with those of the graphs that its nodes have."""
    return sum(1 + sum(map(nodes_of, getattr(node.op, "graphs", ()))) for node in graph.nodes)


@pytest.mark.parametrize("name", ["or_", "and_", "invert", "neq", "ifelse"])
def test_an_op_of_a_user_is_not_taken_for_logic_by_its_name(name):
    """It says nothing of its operands, whatever it is called."""

    def opposite(a, b):
        return np.asarray(not a)

    opposite.__name__ = name
    boolean = T.scalar("c", dtype="bool")
    condition = gradcore.as_op([boolean.type] * 2, [boolean.type])(opposite)(boolean, False)
    assert alternatives(condition, True) == [{(condition, True): None}]
    y = T.ifelse(condition, T.ifelse(boolean, R, R * 3), R * 2)
    f = gradcore.function([boolean, R], T.grad(y.sum(), R), mode="numpy")
    assert [f(c, np.ones(1)).tolist() for c in (False, True)] == [[3], [2]]


def test_second_derivatives_grow_with_the_choices():
    def size(n):
        conditions = T.bscalars(n)
        y = 1.0
        for k, c in enumerate(conditions):
            y = y * T.ifelse(c, H, R * (k + 1))
        second = T.grad((T.grad((y**2).sum(), R) ** 2).sum(), R)
        return nodes_of(gradcore.function([*conditions, R], second, "numpy").maker.fgraph)

    assert size(4) < 3 * size(2)


@pytest.mark.parametrize("tree", ["either", "equal"])
def test_a_value_and_its_derivative_need_what_the_value_needs(tree):
    c, d = T.bscalars("c", "d")
    y = TREES[tree](c, d, T.ifelse)
    f = gradcore.function([c, d, R], [y, T.grad((y**2).sum(), R)], mode="numpy")
    for conditions in np.ndindex(2, 2):
        for derived, found in zip(("value", "gradient"), f(*conditions, np.ones(6)), strict=True):
            wanted = of_branches_taken(tree, derived, conditions)(np.ones(6))
            assert np.allclose(found, wanted, rtol=1e-12)
        if conditions == ((0, 0) if tree == "either" else (0, 1)):
            f(*conditions, np.ones(3))


def test_what_two_conditions_need_of_each_other_is_computed():
    """Of both, d says which is known first: neither can wait for the condition of its cases."""
    d = T.bscalar("d")
    x, y = T.exp(R) * R[4], T.exp(R) * R[5]
    z = T.ifelse(d, T.ifelse(x.sum() > 0, y, R), T.ifelse(y.sum() > 0, x, R))
    f = gradcore.function([d, R], T.grad(z.sum(), R), mode="numpy")
    for condition, at in ((0, 4), (1, 5)):
        wanted = np.e * (1 + 6 * (np.arange(6) == at))
        assert np.allclose(f(condition, np.ones(6)), wanted, rtol=1e-14)
    with pytest.raises(IndexError):
        f(0, np.ones(3))
    e = T.bscalar("e")
    chosen = T.ifelse(e, z, R * 2)
    f = gradcore.function([d, e, R], [chosen, T.grad(chosen.sum(), R)], mode="numpy")
    assert all((found == 2).all() for found in f(0, 0, np.ones(3)))


def test_more_cases_than_are_distinguished():
    """What is computed too often still has the right value; so has what waits for a condition."""
    k = T.lvector("k")
    inner = sum(T.ifelse(k[3 + i], H * (i + 1), R) for i in range(MOST_CASES + 1))
    y = sum(T.ifelse(k[i], T.ifelse(R[4] > 0, inner, R * 2), R) for i in range(3))
    f = gradcore.function([k, R], [y, T.grad(y.sum(), R)], mode="numpy")
    n = MOST_CASES + 1
    value, gradient = f(np.ones(3 + n, int), np.ones(6))
    assert np.allclose(value, 3 * np.e * n * (n + 1) / 2, rtol=1e-13)
    assert np.allclose(gradient, value * (1 + 6 * (np.arange(6) == 5)), rtol=1e-13)
    assert np.allclose(f(np.zeros(3 + n, int), np.ones(6)), [[3] * 6] * 2)


def test_a_derivative_does_not_run_a_branch_again():
    """What both the value and its derivative need of a branch is computed once."""
    runs = []

    class Exp(gradcore.graph.Op):
        __props__ = ()

        def make_node(self, x):
            x = T.as_tensor_variable(x)
            return gradcore.graph.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, storage):
            runs.append(None)
            storage[0][0] = np.exp(inputs[0])

        def grad(self, inputs, cotangents):
            return [cotangents[0] * Exp()(*inputs)]

    y = T.ifelse(R.sum() > 0, Exp()(R), R * 2)
    f = gradcore.function([R], [y, T.grad((y**2).sum(), R)], mode="numpy")
    assert np.allclose(f(np.ones(3)), [[np.e] * 3, [2 * np.e**2] * 3])
    assert len(runs) == 1
    f(-np.ones(3))
    assert len(runs) == 1


def chain(length):
    """Return the gradient of choices one after the other."""
    y = R
    for k in range(length):
        y = T.ifelse(y.sum() > k, T.tanh(y) * 1.1, T.sin(y))
    return T.grad(y.sum(), R)


def test_choices_in_a_row_are_linear():
    sizes = [
        len(gradcore.function([R], chain(length), mode="numpy").maker.fgraph.apply_nodes)
        for length in (4, 8, 16)
    ]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_what_is_enclosed_stays():
    graph = FunctionGraph((R,), (chain(3),))
    once = enclose_branches.run(graph, [])
    assert not any(isinstance(node.op, IfElse) for node in once.nodes)
    assert any(isinstance(node.op, Conditional) and any(node.op.residuals) for node in once.nodes)
    assert enclose_branches.run(once, []) == once


def test_what_is_enclosed_may_be_read_under_a_condition_of_its_branch(everywhere):
    """That condition is known in the branch alone."""
    c = T.bscalar("c")
    once = enclose_branches.run(FunctionGraph((c, R), (T.ifelse(c, R * R[5], R * 2),)), [])
    enclosed = once.outputs[0]
    assert enclosed.owner is not None and isinstance(enclosed.owner.op, Conditional)
    y = T.ifelse(c, T.ifelse(T.sum(T.exp(R)) > 4, enclosed * 3, R * 5), R * 7)
    f = gradcore.function([c, R], y, mode=everywhere)
    assert (f(1, np.ones(6)) == 3).all()
    assert (f(1, np.zeros(3)) == 0).all() and (f(0, np.ones(3)) == 7).all()
    with pytest.raises(IndexError):
        f(1, np.ones(3))


def test_loops_of_different_branches_stay_two(everywhere):
    """One loop for both would take the steps, and raise the errors, of the branch not taken."""
    one, _ = gradcore.scan(lambda s: T.tanh(s) * R.sum(), None, R[0], n_steps=3)
    other, _ = gradcore.scan(lambda s: s * R[5], None, R[0], n_steps=3)
    again, _ = gradcore.scan(lambda s: s + R.prod(), None, R[0], n_steps=3)
    few = R.shape[0] < 6
    f = gradcore.function([R], T.ifelse(few, one[-1] + again[-1], other[-1]), everywhere)
    assert np.allclose(f(np.ones(2)), 2 * np.tanh(2 * np.tanh(2 * np.tanh(1))) + 4)
    assert np.allclose(f(np.full(6, 2.0)), 16)
