/* Gamma and beta functions for generated code; the notes of mathematics.h hold here.
 *
 * Powers whose exponents are large are taken of logarithms that are the sum of two numbers, so that
 * the tails of distributions keep their digits.  The tables come from
 * benchmarks/special_coefficients.py.
 */

/* A polynomial in t, the coefficient of the highest power first; a loop of it would keep those around it
 * from being vectorized. */
static inline double gc_horner_f64(const double *c, int n, double t) {
    double p = c[0];
#pragma GCC unroll 40
    for (int k = 1; k < n; ++k) p = gc_fma_f64(p, t, c[k]);
    return p;
}

/* -- sums of two numbers ------------------------------------------------------------------- */

/* a + b as the sum of two numbers, exactly. */
static inline double gc_pair_sum_f64(double a, double b, double *low) {
    const double s = a + b, t = s - a;
    *low = (a - (s - t)) + (b - t);
    return s;
}

/* log(x) for x > 0. */
static inline double gc_pair_log_f64(double x, double *low) {
    double e, rest;
    const double m = gc_log_pair_f64(gc_split_f64(x, &e), &rest);
    if (e == 0) return *low = rest, m;
    const double whole = e * 0x1.62e42feep-1, part = e * 0x1.a39ef35793c76p-33;
    double carried, tail;
    const double high = gc_pair_sum_f64(whole, m, &carried);
    const double sum = gc_pair_sum_f64(high, part, &tail);
    tail += carried + rest + gc_product_rest_f64(e, 0x1.a39ef35793c76p-33, part);
    const double y = sum + tail;
    *low = tail - (y - sum);
    return y;
}

/* high + low += k * log(u + ul), for a sum of two numbers above 0. */
static inline void gc_add_power_f64(double k, double u, double ul, double *high, double *low) {
    double ll, s;
    const double l = gc_pair_log_f64(u, &ll), p = k * l;
    double r = gc_fma_f64(k, ll + ul / u, gc_product_rest_f64(k, l, p));
    const double sum = gc_pair_sum_f64(*high, p, &s);
    r += s + *low;
    *high = sum + r;
    *low = r - (*high - sum);
}

/* exp(high + low) */
static inline double gc_pair_exp_f64(double high, double low) {
    const double e = gc_exp_f64(high);
    return e == INFINITY || low != low ? e : gc_fma_f64(e, low, e);
}

/* -- the gamma function -------------------------------------------------------------------- */

/* sin(pi z) for z >= 0. */
static inline double gc_sinpi_positive_f64(double z) {
    static const double c[] = {
        -2.228371216069697e-08, 7.94853903737232e-07, -2.1915250301851375e-05,
        0.0004663027874593273, -0.007370430943702136, 0.08214588661099356, -0.5992645293207869,
        2.5501640398773455, -5.16771278004997, 3.141592653589793,
    };
    const double n = rint(z), r = z - n, odd = n - 2 * rint(0.5 * n - 0.25);
    return (1 - 2 * odd) * r * gc_horner_f64(c, 10, r * r);
}

/* gamma(z) for 2 <= z < 3, 1 at 2. */
static inline double gc_gamma_fit_f64(double z) {
    static const double c[] = {
        -1.553965952175478e-12, 7.775377072797902e-12, -3.2057145335163035e-11,
        1.6237161740072542e-10, -7.900818609097179e-10, 4.333702568903424e-09,
        -1.683298939423233e-08, 1.3661719891635046e-07, -1.2122078961335196e-07,
        6.015550191593261e-06, 1.9100082734188227e-05, 0.000305662524282246,
        0.0014668862628404156, 0.012242267987432694, 0.051225543722856905, 0.2760537452678114,
        0.658680776358274,
    };
    return gc_fma_f64(z - 2, gc_horner_f64(c, 17, 2 * z - 5), 1);
}

/* gamma(z) for 0 <= z < 12: a product, so that factorials are whole. */
static inline double gc_gamma_product_f64(double z) {
    double a = z, factor = 1;
    for (int k = 0; k < 9; ++k) {
        const int over = a >= 3;
        a = over ? a - 1 : a, factor = over ? factor * a : factor;
    }
    const double below = a < 1 ? a * (a + 1) : a < 2 ? a : 1;
    const double b = a < 1 ? a + 2 : a < 2 ? a + 1 : a;
    return gc_gamma_fit_f64(b) * factor / below;
}

/* gamma(z) for 12 <= z < 200, as root ** 2 * factor: DLMF 5.11.3. */
static inline double gc_gamma_stirling_f64(double z, double *root) {
    static const double c[] = {
        6.566199244005675e-16, 5.5477937123886885e-15, -3.050534807013778e-13,
        -1.3176889739098016e-12, 2.455399295360301e-10, -4.972194444726798e-10,
        -4.906496927517396e-07, 1.3643868139646765e-05, 0.00873232686107214, 2.5153464677180075,
    };
    double e, rest, t;
    const double m = gc_log_pair_f64(gc_split_f64(z, &e), &rest), y = z - 0.5;
    /* (z - 1/2) log(z) - z, log(z) being the sum of three numbers */
    const double whole = e * 0x1.62e42feep-1, part = gc_fma_f64(e, 0x1.a39ef35793c76p-33, rest);
    const double sum = gc_pair_sum_f64(whole, m, &t);
    double ll;
    const double l = gc_pair_sum_f64(sum, t + part, &ll), p = y * l;
    const double low = gc_fma_f64(y, ll, gc_product_rest_f64(y, l, p));
    const double high = gc_pair_sum_f64(p, -z, &t);
    const double w = gc_exp_f64(0.5 * high);
    *root = gc_fma_f64(w, 0.5 * (low + t), w);
    return gc_horner_f64(c, 10, 24 / z - 1);
}

/* Below 0 by reflection, -pi / (z sin(pi z) gamma(z)) at z = -x, which has no difference to round. */
static inline double gc_gamma_f64(double x) {
    const double z = fabs(x), far = z > 190 ? 190 : z < 12 ? 12 : z;
    double w;
    const double s = gc_gamma_stirling_f64(far, &w), p = gc_gamma_product_f64(z < 12 ? z : 2);
    const double factor = z < 12 ? p : s, root = z < 12 ? 1 : w;
    const double sine = z * gc_sinpi_positive_f64(z);
    const double product = root * (root * factor);
    const double positive = z == rint(z) ? rint(product) : product; /* a factorial */
    const double negative = -3.141592653589793 / sine / (root * factor) / root;
    const double found = x > 0 ? z > 190 ? INFINITY : positive : sine == 0 ? NAN : negative;
    return z < 0x1p-54 ? 1 / x : x == x ? found : x;
}

/* -- parts of logarithms of gamma functions ------------------------------------------------ */

/* log(gamma(x)) less Stirling's formula, (x - 1/2) log(x) - x + log(2 pi) / 2, for x >= 10. */
static inline double gc_stirling_rest_f64(double x) {
    static const double c[] = {
        -3617.0 / 122400, 1.0 / 156, -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260,
        -1.0 / 360, 1.0 / 12,
    };
    return gc_horner_f64(c, 8, 1 / x / x) / x;
}

/* log(gamma(1 + a)) for 0 <= a <= 1. */
static inline double gc_gammaln1p_f64(double a) {
    static const double c[] = {
        -3.700571132904742e-12, 1.1577613910649688e-11, -1.5936042537298723e-11,
        5.030067090605482e-11, -2.075322954216366e-10, 6.5655031582108e-10,
        -2.0184741279133343e-09, 6.430366506216791e-09, -2.0619851263731666e-08,
        6.623870571642316e-08, -2.138638060528023e-07, 6.948428393704062e-07,
        -2.2742472358027586e-06, 7.511391846837954e-06, -2.5094328700900636e-05,
        8.510090373634476e-05, -0.0002945507015164312, 0.001049818664454635,
        -0.003913560937626331, 0.015727850268641097, -0.07297994795715304, 0.4831289505409809,
    };
    return a * (a - 1) * gc_horner_f64(c, 22, 2 * a - 1);
}

/* gamma(a) for 0 < a < 20. */
static inline double gc_gamma_small_f64(double a) {
    if (a < 1) return gc_gamma_fit_f64(a + 2) / (a * (a + 1));
    if (a < 2) return gc_gamma_fit_f64(a + 1) / a;
    double factor = 1;
    while (a >= 3) a -= 1, factor *= a;
    return factor * gc_gamma_fit_f64(a);
}

/* t - log(1 + t), for t > -1. */
static inline double gc_log1p_gap_f64(double t) {
    if (t < -0.4 || t > 0.6) return t - gc_log1p_f64(t);
    /* log(1 + t) = 2 (s + s ** 3 / 3 + ...) for s = t / (2 + t), and t - 2 s = s t */
    const double s = t / (2 + t), z = s * s;
    double p = 1.0 / 27;
    for (int k = 25; k > 1; k -= 2) p = gc_fma_f64(p, z, 1.0 / k);
    return s * gc_fma_f64(-2 * z, p, t);
}
