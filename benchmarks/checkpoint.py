"""The gradient of a long scan that may not store all steps, beside ``jax.checkpoint``.

Run it: ``python benchmarks/checkpoint.py``.  100,000 steps ``s = tanh(w * s + x[t])`` of a state of
1000 doubles; the value ``sum(s[-1] ** 2)`` and its gradient in x, w and the first state.  Each way
runs in a new process: memory is how much its peak grows by the first call, after compilation, and
time the best of all calls, of processes taken in turn.  A peer that is not installed is left out.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

Call = Callable[[], object]

WAYS = ("gradcore, all", "gradcore, auto", "gradcore, 250", "jax, all", "jax, 250")
MIB = 1 << 20


def operands(steps: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, the first state, and w."""
    rng = np.random.default_rng(0)
    return (
        0.1 * rng.standard_normal(steps),
        rng.standard_normal(size),
        rng.uniform(0.5, 1, size),
    )


def with_gradcore(checkpoint: str, budget: int, steps: int, size: int) -> tuple[Call, float]:
    """Return what computes value and gradient, and how long it took to compile."""
    gradcore = importlib.import_module("gradcore")
    T = importlib.import_module("gradcore.tensor")
    gradcore.config.scan_memory_budget = budget
    x, start, w = T.dvectors("x", "start", "w")
    how = {"all": None, "auto": "auto"}.get(checkpoint, checkpoint)
    states, _ = gradcore.scan(
        lambda e, s, w: T.tanh(w * s + e),
        x,
        start,
        w,
        checkpoint=int(how) if how and how.isdigit() else how,
    )
    cost = (states[-1] ** 2).sum()
    begin = time.perf_counter()
    mode = gradcore.Mode("c", flush_subnormals=True)  # as JAX does
    f = gradcore.function([x, start, w], [cost, *T.grad(cost, [x, start, w])], mode=mode)
    seconds = time.perf_counter() - begin
    f(*operands(10, size))
    given = operands(steps, size)
    return lambda: f(*given), seconds


def with_jax(checkpoint: str, steps: int, size: int) -> tuple[Call, float]:
    """Return what computes value and gradient, and how long it took to compile."""
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", val=True)

    def cost(x: object, start: object, w: object) -> object:
        def step(s: object, e: object) -> tuple[object, None]:
            return jnp.tanh(w * s + e), None

        def segment(s: object, part: object) -> tuple[object, None]:
            return jax.lax.scan(step, s, part)[0], None

        if checkpoint == "all":
            last = jax.lax.scan(step, start, x)[0]
        else:
            parts = x.reshape(-1, int(checkpoint))
            last = jax.lax.scan(jax.checkpoint(segment), start, parts)[0]
        return (last**2).sum()

    given = [jax.device_put(v) for v in operands(steps, size)]
    begin = time.perf_counter()
    f = jax.jit(jax.value_and_grad(cost, (0, 1, 2))).lower(*given).compile()
    seconds = time.perf_counter() - begin
    return lambda: jax.block_until_ready(f(*given)), seconds


def peak() -> int:
    """Return the most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(way: str, budget: int, steps: int, size: int, calls: int) -> dict[str, float]:
    """Return the memory and the times of one way, in this process."""
    peer, checkpoint = way.split(", ")
    if peer == "jax":
        call, compiling = with_jax(checkpoint, steps, size)
    else:
        call, compiling = with_gradcore(checkpoint, budget, steps, size)
    before = peak()
    call()
    memory = peak() - before
    times: list[float] = []
    for _ in range(calls):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return {"memory": memory, "seconds": min(times), "compiling": compiling}


def main() -> None:
    """Measure all ways, each in processes of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="a multiple of 250")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--budget", type=int, default=64 * MIB, help="bytes, for auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="measure one, and print JSON")
    args = parser.parse_args()
    if args.way:
        found = measured(args.way, args.budget, args.steps, args.size, args.calls)
        print(json.dumps(found))
        return
    options = [f"--{name}={getattr(args, name)}" for name in ("steps", "size", "budget", "calls")]
    rows: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(args.rounds):
        for way, row in rows.items():
            command = [sys.executable, __file__, *options, "--way", way]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode == 0:
                row.append(json.loads(done.stdout))
            else:
                print(f"{way}: {done.stderr.strip().splitlines()[-1]}")
    print("| | memory, MiB | time, s | over storing all | compilation, s |")
    print("|---|---|---|---|---|")
    for way, row in rows.items():
        if row:
            best = {key: min(each[key] for each in row) for key in row[0]}
            whole = rows[way.split(", ")[0] + ", all"]
            over = best["seconds"] / min(each["seconds"] for each in whole) if whole else np.nan
            print(
                f"| {way} | {best['memory'] / MIB:.0f} | {best['seconds']:.2f} | {over:.2f} "
                f"| {best['compiling']:.1f} |"
            )


if __name__ == "__main__":
    main()
