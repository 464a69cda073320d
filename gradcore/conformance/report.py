"""What a run of the suite found: counts by op, and every gap with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

OUTCOMES = {"passed": "passed", "xfailed": "known", "skipped": "unsupported"}
"""What a case may come to, by pytest's word; anything else has failed."""


@dataclass(frozen=True)
class Result:
    """What became of a case.

    outcome : passed, known (to fail), unsupported, or failed.
    why : the reason, if it has not passed.
    version : of the backend, as its options have it run; empty: it is unknown.
    """

    backend: str
    op: str
    check: str
    id: str
    outcome: str
    why: str = ""
    version: str = ""


@dataclass(frozen=True)
class Report:
    """What a run found for one backend.

    backend, version : what was run.
    level : how much was run.
    ops : for each op, how many cases came to each outcome.
    gaps : the cases that have not passed.
    """

    backend: str
    version: str
    level: str
    ops: dict[str, dict[str, int]]
    gaps: tuple[Result, ...]

    def count(self, outcome: str) -> int:
        """Return how many cases came to ``outcome``."""
        return sum(counts.get(outcome, 0) for counts in self.ops.values())

    @property
    def total(self) -> int:
        """How many cases were run."""
        return sum(sum(counts.values()) for counts in self.ops.values())

    def __add__(self, other: Report) -> Report:
        """Return the report of both runs: of two parts of the cases of one level.

        Raises ValueError: they are of two backends, versions or levels.
        """
        run = (self.backend, self.version, self.level)
        if run != (other.backend, other.version, other.level):
            raise ValueError(
                f"runs of {self.backend} {self.version} at level {self.level} and of "
                f"{other.backend} {other.version} at level {other.level} are not parts of one"
            )
        counts = {
            op: dict(
                sorted((Counter(self.ops.get(op, {})) + Counter(other.ops.get(op, {}))).items())
            )
            for op in sorted({*self.ops, *other.ops})
        }
        gaps = tuple(sorted(self.gaps + other.gaps, key=lambda gap: gap.id))
        return Report(*run, counts, gaps)

    def as_json(self) -> dict[str, Any]:
        """Return the report as objects of JSON."""
        gaps = [{"id": g.id, "outcome": g.outcome, "why": g.why} for g in self.gaps]
        return {
            "backend": self.backend, "version": self.version, "level": self.level,
            "cases": self.total, "ops": self.ops, "gaps": gaps,
        }  # fmt: skip


def collected(results: Iterable[Result], level: str) -> list[Report]:
    """Return a report for each backend among ``results``, by name."""
    found = sorted(results, key=lambda r: r.id)
    reports: list[Report] = []
    for backend in sorted({r.backend for r in found}):
        mine = [r for r in found if r.backend == backend]
        counts = {
            op: dict(sorted(Counter(r.outcome for r in mine if r.op == op).items()))
            for op in sorted({r.op for r in mine})
        }
        gaps = tuple(r for r in mine if r.outcome != "passed")
        version = next((r.version for r in mine if r.version), "")
        reports.append(Report(backend, version, level, counts, gaps))
    return reports


def matrix(reports: Sequence[Report]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the matrix: an op, and what part of its cases each backend passed."""
    yield ("op", *(report.backend for report in reports))
    for op in sorted({op for report in reports for op in report.ops}):
        yield (op, *(_cell(report.ops.get(op, {})) for report in reports))
    yield ("all", *(f"{r.count('passed')}/{r.total}" for r in reports))


def _cell(counts: dict[str, int]) -> str:
    if not counts:
        return ""
    others = [f"{n} {outcome}" for outcome, n in counts.items() if outcome != "passed"]
    passed = f"{counts.get('passed', 0)}/{sum(counts.values())}"
    return f"{passed} ({', '.join(others)})" if others else passed
