/* Orthonormal and triangular factors of matrices with at least as many rows as columns:
 * "qr_float64(stack, m, n, matrix, q, r, workspace)", and a basis of what their columns leave,
 * "complement_float64(stack, m, n, matrix, out, workspace)", and the same for float32, complex128 and
 * complex64; the diagonal of r has no negative number.
 *
 * LAPACK sees arrays in C order as their transposes, so it is given one that is transposed.
 * gc_needs holds its functions, in the order in which Python names them.
 */
#include <stdint.h>

#include "numbers.h"
#include "phases.h"

void *gc_needs[8];

typedef void (*gc_geqrf)(int *m, int *n, void *a, int *lda, void *scales, void *work, int *size,
                         int *info);
typedef void (*gc_orgqr)(int *m, int *n, int *k, void *a, int *lda, const void *scales, void *work,
                         int *size, int *info);

#define GC_QR(name, type, place)                                                                   \
    int32_t qr_##name(int64_t stack, int64_t m, int64_t n, const void *matrix, void *q, void *r,   \
                      void *workspace)                                                             \
    {                                                                                              \
        type *a = workspace, *scales = a + m * n, *signs = scales + n;                             \
        type *work = signs + n;                                                                    \
        int rows = (int)m, columns = (int)n, size = 64 * (int)n, info;                             \
        if (rows != m || size != 64 * n) return -1;                                                \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            const type *from = (const type *)matrix + s * m * n;                                   \
            type *orthonormal = (type *)q + s * m * n, *triangle = (type *)r + s * n * n;          \
            for (int64_t i = 0; i < m; i++)                                                        \
                for (int64_t j = 0; j < n; j++) a[j * m + i] = from[i * n + j];                    \
            ((gc_geqrf)gc_needs[place])(&rows, &columns, a, &rows, scales, work, &size, &info);    \
            for (int64_t i = 0; i < n; i++) signs[i] = GC_TURN_##name(a[i * m + i]);               \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < n; j++)                                                    \
                    triangle[i * n + j] = j < i    ? 0                                             \
                                          : j == i ? GC_ABS_##name(a[j * m + i])                   \
                                                   : GC_CONJ_##name(signs[i]) * a[j * m + i];      \
            ((gc_orgqr)gc_needs[4 + place])(&rows, &columns, &columns, a, &rows, scales, work,     \
                                            &size, &info);                                         \
            for (int64_t i = 0; i < m; i++)                                                        \
                for (int64_t j = 0; j < n; j++)                                                    \
                    orthonormal[i * n + j] = signs[j] * a[j * m + i];                              \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define GC_COMPLEMENT(name, type, place)                                                           \
    int32_t complement_##name(int64_t stack, int64_t m, int64_t n, const void *matrix, void *out,  \
                              void *workspace)                                                     \
    {                                                                                              \
        type *a = workspace, *scales = a + m * m, *work = scales + m;                              \
        int rows = (int)m, columns = (int)n, size = 64 * (int)m, info;                             \
        int64_t count = m - n;                                                                     \
        if (size != 64 * m) return -1;                                                             \
        for (int64_t s = 0; count > 0 && s < stack; s++) {                                         \
            const type *from = (const type *)matrix + s * m * n;                                   \
            type *to = (type *)out + s * m * count;                                                \
            for (int64_t i = 0; i < m; i++)                                                        \
                for (int64_t j = 0; j < n; j++) a[j * m + i] = from[i * n + j];                    \
            ((gc_geqrf)gc_needs[place])(&rows, &columns, a, &rows, scales, work, &size, &info);    \
            ((gc_orgqr)gc_needs[4 + place])(&rows, &rows, &columns, a, &rows, scales, work, &size, \
                                            &info);                                                \
            for (int64_t j = 0; j < count; j++) {                                                  \
                const type *v = a + (n + j) * m;                                                   \
                type turn = turn_##name(m, 1, v);                                                  \
                for (int64_t i = 0; i < m; i++) to[i * count + j] = turn * v[i];                   \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_QR(float64, double, 0)
GC_QR(float32, float, 1)
GC_QR(complex128, double complex, 2)
GC_QR(complex64, float complex, 3)

GC_COMPLEMENT(float64, double, 0)
GC_COMPLEMENT(float32, float, 1)
GC_COMPLEMENT(complex128, double complex, 2)
GC_COMPLEMENT(complex64, float complex, 3)
