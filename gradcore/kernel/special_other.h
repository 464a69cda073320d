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

/* Owen's T for h >= 0 and 0 <= a <= 1, by Gauss's rule where the integrand is not 0. */
static inline double gc_owens_t_inner_f64(double h, double a) {
    static const double nodes[] = {
        0.0008811451447203998, 0.004636880650271497, 0.011370025008112869, 0.021041590393104173,
        0.03359359586066173, 0.04895059651556285, 0.06702024839387025, 0.08769388458334416,
        0.1108471742867403, 0.13634087240503645, 0.16402165769291022, 0.19372305516600988,
        0.2252664374524359, 0.25846209915691065, 0.2931103978141975, 0.32900295458712076,
        0.36592390749637316, 0.40365120964931445, 0.4419579646623724, 0.48061379124697456,
        0.5193862087530254, 0.5580420353376276, 0.5963487903506856, 0.6340760925036268,
        0.6709970454128792, 0.7068896021858025, 0.7415379008430893, 0.7747335625475641,
        0.8062769448339902, 0.8359783423070898, 0.8636591275949635, 0.8891528257132597,
        0.9123061154166558, 0.9329797516061298, 0.9510494034844371, 0.9664064041393383,
        0.9789584096068958, 0.9886299749918871, 0.9953631193497285, 0.9991188548552796,
    };
    static const double weights[] = {
        0.0022606385492665955, 0.005249142265576406, 0.008210529190953945, 0.01112292459708348,
        0.0139685034900117, 0.016730097641273922, 0.019391083987236008, 0.021935454092836634,
        0.024347903817536116, 0.02661392349196841, 0.028719884549695776, 0.03065312124646447,
        0.03240200672830052, 0.03395602290761695, 0.03530582369564339, 0.03644329119790203,
        0.03736158452898413, 0.03805518095031312, 0.038519909082123986, 0.0387529739892124,
        0.0387529739892124, 0.038519909082123986, 0.03805518095031312, 0.03736158452898413,
        0.03644329119790203, 0.03530582369564339, 0.03395602290761695, 0.03240200672830052,
        0.03065312124646447, 0.028719884549695776, 0.02661392349196841, 0.024347903817536116,
        0.021935454092836634, 0.019391083987236008, 0.016730097641273922, 0.0139685034900117,
        0.01112292459708348, 0.008210529190953945, 0.005249142265576406, 0.0022606385492665955,
    };
    const double top = h * a > 9.2 ? 9.2 / h : a;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < 40; ++k) {
        const double x = top * nodes[k], y = h * x;
        sum += weights[k] * gc_exp_f64(-0.5 * y * y) / (1 + x * x);
    }
    const double square = h * h, rest = gc_product_rest_f64(h, h, square);
    const double e = gc_exp_f64(-0.5 * square);
    return sum * top * 0.15915494309189535 * gc_fma_f64(-0.5 * rest, e, e);
}

/* Patefield and Tandy (2000), (2.3) ff., for what is outside. */
static inline double gc_owens_t_f64(double h, double a) {
    if (h != h || a != a) return h + a;
    const double size = fabs(h), b = fabs(a);
    double t;
    if (size > 40) t = 0;
    else if (b <= 1) t = gc_owens_t_inner_f64(size, b);
    else if (size == 0) t = 0.15915494309189535 * atan(b);
    else {
        const double p = gc_normal_tail_f64(size), q = gc_normal_tail_f64(size * b);
        t = 0.5 * p + q * (0.5 - p) - (size * b > 40 ? 0 : gc_owens_t_inner_f64(size * b, 1 / b));
    }
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
