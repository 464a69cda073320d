/* Transforms of one extent in one precision: REAL, LANES of it side by side, NAME(x) for what is
 * named, PLAN for a plan's type.  Included by fourier.c, which says how they work.
 */

/* How an extent is transformed.  Roots are real parts and imaginary ones in turn. */
typedef struct PLAN {
    struct PLAN *next;
    int64_t n, padded; /* the extent, and that of the convolution that it becomes, or n */
    int cached;        /* whether it stays for further calls */
    int passes, radix[64];
    REAL *factors; /* the roots of all passes, one pass after the other */
    REAL *circle;  /* the roots of each odd radix above 5, likewise */
    REAL *chirp, *spectrum;      /* of the convolution: all real parts, then imaginary ones */
    REAL *_Atomic real;          /* the roots of 2 n up to the n / 2nd, once they are asked for */
    struct PLAN *first, *second; /* of columns and rows, if it is a matrix; first: or of `padded` */
    REAL *low, *high;            /* the roots of n up to the 2 ** shift th, and each such */
    REAL *lane;                  /* the roots of n for the first LANES columns, by rows */
    int shift;
} PLAN;

static PLAN *_Atomic NAME(plans);
static _Atomic int NAME(cached);

static PLAN *NAME(plan_of)(int64_t n);

/* Free a plan that does not stay, with its parts. */
static void NAME(release)(PLAN *plan) {
    if (!plan || plan->cached) return;
    NAME(release)(plan->first);
    NAME(release)(plan->second);
    REAL *const all[] = {plan->factors, plan->circle, plan->chirp, plan->spectrum,
                         atomic_load(&plan->real), plan->low, plan->high, plan->lane};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    free(plan);
}

/* Return the roots k * step of n, so many; NULL: no memory. */
static REAL *NAME(roots)(int64_t count, int64_t step, int64_t n) {
    REAL *found = malloc((size_t)(2 * count) * sizeof *found);
    for (int64_t k = 0; found && k < count; k++) {
        double re, im;
        gc_root(k * step % n, n, &re, &im);
        found[2 * k] = (REAL)re, found[2 * k + 1] = (REAL)im;
    }
    return found;
}

/* passes --------------------------------------------------------------------------------------- */
/* Each takes elements that are `span` numbers wide from `m` places apart, multiplies by roots, and
 * puts them side by side (Stockham's order).  `last`: m is 1, and all roots are.
 */
#define GC_PASS static inline __attribute__((always_inline)) void
#define GC_OPERANDS                                                                                \
    int64_t m, int64_t span, int last, const REAL *w, const REAL *restrict xr,                     \
        const REAL *restrict xi, REAL *restrict yr, REAL *restrict yi

#define GC_TIMES(k, re, im)                                                                        \
    do {                                                                                           \
        const REAL a = re, b = im;                                                                 \
        yr[to + (k) * span + i] = last ? a : a * w[2 * (k) - 2] - b * w[2 * (k) - 1];              \
        yi[to + (k) * span + i] = last ? b : a * w[2 * (k) - 1] + b * w[2 * (k) - 2];              \
    } while (0)

GC_PASS NAME(pass2)(GC_OPERANDS) {
    const int64_t apart = m * span;
    for (int64_t p = 0; p < m; p++, w += 2) {
        const int64_t at = p * span, to = 2 * at;
        _Pragma("GCC ivdep") for (int64_t i = 0; i < span; i++) {
            const REAL ar = xr[at + i], ai = xi[at + i];
            const REAL br = xr[at + apart + i], bi = xi[at + apart + i];
            yr[to + i] = ar + br, yi[to + i] = ai + bi;
            GC_TIMES(1, ar - br, ai - bi);
        }
    }
}

GC_PASS NAME(pass3)(GC_OPERANDS) {
    const REAL half = (REAL)0.5, sine = (REAL)0.866025403784438646763723170752936183;
    const int64_t apart = m * span;
    for (int64_t p = 0; p < m; p++, w += 4) {
        const int64_t at = p * span, to = 3 * at;
        _Pragma("GCC ivdep") for (int64_t i = 0; i < span; i++) {
            const REAL ar = xr[at + i], ai = xi[at + i];
            const REAL br = xr[at + apart + i], bi = xi[at + apart + i];
            const REAL cr = xr[at + 2 * apart + i], ci = xi[at + 2 * apart + i];
            const REAL sr = br + cr, si = bi + ci, dr = sine * (br - cr), di = sine * (bi - ci);
            const REAL mr = ar - half * sr, mi = ai - half * si;
            yr[to + i] = ar + sr, yi[to + i] = ai + si;
            GC_TIMES(1, mr + di, mi - dr);
            GC_TIMES(2, mr - di, mi + dr);
        }
    }
}

GC_PASS NAME(pass4)(GC_OPERANDS) {
    const int64_t apart = m * span;
    for (int64_t p = 0; p < m; p++, w += 6) {
        const int64_t at = p * span, to = 4 * at;
        _Pragma("GCC ivdep") for (int64_t i = 0; i < span; i++) {
            const REAL ar = xr[at + i], ai = xi[at + i];
            const REAL br = xr[at + apart + i], bi = xi[at + apart + i];
            const REAL cr = xr[at + 2 * apart + i], ci = xi[at + 2 * apart + i];
            const REAL dr = xr[at + 3 * apart + i], di = xi[at + 3 * apart + i];
            const REAL er = ar + cr, ei = ai + ci, fr = ar - cr, fi = ai - ci;
            const REAL gr = br + dr, gi = bi + di, hr = br - dr, hi = bi - di;
            yr[to + i] = er + gr, yi[to + i] = ei + gi;
            GC_TIMES(1, fr + hi, fi - hr);
            GC_TIMES(2, er - gr, ei - gi);
            GC_TIMES(3, fr - hi, fi + hr);
        }
    }
}

GC_PASS NAME(pass5)(GC_OPERANDS) {
    const REAL c1 = (REAL)0.309016994374947424102293417182819059;
    const REAL c2 = (REAL)-0.809016994374947424102293417182819059;
    const REAL s1 = (REAL)0.951056516295153572116439333379382143;
    const REAL s2 = (REAL)0.587785252292473129168705954639072769;
    const int64_t apart = m * span;
    for (int64_t p = 0; p < m; p++, w += 8) {
        const int64_t at = p * span, to = 5 * at;
        _Pragma("GCC ivdep") for (int64_t i = 0; i < span; i++) {
            const REAL ar = xr[at + i], ai = xi[at + i];
            const REAL br = xr[at + apart + i], bi = xi[at + apart + i];
            const REAL cr = xr[at + 2 * apart + i], ci = xi[at + 2 * apart + i];
            const REAL dr = xr[at + 3 * apart + i], di = xi[at + 3 * apart + i];
            const REAL er = xr[at + 4 * apart + i], ei = xi[at + 4 * apart + i];
            const REAL pr = br + er, pi = bi + ei, qr = br - er, qi = bi - ei;
            const REAL tr = cr + dr, ti = ci + di, ur = cr - dr, ui = ci - di;
            const REAL fr = ar + c1 * pr + c2 * tr, fi = ai + c1 * pi + c2 * ti;
            const REAL gr = ar + c2 * pr + c1 * tr, gi = ai + c2 * pi + c1 * ti;
            const REAL vr = s1 * qr + s2 * ur, vi = s1 * qi + s2 * ui;
            const REAL xr_ = s2 * qr - s1 * ur, xi_ = s2 * qi - s1 * ui;
            yr[to + i] = ar + pr + tr, yi[to + i] = ai + pi + ti;
            GC_TIMES(1, fr + vi, fi - vr);
            GC_TIMES(2, gr + xi_, gi - xr_);
            GC_TIMES(3, gr - xi_, gi + xr_);
            GC_TIMES(4, fr - vi, fi + vr);
        }
    }
}

GC_PASS NAME(pass8)(GC_OPERANDS) {
    const REAL root = (REAL)0.707106781186547524400844362104849039;
    const int64_t apart = m * span;
    for (int64_t p = 0; p < m; p++, w += 14) {
        const int64_t at = p * span, to = 8 * at;
        _Pragma("GCC ivdep") for (int64_t i = 0; i < span; i++) {
            REAL re[8], im[8];
            _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) { /* elements 4 apart */
                const int64_t one = at + j * apart + i, other = one + 4 * apart;
                re[j] = xr[one] + xr[other], im[j] = xi[one] + xi[other];
                re[j + 4] = xr[one] - xr[other], im[j + 4] = xi[one] - xi[other];
            }
            const REAL ar = re[0] + re[2], ai = im[0] + im[2];
            const REAL br = re[0] - re[2], bi = im[0] - im[2];
            const REAL cr = re[1] + re[3], ci = im[1] + im[3];
            const REAL dr = re[1] - re[3], di = im[1] - im[3];
            const REAL er = root * (re[5] + im[5]), ei = root * (im[5] - re[5]);
            const REAL fr = root * (im[7] - re[7]), fi = -root * (re[7] + im[7]);
            const REAL gr = re[4] + im[6], gi = im[4] - re[6];
            const REAL hr = re[4] - im[6], hi = im[4] + re[6];
            const REAL kr = er + fr, ki = ei + fi, lr = er - fr, li = ei - fi;
            yr[to + i] = ar + cr, yi[to + i] = ai + ci;
            GC_TIMES(1, gr + kr, gi + ki);
            GC_TIMES(2, br + di, bi - dr);
            GC_TIMES(3, hr + li, hi - lr);
            GC_TIMES(4, ar - cr, ai - ci);
            GC_TIMES(5, gr - kr, gi - ki);
            GC_TIMES(6, br - di, bi + dr);
            GC_TIMES(7, hr - li, hi + lr);
        }
    }
}

/* Any odd radix: sums and differences of what lies opposite on the circle. */
GC_PASS NAME(pass_odd)(int radix, const REAL *circle, GC_OPERANDS) {
    const int64_t apart = m * span;
    const int half = radix / 2;
    for (int64_t p = 0; p < m; p++, w += 2 * (radix - 1)) {
        const int64_t at = p * span, to = radix * at;
        for (int64_t start = 0; start < span; start += LANES) {
            const int64_t stop = start + LANES < span ? start + LANES : span;
            for (int k = 0; k <= half; k++) {
                REAL ar[LANES], ai[LANES], br[LANES] = {0}, bi[LANES] = {0};
                for (int64_t i = start; i < stop; i++)
                    ar[i - start] = xr[at + i], ai[i - start] = xi[at + i];
                for (int j = 1; j <= half; j++) {
                    const REAL c = circle[2 * (j * k % radix)], s = circle[2 * (j * k % radix) + 1];
                    const int64_t one = at + j * apart, other = at + (radix - j) * apart;
                    _Pragma("GCC ivdep") for (int64_t i = start; i < stop; i++) {
                        ar[i - start] += c * (xr[one + i] + xr[other + i]);
                        ai[i - start] += c * (xi[one + i] + xi[other + i]);
                        br[i - start] += s * (xr[one + i] - xr[other + i]);
                        bi[i - start] += s * (xi[one + i] - xi[other + i]);
                    }
                }
                _Pragma("GCC ivdep") for (int64_t i = start; i < stop; i++) {
                    const int64_t l = i - start;
                    if (k == 0) yr[to + i] = ar[l], yi[to + i] = ai[l];
                    else {
                        GC_TIMES(k, ar[l] - bi[l], ai[l] + br[l]);
                        GC_TIMES(radix - k, ar[l] + bi[l], ai[l] - br[l]);
                    }
                }
            }
        }
    }
}

/* a transform of elements of so many lanes ----------------------------------------------------- */
#define GC_PASSED(pass, ...)                                                                       \
    do {                                                                                           \
        if (m == 1) pass(__VA_ARGS__ m, span, 1, w, xr, xi, yr, yi);                               \
        else if (span == LANES) pass(__VA_ARGS__ m, LANES, 0, w, xr, xi, yr, yi);                  \
        else pass(__VA_ARGS__ m, span, 0, w, xr, xi, yr, yi);                                      \
    } while (0)

/* Transform x, with y for room; return whichever of the two has the result (as parts apart by
 * n * lanes numbers). */
static REAL *NAME(passes)(const PLAN *plan, int64_t lanes, REAL *x, REAL *y) {
    const int64_t total = plan->n * lanes;
    const REAL *w = plan->factors, *circle = plan->circle;
    int64_t m = plan->n, span = lanes;
    for (int k = 0; k < plan->passes; k++) {
        const int radix = plan->radix[k];
        const REAL *xr = x, *xi = x + total;
        REAL *yr = y, *yi = y + total;
        m /= radix;
        if (radix == 8) GC_PASSED(NAME(pass8), );
        else if (radix == 4) GC_PASSED(NAME(pass4), );
        else if (radix == 2) GC_PASSED(NAME(pass2), );
        else if (radix == 3) GC_PASSED(NAME(pass3), );
        else if (radix == 5) GC_PASSED(NAME(pass5), );
        else {
            if (m == 1) NAME(pass_odd)(radix, circle, m, span, 1, w, xr, xi, yr, yi);
            else NAME(pass_odd)(radix, circle, m, span, 0, w, xr, xi, yr, yi);
            circle += 2 * radix;
        }
        w += 2 * (radix - 1) * m;
        span *= radix;
        REAL *const moved = x;
        x = y, y = moved;
    }
    return x;
}

/* The same by a convolution with a chirp (Bluestein's), in a room of 4 * padded * lanes. */
static REAL *NAME(convolved)(const PLAN *plan, PLAN *inner, int64_t lanes, REAL *x, REAL *room) {
    const int64_t n = plan->n, m = plan->padded, own = n * lanes, total = m * lanes;
    const REAL *const cr = plan->chirp, *const ci = cr + n;
    const REAL *const sr = plan->spectrum, *const si = sr + m;
    memset(room, 0, (size_t)(2 * total) * sizeof *room);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j * lanes; i < (j + 1) * lanes; i++) {
            room[i] = x[i] * cr[j] - x[own + i] * ci[j];
            room[total + i] = x[i] * ci[j] + x[own + i] * cr[j];
        }
    REAL *const other = room + 2 * total;
    REAL *found = NAME(passes)(inner, lanes, room, other);
    REAL *const rest = found == room ? other : room;
    for (int64_t j = 0; j < m; j++) /* parts change places: the transform back */
        for (int64_t i = j * lanes; i < (j + 1) * lanes; i++) {
            const REAL re = found[i], im = found[total + i];
            rest[i] = re * si[j] + im * sr[j];
            rest[total + i] = re * sr[j] - im * si[j];
        }
    found = NAME(passes)(inner, lanes, rest, found);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j * lanes; i < (j + 1) * lanes; i++) {
            const REAL re = found[total + i], im = found[i];
            x[i] = re * cr[j] - im * ci[j];
            x[own + i] = re * ci[j] + im * cr[j];
        }
    return x;
}

/* How many numbers a transform of so many lanes needs, those it transforms among them. */
static int64_t NAME(room)(const PLAN *plan, int64_t lanes) {
    return lanes * (plan->padded == plan->n ? 4 * plan->n : 2 * plan->n + 4 * plan->padded);
}

/* Transform what is at the start of `room`; return where the result is. */
static REAL *NAME(lanes)(const PLAN *plan, int64_t lanes, REAL *room) {
    REAL *const rest = room + 2 * plan->n * lanes;
    if (plan->padded == plan->n) return NAME(passes)(plan, lanes, room, rest);
    return NAME(convolved)(plan, plan->first, lanes, room, rest);
}

/* plans ---------------------------------------------------------------------------------------- */
/* Each of these returns whether a plan has what it then needs: small factors; memory. */
static int NAME(divided)(PLAN *plan) {
    int64_t rest = plan->n;
    for (; rest % 8 == 0 && rest != 16; rest /= 8) plan->radix[plan->passes++] = 8;
    for (; rest % 4 == 0; rest /= 4) plan->radix[plan->passes++] = 4;
    for (int radix = 2; radix <= GC_LARGEST_RADIX; radix += radix == 2 ? 1 : 2)
        for (; rest % radix == 0; rest /= radix) plan->radix[plan->passes++] = radix;
    return rest == 1;
}

static int NAME(with_factors)(PLAN *plan) {
    int64_t count = 0, circles = 0, m = plan->n;
    for (int k = 0; k < plan->passes; k++) {
        m /= plan->radix[k];
        count += (plan->radix[k] - 1) * m;
        circles += plan->radix[k] > 5 && plan->radix[k] % 2 ? plan->radix[k] : 0;
    }
    REAL *w = plan->factors = malloc((size_t)(2 * count + 2) * sizeof *w);
    REAL *circle = plan->circle = malloc((size_t)(2 * circles + 2) * sizeof *circle);
    if (!w || !circle) return 0;
    m = plan->n;
    for (int k = 0; k < plan->passes; k++) {
        const int64_t radix = plan->radix[k], n = m;
        m /= radix;
        for (int64_t p = 0; p < m; p++)
            for (int64_t j = 1; j < radix; j++, w += 2) {
                double re, im;
                gc_root(p * j % n, n, &re, &im);
                w[0] = (REAL)re, w[1] = (REAL)im;
            }
        for (int64_t j = 0; radix > 5 && radix % 2 && j < radix; j++, circle += 2) {
            double re, im;
            gc_root(j, radix, &re, &im);
            circle[0] = (REAL)re, circle[1] = (REAL)im;
        }
    }
    return 1;
}

static int NAME(with_chirp)(PLAN *plan) {
    const int64_t n = plan->n, m = plan->padded = gc_smooth(2 * n - 1);
    PLAN *inner = plan->first = NAME(plan_of)(m);
    REAL *chirp = plan->chirp = malloc((size_t)(2 * n) * sizeof *chirp);
    REAL *spectrum = plan->spectrum = malloc((size_t)(2 * m) * sizeof *spectrum);
    REAL *room = calloc((size_t)(4 * m), sizeof *room);
    if (inner && chirp && spectrum && room) {
        for (int64_t j = 0, square = 0; j < n; square = (square + 2 * j + 1) % (2 * n), j++) {
            double re, im;
            gc_root(square, 2 * n, &re, &im);
            chirp[j] = (REAL)re, chirp[n + j] = (REAL)im;
            const int64_t back = j ? m - j : 0;
            room[j] = room[back] = (REAL)(re / (double)m);
            room[m + j] = room[m + back] = (REAL)(-im / (double)m);
        }
        memcpy(spectrum, NAME(passes)(inner, 1, room, room + 2 * m),
               (size_t)(2 * m) * sizeof *spectrum);
    }
    free(room);
    return inner && chirp && spectrum && room;
}

/* A row as a matrix of about as many rows as columns, if it has such factors. */
static int NAME(with_matrix)(PLAN *plan) {
    const int64_t n = plan->n;
    if (n < GC_SHORT_ROW) return 1;
    int64_t rows = 1;
    for (int64_t k = 1; k * k <= n; k++)
        if (n % k == 0 && (k % LANES == 0 || rows % LANES)) rows = k;
    if (rows < LANES) return 1;
    while ((int64_t)1 << 2 * plan->shift < n) plan->shift++;
    const int64_t low = (int64_t)1 << plan->shift;
    plan->low = NAME(roots)(low, 1, n);
    plan->high = NAME(roots)(n / low + 1, low, n);
    plan->lane = malloc((size_t)(2 * rows * LANES) * sizeof *plan->lane);
    for (int64_t k = 0; plan->lane && k < rows; k++)
        for (int64_t l = 0; l < LANES; l++) {
            double re, im;
            gc_root(k * l % n, n, &re, &im);
            plan->lane[2 * k * LANES + l] = (REAL)re;
            plan->lane[(2 * k + 1) * LANES + l] = (REAL)im;
        }
    plan->first = NAME(plan_of)(rows);
    plan->second = NAME(plan_of)(n / rows);
    return plan->low && plan->high && plan->lane && plan->first && plan->second;
}

/* Return the plan of an extent, for `release` after use; NULL: no memory. */
static PLAN *NAME(plan_of)(int64_t n) {
    for (PLAN *plan = atomic_load(&NAME(plans)); plan; plan = plan->next)
        if (plan->n == n) return plan;
    PLAN *plan = calloc(1, sizeof *plan);
    if (!plan) return NULL;
    plan->n = plan->padded = n;
    const int smooth = NAME(divided)(plan);
    const int made = smooth ? NAME(with_factors)(plan) && NAME(with_matrix)(plan)
                            : NAME(with_chirp)(plan);
    if (!made) {
        NAME(release)(plan);
        return NULL;
    }
    const int parts =
        (!plan->first || plan->first->cached) && (!plan->second || plan->second->cached);
    if (parts && atomic_fetch_add(&NAME(cached), 1) < GC_MOST_PLANS) {
        plan->cached = 1;
        plan->next = atomic_load(&NAME(plans));
        while (!atomic_compare_exchange_weak(&NAME(plans), &plan->next, plan)) {}
    }
    return plan;
}

/* Return the roots for real transforms of twice the extent, or NULL: no memory. */
static const REAL *NAME(real_roots)(PLAN *plan) {
    REAL *found = atomic_load(&plan->real), *none = NULL;
    if (found) return found;
    found = NAME(roots)(plan->n / 2 + 1, 1, 2 * plan->n);
    if (found && !atomic_compare_exchange_strong(&plan->real, &none, found)) {
        free(found);
        found = none;
    }
    return found;
}
