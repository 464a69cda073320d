"""The skeleton of a plugin with a backend, which ``gradcore new-backend`` writes.

The files beside this module are templates: ``NAME`` stands for the backend's name, ``CLASS`` for
that of its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gradcore.plugins import registry

TEMPLATES: Mapping[str, str] = {
    "pyproject.toml.template": "pyproject.toml",
    "README.md.template": "README.md",
    "test_conformance.py.template": "tests/test_conformance.py",
    "conformance.yml.template": ".github/workflows/conformance.yml",
}
"""What every skeleton has, and where."""

KINDS: Mapping[str, str] = {
    "array": "a table of kernels over an array library",
    "loop": "a renderer and a runtime, for generated code",
    "minimal": "what runs graphs in some way of its own",
}
"""The kinds of backends, each with a template of its name."""


def write_backend(name: str, folder: Path, kind: str = "array") -> Path:
    """Write the skeleton of a backend into a new folder in ``folder``, and return the new one.

    name : what ``mode=`` will call it: lower-case letters, digits and underscores.
    kind : a key of `KINDS`.

    Raises ValueError: no such name, or it is taken.  FileExistsError: the folder is there.
    """
    if not (name.isidentifier() and name.islower() and name.isascii()):
        raise ValueError(f"a backend is named with lower-case letters, digits and _, not {name!r}")
    if name in registry().contributed:
        raise ValueError(f"there is already a backend {name!r}")
    root = folder / f"gradcore-{name}"
    root.mkdir(parents=True)
    words = {"CLASS": "".join(map(str.capitalize, name.split("_"))) + "Backend", "NAME": name}
    files = {**TEMPLATES, f"{kind}.py.template": "gradcore_NAME/__init__.py"}
    for template, target in files.items():
        text = (Path(__file__).parent / template).read_text()
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        path = root / target.replace("NAME", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
