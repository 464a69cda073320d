/* The loops around the tiles of a product: included by product_of.h.
 *
 * What is read again and again is copied near: panels of b, blocks of a.  `own` is the product
 * that they make.
 */

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
    const int64_t size = sizeof(P_R), stride = depth + 64 / size;
    const int64_t most = GC_FAR / (stride * size) / P_ROWS * P_ROWS;
    const int64_t widest = GC_FARTHEST / (depth * size) / P_WIDTH * P_WIDTH;
    const int64_t whole = (n < widest ? n : widest) + P_WIDTH;
    P_R *near = malloc((size_t)((m < most ? m : most) * stride * size));
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
                P(copy)(rows, depth, left, a0, a1, near, stride);
                left = near;
                left0 = stride;
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
