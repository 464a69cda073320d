"""The tables: what each module of Theano's has, and what it is here.

A row of `THEANO` names the module, where names are looked up, and the names: ``pp`` is found under
that name, ``Param=In`` under another; ``*`` stands for all that the first sources have.  Names that
Theano has and that are not here stand in `gradcore.theano.absent`, with the reason.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradcore
from gradcore import compile as compilation
from gradcore import errors, gradient, graph, pictures, printing, tensor
from gradcore.compile import containers
from gradcore.dtypes import COMPLEX, DISCRETE, FLOATS, SIGNED, UNSIGNED
from gradcore.graph import nodes
from gradcore.ops import control, create, index, reduce, shape
from gradcore.ops import elementwise as elementwise_ops
from gradcore.scan import until
from gradcore.shared import SharedVariable
from gradcore.tensor import nlinalg, nn, nnet, slinalg, sparse
from gradcore.theano import (
    convolutions,
    functions,
    graphs,
    nets,
    prints,
    states,
    streams,
    tensors,
    testing,
    values,
)
from gradcore.theano.flags import CONFIG


@dataclass(frozen=True)
class Table:
    """What a module has.

    sources : where its names are looked up, the first that has one.
    names : the names, each possibly ``name=place``, a path into the sources.
    every : sources of which all public names are here, but for modules and text.
    """

    sources: tuple[Any, ...]
    names: str = ""
    every: tuple[Any, ...] = ()


def _members(source: Any) -> Mapping[str, Any]:
    members: Mapping[str, Any] = getattr(source, "__dict__", source)
    return members


def _public(source: Any) -> Iterator[tuple[str, Any]]:
    for name, value in _members(source).items():
        if not name.startswith("_") and not isinstance(value, types.ModuleType | str):
            yield name, value


def place(sources: tuple[Any, ...], path: str) -> Any:
    """Return what stands at a path in the first of the sources that has its beginning.

    Raises KeyError: none has it.
    """
    first, *rest = path.split(".")
    for source in sources:
        members = _members(source)
        if first in members:
            value = members[first]
            for part in rest:
                value = getattr(value, part)
            return value
    raise KeyError(f"{path} is in none of {sources}")


def found(table: Table) -> dict[str, Any]:
    """Return what a module has, by name."""
    members: dict[str, Any] = {}
    for source in reversed(table.every):
        members.update(_public(source))
    for entry in table.names.split():
        name, _, path = entry.partition("=")
        members[name] = place(table.sources, path or name)
    return members


# what is the same in several modules -------------------------------------------------------------
TYPES: dict[str, Any] = {
    "TensorType": tensors.TensorKind,
    "TensorVariable": tensors.TensorVariableKind,
    "TensorConstant": graph.Constant,
    "TensorSharedVariable": SharedVariable,
    "ScalarSharedVariable": SharedVariable,
}
OF_TENSORS = """
    addbroadcast unbroadcast patternbroadcast iround mean prod var std flatten sort argsort topk
    argtopk topk_and_argtopk inverse_permutation identity_like largest smallest default
    as_tensor_variable stack
"""
SCALARS = """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64
    complex128
"""
QUIRKS: dict[str, Any] = {
    **tensors.small_floats(),
    **tensors.CONSTRUCTORS,
    **TYPES,
    "tensor": tensors.new_tensor,
    "get_scalar_constant_value": tensors.scalar_constant,
    "get_vector_length": tensors.vector_length,
    "NotScalarConstantError": tensors.NotScalarConstantError,
    "EmptyConstantError": tensors.EmptyConstantError,
    "ShapeError": errors.ShapeError,
    "Rop": tensors.rop,
    "verify_grad": testing.verify_grad,
    "round": tensors.rounded,
    "inv": tensor.reciprocal,
    "float_dtypes": list(FLOATS),
    "integer_dtypes": [*SIGNED, *UNSIGNED],
    "discrete_dtypes": list(DISCRETE),
    "complex_dtypes": list(COMPLEX),
    "continuous_dtypes": [*FLOATS, *COMPLEX],
    "all_dtypes": [*DISCRETE, *FLOATS, *COMPLEX],
    **{name: getattr(tensors, name) for name in OF_TENSORS.split()},
    "as_tensor": tensors.as_tensor_variable,
    "tensor_copy": tensor.copy,
    "identity": tensor.copy,
    "Elemwise": elementwise_ops.Elementwise,
    "DimShuffle": shape.DimShuffle,
    "Reshape": shape.Reshape,
    "Join": shape.Join,
    "Subtensor": index.Subtensor,
    "IncSubtensor": index.IncSubtensor,
    "Alloc": shape.Alloc,
    "CAReduce": reduce.Reduce,
    "ARange": create.Arange,
}
"""What the tensor language has otherwise than here."""

MATHEMATICS = (QUIRKS, tensor, gradcore)
"""Where the names of the tensor language are looked up."""

SCALAR_TYPES: dict[str, Any] = {name: graph.TensorType(name, ()) for name in SCALARS.split()}

CUDA: dict[str, Any] = {
    "cuda_available": False, "cuda_enabled": False, "pygpu_activated": False,
    "cuda_ndarray": None, "cuda_initialization_error_message": "gradcore stands in for Theano",
    "dnn_available": graphs.no_gpu, "use": graphs.no_gpu,
    "cnmem": None,
}  # fmt: skip
"""What programs ask about a GPU before they use one."""

VERSION: dict[str, Any] = {
    "version": "1.0.5", "full_version": "1.0.5", "short_version": "1.0.5",
    "git_revision": "gradcore", "release": True, "__version__": "1.0.5",
}  # fmt: skip
"""The version of Theano whose names these are."""

PYTHON: dict[str, Any] = {
    "PY3": True, "OrderedDict": dict, "izip": zip, "imap": map, "ifilter": filter,
    "cmp": graphs.cmp, "DictMixin": dict, "partial": functools.partial, "any": any,
    "all": all,
}  # fmt: skip
"""What Theano had for Python 2."""

FLAGS: dict[str, Any] = {
    "config": CONFIG, "change_flags": CONFIG.change_flags, "theano_logger": functions.LOG,
}  # fmt: skip

MODES: dict[str, Any] = {
    "Mode": functions.TheanoMode, "get_mode": functions.get_theano_mode,
    "get_default_mode": functions.get_default_mode, "register_mode": functions.register_mode,
    "predefined_modes": functions.PREDEFINED, "FAST_RUN": functions.PREDEFINED["FAST_RUN"],
    "FAST_COMPILE": functions.PREDEFINED["FAST_COMPILE"], "DebugMode": functions.debug_mode,
    "ProfileMode": functions.profile_mode, "NanGuardMode": functions.nan_guard_mode,
    "MonitorMode": functions.TheanoMonitorMode, "detect_nan": compilation.detect_nan,
}  # fmt: skip

FUNCTIONS: dict[str, Any] = {
    "function": functions.function, "In": functions.In, "Param": functions.param,
    "SymbolicInput": functions.In, "Function": compilation.Function,
    "FunctionMaker": compilation.FunctionMaker, "SymbolicOutput": compilation.Out,
    "OrderedUpdates": functions.OrderedUpdates, "scan": functions.scan, "map": functions.map_of,
    "shared": values.shared, "clone": values.clone, "function_dump": functions.function_dump,
    "scan_checkpoints": functions.scan_checkpoints, "Container": containers.Container,
    "reduce": functions.reduce, "foldl": functions.foldl, "foldr": functions.foldr,
    "sparse_grad": graphs.as_it_is, "object2": object, "_asarray": np.asarray,
    "until": until, "UnusedInputError": errors.UnusedInputError, **MODES, **FLAGS,
}  # fmt: skip

STREAMS: dict[str, Any] = {
    "RandomStreams": streams.TheanoStreams, "MRG_RandomStreams": streams.TheanoStreams,
    "RandomStreamsBase": streams.TheanoStreams,
    "RandomStateSharedVariable": states.RandomStateSharedVariable,
}  # fmt: skip

GRAPHS: dict[str, Any] = {
    "inputs": graphs.inputs,
    "clone": graphs.clone,
    "ancestors": graphs.ancestors,
    "io_toposort": graphs.io_toposort,
    "variables": graphs.variables,
    "clone_get_equiv": graphs.clone_get_equiv,
    "orphans": graphs.orphans,
    "list_of_nodes": graphs.io_toposort,
    "MissingInputError": errors.MissingInputError,
    "MethodNotDefined": NotImplementedError,
}  # fmt: skip

OPS_OF_NETS = """
    sigmoid softplus relu elu selu binary_crossentropy categorical_crossentropy
    sigmoid_binary_crossentropy ultra_fast_sigmoid=sigmoid hard_sigmoid softsign conv2d conv3d
    softmax logsoftmax softmax_with_bias crossentropy_softmax_1hot h_softmax conv2d_transpose
    crossentropy_softmax_1hot_with_bias crossentropy_softmax_argmax_1hot_with_bias
    crossentropy_softmax_max_and_argmax_1hot prepend_scalar_to_each_row confusion_matrix
    crossentropy_categorical_1hot softmax_op=softmax logsoftmax_op=logsoftmax
"""
SPARSE: dict[str, Any] = {
    "sparse_formats": ["csc", "csr"], "all_dtypes": set(SCALAR_TYPES), "enable_sparse": True,
    "float_dtypes": {"float32", "float64"}, "SparseVariable": sparse.SparseVariable,
}  # fmt: skip
"""What programs ask of sparse matrices."""

NETS = (nets, QUIRKS, nnet, nn, tensor)

THEANO: dict[str, Table] = {
    "theano": Table(
        (FUNCTIONS, VERSION, tensors, gradcore, tensor, graph, printing),
        """
        function In Out Param Mode predefined_modes ProfileMode shared SharedVariable scan map
        reduce foldl foldr OrderedUpdates config change_flags theano_logger Apply Op Variable
        Constant FunctionGraph clone grad Rop=rop Lop subgraph_grad dot pp
        get_scalar_constant_value=scalar_constant __version__ as_op OpFromGraph Container
        rebuild_collect_shared scan_checkpoints function_dump pprint SymbolicInput SymbolicOutput
        FunctionMaker sparse_grad object2 _asarray
        """,
    ),
    "theano.version": Table((VERSION,), "version full_version short_version git_revision release"),
    "theano.configdefaults": Table((FLAGS,), "config"),
    "theano.configparser": Table((FLAGS,), "config change_flags"),
    "theano.gradient": Table(
        (QUIRKS, gradient, errors, graphs),
        """
        grad Rop Lop jacobian hessian subgraph_grad verify_grad numeric_grad disconnected_grad
        zero_grad consider_constant grad_clip grad_scale grad_undefined grad_not_implemented
        DisconnectedType DisconnectedInputError hessian_vector_product format_as
        NullTypeGradError=NotDifferentiableError GradientError=GradientMismatchError
        """,
    ),
    "theano.ifelse": Table((tensor,), "ifelse"),
    "theano.printing": Table(
        (prints.PRINTING, pictures, printing),
        """
        pp pprint debugprint Print min_informative_str pydotprint pydotprint_variables=pydotprint
        var_descriptor pydot_imported
        """,
    ),
    "theano.breakpoint": Table((gradcore,), "PdbBreakpoint=Breakpoint"),
    "theano.tests.breakpoint": Table((gradcore,), "PdbBreakpoint=Breakpoint"),
    "theano.updates": Table((FUNCTIONS,), "OrderedUpdates"),
    "theano.scan_module": Table((FUNCTIONS,), "scan map reduce foldl foldr until scan_checkpoints"),
    "theano.scan_module.scan": Table((FUNCTIONS,), "scan"),
    "theano.scan_module.scan_op": Table(()),
    "theano.scan_module.scan_checkpoints": Table((FUNCTIONS,), "scan_checkpoints"),
    "theano.scan_module.scan_views": Table((FUNCTIONS,), "map reduce foldl foldr"),
    "theano.scan_module.scan_utils": Table((FUNCTIONS, graph), "until clone"),
    # tensors ------------------------------------------------------------------------------------
    "theano.tensor": Table(
        (FUNCTIONS, *MATHEMATICS, graph),
        "shared",
        (QUIRKS, tensor),
    ),
    "theano.tensor.basic": Table(MATHEMATICS, "", (QUIRKS, tensor)),
    "theano.tensor.var": Table((TYPES, graph), "TensorVariable TensorConstant"),
    "theano.tensor.type": Table((TYPES,), "TensorType"),
    "theano.tensor.sharedvar": Table(
        (FUNCTIONS, TYPES, gradcore),
        """
        TensorSharedVariable ScalarSharedVariable SharedVariable shared tensor_constructor=shared
        scalar_constructor=shared
        """,
    ),
    "theano.tensor.elemwise": Table((QUIRKS,), "Elemwise DimShuffle CAReduce"),
    "theano.tensor.subtensor": Table(
        (QUIRKS, tensor), "Subtensor IncSubtensor set_subtensor inc_subtensor take"
    ),
    "theano.tensor.sort": Table((QUIRKS,), "sort argsort topk argtopk topk_and_argtopk"),
    "theano.tensor.inplace": Table((), "", (tensors.in_place(),)),
    "theano.tensor.opt": Table((control, tensor), "Assert assert_op"),
    "theano.tensor.extra_ops": Table(
        (tensors, *MATHEMATICS),
        """
        cumsum cumprod diff bincount squeeze repeat bartlett fill_diagonal fill_diagonal_offset
        to_one_hot unravel_index ravel_multi_index searchsorted compress
        """,
    ),
    "theano.tensor.nlinalg": Table(
        (nlinalg, tensor),
        """
        matrix_inverse pinv det eig eigh svd qr lstsq matrix_power norm trace diag alloc_diag
        extract_diag tensorinv tensorsolve matrix_dot=linalg.multi_dot inv=matrix_inverse
        """,
    ),
    "theano.tensor.slinalg": Table(
        (slinalg,),
        """
        cholesky solve solve_lower_triangular solve_upper_triangular solve_symmetric eigvalsh kron
        expm
        """,
    ),
    "theano.tensor.blas": Table((tensor,), "batched_dot batched_tensordot"),
    "theano.tensor.fft": Table((tensor,), "rfft=fft.rfft irfft=fft.irfft"),
    "theano.tensor.shared_randomstreams": Table(
        (STREAMS,), "RandomStreams RandomStateSharedVariable"
    ),
    "theano.tensor.io": Table(()),
    "theano.tensor.raw_random": Table((), "", (streams.RAW,)),
    "theano.tensor.nnet": Table(NETS, OPS_OF_NETS),
    "theano.tensor.nnet.nnet": Table(NETS, OPS_OF_NETS),
    "theano.tensor.nnet.sigm": Table(
        NETS, "sigmoid softplus ultra_fast_sigmoid=sigmoid hard_sigmoid"
    ),
    "theano.tensor.nnet.conv": Table((nets,), "conv2d=old_conv2d"),
    "theano.tensor.nnet.abstract_conv": Table(
        (convolutions, nets, nnet),
        """
        conv2d conv3d conv2d_transpose get_conv_output_shape conv2d_grad_wrt_inputs
        conv2d_grad_wrt_weights conv3d_grad_wrt_inputs conv3d_grad_wrt_weights
        """,
    ),
    "theano.tensor.nnet.bn": Table(
        (nets,), "batch_normalization batch_normalization_train batch_normalization_test"
    ),
    "theano.tensor.nnet.neighbours": Table((nets,), "images2neibs neibs2images"),
    "theano.tensor.nnet.ctc": Table((nets,), "ctc"),
    "theano.tensor.nnet.Conv3D": Table((convolutions,), "conv3D"),
    "theano.tensor.nnet.conv3d2d": Table((convolutions,), "conv3d=conv3d_through_time"),
    "theano.tensor.xlogx": Table((convolutions,), "xlogx xlogy0"),
    "theano.tensor.nnet.blocksparse": Table(()),
    "theano.tensor.signal": Table(()),
    "theano.tensor.signal.pool": Table((nets,), "pool_2d pool_3d max_pool_2d_same_size"),
    "theano.tensor.signal.downsample": Table((nets,), "max_pool_2d max_pool_2d_same_size"),
    "theano.tensor.signal.conv": Table((nets,), "conv2d=signal_conv2d"),
    "theano.scalar": Table(
        (SCALAR_TYPES, elementwise_ops.ENTRIES, {"upcast": graph.upcast}),
        "upcast",
        (SCALAR_TYPES, elementwise_ops.ENTRIES),
    ),
    "theano.scalar.basic": Table(
        (SCALAR_TYPES, elementwise_ops.ENTRIES, {"upcast": graph.upcast}),
        "upcast",
        (SCALAR_TYPES, elementwise_ops.ENTRIES),
    ),
    "theano.sparse": Table((tensors,), "usmm", (SPARSE, sparse)),
    "theano.sparse.basic": Table((tensors,), "usmm", (SPARSE, sparse)),
    # functions and graphs -----------------------------------------------------------------------
    "theano.compile": Table(
        (FUNCTIONS, gradcore, compilation),
        """
        function In Out Param SymbolicInput SymbolicOutput Function FunctionMaker Mode get_mode
        get_default_mode register_mode predefined_modes FAST_RUN FAST_COMPILE DebugMode ProfileMode
        shared SharedVariable UnusedInputError function_dump as_op wrap_py OpFromGraph Container
        rebuild_collect_shared MonitorMode
        """,
    ),
    "theano.compile.mode": Table(
        (FUNCTIONS,),
        """
        Mode get_mode get_default_mode register_mode predefined_modes FAST_RUN FAST_COMPILE
        """,
    ),
    "theano.compile.io": Table(
        (FUNCTIONS, compilation), "In Out SymbolicInput SymbolicOutput Container"
    ),
    "theano.compile.function": Table((FUNCTIONS,), "function function_dump"),
    "theano.compile.pfunc": Table(
        (FUNCTIONS, gradcore), "pfunc=function Param rebuild_collect_shared"
    ),
    "theano.compile.function_module": Table(
        (FUNCTIONS,), "Function FunctionMaker UnusedInputError"
    ),
    "theano.compile.sharedvalue": Table(
        (FUNCTIONS, values.KINDS, gradcore), "SharedVariable shared generic"
    ),
    "theano.compile.debugmode": Table(
        (FUNCTIONS, errors),
        """
        DebugMode DebugModeError BadOptimization=DebugModeError BadThunkOutput=DebugModeError
        BadDestroyMap=DebugModeError BadViewMap=DebugModeError StochasticOrder=DebugModeError
        InvalidValueError=DebugModeError
        """,
    ),
    "theano.compile.ops": Table((gradcore,), "as_op wrap_py"),
    "theano.compile.builders": Table((gradcore,), "OpFromGraph"),
    "theano.compile.nanguardmode": Table((FUNCTIONS,), "NanGuardMode"),
    "theano.compile.monitormode": Table((FUNCTIONS,), "MonitorMode detect_nan"),
    "theano.compile.profiling": Table(()),
    "theano.gof": Table(
        (GRAPHS, nodes, graph),
        "Op Apply Variable Constant FunctionGraph MissingInputError MethodNotDefined ancestors",
    ),
    "theano.gof.graph": Table(
        (GRAPHS, graph),
        """
        Apply Variable Constant clone inputs ancestors io_toposort variables clone_get_equiv
        orphans list_of_nodes
        """,
    ),
    "theano.gof.op": Table((graph,), "Op get_test_value"),
    "theano.gof.type": Table((graph,), "Type=TensorType"),
    "theano.gof.fg": Table((GRAPHS, graph), "FunctionGraph MissingInputError"),
    "theano.gof.opt": Table(()),
    "theano.gof.python25": Table((PYTHON,), "OrderedDict DictMixin partial any all"),
    "theano.gof.toolbox": Table(()),
    "theano.gof.utils": Table((GRAPHS,), "MethodNotDefined"),
    # what stands aside --------------------------------------------------------------------------
    "theano.sandbox": Table(()),
    "theano.sandbox.rng_mrg": Table((STREAMS,), "MRG_RandomStreams"),
    "theano.sandbox.cuda": Table(
        (CUDA,), "cuda_available cuda_enabled cuda_initialization_error_message use"
    ),
    "theano.sandbox.cuda.dnn": Table((CUDA,), "dnn_available"),
    "theano.sandbox.cuda.basic_ops": Table(()),
    "theano.sandbox.cuda.rng_curand": Table(()),
    "theano.sandbox.gpuarray": Table((CUDA,), "pygpu_activated"),
    "theano.sandbox.linalg": Table(
        (nlinalg, slinalg, tensor),
        "matrix_inverse pinv det eig eigh diag trace cholesky solve matrix_dot=linalg.multi_dot",
    ),
    "theano.sandbox.linalg.ops": Table(
        (nlinalg, slinalg, tensor),
        "matrix_inverse pinv det eig eigh diag trace cholesky solve matrix_dot=linalg.multi_dot",
    ),
    "theano.sandbox.neighbours": Table((nets,), "images2neibs neibs2images"),
    "theano.sandbox.softsign": Table((nnet,), "softsign"),
    "theano.gpuarray": Table((CUDA,), "pygpu_activated"),
    "theano.gpuarray.dnn": Table((CUDA,), "dnn_available"),
    "theano.misc": Table(()),
    "theano.misc.may_share_memory": Table((np,), "may_share_memory"),
    "theano.misc.safe_asarray": Table(({"_asarray": np.asarray},), "_asarray"),
    "theano.misc.pkl_utils": Table(()),
    "theano.compat": Table((PYTHON,), "PY3 OrderedDict izip imap ifilter cmp DictMixin partial"),
    "theano.compat.python2x": Table((PYTHON,), "OrderedDict DictMixin partial izip imap"),
    "theano.tests": Table(()),
    "theano.tests.unittest_tools": Table(
        (testing,), "fetch_seed=seed_of seed_rng verify_grad assert_allclose InferShapeTester"
    ),
    "theano.d3viz": Table(()),
    "theano.typed_list": Table(()),
    "theano.raise_op": Table(()),
}
