"""The matrix of the README and the docs: what the reports say, and of this very suite."""

import functools
import runpy
from pathlib import Path

import pytest

from gradcore.conformance.case import Level
from gradcore.conformance.cases import cases
from gradcore.conformance.tables import read_reports, rewritten

MATRIX = runpy.run_path(str(Path(__file__).parents[1] / "docs/matrix.py"))
REPORTS = read_reports(MATRIX["written"]())


@pytest.mark.parametrize("page", MATRIX["PAGES"], ids=lambda page: page.name)
def test_pages_show_the_reports(page):
    text = page.read_text()
    assert rewritten(text, REPORTS) == text, f"{page.name} is stale: run nox -s pages"
    assert "<!-- summary -->\n| backend |" in text


def test_there_is_a_report_of_every_backend_of_ours():
    found = [report.backend for report in REPORTS]
    assert found == [name for name in MATRIX["ORDER"] if name in found]
    assert {"numpy", "c", "jax", "torch"} <= set(found)


@functools.cache
def ops(level):
    """Return the ops that have cases up to a level."""
    return {case.op for case in cases(level)}


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: r.backend)
def test_reports_are_of_this_suite(report):
    """Ops that are newer than a report are in the next one: ``nox -s conformance matrix``."""
    assert set(report.ops) <= ops(Level[report.level.upper()])
    assert report.count("failed") == 0
    assert all(gap.why for gap in report.gaps)
