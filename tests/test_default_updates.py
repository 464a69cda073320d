"""Default updates of shared variables: in functions, givens, loops, copies; and random streams."""

import copy
import pickle

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import function, scan, shared
from gradcore.errors import GraphTypeError


def counter(start=0):
    count = shared(start, "count")
    count.default_update = count + 1
    return count


# functions --------------------------------------------------------------------------------------
def test_givens_stand_in_default_updates_too():
    base, step, x = shared(0, "base"), shared(5, "step"), T.lscalar("x")
    base.default_update = base + step
    function([], base, givens={step: 7})()
    assert base.get_value() == 7
    function([x], base, givens={step: x * 10})(2)
    assert base.get_value() == 27
    replaced = function([x], base + 1, givens={base: x})
    assert replaced(3) == 4 and base.get_value() == 27, "what is replaced is not used"
    y = T.lscalar("y")
    function([], y, givens={y: base * 1})()
    assert base.get_value() == 32, "what stands in the place of another is used"


def test_what_only_the_update_of_an_input_reads_is_updated():
    count, x = counter(), T.lscalar("x")
    f = function([gradcore.In(x, value=0, update=x + count)], x)
    assert [int(f()) for _ in range(4)] == [0, 0, 1, 3]
    assert count.get_value() == 4


def test_what_is_not_read_is_not_updated():
    count, other = counter(), shared(1)
    function([], other)()
    function([], other, updates={other: other + 1})()
    assert count.get_value() == 0


def test_a_default_update_has_the_type_of_its_variable():
    count = shared(0, "count")
    count.default_update = 3
    f = function([], count)
    assert (int(f()), int(f())) == (0, 3)
    count.default_update = count * 0.5
    with pytest.raises(GraphTypeError, match="without loss"):
        function([], count)


@pytest.mark.parametrize("again", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_copies_have_the_default_update_of_their_own(again):
    count = counter(5)
    copied = again(count)
    f = function([], copied)
    assert (int(f()), int(f()), int(count.get_value())) == (5, 6, 5)
    cloned = gradcore.clone(count * 2, share_inputs=False)
    f = function([], cloned)
    assert (int(f()), int(f()), int(count.get_value())) == (10, 12, 5)


# loops ------------------------------------------------------------------------------------------
def test_a_loop_updates_step_by_step(optimized):
    count = counter()
    found, updates = scan(lambda: count * 10, n_steps=3)
    assert list(updates) == [count]
    handed = function([], found, updates=updates, mode=optimized)
    assert handed().tolist() == [0, 10, 20] and count.get_value() == 3
    alone = function([], found, mode=optimized)
    assert alone().tolist() == [30, 40, 50] and count.get_value() == 6
    stays = function([], found, mode=optimized, no_default_updates=[count])
    assert stays().tolist() == stays().tolist() == [60, 70, 80]


def test_loops_in_loops():
    count = counter()
    rows, _ = scan(lambda: scan(lambda: count * 1, n_steps=2)[0] * 10, n_steps=3)
    f = function([], rows, mode="numpy")
    assert f().tolist() == [[0, 10], [20, 30], [40, 50]] and count.get_value() == 6


def test_what_a_step_takes_from_outside_stays():
    count = counter()
    outside = count * 10
    found, updates = scan(lambda: outside + 1, n_steps=3)
    f = function([], [outside, found], mode="numpy")
    assert not updates and f()[1].tolist() == [1, 1, 1] and f()[1].tolist() == [11, 11, 11]
    found, updates = scan(lambda: count + 1, n_steps=2, no_default_updates=True)
    assert not updates and function([], found, mode="numpy")().tolist() == [3, 3]


def test_updates_of_a_step_come_first():
    count = counter()
    found, updates = scan(lambda: (count + 0, {count: count + 5}), n_steps=3)
    assert function([], found, updates=updates, mode="numpy")().tolist() == [0, 5, 10]
    assert count.get_value() == 15


def test_updates_may_read_others_and_states_may_start_from_them():
    first, second = counter(), shared(0, "second")
    second.default_update = second + first
    found, _ = scan(lambda s: s + second, outputs_info=[first], n_steps=4)
    assert function([], found, mode="numpy")().tolist() == [0, 0, 1, 4]
    assert (int(first.get_value()), int(second.get_value())) == (4, 6)


def test_derivatives_do_not_step():
    """Loops that derivatives are made of read a shared variable as it is."""
    scale, x = shared(2.0), T.dvector("x")
    scale.default_update = scale + 1
    f = function([x], [T.jacobian(scale * x**2, x), T.grad((scale * x).sum(), x)], mode="numpy")
    jacobian, gradient = f([1, 2])
    assert jacobian.tolist() == [[4, 0], [0, 8]] and gradient.tolist() == [2, 2]
    assert scale.get_value() == 3


def test_the_gradient_of_a_loop_reads_the_draws_of_the_loop():
    rng, x = T.random.RandomStream(1), T.dscalar("x")
    walk, _ = scan(
        lambda s, x: s * x + rng.normal(), outputs_info=[0.0], non_sequences=x, n_steps=3
    )
    noise = [walk[0], walk[1] - x * walk[0]]
    slope = T.grad(walk[-1], x)
    f = function([x], [*noise, slope], mode="numpy")
    before = None
    for _ in range(2):
        a, b, found = f(0.5)
        np.testing.assert_allclose(found, 2 * 0.5 * a + b)
        assert a != before
        before = a


# streams ----------------------------------------------------------------------------------------
def test_each_call_draws_anew_and_each_draw_is_one(optimized):
    rng = T.random.RandomStream(3)
    a, b = rng.uniform(size=2), rng.uniform(size=2)
    f = function([], [a, a - a, b], mode=optimized)
    (first, zero, other), (second, _, _) = f(), f()
    assert (zero == 0).all() and (first != second).all() and (first != other).all()


def test_a_stream_in_a_loop_goes_on(optimized):
    rng = T.random.RandomStream(3)
    found, updates = scan(lambda: rng.uniform(size=2), n_steps=3)
    assert [v for v, _ in rng.state_updates] == list(updates)
    f = function([], found, mode=optimized)
    numbers = np.concatenate([f(), f()]).ravel()
    assert len(set(numbers)) == 12
    rng.seed(3)
    assert np.concatenate([f(), f()]).ravel().tolist() == numbers.tolist()


def test_seeds():
    streams = [T.random.RandomStream(seed) for seed in (1, 1, 2, -1, 2**64 - 1, None, None)]
    values = [float(rng.uniform().eval(mode="numpy")) for rng in streams]
    assert values[0] == values[1] and values[3] == values[4] and len(set(values)) == 5
    rng = streams[0]
    rng.seed(2)
    assert function([], rng.uniform(), mode="numpy")() != values[2], "another draw of the stream"


def test_a_stream_is_saved_and_goes_on_where_it_was():
    rng = T.random.RandomStream(5)
    f = function([], rng.normal(size=2), mode="numpy")
    f()
    other_stream, other = pickle.loads(pickle.dumps((rng, f)))
    assert other().tolist() == f().tolist()
    assert other_stream.states[0].get_value().tolist() == rng.states[0].get_value().tolist()
    other_stream.seed(5)
    rng.seed(5)
    assert other().tolist() == f().tolist()
    assert other_stream.uniform().eval() == rng.uniform().eval()


THEANO = {
    "uniform": {"low": 0.0, "high": 1.0}, "normal": {"avg": 1.0, "std": 2.0},
    "binomial": {"n": 5, "p": 0.5}, "random_integers": {"low": 1, "high": 2},
    "poisson": {"lam": 3.0}, "choice": {"a": 5, "replace": True, "p": None},
    "multinomial": {"n": 4, "pvals": [0.25, 0.75]},
}  # fmt: skip
PYTENSOR = {
    "uniform": {"low": 0, "high": 1}, "normal": {"loc": 0, "scale": 1},
    "beta": {"alpha": 1, "beta": 2}, "gamma": {"shape": 2.0, "scale": 3},
    "exponential": {"scale": 2}, "bernoulli": {"p": 0.5}, "integers": {"low": 0, "high": 4},
    "vonmises": {"mu": 0, "kappa": 1}, "laplace": {"loc": 0, "scale": 1},
    "dirichlet": {"alphas": [1.0, 2.0]}, "gumbel": {"loc": 0, "scale": 1}, "t": {"df": 3.0},
    "multivariate_normal": {"mean": [0.0], "cov": [[1.0]]}, "geometric": {"p": 0.5},
    "negative_binomial": {"n": 3, "p": 0.5}, "chisquare": {"df": 2},
    "logistic": {"loc": 0, "scale": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "names"),
    [(T.shared_randomstreams.RandomStreams, THEANO), (T.random.RandomStream, PYTENSOR)],
)
def test_names_of_theano_and_of_pytensor(stream, names):
    """By name, and by position: the size comes first in Theano."""
    found = []
    for name, named in names.items():
        by_name = getattr(stream(1), name)(size=(3,), **named)
        sized = ((3,), *named.values()) if stream.size_first else tuple(named.values())
        size = {} if stream.size_first else {"size": (3,)}
        found += [by_name, getattr(stream(1), name)(*sized, **size)]
    values = function([], found, mode="numpy")()
    for a, b in zip(values[::2], values[1::2], strict=True):
        assert a.shape[0] == 3 and a.tolist() == b.tolist()
    assert "T.random." in stream.uniform.__doc__ and stream.uniform.__name__ == "uniform"


def test_a_categorical_draw_of_probabilities():
    found = T.random.RandomStream(1).categorical(p=[0.0, 1.0, 0.0], size=4)
    assert found.eval(mode="numpy").tolist() == [1] * 4


def test_defaults_of_theano_and_arguments_that_a_draw_does_not_take():
    rng = T.shared_randomstreams.RandomStreams(1)
    sized = [rng.binomial(3), rng.poisson(3), rng.choice(3), rng.multinomial(3)]
    assert [x.type.shape for x in sized] == [(3,), (3,), (3,), (3, 2)]
    for make, text in (
        (lambda: rng.normal(3, 0, 1, None, 2), "normal: too many .* it takes loc, scale, dtype"),
        (lambda: rng.gamma(3, 1, a=2), "gamma: multiple values for argument 'a'"),
        (lambda: rng.gamma(3, rate=2), "gamma: got an unexpected keyword argument 'rate'"),
        (lambda: rng.gamma(3), "missing 1 required positional argument: 'a'"),
    ):
        with pytest.raises(TypeError, match=text):
            make()


def test_other_names_of_theano():
    rng = T.shared_randomstreams.RandomStreams(1)
    n = T.lvector("n")
    outputs = [rng.permutation(n=4), rng.permutation((2,), 4), rng.uniform(n, ndim=2)]
    outputs += [
        rng.shuffle_row_elements(np.arange(6).reshape(2, 3)),
        rng.random_integers((50,), 1, 2),
    ]
    one, two, sized, rows, integers = function([n], outputs, mode="numpy")([2, 3])
    assert sorted(one) == [0, 1, 2, 3] and np.sort(two, 1).tolist() == [[0, 1, 2, 3]] * 2
    assert sized.shape == (2, 3) and np.sort(rows, 1).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert set(integers) == {1, 2} and rng.updates() == rng.state_updates
