"""How long a fresh process takes from the import of a system to a first result.

Run as ``python -m peers.first SYSTEM CASE``, where a case may also be ``chain:LENGTH``; prints the
seconds from there to there.  The import itself is what startup.py measures.  Every system finds
its cache in a folder that is new (cold), or that an earlier process left (warm).
"""

import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from time import perf_counter

from peers import PEERS, in_mode
from peers.cases import BY_NAME, chain

CACHES = {
    "GRADCORE_CACHE_DIR": "{}",
    "PYTENSOR_FLAGS": "base_compiledir={}",
    "NUMBA_CACHE_DIR": "{}",
    "TORCHINDUCTOR_CACHE_DIR": "{}",
    "JAX_COMPILATION_CACHE_DIR": "{}",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""Where systems keep what they compiled, for a folder."""


def chosen(name):
    """Return a case by its name."""
    if name.startswith("chain:"):
        return chain(int(name.removeprefix("chain:")))
    return BY_NAME[name]


def main(name, case_name):
    """Print the seconds."""
    case = chosen(case_name)
    inputs = case.drawn()
    known = {s.name: s for s in PEERS}
    system = known[name] if name in known else in_mode(name.removeprefix("gradcore "))
    import_module(f"peers.{system.module}")
    start = perf_counter()
    program = system.build(case, inputs)
    program.call(*program.take(*inputs))
    print(perf_counter() - start)


def process(system, case_name, folder, limit):
    """Return the seconds to the first result in a fresh process, or words that say why not.

    folder : of all caches.
    limit : seconds after which the process is ended.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {k: v.format(folder) for k, v in CACHES.items()}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "peers.first", system.name, case_name],
            capture_output=True, text=True, check=False, env=environment, timeout=limit,
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"> {limit} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1]
    return float(done.stdout.split()[-1])


def cold_and_warm(system, case_name, repeats, limit=120):
    """Return the best seconds to a first result with empty caches, and with what that left there.

    Either may be words that say why there is no figure.
    """
    cold, warm = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            found = process(system, case_name, folder, limit)
            if isinstance(found, str):
                return found, found
            cold.append(found)
            again = [process(system, case_name, folder, limit) for _ in range(2)]
            warm += [seconds for seconds in again if not isinstance(seconds, str)]
        if cold[-1] > limit / 20:
            break
    return min(cold), min(warm) if warm else "failed"


if __name__ == "__main__":
    main(*sys.argv[1:])
