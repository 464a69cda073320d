"""Names of Theano's that are not here, and why: they can be imported, and raise when used."""

from __future__ import annotations

_REWRITING = "rules of gradcore are written in the tensor language: see gradcore.rewrite"
_OPS = "it is an op of Theano's own; apply the function of the tensor language instead"
_MEMORY = "in which memory a result stands is decided when a graph is compiled"
_GPU = "there are no arrays of a GPU in a graph: mode='cuda' runs a function there"
_RAW = "a draw is a function of a key, by ops of integers: see T.random"
_C = "generated code calls no C of Theano's ops; an op of a user's own has perform"

_NAMES = {
    "a list is no value of a graph": """
        theano.typed_list.TypedListType theano.typed_list.append theano.typed_list.getitem
        theano.typed_list.make_list theano.typed_list.length theano.typed_list.TypedListVariable
    """,
    "pictures of graphs are drawn by no library here: theano.printing.debugprint prints them": """
        theano.d3viz.d3viz theano.d3viz.d3write
    """,
    "functions and variables are pickled by pickle itself": """
        theano.misc.pkl_utils.dump theano.misc.pkl_utils.load theano.misc.pkl_utils.StripPickler
        theano.misc.pkl_utils.CompatUnpickler
    """,
    _REWRITING: """
        theano.gof.local_optimizer theano.gof.PatternSub theano.gof.OpSub theano.gof.EquilibriumDB
        theano.gof.SequenceDB theano.gof.Query theano.gof.Optimizer theano.gof.opt.*
        theano.gof.toolbox.* theano.tensor.opt.register_canonicalize
        theano.tensor.opt.register_specialize theano.tensor.opt.register_stabilize
        theano.tensor.opt.ShapeFeature theano.tensor.opt.MakeVector theano.compile.mode.OPT_FAST_RUN
        theano.compile.mode.register_linker theano.compile.mode.register_optimizer
        theano.compile.mode.predefined_linkers theano.compile.mode.predefined_optimizers
        theano.tensor.opt.local_dimshuffle_lift theano.compile.optdb theano.compile.mode.optdb
        theano.compile.mode.AddDestroyHandler theano.opt theano.toolbox theano.gof.MergeOptimizer
        theano.gof.SeqOptimizer theano.gof.NavigatorOptimizer theano.gof.LocalOptGroup
        theano.predefined_optimizers theano.tensor.opt.* theano.tensor.nnet.opt.*
        theano.tensor.opt_uncanonicalize.* theano.sparse.opt.* theano.scan_module.scan_opt.*
        theano.gof.optdb.* theano.gof.unify.* theano.compile.optdb
    """,
    _OPS: """
        theano.tensor.Dot theano.tensor.Argmax theano.tensor.MaxAndArgmax theano.tensor.Rebroadcast
        theano.tensor.AdvancedSubtensor theano.tensor.AdvancedSubtensor1
        theano.tensor.AdvancedIncSubtensor theano.tensor.AdvancedIncSubtensor1
        theano.tensor.subtensor.AdvancedSubtensor theano.tensor.subtensor.AdvancedSubtensor1
        theano.tensor.subtensor.AdvancedIncSubtensor theano.tensor.subtensor.AdvancedIncSubtensor1
        theano.tensor.elemwise.Sum theano.tensor.elemwise.Prod theano.tensor.elemwise.All
        theano.tensor.elemwise.Any theano.tensor.elemwise.CAReduceDtype
        theano.tensor.extra_ops.CumOp theano.tensor.extra_ops.DiffOp
        theano.tensor.extra_ops.RepeatOp theano.tensor.extra_ops.BinCountOp
        theano.tensor.nlinalg.MatrixInverse theano.tensor.nlinalg.Det theano.tensor.nlinalg.SVD
        theano.tensor.slinalg.Cholesky theano.tensor.slinalg.Solve theano.tensor.slinalg.Expm
        theano.tensor.nnet.nnet.Softmax theano.tensor.nnet.nnet.SoftmaxGrad
        theano.tensor.nnet.conv.ConvOp theano.tensor.signal.pool.Pool
        theano.tensor.signal.downsample.DownsampleFactorMax
        theano.tensor.nnet.neighbours.Images2Neibs theano.tensor.blas.Gemm theano.tensor.blas.Gemv
        theano.tensor.blas.Dot22 theano.tensor.blas.BatchedDot theano.tensor.fft.RFFTOp
        theano.ifelse.IfElse theano.scan_module.scan_op.Scan theano.compile.ops.ViewOp
        theano.compile.ViewOp theano.compile.DeepCopyOp theano.raise_op.Raise
        theano.gradient.ConsiderConstant theano.gradient.DisconnectedGrad
        theano.gradient.UndefinedGrad theano.gradient.ZeroGrad theano.gradient.GradClip
        theano.gradient.GradScale theano.tensor.subtensor.advanced_subtensor1
        theano.tensor.basic.Dot theano.tensor.basic.Argmax
        theano.tensor.basic.MaxAndArgmax theano.tensor.extra_ops.Unique
        theano.tensor.extra_ops.FillDiagonal theano.tensor.nlinalg.AllocDiag
        theano.tensor.nlinalg.ExtractDiag theano.tensor.nlinalg.Eig theano.tensor.nlinalg.Eigh
        theano.tensor.nlinalg.QRFull theano.tensor.nlinalg.QRIncomplete
        theano.tensor.slinalg.Eigvalsh theano.tensor.slinalg.CholeskyGrad
        theano.tensor.nnet.Softmax theano.tensor.nnet.ConvOp
        theano.tensor.nnet.abstract_conv.AbstractConv2d
        theano.tensor.nnet.abstract_conv.AbstractConv2d_gradInputs
        theano.tensor.nnet.abstract_conv.AbstractConv2d_gradWeights
        theano.compile.ops.DeepCopyOp theano.compile.ops.Shape theano.compile.ops.Shape_i
        theano.compile.ops.SpecifyShape theano.compile.ops.Rebroadcast
        theano.tensor.nnet.corr.* theano.tensor.nnet.corr3d.* theano.sandbox.multinomial.*
        theano.sandbox.fourier.* theano.sandbox.solve.* theano.sandbox.minimal.*
        theano.scalar.basic_scipy.* theano.tensor.blas_c.* theano.tensor.blas_scipy.*
        theano.gof.ops_with_inner_function
    """,
    _MEMORY: """
        theano.gof.Container theano.compile.mode.AddFeatureOptimizer
        theano.gof.DestroyHandler theano.gof.destroyhandler.* theano.InconsistencyError
        theano.gof.InconsistencyError
    """,
    _GPU: """
        theano.sandbox.cuda.basic_ops.* theano.sandbox.cuda.dnn.* theano.sandbox.cuda.CudaNdarray
        theano.sandbox.cuda.CudaNdarrayType theano.sandbox.cuda.CudaNdarraySharedVariable
        theano.sandbox.cuda.rng_curand.* theano.gpuarray.GpuArrayType theano.gpuarray.basic_ops
        theano.gpuarray.dnn.* theano.gpuarray.gpuarray_shared_constructor
        theano.sandbox.cuda.float32_shared_constructor
        theano.sandbox.cuda.gpu_from_host theano.sandbox.cuda.host_from_gpu
    """,
    _RAW: """
        theano.tensor.raw_random.RandomFunction theano.tensor.raw_random.RandomStateType
        theano.tensor.raw_random.random_make_inplace
        theano.tensor.raw_random.RandomStreamsBase
    """,
    _C: """
        theano.gof.COp theano.gof.op.COp theano.gof.CLinker theano.gof.OpenMPOp
        theano.gof.op.OpenMPOp theano.gof.PerformLinker theano.gof.LocalLinker
        theano.CLinker theano.OpWiseCLinker theano.DualLinker theano.Linker theano.LocalLinker
        theano.PerformLinker theano.predefined_linkers theano.gof.cc.* theano.gof.cmodule.*
        theano.gof.vm.* theano.gof.link.* theano.gof.compiledir.* theano.gof.compilelock.*
        theano.gof.cutils.* theano.gof.lazylinker_c.* theano.gof.callcache.* theano.gof.sched.*
        theano.gof.params_type.* theano.gof.wrapper.*
    """,
    "scalar functions of a user's own are written in the tensor language": """
        theano.scalar.Composite theano.scalar.ScalarOp theano.scalar.UnaryScalarOp
        theano.scalar.BinaryScalarOp theano.scalar.basic.Composite theano.scalar.basic.ScalarOp
        theano.scalar.basic.UnaryScalarOp theano.scalar.basic.BinaryScalarOp
    """,
    "a program holds its own settings": """
        theano.configdefaults.AddConfigVar
        theano.configparser.AddConfigVar theano.configparser.BoolParam
        theano.configparser.StrParam theano.configparser.IntParam theano.configparser.FloatParam
        theano.configparser.EnumStr theano.configparser.TheanoConfigParser
    """,
    "a file is read by NumPy, before a function is called": """
        theano.tensor.io.load theano.tensor.load theano.tensor.io.LoadFromDisk
    """,
    "values of a graph are tensors and sparse matrices": """
        theano.gof.Type theano.gof.Generic theano.gof.generic theano.gof.type.Generic
        theano.gof.type.generic theano.generic theano.tensor.basic.NoneConst theano.Type
        theano.Generic theano.gof.type.PureType theano.gof.type.CLinkerType
        theano.tensor.type_other.* theano.gof.null_type.* theano.sparse.type.*
        theano.scalar.sharedvar.* theano.sparse.sharedvar.*
    """,
    "gradients of convolutions are those of theano.tensor.nnet.abstract_conv": """
        theano.tensor.nnet.ConvGrad3D.* theano.tensor.nnet.ConvTransp3D.*
    """,
    "it is a helper of Theano's own code": """
        theano.gof.utils.* theano.misc.ordered_set.* theano.misc.strutil.* theano.misc.frozendict.*
        theano.misc.windows.* theano.misc.cpucount.* theano.misc.doubleops.* theano.tensor.utils.*
        theano.sparse.utils.* theano.scan_module.scan_utils.* theano.tests.record.*
        theano.tests.disturb_mem.* theano.gof.python25.* theano.compat.six.*
    """,
    "pp is one function, whose notation is that of gradcore.printing": """
        theano.printing.PPrinter theano.printing.OperatorPrinter theano.printing.FunctionPrinter
        theano.printing.hex_digest
    """,
    "rounding to integers makes elements that are stored 0, too: A.with_data(T.rint(A.data))": """
        theano.sparse.rint theano.sparse.basic.rint
    """,
    "functions of blocks of matrices are not here": """
        theano.tensor.nnet.blocksparse.sparse_block_dot
    """,
    "bilinear upsampling is no function here": """
        theano.tensor.nnet.abstract_conv.bilinear_upsampling
    """,
    "profile=True makes one for each function, which is f.profile": """
        theano.compile.ProfileStats theano.compile.profiling.* theano.ProfileStats
        theano.compile.profilemode.*
    """,
}

ABSENT: dict[str, str] = {name: why for why, names in _NAMES.items() for name in names.split()}
"""Why a name is not here; ``module.*`` stands for all names of a module."""

MODULES = tuple(name.removesuffix(".*") for name in ABSENT if name.endswith(".*"))
"""The modules of which the names that are not in a table are not here."""

_LATER = {
    _REWRITING: """
        .graph.RewriteDatabaseQuery .graph.graph_rewriter .graph.node_rewriter .graph.rewrite_graph
        .graph.rewriting.* .graph.rewriting.basic.* .graph.rewriting.utils.* .graph.rewriting.db.*
        .graph.features.* .compile.optdb .compile.register_optimizer .compile.register_linker
        .compile.OPT_FAST_RUN .compile.OPT_FAST_COMPILE .compile.OPT_NONE .compile.AddDestroyHandler
        .compile.mode.optdb .compile.mode.register_optimizer .compile.mode.register_linker
        .tensor.rewriting.* .ifelse.optdb
    """,
    _OPS: """
        .tensor.blas.* .tensor.fft.RFFTOp .tensor.fft.IRFFTOp .tensor.fft.rfft_op
        .tensor.fft.irfft_op .ifelse.IfElse .gradient.DisconnectedGrad .gradient.GradClip
        .gradient.GradScale .gradient.UndefinedGrad .gradient.ZeroGrad .gradient.zero_grad_
        .gradient.disconnected_grad_ .gradient.undefined_grad_ .compile.ViewOp .compile.DeepCopyOp
        .compile.view_op .compile.deep_copy_op .tensor.random.op.* .tensor.random.rewriting.*
    """,
    _MEMORY: """
        .compile.AddFeatureOptimizer .compile.Supervisor .compile.AliasedMemoryError
        .compile.alias_root .compile.insert_deepcopy
    """,
    "a value of a graph is a tensor or a sparse matrix": """
        .tensor.NoneConst .tensor.NoneSliceConst .tensor.none_type_t .tensor.slicetype
        .tensor.make_slice .tensor.transfer .graph.Type .graph.basic.AtomicVariable
        .graph.basic.NominalVariable .graph.basic.FrozenApply .graph.basic.Node
    """,
    "there are constructors of up to five axes; tensor(dtype=, shape=) makes any": """
        .tensor.tensor6 .tensor.tensor7 .tensor.dtensor6 .tensor.dtensor7 .tensor.ftensor6
        .tensor.ftensor7 .tensor.itensor6 .tensor.itensor7 .tensor.ltensor6 .tensor.ltensor7
        .tensor.btensor6 .tensor.btensor7 .tensor.wtensor6 .tensor.wtensor7 .tensor.ctensor6
        .tensor.ctensor7 .tensor.ztensor6 .tensor.ztensor7
    """,
    "reshape says it": """
        .tensor.join_dims .tensor.split_dims .tensor.pack .tensor.unpack
    """,
    "it is not in gradcore's linear algebra": """
        .tensor.linalg.qz .tensor.linalg.ordqz .tensor.linalg.pivot_to_permutation
        .tensor.linalg.tridiagonal_lu_factor .tensor.linalg.tridiagonal_lu_solve
    """,
    "T.root, T.minimize and T.fixed_point solve equations in a graph": """
        .tensor.optimize.*
    """,
    "T.random has no such distribution": """
        .tensor.random.hypergeometric
    """,
    "pp is one function, whose notation is that of gradcore.printing": """
        .printing.PPrinter .printing.OperatorPrinter .printing.FunctionPrinter
        .printing.PatternPrinter .printing.hex_digest
    """,
    "profile=True makes one for each function, which is f.profile": """
        .compile.ProfileStats .compile.profiling.*
    """,
    _C: """
        .link.* .link.c.* .link.numba.* .link.jax.* .link.vm.* .link.basic.*
    """,
    "axes have no names here": """
        .xtensor.*
    """,
    "pictures of graphs are drawn by pydotprint": """
        .d3viz.*
    """,
}

LATER: dict[str, str] = {name: why for why, names in _LATER.items() for name in names.split()}
"""Why a name of PyTensor's, or Aesara's, is not here, by the rest of its path."""

LATER_MODULES = tuple(name.removesuffix(".*") for name in LATER if name.endswith(".*"))
"""The modules of these packages of which nothing is here."""
