"""Arrays on a device, whosever they are, and those that stay there.

Anything that says of itself that it is on a CUDA device is taken as it is: CuPy's arrays, and
those of torch, JAX, Numba ... by DLPack or ``__cuda_array_interface__``.  Nothing is copied, unless
elements are not consecutive in memory or not aligned; both protocols say what to wait for.

The decision: an array is recognized by its protocols, never by its type, so that a library that
comes tomorrow works.  Rejected: an import of each library that may be there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcore.errors import ArgumentError
from gradcore.shared import StoredArray
from gradcore_cuda.driver import Driver
from gradcore_cuda.staging import Piece

CUDA = (2, 13)
"""DLPack's numbers for memory of a CUDA device, and for memory that it shares with the host."""


# arrays of other libraries ----------------------------------------------------------------------
def described(value: Any) -> tuple[str, tuple[int, ...]] | None:
    """Return dtype and shape of an array on a CUDA device, whosever it is; None: it is none.

    Raises ArgumentError: it is one, and of a dtype that NumPy does not have.
    """
    if isinstance(value, Resident):
        return value.dtype.name, value.shape
    device = _device(value)
    if device is None:
        return None
    dtype = getattr(value, "dtype", None)
    if not isinstance(dtype, np.dtype):
        interface = _interface(value)
        if interface is None:
            name = str(dtype).rpartition(".")[2]  # torch.float32
            try:
                dtype = np.dtype(name)
            except TypeError:
                raise _no_dtype(value, name) from None
        else:
            dtype = np.dtype(interface["typestr"])
    if dtype.kind not in "biuf" or dtype.name == "bfloat16":
        raise _no_dtype(value, dtype.name)
    return dtype.name, tuple(value.shape)


def _no_dtype(value: Any, name: str) -> ArgumentError:
    return ArgumentError(
        f"an array of {type(value).__module__.partition('.')[0]} has the dtype {name}, which "
        "gradcore does not have",
        fix="convert it where it is: x.astype(...), or torch's x.float()",
    )


def _device(value: Any) -> int | None:
    """Return the number of the CUDA device that an array is on, or None."""
    ask = getattr(value, "__dlpack_device__", None)
    if ask is not None and not isinstance(value, np.ndarray):
        try:
            kind, number = ask()
        except (TypeError, ValueError, RuntimeError, BufferError):
            return None  # an array on several devices, say
        return int(number) if int(kind) in CUDA else None
    return None if _interface(value) is None else -1


def _interface(value: Any) -> Any:
    """Return the ``__cuda_array_interface__`` of an array, or None."""
    try:
        return getattr(value, "__cuda_array_interface__", None)
    except (RuntimeError, TypeError):  # torch: it requires a gradient, or has another dtype
        return None


def imported(value: Any, driver: Driver, stream: int) -> Any:
    """Return an array on a device as one of the driver's library, which shares its memory.

    What is given to ``stream``, the thread's current one, comes after what made the array.

    Raises ArgumentError: it is on another device, or cannot be shared.
    """
    if getattr(value, "requires_grad", False) and hasattr(value, "detach"):
        value = value.detach()
    number = _device(value)
    if number is not None and number >= 0 and number != driver.card.number:
        raise ArgumentError(
            f"an argument is on device {number}, and the function runs on device "
            f"{driver.card.number}",
            fix=f'move the array, or compile with Mode("cuda", device={number})',
        )
    try:
        return driver.imported(value, stream)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError(
            f"an array of {type(value).__module__.partition('.')[0]} cannot be shared: {error}",
            fix="pass it as an array of NumPy or CuPy",
        ) from None


class Resident(StoredArray):
    """The value of a shared variable, on a device.

    array : of the driver's library.
    """

    __slots__ = ("array", "driver")

    def __init__(self, array: Any, driver: Driver) -> None:
        self.array = array
        self.driver = driver

    @property
    def dtype(self) -> np.dtype[Any]:  # pyright: ignore[reportIncompatibleVariableOverride] - read only
        """The dtype of its elements, as NumPy has it."""
        return self.array.dtype

    @property
    def shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride] - read only
        """The number of elements along each axis."""
        return self.array.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Return it as an array of NumPy, when all that makes it has run."""
        found = downloaded(self.array, self.driver)
        return found if dtype is None else found.astype(dtype, copy=False)

    def __repr__(self) -> str:
        """Return the dtype, the shape and the device as text."""
        return f"<{self.dtype} {self.shape} on device {self.driver.card.number}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as an array of NumPy."""
        return np.array, (np.asarray(self),)


def as_numpy(value: Any, driver: Driver) -> np.ndarray[Any, Any]:
    """Return an array on the device, whosever it is, as one of NumPy."""
    if isinstance(value, Resident):
        return np.asarray(value)
    with driver.lock, driver.active():
        return downloaded(imported(value, driver, driver.stream()), driver)


def downloaded(array: Any, driver: Driver) -> np.ndarray[Any, Any]:
    """Return an array of the driver's library as one of NumPy."""
    with driver.lock, driver.active():
        stream = driver.stream()
        found = np.empty(array.shape, array.dtype)
        source = array if array.flags.c_contiguous else driver.consecutive(array)
        driver.staging.download(source.data.ptr, [Piece(0, found)], found.nbytes, stream)
    return found
