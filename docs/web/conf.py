"""Settings of Sphinx for the site; `build.py` runs it."""

import sys
from importlib.metadata import version as _version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from api import classes
from docutils import nodes
from sphinx.addnodes import desc_signature, pending_xref
from sphinx.application import Sphinx

project = "gradcore"
author = "the authors of gradcore"
copyright = author
version = release = _version("gradcore")

extensions = ["myst_parser", "sphinx.ext.viewcode", "sphinx_copybutton", "sphinx_design"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]  # types in signatures, as they are written there
python_maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"
highlight_language = "python"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "gradcore"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "gallery": [], "benchmarks": []}


def setup(app: Sphinx) -> None:
    """Let the types in signatures link to the public classes, and to nothing else of their name."""

    def link_types(_app: Sphinx, doctree: nodes.document) -> None:
        for signature in doctree.findall(desc_signature):
            for reference in list(signature.findall(pending_xref)):
                full = classes().get(reference["reftarget"])
                if full is None:
                    reference.replace_self(reference.children or [nodes.Text("")])
                else:
                    reference["reftarget"] = full

    app.connect("doctree-read", link_types)
