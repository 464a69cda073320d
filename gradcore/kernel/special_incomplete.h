/* Incomplete gamma functions, their slopes and inverses, for generated code; the notes of
 * special_gamma.h hold here. */

/* x ** a * exp(-x) / gamma(a), for a, x > 0. */
static inline double gc_gamma_weight_f64(double a, double x) {
    double high = 0, low = 0, d, dl;
    if (a < 10) {
        high = -x;
        gc_add_power_f64(a, x, 0, &high, &low);
        return gc_pair_exp_f64(high, low) / gc_gamma_small_f64(a);
    }
    /* exp(a (log(1 + t) - t)) for t = (x - a) / a */
    d = gc_pair_sum_f64(x, -a, &dl);
    const double t = d / a, p = t * a;
    const double tl = ((d - p) - gc_product_rest_f64(t, a, p) + dl) / a;
    if (fabs(t) < 0.01) {
        /* -a t ** 2 / 2 is what counts */
        const double gap = gc_log1p_gap_f64(t);
        high = -a * gap, low = -a * tl * t / (1 + t) - gc_fma_f64(a, gap, high);
    } else {
        double ul;
        const double r = x / a, q = r * a, u = t < -0.5 ? r : gc_pair_sum_f64(1, t, &ul);
        if (t < -0.5) ul = ((x - q) - gc_product_rest_f64(r, a, q)) / a;
        else ul += tl;
        high = -d, low = -dl;
        gc_add_power_f64(a, u, ul, &high, &low);
    }
    return gc_pair_exp_f64(high, low) * (sqrt(a) * 0.3989422804014327)
        * gc_exp_f64(-gc_stirling_rest_f64(a));
}

/* The sum of x ** n / ((a + 1) ... (a + n)), from its last term on; DLMF 8.11.4.  Four terms are a
 * step, with one division. */
static inline double gc_gamma_series_f64(double a, double x) {
    const double square = x * x;
    double term = 1, sum = 1;
    int n = 0;
    for (; n < 20000 && term > 1e-17; n += 4) {
        const double k = a + n;
        term *= square * square / ((k + 1) * (k + 2) * ((k + 3) * (k + 4)));
    }
    for (; n > 0; n -= 4) {
        const double k = a + n, over = 1 / (k * (k - 1) * ((k - 2) * (k - 3)));
        const double three = x * k * gc_fma_f64(k - 1, (k - 2) + x, square);
        sum = gc_fma_f64(square * square * over, sum, gc_fma_f64(three, over, 1));
    }
    return sum;
}

/* gamma(a, x) * exp(x) / x ** a by Legendre's continued fraction, DLMF 8.9.2, from its end on, as the
 * quotient of two numbers; x is above a and 1, and above 1.85 a if that is above 30, for which so many
 * convergents serve. */
static inline double gc_gamma_fraction_f64(double a, double x) {
    const double n = floor(9 + (85 + 18 * a * fmin(a / 30, 1.0)) / x), first = x + 1 - a;
    const double s = 1 / (first + n), square = s * s; /* so that neither overflows */
    double now = (first + 2 * n) * s, before = 1;
    for (double k = n; k > 0; --k) {
        const double to = gc_fma_f64((first + 2 * k - 2) * s, now, k * (a - k) * square * before);
        before = now, now = to;
    }
    return s * before / now;
}

/* sqrt(2 (l - 1 - log(l))) with the sign of l - 1, for l = x / a. */
static inline double gc_temme_eta_f64(double a, double x) {
    const double t = (x - a) / a;
    return copysign(sqrt(2 * gc_log1p_gap_f64(t)), t);
}

/* A polynomial and its derivative. */
static inline double gc_horner_both_f64(const double *c, int n, double t, double *slope) {
    double p = c[0], d = 0;
#pragma GCC unroll 40
    for (int k = 1; k < n; ++k) d = gc_fma_f64(d, t, p), p = gc_fma_f64(p, t, c[k]);
    *slope = d;
    return p;
}

#define GC_TEMME_ROW(c, n) \
    p = gc_horner_both_f64(c, n, eta, &dp); \
    by_r = gc_fma_f64(by_r, r, y), y = gc_fma_f64(y, r, p), by_eta = gc_fma_f64(by_eta, r, dp);

/* The sum of c_n(eta) / a ** n, DLMF 8.12.10, for a >= 30 and abs(eta) <= 0.7, and its slopes. */
static inline double gc_temme_sum_f64(double a, double eta, double *eta_slope, double *a_slope) {
    static const double c0[] = {
        2.8534893807047445e-14, -1.392388722418162e-13, 3.371763262400985e-13,
        1.1004392031956135e-13, -5.0276692801141755e-12, 2.4361948020667415e-11,
        -5.830772132550426e-11, -2.5514193994946248e-11, 9.14769958223679e-10,
        -4.382036018453353e-09, 1.0261809784240309e-08, 6.707853543401498e-09,
        -1.7665952736826078e-07, 8.296711340953087e-07, -1.85406221071516e-06,
        -2.185448510679992e-06, 3.919263178522438e-05, -0.0001787551440329218,
        0.0003527336860670194, 0.0011574074074074073, -0.014814814814814815, 0.08333333333333333,
        -0.3333333333333333,
    };
    static const double c1[] = {
        5.996696365683689e-13, -2.933186643771437e-12, 7.1624989648114856e-12,
        6.067215101604758e-14, -8.56390702649298e-11, 4.162792991842583e-10,
        -1.0091543710600413e-09, -1.7543241719747647e-11, 1.1951628599778148e-08,
        -5.752545603517705e-08, 1.378633446915721e-07, 4.647127802807434e-09,
        -1.6120900894563446e-06, 7.64916091608111e-06, -1.8098550334489977e-05,
        -4.018775720164609e-07, 0.00020576131687242798, -0.0009902263374485596,
        0.0026455026455026454, -0.003472222222222222, -0.001851851851851852,
    };
    static const double c2[] = {
        1.197593554636698e-11, -5.5645956134363323e-11, 1.2872252400089318e-10,
        9.428356159014678e-13, -1.3670488396617114e-09, 6.228974084922022e-09,
        -1.409252991086752e-08, -2.0477098421990866e-10, 1.4280614206064242e-07,
        -6.298992138380055e-07, 1.3721957309062934e-06, 3.423578734096138e-08,
        -1.2760635188618728e-05, 5.2923448829120125e-05, -0.0001073665322636516,
        2.0093878600823047e-06, 0.0007716049382716049, -0.0026813271604938273,
        0.004133597883597883,
    };
    static const double c3[] = {
        -2.1894761681963938e-11, -1.388823336813903e-14, 2.1541049775774907e-10,
        -9.460496661855133e-10, 2.0620131815488797e-09, 2.3928620439808118e-12,
        -1.9111168485973655e-08, 8.099464905388083e-08, -1.6958404091930278e-07,
        -2.7861080291528143e-11, 1.4230900732435883e-06, -5.6749528269915965e-06,
        1.1082654115347302e-05, -2.396505113867297e-07, -7.561801671883977e-05,
        0.00026772063206283885, -0.0004691894943952557, 0.00022947209362139917,
        0.0006494341563786008,
    };
    static const double c4[] = {
        -3.9409233028046403e-10, -2.3024517174528067e-13, 3.4463580499464896e-09,
        -1.4189739437803219e-08, 2.8865829742708783e-08, 2.956794137544049e-11,
        -2.292934834000805e-07, 8.907507532205309e-07, -1.6954149536558305e-06,
        2.507497226237533e-10, 1.1375726970678419e-05, -3.968365047179435e-05,
        6.641498215465122e-05, -1.4638452578843418e-06, -0.0002990724803031902,
        0.0007840392217200666, -0.0008618882909167117,
    };
    static const double c5[] = {
        -6.306194500013523e-09, -1.7989466721743514e-14, 4.8240967037894184e-08,
        -1.8447187191171344e-07, 3.4652846491085265e-07, -3.252473551298454e-10,
        -2.291481176508095e-06, 8.018470256334202e-06, -1.3594048189768693e-05,
        1.419062920643967e-07, 6.797780477937208e-05, -0.00019932570516188847,
        0.0002772753244959392, -6.972813758365857e-05, -0.00033679855336635813,
    };
    static const double c6[] = {
        -8.828600746330484e-08, 2.338630673826657e-13, 5.788792863149004e-07,
        -2.0291327396058603e-06, 3.465155368803609e-06, -3.0796134506033047e-09,
        -1.8329116582843375e-05, 5.61168275310625e-05, -8.153969367561969e-05,
        7.902353232660328e-07, 0.0002708782096718045, -0.0005921664373536939,
        0.0005313079364639922,
    };
    static const double c7[] = {
        -1.0595367014026043e-06, 4.93875893393627e-10, 5.7876949497350525e-06,
        -1.8263488805711332e-05, 2.7744451511563645e-05, -1.2741009095484485e-07,
        -0.00010976582244684731, 0.0002812695154763237, -0.00033493161081142234,
        5.171790908260592e-05, 0.00034436760689237765,
    };
    static const double c8[] = {
        4.629953263691304e-05, -0.00012783517679769218, 0.00016644846642067547,
        -6.969091458420552e-07, -0.000438297098541721, 0.0008394987206720873,
        -0.0006526239185953094,
    };
    static const double c9[] = {
        0.00027750107634328704, -0.0006401475260262758, 0.0006782308837667328,
        -7.204895416020011e-05, -0.0005967612901927463,
    };
    static const double c10[] = {
        -0.0019144384985654776, 0.0013324454494800656,
    };
    const double r = 1 / a;
    double y = 0, by_eta = 0, by_r = 0, p, dp;
    GC_TEMME_ROW(c10, 2)
    GC_TEMME_ROW(c9, 5)
    GC_TEMME_ROW(c8, 7)
    GC_TEMME_ROW(c7, 11)
    GC_TEMME_ROW(c6, 13)
    GC_TEMME_ROW(c5, 15)
    GC_TEMME_ROW(c4, 17)
    GC_TEMME_ROW(c3, 19)
    GC_TEMME_ROW(c2, 19)
    GC_TEMME_ROW(c1, 21)
    GC_TEMME_ROW(c0, 23)
    *eta_slope = by_eta, *a_slope = -by_r * r * r;
    return y;
}

/* Where the uniform expansion serves. */
static inline int gc_is_uniform_f64(double a, double x) {
    return a >= 30 && x > 0.5 * a && x < 1.85 * a;
}

/* gammainc (upper: gammaincc) by the uniform expansion of Temme, DLMF 8.12.3 ff.  Both parts have the
 * factor exp(-a eta ** 2 / 2), which is in the weight. */
static inline double gc_temme_f64(double a, double x, double weight, int upper) {
    const double eta = gc_temme_eta_f64(a, x), root = sqrt(a);
    weight *= gc_exp_f64(gc_stirling_rest_f64(a)) / root; /* exp(-a eta ** 2 / 2) / sqrt(2 pi) */
    const double half = 1.2533141373155003 * gc_erfcx_f64(fabs(eta) * root * 0.7071067811865476);
    double by_eta, by_a;
    const double rest = gc_temme_sum_f64(a, eta, &by_eta, &by_a) / root;
    /* the smaller of both, where eta has the sign of the upper one */
    const double small = weight * (eta > 0 ? half + rest : half - rest);
    return (eta > 0) == upper ? small : 1 - small;
}

/* gammaincc where a <= 1 and x are small: 1 - x ** a / gamma(1 + a) * (1 + a * sum), DLMF 8.7.1. */
static inline double gc_gammaincc_small_f64(double a, double x) {
    double term = 1, sum = 0;
    for (int n = 1; n < 100; ++n) {
        term *= -x / n;
        sum += term / (a + n);
        if (fabs(term) < 1e-17 * fabs(sum)) break;
    }
    const double lx = a * gc_log_f64(x) - gc_gammaln1p_f64(a);
    return -gc_expm1_f64(lx) - gc_exp_f64(lx) * a * sum;
}

/* gammainc, or gammaincc if upper, of finite a, x > 0, and its weight. */
static inline double gc_gamma_part_f64(double a, double x, double weight, int upper) {
    if (gc_is_uniform_f64(a, x)) return gc_temme_f64(a, x, weight, upper);
    if (a > 1e8) return (x < a) == upper;
    if (upper && x <= 1.1) {
        const double border = x <= 0.5 ? -0.4 / gc_log_f64(x) : 1.1 * x;
        if (a <= border && a <= 1) return gc_gammaincc_small_f64(a, x);
    } else if (x > (upper ? a : fmax(a + 1, 1.0))) {
        const double above = weight * gc_gamma_fraction_f64(a, x);
        return upper ? above : 1 - above;
    }
    const double below = weight / a * gc_gamma_series_f64(a, x);
    return upper ? 1 - below : below;
}

static inline double gc_gammainc_f64(double a, double x) {
    if (!(a >= 0 && x >= 0) || (a == 0 && x == 0)) return NAN;
    if (a == INFINITY || x == INFINITY) return a == x ? NAN : x == INFINITY ? 1 : 0;
    if (a == 0 || x == 0) return a == 0;
    return gc_gamma_part_f64(a, x, gc_gamma_weight_f64(a, x), 0);
}

static inline double gc_gammaincc_f64(double a, double x) {
    if (!(a >= 0 && x >= 0) || (a == 0 && x == 0)) return NAN;
    if (a == INFINITY || x == INFINITY) return a == x ? NAN : x == INFINITY ? 0 : 1;
    if (a == 0 || x == 0) return x == 0;
    return gc_gamma_part_f64(a, x, gc_gamma_weight_f64(a, x), 1);
}

/* The derivative of gammainc in a by the terms of its series, none of which changes sign. */
static inline double gc_gammainc_slope_lower_f64(double a, double x) {
    double term = 1 / a, sum = 0, gap = gc_log_f64(x) - gc_digamma_f64(a + 1);
    for (int n = 1; n < 20000; ++n) {
        const double more = term * gap;
        sum += more;
        if (fabs(more) < 1e-17 * fabs(sum) && n > x - a) break;
        gap -= 1 / (a + n), term *= x / (a + n);
    }
    return gc_gamma_weight_f64(a, x) * sum;
}

/* The same by the continued fraction, which is differentiated along. */
static inline double gc_gammainc_slope_upper_f64(double a, double x) {
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    double db = -1, dc = 0, dd = d * d, dh = dd;
    for (int n = 1; n < 20000; ++n) {
        const double an = n * (a - n);
        b += 2;
        dd = n * d + an * dd + db, d = an * d + b;
        dc = db + (n - an * dc / c) / c, c = b + an / c;
        d = 1 / d, dd = -d * d * dd;
        const double step = c * d, dstep = dc * d + c * dd;
        dh = dh * step + h * dstep, h *= step;
        if (fabs(step - 1) < 1e-16 && fabs(h * dstep) < 1e-16 * fabs(dh)) break;
    }
    const double gap = gc_log_f64(x) - gc_digamma_f64(a);
    return -gc_gamma_weight_f64(a, x) * (dh + h * gap);
}

/* The same by the uniform expansion. */
static inline double gc_gammainc_slope_uniform_f64(double a, double x) {
    const double t = (x - a) / a, lx = gc_log1p_f64(t), eta = gc_temme_eta_f64(a, x);
    const double ratio = fabs(eta) < 1e-8 ? 1 - eta / 6 : lx / eta;
    /* a eta ** 2 / 2 moves by -log(1 + t) */
    const double moved = fabs(eta) < 1e-8 ? -1 - eta / 3 : -(ratio + 0.5 * eta);
    const double weight = gc_gamma_weight_f64(a, x) * gc_exp_f64(gc_stirling_rest_f64(a)) / a;
    double by_eta, by_a;
    const double sum = gc_temme_sum_f64(a, eta, &by_eta, &by_a);
    return -weight * (ratio + sum * (lx - 0.5 / a) + by_eta * moved / a + by_a);
}

/* The derivative of gammainc in a. */
static inline double gc_gammainc_slope_f64(double a, double x) {
    if (!(a > 0 && x >= 0) || a == INFINITY) return NAN;
    if (x == 0 || x == INFINITY) return 0;
    if (gc_is_uniform_f64(a, x)) return gc_gammainc_slope_uniform_f64(a, x);
    if (a > 1e8) return 0;
    if (x <= 1 || x <= a + 1) return gc_gammainc_slope_lower_f64(a, x);
    return gc_gammainc_slope_upper_f64(a, x);
}

/* gammainc(a, x) * gamma(1 + a) / x ** a less 1, over a, for x < 1: DLMF 8.7.1. */
static inline double gc_gamma_lower_rest_f64(double a, double x) {
    double term = 1, sum = 0;
    for (int n = 1; n < 40; ++n) {
        term *= -x / n;
        sum += term / (a + n);
        if (fabs(term) < 1e-17 * fabs(sum)) break;
    }
    return sum;
}

/* x where gammainc, or upper gammaincc, is s <= 1/2, by Halley's steps on logarithms.  Where a and x are
 * small, x moves as the a-th root of it: the logarithm of the root is the sum of two numbers. */
static inline double gc_gamma_solved_f64(double a, double s, int upper) {
    const double lg = a < 1 ? gc_gammaln1p_f64(a) : gc_gammaln_f64(a + 1);
    double ll, ul = 0;
    const double u = upper ? gc_pair_sum_f64(1, -s, &ul) : s, l = gc_pair_log_f64(u, &ll);
    const double q = l / a, p = q * a;
    const double ql = ((l - p) - gc_product_rest_f64(q, a, p) + (ll + ul / u)) / a;
    const double start = gc_pair_exp_f64(q, ql) * gc_exp_f64(lg / a);
    if (start < 1e-17 * (a + 1)) return start;
    const double z = upper ? -gc_ndtri_f64(s) : gc_ndtri_f64(s);
    const double root = 1 - 1 / (9 * a) + z / (3 * sqrt(a));
    double x = a < 1 || (!upper && start < 0.2 * (a + 1)) ? start : a * root * root * root;
    if (upper && a < 1 && !(x < 0.5)) x = fmax(0.5, -gc_log_f64(s) - lg);
    if (!(x > 0)) x = start;
    const double wide = sqrt(1 + a);
    double low = 0, high = INFINITY;
    for (int n = 0; n < 200; ++n) {
        const double weight = gc_gamma_weight_f64(a, x), f = gc_gamma_part_f64(a, x, weight, upper);
        const double r = (f - s) / s, slope = weight / f;
        const double gap = fabs(r) < 0.5 ? gc_log1p_f64(r) : gc_log_f64(f) - gc_log_f64(s);
        if ((f > s) == upper) low = x; else high = x;
        /* log(gammaincc) is about linear in x, log(gammainc) in log(x) */
        const double turn = 0.5 * gap * (upper ? x - a - slope + 1 : a - x - slope) / slope;
        const double step = gap / (slope * fmin(fmax(1 - turn, 0.5), 2.0));
        double to = x + x * (upper ? step : gc_expm1_f64(-step));
        if (fabs(to - x) * wide <= 1e-6 * x) { /* the error is the cube */
            if (!(a < 1 && to < 1)) return to;
            return start * gc_exp_f64(-gc_log1p_f64(a * gc_gamma_lower_rest_f64(a, to)) / a);
        }
        if (!(to > low && to < high)) to = high == INFINITY ? 2 * x : 0.5 * (low + high);
        if (to == x) break;
        x = to;
    }
    return x;
}

static inline double gc_gammaincinv_f64(double a, double p) {
    if (!(a >= 0 && p >= 0 && p <= 1) || a == INFINITY) return NAN;
    if (p == 0 || p == 1) return p == 0 ? 0 : INFINITY;
    if (a == 0) return NAN;
    return p <= 0.5 ? gc_gamma_solved_f64(a, p, 0) : gc_gamma_solved_f64(a, 1 - p, 1);
}

static inline double gc_gammainccinv_f64(double a, double q) {
    if (!(a >= 0 && q >= 0 && q <= 1) || a == INFINITY) return NAN;
    if (q == 0 || q == 1) return q == 0 ? INFINITY : 0;
    if (a == 0) return NAN;
    return q <= 0.5 ? gc_gamma_solved_f64(a, q, 1) : gc_gamma_solved_f64(a, 1 - q, 0);
}
