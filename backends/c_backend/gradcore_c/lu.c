/* Triangular factors with rows that change places: "lu_float64(stack, n, m, matrix, factors, order,
 * workspace)", and the same for float32, complex128 and complex64.
 *
 * Up to SMALL rows are eliminated here, as a call of LAPACK costs more than that.  It sees arrays
 * in C order as their transposes, so it is given one that is transposed.  gc_needs holds its
 * functions, in the order in which Python names them.
 */
#include <stdint.h>
#include <string.h>

#include "numbers.h"

#define SMALL 8

void *gc_needs[4];

typedef void (*gc_getrf)(int *m, int *n, void *a, int *lda, int *pivots, int *info);

#define GC_LU(name, type, place)                                                                   \
    static void eliminate_lu_##name(int n, type *a, int *pivots)                                   \
    {                                                                                              \
        for (int k = 0; k < n; k++) {                                                              \
            int largest = k;                                                                       \
            for (int i = k; i < n && !isnan(GC_PIVOT_##name(a[largest * n + k])); i++)             \
                if (!(GC_PIVOT_##name(a[i * n + k]) <= GC_PIVOT_##name(a[largest * n + k])))       \
                    largest = i;                                                                   \
            pivots[k] = largest + 1;                                                               \
            for (int j = 0; j < n && largest != k; j++) {                                          \
                type moved = a[k * n + j];                                                         \
                a[k * n + j] = a[largest * n + j], a[largest * n + j] = moved;                     \
            }                                                                                      \
            for (int i = k + 1; i < n && a[k * n + k] != 0; i++) {                                 \
                type factor = a[i * n + k] /= a[k * n + k];                                        \
                for (int j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];             \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void factorize_lu_##name(int n, const type *matrix, type *a, int *pivots, type *work)   \
    {                                                                                              \
        int info;                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < n; j++) work[j * n + i] = matrix[i * n + j];                   \
        ((gc_getrf)gc_needs[place])(&n, &n, work, &n, pivots, &info);                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < n; j++) a[i * n + j] = work[j * n + i];                        \
    }                                                                                              \
    int32_t lu_##name(int64_t stack, int64_t n, int64_t m, const void *matrix, void *factors,      \
                      int64_t *order, void *workspace)                                             \
    {                                                                                              \
        int *pivots = (int *)((type *)workspace + n * n);                                          \
        if ((int)n != n || m != n) return -1;                                                      \
        for (int64_t s = 0; n && s < stack; s++, order += n) {                                     \
            const type *from = (const type *)matrix + s * n * n;                                   \
            type *to = (type *)factors + s * n * n;                                                \
            if (n <= SMALL) {                                                                      \
                memcpy(to, from, sizeof(type) * n * n);                                            \
                eliminate_lu_##name(n, to, pivots);                                                \
            } else                                                                                 \
                factorize_lu_##name(n, from, to, pivots, workspace);                               \
            for (int64_t i = 0; i < n; i++) order[i] = i;                                          \
            for (int64_t i = 0; i < n; i++) {                                                      \
                int64_t moved = order[i];                                                          \
                order[i] = order[pivots[i] - 1], order[pivots[i] - 1] = moved;                     \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_LU(float64, double, 0)
GC_LU(float32, float, 1)
GC_LU(complex128, double complex, 2)
GC_LU(complex64, float complex, 3)
