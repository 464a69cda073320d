"""What the C compiler takes for programs: with procedures and without, whole and in units.

    python benchmarks/units.py [NAME ...]

For each program: kilobytes of text and milliseconds of the compiler's own time where what repeats
is printed as often as it is there, and where it is a procedure; then those of each of two units,
which run side by side.  NAME is a case of ``compare.py``, ``chain:OPS`` or ``unrolled:STEPS``.
"""

import os
import subprocess
import sys

from peers import theano
from peers.cases import BY_NAME, chain
from peers.gradcore import WORDS

import gradcore
import gradcore.tensor as T
from gradcore.kernel.merging import merged
from gradcore.kernel.pipeline import program
from gradcore_c.compiler import FOLDER, find_compiler
from gradcore_c.printing import PASSES, CRenderer
from gradcore_c.units import divided

NAMES = ("call_scalar", "mlp", "rnn", "gmm", "lstm", "chain:200", "chain:2000", "unrolled:200")
ROUNDS = 3


class Separate(CRenderer):
    """Prints what repeats as often as it is there."""

    passes = tuple(p for p in PASSES if p is not merged)


def unrolled(steps):
    """Return an RNN that Python unrolls, with its gradient."""
    W, U, h = T.dmatrices("W", "U", "h")
    X = T.dtensor3("X")
    state = h
    for t in range(steps):
        state = T.tanh(T.dot(X[t], W) + T.dot(state, U))
    cost = T.sum(state**2)
    return [W, U, X, h], [cost, T.grad(cost, W), T.grad(cost, U)]


def graph(name):
    """Return the graph of a program."""
    kind, _, size = name.partition(":")
    if kind == "unrolled":
        inputs, outputs = unrolled(int(size))
    else:
        case = chain(int(size)) if size else BY_NAME[kind]
        inputs, outputs = getattr(theano, case.name)(WORDS, T, *case.sizes)[:2]
    return gradcore.function(inputs, outputs, mode="numpy").maker.fgraph


def milliseconds(source):
    """Return how long the compiler works at a unit."""
    compiler = find_compiler()
    into = ("-c", "-o", os.devnull, "-x", "c", "-")
    command = (*compiler.command, *compiler.flags, f"-I{FOLDER}", *into)
    best = float("inf")
    for _ in range(ROUNDS):
        start = os.times()
        subprocess.run(command, input=source, text=True, check=True)
        end = os.times()
        taken = end.children_user + end.children_system
        best = min(best, taken - start.children_user - start.children_system)
    return 1000 * best


def main(names):
    """Print a line for each program."""
    for name in names:
        made = program(graph(name))
        found = []
        for kind in (Separate, CRenderer):
            rendered = kind().render(made)
            size = f"{len(rendered.text) / 1000:6.1f} KB"
            found.append(f"{size} {milliseconds(rendered.text):6.0f} ms")
        parts = [f"{milliseconds(text):.0f}" for text in divided(rendered, 2)]
        print(f"{name:14} {' -> '.join(found)}; in units: {' and '.join(parts)} ms", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or NAMES)
