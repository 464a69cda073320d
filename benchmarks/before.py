"""Generated C of this checkout beside that of another one, such as the code before a change.

    python benchmarks/before.py PATH [--only "rows,gmm f32"] [--compile] [--seconds 0.3]

A process for each checkout builds every program: float32 reductions by shape, the cases of
``compare.py``, in float32 too, and calls that update shared variables.  The processes time them in
turns, a few milliseconds each, on one thread; the best of many counts.  ``--compile`` shows instead
how many seconds the C compiler takes for each program, and kilobytes of text.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from timeit import Timer

import numpy as np
from peers import theano
from peers.cases import CASES
from peers.gradcore import WORDS
from peers.reductions import CASES as REDUCTIONS

import gradcore
import gradcore.tensor as T
from gradcore_c.compiler import find_compiler

HERE = Path(__file__).resolve().parents[1]
TURN = 0.02
"""For how many seconds a process times a program before the other one does."""


class _Single:
    """The tensor language with float32 in place of float64."""

    def __init__(self, language):
        self._language = language

    def __getattr__(self, name):
        wide = name[:1] == "d" and hasattr(self._language, "f" + name[1:])
        return getattr(self._language, "f" + name[1:] if wide else name)


def programs():
    """Return for each name what builds inputs, outputs and updates, and its arguments."""
    draw = np.random.default_rng(0)
    found = {}
    for name, case in REDUCTIONS.items():
        arguments = [draw.normal(size=s).astype("float32") / 8 for s in case.shapes]
        inputs = [T.TensorType("float32", (None,) * a.ndim)() for a in arguments]
        found[name] = partial(lambda x, f: (x, f(T, *x), {}), inputs, case.build), arguments
    for case in CASES:
        arguments = case.drawn()
        build = getattr(theano, case.name)
        found[case.name] = (
            partial(lambda f, s: (*f(WORDS, T, *s), {}), build, case.sizes),
            arguments,
        )
        if any(a.dtype == "float64" for a in arguments):
            single = [a.astype("float32") if a.dtype == "float64" else a for a in arguments]
            found[f"{case.name} f32"] = (
                partial(lambda f, s: (*f(WORDS, _Single(T), *s), {}), build, case.sizes), single,
            )  # fmt: skip
    for dtype in ("float32", "float64"):
        w, total = gradcore.shared(np.zeros(10, dtype)), gradcore.shared(np.zeros((), dtype))
        v = T.TensorType(dtype, (None,))()
        arguments = [np.ones(10, dtype)]
        found[f"update vector {dtype}"] = partial(_update, v, v.sum(), {w: w + v}), arguments
        found[f"update scalar {dtype}"] = (
            partial(_update, v, v.sum(), {total: total + 1}),
            arguments,
        )
    return found


def _update(v, output, updates):
    return [v], output, updates


def serve():
    """Build what standard input names, and time it for as long as it says, line by line."""
    known, built = programs(), {}
    print(json.dumps([str(Path(gradcore.__file__).parents[1]), list(known)]), flush=True)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        build, arguments = known[name]
        if seconds is None:
            inputs, outputs, updates = build()
            start = perf_counter()
            f = gradcore.function(inputs, outputs, updates=updates, mode="c")
            taken = perf_counter() - start
            f(*arguments)
            timer = Timer("f(*arguments)", globals={"f": f, "arguments": arguments})
            built = {name: (timer, max(1, int(5e-4 / min(timer.repeat(3, 1)))))}
            answer = taken, f.source
        else:
            timer, calls = built[name]
            end, answer = perf_counter() + seconds, float("inf")
            while perf_counter() < end:
                answer = min(answer, timer.timeit(calls) / calls)
        print(json.dumps(answer), flush=True)


class Checkout:
    """A process that runs a checkout's code."""

    def __init__(self, root, cache):
        places = [root, *sorted(Path(root, "backends").iterdir()), HERE / "benchmarks"]
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)),
            "GRADCORE_CACHE_DIR": cache, "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.root, self.names = json.loads(self._process.stdout.readline())

    def ask(self, name, seconds=None):
        """Return the least time of a program, or if it was not built, how long that took."""
        self._process.stdin.write(json.dumps([name, seconds]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def compiler_seconds(source, root):
    """Return for how many seconds of its own the C compiler works at a unit of a checkout."""
    compiler = find_compiler()
    included = Path(root, "backends", "c_backend", "gradcore_c")
    into = ("-c", "-o", os.devnull, "-x", "c", "-")
    command = (*compiler.command, *compiler.flags, f"-I{included}", *into)
    start = os.times()
    subprocess.run(command, input=source, text=True, check=True)
    end = os.times()
    return end.children_user + end.children_system - start.children_user - start.children_system


def timed(pair, name, seconds):
    """Return the least times of a program in two checkouts that take turns."""
    best = [float("inf")] * 2
    for _ in range(max(1, round(seconds / TURN))):
        best = [min(b, c.ask(name, TURN)) for b, c in zip(best, pair, strict=True)]
    return best


def main(options):
    """Print how long each program takes before and now, and the factor."""
    with tempfile.TemporaryDirectory() as cache:
        pair = [Checkout(root, cache) for root in (options.path.resolve(), HERE)]
        print(f"before: {pair[0].root}, now: {pair[1].root}", flush=True)
        wanted = options.only.split(",") if options.only else [""]
        for name in pair[1].names:
            if not any(name.startswith(w) for w in wanted):
                continue
            built = [c.ask(name) for c in pair]
            text = ""
            if options.compile:
                best = [
                    min(compiler_seconds(source, c.root) for _ in range(options.rounds))
                    for (_, source), c in zip(built, pair, strict=True)
                ]
                sizes = [len(source) / 1e3 for _, source in built]
                text = f"  {sizes[0]:7.1f} KB {sizes[1]:7.1f} KB {sizes[1] / sizes[0]:6.2f}"
            else:
                best = timed(pair, name, options.seconds)
            shown = "  ".join(f"{x * 1e6:12.2f} us" for x in best)
            print(f"{name:28}{shown} {best[1] / best[0]:6.2f}{text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", help="the other checkout")
    parser.add_argument("--only", help="what names start with, with commas between")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each program takes")
    parser.add_argument("--compile", action="store_true", help="time the C compiler")
    parser.add_argument("--rounds", type=int, default=3, help="how often it compiles a program")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
    elif given.path is None:
        parser.error("say which checkout to compare with")
    else:
        main(given)
