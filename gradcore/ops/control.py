"""Choice between arrays, checks, messages, and marks for derivatives.

The marks (`zero_grad` and its kin) are identities that only a derivative sees; the first stage of
rewriting removes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from gradcore.derive import Branch, Disconnected, Flat, Linear, NotDifferentiable, Reverse
from gradcore.errors import AssertionFailedError, GraphTypeError
from gradcore.execute import Runner, by_reference
from gradcore.graph import (
    Apply,
    Derivative,
    FunctionGraph,
    Kernel,
    Op,
    Operand,
    Requirement,
    Shape,
    Variable,
    here,
)
from gradcore.graph.extents import UNKNOWN
from gradcore.graph.nodes import TensorType, as_variable
from gradcore.graph.op import Arg, Sample
from gradcore.graph.reads import Local, Pairs, Reads, numbers
from gradcore.graph.requirements import ALL_HOLD
from gradcore.language import LANGUAGE, listed
from gradcore.ops.stacks import repeated, size_of


# choice -----------------------------------------------------------------------------------------
@final
@dataclass(frozen=True, repr=False)
class IfElse(Op):
    """``IfElse(n)(condition, *taken if true, *taken if false)``: n arrays, of either branch.

    What only one branch needs is computed only if it is taken: before a graph is compiled, a
    pass moves it into the graphs of a `Conditional`.
    """

    outputs: int = 1
    derivative = Branch(lazy=True)
    chooses = True

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return choices between two operands, by a condition that holds and one that does not."""
        a, b = Arg((2,)), Arg((3,))
        return [Sample(cls(1), (Arg(value=c), a, b)) for c in (True, False)]

    def label(self) -> str:
        """Return ifelse."""
        return "ifelse"

    def parameters(self) -> dict[str, Any]:
        """The number of outputs shows in the node."""
        return {}

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node; the branches may differ in shape, not in dtype or rank."""
        condition, *branches = map(as_variable, inputs)
        if condition.ndim:
            raise GraphTypeError(
                f"ifelse takes a scalar condition, not {condition} ({condition.type})",
                here(),
                "to choose element by element, use T.switch",
            )
        n = self.outputs
        outputs: list[Variable] = []
        for a, b in zip(branches[:n], branches[n:], strict=True):
            if a.type.dtype != b.type.dtype or a.ndim != b.ndim:
                raise GraphTypeError(
                    f"the branches of ifelse differ: {a} is {a.type}, {b} is {b.type}",
                    here(),
                    "cast or reshape one of them",
                )
            shape = tuple(
                m if m == n else None for m, n in zip(a.type.shape, b.type.shape, strict=True)
            )
            outputs.append(Variable(TensorType(a.type.dtype, shape)))
        return Apply(self, [condition, *branches], outputs)

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """An extent is known if it is the same in both branches."""
        return [
            tuple(UNKNOWN if n is None else n for n in output.type.shape) for output in node.outputs
        ]

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Sequence[Variable]:
        """Choose between stacks, by one condition; by many, element by element.

        Then both branches are computed.  In either case they are of one shape.
        """
        condition, *branches = inputs
        size, n = size_of(inputs, stacked), self.outputs
        both = [x if s else repeated(x, size) for x, s in zip(branches, stacked[1:], strict=True)]
        if not stacked[0]:
            return listed(self(condition, *both))
        why = "branches of an ifelse whose condition differs within a batch have one shape"
        return [
            LANGUAGE["switch"](
                condition.dimshuffle(0, *["x"] * (a.ndim - 1)), a, LANGUAGE["shaped_as"](b, a, why)
            )
            for a, b in zip(both[:n], both[n:], strict=True)
        ]

    def reference(self, *arrays: Any) -> Any:
        """Return one branch or the other."""
        condition, *branches = arrays
        n = self.outputs
        taken = branches[:n] if condition else branches[n:]
        return tuple(taken) if n > 1 else taken[0]


@final
@dataclass(frozen=True, repr=False)
class Conditional(Op):
    """``Conditional(then, orelse)(condition, *operands)``: the outputs of one of two graphs.

    Both graphs take the operands; only one is run.  Compilation makes these; users write `ifelse`.

    residuals : how many of the last outputs are of the first graph alone, and then, of the second
        alone: what a derivative reads of one branch.  They are read only where that graph is run;
        the other returns any array.
    """

    then: FunctionGraph
    orelse: FunctionGraph
    residuals: tuple[int, int] = (0, 0)
    derivative = NotDifferentiable("it is the compiled form of ifelse: differentiate before")
    foldable = False
    ulp = 64  # of whatever its branches do

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return conditionals of one operand: either branch taken, and one that would raise."""
        x = TensorType("float64", (None,))("x")
        graphs = FunctionGraph((x,), (LANGUAGE["exp"](x),)), FunctionGraph((x,), (x[1:],))
        guarded = FunctionGraph((x,), (LANGUAGE["exp"](x),)), FunctionGraph((x,), (x * x[5],))
        operand = Arg((3,), "float64")
        return [
            *(Sample(cls(*graphs), (Arg(value=c), operand)) for c in (True, False)),
            Sample(cls(*guarded), (Arg(value=True), operand)),  # the other branch would raise
            *(Sample(cls(*graphs), (Arg(value=c), operand)) for c in (0.25, np.int64(256))),
        ]

    @property
    def graphs(self) -> tuple[FunctionGraph, ...]:
        """The graphs of the branches."""
        return self.then, self.orelse

    def with_graphs(self, *graphs: FunctionGraph) -> Conditional:
        """Return this on other graphs."""
        then, orelse = graphs
        return Conditional(then, orelse, self.residuals)

    def owners(self) -> list[int | None]:
        """Return for each output the number of the only graph that it is of, if there is one."""
        first, second = self.residuals
        both = len(self.then.outputs) - first - second
        return [None] * both + [0] * first + [1] * second

    def parameters(self) -> dict[str, Any]:
        """The graphs are shown on their own."""
        return {}

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node."""
        variables = list(map(as_variable, inputs))
        outputs = [
            Variable(
                TensorType(
                    a.type.dtype,
                    tuple(
                        m if m == n else None
                        for m, n in zip(a.type.shape, b.type.shape, strict=True)
                    ),
                )
            )
            for a, b in zip(self.then.outputs, self.orelse.outputs, strict=True)
        ]
        return Apply(self, variables, outputs)

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """Return what the types say."""
        return [
            tuple(UNKNOWN if n is None else n for n in output.type.shape) for output in node.outputs
        ]

    def kernel(self, node: Apply) -> Kernel:
        """Return a function that runs one of the graphs, by references."""
        return self.kernel_over(node, by_reference)

    def kernel_over(self, node: Apply, run: Callable[[FunctionGraph], Runner]) -> Kernel:
        """Return a function that runs one of the graphs."""
        then, orelse = map(run, self.graphs)
        one = len(node.outputs) == 1

        def chosen(condition: Any, *operands: Any) -> Any:
            outputs = (then if condition else orelse)(*operands)
            return outputs[0] if one else outputs

        return chosen


# checks and messages ----------------------------------------------------------------------------
def same(op: Op, ct: Variable, x: Variable, *others: Variable) -> Variable:
    """Return the cotangent of an operand that is passed on."""
    return ct


class PassingOn(Op):
    """An op that passes its first operand on (abstract)."""

    derivative = Linear((same,))
    of_complex = "separate"

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the operand."""
        return dtypes[0]

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the operand."""
        return operands[0].shape

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Pass on the stack."""
        return self(*inputs)

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Read the operand."""
        return operands[0](*at)

    def reference(self, *arrays: Any) -> Any:
        """Return the operand."""
        return arrays[0]


@final
@dataclass(frozen=True, repr=False)
class Assert(PassingOn):
    """``Assert(message, error)(x, *conditions)``: ``x``, if all conditions hold; else an error."""

    message: str = "a condition is false"
    error: type[Exception] = field(default=AssertionFailedError, repr=False)
    foldable = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return an assertion that holds, on a matrix, by conditions of several dtypes."""
        conditions = (True, 0.25, np.int64(256))
        return [Sample(cls("it must"), (Arg((2, 3)), Arg(value=c))) for c in conditions]

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """The conditions hold."""
        return [Requirement(ALL_HOLD, (c,), self.message, self.error) for c in node.inputs[1:]]

    def parameters(self) -> dict[str, Any]:
        """Return the message of the user's; what an op required shows in the condition."""
        return super().parameters() if self.error is AssertionFailedError else {}

    def reference(self, *arrays: Any) -> Any:
        """Return the operand, or raise the error."""
        x, *conditions = arrays
        if not all(np.all(c) for c in conditions):
            raise self.error(self.message)
        return x


@final
@dataclass(frozen=True, repr=False)
class Print(PassingOn):
    """The operand; each time it is computed, ``message`` and ``attrs`` of it are printed.

    >>> import gradcore, gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> f = gradcore.function([x], 2 * T.Print("x is", attrs=("shape",))(x), mode="numpy")
    >>> f([1.0, 2.0])
    x is shape = (2,)
    array([2., 4.])
    """

    message: str = ""
    attrs: tuple[str, ...] = ("__str__",)
    foldable = False
    element = Op.element  # what reads the operand element by element prints nothing

    def __post_init__(self) -> None:
        """Take any iterable of names."""
        object.__setattr__(self, "attrs", tuple(self.attrs))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a print of a matrix, without attributes."""
        return [Sample(cls("x", ()), (Arg((2, 3)),))]

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return one with attributes."""
        return [Sample(cls("x", ("shape", "__str__")), (Arg((2, 3)),))]

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads:
        """Each element reads that at its place."""
        return {0: Pairs(numbers(local.result).reshape(-1))}

    def reference(self, *arrays: Any) -> Any:
        """Print and return the operand."""
        (x,) = arrays
        for name in self.attrs:
            value = getattr(x, name)
            print(self.message, name, "=", value() if callable(value) else value)  # noqa: T201 - its purpose
        return x

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference."""
        return self.reference


@final
@dataclass(frozen=True, repr=False)
class OptimizationBarrier(PassingOn):
    """``OptimizationBarrier()(x, *after)``: x, where ``after`` have been computed.

    No rewrite sees through it: what is computed of it is computed, though it is known already.
    """

    foldable = False

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return a matrix, with nothing and with a vector before it."""
        return [Sample(cls(), (Arg((2, 3)),)), Sample(cls(), (Arg((2, 3)), Arg((4,))))]

    def label(self) -> str:
        """Return the name."""
        return "optimization_barrier"


# marks for derivatives --------------------------------------------------------------------------
class GradientMark(PassingOn):
    """An identity whose derivative is another (abstract)."""


@final
@dataclass(frozen=True, repr=False)
class ZeroGrad(GradientMark):
    """An identity whose derivative is zero."""

    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return the mark on a matrix."""
        return [Sample(cls(), (Arg((2, 3)),))]

    def label(self) -> str:
        """Return zero_grad."""
        return "zero_grad"


@final
@dataclass(frozen=True, repr=False)
class DisconnectedGrad(GradientMark):
    """An identity that cuts derivatives off."""

    derivative = Disconnected()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return the mark on a matrix."""
        return [Sample(cls(), (Arg((2, 3)),))]

    def label(self) -> str:
        """Return disconnected_grad."""
        return "disconnected_grad"


@final
@dataclass(frozen=True, repr=False)
class GradScale(GradientMark):
    """An identity whose derivative is multiplied."""

    multiplier: float
    derivative = Reverse((lambda op, ct, x, z: ct * op.multiplier,))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return the mark on a matrix, with a factor of 2."""
        return [Sample(cls(2.0), (Arg((2, 3)),))]

    def label(self) -> str:
        """Return grad_scale."""
        return "grad_scale"


@dataclass(frozen=True)
class ClippedCotangent(Derivative):
    """The identity forwards; backwards, a cotangent that is limited (which is no linear map)."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """There is one of each."""
        return True

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the limited cotangent."""
        op = node.op
        assert isinstance(op, GradClip)
        return [LANGUAGE["clip"](cotangents[0], op.low, op.high)]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent."""
        return list(tangents)


@final
@dataclass(frozen=True, repr=False)
class GradClip(GradientMark):
    """An identity whose cotangents are limited to ``low ... high``."""

    low: float
    high: float
    derivative = ClippedCotangent()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return the mark on a matrix, with bounds on either side of 0."""
        return [Sample(cls(-0.5, 0.5), (Arg((2, 3)),))]

    def label(self) -> str:
        """Return grad_clip."""
        return "grad_clip"
