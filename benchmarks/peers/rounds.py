"""Times of several programs in one process, the programs taken in turn.

A time is the least of many: what disturbs a program on a shared machine only ever adds to it.
Before a program's turn comes a pause, as threads of the one before may still spin: those of
OpenBLAS for 20 ms.
"""

from time import perf_counter, sleep
from timeit import Timer

import numpy as np

from peers.program import listed

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""How far results may be from the reference, as a share of its largest element."""
PAUSE = 0.03


class Timed:
    """A program with its arguments, and the least time that a call took."""

    def __init__(self, program, inputs):
        """Run it once, which may compile it."""
        self.arguments = program.take(*inputs)
        self.call = program.call
        self.results = self.again()
        names = [f"a{i}" for i in range(len(self.arguments))]
        known = dict(zip(names, self.arguments, strict=True), call=self.call)
        self._timer = Timer(f"call({', '.join(names)})", globals=known)
        self.best = min(self._timer.timeit(1) for _ in range(2))
        self.spent = 0.0

    def again(self):
        """Return the results of one more call."""
        return listed(self.call(*self.arguments))

    def turn(self, seconds):
        """Call it for some seconds, at least once."""
        calls = max(1, int(2e-3 / self.best))
        end = perf_counter() + seconds
        while True:
            taken = self._timer.timeit(calls)
            self.spent += taken
            self.best = min(self.best, taken / calls)
            if perf_counter() >= end:
                return


def run(programs, rounds, seconds, longest):
    """Time programs in rounds, ``seconds`` each turn; one that took ``longest`` in all drops out.

    programs : name -> Timed.
    """
    names = list(programs)
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            if programs[name].spent < longest:
                sleep(PAUSE)
                programs[name].turn(seconds)
    return {name: program.best for name, program in programs.items()}


def difference(results, reference, tolerance):
    """Return what is wrong with results, or None.

    tolerance : how far they may be off, as a share of the largest element of the reference.
    """
    if len(results) != len(reference):
        return f"{len(results)} results, not {len(reference)}"
    for k, (have, want) in enumerate(zip(results, reference, strict=True)):
        if have.size != want.size:
            return f"result {k} has shape {have.shape}, not {want.shape}"
        far = np.max(np.abs(have.reshape(want.shape) - want)) / np.max(np.abs(want))
        if not far <= tolerance:
            return f"result {k} is off by {far:.1e} of its largest element"
    return None


def least(calls, rounds):
    """Return the least seconds of each call, each round in another order.

    calls : name -> a function without arguments; who comes after whom finds its caches warm.
    """
    best = dict.fromkeys(calls, float("inf"))
    order = np.random.default_rng(1)
    for _ in range(rounds):
        for name in order.permutation(list(calls)):
            start = perf_counter()
            calls[name]()
            best[name] = min(best[name], perf_counter() - start)
    return best
