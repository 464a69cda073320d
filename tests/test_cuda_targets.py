"""CUDA's thresholds: a target that says otherwise makes other programs, which compute the same."""

from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
from cuda_programs import listed

import gradcore
import gradcore.tensor as T
from gradcore import Mode, function
from gradcore.errors import ModeError
from gradcore.kernel.device import (
    LANES,
    Chunk,
    CountVectors,
    Distributed,
    Grid,
    Launch,
    Private,
    Shared,
)
from gradcore.kernel.target import CPU, CpuTarget, Target
from gradcore.kernel.uses import inside
from gradcore_c import compiler
from gradcore_cuda.analyses import Facts
from gradcore_cuda.driver import Card
from gradcore_cuda.nvrtc import flags_for
from gradcore_cuda.passes import launched, prepared
from gradcore_cuda.tape import threads_for
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


def array(*shape):
    """Return a variable of a shape that is known, or as far as it is."""
    return T.tensor("x", dtype="float64", shape=shape)


# programs ---------------------------------------------------------------------------------------
def exponentials():
    x = array(None, None)
    return [x], T.exp(x)


def transposed(rows=10, columns=12):
    """Two arrays that lie along the other axis."""
    x, y = array(rows, columns), array(rows, columns)
    return [x, y], (x * 2).T + T.exp(y).T


def rows_of_threads():
    """A row is so short that a thread goes through it."""
    x = array(None, 6)
    return [x], T.sum(T.exp(x) * T.max(T.exp(x), axis=1, keepdims=True), axis=1)


def scan_of_matrices():
    """A step is 36 elements, of which each needs all."""
    x = array(6, 6)
    return [x], gradcore.scan(
        lambda s: s * T.sum(s, axis=1, keepdims=True) / T.sum(s), outputs_info=x, n_steps=3
    )[0][-1]


def column_sums():
    x = array(100, 6)
    return [x], T.sum(x * 2, axis=0)


def cumulative_sum():
    x = array(100)
    return [x], T.cumsum(x)


def cumulative_sums_of_long_rows():
    x = array(2, 5000)
    return [x], T.cumsum(x, axis=1)


def scatter():
    x, at = array(20), T.tensor("at", dtype="int64", shape=(9,))
    return [x, at], T.inc_subtensor(x[at], T.exp(x[at]))


# what is looked at ------------------------------------------------------------------------------
def statements(program, target):
    """Return the statements of what is launched for a program of loops."""
    before = prepared(program, target)
    return list(inside(launched(before, Facts(before, target)).body))


def count(*kinds):
    """Return what counts the statements of some kinds."""
    return lambda found: sum(isinstance(s, kinds) for s in found)


def loops_of_lanes(found):
    """Return how many loops there are whose steps lanes share."""
    return sum(isinstance(s, Distributed) and s.level is LANES for s in found)


def rows_of_arrays(found):
    """Return how often a thread has a row of an array for itself, where registers do not do."""
    return sum(isinstance(s, Private) and s.rows is not None for s in found)


def grids(found):
    """Return how many steps groups have to share, and how many blocks there are, grid by grid."""
    return [(str(s.steps), str(s.limit)) for s in found if isinstance(s, Grid)]


def widths(found):
    """Return how many elements a thread takes at a time."""
    return [s.width for s in found if isinstance(s, CountVectors)]


CHANGES = {
    "short_steps": (rows_of_threads, 2, loops_of_lanes, 0, 4),
    "private_elements": (rows_of_threads, 2, rows_of_arrays, 0, 1),
    "vector_bytes": (exponentials, 32, widths, [2], [4]),
    "tile_elements": (transposed, 8, count(Shared), 0, 2),
    "tile_arrays": (partial(transposed, 40, 40), 1, count(Shared), 2, 1),
    "column_threads": (column_sums, 6, count(Launch), 2, 1),
    "column_rows": (column_sums, 100, count(Launch), 2, 1),
    "copying_blocks": (column_sums, 3, lambda found: grids(found)[0][1], "512", "3"),
    "copied_elements": (column_sums, 12, lambda found: grids(found)[0][1], "512", "2"),
    "scan_elements": (scan_of_matrices, 4, count(Launch), 2, 3),
    "prefix_steps": (cumulative_sum, 4, count(Chunk), 0, 2),
    "long_row_steps": (cumulative_sums_of_long_rows, 2, count(Chunk), 0, 2),
    "owning_groups": (scatter, 2, lambda found: grids(found)[-1][0], "9", "2"),
}
"""For thresholds that decide how programs are made: a program, another value, and what changes."""

LAUNCHED = {
    "warp_lanes", "block_threads", "usual_block_threads", "processor_threads", "waves",
    "free_shared_bytes", "plans", "plan_memory_parts", "plan_graphs", "graph_steps", "tape_steps",
    "remembered_addresses",
}  # fmt: skip
"""Those that decide how programs are launched, and what is retained of a call for the next one."""


def test_all_thresholds_are_tried():
    own = {f.name for f in fields(GPU)} - {f.name for f in fields(Target)}
    assert own == set(CHANGES) | LAUNCHED


@pytest.mark.parametrize("name", CHANGES)
def test_a_threshold_decides(name):
    """Its value makes another program, of which the interpreter and the host shim think alike."""
    made, value, look, before, after = CHANGES[name]
    other = replace(GPU, **{name: value})
    inputs, outputs = made()
    modes = [Mode("cuda", runtime="host", threads=7, target=target) for target in (GPU, other)]
    f, g = (function(inputs, outputs, mode=mode) for mode in modes)
    assert look(statements(f.program, GPU)) == before
    assert look(statements(g.program, other)) == after
    assert f.source != g.source
    drawn = np.random.default_rng(0)
    given = [
        drawn.integers(-9, 9, 9) if x.dtype == "int64"
        else drawn.uniform(0.5, 1.5, [n or 5 for n in x.type.shape])
        for x in inputs
    ]  # fmt: skip
    for a, b in zip(listed(f(*given)), listed(g(*given)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


# launches ---------------------------------------------------------------------------------------
CARD = Card(0, "a page", 90, 4, 2**30, None, 2**16)


def test_a_target_decides_how_threads_are_grouped():
    """Lines of 16 lanes, blocks of 64 threads and a single wave."""
    small = replace(
        GPU, warp_lanes=16, block_threads=64, usual_block_threads=32, processor_threads=128, waves=1
    )
    assert threads_for(CARD, GPU, 10**6, 1) != threads_for(CARD, small, 10**6, 1)
    grid = threads_for(CARD, small, 10**6, 1)
    assert (grid.blocks, grid.groups, grid.lanes) == (4 * 128 // 32, 32, 1)
    assert threads_for(CARD, small, 10**6, 60).lanes == 16
    assert threads_for(CARD, small, 10, 10**6).lanes == 64
    assert "--maxrregcount=1024" in flags_for(small)


# the option of a mode ---------------------------------------------------------------------------
@pytest.mark.parametrize(("backend", "target"), [("cuda", 3), ("cuda", CPU), ("c", GPU)])
def test_a_target_of_another_kind_is_refused(backend, target):
    with pytest.raises(ModeError, match=r"the option 'target' of the backend .* cannot be") as e:
        function([], T.constant(1.0), mode=Mode(backend, target=target))
    assert f"it is declared as {'GpuTarget' if backend == 'cuda' else 'CpuTarget'}" in str(e.value)


def test_the_target_of_c_decides_as_well():
    x = T.fvector("x")
    f, g = (
        function([x], T.sum(x), mode=Mode("c", target=target, threads=1))
        for target in (CPU, CpuTarget(block_terms=32, most_threads=8))
    )
    assert "begin > 1024" in f.source and "begin > 32" in g.source
    assert "sum_parts[8]" in g.source and "parts > 8" in g.source
    given = np.arange(1000, dtype="float32")
    assert f(given) == g(given) == given.sum()


def test_a_target_is_written_as_it_differs():
    own = "share_rows=False, fused_products=False, loops_fail=False, wide_sums=True"
    assert repr(GPU) == f"GpuTarget({own})"
    assert repr(replace(GPU, waves=1)) == f"GpuTarget({own}, waves=1)"
    assert repr(CPU) == "CpuTarget()" and eval(repr(CpuTarget(block_rows=3))).block_rows == 3
