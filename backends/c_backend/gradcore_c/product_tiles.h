/* A tile of a product in registers, and what brings operands there: included by product_of.h.
 *
 * vectors in part; squares transposed; the tile itself; panels of the right operand and the edges
 * of the result.
 */

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
