"""What a profile costs: CPU time of functions with ``profile=True`` and without, in turns.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/profiles.py``. A node is one of a chain of 20 on
NumPy, a nest one of two in the body of a loop of 200,000 steps on C, and a call is one of a
function of a scalar on C. Each is the difference of the least times of both functions.
"""

import time

import numpy as np

import gradcore
import gradcore.tensor as T

NODES = 20


def pair(inputs, output, mode):
    """Return the function without a profile, and with one."""
    return [gradcore.function(inputs, output, mode=mode, profile=p) for p in (False, True)]


def extra(functions, arguments, calls, repeats):
    """Return how many seconds longer a call of the second function takes."""
    least = [float("inf")] * 2
    for _ in range(repeats):
        for k, f in enumerate(functions):
            start = time.process_time()
            for _ in range(calls):
                f(*arguments)
            least[k] = min(least[k], (time.process_time() - start) / calls)
    return least[1] - least[0]


def chain(length):
    """Return a function of a vector of as many nodes, on NumPy."""
    x = T.dvector("x")
    y = x
    for _ in range(length):
        y = T.tanh(y)
    return pair([x], y, "numpy")


def loop():
    """Return a loop whose steps are two nests, on C."""
    h, A, B, n = T.dvector("h"), *T.dmatrices("A", "B"), T.lscalar("n")
    states, _ = gradcore.scan(lambda h: T.tanh(A @ T.tanh(B @ h)), outputs_info=h, n_steps=n)
    return pair([h, A, B, n], states[-1], gradcore.Mode("c", threads=1))


def main(steps=200_000, calls=1000, repeats=25):
    """Print, and return, what a node, a nest and a call take more, in seconds."""
    found = {}
    x = (np.ones(3),)
    longer, shorter = (extra(chain(1 + n), x, calls, repeats) for n in (NODES, 0))
    found["node, NumPy"] = (longer - shorter) / NODES
    functions = loop()
    more = extra(functions, (np.ones(2), np.eye(2), np.eye(2), steps), 1, repeats)
    runs = sum(nest.runs for nest in functions[1].profile.nests) // repeats
    found["nest, C"] = more / runs
    s = T.dscalar("s")
    found["call, C"] = extra(pair([s], s * 2, "c"), (3.0,), calls, repeats)
    for name, seconds in found.items():
        print(f"{name:12} {seconds * 1e6:8.3f} us more")
    return found


if __name__ == "__main__":
    main()
