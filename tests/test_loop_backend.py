"""Backends that are a renderer and a runtime, and ops that declare what these need."""

from dataclasses import dataclass

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import plugins
from gradcore.backend.loops import LoopBackend
from gradcore.errors import UnsupportedError
from gradcore.graph import Op
from gradcore.kernel.interpret import interpret
from gradcore.kernel.render import Renderer

C = gradcore.Mode("c")
AVAILABLE = plugins.registry().backend("c").unavailable() is None
FLOATS = ("float16", "float32", "float64")


class Interpreted(LoopBackend):
    """Prints programs, and runs them in Python."""

    name = "interpreted"

    def renderer(self):
        return Renderer()

    def provides(self, extern):
        return True

    def loaded_program(self, program, rendered):
        run = interpret(program)

        def executable(*arrays):
            return run(*arrays)

        executable.source = rendered.text
        return executable

    def lacks(self, node):
        return "it has no tangent" if node.op is T.tan else None


@pytest.fixture(
    params=[
        "interpreted",
        pytest.param("c", marks=pytest.mark.skipif(not AVAILABLE, reason="no compiler")),
    ]
)
def mode(request):
    """A mode for each backend of this kind."""
    hook = staticmethod(plugins.hookimpl(lambda: [Interpreted()]))
    plugins.register(type("plugin", (), {"gradcore_backends": hook}), "interpreted")
    yield gradcore.Mode(request.param)
    plugins.unregister("interpreted")


def test_a_renderer_and_a_runtime(mode):
    x = T.dmatrix("x")
    f = gradcore.function([x], [T.softmax(x), x.sum(axis=0)], mode=mode)
    g = gradcore.function([x], [T.softmax(x), x.sum(axis=0)], mode="numpy")
    for found, expected in zip(f(np.eye(3)), g(np.eye(3)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert "gc_entry" in f.source and g.source is None


@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_are_expanded(mode, declare, dtype):
    """Choices between Python numbers too, and rows that are expanded themselves."""
    step = declare(
        "half_step",
        lambda x: np.where(x > 0, 0.5, np.where(x == 0, 0.25, 0)),
        "0.5 where x > 0, 0.25 where x = 0",
        expansion=lambda x: T.switch(x > 0, 0.5, T.switch(T.eq(x, 0), 0.25, 0)),
    )  # fmt: skip
    bent = declare(
        "bent",
        lambda x, y: np.where(x > 0, 0.5, np.where(x == 0, 0.25, 0)) * y + 1.5 * (x < y),
        "a step times y, and more",
        operands=2,
        expansion=lambda x, y: step(x) * y + 1.5 * (x < y),
    )
    x, y = T.vector("x", dtype), T.vector("y", dtype)
    given = np.array([-1, 0, 2, 3], dtype), np.array([0.3, 0.1, 0.7, 4], dtype)
    found = gradcore.function([x, y], [step(x), bent(x, y), bent(x, y).sum()], mode=mode)(*given)
    expected = gradcore.function([x, y], [step(x), bent(x, y), bent(x, y).sum()], mode="numpy")(
        *given
    )
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=4 * np.finfo(dtype).eps)


def test_an_expansion_to_a_number_and_of_integers(mode, declare):
    two = declare("two", lambda x: np.full_like(x, 2), "2", expansion=lambda x: 2)
    root = declare("root", np.sqrt, "the root", expansion=lambda x: x**0.5)
    n = T.lvector("n")
    found = gradcore.function([n], [two(n), root(n)], mode=mode)([4, 9])
    assert [a.tolist() for a in found] == [[2.0, 2.0], [2.0, 3.0]]


def test_expansions_in_loops_and_gradients(mode, declare):
    cube = declare(
        "cube",
        lambda x: x**3,
        "x ** 3",
        lambda t, x, z: 3 * t * x * x,
        expansion=lambda x: x * x * x,
    )
    x = T.dvector("x")
    states, _ = gradcore.scan(lambda e, s: cube(s) + e, sequences=x, outputs_info=T.constant(0.5))
    outputs = [states, T.grad(states[-1], x)]
    found = gradcore.function([x], outputs, mode=mode)([0.1, 0.2, 0.3])
    expected = gradcore.function([x], outputs, mode="numpy")([0.1, 0.2, 0.3])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_what_is_missing_is_said(mode, declare):
    bare = declare("bare", np.sin, "the sine")
    around = declare("around", np.sin, "the sine", expansion=lambda x: bare(x) + 0)
    x = T.dvector("x")
    for op in (bare, around):
        with pytest.raises(
            UnsupportedError, match="bare has no scalar code: its declaration gives neither"
        ):
            gradcore.function([x], op(x), mode=mode)
    if mode.backend == "interpreted":
        with pytest.raises(UnsupportedError, match="it has no tangent"):
            gradcore.function([x], T.tan(x), mode=mode)


def test_an_element_form_is_all_that_an_op_needs(mode):
    @dataclass(frozen=True)
    class Mirrored(Op):
        """A vector, and behind it the same from its end."""

        cheap = True

        def shape(self, x):
            return (2 * x.shape[0],)

        def reference(self, x):
            return np.concatenate([x, x[::-1]])

        def element(self, node, at, x):
            n = x.extent(0)
            return x(T.switch(at[0] < n, at[0], 2 * n - 1 - at[0]))

    x = T.dvector("x")
    f = gradcore.function([x], T.exp(Mirrored()(x)), mode=mode)
    np.testing.assert_allclose(f([0, 1, 2]), np.exp([0, 1, 2, 2, 1, 0]), rtol=1e-14)
    assert f([]).shape == (0,)
