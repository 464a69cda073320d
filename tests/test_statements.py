"""What every kind of statement says of itself, of the loops' and of the device's."""

from collections import defaultdict

import cuda_programs
import pytest
from test_cuda_launches import stages
from test_cuda_passes import lowered
from test_cuda_targets import rows_of_threads

import gradcore
import gradcore.tensor as T
from gradcore.kernel import calls, procedures, statements
from gradcore.kernel.device import AtomicAdd, Meeting, control, exchange, grid, loops, memory
from gradcore.kernel.ir import Buffer, Statement
from gradcore.kernel.merging import merged
from gradcore.kernel.target import CPU
from gradcore.kernel.uses import inside

M, v = T.dmatrix("M"), T.dvector("v")
KINDS = sorted(
    {
        kind
        for module in (statements, calls, procedures, control, exchange, grid, loops, memory)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Statement)
        and kind not in (Statement, Meeting)  # abstract
    },
    key=lambda kind: kind.__name__,
)


def until_small():
    """A loop that is left, a function of Python, a product and one of a library."""
    halves, _ = gradcore.scan(
        lambda s: (s / 2, gradcore.until(s.sum() < 1)), outputs_info=v, n_steps=9
    )
    return [M, v], [halves, T.dot(M, M), T.sort(v), T.Print("v")(v)]


def twice():
    """The same of two matrices."""
    N = T.dmatrix("N")
    return [M, N], [T.exp(M).sum(), T.exp(N).sum()]


def found():
    """Return a statement of each kind, as programs have them before and after each pass."""
    programs = [lowered(*make()) for make in (*cuda_programs.PROGRAMS, until_small)]
    programs.append(merged(lowered(*twice()), CPU))
    for make in (*cuda_programs.PROGRAMS, rows_of_threads):
        in_order = make is not cuda_programs.scatter_in_any_order
        programs += stages(*make(), deterministic=in_order)[1].values()
    return {type(s): s for each in programs for s in inside(each.body)}


INSTANCES = found()


def renaming():
    """Return what gives each buffer another one, always the same."""
    known = defaultdict(lambda: Buffer("other", "float64", ()))
    return lambda buffer: known[buffer]


def named(s):
    """Return the buffers that a statement names and does not declare, in order."""
    declared = set(s.declares())
    return [b for b in s.buffers() if b not in declared]


def elements(s):
    """Return the elements that a statement writes."""
    return [(buffer, index) for buffer, index in s.writes() if index is not None]


def text(s):
    return s.lines(str)


@pytest.mark.parametrize("kind", KINDS)
def test_other_buffers(kind):
    """All that it names and does not declare are replaced, and nothing else of it."""
    s, other = INSTANCES[kind], renaming()
    before = named(s)
    made = s.with_buffers(other)
    assert type(made) is kind and named(made) == [other(b) for b in before]
    assert list(made.declares()) == list(s.declares()) and named(s) == before
    assert bool(before) == (made is not s)


@pytest.mark.parametrize("kind", KINDS)
def test_other_elements(kind):
    """Those that it writes are elsewhere then; what its expressions load is where it was."""
    s, other = INSTANCES[kind], renaming()
    before = elements(s)
    made = s.with_elements(lambda buffer, index: (other(buffer), index[:0]))
    assert type(made) is kind
    assert elements(made) == [(other(buffer), ()) for buffer, _ in before]


def test_a_kind_that_writes_elements_must_say_what_it_is_elsewhere():
    class Silent(AtomicAdd):
        with_elements = Statement.with_elements

    add = INSTANCES[AtomicAdd]
    silent = Silent(add.buffer, add.index, add.value)
    with pytest.raises(NotImplementedError, match="Silent does not say what it is elsewhere"):
        silent.with_elements(lambda buffer, index: (buffer, index))


@pytest.mark.parametrize("kind", KINDS)
def test_rebuilt_of_the_same_parts(kind):
    """It is a copy; it asks for its blocks in their order."""
    s = INSTANCES[kind]
    asked = []

    def block(body):
        asked.append(body)
        return body

    made = s.rebuilt(lambda x: x, block)
    assert type(made) is kind and text(made) == text(s)
    assert all(a is b for a, b in zip(asked, s.blocks(), strict=True))
