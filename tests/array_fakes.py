"""Arrays and columns of no library: each has one protocol by which libraries know one another."""

import numpy as np

from gradcore.graph.array_likes import ON_CPU


class DLPackOnly:
    """An array that is read by DLPack alone."""

    def __init__(self, array, device=ON_CPU[0]):
        self.array = np.asarray(array)
        self.device = device

    def __dlpack__(self, **options):
        assert self.device in ON_CPU, "asked for memory that the CPU does not read"
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device, 0


class ArrayOnly:
    """An array that NumPy asks for itself."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __array__(self, dtype=None, copy=None):
        return self.array


class OnCuda:
    """An array on a device, as CuPy, Numba and torch describe it."""

    @property
    def __cuda_array_interface__(self):
        return {"shape": (3,), "typestr": "<f8", "data": (0, False), "version": 3}


class Refuses:
    """A tensor whose library does not want it read, as torch with ``requires_grad``."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach() first\nand more lines")


class Counted(ArrayOnly):
    """A column that counts its missing values, as those of polars and Arrow: by method or not."""

    def __init__(self, array, missing, called=True):
        super().__init__(array)
        self.null_count = (lambda: missing) if called else missing


class Nullable:
    """A dtype of pandas whose missing value is no number."""

    na_value = None


class Column(ArrayOnly):
    """A column, or a table, as those of pandas: it says which values are missing.

    dtypes : one, or one for each column.
    """

    def __init__(self, array, dtypes):
        super().__init__(array)
        self.dtypes = dtypes

    def isna(self):
        return np.isnan(self.array)

    def fillna(self, value):
        return Column(np.where(self.isna(), value, self.array), self.dtypes)
