"""The store of compiled code: many processes, killed ones, corrupt entries, a bounded size."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradcore.cache import ABANDONED, RECENT, Shelf, Store, default_store
from gradcore.cli import main
from gradcore.errors import CacheError

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


def key(name):
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


def writes(content):
    return lambda path: path.write_bytes(content) and None


def refuses(path):
    raise AssertionError("nothing should be made")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def entries(store):
    return [path for path in store.folder.rglob("*") if path.is_file()]


def test_an_entry_is_made_once(store):
    assert store.find(key(1), ".so") is None
    path = store.obtain(key(1), ".so", writes(b"one"), lambda path: path)
    assert path.read_bytes() == b"one" and path.suffix == ".so"
    assert store.obtain(key(1), ".so", refuses, Path.read_bytes) == b"one"
    assert store.find(key(1), ".o") is None and store.find(key(2), ".so") is None


@POSIX
def test_the_folder_is_the_users_alone(store):
    store.put(key(1), ".so", writes(b"one"))
    for path in (store.folder, *store.folder.iterdir(), *entries(store)):
        assert path.stat().st_mode & 0o077 == 0


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_write_to_is_refused(tmp_path, mode):
    tmp_path.chmod(mode)
    with pytest.raises(CacheError, match="(?s)others may write.*chmod go-w.*GRADCORE_CACHE_DIR"):
        Store(tmp_path)


@POSIX
def test_the_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(CacheError, match=f"(?s)user {owner}, not to you.*GRADCORE_CACHE_DIR"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="(?s)cannot be made.*GRADCORE_CACHE_DIR"):
        Store(tmp_path / "file" / "store")


@POSIX
@pytest.mark.parametrize("wrong", ["others may write", "is a link", "file where a folder belongs"])
def test_folders_in_it_are_the_users_alone(store, wrong, tmp_path):
    """Before anything in them is loaded or written."""
    store.put(key(1), ".so", writes(b"one"))
    part = store.folder / key(1)[0]
    if wrong == "others may write":
        part.chmod(0o777)
    else:
        part.rename(tmp_path / "elsewhere")
        if wrong == "is a link":
            part.symlink_to(tmp_path / "elsewhere")
        else:
            part.write_text("")
    for use in (store.find, lambda *a: store.put(*a, writes(b"two"))):
        with pytest.raises(CacheError, match=f"(?s){wrong}.*GRADCORE_CACHE_DIR"):
            use(key(1), ".so")


def test_a_full_disk_and_a_folder_in_the_way_are_reported(store):
    def full(path):
        raise OSError(28, "No space left on device")

    with pytest.raises(CacheError, match="(?s)No space left.*make room"):
        store.put(key(1), ".so", full)
    path = store.put(key(2), ".so", writes(b"two"))
    path.unlink()
    path.mkdir()
    with pytest.raises(CacheError, match="(?s)cannot write to the cache.*in the way"):
        store.obtain(key(2), ".so", writes(b"two"), Path.read_bytes)


def test_a_failing_make_leaves_nothing(store):
    def fails(path):
        path.write_bytes(b"half")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        store.put(key(1), ".so", fails)
    assert not entries(store) and store.info().entries == 0


def shelf_of(store, folder):
    """Return a shelf with what is in a store, which is empty then."""
    folder.mkdir()
    for path in store.paths():
        path.rename(folder / path.name)
    return Shelf(folder)


def test_what_a_package_brought_comes_first(store, tmp_path):
    store.put(key(1), ".so", writes(b"one"))
    shelf = shelf_of(store, tmp_path / "shelf")
    assert store.obtain(key(1), ".so", refuses, Path.read_bytes, shelf) == b"one"
    assert not entries(store)
    assert shelf.find(key(1), ".o") is None and shelf.find(key(2), ".so") is None
    assert store.obtain(key(2), ".so", writes(b"two"), Path.read_bytes, shelf) == b"two"
    assert len(entries(store)) == len(list(shelf.folder.iterdir())) == 1


@pytest.mark.parametrize("wrong", ["torn", "gone", "not for this machine", "no folder"])
def test_what_a_package_brought_and_does_not_serve_is_passed_over(store, tmp_path, wrong):
    path = store.put(key(1), ".so", writes(b"theirs"))
    shelf = shelf_of(store, tmp_path / "shelf")
    path = shelf.folder / path.name
    if wrong == "torn":
        path.write_bytes(b"thei")
    elif wrong == "gone":
        assert shelf.find(key(1), ".so") == path
        path.unlink()
    elif wrong == "no folder":
        shelf = Shelf(tmp_path / "nowhere")

    def load(path):
        if path.read_bytes() == b"theirs":
            raise ImportError("not for this machine")
        return path.read_bytes()

    assert store.obtain(key(1), ".so", writes(b"mine"), load, shelf) == b"mine"
    assert len(entries(store)) == 1 and path.exists() == (wrong != "gone")


@pytest.mark.parametrize("content", [b"", b"on", b"onf", b"one and more"])
def test_a_corrupt_entry_is_made_again(store, content):
    path = store.put(key(1), ".so", writes(b"one"))
    path.write_bytes(content)
    assert store.find(key(1), ".so") is None and not path.exists()
    assert store.obtain(key(1), ".so", writes(b"one"), Path.read_bytes) == b"one"


def test_an_entry_that_does_not_load_is_made_again(store):
    store.put(key(1), ".so", writes(b"an older machine's"))

    def load(path):
        if path.read_bytes() != b"this machine's":
            raise ImportError("not for this machine")
        return "loaded"

    assert store.obtain(key(1), ".so", writes(b"this machine's"), load) == "loaded"
    assert [path.read_bytes() for path in entries(store)] == [b"this machine's"]


def test_an_entry_that_never_loads_is_an_error(store):
    def load(path):
        raise OSError("no such symbol")

    with pytest.raises(OSError, match="no such symbol"):
        store.obtain(key(1), ".so", writes(b"one"), load)


def used(path, ago):
    """Make it look as if an entry were last used so many seconds ago."""
    os.utime(path, (time.time() - ago,) * 2)


def test_the_oldest_used_go_first(tmp_path):
    store = Store(tmp_path / "store", limit=16 * 4000)
    same = ["a" + key(n) for n in range(6)]  # one sixteenth of the store
    for n, name in enumerate(same):
        if n == 4:
            assert store.find(same[0], ".so") is not None  # no longer the oldest
        path = store.put(name, ".so", writes(b"%d" % n + b" " * 999))
        used(path, 10 * RECENT - n)
    stored = [name for name in same if store.find(name, ".so") is not None]
    assert stored == [same[0], *same[3:]]
    assert store.info().size == 4000


def test_what_was_just_used_stays(tmp_path):
    store = Store(tmp_path / "store", limit=160)
    path = store.put("a" + key(1), ".so", writes(b" " * 1000))
    store.put("a" + key(2), ".so", writes(b" "))
    assert path.exists()
    used(path, 2 * RECENT)
    store.put("a" + key(3), ".so", writes(b" "))
    assert not path.exists()


def test_unfinished_files_are_left_alone_for_an_hour(store):
    store.put("a" + key(1), ".so", writes(b"one"))
    mine, theirs = (store.folder / "a" / f".unfinished-{n}.so" for n in "mt")
    mine.write_bytes(b"1")
    theirs.write_bytes(b"2")
    used(theirs, ABANDONED + 1)
    store.put("a" + key(2), ".so", writes(b"two"))
    assert mine.exists() and not theirs.exists()
    assert store.info().entries == 2


MANY = """
import contextlib, os, sys, time
from pathlib import Path
from gradcore.cache import Store
store = Store(Path(sys.argv[1]), limit=16 * 40_000)
while not Path(sys.argv[2]).exists():
    time.sleep(0.001)
for turn in range(300):
    name = f"a{turn % 60:x}".ljust(32, "0")
    content = name.encode() * 100
    if turn % 7 == 0 and (path := store.find(name, ".so")) is not None:
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, (0, 0))
    found = store.obtain(name, ".so", lambda path: path.write_bytes(content) and None,
                         Path.read_bytes)
    assert found == content, found
"""


def test_many_processes(tmp_path):
    """Processes that make, read and evict the same entries at once all see whole ones."""
    start = tmp_path / "start"
    command = [sys.executable, "-c", MANY, str(tmp_path / "store"), str(start)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(6)]
    start.write_text("")
    reported = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 6, reported
    store = Store(tmp_path / "store", limit=16 * 40_000)
    for path in entries(store):
        used(path, 2 * RECENT)
    store.put("a" * 32, ".so", writes(b"one more"))
    assert 0 < store.info().size <= 40_000
    assert len(entries(store)) == store.info().entries


KILLED = """
import sys, time
from pathlib import Path
from gradcore.cache import Store

def make(path):
    path.write_bytes(b"half of it")
    print("writing", flush=True)
    time.sleep(600)

Store(Path(sys.argv[1])).put("a" * 32, ".so", make)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_process_leaves_no_entry(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.kill()
    store = Store(tmp_path / "store")
    assert store.info().entries == 0 and store.find("a" * 32, ".so") is None
    assert len(entries(store)) == 1
    assert store.obtain("a" * 32, ".so", writes(b"all of it"), Path.read_bytes) == b"all of it"


def test_a_store_that_cannot_be_written_to_is_still_read(store, monkeypatch):
    store.put(key(1), ".so", writes(b"one"))

    def denied(*args, **kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "utime", denied)
    assert store.find(key(1), ".so") is not None
    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(CacheError, match="(?s)cannot write.*GRADCORE_CACHE_DIR"):
        store.put(key(2), ".so", writes(b"two"))


def test_the_default_store(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "mine"))
    assert default_store() is default_store() and default_store().folder == tmp_path / "mine"
    monkeypatch.delenv("GRADCORE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("gradcore.cache.platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert default_store().folder.name == "gradcore"


def test_the_cache_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "mine"))
    default_store().put(key(1), ".so", writes(b" " * 2000))
    assert main(["cache", "info"]) == 0
    reported = capsys.readouterr().out
    assert "2.0 kB" in reported and "536.9 MB" in reported and "mine" in "".join(reported.split())
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"removed 1 entries from {tmp_path / 'mine'}\n"
    assert default_store().info().entries == 0 and not entries(default_store())


@POSIX
def test_the_command_line_says_what_is_wrong_with_the_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(stat.S_IRWXU | stat.S_IRWXO)
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "open"))
    assert main(["cache", "info"]) == 2
    assert "others may write" in capsys.readouterr().err
