/* Factors of matrices: "cholesky_float64(stack, n, m, x, out)" and
 * "solve_lower_float64(stack, n, m, l, b, out)", and the same for float32.
 *
 * Arrays are in C order, so LAPACK sees their transposes: its upper triangle is ours below the
 * diagonal.  gc_needs holds its functions, in the order in which Python names them.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

void *gc_needs[4];

typedef void (*gc_potrf)(const char *uplo, int *n, void *a, int *lda, int *info);
typedef void (*gc_trsm)(const char *side, const char *uplo, const char *transa, const char *diag,
                        int *m, int *n, const void *alpha, const void *a, int *lda, void *b,
                        int *ldb);

#define GC_FACTORS(name, type, place)                                                              \
    int32_t cholesky_##name(int64_t stack, int64_t n, int64_t m, const void *x, void *out)         \
    {                                                                                              \
        int order = (int)n, info;                                                                  \
        if (order != n) return -1;                                                                 \
        for (int64_t s = 0; n && s < stack; s++) {                                                 \
            const type *from = (const type *)x + s * n * m;                                        \
            type *to = (type *)out + s * n * m;                                                    \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < n; j++) to[i * n + j] = j <= i ? from[i * n + j] : 0;      \
            ((gc_potrf)gc_needs[place])("U", &order, to, &order, &info);                           \
            int failed = info != 0;                                                                \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j <= i; j++) failed |= isnan(to[i * n + j]);                   \
            for (int64_t i = 0; failed && i < n; i++)                                              \
                for (int64_t j = 0; j <= i; j++) to[i * n + j] = NAN;                              \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    static int32_t solve_##name(const char *transposed, int64_t stack, int64_t n, int64_t m,       \
                                const void *l, const void *b, void *out)                           \
    {                                                                                              \
        int order = (int)n, columns = (int)m;                                                      \
        const type one = 1;                                                                        \
        if (order != n || columns != m) return -1;                                                 \
        memcpy(out, b, stack * n * m * sizeof(type));                                              \
        for (int64_t s = 0; n && m && s < stack; s++)                                              \
            ((gc_trsm)gc_needs[2 + place])("R", "U", transposed, "N", &columns, &order, &one,      \
                                           (const type *)l + s * n * n, &order,                    \
                                           (type *)out + s * n * m, &columns);                     \
        return 0;                                                                                  \
    }                                                                                              \
    int32_t solve_lower_##name(int64_t stack, int64_t n, int64_t m, const void *l, const void *b,  \
                               void *out)                                                          \
    {                                                                                              \
        return solve_##name("N", stack, n, m, l, b, out);                                          \
    }                                                                                              \
    int32_t solve_lower_transposed_##name(int64_t stack, int64_t n, int64_t m, const void *l,      \
                                          const void *b, void *out)                                \
    {                                                                                              \
        return solve_##name("T", stack, n, m, l, b, out);                                          \
    }

GC_FACTORS(float64, double, 0)
GC_FACTORS(float32, float, 1)
