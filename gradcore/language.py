"""The operators and methods of the tensor language, and the words behind them.

``exp(x) * y`` means one thing and is read by several readers: a variable builds a graph of it, a
rewrite pattern matches it, an unknown extent absorbs it.  `Operators` is the base of every
reader.  It knows only the *names* of words; ``LANGUAGE`` holds what they are, filled by the op
rows and by the functions of ``gradcore.tensor``.

The decision: variables have operators, operators make ops, ops make variables, and this dict is
the one seam that breaks the circle.  A test asserts that every word used here is defined.
Rejected: imports hidden in methods, and patching methods onto the class later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeAlias, TypeGuard, TypeVar

LANGUAGE: dict[str, Callable[..., Any]] = {}
"""What each word means: an op or a function of the tensor language."""

F = TypeVar("F", bound=Callable[..., Any])

Function: TypeAlias = (
    Callable[[], Any]
    | Callable[[Any], Any]
    | Callable[[Any, Any], Any]
    | Callable[[Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any, Any, Any, Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any, Any, Any, Any, Any, Any, Any, Any, Any], Any]
)
"""A function of expressions, such as the left side of a rule, a derivative, or a step of a loop.

A type for each number of parameters, since type checkers do not know those of a lambda that stands
where ``Callable[..., Any]`` is wanted.
"""


def define(name: str, meaning: F) -> F:
    """Make ``name`` mean ``meaning``, once, and return it."""
    if LANGUAGE.setdefault(name, meaning) is not meaning:
        raise ValueError(f"the word {name!r} is already defined")
    return meaning


def word(function: F) -> F:
    """Make the name of ``function`` mean it (a decorator)."""
    return define(function.__name__, function)


def is_several(given: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Return whether an argument that may be one thing or several is several."""
    return isinstance(given, (list, tuple))


def listed(given: Any) -> list[Any]:
    """Return an argument that may be one thing or several as a list; None is nothing."""
    if given is None:
        return []
    return list(given) if is_several(given) else [given]


def is_sparse_matrix(value: Any) -> bool:
    """Return whether a value is a sparse matrix, of a graph or of SciPy, which is no array."""
    return hasattr(value.__class__, "tocsr")


def operator(name: str, other: Any) -> Callable[..., Any]:
    """Return what an operator of two operands means: another word, if ``other`` is sparse."""
    meaning = f"sparse_{name}" if is_sparse_matrix(other) else name
    return LANGUAGE[meaning]


class Operators:
    """What can stand in an expression of the tensor language."""

    __slots__ = ()

    # NumPy and pandas step back, so that ``array + variable`` asks the variable.
    __array_priority__ = 1000
    __pandas_priority__ = 5000
    __array_ufunc__: Any = None

    def apply(self, op: Any, arguments: tuple[Any, ...]) -> Any:
        """Return what ``op(*arguments)`` means to this reader, ``self`` being an argument."""
        raise NotImplementedError

    # arithmetic ---------------------------------------------------------------------------------
    # fmt: off
    def __neg__(self) -> Self: return LANGUAGE["neg"](self)
    def __pos__(self) -> Self: return self
    def __abs__(self) -> Self: return LANGUAGE["abs"](self)
    def __invert__(self) -> Self: return LANGUAGE["invert"](self)
    def __add__(self, other: Any) -> Self: return operator("add", other)(self, other)
    def __radd__(self, other: Any) -> Self: return operator("add", other)(other, self)
    def __sub__(self, other: Any) -> Self: return operator("sub", other)(self, other)
    def __rsub__(self, other: Any) -> Self: return operator("sub", other)(other, self)
    def __mul__(self, other: Any) -> Self: return operator("mul", other)(self, other)
    def __rmul__(self, other: Any) -> Self: return operator("mul", other)(other, self)
    def __truediv__(self, other: Any) -> Self: return operator("true_div", other)(self, other)
    def __rtruediv__(self, other: Any) -> Self: return operator("true_div", other)(other, self)
    def __floordiv__(self, other: Any) -> Self: return LANGUAGE["int_div"](self, other)
    def __rfloordiv__(self, other: Any) -> Self: return LANGUAGE["int_div"](other, self)
    def __mod__(self, other: Any) -> Self: return LANGUAGE["mod"](self, other)
    def __rmod__(self, other: Any) -> Self: return LANGUAGE["mod"](other, self)
    def __divmod__(self, other: Any) -> tuple[Self, Self]: return self // other, self % other
    def __rdivmod__(self, other: Any) -> tuple[Self, Self]: return other // self, other % self
    def __pow__(self, other: Any) -> Self: return LANGUAGE["pow"](self, other)
    def __rpow__(self, other: Any) -> Self: return LANGUAGE["pow"](other, self)
    def __and__(self, other: Any) -> Self: return LANGUAGE["and_"](self, other)
    def __rand__(self, other: Any) -> Self: return LANGUAGE["and_"](other, self)
    def __or__(self, other: Any) -> Self: return LANGUAGE["or_"](self, other)
    def __ror__(self, other: Any) -> Self: return LANGUAGE["or_"](other, self)
    def __xor__(self, other: Any) -> Self: return LANGUAGE["xor"](self, other)
    def __rxor__(self, other: Any) -> Self: return LANGUAGE["xor"](other, self)
    def __lshift__(self, other: Any) -> Self: return LANGUAGE["left_shift"](self, other)
    def __rlshift__(self, other: Any) -> Self: return LANGUAGE["left_shift"](other, self)
    def __rshift__(self, other: Any) -> Self: return LANGUAGE["right_shift"](self, other)
    def __rrshift__(self, other: Any) -> Self: return LANGUAGE["right_shift"](other, self)
    def __matmul__(self, other: Any) -> Self: return operator("matmul", other)(self, other)
    def __rmatmul__(self, other: Any) -> Self: return operator("matmul", other)(other, self)
    def __lt__(self, other: Any) -> Self: return LANGUAGE["lt"](self, other)
    def __le__(self, other: Any) -> Self: return LANGUAGE["le"](self, other)
    def __gt__(self, other: Any) -> Self: return LANGUAGE["gt"](self, other)
    def __ge__(self, other: Any) -> Self: return LANGUAGE["ge"](self, other)
    def __getitem__(self, key: Any) -> Self: return LANGUAGE["getitem"](self, key)
    def __round__(self, digits: int = 0) -> Self: return LANGUAGE["round"](self, digits)
    def __ceil__(self) -> Self: return LANGUAGE["ceil"](self)
    def __floor__(self) -> Self: return LANGUAGE["floor"](self)
    def __trunc__(self) -> Self: return LANGUAGE["trunc"](self)
    # fmt: on

    def __bool__(self) -> bool:
        """Raise: a symbolic value is not known while the graph is built."""
        return LANGUAGE["truth"](self)


@word
def truth(_expression: Any) -> bool:
    """Raise: a symbolic value is not known while the graph is built."""
    raise TypeError(
        "a symbolic variable has no truth value while the graph is built: "
        "use T.switch or ifelse to choose by it, and T.eq(x, y) to compare"
    )


def _method(name: str, doc: str) -> Callable[..., Any]:
    """Return a method that calls the word ``name``."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return LANGUAGE[name](self, *arguments, **options)

    method.__name__, method.__doc__ = name, f"Return {doc}."
    return method


class ArrayMethods(Operators):
    """The methods of a NumPy array, on a variable."""

    __slots__ = ()

    # what NumPy and array-API code ask -----------------------------------------------------------
    def __array_namespace__(self, api_version: str | None = None) -> Any:
        """Return `gradcore.tensor`, the namespace of array-API code."""
        return LANGUAGE["namespace"]()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Return what a ufunc of NumPy means on variables: the word of its name."""
        return LANGUAGE["numpy_ufunc"](ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        """Return what a function of NumPy means on variables: the word of its name."""
        return LANGUAGE["numpy_function"](function, arguments, options)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return an array of the variable as an object, if that is asked for; else raise."""
        return LANGUAGE["numpy_array"](self, dtype)

    @property
    def _mask(self) -> Any:
        """What `numpy.ma` asks an operand for, whose masked array would come first."""
        return LANGUAGE["numpy_mask"](self)

    _data = _mask

    # shape --------------------------------------------------------------------------------------
    @property
    def shape(self) -> Self:
        """The extents, a vector of int64."""
        return LANGUAGE["shape"](self)

    @property
    def size(self) -> Self:
        """The number of elements, an int64 scalar."""
        return LANGUAGE["size"](self)

    @property
    def T(self) -> Self:  # noqa: N802 - NumPy's name
        """The array with its axes in reversed order."""
        return LANGUAGE["transpose"](self)

    @property
    def mT(self) -> Self:  # noqa: N802 - NumPy's name
        """The matrices in the last two axes, transposed."""
        return LANGUAGE["matrix_transpose"](self)

    @property
    def real(self) -> Self:
        """The real parts of the elements."""
        return LANGUAGE["real_part"](self)

    @property
    def imag(self) -> Self:
        """The imaginary parts of the elements."""
        return LANGUAGE["imaginary_part"](self)

    def transpose(self, *axes: Any) -> Self:
        """Return the array with its axes in the order ``axes`` (reversed, if none are given)."""
        return LANGUAGE["transpose"](self, *axes)

    def dimshuffle(self, *order: Any) -> Self:
        """Return the array with axes ``order``; ``'x'`` inserts an axis that broadcasts."""
        return LANGUAGE["dimshuffle"](self, *order)

    def reshape(self, *shape: Any, ndim: int | None = None) -> Self:
        """Return the same elements in another shape."""
        return LANGUAGE["reshape"](self, shape[0] if len(shape) == 1 else shape, ndim=ndim)

    def flatten(self, ndim: int = 1) -> Self:
        """Return the array with its last axes merged until ``ndim`` are left."""
        return LANGUAGE["flatten"](self, ndim)

    def ravel(self) -> Self:
        """Return the elements as a vector, in C order."""
        return LANGUAGE["flatten"](self, 1)

    def squeeze(self, axis: Any = None) -> Self:
        """Return the array without the axes whose extent is 1."""
        return LANGUAGE["squeeze"](self, axis)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """Return the array with two axes exchanged."""
        return LANGUAGE["swapaxes"](self, axis1, axis2)

    def repeat(self, repeats: Any, axis: int | None = None) -> Self:
        """Return the array with each element repeated."""
        return LANGUAGE["repeat"](self, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Return the diagonal of two axes, as the last axis."""
        return LANGUAGE["diagonal"](self, offset, axis1, axis2)

    def trace(self) -> Self:
        """Return the sum of the main diagonal."""
        return LANGUAGE["trace"](self)

    # dtype --------------------------------------------------------------------------------------
    def astype(self, dtype: str) -> Self:
        """Return the elements as ``dtype``."""
        return LANGUAGE["cast"](self, dtype)

    def copy(self, name: str | None = None) -> Self:
        """Return a variable of the same value."""
        return LANGUAGE["copy"](self, name)

    def fill(self, value: Any) -> Self:
        """Return ``value`` in the shape of this array."""
        return LANGUAGE["fill"](self, value)

    def zeros_like(self, dtype: str | None = None) -> Self:
        """Return zeros in the shape of this array."""
        return LANGUAGE["zeros_like"](self, dtype)

    def ones_like(self, dtype: str | None = None) -> Self:
        """Return ones in the shape of this array."""
        return LANGUAGE["ones_like"](self, dtype)

    # reductions ---------------------------------------------------------------------------------
    def sum(
        self,
        axis: Any = None,
        dtype: str | None = None,
        keepdims: bool = False,
        acc_dtype: str | None = None,
    ) -> Self:
        """Return the sum over ``axis``, added in ``acc_dtype``."""
        return LANGUAGE["sum"](self, axis, dtype, keepdims, acc_dtype)

    def prod(
        self,
        axis: Any = None,
        dtype: str | None = None,
        keepdims: bool = False,
        acc_dtype: str | None = None,
    ) -> Self:
        """Return the product over ``axis``, multiplied in ``acc_dtype``."""
        return LANGUAGE["prod"](self, axis, dtype, keepdims, acc_dtype)

    def mean(
        self,
        axis: Any = None,
        dtype: str | None = None,
        keepdims: bool = False,
        acc_dtype: str | None = None,
    ) -> Self:
        """Return the mean over ``axis``, added in ``acc_dtype``."""
        return LANGUAGE["mean"](self, axis, dtype, keepdims, acc_dtype)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Self:
        """Return the variance over ``axis``."""
        return LANGUAGE["var"](self, axis, ddof, keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Self:
        """Return the standard deviation over ``axis``."""
        return LANGUAGE["std"](self, axis, ddof, keepdims)

    def norm(self, ord: Any = 2, axis: Any = None, keepdims: bool = False, L: Any = None) -> Self:  # noqa: N803 - Theano's name
        """Return the norm of the elements over ``axis``; ``L`` is Theano's name of ``ord``."""
        return LANGUAGE["norm"](self, ord if L is None else L, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Return the largest element over ``axis``; NaN wins."""
        return LANGUAGE["max"](self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Return the smallest element over ``axis``; NaN wins."""
        return LANGUAGE["min"](self, axis, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Self:
        """Return the index of the first largest element over ``axis``."""
        return LANGUAGE["argmax"](self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Self:
        """Return the index of the first smallest element over ``axis``."""
        return LANGUAGE["argmin"](self, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Return whether an element over ``axis`` is true."""
        return LANGUAGE["any"](self, axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Self:
        """Return whether all elements over ``axis`` are true."""
        return LANGUAGE["all"](self, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Self:
        """Return the cumulative sum along ``axis``."""
        return LANGUAGE["cumsum"](self, axis)

    def cumprod(self, axis: int | None = None) -> Self:
        """Return the cumulative product along ``axis``."""
        return LANGUAGE["cumprod"](self, axis)

    # the rest -----------------------------------------------------------------------------------
    def dot(self, other: Any) -> Self:
        """Return the dot product with ``other``."""
        return LANGUAGE["dot"](self, other)

    def clip(self, low: Any, high: Any) -> Self:
        """Return the elements limited to ``low ... high``."""
        return LANGUAGE["clip"](self, low, high)

    def round(self, decimals: int = 0) -> Self:
        """Return the elements rounded, halves to even."""
        return LANGUAGE["round"](self, decimals)

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Self:
        """Return the elements at ``indices`` along ``axis``."""
        return LANGUAGE["take"](self, indices, axis, mode)

    def sort(self, axis: int | None = -1, kind: str | None = None, order: None = None) -> Self:
        """Return the elements in ascending order along ``axis``; of any ``kind``, it is stable."""
        return LANGUAGE["sort"](self, axis)

    def argsort(self, axis: int | None = -1, kind: str | None = None, order: None = None) -> Self:
        """Return the indices that sort the elements along ``axis``; of any ``kind``, stably."""
        return LANGUAGE["argsort"](self, axis)

    def set(self, value: Any) -> Self:
        """Return the tensor of which this is a part, ``x[index]``, with ``value`` in its place."""
        return LANGUAGE["set_subtensor"](self, value)

    def inc(self, value: Any) -> Self:
        """Return the tensor of which this is a part, ``x[index]``, with ``value`` added to it."""
        return LANGUAGE["inc_subtensor"](self, value)

    def compress(self, condition: Any, axis: int | None = None) -> Self:
        """Return the parts along ``axis`` where ``condition`` is true."""
        return LANGUAGE["compress"](condition, self, axis)

    # fmt: off
    exp = _method("exp", "e to the power of each element")
    exp2 = _method("exp2", "2 to the power of each element")
    expm1 = _method("expm1", "exp(x) - 1 of each element")
    log = _method("log", "the natural logarithm of each element")
    log2 = _method("log2", "the logarithm to base 2 of each element")
    log10 = _method("log10", "the logarithm to base 10 of each element")
    log1p = _method("log1p", "log(1 + x) of each element")
    sqrt = _method("sqrt", "the square root of each element")
    sqr = _method("sqr", "the square of each element")
    sin = _method("sin", "the sine of each element")
    cos = _method("cos", "the cosine of each element")
    tan = _method("tan", "the tangent of each element")
    arcsin = _method("arcsin", "the inverse sine of each element")
    arccos = _method("arccos", "the inverse cosine of each element")
    arctan = _method("arctan", "the inverse tangent of each element")
    sinh = _method("sinh", "the hyperbolic sine of each element")
    cosh = _method("cosh", "the hyperbolic cosine of each element")
    tanh = _method("tanh", "the hyperbolic tangent of each element")
    arcsinh = _method("arcsinh", "the inverse hyperbolic sine of each element")
    arccosh = _method("arccosh", "the inverse hyperbolic cosine of each element")
    arctanh = _method("arctanh", "the inverse hyperbolic tangent of each element")
    sigmoid = _method("sigmoid", "the logistic function of each element")
    abs = _method("abs", "the absolute value of each element")
    sign = _method("sign", "the sign of each element")
    floor = _method("floor", "the largest integer not above each element")
    ceil = _method("ceil", "the smallest integer not below each element")
    trunc = _method("trunc", "the integer next to each element towards 0")
    deg2rad = _method("deg2rad", "each element, in degrees, as radians")
    rad2deg = _method("rad2deg", "each element, in radians, as degrees")
    conj = _method("conjugate", "the complex conjugate of each element")
    isnan = _method("isnan", "where elements are NaN")
    isinf = _method("isinf", "where elements are infinite")
    isfinite = _method("isfinite", "where elements are neither infinite nor NaN")
    ptp = _method("ptp", "the largest minus the smallest element over ``axis``")
    cummax = _method("cummax", "the largest element so far along ``axis``")
    cummin = _method("cummin", "the smallest element so far along ``axis``")
    choose = _method("choose", "at each place the element of the choice that this one names")
    searchsorted = _method("searchsorted", "where to insert elements to keep the vector sorted")
    partition = _method("partition", "the elements with that number ``kth`` where sorting puts it")
    argpartition = _method("argpartition", "the indices that make a partition")
    nonzero_values = _method("nonzero_values", "the elements that are not 0, a vector")
    # fmt: on

    def nonzero(self, return_matrix: bool = False) -> Any:
        """Return the indices of the elements that are not zero, a vector an axis, or in rows."""
        return LANGUAGE["nonzero"](self, return_matrix)

    def eval(self, inputs_to_values: Any = None, mode: Any = None) -> Any:
        """Return the value, given values of the variables that it depends on."""
        return LANGUAGE["eval"](self, inputs_to_values, mode)

    def _repr_svg_(self) -> str | None:
        """Return a picture for a notebook, where graphviz is installed and can draw it."""
        return LANGUAGE["svg_of"](self)

    def _repr_html_(self) -> str | None:
        """Return a tree for a notebook, where there is no picture."""
        return LANGUAGE["html_of"](self)
