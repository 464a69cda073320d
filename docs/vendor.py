"""Renews the library in the pages of `gradcore.view`: ``python docs/vendor.py [VERSION]``.

It is read from npm's registry as it was released, compared with the registry's checksum, and
written into ``gradcore/viewing/page`` with its licence; ``dagre.json`` says which it is, and a test
compares the files with the checksums there.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

FOLDER = Path(__file__).parents[1] / "gradcore/viewing/page"
REGISTRY = "https://registry.npmjs.org/"
NAME = "@dagrejs/dagre"
FILES = {"package/dist/dagre.min.js": "dagre.min.js", "package/LICENSE": "dagre.LICENSE"}


def read(address: str) -> bytes:
    """Return what the registry has at an address."""
    if not address.startswith(REGISTRY):
        raise SystemExit(f"{address} is not of the registry")
    with urlopen(address) as answer:  # noqa: S310 - of the registry
        return answer.read()


def renewed(version: str) -> dict[str, Any]:
    """Write the files of a version, and return what there is to know of it."""
    known = json.loads(read(f"{REGISTRY}{NAME}/{version}"))
    archive = read(known["dist"]["tarball"])
    kind, _, digest = known["dist"]["integrity"].partition("-")
    if hashlib.new(kind, archive).digest() != base64.b64decode(digest):
        raise SystemExit(f"{known['dist']['tarball']} is not what the registry says")
    sums: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for inside, name in FILES.items():
            member = files.extractfile(inside)
            assert member is not None
            data = member.read()
            (FOLDER / name).write_bytes(data)
            sums[name] = hashlib.sha256(data).hexdigest()
    return {
        "name": NAME, "version": known["version"], "licence": known["license"],
        "source": known["dist"]["tarball"], "integrity": known["dist"]["integrity"],
        "sha256": sums,
    }  # fmt: skip


if __name__ == "__main__":
    found = renewed(*(sys.argv[1:] or ["latest"]))
    (FOLDER / "dagre.json").write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{found['name']} {found['version']}\n")
