"""Writes the conformance matrix into the README and the docs, from the reports of runs.

Run it: ``python docs/matrix.py``, after ``nox -s conformance`` has written the reports.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradcore.conformance.report import Report, Result, matrix

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "docs" / "reports"
ORDER = ("numpy", "c", "cuda", "jax", "torch")


def reports() -> list[Report]:
    """Return the reports of all runs, in the order of the backends."""
    found: dict[str, Report] = {}
    for path in REPORTS.glob("*.json"):
        for data in json.loads(path.read_text()):
            found[data["backend"]] = _report(data)
    return [found[name] for name in ORDER if name in found]


def _report(data: dict[str, Any]) -> Report:
    gaps = tuple(
        Result(data["backend"], "", "", gap["id"], gap["outcome"], gap["why"])
        for gap in data["gaps"]
    )
    return Report(data["backend"], data["version"], data["level"], data["ops"], gaps)


def summary(found: list[Report]) -> Iterator[str]:
    """Yield the table of the README: a backend a line."""
    yield "| backend | version | level | cases | passed | known to fail | not supported | failed |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in found:
        counts = [r.count(outcome) for outcome in ("passed", "known", "unsupported", "failed")]
        share = f"{counts[0]} ({counts[0] / r.total:.1%})"
        cells = (r.backend, r.version, r.level, r.total, share, *counts[1:])
        yield f"| {' | '.join(map(str, cells))} |"


def gaps(found: list[Report]) -> Iterator[str]:
    """Yield every reason for which a case has not passed, and how often."""
    yield "| backend | cases | outcome | why |"
    yield "|---|---|---|---|"
    for r in found:
        for (outcome, why), n in Counter((g.outcome, g.why) for g in r.gaps).most_common():
            yield f"| {r.backend} | {n} | {outcome} | {why.replace('|', '/')} |"


def table(found: list[Report]) -> Iterator[str]:
    """Yield the matrix: an op a line, a backend a column."""
    first, *rest = matrix(found)
    yield f"| {' | '.join(first)} |"
    yield f"|{'---|' * len(first)}"
    for row in rest:
        yield f"| {' | '.join(row)} |"


def pages() -> dict[Path, str]:
    """Return the pages with the tables written into them."""
    found = reports()
    parts = {"summary": summary, "gaps": gaps, "matrix": table}
    written: dict[Path, str] = {}
    for path in (ROOT / "README.md", ROOT / "docs" / "conformance.md"):
        text = path.read_text()
        for name, lines in parts.items():
            block = "\n".join((f"<!-- {name} -->", *lines(found), "<!-- end -->"))
            text = re.sub(
                rf"<!-- {name} -->.*?<!-- end -->", lambda _, b=block: b, text, flags=re.DOTALL
            )
        written[path] = text
    return written


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        sys.stdout.write(f"wrote {path}\n")
