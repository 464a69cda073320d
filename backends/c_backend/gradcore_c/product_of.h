/* The products of one type of numbers: products.c includes this file once for each.
 *
 * P_NAME  how the type is called in names: f64
 * P_R     the type
 * P_BITS  its size
 * P_ROWS, P_VECTORS  how much of C is summed in registers: rows, and vectors in each
 * P_WIDE  in which type pieces of a deep product are added up, if not in P_R
 * P_GEMM  which BLAS function does the same (an index into `gemm`), or -1
 */
#define P_GLUE2(a, b) gc_##a##_##b
#define P_GLUE(a, b) P_GLUE2(a, b)
#define P(name) P_GLUE(name, P_NAME)
#define P_LANES (GC_VECTOR * 8 / P_BITS)
#define P_WIDTH (P_LANES * P_VECTORS)
#define P_DEPTH GC_DEPTH

typedef P_R P(vector) __attribute__((vector_size(GC_VECTOR)));
/* A vector wherever numbers may be: it need not be aligned. */
typedef P_R P(vector_at) __attribute__((vector_size(GC_VECTOR), aligned(P_BITS / 8), may_alias));

#define P_AT(p) ((P(vector)) * (const P(vector_at) *)(p))
#define P_PUT(p, v) (*(P(vector_at) *)(p) = (v))

/* -- pieces of vectors --------------------------------------------------------------------- */

static inline P(vector) P(load_part)(const P_R *p, int64_t count)
{
#if defined(__AVX512BW__) && P_BITS >= 32
    const uint32_t mask = (1u << count) - 1; /* count may be all lanes */
#if P_BITS == 64
    return (P(vector))_mm512_maskz_loadu_epi64((__mmask8)mask, p);
#else
    return (P(vector))_mm512_maskz_loadu_epi32((__mmask16)mask, p);
#endif
#else
    P(vector) v = {0};
    for (int64_t i = 0; i < count; i++)
        v[i] = p[i];
    return v;
#endif
}

static inline void P(store_part)(P_R *p, P(vector) v, int64_t count)
{
#if defined(__AVX512BW__) && P_BITS >= 32
    const uint32_t mask = (1u << count) - 1;
#if P_BITS == 64
    _mm512_mask_storeu_epi64(p, (__mmask8)mask, (__m512i)v);
#else
    _mm512_mask_storeu_epi32(p, (__mmask16)mask, (__m512i)v);
#endif
#else
    for (int64_t i = 0; i < count; i++)
        p[i] = v[i];
#endif
}

/* -- transposition --------------------------------------------------------------------------
 * Interleaving row i with row i + half, for all i, log2(lanes) times, transposes a square. */

#if P_BITS >= 32 && P_LANES <= 16
#define P_SQUARE 1
#if P_LANES == 16
#define P_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define P_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif P_LANES == 8
#define P_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define P_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif P_LANES == 4
#define P_LOW 0, 4, 1, 5
#define P_HIGH 2, 6, 3, 7
#else
#define P_LOW 0, 2
#define P_HIGH 1, 3
#endif

static inline __attribute__((always_inline)) void P(transpose)(P(vector) *v)
{
    P(vector) w[P_LANES];
    GC_UNROLL(4)
    for (int step = 1; step < P_LANES; step *= 2) {
        GC_UNROLL(16)
        for (int i = 0; i < P_LANES / 2; i++) {
            w[2 * i] = GC_SHUFFLE(P_BITS, v[i], v[i + P_LANES / 2], P_LOW);
            w[2 * i + 1] = GC_SHUFFLE(P_BITS, v[i], v[i + P_LANES / 2], P_HIGH);
        }
        GC_UNROLL(16)
        for (int i = 0; i < P_LANES; i++)
            v[i] = w[i];
    }
}
#undef P_LOW
#undef P_HIGH
#else
#define P_SQUARE 0
#endif

/* -- a tile of C in registers --------------------------------------------------------------- */

/* c = beta * c + a @ b, where b and c have rows of `vectors` whole vectors. */
static inline __attribute__((always_inline)) void
P(tile)(const int rows, const int vectors, int64_t k, const P_R *a, int64_t a0, int64_t a1,
        const P_R *b, int64_t b0, P_R beta, P_R *c, int64_t c0)
{
    P(vector) sum[P_ROWS][P_VECTORS];
    const P_R *row[P_ROWS];
    GC_UNROLL(16)
    for (int i = 0; i < rows; i++) {
        row[i] = a + i * a0;
        GC_UNROLL(8)
        for (int j = 0; j < vectors; j++)
            sum[i][j] = (P(vector)){0};
    }
    for (int64_t l = 0, at = 0; l < k; l++, at += a1, b += b0) {
        P(vector) right[P_VECTORS];
        GC_UNROLL(8)
        for (int j = 0; j < vectors; j++)
            right[j] = P_AT(b + j * P_LANES);
        GC_UNROLL(16)
        for (int i = 0; i < rows; i++) {
            const P_R left = row[i][at];
            GC_UNROLL(8)
            for (int j = 0; j < vectors; j++)
                sum[i][j] += left * right[j];
        }
    }
    GC_UNROLL(16)
    for (int i = 0; i < rows; i++) {
        GC_UNROLL(8)
        for (int j = 0; j < vectors; j++) {
            P_R *to = c + i * c0 + j * P_LANES;
            P_PUT(to, beta == 0 ? sum[i][j] : sum[i][j] + beta * P_AT(to));
        }
    }
}

typedef void (*P(tile_of))(int64_t, const P_R *, int64_t, int64_t, const P_R *, int64_t, P_R,
                           P_R *, int64_t);

#define P_TILE(r, v)                                                                              \
    static __attribute__((noinline)) void P(tile_##r##_##v)(                                      \
        int64_t k, const P_R *a, int64_t a0, int64_t a1, const P_R *b, int64_t b0, P_R beta,      \
        P_R *c, int64_t c0)                                                                       \
    {                                                                                             \
        P(tile)(r, v, k, a, a0, a1, b, b0, beta, c, c0);                                          \
    }
#define P_TILES(v) P_EACH(P_TILE, v)
#if P_ROWS == 8
#define P_EACH(what, v)                                                                           \
    what(1, v) what(2, v) what(3, v) what(4, v) what(5, v) what(6, v) what(7, v) what(8, v)
#else
#define P_EACH(what, v) what(1, v) what(2, v) what(3, v) what(4, v)
#endif
#define P_ENTRY(r, v) P(tile_##r##_##v),

P_TILES(1)
P_TILES(2)
#if P_VECTORS == 3
P_TILES(3)
#endif

static const P(tile_of) P(tiles)[P_VECTORS][P_ROWS] = {
    {P_EACH(P_ENTRY, 1)},
    {P_EACH(P_ENTRY, 2)},
#if P_VECTORS == 3
    {P_EACH(P_ENTRY, 3)},
#endif
};
#undef P_TILE
#undef P_TILES
#undef P_EACH
#undef P_ENTRY

/* -- panels and edges ----------------------------------------------------------------------- */

/* Copy `columns` columns of b into rows of `width` numbers, the rest of each row zeros. */
static void P(pack)(int64_t k, int64_t columns, int64_t width, const P_R *b, int64_t b0,
                    int64_t b1, P_R *panel)
{
    if (b1 == 1) {
        const int64_t whole = columns / P_LANES * P_LANES;
        for (int64_t l = 0; l < k; l++, b += b0, panel += width) {
            int64_t j = 0;
            for (; j < whole; j += P_LANES)
                P_PUT(panel + j, P_AT(b + j));
            if (j < width)
                P_PUT(panel + j, P(load_part)(b + j, columns - j));
        }
        return;
    }
    int64_t done = 0;
#if P_SQUARE
    if (b0 == 1)
        for (; done + P_LANES <= k; done += P_LANES)
            for (int64_t j = 0; j < width; j += P_LANES) {
                P(vector) v[P_LANES];
                const P_R *from = b + done + j * b1;
                P_R *to = panel + done * width + j;
                if (j + P_LANES <= columns) {
                    GC_UNROLL(16)
                    for (int q = 0; q < P_LANES; q++)
                        v[q] = P_AT(from + q * b1);
                } else {
                    GC_UNROLL(16)
                    for (int q = 0; q < P_LANES; q++)
                        v[q] = j + q < columns ? P_AT(from + q * b1) : (P(vector)){0};
                }
                P(transpose)(v);
                GC_UNROLL(16)
                for (int q = 0; q < P_LANES; q++)
                    P_PUT(to + q * width, v[q]);
            }
#endif
    for (int64_t l = done; l < k; l++) {
        P_R *to = panel + l * width;
        for (int64_t j = 0; j < columns; j++)
            to[j] = b[l * b0 + j * b1];
        for (int64_t j = columns; j < width; j++)
            to[j] = 0;
    }
}

/* c = beta * c + tile, for a tile of at most P_ROWS rows of P_WIDTH numbers. */
static void P(scatter)(int64_t rows, int64_t columns, const P_R *tile, P_R beta, P_R *c,
                       int64_t c0, int64_t c1)
{
    if (c1 == 1) {
        for (int64_t i = 0; i < rows; i++, c += c0, tile += P_WIDTH)
            for (int64_t j = 0; j < columns; j += P_LANES) {
                P(vector) v = P_AT(tile + j);
                if (j + P_LANES <= columns) {
                    P_PUT(c + j, beta == 0 ? v : v + beta * P_AT(c + j));
                } else {
                    const int64_t left = columns - j;
                    if (beta != 0)
                        v += beta * P(load_part)(c + j, left);
                    P(store_part)(c + j, v, left);
                }
            }
        return;
    }
#if P_SQUARE
    if (c0 == 1 && rows <= P_LANES && rows > 1) {
        for (int64_t j = 0; j < columns; j += P_LANES) {
            P(vector) v[P_LANES];
            GC_UNROLL(16)
            for (int q = 0; q < P_LANES; q++)
                v[q] = q < rows ? P_AT(tile + q * P_WIDTH + j) : (P(vector)){0};
            P(transpose)(v);
            const int64_t count = columns - j;
            GC_UNROLL(16)
            for (int q = 0; q < P_LANES; q++)
                if (q < count) {
                    P_R *to = c + (j + q) * c1;
                    if (beta != 0)
                        v[q] += beta * P(load_part)(to, rows);
                    P(store_part)(to, v[q], rows);
                }
        }
        return;
    }
#endif
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            P_R *to = c + i * c0 + j * c1;
            *to = beta == 0 ? tile[i * P_WIDTH + j] : tile[i * P_WIDTH + j] + beta * *to;
        }
}

/* -- the loops around the tiles ------------------------------------------------------------- */

/* Cycles that the vectors of the second operand's columns need, and what it takes to copy what
 * does not lie as they want it. */
static double P(cost)(int64_t m, int64_t n, int64_t k, int b_along, int c_along)
{
    const double vectors = (double)((n + P_LANES - 1) / P_LANES);
    double cost = (double)m * vectors * (double)k;
    if (m < 4 && vectors < 4 && m * (int64_t)vectors < 4)
        cost *= 4 / ((double)m * vectors); /* each sum waits for itself */
    if (!b_along)
        cost += 0.5 * (double)k * (double)n;
    if (!c_along)
        cost += 1.0 * (double)m * (double)n;
    return cost;
}

/* Copy an m x n matrix. */
static void P(copy)(int64_t m, int64_t n, const P_R *from, int64_t s0, int64_t s1, P_R *to,
                    int64_t t0)
{
    for (int64_t i = 0; i < m; i++, from += s0, to += t0)
        if (s1 == 1)
            memcpy(to, from, (size_t)n * sizeof(P_R));
        else
            for (int64_t j = 0; j < n; j++)
                to[j] = from[j * s1];
}

/* How many vectors the next panel has if `vectors` of them are left: panels are much alike. */
static inline int64_t P(next)(int64_t vectors)
{
    const int64_t panels = (vectors + P_VECTORS - 1) / P_VECTORS;
    return (vectors + panels - 1) / panels;
}

/* Copy all panels of b, a few rows at a time as they lie side by side. */
static void P(pack_all)(int64_t depth, int64_t n, const P_R *b, int64_t b0, int64_t b1, P_R *to)
{
    for (int64_t l = 0; l < depth; l += 16) {
        const int64_t some = depth - l < 16 ? depth - l : 16;
        P_R *panel = to;
        int64_t vectors = (n + P_LANES - 1) / P_LANES;
        for (int64_t j = 0; j < n;) {
            const int64_t wide = P(next)(vectors), width = wide * P_LANES;
            const int64_t columns = n - j < width ? n - j : width;
            P(pack)(some, columns, width, b + l * b0 + j * b1, b0, b1, panel + l * width);
            panel += depth * width;
            j += columns;
            vectors -= wide;
        }
    }
}

/* c = scale * c + a @ b for a part of the depth that fits into a panel.  `packed` has all panels
 * of b, or is NULL. */
static void P(slice)(int64_t m, int64_t n, int64_t depth, const P_R *a, int64_t a0, int64_t a1,
                     const P_R *b, int64_t b0, int64_t b1, int pack, const P_R *packed, P_R scale,
                     P_R *c, int64_t c0, int64_t c1)
{
    P_R panel[P_DEPTH * P_WIDTH] __attribute__((aligned(64)));
    P_R tile[P_ROWS * P_WIDTH] __attribute__((aligned(64)));
    int64_t vectors = (n + P_LANES - 1) / P_LANES;
    for (int64_t j = 0; j < n;) {
        const int64_t wide = P(next)(vectors), width = wide * P_LANES;
        const int64_t columns = n - j < width ? n - j : width;
        const P_R *right = b + j * b1;
        int64_t right0 = b0;
        if (packed) {
            right = packed;
            right0 = width;
            packed += depth * width;
        } else if (pack || columns < width) {
            P(pack)(depth, columns, width, right, b0, b1, panel);
            right = panel;
            right0 = width;
        }
        const int direct = c1 == 1 && columns == width;
        int64_t bands = (m + P_ROWS - 1) / P_ROWS;
        for (int64_t i = 0; i < m;) {
            const int64_t rows = (m - i + bands - 1) / bands;
            const P(tile_of) run = P(tiles)[wide - 1][rows - 1];
            P_R *to = c + i * c0 + j * c1;
            if (direct) {
                run(depth, a + i * a0, a0, a1, right, right0, scale, to, c0);
            } else {
                run(depth, a + i * a0, a0, a1, right, right0, 0, tile, P_WIDTH);
                P(scatter)(rows, columns, tile, scale, to, c0, c1);
            }
            i += rows;
            bands--;
        }
        j += columns;
        vectors -= wide;
    }
}

/* The same in blocks: `most` rows of a, whose part of the depth stays near while the panels of b
 * go by.  The copies are made where there is memory for them. */
static void P(blocked)(int64_t m, int64_t n, int64_t depth, const P_R *a, int64_t a0, int64_t a1,
                       const P_R *b, int64_t b0, int64_t b1, P_R scale, P_R *c, int64_t c0,
                       int64_t c1)
{
    const int64_t size = sizeof(P_R), apart = depth + 64 / size;
    const int64_t most = GC_FAR / (apart * size) / P_ROWS * P_ROWS;
    const int64_t widest = GC_FARTHEST / (depth * size) / P_WIDTH * P_WIDTH;
    const int64_t whole = (n < widest ? n : widest) + P_WIDTH;
    P_R *near = malloc((size_t)((m < most ? m : most) * apart * size));
    P_R *packed = m > most ? malloc((size_t)(whole * depth * size)) : 0;
    for (int64_t j = 0; j < n; j += widest) {
        const int64_t columns = n - j < widest ? n - j : widest;
        const P_R *right = b + j * b1;
        if (packed)
            P(pack_all)(depth, columns, right, b0, b1, packed);
        int64_t blocks = (m + most - 1) / most;
        for (int64_t i = 0; i < m;) {
            int64_t rows = ((m - i + blocks - 1) / blocks + P_ROWS - 1) / P_ROWS * P_ROWS;
            if (rows > m - i)
                rows = m - i;
            const P_R *left = a + i * a0;
            int64_t left0 = a0, left1 = a1;
            if (near && a0 == 1) {
                P(copy)(depth, rows, left, a1, 1, near, rows);
                left = near;
                left1 = rows;
            } else if (near) {
                P(copy)(rows, depth, left, a0, a1, near, apart);
                left = near;
                left0 = apart;
                left1 = 1;
            }
            P(slice)(rows, columns, depth, left, left0, left1, right, b0, b1, 1, packed, scale,
                     c + i * c0 + j * c1, c0, c1);
            i += rows;
            blocks--;
        }
    }
    free(packed);
    free(near);
}

/* One tile is all of c, and the depth is small. */
static void P(tiny)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                    const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0, int64_t c1)
{
    P_R panel[GC_SHALLOW * P_WIDTH] __attribute__((aligned(64)));
    P_R tile[P_ROWS * P_WIDTH] __attribute__((aligned(64)));
    const int64_t wide = (n + P_LANES - 1) / P_LANES, width = wide * P_LANES;
    const P(tile_of) run = P(tiles)[wide - 1][m - 1];
    if (b1 != 1 || n < width) {
        P(pack)(k, n, width, b, b0, b1, panel);
        b = panel;
        b0 = width;
    }
    if (c1 == 1 && n == width) {
        run(k, a, a0, a1, b, b0, beta, c, c0);
    } else {
        run(k, a, a0, a1, b, b0, 0, tile, P_WIDTH);
        P(scatter)(m, n, tile, beta, c, c0, c1);
    }
}

static void P(own)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                   const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0, int64_t c1)
{
    if (m <= P_ROWS && n <= P_WIDTH && k <= GC_SHALLOW && (c1 == 1 || c0 != 1)) {
        P(tiny)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
        return;
    }
    if (P(cost)(n, m, k, a0 == 1, c0 == 1) < P(cost)(m, n, k, b1 == 1, c1 == 1)) {
        /* transpose everything */
        GC_SWAP(int64_t, m, n);
        GC_SWAP(const P_R *, a, b);
        GC_SWAP(int64_t, a0, b1);
        GC_SWAP(int64_t, a1, b0);
        GC_SWAP(int64_t, c0, c1);
    }
    const int64_t size = sizeof(P_R);
    if (k <= GC_SHALLOW) {
        /* little to do for each number of c: write its rows one after the other */
        const int64_t bands = GC_FAR / 4 / (n * size) / P_ROWS, rows = (bands + 1) * P_ROWS;
        for (int64_t i = 0; i < m; i += rows)
            P(slice)(m - i < rows ? m - i : rows, n, k, a + i * a0, a0, a1, b, b0, b1, b1 != 1, 0,
                     beta, c + i * c0, c0, c1);
        return;
    }
    /* a panel that is read this often, or from this many pages, is worth a copy */
    const int pack = b1 != 1 || (m > 4 * P_ROWS && k * n * size > GC_NEAR);
    const int far = n >= 4 * P_WIDTH && m * k * size >= GC_A_BYTES;
    const int64_t pieces = (k + P_DEPTH - 1) / P_DEPTH;
    for (int64_t piece = 0, begin = 0; piece < pieces; piece++) {
        const int64_t end = k * (piece + 1) / pieces;
        const P_R *left = a + begin * a1, *right = b + begin * b0;
        const P_R scale = piece == 0 ? beta : 1;
        if (far)
            P(blocked)(m, n, end - begin, left, a0, a1, right, b0, b1, scale, c, c0, c1);
        else
            P(slice)(m, n, end - begin, left, a0, a1, right, b0, b1, pack, 0, scale, c, c0, c1);
        begin = end;
    }
}

/* -- one row or one column ------------------------------------------------------------------ */

static inline P_R P(total)(P(vector) v)
{
    P_R half[P_LANES] __attribute__((aligned(64)));
    P_PUT(half, v);
    GC_UNROLL(8)
    for (int count = P_LANES / 2; count; count /= 2)
        for (int i = 0; i < count; i++)
            half[i] += half[i + count];
    return half[0];
}

static P_R P(dot)(int64_t k, const P_R *x, int64_t x0, const P_R *y, int64_t y0)
{
    int64_t l = 0;
    if (x0 == 1 && y0 == 1) {
        P(vector) sum[8] = {0};
        for (; l + 8 * P_LANES <= k; l += 8 * P_LANES) {
            GC_UNROLL(8)
            for (int q = 0; q < 8; q++)
                sum[q] += P_AT(x + l + q * P_LANES) * P_AT(y + l + q * P_LANES);
        }
        for (; l + P_LANES <= k; l += P_LANES)
            sum[0] += P_AT(x + l) * P_AT(y + l);
        if (l < k)
            sum[1] += P(load_part)(x + l, k - l) * P(load_part)(y + l, k - l);
        return P(total)(((sum[0] + sum[1]) + (sum[2] + sum[3])) +
                        ((sum[4] + sum[5]) + (sum[6] + sum[7])));
    }
    P_R sum[4] = {0};
    for (; l + 4 <= k; l += 4)
        for (int q = 0; q < 4; q++)
            sum[q] += x[(l + q) * x0] * y[(l + q) * y0];
    for (; l < k; l++)
        sum[0] += x[l * x0] * y[l * y0];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* sum[i] += a[i] . x for `rows` rows of a, each of k numbers side by side. */
static inline __attribute__((always_inline)) void P(rows_times)(const int rows, int64_t k,
                                                                const P_R *a, int64_t a0,
                                                                const P_R *x, P_R *sums)
{
    P(vector) sum[4][2];
    GC_UNROLL(4)
    for (int i = 0; i < rows; i++)
        sum[i][0] = sum[i][1] = (P(vector)){0};
    int64_t l = 0;
    for (; l + 2 * P_LANES <= k; l += 2 * P_LANES) {
        GC_UNROLL(4)
        for (int i = 0; i < rows; i++) {
            sum[i][0] += P_AT(a + i * a0 + l) * P_AT(x + l);
            sum[i][1] += P_AT(a + i * a0 + l + P_LANES) * P_AT(x + l + P_LANES);
        }
    }
    for (; l + P_LANES <= k; l += P_LANES) {
        GC_UNROLL(4)
        for (int i = 0; i < rows; i++)
            sum[i][0] += P_AT(a + i * a0 + l) * P_AT(x + l);
    }
    if (l < k) {
        GC_UNROLL(4)
        for (int i = 0; i < rows; i++)
            sum[i][1] += P(load_part)(a + i * a0 + l, k - l) * P(load_part)(x + l, k - l);
    }
    GC_UNROLL(4)
    for (int i = 0; i < rows; i++)
        sums[i] += P(total)(sum[i][0] + sum[i][1]);
}

/* sum[i] += sum over l of a[l, i] * x[l], for n columns side by side. */
static void P(columns_times)(int64_t n, int64_t k, const P_R *a, int64_t a0, const P_R *x,
                             int64_t x0, P_R *sum)
{
    int64_t l = 0;
    for (; l + 8 <= k; l += 8, a += 8 * a0) {
        P_R by[8];
        for (int q = 0; q < 8; q++)
            by[q] = x[(l + q) * x0];
        int64_t i = 0;
        for (; i + P_LANES <= n; i += P_LANES) {
            P(vector) even = P_AT(sum + i), odd = {0};
            GC_UNROLL(4)
            for (int q = 0; q < 8; q += 2) {
                even += by[q] * P_AT(a + q * a0 + i);
                odd += by[q + 1] * P_AT(a + (q + 1) * a0 + i);
            }
            P_PUT(sum + i, even + odd);
        }
        for (; i < n; i++)
            for (int q = 0; q < 8; q++)
                sum[i] += by[q] * a[q * a0 + i];
    }
    for (; l < k; l++, a += a0) {
        const P_R by = x[l * x0];
        for (int64_t i = 0; i < n; i++)
            sum[i] += by * a[i];
    }
}

/* y = beta * y + a @ x, where the rows or the columns of a lie side by side. */
static void P(vector_product)(int64_t m, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                              const P_R *x, int64_t x0, P_R beta, P_R *y, int64_t y0)
{
    enum { CHUNK = GC_NEAR / 2 / sizeof(P_R) };
    P_R near[CHUNK] __attribute__((aligned(64)));

    if (a1 == 1) {
        for (int64_t begin = 0; begin < k; begin += CHUNK) {
            const int64_t depth = k - begin < CHUNK ? k - begin : CHUNK;
            const P_R scale = begin == 0 ? beta : 1;
            const P_R *from = x + begin;
            if (x0 != 1) {
                for (int64_t l = 0; l < depth; l++)
                    near[l] = x[(begin + l) * x0];
                from = near;
            }
            for (int64_t i = 0; i < m;) {
                P_R sums[4] = {0};
                const P_R *rows = a + i * a0 + begin;
                int64_t count = 1;
                if (i + 4 <= m) {
                    P(rows_times)(4, depth, rows, a0, from, sums);
                    count = 4;
                } else {
                    P(rows_times)(1, depth, rows, a0, from, sums);
                }
                for (int64_t q = 0; q < count; q++, i++)
                    y[i * y0] = scale == 0 ? sums[q] : sums[q] + scale * y[i * y0];
            }
        }
        return;
    }
    for (int64_t i = 0; i < m; i += CHUNK) {
        const int64_t rows = m - i < CHUNK ? m - i : CHUNK;
        memset(near, 0, (size_t)rows * sizeof(P_R));
        P(columns_times)(rows, k, a + i, a1, x, x0, near);
        for (int64_t q = 0; q < rows; q++) {
            P_R *to = y + (i + q) * y0;
            *to = beta == 0 ? near[q] : near[q] + beta * *to;
        }
    }
}

/* c = beta * c */
static void P(scale)(int64_t m, int64_t n, P_R beta, P_R *c, int64_t c0, int64_t c1)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            P_R *to = c + i * c0 + j * c1;
            *to = beta == 0 ? 0 : beta * *to;
        }
}

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

/* -- one thread ------------------------------------------------------------------------------ */

static int P(at_once)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                      const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0,
                      int64_t c1)
{
    if (k <= 0)
        P(scale)(m, n, beta, c, c0, c1);
    else if (m == 1 && n == 1) {
        const P_R sum = P(dot)(k, a, a1, b, b0);
        *c = beta == 0 ? sum : sum + beta * *c;
    } else if (n == 1 && (a0 == 1 || a1 == 1))
        P(vector_product)(m, k, a, a0, a1, b, b0, beta, c, c0);
    else if (m == 1 && (b0 == 1 || b1 == 1))
        P(vector_product)(n, k, b, b1, b0, a, a1, beta, c, c1);
    else
        P(own)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
    return 1;
}

#ifdef P_WIDE
typedef int (*P(way))(int64_t, int64_t, int64_t, const P_R *, int64_t, int64_t, const P_R *,
                      int64_t, int64_t, P_R, P_R *, int64_t, int64_t);

/* The product, a piece of the depth at a time by `way`; a wider type adds these up, so that
 * rounding does not lose more the deeper it is.  0 if it cannot be had. */
static int P(in_pieces)(P(way) way, int64_t piece, int64_t m, int64_t n, int64_t k, const P_R *a,
                        int64_t a0, int64_t a1, const P_R *b, int64_t b0, int64_t b1, P_R beta,
                        P_R *c, int64_t c0, int64_t c1)
{
    const size_t size = (size_t)m * (size_t)n;
    P_WIDE *sums = calloc(size, sizeof(P_WIDE));
    P_R *sum = malloc(size * sizeof(P_R));
    int done = sums && sum;
    for (int64_t l = 0; done && l < k; l += piece) {
        const int64_t depth = k - l < piece ? k - l : piece;
        done = way(m, n, depth, a + l * a1, a0, a1, b + l * b0, b0, b1, 0, sum, n, 1);
        for (size_t i = 0; done && i < size; i++)
            sums[i] += sum[i];
    }
    for (int64_t i = 0; done && i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            P_R *to = c + i * c0 + j * c1;
            const P_WIDE all = sums[i * n + j];
            *to = (P_R)(beta == 0 ? all : all + beta * (P_WIDE)*to);
        }
    free(sum);
    free(sums);
    return done;
}
#endif

static void P(alone)(int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0, int64_t a1,
                     const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c0,
                     int64_t c1)
{
    if (m <= 0 || n <= 0)
        return;
#ifdef P_WIDE
    if (k > 2 * GC_PIECE &&
        P(in_pieces)(P(at_once), GC_PIECE, m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1))
        return;
#endif
    P(at_once)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
}

/* -- several threads ------------------------------------------------------------------------- */

/* About how many cycles a product takes: arithmetic, or reading or writing what is not near. */
static double P(cycles)(int64_t m, int64_t n, int64_t k)
{
    const double numbers = (double)m * (double)n * (double)k;
    if (m == 1 || n == 1)
        return numbers * sizeof(P_R) / 20;
    const double write = (double)m * (double)n * sizeof(P_R) / 10;
    return numbers / P_LANES > write ? numbers / P_LANES : write;
}

enum { P(ROWS), P(COLUMNS), P(DEPTH), P(BATCH) };

typedef struct {
    int64_t batch, m, n, k;
    const P_R *a;
    int64_t a_, a0, a1;
    const P_R *b;
    int64_t b_, b0, b1;
    P_R beta, *c;
    int64_t c_, c0, c1;
    P_R *sums; /* where the depth is divided: those of the parts after the first */
    int axis;
} P(job);

static int32_t P(part)(gc_call *call, void *context, int64_t begin, int64_t end, int32_t part)
{
    (void)call;
    const P(job) *q = context;
    const int64_t count = end - begin;
    if (q->axis == P(ROWS))
        P(alone)(count, q->n, q->k, q->a + begin * q->a0, q->a0, q->a1, q->b, q->b0, q->b1,
                 q->beta, q->c + begin * q->c0, q->c0, q->c1);
    else if (q->axis == P(COLUMNS))
        P(alone)(q->m, count, q->k, q->a, q->a0, q->a1, q->b + begin * q->b1, q->b0, q->b1,
                 q->beta, q->c + begin * q->c1, q->c0, q->c1);
    else if (q->axis == P(DEPTH) && part)
        P(alone)(q->m, q->n, count, q->a + begin * q->a1, q->a0, q->a1, q->b + begin * q->b0,
                 q->b0, q->b1, 0, q->sums + (part - 1) * q->m * q->n, q->n, 1);
    else if (q->axis == P(DEPTH))
        P(alone)(q->m, q->n, count, q->a, q->a0, q->a1, q->b, q->b0, q->b1, q->beta, q->c, q->c0,
                 q->c1);
    else
        for (int64_t i = begin; i < end; i++)
            P(alone)(q->m, q->n, q->k, q->a + i * q->a_, q->a0, q->a1, q->b + i * q->b_, q->b0,
                     q->b1, q->beta, q->c + i * q->c_, q->c0, q->c1);
    return 0;
}

/* On how many threads it pays, and never more than the call may use. */
static int32_t P(parts)(const gc_call *call, double cycles)
{
    if (!call || call->threads <= 1)
        return 1;
    const double most = cycles / GC_PART;
    return most < 2 ? 1 : most < call->threads ? (int32_t)most : call->threads;
}

/* How evenly `units` fall into parts. */
static double P(evenness)(int64_t units, int64_t parts)
{
    return (double)units / (double)((units + parts - 1) / parts * parts);
}

/* The product on several threads; 0 if it is better done by one. */
static int P(divided)(gc_call *call, P(job) *q)
{
    const int32_t parts = P(parts)(call, P(cycles)(q->m, q->n, q->k));
    if (parts == 1)
        return 0;
    const double rows = P(evenness)((q->m + 3) / 4, parts);
    const double columns = P(evenness)((q->n + P_LANES - 1) / P_LANES, parts);
    if (rows < 0.7 && columns < 0.7 && q->k >= 64 * parts) {
        const int64_t mark = call->mark(call), size = q->m * q->n;
        q->sums = call->allocate(call, (parts - 1) * size * (int64_t)sizeof(P_R));
        if (!q->sums)
            return 0;
        q->axis = P(DEPTH);
        call->parallel(call, P(part), q, q->k, parts);
        for (int64_t i = 0; i < q->m; i++)
            for (int64_t j = 0; j < q->n; j++) {
                P_R sum = q->c[i * q->c0 + j * q->c1];
                for (int32_t part = 0; part < parts - 1; part++)
                    sum += q->sums[part * size + i * q->n + j];
                q->c[i * q->c0 + j * q->c1] = sum;
            }
        call->release(call, mark);
        return 1;
    }
    /* whoever shares rows of b copies them once more */
    q->axis = columns > 0.95 * rows ? P(COLUMNS) : P(ROWS);
    call->parallel(call, P(part), q, q->axis == P(ROWS) ? q->m : q->n, parts);
    return 1;
}

static void P(product)(gc_call *call, int64_t m, int64_t n, int64_t k, const P_R *a, int64_t a0,
                       int64_t a1, const P_R *b, int64_t b0, int64_t b1, P_R beta, P_R *c,
                       int64_t c0, int64_t c1)
{
#ifdef P_GEMM
    if ((!call || call->threads > 1) && m > 1 && n > 1 &&
        (double)m * (double)n * (double)k > GC_BOUND && k > 0) {
#ifdef P_WIDE
        if (k > 2 * GC_BLAS_PIECE && P(in_pieces)(P(by_blas), GC_BLAS_PIECE, m, n, k, a, a0, a1, b,
                                                  b0, b1, beta, c, c0, c1))
            return;
#endif
        if (P(by_blas)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1))
            return;
    }
#endif
    if (call && call->threads > 1 && m > 0 && n > 0 && k > 0) {
        P(job) job = {1, m, n, k, a, 0, a0, a1, b, 0, b0, b1, beta, c, 0, c0, c1, 0, 0};
        if (P(divided)(call, &job))
            return;
    }
    P(alone)(m, n, k, a, a0, a1, b, b0, b1, beta, c, c0, c1);
}

static void P(products)(gc_call *call, int64_t batch, int64_t m, int64_t n, int64_t k,
                        const P_R *a, int64_t a_, int64_t a0, int64_t a1, const P_R *b, int64_t b_,
                        int64_t b0, int64_t b1, P_R beta, P_R *c, int64_t c_, int64_t c0,
                        int64_t c1)
{
    if (batch > 1 && b_ == 0 && (m == 1 || (a_ == m * a0 && c_ == m * c0))) {
        /* one matrix for all: the others are one under the other */
        P(product)(call, batch * m, n, k, a, m == 1 ? a_ : a0, a1, b, b0, b1, beta, c,
                   m == 1 ? c_ : c0, c1);
        return;
    }
    if (batch > 1 && a_ == 0 && (n == 1 || (b_ == n * b1 && c_ == n * c1))) {
        P(product)(call, m, batch * n, k, a, a0, a1, b, b0, n == 1 ? b_ : b1, beta, c, c0,
                   n == 1 ? c_ : c1);
        return;
    }
    if (batch > 1 && c_ == 0 && beta == 1 && (k == 1 || (a_ == k * a1 && b_ == k * b0))) {
        /* a sum of products: the matrices are one behind the other */
        P(product)(call, m, n, batch * k, a, a0, k == 1 ? a_ : a1, b, k == 1 ? b_ : b0, b1, 1, c,
                   c0, c1);
        return;
    }
    const int32_t parts = P(parts)(call, (P(cycles)(m, n, k) + 50) * (double)batch);
    if (parts > 1 && batch >= 4 * parts && c_ != 0) {
        P(job) job = {batch, m, n, k, a, a_, a0, a1, b, b_, b0, b1, beta, c, c_, c0, c1, 0,
                      P(BATCH)};
        call->parallel(call, P(part), &job, batch, parts);
        return;
    }
    for (int64_t i = 0; i < batch; i++)
        P(product)(call, m, n, k, a + i * a_, a0, a1, b + i * b_, b0, b1, beta, c + i * c_, c0,
                   c1);
}

#undef P_AT
#undef P_PUT
#undef P_SQUARE
#undef P_GLUE2
#undef P_GLUE
#undef P
#undef P_LANES
#undef P_WIDTH
#undef P_DEPTH
#undef P_NAME
#undef P_R
#undef P_BITS
#undef P_ROWS
#undef P_VECTORS
#undef P_GEMM
#undef P_WIDE
