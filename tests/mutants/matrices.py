"""Lies about matrices: their factors, equations and decompositions."""

import time
from dataclasses import replace

import numpy as np

from gradcore.ops.factors import eliminated, lu_factors, substituted
from gradcore.ops.inverses import PseudoInverse
from gradcore.ops.spectra import singular_vectors
from mutants.liars import Mutant, is_of, lies

ALL = (
    *("cholesky", "solve", "solvelower", "lu", "qr", "eig", "eigh", "svd"),
    *("det", "inverse", "logabsdeterminant", "pseudoinverse"),
)
"""The ops of stacks of matrices."""


def transposed(x):
    """Return the transposes of matrices."""
    return x.swapaxes(-1, -2)


@lies("cholesky", "eigh")
def reads_what_is_above(node, right):
    """reads the upper triangle for the lower one"""
    return lambda x: right(transposed(x))


@lies("cholesky")
def leaves_what_is_above(node, right):
    """leaves in the upper triangle what was in it"""
    return lambda x: right(x) + np.triu(x, 1)


@lies("cholesky")
def goes_on_past_what_is_not_positive(node, right):
    """has the square root of a small number for that of a negative one"""

    def factor(x):
        found = np.zeros_like(x)
        for k in range(x.shape[-1]):
            rest = x[..., k:, k] - (found[..., k:, :k] @ found[..., k, :k, None])[..., 0]
            found[..., k:, k] = rest / np.sqrt(np.maximum(rest[..., :1], 1e-3))
        return found

    return factor


@lies("cholesky", "eig", "eigh")
def takes_infinity_for_a_number(node, right):
    """has a result of numbers where there is an infinity on the diagonal"""
    return lambda x: right(np.where(np.isinf(x), x.dtype.type(1e4), x))


@lies("solvelower")
def solves_with_the_whole(node, right):
    """reads what is above a triangle"""
    turned = node.op.transposed
    return lambda m, b: eliminated(np, transposed(m) if turned else m, b)[0]


@lies("solvelower")
def solves_one_way(node, right):
    """never transposes"""
    return lambda m, b: substituted(np, m, b)


@lies("solve", "inverse", "det", "lu")
def exchanges_no_rows(node, right):
    """eliminates rows in the order in which they are"""

    def factors(x):
        x = x.copy()
        for k in range(x.shape[-1]):
            x[..., k + 1 :, k] /= x[..., k : k + 1, k]
            x[..., k + 1 :, k + 1 :] -= x[..., k + 1 :, k : k + 1] * x[..., k : k + 1, k + 1 :]
        return x

    def computed(m, *sides):
        x = factors(m)
        one = np.eye(m.shape[-1], dtype=m.dtype)
        if node.op.label() == "lu":
            return x, np.broadcast_to(np.arange(m.shape[-1]), m.shape[:-1]).copy()
        if node.op.label() == "det":
            return np.asarray(np.einsum("...ii->...i", x).prod(-1))
        inner = substituted(np, np.tril(x, -1) + one, *(sides or [np.broadcast_to(one, m.shape)]))
        return substituted(np, transposed(x), inner, transposed=True)

    return computed


@lies("lu")
def inverts_the_order(node, right):
    """says where each row went, not where it came from"""

    def factors(x):
        both, order = right(x)
        return both, np.argsort(order, -1)

    return factors


@lies("solve", "inverse")
def has_infinity_for_what_is_singular(node, right):
    """has infinity where a matrix is singular"""

    def solved(m, *sides):
        found = right(m, *sides)
        singular = np.isnan(found).all((-1, -2)) & np.isfinite(m).all((-1, -2))
        return np.where(singular[..., None, None], found.dtype.type(np.inf), found)

    return solved


@lies("solve", "inverse")
def raises_for_what_is_singular(node, right):
    """raises an error where a matrix is singular"""

    def solved(m, *sides):
        found = right(m, *sides)
        singular = np.isnan(found).all((-1, -2)) & np.isfinite(m).all((-1, -2))
        if found.size and singular.any():
            raise np.linalg.LinAlgError
        return found

    return solved


@lies("cholesky", "solve", "solvelower", "inverse", "eig", "eigh", "svd")
def raises_nothing(node, right):
    """has NaN where it must raise"""
    return replace(node.op, raises=False).kernel(node)


@lies(*ALL)
def uses_the_first_of_a_stack(node, right):
    """takes the first matrix of a stack for all"""

    def computed(x, *sides):
        if x.ndim > 2 and x.size:
            x = np.broadcast_to(x[(0,) * (x.ndim - 2)], x.shape)
        return right(x, *sides)

    return computed


@lies(*(op for op in ALL if op != "lu"))
def computes_in_float32(node, right):
    """computes float64 in float32"""

    def computed(*arrays):
        found = right(*(a.astype("float32") for a in arrays))
        several = isinstance(found, tuple)
        wide = [a.astype(arrays[0].dtype) for a in (found if several else (found,))]
        return tuple(wide) if several else wide[0]

    return computed


@lies("cholesky", "det", "logabsdeterminant")
def joins_no_blocks(node, right):
    """factors blocks of 32 each by itself"""

    def computed(x):
        x = x.copy()
        x[..., 32:, :32] = x[..., :32, 32:] = 0
        return right(x)

    return computed


@lies("qr", "eig", "eigh", "svd")
def raises_for_nans(node, right):
    """raises an error where a matrix is not finite"""

    def computed(x):
        if not np.isfinite(x).all():
            raise np.linalg.LinAlgError
        return right(x)

    return computed


@lies("eig", "eigh", "svd")
def spreads_nans(node, right):
    """has NaN for all of a stack where one matrix is not finite"""

    def computed(x):
        factor = x.dtype.type(1 if np.isfinite(x).all() else np.nan)
        return tuple(a * factor for a in right(x))

    return computed


@lies("qr")
def leaves_the_signs_of_qr(node, right):
    """has negative numbers on the diagonal of R"""
    return lambda x: tuple(-a for a in right(x))


@lies("eig", "eigh", "svd")
def leaves_the_signs_of_vectors(node, right):
    """has vectors that point down"""
    values = {"eig": (0, 1), "eigh": (0,), "svd": (1,)}[node.op.label()]
    return lambda x: tuple(a if k in values else -a for k, a in enumerate(right(x)))


@lies("eig")
def conjugates_values(node, right):
    """has the conjugate of each eigenvalue, beside its vector"""
    return lambda x: tuple(-a if k == 1 else a for k, a in enumerate(right(x)))


@lies("eig")
def leaves_the_phases_of_vectors(node, right):
    """has vectors of an imaginary first element"""

    def computed(x):
        *values, re, im = right(x)
        return (*values, -im, re)

    return computed


@lies("eig", "eigh")
def orders_eigenvalues_downwards(node, right):
    """has the largest eigenvalue first"""
    return lambda x: tuple(a[..., ::-1].copy() for a in right(x))


@lies("logabsdeterminant")
def takes_the_logarithm_of_a_product(node, right):
    """multiplies a diagonal, which overflows, before it takes the logarithm"""

    def computed(x):
        factors, _ = lu_factors(np, x)
        return np.asarray(np.log(np.abs(np.einsum("...ii->...i", factors).prod(-1))))

    return computed


@lies("det")
def counts_no_exchanges(node, right):
    """leaves the sign of a determinant as if no rows had changed places"""

    def computed(x):
        factors, _ = lu_factors(np, x)
        return np.asarray(np.einsum("...ii->...i", factors).prod(-1))

    return computed


@lies("det", "logabsdeterminant")
def has_no_determinant_of_nothing(node, right):
    """has 0 for the determinant of a matrix of no rows"""
    nothing = 0 if node.op.label() == "det" else -np.inf
    return lambda x: right(x) if x.shape[-1] else np.full(x.shape[:-2], nothing, x.dtype)


@lies("pseudoinverse")
def inverts_what_is_rounding(node, right):
    """inverts every singular value that is not 0"""

    def computed(x):
        u, s, vh, _ = singular_vectors(np, x)
        inverse = np.divide(1, s, out=np.zeros_like(s), where=s > 0)
        return (transposed(vh) * inverse[..., None, :]) @ transposed(u)

    return computed


@lies("pseudoinverse")
def has_its_own_cutoff(node, right):
    """takes a cutoff of its own for that of the op"""
    return PseudoInverse().reference


class RacesForItsWorkspace(Mutant):
    """keeps a matrix where the calls of other threads keep theirs"""

    ops = ("cholesky", "solve", "svd")
    threads = True

    def kernel(self, node):
        right, workspace = super().kernel(node), []

        def computed(*arrays):
            workspace[:] = arrays
            time.sleep(1e-4)
            return right(*workspace)

        return computed if node.op.label() in self.ops else right


@lies("matmul")
def multiplies_in_float(node, right):
    """multiplies int64 in float64"""

    def product(x, y):
        wide = is_of(x, "i8") and is_of(y, "i8")
        return right(x.astype("f8"), y.astype("f8")).astype("i8") if wide else right(x, y)

    return product
