"""How time grows with the size of a graph: twice the nodes must take less than three times as long.

Run it: ``python benchmarks/growth.py``.  A chain of elementwise ops of a given length is built,
differentiated, compiled (which is mostly the optimizer), run and pickled; then one twice as long.
A step that walked the graph once a node would show a factor of four.

``--text`` shows the C of programs of unknown extents, and of many reads of one matrix, at sizes
that double: kilobytes, the seconds until it is printed, those with the C compiler, and how much
more each is than for the size before; and how an LSTM without declared shapes runs beside one with.
"""

import argparse
import gc
import json
import pickle
from functools import partial
from pathlib import Path
from time import perf_counter
from timeit import repeat

import numpy as np
from peers.chain import chain

import gradcore
import gradcore.tensor as T
from gradcore.conformance import growing
from gradcore.kernel.pipeline import program
from gradcore_c.printing import CRenderer

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


def printed(build, size):
    """Return the nodes, the kilobytes of C, and the seconds until printed and compiled."""
    gc.collect()
    start = perf_counter()
    inputs, outputs = build(size)
    graph = gradcore.function(inputs, outputs, mode="numpy").maker.fgraph
    CRenderer().render(program(graph))
    shown = perf_counter()
    f = gradcore.function(inputs, outputs, mode="c")
    return len(graph.nodes), len(f.source) / 1e3, shown - start, perf_counter() - shown


def growth_of_text():
    """Print how the text of each program grows, and what an LSTM without shapes takes."""
    heads = "".join(f"{head:>15}" for head in ("nodes", "KB of C", "s to print", "s to compile"))
    print(f"{'program':>16} {'size':>5}{heads}")
    several = {**growing.PROGRAMS, "nested": growing.nested, "minors": growing.minors}
    for name, build in several.items():
        before = None
        for size in SIZES.get(name, (2, 4, 8, 16)):
            found = printed(build, size)
            cells = [
                f"{x:8.{digits}f} " + (f"x{x / y:4.2f}" if before else " " * 5)
                for x, y, digits in zip(found, before or found, (0, 1, 2, 2), strict=True)
            ]
            print(f"{name:>16} {size:>5} " + " ".join(cells))
            before = found
    print(f"{'LSTM layers':>16} {'declared':>12} {'unknown':>12}")
    for layers in (1, 2, 4):
        shape = 50, 32, 128
        pair = [gradcore.function(*growing.lstm(layers, *s), mode="c") for s in (shape, ())]
        rng = np.random.default_rng(0)
        given = [rng.normal(size=v.type.shape) / 8 for v in growing.lstm(layers, *shape)[0]]
        known, unknown = (min(repeat(partial(f, *given), number=1, repeat=20)) for f in pair)
        print(f"{layers:>16} {known * 1e3:9.2f} ms {unknown * 1e3:9.2f} ms x{unknown / known:4.2f}")


SIZES = {
    "lstm": (1, 2, 4), "reads": (50, 100, 200), "reads_hessian": (50, 100, 200),
    "reads_in_loop": (25, 50, 100), "nested": (1, 2, 4, 8), "minors": (4, 5, 6, 7, 8),
}  # fmt: skip
"""Of which size programs are; minors of one more row and column are more than twice the reads."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shortest", type=int, default=12_500)
    parser.add_argument("--doublings", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write the times, in seconds")
    parser.add_argument("--text", action="store_true", help="show how C grows")
    options = parser.parse_args()
    if options.text:
        growth_of_text()
        raise SystemExit
    found = main(options.shortest, options.doublings, options.repeats)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
