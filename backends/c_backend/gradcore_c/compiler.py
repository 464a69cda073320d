"""The C compiler: found, asked once what it understands, and run through the store.

One decision shaped this module: what a compiler is and understands is a *value* saved in the store,
under the compiler's path, size and date.  So a process whose code is all in the store never runs a
compiler, not even to ask for its version.  What the package itself needs is looked for first
among what was compiled when it was installed, under the same keys: so that is taken for the very
compiler, CPU, flags and sources it was made for, and else made again.

Flags are chosen to keep every operation what IEEE 754 says it is: no ``-ffast-math``, and no
contraction of ``a * b + c``, which would make ``a * b - a * b`` differ from zero and a fused graph
differ from the same graph in pieces; code that wants a fused multiply-add writes ``fma``.  Errno
and traps are given up, as nobody reads them.  Code links against libm and the compiler's own
library alone: the start files and default libraries of a program cost as much as the compilation of
a small function.  Rejected: the source in a file beside its library, where standard input does.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TypeVar

from gradcore.cache import Shelf, default_store
from gradcore.config import config
from gradcore.errors import CacheError, CompileError, UnavailableError
from gradcore_c.complaints import blamed, complaint, refused

FOLDER = Path(__file__).parent
"""Where the files are that generated code may include."""

PREBUILT = (
    Shelf(FOLDER / "prebuilt" / str(sys.implementation.cache_tag))
    if os.environ.get("GRADCORE_PREBUILT") != "0"
    else None
)
"""What was compiled when the package was installed (`gradcore_c.warm`), for this Python."""

SHARED = ("-shared", "-fPIC")
"""What every compiler must understand."""

WIDE = "avx512_vbmi2"
"""The CPU feature that tells that 512-bit vectors do not slow the clock down."""

PROBE = """
#include <math.h>
#include <stdint.h>
double gc_probe(double x) { return exp(x); }
"""

PROBE_OURS = '#include "sums.c"\n' + PROBE
"""C as we write it, which is compiled without warnings."""

PROBE_FLOAT16 = """
_Float16 gc_probe(double x, float y) { return (_Float16)x * (_Float16)y; }
"""

HALVES = "-DGRADCORE_FLOAT16=1"
"""A flag for compilers that have 16-bit floats."""

Loaded = TypeVar("Loaded")

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)

PROBE_SECONDS = 60.0
"""For how many seconds a compiler may think about a program of one line."""

_SET = "set CC to a C compiler that works"

ADVICE = (
    "no C compiler works here: install gcc or clang (Debian and Ubuntu: apt install gcc; macOS: "
    "xcode-select --install; conda: conda install c-compiler), or pip install ziglang, or set CC"
)


@dataclass(frozen=True)
class Compiler:
    """A C compiler and what it understands.

    command : what runs it.
    identity : tells it from any other, and from itself after an upgrade.
    version : the first line it says about itself.
    flags : for compiling.
    libraries : for linking; they come last.
    added : which of the flags are the user's; they come after ours.
    """

    command: tuple[str, ...]
    identity: str
    version: str
    flags: tuple[str, ...]
    libraries: tuple[str, ...]
    added: tuple[str, ...] = ()

    @property
    def halves(self) -> bool:
        """Whether it has 16-bit floats."""
        return HALVES in self.flags

    def run(
        self, source: str, flags: Sequence[str], into: Path, limit: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Compile ``source``, in C, into the shared library ``into``; see `_run`."""
        command = (*self.command, *flags, "-x", "c", "-", "-o", str(into), *self.libraries)
        return _run(command, source, limit)

    def run_divided(self, units: Sequence[str], flags: Sequence[str], into: Path) -> bool:
        """Compile the units of a shared library side by side; return whether all went well."""
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(units)) as pool:
            objects = [Path(folder, f"{k}.o") for k in range(len(units))]
            made = pool.map(self.run, units, repeat((*flags, "-c")), objects)
            if any(done.returncode for done in made):
                return False
            command = (*self.command, *flags, *map(str, objects), "-o", str(into), *self.libraries)
            return _run(command).returncode == 0


def _run(
    command: Sequence[str], source: str = "", limit: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Return what a compiler did with ``source``.

    limit : after how many seconds to stop it and all that it started, if ``config`` has no less.

    Raises CompileError: it did not start or did not end.
    """
    # What is loaded into Python first, such as a sanitizer, is not meant for the compiler.
    environment = {name: text for name, text in os.environ.items() if name != "LD_PRELOAD"}
    seconds = min((n for n in (limit, config.compile_timeout) if n), default=None)
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own compiler
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CompileError(f"{shlex.join(command[:1])} cannot be run: {error}", fix=_SET) from None
    try:
        output, errors = process.communicate(source, timeout=seconds)
    except subprocess.TimeoutExpired:
        _stop(process)
        longer = "" if seconds == limit else ", or give it longer: gradcore.config.compile_timeout"
        raise CompileError(
            f"{shlex.join(command[:1])} was stopped: it had not ended after {seconds:g} seconds",
            fix=f"{_SET}{longer}",
        ) from None
    except BaseException:
        _stop(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


# finding ----------------------------------------------------------------------------------------
def find_compiler() -> Compiler:
    """Return the compiler: ``$CC``, then cc, gcc, clang, then zig's.

    ``GRADCORE_CFLAGS`` holds flags to add to ours.

    Raises UnavailableError: none works.  CacheError: there is no place for what it compiles.
    """
    found = _found(os.environ.get("CC", ""), os.environ.get("GRADCORE_CFLAGS", ""))
    if isinstance(found, str):
        raise UnavailableError(found)
    return found


def unavailable() -> str | None:
    """Return why nothing can be compiled here and what to do, or None."""
    try:
        find_compiler()
    except (UnavailableError, CacheError) as error:
        return error.what if error.fix is None else f"{error.what}; {error.fix}"
    return None


@functools.cache
def _found(preferred: str, added: str) -> Compiler | str:
    """Return the compiler, or why there is none: to find that out again would take as long."""
    words: dict[str, list[str]] = {}
    for name, text in (("CC", preferred), ("GRADCORE_CFLAGS", added)):
        try:
            words[name] = shlex.split(text)
        except ValueError as error:
            return f"{name} is {text!r}, which is no command line ({error}): correct or unset it"
    tried: dict[tuple[str, ...], str] = {}
    for command in _candidates(words["CC"]):
        compiler = _asked(command, words["GRADCORE_CFLAGS"])
        if not isinstance(compiler, str):
            return compiler
        tried[command] = compiler
    without = _found(preferred, "") if added else ""
    if isinstance(without, Compiler):
        return tried[without.command]
    if words["CC"]:
        why = "; ".join(tried.values()) or "there is no such program that can be run"
        return f"CC is {preferred!r}, which does not work here ({why}): {_SET}, or unset it"
    return ADVICE + (f" ({'; '.join(tried.values())})" if tried else "")


def _candidates(preferred: Sequence[str]) -> list[tuple[str, ...]]:
    """Return commands that may run a compiler, each with a full path.

    preferred : the user's choice; nothing else is tried then.
    """
    commands = [tuple(preferred)] if preferred else [("cc",), ("gcc",), ("clang",)]
    found = [
        (path, *command[1:])
        for command in commands
        if command and (path := shutil.which(command[0])) is not None
    ]
    zig = importlib.util.find_spec("ziglang")
    if zig is not None and not preferred:
        found.append((sys.executable, "-m", "ziglang", "cc"))
    return list(dict.fromkeys(found))


def _identity(command: Sequence[str]) -> str:
    """Return what tells a compiler from others: path, size and date of each word that is a file."""
    facts: list[str] = []
    for word in command:
        path = shutil.which(word)
        if path is None:
            spec = importlib.util.find_spec(word) if word == "ziglang" else None
            path = None if spec is None else spec.origin
        if path is None:
            facts.append(word)
            continue
        path = os.path.realpath(path)
        status = Path(path).stat()
        facts.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(facts)


@functools.cache
def cpu() -> str:
    """Return what code for this very CPU depends on."""
    facts = [platform.machine(), platform.system()]
    try:
        with Path("/proc/cpuinfo").open("rb", buffering=0) as file:
            first = file.read(8192).decode(errors="replace").split("\n\n")[0]
    except OSError:
        return " ".join((*facts, platform.processor()))
    lines = (line.partition(":") for line in first.splitlines())
    named = {name.strip(): text.strip() for name, _, text in lines}
    wanted = (
        "model name",
        "cpu family",
        "model",
        "flags",
        "Features",
        "CPU implementer",
        "CPU part",
        "isa",
    )
    return " ".join((*facts, *(named[name] for name in wanted if name in named)))


# asking -----------------------------------------------------------------------------------------
def _preferred() -> tuple[str, ...]:
    """Return the flags to compile with where the compiler understands them."""
    native = (
        "-mcpu=native" if platform.machine() in ("aarch64", "arm64", "ppc64le") else "-march=native"
    )
    wide = ("-mprefer-vector-width=512",) if WIDE in cpu().split() else ()
    return (
        "-std=gnu11", "-O3", "-pipe", native, *wide, "-fno-math-errno", "-fno-trapping-math",
        "-ffp-contract=off", "-fwrapv", "-fno-semantic-interposition", "-fopenmp-simd",
        "-fexcess-precision=16", "-fcf-protection=none", "-fno-stack-protector",
        "-Werror=implicit-function-declaration",
    )  # fmt: skip


def _linked() -> tuple[tuple[str, ...], ...]:
    """Return ways to link, the quickest first."""
    if platform.system() == "Darwin":
        return (("-undefined", "dynamic_lookup", "-lm"),)
    return (("-nostdlib", "-Wl,--as-needed", "-lm", "-lgcc"), ("-lm",))


def _asked(command: tuple[str, ...], added: Sequence[str]) -> Compiler | str:
    """Return the compiler that ``command`` runs, or why it is none."""
    identity = _identity(command)
    key = digest(
        "compiler", identity, cpu(), *added, *_preferred(), *map(str, _linked()), PROBE_OURS
    )

    def ask(into: Path) -> None:
        into.write_text(json.dumps(asdict(_probed(command, identity, added))))

    def known(path: Path) -> Compiler:
        saved = json.loads(path.read_text())
        flags, libraries = tuple(saved["flags"]), tuple(saved["libraries"])
        return Compiler(command, identity, saved["version"], flags, libraries, tuple(added))

    try:
        return default_store().obtain(key, ".json", ask, known, PREBUILT)
    except (UnavailableError, CompileError) as error:
        return error.what


def _loads(library: Path) -> bool:
    """Return whether this process can load a library."""
    try:
        ctypes.CDLL(str(library))
    except OSError:
        return False
    return True


def _refusal(compiler: Compiler, flags: Sequence[str], into: Path) -> str | None:
    """Return why no library that loads is made with ``flags``, or None."""
    done = compiler.run(PROBE_OURS, (*SHARED, *flags, "-w", f"-I{FOLDER}"), into, PROBE_SECONDS)
    if done.returncode != 0:
        return complaint(done)
    return None if _loads(into) else "with it, it makes no library that loads here"


def _probed(command: tuple[str, ...], identity: str, added: Sequence[str]) -> Compiler:
    """Return a compiler with the flags that it understands.

    Raises UnavailableError: it makes no library that loads here.
    """
    with tempfile.TemporaryDirectory() as folder:

        def works(source: str, flags: Sequence[str], libraries: Sequence[str]) -> bool:
            into = Path(
                folder, hashlib.sha256(repr((source, flags, libraries)).encode()).hexdigest()
            )
            found = Compiler(command, identity, "", (), tuple(libraries))
            # A compiler warns of a flag that it ignores.
            given = (*SHARED, "-Werror", *flags)
            return found.run(source, given, into, PROBE_SECONDS).returncode == 0 and _loads(into)

        libraries = next((way for way in _linked() if works(PROBE, (), way)), None)
        if libraries is None:
            raise UnavailableError(f"{shlex.join(command)} makes no library that loads here")
        flags = _preferred()
        if not works(PROBE, flags, libraries):
            flags = tuple(flag for flag in flags if works(PROBE, (flag,), libraries))
        if works(PROBE_FLOAT16, flags, libraries):
            flags += (HALVES,)
        flags += tuple(added)
        given = Compiler(command, identity, "", (), tuple(libraries))
        reason = _refusal(given, flags, Path(folder, "added")) if added else None
        if reason is not None:
            raise UnavailableError(blamed(command, added, reason))
        version = _run((*command, "--version"), limit=PROBE_SECONDS).stdout.partition("\n")[0]
        return Compiler(command, identity, version, (*SHARED, *flags), libraries, tuple(added))


# compiling --------------------------------------------------------------------------------------
def compile_source(source: str, name: str, flags: Sequence[str] = ()) -> Path:
    """Return the shared library of a C file, from the store if it is there.

    source : the text; it may include the files beside this module.
    name : what it is, for messages.
    flags : more flags; they come after all others.

    Raises CompileError, UnavailableError, CacheError.
    """
    return load_source(source, name, lambda path: path, flags)


def load_source(
    source: str,
    name: str,
    load: Callable[[Path], Loaded],
    flags: Sequence[str] = (),
    libraries: Sequence[str] | None = None,
    folders: Sequence[str] = (),
    units: Sequence[str] = (),
) -> Loaded:
    """Return ``load(path)`` of the shared library of a C file, which is made again if need be.

    libraries : what to link with, in the place of the quickest that does for generated code.
    folders : where other files lie that it includes; what is in them is left to ``flags`` to say.
    units : the same in several units, which are compiled side by side; none: it is one.

    Raises CompileError, UnavailableError, CacheError, and OSError or ImportError of ``load``.
    """
    compiler = find_compiler()
    if libraries is not None:
        compiler = replace(compiler, libraries=tuple(libraries))
    given = (*compiler.flags, *flags)
    texts = (source, *_included(source))
    key = digest("library", compiler.identity, cpu(), *given, "", *compiler.libraries, "", *texts)
    given = (*given, *(f"-I{folder}" for folder in (FOLDER, *folders)))

    def make(into: Path) -> None:
        if len(units) > 1 and compiler.run_divided(units, given, into):
            return
        done = compiler.run(source, given, into)
        if "No space left on device" in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if done.returncode != 0:
            ours = [flag for flag in given if flag not in compiler.added]
            if compiler.added and compiler.run(source, ours, into).returncode == 0:
                raise CompileError(blamed(compiler.command, compiler.added, complaint(done)))
            end = ("-o", os.devnull, *compiler.libraries)
            raise refused((*compiler.command, *given), end, source, name, done)
        if not into.exists() or not into.stat().st_size:
            raise CompileError(
                f"{shlex.join(compiler.command)} ended well and wrote nothing for {name}", fix=_SET
            )

    return default_store().obtain(key, ".so", make, load, PREBUILT)


def _included(source: str) -> list[str]:
    """Return the text of our own files that ``source`` includes, and that these include."""
    texts: dict[str, str] = {}
    waiting = INCLUDE.findall(source)
    while waiting:
        name = waiting.pop()
        path = FOLDER / name
        if name not in texts and path.is_file():
            texts[name] = path.read_text(encoding="utf-8")
            waiting += INCLUDE.findall(texts[name])
    return [text for _, text in sorted(texts.items())]


def digest(*parts: str) -> str:
    """Return a key of the store for content that depends on ``parts``."""
    found = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogateescape")
        found.update(b"%d:" % len(text))
        found.update(text)
    return found.hexdigest()[:40]
