"""Builds the runtime of the C backend into the wheel, where a compiler is.

A wheel with it is for one Python and one platform; where there is no compiler, where one fails, or
with ``GRADCORE_PREBUILT=0``, it is plain, for any Python, and builds at first use.  An editable
install has it in the folder of its sources, which git ignores.  Nothing in here makes an
installation fail: see `gradcore_c.warm` for what is built, and when it is taken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SECONDS = 600
"""For how long a compiler may take."""

PREBUILT = f"prebuilt/{sys.implementation.cache_tag}"
"""Where it belongs in the package `gradcore_c`."""

PROGRAM = """
import shutil, sys, types
from pathlib import Path
root, into = map(Path, sys.argv[1:])
for name, folder in ("gradcore", root), ("gradcore_c", root / "backends/c_backend"):
    package = types.ModuleType(name)  # without what it imports, which a build has no need of
    package.__path__ = [str(folder / name)]
    sys.modules[name] = package
from gradcore.cache import default_store
from gradcore_c.compiler import PREBUILT
from gradcore_c.warm import warm
warm()
for path in (*default_store().paths(), *PREBUILT.taken):  # what was built before, as far as it fits
    shutil.copyfile(path, into / path.name)
"""


def wanted() -> bool:
    """Return whether to try."""
    if os.environ.get("GRADCORE_PREBUILT") == "0":
        return False
    named = os.environ.get("CC", "").split()[:1]
    return any(map(shutil.which, named or ("cc", "gcc", "clang")))


def build(root: Path, into: Path) -> str | None:
    """Build into a folder that is there; return what went wrong, or None."""
    with tempfile.TemporaryDirectory() as store:
        try:
            done = subprocess.run(  # noqa: S603 - this very Python
                [sys.executable, "-c", PROGRAM, str(root), str(into)],
                env={**os.environ, "GRADCORE_CACHE_DIR": store},
                capture_output=True, text=True, check=False, timeout=SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
    return done.stderr.strip() if done.returncode else None


class Prebuilt(BuildHookInterface[Any]):
    """The hook: hatchling calls it before it makes a wheel."""

    def dependencies(self) -> list[str]:
        """Return what must be installed to build."""
        return ["numpy>=2.0", "platformdirs>=4"] if wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and have the wheel take what was built."""
        if not wanted():
            return
        self._built = Path(tempfile.mkdtemp())
        wrong = build(Path(self.root), self._built)
        if wrong is not None:
            last = wrong.splitlines()[-1:]
            self.app.display_warning(f"nothing is built yet, but at first use: {' '.join(last)}")
        elif version == "editable":
            self._place()
        else:
            build_data["force_include"][str(self._built)] = f"gradcore_c/{PREBUILT}"
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def _place(self) -> None:
        """Put what was built beside the sources, in the place of what was built before."""
        folder = Path(self.root, "backends/c_backend/gradcore_c", PREBUILT)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for path in self._built.iterdir():
                shutil.copyfile(path, folder / path.name)
        except OSError as error:
            self.app.display_warning(f"what was built is left out: {error}")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel by now."""
        built = getattr(self, "_built", None)
        if built is not None:
            shutil.rmtree(built, ignore_errors=True)
