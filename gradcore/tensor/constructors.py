"""Variables and constants: ``T.dmatrix("x")``, ``T.tensor("x", "float32", (None, 3))`` ...

The letters are Theano's: b, w, i, l for integers of 8, 16, 32, 64 bits, f and d for floats, c and
z for complex numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcore.config import config
from gradcore.errors import GraphTypeError
from gradcore.graph import Constant, TensorType, Variable, as_variable, here
from gradcore.graph.types import StaticShape, static_shape

LETTER_DTYPES = (
    "int8", "int16", "int32", "int64", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


@dataclass(frozen=True)
class Constructor:
    """Makes variables of one shape: ``constructor(name)``.

    dtype : the dtype of all it makes; None: as asked for, by default ``config.floatX``.
    """

    shape: StaticShape
    dtype: str | None = None

    def __call__(
        self,
        name: str | None = None,
        dtype: str | None = None,
        shape: Sequence[int | bool | None] | None = None,
    ) -> Variable:
        """Return a new variable.

        shape : what is known of its extents, as of `tensor`.

        Raises GraphTypeError: it makes none of that dtype or rank.
        """
        if self.dtype is not None and dtype not in (None, self.dtype):
            raise GraphTypeError(f"this constructor makes {self.dtype}, not {dtype}", here())
        kind = TensorType(dtype or self.dtype or config.floatX, self.shape)
        if shape is not None:
            known = TensorType(kind.dtype, static_shape(shape))
            if not kind.accepts(known):
                raise GraphTypeError(f"this constructor makes {kind}, not {known}", here())
            kind = known
        return Variable(kind, name)


@dataclass(frozen=True)
class Plural:
    """Makes several variables: ``plural("x", "y")``, or ``plural(3)`` without names.

    >>> import gradcore.tensor as T
    >>> T.dscalars("x", "y")
    [x, y]
    """

    one: Constructor

    def __call__(self, *names: str | int, dtype: str | None = None) -> list[Variable]:
        """Return a list of new variables."""
        if len(names) == 1 and isinstance(names[0], int):
            return [self.one(None, dtype) for _ in range(names[0])]
        return [self.one(str(name), dtype) for name in names]


def _one(*shape: int | None) -> list[Constructor]:
    return [Constructor(shape, dtype) for dtype in LETTER_DTYPES]


def _many(ones: Sequence[Constructor]) -> list[Plural]:
    return [Plural(one) for one in ones]


scalar, vector = Constructor(()), Constructor((None,))
row, col, matrix = Constructor((1, None)), Constructor((None, 1)), Constructor((None, None))
tensor3, tensor4, tensor5 = (Constructor((None,) * n) for n in (3, 4, 5))
scalars, vectors, rows, cols, matrices = map(Plural, (scalar, vector, row, col, matrix))
tensor3s, tensor4s, tensor5s = map(Plural, (tensor3, tensor4, tensor5))

# fmt: off
_all = _one()
bscalar, wscalar, iscalar, lscalar, fscalar, dscalar, cscalar, zscalar = _all
bscalars, wscalars, iscalars, lscalars, fscalars, dscalars, cscalars, zscalars = _many(_all)
_all = _one(None)
bvector, wvector, ivector, lvector, fvector, dvector, cvector, zvector = _all
bvectors, wvectors, ivectors, lvectors, fvectors, dvectors, cvectors, zvectors = _many(_all)
_all = _one(1, None)
brow, wrow, irow, lrow, frow, drow, crow, zrow = _all
brows, wrows, irows, lrows, frows, drows, crows, zrows = _many(_all)
_all = _one(None, 1)
bcol, wcol, icol, lcol, fcol, dcol, ccol, zcol = _all
bcols, wcols, icols, lcols, fcols, dcols, ccols, zcols = _many(_all)
_all = _one(None, None)
bmatrix, wmatrix, imatrix, lmatrix, fmatrix, dmatrix, cmatrix, zmatrix = _all
bmatrices, wmatrices, imatrices, lmatrices, fmatrices, dmatrices, cmatrices, zmatrices = _many(_all)
_all = _one(*(None,) * 3)
btensor3, wtensor3, itensor3, ltensor3, ftensor3, dtensor3, ctensor3, ztensor3 = _all
btensor3s, wtensor3s, itensor3s, ltensor3s, ftensor3s, dtensor3s, ctensor3s, ztensor3s = _many(_all)
_all = _one(*(None,) * 4)
btensor4, wtensor4, itensor4, ltensor4, ftensor4, dtensor4, ctensor4, ztensor4 = _all
btensor4s, wtensor4s, itensor4s, ltensor4s, ftensor4s, dtensor4s, ctensor4s, ztensor4s = _many(_all)
_all = _one(*(None,) * 5)
btensor5, wtensor5, itensor5, ltensor5, ftensor5, dtensor5, ctensor5, ztensor5 = _all
btensor5s, wtensor5s, itensor5s, ltensor5s, ftensor5s, dtensor5s, ctensor5s, ztensor5s = _many(_all)
# fmt: on


def tensor(
    name: str | None = None,
    dtype: str | None = None,
    shape: Sequence[int | bool | None] = (),
) -> Variable:
    """Return a new variable of any type.

    shape : for each axis its extent, or None if that is not known; a known 1 broadcasts.

    >>> import gradcore.tensor as T
    >>> T.tensor("x", "float32", (None, 3)).type
    TensorType(float32, (?, 3))
    """
    return Variable(TensorType(dtype or config.floatX, static_shape(shape)), name)


def as_tensor_variable(
    x: Any, name: str | None = None, ndim: int | None = None, dtype: str | None = None
) -> Variable:
    """Return ``x`` as a variable: itself, or a constant, or a stack of variables.

    ndim : the rank that it must have; missing axes are added in front.
    dtype : the dtype of a constant.

    Raises GraphTypeError: ``x`` is nothing numeric, or has more axes than ``ndim``.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> T.as_tensor([x, 2 * x]).eval({x: 3.0}), T.as_tensor(1.5, ndim=2).type
    (array([3., 6.]), TensorType(float64, (1, 1)))
    """
    if dtype is not None and not isinstance(x, Variable):
        variable: Variable = Constant(x, dtype)
    else:
        variable = as_variable(x)
    if ndim is not None and variable.ndim != ndim:
        if variable.ndim > ndim:
            raise GraphTypeError(f"{variable} has {variable.ndim} axes, more than {ndim}", here())
        variable = variable.dimshuffle(*["x"] * (ndim - variable.ndim), *range(variable.ndim))
    if name is not None and variable is not x:
        variable.name = name
    return variable


as_tensor = as_tensor_variable


def constant(
    x: Any, name: str | None = None, ndim: int | None = None, dtype: str | None = None
) -> Variable:
    """Return a constant; a Python int takes the smallest dtype that holds it.

    >>> import gradcore.tensor as T
    >>> T.constant(2), T.constant(2).dtype
    (TensorConstant{2}, 'int8')
    """
    if isinstance(x, Variable):
        raise GraphTypeError(f"a constant is made of a value, not of the variable {x}", here())
    return as_tensor_variable(x, name, ndim, dtype)


__all__ = [name for name, value in globals().items() if isinstance(value, (Constructor, Plural))]  # pyright: ignore[reportUnsupportedDunderAll] - found, not listed
