"""The store of compiled code on disk: a folder of files that many processes share.

One decision shaped this module: an entry is one file whose name is its key and the digest of its
content (``<key>-<digest>.so``).  A file of another length or content than its name says is not an
entry, so a torn write, a killed compiler and a bad disk look alike, and one rename publishes both
the content and its checksum; there is no index to lock or to repair.  Keys spread evenly over
sixteen folders, and each is bounded by a sixteenth of the limit, so that making room reads a
sixteenth of the store.  Rejected: a database (a lock, and a library cannot be loaded out of it); a
checksum in a second file (two renames); a checksum at the end of the file (signed libraries do not
take it).

Beside what a process compiles there is what came with a package, compiled when it was installed: a
`Shelf`, which has the same names and is only read.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import platformdirs

from gradcore.errors import CacheError, GradcoreError

LIMIT = 512 * 2**20
"""How many bytes a store may have."""

DIGEST = 24
"""Hexadecimal digits of a content's digest in the name of an entry."""

ABANDONED = 3600.0
"""The age in seconds at which an unfinished file belongs to nobody any more."""

RECENT = 60.0
"""For how many seconds after its last use an entry stays: a process may be about to load it."""

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Info:
    """What is in a store.

    folder : where it is.
    entries : how many entries there are.
    size : the bytes of all of them.
    limit : the bytes that it may have.
    """

    folder: Path
    entries: int
    size: int
    limit: int


class Shelf:
    """Entries that were installed with a package: they are read, and never written or removed.

    folder : where they are; there need not be any.
    taken : those that were asked for.

    They are trusted as the package's code is, which whoever can write to them could change as well.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: set[Path] = set()

    @functools.cached_property
    def _entries(self) -> dict[tuple[str, str], list[Path]]:
        """What may be entries by key and suffix, listed once in a process."""
        found: dict[tuple[str, str], list[Path]] = {}
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.iterdir()):
                key, _, rest = path.name.partition("-")
                found.setdefault((key, rest[DIGEST:]), []).append(path)
        return found

    def find(self, key: str, suffix: str) -> Path | None:
        """Return the entry of ``key``, or None."""
        for path in self._entries.get((key, suffix), ()):
            with contextlib.suppress(OSError):
                if _intact(path, key):
                    self.taken.add(path)
                    return path
        return None


class Store:
    """Files by key, in a folder that belongs to the user alone.

    folder : where; it is made if it is not there, for the user alone.
    limit : how many bytes it may have; what was not used for longest goes first.  What was used
        within the last minute stays all the same.

    A key is a string of lower-case hexadecimal digits: a digest of all that the content depends on.

    Raises CacheError: the folder cannot be made, is another user's, or others may write to it.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
        except OSError as error:
            raise CacheError(
                f"the cache folder {folder} cannot be made: {error}", fix=_FIX
            ) from None
        _trusted(folder, found)

    # entries ------------------------------------------------------------------------------------
    def find(self, key: str, suffix: str) -> Path | None:
        """Return the entry of ``key``, which counts as used now, or None."""
        for path in self._named(key, suffix):
            try:
                intact = _intact(path, key)
            except OSError:
                continue  # another process has removed it
            if intact:
                with contextlib.suppress(OSError):  # a store may be read-only
                    os.utime(path)
                return path
            _remove(path)
        return None

    def obtain(
        self,
        key: str,
        suffix: str,
        make: Callable[[Path], None],
        load: Callable[[Path], Loaded],
        shelf: Shelf | None = None,
    ) -> Loaded:
        """Return ``load(path)`` of the entry of ``key``, which ``make(path)`` writes if need be.

        An entry that does not load (``load`` raises OSError or ImportError) is made again, once.

        shelf : where to look first; an entry there that does not load is passed over.

        Raises what ``make`` raises, and what ``load`` raises for an entry just made; CacheError:
        the entry cannot be written.
        """
        ready = shelf.find(key, suffix) if shelf else None
        if ready is not None:
            with contextlib.suppress(OSError, ImportError):
                return load(ready)
        path = self.find(key, suffix)
        made = path is None
        while True:
            path = path or self.put(key, suffix, make)
            try:
                return load(path)
            except (OSError, ImportError):
                if made and path.exists():
                    raise
                _remove(path)  # or another process has removed it
            path, made = None, True

    def put(self, key: str, suffix: str, make: Callable[[Path], None]) -> Path:
        """Return a new entry of ``key``, with the content that ``make(path)`` writes."""
        folder = self._part(key)
        unfinished: Path | None = None
        try:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            _trusted(folder, folder.lstat())
            handle, name = tempfile.mkstemp(suffix, ".unfinished-", folder)
            os.close(handle)
            unfinished = Path(name)
            make(unfinished)
            path = folder / f"{key}-{_digest(unfinished)}{suffix}"
            unfinished.replace(path)
        except GradcoreError:
            raise
        except OSError as error:
            raise CacheError(
                f"cannot write to the cache folder {self.folder}: {error}",
                fix=f"make room, or remove what is in the way, or {_FIX}",
            ) from None
        finally:
            if unfinished is not None:
                _remove(unfinished)
        self._make_room(folder)
        return path

    def _part(self, key: str) -> Path:
        return self.folder / key[0]

    def _named(self, key: str, suffix: str) -> list[Path]:
        """Return the files that are called an entry of ``key``."""
        start = f"{key}-"
        length = len(start) + DIGEST + len(suffix)
        try:
            _trusted(self._part(key), self._part(key).lstat())
            with os.scandir(self._part(key)) as files:
                return [
                    Path(file.path)
                    for file in files
                    if file.name.startswith(start)
                    and file.name.endswith(suffix)
                    and len(file.name) == length
                ]
        except CacheError:
            raise
        except OSError:
            return []

    # size ---------------------------------------------------------------------------------------
    def _make_room(self, folder: Path) -> None:
        """Remove the oldest of a part's entries until the rest is within its share of the limit."""
        entries = sorted(_files(folder), key=lambda entry: entry[1].st_mtime)
        size = sum(found.st_size for _, found in entries)
        now = time.time()
        for path, found in entries:
            age = now - found.st_mtime
            if path.name.startswith("."):
                gone = age > ABANDONED
            else:
                gone = size > self.limit // 16 and age > RECENT
            if gone:
                _remove(path)
                size -= found.st_size

    def info(self) -> Info:
        """Return what is in the store, as an `Info`."""
        found = [each for _, each in self._all()]
        return Info(self.folder, len(found), sum(each.st_size for each in found), self.limit)

    def clear(self) -> int:
        """Remove all entries; return how many."""
        removed = [_remove(path) for path in self.paths()]
        return sum(removed)

    def paths(self) -> list[Path]:
        """Return all entries."""
        return [path for path, _ in self._all()]

    def _all(self) -> Iterator[tuple[Path, os.stat_result]]:
        for digit in "0123456789abcdef":
            for path, found in _files(self.folder / digit):
                if not path.name.startswith("."):
                    yield path, found


def _trusted(folder: Path, found: os.stat_result) -> None:
    """Raise CacheError unless a folder is one that the user alone may write to.

    found : what `stat` says of it.
    """
    if stat.S_ISLNK(found.st_mode):
        raise CacheError(
            f"{folder} in the cache is a link: what it leads to may change",
            fix=f"remove it, or {_FIX}",
        )
    if not stat.S_ISDIR(found.st_mode):
        raise CacheError(
            f"{folder} in the cache is a file where a folder belongs", fix=f"remove it, or {_FIX}"
        )
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise CacheError(
            f"the cache folder {folder} belongs to user {found.st_uid}, not to you "
            f"(user {os.geteuid()}): code in it would run as yours",
            fix=_FIX,
        )
    if found.st_mode & 0o022:
        raise CacheError(
            f"others may write to the cache folder {folder}: their code would run as yours",
            fix=f"chmod go-w {folder}, or: {_FIX}",
        )


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Return the files in ``folder`` with their status, without those that vanish meanwhile."""
    found: list[tuple[Path, os.stat_result]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                found.append((Path(file.path), file.stat(follow_symlinks=False)))
    return found


def _intact(path: Path, key: str) -> bool:
    """Return whether the content of an entry of ``key`` is what its name says."""
    return _digest(path) == path.name[len(key) + 1 : len(key) + 1 + DIGEST]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST]


def _remove(path: Path) -> bool:
    """Remove a file; return whether it was there."""
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False


_FIX = "set GRADCORE_CACHE_DIR to a folder that you alone may write to"


def default_store() -> Store:
    """Return the user's store: in the user's cache folder, or in ``GRADCORE_CACHE_DIR``.

    Raises CacheError: code in that folder cannot be trusted, or it cannot be made.
    """
    return _store(os.environ.get("GRADCORE_CACHE_DIR", ""))


@functools.cache
def _store(folder: str) -> Store:
    return Store(Path(folder) if folder else platformdirs.user_cache_path("gradcore"))
