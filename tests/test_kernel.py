"""Programs of loops, interpreted: they give what NumPy gives, and wrong ones are caught."""

from fnmatch import fnmatch

import long_sums
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_random_graphs import SHAPED, compiled, graphs

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.conformance.case import DERIVED, Level, Mismatch
from gradcore.conformance.cases import cases
from gradcore.conformance.programs import PROGRAMS
from gradcore.graph import free_inputs
from gradcore.kernel import uses
from gradcore.kernel.collapse import collapsed
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    For,
    Let,
    Load,
    Program,
    Store,
    Symbol,
    integer,
    loads,
)
from gradcore.kernel.passes import passed
from gradcore.kernel.pipeline import program
from gradcore.kernel.registers import stores_forwarded
from gradcore.kernel.strips import in_strips
from gradcore.kernel.target import CPU, CpuTarget, Target
from gradcore.ops.elementwise import ENTRIES
from gradcore_c.backend import CBackend
from gradcore_c.printing import PASSES

LARGE = ("called-*", "long-*", "value-sum-edge-*")
"""Cases of 1,025 to 100,003 elements: Python takes minutes for them, and adds without lanes."""
ALIKE = 4
"""Of elementwise ops, which are loops alike, the core has every fourth case."""
CASES = {}
for case in cases(Level.CORE):
    if not any(fnmatch(case.id, pattern) for pattern in LARGE):
        CASES.setdefault(case.op, []).append(case)
for op in CASES.keys() & {entry.label() for entry in ENTRIES.values()}:
    CASES[op] = CASES[op][::ALIKE]


class Interpreted(CBackend):
    """C's programs of graphs, interpreted; functions of libraries are those that C calls."""

    name = "interpreted"

    def compile(self, graph, profile=None, fallback=()):
        return interpret(self.lowered(graph, fallback))


@pytest.fixture(scope="module")
def mode():
    hook = staticmethod(plugins.hookimpl(lambda: [Interpreted()]))
    plugins.register(type("plugin", (), {"gradcore_backends": hook}), "interpreted")
    yield gradcore.Mode("interpreted")
    plugins.unregister("interpreted")


@pytest.mark.parametrize("op", CASES)
@pytest.mark.usefixtures("little_longer")
def test_conformance(op, mode, part_of):
    """Every op, loop and program, with its derivatives, gives what the reference gives."""
    found = {}
    for case in part_of(CASES[op]):
        try:
            case.run(mode)
        except Mismatch as error:
            found[case.id] = str(error)
    assert not found


def same(f, g, values):
    """Hold two functions to the same results, or to failing both (at whichever check is first).

    Returns their exceptions, or None.
    """
    try:
        wanted = f(*values)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the values
        with pytest.raises(Exception) as found:
            g(*values)
        assert found.type is not AssertionError
        return error, found.value
    for a, b in zip(wanted, g(*values), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(b, a)
            continue
        unit = np.finfo(a.dtype).eps / np.finfo("float64").eps
        scale = max(1.0, np.abs(a[np.isfinite(a)], dtype=float).max(initial=0))
        np.testing.assert_allclose(b, a, rtol=DERIVED * unit, atol=DERIVED * unit * scale)
    return None


def both(inputs, outputs, mode="numpy", strips=None):
    f = compiled(inputs, outputs, mode)
    made = program(f.maker.fgraph)
    return f, interpret(in_strips(made, strips) if strips else made)


def resized(values, sizes):
    """Return values of other extents: ``sizes`` says which extent becomes which."""
    for v in values:
        shape = tuple(sizes.get(n, n) for n in v.shape)
        yield np.resize(v, shape).astype(v.dtype) if 0 not in shape else np.zeros(shape, v.dtype)


def order(x):
    """Return an order of the first axis that depends on values."""
    return T.argsort(x.reshape((x.shape[0], -1)).sum(1))


def stopped(x):
    """Return the rows of a loop that may stop."""
    out, _ = gradcore.scan(
        lambda e, s: (T.sin(s * e) + e, gradcore.until((s + e).sum() > 1)), x, T.ones_like(x[0])
    )
    return out


def nested(x):
    """Return a loop over rows of a loop over the elements of each, forward and back."""

    def inner(e, s):
        return T.tanh(e + s)

    def outer(row, s):
        states, _ = gradcore.scan(inner, row.flatten(), s, go_backwards=True)
        return states[-1] + states.sum() / 9, states * s

    (_, stacks), _ = gradcore.scan(outer, x, [T.constant(0.1), None])
    return stacks


MORE = [
    *SHAPED, stopped, nested, lambda x: x[order(x)], lambda x: x[x > 0], lambda x: T.dot(x, x.T),
    lambda x: T.set_subtensor(x[order(x)[:1]], 0.5), lambda x: T.inc_subtensor(x[[0, 0, -1]], 2.0),
    lambda x: T.inc_subtensor(x[order(x)], T.sin(x)), lambda x: T.argmax(x, -1) + x.sum(-1),
    lambda x: T.ifelse(x.sum() > 0, x, x[::-1] * 2), lambda x: x[T.nonzero(x)[0]],
    lambda x: T.ifelse(x.sum() > 0, x * x, x[:-1]), lambda x: x.reshape((x.shape[0], -1)),
    lambda x: T.matmul(x[..., ::-1], T.tanh(x)), lambda x: x.reshape(x.shape[::-1]),
    lambda x: T.zeros((x.shape[0] + 1, x.shape[-1])), lambda x: T.repeat(x, order(x), axis=0),
    lambda x: T.set_subtensor(x[1:], x[:-1]), lambda x: T.argmin(x, 0) * x, lambda x: x[:1] + x[-1],
]  # fmt: skip


def inside(outputs):
    """Return some of the variables that outputs are computed from."""
    variables = [v for v in gradcore.graph.ancestors(outputs) if v.owner is not None]
    return variables[:: 1 + len(variables) // 4]


@settings(max_examples=300)
@given(
    graphs(MORE),
    st.booleans(),
    st.booleans(),
    st.fixed_dictionaries({n: st.sampled_from([0, 1, 2, 3, 5]) for n in (2, 3)}),
)
def test_random_graphs(graph, optimized, stripped, sizes):
    """Value and gradient, at the extents that are drawn and at others."""
    inputs, values, expression = graph
    wrt = [v for v in inputs if v in free_inputs([expression])]
    outputs = [expression, *T.grad(expression.sum(), wrt, disconnected_inputs="ignore")]
    outputs += inside(outputs)
    f, g = both(inputs, outputs, gradcore.Mode("numpy", optimized), CPU if stripped else None)
    same(f, g, values)
    others = list(resized(values, sizes))
    if all(v.type.admits(a.shape) for v, a in zip(inputs, others, strict=True)):
        try:
            same(f, g, others)
        except IndexError:  # of a loop that takes no step: a function runs the graph as written
            if 0 not in sizes.values():
                raise


@pytest.mark.parametrize("name", PROGRAMS)
def test_other_extents(name):
    """A program of unknown extents runs at all of them: nothing, one, more."""
    built = PROGRAMS[name]()
    f, g = both(built.inputs, built.outputs)
    sizes = sorted({n for v in built.values for n in v.shape})
    for n in sizes:
        for m in (0, 1, 7):
            others = list(resized(built.values, {n: m}))
            same(f, g, others)


class Doubled(gradcore.Op):
    """A user's own op, of unknown extents."""

    def make_node(self, v):
        return gradcore.Apply(self, [v], [v.type()])

    def perform(self, node, inputs, storage):
        storage[0][0] = 2 * inputs[0]


V, M, N = T.dvector("V"), T.dmatrix("M"), T.lvector("N")
SPECIAL = {
    "one index": ([V], lambda: [V[[1]], T.inc_subtensor(V[[1]], 2.0)]),
    "no elements": ([V], lambda: [V[:0].sum(), T.prod(V[:0]), T.concatenate([V[:0], V]), V.sum()]),
    "the same twice": ([V], lambda: [V, V, V.reshape((1, -1)), V * 1]),
    "a long chain": ([V], lambda: chain(V, 200)),
    "many views": ([V], lambda: [views(V, 100)]),
    "a user's op": ([V], lambda: [Doubled()(V) + 1, T.stack([Doubled()(V), V])]),
    "a user's op in a loop": (
        [M],
        lambda: gradcore.scan(lambda r: Doubled()(r) * r, M, return_list=True)[0],
    ),
    "extents told by a step": (
        [N],
        lambda: gradcore.scan(lambda k: T.arange(k + 1)[-1:], N, return_list=True)[0],
    ),
    "extents that change": (
        [N],
        lambda: gradcore.scan(lambda k: T.arange(k), N, return_list=True)[0],
    ),
    "states that swap": (
        [M],
        lambda: gradcore.scan(lambda r, a, b: (b, a + r), M, [M[0], M[1]], return_list=True)[0],
    ),
    "states that only swap": (
        [M],
        lambda: gradcore.scan(lambda r, a, b: (b, a), M, [M[0], M[1]], return_list=True)[0],
    ),
    "order matters": ([V], lambda: [T.set_subtensor(V[[0, 1, 0]], V[:3])]),
    "out of bounds": ([V], lambda: [V[[0, 7]]]),
    "extents differ": ([V, N], lambda: [V + N]),
    "inner extents differ": ([V, M], lambda: [T.dot(M, V)]),
    "max of nothing": ([V], lambda: [T.max(V[:0])]),
    "an assertion": ([V], lambda: [T.assert_op(V, T.all(V > 0))]),
    "too few elements": (
        [V],
        lambda: gradcore.scan(lambda e: e, V, n_steps=9, return_list=True)[0],
    ),
}
GIVEN = {V: [1.0, -2.0, 0.5], M: np.arange(8.0).reshape(4, 2), N: [1, 0, 2, 3]}


def log_of_sums(x):
    return T.log(1 + T.sum(x**2, axis=1))


ROWS = {
    "a number a row": log_of_sums,
    "a number between loops": lambda x: T.exp(-T.mean(x, axis=1, keepdims=True)) * x,
    "sums of it, and of columns": lambda x: T.sum(log_of_sums(x)[:, None] * x, axis=0),
    "softmax": T.softmax,
    "its logarithm": T.log_softmax,
    "a choice": lambda x: T.switch(T.sum(x, axis=1) > 0, T.sin(T.sum(x, axis=1)), 0.5)[:, None] * x,
    "a row of temporaries": lambda x: T.cumsum(x, axis=1) * T.tanh(T.sum(x, axis=1))[:, None],
}


@pytest.mark.parametrize("name", ROWS)
def test_strips(name):
    """Fewer rows than a strip has, and more; rows that are too long for one."""
    x = T.dmatrix("x")
    y = ROWS[name](x)
    f, g = both([x], [y, T.grad(T.sum(y * T.cos(y)), x)], strips=CpuTarget(strip_elements=30))
    for shape in ((0, 3), (1, 4), (15, 3), (16, 2), (33, 3), (18, 31)):
        same(f, g, [np.random.default_rng(0).normal(size=shape)])


def test_where_strips_pay():
    """Loops with a function once a step have them, and others are left alone."""
    x, y = T.dmatrix("x"), T.dvector("y")

    def stripped(expression):
        made = program(gradcore.function([x, y], expression, mode="numpy").maker.fgraph)
        return in_strips(made, CPU).body != made.body

    assert stripped(log_of_sums(x) * y)
    assert not stripped(T.sum(x, axis=1) * y)
    assert not stripped(T.exp(x) * y)
    assert not stripped(T.log(y) * x)


OTHER = T.dtensor3("other")
COLLAPSED = {
    "elements": (lambda x, v: T.exp(x) * x, 1),
    "equal extents": (lambda x, v: x * T.switch(OTHER > 0, OTHER, x), 1),
    "a choice": (lambda x, v: T.switch(x > 0, x, T.sum(x, axis=(1, 2), keepdims=True)), 2),
    "sums over all": (lambda x, v: T.sum(x * x), 1),
    "sums over the last": (lambda x, v: T.sum(x * x, axis=(1, 2)), 2),
    "sums over the first": (lambda x, v: T.sum(x * x, axis=0), 3),
    "sums in between": (lambda x, v: T.max(x, axis=1), 3),
    "a vector along the last axis": (lambda x, v: x + v, 2),
    "a vector along the first axis": (lambda x, v: x + v.dimshuffle(0, "x", "x"), 2),
    "a transpose": (lambda x, v: x.dimshuffle(0, 2, 1) * 2, 3),
    "a part": (lambda x, v: x[:, 1:, 1:] * 2, 3),
    "indices": (lambda x, v: T.argmax(x, axis=2), 3),
    "a running total": (lambda x, v: T.cumsum(x, axis=2), 2),
}


def depth(body):
    """Return how many loops are around each other."""
    return max(
        (isinstance(s, For) + max(map(depth, s.blocks()), default=0) for s in body), default=0
    )


@pytest.mark.parametrize("name", COLLAPSED)
def test_loops_over_neighbouring_axes_are_one(name):
    """Where elements lie one after the other; all give the same."""
    inputs = x, v, _ = T.dtensor3("x"), T.dvector("v"), OTHER
    expression, loops = COLLAPSED[name]
    y = expression(x, v)
    alone = program(compiled(inputs, [y], "numpy").maker.fgraph)
    assert depth(collapsed(alone, CPU).body) == loops
    f = compiled(inputs, [y, T.grad(T.sum(T.sin(y)), x)] if y.dtype == "float64" else [y], "numpy")
    g = interpret(collapsed(program(f.maker.fgraph), CPU))
    rng = np.random.default_rng(0)
    for shape in ((2, 3, 4), (1, 1, 5), (0, 2, 3), (3, 2, 1)):
        length = shape[0 if "first axis" in name else 2]
        same(f, g, [rng.normal(size=shape), rng.normal(size=length), rng.normal(size=shape)])


def outer_loops(inputs, outputs):
    """Return the loops that a function of these would run, one after the other."""
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    return [s for s in program(graph, Target(share_rows=False)).body if isinstance(s, For)]


def test_terms_without_a_common_part_fuse():
    x, y = T.dvectors("x", "y")
    assert len(outer_loops([x, y], T.exp(x) + T.exp(y))) == 1


def test_what_needs_no_order_stays_out_of_loops_that_do():
    x, y = T.dvectors("x", "y")
    loops = outer_loops([x, y], [T.cumsum(x), T.exp(y) + x.shape[0]])
    assert sorted(loop.ordered for loop in loops) == [False, True]


def test_what_is_used_late_is_computed_late():
    """Not where the first loop over such rows is, which would keep a row of it for the last."""
    x, gain, t = T.dmatrix("x"), T.dvector("gain"), T.dmatrix("t")
    weights = t * gain
    normal = x / T.sum(x, axis=1, keepdims=True)
    (rows,) = outer_loops([x, gain, t], weights * T.exp(normal))
    assert not any(isinstance(s, Allocate) for s in rows.body)


def test_which_loops_fuse_does_not_depend_on_the_order_of_nodes():
    """That ``t`` is as large as ``x`` is needed before the first node that tells it."""
    x, gain, t = T.dmatrix("x"), T.dvector("gain"), T.dmatrix("t")
    centred = x - T.mean(x, axis=1, keepdims=True)
    y = centred / T.sqrt(T.mean(centred**2, axis=1, keepdims=True) + 1e-5) * gain
    loops = outer_loops([x, gain, t], [y, *T.grad(T.sum(y * t), [x, gain])])
    assert len([loop for loop in loops if any(isinstance(s, For) for s in loop.body)]) == 1


def chain(v, length):
    """Return parts of a long chain of ops, in which more than one loop is full."""
    found = [v]
    while len(found) < length:
        found.append(T.sin(found[-1]) + found[len(found) // 2])
    return found[:: length // 5]


def views(v, depth):
    for k in range(depth):
        v = T.concatenate([v[::-1], v[:1]])[1:] if k % 30 == 29 else v[::-1].dimshuffle(0)
    return v


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("optimized", [False, True])
def test_special(name, optimized):
    inputs, build = SPECIAL[name]
    f, g = both(inputs, build(), gradcore.Mode("numpy", optimized))
    errors = same(f, g, [np.asarray(GIVEN[v], v.dtype) for v in inputs])
    assert errors is None or isinstance(errors[1], type(errors[0])), errors


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 5, 8, 9, 30])
@pytest.mark.parametrize("name", long_sums.PROGRAMS)
def test_sums_in_blocks(name, rows):
    """Programs whose sums go in blocks give the same, for fewer and more terms than a block has."""
    small = CpuTarget(block_terms=4, block_rows=3)
    output, _ = long_sums.PROGRAMS[name]
    f = compiled([long_sums.x], output, "numpy")
    g = interpret(passed(program(f.maker.fgraph), PASSES, small))
    same(lambda *a: [f(*a)], g, [np.random.default_rng(2).random((rows, 3), dtype="f")])


def test_loops_read_no_element_that_a_step_has_stored():
    """They read a register, and give the same."""
    x, w = T.dvector("x"), T.dmatrix("w")
    y = T.exp(x)
    given = [np.arange(2.0), np.arange(6.0).reshape(2, 3)]
    f = compiled([x, w], [y, w * y.dimshuffle(0, "x")], "numpy")
    before = program(f.maker.fgraph)
    after = stores_forwarded(before, CPU)
    reads = [
        [x.buffer.name for s in p.body if isinstance(s, For) for x in loop_loads(s)]
        for p in (before, after)
    ]
    assert "exp" in reads[0]
    assert "exp" not in reads[1]
    same(f, interpret(after), given)


def loop_loads(s):
    """Return what the loops in a loop load."""
    return [x for inner in s.body if isinstance(inner, For) for x in read_elements(inner.body)]


def read_elements(body):
    return [x for s in uses.inside(body) for e in s.expressions() for x in loads(e)]


STEP, K = Symbol("i"), Symbol("k")
ONE_ROW, SQUARES, POINTED = (
    Buffer(name, "float64", (integer(3),), role)
    for name, role in (("a", "work"), ("b", "work"), ("p", "pointer"))
)
HALF = Buffer("h", "float16", (integer(3),))


@pytest.mark.parametrize(
    ("where", "step", "read"),
    {
        "as it is": (STEP, [], False),
        "stored again": (STEP, [Store(ONE_ROW, (STEP,), Load(SQUARES, (STEP,)))], True),
        "stored in the loop": (STEP, [For(K, integer(3), [Store(ONE_ROW, (K,), STEP)])], True),
        "through a pointer": (STEP, [Store(POINTED, (STEP,), STEP)], True),
        "its index is set": (K, [Let(K, STEP + 1, fresh=False)], True),
        "its index is stored": (Load(SQUARES, (STEP,)), [Store(SQUARES, (STEP,), STEP)], True),
    }.values(),
)
def test_elements_that_may_change_are_read(where, step, read):
    loop = For(Symbol("j"), integer(3), [Store(SQUARES, (STEP,), Load(ONE_ROW, (where,)))])
    body = [Store(ONE_ROW, (where,), Load(HALF, (STEP,))), *step, loop]
    before = Program([], [], [], [For(STEP, integer(3), body, True)], [], [], "")
    assert (str(stores_forwarded(before, CPU)) == str(before)) is read


def test_elements_that_are_stored_in_less_precision_are_read():
    read = For(Symbol("j"), integer(3), [Store(SQUARES, (STEP,), Load(HALF, (STEP,)))])
    body = [Store(HALF, (STEP,), Load(ONE_ROW, (STEP,))), read]
    before = Program([], [], [], [For(STEP, integer(3), body)], [], [], "")
    assert str(stores_forwarded(before, CPU)) == str(before)
