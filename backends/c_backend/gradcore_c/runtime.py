"""The runtime: what calls generated code, compiled here when it is first needed.

The decision: it is C that the compiler we need anyway compiles once for a machine and a Python:
when the package is installed, if a compiler is there (`gradcore_c.warm`), else when it is first
needed.  It comes from the store ever after.  Rejected: ctypes, which spends on one argument what a
whole call may cost; binaries for all machines in one wheel, which would not be for this CPU.

BLAS and LAPACK are the ones that SciPy brings: its modules for Cython hold a pointer to each
function.  They are loaded without their package, which would take longer than all else together.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy as np

from gradcore.config import config
from gradcore.errors import CacheError, CompileError, UnsupportedError
from gradcore_c.compiler import Loaded, load_source

Input: TypeAlias = tuple[Any, int, Sequence[int], bool]
"""An input: its dtype, rank, static shape (-1: unknown), and whether it must be contiguous."""

Output: TypeAlias = tuple[Any, int]
"""An output: its dtype and rank; also what a callback takes or returns."""

Callback: TypeAlias = tuple[Callable[..., Any], Sequence[Output], Sequence[Output]]
"""A Python function that generated code calls: of what, and what it returns, in a tuple."""

FLAGS = ("-O1", "-w")
"""What C that nobody generated is compiled with, after the flags of generated code."""

LIBRARIES = ("-lm", "-lpthread", "-ldl") if sys.platform.startswith("linux") else ()


@dataclass(frozen=True)
class TranslationUnit:
    """C that becomes a library of its own.

    source : the text.
    name : what it is, for messages.
    flags : more flags for the compiler.
    libraries : what to link with; None: as generated code.
    folders : where headers lie that are not ours; ``flags`` say which version they are.
    units : the same text in several units; see `load_source`.
    """

    source: str
    name: str
    flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] | None = LIBRARIES
    folders: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def made(self) -> Path:
        """Return the path of the library, which is compiled if need be; see `load_source`."""
        return self.loaded(lambda path: path)

    def loaded(self, load: Callable[[Path], Loaded]) -> Loaded:
        """Return ``load(path)`` of the library; see `load_source`."""
        given = self.flags, self.libraries, self.folders, self.units
        return load_source(self.source, self.name, load, *given)


class Bound(Protocol):
    """A function whose last arguments are values of shared variables.

    It takes, by position, what needs no conversion: arrays of the dtype, rank and known extents
    declared, and for inputs of rank 0 numbers that fit.  To any other call it answers
    NotImplemented, and nothing has run.

    otherwise : what makes the other calls, and those that raise: see `gradcore.backend.Executable`;
        None: nothing does.
    """

    otherwise: Callable[..., Any] | None

    def __call__(self, *arguments: Any) -> Any:
        """Return outputs in the form that was asked for."""
        ...


class Executable(Protocol):
    """Generated code as a function of arrays; many threads may call it at once.

    peak : the most bytes of workspace that a call has used.
    threads : how many threads a call may use.
    flushes : whether subnormal numbers are taken for zero.
    source : the text that it was compiled from, if its maker put it there.
    """

    source: str | None
    peak: int
    threads: int
    flushes: bool

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return fresh arrays."""
        ...

    def bound(
        self,
        cells: Sequence[list[Any]],
        form: str,
        updated: Sequence[list[Any]] = (),
        locks: Sequence[Any] = (),
    ) -> Bound:
        """Return it with the values of ``cells``, lists of one element, as its last arguments.

        form : "single" (it returns an array), "list" or "none".
        updated : the cells in which to store the last outputs, all together; these are not
            returned.
        locks : to hold from before the cells are read until the others are stored, in this order.
        """
        ...

    def release(self) -> None:
        """Free the memory that it keeps for the next call."""
        ...


@functools.cache
def _runtime() -> TranslationUnit:
    """Return the runtime's module: for this very Python, and for any NumPy of one major version.

    It is compiled for the oldest NumPy that gradcore takes (``NPY_TARGET_VERSION``), so that what
    was built beside one NumPy runs with another.
    """
    include = [sysconfig.get_path("include"), sysconfig.get_path("platinclude"), np.get_include()]
    python = f"{sysconfig.get_config_var('SOABI')} {sys.version_info[:3]}"
    made_for = f'"{python} numpy {np.__version__.partition(".")[0]}"'
    flags = (*FLAGS, f"-DGRADCORE_MADE_FOR={made_for}")
    folders = tuple(dict.fromkeys(include))
    return TranslationUnit('#include "native.c"\n', "the runtime", flags, folders=folders)


def _native() -> Any:
    """Return the runtime's module, loaded."""
    with _loading:
        return _loaded_once()


_loading = Lock()


@functools.cache
def _loaded_once() -> Any:
    return _runtime().loaded(functools.partial(_extension, "gradcore_c.native"))


def _extension(name: str, path: Path) -> ModuleType:
    """Return the extension module in a file."""
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


# functions --------------------------------------------------------------------------------------
def load_entry(
    source: str,
    name: str,
    flags: Sequence[str] = (),
    library: Sequence[str] = (),
    units: Sequence[str] = (),
) -> tuple[int, Any]:
    """Return the address of ``gc_entry`` of a C file, and what keeps its library loaded.

    name : what it is, for messages.
    flags : more flags for the compiler.
    library : the functions of libraries that it will ask for: what they need is compiled beside.
    units : the same text in several units; see `load_source`.

    Raises CompileError, UnavailableError, CacheError.
    """
    unit = TranslationUnit(source, name, tuple(flags), None, units=tuple(units))
    beside = [_runtime(), *map(_part_of, filter(_is_own, library))]
    missing = [part for part in dict.fromkeys(beside) if part not in _made]
    if missing:  # the first functions of a process: what the store lacks is compiled all at once
        with ThreadPoolExecutor(len(missing) + 1) as pool:
            list(pool.map(TranslationUnit.made, (*missing, unit)))
        _made.update(missing)
    native = _native()
    try:
        return unit.loaded(lambda path: native.open(str(path), "gc_entry"))
    except CacheError:
        raise
    except (OSError, ImportError) as error:  # of an entry that was just made: see `Store.obtain`
        raise CompileError(f"the compiled code of {name} does not load: {error}") from error


_made: set[TranslationUnit] = set()
"""What is known to be in the store, beside generated code."""


def make(
    address: int,
    keep: Any,
    inputs: Sequence[Input],
    outputs: Sequence[Output],
    callbacks: Sequence[Callback],
    failed: Callable[[int, tuple[int, ...]], BaseException],
    library: Sequence[int] = (),
    threads: int | None = None,
    brief: bool = False,
    workspace: int = 0,
) -> Executable:
    """Return generated code as a function of arrays.

    address, keep : of its entry point, as `load_entry` returns them.
    failed : returns the exception to raise when a check fails, from its number and values.
    library : addresses of the functions that it calls, in the order in which it asks for them.
    threads : how many threads it may use; None: `default_threads`.
    brief : whether it always takes less time than to give the GIL to others: a few operations on
        numbers.
    workspace : how many bytes it is known to need beside arguments and results.
    """
    used = default_threads() if threads is None else threads
    return _native().make(
        address, keep, inputs, outputs, callbacks, failed, library, used, brief, workspace
    )


def default_threads() -> int:
    """Return how many threads a function may use: see ``config.threads``."""
    if config.threads:
        return config.threads
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def opened(path: str, name: str) -> tuple[int, Any]:
    """Return the address of a name in a library, and what keeps that loaded.

    Raises OSError: there is none.
    """
    return _native().open(path, name)


# memory and threads -----------------------------------------------------------------------------
def prepare(sizes: Sequence[int]) -> None:
    """Have memory ready for arrays of so many bytes, in the background; small ones need none.

    That is done while a function is compiled, of which the first call then costs as much as others.
    """
    wanted = [size for size in sizes if size >= HUGE_PAGE]
    if wanted and sum(wanted) <= PREPARED:
        Thread(target=lambda: _native().prepare(*wanted), daemon=True).start()


HUGE_PAGE = 2**21
"""From how many bytes on an array has pages of its own, large ones."""

PREPARED = 2**26
"""For how many bytes at most: a function may never be called."""


def idle() -> int:
    """Return how many bytes are retained for coming calls of any function."""
    return _native().idle()


def trim() -> int:
    """Hand these bytes back to the system; return how many there were."""
    return _native().trim()


def workers() -> int:
    """Return how many threads of our own there are; a child of a fork starts with none."""
    return _native().workers()


# libraries --------------------------------------------------------------------------------------
def library_address(name: str) -> int:
    """Return the address of a library's function.

    name : "blas:dgemm" and "lapack:dpotrf" for functions of BLAS and LAPACK (Fortran's calling
        convention, integers of 32 bits), or one of our own products ("matmul_f64": products.c),
        orders ("argsort_float64": ordering.c), sums in blocks ("carry_float32": sums.c) or the
        clock ("clock_look": sums.c).

    Raises UnsupportedError: there is no such function.
    """
    library, _, function = name.rpartition(":")
    if library in ("blas", "lapack"):
        capsule = _capsules(f"cython_{library}").get(function)
        if capsule is not None:
            return _native().pointer(capsule)
    elif not library:
        address = _exported(_part_of(name)).get(name)
        if address is not None:
            return address
    raise UnsupportedError(f"there is no library function {name!r}")


@functools.cache
def _capsules(name: str) -> dict[str, Any]:
    """Return the functions of a module of SciPy's by name."""
    full = f"scipy.linalg.{name}"
    module = sys.modules.get(full)
    if module is None:
        package = importlib.util.find_spec("scipy")
        folders = (package and package.submodule_search_locations) or ()
        paths = (
            Path(folder, "linalg", name + suffix)
            for folder in folders
            for suffix in importlib.machinery.EXTENSION_SUFFIXES
        )
        path = next((path for path in paths if path.is_file()), None)
        module = importlib.import_module(full) if path is None else _extension(full, path)
        sys.modules[full] = module
    return module.__pyx_capi__


def units() -> list[TranslationUnit]:
    """Return all that comes from here: the runtime, orders, and products of every dtype."""
    products = (_part_of(f"matmul_{kind}") for kind in KINDS)
    return list(dict.fromkeys((_runtime(), *products, _ORDERS)))


KINDS = {"f64": 1, "f32": 2, "f16": 2, "b1": 2, "i64": 4, "i32": 8, "i16": 16, "i8": 32}
"""The bit of ``GC_ONLY`` (products.c) that asks for a type; unsigned ones come with the others."""


_ORDERS = TranslationUnit('#include "ordering.c"\n', "the orders", ("-w",))


def _is_own(name: str) -> bool:
    """Return whether a function is one of our own, not of BLAS or LAPACK."""
    return ":" not in name


@functools.cache
def _part_of(name: str) -> TranslationUnit:
    """Return what has a function of our own: products have a library for each type.

    They are sums of products, and nothing else, so these may be contracted.
    """
    if "sort" in name:
        return _ORDERS
    if name.startswith(("clear", "carry", "settle", "clock")):
        return _runtime()
    kind = KINDS.get(name.rpartition("_")[2].replace("u", "i"), 1)
    flags = ("-O2", "-w", "-ffp-contract=fast", f"-DGC_ONLY={kind}")
    of = ", ".join(name for name, bit in KINDS.items() if bit == kind)
    return TranslationUnit('#include "products.c"\n', f"products of {of}", flags)


_keeping: list[Any] = []
"""What keeps libraries loaded."""


@functools.cache
def _exported(part: TranslationUnit) -> dict[str, int]:
    """Return the addresses of our own functions in a library, which may use BLAS."""
    native = _native()
    tables = {_ORDERS: "gc_ordering", _runtime(): "gc_sums"}
    if part in tables:
        table, library = part.loaded(lambda path: native.open(str(path), tables[part]))
    else:
        start, _ = part.loaded(lambda path: native.open(str(path), "gc_products_start"))
        native.start(start, _capsules("cython_blas"))
        table, library = part.loaded(lambda path: native.open(str(path), "gc_products"))
    _keeping.append(library)
    return native.exports(table)
