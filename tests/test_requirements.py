"""What ops require is checked whatever the optimizer does: the plain graph is the judge."""

import inspect
import itertools

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import ifelse
from gradcore.conformance.samples import all_samples, draw, sample_id
from gradcore.errors import ArraySizeError, GradcoreError, ScanError, ShapeError
from gradcore.graph import Constant, TensorType, Variable, ancestors
from gradcore.graph.extents import larger, smaller
from gradcore.ops.control import Assert
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.index_patterns import slice_extent
from gradcore.ops.scan import Scan
from gradcore.rewrite.symbols import Symbols, lower_bound

PLAIN = gradcore.Mode("numpy", optimizer=False)
CUDA = gradcore.Mode("cuda", runtime="host")
ERRORS = (ValueError, IndexError, AssertionError)

# Rows are checked by one rule: one of each number of operands stands for all.
ROWS = {"exp", "add", "switch"}
SAMPLES = [
    sample
    for sample in all_samples()
    if not isinstance(sample.op, Elementwise) or sample.op.name in ROWS
]


def open_variables(sample, values):
    """Return variables of which nothing but ranks and what stretches is known."""
    return [
        Constant(value)
        if arg.value is not None and value.ndim == 0 and value == -1
        else Variable(
            TensorType(value.dtype.name, tuple(1 if n == 1 else None for n in value.shape)),
            f"x{i}",
        )
        for i, (arg, value) in enumerate(zip(sample.operands, values, strict=True))
    ]


def spoiled(value, known):
    """Yield wrong values for an operand: other extents, other numbers where they are indices."""
    for axis in range(value.ndim):
        if value.shape[axis] != 1:
            yield np.concatenate([value, value], axis)
            yield np.take(value, [], axis)
            yield np.take(value, range(value.shape[axis] - 1), axis)
            yield np.take(value, [0], axis) if value.shape[axis] else value
    if known and value.dtype == bool:
        yield ~value
    elif known:
        limits = (np.finfo if value.dtype.kind == "f" else np.iinfo)(value.dtype)
        for wrong in np.unique(np.clip((-100, -2, 0, 1, 3, 100), limits.min, limits.max)):
            changed = value.copy()
            changed.flat[:1] = wrong
            yield changed


def total(y):
    return T.sum(T.cast(y, "float64"))


def in_loop(n):
    """Return a context: the op in the body of a loop, stacked and not read."""

    def context(op, x):
        def step(s, *inputs):
            return s + 1, total(first(op, inputs))

        (states, _), _ = gradcore.scan(
            step, outputs_info=[np.float64(0), None], non_sequences=list(x), n_steps=n
        )
        return states

    return context


def first(op, inputs):
    found = op(*inputs)
    return found[0] if isinstance(found, list) else found


def gradient(op, x):
    (wrt, *_) = [v for v in x if v.dtype == "float64" and not isinstance(v, Constant)]
    return T.grad(total(first(op, x)), wrt, disconnected_inputs="ignore")


CONTEXTS = {
    "zeros": lambda op, x: T.zeros_like(first(op, x)),
    "shape": lambda op, x: first(op, x).shape,
    "not chosen": lambda op, x: T.switch(True, 1.0, total(first(op, x))),
    "beside": lambda op, x: T.stack([total(first(op, x)), 1.0])[1],
    "part": lambda op, x: T.set_subtensor(T.zeros(3)[:], total(first(op, x)) * 0.0)[0],
    "gradient": gradient,
    "loop": in_loop(2),
    "loop of no steps": in_loop(0),
    "taken": lambda op, x: ifelse(True, T.zeros_like(total(first(op, x))), 1.0),
    "not taken": lambda op, x: ifelse(False, T.zeros_like(total(first(op, x))), 1.0),
}


def outcome(f, values):
    """Return the class of the error that a call raises, or None, and the result."""
    try:
        return None, f(*values)
    except ERRORS as error:
        return type(error), error


def as_caught(found, expected):
    """Return whether one class of errors, or None, may be raised where another one is."""
    if found is None or expected is None:
        return found is expected
    return issubclass(found, ERRORS[:1] if expected is ValueError else expected)


def compare(sample, context, modes, rng, limit=None):
    """Return how often the plain graph raised, after comparing modes with it."""
    values = [draw(arg, rng) for arg in sample.operands]
    x = open_variables(sample, values)
    try:
        out = CONTEXTS[context](sample.op, x)
    except (GradcoreError, ValueError):
        return None
    inputs = [v for v in x if not isinstance(v, Constant)]
    used = set(ancestors([out]))
    if not used.intersection(inputs):
        return None
    functions = [gradcore.function(inputs, out, m, on_unused_input="ignore") for m in modes]
    plain = gradcore.function(inputs, out, PLAIN, on_unused_input="ignore")
    raised = 0
    for k, (arg, v, value) in enumerate(zip(sample.operands, x, values, strict=True)):
        if isinstance(v, Constant):
            continue
        for wrong in [value, *list(spoiled(value, arg.value is not None))[:limit]]:
            given = [
                w if j != k else wrong.astype(value.dtype)
                for j, (u, w) in enumerate(zip(x, values, strict=True))
                if not isinstance(u, Constant)
            ]
            position = [u for u in x if not isinstance(u, Constant)].index(v)
            given[position] = wrong.astype(value.dtype)
            expected, result = outcome(plain, given)
            raised += expected is not None
            for f in functions:
                found, reported = outcome(f, given)
                if not as_caught(found, expected):
                    shapes = [(g.shape, g.tolist() if g.dtype != float else "") for g in given]
                    name = f.maker.backend.name
                    pytest.fail(f"{name}: {shapes}: plain {result!r}, found {reported!r}")
    return raised


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_numpy_raises_what_the_plain_graph_raises(sample, context, rng):
    compare(sample, context, ["numpy"], rng)


CLASSES = list({type(s.op): s for s in SAMPLES}.values())


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("sample", CLASSES, ids=sample_id)
def test_c_raises_what_the_plain_graph_raises(sample, context, rng):
    compare(sample, context, ["c"], rng)


@pytest.mark.parametrize("context", ["gradient", "loop", "taken"])
@pytest.mark.parametrize("sample", CLASSES, ids=sample_id)
def test_cuda_raises_what_the_plain_graph_raises(sample, context, rng):
    compare(sample, context, [CUDA], rng)


@pytest.mark.parametrize("context", ["zeros", "gradient", "loop"])
@pytest.mark.parametrize("sample", CLASSES, ids=sample_id)
def test_of_two_wrong_operands_the_first_raises(sample, context, rng):
    """The first requirement that is not met, in the order of the graph as written."""
    values = [draw(arg, rng) for arg in sample.operands]
    x = open_variables(sample, values)
    places = [k for k, v in enumerate(x) if not isinstance(v, Constant)]
    try:
        out = CONTEXTS[context](sample.op, x)
    except (GradcoreError, ValueError):
        return
    inputs = [x[k] for k in places]
    modes = [PLAIN, "numpy", "c"]
    plain, *functions = [gradcore.function(inputs, out, m, on_unused_input="ignore") for m in modes]
    for i, j in itertools.combinations(places, 2):
        pairs = itertools.product(
            *(list(spoiled(values[k], sample.operands[k].value is not None))[-4:] for k in (i, j))
        )
        for a, b in pairs:
            changed = {i: a.astype(values[i].dtype), j: b.astype(values[j].dtype)}
            given = [changed.get(k, values[k]) for k in places]
            expected, result = outcome(plain, given)
            for f in functions:
                found, reported = outcome(f, given)
                assert as_caught(found, expected), (given, result, reported)


# the contexts that the optimizer looks into -----------------------------------------------------
def raised(f, *values):
    with pytest.raises(ERRORS) as caught:
        f(*values)
    return caught.value


def line():
    return inspect.currentframe().f_back.f_lineno


MODES = ["numpy", "c", CUDA]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_the_line_is_that_of_the_node_that_is_gone(mode):
    x, y = T.dvectors("x", "y")
    gone, where = x + y, line()
    f = gradcore.function([x, y], gone.shape[0] * 2, mode=mode)
    error = raised(f, [1.0], [1.0, 2.0])
    assert type(error) is ShapeError and error.where.line == where
    assert "x" in error.what and "y" in error.what
    part, where = x[5], line()
    error = raised(gradcore.function([x], T.zeros_like(part), mode=mode), [1.0])
    assert type(error) is IndexError and f":{where}," in "".join(error.__notes__)


def test_what_fits_is_not_changed():
    """Where the graph still implies all that was required, nothing is added to it."""
    x, y = T.dvectors("x", "y")
    A, i = T.dmatrix("A"), T.lvector("i")
    for out in (
        T.grad(T.sum(x**2), x),
        T.grad(T.sum(1 / (1 + T.exp(-A))), A),
        T.grad(T.sum(T.tanh(T.dot(A, x) + y) ** 2), [A, x, y])[0],
        T.sum(x[1:] * x[:-1]),
        x[T.argsort(x)],
        x[x > 0],
        x[::-1][0],
        x[1:][0],
        A[T.arange(i.shape[0]), i],
        T.hessian(T.sum(x**3), x),
        gradcore.scan(lambda k, v: v[k] * 2, sequences=T.arange(x.shape[0]), non_sequences=x)[0],
        ifelse(x[0] > 0, x, x * 2),
    ):
        f = gradcore.function([x, y, A, i], out, mode="numpy", on_unused_input="ignore")
        assert not [n for n in f.maker.fgraph.nodes if isinstance(n.op, Assert)], gradcore.pp(f)


def test_a_retained_check_passes_over_no_array():
    """The generated code compares extents once, and has no loop more than without the check."""
    x, y = T.dvectors("x", "y")
    checked = gradcore.function([x, y], T.grad(T.sum(x**3 + y), x), mode="c")
    free = gradcore.function([x], T.grad(T.sum(x**3), x), mode="c")
    assert checked.source.count("for (") == free.source.count("for (")
    assert type(raised(checked, [1.0, 2.0], [1.0])) is ShapeError
    assert checked([1.0, 2.0], [1.0, 2.0]).tolist() == [3, 12]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_extents_that_are_only_multiplied(mode):
    n, m = T.lscalars("n", "m")
    for out in (T.ones((n, m)).sum(), T.ones((n, m)).shape, T.zeros((n, m)).mean(axis=0).sum()):
        f = gradcore.function([n, m], out, mode=mode)
        f(3, 2)
        for wrong in ((-3, 2), (-3, -2), (2, -1)):
            assert type(raised(f, *wrong)) is ShapeError
        assert type(raised(f, 2**40, 2**40)) is ArraySizeError


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_each_step_is_checked(mode):
    x, i, n = T.dvector("x"), T.lvector("i"), T.lscalar("n")
    f = gradcore.function(
        [x, i],
        gradcore.scan(lambda k, v: v[k] * 0, sequences=i, non_sequences=x)[0],
        mode=mode,
    )
    assert f([1.0, 2.0], [0, -1, 1]).tolist() == [0, 0, 0] and f([], []).shape == (0,)
    assert type(raised(f, [1.0, 2.0], [0, 1, 2])) is IndexError
    (counted, _), _ = gradcore.scan(
        lambda k, v: (k + 1, v[k]), outputs_info=[n, None], non_sequences=x, n_steps=3
    )
    f = gradcore.function([x, n], counted, mode=mode)
    assert f(np.ones(3), 0).tolist() == [1, 2, 3]
    assert type(raised(f, np.ones(3), 1)) is IndexError
    short, _ = gradcore.scan(lambda e: e * 2, sequences=x, n_steps=n)
    f = gradcore.function([x, n], short.shape[0], mode=mode)
    assert f(np.ones(3), 2) == 2
    assert type(raised(f, np.ones(3), 4)) is ScanError
    assert type(raised(f, np.ones(3), -1)) is ScanError


def test_a_loop_that_is_known_to_take_no_step_requires_nothing(everywhere):
    x, s, v = T.dmatrix("x"), T.dvector("s"), T.dvector("v")
    out, _ = gradcore.scan(
        lambda row, state, v: row + v + state,
        sequences=x,
        outputs_info=s,
        non_sequences=v,
        n_steps=0,
    )
    f = gradcore.function([x, s, v], T.grad(out.sum(), x).sum(), mode=everywhere)
    assert f(np.ones((2, 3)), np.ones(3), np.ones(4)) == 0


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_more_steps_than_an_extent_can_be(mode):
    x = T.dvector("x")
    steps = T.constant(np.uint64(2**63 + 1))
    out, _ = gradcore.scan(lambda e: (e, gradcore.until(e > 1)), x, n_steps=steps)
    f = gradcore.function([x], out[-1:].shape, mode=mode)
    assert type(raised(f, np.ones(3))) is ScanError


@pytest.mark.parametrize("mode", [*MODES, "DebugMode"], ids=str)
def test_a_branch_is_checked_where_it_is_taken(mode):
    x, n, m = T.dvector("x"), T.lscalar("n"), T.lscalar("m")
    inner = ifelse(m > 0, T.zeros_like(x[n]), T.constant(1.0))
    f = gradcore.function([x, n, m], ifelse(n > 0, inner, T.constant(2.0)), mode=mode)
    assert f([1.0], -5, 1) == 2 and f([1.0], 5, -1) == 1 and f(np.ones(9), 5, 1) == 0
    assert type(raised(f, [1.0], 5, 1)) is IndexError


def of_length(n):
    return T.cast(T.arange(n), "float64")


# Once `zero` is folded to 0, each of these is known not to fit.
KNOWN_UNFIT = {
    "add": lambda zero: of_length(zero + 4) + of_length(zero + 5),
    "dot": lambda zero: T.dot(of_length(zero + 4), of_length(zero + 5)),
    "write": lambda zero: T.set_subtensor(of_length(zero + 4)[:], of_length(zero + 5)),
    "index": lambda zero: of_length(zero + 4)[zero + 4],
    "mask": lambda zero: of_length(zero + 4)[of_length(zero + 5) > 2],
    "join": lambda zero: T.concatenate([T.eye(zero + 2), T.eye(zero + 3)]),
    "reshape": lambda zero: of_length(zero + 6).reshape((zero + 4, 2)),
    "specified": lambda zero: T.specify_shape(of_length(zero + 4), (5,)),
    "maximum": lambda zero: of_length(zero).max(),
    "repeat": lambda zero: T.repeat(of_length(zero + 4), zero - 1),
    "slice of a negative extent": lambda zero: T.zeros((zero - 1, zero + 3))[:0],
    "step": lambda zero: of_length(zero + 4)[::zero],
    "steps": lambda zero: gradcore.scan(
        lambda q: q * 2, outputs_info=T.constant(1.0), n_steps=zero - 1
    )[0],
    "sequences": lambda zero: gradcore.scan(
        lambda q: q * 2, sequences=of_length(zero + 4), n_steps=zero + 5
    )[0],
}


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("name", KNOWN_UNFIT)
def test_what_folding_shows_to_be_wrong_is_an_error_when_it_runs(name, mode):
    n, m = T.lscalars("n", "m")
    out = KNOWN_UNFIT[name](n - n)
    chosen = ifelse(m > 0, out.sum(), T.constant(2.0))
    steps, _ = gradcore.scan(lambda k: KNOWN_UNFIT[name](k - k).sum(), sequences=T.arange(m))
    f = gradcore.function([n, m], [chosen, steps.sum()], mode=mode)
    assert f(7, 0) == [2, 0]
    assert isinstance(raised(f, 7, 1), ERRORS)
    assert isinstance(raised(gradcore.function([n], out, mode=mode), 7), ERRORS)


def test_an_error_that_only_a_derivative_would_lose():
    x, y, v = T.dvectors("x", "y", "v")
    for out in (
        T.grad(T.sum(x * 2 + y), x),
        T.jacobian(x + y, x),
        T.hessian(T.sum(x * x + y), x),
        T.Rop(T.exp(x + y), x, v),
    ):
        f = gradcore.function([x, y, v], out, mode="numpy", on_unused_input="ignore")
        f([1.0, 2.0], [1.0, 2.0], [1.0, 2.0])
        assert type(raised(f, [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0])) is ShapeError


@pytest.mark.parametrize("mode", [PLAIN, *MODES, "torch", "jax"], ids=str)
def test_arrays_of_indices_stretch_only_if_that_is_known(mode):
    x, i, j = T.dmatrix("x"), T.lvector("i"), T.lvector("j")
    if mode in ("torch", "jax"):
        pytest.importorskip(mode)
    f = gradcore.function([x, i, j], x[i, j] * 2, mode=mode)
    assert f(np.ones((2, 3)), [0, 1], [2, 2]).tolist() == [2, 2]
    assert type(raised(f, np.ones((2, 3)), [0], [1, 2])) is IndexError


# loops ------------------------------------------------------------------------------------------
def halving(until, n, start):
    """Return a state and what is stacked beside it, of a loop that may stop."""
    (state, rows), _ = gradcore.scan(
        lambda q, r: ([0.5 * q + 1, q * r], gradcore.until(until(q))),
        outputs_info=[start, T.constant(1.0)], n_steps=n,
    )  # fmt: skip
    return state, rows


def looked_up(n, start, table):
    """Return a state that steps through a table, and what is found there."""
    (state, rows), _ = gradcore.scan(
        lambda k, x: ([(k * 2 + 1) % 7, x[k]], gradcore.until(k > 100)),
        outputs_info=[start, None], non_sequences=table, n_steps=n,
    )  # fmt: skip
    return state, rows


def loops_that_stop():
    """Yield inputs, outputs, and how many loops are enough for them."""
    n, k, x, a = T.lscalar("n"), T.lscalar("k"), T.dvector("x"), T.dscalar("a")
    state, rows = halving(lambda q: q > 1.9, n, a)
    yield "last", [n, a], [state[-1]], 1
    yield "another", [n, a], [rows[-1]], 1
    yield "extent", [n, a, x], [(state + x).shape[0], rows[-1]], 1
    yield "gradient", [n, a], [T.grad(rows[-1], a)], 2
    (state, rows) = looked_up(n, k, x)
    yield "index", [n, k, x], [state[-1]], 1
    yield "index of a gradient", [n, k, x], [T.grad(rows.sum(), x)], 2
    stops, _ = gradcore.scan(lambda e: (T.exp(e), gradcore.until(e > a)), sequences=x)
    yield "count alone", [x, a], [stops.shape[0]], 1
    yield "gradient of a stack", [x, a], [T.grad(stops.sum(), x)], 1


@pytest.mark.parametrize(
    ("inputs", "outputs", "enough"),
    [pytest.param(*found, id=name) for name, *found in loops_that_stop()],
)
def test_no_loop_runs_twice_for_what_is_checked(inputs, outputs, enough):
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    assert sum(isinstance(node.op, Scan) for node in graph.nodes) == enough


def test_a_loop_that_may_stop_takes_a_step(everywhere):
    """The last of no steps is out of bounds, of any number else it is there."""
    n, a, x = T.lscalar("n"), T.dscalar("a"), T.dvector("x")
    state, rows = halving(lambda q: q > 1.9, n, a)
    f = gradcore.function([n, a], [state[-1], rows[-1]], mode=everywhere)
    assert [float(v) for v in f(1, 5.0)] == [3.5, 5.0] == [float(v) for v in f(9, 5.0)]
    assert [float(v) for v in f(2, 0.0)] == [1.5, 0.0]
    assert type(raised(f, 0, 0.0)) is IndexError
    assert type(raised(f, -1, 0.0)) is ScanError
    stops, _ = gradcore.scan(lambda e: (T.exp(e), gradcore.until(e > a)), sequences=x)
    f = gradcore.function([x, a], stops.shape[0], mode=everywhere)
    assert [int(f(given, 1.0)) for given in ([0.0, 2.0, 3.0], [0.0], [])] == [2, 1, 0]
    f = gradcore.function([x, a], stops[-1], mode=everywhere)
    assert f([0.0, 2.0, 3.0], 1.0) == np.exp(2.0)
    assert type(raised(f, [], 1.0)) is IndexError


# symbols ----------------------------------------------------------------------------------------
def test_equal_expressions_are_one_symbol():
    symbols = Symbols()
    m, n = (symbols.extent(symbols.value(name, False), 0) for name in "mn")
    k = symbols.scalar("k", False, False)
    assert m + n is n + m and (m * n) * 2 is 2 * (n * m) and m + 0 is m and m - m == 0
    assert larger(m - 1, 0) is larger(m + (-1), 0) and larger(m, 0) is m
    assert larger(k, 0) is not k and smaller(m * 0, n) == 0
    assert slice_extent(m, None, m, None) is m and slice_extent(m, 0, None, 1) is m
    assert lower_bound(larger(m - 1, 0), 1) == (m, 2) and lower_bound(larger(m - 1, 0), 0)[1] == 0
    assert (m + n + 2).least == 2 and (m - n).least is None and not k.of_arrays
    steps = smaller(larger(k, 0), larger(m, 1))
    assert steps.least == 0 and lower_bound(steps, 1) == (k, 1) and smaller(steps, n) is not n
    assert smaller(steps, larger(k, 0)) is steps and lower_bound(steps, 2) == (steps, 2)
