"""What may stand where an array is wanted: arrays of other libraries, and columns of tables.

The decision: libraries are known by the protocols of their arrays (``__array__``, buffers, DLPack,
``__cuda_array_interface__``) and by what their columns say of missing values, never by name: none
is imported.  What NumPy would take and lose something of (a mask, missing values), or take for
numbers (text, dates), is an error that says what to do.  Rejected: a copy from a device to the CPU
that nobody asked for.

An error here is a TypeError, in words without a subject: who knows the name puts it in front.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
"""An array of NumPy.

>>> def mirrored(x: Array) -> Array:
...     return np.concatenate([x, x[::-1]])
>>> mirrored(np.array([1, 2]))
array([1, 2, 2, 1])
"""

MASKED = (
    "cannot be a NumPy masked array, whose mask would be lost: fill it "
    "(values.filled(0)), and give values.mask as a tensor of its own"
)
"""What is wrong with one."""

ON_CPU = (1, 3, 11, 13)
"""DLPack's types of devices whose memory the CPU reads: its own, pinned, and managed by CUDA."""

DEVICES = {2: "a CUDA device", 8: "a device of Metal", 10: "a ROCm device"}
"""Others, for messages."""


def array_of(value: Any) -> Array:
    """Return ``value`` as an array of numbers, of no subclass, in the byte order of the machine.

    Memory is shared where the library of ``value`` allows it.  Python ints of more than 64 bits
    stay Python's, in an array of objects.

    Raises TypeError: no numbers, or numbers that an array cannot have as they are.
    """
    array = value if type(value) is np.ndarray else _read(value)
    kind = array.dtype.kind
    if kind in "biufc":
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if kind == "V" and array.dtype.fields is None:  # of a library: bfloat16, float8
        return array
    if kind != "O" or widest(array) is None:
        raise TypeError(_no_numbers(array, value))
    return array


def is_python(value: Any) -> bool:
    """Return whether ``value`` is made of Python numbers: they have no precision of their own."""
    return isinstance(value, (bool, int, float, complex, list, tuple, range)) and not isinstance(
        value, np.generic
    )


def widest(array: Array) -> int | None:
    """Return the largest of Python ints that NumPy keeps as objects; None: it has others."""
    whole = array.dtype == object and all(type(item) is int for item in array.flat)
    return max(array.flat, key=abs, default=None) if whole else None


# what is refused --------------------------------------------------------------------------------
def _read(value: Any) -> Array:
    """Return what NumPy makes of a value, if nothing is lost."""
    _refuse_masked_and_missing(value)
    kind: Any = value.__class__
    by_dlpack = hasattr(kind, "__dlpack__") and not hasattr(kind, "__array__")
    if by_dlpack:
        _refuse_device(value)
    try:
        array = np.from_dlpack(value) if by_dlpack else np.asarray(value)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        what = f"is a {kind.__name__}, which cannot be read as an array"
        raise TypeError(f"{what}: {_first_line(error)}") from error
    if array.dtype == object and array.ndim == 0 and hasattr(kind, "__cuda_array_interface__"):
        raise TypeError(_on_device("a CUDA device"))
    return array


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _refuse_masked_and_missing(value: Any) -> None:
    """Raise TypeError for a masked array, a column with missing values, and a list with either."""
    if isinstance(value, (list, tuple)):
        items: Any = value  # pyright: ignore[reportUnknownVariableType] - of anything
        if items and not isinstance(items[0], (int, float)):
            for item in items:
                _refuse_masked_and_missing(item)
    elif isinstance(value, np.ma.MaskedArray):
        raise TypeError(MASKED)
    elif not isinstance(value, (np.ndarray, Number)):
        missing = _missing(value)
        if missing:
            fill = "fillna" if hasattr(value, "fillna") else "fill_null"
            raise TypeError(
                f"cannot have missing values, of which there are {missing}: fill them "
                f"(values.{fill}(0)), or drop their rows"
            )


def _missing(value: Any) -> int:
    """Return how many values a column or table lacks that are no NaN, as pandas, polars, Arrow say.

    A column of pandas whose dtype is NumPy's, or whose missing value is NaN, has numbers only.
    """
    counted: Any = getattr(value, "null_count", None)
    if counted is not None:
        return int(np.sum(np.asarray(counted() if callable(counted) else counted)))
    isna: Any = getattr(value, "isna", None)
    if isna is None:
        return 0
    dtypes: Any = getattr(value, "dtypes", getattr(value, "dtype", None))
    if not isinstance(dtypes, Iterable):
        return int(np.asarray(isna()).sum()) if _has_missing(dtypes) else 0
    # Of a table: one for each column.
    columns = [k for k, dtype in enumerate(dtypes) if _has_missing(dtype)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any library
    table: Array = np.asarray(isna())
    return int(table[:, columns].sum())


def _has_missing(dtype: Any) -> bool:
    """Return whether a dtype of a column has a missing value that is no number."""
    return not isinstance(getattr(dtype, "na_value", np.nan), float)


def _refuse_device(value: Any) -> None:
    """Raise TypeError for an array in memory that the CPU does not read."""
    ask: Any = getattr(value, "__dlpack_device__", None)
    device = ON_CPU[0] if ask is None else int(ask()[0])
    if device not in ON_CPU:
        raise TypeError(_on_device(DEVICES.get(device, f"a device of DLPack's type {device}")))


def _on_device(where: str) -> str:
    return (
        f"must be in the memory of the CPU, and is on {where}: copy it, or compile for a backend "
        'that takes such arrays, as mode="cuda" does'
    )


def _no_numbers(array: Array, value: Any) -> str:
    """Return what is wrong with an array that has no numbers."""
    kind = array.dtype.kind
    itself = isinstance(value, (np.ndarray, str, bytes))
    given = "" if itself else f", in a {type(value).__name__}"
    if kind in "mM":
        return (
            f"must be numbers, not dates or times ({array.dtype}{given}): "
            'count them, as (t - t[0]) / np.timedelta64(1, "s") does'
        )
    if kind == "V":
        fields = array.dtype.names or ()
        first = fields[0] if fields else "name"
        return f"must be numbers, not records{given}: take a field, values[{first!r}]"
    if kind in "SU" or (array.ndim and all(isinstance(item, str) for item in array.flat)):
        return f"must be numbers, not text{given}: {_convert(array, value)}"
    if array.ndim == 0:
        return f"must be numbers, not {_named(array.item(), value)}"
    wrong = next((k for k, item in np.ndenumerate(array) if not _is_number(item)), None)
    if wrong is None:
        return f"must be numbers of one dtype, not objects{given}: {_convert(array, value)}"
    item: Any = array[wrong]
    if item is None:
        return f"cannot have missing values, and element {_index(wrong)} is None{given}"
    return f"must be numbers, and element {_index(wrong)} is {_named(item, array)}{given}"


def _convert(array: Array, value: Any) -> str:
    """Return how to convert what is no array of numbers: for columns, with their own methods."""
    if hasattr(value, "astype") and hasattr(value, "cat"):
        return "give the categories' numbers (values.cat.codes), or a column for each"
    if hasattr(value, "to_physical") and array.dtype == object and isinstance(array.flat[0], str):
        return "give the categories' numbers (values.to_physical()), or a column for each"
    if hasattr(value, "cast"):
        return "convert it, as values.cast(float) does"
    if isinstance(value, (str, bytes)):
        return "convert it, as float(text) does"
    how = "values" if hasattr(value, "astype") else "np.asarray(values)"
    return f'convert it, as {how}.astype("float64") does'


def _named(item: Any, value: Any) -> str:
    """Return what something is that is no number, with its text if that is short."""
    if item is None:
        return "None"
    kind = type(item).__name__
    if item is value:
        return f"a {kind}"
    text = repr(item)
    return f"{text} ({kind})" if len(text) < 40 and "\n" not in text else f"a {kind}"


def _is_number(item: Any) -> bool:
    return isinstance(item, (Number, np.bool_))


def _index(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]"
