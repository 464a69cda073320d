"""What ``theano.tensor`` means otherwise than `gradcore.tensor`, under the same names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcore import gradient, tensor
from gradcore.dtypes import DISCRETE
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Constant, TensorType, Variable, ancestors, as_variable, here
from gradcore.language import is_several, listed
from gradcore.ops.elementwise import Elementwise, floating
from gradcore.shared import SharedVariable
from gradcore.tensor.constructors import Constructor, Plural

COMPARISONS = ("lt", "le", "gt", "ge", "eq", "neq")
SMALL = ("bool", "int8", "int16", "uint8", "uint16")
"""The integers whose functions are float32 in Theano, whatever ``floatX`` is."""


def truth(x: Any) -> bool:
    """Return True, as ``bool(variable)`` does in Theano.

    Raises TypeError: ``x`` is a comparison, of which the result is not known yet.
    """
    owner = getattr(x, "owner", None)
    if owner is not None and isinstance(owner.op, Elementwise) and owner.op.name in COMPARISONS:
        raise TypeError(
            f"{x} has no truth value while the graph is built: use T.switch or ifelse to choose "
            "by a comparison"
        )
    return True


# types ------------------------------------------------------------------------------------------
class Kind(type):
    """The type of a class that stands for a class of gradcore's, or for some of its instances.

    ``of`` says which objects are instances, ``make`` what a call makes.
    """

    of: Callable[[Any], bool]
    make: Callable[..., Any]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return what a call of the class that it stands for makes."""
        return cls.make(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        """Return whether Theano calls ``instance`` one of these."""
        return cls.of(instance)


def tensor_type(
    dtype: str, broadcastable: Any = (), name: str | None = None, sparse_grad: bool = False
) -> TensorType:
    """Return a type by its dtype and, for each axis, whether it broadcasts."""
    return TensorType(dtype, broadcastable)


def _is_type(x: Any) -> bool:
    return isinstance(x, TensorType)


def _is_plain(x: Any) -> bool:
    return isinstance(x, Variable) and not isinstance(x, Constant | SharedVariable)


def _plain(type: TensorType, owner: Any = None, index: Any = None, name: Any = None) -> Variable:
    return type(name)


class TensorKind(metaclass=Kind):
    """``theano.tensor.TensorType``: the type of a tensor, by its dtype and broadcast pattern."""

    of = staticmethod(_is_type)
    make = staticmethod(tensor_type)


class TensorVariableKind(metaclass=Kind):
    """``theano.tensor.TensorVariable``: a variable that is neither shared nor constant."""

    of = staticmethod(_is_plain)
    make = staticmethod(_plain)


def _plural(one: Constructor) -> Callable[..., list[Variable]]:
    """Return what makes several variables: of one text, a variable for each character."""

    def several(*names: Any, dtype: str | None = None) -> list[Variable]:
        wanted = names[0] if len(names) == 1 and not isinstance(names[0], int) else names
        return Plural(one)(*wanted, dtype=dtype)

    several.__doc__ = "Return a list of variables, by their names or by how many there are."
    return several


def _constructors() -> dict[str, Any]:
    """Return the constructors: those of one dtype are types."""
    found: dict[str, Any] = {}
    for name, value in vars(tensor).items():
        if isinstance(value, Plural):
            found[name] = _plural(value.one)
        elif isinstance(value, Constructor) and value.dtype is not None:
            found[name] = TensorType(value.dtype, value.shape)
    return found


CONSTRUCTORS = _constructors()


def new_tensor(*args: Any, name: str | None = None, **kwargs: Any) -> Variable:
    """Return a variable of ``TensorType(*args, **kwargs)``."""
    return tensor_type(*args, **kwargs)(name)


def scalar_constant(v: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """Return the value of a scalar that is known while the graph is built, an array of no axes.

    Raises NotScalarConstantError.
    """
    variable = as_variable(v)
    if not isinstance(variable, Constant) and not only_process_constants:
        inputs = [x for x in ancestors([variable]) if x.owner is None]
        if all(isinstance(x, Constant) for x in inputs):
            return scalar_constant(variable.eval())
    if isinstance(variable, Constant) and variable.is_scalar:
        return np.asarray(variable.data.flat[0])
    raise NotScalarConstantError(f"{variable} is no scalar that is known")


class NotScalarConstantError(Exception):
    """A scalar is not known while the graph is built."""


class EmptyConstantError(NotScalarConstantError):
    """A constant has no elements."""


def vector_length(v: Any) -> int:
    """Return the number of elements of a vector, if its type or what makes it says so.

    Raises ValueError: it is not known.
    """
    variable = as_variable(v)
    if variable.ndim != 1:
        raise TypeError(f"{variable} is no vector, but {variable.type}")
    known = variable.type.shape[0]
    if known is None:
        raise ValueError(f"the length of {variable} is not known while the graph is built")
    return known


# broadcast patterns -----------------------------------------------------------------------------
def addbroadcast(x: Any, *axes: int) -> Variable:
    """Return ``x``, whose extents along ``axes`` are 1, as one that broadcasts there."""
    return tensor.specify_broadcastable(x, *axes)


def unbroadcast(x: Any, *axes: int) -> Variable:
    """Return ``x``: an extent that is known to be 1 does not keep a state of a scan from growing.

    gradcore broadcasts what is known to be 1, and a state of `scan` may not change its extents.
    """
    return as_variable(x)


def patternbroadcast(x: Any, broadcastable: Any) -> Variable:
    """Return ``x``, which broadcasts along the axes for which ``broadcastable`` says so."""
    axes = [axis for axis, one in enumerate(broadcastable) if one]
    return tensor.specify_broadcastable(x, *axes) if axes else as_variable(x)


# functions --------------------------------------------------------------------------------------
class SmallFloats:
    """A function of floats that makes float32 of small integers, as Theano does."""

    def __init__(self, op: Elementwise) -> None:
        self.op = op
        self.__name__ = op.name
        self.__doc__ = op.__doc__

    def __call__(self, *operands: Any, **options: Any) -> Any:
        """Return the function of operands; small integers are cast to float32 first."""
        given = [as_variable(x) for x in operands]
        if all(v.dtype in SMALL for v in given):
            return self.op(*(v.astype("float32") for v in given), **options)
        return self.op(*operands, **options)

    def __eq__(self, other: object) -> bool:
        """Return whether ``other`` is this function, or the op that it applies."""
        return self.op == (other.op if isinstance(other, SmallFloats) else other)

    def __hash__(self) -> int:
        """Hash the op."""
        return hash(self.op)


def small_floats() -> dict[str, Any]:
    """Return the functions of one operand that make floats of integers, by name."""
    return {
        name: SmallFloats(op)
        for name, op in vars(tensor).items()
        if isinstance(op, Elementwise) and op.operands == 1 and op.result is floating
    }


def rounded(a: Any, mode: str = "half_to_even") -> Variable:
    """Return ``a`` rounded, halves to the even neighbour or away from zero.

    Raises GraphValueError: another ``mode``.
    """
    if mode == "half_to_even":
        return tensor.round(a)
    if mode == "half_away_from_zero":
        return tensor.sign(a) * tensor.floor(tensor.abs(a) + 0.5)
    raise GraphValueError(f"mode is half_to_even or half_away_from_zero, not {mode!r}", here())


def iround(a: Any, mode: str = "half_to_even") -> Variable:
    """Return ``a`` rounded, as int64."""
    return rounded(a, mode).astype("int64")


def mean(
    input: Any,
    axis: Any = None,
    dtype: str | None = None,
    op: bool = False,
    keepdims: bool = False,
    acc_dtype: str | None = None,
) -> Variable:
    """Return the mean over ``axis``; of integers it is float64, as in Theano.

    acc_dtype : the dtype in which is summed.
    """
    x = as_variable(input)
    if dtype is None:
        dtype = "float64" if x.dtype in DISCRETE else x.dtype
    return tensor.mean(x, axis, dtype, keepdims, acc_dtype)


def prod(
    input: Any,
    axis: Any = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
    no_zeros_in_input: bool = False,
) -> Variable:
    """Return the product over ``axis``; its gradient is right where there are zeros, in any case.

    acc_dtype : the dtype in which is multiplied.
    """
    found = tensor.prod(input, axis, acc_dtype or dtype, keepdims)
    return found if dtype is None else found.astype(dtype)


def var(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Variable:
    """Return the variance over ``axis``, of deviations: there is no error to be corrected."""
    return tensor.var(input, axis, ddof, keepdims)


def std(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Variable:
    """Return the standard deviation over ``axis``."""
    return tensor.std(input, axis, ddof, keepdims)


def flatten(x: Any, ndim: int | None = None, outdim: int | None = None) -> Variable:
    """Return ``x`` with its last axes merged until ``ndim`` (once ``outdim``) are left."""
    return tensor.flatten(x, ndim or outdim or 1)


def sort(self: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Variable:
    """Return the elements in ascending order along ``axis``, whatever algorithm ``kind`` names."""
    return tensor.sort(self, axis)


def argsort(self: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Variable:
    """Return the indices that sort along ``axis``, whatever algorithm ``kind`` names."""
    return tensor.argsort(self, axis)


def topk(
    x: Any,
    kth: Any,
    axis: int = -1,
    sorted: bool = True,
    idx_dtype: str = "int64",
) -> Variable:
    """Return the ``kth`` largest elements along ``axis``, with a negative ``kth`` the smallest."""
    return tensor.take_along_axis(x, argtopk(x, kth, axis), axis)


def argtopk(
    x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> Variable:
    """Return the indices of the ``kth`` largest elements, with a negative ``kth`` the smallest."""
    order = tensor.argsort(x if kth < 0 else -as_variable(x), axis)
    first = (*(slice(None),) * (axis % order.ndim), slice(abs(kth)))
    return order[first].astype(idx_dtype)


def topk_and_argtopk(
    x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> list[Variable]:
    """Return the ``kth`` largest elements and their indices; of a negative ``kth`` the smallest."""
    return [topk(x, kth, axis), argtopk(x, kth, axis, sorted, idx_dtype)]


def usmm(alpha: Any, x: Any, y: Any, z: Any) -> Any:
    """Return ``alpha * dot(x, y) + z``, of which ``x`` or ``y`` is a sparse matrix."""
    return tensor.sparse.dot(x, y) * alpha + z


def inverse_permutation(perm: Any) -> Variable:
    """Return the permutation that undoes ``perm``, or each row of it."""
    return tensor.argsort(perm, -1)


def to_one_hot(y: Any, nb_class: Any, dtype: str | None = None) -> Variable:
    """Return rows that are 1 at the place that ``y`` names, and 0 elsewhere."""
    return tensor.nn.one_hot(y, nb_class, dtype)


def ceil_intdiv(a: Any, b: Any) -> Variable:
    """Return the least integers that are not below ``a / b``, for integers."""
    return -(-as_variable(a) // b)


def permute_row_elements(x: Any, y: Any) -> Variable:
    """Return the elements of each row of ``x`` in the order that ``y``, or its row, says."""
    rows, order = as_variable(x), as_variable(y)
    like = order + tensor.zeros_like(rows, dtype=order.dtype)
    return tensor.take_along_axis(rows, like, -1)


def identity_like(x: Any) -> Variable:
    """Return the identity matrix of the shape and dtype of a matrix."""
    variable = as_variable(x)
    return tensor.eye(variable.shape[0], variable.shape[1], 0, variable.dtype)


def largest(*args: Any) -> Variable:
    """Return the largest of tensors, at each place."""
    return functools.reduce(tensor.maximum, args[1:], as_variable(args[0]))


def smallest(*args: Any) -> Variable:
    """Return the smallest of tensors, at each place."""
    return functools.reduce(tensor.minimum, args[1:], as_variable(args[0]))


def stack(*tensors: Any, axis: int = 0) -> Variable:
    """Return tensors along a new axis: of a list of them, or of several by position, as of old."""
    if is_several(tensors[0]):
        return tensor.stack(tensors[0], tensors[1] if len(tensors) == 2 else axis)
    return tensor.stack(tensors, axis)


def default(x: Any, default: Any) -> Any:
    """Return ``x``, or ``default`` if ``x`` is None."""
    return default if x is None else x


def rop(f: Any, wrt: Any, eval_points: Any, **options: Any) -> Any:
    """Return ``Rop``; where only the shape of ``f`` depends on ``wrt`` it is zero, and no error.

    So it is of the gradient of a linear cost.
    """
    reached = set(ancestors(listed(f)))
    if all(v in reached for v in listed(wrt)):
        options = {"disconnected_outputs": "ignore", **options}
    return gradient.Rop(f, wrt, eval_points, **options)


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> Variable:
    """Return ``x`` as a variable; with ``ndim`` also one that has more axes of extent 1 in front.

    Raises GraphTypeError: it has more axes than ``ndim``, and the first of them are not known to
    be 1.
    """
    found = tensor.as_tensor_variable(x)
    if ndim is not None and found.ndim > ndim:
        extra = found.ndim - ndim
        if any(n != 1 for n in found.type.shape[:extra]):
            raise GraphTypeError(f"{found} has {found.ndim} axes, more than {ndim}", here())
        found = found.dimshuffle(*range(extra, found.ndim))
    return tensor.as_tensor_variable(found, name, ndim)


def in_place() -> dict[str, Any]:
    """Return ``exp_inplace`` ...: where results stand is decided when a graph is compiled."""
    return {
        f"{name}_inplace": op for name, op in vars(tensor).items() if isinstance(op, Elementwise)
    }
