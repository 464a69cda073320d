"""`docs/theano_names.md` and that of PyTensor: up to date, and no name forgotten."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def names():
    return runpy.run_path(str(DOCS / "theano_names.py"))


@pytest.mark.parametrize("package", ["theano", "pytensor"])
def test_the_page_is_up_to_date(package, names):
    text = (DOCS / f"{package}_names.md").read_text()
    assert names["page"](package) == text, "it is stale: run nox -s pages"


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


def test_nearly_all_names_of_pytensor_are_here(names):
    found = names["sorted_out"]("pytensor")
    kinds = [kind for kinds in found.values() for kind, entries in kinds.items() for _ in entries]
    assert len(kinds) > 500 and kinds.count("absent") < 0.15 * len(kinds)
    assert ("scan", "gradcore.theano.successors.scan") not in found["pytensor"].get("renamed", [])
    why = dict(found["pytensor.graph"]["absent"])
    assert "gradcore.rewrite" in why["rewrite_graph"]


def test_each_name_that_pytensor_has_in_vain_is_listed_or_of_a_whole_module(names):
    listed = {f"{m}.{n}" for m, some in names["PYTENSOR"].items() for n in some.split()}
    every = {f"pytensor{n}" for n in names["LATER"] if not n.endswith("*")}
    assert len(every - listed) < 20, every - listed
