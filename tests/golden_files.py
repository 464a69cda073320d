"""Functions whose generated text is kept in ``golden``, and how it is compared.

Where a change of a printer is meant, the files are written anew by ``GRADCORE_REWRITE_GOLDEN=1
pytest FILE``, and read before they are kept.
"""

import difflib
import os
from pathlib import Path

import gradcore
import gradcore.tensor as T

FOLDER = Path(__file__).parent / "golden"
REWRITE = "GRADCORE_REWRITE_GOLDEN"

x = T.dscalar("x")
v = T.dvector("v")
M, N = T.dmatrices("M", "N")
at, n = T.lvector("at"), T.lscalar("n")


def logistic_gradient():
    return [M], T.grad(T.sum(1 / (1 + T.exp(-M))), M)


def softmax_rows():
    return [M], T.softmax(M)


def column_sums():
    return [M], M.sum(axis=0)


def scan_gradient():
    powers, _ = gradcore.scan(
        lambda power: power * x, outputs_info=T.ones_like(x), n_steps=n, non_sequences=[]
    )
    return [x, n], T.grad(powers[-1], x)


def rnn_until():
    def step(drive, h, weights):
        h = T.tanh(drive + T.dot(h, weights))
        return h, gradcore.until(h.sum() > 5)

    states, _ = gradcore.scan(step, sequences=M, outputs_info=v, non_sequences=N)
    return [M, v, N], states


def gather_and_scatter():
    return [v, at], T.grad(T.sum(v[at] ** 2), v)


def choice():
    return [x, M], T.ifelse(x > 0, T.sin(M), 2 * M)


PROGRAMS = [
    logistic_gradient, softmax_rows, column_sums, scan_gradient, rnn_until, gather_and_scatter,
    choice,
]  # fmt: skip
"""What the backends that print loops have in common."""


def compare(found, name):
    """Hold a text to the file ``name``."""
    path = FOLDER / name
    if os.environ.get(REWRITE):
        path.write_text(found)
    saved = path.read_text() if path.exists() else ""
    difference = difflib.unified_diff(
        saved.splitlines(), found.splitlines(), f"tests/golden/{name}", "printed now", "", "", 3
    )
    assert saved == found, "\n".join(
        [*difference, f"if this is meant: {REWRITE}=1 pytest, and read git diff"]
    )
