"""What other thresholds of C's target would give: ``python benchmarks/target.py [SUBJECT ...]``.

For each of several values of a field of `gradcore.kernel.target.CpuTarget`, the best time of a
program that it matters for, and how long the program took to compile (0 where the text is one that
was compiled before).  The numbers beside the fields are from here.
"""

import dataclasses
import sys
import time

import numpy as np

import gradcore
import gradcore.tensor as T
from gradcore.kernel.target import CPU
from gradcore_c.backend import CBackend
from gradcore_c.printing import CRenderer

NEVER = 2**40
"""More than anything has."""

drawn = np.random.default_rng(0)


def compiled(inputs, outputs, threads, **fields):
    """Return a function for a target with other fields."""
    target = dataclasses.replace(CPU, **fields)
    printer = type("Printer", (CRenderer,), {"target": target})
    members = {"target": target, "renderer": lambda self: printer()}
    backend = type("Backend", (CBackend,), members)(threads=threads)
    return backend.compile(gradcore.function(inputs, outputs, mode="numpy").maker.fgraph)


def best(function, arguments):
    """Return the best time of a call in microseconds."""
    function(*arguments)
    start = time.perf_counter()
    function(*arguments)
    repeats = max(1, int(2e-4 / (time.perf_counter() - start)))
    found = float("inf")
    for _ in range(30):
        start = time.perf_counter()
        for _ in range(repeats):
            function(*arguments)
        found = min(found, (time.perf_counter() - start) / repeats)
    return found * 1e6


def sweep(title, inputs, outputs, arguments, field, values, threads=1):
    """Print the times for each value of a field, measured in turns."""
    functions, compiling, times = {}, {}, dict.fromkeys(values, float("inf"))
    for value in values:
        start = time.perf_counter()
        functions[value] = compiled(inputs, outputs, threads, **{field: value})
        compiling[value] = time.perf_counter() - start
    for _ in range(3):
        for value in values:
            times[value] = min(times[value], best(functions[value], arguments))
    found = [f"{v}: {times[v]:.1f} us ({compiling[v]:.1f} s)" for v in values]
    print(f"{field:17} {title:18}", "  ".join(found), flush=True)


X, v, d = T.fmatrix("X"), T.fvector("v"), T.dvector("d")


def strips():
    """Rows of several lengths, and a function for each of them."""
    for n in (4, 16, 64, 256, 512, 1024, 4096):
        given = [drawn.normal(size=(max(64, 200_000 // n), n)).astype("f")]
        rows = T.logsumexp(X, axis=1)
        sweep(f"rows of {n}", [X], [rows], given, "strip_steps", (1, 4, 8, 16, 32))
        sweep(f"rows of {n}", [X], [rows], given, "strip_elements", (1, NEVER))


def blocks():
    """Sums of several lengths, and of columns."""
    for n in (1000, 100_000, 1_000_000):
        given = [drawn.normal(size=n).astype("f")]
        sweep(f"sum of {n}", [v], [T.sum(v)], given, "block_terms", (256, 1024, 2048, 8192, NEVER))
    given = [drawn.normal(size=(1000, 300)).astype("f")]
    sums = T.sum(X, axis=0)
    sweep("columns of 1000", [X], [sums], given, "block_rows", (32, 128, 256, 1024, NEVER))


def prefixes():
    """Prefix sums of several lengths."""
    for n in (64, 256, 1000, 100_000):
        given = [drawn.normal(size=n).astype("f")]
        sweep(f"cumsum of {n}", [v], [T.cumsum(v)], given, "prefix_terms", (32, 128, 512, NEVER))


def threads():
    """Loops of several lengths on two threads."""
    for n in (1000, 10_000, 100_000):
        given = [drawn.normal(size=n)]
        sweep(f"exp of {n}", [d], [T.exp(d)], given, "thread_work", (1, CPU.thread_work, NEVER), 2)


def products():
    """Products of small matrices of known extents, in loops or by a call."""
    for n in (2, 4, 6, 8, 10, 16):
        x, y = (T.TensorType("float64", (n, n))(name) for name in "xy")
        given = [drawn.normal(size=(n, n)) for _ in range(2)]
        sweep(f"{n} x {n}", [x, y], [T.dot(x, y)], given, "loop_product", (0, NEVER))


def mixed(given, count):
    """Return a sum of many statements, none of which is another one's only reader."""
    found = list(given)
    for k in range(count):
        found[k % 4] = T.tanh(found[k % 4] * found[(k + 1) % 4] + given[(k * 7) % 4])
    return sum(found)


def fusion():
    """Many statements of elements that one loop may have."""
    x = [T.dvector(f"x{k}") for k in range(4)]
    given = [drawn.normal(size=1000) for _ in x]
    values = (30, 60, 120, 240, NEVER)
    sweep("300 x tanh", x, [mixed(x, 300)], given, "fused_statements", values)


def functions():
    """Many statements of scalars that one function may have."""
    x = [T.dscalar(f"x{k}") for k in range(4)]
    given = [np.array(float(k)) for k in range(4)]
    values = (50, 150, 500, NEVER)
    sweep("1500 x tanh", x, [mixed(x, 1500)], given, "function_lines", values)


SUBJECTS = {f.__name__: f for f in (strips, blocks, prefixes, threads, products, fusion, functions)}

if __name__ == "__main__":
    for name in sys.argv[1:] or SUBJECTS:
        SUBJECTS[name]()
