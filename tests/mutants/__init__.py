"""Backends that lie: each is the reference but for what its docstring says."""

from mutants import (  # noqa: F401 - each module has its mutants
    checks,
    indices,
    loops,
    matrices,
    reductions,
    scalars,
    state,
    values,
    windows,
)
from mutants.liars import Mutant as Mutant
