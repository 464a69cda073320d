/* Transforms along an axis in one precision.  Included by fourier.c, after fourier_of.h. */

typedef REAL NAME(vector)
    __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef INDEX NAME(mask) __attribute__((vector_size(LANES * sizeof(REAL))));

/* Transpose a square of LANES rows: each step interleaves rows that are half of them apart. */
static inline __attribute__((always_inline)) void NAME(transposed)(NAME(vector) rows[LANES]) {
    for (int step = 1; step < LANES; step *= 2) {
        NAME(vector) next[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            const NAME(vector) a = rows[i], b = rows[i + LANES / 2];
            next[2 * i] = GC_LOW(a, b);
            next[2 * i + 1] = GC_HIGH(a, b);
        }
        memcpy(rows, next, sizeof next);
    }
}

/* Numbers in memory: element j of line l starts at j * step + l * line, its imaginary part is
 * `part` further; 0: it has none. */
typedef struct {
    int64_t step, line, part;
} NAME(strides);

/* Read n elements of `count` lines into rows of `width` numbers, zeros where there is no line. */
static void NAME(load)(int64_t n, int64_t count, int64_t width, const REAL *from,
                       NAME(strides) s, REAL *re, REAL *im) {
    if (count < width || !s.part) memset(im, 0, (size_t)(n * width) * sizeof *im);
    if (count < width) memset(re, 0, (size_t)(n * width) * sizeof *re);
    int64_t j = 0;
    if (count == LANES && s.step == 2 && s.part == 1) /* rows of complex numbers */
        for (; j + LANES / 2 <= n; j += LANES / 2, from += LANES) {
            NAME(vector) square[LANES];
            for (int l = 0; l < LANES; l++) square[l] = *(const NAME(vector) *)(from + l * s.line);
            NAME(transposed)(square);
            for (int l = 0; l < LANES; l += 2, re += LANES, im += LANES) {
                *(NAME(vector) *)re = square[l];
                *(NAME(vector) *)im = square[l + 1];
            }
        }
    for (; j < n; j++, from += s.step, re += width, im += width) {
        if (count == LANES && s.line == 2 && s.part == 1) {
            __builtin_prefetch(from + 2 * LANES, 0, 2);
            __builtin_prefetch(from + 2 * LANES + 64 / sizeof *from, 0, 2);
            const NAME(vector) a = *(const NAME(vector) *)from;
            const NAME(vector) b = *(const NAME(vector) *)(from + LANES);
            *(NAME(vector) *)re = GC_EVEN(a, b);
            *(NAME(vector) *)im = GC_ODD(a, b);
        } else if (count == LANES && s.line == 1 && s.part)
            for (int64_t l = 0; l < LANES; l++) re[l] = from[l], im[l] = from[s.part + l];
        else if (s.part)
            for (int64_t l = 0; l < count; l++)
                re[l] = from[l * s.line], im[l] = from[l * s.line + s.part];
        else
            for (int64_t l = 0; l < count; l++) re[l] = from[l * s.line];
    }
}

/* Write such rows back. */
static void NAME(store)(int64_t n, int64_t count, int64_t width, const REAL *re, const REAL *im,
                        REAL *to, NAME(strides) s) {
    int64_t j = 0;
    if (count == LANES && s.step == 2 && s.part == 1)
        for (; j + LANES / 2 <= n; j += LANES / 2, to += LANES) {
            NAME(vector) square[LANES];
            for (int l = 0; l < LANES; l += 2, re += LANES, im += LANES) {
                square[l] = *(const NAME(vector) *)re;
                square[l + 1] = *(const NAME(vector) *)im;
            }
            NAME(transposed)(square);
            for (int l = 0; l < LANES; l++) *(NAME(vector) *)(to + l * s.line) = square[l];
        }
    for (; j < n; j++, to += s.step, re += width, im += width) {
        if (count == LANES && s.line == 2 && s.part == 1) {
            __builtin_prefetch(to + 2 * LANES, 1, 2);
            __builtin_prefetch(to + 2 * LANES + 64 / sizeof *to, 1, 2);
            const NAME(vector) a = *(const NAME(vector) *)re, b = *(const NAME(vector) *)im;
            *(NAME(vector) *)to = GC_LOW(a, b);
            *(NAME(vector) *)(to + LANES) = GC_HIGH(a, b);
        } else if (count == LANES && s.line == 1 && s.part)
            for (int64_t l = 0; l < LANES; l++) to[l] = re[l], to[s.part + l] = im[l];
        else if (s.part)
            for (int64_t l = 0; l < count; l++)
                to[l * s.line] = re[l], to[l * s.line + s.part] = im[l];
        else
            for (int64_t l = 0; l < count; l++) to[l * s.line] = re[l];
    }
}

/* rows ----------------------------------------------------------------------------------------- */
/* Write LANES columns of n numbers, of which there are `count`, as rows. */
static void NAME(turned)(int64_t n, int64_t count, const REAL *from, REAL *to) {
    int64_t k = 0;
    for (; count == LANES && k + LANES <= n; k += LANES) {
        NAME(vector) square[LANES];
        for (int l = 0; l < LANES; l++) square[l] = *(const NAME(vector) *)(from + (k + l) * LANES);
        NAME(transposed)(square);
        for (int l = 0; l < LANES; l++) *(NAME(vector) *)(to + l * n + k) = square[l];
    }
    for (; k < n; k++)
        for (int64_t l = 0; l < count; l++) to[l * n + k] = from[k * LANES + l];
}

/* A row as a matrix: columns are transformed, multiplied by roots, transposed, and transformed
 * again (the six steps of D. Bailey, 1990).  `s` and `t` say where its elements lie; `room` is as
 * NAME(room_of_row) has it.
 */
static void NAME(row)(const PLAN *plan, const REAL *from, NAME(strides) s, REAL *to,
                      NAME(strides) t, int inverse, REAL *room) {
    const int64_t n = plan->n, rows = plan->first->n, columns = plan->second->n;
    const int64_t mask = ((int64_t)1 << plan->shift) - 1;
    const NAME(strides) down = {columns * s.step, s.step, s.part};
    const NAME(strides) across = {rows * t.step, t.step, t.part};
    REAL *const ar = room, *const ai = room + n, *const lanes = room + 2 * n;
    for (int64_t j = 0; j < columns; j += LANES) {
        const int64_t count = j + LANES < columns ? LANES : columns - j, size = rows * LANES;
        NAME(load)(rows, count, LANES, from + j * s.step, down, lanes + inverse * size,
                   lanes + !inverse * size);
        const REAL *const found = NAME(lanes)(plan->first, LANES, lanes);
        REAL *const other = found == lanes ? lanes + 2 * size : lanes;
        for (int64_t k = 0; k < rows; k++) {
            const int64_t e = k * j;
            const REAL *a = plan->low + 2 * (e & mask), *b = plan->high + 2 * (e >> plan->shift);
            const REAL wr = a[0] * b[0] - a[1] * b[1], wi = a[0] * b[1] + a[1] * b[0];
            const REAL *lr = plan->lane + 2 * k * LANES, *li = lr + LANES;
            const REAL *xr = found + k * LANES, *xi = xr + size;
            REAL *const yr = other + k * LANES, *const yi = yr + size;
            for (int64_t l = 0; l < LANES; l++) {
                const REAL vr = wr * lr[l] - wi * li[l], vi = wr * li[l] + wi * lr[l];
                yr[l] = xr[l] * vr - xi[l] * vi, yi[l] = xr[l] * vi + xi[l] * vr;
            }
        }
        NAME(turned)(rows, count, other, ar + j * rows);
        NAME(turned)(rows, count, other + size, ai + j * rows);
    }
    for (int64_t k = 0; k < rows; k += LANES) {
        const int64_t count = k + LANES < rows ? LANES : rows - k, size = columns * LANES;
        const NAME(strides) apart = {rows, 1, n};
        NAME(load)(columns, count, LANES, ar + k, apart, lanes, lanes + size);
        const REAL *const found = NAME(lanes)(plan->second, LANES, lanes);
        NAME(store)(columns, count, LANES, found + inverse * size, found + !inverse * size,
                    to + k * t.step, across);
    }
}

/* How many numbers a row needs: itself, and what the lanes of either part do. */
static int64_t NAME(room_of_row)(const PLAN *plan) {
    const int64_t one = NAME(room)(plan->first, LANES), other = NAME(room)(plan->second, LANES);
    return 2 * plan->n + (one > other ? one : other);
}

/* From the transform of x[2 j] + i x[2 j + 1], of n numbers, the first n + 1 of that of x, and the
 * other way round: of lanes side by side, with the parts of each n + 1 apart. */
static void NAME(split)(int64_t n, int64_t width, const REAL *w, const REAL *zr, const REAL *zi,
                        REAL *restrict xr, REAL *restrict xi) {
    for (int64_t k = 0; k <= n / 2; k++) {
        const int64_t a = k * width, b = (n - k) * width, c = k ? b : 0;
        const REAL re = w[2 * k], im = w[2 * k + 1], half = (REAL)0.5;
        _Pragma("GCC ivdep") for (int64_t l = 0; l < width; l++) {
            const REAL sr = half * (zr[a + l] + zr[c + l]), si = half * (zi[a + l] - zi[c + l]);
            const REAL dr = half * (zr[a + l] - zr[c + l]), di = half * (zi[a + l] + zi[c + l]);
            const REAL tr = re * di + im * dr, ti = im * di - re * dr;
            xr[b + l] = sr - tr, xi[b + l] = ti - si;
            xr[a + l] = sr + tr, xi[a + l] = si + ti;
        }
    }
}

static void NAME(merged)(int64_t n, int64_t width, const REAL *w, const REAL *xr, const REAL *xi,
                         REAL *restrict zr, REAL *restrict zi) {
    for (int64_t k = 0; k <= n / 2; k++) {
        const int64_t a = k * width, b = (n - k) * width, c = k ? b : 0;
        const REAL re = w[2 * k], im = w[2 * k + 1];
        _Pragma("GCC ivdep") for (int64_t l = 0; l < width; l++) {
            const REAL ai = k ? xi[a + l] : 0, bi = k ? xi[b + l] : 0; /* what is real is read so */
            const REAL sr = xr[a + l] + xr[b + l], si = ai - bi;
            const REAL dr = xr[a + l] - xr[b + l], di = ai + bi;
            const REAL tr = im * dr - re * di, ti = re * dr + im * di;
            zr[c + l] = sr - tr, zi[c + l] = ti - si;
            zr[a + l] = sr + tr, zi[a + l] = si + ti;
        }
    }
}

/* transforms ----------------------------------------------------------------------------------- */
/* What is done along an axis of n, with `inner` numbers behind it. */
typedef struct {
    int kind, inverse;
    int64_t n, half, core; /* its extent, that of half a spectrum, and that of its complex part */
    NAME(strides) in, out;
} NAME(job);

/* Lines of numbers side by side, so many of `width`. */
static void NAME(some)(const NAME(job) *job, PLAN *plan, const REAL *w, int64_t count,
                       int64_t width, const REAL *from, REAL *to, REAL *room) {
    const int64_t core = job->core, size = core * width, half = job->half, more = half * width;
    const int inverse = job->inverse;
    REAL *const beside = room + NAME(room)(plan, width);
    REAL *const re = room + inverse * size, *const im = room + !inverse * size;
    if (job->kind == GC_FROM_HALF) {
        NAME(load)(half, count, width, from, job->in, w ? beside : re, w ? beside + more : im);
        if (w) NAME(merged)(core, width, w, beside, beside + more, re, im);
        else {
            memset(im, 0, (size_t)width * sizeof *im);
            for (int64_t k = 1; k < half; k++)
                for (int64_t l = 0; l < width; l++) {
                    re[(core - k) * width + l] = re[k * width + l];
                    im[(core - k) * width + l] = -im[k * width + l];
                }
        }
    } else NAME(load)(core, count, width, from, job->in, re, im);
    const REAL *const found = NAME(lanes)(plan, width, room);
    const REAL *const fr = found + inverse * size, *const fi = found + !inverse * size;
    if (job->kind == GC_TO_HALF && w) {
        NAME(split)(core, width, w, fr, fi, beside, beside + more);
        NAME(store)(half, count, width, beside, beside + more, to, job->out);
    } else NAME(store)(job->kind == GC_TO_HALF ? half : core, count, width, fr, fi, to, job->out);
}

/* One line, by NAME(row). */
static void NAME(one)(const NAME(job) *job, PLAN *plan, const REAL *w, const REAL *from, REAL *to,
                      REAL *room) {
    const int64_t core = job->core, half = job->half;
    const NAME(strides) beside = {1, 1, core};
    REAL *const parts = room + NAME(room_of_row)(plan), *const more = parts + 2 * core;
    if (job->kind == GC_FROM_HALF) {
        NAME(load)(half, 1, 1, from, job->in, w ? more : parts, w ? more + half : parts + core);
        if (w) NAME(merged)(core, 1, w, more, more + half, parts, parts + core);
        else {
            parts[core] = 0;
            for (int64_t k = 1; k < half; k++)
                parts[core - k] = parts[k], parts[2 * core - k] = -parts[core + k];
        }
        NAME(row)(plan, parts, beside, to, job->out, 1, room);
    } else if (job->kind == GC_TO_HALF) {
        NAME(row)(plan, from, job->in, parts, beside, 0, room);
        if (w) NAME(split)(core, 1, w, parts, parts + core, more, more + half);
        NAME(store)(half, 1, 1, w ? more : parts, w ? more + half : parts + core, to, job->out);
    } else NAME(row)(plan, from, job->in, to, job->out, job->inverse, room);
}

/* Transform the middle axis; return whether there was memory. */
static int NAME(axis)(int kind, int64_t outer, int64_t n, int64_t inner, int inverse,
                      const REAL *from, REAL *to) {
    const int even = n % 2 == 0, rows = inner == 1;
    const int64_t half = n / 2 + 1, core = kind == GC_COMPLEX || !even ? n : n / 2;
    const NAME(strides) whole = {2 * inner, rows ? 2 * n : 2, 1};
    const NAME(strides) halves = {2 * inner, rows ? 2 * half : 2, 1};
    const NAME(strides) real = {even ? 2 * inner : inner, rows ? n : 1, even ? inner : 0};
    const NAME(job) job = {
        kind, kind == GC_FROM_HALF || inverse, n, half, core,
        kind == GC_COMPLEX ? whole : kind == GC_TO_HALF ? real : halves,
        kind == GC_COMPLEX ? whole : kind == GC_TO_HALF ? halves : real,
    };
    const int64_t numbers[] = {2 * n, n, 2 * half}; /* in a line: complex, real, half */
    const int64_t of_lines = inner * numbers[kind == GC_COMPLEX ? 0 : kind == GC_TO_HALF ? 1 : 2];
    const int64_t to_lines = inner * numbers[kind == GC_COMPLEX ? 0 : kind == GC_TO_HALF ? 2 : 1];
    const int64_t groups = rows ? 1 : outer, lines = rows ? outer : inner;
    if (!groups || !lines) return 1;
    PLAN *const plan = NAME(plan_of)(core);
    if (!plan) return 0;
    const REAL *const w = kind == GC_COMPLEX || !even ? NULL : NAME(real_roots)(plan);
    const int by_row = plan->second && rows && (lines < LANES || core > GC_LONG_ROW);
    const int64_t width = lines == 1 ? 1 : LANES;
    int64_t size = by_row ? NAME(room_of_row)(plan) + 2 * core : NAME(room)(plan, width);
    if (kind != GC_COMPLEX) size += 2 * half * (by_row ? 1 : width);
    const int lacking = kind != GC_COMPLEX && even && !w;
    REAL *const room = lacking ? NULL : gc_borrow((size_t)size * sizeof *room);
    for (int64_t g = 0; room && g < groups; g++)
        for (int64_t l = 0; l < lines; l += by_row ? 1 : width) {
            const REAL *const start = from + g * of_lines + l * job.in.line;
            REAL *const end = to + g * to_lines + l * job.out.line;
            const int64_t count = l + width < lines ? width : lines - l;
            if (by_row) NAME(one)(&job, plan, w, start, end, room);
            else NAME(some)(&job, plan, w, count, width, start, end, room);
        }
    gc_give_back(room);
    NAME(release)(plan);
    return room != NULL;
}

#undef PLAN
#undef REAL
#undef LANES
#undef INDEX
#undef NAME
#undef GC_LOW
#undef GC_HIGH
#undef GC_EVEN
#undef GC_ODD
