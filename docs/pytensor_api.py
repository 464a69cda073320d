"""The public names of PyTensor 3.0, by module, that programs use; Aesara's are nearly the same."""

from __future__ import annotations

API: dict[str, str] = {
    "pytensor": """
        In Lop Mode OpFromGraph Out Rop config dprint function get_mode grad ifelse map
        pullback pushforward scan shared wrap_jax wrap_py
    """,
    "pytensor.tensor": """
        Constant NoneConst NoneSliceConst Op TensorConstant TensorType TensorVariable
        Variable abs add all allclose alloc and_ angle any arange arccos arccosh arcsin
        arcsinh arctan arctan2 arctanh argmax argmin argsort as_tensor as_tensor_variable
        atleast_Nd bartlett batched_dot batched_tensordot bcol betainc betaincinv bincount
        bitwise_and bitwise_not bitwise_or bitwise_xor bmatrix broadcast_arrays
        broadcast_shape broadcast_to brow bscalar btensor3 btensor4 btensor5 btensor6
        btensor7 bvector cast ccol ceil ceil_intdiv chi2sf choose clip cmatrix col complex
        complex_from_polar compress concat_with_broadcast concatenate conj conjugate
        constant cos cosh cov crow cscalar ctensor3 ctensor4 ctensor5 ctensor6 ctensor7
        cumprod cumsum cvector dcol deg2rad dense_dot diag diagonal diff digamma divmod
        dmatrix dot drow dscalar dtensor3 dtensor4 dtensor5 dtensor6 dtensor7 dvector einsum
        empty empty_like eq equal erf erfc erfcinv erfcx erfinv exp exp2 expand_dims expit
        expm1 extract_diag eye fcol fill fill_diagonal fill_diagonal_offset flatnonzero
        flatten flip floor floor_div fmatrix frow fscalar ftensor3 ftensor4 ftensor5
        ftensor6 ftensor7 full full_like fvector gamma gammainc gammaincc gammainccinv
        gammaincinv gammal gammaln gammau ge geomspace get_scalar_constant_value
        get_underlying_scalar_constant_value get_vector_length grad greater greater_equal gt
        hessian horizontal_stack hyp2f1 i0 i1 icol identity identity_like imag imatrix
        inc_subtensor int_div interp inverse_permutation invert iround irow iscalar isclose
        isfinite isinf isnan isneginf isposinf itensor3 itensor4 itensor5 itensor6 itensor7
        iv ive ivector j0 j1 jacobian join join_dims jv kv kve largest lcol le less
        less_equal linspace lmatrix log log10 log1mexp log1p log1pexp log2 logaddexp
        logspace logsumexp lrow lscalar lt ltensor3 ltensor4 ltensor5 ltensor6 ltensor7
        lvector make_slice matmul matrix matrix_transpose matvec max max_and_argmax maximum
        mean median mgrid min minimum mod moveaxis mul nan_to_num neg neq none_type_t
        nonzero nonzero_values not_equal ogrid ones ones_like or_ outer owens_t pack pad
        permute_row_elements polygamma pow power prod psi ptp rad2deg ravel_multi_index real
        reciprocal repeat reshape roll round round_half_away_from_zero round_half_to_even
        row scalar scalar_from_tensor searchsorted second set_subtensor sgn shape
        shape_padaxis shape_padleft shape_padright sigmoid sign sin sinh slicetype smallest
        softplus sort specify_broadcastable specify_shape split split_dims sqr sqrt square
        squeeze stack stacklists std sub sum swapaxes switch take take_along_axis tan tanh
        tensor tensor3 tensor4 tensor5 tensor6 tensor7 tensor_copy tensor_from_scalar
        tensordot tile trace transfer transpose tri tri_gamma tril tril_indices
        tril_indices_from triu triu_indices triu_indices_from true_div trunc unique unpack
        unravel_index var vecdot vecmat vector vectorize vertical_stack wcol where wrow
        wscalar wtensor3 wtensor4 wtensor5 wtensor6 wtensor7 wvector xor zcol zeros
        zeros_like zmatrix zrow zscalar ztensor3 ztensor4 ztensor5 ztensor6 ztensor7 zvector
    """,
    "pytensor.tensor.linalg": """
        block_diag cho_solve cholesky det eig eigh eigvalsh expm inv kron lstsq lu lu_factor
        lu_solve matrix_dot matrix_power norm ordqz pinv pivot_to_permutation qr qz schur
        slogdet solve solve_continuous_lyapunov solve_discrete_are solve_discrete_lyapunov
        solve_sylvester solve_triangular svd tensorinv tensorsolve trace
        tridiagonal_lu_factor tridiagonal_lu_solve
    """,
    "pytensor.tensor.special": "beta betaln factorial log_softmax logit poch softmax xlog1py xlogy",
    "pytensor.tensor.fft": "IRFFTOp RFFTOp irfft irfft_op rfft rfft_op",
    "pytensor.tensor.random": """
        RandomStream bernoulli beta betabinom binomial categorical cauchy chisquare choice
        dirichlet exponential gamma gengamma geometric gumbel halfcauchy halfnormal
        hypergeometric integers invgamma laplace logistic lognormal multinomial
        multivariate_normal nbinom negative_binomial normal pareto permutation poisson
        standard_normal t triangular truncexpon uniform vonmises wald weibull
    """,
    "pytensor.tensor.functional": "vectorize",
    "pytensor.tensor.sort": "sort argsort",
    "pytensor.tensor.pad": "pad",
    "pytensor.tensor.einsum": "einsum",
    "pytensor.gradient": """
        DisconnectedGrad DisconnectedInputError DisconnectedType GradClip GradScale
        GradientError Lop NullTypeGradError Rop UndefinedGrad ZeroGrad disconnected_grad
        disconnected_grad_ disconnected_type grad grad_clip grad_not_implemented grad_scale
        grad_undefined hessian hessian_vector_product jacobian numeric_grad pullback
        pushforward subgraph_grad undefined_grad_ verify_grad zero_grad zero_grad_
    """,
    "pytensor.ifelse": "ifelse IfElse",
    "pytensor.raise_op": "Assert CheckAndRaise assert_op",
    "pytensor.breakpoint": "PdbBreakpoint",
    "pytensor.printing": """
        pp pprint debugprint Print min_informative_str pydotprint var_descriptor PPrinter
        OperatorPrinter FunctionPrinter PatternPrinter hex_digest
    """,
    "pytensor.scan": "foldl foldr map reduce scan scan_checkpoints until",
    "pytensor.compile": """
        function In Out Function FunctionMaker Mode MonitorMode get_mode get_default_mode
        register_mode shared SharedVariable UnusedInputError as_op wrap_py
        rebuild_collect_shared function_dump SymbolicInput SymbolicOutput FAST_COMPILE C CVM
        NUMBA ViewOp DeepCopyOp ProfileStats optdb register_optimizer register_linker
    """,
    "pytensor.compile.builders": "OpFromGraph",
    "pytensor.compile.mode": "Mode get_mode get_default_mode register_mode",
    "pytensor.compile.sharedvalue": "SharedVariable shared",
    "pytensor.graph": """
        Apply Constant FunctionGraph Op RewriteDatabaseQuery Type Variable ancestors clone
        clone_replace explicit_graph_inputs graph_inputs graph_replace graph_rewriter
        node_rewriter rewrite_graph vectorize_graph
    """,
    "pytensor.graph.basic": """
        Apply Constant Variable clone clone_get_equiv equal_computations NominalVariable
        AtomicVariable Node FrozenApply
    """,
    "pytensor.graph.fg": "FunctionGraph",
    "pytensor.graph.op": "Op",
    "pytensor.graph.replace": "clone_replace graph_replace vectorize_graph",
    "pytensor.graph.traversal": """
        ancestors explicit_graph_inputs general_toposort graph_inputs io_toposort
        orphans_between toposort variable_ancestors vars_between
    """,
}
