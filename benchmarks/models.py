"""Models beside the peers: linear algebra, a filter, networks and random numbers, in one run.

Run it: ``python benchmarks/models.py [--only Kalman] [--quick]``.  Every case of `peers.models` is
built for every system that is installed, its results are compared with those of gradcore's NumPy
backend in double precision, and the calls are timed in turn, best of many.  Random numbers are
compared by their moments; training by its first losses, each of which depends on all gradients
before.  Two tables are printed: of calls, and of the time from the import of a system to a first
result, for which all start with empty caches.  (The first case of gradcore compiles the runtime.)
"""

import argparse
import os
import tempfile
import warnings
from importlib import import_module
from time import perf_counter
from unittest.mock import patch

from peers import System, models, programs
from peers.first import CACHES
from peers.program import NotHere, listed
from peers.report import fastest, shown
from peers.rounds import Timed, run

SYSTEMS = (
    System("gradcore c", "gradcore_models", ("c",), "gradcore", "gradcore"),
    System("JAX", "jax_models", package="jax"),
    System("torch", "torch_models", ("eager",), package="torch"),
    System("torch.compile", "torch_models", ("compile",), package="torch", slow=True),
    System("PyTensor numba", "pytensor_models", ("numba",), package="pytensor", slow=True),
    System("NumPy", "numpy_models", package="numpy"),
)
KINDS = {system.name: system.kind for system in SYSTEMS}
REFERENCE = System("gradcore numpy", "gradcore_models", ("numpy",))


def reference(case):
    """Return the right results; None: any that are distributed as they should be."""
    if case.random:
        return None
    exact = [a.astype("float64") if a.dtype == "float32" else a for a in case.drawn()]
    program = REFERENCE.build(case, exact)
    arguments = program.take(*exact)
    return [r for _ in range(case.calls) for r in listed(program.call(*arguments))]


def measured(case, systems, rounds, seconds, longest):
    """Return the seconds of a call and of the set-up, and for systems that have none, why."""
    inputs, right = case.drawn(), reference(case)
    programs, setups, wrong = {}, {}, {}
    for system in systems:
        import_module(f"peers.{system.module}")
        start = perf_counter()
        try:
            program = system.build(case, inputs)
            arguments = program.take(*inputs)
            first = listed(program.call(*arguments))
        except NotHere:
            continue
        except Exception as error:  # noqa: BLE001 - of any library; the table says so
            wrong[system.name] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
            continue
        setups[system.name] = perf_counter() - start
        later = [r for _ in range(case.calls - 1) for r in listed(program.call(*arguments))]
        off = case.wrong(first + later, right)
        if off:
            wrong[system.name] = f"wrong: {off}"
        else:
            programs[system.name] = Timed(program, inputs)
    times = run(programs, rounds, seconds, longest) if programs else {}
    for name, program in programs.items():
        off = None if case.trained else case.wrong(program.again(), right)
        if off:
            del times[name]
            wrong[name] = f"wrong after many calls: {off}"
    return times, setups, wrong


def table(head, found, which, systems, closing):
    """Print a table of a kind of times: a case a line."""
    print("", f"| {head} | {' | '.join(systems)} | {closing[0]} |", sep="\n")
    print(f"|---|{'--:|' * (len(systems) + 1)}")
    for title, measurements in found.items():
        times = measurements[which]
        cells = [shown(times[name]) if name in times else "" for name in systems]
        print(f"| {title} | {' | '.join(cells)} | {closing[1](times)} |")


def ratio(times):
    """Return how many times longer the best peer takes than gradcore, and which that is."""
    own, peer = fastest(times, KINDS, "gradcore"), fastest(times, KINDS, "peer")
    return f"{peer[1] / own[1]:.2g} ({peer[0]})" if own and peer else ""


def main(only="", quick=False, peers=None):
    """Run what was asked for, and print tables; return what was measured, by titles.

    peers : the names of those that take part; None: all, or all that compile quickly.
    """
    asked = [s for s in SYSTEMS if peers is None or s.kind == "gradcore" or s.name in peers]
    here = [s for s in asked if s.version() is not None and not (quick and s.slow)]
    amount = (2, 0.02, 0.3) if quick else (8, 0.08, 1.0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        caches = {name: text.format(folder) for name, text in CACHES.items()}
        for case in (*models.CASES, *programs.CASES):
            if only in case.title:
                with patch.dict(os.environ, caches):
                    found[case.title] = measured(case, here, *amount)
                times, _, wrong = found[case.title]
                print(case.title, *(f"{name} {shown(t)}" for name, t in times.items()), sep="  ")
                for name, why in wrong.items():
                    print(f"  {name}: {why}")
    names = [system.name for system in here]
    table("a call", found, 0, names, ("best peer / gradcore", ratio))
    table("to the first result", found, 1, names, ("", lambda _: ""))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the titles of cases to run")
    parser.add_argument("--quick", action="store_true", help="few rounds, no slow peer")
    parser.add_argument("--peers", help="names of peers, with commas; all that are installed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of the peers, about themselves
    main(options.only, options.quick, options.peers and options.peers.split(","))
