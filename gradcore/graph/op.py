"""What an op is, what it declares, and Theano's way to write one.

An op is *abstract or final*: a frozen dataclass whose fields are its parameters, so that equality,
hashing and printing come free.  What it declares is data that other programs read: its typing, its
meaning, its derivative, and samples to test it on.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gradcore.errors import ShapeError, UnsupportedError
from gradcore.graph.costs import Cost, size_in_bytes, total
from gradcore.graph.extents import UNKNOWN, Extent, Operand, Shape, product
from gradcore.graph.externs import Extern
from gradcore.graph.location import here
from gradcore.graph.nodes import Apply, Kernel, Variable, as_variable, static_operand
from gradcore.graph.requirements import Requirement
from gradcore.graph.types import COMPLEX, Array, TensorType, upcast
from gradcore.language import LANGUAGE, Operators, listed

if TYPE_CHECKING:
    from gradcore.graph.fgraph import FunctionGraph


# derivatives ------------------------------------------------------------------------------------
class Zero:
    """A derivative that is zero everywhere, of whatever shape fits."""

    def __repr__(self) -> str:
        """Return the name ``ZERO``."""
        return "ZERO"

    def __reduce__(self) -> str:
        """Pickle as the one there is."""
        return "ZERO"


ZERO = Zero()


@dataclasses.dataclass(frozen=True)
class Undefined:
    """A derivative that does not exist, and why."""

    reason: str


class Derivative(ABC):
    """How the outputs of an op move with its inputs, in both directions.

    A tangent or cotangent is a variable, or a word for one that is no variable: None
    (disconnected), `Zero`, or `Undefined` with the reason.  One of the two modes may be omitted,
    by returning None: it is the transpose of the other.
    """

    masks: ClassVar[bool] = False
    """Whether ``pullback`` takes masked cotangents as they are."""

    @abstractmethod
    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether output ``o`` is connected with input ``i``."""

    @abstractmethod
    def pullback(
        self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]
    ) -> list[Any] | None:
        """Return the cotangents of the inputs (None for those not ``wanted``)."""

    @abstractmethod
    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any] | None:
        """Return the tangents of the outputs, given those of the inputs."""


class TheanoMethods(Derivative):
    """The derivative of an op that is written with Theano's methods."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Ask the connection pattern."""
        return bool(node.op.connection_pattern(node)[i][o])

    def pullback(
        self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]
    ) -> list[Any] | None:
        """Ask ``L_op`` (or ``grad``)."""
        op = node.op
        if type(op).grad is Op.grad and type(op).L_op is Op.L_op:
            return [Undefined(f"{op} has no grad") if want else None for want in wanted]
        given = [
            ct if isinstance(ct, Variable) else LANGUAGE["zeros_like"](output)
            for ct, output in zip(cotangents, node.outputs, strict=True)
        ]
        found = op.L_op(list(node.inputs), list(node.outputs), given)
        return [ct if want else None for ct, want in zip(found, wanted, strict=True)]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any] | None:
        """Ask ``R_op``, if there is one."""
        if type(node.op).R_op is Op.R_op:
            return None
        given = [t if isinstance(t, Variable) else None for t in tangents]
        return list(node.op.R_op(list(node.inputs), given))


# samples ----------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Arg:
    """What to draw an operand of a test from.

    shape : its extents; an extent of 1 is known to be 1, the others are known or not in turn.
    dtype : a dtype, or "float": all float dtypes in turn.
    low, high : the bounds of its elements.
    value : the operand itself, where it cannot be drawn.
    made : what makes the operand of what is drawn, such as a matrix that is positive definite.
    """

    shape: tuple[int, ...] = ()
    dtype: str = "float"
    low: float = -3
    high: float = 3
    value: Any = None
    made: Callable[[Array], Array] = np.asarray


@dataclasses.dataclass(frozen=True)
class Sample:
    """An op and operands to test it on."""

    op: Op
    operands: tuple[Arg, ...]


# ops --------------------------------------------------------------------------------------------
class Op:
    """What a node does: an abstract class, or a final one whose fields are its parameters.

    A built-in op is a frozen dataclass; it declares

    - ``dtype`` and ``shape`` (or, with several outputs, ``dtypes`` and ``shapes``): its typing,
    - ``check``: which operands it refuses,
    - ``requires``: what must hold when it runs, for it not to raise,
    - ``reference``: its meaning, on NumPy arrays,
    - ``derivative``: how it moves, one of the kinds of `gradcore.derive`.

    and, where it applies,

    - ``element`` or ``expansion``: what it computes in terms of elements, or of other ops, so that
      it runs on every backend; ``extern``: the function of a library that computes it,
    - ``batch``: itself on a stack of operands,
    - ``cost``: operations and bytes, by extents.

    An op of a user's own may instead be written with Theano's methods: ``make_node``, ``perform``,
    ``grad`` or ``L_op``, and optionally ``R_op``, ``infer_shape``, ``connection_pattern``.
    """

    derivative: Derivative = TheanoMethods()
    """How it moves; by default, as Theano's methods say."""

    foldable: ClassVar[bool] = True
    """Whether a node of constants may be computed while the graph is rewritten."""

    cheap: ClassVar[bool] = False
    """Whether to compute a node again costs less than to store its outputs."""

    ulp: float = 0
    """How many units in the last place a backend may be off."""

    accumulates: bool = False
    """Whether it adds up terms that may cancel.

    Its error is then measured in units of the sum of their magnitudes.
    """

    compounds: bool = False
    """Whether it multiplies products on: then each factor may add a unit in the last place."""

    elementwise: ClassVar[bool] = False
    """Whether each element of the output is computed from those at its own place in the operands.

    Then it may be computed wherever that is read.
    """

    view: ClassVar[bool] = False
    """Whether the output is elements of the first operand, as they are."""

    operations: float = 1
    """How many operations an element of the output takes, about: see `cost`."""

    extern: Extern | None = None
    """The function of a library that computes it, where generated code has that."""

    expansion: Callable[..., Any] | None = None
    """The op written with others: a function of its operands that returns its output or outputs.

    It stands in for the op where a backend has nothing of its own for it.
    """

    by_norm: bool = False
    """Whether its error is measured by the largest element of each matrix of the result.

    So it is for algorithms that mix all elements, such as factors of matrices.  What they make of
    infinities, NaN and singular matrices is not specified.
    """

    @property
    def graphs(self) -> tuple[FunctionGraph, ...]:
        """The graphs that the op runs itself, such as the body of a scan."""
        return ()

    def with_graphs(self, *graphs: FunctionGraph) -> Op:
        """Return this op on other graphs that say the same."""
        return self

    # identity and printing ----------------------------------------------------------------------
    def parameters(self) -> dict[str, Any]:
        """Return the parameters by name."""
        if dataclasses.is_dataclass(self):
            return {
                field.name: getattr(self, field.name)
                for field in dataclasses.fields(self)
                if field.repr
            }
        return {name: getattr(self, name) for name in getattr(self, "__props__", ())}

    def label(self) -> str:
        """Return the name that is printed: the name of the class, in lower case."""
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        """Return the name and the parameters."""
        shown = ", ".join(f"{name}={value}" for name, value in self.parameters().items())
        return f"{self.label()}{{{shown}}}" if shown else self.label()

    def __eq__(self, other: object) -> bool:
        """Return whether ``other`` is the same op with the same ``__props__``."""
        if self is other:
            return True
        if not isinstance(other, Op) or type(self) is not type(other):
            return False
        return hasattr(self, "__props__") and self.parameters() == other.parameters()

    def __hash__(self) -> int:
        """Hash the class and ``__props__`` (or the identity, if there are none)."""
        if hasattr(self, "__props__"):
            return hash((type(self), tuple(self.parameters().values())))
        return object.__hash__(self)

    # building -----------------------------------------------------------------------------------
    def __call__(self, *arguments: Any, name: str | None = None) -> Any:
        """Return what the op applied to ``arguments`` means to the first reader among them.

        For variables and numbers: the output of a new node, or a list of several outputs.
        """
        for argument in arguments:
            if isinstance(argument, Operators) and not isinstance(argument, Variable):
                return argument.apply(self, arguments)
        outputs = self.make_node(*arguments).outputs
        if len(outputs) == 1:
            if name is not None:
                outputs[0].name = name
            return outputs[0]
        return list(outputs)

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node on ``inputs``, after checking them and typing the outputs."""
        variables = tuple(map(as_variable, inputs))
        refuse_complex(self, variables)
        self.check(*variables)
        dtypes = self.dtypes(*(v.type.dtype for v in variables))
        shapes = self.shapes(*map(static_operand, variables))
        for shape in shapes:
            if any(isinstance(n, int) and n < 0 for n in shape):
                raise ShapeError(f"{self} has a negative extent: {tuple(shape)}", here())
        outputs = [
            Variable(TensorType(dtype, tuple(n if isinstance(n, int) else None for n in shape)))
            for dtype, shape in zip(dtypes, shapes, strict=True)
        ]
        return Apply(self, variables, outputs)

    def check(self, *inputs: Variable) -> None:
        """Raise `GraphTypeError` or `ShapeError` for operands that the op does not take."""

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the output: by default that which holds all operands."""
        return upcast(*dtypes)

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return the dtypes of the outputs."""
        return (self.dtype(*dtypes),)

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the output, by arithmetic on extents."""
        raise NotImplementedError(f"{self} declares no shape")

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shapes of the outputs."""
        return (self.shape(*operands),)

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """Return the shapes of the outputs of ``node``, given what is known of its inputs.

        Extents are ints, scalars of the graph, or `UNKNOWN`: not known without computing
        the output.
        """
        if type(self).infer_shape is not Op.infer_shape:
            return self.infer_shape(node, [operand.shape for operand in operands])
        declared = type(self).shape is not Op.shape or type(self).shapes is not Op.shapes
        if type(self).perform is not Op.perform or not declared:
            return [(UNKNOWN,) * output.ndim for output in node.outputs]
        return self.shapes(*operands)

    def requires(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Return what must hold of extents and indices for ``node`` to compute; else it raises.

        operands : what is known of its inputs, as in `symbolic_shapes`.

        Which requirements there are, and in which order, follows from the types of the inputs
        alone.  The optimizer may drop a node, never what the node requires.
        """
        return ()

    def value(self, node: Apply, operands: Sequence[Operand]) -> Extent | tuple[Extent, ...]:
        """Return the value of the output as arithmetic on extents, where it is such.

        For a scalar an extent, for a vector a tuple of them; `UNKNOWN`: the op says nothing.
        """
        return UNKNOWN

    def element(self, node: Apply, at: Sequence[Any], *operands: Any) -> Any:
        """Return the element of the output of ``node`` at the index ``at``: the element form.

        Operands are called with an index, a scalar an axis, to read an element; they have
        ``extent(axis)``, ``ndim``, and ``stretched(index)``, the element for an index into what
        they broadcast to.  It is written in the tensor language.  No backend needs
        anything else of an op of one output that has one: those that generate code read it inside
        of a loop, those with arrays as gathers (`gradcore.ops.gathers`).
        """
        raise NotImplementedError

    def batch(
        self, node: Apply, inputs: Sequence[Variable], stacked: Sequence[bool]
    ) -> Variable | None:
        """Return the outputs of ``node`` for many operands at once, stacked along a first axis.

        inputs : in place of those of ``node``.
        stacked : which of them have that axis, one at least.

        None: the op says nothing of its own; `gradcore.ops.gathers.batched` reads its element form.
        """
        return None

    def cost(self, node: Apply, operands: Sequence[Operand]) -> Cost:
        """Return what ``node`` costs, by extents.

        operands : what is known of its inputs, as in `symbolic_shapes`.
        """
        shapes = self.symbolic_shapes(node, operands)
        arrays = [
            *((v, x.shape) for v, x in zip(node.inputs, operands, strict=True)),
            *zip(node.outputs, shapes, strict=True),
        ]
        traffic = total(size_in_bytes(v.type.dtype, shape) for v, shape in arrays)
        return Cost(self.operations_of(operands, shapes), traffic)

    def operations_of(self, operands: Sequence[Operand], shapes: Sequence[Shape]) -> Extent:
        """Return how many operations it takes to compute outputs of these shapes, about."""
        return total(map(product, shapes)) * int(self.operations)

    def read_in_place(self, i: int) -> float:
        """Return how many operations an element of operand ``i`` may take for it not to be stored.

        It is computed where it is read, instead, by an op that reads each element once, or few.
        """
        return 0

    def expanded(self, node: Apply) -> Sequence[Any] | None:
        """Return the outputs of ``node`` as its expansion writes them; None: there is none."""
        return None if self.expansion is None else listed(self.expansion(*node.inputs))

    # testing ------------------------------------------------------------------------------------
    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return ops of this class with operands to test them on, enough to reach every line."""
        return ()

    # meaning ------------------------------------------------------------------------------------
    def reference(self, *arrays: Any) -> Any:
        """Return the output (or a tuple of outputs) for NumPy arrays; inputs are left alone."""
        raise NotImplementedError(f"{self} declares no reference")

    def kernel(self, node: Apply) -> Kernel:
        """Return the reference for ``node``, prepared once for many calls."""
        if type(self).perform is not Op.perform:
            return _performing(self, node)
        return self.reference

    # Theano's way to write an op ----------------------------------------------------------------
    def perform(self, node: Apply, inputs: Sequence[Array], output_storage: Any) -> None:
        """Compute the outputs into ``output_storage[i][0]``."""
        result = self.kernel(node)(*inputs)
        results = result if len(node.outputs) > 1 else (result,)
        for cell, value in zip(output_storage, results, strict=True):
            cell[0] = value

    def infer_shape(self, node: Apply, input_shapes: Sequence[Shape]) -> Sequence[Shape]:
        """Return the shapes of the outputs as tuples of scalars, given those of the inputs."""
        raise NotImplementedError

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Any]:
        """Return the cotangent of each input, given those of the outputs."""
        raise NotImplementedError

    def L_op(  # noqa: N802 - Theano's name
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        output_grads: Sequence[Variable],
    ) -> Sequence[Any]:
        """Return the cotangent of each input; like ``grad``, with the outputs at hand."""
        return self.grad(inputs, output_grads)

    def R_op(  # noqa: N802 - Theano's name
        self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]
    ) -> Sequence[Any]:
        """Return the tangent of each output, given those of the inputs."""
        raise NotImplementedError

    def connection_pattern(self, node: Apply) -> Sequence[Sequence[bool]]:
        """Return, for each input, for each output, whether the output moves with the input."""
        return [[True] * len(node.outputs) for _ in node.inputs]


def performs(op: Op) -> bool:
    """Return whether ``op`` is a user's own, which computes by its method ``perform``."""
    return type(op).perform is not Op.perform


def _performing(op: Op, node: Apply) -> Kernel:
    """Return a kernel that calls ``op.perform``."""

    def kernel(*arrays: Any) -> Any:
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        op.perform(node, [np.asarray(a) for a in arrays], storage)
        results = [
            output.type.filter(cell[0]) for output, cell in zip(node.outputs, storage, strict=True)
        ]
        return tuple(results) if len(results) > 1 else results[0]

    return kernel


def refuse_complex(op: Op, variables: Sequence[Variable]) -> None:
    """Raise for complex operands: they can be declared and passed on, but not computed with."""
    for variable in variables:
        if variable.type.dtype in COMPLEX:
            raise UnsupportedError(
                f"{op} does not take {variable}, which is {variable.type.dtype}: operations on "
                "complex tensors are not supported yet",
                here(),
                "keep real and imaginary parts in two real tensors",
            )
