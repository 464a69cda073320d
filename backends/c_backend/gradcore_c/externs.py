"""Functions of libraries that ops name (`gradcore.graph.externs.Extern`), in C."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gradcore_c import runtime

FLAGS = ("-O2", "-w")

PREFIX = "extern:"
"""What the names of such functions start with in a program."""


@dataclass(frozen=True)
class Source:
    """C that defines functions of a library, each for some dtypes.

    text : it defines ``int32_t NAME_DTYPE(int64_t stack, int64_t extents ..., const void *operands
        ..., void *outputs ..., void *workspace)``, which returns 0, or else -1: no memory.
    needs : functions of BLAS and LAPACK, such as "lapack:dpotrf"; ``void *gc_needs[]``, which the
        text defines, has their addresses, in this order, before anything is called.
    """

    text: str
    needs: tuple[str, ...] = ()


FACTORS = Source(
    '#include "factors.c"\n', ("lapack:dpotrf", "lapack:spotrf", "blas:dtrsm", "blas:strsm")
)

SOLVE = Source(
    '#include "solve.c"\n',
    ("lapack:dgetrf", "lapack:sgetrf", "lapack:dgetrs", "lapack:sgetrs"),
)

BANDED = Source(
    '#include "banded.c"\n',
    ("lapack:dgbtrf", "lapack:sgbtrf", "lapack:dgbtrs", "lapack:sgbtrs"),
)

LU = Source('#include "lu.c"\n', ("lapack:dgetrf", "lapack:sgetrf"))

QR = Source(
    '#include "qr.c"\n',
    ("lapack:dgeqrf", "lapack:sgeqrf", "lapack:dorgqr", "lapack:sorgqr"),
)

SPECTRA = Source(
    '#include "spectra.c"\n',
    ("lapack:dsyevd", "lapack:ssyevd", "lapack:dgesdd", "lapack:sgesdd"),
)

EIG = Source('#include "eig.c"\n', ("lapack:dgeev", "lapack:sgeev"))

SYLVESTER = Source(
    '#include "sylvester.c"\n',
    (
        *("lapack:dgees", "lapack:sgees", "lapack:dtrsyl", "lapack:strsyl"),
        *("blas:dgemm", "blas:sgemm"),
    ),
)

EXTERNS: Mapping[str, Source] = {
    "cholesky": FACTORS,
    "eig": EIG,
    "eigh": SPECTRA,
    "lu": LU,
    "qr": QR,
    "solve": SOLVE,
    "solve_banded": BANDED,
    "solve_banded_transposed": BANDED,
    "solve_lower": FACTORS,
    "solve_lower_transposed": FACTORS,
    "svd": SPECTRA,
    "sylvester": SYLVESTER,
}
"""What C has, by the names that ops give."""


def units() -> list[runtime.TranslationUnit]:
    """Return the sources above, each to become a library."""
    named: dict[Source, list[str]] = {}
    for name, source in EXTERNS.items():
        named.setdefault(source, []).append(name)
    return [_unit(source, ", ".join(names)) for source, names in named.items()]


_loaded: list[Any] = []
"""What keeps libraries loaded."""


@cache
def address(source: Source, name: str) -> int:
    """Return the address of a function that a source defines, compiled if need be.

    Raises CompileError; OSError: it defines no such function.
    """
    part = _unit(source, f"the function {name}")
    found, library = _symbol(part, name)
    if source.needs:
        place, also = _symbol(part, "gc_needs")
        needed = (ctypes.c_void_p * len(source.needs)).from_address(place)
        needed[:] = [runtime.library_address(need) for need in source.needs]
        _loaded.append(also)
    _loaded.append(library)
    return found


def _unit(source: Source, name: str) -> runtime.TranslationUnit:
    return runtime.TranslationUnit(source.text, name, FLAGS, None)


def _symbol(part: runtime.TranslationUnit, name: str) -> tuple[int, Any]:
    return part.loaded(lambda path: runtime.opened(str(path), name))
