/* What factors.c, solve.c and lu.c need of LAPACK for more than a few rows, in loops.
 *
 * Arrays are as LAPACK has them: what is said of rows here is of the transposes, in C order.
 */
#define GC_LAPACK(letter, type, root, magnitude)                                                   \
    static inline void gc_##letter##potrf(const char *uplo, int *order, void *matrix, int *lda,    \
                                          int *info) {                                             \
        const int64_t n = *order;                                                                  \
        type *a = matrix;                                                                          \
        (void)uplo, (void)lda;                                                                     \
        *info = 0;                                                                                 \
        for (int64_t j = 0; j < n; j++) {                                                          \
            type pivot = a[j * n + j];                                                             \
            for (int64_t k = 0; k < j; k++) pivot -= a[j * n + k] * a[j * n + k];                  \
            if (!(pivot > 0)) {                                                                    \
                a[j * n + j] = pivot;                                                              \
                *info = (int)j + 1;                                                                \
                return;                                                                            \
            }                                                                                      \
            a[j * n + j] = pivot = root(pivot);                                                    \
            for (int64_t i = j + 1; i < n; i++) {                                                  \
                type rest = a[i * n + j];                                                          \
                for (int64_t k = 0; k < j; k++) rest -= a[i * n + k] * a[j * n + k];               \
                a[i * n + j] = rest / pivot;                                                       \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static inline void gc_##letter##trsm(const char *side, const char *uplo, const char *trans,    \
                                         const char *diag, int *columns, int *order,               \
                                         const void *alpha, const void *triangle, int *lda,        \
                                         void *right, int *ldb) {                                  \
        const int64_t m = *columns, n = *order;                                                    \
        const int back = *trans == 'T';                                                            \
        const type *l = triangle;                                                                  \
        type *x = right;                                                                           \
        (void)side, (void)uplo, (void)diag, (void)alpha, (void)lda, (void)ldb;                     \
        for (int64_t step = 0; step < n; step++) {                                                 \
            const int64_t i = back ? n - 1 - step : step;                                          \
            for (int64_t s = 0; s < step; s++) {                                                   \
                const int64_t k = back ? n - 1 - s : s;                                            \
                const type factor = back ? l[k * n + i] : l[i * n + k];                            \
                for (int64_t c = 0; c < m; c++) x[i * m + c] -= factor * x[k * m + c];             \
            }                                                                                      \
            for (int64_t c = 0; c < m; c++) x[i * m + c] /= l[i * n + i];                          \
        }                                                                                          \
    }                                                                                              \
    static inline void gc_##letter##getrf(int *rows, int *order, void *matrix, int *lda,           \
                                          int *pivots, int *info) {                                \
        const int64_t n = *order;                                                                  \
        type *a = matrix; /* a[j * n + i] is in row i and column j */                              \
        (void)rows, (void)lda;                                                                     \
        *info = 0;                                                                                 \
        for (int64_t k = 0; k < n; k++) {                                                          \
            int64_t largest = k;                                                                   \
            for (int64_t i = k + 1; i < n; i++)                                                    \
                if (magnitude(a[k * n + i]) > magnitude(a[k * n + largest])) largest = i;          \
            pivots[k] = (int)largest + 1;                                                          \
            if (a[k * n + largest] == 0) {                                                         \
                *info = *info ? *info : (int)k + 1;                                                \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t j = 0; j < n && largest != k; j++) {                                      \
                const type moved = a[j * n + k];                                                   \
                a[j * n + k] = a[j * n + largest], a[j * n + largest] = moved;                     \
            }                                                                                      \
            for (int64_t i = k + 1; i < n; i++) a[k * n + i] /= a[k * n + k];                      \
            for (int64_t j = k + 1; j < n; j++)                                                    \
                for (int64_t i = k + 1; i < n; i++) a[j * n + i] -= a[k * n + i] * a[j * n + k];   \
        }                                                                                          \
    }                                                                                              \
    /* with the transpose of what there are factors of */                                          \
    static inline void gc_##letter##getrs(const char *trans, int *order, int *columns,             \
                                          const void *factors, int *lda, const int *pivots,        \
                                          void *right, int *ldb, int *info) {                      \
        const int64_t n = *order;                                                                  \
        const type *a = factors;                                                                   \
        (void)trans, (void)lda, (void)ldb;                                                         \
        *info = 0;                                                                                 \
        for (int64_t c = 0; c < *columns; c++) {                                                   \
            type *x = (type *)right + c * n;                                                       \
            for (int64_t i = 0; i < n; i++) {                                                      \
                for (int64_t k = 0; k < i; k++) x[i] -= a[i * n + k] * x[k];                       \
                x[i] /= a[i * n + i];                                                              \
            }                                                                                      \
            for (int64_t i = n; i-- > 0;)                                                          \
                for (int64_t k = i + 1; k < n; k++) x[i] -= a[i * n + k] * x[k];                   \
            for (int64_t i = n; i-- > 0;) {                                                        \
                const type moved = x[i];                                                           \
                x[i] = x[pivots[i] - 1], x[pivots[i] - 1] = moved;                                 \
            }                                                                                      \
        }                                                                                          \
    }
