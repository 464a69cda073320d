"""Theano's names for functions of ``T.linalg``: ``T.nlinalg``."""

from gradcore.errors import no_attribute
from gradcore.tensor.creation import diag as diag
from gradcore.tensor.linalg import det as det
from gradcore.tensor.linalg import eig as eig
from gradcore.tensor.linalg import eigh as eigh
from gradcore.tensor.linalg import inv
from gradcore.tensor.linalg import lstsq as lstsq
from gradcore.tensor.linalg import matrix_power as matrix_power
from gradcore.tensor.linalg import norm as norm
from gradcore.tensor.linalg import pinv as pinv
from gradcore.tensor.linalg import qr as qr
from gradcore.tensor.linalg import svd as svd
from gradcore.tensor.linalg import tensorinv as tensorinv
from gradcore.tensor.linalg import tensorsolve as tensorsolve
from gradcore.tensor.linalg import trace as trace

matrix_inverse = inv
alloc_diag = extract_diag = diag

__getattr__ = no_attribute(__name__, globals())
