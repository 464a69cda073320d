"""Loops written by hand in C, for the cases that have a simple limit: see loops.c."""

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from scipy.linalg import cython_blas

from peers.program import NotHere, Program

FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC")
THREADS = os.cpu_count() or 1


@cache
def _library():
    """Return the compiled loops."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "loops.so"
        source = Path(__file__).with_name("loops.c")
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, *FLAGS, source, "-o", built, "-lm"], check=True)
        return ctypes.CDLL(str(built))


def _address(array):
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def _bound(name, *arguments):
    """Return a call of a loop on arguments that are there: arrays, ints or floats."""
    convert = {int: ctypes.c_int64, float: ctypes.c_double, np.ndarray: _address}
    ready = [convert[type(a)](a) for a in arguments]
    loop = getattr(_library(), name)

    def call(buffers=arguments):  # The addresses are good as long as the arrays are there.
        loop(*ready)

    return call


def _elementwise(name, inputs):
    out = np.zeros_like(inputs[0])
    return _bound(name, out.size, *inputs, out), [out]


def _cross_entropy(name, inputs):
    x, labels = inputs
    cost, slope = np.zeros(()), np.zeros_like(x)
    return _bound(name, *x.shape, x, labels, cost, slope), [cost, slope]


def _logsumexp(name, inputs):
    (x,) = inputs
    out = np.zeros(len(x))
    return _bound(name, *x.shape, x, out), [out]


def _layer_norm(name, inputs):
    x, gain, bias, t = inputs
    found = [np.zeros(()), *map(np.zeros_like, (x, gain, bias))]
    parts = np.zeros((2 * THREADS, x.shape[1]), x.dtype)
    return _bound(name, *x.shape, THREADS, x, gain, bias, t, *found, parts), found


def _scan_scalar(name, inputs):
    states, found = np.zeros(10_001), np.zeros(4)
    return _bound(name, 10_000, *map(float, inputs), states, found), list(found[:, None])


def _gemm(name):
    """Return BLAS's product, the one that SciPy brings."""
    capsule = cython_blas.__pyx_capi__[name]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer(capsule, name(capsule))


def _rnn(name, inputs):
    x, *weights = inputs
    steps, batch, _ = x.shape
    size = len(weights[1])
    found = [np.zeros(()), *map(np.zeros_like, weights)]
    buffers = [np.zeros((n, batch, size)) for n in (steps + 1, steps, 1)]
    return _bound(name, steps, batch, size, _gemm("dgemm"), *inputs, *found, *buffers), found


def _lstm(name, inputs):
    x, *weights = inputs
    steps, batch, m = x.shape
    n = len(weights[1])
    found = [np.zeros(()), *map(np.zeros_like, weights)]
    shapes = ((steps + 1, n), (steps + 1, n), (steps, 4 * n), (steps, n), (1, n), (1, n))
    buffers = [np.zeros((k, batch, width), "float32") for k, width in shapes]
    return _bound(name, steps, batch, m, n, _gemm("sgemm"), *inputs, *found, *buffers), found


def _mlp(name, inputs):
    x, _, *weights = inputs
    batch, m = x.shape
    n, k = weights[2].shape
    found = [np.zeros(()), *map(np.zeros_like, weights)]
    buffers = [np.zeros((batch, width), "float32") for width in (n, k, n)]
    return _bound(name, batch, m, n, k, _gemm("sgemm"), *inputs, *found, *buffers), found


LOOPS = {
    "logistic": _elementwise,
    "chain_f32": _elementwise,
    "chain_f64": _elementwise,
    "cross_entropy": _cross_entropy,
    "logsumexp": _logsumexp,
    "layer_norm": _layer_norm,
    "scan_scalar": _scan_scalar,
    "rnn": _rnn,
    "lstm": _lstm,
    "mlp": _mlp,
}


def build(case, inputs):
    """Return a case; its arguments are bound, and its results are where they were."""
    if case.name not in LOOPS:
        raise NotHere
    loop, found = LOOPS[case.name](case.name, inputs)

    def call():
        loop()
        return found

    return Program(call, lambda *_: ())
