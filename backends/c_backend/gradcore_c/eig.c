/* Eigenvalues and eigenvectors of square matrices: "eig_float64(stack, n, m, x, wr, wi, vr, vi,
 * found, workspace)", real and imaginary parts of values and of vectors, and the same for float32.
 * What is not finite, or does not converge, gets NaN, and found is how many come before the first
 * such.
 *
 * Values are in ascending order of real parts, then of imaginary ones, and of each vector the first
 * element that is larger than 0.55 of the largest is real and positive: see
 * gradcore/ops/eigenvalues.py.
 *
 * Arrays are in C order, so LAPACK gets a transpose.  Of complex pairs it returns the real and the
 * imaginary part of the vector of the first value, whose imaginary part is positive.  gc_needs
 * holds its functions, in the order in which Python names them.
 */
#include <math.h>
#include <stdint.h>

void *gc_needs[2];

typedef void (*gc_geev)(const char *left, const char *right, int *n, void *a, int *lda, void *wr,
                        void *wi, void *vl, int *ldvl, void *vr, int *ldvr, void *work, int *size,
                        int *info);

#define GC_EIG(name, type, place)                                                                  \
    static void spoil_##name(int64_t size, type *x)                                                \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++) x[i] = NAN;                                             \
    }                                                                                              \
    /* the transpose; whether it is not finite */                                                  \
    static int transpose_##name(int64_t n, const type *x, type *to)                                \
    {                                                                                              \
        int wrong = 0;                                                                             \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                to[j * n + i] = x[i * n + j];                                                      \
                wrong |= !isfinite(x[i * n + j]);                                                  \
            }                                                                                      \
        return wrong;                                                                              \
    }                                                                                              \
    static void sort_##name(int64_t n, const type *re, const type *im, int *order)                 \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            int64_t to = i;                                                                        \
            for (; to > 0; to--) {                                                                 \
                int before = order[to - 1];                                                        \
                if (re[before] < re[i] || (re[before] == re[i] && im[before] <= im[i])) break;     \
                order[to] = before;                                                                \
            }                                                                                      \
            order[to] = (int)i;                                                                    \
        }                                                                                          \
    }                                                                                              \
    /* a + sign * i * b, turned, as a column of matrices of n columns; no b: it is real */         \
    static void place_##name(int64_t n, const type *a, const type *b, int sign, type *re,          \
                             type *im)                                                             \
    {                                                                                              \
        type largest = 0, size = 0, x, y;                                                          \
        int64_t first = 0;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            size = b ? hypot(a[i], b[i]) : fabs(a[i]);                                             \
            if (size > largest) largest = size;                                                    \
        }                                                                                          \
        for (; first < n - 1; first++) {                                                           \
            size = b ? hypot(a[first], b[first]) : fabs(a[first]);                                 \
            if (size > largest * (type)0.55) break;                                                \
        }                                                                                          \
        size = b ? hypot(a[first], b[first]) : fabs(a[first]);                                     \
        x = a[first], y = b ? sign * b[first] : 0;                                                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            type other = b ? sign * b[i] : 0;                                                      \
            re[i * n] = (a[i] * x + other * y) / size;                                             \
            im[i * n] = (other * x - a[i] * y) / size;                                             \
        }                                                                                          \
        im[first * n] = 0;                                                                         \
    }                                                                                              \
    int32_t eig_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *wr, void *wi,     \
                       void *vr, void *vi, int64_t *found, void *workspace)                        \
    {                                                                                              \
        type *copy = workspace, *vectors = copy + n * n, *re = vectors + n * n, *im = re + n;      \
        type *work = im + n;                                                                       \
        int *order = (int *)(work + 66 * n);                                                       \
        int extent = (int)n, size = (int)(66 * n), one = 1, info;                                  \
        if (extent != n || size != 66 * n) return -1;                                              \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            type *parts[2] = {(type *)vr + s * n * n, (type *)vi + s * n * n};                     \
            type *values[2] = {(type *)wr + s * n, (type *)wi + s * n};                            \
            info = transpose_##name(n, (const type *)x + s * n * n, copy);                         \
            if (!info)                                                                             \
                ((gc_geev)gc_needs[place])("N", "V", &extent, copy, &extent, re, im, copy, &one,   \
                                           vectors, &extent, work, &size, &info);                  \
            if (info) {                                                                            \
                for (int k = 0; k < 2; k++)                                                        \
                    spoil_##name(n * n, parts[k]), spoil_##name(n, values[k]);                     \
                if (*found > s) *found = s;                                                        \
                continue;                                                                          \
            }                                                                                      \
            sort_##name(n, re, im, order);                                                         \
            for (int64_t k = 0; k < n; k++) {                                                      \
                int from = order[k], sign = (im[from] > 0) - (im[from] < 0);                       \
                const type *a = vectors + (int64_t)(sign < 0 ? from - 1 : from) * n;               \
                values[0][k] = re[from], values[1][k] = im[from];                                  \
                place_##name(n, a, sign ? a + n : 0, sign, parts[0] + k, parts[1] + k);            \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_EIG(float64, double, 0)
GC_EIG(float32, float, 1)
