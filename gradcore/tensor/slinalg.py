"""Theano's names for functions of ``T.linalg`` that SciPy has: ``T.slinalg``."""

from functools import partial

from gradcore.errors import no_attribute
from gradcore.tensor.linalg import cholesky as cholesky
from gradcore.tensor.linalg import eigvalsh as eigvalsh
from gradcore.tensor.linalg import expm as expm
from gradcore.tensor.linalg import kron as kron
from gradcore.tensor.linalg import solve as solve
from gradcore.tensor.linalg import solve_triangular
from gradcore.tensor.linalg import sqrtm as sqrtm

solve_lower_triangular = partial(solve_triangular, lower=True)
solve_upper_triangular = partial(solve_triangular, lower=False)
solve_symmetric = partial(solve, assume_a="sym")

__getattr__ = no_attribute(__name__, globals())
