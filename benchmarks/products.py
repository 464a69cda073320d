"""Dense products of the C backend beside BLAS, NumPy, JAX and torch.

Run it: ``python benchmarks/products.py``.  ``own`` is what generated code calls, ``one`` the same
with one thread, and ``blas`` SciPy's gemm, all called from C in a loop; the others pay for their
call from Python, so small sizes say less about them than large ones.  Best of many rounds, taken
in turn; a peer that is not installed is left out.
"""

import argparse
import ctypes
import dataclasses
import importlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.linalg.cython_blas

SOURCES = Path(__file__).parents[1] / "backends" / "c_backend" / "gradcore_c"
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-pthread")

DRIVER = """
#include "products.c"
#include "threads.c"
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *memory;
static void *allocate(gc_call *call, int64_t bytes)
{
    return memory = realloc(memory, (size_t)bytes);
}
static int64_t mark(gc_call *call) { return 0; }
static void release(gc_call *call, int64_t mark) {}
static gc_call call = {.allocate = allocate, .mark = mark, .release = release,
                       .parallel = gc_parallel};

void (*blas_gemm)(const char *, const char *, const int *, const int *, const int *, const void *,
                  const void *, const int *, const void *, const int *, const void *, void *,
                  const int *);

#define TIME(name, type)                                                                          \\
    double time_##name(int threads, int times, int64_t m, int64_t n, int64_t k, const type *a,    \\
                       int64_t a0, int64_t a1, const type *b, int64_t b0, int64_t b1, type *c)    \\
    {                                                                                             \\
        const char ta = a1 == 1 ? 'N' : 'T', tb = b1 == 1 ? 'N' : 'T';                            \\
        const int rows = (int)m, columns = (int)n, depth = (int)k;                                \\
        const int da = (int)(a1 == 1 ? a0 : a1), db = (int)(b1 == 1 ? b0 : b1);                   \\
        const type one = 1, zero = 0;                                                             \\
        const double start = seconds();                                                           \\
        call.threads = threads;                                                                   \\
        for (int i = 0; i < times; i++)                                                           \\
            if (threads)                                                                          \\
                gc_product_##name(&call, m, n, k, a, a0, a1, b, b0, b1, 0, c, n, 1);              \\
            else                                                                                  \\
                blas_gemm(&tb, &ta, &columns, &rows, &depth, &one, b, &db, a, &da, &zero, c,      \\
                          &columns);                                                              \\
        return (seconds() - start) / times;                                                       \\
    }
TIME(f64, double)
TIME(f32, float)
"""


@dataclasses.dataclass(frozen=True)
class Work:
    """A product: ``form`` says which operands lie transposed, as in "NT"."""

    name: str
    dtype: str
    m: int
    n: int
    k: int
    form: str = "NN"

    def operands(self) -> tuple[np.ndarray, np.ndarray]:
        """Return a and b."""
        rng = np.random.default_rng(0)
        shapes = ((self.m, self.k), (self.k, self.n))
        return tuple(
            np.asarray(rng.standard_normal(shape).astype(self.dtype), order="CF"[form == "T"])
            for shape, form in zip(shapes, self.form, strict=True)
        )


WORK = (
    Work("covariance 2", "f8", 2, 2, 2),
    Work("covariance 4", "f8", 4, 4, 4),
    Work("covariance 8", "f8", 8, 8, 8),
    Work("RNN forward", "f8", 16, 64, 64),
    Work("RNN backward", "f8", 16, 64, 64, "NT"),
    Work("RNN weights", "f8", 64, 64, 16, "TN"),
    Work("RNN all weights", "f8", 64, 64, 1600, "TN"),
    Work("LSTM forward", "f4", 32, 512, 128),
    Work("LSTM backward", "f4", 32, 128, 512, "NT"),
    Work("LSTM weights", "f4", 128, 512, 32, "TN"),
    Work("MLP forward", "f4", 64, 500, 784),
    Work("MLP weights", "f4", 784, 500, 64, "TN"),
    Work("MLP backward", "f4", 64, 784, 500, "NT"),
    Work("MLP output", "f4", 64, 10, 500),
    Work("MLP output weights", "f4", 500, 10, 64, "TN"),
    Work("MLP output backward", "f4", 64, 500, 10, "NT"),
    Work("matrix vector", "f8", 1000, 1, 1000),
    Work("matrix vector", "f4", 1000, 1, 1000),
    Work("vector matrix", "f8", 1, 1000, 1000),
    Work("vector matrix", "f4", 1, 1000, 1000),
    Work("dot", "f8", 1, 1, 10000),
    Work("outer", "f8", 1000, 1000, 1),
    Work("tall", "f8", 20, 20, 10000, "TN"),
    Work("middle 64", "f8", 64, 64, 64),
    Work("middle 128", "f8", 128, 128, 128),
    Work("middle 256", "f8", 256, 256, 256),
    Work("middle 256", "f4", 256, 256, 256),
    Work("large 1024", "f8", 1024, 1024, 1024),
    Work("large 1024", "f4", 1024, 1024, 1024),
)

PAUSE = 0.03
Timer = Callable[[int], float]


def built() -> ctypes.CDLL:
    """Return products.c with the timing loops, compiled."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "driver.c", Path(folder) / "driver.so"
        source.write_text(DRIVER)
        compiler = os.environ.get("CC", "gcc")
        subprocess.run(
            [*compiler.split(), *FLAGS, "-shared", "-fPIC", f"-I{SOURCES}", "-o", library, source],
            check=True,
        )
        return ctypes.CDLL(str(library))


def blas_pointer(name: bytes) -> int | None:
    """Return the address of SciPy's BLAS function of that name."""
    capsule = scipy.linalg.cython_blas.__pyx_capi__.get(name.decode())
    if capsule is None:
        return None
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return address(capsule, name_of(capsule))


def from_c(library: ctypes.CDLL, threads: int, work: Work, a, b, expected) -> Timer:
    """Return a timer of a loop in C; no threads: BLAS, with its own."""
    size, suffix = a.itemsize, {"f8": "f64", "f4": "f32"}[work.dtype]
    out = np.empty((work.m, work.n), work.dtype)
    function = getattr(library, f"time_{suffix}")
    function.restype = ctypes.c_double
    sides = []
    for x in (a, b):
        sides += [ctypes.c_void_p(x.ctypes.data)]
        sides += [ctypes.c_int64(stride // size) for stride in x.strides]
    shape = [ctypes.c_int64(extent) for extent in (work.m, work.n, work.k)]
    gemm = blas_pointer({"f8": b"dgemm", "f4": b"sgemm"}[work.dtype])

    def timer(times: int) -> float:
        ctypes.c_void_p.in_dll(library, "blas_gemm").value = gemm
        return function(threads, times, *shape, *sides, ctypes.c_void_p(out.ctypes.data))

    timer(1)
    np.testing.assert_allclose(
        out, expected, rtol=1e-3, atol=1e-4 * np.sqrt(work.k), err_msg=f"{threads} {work}"
    )
    return timer


def from_python(run: Callable[[], object]) -> Timer:
    """Return a timer of a loop in Python."""

    def timer(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            run()
        return (time.perf_counter() - start) / times

    return timer


def contestants(library: ctypes.CDLL, work: Work, peers: dict[str, object]) -> dict[str, Timer]:
    """Return the timers of a product."""
    a, b = work.operands()
    out = np.empty((work.m, work.n), work.dtype)
    expected = a @ b
    threads = {"own": os.cpu_count() or 1, "one": 1, "blas": 0}
    timers = {name: from_c(library, count, work, a, b, expected) for name, count in threads.items()}
    timers["numpy"] = from_python(lambda: np.matmul(a, b, out=out))
    if jax := peers.get("jax"):
        left, right = (jax.device_put(x if x.flags.c_contiguous else x.T) for x in (a, b))
        form = work.form
        product = jax.jit(
            lambda x, y: (x.T if form[0] == "T" else x) @ (y.T if form[1] == "T" else y)
        )
        timers["jax"] = from_python(lambda: product(left, right).block_until_ready())
    if torch := peers.get("torch"):
        x, y, z = (torch.from_numpy(value) for value in (a, b, out))
        timers["torch"] = from_python(lambda: torch.mm(x, y, out=z))
    return timers


def best(timers: dict[str, Timer], rounds: int, budget: float = 2e-3) -> dict[str, float]:
    """Return the best time of each, the timers taken in turn.

    Threads of one library that wait for more to do would be in the way of the next: each turn
    begins with a pause.
    """
    times = {name: max(1, min(10000, int(budget / run(2)))) for name, run in timers.items()}
    found = dict.fromkeys(timers, float("inf"))
    for _ in range(rounds):
        for name, run in timers.items():
            time.sleep(PAUSE)
            run(1)
            found[name] = min(found[name], run(times[name]))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="a part of the names to run")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    peers = {}
    for name in ("jax", "torch"):
        try:
            peers[name] = importlib.import_module(name)
        except ImportError:
            print(f"({name} is not installed)")
    if jax := peers.get("jax"):
        jax.config.update("jax_enable_x64", True)
    library = built()
    pointer = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(blas_pointer)
    library.gc_products_start(pointer)
    rows = []
    names = ("own", "one", "blas", "numpy", *peers)
    print(f"{'us':34}" + "".join(f"{name:>10}" for name in names) + "   GFlop/s")
    for work in WORK:
        if options.only not in work.name:
            continue
        found = best(contestants(library, work, peers), options.rounds)
        label = f"{work.name} {work.dtype} {work.m}x{work.n}x{work.k} {work.form}"
        figures = "".join(f"{found[name] * 1e6:10.2f}" for name in names)
        speed = 2e-9 * work.m * work.n * work.k / found["own"]
        print(f"{label:34}{figures}{speed:10.1f}", flush=True)
        rows.append(dataclasses.asdict(work) | {"seconds": found})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
