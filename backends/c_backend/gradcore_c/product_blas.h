/* Large products by BLAS, where it has the type (P_GEMM): included by product_of.h. */

/* -- BLAS ------------------------------------------------------------------------------------ */

#ifdef P_GEMM
/* Describe a matrix of m rows as BLAS wants it, columns side by side: the letter that says whether
 * it lies transposed, and the distance; 0 if it lies otherwise. */
static char P(lies)(int64_t m, int64_t n, int64_t s0, int64_t s1, int *distance)
{
    if ((s0 == 1 || m == 1) && (s1 >= m || n == 1) && s1 <= INT32_MAX) {
        *distance = (int)(s1 > m ? s1 : m);
        return 'N';
    }
    if ((s1 == 1 || n == 1) && (s0 >= n || m == 1) && s0 <= INT32_MAX) {
        *distance = (int)(s0 > n ? s0 : n);
        return 'T';
    }
    return 0;
}

/* The product by BLAS; 0 if it cannot be had. */
static int P(by_blas)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                      const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0,
                      int64_t c1)
{
    if (!gemm[P_GEMM] || m > INT32_MAX || n > INT32_MAX || k > INT32_MAX)
        return 0;
    int da, db, dc;
    char ta, tb, tc = P(lies)(m, n, c0, c1, &dc);
    if (!tc)
        return 0;
    if (tc == 'T') {
        GC_SWAP(int64_t, m, n);
        GC_SWAP(const P_R *, a, b);
        GC_SWAP(int64_t, a0, b1);
        GC_SWAP(int64_t, a1, b0);
    }
    void *copies[2] = {0};
    if (!(ta = P(lies)(m, k, a0, a1, &da))) {
        P_R *copy = copies[0] = malloc((size_t)m * (size_t)k * sizeof(P_R));
        if (!copy)
            return 0;
        P(copy)(m, k, a, a0, a1, copy, k);
        a = copy;
        ta = 'T';
        da = (int)k;
    }
    if (!(tb = P(lies)(k, n, b0, b1, &db))) {
        P_R *copy = copies[1] = malloc((size_t)k * (size_t)n * sizeof(P_R));
        if (!copy) {
            free(copies[0]);
            return 0;
        }
        P(copy)(k, n, b, b0, b1, copy, n);
        b = copy;
        tb = 'T';
        db = (int)n;
    }
    const int rows = (int)m, columns = (int)n, depth = (int)k;
    const P_R one = 1;
    ((void (*)(const char *, const char *, const int *, const int *, const int *, const P_R *,
               const P_R *, const int *, const P_R *, const int *, const P_R *, P_R *,
               const int *))gemm[P_GEMM])(&ta, &tb, &rows, &columns, &depth, &one, a, &da, b, &db,
                                          &beta, c, &dc);
    free(copies[0]);
    free(copies[1]);
    return 1;
}
#endif
