"""Names of other libraries that are no words here, and why: what `docs/words.py` counts.

For each library: names of what is here under another name; why names are not everyday ones; and
everyday names that are absent, with the reason.  A name that a library does not have is ignored.
"""

from __future__ import annotations

OTHER_NAMES = {
    "jax.nn": """
        dot_product_attention=nn.attention soft_sign=nn.softsign hard_silu=nn.hard_swish
        standardize=nn.layer_norm
    """,
    "jax.lax": """
        bessel_i0e=special.i0e bessel_i1e=special.i1e bitcast_convert_type=astype
        batch_matmul=matmul broadcast=broadcast_to broadcast_in_dim=broadcast_to iota=arange
        broadcasted_iota=arange clamp=clip collapse=reshape convert_element_type=cast
        div=true_div conv_general_dilated=nn.conv conv_with_general_padding=nn.conv
        conv_transpose=nn.conv_transpose cumlogsumexp=gradcore.associative_scan
        custom_linear_solve=gradcore.custom_gradient custom_root=root dot_general=tensordot
        dynamic_index_in_dim=take dynamic_slice=take dynamic_slice_in_dim=take
        dynamic_update_index_in_dim=set_subtensor slice=take dynamic_update_slice=set_subtensor
        dynamic_update_slice_in_dim=set_subtensor erf_inv=erfinv gather=take_along_axis
        igamma=special.gammainc igammac=special.gammaincc igamma_grad_a=grad index_in_dim=take
        index_take=take integer_pow=pow is_finite=isfinite lgamma=gammaln logistic=sigmoid
        ne=neq reduce=gradcore.reduce reduce_and=all reduce_max=max reduce_min=min reduce_or=any
        reduce_prod=prod reduce_sum=sum reduce_window=nn.max_pool rem=fmod rev=flip rsqrt=sqrt
        scatter=set_subtensor scatter_max=segment_max scatter_min=segment_min
        scatter_mul=segment_prod scatter_apply=set_subtensor scatter_sub=scatter_add
        select_n=choose shift_left=left_shift shift_right_arithmetic=right_shift
        slice_in_dim=take sort_key_val=argsort stop_gradient=disconnected_grad map=gradcore.map
        ragged_dot=segment_sum approx_max_k=top_k approx_min_k=top_k
        conv_general_dilated_patches=nn.conv broadcast_like=broadcast_to
        broadcast_to_rank=atleast_nd optimization_barrier=gradcore.checkpoint
        random_gamma_grad=random.gamma rng_uniform=random.uniform rng_bit_generator=random.bits
        conv_general_dilated_local=nn.conv
    """,
    "pytensor.tensor": """
        atleast_Nd=atleast_nd broadcast_shape=broadcast_shapes concat_with_broadcast=concatenate
        dense_dot=dot identity_like=eye interpolate1d=interp inverse_permutation=argsort
        iround=rint join_dims=reshape split_dims=reshape largest=maximum smallest=minimum
        log1pexp=softplus permute_row_elements=take_along_axis slice_at_axis=take
        tensor_copy=copy ceil_intdiv=int_div get_vector_length=size
        get_scalar_constant_value=constant get_underlying_scalar_constant_value=constant
    """,
    "scipy.special": """
        binom=special.comb
    """,
    "scipy.linalg": """
        matmul_toeplitz=convolve solve_circulant=fft.fft expm_frechet=Rop issymmetric=allclose
        ishermitian=allclose
    """,
    "numpy": """
        apply_along_axis=vectorize apply_over_axes=vectorize fromfunction=indices
        asanyarray=asarray ascontiguousarray=asarray asfortranarray=asarray asmatrix=asarray
        bmat=block copyto=set_subtensor put=set_subtensor place=set_subtensor putmask=where
        issubdtype=isdtype asarray_chkfinite=assert_op einsum_path=einsum mask_indices=nonzero
    """,
    "theano": """
        theano.tensor.as_tensor_variable=as_tensor_variable
    """,
}
"""What has the same meaning, or does the same work; where no prefix is, it is in ``T``."""

NOT_EVERYDAY = {
    "reads, writes or shows arrays; values of a graph are not known": """
        array2string array_repr array_str base_repr binary_repr format_float_positional
        format_float_scientific frombuffer fromfile fromiter fromregex fromstring genfromtxt
        get_printoptions info iterable load loadtxt printoptions save savetxt savez
        savez_compressed set_printoptions typename from_dlpack frompyfunc
    """,
    "is about memory; graphs have none": """
        isfortran may_share_memory nested_iters require shares_memory transfer
    """,
    "is about dates": """
        busday_count busday_offset datetime_as_string datetime_data is_busday isnat
    """,
    "is about a library's state, its types or its devices": """
        get_include getbufsize geterr geterrcall setbufsize seterr seterrcall show_config
        show_runtime test find_best_blas_type get_blas_funcs get_lapack_funcs TensorLike Union
        none_type_t slicetype make_slice singledispatch values_eq_approx_always_true is_flat
        scalar_from_tensor tensor_from_scalar pack unpack min_scalar_type isscalar mintypecode
        common_type dtype after_all create_token
    """,
    "a step of a compiler, or of many devices at once": """
        ConvGeneralDilatedDimensionNumbers DotDimensionNumbers PrecisionLike all_gather
        all_to_all axis_index axis_size composite conv_dimension_numbers
        conv_general_permutations conv_general_shape_tuple conv_shape_tuple
        conv_transpose_shape_tuple dce_sink padtype_to_pads pbroadcast pcast platform_dependent
        pmax pmean pmin ppermute precv psend pshuffle psum psum_scatter pswapaxes
        ragged_all_to_all ragged_dot_general reduce_window_shape_tuple reduce_precision
        scaled_dot shape_as_value stage with_sharding_constraint get_scaled_dot_general_config
        scaled_dot_general scaled_matmul
    """,
    "bits of floats and integers": """
        bitwise_count frexp ldexp nextafter packbits spacing unpackbits clz mulhi
        population_count shift_right_logical reduce_xor
    """,
    "tensors of six and seven axes by a letter: `T.tensor(name, dtype, shape)`": """
        btensor6 btensor6s btensor7 btensor7s ctensor6 ctensor6s ctensor7 ctensor7s dtensor6
        dtensor6s dtensor7 dtensor7s ftensor6 ftensor6s ftensor7 ftensor7s itensor6 itensor6s
        itensor7 itensor7s ltensor6 ltensor6s ltensor7 ltensor7s wtensor6 wtensor6s wtensor7
        wtensor7s ztensor6 ztensor6s ztensor7 ztensor7s tensor6 tensor6s tensor7 tensor7s
    """,
    "orthogonal polynomials, their roots and harmonics": """
        assoc_laguerre assoc_legendre_p assoc_legendre_p_all bernoulli c_roots cg_roots chebyc
        chebys chebyt chebyu eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_gegenbauer
        eval_genlaguerre eval_hermite eval_hermitenorm eval_jacobi eval_laguerre eval_legendre
        eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi eval_sh_legendre euler gegenbauer
        genlaguerre h_roots he_roots hermite hermitenorm j_roots jacobi js_roots l_roots
        la_roots laguerre legendre legendre_p legendre_p_all lpmv lqmn lqn p_roots ps_roots
        roots_chebyc roots_chebys roots_chebyt roots_chebyu roots_gegenbauer roots_genlaguerre
        roots_hermite roots_hermitenorm roots_jacobi roots_laguerre roots_legendre
        roots_sh_chebyt roots_sh_chebyu roots_sh_jacobi roots_sh_legendre s_roots sh_chebyt
        sh_chebyu sh_jacobi sh_legendre sph_harm_y sph_harm_y_all sph_legendre_p
        sph_legendre_p_all t_roots ts_roots u_roots us_roots factorialk stirling2
    """,
    "zeros, integrals and products of Bessel functions, and their relatives of physics": """
        ai_zeros airye bei bei_zeros beip beip_zeros ber ber_zeros berp berp_zeros besselpoly
        bi_zeros erf_zeros fresnel_zeros fresnelc_zeros fresnels_zeros h1vp h2vp hankel1
        hankel1e hankel2 hankel2e it2i0k0 it2j0y0 it2struve0 itairy iti0k0 itj0y0 itmodstruve0
        itstruve0 ivp jn_zeros jnjnp_zeros jnp_zeros jnyn_zeros jvp kei kei_zeros keip
        keip_zeros kelvin kelvin_zeros ker ker_zeros kerp kerp_zeros kvp lmbda modfresnelm
        modfresnelp modstruve riccati_jn riccati_yn struve wright_bessel wrightomega y0_zeros
        y1_zeros y1p_zeros yn_zeros ynp_zeros yvp spherical_in spherical_kn
    """,
    "wave equations in other coordinates": """
        ellip_harm ellip_harm_2 ellip_normal mathieu_a mathieu_b mathieu_cem mathieu_even_coef
        mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 mathieu_odd_coef
        mathieu_sem obl_ang1 obl_ang1_cv obl_cv obl_cv_seq obl_rad1 obl_rad1_cv obl_rad2
        obl_rad2_cv pbdn_seq pbdv pbdv_seq pbvv pbvv_seq pbwa pro_ang1 pro_ang1_cv pro_cv
        pro_cv_seq pro_rad1 pro_rad1_cv pro_rad2 pro_rad2_cv
    """,
    "elliptic integrals, and what rarely is a part of a model": """
        agm ellipe ellipeinc ellipj ellipk ellipkinc ellipkm1 elliprc elliprd elliprf elliprg
        elliprj hyp0f1 hyperu spence zetac shichi fresnel erfi wofz voigt_profile airy
        factorial2 spherical_jn spherical_yn diric log_wright_bessel
    """,
    "inverses of distributions in their parameters": """
        bdtri bdtrik bdtrin btdtria btdtrib chdtri chdtriv chndtr chndtridf chndtrinc chndtrix
        fdtri fdtridfd gdtria gdtrib gdtrix kolmogi kolmogorov nbdtri nbdtrik nbdtrin ncfdtr
        ncfdtri ncfdtridfd ncfdtridfn ncfdtrinc nctdtr nctdtridf nctdtrinc nctdtrit nrdtrimn
        nrdtrisd gammasgn pdtri pdtrik smirnov smirnovi stdtridf stdtrit tklmbda betaincc
        betaincinv betainccinv ndtri_exp
    """,
    "in degrees": """
        cosdg cotdg sindg tandg radian
    """,
    "updates of factors, pencils and band storage": """
        bandwidth cdf2rdf fiedler_companion
        clarkson_woodruff_transform cossin diagsvd eig_banded eigvals_banded eigvalsh_tridiagonal
        eigh_tridiagonal expm_cond
        hessenberg matrix_balance ordqz qr_delete qr_insert qr_multiply qr_update qz rq funm
        solve_toeplitz
    """,
    "as many elements as values say, of polynomials or ends": """
        polydiv trim_zeros sort_complex real_if_close array_equiv
    """,
}
"""Why names are outside of what is counted."""

ABSENT = {
    "exponential, sine and cosine integrals: `T.special.gammaincc` has those of positive order": """
        exp1 expi expn sici
    """,
    "take as many steps as their operands say": """
        gcd lcm
    """,
    "needs the roots of a polynomial as complex numbers: `T.linalg.eigvals(companion)`": """
        roots poly
    """,
}
"""Why everyday names are absent."""

THEANO = """
scalar vector row col matrix tensor3 tensor4 tensor5 scalars vectors rows cols matrices tensor3s
tensor4s shared constant as_tensor_variable shape reshape shape_padleft shape_padright
shape_padaxis unbroadcast addbroadcast patternbroadcast flatten tile roll zeros_like ones_like
zeros ones fill alloc eye identity_like stack concatenate stacklists choose max argmax
max_and_argmax min argmin sum prod mean var std all any ptp set_subtensor inc_subtensor lt gt le
ge eq neq isnan isinf isclose allclose switch where clip and_ or_ xor invert abs_ angle exp
maximum minimum neg inv log log2 log10 log1p sgn ceil floor round iround sqr sqrt cos sin tan
cosh sinh tanh arccos arcsin arctan arccosh arcsinh arctanh erf erfinv gamma gammaln psi chi2sf
gammau gammal j0 j1 jv i0 i1 iv dot outer tensordot batched_dot batched_tensordot mgrid ogrid
grad Rop Lop jacobian hessian subgraph_grad hessian_vector_product consider_constant
disconnected_grad zero_grad grad_clip grad_scale sigmoid ultra_fast_sigmoid hard_sigmoid
softplus softsign softmax logsoftmax relu elu selu binary_crossentropy
sigmoid_binary_crossentropy categorical_crossentropy crossentropy_categorical_1hot h_softmax
conv2d conv2d_transpose conv3d pool_2d max_pool_2d images2neibs neibs2images cumsum cumprod diff
bincount repeat squeeze fill_diagonal fill_diagonal_offset to_one_hot unravel_index
ravel_multi_index searchsorted compress cholesky solve solve_lower_triangular
solve_upper_triangular eigvalsh expm kron matrix_inverse pinv diag trace det eig eigh svd qr
lstsq matrix_power matrix_dot norm tensorinv tensorsolve rfft irfft scan map reduce foldl foldr
until ifelse function clone pp debugprint printing Print assert_op nonzero nonzero_values
flatnonzero arange linspace logspace cast extract_diag tri tril triu specify_shape swapaxes
transpose take sort argsort topk argtopk top_k mod divmod true_div int_div power floor_div
second identity complex real imag conj complex_from_polar
"""
"""Functions that Theano 1.0's documentation names in its reference of tensors, loops, networks."""

THEANO_NAMES = """
unbroadcast=specify_shape addbroadcast=specify_broadcastable patternbroadcast=specify_shape
identity_like=eye iround=rint ultra_fast_sigmoid=sigmoid conv2d_transpose=nn.conv_transpose
pool_2d=nn.max_pool max_pool_2d=nn.max_pool images2neibs=nn.conv neibs2images=nn.conv_transpose
to_one_hot=nn.one_hot solve_lower_triangular=linalg.solve_triangular
solve_upper_triangular=linalg.solve_triangular matrix_dot=linalg.multi_dot topk=top_k
argtopk=argpartition h_softmax=nn.softmax identity=copy matrix_inverse=linalg.inv
"""
"""Names of Theano's for what has another here."""
