"""Passes on launches for CUDA: threads are simulated, in any number and order, after each."""

import re
from dataclasses import replace

import cuda_programs
import numpy as np
import pytest
import test_cuda_scans
from test_cuda_passes import lowered

import gradcore
import gradcore.tensor as T
from gradcore.kernel.device import (
    GROUPS,
    LANES,
    THREADS,
    Barrier,
    Combine,
    CountVectors,
    Distributed,
    Grid,
    Launch,
    LoadVector,
    Prefix,
    Private,
    Reload,
    Rounds,
    Shared,
    Single,
    Spill,
)
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Buffer,
    For,
    Let,
    Literal,
    Load,
    Program,
    Store,
    Symbol,
    integer,
)
from gradcore.kernel.simulate import simulate
from gradcore.kernel.team import Size
from gradcore.kernel.uses import inside, rewritten
from gradcore.ops.elementwise import entry
from gradcore_cuda.analyses import Facts
from gradcore_cuda.passes import LAUNCHES, prepared
from gradcore_cuda.passes.arguments import with_arguments
from gradcore_cuda.passes.dead_stores import dead_stores_dropped
from gradcore_cuda.passes.registers import PLACES, used
from gradcore_cuda.passes.schedule import Work
from gradcore_cuda.target import GPU

M, N = T.dmatrices("M", "N")
v = T.dvector("v")
at = T.lvector("at")

FIRST = [change.__name__ for change in LAUNCHES].index("registers_loaded")
"""The pass after which a launch says all that its threads need."""

total, other = Symbol("total", "float64"), Symbol("other", "float64")

SIZES = [
    Size(1, 1, 1, "forward"),
    Size(2, 2, 4, "mixed"),
    Size(3, 1, 7, "backward", fits=False),
    Size(2, 1, 8, "forward", aligned=False),
]


def stages(inputs, outputs, deterministic=True):
    """Return a program before its launches, and after each pass that makes them, by its name."""
    before = lowered(inputs, outputs)
    program = prepared(before, GPU, deterministic)
    facts, found = Facts(program, GPU), {}
    for k, change in enumerate(LAUNCHES):
        program = change(program, facts)
        if k >= FIRST:
            found[change.__name__] = program
    return before, found


def launched(inputs, outputs, **options):
    """Return a program after all passes."""
    return stages(inputs, outputs, **options)[1][LAUNCHES[-1].__name__]


def made(statements, kind):
    return [s for s in inside(statements) if isinstance(s, kind)]


DRAWN = np.random.default_rng(3)
VALUES = {
    "x": 1.1, "M": DRAWN.normal(size=(5, 6)), "v": DRAWN.normal(size=6), "n": 3,
    "N": DRAWN.normal(size=(6, 6)), "at": DRAWN.integers(-6, 6, 9),
}  # fmt: skip


def values_of(inputs):
    return [np.asarray(VALUES[x.name], x.dtype) for x in inputs]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("graph", cuda_programs.PROGRAMS, ids=lambda p: p.__name__)
def test_every_pass(graph, size):
    """What a program computes stays, and no two threads use an element out of order."""
    inputs, outputs = graph()
    before, after = stages(inputs, outputs, graph is not cuda_programs.scatter_in_any_order)
    expected = interpret(before)(*values_of(inputs))
    for name, program in after.items():
        assert "launch" in str(program)
        found = simulate(program, size)(*values_of(inputs))
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype, name
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12, err_msg=name)


def as_loops(program, facts):
    """Return a scheduled program with what kernels run as statements of the host."""
    declared = {x for s in inside(program.body) for x in s.declares()}

    def filled(buffer, value):
        indices = [Symbol("k") for _ in buffer.shape]
        body = [Store(buffer, tuple(indices), value)]
        for k, n in reversed(list(zip(indices, buffer.shape, strict=True))):
            body = [For(k, n, body)]
        return body[0]

    def change(s):
        if isinstance(s, Reload) or (isinstance(s, Let) and s.symbol.final in facts.values.device):
            return []  # the host gets, or notes, what work has set
        if not isinstance(s, Work):
            return None
        starts = [Let(x, value, x not in declared) for x, value in s.starts.items()]
        return [*starts, *(filled(*x) for x in s.filled.items()), *s.statements, *s.after]

    derived = [Let(x, value) for x, value in facts.values.derived.items()]
    return replace(program, body=[*derived, *rewritten(program.body, change)])


@pytest.mark.parametrize("graph", cuda_programs.PROGRAMS, ids=lambda p: p.__name__)
def test_work_is_scheduled(graph):
    """What kernels run, one after the other, is what the program does; so without dead stores."""
    inputs, outputs = graph()
    before = lowered(inputs, outputs)
    program = prepared(before, GPU)
    facts = Facts(program, GPU)
    expected = interpret(before)(*values_of(inputs))
    for change in LAUNCHES[: FIRST - 1]:
        program = change(program, facts)
        found = interpret(as_loops(program, facts))(*values_of(inputs))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12, err_msg=change.__name__)


def test_dead_stores():
    """A register that starts twice starts from the last number; what others read stays."""
    first, second = (Let(total, Literal(x, "float64")) for x in (1.0, 2.0))
    read = Let(other, total)
    body = [first, replace(second, fresh=False), read, replace(first, fresh=False)]
    program = Program([], [], [], body, [], [], "")
    found = dead_stores_dropped(program, None).body
    assert [(s.symbol, s.value, s.fresh) for s in found] == [
        (total, second.value, True), (other, total, True), (total, first.value, False)
    ]  # fmt: skip


def test_pointers_of_a_step():
    """A choice in a step makes its pointer there: no launch after this one reads it."""
    chosen = gradcore.scan(lambda row: T.ifelse(row.sum() > 0, row * 2, T.exp(row)), M)[0]
    before, after = stages([M], chosen)
    (expected,) = interpret(before)(VALUES["M"])
    for name, program in after.items():
        (found,) = simulate(program, SIZES[1])(VALUES["M"])
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)
    assert not any(isinstance(s.what, Buffer) for s in made(program.body, Spill))


# barriers ---------------------------------------------------------------------------------------
def backwards_through_time():
    return [M, v], gradcore.scan(lambda row, h: T.tanh(row + h[::-1]), M, v)[0]


def cumulative_softmax():
    return [M], T.cumsum(T.softmax(M), axis=1)


def column_sums():
    return [M], M.sum(axis=0)


WAITING = [backwards_through_time, cumulative_softmax, cuda_programs.transposed, column_sums]


@pytest.mark.parametrize("graph", WAITING, ids=lambda p: p.__name__)
def test_every_barrier_is_needed(graph):
    """Without it, two threads use an element in no order, or one is read that nobody stored."""
    inputs, outputs = graph()
    program = launched(inputs, outputs)
    barriers = made(program.body, Barrier)
    assert barriers
    run = Size(2, 1, 4, "forward")
    extents = [np.resize(VALUES[x.name], (40,) * x.ndim) for x in inputs]
    drawn = [extents, [x[:0] if x.ndim == 2 else x for x in extents]]
    expected = [simulate(program, run)(*values) for values in drawn]
    for barrier in barriers:
        without = rewritten(program.body, lambda s, x=barrier: [] if s is x else None)
        broken = replace(program, body=without)
        failed = 0
        for values, wanted in zip(drawn, expected, strict=True):
            try:
                found = simulate(broken, run)(*values)
            except AssertionError as error:
                assert re.search("nothing orders them|not written", str(error))
                failed += 1
            else:
                np.testing.assert_array_equal(found, wanted)
        assert failed, barrier


def test_loops_that_are_shared_alike_need_no_barrier():
    """The same lane has to do with an element in both."""
    program = launched([M], T.softmax(M))
    (launch,) = made(program.body, Launch)
    assert not launch.lockstep
    barriers = made([launch], Barrier)
    assert len(barriers) == len(made([launch], For)) == 0


# checks -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_checks_of_data(size):
    """A thread that fails leaves its step, alone or with its group; the call fails as it says."""
    indices = T.lmatrix("indices")
    sums, _ = gradcore.scan(
        lambda row, index, total: total + T.exp(row[index]), [M, indices], T.zeros((3,))
    )
    for inputs, outputs, wrong in (
        ([v, at], T.exp(v[at]) * 2, [np.ones(3), [0, 1, 3]]),
        ([v, at], T.sum(v[at]), [np.ones(3), [-4, 1, 0]]),
        ([M, indices], sums, [np.ones((2, 3)), [[0, 1, 2], [0, 5, 0]]]),
    ):
        _, after = stages(inputs, outputs)
        for name, program in after.items():
            given = [np.asarray(x, y.dtype) for x, y in zip(wrong, inputs, strict=True)]
            if name != "registers_loaded":
                with pytest.raises(IndexError):
                    simulate(program, size)(*given)
            given[1] = given[1] * 0
            found = simulate(program, size)(*given)
            expected = gradcore.function(inputs, outputs, mode="numpy")(*given)
            np.testing.assert_allclose(found[0], expected)


# vectors, memory and grids ----------------------------------------------------------------------
@pytest.mark.parametrize("dtype, width", [("float64", 2), ("float32", 4), ("float16", 8)])
def test_widths(dtype, width):
    """16 bytes at a time; loops of a launch that go equally far have one count."""
    x = T.matrix("x", dtype)
    program = launched([x], T.softmax(x))
    counts = made(program.body, CountVectors)
    assert [s.width for s in counts] == [width]
    loaded = {s.buffer.root.name for s in made(program.body, LoadVector)}
    assert {"x", "true_div"} <= loaded
    (grid,) = made(program.body, Grid)
    assert len(grid.widths) == 1 and f"+ {width - 1}) // {width}" in str(program)


def test_what_is_read_backwards_has_no_vectors():
    program = launched([v], T.exp(v)[::-1] * 2.0)
    loaded = {s.buffer.root.name for s in made(program.body, LoadVector) if s.filled}
    assert loaded <= {"exp"}


def test_memory_of_groups_and_of_threads():
    """Rows that lanes make together are shared; few elements of a thread alone are its own."""
    program = launched([M], T.softmax(M))
    (shared,) = made(program.body, Shared)
    assert shared.spilled is not None and shared.spilled.role == "spill"
    (launch,) = made(program.body, Launch)
    assert launch.fit is not None and launch.fit.memories[0].root is shared.buffer.root
    K = T.tensor("K", dtype="float64", shape=(None, 5))
    alone = launched([K], T.softmax(K))
    assert not made(alone.body, Shared)
    assert all(s.rows is None for s in made(alone.body, Private))


def test_cumulative_sums_of_a_vector_are_shared_in_chunks():
    program = launched([v], T.cumsum(v))
    before, after = made(program.body, Launch)
    assert before.grid is after.grid
    assert made([after], Prefix) and made([after], Rounds)
    assert {s.level for s in made([before], Combine)} == {LANES}


UNCHANGED = ("register", "pointer")
"""Parameters that tell where something is kept between launches, not what it is."""


def rows_of_one():
    """A scan in each step of another; states of one element are not copied."""
    rows = T.tensor("rows", dtype="float64", shape=(None, 1, 1))

    def step(e, s):
        inner = gradcore.scan(lambda a, b: T.tanh(a + b), e, T.zeros_like(e[0]))[0]
        return T.tanh(inner + s)

    return [rows], gradcore.scan(step, rows, T.zeros_like(rows[0]))[0]


def undeclared(body, known):
    """Return what statements use outside of the blocks in which it is declared."""
    known = set(known)
    for s in body:
        named = {*used(s), *([s.what] if isinstance(s, Spill) else [])}
        yield from (x for x in named if x not in known)
        declared = {x.final if isinstance(x, Symbol) else x.root for x in s.declares()}
        for block in s.blocks():
            yield from undeclared(block, known | declared)
        if not s.blocks():
            known |= declared


@pytest.mark.parametrize(
    "graph",
    [*cuda_programs.PROGRAMS, *test_cuda_scans.SCANS, rows_of_one],
    ids=lambda p: p.__name__,
)
def test_kernels_are_given_what_they_use(graph):
    """All that a kernel does not make is a parameter; the host can compute indices among them."""
    program = prepared(lowered(*graph()), GPU)
    facts = Facts(program, GPU)
    for change in LAUNCHES:
        program = change(program, facts)
    for launch in made(program.body, Launch):
        kernel = with_arguments(launch, facts)
        values = {x for p, x in kernel.parameters.items() if p.kind not in UNCHANGED}
        assert not list(undeclared(kernel.launch.body, values | PLACES))
        computed = [p.what for p in kernel.parameters if p.kind == "index"]
        assert all(map(facts.values.evaluable, computed))
        assert not any(isinstance(x, Symbol) for x in computed)


# by hand ----------------------------------------------------------------------------------------
ADD = entry("add")
i, j = Symbol("i"), Symbol("j")
size = Symbol("size")
x = Buffer("x", "float64", (size,), "input")
y = Buffer("y", "float64", (size,), "output")
DOUBLE = Load(x, (i,)) + Load(x, (i,))


def run(*body, shape=SIZES[1], together=True, lockstep=False):
    """Run a launch on a vector; return what it makes of it."""
    grid = Grid(size)
    launch = Launch(grid, list(body), together=together, lockstep=lockstep)
    start = For(i, size, [Store(y, (i,), Literal(0.0, "float64"))])
    program = Program([x], [y], [], [Allocate(y), start, grid, launch], [], [], "")
    return simulate(program, shape)(np.arange(6.0))[0]


def over(level, *body, index=i):
    return Distributed(level, (index,), (size,), list(body))


def test_loops_over_groups_and_lanes():
    """Each step of a loop is one worker's; a group's loop within one over groups is its own."""
    np.testing.assert_array_equal(
        run(over(GROUPS, Store(y, (i,), DOUBLE)), together=False), np.arange(6) * 2.0
    )
    add = Let(total, total + Load(x, (j,)), fresh=False)
    found = run(
        over(
            GROUPS,
            Let(total, Literal(0.0, "float64")),
            over(LANES, add, index=j),
            Combine(LANES, total, ADD),
            Single(LANES, [Store(y, (i,), total)]),
        )
    )
    np.testing.assert_array_equal(found, [15.0] * 6)


NOTHING = Let(total, Literal(0.0, "float64"))
WRONG = {
    "both use y": [over(LANES, Store(y, (i,), DOUBLE))],
    "without end": [NOTHING, Single(LANES, [Barrier()]), Combine(LANES, total, ADD)],
    "is the host's": [Let(size, ONE, fresh=False)],
    "both use total": [NOTHING, Spill(total)],
    "out of bounds": [over(LANES, Store(y, (i + 1,), DOUBLE))],
}
"""What a launch may not do: here, by what is told."""


@pytest.mark.parametrize("message", WRONG)
def test_wrong_launches(message):
    """The simulation fails, and says where."""
    groups = 2 if message == "both use y" else 1
    with pytest.raises(AssertionError, match=message):
        run(*WRONG[message], shape=Size(1, groups, 4))


def test_a_barrier_orders_a_group_alone():
    """What other groups store it does not order; what its own lanes do, it does."""
    store = over(LANES, Store(y, (i,), DOUBLE))
    turned = over(LANES, Store(y, (i,), Load(y, (size - 1 - i,)) + 1.0))
    one_group = Size(1, 1, 4, "mixed")
    with pytest.raises(AssertionError, match="nothing orders them"):
        run(store, over(LANES, Let(total, Load(y, (size - 1 - i,)))), shape=one_group)
    run(store, Barrier(), over(LANES, Let(total, Load(y, (size - 1 - i,)))), shape=one_group)
    with pytest.raises(AssertionError, match="nothing orders them"):
        run(store, Barrier(), turned, shape=one_group)
    run(store, over(LANES, Let(total, Load(y, (size - 1 - i,)))), shape=one_group, lockstep=True)
    with pytest.raises(AssertionError, match="nothing orders them"):
        run(
            Single(THREADS, [Store(y, (ZERO,), Literal(1.0, "float64"))]), Barrier(), shape=SIZES[1]
        )


def test_a_vector_is_in_bounds():
    vector = Buffer("vector", "float64", (integer(4),), "vector")
    load = LoadVector(vector, x, (ZERO,), ONE)
    with pytest.raises(AssertionError, match="out of bounds"):
        run(load, shape=SIZES[0])
