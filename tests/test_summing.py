"""Functions summed over chunks: the rules, op by op; whole functions; where chunks come from."""

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import ArgumentError
from gradcore.summing.adding import in_pairs

RNG = np.random.default_rng(3)
X, y, w, v = T.dmatrix("X"), *T.dvectors("y", "w", "v")
ROWS = RNG.standard_normal((11, 3))
LABELS = RNG.standard_normal(11)
POINT, DIRECTION = RNG.standard_normal((2, 3))
CHUNKS = [1, 4, 11, 100, [3, 0, 8]]


def agree(inputs, outputs, data, rest=(), passes=None, mode="numpy", rtol=1e-12):
    """Check that a function over chunks returns what it does of all rows."""
    f = gradcore.function([*data, *inputs], outputs, mode=mode)
    whole = f(*data.values(), *rest)
    for rows in CHUNKS:
        total = f.over(data, rows=rows)
        found = total(*rest)
        for a, b in zip(found, whole, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)
    assert passes is None or total.passes == passes


logistic = T.sum(T.log(1 + T.exp(-y * T.dot(X, w))))
residual = T.tanh(T.dot(X, w)) - y
scale = T.dvector("scale")


def gauss_newton(r, at, p):
    return T.Lop(r, at, T.Rop(r, at, p))


FUNCTIONS = {
    "logistic": ([logistic, T.grad(logistic, w), T.Rop(T.grad(logistic, w), w, v)], 1),
    "gauss-newton": ([gauss_newton(residual, w, v)], 1),
    "hessian": ([T.hessian(logistic, w)], None),
    "mean": ([T.mean(residual**2)], 1),
    "gradient of a mean": ([T.grad(T.mean(residual**2), w)], 2),
    "regularized": ([logistic + 0.1 * T.sum(w**2), T.grad(logistic + T.sum(w**2), w)], 1),
    "mean of all elements": ([T.mean(X * w), T.grad(T.mean((X * w) ** 2), w)], 2),
    "variance": ([T.var(X, axis=0), T.std(y)], 2),
    "standardized": ([T.sum(T.dot((X - X.mean(axis=0)) / X.std(axis=0), w) ** 3)], 3),
    "extremes": ([X.max(axis=0), X.min(), T.argmax(X.max(axis=0)), T.any(X > 1), T.all(y < 9)], 1),
    "log of a sum": ([T.logsumexp(y), T.sqrt(T.sum(y**2))], None),
    "products": ([T.prod(y), T.dot(X.T, X), T.dot(y, X), T.dot(y, y)], 1),
    "covariance": ([T.dot((X - X.mean(axis=0)).T, X - X.mean(axis=0)) / (X.shape[0] - 1)], 2),
    "no rows at all": ([T.sum(w**2)], 0),
    "number of rows": ([X.shape[0] * 2, X.shape[1], T.cast(y.shape[0], "float64") / 2], None),
    "softmax of each": ([T.sum(T.log(T.nn.softmax(X * w))[:, 1])], 1),
    "its own column": ([T.sum(T.nn.softmax(X)[T.arange(X.shape[0]), T.cast(y > 0, "int64")])], 1),
    "reversed and stacked": ([T.sum(T.stack([X[:, ::-1], 2 * X], axis=1) * w, axis=0)], 1),
    "flattened": ([T.sum(T.outer(X.reshape((-1,)), w) ** 2), T.sum(X.flatten() ** 3)], 1),
    "sorted along": ([T.sum(T.sort(X, axis=1), axis=0), T.sum(T.cumsum(X, axis=1) ** 2)], 1),
    "a quotient of sums": ([T.sum(y**3) / T.sum(y**2)], 1),
    "equations": ([T.sum(T.linalg.solve(T.diag(scale_ := T.exp(w)), X.T) ** 2), T.sum(scale_)], 1),
    "masked": ([T.sum(T.switch(y > 0, y, 0.0)), T.sum(y > 0)], 1),
    "ones": ([T.sum(T.ones_like(y) * 2), T.sum(T.zeros((X.shape[0], 2)) + 1)], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_over_chunks_is_that_of_all_rows(name):
    outputs, passes = FUNCTIONS[name]
    f = gradcore.function([X, y, w, v], outputs, mode="numpy", on_unused_input="ignore")
    whole = f(ROWS, LABELS, POINT, DIRECTION)
    for rows in CHUNKS:
        if name == "extremes" and isinstance(rows, list):
            rows = [3, 8]  # there is no greatest element of no row
        total = f.over({X: ROWS, "y": LABELS}, rows=rows)
        found = total(POINT, DIRECTION)
        assert passes is None or total.passes == passes
        for a, b in zip(found, whole, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_embeddings_add_their_gradients_up():
    E, words = T.dmatrix("E"), T.lmatrix("words")
    loss = T.sum(T.tanh(T.sum(E[words], axis=1)) ** 2)
    data = {words: RNG.integers(0, 5, (11, 4))}
    agree([E], [loss, T.grad(loss, E)], data, [RNG.standard_normal((5, 2))], 1)


@pytest.mark.parametrize(("mode", "checkpoint"), [("c", None), ("numpy", None), ("numpy", 2)])
def test_a_recurrent_model_and_its_gradient(mode, checkpoint):
    S, W, U = T.tensor3("S"), T.dmatrix("W"), T.dmatrix("U")
    states, _ = gradcore.scan(
        lambda x, h: T.tanh(T.dot(x, W) + T.dot(h, U)),
        sequences=S.dimshuffle(1, 0, 2),
        outputs_info=T.zeros((S.shape[0], U.shape[0])),
        checkpoint=checkpoint,
    )
    loss = T.sum((T.dot(states[-1], v) - y) ** 2) + T.sum(states**4)
    data = {S: RNG.standard_normal((11, 5, 2)), y: LABELS}
    values = RNG.standard_normal((2, 3)), RNG.standard_normal((3, 3)), POINT
    outputs = [loss, *T.grad(loss, [W, U, v]), T.grad(T.mean(states**2), U)]
    agree([W, U, v], outputs, data, values, mode=mode)


def test_a_state_whose_rows_become_several_has_other_numbers():
    """Twice as many rows, of which the first are taken by the numbers of rows of the batch."""
    S = T.tensor3("S")

    def step(x, h):
        both = T.stack([h, h + x], axis=1).reshape((-1, x.shape[1]))
        return h + T.sum(both[T.arange(x.shape[0]), 0]) * 0 + x

    last, _ = gradcore.scan(step, S.dimshuffle(1, 0, 2), T.zeros((S.shape[0], S.shape[2])))
    refused([T.sum(last[-1])], {S: RNG.standard_normal((11, 5, 2))}, ())


def test_a_state_may_collect_a_sum_over_rows():
    S = T.tensor3("S")
    total, _ = gradcore.scan(
        lambda x, acc: acc + T.dot(x.T, x),
        sequences=S.dimshuffle(1, 0, 2),
        outputs_info=T.zeros((S.shape[2], S.shape[2])),
    )
    agree([], [total[-1]], {S: RNG.standard_normal((11, 5, 2))}, (), 1)


def test_convolutions():
    images, filters = T.tensor4("images"), T.tensor4("filters")
    loss = T.sum(T.tanh(T.nn.conv2d(images, filters)) ** 2)
    data = {images: RNG.standard_normal((11, 2, 5, 5))}
    agree([filters], [loss, T.grad(loss, filters)], data, [RNG.standard_normal((3, 2, 2, 2))], 1)


def test_a_choice_between_alike_is_as_they_are():
    pick = T.lscalar("pick")
    outputs = [T.sum(gradcore.ifelse(pick, y**2, 2 * y)), gradcore.ifelse(pick, T.sum(y), T.sum(X))]
    agree([pick], outputs, {X: ROWS, y: LABELS}, [1], None)
    agree([pick], outputs, {X: ROWS, y: LABELS}, [0], None)


# what is refused ----------------------------------------------------------------------------------
def refused(outputs, data=None, inputs=(w,)):
    data = data or {X: ROWS, y: LABELS}
    f = gradcore.function([*data, *inputs], outputs, mode="numpy", on_unused_input="ignore")
    with pytest.raises(ArgumentError) as raised:
        f.over(data)
    return raised.value


def test_what_does_not_follow_from_chunks_is_refused_at_its_line():
    error = refused([T.sum(y), T.sort(y)[0]])
    assert "sort goes along the rows" in str(error)
    assert error.where.file == __file__ and error.fix


REFUSED = {
    "its result": lambda: T.dot(X, w),
    "pairs rows": lambda: T.sum(T.dot(X, X.T)),
    "pairs rows of": lambda: T.sum(y.dimshuffle(0, "x") * y),
    "some of the rows": lambda: T.sum(X[:5]),
    "some of the rows of": lambda: y[0],
    "numbers of rows": lambda: T.sum(T.arange(y.shape[0]) * y),
    "mixes the axis": lambda: T.sum(X.T.reshape((-1,)) ** 2 * T.ones((X.size,))[::-1]),
    "is not known": lambda: T.sum(T.nonzero(y)[0]),
    "argmax goes along": lambda: T.argmax(y),
    "from row to row": lambda: gradcore.scan(lambda r, s: s * r, y, T.constant(1.0))[0][-1],
    "declares how many": lambda: T.sum(T.specify_shape(y, (11,))),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_reasons(reason):
    error = refused([REFUSED[reason]()])
    assert ("something for each row" if reason == "its result" else reason) in str(error)
    assert error.where.file == __file__


def test_what_goes_along_the_rows_must_come_in_chunks():
    data = {X: ROWS}
    assert "y has an axis that goes along the rows" in str(
        refused([T.sum(T.dot(X, w) * y)], data, (y, w))
    )
    assert "times what is not" in str(refused([T.dot(X.T, y)], data, (y, w)))


def test_sizes_that_differ_are_errors_as_they_are_of_all_rows():
    f = gradcore.function([X, y, w], T.sum((T.dot(X, w) - y) ** 2), mode="numpy")
    with pytest.raises(ArgumentError, match="different numbers of rows: X 11, y 10"):
        f.over({X: ROWS, y: LABELS[1:]})
    total = f.over({X: ROWS, y: LABELS}, rows=4)
    with pytest.raises(ValueError):
        total(np.ones(4))
    with pytest.raises(ArgumentError, match="missing"):
        total()
    with pytest.raises(ArgumentError, match="argument 'w'"):
        total(1.0)


def test_assertions_of_rows_and_of_totals_hold_of_all():
    positive = gradcore.function([y], T.sum(T.assert_op(y, T.all(y > 0))), mode="numpy")
    data = np.arange(1.0, 12)
    assert positive.over({y: data}, rows=4)() == data.sum()
    with pytest.raises(AssertionError):
        positive.over({y: data - 9}, rows=4)()
    each = gradcore.function([y], T.sum(T.assert_op(y, y > 0)), mode="numpy")
    assert each.over({y: data}, rows=4)() == data.sum()
    with pytest.raises(AssertionError):
        each.over({y: data - 9}, rows=4)()
    many = gradcore.function([y], T.sum(T.assert_op(y, y.shape[0] > 5)), mode="numpy")
    assert many.over({y: data}, rows=4)() == data.sum()
    with pytest.raises(AssertionError):
        many.over({y: data[:5]}, rows=4)()


def test_names_are_checked():
    f = gradcore.function([X, w], T.sum(T.dot(X, w)), mode="numpy")
    with pytest.raises(ArgumentError, match="no input 'Y'"):
        f.over({"Y": ROWS})
    with pytest.raises(ArgumentError, match="chunks are parts of"):
        s = T.tensor("s", "float64", (3, None))
        gradcore.function([s], T.sum(s), mode="numpy").over({s: ROWS})
    with pytest.raises(ArgumentError, match="batch="):
        f.over([ROWS])
    with pytest.raises(ArgumentError, match="rows=0"):
        f.over({X: ROWS}, rows=0)
    with pytest.raises(ArgumentError, match="10 rows in all, and the inputs have 11"):
        f.over({X: ROWS}, rows=[4, 6])
    shared = gradcore.shared(0.0, "s")
    with pytest.raises(ArgumentError, match="updates"):
        gradcore.function([X], T.sum(X), updates={shared: shared + 1}, mode="numpy").over({X: ROWS})


# where chunks come from ---------------------------------------------------------------------------
cost = gradcore.function(
    [X, y, w], {"loss": T.sum((T.dot(X, w) - y) ** 2), "n": y.shape[0]}, mode="numpy"
)


def test_arrays_need_not_be_in_memory(tmp_path):
    stored = np.memmap(tmp_path / "rows", "float64", "w+", shape=ROWS.shape)
    stored[:] = ROWS
    total = cost.over({"X": stored, "y": list(LABELS)}, rows=4)
    assert total.chunks.count == 3 and "X, y" in repr(total)
    found = total(w=POINT)
    assert set(found) == {"loss", "n"} and found["n"] == 11
    np.testing.assert_allclose(found["loss"], cost(ROWS, LABELS, POINT)["loss"], rtol=1e-13)


class Sliced:
    """What has a shape and is sliced, and notes the longest slice."""

    shape, dtype, longest = (1000, 3), np.dtype("float64"), 0

    def __getitem__(self, key):
        self.longest = max(self.longest, key.stop - key.start)
        return np.ones((min(key.stop, 1000) - key.start, 3))


def test_no_more_than_a_chunk_is_read_at_a_time(monkeypatch):
    source = Sliced()
    f = gradcore.function([X], T.sum(X, axis=0), mode="numpy")
    assert f.over({X: source}, rows=70)().tolist() == [1000.0] * 3
    assert source.longest == 70
    monkeypatch.setattr("gradcore.summing.chunks.CHUNK_BYTES", 24 * 50)
    assert f.over({X: source}).chunks.count == 20


def test_iterables_of_chunks():
    chunks = [(ROWS[:4], LABELS[:4]), (ROWS[4:], LABELS[4:])]
    wanted = cost(ROWS, LABELS, POINT)["loss"]
    for source in (chunks, iter(chunks), lambda: iter(chunks), (c for c in chunks)):
        assert np.isclose(cost.over(source, batch=[X, "y"])(POINT)["loss"], wanted)
    swapped = [{"y": b, X: a} for a, b in chunks]
    assert np.isclose(cost.over(swapped, batch=["y", "X"])(POINT)["loss"], wanted)
    once = cost.over(iter(chunks), batch=[X, y])
    once(POINT)
    with pytest.raises(ArgumentError, match="an iterator yields them once"):
        once(POINT)
    with pytest.raises(ArgumentError, match="there are no chunks"):
        cost.over([], batch=[X, y])(POINT)
    with pytest.raises(ArgumentError, match="lacks y"):
        cost.over([{"X": ROWS}], batch=[X, y])(POINT)
    with pytest.raises(ArgumentError, match="1 values, of 2"):
        cost.over([(ROWS,)], batch=[X, y])(POINT)


def test_an_iterator_cannot_be_read_twice():
    f = gradcore.function([X, w], T.grad(T.mean(T.dot(X, w) ** 2), w), mode="numpy")
    with pytest.raises(ArgumentError, match="needs 2 passes"):
        f.over(iter([ROWS]), batch=[X])
    wanted = f(ROWS, POINT)
    np.testing.assert_allclose(f.over(lambda: iter([ROWS]), batch=[X])(POINT), wanted)


def test_some_chunks():
    total = cost.over({X: ROWS, y: LABELS}, rows=4)
    assert total.of([2, 0])(POINT)["n"] == 7
    with pytest.raises(ArgumentError, match="from 0 to 2"):
        total.of([3])


def test_a_user_may_say_how_results_become_one():
    f = gradcore.function([y, w], [T.sort(y)[-1] + w.sum(), T.sort(y)[0]], mode="numpy")
    found = f.over({y: LABELS}, rows=3, combine=[np.maximum, np.minimum])([0.5])
    assert found == [LABELS.max() + 0.5, LABELS.min()]
    with pytest.raises(ArgumentError, match="for each of 2 results"):
        f.over({y: LABELS}, combine=[np.maximum])


def test_shared_variables_are_read_when_it_is_called():
    at = gradcore.shared(POINT, "at")
    f = gradcore.function([X], T.sum(T.dot(X, at) ** 2), mode="numpy")
    total = f.over({X: ROWS}, rows=4)
    np.testing.assert_allclose(total(), f(ROWS))
    at.set_value(2 * POINT)
    np.testing.assert_allclose(total(), f(ROWS))
    assert total.get_shared() == [at]


def test_parts_are_added_in_pairs():
    tree = in_pairs(([np.array(str(k), object)] for k in range(7)), [lambda a, b: f"({a}{b})"])
    assert str(tree[0]) == "(((01)(23))((45)6))"


def test_small_floats_are_added_in_wider_ones():
    x = T.fvector("x")
    data = np.full(3000, 0.1, "float32")
    f = gradcore.function([x], T.sum(x), mode="numpy")
    found = f.over({x: data}, rows=1)()
    assert found.dtype == "float32"
    assert found == np.float32(data.astype("float64").sum())


def test_the_same_chunks_give_the_same_bits():
    for rows in CHUNKS:
        total = cost.over({X: ROWS, y: LABELS}, rows=rows)
        assert total(POINT)["loss"].tobytes() == total(POINT)["loss"].tobytes()
