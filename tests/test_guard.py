"""Which node made the first NaN, infinity or huge value."""

import numpy as np
import pytest
from numpy_arrays import NumpyArrays

import gradcore
import gradcore.tensor as T
from gradcore.errors import ModeError, NonFiniteError
from gradcore.ops.elementwise import entry
from gradcore.plugins import hookimpl, register, unregister


def guarded(everywhere, kinds="nan"):
    mode = gradcore.Mode(*([everywhere] if isinstance(everywhere, str) else []), guard=kinds)
    if isinstance(everywhere, gradcore.Mode):
        options = dict(everywhere.options)
        mode = gradcore.Mode(everywhere.backend, everywhere.optimizer, guard=kinds, **options)
    return mode


def test_the_node_that_made_it_is_named(everywhere):
    x, y = T.dvector("x"), T.dvector("y")
    inner = T.log(x)  # the line that is named
    line = test_the_node_that_made_it_is_named.__code__.co_firstlineno + 2
    f = gradcore.function([x, y], T.exp(inner * y).sum() + 1, mode=guarded(everywhere), name="f")
    assert f([1.0, 1.0], [2.0, 3.0]) == 3
    with pytest.raises(NonFiniteError, match=r"f: log gives nan at \(1,\), of x of shape") as error:
        f([1.0, -1.0], [2.0, 3.0])
    assert error.value.where.line == line and "-1.0 ... 1.0" in str(error.value)


def test_updates_are_not_stored(everywhere):
    x, s = T.dscalar("x"), gradcore.shared(2.0, "s")
    f = gradcore.function([x], None, updates={s: T.sqrt(x) * s}, mode=guarded(everywhere))
    f(4.0)
    with pytest.raises(NonFiniteError, match="sqrt gives nan, of x = -1.0"):
        f(-1.0)
    assert s.get_value() == 4


def test_steps_of_a_loop_are_looked_into(everywhere):
    x = T.dscalar("x")
    states, _ = gradcore.scan(lambda a: T.sqrt(a) - 1, outputs_info=x, n_steps=6)
    f = gradcore.function([x], states[-1], mode=guarded(everywhere))
    with pytest.raises(NonFiniteError, match=r"sqrt gives nan at step 2 of scan, of x\[t-1\] = -"):
        f(3.0)
    cost = gradcore.function([x], T.grad(states[-1], x), mode=guarded(everywhere, ("nan", "inf")))
    with pytest.raises(NonFiniteError, match="gives"):
        cost(3.0)


def test_branches_that_are_taken_are_looked_into(everywhere):
    x = T.dscalar("x")
    y = T.ifelse(x > 0, T.log(x), T.log(x - 1))
    f = gradcore.function([x], y * 2, mode=guarded(everywhere))
    assert f(1.0) == 0
    with pytest.raises(NonFiniteError, match="log gives nan, of"):
        f(-1.0)


def test_what_reaches_no_result_is_no_error(everywhere):
    x = T.dvector("x")
    y = T.switch(x > 0, T.log(x), 0.0)
    f = gradcore.function([x], [y, T.grad(y.sum(), x)], mode=guarded(everywhere, ("nan", "inf")))
    assert f([-1.0, 1.0])[0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("kinds", "value", "raises"),
    [("nan", 800.0, False), ("inf", 800.0, True), ("big", 800.0, False), ("big", 30.0, True),
     (("nan", "inf"), 30.0, False), ((), np.nan, False)],
)  # fmt: skip
def test_kinds_of_errors_are_chosen(kinds, value, raises):
    x = T.dscalar("x")
    f = gradcore.function([x], T.exp(x), mode=gradcore.Mode(guard=kinds))
    if not raises:
        f(value)
        return
    with pytest.raises(NonFiniteError, match=f"exp gives .*, of x = {value}"):
        f(value)


def test_arguments_and_constants_are_named():
    x, s = T.dvector("x"), gradcore.shared(np.array([1.0, np.nan]), "s")
    mode = gradcore.Mode(guard=("nan", "inf"))
    with pytest.raises(NonFiniteError, match=r"the argument x has nan at \(0,\)"):
        gradcore.function([x], x * 2, mode=mode)([np.nan])
    with pytest.raises(NonFiniteError, match=r"the argument s has nan at \(1,\)"):
        gradcore.function([], s * 2, mode=mode)()
    with pytest.raises(NonFiniteError, match="the constant .* has inf"):
        gradcore.function([x], x - np.inf, mode=mode)([1.0])


def test_integers_are_never_bad():
    i = T.lvector("i")
    assert gradcore.function([i], i, mode="NanGuardMode")([2**40]).tolist() == [2**40]


def test_settings_ask_for_it():
    x = T.dscalar("x")
    with gradcore.config.change_flags(nan="raise"):
        f = gradcore.function([x], T.log(x))
        g = f.copy()
    for some in (f, g):
        with pytest.raises(FloatingPointError, match="log gives nan"):
            some(-1.0)
        assert some(0.0) == -np.inf
    assert np.isnan(gradcore.function([x], T.log(x))(-1.0))
    with pytest.raises(ValueError, match="one of off, raise"):
        gradcore.config.nan = "warn"


def test_modes_say_what_they_guard():
    mode = gradcore.Mode("numpy", guard=["big", "nan"])
    assert mode.guard == ("nan", "big") and mode.excluding("log1p_of").guard == mode.guard
    with pytest.raises(ModeError, match="several of nan, inf, big, not 'nans'"):
        gradcore.Mode(guard="nans")


def test_a_derivative_is_named_with_the_op_that_it_is_of(everywhere):
    x = T.dvector("x")
    y = T.sum(T.sqrt(x) * 2)  # the line that is named
    line = test_a_derivative_is_named_with_the_op_that_it_is_of.__code__.co_firstlineno + 2
    f = gradcore.function([x], T.grad(y, x), mode=guarded(everywhere, "inf"))
    f([4.0, 1.0])
    with pytest.raises(NonFiniteError, match="in the derivative of sqrt") as error:
        f([4.0, 0.0])
    assert error.value.where.line == line and error.value.where.derivative == ("sqrt",)


class OneWrongKernel(NumpyArrays):
    """NumPy, whose cosine of more than 1 is NaN."""

    name = "one_wrong_kernel"

    @property
    def kernels(self):
        return {entry("cos"): lambda a: np.where(a > 1, np.nan, np.cos(a))}


@pytest.fixture
def one_wrong_kernel():
    hook = staticmethod(hookimpl(lambda: [OneWrongKernel()]))
    register(type("Plugin", (), {"gradcore_backends": hook}), "one_wrong_kernel")
    yield
    unregister("one_wrong_kernel")


@pytest.mark.usefixtures("one_wrong_kernel")
def test_a_kernel_is_named_whose_values_the_reference_does_not_make():
    x = T.dvector("x")
    f = gradcore.function(
        [x],
        T.exp(T.cos(x) * 2).sum(),
        mode=gradcore.Mode("one_wrong_kernel", guard="nan", fallback="numpy"),
    )
    f([0.5, 1.0])
    named = r"cos gives nan at \(1,\), by the kernels of the backend alone, of x of shape \(2,\)"
    with pytest.raises(NonFiniteError, match=named):
        f([0.5, 1.5])
