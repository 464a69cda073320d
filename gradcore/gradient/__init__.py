"""Derivatives as macros: they take variables and return variables.

``grad``, ``Lop`` and ``Rop`` put a user's arguments in order, call the sweeps of
`gradcore.derive`, and say in words what cannot be.  ``jacobian`` and ``hessian`` are loops over
them.  All can be applied to their own results.  ``root``, ``minimize`` and ``fixed_point`` solve
equations in a graph, with the derivatives of their solutions.  ``value_and_grad``, ``jvp``,
``vjp``, ``jacfwd`` and ``jacrev`` are JAX's names for the same macros, of functions too.
"""

from gradcore.gradient.custom import checkpoint as checkpoint
from gradcore.gradient.custom import custom_gradient as custom_gradient
from gradcore.gradient.from_graphs import OpFromGraph as OpFromGraph
from gradcore.gradient.functional import jacfwd as jacfwd
from gradcore.gradient.functional import jacrev as jacrev
from gradcore.gradient.functional import jvp as jvp
from gradcore.gradient.functional import value_and_grad as value_and_grad
from gradcore.gradient.functional import vjp as vjp
from gradcore.gradient.implicit import fixed_point as fixed_point
from gradcore.gradient.implicit import minimize as minimize
from gradcore.gradient.implicit import root as root
from gradcore.gradient.marks import DisconnectedType as DisconnectedType
from gradcore.gradient.marks import consider_constant as consider_constant
from gradcore.gradient.marks import disconnected_grad as disconnected_grad
from gradcore.gradient.marks import grad_clip as grad_clip
from gradcore.gradient.marks import grad_not_implemented as grad_not_implemented
from gradcore.gradient.marks import grad_scale as grad_scale
from gradcore.gradient.marks import grad_undefined as grad_undefined
from gradcore.gradient.marks import zero_grad as zero_grad
from gradcore.gradient.matrices import hessian as hessian
from gradcore.gradient.matrices import hessian_vector_product as hessian_vector_product
from gradcore.gradient.matrices import jacobian as jacobian
from gradcore.gradient.modes import Lop as Lop
from gradcore.gradient.modes import Rop as Rop
from gradcore.gradient.modes import grad as grad
from gradcore.gradient.modes import subgraph_grad as subgraph_grad
from gradcore.gradient.sparse import SparseMatrix as SparseMatrix
from gradcore.gradient.sparse import sparse_hessian as sparse_hessian
from gradcore.gradient.sparse import sparse_jacobian as sparse_jacobian
from gradcore.gradient.verify import numeric_grad as numeric_grad
from gradcore.gradient.verify import verify_grad as verify_grad
