"""How time grows with the size of a graph: twice the nodes must take less than three times as long.

Run it: ``python benchmarks/growth.py``.  A chain of elementwise ops of a given length is built,
differentiated, compiled (which is mostly the optimizer), run and pickled; then one twice as long.
A step that walked the graph once a node would show a factor of four.
"""

import argparse
import gc
import json
import pickle
from pathlib import Path
from time import perf_counter

from peers.chain import chain

import gradcore
import gradcore.tensor as T

STEPS = ("build", "grad", "compile", "run", "pickle")


def measured(length):
    """Return the seconds of every step for a chain of ``length`` ops."""
    gc.collect()
    times = [perf_counter()]
    x = T.dvector("x")
    cost = chain(T, x, length)
    times.append(perf_counter())
    slope = gradcore.grad(cost, x)
    times.append(perf_counter())
    f = gradcore.function([x], [cost, slope], mode="numpy")
    times.append(perf_counter())
    f([0.1, 0.2])
    times.append(perf_counter())
    pickle.loads(pickle.dumps(slope))
    times.append(perf_counter())
    return {name: b - a for name, a, b in zip(STEPS, times, times[1:], strict=False)}


def main(shortest, doublings, repeats):
    """Print and return the best time of every step and its growth, from length to length."""
    best = {}
    for _ in range(repeats):
        for k in range(doublings + 1):
            length = shortest * 2**k
            for name, seconds in measured(length).items():
                known = best.setdefault(length, {})
                known[name] = min(seconds, known.get(name, seconds))
    print(f"{'nodes':>8}  " + "  ".join(f"{name:>15}" for name in STEPS))
    before = None
    for length, times in best.items():
        cells = [
            f"{times[name]:8.3f} s "
            + (f"x{times[name] / before[name]:4.2f}" if before else " " * 5)
            for name in STEPS
        ]
        print(f"{length:>8}  " + "  ".join(cells))
        before = times
    return best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shortest", type=int, default=12_500)
    parser.add_argument("--doublings", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write the times, in seconds")
    options = parser.parse_args()
    found = main(options.shortest, options.doublings, options.repeats)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
