"""Variables, the nodes between them, and the ops that these apply.

A graph is variables and applications of ops, nothing else: ``y.owner.inputs`` walks it.  Graphs
do not change: only the ``name`` and ``tag`` of a variable may be set.  Two nodes built alike stay
two nodes, because after ``a = x + 1; b = x + 1`` the derivative of ``a * b`` with respect to ``a``
is ``b``; equal nodes merge where graphs are rebuilt (`gradcore.rewrite`).

These are one module, for each is said in terms of the others: a type makes variables, a variable
has a type and the node that computes it, a node has variables and the op it applies, and an op
makes nodes and is differentiated by them.  What can be said without the others stands below:
dtypes and shapes in ``types``, numbers in ``literals``, most of an op in ``declaration``.

Rejected: Theano's mutable graph with clients and features, of which every rewrite must keep track;
hash-consing at construction, which changes what a derivative means.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradcore.config import config
from gradcore.errors import GraphTypeError, GraphValueError, Location, ShapeError
from gradcore.graph.arity import operand_counts
from gradcore.graph.array_likes import array_of, is_python
from gradcore.graph.complexes import conjugated, refuse_complex
from gradcore.graph.cotangents import by_theano
from gradcore.graph.declaration import Declaration, Undefined
from gradcore.graph.derivative import Derivative as Derivative
from gradcore.graph.extents import UNKNOWN, Extent, Operand, Shape
from gradcore.graph.literals import literal_dtype, numbers
from gradcore.graph.location import here, on_behalf_of
from gradcore.graph.parents import NodeParents, VariableParents
from gradcore.graph.samples import Arg
from gradcore.graph.types import Array, ArrayType
from gradcore.language import LANGUAGE, ArrayMethods, Operators, is_several

_set = object.__setattr__


class TensorType(ArrayType):
    """The dtype of a tensor and its shape as far as it is known: an int or None an axis.

    Called, it makes a variable of this type.

    >>> TensorType("float64", (None, 1))
    TensorType(float64, col)
    >>> TensorType("float64")("x").type
    TensorType(float64, scalar)
    """

    __slots__ = ()

    def __call__(self, name: str | None = None) -> Variable:
        """Return a new variable of this type."""
        return Variable(self, name)


class Variable(VariableParents, ArrayMethods):
    """A value in a graph.  Equality is identity; ``name`` and ``tag`` may be set, nothing else.

    type : its `TensorType`.
    owner : the `Apply` that computes it, or None for an input.
    index : which output of ``owner`` it is.
    name : what to call it in messages and keywords, or None.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> y = T.exp(x)
    >>> y.type, y.owner.op, y.owner.inputs, x.owner
    (TensorType(float64, vector), exp, (x,), None)
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
                f"cannot iterate over {self}, of unknown length: use scan, or a static shape"
            )
        return (self[i] for i in range(extent))

    def _first_extent(self) -> int | None:
        if not self.type.shape:
            raise TypeError(f"{self} is a scalar: it has no length")
        return self.type.shape[0]


TensorVariable = Variable


class Constant(Variable):
    """A variable whose value is known while the graph is built.

    data : the value, a read-only array.
    bare : whether it prints as a plain number: constants of compiled graphs do.

    >>> import gradcore.tensor as T
    >>> two = T.constant(2.0)
    >>> two, two.data, two.type
    (TensorConstant{2.0}, array(2.), TensorType(float64, scalar))
    """

    __slots__ = ("bare", "data")

    data: Array
    bare: bool

    def __init__(
        self, data: Any, dtype: str | None = None, name: str | None = None, bare: bool = False
    ) -> None:
        try:
            array = array_of(data)
        except TypeError as error:
            raise GraphTypeError(f"a constant {error}", here()) from None
        # Python's numbers become the dtype as they are, so that one that does not fit is an error.
        array = np.array(data if is_python(data) else array, dtype=dtype)
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


_serials = itertools.count()


def next_serial() -> int:
    """Return a number above the `Apply.serial` of all nodes so far, and below that of others."""
    return next(_serials)


class Apply(NodeParents):
    """An op applied to inputs.

    op, inputs, outputs : as given; the outputs must be new variables.
    where : the user's line that built it.
    serial : how many nodes were built before it.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> node = (2 * T.exp(x)).owner
    >>> node.op, node.inputs, node.inputs[1].owner.op
    (mul, (TensorConstant{2}, exp.0), exp)
    """

    __slots__ = ("__weakref__", "_shapes", "inputs", "op", "outputs", "serial", "where")

    op: Op
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    where: Location | None
    serial: int
    _shapes: Sequence[Shape] | None

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
        _set(self, "serial", next(_serials))
        _set(self, "_shapes", None)
        for index, output in enumerate(outputs):
            if output.owner is not None or isinstance(output, Constant):
                raise GraphValueError(f"{output} is already computed by {output.owner}")
            _set(output, "owner", self)
            _set(output, "index", index)
        if config.compute_test_value != "off":
            LANGUAGE["compute_test_values"](self)

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

    @property
    def shapes(self) -> Sequence[Shape]:
        """The shapes of the outputs by the shape rule of the op, in the graph; asked once."""
        if self._shapes is None:
            operands = [symbolic_operand(v) for v in self.inputs]
            _set(self, "_shapes", self.op.symbolic_shapes(self, operands))
        assert self._shapes is not None
        return self._shapes

    def with_inputs(self, inputs: Sequence[Variable]) -> Apply:
        """Return a node of the same op on other inputs, its outputs named alike."""
        if [new.type for new in inputs] == [old.type for old in self.inputs]:
            outputs = [Variable(old.type, old.name) for old in self.outputs]
            return Apply(self.op, inputs, outputs, self.where)
        with on_behalf_of(self.where):
            node = self.op.make_node(*inputs)
        for new, old in zip(node.outputs, self.outputs, strict=True):
            new.name = old.name
        return node


# expressions as variables ------------------------------------------------------------------------
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
    return Constant(numbers(x, others))


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
    return Operand(extents_of(variable), variable if value is None else value)


def extents_of(variable: Variable) -> tuple[Extent, ...]:
    """Return the extents of ``variable``: ints where known, else scalars of the graph."""
    return tuple(
        LANGUAGE["extent"](variable, axis) if known is None else known
        for axis, known in enumerate(variable.type.shape)
    )


# ops ---------------------------------------------------------------------------------------------
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
            conjugated(ct) if isinstance(ct, Variable) else LANGUAGE["zeros_like"](output)
            for ct, output in zip(cotangents, node.outputs, strict=True)
        ]
        return by_theano(node, op.L_op(list(node.inputs), list(node.outputs), given), wanted)

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any] | None:
        """Ask ``R_op``, if there is one."""
        if type(node.op).R_op is Op.R_op:
            return None
        given = [t if isinstance(t, Variable) else None for t in tangents]
        return list(node.op.R_op(list(node.inputs), given))


@dataclasses.dataclass(frozen=True)
class Sample:
    """An op and operands to test it on.

    >>> import gradcore.tensor as T
    >>> [arg.shape for arg in Sample(T.add, (Arg((3, 2)), Arg((2,)))).operands]
    [(3, 2), (2,)]
    """

    op: Op
    operands: tuple[Arg, ...]


class Op(Declaration[Variable, Apply]):
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

    >>> import gradcore.tensor as T
    >>> x = T.dmatrix("x")
    >>> op = T.sum(x, axis=1).owner.op
    >>> op, op(x).type
    (sum{axis=(1,)}, TensorType(float64, vector))
    """

    derivative: Derivative = TheanoMethods()
    """How it moves; by default, as Theano's methods say."""

    # building -----------------------------------------------------------------------------------
    def __call__(self, *arguments: Any, name: str | None = None) -> Any:
        """Return what the op applied to ``arguments`` means to the first reader among them.

        For variables and numbers: the output of a new node, or a list of several outputs.
        """
        for argument in arguments:
            if not isinstance(argument, Variable) and isinstance(argument, Operators):
                return argument.apply(self, arguments)
        outputs = self.make_node(*arguments).outputs
        if len(outputs) == 1:
            if name is not None:
                outputs[0].name = name
            return outputs[0]
        return list(outputs)

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node on ``inputs``, after checking them and typing the outputs.

        Raises GraphTypeError, ShapeError: the op does not take them, or not so many.
        """
        variables = tuple(map(as_variable, inputs))
        counts = operand_counts(type(self), Op)
        if counts is not None and not counts[0] <= len(variables) <= counts[1]:
            wanted = " to ".join(map(str, dict.fromkeys(counts)))
            raise GraphTypeError(f"{self} takes {wanted} operands, got {len(variables)}", here())
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
        node = Apply(self, variables, outputs)
        if any(v.type.is_complex for v in variables):
            refuse_complex(node)
        return node

    # testing ------------------------------------------------------------------------------------
    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return ops of this class with operands to test them on, enough to reach every line."""
        return ()

    @classmethod
    def edges(cls) -> Sequence[Sample]:
        """Return more, for values alone: derivatives are not finite there (singular matrices)."""
        return ()
