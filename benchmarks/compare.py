"""gradcore beside its peers, the same inputs, the same cores, in one run.

Run it: ``python benchmarks/compare.py``.  Every case of `peers.cases` is built for every system
that is installed, the results are compared, and the calls are timed in turn, best of many.  Then
come a hundred batch sizes through one function, first results in fresh processes with cold and
warm caches, and long graphs.  A whole run writes ``results/compare.json``, ``results/compare.png``
and the tables of the README; a run of parts only prints.  Rejected: a process for each system,
as what else the machine does then weighs on one and not on the other.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np
from peers import PEERS, in_mode, report
from peers.cases import BY_NAME, CASES, mlp_inputs
from peers.first import cold_and_warm
from peers.program import NotHere, listed
from peers.rounds import TOLERANCE, Timed, difference, run

import gradcore

FOLDER = Path(__file__).parent
PARTS = ("batches", "first", "sizes")
NUMPY = PEERS[0]
FIRST = ("call_scalar", "logistic", "mlp", "rnn", "gmm")
LENGTHS = {1_000: 200, 5_000: 1_000, 10_000: 2_000}
"""For a number of nodes: a chain of how many ops has about as many, with its gradient."""


def reference(case, inputs):
    """Return the results of NumPy in double precision."""
    exact = [a.astype("float64") if a.dtype == "float32" else a for a in inputs]
    return listed(NUMPY.build(case, exact).call(*exact))


def timed(case, systems, rounds, seconds, longest):
    """Return a case's row: the times, and for systems that have none, why."""
    inputs = case.drawn()
    right = reference(case, inputs)
    single = any(a.dtype == "float32" for a in inputs)
    tolerance = TOLERANCE["float32" if single else "float64"]
    programs, wrong = {}, {}
    for system in systems:
        try:
            program = Timed(system.build(case, inputs), inputs)
        except NotHere:
            continue
        except Exception as error:  # noqa: BLE001 - of any library; the table says so
            wrong[system.name] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
            continue
        off = difference(program.results, right, tolerance)
        if off:
            wrong[system.name] = f"wrong: {off}"
        else:
            programs[system.name] = program
    times = run(programs, rounds, seconds, longest)
    for name, program in programs.items():
        off = difference(program.again(), right, tolerance)
        if off:
            del times[name]
            wrong[name] = f"wrong after many calls: {off}"
    return {"title": case.title, "aim": case.aim, "times": times, "wrong": wrong}


def print_row(name, row, kinds):
    """Print a case's times, the fastest first."""
    factor = report.ratio(row["times"], kinds)
    print(f"\n{name}: {row['title']}" + (f"  (ratio {factor:.2f})" if factor else ""))
    for system, seconds in sorted(row["times"].items(), key=lambda pair: pair[1]):
        print(f"  {system:22}{report.shown(seconds):>12}")
    for system, why in row["wrong"].items():
        print(f"  {system:22}{why}")


# a hundred batch sizes --------------------------------------------------------------------------
def batches(systems, largest):
    """Return the seconds of an MLP's value and gradient for batches of 1, 2, ... images."""
    case = BY_NAME["mlp"]
    every = [mlp_inputs(np.random.default_rng(n), n) for n in range(1, largest + 1)]
    wanted = [reference(case, inputs) for inputs in every]
    found = {"title": f"MLP value + gradient, batches of 1 to {largest}", "times": {}, "again": {}}
    for system in systems:
        try:
            start = perf_counter()
            program = system.build(case, every[0])
            results = [listed(program.call(*program.take(*inputs))) for inputs in every]
            found["times"][system.name] = perf_counter() - start
            start = perf_counter()
            for inputs in every:
                program.call(*program.take(*inputs))
            found["again"][system.name] = perf_counter() - start
        except Exception as error:  # noqa: BLE001 - of any library; the table says so
            found["times"][system.name] = found["again"][system.name] = type(error).__name__
            continue
        for have, want in zip(results, wanted, strict=True):
            off = difference(have, want, TOLERANCE["float32"])
            if off:
                found["times"][system.name] = found["again"][system.name] = f"wrong: {off}"
                break
    return found


# fresh processes --------------------------------------------------------------------------------
def first_results(systems, quick):
    """Return the seconds to the first result of some cases, (cold, warm), system by system."""
    found = {}
    for name in FIRST[:1] if quick else FIRST:
        row = found[BY_NAME[name].title] = {}
        for system in systems:
            row[system.name] = cold_and_warm(system, name, 1 if quick else 3)
            print(f"  {name:12}{system.name:22}", *map(report.shown, row[system.name]))
    return found


def long_graphs(systems, quick):
    """Return the seconds to the first result of chains of ops, cold, length by length."""
    found = {}
    given_up = set()
    for nodes, length in list(LENGTHS.items())[: 1 if quick else None]:
        row = found[nodes] = {}
        for system in systems:
            if system.name in given_up:
                continue
            seconds, _ = cold_and_warm(system, f"chain:{length}", 1)
            row[system.name] = seconds
            if isinstance(seconds, str):
                given_up.add(system.name)
            print(f"  {nodes:<12,}{system.name:22}", report.shown(seconds))
    return found


# the machine ------------------------------------------------------------------------------------
def machine(systems):
    """Return where this runs, and with what."""
    info = Path("/proc/cpuinfo")
    models = (
        [x for x in info.read_text().splitlines() if "model name" in x] if info.exists() else ()
    )
    compiler = subprocess.run(
        [os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True, check=False
    ).stdout.split("\n")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": models[0].split(":")[1].strip() if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{memory:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": compiler,
        "versions": {s.package: s.version() for s in systems if s.package},
        "threads": threads(),
    }


def threads():
    """Return how many threads the libraries say they use; none is given a number."""
    own = getattr(gradcore.config, "threads", None)
    found = {} if own is None else {"gradcore c": own or "all"}
    for name, ask in (("torch", "get_num_threads"), ("numexpr", "get_num_threads")):
        if name in sys.modules:
            found[name] = getattr(sys.modules[name], ask)()
    try:
        from threadpoolctl import threadpool_info  # noqa: PLC0415 - an optional dependency
    except ImportError:
        return found
    for pool in threadpool_info():
        found[f"{pool['internal_api']} ({Path(pool['filepath']).name.split('-')[0]})"] = pool[
            "num_threads"
        ]
    return found


def present(modes, names, quick):
    """Return the systems that are here, gradcore first, and print a line for every other one.

    names : of peers; none: all, or all that compile quickly.
    """
    asked = [in_mode(mode) for mode in modes]
    asked += [s for s in PEERS if (s.name in names if names else not (quick and s.slow))]
    here = []
    reasons = {b.name: b.reason for b in gradcore.backends()}
    for system in asked:
        mode = system.options[0] if system.kind == "gradcore" else "numpy"
        reason = reasons.get(mode, f"there is no backend {mode!r}")
        if reason is not None:
            print(f"{system.name} is left out: {reason}")
        elif system.version() is None:
            print(f"{system.name} is left out: {system.package} is not installed")
        else:
            here.append(system)
    return here


def main(options):
    """Run what was asked for; a whole run is written down."""
    modes = options.modes.split(",")
    systems = present(modes, options.peers and options.peers.split(","), options.quick)
    kinds = {s.name: s.kind for s in systems}
    wanted = options.only.split(",") if options.only else [*BY_NAME, *PARTS]
    amount = (3, 0.03, 0.5) if options.quick else (15, 0.12, 3.0)
    found = {"kinds": kinds, "cases": {}}
    for case in CASES:
        if case.name in wanted:
            row = found["cases"][case.name] = timed(case, systems, *amount)
            print_row(case.name, row, kinds)
    peers = [s for s in systems if s.kind in ("gradcore", "peer")]
    dynamic = [s for s in peers if s.name not in ("CasADi", "numexpr", "PyTensor C")]
    if "batches" in wanted:
        found["batches"] = batches(dynamic, 10 if options.quick else 100)
        print("", *report.batches(found["batches"]), sep="\n")
    compiled = [s for s in peers if s.kind == "gradcore" or s.name in ("JAX", "PyTensor C")]
    compiled += [s for s in peers if s.name == "PyTensor numba"]
    if "first" in wanted:
        print("\nto the first result, cold and warm")
        found["first"] = first_results(compiled, options.quick)
    if "sizes" in wanted:
        print("\nto the first result, long graphs")
        found["sizes"] = long_graphs(compiled, options.quick)
    found["machine"] = machine(systems)
    if not (options.quick or options.only or options.peers):
        path = FOLDER / "results" / "compare.json"
        path.write_text(json.dumps(found, indent=1))
        written(found)
    return found


def written(found):
    """Write the tables and the plot."""
    report.write(FOLDER / "README.md", report.text(found))
    if not report.plot(found, FOLDER / "results" / "compare.png"):
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help=f"cases, and parts ({', '.join(PARTS)}), with commas")
    parser.add_argument("--modes", default="c,numpy", help="modes of gradcore, with commas")
    parser.add_argument("--peers", help="names of peers, with commas; all that are installed")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds, no slow peer",
    )
    parser.add_argument("--report", action="store_true", help="tables and plot of the last run")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of the peers, about themselves
    if options.report:
        written(json.loads((FOLDER / "results" / "compare.json").read_text()))
    else:
        main(options)
