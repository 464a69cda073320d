"""From a description to a page: one file of HTML, which has all that it needs in it.

Names and texts of a graph are data for the page, never HTML: they are in it as JSON in which no
character is special to HTML, and the page shows them as text.  The page may load nothing and send
nothing: its policy says so to the browser.
"""

from __future__ import annotations

import functools
import json
import re
from importlib import resources

from gradcore.pictures import escaped
from gradcore.viewing.description import Description

LIBRARY = "dagre.min.js"
"""What finds the places of nodes: dagre, as it was released."""

SCRIPTS = (
    "model.js",
    "folding.js",
    "layout.js",
    "drawing.js",
    "panel.js",
    "controls.js",
    "main.js",
)
"""Our own, in the order in which they are read."""

PART = re.compile("@([A-Z]+)@")
"""What stands for a part in the template."""


@functools.cache
def asset(name: str) -> str:
    """Return the text of a file of the folder ``page``."""
    return resources.files("gradcore.viewing").joinpath("page", name).read_text(encoding="utf-8")


def page(description: Description) -> str:
    """Return the page of a description."""
    library = asset(LIBRARY).partition("//# sourceMappingURL")[0]  # which is not in the page
    scripts = (library, *map(asset, SCRIPTS))
    parts = {
        "TITLE": escaped(description.title),
        "STYLE": f"<style>\n{asset('view.css')}</style>",
        "LICENCE": escaped(asset("dagre.LICENSE")).replace("--", "- -"),
        "DESCRIPTION": embedded(description.to_json()),
        "SCRIPTS": "\n".join(f"<script>\n{text}</script>" for text in scripts),
    }
    return PART.sub(lambda mark: parts[mark[1]], asset("page.html"))


def embedded(text: str) -> str:
    r"""Return JSON in which no character is special to HTML, as part of a script of a page.

    >>> print(embedded('["</script><!--"]'))
    ["\u003c/script\u003e\u003c!--"]
    """
    for special in "<>&":
        text = text.replace(special, f"\\u{ord(special):04x}")
    return text


def framed(html: str, height: int) -> str:
    """Return a page as part of another one: a frame that is separate from what is around it."""
    given = html.replace("&", "&amp;").replace('"', "&quot;")
    return (
        f'<iframe srcdoc="{given}" sandbox="allow-scripts allow-downloads" '
        f'style="width:100%;height:{height}px;border:0" title="a graph of gradcore"></iframe>'
    )


def inventory() -> dict[str, str]:
    """Return where the library comes from: its version, address, licence and checksum."""
    return json.loads(asset("dagre.json"))
