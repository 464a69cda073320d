"""The picture of a graph: what shows itself in a notebook, and is saved as a file."""

from __future__ import annotations

import functools
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

from gradcore.viewing.describing import described
from gradcore.viewing.description import Description
from gradcore.viewing.pages import framed, page

HEIGHT = 640
"""How many pixels high a picture in a notebook is."""


class View:
    """A picture of a graph.

    graph : what it is of; see `gradcore.view`.
    description : what it shows, as data; it is found once, when the view is made.

    >>> import gradcore, gradcore.tensor as T
    >>> shown = gradcore.view(T.exp(T.dvector("x")))
    >>> shown.description.nodes[0].op, shown.html[:15]
    ('exp', '<!doctype html>')
    """

    def __init__(self, graph: Any) -> None:
        self.description: Description = described(graph)

    @functools.cached_property
    def html(self) -> str:
        """The page, which has all that it needs in it."""
        return page(self.description)

    def save(self, path: str | Path) -> Path:
        """Write the page into a file, and return its path; without an ending it gets ``.html``."""
        path = Path(path)
        if not path.suffix:
            path = path.with_suffix(".html")
        path.write_text(self.html, encoding="utf-8")
        return path

    def open(self, path: str | Path | None = None) -> Path:
        """Open the page in a browser, and return the path of its file.

        path : where to write it; None: into the folder of temporary files.
        """
        if path is None:
            path = Path(tempfile.mkdtemp(prefix="gradcore-")) / "graph.html"
        path = self.save(path)
        webbrowser.open(path.resolve().as_uri())
        return path

    def _repr_html_(self) -> str:
        """Return the page in a frame, for a notebook."""
        return framed(self.html, HEIGHT)

    def __repr__(self) -> str:
        """Return what it is of, and how many nodes and steps it has."""
        of = self.description
        written, runs = (len(of.state(step)[0]) for step in (0, None))
        return f"<view of {of.title}: {written} nodes as written, {runs} as it runs, {len(of.steps)} steps>"  # noqa: E501 - one line of text
