"""Writes the table of words by name into `docs/words.md`: what of NumPy, JAX and PyTensor is here.

Run it: ``python docs/words.py``; JAX and PyTensor must be installed.  A test sees to
it that every function of NumPy is a word, or stands here with the reason.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradcore import tensor

PAGE = Path(__file__).with_suffix(".md")

LIBRARIES = {"NumPy": "numpy", "JAX": "jax.numpy", "PyTensor": "pytensor.tensor"}
"""The namespaces that are compared."""

ABSENT = {
    "is about complex numbers, in a change of its own":
        "angle common_type conj conjugate imag iscomplex iscomplexobj isreal isrealobj mintypecode"
        " real real_if_close roots sort_complex poly",
    "a special function, in a change of its own":
        "kaiser logaddexp2",
    "reads, writes or shows arrays; values of a graph are not known":
        "array2string array_repr array_str base_repr binary_repr format_float_positional"
        " format_float_scientific frombuffer fromfile fromiter fromregex fromstring genfromtxt"
        " get_printoptions info iterable load loadtxt printoptions save savetxt savez"
        " savez_compressed set_printoptions typename from_dlpack frompyfunc",
    "is about memory; graphs have none":
        "asanyarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix bmat copyto"
        " isfortran may_share_memory nested_iters require shares_memory place put putmask",
    "is about dates":
        "busday_count busday_offset datetime_as_string datetime_data is_busday isnat",
    "is about NumPy's state":
        "get_include getbufsize geterr geterrcall setbufsize seterr seterrcall show_config"
        " show_runtime test",
    "dtypes are names here": "issubdtype min_scalar_type isscalar",
    "bits of floats and integers":
        "bitwise_count frexp gcd lcm ldexp modf nextafter packbits spacing unpackbits",
    "calls a function of arrays; `T.vectorize` and `scan` do":
        "apply_along_axis apply_over_axes fromfunction",
    "rare": "array_equiv einsum_path mask_indices polydiv trim_zeros unwrap",
}  # fmt: skip
"""Why functions of NumPy are no words."""


def functions(library: ModuleType) -> set[str]:
    """Return the names of the public functions of a namespace."""
    return {
        name
        for name in dir(library)
        if not name.startswith("_")
        and callable(value := getattr(library, name))
        and not isinstance(value, (type, ModuleType))
    }


def here() -> set[str]:
    """Return the words of the tensor language."""
    return set(vars(tensor))


def reasons() -> dict[str, str]:
    """Return why each absent name of NumPy is absent."""
    return {name: why for why, names in ABSENT.items() for name in names.split()}


def rows() -> list[str]:
    """Return a row for each library: how many functions it has, and how many are words."""
    found: list[str] = []
    for title, module in LIBRARIES.items():
        library: Any = importlib.import_module(module)
        version = importlib.import_module(module.split(".")[0]).__version__
        names = functions(library)
        found.append(
            f"| {title} {version}, `{module}` | {len(names)} | {len(names & here())} | "
            f"{100 * len(names & here()) / len(names):.0f}% |"
        )
    return found


def page() -> str:
    """Return the page."""
    table = "\n".join(rows())
    absent = functions(np) - here()
    left = {why: sorted(absent & set(names.split())) for why, names in ABSENT.items()}
    why = "\n".join(
        f"| {reason} | {', '.join(f'`{name}`' for name in names)} |"
        for reason, names in left.items()
        if names
    )
    return f"""# Words by name

Functions that `gradcore.tensor` has under the name that another library taught: their meaning is
NumPy's, except where Theano's name has another, which the docstring says. `docs/words.py` counts.

| library | functions | words here | share |
|---|---|---|---|
{table}

## Functions of NumPy that are no words

| why | functions |
|---|---|
{why}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE}\n")
