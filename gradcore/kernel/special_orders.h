/* Bessel functions of real order, for generated code.
 *
 * Far from the turning point, one expansion serves all orders from 0 on: Debye's, DLMF 10.19 and
 * 10.41, in s = sqrt(abs(x ** 2 +- v ** 2)), which is Hankel's at order 0.  Its exponents and phases
 * are sums of two numbers.  Elsewhere orders are few steps away from where there is something else:
 * that expansion, Temme's series near 0 (Temme 1975 and 1976), an integral or a continued fraction.
 */

/* -- numbers that are the sum of two ------------------------------------------------------- */

/* (a + al) * (b + bl) */
static inline double gc_pair_product_f64(double a, double al, double b, double bl, double *low) {
    const double p = a * b;
    return gc_pair_sum_f64(p, gc_product_rest_f64(a, b, p) + (a * bl + al * b), low);
}

/* (a + al) / (b + bl) */
static inline double gc_pair_quotient_f64(double a, double al, double b, double bl, double *low) {
    double rest;
    const double q = a / b, p = gc_pair_product_f64(q, 0, b, bl, &rest);
    return gc_pair_sum_f64(q, ((a - p) - rest + al) / b, low);
}

/* sqrt(a + al) */
static inline double gc_pair_root_f64(double a, double al, double *low) {
    const double r = sqrt(a), p = r * r;
    return gc_pair_sum_f64(r, ((a - p) - gc_product_rest_f64(r, r, p) + al) / (2 * r), low);
}

/* The angle of the point (b + bl, a), for a, b >= 0: a multiple of 1/16, and the rest of it. */
static inline double gc_pair_angle_f64(double a, double b, double bl, double *low) {
    static const double turns[] = {
        0.0, 0.0, 1.0, 0.0, 0.0624593178423802, -2.040259504585711e-18, 0.9980475107000991,
        3.3232291674141346e-17, 0.12467473338522769, -2.925947496057858e-18, 0.992197667229329,
        4.754870575189364e-17, 0.18640329676226988, 2.3493796901281573e-18, 0.9824733131012553,
        -3.919920375420088e-17, 0.24740395925452294, -7.53102495590706e-18, 0.9689124217106447,
        5.071436662403936e-17, 0.30743851458038085, 1.1004366442765296e-19, 0.9515679480481722,
        -3.8614834675674123e-17, 0.36627252908604757, -9.938814562106524e-18, 0.9305076219123143,
        4.488760003328074e-18, 0.42367625720393803, -2.331800700068871e-17, 0.9058136834259364,
        4.2864666490805214e-17, 0.479425538604203, -5.103969860556013e-18, 0.8775825618903728,
        -4.2623149864279997e-17, 0.5333026735360201, 5.129318115032044e-17, 0.8459244992310679,
        1.549506647350329e-17, 0.5850972729404622, -5.4883972461161805e-17, 0.8109631195052179,
        -3.091333486122179e-17, 0.6346070800152693, -3.4568582392624965e-17, 0.7728349461524715,
        4.231014921891023e-17, 0.6816387600233341, 4.410467313197903e-17, 0.7316888688738209,
        -1.0475824306512768e-17, 0.7260086552607126, -1.573621815339587e-17, 0.6876855622205048,
        3.5430696752823923e-17, 0.7675435022360271, -3.573483123546625e-17, 0.6409968581633251,
        5.198410459670848e-17, 0.806081108260693, -1.8173616480548578e-17, 0.5918050750924775,
        2.15859860798048e-17, 0.8414709848078965, 1.776845092935536e-18, 0.5403023058681398,
        -4.760954612604417e-17, 0.8735749351670711, 4.416901002981674e-17, 0.4866896677019633,
        1.7583713010196608e-17, 0.9022675940990952, -1.96953072806491e-17, 0.4311765167986662,
        -2.1852563636056596e-17, 0.9274369173848677, 6.645726005605572e-18, 0.37397963082453317,
        2.0996798659803304e-17, 0.9489846193555862, 1.3508965656504773e-17, 0.3153223623952687,
        -8.38166872079122e-18, 0.9668265566961802, 1.771640581949128e-18, 0.2554337668888117,
        4.654708533928078e-19, 0.9808930570231557, 3.9374079649864887e-17, 0.19454770798898718,
        3.570194218398239e-19, 0.9911291909537616, 5.1389460498881917e-17, 0.13290194445282522,
        -1.018943533675271e-17, 0.9974949866040544, -1.4558643538840918e-17, 0.0707372016677029,
        3.683512075225569e-18, 0.9999655856782489, -1.633274480620419e-17, 0.008296231623858378,
        -7.115691148963826e-20,
    };
    const double k = gc_nearest_f64(16 * gc_arctan2_f64(a, b));
    const double *t = turns + 4 * (int)k;
    double al, cl, dl, ql, yl, xl;
    const double as = gc_pair_product_f64(a, 0, t[0], t[1], &al);
    const double ac = gc_pair_product_f64(a, 0, t[2], t[3], &yl);
    const double bs = gc_pair_product_f64(b, bl, t[0], t[1], &cl);
    const double bc = gc_pair_product_f64(b, bl, t[2], t[3], &xl);
    const double y = gc_pair_sum_f64(ac, -bs, &dl), x = gc_pair_sum_f64(bc, as, &ql);
    const double q = gc_pair_quotient_f64(y, dl + (yl - cl), x, ql + (xl + al), &ql), z = q * q;
    double p = 1.0 / 13;
    for (int n = 11; n > 1; n -= 2) p = gc_fma_f64(-z, p, 1.0 / n);
    const double angle = gc_pair_sum_f64(k / 16, q, &dl);
    *low = dl + (ql - q * z * p);
    return angle;
}

/* -- the expansion for all orders ---------------------------------------------------------- */

/* The sum of U_k(p) / v ** k over even k, and over odd k as `odd`, less i for each odd power for waves, of which p is
 * imaginary: U_k(p) is p ** k times a polynomial in q = p ** 2, DLMF 10.41.9, and r is abs(p) / v. */
static inline double gc_debye_f64(double r, double q, int waves, double *odd) {
    static const double c[] = {
        135522158703093.69, -1301012723549699.5, 5705782159023671.0, -1.5129826322457682e+16,
        2.705471130619708e+16, -3.4447226006485144e+16, 3.213827526858624e+16,
        -2.2268225133911144e+16, 1.1486706978449752e+16, -4379325838364015.5, 1212675804250347.5,
        -236652530451649.25, 31007436472896.46, -2521558474912.8545, 110997405139.17902,
        -2001646928.1917763, 6252951.493434797, -6019723417234.006, 54177510755106.05,
        -221349638702525.2, 542739664987659.75, -889496939881026.5, 1026955196082762.5,
        -857461032982895.0, 523054882578444.6, -232604831188939.94, 74373122908679.14,
        -16634824724892.48, 2485000928034.0854, -229619372968.24646, 11465754899.448236,
        -234557963.52225152, 832859.3040162893, 286464035717.679, -2406297900028.504,
        9109341185239.898, -20516899410934.438, 30565125519935.32, -31667088584785.16,
        23348364044581.84, -12320491305598.287, 4612725780849.132, -1196552880196.1816,
        205914503232.41, -21822927757.529224, 1247009293.5127103, -29188388.122220814,
        118838.42625678325, -14679261247.695616, 114498237732.0258, -399096175224.4665,
        819218669548.5773, -1098375156081.2233, 1008158106865.3821, -645364869245.3765,
        287900649906.1506, -87867072178.02327, 17634730606.83497, -2167164983.223795,
        143157876.71888897, -3871833.442572613, 18257.755474293175, 814789096.1183121,
        -5866481492.051847, 18688207509.295826, -34632043388.158775, 41280185579.753975,
        -33026599749.800724, 17954213731.1556, -6563293792.619285, 1559279864.8792574,
        -225105661.88941526, 17395107.553978164, -549842.3275722887, 3038.090510922384,
        -49329253.66450996, 325573074.18576574, -939462359.6815784, 1553596899.57058,
        -1621080552.1083372, 1106842816.8230145, -495889784.2750303, 142062907.7975331,
        -24474062.72573873, 2243768.1779224495, -84005.43360302408, 551.3358961220206,
        3284469.853072038, -19706819.118432228, 50952602.49266464, -74105148.21153265,
        66344512.27472903, -37567176.66076335, 13288767.166421818, -2785618.1280864547,
        308186.4046126624, -13886.08975371704, 110.01714026924674, -242919.18790055133,
        1311763.6146629772, -2998015.9185381066, 3763271.297656404, -2813563.226586534,
        1268365.2733216248, -331645.1724845636, 45218.76898136273, -2499.8304818112097,
        24.380529699556064, 20204.29133096615, -96980.59838863752, 192547.00123253153,
        -203400.17728041555, 122200.46498301746, -41192.65496889755, 7109.514302489364,
        -493.915304773088, 6.074042001273483, -1919.457662318407, 8061.722181737309,
        -13586.550006434138, 11655.393336864534, -5305.646978613403, 1200.9029132163525,
        -108.09091978839466, 1.7277275025844574, 212.57013003921713, -765.2524681411817,
        1059.9904525279999, -699.5796273761325, 218.1905117442116, -26.491430486951554,
        0.5725014209747314, -28.212072558200244, 84.63621767460073, -91.81824154324002,
        42.53499874538846, -7.368794359479632, 0.22710800170898438, 4.669584423426247,
        -11.207002616222994, 8.78912353515625, -2.3640869140625, 0.112152099609375,
        -1.0258125964506173, 1.8464626736111112, -0.8912109375, 0.0732421875, 0.3342013888888889,
        -0.4010416666666667, 0.0703125, -0.20833333333333334, 0.125, 1.0,
    };
    const double *u = c, square = waves ? -r * r : r * r;
    double sums[2] = {0, 0};
    for (int k = 16; k >= 0; --k) {
        double p = u[0];
        for (int j = 1; j <= k; ++j) p = gc_fma_f64(p, q, u[j]);
        sums[k % 2] = gc_fma_f64(sums[k % 2], square, p);
        u += k + 1;
    }
    *odd = r * sums[1];
    return sums[0];
}

/* s = sqrt(x ** 2 + v ** 2), and v * log((v + s) / x) as `high`; each a sum of two numbers. */
static inline double gc_modified_parts_f64(double v, double x, double *sl, double *high,
                                           double *low) {
    double e, f, ul;
    const double xx = x * x, vv = v * v, sum = gc_pair_sum_f64(xx, vv, &e);
    const double rest = gc_product_rest_f64(x, x, xx) + gc_product_rest_f64(v, v, vv);
    const double s = x > 1e100 ? x : gc_pair_root_f64(sum, e + rest, sl);
    if (x > 1e100) *sl = 0;
    const double top = gc_pair_sum_f64(s, v, &f);
    const double u = gc_pair_quotient_f64(top, f + *sl, x, 0, &ul);
    *high = *low = 0;
    gc_add_power_f64(v, u, ul, high, low);
    return s;
}

/* exp(high + low) * factor, of which the exponential alone may overflow. */
static inline double gc_pair_scaled_f64(double high, double low, double factor) {
    if (!(fabs(high) < 800)) return high < 0 ? 0 * factor : INFINITY * factor;
    const double k = high < 0 ? 16 : -16, f = factor + factor * low;
    return (gc_scaled_exp_f64(high, k) * f) * (high < 0 ? 0x1p-16 : 0x1p16);
}

/* iv(v, x) for v >= 0 and x > 0 where s >= 31, times exp(-x) if it is scaled. */
static inline double gc_iv_far_f64(double v, double x, int scaled) {
    if (x < 1e-250) return 0;
    double sl, high, low, e, odd;
    const double s = gc_modified_parts_f64(v, x, &sl, &high, &low);
    const double even = gc_debye_f64(1 / s, (v / s) * (v / s), 0, &odd);
    double shown = scaled ? gc_pair_sum_f64(s, -x, &e) : s;
    low = (scaled ? e : 0) + sl - low;
    shown = gc_pair_sum_f64(shown, -high, &e);
    return gc_pair_scaled_f64(shown, e + low, (even + odd) * 0.3989422804014327 / sqrt(s));
}

/* kv(v, x) there, times exp(x) if it is scaled. */
static inline double gc_kv_far_f64(double v, double x, int scaled) {
    if (x < 1e-250) return INFINITY;
    double sl, high, low, e, odd;
    const double s = gc_modified_parts_f64(v, x, &sl, &high, &low);
    const double even = gc_debye_f64(1 / s, (v / s) * (v / s), 0, &odd);
    double shown = scaled ? gc_pair_sum_f64(x, -s, &e) : -s;
    low += (scaled ? e : 0) - sl;
    shown = gc_pair_sum_f64(shown, high, &e);
    return gc_pair_scaled_f64(shown, e + low, (even - odd) * 1.2533141373155003 / sqrt(s));
}

/* -- small numbers ------------------------------------------------------------------------- */

/* (x / 2) ** v / gamma(v + 1), for v >= 0 and x > 0. */
static inline double gc_bessel_weight_f64(double v, double x) {
    double high = 0, low = 0, ul = 0;
    if (v < 10) {
        const double tiny = x < 1e-290 ? 0x1p-60 : 1; /* half of it may have no digits */
        gc_add_power_f64(v, x / tiny / 2, 0, &high, &low);
        if (tiny < 1) gc_add_power_f64(v, tiny, 0, &high, &low);
        return gc_pair_exp_f64(high, low) / gc_gamma_small_f64(v + 1);
    }
    const double u = gc_pair_quotient_f64(x / 2, 0, v, 0, &ul);
    high = v;
    gc_add_power_f64(v, u, ul, &high, &low);
    return gc_pair_exp_f64(high, low) * gc_exp_f64(-gc_stirling_rest_f64(v))
        * (0.3989422804014327 / sqrt(v));
}

/* The sum of t ** k / (k! (v + 1) ... (v + k)), from its end on; DLMF 10.2.2 and 10.25.2. */
static inline double gc_bessel_series_f64(double v, double t) {
    int n = 0;
    double term = 1, sum = 1;
    while (n < 500 && fabs(term) > 1e-18) n += 1, term *= t / (n * (v + n));
    for (; n > 0; --n) sum = gc_fma_f64(t / (n * (v + n)), sum, 1);
    return sum;
}

/* 1 / gamma(1 + m) for abs(m) <= 1/2, and (1 / gamma(1 - m) - 1 / gamma(1 + m)) / (2 m) as `gap`. */
static inline double gc_rgamma1p_f64(double m, double *gap) {
    static const double even[] = {
        1.0434267116911005e-10, 5.002007644469223e-09, -2.056338416977607e-07,
        -1.2504934821426706e-06, 0.0001280502823881162, -0.0011651675918590652,
        -0.009621971527876973, 0.16653861138229148, -0.6558780715202539, 1.0,
    };
    static const double odd[] = {
        7.782263439905071e-12, -1.18127457048702e-09, 6.116095104481416e-09,
        1.133027231981696e-06, -2.013485478078824e-05, -0.00021524167411495098,
        0.0072189432466631, -0.04219773455554433, -0.04200263503409524, 0.5772156649015329,
    };
    *gap = -gc_horner_f64(odd, 10, m * m);
    return gc_horner_f64(even, 10, m * m) - m * *gap;
}

/* kv(m, x) and kv(m + 1, x) as `next`, for abs(m) <= 1/2 and 0 < x < 1; or yv, where second. */
static inline double gc_temme_series_f64(double m, double x, int second, double *next) {
    double gap;
    const double up = 1 / gc_rgamma1p_f64(m, &gap), down = 1 / gc_rgamma1p_f64(-m, &gap);
    const double middle = 0.5 / up + 0.5 / down, l = 0.6931471805599453 - gc_log_f64(x), e = m * l;
    const double grown = gc_pow_f64(x, -m) * gc_exp2_f64(m), shrunk = 1 / grown, angle = 3.141592653589793 * m;
    const double cosine = (grown + shrunk) / 2;
    const double sine = fabs(e) < 1 ? 1 + gc_sinh_rest_f64(e * e) : (grown - shrunk) / (2 * e);
    const int none = fabs(m) < 1e-100;
    const double turned = none ? 1 : angle / sin(angle), half = sin(angle / 2);
    const double t = (second ? -0.25 : 0.25) * x * x, twist = none || !second ? 0 : 2 * half * half / m;
    double f = turned * (cosine * gap + sine * l * middle), p = grown * up / 2, q = shrunk * down / 2;
    double c = 1, sum = f + twist * q, other = p;
    for (int k = 1; k < 40; ++k) {
        f = (k * f + p + q) / (k * (double)k - m * m);
        p /= k - m, q /= k + m, c *= t / k;
        const double g = f + twist * q;
        sum += c * g, other += c * (p - k * g);
        if (fabs(c * g) < 1e-18 * fabs(sum) && fabs(c * (p - k * g)) < 1e-18 * fabs(other)) break;
    }
    const double factor = second ? -0.6366197723675814 : 1;
    *next = factor * 2 / x * other;
    return factor * sum;
}

/* -- modified Bessel functions of real order ----------------------------------------------- */

/* kv(m, x) * exp(x) and that of m + 1 as `next`, for abs(m) <= 1/2 and 1 <= x < 40, by the trapezoidal
 * rule on DLMF 10.32.9, whose integrand is entire and falls as exp(-x * cosh(t)). */
static inline double gc_kv_integral_f64(double m, double x, double *next) {
    const double step = 0.6 / sqrt(x + 6);
    double sum = 0.5, other = 0.5;
#pragma omp simd reduction(+ : sum, other)
    for (int k = 1; k <= 24; ++k) { /* then there is less than 1e-18 left of it */
        const double t = k * step, half = gc_exp_f64(t / 2), e = half * half, sinh = half - 1 / half;
        const double weight = 0.5 * gc_exp_f64(-0.5 * x * sinh * sinh), grown = gc_exp_f64(m * t);
        const double a = weight * grown, b = weight / grown;
        sum += a + b, other += a * e + b / e;
    }
    *next = step * other;
    return step * sum;
}

static inline double gc_kv_positive_f64(double v, double x, int scaled) {
    if (v * v + x * x >= 961) return gc_kv_far_f64(v, x, scaled);
    const double n = gc_nearest_f64(v), m = v - n;
    double next, now;
    if (x < 1) now = gc_temme_series_f64(m, x, 0, &next);
    else now = gc_kv_integral_f64(m, x, &next);
    for (double k = 1; k <= n; ++k) {
        const double after = gc_fma_f64(2 * (m + k) / x, next, now);
        now = next, next = after;
    }
    return x < 1 ? (scaled ? gc_exp_f64(x) : 1) * now : (scaled ? 1 : gc_exp_f64(-x)) * now;
}

static inline double gc_iv_positive_f64(double v, double x, int scaled) {
    if (v * v + x * x >= 961) return gc_iv_far_f64(v, x, scaled);
    return (scaled ? gc_exp_f64(-x) : 1) * gc_bessel_weight_f64(v, x)
        * gc_bessel_series_f64(v, x * x / 4);
}

static inline double gc_kv_any_f64(double v, double x, int scaled) {
    if (!(x > 0) || !(fabs(v) < INFINITY)) return x == 0 && fabs(v) < INFINITY ? INFINITY : NAN;
    return x == INFINITY ? 0 : gc_kv_positive_f64(fabs(v), x, scaled);
}

static inline double gc_iv_any_f64(double v, double x, int scaled) {
    const double a = fabs(x), u = fabs(v), whole = floor(v);
    if (!(u < INFINITY) || x != x || (x < 0 && whole != v)) return NAN;
    const double sign = x < 0 && whole / 2 != floor(whole / 2) ? -1 : 1;
    double found = scaled ? 0 : INFINITY;
    if (a == 0) found = v == 0;
    else if (a < INFINITY) found = gc_iv_positive_f64(u, a, scaled);
    if (v >= 0 || whole == v || a == INFINITY) return sign * found;
    double cosine;
    const double sine = gc_turns_f64(u, &cosine);
    if (a == 0) return sine < 0 ? -INFINITY : INFINITY;
    const double k = gc_kv_positive_f64(u, a, scaled) * (scaled ? gc_exp_f64(-2 * a) : 1);
    return found + 0.6366197723675814 * sine * k;
}

static inline double gc_kv_f64(double v, double x) {
    return gc_kv_any_f64(v, x, 0);
}

static inline double gc_kve_f64(double v, double x) {
    return gc_kv_any_f64(v, x, 1);
}

static inline double gc_iv_f64(double v, double x) {
    return gc_iv_any_f64(v, x, 0);
}

static inline double gc_ive_f64(double v, double x) {
    return gc_iv_any_f64(v, x, 1);
}

/* -- Bessel functions of real order -------------------------------------------------------- */

/* sin(pi v) and cos(pi v), 0 where they are; v is finite. */
static inline double gc_turns_f64(double v, double *cosine) {
    const double u = v - 2 * floor(v / 2), k = gc_nearest_f64(2 * u), r = 3.141592653589793 * (u - k / 2);
    const double s = sin(r), c = cos(r);
    const int quarter = (int)k % 4;
    *cosine = quarter == 0 ? c : quarter == 1 ? 0 - s : quarter == 2 ? -c : s;
    return quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? 0 - s : -c;
}

/* jv(v, x), and yv(v, x) as `y`, for v >= 0 and x so far above it that waves are their expansion. */
static inline double gc_wave_pair_f64(double v, double x, double *y) {
    double sl = 0, al, e, f = 0, p, odd, cosine, s = x, turn = 0;
    if (x < 1e100) {
        const double d = gc_pair_sum_f64(x, -v, &e), t = gc_pair_sum_f64(x, v, &f);
        const double square = gc_pair_product_f64(d, e, t, f, &p);
        s = gc_pair_root_f64(square, p, &sl);
        const double angle = gc_pair_angle_f64(v, s, sl, &al);
        turn = gc_pair_product_f64(v, 0, angle, al, &f);
    }
    const double even = gc_debye_f64(1 / s, -(v / s) * (v / s), 1, &odd);
    const double phase = gc_pair_sum_f64(s, turn, &e), rest = e + (f + sl);
    /* the phase less (v / 2 + 1 / 4) pi */
    const double back = gc_turns_f64(v / 2, &cosine);
    const double s0 = sin(phase), c0 = cos(phase);
    const double s1 = gc_fma_f64(rest, c0, s0), c1 = gc_fma_f64(-rest, s0, c0);
    const double s2 = s1 * cosine - c1 * back, c2 = c1 * cosine + s1 * back;
    const double size = 0.5641895835477563 / sqrt(s), sine = s2 - c2, cosines = c2 + s2;
    *y = size * (sine * even - cosines * odd);
    return size * (cosines * even + sine * odd);
}

/* The same for v so far above x that jv falls and yv grows. */
static inline double gc_evanescent_pair_f64(double v, double x, double *y) {
    if (x < 1e-250) return *y = -INFINITY, 0;
    double sl, e, f, p, ul, odd, high = 0, low = 0;
    const double d = gc_pair_sum_f64(v, -x, &e), t = gc_pair_sum_f64(v, x, &f);
    const double square = gc_pair_product_f64(d, e, t, f, &p), s = gc_pair_root_f64(square, p, &sl);
    const double even = gc_debye_f64(1 / s, (v / s) * (v / s), 0, &odd);
    const double top = gc_pair_sum_f64(v, s, &e), u = gc_pair_quotient_f64(top, e + sl, x, 0, &ul);
    gc_add_power_f64(-v, u, ul, &high, &low);
    high = gc_pair_sum_f64(s, high, &e);
    low += e + sl;
    const double size = 0.3989422804014327 / sqrt(s);
    *y = -2 * gc_pair_scaled_f64(-high, -low, size * (even - odd));
    return gc_pair_scaled_f64(high, low, size * (even + odd));
}

/* p + iq = (J' + iY') / (J + iY) of order m, abs(m) <= 1/2, for x >= 1: the fraction of Steed, from
 * its end on; DLMF 10.74(v). */
static inline double gc_steed_f64(double m, double x, double *q) {
    double re = 0, im = 0;
    for (int k = 5 + (int)(86 / x); k > 0; --k) {
        const double a = (k - 0.5) * (k - 0.5) - m * m, c = 2 * x + re, d = 2 * k + im;
        const double size = a / (c * c + d * d);
        re = c * size, im = -d * size;
    }
    *q = 1 + re / x;
    return -(0.5 + im) / x;
}

/* jv(v, x) and yv(v, x) where v >= 0 is near x or both are small, x >= 1: orders run downwards for jv,
 * from where it is nearly 0, and upwards for yv, from an order where both are known. */
static inline double gc_recurred_pair_f64(double v, double x, double *y) {
    const double reach = cbrt(v > x ? v : x);
    double n = gc_nearest_f64(v);
    if (x >= 40) n = ceil(v - (x - 10.3 * cbrt(x))) + 1;
    const double m = v - n;
    double first = (v > x ? 0 : ceil(x - v)) + ceil(9 * reach) + 10 + n, now = 0, before = 1e-100, wanted = 0;
    if (!(first < 1e7)) return *y = NAN;
    for (double k = first; k > 0; --k) { /* `before` is of order m + k */
        if (k == n) wanted = before;
        const double after = 2 * (m + k) / x * before - now;
        now = before, before = after;
    }
    if (n <= 0) wanted = before;
    double base, next, scale, j;
    if (x >= 40) {
        j = gc_wave_pair_f64(m, x, &base);
        const double j1 = gc_wave_pair_f64(m + 1, x, &next);
        scale = (j * before + j1 * now) / (before * before + now * now);
    } else {
        double q;
        const double p = gc_steed_f64(m, x, &q), other = ((p - m / x) * before + now) / q;
        scale = sqrt(0.6366197723675814 / (x * q)) / gc_hypot_f64(before, other);
        base = scale * other;
        next = m / x * base - (p * base + q * (scale * before));
    }
    for (double k = 1; k <= n; ++k) {
        const double after = 2 * (m + k) / x * next - base;
        base = next, next = after;
        if (base == -INFINITY) break;
    }
    *y = base;
    return scale * wanted;
}

/* jv(v, x) and yv(v, x) for finite v >= 0 and x > 0 */
static inline double gc_bessel_pair_f64(double v, double x, double *y) {
    if (x - v >= 10.3 * cbrt(x)) return gc_wave_pair_f64(v, x, y);
    if (v - x >= 10.3 * cbrt(v)) return gc_evanescent_pair_f64(v, x, y);
    if (x >= 1) return gc_recurred_pair_f64(v, x, y);
    const double n = gc_nearest_f64(v), m = v - n;
    double next, now = gc_temme_series_f64(m, x, 1, &next);
    for (double k = 1; k <= n && now > -INFINITY; ++k) {
        const double after = 2 * (m + k) / x * next - now;
        now = next, next = after;
    }
    *y = now;
    return gc_bessel_weight_f64(v, x) * gc_bessel_series_f64(v, -x * x / 4);
}

static inline double gc_jv_f64(double v, double x) {
    const double a = fabs(x), u = fabs(v), whole = floor(v);
    if (!(u < INFINITY) || x != x || (x < 0 && whole != v)) return NAN;
    const double odd = whole / 2 != floor(whole / 2);
    const double sign = odd && (x < 0) != (v < 0 && whole == v) ? -1 : 1;
    double y = 0, found = v == 0 && a == 0;
    if (a > 0 && a < INFINITY) {
        if (a * a < 2 * (u + 1) && v - a < 10.3 * cbrt(u) && (v >= 0 || whole == v))
            return sign * gc_bessel_weight_f64(u, a) * gc_bessel_series_f64(u, -a * a / 4);
        found = gc_bessel_pair_f64(u, a, &y);
    }
    if (v >= 0 || whole == v || a == INFINITY) return sign * found;
    double cosine;
    const double sine = gc_turns_f64(u, &cosine);
    if (a == 0) return sine < 0 ? -INFINITY : INFINITY;
    return (cosine == 0 ? 0 : cosine * found) - sine * y;
}

static inline double gc_yv_f64(double v, double x) {
    if (!(x >= 0) || !(fabs(v) < INFINITY)) return NAN;
    double cosine = 1, sine = 0, y;
    if (v < 0) sine = gc_turns_f64(-v, &cosine);
    if (x == 0) return cosine == 0 ? 0 : cosine < 0 ? INFINITY : -INFINITY;
    if (x == INFINITY) return 0;
    const double j = gc_bessel_pair_f64(fabs(v), x, &y);
    return (sine == 0 ? 0 : sine * j) + (cosine == 0 ? 0 : cosine * y);
}
