"""The debugging mode: which rule, pass or kernel makes the first difference, with a program."""

import subprocess
import sys

import numpy as np
import pytest
from numpy_arrays import NumpyArrays

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.compile.snippets import program_of
from gradcore.errors import DebugModeError
from gradcore.ops.control import Conditional
from gradcore.ops.elementwise import entry
from gradcore.ops.scan import Scan
from gradcore.plugins import hookimpl, register, unregister
from gradcore.rewrite import Changes, Stage

x, y = T.dvectors("x", "y")


def wrong(name="sine", changes=None):
    """Return a stage whose rule is wrong where its operand is negative."""
    stage = Stage(name)
    options = {} if changes is None else {"changes": changes}

    @stage.rule(lambda a: T.sin(a), **options)
    def sine_of_size(a):
        """sin(a) = sin(|a|), which it is not"""
        return T.sin(T.abs(a)) + T.zeros_like(a) if "abs" not in str(a.owner) else None

    return stage


def test_the_first_wrong_rule_is_named_with_its_line():
    inner = T.sin(x * 2)
    line = test_the_first_wrong_rule_is_named_with_its_line.__code__.co_firstlineno + 1
    mode = Mode("numpy", optimizer=("canonicalize", wrong()), debug=True)
    f = function([x], T.exp(inner).sum(), mode=mode)
    assert f([1.0]) == pytest.approx(np.exp(np.sin(2)))
    with pytest.raises(DebugModeError, match="rule sine_of_size of sine is wrong") as error:
        f([1.0, -1.0])
    assert error.value.where.line == line
    assert "[2.0, -2.0]" in str(error.value) or "[1.0, -1.0]" in str(error.value)


def test_the_program_shows_it():
    f = function([x], T.sin(x), mode=Mode("numpy", optimizer=(wrong(),), debug=True))
    with pytest.raises(DebugModeError) as error:
        f([-1.0])
    text = str(error.value).partition("to see it:\n\n")[2]
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "array([-0.84147098])" in run.stdout and "array([0.84147098])" in run.stdout


def test_what_a_rule_declares_is_no_error():
    stable = function([x], T.log(1 + T.exp(x)), mode=Mode("numpy", debug=True))
    assert stable([1000.0, 0.0]).tolist() == [1000, np.log(2)]
    declared = Mode("numpy", optimizer=(wrong(changes=Changes(more_exact=True)),), debug=True)
    with pytest.raises(DebugModeError, match="sine_of_size"):  # finite values are to agree
        function([x], T.sin(x), mode=declared)([-1.0])


def test_each_rule_is_compared_though_results_agree():
    for debug in (True, "each"):
        mode = Mode("numpy", optimizer=(wrong(),), debug=debug)
        f = function([x], T.sin(x) * 0, mode=mode)
        if debug == "each":
            with pytest.raises(DebugModeError, match="sine_of_size"):
                f([-1.0])
        else:
            assert f([-1.0]) == 0


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_rule_inside_of_a_loop_is_named_with_its_line(backend):
    def step(row, state):
        return T.sin(row + state) * 0.5

    line = step.__code__.co_firstlineno + 1
    states, _ = gradcore.scan(step, x, T.constant(0.0))
    f = function([x], states, mode=Mode(backend, optimizer=(wrong(),), debug=True))
    with pytest.raises(DebugModeError, match="at step 0 of scan: the rule sine_of_size") as error:
        f([-1.0, 2.0])
    assert error.value.where.line == line and "array(-1.0, 'float64')" in str(error.value)


class Inexact(NumpyArrays):
    """NumPy with a wrong cosine."""

    name = "inexact"

    @property
    def kernels(self):
        return {
            entry("cos"): lambda a: np.cos(a) + 1e-3,
            entry("add"): np.add,
            Scan: lambda node, body: node.op.loop(body),
            Conditional: lambda node, then, orelse: lambda c, *xs: (then if c else orelse)(*xs)[0],
        }


@pytest.fixture
def inexact():
    hook = staticmethod(hookimpl(lambda: [Inexact()]))
    register(type("Plugin", (), {"gradcore_backends": hook}), "inexact")
    yield
    unregister("inexact")


@pytest.mark.usefixtures("inexact")
def test_the_first_wrong_kernel_is_named():
    f = function([x], T.exp(T.sin(x) * T.cos(x)), mode=Mode("inexact", debug=True))
    with pytest.raises(DebugModeError, match="its kernel of cos is wrong") as error:
        f([0.5, 1.5])
    assert "gradcore.Mode('inexact')" in str(error.value)
    assert "array([0.5, 1.5], 'float64')" in str(error.value)


@pytest.mark.usefixtures("inexact")
def test_a_kernel_inside_of_a_loop_or_branch_is_named():
    looped, _ = gradcore.scan(lambda row, s: T.cos(row + s), x, T.constant(0.0))
    f = function([x], looped, mode=Mode("inexact", debug=True, fallback="numpy"))
    with pytest.raises(DebugModeError, match="inexact' at step 0 of scan.*its kernel of cos"):
        f([0.5, 1.5])
    chosen = T.ifelse(x.sum() > 0, T.cos(x), x)
    f = function([x], chosen, mode=Mode("inexact", debug=True, fallback="numpy"))
    with pytest.raises(DebugModeError, match="inexact' in a branch.*its kernel of cos is wrong"):
        f([0.5, 1.5])


def test_what_is_right_passes(optimized, rng):
    A = T.dmatrix("A")
    states, _ = gradcore.scan(lambda s: T.tanh(T.dot(A, s)), outputs_info=[x], n_steps=4)
    cost = T.log(1 + T.exp(states[-1])).sum() + T.linalg.slogdet(A + 9 * T.eye(3))[1]
    count = gradcore.shared(np.zeros(3))
    f = function(
        [x, A], [cost, T.grad(cost, A)], updates={count: count + states[-1]},
        mode=Mode(optimized.backend, debug="each", **dict(optimized.options)),
    )  # fmt: skip
    given = rng.standard_normal(3), rng.standard_normal((3, 3))
    plain = function([x, A], [cost, T.grad(cost, A)], mode="numpy")
    for a, b in zip(f(*given), plain(*given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert count.get_value().any()


def test_programs_of_graphs():
    z = T.concatenate([x, y])[1:] * np.float64(2)
    text = program_of([x, y], [z, x.sum()], {x: np.ones(2), y: np.zeros(1)}, ["'numpy'"])
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "[array([2., 0.]), array(2.)]" in run.stdout
    looped, _ = gradcore.scan(lambda s: s * 2, outputs_info=[x], n_steps=2)
    assert program_of([x], [looped], {x: np.ones(2)}, ["'numpy'"]) == ""
    assert program_of([x], [x * 2], {x: np.ones(3000)}, ["'numpy'"]) == ""
