"""The tensor language: ``import gradcore.tensor as T``.

Every elementwise row of `gradcore.ops.scalars` is a function here as soon as it is declared.  The
derivatives of `gradcore.gradient` are here too, as tutorials write them: ``T.grad(cost, x)``.
"""

# ruff: noqa: F403, F405 - the rows, which are found rather than listed

import sys

from gradcore.batching import vectorize as vectorize
from gradcore.batching import vectorize_graph as vectorize_graph
from gradcore.batching import vmap as vmap
from gradcore.dtypes import COMPLEX, FLOATS
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
from gradcore.gradient import jacfwd as jacfwd
from gradcore.gradient import jacobian as jacobian
from gradcore.gradient import jacrev as jacrev
from gradcore.gradient import jvp as jvp
from gradcore.gradient import minimize as minimize
from gradcore.gradient import numeric_grad as numeric_grad
from gradcore.gradient import root as root
from gradcore.gradient import sparse_hessian as sparse_hessian
from gradcore.gradient import sparse_jacobian as sparse_jacobian
from gradcore.gradient import subgraph_grad as subgraph_grad
from gradcore.gradient import value_and_grad as value_and_grad
from gradcore.gradient import verify_grad as verify_grad
from gradcore.gradient import vjp as vjp
from gradcore.gradient import zero_grad as zero_grad
from gradcore.graph import Apply as Apply
from gradcore.graph import Constant as Constant
from gradcore.graph import Op as Op
from gradcore.graph import TensorType as TensorType
from gradcore.graph import Variable as Variable
from gradcore.language import define as _define
from gradcore.ops.complexes import complex as complex
from gradcore.ops.control import Print as Print
from gradcore.ops.scalars import *
from gradcore.ops.special import *
from gradcore.ops.special_bessel import *
from gradcore.ops.special_gamma import *
from gradcore.ops.special_normal import *
from gradcore.ops.special_other import *
from gradcore.tensor import extra_ops as extra_ops
from gradcore.tensor import fft as fft
from gradcore.tensor import linalg as linalg
from gradcore.tensor import nlinalg as nlinalg
from gradcore.tensor import nn as nn
from gradcore.tensor import nnet as nnet
from gradcore.tensor import numpy_protocols as numpy_protocols
from gradcore.tensor import random as random
from gradcore.tensor import shared_randomstreams as shared_randomstreams
from gradcore.tensor import slinalg as slinalg
from gradcore.tensor import sparse as sparse
from gradcore.tensor import special as special
from gradcore.tensor.array_api import array as array
from gradcore.tensor.array_api import asarray as asarray
from gradcore.tensor.array_api import astype as astype
from gradcore.tensor.array_api import broadcast_shapes as broadcast_shapes
from gradcore.tensor.array_api import can_cast as can_cast
from gradcore.tensor.array_api import e as e
from gradcore.tensor.array_api import empty as empty
from gradcore.tensor.array_api import empty_like as empty_like
from gradcore.tensor.array_api import finfo as finfo
from gradcore.tensor.array_api import iinfo as iinfo
from gradcore.tensor.array_api import inf as inf
from gradcore.tensor.array_api import isdtype as isdtype
from gradcore.tensor.array_api import nan as nan
from gradcore.tensor.array_api import ndim as ndim
from gradcore.tensor.array_api import newaxis as newaxis
from gradcore.tensor.array_api import pi as pi
from gradcore.tensor.array_api import result_type as result_type
from gradcore.tensor.axes import fliplr as fliplr
from gradcore.tensor.axes import flipud as flipud
from gradcore.tensor.axes import matrix_transpose as matrix_transpose
from gradcore.tensor.axes import permute_dims as permute_dims
from gradcore.tensor.axes import rollaxis as rollaxis
from gradcore.tensor.axes import rot90 as rot90
from gradcore.tensor.complexes import angle as angle
from gradcore.tensor.complexes import complex_from_polar as complex_from_polar
from gradcore.tensor.complexes import conj as conj
from gradcore.tensor.complexes import imag as imag
from gradcore.tensor.complexes import iscomplex as iscomplex
from gradcore.tensor.complexes import iscomplexobj as iscomplexobj
from gradcore.tensor.complexes import isreal as isreal
from gradcore.tensor.complexes import isrealobj as isrealobj
from gradcore.tensor.complexes import real as real
from gradcore.tensor.complexes import sign as sign
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
from gradcore.tensor.cumulative import cummax as cummax
from gradcore.tensor.cumulative import cummin as cummin
from gradcore.tensor.cumulative import cumprod as cumprod
from gradcore.tensor.cumulative import cumsum as cumsum
from gradcore.tensor.cumulative import cumulative_prod as cumulative_prod
from gradcore.tensor.cumulative import cumulative_sum as cumulative_sum
from gradcore.tensor.cumulative import diff as diff
from gradcore.tensor.editing import delete as delete
from gradcore.tensor.editing import diagflat as diagflat
from gradcore.tensor.editing import fill_diagonal as fill_diagonal
from gradcore.tensor.editing import fill_diagonal_offset as fill_diagonal_offset
from gradcore.tensor.editing import insert as insert
from gradcore.tensor.editing import resize as resize
from gradcore.tensor.elementwise import allclose as allclose
from gradcore.tensor.elementwise import cast as cast
from gradcore.tensor.elementwise import copy as copy
from gradcore.tensor.elementwise import inv as inv
from gradcore.tensor.elementwise import isclose as isclose
from gradcore.tensor.elementwise import relu as relu
from gradcore.tensor.elementwise import round as round
from gradcore.tensor.elementwise import where as where
from gradcore.tensor.grids import diag_indices as diag_indices
from gradcore.tensor.grids import diag_indices_from as diag_indices_from
from gradcore.tensor.grids import geomspace as geomspace
from gradcore.tensor.grids import indices as indices
from gradcore.tensor.grids import ix_ as ix_
from gradcore.tensor.grids import logspace as logspace
from gradcore.tensor.grids import meshgrid as meshgrid
from gradcore.tensor.grids import mgrid as mgrid
from gradcore.tensor.grids import ogrid as ogrid
from gradcore.tensor.grids import ravel_multi_index as ravel_multi_index
from gradcore.tensor.grids import tril_indices as tril_indices
from gradcore.tensor.grids import tril_indices_from as tril_indices_from
from gradcore.tensor.grids import triu_indices as triu_indices
from gradcore.tensor.grids import triu_indices_from as triu_indices_from
from gradcore.tensor.grids import unravel_index as unravel_index
from gradcore.tensor.histograms import bincount as bincount
from gradcore.tensor.histograms import histogram as histogram
from gradcore.tensor.histograms import histogram2d as histogram2d
from gradcore.tensor.histograms import histogram_bin_edges as histogram_bin_edges
from gradcore.tensor.histograms import histogramdd as histogramdd
from gradcore.tensor.indexing import argsort as argsort
from gradcore.tensor.indexing import flatnonzero as flatnonzero
from gradcore.tensor.indexing import inc_subtensor as inc_subtensor
from gradcore.tensor.indexing import nonzero as nonzero
from gradcore.tensor.indexing import nonzero_values as nonzero_values
from gradcore.tensor.indexing import set_subtensor as set_subtensor
from gradcore.tensor.indexing import sort as sort
from gradcore.tensor.indexing import take as take
from gradcore.tensor.indexing import take_along_axis as take_along_axis
from gradcore.tensor.interpolation import interp as interp
from gradcore.tensor.linalg import kron as kron
from gradcore.tensor.logic import array_equal as array_equal
from gradcore.tensor.logic import choose as choose
from gradcore.tensor.logic import copysign as copysign
from gradcore.tensor.logic import deg2rad as deg2rad
from gradcore.tensor.logic import divmod as divmod
from gradcore.tensor.logic import fabs as fabs
from gradcore.tensor.logic import fix as fix
from gradcore.tensor.logic import float_power as float_power
from gradcore.tensor.logic import fmax as fmax
from gradcore.tensor.logic import fmin as fmin
from gradcore.tensor.logic import fmod as fmod
from gradcore.tensor.logic import heaviside as heaviside
from gradcore.tensor.logic import isneginf as isneginf
from gradcore.tensor.logic import isposinf as isposinf
from gradcore.tensor.logic import logaddexp2 as logaddexp2
from gradcore.tensor.logic import logical_and as logical_and
from gradcore.tensor.logic import logical_not as logical_not
from gradcore.tensor.logic import logical_or as logical_or
from gradcore.tensor.logic import logical_xor as logical_xor
from gradcore.tensor.logic import modf as modf
from gradcore.tensor.logic import nan_to_num as nan_to_num
from gradcore.tensor.logic import piecewise as piecewise
from gradcore.tensor.logic import rad2deg as rad2deg
from gradcore.tensor.logic import rint as rint
from gradcore.tensor.logic import select as select
from gradcore.tensor.logic import signbit as signbit
from gradcore.tensor.nans import count_nonzero as count_nonzero
from gradcore.tensor.nans import nanargmax as nanargmax
from gradcore.tensor.nans import nanargmin as nanargmin
from gradcore.tensor.nans import nancumprod as nancumprod
from gradcore.tensor.nans import nancumsum as nancumsum
from gradcore.tensor.nans import nanmax as nanmax
from gradcore.tensor.nans import nanmean as nanmean
from gradcore.tensor.nans import nanmin as nanmin
from gradcore.tensor.nans import nanprod as nanprod
from gradcore.tensor.nans import nanstd as nanstd
from gradcore.tensor.nans import nansum as nansum
from gradcore.tensor.nans import nanvar as nanvar
from gradcore.tensor.padding import pad as pad
from gradcore.tensor.polynomials import polyadd as polyadd
from gradcore.tensor.polynomials import polyder as polyder
from gradcore.tensor.polynomials import polyfit as polyfit
from gradcore.tensor.polynomials import polyint as polyint
from gradcore.tensor.polynomials import polymul as polymul
from gradcore.tensor.polynomials import polysub as polysub
from gradcore.tensor.polynomials import polyval as polyval
from gradcore.tensor.polynomials import vander as vander
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
from gradcore.tensor.reductions import log_softmax as log_softmax
from gradcore.tensor.reductions import logmeanexp as logmeanexp
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
from gradcore.tensor.repeats import flip as flip
from gradcore.tensor.repeats import repeat as repeat
from gradcore.tensor.repeats import roll as roll
from gradcore.tensor.repeats import tile as tile
from gradcore.tensor.searching import argpartition as argpartition
from gradcore.tensor.searching import argwhere as argwhere
from gradcore.tensor.searching import compress as compress
from gradcore.tensor.searching import digitize as digitize
from gradcore.tensor.searching import extract as extract
from gradcore.tensor.searching import lexsort as lexsort
from gradcore.tensor.searching import partition as partition
from gradcore.tensor.searching import searchsorted as searchsorted
from gradcore.tensor.searching import top_k as top_k
from gradcore.tensor.segments import put_along_axis as put_along_axis
from gradcore.tensor.segments import scatter_add as scatter_add
from gradcore.tensor.segments import segment_max as segment_max
from gradcore.tensor.segments import segment_min as segment_min
from gradcore.tensor.segments import segment_prod as segment_prod
from gradcore.tensor.segments import segment_sum as segment_sum
from gradcore.tensor.sets import intersect1d as intersect1d
from gradcore.tensor.sets import isin as isin
from gradcore.tensor.sets import setdiff1d as setdiff1d
from gradcore.tensor.sets import setxor1d as setxor1d
from gradcore.tensor.sets import union1d as union1d
from gradcore.tensor.sets import unique as unique
from gradcore.tensor.sets import unique_all as unique_all
from gradcore.tensor.sets import unique_counts as unique_counts
from gradcore.tensor.sets import unique_inverse as unique_inverse
from gradcore.tensor.sets import unique_values as unique_values
from gradcore.tensor.shapes import alloc as alloc
from gradcore.tensor.shapes import atleast_nd as atleast_nd
from gradcore.tensor.shapes import broadcast_to as broadcast_to
from gradcore.tensor.shapes import concatenate as concatenate
from gradcore.tensor.shapes import dimshuffle as dimshuffle
from gradcore.tensor.shapes import expand_dims as expand_dims
from gradcore.tensor.shapes import flatten as flatten
from gradcore.tensor.shapes import horizontal_stack as horizontal_stack
from gradcore.tensor.shapes import join as join
from gradcore.tensor.shapes import moveaxis as moveaxis
from gradcore.tensor.shapes import ravel as ravel
from gradcore.tensor.shapes import reshape as reshape
from gradcore.tensor.shapes import shape as shape
from gradcore.tensor.shapes import shape_padaxis as shape_padaxis
from gradcore.tensor.shapes import shape_padleft as shape_padleft
from gradcore.tensor.shapes import shape_padright as shape_padright
from gradcore.tensor.shapes import size as size
from gradcore.tensor.shapes import specify_broadcastable as specify_broadcastable
from gradcore.tensor.shapes import specify_shape as specify_shape
from gradcore.tensor.shapes import split as split
from gradcore.tensor.shapes import squeeze as squeeze
from gradcore.tensor.shapes import stack as stack
from gradcore.tensor.shapes import stacklists as stacklists
from gradcore.tensor.shapes import swapaxes as swapaxes
from gradcore.tensor.shapes import transpose as transpose
from gradcore.tensor.shapes import vertical_stack as vertical_stack
from gradcore.tensor.signals import convolve as convolve
from gradcore.tensor.signals import correlate as correlate
from gradcore.tensor.signals import cross as cross
from gradcore.tensor.signals import ediff1d as ediff1d
from gradcore.tensor.signals import gradient as gradient
from gradcore.tensor.signals import matvec as matvec
from gradcore.tensor.signals import trapezoid as trapezoid
from gradcore.tensor.signals import unwrap as unwrap
from gradcore.tensor.signals import vdot as vdot
from gradcore.tensor.signals import vecdot as vecdot
from gradcore.tensor.signals import vecmat as vecmat
from gradcore.tensor.special import chi2sf as chi2sf
from gradcore.tensor.special import gammal as gammal
from gradcore.tensor.special import gammau as gammau
from gradcore.tensor.special import tri_gamma as tri_gamma
from gradcore.tensor.stacking import append as append
from gradcore.tensor.stacking import array_split as array_split
from gradcore.tensor.stacking import atleast_1d as atleast_1d
from gradcore.tensor.stacking import atleast_2d as atleast_2d
from gradcore.tensor.stacking import atleast_3d as atleast_3d
from gradcore.tensor.stacking import block as block
from gradcore.tensor.stacking import broadcast_arrays as broadcast_arrays
from gradcore.tensor.stacking import column_stack as column_stack
from gradcore.tensor.stacking import dsplit as dsplit
from gradcore.tensor.stacking import dstack as dstack
from gradcore.tensor.stacking import hsplit as hsplit
from gradcore.tensor.stacking import hstack as hstack
from gradcore.tensor.stacking import unstack as unstack
from gradcore.tensor.stacking import vsplit as vsplit
from gradcore.tensor.stacking import vstack as vstack
from gradcore.tensor.statistics import average as average
from gradcore.tensor.statistics import corrcoef as corrcoef
from gradcore.tensor.statistics import cov as cov
from gradcore.tensor.statistics import median as median
from gradcore.tensor.statistics import nanmedian as nanmedian
from gradcore.tensor.statistics import nanpercentile as nanpercentile
from gradcore.tensor.statistics import nanquantile as nanquantile
from gradcore.tensor.statistics import percentile as percentile
from gradcore.tensor.statistics import quantile as quantile
from gradcore.tensor.tapers import bartlett as bartlett
from gradcore.tensor.tapers import blackman as blackman
from gradcore.tensor.tapers import hamming as hamming
from gradcore.tensor.tapers import hanning as hanning
from gradcore.tensor.tapers import kaiser as kaiser

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
absolute = abs
around = round
amax, amin = max, min
acos, acosh, asin, asinh, atan, atan2, atanh = (
    arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh,
)  # fmt: skip
degrees, radians = rad2deg, deg2rad
bitwise_invert, bitwise_left_shift, bitwise_right_shift = invert, left_shift, right_shift
concat = concatenate
conjugate = conj
extract_diag = diagonal
promote_types = result_type
row_stack = vstack
cumulative_max, cumulative_min = cummax, cummin

# The array API's dtypes.
bool = "bool"
int8, int16, int32, int64 = "int8", "int16", "int32", "int64"
uint8, uint16, uint32, uint64 = "uint8", "uint16", "uint32", "uint64"
float16, float32, float64 = FLOATS
complex64, complex128 = COMPLEX

_define("namespace", lambda: sys.modules[__name__])

__getattr__ = no_attribute(__name__, globals())
