"""Lets a checkout that nobody has installed be imported, here and in processes started from here.

Imported for that alone, before gradcore.  What an installation would record, the entry points, is
written into a folder of its own for as long as the process lives.
"""

import atexit
import os
import shutil
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _entry_points(project):
    """Yield the lines of the entry points of a project."""
    for group, entries in project["entry-points"].items():
        yield f"[{group}]"
        yield from (f"{name} = {place}" for name, place in entries.items())


def _recorded():
    """Put the checkout, its backends, and what an installation would record on the path."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    folder = tempfile.mkdtemp(prefix="gradcore-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    info = Path(folder, f"gradcore-{project['version']}.dist-info")
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: gradcore\nVersion: {project['version']}\n"
    info.joinpath("METADATA").write_text(metadata)
    info.joinpath("entry_points.txt").write_text("\n".join(_entry_points(project)) + "\n")
    places = [folder, str(ROOT), *map(str, sorted((ROOT / "backends").iterdir()))]
    sys.path += places
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [*places, *filter(None, [os.environ.get("PYTHONPATH")])]
    )


try:
    version("gradcore")
except PackageNotFoundError:
    _recorded()
