"""The rules of elementwise ops for dtypes: of the result, and in which operands are taken."""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.config import config
from gradcore.dtypes import DISCRETE, DTYPES
from gradcore.graph.types import upcast


# dtype rules: the dtype of the result, or TypeError("what it takes") ----------------------------
def promoted(*dtypes: str) -> str:
    """Return the dtype that holds all operands."""
    return upcast(*dtypes)


def numeric(*dtypes: str) -> str:
    """Return the dtype that holds all operands; booleans count as int8."""
    dtype = upcast(*dtypes)
    return "int8" if dtype == "bool" else dtype


def signed(*dtypes: str) -> str:
    """Return the dtype that holds all operands, which must not all be booleans."""
    dtype = upcast(*dtypes)
    if dtype == "bool":
        raise TypeError("takes numbers; cast booleans first, or use logic (^, ~)")
    return dtype


def floating(*dtypes: str) -> str:
    """Return the float dtype that holds all operands; ``config.floatX`` at least for integers."""
    dtype = upcast(*dtypes)
    return upcast(dtype, config.floatX) if dtype in DISCRETE else dtype


def real(*dtypes: str) -> str:
    """Return the dtype that holds all operands; of complex numbers that of their parts."""
    return DTYPES[upcast(*dtypes)].part


def boolean(*_dtypes: str) -> str:
    """Return bool."""
    return "bool"


def discrete(*dtypes: str) -> str:
    """Return the dtype that holds all operands, which must be integers or booleans."""
    dtype = upcast(*dtypes)
    if dtype not in DISCRETE:
        raise TypeError("takes integers or booleans")
    return dtype


def integral(*dtypes: str) -> str:
    """Return the dtype that holds all operands, which must be integers."""
    if discrete(*dtypes) == "bool":
        raise TypeError("takes integers")
    return upcast(*dtypes)


def words(*dtypes: str) -> str:
    """Return int64, the dtype in which operands of 64 bits are taken, and no other."""
    if set(dtypes) != {"int64"}:
        raise TypeError("takes int64")
    return "int64"


def second(_first: str, dtype: str) -> str:
    """Return the dtype of the second operand."""
    return dtype


def promoted_but_first(_first: str, *dtypes: str) -> str:
    """Return the dtype that holds all operands but the first."""
    return upcast(*dtypes)


def floating_but_first(_first: str, *dtypes: str) -> str:
    """Return the float dtype that holds all operands but the first, as of `floating`."""
    return floating(*dtypes)


# operand rules: the dtype in which each operand is taken ----------------------------------------
def as_result(given: Sequence[str], result: str) -> list[str]:
    """Take all operands in the dtype of the result."""
    return [result] * len(given)


def as_given(given: Sequence[str], result: str) -> list[str]:
    """Take all operands as they are."""
    return list(given)


def first_as_given(given: Sequence[str], result: str) -> list[str]:
    """Take the first operand as it is, the others in the dtype of the result."""
    return [given[0], *[result] * (len(given) - 1)]


def in_common(given: Sequence[str], result: str) -> list[str]:
    """Take all operands in the dtype that holds them all."""
    return [upcast(*given)] * len(given)
