/* Beta functions for generated code; the notes of special_gamma.h hold here. */

/* beta(a, b) = factor * exp(high + low), for a, b > 0; DLMF 5.12.1, and 5.11.1 for what is large. */
static inline double gc_beta_parts_f64(double a, double b, double *high, double *low) {
    double sl, tl, ul;
    if (a > b) { const double larger = a; a = b, b = larger; }
    const double s = gc_pair_sum_f64(a, b, &sl);
    *high = *low = 0;
    if (b < 10) {
        const double rest = 1 - sl * gc_digamma_f64(s);
        if (a < 1e-10) return (1 + a * (gc_digamma_f64(1) - gc_digamma_f64(b))) / a;
        return gc_gamma_small_f64(a) * (gc_gamma_small_f64(b) / gc_gamma_small_f64(s)) * rest;
    }
    const double t = a / b, tail = gc_stirling_rest_f64(b) - gc_stirling_rest_f64(s);
    tl = (gc_fma_f64(-t, b, a) == a - t * b ? -gc_product_rest_f64(t, b, t * b) + (a - t * b)
                                            : gc_fma_f64(-t, b, a)) / b;
    const double u = gc_pair_sum_f64(1, t, &ul);
    if (a < 10) {
        *high = a;
        gc_add_power_f64(-a, s, sl, high, low);
        gc_add_power_f64(0.5 - b, u, ul + tl, high, low);
        return gc_gamma_small_f64(a) * gc_exp_f64(tail);
    }
    gc_add_power_f64(-b, u, ul + tl, high, low);
    /* (1 + b / a) = (1 + a / b) b / a */
    gc_add_power_f64(0.5 - a, u, ul + tl, high, low);
    gc_add_power_f64(a - 0.5, t, tl, high, low);
    return 2.5066282746310002 / sqrt(b) * gc_exp_f64(tail + gc_stirling_rest_f64(a));
}

static inline double gc_beta_f64(double a, double b) {
    double high, low;
    if (!(a >= 0 && b >= 0)) return NAN;
    if (a == 0 || b == 0) return a == INFINITY || b == INFINITY ? NAN : INFINITY;
    if (a == INFINITY || b == INFINITY) return 0;
    const double factor = gc_beta_parts_f64(a, b, &high, &low);
    return factor * gc_pair_exp_f64(high, low);
}

static inline double gc_betaln_f64(double a, double b) {
    double high, low;
    if (!(a >= 0 && b >= 0)) return NAN;
    if (a == 0 || b == 0) return a == INFINITY || b == INFINITY ? NAN : INFINITY;
    if (a == INFINITY || b == INFINITY) return -INFINITY;
    const double factor = gc_beta_parts_f64(a, b, &high, &low);
    return (gc_log_f64(factor) + low) + high;
}

/* x ** a * y ** b / beta(a, b), for y = 1 - x, each with all of its digits, and the parts of beta. */
static inline double gc_beta_weight_of_f64(double a, double b, double x, double y, double factor,
                                           double high, double low) {
    double ul;
    high = -high, low = -low;
    /* the larger of both is the sum of two numbers */
    const double u = gc_pair_sum_f64(1, x < y ? -x : -y, &ul);
    gc_add_power_f64(a, x < y ? x : u, x < y ? 0 : ul, &high, &low);
    gc_add_power_f64(b, x < y ? u : y, x < y ? ul : 0, &high, &low);
    return gc_pair_exp_f64(high, low) / factor;
}

static inline double gc_beta_weight_f64(double a, double b, double x, double y) {
    double high, low;
    const double factor = gc_beta_parts_f64(a, b, &high, &low);
    return gc_beta_weight_of_f64(a, b, x, y, factor, high, low);
}

/* The n-th numerator of the continued fraction DLMF 8.17.22, n > 0. */
static inline double gc_beta_numerator_f64(double a, double b, double x, int n) {
    const double m = n / 2;
    return n % 2 ? -(a + m) / (a + 2 * m) * ((a + b + m) / (a + 2 * m + 1)) * x
                 : m / (a + 2 * m - 1) * ((b - m) / (a + 2 * m)) * x;
}

/* weight / betainc by the even part of that fraction, whose terms do not cancel, from its end on:
 * Didonato and Morris, "Significant digit computation of the incomplete beta function ratios",
 * 1992, section 4. */
static inline double gc_beta_fraction_f64(double a, double b, double x, double y) {
    const double p = a * y, q = b * x;
    double gap = gc_product_rest_f64(a, y, p) - gc_product_rest_f64(b, x, q);
    /* y is 1 - x, where x is smaller, and the other way round */
    gap += x < y ? -a * ((y - 1) + x) : b * ((x - 1) + y);
    gap = (p - q) + gap + 1;
    double c = a * gap / (a + 1), d = 0, t = 0;
    int n = 1;
    for (; n < 20000; ++n) {
        const double over = n / (a + 2 * n - 1) * (b - n) * x;
        const double an = (a + n - 1) / (a + 2 * n - 1) * (a + b + n - 1) * x * over;
        const double bn = n + over + (a + n) / (a + 2 * n + 1) * (gap + n * (1 + y));
        d = 1 / (bn + an * d), c = bn + an / c;
        if (fabs(c * d - 1) < 1e-16) break;
    }
    for (; n > 0; --n) {
        const double over = n / (a + 2 * n - 1) * (b - n) * x;
        const double an = (a + n - 1) / (a + 2 * n - 1) * (a + b + n - 1) * x * over;
        const double bn = n + over + (a + n) / (a + 2 * n + 1) * (gap + n * (1 + y));
        t = an / (bn + t);
    }
    return a * gap / (a + 1) + t;
}

/* betainc, or upper 1 - betainc, of x and y = 1 - x, and its weight. */
static inline double gc_betainc_part_f64(double a, double b, double x, double y, double weight,
                                         int upper) {
    if (x * (a + b) <= a) {
        const double p = weight / gc_beta_fraction_f64(a, b, x, y);
        return upper ? 1 - p : p;
    }
    const double q = weight / gc_beta_fraction_f64(b, a, y, x);
    return upper ? q : 1 - q;
}

static inline double gc_betainc_f64(double a, double b, double x) {
    if (!(a >= 0 && b >= 0 && x >= 0 && x <= 1)) return NAN;
    if ((a == 0 && b == 0) || (a == INFINITY && b == INFINITY)) return NAN;
    if (x == 0 || x == 1) return x == 1;
    if (a == 0 || b == INFINITY) return 1;
    if (b == 0 || a == INFINITY) return 0;
    return gc_betainc_part_f64(a, b, x, 1 - x, gc_beta_weight_f64(a, b, x, 1 - x), 0);
}

/* The derivative of betainc in a, or in b, of x on the side where its fraction serves. */
static inline double gc_betainc_moved_f64(double a, double b, double x, double y, int by_b) {
    double c = 1, d = 0, h = 1, dc = 0, dd = 0, dh = 0;
    for (int n = 1; n < 20000; ++n) {
        const double m = n / 2, an = gc_beta_numerator_f64(a, b, x, n);
        double rate; /* of the numerator, over it */
        if (n % 2) rate = 1 / (a + b + m) + (by_b ? 0 : 1 / (a + m) - 1 / (a + 2 * m) - 1 / (a + 2 * m + 1));
        else rate = by_b ? 0 : -1 / (a + 2 * m - 1) - 1 / (a + 2 * m);
        const double moved = n % 2 || !by_b ? an * rate : m / (a + 2 * m - 1) / (a + 2 * m) * x;
        dd = moved * d + an * dd, d = 1 / (1 + an * d), dd = -d * d * dd;
        dc = moved / c - an * dc / (c * c), c = 1 + an / c;
        const double step = c * d, dstep = dc * d + c * dd;
        dh = dh * step + h * dstep, h *= step;
        if (n > 1 && fabs(step - 1) < 1e-16 && fabs(h * dstep) <= 1e-16 * fabs(dh)) break;
    }
    const double lx = by_b ? (x < y ? gc_log1p_f64(-x) : gc_log_f64(y))
                            : (x < y ? gc_log_f64(x) : gc_log1p_f64(-y));
    const double gap = lx + (gc_digamma_f64(a + b) - gc_digamma_f64(by_b ? b : a + 1));
    const double weight = gc_beta_weight_f64(a, b, x, y);
    return weight == 0 ? 0 : weight / a * (gap - dh / h) / h;
}

static inline double gc_betainc_slope_f64(double a, double b, double x, int by_b) {
    if (!(a > 0 && b > 0 && x >= 0 && x <= 1) || a == INFINITY || b == INFINITY) return NAN;
    if (x == 0 || x == 1) return 0;
    if (x <= (a + 1) / (a + b + 2)) return gc_betainc_moved_f64(a, b, x, 1 - x, by_b);
    return -gc_betainc_moved_f64(b, a, 1 - x, x, !by_b);
}

static inline double gc_betainc_slope_a_f64(double a, double b, double x) {
    return gc_betainc_slope_f64(a, b, x, 0);
}

static inline double gc_betainc_slope_b_f64(double a, double b, double x) {
    return gc_betainc_slope_f64(a, b, x, 1);
}

/* x where betainc, or upper 1 - betainc, is s <= 1/2: Halley's steps on log(s) in logit(x), within
 * bounds that close in; from Abramowitz and Stegun 26.5.22, or the first term of the series of a tail,
 * which is a bound where both parameters are above 1. */
static inline double gc_beta_solved_f64(double a, double b, double s, int upper) {
    const double wide = sqrt(1 + a + b);
    double low = -745, high = 745, u = gc_log_f64(a / b), x = 0, factor_high, factor_low;
    const double factor = gc_beta_parts_f64(a, b, &factor_high, &factor_low);
    const double size = gc_log_f64(factor * (upper ? b : a)) + factor_high;
    const double start = gc_log_f64(s) + size, tail = upper ? -start / b : start / a;
    if (a > 1 && b > 1) {
        const double z = upper ? gc_ndtri_f64(s) : -gc_ndtri_f64(s), l = (z * z - 3) / 6;
        const double p = 1 / (2 * a - 1), q = 1 / (2 * b - 1), h = 2 / (p + q);
        u -= 2 * (z * sqrt(h + l) / h - (q - p) * (l + 5.0 / 6 - 2 / (3 * h)));
        if (upper ? tail < u : tail > u) u = tail;
    } else if (upper ? tail > u : tail < u) u = tail;
    for (int n = 0; n < 200; ++n) {
        const double e = gc_exp_f64(-fabs(u)), near = e / (1 + e), far = 1 / (1 + e);
        const double y = u > 0 ? near : far;
        x = u > 0 ? far : near;
        const double weight = gc_beta_weight_of_f64(a, b, x, y, factor, factor_high, factor_low);
        const double f = gc_betainc_part_f64(a, b, x, y, weight, upper), r = (f - s) / s;
        const double gap = fabs(r) < 0.5 ? gc_log1p_f64(r) : gc_log_f64(f) - gc_log_f64(s);
        const double slope = weight / f;
        if ((f > s) == upper) low = u; else high = u;
        const double bend = a * y - b * x, turn = 0.5 * gap * (upper ? -bend - slope : bend - slope);
        const double step = (upper ? gap : -gap) / (slope * fmin(fmax(1 - turn / slope, 0.5), 2.0));
        double to = u + step;
        if (fabs(step) * wide < 1e-6) /* the error is the cube; as logit(x) moves */
            return x + x * y * (step + 0.5 * (y - x) * step * step);
        if (!(to > low && to < high)) to = 0.5 * (low + high);
        if (to == u) break;
        u = to;
    }
    return x;
}

static inline double gc_betaincinv_f64(double a, double b, double p) {
    if (!(a > 0 && b > 0 && p >= 0 && p <= 1) || a == INFINITY || b == INFINITY) return NAN;
    if (p == 0 || p == 1) return p == 1;
    return p <= 0.5 ? gc_beta_solved_f64(a, b, p, 0) : gc_beta_solved_f64(a, b, 1 - p, 1);
}
