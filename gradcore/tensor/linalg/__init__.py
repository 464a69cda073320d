"""Linear algebra beyond products, under NumPy's and SciPy's names: ``T.linalg``.

All functions take matrices, or stacks of them with any axes in front; floats are computed in
float32 or float64, complex numbers in complex64 or complex128, integers in ``config.floatX``.  All
have derivatives of any order, in both modes.

What does not exist (the inverse of a singular matrix, the factor of one that is not positive
definite, singular vectors of one that is not finite) is `LinAlgError`, which NumPy's catches, with
the line that built it; shared variables are what they were.  ``on_error="nan"`` has NaN in its
place, for one matrix of a stack by itself.  JAX, and torch on a device, have NaN in any case: they
cannot raise without waiting for the device.  What nothing reads is not computed, and raises
nothing.

Of complex matrices, transposes are those of conjugates where mathematics has it so, as in
``cholesky``, ``eigh`` and ``svd``; phases of vectors are settled (`gradcore.ops.spectra`).  ``eig``
and ``eigvals`` return complex numbers, always.
"""

from gradcore.errors import LinAlgError as LinAlgError
from gradcore.errors import no_attribute
from gradcore.tensor.creation import diagonal as diagonal
from gradcore.tensor.linalg.banded import cho_solve_banded as cho_solve_banded
from gradcore.tensor.linalg.banded import cholesky_banded as cholesky_banded
from gradcore.tensor.linalg.banded import solve_banded as solve_banded
from gradcore.tensor.linalg.banded import solveh_banded as solveh_banded
from gradcore.tensor.linalg.decompositions import cho_factor as cho_factor
from gradcore.tensor.linalg.decompositions import cholesky as cholesky
from gradcore.tensor.linalg.decompositions import eig as eig
from gradcore.tensor.linalg.decompositions import eigh as eigh
from gradcore.tensor.linalg.decompositions import eigvals as eigvals
from gradcore.tensor.linalg.decompositions import eigvalsh as eigvalsh
from gradcore.tensor.linalg.decompositions import ldl as ldl
from gradcore.tensor.linalg.decompositions import lu as lu
from gradcore.tensor.linalg.decompositions import lu_factor as lu_factor
from gradcore.tensor.linalg.decompositions import qr as qr
from gradcore.tensor.linalg.decompositions import rsf2csf as rsf2csf
from gradcore.tensor.linalg.decompositions import schur as schur
from gradcore.tensor.linalg.decompositions import svd as svd
from gradcore.tensor.linalg.decompositions import svdvals as svdvals
from gradcore.tensor.linalg.equations import cho_solve as cho_solve
from gradcore.tensor.linalg.equations import lstsq as lstsq
from gradcore.tensor.linalg.equations import lu_solve as lu_solve
from gradcore.tensor.linalg.equations import solve as solve
from gradcore.tensor.linalg.equations import (
    solve_continuous_lyapunov as solve_continuous_lyapunov,
)
from gradcore.tensor.linalg.equations import solve_discrete_lyapunov as solve_discrete_lyapunov
from gradcore.tensor.linalg.equations import solve_lyapunov as solve_lyapunov
from gradcore.tensor.linalg.equations import solve_sylvester as solve_sylvester
from gradcore.tensor.linalg.equations import solve_triangular as solve_triangular
from gradcore.tensor.linalg.equations import tensorsolve as tensorsolve
from gradcore.tensor.linalg.functions import det as det
from gradcore.tensor.linalg.functions import expm as expm
from gradcore.tensor.linalg.functions import inv as inv
from gradcore.tensor.linalg.functions import logm as logm
from gradcore.tensor.linalg.functions import matrix_power as matrix_power
from gradcore.tensor.linalg.functions import norm as norm
from gradcore.tensor.linalg.functions import pinv as pinv
from gradcore.tensor.linalg.functions import slogdet as slogdet
from gradcore.tensor.linalg.functions import sqrtm as sqrtm
from gradcore.tensor.linalg.functions import tensorinv as tensorinv
from gradcore.tensor.linalg.functions import trace as trace
from gradcore.tensor.linalg.of_matrices import cond as cond
from gradcore.tensor.linalg.of_matrices import coshm as coshm
from gradcore.tensor.linalg.of_matrices import cosm as cosm
from gradcore.tensor.linalg.of_matrices import fractional_matrix_power as fractional_matrix_power
from gradcore.tensor.linalg.of_matrices import matrix_norm as matrix_norm
from gradcore.tensor.linalg.of_matrices import matrix_rank as matrix_rank
from gradcore.tensor.linalg.of_matrices import null_space as null_space
from gradcore.tensor.linalg.of_matrices import orth as orth
from gradcore.tensor.linalg.of_matrices import orthogonal_procrustes as orthogonal_procrustes
from gradcore.tensor.linalg.of_matrices import pinvh as pinvh
from gradcore.tensor.linalg.of_matrices import polar as polar
from gradcore.tensor.linalg.of_matrices import signm as signm
from gradcore.tensor.linalg.of_matrices import sinhm as sinhm
from gradcore.tensor.linalg.of_matrices import sinm as sinm
from gradcore.tensor.linalg.of_matrices import subspace_angles as subspace_angles
from gradcore.tensor.linalg.of_matrices import tanhm as tanhm
from gradcore.tensor.linalg.of_matrices import tanm as tanm
from gradcore.tensor.linalg.of_matrices import vector_norm as vector_norm
from gradcore.tensor.linalg.riccati import solve_continuous_are as solve_continuous_are
from gradcore.tensor.linalg.riccati import solve_discrete_are as solve_discrete_are
from gradcore.tensor.linalg.special_matrices import circulant as circulant
from gradcore.tensor.linalg.special_matrices import companion as companion
from gradcore.tensor.linalg.special_matrices import convolution_matrix as convolution_matrix
from gradcore.tensor.linalg.special_matrices import dft as dft
from gradcore.tensor.linalg.special_matrices import fiedler as fiedler
from gradcore.tensor.linalg.special_matrices import hadamard as hadamard
from gradcore.tensor.linalg.special_matrices import hankel as hankel
from gradcore.tensor.linalg.special_matrices import helmert as helmert
from gradcore.tensor.linalg.special_matrices import hilbert as hilbert
from gradcore.tensor.linalg.special_matrices import invhilbert as invhilbert
from gradcore.tensor.linalg.special_matrices import invpascal as invpascal
from gradcore.tensor.linalg.special_matrices import leslie as leslie
from gradcore.tensor.linalg.special_matrices import pascal as pascal
from gradcore.tensor.linalg.special_matrices import toeplitz as toeplitz
from gradcore.tensor.linalg.structured import block_diag as block_diag
from gradcore.tensor.linalg.structured import khatri_rao as khatri_rao
from gradcore.tensor.linalg.structured import kron as kron
from gradcore.tensor.linalg.structured import multi_dot as multi_dot
from gradcore.tensor.products import matmul as matmul
from gradcore.tensor.products import outer as outer
from gradcore.tensor.products import tensordot as tensordot

_BANDS = "take eigh, or eigvalsh, of the whole matrix"
_PENCIL = "take eig(solve(b, a)), where b is not singular"

__getattr__ = no_attribute(
    __name__,
    globals(),
    {
        "eig_banded": _BANDS,
        "eigvals_banded": _BANDS,
        "eigh_tridiagonal": _BANDS,
        "eigvalsh_tridiagonal": _BANDS,
        "qz": _PENCIL,
        "ordqz": _PENCIL,
        "hessenberg": "take schur, which goes on to triangles",
        "rq": "take qr, of the rows in reverse order",
        "funm": "take eig, or expm, logm, sqrtm, cosm and their kin",
        "expm_frechet": "take Rop(expm(a), a, e)",
        "solve_toeplitz": "take solve(toeplitz(c, r), b)",
    },
)
