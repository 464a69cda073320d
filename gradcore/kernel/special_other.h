/* Owen's T, Lambert's W and hypergeometric functions, for generated code. */

/* W(x) by its series at the branch point, in p = sqrt(2 (e x + 1)); Corless et al. (1996), (4.22). */
static inline double gc_lambertw_branch_f64(double p) {
    static const double c[] = {
        3.7710949611072535e-06, -5.544203208567359e-06, 8.163531982496613e-06,
        -1.2040352739559977e-05, 1.7790345805079586e-05, -2.63380647472311e-05,
        3.907668486743905e-05, -5.811360750441382e-05, 8.665035805208128e-05,
        -0.00012957426685274883, 0.00019438727605453933, -0.00029267722472962746,
        0.0004424730618146209, -0.0006720616311561362, 0.0010262633205076071,
        -0.0015769303446867841, 0.0024408779911439826, -0.0038112980348919993,
        0.006014543252956118, -0.009616892024299432, 0.01563563253233392, -0.02598471487360376,
        0.044502314814814814, -0.07962962962962963, 0.1527777777777778, -0.3333333333333333, 1.0,
        -1.0,
    };
    return gc_horner_f64(c, 28, p);
}

/* The principal branch for real x >= -1 / e, by Newton's steps on w + log(w) = log(x). */
static inline double gc_lambertw_f64(double x) {
    if (x == INFINITY || fabs(x) < 1e-300) return x;
    const double e = 2.718281828459045, near = x > 1 ? 1 : x, square = e * near;
    const double rest = gc_product_rest_f64(e, near, square) + 1.4456468917292502e-16 * near;
    const double gap = x == near ? (square + 1) + rest : x == x ? 4 : x;
    if (!(gap >= 0)) return gap > -1e-15 ? -1 : NAN;
    if (gap < 0.06) return gc_lambertw_branch_f64(sqrt(2 * gap));
    const double l = gc_log1p_f64(x), p = sqrt(2 * gap);
    double w = x < 0 ? p < 1 ? -1 + p - p * p / 3 + 0.15 * p * p * p : x * (1 - x) : l;
    if (x > 3) w = l - gc_log_f64(l);
    for (int n = 0; n < 5; ++n) w *= (1 + gc_log_f64(x / w)) / (1 + w);
    return w;
}

/* Owen's T for 0 <= h <= 40 and 0 <= a <= 1, by Gauss's rule of 24 points where the integrand is not
 * 0; two points share a division. */
static inline double gc_owens_t_inner_f64(double h, double a) {
    static const double squares[] = { /* of the nodes */
        5.790712839267769e-06, 0.0001596614708238092, 0.0009525077326158356,
        0.0032253581264219877, 0.00809982126333476, 0.016883858950674978, 0.030959519451763624,
        0.05166040966857191, 0.08014744800160435, 0.11729163265945317, 0.16357217163929128,
        0.21899737494950003, 0.28305426781210563, 0.35469103911290756, 0.43233431235561653,
        0.5139409556276495, 0.5970818810574114, 0.6790531713887392, 0.7570080505292294,
        0.8281018072372377, 0.8896408851308231, 0.9392270597353486, 0.9748882174421333,
        0.9951930107098607,
    };
    static const double weights[] = {
        0.0061706148999936, 0.014265694314466832, 0.022138719408709904, 0.02964929245771839,
        0.03667324070554015, 0.04309508076597664, 0.04880932605205694, 0.05372213505798282,
        0.0577528340268628, 0.060835236463901696, 0.06291872817341415, 0.06396909767337608,
        0.06396909767337608, 0.06291872817341415, 0.060835236463901696, 0.0577528340268628,
        0.05372213505798282, 0.04880932605205694, 0.04309508076597664, 0.03667324070554015,
        0.02964929245771839, 0.022138719408709904, 0.014265694314466832, 0.0061706148999936,
    };
    const double top = h * a > 8.6 ? 8.6 / h : a, t = top * top;
    const double width = -0.7213475204444817 * (h * h * t); /* exp is a power of two */
    double sum = 0;
#pragma GCC unroll 12
    for (int k = 0; k < 24; k += 2) {
        const double x = gc_fma_f64(t, squares[k], 1), y = gc_fma_f64(t, squares[k + 1], 1);
        const double p = weights[k] * gc_exp2_near_f64(width * squares[k]);
        const double q = weights[k + 1] * gc_exp2_near_f64(width * squares[k + 1]);
        sum += gc_fma_f64(p, y, q * x) / (x * y);
    }
    const double square = h * h, rest = gc_product_rest_f64(h, h, square);
    const double e = gc_exp_f64(-0.5 * square);
    return sum * top * 0.15915494309189535 * gc_fma_f64(-0.5 * rest, e, e);
}

/* Patefield and Tandy (2000), (2.3) ff., for what is outside. */
static inline double gc_owens_t_f64(double h, double a) {
    const double size = fabs(h) > 40 ? 40 : fabs(h), b = fabs(a), far = b > 1e300 ? 1e300 : b;
    const double other = size * far > 40 ? 40 : size * far;
    const double inner = gc_owens_t_inner_f64(b > 1 ? other : size, b > 1 ? 1 / far : b);
    const double p = gc_normal_tail_f64(size), q = gc_normal_tail_f64(other);
    const double t = b > 1 ? gc_fma_f64(q, 0.5 - p, 0.5 * p) - inner : inner;
    return a < 0 ? -t : t;
}

/* Kummer's function, DLMF 13.2.2: all terms have one sign where a, b and x do; 13.2.39 for x < 0. */
static inline double gc_hyp1f1_f64(double a, double b, double x) {
    if (a != a || b != b || x != x) return a + b + x;
    if (b <= 0 && b == floor(b) && !(a <= 0 && a == floor(a) && a > b)) return INFINITY;
    if (x == 0 || a == 0) return 1;
    const double sign = x < 0 ? -1 : 1, first = x < 0 ? b - a : a, z = fabs(x);
    if (z > 800) {
        /* the leading terms of 13.7.1 */
        double term = 1, sum = 1;
        for (int k = 0; k < 60; ++k) {
            const double next = term * (b - first + k) * (1 - first + k) / ((k + 1) * z);
            if (!(fabs(next) < fabs(term)) || fabs(next) < 1e-17) break;
            term = next, sum += term;
        }
        const double lx = gc_gammaln_f64(b) - gc_gammaln_f64(first) + (first - b) * gc_log_f64(z);
        if (!(b > 0 && first > 0)) return NAN;
        return sum * gc_exp_f64(lx + (sign > 0 ? z : 0));
    }
    double term = 1, sum = 1;
    for (int k = 0; k < 20000; ++k) {
        term *= (first + k) / (b + k) * z / (k + 1);
        sum += term;
        if (fabs(term) <= 1e-17 * fabs(sum)) break;
    }
    return sign > 0 ? sum : gc_exp_f64(x) * sum;
}

/* Gauss's function for x < 1, DLMF 15.2.1; 15.8.1 for x < 0, so that terms have one sign. */
static inline double gc_hyp2f1_f64(double a, double b, double c, double x) {
    if (x == 0) return 1;
    if (c <= 0 && c == floor(c)) return INFINITY;
    if (a == 0 || b == 0) return 1;
    if (!(x <= 1) || a != a || b != b || c != c) return NAN;
    if (x == 1) {
        if (!(c > a + b)) return INFINITY;
        return gc_gamma_f64(c) * gc_gamma_f64(c - a - b) / (gc_gamma_f64(c - a) * gc_gamma_f64(c - b));
    }
    const double y = x < 0 ? x / (x - 1) : x, second = x < 0 ? c - b : b;
    double term = 1, sum = 1;
    for (int k = 0; k < 100000; ++k) {
        term *= (a + k) / (c + k) * ((second + k) / (k + 1)) * y;
        sum += term;
        if (fabs(term) <= 1e-17 * fabs(sum) * (1 - y)) break;
    }
    return x < 0 ? gc_pow_f64(1 - x, -a) * sum : sum;
}
