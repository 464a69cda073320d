"""Matrices of which the bands are stored, as SciPy stores them: equations and factors."""

from __future__ import annotations

from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
from gradcore.graph import Variable, as_variable, here
from gradcore.graph.complexes import conjugated
from gradcore.graph.nodes import extents_of
from gradcore.ops.banded import CholeskyBanded, SolveBanded
from gradcore.ops.matrices import real_part
from gradcore.ops.scalars import maximum
from gradcore.tensor.creation import arange
from gradcore.tensor.elementwise import cast
from gradcore.tensor.indexing import take
from gradcore.tensor.linalg.equations import solved
from gradcore.tensor.linalg.operands import matrices, raises
from gradcore.tensor.shapes import stack


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any, *, on_error: str = "raise") -> Variable:
    """Return x of ``a @ x = b``, for a square matrix of which the bands are stored, as SciPy's.

    l_and_u : how many bands ``a`` has below its diagonal, and above.
    ab : the bands, ``ab[u + i - j, j] = a[i, j]``, in as many rows; what stands for no element of
        ``a`` is not read.
    b : a matrix, or a vector; for stacks, a stack of matrices.
    on_error : as of `solve`.

    Raises GraphValueError: a number of bands is negative; ShapeError: the extents do not fit;
    LinAlgError when it runs: the matrix is singular.

    On C it takes O(n) operations, by LAPACK's functions; on JAX, torch and CUDA those of a dense
    matrix.

    >>> import gradcore.tensor as T
    >>> ab = [[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    >>> T.linalg.solve_banded((0, 1), ab, [3.0, 3.0, 2.0]).eval().tolist()
    [1.0, 1.0, 1.0]
    """
    lower, upper = map(int, l_and_u)
    if lower < 0 or upper < 0:
        raise GraphValueError(f"solve_banded takes numbers of bands, not {l_and_u!r}", here())
    op = SolveBanded(lower, upper, raises=raises("solve_banded", on_error))
    bands = as_variable(ab)
    if bands.ndim > 1 and bands.type.shape[-2] not in (None, lower + upper + 1):
        raise ShapeError(
            f"solve_banded takes {lower + upper + 1} rows of bands, not {bands} ({bands.type})",
            here(),
        )
    return solved("solve_banded", op, bands, as_variable(b))


def solveh_banded(ab: Any, b: Any, lower: bool = False, *, on_error: str = "raise") -> Variable:
    """Return x of ``a @ x = b``, for a symmetric matrix of which half of the bands are stored.

    Complex matrices are Hermitian.

    ab : the diagonal and the bands above it, as of `solve_banded`, or with ``lower`` those below
        it, ``ab[i - j, j] = a[i, j]``.  A matrix that is not positive definite is solved, too.
    b, on_error : as of `solve_banded`, which does it.

    Raises GraphTypeError: the number of bands is not known; what `solve_banded` raises.

    >>> import gradcore.tensor as T
    >>> T.linalg.solveh_banded([[0.0, 1.0], [2.0, 2.0]], [3.0, 3.0]).eval().tolist()
    [1.0, 1.0]
    """
    half = as_variable(ab)
    count = _number_of_bands("solveh_banded", half)
    above = [half[..., k if lower else count - 1 - k, :] for k in range(count)]
    j, n = arange(extents_of(half)[-1]), extents_of(half)[-1]
    shifts = range(1, count)
    places = {k: (j + (-k if lower else k)) % maximum(n, 1) for k in shifts}
    moved = {k: conjugated(take(above[k], places[k], -1)) for k in shifts}
    up, down = (moved, above) if lower else (above, moved)
    first = cast(real_part(above[0]), half.type.dtype)
    bands = [*(up[k] for k in reversed(shifts)), first, *(down[k] for k in shifts)]
    return solve_banded((count - 1, count - 1), stack(bands, -2), b, on_error=on_error)


def _number_of_bands(name: str, bands: Variable) -> int:
    """Return how many bands there are.

    Raises GraphTypeError: the number is not known.
    """
    count = bands.type.shape[-2] if bands.ndim > 1 else None
    if count is None:
        raise GraphTypeError(
            f"{name} takes bands of a known number, not {bands} ({bands.type})",
            here(),
            "say it by T.specify_shape",
        )
    return count


# factors ----------------------------------------------------------------------------------------
def cholesky_banded(ab: Any, lower: bool = False, *, on_error: str = "raise") -> Variable:
    """Return the bands of Cholesky's factor of a positive definite matrix, as SciPy's.

    ab : the diagonal and the bands above it, as of `solveh_banded`, or with ``lower`` those below
        it; or a stack of such.  What stands for no element is not read.
    lower : whether it is L of ``a = L @ L.T``, of which the bands below the diagonal are given and
        returned; else U of ``a = U.T @ U``, by those above.  Of complex matrices, which are
        Hermitian, transposes are those of conjugates.
    on_error : "raise": LinAlgError if ``a`` is not positive definite; "nan": the bands are NaN.

    Returns bands of the same shape and places; what stands for no element is 0 (in SciPy's, what
    it was).  Raises GraphTypeError: a vector; ShapeError: there are no bands.

    On C it is LAPACK's; on JAX, torch and CUDA that of a dense matrix.  Derivatives go from column
    to column: for n rows and u bands beside the diagonal they take O(n u^2) operations, as the
    factor does, everywhere.

    >>> import gradcore.tensor as T
    >>> T.linalg.cholesky_banded([[4.0, 5.0, 5.0], [2.0, 2.0, 0.0]], lower=True).eval().tolist()
    [[2.0, 2.0, 2.0], [1.0, 1.0, 0.0]]
    """
    (bands,), dtype = matrices("cholesky_banded", ab)
    return cast(CholeskyBanded(bool(lower), raises("cholesky_banded", on_error))(bands), dtype)


def cho_solve_banded(cb_and_lower: tuple[Any, bool], b: Any) -> Variable:
    """Return x of ``a @ x = b``, given the bands of a factor and whether it is the lower one.

    cb_and_lower : the result of `cholesky_banded`, of a number of bands that is known, and its
        ``lower``.
    b : a matrix, or a vector; for stacks, a stack of matrices.

    Raises GraphTypeError: the number of bands is not known; ShapeError: the extents do not fit;
    LinAlgError when it runs: the factor has a zero on its diagonal.

    It is two solutions of `solve_banded`, by triangles: on C in O(n u) operations for n rows and u
    bands beside the diagonal.

    >>> import gradcore.tensor as T
    >>> factor = T.linalg.cholesky_banded([[0.0, 2.0, 2.0], [4.0, 5.0, 5.0]])
    >>> T.linalg.cho_solve_banded((factor, False), [6.0, 9.0, 7.0]).eval().tolist()
    [1.0, 1.0, 1.0]
    """
    bands, lower = cb_and_lower
    bands = as_variable(bands)
    count = _number_of_bands("cho_solve_banded", bands) - 1
    sides = (count, 0) if lower else (0, count)
    first, then = SolveBanded(*sides, transposed=not lower), SolveBanded(*sides, transposed=lower)
    inner = solved("cho_solve_banded", first, bands if lower else conjugated(bands), as_variable(b))
    return solved("cho_solve_banded", then, conjugated(bands) if lower else bands, inner)
