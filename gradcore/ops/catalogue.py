"""The list of all ops of the core, found, not listed by hand."""

from __future__ import annotations

from gradcore.graph import Op
from gradcore.ops import (
    assumptions,
    axes,
    banded,
    complements,
    complexes,
    control,
    create,
    cumulative,
    decompositions,
    diagonals,
    draws,
    eigenvalues,
    factors,
    fourier,
    implicit,
    index,
    inverses,
    linalg,
    reduce,
    scalars,
    scan,
    schur,
    schur_forms,
    search,
    shape,
    shape_values,
    sorting,
    sparse,
    sparse_patterns,
    sparse_solve,
    special,
    special_bessel,
    special_gamma,
    special_normal,
    special_other,
    spectra,
    symmetric,
    windows,
)

FAMILIES = (
    assumptions,
    banded,
    schur,
    schur_forms,
    control,
    create,
    decompositions,
    spectra,
    symmetric,
    complements,
    diagonals,
    draws,
    eigenvalues,
    factors,
    fourier,
    implicit,
    index,
    inverses,
    sorting,
    search,
    linalg,
    sparse,
    sparse_patterns,
    sparse_solve,
    reduce,
    cumulative,
    scan,
    axes,
    shape,
    shape_values,
    windows,
)


ROWS = (scalars, complexes, special, special_gamma, special_normal, special_bessel, special_other)
"""The modules of elementwise entries."""


def catalogue() -> tuple[Op | type[Op], ...]:
    """Return the elementwise entries, and the final classes of the other families.

    Marks are left out (`Op.mark`): no backend sees them.
    """
    entries = dict.fromkeys(getattr(family, name) for family in ROWS for name in family.__all__)
    classes = [
        value
        for family in FAMILIES
        for value in vars(family).values()
        if isinstance(value, type)
        and issubclass(value, Op)
        and value.__module__ == family.__name__
        and getattr(value, "__final__", False)
    ]
    return (*entries, *scalars.CASTS.values(), *classes)
