"""The site of the documentation: its pages, links, names and drawings.  None of it needs Sphinx."""

import doctest
import importlib
import os
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import api
import drawing
import numpy as np
import public
import pytest
import sources
import variables

import gradcore
import gradcore.tensor as T

ROOT = Path(__file__).parents[1]
PAGES = sources.pages()


def prose(text):
    return "".join(sources.CONTEXT.split(text)[::2])


# names ------------------------------------------------------------------------------------------
def test_every_public_name_is_an_entry_of_the_reference():
    text = "\n".join(PAGES.values())
    found = re.findall(
        r"^`{5}\{py:\w+\} (\w+).*\n:module: ([\w.]+)$", text, flags=re.MULTILINE
    )  # a name, and its module
    entries = [f"{room}.{name}" for name, room in found]
    assert len(entries) == len(set(entries))
    assert set(entries) == {n.full for n in (*public.names(), *public.contract())}
    for name in public.names():
        for other in name.others:
            assert f"`{other}`" in text


@pytest.mark.parametrize("room", public.ROOMS)
def test_what_a_user_can_write_is_a_public_name(room):
    """A word that a module has for users is found by reading it."""
    known = {full for name in public.names() for full in (name.full, *name.others)}
    module = sys.modules[room]
    for name in vars(module):
        value = getattr(module, name)
        if hasattr(value, "__module__") and value.__module__ == room and name[0] != "_":
            errors = room != "gradcore.errors" or isinstance(value, type)
            assert f"{room}.{name}" in known or not errors


BREAKING = {"gradcore.errors.DeviceError", "gradcore.errors.CompileError"}
"""What an example could only show with a device, or a compiler, that fails."""


def test_public_names_have_examples():
    assert set(public.without_example()) == BREAKING, "write an example in the docstring"


def test_examples_behind_assignments_run():
    """pytest collects those of functions and classes; that of an alias is in a string behind it."""
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    shown = []
    for name in (*public.names(), *public.contract()):
        text = public.assigned_doc(name.room, name.name)
        if ">>>" in text:
            shown.append(name.name)
            namespace = {"np": np, **vars(importlib.import_module(name.room))}
            runner.run(doctest.DocTestParser().get_doctest(text, namespace, name.full, None, 0))
    assert {"Executable", "Kernel", "Kernels", "Runner", "hookimpl"} <= set(shown)
    assert runner.summarize(verbose=False).failed == 0


def test_an_elementwise_op_is_shown_at_work():
    (softplus,) = (n for n in public.names() if n.full == "gradcore.tensor.softplus")
    call, *printed = api.row_example(softplus)
    assert repr(eval(call.removeprefix(">>> "), {"T": T})) == "\n".join(printed)


def test_every_page_of_names_has_some():
    for page in api.PAGES:
        assert "{py:" in PAGES[f"reference/{page.path}.md"], page
    with pytest.raises(KeyError, match="add its module to PAGES"):
        api.page_of(public.Name("gradcore.nowhere", "name", 1))


def test_docstrings_become_markdown():
    doc = "Return it, `grad`-like * 2.\n\nx, y : what it is,\n    and more.\n\n>>> 1\n1"
    assert list(api.markdown(doc, "gradcore")) == [
        "Return it, {py:obj}`grad <gradcore.grad>`-like \\* 2.", "",
        "- `x`, `y`: what it is,", "  and more.", "", "```python", ">>> 1", "1", "```", "",
    ]  # fmt: skip


# pages ------------------------------------------------------------------------------------------
def test_every_page_is_in_a_table_of_contents():
    listed = {"index.md"}
    for path, text in PAGES.items():
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            entries = [line for line in block.splitlines() if line and line[0] != ":"]
            listed |= {os.path.normpath(Path(path).parent / f"{e}.md") for e in entries}
    assert listed == set(PAGES)


def test_every_page_of_the_docs_is_on_the_site():
    every = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    missing = every - set(sources.places())
    assert not missing, "give it a place in docs/web/sources.py, and a line in an index.md there"


def headings(text):
    titles = re.findall(r"^#+ (.*)$", prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_of_the_site_lead_somewhere():
    pictures = {f"pictures/{picture.name}" for picture in sources.pictures()}
    checked = 0
    for path, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(text))):
            if "://" not in target:
                name, _, anchor = target.partition("#")
                to = os.path.normpath(Path(path).parent / name) if name else path
                assert to in PAGES or to in pictures, f"{path} links to {target}"
                assert not anchor or anchor in headings(PAGES[to]), f"{path} links to {target}"
                checked += 1
    assert checked > 100


def test_names_in_prose_are_links():
    assert "{py:obj}`T.grad <gradcore.grad>`" in PAGES["learn/first_function.md"]
    assert api.linked("`T.nothing` and [`T.grad`](x.md)") == "`T.nothing` and [`T.grad`](x.md)"


def test_marks_are_filled():
    for path, text in PAGES.items():
        assert "<!-- from" not in text and "<!-- picture" not in text, path
    assert "| times faster |" in PAGES["index.md"]
    assert PAGES["understand/architecture.md"].count("<svg") == 2


def test_settings_name_what_is_read_from_the_environment():
    found = set()
    for folder in ("gradcore", "backends"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r"\"(GRADCORE_(?!API)[A-Z_]+)\"", path.read_text()))
    assert found <= set(sources.ENVIRONMENT)
    assert all(
        setting in PAGES["reference/settings.md"] for setting in gradcore.config.__annotations__
    )


def test_only_what_changed_is_written(tmp_path):
    count = sources.write(tmp_path)
    assert count == len(PAGES) == len(list(tmp_path.rglob("*.md")))
    page = tmp_path / "index.md"
    before = page.stat().st_mtime_ns
    (tmp_path / "old.md").write_text("gone")
    (tmp_path / "benchmarks.md").write_text("changed")
    sources.write(tmp_path)
    assert page.stat().st_mtime_ns == before and not (tmp_path / "old.md").exists()
    assert (tmp_path / "benchmarks.md").read_text() == PAGES["benchmarks.md"]


# drawings ---------------------------------------------------------------------------------------
def test_a_drawing_has_each_node_and_no_overlap():
    graph = drawing.mermaid("flowchart TB\n" + "\n".join(
        f'  a{k}["node {k}"] --> a{k + j}' for k in range(8) for j in (1, 3)
    ))  # fmt: skip
    text = drawing.svg(graph, "a <graph>")
    assert text.count("<rect") == len(graph.texts) == 11 and text.count("<path") == 16
    assert "a &lt;graph&gt;" in text and "node 7" in text
    boxes = re.findall(r'x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)" rx', text)
    boxes = [tuple(map(float, box)) for box in boxes]
    for k, (x, y, w, h) in enumerate(boxes):
        for a, b, c, d in boxes[:k]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_layers_go_along_the_edges():
    graph = drawing.mermaid('flowchart LR\n  a["x"] --> b\n  b --> c(["y"])\n  a --> c')
    layer = drawing.layers(graph)
    assert all(layer[a] < layer[b] for a, b in graph.edges) and layer == {"a": 0, "b": 1, "c": 2}
    with pytest.raises(ValueError, match="a cycle"):
        drawing.layers(drawing.mermaid("flowchart LR\n  a --> b\n  b --> a"))
    with pytest.raises(ValueError, match="no node"):
        drawing.mermaid("flowchart LR\n  a{x} --> b")


def test_graphs_of_variables_are_drawn():
    x = T.dvector("x")
    graph = variables.drawn(T.sum(T.exp(x) * 2 + x))
    shown = sorted(graph.texts.values())
    assert shown == sorted(["x", "2", "exp", "mul", "add", "sum{axis=(0,)}"])
    assert list(graph.kinds.values()).count("output") == 1
    assert len(graph.edges) == 6


# programs ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("library", ["jax", "torch"])
def test_programs_of_the_page_on_embedding_run(library):
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    text = (ROOT / "docs/howto/embed.md").read_text()
    blocks = re.findall(rf"^```python {library}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    namespace = {}
    for block in blocks:
        exec(block, namespace)


def test_examples_are_in_the_gallery():
    gallery = runpy.run_path(str(ROOT / "docs/gallery.py"))
    examples = {path.stem for path in (ROOT / "examples").glob("*.py")} - {"progress"}
    assert set(gallery["DRAWINGS"]) == examples
    assert (ROOT / "docs/gallery.md").read_text() == gallery["page"](), "run nox -s pages"
    drawn = {name for name, draw in gallery["DRAWINGS"].items() if draw is not None}
    assert {p.stem for p in (ROOT / "docs/pictures").glob("*.png")} == drawn, "run nox -s gallery"
    assert PAGES["gallery.md"].count(":::{dropdown}") == len(examples)
