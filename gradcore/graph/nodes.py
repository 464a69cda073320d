"""Variables, the nodes between them, and what an op is.

A graph is variables and applications of ops, nothing else: ``y.owner.inputs`` walks it.  Graphs
do not change: only the ``name`` and ``tag`` of a variable may be set.  Two nodes built alike stay
two nodes, because after ``a = x + 1; b = x + 1`` the derivative of ``a * b`` with respect to ``a``
is ``b``; equal nodes merge where graphs are rebuilt (`gradcore.rewrite`).

Rejected: Theano's mutable graph with clients and features, of which every rewrite must keep track;
hash-consing at construction, which changes what a derivative means.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from gradcore.config import config
from gradcore.errors import (
    GradcoreError,
    GraphTypeError,
    GraphValueError,
    Location,
    UnsupportedError,
)
from gradcore.graph.extents import UNKNOWN, Extent, Operand, Shape
from gradcore.graph.location import here
from gradcore.graph.types import COMPLEX, SIGNED, UNSIGNED, Array, TensorType, upcast
from gradcore.language import LANGUAGE, ArrayMethods, Operators, define, is_several

if TYPE_CHECKING:
    from gradcore.graph.fgraph import FunctionGraph

Kernel: TypeAlias = Callable[..., Any]
"""A function of arrays that returns the array of one output, or a tuple of those of several."""

_set = object.__setattr__


class Variable(ArrayMethods):
    """A value in a graph.  Equality is identity; ``name`` and ``tag`` may be set, nothing else.

    type : its `TensorType`.
    owner : the `Apply` that computes it, or None for an input.
    index : which output of ``owner`` it is.
    name : what to call it in messages and keywords, or None.
    """

    __slots__ = ("__weakref__", "_tag", "index", "name", "owner", "type")

    type: TensorType
    owner: Apply | None
    index: int
    name: str | None
    _tag: SimpleNamespace | None

    def __init__(self, type: TensorType, name: str | None = None) -> None:
        _set(self, "type", type)
        _set(self, "owner", None)
        _set(self, "index", 0)
        _set(self, "name", name)
        _set(self, "_tag", None)

    def __setattr__(self, key: str, value: Any) -> None:
        """Set the name or the tag; refuse the rest."""
        if key == "name":
            _set(self, key, value)
        elif key == "tag":
            _set(self, "_tag", value)
        else:
            raise AttributeError(
                f"graphs do not change: cannot set {key!r} of {self}; "
                "build another expression, or use graph_replace"
            )

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Any:
        """Build a node."""
        return op(*arguments)

    @property
    def tag(self) -> SimpleNamespace:
        """A place for notes of the user's own."""
        if self._tag is None:
            _set(self, "_tag", SimpleNamespace())
        assert self._tag is not None
        return self._tag

    @property
    def dtype(self) -> str:
        """The dtype, by its NumPy name."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.type.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """For each axis, whether it broadcasts."""
        return self.type.broadcastable

    def clone(self, name: str | None = None) -> Variable:
        """Return a new input of the same type (and name, if no other is given)."""
        return Variable(self.type, name or self.name)

    def __str__(self) -> str:
        """Return the name, or the op that computes it, or the type."""
        if self.name is not None:
            return self.name
        if self.owner is not None:
            return f"{self.owner.op}.{self.index}"
        return f"<{self.type}>"

    __repr__ = __str__

    def __len__(self) -> int:
        """Return the first extent, if it is known."""
        extent = self._first_extent()
        if extent is None:
            raise TypeError(f"the length of {self} is not known here: use {self}.shape[0]")
        return extent

    def __iter__(self) -> Iterator[Variable]:
        """Yield the elements along the first axis, if its extent is known."""
        extent = self._first_extent()
        if extent is None:
            raise TypeError(
                f"cannot iterate over {self}, whose length is not known here: use scan, "
                f"or give it a static shape"
            )
        return (self[i] for i in range(extent))

    def _first_extent(self) -> int | None:
        if not self.type.shape:
            raise TypeError(f"{self} is a scalar: it has no length")
        return self.type.shape[0]


define("variable", Variable)

TensorVariable = Variable


class Constant(Variable):
    """A variable whose value is known while the graph is built.

    data : the value, a read-only array.
    bare : whether it prints as a plain number: constants of compiled graphs do.
    """

    __slots__ = ("bare", "data")

    data: Array
    bare: bool

    def __init__(
        self, data: Any, dtype: str | None = None, name: str | None = None, bare: bool = False
    ) -> None:
        array = np.array(data, dtype=dtype)
        array.flags.writeable = False
        super().__init__(TensorType(array.dtype.name, array.shape), name)
        _set(self, "data", array)
        _set(self, "bare", bare)

    def __str__(self) -> str:
        """Return the name, or the value as Theano shows it."""
        if self.name is not None:
            return self.name
        text = self.text()
        return text if self.bare else f"TensorConstant{{{text}}}"

    __repr__ = __str__

    def text(self) -> str:
        """Return the value in short."""
        if self.data.size > 1 and (self.data == self.data.flat[0]).all():
            return f"{self.data.shape} of {self.data.flat[0]}"
        text = " ".join(str(self.data).split())
        return text if len(text) < 40 else f"{text[:20]} .. {text[-15:]}"

    @property
    def is_scalar(self) -> bool:
        """Whether all elements are one value (and there is one)."""
        data = self.data
        return data.size == 1 or (data.size > 1 and bool((data == data.flat[0]).all()))


TensorConstant = Constant


def bare(constant: Constant) -> Constant:
    """Return ``constant`` as it stands in a compiled graph: without a name, printing bare."""
    if constant.bare:
        return constant
    found = Constant.__new__(Constant)
    Variable.__init__(found, constant.type)
    _set(found, "data", constant.data)
    _set(found, "bare", True)
    return found


class Apply:
    """An op applied to inputs.

    op, inputs, outputs : as given; the outputs must be new variables.
    where : the user's line that built it.
    """

    __slots__ = ("__weakref__", "inputs", "op", "outputs", "where")

    op: Op
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    where: Location | None

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        where: Location | None = None,
    ) -> None:
        _set(self, "op", op)
        _set(self, "inputs", tuple(inputs))
        _set(self, "outputs", tuple(outputs))
        _set(self, "where", where or here())
        for index, output in enumerate(outputs):
            if output.owner is not None or isinstance(output, Constant):
                raise GraphValueError(f"{output} is already computed by {output.owner}")
            _set(output, "owner", self)
            _set(output, "index", index)

    def __setattr__(self, key: str, value: Any) -> None:
        """Refuse: graphs do not change."""
        raise AttributeError(f"graphs do not change: cannot set {key!r} of {self}")

    def __repr__(self) -> str:
        """Return the op and its inputs."""
        return f"{self.op}({', '.join(map(str, self.inputs))})"

    @property
    def out(self) -> Variable:
        """The only output."""
        (output,) = self.outputs
        return output

    def with_inputs(self, inputs: Sequence[Variable]) -> Apply:
        """Return a node of the same op on other inputs, its outputs named alike."""
        if all(new.type == old.type for new, old in zip(inputs, self.inputs, strict=True)):
            outputs = [Variable(old.type, old.name) for old in self.outputs]
            return Apply(self.op, inputs, outputs, self.where)
        node = self.op.make_node(*inputs)
        for new, old in zip(node.outputs, self.outputs, strict=True):
            new.name = old.name
        return node


@dataclasses.dataclass(frozen=True)
class Arg:
    """What to draw an operand of a test from.

    shape : its extents; an extent of 1 is known to be 1, the others are known or not in turn.
    dtype : a dtype, or "float": all float dtypes in turn.
    low, high : the bounds of its elements.
    value : the operand itself, where it cannot be drawn.
    """

    shape: tuple[int, ...] = ()
    dtype: str = "float"
    low: float = -3
    high: float = 3
    value: Any = None


@dataclasses.dataclass(frozen=True)
class Sample:
    """An op and operands to test it on."""

    op: Op
    operands: tuple[Arg, ...]


class Op:
    """What a node does: an abstract class, or a final one whose fields are its parameters.

    A built-in op is a frozen dataclass; it declares

    - ``dtype`` and ``shape`` (or, with several outputs, ``dtypes`` and ``shapes``): its typing,
    - ``check``: which operands it refuses,
    - ``reference``: its meaning, on NumPy arrays,
    - ``derivative``: how it moves, one of the kinds of `gradcore.derive`.

    An op of a user's own may instead be written with Theano's methods: ``make_node``, ``perform``,
    ``grad`` or ``L_op``, and optionally ``R_op``, ``infer_shape``, ``connection_pattern``.
    """

    derivative: Derivative | None = None
    """How it moves; None for an op with Theano's methods."""

    foldable: ClassVar[bool] = True
    """Whether a node of constants may be computed while the graph is rewritten."""

    cheap: ClassVar[bool] = False
    """Whether to compute a node again costs less than to store its outputs."""

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

        Extents are ints, scalars of the graph, or `UNKNOWN`: not to be told without computing
        the output.
        """
        if type(self).infer_shape is not Op.infer_shape:
            return self.infer_shape(node, [operand.shape for operand in operands])
        if type(self).perform is not Op.perform:
            return [(UNKNOWN,) * output.ndim for output in node.outputs]
        return self.shapes(*operands)

    def value(self, node: Apply, operands: Sequence[Operand]) -> Extent | tuple[Extent, ...]:
        """Return the value of the output as arithmetic on extents, where it is such.

        For a scalar an extent, for a vector a tuple of them; `UNKNOWN`: the op says nothing.
        """
        return UNKNOWN

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


class Derivative(ABC):
    """How the outputs of an op move with its inputs, in both directions.

    A tangent or cotangent is a variable, or a word for one that is no variable: None
    (disconnected), `Zero`, or `Undefined` with the reason.
    """

    masks: ClassVar[bool] = False
    """Whether ``pullback`` takes masked cotangents as they are."""

    @abstractmethod
    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether output ``o`` is connected with input ``i``."""

    @abstractmethod
    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents of the inputs (None where not ``wanted``)."""

    @abstractmethod
    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the outputs, given those of the inputs."""


class Zero:
    """A derivative that is zero everywhere, of whatever shape fits."""

    def __repr__(self) -> str:
        """Return its name."""
        return "ZERO"

    def __reduce__(self) -> str:
        """Pickle as the one there is."""
        return "ZERO"


ZERO = Zero()


@dataclasses.dataclass(frozen=True)
class Undefined:
    """A derivative that does not exist, and why."""

    reason: str


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


# numbers as variables ---------------------------------------------------------------------------
def smallest_integer_dtype(value: int, unsigned: bool = False) -> str:
    """Return the smallest integer dtype that holds ``value``: Theano's rule for literals.

    >>> smallest_integer_dtype(2), smallest_integer_dtype(1000)
    ('int8', 'int16')
    """
    candidates = UNSIGNED if unsigned and value >= 0 else (*SIGNED, "uint64")
    for dtype in candidates:
        bounds = np.iinfo(dtype)
        if bounds.min <= value <= bounds.max:
            return dtype
    raise GraphValueError(f"no integer dtype holds {value}", here())


def literal_dtype(value: complex, others: Sequence[str] = ()) -> str:
    """Return the dtype of a Python number that meets operands of dtypes ``others``.

    A float takes the float dtype of the others (``config.floatX`` where there is none).  An int
    takes the smallest integer dtype that holds it, an unsigned one among unsigned others.
    """
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return smallest_integer_dtype(
            value, bool(others) and all(dtype in UNSIGNED for dtype in others)
        )
    if isinstance(value, float):
        floats = [dtype for dtype in others if dtype.startswith("float")]
        return upcast(*floats) if floats else config.floatX
    return "complex128"


def as_variable(x: Any, others: Sequence[str] = ()) -> Variable:
    """Return ``x`` as a variable: itself, or a constant, or for a list of variables their stack.

    others : dtypes of the operands that a Python number meets, see `literal_dtype`.
    """
    if isinstance(x, Variable):
        return x
    if isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):
        return Constant(x, literal_dtype(x, others))
    if isinstance(x, Apply):
        return x.out
    if _holds_variables(x):
        return LANGUAGE["stack"](x)
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise GraphTypeError(f"cannot make a tensor of {x!r}: {error}", here()) from None
    if array.dtype == object or array.dtype.kind not in "biufc":
        raise GraphTypeError(
            f"cannot make a tensor of {type(x).__name__} {x!r}",
            here(),
            "give a variable, a number, or an array of numbers",
        )
    if array.dtype.kind == "f" and is_several(x):
        array = array.astype(config.floatX)
    return Constant(array)


def _holds_variables(x: Any) -> bool:
    """Return whether ``x`` is a list, of any depth, with a variable in it."""
    return is_several(x) and any(isinstance(item, Variable) or _holds_variables(item) for item in x)


def constant_extent(variable: Variable) -> int | None:
    """Return the value of an integer scalar constant, else None."""
    if isinstance(variable, Constant) and variable.ndim == 0 and variable.type.is_discrete:
        return int(variable.data)
    return None


def static_operand(variable: Variable) -> Operand:
    """Return what is known of ``variable`` while a node is made."""
    shape = tuple(UNKNOWN if n is None else n for n in variable.type.shape)
    value = constant_extent(variable)
    return Operand(shape, UNKNOWN if value is None else value)


def symbolic_operand(variable: Variable) -> Operand:
    """Return what can be said of ``variable`` in the graph."""
    value = constant_extent(variable)
    if value is None:
        return Operand(extents_of(variable), variable)
    return Operand(extents_of(variable), value)


def extents_of(variable: Variable) -> tuple[Extent, ...]:
    """Return the extents of ``variable``: ints where known, else scalars of the graph."""
    return tuple(
        LANGUAGE["extent"](variable, axis) if known is None else known
        for axis, known in enumerate(variable.type.shape)
    )


def located(error: GradcoreError, node: Apply) -> GradcoreError:
    """Return ``error`` with the line of ``node``, if it has none yet."""
    error.where = error.where or node.where
    return error
