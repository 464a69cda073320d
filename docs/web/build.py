"""Builds the site: ``python docs/web/build.py [FOLDER]``, or ``nox -s docs``; into ``build/docs``.

Nothing comes from the network: fonts, scripts and the index of the search come with the theme.
Warnings are errors, and so is a page that would load anything from elsewhere when it is read.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import sources
from sphinx.cmd.build import main as sphinx

LOADED = re.compile(r"<(?:script|img|link rel=\"stylesheet\")[^>]*\"(?:https?:)?//[^>]*>")
"""What a browser would fetch from elsewhere to show a page."""


def loaded(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield pages, with what of them is not in the folder."""
    for path in sorted(folder.rglob("*.html")):
        for reference in LOADED.findall(path.read_text()):
            yield path.name, reference


def build(folder: Path) -> int:
    """Build the site into ``folder`` and return the exit status."""
    start = time.perf_counter()
    source = folder / "source"
    count = sources.write(source)
    here = Path(__file__).parent
    shutil.copytree(here / "static", source / "static", dirs_exist_ok=True)
    options = ["--nitpicky", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto"]
    places = [str(source), str(folder / "html"), "-d", str(folder / "doctrees")]
    failed = sphinx([*options, "-b", "html", "-c", str(here), *places])
    for page, reference in loaded(folder / "html"):
        sys.stderr.write(f"{page} has {reference}, from the network\n")
        failed = 1
    seconds = time.perf_counter() - start
    sys.stdout.write(f"{count} pages in {seconds:.0f} s: {folder / 'html/index.html'}\n")
    return failed


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs").resolve()))
