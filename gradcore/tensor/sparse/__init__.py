"""Sparse matrices: inputs, shared variables and constants of a graph, under Theano's names.

``T.sparse.csr_matrix("A")``, ``csc_matrix`` and ``coo_matrix`` are inputs, for which a function
takes a matrix of SciPy in that format; ``gradcore.shared(scipy_matrix)`` and
``T.sparse.as_sparse(scipy_matrix)`` hold one.  A sparse result of a function is a sparse array of
SciPy.  ``A @ x`` and other operators are those of `SparseVariable`; functions take matrices of
SciPy in its place.

Derivatives are *structured*, as Theano's are: the gradient of a cost in a sparse matrix is a sparse
matrix of the same pattern, of the derivatives by the elements that are stored.  They are of any
order, in both modes, on all backends.

>>> import gradcore, scipy.sparse
>>> import gradcore.tensor as T
>>> A, x = T.sparse.csr_matrix("A"), T.dvector("x")
>>> cost = ((A @ x) ** 2).sum()
>>> f = gradcore.function([A, x], [cost, T.grad(cost, A), T.grad(cost, x)])
>>> value, by_elements, by_vector = f(scipy.sparse.csr_array([[0.0, 2.0], [3.0, 0.0]]), [1.0, 5.0])
>>> value, by_elements.toarray().tolist(), by_vector.tolist()
(array(109.), [[0.0, 100.0], [6.0, 0.0]], [18.0, 40.0])
"""

from typing import Any

from gradcore.errors import no_attribute
from gradcore.tensor.sparse.making import COO as COO
from gradcore.tensor.sparse.making import CSC as CSC
from gradcore.tensor.sparse.making import CSR as CSR
from gradcore.tensor.sparse.making import SharedSparse as SharedSparse
from gradcore.tensor.sparse.making import constant as constant
from gradcore.tensor.sparse.making import coo_matrix as coo_matrix
from gradcore.tensor.sparse.making import csc_from_dense as csc_from_dense
from gradcore.tensor.sparse.making import csc_matrix as csc_matrix
from gradcore.tensor.sparse.making import csm_data as csm_data
from gradcore.tensor.sparse.making import csm_indices as csm_indices
from gradcore.tensor.sparse.making import csm_indptr as csm_indptr
from gradcore.tensor.sparse.making import csm_properties as csm_properties
from gradcore.tensor.sparse.making import csm_shape as csm_shape
from gradcore.tensor.sparse.making import csr_from_dense as csr_from_dense
from gradcore.tensor.sparse.making import csr_matrix as csr_matrix
from gradcore.tensor.sparse.making import dense_from_sparse as dense_from_sparse
from gradcore.tensor.sparse.making import from_parts as from_parts
from gradcore.tensor.sparse.making import matrix as matrix
from gradcore.tensor.sparse.making import shared as shared
from gradcore.tensor.sparse.making import square_diagonal as square_diagonal
from gradcore.tensor.sparse.matrix import SparseVariable as SparseVariable
from gradcore.tensor.sparse.matrix import as_sparse as as_sparse
from gradcore.tensor.sparse.matrix import is_sparse as is_sparse
from gradcore.tensor.sparse.patterns import canonical as canonical
from gradcore.tensor.sparse.patterns import hstack as hstack
from gradcore.tensor.sparse.patterns import sorted_indices as sorted_indices
from gradcore.tensor.sparse.patterns import vstack as vstack
from gradcore.tensor.sparse.patterns import without_zeros as without_zeros
from gradcore.tensor.sparse.products import add as add
from gradcore.tensor.sparse.products import col_scale as col_scale
from gradcore.tensor.sparse.products import diag as diag
from gradcore.tensor.sparse.products import divide as divide
from gradcore.tensor.sparse.products import dot as dot
from gradcore.tensor.sparse.products import mul as mul
from gradcore.tensor.sparse.products import power as power
from gradcore.tensor.sparse.products import row_scale as row_scale
from gradcore.tensor.sparse.products import sampled as sampled
from gradcore.tensor.sparse.products import sampling_dot as sampling_dot
from gradcore.tensor.sparse.products import sp_sum as sp_sum
from gradcore.tensor.sparse.products import spsolve as spsolve
from gradcore.tensor.sparse.products import sub as sub
from gradcore.tensor.sparse.structured import arcsin as arcsin
from gradcore.tensor.sparse.structured import arcsinh as arcsinh
from gradcore.tensor.sparse.structured import arctan as arctan
from gradcore.tensor.sparse.structured import arctanh as arctanh
from gradcore.tensor.sparse.structured import ceil as ceil
from gradcore.tensor.sparse.structured import deg2rad as deg2rad
from gradcore.tensor.sparse.structured import expm1 as expm1
from gradcore.tensor.sparse.structured import floor as floor
from gradcore.tensor.sparse.structured import log1p as log1p
from gradcore.tensor.sparse.structured import neg as neg
from gradcore.tensor.sparse.structured import rad2deg as rad2deg
from gradcore.tensor.sparse.structured import sgn as sgn
from gradcore.tensor.sparse.structured import sign as sign
from gradcore.tensor.sparse.structured import sin as sin
from gradcore.tensor.sparse.structured import sinh as sinh
from gradcore.tensor.sparse.structured import sqr as sqr
from gradcore.tensor.sparse.structured import sqrt as sqrt
from gradcore.tensor.sparse.structured import structured_abs as structured_abs
from gradcore.tensor.sparse.structured import structured_add as structured_add
from gradcore.tensor.sparse.structured import structured_exp as structured_exp
from gradcore.tensor.sparse.structured import structured_log as structured_log
from gradcore.tensor.sparse.structured import structured_maximum as structured_maximum
from gradcore.tensor.sparse.structured import structured_minimum as structured_minimum
from gradcore.tensor.sparse.structured import structured_pow as structured_pow
from gradcore.tensor.sparse.structured import structured_sigmoid as structured_sigmoid
from gradcore.tensor.sparse.structured import tan as tan
from gradcore.tensor.sparse.structured import tanh as tanh
from gradcore.tensor.sparse.structured import trunc as trunc

# Other names of the same things: Theano's and SciPy's.
as_sparse_variable = as_sparse_or_tensor_variable = as_sparse
csr_from_parts, csc_from_parts, coo_from_parts = CSR, CSC, COO
csr_array, csc_array, coo_array = csr_matrix, csc_matrix, coo_matrix
structured_dot = true_dot = matmul = dot
multiply = mul
sum = sp_sum
solve = spsolve
clean = canonical
ensure_sorted_indices = sorted_indices
remove0 = eliminate_zeros = without_zeros


def transpose(x: Any) -> SparseVariable:
    """Return the transposed matrix: of "csr" a "csc" with the same parts.

    >>> import gradcore.tensor as T
    >>> a = T.sparse.csr_from_dense([[1.0, 2.0], [3.0, 0.0]])
    >>> T.sparse.transpose(a).toarray().eval()
    array([[1., 3.],
           [2., 0.]])
    """
    return as_sparse(x).T


def cast(x: Any, dtype: str) -> SparseVariable:
    """Return a sparse matrix with elements of another dtype.

    >>> import gradcore.tensor as T
    >>> T.sparse.cast(T.sparse.csr_matrix("a"), "float32").dtype
    'float32'
    """
    return as_sparse(x).astype(dtype)


subtract = sub

__getattr__ = no_attribute(
    __name__,
    globals(),
    {
        "bsr_matrix": "blocks are not here; scipy's .tocsr() converts them",
        "block_diag": "join blocks by hstack and vstack",
        "usmm": "write alpha * T.sparse.dot(x, y) + z",
        "exp": "exp(0) is not 0: T.sparse.structured_exp has it of what is stored",
        "log": "log(0) is not 0: T.sparse.structured_log has it of what is stored",
        "cos": "cos(0) is not 0: A.with_data(T.cos(A.data)) has it of what is stored",
        "sparse_block_dot": "it is not here",
    },
)
