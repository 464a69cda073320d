"""How long a user waits before anything runs: the import, and the first function.

Run it: ``python benchmarks/startup.py``.  Every figure is the best of several fresh processes, the
libraries taken in turn; a peer that is not installed is left out.  gradcore's C starts from an
empty store each time, and also with a runtime that is not prebuilt.  ``--only`` runs some.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

C = """
    import gradcore, gradcore.tensor as T
    imported()
    x = T.dscalar("x")
    f = gradcore.function([x], T.grad(x ** 2, x), mode="c")
    compiled()
    assert f(4) == 8
"""
C_MATRICES = """
    import gradcore, gradcore.tensor as T
    imported()
    x, w = T.fmatrices("x", "w")
    f = gradcore.function([x, w], T.grad(T.sum(T.tanh(T.dot(x, w))), w), mode="c")
    compiled()
    assert f([[1]], [[0]]) == 1
"""

PROGRAMS = {
    "numpy": """
        import numpy as np
        imported()
    """,
    "gradcore": """
        import gradcore, gradcore.tensor as T
        imported()
        x = T.dscalar("x")
        f = gradcore.function([x], T.grad(x ** 2, x), mode="numpy")
        compiled()
        assert f(4) == 8
    """,
    "C": C,
    "C, matrices": C_MATRICES,
    "C, not built": C,
    "C, matrices, not built": C_MATRICES,
    "pytensor": """
        import pytensor, pytensor.tensor as T
        imported()
        x = T.dscalar("x")
        f = pytensor.function([x], pytensor.grad(x ** 2, x))
        compiled()
        assert f(4) == 8
    """,
    "jax": """
        import jax
        imported()
        f = jax.jit(jax.grad(lambda x: x ** 2)).lower(4.0).compile()
        compiled()
        assert f(4.0) == 8
    """,
    "torch": """
        import torch
        imported()
        x = torch.tensor(4.0, requires_grad=True)
        (g,) = torch.autograd.grad(x ** 2, x)
        compiled()
        assert g == 8
    """,
}

FRAME = """
import sys, time
start = time.perf_counter()
def imported():
    global start
    print(time.perf_counter() - start)
    start = time.perf_counter()
def compiled():
    print(time.perf_counter() - start)
"""


def measured(program, built):
    """Return the seconds that a fresh process took: to import, and to the first function."""
    lines = "\n".join(line.strip() for line in program.strip().splitlines())
    # As for a user: modules are compiled to bytecode once, not every time.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["GRADCORE_PREBUILT"] = str(int(built))
    with tempfile.TemporaryDirectory() as folder:
        environment["GRADCORE_CACHE_DIR"] = folder
        found = subprocess.run(
            [sys.executable, "-c", FRAME + lines],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
    return [float(line) for line in found.stdout.split()] if found.returncode == 0 else None


def main(repeats, only=()):
    """Print and return the best times of every library."""
    best = {}
    for _ in range(repeats):
        for name, program in PROGRAMS.items():
            if only and name.split(",")[0] not in only:
                continue
            times = measured(program, built="not built" not in name)
            if times is not None:
                best[name] = [min(pair) for pair in zip(times, best.get(name, times), strict=True)]
    print(f"{'':24}{'import':>12}{'first function':>18}")
    for name, times in best.items():
        shown = [f"{1000 * seconds:9.1f} ms" for seconds in times]
        print(f"{name:24}{shown[0]:>12}{shown[1] if len(shown) > 1 else '':>18}")
    return best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument(
        "--only", nargs="+", choices={n.split(",")[0] for n in PROGRAMS}, default=()
    )
    parser.add_argument("--json", type=Path, help="where to write the times, in seconds")
    options = parser.parse_args()
    found = main(options.repeats, options.only)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
