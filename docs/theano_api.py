"""The public names of Theano 1.0, by module, as its documentation has them."""

from __future__ import annotations

LETTERS = "bwilfdcz"
RANKS = "scalar vector row col matrix tensor3 tensor4 tensor5"
PLURALS = "scalars vectors rows cols matrices tensor3s tensor4s tensor5s"


def _constructors() -> str:
    """Return the names of the constructors of tensors, singular and plural, of each dtype."""
    words = [*RANKS.split(), *PLURALS.split()]
    return " ".join([*words, *(letter + word for letter in LETTERS for word in words)])


NETS = """
    sigmoid ultra_fast_sigmoid hard_sigmoid softplus softsign softmax logsoftmax relu elu selu
    binary_crossentropy sigmoid_binary_crossentropy categorical_crossentropy
    crossentropy_categorical_1hot crossentropy_softmax_1hot crossentropy_softmax_1hot_with_bias
    crossentropy_softmax_argmax_1hot_with_bias crossentropy_softmax_max_and_argmax_1hot
    softmax_with_bias prepend_scalar_to_each_row confusion_matrix h_softmax conv2d conv3d
    conv2d_transpose
"""

API: dict[str, str] = {
    "theano": """
        function shared In Out Param config scan map reduce foldl foldr clone Mode ProfileMode
        predefined_modes OpFromGraph as_op Op Apply Variable Constant FunctionGraph Container
        SharedVariable pp dot grad Rop Lop subgraph_grad OrderedUpdates scan_checkpoints
        rebuild_collect_shared function_dump change_flags get_scalar_constant_value generic pprint
        SymbolicInput SymbolicOutput FunctionMaker sparse_grad ProfileStats Type Generic
        InconsistencyError CLinker OpWiseCLinker DualLinker Linker LocalLinker PerformLinker
        predefined_linkers predefined_optimizers opt toolbox
    """,
    "theano.tensor": f"""
        float_dtypes integer_dtypes discrete_dtypes complex_dtypes continuous_dtypes
        all_dtypes
        {_constructors()}
        TensorType TensorVariable TensorConstant TensorSharedVariable tensor shared constant
        as_tensor_variable as_tensor get_scalar_constant_value get_vector_length
        NotScalarConstantError EmptyConstantError ShapeError shape reshape shape_padleft
        shape_padright shape_padaxis unbroadcast addbroadcast patternbroadcast specify_shape
        flatten tile roll zeros_like ones_like zeros ones fill second alloc eye identity_like
        identity tensor_copy stack stacklists concatenate join split vertical_stack
        horizontal_stack choose max argmax max_and_argmax min argmin sum prod mean var std all any
        ptp set_subtensor inc_subtensor take lt gt le ge eq neq isnan isinf isclose allclose switch
        where clip and_ or_ xor invert bitwise_and bitwise_or bitwise_xor bitwise_not abs_ angle exp
        exp2 expm1 maximum minimum largest smallest neg inv log log2 log10 log1p sgn ceil floor
        trunc round iround sqr sqrt cos sin tan cosh sinh tanh arccos arcsin arctan arctan2 arccosh
        arcsinh arctanh deg2rad rad2deg erf erfc erfcx erfinv erfcinv gamma gammaln psi tri_gamma
        chi2sf gammau gammal j0 j1 jv i0 i1 iv dot outer tensordot batched_dot batched_tensordot
        mgrid ogrid arange linspace logspace add sub mul true_div int_div floor_div mod divmod pow
        power cast real imag conj complex complex_from_polar extract_diag diag diagonal trace tri
        tril triu nonzero nonzero_values flatnonzero swapaxes transpose sort argsort topk argtopk
        topk_and_argtopk inverse_permutation repeat squeeze cumsum cumprod default grad Rop Lop
        jacobian hessian verify_grad numeric_grad DisconnectedType consider_constant zero_grad
        grad_undefined grad_not_implemented Elemwise DimShuffle Reshape Join Subtensor
        IncSubtensor Alloc CAReduce ARange Dot Argmax MaxAndArgmax Rebroadcast AdvancedSubtensor
        AdvancedSubtensor1 AdvancedIncSubtensor AdvancedIncSubtensor1 load
    """,
    "theano.tensor.basic": """
        as_tensor_variable constant shape alloc NoneConst Dot Argmax MaxAndArgmax
    """,
    "theano.tensor.var": "TensorVariable TensorConstant",
    "theano.tensor.type": "TensorType",
    "theano.tensor.sharedvar": """
        TensorSharedVariable ScalarSharedVariable tensor_constructor scalar_constructor
    """,
    "theano.tensor.elemwise": "Elemwise DimShuffle CAReduce CAReduceDtype Sum Prod All Any",
    "theano.tensor.subtensor": """
        advanced_subtensor1
        Subtensor IncSubtensor AdvancedSubtensor AdvancedSubtensor1 AdvancedIncSubtensor
        AdvancedIncSubtensor1 set_subtensor inc_subtensor take
    """,
    "theano.tensor.sort": "sort argsort topk argtopk topk_and_argtopk",
    "theano.tensor.inplace": "exp_inplace add_inplace sqr_inplace",
    "theano.tensor.opt": """
        ShapeFeature MakeVector
        Assert assert_op register_canonicalize register_specialize register_stabilize
        local_dimshuffle_lift
    """,
    "theano.tensor.extra_ops": """
        Unique FillDiagonal
        cumsum cumprod diff bincount squeeze repeat bartlett fill_diagonal fill_diagonal_offset
        to_one_hot unravel_index ravel_multi_index searchsorted compress CumOp DiffOp RepeatOp
        BinCountOp
    """,
    "theano.tensor.nlinalg": """
        AllocDiag ExtractDiag Eig Eigh QRFull QRIncomplete
        matrix_inverse pinv det eig eigh svd qr lstsq matrix_power matrix_dot norm trace diag
        alloc_diag extract_diag tensorinv tensorsolve MatrixInverse Det SVD
    """,
    "theano.tensor.slinalg": """
        Eigvalsh CholeskyGrad
        cholesky solve solve_lower_triangular solve_upper_triangular solve_symmetric eigvalsh kron
        expm Cholesky Solve Expm
    """,
    "theano.tensor.blas": "batched_dot batched_tensordot Gemm Gemv Dot22 BatchedDot",
    "theano.tensor.fft": "rfft irfft RFFTOp",
    "theano.tensor.io": "load LoadFromDisk",
    "theano.tensor.raw_random": """
        random_state_type uniform normal binomial random_integers permutation multinomial choice
        poisson RandomFunction RandomStateType random_make_inplace
    """,
    "theano.tensor.shared_randomstreams": "RandomStreams RandomStateSharedVariable",
    "theano.tensor.nnet": NETS,
    "theano.tensor.nnet.nnet": f"{NETS} Softmax SoftmaxGrad".replace("conv2d conv3d", "").replace(
        "conv2d_transpose", ""
    ),
    "theano.tensor.nnet.sigm": "sigmoid softplus ultra_fast_sigmoid hard_sigmoid",
    "theano.tensor.nnet.conv": "conv2d ConvOp",
    "theano.tensor.nnet.abstract_conv": """
        AbstractConv2d AbstractConv2d_gradInputs AbstractConv2d_gradWeights
        conv2d conv3d conv2d_transpose bilinear_upsampling conv2d_grad_wrt_inputs
        conv2d_grad_wrt_weights conv3d_grad_wrt_inputs conv3d_grad_wrt_weights get_conv_output_shape
    """,
    "theano.tensor.nnet.bn": (
        "batch_normalization batch_normalization_train batch_normalization_test"
    ),
    "theano.tensor.nnet.neighbours": "images2neibs neibs2images Images2Neibs",
    "theano.tensor.nnet.blocksparse": "sparse_block_dot",
    "theano.tensor.nnet.ctc": "ctc",
    "theano.tensor.nnet.Conv3D": "conv3D",
    "theano.tensor.nnet.conv3d2d": "conv3d",
    "theano.tensor.xlogx": "xlogx xlogy0",
    "theano.tensor.signal.pool": "pool_2d pool_3d max_pool_2d_same_size Pool",
    "theano.tensor.signal.downsample": "max_pool_2d max_pool_2d_same_size DownsampleFactorMax",
    "theano.tensor.signal.conv": "conv2d",
    "theano.sparse": """
        CSR CSC csm_properties csm_data csm_indices csm_indptr csm_shape csr_matrix csc_matrix
        csr_from_dense csc_from_dense dense_from_sparse as_sparse_variable
        as_sparse_or_tensor_variable transpose neg square_diagonal cast sp_sum col_scale row_scale
        dot structured_dot true_dot sampling_dot add sub mul hstack vstack
        structured_sigmoid structured_exp structured_log structured_pow structured_minimum
        structured_maximum structured_add sqr sqrt sin tan arcsin arctan sinh arcsinh tanh arctanh
        ceil floor trunc sgn log1p expm1 deg2rad rad2deg rint clean ensure_sorted_indices remove0
        diag usmm
    """,
    "theano.gradient": """
        ConsiderConstant DisconnectedGrad UndefinedGrad ZeroGrad GradClip GradScale
        grad Rop Lop jacobian hessian subgraph_grad verify_grad numeric_grad disconnected_grad
        zero_grad consider_constant grad_clip grad_scale grad_undefined grad_not_implemented
        DisconnectedType DisconnectedInputError NullTypeGradError hessian_vector_product
        GradientError format_as
    """,
    "theano.ifelse": "ifelse IfElse",
    "theano.printing": """
        pp debugprint Print pprint pydotprint min_informative_str pydotprint_variables
        var_descriptor PPrinter OperatorPrinter FunctionPrinter hex_digest
    """,
    "theano.breakpoint": "PdbBreakpoint",
    "theano.tests.breakpoint": "PdbBreakpoint",
    "theano.updates": "OrderedUpdates",
    "theano.scan_module": "scan map reduce foldl foldr until scan_checkpoints",
    "theano.scalar": """
        upcast bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64
        complex64 complex128 Composite ScalarOp UnaryScalarOp BinaryScalarOp
    """,
    "theano.compile": """
        ViewOp DeepCopyOp
        function In Out SymbolicInput SymbolicOutput Function FunctionMaker Mode get_mode
        get_default_mode register_mode predefined_modes FAST_RUN FAST_COMPILE DebugMode ProfileMode
        shared SharedVariable UnusedInputError as_op wrap_py OpFromGraph rebuild_collect_shared
        function_dump Container optdb ProfileStats
    """,
    "theano.compile.mode": """
        OPT_FAST_RUN register_linker register_optimizer predefined_linkers
        predefined_optimizers
        Mode get_mode get_default_mode register_mode predefined_modes FAST_RUN FAST_COMPILE optdb
        AddDestroyHandler AddFeatureOptimizer
    """,
    "theano.compile.io": "In Out SymbolicInput SymbolicOutput Container",
    "theano.compile.ops": "as_op wrap_py ViewOp DeepCopyOp Shape Shape_i SpecifyShape Rebroadcast",
    "theano.compile.builders": "OpFromGraph",
    "theano.compile.debugmode": """
        DebugMode DebugModeError BadOptimization BadThunkOutput BadDestroyMap BadViewMap
        StochasticOrder InvalidValueError
    """,
    "theano.compile.nanguardmode": "NanGuardMode",
    "theano.compile.monitormode": "MonitorMode detect_nan",
    "theano.compile.sharedvalue": "SharedVariable shared generic",
    "theano.gof": """
        Op Apply Variable Constant FunctionGraph MissingInputError MethodNotDefined COp CLinker
        OpenMPOp PerformLinker Type Generic generic Container DestroyHandler local_optimizer
        PatternSub OpSub EquilibriumDB SequenceDB Query Optimizer MergeOptimizer SeqOptimizer
        NavigatorOptimizer LocalOptGroup InconsistencyError LocalLinker ops_with_inner_function
    """,
    "theano.gof.graph": """
        Apply Variable Constant clone inputs ancestors io_toposort variables
        clone_get_equiv orphans list_of_nodes
    """,
    "theano.gof.op": "Op get_test_value COp OpenMPOp",
    "theano.gof.opt": "LocalOptimizer EquilibriumOptimizer PatternSub local_optimizer",
    "theano.gof.toolbox": "Feature Validator NodeFinder",
    "theano.gof.utils": "MethodNotDefined",
    "theano.sandbox.rng_mrg": "MRG_RandomStreams",
    "theano.sandbox.cuda": """
        cuda_available cuda_enabled use CudaNdarray CudaNdarrayType CudaNdarraySharedVariable
        float32_shared_constructor gpu_from_host host_from_gpu
    """,
    "theano.gpuarray": """
        pygpu_activated GpuArrayType gpuarray_shared_constructor basic_ops
    """,
    "theano.typed_list": ("TypedListType TypedListVariable append getitem make_list length"),
    "theano.misc.pkl_utils": "dump load StripPickler CompatUnpickler",
    "theano.d3viz": "d3viz d3write",
    "theano.tests.unittest_tools": """
        fetch_seed seed_rng verify_grad assert_allclose InferShapeTester
    """,
    "theano.scan_module.scan_op": """
        Scan
    """,
    "theano.raise_op": """
        Raise
    """,
    "theano.scalar.basic": """
        Composite ScalarOp UnaryScalarOp BinaryScalarOp
    """,
    "theano.configparser": """
        AddConfigVar BoolParam StrParam IntParam FloatParam EnumStr TheanoConfigParser
    """,
    "theano.gof.type": """
        Generic generic
    """,
    "theano.sparse.basic": """
        rint
    """,
    "theano.compile.profiling": """
        ProfileStats
    """,
    "theano.sandbox.linalg.ops": """
        matrix_inverse det diag trace cholesky solve
    """,
    "theano.gof.python25": """
        OrderedDict DictMixin partial any all
    """,
}
"""The names of each module."""
