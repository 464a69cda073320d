"""What a backend of a test takes from NumPy."""

import numpy as np

from gradcore.backend import ArrayBackend


class NumpyArrays(ArrayBackend):
    """A backend on NumPy's arrays, which has its own kernels, and NumPy's by name (abstract)."""

    namespaces = (np,)

    def array(self, value):
        return np.asarray(value)

    def numpy(self, array):
        return np.asarray(array)

    def cast(self, array, dtype):
        return np.asarray(array, dtype)
