"""``python -m gradcore.theano script.py [arguments]``: its ``import theano`` is gradcore.

``-m module`` runs a module instead of a file, as Python does.  ``--as pytensor``, in front, takes
the place of that package, or of aesara.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from gradcore.theano.door import PACKAGES, install

USAGE = "usage: python -m gradcore.theano [--as package] [-m module | script.py] [arguments]\n"


def main(arguments: Sequence[str]) -> int:
    """Run a script or a module, with what follows as its arguments; return the exit status.

    2: nothing is named that could run.
    """
    package = "theano"
    if list(arguments[:1]) == ["--as"] and len(arguments) > 1:
        package, arguments = arguments[1], arguments[2:]
    if package not in PACKAGES:
        sys.stderr.write(f"python -m gradcore.theano: --as is one of {', '.join(PACKAGES)}\n")
        return 2
    if not arguments or arguments[0] in ("-h", "--help") or list(arguments) == ["-m"]:
        (sys.stdout if arguments[:1] in (["-h"], ["--help"]) else sys.stderr).write(USAGE)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    install(package)
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = Path(arguments[0])
    if not script.exists():
        sys.stderr.write(f"python -m gradcore.theano: there is no file {script}\n")
        return 2
    sys.argv = list(arguments)
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
