"""What an op declares: data that other programs read, written for any kind of node.

Its typing, its meaning, its derivative and samples to test it on; the fields of a built-in op, a
frozen dataclass, are its parameters, so that equality, hashing and printing come free.

The decision: a variable names the node that computes it, the node its op, and the op makes
variables, so these are one module (`gradcore.graph.nodes`).  What an op declares is most of it, and
says of a node only that it has inputs and outputs, and of these that they have types: so it stands
here, below, with two type parameters that ``nodes`` binds, once, in the definition of `Op`.
Rejected: imports for types alone in both directions, which made six modules one; a protocol of
an op beside the op, two lists of methods, which diverge.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeAlias, TypeVar

import numpy as np

from gradcore.config import config
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph.costs import Cost, size_in_bytes, total
from gradcore.graph.extents import UNKNOWN, Extent, Operand, Shape, product
from gradcore.graph.externs import Extern
from gradcore.graph.location import here
from gradcore.graph.reads import Local, Reads
from gradcore.graph.types import Array, ArrayType, upcast
from gradcore.language import listed

Kernel: TypeAlias = Callable[..., Any]
"""A function of arrays that returns the array of one output, or a tuple of those of several.

>>> import gradcore.tensor as T
>>> node = T.sum(T.dmatrix("x"), axis=0).owner
>>> kernel: Kernel = node.op.kernel(node)
>>> kernel(np.ones((2, 3)))
array([2., 2., 2.])
"""

OfComplex: TypeAlias = Literal["linear", "separate", "whole"]
"""How an op takes complex operands, see `Declaration.of_complex`."""


class Typed(Protocol):
    """What a declaration needs to know of a variable."""

    @property
    def type(self) -> ArrayType:
        """Its dtype and static shape."""
        ...


class Applied(Protocol):
    """What a declaration needs to know of a node."""

    @property
    def inputs(self) -> Sequence[Typed]:
        """The operands."""
        ...

    @property
    def outputs(self) -> Sequence[Typed]:
        """The results."""
        ...


V = TypeVar("V", bound=Typed)
"""The variables of a graph."""

N = TypeVar("N", bound=Applied)
"""The nodes of a graph."""


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


# requirements -----------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True, eq=False)
class Predicate:
    """What is required of operands: its name, and the condition in the tensor language."""

    name: str
    condition: Callable[..., Any]

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


@dataclasses.dataclass(frozen=True, eq=False)
class Requirement:
    """That ``predicate`` holds of ``operands``; else ``error(message)`` is raised.

    operands : extents (ints, scalars of the graph, symbols) or, for elements, variables.
    fix : what to do where one of them is 1; None: nothing is known.
    numbered : returns the message in terms of the numbers, which are known when it runs (of an
        index, the first that is wrong); None: they follow ``message``.
    """

    predicate: Predicate
    operands: tuple[Any, ...]
    message: str
    error: type[Exception] = ShapeError
    fix: str | None = None
    numbered: Callable[..., str] | None = None

    @property
    def condition(self) -> Any:
        """The condition, as a variable, where the operands are such."""
        return self.predicate.condition(*self.operands)


# declarations -----------------------------------------------------------------------------------
class Declaration(Generic[V, N]):
    """What an op says of itself and of its nodes; see `gradcore.graph.nodes.Op`, which is one.

    Nothing here makes a node or a variable.
    """

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
    """Whether results go into further ones: each along an axis may add a unit in the last place.

    So it is with products of many factors, and with substitution (N. Higham, "Accuracy and
    Stability of Numerical Algorithms", 2nd ed., theorem 8.5).
    """

    elementwise: ClassVar[bool] = False
    """Whether each element of the output is computed from those at its own place in the operands.

    Then it may be computed wherever that is read.
    """

    view: ClassVar[bool] = False
    """Whether the output is elements of the first operand, as they are."""

    mark: ClassVar[bool] = False
    """Whether derivatives alone see it.

    Before a graph is compiled, its first operands, one for each output, take its place.
    """

    chooses: ClassVar[bool] = False
    """Whether it is ``op(condition, *if true, *if false)``, and computes one of the two alone."""

    extern: Extern | None = None
    """The function of a library that computes it, where generated code has that."""

    exact_pattern: ClassVar[bool] = True
    """Whether all that its pattern (`reads`) says is read, is read, for some values.

    False: it says more, which is as right, and costs sparse Jacobians products.
    """

    expansion: Callable[..., Any] | None = None
    """The op written with others: a function of its operands that returns its output or outputs.

    It stands in for the op where a backend has nothing of its own for it.
    """

    itypes: ClassVar[Sequence[Any] | None] = None
    """Theano's way to say the types of the operands; with ``otypes``, they are its typing."""

    otypes: ClassVar[Sequence[Any] | None] = None
    """The types of the outputs, each something with a ``dtype`` and a ``shape``."""

    of_complex: ClassVar[OfComplex] = "linear"
    """What becomes of the parts of operands that are complex.

    "linear": where the op is linear in them, together or each by itself, with real coefficients,
    its parts are made of theirs; elsewhere it takes none.  "separate": its parts are the op of each
    part, whatever its derivative says.  "whole": it takes complex numbers as such.
    """

    by_parts: Callable[..., Any] | None = None
    """The op on complex numbers, written with real ones, as entries declare it."""

    by_norm: bool = False
    """Whether its error is measured by the largest element of each matrix of the result.

    So it is for algorithms that mix all elements, such as factors of matrices.  What they make of
    infinities, NaN and singular matrices is not specified.
    """

    @property
    def graphs(self) -> tuple[Any, ...]:
        """The graphs that the op runs itself; typed by `gradcore.graph.inner_graphs`."""
        return ()

    def with_graphs(self, *graphs: Any) -> Self:
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
        if type(self) is not type(other) or not isinstance(other, Declaration):
            return False
        return hasattr(self, "__props__") and self.parameters() == other.parameters()

    def __hash__(self) -> int:
        """Hash the class and ``__props__`` (or the identity, if there are none)."""
        if hasattr(self, "__props__"):
            return hash((type(self), tuple(self.parameters().values())))
        return object.__hash__(self)

    # typing -------------------------------------------------------------------------------------
    def check(self, *inputs: V) -> None:
        """Raise `GraphTypeError` or `ShapeError` for operands that the op does not take."""
        if self.itypes is None:
            return
        types = [_type(t) for t in self.itypes]
        if len(types) != len(inputs):
            raise GraphTypeError(f"{self} takes {len(types)} operands, not {len(inputs)}", here())
        for k, (wanted, v) in enumerate(zip(types, inputs, strict=True)):
            if not wanted.accepts(v.type):
                what = f"operand {k} of {self} is {v.type}, it takes {wanted}"
                raise GraphTypeError(what, here())

    def dtype(self, *dtypes: str) -> str:
        """Return the dtype of the output: by default that which holds all operands."""
        if not dtypes:
            raise GraphTypeError(f"{self} takes its dtype from its operands, and got none", here())
        return upcast(*dtypes)

    def dtypes(self, *dtypes: str) -> Sequence[str]:
        """Return the dtypes of the outputs."""
        if self.otypes is not None:
            return tuple(_type(t).dtype for t in self.otypes)
        return (self.dtype(*dtypes),)

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of the output, by arithmetic on extents."""
        raise NotImplementedError(f"{self} declares no shape")

    def shapes(self, *operands: Operand) -> Sequence[Shape]:
        """Return the shapes of the outputs."""
        if self.otypes is not None:
            known = (_type(t).shape for t in self.otypes)
            return tuple(tuple(UNKNOWN if n is None else n for n in shape) for shape in known)
        return (self.shape(*operands),)

    def symbolic_shapes(self, node: N, operands: Sequence[Operand]) -> Sequence[Shape]:
        """Return the shapes of the outputs of ``node``, given what is known of its inputs.

        Extents are ints, scalars of the graph, or `UNKNOWN`: not known without computing
        the output.
        """
        kind = type(self)
        if kind.infer_shape is not UNDECLARED.infer_shape:
            return self.infer_shape(node, [operand.shape for operand in operands])
        if kind.shape is not UNDECLARED.shape or kind.shapes is not UNDECLARED.shapes:
            return self.shapes(*operands)
        return [(UNKNOWN,) * output.type.ndim for output in node.outputs]

    def requires(self, node: N, operands: Sequence[Operand]) -> Sequence[Requirement]:
        """Return what must hold of extents and indices for ``node`` to compute; else it raises.

        operands : what is known of its inputs, as in `symbolic_shapes`.

        Which requirements there are, and in which order, follows from the types of the inputs
        alone.  The optimizer may drop a node, never what the node requires.
        """
        return ()

    def value(self, node: N, operands: Sequence[Operand]) -> Extent | tuple[Extent, ...]:
        """Return the value of the output as arithmetic on extents, where it is such.

        For a scalar an extent, for a vector a tuple of them; `UNKNOWN`: the op says nothing.
        """
        return UNKNOWN

    def element(self, node: N, at: Sequence[Any], *operands: Any) -> Any:
        """Return the element of the output of ``node`` at the index ``at``: the element form.

        Operands are called with an index, a scalar an axis, to read an element; they have
        ``extent(axis)``, ``ndim``, and ``stretched(index)``, the element for an index into what
        they broadcast to.  It is written in the tensor language.  No backend needs
        anything else of an op of one output that has one: those that generate code read it inside
        of a loop, those with arrays as gathers (`gradcore.ops.gathers`).
        """
        raise NotImplementedError

    def reads(self, local: Local, wanted: Sequence[int]) -> Reads | None:
        """Return which elements of operands each element of the only output reads.

        wanted : the numbers of the operands that matter.  Those that are missing read nothing.

        It is the pattern of the Jacobian.  An op whose elements are functions of many others, and
        so has no element form, says it here; None: it depends on values that are not known, and
        each element may read all others.  So it is for ops that neither declare this nor have an
        element form, an `extern` or an expansion, off which it is read, otherwise.
        """
        return None

    def batch(
        self, node: N, inputs: Sequence[V], stacked: Sequence[bool]
    ) -> V | Sequence[V] | None:
        """Return the outputs of ``node`` for many operands at once, stacked along a first axis.

        inputs : in place of those of ``node``.
        stacked : which of them have that axis, one at least.

        An output that is the same for all may be without that axis.

        None: the op says nothing of its own, or not for these operands; its element form, its
        expansion or a loop takes the place (`gradcore.batching`).
        """
        return None

    def cost(self, node: N, operands: Sequence[Operand]) -> Cost:
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
        """Return how many operations it takes to compute outputs of these shapes, about.

        By default, one for each element.  It is what `cost` asks, and nobody else.
        """
        return total(map(product, shapes))

    def read_in_place(self, i: int) -> float:
        """Return how many operations an element of operand ``i`` may take for it not to be stored.

        It is computed where it is read, instead, by an op that reads each element once, or few.
        """
        return 0

    def expanded(self, node: N) -> Sequence[Any] | None:
        """Return the outputs of ``node`` as its expansion writes them; None: there is none."""
        return None if self.expansion is None else listed(self.expansion(*node.inputs))

    # meaning ------------------------------------------------------------------------------------
    def reference(self, *arrays: Any) -> Any:
        """Return the output (or a tuple of outputs) for NumPy arrays; inputs are left alone."""
        raise NotImplementedError(f"{self} declares no reference")

    def attempted(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the outputs for NumPy arrays, and which arrays of the stack have none, as bools.

        Of these the outputs are NaN.  An op says so if its `extern` has a ``failure``.
        """
        raise NotImplementedError(f"{self} declares no failures")

    def kernel(self, node: N) -> Kernel:
        """Return the reference for ``node``, prepared once for many calls."""
        if type(self).perform is not UNDECLARED.perform:
            return _performing(self, node)
        return self.reference

    def kernel_over(self, node: N, run: Callable[[Any], Callable[..., tuple[Any, ...]]]) -> Kernel:
        """Return the reference for ``node``, whose `graphs` run otherwise than by references.

        run : returns what runs a graph: a function of arrays that returns a tuple of them.
        """
        return self.kernel(node)

    # Theano's way to write an op ----------------------------------------------------------------
    def perform(self, node: N, inputs: Sequence[Array], output_storage: Any) -> None:
        """Compute the outputs into ``output_storage[i][0]``."""
        result = self.kernel(node)(*inputs)
        results = result if len(node.outputs) > 1 else (result,)
        for cell, value in zip(output_storage, results, strict=True):
            cell[0] = value

    def infer_shape(self, node: N, input_shapes: Sequence[Shape]) -> Sequence[Shape]:
        """Return the shapes of the outputs as tuples of scalars, given those of the inputs."""
        raise NotImplementedError

    def grad(self, inputs: Sequence[V], output_grads: Sequence[V]) -> Sequence[Any]:
        """Return the cotangent of each input, given those of the outputs."""
        raise NotImplementedError

    def L_op(  # noqa: N802 - Theano's name
        self,
        inputs: Sequence[V],
        outputs: Sequence[V],
        output_grads: Sequence[V],
    ) -> Sequence[Any]:
        """Return the cotangent of each input; like ``grad``, with the outputs at hand."""
        return self.grad(inputs, output_grads)

    def R_op(  # noqa: N802 - Theano's name
        self, inputs: Sequence[V], eval_points: Sequence[V | None]
    ) -> Sequence[Any]:
        """Return the tangent of each output, given those of the inputs."""
        raise NotImplementedError

    def connection_pattern(self, node: N) -> Sequence[Sequence[bool]]:
        """Return, for each input, for each output, whether the output moves with the input."""
        return [[True] * len(node.outputs) for _ in node.inputs]


def _type(given: Any) -> ArrayType:
    """Return what is given as a type: one, or what makes variables of one."""
    return ArrayType(given.dtype or config.floatX, given.shape)


UNDECLARED: type[Declaration[Any, Any]] = Declaration
"""What stands where an op declares nothing of its own."""


def performs(op: Declaration[Any, Any]) -> bool:
    """Return whether ``op`` is a user's own, which computes by its method ``perform``.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> middle = gradcore.as_op(itypes=[T.dvector], otypes=[T.dscalar])(np.median)
    >>> performs(middle), performs(T.exp)
    (True, False)
    """
    return type(op).perform is not UNDECLARED.perform


def _performing(op: Declaration[Any, N], node: N) -> Kernel:
    """Return a kernel that calls ``op.perform``."""

    def kernel(*arrays: Any) -> Any:
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        op.perform(node, [np.asarray(a) for a in arrays], storage)
        results = [
            output.type.filter(cell[0]) for output, cell in zip(node.outputs, storage, strict=True)
        ]
        return tuple(results) if len(results) > 1 else results[0]

    return kernel
