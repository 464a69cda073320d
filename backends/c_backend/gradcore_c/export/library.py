"""The parts of the runtime that exported C has in it: what a call is, and functions by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

from gradcore.dtypes import DTYPES
from gradcore_c.compiler import FOLDER
from gradcore_c.export.messages import table

HERE = Path(__file__).parent

SOURCES = {
    "cholesky": ("factors.c", ("potrf", "trsm")),
    "solve_lower": ("factors.c", ("potrf", "trsm")),
    "solve_lower_transposed": ("factors.c", ("potrf", "trsm")),
    "solve": ("solve.c", ("getrf", "getrs")),
    "lu": ("lu.c", ("getrf",)),
}
"""The functions of libraries that there are: which file defines them, and what it needs of LAPACK,
of which `lapack.h` has as much."""

CARRIES = {
    "clear": "GC_CLEAR", "carry_rounded": "GC_CARRY_ROUNDED", "carry": "GC_CARRY",
    "settle": "GC_SETTLE",
}  # fmt: skip
"""The macros of `carry.h`."""

COMPILER = """
#if !defined(__GNUC__) && !defined(__clang__)
#define __attribute__(attributes)
#define __builtin_expect(x, expected) (x)
#else
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wtautological-compare"
#endif
"""

COMMENT = re.compile(r"/\*.*?\*/\n?", re.DOTALL)
OWN = re.compile(r'^#include ".*\n', re.MULTILINE)
BLANK = re.compile(r"\n[ \t]*(?=\n\n)|^[ \t]+$", re.MULTILINE)


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _named(text: str, name: str) -> str:
    """Return text with the name of the exported function in the place of FUNCTION."""
    text = text.replace("FUNCTION_context", f"{name}_context")
    return text.replace("FUNCTION_", f"{name.upper()}_")


def runtime(name: str, messages: Sequence[str]) -> str:
    """Return what a call is, for a function of a name with the messages of its checks."""
    abi = COMMENT.sub("", _text(FOLDER / "abi.h"))
    abi = re.sub(r"^#(ifndef|define|endif).*\n", "", abi, flags=re.MULTILINE)
    parts = (COMPILER, BLANK.sub("", abi), table(messages), _named(_text(HERE / "call.h"), name))
    return "\n".join(parts)


def functions(name: str, wanted: Sequence[str]) -> str:
    """Return the definitions of functions of libraries.

    name : of the exported function.
    wanted : "matmul_f64", "sort_float64", "carry_float32", "cholesky_float64" ...
    """
    found: list[str] = []
    products = [w.removeprefix("matmul_") for w in wanted if w.startswith("matmul_")]
    if products:
        found += [_named(_text(HERE / "products.h"), name), *map(_product, products)]
    carries = [w for w in wanted if w.startswith(tuple(CARRIES))]
    if carries:
        found += [_own("carry.h"), *map(_carry, carries)]
    found += _orders(dict.fromkeys(w.rpartition("_")[2] for w in wanted if "sort_" in w))
    found += _matrices([w for w in wanted if w.rpartition("_")[0] in SOURCES])
    return "\n".join(found)


def _own(file: str) -> str:
    """Return a file of the runtime without what it includes of ours."""
    return OWN.sub("", _text(FOLDER / file))


def _product(code: str) -> str:
    """Return the definition of the product of matrices for a type."""
    if code == "b1":
        return "GC_PRODUCT(b1, uint8_t, uint8_t, GC_BOTH, )\n"
    row = next(row for row in DTYPES.values() if row.code == code)
    wide = "double" if row.kind == "float" else "uint64_t"
    blas = {"f64": "GC_CBLAS(cblas_dgemm)", "f32": "GC_CBLAS(cblas_sgemm)"}.get(code, "")
    return f"GC_PRODUCT({code}, {row.ctype}, {wide}, GC_TIMES, {blas})\n"


def _carry(function: str) -> str:
    """Return the definition of a function of sums in blocks."""
    what, _, dtype = function.rpartition("_")
    return f"{CARRIES[what]}({dtype}, {DTYPES[dtype].ctype})\n"


def _orders(dtypes: Collection[str]) -> list[str]:
    """Return the definitions of the orders of dtypes."""
    if not dtypes:
        return []
    head, *types = _text(FOLDER / "ordering.c").split("#define TYPE ")
    chosen = [f"#define TYPE {text}" for text in types if _code(text) in dtypes]
    return [OWN.sub("", head), *(_included(text.partition("#ifdef")[0]) for text in chosen)]


def _code(text: str) -> str:
    """Return the dtype that a part of ordering.c is for."""
    return text.partition("#define CODE ")[2].partition("\n")[0]


def _included(text: str) -> str:
    """Return text with the files of ours that it includes in their places."""
    return OWN.sub(lambda m: _included(_text(FOLDER / m[0].split('"')[1])), text)


def _matrices(wanted: Sequence[str]) -> list[str]:
    """Return the definitions of functions of matrices, with the loops that they call."""
    if not wanted:
        return []
    dtypes = dict.fromkeys(w.rpartition("_")[2] for w in wanted)
    files: Mapping[str, tuple[str, ...]] = dict(SOURCES[w.rpartition("_")[0]] for w in wanted)
    numbers = _own("numbers.h").replace("#include <complex.h>\n", "")
    found = [numbers, _own("small.h"), _text(HERE / "lapack.h")]
    for dtype in dtypes:
        letter, end = ("s", "f") if dtype == "float32" else ("d", "")
        found.append(f"GC_LAPACK({letter}, {DTYPES[dtype].ctype}, sqrt{end}, fabs{end})\n")
    return [*found, *(_matrix_file(file, needs, dtypes) for file, needs in files.items())]


def _matrix_file(file: str, needs: Sequence[str], dtypes: Mapping[str, None]) -> str:
    """Return a file of functions of matrices for some dtypes, each static."""
    text = _own(file).replace("#define SMALL 8\n", "")
    text = re.sub(
        r"^GC_\w+\((\w+), .*\)\n",
        lambda m: m[0] if m[1] in dtypes else "",
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r"^    int32_t ", "    static inline int32_t ", text, flags=re.MULTILINE)
    place = f"gc_needs_{file.partition('.')[0]}"
    letters = {"float64": "d", "float32": "s"}
    rows = ", ".join(
        f"(void *)gc_{letters[dtype]}{need}" if dtype in dtypes else "0"
        for need in needs
        for dtype in ("float64", "float32", "complex128", "complex64")
    )
    text = re.sub(
        r"^void \*gc_needs\[\d+\];\n", f"static void *const gc_needs[] = {{{rows}}};\n", text,
        flags=re.MULTILINE,
    )  # fmt: skip
    return text.replace("gc_needs", place)
