"""What runs of the suite found, as tables of Markdown: for a README, or a page.

    gradcore matrix REPORT.json ... [--into README.md ...]

A page has a pair of marks for each table that it wants, ``<!-- summary -->``, ``<!-- gaps -->`` or
``<!-- matrix -->``, and ``<!-- end -->``; what is between them is replaced.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcore.conformance.report import Report, Result, matrix


def read_reports(paths: Iterable[Path]) -> list[Report]:
    """Return the reports that the suite wrote with ``--gradcore-report``, in the order of paths.

    Those of one backend add up: they are of parts of the cases, as ``--part K/N`` runs them.

    Raises ValueError: a file is no such report, or two are of one backend, but not of one version
    and level.
    """
    found: dict[str, Report] = {}
    for path in paths:
        try:
            reports = [_report(data) for data in json.loads(path.read_text())]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no report of the conformance suite: {error!r}") from None
        for report in reports:
            earlier = found.get(report.backend)
            found[report.backend] = report if earlier is None else earlier + report
    return list(found.values())


def _report(data: Mapping[str, Any]) -> Report:
    gaps = tuple(
        Result(data["backend"], "", "", gap["id"], gap["outcome"], gap["why"])
        for gap in data["gaps"]
    )
    return Report(data["backend"], data["version"], data["level"], data["ops"], gaps)


def summary(found: Sequence[Report]) -> Iterator[str]:
    """Yield a table with a backend a line."""
    yield "| backend | version | level | cases | passed | known to fail | not supported | failed |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in found:
        counts = [r.count(outcome) for outcome in ("passed", "known", "unsupported", "failed")]
        share = f"{counts[0]} ({counts[0] / max(r.total, 1):.1%})"
        cells = (r.backend, r.version, r.level, r.total, share, *counts[1:])
        yield f"| {' | '.join(map(str, cells))} |"


def gaps(found: Sequence[Report]) -> Iterator[str]:
    """Yield every reason for which a case has not passed, and how often."""
    yield "| backend | cases | outcome | why |"
    yield "|---|---|---|---|"
    for r in found:
        for (outcome, why), n in Counter((g.outcome, g.why) for g in r.gaps).most_common():
            yield f"| {r.backend} | {n} | {outcome} | {why.replace('|', '/')} |"


def table(found: Sequence[Report]) -> Iterator[str]:
    """Yield the matrix: an op a line, a backend a column."""
    first, *rest = matrix(found)
    yield f"| {' | '.join(first)} |"
    yield f"|{'---|' * len(first)}"
    for row in rest:
        yield f"| {' | '.join(row)} |"


TABLES: Mapping[str, Callable[[Sequence[Report]], Iterator[str]]] = {
    "summary": summary,
    "gaps": gaps,
    "matrix": table,
}
"""The tables, by the name of their marks."""


def rewritten(text: str, found: Sequence[Report]) -> str:
    """Return a page with the tables written between their marks."""
    for name, lines in TABLES.items():
        block = "\n".join((f"<!-- {name} -->", *lines(found), "<!-- end -->"))
        pattern = rf"<!-- {name} -->.*?<!-- end -->"
        text = re.sub(pattern, lambda _, b=block: b, text, flags=re.DOTALL)
    return text
