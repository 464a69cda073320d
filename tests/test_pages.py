"""Pages that are made from code, and what pages name: up to date."""

import pkgutil
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = runpy.run_path(str(ROOT / "docs/house.py"))


@pytest.mark.parametrize("page", HOUSE["PAGES"], ids=lambda page: page.name)
def test_pages_show_the_house_as_it_is(page):
    text = page.read_text()
    assert HOUSE["rewritten"](text) == text, f"{page.name} is stale: run nox -s pages"


@pytest.mark.parametrize("part", HOUSE["PARTS"])
def test_every_part_has_its_place(part):
    assert sum(f"<!-- {part} -->" in page.read_text() for page in HOUSE["PAGES"]) == 1


def test_the_picture_has_no_cycle_and_no_way_around():
    found = list(HOUSE["reduced"]({"a": {"b", "c"}, "b": {"c"}, "c": set()}))
    assert found == [("a", "b"), ("b", "c")]
    drawn = HOUSE["imports"]()
    assert {"graph", "rewrite", "kernel", "compile"} <= set(drawn) and not drawn["errors"]


LINKED = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """To a file, and to a heading of it."""
    prose = re.sub(r"`[^`\n]*`", "", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            found = (page.parent / name) if name else page
            assert found.exists(), f"{page.name} links to {target}"
            assert not anchor or anchor in anchors(found), f"{page.name} links to {target}"


def anchors(page):
    """Return what the headings of a page are called in links, as GitHub calls them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


GLOSSARY = (ROOT / "docs/glossary.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(gradcore\w*(?:\.\w+)+)`", GLOSSARY))))
def test_what_the_glossary_names_exists(name):
    pkgutil.resolve_name(name)  # it raises where there is no such name


def test_every_kind_of_derivative_is_in_the_glossary():
    from gradcore import derive
    from gradcore.derive import kinds

    for name, value in vars(kinds).items():
        is_public = isinstance(value, type) and hasattr(derive, name)
        if is_public and issubclass(value, kinds.Derivative) and value.__module__ == kinds.__name__:
            if name not in ("ByOperand", "LinearInEach"):  # bases, and a case of Linear
                assert f"`gradcore.derive.{name}`" in GLOSSARY
