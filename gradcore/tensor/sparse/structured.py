"""Functions of the elements that a sparse matrix stores, in the same pattern.

Those under a plain name are zero at zero, so that the result is the function of all elements, where
no place has several; Theano's ``structured_`` ones leave out what is not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcore.graph import Variable
from gradcore.graph.nodes import as_variable
from gradcore.ops import scalars
from gradcore.tensor.logic import deg2rad as degrees_in_radians
from gradcore.tensor.logic import rad2deg as radians_in_degrees
from gradcore.tensor.sparse.matrix import SparseVariable, as_sparse


class OfElements:
    """A function of a sparse matrix that maps its elements: ``T.sparse.sqrt(A)``.

    function : of a vector.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[0.0, 4.0], [9.0, 0.0]])
    >>> T.sparse.sqrt(a).toarray().eval().tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """

    def __init__(self, function: Callable[..., Variable], name: str) -> None:
        self.function = function
        self.__name__ = name
        self.__doc__ = f"Return {name} of each element that a sparse matrix stores."

    def __call__(self, x: Any, *others: Any) -> SparseVariable:
        """Return the matrix; other arguments are numbers."""
        a = as_sparse(x)
        numbers = [as_variable(other, (a.dtype,)) for other in others]
        return a.with_data(self.function(a.data, *numbers))

    def __repr__(self) -> str:
        """Return the name."""
        return f"<sparse {self.__name__}>"


arcsin = OfElements(scalars.arcsin, "arcsin")
arcsinh = OfElements(scalars.arcsinh, "arcsinh")
arctan = OfElements(scalars.arctan, "arctan")
arctanh = OfElements(scalars.arctanh, "arctanh")
ceil = OfElements(scalars.ceil, "ceil")
deg2rad = OfElements(degrees_in_radians, "deg2rad")
expm1 = OfElements(scalars.expm1, "expm1")
floor = OfElements(scalars.floor, "floor")
log1p = OfElements(scalars.log1p, "log1p")
neg = OfElements(scalars.neg, "neg")
rad2deg = OfElements(radians_in_degrees, "rad2deg")
sign = sgn = OfElements(scalars.sign, "sign")
sin = OfElements(scalars.sin, "sin")
sinh = OfElements(scalars.sinh, "sinh")
sqr = OfElements(scalars.sqr, "sqr")
sqrt = OfElements(scalars.sqrt, "sqrt")
tan = OfElements(scalars.tan, "tan")
tanh = OfElements(scalars.tanh, "tanh")
trunc = OfElements(scalars.trunc, "trunc")
structured_abs = OfElements(scalars.abs, "abs")
structured_add = OfElements(scalars.add, "add")
structured_exp = OfElements(scalars.exp, "exp")
structured_log = OfElements(scalars.log, "log")
structured_maximum = OfElements(scalars.maximum, "maximum")
structured_minimum = OfElements(scalars.minimum, "minimum")
structured_pow = OfElements(scalars.pow, "pow")
structured_sigmoid = OfElements(scalars.sigmoid, "sigmoid")
