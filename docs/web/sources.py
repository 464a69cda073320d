"""Assembles the sources of the site: pages of the repository, each at its place, and made ones.

A page of the repository reads well on GitHub, and runs as a test; here its links are turned to the
places that pages have on the site, its Mermaid is drawn, and public names in it become links to
the reference.  Marks in a page stand for what is made: ``<!-- from CONTRIBUTING.md: rooms -->`` for
what another page has between its marks, ``<!-- picture: NAME -->`` for a picture, and ``<!--
source: FILE -->`` for a program.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import api
import drawing
import variables

from gradcore import cli
from gradcore.config import config

ROOT = Path(__file__).parents[2]

MOVED = {
    "docs/guide.md": "learn/guide.md",
    "docs/debugging.md": "learn/debugging.md",
    "docs/random.md": "learn/random.md",
    "docs/linalg.md": "learn/linalg.md",
    "docs/special.md": "learn/special.md",
    "docs/complex.md": "learn/complex.md",
    "docs/sparse_inputs.md": "learn/sparse.md",
    "docs/nn.md": "learn/networks.md",
    "docs/backends.md": "howto/backend.md",
    "docs/theano.md": "howto/from_theano.md",
    "docs/serialization.md": "howto/save.md",
    "docs/export.md": "howto/export.md",
    "docs/distributed.md": "howto/distributed.md",
    "docs/cuda.md": "understand/cuda.md",
    "docs/jacobians.md": "understand/jacobians.md",
    "docs/kernels.md": "understand/kernels.md",
    "docs/loop_ir.md": "understand/loop_ir.md",
    "docs/conformance.md": "understand/conformance.md",
    "docs/ops.md": "reference/ops.md",
    "docs/words.md": "reference/words.md",
    "docs/theano_names.md": "reference/theano_names.md",
    "docs/pytensor_names.md": "reference/pytensor_names.md",
    "docs/glossary.md": "reference/glossary.md",
    "benchmarks/README.md": "benchmarks.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
"""Where pages stand on the site that stand elsewhere in the repository."""

SAME = ("index", "gallery", "learn/*", "howto/*", "understand/*", "reference/*", "project/*")
"""Pages of the folder docs that have the same place on the site."""

PICTURES: Mapping[str, Callable[[], str]] = {"written_and_run": variables.written_and_run}
"""What pages show, by name."""

CONTEXT = re.compile(r"(^`{3,}.*?^`{3,}$|^:{3,}.*?$)", re.MULTILINE | re.DOTALL)
"""What is no prose: code, and the lines that open and close blocks of the site."""


def places() -> dict[str, str]:
    """Return where each page of the repository stands on the site."""
    found = dict(MOVED)
    for pattern in SAME:
        for path in sorted((ROOT / "docs").glob(f"{pattern}.md")):
            name = path.relative_to(ROOT / "docs").as_posix()
            found[f"docs/{name}"] = name
    return found


@functools.cache
def pages() -> dict[str, str]:
    """Return the text of each page of the site, by its place."""
    where = places()
    found = {to: page(source, where) for source, to in where.items()}
    found.update(api.reference())
    found["reference/command_line.md"] = "\n".join(command_line())
    found["reference/settings.md"] = "\n".join(settings())
    return found


def page(source: str, where: Mapping[str, str]) -> str:
    """Return a page of the repository as the site has it."""
    text = filled((ROOT / source).read_text())
    parts = CONTEXT.split(text)
    parts[::2] = [_prose(part, source, where) for part in parts[::2]]
    parts[1::2] = [_drawn(part) for part in parts[1::2]]
    return "".join(parts)


def filled(text: str) -> str:
    """Return a page with what its marks stand for."""

    def part(match: re.Match[str]) -> str:
        whole = (ROOT / match[1]).read_text()
        start, end = f"<!-- {match[2]} -->\n", "<!-- end -->"
        return whole.partition(start)[2].partition(end)[0]

    def picture(match: re.Match[str]) -> str:
        return f"```{{raw}} html\n{PICTURES[match[1]]()}\n```"

    def source(match: re.Match[str]) -> str:
        code = (ROOT / match[1]).read_text().rstrip()
        return f":::{{dropdown}} The program\n```python\n{code}\n```\n:::\n"

    text = re.sub(r"<!-- source: ([\w./]+) -->", source, text)
    text = re.sub(r"<!-- from ([\w./]+): (\w+) -->", part, text)
    return re.sub(r"<!-- picture: (\w+) -->", picture, text)


def _prose(text: str, source: str, where: Mapping[str, str]) -> str:
    def link(match: re.Match[str]) -> str:
        shown, target = match[1], match[2]
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        path, _, anchor = target.partition("#")
        full = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        here = posixpath.dirname(where[source]) or "."
        if full in where:
            to = posixpath.relpath(where[full], here)
            return f"[{shown}]({to}{'#' if anchor else ''}{anchor})"
        if full.endswith((".png", ".svg")):
            return f"[{shown}]({posixpath.relpath(f'pictures/{posixpath.basename(full)}', here)})"
        return shown  # code: a reader of the site has no folder of it

    text = re.sub(r"\[((?:`[^`]*`|[^\[\]`])*)\]\(([^)\s]+)\)", link, text)
    lines = text.split("\n")
    return "\n".join(line if line.startswith(("#", "|")) else api.linked(line) for line in lines)


def _drawn(block: str) -> str:
    """Return a block of code, without empty lines at its end; a drawing as a picture."""
    match = re.fullmatch(r"```mermaid\n(.*)\n```", block, re.DOTALL)
    if match is None:
        return re.sub(r"\n+(`{3,})$", r"\n\1", block)
    picture = drawing.svg(drawing.mermaid(match[1]), "a drawing of the text beside it")
    return f"```{{raw}} html\n{picture}\n```"


# made pages -------------------------------------------------------------------------------------
def printed(*arguments: str) -> str:
    """Return what a command of gradcore prints."""
    text = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "88"
    try:
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            cli.main(arguments)
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return text.getvalue().rstrip()


def command_line() -> Iterator[str]:
    """Yield the page of the command line: what each command says of itself."""
    yield from ("# The command line", "")
    whole = printed("--help")
    match = re.search(r"\{([\w,-]+)\}", whole)
    assert match is not None
    yield from ("```text", whole, "```", "")
    for command in match[1].split(","):
        yield from (f"## gradcore {command}", "", "```text", printed(command, "--help"), "```", "")
    yield "`python -m gradcore.theano` runs [programs for Theano](../howto/from_theano.md),"
    yield "`python -m gradcore.conformance.fuzz` [random graphs](../understand/conformance.md)."


ENVIRONMENT = {
    "GRADCORE_FLAGS": "settings, as `floatX=float32,mode=numpy`, read when gradcore is imported",
    "GRADCORE_CACHE_DIR": "the folder of compiled code, in the place of the user's cache folder",
    "GRADCORE_CFLAGS": "more flags for the C compiler",
    "GRADCORE_PREBUILT": "`0`: what was compiled at installation is not used, nor made",
    "GRADCORE_DISABLE_PLUGINS": "names of plugins that are not loaded, with commas between",
    "GRADCORE_CUDA_CHECK": "`nvrtc`: kernels that run on the CPU are compiled by NVRTC first",
    "CC": "the C compiler; without it the first of `cc`, `gcc`, `clang`, `python -m ziglang cc`",
    "OMP_NUM_THREADS": "how many threads functions use, where `config.threads` is 0",
}
"""What is read from the environment."""


def settings() -> Iterator[str]:
    """Yield the page of settings."""
    doc = type(config).__doc__ or ""
    yield from ("# Settings", "")
    yield "The attributes of {py:obj}`gradcore.config`, which are set by assignment, for the length"
    yield "of a `with` block by `config.change_flags`, or by `GRADCORE_FLAGS`:"
    yield ""
    lines = doc.splitlines()
    margin = min(len(li) - len(li.lstrip()) for li in lines[1:] if li.strip())
    yield from api.markdown("\n".join(li[margin:] for li in lines[2:]), "gradcore")
    yield from ("## Options of a function", "")
    yield "What holds for one function is said to it: {py:obj}`gradcore.Mode` and the arguments of"
    yield "{py:obj}`gradcore.function`."
    yield from ("", "## Environment", "", "| variable | what it says |", "|---|---|")
    yield from (f"| `{name}` | {said} |" for name, said in ENVIRONMENT.items())


# files ------------------------------------------------------------------------------------------
def pictures() -> list[Path]:
    """Return the pictures that pages show."""
    return [
        *sorted((ROOT / "docs/pictures").rglob("*.png")),
        ROOT / "benchmarks/results/compare.png",
    ]


def write(folder: Path) -> int:
    """Write the sources of the site into ``folder``, and return how many pages there are.

    What has not changed is not touched, so that Sphinx reads what has.
    """
    texts = {folder / to: text.encode() for to, text in pages().items()}
    texts.update((folder / "pictures" / p.name, p.read_bytes()) for p in pictures())
    for path in folder.rglob("*.*"):
        if path.is_file() and path not in texts:
            path.unlink()
    for path, content in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    return sum(path.suffix == ".md" for path in texts)
