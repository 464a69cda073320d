"""What a run on a device has found: the machine, the tables, and the file of results."""

import json
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from peers.report import shown
from rich.console import Console
from rich.table import Table

import gradcore

RESULTS = Path(__file__).resolve().parents[1] / "results"
CONSOLE = Console(width=150)


def machine(runtime):
    """Return what this ran on."""
    found = {"date": datetime.now(UTC).date().isoformat(), "python": sys.version.split()[0]}
    for package in ("gradcore", "numpy", "cupy-cuda12x", "torch", "jax"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    backend = next(b for b in gradcore.backends() if b.name == "cuda")
    found["card"] = "none: the host shim" if runtime == "host" else backend.version
    return found


def show(rows, names):
    """Print the table of times."""
    table = Table("work", *names, "share of copy", "meant to be", title="seconds a call")
    for row in rows.values():
        cells = [
            shown(row["times"][n]) if n in row["times"] else row["wrong"].get(n, "") for n in names
        ]
        share = "" if row["share"] is None else f"{row['share']:.0%}"
        table.add_row(row["title"], *cells, share, row["aim"])
    CONSOLE.print(table)
    for row in rows.values():
        for name, seconds in row.get("overhead", {}).items():
            CONSOLE.print(f"Python's part of a call, {name}: {shown(seconds)}")


def save(found):
    """Write what a run has found into a file, named after the card and the day."""
    card = "".join(c if c.isalnum() else "-" for c in found["machine"]["card"].split(",")[0])
    path = RESULTS / f"cuda-{card}-{found['machine']['date']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    CONSOLE.print(f"written to {path}")
