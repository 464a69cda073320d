/* Equations with square matrices: "solve_float64(stack, n, m, matrix, b, out, found, workspace)",
 * and the same for float32; a matrix that has a pivot of zero gets NaN, and found is how many come
 * before the first such.
 *
 * Up to SMALL rows are eliminated here, as a call of LAPACK costs more than that.  It sees arrays
 * in C order as their transposes, so it solves with the transpose of what it has factors of, on
 * columns that are copied.  gc_needs holds its functions, in the order in which Python names them.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define SMALL 8

void *gc_needs[4];

typedef void (*gc_getrf)(int *m, int *n, void *a, int *lda, int *pivots, int *info);
typedef void (*gc_getrs)(const char *trans, int *n, int *columns, const void *a, int *lda,
                         const int *pivots, void *b, int *ldb, int *info);

#define GC_SOLVE(name, type, place)                                                                \
    static int eliminate_##name(int n, int m, const type *matrix, type *x)                         \
    {                                                                                              \
        type a[SMALL][SMALL];                                                                      \
        for (int i = 0; i < n; i++)                                                                \
            for (int j = 0; j < n; j++) a[i][j] = matrix[i * n + j];                               \
        for (int k = 0; k < n; k++) {                                                              \
            int largest = k;                                                                       \
            for (int i = k; i < n && !isnan(a[largest][k]); i++)                                   \
                if (!(fabs(a[i][k]) <= fabs(a[largest][k]))) largest = i;                          \
            if (a[largest][k] == 0) return 1;                                                      \
            for (int j = k; j < n && largest != k; j++) {                                          \
                type moved = a[k][j];                                                              \
                a[k][j] = a[largest][j], a[largest][j] = moved;                                    \
            }                                                                                      \
            for (int j = 0; j < m && largest != k; j++) {                                          \
                type moved = x[k * m + j];                                                         \
                x[k * m + j] = x[largest * m + j], x[largest * m + j] = moved;                     \
            }                                                                                      \
            for (int i = k + 1; i < n; i++) {                                                      \
                type factor = a[i][k] / a[k][k];                                                   \
                for (int j = k + 1; j < n; j++) a[i][j] -= factor * a[k][j];                       \
                for (int j = 0; j < m; j++) x[i * m + j] -= factor * x[k * m + j];                 \
            }                                                                                      \
        }                                                                                          \
        for (int i = n - 1; i >= 0; i--)                                                           \
            for (int j = 0; j < m; j++) {                                                          \
                type rest = x[i * m + j];                                                          \
                for (int k = i + 1; k < n; k++) rest -= a[i][k] * x[k * m + j];                    \
                x[i * m + j] = rest / a[i][i];                                                     \
            }                                                                                      \
        return 0;                                                                                  \
    }                                                                                              \
    static int factorize_##name(int n, int m, const type *matrix, type *x, type *work)             \
    {                                                                                              \
        type *columns = work + (int64_t)n * n;                                                     \
        int *pivots = (int *)(columns + (int64_t)n * m), info;                                     \
        memcpy(work, matrix, sizeof(type) * n * n);                                                \
        ((gc_getrf)gc_needs[place])(&n, &n, work, &n, pivots, &info);                              \
        if (info) return 1;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < m; j++) columns[j * n + i] = x[i * m + j];                     \
        ((gc_getrs)gc_needs[2 + place])("T", &n, &m, work, &n, pivots, columns, &n, &info);        \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < m; j++) x[i * m + j] = columns[j * n + i];                     \
        return info;                                                                               \
    }                                                                                              \
    int32_t solve_##name(int64_t stack, int64_t n, int64_t m, const void *matrix, const void *b,   \
                         void *out, int64_t *found, void *workspace)                               \
    {                                                                                              \
        if ((int)n != n || (int)m != m) return -1;                                                 \
        *found = stack;                                                                            \
        memcpy(out, b, stack * n * m * sizeof(type));                                              \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            const type *from = (const type *)matrix + s * n * n;                                   \
            type *to = (type *)out + s * n * m;                                                    \
            if (n <= SMALL ? eliminate_##name(n, m, from, to)                                      \
                           : factorize_##name(n, m, from, to, workspace)) {                        \
                for (int64_t i = 0; i < n * m; i++) to[i] = NAN;                                   \
                if (*found > s) *found = s;                                                        \
            }                                                                                      \
        }                                                                                          \
        return 0;                                                                                  \
    }

GC_SOLVE(float64, double, 0)
GC_SOLVE(float32, float, 1)
