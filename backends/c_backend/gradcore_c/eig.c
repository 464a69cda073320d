/* Eigenvalues and eigenvectors of square matrices: "eig_float64(stack, n, m, x, wr, wi, vr, vi,
 * found, workspace)", real and imaginary parts of values and of vectors, "eigvals_float64(stack, n,
 * m, x, wr, wi, found, workspace)", those of values alone, and the same for float32, complex128 and
 * complex64.  What is not finite, or does not converge, gets NaN, and found is how many come before
 * the first such.
 *
 * Values are in ascending order of real parts, then of imaginary ones, and of each vector the first
 * element that is larger than 0.55 of the largest is real and positive: see
 * gradcore/ops/eigenvalues.py.
 *
 * Arrays are in C order, so LAPACK gets a transpose.  Of complex pairs it returns the real and the
 * imaginary part of the vector of the first value, whose imaginary part is positive.  gc_needs
 * holds its functions, in the order in which Python names them.
 */
#include <stdint.h>

#include "numbers.h"

void *gc_needs[4];

typedef void (*gc_geev)(const char *left, const char *right, int *n, void *a, int *lda, void *wr,
                        void *wi, void *vl, int *ldvl, void *vr, int *ldvr, void *work, int *size,
                        int *info);

typedef void (*gc_complex_geev)(const char *left, const char *right, int *n, void *a, int *lda,
                                void *w, void *vl, int *ldvl, void *vr, int *ldvr, void *work,
                                int *size, void *rwork, int *info);

#define GC_TRANSPOSE(name, type)                                                                   \
    /* the transpose; whether it is not finite */                                                  \
    static int transpose_##name(int64_t n, const type *x, type *to)                                \
    {                                                                                              \
        int wrong = 0;                                                                             \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < n; j++) {                                                      \
                to[j * n + i] = x[i * n + j];                                                      \
                wrong |= !GC_FINITE_##name(x[i * n + j]);                                          \
            }                                                                                      \
        return wrong;                                                                              \
    }

#define GC_PLACE(name, type)                                                                       \
    static void spoil_##name(int64_t size, type *x)                                                \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++) x[i] = NAN;                                             \
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
    }

/* values, and vectors if there is a place for them: parts are wr, wi, vr, vi */
#define GC_EIG(name, type, place)                                                                  \
    static int one_##name(int64_t n, const type *x, type **parts, type *copy)                      \
    {                                                                                              \
        type *re = copy + n * n, *im = re + n, *work = im + n, *vectors = work + 66 * n;           \
        int wanted = parts[2] != 0, extent = (int)n, size = 66 * (int)n, info;                     \
        int *order = (int *)(wanted ? vectors + n * n : vectors);                                  \
        if (transpose_##name(n, x, copy)) return 1;                                                \
        ((gc_geev)gc_needs[place])("N", wanted ? "V" : "N", &extent, copy, &extent, re, im, copy,  \
                                   &extent, vectors, &extent, work, &size, &info);                 \
        if (info) return 1;                                                                        \
        sort_##name(n, re, im, order);                                                             \
        for (int64_t k = 0; k < n; k++) {                                                          \
            int from = order[k], sign = (im[from] > 0) - (im[from] < 0);                           \
            const type *a = vectors + (int64_t)(sign < 0 ? from - 1 : from) * n;                   \
            parts[0][k] = re[from], parts[1][k] = im[from];                                        \
            if (wanted) place_##name(n, a, sign ? a + n : 0, sign, parts[2] + k, parts[3] + k);    \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define GC_COMPLEX_EIG(name, type, real, part, place)                                              \
    static int one_##name(int64_t n, const type *x, real **parts, type *copy)                      \
    {                                                                                              \
        type *w = copy + n * n, *work = w + n, *vectors = work + 67 * n;                           \
        real *re = (real *)(work + 66 * n), *im = re + n, *a = (real *)work, *b = a + n;           \
        int wanted = parts[2] != 0, extent = (int)n, size = 66 * (int)n, info;                     \
        int *order = (int *)(wanted ? vectors + n * n : vectors);                                  \
        if (transpose_##name(n, x, copy)) return 1;                                                \
        ((gc_complex_geev)gc_needs[place])("N", wanted ? "V" : "N", &extent, copy, &extent, w,     \
                                           copy, &extent, vectors, &extent, work, &size, re,       \
                                           &info);                                                 \
        if (info) return 1;                                                                        \
        for (int64_t i = 0; i < n; i++) re[i] = creal(w[i]), im[i] = cimag(w[i]);                  \
        sort_##part(n, re, im, order);                                                             \
        for (int64_t k = 0; k < n; k++) {                                                          \
            int from = order[k];                                                                   \
            const type *v = vectors + (int64_t)from * n;                                           \
            parts[0][k] = re[from], parts[1][k] = im[from];                                        \
            if (!wanted) continue;                                                                 \
            for (int64_t i = 0; i < n; i++) a[i] = creal(v[i]), b[i] = cimag(v[i]);                \
            place_##part(n, a, b, 1, parts[2] + k, parts[3] + k);                                  \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define GC_STACK(name, type, real, part)                                                           \
    static int32_t all_##name(int64_t stack, int64_t n, const type *x, real *wr, real *wi,         \
                              real *vr, real *vi, int64_t *found, void *workspace)                 \
    {                                                                                              \
        if ((int)(66 * n) != 66 * n) return -1;                                                    \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            real *parts[4] = {wr + s * n, wi + s * n, 0, 0};                                       \
            if (vr) parts[2] = vr + s * n * n, parts[3] = vi + s * n * n;                          \
            if (!one_##name(n, x + s * n * n, parts, workspace)) continue;                         \
            for (int k = 0; k < (vr ? 4 : 2); k++) spoil_##part(k < 2 ? n : n * n, parts[k]);      \
            if (*found > s) *found = s;                                                            \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t eig_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *wr, void *wi,     \
                       void *vr, void *vi, int64_t *found, void *workspace)                        \
    {                                                                                              \
        return all_##name(stack, n, x, wr, wi, vr, vi, found, workspace);                          \
    }                                                                                              \
    int32_t eigvals_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *wr, void *wi, \
                           int64_t *found, void *workspace)                                        \
    {                                                                                              \
        return all_##name(stack, n, x, wr, wi, 0, 0, found, workspace);                            \
    }

GC_TRANSPOSE(float64, double)
GC_TRANSPOSE(float32, float)
GC_TRANSPOSE(complex128, double complex)
GC_TRANSPOSE(complex64, float complex)

GC_PLACE(float64, double)
GC_PLACE(float32, float)

GC_EIG(float64, double, 0)
GC_EIG(float32, float, 1)
GC_COMPLEX_EIG(complex128, double complex, double, float64, 2)
GC_COMPLEX_EIG(complex64, float complex, float, float32, 3)

GC_STACK(float64, double, double, float64)
GC_STACK(float32, float, float, float32)
GC_STACK(complex128, double complex, double, float64)
GC_STACK(complex64, float complex, float, float32)
