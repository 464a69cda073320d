"""Writes the conformance matrix into the README and the docs, from the reports of runs.

Run it: ``python docs/matrix.py``, after ``nox -s conformance`` has written the reports.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gradcore.conformance.tables import read_reports, rewritten

ROOT = Path(__file__).parents[1]
ORDER = ("numpy", "c", "cuda", "jax", "torch", "onnx")
PAGES = (ROOT / "README.md", ROOT / "docs" / "conformance.md")


def written() -> list[Path]:
    """Return the reports that there are, in the order of the tables."""
    paths = [ROOT / "docs" / "reports" / f"{name}.json" for name in ORDER]
    return [path for path in paths if path.exists()]


if __name__ == "__main__":
    reports = read_reports(written())
    for page in PAGES:
        page.write_text(rewritten(page.read_text(), reports))
        sys.stdout.write(f"wrote {page}\n")
