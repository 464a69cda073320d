"""The skeleton of a plugin with a backend, which ``gradcore new-backend`` writes.

The files beside this module are templates: ``NAME`` stands for the backend's name, ``CLASS`` for
that of its class.
"""

from __future__ import annotations

from pathlib import Path

from gradcore.plugins import registry

TEMPLATES = {
    "pyproject.toml.template": "pyproject.toml",
    "README.md.template": "README.md",
    "backend.py.template": "gradcore_NAME/__init__.py",
    "test_conformance.py.template": "tests/test_conformance.py",
}


def write_backend(name: str, folder: Path) -> Path:
    """Write the skeleton of a backend into a new folder in ``folder``, and return the new one.

    name : what ``mode=`` will call it: lower-case letters, digits and underscores.

    Raises ValueError: no such name, or it is taken.  FileExistsError: the folder is there.
    """
    if not (name.isidentifier() and name.islower() and name.isascii()):
        raise ValueError(f"a backend is named with lower-case letters, digits and _, not {name!r}")
    if name in registry().contributed:
        raise ValueError(f"there is already a backend {name!r}")
    root = folder / f"gradcore-{name}"
    root.mkdir(parents=True)
    words = {"CLASS": "".join(map(str.capitalize, name.split("_"))) + "Backend", "NAME": name}
    for template, target in TEMPLATES.items():
        text = (Path(__file__).parent / template).read_text()
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        path = root / target.replace("NAME", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
