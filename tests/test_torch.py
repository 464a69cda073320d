"""The torch backend: checks, derivatives, loops, tensors of a user, functions of torch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from against_numpy import PLAIN, REFERENCE, TORCH, agrees, assert_same, run

import gradcore
import gradcore.tensor as T
from gradcore import Apply, Op, as_torch
from gradcore.errors import (
    ArgumentError,
    AssertionFailedError,
    ModeError,
    ScanError,
    ShapeError,
    UnavailableError,
    UnsupportedError,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("torch_state")

NATIVE = gradcore.Mode("torch", native=True)
COMPILED = gradcore.Mode("torch", compile=True)
EXAMPLES = Path(__file__).parent.parent / "examples"


# checks at run time -----------------------------------------------------------------------------
def test_run_time_checks_raise_the_same_errors():
    x, y, n = T.dvector("x"), T.dvector("y"), T.lscalar("n")
    m = T.dmatrix("m")
    a, b = np.zeros(3), np.zeros(4)
    cases = [
        (ShapeError, x + y, [x, y], [a, b]),
        (ShapeError, x + y, [x, y], [a, np.zeros(1)]),
        (ShapeError, T.dot(x, y), [x, y], [a, b]),
        (ShapeError, T.dot(m, x), [m, x], [np.zeros((2, 4)), a]),
        (ShapeError, T.reshape(x, (n, 2), ndim=2), [x, n], [a, 2]),
        (ShapeError, T.reshape(x, (n, -1), ndim=2), [x, n], [a, -1]),
        (ShapeError, T.set_subtensor(x[1:], y), [x, y], [b, np.zeros(1)]),
        (ShapeError, T.concatenate([m, T.stack([x])], 0), [m, x], [np.zeros((2, 4)), a]),
        (ValueError, x.max(), [x], [np.zeros(0)]),
        (ValueError, x.argmax(), [x], [np.zeros(0)]),
        (ValueError, T.repeat(x, n), [x, n], [a, -1]),
    ]
    for error, output, inputs, values in cases:
        with pytest.raises(error):
            run(output, inputs, values, REFERENCE)
        with pytest.raises(error):
            run(output, inputs, values, TORCH)


def test_assertions_hold_or_raise():
    x = T.dscalar("x")
    checked = gradcore.function([x], T.assert_op(x, x > 0), mode=TORCH)
    assert checked(2.0) == 2
    with pytest.raises(AssertionFailedError):
        checked(-2.0)


def test_messages_are_printed_as_numpy_would(capsys):
    x = T.dvector("x")
    printing = gradcore.function([x], T.Print("x is")(x) * 2, mode=TORCH)
    printing([1, 2])
    assert capsys.readouterr().out == "x is __str__ = [1. 2.]\n"


# derivatives ------------------------------------------------------------------------------------
PROGRAMS = {
    "logistic": lambda x, w: T.log1p(T.exp(-T.dot(w, x))).sum(),
    "softmax": lambda x, w: T.log_softmax(T.dot(w, x))[1],
    "maxima": lambda x, w: (w * x).max(1).sum() + T.maximum(x, 0.1).sum(),
    "products": lambda x, w: w.prod(0).sum() + x.cumprod()[-1] * x.cumsum()[1],
    "indexing": lambda x, w: (w[[1, 0, 1]] * x[::-1]).sum() + w[1, ::2].sum() ** 2,
    "writing": lambda x, w: T.inc_subtensor(w[:, [0, 0, 1]], w)[0].sum() * x[0],
    "sorting": lambda x, w: (T.sort(x) * T.dot(w, x)[0]).sum() + x[T.argmax(x)],
    "shapes": lambda x, w: (w.T.flatten() * T.concatenate([x, x * 2])).sum() * w.shape[0],
    "choices": lambda x, w: T.switch(w > 0, w**2, w).sum() + T.clip(x, -0.5, 0.5).sum(),
    "masks": lambda x, w: (w[w > 0] ** 3).sum() + T.nonzero_values(x).sum(),
    "repeats": lambda x, w: (T.repeat(x, [2, 0, 1]) * T.tile(x, 1)).sum() * w[0, 0],
    "marks": lambda x, w: gradcore.grad_clip(x * w, -0.5, 0.5).sum() + (
        gradcore.grad_scale(x, 3.0) * gradcore.zero_grad(x)
    ).sum(),
    "special": lambda x, w: T.gamma(T.exp(x)).sum() + T.erf(w).sum() * T.gammaln(T.exp(x)).sum(),
    "choosing": lambda x, w: gradcore.ifelse(x.sum() > 0, T.exp(x), w[0]).sum(),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_derivatives(program, rng):
    x, w, t = T.dvector("x"), T.dmatrix("w"), T.dvector("t")
    cost = PROGRAMS[program](x, w)
    back = T.Lop(cost, [x, w], T.ones_like(cost), disconnected_inputs="ignore")
    forth = T.Rop(cost, x, t)
    values = rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=3)
    agrees([x, w, t], [cost, *back, forth], *values, modes=(TORCH,))


# loops ------------------------------------------------------------------------------------------
def loops(x, n):
    """Programs of a vector and a number of steps."""

    def until(v, total):
        total = total + v
        return total, gradcore.until(total > 2)

    def row(v):
        inner, _ = gradcore.scan(lambda w, s: s * w + v, sequences=[x], outputs_info=[v * 0])
        return inner[-1]

    fibonacci = gradcore.scan(
        lambda a, b: T.tanh(a + b),
        outputs_info=[{"initial": x[:2], "taps": [-2, -1]}],
        n_steps=n,
    )
    taps = gradcore.scan(
        lambda a, b, s: s * a - b, sequences=[{"input": x, "taps": [-1, 1]}], outputs_info=[x[0]]
    )
    return {
        "map": gradcore.map(lambda v: v**2, x),
        "taps": taps,
        "states": fibonacci,
        "until": gradcore.scan(until, sequences=[x], outputs_info=[T.zeros_like(x[0])]),
        "nested": gradcore.scan(row, sequences=[x]),
        "steps": gradcore.scan(lambda s: T.cos(s) * x, outputs_info=[x], n_steps=n),
        "steps of a shape": gradcore.scan(
            lambda s: s * 2 + x[1], outputs_info=[x[0]], n_steps=x.shape[0]
        ),
        "backwards": gradcore.scan(
            lambda v, s: T.sin(v * s), sequences=[x], outputs_info=[x[1]], go_backwards=True
        ),
    }


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("program", list(loops(T.dvector(), T.lscalar())))
def test_loops(program, n, rng):
    x, steps = T.dvector("x"), T.lscalar("n")
    result, _ = loops(x, steps)[program]
    outputs = [result]
    if n:
        outputs += T.Lop(result.sum(), [x], T.ones_like(result.sum()))
        outputs.append(T.Rop(result, x, T.ones_like(x)))
    agrees([x, steps], outputs, np.abs(rng.normal(size=4)) + 0.5, n)


def test_large_stacks_are_written_in_place(rng):
    x = T.dmatrix("x")
    result, _ = gradcore.scan(lambda v, s: s * 0.5 + v, sequences=[x], outputs_info=[x[0]])
    agrees([x], [result], rng.normal(size=(20, 10_000)), modes=(TORCH,))


def test_loops_check_what_they_run_on():
    x, n = T.dvector("x"), T.lscalar("n")
    short, _ = gradcore.scan(lambda v: v, sequences=[x], n_steps=n)
    growing, _ = gradcore.scan(lambda s: T.concatenate([s, s]), outputs_info=[x], n_steps=n)
    for result, steps in ((short, 5), (growing, 2), (short, -1)):
        for mode in (REFERENCE, PLAIN):
            with pytest.raises(ScanError):
                run(result, [x, n], [np.ones(3), steps], mode)


def test_only_the_branch_that_is_taken_runs():
    x = T.dvector("x")
    chosen = gradcore.ifelse(x.sum() > 0, x * 2, T.assert_op(x, x.sum() > 0))
    assert run(chosen, [x], [np.ones(2)], TORCH).tolist() == [2, 2]
    with pytest.raises(AssertionFailedError):
        run(chosen, [x], [-np.ones(2)], TORCH)


# what the user brings ---------------------------------------------------------------------------
class Doubled(Op):
    """An op as Theano's users write one."""

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        assert isinstance(inputs[0], np.ndarray)
        output_storage[0][0] = 2 * inputs[0]

    def grad(self, inputs, output_grads):
        return [self(output_grads[0])]


def test_an_op_of_the_users_own_runs_on_numpy_arrays(rng):
    x = T.dvector("x")
    y = Doubled()(T.exp(x))
    agrees([x], [y, T.grad(y.sum(), x)], rng.normal(size=3))


def test_what_torch_lacks_is_reported_and_can_fall_back():
    x = T.dvector("x")
    y = (x * 2).astype("uint16") + 1
    with pytest.raises(UnsupportedError, match="torch has no uint16"):
        gradcore.function([x], y, mode="torch")
    f = gradcore.function([x], [y, x + 1], mode=gradcore.Mode("torch", fallback="numpy"))
    found, _ = f([1, 2])
    assert found.dtype == "uint16" and found.tolist() == [3, 5]
    assert f.maker.fallback


def test_outputs_are_the_callers_own():
    x = T.dvector("x")
    c = T.constant(np.arange(3.0))
    agrees([x], [x, x, c, c, x[1:], x.T, T.zeros_like(x), T.exp(x), T.exp(x)], np.arange(3.0))
    f = gradcore.function([x], [c, x * 0 + c], mode=TORCH)
    f(np.zeros(3))[0][:] = 7
    assert f(np.zeros(3))[0].tolist() == [0, 1, 2]


def test_shared_variables_are_updated():
    for mode in (TORCH, NATIVE):
        count = gradcore.shared(np.zeros(2), "count")
        step = gradcore.function([], count * 2, updates={count: count + 1}, mode=mode)
        step()
        assert step().tolist() == [2, 2]
        assert count.get_value().tolist() == [2, 2]


def test_a_profile_times_each_node():
    x = T.dvector("x")
    f = gradcore.function([x], T.exp(x).sum(), mode=TORCH, profile=True)
    f([1, 2])
    assert {node.op.label() for node in f.profile.nodes} == {"exp", "sum"}


# tensors ----------------------------------------------------------------------------------------
def test_tensors_go_in_and_out_without_copies():
    x = T.fvector("x")
    seen = []

    class Seen(Op):
        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            seen.append(inputs[0].ctypes.data)
            output_storage[0][0] = inputs[0] + 1

    f = gradcore.function([x], Seen()(x), mode=NATIVE)
    given = torch.arange(3.0, requires_grad=True)
    found = f(given)
    assert seen == [given.data_ptr()]
    assert isinstance(found, torch.Tensor) and not found.requires_grad
    assert found.tolist() == [1, 2, 3]
    assert gradcore.function([x], x * 2, mode=TORCH)(given).tolist() == [0, 2, 4]
    same = gradcore.function([x], x, mode=NATIVE)(given)
    assert same.data_ptr() != given.data_ptr()


def test_tensors_must_fit():
    x = T.fvector("x")
    f = gradcore.function([x], x * 2, mode=NATIVE)
    with pytest.raises(ArgumentError):
        f(torch.zeros(2, dtype=torch.float64))
    with pytest.raises(ArgumentError):
        f(torch.zeros(2, 2))


def test_results_of_native_functions_can_enter_autograd():
    x = T.dvector("x")
    found = gradcore.function([x], T.exp(x), mode=NATIVE)(torch.zeros(2, dtype=torch.float64))
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (w * found).sum().backward()
    assert w.grad.tolist() == [1, 1]


# options ----------------------------------------------------------------------------------------
def test_devices_are_checked_before_anything_runs():
    x = T.dscalar("x")
    for device, error in (("cuda:99", UnavailableError), ("nonsense", ModeError)):
        with pytest.raises(error, match=device):
            gradcore.function([x], x, mode=gradcore.Mode("torch", device=device))
    with pytest.raises(ModeError, match="no option 'speed'"):
        gradcore.function([x], x, mode=gradcore.Mode("torch", speed=2))
    assert gradcore.function([x], x + 1, mode=gradcore.Mode("torch", device="cpu"))(1) == 2
    backend = gradcore.plugins.registry().backend("torch")
    assert backend.version() == torch.__version__
    assert backend.devices()[0] == "cpu"


# Compiling takes seconds, so one program stands for all that torch.compile meets: dynamic shapes,
# a loop, a choice, a message, data-dependent shapes, and Python of a user's own.
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
def test_graphs_go_through_torch_compile(rng, capsys):
    x, n = T.dvector("x"), T.lscalar("n")
    result, _ = gradcore.scan(lambda v, s: T.tanh(s * v + 1), sequences=[x], outputs_info=[x[0]])
    outputs = [
        T.grad((T.exp(x) * result).sum(), x),
        gradcore.ifelse(x.sum() > 0, x * 2, x[1:]),
        x[x > 0] * x.shape[0],
        T.arange(n) * 2,
        T.Print("x is")(T.assert_op(x, x.sum() > -9)) + Doubled()(x),
        x.reshape((n, -1)),
    ]
    f = gradcore.function([x, n], outputs, mode=COMPILED)
    for size in (4, 4, 6):
        values = rng.normal(size=size), 2
        assert_same(f(*values), run(outputs, [x, n], values, REFERENCE))
    assert "x is" in capsys.readouterr().out


# inside a user's autograd -----------------------------------------------------------------------
def tensors(rng, *shapes):
    return [torch.from_numpy(rng.normal(size=s)).requires_grad_() for s in shapes]


@pytest.fixture
def embedded():
    """A function of two tensors and an integer, with a loop, an index and an integer output."""
    x, w, k = T.dvector("x"), T.dmatrix("w"), T.lscalar("k")
    loop, _ = gradcore.scan(
        lambda v, s: T.tanh(s * v), sequences=[x], outputs_info=[T.ones_like(x[0])]
    )
    written = T.set_subtensor(x[1:], T.dot(w, x))
    return as_torch([written * k, T.exp(x) * loop, x.argmax(), x], [x, w, k])


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_embedded_derivatives(embedded, rng):
    given = tensors(rng, 3, (2, 3))

    def moving(x, w):
        a, b, _, d = embedded(x, w, torch.tensor(2))
        return a, b, d

    assert torch.autograd.gradcheck(moving, given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(moving, given)


def test_embedded_outputs(embedded, rng):
    x, w = tensors(rng, 3, (2, 3))
    _, b, index, same = embedded(x, w.detach(), 2)
    assert index.dtype == torch.int64 and not index.requires_grad
    assert same.data_ptr() != x.data_ptr()
    (from_one,) = torch.autograd.grad(b.sum(), x)
    assert from_one.shape == (3,)
    assert not embedded(x.detach(), w.detach(), 2)[0].requires_grad
    with pytest.raises(ArgumentError, match="float32"):
        embedded(x.float(), w, 2)
    with pytest.raises(ArgumentError, match="axes"):
        embedded(w, w, 2)
    with pytest.raises(ArgumentError, match="3 arguments"):
        embedded(x)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_embedded_functions_are_transformed(rng):
    x = T.dvector("x")
    y = (T.exp(x) * T.maximum(x, 0.3) * x[::-1]).sum() + T.set_subtensor(x[1:], x[:-1] ** 2).prod()
    f = as_torch(y, [x])
    given = torch.from_numpy(rng.normal(size=4))
    gradient, hessian = T.grad(y, x), gradcore.hessian(y, x)
    expected = run([gradient, hessian], [x], [given.numpy()], REFERENCE)
    found = torch.func.grad(f)(given), torch.func.hessian(f)(given)
    assert_same([t.numpy() for t in found], expected, ulps=64)
    stacked = torch.from_numpy(rng.normal(size=(5, 4)))
    batched = torch.func.vmap(torch.func.grad(f))(stacked)
    for k in range(5):
        np.testing.assert_allclose(batched[k], torch.func.grad(f)(stacked[k]))


def test_what_numpy_computes_is_not_differentiated_twice_by_torch(rng):
    x = T.dvector("x")
    f = as_torch(Doubled()(T.exp(x)).sum(), [x])
    (given,) = tensors(rng, 3)
    (once,) = torch.autograd.grad(f(given), given)
    np.testing.assert_allclose(once, 2 * np.exp(given.detach().numpy()))
    with pytest.raises(UnsupportedError, match="torch cannot differentiate"):
        torch.autograd.grad(f(given), given, create_graph=True)


# the tutorial -----------------------------------------------------------------------------------
def test_the_tutorial_prints_the_same():
    path = EXAMPLES / "tutorial.py"
    reported = [
        subprocess.run(
            [sys.executable, path],
            env={**os.environ, "GRADCORE_FLAGS": f"mode={mode}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for mode in ("numpy", "torch")
    ]
    assert reported[0] == reported[1] != ""


def test_an_extent_may_be_what_is_spread_or_written():
    """Extents are Python integers; where a kernel takes a tensor they are made one."""
    x, y = T.dmatrix("x"), T.lvector("y")
    outputs = [
        T.alloc(x.shape[1], x.shape[0]),
        T.set_subtensor(y[0], x.shape[1]),
        gradcore.scan(lambda s: s + 1, outputs_info=x.shape[0], n_steps=x.shape[1])[0],
    ]
    found = gradcore.function([x, y], outputs, gradcore.Mode("torch", optimizer=False))(
        np.ones((2, 3)), np.arange(3)
    )
    assert [a.tolist() for a in found] == [[3, 3], [3, 1, 2], [3, 4, 5]]
