"""What a new statement of the loop IR takes: a class, a rule that places it, and a line a printer.

`SinCos` is such a kind: one call that computes two elements.  Nothing of gradcore knows it.
"""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import gradcore.tensor as T
from gradcore.backend.loops import LoopBackend
from gradcore.graph import FunctionGraph, Op
from gradcore.kernel.device import GROUPS, LANES, Grid, Launch, Meeting
from gradcore.kernel.interpret import interpret
from gradcore.kernel.ir import (
    ONE,
    Allocate,
    Buffer,
    Expr,
    For,
    Index,
    Let,
    Load,
    Program,
    Statement,
    Store,
    Symbol,
)
from gradcore.kernel.lowering import Lowerings
from gradcore.kernel.nests import Nest
from gradcore.kernel.pipeline import program
from gradcore.kernel.render import Renderer
from gradcore.kernel.rules import RULES
from gradcore.kernel.simulate import simulate
from gradcore.kernel.strips import in_strips
from gradcore.kernel.target import CPU
from gradcore.kernel.team import ORDERS, Size
from gradcore.kernel.uses import Used, inside
from gradcore_c import compiler
from gradcore_c.backend import CBackend
from gradcore_c.printing import CRenderer
from gradcore_cuda.analyses import Facts
from gradcore_cuda.backend import CudaBackend
from gradcore_cuda.passes import launched, prepared
from gradcore_cuda.printing import CudaPrinter
from gradcore_cuda.program import CudaRenderer
from gradcore_cuda.target import GPU


# the kind ---------------------------------------------------------------------------------------
@dataclass(eq=False, slots=True)
class SinCos(Statement):
    """``sin[index], cos[index] = sin(angle), cos(angle)``."""

    sin: Buffer
    cos: Buffer
    index: Index
    angle: Expr

    def expressions(self):
        yield from (*self.index, self.angle)

    def buffers(self):
        yield from (self.sin, self.cos)

    def writes(self):
        yield self.sin, self.index
        yield self.cos, self.index

    def rebuilt(self, expr, block):
        index = tuple(map(expr, self.index))
        return dataclasses.replace(self, index=index, angle=expr(self.angle))

    def with_elements(self, change):
        (sin, index), (cos, other) = (change(b, self.index) for b in (self.sin, self.cos))
        assert index == other
        return dataclasses.replace(self, sin=sin, cos=cos, index=index)

    def lines(self, show):
        both = f"{show(Load(self.sin, self.index))}, {show(Load(self.cos, self.index))}"
        return (f"{both} = sincos({show(self.angle)})",)

    def run(self, machine):
        angle = machine.value(self.angle)
        for buffer, value in ((self.sin, np.sin(angle)), (self.cos, np.cos(angle))):
            memory, place = machine.element(buffer, self.index, writing=True)
            memory.data[place], memory.written[place] = value, True


# what places it ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Turned(Op):
    """Two times the sine and the cosine of the same angle."""

    def shape(self, x):
        return x.shape

    def reference(self, x):
        return 2 * np.sin(x) * np.cos(x)


def turned(low, node):
    """Store both at once; the product is computed where it is read."""
    (x,) = (low.value(v) for v in node.inputs)
    sin, cos = (low.new(name, node.out.dtype, x.shape) for name in ("sin", "cos"))
    loops, index = low.ranges(x.shape)
    low.place(Nest(loops, [SinCos(sin, cos, tuple(index), x.read(tuple(index)))]))
    low.viewed(node.out, x.shape, lambda at: Load(sin, at) * Load(cos, at) * 2)


# what prints it ---------------------------------------------------------------------------------
class Printed(CRenderer):
    kinds: ClassVar = {**CRenderer.kinds, SinCos: "sincos"}

    def sincos(self, s):
        angle = self.named("angle", s.angle.dtype, self.expr(s.angle))
        for buffer, function in ((s.sin, "sin"), (s.cos, "cos")):
            self.unit.add(f"{self.element(buffer, s.index)} = __builtin_{function}({angle});")


class Backend(CBackend):
    def renderer(self):
        return Printed(self.target)


class PrintedKernels(CudaPrinter):
    kinds: ClassVar = {**CudaPrinter.kinds, SinCos: "sincos"}

    def sincos(self, s):
        sin, cos = (self.element(b, s.index) for b in (s.sin, s.cos))
        self.unit.add(f"sincos({self.expr(s.angle)}, &{sin}, &{cos});")


class Kernels(CudaRenderer):
    printer = PrintedKernels


class DeviceBackend(CudaBackend):
    def renderer(self):
        return Kernels(self.target)


PLACES = (("x", "input"), ("y", "output"))
X = T.dmatrix("X")
GRAPH = FunctionGraph((X,), (T.sum(Turned()(X * 0.5), axis=1) + T.log(T.sum(X, axis=1)),))
LOWERINGS = Lowerings({**RULES, Turned: turned})
GIVEN = np.random.default_rng(0).random((37, 5))
EXPECTED = np.sin(GIVEN).sum(axis=1) + np.log(GIVEN.sum(axis=1))


def lowered(graph=GRAPH):
    return program(graph, CPU, lowerings=LOWERINGS)


# what follows -----------------------------------------------------------------------------------
def test_it_fuses_and_is_planned():
    """The angle is computed in its loop, and memory for what it writes shrinks no further."""
    made = lowered()
    (loop,) = [s for s in made.body if isinstance(s, For)]
    (kind,) = [s for s in inside([loop]) if isinstance(s, SinCos)]
    (inner,) = [s for s in loop.body if isinstance(s, For) and kind in s.body]
    assert len(inner.body) > 1 and loop.parallel
    assert {kind.sin, kind.cos} <= set(Used().note(made.body).made)
    assert "sin[i0, i1], cos[i0, i1] = sincos(" in str(made)


def test_it_goes_when_nobody_reads_what_it_writes():
    graph = FunctionGraph((X,), (T.zeros_like(Turned()(X)),))
    assert not any(isinstance(s, SinCos) for s in inside(lowered(graph).body))


@pytest.mark.parametrize("strips", [False, True])
def test_it_is_interpreted(strips):
    made = in_strips(lowered(), CPU) if strips else lowered()
    assert strips == any(isinstance(s, Let) and s.symbol.name == "strip" for s in made.body)
    np.testing.assert_allclose(interpret(made)(GIVEN)[0], EXPECTED, rtol=1e-14)


@pytest.mark.parametrize("size", [Size(1, 1, 1), Size(2, 2, 4), Size(3, 1, 8, fits=False)])
def test_threads_of_a_device_run_it(size):
    """Passes for CUDA share it out, and put barriers where others read what it wrote."""
    before = prepared(program(GRAPH, GPU, lowerings=LOWERINGS), GPU)
    made = launched(before, Facts(before, GPU))
    assert any(isinstance(s, SinCos) for s in inside(made.body))
    np.testing.assert_allclose(simulate(made, size)(GIVEN[:7])[0], EXPECTED[:7], rtol=1e-14)


@pytest.mark.skipif(compiler.unavailable() is not None, reason="no C compiler")
@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_printed_and_runs(threads):
    backend = Backend(threads=threads).with_lowerings({Turned: turned})
    assert isinstance(backend, LoopBackend)
    run = backend.compile(GRAPH)
    assert "= __builtin_cos(angle);" in run.source
    given = np.tile(GIVEN, (5000, 1))
    (found,) = run(given)
    np.testing.assert_allclose(found, np.tile(EXPECTED, 5000), rtol=1e-13)


@pytest.mark.skipif(compiler.unavailable() is not None, reason="no C compiler")
@pytest.mark.parametrize("threads", [1, 7, 32])
def test_kernels_of_it_are_printed_and_run(threads):
    """Lanes share it; sines and cosines that another loop reads are stored as vectors."""
    options = {"runtime": "host", "threads": threads, "order": "mixed"}
    backend = DeviceBackend(**options).with_lowerings({Turned: turned})
    run = backend.compile(GRAPH)
    assert "sincos(mul, &sin_2[(i0 * X_n1) + i1], &cos_2[(i0 * X_n1) + i1]);" in run.source
    np.testing.assert_allclose(run(GIVEN)[0], EXPECTED, rtol=1e-13)
    turned_back = backend.compile(FunctionGraph((X,), (Turned()(X)[::-1, ::-1],)))
    assert "sincos(X_2.x[e], &sin_2_2.x[e], &cos_2_2.x[e]);" in turned_back.source
    np.testing.assert_allclose(turned_back(GIVEN)[0], np.sin(2 * GIVEN)[::-1, ::-1], rtol=1e-13)


@dataclass(eq=False, slots=True)
class Rotate(Meeting):
    """Let a register be that of the next lane of the group; the last one gets that of the first."""

    symbol: Symbol

    def expressions(self):
        return (self.symbol,)

    def changes(self):
        return (self.symbol,)

    def lines(self, show):
        return (f"{show(self.symbol)} = rotated {show(self.symbol)}",)

    def run(self, machine):
        following = yield self, machine.of(LANES), machine.value(self.symbol)
        machine.set(self.symbol, following)

    def met(self, team, present, brought):
        return [*brought[1:], brought[0]]


@pytest.mark.parametrize("order", ORDERS)
def test_a_kind_at_which_threads_meet_is_a_class(order):
    """Threads say themselves what they bring, and what each of them gets."""
    count, own = Symbol("n"), Symbol("own")
    x, y = (Buffer(name, "int64", (count,), role=role) for name, role in PLACES)
    grid = Grid(ONE, widths=(count,))
    at = GROUPS.own * LANES.count + LANES.own
    body = [Let(own, Load(x, (at,))), Rotate(own), Store(y, (at,), own)]
    launch = Launch(grid, body, together=True, lockstep=False)
    made = Program(
        inputs=[x], outputs=[y], constants=[], callbacks=[], title="turned", checks=[],
        body=[Allocate(y), grid, launch],
    )  # fmt: skip
    assert "own = rotated own" in str(made)
    found = simulate(made, Size(blocks=1, groups=2, lanes=4, order=order))(np.arange(8))
    np.testing.assert_array_equal(found[0], [1, 2, 3, 0, 5, 6, 7, 4])


def test_a_printer_that_does_not_know_it_says_so():
    with pytest.raises(TypeError, match="Renderer does not print SinCos"):
        Renderer().render(lowered())


@pytest.mark.parametrize("printer", [CRenderer, Printed])
def test_kinds_name_methods(printer):
    assert all(callable(getattr(printer, method)) for method in printer.kinds.values())
