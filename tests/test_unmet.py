"""Errors of rewritten graphs name the op and the line that the user wrote."""

import gc
import inspect
import itertools
import weakref

import numpy as np
import pytest
from rewrite_judge import IDS, PLAIN, RULES

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError, ShapeError
from gradcore.graph import TensorType, Variable

MODES = ["numpy", "c", gradcore.Mode("cuda", runtime="host")]


def wrong_calls(example):
    """Yield variables, an expression of them, and values of which one is too long."""
    names = list(inspect.signature(example).parameters)
    for dtype, *ranks in itertools.product(("float64", "bool"), *[(1, 2)] * len(names)):
        variables = [
            Variable(TensorType(dtype if k else "float64", (None,) * rank), name)
            for k, (name, rank) in enumerate(zip(names, ranks, strict=True))
        ]
        try:
            expression = example(*variables)
        except (GradcoreError, TypeError, ValueError):
            continue
        if not isinstance(expression, Variable):
            continue
        for wrong in range(len(names)):
            shapes = [(4 if k == wrong else 3,) * rank for k, rank in enumerate(ranks)]
            values = [
                (np.arange(np.prod(n)).reshape(n) % 2).astype(v.dtype)
                for v, n in zip(variables, shapes, strict=True)
            ]
            yield variables, expression, values


def raised(mode, variables, expression, values):
    """Return the error of a call, if it is one of ours."""
    try:
        gradcore.function(variables, expression, mode, on_unused_input="ignore")(*values)
    except GradcoreError as error:
        return error
    return None


SEVERAL = [
    pytest.param(rule, id=name)
    for (_, rule), name in zip(RULES, IDS, strict=True)
    if any(len(inspect.signature(example).parameters) > 1 for example in rule.examples)
]


@pytest.mark.parametrize("rule", SEVERAL)
def test_no_rule_lets_an_error_name_what_the_user_did_not_write(rule):
    for example in rule.examples:
        for variables, expression, values in wrong_calls(example):
            plain = raised(PLAIN, variables, expression, values)
            if type(plain) is not ShapeError:
                continue
            found = raised("numpy", variables, expression, values)
            assert type(found) is ShapeError
            written = gradcore.FunctionGraph(tuple(variables), (expression,)).nodes
            assert found.where in {node.where for node in written}
            ops = [str(node.op) for node in written]
            assert any(found.what.startswith((f"{op}:", f"{op} of", "cannot")) for op in ops)


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_mask_of_a_wrong_length(mode):
    x, mask = T.dmatrix("x"), T.TensorType("bool", (None,))("mask")
    product, where = T.exp(x) * mask, inspect.currentframe().f_lineno
    f = gradcore.function([x, mask], T.log(product.sum(1)), mode=mode)
    assert f(np.zeros((1, 4)), np.ones(4, bool)) == pytest.approx(np.log(4))
    with pytest.raises(ShapeError) as caught:
        f(np.ones((3, 4)), np.ones(5, bool))
    error = caught.value
    assert (
        error.what == "mul: the extents of exp.0, mask at axis -1 must be equal: they are 4 and 5"
    )
    assert error.where.line == where and error.fix is None
    with pytest.raises(ShapeError) as caught:
        f(np.ones((3, 4)), np.ones(1, bool))
    assert "they are 4 and 1" in caught.value.what and "T.row" in caught.value.fix


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize(
    "read",
    [
        lambda x, n: T.zeros_like(x)[n],
        lambda x, n: T.set_subtensor(x[n], 1.0)[n],
        lambda x, n: T.jacobian(x**2, x)[n],
        lambda x, n: T.alloc(x[0], x.shape[0], 3)[n, 1],
        lambda x, n: T.ones_like(x)[T.stack([0, n])].sum(),
    ],
)
def test_an_index_out_of_bounds_is_one_of_what_the_user_wrote(read, mode):
    """It is an IndexError of Python, whose notes name the op and the line."""
    x, n = T.dvector("x"), T.lscalar("n")
    part, line = read(x, n), read.__code__.co_firstlineno
    for number in (7, -8):
        notes = []
        for chosen in (PLAIN, mode):
            f = gradcore.function([x, n], part, chosen, on_unused_input="ignore")
            with pytest.raises(IndexError, match="out of bounds for axis 0") as caught:
                f(np.ones(2), number)
            assert type(caught.value) is IndexError and str(number) in str(caught.value)
            said, built = caught.value.__notes__[:2]
            notes.append((said.partition(" of ")[0], built))
        assert notes[0] == notes[1]
        assert f"test_unmet.py:{line}," in notes[1][1]
        assert f(np.ones(2), 1).size


def test_what_the_user_wrote_is_reported_as_before():
    x, y = T.dvectors("x", "y")
    f = gradcore.function([x, y], x + y, mode="numpy")
    with pytest.raises(ShapeError, match=r"add: extents \[2, 3\] .* got x \(2,\), y \(3,\)"):
        f([1, 2], [1, 2, 3])


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_the_failing_step_of_a_loop_is_named(mode):
    """The requirement is one of the loop's body, at the user's line in it."""
    x, mask = T.dmatrix("x"), T.TensorType("bool", (None,))("mask")

    def step(row, mask):
        return T.log((T.exp(row) * mask).sum())

    logs, _ = gradcore.scan(step, sequences=[x], non_sequences=[mask])
    f = gradcore.function([x, mask], logs, mode=mode)
    with pytest.raises(ShapeError) as caught:
        f(np.ones((3, 4)), np.ones(5, bool))
    assert caught.value.where.function == "step" and caught.value.what.startswith("mul: ")


def test_a_shared_variable_is_among_the_arguments():
    mask = gradcore.shared(np.ones(3, bool), "mask")
    x = T.dmatrix("x")
    f = gradcore.function([x], T.log((T.exp(x) * mask).sum(1)), mode="numpy")
    with pytest.raises(ShapeError, match="mul: the extents of exp.0, mask at axis -1 .* 4 and 3"):
        f(np.ones((3, 4)))


@pytest.mark.parametrize("mode", ["numpy", "c"])
def test_a_failed_call_retains_no_argument(mode):
    x, mask = T.dmatrix("x"), T.TensorType("bool", (None,))("mask")
    f = gradcore.function([x, mask], T.log((T.exp(x) * mask).sum(1)), mode=mode)
    given = np.ones((3, 4))
    argument = weakref.ref(given)
    gc.disable()
    try:
        with pytest.raises(ShapeError, match="mul") as caught:
            f(given, np.ones(5, bool))
        del given, caught
        assert argument() is None
    finally:
        gc.enable()
