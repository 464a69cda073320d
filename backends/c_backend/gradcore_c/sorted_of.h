/* A stable sort of ENTRY by the integers KEY_OF(entry): SORTED(n, entries, scratch) returns which
 * of the two has them in order.  Included by order_of.h.
 *
 * Short rows are sorted by merging, long ones by the digits of their keys (a radix sort, the least
 * significant first): as many of the leading bits that differ as should tell n entries from each
 * other, then what has these in common on its own.
 */
static ENTRY *GC_JOIN(SORTED, _short)(int64_t n, ENTRY *from, ENTRY *to) {
    for (int64_t start = 0; start < n; start += RUN) {
        const int64_t stop = start + RUN < n ? start + RUN : n;
        for (int64_t i = start + 1; i < stop; i++) {
            const ENTRY entry = from[i];
            int64_t j = i;
            for (; j > start && KEY_OF(entry) < KEY_OF(from[j - 1]); j--) from[j] = from[j - 1];
            from[j] = entry;
        }
    }
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t start = 0; start < n; start += 2 * width) {
            const int64_t middle = start + width < n ? start + width : n;
            const int64_t stop = middle + width < n ? middle + width : n;
            int64_t i = start, j = middle, k = start;
            while (i < middle && j < stop)
                to[k++] = KEY_OF(from[j]) < KEY_OF(from[i]) ? from[j++] : from[i++];
            while (i < middle) to[k++] = from[i++];
            while (j < stop) to[k++] = from[j++];
        }
        ENTRY *swapped = from;
        from = to;
        to = swapped;
    }
    return from;
}

static ENTRY *SORTED(int64_t n, ENTRY *from, ENTRY *to) {
    if (n < MERGED) return GC_JOIN(SORTED, _short)(n, from, to);
    KEY differing = 0;
    for (int64_t i = 1; i < n; i++) differing |= KEY_OF(from[i]) ^ KEY_OF(from[0]);
    const int width = gc_width(differing), wanted = gc_width((uint64_t)n) + 8;
    const int digits = (gc_least(width, wanted) + 7) / 8;
    const int lowest = gc_most(width - 8 * digits, 0);

    int64_t starts[sizeof(KEY)][256] = {{0}};
    for (int64_t i = 0; i < n; i++)
        for (int digit = 0; digit < digits; digit++)
            starts[digit][KEY_OF(from[i]) >> (lowest + 8 * digit) & 255]++;
    for (int digit = 0; digit < digits; digit++) {
        int64_t *start = starts[digit], before = 0;
        for (int byte = 0; byte < 256; byte++) {
            const int64_t count = start[byte];
            start[byte] = before;
            before += count;
        }
        for (int64_t i = 0; i < n; i++)
            to[start[KEY_OF(from[i]) >> (lowest + 8 * digit) & 255]++] = from[i];
        ENTRY *swapped = from;
        from = to;
        to = swapped;
    }
    for (int64_t i = 0, stop; lowest && i < n; i = stop) {
        const KEY high = KEY_OF(from[i]) >> lowest;
        for (stop = i + 1; stop < n && KEY_OF(from[stop]) >> lowest == high; stop++) {}
        if (stop - i < 2) continue;
        ENTRY *found = SORTED(stop - i, from + i, to + i);
        if (found != from + i) memcpy(from + i, found, (size_t)(stop - i) * sizeof *found);
    }
    return from;
}

#undef ENTRY
#undef SORTED
#undef KEY_OF
