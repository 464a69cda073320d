"""What is written, checked as text: how long a file is, its words, reasons for exceptions."""

import functools
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("gradcore", "backends", "tests", "benchmarks", "docs", "examples")
CODE = sorted(
    path
    for room in ROOMS
    for ending in ("py", "c", "h")
    for path in (ROOT / room).rglob(f"*.{ending}")
    if "golden" not in path.parts and not {"build", "dist"} & set(path.parts)
)
"""All code that somebody wrote: golden texts are generated."""

LONGEST = 500

LONG = {
    "gradcore/kernel/mathematics.h": "a table of scalar functions, looked up by name",
}
"""Files that are longer, and what is in them; one that is cut leaves this table."""


def test_files_are_short():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in CODE}
    assert len(lines) > 250
    long = {name for name, count in lines.items() if count > LONGEST}
    assert not long - set(LONG), f"longer than {LONGEST} lines: cut along their subjects"
    short = sorted(set(LONG) - long)
    assert not short, f"no longer long: take {short} out of LONG"


WORDS = {
    "told": "reported, given, known", "held": "stored, captured, saved, checked against",
    "kept": "saved, cached, retained, preserved", "fetch": "read, load, look up",
    "fetched": "read, loaded", "apart": "separate", "across": "over, along, between",
}  # fmt: skip
"""Words that have given way to the field's, in names: say one of those."""


@functools.cache
def names(path):
    """Return the identifiers of a file of Python."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def words(name):
    """Return the words that a name is made of."""
    return {word.lower() for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}


@pytest.mark.parametrize("word", WORDS)
def test_names_use_the_words_of_the_field(word):
    for path in CODE:
        if path.suffix == ".py":
            for name in names(path):
                assert word not in words(name), f"{path}, {name}: say {WORDS[word]}"


ROOMS_OF_KERNELS = ("gradcore/kernel", "gradcore/backend", "backends/c_", "backends/cuda_")


def test_a_class_has_a_name_of_its_own():
    """Within a room, where generated code and its backends are one."""
    found = {}
    for path in CODE:
        name = str(path.relative_to(ROOT))
        if path.suffix == ".py" and name.startswith(("gradcore", "backends")):
            kernels = name.startswith(ROOMS_OF_KERNELS)
            room = "kernels" if kernels else "/".join(name.split("/")[:2])
            for kind in re.findall(r"^class ([A-Z]\w*)", path.read_text(), re.MULTILINE):
                found.setdefault((room, kind), []).append(name)
    assert not {key: names for key, names in found.items() if len(names) > 1}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_exceptions_have_their_reason_and_nothing_is_open(path):
    """A line that a linter or a checker of types passes over says why."""
    text = path.read_text()
    assert not re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", text)
    for line in text.splitlines():
        if re.search(r"# (ruff: )?(noqa|pyright: ignore|type: ignore)", line):
            assert re.search(r"\S - \S", line), f"no reason: {line.strip()}"


PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
PAGES += [ROOT / "benchmarks/README.md", *sorted((ROOT / "examples").glob("*/*.md"))]
PAGES.remove(ROOT / "docs/ops.md")  # it is generated


def prose(text):
    """Return the lines of a page of Markdown that are neither code, tables nor generated."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^<!-- \w+ -->.*?^<!-- end -->", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line for line in text.splitlines() if not line.startswith("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_are_wrapped(page):
    long = [line for line in prose(page.read_text()) if len(line) > 100]
    assert not long, "wrap at 100 columns"
