"""States of draws, as Theano's programs read, set and copy them."""

import copy
import importlib
import pickle

import numpy as np
import pytest

from gradcore.errors import AbsentNameError


@pytest.fixture
def rng(theano):
    return importlib.import_module("theano.tensor.shared_randomstreams").RandomStreams(seed=234)


@pytest.fixture
def raw(theano):
    return importlib.import_module("theano.tensor.raw_random")


DRAWS = {
    "uniform": lambda rng: rng.uniform((2, 2)),
    "normal": lambda rng: rng.normal((2, 2), truncate=True),
    "binomial": lambda rng: rng.binomial((20,), n=5),
    "poisson": lambda rng: rng.poisson((20,), lam=4.0),
    "integers": lambda rng: rng.random_integers((20,), 0, 50),
    "choice": lambda rng: rng.choice((20,), a=50),
    "multinomial": lambda rng: rng.multinomial((8,), n=9999),
    "permutation": lambda rng: rng.permutation((2,), n=20),
    "rows": lambda rng: rng.shuffle_row_elements(np.arange(40.0).reshape(2, 20)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_has_the_shared_variable_of_its_state(name, rng, theano):
    draw = DRAWS[name](rng)
    f = theano.function([], draw)
    state = draw.rng.get_value(borrow=True)
    state.seed(89234)
    draw.rng.set_value(state, borrow=True)
    before = draw.rng.get_value().get_state()
    first, second = f(), f()
    assert (first != second).any() and draw.rng.get_value().get_state() != before
    again = draw.rng.get_value(borrow=True)
    again.set_state(before)
    draw.rng.set_value(again)
    assert (f() == first).all() and (draw.rng, draw.rng.default_update) in rng.state_updates


def test_states_are_copied_and_pickled(rng, theano):
    draw = rng.uniform((3,))
    f = theano.function([], draw)
    g, h = f.copy(share_memory=False), pickle.loads(pickle.dumps(f))
    assert f().tolist() == g().tolist() == h().tolist() != f().tolist()
    state = draw.rng.get_value()
    for other in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert other.get_state() == state.get_state()
    assert pickle.loads(pickle.dumps(draw.rng)).get_value().get_state() == state.get_state()
    assert pickle.loads(pickle.dumps(draw)).type == draw.type
    assert f.get_shared()[0] is draw.rng
    state.seed()
    assert state.get_state() != draw.rng.get_value().get_state()


def test_draws_of_a_given_state(raw, theano, T):
    state = raw.random_state_type("state")
    after, draw = raw.uniform(state, (2, 2), low=1, high=2)
    entry = theano.In(state, value=np.random.RandomState(5), update=after, mutable=True)
    f = theano.function([entry], draw)
    one, two = f(), f()
    assert (one != two).any() and one.min() >= 1 and one.max() < 2
    f[state] = np.random.RandomState(5)
    assert (f() == one).all() and (f(np.random.RandomState(5)) == one).all()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("normal", {"avg": 5.0, "std": 0.1}), ("binomial", {"n": 3, "prob": 0.5}),
        ("poisson", {"lam": 3.0}), ("random_integers", {"low": 0, "high": 9}),
        ("choice", {"a": 9}), ("permutation", {"n": 9}), ("multinomial", {"n": 9999}),
    ],
)  # fmt: skip
def test_functions_of_states_take_theanos_arguments(name, parameters, raw, theano):
    generator = np.random.RandomState(7)
    state = theano.shared(generator, "state")
    assert generator.randint(10**6) == np.random.RandomState(7).randint(10**6), "it is as it was"
    after, draw = getattr(raw, name)(state, (8,), **parameters)
    f = theano.function([], draw, updates=[(state, after)])
    first = f()
    assert first.shape[0] == 8 and (first != f()).any()
    state.set_value(np.random.RandomState(7))
    assert (f() == first).all()
    with pytest.raises(AbsentNameError, match=r"RandomFunction is not here: .*function of a key"):
        raw.RandomFunction()


def test_generators_of_numpy_are_states(theano):
    new, same, other = (theano.shared(np.random.default_rng(k)) for k in (1, 1, 2))
    states = [v.get_value().get_state() for v in (new, same, other)]
    assert states[0] == states[1] != states[2]
    assert np.random.default_rng(1).random() == np.random.default_rng(1).random()
