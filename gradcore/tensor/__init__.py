"""The tensor language: ``import gradcore.tensor as T``.

Every elementwise row of `gradcore.ops.scalars` is a function here as soon as it is declared.  The
derivatives of `gradcore.gradient` are here too, as tutorials write them: ``T.grad(cost, x)``.
"""

# ruff: noqa: F403, F405 - the rows, which are found rather than listed

from gradcore.batching import vectorize as vectorize
from gradcore.batching import vectorize_graph as vectorize_graph
from gradcore.errors import no_attribute
from gradcore.gradient import DisconnectedType as DisconnectedType
from gradcore.gradient import Lop as Lop
from gradcore.gradient import Rop as Rop
from gradcore.gradient import consider_constant as consider_constant
from gradcore.gradient import disconnected_grad as disconnected_grad
from gradcore.gradient import fixed_point as fixed_point
from gradcore.gradient import grad as grad
from gradcore.gradient import grad_clip as grad_clip
from gradcore.gradient import grad_not_implemented as grad_not_implemented
from gradcore.gradient import grad_scale as grad_scale
from gradcore.gradient import grad_undefined as grad_undefined
from gradcore.gradient import hessian as hessian
from gradcore.gradient import hessian_vector_product as hessian_vector_product
from gradcore.gradient import jacobian as jacobian
from gradcore.gradient import minimize as minimize
from gradcore.gradient import numeric_grad as numeric_grad
from gradcore.gradient import root as root
from gradcore.gradient import sparse_hessian as sparse_hessian
from gradcore.gradient import sparse_jacobian as sparse_jacobian
from gradcore.gradient import subgraph_grad as subgraph_grad
from gradcore.gradient import verify_grad as verify_grad
from gradcore.gradient import zero_grad as zero_grad
from gradcore.graph import Apply as Apply
from gradcore.graph import Constant as Constant
from gradcore.graph import Op as Op
from gradcore.graph import TensorType as TensorType
from gradcore.graph import Variable as Variable
from gradcore.ops.control import Print as Print
from gradcore.ops.scalars import *
from gradcore.tensor import linalg as linalg
from gradcore.tensor import nlinalg as nlinalg
from gradcore.tensor import nn as nn
from gradcore.tensor import nnet as nnet
from gradcore.tensor import random as random
from gradcore.tensor import shared_randomstreams as shared_randomstreams
from gradcore.tensor import slinalg as slinalg
from gradcore.tensor.constructors import *
from gradcore.tensor.constructors import as_tensor as as_tensor
from gradcore.tensor.constructors import as_tensor_variable as as_tensor_variable
from gradcore.tensor.constructors import constant as constant
from gradcore.tensor.constructors import tensor as tensor
from gradcore.tensor.control import assert_op as assert_op
from gradcore.tensor.control import assume as assume
from gradcore.tensor.control import ifelse as ifelse
from gradcore.tensor.creation import arange as arange
from gradcore.tensor.creation import diag as diag
from gradcore.tensor.creation import diagonal as diagonal
from gradcore.tensor.creation import eye as eye
from gradcore.tensor.creation import full as full
from gradcore.tensor.creation import full_like as full_like
from gradcore.tensor.creation import linspace as linspace
from gradcore.tensor.creation import ones as ones
from gradcore.tensor.creation import ones_like as ones_like
from gradcore.tensor.creation import trace as trace
from gradcore.tensor.creation import tri as tri
from gradcore.tensor.creation import tril as tril
from gradcore.tensor.creation import triu as triu
from gradcore.tensor.creation import zeros as zeros
from gradcore.tensor.creation import zeros_like as zeros_like
from gradcore.tensor.elementwise import allclose as allclose
from gradcore.tensor.elementwise import cast as cast
from gradcore.tensor.elementwise import copy as copy
from gradcore.tensor.elementwise import inv as inv
from gradcore.tensor.elementwise import isclose as isclose
from gradcore.tensor.elementwise import relu as relu
from gradcore.tensor.elementwise import round as round
from gradcore.tensor.elementwise import where as where
from gradcore.tensor.indexing import argsort as argsort
from gradcore.tensor.indexing import flatnonzero as flatnonzero
from gradcore.tensor.indexing import inc_subtensor as inc_subtensor
from gradcore.tensor.indexing import nonzero as nonzero
from gradcore.tensor.indexing import nonzero_values as nonzero_values
from gradcore.tensor.indexing import set_subtensor as set_subtensor
from gradcore.tensor.indexing import sort as sort
from gradcore.tensor.indexing import take as take
from gradcore.tensor.indexing import take_along_axis as take_along_axis
from gradcore.tensor.products import batched_dot as batched_dot
from gradcore.tensor.products import batched_tensordot as batched_tensordot
from gradcore.tensor.products import dot as dot
from gradcore.tensor.products import einsum as einsum
from gradcore.tensor.products import inner as inner
from gradcore.tensor.products import matmul as matmul
from gradcore.tensor.products import outer as outer
from gradcore.tensor.products import tensordot as tensordot
from gradcore.tensor.reductions import all as all
from gradcore.tensor.reductions import any as any
from gradcore.tensor.reductions import argmax as argmax
from gradcore.tensor.reductions import argmin as argmin
from gradcore.tensor.reductions import cumprod as cumprod
from gradcore.tensor.reductions import cumsum as cumsum
from gradcore.tensor.reductions import diff as diff
from gradcore.tensor.reductions import log_softmax as log_softmax
from gradcore.tensor.reductions import logsumexp as logsumexp
from gradcore.tensor.reductions import max as max
from gradcore.tensor.reductions import max_and_argmax as max_and_argmax
from gradcore.tensor.reductions import mean as mean
from gradcore.tensor.reductions import min as min
from gradcore.tensor.reductions import norm as norm
from gradcore.tensor.reductions import prod as prod
from gradcore.tensor.reductions import ptp as ptp
from gradcore.tensor.reductions import softmax as softmax
from gradcore.tensor.reductions import std as std
from gradcore.tensor.reductions import sum as sum
from gradcore.tensor.reductions import var as var
from gradcore.tensor.shapes import alloc as alloc
from gradcore.tensor.shapes import atleast_nd as atleast_nd
from gradcore.tensor.shapes import broadcast_to as broadcast_to
from gradcore.tensor.shapes import concatenate as concatenate
from gradcore.tensor.shapes import dimshuffle as dimshuffle
from gradcore.tensor.shapes import expand_dims as expand_dims
from gradcore.tensor.shapes import flatten as flatten
from gradcore.tensor.shapes import flip as flip
from gradcore.tensor.shapes import horizontal_stack as horizontal_stack
from gradcore.tensor.shapes import join as join
from gradcore.tensor.shapes import moveaxis as moveaxis
from gradcore.tensor.shapes import ravel as ravel
from gradcore.tensor.shapes import repeat as repeat
from gradcore.tensor.shapes import reshape as reshape
from gradcore.tensor.shapes import roll as roll
from gradcore.tensor.shapes import shape as shape
from gradcore.tensor.shapes import shape_padaxis as shape_padaxis
from gradcore.tensor.shapes import shape_padleft as shape_padleft
from gradcore.tensor.shapes import shape_padright as shape_padright
from gradcore.tensor.shapes import size as size
from gradcore.tensor.shapes import specify_shape as specify_shape
from gradcore.tensor.shapes import split as split
from gradcore.tensor.shapes import squeeze as squeeze
from gradcore.tensor.shapes import stack as stack
from gradcore.tensor.shapes import stacklists as stacklists
from gradcore.tensor.shapes import swapaxes as swapaxes
from gradcore.tensor.shapes import tile as tile
from gradcore.tensor.shapes import transpose as transpose
from gradcore.tensor.shapes import vertical_stack as vertical_stack

TensorVariable = Variable
TensorConstant = Constant

# Other names of the same things: Theano's and NumPy's.
abs_ = abs
sgn = sign
square = sqr
second = fill
psi = digamma
expit = sigmoid
subtract = sub
multiply = mul
divide = true_divide = true_div
floor_div = floor_divide = int_div
remainder = mod
power = pow
negative = neg
positive = copy
equal, not_equal = eq, neq
less, less_equal, greater, greater_equal = lt, le, gt, ge
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = and_, or_, xor, invert
logical_not = invert

__getattr__ = no_attribute(__name__, globals())
