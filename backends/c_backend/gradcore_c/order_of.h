/* Sorting the rows of a matrix of TYPE: included by ordering.c once for each type.
 *
 * A stable merge sort: short runs are sorted by insertion, then merged, from one of two buffers
 * into the other.  NaN comes last.
 */
#define GC_JOIN_(a, b) a##b
#define GC_JOIN(a, b) GC_JOIN_(a, b)
#define NAMED(name) GC_JOIN(name, CODE)
#define BEFORE(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))

static void NAMED(runs_)(int64_t n, const TYPE *keys, int64_t *order) {
    for (int64_t start = 0; start < n; start += RUN) {
        const int64_t stop = start + RUN < n ? start + RUN : n;
        for (int64_t i = start; i < stop; i++) {
            const TYPE key = keys[i];
            int64_t j = i;
            for (; j > start && BEFORE(key, keys[order[j - 1]]); j--) order[j] = order[j - 1];
            order[j] = i;
        }
    }
}

static int64_t *NAMED(ordered_)(int64_t n, const TYPE *keys, int64_t *from, int64_t *to) {
    NAMED(runs_)(n, keys, from);
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t start = 0; start < n; start += 2 * width) {
            const int64_t middle = start + width < n ? start + width : n;
            const int64_t stop = middle + width < n ? middle + width : n;
            int64_t i = start, j = middle;
            for (int64_t k = start; k < stop; k++)
                to[k] = j < stop && (i == middle || BEFORE(keys[from[j]], keys[from[i]])) ? from[j++]
                                                                                         : from[i++];
        }
        int64_t *swapped = from;
        from = to;
        to = swapped;
    }
    return from;
}

static int32_t NAMED(argsort_)(int64_t rows, int64_t n, const TYPE *keys, int64_t *out) {
    int64_t *scratch = malloc((size_t)(2 * n + 1) * sizeof(int64_t));
    if (!scratch) return -1;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t *found = NAMED(ordered_)(n, keys + row * n, scratch, scratch + n);
        memcpy(out + row * n, found, (size_t)n * sizeof(int64_t));
    }
    free(scratch);
    return 0;
}

static int32_t NAMED(sort_)(int64_t rows, int64_t n, const TYPE *keys, TYPE *out) {
    int64_t *scratch = malloc((size_t)(2 * n + 1) * sizeof(int64_t));
    if (!scratch) return -1;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t *found = NAMED(ordered_)(n, keys + row * n, scratch, scratch + n);
        for (int64_t k = 0; k < n; k++) out[row * n + k] = keys[row * n + found[k]];
    }
    free(scratch);
    return 0;
}

#undef BEFORE
#undef NAMED
#undef GC_JOIN
#undef GC_JOIN_
#undef TYPE
#undef CODE
