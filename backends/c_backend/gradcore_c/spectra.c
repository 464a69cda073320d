/* Eigenvalues and singular values, with their vectors: "eigh_float64(stack, n, m, x, w, v, found,
 * workspace)", which reads the lower triangle of x, and "svd_float64(stack, m, n, x, u, s, vh,
 * found, workspace)", "eigvalsh_float64(stack, n, m, x, w, found, workspace)" and
 * "svdvals_float64(stack, m, n, x, s, found, workspace)", and the same for float32, complex128 and complex64.  What is not finite, or
 * does not converge, gets NaN, and found is how many come before the first such.
 *
 * The first element of each vector (of u, for singular values) that is larger than a thousandth of
 * the largest is positive; of complex ones that which is larger than 0.55 of it, and real: see
 * gradcore/ops/spectra.py.
 *
 * Arrays are in C order, so LAPACK sees their transposes: our lower triangle is its upper one, its
 * eigenvectors are our rows (of complex ones the conjugates), and of x.T it returns the vectors of x in each other's place.
 * gc_needs holds its functions, in the order in which Python names them.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"
#include "phases.h"

void *gc_needs[8];

typedef void (*gc_syevd)(const char *job, const char *uplo, int *n, void *a, int *lda, void *w,
                         void *work, int *size, int *iwork, int *isize, int *info);
typedef void (*gc_gesdd)(const char *job, int *m, int *n, void *a, int *lda, void *s, void *u,
                         int *ldu, void *vt, int *ldvt, void *work, int *size, int *iwork,
                         int *info);
typedef void (*gc_heevd)(const char *job, const char *uplo, int *n, void *a, int *lda, void *w,
                         void *work, int *size, void *rwork, int *rsize, int *iwork, int *isize,
                         int *info);
typedef void (*gc_complex_gesdd)(const char *job, int *m, int *n, void *a, int *lda, void *s,
                                 void *u, int *ldu, void *vt, int *ldvt, void *work, int *size,
                                 void *rwork, int *iwork, int *info);

/* LAPACK's functions, in a workspace: of vectors, and of singular vectors */
#define GC_DRIVERS(name, type, place)                                                              \
    static int vectors_##name(const char *job, int n, type *rows, type *values, type *work)        \
    {                                                                                              \
        int size = 2 * n * n + 6 * n + 1, isize = 5 * n + 3, info;                                 \
        ((gc_syevd)gc_needs[place])(job, "U", &n, rows, &n, values, work, &size,                   \
                                    (int *)(work + size), &isize, &info);                          \
        return info;                                                                               \
    }                                                                                              \
    static int singular_##name(const char *job, int m, int n, int k, type *a, type *s, type *left, \
                               type *right, type *work)                                            \
    {                                                                                              \
        int size = 4 * k * k + 7 * k + 64 * (m + n), info;                                         \
        ((gc_gesdd)gc_needs[4 + place])(job, &m, &n, a, &m, s, left, &m, right, &k, work, &size,   \
                                        (int *)(work + size), &info);                              \
        return info;                                                                               \
    }

#define GC_COMPLEX_DRIVERS(name, type, real, place)                                                \
    static int vectors_##name(const char *job, int n, type *rows, real *values, type *work)        \
    {                                                                                              \
        int size = n * n + 2 * n, rsize = 2 * n * n + 5 * n + 1, isize = 5 * n + 3, info;          \
        real *rest = (real *)(work + size);                                                        \
        ((gc_heevd)gc_needs[place])(job, "U", &n, rows, &n, values, work, &size, rest, &rsize,     \
                                    (int *)(rest + rsize), &isize, &info);                         \
        for (int64_t i = 0; *job == 'V' && i < (int64_t)n * n; i++)                                \
            rows[i] = GC_CONJ_##name(rows[i]);                                                     \
        return info;                                                                               \
    }                                                                                              \
    static int singular_##name(const char *job, int m, int n, int k, type *a, real *s, type *left, \
                               type *right, type *work)                                            \
    {                                                                                              \
        int size = k * k + 3 * k + 64 * (m + n), rsize = 5 * k * k + 5 * k, info;                  \
        int other = 2 * m * n + 2 * k * k + k;                                                     \
        real *rest = (real *)(work + size);                                                        \
        ((gc_complex_gesdd)gc_needs[4 + place])(job, &m, &n, a, &m, s, left, &m, right, &k, work,  \
                                                &size, rest,                                       \
                                                (int *)(rest + (rsize > other ? rsize : other)),   \
                                                &info);                                            \
        return info;                                                                               \
    }

#define GC_SPECTRA(name, type, real, place)                                                        \
    static int is_finite_##name(int64_t size, const type *x)                                       \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (!GC_FINITE_##name(x[i])) return 0;                                                 \
        return 1;                                                                                  \
    }                                                                                              \
    static void times_##name(int64_t size, int64_t stride, type turn, type *v)                     \
    {                                                                                              \
        for (int64_t i = 0; turn != 1 && i < size; i++) v[i * stride] *= turn;                     \
    }                                                                                              \
    static void spoil_##name(int64_t size, type *x)                                                \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++) x[i] = NAN;                                             \
    }                                                                                              \
    /* no vectors: they are not wanted, and the copy is in the workspace */                        \
    static int32_t all_eigh_##name(int64_t stack, int64_t n, const type *x, real *values, type *v, \
                                   int64_t *found, type *work)                                     \
    {                                                                                              \
        int64_t needed = 2 * n * n + 6 * n + 1;                                                    \
        type *rows = work;                                                                         \
        if ((int)needed != needed) return -1;                                                      \
        if (!v) work += n * n;                                                                     \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++, x += n * n, values += n) {                        \
            if (v) rows = v + s * n * n;                                                           \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < n; j++) rows[i * n + j] = j <= i ? x[i * n + j] : 0;       \
            if (!is_finite_##name(n * n, rows) ||                                                  \
                vectors_##name(v ? "V" : "N", n, rows, values, work)) {                            \
                for (int64_t i = 0; i < n; i++) values[i] = NAN;                                   \
                if (v) spoil_##name(n * n, rows);                                                  \
                if (*found > s) *found = s;                                                        \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t i = 0; v && i < n; i++)                                                   \
                times_##name(n, 1, turn_##name(n, 1, rows + i * n), rows + i * n);                 \
            for (int64_t i = 0; v && i < n; i++)                                                   \
                for (int64_t j = 0; j < i; j++) {                                                  \
                    type moved = rows[i * n + j];                                                  \
                    rows[i * n + j] = rows[j * n + i], rows[j * n + i] = moved;                    \
                }                                                                                  \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    static int32_t all_svd_##name(int64_t stack, int64_t m, int64_t n, const type *x, type *left,  \
                                  real *values, type *right, int64_t *found, type *copy)           \
    {                                                                                              \
        int64_t k = m < n ? m : n, needed = 2 * m * n + 4 * k * k + 7 * k + 64 * (m + n);          \
        int wanted = left != 0;                                                                    \
        if ((int)m != m || (int)n != n || (int)needed != needed) return -1;                        \
        *found = stack;                                                                            \
        for (int64_t i = 0; k && i < stack; i++, x += m * n, values += k) {                        \
            memcpy(copy, x, sizeof(type) * m * n);                                                 \
            int failed = !is_finite_##name(m * n, copy) ||                                         \
                         singular_##name(wanted ? "S" : "N", n, m, k, copy, values,                \
                                         wanted ? right : copy, wanted ? left : copy,              \
                                         copy + m * n);                                            \
            if (failed) {                                                                          \
                for (int64_t j = 0; j < k; j++) values[j] = NAN;                                   \
                if (wanted) spoil_##name(m * k, left), spoil_##name(k * n, right);                 \
                if (*found > i) *found = i;                                                        \
            }                                                                                      \
            for (int64_t j = 0; wanted && !failed && j < k; j++) {                                 \
                type turn = turn_##name(m, k, left + j);                                           \
                times_##name(m, k, turn, left + j);                                                \
                times_##name(n, 1, GC_CONJ_##name(turn), right + j * n);                           \
            }                                                                                      \
            if (wanted) left += m * k, right += k * n;                                             \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t eigh_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *w, void *v,      \
                        int64_t *found, void *workspace)                                           \
    {                                                                                              \
        return all_eigh_##name(stack, n, x, w, v, found, workspace);                               \
    }                                                                                              \
    int32_t eigvalsh_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *w,           \
                            int64_t *found, void *workspace)                                       \
    {                                                                                              \
        return all_eigh_##name(stack, n, x, w, 0, found, workspace);                               \
    }                                                                                              \
    int32_t svd_##name(int64_t stack, int64_t m, int64_t n, const void *x, void *u, void *s,       \
                       void *vh, int64_t *found, void *workspace)                                  \
    {                                                                                              \
        return all_svd_##name(stack, m, n, x, u, s, vh, found, workspace);                         \
    }                                                                                              \
    int32_t svdvals_##name(int64_t stack, int64_t m, int64_t n, const void *x, void *s,            \
                           int64_t *found, void *workspace)                                        \
    {                                                                                              \
        return all_svd_##name(stack, m, n, x, 0, s, 0, found, workspace);                          \
    }

GC_DRIVERS(float64, double, 0)
GC_DRIVERS(float32, float, 1)
GC_COMPLEX_DRIVERS(complex128, double complex, double, 2)
GC_COMPLEX_DRIVERS(complex64, float complex, float, 3)

GC_SPECTRA(float64, double, double, 0)
GC_SPECTRA(float32, float, float, 1)
GC_SPECTRA(complex128, double complex, double, 2)
GC_SPECTRA(complex64, float complex, float, 3)
