"""What ``scan`` takes, what it refuses, and its shorter forms."""

import pickle

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ArgumentError, DisconnectedInputError, MissingInputError, ScanError
from gradcore.ops.scan import Scan

PLAIN = gradcore.Mode("numpy", optimizer=False)
MODES = [PLAIN, gradcore.Mode("numpy")]

x = T.dvector("x")
X = T.dmatrix("X")
a = T.dscalar("a")
n = T.lscalar("n")


# no steps ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES, ids=["plain", "rewritten"])
def test_no_steps(mode):
    W = T.dmatrix("W")
    h = T.dvector("h")
    stacks, _ = gradcore.scan(lambda r, s: (T.tanh(T.dot(s, W) + r), T.outer(s, r)), X, [h, None])
    cost = stacks[0].sum() + (stacks[1] ** 2).sum() + (h**2).sum()
    f = gradcore.function([X, W, h], [*stacks, *T.grad(cost, [X, W, h])], mode=mode)
    states, outers, gX, gW, gh = f(np.ones((0, 3)), np.ones((3, 3)), np.ones(3))
    assert states.shape == (0, 3) and outers.shape == (0, 3, 3)
    assert gX.shape == (0, 3)
    assert gW.tolist() == np.zeros((3, 3)).tolist()
    assert gh.tolist() == [2.0] * 3
    second = T.grad(T.grad(cost, W).sum(), W, disconnected_inputs="ignore")
    assert not second.eval({X: np.ones((0, 3)), W: np.ones((3, 3)), h: np.ones(3)}, mode).any()


@pytest.mark.parametrize("mode", MODES, ids=["plain", "rewritten"])
def test_no_steps_by_a_symbolic_count(mode):
    power, _ = gradcore.scan(lambda p: p * a, None, T.ones_like(a), n_steps=n)
    f = gradcore.function([a, n], power, mode=mode)
    assert f(2, 3).tolist() == [2, 4, 8]
    assert f(2, 0).tolist() == []


EXTENTS = {
    "a number": lambda i, Y, k: T.zeros(2 * k + 1) * i,
    "a slice": lambda i, Y, k: Y[0, : 2 * k] * i,
    "a reshape": lambda i, Y, k: Y.reshape((k, -1)) * i,
    "sums of elements": lambda i, Y, k: T.zeros((Y.astype("int64").sum(), k)) * i,
    "a loop": lambda i, Y, k: gradcore.scan(lambda r: T.concatenate([r, r * i]), Y)[0],
    "rows of a Jacobian": lambda i, Y, k: T.jacobian(Y[:, 0] ** 2 * i, Y),
}


@pytest.mark.parametrize("extents", EXTENTS)
def test_no_steps_have_the_extents_of_one(extents, everywhere):
    """Where these follow from what the loop captures, its elements too."""
    Y, k = T.dmatrix("Y"), T.lscalar("k")
    found, _ = gradcore.scan(EXTENTS[extents], T.arange(n), non_sequences=[Y, k])
    f = gradcore.function([Y, k, n], found, mode=everywhere, on_unused_input="ignore")
    one, none = (f(np.ones((2, 6)), 2, steps).shape for steps in (1, 0))
    assert none == (0, *one[1:]) and one[0] == 1


def test_no_steps_of_something_whose_shape_depends_on_values():
    picked, _ = gradcore.scan(lambda r: r[(r > 0).nonzero()[0][:1]], X)
    assert picked.eval({X: np.ones((2, 3))}).shape == (2, 1)
    assert picked.eval({X: np.ones((0, 3))}).shape[0] == 0


# outputs and updates ----------------------------------------------------------------------------
def test_one_output_is_no_list_unless_asked():
    one, updates = gradcore.scan(lambda v: v + 1, x)
    assert isinstance(one, gradcore.Variable) and updates == {}
    listed, _ = gradcore.scan(lambda v: v + 1, x, return_list=True)
    assert isinstance(listed, list) and len(listed) == 1
    two, _ = gradcore.scan(lambda v: [v + 1, v], x)
    assert isinstance(two, list) and len(two) == 2


def test_updates_of_shared_variables():
    total = gradcore.shared(1.0, "total")
    count = gradcore.shared(0, "count")

    def step(v):
        return v * total, {total: total + v, count: count + 1}

    seen, updates = gradcore.scan(step, x)
    assert set(updates) == {total, count}
    f = gradcore.function([x], seen, updates=updates)
    assert f([1, 2, 3]).tolist() == [1.0, 4.0, 12.0]
    assert total.get_value() == 7.0 and count.get_value() == 3
    assert f([1]).tolist() == [7.0]
    assert total.get_value() == 8.0 and count.get_value() == 4


def test_updates_may_be_all_that_a_step_returns():
    count = gradcore.shared(np.int64(0))
    for returned in ({count: count + 2}, [(count, count + 2)]):
        nothing, updates = gradcore.scan(lambda returned=returned: returned, n_steps=3)
        assert nothing is None
        before = int(count.get_value())
        gradcore.function([], [], updates=updates)()
        assert count.get_value() == before + 6


def test_updates_with_until_and_outputs():
    count = gradcore.shared(np.int64(0))
    got, updates = gradcore.scan(lambda v: ([v * 2], {count: count + 1}, gradcore.until(v > 2)), x)
    assert gradcore.function([x], got, updates=updates)([1, 3, 5]).tolist() == [2.0, 6.0]
    assert count.get_value() == 2


def test_gradient_of_an_updated_shared_variable():
    s = gradcore.shared(2.0)
    out, _ = gradcore.scan(lambda v: (v * s, {s: s * v}), x)
    g = T.grad(out.sum(), s)  # s*x0 + s*x0*x1
    assert g.eval({x: [3.0, 4.0]}) == 3 + 12


def test_shared_variables_are_captured():
    W = gradcore.shared(np.eye(2) * 2)
    out, _ = gradcore.scan(lambda h: T.dot(h, W), None, T.ones(2), n_steps=3)
    assert out[-1].eval().tolist() == [8.0, 8.0]
    assert T.grad(out[-1].sum(), W).eval().tolist() == [[12.0, 12.0], [12.0, 12.0]]


def test_two_names_for_an_initial_value():
    p, q = gradcore.scan(lambda u, v: (u + 1, v * 2), None, [a, a], n_steps=2)[0]
    assert gradcore.function([a], [p, q])(3)[1].tolist() == [6.0, 12.0]


# initial values ---------------------------------------------------------------------------------
def test_numbers_as_initial_values_take_the_dtype_of_the_step():
    for sequence, initial, dtype in [
        (T.arange(4), 0, "int64"),
        (T.fvector("f"), 0.0, "float64"),
        (T.fvector("f"), 0, "float32"),
        (x, 0, "float64"),
    ]:
        total, _ = gradcore.scan(lambda v, s: s + v, sequence, initial)
        assert total.dtype == dtype


def test_dtypes_of_states_must_agree():
    with pytest.raises(ScanError, match=r"output 0 of the step is float64.*float32") as info:
        gradcore.scan(lambda v, s: s + v, x, T.fscalar("s"))
    assert "astype('float64')" in str(info.value)
    assert "test_scan_arguments.py" in str(info.value)
    with pytest.raises(ScanError, match="keeps its dtype"):
        gradcore.scan(lambda v, s: s + v, x, T.as_tensor_variable(0))


def test_shapes_of_states_must_agree():
    with pytest.raises(ScanError, match="keeps its shape"):
        gradcore.scan(lambda r, s: s + r, X, 0.0)
    with pytest.raises(ScanError, match="keeps its shape"):
        gradcore.scan(lambda s: T.zeros(3), None, T.zeros(2), n_steps=2)


def test_a_state_that_grows_is_an_error_when_it_runs():
    grown, _ = gradcore.scan(lambda s: T.concatenate([s, s]), None, x, n_steps=2)
    with pytest.raises(ScanError, match="changes its shape"):
        gradcore.function([x], grown, mode=PLAIN)([1.0])


# errors -----------------------------------------------------------------------------------------
def test_steps_must_be_known():
    with pytest.raises(ScanError, match="how many steps"):
        gradcore.scan(lambda s: s, None, a)


def test_negative_steps():
    with pytest.raises(ScanError, match="scan cannot take fewer than 0 steps: it is -1"):
        gradcore.scan(lambda s: s * 2, None, a, n_steps=-1)
    power, _ = gradcore.scan(lambda s: s * 2, None, a, n_steps=n)
    for mode in MODES:
        with pytest.raises(ScanError, match="scan cannot take fewer than 0 steps: it is -2"):
            gradcore.function([a, n], power, mode=mode)(1, -2)


def test_sequences_that_are_too_short():
    static = T.tensor("s", "float64", (2,))
    with pytest.raises(ScanError, match="3 steps, but a sequence has elements for 2"):
        gradcore.scan(lambda v: v, static, n_steps=3)
    total, _ = gradcore.scan(lambda v, s: v * s, x, 1.0, n_steps=n)
    for mode in MODES:
        with pytest.raises(ScanError, match="to take 5 steps, but its sequence 0 has 2"):
            gradcore.function([x, n], total, mode=mode)([1, 2], 5)


@pytest.mark.parametrize("mode", MODES, ids=["plain", "rewritten"])
@pytest.mark.parametrize("step", [lambda v: v, lambda v: v * 2, lambda v: a, lambda v: T.sin(v)])
def test_checks_outlive_the_loop(step, mode):
    """A loop that is rewritten into no loop checks its steps all the same."""
    stack, _ = gradcore.scan(step, x, n_steps=n)
    f = gradcore.function([x, n, a], stack, mode=mode, on_unused_input="ignore")
    assert f([1, 2, 3], 2, 9).shape == (2,)
    with pytest.raises(ScanError):
        f([1, 2, 3], 5, 9)
    with pytest.raises((ScanError, gradcore.errors.ShapeError)):
        f([1, 2, 3], -1, 9)


def test_too_short_for_the_taps():
    out, _ = gradcore.scan(lambda u, v: u + v, {"input": x, "taps": [-1, 1]})
    assert out.eval({x: [1, 2, 3, 4]}).tolist() == [4.0, 6.0]


def test_a_scalar_is_no_sequence():
    with pytest.raises(ScanError, match="is a scalar"):
        gradcore.scan(lambda v: v, a)


def test_number_of_outputs():
    with pytest.raises(ScanError, match="returns 2 outputs, outputs_info describes 1"):
        gradcore.scan(lambda v, s: (s, v), x, [a])


def test_taps():
    with pytest.raises(ScanError, match="negative"):
        gradcore.scan(lambda v, s: s, x, {"initial": a, "taps": [0]})
    with pytest.raises(ScanError, match="need 3 initial values"):
        start = T.tensor("s", "float64", (2,))
        gradcore.scan(lambda v, s: s, x, {"initial": start, "taps": [-3]})
    with pytest.raises(ScanError, match="unknown keys"):
        gradcore.scan(lambda v: v, {"inputs": x})
    with pytest.raises(ScanError, match="need an initial value"):
        gradcore.scan(lambda v: v, x, {"taps": [-1]})


def test_strict():
    with pytest.raises(ScanError, match="uses a, which is not among non_sequences"):
        gradcore.scan(lambda v: v * a, x, strict=True)
    out, _ = gradcore.scan(lambda v, k: v * k, x, None, a, strict=True)
    assert out.eval({x: [1, 2], a: 3}).tolist() == [3.0, 6.0]
    half, _ = gradcore.scan(lambda v, k: v * T.exp(k), x, None, a, strict=True)
    assert half.ndim == 1


def test_until_takes_a_scalar():
    with pytest.raises(ScanError, match="scalar condition"):
        gradcore.scan(lambda r: (r, gradcore.until(r > 0)), X)


def test_disconnected():
    out, _ = gradcore.scan(lambda v, k: v * 2, x, None, a)
    with pytest.raises(DisconnectedInputError):
        T.grad(out.sum(), a)
    steps, _ = gradcore.scan(lambda s: s * 2, None, a, n_steps=n)
    with pytest.raises(DisconnectedInputError, match="n"):
        T.grad(steps.sum(), n)


def test_a_step_that_fails_names_its_line():
    out, _ = gradcore.scan(lambda r, v: r[v.astype("int64")], [X, x])
    with pytest.raises(IndexError) as info:
        gradcore.function([X, x], out, mode=PLAIN)(np.ones((1, 2)), [7.0])
    notes = " ".join(info.value.__notes__)
    assert "subtensor" in notes and "test_scan_arguments.py" in notes


def test_missing_inputs_are_named():
    hidden = T.dscalar("hidden")
    out, _ = gradcore.scan(lambda v: v * hidden, x)
    with pytest.raises(MissingInputError, match="hidden"):
        gradcore.function([x], out)


# shorter forms ----------------------------------------------------------------------------------
def test_map():
    out, updates = gradcore.map(lambda u, v, k: u * v + k, [x, x[::-1]], [a])
    assert out.eval({x: [1, 2], a: 1}).tolist() == [3.0, 3.0] and updates == {}
    back, _ = gradcore.map(lambda v: v, x, go_backwards=True)
    assert back.eval({x: [1, 2, 3]}).tolist() == [3.0, 2.0, 1.0]


def test_reduce_and_folds():
    for fold, expected in [
        (gradcore.reduce, 1.25),
        (gradcore.foldl, 1.25),
        (gradcore.foldr, 1.625),
    ]:
        out, _ = fold(lambda v, s: s / 2 + v, x, 0.0)
        assert out.ndim == 0
        assert out.eval({x: [1.0, 1.0, 0.5]}) == expected
    nothing, _ = gradcore.reduce(lambda v, s: s + v, x, a)
    assert nothing.eval({x: np.zeros(0), a: 5}) == 5
    assert T.grad(nothing, a).eval({x: [1.0], a: 5}) == 1


def test_reduce_needs_initial_values():
    with pytest.raises(ScanError, match="initial value for output 1"):
        gradcore.reduce(lambda v, s: (s + v, v), x, [a, None])


# the op -----------------------------------------------------------------------------------------
def scans(f):
    return [node.op for node in f.maker.fgraph.nodes if isinstance(node.op, Scan)]


def test_names():
    out, _ = gradcore.scan(lambda v, s: T.tanh(s * v), x, 1.0, name="decay")
    assert "decay" in repr(out.owner.op)
    (op,) = scans(gradcore.function([x], out))
    assert op.name == "decay"


def test_pickling_a_loop():
    out, _ = gradcore.scan(lambda v, s: T.tanh(s * v), x, 1.0)
    again, v = pickle.loads(pickle.dumps((out, x)))
    assert again.eval({v: [1.0, 2.0]}).tolist() == out.eval({x: [1.0, 2.0]}).tolist()


def test_equal_bodies_are_equal_ops():
    p, _ = gradcore.scan(lambda v, s: T.tanh(s * v), x, 1.0)
    q, _ = gradcore.scan(lambda v, s: T.tanh(s * v), x, 1.0)
    assert p.owner.op == q.owner.op and hash(p.owner.op) == hash(q.owner.op)
    assert len(scans(gradcore.function([x], [p, q]))) == 1


# what rewriting makes of loops ------------------------------------------------------------------
def test_a_map_is_no_loop():
    out, _ = gradcore.scan(lambda v, k: T.exp(v) * k, x, None, a)
    f = gradcore.function([x, a], out)
    assert scans(f) == []
    assert f([0.0, 0.0], 3).tolist() == [3.0, 3.0]


def test_invariants_are_hoisted():
    out, _ = gradcore.scan(lambda v, s, k: T.tanh(s * v + T.exp(k)), x, 1.0, a)
    (op,) = scans(gradcore.function([x, a], out))
    assert T.exp not in [node.op for node in op.body.nodes]


def test_work_on_sequences_is_one_product():
    W, U = T.dmatrices("W", "U")
    h = T.dvector("h")
    out, _ = gradcore.scan(lambda r, s: T.tanh(T.dot(r, W) + T.dot(s, U)), X, h)
    f = gradcore.function([X, W, U, h], out)
    (op,) = scans(f)
    assert [node.op.label() for node in op.body.nodes].count("dot") == 1
    assert [node.op.label() for node in f.maker.fgraph.nodes].count("dot") == 1


def test_gradients_of_weights_are_products_after_the_loop():
    W, U = T.dmatrices("W", "U")
    h, b = T.dvectors("h", "b")
    out, _ = gradcore.scan(lambda r, s: T.tanh(T.dot(r, W) + T.dot(s, U) + b), X, h)
    f = gradcore.function([X, W, U, h, b], T.grad((out[-1] ** 2).sum(), [X, W, U, h, b]))
    forward, backward = scans(f)
    for op in (forward, backward):
        assert op.states == 1
        assert [node.op.label() for node in op.body.nodes].count("dot") == 1


def test_only_the_last_state_is_retained():
    out, _ = gradcore.scan(lambda v, s: T.tanh(s * v), x, 1.0)
    (op,) = scans(gradcore.function([x], out[-1]))
    assert len(op.body.outputs) == 1


def test_unused_states_go():
    (p, q), _ = gradcore.scan(lambda v, s, t: (T.tanh(s * v), T.tanh(t + s)), x, [1.0, 1.0])
    (op,) = scans(gradcore.function([x], p))
    assert op.states == 1
    (op,) = scans(gradcore.function([x], q))
    assert op.states == 2


def test_twin_states_are_one():
    (p, q), _ = gradcore.scan(lambda v, s, t: (T.tanh(s * v), T.tanh(t * v)), x, [a, a])
    (op,) = scans(gradcore.function([x, a], [p, q]))
    assert op.states == 1
    (p, q), _ = gradcore.scan(lambda v, s, t: (T.tanh(t * v), T.tanh(s * v)), x, [a, a])
    (op,) = scans(gradcore.function([x, a], [p, q]))
    assert op.states == 1


def test_sums_leave_the_loop():
    out, _ = gradcore.scan(lambda v, s: s + v**2, x, a**2)
    assert scans(gradcore.function([x, a], out[-1])) == []
    assert len(scans(gradcore.function([x, a], out))) == 1
    # Below zero, the sum of all terms may overflow where the states do not.
    out, _ = gradcore.scan(lambda v, s: s + v**2, x, a)
    assert len(scans(gradcore.function([x, a], out[-1]))) == 1
    # Where terms may cancel, the order is the user's; it is nobody's by choice.
    out, _ = gradcore.scan(lambda v, s: s + v**3, x, a)
    assert len(scans(gradcore.function([x, a], out[-1]))) == 1
    assert scans(gradcore.function([x, a], out[-1], mode=gradcore.Mode(reassociate=True))) == []


def test_loops_that_share_are_one():
    p, _ = gradcore.scan(lambda v, s: T.tanh(s * v), x, 1.0)
    q, _ = gradcore.scan(lambda v, s: T.sin(s + v), x, 2.0)
    (op,) = scans(gradcore.function([x], [p, q]))
    assert op.states == 2
    after, _ = gradcore.scan(lambda v, s: T.sin(s + v), p, 2.0)
    assert len(scans(gradcore.function([x], after))) == 2


def test_the_tutorials_jacobian_has_no_square_of_each_step():
    y = x**2
    J, _ = gradcore.scan(lambda i, y, x: T.grad(y[i], x), T.arange(y.shape[0]), None, [y, x])
    f = gradcore.function([x], J)
    for op in scans(f):
        assert T.sqr not in [node.op for node in op.body.nodes]


def test_errors_are_those_of_arguments():
    out, _ = gradcore.scan(lambda v: v, x)
    with pytest.raises(ArgumentError):
        gradcore.function([x], out)([[1.0]])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda h: h + 1, r"takes \(h\), and is given 2 arguments: too many"),
        (lambda x, h, w: h + w, r"takes \(x, h, w\), and is given 2 arguments: missing .*'w'"),
    ],
)
def test_a_step_that_takes_other_arguments_is_refused(step, message):
    with pytest.raises(ScanError, match=message) as info:
        gradcore.scan(step, T.dvector("x"), T.constant(0.0))
    assert "sequences (here 1), then the outputs of steps before (1)" in str(info.value)


def test_a_step_may_be_a_function_of_the_language():
    x = T.dvector("x")
    found, _ = gradcore.scan(T.maximum, x, T.constant(0.0))
    np.testing.assert_array_equal(found.eval({x: [1.0, 3, 2]}), [1, 3, 3])
