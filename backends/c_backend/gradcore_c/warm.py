"""What the C backend needs that no graph says: made before the first function asks for it.

That is the runtime, the products of matrices and the functions over LAPACK, a library each, and
what was found out about the compiler.  ``gradcore cache warm`` makes them into the user's store;
the build of a wheel (``hatch_build.py``) makes them into an empty store and puts what is then in
that into the wheel.  There they are found under the keys of the store (`gradcore.cache.Shelf`): a
wheel that comes to another CPU or meets another compiler is one without them, which builds at first
use.

The decision: what is installed is what a store holds, so there is one way to make it, one key that
says what it depends on, and nothing that can be stale.  Rejected: an extension module of the
wheel's own, compiled for every CPU of a platform: the products take their vectors from the CPU that
they are compiled on, and generated code cannot run without a compiler in any case.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from gradcore_c import externs, runtime
from gradcore_c.compiler import find_compiler


def warm() -> list[str]:
    """Make what is not in the store, all processors at once; return what there is then, by name.

    Raises UnavailableError, CompileError, CacheError.
    """
    find_compiler()
    units = [*runtime.units(), *externs.units()]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(runtime.TranslationUnit.made, units))
    return [unit.name for unit in units]
