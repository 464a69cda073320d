"""gradcore: a symbolic tensor compiler for people who need derivatives.

Mathematics is written once, on variables (`gradcore.tensor`); any derivative of it is more
mathematics (`grad`, `jacobian`, `hessian`, `Rop`, `Lop`), through loops too (`scan`); `function`
compiles it for a backend.

>>> import gradcore
>>> import gradcore.tensor as T
>>> x = T.dscalar("x")
>>> f = gradcore.function([x], gradcore.grad(x ** 2, x))
>>> f(4)
array(8.)
"""

from importlib.metadata import version as _version

# The tensor language comes first: derivatives are written in it, and it offers them as its own.
from gradcore import tensor as tensor

# isort: split
from gradcore import gradient as gradient
from gradcore import printing as printing
from gradcore.batching import vectorize_graph as vectorize_graph
from gradcore.batching import vmap as vmap
from gradcore.compile import Function as Function
from gradcore.compile import In as In
from gradcore.compile import MonitorMode as MonitorMode
from gradcore.compile import Out as Out
from gradcore.compile import as_jax as as_jax
from gradcore.compile import as_torch as as_torch
from gradcore.compile import clone_replace as clone_replace
from gradcore.compile import from_jax as from_jax
from gradcore.compile import from_torch as from_torch
from gradcore.compile import function as function
from gradcore.compile import rebuild_collect_shared as rebuild_collect_shared
from gradcore.config import config as config
from gradcore.exporting import export as export
from gradcore.gradient import DisconnectedType as DisconnectedType
from gradcore.gradient import Lop as Lop
from gradcore.gradient import OpFromGraph as OpFromGraph
from gradcore.gradient import Rop as Rop
from gradcore.gradient import SparseMatrix as SparseMatrix
from gradcore.gradient import checkpoint as checkpoint
from gradcore.gradient import consider_constant as consider_constant
from gradcore.gradient import custom_gradient as custom_gradient
from gradcore.gradient import disconnected_grad as disconnected_grad
from gradcore.gradient import grad as grad
from gradcore.gradient import grad_clip as grad_clip
from gradcore.gradient import grad_not_implemented as grad_not_implemented
from gradcore.gradient import grad_scale as grad_scale
from gradcore.gradient import grad_undefined as grad_undefined
from gradcore.gradient import hessian as hessian
from gradcore.gradient import hessian_vector_product as hessian_vector_product
from gradcore.gradient import jacfwd as jacfwd
from gradcore.gradient import jacobian as jacobian
from gradcore.gradient import jacrev as jacrev
from gradcore.gradient import jvp as jvp
from gradcore.gradient import numeric_grad as numeric_grad
from gradcore.gradient import sparse_hessian as sparse_hessian
from gradcore.gradient import sparse_jacobian as sparse_jacobian
from gradcore.gradient import subgraph_grad as subgraph_grad
from gradcore.gradient import value_and_grad as value_and_grad
from gradcore.gradient import verify_grad as verify_grad
from gradcore.gradient import vjp as vjp
from gradcore.gradient import zero_grad as zero_grad
from gradcore.graph import Apply as Apply
from gradcore.graph import Constant as Constant
from gradcore.graph import FunctionGraph as FunctionGraph
from gradcore.graph import Op as Op
from gradcore.graph import TensorType as TensorType
from gradcore.graph import Variable as Variable
from gradcore.graph import ancestors as ancestors
from gradcore.graph import clone as clone
from gradcore.graph import get_test_value as get_test_value
from gradcore.graph import graph_inputs as graph_inputs
from gradcore.graph import graph_replace as graph_replace
from gradcore.graph import toposort as toposort
from gradcore.inventory import BackendInfo as BackendInfo
from gradcore.inventory import backends as backends
from gradcore.mode import Mode as Mode
from gradcore.printing import debugprint as debugprint
from gradcore.printing import pp as pp
from gradcore.python_functions import Breakpoint as Breakpoint
from gradcore.python_functions import PdbBreakpoint as PdbBreakpoint
from gradcore.python_functions import as_op as as_op
from gradcore.python_functions import wrap_py as wrap_py
from gradcore.scan import associative_scan as associative_scan
from gradcore.scan import cond as cond
from gradcore.scan import foldl as foldl
from gradcore.scan import foldr as foldr
from gradcore.scan import fori_loop as fori_loop
from gradcore.scan import map as map
from gradcore.scan import reduce as reduce
from gradcore.scan import scan as scan
from gradcore.scan import until as until
from gradcore.scan import while_loop as while_loop
from gradcore.serialization import load as load
from gradcore.serialization import save as save
from gradcore.shared import SharedVariable as SharedVariable
from gradcore.shared import shared as shared
from gradcore.tensor.control import ifelse as ifelse
from gradcore.viewing import view as view

Param = In
__version__ = _version("gradcore")
