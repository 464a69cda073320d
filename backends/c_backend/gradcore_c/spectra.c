/* Eigenvalues and singular values, with their vectors: "eigh_float64(stack, n, m, x, w, v, found,
 * workspace)", which reads the lower triangle of x, and "svd_float64(stack, m, n, x, u, s, vh,
 * found, workspace)", and the same for float32.  What is not finite, or does not converge, gets NaN,
 * and found is how many come before the first such.
 *
 * The first element of each vector (of u, for singular values) that is larger than a thousandth of
 * the largest is positive: see gradcore/ops/decompositions.py.
 *
 * Arrays are in C order, so LAPACK sees their transposes: our lower triangle is its upper one, its
 * eigenvectors are our rows, and of x.T it returns the vectors of x in each other's place.
 * gc_needs holds its functions, in the order in which Python names them.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

void *gc_needs[4];

typedef void (*gc_syevd)(const char *job, const char *uplo, int *n, void *a, int *lda, void *w,
                         void *work, int *size, int *iwork, int *isize, int *info);
typedef void (*gc_gesdd)(const char *job, int *m, int *n, void *a, int *lda, void *s, void *u,
                         int *ldu, void *vt, int *ldvt, void *work, int *size, int *iwork,
                         int *info);

#define GC_SPECTRA(name, type, place)                                                              \
    static int is_finite_##name(int64_t size, const type *x)                                       \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (!isfinite(x[i])) return 0;                                                         \
        return 1;                                                                                  \
    }                                                                                              \
    static int is_turned_##name(int64_t size, int64_t stride, const type *v)                       \
    {                                                                                              \
        type largest = 0;                                                                          \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (fabs(v[i * stride]) > largest) largest = fabs(v[i * stride]);                      \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (fabs(v[i * stride]) > largest * (type)1e-3) return v[i * stride] < 0;              \
        return 0;                                                                                  \
    }                                                                                              \
    static void negate_##name(int64_t size, int64_t stride, type *v)                               \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++) v[i * stride] = -v[i * stride];                         \
    }                                                                                              \
    static void spoil_##name(int64_t size, type *x)                                                \
    {                                                                                              \
        for (int64_t i = 0; i < size; i++) x[i] = NAN;                                             \
    }                                                                                              \
    int32_t eigh_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *w, void *v,      \
                        int64_t *found, void *workspace)                                           \
    {                                                                                              \
        int64_t needed = 2 * n * n + 6 * n + 1;                                                    \
        type *work = workspace;                                                                    \
        int *iwork = (int *)(work + needed), isize = 5 * (int)n + 3;                               \
        int order = (int)n, size = (int)needed, info;                                              \
        if (order != n || size != needed) return -1;                                               \
        *found = stack;                                                                            \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            const type *from = (const type *)x + s * n * n;                                        \
            type *values = (type *)w + s * n, *rows = (type *)v + s * n * n;                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < n; j++) rows[i * n + j] = j <= i ? from[i * n + j] : 0;    \
            info = !is_finite_##name(n * n, rows);                                                 \
            if (!info)                                                                             \
                ((gc_syevd)gc_needs[place])("V", "U", &order, rows, &order, values, work, &size,   \
                                            iwork, &isize, &info);                                 \
            if (info) {                                                                            \
                spoil_##name(n, values);                                                           \
                spoil_##name(n * n, rows);                                                         \
                if (*found > s) *found = s;                                                        \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                        \
                if (is_turned_##name(n, 1, rows + i * n)) negate_##name(n, 1, rows + i * n);       \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < i; j++) {                                                  \
                    type moved = rows[i * n + j];                                                  \
                    rows[i * n + j] = rows[j * n + i], rows[j * n + i] = moved;                    \
                }                                                                                  \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t svd_##name(int64_t stack, int64_t m, int64_t n, const void *x, void *u, void *s,       \
                       void *vh, int64_t *found, void *workspace)                                  \
    {                                                                                              \
        int64_t k = m < n ? m : n, needed = 4 * k * k + 7 * k + 64 * (m + n);                      \
        type *copy = workspace, *work = copy + m * n;                                              \
        int *iwork = (int *)(work + needed);                                                       \
        int rows = (int)m, columns = (int)n, count = (int)k, size = (int)needed, info;             \
        if (rows != m || columns != n || size != needed) return -1;                                \
        *found = stack;                                                                            \
        for (int64_t i = 0; k && i < stack; i++) {                                                 \
            type *left = (type *)u + i * m * k, *right = (type *)vh + i * k * n;                   \
            type *values = (type *)s + i * k;                                                      \
            memcpy(copy, (const type *)x + i * m * n, sizeof(type) * m * n);                       \
            info = !is_finite_##name(m * n, copy);                                                 \
            if (!info)                                                                             \
                ((gc_gesdd)gc_needs[2 + place])("S", &columns, &rows, copy, &columns, values,      \
                                                right, &columns, left, &count, work, &size, iwork, \
                                                &info);                                            \
            if (info) {                                                                            \
                spoil_##name(m * k, left);                                                         \
                spoil_##name(k, values);                                                           \
                spoil_##name(k * n, right);                                                        \
                if (*found > i) *found = i;                                                        \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t j = 0; j < k; j++)                                                        \
                if (is_turned_##name(m, k, left + j)) {                                            \
                    negate_##name(m, k, left + j);                                                 \
                    negate_##name(n, 1, right + j * n);                                            \
                }                                                                                  \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_SPECTRA(float64, double, 0)
GC_SPECTRA(float32, float, 1)
