"""Functions of libraries, and our own, that ops name (`gradcore.graph.externs.Extern`), in C."""

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
    flags : for the compiler.
    """

    text: str
    needs: tuple[str, ...] = ()
    flags: tuple[str, ...] = FLAGS


def _needs(*names: str) -> tuple[str, ...]:
    """Return functions of BLAS or LAPACK for all dtypes: float64, float32, complex128, complex64.

    names : such as "lapack:potrf", or, where those of complex numbers have another name,
        "lapack:syevd/heevd".
    """
    found: list[str] = []
    for name in names:
        library, _, function = name.partition(":")
        of_real, _, of_complex = function.partition("/")
        found += [f"{library}:{letter}{of_real}" for letter in "ds"]
        found += [f"{library}:{letter}{of_complex or of_real}" for letter in "zc"]
    return tuple(found)


FACTORS = Source('#include "factors.c"\n', _needs("lapack:potrf", "blas:trsm"))
SOLVE = Source('#include "solve.c"\n', _needs("lapack:getrf", "lapack:getrs"))
BANDED = Source(
    '#include "banded.c"\n',
    _needs("lapack:gbtrf", "lapack:gbtrs", "lapack:tbtrs", "lapack:pbtrf"),
)
LU = Source('#include "lu.c"\n', _needs("lapack:getrf"))
LDL = Source(
    '#include "ldl.c"\n', (*_needs("lapack:sytrf/hetrf"), "lapack:zsytrf", "lapack:csytrf")
)
QR = Source('#include "qr.c"\n', _needs("lapack:geqrf", "lapack:orgqr/ungqr"))
SPECTRA = Source('#include "spectra.c"\n', _needs("lapack:syevd/heevd", "lapack:gesdd"))
EIG = Source('#include "eig.c"\n', _needs("lapack:geev"))
SYLVESTER = Source('#include "sylvester.c"\n', _needs("lapack:gees", "lapack:trsyl", "blas:gemm"))

FOURIER = Source('#include "fourier.c"\n', flags=("-O3", "-w"))  # vectors are what it is about

EXTERNS: Mapping[str, Source] = {
    "cholesky": FACTORS,
    "cholesky_banded": BANDED,
    "complement": QR,
    "eig": EIG,
    "eigh": SPECTRA,
    "eigvals": EIG,
    "eigvalsh": SPECTRA,
    "fft": FOURIER,
    "irfft": FOURIER,
    "ldl": LDL,
    "ldl_symmetric": LDL,
    "ldl_upper": LDL,
    "ldl_upper_symmetric": LDL,
    "lu": LU,
    "qr": QR,
    "rfft": FOURIER,
    "solve": SOLVE,
    "solve_banded": BANDED,
    "solve_banded_transposed": BANDED,
    "solve_lower": FACTORS,
    "solve_lower_transposed": FACTORS,
    "svd": SPECTRA,
    "svdvals": SPECTRA,
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
    return runtime.TranslationUnit(source.text, name, source.flags, None)


def _symbol(part: runtime.TranslationUnit, name: str) -> tuple[int, Any]:
    return part.loaded(lambda path: runtime.opened(str(path), name))
