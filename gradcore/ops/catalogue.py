"""The list of all ops of the core, found, not listed by hand."""

from __future__ import annotations

from gradcore.graph import Op
from gradcore.ops import (
    assumptions,
    axes,
    banded,
    complexes,
    control,
    create,
    cumulative,
    decompositions,
    diagonals,
    draws,
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
    search,
    shape,
    shape_values,
    sorting,
    windows,
)
from gradcore.ops.elementwise import Elementwise

FAMILIES = (
    assumptions,
    banded,
    schur,
    control,
    create,
    decompositions,
    diagonals,
    draws,
    factors,
    fourier,
    implicit,
    index,
    inverses,
    sorting,
    search,
    linalg,
    reduce,
    cumulative,
    scan,
    axes,
    shape,
    shape_values,
    windows,
)


def catalogue() -> tuple[Op | type[Op], ...]:
    """Return the elementwise entries, and the final classes of the other families."""
    entries = [
        value
        for module in (scalars, complexes)
        for value in vars(module).values()
        if isinstance(value, Elementwise)
    ]
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
