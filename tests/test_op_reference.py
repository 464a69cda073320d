"""The op reference and the pages of contracts: complete, and up to date."""

import dataclasses
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from gradcore.cli import main
from gradcore.kernel import device, ir
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise
from gradcore.reference import entry, heading

DOCS = Path(__file__).parents[1] / "docs"
OPS = [op for op in catalogue() if not heading(op).startswith("cast_")]


def script(name):
    """Return a script of the docs as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    assert (DOCS / "ops.md").read_text() == script("ops").page(), "it is stale: run nox -s pages"


@pytest.mark.parametrize("op", OPS, ids=heading)
def test_an_entry_says_what_an_op_declares(op):
    reported = entry(op)
    assert reported.startswith(f"### `{heading(op)}`\n")
    assert "object at 0x" not in reported and "<lambda>" not in reported
    for what in ("- derivative: ", "- tested on: " if isinstance(op, Elementwise) else "| op |"):
        assert what in reported
    if isinstance(op, Elementwise):
        assert op.doc in reported and "-> " in reported and "a rule of its own" not in reported
    else:
        assert all(f"`{f.name}: " in reported for f in dataclasses.fields(op) if f.init)
        assert all(f"`{sample.op.label()}`" in reported for sample in op.samples())


def test_what_an_entry_says_of_dtypes_and_shapes_is_so():
    (op,) = (op for op in OPS if heading(op) == "Reduce")
    assert "bool, int8, int16, int32 -> int64" in entry(op)
    assert re.search(
        r"`sum\{axis=\(0,\)\}` \| x: float64\[\]\[\]\[\] .*`\(x.shape\[1\], x.", entry(op)
    )
    (op,) = (op for op in OPS if heading(op) == "true_div")
    assert "integers and bool -> float64; floats, complex -> the same" in entry(op)
    assert "cotangents x: `(t / y)`, y: " in entry(op)
    assert np.true_divide.__name__ == "divide" and "`numpy.divide`" in entry(op)


def test_entries_on_the_command_line(capsys):
    assert main(["ops"]) == 0
    reported = capsys.readouterr().out.split()
    assert {"exp", "Scan", "Subtensor"} <= set(reported)
    assert main(["ops", "exp", "Scan"]) == 0
    reported = capsys.readouterr().out
    assert reported.count("### ") == 2 and "steps" in reported
    assert main(["ops", "epx"]) == 2
    assert "did you mean 'exp'" in capsys.readouterr().err


def test_the_page_of_the_loop_ir_holds_all_of_it():
    page = (DOCS / "loop_ir.md").read_text()
    expressions = (ir.Literal, ir.Symbol, ir.Load, ir.Call)
    found = [getattr(room, name) for room in (ir, device) for name in room.__all__]
    statements = [
        kind for kind in found
        if isinstance(kind, type) and issubclass(kind, ir.Statement)
        and kind not in (ir.Statement, device.Meeting)
    ]  # fmt: skip
    assert len(statements) > 35
    for node in (*statements, *expressions):
        (signature,) = re.findall(rf"^\| `{node.__name__}\((.*?)\)` \|", page, re.MULTILINE)
        own = getattr(node, "__annotations__", {})
        declared = dataclasses.fields(node) if dataclasses.is_dataclass(node) else ()
        fields = [f.name for f in declared if f.name in own]
        assert not fields or signature.split(", ") == fields
    for role in ("input", "constant", "output", "work", "pointer"):
        assert f"| `{role}` |" in page
