"""`docs/theano_names.md`: up to date, and no name of Theano's forgotten."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def names():
    return runpy.run_path(str(DOCS / "theano_names.py"))


def test_the_page_is_up_to_date(names):
    text = (DOCS / "theano_names.md").read_text()
    assert names["page"]() == text, "it is stale: run nox -s pages"


def test_nearly_all_names_are_here(names):
    found = names["sorted_out"]()
    kinds = [kind for kinds in found.values() for kind, entries in kinds.items() for _ in entries]
    assert len(kinds) > 800 and kinds.count("absent") < 0.2 * len(kinds)
    said = dict(found["theano.tensor.nnet"]["own"])
    assert "one row" in said["softmax"]
    assert ("repeat", "") in found["theano.tensor"]["same"]
    assert ("matrix_inverse", "T.linalg.inv") in found["theano.tensor.nlinalg"]["renamed"]


def test_each_name_that_theano_says_absent_is_listed(names):
    """Or stands there for a whole module."""
    listed = {f"{module}.{name}" for module, some in names["API"].items() for name in some.split()}
    missing = [n for n in names["ABSENT"] if n not in listed and not n.endswith("*")]
    assert len(missing) < 20, missing
