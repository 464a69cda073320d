"""The command: ``python -m gradcore.conformance.fuzz --graphs 1000 --seed 0 --backend c``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from time import perf_counter

from gradcore.conformance.fuzz.judge import Disagreement, checked
from gradcore.conformance.test_backend import mode_of
from gradcore.mode import Mode

PORTION = 80
"""How many graphs a process judges; the next ones are judged by a fresh process."""

Found = tuple[list[Disagreement], Counter[str]]


def guarded(seeds: Sequence[int], modes: Sequence[Mode]) -> Found:
    """Return what `checked` does, from a process of its own: a graph may crash it."""
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            return process.submit(checked, seeds, modes).result()
    except BrokenProcessPool:
        if len(seeds) == 1:
            where = ", ".join(dict.fromkeys(str(mode.backend) for mode in modes))
            return [Disagreement(seeds[0], where, "crashes the process")], Counter(graphs=1)
    half = len(seeds) // 2
    (found, counts), (more, others) = guarded(seeds[:half], modes), guarded(seeds[half:], modes)
    return found + more, counts + others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gradcore.conformance.fuzz", description=__doc__
    )
    parser.add_argument("--graphs", type=int, default=200, help="how many graphs")
    parser.add_argument(
        "--seed", type=int, default=0, help="the seed of the first; then they count"
    )
    parser.add_argument("--backend", action="append", default=[], help="a backend; may be repeated")
    parser.add_argument(
        "--processes", type=int, default=1, help="how many processes share the work"
    )
    given = parser.parse_args(arguments)
    modes: list[Mode] = []
    for text in given.backend or ["numpy", "c"]:
        mode = mode_of(text)
        modes += [mode, Mode(mode.backend, optimizer=False, **dict(mode.options))]
    last = given.seed + given.graphs
    portions = [
        range(first, min(first + PORTION, last)) for first in range(given.seed, last, PORTION)
    ]
    start, total, failures = perf_counter(), Counter[str](), 0
    with ThreadPoolExecutor(given.processes) as pool:
        for found, counts in pool.map(partial(guarded, modes=modes), portions):
            total += counts
            for disagreement in found:
                failures += 1
                sys.stdout.write(f"{disagreement}\n")
            sys.stdout.flush()
    counts = ", ".join(f"{n} {what}" for what, n in total.items())
    names = ", ".join(given.backend or ["numpy", "c"])
    sys.stdout.write(
        f"{counts}; seeds {given.seed} to {last - 1}; {names}, with and without the optimizer: "
        f"{failures} disagreements, {perf_counter() - start:.0f} s\n"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
