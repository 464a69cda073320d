"""The matrix of the README and the docs: what the reports say, and of this very suite."""

import runpy
from collections import Counter
from pathlib import Path

import pytest

from gradcore.conformance.case import Level
from gradcore.conformance.cases import cases

MATRIX = runpy.run_path(str(Path(__file__).parents[1] / "docs/matrix.py"))
REPORTS = MATRIX["reports"]()
WRITTEN = {path.stem for path in MATRIX["REPORTS"].glob("*.json")}


def test_pages_show_the_reports():
    for path, text in MATRIX["pages"]().items():
        assert path.read_text() == text, f"{path.name} is stale: run python docs/matrix.py"
        assert "<!-- summary -->\n| backend |" in text


def test_there_is_a_report_of_every_backend_of_ours():
    assert [report.backend for report in REPORTS] == [b for b in MATRIX["ORDER"] if b in WRITTEN]
    assert {"numpy", "c", "jax", "torch"} <= WRITTEN


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: r.backend)
def test_reports_are_of_this_suite(report):
    own = Counter(case.op for case in cases(Level[report.level.upper()]))
    own.pop("gauss", None)  # the README's example, where it has run before
    assert {op: sum(counts.values()) for op, counts in report.ops.items()} == own
    assert report.count("failed") == 0
    assert all(gap.why for gap in report.gaps)
