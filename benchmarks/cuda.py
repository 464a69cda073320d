"""What the CUDA backend does on a device: is it right, and how fast beside its peers.

Run it on a machine with a GPU: ``python benchmarks/cuda.py`` (``pip install "gradcore[cuda,test]"
torch jax[cuda12]``, or only what gradcore needs beside a checkout; a peer that is missing is
named at the end).  In one run it checks the device (conformance at level core, the tutorial, both
under compute-sanitizer where there is one), measures the bandwidth of a copy, and times gradcore
beside torch (eager, compiled) and JAX, all on arrays on the device.  It prints tables and writes
``results/cuda-CARD-DATE.json``.  `device` is what it consists of, by subject.

``--runtime host --quick`` runs all of it where there is no device: gradcore on the CPU through the
host shim, on small arrays, so that the script itself is known to work; nothing is written, and what
such a run leaves out is said.
"""

import argparse
import sys
import warnings
from pathlib import Path

from device.cases import CASES
from device.checks import checked
from device.report import CONSOLE, machine, save, show
from device.systems import systems
from device.timing import copy_bandwidth, timed

import gradcore

FOLDER = Path(__file__).resolve().parent
# CuPy imports a package called cuda, which must not be this file.
sys.path[:] = [place for place in sys.path if Path(place).resolve() != FOLDER]


def main(options):
    """Run what was asked for."""
    runtime = options.runtime
    if runtime != "host":
        reason = next(b for b in gradcore.backends() if b.name == "cuda").reason
        if reason is not None:
            CONSOLE.print(f"Nothing has run: {reason}")
            CONSOLE.print("--runtime host --quick tries this script without a device.")
            return 1
    found = {"machine": machine(runtime), "runtime": runtime, "quick": options.quick}
    builders, skipped = systems(runtime)
    if not options.no_checks:
        found["checks"], more = checked(runtime, options.quick)
        skipped += more
        for name, result in found["checks"].items():
            CONSOLE.print(
                f"{name}: {'passed' if result['passed'] else 'FAILED'} ({result['message']})"
            )
    else:
        skipped.append("conformance, the tutorial and compute-sanitizer (--no-checks)")
    bandwidth = found["copy_bandwidth"] = copy_bandwidth(runtime, options.quick)
    CONSOLE.print(f"a copy moves {bandwidth / 1e9:.0f} GB/s")
    wanted = options.only.split(",") if options.only else [case.name for case in CASES]
    rows = found["cases"] = {}
    for case in CASES:
        if case.name in wanted:
            CONSOLE.print(f"  {case.name} ...")
            rows[case.name] = timed(case, builders, options.quick, bandwidth)
    show(rows, list(builders))
    if runtime == "host":
        skipped.append("a device: times and bandwidth above are the CPU's, and say nothing of CUDA")
        skipped.append("cuBLAS, NVRTC, CUDA graphs, streams, CuPy's pool, arrays on a device")
    found["skipped"] = skipped
    CONSOLE.print("\nWhat did not run:" if skipped else "\nEverything has run.")
    for sentence in skipped:
        CONSOLE.print(f"  - {sentence}")
    if runtime != "host" and not options.quick:
        save(found)
    wrong = any("gradcore" in row["wrong"] for row in rows.values())
    failed = any(not result["passed"] for result in found.get("checks", {}).values())
    return int(wrong or failed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runtime", choices=("cupy", "host"), default="cupy")
    parser.add_argument("--quick", action="store_true", help="small arrays, few rounds")
    parser.add_argument("--only", help="cases, with commas")
    parser.add_argument("--no-checks", action="store_true", help="only the times")
    warnings.simplefilter("ignore")  # of the peers, about themselves
    sys.exit(main(parser.parse_args()))
