/* Sylvester's equations A X + X B = Q: "sylvester_float64(stack, m, n, a, b, q, x, found, workspace)",
 * and the same for float32, complex128 and complex64; what has no solution, or many, gets NaN, and found is how many come
 * before the first such.
 *
 * Arrays are in C order, so LAPACK sees their transposes: it solves B' Y + Y A' = Q' for Y = X',
 * by Schur's forms of B' and A'.  gc_needs holds its functions, in the order in which Python names
 * them.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"

void *gc_needs[12];

typedef void (*gc_gees)(const char *jobvs, const char *sort, void *select, int *n, void *a,
                        int *lda, int *sdim, void *wr, void *wi, void *vs, int *ldvs, void *work,
                        int *size, int *bwork, int *info);
typedef void (*gc_complex_gees)(const char *jobvs, const char *sort, void *select, int *n, void *a,
                                int *lda, int *sdim, void *w, void *vs, int *ldvs, void *work,
                                int *size, void *rwork, int *bwork, int *info);
typedef void (*gc_trsyl)(const char *trana, const char *tranb, int *sign, int *m, int *n,
                         const void *a, int *lda, const void *b, int *ldb, void *c, int *ldc,
                         void *scale, int *info);
typedef void (*gc_gemm)(const char *transa, const char *transb, int *m, int *n, int *k,
                        const void *alpha, const void *a, int *lda, const void *b, int *ldb,
                        const void *beta, void *c, int *ldc);

/* Schur's forms: schur and vectors have n * n elements each, rest 5 * n */
#define GC_SCHUR(name, type, place)                                                                \
    static int schur_##name(int n, const type *x, type *schur, type *vectors, type *rest)          \
    {                                                                                              \
        int sdim, size = 3 * n, info;                                                              \
        memcpy(schur, x, sizeof(type) * n * n);                                                    \
        ((gc_gees)gc_needs[place])("V", "N", NULL, &n, schur, &n, &sdim, rest, rest + n, vectors,  \
                                   &n, rest + 2 * n, &size, NULL, &info);                          \
        return info;                                                                               \
    }

#define GC_COMPLEX_SCHUR(name, type, place)                                                        \
    static int schur_##name(int n, const type *x, type *schur, type *vectors, type *rest)          \
    {                                                                                              \
        int sdim, size = 3 * n, info;                                                              \
        memcpy(schur, x, sizeof(type) * n * n);                                                    \
        ((gc_complex_gees)gc_needs[place])("V", "N", NULL, &n, schur, &n, &sdim, rest, vectors,    \
                                           &n, rest + n, &size, rest + 4 * n, NULL, &info);        \
        return info;                                                                               \
    }

#define GC_SYLVESTER(name, type, real, turned, place)                                              \
    static int is_finite_##name(int64_t size, const type *x)                                       \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (!GC_FINITE_##name(x[i])) return 0;                                                 \
        return 1;                                                                                  \
    }                                                                                              \
    /* x = U' q V, or U q V' if back */                                                            \
    static void change_##name(int back, int n, int m, const type *u, const type *q, const type *v, \
                              type *x, type *half)                                                 \
    {                                                                                              \
        const type one = 1, zero = 0;                                                              \
        gc_gemm gemm = (gc_gemm)gc_needs[8 + place];                                               \
        gemm(back ? "N" : turned, "N", &n, &m, &n, &one, u, &n, q, &n, &zero, half, &n);           \
        gemm("N", back ? turned : "N", &n, &m, &m, &one, half, &n, v, &m, &zero, x, &n);           \
    }                                                                                              \
    static int one_##name(int m, int n, const type *a, const type *b, const type *q, type *x,      \
                          type *work)                                                              \
    {                                                                                              \
        type *s = work, *v = s + (int64_t)m * m, *r = v + (int64_t)m * m;                          \
        type *u = r + (int64_t)n * n, *inner = u + (int64_t)n * n;                                 \
        type *half = inner + (int64_t)m * n, *rest = half + (int64_t)m * n;                        \
        real scale;                                                                                \
        int sign = 1, info;                                                                        \
        if (schur_##name(m, a, s, v, rest) || schur_##name(n, b, r, u, rest)) return 1;            \
        change_##name(0, n, m, u, q, v, inner, half);                                              \
        ((gc_trsyl)gc_needs[4 + place])("N", "N", &sign, &n, &m, r, &n, s, &m, inner, &n, &scale,  \
                                        &info);                                                    \
        if (info) return 1;                                                                        \
        change_##name(1, n, m, u, inner, v, x, half);                                              \
        for (int64_t i = 0; i < (int64_t)m * n; i++) x[i] /= scale;                                \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t sylvester_##name(int64_t stack, int64_t m, int64_t n, const void *a, const void *b,    \
                             const void *q, void *out, int64_t *found, void *workspace)            \
    {                                                                                              \
        if ((int)(3 * m) != 3 * m || (int)(3 * n) != 3 * n) return -1;                             \
        *found = stack;                                                                            \
        for (int64_t k = 0; m && n && k < stack; k++) {                                            \
            const type *left = (const type *)a + k * m * m, *right = (const type *)b + k * n * n;  \
            const type *sum = (const type *)q + k * m * n;                                         \
            type *x = (type *)out + k * m * n;                                                     \
            int known = is_finite_##name(m * m, left) && is_finite_##name(n * n, right) &&         \
                        is_finite_##name(m * n, sum);                                              \
            int failed = known && one_##name(m, n, left, right, sum, x, workspace);                \
            if (failed && *found > k) *found = k;                                                  \
            for (int64_t i = 0; (failed || !known) && i < m * n; i++) x[i] = NAN;                  \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_SCHUR(float64, double, 0)
GC_SCHUR(float32, float, 1)
GC_COMPLEX_SCHUR(complex128, double complex, 2)
GC_COMPLEX_SCHUR(complex64, float complex, 3)

GC_SYLVESTER(float64, double, double, "T", 0)
GC_SYLVESTER(float32, float, float, "T", 1)
GC_SYLVESTER(complex128, double complex, double, "C", 2)
GC_SYLVESTER(complex64, float complex, float, "C", 3)
